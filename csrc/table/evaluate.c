/* evaluate.c: truth of a condition or filter on an encoded item, without decoding it.
 *
 * A missing operand makes every comparison false except <>, which is then true. Values of different
 * types are never equal and never ordered. Only S, N and B have an order: N by its encoding, whose
 * byte order is numeric order. size() of S and B is in bytes, of sets, lists and maps in members.
 *
 * Recursion is bounded by CC_EXPRESSION_DEPTH_MAX (parse.c). */
#include "codec/number.h"
#include "table/expression.h"

typedef struct {
    bool present;
    cc_value value;
    uint8_t number[CC_NUMBER_MAX + 1]; /* a computed N: value.payload points here */
} cc_operand;

typedef struct {
    const cc_bound *bound;
    cc_bytes item;
} cc_frame;

static const cc_node *node_at(const cc_frame *frame, uint32_t index) {
    return &frame->bound->program->nodes[index];
}

bool cc_path_find(const cc_bound *bound, uint32_t path, cc_bytes item, cc_value *value_out) {
    cc_path p = bound->program->paths[path];
    if (item.size == 0 || !cc_item_find(item, bound->names[p.first], value_out))
        return false;
    for (uint32_t i = p.first + 1; i < p.first + p.count; i++) {
        const cc_path_element *element = &bound->program->elements[i];
        cc_value inside;
        if (element->is_index) {
            if (value_out->type != CC_TYPE_L || !cc_list_at(*value_out, element->index, &inside))
                return false;
        } else if (value_out->type != CC_TYPE_M ||
                   !cc_item_find(value_out->payload, bound->names[i], &inside)) {
            return false;
        }
        *value_out = inside;
    }
    return true;
}

int cc_value_order(cc_value a, cc_value b) { return cc_bytes_compare(cc_value_bytes(a), cc_value_bytes(b)); }

static bool size_of(cc_value value, int64_t *size_out) {
    switch (value.type) {
    case CC_TYPE_S:
    case CC_TYPE_B:
        *size_out = (int64_t)cc_value_bytes(value).size;
        return true;
    case CC_TYPE_SS:
    case CC_TYPE_NS:
    case CC_TYPE_BS:
    case CC_TYPE_L:
    case CC_TYPE_M:
        *size_out = cc_value_count(value);
        return true;
    default:
        return false;
    }
}

static bool truth(const cc_frame *frame, uint32_t index);

static void load(const cc_frame *frame, uint32_t index, cc_operand *operand) {
    const cc_node *node = node_at(frame, index);
    if (node->kind == CC_NODE_VALUE) {
        operand->value = frame->bound->values[node->ref];
        operand->present = true;
    } else if (node->kind == CC_NODE_PATH) {
        operand->present = cc_path_find(frame->bound, node->ref, frame->item, &operand->value);
    } else if (node->kind != CC_NODE_FUNCTION || node->op != CC_FN_SIZE) { /* a condition, of a statement */
        operand->number[0] = truth(frame, index);
        operand->value = (cc_value){CC_TYPE_BOOL, cc_bytes_of(operand->number, 1)};
        operand->present = true;
    } else {
        cc_operand inner;
        int64_t size;
        load(frame, node->child, &inner);
        operand->present = inner.present && size_of(inner.value, &size);
        if (operand->present) {
            operand->number[0] = (uint8_t)cc_number_from_int64(size, operand->number + 1);
            operand->value = (cc_value){CC_TYPE_N,
                                        cc_bytes_of(operand->number, operand->number[0] + (size_t)1)};
        }
    }
}

static bool ordered(const cc_operand *a, const cc_operand *b, int *order_out) {
    if (!a->present || !b->present)
        return false;
    cc_type type = a->value.type;
    if (type != b->value.type || (type != CC_TYPE_S && type != CC_TYPE_N && type != CC_TYPE_B))
        return false;
    *order_out = cc_value_order(a->value, b->value);
    return true;
}

static bool equal(const cc_operand *a, const cc_operand *b) {
    return a->present && b->present && cc_value_equal(a->value, b->value);
}

static bool compare(const cc_operand *a, cc_token_kind op, const cc_operand *b) {
    int order;
    switch (op) {
    case CC_TOKEN_EQ:
        return equal(a, b);
    case CC_TOKEN_NE:
        return !equal(a, b);
    case CC_TOKEN_LT:
        return ordered(a, b, &order) && order < 0;
    case CC_TOKEN_LE:
        return ordered(a, b, &order) && order <= 0;
    case CC_TOKEN_GT:
        return ordered(a, b, &order) && order > 0;
    default:
        return ordered(a, b, &order) && order >= 0;
    }
}

static bool set_contains(cc_value set, cc_bytes wanted) {
    size_t position = 0;
    cc_bytes member;
    while (cc_set_next(set, &position, &member))
        if (cc_bytes_equal(member, wanted))
            return true;
    return false;
}

static bool contains(const cc_operand *where, const cc_operand *what) {
    if (!where->present || !what->present)
        return false;
    cc_type type = where->value.type, wanted = what->value.type;
    if ((type == CC_TYPE_S || type == CC_TYPE_B) && type == wanted) {
        cc_bytes all = cc_value_bytes(where->value), part = cc_value_bytes(what->value);
        return part.size == 0 || memmem(all.data, all.size, part.data, part.size) != NULL;
    }
    if ((type == CC_TYPE_SS && wanted == CC_TYPE_S) || (type == CC_TYPE_NS && wanted == CC_TYPE_N) ||
        (type == CC_TYPE_BS && wanted == CC_TYPE_B))
        return set_contains(where->value, cc_value_bytes(what->value));
    cc_value element;
    for (uint32_t i = 0; type == CC_TYPE_L && cc_list_at(where->value, i, &element); i++)
        if (cc_value_equal(element, what->value))
            return true;
    return false;
}

static bool begins_with(const cc_operand *where, const cc_operand *prefix) {
    if (!where->present || !prefix->present)
        return false;
    cc_type type = where->value.type;
    if (type != prefix->value.type || (type != CC_TYPE_S && type != CC_TYPE_B))
        return false;
    cc_bytes all = cc_value_bytes(where->value), start = cc_value_bytes(prefix->value);
    return all.size >= start.size && memcmp(all.data, start.data, start.size) == 0;
}

static bool call(const cc_frame *frame, const cc_node *node) {
    cc_operand first, second;
    load(frame, node->child, &first);
    if (node->op == CC_FN_ATTRIBUTE_EXISTS)
        return first.present;
    if (node->op == CC_FN_ATTRIBUTE_NOT_EXISTS)
        return !first.present;
    load(frame, node_at(frame, node->child)->next, &second);
    switch (node->op) {
    case CC_FN_ATTRIBUTE_TYPE:
        return first.present && first.value.type == cc_type_from_name(cc_value_bytes(second.value));
    case CC_FN_BEGINS_WITH:
        return begins_with(&first, &second);
    default:
        return contains(&first, &second);
    }
}

static bool between(const cc_frame *frame, const cc_node *node) {
    cc_operand value, low, high;
    load(frame, node->child, &value);
    uint32_t next = node_at(frame, node->child)->next;
    load(frame, next, &low);
    load(frame, node_at(frame, next)->next, &high);
    return compare(&value, CC_TOKEN_GE, &low) && compare(&value, CC_TOKEN_LE, &high);
}

static bool among(const cc_frame *frame, const cc_node *node) {
    cc_operand value, candidate;
    load(frame, node->child, &value);
    for (uint32_t next = node_at(frame, node->child)->next; next != 0; next = node_at(frame, next)->next) {
        load(frame, next, &candidate);
        if (equal(&value, &candidate))
            return true;
    }
    return false;
}

static bool truth(const cc_frame *frame, uint32_t index) {
    const cc_node *node = node_at(frame, index);
    cc_operand left, right;
    switch (node->kind) {
    case CC_NODE_AND:
    case CC_NODE_OR: {
        bool any = node->kind == CC_NODE_OR;
        for (uint32_t child = node->child; child != 0; child = node_at(frame, child)->next)
            if (truth(frame, child) == any)
                return any;
        return !any;
    }
    case CC_NODE_NOT:
        return !truth(frame, node->child);
    case CC_NODE_COMPARE:
        load(frame, node->child, &left);
        load(frame, node_at(frame, node->child)->next, &right);
        return compare(&left, node->op, &right);
    case CC_NODE_BETWEEN:
        return between(frame, node);
    case CC_NODE_IN:
        return among(frame, node);
    default:
        return call(frame, node);
    }
}

bool cc_evaluate(const cc_bound *bound, cc_bytes item) {
    cc_frame frame = {bound, item};
    return truth(&frame, bound->program->root);
}
