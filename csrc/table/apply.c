/* apply.c: an update program run on an item: operands first, all on the old image, then one rewrite.
 *
 * The rewrite walks the old item once and copies what no path names. Paths never overlap (bind.c), so
 * at every level the actions split by their next step. REMOVE of list elements and SET of list
 * indexes use the old indexes; a SET behind the end appends, in index order. */
#include "codec/number.h"
#include "table/expression.h"

typedef enum { KEEP, WRITE, ERASE } cc_outcome;

typedef struct {
    const cc_bound *bound;
    cc_bytes item; /* the old image */
    cc_arena *arena;
    cc_outcome *outcomes; /* parallel to the program's actions */
    cc_value *values;
    cc_item_writer writer;
    cc_error *error;
} cc_updater;

static cc_status wrong_type(cc_updater *self) {
    return CC_INVALID(self->error, "An operand in the update expression has an incorrect data type");
}
static cc_status wrong_path(cc_updater *self) {
    return CC_INVALID(self->error,
                      "The document path provided in the update expression is invalid for update");
}
static cc_status no_memory(cc_updater *self) {
    return cc_fail(self->error, CC_ERR_NOMEM, "no memory for an update");
}

static const cc_node *node_at(const cc_updater *self, uint32_t index) {
    return &self->bound->program->nodes[index];
}

/* ---- values ---- */

/* Runs `fill` on a writer inside a one-attribute item and gives the attribute's value. */
static cc_status build(cc_updater *self,
                       cc_status (*fill)(cc_updater *, cc_item_writer *, cc_value, cc_value), cc_value a,
                       cc_value b, cc_value *value_out) {
    cc_buffer buffer = {0};
    cc_item_writer writer;
    cc_status status;
    cc_item_writer_init(&writer, &buffer, self->arena);
    CC_TRY_GOTO(cc_item_begin(&writer, self->error));
    CC_TRY_GOTO(cc_item_name(&writer, cc_bytes_text("v"), self->error));
    CC_TRY_GOTO(fill(self, &writer, a, b));
    CC_TRY_GOTO(cc_item_end(&writer, self->error));
    cc_bytes copy = cc_arena_copy(self->arena, cc_buffer_bytes(&buffer));
    if (copy.data == NULL)
        status = no_memory(self);
    else
        CC_ASSERT(cc_item_find(copy, cc_bytes_text("v"), value_out));
cleanup:
    cc_buffer_free(&buffer);
    return status;
}

static cc_status number_sum(cc_updater *self, cc_value a, cc_value b, bool subtract, cc_value *value_out) {
    if (a.type != CC_TYPE_N || b.type != CC_TYPE_N)
        return wrong_type(self);
    uint8_t *payload = cc_arena_alloc(self->arena, CC_NUMBER_MAX + 1);
    if (payload == NULL)
        return no_memory(self);
    size_t size;
    cc_bytes left = cc_value_bytes(a), right = cc_value_bytes(b);
    if (subtract)
        CC_TRY(cc_number_subtract(left, right, payload + 1, &size, self->error));
    else
        CC_TRY(cc_number_add(left, right, payload + 1, &size, self->error));
    payload[0] = (uint8_t)size;
    *value_out = (cc_value){CC_TYPE_N, cc_bytes_of(payload, size + 1)};
    return CC_OK;
}

static cc_status fill_lists(cc_updater *self, cc_item_writer *writer, cc_value a, cc_value b) {
    CC_TRY(cc_item_begin_list(writer, self->error));
    const cc_value lists[2] = {a, b};
    for (int i = 0; i < 2; i++) {
        cc_value element;
        for (uint32_t at = 0; cc_list_at(lists[i], at, &element); at++)
            CC_TRY(cc_item_put_value(writer, element, self->error));
    }
    return cc_item_end_container(writer, self->error);
}

static cc_status put_member(cc_updater *self, cc_item_writer *writer, cc_type type, cc_bytes member) {
    char text[CC_NUMBER_TEXT_MAX];
    if (type == CC_TYPE_NS)
        member = cc_bytes_of(text, cc_number_text(member, text));
    return cc_item_set_member(writer, member, self->error);
}

/* Both sets are sorted by memcmp order of their members, so one merge gives union and difference. */
static cc_status merge_sets(cc_updater *self, cc_item_writer *writer, cc_value a, cc_value b,
                            bool difference) {
    size_t at_a = 0, at_b = 0;
    cc_bytes in_a, in_b;
    CC_TRY(cc_item_begin_set(writer, a.type, self->error));
    bool has_a = cc_set_next(a, &at_a, &in_a), has_b = cc_set_next(b, &at_b, &in_b);
    while (has_a || has_b) {
        int order = !has_b ? -1 : !has_a ? 1 : cc_bytes_compare(in_a, in_b);
        if (order < 0 || (order == 0 && !difference))
            CC_TRY(put_member(self, writer, a.type, in_a));
        else if (order > 0 && !difference)
            CC_TRY(put_member(self, writer, a.type, in_b));
        if (order <= 0)
            has_a = cc_set_next(a, &at_a, &in_a);
        if (order >= 0)
            has_b = cc_set_next(b, &at_b, &in_b);
    }
    return cc_item_end_container(writer, self->error);
}
static cc_status fill_union(cc_updater *self, cc_item_writer *writer, cc_value a, cc_value b) {
    return merge_sets(self, writer, a, b, false);
}
static cc_status fill_difference(cc_updater *self, cc_item_writer *writer, cc_value a, cc_value b) {
    return merge_sets(self, writer, a, b, true);
}

static bool set_within(cc_value a, cc_value b) {
    size_t at_a = 0, at_b = 0;
    cc_bytes in_a, in_b;
    bool has_b = cc_set_next(b, &at_b, &in_b);
    while (cc_set_next(a, &at_a, &in_a)) {
        while (has_b && cc_bytes_compare(in_b, in_a) < 0)
            has_b = cc_set_next(b, &at_b, &in_b);
        if (!has_b || !cc_bytes_equal(in_a, in_b))
            return false;
    }
    return true;
}

/* Recursion is bounded by CC_EXPRESSION_DEPTH_MAX (parse_update.c). */
static cc_status operand(cc_updater *self, uint32_t index, cc_value *value_out) {
    const cc_node *node = node_at(self, index);
    cc_value left = {0}, right = {0};
    switch (node->kind) {
    case CC_NODE_VALUE:
        *value_out = self->bound->values[node->ref];
        return CC_OK;
    case CC_NODE_PATH:
        if (cc_path_find(self->bound, node->ref, self->item, value_out))
            return CC_OK;
        return CC_INVALID(self->error, "The provided expression refers to an attribute that does "
                                       "not exist in the item");
    case CC_NODE_PLUS:
    case CC_NODE_MINUS:
        CC_TRY(operand(self, node->child, &left));
        CC_TRY(operand(self, node_at(self, node->child)->next, &right));
        return number_sum(self, left, right, node->kind == CC_NODE_MINUS, value_out);
    default:
        break;
    }
    const cc_node *first = node_at(self, node->child);
    if (node->op == CC_FN_IF_NOT_EXISTS)
        return cc_path_find(self->bound, first->ref, self->item, value_out)
                   ? CC_OK
                   : operand(self, first->next, value_out);
    CC_TRY(operand(self, node->child, &left)); /* list_append */
    CC_TRY(operand(self, first->next, &right));
    if (left.type != CC_TYPE_L || right.type != CC_TYPE_L)
        return wrong_type(self);
    return build(self, fill_lists, left, right, value_out);
}

static cc_status add(cc_updater *self, uint32_t action, bool exists, cc_value old, cc_value operand) {
    self->outcomes[action] = WRITE;
    self->values[action] = operand;
    if (!exists)
        return CC_OK;
    if (old.type != operand.type)
        return wrong_type(self);
    if (old.type == CC_TYPE_N)
        return number_sum(self, old, operand, false, &self->values[action]);
    return build(self, fill_union, old, operand, &self->values[action]);
}

static cc_status subtract(cc_updater *self, uint32_t action, bool exists, cc_value old, cc_value operand) {
    self->outcomes[action] = KEEP;
    if (!exists)
        return CC_OK;
    if (old.type != operand.type)
        return wrong_type(self);
    if (set_within(old, operand)) {
        self->outcomes[action] = ERASE;
        return CC_OK;
    }
    self->outcomes[action] = WRITE;
    return build(self, fill_difference, old, operand, &self->values[action]);
}

static cc_status evaluate(cc_updater *self) {
    const cc_expression *program = self->bound->program;
    for (uint32_t i = 0; i < program->action_count; i++) {
        const cc_action *action = &program->actions[i];
        if (action->kind == CC_ACTION_REMOVE) {
            self->outcomes[i] = ERASE;
            continue;
        }
        cc_value value, old = {CC_TYPE_NONE, {NULL, 0}};
        CC_TRY(operand(self, action->value, &value));
        bool exists = action->kind != CC_ACTION_SET &&
                      cc_path_find(self->bound, action->path, self->item, &old);
        if (action->kind == CC_ACTION_ADD) {
            CC_TRY(add(self, i, exists, old, value));
        } else if (action->kind == CC_ACTION_DELETE) {
            CC_TRY(subtract(self, i, exists, old, value));
        } else {
            self->outcomes[i] = WRITE;
            self->values[i] = value;
        }
    }
    return CC_OK;
}

/* ---- rewrite ---- */

static cc_path path_of(const cc_updater *self, uint32_t action) {
    return self->bound->program->paths[self->bound->program->actions[action].path];
}
static bool ends(const cc_updater *self, uint32_t action, uint32_t depth) {
    return path_of(self, action).count == depth + 1;
}

/* Whether both actions take the same first `depth` steps. */
static bool shares(const cc_updater *self, uint32_t action, uint32_t like, uint32_t depth) {
    const cc_path_element *elements = self->bound->program->elements;
    cc_path a = path_of(self, action), b = path_of(self, like);
    if (a.count <= depth)
        return false;
    for (uint32_t i = 0; i < depth; i++)
        if (elements[a.first + i].is_index
                ? elements[a.first + i].index != elements[b.first + i].index
                : !cc_bytes_equal(self->bound->names[a.first + i], self->bound->names[b.first + i]))
            return false;
    return true;
}

static cc_status rewrite_list(cc_updater *self, uint32_t lead, uint32_t depth, cc_value list);
static cc_status rewrite_members(cc_updater *self, uint32_t lead, uint32_t depth, cc_bytes map);

/* Writes what stands at step `depth` of the action's path, whose old value is `old`. */
static cc_status rewrite_value(cc_updater *self, uint32_t action, uint32_t depth, cc_value old) {
    if (ends(self, action, depth))
        return cc_item_put_value(&self->writer, self->outcomes[action] == WRITE ? self->values[action] : old,
                                 self->error);
    bool index = self->bound->program->elements[path_of(self, action).first + depth + 1].is_index;
    if (old.type != (index ? CC_TYPE_L : CC_TYPE_M))
        return wrong_path(self);
    if (index)
        return rewrite_list(self, action, depth + 1, old);
    CC_TRY(cc_item_begin_map(&self->writer, self->error));
    CC_TRY(rewrite_members(self, action, depth + 1, old.payload));
    return cc_item_end_container(&self->writer, self->error);
}

/* The members of a map: the old ones, changed or copied, then the new ones. */
static cc_status rewrite_members(cc_updater *self, uint32_t lead, uint32_t depth, cc_bytes map) {
    uint32_t count = self->bound->program->action_count, members = cc_item_count(map);
    for (uint32_t i = 0; i < members; i++) {
        cc_bytes name;
        cc_value old;
        cc_item_at(map, i, &name, &old);
        uint32_t action = lead;
        while (action < count &&
               !(shares(self, action, lead, depth) &&
                 cc_bytes_equal(name, self->bound->names[path_of(self, action).first + depth])))
            action++;
        if (action < count && ends(self, action, depth) && self->outcomes[action] == ERASE)
            continue;
        CC_TRY(cc_item_name(&self->writer, name, self->error));
        if (action == count)
            CC_TRY(cc_item_put_value(&self->writer, old, self->error));
        else
            CC_TRY(rewrite_value(self, action, depth, old));
    }
    for (uint32_t action = lead; action < count; action++) {
        cc_value old;
        cc_bytes name = {NULL, 0};
        if (shares(self, action, lead, depth))
            name = self->bound->names[path_of(self, action).first + depth];
        if (name.data == NULL || cc_item_find(map, name, &old))
            continue;
        if (!ends(self, action, depth))
            return wrong_path(self);
        if (self->outcomes[action] != WRITE)
            continue;
        CC_TRY(cc_item_name(&self->writer, name, self->error));
        CC_TRY(cc_item_put_value(&self->writer, self->values[action], self->error));
    }
    return CC_OK;
}

/* The action of this group with the smallest index >= from; action_count when there is none. */
static uint32_t next_index(const cc_updater *self, uint32_t lead, uint32_t depth, uint32_t from,
                           uint32_t *index_out) {
    const cc_expression *program = self->bound->program;
    uint32_t found = program->action_count;
    *index_out = UINT32_MAX;
    for (uint32_t action = lead; action < program->action_count; action++) {
        if (!shares(self, action, lead, depth))
            continue;
        uint32_t index = program->elements[path_of(self, action).first + depth].index;
        if (index >= from && index < *index_out) {
            *index_out = index;
            found = action;
        }
    }
    return found;
}

static cc_status rewrite_list(cc_updater *self, uint32_t lead, uint32_t depth, cc_value list) {
    uint32_t count = cc_value_count(list), index;
    uint32_t action = next_index(self, lead, depth, 0, &index);
    CC_TRY(cc_item_begin_list(&self->writer, self->error));
    for (uint32_t i = 0; i < count; i++) {
        cc_value old;
        CC_ASSERT(cc_list_at(list, i, &old));
        if (i != index) {
            CC_TRY(cc_item_put_value(&self->writer, old, self->error));
            continue;
        }
        if (!ends(self, action, depth) || self->outcomes[action] != ERASE)
            CC_TRY(rewrite_value(self, action, depth, old));
        action = next_index(self, lead, depth, i + 1, &index);
    }
    while (index != UINT32_MAX) {
        if (!ends(self, action, depth))
            return wrong_path(self);
        if (self->outcomes[action] == WRITE)
            CC_TRY(cc_item_put_value(&self->writer, self->values[action], self->error));
        action = next_index(self, lead, depth, index + 1, &index);
    }
    return cc_item_end_container(&self->writer, self->error);
}

cc_status cc_apply_update(const cc_bound *bound, cc_bytes item, cc_arena *arena, cc_buffer *out,
                          cc_error *error) {
    uint32_t count = bound->program->action_count;
    cc_updater self = {.bound = bound, .item = item, .arena = arena, .error = error};
    self.outcomes = cc_arena_alloc(arena, count * sizeof *self.outcomes);
    self.values = cc_arena_alloc(arena, count * sizeof *self.values);
    if (self.outcomes == NULL || self.values == NULL)
        return no_memory(&self);
    CC_TRY(evaluate(&self));
    cc_item_writer_init(&self.writer, out, arena);
    CC_TRY(cc_item_begin(&self.writer, error));
    CC_TRY(rewrite_members(&self, 0, 0, item));
    return cc_item_end(&self.writer, error);
}
