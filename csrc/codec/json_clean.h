/* json_clean.h: text copied into JSON while it is looked at, in room that was made before: what nearly all of it takes. */
#ifndef CC_CODEC_JSON_CLEAN_H
#define CC_CODEC_JSON_CLEAN_H

#include "base/bytes.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* Bytes of a word that are below 0x20, a quote or a backslash leave their top bit. */
static inline uint64_t cc_json_unclean(uint64_t word) {
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
    uint64_t quote = word ^ ones * '"', slash = word ^ ones * '\\';
    return ((word - ones * 0x20) | (quote - ones) | (slash - ones)) & ~word & tops;
}

/* Copies up to 15 bytes, in two words that overlap; whether none needs an escape. */
static inline bool cc_json_copy_short(uint8_t *to, const uint8_t *from, size_t size) {
    if (size >= 8) {
        uint64_t first, last;
        memcpy(&first, from, 8);
        memcpy(&last, from + size - 8, 8);
        memcpy(to, &first, 8);
        memcpy(to + size - 8, &last, 8);
        return (cc_json_unclean(first) | cc_json_unclean(last)) == 0;
    }
    if (size >= 4) {
        uint32_t first, last;
        memcpy(&first, from, 4);
        memcpy(&last, from + size - 4, 4);
        memcpy(to, &first, 4);
        memcpy(to + size - 4, &last, 4);
        return cc_json_unclean((uint64_t)first << 32 | last) == 0;
    }
    uint64_t word = 0x2020202020202020u;
    for (size_t i = 0; i < size; i++)
        word = word << 8 | (to[i] = from[i]);
    return cc_json_unclean(word) == 0;
}

#if defined(__SSE2__)
/* Copies 16 bytes; those that need an escape have a bit in what it returns. */
static inline int cc_json_copy_block(uint8_t *to, const uint8_t *from) {
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'), limit = _mm_set1_epi8(0x1f);
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)from);
    __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, limit), bytes);
    __m128i stop = _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, slash));
    _mm_storeu_si128((__m128i *)(void *)to, bytes);
    return _mm_movemask_epi8(_mm_or_si128(stop, control));
}
#endif

/* `"text"` at `to`, where there is room for it; returns what comes behind it, or NULL when something in the text
 * needs an escape: then what was written means nothing. */
static inline uint8_t *cc_json_put_clean(uint8_t *to, cc_bytes text) {
    const uint8_t *at = text.data;
    size_t left = text.size;
    *to++ = '"';
#if defined(__SSE2__)
    if (left >= 16) {
        int stop = 0;
        for (; left >= 16; at += 16, to += 16, left -= 16)
            stop |= cc_json_copy_block(to, at);
        if (left != 0) /* the last 16 bytes, some of them again */
            stop |= cc_json_copy_block(to + left - 16, at + left - 16);
        if (CC_UNLIKELY(stop != 0))
            return NULL;
        to[left] = '"';
        return to + left + 1;
    }
#else
    for (; left >= 8; at += 8, to += 8, left -= 8)
        if (CC_UNLIKELY(!cc_json_copy_short(to, at, 8)))
            return NULL;
#endif
    if (CC_UNLIKELY(!cc_json_copy_short(to, at, left)))
        return NULL;
    to[left] = '"';
    return to + left + 1;
}

#endif
