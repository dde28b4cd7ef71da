# item.pxi: DynamoDB-JSON dicts to encoded items and back, without anything in between.
#
# In: {"name": {"S": "text"}}, read with PyDict_Next straight into the item writer. B and BS take any
# bytes-like object, sets and lists any list, tuple, set or frozenset.
# Out: dicts with shared type names and attribute names (a small cache by name hash).
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.dict cimport PyDict_Next
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF, Py_XDECREF
from libc.string cimport memcmp, memcpy

cdef extern from "Python.h":
    const char *PyUnicode_AsUTF8AndSize(object text, Py_ssize_t *size) except NULL
    object PyUnicode_FromStringAndSize(const char *text, Py_ssize_t size)
    object PyUnicode_InternFromString(const char *text)
    int PyDict_SetItem(object d, object key, object value) except -1
    int PyGC_Disable()
    int PyGC_Enable()
    bint PyUnicode_CheckExact(object o)
    bint PyUnicode_Check(object o)
    bint PyDict_Check(object o)
    object PyUnicode_New(Py_ssize_t size, uint32_t largest)
    void *PyUnicode_DATA(object text)
    # The same calls on borrowed references, which Cython would count.
    bint dict_next "PyDict_Next"(PyObject *d, Py_ssize_t *position, PyObject **key, PyObject **value)
    Py_ssize_t dict_size "PyDict_GET_SIZE"(PyObject *d)
    Py_ssize_t refcount_of "Py_REFCNT"(PyObject *o)

cdef extern from *:
    """
    #ifdef Py_GIL_DISABLED
    #define CC_GIL 0
    #else
    #define CC_GIL 1
    #endif
    """
    enum: CC_GIL  # what one GIL guards is kept between calls: names, orders, dicts

    # Cython's own name for a dict with room; n <= 8 would give an empty one that grows on the way.
    dict __Pyx_PyDict_NewPresized(Py_ssize_t n)

cdef str _S = "S", _N = "N", _B = "B", _BOOL = "BOOL", _NULL = "NULL"
cdef str _SS = "SS", _NS = "NS", _BS = "BS", _L = "L", _M = "M"

# Attribute names as str, by the name's hash; entries are replaced as they collide.
cdef enum:
    NAMES = 1024

ctypedef struct Name:
    PyObject *text
    const char *data  # its UTF-8, borrowed from text
    size_t size

cdef Name _names[NAMES]


cdef object _refuse(str message):
    return _errors.ApiError("ValidationException", message)


cdef inline cc_bytes utf8_of(object text) except *:
    """The UTF-8 of a str, borrowed from it."""
    cdef Py_ssize_t size = 0
    cdef const char *data
    if not PyUnicode_Check(text):
        raise _refuse("Parameter validation failed: Invalid type %s, expected str"
                      % type(text).__name__)
    data = PyUnicode_AsUTF8AndSize(text, &size)
    return cc_bytes_of(data, <size_t>size)


cdef int put_blob(cc_item_writer *writer, object data, bint member, cc_error *error) except -1:
    cdef Py_buffer view
    cdef cc_status status
    if isinstance(data, str):
        raise _refuse("Parameter validation failed: Invalid type str, expected bytes")
    try:
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    except (TypeError, BufferError):
        raise _refuse("Parameter validation failed: Invalid type %s, expected bytes"
                      % type(data).__name__) from None
    if member:
        status = cc_item_set_member(writer, cc_bytes_of(view.buf, <size_t>view.len), error)
    else:
        status = cc_item_put_binary(writer, cc_bytes_of(view.buf, <size_t>view.len), error)
    PyBuffer_Release(&view)
    return check(status, error)


cdef int put_members(cc_item_writer *writer, cc_type kind, object members, cc_error *error) except -1:
    if not isinstance(members, (list, tuple, set, frozenset)):
        raise _refuse("Parameter validation failed: Invalid type %s, expected list"
                      % type(members).__name__)
    check(cc_item_begin_set(writer, kind, error), error)
    for member in members:
        if kind == CC_TYPE_BS:
            put_blob(writer, member, True, error)
        else:
            check(cc_item_set_member(writer, utf8_of(member), error), error)
    check(cc_item_end_container(writer, error), error)
    return 0


cdef int put_attributes(cc_item_writer *writer, object attributes, cc_error *error) except -1:
    cdef Py_ssize_t position = 0
    cdef PyObject *name = NULL
    cdef PyObject *value = NULL
    if not PyDict_Check(attributes):
        raise _refuse("Parameter validation failed: Invalid type %s, expected dict"
                      % type(attributes).__name__)
    while PyDict_Next(attributes, &position, &name, &value):
        check(cc_item_name(writer, utf8_of(<object>name), error), error)
        put_value(writer, <object>value, error)
    return 0


cdef int put_container(cc_item_writer *writer, const char *kind, Py_ssize_t size, object content,
                       cc_error *error) except -1:
    """The types behind S, N and B: BOOL, NULL, sets, lists and maps."""
    if size == 1 and kind[0] == c"M":
        check(cc_item_begin_map(writer, error), error)
        put_attributes(writer, content, error)
        return check(cc_item_end_container(writer, error), error)
    if size == 1 and kind[0] == c"L":
        if not isinstance(content, (list, tuple)):
            raise _refuse("Parameter validation failed: Invalid type %s, expected list"
                          % type(content).__name__)
        check(cc_item_begin_list(writer, error), error)
        for element in content:
            put_value(writer, element, error)
        return check(cc_item_end_container(writer, error), error)
    if size == 4 and memcmp(kind, b"BOOL", 4) == 0:
        if content is not True and content is not False:
            raise _refuse("Parameter validation failed: Invalid type %s, expected bool"
                          % type(content).__name__)
        return check(cc_item_put_bool(writer, content is True, error), error)
    if size == 4 and memcmp(kind, b"NULL", 4) == 0:
        if content is not True:
            raise _refuse("One or more parameter values were invalid: "
                          "Null attribute value types must have the value of true")
        return check(cc_item_put_null(writer, error), error)
    if size == 2 and kind[1] == c"S":
        if kind[0] == c"S":
            return put_members(writer, CC_TYPE_SS, content, error)
        if kind[0] == c"N":
            return put_members(writer, CC_TYPE_NS, content, error)
        if kind[0] == c"B":
            return put_members(writer, CC_TYPE_BS, content, error)
    raise _refuse("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")


cdef int put_value(cc_item_writer *writer, object value, cc_error *error) except -1:
    cdef Py_ssize_t position = 0, size = 0
    cdef PyObject *name = NULL
    cdef PyObject *content = NULL
    cdef const char *kind
    if not PyDict_Check(value):
        raise _refuse("Parameter validation failed: Invalid type %s, expected dict"
                      % type(value).__name__)
    if len(<dict>value) != 1:
        if not value:
            raise _refuse("Supplied AttributeValue is empty, must contain exactly one of the "
                          "supported datatypes")
        raise _refuse("Supplied AttributeValue has more than one datatypes set, must contain exactly "
                      "one of the supported datatypes")
    PyDict_Next(value, &position, &name, &content)
    kind = PyUnicode_AsUTF8AndSize(<object>name, &size)
    if size == 1:
        if kind[0] == c"S":
            return check(cc_item_put_string(writer, utf8_of(<object>content), error), error)
        if kind[0] == c"N":
            return check(cc_item_put_number_text(writer, utf8_of(<object>content), error), error)
        if kind[0] == c"B":
            return put_blob(writer, <object>content, False, error)
    return put_container(writer, kind, size, <object>content, error)


include "flat.pxi"


cdef int encode_item(object attributes, cc_buffer *out, cc_arena *arena, cc_error *error) except -1:
    """Appends one encoded item."""
    cdef cc_item_writer writer
    if encode_flat(<PyObject *>attributes, out, False):
        return 0
    cc_item_writer_init(&writer, out, arena)
    check(cc_item_begin(&writer, error), error)
    put_attributes(&writer, attributes, error)
    return check(cc_item_end(&writer, error), error)


# ---- out ----

cdef inline Py_ssize_t presized(Py_ssize_t count) noexcept:
    # CPython makes dicts for up to 5 and up to 10 keys; asked for 6 to 8 it would make the small one.
    return count if count <= 5 or count > 8 else 9


cdef inline bint is_ascii(const uint8_t *data, size_t size) noexcept:
    cdef uint64_t word, all_ = 0
    cdef size_t i = 0
    while i + 8 <= size:
        memcpy(&word, data + i, 8)
        all_ |= word
        i += 8
    while i < size:
        all_ |= data[i]
        i += 1
    return (all_ & <uint64_t>0x8080808080808080) == 0


cdef inline object text_object(cc_bytes text):
    """A str of checked UTF-8; ASCII, which most is, without the decoder."""
    if text.size < 2 or not is_ascii(text.data, text.size):
        return PyUnicode_FromStringAndSize(<const char *>text.data, <Py_ssize_t>text.size)
    made = PyUnicode_New(<Py_ssize_t>text.size, 127)
    memcpy(PyUnicode_DATA(made), text.data, text.size)
    return made


cdef inline object name_object(uint32_t hash_, cc_bytes name):
    cdef Name *known = &_names[hash_ & (NAMES - 1)]
    cdef PyObject *replaced
    cdef Py_ssize_t size = 0
    if known.text != NULL and known.size == name.size and memcmp(known.data, name.data, name.size) == 0:
        return <object>known.text
    text = PyUnicode_FromStringAndSize(<const char *>name.data, <Py_ssize_t>name.size)
    if name.size <= 64 and CC_GIL:
        replaced = known.text
        known.data = PyUnicode_AsUTF8AndSize(text, &size)
        known.size = <size_t>size
        Py_INCREF(text)
        known.text = <PyObject *>text
        Py_XDECREF(replaced)
    return text


cdef inline object number_object(cc_bytes number):
    cdef char text[176]
    return text_object(cc_bytes_of(text, cc_number_text(number, text)))


cdef object set_object(cc_value value):
    cdef size_t position = 0
    cdef cc_bytes member
    members = []
    while cc_set_next(value, &position, &member):
        if value.type == CC_TYPE_SS:
            members.append(text_object(member))
        elif value.type == CC_TYPE_NS:
            members.append(number_object(member))
        else:
            members.append(PyBytes_FromStringAndSize(<char *>member.data, <Py_ssize_t>member.size))
    return members


cdef object list_object(cc_value value):
    cdef cc_value element
    cdef uint32_t i = 0
    elements = []
    while cc_list_at(value, i, &element):
        elements.append(value_object(element))
        i += 1
    return elements


cdef object value_object(cc_value value):
    """{"S": "text"} of one value."""
    cdef cc_bytes data
    cdef dict result = {}
    if value.type == CC_TYPE_S:
        PyDict_SetItem(result, _S, text_object(cc_value_bytes(value)))
    elif value.type == CC_TYPE_N:
        PyDict_SetItem(result, _N, number_object(cc_value_bytes(value)))
    elif value.type == CC_TYPE_B:
        data = cc_value_bytes(value)
        PyDict_SetItem(result, _B, PyBytes_FromStringAndSize(<char *>data.data, <Py_ssize_t>data.size))
    elif value.type == CC_TYPE_BOOL:
        PyDict_SetItem(result, _BOOL, True if cc_value_bool(value) else False)
    elif value.type == CC_TYPE_NULL:
        PyDict_SetItem(result, _NULL, True)
    elif value.type == CC_TYPE_M:
        PyDict_SetItem(result, _M, item_object(value.payload))
    elif value.type == CC_TYPE_L:
        PyDict_SetItem(result, _L, list_object(value))
    elif value.type == CC_TYPE_SS:
        PyDict_SetItem(result, _SS, set_object(value))
    elif value.type == CC_TYPE_NS:
        PyDict_SetItem(result, _NS, set_object(value))
    else:
        PyDict_SetItem(result, _BS, set_object(value))
    return result


cdef dict item_object(cc_bytes item):
    """The DynamoDB-JSON dict of an encoded item."""
    cdef uint32_t i, hash_, count = cc_item_count(item)
    cdef cc_bytes name
    cdef cc_value value
    cdef dict one, result = __Pyx_PyDict_NewPresized(presized(count))
    for i in range(count):
        cc_item_at(item, i, &name, &value)
        memcpy(&hash_, item.data + 8 + 8 * <size_t>i, 4)  # the directory of item.h starts with it
        if value.type == CC_TYPE_S:  # most attributes: without a call in between
            one = {}
            PyDict_SetItem(one, _S, text_object(cc_value_bytes(value)))
            PyDict_SetItem(result, name_object(hash_, name), one)
        else:
            PyDict_SetItem(result, name_object(hash_, name), value_object(value))
    return result
