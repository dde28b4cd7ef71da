/* checkpoint.c: see checkpoint.h for the steps and why they are sound. */
#include "store/checkpoint.h"

#include <stdlib.h>

#include "store/capture.h"
#include "store/feed.h"
#include "store/poison.h"
#include "store/restore.h"

enum {
    DIRECTORY_SIZE = 64 << 10, /* a directory page is ended when it is this large */
    LOOK = 16,                 /* clean leaves passed under one hold of the lock */
};

/* A space as it was at `begin`. */
typedef struct {
    uint32_t id;
    cc_buffer name, meta;
    bool collided;
    uint64_t item_count, item_bytes;
    cc_buffer directories; /* refs */
} space_entry;

/* A bound with its key, which lies in a cell of the tree, copied. */
typedef struct {
    cc_btree_bound bound;
    cc_buffer key;
} kept_bound;

typedef struct {
    cc_store *store;
    cc_superblock superblock;
    uint32_t next_id;
    space_entry *spaces;
    size_t count;
    kept_bound lower; /* what comes before it, in the space in turn, is captured and written */
    kept_bound upper; /* and before this one, captured */
    bool last;        /* nothing comes behind the leaf looked at last */
    bool passed;      /* and that leaf needs no further look */
    cc_capture capture;
    cc_buffer directory; /* the page being filled */
    uint32_t directory_count;
    cc_buffer ready; /* the page that is full, to be written at ready_ref */
    cc_page_ref ready_ref;
} checkpoint;

static cc_status no_memory(cc_error *error) {
    return cc_fail(error, CC_ERR_NOMEM, "no memory for a checkpoint");
}

static void release(checkpoint *work) {
    for (size_t i = 0; i < work->count; i++) {
        cc_buffer_free(&work->spaces[i].name);
        cc_buffer_free(&work->spaces[i].meta);
        cc_buffer_free(&work->spaces[i].directories);
    }
    free(work->spaces);
    cc_capture_free(&work->capture);
    cc_buffer_free(&work->lower.key);
    cc_buffer_free(&work->upper.key);
    cc_buffer_free(&work->directory);
    cc_buffer_free(&work->ready);
}

/* ---- begin ---- */
static cc_status note_space(const cc_space *space, space_entry *entry) {
    entry->id = space->id;
    entry->collided = space->tree.collided;
    CC_TRY(cc_buffer_append(&entry->name, space->name.data, space->name.size));
    return cc_buffer_append(&entry->meta, space->meta.data, space->meta.size);
}

/* Lock held. */
static cc_status begin(checkpoint *work, cc_error *error) {
    cc_store *store = work->store;
    CC_TRY(cc_restore_hold(store, error));
    work->superblock = (cc_superblock){
        .generation = store->pager.generation,
        .previous = store->pager.found_count != 0 ? store->pager.found[0].generation : 0,
        .seed = store->seed,
        .begin = store->last_sequence,
    };
    work->next_id = store->next_id;
    if (store->space_count != 0) {
        work->spaces = cc_store_alloc_fails() ? NULL : calloc(store->space_count, sizeof *work->spaces);
        if (work->spaces == NULL)
            return no_memory(error);
    }
    for (; work->count < store->space_count; work->count++)
        if (note_space(store->spaces[work->count], &work->spaces[work->count]) != CC_OK) {
            work->count++; /* what it has is released with the others */
            return no_memory(error);
        }
    cc_extents_begin(&store->pager.extents);
    store->logged_bytes = 0;
    return CC_OK;
}

/* ---- directories ---- */
static cc_status end_directory(checkpoint *work, space_entry *entry, cc_error *error) {
    cc_pager *pager = &work->store->pager;
    cc_buffer swap = work->ready;
    if (work->directory_count == 0)
        return CC_OK;
    work->ready = work->directory;
    work->directory = swap;
    CC_TRY(cc_pager_place(pager, &work->ready, CC_PAGE_DIRECTORY, entry->id, work->directory_count, false,
                          &work->ready_ref, error));
    work->directory_count = 0;
    CC_TRY(cc_pager_mark(pager, CC_BUILDING, &work->ready_ref, error));
    if (cc_page_ref_append(&entry->directories, &work->ready_ref) != CC_OK)
        return no_memory(error);
    return CC_OK;
}

/* Names the leaf that was just captured or looked at. */
static cc_status add_leaf(checkpoint *work, space_entry *entry, const cc_page_ref *leaf, cc_error *error) {
    cc_pager *pager = &work->store->pager;
    const cc_capture *capture = &work->capture;
    if (work->directory_count == 0 && cc_page_begin(&work->directory) != CC_OK)
        return no_memory(error);
    cc_directory_entry made = {
        .leaf = *leaf,
        .count = capture->count,
        .item_bytes = capture->item_bytes,
        .separator = work->lower.bound.head,
        .has_key = work->lower.bound.has_key,
        .key = work->lower.bound.key,
        .away_count = (uint32_t)(capture->away.size / CC_PAGE_REF),
        .away = capture->away.data,
    };
    if (cc_store_alloc_fails() || cc_directory_add(&work->directory, &made) != CC_OK)
        return no_memory(error);
    work->directory_count++;
    entry->item_count += capture->count;
    entry->item_bytes += capture->item_bytes;
    CC_TRY(cc_pager_mark(pager, CC_BUILDING, leaf, error));
    for (uint32_t i = 0; i < made.away_count; i++) {
        cc_page_ref ref = cc_page_ref_read(made.away + (size_t)i * CC_PAGE_REF);
        CC_TRY(cc_pager_mark(pager, CC_BUILDING, &ref, error));
    }
    return work->directory.size < DIRECTORY_SIZE ? CC_OK : end_directory(work, entry, error);
}

/* ---- the walk ---- */
static cc_status keep_bound(kept_bound *kept, const cc_btree_bound *bound, cc_error *error) {
    cc_buffer *memory = &kept->key;
    size_t partition = bound->key.partition.size, sort = bound->key.sort.size;
    cc_buffer_clear(memory);
    if (cc_store_alloc_fails() || cc_buffer_reserve(memory, partition + sort + 1) != CC_OK ||
        cc_buffer_append(memory, bound->key.partition.data, partition) != CC_OK ||
        cc_buffer_append(memory, bound->key.sort.data, sort) != CC_OK)
        return no_memory(error);
    kept->bound = *bound;
    kept->bound.key = (cc_key){{memory->data, partition}, {memory->data + partition, sort}};
    return CC_OK;
}

/* One leaf: named again, or captured, or the first of its large values is. */
static cc_status look_at(checkpoint *work, space_entry *entry, cc_space *space, cc_place place,
                         cc_error *error) {
    cc_capture *capture = &work->capture;
    work->passed = true;
    if (place.slot == place.leaf->count)
        return CC_OK; /* what it had behind the bound is gone */
    if (place.slot == 0 && !cc_leaf_is_dirty(place.leaf)) {
        CC_TRY(cc_capture_look(place.leaf, capture, error));
        return add_leaf(work, entry, &place.leaf->page, error);
    }
    CC_TRY(cc_capture_value(space, place.leaf, place.slot, capture, error));
    work->passed = capture->ref.offset == 0;
    if (!work->passed)
        return CC_OK;
    CC_TRY(cc_capture_leaf(space, place.leaf, place.slot, capture, error));
    return add_leaf(work, entry, &capture->ref, error);
}

/* Under a memory budget, lock held: what was captured may be the only place of its values before the lock is released,
 * so it is on the disk by then. */
static cc_status write_at_once(checkpoint *work, cc_space *space, cc_place place, cc_error *error) {
    cc_capture *capture = &work->capture;
    if (capture->ref.offset == 0)
        return CC_OK;
    CC_TRY(cc_pager_write(&work->store->pager, &capture->page, &capture->ref, error));
    cc_capture_settle(space, place.leaf, place.slot, capture);
    capture->written = true;
    return CC_OK;
}

/* Lock held: passes leaves up to one that must be written or the end of the space. */
static cc_status slice(checkpoint *work, space_entry *entry, bool *done_out, cc_error *error) {
    /* A space dropped meanwhile keeps what was captured so far: its log record takes it out again. */
    cc_space *space = cc_space_by_id(work->store, entry->id);
    work->capture.ref = work->ready_ref = (cc_page_ref){0};
    work->capture.written = false;
    for (int looked = 0; looked < LOOK; looked++) {
        cc_place place;
        cc_btree_bound upper = {0};
        if (work->passed) {
            kept_bound swap = work->lower;
            work->lower = work->upper;
            work->upper = swap;
        }
        if ((work->passed && work->last) || space == NULL ||
            !cc_btree_locate(&space->tree, &work->lower.bound, &place, &upper, &work->last)) {
            *done_out = true;
            return end_directory(work, entry, error);
        }
        CC_TRY(keep_bound(&work->upper, &upper, error));
        CC_TRY(look_at(work, entry, space, place, error));
        if (space->heap.spill != NULL)
            CC_TRY(write_at_once(work, space, place, error));
        if (work->capture.ref.offset != 0 || work->ready_ref.offset != 0)
            return CC_OK;
    }
    return CC_OK;
}

/* Lock held: what was captured last is not on the disk. Its leaf may have been split since. */
static void take_back(checkpoint *work, const space_entry *entry) {
    cc_space *space = cc_space_by_id(work->store, entry->id);
    uint64_t offset = work->capture.ref.offset;
    cc_place place, end = {NULL, 0};
    cc_btree_bound upper;
    bool last;
    if (offset == 0 || space == NULL ||
        !cc_btree_locate(&space->tree, &work->lower.bound, &place, &upper, &last))
        return;
    if (!work->last)
        (void)cc_btree_locate(&space->tree, &work->upper.bound, &end, &upper, &last);
    for (cc_leaf *leaf = place.leaf; leaf != NULL; leaf = leaf == end.leaf ? NULL : leaf->next) {
        if (leaf->page.offset == offset)
            leaf->page = (cc_page_ref){0};
        for (uint32_t i = 0; i < leaf->count; i++) {
            cc_cell *cell = leaf->cells[i];
            if (cell->value_size > CC_VALUE_INLINE_MAX && cc_cell_ref(cell).offset == offset)
                cc_cell_set_ref(cell, &(cc_page_ref){0});
        }
    }
}

static cc_status write_captured(checkpoint *work, cc_error *error) {
    cc_pager *pager = &work->store->pager;
    if (work->capture.ref.offset != 0 && !work->capture.written)
        CC_TRY(cc_pager_write(pager, &work->capture.page, &work->capture.ref, error));
    if (work->ready_ref.offset != 0)
        CC_TRY(cc_pager_write(pager, &work->ready, &work->ready_ref, error));
    return CC_OK;
}

static cc_status walk_space(checkpoint *work, space_entry *entry, cc_error *error) {
    cc_store *store = work->store;
    bool done = false;
    work->lower.bound = (cc_btree_bound){.first = true};
    work->last = work->passed = false;
    while (!done) {
        cc_store_lock(store);
        cc_status status = slice(work, entry, &done, error);
        cc_store_unlock(store);
        if (status == CC_OK)
            status = write_captured(work, error);
        if (status != CC_OK) {
            cc_store_lock(store);
            take_back(work, entry);
            cc_store_unlock(store);
            return status;
        }
    }
    return CC_OK;
}

/* ---- finish ---- */
/* Lock held. */
static cc_status place_catalog(checkpoint *work, cc_error *error) {
    cc_pager *pager = &work->store->pager;
    cc_buffer *page = &work->directory;
    if (cc_catalog_start(page, work->next_id) != CC_OK)
        return no_memory(error);
    for (size_t i = 0; i < work->count; i++) {
        const space_entry *entry = &work->spaces[i];
        cc_catalog_entry made = {
            .id = entry->id,
            .flags = entry->collided ? CC_CATALOG_COLLIDED : 0,
            .item_count = entry->item_count,
            .item_bytes = entry->item_bytes,
            .name = cc_buffer_bytes(&entry->name),
            .meta = cc_buffer_bytes(&entry->meta),
            .directory_count = (uint32_t)(entry->directories.size / CC_PAGE_REF),
            .directories = entry->directories.data,
        };
        if (cc_store_alloc_fails() || cc_catalog_add(page, &made) != CC_OK)
            return no_memory(error);
    }
    cc_page_ref *ref = &work->superblock.catalog;
    CC_TRY(cc_pager_place(pager, page, CC_PAGE_CATALOG, 0, (uint32_t)work->count, false, ref, error));
    work->superblock.end = work->store->last_sequence;
    return cc_pager_mark(pager, CC_BUILDING, ref, error);
}

static cc_status finish(checkpoint *work, cc_error *error) {
    cc_store *store = work->store;
    cc_pager *pager = &store->pager;
    cc_store_lock(store);
    cc_status status = place_catalog(work, error);
    cc_store_unlock(store);
    CC_TRY(status);
    CC_TRY(cc_pager_write(pager, &work->directory, &work->superblock.catalog, error));
    CC_TRY(cc_log_sync(store->log, error));
    status = cc_pager_sync(pager, error);
    if (status == CC_OK)
        status = cc_pager_publish(pager, &work->superblock, error);
    cc_store_lock(store);
    if (status == CC_OK)
        cc_pager_published(pager, &work->superblock);
    else
        store->poisoned = true; /* nobody knows what the file holds now */
    cc_store_unlock(store);
    return status;
}

/* The log forgets what the checkpoint before this one does not need. */
static cc_status recycle(cc_store *store, cc_error *error) {
    cc_store_lock(store);
    uint64_t needed = store->pager.found_count > 1 ? store->pager.found[1].begin : 0;
    needed = cc_store_forgettable(store, needed);
    cc_store_unlock(store);
    CC_TRY(cc_log_cursor_set(store->log, CC_STORE_CURSOR, needed, error));
    return cc_log_truncate(store->log, error);
}

static cc_status run(cc_store *store, cc_error *error) {
    checkpoint work = {.store = store};
    cc_store_lock(store);
    uint64_t logged = store->logged_bytes;
    cc_status status = cc_pager_make(&store->pager, error);
    if (status == CC_OK)
        status = begin(&work, error);
    cc_store_unlock(store);
    for (size_t i = 0; i < work.count && status == CC_OK; i++)
        status = walk_space(&work, &work.spaces[i], error);
    if (status == CC_OK)
        status = finish(&work, error);
    release(&work);
    cc_store_lock(store);
    if (status == CC_OK) {
        store->checkpoints++;
    } else {
        cc_extents_abandon(&store->pager.extents);
        store->logged_bytes += logged;
    }
    cc_store_unlock(store);
    return status == CC_OK ? recycle(store, error) : status;
}

cc_status cc_checkpoint_take(cc_store *store, cc_error *error) {
    cc_store_lock(store);
    while (store->checkpointing)
        cc_cond_wait(&store->checkpoint_changed, &store->mutex);
    bool poisoned = store->poisoned;
    store->checkpointing = !poisoned;
    cc_store_unlock(store);
    if (poisoned)
        return cc_fail(error, CC_ERR_POISONED, "a sync failed earlier: the store is read-only");
    cc_status status = run(store, error);
    cc_store_lock(store);
    store->checkpointing = false;
    cc_checkpoint_schedule(store, status == CC_OK);
    cc_cond_broadcast(&store->checkpoint_changed);
    cc_store_unlock(store);
    return status;
}
