/* matrix.c: rows that come and go, and the hash table that finds them by key. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/hash.h"
#include "vector/internal.h"

enum { CHUNK_BYTES = 2 << 20, ALIGNMENT = 64, ROWS_FIRST = 64, KEY_HEAD = 8, GARBAGE_MIN = 64 << 10 };

/* ---- life ---- */

/* Searches come one after the other; a writer that waits goes before the next of them. */
static void init_lock(pthread_rwlock_t *lock) {
    pthread_rwlockattr_t attributes;
    CC_ASSERT(pthread_rwlockattr_init(&attributes) == 0);
#if defined(__GLIBC__)
    CC_ASSERT(pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP) == 0);
#endif
    CC_ASSERT(pthread_rwlock_init(lock, &attributes) == 0);
    CC_ASSERT(pthread_rwlockattr_destroy(&attributes) == 0);
}

cc_matrix *cc_matrix_new(uint32_t dimensions, cc_vector_distance distance, uint32_t filters) {
    cc_matrix *matrix = calloc(1, sizeof *matrix);
    uint64_t **columns = calloc(filters + 1, sizeof *columns);
    if (matrix == NULL || columns == NULL) {
        free(matrix);
        free(columns);
        return NULL;
    }
    atomic_init(&matrix->references, 1);
    matrix->dimensions = dimensions;
    matrix->distance = distance;
    matrix->filter_count = filters;
    matrix->filters = columns;
    matrix->stride = ((size_t)dimensions + CC_VECTOR_STEP - 1) / CC_VECTOR_STEP * CC_VECTOR_STEP;
    matrix->chunk_rows = CHUNK_BYTES / (matrix->stride * sizeof(float));
    matrix->kernels = cc_vector_kernels_best();
    init_lock(&matrix->lock);
    return matrix;
}

void cc_matrix_retain(cc_matrix *matrix) {
    atomic_fetch_add_explicit(&matrix->references, 1, memory_order_relaxed);
}

void cc_matrix_release(cc_matrix *matrix) {
    if (matrix == NULL || atomic_fetch_sub_explicit(&matrix->references, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < matrix->chunk_count; i++)
        free(matrix->chunks[i]);
    for (uint32_t i = 0; i < matrix->filter_count; i++)
        free(matrix->filters[i]);
    free(matrix->filters);
    free(matrix->chunks);
    free(matrix->hashes);
    free(matrix->key_at);
    free(matrix->generations);
    free(matrix->sizes);
    free(matrix->inverses);
    free(matrix->free_rows);
    free(matrix->slots);
    cc_buffer_free(&matrix->keys);
    CC_ASSERT(pthread_rwlock_destroy(&matrix->lock) == 0);
    free(matrix);
}

size_t cc_matrix_count(const cc_matrix *matrix) { return matrix->count; }
uint64_t cc_matrix_bytes(const cc_matrix *matrix) { return matrix->bytes; }
uint32_t cc_matrix_dimensions(const cc_matrix *matrix) { return matrix->dimensions; }

/* ---- keys ---- */

static uint64_t hash_of(cc_key key) {
    uint64_t hash = cc_hash64(key.partition.data, key.partition.size, 0x6d6174726978u);
    return cc_hash64(key.sort.data, key.sort.size, hash);
}

cc_key cc_matrix_key(const cc_matrix *matrix, size_t row) {
    const uint8_t *at = matrix->keys.data + matrix->key_at[row];
    uint32_t sizes[2];
    memcpy(sizes, at, sizeof sizes);
    at += sizeof sizes;
    return (cc_key){cc_bytes_of(at, sizes[0]), cc_bytes_of(at + sizes[0], sizes[1])};
}

static size_t key_size(cc_key key) { return KEY_HEAD + key.partition.size + key.sort.size; }

/* Its slot, or the empty one where it would be. */
static size_t find_slot(const cc_matrix *matrix, cc_key key, uint64_t hash) {
    size_t mask = matrix->slot_count - 1, slot = hash & mask;
    for (; matrix->slots[slot] != 0; slot = (slot + 1) & mask) {
        size_t row = matrix->slots[slot] - 1;
        if (matrix->hashes[row] != hash)
            continue;
        cc_key known = cc_matrix_key(matrix, row);
        if (cc_bytes_equal(known.partition, key.partition) && cc_bytes_equal(known.sort, key.sort))
            break;
    }
    return slot;
}

bool cc_matrix_has(const cc_matrix *matrix, cc_key key) {
    return matrix->slot_count != 0 && matrix->slots[find_slot(matrix, key, hash_of(key))] != 0;
}

/* Moves back what an emptied slot would hide. */
static void empty_slot(cc_matrix *matrix, size_t slot) {
    size_t mask = matrix->slot_count - 1;
    for (size_t next = (slot + 1) & mask; matrix->slots[next] != 0; next = (next + 1) & mask) {
        size_t home = matrix->hashes[matrix->slots[next] - 1] & mask;
        if (((next - home) & mask) < ((next - slot) & mask))
            continue;
        matrix->slots[slot] = matrix->slots[next];
        slot = next;
    }
    matrix->slots[slot] = 0;
}

/* ---- room ---- */

static cc_status grow(void **array, size_t size, size_t count) {
    void *grown = realloc(*array, size * count);
    if (grown == NULL)
        return CC_ERR_NOMEM;
    *array = grown;
    return CC_OK;
}
#define GROW(array, count) grow((void **)&(array), sizeof *(array), count)

static cc_status grow_rows(cc_matrix *matrix, size_t wanted) {
    size_t capacity = matrix->row_capacity == 0 ? ROWS_FIRST : matrix->row_capacity;
    while (capacity < wanted)
        capacity *= 2;
    if (capacity > UINT32_MAX - 1)
        return CC_ERR_NOMEM;
    CC_TRY(GROW(matrix->hashes, capacity));
    CC_TRY(GROW(matrix->key_at, capacity));
    CC_TRY(GROW(matrix->generations, capacity));
    CC_TRY(GROW(matrix->sizes, capacity));
    CC_TRY(GROW(matrix->inverses, capacity));
    CC_TRY(GROW(matrix->free_rows, capacity));
    for (uint32_t i = 0; i < matrix->filter_count; i++)
        CC_TRY(GROW(matrix->filters[i], capacity));
    memset(matrix->generations + matrix->row_capacity, 0,
           (capacity - matrix->row_capacity) * sizeof *matrix->generations);
    matrix->row_capacity = capacity;
    return CC_OK;
}

/* Pages that no row touches cost nothing; from the second chunk on they are huge ones, where there are any. */
static float *new_chunk(bool huge, size_t bytes) {
    float *chunk = aligned_alloc(huge ? CHUNK_BYTES : ALIGNMENT, huge ? CHUNK_BYTES : bytes);
    if (huge && chunk != NULL)
        (void)madvise(chunk, CHUNK_BYTES, MADV_HUGEPAGE);
    return chunk;
}

static cc_status grow_chunks(cc_matrix *matrix, size_t rows) {
    size_t bytes = matrix->chunk_rows * matrix->stride * sizeof(float);
    bytes = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    while (matrix->chunk_count * matrix->chunk_rows < rows) {
        if (matrix->chunk_count == matrix->chunk_capacity) {
            size_t capacity = matrix->chunk_capacity == 0 ? 8 : matrix->chunk_capacity * 2;
            CC_TRY(GROW(matrix->chunks, capacity));
            matrix->chunk_capacity = capacity;
        }
        float *chunk = new_chunk(matrix->chunk_count != 0, bytes);
        if (chunk == NULL)
            return CC_ERR_NOMEM;
        matrix->chunks[matrix->chunk_count++] = chunk;
    }
    return CC_OK;
}

static cc_status grow_slots(cc_matrix *matrix, size_t keys) {
    size_t count = matrix->slot_count == 0 ? 128 : matrix->slot_count;
    while (count / 3 * 2 < keys)
        count *= 2;
    if (count == matrix->slot_count)
        return CC_OK;
    uint32_t *slots = calloc(count, sizeof *slots);
    if (slots == NULL)
        return CC_ERR_NOMEM;
    for (size_t i = 0; i < matrix->slot_count; i++) {
        if (matrix->slots[i] == 0)
            continue;
        size_t slot = matrix->hashes[matrix->slots[i] - 1] & (count - 1);
        while (slots[slot] != 0)
            slot = (slot + 1) & (count - 1);
        slots[slot] = matrix->slots[i];
    }
    free(matrix->slots);
    matrix->slots = slots;
    matrix->slot_count = count;
    return CC_OK;
}

/* Room for more bytes of keys, without the garbage if there is much of it. */
static cc_status grow_keys(cc_matrix *matrix, size_t bytes) {
    if (matrix->garbage < GARBAGE_MIN || matrix->garbage < matrix->keys.size / 2)
        return cc_buffer_reserve(&matrix->keys, bytes);
    cc_buffer fresh = {0};
    CC_TRY(cc_buffer_reserve(&fresh, matrix->keys.size - matrix->garbage + bytes));
    for (size_t row = 0; row < matrix->rows; row++) {
        if (matrix->key_at[row] == CC_MATRIX_NO_KEY)
            continue;
        size_t at = fresh.size;
        CC_ASSERT(cc_buffer_append(&fresh, matrix->keys.data + matrix->key_at[row],
                                   key_size(cc_matrix_key(matrix, row))) == CC_OK);
        matrix->key_at[row] = at;
    }
    cc_buffer_free(&matrix->keys);
    matrix->keys = fresh;
    matrix->garbage = 0;
    return CC_OK;
}

static cc_status reserve(cc_matrix *matrix, size_t rows, size_t key_bytes) {
    size_t fresh = rows > matrix->free_count ? matrix->rows + rows - matrix->free_count : matrix->rows;
    if (fresh > matrix->row_capacity)
        CC_TRY(grow_rows(matrix, fresh));
    CC_TRY(grow_chunks(matrix, fresh));
    CC_TRY(grow_slots(matrix, matrix->count + rows));
    return grow_keys(matrix, key_bytes + rows * KEY_HEAD);
}

cc_status cc_matrix_reserve(cc_matrix *matrix, size_t rows, size_t key_bytes) {
    size_t fresh = rows > matrix->free_count ? matrix->rows + rows - matrix->free_count : matrix->rows;
    bool there = fresh <= matrix->row_capacity && fresh <= matrix->chunk_count * matrix->chunk_rows &&
                 matrix->count + rows <= matrix->slot_count / 3 * 2 &&
                 matrix->keys.size + key_bytes + rows * KEY_HEAD <= matrix->keys.capacity;
    if (CC_LIKELY(there)) /* only writers change this, and this is one */
        return CC_OK;
    CC_ASSERT(pthread_rwlock_wrlock(&matrix->lock) == 0);
    cc_status status = reserve(matrix, rows, key_bytes);
    CC_ASSERT(pthread_rwlock_unlock(&matrix->lock) == 0);
    return status;
}

/* ---- rows ---- */

static void write_key(cc_matrix *matrix, size_t row, cc_key key) {
    uint32_t sizes[2] = {(uint32_t)key.partition.size, (uint32_t)key.sort.size};
    cc_buffer *keys = &matrix->keys;
    matrix->key_at[row] = keys->size;
    CC_ASSERT(keys->capacity - keys->size >= key_size(key)); /* reserved */
    memcpy(keys->data + keys->size, sizes, sizeof sizes);
    keys->size += sizeof sizes;
    for (int i = 0; i < 2; i++) {
        cc_bytes part = i == 0 ? key.partition : key.sort;
        if (part.size != 0)
            memcpy(keys->data + keys->size, part.data, part.size);
        keys->size += part.size;
    }
}

/* Cosines do not see the scale of a vector, and squares of very large or small floats leave their range. */
void cc_matrix_scale(float *vector, size_t count) {
    float most = 0;
    for (size_t i = 0; i < count; i++)
        most = fabsf(vector[i]) > most ? fabsf(vector[i]) : most;
    if (most == 0 || (most < 0x1p40f && most > 0x1p-40f))
        return;
    int exponent = ilogbf(most);
    for (size_t i = 0; i < count; i++)
        vector[i] = ldexpf(vector[i], -exponent);
}

static void write_row(cc_matrix *matrix, size_t row, const float *vector, const uint64_t *filters) {
    float *at = cc_matrix_row(matrix, row), length = 0;
    memcpy(at, vector, matrix->dimensions * sizeof *at);
    memset(at + matrix->dimensions, 0, (matrix->stride - matrix->dimensions) * sizeof *at);
    if (matrix->distance == CC_VECTOR_COSINE) {
        cc_matrix_scale(at, matrix->dimensions);
        matrix->kernels->dot(at, at, matrix->stride, 1, &length);
        length = sqrtf(length);
    }
    matrix->inverses[row] = length > 0 ? 1 / length : 0;
    for (uint32_t i = 0; i < matrix->filter_count; i++)
        matrix->filters[i][row] = filters[i];
    matrix->generations[row]++;
}

static size_t take_row(cc_matrix *matrix) {
    return matrix->free_count != 0 ? matrix->free_rows[--matrix->free_count] : matrix->rows++;
}

void cc_matrix_put(cc_matrix *matrix, cc_key key, const float *vector, const uint64_t *filters,
                   uint32_t size) {
    uint64_t hash = hash_of(key);
    size_t slot = find_slot(matrix, key, hash);
    CC_ASSERT(pthread_rwlock_wrlock(&matrix->lock) == 0);
    size_t row;
    if (matrix->slots[slot] != 0) {
        row = matrix->slots[slot] - 1;
        matrix->bytes -= matrix->sizes[row];
    } else {
        row = take_row(matrix);
        matrix->hashes[row] = hash;
        matrix->slots[slot] = (uint32_t)row + 1;
        matrix->count++;
        write_key(matrix, row, key);
    }
    write_row(matrix, row, vector, filters);
    matrix->sizes[row] = size;
    matrix->bytes += size;
    CC_ASSERT(pthread_rwlock_unlock(&matrix->lock) == 0);
}

void cc_matrix_remove(cc_matrix *matrix, cc_key key) {
    if (matrix->slot_count == 0)
        return;
    size_t slot = find_slot(matrix, key, hash_of(key));
    if (matrix->slots[slot] == 0)
        return;
    CC_ASSERT(pthread_rwlock_wrlock(&matrix->lock) == 0);
    size_t row = matrix->slots[slot] - 1;
    matrix->garbage += key_size(key);
    matrix->bytes -= matrix->sizes[row];
    matrix->key_at[row] = CC_MATRIX_NO_KEY;
    matrix->generations[row]++;
    matrix->free_rows[matrix->free_count++] = (uint32_t)row;
    matrix->count--;
    empty_slot(matrix, slot);
    CC_ASSERT(pthread_rwlock_unlock(&matrix->lock) == 0);
}

cc_key cc_vector_search_key(const cc_vector_search *search, const cc_vector_hit *hit) {
    return cc_matrix_key(search->matrix, hit->row);
}
