/* hash.h: 64-bit hash of bytes (not cryptographic) and the CRCs that formats and doors need.
 * Hardware kernels (SSE4.2 crc32, PCLMULQDQ) are chosen at run time; see base/cpu.h. */
#ifndef CC_BASE_HASH_H
#define CC_BASE_HASH_H

#include "base/bytes.h"

/* Stable across releases: stores keep it on disk. A seed per store keeps chosen-key floods out. */
uint64_t cc_hash64(const void *data, size_t size, uint64_t seed);
/* CRC-32C (Castagnoli) for log records; continue with the previous result, start with 0. */
uint32_t cc_crc32c(uint32_t crc, const void *data, size_t size);
/* CRC-32 (IEEE 802.3, as zlib) for x-amz-crc32 and GZIP members; start with 0. */
uint32_t cc_crc32(uint32_t crc, const void *data, size_t size);
/* CRC-64/NVME for x-amz-checksum-crc64nvme; start with 0. */
uint64_t cc_crc64nvme(uint64_t crc, const void *data, size_t size);

/* The table forms, which the kernels are tested against. */
uint32_t cc_crc32c_portable(uint32_t crc, const void *data, size_t size);
uint32_t cc_crc32_portable(uint32_t crc, const void *data, size_t size);
uint64_t cc_crc64nvme_portable(uint64_t crc, const void *data, size_t size);

#endif
