/* slab.c: see slab.h for the picture. Lists are intrusive and doubly linked. */
#include "store/slab.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "store/poison.h"

#define BLOCK_SIZE ((size_t)2 << 20)
#define SLAB_SIZE ((size_t)64 << 10)
#define SLAB_COUNT 32
#define HEADER_SIZE ((size_t)4096)
#define HUGE_AFTER 8 /* blocks: 16 MiB */

_Static_assert(CC_CELL_MAX <= (64 << 10) - 4096, "a slab holds at least one cell of every class");

struct cc_slab {
    cc_heap *heap; /* NULL: free */
    void *free_cells;
    cc_slab *previous, *next; /* partial, full, or the block's free list (next only) */
    cc_slab *older, *newer;   /* of the heap */
    uint32_t cell_size;
    uint16_t cell_class;
    uint16_t capacity, used, touched; /* cells; `touched` were handed out at least once */
};
_Static_assert(sizeof(cc_slab) <= 64, "32 descriptors fit the header page beside the block's head");

struct cc_block {
    cc_block *previous, *next;           /* all blocks */
    cc_block *previous_free, *next_free; /* blocks with a free slab */
    cc_slab_arena *arena;
    cc_slab *free_slabs;
    uint32_t slabs_used;
    cc_slab slabs[SLAB_COUNT];
};
_Static_assert(sizeof(cc_block) <= HEADER_SIZE, "the header fits its page");

struct cc_large {
    cc_large *previous, *next;
    size_t size;
    size_t unused; /* keeps the run 16-byte aligned */
};

static cc_block *block_of(const void *cell) {
    return (cc_block *)((uintptr_t)cell & ~(uintptr_t)(BLOCK_SIZE - 1));
}
static cc_slab *slab_of(const void *cell) {
    return &block_of(cell)->slabs[((uintptr_t)cell & (BLOCK_SIZE - 1)) / SLAB_SIZE];
}
static uint8_t *slab_base(cc_slab *slab) {
    cc_block *block = block_of(slab);
    size_t index = (size_t)(slab - block->slabs);
    return (uint8_t *)block + (index == 0 ? HEADER_SIZE : index * SLAB_SIZE);
}
static size_t slab_room(cc_slab *slab) {
    return slab == block_of(slab)->slabs ? SLAB_SIZE - HEADER_SIZE : SLAB_SIZE;
}

/* ---- blocks ---- */
static void free_list_push(cc_slab_arena *arena, cc_block *block) {
    block->previous_free = NULL;
    block->next_free = arena->free_blocks;
    if (arena->free_blocks != NULL)
        arena->free_blocks->previous_free = block;
    arena->free_blocks = block;
}

static void free_list_remove(cc_slab_arena *arena, cc_block *block) {
    if (block->previous_free != NULL)
        block->previous_free->next_free = block->next_free;
    else
        arena->free_blocks = block->next_free;
    if (block->next_free != NULL)
        block->next_free->previous_free = block->previous_free;
}

/* An aligned mapping: map twice the size, give back what hangs over on both sides. */
static uint8_t *map_block(void) {
    uint8_t *wide = mmap(NULL, 2 * BLOCK_SIZE, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (wide == MAP_FAILED)
        return NULL;
    uint8_t *data = (uint8_t *)(((uintptr_t)wide + BLOCK_SIZE - 1) & ~(uintptr_t)(BLOCK_SIZE - 1));
    if (data != wide)
        (void)munmap(wide, (size_t)(data - wide));
    size_t behind = BLOCK_SIZE - (size_t)(data - wide);
    if (behind != 0)
        (void)munmap(data + BLOCK_SIZE, behind);
    return data;
}

static cc_block *block_add(cc_slab_arena *arena) {
    if (cc_store_alloc_fails())
        return NULL;
    uint8_t *data = map_block();
    if (data == NULL)
        return NULL;
    (void)madvise(data, BLOCK_SIZE, MADV_DONTFORK);
    (void)madvise(data, BLOCK_SIZE, arena->block_count >= HUGE_AFTER ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    cc_block *block = (cc_block *)data;
    block->arena = arena;
    for (int i = SLAB_COUNT - 1; i >= 0; i--) {
        block->slabs[i].next = block->free_slabs;
        block->free_slabs = &block->slabs[i];
    }
    block->next = arena->blocks;
    if (arena->blocks != NULL)
        arena->blocks->previous = block;
    arena->blocks = block;
    arena->block_count++;
    arena->idle_count++;
    free_list_push(arena, block);
    return block;
}

static void block_remove(cc_slab_arena *arena, cc_block *block) {
    free_list_remove(arena, block);
    if (block->previous != NULL)
        block->previous->next = block->next;
    else
        arena->blocks = block->next;
    if (block->next != NULL)
        block->next->previous = block->previous;
    arena->block_count--;
    arena->idle_count--;
    CC_UNPOISON(block, BLOCK_SIZE);
    (void)munmap(block, BLOCK_SIZE);
}

void cc_slab_arena_free(cc_slab_arena *arena) {
    for (cc_block *block = arena->blocks, *next; block != NULL; block = next) {
        next = block->next;
        CC_UNPOISON(block, BLOCK_SIZE);
        (void)munmap(block, BLOCK_SIZE);
    }
    *arena = (cc_slab_arena){0};
}

size_t cc_slab_arena_bytes(const cc_slab_arena *arena) { return arena->block_count * BLOCK_SIZE; }
size_t cc_slab_arena_used(const cc_slab_arena *arena) {
    return arena->slabs_used * SLAB_SIZE + arena->large_bytes;
}

/* ---- slabs ---- */
static cc_slab *slab_take(cc_slab_arena *arena) {
    cc_block *block = arena->free_blocks != NULL ? arena->free_blocks : block_add(arena);
    if (block == NULL)
        return NULL;
    cc_slab *slab = block->free_slabs;
    block->free_slabs = slab->next;
    arena->slabs_used++;
    if (block->slabs_used++ == 0)
        arena->idle_count--;
    if (block->free_slabs == NULL)
        free_list_remove(arena, block);
    return slab;
}

static void slab_give_back(cc_slab_arena *arena, cc_slab *slab) {
    cc_block *block = block_of(slab);
    slab->heap = NULL;
    slab->next = block->free_slabs;
    if (block->free_slabs == NULL)
        free_list_push(arena, block);
    block->free_slabs = slab;
    CC_POISON(slab_base(slab), slab_room(slab));
    arena->slabs_used--;
    if (--block->slabs_used != 0)
        return;
    arena->idle_count++;
    if (arena->idle_count > 1)
        block_remove(arena, block);
}

static void list_push(cc_slab **list, cc_slab *slab) {
    slab->previous = NULL;
    slab->next = *list;
    if (*list != NULL)
        (*list)->previous = slab;
    *list = slab;
}

static void list_remove(cc_slab **list, cc_slab *slab) {
    if (slab->previous != NULL)
        slab->previous->next = slab->next;
    else
        *list = slab->next;
    if (slab->next != NULL)
        slab->next->previous = slab->previous;
}

static void age_begin(cc_heap *heap, cc_slab *slab) {
    slab->older = heap->newest;
    slab->newer = NULL;
    *(heap->newest != NULL ? &heap->newest->newer : &heap->oldest) = slab;
    heap->newest = slab;
}

static void age_end(cc_heap *heap, cc_slab *slab) {
    *(slab->older != NULL ? &slab->older->newer : &heap->oldest) = slab->newer;
    *(slab->newer != NULL ? &slab->newer->older : &heap->newest) = slab->older;
}

/* ---- heaps ---- */
void cc_heap_init(cc_heap *heap, cc_slab_arena *arena) { *heap = (cc_heap){.arena = arena}; }

static void give_back_list(cc_heap *heap, cc_slab *slab) {
    for (cc_slab *next; slab != NULL; slab = next) {
        next = slab->next;
        slab_give_back(heap->arena, slab);
    }
}

void cc_heap_free(cc_heap *heap) {
    give_back_list(heap, heap->full);
    for (size_t i = 0; i < CC_CELL_CLASSES; i++)
        give_back_list(heap, heap->partial[i]);
    for (cc_large *run = heap->large, *next; run != NULL; run = next) {
        next = run->next;
        free(run);
    }
    heap->arena->large_bytes -= heap->large_bytes;
    *heap = (cc_heap){.arena = heap->arena, .spill = heap->spill};
}

static cc_slab *heap_add_slab(cc_heap *heap, uint32_t cell_class) {
    cc_slab *slab = slab_take(heap->arena);
    if (slab == NULL)
        return NULL;
    slab->heap = heap;
    slab->free_cells = NULL;
    slab->cell_size = (uint32_t)cc_cell_size(cell_class);
    slab->cell_class = (uint16_t)cell_class;
    slab->capacity = (uint16_t)(slab_room(slab) / slab->cell_size);
    slab->used = slab->touched = 0;
    CC_POISON(slab_base(slab), slab_room(slab));
    list_push(&heap->partial[cell_class], slab);
    age_begin(heap, slab);
    heap->slab_count++;
    return slab;
}

void *cc_heap_alloc(cc_heap *heap, uint32_t cell_class) {
    if (cc_store_alloc_fails())
        return NULL;
    cc_slab *slab = heap->partial[cell_class];
    if (CC_UNLIKELY(slab == NULL)) {
        slab = heap_add_slab(heap, cell_class);
        if (slab == NULL)
            return NULL;
    }
    void *cell = slab->free_cells;
    if (cell != NULL) {
        CC_UNPOISON(cell, slab->cell_size);
        memcpy(&slab->free_cells, cell, sizeof(void *));
    } else {
        cell = slab_base(slab) + (size_t)slab->touched++ * slab->cell_size;
        CC_UNPOISON(cell, slab->cell_size);
    }
    if (++slab->used == slab->capacity) {
        list_remove(&heap->partial[cell_class], slab);
        list_push(&heap->full, slab);
    }
    return cell;
}

void cc_heap_release(cc_heap *heap, void *cell) {
    cc_slab *slab = slab_of(cell);
    CC_ASSERT(slab->heap == heap && slab->used > 0);
    memcpy(cell, &slab->free_cells, sizeof(void *));
    slab->free_cells = cell;
    CC_POISON(cell, slab->cell_size);
    cc_slab **partial = &heap->partial[slab->cell_class];
    if (slab->used-- == slab->capacity) {
        list_remove(&heap->full, slab);
        list_push(partial, slab);
    }
    /* The last partial slab of a class stays, so that one item put and deleted costs no slab. */
    if (slab->used == 0 && (slab->previous != NULL || slab->next != NULL)) {
        list_remove(partial, slab);
        age_end(heap, slab);
        heap->slab_count--;
        slab_give_back(heap->arena, slab);
    }
}

static void large_link(cc_heap *heap, cc_large *run) {
    run->previous = NULL;
    run->next = heap->large;
    *(heap->large != NULL ? &heap->large->previous : &heap->large_oldest) = run;
    heap->large = run;
}

static void large_unlink(cc_heap *heap, cc_large *run) {
    *(run->previous != NULL ? &run->previous->next : &heap->large) = run->next;
    *(run->next != NULL ? &run->next->previous : &heap->large_oldest) = run->previous;
}

void *cc_heap_alloc_large(cc_heap *heap, size_t size) {
    if (cc_store_alloc_fails() || size > SIZE_MAX / 2)
        return NULL;
    cc_large *run = malloc(sizeof *run + size);
    if (run == NULL)
        return NULL;
    *run = (cc_large){.size = size};
    large_link(heap, run);
    heap->large_bytes += sizeof *run + size;
    heap->arena->large_bytes += sizeof *run + size;
    return run + 1;
}

void cc_heap_release_large(cc_heap *heap, void *data) {
    cc_large *run = (cc_large *)data - 1;
    large_unlink(heap, run);
    heap->large_bytes -= sizeof *run + run->size;
    heap->arena->large_bytes -= sizeof *run + run->size;
    free(run);
}

size_t cc_heap_large_size(const void *data) { return ((const cc_large *)data - 1)->size; }

size_t cc_heap_bytes(const cc_heap *heap) { return heap->slab_count * SLAB_SIZE + heap->large_bytes; }

/* ---- emptying ---- */
/* One bit a cell of the slab: on its free list. */
static void find_free(cc_slab *slab, uint64_t bits[CC_SLAB_CELLS / 64]) {
    memset(bits, 0, CC_SLAB_CELLS / 8);
    for (void *cell = slab->free_cells, *next; cell != NULL; cell = next) {
        size_t at = (size_t)((uint8_t *)cell - slab_base(slab)) / slab->cell_size;
        bits[at / 64] |= (uint64_t)1 << at % 64;
        CC_UNPOISON(cell, sizeof next);
        memcpy(&next, cell, sizeof next);
        CC_POISON(cell, slab->cell_size);
    }
}

cc_slab *cc_heap_detach(cc_heap *heap, void **cells_out, size_t *count_out) {
    uint64_t bits[CC_SLAB_CELLS / 64];
    cc_slab *slab = heap->oldest;
    *count_out = 0;
    if (slab == NULL)
        return NULL;
    CC_ASSERT(slab->cell_size >= CC_SLAB_CELL_MIN);
    list_remove(slab->used == slab->capacity ? &heap->full : &heap->partial[slab->cell_class], slab);
    age_end(heap, slab);
    find_free(slab, bits);
    for (size_t at = 0; at < slab->touched; at++)
        if ((bits[at / 64] >> at % 64 & 1) == 0)
            cells_out[(*count_out)++] = slab_base(slab) + at * slab->cell_size;
    CC_ASSERT(*count_out == slab->used);
    return slab;
}

uint32_t cc_heap_cell_class(const void *cell) { return slab_of(cell)->cell_class; }
size_t cc_heap_cell_size(const void *cell) { return slab_of(cell)->cell_size; }

void cc_heap_release_detached(cc_slab *slab, void *cell) {
    memcpy(cell, &slab->free_cells, sizeof(void *));
    slab->free_cells = cell;
    slab->used--;
    CC_POISON(cell, slab->cell_size);
}

void cc_heap_attach(cc_heap *heap, cc_slab *slab) {
    if (slab->used == 0) {
        heap->slab_count--;
        slab_give_back(heap->arena, slab);
        return;
    }
    list_push(slab->used == slab->capacity ? &heap->full : &heap->partial[slab->cell_class], slab);
    age_begin(heap, slab);
}

void *cc_heap_large_oldest(const cc_heap *heap) {
    return heap->large_oldest == NULL ? NULL : heap->large_oldest + 1;
}

void cc_heap_large_renew(cc_heap *heap, void *data) {
    large_unlink(heap, (cc_large *)data - 1);
    large_link(heap, (cc_large *)data - 1);
}
