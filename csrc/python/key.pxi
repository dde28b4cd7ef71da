# key.pxi: the key of a point operation straight out of a dict, without an item in between.

from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE


cdef bint plain_part(cc_type want, bint is_sort, PyObject *value, cc_arena *arena, cc_bytes *part_out,
                     cc_error *error) noexcept:
    """One key value of {"S": str}, {"N": str} or {"B": bytes}; false for anything else.

    Runs under the store's lock: it makes no Python objects and calls no Python code.
    """
    cdef Py_ssize_t position = 0, size = 0
    cdef PyObject *name = NULL
    cdef PyObject *content = NULL
    cdef const char *data
    cdef uint8_t *payload
    cdef uint32_t length
    cdef size_t number_size = 0
    cdef cc_value made
    if type(<object>value) is not dict or not PyDict_Next(<object>value, &position, &name, &content):
        return False
    if len(<dict><object>value) != 1 or type(<object>name) is not str:
        return False
    try:
        data = PyUnicode_AsUTF8AndSize(<object>name, &size)
        if size != 1 or data[0] != (c"S" if want == CC_TYPE_S else c"N" if want == CC_TYPE_N else c"B"):
            return False
        if want == CC_TYPE_B:
            if type(<object>content) is not bytes:
                return False
            data, size = PyBytes_AS_STRING(<object>content), PyBytes_GET_SIZE(<object>content)
        elif type(<object>content) is str:
            data = PyUnicode_AsUTF8AndSize(<object>content, &size)
        else:
            return False
    except BaseException:
        return False
    if size == 0:
        return False
    payload = <uint8_t *>cc_arena_alloc(arena, <size_t>size + 32)
    if payload == NULL:
        return False
    if want == CC_TYPE_N:
        if cc_number_parse(cc_bytes_of(data, <size_t>size), payload + 1, &number_size, error) != CC_OK:
            return False
        payload[0] = <uint8_t>number_size
        made.payload = cc_bytes_of(payload, number_size + 1)
    else:
        length = <uint32_t>size
        memcpy(payload, &length, 4)
        memcpy(payload + 4, data, <size_t>size)
        made.payload = cc_bytes_of(payload, <size_t>size + 4)
    made.type = want
    return cc_key_part(want, is_sort, made, arena, part_out, error) == CC_OK


cdef bint plain_key(const cc_key_schema *schema, object key, cc_arena *arena, cc_key *key_out,
                    cc_error *error) noexcept:
    """The key of a dict with exactly the key attributes; false sends the caller the long way."""
    cdef Py_ssize_t position = 0, size = 0
    cdef PyObject *name = NULL
    cdef PyObject *value = NULL
    cdef cc_bytes text
    cdef int wanted = 1 if schema.sort_name.size == 0 else 2, found = 0
    if len(<dict>key) != wanted:
        return False
    key_out.sort.data = NULL
    key_out.sort.size = 0
    while PyDict_Next(key, &position, &name, &value):
        if type(<object>name) is not str:
            return False
        try:
            text.data = <const uint8_t *>PyUnicode_AsUTF8AndSize(<object>name, &size)
        except BaseException:
            return False
        text.size = <size_t>size
        if cc_bytes_equal(text, schema.partition_name):
            if not plain_part(schema.partition_type, False, value, arena, &key_out.partition, error):
                return False
            found |= 1
        elif wanted == 2 and cc_bytes_equal(text, schema.sort_name):
            if not plain_part(schema.sort_type, True, value, arena, &key_out.sort, error):
                return False
            found |= 2
        else:
            return False
    return found == (1 if wanted == 1 else 3)


# ---- native values ----

ctypedef struct KeyParts:
    cc_value values[2]  # partition, sort
    int count


cdef bint native_part(PyObject *value, cc_arena *arena, cc_value *made) noexcept:
    """One key value of an exact str, int or bytes, in the arena; false for anything else."""
    cdef cc_bytes data
    cdef uint8_t *payload
    cdef uint32_t length
    cdef int overflow = 0
    cdef long long small
    if exact_int(value):
        small = int_value(value, &overflow)
        payload = <uint8_t *>cc_arena_alloc(arena, CC_NUMBER_MAX + 1)
        if overflow != 0 or payload == NULL:
            return False
        payload[0] = <uint8_t>cc_number_from_int64(small, payload + 1)
        made.type = CC_TYPE_N
        made.payload = cc_bytes_of(payload, <size_t>payload[0] + 1)
        return True
    if exact_bytes(value):
        made.type = CC_TYPE_B
        data = cc_bytes_of(bytes_data(value), <size_t>bytes_size(value))
    elif flat_text(value, &data):
        made.type = CC_TYPE_S
    else:
        return False
    payload = <uint8_t *>cc_arena_alloc(arena, data.size + 4)
    if payload == NULL or data.size == 0 or data.size > 4096:
        return False
    length = <uint32_t>data.size
    memcpy(payload, &length, 4)
    memcpy(payload + 4, data.data, data.size)
    made.payload = cc_bytes_of(payload, data.size + 4)
    return True


cdef bint native_parts(tuple key, cc_arena *arena, KeyParts *parts) noexcept:
    cdef Py_ssize_t i, count = PyTuple_GET_SIZE(key)
    parts.count = <int>count
    if count < 1 or count > 2:
        return False
    for i in range(count):
        if not native_part(<PyObject *>PyTuple_GET_ITEM(key, i), arena, &parts.values[i]):
            return False
    return True


cdef bint key_of_parts(const cc_key_schema *schema, const KeyParts *parts, cc_arena *arena, cc_key *key_out,
                       cc_error *error) noexcept:
    """The key, when the parts are those that the table's schema asks for."""
    key_out.sort.data = NULL
    key_out.sort.size = 0
    if parts.count != (1 if schema.sort_name.size == 0 else 2):
        return False
    if cc_key_part(schema.partition_type, False, parts.values[0], arena, &key_out.partition, error) != CC_OK:
        return False
    return parts.count == 1 or cc_key_part(schema.sort_type, True, parts.values[1], arena, &key_out.sort,
                                           error) == CC_OK
