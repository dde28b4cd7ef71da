/* item_ion.c: an item as Ion text (amzn.github.io/ion-docs), in the types that DynamoDB's exports use.
 *
 *   S "text"   N decimal 12.5, 103., 6d20   B {{base64}}   BOOL bool   NULL null   L [..]   M {..}
 *   SS NS BS   $dynamodb_SS::[..]: a list under an annotation, as Ion has no sets */
#include <stdio.h>

#include "codec/item_text.h"
#include "codec/number.h"

enum { ZEROS_MAX = 6 /* behind a point, before an exponent is shorter to read */ };

static bool is_letter(uint8_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$';
}
static bool is_digit(uint8_t c) { return c >= '0' && c <= '9'; }

/* Whether a name can stand without quotes: an identifier that is no keyword, and no "$" with digits, which is
 * the number of a symbol. */
static bool is_plain(cc_bytes name) {
    static const char *const words[] = {"null", "true", "false", "nan"};
    bool number = name.size > 1 && name.data[0] == '$';
    if (name.size == 0 || !is_letter(name.data[0]))
        return false;
    for (size_t i = 1; i < name.size; i++) {
        if (!is_letter(name.data[i]) && !is_digit(name.data[i]))
            return false;
        number = number && is_digit(name.data[i]);
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (cc_bytes_equal(name, cc_bytes_of(words[i], strlen(words[i]))))
            return false;
    return !number;
}

static cc_status put_name(cc_buffer *out, cc_bytes name) {
    if (is_plain(name))
        return cc_buffer_append(out, name.data, name.size);
    CC_TRY(cc_buffer_append_byte(out, '\''));
    for (size_t i = 0; i < name.size; i++) {
        uint8_t c = name.data[i];
        char text[8];
        int size = 1;
        if (c == '\'' || c == '\\')
            size = snprintf(text, sizeof text, "\\%c", c);
        else if (c < 0x20)
            size = snprintf(text, sizeof text, "\\x%02x", c);
        else
            text[0] = (char)c;
        CC_TRY(cc_buffer_append(out, text, (size_t)size));
    }
    return cc_buffer_append_byte(out, '\'');
}

/* A decimal always has a point or a `d`: without one it would be an integer, of another type. */
static cc_status put_number(cc_buffer *out, cc_bytes number) {
    cc_decimal decimal;
    char text[CC_NUMBER_TEXT_MAX], tail[8];
    cc_number_to_decimal(number, &decimal);
    size_t size = cc_number_text(number, text), digits = (size_t)decimal.digits;
    if (decimal.exponent < 0 && -decimal.exponent <= decimal.digits + ZEROS_MAX)
        return cc_buffer_append(out, text, size);
    if (decimal.exponent == 0) {
        CC_TRY(cc_buffer_append(out, text, size));
        return cc_buffer_append_byte(out, '.');
    }
    if (text[0] == '-')
        CC_TRY(cc_buffer_append_byte(out, '-'));
    const char *first = decimal.exponent > 0 ? text + (text[0] == '-') : text + size - digits;
    CC_TRY(cc_buffer_append(out, first, digits));
    size = (size_t)snprintf(tail, sizeof tail, "d%d", decimal.exponent);
    return cc_buffer_append(out, tail, size);
}

static cc_status put_blob(cc_buffer *out, cc_bytes data) {
    size_t size = cc_base64_encoded_size(data.size);
    CC_TRY(cc_buffer_append_text(out, "{{"));
    CC_TRY(cc_buffer_reserve(out, size));
    cc_base64_encode(data, out->data + out->size);
    out->size += size;
    return cc_buffer_append_text(out, "}}");
}

static cc_status annotate_set(cc_buffer *out, cc_type type) {
    CC_TRY(cc_buffer_append_text(out, "$dynamodb_"));
    CC_TRY(cc_buffer_append_text(out, cc_type_name(type)));
    return cc_buffer_append_text(out, "::");
}

cc_status cc_item_to_ion(cc_bytes item, cc_buffer *out) {
    static const cc_item_style ion = {put_name, put_number, put_blob, annotate_set};
    return cc_item_write_text(item, &ion, out);
}
