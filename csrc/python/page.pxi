# page.pxi: Page, the items of one page of a query or scan, encoded, end to end.

from cpython.buffer cimport PyBuffer_FillInfo

cdef extern from "base/hash.h" nogil:
    uint64_t cc_hash64(const void *data, size_t size, uint64_t seed)


@cython.final
cdef class Page:
    """Encoded items end to end, in the order in which they were read; its buffer is read-only. len() counts
    the items."""
    cdef cc_buffer data
    cdef size_t count

    def __dealloc__(self):
        cc_buffer_free(&self.data)

    def __len__(self):
        return <Py_ssize_t>self.count

    def __getbuffer__(self, Py_buffer *view, int flags):
        PyBuffer_FillInfo(view, self, self.data.data, <Py_ssize_t>self.data.size, 1, flags)

    def __releasebuffer__(self, Py_buffer *view):
        pass

    @property
    def nbytes(self):
        """Bytes of the encoded items."""
        return <Py_ssize_t>self.data.size

    def items(self, str shape="native", bint floats=False):
        """A list of the items as dicts ("native" or "dynamodb") or Items ("view")."""
        cdef int form = form_of(shape, floats)
        cdef size_t at = 0
        cdef cc_bytes item
        if form == FORM_PAGE:
            raise ValueError("a page is made of items, not of pages")
        cdef int collects = PyGC_Disable()  # as in reply_object
        items = []
        try:
            while page_next(self, &at, &item):
                items.append(formed(item, form))
        finally:
            if collects:
                PyGC_Enable()
        return items

    def head(self, Py_ssize_t count):
        """A page of the first `count` items."""
        cdef size_t at = 0, taken_ = 0
        cdef cc_bytes item
        cdef Page page = Page.__new__(Page)
        while <Py_ssize_t>taken_ < count and page_next(self, &at, &item):
            taken_ += 1
        append_bytes(&page.data, cc_bytes_of(self.data.data, at))
        page.count = taken_
        return page

    def checksum(self):
        """The sum of the items' hashes, modulo 2^64: that of equal items is equal, in whatever order they,
        their attributes and the members of their sets come, and however their numbers are spelled."""
        cdef uint64_t total = 0
        cdef size_t at = 0
        cdef cc_bytes item
        with nogil:
            while page_next(self, &at, &item):
                total += cc_hash64(item.data, item.size, 0)
        return total

    def to_json_lines(self, *, bint dynamodb=False):
        """An item a line, as Item.to_json writes it; bytes."""
        cdef cc_buffer out
        cdef cc_status status = CC_OK
        cdef size_t at = 0
        cdef cc_bytes item
        out.data, out.size, out.capacity = NULL, 0, 0
        with nogil:
            while status == CC_OK and page_next(self, &at, &item):
                status = cc_item_to_json(item, &out) if dynamodb else cc_item_to_plain_json(item, &out)
                if status == CC_OK:
                    status = cc_buffer_append(&out, b"\n", 1)
        return taken(&out, status)


cdef inline bint page_next(Page page, size_t *at, cc_bytes *item_out) noexcept nogil:
    """The item that begins at `at`, which moves behind it; false at the end."""
    cdef uint32_t size
    if at[0] >= page.data.size:
        return False
    memcpy(&size, page.data.data + at[0], 4)  # an item begins with its size
    item_out[0] = cc_bytes_of(page.data.data + at[0], size)
    at[0] += size
    return True


cdef Page page_of(const cc_bytes *items, size_t count):
    cdef Page page = Page.__new__(Page)
    cdef size_t i, size = 0
    for i in range(count):
        size += items[i].size
    if cc_buffer_reserve(&page.data, size) != CC_OK:
        raise MemoryError()
    for i in range(count):
        memcpy(page.data.data + page.data.size, items[i].data, items[i].size)
        page.data.size += items[i].size
    page.count = count
    return page
