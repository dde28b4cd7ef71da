/* kernel_avx512.h: the kernels for processors with AVX-512. */
#ifndef CC_VECTOR_KERNEL_AVX512_H
#define CC_VECTOR_KERNEL_AVX512_H

#include "vector/kernel.h"

/* NULL: this is no such architecture. The caller asks the processor first. */
const cc_vector_kernels *cc_vector_kernels_avx512(void);

#endif
