# replica.pxi: what replicas of one log of requests bring from one store to another, so that they number
# spaces and changes alike; included at the end of _table.pyx.


cdef class FeedCopy:
    """The changes that tables in memory hold for their followers, up to the last one now. See _table.pyi."""
    cdef Tables tables
    cdef cc_log_reader *reader
    cdef readonly uint64_t last  # sequence of the last one
    cdef bint busy
    cdef object __weakref__

    def __cinit__(self, Tables tables not None):
        cdef Scratch *scratch = tables.enter()
        cdef cc_store *store = cc_tables_store(tables.tables)
        cdef cc_log *log
        cdef cc_status status = CC_OK
        self.tables = tables
        try:
            with nogil:
                cc_store_lock(store)
                log = cc_store_feed_log(store)
                self.last = cc_store_feed_last(store)
                cc_store_unlock(store)
                if log != NULL:
                    status = cc_log_reader_open(log, 0, &self.reader, &scratch.error)
            check(status, &scratch.error)
            tables.snapshots.add(self)
        finally:
            tables.leave(scratch)

    def __dealloc__(self):
        self.release()

    cdef void release(self) noexcept:
        cdef cc_log_reader *reader = self.reader
        self.reader = NULL
        if reader != NULL and not self.tables.forked:
            with nogil:
                cc_log_reader_close(reader)

    def read(self, size_t size=1 << 18):
        """(bytes, number of records): about `size` more; 0 at the end."""
        if self.busy:
            raise _errors.BusyError("another thread reads these changes", "busy")
        cdef Scratch *scratch = self.tables.enter()
        cdef cc_status status = CC_OK
        cdef size_t count = 0
        self.busy = True
        try:
            cc_buffer_clear(&scratch.buffer)
            if self.reader != NULL:
                with nogil:
                    status = cc_feed_copy_read(self.reader, self.last, size, &scratch.buffer, &count,
                                               &scratch.error)
            check(status, &scratch.error)
            return PyBytes_FromStringAndSize(<char *>scratch.buffer.data,
                                             <Py_ssize_t>scratch.buffer.size), count
        finally:
            self.busy = False
            self.tables.leave(scratch)

    def close(self):
        """Lets go of the log; a second call does nothing. Raises BusyError while a thread reads it."""
        if self.busy:
            raise _errors.BusyError("another thread reads these changes", "busy")
        self.release()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


def begin_feed(Tables tables not None, uint64_t last):
    """An empty feed, of which the next change has the sequence behind `last`; of tables in memory that nobody
    uses."""
    cdef Scratch *scratch = tables.enter()
    cdef cc_store *store = cc_tables_store(tables.tables)
    cdef cc_status status
    try:
        with nogil:
            status = cc_feed_copy_begin(store, last, &scratch.error)
        check(status, &scratch.error)
    finally:
        tables.leave(scratch)


def take_feed(Tables tables not None, bytes records not None):
    """Takes what FeedCopy.read() gave; where sequences are missing, what is in front is forgotten."""
    cdef Scratch *scratch = tables.enter()
    cdef cc_store *store = cc_tables_store(tables.tables)
    cdef cc_status status
    cdef cc_bytes c_records = cc_bytes_of(PyBytes_AS_STRING(records), <size_t>PyBytes_GET_SIZE(records))
    try:
        with nogil:
            status = cc_feed_copy_take(store, c_records, &scratch.error)
        check(status, &scratch.error)
    finally:
        tables.leave(scratch)


def next_space(Tables tables not None):
    """The number that the next table gets."""
    cdef Scratch *scratch = tables.enter()
    try:
        tables.lock()
        number = cc_store_next_space(cc_tables_store(tables.tables))
        tables.unlock()
        return number
    finally:
        tables.leave(scratch)


def skip_spaces(Tables tables not None, uint32_t number):
    """The next table gets `number`, which is not below the next one."""
    cdef Scratch *scratch = tables.enter()
    cdef cc_status status
    try:
        tables.lock()
        status = cc_store_skip_spaces(cc_tables_store(tables.tables), number, &scratch.error)
        tables.unlock()
        check(status, &scratch.error)
    finally:
        tables.leave(scratch)


def call_expiring(Tables tables not None, bytes body not None):
    """call_json("DeleteItem", body), of which followers are told that the item had expired; while nobody else
    writes."""
    cdef Scratch *scratch = tables.enter()
    cc_tables_expiring(tables.tables, True)
    try:
        return tables.call_json("DeleteItem", body)
    finally:
        cc_tables_expiring(tables.tables, False)
        tables.leave(scratch)


_PARTS = {"form": CC_PART_FORM, "try": CC_PART_TRY, "do": CC_PART_DO, "finish": CC_PART_FINISH}


def call_part(Tables tables not None, str mode not None, str operation not None, bytes body not None,
              str token=None, tuple digest=(0, 0), uint64_t size=0):
    """(HTTP status, body, digest, size, repeated) of a part of a transaction in JSON. See _table.pyi."""
    cdef Scratch *scratch = tables.enter()
    cdef cc_verb verb
    cdef cc_status status
    cdef cc_part part
    cdef int http_status = 500
    cdef cc_bytes c_body = cc_bytes_of(PyBytes_AS_STRING(body), <size_t>PyBytes_GET_SIZE(body))
    try:
        part.mode, part.bytes, part.repeated = <cc_part_mode><int>_PARTS[mode], size, False
        part.digest.a, part.digest.b = digest
        part.token.data, part.token.size = NULL, 0
        if token is not None:
            part.token = utf8_of(token)
        verb = cc_verb_from_name(utf8_of(operation))
        if verb not in (CC_VERB_TRANSACT_WRITE, CC_VERB_TRANSACT_GET, CC_VERB_STATEMENT_TRANSACTION):
            raise _errors.ApiError("UnknownOperationException", "")
        with nogil:
            status = cc_table_call_part(tables.tables, verb, c_body, &part, &scratch.arena, &scratch.buffer,
                                        &http_status)
        check(status, &scratch.error)
        reply = PyBytes_FromStringAndSize(<char *>scratch.buffer.data, <Py_ssize_t>scratch.buffer.size)
        return http_status, reply, (part.digest.a, part.digest.b), part.bytes, bool(part.repeated)
    finally:
        tables.leave(scratch)
