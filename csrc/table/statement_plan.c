/* statement_plan.c: which key ranges the WHERE clause of a SELECT asks for.
 *
 * A clause is keyed when every way to satisfy it fixes the partition key: by = or IN, in each branch of an OR.
 * Its branches then are read one after the other, each a range of sort keys in one partition; everything else
 * that the clause says is a filter on what is read. The service reads at most 50 branches, and refuses
 * branches that overlap - unless one of them is there by NOT or <>, which hide the sort key from it: then the
 * partition is read once. What is not keyed is a scan. */
#include <stdio.h>
#include <stdlib.h>

#include "table/statement.h"

enum { READS = CC_STATEMENT_READS_MAX };

typedef struct filter filter;
struct filter { /* a part of the clause that is not about the ranges; the list goes from the last one back */
    uint32_t node;
    const filter *before;
};

typedef struct {
    cc_value hash; /* type NONE: not fixed yet */
    cc_key_range range;
    bool empty, negated;
    const filter *filters;
} branch;

typedef struct {
    branch items[READS + 1];
    uint32_t count;
} branch_list;

typedef struct {
    cc_call *call;
    const cc_bound *where;
    const cc_key_attribute *hash, *range; /* range NULL: none */
} planner;

static const cc_node *node_at(const planner *self, uint32_t index) {
    return &self->where->program->nodes[index];
}

static bool names(const planner *self, const cc_node *node, const cc_key_attribute *key) {
    if (key == NULL || node->kind != CC_NODE_PATH)
        return false;
    cc_path path = self->where->program->paths[node->ref];
    return path.count == 1 && cc_bytes_equal(self->where->names[path.first], key->name);
}

static bool mentions(const planner *self, uint32_t index, const cc_key_attribute *key) {
    const cc_node *node = node_at(self, index);
    if (names(self, node, key))
        return true;
    for (uint32_t child = node->child; child != 0; child = node_at(self, child)->next)
        if (mentions(self, child, key))
            return true;
    return false;
}

/* A comparison of one key attribute with values. */
typedef struct {
    const cc_key_attribute *key;
    cc_token_kind op; /* END: begins_with, BETWEEN or IN */
    uint32_t first;   /* node of the first value */
} key_term;

static bool all_values(const planner *self, uint32_t first) {
    for (uint32_t at = first; at != 0; at = node_at(self, at)->next)
        if (node_at(self, at)->kind != CC_NODE_VALUE)
            return false;
    return true;
}

static bool read_term(const planner *self, const cc_node *node, key_term *term) {
    bool begins = node->kind == CC_NODE_FUNCTION && node->op == CC_FN_BEGINS_WITH;
    if (node->kind != CC_NODE_COMPARE && node->kind != CC_NODE_BETWEEN && node->kind != CC_NODE_IN && !begins)
        return false;
    const cc_node *left = node_at(self, node->child);
    *term = (key_term){.op = node->kind == CC_NODE_COMPARE ? node->op : CC_TOKEN_END, .first = left->next};
    if (node->kind == CC_NODE_COMPARE && left->kind == CC_NODE_VALUE) {
        left = node_at(self, left->next);
        term->op = cc_token_mirrored(term->op);
        term->first = node->child;
        term->key = names(self, left, self->hash)    ? self->hash
                    : names(self, left, self->range) ? self->range
                                                     : NULL;
        return term->key != NULL;
    }
    term->key = names(self, left, self->hash)    ? self->hash
                : names(self, left, self->range) ? self->range
                                                 : NULL;
    return term->key != NULL && all_values(self, term->first);
}

static bool fixes_hash(const planner *self, const cc_node *node) {
    key_term term;
    return read_term(self, node, &term) && term.key == self->hash &&
           (term.op == CC_TOKEN_EQ || node->kind == CC_NODE_IN);
}

static bool keyed(const planner *self, uint32_t index) {
    const cc_node *node = node_at(self, index);
    if (node->kind != CC_NODE_AND && node->kind != CC_NODE_OR)
        return fixes_hash(self, node);
    bool all = node->kind == CC_NODE_OR;
    for (uint32_t child = node->child; child != 0; child = node_at(self, child)->next)
        if (keyed(self, child) != all)
            return !all;
    return all;
}

/* ---- branches ---- */

static cc_status add_node(planner *self, branch_list *list, uint32_t index);

static cc_status too_many(const planner *self) {
    return CC_INVALID(self->call->error, "Too many decomposed read operations for a given query.");
}

static cc_status append(const planner *self, branch_list *list, const branch *one) {
    if (list->count == READS)
        return too_many(self);
    list->items[list->count++] = *one;
    return CC_OK;
}

static void copy_list(const branch_list *from, branch_list *to) {
    to->count = from->count;
    if (from->count != 0)
        memcpy(to->items, from->items, from->count * sizeof from->items[0]);
}

static cc_status new_list(planner *self, branch_list **list_out) {
    *list_out = cc_arena_alloc(self->call->arena, sizeof **list_out);
    if (*list_out == NULL)
        return cc_no_memory(self->call->error);
    (*list_out)->count = 0;
    return CC_OK;
}

static cc_status add_filter(planner *self, branch_list *list, uint32_t index) {
    bool negated = mentions(self, index, self->range);
    for (uint32_t i = 0; i < list->count; i++) {
        filter *one = cc_arena_alloc(self->call->arena, sizeof *one);
        if (one == NULL)
            return cc_no_memory(self->call->error);
        *one = (filter){index, list->items[i].filters};
        list->items[i].filters = one;
        list->items[i].negated |= negated;
    }
    return CC_OK;
}

static cc_status check_type(const planner *self, const key_term *term, cc_value value) {
    if (value.type == term->key->type)
        return CC_OK;
    return CC_INVALID(self->call->error,
                      "Key attribute's data type should match its data type in table's schema: Key %.*s",
                      (int)cc_utf8_cut(term->key->name, 255), (const char *)term->key->name.data);
}

static void fix_hash(branch *one, cc_value value) {
    if (one->hash.type == CC_TYPE_NONE)
        one->hash = value;
    else if (!cc_value_equal(one->hash, value))
        one->empty = true;
}

/* The later beginning and the earlier end. */
static void narrow(branch *one, const cc_key_range *by) {
    cc_key_range *range = &one->range;
    if (cc_bytes_compare(by->from, range->from) > 0)
        range->from = by->from;
    if (by->has_to && (!range->has_to || cc_bytes_compare(by->to, range->to) < 0)) {
        range->to = by->to;
        range->has_to = true;
    }
    one->empty |= range->has_to && cc_bytes_compare(range->from, range->to) >= 0;
}

/* One value, or the two of BETWEEN, on all branches. */
static cc_status restrict_to(planner *self, branch_list *list, const key_term *term, cc_value value,
                             const cc_node *node) {
    cc_key_condition condition = {.sort_op = term->op == CC_TOKEN_END ? CC_TOKEN_GE : term->op,
                                  .sort = value};
    cc_key_range range = {0};
    CC_TRY(check_type(self, term, value));
    if (term->key == self->hash) {
        for (uint32_t i = 0; i < list->count; i++)
            fix_hash(&list->items[i], value);
        return CC_OK;
    }
    condition.sort_begins = node->kind == CC_NODE_FUNCTION;
    condition.sort_between = node->kind == CC_NODE_BETWEEN;
    if (node->kind == CC_NODE_IN)
        condition.sort_op = CC_TOKEN_EQ;
    if (condition.sort_between) {
        condition.sort_high = self->where->values[node_at(self, node_at(self, term->first)->next)->ref];
        CC_TRY(check_type(self, term, condition.sort_high));
    }
    CC_TRY(cc_key_range_sort(self->call, &condition, (cc_bytes){NULL, 0}, &range));
    for (uint32_t i = 0; i < list->count; i++)
        narrow(&list->items[i], &range);
    return CC_OK;
}

/* The branches of `list` once for each of the values, or of the conditions, that `first` begins. */
static cc_status multiply(planner *self, branch_list *list, uint32_t first, const key_term *term,
                          const cc_node *node) {
    branch_list *before, *made;
    CC_TRY(new_list(self, &before));
    CC_TRY(new_list(self, &made));
    copy_list(list, before);
    list->count = 0;
    for (uint32_t at = first; at != 0; at = node_at(self, at)->next) {
        copy_list(before, made);
        if (term != NULL)
            CC_TRY(restrict_to(self, made, term, self->where->values[node_at(self, at)->ref], node));
        else
            CC_TRY(add_node(self, made, at));
        for (uint32_t i = 0; i < made->count; i++)
            CC_TRY(append(self, list, &made->items[i]));
    }
    return CC_OK;
}

/* Recursion is bounded by CC_STATEMENT_DEPTH_MAX. */
static cc_status add_node(planner *self, branch_list *list, uint32_t index) {
    const cc_node *node = node_at(self, index);
    key_term term;
    if (node->kind == CC_NODE_AND) {
        for (uint32_t child = node->child; child != 0; child = node_at(self, child)->next)
            CC_TRY(add_node(self, list, child));
        return CC_OK;
    }
    if (node->kind == CC_NODE_OR && (mentions(self, index, self->hash) || mentions(self, index, self->range)))
        return multiply(self, list, node->child, NULL, node);
    if (!read_term(self, node, &term) || term.op == CC_TOKEN_NE ||
        (term.key == self->hash && !fixes_hash(self, node)))
        return add_filter(self, list, index);
    if (node->kind == CC_NODE_IN)
        return multiply(self, list, term.first, &term, node);
    return restrict_to(self, list, &term, self->where->values[node_at(self, term.first)->ref], node);
}

/* ---- order ---- */

static int by_key(const void *left, const void *right) {
    const branch *a = left, *b = right;
    int order = cc_value_order(a->hash, b->hash);
    return order != 0 ? order : cc_bytes_compare(a->range.from, b->range.from);
}

static void drop_empty(branch_list *list) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < list->count; i++)
        if (!list->items[i].empty)
            list->items[kept++] = list->items[i];
    list->count = kept;
}

/* Branches of one partition that overlap are refused, or become one when the sort key is hidden in one. */
static cc_status join_overlaps(const planner *self, branch_list *list) {
    uint32_t kept = 0;
    for (uint32_t first = 0, end; first < list->count; first = end) {
        bool negated = false, overlap = false;
        for (end = first; end < list->count && cc_value_equal(list->items[end].hash, list->items[first].hash);
             end++) {
            const branch *one = &list->items[end], *last = end == first ? NULL : one - 1;
            negated |= one->negated;
            overlap |= last != NULL &&
                       (!last->range.has_to || cc_bytes_compare(one->range.from, last->range.to) < 0);
        }
        if (overlap && !negated)
            return CC_INVALID(self->call->error, "Overlapping conditions with range keys are not supported "
                                                 "in where clause");
        if (!overlap) {
            for (uint32_t i = first; i < end; i++)
                list->items[kept++] = list->items[i];
            continue;
        }
        list->items[kept] = list->items[first];
        list->items[kept++].range = (cc_key_range){0}; /* the filter sees to the rest */
    }
    list->count = kept;
    return CC_OK;
}

static bool is_point(const planner *self, const cc_key_range *range) {
    if (self->call->index != NULL)
        return false;
    return self->range == NULL ||
           (range->has_to && range->to.size == range->from.size + 1 &&
            range->to.data[range->from.size] == 0 &&
            (range->from.size == 0 || memcmp(range->from.data, range->to.data, range->from.size) == 0));
}

/* The branches as reads: partitions up or down, and inside one the ranges the way they are read. */
static cc_status make_reads(const planner *self, branch_list *list, bool down, cc_statement_plan *plan) {
    plan->reads = cc_arena_alloc(self->call->arena, (list->count + 1) * sizeof *plan->reads);
    if (plan->reads == NULL)
        return cc_no_memory(self->call->error);
    for (uint32_t first = 0, end; first < list->count; first = end) {
        for (end = first;
             end < list->count && cc_value_equal(list->items[end].hash, list->items[first].hash);)
            end++;
        for (uint32_t i = first; i < end; i++) {
            uint32_t turned = plan->backward ? first + end - 1 - i : i;
            uint32_t place = down ? list->count - end + (i - first) : i;
            branch *one = &list->items[turned];
            cc_statement_read *read = &plan->reads[place];
            *read = (cc_statement_read){one->range, one->hash, is_point(self, &one->range)};
            CC_TRY(cc_key_range_partition(self->call, &one->hash, &read->range.partition));
        }
    }
    plan->read_count = list->count;
    return CC_OK;
}

/* ---- what the service refuses of reads that it could do ---- */

/* Names come in brackets in the order of a hash set of theirs, as the service's own do. */
static uint32_t bucket_of(cc_bytes name) {
    uint32_t hash = 0;
    for (size_t i = 0; i < name.size; i++)
        hash = hash * 31 + name.data[i];
    return (hash ^ hash >> 16) & 15;
}

static void gather(const planner *self, uint32_t index, cc_bytes *found, uint32_t *count) {
    const cc_node *node = node_at(self, index);
    if (node->kind == CC_NODE_PATH) {
        cc_bytes name = self->where->names[self->where->program->paths[node->ref].first];
        bool known = cc_table_index_projects(self->call->index, name);
        for (uint32_t i = 0; i < *count && !known; i++)
            known = cc_bytes_equal(found[i], name);
        if (known || *count == 16)
            return;
        uint32_t at = (*count)++;
        for (; at > 0 && bucket_of(found[at - 1]) > bucket_of(name); at--)
            found[at] = found[at - 1];
        found[at] = name;
        return;
    }
    for (uint32_t child = node->child; child != 0; child = node_at(self, child)->next)
        gather(self, child, found, count);
}

static void gather_all(const planner *self, const filter *last, cc_bytes *found, uint32_t *count) {
    if (last == NULL)
        return;
    gather_all(self, last->before, found, count); /* no deeper than a statement has conditions: a thousand */
    gather(self, last->node, found, count);
}

/* Of an index: filters on what it does not project, when every branch has some. */
static cc_status check_projected(const planner *self, const branch_list *list) {
    char text[300];
    size_t used = 0;
    cc_bytes found[16];
    uint32_t count = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        count = 0;
        gather_all(self, list->items[i].filters, found, &count);
        if (count == 0)
            return CC_OK;
    }
    for (uint32_t i = 0; i < count && used < sizeof text; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%.*s", i == 0 ? "" : ", ",
                                 (int)cc_utf8_cut(found[i], 64), (const char *)found[i].data);
    if (count == 0)
        return CC_OK;
    cc_bytes name = self->call->index->name;
    return CC_INVALID(self->call->error,
                      "One or more parameter values were invalid: Secondary index %.*s does not project one "
                      "or more filter attributes: [%s]",
                      (int)name.size, (const char *)name.data, text);
}

static cc_status check_order(const planner *self, const cc_statement *statement, bool is_keyed) {
    for (uint32_t i = 0; i < statement->order_count; i++) {
        cc_bytes name = statement->order[i].name;
        if (!cc_bytes_equal(name, self->hash->name) &&
            (self->range == NULL || !cc_bytes_equal(name, self->range->name)))
            return CC_INVALID(self->call->error,
                              "Attribute %.*s in ORDER BY clause must be part of the primary key",
                              (int)cc_utf8_cut(name, 255), (const char *)name.data);
    }
    if (statement->order_count != 0 && !is_keyed)
        return CC_INVALID(self->call->error, "Must have at least one non-optional hash key condition in "
                                             "WHERE clause when using ORDER BY clause.");
    return CC_OK;
}

/* ORDER BY of a branch list that is sorted: what it says of partitions and of the sort key. */
static cc_status read_order(const planner *self, const cc_statement *statement, const branch_list *list,
                            cc_statement_plan *plan, bool *down_out) {
    bool by_hash = false, by_sort = false;
    *down_out = false;
    for (uint32_t i = 0; i < statement->order_count; i++) {
        bool hash = cc_bytes_equal(statement->order[i].name, self->hash->name);
        by_hash |= hash;
        by_sort |= !hash;
        if (hash)
            *down_out = statement->order[i].descending;
        else
            plan->backward = statement->order[i].descending;
    }
    if (statement->order_count != 0 && !by_sort)
        plan->backward = true; /* so the service reads when only the partition key is ordered */
    bool several = list->count > 1 && !cc_value_equal(list->items[0].hash, list->items[list->count - 1].hash);
    if (statement->order_count != 0 && several && !by_hash)
        return CC_INVALID(self->call->error, "Must have hash key in ORDER BY clause when more than one hash "
                                             "key condition specified in WHERE clause.");
    return CC_OK;
}

cc_status cc_statement_plan_make(cc_call *call, const cc_bound_statement *bound,
                                 cc_statement_plan *plan_out) {
    const cc_key_shape *keys = cc_call_keys(call);
    planner self = {.call = call,
                    .where = &bound->where,
                    .hash = &keys->hash[0],
                    .range = keys->range_count != 0 ? &keys->range[0] : NULL};
    branch_list *list;
    bool down = false;
    *plan_out = (cc_statement_plan){0};
    plan_out->keyed = bound->where.program != NULL && keyed(&self, bound->where.program->root);
    CC_TRY(check_order(&self, bound->statement, plan_out->keyed));
    if (!plan_out->keyed)
        return CC_OK;
    CC_TRY(new_list(&self, &list));
    list->items[list->count++] = (branch){0};
    CC_TRY(add_node(&self, list, bound->where.program->root));
    drop_empty(list);
    qsort(list->items, list->count, sizeof list->items[0], by_key);
    CC_TRY(join_overlaps(&self, list));
    if (call->index != NULL)
        CC_TRY(check_projected(&self, list));
    CC_TRY(read_order(&self, bound->statement, list, plan_out, &down));
    plan_out->exact = true;
    for (uint32_t i = 0; i < list->count; i++)
        plan_out->exact = plan_out->exact && list->items[i].filters == NULL;
    return make_reads(&self, list, down, plan_out);
}
