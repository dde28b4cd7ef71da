/* test_base_hash.c: every kernel against the portable form, published vectors, hash quality. */
#include <stdlib.h>

#include "base/hash.h"
#include "support/check.h"

TEST(published_vectors) {
    CHECK_EQ(cc_crc32c(0, "123456789", 9), 0xe3069283);
    CHECK_EQ(cc_crc32(0, "123456789", 9), 0xcbf43926);
    CHECK_EQ(cc_crc32c(0, "", 0), 0);
    CHECK(cc_crc64nvme(0, "123456789", 9) == UINT64_C(0xae8b14860a799888));
    CHECK(cc_crc64nvme(0, "", 0) == 0);
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
        CHECK(cc_crc64nvme(7, data + skew, size) == cc_crc64nvme_portable(7, data + skew, size));
    }
    /* Continuing equals doing it at once. */
    CHECK_EQ(cc_crc32(cc_crc32(0, data, 100), data + 100, 5000), cc_crc32(0, data, 5100));
    CHECK_EQ(cc_crc32c(cc_crc32c(0, data, 100), data + 100, 5000), cc_crc32c(0, data, 5100));
    CHECK(cc_crc64nvme(cc_crc64nvme(0, data, 100), data + 100, 5000) == cc_crc64nvme(0, data, 5100));
    free(data);
}

/* Stores keep these on disk: if this test fails, the function is wrong, not the test. */
TEST(hash_vectors_never_change) {
    static const struct {
        size_t size;
        uint64_t hash;
    } vectors[] = {
        {0, UINT64_C(0x002bdc4f15016011)},   {1, UINT64_C(0x7c6742425ff96c7c)},
        {3, UINT64_C(0x751512cb37562eba)},   {4, UINT64_C(0x32ff2f9d20b0f959)},
        {7, UINT64_C(0x81ce3ce6cdaa5e7e)},   {8, UINT64_C(0x9dae279900d8fa49)},
        {15, UINT64_C(0xc004c5923f1f3a0f)},  {16, UINT64_C(0x48db89057e3dbf57)},
        {17, UINT64_C(0xb7277fd8e2403493)},  {32, UINT64_C(0x698fb424f3de031b)},
        {33, UINT64_C(0xbfbaf2a021745c7c)},  {64, UINT64_C(0x2dbfdcb18747a1be)},
        {65, UINT64_C(0xa63187be84eb15f1)},  {200, UINT64_C(0x6382fd88198cf07a)},
        {256, UINT64_C(0x128456fa5a9c1d7b)},
    };
    uint8_t data[256];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)i;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++)
        CHECK(cc_hash64(data, vectors[i].size, vectors[i].size * 7) == vectors[i].hash);
}

TEST(hash_is_stable_and_mixes) {
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
    RUN(hash_vectors_never_change);
    RUN(hash_is_stable_and_mixes);
    return REPORT();
}
