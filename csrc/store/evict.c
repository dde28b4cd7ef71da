/* evict.c: the clock that moves values out of memory; see spill.h.
 *
 *   oldest slab -> read since? -> a younger slab
 *               -> on the disk already? nothing to do : the next bytes of the chunk
 *               -> the chunk, one write -> all of them are on the disk, the slab is free
 *
 * Nothing changes before the chunk is written: when that fails every value is where it was. */
#include "base/hash.h"
#include "store/poison.h"
#include "store/restore.h"
#include "store/spill.h"
#include "store/spill_internal.h"

size_t cc_value_block_size(const cc_apart *apart) {
    const cc_value_block *block = cc_value_block_of(apart);
    return apart->large ? cc_heap_large_size(block) : cc_heap_cell_size(block);
}

/* ---- one write ---- */
static cc_status gather(cc_spill *spill, void *const *blocks, size_t count) {
    cc_buffer *chunk = &spill->chunk;
    cc_buffer_clear(chunk);
    for (size_t i = 0; i < count; i++) {
        const cc_value_block *block = blocks[i];
        if (cc_cell_apart(block->owner)->where != 0)
            continue;
        if (cc_store_alloc_fails())
            return CC_ERR_NOMEM;
        CC_TRY(cc_buffer_append(chunk, block->bytes, block->owner->value_size));
    }
    size_t padding = -chunk->size % CC_BLOCK;
    CC_TRY(cc_buffer_reserve(chunk, padding));
    if (padding != 0)
        memset(chunk->data + chunk->size, 0, padding);
    chunk->size += padding;
    return CC_OK;
}

static cc_status write_scratch(cc_spill *spill, uint64_t *where_out, cc_error *error) {
    cc_fs *fs = spill->store->pager.fs;
    if (spill->scratch == NULL)
        return cc_fail(error, CC_ERR_ARGUMENT, "the store is open for reading only");
    CC_TRY(
        fs->write_at(fs, spill->scratch, spill->scratch_size, spill->chunk.data, spill->chunk.size, error));
    *where_out = CC_SPILL_SCRATCH | spill->scratch_size;
    spill->scratch_size += spill->chunk.size;
    spill->written_bytes += spill->chunk.size;
    return CC_OK;
}

/* Where the chunk lies; *first_out is taken and still fresh. */
static cc_status write_chunk(cc_spill *spill, uint64_t *first_out, cc_error *error) {
    cc_store *store = spill->store;
    cc_pager *pager = &store->pager;
    CC_TRY(cc_pager_make(pager, error));
    CC_TRY(cc_restore_hold(store, error)); /* the checkpoint before the newest one keeps its pages */
    uint64_t blocks = spill->chunk.size / CC_BLOCK;
    cc_status status = cc_extents_take(&pager->extents, blocks, false, first_out);
    if (status != CC_OK)
        return cc_fail(error, status, "no memory for the map of a page file");
    status = pager->fs->write_at(pager->fs, pager->file, *first_out * CC_BLOCK, spill->chunk.data,
                                 spill->chunk.size, error);
    if (status != CC_OK) {
        cc_extents_release(&pager->extents, *first_out, blocks);
        return status;
    }
    spill->written_bytes += spill->chunk.size;
    return CC_OK;
}

/* Puts all values on the disk that are not there. */
static cc_status write_out(cc_spill *spill, void *const *blocks, size_t count, cc_error *error) {
    bool reads = spill->store->read_only;
    uint64_t first = 0, where = 0;
    if (gather(spill, blocks, count) != CC_OK)
        return cc_fail(error, CC_ERR_NOMEM, "no memory to move values to disk");
    if (spill->chunk.size == 0)
        return CC_OK;
    CC_TRY(reads ? write_scratch(spill, &where, error) : write_chunk(spill, &first, error));
    if (!reads)
        where = first * CC_BLOCK;
    for (size_t i = 0; i < count; i++) {
        const cc_value_block *block = blocks[i];
        cc_cell *cell = block->owner;
        if (cc_cell_apart(cell)->where != 0)
            continue;
        cc_spill_place(block->heap, cell, where, cc_crc32c(0, block->bytes, cell->value_size));
        where += cell->value_size;
    }
    if (!reads)
        cc_extents_release(&spill->store->pager.extents, first, spill->chunk.size / CC_BLOCK);
    return CC_OK;
}

/* The value is on the disk and leaves memory; its block is the caller's. */
static void leave(cc_spill *spill, cc_value_block *block) {
    cc_apart *apart = cc_cell_apart(block->owner);
    block->heap->apart_bytes -= cc_value_block_size(apart);
    apart->value = NULL;
    spill->away_count++;
    spill->away_bytes += block->owner->value_size;
}

/* ---- the hand ---- */
/* Moves a value that is in use to a younger slab. */
static bool renew(cc_spill *spill, cc_value_block *block) {
    cc_cell *cell = block->owner;
    cc_apart *apart = cc_cell_apart(cell);
    cc_value_block *young = cc_heap_alloc(&spill->values, cc_heap_cell_class(block));
    if (young == NULL)
        return false;
    memcpy(young, block, sizeof *block + cell->value_size);
    apart->value = young->bytes;
    return true;
}

static cc_status empty_slab(cc_spill *spill, cc_error *error) {
    void *cells[CC_SLAB_CELLS]; /* those that stay cold move to its front */
    size_t count, cold = 0;
    cc_slab *slab = cc_heap_detach(&spill->values, cells, &count);
    for (size_t i = 0; i < count; i++) {
        cc_value_block *block = cells[i];
        cc_apart *apart = cc_cell_apart(block->owner);
        bool used = apart->used;
        apart->used = false;
        if (used && renew(spill, block))
            cc_heap_release_detached(slab, block);
        else
            cells[cold++] = block;
    }
    cc_status status = write_out(spill, cells, cold, error);
    for (size_t i = 0; i < cold; i++) {
        cc_value_block *block = cells[i];
        if (cc_cell_apart(block->owner)->where == 0)
            continue;
        leave(spill, block);
        cc_heap_release_detached(slab, block);
    }
    cc_heap_attach(&spill->values, slab);
    return status;
}

static cc_status empty_large(cc_spill *spill, cc_error *error) {
    cc_value_block *block = cc_heap_large_oldest(&spill->values);
    cc_apart *apart = cc_cell_apart(block->owner);
    bool used = apart->used;
    apart->used = false;
    if (used) {
        cc_heap_large_renew(&spill->values, block);
        return CC_OK;
    }
    void *alone = block;
    CC_TRY(write_out(spill, &alone, 1, error));
    leave(spill, block);
    cc_heap_release_large(&spill->values, block);
    return CC_OK;
}

/* Keys and indexes may take the whole budget: then values share what is left, an eighth of it, rather than have each
 * written by itself. */
void cc_spill_evict(cc_spill *spill) {
    cc_heap *values = &spill->values;
    uint64_t least = spill->budget / 8;
    size_t slabs = 2 * values->slab_count + 1, runs = SIZE_MAX;
    cc_error error = {0};
    cc_status status = CC_OK;
    while (status == CC_OK && slabs != 0 && runs != 0 &&
           cc_slab_arena_used(&spill->store->arena) > spill->budget && cc_heap_bytes(values) > least) {
        if (values->large_bytes > cc_heap_bytes(values) / 2 || values->oldest == NULL) {
            runs--;
            status = empty_large(spill, &error);
        } else {
            slabs--;
            status = empty_slab(spill, &error);
        }
    }
    if (status != CC_OK)
        spill->write_failures++;
    spill->blocked = error;
}
