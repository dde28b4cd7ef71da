/* item_json.c: DynamoDB JSON to encoded items and back. */
#include "codec/item.h"
#include "codec/json_clean.h"
#include "codec/number.h"

static cc_status serialization(cc_error *error, const char *text) {
    return cc_fail_aws(error, CC_ERR_SERIALIZATION, "SerializationException", "%s", text);
}
static cc_status validation(cc_error *error, const char *text) {
    return cc_fail_aws(error, CC_ERR_VALIDATION, "ValidationException", "%s", text);
}

/* What AWS says when a String, Boolean or Blob was wanted and something else came. */
static cc_status wrong_token(cc_json_cursor *cursor, const char *want, cc_error *error) {
    cc_json_cursor ahead = *cursor;
    cc_bytes text;
    const char *token = "NULL_VALUE";
    switch (cc_json_peek(cursor)) {
    case CC_JSON_NUMBER:
        CC_TRY(cc_json_read_number(&ahead, &text, error));
        token = memchr(text.data, '.', text.size) != NULL ? "DECIMAL_VALUE" : "NUMBER_VALUE";
        break;
    case CC_JSON_TRUE:
        token = "TRUE_VALUE";
        break;
    case CC_JSON_FALSE:
        token = "FALSE_VALUE";
        break;
    case CC_JSON_NULL:
        break;
    case CC_JSON_OBJECT:
        return serialization(error, "Start of structure or map found where not expected");
    case CC_JSON_ARRAY:
        return cc_fail_aws(error, CC_ERR_SERIALIZATION, "SerializationException",
                           "Unrecognized collection type class java.lang.%s", want);
    default:
        return serialization(error, "Unexpected token received from parser");
    }
    return cc_fail_aws(error, CC_ERR_SERIALIZATION, "SerializationException", "%s cannot be converted to %s",
                       token, want);
}

static cc_status read_text(cc_json_cursor *cursor, cc_arena *scratch, cc_bytes *text_out, cc_error *error) {
    cc_json_string string;
    if (CC_UNLIKELY(cc_json_peek(cursor) != CC_JSON_STRING))
        return wrong_token(cursor, "String", error);
    CC_TRY(cc_json_read_string(cursor, &string, error));
    return cc_json_text(string, scratch, text_out, error);
}

static cc_status read_bool(cc_json_cursor *cursor, bool *flag_out, cc_error *error) {
    cc_json_kind kind = cc_json_peek(cursor);
    if (CC_UNLIKELY(kind != CC_JSON_TRUE && kind != CC_JSON_FALSE))
        return wrong_token(cursor, "Boolean", error);
    return cc_json_read_bool(cursor, flag_out, error);
}

/* Why a text is not strict base64, in AWS's words (its spelling, too). */
static cc_status refuse_base64(cc_bytes text, cc_error *error) {
    if (text.size % 4 != 0)
        return cc_fail_aws(error, CC_ERR_SERIALIZATION, "SerializationException",
                           "Base64 encoded length is expected a multiple of 4 bytes but found: %zu",
                           text.size);
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                      c == '+' || c == '/';
        bool padding = c == '=' && i + 2 >= text.size && (i + 1 == text.size || text.data[i + 1] == '=');
        if (!letter && !padding)
            return cc_fail_aws(error, CC_ERR_SERIALIZATION, "SerializationException",
                               "Invalid Base64 character: '%c'", c >= 0x20 && c < 0x7f ? c : '?');
    }
    return serialization(error, "Invalid last non-pad Base64 character dectected");
}

static cc_status read_binary(cc_json_cursor *cursor, cc_arena *scratch, cc_bytes *data_out, cc_error *error) {
    cc_bytes text;
    cc_json_kind kind = cc_json_peek(cursor);
    if (CC_UNLIKELY(kind != CC_JSON_STRING))
        return serialization(
            error, kind == CC_JSON_ARRAY    ? "Unrecognized collection type class java.nio.ByteBuffer"
                   : kind == CC_JSON_OBJECT ? "Start of structure or map found where not expected"
                                            : "only base-64-encoded strings are convertible to bytes");
    CC_TRY(read_text(cursor, scratch, &text, error));
    uint8_t *data = cc_arena_alloc(scratch, text.size / 4 * 3 + 1);
    if (data == NULL)
        return cc_fail(error, CC_ERR_NOMEM, "no memory for a binary value");
    size_t size;
    if (!cc_base64_decode(text, data, &size))
        return refuse_base64(text, error);
    *data_out = cc_bytes_of(data, size);
    return CC_OK;
}

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

static cc_status read_elements(cc_json_cursor *cursor, cc_item_writer *writer, cc_type type,
                               cc_error *error) {
    bool first = true, more;
    cc_json_kind kind = cc_json_peek(cursor);
    if (CC_UNLIKELY(kind != CC_JSON_ARRAY))
        return serialization(error, kind == CC_JSON_OBJECT
                                        ? "Start of structure or map found where not expected"
                                        : "Unexpected field type");
    CC_TRY(cc_json_enter(cursor, CC_JSON_ARRAY, error));
    for (;;) {
        CC_TRY(cc_json_next_element(cursor, &first, &more, error));
        if (!more)
            return CC_OK;
        cc_bytes member;
        if (type == CC_TYPE_L) {
            CC_TRY(read_value(cursor, writer, error));
            continue;
        }
        if (type == CC_TYPE_BS)
            CC_TRY(read_binary(cursor, writer->scratch, &member, error));
        else
            CC_TRY(read_text(cursor, writer->scratch, &member, error));
        CC_TRY(cc_item_set_member(writer, member, error));
    }
}

static cc_status read_typed(cc_json_cursor *cursor, cc_item_writer *writer, cc_type type, cc_error *error) {
    cc_bytes text = {NULL, 0};
    bool flag = false;
    switch (type) {
    case CC_TYPE_S:
        CC_TRY(read_text(cursor, writer->scratch, &text, error));
        return cc_item_put_string(writer, text, error);
    case CC_TYPE_N:
        CC_TRY(read_text(cursor, writer->scratch, &text, error));
        return cc_item_put_number_text(writer, text, error);
    case CC_TYPE_B:
        CC_TRY(read_binary(cursor, writer->scratch, &text, error));
        return cc_item_put_binary(writer, text, error);
    case CC_TYPE_BOOL:
        CC_TRY(read_bool(cursor, &flag, error));
        return cc_item_put_bool(writer, flag, error);
    case CC_TYPE_NULL:
        CC_TRY(read_bool(cursor, &flag, error));
        if (!flag)
            return validation(error, "One or more parameter values were invalid: Null attribute "
                                     "value types must have the value of true");
        return cc_item_put_null(writer, error);
    case CC_TYPE_M:
        if (CC_UNLIKELY(cc_json_peek(cursor) != CC_JSON_OBJECT))
            return serialization(error, cc_json_peek(cursor) == CC_JSON_ARRAY
                                            ? "Unrecognized collection type java.util.Map<java.lang.String, "
                                              "com.amazonaws.dynamodb.v20120810.AttributeValue>"
                                            : "Unexpected field type");
        CC_TRY(cc_item_begin_map(writer, error));
        CC_TRY(read_members(cursor, writer, error));
        return cc_item_end_container(writer, error);
    case CC_TYPE_L:
        CC_TRY(cc_item_begin_list(writer, error));
        break;
    default:
        CC_TRY(cc_item_begin_set(writer, type, error));
        break;
    }
    CC_TRY(read_elements(cursor, writer, type, error));
    return cc_item_end_container(writer, error);
}

/* The type a member of an AttributeValue names; cheaper than cc_type_from_name on the hot path. */
static inline cc_type type_of(cc_bytes name) {
    if (CC_LIKELY(name.size == 1))
        switch (name.data[0]) {
        case 'S':
            return CC_TYPE_S;
        case 'N':
            return CC_TYPE_N;
        case 'B':
            return CC_TYPE_B;
        case 'L':
            return CC_TYPE_L;
        case 'M':
            return CC_TYPE_M;
        default:
            return CC_TYPE_NONE;
        }
    return cc_type_from_name(name);
}

/* AWS checks a number in the second type before it counts the types. */
static cc_status refuse_second_type(cc_json_cursor *cursor, cc_item_writer *writer, cc_type type,
                                    cc_error *error) {
    if (type == CC_TYPE_N) {
        cc_bytes text;
        uint8_t number[CC_NUMBER_MAX];
        size_t size;
        CC_TRY(read_text(cursor, writer->scratch, &text, error));
        CC_TRY(cc_number_parse(text, number, &size, error));
    }
    return validation(error, "Supplied AttributeValue has more than one datatypes set, must contain "
                             "exactly one of the supported datatypes");
}

/* {"S": "..."}: exactly one type. As on AWS, unknown members and nulls count as not there. */
static cc_status read_value(cc_json_cursor *cursor, cc_item_writer *writer, cc_error *error) {
    bool first = true, more, found = false;
    cc_json_string name;
    if (CC_UNLIKELY(cc_json_peek(cursor) != CC_JSON_OBJECT))
        return serialization(error, cc_json_peek(cursor) == CC_JSON_ARRAY
                                        ? "Unrecognized collection type class "
                                          "com.amazonaws.dynamodb.v20120810.AttributeValue"
                                        : "Unexpected value type in payload");
    CC_TRY(cc_json_enter(cursor, CC_JSON_OBJECT, error));
    for (;;) {
        CC_TRY(cc_json_next_member(cursor, &first, &name, &more, error));
        if (!more)
            break;
        cc_type type = type_of(name.text);
        if (CC_UNLIKELY(type == CC_TYPE_NONE || cc_json_peek(cursor) == CC_JSON_NULL)) {
            CC_TRY(cc_json_skip(cursor, NULL, error));
            continue;
        }
        if (found)
            return refuse_second_type(cursor, writer, type, error);
        CC_TRY(read_typed(cursor, writer, type, error));
        found = true;
    }
    return found ? CC_OK
                 : validation(error, "Supplied AttributeValue is empty, must contain exactly one of "
                                     "the supported datatypes");
}

cc_status cc_item_from_json(cc_json_cursor *cursor, cc_buffer *out, cc_arena *scratch, cc_error *error) {
    cc_item_writer writer;
    cc_item_writer_init(&writer, out, scratch);
    if (cc_json_peek(cursor) != CC_JSON_OBJECT)
        return serialization(error, "Unexpected value type in payload");
    CC_TRY(cc_item_begin(&writer, error));
    CC_TRY(read_members(cursor, &writer, error));
    return cc_item_end(&writer, error);
}

/* ---- writing ---- */

static cc_status write_number(cc_buffer *out, cc_bytes number) {
    CC_TRY(cc_buffer_append_byte(out, '"'));
    CC_TRY(cc_json_write_number(out, number));
    return cc_buffer_append_byte(out, '"');
}

static cc_status write_set(cc_value value, cc_buffer *out) {
    size_t position = 0;
    cc_bytes member;
    char separator = '[';
    while (cc_set_next(value, &position, &member)) {
        CC_TRY(cc_buffer_append_byte(out, (uint8_t)separator));
        separator = ',';
        if (value.type == CC_TYPE_SS)
            CC_TRY(cc_json_write_string(out, member));
        else if (value.type == CC_TYPE_NS)
            CC_TRY(write_number(out, member));
        else
            CC_TRY(cc_json_write_base64(out, member));
    }
    return cc_buffer_append_byte(out, ']');
}

static cc_status write_list(cc_value value, cc_buffer *out) {
    cc_value inner;
    CC_TRY(cc_buffer_append_byte(out, '['));
    for (uint32_t i = 0; cc_list_at(value, i, &inner); i++) {
        if (i > 0)
            CC_TRY(cc_buffer_append_byte(out, ','));
        CC_TRY(cc_value_to_json(inner, out));
    }
    return cc_buffer_append_byte(out, ']');
}

static cc_status write_payload(cc_value value, cc_buffer *out) {
    switch (value.type) {
    case CC_TYPE_S:
        return cc_json_write_string(out, cc_value_bytes(value));
    case CC_TYPE_N:
        return write_number(out, cc_value_bytes(value));
    case CC_TYPE_B:
        return cc_json_write_base64(out, cc_value_bytes(value));
    case CC_TYPE_BOOL:
        return cc_buffer_append_text(out, cc_value_bool(value) ? "true" : "false");
    case CC_TYPE_NULL:
        return cc_buffer_append_text(out, "true");
    case CC_TYPE_L:
        return write_list(value, out);
    case CC_TYPE_M:
        return cc_item_to_json(value.payload, out);
    default:
        return write_set(value, out);
    }
}

enum { HEAD_MAX = 9 };
static const char heads[][HEAD_MAX + 1] = {
    "",          ":{\"S\":",  ":{\"N\":",  ":{\"B\":", ":{\"BOOL\":", ":{\"NULL\":",
    ":{\"SS\":", ":{\"NS\":", ":{\"BS\":", ":{\"L\":", ":{\"M\":"};
static const uint8_t head_sizes[] = {0, 6, 6, 6, 9, 9, 7, 7, 7, 6, 6};

cc_status cc_value_to_json(cc_value value, cc_buffer *out) {
    CC_TRY(cc_buffer_append(out, heads[value.type] + 1, head_sizes[value.type] - 1u));
    CC_TRY(write_payload(value, out));
    return cc_buffer_append_byte(out, '}');
}

/* An attribute of one piece, at `to`, where there is room for it; returns what comes behind it, or NULL: the general
 * way must write it. */
static inline uint8_t *put_attribute(uint8_t *to, cc_bytes name, cc_value value) {
    if (value.type == CC_TYPE_B || value.type > CC_TYPE_NULL)
        return NULL;
    to = cc_json_put_clean(to, name);
    if (CC_UNLIKELY(to == NULL))
        return NULL;
    memcpy(to, heads[value.type], HEAD_MAX);
    to += head_sizes[value.type];
    switch (value.type) {
    case CC_TYPE_S:
        to = cc_json_put_clean(to, cc_value_bytes(value));
        if (CC_UNLIKELY(to == NULL))
            return NULL;
        break;
    case CC_TYPE_N:
        *to++ = '"';
        to += cc_number_text(cc_value_bytes(value), (char *)to);
        *to++ = '"';
        break;
    case CC_TYPE_BOOL:
        memcpy(to, cc_value_bool(value) ? "true " : "false", 5);
        to += cc_value_bool(value) ? 4 : 5;
        break;
    case CC_TYPE_NULL:
        memcpy(to, "true", 4);
        to += 4;
        break;
    default:
        return NULL;
    }
    *to = '}';
    return to + 1;
}

cc_status cc_item_to_json(cc_bytes item, cc_buffer *out) {
    /* Of an attribute: what is put around name and value, or the longest number. */
    enum { ROOM = CC_NUMBER_TEXT_MAX + HEAD_MAX + 8 };
    CC_TRY(cc_buffer_append_byte(out, '{'));
    cc_bytes name;
    cc_value value;
    for (uint32_t i = 0; i < cc_item_count(item); i++) {
        cc_item_at(item, i, &name, &value);
        if (i > 0)
            CC_TRY(cc_buffer_append_byte(out, ','));
        CC_TRY(cc_buffer_reserve(out, name.size + value.payload.size + ROOM));
        uint8_t *start = out->data + out->size, *behind = put_attribute(start, name, value);
        if (CC_LIKELY(behind != NULL)) {
            out->size += (size_t)(behind - start);
            continue;
        }
        CC_TRY(cc_json_write_string(out, name));
        CC_TRY(cc_buffer_append_byte(out, ':'));
        CC_TRY(cc_value_to_json(value, out));
    }
    return cc_buffer_append_byte(out, '}');
}
