/* vectors.h: the vector indexes of a table: which items they hold, and how they are kept and filled.
 *
 * A vector index is a matrix (vector/matrix.h) of the vectors of those items that have one and, where the search
 * schema has a HASH element, that attribute too. It follows the items as the watcher of the table's space
 * (store/watch.h); nothing of it is logged, open makes it again out of the items. What it projects is read from
 * the item itself. A vector is a list of Dimensions numbers, each rounded to a 32-bit float. */
#ifndef CC_TABLE_VECTORS_H
#define CC_TABLE_VECTORS_H

#include "table/internal.h"
#include "vector/matrix.h"

enum { CC_VECTOR_ELEMENTS_MAX = 19 }; /* of a search schema: one HASH, 18 INLINE_FILTER */

struct cc_vector_index {
    cc_bytes name, attribute;
    cc_vector_distance distance;
    uint32_t dimensions;
    cc_projection_kind projection;
    cc_key_attribute elements[CC_VECTOR_ELEMENTS_MAX]; /* the HASH one first */
    uint32_t element_count;
    bool has_hash;
    cc_bytes *projected; /* keys, elements, NonKeyAttributes; the vector itself is there but not among them */
    size_t projected_count;
    /* Once the table is open: */
    uint64_t seed; /* of the hashes that stand for filter values */
    cc_matrix *matrix;
    float *vector;    /* one while it is read */
    bool filling;     /* items behind `resume` are still missing */
    cc_buffer resume; /* empty: from the beginning; else the key to go on with */
    size_t resume_partition;
};

const cc_vector_index *cc_vector_index_find(const cc_table_schema *schema, cc_bytes name);
/* Makes the matrices that `schema` has none for, and lets the space's writes keep all. Under the lock. */
CC_MUST_CHECK cc_status cc_vectors_open(cc_space *space, cc_table_schema *schema, cc_error *error);
/* Matrices of indexes that both have go over, also to be kept from now on. */
void cc_vectors_hand_over(const cc_table_schema *from, cc_table_schema *to);
void cc_vectors_watch(cc_space *space, cc_table_schema *schema);
void cc_vectors_free(cc_table_schema *schema);
/* Puts up to `count` more items into the index; *done_out when all are in. */
CC_MUST_CHECK cc_status cc_vectors_fill(cc_store *store, cc_space *space, cc_vector_index *index,
                                        size_t count, bool *done_out, cc_error *error);

/* The numbers of a list as floats; false: not `count` numbers within a float's range. */
bool cc_vector_read(cc_value list, uint32_t count, float *vector_out);
uint64_t cc_vector_filter_of(const cc_vector_index *index, cc_value value);
/* Refuses a vector or an element of the search schema that does not fit, in AWS's words; attributes equal to
 * those of `old` (size 0: none) pass, since an index may have come after them. */
CC_MUST_CHECK cc_status cc_vectors_check(const cc_table_schema *schema, cc_bytes item, cc_bytes old,
                                         cc_error *error);
/* For a check: whether each index holds the item of a key, or does not, as it should. */
bool cc_vectors_agree(const cc_table_schema *schema, cc_key key, cc_bytes item);
/* VectorWriteRequestBytes of one index when `old` becomes `item` (size 0: absent). */
double cc_vector_write_bytes(const cc_vector_index *index, cc_bytes old, cc_bytes item);
/* What the index shows of an item, appended as an item; with the vector, rounded, when `whole`. */
CC_MUST_CHECK cc_status cc_vector_project(const cc_vector_index *index, cc_bytes item, bool whole,
                                          cc_arena *arena, cc_buffer *out, cc_error *error);

/* SearchVectors. Takes the lock itself, twice, and searches without it. */
CC_MUST_CHECK cc_status cc_verb_search(cc_call *call);

#endif
