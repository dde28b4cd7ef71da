# transform.pxi: the events and answers of a Firehose transform (csrc/ingest/transform.h); part of _stream.

cdef extern from "ingest/transform.h" nogil:
    enum:
        CC_RECORD_WHOLE
    ctypedef struct cc_json_cursor:
        pass
    ctypedef struct cc_record_id:
        uint64_t sequence
        uint32_t part
    ctypedef struct cc_transform_names:
        cc_bytes data
        cc_bytes origin
    ctypedef enum cc_fate:
        CC_FATE_OK
        CC_FATE_DROPPED
        CC_FATE_OTHER
    cc_json_cursor cc_json_open(cc_bytes text)
    cc_status cc_transform_record(cc_buffer *event, const cc_transform_names *names, cc_record_id id,
                                  uint64_t arrival_ms, cc_bytes data, cc_bytes origin)
    cc_status cc_transform_begin(cc_json_cursor *answer, cc_error *error)
    cc_status cc_transform_next(cc_json_cursor *answer, c_bool *first, const cc_transform_names *names,
                                cc_record_id id, cc_fate *fate, cc_buffer *data, cc_bytes *json,
                                cc_error *error)
    cc_status cc_transform_end(cc_json_cursor *answer, c_bool first, cc_error *error)


cdef cc_record_id _identity(sequences, list parts, Py_ssize_t at) except *:
    cdef cc_record_id out
    out.sequence = sequences[at]
    out.part = CC_RECORD_WHOLE
    if parts is not None and parts[at] is not None:
        out.part = parts[at]
    return out


cdef cc_bytes _span(bytes text):
    cdef const char *at = text
    return cc_bytes_of(at, <size_t>len(text))


def transform_event(bytes head, bytes data_name, bytes origin_name, sequences, list parts, list arrivals,
                    list records, list origins):
    """See _stream.pyi."""
    cdef cc_buffer out = cc_buffer(NULL, 0, 0)
    cdef cc_transform_names names
    cdef cc_bytes origin = cc_bytes_of(NULL, 0)
    cdef Py_ssize_t at
    cdef cc_status status = CC_OK
    cdef bytes record
    names.data = _span(data_name)
    names.origin = _span(origin_name)
    try:
        status = cc_buffer_append(&out, <const char *>head, <size_t>len(head))
        for at in range(len(records)):
            record = records[at]
            if origins is not None:
                origin = _span(origins[at])
            if at and status == CC_OK:
                status = cc_buffer_append(&out, b",", 1)
            if status == CC_OK:
                status = cc_transform_record(&out, &names, _identity(sequences, parts, at), arrivals[at],
                                             _span(record), origin)
        if status == CC_OK:
            status = cc_buffer_append(&out, b"]}", 2)
        if status != CC_OK:
            raise MemoryError()
        return _take(&out)
    finally:
        cc_buffer_free(&out)


def transform_answer(answer, bytes data_name, sequences, list parts):
    """See _stream.pyi."""
    cdef Py_buffer view
    cdef cc_buffer data = cc_buffer(NULL, 0, 0)
    cdef cc_transform_names names
    cdef cc_json_cursor cursor
    cdef cc_bytes json
    cdef cc_error error
    cdef cc_fate fate = CC_FATE_OTHER
    cdef c_bool first = True
    cdef Py_ssize_t at
    cdef list fates = []
    cdef dict others = {}
    names.data = _span(data_name)
    names.origin = cc_bytes_of(NULL, 0)
    PyObject_GetBuffer(answer, &view, PyBUF_SIMPLE)
    try:
        cursor = cc_json_open(cc_bytes_of(view.buf, <size_t>view.len))
        if _unusual(cc_transform_begin(&cursor, &error)):
            return None
        for at in range(len(sequences)):
            if _unusual(cc_transform_next(&cursor, &first, &names, _identity(sequences, parts, at), &fate,
                                          &data, &json, &error)):
                return None
            if fate == CC_FATE_OK:
                fates.append(_take(&data))
                continue
            fates.append(None)
            if fate == CC_FATE_OTHER:
                others[at] = PyBytes_FromStringAndSize(<const char *>json.data, <Py_ssize_t>json.size)
        return None if _unusual(cc_transform_end(&cursor, first, &error)) else (fates, others)
    finally:
        cc_buffer_free(&data)
        PyBuffer_Release(&view)


cdef bint _unusual(cc_status status) except -1:
    if status == CC_ERR_NOMEM:
        raise MemoryError()
    return status != CC_OK
