/* json_write.c: JSON text out, and base64 both ways.
 *
 * Base64 works 32 characters at a time where the processor has AVX2: the kernels follow W. Mula and
 * D. Lemire, "Faster Base64 Encoding and Decoding Using AVX2 Instructions" (2018). They take the long
 * middle; the scalar code does the rest and alone sees padding. Thread rule: pure functions. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cpu.h"
#include "codec/json.h"
#include "codec/json_clean.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

#if defined(__x86_64__)
/* The AVX2 form of clean_end for long text: stops at the first block that is not all clean. */
__attribute__((target("avx2"))) static const uint8_t *clean_blocks(const uint8_t *at, const uint8_t *end) {
    const __m256i quote = _mm256_set1_epi8('"'), slash = _mm256_set1_epi8('\\'),
                  limit = _mm256_set1_epi8(0x1f);
    for (; end - at >= 32; at += 32) {
        __m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)at);
        __m256i stop = _mm256_or_si256(_mm256_cmpeq_epi8(bytes, quote), _mm256_cmpeq_epi8(bytes, slash));
        stop = _mm256_or_si256(stop, _mm256_cmpeq_epi8(_mm256_min_epu8(bytes, limit), bytes));
        if (_mm256_movemask_epi8(stop) != 0)
            break;
    }
    return at;
}
#endif

/* First byte that needs an escape: quote, backslash, control character. */
static const uint8_t *clean_end(const uint8_t *at, const uint8_t *end) {
#if defined(__x86_64__)
    if (end - at >= 256 && cc_cpu()->avx2)
        at = clean_blocks(at, end);
#endif
#if defined(__SSE2__)
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'), limit = _mm_set1_epi8(0x1f);
    for (; end - at >= 16; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, limit), bytes);
        __m128i stop = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, slash)),
                                    control);
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

/* The text from `at` on, and the quote behind it, with what escapes it needs. */
static cc_status write_escaped(cc_buffer *out, const uint8_t *at, const uint8_t *end) {
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

cc_status cc_json_write_string(cc_buffer *out, cc_bytes text) {
    CC_TRY(cc_buffer_reserve(out, text.size + 2));
    uint8_t *start = out->data + out->size, *behind = cc_json_put_clean(start, text);
    if (CC_LIKELY(behind != NULL)) {
        out->size += (size_t)(behind - start);
        return CC_OK;
    }
    out->size++; /* the quote; the rest is written anew */
    return write_escaped(out, text.data, text.data + text.size);
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
    char text[20];
    size_t at = sizeof text;
    do {
        text[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    return cc_buffer_append(out, text + at, sizeof text - at);
}

cc_status cc_json_write_double(cc_buffer *out, double value) {
    char text[40];
    if (!isfinite(value))
        return CC_ERR_ARGUMENT;
    /* %g drops trailing zeros, so 15 digits are already the shortest when they read back. */
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(text, sizeof text, "%.*g", precision, value);
        if (strtod(text, NULL) == value)
            break;
    }
    CC_TRY(cc_buffer_append_text(out, text));
    return strpbrk(text, ".e") == NULL ? cc_buffer_append_text(out, ".0") : CC_OK;
}

/* ---- base64 ---- */

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t cc_base64_encoded_size(size_t size) { return (size + 2) / 3 * 4; }

#if defined(__x86_64__)
/* Consumes 24 bytes per step and returns how many it took; reads 28, so it stops before the end. */
__attribute__((target("avx2"))) static size_t encode_avx2(const uint8_t *data, size_t size, uint8_t *out) {
    const __m256i spread = _mm256_setr_epi8(1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10, 1, 0, 2, 1, 4,
                                            3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10);
    /* What to add to a 6-bit value, by its range: a-z, 0-9 (ten times), +, /, A-Z. */
    const __m256i shift = _mm256_setr_epi8(
        'a' - 26, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52,
        '0' - 52, '+' - 62, '/' - 63, 'A', 0, 0, 'a' - 26, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52,
        '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '+' - 62, '/' - 63, 'A', 0, 0);
    size_t done = 0;
    for (; size - done >= 28; done += 24, out += 32) {
        __m128i low = _mm_loadu_si128((const __m128i *)(const void *)(data + done));
        __m128i high = _mm_loadu_si128((const __m128i *)(const void *)(data + done + 12));
        __m256i in = _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
        in = _mm256_shuffle_epi8(in, spread);
        __m256i upper = _mm256_mulhi_epu16(_mm256_and_si256(in, _mm256_set1_epi32(0x0fc0fc00)),
                                           _mm256_set1_epi32(0x04000040));
        __m256i lower = _mm256_mullo_epi16(_mm256_and_si256(in, _mm256_set1_epi32(0x003f03f0)),
                                           _mm256_set1_epi32(0x01000010));
        __m256i six = _mm256_or_si256(upper, lower);
        __m256i range = _mm256_subs_epu8(six, _mm256_set1_epi8(51));
        __m256i capital = _mm256_cmpgt_epi8(_mm256_set1_epi8(26), six);
        range = _mm256_or_si256(range, _mm256_and_si256(capital, _mm256_set1_epi8(13)));
        six = _mm256_add_epi8(six, _mm256_shuffle_epi8(shift, range));
        _mm256_storeu_si256((__m256i *)(void *)out, six);
    }
    return done;
}

/* Decodes 32 characters per step while they are plain and at least 48 are left (so that the 32
 * bytes it stores fit); returns the characters taken. A foreign character ends it: the scalar code decides. */
__attribute__((target("avx2"))) static size_t decode_avx2(const uint8_t *text, size_t size, uint8_t *out) {
    /* A character is wrong when the classes of its low and its high nibble share a bit. */
    const __m256i low_class = _mm256_broadcastsi128_si256(_mm_setr_epi8(
        0x15, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x13, 0x1a, 0x1b, 0x1b, 0x1b, 0x1a));
    const __m256i high_class = _mm256_broadcastsi128_si256(_mm_setr_epi8(
        0x10, 0x10, 0x01, 0x02, 0x04, 0x08, 0x04, 0x08, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10));
    const __m256i roll = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 16, 19, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0));
    const __m256i pack = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1));
    const __m256i nibble = _mm256_set1_epi8(0x0f);
    size_t done = 0;
    for (; size - done >= 48; done += 32, out += 24) {
        __m256i in = _mm256_loadu_si256((const __m256i *)(const void *)(text + done));
        __m256i high = _mm256_and_si256(_mm256_srli_epi32(in, 4), nibble);
        __m256i low = _mm256_and_si256(in, nibble);
        if (!_mm256_testz_si256(_mm256_shuffle_epi8(low_class, low), _mm256_shuffle_epi8(high_class, high)))
            break;
        __m256i slash = _mm256_cmpeq_epi8(in, _mm256_set1_epi8('/'));
        in = _mm256_add_epi8(in, _mm256_shuffle_epi8(roll, _mm256_add_epi8(slash, high)));
        in = _mm256_maddubs_epi16(in, _mm256_set1_epi32(0x01400140));
        in = _mm256_madd_epi16(in, _mm256_set1_epi32(0x00011000));
        in = _mm256_shuffle_epi8(in, pack);
        in = _mm256_permutevar8x32_epi32(in, _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 3, 7));
        _mm256_storeu_si256((__m256i *)(void *)out, in);
    }
    return done;
}
#endif

void cc_base64_encode(cc_bytes data, uint8_t *out) {
    size_t i = 0;
#if defined(__x86_64__)
    if (data.size >= 28 && cc_cpu()->avx2) {
        i = encode_avx2(data.data, data.size, out);
        out += i / 3 * 4;
    }
#endif
    for (; i + 3 <= data.size; i += 3, out += 4) {
        uint32_t three = (uint32_t)data.data[i] << 16 | (uint32_t)data.data[i + 1] << 8 | data.data[i + 2];
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
        X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,
        X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  62, X,  X,  X,  63,
        52, 53, 54, 55, 56, 57, 58, 59, 60, 61, X,  X,  X,  X,  X,  X,  X,  0,  1,  2,  3,  4,  5,  6,
        7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, X,  X,  X,  X,  X,
        X,  26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48,
        49, 50, 51, X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,
        X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,
        X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,
        X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,
        X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,
        X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X};
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
#if defined(__x86_64__)
    if (text.size >= 48 && cc_cpu()->avx2) {
        size_t taken = decode_avx2(at, text.size, to);
        at += taken;
        to += taken / 4 * 3;
    }
#endif
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
