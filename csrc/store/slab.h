/* slab.h: the store's memory: 2 MiB blocks, cut into 64 KiB slabs of equal cells.
 *
 *   block (2 MiB, aligned: one huge page when the arena is big)
 *     | 4 KiB: 32 slab descriptors | slab 0 (60 KiB) | slab 1 (64 KiB) | ... | slab 31 |
 *   slab: cells of one size class, a free list through the freed cells, one owner (a heap)
 *
 * cc_slab_arena is the store's pool of blocks, cc_heap one space's share of it. A slab whose last
 * cell is freed goes back to the pool for any class and any space; a block whose last slab comes
 * back is unmapped (one is kept). Dropping a space gives back its slabs without touching its cells.
 * Runs over CC_CELL_MAX come from malloc, linked into their heap. A heap knows its slabs and runs by age too: what a
 * memory budget moves to disk is taken from the oldest (spill.h).
 *
 * Invariants: a slab with a free cell is in its heap's partial list of its class, a full one in the
 * full list; a descriptor is found from a cell's address alone. Huge pages are asked for only for
 * blocks mapped after the arena passed HUGE_AFTER blocks: a fresh store stays small. Blocks are not
 * inherited by fork(). Thread rule: the owner's lock. */
#ifndef CC_STORE_SLAB_H
#define CC_STORE_SLAB_H

#include "base/bytes.h"

#define CC_CELL_MAX 16384
#define CC_CELL_CLASSES 112
#define CC_CELL_LARGE 255 /* class of a run from malloc */

typedef struct cc_slab cc_slab;
typedef struct cc_block cc_block;
typedef struct cc_large cc_large;
typedef struct cc_spill cc_spill; /* spill.h */

typedef struct {
    cc_block *blocks;      /* every block */
    cc_block *free_blocks; /* those with a free slab */
    size_t block_count;
    size_t idle_count;  /* blocks with no slab in use */
    size_t slabs_used;  /* by all heaps, */
    size_t large_bytes; /* and their runs from malloc */
} cc_slab_arena;

typedef struct {
    cc_slab_arena *arena;
    cc_slab *partial[CC_CELL_CLASSES];
    cc_slab *full;
    cc_slab *oldest, *newest; /* of all slabs */
    cc_large *large;          /* newest first */
    cc_large *large_oldest;
    size_t slab_count;
    size_t large_bytes;
    cc_spill *spill;    /* values of its cells lie apart from them and may leave memory; NULL: they do not */
    size_t apart_bytes; /* of such values, as far as they are in memory */
} cc_heap;

/* Class of the smallest cell that holds `size` bytes (1 .. CC_CELL_MAX), and back. 16-byte steps up
 * to 512, then 16 classes a doubling: at most 1/16 of a cell is slack. */
static inline uint32_t cc_cell_class(size_t size) {
    if (size <= 512)
        return (uint32_t)((size + 15) / 16 - 1);
    uint32_t shift = 63 - (uint32_t)__builtin_clzll(size - 1) - 4; /* 5 for 513..1024 */
    return 32 + (shift - 5) * 16 + (uint32_t)(((size - 1) >> shift) - 16);
}
static inline size_t cc_cell_size(uint32_t cell_class) {
    if (cell_class < 32)
        return (size_t)(cell_class + 1) * 16;
    return (size_t)(17 + cell_class % 16) << (cell_class / 16 + 3);
}

/* Bytes of slabs in use and of runs: what can be held against a budget. */
size_t cc_slab_arena_used(const cc_slab_arena *arena);
void cc_slab_arena_free(cc_slab_arena *arena);
size_t cc_slab_arena_bytes(const cc_slab_arena *arena);

void cc_heap_init(cc_heap *heap, cc_slab_arena *arena);
/* Gives back everything at once. */
void cc_heap_free(cc_heap *heap);
/* A cell of `cell_class`, 16-byte aligned, uninitialised; NULL when memory is out. */
void *cc_heap_alloc(cc_heap *heap, uint32_t cell_class);
void cc_heap_release(cc_heap *heap, void *cell);
void *cc_heap_alloc_large(cc_heap *heap, size_t size);
void cc_heap_release_large(cc_heap *heap, void *run);
/* Usable bytes of a run from cc_heap_alloc_large. */
size_t cc_heap_large_size(const void *run);
size_t cc_heap_bytes(const cc_heap *heap);

/* ---- emptying a heap from its oldest end ---- */
/* Takes the oldest slab aside, so that nothing is allocated in it, and fills `cells_out` (room for CC_SLAB_CELLS) with
 * its cells in use, of which each has at least CC_SLAB_CELL_MIN bytes. NULL: there is none. */
enum { CC_SLAB_CELL_MIN = 64, CC_SLAB_CELLS = (64 << 10) / CC_SLAB_CELL_MIN };
cc_slab *cc_heap_detach(cc_heap *heap, void **cells_out, size_t *count_out);
/* Class and size of a cell that lies in a slab. */
uint32_t cc_heap_cell_class(const void *cell);
size_t cc_heap_cell_size(const void *cell);
/* Frees one of its cells. */
void cc_heap_release_detached(cc_slab *slab, void *cell);
/* Gives it back when it is empty; else it is the newest one from now on. */
void cc_heap_attach(cc_heap *heap, cc_slab *slab);
void *cc_heap_large_oldest(const cc_heap *heap); /* NULL: none */
void cc_heap_large_renew(cc_heap *heap, void *run);

#endif
