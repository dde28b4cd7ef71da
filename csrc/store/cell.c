/* cell.c: making, fitting and freeing the cells of items; see cell.h. */
#include "store/cell.h"

#include "store/spill.h"

static inline size_t needed(size_t key_size, size_t value_size) {
    size_t size = sizeof(cc_cell) + key_size + value_size;
    if (CC_UNLIKELY(value_size > CC_VALUE_INLINE_MAX))
        size += CC_CELL_REF;
    return size;
}

static inline size_t room_of(const cc_cell *cell) {
    return cell->cell_class == CC_CELL_LARGE ? cc_heap_large_size(cell) : cc_cell_size(cell->cell_class);
}

static cc_cell *new_cell(cc_heap *heap, cc_key key, size_t size, size_t value_size) {
    bool large = size > CC_CELL_MAX;
    uint32_t cell_class = large ? CC_CELL_LARGE : cc_cell_class(size);
    cc_cell *cell = large ? cc_heap_alloc_large(heap, size) : cc_heap_alloc(heap, cell_class);
    if (cell == NULL)
        return NULL;
    *cell = (cc_cell){.value_size = (uint32_t)value_size,
                      .partition_size = (uint16_t)key.partition.size,
                      .sort_size = (uint16_t)key.sort.size,
                      .cell_class = (uint8_t)cell_class};
    if (key.partition.size != 0)
        memcpy(cell->bytes, key.partition.data, key.partition.size);
    if (key.sort.size != 0)
        memcpy(cell->bytes + key.partition.size, key.sort.data, key.sort.size);
    return cell;
}

cc_cell *cc_cell_new(cc_heap *heap, cc_key key, size_t value_size) {
    if (CC_LIKELY(!cc_cell_lies_apart(heap, key, value_size)))
        return new_cell(heap, key, needed(key.partition.size + key.sort.size, value_size), value_size);
    cc_cell *cell = cc_cell_new_away(heap, key, value_size);
    if (cell != NULL && !cc_spill_room(heap, cell, value_size)) {
        cc_heap_release(heap, cell);
        return NULL;
    }
    return cell;
}

bool cc_cell_lies_apart(const cc_heap *heap, cc_key key, size_t value_size) {
    return heap->spill != NULL && value_size >= CC_SPILL_MIN &&
           key.partition.size + key.sort.size <= CC_SPILL_KEY_MAX;
}

/* Bytes of a cell whose value lies apart. */
static inline size_t needed_apart(size_t key_size, size_t value_size) {
    size_t size = ((sizeof(cc_cell) + key_size + 7) & ~(size_t)7) + sizeof(cc_apart);
    return value_size > CC_VALUE_INLINE_MAX ? size + CC_CELL_REF : size;
}

cc_cell *cc_cell_new_away(cc_heap *heap, cc_key key, size_t value_size) {
    CC_ASSERT(cc_cell_lies_apart(heap, key, value_size));
    size_t size = needed_apart(key.partition.size + key.sort.size, value_size);
    cc_cell *cell = new_cell(heap, key, size, value_size);
    if (cell == NULL)
        return NULL;
    cell->flags = CC_CELL_APART;
    *cc_cell_apart(cell) = (cc_apart){0};
    return cell;
}

void cc_cell_free(cc_heap *heap, cc_cell *cell) {
    if (CC_UNLIKELY((cell->flags & CC_CELL_APART) != 0))
        cc_spill_forget(heap, cell);
    if (cell->cell_class == CC_CELL_LARGE)
        cc_heap_release_large(heap, cell);
    else
        cc_heap_release(heap, cell);
}

void cc_cell_drop_flag(cc_heap *heap, cc_cell *cell, uint8_t flag) {
    cell->flags = (uint8_t)(cell->flags & ~flag);
    if ((cell->flags & (CC_CELL_LIVE | CC_CELL_SEPARATOR)) == 0)
        cc_cell_free(heap, cell);
    else if (CC_UNLIKELY((cell->flags & CC_CELL_APART) != 0) && flag == CC_CELL_LIVE)
        cc_spill_forget(heap, cell); /* a separator is a key alone */
}

bool cc_cell_fits(const cc_cell *cell, size_t value_size) {
    size_t key_size = (size_t)cell->partition_size + cell->sort_size;
    if (CC_UNLIKELY((cell->flags & CC_CELL_APART) != 0))
        return needed_apart(key_size, value_size) <= room_of(cell) && cc_spill_fits(cell, value_size);
    size_t size = needed(key_size, value_size);
    size_t room = room_of(cell);
    return size <= room && (size >= room / 2 || room <= 64);
}

cc_page_ref cc_cell_ref(const cc_cell *cell) {
    cc_page_ref ref;
    memcpy(&ref, (const uint8_t *)cell + room_of(cell) - CC_CELL_REF, sizeof ref);
    return ref;
}

void cc_cell_set_ref(cc_cell *cell, const cc_page_ref *ref) {
    memcpy((uint8_t *)cell + room_of(cell) - CC_CELL_REF, ref, sizeof *ref);
}
