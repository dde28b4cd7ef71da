/* hash.c: CRC-32C, CRC-32, CRC-64/NVME and a 64-bit hash, each with a portable form and the processor's own.
 *
 * CRC-32C: the SSE4.2 instruction has a latency of 3 and a throughput of 1, so long inputs run three
 * interleaved lanes, joined by shifting a CRC over n zero bytes: a carry-less product with
 * x^(8n-33) mod P, reduced by the same instruction.
 * CRC-32 (IEEE), CRC-64/NVME: four 128-bit lanes folded with PCLMULQDQ; the last 16 bytes go through the table.
 * Source: V. Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ", 2009.
 * Hash: 16 bytes a step, each step a 64x64->128 multiply whose halves are xored together.
 * All kernels are tested against the portable form. */
#include "base/hash.h"

#include "base/cpu.h"

/* Half-byte tables: 16 entries, two steps a byte; small, and only the fallback. */
static const uint32_t crc32c_nibble[16] = {
    0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
    0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};
static const uint32_t crc32_nibble[16] = {
    0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
    0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
/* Polynomial 0xad93d23594c93659, reflected. */
static const uint64_t crc64_nibble[16] = {
    0x0000000000000000, 0x78e0ff3b88be6f81, 0xf1c1fe77117cdf02, 0x8921014c99c2b083,
    0xd75adabd7a6e2d6f, 0xafba2586f2d042ee, 0x269b24ca6b12f26d, 0x5e7bdbf1e3ac9dec,
    0x9a6c9329ac4bc9b5, 0xe28c6c1224f5a634, 0x6bad6d5ebd3716b7, 0x134d926535897936,
    0x4d364994d625e4da, 0x35d6b6af5e9b8b5b, 0xbcf7b7e3c7593bd8, 0xc41748d84fe75459};

static uint32_t crc_portable(const uint32_t table[16], uint32_t crc, const uint8_t *data, size_t size) {
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        crc = table[crc & 15] ^ (crc >> 4);
        crc = table[crc & 15] ^ (crc >> 4);
    }
    return crc;
}

static uint64_t crc64_portable(uint64_t crc, const uint8_t *data, size_t size) {
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        crc = crc64_nibble[crc & 15] ^ (crc >> 4);
        crc = crc64_nibble[crc & 15] ^ (crc >> 4);
    }
    return crc;
}

static uint64_t load64(const uint8_t *data) {
    uint64_t word;
    memcpy(&word, data, sizeof word);
    return word;
}

#if defined(__x86_64__)
#include <immintrin.h>

static const size_t LANE = 1024; /* bytes per interleaved CRC-32C lane */

/* The CRC as if LANE or 2 * LANE zero bytes followed; `power` is x^(8n-33) mod P, reflected. */
__attribute__((target("sse4.2,pclmul"))) static uint32_t crc32c_shift(uint64_t crc, uint32_t power) {
    __m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)crc),
                                           _mm_cvtsi64_si128((long long)power), 0);
    return (uint32_t)_mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(product));
}

__attribute__((target("sse4.2,pclmul"))) static uint32_t crc32c_hardware(uint32_t crc, const uint8_t *data,
                                                                         size_t size) {
    uint64_t a = crc;
    for (; size >= 3 * LANE; data += 3 * LANE, size -= 3 * LANE) {
        uint64_t b = 0, c = 0;
        for (size_t i = 0; i < LANE; i += 8) {
            a = _mm_crc32_u64(a, load64(data + i));
            b = _mm_crc32_u64(b, load64(data + LANE + i));
            c = _mm_crc32_u64(c, load64(data + 2 * LANE + i));
        }
        a = crc32c_shift(a, 0xa51b6135) ^ crc32c_shift(b, 0x170076fa) ^ (uint32_t)c;
    }
    for (; size >= 8; size -= 8, data += 8)
        a = _mm_crc32_u64(a, load64(data));
    for (; size > 0; size--, data++)
        a = _mm_crc32_u8((uint32_t)a, *data);
    return (uint32_t)a;
}

__attribute__((target("sse4.2,pclmul"))) static __m128i fold(__m128i lane, __m128i next, __m128i powers) {
    __m128i low = _mm_clmulepi64_si128(lane, powers, 0x00);
    __m128i high = _mm_clmulepi64_si128(lane, powers, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

/* All but the last size % 16 of at least 64 bytes, as 16 bytes of the same remainder. Each pair of constants is
 * (x^(n-1), x^(n+63)) mod P, reflected, for lanes n bits apart. */
__attribute__((target("sse4.2,pclmul"))) static __m128i folded(__m128i first, const uint8_t *data,
                                                               size_t size, __m128i by_512, __m128i by_128) {
    __m128i lanes[4];
    for (size_t i = 0; i < 4; i++)
        lanes[i] = _mm_loadu_si128((const __m128i *)(const void *)(data + 16 * i));
    lanes[0] = _mm_xor_si128(lanes[0], first);
    for (data += 64, size -= 64; size >= 64; data += 64, size -= 64)
        for (size_t i = 0; i < 4; i++)
            lanes[i] = fold(lanes[i], _mm_loadu_si128((const __m128i *)(const void *)(data + 16 * i)),
                            by_512);
    __m128i lane = lanes[0];
    for (int i = 1; i < 4; i++)
        lane = fold(lane, lanes[i], by_128);
    for (; size >= 16; data += 16, size -= 16)
        lane = fold(lane, _mm_loadu_si128((const __m128i *)(const void *)data), by_128);
    return lane;
}

__attribute__((target("sse4.2,pclmul"))) static uint32_t crc32_hardware(uint32_t crc, const uint8_t *data,
                                                                        size_t size) {
    if (size < 64)
        return crc_portable(crc32_nibble, crc, data, size);
    uint8_t rest[16];
    _mm_storeu_si128((__m128i *)(void *)rest,
                     folded(_mm_cvtsi32_si128((int)crc), data, size, _mm_set_epi64x(0x1c6e41596, 0x154442bd4),
                            _mm_set_epi64x(0x0ccaa009e, 0x1751997d0)));
    crc = crc_portable(crc32_nibble, 0, rest, sizeof rest);
    return crc_portable(crc32_nibble, crc, data + size - size % 16, size % 16);
}

__attribute__((target("sse4.2,pclmul"))) static uint64_t crc64_hardware(uint64_t crc, const uint8_t *data,
                                                                        size_t size) {
    if (size < 64)
        return crc64_portable(crc, data, size);
    uint8_t rest[16];
    _mm_storeu_si128((__m128i *)(void *)rest,
                     folded(_mm_cvtsi64_si128((long long)crc), data, size,
                            _mm_set_epi64x(0x62242240ace5045a, 0x0c32cdb31e18a84a),
                            _mm_set_epi64x(0x21e9761e252621ac, (long long)0xeadc41fd2ba3d420)));
    crc = crc64_portable(0, rest, sizeof rest);
    return crc64_portable(crc, data + size - size % 16, size % 16);
}
#endif

uint32_t cc_crc32c(uint32_t crc, const void *data, size_t size) {
#if defined(__x86_64__)
    const cc_cpu_features *cpu = cc_cpu();
    if (CC_LIKELY(cpu->sse42 && cpu->pclmul))
        return ~crc32c_hardware(~crc, data, size);
#endif
    return ~crc_portable(crc32c_nibble, ~crc, data, size);
}

uint32_t cc_crc32(uint32_t crc, const void *data, size_t size) {
#if defined(__x86_64__)
    const cc_cpu_features *cpu = cc_cpu();
    if (CC_LIKELY(cpu->sse42 && cpu->pclmul))
        return ~crc32_hardware(~crc, data, size);
#endif
    return ~crc_portable(crc32_nibble, ~crc, data, size);
}

uint64_t cc_crc64nvme(uint64_t crc, const void *data, size_t size) {
#if defined(__x86_64__)
    const cc_cpu_features *cpu = cc_cpu();
    if (CC_LIKELY(cpu->sse42 && cpu->pclmul))
        return ~crc64_hardware(~crc, data, size);
#endif
    return ~crc64_portable(~crc, data, size);
}

uint32_t cc_crc32c_portable(uint32_t crc, const void *data, size_t size) {
    return ~crc_portable(crc32c_nibble, ~crc, data, size);
}
uint32_t cc_crc32_portable(uint32_t crc, const void *data, size_t size) {
    return ~crc_portable(crc32_nibble, ~crc, data, size);
}

uint64_t cc_crc64nvme_portable(uint64_t crc, const void *data, size_t size) {
    return ~crc64_portable(~crc, data, size);
}

/* Odd constants with balanced bits (fractional parts of square roots of primes). */
static const uint64_t SALT_A = 0x6a09e667f3bcc909, SALT_B = 0xbb67ae8584caa73b, SALT_C = 0x3c6ef372fe94f82b;

static uint64_t mix(uint64_t a, uint64_t b) {
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t cc_hash64(const void *bytes, size_t size, uint64_t seed) {
    const uint8_t *data = bytes;
    uint64_t state = seed ^ mix(seed ^ SALT_A, size ^ SALT_B);
    size_t left = size;
    for (; left > 16; data += 16, left -= 16)
        state = mix(load64(data) ^ SALT_B ^ state, load64(data + 8) ^ SALT_C ^ (state >> 32));
    /* The last 0..16 bytes, overlapping loads instead of a byte loop. */
    uint64_t low = 0, high = 0;
    if (left >= 8) {
        low = load64(data);
        high = load64(data + left - 8);
    } else if (left >= 4) {
        uint32_t first, last;
        memcpy(&first, data, 4);
        memcpy(&last, data + left - 4, 4);
        low = first;
        high = last;
    } else if (left > 0) {
        low = (uint64_t)data[0] << 16 | (uint64_t)data[left / 2] << 8 | data[left - 1];
    }
    state = mix(low ^ SALT_B ^ state, high ^ SALT_C ^ size);
    return mix(state ^ SALT_A, SALT_C);
}
