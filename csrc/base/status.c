/* status.c: filling cc_error, naming statuses, and the one place that ends the process. */
#include "base/status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fill(cc_error *error, cc_status status, int sys_errno, const char *type, const char *format,
                 va_list arguments) {
    error->status = status;
    error->sys_errno = sys_errno;
    error->position = 0;
    snprintf(error->type, sizeof error->type, "%s", type);
    vsnprintf(error->message, sizeof error->message, format, arguments);
}

cc_status(cc_fail)(cc_error *error, cc_status status, const char *format, ...) {
    if (error != NULL) {
        va_list arguments;
        va_start(arguments, format);
        fill(error, status, 0, "", format, arguments);
        va_end(arguments);
    }
    return status;
}

cc_status(cc_fail_aws)(cc_error *error, cc_status status, const char *type, const char *format, ...) {
    if (error != NULL) {
        va_list arguments;
        va_start(arguments, format);
        fill(error, status, 0, type, format, arguments);
        va_end(arguments);
    }
    return status;
}

cc_status(cc_fail_errno)(cc_error *error, int sys_errno, const char *format, ...) {
    cc_status status = sys_errno == ENOSPC || sys_errno == EDQUOT ? CC_ERR_FULL
                       : sys_errno == ENOMEM                      ? CC_ERR_NOMEM
                                                                  : CC_ERR_IO;
    if (error != NULL) {
        va_list arguments;
        va_start(arguments, format);
        fill(error, status, sys_errno, "", format, arguments);
        va_end(arguments);
        char text[128];
        const char *reason = strerror_r(sys_errno, text, sizeof text); /* the GNU form */
        size_t used = strlen(error->message);
        snprintf(error->message + used, sizeof error->message - used, ": %s", reason);
    }
    return status;
}

const char *cc_status_name(cc_status status) {
    static const char *const names[CC_STATUS_COUNT] = {
        [CC_OK] = "ok",
        [CC_ERR_NOMEM] = "nomem",
        [CC_ERR_IO] = "io",
        [CC_ERR_FULL] = "full",
        [CC_ERR_CORRUPT] = "corrupt",
        [CC_ERR_FORMAT] = "format",
        [CC_ERR_ARGUMENT] = "argument",
        [CC_ERR_VALIDATION] = "validation",
        [CC_ERR_SERIALIZATION] = "serialization",
        [CC_ERR_CONDITION] = "condition",
        [CC_ERR_NOT_FOUND] = "not_found",
        [CC_ERR_EXISTS] = "exists",
        [CC_ERR_LIMIT] = "limit",
        [CC_ERR_BUSY] = "busy",
        [CC_ERR_STALE] = "stale",
        [CC_ERR_CLOSED] = "closed",
        [CC_ERR_POISONED] = "poisoned",
        [CC_ERR_FORKED] = "forked",
        [CC_ERR_TIMEOUT] = "timeout",
        [CC_ERR_DIED] = "died",
        [CC_ERR_UNSUPPORTED] = "unsupported",
    };
    if ((unsigned)status >= CC_STATUS_COUNT)
        return "unknown";
    return names[status];
}

/* An invariant is broken: memory can no longer be trusted, so nothing more may reach the disk. */
_Noreturn void cc_assert_failed(const char *expression, const char *file, int line) {
    fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, expression);
    abort();
}
