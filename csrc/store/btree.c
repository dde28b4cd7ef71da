/* btree.c: searching, seeking and inserting; see btree.h for the picture. Removal: btree_remove.c.
 */
#include "store/btree.h"

#include "store/btree_internal.h"

void cc_btree_init(cc_btree *tree, cc_heap *heap) { *tree = (cc_btree){.heap = heap}; }

/* ---- searching ---- */
static bool entry_below(const cc_cell *cell, const cc_probe *probe, bool or_equal) {
    if (cell == NULL)
        return true;
    int order = cc_cell_compare(cell, probe->key);
    return or_equal ? order <= 0 : order < 0;
}

uint32_t cc_entries_below(const cc_head *heads, cc_cell *const *cells, uint32_t count, const cc_probe *probe,
                          bool or_equal) {
    cc_head low = probe->full ? (cc_head){probe->head.hash, 0} : probe->head;
    uint32_t from = cc_heads_below(heads, count, cc_head_number_of(low));
    if (from == count || heads[from].hash != low.hash || (!probe->full && heads[from].sort != low.sort))
        return from;
    /* Heads tie in [from, to): full keys decide there. `above` wraps to 0 after the last head. */
    cc_head_number above = probe->full ? (cc_head_number)(low.hash + 1) << 64 : cc_head_number_of(low) + 1;
    uint32_t to = count;
    if (above != 0)
        to = from + 1 + cc_heads_below(heads + from + 1, count - from - 1, above);
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (entry_below(cells[middle], probe, or_equal))
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

void cc_btree_descend(const cc_btree *tree, const cc_probe *probe, cc_tree_path *path_out) {
    void *node = tree->root;
    for (uint32_t level = 0; level < tree->height; level++) {
        cc_inner *inner = node;
        uint32_t index = cc_entries_below(inner->separators, inner->separator_cells, inner->count - 1u, probe,
                                          true);
        path_out->node[level] = inner;
        path_out->index[level] = index;
        node = inner->children[index];
        if (level + 1 < tree->height)
            cc_prefetch_heads(node);
    }
    path_out->leaf = node;
    if (CC_LIKELY(node != NULL))
        cc_prefetch_leaf(node);
}

/* While no hash has two partitions, one entry of the probe's hash tells whether it is the same
 * partition. True: the entry at `slot` or the one before it has the hash but not the partition, so
 * the search by heads was meaningless. */
static bool strange_neighbour(const cc_leaf *leaf, uint32_t slot, const cc_probe *probe) {
    if (probe->full)
        return false;
    const cc_cell *cell = NULL;
    if (slot < leaf->count ? leaf->heads[slot].hash == probe->head.hash
                           : leaf->next != NULL && leaf->next->heads[0].hash == probe->head.hash)
        cell = slot < leaf->count ? leaf->cells[slot] : leaf->next->cells[0];
    else if (slot > 0 && leaf->heads[slot - 1].hash == probe->head.hash)
        cell = leaf->cells[slot - 1];
    else if (slot == 0 && leaf->previous != NULL &&
             leaf->previous->heads[leaf->previous->count - 1].hash == probe->head.hash)
        cell = leaf->previous->cells[leaf->previous->count - 1];
    return cell != NULL && !cc_bytes_equal(cc_cell_key(cell).partition, probe->key.partition);
}

/* ---- ahead of an insert ---- */
const cc_leaf *cc_btree_fetch_leaf(const cc_btree *tree, uint64_t hash, cc_key key) {
    cc_probe probe = {cc_head_of(hash, key.sort), key, tree->collided};
    cc_tree_path path;
    cc_btree_descend(tree, &probe, &path);
    return path.leaf;
}

void cc_btree_fetch_neighbour(const cc_leaf *leaf, uint64_t hash, cc_key key) {
    uint32_t slot = cc_heads_below(leaf->heads, leaf->count, cc_head_number_of(cc_head_of(hash, key.sort)));
    if (slot < leaf->count)
        __builtin_prefetch(leaf->cells[slot]);
    if (slot > 0)
        __builtin_prefetch(leaf->cells[slot - 1]);
}

/* ---- seeking ---- */
static cc_place seek(const cc_btree *tree, uint64_t hash, cc_key key, bool or_equal) {
    if (tree->root == NULL)
        return (cc_place){NULL, 0};
    cc_probe probe = {cc_head_of(hash, key.sort), key, tree->collided};
    cc_tree_path path;
    for (;;) {
        cc_btree_descend(tree, &probe, &path);
        uint32_t slot = cc_entries_below(path.leaf->heads, path.leaf->cells, path.leaf->count, &probe,
                                         or_equal);
        if (CC_LIKELY(!strange_neighbour(path.leaf, slot, &probe)))
            return (cc_place){path.leaf, slot};
        probe.full = true;
    }
}

static cc_place forward(cc_place place) {
    if (place.leaf != NULL && place.slot == place.leaf->count)
        place = (cc_place){place.leaf->next, 0};
    return place;
}

cc_place cc_btree_seek(const cc_btree *tree, uint64_t hash, cc_key key) {
    return forward(seek(tree, hash, key, false));
}

cc_place cc_btree_seek_last(const cc_btree *tree, uint64_t hash, cc_key key) {
    cc_place place = seek(tree, hash, key, true);
    if (place.leaf != NULL && place.slot == 0) {
        place.leaf = place.leaf->previous;
        place.slot = place.leaf == NULL ? 0 : place.leaf->count;
    }
    if (place.leaf != NULL)
        place.slot--;
    return place;
}

cc_place cc_btree_seek_hash(const cc_btree *tree, uint64_t hash) {
    void *node = tree->root;
    cc_head_number wanted = cc_head_number_of((cc_head){hash, 0});
    if (node == NULL)
        return (cc_place){NULL, 0};
    /* Strictly below: a separator of this very hash has keys of it on both sides, or none left. */
    for (uint32_t level = 0; level < tree->height; level++) {
        cc_inner *inner = node;
        node = inner->children[cc_heads_below(inner->separators, inner->count - 1u, wanted)];
        cc_prefetch_heads(node);
    }
    cc_leaf *leaf = node;
    return forward((cc_place){leaf, cc_heads_below(leaf->heads, leaf->count, wanted)});
}

/* ---- inserting ---- */
static void open_gap(void *array, size_t entry_size, uint32_t at, uint32_t count) {
    uint8_t *from = (uint8_t *)array + at * entry_size;
    memmove(from + entry_size, from, (count - at) * entry_size);
}

static void leaf_put(cc_leaf *leaf, uint32_t slot, cc_head head, cc_cell *cell) {
    open_gap(leaf->heads, sizeof(cc_head), slot, leaf->count);
    open_gap(leaf->cells, sizeof(cc_cell *), slot, leaf->count);
    leaf->heads[slot] = head;
    leaf->cells[slot] = cell;
    leaf->count++;
}

static void inner_put(cc_inner *inner, uint32_t at, cc_head separator, cc_cell *cell, void *right) {
    uint32_t separators = inner->count - 1u;
    open_gap(inner->separators, sizeof(cc_head), at, separators);
    open_gap(inner->separator_cells, sizeof(cc_cell *), at, separators);
    open_gap(inner->children, sizeof(void *), at + 1, inner->count);
    inner->separators[at] = separator;
    inner->separator_cells[at] = cell;
    inner->children[at + 1] = right;
    inner->count++;
}

/* Splits a full leaf around the coming entry and puts the entry in. Appending keeps the left leaf
 * full: sort keys that only grow then fill their leaves. */
static void leaf_split(cc_leaf *leaf, cc_leaf *right, uint32_t slot, cc_head head, cc_cell *cell,
                       cc_head *separator_out, cc_cell **separator_cell_out) {
    uint32_t keep = slot == CC_NODE_FANOUT ? CC_NODE_FANOUT : CC_NODE_FANOUT / 2;
    right->count = (uint16_t)(CC_NODE_FANOUT - keep);
    leaf->flags |= CC_LEAF_DIRTY;
    memcpy(right->heads, leaf->heads + keep, right->count * sizeof(cc_head));
    memcpy(right->cells, leaf->cells + keep, right->count * sizeof(cc_cell *));
    leaf->count = (uint16_t)keep;
    right->previous = leaf;
    right->next = leaf->next;
    if (right->next != NULL)
        right->next->previous = right;
    leaf->next = right;
    if (slot > keep || keep == CC_NODE_FANOUT)
        leaf_put(right, slot - keep, head, cell);
    else
        leaf_put(leaf, slot, head, cell);
    *separator_out = (cc_head){right->heads[0].hash, 0};
    *separator_cell_out = NULL;
    if (leaf->heads[leaf->count - 1].hash == right->heads[0].hash) {
        *separator_out = right->heads[0];
        *separator_cell_out = right->cells[0];
        right->cells[0]->flags |= CC_CELL_SEPARATOR;
    }
}

/* Splits a full inner node; its middle separator moves up. */
static void inner_split(cc_inner *inner, cc_inner *right, uint32_t at, cc_head *separator, cc_cell **cell,
                        void *child) {
    uint32_t keep = at == CC_NODE_FANOUT - 1 ? CC_NODE_FANOUT - 1 : CC_NODE_FANOUT / 2; /* children */
    cc_head up = inner->separators[keep - 1];
    cc_cell *up_cell = inner->separator_cells[keep - 1];
    right->count = (uint16_t)(CC_NODE_FANOUT - keep);
    memcpy(right->separators, inner->separators + keep, (right->count - 1u) * sizeof(cc_head));
    memcpy(right->separator_cells, inner->separator_cells + keep, (right->count - 1u) * sizeof(cc_cell *));
    memcpy(right->children, inner->children + keep, right->count * sizeof(void *));
    inner->count = (uint16_t)keep;
    if (at < keep)
        inner_put(inner, at, *separator, *cell, child);
    else
        inner_put(right, at - keep, *separator, *cell, child);
    *separator = up;
    *cell = up_cell;
}

/* The inner nodes that one more child of the path's last node needs, taken before anything changes. */
static cc_status take_inners(cc_btree *tree, const cc_tree_path *path, void *nodes[CC_TREE_DEPTH_MAX + 1],
                             uint32_t *count_out) {
    uint32_t needed = 0, level = tree->height;
    while (level > 0 && path->node[level - 1]->count == CC_NODE_FANOUT) {
        needed++;
        level--;
    }
    if (level == 0)
        needed++; /* a new root */
    CC_ASSERT(tree->height + 1 < CC_TREE_DEPTH_MAX);
    for (uint32_t i = 0; i < needed; i++) {
        nodes[i] = cc_heap_alloc(tree->heap, cc_cell_class(sizeof(cc_inner)));
        if (nodes[i] == NULL) {
            while (i > 0)
                cc_heap_release(tree->heap, nodes[--i]);
            return CC_ERR_NOMEM;
        }
    }
    *count_out = needed;
    return CC_OK;
}

/* Hangs `right` behind the path's leaf. */
static void push_up(cc_btree *tree, const cc_tree_path *path, void *right, cc_head separator,
                    cc_cell *separator_cell, void **nodes, uint32_t taken) {
    uint32_t used = 0, level = tree->height;
    while (level > 0) {
        cc_inner *inner = path->node[--level];
        uint32_t at = path->index[level];
        if (inner->count < CC_NODE_FANOUT) {
            inner_put(inner, at, separator, separator_cell, right);
            CC_ASSERT(used == taken);
            return;
        }
        CC_ASSERT(used < taken);
        inner_split(inner, nodes[used], at, &separator, &separator_cell, right);
        right = nodes[used++];
    }
    CC_ASSERT(used + 1 == taken);
    cc_inner *root = nodes[used];
    root->count = 1;
    root->children[0] = tree->root;
    inner_put(root, 0, separator, separator_cell, right);
    tree->root = root;
    tree->height++;
}

cc_leaf *cc_btree_leaf_new(cc_btree *tree) {
    cc_leaf *leaf = cc_heap_alloc(tree->heap, cc_cell_class(sizeof *leaf));
    if (leaf == NULL)
        return NULL;
    leaf->count = 0;
    leaf->flags = CC_LEAF_DIRTY;
    leaf->page = (cc_page_ref){0};
    leaf->previous = leaf->next = NULL;
    return leaf;
}

static cc_status insert_splitting(cc_btree *tree, const cc_tree_path *path, uint32_t slot, cc_head head,
                                  cc_cell *cell) {
    void *nodes[CC_TREE_DEPTH_MAX + 1];
    uint32_t taken = 0;
    cc_leaf *right = cc_btree_leaf_new(tree);
    if (right == NULL)
        return CC_ERR_NOMEM;
    cc_status status = take_inners(tree, path, nodes, &taken);
    if (status != CC_OK) {
        cc_heap_release(tree->heap, right);
        return status;
    }
    cc_head separator;
    cc_cell *separator_cell;
    leaf_split(path->leaf, right, slot, head, cell, &separator, &separator_cell);
    push_up(tree, path, right, separator, separator_cell, nodes, taken);
    return CC_OK;
}

cc_status cc_btree_append(cc_btree *tree, cc_leaf *leaf, cc_head separator, cc_cell *separator_cell) {
    void *nodes[CC_TREE_DEPTH_MAX + 1];
    uint32_t taken = 0;
    cc_tree_path path;
    if (tree->root == NULL) {
        tree->root = leaf;
        return CC_OK;
    }
    void *node = tree->root;
    for (uint32_t level = 0; level < tree->height; level++) {
        path.node[level] = node;
        path.index[level] = path.node[level]->count - 1u;
        node = path.node[level]->children[path.index[level]];
    }
    path.leaf = node;
    CC_TRY(take_inners(tree, &path, nodes, &taken));
    path.leaf->next = leaf;
    leaf->previous = path.leaf;
    push_up(tree, &path, leaf, separator, separator_cell, nodes, taken);
    return CC_OK;
}

cc_status cc_btree_insert(cc_btree *tree, uint64_t hash, cc_cell *cell) {
    cc_key key = cc_cell_key(cell);
    cc_probe probe = {cc_head_of(hash, key.sort), key, tree->collided};
    if (CC_UNLIKELY(tree->root == NULL)) {
        tree->root = cc_btree_leaf_new(tree);
        if (tree->root == NULL)
            return CC_ERR_NOMEM;
    }
    cc_tree_path path;
    uint32_t slot;
    for (;;) {
        cc_btree_descend(tree, &probe, &path);
        slot = cc_entries_below(path.leaf->heads, path.leaf->cells, path.leaf->count, &probe, false);
        if (CC_LIKELY(!strange_neighbour(path.leaf, slot, &probe)))
            break;
        tree->collided = probe.full = true;
    }
    if (CC_LIKELY(path.leaf->count < CC_NODE_FANOUT)) {
        leaf_put(path.leaf, slot, probe.head, cell);
        return CC_OK;
    }
    return insert_splitting(tree, &path, slot, probe.head, cell);
}
