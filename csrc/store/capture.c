/* capture.c: see capture.h. */
#include "store/capture.h"

#include "base/hash.h"
#include "store/poison.h"

static cc_status no_memory(cc_error *error) {
    return cc_fail(error, CC_ERR_NOMEM, "no memory for a checkpoint");
}

bool cc_leaf_is_dirty(const cc_leaf *leaf) {
    if ((leaf->flags & CC_LEAF_DIRTY) != 0 || leaf->page.offset == 0)
        return true;
    uint16_t flags = 0;
    for (uint32_t i = 0; i < leaf->count; i++)
        flags |= leaf->cells[i]->flags;
    return (flags & CC_CELL_DIRTY) != 0;
}

void cc_capture_free(cc_capture *capture) {
    cc_buffer_free(&capture->page);
    cc_buffer_free(&capture->away);
}

static bool lies_away(const cc_cell *cell) { return cell->value_size > CC_VALUE_INLINE_MAX; }

static cc_status place(cc_space *space, cc_page_kind kind, uint32_t count, cc_capture *capture,
                       cc_error *error) {
    capture->kind = kind;
    return cc_pager_place(&space->store->pager, &capture->page, kind, space->id, count, false, &capture->ref,
                          error);
}

cc_status cc_capture_value(cc_space *space, cc_leaf *leaf, uint32_t from, cc_capture *capture,
                           cc_error *error) {
    capture->ref = (cc_page_ref){0};
    for (uint32_t i = from; i < leaf->count; i++) {
        cc_cell *cell = leaf->cells[i];
        if (!lies_away(cell) || cc_cell_ref(cell).offset != 0)
            continue;
        cc_bytes value;
        if (!cc_space_value(space, cell, CC_SPILL_ONCE, &value))
            return cc_spill_failure(space->store, error);
        if (cc_store_alloc_fails() || cc_value_page_fill(&capture->page, value) != CC_OK)
            return no_memory(error);
        CC_TRY(place(space, CC_PAGE_VALUE, 1, capture, error));
        cc_cell_set_ref(cell, &capture->ref);
        capture->cell = cell;
        cell->flags |= CC_CELL_DIRTY; /* the leaf's page does not name it yet */
        return CC_OK;
    }
    return CC_OK;
}

static cc_status note(const cc_cell *cell, cc_capture *capture) {
    cc_page_ref ref;
    capture->count++;
    capture->item_bytes += cell->value_size;
    if (!lies_away(cell))
        return CC_OK;
    ref = cc_cell_ref(cell);
    return cc_page_ref_append(&capture->away, &ref);
}

cc_status cc_capture_look(const cc_leaf *leaf, cc_capture *capture, cc_error *error) {
    capture->ref = (cc_page_ref){0};
    cc_buffer_clear(&capture->away);
    capture->count = 0;
    capture->item_bytes = 0;
    for (uint32_t i = 0; i < leaf->count; i++)
        if (note(leaf->cells[i], capture) != CC_OK)
            return no_memory(error);
    return CC_OK;
}

static cc_status copy_items(cc_space *space, const cc_leaf *leaf, uint32_t from, cc_capture *capture) {
    cc_bytes before = {NULL, 0};
    CC_TRY(cc_page_begin(&capture->page));
    cc_buffer_clear(&capture->away);
    capture->count = 0;
    capture->item_bytes = 0;
    for (uint32_t i = from; i < leaf->count; i++) {
        cc_cell *cell = leaf->cells[i];
        cc_page_item item = {.key = cc_cell_key(cell), .value_size = cell->value_size};
        if (lies_away(cell))
            item.away = cc_cell_ref(cell);
        else if (!cc_space_value(space, cell, CC_SPILL_ONCE, &item.value))
            return cc_spill_failure(space->store, NULL);
        CC_TRY(cc_leaf_page_add(&capture->page, &item, before));
        capture->at[i] = (uint32_t)(capture->page.size - item.value.size);
        CC_TRY(note(cell, capture));
        before = item.key.partition;
    }
    return CC_OK;
}

cc_status cc_capture_leaf(cc_space *space, cc_leaf *leaf, uint32_t from, cc_capture *capture,
                          cc_error *error) {
    if (cc_store_alloc_fails() || copy_items(space, leaf, from, capture) != CC_OK) {
        CC_TRY(cc_store_failure(space->store, error));
        return no_memory(error);
    }
    CC_TRY(place(space, CC_PAGE_LEAF, capture->count, capture, error));
    if (from != 0)
        return CC_OK; /* a leaf joined with what was captured already: it stays dirty */
    cc_pager_release(&space->store->pager, &leaf->page);
    leaf->page = capture->ref;
    leaf->flags = (uint8_t)(leaf->flags & ~CC_LEAF_DIRTY);
    for (uint32_t i = 0; i < leaf->count; i++)
        leaf->cells[i]->flags = (uint8_t)(leaf->cells[i]->flags & ~CC_CELL_DIRTY);
    return CC_OK;
}

static void settle(cc_space *space, cc_cell *cell, const cc_capture *capture, size_t at) {
    if ((cell->flags & CC_CELL_APART) != 0)
        cc_spill_place(&space->heap, cell, capture->ref.offset + at,
                       cc_crc32c(0, capture->page.data + at, cell->value_size));
}

void cc_capture_settle(cc_space *space, cc_leaf *leaf, uint32_t from, const cc_capture *capture) {
    if (capture->kind == CC_PAGE_VALUE) {
        settle(space, capture->cell, capture, CC_PAGE_HEAD);
        return;
    }
    for (uint32_t i = from; i < leaf->count; i++)
        if (!lies_away(leaf->cells[i]))
            settle(space, leaf->cells[i], capture, capture->at[i]);
}
