/* pack.c: the hybrid of run lengths and bit packing that Parquet has for levels and dictionary indices.
 *
 *   run of one value    varint(count << 1)          | the value in (width + 7) / 8 bytes
 *   groups of 8 values  varint(groups << 1 | 1)     | width bytes a group, the first value in the lowest bits
 *
 * A run is written where at least 16 equal values begin at a group; the rest is packed. */
#include "base/little.h"
#include "parquet/internal.h"

enum { RUN_LEAST = 16 };

static inline uint32_t value_at(const void *values, size_t at, bool wide) {
    return wide ? ((const uint32_t *)values)[at] : ((const uint8_t *)values)[at];
}

/* Equal values from `at` on. */
static inline size_t run_of(const void *values, size_t at, size_t count, bool wide) {
    size_t end = at + 1;
    uint32_t value = value_at(values, at, wide);
    if (!wide) {
        const uint8_t *bytes = values;
        uint64_t all = value * UINT64_C(0x0101010101010101);
        for (; end + 8 <= count && cc_get_u64(bytes + end) == all; end += 8)
            ;
    }
    while (end < count && value_at(values, end, wide) == value)
        end++;
    return end - at;
}

static uint8_t *put_varint(uint8_t *to, uint64_t value) {
    for (; value >= 0x80; value >>= 7)
        *to++ = (uint8_t)(value | 0x80);
    *to++ = (uint8_t)value;
    return to;
}

/* Eight values, `width` bytes; may store up to 16 bytes more. */
static inline uint8_t *pack_group(uint8_t *to, const void *values, size_t at, size_t count, unsigned width,
                                  bool wide) {
    unsigned __int128 bits = 0;
    unsigned held = 0;
    size_t have = count - at < 8 ? count - at : 8;
    for (size_t i = 0; i < 8; i++) {
        if (i < have)
            bits |= (unsigned __int128)value_at(values, at + i, wide) << held;
        held += width;
        if (held >= 64) {
            cc_put_u64(to, (uint64_t)bits);
            to += 8;
            bits >>= 64;
            held -= 64;
        }
    }
    cc_put_u64(to, (uint64_t)bits);
    return to + (held + 7) / 8;
}

static inline cc_status pack(const void *values, size_t count, unsigned width, bool wide, cc_buffer *out) {
    /* A run takes at most 5 + 4 bytes for at least 16 values, packed groups 10 bytes of head between runs. */
    CC_TRY(cc_buffer_reserve(out, (count + 7) / 8 * (width + 10) + 64));
    uint8_t *to = out->data + out->size;
    size_t at = 0, packed_from = 0;
    while (at < count || packed_from < at) {
        size_t run = at < count ? run_of(values, at, count, wide) : 0;
        if (at < count && run < RUN_LEAST) {
            at = count - at < 8 ? count : at + 8;
            continue;
        }
        if (packed_from < at) {
            to = put_varint(to, (at - packed_from + 7) / 8 << 1 | 1);
            for (; packed_from < at; packed_from += 8)
                to = pack_group(to, values, packed_from, count, width, wide);
        }
        if (run != 0) {
            to = put_varint(to, (uint64_t)run << 1);
            cc_put_u32(to, value_at(values, at, wide));
            to += (width + 7) / 8;
            at += run;
        }
        packed_from = at;
    }
    out->size = (size_t)(to - out->data);
    return CC_OK;
}

cc_status cc_parquet_pack_levels(const uint8_t *levels, size_t count, unsigned width, cc_buffer *out) {
    return pack(levels, count, width, false, out);
}

cc_status cc_parquet_pack_indices(const uint32_t *indices, size_t count, unsigned width, cc_buffer *out) {
    return pack(indices, count, width, true, out);
}

cc_status cc_parquet_pack_bits(const uint8_t *bytes, size_t count, cc_buffer *out) {
    CC_TRY(cc_buffer_reserve(out, count / 8 + 1));
    for (size_t i = 0; i < count; i += 8) {
        uint8_t byte = 0;
        for (size_t bit = 0; bit < 8 && i + bit < count; bit++)
            byte |= (uint8_t)(bytes[i + bit] << bit);
        out->data[out->size++] = byte;
    }
    return CC_OK;
}
