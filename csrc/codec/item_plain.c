/* item_plain.c: plain JSON ({"name": "text"}) to encoded items and back.
 *
 * In: a string is S, a number N with every digit it was written with, true and false BOOL, null NULL, an
 * array L, an object M. Out: the same back; binary as base64 text, sets as arrays. A value of the types
 * that JSON has survives the round trip; binary comes back as text and a set as a list. */
#include "codec/item_text.h"
#include "codec/number.h"

static cc_status read_value(cc_json_cursor *cursor, cc_item_writer *writer, cc_error *error);

static cc_status read_members(cc_json_cursor *cursor, cc_item_writer *writer, cc_error *error) {
    bool first = true, more;
    cc_json_string name;
    cc_bytes text;
    CC_TRY(cc_json_enter(cursor, CC_JSON_OBJECT, error));
    for (;;) {
        CC_TRY(cc_json_next_member(cursor, &first, &name, &more, error));
        if (!more)
            return CC_OK;
        CC_TRY(cc_json_text(name, writer->scratch, &text, error));
        CC_TRY(cc_item_name(writer, text, error));
        CC_TRY(read_value(cursor, writer, error));
    }
}

static cc_status read_elements(cc_json_cursor *cursor, cc_item_writer *writer, cc_error *error) {
    bool first = true, more;
    CC_TRY(cc_json_enter(cursor, CC_JSON_ARRAY, error));
    for (;;) {
        CC_TRY(cc_json_next_element(cursor, &first, &more, error));
        if (!more)
            return CC_OK;
        CC_TRY(read_value(cursor, writer, error));
    }
}

static cc_status read_value(cc_json_cursor *cursor, cc_item_writer *writer, cc_error *error) {
    cc_json_string string;
    cc_bytes text;
    bool flag;
    switch (cc_json_peek(cursor)) {
    case CC_JSON_STRING:
        CC_TRY(cc_json_read_string(cursor, &string, error));
        CC_TRY(cc_json_text(string, writer->scratch, &text, error));
        return cc_item_put_string(writer, text, error);
    case CC_JSON_NUMBER:
        CC_TRY(cc_json_read_number(cursor, &text, error));
        return cc_item_put_number_text(writer, text, error);
    case CC_JSON_TRUE:
    case CC_JSON_FALSE:
        CC_TRY(cc_json_read_bool(cursor, &flag, error));
        return cc_item_put_bool(writer, flag, error);
    case CC_JSON_NULL:
        CC_TRY(cc_json_read_null(cursor, error));
        return cc_item_put_null(writer, error);
    case CC_JSON_OBJECT:
        CC_TRY(cc_item_begin_map(writer, error));
        CC_TRY(read_members(cursor, writer, error));
        return cc_item_end_container(writer, error);
    case CC_JSON_ARRAY:
        CC_TRY(cc_item_begin_list(writer, error));
        CC_TRY(read_elements(cursor, writer, error));
        return cc_item_end_container(writer, error);
    default:
        return cc_json_skip(cursor, NULL, error); /* words what is wrong */
    }
}

cc_status cc_item_from_plain_json(cc_json_cursor *cursor, cc_buffer *out, cc_arena *scratch,
                                  cc_error *error) {
    cc_item_writer writer;
    size_t before = out->size;
    cc_item_writer_init(&writer, out, scratch);
    cc_status status = cc_item_begin(&writer, error);
    if (status == CC_OK)
        status = read_members(cursor, &writer, error);
    if (status == CC_OK)
        status = cc_item_end(&writer, error);
    if (status != CC_OK)
        out->size = before;
    return status;
}

/* ---- writing ---- */

cc_status cc_json_write_number(cc_buffer *out, cc_bytes number) {
    CC_TRY(cc_buffer_reserve(out, CC_NUMBER_TEXT_MAX));
    out->size += cc_number_text(number, (char *)out->data + out->size);
    return CC_OK;
}

static const cc_item_style plain = {cc_json_write_string, cc_json_write_number, cc_json_write_base64, NULL};

cc_status cc_value_to_plain_json(cc_value value, cc_buffer *out) {
    return cc_value_write_text(value, &plain, out);
}

cc_status cc_item_to_plain_json(cc_bytes item, cc_buffer *out) {
    return cc_item_write_text(item, &plain, out);
}
