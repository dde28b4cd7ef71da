/* snapshot.c: opening a view of a space, keeping old values for it, reading it in turns; see snapshot.h. */
#include "store/snapshot.h"

#include <sched.h>
#include <stdlib.h>

#include "store/internal.h"
#include "store/poison.h"

enum { ENTRY_HEAD = 8, TURN_ENTRIES = 256, TURN_BYTES = 64 << 10 }; /* a turn: some 20 us of the lock */

struct cc_snapshot {
    cc_space *space;
    cc_snapshot *next; /* of the same space */
    size_t memory_max;
    cc_snapshot_info info;
    cc_heap heap;
    cc_btree kept;
    /* The last key that was read; `reserve` takes the next one, so that remembering it cannot be half done. */
    cc_buffer position, reserve;
    cc_key at;
    uint64_t at_hash;
    bool started, done, lost;
};

static int order_of(uint64_t hash_a, cc_key a, uint64_t hash_b, cc_key b) {
    if (hash_a != hash_b)
        return hash_a < hash_b ? -1 : 1;
    int order = cc_bytes_compare(a.partition, b.partition);
    return order != 0 ? order : cc_bytes_compare(a.sort, b.sort);
}

/* ---- life ---- */
cc_status cc_snapshot_open(cc_space *space, size_t memory_max, cc_snapshot **snapshot_out, cc_error *error) {
    cc_store *store = space->store;
    CC_TRY(cc_store_check(store, error));
    CC_ASSERT(space->base == NULL);
    cc_snapshot *snapshot = cc_store_alloc_fails() ? NULL : calloc(1, sizeof *snapshot);
    if (snapshot == NULL)
        return cc_fail(error, CC_ERR_NOMEM, "no memory for a snapshot");
    snapshot->space = space;
    snapshot->memory_max = memory_max == 0 ? SIZE_MAX : memory_max;
    snapshot->info.item_count = space->item_count;
    snapshot->info.item_bytes = space->item_bytes;
    if (store->feed_log != NULL) {
        cc_log_info log;
        cc_log_info_get(store->feed_log, &log);
        snapshot->info.sequence = log.last_sequence;
    }
    cc_heap_init(&snapshot->heap, &store->arena);
    cc_btree_init(&snapshot->kept, &snapshot->heap);
    snapshot->next = space->snapshots;
    space->snapshots = snapshot;
    store->snapshot_count++;
    *snapshot_out = snapshot;
    return CC_OK;
}

void cc_snapshot_close(cc_snapshot *snapshot) {
    if (snapshot == NULL)
        return;
    cc_space *space = snapshot->space;
    cc_store *store = space->store;
    if (*store->alive != 0) { /* in a forked child the cells are not mapped */
        cc_store_lock(store);
        cc_snapshot **link = &space->snapshots;
        while (*link != snapshot)
            link = &(*link)->next;
        *link = snapshot->next;
        store->snapshot_count--;
        cc_heap_free(&snapshot->heap);
        if (space->dropped && space->snapshots == NULL)
            cc_space_free(space);
        cc_store_unlock(store);
    }
    cc_buffer_free(&snapshot->position);
    cc_buffer_free(&snapshot->reserve);
    free(snapshot);
}

void cc_snapshot_info_get(cc_snapshot *snapshot, cc_snapshot_info *info_out) {
    cc_store *store = snapshot->space->store;
    cc_store_lock(store);
    *info_out = snapshot->info;
    cc_store_unlock(store);
}

/* ---- keeping, beside a write ---- */
static void lose(cc_snapshot *snapshot) {
    cc_heap_free(&snapshot->heap);
    cc_heap_init(&snapshot->heap, &snapshot->space->store->arena);
    cc_btree_init(&snapshot->kept, &snapshot->heap);
    snapshot->lost = true;
    snapshot->info.kept_count = snapshot->info.kept_memory = 0;
}

static bool keep(cc_snapshot *snapshot, uint64_t hash, cc_key key, const cc_bytes *old) {
    cc_place place = cc_btree_seek(&snapshot->kept, hash, key);
    if (place.leaf != NULL && cc_cell_has_key(place.leaf->cells[place.slot], key))
        return true;
    size_t size = old == NULL ? 0 : old->size;
    cc_cell *cell = cc_cell_new(&snapshot->heap, key, size);
    if (cell == NULL)
        return false;
    cell->flags = old == NULL ? CC_CELL_LIVE | CC_CELL_ABSENT : CC_CELL_LIVE;
    if (size != 0)
        memcpy(cc_cell_value_data(cell), old->data, size);
    if (cc_btree_insert(&snapshot->kept, hash, cell) != CC_OK)
        return false; /* lost anyway: the heap goes with the cell */
    cc_snapshot_info *info = &snapshot->info;
    info->kept_count++;
    info->kept_memory = cc_heap_bytes(&snapshot->heap);
    if (info->kept_memory > info->memory_peak)
        info->memory_peak = info->kept_memory;
    return info->kept_memory <= snapshot->memory_max;
}

void cc_snapshot_keep(cc_space *space, cc_key key) {
    uint64_t hash = cc_store_partition_hash(space->store, key.partition);
    cc_bytes value;
    const cc_bytes *old = cc_space_get(space, key, &value) ? &value : NULL;
    for (cc_snapshot *snapshot = space->snapshots; snapshot != NULL; snapshot = snapshot->next) {
        if (snapshot->lost || snapshot->done ||
            (snapshot->started && order_of(hash, key, snapshot->at_hash, snapshot->at) <= 0))
            continue;
        if (!keep(snapshot, hash, key, old))
            lose(snapshot);
    }
}

/* ---- reading ---- */
typedef struct {
    bool there;
    uint64_t hash;
    cc_key key;
    cc_bytes value;
    bool absent; /* of a kept entry: the key came after the snapshot */
} entry;

static entry live_entry(const cc_space_cursor *cursor, bool there) {
    entry found = {.there = there};
    if (there)
        cc_space_entry(cursor, &found.hash, &found.key, &found.value);
    return found;
}

static entry first_live(const cc_snapshot *snapshot, cc_space_cursor *cursor) {
    if (!snapshot->started)
        return live_entry(cursor, cc_space_seek_hash(snapshot->space, 0, cursor));
    entry found = live_entry(cursor, cc_space_seek(snapshot->space, snapshot->at, cursor));
    if (found.there && order_of(found.hash, found.key, snapshot->at_hash, snapshot->at) == 0)
        found = live_entry(cursor, cc_space_next(cursor));
    return found;
}

static entry kept_entry(cc_place *place) {
    if (place->leaf != NULL && place->slot == place->leaf->count)
        *place = (cc_place){place->leaf->next, 0};
    if (place->leaf == NULL)
        return (entry){.there = false};
    cc_cell *cell = place->leaf->cells[place->slot];
    return (entry){.there = true,
                   .hash = place->leaf->heads[place->slot].hash,
                   .key = cc_cell_key(cell),
                   .value = cc_cell_value(cell),
                   .absent = (cell->flags & CC_CELL_ABSENT) != 0};
}

static cc_status remember(cc_snapshot *snapshot, const entry *last) {
    cc_buffer *next = &snapshot->reserve;
    cc_buffer_clear(next);
    if (cc_store_alloc_fails())
        return CC_ERR_NOMEM;
    CC_TRY(cc_buffer_append(next, last->key.partition.data, last->key.partition.size));
    CC_TRY(cc_buffer_append(next, last->key.sort.data, last->key.sort.size));
    size_t partition = last->key.partition.size;
    cc_buffer previous = snapshot->position;
    snapshot->position = *next;
    snapshot->reserve = previous;
    const cc_buffer *position = &snapshot->position;
    snapshot->at = (cc_key){{position->data, partition},
                            {position->data + partition, position->size - partition}};
    snapshot->at_hash = last->hash;
    snapshot->started = true;
    return CC_OK;
}

/* Nothing behind the position is needed any more. */
static void drop_passed(cc_snapshot *snapshot) {
    for (;;) {
        cc_place place = cc_btree_seek_hash(&snapshot->kept, 0);
        entry first = kept_entry(&place);
        if (!first.there || order_of(first.hash, first.key, snapshot->at_hash, snapshot->at) > 0)
            break;
        cc_cell *cell = place.leaf->cells[place.slot];
        cc_btree_remove(&snapshot->kept, first.hash, cell);
        cc_cell_drop_flag(&snapshot->heap, cell, CC_CELL_LIVE);
        snapshot->info.kept_count--;
    }
    snapshot->info.kept_memory = cc_heap_bytes(&snapshot->heap);
}

/* One turn of the lock: at most TURN_ENTRIES entries, and no more once `out` holds `limit` bytes. */
static cc_status turn(cc_snapshot *snapshot, size_t limit, cc_buffer *out, size_t *count, cc_error *error) {
    if (snapshot->lost)
        return cc_fail(error, CC_ERR_FULL,
                       "a snapshot is lost: more was written beside it than memory for old values allows");
    cc_space_cursor cursor;
    cc_place place = cc_btree_seek_hash(&snapshot->kept, 0);
    entry live = first_live(snapshot, &cursor), kept = kept_entry(&place), last = {.there = false};
    size_t entries = 0;
    cc_status status = CC_OK;
    for (int looked = 0; (live.there || kept.there) && looked < TURN_ENTRIES && out->size < limit; looked++) {
        int order = !live.there ? 1 : !kept.there ? -1 : order_of(live.hash, live.key, kept.hash, kept.key);
        const entry *first = order < 0 ? &live : &kept;
        if (!first->absent) {
            CC_TRY_GOTO(first->value.data == NULL ? cc_store_failure(snapshot->space->store, NULL) : CC_OK);
            CC_TRY_GOTO(cc_entry_append(out, first->key, &first->value));
            entries++;
        }
        last = *first;
        if (order <= 0)
            live = live_entry(&cursor, cc_space_next(&cursor));
        if (order >= 0) {
            place.slot++;
            kept = kept_entry(&place);
        }
    }
    if (last.there)
        CC_TRY_GOTO(remember(snapshot, &last));
    drop_passed(snapshot);
    snapshot->done = !live.there && !kept.there;
    snapshot->info.read_count += entries;
    *count += entries;
    return CC_OK;
cleanup:
    CC_TRY(cc_store_failure(snapshot->space->store, error));
    return cc_fail(error, status, "no memory to read a snapshot");
}

cc_status cc_snapshot_read(cc_snapshot *snapshot, size_t size, cc_buffer *out, size_t *count_out,
                           cc_error *error) {
    cc_store *store = snapshot->space->store;
    size_t begin = out->size, limit = begin + (size == 0 ? 1 : size), count = 0;
    cc_status status = cc_store_check(store, error);
    while (status == CC_OK && !snapshot->done && out->size < limit) {
        size_t before = out->size, target = limit - before > TURN_BYTES ? before + TURN_BYTES : limit;
        cc_store_lock(store);
        status = turn(snapshot, target, out, &count, error);
        cc_store_unlock(store);
        if (status == CC_OK) {
            sched_yield(); /* whoever waits for the lock goes first */
            continue;
        }
        out->size = before; /* this turn did not happen; what the earlier ones read is given out */
        if (before != begin && !snapshot->lost)
            status = CC_OK;
        break;
    }
    if (status != CC_OK) {
        out->size = begin;
        count = 0;
    }
    *count_out = count;
    return status;
}

/* ---- entries ---- */
cc_status cc_entry_append(cc_buffer *out, cc_key key, const cc_bytes *value) {
    uint8_t head[ENTRY_HEAD];
    uint32_t size = value == NULL ? CC_ENTRY_NO_VALUE : (uint32_t)value->size;
    uint16_t partition = (uint16_t)key.partition.size, sort = (uint16_t)key.sort.size;
    memcpy(head, &size, 4);
    memcpy(head + 4, &partition, 2);
    memcpy(head + 6, &sort, 2);
    if (cc_store_alloc_fails())
        return CC_ERR_NOMEM;
    CC_TRY(cc_buffer_reserve(out, ENTRY_HEAD + partition + sort + (value == NULL ? 0 : value->size)));
    CC_TRY(cc_buffer_append(out, head, ENTRY_HEAD));
    CC_TRY(cc_buffer_append(out, key.partition.data, partition));
    CC_TRY(cc_buffer_append(out, key.sort.data, sort));
    return value == NULL ? CC_OK : cc_buffer_append(out, value->data, value->size);
}

bool cc_snapshot_entry(cc_bytes *entries, cc_key *key_out, cc_bytes *value_out) {
    uint32_t value;
    uint16_t partition, sort;
    if (entries->size < ENTRY_HEAD)
        return false;
    memcpy(&value, entries->data, 4);
    memcpy(&partition, entries->data + 4, 2);
    memcpy(&sort, entries->data + 6, 2);
    const uint8_t *data = entries->data + ENTRY_HEAD;
    bool none = value == CC_ENTRY_NO_VALUE;
    size_t used = (size_t)partition + sort + (none ? 0 : value);
    if (entries->size - ENTRY_HEAD < used)
        return false;
    *key_out = (cc_key){{data, partition}, {data + partition, sort}};
    *value_out = none ? (cc_bytes){NULL, 0} : cc_bytes_of(data + partition + sort, value);
    *entries = cc_bytes_of(data + used, entries->size - ENTRY_HEAD - used);
    return true;
}
