/* records.c: see records.h. */
#include "ingest/records.h"

#include "codec/json.h"

cc_status cc_records_next(cc_bytes payload, size_t *position, cc_bytes *record_out, bool *more_out,
                          cc_error *error) {
    *more_out = *position < payload.size;
    *record_out = (cc_bytes){NULL, 0};
    if (!*more_out)
        return CC_OK;
    uint32_t size;
    if (payload.size - *position >= 4) {
        memcpy(&size, payload.data + *position, 4);
        if (size <= payload.size - *position - 4) {
            *record_out = cc_bytes_of(payload.data + *position + 4, size);
            *position += 4 + (size_t)size;
            return CC_OK;
        }
    }
    if (error != NULL)
        error->position = *position;
    return cc_fail(error, CC_ERR_CORRUPT, "a record batch ends inside a record");
}

cc_status cc_records_append(cc_buffer *payload, cc_bytes record) {
    uint32_t size = (uint32_t)record.size;
    CC_TRY(cc_buffer_reserve(payload, 4 + record.size));
    memcpy(payload->data + payload->size, &size, 4);
    if (size != 0)
        memcpy(payload->data + payload->size + 4, record.data, size);
    payload->size += 4 + (size_t)size;
    return CC_OK;
}

uint64_t cc_records_units(cc_bytes payload, uint32_t unit) {
    uint64_t units = 0;
    for (size_t at = 0; payload.size - at >= 4;) {
        uint32_t size;
        memcpy(&size, payload.data + at, 4);
        units += ((uint64_t)size + unit - 1) / unit;
        if (payload.size - at - 4 < size)
            break;
        at += 4 + (size_t)size;
    }
    return units;
}

cc_status cc_records_concat(cc_bytes payload, cc_bytes delimiter, cc_buffer *out, cc_error *error) {
    size_t position = 0;
    bool more;
    cc_bytes record;
    for (;;) {
        CC_TRY(cc_records_next(payload, &position, &record, &more, error));
        if (!more)
            return CC_OK;
        CC_TRY(cc_buffer_append(out, record.data, record.size));
        CC_TRY(cc_buffer_append(out, delimiter.data, delimiter.size));
    }
}

static cc_status no_memory(cc_error *error) { return cc_fail(error, CC_ERR_NOMEM, "no memory for records"); }

/* "Data": base64, decoded in place behind the size word. */
static cc_status read_data(cc_json_cursor *cursor, cc_arena *arena, cc_buffer *payload, cc_error *error) {
    cc_json_string string;
    cc_bytes text;
    if (cc_json_peek(cursor) != CC_JSON_STRING)
        return cc_fail_aws(error, CC_ERR_SERIALIZATION, "SerializationException",
                           "Record data must be a base64 string");
    CC_TRY(cc_json_read_string(cursor, &string, error));
    CC_TRY(cc_json_text(string, arena, &text, error));
    if (cc_buffer_reserve(payload, 4 + text.size / 4 * 3 + 3) != CC_OK)
        return no_memory(error);
    size_t size = 0;
    if (!cc_base64_decode(text, payload->data + payload->size + 4, &size))
        return cc_fail_aws(error, CC_ERR_SERIALIZATION, "SerializationException",
                           "Record data is not valid base64");
    if (size > CC_RECORD_SIZE_MAX)
        return cc_fail_aws(error, CC_ERR_VALIDATION, "ValidationException",
                           "1 validation error detected: Value at 'record.data' failed to satisfy "
                           "constraint: Member must have length less than or equal to 1024000");
    uint32_t word = (uint32_t)size;
    memcpy(payload->data + payload->size, &word, 4);
    payload->size += 4 + size;
    return CC_OK;
}

static cc_status read_record(cc_json_cursor *cursor, cc_arena *arena, cc_buffer *payload, cc_error *error) {
    bool first = true, more, found = false;
    cc_json_string name;
    CC_TRY(cc_json_enter(cursor, CC_JSON_OBJECT, error));
    for (;;) {
        CC_TRY(cc_json_next_member(cursor, &first, &name, &more, error));
        if (!more)
            break;
        if (!found && cc_bytes_equal(name.text, cc_bytes_text("Data"))) {
            CC_TRY(read_data(cursor, arena, payload, error));
            found = true;
        } else {
            CC_TRY(cc_json_skip(cursor, NULL, error));
        }
    }
    if (found)
        return CC_OK;
    return cc_fail_aws(error, CC_ERR_VALIDATION, "ValidationException",
                       "1 validation error detected: Value null at 'record.data' failed to satisfy "
                       "constraint: Member must not be null");
}

static cc_status read_records(cc_json_cursor *cursor, cc_arena *arena, cc_buffer *payload,
                              uint32_t *count_out, cc_error *error) {
    bool first = true, more;
    CC_TRY(cc_json_enter(cursor, CC_JSON_ARRAY, error));
    for (;;) {
        CC_TRY(cc_json_next_element(cursor, &first, &more, error));
        if (!more)
            return CC_OK;
        if (++*count_out > CC_RECORD_BATCH_COUNT_MAX)
            return cc_fail_aws(error, CC_ERR_VALIDATION, "ValidationException",
                               "1 validation error detected: Value at 'records' failed to satisfy "
                               "constraint: Member must have length less than or equal to 500");
        CC_TRY(read_record(cursor, arena, payload, error));
        if (payload->size - 4 * (size_t)*count_out > CC_RECORD_BATCH_SIZE_MAX)
            return cc_fail_aws(error, CC_ERR_LIMIT, "InvalidArgumentException",
                               "Records size exceeds 4 MB limit");
    }
}

cc_status cc_records_from_put_json(cc_bytes body, cc_arena *arena, cc_buffer *payload, cc_bytes *stream_out,
                                   uint32_t *count_out, cc_error *error) {
    cc_json_cursor cursor = cc_json_open(body);
    bool first = true, more, records = false;
    cc_json_string name, stream;
    *stream_out = (cc_bytes){NULL, 0};
    *count_out = 0;
    CC_TRY(cc_json_enter(&cursor, CC_JSON_OBJECT, error));
    for (;;) {
        CC_TRY(cc_json_next_member(&cursor, &first, &name, &more, error));
        if (!more)
            break;
        if (cc_bytes_equal(name.text, cc_bytes_text("DeliveryStreamName"))) {
            CC_TRY(cc_json_read_string(&cursor, &stream, error));
            CC_TRY(cc_json_text(stream, arena, stream_out, error));
        } else if (!records && cc_bytes_equal(name.text, cc_bytes_text("Records"))) {
            CC_TRY(read_records(&cursor, arena, payload, count_out, error));
            records = true;
        } else if (!records && cc_bytes_equal(name.text, cc_bytes_text("Record"))) {
            CC_TRY(read_record(&cursor, arena, payload, error));
            *count_out = 1;
            records = true;
        } else {
            CC_TRY(cc_json_skip(&cursor, NULL, error));
        }
    }
    CC_TRY(cc_json_finish(&cursor, error));
    if (*count_out == 0)
        return cc_fail_aws(error, CC_ERR_VALIDATION, "ValidationException",
                           "1 validation error detected: Value %s at 'records' failed to satisfy "
                           "constraint: Member must %s",
                           records ? "'[]'" : "null",
                           records ? "have length greater than or equal to 1" : "not be null");
    return CC_OK;
}
