/* store.h: the item store: many ordered spaces (one per table) in memory, one log under them.
 *
 * A space maps (partition bytes, sort bytes) -> value bytes. Point operations go through a hash
 * index on the full key; ordered ones through a B+tree ordered by (hash of partition, partition,
 * sort), so a partition is one run in sort order and a scan segment is a range of hashes. Values
 * live in an arena of size-classed slabs and are overwritten in place when they fit.
 *
 * Every change is one record of the store's log (csrc/log) before it is visible in memory. Checkpoints
 * bring what is in memory to a page file beside the log, on a thread of their own, so that the log can
 * be recycled; open reads the last one and replays what the log has behind it. One process owns a
 * directory. `dir` NULL: nothing on disk. With a memory budget values that are not used leave memory for the
 * page file and come back when they are read (spill.h).
 *
 * Thread rule: every call between cc_store_lock and cc_store_unlock (the short shard lock; a door
 * that holds the GIL tries it and releases the GIL before it waits). Pointers to keys and values
 * are valid until the lock is released or the next write. cc_store_wait is called without the lock.
 *
 * Fork: the memory of a store is not inherited. In a child cc_store_check and every call that can
 * fail say CC_ERR_FORKED, no space is found, and the lock does nothing. */
#ifndef CC_STORE_STORE_H
#define CC_STORE_STORE_H

#include "codec/key.h"
#include "log/log.h"

/* Limits of a key's parts and a value; over them: CC_ERR_LIMIT. */
#define CC_SPACE_KEY_PART_MAX 65535
#define CC_SPACE_VALUE_MAX ((uint32_t)64 << 20)

typedef struct cc_store cc_store;
typedef struct cc_space cc_space;

typedef struct {
    cc_log_options log;
    uint64_t feed_retention_ms; /* how long followers find a change (feed.h); default 24 h */
    uint64_t feed_bytes_max; /* segments beyond this many bytes go earlier; default none, in memory 256 MiB */
    uint64_t checkpoint_bytes; /* of log after which one is taken; 0: half of what is stored, at least 64 MiB;
                                  UINT64_MAX: only on request */
    uint64_t hash_mask;        /* 0: all bits of a hash; tests narrow it */
    uint64_t seed;             /* of the hashes of a store that is made; 0: drawn. Replicas share one, so that
                                  they agree on the order of partitions */
    uint64_t budget_bytes; /* of memory for keys, indexes and values; what is over it in values goes to disk.
                                  0: all stays in memory. Needs a directory and a log. */
    const char *
        scratch_dir; /* with a budget, of a store that is opened for reading: what its log has over the budget
                                goes to a file without a name there; NULL: it stays in memory */
} cc_store_options;

typedef struct {
    uint64_t memory_bytes;        /* mapped by the arena, used or not; spaces say what they use */
    uint64_t checkpoints;         /* taken since open */
    uint64_t checkpoint_failures; /* of those begun unasked */
    uint64_t generation;          /* of the newest checkpoint; 0: there is none */
    uint64_t page_file_bytes;     /* of the page file, */
    uint64_t page_used_bytes;     /* and how much of it holds pages */
    uint64_t log_bytes;           /* to be replayed if the process ended now */
    bool fell_back;               /* open could not read the newest checkpoint and took the one before it */
    uint64_t used_bytes;          /* of memory_bytes, what keys, indexes and values take, with large values */
    uint64_t budget_bytes;        /* that it is held to; 0: nothing, and all below is 0 too */
    uint64_t spilled_items, spilled_bytes; /* values that are on the disk alone */
    uint64_t disk_reads, disk_read_bytes;  /* of values, since open */
    uint64_t disk_written_bytes;           /* of values that left memory, beside checkpoints */
    uint64_t spill_failures;               /* reads and writes of them that failed */
} cc_store_info;

/* EXPIRE deletes as DELETE does; readers of the log see by it that nobody asked for the deletion. */
typedef enum { CC_CHANGE_PUT = 1, CC_CHANGE_DELETE = 2, CC_CHANGE_EXPIRE = 3 } cc_change_kind;
typedef struct {
    cc_change_kind kind;
    cc_space *space;
    cc_key key;
    cc_bytes value; /* PUT; not looked at otherwise */
    uint16_t note;  /* PUT: something its owner wants to know of the value at a glance; in memory alone */
} cc_change;

typedef struct {
    uint64_t item_count;
    uint64_t item_bytes;   /* stored value bytes */
    uint64_t memory_bytes; /* index and arena */
} cc_space_info;

CC_MUST_CHECK cc_status cc_store_open(const char *dir, const cc_store_options *options, cc_store **store_out,
                                      cc_error *error);
/* Frees `store` (NULL is allowed), whatever the status of the log's last sync is; only CC_ERR_BUSY,
 * while readers of its log or snapshots are open, leaves it as it was. */
CC_MUST_CHECK cc_status cc_store_close(cc_store *store, cc_error *error);
/* CC_ERR_FORKED in a child that inherited the handle; a load and a compare otherwise. */
CC_MUST_CHECK cc_status cc_store_check(const cc_store *store, cc_error *error);
void cc_store_lock(cc_store *store);
bool cc_store_try_lock(cc_store *store);
void cc_store_unlock(cc_store *store);
/* NULL when nothing is logged (`dir` NULL or durability MEMORY). */
cc_log *cc_store_log(cc_store *store);
/* Wall time in ms, as the store's records bear it: the machine's, or what cc_store_set_time said last (0: the
 * machine's again). Both from any thread, without the lock. */
uint64_t cc_store_now_ms(const cc_store *store);
void cc_store_set_time(cc_store *store, uint64_t time_ms);
/* Given or drawn when the store was made, and its secret. */
uint64_t cc_store_seed(const cc_store *store);
/* Mapped by the store's arena, used or not; spaces say what they use. */
size_t cc_store_memory_bytes(const cc_store *store);
void cc_store_info_get(cc_store *store, cc_store_info *info_out); /* takes the lock itself */
/* Takes a checkpoint now, without the lock, beside readers and writers; returns when it is on the disk and the
 * log is recycled. Nothing to do without a log. A failure leaves the store as it was, but CC_ERR_POISONED. */
CC_MUST_CHECK cc_status cc_store_checkpoint(cc_store *store, cc_error *error);

/* Spaces: `name` 1-255 bytes; `meta` is the owner's (a table description as JSON), logged with it.
 */
CC_MUST_CHECK cc_status cc_space_create(cc_store *store, cc_bytes name, cc_bytes meta, cc_space **space_out,
                                        cc_error *error);
CC_MUST_CHECK cc_status cc_space_drop(cc_store *store, cc_bytes name, cc_error *error);
CC_MUST_CHECK cc_status cc_space_set_meta(cc_store *store, cc_bytes name, cc_bytes meta, cc_error *error);
cc_space *cc_space_find(cc_store *store, cc_bytes name); /* NULL if none */
cc_space *cc_space_at(cc_store *store, size_t index);    /* in name order; NULL past the end */
cc_bytes cc_space_name(const cc_space *space);
cc_bytes cc_space_meta(const cc_space *space);
/* A pointer of the table room's (parsed schema), freed by `destroy` when the space goes. */
void cc_space_attach(cc_space *space, void *owner_data, void (*destroy)(void *owner_data));
void *cc_space_attached(const cc_space *space);
void cc_space_info_get(const cc_space *space, cc_space_info *info_out);

/* After reads of values, under the same lock, before anything is concluded from them: the status of one that could not
 * be read from the disk (CC_ERR_IO, CC_ERR_CORRUPT, CC_ERR_NOMEM). CC_OK, always, without a memory budget. */
CC_MUST_CHECK cc_status cc_store_failure(const cc_store *store, cc_error *error);
/* Between slices of a long walk under one lock: values given out so far need no longer be there. */
void cc_store_settle(cc_store *store);

/* False when absent, and when cc_store_failure says why not. */
bool cc_space_get(cc_space *space, cc_key key, cc_bytes *value_out);
/* Starts fetching what a get of `key` reads first; a batch calls it a few keys ahead. */
void cc_space_prefetch(cc_space *space, cc_key key);
/* Hash of a partition, the leading part of the order; segments of a parallel scan split its range.
 */
uint64_t cc_space_partition_hash(const cc_space *space, cc_bytes partition);
/* The same, which needs no lock. */
uint64_t cc_store_partition_hash(const cc_store *store, cc_bytes partition);

/* All changes become one log record, then visible together; on failure none is. A key may occur
 * more than once: the last change wins. A delete of an absent key is logged and changes nothing.
 * After a failed sync CC_ERR_POISONED; reads go on. The ticket goes to cc_store_wait after
 * unlocking, with CC_DURABILITY_DEFAULT or stricter. A value may lie in the store only as the old
 * value of its own key. */
CC_MUST_CHECK cc_status cc_store_write(cc_store *store, const cc_change *changes, size_t count,
                                       cc_log_ticket *ticket_out, cc_error *error);
CC_MUST_CHECK cc_status cc_store_wait(cc_store *store, const cc_log_ticket *ticket, cc_durability durability,
                                      cc_error *error);

/* ---- ordered reading: a cursor lives on the stack, valid until the next write or unlock ---- */
typedef struct {
    cc_space *space;
    void *leaf;
    uint32_t slot;
    uint16_t ahead, lines; /* it fetches the item so many entries on, up to so many lines of it */
} cc_space_cursor;
/* For a walk that looks at the sizes of items alone: one line of each is fetched, and more of them at a time. */
void cc_space_cursor_skim(cc_space_cursor *cursor);
/* Position at the first entry >= (hash(partition), partition, sort); false when there is none. */
bool cc_space_seek(cc_space *space, cc_key key, cc_space_cursor *cursor_out);
/* Position at the last entry <= (hash(partition), partition, sort); false when there is none. */
bool cc_space_seek_last(cc_space *space, cc_key key, cc_space_cursor *cursor_out);
/* Position at the first entry whose partition hash is >= hash. */
bool cc_space_seek_hash(cc_space *space, uint64_t hash, cc_space_cursor *cursor_out);
bool cc_space_next(cc_space_cursor *cursor);
bool cc_space_previous(cc_space_cursor *cursor);
/* Order of the cursor's entry and `key`, whose partition has `hash` and is one that the space holds: < 0, 0,
 * > 0. The item is looked at only where the heads of both tie. */
int cc_space_compare(const cc_space_cursor *cursor, uint64_t hash, cc_key key);
/* Whether the entry is of a partition. */
bool cc_space_in_partition(const cc_space_cursor *cursor, uint64_t hash, cc_bytes partition);
/* What is not wanted may be NULL; the item's bytes are not touched where they are in memory. value_out->data is NULL
 * when the value cannot be read: see cc_store_failure. */
void cc_space_entry(const cc_space_cursor *cursor, uint64_t *hash_out, cc_key *key_out, cc_bytes *value_out);
/* What the owner noted of the value, which it may do later too; 0: nothing. */
uint16_t *cc_space_note(const cc_space_cursor *cursor);

#endif
