/* checkpoint.h: writing what is in memory to the page file, beside running writers, so that the log before it
 * can go.
 *
 *   begin     under the lock: sequence `begin`, the list of spaces with name and meta as they are
 *   walk      space by space, bound by bound: leaves that are dirty are captured one at a time under the lock
 *             and written outside it, clean ones are named again; pages fill a directory
 *   finish    the log is synced up to `end`, the last change a page may hold; pages are synced; superblock
 *   recycle   the log forgets what came before the checkpoint before this one
 *
 * The walk is fuzzy: each leaf is as of another moment between `begin` and `end`. That is sound because log
 * records are full images: replay from `begin` on brings every key to its last value whatever state it was
 * captured in, and the log certainly has every record that a page may already hold. Spaces made, changed or
 * dropped meanwhile are as of `begin` in the catalog; their records come again.
 *
 * The checkpoint before the newest one stays whole, pages and log: when the newest superblock, its catalog or a
 * directory cannot be read, open falls back to it. */
#ifndef CC_STORE_CHECKPOINT_H
#define CC_STORE_CHECKPOINT_H

#include "store/internal.h"

/* The log's cursor: what the store no longer needs of it. */
#define CC_STORE_CURSOR "store"

/* Takes one now, in the calling thread, without the lock; waits for one that is being taken. */
CC_MUST_CHECK cc_status cc_checkpoint_take(cc_store *store, cc_error *error);

/* ---- the thread that takes them unasked (checkpointer.c) ---- */
/* Lock held. Makes the thread with the first call; when that fails nothing happens: the log is longer. */
void cc_checkpointer_wake(cc_store *store);
/* Without the lock: waits for a running checkpoint, ends the thread. */
void cc_checkpointer_stop(cc_store *store);
/* The log since the last checkpoint is long enough for one at close. */
bool cc_checkpoint_worthwhile(const cc_store *store);
/* Lock held: when the next one is due; the last one succeeded, or it is tried again somewhat later. */
void cc_checkpoint_schedule(cc_store *store, bool succeeded);

#endif
