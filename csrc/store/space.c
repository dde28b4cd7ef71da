/* space.c: one ordered space: its making and freeing, point reads, and the cursor over its order.
 */
#include <stdlib.h>

#include "store/internal.h"
#include "store/poison.h"

/* ---- life ---- */
cc_status cc_space_new(cc_store *store, uint32_t id, cc_bytes name, cc_bytes meta, cc_space **space_out,
                       cc_error *error) {
    size_t capacity = store->space_capacity == 0 ? 8 : store->space_capacity * 2;
    if (store->space_count == store->space_capacity) {
        cc_space **spaces = cc_store_alloc_fails() ? NULL : realloc(store->spaces, capacity * sizeof *spaces);
        if (spaces == NULL)
            return cc_fail(error, CC_ERR_NOMEM, "no memory for the list of spaces");
        store->spaces = spaces;
        store->space_capacity = capacity;
    }
    if (id >= store->id_capacity) {
        size_t ids = (size_t)id + 1 < 8 ? 8 : ((size_t)id + 1) * 2;
        cc_space **by_id = cc_store_alloc_fails() || ids > UINT32_MAX
                               ? NULL
                               : realloc(store->by_id, ids * sizeof *by_id);
        if (by_id == NULL)
            return cc_fail(error, CC_ERR_NOMEM, "no memory for the list of spaces");
        memset(by_id + store->id_capacity, 0, (ids - store->id_capacity) * sizeof *by_id);
        store->by_id = by_id;
        store->id_capacity = (uint32_t)ids;
    }
    cc_space *space = cc_store_alloc_fails() ? NULL : calloc(1, sizeof *space);
    if (space == NULL || cc_buffer_append(&space->name, name.data, name.size) != CC_OK ||
        cc_buffer_append(&space->meta, meta.data, meta.size) != CC_OK) {
        cc_space_free(space);
        return cc_fail(error, CC_ERR_NOMEM, "no memory for a space");
    }
    space->store = store;
    space->id = id;
    cc_heap_init(&space->heap, &store->arena);
    space->heap.spill = store->spill;
    cc_hash_index_init(&space->index, &space->heap);
    cc_btree_init(&space->tree, &space->heap);
    *space_out = space;
    return CC_OK;
}

/* Values that lie apart are not the heap's. */
static void forget_values(cc_space *space) {
    for (cc_leaf *leaf = cc_btree_seek_hash(&space->tree, 0).leaf; leaf != NULL; leaf = leaf->next)
        for (uint32_t i = 0; i < leaf->count; i++)
            if ((leaf->cells[i]->flags & CC_CELL_APART) != 0)
                cc_spill_forget(&space->heap, leaf->cells[i]);
}

void cc_space_free(cc_space *space) {
    if (space == NULL)
        return;
    if (space->heap.spill != NULL && *space->store->alive != 0)
        forget_values(space);
    for (uint32_t i = 0; i < space->index_count; i++)
        cc_space_free(space->indexes[i]);
    free(space->indexes);
    if (space->destroy != NULL)
        space->destroy(space->owner_data);
    cc_hash_index_free(&space->index);
    /* In a forked child the cells are not mapped: what malloc gave for large ones stays lost there.
     */
    if (space->store != NULL && *space->store->alive != 0)
        cc_heap_free(&space->heap);
    cc_buffer_free(&space->name);
    cc_buffer_free(&space->meta);
    free(space);
}

void cc_space_watch(cc_space *space, const cc_watch *watch, void *owner) {
    space->watch = watch;
    space->watch_owner = owner;
}

/* Index of the first space whose name is >= `name`. */
static size_t name_position(const cc_store *store, cc_bytes name) {
    size_t from = 0, to = store->space_count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (cc_bytes_compare(cc_buffer_bytes(&store->spaces[middle]->name), name) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

void cc_space_link(cc_store *store, cc_space *space) {
    size_t at = name_position(store, cc_buffer_bytes(&space->name));
    memmove(store->spaces + at + 1, store->spaces + at, (store->space_count - at) * sizeof *store->spaces);
    store->spaces[at] = space;
    store->space_count++;
    store->by_id[space->id] = space;
    store->next_id = space->id + 1;
}

void cc_space_unlink(cc_store *store, cc_space *space) {
    size_t at = name_position(store, cc_buffer_bytes(&space->name));
    CC_ASSERT(store->spaces[at] == space);
    store->space_count--;
    memmove(store->spaces + at, store->spaces + at + 1, (store->space_count - at) * sizeof *store->spaces);
    store->by_id[space->id] = NULL;
}

/* ---- looking at spaces ---- */
cc_space *cc_space_by_id(const cc_store *store, uint32_t id) {
    return id < store->id_capacity ? store->by_id[id] : NULL;
}

cc_space *cc_space_find(cc_store *store, cc_bytes name) {
    if (*store->alive == 0)
        return NULL;
    size_t at = name_position(store, name);
    if (at == store->space_count || !cc_bytes_equal(cc_space_name(store->spaces[at]), name))
        return NULL;
    return store->spaces[at];
}

cc_space *cc_space_at(cc_store *store, size_t index) {
    return *store->alive != 0 && index < store->space_count ? store->spaces[index] : NULL;
}

cc_bytes cc_space_name(const cc_space *space) { return cc_buffer_bytes(&space->name); }
cc_bytes cc_space_meta(const cc_space *space) { return cc_buffer_bytes(&space->meta); }

void cc_space_attach(cc_space *space, void *owner_data, void (*destroy)(void *owner_data)) {
    if (space->destroy != NULL && space->owner_data != owner_data)
        space->destroy(space->owner_data);
    space->owner_data = owner_data;
    space->destroy = destroy;
}

void *cc_space_attached(const cc_space *space) { return space->owner_data; }

void cc_space_info_get(const cc_space *space, cc_space_info *info_out) {
    info_out->item_count = space->item_count;
    info_out->item_bytes = space->item_bytes;
    info_out->memory_bytes = cc_heap_bytes(&space->heap) + space->heap.apart_bytes +
                             cc_hash_index_directory_bytes(&space->index);
}

/* ---- points ---- */
static inline cc_cell *find(const cc_space *space, cc_key key) {
    uint64_t hash = cc_store_partition_hash(space->store, key.partition);
    hash = cc_store_key_hash(space->store, hash, key.sort);
    return cc_hash_index_find(&space->index, hash, key);
}

cc_status cc_space_hold(cc_space *space, cc_key key) {
    cc_cell *cell = find(space, key);
    cc_bytes value;
    if (cell == NULL || cc_space_value(space, cell, CC_SPILL_STAY, &value))
        return CC_OK;
    return cc_spill_failure(space->store, NULL);
}

bool cc_space_get(cc_space *space, cc_key key, cc_bytes *value_out) {
    if (CC_UNLIKELY(*space->store->alive == 0))
        return false;
    cc_cell *cell = find(space, key);
    return cell != NULL && cc_space_value(space, cell, CC_SPILL_KEEP, value_out);
}

void cc_space_prefetch(cc_space *space, cc_key key) {
    const cc_store *store = space->store;
    if (*store->alive == 0)
        return;
    uint64_t hash = cc_store_partition_hash(store, key.partition);
    cc_hash_index_prefetch(&space->index, cc_store_key_hash(store, hash, key.sort));
}

uint64_t cc_space_partition_hash(const cc_space *space, cc_bytes partition) {
    return cc_store_partition_hash(space->store, partition);
}

/* ---- order ---- */
enum { AHEAD = 4, LINES = 8, FLIGHT = AHEAD * LINES }; /* lines on their way at a time */

static void fetch(const cc_cell *cell, uint32_t lines) {
    for (size_t line = 0; line < lines; line++)
        __builtin_prefetch((const uint8_t *)cell + line * 64);
}

/* A leaf's neighbours, its first heads and pointers. */
static void fetch_leaf(const cc_leaf *leaf) {
    if (leaf == NULL)
        return;
    __builtin_prefetch(leaf);
    __builtin_prefetch(&leaf->heads[4]);
    __builtin_prefetch(&leaf->cells[0]);
    __builtin_prefetch(&leaf->cells[8]);
}

/* The item of an index's entry, whose own line was fetched AHEAD entries before. */
static void fetch_item(const cc_space *space, const cc_leaf *leaf, uint32_t slot) {
    if (CC_UNLIKELY(space->base != NULL) && slot < leaf->count)
        fetch(cc_index_item(leaf->cells[slot]), LINES);
}

static bool settle(cc_space *space, cc_place place, cc_space_cursor *cursor_out) {
    *cursor_out = (cc_space_cursor){space, place.leaf, place.slot, AHEAD, LINES};
    if (place.leaf == NULL)
        return false;
    fetch_leaf(place.leaf->next);
    for (uint32_t slot = place.slot; slot < place.leaf->count && slot < place.slot + AHEAD; slot++)
        fetch(place.leaf->cells[slot], LINES);
    fetch_item(space, place.leaf, place.slot);
    return true;
}

void cc_space_cursor_skim(cc_space_cursor *cursor) {
    const cc_leaf *leaf = cursor->leaf;
    if (leaf == NULL)
        return;
    cursor->lines = 1;
    cursor->ahead = FLIGHT;
    for (uint32_t slot = cursor->slot + AHEAD; slot < leaf->count && slot < cursor->slot + FLIGHT; slot++)
        fetch(leaf->cells[slot], 1);
}

bool cc_space_seek(cc_space *space, cc_key key, cc_space_cursor *cursor_out) {
    if (CC_UNLIKELY(*space->store->alive == 0))
        return settle(space, (cc_place){NULL, 0}, cursor_out);
    uint64_t hash = cc_space_partition_hash(space, key.partition);
    return settle(space, cc_btree_seek(&space->tree, hash, key), cursor_out);
}

bool cc_space_seek_last(cc_space *space, cc_key key, cc_space_cursor *cursor_out) {
    if (CC_UNLIKELY(*space->store->alive == 0))
        return settle(space, (cc_place){NULL, 0}, cursor_out);
    uint64_t hash = cc_space_partition_hash(space, key.partition);
    return settle(space, cc_btree_seek_last(&space->tree, hash, key), cursor_out);
}

bool cc_space_seek_hash(cc_space *space, uint64_t hash, cc_space_cursor *cursor_out) {
    if (CC_UNLIKELY(*space->store->alive == 0))
        return settle(space, (cc_place){NULL, 0}, cursor_out);
    return settle(space, cc_btree_seek_hash(&space->tree, hash), cursor_out);
}

bool cc_space_next(cc_space_cursor *cursor) {
    cc_leaf *leaf = cursor->leaf;
    if (leaf == NULL)
        return false;
    if (++cursor->slot == leaf->count) {
        leaf = leaf->next;
        cursor->leaf = leaf;
        cursor->slot = 0;
        if (leaf == NULL)
            return false;
        fetch_leaf(leaf->next);
    }
    uint32_t ahead = cursor->slot + cursor->ahead;
    if (ahead < leaf->count)
        fetch(leaf->cells[ahead], cursor->lines);
    else if (leaf->next != NULL && ahead - leaf->count < leaf->next->count)
        fetch(leaf->next->cells[ahead - leaf->count], cursor->lines);
    fetch_item(cursor->space, leaf, cursor->slot + AHEAD / 2);
    return true;
}

bool cc_space_previous(cc_space_cursor *cursor) {
    cc_leaf *leaf = cursor->leaf;
    if (leaf == NULL)
        return false;
    if (cursor->slot == 0) {
        leaf = leaf->previous;
        cursor->leaf = leaf;
        if (leaf == NULL)
            return false;
        cursor->slot = leaf->count;
    }
    cursor->slot--;
    if (cursor->slot >= AHEAD)
        fetch(leaf->cells[cursor->slot - AHEAD], cursor->lines);
    else if (cursor->slot == AHEAD - 1 && leaf->previous != NULL)
        __builtin_prefetch(leaf->previous);
    if (cursor->slot >= AHEAD / 2)
        fetch_item(cursor->space, leaf, cursor->slot - AHEAD / 2);
    return true;
}

void cc_space_entry(const cc_space_cursor *cursor, uint64_t *hash_out, cc_key *key_out, cc_bytes *value_out) {
    const cc_leaf *leaf = cursor->leaf;
    cc_cell *cell = leaf->cells[cursor->slot];
    if (hash_out != NULL)
        *hash_out = leaf->heads[cursor->slot].hash;
    if (key_out != NULL)
        *key_out = cc_cell_key(cell);
    cc_space *space = cursor->space;
    if (space->base != NULL) {
        cell = cc_index_item(cell);
        space = space->base;
    }
    if (value_out != NULL && !cc_space_value(space, cell, CC_SPILL_TURN, value_out))
        *value_out = (cc_bytes){NULL, 0};
}

uint16_t *cc_space_note(const cc_space_cursor *cursor) {
    const cc_leaf *leaf = cursor->leaf;
    cc_cell *cell = leaf->cells[cursor->slot];
    return cursor->space->base != NULL ? &cc_index_item(cell)->note : &cell->note;
}

int cc_space_compare(const cc_space_cursor *cursor, uint64_t hash, cc_key key) {
    const cc_leaf *leaf = cursor->leaf;
    cc_head own = leaf->heads[cursor->slot], head = cc_head_of(hash, key.sort);
    if (own.hash != hash)
        return own.hash < hash ? -1 : 1;
    if (CC_LIKELY(!cursor->space->tree.collided) && own.sort != head.sort)
        return own.sort < head.sort ? -1 : 1;
    return cc_cell_compare(leaf->cells[cursor->slot], key);
}

bool cc_space_in_partition(const cc_space_cursor *cursor, uint64_t hash, cc_bytes partition) {
    const cc_leaf *leaf = cursor->leaf;
    return leaf->heads[cursor->slot].hash == hash &&
           cc_bytes_equal(cc_cell_key(leaf->cells[cursor->slot]).partition, partition);
}
