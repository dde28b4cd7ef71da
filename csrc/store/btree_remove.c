/* btree_remove.c: removing and replacing entries, joining thin nodes, and the check for tests. */
#include "store/btree.h"
#include "store/btree_internal.h"

enum { THIN = CC_NODE_FANOUT / 4, JOINED_MAX = CC_NODE_FANOUT * 3 / 4 };

static void close_gap(void *array, size_t entry_size, uint32_t at, uint32_t count) {
    uint8_t *to = (uint8_t *)array + at * entry_size;
    memmove(to, to + entry_size, (count - at - 1) * entry_size);
}

/* The path to `cell` and its slot; it must be there. */
static uint32_t find(const cc_btree *tree, uint64_t hash, const cc_cell *cell, cc_tree_path *path_out) {
    cc_key key = cc_cell_key(cell);
    cc_probe probe = {cc_head_of(hash, key.sort), key, tree->collided};
    cc_btree_descend(tree, &probe, path_out);
    cc_leaf *leaf = path_out->leaf;
    uint32_t slot = cc_entries_below(leaf->heads, leaf->cells, leaf->count, &probe, false);
    CC_ASSERT(slot < leaf->count && leaf->cells[slot] == cell);
    return slot;
}

void cc_btree_replace(cc_btree *tree, uint64_t hash, const cc_cell *from, cc_cell *to) {
    cc_tree_path path;
    uint32_t slot = find(tree, hash, from, &path);
    path.leaf->cells[slot] = to;
}

/* Takes separator `at` and child `at + 1` out of `inner`; the child's contents have moved left. */
static void inner_take(cc_inner *inner, uint32_t at) {
    uint32_t separators = inner->count - 1u;
    close_gap(inner->separators, sizeof(cc_head), at, separators);
    close_gap(inner->separator_cells, sizeof(cc_cell *), at, separators);
    close_gap(inner->children, sizeof(void *), at + 1, inner->count);
    inner->count--;
}

/* Joins children `at` and `at + 1`, both leaves. */
static void join_leaves(cc_btree *tree, cc_inner *parent, uint32_t at) {
    cc_leaf *left = parent->children[at], *right = parent->children[at + 1];
    memcpy(left->heads + left->count, right->heads, right->count * sizeof(cc_head));
    memcpy(left->cells + left->count, right->cells, right->count * sizeof(cc_cell *));
    left->count = (uint16_t)(left->count + right->count);
    left->flags |= CC_LEAF_DIRTY;
    left->next = right->next;
    if (left->next != NULL)
        left->next->previous = left;
    if (parent->separator_cells[at] != NULL)
        cc_cell_drop_flag(tree->heap, parent->separator_cells[at], CC_CELL_SEPARATOR);
    inner_take(parent, at);
    cc_heap_release(tree->heap, right);
}

/* Joins children `at` and `at + 1`, both inner: the separator between them comes down. */
static void join_inners(cc_btree *tree, cc_inner *parent, uint32_t at) {
    cc_inner *left = parent->children[at], *right = parent->children[at + 1];
    uint32_t end = left->count - 1u;
    left->separators[end] = parent->separators[at];
    left->separator_cells[end] = parent->separator_cells[at];
    memcpy(left->separators + end + 1, right->separators, (right->count - 1u) * sizeof(cc_head));
    memcpy(left->separator_cells + end + 1, right->separator_cells, (right->count - 1u) * sizeof(cc_cell *));
    memcpy(left->children + left->count, right->children, right->count * sizeof(void *));
    left->count = (uint16_t)(left->count + right->count);
    inner_take(parent, at);
    cc_heap_release(tree->heap, right);
}

static uint32_t count_of(const void *node, bool is_leaf) {
    return is_leaf ? ((const cc_leaf *)node)->count : ((const cc_inner *)node)->count;
}

/* Child `at` of `parent` became thin: join it with the neighbour that leaves room, if any. */
static bool join(cc_btree *tree, cc_inner *parent, uint32_t at, bool is_leaf) {
    uint32_t own = count_of(parent->children[at], is_leaf);
    uint32_t least = is_leaf ? 0 : 1; /* an inner node with one child carries no separator */
    for (int side = 0; side < 2; side++) {
        if (side == 0 ? at == 0 : at + 1 >= parent->count)
            continue;
        uint32_t left = side == 0 ? at - 1 : at;
        uint32_t other = count_of(parent->children[side == 0 ? at - 1 : at + 1], is_leaf);
        if (own + other > (own <= least ? (uint32_t)CC_NODE_FANOUT : (uint32_t)JOINED_MAX))
            continue;
        if (is_leaf)
            join_leaves(tree, parent, left);
        else
            join_inners(tree, parent, left);
        return true;
    }
    return false;
}

/* An inner node of one child whose neighbours are both full cannot join: it borrows one child. */
static void borrow(cc_inner *parent, uint32_t at) {
    cc_inner *thin = parent->children[at];
    if (at > 0) { /* the last child of the left neighbour becomes the first */
        cc_inner *left = parent->children[at - 1];
        thin->children[1] = thin->children[0];
        thin->children[0] = left->children[left->count - 1];
        thin->separators[0] = parent->separators[at - 1];
        thin->separator_cells[0] = parent->separator_cells[at - 1];
        parent->separators[at - 1] = left->separators[left->count - 2];
        parent->separator_cells[at - 1] = left->separator_cells[left->count - 2];
        left->count--;
    } else {
        cc_inner *right = parent->children[at + 1];
        thin->children[1] = right->children[0];
        thin->separators[0] = parent->separators[at];
        thin->separator_cells[0] = parent->separator_cells[at];
        parent->separators[at] = right->separators[0];
        parent->separator_cells[at] = right->separator_cells[0];
        uint32_t separators = right->count - 1u;
        close_gap(right->separators, sizeof(cc_head), 0, separators);
        close_gap(right->separator_cells, sizeof(cc_cell *), 0, separators);
        close_gap(right->children, sizeof(void *), 0, right->count);
        right->count--;
    }
    thin->count++;
}

static void shrink_upwards(cc_btree *tree, const cc_tree_path *path) {
    uint32_t level = tree->height;
    bool is_leaf = true;
    const void *node = path->leaf;
    while (level > 0 && count_of(node, is_leaf) < THIN) {
        cc_inner *parent = path->node[--level];
        uint32_t own = count_of(node, is_leaf);
        if (!join(tree, parent, path->index[level], is_leaf)) {
            if (!is_leaf && own == 1)
                borrow(parent, path->index[level]);
            return;
        }
        node = parent;
        is_leaf = false;
    }
    while (tree->height > 0 && ((cc_inner *)tree->root)->count == 1) {
        cc_inner *root = tree->root;
        tree->root = root->children[0];
        tree->height--;
        cc_heap_release(tree->heap, root);
    }
}

void cc_btree_remove(cc_btree *tree, uint64_t hash, const cc_cell *cell) {
    cc_tree_path path;
    uint32_t slot = find(tree, hash, cell, &path);
    cc_leaf *leaf = path.leaf;
    close_gap(leaf->heads, sizeof(cc_head), slot, leaf->count);
    close_gap(leaf->cells, sizeof(cc_cell *), slot, leaf->count);
    leaf->count--;
    leaf->flags |= CC_LEAF_DIRTY;
    if (leaf->count < THIN)
        shrink_upwards(tree, &path);
    if (tree->height == 0 && ((cc_leaf *)tree->root)->count == 0) {
        cc_heap_release(tree->heap, tree->root);
        tree->root = NULL;
        tree->collided = false;
    }
}

/* ---- the check ---- */
typedef struct {
    const cc_btree *tree;
    const cc_leaf *previous;
    uint64_t entries;
} check_walk;

/* Order of (hash a, cell a) against (hash b, key of cell b). */
static int order_of(cc_head a, const cc_cell *cell_a, cc_head b, const cc_cell *cell_b) {
    if (a.hash != b.hash)
        return a.hash < b.hash ? -1 : 1;
    if (cell_b == NULL) /* a separator between hashes is below every key of its hash */
        return 1;
    return cc_cell_compare(cell_a, cc_cell_key(cell_b));
}

static void check_leaf(check_walk *walk, const cc_leaf *leaf) {
    CC_ASSERT(leaf->count > 0 && leaf->count <= CC_NODE_FANOUT);
    CC_ASSERT(leaf->previous == walk->previous);
    CC_ASSERT(walk->previous == NULL || walk->previous->next == leaf);
    for (uint32_t i = 0; i < leaf->count; i++) {
        const cc_cell *cell = leaf->cells[i];
        cc_head head = cc_head_of(leaf->heads[i].hash, cc_cell_key(cell).sort);
        CC_ASSERT((cell->flags & CC_CELL_LIVE) != 0 && head.sort == leaf->heads[i].sort);
        const cc_leaf *before = i > 0 ? leaf : walk->previous;
        uint32_t slot = i > 0 ? i - 1 : before == NULL ? 0 : before->count - 1u;
        if (before != NULL)
            CC_ASSERT(order_of(before->heads[slot], before->cells[slot], head, cell) < 0);
    }
    walk->entries += leaf->count;
    walk->previous = leaf;
}

static void check_node(check_walk *walk, const void *node, uint32_t level) {
    if (level == walk->tree->height) {
        check_leaf(walk, node);
        return;
    }
    const cc_inner *inner = node;
    CC_ASSERT(inner->count > 1 && inner->count <= CC_NODE_FANOUT);
    for (uint32_t i = 0; i < inner->count; i++) {
        check_node(walk, inner->children[i], level + 1);
        if (i + 1u == inner->count)
            break;
        const cc_cell *separator = inner->separator_cells[i];
        CC_ASSERT(separator == NULL || (separator->flags & CC_CELL_SEPARATOR) != 0);
        const cc_leaf *left = walk->previous, *right = left->next;
        CC_ASSERT(order_of(left->heads[left->count - 1], left->cells[left->count - 1], inner->separators[i],
                           separator) < 0);
        CC_ASSERT(order_of(right->heads[0], right->cells[0], inner->separators[i], separator) >= 0);
    }
}

uint64_t cc_btree_check(const cc_btree *tree) {
    if (tree->root == NULL)
        return 0;
    check_walk walk = {.tree = tree};
    check_node(&walk, tree->root, 0);
    CC_ASSERT(walk.previous->next == NULL);
    return walk.entries;
}
