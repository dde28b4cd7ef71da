/* status.h: how every room of the core reports failure.
 *
 * A function that can fail returns cc_status (never ignored: warn_unused_result) and takes an
 * optional last argument `cc_error *error` that may be NULL. On CC_OK the error is untouched.
 * Nothing in the core prints. CC_ASSERT is always on: it guards invariants, not input. */
#ifndef CC_BASE_STATUS_H
#define CC_BASE_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    CC_OK = 0,
    CC_ERR_NOMEM,         /* an allocation failed; nothing changed */
    CC_ERR_IO,            /* the system refused a file operation; sys_errno says why */
    CC_ERR_FULL,          /* disk full, or a configured disk or memory bound reached */
    CC_ERR_CORRUPT,       /* stored bytes fail their checks; position says where */
    CC_ERR_FORMAT,        /* stored bytes are of a version or feature this build does not know */
    CC_ERR_ARGUMENT,      /* the caller broke the function's contract */
    CC_ERR_VALIDATION,    /* input refused in AWS's words (type = ValidationException, ...) */
    CC_ERR_SERIALIZATION, /* input is not of the wire's shape (SerializationException) */
    CC_ERR_CONDITION,     /* a condition expression evaluated to false */
    CC_ERR_NOT_FOUND,     /* no such table, key, cursor or record */
    CC_ERR_EXISTS,        /* it exists already */
    CC_ERR_LIMIT,         /* a documented size or count limit */
    CC_ERR_BUSY,          /* another process or thread owns it */
    CC_ERR_STALE,         /* expected_last did not match: somebody else appended */
    CC_ERR_CLOSED,        /* the handle is closed */
    CC_ERR_POISONED,      /* a sync failed earlier: the log is read-only for good */
    CC_ERR_FORKED,        /* the handle was inherited through fork() */
    CC_ERR_TIMEOUT,       /* the time given ran out */
    CC_ERR_DIED,          /* the peer process ended */
    CC_ERR_UNSUPPORTED,   /* a member or feature this build does not offer */
    CC_STATUS_COUNT
} cc_status;

typedef struct cc_error {
    cc_status status;
    int sys_errno;     /* 0 if none */
    uint64_t position; /* byte offset or sequence, where the status has one */
    char type[64];     /* AWS exception name without prefix, or "" */
    char message[512]; /* one sentence, UTF-8, no trailing newline */
} cc_error;

#define CC_MUST_CHECK __attribute__((warn_unused_result))
#define CC_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define CC_LIKELY(x) __builtin_expect(!!(x), 1)
#define CC_UNLIKELY(x) __builtin_expect(!!(x), 0)

/* Fill `error` (may be NULL) and return `status`, so that `return cc_fail(...)` reads well. */
cc_status cc_fail(cc_error *error, cc_status status, const char *format, ...) CC_PRINTF(3, 4);
/* As cc_fail, with an AWS exception name: cc_fail_aws(e, CC_ERR_VALIDATION, "ValidationException", ...). */
cc_status cc_fail_aws(cc_error *error, cc_status status, const char *type, const char *format, ...)
    CC_PRINTF(4, 5);
/* As cc_fail with CC_ERR_IO (CC_ERR_FULL for ENOSPC/EDQUOT); appends strerror(sys_errno). */
cc_status cc_fail_errno(cc_error *error, int sys_errno, const char *format, ...) CC_PRINTF(3, 4);
/* What cc_fail* return is never CC_OK, and callers' compilers and analyzers may rely on it: a failed call has
 * not filled its outputs. Passing CC_OK to cc_fail is therefore a broken contract (UBSan stops there). */
static inline __attribute__((always_inline)) cc_status cc_failed(cc_status status) {
    if (status == CC_OK)
        __builtin_unreachable();
    return status;
}
#define cc_fail(...) cc_failed(cc_fail(__VA_ARGS__))
#define cc_fail_aws(...) cc_failed(cc_fail_aws(__VA_ARGS__))
#define cc_fail_errno(...) cc_failed(cc_fail_errno(__VA_ARGS__))
/* Stable lower-case name of a status, for messages and for the map in the Python doors. */
const char *cc_status_name(cc_status status);

/* Return early on failure. */
#define CC_TRY(expression)                                                                                   \
    do {                                                                                                     \
        cc_status cc_try_status_ = (expression);                                                             \
        if (CC_UNLIKELY(cc_try_status_ != CC_OK))                                                            \
            return cc_try_status_;                                                                           \
    } while (0)
/* Jump to `cleanup` on failure; needs `cc_status status` in scope. */
#define CC_TRY_GOTO(expression)                                                                              \
    do {                                                                                                     \
        status = (expression);                                                                               \
        if (CC_UNLIKELY(status != CC_OK))                                                                    \
            goto cleanup;                                                                                    \
    } while (0)

_Noreturn void cc_assert_failed(const char *expression, const char *file, int line);
#define CC_ASSERT(expression) ((expression) ? (void)0 : cc_assert_failed(#expression, __FILE__, __LINE__))

#endif
