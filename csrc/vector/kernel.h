/* kernel.h: one vector against many: dot products and squared distances of rows of 32-bit floats.
 *
 * Rows lie end to end, `stride` floats each: a multiple of CC_VECTOR_STEP, the rest behind the dimensions zero,
 * and begin at a multiple of 32 bytes; so does the query, as long as a row. AVX-512 or AVX2 with FMA where the
 * processor has them (base/cpu.h), else plain C. Sums are of several floats side by side, so their last bits depend
 * on which. */
#ifndef CC_VECTOR_KERNEL_H
#define CC_VECTOR_KERNEL_H

#include <stddef.h>

enum { CC_VECTOR_STEP = 8 };

typedef void (*cc_vector_kernel)(const float *query, const float *rows, size_t stride, size_t count,
                                 float *out);

typedef struct {
    cc_vector_kernel dot;     /* sum of query[i] * row[i] */
    cc_vector_kernel squares; /* sum of (query[i] - row[i])^2 */
} cc_vector_kernels;

/* Those of this processor. */
const cc_vector_kernels *cc_vector_kernels_best(void);
/* Those of 16 (AVX-512), 8 (AVX2) or fewer (plain C, always there) floats at a time; NULL: not on this processor. */
const cc_vector_kernels *cc_vector_kernels_at(int width);

#endif
