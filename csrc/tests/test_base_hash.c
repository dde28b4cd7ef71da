/* test_base_hash.c: every kernel against the portable form, published vectors, hash quality. */
#include <stdlib.h>

#include "base/hash.h"
#include "support/check.h"

TEST(published_vectors) {
    CHECK_EQ(cc_crc32c(0, "123456789", 9), 0xe3069283);
    CHECK_EQ(cc_crc32(0, "123456789", 9), 0xcbf43926);
    CHECK_EQ(cc_crc32c(0, "", 0), 0);
}

TEST(kernels_agree) {
    enum { SIZE = 9000 };
    uint8_t *data = malloc(SIZE + 16);
    for (size_t i = 0; i < SIZE + 16; i++)
        data[i] = (uint8_t)(i * 131 + (i >> 7));
    for (size_t size = 0; size < SIZE; size += size < 300 ? 1 : 61) {
        size_t skew = size % 16;
        CHECK_EQ(cc_crc32c(7, data + skew, size), cc_crc32c_portable(7, data + skew, size));
        CHECK_EQ(cc_crc32(7, data + skew, size), cc_crc32_portable(7, data + skew, size));
    }
    /* Continuing equals doing it at once. */
    CHECK_EQ(cc_crc32(cc_crc32(0, data, 100), data + 100, 5000), cc_crc32(0, data, 5100));
    CHECK_EQ(cc_crc32c(cc_crc32c(0, data, 100), data + 100, 5000), cc_crc32c(0, data, 5100));
    free(data);
}

TEST(hash_is_stable_and_mixes) {
    /* Stores keep these on disk: the values may never change. */
    CHECK(cc_hash64("", 0, 0) == cc_hash64(NULL, 0, 0));
    CHECK(cc_hash64("a", 1, 0) != cc_hash64("b", 1, 0));
    CHECK(cc_hash64("a", 1, 0) != cc_hash64("a", 1, 1));
    CHECK(cc_hash64("\0", 1, 0) != cc_hash64("\0\0", 2, 0));
    /* One flipped input bit flips about half of the output bits, whatever the length. */
    uint8_t key[48] = {0};
    long flipped = 0, trials = 0;
    for (size_t size = 1; size <= sizeof key; size++)
        for (size_t bit = 0; bit < size * 8; bit++) {
            uint64_t before = cc_hash64(key, size, 42);
            key[bit / 8] ^= (uint8_t)(1u << (bit % 8));
            flipped += __builtin_popcountll(before ^ cc_hash64(key, size, 42));
            key[bit / 8] ^= (uint8_t)(1u << (bit % 8));
            trials++;
        }
    CHECK(flipped > trials * 31 && flipped < trials * 33);
}

int main(void) {
    RUN(published_vectors);
    RUN(kernels_agree);
    RUN(hash_is_stable_and_mixes);
    return REPORT();
}
