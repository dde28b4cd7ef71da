/* item_flat.c: an item without nesting, written once, each part where it stays.
 *
 * The general writer (item_write.c) learns its attributes one by one, so it writes bodies first and
 * moves them when it knows their order. Here all are known: order, sizes, then one pass. */
#include "codec/item.h"

enum { ITEM_HEADER = 8, ENTRY = 8, PAYLOAD_LIMIT = (1 << 24) - 1 };

static bool sorted(const cc_flat_attribute *attributes, uint32_t count, const uint8_t *order) {
    for (uint32_t i = 0; i < count; i++)
        if (order[i] >= count)
            return false;
    for (uint32_t i = 1; i < count; i++)
        if (attributes[order[i - 1]].hash >= attributes[order[i]].hash)
            return false;
    return true;
}

static void sort(const cc_flat_attribute *attributes, uint32_t count, uint8_t *order) {
    for (uint32_t i = 0; i < count; i++) {
        uint32_t j = i;
        for (; j > 0 && attributes[order[j - 1]].hash > attributes[i].hash; j--)
            order[j] = order[j - 1];
        order[j] = (uint8_t)i;
    }
}

/* Short runs, which names and numbers are, by two overlapping words instead of a call. */
static inline uint8_t *put(uint8_t *to, const uint8_t *from, size_t size) {
    if (size >= 4 && size <= 8) {
        uint32_t first, last;
        memcpy(&first, from, 4);
        memcpy(&last, from + size - 4, 4);
        memcpy(to, &first, 4);
        memcpy(to + size - 4, &last, 4);
    } else if (size < 4) {
        if (size != 0) {
            to[0] = from[0];
            to[size / 2] = from[size / 2];
            to[size - 1] = from[size - 1];
        }
    } else {
        memcpy(to, from, size);
    }
    return to + size;
}

/* Bytes in front of the value's own. */
static inline size_t head_of(cc_type type) {
    return type == CC_TYPE_S || type == CC_TYPE_B ? 4 : type == CC_TYPE_N;
}

bool cc_item_write_flat(const cc_flat_attribute *attributes, uint32_t count, uint8_t *order, cc_buffer *out) {
    size_t total = ITEM_HEADER + (size_t)count * ENTRY;
    CC_ASSERT(count <= CC_FLAT_MAX);
    for (uint32_t i = 0; i < count; i++) {
        const cc_flat_attribute *one = &attributes[i];
        if (one->name.size == 0 || one->name.size > UINT16_MAX || one->data.size > PAYLOAD_LIMIT)
            return false;
        total += 2 + one->name.size + head_of(one->type) + one->data.size;
    }
    if (total > PAYLOAD_LIMIT || cc_buffer_reserve(out, total) != CC_OK)
        return false;
    if (!sorted(attributes, count, order)) {
        sort(attributes, count, order);
        if (!sorted(attributes, count, order)) /* equal hashes: rare enough for the general writer */
            return false;
    }
    uint8_t *base = out->data + out->size, *at = base + ITEM_HEADER + (size_t)count * ENTRY;
    uint32_t header[2] = {(uint32_t)total, count};
    memcpy(base, header, sizeof header);
    for (uint32_t i = 0; i < count; i++) {
        const cc_flat_attribute *one = &attributes[order[i]];
        uint32_t words[2] = {one->hash, one->type | (uint32_t)(at - base) << 8};
        memcpy(base + ITEM_HEADER + (size_t)i * ENTRY, words, ENTRY);
        uint16_t name_size = (uint16_t)one->name.size;
        memcpy(at, &name_size, 2);
        at = put(at + 2, one->name.data, name_size);
        uint32_t size = (uint32_t)one->data.size;
        if (one->type == CC_TYPE_S || one->type == CC_TYPE_B) {
            memcpy(at, &size, 4);
            at += 4;
        } else if (one->type == CC_TYPE_N) {
            *at++ = (uint8_t)size;
        }
        at = put(at, one->data.data, size);
    }
    CC_ASSERT((size_t)(at - base) == total);
    out->size += total;
    return true;
}
