/* kernel_avx512.c: four sums of sixteen floats at a time; the last of a row may be half a register. */
#include "vector/kernel_avx512.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <stdbool.h>

#define AVX512 __attribute__((target("avx512f,avx512bw,fma")))
#define AVX512_INLINE AVX512 static inline __attribute__((always_inline))

AVX512_INLINE __m512 add(__m512 query, __m512 row, __m512 sum, bool squares) {
    if (!squares)
        return _mm512_fmadd_ps(query, row, sum);
    __m512 gap = _mm512_sub_ps(query, row);
    return _mm512_fmadd_ps(gap, gap, sum);
}

AVX512_INLINE __m512 add_at(const float *query, const float *row, __m512 sum, bool squares) {
    return add(_mm512_loadu_ps(query), _mm512_loadu_ps(row), sum, squares);
}

/* What is left of a row: 0 to 15 floats, those beyond read as zero. */
AVX512_INLINE __m512 rest(const float *at, size_t count) {
    return _mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), at);
}

/* `squares` is a constant where this is called. */
AVX512_INLINE float sum(const float *query, const float *row, size_t stride, bool squares) {
    __m512 a = _mm512_setzero_ps(), b = a, c = a, d = a;
    size_t i = 0;
    for (; i + 64 <= stride; i += 64) {
        a = add_at(query + i, row + i, a, squares);
        b = add_at(query + i + 16, row + i + 16, b, squares);
        c = add_at(query + i + 32, row + i + 32, c, squares);
        d = add_at(query + i + 48, row + i + 48, d, squares);
    }
    for (; i + 16 <= stride; i += 16)
        a = add_at(query + i, row + i, a, squares);
    if (i != stride)
        b = add(rest(query + i, stride - i), rest(row + i, stride - i), b, squares);
    return _mm512_reduce_add_ps(_mm512_add_ps(_mm512_add_ps(a, b), _mm512_add_ps(c, d)));
}

AVX512 static void dot(const float *query, const float *rows, size_t stride, size_t count, float *out) {
    for (size_t row = 0; row < count; row++)
        out[row] = sum(query, rows + row * stride, stride, false);
}

AVX512 static void squares(const float *query, const float *rows, size_t stride, size_t count, float *out) {
    for (size_t row = 0; row < count; row++)
        out[row] = sum(query, rows + row * stride, stride, true);
}

const cc_vector_kernels *cc_vector_kernels_avx512(void) {
    static const cc_vector_kernels kernels = {dot, squares};
    return &kernels;
}
#else
const cc_vector_kernels *cc_vector_kernels_avx512(void) { return NULL; }
#endif
