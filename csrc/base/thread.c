/* thread.c: mutex, monotonic condition, futex. A failing pthread call here is a broken invariant. */
#include "base/thread.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

void cc_mutex_init(cc_mutex *mutex) { CC_ASSERT(pthread_mutex_init(mutex, NULL) == 0); }
void cc_mutex_destroy(cc_mutex *mutex) { CC_ASSERT(pthread_mutex_destroy(mutex) == 0); }

void cc_cond_init(cc_cond *cond) {
    pthread_condattr_t attributes;
    CC_ASSERT(pthread_condattr_init(&attributes) == 0);
    CC_ASSERT(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    CC_ASSERT(pthread_cond_init(cond, &attributes) == 0);
    CC_ASSERT(pthread_condattr_destroy(&attributes) == 0);
}
void cc_cond_destroy(cc_cond *cond) { CC_ASSERT(pthread_cond_destroy(cond) == 0); }

static struct timespec timespec_of(uint64_t ns) {
    return (struct timespec){(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
}

bool cc_cond_wait_for(cc_cond *cond, cc_mutex *mutex, uint64_t timeout_ns) {
    uint64_t now = cc_clock_monotonic_ns();
    /* Far deadlines are cut to a century, so that the sum cannot wrap. */
    uint64_t longest = (uint64_t)100 * 365 * 86400 * 1000000000;
    struct timespec deadline = timespec_of(now + (timeout_ns < longest ? timeout_ns : longest));
    int result = pthread_cond_timedwait(cond, mutex, &deadline);
    CC_ASSERT(result == 0 || result == ETIMEDOUT);
    return result == 0;
}

bool cc_futex_wait(_Atomic uint32_t *word, uint32_t expected, uint64_t timeout_ns) {
    struct timespec timeout = timespec_of(timeout_ns);
    long result = syscall(SYS_futex, word, FUTEX_WAIT, expected, timeout_ns == UINT64_MAX ? NULL : &timeout,
                          NULL, 0);
    return !(result == -1 && errno == ETIMEDOUT);
}

void cc_futex_wake(_Atomic uint32_t *word, uint32_t count) {
    int wake = count > INT32_MAX ? INT32_MAX : (int)count;
    (void)syscall(SYS_futex, word, FUTEX_WAKE, wake, NULL, NULL, 0);
}
