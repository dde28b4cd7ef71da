/* kernel_avx512.c: four sums of sixteen floats at a time; the last of a row may be half a register. */
#include "vector/kernel_avx512.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define AVX512 __attribute__((target("avx512f,avx512bw,fma")))

/* What is left of a row: 0 to 15 floats, those beyond read as zero. */
AVX512 static inline __m512 rest(const float *at, size_t count) {
    return _mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), at);
}

AVX512 static inline float sum_of(__m512 a, __m512 b, __m512 c, __m512 d) {
    return _mm512_reduce_add_ps(_mm512_add_ps(_mm512_add_ps(a, b), _mm512_add_ps(c, d)));
}

AVX512 static void dot(const float *query, const float *rows, size_t stride, size_t count, float *out) {
    for (size_t row = 0; row < count; row++, rows += stride) {
        __m512 a = _mm512_setzero_ps(), b = a, c = a, d = a;
        size_t i = 0;
        for (; i + 64 <= stride; i += 64) {
            a = _mm512_fmadd_ps(_mm512_loadu_ps(query + i), _mm512_loadu_ps(rows + i), a);
            b = _mm512_fmadd_ps(_mm512_loadu_ps(query + i + 16), _mm512_loadu_ps(rows + i + 16), b);
            c = _mm512_fmadd_ps(_mm512_loadu_ps(query + i + 32), _mm512_loadu_ps(rows + i + 32), c);
            d = _mm512_fmadd_ps(_mm512_loadu_ps(query + i + 48), _mm512_loadu_ps(rows + i + 48), d);
        }
        for (; i + 16 <= stride; i += 16)
            a = _mm512_fmadd_ps(_mm512_loadu_ps(query + i), _mm512_loadu_ps(rows + i), a);
        if (i != stride)
            b = _mm512_fmadd_ps(rest(query + i, stride - i), rest(rows + i, stride - i), b);
        out[row] = sum_of(a, b, c, d);
    }
}

AVX512 static inline __m512 add_square(__m512 query, __m512 row, __m512 sum) {
    __m512 gap = _mm512_sub_ps(query, row);
    return _mm512_fmadd_ps(gap, gap, sum);
}

AVX512 static void squares(const float *query, const float *rows, size_t stride, size_t count, float *out) {
    for (size_t row = 0; row < count; row++, rows += stride) {
        __m512 a = _mm512_setzero_ps(), b = a, c = a, d = a;
        size_t i = 0;
        for (; i + 64 <= stride; i += 64) {
            a = add_square(_mm512_loadu_ps(query + i), _mm512_loadu_ps(rows + i), a);
            b = add_square(_mm512_loadu_ps(query + i + 16), _mm512_loadu_ps(rows + i + 16), b);
            c = add_square(_mm512_loadu_ps(query + i + 32), _mm512_loadu_ps(rows + i + 32), c);
            d = add_square(_mm512_loadu_ps(query + i + 48), _mm512_loadu_ps(rows + i + 48), d);
        }
        for (; i + 16 <= stride; i += 16)
            a = add_square(_mm512_loadu_ps(query + i), _mm512_loadu_ps(rows + i), a);
        if (i != stride)
            b = add_square(rest(query + i, stride - i), rest(rows + i, stride - i), b);
        out[row] = sum_of(a, b, c, d);
    }
}

const cc_vector_kernels *cc_vector_kernels_avx512(void) {
    static const cc_vector_kernels kernels = {dot, squares};
    return &kernels;
}
#else
const cc_vector_kernels *cc_vector_kernels_avx512(void) { return NULL; }
#endif
