/* index.c: entries of indexes, kept beside the changes of items. See index.h and internal.h.
 *
 *   entry cell: partition | sort | { item cell, size }
 *
 * Per change and index there is a cc_index_work. A later change of the same key in one write takes the work
 * of the earlier one over, so that the entries left are those of the last one. */
#include "store/index.h"

#include <stdlib.h>

#include "store/internal.h"
#include "store/poison.h"

typedef struct {
    cc_cell *item;
    uint32_t size;
} entry_value;

static entry_value read_entry(cc_cell *entry) {
    entry_value value;
    memcpy(&value, cc_cell_value_data(entry), sizeof value);
    return value;
}

static void write_entry(cc_cell *entry, cc_cell *item, uint32_t size) {
    entry_value value = {item, size};
    memcpy(cc_cell_value_data(entry), &value, sizeof value);
}

cc_cell *cc_index_item(cc_cell *entry) { return read_entry(entry).item; }

/* ---- life ---- */
cc_status cc_index_create(cc_space *base, cc_index_make make, const void *definition, cc_space **index_out,
                          cc_error *error) {
    CC_ASSERT(base->base == NULL);
    if (base->index_count == CC_SPACE_INDEX_MAX)
        return cc_fail(error, CC_ERR_LIMIT, "a space has at most %d indexes", CC_SPACE_INDEX_MAX);
    size_t size = (base->index_count + 1) * sizeof(cc_space *);
    cc_space **indexes = cc_store_alloc_fails() ? NULL : realloc(base->indexes, size);
    if (indexes != NULL)
        base->indexes = indexes;
    cc_space *index = indexes == NULL || cc_store_alloc_fails() ? NULL : calloc(1, sizeof *index);
    if (index == NULL)
        return cc_fail(error, CC_ERR_NOMEM, "no memory for an index");
    index->store = base->store;
    index->base = base;
    index->make = make;
    index->definition = definition;
    index->filling = true;
    cc_heap_init(&index->heap, &base->store->arena);
    cc_hash_index_init(&index->index, &index->heap);
    cc_btree_init(&index->tree, &index->heap);
    base->indexes[base->index_count++] = index;
    *index_out = index;
    return CC_OK;
}

void cc_index_drop(cc_space *index) {
    cc_space *base = index->base;
    uint32_t at = 0;
    while (base->indexes[at] != index)
        at++;
    base->index_count--;
    memmove(base->indexes + at, base->indexes + at + 1, (base->index_count - at) * sizeof(cc_space *));
    cc_space_free(index);
}

bool cc_index_filling(const cc_space *index) { return index->filling; }
const void *cc_index_definition(const cc_space *index) { return index->definition; }
void cc_index_redefine(cc_space *index, const void *definition) { index->definition = definition; }
cc_space *cc_index_at(const cc_space *base, size_t at) {
    return at < base->index_count ? base->indexes[at] : NULL;
}

/* ---- entries ---- */
static cc_status image_of(const cc_space *index, const cc_cell *item, cc_bytes value, cc_buffer *scratch,
                          cc_index_image *image_out, bool *present_out) {
    cc_buffer_clear(scratch);
    if (cc_store_alloc_fails())
        return CC_ERR_NOMEM;
    return index->make(index->definition, cc_cell_key(item), value, scratch, image_out, present_out);
}

/* NULL when the index has no such entry. */
static cc_cell *find_entry(const cc_space *index, cc_key key) {
    uint64_t hash = cc_space_partition_hash(index, key.partition);
    cc_place place = cc_btree_seek(&index->tree, hash, key);
    if (place.leaf == NULL)
        return NULL;
    cc_cell *entry = place.leaf->cells[place.slot];
    return cc_cell_has_key(entry, key) ? entry : NULL;
}

static cc_status insert_entry(cc_space *index, const cc_index_image *image, cc_cell *item,
                              cc_cell **entry_out) {
    cc_cell *entry = cc_cell_new(&index->heap, image->key, sizeof(entry_value));
    if (entry == NULL)
        return CC_ERR_NOMEM;
    entry->flags = CC_CELL_LIVE;
    write_entry(entry, item, image->size);
    uint64_t hash = cc_space_partition_hash(index, image->key.partition);
    cc_status status = cc_btree_insert(&index->tree, hash, entry);
    if (status != CC_OK) {
        cc_cell_free(&index->heap, entry);
        return status;
    }
    *entry_out = entry;
    return CC_OK;
}

static void remove_entry(cc_space *index, cc_cell *entry) {
    uint64_t hash = cc_space_partition_hash(index, cc_cell_key(entry).partition);
    cc_btree_remove(&index->tree, hash, entry);
    cc_cell_drop_flag(&index->heap, entry, CC_CELL_LIVE);
}

cc_status cc_index_agrees(const cc_space *index, cc_cell *item, cc_bytes value, bool *agrees_out,
                          bool *present_out, uint32_t *size_out) {
    cc_index_image image;
    CC_TRY(image_of(index, item, value, &index->store->index_keys[0], &image, present_out));
    cc_cell *entry = *present_out ? find_entry(index, image.key) : NULL;
    *size_out = *present_out ? image.size : 0;
    *agrees_out = !*present_out ||
                  (entry != NULL && cc_index_item(entry) == item && read_entry(entry).size == image.size);
    return CC_OK;
}

/* ---- filling ---- */
static cc_status fill_one(cc_space *index, cc_index_check check, cc_cell *item, cc_error *error) {
    cc_index_image image;
    bool present = false;
    cc_cell *entry = NULL;
    cc_buffer *scratch = &index->store->index_keys[0];
    cc_bytes value;
    if (!cc_space_value(index->base, item, CC_SPILL_ONCE, &value))
        return cc_spill_failure(index->store, NULL);
    if (check != NULL)
        CC_TRY(check(cc_cell_key(item), value, error));
    CC_TRY(image_of(index, item, value, scratch, &image, &present));
    if (!present || find_entry(index, image.key) != NULL)
        return CC_OK;
    CC_TRY(insert_entry(index, &image, item, &entry));
    index->item_count++;
    index->item_bytes += image.size;
    return CC_OK;
}

static cc_status keep_resume(cc_space *index, cc_key key) {
    cc_buffer_clear(&index->name);
    if (cc_store_alloc_fails())
        return CC_ERR_NOMEM;
    CC_TRY(cc_buffer_append(&index->name, key.partition.data, key.partition.size));
    CC_TRY(cc_buffer_append(&index->name, key.sort.data, key.sort.size));
    index->resume_partition = (uint32_t)key.partition.size;
    index->resumes = true;
    return CC_OK;
}

cc_status cc_index_fill(cc_space *index, cc_index_check check, size_t count, bool *done_out,
                        cc_error *error) {
    cc_space *base = index->base;
    cc_space_cursor cursor;
    CC_TRY(cc_store_check(base->store, error));
    bool more;
    if (index
            ->resumes) { /* the key next in turn is kept in the index's name, which has no other use for it */
        cc_bytes name = cc_buffer_bytes(&index->name);
        cc_key from = {{name.data, index->resume_partition},
                       {name.data + index->resume_partition, name.size - index->resume_partition}};
        more = cc_space_seek(base, from, &cursor);
    } else {
        more = cc_space_seek_hash(base, 0, &cursor);
    }
    cc_status status = CC_OK;
    for (; more && count != 0 && status == CC_OK; count--, more = cc_space_next(&cursor)) {
        const cc_leaf *leaf = cursor.leaf;
        status = fill_one(index, check, leaf->cells[cursor.slot], error);
        if (status != CC_OK)
            break;
    }
    if (status == CC_OK && more) {
        const cc_leaf *leaf = cursor.leaf;
        status = keep_resume(index, cc_cell_key(leaf->cells[cursor.slot]));
    }
    if (status != CC_OK) {
        index->resumes = false; /* what is in already stays: it starts over and finds it there */
        CC_TRY(cc_store_failure(index->store, error));
        return status == CC_ERR_CORRUPT ? status : cc_fail(error, status, "no memory to fill an index");
    }
    *done_out = !more;
    if (!more) {
        index->filling = false;
        cc_buffer_free(&index->name);
    }
    return CC_OK;
}

/* ---- beside a write ---- */
/* The work of index `at` when the item behind `staged` was `old` and becomes `value` (data NULL: goes). */
static cc_status stage_one(cc_space *index, cc_cell *old, const cc_change *change, const cc_staged *staged,
                           cc_index_work *work) {
    cc_buffer *scratch = index->store->index_keys;
    cc_index_image before = {0}, after = {0};
    bool was = false, is = false;
    if (change->kind == CC_CHANGE_PUT)
        CC_TRY(image_of(index, staged->cell, change->value, &scratch[1], &after, &is));
    if (old != NULL)
        CC_TRY(image_of(index, old, cc_cell_value(old), &scratch[0], &before, &was));
    if (was && is && old == staged->cell && before.size == after.size &&
        cc_bytes_equal(before.key.partition, after.key.partition) &&
        cc_bytes_equal(before.key.sort, after.key.sort))
        return CC_OK;
    if (was) {
        work->old_entry = find_entry(index, before.key);
        CC_ASSERT(work->old_entry != NULL || index->filling);
    }
    work->size = after.size;
    if (!is)
        return CC_OK;
    if (work->old_entry != NULL && cc_cell_has_key(work->old_entry, after.key)) {
        work->new_entry = work->old_entry;
        return CC_OK;
    }
    return insert_entry(index, &after, staged->cell, &work->new_entry);
}

static void undo_one(cc_space *index, cc_index_work *work) {
    if (work->new_entry != NULL && work->new_entry != work->old_entry)
        remove_entry(index, work->new_entry);
    *work = (cc_index_work){0};
}

/* The item as it is committed, before the first change of its key in this write; an earlier change gives
 * up what it prepared. */
static cc_cell *take_over(const cc_change *changes, cc_staged *staged, size_t at, cc_cell *cell) {
    for (size_t i = at; i-- > 0;) {
        if (staged[i].works == NULL || staged[i].cell != cell)
            continue;
        for (uint32_t k = 0; k < changes[i].space->index_count; k++)
            undo_one(changes[i].space->indexes[k], &staged[i].works[k]);
        return staged[i].committed;
    }
    return NULL;
}

cc_status cc_index_stage(const cc_change *changes, cc_staged *staged, size_t at, cc_index_work *works) {
    const cc_space *space = changes[at].space;
    cc_staged *own = &staged[at];
    if (own->cell == NULL)
        return CC_OK; /* a delete of nothing, or of what an earlier one deletes */
    cc_cell *found = own->inserted ? NULL : own->old != NULL ? own->old : own->cell;
    own->committed = found;
    if (found != NULL && (found->flags & CC_CELL_STAGED) != 0)
        own->committed = take_over(changes, staged, at, found);
    memset(works, 0, space->index_count * sizeof *works);
    own->works = works;
    own->cell->flags |= CC_CELL_STAGED;
    for (uint32_t k = 0; k < space->index_count; k++) {
        cc_status status = stage_one(space->indexes[k], own->committed, &changes[at], own, &works[k]);
        if (status != CC_OK)
            return status; /* the owner undoes this change as well */
    }
    return CC_OK;
}

void cc_index_undo(const cc_space *space, cc_staged *staged) {
    for (uint32_t k = 0; k < space->index_count; k++)
        undo_one(space->indexes[k], &staged->works[k]);
    staged->cell->flags = (uint8_t)(staged->cell->flags & ~CC_CELL_STAGED);
}

void cc_index_commit(const cc_space *space, cc_staged *staged) {
    staged->cell->flags = (uint8_t)(staged->cell->flags & ~CC_CELL_STAGED);
    for (uint32_t k = 0; k < space->index_count; k++) {
        cc_space *index = space->indexes[k];
        const cc_index_work *work = &staged->works[k];
        if (work->old_entry != NULL) {
            index->item_count--;
            index->item_bytes -= read_entry(work->old_entry).size;
            if (work->old_entry != work->new_entry)
                remove_entry(index, work->old_entry);
        }
        if (work->new_entry != NULL) {
            write_entry(work->new_entry, staged->cell, work->size);
            index->item_count++;
            index->item_bytes += work->size;
        }
    }
}
