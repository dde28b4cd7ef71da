/* store_threads.c: see store_threads.h. */
#include "tests/support/store_threads.h"

#include <unistd.h>

#include "tests/support/check.h"

static void *write_all(void *context) {
    store_threads *s = context;
    cc_log_ticket ticket;
    for (uint64_t i = 0; i < s->operations; i++)
        CHECK_OK(history_step(s->h, s->store, &ticket, NULL));
    s->done = true;
    return NULL;
}

static void *read_all(void *context) {
    store_threads *s = context;
    while (!s->done) {
        cc_space_cursor cursor;
        uint64_t bytes = 0;
        cc_store_lock(s->store);
        cc_space *space = cc_space_at(s->store, 0);
        for (bool more = space != NULL && cc_space_seek_hash(space, 0, &cursor); more;
             more = cc_space_next(&cursor), s->reads++) {
            cc_bytes value;
            cc_space_entry(&cursor, NULL, NULL, &value);
            bytes += value.size;
        }
        CHECK(space == NULL || bytes == space->item_bytes);
        cc_store_unlock(s->store);
        usleep(20); /* the lock is not fair */
    }
    return NULL;
}

void store_threads_begin(store_threads *threads) {
    CHECK(pthread_create(&threads->writer, NULL, write_all, threads) == 0);
    CHECK(pthread_create(&threads->reader, NULL, read_all, threads) == 0);
}

void store_threads_end(store_threads *threads) {
    CHECK(pthread_join(threads->writer, NULL) == 0 && pthread_join(threads->reader, NULL) == 0);
}
