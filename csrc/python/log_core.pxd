# log_core.pxd: the log of the C core, as the log and table doors use it.
from libc.stdint cimport uint32_t, uint64_t

from core cimport *


cdef extern from "log/log.h" nogil:
    ctypedef enum cc_durability:
        CC_DURABILITY_DEFAULT
        CC_DURABILITY_MEMORY
        CC_DURABILITY_PROCESS
        CC_DURABILITY_INTERVAL
        CC_DURABILITY_COMMIT
    ctypedef struct cc_log_options:
        cc_durability durability
        uint32_t interval_ms
        uint64_t segment_min
        uint64_t segment_max
        uint64_t disk_bound
        uint64_t retention_ms
    ctypedef struct cc_log:
        pass
    ctypedef struct cc_log_reader:
        pass
    ctypedef struct cc_log_batch:
        uint32_t type
        uint32_t count
        uint64_t time_ms
        const cc_bytes *parts
        size_t part_count
    ctypedef struct cc_log_ticket:
        uint64_t first
        uint64_t last
    ctypedef struct cc_log_record:
        uint64_t first
        uint32_t count
        uint32_t type
        uint64_t time_ms
        cc_bytes payload
    ctypedef struct cc_log_info:
        uint64_t first_sequence
        uint64_t last_sequence
        uint64_t disk_bytes
        uint64_t synced_sequence
        uint64_t marked_gone
        uint64_t torn_bytes
        uint32_t segments
        uint64_t syncs
    uint64_t CC_LOG_ANY
    cc_status cc_log_open(const char *dir, const cc_log_options *options, cc_log **out, cc_error *error)
    cc_status cc_log_close(cc_log *log, cc_error *error)
    cc_status cc_log_submit(cc_log *log, const cc_log_batch *batch, uint64_t expected, cc_log_ticket *out,
                            cc_error *error)
    cc_status cc_log_wait(cc_log *log, const cc_log_ticket *ticket, cc_durability durability, cc_error *error)
    cc_status cc_log_sync(cc_log *log, cc_error *error)
    cc_status cc_log_reader_open(cc_log *log, uint64_t start, cc_log_reader **out, cc_error *error)
    cc_status cc_log_reader_next(cc_log_reader *reader, cc_log_record *out, cc_error *error)
    void cc_log_reader_close(cc_log_reader *reader)
    cc_status cc_log_cursor_set(cc_log *log, const char *name, uint64_t sequence, cc_error *error)
    cc_status cc_log_cursor_get(cc_log *log, const char *name, uint64_t *out, cc_error *error)
    cc_status cc_log_cursor_drop(cc_log *log, const char *name, cc_error *error)
    cc_status cc_log_truncate(cc_log *log, cc_error *error)
    void cc_log_info_get(cc_log *log, cc_log_info *out)
