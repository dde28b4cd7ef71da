/* little.h: little-endian numbers in byte strings of any alignment, for the formats on disk. */
#ifndef CC_BASE_LITTLE_H
#define CC_BASE_LITTLE_H

#include <stdint.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are copied as the processor stores them");

static inline uint16_t cc_get_u16(const uint8_t *from) {
    uint16_t value;
    memcpy(&value, from, sizeof value);
    return value;
}
static inline uint32_t cc_get_u32(const uint8_t *from) {
    uint32_t value;
    memcpy(&value, from, sizeof value);
    return value;
}
static inline uint64_t cc_get_u64(const uint8_t *from) {
    uint64_t value;
    memcpy(&value, from, sizeof value);
    return value;
}
static inline void cc_put_u16(uint8_t *to, uint16_t value) { memcpy(to, &value, sizeof value); }
static inline void cc_put_u32(uint8_t *to, uint32_t value) { memcpy(to, &value, sizeof value); }
static inline void cc_put_u64(uint8_t *to, uint64_t value) { memcpy(to, &value, sizeof value); }

#endif
