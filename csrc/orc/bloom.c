/* bloom.c: filters that say which values a group of rows does not have.
 *
 *   BloomFilter   1: hash functions | 3: bits, the first in the lowest bit of the first byte
 *
 * A value has one hash of 64 bits (numbers Thomas Wang's, bytes Murmur3's with ORC's seed); its halves a and b make the
 * others: a + i * b, for i from 1 on. A filter is as large as the values of its group need, so hashes wait for its end. */
#include <math.h>

#include "orc/internal.h"

enum { MURMUR_SEED = 104729 };

static inline uint64_t rotate(uint64_t value, unsigned by) { return value << by | value >> (64 - by); }

static inline uint64_t mix(uint64_t word) {
    return rotate(word * UINT64_C(0x87c37b91114253d5), 31) * UINT64_C(0x4cf5ad432745937f);
}

static uint64_t hash_bytes(cc_bytes text) {
    uint64_t hash = MURMUR_SEED;
    size_t at = 0;
    for (; at + 8 <= text.size; at += 8)
        hash = rotate(hash ^ mix(cc_get_u64(text.data + at)), 27) * 5 + 0x52dce729;
    uint64_t rest = 0;
    if (at < text.size)
        memcpy(&rest, text.data + at, text.size - at);
    hash ^= mix(rest); /* of nothing: nothing */
    hash ^= text.size;
    hash = (hash ^ hash >> 33) * UINT64_C(0xff51afd7ed558ccd);
    hash = (hash ^ hash >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return hash ^ hash >> 33;
}

/* Shifts to the right keep the sign. */
static uint64_t hash_integer(int64_t value) {
    uint64_t key = ~(uint64_t)value + ((uint64_t)value << 21);
    key ^= (uint64_t)((int64_t)key >> 24);
    key += (key << 3) + (key << 8);
    key ^= (uint64_t)((int64_t)key >> 14);
    key += (key << 2) + (key << 4);
    key ^= (uint64_t)((int64_t)key >> 28);
    return key + (key << 31);
}

cc_status cc_orc_bloom_integers(cc_buffer *hashes, const int64_t *values, size_t count) {
    CC_TRY(cc_buffer_reserve(hashes, count * 8));
    for (size_t i = 0; i < count; i++, hashes->size += 8)
        cc_put_u64(hashes->data + hashes->size, hash_integer(values[i]));
    return CC_OK;
}

/* Zero is found whatever its sign. */
cc_status cc_orc_bloom_reals(cc_buffer *hashes, const double *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        double both[2] = {values[i], -0.0};
        int64_t bits[2];
        bool zero = both[0] == 0;
        both[0] = zero ? 0.0 : both[0];
        memcpy(bits, both, sizeof bits);
        CC_TRY(cc_orc_bloom_integers(hashes, bits, zero ? 2 : 1));
    }
    return CC_OK;
}

cc_status cc_orc_bloom_text(cc_buffer *hashes, cc_bytes text) {
    uint64_t hash = hash_bytes(text);
    return cc_buffer_append(hashes, &hash, 8);
}

cc_status cc_orc_bloom_end(cc_buffer *hashes, double probability, cc_buffer *index) {
    size_t count = hashes->size / 8;
    double values = count == 0 ? 1 : (double)count;
    uint64_t size = (uint64_t)(-values * log(probability) / (M_LN2 * M_LN2));
    size += 64 - size % 64;
    uint64_t functions = (uint64_t)llround((double)size / values * M_LN2);
    functions = functions < 1 ? 1 : functions;

    /* The field's head, then the bits where they stay. */
    cc_proto proto = cc_proto_begin(index);
    cc_proto_open(&proto, 1);
    cc_proto_u64(&proto, 1, functions);
    cc_proto_open(&proto, 3);
    CC_TRY(proto.status);
    CC_TRY(cc_buffer_reserve(index, size / 8));
    uint8_t *bits = index->data + index->size;
    memset(bits, 0, size / 8);
    index->size += size / 8;
    for (size_t i = 0; i < count; i++) {
        uint64_t hash = cc_get_u64(hashes->data + i * 8);
        uint32_t low = (uint32_t)hash, high = (uint32_t)(hash >> 32);
        for (uint32_t k = 1; k <= functions; k++) {
            uint32_t both = low + k * high;
            uint64_t at = (both >> 31 != 0 ? ~both : both) % size;
            bits[at / 8] |= (uint8_t)(1 << at % 8);
        }
    }
    cc_proto_end(&proto);
    cc_proto_end(&proto);
    cc_buffer_clear(hashes);
    return proto.status;
}
