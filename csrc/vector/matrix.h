/* matrix.h: vectors of one index in a packed matrix, each with the key of its item, kept for searches.
 *
 * A row stays where it is until its item goes, and a new item takes a row that is free, so a search that goes
 * from row to row meets an item that is there all the time exactly once, whatever others write meanwhile. Rows lie
 * in chunks of about two megabytes that never move.
 *
 * A row also has up to any number of filters, 64 bits each that stand for the value of an attribute; a search
 * may ask for some of them.
 *
 * Thread rule: writers one at a time (their owner's lock); searches from any thread beside them. Both hold the
 * matrix's own lock for no longer than a chunk or a row takes. Memory that a write needs is got by
 * cc_matrix_reserve, so that the write itself cannot fail. */
#ifndef CC_VECTOR_MATRIX_H
#define CC_VECTOR_MATRIX_H

#include "codec/key.h"

enum { CC_VECTOR_DIMENSIONS_MAX = 4096 };

typedef enum {
    CC_VECTOR_COSINE,      /* 1 - cosine of the angle: 0 to 2, the smaller the nearer */
    CC_VECTOR_EUCLIDEAN,   /* the distance, the smaller the nearer */
    CC_VECTOR_DOT_PRODUCT, /* the greater the nearer */
} cc_vector_distance;

typedef struct cc_matrix cc_matrix;
/* With one reference; NULL: no memory. */
cc_matrix *cc_matrix_new(uint32_t dimensions, cc_vector_distance distance, uint32_t filters);
void cc_matrix_retain(cc_matrix *matrix);
void cc_matrix_release(cc_matrix *matrix); /* NULL is fine; the last reference frees it */

/* Room for `rows` more vectors whose keys have up to `key_bytes` together. */
CC_MUST_CHECK cc_status cc_matrix_reserve(cc_matrix *matrix, size_t rows, size_t key_bytes);
/* The vector of a key, in the place of the one it may have. `filters`: as many as the matrix has; `size` counts
 * in cc_matrix_bytes. */
void cc_matrix_put(cc_matrix *matrix, cc_key key, const float *vector, const uint64_t *filters,
                   uint32_t size);
void cc_matrix_remove(cc_matrix *matrix, cc_key key); /* nothing when it is not there */
bool cc_matrix_has(const cc_matrix *matrix, cc_key key);
size_t cc_matrix_count(const cc_matrix *matrix);
uint64_t cc_matrix_bytes(const cc_matrix *matrix);
uint32_t cc_matrix_dimensions(const cc_matrix *matrix);

/* One of the best found. */
typedef struct {
    float rank; /* the smaller the nearer, whatever the distance */
    uint32_t row, generation;
} cc_vector_hit;

typedef struct {
    uint32_t filter;
    uint64_t value;
} cc_vector_filter;

typedef struct {
    cc_matrix *matrix;
    float *query;  /* aligned, padded */
    float inverse; /* COSINE: 1 / its length, 0 for no length */
    const cc_vector_filter *filters;
    size_t filter_count;
    /* NULL: every item is shown; else what is asked of each near one. */
    bool (*shows)(const void *context, cc_key key);
    const void *context;
    cc_vector_hit *hits; /* `top` places; a heap, then in order */
    uint32_t top, count;
    uint64_t examined; /* vectors looked at */
} cc_vector_search;

/* Takes a reference; `filters` must outlive the search. End it whatever this says. */
CC_MUST_CHECK cc_status cc_vector_search_begin(cc_vector_search *search, cc_matrix *matrix,
                                               const float *query, const cc_vector_filter *filters,
                                               size_t filter_count, uint32_t top);
/* Looks at every row. Without any lock of the caller's; `shows` is called under the matrix's. */
void cc_vector_search_run(cc_vector_search *search);
/* Under the writers' lock: what changed since it was met is ranked again, or taken out; the rest is put in
 * order, the nearest first. Rows and keys agree until the lock is given back. */
void cc_vector_search_settle(cc_vector_search *search);
/* Of a settled hit; the key is the matrix's, valid until the next write. */
cc_key cc_vector_search_key(const cc_vector_search *search, const cc_vector_hit *hit);
float cc_vector_search_score(const cc_vector_search *search, const cc_vector_hit *hit);
void cc_vector_search_end(cc_vector_search *search);

#endif
