/* item_text.c: see item_text.h. A string is spelled alike in JSON and Ion. */
#include "codec/item_text.h"

static cc_status write_set(cc_value set, const cc_item_style *style, cc_buffer *out) {
    cc_spell spell = set.type == CC_TYPE_SS   ? cc_json_write_string
                     : set.type == CC_TYPE_NS ? style->number
                                              : style->blob;
    size_t position = 0;
    cc_bytes member;
    if (style->annotate_set != NULL)
        CC_TRY(style->annotate_set(out, set.type));
    CC_TRY(cc_buffer_append_byte(out, '['));
    for (bool first = true; cc_set_next(set, &position, &member); first = false) {
        if (!first)
            CC_TRY(cc_buffer_append_byte(out, ','));
        CC_TRY(spell(out, member));
    }
    return cc_buffer_append_byte(out, ']');
}

static cc_status write_list(cc_value list, const cc_item_style *style, cc_buffer *out) {
    cc_value inner;
    CC_TRY(cc_buffer_append_byte(out, '['));
    for (uint32_t i = 0; cc_list_at(list, i, &inner); i++) {
        if (i > 0)
            CC_TRY(cc_buffer_append_byte(out, ','));
        CC_TRY(cc_value_write_text(inner, style, out));
    }
    return cc_buffer_append_byte(out, ']');
}

cc_status cc_value_write_text(cc_value value, const cc_item_style *style, cc_buffer *out) {
    switch (value.type) {
    case CC_TYPE_S:
        return cc_json_write_string(out, cc_value_bytes(value));
    case CC_TYPE_N:
        return style->number(out, cc_value_bytes(value));
    case CC_TYPE_B:
        return style->blob(out, cc_value_bytes(value));
    case CC_TYPE_BOOL:
        return cc_buffer_append_text(out, cc_value_bool(value) ? "true" : "false");
    case CC_TYPE_NULL:
        return cc_buffer_append_text(out, "null");
    case CC_TYPE_L:
        return write_list(value, style, out);
    case CC_TYPE_M:
        return cc_item_write_text(value.payload, style, out);
    default:
        return write_set(value, style, out);
    }
}

cc_status cc_item_write_text(cc_bytes item, const cc_item_style *style, cc_buffer *out) {
    cc_bytes name;
    cc_value value;
    CC_TRY(cc_buffer_append_byte(out, '{'));
    for (uint32_t i = 0; i < cc_item_count(item); i++) {
        cc_item_at(item, i, &name, &value);
        if (i > 0)
            CC_TRY(cc_buffer_append_byte(out, ','));
        CC_TRY(style->name(out, name));
        CC_TRY(cc_buffer_append_byte(out, ':'));
        CC_TRY(cc_value_write_text(value, style, out));
    }
    return cc_buffer_append_byte(out, '}');
}
