/* kernel_avx2.c: four rows at a time, so that memory is read in four streams; two sums of eight floats for each, so
 * that an addition does not wait for the one before. A row alone is summed in the same order: to the same bits. */
#include "vector/kernel_avx2.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <stdbool.h>

enum { ROWS = 4 };

#define AVX2 __attribute__((target("avx2,fma")))
#define AVX2_INLINE AVX2 static inline __attribute__((always_inline))

/* The eight floats of each of four sums together. */
AVX2_INLINE __m128 fold(__m256 a, __m256 b, __m256 c, __m256 d) {
    __m256 all = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
    return _mm_add_ps(_mm256_castps256_ps128(all), _mm256_extractf128_ps(all, 1));
}

AVX2_INLINE __m256 add(__m256 query, const float *row, __m256 sum, bool squares) {
    __m256 other = _mm256_load_ps(row);
    if (!squares)
        return _mm256_fmadd_ps(query, other, sum);
    __m256 gap = _mm256_sub_ps(query, other);
    return _mm256_fmadd_ps(gap, gap, sum);
}

/* `rows` and `squares` are constants where this is called: four rows or one. */
AVX2_INLINE void sums(const float *query, const float *first, size_t stride, int rows, bool squares,
                      float *out) {
    __m256 a[ROWS], b[ROWS];
    size_t i = 0;
#pragma GCC unroll 4
    for (int row = 0; row < rows; row++)
        a[row] = b[row] = _mm256_setzero_ps();
    for (; i + 16 <= stride; i += 16) {
        __m256 low = _mm256_load_ps(query + i), high = _mm256_load_ps(query + i + 8);
#pragma GCC unroll 4
        for (int row = 0; row < rows; row++) {
            const float *at = first + (size_t)row * stride + i;
            a[row] = add(low, at, a[row], squares);
            b[row] = add(high, at + 8, b[row], squares);
        }
    }
    if (i != stride) {
        __m256 low = _mm256_load_ps(query + i);
#pragma GCC unroll 4
        for (int row = 0; row < rows; row++)
            a[row] = add(low, first + (size_t)row * stride + i, a[row], squares);
    }
#pragma GCC unroll 4
    for (int row = 0; row < rows; row++)
        a[row] = _mm256_add_ps(a[row], b[row]);
    if (rows == ROWS)
        _mm_storeu_ps(out, fold(a[0], a[1], a[2], a[3]));
    else
        *out = _mm_cvtss_f32(fold(a[0], a[0], a[0], a[0]));
}

AVX2_INLINE void all(const float *query, const float *rows, size_t stride, size_t count, bool squares,
                     float *out) {
    size_t row = 0;
    for (; row + ROWS <= count; row += ROWS)
        sums(query, rows + row * stride, stride, ROWS, squares, out + row);
    for (; row < count; row++)
        sums(query, rows + row * stride, stride, 1, squares, out + row);
}

AVX2 static void dot(const float *query, const float *rows, size_t stride, size_t count, float *out) {
    all(query, rows, stride, count, false, out);
}

AVX2 static void squares(const float *query, const float *rows, size_t stride, size_t count, float *out) {
    all(query, rows, stride, count, true, out);
}

const cc_vector_kernels *cc_vector_kernels_avx2(void) {
    static const cc_vector_kernels kernels = {dot, squares};
    return &kernels;
}
#else
const cc_vector_kernels *cc_vector_kernels_avx2(void) { return NULL; }
#endif
