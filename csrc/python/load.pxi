# load.pxi: tables by the thousand items: snapshots out, entries in; included at the end of _table.pyx.


cdef class Snapshot:
    """One table as it is when this is made, read once in order while writers go on.

    `memory_max`: bytes of old values that may be kept for it, 0 for no bound; over it the next read raises
    FullError. Raises ApiError ResourceNotFoundException. One thread at a time; close it (or leave its
    block) when done. It ends with its Tables.
    """
    cdef Tables tables
    cdef cc_snapshot *snapshot
    cdef bint busy
    cdef object __weakref__

    def __cinit__(self, Tables tables not None, str name not None, size_t memory_max=0):
        cdef Scratch *scratch = tables.enter()
        cdef cc_status status
        cdef cc_bytes c_name
        self.tables = tables
        try:
            c_name = utf8_of(name)
            with nogil:
                status = cc_table_snapshot(tables.tables, c_name, memory_max, &self.snapshot, &scratch.error)
            check(status, &scratch.error)
            tables.snapshots.add(self)
        finally:
            tables.leave(scratch)

    def __dealloc__(self):
        self.release()

    cdef void release(self) noexcept:
        cdef cc_snapshot *snapshot = self.snapshot
        self.snapshot = NULL
        if snapshot != NULL:
            with nogil:
                cc_snapshot_close(snapshot)

    cdef Scratch *use(self) except NULL:
        if self.busy:
            raise _errors.BusyError("another thread reads this snapshot", "busy")
        cdef Scratch *scratch = self.tables.enter()
        if self.snapshot == NULL:
            self.tables.leave(scratch)
            raise _errors.ClosedError("the snapshot is closed", "closed")
        self.busy = True
        return scratch

    cdef void unuse(self, Scratch *scratch) noexcept:
        self.busy = False
        self.tables.leave(scratch)

    def read(self, size_t size=1 << 18):
        """(entries, their number): about `size` more bytes in the store's order; b"" at the end.

        Entries are opaque bytes for load(), entries_to_json() and the like.
        """
        cdef Scratch *scratch = self.use()
        cdef cc_status status
        cdef size_t count = 0
        try:
            cc_buffer_clear(&scratch.buffer)
            with nogil:
                status = cc_snapshot_read(self.snapshot, size, &scratch.buffer, &count, &scratch.error)
            check(status, &scratch.error)
            return PyBytes_FromStringAndSize(<char *>scratch.buffer.data,
                                             <Py_ssize_t>scratch.buffer.size), count
        finally:
            self.unuse(scratch)

    def info(self):
        """sequence (of the log: what is up to it is in the view), item_count and item_bytes of the view, and
        read_count, kept_count, kept_memory and memory_peak of the reading."""
        cdef Scratch *scratch = self.use()
        cdef cc_snapshot_info info
        try:
            with nogil:
                cc_snapshot_info_get(self.snapshot, &info)
            return {"sequence": info.sequence, "item_count": info.item_count, "item_bytes": info.item_bytes,
                    "read_count": info.read_count, "kept_count": info.kept_count,
                    "kept_memory": info.kept_memory, "memory_peak": info.memory_peak}
        finally:
            self.unuse(scratch)

    def close(self):
        """Gives back what is kept; a second call does nothing. Raises BusyError while a thread reads it."""
        if self.busy:
            raise _errors.BusyError("another thread reads this snapshot", "busy")
        self.release()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


def load(Tables tables not None, str name not None, bytes entries not None, bint stamped=False):
    """Puts entries of a snapshot into a table with the same key, also one that is being loaded; how many.

    Each is held against the table's key; `stamped`: they are as entries_of() stamps them. Without the GIL,
    beside readers and writers. Raises ApiError ResourceNotFoundException, CorruptError.
    """
    cdef Scratch *scratch = tables.enter()
    cdef cc_status status
    cdef uint64_t count = 0
    cdef cc_bytes c_name
    cdef cc_bytes c_entries = cc_bytes_of(PyBytes_AS_STRING(entries), <size_t>PyBytes_GET_SIZE(entries))
    try:
        c_name = utf8_of(name)
        with nogil:
            status = cc_table_load(tables.tables, c_name, c_entries, stamped, &count, &scratch.error)
        check(status, &scratch.error)
        return count
    finally:
        tables.leave(scratch)


cdef class ArchiveReader:
    """The changes of one table behind a sequence of the log, as bytes that are kept; its feed must be on.

    One thread at a time. After an error open another one.
    """
    cdef Tables tables
    cdef cc_archive_reader *reader
    cdef bint busy
    cdef object __weakref__

    def __cinit__(self, Tables tables not None, str name not None, uint64_t after):
        cdef Scratch *scratch = tables.enter()
        cdef cc_status status
        cdef cc_bytes c_name
        self.tables = tables
        try:
            c_name = utf8_of(name)
            with nogil:
                status = cc_archive_open(tables.tables, c_name, after, &self.reader, &scratch.error)
            check(status, &scratch.error)
            tables.snapshots.add(self)
        finally:
            tables.leave(scratch)

    def __dealloc__(self):
        self.release()

    cdef void release(self) noexcept:
        cdef cc_archive_reader *reader = self.reader
        self.reader = NULL
        if reader != NULL and not self.tables.forked:
            with nogil:
                cc_archive_close(reader)

    def read(self, size_t size=1 << 20):
        """(changes, count, last sequence, its time in ms, seen): about `size` bytes, whole log records.

        With count 0 there are no more yet, and everything up to the sequence `seen` was given out.
        """
        if self.busy:
            raise _errors.BusyError("another thread reads these changes", "busy")
        cdef Scratch *scratch = self.tables.enter()
        cdef cc_archive_page page
        cdef cc_status status
        if self.reader == NULL:
            self.tables.leave(scratch)
            raise _errors.ClosedError("the reader is closed", "closed")
        self.busy = True
        try:
            cc_buffer_clear(&scratch.buffer)
            with nogil:
                status = cc_archive_read(self.reader, size, &scratch.buffer, &page, &scratch.error)
            check(status, &scratch.error)
            return (PyBytes_FromStringAndSize(<char *>scratch.buffer.data, <Py_ssize_t>scratch.buffer.size),
                    page.count, page.last, page.last_ms, page.seen)
        finally:
            self.busy = False
            self.tables.leave(scratch)

    def close(self):
        """Lets go of the log; a second call does nothing. Raises BusyError while a thread reads it."""
        if self.busy:
            raise _errors.BusyError("another thread reads these changes", "busy")
        self.release()


def entries_of(bytes changes not None, uint64_t after, uint64_t until_ms, uint64_t since_ms=0,
               bint stamped=False):
    """(entries, count, past): what load() needs of the changes behind the sequence `after` and not earlier
    than `since_ms`, up to the first one later than `until_ms`; `past`: that one was met. `stamped`: values
    end with the time in ms, 8 bytes, and deletes have one too. Raises CorruptError."""
    cdef cc_buffer out
    cdef cc_error error
    cdef cc_archive_span span
    cdef cc_status status
    cdef cc_bytes c_changes = cc_bytes_of(PyBytes_AS_STRING(changes), <size_t>PyBytes_GET_SIZE(changes))
    out.data, out.size, out.capacity = NULL, 0, 0
    error.message[0] = error.type[0] = 0
    span.after, span.since_ms, span.until_ms = after, since_ms, until_ms
    span.stamped, span.past, span.count = stamped, False, 0
    try:
        with nogil:
            status = cc_archive_entries(c_changes, &span, &out, &error)
        check(status, &error)
        entries = PyBytes_FromStringAndSize(<char *>out.data, <Py_ssize_t>out.size)
        return entries, span.count, bool(span.past)
    finally:
        cc_buffer_free(&out)


def hold_log(Tables tables not None, bytes cursor not None, uint64_t sequence):
    """Syncs the log, and lets it be forgotten up to `sequence` as far as `cursor` is concerned."""
    cdef Scratch *scratch = tables.enter()
    cdef cc_log *log = cc_store_feed_log(cc_tables_store(tables.tables))
    cdef const char *name = cursor
    cdef cc_status status = CC_OK
    try:
        if log != NULL:
            with nogil:
                status = cc_log_sync(log, &scratch.error)
                if status == CC_OK:
                    status = cc_log_cursor_set(log, name, sequence, &scratch.error)
        check(status, &scratch.error)
    finally:
        tables.leave(scratch)


def release_log(Tables tables not None, bytes cursor not None):
    """The owner of `cursor` needs the log no more; an absent cursor is no error."""
    cdef Scratch *scratch = tables.enter()
    cdef cc_log *log = cc_store_feed_log(cc_tables_store(tables.tables))
    cdef const char *name = cursor
    cdef cc_status status = CC_OK
    try:
        if log != NULL:
            with nogil:
                status = cc_log_cursor_drop(log, name, &scratch.error)
        if status != CC_ERR_NOT_FOUND:
            check(status, &scratch.error)
    finally:
        tables.leave(scratch)
