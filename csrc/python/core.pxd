# core.pxd: the base of the C core as every door sees it: statuses, bytes, buffers, arenas.
from libc.stdint cimport uint8_t, uint64_t


cdef extern from "base/status.h" nogil:
    ctypedef enum cc_status:
        CC_OK
        CC_ERR_NOMEM
        CC_ERR_IO
        CC_ERR_FULL
        CC_ERR_CORRUPT
        CC_ERR_FORMAT
        CC_ERR_ARGUMENT
        CC_ERR_VALIDATION
        CC_ERR_SERIALIZATION
        CC_ERR_CONDITION
        CC_ERR_NOT_FOUND
        CC_ERR_EXISTS
        CC_ERR_LIMIT
        CC_ERR_BUSY
        CC_ERR_STALE
        CC_ERR_CLOSED
        CC_ERR_POISONED
        CC_ERR_FORKED
        CC_ERR_TIMEOUT
        CC_ERR_DIED
        CC_ERR_UNSUPPORTED
        CC_STATUS_COUNT
    ctypedef struct cc_error:
        cc_status status
        int sys_errno
        uint64_t position
        char type[64]
        char message[512]
    const char *cc_status_name(cc_status status)


cdef extern from "base/bytes.h" nogil:
    ctypedef struct cc_bytes:
        const uint8_t *data
        size_t size
    ctypedef struct cc_buffer:
        uint8_t *data
        size_t size
        size_t capacity
    ctypedef struct cc_arena:
        size_t chunk_size
    cc_bytes cc_bytes_of(const void *data, size_t size)
    bint cc_bytes_equal(cc_bytes a, cc_bytes b)
    void cc_buffer_free(cc_buffer *buffer)
    void cc_buffer_clear(cc_buffer *buffer)
    cc_status cc_buffer_reserve(cc_buffer *buffer, size_t extra)
    cc_status cc_buffer_append(cc_buffer *buffer, const void *data, size_t size)
    cc_bytes cc_buffer_bytes(const cc_buffer *buffer)
    void cc_arena_init(cc_arena *arena, size_t chunk_size)
    void cc_arena_reset(cc_arena *arena)
    void cc_arena_free(cc_arena *arena)
    void *cc_arena_alloc(cc_arena *arena, size_t size)
    cc_bytes cc_arena_copy(cc_arena *arena, cc_bytes bytes)
