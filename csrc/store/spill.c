/* spill.c: see spill.h. Reading and forgetting values here; the clock that moves them out: evict.c. */
#include "store/spill.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/hash.h"
#include "store/poison.h"
#include "store/spill_internal.h"

enum {
    READS_CHUNK = 64 << 10,
    SCRATCH_KEEP = 1 << 20,
    WINDOW = 64 << 10,  /* read ahead by a walk over values that lie one behind another, */
    WINDOW_GAP = 16384, /* with no more than this between them */
};

/* ---- life ---- */
/* A file that goes with the process. */
static cc_status open_scratch(cc_spill *spill, const char *directory, cc_error *error) {
    cc_fs *fs = spill->store->pager.fs;
    char path[4096];
    snprintf(path, sizeof path, "%s/cloudcore-%ld-%p", directory, (long)getpid(), (void *)spill);
    CC_TRY(fs->open(fs, path, CC_OPEN_CREATE, &spill->scratch, error));
    return fs->remove(fs, path, error);
}

cc_status cc_spill_open(cc_store *store, uint64_t budget, const char *scratch_dir, cc_error *error) {
    cc_spill *spill = cc_store_alloc_fails() ? NULL : calloc(1, sizeof *spill);
    if (spill == NULL)
        return cc_fail(error, CC_ERR_NOMEM, "no memory for a store");
    spill->store = store;
    spill->budget = budget;
    cc_heap_init(&spill->values, &store->arena);
    cc_arena_init(&spill->reads, READS_CHUNK);
    store->pager.extents.counts_pins = true;
    store->spill = spill;
    return scratch_dir == NULL ? CC_OK : open_scratch(spill, scratch_dir, error);
}

void cc_spill_close(cc_store *store) {
    cc_spill *spill = store->spill;
    if (spill == NULL)
        return;
    if (*store->alive != 0) /* as with a space's heap */
        cc_heap_free(&spill->values);
    cc_arena_free(&spill->reads);
    cc_buffer_free(&spill->once);
    cc_buffer_free(&spill->window);
    cc_buffer_free(&spill->chunk);
    if (spill->scratch != NULL)
        store->pager.fs->close(store->pager.fs, spill->scratch);
    free(spill);
    store->spill = NULL;
}

void cc_spill_reset(cc_store *store) {
    cc_spill *spill = store->spill;
    if (spill == NULL)
        return;
    cc_heap_free(&spill->values);
    cc_buffer_clear(&spill->window);
    spill->away_count = spill->away_bytes = 0;
    store->pager.extents.counts_pins = true;
}

/* ---- memory of a value ---- */
bool cc_spill_room(cc_heap *heap, cc_cell *cell, size_t size) {
    cc_heap *values = &heap->spill->values;
    cc_apart *apart = cc_cell_apart(cell);
    size_t whole = sizeof(cc_value_block) + size;
    bool large = whole > CC_CELL_MAX;
    cc_value_block *block = large ? cc_heap_alloc_large(values, whole)
                                  : cc_heap_alloc(values, cc_cell_class(whole));
    if (block == NULL)
        return false;
    *block = (cc_value_block){.owner = cell, .heap = heap};
    apart->value = block->bytes;
    apart->large = large;
    apart->used = false;
    heap->apart_bytes += cc_value_block_size(apart);
    return true;
}

bool cc_spill_fits(const cc_cell *cell, size_t size) {
    const cc_apart *apart = cc_cell_apart(cell);
    if (apart->value == NULL)
        return false;
    size_t room = cc_value_block_size(apart), whole = sizeof(cc_value_block) + size;
    return size >= CC_SPILL_MIN && whole <= room && whole >= room / 2;
}

/* The block in memory, which its slab may have given up already. */
static void drop_block(cc_heap *heap, cc_apart *apart) {
    cc_value_block *block = cc_value_block_of(apart);
    heap->apart_bytes -= cc_value_block_size(apart);
    if (apart->large)
        cc_heap_release_large(&heap->spill->values, block);
    else
        cc_heap_release(&heap->spill->values, block);
    apart->value = NULL;
}

void cc_spill_changes(cc_heap *heap, cc_cell *cell) {
    cc_apart *apart = cc_cell_apart(cell);
    if (apart->where == 0)
        return;
    if ((apart->where & CC_SPILL_SCRATCH) == 0)
        cc_extents_unpin(&heap->spill->store->pager.extents, apart->where, cell->value_size);
    apart->where = 0;
}

void cc_spill_forget(cc_heap *heap, cc_cell *cell) {
    cc_apart *apart = cc_cell_apart(cell);
    cc_spill *spill = heap->spill;
    if (apart->value != NULL) {
        drop_block(heap, apart);
    } else if (apart->where != 0) {
        spill->away_count--;
        spill->away_bytes -= cell->value_size;
    }
    cc_spill_changes(heap, cell);
}

void cc_spill_place(cc_heap *heap, cc_cell *cell, uint64_t where, uint32_t crc) {
    cc_spill *spill = heap->spill;
    cc_apart *apart = cc_cell_apart(cell);
    if ((where & CC_SPILL_SCRATCH) == 0)
        cc_extents_pin(&spill->store->pager.extents, where, cell->value_size);
    if (apart->where == 0 && apart->value == NULL) {
        spill->away_count++;
        spill->away_bytes += cell->value_size;
    }
    cc_spill_changes(heap, cell);
    apart->where = where;
    apart->crc = crc;
    cc_buffer_clear(&spill->window); /* it may have what was there before */
}

void cc_spill_fill(cc_heap *heap, cc_cell *cell, cc_bytes value) {
    if (!cc_spill_room(heap, cell, value.size))
        return;
    memcpy(cc_cell_value_data(cell), value.data, value.size);
    heap->spill->away_count--;
    heap->spill->away_bytes -= value.size;
}

/* ---- reading ---- */
static cc_status read_file(cc_spill *spill, uint64_t where, uint8_t *to, size_t size, size_t *got,
                           cc_error *error) {
    cc_pager *pager = &spill->store->pager;
    cc_file *file = (where & CC_SPILL_SCRATCH) != 0 ? spill->scratch : pager->file;
    CC_TRY(pager->fs->read_at(pager->fs, file, where & ~CC_SPILL_SCRATCH, to, size, got, error));
    spill->disk_reads++;
    spill->disk_read_bytes += *got;
    return CC_OK;
}

static bool in_window(const cc_spill *spill, uint64_t where, size_t size) {
    return where >= spill->window_at && where + size <= spill->window_at + spill->window.size;
}

/* Reads ahead where the read before ended just in front of this one. Nothing is lost when it cannot. */
static void fill_window(cc_spill *spill, uint64_t where, size_t size) {
    size_t got = 0;
    bool follows = where >= spill->read_end && where - spill->read_end <= WINDOW_GAP;
    spill->read_end = where + size;
    cc_buffer_clear(&spill->window);
    if (!follows || size >= WINDOW / 2 || cc_store_alloc_fails() ||
        cc_buffer_reserve(&spill->window, WINDOW) != CC_OK ||
        read_file(spill, where, spill->window.data, WINDOW, &got, NULL) != CC_OK)
        return;
    spill->window_at = where;
    spill->window.size = got;
}

static cc_status fetch(cc_spill *spill, const cc_cell *cell, uint8_t *to, cc_error *error) {
    const cc_apart *apart = cc_cell_apart(cell);
    size_t size = cell->value_size, got = size;
    if (!in_window(spill, apart->where, size))
        fill_window(spill, apart->where, size);
    spill->read_end = apart->where + size;
    if (in_window(spill, apart->where, size))
        memcpy(to, spill->window.data + (apart->where - spill->window_at), size);
    else
        CC_TRY(read_file(spill, apart->where, to, size, &got, error));
    if (got == size && cc_crc32c(0, to, size) == apart->crc)
        return CC_OK;
    cc_status status = cc_fail(error, CC_ERR_CORRUPT,
                               "%zu bytes at offset %llu of the page file are not the value written there",
                               size, (unsigned long long)apart->where);
    error->position = apart->where;
    return status;
}

static uint8_t *memory_for(cc_spill *spill, cc_heap *heap, cc_cell *cell, cc_spill_use use) {
    size_t size = cell->value_size;
    bool kept = use == CC_SPILL_STAY || (use == CC_SPILL_KEEP && spill->blocked.status == CC_OK);
    if (kept && cc_spill_room(heap, cell, size)) {
        cc_cell_apart(cell)->used = true;
        return cc_cell_apart(cell)->value;
    }
    if (use == CC_SPILL_STAY || cc_store_alloc_fails())
        return NULL;
    if (use != CC_SPILL_ONCE)
        return cc_arena_alloc(&spill->reads, size);
    cc_buffer_clear(&spill->once);
    return cc_buffer_reserve(&spill->once, size) == CC_OK ? spill->once.data : NULL;
}

bool cc_spill_read(cc_heap *heap, cc_cell *cell, cc_spill_use use, cc_bytes *value_out) {
    cc_spill *spill = heap->spill;
    cc_apart *apart = cc_cell_apart(cell);
    if (apart->value != NULL) {
        apart->used = apart->used || use != CC_SPILL_ONCE;
        *value_out = cc_bytes_of(apart->value, cell->value_size);
        return true;
    }
    CC_ASSERT(apart->where != 0);
    cc_error error = {0};
    uint8_t *to = memory_for(spill, heap, cell, use);
    cc_status status = to == NULL ? cc_fail(&error, CC_ERR_NOMEM, "no memory for a value on the disk")
                                  : fetch(spill, cell, to, &error);
    bool kept = apart->value != NULL;
    if (status == CC_OK) {
        spill->away_count -= kept;
        spill->away_bytes -= kept ? cell->value_size : 0;
        *value_out = cc_bytes_of(to, cell->value_size);
        return true;
    }
    if (kept)
        drop_block(heap, apart);
    if (spill->failed.status == CC_OK)
        spill->failed = error;
    spill->read_failures++;
    *value_out = (cc_bytes){NULL, 0};
    return false;
}

/* ---- the store's ---- */
bool cc_spill_has_room(const cc_store *store, size_t bytes) {
    const cc_spill *spill = store->spill;
    return cc_slab_arena_used(&store->arena) + bytes < spill->budget - spill->budget / 8;
}

void cc_spill_settle(cc_store *store) {
    cc_spill *spill = store->spill;
    cc_arena_reset(&spill->reads);
    if (spill->once.capacity > SCRATCH_KEEP)
        cc_buffer_free(&spill->once);
    if (cc_slab_arena_used(&store->arena) <= spill->budget)
        spill->blocked.status = CC_OK;
    else if (!store->poisoned)
        cc_spill_evict(spill);
}

void cc_spill_unlock(cc_store *store) {
    cc_spill_settle(store);
    store->spill->failed.status = CC_OK;
}

cc_status cc_spill_failure(const cc_store *store, cc_error *error) {
    const cc_spill *spill = store->spill;
    if (CC_LIKELY(spill == NULL || spill->failed.status == CC_OK))
        return CC_OK;
    if (error != NULL)
        *error = spill->failed;
    return spill->failed.status;
}

static bool has_put(const cc_change *changes, size_t count) {
    bool puts = false;
    for (size_t i = 0; i < count; i++)
        puts = puts || changes[i].kind == CC_CHANGE_PUT;
    return puts;
}

cc_status cc_spill_admit(cc_store *store, const cc_change *changes, size_t count, cc_error *error) {
    const cc_spill *spill = store->spill;
    CC_TRY(cc_spill_failure(store, error));
    if (CC_LIKELY(spill->blocked.status == CC_OK) || !has_put(changes, count) ||
        cc_slab_arena_used(&store->arena) <= spill->budget + spill->budget / 8)
        return CC_OK;
    return cc_fail(error, spill->blocked.status,
                   "the memory budget of %llu bytes is used up and values cannot be moved to disk: %.350s",
                   (unsigned long long)spill->budget, spill->blocked.message);
}

void cc_spill_info(const cc_store *store, cc_store_info *info) {
    const cc_spill *spill = store->spill;
    info->used_bytes = cc_slab_arena_used(&store->arena);
    if (spill == NULL)
        return;
    info->budget_bytes = spill->budget;
    info->spilled_items = spill->away_count;
    info->spilled_bytes = spill->away_bytes;
    info->disk_reads = spill->disk_reads;
    info->disk_read_bytes = spill->disk_read_bytes;
    info->disk_written_bytes = spill->written_bytes;
    info->spill_failures = spill->write_failures + spill->read_failures;
}
