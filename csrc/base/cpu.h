/* cpu.h: what this processor can do, asked once; kernels are chosen by it at run time. */
#ifndef CC_BASE_CPU_H
#define CC_BASE_CPU_H

#include <stdbool.h>

typedef struct {
    bool sse42, pclmul, avx2, fma, avx512bw, vpclmul, bmi2;
} cc_cpu_features;

/* Cheap (one cached load after the first call), thread-safe. */
const cc_cpu_features *cc_cpu(void);

#endif
