/* gzip.c: see gzip.h. */
#include "compress/gzip.h"

cc_status cc_gzip_member(cc_bytes deflated, uint32_t crc, uint64_t size, cc_buffer *out) {
    static const uint8_t header[10] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255};
    uint32_t trailer[2] = {crc, (uint32_t)size}; /* little-endian, size modulo 2^32 */
    CC_TRY(cc_buffer_reserve(out, deflated.size + CC_GZIP_OVERHEAD));
    CC_TRY(cc_buffer_append(out, header, sizeof header));
    CC_TRY(cc_buffer_append(out, deflated.data, deflated.size));
    return cc_buffer_append(out, trailer, sizeof trailer);
}
