# flat.pxi: the short way from a dict, of DynamoDB JSON or native values, to an item without nesting.
#
# Reads the dicts with borrowed references and hands all attributes to cc_item_write_flat at once.
# Anything unusual, right or wrong, is left to encode_item (item.pxi) or encode_native (native.pxi), which
# word refusals.

cdef extern from "Python.h":
    bint exact_dict "PyDict_CheckExact"(PyObject *o)
    bint exact_str "PyUnicode_CheckExact"(PyObject *o)
    bint exact_bytes "PyBytes_CheckExact"(PyObject *o)
    bint compact_ascii "PyUnicode_IS_COMPACT_ASCII"(PyObject *o)
    Py_ssize_t str_length "PyUnicode_GET_LENGTH"(PyObject *o)
    const uint8_t *str_data "PyUnicode_DATA"(PyObject *o)
    const char *str_utf8 "PyUnicode_AsUTF8AndSize"(PyObject *o, Py_ssize_t *size)
    const uint8_t *bytes_data "PyBytes_AS_STRING"(PyObject *o)
    Py_ssize_t bytes_size "PyBytes_GET_SIZE"(PyObject *o)
    PyObject *true_object "Py_True"
    PyObject *false_object "Py_False"
    void clear_error "PyErr_Clear"()
    void keep "Py_INCREF"(PyObject *o)
    void let_go "Py_XDECREF"(PyObject *o)

cdef enum:
    KNOWN = 1024
    ORDERS = 64

# Names by the address of their str, which is mostly an interned one; held, so no other takes the address.
ctypedef struct KnownName:
    PyObject *text
    cc_bytes name
    uint32_t hash

cdef KnownName _known[KNOWN]
cdef uint8_t _orders[ORDERS][CC_FLAT_MAX]  # the last sorted order of names whose hashes fold alike
cdef uint8_t[2] _BOOLS = [0, 1]


cdef bint learn_name(KnownName *known, PyObject *text) noexcept:
    cdef PyObject *replaced = known.text
    if not exact_str(text) or not compact_ascii(text) or str_length(text) > 64:
        return False
    keep(text)
    known.text = text
    known.name = cc_bytes_of(str_data(text), <size_t>str_length(text))
    known.hash = cc_name_hash(known.name)
    let_go(replaced)
    return True


cdef inline bint flat_text(PyObject *text, cc_bytes *data_out) noexcept:
    cdef Py_ssize_t size = 0
    if not exact_str(text):
        return False
    if compact_ascii(text):
        data_out[0] = cc_bytes_of(str_data(text), <size_t>str_length(text))
        return True
    data_out.data = <const uint8_t *>str_utf8(text, &size)
    data_out.size = <size_t>size
    if data_out.data == NULL:
        clear_error()
    return data_out.data != NULL


cdef inline bint flat_value(PyObject *value, cc_flat_attribute *one, uint8_t *number) noexcept:
    """One value of a type without members; a number is encoded into `number`."""
    cdef Py_ssize_t position = 0
    cdef PyObject *kind = NULL
    cdef PyObject *content = NULL
    cdef cc_bytes text
    cdef const uint8_t *letter
    if not exact_dict(value) or dict_size(value) != 1:
        return False
    dict_next(value, &position, &kind, &content)
    if not exact_str(kind) or not compact_ascii(kind):
        return False
    letter = str_data(kind)
    if str_length(kind) == 1:
        if letter[0] == c"S":
            one.type = CC_TYPE_S
            return flat_text(content, &one.data)
        if letter[0] == c"N":
            one.type = CC_TYPE_N
            one.data.data = number
            return flat_text(content, &text) and cc_number_parse(text, number, &one.data.size, NULL) == CC_OK
        if letter[0] == c"B" and exact_bytes(content):
            one.type = CC_TYPE_B
            one.data = cc_bytes_of(bytes_data(content), <size_t>bytes_size(content))
            return True
        return False
    if str_length(kind) != 4:
        return False
    if memcmp(letter, b"BOOL", 4) == 0 and (content == true_object or content == false_object):
        one.type = CC_TYPE_BOOL
        one.data = cc_bytes_of(&_BOOLS[content == true_object], 1)
        return True
    if memcmp(letter, b"NULL", 4) == 0 and content == true_object:
        one.type = CC_TYPE_NULL
        one.data = cc_bytes_of(NULL, 0)
        return True
    return False


cdef bint encode_flat(PyObject *attributes, cc_buffer *out, bint native) noexcept:
    """Appends the item, of native values or DynamoDB JSON; false, with nothing appended, when the general
    way must do it."""
    cdef cc_flat_attribute flat[CC_FLAT_MAX]
    cdef uint8_t numbers[CC_FLAT_MAX][CC_NUMBER_MAX]
    cdef Py_ssize_t position = 0
    cdef PyObject *name = NULL
    cdef PyObject *value = NULL
    cdef KnownName *known
    cdef uint32_t count = 0, fold = 0
    if not CC_GIL or not exact_dict(attributes) or dict_size(attributes) > CC_FLAT_MAX:
        return False
    while dict_next(attributes, &position, &name, &value):
        known = &_known[(<size_t>name >> 4) & (KNOWN - 1)]
        if known.text != name and not learn_name(known, name):
            return False
        flat[count].name = known.name
        flat[count].hash = known.hash
        if native:
            if not native_flat(value, &flat[count], numbers[count]):
                return False
        elif not flat_value(value, &flat[count], numbers[count]):
            return False
        fold ^= known.hash
        count += 1
    return cc_item_write_flat(flat, count, _orders[fold & (ORDERS - 1)], out)
