"""The door to csrc/log: a durable log of batches. See _log.pyi for the contract.

The GIL is released for every append, read and sync: the log's own mutex is the only lock, and no
C lock is ever waited for with the GIL held. close() waits until no call is inside.
"""
cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_Check, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from log_core cimport *

include "errors.pxi"


cdef dict _DURABILITY = {
    "memory": CC_DURABILITY_MEMORY, "process": CC_DURABILITY_PROCESS,
    "interval": CC_DURABILITY_INTERVAL, "commit": CC_DURABILITY_COMMIT,
}

cdef enum:
    BATCH_BYTES = (1 << 20) - 4096

cdef enum verb:  # what Log.run does
    CURSOR_SET, CURSOR_GET, CURSOR_DROP, TRUNCATE, SYNC


@cython.final
cdef class LogRecord:
    """One batch of a log."""
    cdef readonly uint64_t first
    cdef readonly uint32_t count
    cdef readonly uint32_t type
    cdef readonly uint64_t time_ms
    cdef readonly bytes payload

    def __repr__(self):
        size = len(self.payload)
        return f"LogRecord(first={self.first}, count={self.count}, type={self.type}, {size} bytes)"


@cython.final
cdef class Log:
    """A durable, append-only log of batches."""
    cdef cc_log *log
    cdef int inside       # calls that run without the GIL
    cdef void *newest_reader  # a LogReader, borrowed: the list of those that are open

    def __cinit__(self, directory, *, str durability="process", uint32_t interval_ms=0, uint64_t disk_bound=0,
                  uint64_t retention_ms=0, uint64_t segment_min=0, uint64_t segment_max=0):
        cdef cc_log_options options
        memset(&options, 0, sizeof(options))
        cdef cc_error error
        cdef cc_status status
        cdef bytes path = b""
        cdef const char *where = NULL
        if durability not in _DURABILITY:
            raise ValueError(f"durability is one of {', '.join(_DURABILITY)}, not {durability!r}")
        options.durability = <cc_durability><int>_DURABILITY[durability]
        options.interval_ms = interval_ms
        options.segment_min = segment_min
        options.segment_max = segment_max
        options.disk_bound = disk_bound
        options.retention_ms = retention_ms
        if directory is not None:
            import os
            path = os.fsencode(directory)
            where = path
        with nogil:
            status = cc_log_open(where, &options, &self.log, &error)
        check(status, &error)

    def __dealloc__(self):
        cdef cc_error error
        if self.log is not NULL:
            with nogil:
                _forget(self.log, &error)

    cdef cc_log *enter(self) except NULL:
        if self.log is NULL:
            raise _errors.ClosedError("the log is closed", "closed")
        self.inside += 1
        return self.log

    @property
    def last_sequence(self):
        """The sequence of the newest record; 0 when nothing was ever written."""
        cdef cc_log_info info
        cdef cc_log *log = self.enter()
        with nogil:
            cc_log_info_get(log, &info)
        self.inside -= 1
        return info.last_sequence

    def info(self):
        """first_sequence, last_sequence, disk_bytes, synced_sequence, torn_bytes, segments, syncs."""
        cdef cc_log_info info
        cdef cc_log *log = self.enter()
        with nogil:
            cc_log_info_get(log, &info)
        self.inside -= 1
        return {
            "first_sequence": info.first_sequence, "last_sequence": info.last_sequence,
            "disk_bytes": info.disk_bytes, "synced_sequence": info.synced_sequence,
            "torn_bytes": info.torn_bytes, "segments": info.segments, "syncs": info.syncs,
        }

    cdef tuple submit(self, const cc_bytes *parts, size_t part_count, uint32_t type, uint32_t count,
                      uint64_t time_ms, uint64_t expected):
        cdef cc_log_batch batch
        cdef cc_log_ticket ticket
        cdef cc_error error
        cdef cc_status status
        cdef cc_log *log = self.enter()
        batch.type = type
        batch.count = count
        batch.time_ms = time_ms
        batch.parts = parts
        batch.part_count = part_count
        with nogil:
            status = cc_log_submit(log, &batch, expected, &ticket, &error)
            if status == CC_OK:
                status = cc_log_wait(log, &ticket, CC_DURABILITY_DEFAULT, &error)
        self.inside -= 1
        check(status, &error)
        return ticket.first, ticket.last

    def append(self, payload, *, uint32_t type=1, uint32_t count=1, uint64_t time_ms=0, expected_last=None):
        """Append one batch; returns its (first, last) sequence."""
        cdef Py_buffer view
        cdef cc_bytes part
        cdef uint64_t expected = CC_LOG_ANY if expected_last is None else expected_last
        PyObject_GetBuffer(payload, &view, PyBUF_SIMPLE)
        try:
            part = cc_bytes_of(view.buf, <size_t>view.len)
            return self.submit(&part, 1, type, count, time_ms, expected)
        finally:
            PyBuffer_Release(&view)

    def append_records(self, records, *, uint32_t type=1, uint64_t time_ms=0):
        """Append bytes records, framed into batches of at most 1 MiB; returns (first, last) of all."""
        cdef tuple held = tuple(records)  # keeps every record alive while the GIL is away
        cdef Py_ssize_t total = len(held), at = 0, start = 0
        cdef size_t size
        cdef cc_bytes *parts
        cdef uint32_t *sizes
        cdef object first = None, last = None
        if total == 0:
            raise ValueError("no records to append")
        parts = <cc_bytes *>malloc(2 * total * sizeof(cc_bytes))
        sizes = <uint32_t *>malloc(total * sizeof(uint32_t))
        try:
            if parts is NULL or sizes is NULL:
                raise MemoryError()
            for at in range(total):
                record = held[at]
                if not PyBytes_Check(record):
                    raise TypeError(f"record {at} is {record.__class__.__name__}, not bytes")
                if PyBytes_GET_SIZE(record) > BATCH_BYTES - 4:
                    raise ValueError(f"record {at} is larger than a log batch ({BATCH_BYTES} bytes)")
                sizes[at] = <uint32_t>PyBytes_GET_SIZE(record)
                parts[2 * at] = cc_bytes_of(&sizes[at], 4)
                parts[2 * at + 1] = cc_bytes_of(PyBytes_AS_STRING(record), sizes[at])
            while start < total:
                size = 0
                at = start
                while at < total and size + 4 + sizes[at] <= BATCH_BYTES:
                    size += 4 + sizes[at]
                    at += 1
                place = self.submit(parts + 2 * start, 2 * (at - start), type, <uint32_t>(at - start),
                                    time_ms, CC_LOG_ANY)
                first = place[0] if first is None else first
                last = place[1]
                start = at
            return first, last
        finally:
            free(parts)
            free(sizes)

    def read(self, uint64_t from_sequence=1):
        """Iterate over the batches from the one that holds `from_sequence` on."""
        return LogReader(self, from_sequence)

    def cursor_set(self, str name, uint64_t sequence):
        """Everything up to and including `sequence` is done for this consumer."""
        self.run(CURSOR_SET, name.encode(), &sequence)

    def cursor_get(self, str name):
        """The cursor's sequence, or None if it was never set."""
        cdef uint64_t sequence = 0
        return sequence if self.run(CURSOR_GET, name.encode(), &sequence) else None

    def cursor_drop(self, str name):
        """Forget a cursor. KeyError if there is none."""
        self.run(CURSOR_DROP, name.encode(), NULL)

    def truncate(self):
        """Drop the whole segments that every cursor has passed and retention allows."""
        self.run(TRUNCATE, b"", NULL)

    def sync(self):
        """Everything appended so far is on the medium when this returns."""
        self.run(SYNC, b"", NULL)

    cdef bint run(self, verb what, bytes name, uint64_t *sequence) except -1:
        """One verb without the GIL; False when CURSOR_GET finds no cursor."""
        cdef cc_error error
        cdef cc_status status
        cdef const char *c_name = name
        cdef cc_log *log = self.enter()
        with nogil:
            if what == CURSOR_SET:
                status = cc_log_cursor_set(log, c_name, sequence[0], &error)
            elif what == CURSOR_GET:
                status = cc_log_cursor_get(log, c_name, sequence, &error)
            elif what == CURSOR_DROP:
                status = cc_log_cursor_drop(log, c_name, &error)
            elif what == TRUNCATE:
                status = cc_log_truncate(log, &error)
            else:
                status = cc_log_sync(log, &error)
        self.inside -= 1
        if what == CURSOR_GET and status == CC_ERR_NOT_FOUND:
            return False
        check(status, &error)
        return True

    def close(self):
        """Close; idempotent. Waits for calls in flight and closes the readers."""
        cdef cc_error error
        cdef cc_status status
        cdef cc_log *log = self.log
        import time
        if log is NULL:
            return
        self.log = NULL
        while self.inside or self.newest_reader is not NULL:
            if self.inside:
                time.sleep(0.0005)
            else:
                (<LogReader>self.newest_reader).release()
        with nogil:
            status = cc_log_close(log, &error)
        check(status, &error)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


@cython.final
@cython.no_gc_clear  # the owner is needed until the end
cdef class LogReader:
    """Iterates over the batches of a log. One that nobody holds gives its segment and its memory back."""
    cdef Log owner
    cdef cc_log_reader *reader
    cdef void *newer
    cdef void *older

    def __cinit__(self, Log owner, uint64_t from_sequence):
        cdef cc_error error
        cdef cc_status status
        cdef cc_log *log = owner.enter()
        self.owner = owner
        with nogil:
            status = cc_log_reader_open(log, from_sequence, &self.reader, &error)
        if status == CC_OK:
            self.older = owner.newest_reader
            if self.older is not NULL:
                (<LogReader>self.older).newer = <void *>self
            owner.newest_reader = <void *>self
        owner.inside -= 1
        check(status, &error)

    def __dealloc__(self):
        self.release()

    cdef void release(self) noexcept:
        """The log waits for this in its close(): the reader leaves the list before the GIL goes."""
        cdef cc_log_reader *reader = self.reader
        if reader is NULL:
            return
        self.reader = NULL
        if self.newer is NULL:
            self.owner.newest_reader = self.older
        else:
            (<LogReader>self.newer).older = self.older
        if self.older is not NULL:
            (<LogReader>self.older).newer = self.newer
        self.owner.inside += 1
        with nogil:
            cc_log_reader_close(reader)
        self.owner.inside -= 1

    def close(self):
        """Give the segment back; the log closes open readers too."""
        self.release()

    def __iter__(self):
        return self

    def __next__(self):
        cdef cc_log_record record
        cdef cc_error error
        cdef cc_status status
        if self.reader is NULL:
            raise StopIteration
        self.owner.enter()
        with nogil:
            status = cc_log_reader_next(self.reader, &record, &error)
        self.owner.inside -= 1
        if status == CC_ERR_NOT_FOUND:
            raise StopIteration
        check(status, &error)
        cdef LogRecord out = LogRecord.__new__(LogRecord)
        out.first = record.first
        out.count = record.count
        out.type = record.type
        out.time_ms = record.time_ms
        out.payload = PyBytes_FromStringAndSize(<const char *>record.payload.data,
                                                <Py_ssize_t>record.payload.size)
        return out


cdef void _forget(cc_log *log, cc_error *error) noexcept nogil:
    if cc_log_close(log, error) != CC_OK:
        pass  # nobody is left to tell
