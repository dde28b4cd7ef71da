/* hash_index.h: full key -> cell, for every read and write of one item. Extendible hashing.
 *
 *   directory (2^depth pointers, by the top bits of the hash) -> segment (4 KiB)
 *   segment | u16 count | u8 depth | segment *overflow | 255 x { u64 hash | cell * } |
 *
 * A lookup costs the directory entry (small, mostly cached), one line of the segment and the cell.
 * Growth is one segment at a time: a full segment splits in two (about 200 slots move), the
 * directory doubles when the segment was as deep as it; no moment rehashes everything.
 * Within a segment: linear probing by low bits, deletion shifts back, so there are no tombstones.
 * Keys that a split cannot part (equal hashes) go to a chain of overflow segments; so would keys that come in the
 * order of their hashes, which cc_store_key_hash sees to.
 *
 * Invariants: count <= FILL; a segment of depth d is pointed to by 2^(depth-d) neighbouring
 * directory entries; a key lies in the first segment of its chain that had room.
 * Source: Fagin et al., "Extendible Hashing", 1979. Thread rule: the owner's lock. */
#ifndef CC_STORE_HASH_INDEX_H
#define CC_STORE_HASH_INDEX_H

#include "store/cell.h"

typedef struct cc_hash_segment cc_hash_segment;

typedef struct {
    cc_heap *heap;
    cc_hash_segment **directory; /* NULL until the first insert; from malloc */
    uint32_t depth;
} cc_hash_index;

void cc_hash_index_init(cc_hash_index *index, cc_heap *heap);
/* The directory alone: segments go with the heap. */
void cc_hash_index_free(cc_hash_index *index);
size_t cc_hash_index_directory_bytes(const cc_hash_index *index);

cc_cell *cc_hash_index_find(const cc_hash_index *index, uint64_t hash, cc_key key);
/* Fetches the line that a find of `hash` will read. */
void cc_hash_index_prefetch(const cc_hash_index *index, uint64_t hash);
/* Whether a key of `hash` is there, but for chains; its cell is fetched. */
bool cc_hash_index_holds(const cc_hash_index *index, uint64_t hash);
/* `cell` must not be in the index yet. CC_ERR_NOMEM changes nothing that a find can see. */
CC_MUST_CHECK cc_status cc_hash_index_insert(cc_hash_index *index, uint64_t hash, cc_cell *cell);
/* `from` must be in the index. */
void cc_hash_index_replace(cc_hash_index *index, uint64_t hash, const cc_cell *from, cc_cell *to);
void cc_hash_index_remove(cc_hash_index *index, uint64_t hash, const cc_cell *cell);
/* Overflow segments, which only equal hashes should need: for tests, every segment is looked at. */
size_t cc_hash_index_chained(const cc_hash_index *index);

#endif
