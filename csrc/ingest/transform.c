/* transform.c: see transform.h. */
#include "ingest/transform.h"

void cc_record_id_write(cc_record_id id, uint8_t out[CC_RECORD_ID_SIZE]) {
    size_t digits = id.part == CC_RECORD_WHOLE ? CC_RECORD_ID_SIZE : CC_RECORD_ID_SIZE - 6;
    memcpy(out, "49", 2);
    cc_json_put_digits(out + 2, digits - 2, id.sequence);
    if (id.part != CC_RECORD_WHOLE)
        cc_json_put_digits(out + digits, 6, id.part);
}

cc_status cc_transform_record(cc_buffer *event, const cc_transform_names *names, cc_record_id id,
                              uint64_t arrival_ms, cc_bytes data, cc_bytes origin) {
    uint8_t digits[CC_RECORD_ID_SIZE];
    cc_record_id_write(id, digits);
    CC_TRY(cc_buffer_reserve(event, 160 + names->data.size + names->origin.size + origin.size +
                                        cc_base64_encoded_size(data.size)));
    CC_TRY(cc_buffer_append_text(event, "{\"recordId\":\""));
    CC_TRY(cc_buffer_append(event, digits, sizeof digits));
    CC_TRY(cc_buffer_append_text(event, "\",\"approximateArrivalTimestamp\":"));
    CC_TRY(cc_json_write_uint64(event, arrival_ms));
    CC_TRY(cc_buffer_append_text(event, ",\""));
    CC_TRY(cc_buffer_append(event, names->data.data, names->data.size));
    CC_TRY(cc_buffer_append_text(event, "\":"));
    CC_TRY(cc_json_write_base64(event, data));
    if (origin.size != 0) {
        CC_TRY(cc_buffer_append_text(event, ",\""));
        CC_TRY(cc_buffer_append(event, names->origin.data, names->origin.size));
        CC_TRY(cc_buffer_append_text(event, "\":"));
        CC_TRY(cc_buffer_append(event, origin.data, origin.size));
    }
    return cc_buffer_append_byte(event, '}');
}

static cc_status unusual(cc_error *error) {
    return cc_fail(error, CC_ERR_UNSUPPORTED, "the answer is not of the usual form");
}

cc_status cc_transform_begin(cc_json_cursor *answer, cc_error *error) {
    bool first = true, more;
    cc_json_string name;
    CC_TRY(cc_json_enter(answer, CC_JSON_OBJECT, error));
    CC_TRY(cc_json_next_member(answer, &first, &name, &more, error));
    if (!more || !cc_bytes_equal(name.text, cc_bytes_text("records")))
        return unusual(error);
    return cc_json_enter(answer, CC_JSON_ARRAY, error);
}

/* What a record said so far: each member once, none but these. */
typedef struct {
    bool id, result, data;
    cc_bytes given; /* the data, as base64 */
    cc_fate fate;
} said;

/* A string that stands as it is meant. Anything else is skipped, and what the record says is `other`. */
static cc_status plain(cc_json_cursor *answer, cc_bytes *text_out, said *what, cc_error *error) {
    cc_json_string string = {0};
    if (cc_json_peek(answer) != CC_JSON_STRING) {
        what->fate = CC_FATE_OTHER;
        CC_TRY(cc_json_skip(answer, NULL, error));
    } else {
        CC_TRY(cc_json_read_string(answer, &string, error));
        if (string.escaped)
            what->fate = CC_FATE_OTHER;
    }
    *text_out = string.text;
    return CC_OK;
}

static cc_status read_member(cc_json_cursor *answer, cc_bytes name, const cc_transform_names *names,
                             cc_bytes id, said *what, cc_error *error) {
    cc_bytes text;
    if (!what->id && cc_bytes_equal(name, cc_bytes_text("recordId"))) {
        what->id = true;
        CC_TRY(plain(answer, &text, what, error));
        return cc_bytes_equal(text, id) ? CC_OK : unusual(error);
    }
    if (!what->result && cc_bytes_equal(name, cc_bytes_text("result"))) {
        what->result = true;
        CC_TRY(plain(answer, &text, what, error));
        if (cc_bytes_equal(text, cc_bytes_text("Dropped")) && what->fate == CC_FATE_OK)
            what->fate = CC_FATE_DROPPED;
        else if (!cc_bytes_equal(text, cc_bytes_text("Ok")))
            what->fate = CC_FATE_OTHER;
        return CC_OK;
    }
    if (!what->data && cc_bytes_equal(name, names->data)) {
        what->data = true;
        return plain(answer, &what->given, what, error);
    }
    what->fate = CC_FATE_OTHER;
    return cc_json_skip(answer, NULL, error);
}

static cc_status decode(said *what, cc_buffer *data) {
    size_t size;
    cc_buffer_clear(data);
    CC_TRY(cc_buffer_reserve(data, what->given.size / 4 * 3 + 3));
    if (cc_base64_decode(what->given, data->data, &size))
        data->size = size;
    else
        what->fate = CC_FATE_OTHER;
    return CC_OK;
}

cc_status cc_transform_next(cc_json_cursor *answer, bool *first, const cc_transform_names *names,
                            cc_record_id id, cc_fate *fate_out, cc_buffer *data, cc_bytes *json_out,
                            cc_error *error) {
    uint8_t digits[CC_RECORD_ID_SIZE];
    bool begun = true, more;
    cc_json_string name;
    said what = {.fate = CC_FATE_OK};
    cc_record_id_write(id, digits);
    CC_TRY(cc_json_next_element(answer, first, &more, error));
    if (!more || cc_json_peek(answer) != CC_JSON_OBJECT) /* peek skips the white space in front of it */
        return unusual(error);
    const uint8_t *begin = answer->at;
    CC_TRY(cc_json_enter(answer, CC_JSON_OBJECT, error));
    for (;;) {
        CC_TRY(cc_json_next_member(answer, &begun, &name, &more, error));
        if (!more)
            break;
        CC_TRY(read_member(answer, name.text, names, cc_bytes_of(digits, sizeof digits), &what, error));
    }
    if (!what.id)
        return unusual(error);
    if (!what.result || (what.fate == CC_FATE_OK && !what.data))
        what.fate = CC_FATE_OTHER;
    if (what.fate == CC_FATE_OK && decode(&what, data) != CC_OK)
        return cc_fail(error, CC_ERR_NOMEM, "no memory for a record");
    *fate_out = what.fate;
    *json_out = cc_bytes_of(begin, (size_t)(answer->at - begin));
    return CC_OK;
}

cc_status cc_transform_end(cc_json_cursor *answer, bool first, cc_error *error) {
    bool more, begun = false;
    cc_json_string name;
    CC_TRY(cc_json_next_element(answer, &first, &more, error));
    if (more)
        return unusual(error);
    CC_TRY(cc_json_next_member(answer, &begun, &name, &more, error));
    return more ? unusual(error) : cc_json_finish(answer, error);
}
