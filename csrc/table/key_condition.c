/* key_condition.c: a key condition expression as bounds on one partition.
 *
 * The grammar is that of conditions; here it is narrowed: only AND, one condition per key, `=` on the
 * partition key, at most one of = < <= > >= BETWEEN begins_with on the sort key. An index may have up to four
 * of each: all hash attributes, and range attributes from the left, only the last of them not by `=`.
 * The value may stand on the left. Texts as DynamoDB sends them. */
#include "table/expression.h"

typedef struct {
    cc_bytes name;
    cc_token_kind op;
    bool between, begins;
    cc_value value, high;
} cc_key_term;

enum { TERMS_MAX = 2 * CC_INDEX_KEYS_MAX };

typedef struct {
    const cc_bound *bound;
    cc_key_term terms[TERMS_MAX];
    size_t count, seen;
    cc_error *error;
} cc_key_reader;

static const cc_node *node_at(const cc_key_reader *self, uint32_t index) {
    return &self->bound->program->nodes[index];
}

static cc_status invalid_operator(const cc_key_reader *self, const char *name) {
    return CC_INVALID(self->error, "Invalid operator used in KeyConditionExpression: %s", name);
}

static cc_status check_operator(const cc_key_reader *self, const cc_node *node) {
    static const char *const functions[] = {[CC_FN_ATTRIBUTE_EXISTS] = "attribute_exists",
                                            [CC_FN_ATTRIBUTE_NOT_EXISTS] = "attribute_not_exists",
                                            [CC_FN_ATTRIBUTE_TYPE] = "attribute_type",
                                            [CC_FN_CONTAINS] = "contains"};
    switch (node->kind) {
    case CC_NODE_OR:
        return invalid_operator(self, "OR");
    case CC_NODE_NOT:
        return invalid_operator(self, "NOT");
    case CC_NODE_IN:
        return invalid_operator(self, "IN");
    case CC_NODE_COMPARE:
        return node->op == CC_TOKEN_NE ? invalid_operator(self, "<>") : CC_OK;
    case CC_NODE_FUNCTION:
        if (node->op == CC_FN_SIZE)
            return CC_INVALID(self->error, "KeyConditionExpressions cannot contain nested operations");
        return node->op == CC_FN_BEGINS_WITH ? CC_OK : invalid_operator(self, functions[node->op]);
    default:
        return CC_OK;
    }
}

/* The one attribute of a comparison; its place among the operands in *place_out. */
static cc_status find_attribute(cc_key_reader *self, const cc_node *node, cc_bytes *name_out,
                                uint32_t *place_out) {
    uint32_t place = 0;
    *name_out = (cc_bytes){NULL, 0};
    for (uint32_t child = node->child; child != 0; child = node_at(self, child)->next, place++) {
        const cc_node *operand = node_at(self, child);
        if (operand->kind == CC_NODE_FUNCTION)
            return CC_INVALID(self->error, "KeyConditionExpressions cannot contain nested operations");
        if (operand->kind != CC_NODE_PATH)
            continue;
        if (name_out->data != NULL)
            return CC_INVALID(self->error, "Invalid condition in KeyConditionExpression: Multiple "
                                           "attribute names used in one condition");
        cc_path path = self->bound->program->paths[operand->ref];
        if (path.count > 1)
            return CC_INVALID(self->error, "KeyConditionExpressions cannot have conditions on nested "
                                           "attributes");
        *name_out = self->bound->names[path.first];
        *place_out = place;
    }
    if (name_out->data == NULL)
        return CC_INVALID(self->error, "Invalid condition in KeyConditionExpression: No key "
                                       "attribute specified");
    return CC_OK;
}

cc_token_kind cc_token_mirrored(cc_token_kind op) {
    switch (op) {
    case CC_TOKEN_LT:
        return CC_TOKEN_GT;
    case CC_TOKEN_LE:
        return CC_TOKEN_GE;
    case CC_TOKEN_GT:
        return CC_TOKEN_LT;
    case CC_TOKEN_GE:
        return CC_TOKEN_LE;
    default:
        return op;
    }
}

static cc_status read_term(cc_key_reader *self, const cc_node *node) {
    cc_key_term term = {.between = node->kind == CC_NODE_BETWEEN,
                        .begins = node->kind == CC_NODE_FUNCTION,
                        .op = node->kind == CC_NODE_COMPARE ? node->op : CC_TOKEN_GE};
    uint32_t place = 0;
    if ((term.between || term.begins) && node_at(self, node->child)->kind == CC_NODE_VALUE)
        return CC_INVALID(self->error,
                          "Invalid condition in KeyConditionExpression: %s operator must have the "
                          "key attribute as its first operand",
                          term.between ? "BETWEEN" : "begins_with");
    CC_TRY(find_attribute(self, node, &term.name, &place));
    for (size_t i = 0; i < self->count && i < TERMS_MAX; i++)
        if (cc_bytes_equal(self->terms[i].name, term.name))
            return CC_INVALID(self->error, "KeyConditionExpressions must only contain one condition "
                                           "per key");
    const cc_node *first = node_at(self, node->child), *second = node_at(self, first->next);
    if (place == 1)
        term.op = cc_token_mirrored(term.op);
    term.value = self->bound->values[place == 1 ? first->ref : second->ref];
    if (term.between)
        term.high = self->bound->values[node_at(self, second->next)->ref];
    if (self->count < TERMS_MAX)
        self->terms[self->count] = term;
    self->count++;
    return CC_OK;
}

static cc_status read_node(cc_key_reader *self, uint32_t index) {
    const cc_node *node = node_at(self, index);
    CC_TRY(check_operator(self, node));
    if (node->kind != CC_NODE_AND)
        return read_term(self, node);
    for (uint32_t child = node->child; child != 0; child = node_at(self, child)->next)
        CC_TRY(read_node(self, child));
    return CC_OK;
}

static const cc_key_term *term_of(const cc_key_reader *self, cc_bytes name) {
    for (size_t i = 0; i < self->count && i < TERMS_MAX; i++)
        if (cc_bytes_equal(self->terms[i].name, name))
            return &self->terms[i];
    return NULL;
}

static cc_status missed(const cc_key_reader *self, cc_bytes name) {
    return CC_INVALID(self->error, "Query condition missed key schema element: %.*s",
                      (int)(name.size < 255 ? name.size : 255), (const char *)name.data);
}

static cc_status check_type(const cc_key_reader *self, const cc_key_term *term, cc_type type) {
    if (term->value.type == type && (!term->between || term->high.type == type))
        return CC_OK;
    return CC_INVALID(self->error, "One or more parameter values were invalid: Condition parameter "
                                   "type does not match schema type");
}

static cc_status unsupported(const cc_key_reader *self) {
    return CC_INVALID(self->error, "Query key condition not supported");
}

static cc_status read_partition(cc_key_reader *self, const cc_key_shape *shape,
                                cc_key_condition *condition_out) {
    for (uint32_t i = 0; i < shape->hash_count; i++) {
        const cc_key_term *term = term_of(self, shape->hash[i].name);
        if (term == NULL)
            return missed(self, shape->hash[i].name);
        CC_TRY(check_type(self, term, shape->hash[i].type));
        if (term->op != CC_TOKEN_EQ || term->between || term->begins)
            return unsupported(self);
        condition_out->partition[i] = term->value;
    }
    return CC_OK;
}

/* Range attributes from left to right: all but the last one named must be equal to something. */
static cc_status read_sort(cc_key_reader *self, const cc_key_shape *shape, uint32_t *used_out,
                           cc_key_condition *condition_out) {
    uint32_t i = 0;
    for (; i < shape->range_count; i++) {
        const cc_key_term *term = term_of(self, shape->range[i].name);
        if (term == NULL)
            break;
        CC_TRY(check_type(self, term, shape->range[i].type));
        bool nameless = term->begins && shape->range[i].type == CC_TYPE_N;
        if (nameless || (i > 0 && condition_out->sort_op != CC_TOKEN_EQ))
            return unsupported(self);
        if (i > 0)
            condition_out->equal[condition_out->equal_count++] = condition_out->sort;
        condition_out->sort_op = term->op;
        condition_out->sort_between = term->between;
        condition_out->sort_begins = term->begins;
        condition_out->sort = term->value;
        condition_out->sort_high = term->high;
    }
    *used_out = i;
    return CC_OK;
}

cc_status cc_key_condition_read(const cc_bound *bound, const cc_key_shape *shape,
                                cc_key_condition *condition_out, cc_error *error) {
    cc_key_reader self = {.bound = bound, .error = error};
    uint32_t total = shape->hash_count + shape->range_count, used = 0;
    if (bound->program != NULL) /* KeyConditions may have none */
        CC_TRY(read_node(&self, bound->program->root));
    if (self.count == 0 || self.count > (total > 2 ? total : 2))
        return CC_INVALID(error, "Conditions can be of length 1 or 2 only");
    *condition_out = (cc_key_condition){.sort_op = CC_TOKEN_END};
    CC_TRY(read_partition(&self, shape, condition_out));
    CC_TRY(read_sort(&self, shape, &used, condition_out));
    if (self.count == shape->hash_count + used)
        return CC_OK;
    return used == shape->range_count ? unsupported(&self) : missed(&self, shape->range[used].name);
}
