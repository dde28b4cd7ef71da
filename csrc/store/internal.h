/* internal.h: what the files of the store room share: the store and its spaces. */
#ifndef CC_STORE_INTERNAL_H
#define CC_STORE_INTERNAL_H

#include "base/thread.h"
#include "store/btree.h"
#include "store/feed.h"
#include "store/hash_index.h"
#include "store/index.h"
#include "store/pager.h"
#include "store/record.h"
#include "store/snapshot.h"
#include "store/spill.h"
#include "store/store.h"
#include "store/watch.h"

enum { CC_FEED_TOPICS = 64 };

struct cc_space {
    cc_store *store;
    uint32_t id;
    cc_buffer name, meta;
    void *owner_data;
    void (*destroy)(void *owner_data);
    cc_heap heap;
    cc_hash_index index;
    cc_btree tree;
    uint64_t item_count, item_bytes;
    cc_snapshot *snapshots; /* open views of it; NULL: none */
    bool dropped;           /* the last of them frees it */
    cc_space **indexes;
    uint32_t index_count;
    uint8_t feed;          /* cc_feed_kind */
    const cc_watch *watch; /* NULL: nobody */
    void *watch_owner;
    /* Of an index alone: whose items it orders, and how far it is filled. */
    cc_space *base;
    cc_index_make make;
    const void *definition;
    uint32_t resume_partition; /* bytes of the partition in `name`, the key to go on with */
    bool filling, resumes;
};

struct cc_store {
    cc_mutex mutex;
    volatile uint32_t *alive; /* a page that fork() wipes: 1 in the owner, 0 in a child */
    cc_log *log;              /* NULL: memory only */
    cc_log *feed_log;         /* where marked changes go: `log`, or one in memory; NULL: nobody follows yet */
    uint64_t feed_retention_ms, feed_bytes_max;
    uint64_t feed_untrimmed; /* bytes written to a feed in memory since it was trimmed */
    cc_cond fed;             /* broadcast when a change that somebody waits for was written */
    _Atomic uint32_t feed_waiters;
    bool feed_synced;      /* followers are told what is synced: the mode of the log is COMMIT */
    uint64_t feed_awaited; /* topics of those who wait */
    uint64_t feed_newest[CC_FEED_TOPICS]; /* per topic, the sequence of its last marked record */
    uint64_t feed_wakes;                  /* times cc_store_feed_wake was called */
    cc_slab_arena arena;
    _Atomic uint64_t time_ms; /* 0: the machine's clock is asked */
    uint64_t seed;
    uint64_t hash_mask; /* all ones; tests narrow it to force equal hashes */
    cc_space **spaces;  /* in name order */
    size_t space_count, space_capacity;
    cc_space **by_id; /* by_id[id]: NULL once dropped */
    uint32_t next_id, id_capacity;
    uint64_t last_sequence; /* of the log record applied last */
    bool read_only;
    bool poisoned; /* a sync of the page file failed: nothing is written any more */
    /* ---- checkpoints (checkpoint.c, checkpointer.c) ---- */
    cc_pager pager;
    uint64_t logged_bytes;     /* since the last checkpoint began */
    uint64_t checkpoint_due;   /* logged_bytes at which the next one is taken */
    uint64_t checkpoint_bytes; /* the option */
    uint64_t checkpoints, checkpoint_failures;
    bool fell_back;     /* the newest checkpoint on disk could not be read */
    bool checkpointing; /* one is being taken; whoever waits for it waits for checkpoint_changed */
    bool has_checkpointer, checkpoint_wanted, checkpointer_stops;
    pthread_t checkpointer;
    cc_cond checkpoint_changed;
    cc_buffer scratch;    /* of a write of many changes: staging and log parts */
    cc_buffer index_work; /* of a write to spaces with indexes */
    cc_buffer index_keys[2];
    size_t snapshot_count;
    cc_spill *spill; /* NULL: without a memory budget */
};

/* ---- hashes ---- */
uint64_t cc_store_key_hash(const cc_store *store, uint64_t partition_hash, cc_bytes sort);

/* ---- one change, in two steps around the log (change.c) ----
 * Stage makes room so that the second step cannot fail: a new key is put into both indexes, a value
 * that does not fit gets a new cell in the old one's place. Commit writes values and takes deleted
 * keys out; undo, in reverse order, leaves all as it was. Nobody looks in between: the lock is
 * held. */
/* What one change means to one index; new_entry == old_entry: the key stays, the item moves or grows. */
typedef struct {
    cc_cell *old_entry; /* leaves the index at commit; NULL: none */
    cc_cell *new_entry; /* in the tree since it was staged */
    uint32_t size;
} cc_index_work;
typedef struct {
    cc_cell *cell; /* PUT: receives the value; DELETE: goes; NULL: nothing to delete */
    cc_cell *old;  /* replaced by `cell` */
    uint64_t partition_hash, key_hash;
    bool inserted;
    bool was_deleting;    /* the put cleared the mark of an earlier delete of its key */
    bool marked;          /* the delete set the mark */
    bool cancelled;       /* a later put of the key took the delete's work away */
    cc_index_work *works; /* one per index of the space; NULL: it has none */
    cc_cell *committed;   /* with works: the item as it was before the write; NULL: none */
    const cc_leaf *leaf;  /* fetched for it, before it is staged; NULL: none */
} cc_staged;
/* What staging change `at` of `count` will read is fetched while those in front of it are staged: call it for each
 * before it is staged. `staged` has room for all of them. */
void cc_change_fetch_ahead(const cc_change *changes, cc_staged *staged, size_t at, size_t count);
CC_MUST_CHECK cc_status cc_change_stage(const cc_change *change, cc_staged *staged_out);
void cc_change_undo(const cc_change *change, cc_staged *staged);
void cc_change_commit(const cc_change *change, cc_staged *staged);

/* ---- snapshots (snapshot.c) ---- */
/* Before a change of `key` is staged, when the space has snapshots. */
void cc_snapshot_keep(cc_space *space, cc_key key);

/* ---- the feed (feed.c) ---- */
typedef struct {
    uint8_t flags; /* CC_CHANGE_FED, ... */
    cc_bytes old;  /* with CC_CHANGE_OLD; valid until changes are committed */
} cc_feed_note;
/* What followers are told of change `at`, once it is staged and before any change is committed. Marks its cell
 * CC_CELL_FED, which the write takes off again. */
void cc_feed_mark(const cc_change *changes, const cc_staged *staged, size_t at, cc_feed_note *note);
/* The log of a feed in memory, empty, whose next record has the sequence behind `after`. */
CC_MUST_CHECK cc_status cc_feed_open_memory(uint64_t after, cc_log **log_out, cc_error *error);
/* The newest marked record of each of `topics` is the one at `sequence`. */
static inline void cc_feed_note_newest(cc_store *store, uint64_t topics, uint64_t sequence) {
    for (; topics != 0; topics &= topics - 1)
        store->feed_newest[__builtin_ctzll(topics)] = sequence;
}
/* After a write of `topics`, with the lock: wakes who waits for them. */
void cc_feed_signal(cc_store *store, uint64_t topics);
/* After `written` bytes went to a feed in memory. */
void cc_feed_trim_memory(cc_store *store, uint64_t written);

/* ---- indexes (index.c) ---- */
/* After change `at` is staged; on failure undo it with cc_index_undo and cc_change_undo. */
CC_MUST_CHECK cc_status cc_index_stage(const cc_change *changes, cc_staged *staged, size_t at,
                                       cc_index_work *works);
/* Both before their counterpart of the item itself, and only for a change with works. */
void cc_index_undo(const cc_space *space, cc_staged *staged);
void cc_index_commit(const cc_space *space, cc_staged *staged);
/* The item behind an index's entry. */
cc_cell *cc_index_item(cc_cell *entry);
/* For a check: whether the index has of an item what it should, one entry that leads to it, or none; the size that it
 * counts of it, 0: none. */
CC_MUST_CHECK cc_status cc_index_agrees(const cc_space *index, cc_cell *item, cc_bytes value,
                                        bool *agrees_out, bool *present_out, uint32_t *size_out);

/* ---- spaces (space.c) ---- */
/* A space that nothing knows yet, with room for it in the store's tables. */
CC_MUST_CHECK cc_status cc_space_new(cc_store *store, uint32_t id, cc_bytes name, cc_bytes meta,
                                     cc_space **space_out, cc_error *error);
void cc_space_link(cc_store *store, cc_space *space);
void cc_space_unlink(cc_store *store, cc_space *space);
void cc_space_free(cc_space *space);
cc_space *cc_space_by_id(const cc_store *store, uint32_t id); /* NULL: none */

/* Brings the value of a key, if it has one, into memory until the lock is released. */
CC_MUST_CHECK cc_status cc_space_hold(cc_space *space, cc_key key);
/* Where the value of an item is; false when it cannot be read. */
CC_MUST_CHECK static inline bool cc_space_value(cc_space *space, cc_cell *cell, cc_spill_use use,
                                                cc_bytes *value_out) {
    if (CC_UNLIKELY((cell->flags & CC_CELL_APART) != 0))
        return cc_spill_read(&space->heap, cell, use, value_out);
    *value_out = cc_cell_value(cell);
    return true;
}

/* ---- recovery (recover.c) ---- */
/* What checkpoint and log hold; *new_out: neither holds anything. `begin_after`: of the log's options. */
CC_MUST_CHECK cc_status cc_store_recover(cc_store *store, uint64_t begin_after, bool *new_out,
                                         cc_error *error);
/* One record onto the memory; only reads `payload`. */
CC_MUST_CHECK cc_status cc_store_apply_record(cc_store *store, uint32_t type, cc_bytes payload,
                                              cc_error *error);

#endif
