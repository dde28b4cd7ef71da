/* checkpointer.c: when a checkpoint is due, and the thread that then takes it.
 *
 * Due: when the log since the last one is as long as half of what the store holds, or 64 MiB. So a page is
 * written for at most a few times the bytes of the changes in it, reopening replays a bounded part of the
 * log, and a small store never makes the thread. */
#include <signal.h>

#include "store/checkpoint.h"

enum { STACK_SIZE = 256 << 10 };
static const uint64_t LEAST_LOG = (uint64_t)64 << 20, LEAST_AT_CLOSE = (uint64_t)4 << 20;

static uint64_t held_bytes(const cc_store *store) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < store->space_count; i++)
        bytes += store->spaces[i]->item_bytes;
    return bytes;
}

void cc_checkpoint_schedule(cc_store *store, bool succeeded) {
    uint64_t due = store->checkpoint_bytes;
    if (due == 0) {
        due = held_bytes(store) / 2;
        if (due < LEAST_LOG)
            due = LEAST_LOG;
    }
    store->checkpoint_due = succeeded ? due : store->logged_bytes + due / 4;
    if (store->checkpoint_bytes == UINT64_MAX)
        store->checkpoint_due = UINT64_MAX;
}

bool cc_checkpoint_worthwhile(const cc_store *store) {
    uint64_t least = store->checkpoint_due / 8;
    if (least < LEAST_AT_CLOSE)
        least = LEAST_AT_CLOSE;
    return store->checkpoint_bytes != UINT64_MAX && store->logged_bytes >= least;
}

static void *run(void *context) {
    cc_store *store = context;
    sigset_t all;
    (void)sigfillset(&all); /* signals are the program's own threads' */
    (void)pthread_sigmask(SIG_BLOCK, &all, NULL);
    cc_store_lock(store);
    while (!store->checkpointer_stops) {
        if (!store->checkpoint_wanted) {
            cc_cond_wait(&store->checkpoint_changed, &store->mutex);
            continue;
        }
        store->checkpoint_wanted = false;
        if (store->logged_bytes < store->checkpoint_due)
            continue; /* one was taken on request meanwhile */
        cc_store_unlock(store);
        cc_error error = {0};
        cc_status status = cc_checkpoint_take(store, &error);
        cc_store_lock(store);
        if (status != CC_OK)
            store->checkpoint_failures++;
    }
    cc_store_unlock(store);
    return NULL;
}

void cc_checkpointer_wake(cc_store *store) {
    if (store->checkpoint_wanted || store->poisoned)
        return;
    if (!store->has_checkpointer) {
        pthread_attr_t attributes;
        CC_ASSERT(pthread_attr_init(&attributes) == 0);
        CC_ASSERT(pthread_attr_setstacksize(&attributes, STACK_SIZE) == 0);
        store->checkpointer_stops = false;
        store->has_checkpointer = pthread_create(&store->checkpointer, &attributes, run, store) == 0;
        CC_ASSERT(pthread_attr_destroy(&attributes) == 0);
        if (!store->has_checkpointer) {
            cc_checkpoint_schedule(store, false);
            return;
        }
    }
    store->checkpoint_wanted = true;
    cc_cond_broadcast(&store->checkpoint_changed);
}

void cc_checkpointer_stop(cc_store *store) {
    cc_store_lock(store);
    bool has = store->has_checkpointer;
    store->checkpointer_stops = true;
    store->checkpoint_wanted = false;
    cc_cond_broadcast(&store->checkpoint_changed);
    cc_store_unlock(store);
    if (has)
        CC_ASSERT(pthread_join(store->checkpointer, NULL) == 0);
    store->has_checkpointer = false;
}
