/* dictionary.h: the distinct values of a column, in the order in which they came, for columnar files.
 *
 * Values are of one width, or texts. Hashes are seeded and stay in memory: indices go by first appearance alone, so
 * what is made of them is the same under any seed.
 * Thread rule: one thread at a time. */
#ifndef CC_BASE_DICTIONARY_H
#define CC_BASE_DICTIONARY_H

#include "base/bytes.h"

typedef struct {
    unsigned width;    /* bytes of a value; 0: texts */
    uint32_t count;    /* distinct values */
    cc_buffer values;  /* end to end, as Parquet's PLAIN has them: a text behind its u32 size */
    cc_buffer starts;  /* texts: u32, where each begins in values */
    uint64_t *slots;   /* hash << 32 | index + 1; 0: free */
    size_t slot_count; /* a power of two, at least twice the count */
    uint64_t seed;
} cc_dictionary;

/* The indices of `count` values of `width` bytes each. */
CC_MUST_CHECK cc_status cc_dictionary_index_fixed(cc_dictionary *dictionary, const uint8_t *values,
                                                  size_t count, uint32_t *indices_out);
/* The index of a text; `values` stays below 4 GiB. */
CC_MUST_CHECK cc_status cc_dictionary_index_text(cc_dictionary *dictionary, cc_bytes text,
                                                 uint32_t *index_out);
/* Borrowed until the next value is indexed. */
cc_bytes cc_dictionary_text(const cc_dictionary *dictionary, uint32_t index);
void cc_dictionary_clear(cc_dictionary *dictionary);
void cc_dictionary_free(cc_dictionary *dictionary);

#endif
