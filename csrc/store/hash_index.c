/* hash_index.c: see hash_index.h for the picture and the invariants. */
#include "store/hash_index.h"

#include <stdlib.h>

#include "store/poison.h"

enum { SLOTS = 255, FILL = 208, DEPTH_MAX = 40 };

typedef struct {
    uint64_t hash;
    cc_cell *cell; /* NULL: empty */
} hash_slot;

struct cc_hash_segment {
    uint16_t count;
    uint8_t depth;
    cc_hash_segment *overflow;
    hash_slot slots[SLOTS];
};
_Static_assert(sizeof(cc_hash_segment) == 4096, "a segment is one page, its slots keep to lines");

/* Low bits place a key within its segment, top bits choose the segment. */
static uint32_t home_of(uint64_t hash) { return (uint32_t)(((hash & 0xffff) * SLOTS) >> 16); }
static uint32_t following(uint32_t slot) { return slot + 1 == SLOTS ? 0 : slot + 1; }
static size_t entry_of(const cc_hash_index *index, uint64_t hash) {
    return index->depth == 0 ? 0 : (size_t)(hash >> (64 - index->depth));
}

void cc_hash_index_init(cc_hash_index *index, cc_heap *heap) { *index = (cc_hash_index){.heap = heap}; }

void cc_hash_index_free(cc_hash_index *index) {
    free(index->directory);
    cc_hash_index_init(index, index->heap);
}

size_t cc_hash_index_directory_bytes(const cc_hash_index *index) {
    return index->directory == NULL ? 0 : sizeof(cc_hash_segment *) << index->depth;
}

void cc_hash_index_prefetch(const cc_hash_index *index, uint64_t hash) {
    if (index->directory == NULL)
        return;
    const cc_hash_segment *segment = index->directory[entry_of(index, hash)];
    __builtin_prefetch(&segment->slots[home_of(hash)]);
}

static inline void fetch_cell(const cc_cell *cell) {
    for (size_t line = 0; line < 448; line += 64)
        __builtin_prefetch((const uint8_t *)cell + line);
}

cc_cell *cc_hash_index_find(const cc_hash_index *index, uint64_t hash, cc_key key) {
    if (CC_UNLIKELY(index->directory == NULL))
        return NULL;
    const cc_hash_segment *segment = index->directory[entry_of(index, hash)];
    /* The header is needed only when the chain goes on: fetched beside the slot, not after it. */
    __builtin_prefetch(segment);
    do {
        for (uint32_t at = home_of(hash);; at = following(at)) {
            const hash_slot *slot = &segment->slots[at];
            if (slot->cell == NULL)
                break;
            if (slot->hash == hash) {
                /* Almost surely the one: its value is read next. */
                fetch_cell(slot->cell);
                if (CC_LIKELY(cc_cell_has_key(slot->cell, key)))
                    return slot->cell;
            }
        }
        segment = segment->overflow;
    } while (CC_UNLIKELY(segment != NULL));
    return NULL;
}

bool cc_hash_index_holds(const cc_hash_index *index, uint64_t hash) {
    if (CC_UNLIKELY(index->directory == NULL))
        return false;
    const cc_hash_segment *segment = index->directory[entry_of(index, hash)];
    for (uint32_t at = home_of(hash); segment->slots[at].cell != NULL; at = following(at)) {
        if (segment->slots[at].hash != hash)
            continue;
        fetch_cell(segment->slots[at].cell);
        return true;
    }
    return false;
}

static cc_hash_segment *segment_new(cc_heap *heap, uint8_t depth) {
    cc_hash_segment *segment = cc_heap_alloc(heap, cc_cell_class(sizeof *segment));
    if (segment == NULL)
        return NULL;
    memset(segment, 0, sizeof *segment);
    segment->depth = depth;
    return segment;
}

static void place(cc_hash_segment *segment, uint64_t hash, cc_cell *cell) {
    uint32_t at = home_of(hash);
    while (segment->slots[at].cell != NULL)
        at = following(at);
    segment->slots[at] = (hash_slot){hash, cell};
    segment->count++;
}

static cc_status double_directory(cc_hash_index *index) {
    size_t entries = (size_t)1 << index->depth;
    if (cc_store_alloc_fails())
        return CC_ERR_NOMEM;
    cc_hash_segment **directory = malloc(2 * entries * sizeof *directory);
    if (directory == NULL)
        return CC_ERR_NOMEM;
    for (size_t i = 0; i < entries; i++)
        directory[2 * i] = directory[2 * i + 1] = index->directory[i];
    free(index->directory);
    index->directory = directory;
    index->depth++;
    return CC_OK;
}

/* Some keys of `segment` would go to either side of a split. */
static bool splits(const cc_hash_segment *segment) {
    if (segment->depth >= DEPTH_MAX || segment->overflow != NULL)
        return false;
    uint64_t bit = (uint64_t)1 << (63 - segment->depth), seen = 0;
    for (uint32_t at = 0; at < SLOTS; at++)
        if (segment->slots[at].cell != NULL)
            seen |= segment->slots[at].hash & bit ? 2 : 1;
    return seen == 3;
}

static cc_status split(cc_hash_index *index, uint64_t hash, cc_hash_segment *segment) {
    if (segment->depth == index->depth)
        CC_TRY(double_directory(index));
    cc_hash_segment *upper = segment_new(index->heap, (uint8_t)(segment->depth + 1));
    /* The old one is rebuilt in place from a copy: probing order starts afresh on both sides. */
    cc_hash_segment old = *segment;
    if (upper == NULL)
        return CC_ERR_NOMEM;
    uint64_t bit = (uint64_t)1 << (63 - segment->depth);
    memset(segment, 0, sizeof *segment);
    segment->depth = upper->depth;
    for (uint32_t at = 0; at < SLOTS; at++)
        if (old.slots[at].cell != NULL)
            place(old.slots[at].hash & bit ? upper : segment, old.slots[at].hash, old.slots[at].cell);
    size_t run = (size_t)1 << (index->depth - segment->depth);
    size_t first = (entry_of(index, hash) & ~(2 * run - 1)) + run;
    for (size_t i = 0; i < run; i++)
        index->directory[first + i] = upper;
    return CC_OK;
}

cc_status cc_hash_index_insert(cc_hash_index *index, uint64_t hash, cc_cell *cell) {
    if (CC_UNLIKELY(index->directory == NULL)) {
        cc_hash_segment *first = segment_new(index->heap, 0);
        cc_hash_segment **directory = cc_store_alloc_fails() ? NULL : malloc(sizeof *directory);
        if (first == NULL || directory == NULL) {
            if (first != NULL)
                cc_heap_release(index->heap, first);
            free(directory);
            return CC_ERR_NOMEM;
        }
        directory[0] = first;
        index->directory = directory;
        index->depth = 0;
    }
    cc_hash_segment *segment = index->directory[entry_of(index, hash)];
    if (CC_UNLIKELY(segment->count >= FILL) && splits(segment)) {
        CC_TRY(split(index, hash, segment));
        segment = index->directory[entry_of(index, hash)];
    }
    while (CC_UNLIKELY(segment->count >= FILL)) {
        if (segment->overflow == NULL) {
            segment->overflow = segment_new(index->heap, segment->depth);
            if (segment->overflow == NULL)
                return CC_ERR_NOMEM;
        }
        segment = segment->overflow;
    }
    place(segment, hash, cell);
    return CC_OK;
}

/* The slot of `cell` and its segment; it must be there. */
static hash_slot *slot_of(const cc_hash_index *index, uint64_t hash, const cc_cell *cell,
                          cc_hash_segment **segment_out) {
    cc_hash_segment *segment = index->directory[entry_of(index, hash)];
    for (; segment != NULL; segment = segment->overflow) {
        *segment_out = segment;
        for (uint32_t at = home_of(hash); segment->slots[at].cell != NULL; at = following(at))
            if (segment->slots[at].cell == cell)
                return &segment->slots[at];
    }
    CC_ASSERT(!"every live cell is in the hash index");
    return NULL;
}

void cc_hash_index_replace(cc_hash_index *index, uint64_t hash, const cc_cell *from, cc_cell *to) {
    cc_hash_segment *segment;
    slot_of(index, hash, from, &segment)->cell = to;
}

void cc_hash_index_remove(cc_hash_index *index, uint64_t hash, const cc_cell *cell) {
    cc_hash_segment *segment;
    uint32_t hole = (uint32_t)(slot_of(index, hash, cell, &segment) - segment->slots);
    segment->count--;
    /* Move back every later slot of the run that may lie at the hole: its home is not in between.
     */
    for (uint32_t at = following(hole); segment->slots[at].cell != NULL; at = following(at)) {
        uint32_t home = home_of(segment->slots[at].hash);
        uint32_t from_home = at >= home ? at - home : at + SLOTS - home;
        uint32_t from_hole = at >= hole ? at - hole : at + SLOTS - hole;
        if (from_home >= from_hole) {
            segment->slots[hole] = segment->slots[at];
            hole = at;
        }
    }
    segment->slots[hole].cell = NULL;
    cc_hash_segment **link = &index->directory[entry_of(index, hash)]->overflow;
    while (*link != NULL) {
        cc_hash_segment *chained = *link;
        if (chained->count == 0) {
            *link = chained->overflow;
            cc_heap_release(index->heap, chained);
        } else {
            link = &chained->overflow;
        }
    }
}

size_t cc_hash_index_chained(const cc_hash_index *index) {
    size_t chained = 0, entries = index->directory == NULL ? 0 : (size_t)1 << index->depth;
    for (size_t i = 0; i < entries; i++) {
        const cc_hash_segment *segment = index->directory[i];
        if (i != 0 && segment == index->directory[i - 1])
            continue;
        for (; segment->overflow != NULL; segment = segment->overflow)
            chained++;
    }
    return chained;
}
