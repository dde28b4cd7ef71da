/* btree_walk.c: finding leaves by the bounds between them; see btree.h. */
#include "store/btree.h"
#include "store/btree_internal.h"

/* What separates the path's leaf from the one behind it; false: there is none. */
static bool upper_of(const cc_btree *tree, const cc_tree_path *path, cc_btree_bound *bound_out) {
    for (uint32_t level = tree->height; level > 0; level--) {
        const cc_inner *inner = path->node[level - 1];
        uint32_t at = path->index[level - 1];
        if (at + 1u == inner->count)
            continue;
        const cc_cell *cell = inner->separator_cells[at];
        *bound_out = (cc_btree_bound){.has_key = cell != NULL, .head = inner->separators[at]};
        if (cell != NULL)
            bound_out->key = cc_cell_key(cell);
        return true;
    }
    return false;
}

bool cc_btree_locate(const cc_btree *tree, const cc_btree_bound *bound, cc_place *place_out,
                     cc_btree_bound *upper_out, bool *last_out) {
    if (tree->root == NULL)
        return false;
    cc_tree_path path;
    /* A bound without a key is below every key of its hash, and so is the empty key. */
    cc_probe probe = {bound->head, bound->key, tree->collided};
    if (bound->first) {
        void *node = tree->root;
        for (uint32_t level = 0; level < tree->height; level++) {
            path.node[level] = node;
            path.index[level] = 0;
            node = path.node[level]->children[0];
        }
        path.leaf = node;
        place_out->slot = 0;
    } else {
        cc_btree_descend(tree, &probe, &path);
        place_out->slot = cc_entries_below(path.leaf->heads, path.leaf->cells, path.leaf->count, &probe,
                                           false);
    }
    place_out->leaf = path.leaf;
    *last_out = !upper_of(tree, &path, upper_out);
    return true;
}
