# infer.pxi: the schema that a set of items would have as columns.

from libc.string cimport memcpy

cdef extern from "ingest/infer.h" nogil:
    ctypedef struct cc_infer_node:
        cc_bytes name
        cc_infer_node **fields
        uint32_t field_count
        cc_infer_node *element
    ctypedef struct cc_infer:
        cc_infer_node root
    ctypedef enum cc_numbers:
        CC_NUMBERS_EXACT
        CC_NUMBERS_FLOAT
        CC_NUMBERS_DECIMAL
    void cc_infer_init(cc_infer *infer)
    void cc_infer_free(cc_infer *infer)
    cc_status cc_infer_item(cc_infer *infer, cc_bytes item, cc_error *error)
    void cc_infer_format(const cc_infer_node *node, cc_numbers numbers, c_bool documents_as_json, char *out)

_NUMBERS = {"exact": CC_NUMBERS_EXACT, "float": CC_NUMBERS_FLOAT, "decimal": CC_NUMBERS_DECIMAL}


@cython.final
cdef class Items:
    """The items of a Page, one after the other. Its bytes are trusted: only C makes pages."""
    cdef Py_buffer view
    cdef bint held
    cdef size_t at
    cdef cc_bytes item

    def __cinit__(self, page):
        from cloudcore._table import Page

        if type(page) is not Page:
            raise TypeError(f"expected a Page, not {type(page).__name__}")
        PyObject_GetBuffer(page, &self.view, PyBUF_SIMPLE)
        self.held = True

    def __dealloc__(self):
        if self.held:
            PyBuffer_Release(&self.view)

    cdef bint next(self) noexcept nogil:
        cdef uint32_t size
        if self.at >= <size_t>self.view.len:
            return False
        memcpy(&size, <const char *>self.view.buf + self.at, 4)  # an item begins with its size
        self.item = cc_bytes_of(<const char *>self.view.buf + self.at, size)
        self.at += size
        return True


@cython.final
cdef class Inference:
    """The types that the attributes of items have, for a schema that takes them all."""
    cdef cc_infer infer
    cdef bint busy

    def __cinit__(self):
        cc_infer_init(&self.infer)

    def __dealloc__(self):
        cc_infer_free(&self.infer)

    def add(self, page):
        """Look at the items of a Page (cloudcore._table)."""
        cdef Items items = Items(page)
        cdef cc_error error
        cdef cc_status status = CC_OK
        if self.busy:
            raise RuntimeError("two threads use one Inference")
        self.busy = True
        try:
            with nogil:
                while status == CC_OK and items.next():
                    status = cc_infer_item(&self.infer, items.item, &error)
        finally:
            self.busy = False
        check(status, &error)

    def fields(self, str numbers="exact", bint documents_as_json=False):
        """[(name, format, children)] of the attributes seen, sorted by name: Arrow's format or "json", and
        the fields of a struct, or the one element of a list."""
        if numbers not in _NUMBERS:
            raise ValueError(f"numbers is {', '.join(_NUMBERS)}, not {numbers!r}")
        return _fields_of(&self.infer.root, _NUMBERS[numbers], documents_as_json)


cdef list _fields_of(const cc_infer_node *node, cc_numbers numbers, bint documents_as_json):
    cdef uint32_t i
    return sorted(_field_of(node.fields[i], numbers, documents_as_json) for i in range(node.field_count))


cdef tuple _field_of(const cc_infer_node *node, cc_numbers numbers, bint documents_as_json):
    cdef char text[16]
    cc_infer_format(node, numbers, documents_as_json, text)
    name = PyBytes_FromStringAndSize(<const char *>node.name.data, <Py_ssize_t>node.name.size).decode()
    form = (<bytes>text).decode("ascii")
    if form == "+s":
        return name, form, _fields_of(node, numbers, documents_as_json)
    if form == "+l":
        return name, form, [_field_of(node.element, numbers, documents_as_json)]
    return name, form, []
