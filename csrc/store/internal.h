/* internal.h: what the files of the store room share: the store and its spaces. */
#ifndef CC_STORE_INTERNAL_H
#define CC_STORE_INTERNAL_H

#include "base/thread.h"
#include "store/btree.h"
#include "store/hash_index.h"
#include "store/record.h"
#include "store/store.h"

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
};

struct cc_store {
    cc_mutex mutex;
    volatile uint32_t *alive; /* a page that fork() wipes: 1 in the owner, 0 in a child */
    cc_log *log;              /* NULL: memory only */
    cc_slab_arena arena;
    uint64_t seed;
    uint64_t hash_mask; /* all ones; tests narrow it to force equal hashes */
    cc_space **spaces;  /* in name order */
    size_t space_count, space_capacity;
    cc_space **by_id; /* by_id[id]: NULL once dropped */
    uint32_t next_id, id_capacity;
    cc_buffer scratch; /* of a write of many changes: staging and log parts */
};

/* ---- hashes ---- */
uint64_t cc_store_partition_hash(const cc_store *store, cc_bytes partition);
uint64_t cc_store_key_hash(const cc_store *store, uint64_t partition_hash, cc_bytes sort);

/* ---- one change, in two steps around the log (change.c) ----
 * Stage makes room so that the second step cannot fail: a new key is put into both indexes, a value
 * that does not fit gets a new cell in the old one's place. Commit writes values and takes deleted
 * keys out; undo, in reverse order, leaves all as it was. Nobody looks in between: the lock is
 * held. */
typedef struct {
    cc_cell *cell; /* PUT: receives the value; DELETE: goes; NULL: nothing to delete */
    cc_cell *old;  /* replaced by `cell` */
    uint64_t partition_hash, key_hash;
    bool inserted;
    bool was_deleting; /* the put cleared the mark of an earlier delete of its key */
    bool marked;       /* the delete set the mark */
    bool cancelled;    /* a later put of the key took the delete's work away */
} cc_staged;
CC_MUST_CHECK cc_status cc_change_stage(const cc_change *change, cc_staged *staged_out);
void cc_change_undo(const cc_change *change, cc_staged *staged);
void cc_change_commit(const cc_change *change, cc_staged *staged);

/* ---- spaces (space.c) ---- */
/* A space that nothing knows yet, with room for it in the store's tables. */
CC_MUST_CHECK cc_status cc_space_new(cc_store *store, uint32_t id, cc_bytes name, cc_bytes meta,
                                     cc_space **space_out, cc_error *error);
void cc_space_link(cc_store *store, cc_space *space);
void cc_space_unlink(cc_store *store, cc_space *space);
void cc_space_free(cc_space *space);

/* ---- recovery (recover.c) ---- */
CC_MUST_CHECK cc_status cc_store_replay(cc_store *store, uint64_t *records_out, cc_error *error);
/* One record onto the memory; only reads `payload`. */
CC_MUST_CHECK cc_status cc_store_apply_record(cc_store *store, uint32_t type, cc_bytes payload,
                                              cc_error *error);

#endif
