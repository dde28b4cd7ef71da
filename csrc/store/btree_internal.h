/* btree_internal.h: the searching that insert, removal and seeks of the B+tree share. */
#ifndef CC_STORE_BTREE_INTERNAL_H
#define CC_STORE_BTREE_INTERNAL_H

#include "store/btree.h"

enum { CC_TREE_DEPTH_MAX = 16 };

/* What is searched for. `full`: compare keys of equal hash in full, whatever their heads say. */
typedef struct {
    cc_head head;
    cc_key key;
    bool full;
} cc_probe;

/* The way from the root to a leaf: node[i] is on level i, index[i] the child taken. */
typedef struct {
    cc_inner *node[CC_TREE_DEPTH_MAX];
    uint32_t index[CC_TREE_DEPTH_MAX];
    cc_leaf *leaf;
} cc_tree_path;

__extension__ typedef unsigned __int128 cc_head_number;
static inline cc_head_number cc_head_number_of(cc_head head) {
    return ((cc_head_number)head.hash << 64) | head.sort;
}

/* Number of heads < number, without a branch on the data. */
static inline uint32_t cc_heads_below(const cc_head *heads, uint32_t count, cc_head_number number) {
    uint32_t base = 0;
    if (count == 0)
        return 0;
    while (count > 1) {
        uint32_t half = count / 2;
        base += cc_head_number_of(heads[base + half - 1]) < number ? half : 0;
        count -= half;
    }
    return base + (cc_head_number_of(heads[base]) < number);
}

/* Fetch all lines of a node's heads at once. */
static inline void cc_prefetch_heads(const void *node) {
    for (size_t offset = 0; offset <= CC_NODE_FANOUT * sizeof(cc_head); offset += 64)
        __builtin_prefetch((const uint8_t *)node + offset);
}

/* The same of a leaf, and of its pointers. */
static inline void cc_prefetch_leaf(const cc_leaf *leaf) {
    cc_prefetch_heads(leaf);
    for (size_t at = 0; at < CC_NODE_FANOUT; at += 64 / sizeof(cc_cell *))
        __builtin_prefetch(&leaf->cells[at]);
}

/* Number of entries < probe, or <= probe when `or_equal`, in arrays sorted as the tree is. A NULL
 * cell (a separator between hashes) counts as <= every key of its hash. */
uint32_t cc_entries_below(const cc_head *heads, cc_cell *const *cells, uint32_t count, const cc_probe *probe,
                          bool or_equal);
/* Fills the path to the leaf where `probe` belongs. */
void cc_btree_descend(const cc_btree *tree, const cc_probe *probe, cc_tree_path *path_out);

#endif
