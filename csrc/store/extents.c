/* extents.c: maps of blocks, one bit each; see extents.h. */
#include "store/extents.h"

#include <stdlib.h>

#include "store/poison.h"

enum { BITS = 64, BLOCK_SIZE = 4096 };

void cc_extents_init(cc_extents *extents, uint64_t reserved_blocks) {
    *extents = (cc_extents){.reserved = reserved_blocks, .blocks = reserved_blocks, .next = reserved_blocks};
}

void cc_extents_free(cc_extents *extents) {
    for (int i = 0; i < CC_MAP_COUNT; i++)
        free(extents->maps[i].words);
    free(extents->pins);
    *extents = (cc_extents){0};
}

/* A pin count for each block that the maps have room for. */
static cc_status reserve_pins(cc_extents *extents) {
    size_t count = extents->maps[CC_TAKEN].count * BITS;
    if (extents->pin_count >= count)
        return CC_OK;
    uint16_t *pins = cc_store_alloc_fails() ? NULL : realloc(extents->pins, count * sizeof *pins);
    if (pins == NULL)
        return CC_ERR_NOMEM;
    memset(pins + extents->pin_count, 0, (count - extents->pin_count) * sizeof *pins);
    extents->pins = pins;
    extents->pin_count = count;
    return CC_OK;
}

/* Every map has room for `blocks`: what is grown stays grown, so that a run can be marked in several. */
static cc_status reserve(cc_extents *extents, uint64_t blocks) {
    size_t needed = (size_t)((blocks + BITS - 1) / BITS);
    for (int i = 0; i < CC_MAP_COUNT; i++) {
        cc_block_map *map = &extents->maps[i];
        if (map->count >= needed)
            continue;
        size_t count = map->count * 2 < needed ? needed + 16 : map->count * 2;
        uint64_t *words = cc_store_alloc_fails() ? NULL : realloc(map->words, count * sizeof *words);
        if (words == NULL)
            return CC_ERR_NOMEM;
        memset(words + map->count, 0, (count - map->count) * sizeof *words);
        map->words = words;
        map->count = count;
    }
    return extents->counts_pins ? reserve_pins(extents) : CC_OK;
}

/* The bits from `bit` on. */
static uint64_t bits_from(uint64_t bit) { return bit >= BITS ? 0 : UINT64_MAX << bit; }

/* The bits of word `at` that lie in the run. */
static uint64_t part_of(uint64_t at, uint64_t first, uint64_t count) {
    uint64_t low = at * BITS, end = first + count;
    return bits_from(first > low ? first - low : 0) & ~bits_from(end - low);
}

static bool set(cc_block_map *map, uint64_t first, uint64_t count) {
    bool overlap = false;
    for (uint64_t at = first / BITS; at <= (first + count - 1) / BITS; at++) {
        uint64_t bits = part_of(at, first, count);
        overlap = overlap || (map->words[at] & bits) != 0;
        map->words[at] |= bits;
    }
    return overlap;
}

static bool all_set(const cc_block_map *map, uint64_t first, uint64_t count) {
    for (uint64_t at = first / BITS; at <= (first + count - 1) / BITS; at++) {
        uint64_t bits = part_of(at, first, count);
        if (at >= map->count || (map->words[at] & bits) != bits)
            return false;
    }
    return true;
}

static bool is_taken(const cc_extents *extents, uint64_t block) {
    return extents->maps[CC_TAKEN].words[block / BITS] >> (block % BITS) & 1;
}

/* The first free run of `count` blocks that begins in [from, to); to when there is none. */
static uint64_t find_run(const cc_extents *extents, uint64_t from, uint64_t to, uint64_t count) {
    const uint64_t *words = extents->maps[CC_TAKEN].words;
    uint64_t run = 0;
    for (uint64_t block = from; block < extents->blocks && (run != 0 || block < to); block++) {
        if (block % BITS == 0 && words[block / BITS] == UINT64_MAX) {
            run = 0;
            block += BITS - 1;
            continue;
        }
        run = is_taken(extents, block) ? 0 : run + 1;
        if (run == count)
            return block + 1 - count;
    }
    return to;
}

/* Free blocks at the end of the file begin a run that the file's growth completes. */
static uint64_t find_end(const cc_extents *extents) {
    uint64_t block = extents->blocks;
    while (block > extents->reserved && !is_taken(extents, block - 1))
        block--;
    return block;
}

static uint64_t find(cc_extents *extents, uint64_t count) {
    if (extents->scarce == 0 || count < extents->scarce) {
        uint64_t first = find_run(extents, extents->next, extents->blocks, count);
        if (first != extents->blocks)
            return first;
        first = find_run(extents, extents->reserved, extents->next, count);
        if (first != extents->next)
            return first;
        extents->scarce = count;
        extents->unsearched = 0;
    }
    return find_end(extents);
}

cc_status cc_extents_take(cc_extents *extents, uint64_t count, bool young, uint64_t *first_out) {
    CC_TRY(reserve(extents, extents->blocks + count));
    uint64_t first = find(extents, count);
    if (first + count > extents->blocks)
        extents->blocks = first + count;
    set(&extents->maps[CC_FRESH], first, count);
    if (young)
        set(&extents->maps[CC_YOUNG], first, count);
    set(&extents->maps[CC_TAKEN], first, count);
    extents->next = first + count;
    *first_out = first;
    return CC_OK;
}

void cc_extents_release(cc_extents *extents, uint64_t first, uint64_t count) {
    if (!all_set(&extents->maps[CC_FRESH], first, count))
        return;
    for (uint64_t at = first / BITS; at <= (first + count - 1) / BITS; at++) {
        uint64_t bits = part_of(at, first, count);
        extents->maps[CC_FRESH].words[at] &= ~bits;
        extents->maps[CC_YOUNG].words[at] &= ~bits;
        uint64_t others = 0;
        for (int map = CC_HELD; map <= CC_BUILDING; map++)
            others |= extents->maps[map].words[at];
        others |= extents->maps[CC_PINNED].words[at];
        extents->maps[CC_TAKEN].words[at] &= ~bits | others;
    }
    extents->scarce = 0;
}

cc_status cc_extents_mark(cc_extents *extents, cc_map_name map, uint64_t first, uint64_t count,
                          bool *overlap_out) {
    CC_TRY(reserve(extents, first + count));
    if (first + count > extents->blocks)
        extents->blocks = first + count;
    *overlap_out = first < extents->reserved || set(&extents->maps[map], first, count);
    set(&extents->maps[CC_TAKEN], first, count);
    return CC_OK;
}

/* ---- pins ---- */
void cc_extents_pin(cc_extents *extents, uint64_t offset, uint64_t size) {
    for (uint64_t block = offset / BLOCK_SIZE; block <= (offset + size - 1) / BLOCK_SIZE; block++) {
        CC_ASSERT(block < extents->blocks && extents->pins[block] < UINT16_MAX);
        if (extents->pins[block]++ == 0) {
            set(&extents->maps[CC_PINNED], block, 1);
            set(&extents->maps[CC_TAKEN], block, 1);
        }
    }
}

static void unpin_block(cc_extents *extents, uint64_t block) {
    uint64_t bit = (uint64_t)1 << block % BITS, others = 0;
    extents->maps[CC_PINNED].words[block / BITS] &= ~bit;
    for (int map = 0; map < CC_TAKEN; map++)
        others |= extents->maps[map].words[block / BITS];
    extents->maps[CC_TAKEN].words[block / BITS] &= ~bit | others;
    /* Values go one by one: a search of the whole map for each would cost more than some blocks at the end. */
    if (++extents->unsearched > extents->blocks / 64)
        extents->scarce = 0;
}

void cc_extents_unpin(cc_extents *extents, uint64_t offset, uint64_t size) {
    for (uint64_t block = offset / BLOCK_SIZE; block <= (offset + size - 1) / BLOCK_SIZE; block++) {
        CC_ASSERT(block < extents->pin_count && extents->pins[block] != 0);
        if (--extents->pins[block] == 0)
            unpin_block(extents, block);
    }
}

/* ---- the life of a checkpoint ---- */
static void clear(cc_block_map *map) {
    if (map->count != 0)
        memset(map->words, 0, map->count * sizeof *map->words);
}

static void sum_up(cc_extents *extents) {
    for (size_t at = 0; at < extents->maps[CC_TAKEN].count; at++) {
        uint64_t word = 0;
        for (int map = 0; map < CC_TAKEN; map++)
            word |= extents->maps[map].words[at];
        extents->maps[CC_TAKEN].words[at] = word;
    }
    extents->scarce = 0;
}

void cc_extents_forget(cc_extents *extents, cc_map_name map) {
    clear(&extents->maps[map]);
    sum_up(extents);
}

void cc_extents_begin(cc_extents *extents) {
    clear(&extents->maps[CC_BUILDING]);
    clear(&extents->maps[CC_YOUNG]);
}

void cc_extents_abandon(cc_extents *extents) { cc_extents_forget(extents, CC_BUILDING); }

void cc_extents_publish(cc_extents *extents) {
    cc_block_map *maps = extents->maps, held = maps[CC_HELD];
    for (size_t at = 0; at < maps[CC_TAKEN].count; at++)
        maps[CC_FRESH].words[at] = maps[CC_YOUNG].words[at] & ~maps[CC_BUILDING].words[at];
    maps[CC_HELD] = maps[CC_LIVE];
    maps[CC_LIVE] = maps[CC_BUILDING];
    maps[CC_BUILDING] = held;
    clear(&maps[CC_BUILDING]);
    clear(&maps[CC_YOUNG]);
    sum_up(extents);
}

uint64_t cc_extents_used(const cc_extents *extents) {
    uint64_t blocks = extents->reserved;
    for (size_t at = 0; at < extents->maps[CC_TAKEN].count; at++)
        blocks += (uint64_t)__builtin_popcountll(extents->maps[CC_TAKEN].words[at]);
    return blocks;
}
