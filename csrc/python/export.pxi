# export.pxi: Exporter, lines for files, out of entries; included at the end of _table.pyx.


cdef class Exporter:
    """Turns entries into lines of DynamoDB JSON, or with `ion` of Ion text; no item becomes an object.

    `request`: b"" or the JSON body of a Query (`query`) or Scan with the expressions of a filter. Raises
    ApiError for expressions that the verb would refuse. One thread at a time.
    """
    cdef Tables tables
    cdef cc_export *export
    cdef cc_buffer buffer
    cdef bint busy

    def __cinit__(self, Tables tables not None, bint ion=False, bint query=False, bytes request not None=b""):
        cdef Scratch *scratch = tables.enter()
        cdef cc_status status
        cdef cc_bytes body = cc_bytes_of(PyBytes_AS_STRING(request), <size_t>PyBytes_GET_SIZE(request))
        self.tables = tables
        try:
            if body.size == 0:
                body.data = NULL
            status = cc_export_open(tables.tables, ion, query, body, &self.export, &scratch.error)
            check(status, &scratch.error)
        finally:
            tables.leave(scratch)

    def __dealloc__(self):
        cc_export_close(self.export)
        cc_buffer_free(&self.buffer)

    cdef int begin(self) except -1:
        if self.busy:
            raise _errors.BusyError("another thread uses this exporter", "busy")
        self.busy = True
        cc_buffer_clear(&self.buffer)
        return 0

    cdef object end(self, cc_status status, cc_export_sum *sum, cc_error *error):
        self.busy = False
        check(status, error)
        text = PyBytes_FromStringAndSize(<char *>self.buffer.data, <Py_ssize_t>self.buffer.size)
        return text, sum.lines, sum.bytes

    def items(self, bytes entries not None, bint stamped=False):
        """(lines, their number, bytes of the items looked at) of a snapshot's entries, or of stamped ones
        without the deletes. Raises CorruptError."""
        cdef cc_export_sum sum
        cdef cc_error error
        cdef cc_status status
        cdef cc_bytes c_entries = cc_bytes_of(PyBytes_AS_STRING(entries), <size_t>PyBytes_GET_SIZE(entries))
        error.message[0] = error.type[0] = 0
        sum.lines, sum.bytes = 0, 0
        self.begin()
        with nogil:
            status = cc_export_items(self.export, c_entries, stamped, &self.buffer, &sum, &error)
        return self.end(status, &sum, &error)

    def changes(self, bytes entries not None, Tables tables not None, str old not None, bint new_image,
                bint old_image):
        """The same of stamped entries as changes; `old` is the table of `tables` with what was there."""
        cdef Scratch *scratch = tables.enter()
        cdef cc_export_sum sum
        cdef cc_status status
        cdef cc_bytes name
        cdef cc_bytes c_entries = cc_bytes_of(PyBytes_AS_STRING(entries), <size_t>PyBytes_GET_SIZE(entries))
        cdef uint32_t images = (CC_IMAGE_NEW if new_image else 0) | (CC_IMAGE_OLD if old_image else 0)
        sum.lines, sum.bytes = 0, 0
        try:
            name = utf8_of(old)
            self.begin()
            with nogil:
                status = cc_export_changes(self.export, c_entries, tables.tables, name, images, &self.buffer,
                                           &sum, &scratch.error)
            return self.end(status, &sum, &scratch.error)
        finally:
            tables.leave(scratch)


def filter_entries(Tables tables not None, str name not None, bytes entries not None, bint present):
    """(entries, count): those whose keys the table has, or with `present` False has not."""
    cdef Scratch *scratch = tables.enter()
    cdef cc_status status
    cdef uint64_t count = 0
    cdef cc_bytes c_name
    cdef cc_bytes c_entries = cc_bytes_of(PyBytes_AS_STRING(entries), <size_t>PyBytes_GET_SIZE(entries))
    try:
        c_name = utf8_of(name)
        cc_buffer_clear(&scratch.buffer)
        with nogil:
            status = cc_table_filter(tables.tables, c_name, present, c_entries, &scratch.buffer, &count,
                                     &scratch.error)
        check(status, &scratch.error)
        return PyBytes_FromStringAndSize(<char *>scratch.buffer.data, <Py_ssize_t>scratch.buffer.size), count
    finally:
        tables.leave(scratch)
