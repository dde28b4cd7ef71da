# orc.pxi: OrcWriter, Arrow batches to an ORC file (csrc/orc); included by _stream.pyx behind parquet.pxi.
from array import array as _array

cdef extern from "orc/orc.h" nogil:
    ctypedef struct cc_orc:
        pass
    ctypedef cc_status (*cc_orc_compress)(void *context, cc_bytes block, cc_buffer *out,
                                          cc_error *error) noexcept
    ctypedef struct cc_orc_options:
        int codec
        cc_orc_compress compress
        void *context
        c_bool v11
        size_t block_bytes
        uint32_t stride
        double dictionary_threshold
        const uint32_t *bloom_fields
        size_t bloom_count
        double bloom_probability
        uint64_t seed
    cc_status cc_orc_open(const ArrowSchema *schema, const cc_orc_options *options, cc_orc **out,
                          cc_error *error)
    void cc_orc_close(cc_orc *orc)
    cc_status cc_orc_append(cc_orc *orc, const ArrowArray *batch, cc_error *error)
    uint64_t cc_orc_stripe_bytes(const cc_orc *orc)
    cc_status cc_orc_end_stripe(cc_orc *orc, cc_buffer *out, cc_error *error)
    cc_status cc_orc_finish(cc_orc *orc, cc_buffer *out, cc_error *error)

_ORC_CODECS = {"NONE": 0, "ZLIB": 1, "SNAPPY": 2}


@cython.final
cdef class OrcWriter(_Writer):
    """Arrow record batches to the bytes of an ORC file."""
    cdef cc_orc *orc

    def __cinit__(self, schema, str codec not None, compress=None, *, bint v11=False,
                  size_t block_bytes=1 << 16, uint32_t stride=10_000, double dictionary_threshold=0.0,
                  bloom_fields=(), double bloom_probability=0.05):
        cdef cc_error error
        cdef cc_orc_options options
        fields = _array("I", bloom_fields)
        cdef Py_buffer view
        options.codec = _ORC_CODECS[codec]
        options.compress = _compress_page
        options.context = <void *>self
        options.v11 = v11
        options.block_bytes = block_bytes
        options.stride = stride
        options.dictionary_threshold = dictionary_threshold
        options.bloom_probability = bloom_probability
        options.seed = _seed
        self.compress = compress
        capsule = schema.__arrow_c_schema__()
        PyObject_GetBuffer(fields, &view, PyBUF_SIMPLE)
        options.bloom_fields = <const uint32_t *>view.buf
        options.bloom_count = <size_t>view.len // sizeof(uint32_t)
        try:
            check(cc_orc_open(<const ArrowSchema *>PyCapsule_GetPointer(capsule, "arrow_schema"), &options,
                              &self.orc, &error), &error)
        finally:
            PyBuffer_Release(&view)

    def __dealloc__(self):
        cc_orc_close(self.orc)

    @property
    def stripe_bytes(self):
        """Bytes of the stripe in hand before compression."""
        return cc_orc_stripe_bytes(self.orc)

    def append(self, batch):
        """Encode the rows of a batch."""
        cdef cc_error error
        cdef cc_status status
        cdef const ArrowArray *array
        schema, capsule = batch.__arrow_c_array__()
        array = <const ArrowArray *>PyCapsule_GetPointer(capsule, "arrow_array")
        self.claim()
        with nogil:
            status = cc_orc_append(self.orc, array, &error)
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
                status = cc_orc_append(self.orc, &array, &error)
            if array.release is not NULL:
                array.release(&array)
            cleared = cc_columns_clear(columns.columns, &error)
        columns.busy = False
        self.done(status if status != CC_OK else cleared, &error)

    def end_stripe(self):
        """End the stripe in hand; the next bytes of the file."""
        cdef cc_error error
        cdef cc_status status
        cdef _Part part = _Part.__new__(_Part)
        self.claim()
        with nogil:
            status = cc_orc_end_stripe(self.orc, &part.bytes, &error)
        self.done(status, &error)
        return memoryview(part)

    def finish(self):
        """End the file; its last bytes."""
        cdef cc_error error
        cdef cc_status status
        cdef _Part part = _Part.__new__(_Part)
        self.claim()
        with nogil:
            status = cc_orc_finish(self.orc, &part.bytes, &error)
        self.done(status, &error)
        return memoryview(part)
