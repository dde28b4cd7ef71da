# native.pxi: native Python values to encoded items and back, with nothing in between.
#
# In: str S; int and Decimal N; bytes, bytearray and memoryview B; bool BOOL; None NULL; list and tuple L;
# any mapping M; sets of one kind SS, NS or BS; what has __index__ counts as int. A float is refused, as
# boto3 refuses it, unless `floats` is asked for: then it is the decimal of its shortest digits.
# Out: an integral number is an int, another one a Decimal, or with `floats` the nearest float.
from decimal import Decimal as _Decimal

from cpython.long cimport PyLong_AsLongLongAndOverflow

cdef extern from "Python.h":
    bint exact_int "PyLong_CheckExact"(PyObject *o)
    long long int_value "PyLong_AsLongLongAndOverflow"(PyObject *o, int *overflow)
    bint PyIndex_Check(object o)
    PyObject *none_object "Py_None"


cdef int native_number(object value, bint floats, uint8_t *number, size_t *size, cc_error *error) except -1:
    """The encoding of an int, Decimal or (asked for) float."""
    cdef int overflow = 0
    cdef long long small
    if isinstance(value, int):
        small = PyLong_AsLongLongAndOverflow(value, &overflow)
        if overflow == 0:
            size[0] = cc_number_from_int64(small, number)
            return 0
        try:
            text = "%d" % value
        except ValueError:  # thousands of digits
            raise _refuse("Attempting to store more than 38 significant digits in a Number") from None
    elif isinstance(value, float):
        if not floats:
            raise _errors.UnsupportedValue("float types are not supported; use Decimal instead")
        return check(cc_number_from_double(value, number, size, error), error)
    else:
        if not value.is_finite():
            raise _errors.UnsupportedValue("Infinity and NaN are not supported")
        text = str(value)
    return check(cc_number_parse(utf8_of(text), number, size, error), error)


cdef int native_set(cc_item_writer *writer, object members, bint floats, cc_error *error) except -1:
    cdef cc_type kind
    cdef uint8_t number[CC_NUMBER_MAX]
    cdef char text[176]
    cdef size_t size = 0
    if not members:
        raise _errors.UnsupportedValue("an empty set has no type in DynamoDB")
    if all(isinstance(m, str) for m in members):
        kind = CC_TYPE_SS
    elif all(isinstance(m, (bytes, bytearray)) for m in members):
        kind = CC_TYPE_BS
    elif all(isinstance(m, (int, float, _Decimal)) and not isinstance(m, bool) for m in members):
        kind = CC_TYPE_NS
    else:
        raise _errors.UnsupportedValue("the members of a set must be all str, all numbers or all bytes")
    check(cc_item_begin_set(writer, kind, error), error)
    for member in members:
        if kind == CC_TYPE_BS:
            put_blob(writer, member, True, error)
        elif kind == CC_TYPE_SS:
            check(cc_item_set_member(writer, utf8_of(member), error), error)
        else:
            native_number(member, floats, number, &size, error)
            size = cc_number_text(cc_bytes_of(number, size), text)
            check(cc_item_set_member(writer, cc_bytes_of(text, size), error), error)
    return check(cc_item_end_container(writer, error), error)


cdef int native_attributes(cc_item_writer *writer, object attributes, bint floats, cc_error *error) except -1:
    for name, value in attributes.items():
        if not isinstance(name, str):
            raise _errors.UnsupportedValue("names of attributes are str, not "
                                           f"{type(name).__name__}: {name!r}")
        check(cc_item_name(writer, utf8_of(name), error), error)
        try:
            native_value(writer, value, floats, error)
        except _errors.UnsupportedValue as refusal:
            refusal.path.insert(0, name)
            raise
    return 0


cdef int native_list(cc_item_writer *writer, object elements, bint floats, cc_error *error) except -1:
    check(cc_item_begin_list(writer, error), error)
    for at, element in enumerate(elements):
        try:
            native_value(writer, element, floats, error)
        except _errors.UnsupportedValue as refusal:
            refusal.path.insert(0, at)
            raise
    return check(cc_item_end_container(writer, error), error)


cdef int native_value(cc_item_writer *writer, object value, bint floats, cc_error *error) except -1:
    cdef uint8_t number[CC_NUMBER_MAX]
    cdef size_t size = 0
    cdef cc_value nested
    if isinstance(value, str):
        return check(cc_item_put_string(writer, utf8_of(value), error), error)
    if value is None:
        return check(cc_item_put_null(writer, error), error)
    if isinstance(value, bool):
        return check(cc_item_put_bool(writer, value is True, error), error)
    if isinstance(value, (int, _Decimal, float)):
        native_number(value, floats, number, &size, error)
        return check(cc_item_put_number(writer, cc_bytes_of(number, size), error), error)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return put_blob(writer, value, False, error)
    if isinstance(value, (list, tuple)):
        return native_list(writer, value, floats, error)
    if isinstance(value, (set, frozenset)):
        return native_set(writer, value, floats, error)
    if isinstance(value, Item):
        nested.type, nested.payload = CC_TYPE_M, (<Item>value).content()
        return check(cc_item_put_value(writer, nested, error), error)
    if isinstance(value, Mapping):
        check(cc_item_begin_map(writer, error), error)
        native_attributes(writer, value, floats, error)
        return check(cc_item_end_container(writer, error), error)
    if PyIndex_Check(value):
        return native_value(writer, value.__index__(), floats, error)
    if type(value).__name__ == "Binary" and isinstance(getattr(value, "value", None), (bytes, bytearray)):
        return put_blob(writer, value.value, False, error)  # boto3's wrapper of bytes
    raise _errors.UnsupportedValue(f"unsupported type {type(value).__name__!r} for value {value!r}")


cdef inline bint native_flat(PyObject *value, cc_flat_attribute *one, uint8_t *number) noexcept:
    """One value of the types that most are of; a number is encoded into `number`."""
    cdef int overflow = 0
    cdef long long small
    if flat_text(value, &one.data):
        one.type = CC_TYPE_S
        return True
    if exact_int(value):
        small = int_value(value, &overflow)
        one.type = CC_TYPE_N
        one.data = cc_bytes_of(number, 0)
        if overflow == 0:
            one.data.size = cc_number_from_int64(small, number)
        return overflow == 0
    if value == true_object or value == false_object:
        one.type = CC_TYPE_BOOL
        one.data = cc_bytes_of(&_BOOLS[value == true_object], 1)
        return True
    if value == none_object:
        one.type = CC_TYPE_NULL
        one.data = cc_bytes_of(NULL, 0)
        return True
    if exact_bytes(value):
        one.type = CC_TYPE_B
        one.data = cc_bytes_of(bytes_data(value), <size_t>bytes_size(value))
        return True
    return False


cdef int encode_native(object attributes, bint floats, cc_buffer *out, cc_arena *arena,
                       cc_error *error) except -1:
    """Appends one encoded item."""
    cdef cc_item_writer writer
    cdef size_t before = out.size
    if encode_flat(<PyObject *>attributes, out, True):
        return 0
    if isinstance(attributes, Item):
        return append_bytes(out, (<Item>attributes).content())
    if not isinstance(attributes, Mapping):
        raise TypeError(f"an item is a mapping of attribute names to values, not {type(attributes).__name__}")
    cc_item_writer_init(&writer, out, arena)
    try:
        check(cc_item_begin(&writer, error), error)
        native_attributes(&writer, attributes, floats, error)
        return check(cc_item_end(&writer, error), error)
    except BaseException:
        out.size = before
        raise


cdef int append_bytes(cc_buffer *out, cc_bytes data) except -1:
    if cc_buffer_append(out, data.data, data.size) != CC_OK:
        raise MemoryError()
    return 0


# ---- out ----

cdef object native_number_object(cc_bytes number, bint floats):
    cdef int64_t whole = 0
    cdef char text[176]
    cdef size_t size
    if cc_number_to_int64(number, &whole):
        return whole
    size = cc_number_text(number, text)
    if memchr(text, c".", size) == NULL:
        return int(PyUnicode_FromStringAndSize(text, <Py_ssize_t>size))
    if floats:
        return cc_number_to_double(number)
    return _Decimal(PyUnicode_FromStringAndSize(text, <Py_ssize_t>size))


cdef object native_set_object(cc_value value, bint floats):
    cdef size_t position = 0
    cdef cc_bytes member
    members = set()
    while cc_set_next(value, &position, &member):
        if value.type == CC_TYPE_SS:
            members.add(text_object(member))
        elif value.type == CC_TYPE_NS:
            members.add(native_number_object(member, floats))
        else:
            members.add(PyBytes_FromStringAndSize(<char *>member.data, <Py_ssize_t>member.size))
    return members


cdef object native_list_object(cc_value value, bint floats):
    cdef cc_value element
    cdef uint32_t i = 0
    elements = []
    while cc_list_at(value, i, &element):
        elements.append(native_object(element, floats))
        i += 1
    return elements


cdef object native_object(cc_value value, bint floats):
    """The native Python value."""
    cdef cc_bytes data
    if value.type == CC_TYPE_S:
        return text_object(cc_value_bytes(value))
    if value.type == CC_TYPE_N:
        return native_number_object(cc_value_bytes(value), floats)
    if value.type == CC_TYPE_BOOL:
        return True if cc_value_bool(value) else False
    if value.type == CC_TYPE_NULL:
        return None
    if value.type == CC_TYPE_B:
        data = cc_value_bytes(value)
        return PyBytes_FromStringAndSize(<char *>data.data, <Py_ssize_t>data.size)
    if value.type == CC_TYPE_M:
        return native_item_object(value.payload, floats)
    if value.type == CC_TYPE_L:
        return native_list_object(value, floats)
    return native_set_object(value, floats)


cdef dict native_item_object(cc_bytes item, bint floats):
    """The dict of native values of an encoded item."""
    cdef uint32_t i, hash_, count = cc_item_count(item)
    cdef cc_bytes name
    cdef cc_value value
    cdef dict result = __Pyx_PyDict_NewPresized(presized(count))
    for i in range(count):
        cc_item_at(item, i, &name, &value)
        memcpy(&hash_, item.data + 8 + 8 * <size_t>i, 4)  # the directory of item.h starts with it
        PyDict_SetItem(result, name_object(hash_, name), native_object(value, floats))
    return result
