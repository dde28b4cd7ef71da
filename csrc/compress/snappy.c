/* snappy.c: see snappy.h. */
#include "compress/snappy.h"

static cc_status append_u32(uint32_t value, cc_buffer *out) {
    uint8_t bytes[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
                        (uint8_t)value};
    return cc_buffer_append(out, bytes, sizeof bytes);
}

cc_status cc_snappy_xerial_header(cc_buffer *out) {
    static const uint8_t header[16] = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1};
    return cc_buffer_append(out, header, sizeof header);
}

cc_status cc_snappy_xerial_block(cc_bytes compressed, cc_buffer *out) {
    CC_TRY(cc_buffer_reserve(out, 4 + compressed.size));
    CC_TRY(append_u32((uint32_t)compressed.size, out));
    return cc_buffer_append(out, compressed.data, compressed.size);
}

cc_status cc_snappy_hadoop_block(cc_bytes compressed, uint32_t size, cc_buffer *out) {
    CC_TRY(cc_buffer_reserve(out, 8 + compressed.size));
    CC_TRY(append_u32(size, out));
    CC_TRY(append_u32((uint32_t)compressed.size, out));
    return cc_buffer_append(out, compressed.data, compressed.size);
}
