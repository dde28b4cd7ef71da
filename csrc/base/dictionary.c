/* dictionary.c: distinct values, found by open addressing. See dictionary.h. */
#include <stdlib.h>

#include "base/dictionary.h"
#include "base/hash.h"
#include "base/little.h"

enum { SLOTS_LEAST = 1024 };

static inline uint64_t mix(uint64_t value, uint64_t seed) {
    unsigned __int128 product = (unsigned __int128)(value ^ seed) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* A text's hash: short ones by two loads that may overlap, as most values of a dictionary are short. */
static inline uint64_t hash_text(const uint8_t *data, size_t size, uint64_t seed) {
    if (size > 16)
        return cc_hash64(data, size, seed);
    uint64_t low = 0, high = 0;
    if (size >= 8) {
        low = cc_get_u64(data);
        high = cc_get_u64(data + size - 8);
    } else if (size >= 4) {
        low = cc_get_u32(data);
        high = cc_get_u32(data + size - 4);
    } else if (size != 0) {
        low = (uint64_t)data[0] | (uint64_t)data[size / 2] << 8 | (uint64_t)data[size - 1] << 16;
    }
    return mix(mix(low ^ size, seed) ^ high, seed);
}

static cc_status grow(cc_dictionary *dictionary) {
    size_t count = dictionary->slot_count == 0 ? SLOTS_LEAST : dictionary->slot_count * 2;
    uint64_t *slots = calloc(count, sizeof *slots);
    if (slots == NULL)
        return CC_ERR_NOMEM;
    /* A slot has 32 bits of the hash: tables never need more of it. */
    for (size_t i = 0; i < dictionary->slot_count; i++) {
        uint64_t slot = dictionary->slots[i];
        size_t at = (size_t)(slot >> 32) & (count - 1);
        if (slot == 0)
            continue;
        while (slots[at] != 0)
            at = (at + 1) & (count - 1);
        slots[at] = slot;
    }
    free(dictionary->slots);
    dictionary->slots = slots;
    dictionary->slot_count = count;
    return CC_OK;
}

/* Takes the free slot `at` for the next index, whose value was appended. */
static cc_status take(cc_dictionary *dictionary, size_t at, uint32_t hash) {
    dictionary->slots[at] = (uint64_t)hash << 32 | ++dictionary->count;
    return dictionary->count * (size_t)2 > dictionary->slot_count ? grow(dictionary) : CC_OK;
}

static inline cc_status index_fixed(cc_dictionary *dictionary, const uint8_t *values, size_t count,
                                    size_t width, uint32_t *indices_out) {
    for (size_t i = 0; i < count; i++) {
        const uint8_t *value = values + i * width;
        uint64_t word = width == 4   ? cc_get_u32(value)
                        : width == 8 ? cc_get_u64(value)
                                     : hash_text(value, width, dictionary->seed);
        uint32_t hash = (uint32_t)(mix(word, dictionary->seed) >> 32);
        size_t mask = dictionary->slot_count - 1, at = hash & mask;
        for (;; at = (at + 1) & mask) {
            uint64_t slot = dictionary->slots[at];
            if (slot == 0) {
                CC_TRY(cc_buffer_append(&dictionary->values, value, width));
                indices_out[i] = dictionary->count;
                CC_TRY(take(dictionary, at, hash));
                break;
            }
            uint32_t index = (uint32_t)slot - 1;
            if ((uint32_t)(slot >> 32) == hash &&
                memcmp(dictionary->values.data + index * width, value, width) == 0) {
                indices_out[i] = index;
                break;
            }
        }
    }
    return CC_OK;
}

cc_status cc_dictionary_index_fixed(cc_dictionary *dictionary, const uint8_t *values, size_t count,
                                    uint32_t *indices_out) {
    if (dictionary->slot_count == 0)
        CC_TRY(grow(dictionary));
    if (dictionary->width == 8)
        return index_fixed(dictionary, values, count, 8, indices_out);
    if (dictionary->width == 4)
        return index_fixed(dictionary, values, count, 4, indices_out);
    return index_fixed(dictionary, values, count, dictionary->width, indices_out);
}

cc_bytes cc_dictionary_text(const cc_dictionary *dictionary, uint32_t index) {
    uint32_t start = cc_get_u32(dictionary->starts.data + (size_t)index * 4);
    const uint8_t *at = dictionary->values.data + start;
    return cc_bytes_of(at + 4, cc_get_u32(at));
}

cc_status cc_dictionary_index_text(cc_dictionary *dictionary, cc_bytes text, uint32_t *index_out) {
    if (dictionary->slot_count == 0)
        CC_TRY(grow(dictionary));
    uint32_t hash = (uint32_t)(hash_text(text.data, text.size, dictionary->seed) >> 32);
    size_t mask = dictionary->slot_count - 1, at = hash & mask;
    for (;; at = (at + 1) & mask) {
        uint64_t slot = dictionary->slots[at];
        if (slot == 0)
            break;
        uint32_t index = (uint32_t)slot - 1;
        if ((uint32_t)(slot >> 32) == hash && cc_bytes_equal(cc_dictionary_text(dictionary, index), text)) {
            *index_out = index;
            return CC_OK;
        }
    }
    uint32_t start = (uint32_t)dictionary->values.size, size = (uint32_t)text.size;
    CC_TRY(cc_buffer_append(&dictionary->starts, &start, 4));
    CC_TRY(cc_buffer_append(&dictionary->values, &size, 4));
    CC_TRY(cc_buffer_append(&dictionary->values, text.data, text.size));
    *index_out = dictionary->count;
    return take(dictionary, at, hash);
}

void cc_dictionary_clear(cc_dictionary *dictionary) {
    if (dictionary->count != 0)
        memset(dictionary->slots, 0, dictionary->slot_count * sizeof *dictionary->slots);
    dictionary->count = 0;
    cc_buffer_clear(&dictionary->values);
    cc_buffer_clear(&dictionary->starts);
}

void cc_dictionary_free(cc_dictionary *dictionary) {
    free(dictionary->slots);
    cc_buffer_free(&dictionary->values);
    cc_buffer_free(&dictionary->starts);
}
