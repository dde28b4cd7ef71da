/* cpu.c: asks the processor once. The answer is a pure function of the machine, so threads that
 * race to fill the cached word all write the same value. */
#include "base/cpu.h"

#include <stdatomic.h>
#include <stdint.h>

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>

/* XCR0: which register files the system saves; without it a feature bit is worth nothing. */
static uint64_t saved_states(void) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static cc_cpu_features ask(void) {
    cc_cpu_features features = {0};
    uint32_t a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d))
        return features;
    features.sse42 = (c & bit_SSE4_2) != 0;
    features.pclmul = (c & bit_PCLMUL) != 0;
    uint64_t states = (c & bit_OSXSAVE) != 0 ? saved_states() : 0;
    bool ymm = (states & 0x06) == 0x06, zmm = (states & 0xe6) == 0xe6;
    bool avx = (c & bit_AVX) != 0 && ymm;
    features.fma = avx && (c & bit_FMA) != 0;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d))
        return features;
    features.avx2 = avx && (b & bit_AVX2) != 0;
    features.bmi2 = (b & bit_BMI2) != 0;
    features.avx512bw = avx && zmm && (b & bit_AVX512F) != 0 && (b & bit_AVX512BW) != 0 &&
                        (b & bit_AVX512VL) != 0;
    features.vpclmul = features.avx2 && (c & bit_VPCLMULQDQ) != 0;
    return features;
}
#else
static cc_cpu_features ask(void) { return (cc_cpu_features){0}; }
#endif

/* The cached feature words: 0 = not asked yet, 1 = being written, 2 = ready. */
static cc_cpu_features cached;
static _Atomic int cached_state;

const cc_cpu_features *cc_cpu(void) {
    if (atomic_load_explicit(&cached_state, memory_order_acquire) == 2)
        return &cached;
    int expected = 0;
    if (atomic_compare_exchange_strong(&cached_state, &expected, 1)) {
        cached = ask();
        atomic_store_explicit(&cached_state, 2, memory_order_release);
    }
    while (atomic_load_explicit(&cached_state, memory_order_acquire) != 2) {
    }
    return &cached;
}
