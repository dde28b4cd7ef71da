/* test_vector_matrix.c: kernels against plain C, searches against a sort of everything, rows that come and go,
 * and searches beside a writer (run it under the thread preset). */
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "support/check.h"
#include "vector/kernel.h"
#include "vector/matrix.h"

enum { KEYS = 700, TOP = 10 };

static uint64_t state = 88172645463325252u;
static uint64_t draw(void) {
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}
static float drawn(void) { return (float)(draw() % 2001) / 1000.0f - 1.0f; }

static cc_key key_of(uint32_t *number) {
    return (cc_key){cc_bytes_of(number, sizeof *number), cc_bytes_of("s", 1)};
}

enum { AT_ONCE = 7 };

/* Near plain C's; and of a row alone the same bits as among others. */
static void check_kernel(cc_vector_kernel kernel, cc_vector_kernel plain, const float *query,
                         const float *rows, size_t stride) {
    float found[AT_ONCE], expected[AT_ONCE], alone;
    kernel(query, rows, stride, AT_ONCE, found);
    plain(query, rows, stride, AT_ONCE, expected);
    for (size_t i = 0; i < AT_ONCE; i++) {
        CHECK(fabsf(found[i] - expected[i]) < 1e-3f + 1e-4f * fabsf(expected[i]));
        kernel(query, rows + i * stride, stride, 1, &alone);
        CHECK(memcmp(&alone, &found[i], sizeof alone) == 0);
    }
}

static void check_kernels(const cc_vector_kernels *kernels, size_t stride) {
    const cc_vector_kernels *plain = cc_vector_kernels_at(1);
    float *query = aligned_alloc(64, (stride * 4 + 63) / 64 * 64);
    float *rows = aligned_alloc(64, (stride * 4 * AT_ONCE + 63) / 64 * 64);
    for (size_t i = 0; i < stride; i++)
        query[i] = drawn();
    for (size_t i = 0; i < AT_ONCE * stride; i++)
        rows[i] = drawn();
    check_kernel(kernels->dot, plain->dot, query, rows, stride);
    check_kernel(kernels->squares, plain->squares, query, rows, stride);
    free(query);
    free(rows);
}

TEST(kernels_agree) {
    CHECK(cc_vector_kernels_at(1) != NULL && cc_vector_kernels_best() != NULL);
    for (size_t stride = 8; stride <= 1032; stride += stride < 160 ? 8 : 109 * 8)
        for (int width = 1; width <= 16; width *= 2)
            if (cc_vector_kernels_at(width) != NULL)
                check_kernels(cc_vector_kernels_at(width), stride);
}

/* ---- a model: every vector in an array ---- */
typedef struct {
    bool there;
    float vector[20];
    uint64_t filters[2];
} entry;

static double score_of(cc_vector_distance distance, const float *a, const float *b, uint32_t dimensions) {
    double dot = 0, aa = 0, bb = 0, gap = 0;
    for (uint32_t i = 0; i < dimensions; i++) {
        dot += (double)a[i] * b[i];
        aa += (double)a[i] * a[i];
        bb += (double)b[i] * b[i];
        gap += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
    }
    if (distance == CC_VECTOR_DOT_PRODUCT)
        return dot;
    if (distance == CC_VECTOR_EUCLIDEAN)
        return sqrt(gap);
    return aa == 0 || bb == 0 ? 1 : 1 - dot / sqrt(aa) / sqrt(bb);
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static uint32_t number_of(cc_key key) {
    uint32_t number;
    memcpy(&number, key.partition.data, sizeof number);
    return number;
}

static bool is_shown(const void *context, cc_key key) {
    return number_of(key) % 3 == *(const uint32_t *)context;
}

/* With `third` below 3 only the keys of that remainder are shown. */
static void check_search(cc_matrix *matrix, const entry *model, cc_vector_distance distance,
                         uint32_t dimensions, size_t filter_count, uint32_t third) {
    float query[20];
    double scores[KEYS];
    size_t expected = 0;
    cc_vector_filter filters[2] = {{1, draw() % 3}, {0, draw() % 2}};
    for (uint32_t i = 0; i < dimensions; i++)
        query[i] = drawn();
    for (uint32_t i = 0; i < KEYS; i++) {
        bool fits = model[i].there && (third == 3 || i % 3 == third);
        for (size_t f = 0; f < filter_count; f++)
            fits = fits && model[i].filters[filters[f].filter] == filters[f].value;
        if (fits)
            scores[expected++] = score_of(distance, query, model[i].vector, dimensions) *
                                 (distance == CC_VECTOR_DOT_PRODUCT ? -1 : 1);
    }
    qsort(scores, expected, sizeof *scores, ascending);
    cc_vector_search search;
    CHECK_OK(cc_vector_search_begin(&search, matrix, query, filters, filter_count, TOP));
    if (third < 3) {
        search.shows = is_shown;
        search.context = &third;
    }
    cc_vector_search_run(&search);
    cc_vector_search_settle(&search);
    CHECK_EQ(search.count, expected < TOP ? expected : TOP);
    for (uint32_t i = 0; i < search.count; i++) {
        double score = cc_vector_search_score(&search, &search.hits[i]);
        uint32_t number = number_of(cc_vector_search_key(&search, &search.hits[i]));
        CHECK(model[number].there && (third == 3 || number % 3 == third));
        CHECK(fabs(score - score_of(distance, query, model[number].vector, dimensions)) < 1e-4);
        CHECK(fabs(score * (distance == CC_VECTOR_DOT_PRODUCT ? -1 : 1) - scores[i]) < 1e-4);
    }
    cc_vector_search_end(&search);
}

static void run_model(cc_vector_distance distance, uint32_t dimensions) {
    cc_matrix *matrix = cc_matrix_new(dimensions, distance, 2);
    entry *model = calloc(KEYS, sizeof *model);
    size_t count = 0;
    uint64_t bytes = 0;
    for (int step = 0; step < 20000; step++) {
        uint32_t number = (uint32_t)(draw() % KEYS);
        entry *one = &model[number];
        if (draw() % 5 < 3) {
            for (uint32_t i = 0; i < dimensions; i++)
                one->vector[i] = draw() % 50 == 0 ? 0 : drawn();
            one->filters[0] = draw() % 2;
            one->filters[1] = draw() % 3;
            CHECK_OK(cc_matrix_reserve(matrix, 1, 5));
            cc_matrix_put(matrix, key_of(&number), one->vector, one->filters, number);
            bytes += one->there ? 0 : number;
            count += !one->there;
            one->there = true;
        } else {
            cc_matrix_remove(matrix, key_of(&number));
            bytes -= one->there ? number : 0;
            count -= one->there;
            one->there = false;
        }
        CHECK(cc_matrix_has(matrix, key_of(&number)) == one->there);
        CHECK_EQ(cc_matrix_count(matrix), count);
        CHECK_EQ(cc_matrix_bytes(matrix), bytes);
        if (step % 200 == 0)
            check_search(matrix, model, distance, dimensions, (size_t)(step / 200 % 3),
                         (uint32_t)(step / 600 % 4));
    }
    free(model);
    cc_matrix_release(matrix);
}

TEST(cosine) { run_model(CC_VECTOR_COSINE, 3); }
TEST(euclidean) { run_model(CC_VECTOR_EUCLIDEAN, 20); }
TEST(dot_product) { run_model(CC_VECTOR_DOT_PRODUCT, 8); }

TEST(nothing_to_find) {
    float query[3] = {1, 2, 3};
    cc_vector_search search;
    cc_matrix *matrix = cc_matrix_new(3, CC_VECTOR_COSINE, 0);
    CHECK_OK(cc_vector_search_begin(&search, matrix, query, NULL, 0, TOP));
    cc_matrix_release(matrix); /* the search holds it */
    cc_vector_search_run(&search);
    cc_vector_search_settle(&search);
    CHECK_EQ(search.count, 0);
    cc_vector_search_end(&search);
}

/* Squares of these leave the range of a float; cosines do not. */
TEST(cosines_of_the_very_large_and_small) {
    static const float vectors[3][2] = {{3e38f, 3e38f}, {-1e-38f, 1e-38f}, {1, 1}};
    static const float expected[3] = {0, 1, 0};
    cc_matrix *matrix = cc_matrix_new(2, CC_VECTOR_COSINE, 0);
    for (uint32_t i = 0; i < 3; i++) {
        CHECK_OK(cc_matrix_reserve(matrix, 1, 5));
        cc_matrix_put(matrix, key_of(&i), vectors[i], NULL, 0);
    }
    for (uint32_t i = 0; i < 3; i++) {
        float query[2] = {i == 0 ? 1e-40f : 2e38f, i == 0 ? 1e-40f : 2e38f};
        cc_vector_search search;
        CHECK_OK(cc_vector_search_begin(&search, matrix, query, NULL, 0, TOP));
        cc_vector_search_run(&search);
        cc_vector_search_settle(&search);
        CHECK_EQ(search.count, 3);
        for (uint32_t hit = 0; hit < search.count; hit++) {
            uint32_t number;
            memcpy(&number, cc_vector_search_key(&search, &search.hits[hit]).partition.data, sizeof number);
            CHECK(fabsf(cc_vector_search_score(&search, &search.hits[hit]) - expected[number]) < 1e-6f);
        }
        cc_vector_search_end(&search);
    }
    cc_matrix_release(matrix);
}

/* What no float holds is the farthest there is, and not left out. */
TEST(products_beyond_a_float) {
    static const float vectors[2][2] = {{3e38f, -3e38f}, {1, 1}};
    float query[2] = {3e38f, 3e38f};
    cc_vector_search search;
    cc_matrix *matrix = cc_matrix_new(2, CC_VECTOR_DOT_PRODUCT, 0);
    for (uint32_t i = 0; i < 2; i++) {
        CHECK_OK(cc_matrix_reserve(matrix, 1, 5));
        cc_matrix_put(matrix, key_of(&i), vectors[i], NULL, 0);
    }
    CHECK_OK(cc_vector_search_begin(&search, matrix, query, NULL, 0, TOP));
    cc_vector_search_run(&search);
    cc_vector_search_settle(&search);
    CHECK_EQ(search.count, 2);
    for (uint32_t hit = 0; hit < search.count; hit++)
        CHECK(isfinite(cc_vector_search_score(&search, &search.hits[hit])));
    cc_vector_search_end(&search);
    cc_matrix_release(matrix);
}

/* ---- beside a writer ---- */
enum { STEADY = 3000, WIDE = 64 };
static pthread_mutex_t writers = PTHREAD_MUTEX_INITIALIZER;
static _Atomic bool stop;

/* Keys from STEADY on come, change and go. */
static void *disturb(void *argument) {
    cc_matrix *matrix = argument;
    float vector[WIDE];
    uint64_t mine = 0x9e3779b97f4a7c15u;
    for (int i = 0; i < WIDE; i++)
        vector[i] = 0.5f;
    while (!stop) {
        mine = mine * 6364136223846793005u + 1442695040888963407u;
        uint32_t number = STEADY + (uint32_t)(mine >> 40) % 500;
        pthread_mutex_lock(&writers);
        if (cc_matrix_reserve(matrix, 1, 5) != CC_OK)
            abort();
        vector[mine >> 58] = (float)(mine >> 33 & 7);
        if ((mine >> 32 & 1) != 0)
            cc_matrix_put(matrix, key_of(&number), vector, NULL, 0);
        else
            cc_matrix_remove(matrix, key_of(&number));
        pthread_mutex_unlock(&writers);
    }
    return NULL;
}

TEST(a_search_meets_what_stays_once_beside_a_writer) {
    cc_matrix *matrix = cc_matrix_new(WIDE, CC_VECTOR_EUCLIDEAN, 0);
    float vector[WIDE] = {0};
    for (uint32_t number = 0; number < STEADY; number++) {
        CHECK_OK(cc_matrix_reserve(matrix, 1, 5));
        vector[0] = (float)number;
        cc_matrix_put(matrix, key_of(&number), vector, NULL, 0);
    }
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, disturb, matrix) == 0);
    for (int round = 0; round < 300; round++) {
        cc_vector_search search;
        vector[0] = (float)(round % STEADY);
        CHECK_OK(cc_vector_search_begin(&search, matrix, vector, NULL, 0, 1));
        cc_vector_search_run(&search);
        pthread_mutex_lock(&writers);
        cc_vector_search_settle(&search);
        uint32_t number = UINT32_MAX;
        CHECK_EQ(search.count, 1);
        if (search.count == 1)
            memcpy(&number, cc_vector_search_key(&search, &search.hits[0]).partition.data, sizeof number);
        pthread_mutex_unlock(&writers);
        CHECK_EQ(number, (uint32_t)round);
        cc_vector_search_end(&search);
    }
    stop = true;
    CHECK(pthread_join(thread, NULL) == 0);
    cc_matrix_release(matrix);
}

int main(void) {
    RUN(kernels_agree);
    RUN(cosine);
    RUN(euclidean);
    RUN(dot_product);
    RUN(nothing_to_find);
    RUN(cosines_of_the_very_large_and_small);
    RUN(products_beyond_a_float);
    RUN(a_search_meets_what_stays_once_beside_a_writer);
    return REPORT();
}
