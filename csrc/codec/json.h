/* json.h: JSON text, read without building anything and written without copying twice.
 *
 * Reading is by cursor (pull): the caller asks for what it expects; nothing is allocated. Strings
 * come as spans of the input with a flag that says whether they hold escapes; cc_json_unescape
 * decodes them into the caller's memory. The scanners use SSE2 inline and AVX2 where the processor has it.
 * Every string is checked to be valid UTF-8 and free of raw control characters. Depth is bounded by
 * the caller's recursion; cc_json_skip has a bound of its own. Positions in errors are byte offsets. */
#ifndef CC_CODEC_JSON_H
#define CC_CODEC_JSON_H

#include "base/bytes.h"

#define CC_JSON_DEPTH_MAX 128

typedef enum {
    CC_JSON_END = 0,
    CC_JSON_OBJECT,
    CC_JSON_ARRAY,
    CC_JSON_STRING,
    CC_JSON_NUMBER,
    CC_JSON_TRUE,
    CC_JSON_FALSE,
    CC_JSON_NULL,
    CC_JSON_BAD
} cc_json_kind;

typedef struct {
    const uint8_t *begin, *at, *end;
} cc_json_cursor;

typedef struct {
    cc_bytes text; /* between the quotes, of the input */
    bool escaped;  /* holds at least one backslash: cc_json_unescape before use */
} cc_json_string;

static inline cc_json_cursor cc_json_open(cc_bytes text) {
    return (cc_json_cursor){text.data, text.data, text.data + text.size};
}
/* Kind of the next value, white space skipped; consumes nothing else. */
cc_json_kind cc_json_peek(cc_json_cursor *cursor);
/* Consume `{` / `[`. Then call next_member / next_element until *more_out is false (closing consumed). */
CC_MUST_CHECK cc_status cc_json_enter(cc_json_cursor *cursor, cc_json_kind kind, cc_error *error);
/* First call after enter with *first true; sets it false. On *more_out the name and colon are consumed. */
CC_MUST_CHECK cc_status cc_json_next_member(cc_json_cursor *cursor, bool *first, cc_json_string *name_out,
                                            bool *more_out, cc_error *error);
CC_MUST_CHECK cc_status cc_json_next_element(cc_json_cursor *cursor, bool *first, bool *more_out,
                                             cc_error *error);
CC_MUST_CHECK cc_status cc_json_read_string(cc_json_cursor *cursor, cc_json_string *string_out,
                                            cc_error *error);
/* Reads a string into `to` where that is one pass: it stands right at the cursor, is ASCII without escapes and control
 * characters, shorter than `room`, and 16 bytes of the input follow. Otherwise false, the cursor where it was and
 * anything in `to`. */
bool cc_json_copy_plain(cc_json_cursor *cursor, uint8_t *to, size_t room, size_t *size_out);
/* The number's text, checked against the JSON grammar. */
CC_MUST_CHECK cc_status cc_json_read_number(cc_json_cursor *cursor, cc_bytes *text_out, cc_error *error);
CC_MUST_CHECK cc_status cc_json_read_bool(cc_json_cursor *cursor, bool *value_out, cc_error *error);
CC_MUST_CHECK cc_status cc_json_read_null(cc_json_cursor *cursor, cc_error *error);
/* Skip one whole value of any kind, checked; its span in *value_out (may be NULL). */
CC_MUST_CHECK cc_status cc_json_skip(cc_json_cursor *cursor, cc_bytes *value_out, cc_error *error);
/* Nothing but white space may follow. */
CC_MUST_CHECK cc_status cc_json_finish(cc_json_cursor *cursor, cc_error *error);

/* Decode escapes into out (room for string.text.size bytes); *size_out bytes written. Lone surrogates are refused. */
CC_MUST_CHECK cc_status cc_json_unescape(cc_json_string string, uint8_t *out, size_t *size_out,
                                         cc_error *error);
/* The decoded text: the span itself when nothing is escaped, else a copy in the arena. */
CC_MUST_CHECK cc_status cc_json_text(cc_json_string string, cc_arena *arena, cc_bytes *text_out,
                                     cc_error *error);
bool cc_utf8_valid(cc_bytes text);
/* Bytes of the longest prefix of UTF-8 `text` that is at most `limit` long and splits no character. */
static inline size_t cc_utf8_cut(cc_bytes text, size_t limit) {
    if (text.size <= limit)
        return text.size;
    while (limit > 0 && (text.data[limit] & 0xc0) == 0x80)
        limit--;
    return limit;
}

/* ---- writing ---- */
/* `"text"` with the escapes JSON needs; text must be UTF-8. */
CC_MUST_CHECK cc_status cc_json_write_string(cc_buffer *out, cc_bytes text);
/* `"base64"`. */
CC_MUST_CHECK cc_status cc_json_write_base64(cc_buffer *out, cc_bytes data);
CC_MUST_CHECK cc_status cc_json_write_uint64(cc_buffer *out, uint64_t value);
CC_MUST_CHECK cc_status cc_json_write_double(cc_buffer *out, double value);
/* The last `count` digits of `value`, zeros in front, without an end: of identifiers as long as one another. */
static inline void cc_json_put_digits(void *to, size_t count, uint64_t value) {
    char *digits = to;
    while (count-- > 0) {
        digits[count] = (char)('0' + value % 10);
        value /= 10;
    }
}

/* ---- base64 (RFC 4648, padded) ---- */
size_t cc_base64_encoded_size(size_t size);
void cc_base64_encode(cc_bytes data, uint8_t *out);
/* Strict: length a multiple of 4, padding exact, unused bits zero, no other characters. `out` has
 * room for text.size / 4 * 3 bytes. False when the text is not strict base64. SIMD where possible. */
bool cc_base64_decode(cc_bytes text, uint8_t *out, size_t *size_out);

#endif
