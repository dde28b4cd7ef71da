/* btree.h: the ordered index of a space: a B+tree over (partition hash, partition, sort).
 *
 *   inner  | count | separators: heads [63] | their cells [63] | children [64] |      2 KiB
 *   leaf   | count, flags | previous, next | heads [64] | cells [64] | page |         1.6 KiB
 *   head   { partition hash, first 8 bytes of the sort key, big-endian }: 16 bytes, packed apart
 *          from the pointers, compared as one 128-bit number
 *
 * A search reads heads alone and touches a cell only where two heads tie. The lines of a node's
 * heads are fetched together before the branchless search, so a node costs about one miss.
 *
 * Separator i lies between child i and child i + 1: all keys left of it are smaller, all right of
 * it greater or equal. Where the partition hashes on its sides differ it is (hash of the right
 * side, 0) without a cell. Else it is the head of the right side's first key with that item's cell,
 * whose full key decides ties; the cell is flagged CC_CELL_SEPARATOR and outlives its item if need
 * be, so a split allocates nothing but nodes.
 *
 * Two partitions with one 64-bit hash would break the order of heads (sort before partition). The
 * insert that would bring the second one sets `collided`: from then on keys of equal hash are
 * compared in full. Up to then both orders agree.
 *
 * Insert allocates all the nodes it needs first: it happens or changes nothing. Removal never
 * allocates; a node under a quarter full joins a neighbour when both fit in three quarters, an
 * empty one always does. Thread rule: the owner's lock. */
#ifndef CC_STORE_BTREE_H
#define CC_STORE_BTREE_H

#include "store/cell.h"

#define CC_NODE_FANOUT 64

typedef struct {
    uint64_t hash;
    uint64_t sort;
} cc_head;

typedef struct cc_leaf cc_leaf;
struct cc_leaf {
    uint16_t count;
    uint8_t flags; /* CC_LEAF_* */
    cc_leaf *previous, *next;
    uint64_t unused; /* keeps the heads on line boundaries of 16 */
    cc_head heads[CC_NODE_FANOUT];
    cc_cell *cells[CC_NODE_FANOUT];
    cc_page_ref page; /* where the page file has it; current unless the leaf or one of its cells is dirty */
};
enum { CC_LEAF_DIRTY = 1 }; /* it lost or gained entries since `page` was written */

typedef struct {
    uint16_t count; /* children */
    cc_head separators[CC_NODE_FANOUT - 1];
    cc_cell *separator_cells[CC_NODE_FANOUT - 1];
    void *children[CC_NODE_FANOUT];
} cc_inner;

typedef struct {
    cc_heap *heap;
    void *root;      /* a leaf when height is 0; NULL before the first insert */
    uint32_t height; /* inner levels */
    bool collided;
} cc_btree;

/* A place in a leaf; leaf NULL: none. */
typedef struct {
    cc_leaf *leaf;
    uint32_t slot;
} cc_place;

static inline cc_head cc_head_of(uint64_t hash, cc_bytes sort) {
    uint64_t word = 0;
    if (sort.size >= 8)
        memcpy(&word, sort.data, 8);
    else if (sort.size != 0)
        memcpy(&word, sort.data, sort.size);
    return (cc_head){hash, __builtin_bswap64(word)}; /* little-endian machines: the format is memory only */
}

void cc_btree_init(cc_btree *tree, cc_heap *heap);
/* `cell` holds a key that is not in the tree. */
CC_MUST_CHECK cc_status cc_btree_insert(cc_btree *tree, uint64_t hash, cc_cell *cell);
/* `from` is in the tree; `to` has the same key. */
void cc_btree_replace(cc_btree *tree, uint64_t hash, const cc_cell *from, cc_cell *to);
void cc_btree_remove(cc_btree *tree, uint64_t hash, const cc_cell *cell);
/* What an insert of `key` will read, fetched in two steps: the leaf where it belongs (NULL: there is none yet), and,
 * a little later and before anything is removed, the neighbours in it. */
const cc_leaf *cc_btree_fetch_leaf(const cc_btree *tree, uint64_t hash, cc_key key);
void cc_btree_fetch_neighbour(const cc_leaf *leaf, uint64_t hash, cc_key key);

/* First entry >= key; last entry <= key; first entry with hash >= `hash`. */
cc_place cc_btree_seek(const cc_btree *tree, uint64_t hash, cc_key key);
cc_place cc_btree_seek_last(const cc_btree *tree, uint64_t hash, cc_key key);
cc_place cc_btree_seek_hash(const cc_btree *tree, uint64_t hash);

/* ---- leaf by leaf: how checkpoints are taken and restored ---- */
/* What stands between two neighbouring leaves: a head, or a whole key; before the first leaf nothing. */
typedef struct {
    bool first, has_key;
    cc_head head;
    cc_key key;
} cc_btree_bound;
/* The leaf that holds what comes first at or after `bound`, and its slot there (its count: the leaf ends
 * before). False when the tree is empty. */
bool cc_btree_locate(const cc_btree *tree, const cc_btree_bound *bound, cc_place *place_out,
                     cc_btree_bound *upper_out, bool *last_out);
/* An empty leaf that no tree knows; NULL when memory is out. */
cc_leaf *cc_btree_leaf_new(cc_btree *tree);
/* Hangs a leaf behind the last one. `separator_cell` (flagged CC_CELL_SEPARATOR) or NULL as in an inner node;
 * both are looked at only when there is a leaf before. */
CC_MUST_CHECK cc_status cc_btree_append(cc_btree *tree, cc_leaf *leaf, cc_head separator,
                                        cc_cell *separator_cell);

/* Walks every node and asserts the invariants; returns the number of entries. For tests. */
uint64_t cc_btree_check(const cc_btree *tree);

#endif
