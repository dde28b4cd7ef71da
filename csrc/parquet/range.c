/* range.c: the least and the greatest value of a column chunk, in stored form, by the order that the format defines:
 * integers and decimals signed, texts by their bytes, floating point without NaN and with -0 below +0. */
#include <math.h>

#include "base/little.h"
#include "parquet/internal.h"

static cc_status keep(cc_buffer *kept, const void *value, size_t size) {
    cc_buffer_clear(kept);
    return cc_buffer_append(kept, value, size);
}

/* The range of one kind of number, and what the chunk had before. */
#define RANGE_OF(type, name)                                                                                 \
    static cc_status name(statistics *range, const uint8_t *values, size_t count) {                          \
        type least, most, value;                                                                             \
        memcpy(&least, range->any ? range->least.data : values, sizeof least);                               \
        memcpy(&most, range->any ? range->most.data : values, sizeof most);                                  \
        for (size_t i = 0; i < count; i++) {                                                                 \
            memcpy(&value, values + i * sizeof value, sizeof value);                                         \
            least = value < least ? value : least;                                                           \
            most = value > most ? value : most;                                                              \
        }                                                                                                    \
        range->any = true;                                                                                   \
        CC_TRY(keep(&range->least, &least, sizeof least));                                                   \
        return keep(&range->most, &most, sizeof most);                                                       \
    }

RANGE_OF(uint8_t, range_bool)
RANGE_OF(int32_t, range_int32)
RANGE_OF(int64_t, range_int64)

/* NaN compares with nothing, so it never becomes a bound once there is one. */
static cc_status range_double(statistics *range, const uint8_t *values, size_t count, bool narrow) {
    double least = INFINITY, most = -INFINITY;
    for (size_t i = 0; i < count; i++) {
        double value;
        if (narrow) {
            float single;
            memcpy(&single, values + i * 4, 4);
            value = (double)single;
        } else {
            memcpy(&value, values + i * 8, 8);
        }
        least = value < least ? value : least;
        most = value > most ? value : most;
    }
    if (!(least <= most)) /* nothing but NaN */
        return CC_OK;
    if (range->any) {
        double before;
        float single;
        memcpy(&single, range->least.data, 4);
        memcpy(&before, range->least.data, narrow ? 4 : 8);
        before = narrow ? (double)single : before;
        least = before < least ? before : least;
        memcpy(&single, range->most.data, 4);
        memcpy(&before, range->most.data, narrow ? 4 : 8);
        before = narrow ? (double)single : before;
        most = before > most ? before : most;
    }
    least = least == 0 ? -0.0 : least; /* a zero bound stands for both zeros */
    most = most == 0 ? 0.0 : most;
    range->any = true;
    float narrow_least = (float)least, narrow_most = (float)most;
    CC_TRY(keep(&range->least, narrow ? (void *)&narrow_least : (void *)&least, narrow ? 4 : 8));
    return keep(&range->most, narrow ? (void *)&narrow_most : (void *)&most, narrow ? 4 : 8);
}

/* Signed, the highest byte first. */
static int compare_fixed(const uint8_t *a, const uint8_t *b, size_t width) {
    uint8_t high_a = a[0] ^ 0x80, high_b = b[0] ^ 0x80;
    return high_a != high_b ? (high_a > high_b) - (high_a < high_b) : memcmp(a, b, width);
}

static cc_status range_decimal(statistics *range, const uint8_t *values, size_t count, size_t width) {
    const uint8_t *least = values, *most = values;
    for (size_t i = 1; i < count; i++) {
        least = compare_fixed(values + i * width, least, width) < 0 ? values + i * width : least;
        most = compare_fixed(values + i * width, most, width) > 0 ? values + i * width : most;
    }
    if (!range->any || compare_fixed(least, range->least.data, width) < 0)
        CC_TRY(keep(&range->least, least, width));
    if (!range->any || compare_fixed(most, range->most.data, width) > 0)
        CC_TRY(keep(&range->most, most, width));
    range->any = true;
    return CC_OK;
}

cc_status cc_parquet_range_fixed(statistics *range, const node *leaf, const uint8_t *values, size_t count) {
    if (count == 0)
        return CC_OK;
    switch (leaf->stored) {
    case STORED_BOOL:
        return range_bool(range, values, count);
    case STORED_INT32:
        return range_int32(range, values, count);
    case STORED_INT64:
        return range_int64(range, values, count);
    case STORED_FLOAT:
    case STORED_DOUBLE:
        return range_double(range, values, count, leaf->stored == STORED_FLOAT);
    default:
        return range_decimal(range, values, count, leaf->width);
    }
}

/* The first eight bytes as a number in the order of bytes. */
static inline uint64_t head_of(cc_bytes text) {
    uint64_t head = 0;
    if (text.size >= 8)
        head = cc_get_u64(text.data);
    else if (text.size != 0)
        memcpy(&head, text.data, text.size);
    return __builtin_bswap64(head);
}

cc_status cc_parquet_range_texts(statistics *range, const uint8_t *plain, size_t count) {
    if (count == 0)
        return CC_OK;
    cc_bytes text = cc_bytes_of(plain + 4, cc_get_u32(plain));
    cc_bytes least = range->any ? cc_buffer_bytes(&range->least) : text;
    cc_bytes most = range->any ? cc_buffer_bytes(&range->most) : text;
    uint64_t head_least = head_of(least), head_most = head_of(most);
    for (size_t i = 0; i < count; i++, plain = text.data + text.size) {
        text = cc_bytes_of(plain + 4, cc_get_u32(plain));
        uint64_t head = head_of(text);
        if (head <= head_least && (head < head_least || cc_bytes_compare(text, least) < 0)) {
            least = text;
            head_least = head;
        }
        if (head >= head_most && (head > head_most || cc_bytes_compare(text, most) > 0)) {
            most = text;
            head_most = head;
        }
    }
    range->any = true;
    if (least.data != range->least.data)
        CC_TRY(keep(&range->least, least.data, least.size));
    return most.data != range->most.data ? keep(&range->most, most.data, most.size) : CC_OK;
}
