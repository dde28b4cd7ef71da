/* kernel_avx2.h: the kernels for processors with AVX2 and FMA. */
#ifndef CC_VECTOR_KERNEL_AVX2_H
#define CC_VECTOR_KERNEL_AVX2_H

#include "vector/kernel.h"

/* NULL: this is no such architecture. The caller asks the processor first. */
const cc_vector_kernels *cc_vector_kernels_avx2(void);

#endif
