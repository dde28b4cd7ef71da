/* restore.c: see restore.h. Superblock -> catalog -> directories -> leaves, each page held against what its
 * parent says of it, each key against its neighbours and the separators around its leaf.
 *
 * The newest checkpoint may turn out to be unreadable (its catalog, a directory); then the one before it,
 * whose pages and log are still there, takes its place. */
#include "store/restore.h"

#include <stdlib.h>

#include "base/hash.h"
#include "store/poison.h"

static cc_status corrupt(cc_error *error, const char *what) {
    return cc_fail(error, CC_ERR_CORRUPT, "a checkpoint cannot be read: %s", what);
}

static cc_status no_memory(cc_error *error) {
    return cc_fail(error, CC_ERR_NOMEM, "no memory to restore a checkpoint");
}

/* The page that `ref` names in memory of its own. */
static cc_status load(cc_store *store, const cc_page_ref *ref, cc_page_kind kind, uint32_t space,
                      cc_map_name map, cc_buffer *page, cc_error *error) {
    CC_TRY(cc_pager_mark(&store->pager, map, ref, error));
    cc_buffer_clear(page);
    if (cc_store_alloc_fails() || cc_buffer_reserve(page, ref->size) != CC_OK)
        return no_memory(error);
    CC_TRY(cc_pager_read(&store->pager, ref, kind, space, page->data, error));
    page->size = ref->size;
    return CC_OK;
}

/* ---- leaves ---- */
typedef struct {
    cc_store *store;
    cc_space *space;
    cc_buffer page, value;
    cc_directory_entry entry;
    uint64_t item_count, item_bytes;
} restoring;

/* The page it comes from is where the value lies; in memory it is too, while there is room. */
static void place_value(restoring *work, cc_cell *cell, const cc_page_item *item, cc_bytes value) {
    cc_heap *heap = &work->space->heap;
    uint64_t where = item->value.data == NULL
                         ? item->away.offset + CC_PAGE_HEAD
                         : work->entry.leaf.offset + (uint64_t)(value.data - work->page.data);
    cc_spill_place(heap, cell, where, cc_crc32c(0, value.data, value.size));
    if (cc_spill_has_room(work->store, value.size))
        cc_spill_fill(heap, cell, value);
}

static cc_status make_cell(restoring *work, const cc_page_item *item, cc_cell **cell_out, cc_error *error) {
    cc_heap *heap = &work->space->heap;
    bool apart = cc_cell_lies_apart(heap, item->key, item->value_size);
    cc_cell *cell = apart ? cc_cell_new_away(heap, item->key, item->value_size)
                          : cc_cell_new(heap, item->key, item->value_size);
    cc_bytes value = item->value;
    if (cell == NULL)
        return no_memory(error);
    cell->flags |= CC_CELL_LIVE;
    if (value.data == NULL) {
        cc_status status = load(work->store, &item->away, CC_PAGE_VALUE, work->space->id, CC_LIVE,
                                &work->value, error);
        if (status != CC_OK) {
            cc_cell_free(&work->space->heap, cell);
            return status;
        }
        value = cc_value_page_bytes(work->value.data, item->away.size);
        cc_cell_set_ref(cell, &item->away);
    }
    if (apart)
        place_value(work, cell, item, value);
    else if (value.size != 0)
        memcpy(cc_cell_value_data(cell), value.data, value.size);
    *cell_out = cell;
    return CC_OK;
}

/* Order of entry a before entry b in a tree that compares heads first, or keys of one hash in full. */
static bool in_order(bool collided, cc_head a, const cc_cell *cell_a, cc_head b, const cc_cell *cell_b) {
    if (a.hash != b.hash)
        return a.hash < b.hash;
    if (!collided && !cc_bytes_equal(cc_cell_key(cell_a).partition, cc_cell_key(cell_b).partition))
        return false;
    return cc_cell_compare(cell_a, cc_cell_key(cell_b)) < 0;
}

static cc_status add_item(restoring *work, cc_leaf *leaf, const cc_page_item *item, cc_error *error) {
    cc_space *space = work->space;
    cc_cell *cell = NULL;
    uint64_t hash = cc_store_partition_hash(work->store, item->key.partition);
    cc_head head = cc_head_of(hash, item->key.sort);
    CC_TRY(make_cell(work, item, &cell, error));
    const cc_leaf *before = leaf->count != 0 ? leaf : leaf->previous;
    if (before != NULL && !in_order(space->tree.collided, before->heads[before->count - 1],
                                    before->cells[before->count - 1], head, cell)) {
        cc_cell_free(&space->heap, cell);
        return corrupt(error, "its items are not in order");
    }
    cc_status status = cc_hash_index_insert(&space->index,
                                            cc_store_key_hash(work->store, hash, item->key.sort), cell);
    if (status != CC_OK) {
        cc_cell_free(&space->heap, cell);
        return no_memory(error);
    }
    leaf->heads[leaf->count] = head;
    leaf->cells[leaf->count++] = cell;
    work->item_count++;
    work->item_bytes += item->value_size;
    return CC_OK;
}

/* The items of the page in work->page, behind the items restored before. */
static cc_status fill_leaf(restoring *work, cc_leaf *leaf, cc_error *error) {
    cc_page_walk walk;
    cc_page_item item;
    uint64_t before = work->item_bytes;
    cc_page_walk_begin(work->page.data, &walk);
    if (walk.left != work->entry.count)
        return corrupt(error, "a leaf has another number of items than its directory says");
    cc_status status;
    while ((status = cc_leaf_page_next(&walk, &item, error)) == CC_OK)
        CC_TRY(add_item(work, leaf, &item, error));
    if (status != CC_ERR_NOT_FOUND)
        return status;
    CC_TRY(cc_page_walk_end(&walk, error));
    if (work->item_bytes - before != work->entry.item_bytes)
        return corrupt(error, "a leaf has another size than its directory says");
    return CC_OK;
}

static bool at_least(cc_head head, const cc_cell *cell, const cc_directory_entry *entry) {
    if (head.hash != entry->separator.hash)
        return head.hash > entry->separator.hash;
    return !entry->has_key || cc_cell_compare(cell, entry->key) >= 0;
}

/* Both neighbours of a separator keep to their sides of it. */
static cc_status check_separator(const cc_leaf *leaf, const cc_directory_entry *entry, cc_error *error) {
    const cc_leaf *before = leaf->previous;
    if (before == NULL)
        return CC_OK;
    uint32_t last = before->count - 1u;
    if (at_least(before->heads[last], before->cells[last], entry) ||
        !at_least(leaf->heads[0], leaf->cells[0], entry) ||
        (entry->has_key && cc_head_of(entry->separator.hash, entry->key.sort).sort != entry->separator.sort))
        return corrupt(error, "a separator does not separate");
    return CC_OK;
}

/* The key of a separator gets a cell that is no item. */
static cc_status separator_cell(restoring *work, cc_cell **cell_out, cc_error *error) {
    if (!work->entry.has_key)
        return CC_OK;
    cc_cell *cell = cc_cell_new(&work->space->heap, work->entry.key, 0);
    if (cell == NULL)
        return no_memory(error);
    cell->flags = CC_CELL_SEPARATOR;
    *cell_out = cell;
    return CC_OK;
}

static cc_status restore_leaf(restoring *work, cc_leaf **last, cc_error *error) {
    cc_btree *tree = &work->space->tree;
    cc_cell *separator = NULL;
    CC_TRY(load(work->store, &work->entry.leaf, CC_PAGE_LEAF, work->space->id, CC_LIVE, &work->page, error));
    cc_leaf *leaf = cc_btree_leaf_new(tree);
    if (leaf == NULL)
        return no_memory(error);
    leaf->previous = *last;
    CC_TRY(fill_leaf(work, leaf, error));
    CC_TRY(check_separator(leaf, &work->entry, error));
    CC_TRY(separator_cell(work, &separator, error));
    if (cc_btree_append(tree, leaf, work->entry.separator, separator) != CC_OK)
        return no_memory(error);
    leaf->page = work->entry.leaf;
    leaf->flags = 0;
    *last = leaf;
    cc_store_settle(work->store); /* keys and indexes grow: values make room */
    return CC_OK;
}

/* ---- spaces ---- */
static cc_status restore_directory(restoring *work, const cc_page_ref *ref, cc_leaf **last, cc_error *error) {
    cc_buffer page = {0};
    cc_page_walk walk;
    cc_status status = load(work->store, ref, CC_PAGE_DIRECTORY, work->space->id, CC_LIVE, &page, error);
    if (status == CC_OK) {
        cc_page_walk_begin(page.data, &walk);
        while ((status = cc_directory_next(&walk, &work->entry, error)) == CC_OK) {
            status = restore_leaf(work, last, error);
            if (status != CC_OK)
                break;
        }
        if (status == CC_ERR_NOT_FOUND)
            status = cc_page_walk_end(&walk, error);
    }
    cc_buffer_free(&page);
    return status;
}

static cc_status restore_space(cc_store *store, const cc_catalog_entry *entry, cc_error *error) {
    restoring work = {.store = store};
    cc_leaf *last = NULL;
    cc_status status = CC_OK;
    if (cc_space_find(store, entry->name) != NULL || cc_space_by_id(store, entry->id) != NULL)
        return corrupt(error, "a space is there twice");
    CC_TRY(cc_space_new(store, entry->id, entry->name, entry->meta, &work.space, error));
    cc_space_link(store, work.space);
    work.space->tree.collided = (entry->flags & CC_CATALOG_COLLIDED) != 0;
    for (uint32_t i = 0; i < entry->directory_count && status == CC_OK; i++) {
        cc_page_ref ref = cc_page_ref_read(entry->directories + (size_t)i * CC_PAGE_REF);
        status = restore_directory(&work, &ref, &last, error);
    }
    cc_buffer_free(&work.page);
    cc_buffer_free(&work.value);
    work.space->item_count = work.item_count;
    work.space->item_bytes = work.item_bytes;
    if (status == CC_OK && (work.item_count != entry->item_count || work.item_bytes != entry->item_bytes))
        status = corrupt(error, "a space has other items than the catalog says");
    return status;
}

static cc_status restore_spaces(cc_store *store, const cc_superblock *superblock, cc_error *error) {
    cc_buffer page = {0};
    cc_page_walk walk;
    cc_catalog_entry entry;
    uint32_t next_id = 0;
    cc_status status;
    CC_TRY_GOTO(load(store, &superblock->catalog, CC_PAGE_CATALOG, 0, CC_LIVE, &page, error));
    cc_page_walk_begin(page.data, &walk);
    CC_TRY_GOTO(cc_catalog_open(&walk, &next_id, error));
    while ((status = cc_catalog_next(&walk, &entry, error)) == CC_OK) {
        if (entry.id >= next_id) {
            status = corrupt(error, "a space's id was never given out");
            break;
        }
        CC_TRY_GOTO(restore_space(store, &entry, error));
    }
    if (status == CC_ERR_NOT_FOUND)
        CC_TRY_GOTO(cc_page_walk_end(&walk, error));
    store->next_id = next_id;
cleanup:
    cc_buffer_free(&page);
    return status;
}

static void forget(cc_store *store) {
    while (store->space_count > 0) {
        cc_space *space = store->spaces[store->space_count - 1];
        cc_space_unlink(store, space);
        cc_space_free(space);
    }
    store->next_id = 0;
    cc_extents_free(&store->pager.extents);
    cc_extents_init(&store->pager.extents, CC_SLOTS);
    cc_spill_reset(store);
}

cc_status cc_restore(cc_store *store, uint64_t *begin_out, uint64_t *end_out, cc_error *error) {
    cc_pager *pager = &store->pager;
    uint64_t random_seed = store->seed;
    *begin_out = *end_out = 0;
    while (pager->found_count > 0) {
        const cc_superblock *superblock = &pager->found[0];
        store->seed = superblock->seed;
        cc_status status = restore_spaces(store, superblock, error);
        if (status == CC_OK) {
            *begin_out = superblock->begin;
            *end_out = superblock->end;
            store->last_sequence = superblock->begin;
            return CC_OK;
        }
        if (status != CC_ERR_CORRUPT)
            return status;
        forget(store);
        cc_pager_skip(pager); /* the one before it, if it is still whole */
        store->fell_back = true;
    }
    store->seed = random_seed;
    return CC_OK;
}

/* ---- the checkpoint before ---- */
static cc_status hold_directory(cc_store *store, uint32_t space, const cc_page_ref *ref, cc_error *error) {
    cc_buffer page = {0};
    cc_page_walk walk;
    cc_directory_entry entry;
    cc_status status = load(store, ref, CC_PAGE_DIRECTORY, space, CC_HELD, &page, error);
    if (status == CC_OK) {
        cc_page_walk_begin(page.data, &walk);
        while ((status = cc_directory_next(&walk, &entry, error)) == CC_OK) {
            CC_TRY_GOTO(cc_pager_mark(&store->pager, CC_HELD, &entry.leaf, error));
            for (uint32_t i = 0; i < entry.away_count; i++) {
                cc_page_ref away = cc_page_ref_read(entry.away + (size_t)i * CC_PAGE_REF);
                CC_TRY_GOTO(cc_pager_mark(&store->pager, CC_HELD, &away, error));
            }
        }
    }
cleanup:
    cc_buffer_free(&page);
    return status == CC_ERR_NOT_FOUND ? CC_OK : status;
}

static cc_status hold(cc_store *store, const cc_superblock *superblock, cc_error *error) {
    cc_buffer page = {0};
    cc_page_walk walk;
    cc_catalog_entry entry;
    uint32_t next_id;
    cc_status status;
    CC_TRY_GOTO(load(store, &superblock->catalog, CC_PAGE_CATALOG, 0, CC_HELD, &page, error));
    cc_page_walk_begin(page.data, &walk);
    CC_TRY_GOTO(cc_catalog_open(&walk, &next_id, error));
    while ((status = cc_catalog_next(&walk, &entry, error)) == CC_OK)
        for (uint32_t i = 0; i < entry.directory_count; i++) {
            cc_page_ref ref = cc_page_ref_read(entry.directories + (size_t)i * CC_PAGE_REF);
            CC_TRY_GOTO(hold_directory(store, entry.id, &ref, error));
        }
cleanup:
    cc_buffer_free(&page);
    return status == CC_ERR_NOT_FOUND ? CC_OK : status;
}

cc_status cc_restore_hold(cc_store *store, cc_error *error) {
    cc_pager *pager = &store->pager;
    if (pager->held)
        return CC_OK;
    if (pager->found_count > 1 && pager->found[1].generation == pager->found[0].previous) {
        cc_status status = hold(store, &pager->found[1], error);
        if (status != CC_OK && status != CC_ERR_CORRUPT)
            return status;
        if (status == CC_ERR_CORRUPT) /* no use to fall back to */
            cc_extents_forget(&pager->extents, CC_HELD);
    }
    pager->held = true;
    return CC_OK;
}
