/* store_watch.h: for tests that write to a store while it writes to its disk (fault_fs_watch). */
#ifndef CC_TESTS_STORE_WATCH_H
#define CC_TESTS_STORE_WATCH_H

#include "store/internal.h"

/* Whether the calling code holds neither the store's lock nor the log's. */
bool store_may_write(cc_store *store);

#endif
