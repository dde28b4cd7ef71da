"""The door to csrc/ingest and csrc/compress: records, columns, GZIP members. See _stream.pyi."""
cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.pycapsule cimport PyCapsule_GetPointer, PyCapsule_New
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memchr

include "errors.pxi"


cdef extern from "stdbool.h" nogil:
    ctypedef bint c_bool "bool"

cdef extern from "base/arrow.h" nogil:
    cdef struct ArrowSchema:
        void (*release)(ArrowSchema *) noexcept
    cdef struct ArrowArray:
        void (*release)(ArrowArray *) noexcept nogil

cdef extern from "ingest/columns.h" nogil:
    ctypedef struct cc_columns:
        pass
    enum:
        CC_COLUMNS_CASE_INSENSITIVE
        CC_COLUMNS_DOTS_AS_UNDERSCORES
        CC_COLUMNS_STRICT
        CC_COLUMNS_MILLIS
        CC_COLUMNS_ORC_TIMES
        CC_COLUMNS_EVERY_ATTRIBUTE
    cc_status cc_columns_open(const ArrowSchema *schema, unsigned flags, cc_columns **out, cc_error *error)
    void cc_columns_close(cc_columns *columns)
    cc_status cc_columns_append(cc_columns *columns, cc_bytes record, cc_error *error)
    cc_status cc_columns_append_item(cc_columns *columns, cc_bytes item, cc_error *error)
    int64_t cc_columns_rows(const cc_columns *columns)
    cc_status cc_columns_finish(cc_columns *columns, ArrowArray *out, cc_error *error)
    cc_status cc_columns_lend(cc_columns *columns, ArrowArray *out, cc_error *error)
    cc_status cc_columns_clear(cc_columns *columns, cc_error *error)

cdef extern from "ingest/records.h" nogil:
    cc_status cc_records_next(cc_bytes payload, size_t *position, cc_bytes *out, c_bool *more,
                              cc_error *error)
    cc_status cc_records_append(cc_buffer *payload, cc_bytes record)
    uint64_t cc_records_units(cc_bytes payload, uint32_t unit)
    cc_status cc_records_concat(cc_bytes payload, cc_bytes delimiter, cc_buffer *out, cc_error *error)
    cc_status cc_records_from_put_json(cc_bytes body, cc_arena *arena, cc_buffer *payload, cc_bytes *stream,
                                       uint32_t *count, cc_error *error)

cdef extern from "compress/gzip.h" nogil:
    cc_status cc_gzip_member(cc_bytes deflated, uint32_t crc, uint64_t size, cc_buffer *out)

cdef extern from "compress/snappy.h" nogil:
    enum:
        CC_SNAPPY_BLOCK
    cc_status cc_snappy_xerial_header(cc_buffer *out)
    cc_status cc_snappy_xerial_block(cc_bytes compressed, cc_buffer *out)
    cc_status cc_snappy_hadoop_block(cc_bytes compressed, uint32_t size, cc_buffer *out)

cdef extern from "base/hash.h" nogil:
    uint32_t cc_crc32(uint32_t crc, const void *data, size_t size)

cdef bytes _take(cc_buffer *buffer):
    out = PyBytes_FromStringAndSize(<const char *>buffer.data, <Py_ssize_t>buffer.size)
    return out


def frame(records):
    """One batch payload: u32 little-endian size and bytes, for each record."""
    cdef cc_buffer out = cc_buffer(NULL, 0, 0)
    cdef bytes data
    cdef const char *at
    try:
        for record in records:
            data = bytes(record)
            at = data
            if cc_records_append(&out, cc_bytes_of(at, <size_t>len(data))) != CC_OK:
                raise MemoryError()
        return _take(&out)
    finally:
        cc_buffer_free(&out)


def split(payload):
    """The records of a batch payload."""
    cdef Py_buffer view
    cdef size_t position = 0
    cdef cc_bytes record
    cdef c_bool more = True
    cdef cc_error error
    cdef list out = []
    PyObject_GetBuffer(payload, &view, PyBUF_SIMPLE)
    try:
        while True:
            check(cc_records_next(cc_bytes_of(view.buf, <size_t>view.len), &position, &record, &more, &error),
                  &error)
            if not more:
                return out
            out.append(PyBytes_FromStringAndSize(<const char *>record.data, <Py_ssize_t>record.size))
    finally:
        PyBuffer_Release(&view)


def concat(payload, bytes delimiter=b""):
    """All records of a batch payload end to end, the delimiter behind each."""
    cdef Py_buffer view
    cdef cc_buffer out = cc_buffer(NULL, 0, 0)
    cdef cc_error error
    cdef cc_status status
    cdef const char *text = delimiter
    cdef size_t size = <size_t>len(delimiter)
    PyObject_GetBuffer(payload, &view, PyBUF_SIMPLE)
    try:
        with nogil:
            status = cc_records_concat(cc_bytes_of(view.buf, <size_t>view.len), cc_bytes_of(text, size), &out,
                                       &error)
        check(status, &error)
        return _take(&out)
    finally:
        cc_buffer_free(&out)
        PyBuffer_Release(&view)


def measure(records, Py_ssize_t unit):
    """(bytes, units of `unit` bytes, each record rounded up) of many records."""
    cdef uint64_t size = 0, units = 0
    cdef Py_ssize_t length
    for record in records:
        length = len(record)
        size += <uint64_t>length
        units += <uint64_t>((length + unit - 1) // unit)
    return size, units


def framed_units(bytes payload, uint32_t unit):
    """Units of `unit` bytes, each record rounded up, of a framed batch."""
    cdef const char *text = payload
    return cc_records_units(cc_bytes_of(text, <size_t>len(payload)), unit)


def decode_put_records(bytes body):
    """(stream name, framed payload, count) of a PutRecord or PutRecordBatch body."""
    cdef cc_arena arena
    cdef cc_buffer out = cc_buffer(NULL, 0, 0)
    cdef cc_bytes stream
    cdef uint32_t count = 0
    cdef cc_error error
    cdef cc_status status
    cdef const char *text = body
    cdef size_t size = <size_t>len(body)
    cc_arena_init(&arena, 0)
    try:
        with nogil:
            status = cc_records_from_put_json(cc_bytes_of(text, size), &arena, &out, &stream, &count, &error)
        check(status, &error)
        name = b""
        if stream.size:
            name = PyBytes_FromStringAndSize(<const char *>stream.data, <Py_ssize_t>stream.size)
        return name.decode(), _take(&out), count
    finally:
        cc_buffer_free(&out)
        cc_arena_free(&arena)


def gzip_member(deflated, uint32_t crc32, uint64_t size):
    """A GZIP member around raw deflate data."""
    cdef Py_buffer view
    cdef cc_buffer out = cc_buffer(NULL, 0, 0)
    PyObject_GetBuffer(deflated, &view, PyBUF_SIMPLE)
    try:
        if cc_gzip_member(cc_bytes_of(view.buf, <size_t>view.len), crc32, size, &out) != CC_OK:
            raise MemoryError()
        return _take(&out)
    finally:
        cc_buffer_free(&out)
        PyBuffer_Release(&view)


def snappy_frames(data, compress, *, bint hadoop, bint begin=True):
    """Frames of raw Snappy blocks; the xerial header in front when `begin`."""
    cdef Py_buffer view
    cdef cc_buffer out = cc_buffer(NULL, 0, 0)
    cdef Py_ssize_t at = 0
    cdef Py_ssize_t size
    cdef bytes block
    cdef const char *text
    cdef cc_bytes compressed
    cdef cc_status status = CC_OK
    whole = memoryview(data)
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        if begin and not hadoop:
            status = cc_snappy_xerial_header(&out)
        while at < view.len and status == CC_OK:
            size = min(<Py_ssize_t>CC_SNAPPY_BLOCK, view.len - at)
            block = compress(whole[at:at + size])
            text = block
            compressed = cc_bytes_of(text, <size_t>len(block))
            if hadoop:
                status = cc_snappy_hadoop_block(compressed, <uint32_t>size, &out)
            else:
                status = cc_snappy_xerial_block(compressed, &out)
            at += size
        if status != CC_OK:
            raise MemoryError()
        return _take(&out)
    finally:
        cc_buffer_free(&out)
        PyBuffer_Release(&view)


def crc32(data, uint32_t value=0):
    """CRC-32 (IEEE), continued from `value`."""
    cdef Py_buffer view
    cdef uint32_t result
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        with nogil:
            result = cc_crc32(value, view.buf, <size_t>view.len)
        return result
    finally:
        PyBuffer_Release(&view)


cdef void _release_array(object capsule) noexcept:
    cdef ArrowArray *array = <ArrowArray *>PyCapsule_GetPointer(capsule, "arrow_array")
    if array.release is not NULL:
        array.release(array)
    free(array)


@cython.final
cdef class ArrowBatch:
    """Finished columns; handed over once through the Arrow C data interface."""
    cdef object schema
    cdef object array

    def __arrow_c_array__(self, requested_schema=None):
        if self.array is None:
            raise ValueError("this batch was handed over already")
        array, self.array = self.array, None
        return self.schema.__arrow_c_schema__(), array


@cython.final
cdef class Columns:
    """JSON records to Arrow columns in one pass."""
    cdef cc_columns *columns
    cdef object schema
    cdef bint busy

    def __cinit__(self, schema, *, bint case_insensitive=True, bint dots_as_underscores=False,
                  bint strict=False, bint millis=False, bint every_attribute=False,
                  bint orc_times=False):
        cdef cc_error error
        cdef unsigned flags = 0
        flags |= CC_COLUMNS_CASE_INSENSITIVE if case_insensitive else 0
        flags |= CC_COLUMNS_DOTS_AS_UNDERSCORES if dots_as_underscores else 0
        flags |= CC_COLUMNS_STRICT if strict else 0
        flags |= CC_COLUMNS_MILLIS if millis else 0
        flags |= CC_COLUMNS_EVERY_ATTRIBUTE if every_attribute else 0
        flags |= CC_COLUMNS_ORC_TIMES if orc_times else 0
        self.schema = schema
        capsule = schema.__arrow_c_schema__()
        check(cc_columns_open(<const ArrowSchema *>PyCapsule_GetPointer(capsule, "arrow_schema"),
                              flags, &self.columns, &error), &error)

    def __dealloc__(self):
        cc_columns_close(self.columns)

    cdef int claim(self) except -1:
        if self.busy:
            raise RuntimeError("two threads use one Columns")
        self.busy = True
        return 0

    @property
    def rows(self):
        """Rows in the columns so far."""
        return cc_columns_rows(self.columns)

    cdef int report(self, list out, object number, cc_status status, cc_error *error) except -1:
        if status == CC_ERR_SERIALIZATION:
            code = "DataFormatConversion.ParseError"
        elif status == CC_ERR_VALIDATION:
            code = "DataFormatConversion.MalformedData"
        else:
            check(status, error)
        out.append((number, code, (<bytes>error.message).decode("utf-8", "replace")))
        return 0

    def append(self, payload):
        """Append a framed batch; returns [(index, code, reason)] of the records that are not good."""
        cdef Py_buffer view
        cdef size_t position = 0
        cdef cc_bytes record, data
        cdef c_bool more = True
        cdef cc_error error
        cdef cc_status status = CC_OK
        cdef Py_ssize_t index = 0
        cdef bint broken
        cdef list out = []
        self.claim()
        PyObject_GetBuffer(payload, &view, PyBUF_SIMPLE)
        try:
            data = cc_bytes_of(view.buf, <size_t>view.len)
            while True:
                with nogil:
                    broken = False
                    while True:
                        status = cc_records_next(data, &position, &record, &more, &error)
                        if status != CC_OK:
                            broken = True
                            break
                        if not more:
                            break
                        index += 1
                        status = cc_columns_append(self.columns, record, &error)
                        if status != CC_OK:
                            break
                if broken:
                    check(status, &error)
                if status == CC_OK:
                    return out
                self.report(out, index - 1, status, &error)
        finally:
            self.busy = False
            PyBuffer_Release(&view)

    def append_lines(self, data, Py_ssize_t first_line=1):
        """Append NDJSON, a record a line; returns [(line, code, reason)] of the lines that are not good."""
        cdef Py_buffer view
        cdef const uint8_t *at
        cdef const uint8_t *end
        cdef const uint8_t *stop
        cdef cc_error error
        cdef cc_status status = CC_OK
        cdef Py_ssize_t line = first_line - 1
        cdef size_t size
        cdef list out = []
        self.claim()
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            at = <const uint8_t *>view.buf
            end = at + view.len
            while at < end:
                with nogil:
                    while at < end:
                        stop = <const uint8_t *>memchr(at, 10, <size_t>(end - at))
                        if stop is NULL:
                            stop = end
                        size = <size_t>(stop - at)
                        line += 1
                        status = CC_OK
                        if size != 0 and not (size == 1 and at[0] == 13):
                            status = cc_columns_append(self.columns, cc_bytes_of(at, size), &error)
                        at = stop + 1
                        if status != CC_OK:
                            break
                if status != CC_OK:
                    self.report(out, line, status, &error)
            return out
        finally:
            self.busy = False
            PyBuffer_Release(&view)

    def append_items(self, page):
        """Append the items of a Page (cloudcore._table), a row each; ValueError for one that does not fit, in
        front of which all are appended."""
        cdef Items items
        cdef cc_error error
        cdef cc_status status = CC_OK
        self.claim()
        try:
            items = Items(page)
            with nogil:
                while status == CC_OK and items.next():
                    status = cc_columns_append_item(self.columns, items.item, &error)
            if status == CC_ERR_VALIDATION:
                raise ValueError((<bytes>error.message).decode("utf-8", "replace"))
            check(status, &error)
        finally:
            self.busy = False

    def finish(self):
        """The columns so far as an ArrowBatch; starts again empty."""
        cdef cc_error error
        cdef cc_status status
        cdef ArrowBatch batch = ArrowBatch.__new__(ArrowBatch)
        cdef ArrowArray *array = <ArrowArray *>calloc(1, sizeof(ArrowArray))
        if array is NULL:
            raise MemoryError()
        self.claim()
        try:
            with nogil:
                status = cc_columns_finish(self.columns, array, &error)
        finally:
            self.busy = False
        batch.schema = self.schema
        batch.array = PyCapsule_New(array, "arrow_array", _release_array)
        check(status, &error)
        return batch


include "infer.pxi"
include "parquet.pxi"
include "orc.pxi"
include "transform.pxi"
