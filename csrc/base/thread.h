/* thread.h: the few threading tools of the core: mutex, condition, futex word. */
#ifndef CC_BASE_THREAD_H
#define CC_BASE_THREAD_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/status.h"

typedef pthread_mutex_t cc_mutex;
typedef pthread_cond_t cc_cond; /* always on CLOCK_MONOTONIC: see cc_cond_init */

void cc_mutex_init(cc_mutex *mutex);
void cc_mutex_destroy(cc_mutex *mutex);
static inline void cc_mutex_lock(cc_mutex *mutex) { CC_ASSERT(pthread_mutex_lock(mutex) == 0); }
static inline bool cc_mutex_try_lock(cc_mutex *mutex) { return pthread_mutex_trylock(mutex) == 0; }
static inline void cc_mutex_unlock(cc_mutex *mutex) { CC_ASSERT(pthread_mutex_unlock(mutex) == 0); }

void cc_cond_init(cc_cond *cond);
void cc_cond_destroy(cc_cond *cond);
static inline void cc_cond_signal(cc_cond *cond) { CC_ASSERT(pthread_cond_signal(cond) == 0); }
static inline void cc_cond_broadcast(cc_cond *cond) { CC_ASSERT(pthread_cond_broadcast(cond) == 0); }
static inline void cc_cond_wait(cc_cond *cond, cc_mutex *mutex) {
    CC_ASSERT(pthread_cond_wait(cond, mutex) == 0);
}
/* False when `timeout_ns` passed without a signal. */
bool cc_cond_wait_for(cc_cond *cond, cc_mutex *mutex, uint64_t timeout_ns);

/* Futex on a 32-bit word, shared between processes when the word is in shared memory.
 * cc_futex_wait returns false on timeout (UINT64_MAX: no timeout); spurious wake-ups happen. */
bool cc_futex_wait(_Atomic uint32_t *word, uint32_t expected, uint64_t timeout_ns);
void cc_futex_wake(_Atomic uint32_t *word, uint32_t count);

#endif
