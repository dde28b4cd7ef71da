# parquet.pxi: ParquetWriter, Arrow batches to a Parquet file (csrc/parquet), and what it shares with orc.pxi;
# included by _stream.pyx.
from cpython.buffer cimport PyBUF_READ, PyBuffer_FillInfo
from cpython.memoryview cimport PyMemoryView_FromMemory

from os import urandom as _urandom

cdef extern from "parquet/parquet.h" nogil:
    ctypedef struct cc_parquet:
        pass
    ctypedef cc_status (*cc_parquet_compress)(void *context, cc_bytes page, cc_buffer *out,
                                              cc_error *error) noexcept
    ctypedef struct cc_parquet_options:
        int codec
        cc_parquet_compress compress
        void *context
        c_bool dictionary
        c_bool v2
        size_t page_bytes
        size_t dictionary_bytes
        uint64_t seed
    cc_status cc_parquet_open(const ArrowSchema *schema, const cc_parquet_options *options, cc_parquet **out,
                              cc_error *error)
    void cc_parquet_close(cc_parquet *parquet)
    cc_status cc_parquet_append(cc_parquet *parquet, const ArrowArray *batch, cc_error *error)
    uint64_t cc_parquet_group_bytes(const cc_parquet *parquet)
    cc_status cc_parquet_end_group(cc_parquet *parquet, cc_buffer *out, cc_error *error)
    cc_status cc_parquet_finish(cc_parquet *parquet, cc_bytes key, cc_bytes value, cc_buffer *out,
                                cc_error *error)

_CODECS = {"UNCOMPRESSED": 0, "SNAPPY": 1, "GZIP": 2, "ZSTD": 6}
cdef uint64_t _seed = int.from_bytes(_urandom(8), "little")


cdef cc_status _compress_page(void *context, cc_bytes page, cc_buffer *out,
                              cc_error *error) noexcept with gil:
    """The writer's `compress`; what it raises is raised by the call that needed the page."""
    cdef _Writer writer = <_Writer>context
    cdef Py_buffer view
    cdef cc_status status
    try:
        made = writer.compress(PyMemoryView_FromMemory(<char *>page.data, <Py_ssize_t>page.size, PyBUF_READ))
        PyObject_GetBuffer(made, &view, PyBUF_SIMPLE)
        status = cc_buffer_append(out, view.buf, <size_t>view.len)
        PyBuffer_Release(&view)
        return status
    except BaseException as raised:
        writer.raised = raised
        return CC_ERR_ARGUMENT


@cython.final
cdef class _Part:
    """Bytes of a file, without a copy of what the encoder wrote."""
    cdef cc_buffer bytes

    def __getbuffer__(self, Py_buffer *view, int flags):
        PyBuffer_FillInfo(view, self, self.bytes.data, <Py_ssize_t>self.bytes.size, 1, flags)

    def __dealloc__(self):
        cc_buffer_free(&self.bytes)


cdef class _Writer:
    """What the writers of columnar files share: the codec in Python, and that one thread at a time works."""
    cdef object compress
    cdef object raised
    cdef bint busy

    cdef int claim(self) except -1:
        if self.busy:
            raise RuntimeError(f"two threads use one {type(self).__name__}")
        self.busy = True
        return 0

    cdef int done(self, cc_status status, cc_error *error) except -1:
        self.busy = False
        if self.raised is not None:
            raised, self.raised = self.raised, None
            raise raised
        return check(status, error)


@cython.final
cdef class ParquetWriter(_Writer):
    """Arrow record batches to the bytes of a Parquet file."""
    cdef cc_parquet *parquet

    def __cinit__(self, schema, str codec not None, compress=None, *, bint dictionary=True, bint v2=False,
                  size_t page_bytes=1 << 20, size_t dictionary_bytes=128 << 10):
        cdef cc_error error
        cdef cc_parquet_options options
        options.codec = _CODECS[codec]
        options.compress = _compress_page
        options.context = <void *>self
        options.dictionary = dictionary
        options.v2 = v2
        options.page_bytes = page_bytes
        options.dictionary_bytes = dictionary_bytes
        options.seed = _seed
        self.compress = compress
        capsule = schema.__arrow_c_schema__()
        check(cc_parquet_open(<const ArrowSchema *>PyCapsule_GetPointer(capsule, "arrow_schema"), &options,
                              &self.parquet, &error), &error)

    def __dealloc__(self):
        cc_parquet_close(self.parquet)

    @property
    def group_bytes(self):
        """Bytes of the row group in hand, encoded but not compressed."""
        return cc_parquet_group_bytes(self.parquet)

    def append(self, batch):
        """Encode the rows of a batch."""
        cdef cc_error error
        cdef cc_status status
        cdef const ArrowArray *array
        schema, capsule = batch.__arrow_c_array__()
        array = <const ArrowArray *>PyCapsule_GetPointer(capsule, "arrow_array")
        self.claim()
        with nogil:
            status = cc_parquet_append(self.parquet, array, &error)
        self.done(status, &error)

    def append_columns(self, Columns columns not None):
        """Encode the rows of a Columns, which is empty then."""
        cdef cc_error error
        cdef cc_status status
        cdef cc_status cleared
        cdef ArrowArray array
        self.claim()
        columns.claim()
        array.release = NULL
        with nogil:
            status = cc_columns_lend(columns.columns, &array, &error)
            if status == CC_OK:
                status = cc_parquet_append(self.parquet, &array, &error)
            if array.release is not NULL:
                array.release(&array)
            cleared = cc_columns_clear(columns.columns, &error)
        columns.busy = False
        self.done(status if status != CC_OK else cleared, &error)

    def end_group(self):
        """End the row group in hand; the next bytes of the file."""
        cdef cc_error error
        cdef cc_status status
        cdef _Part part = _Part.__new__(_Part)
        self.claim()
        with nogil:
            status = cc_parquet_end_group(self.parquet, &part.bytes, &error)
        self.done(status, &error)
        return memoryview(part)

    def finish(self, bytes key not None=b"", bytes value not None=b""):
        """End the file; its last bytes."""
        cdef cc_error error
        cdef cc_status status
        cdef _Part part = _Part.__new__(_Part)
        cdef const char *c_key = key
        cdef const char *c_value = value
        cdef size_t key_size = <size_t>len(key)
        cdef size_t value_size = <size_t>len(value)
        self.claim()
        with nogil:
            status = cc_parquet_finish(self.parquet, cc_bytes_of(c_key, key_size),
                                       cc_bytes_of(c_value, value_size), &part.bytes, &error)
        self.done(status, &error)
        return memoryview(part)
