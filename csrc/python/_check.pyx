"""The door to checking and repairing files: log/survey.h, store/verify.h, store/salvage.h. See _check.pyi.

The GIL is released for all of it and taken for each finding.
"""
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from log_core cimport *

include "errors.pxi"

cdef extern from "base/file.h" nogil:
    ctypedef struct cc_fs:
        pass
    ctypedef struct cc_file:
        pass
    cc_fs *cc_fs_system()

cdef extern from "base/finding.h" nogil:
    ctypedef struct cc_finding:
        bint harmless
        const char *file
        uint64_t offset
        char what[400]
    ctypedef struct cc_findings:
        void (*found)(void *context, const cc_finding *finding) noexcept nogil
        void *context
        uint64_t faults
        uint64_t notices

cdef extern from "log/survey.h" nogil:
    ctypedef struct cc_log_visitor:
        cc_findings *findings
    ctypedef struct cc_log_survey:
        uint64_t first_sequence
        uint64_t last_sequence
        uint64_t batches
        uint64_t bytes
        uint64_t lost
        uint32_t segments
    cc_status cc_log_survey_take(cc_fs *fs, const char *dir, const cc_log_visitor *visitor,
                                 cc_log_survey *out, cc_error *error)
    cc_status cc_log_hold(cc_fs *fs, const char *dir, cc_file **out, cc_error *error)
    cc_status cc_log_salvage(cc_fs *fs, const char *source, const char *to, cc_findings *findings,
                             cc_log_survey *out, cc_error *error)

cdef extern from "store/verify.h" nogil:
    ctypedef struct cc_key:
        cc_bytes partition
        cc_bytes sort
    ctypedef struct cc_store_options:
        uint64_t budget_bytes
        const char *scratch_dir
    ctypedef struct cc_page_survey:
        uint64_t pages
        uint64_t bytes
        uint64_t items
    ctypedef struct cc_store_survey:
        cc_log_survey log
        uint64_t generation
        cc_page_survey newest
        cc_page_survey previous
        uint64_t spaces
        uint64_t items
        uint64_t item_bytes
        uint64_t indexes
        uint64_t entries
        uint64_t memory_used
        bint opened
    ctypedef struct cc_verify_options:
        pass
    cc_status cc_store_verify(const char *dir, const cc_store_options *options,
                              const cc_verify_options *verify, cc_store_survey *out, cc_error *error)

cdef extern from "table/verify.h" nogil:
    ctypedef struct cc_table_verification:
        cc_findings *findings
        void (*record)(void *context, cc_bytes space, cc_key key, cc_bytes value) noexcept nogil
        void *context
    cc_verify_options cc_table_verify(cc_table_verification *verification)
    cc_status cc_table_check_entries(cc_bytes description_json, cc_bytes entries, uint64_t *count_out,
                                     const char **wrong_out, cc_error *error)

cdef extern from "store/salvage.h" nogil:
    ctypedef struct cc_salvage:
        uint64_t spaces
        uint64_t items
        uint64_t item_bytes
        uint64_t last_sequence
        uint64_t regained
        uint64_t orphans
        uint64_t left_out
        uint64_t lost_sequences
        uint64_t stray_changes
        bint complete
    cc_status cc_store_salvage(const char *source, const char *to, const cc_store_options *options,
                               const cc_verify_options *verify, cc_salvage *out, cc_error *error)


cdef void _found(void *context, const cc_finding *finding) noexcept with gil:
    what = (<bytes>finding.what).decode("utf-8", "replace")
    (<list>context).append((bool(finding.harmless), (<bytes>finding.file).decode(), finding.offset, what))


cdef bytes _copy(cc_bytes part):
    return b"" if part.size == 0 else part.data[:part.size]


cdef void _keep_record(void *context, cc_bytes space, cc_key key, cc_bytes value) noexcept with gil:
    (<list>context).append((_copy(space), _copy(key.partition), _copy(key.sort), _copy(value)))


cdef cc_findings _into(list found):
    cdef cc_findings findings
    memset(&findings, 0, sizeof(findings))
    findings.found = _found
    findings.context = <void *>found
    return findings


cdef dict _log_of(const cc_log_survey *log):
    return {"first_sequence": log.first_sequence, "last_sequence": log.last_sequence, "records": log.batches,
            "record_bytes": log.bytes, "segments": log.segments, "lost_sequences": log.lost}


def check_log(directory, list found not None):
    cdef cc_findings findings = _into(found)
    cdef cc_log_visitor visitor
    cdef cc_log_survey survey
    cdef cc_file *lock = NULL
    cdef cc_fs *fs = cc_fs_system()
    cdef cc_error error
    cdef cc_status status
    import os
    cdef bytes path = os.fsencode(directory)
    cdef const char *where = path
    memset(&visitor, 0, sizeof(visitor))
    visitor.findings = &findings
    with nogil:
        status = cc_log_hold(fs, where, &lock, &error)
        if status == CC_OK:
            status = cc_log_survey_take(fs, where, &visitor, &survey, &error)
            _release(fs, lock)
    check(status, &error)
    return _log_of(&survey)


cdef extern from *:
    """
    static void _release(cc_fs *fs, cc_file *lock) {
        if (lock != NULL)
            fs->close(fs, lock);
    }
    """
    void _release(cc_fs *fs, cc_file *lock) nogil


def check_store(directory, list found not None, uint64_t memory=0, scratch=None):
    cdef cc_findings findings = _into(found)
    cdef list records = []
    cdef cc_table_verification tables
    cdef cc_store_options options
    cdef cc_verify_options verify
    cdef cc_store_survey survey
    cdef cc_error error
    cdef cc_status status
    import os
    cdef bytes path = os.fsencode(directory)
    cdef bytes beside = b"" if scratch is None else os.fsencode(scratch)
    cdef const char *where = path
    memset(&options, 0, sizeof(options))
    options.budget_bytes = memory
    if scratch is not None:
        options.scratch_dir = beside
    memset(&tables, 0, sizeof(tables))
    tables.findings = &findings
    tables.record = _keep_record
    tables.context = <void *>records
    with nogil:
        verify = cc_table_verify(&tables)
        status = cc_store_verify(where, &options, &verify, &survey, &error)
    check(status, &error)
    return {
        **_log_of(&survey.log), "generation": survey.generation, "opened": bool(survey.opened),
        "pages": survey.newest.pages + survey.previous.pages,
        "page_bytes": survey.newest.bytes + survey.previous.bytes,
        "spaces": survey.spaces, "items": survey.items, "item_bytes": survey.item_bytes,
        "indexes": survey.indexes, "entries": survey.entries, "memory_used": survey.memory_used,
        "records_kept": records,
    }


def repair_log(source, target, list found not None):
    cdef cc_findings findings = _into(found)
    cdef cc_log_survey survey
    cdef cc_error error
    cdef cc_status status
    import os
    cdef bytes path = os.fsencode(source), other = os.fsencode(target)
    cdef const char *where = path
    cdef const char *to = other
    with nogil:
        status = cc_log_salvage(cc_fs_system(), where, to, &findings, &survey, &error)
    check(status, &error)
    return _log_of(&survey)


def repair_store(source, target, list found not None, uint64_t memory=0):
    cdef cc_findings findings = _into(found)
    cdef cc_table_verification tables
    cdef cc_verify_options verify
    cdef cc_salvage saved
    cdef cc_store_options options
    cdef cc_error error
    cdef cc_status status
    import os
    cdef bytes path = os.fsencode(source), other = os.fsencode(target)
    cdef const char *where = path
    cdef const char *to = other
    memset(&options, 0, sizeof(options))
    options.budget_bytes = memory
    memset(&tables, 0, sizeof(tables))
    tables.findings = &findings
    with nogil:
        verify = cc_table_verify(&tables)
        status = cc_store_salvage(where, to, &options, &verify, &saved, &error)
    check(status, &error)
    return {
        "spaces": saved.spaces, "items": saved.items, "item_bytes": saved.item_bytes,
        "last_sequence": saved.last_sequence, "regained_items": saved.regained,
        "orphan_items": saved.orphans, "left_out_items": saved.left_out,
        "lost_sequences": saved.lost_sequences, "stray_changes": saved.stray_changes,
        "complete": bool(saved.complete),
    }


def check_entries(bytes description, bytes entries not None):
    cdef cc_bytes text, all_
    cdef cc_error error
    cdef cc_status status
    cdef const char *wrong = NULL
    cdef uint64_t count = 0
    memset(&text, 0, sizeof(text))
    if description is not None:
        text.data, text.size = <const uint8_t *><const char *>description, len(description)
    all_.data, all_.size = <const uint8_t *><const char *>entries, len(entries)
    with nogil:
        status = cc_table_check_entries(text, all_, &count, &wrong, &error)
    check(status, &error)
    return count, None if wrong == NULL else (<bytes>wrong).decode()
