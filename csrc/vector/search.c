/* search.c: a walk over all rows with a bounded heap of the best, chunk by chunk under the matrix's lock. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "vector/internal.h"

enum { BLOCK = 128 };

cc_status cc_vector_search_begin(cc_vector_search *search, cc_matrix *matrix, const float *query,
                                 const cc_vector_filter *filters, size_t filter_count, uint32_t top) {
    size_t stride = matrix->stride;
    float length = 0;
    *search = (cc_vector_search){
        .matrix = matrix, .filters = filters, .filter_count = filter_count, .top = top};
    cc_matrix_retain(matrix);
    search->query = aligned_alloc(64, (stride * sizeof(float) + 63) / 64 * 64);
    search->hits = malloc(top * sizeof *search->hits);
    if (search->query == NULL || search->hits == NULL)
        return CC_ERR_NOMEM;
    memcpy(search->query, query, matrix->dimensions * sizeof(float));
    memset(search->query + matrix->dimensions, 0, (stride - matrix->dimensions) * sizeof(float));
    if (matrix->distance == CC_VECTOR_COSINE)
        cc_matrix_scale(search->query, matrix->dimensions);
    matrix->kernels->dot(search->query, search->query, stride, 1, &length);
    length = sqrtf(length);
    search->inverse = length > 0 ? 1 / length : 0;
    return CC_OK;
}

void cc_vector_search_end(cc_vector_search *search) {
    free(search->query);
    free(search->hits);
    cc_matrix_release(search->matrix);
    *search = (cc_vector_search){0};
}

/* ---- the heap: the farthest of the best on top ---- */

static void sift_down(cc_vector_hit *hits, uint32_t count, uint32_t at) {
    cc_vector_hit moved = hits[at];
    for (uint32_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && hits[child + 1].rank > hits[child].rank)
            child++;
        if (hits[child].rank <= moved.rank)
            break;
        hits[at] = hits[child];
    }
    hits[at] = moved;
}

static void sift_up(cc_vector_hit *hits, uint32_t at) {
    cc_vector_hit moved = hits[at];
    for (; at != 0 && hits[(at - 1) / 2].rank < moved.rank; at = (at - 1) / 2)
        hits[at] = hits[(at - 1) / 2];
    hits[at] = moved;
}

static void offer(cc_vector_search *search, float rank, size_t row) {
    const cc_matrix *matrix = search->matrix;
    if (matrix->key_at[row] == CC_MATRIX_NO_KEY)
        return;
    if (CC_UNLIKELY(search->shows != NULL) && !search->shows(search->context, cc_matrix_key(matrix, row)))
        return;
    cc_vector_hit hit = {rank, (uint32_t)row, matrix->generations[row]};
    if (search->count < search->top) {
        search->hits[search->count] = hit;
        sift_up(search->hits, search->count++);
    } else {
        search->hits[0] = hit;
        sift_down(search->hits, search->count, 0);
    }
}

/* ---- the walk ---- */

/* What the kernel says of `count` rows, as ranks. COSINE leaves the query's own length out: it changes no order. */
static void rank_rows(const cc_vector_search *search, size_t row, size_t count, float *ranks) {
    const cc_matrix *matrix = search->matrix;
    const float *rows = cc_matrix_row(matrix, row);
    if (matrix->distance == CC_VECTOR_EUCLIDEAN) {
        matrix->kernels->squares(search->query, rows, matrix->stride, count, ranks);
        return;
    }
    matrix->kernels->dot(search->query, rows, matrix->stride, count, ranks);
    if (matrix->distance == CC_VECTOR_COSINE)
        for (size_t i = 0; i < count; i++)
            ranks[i] *= -matrix->inverses[row + i];
    else
        for (size_t i = 0; i < count; i++)
            ranks[i] = -ranks[i];
}

static bool is_near(const cc_vector_search *search, float rank) {
    return search->count < search->top || rank < search->hits[0].rank;
}

/* Which of `count` rows have what all filters ask for. */
static size_t select_rows(const cc_vector_search *search, size_t row, size_t count, uint8_t *selected) {
    memset(selected, 1, count);
    for (size_t f = 0; f < search->filter_count; f++) {
        const uint64_t *column = search->matrix->filters[search->filters[f].filter] + row;
        uint64_t value = search->filters[f].value;
        for (size_t i = 0; i < count; i++)
            selected[i] &= column[i] == value;
    }
    size_t chosen = 0;
    for (size_t i = 0; i < count; i++)
        chosen += selected[i];
    return chosen;
}

static void walk_block(cc_vector_search *search, size_t row, size_t count) {
    float ranks[BLOCK];
    uint8_t selected[BLOCK];
    size_t chosen = search->filter_count == 0 ? count : select_rows(search, row, count, selected);
    bool all = chosen * 4 > count; /* else those alone */
    search->examined += chosen;
    if (chosen == 0)
        return;
    if (all)
        rank_rows(search, row, count, ranks);
    for (size_t i = 0; i < count; i++) {
        if (chosen != count && !selected[i])
            continue;
        if (!all)
            rank_rows(search, row + i, 1, &ranks[i]);
        float rank = isnan(ranks[i]) ? INFINITY : ranks[i]; /* the sums went beyond a float */
        if (CC_UNLIKELY(is_near(search, rank)))
            offer(search, rank, row + i);
    }
}

void cc_vector_search_run(cc_vector_search *search) {
    cc_matrix *matrix = search->matrix;
    size_t row = 0;
    for (bool more = true; more;) {
        CC_ASSERT(pthread_rwlock_rdlock(&matrix->lock) == 0);
        size_t end = row + matrix->chunk_rows;
        end = end < matrix->rows ? end : matrix->rows;
        more = end < matrix->rows;
        for (; row < end; row += BLOCK < end - row ? BLOCK : end - row)
            walk_block(search, row, BLOCK < end - row ? BLOCK : end - row);
        CC_ASSERT(pthread_rwlock_unlock(&matrix->lock) == 0);
    }
}

/* ---- the end ---- */

static bool fits(const cc_vector_search *search, size_t row) {
    uint8_t selected;
    return search->matrix->key_at[row] != CC_MATRIX_NO_KEY && select_rows(search, row, 1, &selected) != 0 &&
           (search->shows == NULL || search->shows(search->context, cc_matrix_key(search->matrix, row)));
}

static int by_rank(const void *a, const void *b) {
    const cc_vector_hit *x = a, *y = b;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

void cc_vector_search_settle(cc_vector_search *search) {
    cc_matrix *matrix = search->matrix;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < search->count;
         i++) { /* the caller's lock keeps writers out: no other is needed */
        cc_vector_hit hit = search->hits[i];
        if (CC_UNLIKELY(hit.generation != matrix->generations[hit.row])) {
            if (!fits(search, hit.row))
                continue;
            rank_rows(search, hit.row, 1, &hit.rank);
            hit.rank = isnan(hit.rank) ? INFINITY : hit.rank;
        }
        search->hits[kept++] = hit;
    }
    search->count = kept;
    qsort(search->hits, kept, sizeof *search->hits, by_rank);
}

static float bounded(float score) { return score > FLT_MAX ? FLT_MAX : score < -FLT_MAX ? -FLT_MAX : score; }

float cc_vector_search_score(const cc_vector_search *search, const cc_vector_hit *hit) {
    if (search->matrix->distance == CC_VECTOR_EUCLIDEAN)
        return bounded(sqrtf(hit->rank));
    if (search->matrix->distance == CC_VECTOR_DOT_PRODUCT)
        return bounded(-hit->rank);
    float score = 1 + hit->rank * search->inverse;
    return score < 0 ? 0 : score > 2 ? 2 : score;
}
