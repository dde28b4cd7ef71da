/* store_watch.c: see store_watch.h. */
#include "tests/support/store_watch.h"

#include "log/internal.h"

bool store_may_write(cc_store *store) {
    if (!cc_store_try_lock(store))
        return false;
    bool log_free = cc_mutex_try_lock(&store->log->mutex);
    if (log_free)
        cc_mutex_unlock(&store->log->mutex);
    cc_store_unlock(store);
    return log_free;
}
