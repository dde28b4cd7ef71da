/* kernel_avx2.c: four sums of eight floats at a time, so that an addition does not wait for the one before. */
#include "vector/kernel_avx2.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2,fma")))

AVX2 static inline float sum_of(__m256 a, __m256 b, __m256 c, __m256 d) {
    __m256 all = _mm256_add_ps(_mm256_add_ps(a, b), _mm256_add_ps(c, d));
    __m128 half = _mm_add_ps(_mm256_castps256_ps128(all), _mm256_extractf128_ps(all, 1));
    half = _mm_add_ps(half, _mm_movehl_ps(half, half));
    half = _mm_add_ss(half, _mm_movehdup_ps(half));
    return _mm_cvtss_f32(half);
}

AVX2 static void dot(const float *query, const float *rows, size_t stride, size_t count, float *out) {
    for (size_t row = 0; row < count; row++, rows += stride) {
        __m256 a = _mm256_setzero_ps(), b = a, c = a, d = a;
        size_t i = 0;
        for (; i + 32 <= stride; i += 32) {
            a = _mm256_fmadd_ps(_mm256_load_ps(query + i), _mm256_load_ps(rows + i), a);
            b = _mm256_fmadd_ps(_mm256_load_ps(query + i + 8), _mm256_load_ps(rows + i + 8), b);
            c = _mm256_fmadd_ps(_mm256_load_ps(query + i + 16), _mm256_load_ps(rows + i + 16), c);
            d = _mm256_fmadd_ps(_mm256_load_ps(query + i + 24), _mm256_load_ps(rows + i + 24), d);
        }
        for (; i < stride; i += 8)
            a = _mm256_fmadd_ps(_mm256_load_ps(query + i), _mm256_load_ps(rows + i), a);
        out[row] = sum_of(a, b, c, d);
    }
}

AVX2 static inline __m256 add_square(const float *query, const float *row, __m256 sum) {
    __m256 gap = _mm256_sub_ps(_mm256_load_ps(query), _mm256_load_ps(row));
    return _mm256_fmadd_ps(gap, gap, sum);
}

AVX2 static void squares(const float *query, const float *rows, size_t stride, size_t count, float *out) {
    for (size_t row = 0; row < count; row++, rows += stride) {
        __m256 a = _mm256_setzero_ps(), b = a, c = a, d = a;
        size_t i = 0;
        for (; i + 32 <= stride; i += 32) {
            a = add_square(query + i, rows + i, a);
            b = add_square(query + i + 8, rows + i + 8, b);
            c = add_square(query + i + 16, rows + i + 16, c);
            d = add_square(query + i + 24, rows + i + 24, d);
        }
        for (; i < stride; i += 8)
            a = add_square(query + i, rows + i, a);
        out[row] = sum_of(a, b, c, d);
    }
}

const cc_vector_kernels *cc_vector_kernels_avx2(void) {
    static const cc_vector_kernels kernels = {dot, squares};
    return &kernels;
}
#else
const cc_vector_kernels *cc_vector_kernels_avx2(void) { return NULL; }
#endif
