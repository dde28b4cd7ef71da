/* store_threads.h: beside whatever a test does, one thread goes on with a history and one reads its first space from end
 * to end, again and again. */
#ifndef CC_TESTS_STORE_THREADS_H
#define CC_TESTS_STORE_THREADS_H

#include <pthread.h>

#include "tests/support/store_history.h"

typedef struct {
    cc_store *store;
    history *h;
    uint64_t operations;
    _Atomic bool done;
    uint64_t reads; /* entries seen */
    pthread_t writer, reader;
} store_threads;

/* `threads` has store, history and how many operations. */
void store_threads_begin(store_threads *threads);
void store_threads_end(store_threads *threads); /* when all operations are done */

#endif
