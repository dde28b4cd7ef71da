/* json_write.c: JSON text out, and base64 both ways. */
#include <math.h>
#include <stdio.h>

#include "codec/json.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* First byte that needs an escape: quote, backslash, control character. */
static const uint8_t *clean_end(const uint8_t *at, const uint8_t *end) {
#if defined(__SSE2__)
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'),
                  limit = _mm_set1_epi8(0x1f);
    for (; end - at >= 16; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, limit), bytes);
        __m128i stop = _mm_or_si128(
            _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, slash)), control);
        int mask = _mm_movemask_epi8(stop);
        if (mask != 0)
            return at + __builtin_ctz((unsigned)mask);
    }
#endif
    while (at < end && *at != '"' && *at != '\\' && *at >= 0x20)
        at++;
    return at;
}

static cc_status write_escape(cc_buffer *out, uint8_t c) {
    static const char from[] = "\"\\\b\f\n\r\t", become[] = "\"\\bfnrt";
    const char *simple = c != 0 ? strchr(from, c) : NULL;
    char text[8];
    if (simple != NULL)
        snprintf(text, sizeof text, "\\%c", become[simple - from]);
    else
        snprintf(text, sizeof text, "\\u%04x", c);
    return cc_buffer_append_text(out, text);
}

cc_status cc_json_write_string(cc_buffer *out, cc_bytes text) {
    CC_TRY(cc_buffer_reserve(out, text.size + 2));
    out->data[out->size++] = '"';
    const uint8_t *at = text.data, *end = text.data + text.size;
    while (at < end) {
        const uint8_t *stop = clean_end(at, end);
        CC_TRY(cc_buffer_append(out, at, (size_t)(stop - at)));
        if (stop == end)
            break;
        CC_TRY(write_escape(out, *stop));
        at = stop + 1;
    }
    return cc_buffer_append_byte(out, '"');
}

cc_status cc_json_write_base64(cc_buffer *out, cc_bytes data) {
    size_t size = cc_base64_encoded_size(data.size);
    CC_TRY(cc_buffer_reserve(out, size + 2));
    out->data[out->size++] = '"';
    cc_base64_encode(data, out->data + out->size);
    out->size += size;
    out->data[out->size++] = '"';
    return CC_OK;
}

cc_status cc_json_write_uint64(cc_buffer *out, uint64_t value) {
    char text[24];
    int size = snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    return cc_buffer_append(out, text, (size_t)size);
}

cc_status cc_json_write_double(cc_buffer *out, double value) {
    char text[40];
    if (!isfinite(value))
        return CC_ERR_ARGUMENT;
    for (int precision = 1; precision <= 17; precision++) { /* the shortest that reads back */
        snprintf(text, sizeof text, "%.*g", precision, value);
        double back;
        if (sscanf(text, "%lf", &back) == 1 && back == value)
            break;
    }
    if (strpbrk(text, ".e") == NULL)
        CC_TRY(cc_buffer_append_text(out, text));
    else
        return cc_buffer_append_text(out, text);
    return cc_buffer_append_text(out, ".0");
}

/* ---- base64 ---- */

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t cc_base64_encoded_size(size_t size) { return (size + 2) / 3 * 4; }

void cc_base64_encode(cc_bytes data, uint8_t *out) {
    size_t i = 0;
    for (; i + 3 <= data.size; i += 3, out += 4) {
        uint32_t three = (uint32_t)data.data[i] << 16 | (uint32_t)data.data[i + 1] << 8 |
                         data.data[i + 2];
        out[0] = (uint8_t)ALPHABET[three >> 18];
        out[1] = (uint8_t)ALPHABET[(three >> 12) & 63];
        out[2] = (uint8_t)ALPHABET[(three >> 6) & 63];
        out[3] = (uint8_t)ALPHABET[three & 63];
    }
    if (i == data.size)
        return;
    bool two = data.size - i == 2;
    uint32_t rest = (uint32_t)data.data[i] << 16 | (two ? (uint32_t)data.data[i + 1] << 8 : 0);
    out[0] = (uint8_t)ALPHABET[rest >> 18];
    out[1] = (uint8_t)ALPHABET[(rest >> 12) & 63];
    out[2] = two ? (uint8_t)ALPHABET[(rest >> 6) & 63] : '=';
    out[3] = '=';
}

/* Value of a base64 character, or 255. */
static const uint8_t *values(void) {
#define X 255
    static const uint8_t table[256] = {
        X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,
        X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  62,
        X,  X,  X,  63, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, X,  X,  X,  X,  X,  X,  X,  0,
        1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22,
        23, 24, 25, X,  X,  X,  X,  X,  X,  26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38,
        39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, X,  X,  X,  X,  X,  X,  X,  X,  X,
        X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,
        X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,
        X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,
        X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,
        X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,
        X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X};
#undef X
    return table;
}

bool cc_base64_decode(cc_bytes text, uint8_t *out, size_t *size_out) {
    const uint8_t *value = values(), *at = text.data;
    if (text.size % 4 != 0)
        return false;
    if (text.size == 0) {
        *size_out = 0;
        return true;
    }
    uint8_t *to = out;
    uint32_t wrong = 0;
    const uint8_t *last = at + text.size - 4;
    for (; at < last; at += 4, to += 3) {
        uint32_t a = value[at[0]], b = value[at[1]], c = value[at[2]], d = value[at[3]];
        wrong |= (a | b | c | d) & 0x80;
        uint32_t three = a << 18 | b << 12 | c << 6 | d;
        to[0] = (uint8_t)(three >> 16);
        to[1] = (uint8_t)(three >> 8);
        to[2] = (uint8_t)three;
    }
    size_t padding = (size_t)(last[3] == '=') + (last[3] == '=' && last[2] == '=');
    uint32_t a = value[at[0]], b = value[at[1]];
    uint32_t c = padding < 2 ? value[at[2]] : 0, d = padding < 1 ? value[at[3]] : 0;
    wrong |= (a | b | c | d) & 0x80;
    uint32_t three = (a & 63) << 18 | (b & 63) << 12 | (c & 63) << 6 | (d & 63);
    if (wrong != 0 || (padding == 1 && (c & 3) != 0) || (padding == 2 && (b & 15) != 0))
        return false; /* foreign characters, or bits that no byte uses */
    *to++ = (uint8_t)(three >> 16);
    if (padding < 2)
        *to++ = (uint8_t)(three >> 8);
    if (padding < 1)
        *to++ = (uint8_t)three;
    *size_out = (size_t)(to - out);
    return true;
}
