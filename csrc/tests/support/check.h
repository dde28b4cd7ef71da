/* check.h: the whole C test harness: CHECK counts, RUN names, REPORT prints and gives the exit code. */
#ifndef CC_TESTS_CHECK_H
#define CC_TESTS_CHECK_H

#include <stdio.h>
#include <string.h>

#include "base/status.h"

typedef struct {
    const char *running; /* name of the running test */
    int tests_passed, tests_failed, failures_here;
} check_state;

extern check_state check;

/* The end of a forked child, which `make coverage` counts too. */
_Noreturn void check_leave(int code);

#define TEST(name) static void test_##name(void)
#define RUN(name)                                                                                            \
    do {                                                                                                     \
        check.running = #name;                                                                               \
        check.failures_here = 0;                                                                             \
        test_##name();                                                                                       \
        check.failures_here ? check.tests_failed++ : check.tests_passed++;                                   \
    } while (0)
#define CHECK(expression)                                                                                    \
    do {                                                                                                     \
        if (!(expression)) {                                                                                 \
            check.failures_here++;                                                                           \
            fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, check.running, #expression);              \
        }                                                                                                    \
    } while (0)
#define CHECK_OK(expression) CHECK((expression) == CC_OK)
#define CHECK_EQ(actual, expected)                                                                           \
    do {                                                                                                     \
        long long check_a_ = (long long)(actual), check_e_ = (long long)(expected);                          \
        if (check_a_ != check_e_) {                                                                          \
            check.failures_here++;                                                                           \
            fprintf(stderr, "%s:%d: %s: %s is %lld, expected %lld\n", __FILE__, __LINE__, check.running,     \
                    #actual, check_a_, check_e_);                                                            \
        }                                                                                                    \
    } while (0)
#define REPORT()                                                                                             \
    (printf("%d passed, %d failed\n", check.tests_passed, check.tests_failed), check.tests_failed != 0)

#endif
