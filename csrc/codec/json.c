/* json.c: the pull reader. Strings are scanned 16 bytes at a time with SSE2, long ones 32 at a
 * time where the processor has AVX2; see json.h. Thread rule: pure functions over the caller's cursor. */
#include "codec/json.h"

#include "base/cpu.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

static cc_status bad(const cc_json_cursor *cursor, cc_error *error, const char *what) {
    cc_status status = cc_fail_aws(error, CC_ERR_SERIALIZATION, "SerializationException",
                                   "invalid JSON at byte %zu: %s", (size_t)(cursor->at - cursor->begin),
                                   what);
    if (error != NULL)
        error->position = (uint64_t)(cursor->at - cursor->begin);
    return status;
}

static void skip_space(cc_json_cursor *cursor) {
    const uint8_t *at = cursor->at;
    while (at < cursor->end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    cursor->at = at;
}

cc_json_kind cc_json_peek(cc_json_cursor *cursor) {
    skip_space(cursor);
    if (cursor->at == cursor->end)
        return CC_JSON_END;
    switch (*cursor->at) {
    case '{':
        return CC_JSON_OBJECT;
    case '[':
        return CC_JSON_ARRAY;
    case '"':
        return CC_JSON_STRING;
    case 't':
        return CC_JSON_TRUE;
    case 'f':
        return CC_JSON_FALSE;
    case 'n':
        return CC_JSON_NULL;
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
        return CC_JSON_NUMBER;
    default:
        return CC_JSON_BAD;
    }
}

cc_status cc_json_enter(cc_json_cursor *cursor, cc_json_kind kind, cc_error *error) {
    if (cc_json_peek(cursor) != kind)
        return bad(cursor, error, kind == CC_JSON_OBJECT ? "expected an object" : "expected an array");
    cursor->at++;
    return CC_OK;
}

/* Consumes `,` between and `close` behind; shared by objects and arrays. */
static cc_status next(cc_json_cursor *cursor, uint8_t close, bool *first, bool *more_out, cc_error *error) {
    skip_space(cursor);
    if (cursor->at == cursor->end)
        return bad(cursor, error, "unexpected end");
    if (*cursor->at == close) {
        cursor->at++;
        *more_out = false;
        return CC_OK;
    }
    if (!*first) {
        if (*cursor->at != ',')
            return bad(cursor, error, "expected a comma");
        cursor->at++;
        skip_space(cursor);
        if (cursor->at < cursor->end && *cursor->at == close)
            return bad(cursor, error, "a comma before the end");
    }
    *first = false;
    *more_out = true;
    return CC_OK;
}

cc_status cc_json_next_member(cc_json_cursor *cursor, bool *first, cc_json_string *name_out, bool *more_out,
                              cc_error *error) {
    CC_TRY(next(cursor, '}', first, more_out, error));
    if (!*more_out)
        return CC_OK;
    CC_TRY(cc_json_read_string(cursor, name_out, error));
    skip_space(cursor);
    if (cursor->at == cursor->end || *cursor->at != ':')
        return bad(cursor, error, "expected a colon");
    cursor->at++;
    return CC_OK;
}

cc_status cc_json_next_element(cc_json_cursor *cursor, bool *first, bool *more_out, cc_error *error) {
    return next(cursor, ']', first, more_out, error);
}

enum { LONG_STRING = 64 }; /* plain bytes after which a string counts as long */

#if defined(__x86_64__)
/* The AVX2 form of plain_end: stops at the first block that is not all plain. */
__attribute__((target("avx2"))) static const uint8_t *plain_blocks(const uint8_t *at, const uint8_t *end) {
    const __m256i quote = _mm256_set1_epi8('"'), slash = _mm256_set1_epi8('\\'),
                  space = _mm256_set1_epi8(0x20);
    for (; end - at >= 32; at += 32) {
        __m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)at);
        __m256i stop = _mm256_or_si256(_mm256_cmpeq_epi8(bytes, quote), _mm256_cmpeq_epi8(bytes, slash));
        stop = _mm256_or_si256(stop, _mm256_cmpgt_epi8(space, bytes)); /* signed: also not ASCII */
        if (_mm256_movemask_epi8(stop) != 0)
            break;
    }
    return at;
}
#endif

/* First byte at or after `at` that is a quote, a backslash, a control character or not ASCII. */
static const uint8_t *plain_end(const uint8_t *at, const uint8_t *end) {
#if defined(__SSE2__)
#if defined(__x86_64__)
    const uint8_t *start = at;
    bool tried = false;
#endif
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'), space = _mm_set1_epi8(0x20);
    for (; end - at >= 16; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        /* Signed compare: bytes below 0x20 and all of 0x80..0xff are "less than a space". */
        __m128i stop = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, slash)),
                                    _mm_cmplt_epi8(bytes, space));
        int mask = _mm_movemask_epi8(stop);
        if (mask != 0)
            return at + __builtin_ctz((unsigned)mask);
#if defined(__x86_64__)
        if (!tried && at - start >= LONG_STRING && cc_cpu()->avx2) {
            tried = true;
            at = plain_blocks(at, end) - 16; /* the loop's step brings it back */
        }
#endif
    }
#endif
    while (at < end && *at != '"' && *at != '\\' && *at >= 0x20 && *at < 0x80)
        at++;
    return at;
}

/* Length of the valid UTF-8 sequence at `at`, 0 if there is none (RFC 3629 table). */
static size_t utf8_sequence(const uint8_t *at, const uint8_t *end) {
    size_t left = (size_t)(end - at);
    uint8_t a = at[0];
    if (a < 0x80)
        return 1;
    if (a >= 0xc2 && a <= 0xdf)
        return left >= 2 && (at[1] & 0xc0) == 0x80 ? 2 : 0;
    if (a >= 0xe0 && a <= 0xef) {
        if (left < 3 || (at[1] & 0xc0) != 0x80 || (at[2] & 0xc0) != 0x80)
            return 0;
        return (a == 0xe0 && at[1] < 0xa0) || (a == 0xed && at[1] > 0x9f) ? 0 : 3;
    }
    if (a >= 0xf0 && a <= 0xf4) {
        if (left < 4 || (at[1] & 0xc0) != 0x80 || (at[2] & 0xc0) != 0x80 || (at[3] & 0xc0) != 0x80)
            return 0;
        return (a == 0xf0 && at[1] < 0x90) || (a == 0xf4 && at[1] > 0x8f) ? 0 : 4;
    }
    return 0;
}

bool cc_utf8_valid(cc_bytes text) {
    const uint8_t *at = text.data, *end = text.data + text.size;
    while (at < end) {
        uint64_t word;
        if (end - at >= 8) {
            memcpy(&word, at, 8);
            if ((word & 0x8080808080808080u) == 0) {
                at += 8;
                continue;
            }
        }
        size_t step = utf8_sequence(at, end);
        if (step == 0)
            return false;
        at += step;
    }
    return true;
}

static int hex4(const uint8_t *at) {
    int value = 0;
    for (int i = 0; i < 4; i++) {
        uint8_t c = at[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return -1;
        value = value << 4 | digit;
    }
    return value;
}

/* Bytes of the escape at `at`, which stands on the backslash; 0 if there is none by that spelling.
 * Halves of surrogate pairs are checked by unescape. */
static size_t escape_size(const uint8_t *at, const uint8_t *end) {
    if (end - at < 2)
        return 0;
    switch (at[1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return 2;
    case 'u':
        return end - at >= 6 && hex4(at + 2) >= 0 ? 6 : 0;
    default:
        return 0;
    }
}

cc_status cc_json_read_string(cc_json_cursor *cursor, cc_json_string *string_out, cc_error *error) {
    skip_space(cursor);
    if (cursor->at == cursor->end || *cursor->at != '"')
        return bad(cursor, error, "expected a string");
    const uint8_t *start = cursor->at + 1, *at = start;
    bool escaped = false;
    for (;;) {
        at = plain_end(at, cursor->end);
        if (at == cursor->end) {
            cursor->at = at;
            return bad(cursor, error, "a string without end");
        }
        if (*at == '"')
            break;
        size_t step = 0;
        if (*at == '\\') {
            escaped = true;
            step = escape_size(at, cursor->end);
        } else if (*at >= 0x80) {
            step = utf8_sequence(at, cursor->end);
        }
        if (step == 0) {
            cursor->at = at;
            return bad(cursor, error,
                       *at == '\\'  ? "a bad escape in a string"
                       : *at < 0x20 ? "a control character in a string"
                                    : "invalid UTF-8");
        }
        at += step;
    }
    *string_out = (cc_json_string){cc_bytes_of(start, (size_t)(at - start)), escaped};
    cursor->at = at + 1;
    return CC_OK;
}

bool cc_json_copy_plain(cc_json_cursor *cursor, uint8_t *to, size_t room, size_t *size_out) {
#if defined(__SSE2__)
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'), space = _mm_set1_epi8(0x20);
    const uint8_t *at = cursor->at, *end = cursor->end;
    if (at == end || *at != '"')
        return false;
    at++;
    for (size_t done = 0; end - at >= 16 && room - done >= 16; at += 16, done += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        _mm_storeu_si128((__m128i *)(void *)(to + done), bytes);
        __m128i stop = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, slash)),
                                    _mm_cmplt_epi8(bytes, space)); /* signed: also not ASCII */
        int mask = _mm_movemask_epi8(stop);
        if (mask == 0)
            continue;
        size_t plain = (size_t)__builtin_ctz((unsigned)mask);
        if (at[plain] != '"')
            return false;
        *size_out = done + plain;
        cursor->at = at + plain + 1;
        return true;
    }
#else
    (void)cursor, (void)to, (void)room, (void)size_out;
#endif
    return false;
}

static const uint8_t *digits_end(const uint8_t *at, const uint8_t *end) {
    while (at < end && *at >= '0' && *at <= '9')
        at++;
    return at;
}

cc_status cc_json_read_number(cc_json_cursor *cursor, cc_bytes *text_out, cc_error *error) {
    skip_space(cursor);
    const uint8_t *start = cursor->at, *at = start, *end = cursor->end;
    if (at < end && *at == '-')
        at++;
    const uint8_t *integer = at;
    at = digits_end(at, end);
    if (at == integer || (*integer == '0' && at - integer > 1))
        return bad(cursor, error, "expected a number");
    if (at < end && *at == '.') {
        const uint8_t *fraction = ++at;
        at = digits_end(at, end);
        if (at == fraction)
            return bad(cursor, error, "a number needs digits behind its point");
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        if (at < end && (*at == '+' || *at == '-'))
            at++;
        const uint8_t *exponent = at;
        at = digits_end(at, end);
        if (at == exponent)
            return bad(cursor, error, "a number needs digits in its exponent");
    }
    *text_out = cc_bytes_of(start, (size_t)(at - start));
    cursor->at = at;
    return CC_OK;
}

static cc_status literal(cc_json_cursor *cursor, const char *text, cc_error *error) {
    size_t size = strlen(text);
    if ((size_t)(cursor->end - cursor->at) < size || memcmp(cursor->at, text, size) != 0)
        return bad(cursor, error, "unknown word");
    cursor->at += size;
    return CC_OK;
}

cc_status cc_json_read_bool(cc_json_cursor *cursor, bool *value_out, cc_error *error) {
    cc_json_kind kind = cc_json_peek(cursor);
    if (kind != CC_JSON_TRUE && kind != CC_JSON_FALSE)
        return bad(cursor, error, "expected true or false");
    *value_out = kind == CC_JSON_TRUE;
    return literal(cursor, *value_out ? "true" : "false", error);
}

cc_status cc_json_read_null(cc_json_cursor *cursor, cc_error *error) {
    if (cc_json_peek(cursor) != CC_JSON_NULL)
        return bad(cursor, error, "expected null");
    return literal(cursor, "null", error);
}

static cc_status skip_scalar(cc_json_cursor *cursor, cc_json_kind kind, cc_error *error) {
    cc_json_string string;
    cc_bytes number;
    bool flag;
    switch (kind) {
    case CC_JSON_STRING:
        return cc_json_read_string(cursor, &string, error);
    case CC_JSON_NUMBER:
        return cc_json_read_number(cursor, &number, error);
    case CC_JSON_TRUE:
    case CC_JSON_FALSE:
        return cc_json_read_bool(cursor, &flag, error);
    case CC_JSON_NULL:
        return cc_json_read_null(cursor, error);
    case CC_JSON_END:
        return bad(cursor, error, "unexpected end");
    default:
        return bad(cursor, error, "unexpected character");
    }
}

/* Without recursion: one bit per level says object or array. */
cc_status cc_json_skip(cc_json_cursor *cursor, cc_bytes *value_out, cc_error *error) {
    bool object[CC_JSON_DEPTH_MAX], first = true;
    int depth = 0;
    cc_json_kind kind = cc_json_peek(cursor);
    const uint8_t *start = cursor->at;
    for (;;) {
        if (kind == CC_JSON_OBJECT || kind == CC_JSON_ARRAY) {
            if (depth == CC_JSON_DEPTH_MAX)
                return bad(cursor, error, "nested too deeply");
            object[depth++] = kind == CC_JSON_OBJECT;
            cursor->at++;
            first = true;
        } else {
            CC_TRY(skip_scalar(cursor, kind, error));
        }
        while (depth > 0) { /* on to the next value, closing what ends here */
            bool more;
            cc_json_string name;
            if (object[depth - 1])
                CC_TRY(cc_json_next_member(cursor, &first, &name, &more, error));
            else
                CC_TRY(cc_json_next_element(cursor, &first, &more, error));
            if (more)
                break;
            depth--;
            first = false;
        }
        if (depth == 0)
            break;
        kind = cc_json_peek(cursor);
    }
    if (value_out != NULL)
        *value_out = cc_bytes_of(start, (size_t)(cursor->at - start));
    return CC_OK;
}

cc_status cc_json_finish(cc_json_cursor *cursor, cc_error *error) {
    return cc_json_peek(cursor) == CC_JSON_END ? CC_OK : bad(cursor, error, "something behind the value");
}

static size_t put_utf8(uint32_t point, uint8_t *out) {
    if (point < 0x80) {
        out[0] = (uint8_t)point;
        return 1;
    }
    if (point < 0x800) {
        out[0] = (uint8_t)(0xc0 | point >> 6);
        out[1] = (uint8_t)(0x80 | (point & 63));
        return 2;
    }
    if (point < 0x10000) {
        out[0] = (uint8_t)(0xe0 | point >> 12);
        out[1] = (uint8_t)(0x80 | ((point >> 6) & 63));
        out[2] = (uint8_t)(0x80 | (point & 63));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | point >> 18);
    out[1] = (uint8_t)(0x80 | ((point >> 12) & 63));
    out[2] = (uint8_t)(0x80 | ((point >> 6) & 63));
    out[3] = (uint8_t)(0x80 | (point & 63));
    return 4;
}

/* \uXXXX (and its low half) at `at`, which stands on the `u`; returns the bytes consumed, 0 if bad. */
static size_t unicode_escape(const uint8_t *at, const uint8_t *end, uint32_t *point_out) {
    int high = end - at >= 5 ? hex4(at + 1) : -1;
    if (high < 0 || (high >= 0xdc00 && high <= 0xdfff))
        return 0;
    if (high < 0xd800 || high > 0xdbff) {
        *point_out = (uint32_t)high;
        return 5;
    }
    int low = end - at >= 11 && at[5] == '\\' && at[6] == 'u' ? hex4(at + 7) : -1;
    if (low < 0xdc00 || low > 0xdfff)
        return 0;
    *point_out = 0x10000 + (((uint32_t)high - 0xd800) << 10) + ((uint32_t)low - 0xdc00);
    return 11;
}

cc_status cc_json_unescape(cc_json_string string, uint8_t *out, size_t *size_out, cc_error *error) {
    const uint8_t *at = string.text.data, *end = at + string.text.size;
    uint8_t *to = out;
    while (at < end) {
        if (*at != '\\') { /* copy up to the next escape */
            const uint8_t *slash = memchr(at, '\\', (size_t)(end - at));
            size_t plain = (size_t)((slash != NULL ? slash : end) - at);
            memcpy(to, at, plain);
            to += plain;
            at += plain;
            continue;
        }
        at++;
        static const char from[] = "\"\\/bfnrt", become[] = "\"\\/\b\f\n\r\t";
        const char *simple = at < end && *at != 0 ? strchr(from, *at) : NULL;
        if (simple != NULL) {
            *to++ = (uint8_t)become[simple - from];
            at++;
            continue;
        }
        uint32_t point = 0;
        size_t used = at < end && *at == 'u' ? unicode_escape(at, end, &point) : 0;
        if (used == 0)
            return cc_fail_aws(error, CC_ERR_SERIALIZATION, "SerializationException",
                               "invalid JSON: a bad escape in a string");
        to += put_utf8(point, to);
        at += used;
    }
    *size_out = (size_t)(to - out);
    return CC_OK;
}

cc_status cc_json_text(cc_json_string string, cc_arena *arena, cc_bytes *text_out, cc_error *error) {
    if (CC_LIKELY(!string.escaped)) {
        *text_out = string.text;
        return CC_OK;
    }
    uint8_t *out = cc_arena_alloc(arena, string.text.size);
    if (out == NULL)
        return cc_fail(error, CC_ERR_NOMEM, "no memory for a string");
    size_t size;
    CC_TRY(cc_json_unescape(string, out, &size, error));
    *text_out = cc_bytes_of(out, size);
    return CC_OK;
}
