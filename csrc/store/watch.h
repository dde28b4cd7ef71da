/* watch.h: what else changes with the items of a space, in the step that changes them.
 *
 * The watcher of a space is told of every change between its log record and its commit, in order, after it got
 * room for all of a write's changes. Nothing of it is logged: its owner reads the items once, after open.
 * Thread rule: the store's lock. */
#ifndef CC_STORE_WATCH_H
#define CC_STORE_WATCH_H

#include "store/store.h"

typedef struct {
    /* Room for `changes` changes of keys of `key_bytes` bytes together, so that `apply` cannot fail. */
    cc_status (*prepare)(void *owner, size_t changes, size_t key_bytes);
    /* `value` is what `key` has from now on; data NULL: it is gone. Both are valid during the call alone. */
    void (*apply)(void *owner, cc_key key, cc_bytes value);
} cc_watch;

/* `watch` (NULL: none) must outlive the space or the next call. */
void cc_space_watch(cc_space *space, const cc_watch *watch, void *owner);

#endif
