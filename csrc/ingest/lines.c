/* lines.c: see lines.h. */
#include "ingest/lines.h"

/* The item in {"Item": {...}}; other members are passed over. */
static cc_status read_export(cc_json_cursor *cursor, cc_buffer *out, cc_arena *scratch, cc_error *error) {
    bool first = true, more, found = false;
    cc_json_string name;
    CC_TRY(cc_json_enter(cursor, CC_JSON_OBJECT, error));
    for (;;) {
        CC_TRY(cc_json_next_member(cursor, &first, &name, &more, error));
        if (!more)
            break;
        if (found || !cc_bytes_equal(name.text, cc_bytes_text("Item"))) {
            CC_TRY(cc_json_skip(cursor, NULL, error));
            continue;
        }
        CC_TRY(cc_item_from_json(cursor, out, scratch, error));
        found = true;
    }
    if (!found)
        return cc_fail(error, CC_ERR_SERIALIZATION, "the line has no Item");
    return CC_OK;
}

static cc_status read_line(cc_bytes line, cc_lines_form form, cc_arena *scratch, cc_buffer *out,
                           cc_error *error) {
    cc_json_cursor cursor = cc_json_open(line);
    if (form == CC_LINES_EXPORT)
        CC_TRY(read_export(&cursor, out, scratch, error));
    else if (form == CC_LINES_DYNAMODB)
        CC_TRY(cc_item_from_json(&cursor, out, scratch, error));
    else
        CC_TRY(cc_item_from_plain_json(&cursor, out, scratch, error));
    return cc_json_finish(&cursor, error);
}

static bool is_blank(cc_bytes line) {
    for (size_t i = 0; i < line.size; i++)
        if (line.data[i] != ' ' && line.data[i] != '\t' && line.data[i] != '\r')
            return false;
    return true;
}

cc_status cc_lines_next(cc_bytes text, cc_lines_form form, cc_lines *lines, size_t enough, cc_arena *scratch,
                        cc_buffer *out, cc_buffer *numbers_out, cc_error *error) {
    while (lines->position < text.size && out->size < enough) {
        const uint8_t *at = text.data + lines->position;
        size_t left = text.size - lines->position;
        const uint8_t *end = memchr(at, '\n', left);
        cc_bytes line = cc_bytes_of(at, end == NULL ? left : (size_t)(end - at));
        size_t before = out->size;
        lines->position += line.size + (end != NULL);
        lines->line++;
        if (is_blank(line))
            continue;
        cc_arena_reset(scratch);
        cc_status status = read_line(line, form, scratch, out, error);
        if (CC_UNLIKELY(status != CC_OK)) {
            out->size = before;
            return status;
        }
        if (cc_buffer_append(numbers_out, &lines->line, sizeof lines->line) != CC_OK) {
            out->size = before;
            return cc_fail(error, CC_ERR_NOMEM, "no memory for the numbers of lines");
        }
    }
    return CC_OK;
}
