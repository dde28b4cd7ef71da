/* internal.h: what the files of the vector room share: the matrix itself. */
#ifndef CC_VECTOR_INTERNAL_H
#define CC_VECTOR_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/bytes.h"
#include "vector/kernel.h"
#include "vector/matrix.h"

#define CC_MATRIX_NO_KEY UINT64_MAX

struct cc_matrix {
    _Atomic uint32_t references;
    uint32_t dimensions, filter_count;
    cc_vector_distance distance;
    size_t stride; /* floats of a row */
    size_t chunk_rows;
    const cc_vector_kernels *kernels;
    pthread_rwlock_t lock;
    float **chunks;
    size_t chunk_count, chunk_capacity;
    /* By row. */
    size_t rows, row_capacity; /* rows that are or were taken */
    uint64_t *hashes, *key_at; /* key_at CC_MATRIX_NO_KEY: the row is free */
    uint32_t *generations, *sizes;
    uint64_t bytes;     /* of all sizes */
    float *inverses;    /* COSINE: 1 / length */
    uint64_t **filters; /* by filter, then by row */
    uint32_t *free_rows;
    size_t free_count;
    /* Keys: u32 and u32 of sizes, then the bytes. What is taken out is garbage until the next squeeze. */
    cc_buffer keys;
    size_t garbage;
    /* Open addressing, row + 1; 0: empty. A power of two, at most two thirds full. */
    uint32_t *slots;
    size_t slot_count, count;
};

static inline float *cc_matrix_row(const cc_matrix *matrix, size_t row) {
    return matrix->chunks[row / matrix->chunk_rows] + row % matrix->chunk_rows * matrix->stride;
}

/* Of a row that is taken; valid until the next write. */
cc_key cc_matrix_key(const cc_matrix *matrix, size_t row);

/* A vector of COSINE, scaled by a power of two if it must be. */
void cc_matrix_scale(float *vector, size_t count);

#endif
