/* kernel.c: the kernels in plain C, and the choice among them. */
#include "vector/kernel.h"

#include "base/cpu.h"
#include "vector/kernel_avx2.h"
#include "vector/kernel_avx512.h"

enum { LANES = CC_VECTOR_STEP };

static void dot(const float *query, const float *rows, size_t stride, size_t count, float *out) {
    for (size_t row = 0; row < count; row++, rows += stride) {
        float lanes[LANES] = {0}, sum = 0;
        for (size_t i = 0; i < stride; i += LANES)
            for (size_t lane = 0; lane < LANES; lane++)
                lanes[lane] += query[i + lane] * rows[i + lane];
        for (size_t lane = 0; lane < LANES; lane++)
            sum += lanes[lane];
        out[row] = sum;
    }
}

static void squares(const float *query, const float *rows, size_t stride, size_t count, float *out) {
    for (size_t row = 0; row < count; row++, rows += stride) {
        float lanes[LANES] = {0}, sum = 0;
        for (size_t i = 0; i < stride; i += LANES)
            for (size_t lane = 0; lane < LANES; lane++) {
                float gap = query[i + lane] - rows[i + lane];
                lanes[lane] += gap * gap;
            }
        for (size_t lane = 0; lane < LANES; lane++)
            sum += lanes[lane];
        out[row] = sum;
    }
}

const cc_vector_kernels *cc_vector_kernels_at(int width) {
    static const cc_vector_kernels plain = {dot, squares};
    const cc_cpu_features *cpu = cc_cpu();
    if (width == 16)
        return cpu->avx512bw && cpu->fma ? cc_vector_kernels_avx512() : NULL;
    if (width == 8)
        return cpu->avx2 && cpu->fma ? cc_vector_kernels_avx2() : NULL;
    return &plain;
}

const cc_vector_kernels *cc_vector_kernels_best(void) {
    const cc_vector_kernels *found = NULL;
    for (int width = 16; found == NULL; width /= 2)
        found = cc_vector_kernels_at(width);
    return found;
}
