# bulk.pxi: Loader, many items into one table: from Python values, lines of JSON, Arrow columns or pages.
#
# Items are encoded into a page of PAGE_BYTES without the GIL where the source is no Python object, and stored
# from there in turns of the store's lock. What is refused is reported by where it came from.
from cpython.pycapsule cimport PyCapsule_GetPointer

cdef extern from "base/arrow.h" nogil:
    cdef struct ArrowSchema:
        int64_t n_children
    cdef struct ArrowArray:
        int64_t length

cdef extern from "ingest/lines.h" nogil:
    ctypedef enum cc_lines_form:
        CC_LINES_PLAIN
        CC_LINES_DYNAMODB
        CC_LINES_EXPORT
    ctypedef struct cc_lines:
        size_t position
        uint64_t line
    cc_status cc_lines_next(cc_bytes text, cc_lines_form form, cc_lines *lines, size_t enough,
                            cc_arena *scratch, cc_buffer *out, cc_buffer *numbers_out, cc_error *error)

cdef extern from "ingest/rows.h" nogil:
    ctypedef struct cc_rows
    cc_status cc_rows_open(const ArrowSchema *schema, const cc_type *wanted, bint keep_nulls,
                           cc_rows **rows_out, cc_error *error)
    void cc_rows_close(cc_rows *rows)
    cc_status cc_rows_append(cc_rows *rows, const ArrowArray *array, int64_t row, cc_arena *scratch,
                             cc_buffer *out, cc_error *error)

cdef enum:
    PAGE_BYTES = 1 << 18   # encoded, before they are stored
    PENDING_ITEMS = 1000   # of Python values

_LINE_FORMS = {"json": CC_LINES_PLAIN, "dynamodb-json": CC_LINES_DYNAMODB, "dynamodb-export": CC_LINES_EXPORT}


def page_of_lines(data, str form="dynamodb-json"):
    """The items of NDJSON as a Page, encoded; forms as in Loader.lines. Raises ApiError for a bad line."""
    cdef Page page = Page.__new__(Page)
    cdef cc_lines lines
    cdef cc_buffer numbers
    cdef cc_arena arena
    cdef cc_error error
    cdef cc_bytes text
    cdef Py_buffer view
    cdef cc_lines_form c_form
    cdef cc_status status
    if form not in _LINE_FORMS:
        raise ValueError(f"lines are {', '.join(_LINE_FORMS)}, not {form!r}")
    c_form = _LINE_FORMS[form]
    memset(&lines, 0, sizeof(lines))
    memset(&numbers, 0, sizeof(numbers))
    error.message[0] = error.type[0] = 0
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    cc_arena_init(&arena, 1 << 16)
    try:
        text = cc_bytes_of(view.buf, <size_t>view.len)
        with nogil:
            status = cc_lines_next(text, c_form, &lines, <size_t>-1, &arena, &page.data,
                                   &numbers, &error)
        check(status, &error)
        page.count = numbers.size // 8
    finally:
        cc_arena_free(&arena)
        cc_buffer_free(&numbers)
        PyBuffer_Release(&view)
    return page


def page_of_items(items, bint floats=False):
    """Mappings of native values as a Page, encoded. Raises UnsupportedValue, ApiError."""
    cdef Page page = Page.__new__(Page)
    cdef cc_arena arena
    cdef cc_error error
    error.message[0] = error.type[0] = 0
    cc_arena_init(&arena, 1 << 12)
    try:
        for item in items:
            encode_native(item, floats, &page.data, &arena, &error)
            page.count += 1
    finally:
        cc_arena_free(&arena)
    return page


@cython.final
cdef class Loader:
    """Puts and deletes of one table, stored many at a time; see cloudcore.dynamodb.load.

    Every method that stores gives [(where, code, message)] of what was refused: the number that the caller
    gave or counts by. All else is stored, as durable as the store's mode when the method returns.
    loading: the table may be one that an import fills. counts: `units` is kept.
    """
    cdef Tables tables
    cdef readonly str name
    cdef readonly bint floats
    cdef readonly uint64_t stored  # items, deletes among them
    cdef readonly uint64_t units  # write units of the items stored
    cdef bint loading, counts
    cdef cc_buffer items, deletes, numbers  # encoded; a byte each; a uint64_t each
    cdef cc_rows *rows
    cdef object schema
    cdef bint busy

    def __init__(self, Tables tables, str name, bint floats=False, bint loading=False, bint counts=False):
        self.tables, self.name, self.floats = tables, name, floats
        self.loading, self.counts = loading, counts

    def __dealloc__(self):
        cc_buffer_free(&self.items)
        cc_buffer_free(&self.deletes)
        cc_buffer_free(&self.numbers)
        cc_rows_close(self.rows)

    @property
    def waiting(self):
        """Items that the next flush() stores."""
        return self.numbers.size // 8

    cdef Scratch *claim(self) except NULL:
        cdef Scratch *scratch
        if self.busy:
            raise RuntimeError("two threads use one loader")
        scratch = self.tables.enter()
        self.busy = True
        return scratch

    cdef void release(self, Scratch *scratch) noexcept:
        self.busy = False
        self.tables.leave(scratch)

    cdef void forget(self) noexcept:
        cc_buffer_clear(&self.items)
        cc_buffer_clear(&self.deletes)
        cc_buffer_clear(&self.numbers)

    cdef int note(self, list refused, uint64_t number, cc_status status, cc_error *error) except -1:
        """One item's refusal; any other failure is raised."""
        if status != CC_ERR_VALIDATION and status != CC_ERR_SERIALIZATION:
            check(status, error)
        made = error_of(status, error)
        refused.append((number, made.code, made.message))
        return 0

    cdef int store(self, Scratch *scratch, cc_bytes items, list refused) except -1:
        """Stores `items`, whose numbers are self.numbers (none: from 0 on), and waits for the disk."""
        cdef cc_bulk bulk
        cdef cc_status status = CC_OK
        cdef cc_bytes name = utf8_of(self.name)
        cdef const uint8_t *deletes = self.deletes.data if self.deletes.size != 0 else NULL
        cdef uint64_t number
        memset(&bulk, 0, sizeof(bulk))
        bulk.loading, bulk.counts = self.loading, self.counts
        while bulk.position < items.size:
            with nogil:
                while status == CC_OK and bulk.position < items.size:
                    cc_arena_reset(&scratch.arena)
                    status = cc_table_bulk(self.tables.tables, name, items, deletes, &bulk, &scratch.arena,
                                           &scratch.error)
            if status != CC_OK:
                number = bulk.index - 1
                if self.numbers.size != 0 and status == CC_ERR_VALIDATION:
                    memcpy(&number, self.numbers.data + 8 * number, 8)
                self.note(refused, number, status, &scratch.error)
                self.stored -= 1
                status = CC_OK
        self.stored += bulk.index
        self.units += bulk.units
        with nogil:
            status = cc_table_bulk_finish(self.tables.tables, &bulk, &scratch.error)
        return check(status, &scratch.error)

    # ---- Python values ----

    def put(self, item, uint64_t number=0):
        """Encode an item of native values; True when it is time to flush(). Raises as TableDoor.put."""
        return self.take(item, number)

    def extend(self, items):
        """put() for what an iterator gives, until it ends (False) or it is time to flush() (True)."""
        for item in items:
            if self.take(item, 0):
                return True
        return False

    cdef bint take(self, item, uint64_t number) except -1:
        cdef Scratch *scratch = self.claim()
        try:
            encode_native(item, self.floats, &self.items, &scratch.arena, &scratch.error)
            self.add(0, number)
            return self.items.size >= PAGE_BYTES or self.numbers.size >= 8 * PENDING_ITEMS
        finally:
            self.release(scratch)

    def delete(self, key, uint64_t number=0):
        """The same for the deletion of the item of a key, a mapping of exactly the key's attributes."""
        cdef Scratch *scratch = self.claim()
        try:
            encode_native(key, self.floats, &self.items, &scratch.arena, &scratch.error)
            self.add(1, number)
            return self.items.size >= PAGE_BYTES or self.numbers.size >= 8 * PENDING_ITEMS
        finally:
            self.release(scratch)

    cdef int add(self, uint8_t is_delete, uint64_t number) except -1:
        append_bytes(&self.deletes, cc_bytes_of(&is_delete, 1))
        append_bytes(&self.numbers, cc_bytes_of(&number, 8))
        return 0

    def flush(self):
        """Store what put() and delete() took. When the store itself fails, nothing of it waits any longer."""
        cdef list refused = []
        cdef Scratch *scratch = self.claim()
        try:
            self.store(scratch, cc_buffer_bytes(&self.items), refused)
        finally:
            self.forget()
            self.release(scratch)
        return refused

    # ---- without a Python object for an item ----

    def page(self, Page page):
        """Store the items of a page; `where` is the place in it."""
        cdef list refused = []
        cdef Scratch *scratch = self.claim()
        try:
            self.store(scratch, cc_buffer_bytes(&page.data), refused)
        finally:
            self.release(scratch)
        return refused

    def lines(self, data, str form="json", uint64_t first_line=1, bint stop=False):
        """Store NDJSON, an item a line: "json", "dynamodb-json" or "dynamodb-export" (ingest/lines.h).

        stop: the first line that is none of the form (SerializationException) is the last one looked at.
        """
        cdef cc_lines_form c_form
        cdef cc_lines lines
        cdef cc_bytes text
        cdef Py_buffer view
        cdef cc_status status
        cdef list refused = []
        cdef Scratch *scratch
        if form not in _LINE_FORMS:
            raise ValueError(f"lines are {', '.join(_LINE_FORMS)}, not {form!r}")
        c_form = _LINE_FORMS[form]
        lines.position, lines.line = 0, first_line - 1
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            scratch = self.claim()
            try:
                text = cc_bytes_of(view.buf, <size_t>view.len)
                while lines.position < text.size:
                    with nogil:
                        status = cc_lines_next(text, c_form, &lines, PAGE_BYTES, &scratch.arena, &self.items,
                                               &self.numbers, &scratch.error)
                    if status != CC_OK:
                        self.note(refused, lines.line, status, &scratch.error)
                        if stop and status == CC_ERR_SERIALIZATION:
                            break
                    elif self.items.size != 0:
                        self.store(scratch, cc_buffer_bytes(&self.items), refused)
                        self.forget()
                if self.items.size != 0:
                    self.store(scratch, cc_buffer_bytes(&self.items), refused)
            finally:
                self.forget()
                self.release(scratch)
        finally:
            PyBuffer_Release(&view)
        return sorted(refused)

    def columns(self, schema, wanted, bint keep_nulls=False):
        """The Arrow schema of the batches to come; `wanted`: {column: DynamoDB type that it is to become}."""
        cdef cc_error error
        cdef cc_rows *rows = NULL
        cdef cc_type *types
        cdef Py_ssize_t i, count
        error.message[0] = error.type[0] = 0
        names = list(schema.names)
        count = len(names)
        capsule = schema.__arrow_c_schema__()
        types = <cc_type *>calloc(<size_t>count + 1, sizeof(cc_type))
        if types == NULL:
            raise MemoryError()
        try:
            for i in range(count):
                if names[i] in wanted:
                    types[i] = cc_type_from_name(utf8_of(wanted[names[i]]))
                    if types[i] == CC_TYPE_NONE:
                        raise ValueError(f"{wanted[names[i]]!r} is no type of DynamoDB's")
            check(cc_rows_open(<const ArrowSchema *>PyCapsule_GetPointer(capsule, "arrow_schema"), types,
                               keep_nulls, &rows, &error), &error)
        finally:
            free(types)
        cc_rows_close(self.rows)
        self.rows = rows
        self.schema = schema

    def batch(self, batch, uint64_t first_row=0):
        """Store a batch of those columns (what has __arrow_c_array__), an item a row."""
        cdef const ArrowArray *array
        cdef int64_t row = 0
        cdef uint64_t number
        cdef cc_status status
        cdef list refused = []
        cdef Scratch *scratch
        if self.rows == NULL:
            raise ValueError("columns() says first what the batches hold")
        capsules = batch.__arrow_c_array__(self.schema.__arrow_c_schema__())
        array = <const ArrowArray *>PyCapsule_GetPointer(capsules[1], "arrow_array")
        scratch = self.claim()
        try:
            while row < array.length:
                status = CC_OK
                with nogil:
                    while status == CC_OK and row < array.length and self.items.size < PAGE_BYTES:
                        number = first_row + <uint64_t>row
                        status = cc_rows_append(self.rows, array, row, &scratch.arena, &self.items,
                                                &scratch.error)
                        row += 1
                        if status == CC_OK:
                            status = cc_buffer_append(&self.numbers, &number, 8)
                if status != CC_OK:
                    self.note(refused, number, status, &scratch.error)
                elif self.items.size != 0:
                    self.store(scratch, cc_buffer_bytes(&self.items), refused)
                    self.forget()
            if self.items.size != 0:
                self.store(scratch, cc_buffer_bytes(&self.items), refused)
        finally:
            self.forget()
            self.release(scratch)
        return sorted(refused)
