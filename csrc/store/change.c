/* change.c: one put or delete of one key, staged before the log and committed after it.
 * See internal.h for the contract of the two steps. */
#include "base/hash.h"
#include "store/internal.h"

enum { FOUND_BYTES = 448, FETCH_BYTES = 2048 };

uint64_t cc_store_partition_hash(const cc_store *store, cc_bytes partition) {
    return cc_hash64(partition.data, partition.size, store->seed) & store->hash_mask;
}

uint64_t cc_store_key_hash(const cc_store *store, uint64_t partition_hash, cc_bytes sort) {
    /* Checkpoints and scans give items in the order of partition hashes. The index parts keys by top bits: keys that
     * come in the order of theirs would all lie in one segment's part and be chained. */
    if (sort.size == 0)
        return partition_hash * UINT64_C(0x9e3779b97f4a7c15);
    return cc_hash64(sort.data, sort.size, partition_hash ^ store->seed) & store->hash_mask;
}

/* ---- fetching ahead: each step reads what the one before it fetched ---- */
enum { SLOT_AHEAD = 8, LEAF_AHEAD = 5, NEIGHBOUR_AHEAD = 2 };

static void fetch_slot(const cc_change *change, cc_staged *staged) {
    const cc_space *space = change->space;
    staged->partition_hash = cc_store_partition_hash(space->store, change->key.partition);
    staged->key_hash = cc_store_key_hash(space->store, staged->partition_hash, change->key.sort);
    cc_hash_index_prefetch(&space->index, staged->key_hash);
}

static void fetch_leaf(const cc_change *change, cc_staged *staged) {
    const cc_space *space = change->space;
    staged->leaf = NULL;
    if (change->kind == CC_CHANGE_PUT && !cc_hash_index_holds(&space->index, staged->key_hash))
        staged->leaf = cc_btree_fetch_leaf(&space->tree, staged->partition_hash, change->key);
}

static void fetch_neighbour(const cc_change *change, const cc_staged *staged) {
    if (staged->leaf != NULL)
        cc_btree_fetch_neighbour(staged->leaf, staged->partition_hash, change->key);
}

void cc_change_fetch_ahead(const cc_change *changes, cc_staged *staged, size_t at, size_t count) {
    size_t slot = at == 0 ? 0 : at + SLOT_AHEAD, leaf = at == 0 ? 0 : at + LEAF_AHEAD,
           neighbour = at == 0 ? 0 : at + NEIGHBOUR_AHEAD;
    for (; slot <= at + SLOT_AHEAD && slot < count; slot++)
        fetch_slot(&changes[slot], &staged[slot]);
    for (; leaf <= at + LEAF_AHEAD && leaf < count; leaf++)
        fetch_leaf(&changes[leaf], &staged[leaf]);
    for (; neighbour <= at + NEIGHBOUR_AHEAD && neighbour < count; neighbour++)
        fetch_neighbour(&changes[neighbour], &staged[neighbour]);
}

static cc_status stage_insert(cc_space *space, const cc_change *change, cc_staged *staged) {
    cc_cell *cell = cc_cell_new(&space->heap, change->key, change->value.size);
    if (cell == NULL)
        return CC_ERR_NOMEM;
    cell->flags |= CC_CELL_LIVE;
    cc_status status = cc_hash_index_insert(&space->index, staged->key_hash, cell);
    if (status == CC_OK) {
        status = cc_btree_insert(&space->tree, staged->partition_hash, cell);
        if (status != CC_OK)
            cc_hash_index_remove(&space->index, staged->key_hash, cell);
    }
    if (status != CC_OK) {
        cc_cell_free(&space->heap, cell);
        return status;
    }
    cell->value_size = 0; /* counted from nothing at commit */
    space->item_count++;
    staged->cell = cell;
    staged->inserted = true;
    return CC_OK;
}

/* Fetches the lines that the commit will write, while the log is written; a find fetches the first of them. */
static void fetch_for_write(cc_cell *cell, size_t value_size) {
    if (CC_UNLIKELY((cell->flags & CC_CELL_APART) != 0))
        return;
    size_t end = sizeof *cell + cell->partition_size + cell->sort_size + value_size;
    for (size_t at = FOUND_BYTES; at < end && at < FETCH_BYTES; at += 64)
        __builtin_prefetch((const uint8_t *)cell + at, 1);
}

static cc_status stage_put(cc_space *space, const cc_change *change, cc_cell *found, cc_staged *staged) {
    if (found == NULL)
        return stage_insert(space, change, staged);
    if (CC_UNLIKELY((found->flags & CC_CELL_DELETING) != 0)) {
        found->flags = (uint8_t)(found->flags & ~CC_CELL_DELETING);
        staged->was_deleting = true;
    }
    staged->cell = found;
    if (CC_LIKELY(cc_cell_fits(found, change->value.size))) {
        fetch_for_write(found, change->value.size);
        return CC_OK;
    }
    cc_cell *cell = cc_cell_new(&space->heap, change->key, change->value.size);
    if (cell == NULL) {
        if (staged->was_deleting)
            found->flags |= CC_CELL_DELETING;
        return CC_ERR_NOMEM;
    }
    cell->flags |= CC_CELL_LIVE;
    cc_hash_index_replace(&space->index, staged->key_hash, found, cell);
    cc_btree_replace(&space->tree, staged->partition_hash, found, cell);
    staged->old = found;
    staged->cell = cell;
    return CC_OK;
}

cc_status cc_change_stage(const cc_change *change, cc_staged *staged_out) {
    cc_space *space = change->space;
    uint64_t partition_hash = cc_store_partition_hash(space->store, change->key.partition);
    uint64_t key_hash = cc_store_key_hash(space->store, partition_hash, change->key.sort);
    *staged_out = (cc_staged){.partition_hash = partition_hash, .key_hash = key_hash};
    cc_cell *found = cc_hash_index_find(&space->index, key_hash, change->key);
    if (change->kind == CC_CHANGE_PUT)
        return stage_put(space, change, found, staged_out);
    if (found != NULL && (found->flags & CC_CELL_DELETING) == 0) {
        found->flags |= CC_CELL_DELETING;
        staged_out->cell = found;
        staged_out->marked = true;
    }
    return CC_OK;
}

/* Takes a live cell out of both indexes and frees it. */
static void take_out(cc_space *space, const cc_staged *staged, cc_cell *cell) {
    cc_hash_index_remove(&space->index, staged->key_hash, cell);
    cc_btree_remove(&space->tree, staged->partition_hash, cell);
    space->item_count--;
    space->item_bytes -= cell->value_size;
    cc_cell_drop_flag(&space->heap, cell, CC_CELL_LIVE);
}

void cc_change_undo(const cc_change *change, cc_staged *staged) {
    cc_space *space = change->space;
    if (staged->inserted) {
        take_out(space, staged, staged->cell);
        return;
    }
    if (staged->marked)
        staged->cell->flags = (uint8_t)(staged->cell->flags & ~CC_CELL_DELETING);
    if (staged->old != NULL) {
        cc_hash_index_replace(&space->index, staged->key_hash, staged->cell, staged->old);
        cc_btree_replace(&space->tree, staged->partition_hash, staged->cell, staged->old);
        cc_cell_drop_flag(&space->heap, staged->cell, CC_CELL_LIVE);
        staged->cell = staged->old;
    }
    if (staged->was_deleting)
        staged->cell->flags |= CC_CELL_DELETING;
}

void cc_change_commit(const cc_change *change, cc_staged *staged) {
    cc_space *space = change->space;
    cc_cell *cell = staged->cell;
    if (change->kind != CC_CHANGE_PUT) {
        if (staged->marked && !staged->cancelled) {
            cell->flags = (uint8_t)(cell->flags & ~CC_CELL_DELETING);
            take_out(space, staged, cell);
        }
        return;
    }
    space->item_bytes += change->value.size;
    space->item_bytes -= staged->old != NULL ? staged->old->value_size : cell->value_size;
    uint8_t *to = cell->bytes + cell->partition_size + cell->sort_size;
    if (CC_UNLIKELY((cell->flags & CC_CELL_APART) != 0)) {
        cc_spill_changes(&space->heap, cell);
        to = cc_cell_value_data(cell);
    }
    cell->value_size = (uint32_t)change->value.size;
    cell->flags |= CC_CELL_DIRTY;
    cell->note = change->note;
    if (change->value.size != 0)
        memmove(to, change->value.data, change->value.size);
    if (CC_UNLIKELY(change->value.size > CC_VALUE_INLINE_MAX))
        cc_cell_set_ref(cell, &(cc_page_ref){0});
    if (staged->old != NULL)
        cc_cell_drop_flag(&space->heap, staged->old, CC_CELL_LIVE);
}
