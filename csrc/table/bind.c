/* bind.c: joins a program with one request's names and values, and checks what only then shows.
 *
 * Conditions are checked comparison by comparison in text order: undefined names and values, then
 * operand counts, then equal operands, then operand types. Updates are checked as a whole in the
 * order undefined names, undefined values, overlapping paths, operand types: as DynamoDB does. */
#include "table/expression.h"

#include <stdio.h>

#include "codec/number.h"

typedef struct {
    const cc_bound *bound;
    const char *prefix;
    cc_error *error;
} cc_checker;

static const cc_node *node_at(const cc_checker *checker, uint32_t index) {
    return &checker->bound->program->nodes[index];
}
static int clip(size_t size) { return (int)(size < 255 ? size : 255); }

void cc_path_text(const cc_bound *bound, uint32_t path, char *out, size_t size) {
    cc_path p = bound->program->paths[path];
    size_t used = (size_t)snprintf(out, size, "[");
    for (uint32_t i = 0; i < p.count && used < size; i++) {
        const cc_path_element *element = &bound->program->elements[p.first + i];
        cc_bytes name = bound->names[p.first + i];
        const char *comma = i == 0 ? "" : ", ";
        if (element->is_index)
            used += (size_t)snprintf(out + used, size - used, "%s[%u]", comma, element->index);
        else
            used += (size_t)snprintf(out + used, size - used, "%s%.*s", comma, clip(name.size),
                                     (const char *)name.data);
    }
    if (used < size)
        snprintf(out + used, size - used, "]");
}

static cc_status check_path_names(const cc_checker *checker, uint32_t path) {
    const cc_expression *program = checker->bound->program;
    cc_path p = program->paths[path];
    for (uint32_t i = p.first; i < p.first + p.count; i++)
        if (program->elements[i].is_alias && checker->bound->names[i].data == NULL)
            return CC_INVALID(checker->error,
                              "%sAn expression attribute name used in the document path is not "
                              "defined; attribute name: %.*s",
                              checker->prefix, clip(program->elements[i].name.size),
                              (const char *)program->elements[i].name.data);
    return CC_OK;
}

static cc_status check_value(const cc_checker *checker, uint32_t value) {
    if (checker->bound->values[value].type != CC_TYPE_NONE)
        return CC_OK;
    cc_bytes name = checker->bound->program->values[value];
    return CC_INVALID(checker->error,
                      "%sAn expression attribute value used in expression is not defined; "
                      "attribute value: %.*s",
                      checker->prefix, clip(name.size), (const char *)name.data);
}

/* Every name and value below a node, in text order. */
static cc_status check_defined(const cc_checker *checker, uint32_t index) {
    const cc_node *node = node_at(checker, index);
    if (node->kind == CC_NODE_PATH)
        return check_path_names(checker, node->ref);
    if (node->kind == CC_NODE_VALUE)
        return check_value(checker, node->ref);
    for (uint32_t child = node->child; child != 0; child = node_at(checker, child)->next)
        CC_TRY(check_defined(checker, child));
    return CC_OK;
}

static const char *const function_names[] = {
    "",     "attribute_exists", "attribute_not_exists", "attribute_type", "begins_with", "contains",
    "size", "if_not_exists",    "list_append"};

static const char *operator_name(const cc_node *node) {
    static const char *const comparators[] = {
        [CC_TOKEN_EQ] = "=",  [CC_TOKEN_NE] = "<>", [CC_TOKEN_LT] = "<",
        [CC_TOKEN_LE] = "<=", [CC_TOKEN_GT] = ">",  [CC_TOKEN_GE] = ">="};
    if (node->kind == CC_NODE_COMPARE)
        return comparators[node->op];
    if (node->kind == CC_NODE_FUNCTION)
        return function_names[node->op];
    if (node->kind == CC_NODE_BETWEEN)
        return "BETWEEN";
    return node->kind == CC_NODE_PLUS ? "+" : "-";
}

static cc_status wrong_type(const cc_checker *checker, const cc_node *node, const char *type) {
    return CC_INVALID(checker->error,
                      "%sIncorrect operand type for operator or function; operator or function: %s, "
                      "operand type: %s",
                      checker->prefix, operator_name(node), type);
}

static cc_status check_count(const cc_checker *checker, const cc_node *node) {
    static const uint8_t wanted[] = {0, 1, 1, 2, 2, 2, 1, 2, 2};
    if (node->kind != CC_NODE_FUNCTION || node->count == wanted[node->op])
        return CC_OK;
    return CC_INVALID(checker->error,
                      "%sIncorrect number of operands for operator or function; "
                      "operator or function: %s, number of operands: %u",
                      checker->prefix, function_names[node->op], node->count);
}

static bool same_path(const cc_bound *bound, uint32_t a, uint32_t b) {
    const cc_expression *program = bound->program;
    cc_path pa = program->paths[a], pb = program->paths[b];
    if (pa.count != pb.count)
        return false;
    for (uint32_t i = 0; i < pa.count; i++) {
        const cc_path_element *ea = &program->elements[pa.first + i];
        const cc_path_element *eb = &program->elements[pb.first + i];
        if (ea->is_index != eb->is_index || (ea->is_index && ea->index != eb->index) ||
            (!ea->is_index && !cc_bytes_equal(bound->names[pa.first + i], bound->names[pb.first + i])))
            return false;
    }
    return true;
}

static cc_status check_distinct(const cc_checker *checker, const cc_node *node) {
    bool applies = node->kind == CC_NODE_COMPARE || node->kind == CC_NODE_FUNCTION;
    if (!applies || node->count != 2)
        return CC_OK;
    const cc_node *a = node_at(checker, node->child), *b = node_at(checker, a->next);
    if (a->kind != CC_NODE_PATH || b->kind != CC_NODE_PATH || !same_path(checker->bound, a->ref, b->ref))
        return CC_OK;
    char path[200];
    cc_path_text(checker->bound, a->ref, path, sizeof path);
    return CC_INVALID(checker->error,
                      "%sThe first operand must be distinct from the remaining operands for this "
                      "operator or function; operator: %s, first operand: %s",
                      checker->prefix, operator_name(node), path);
}

static bool updates(uint8_t function) {
    return function == CC_FN_IF_NOT_EXISTS || function == CC_FN_LIST_APPEND;
}

/* The type an operand is known to have before any item is read; NONE for a path. A condition is BOOL. */
static cc_type static_type(const cc_checker *checker, const cc_node *node) {
    if (node->kind == CC_NODE_VALUE)
        return checker->bound->values[node->ref].type;
    if (node->kind == CC_NODE_FUNCTION && node->op == CC_FN_SIZE)
        return CC_TYPE_N;
    if (node->kind == CC_NODE_PATH || node->kind == CC_NODE_FUNCTION)
        return node->kind == CC_NODE_PATH || updates(node->op) ? CC_TYPE_NONE : CC_TYPE_BOOL;
    return node->kind == CC_NODE_PLUS || node->kind == CC_NODE_MINUS ? CC_TYPE_NONE : CC_TYPE_BOOL;
}

/* Only S, N and B have an order. */
static cc_status check_ordered(const cc_checker *checker, const cc_node *node) {
    if (node->kind == CC_NODE_COMPARE && (node->op == CC_TOKEN_EQ || node->op == CC_TOKEN_NE))
        return CC_OK;
    for (uint32_t child = node->child; child != 0; child = node_at(checker, child)->next) {
        cc_type type = static_type(checker, node_at(checker, child));
        if (type > CC_TYPE_B)
            return wrong_type(checker, node, cc_type_name(type));
    }
    return CC_OK;
}

static cc_status check_attribute_type(const cc_checker *checker, const cc_node *node, const cc_node *second) {
    CC_ASSERT(second != NULL); /* operands have been counted */
    cc_type type = static_type(checker, second);
    if (type != CC_TYPE_S)
        return wrong_type(checker, node,
                          type == CC_TYPE_NONE ? "{NS,SS,L,BS,N,M,B,BOOL,NULL,S}" : cc_type_name(type));
    cc_bytes name = cc_value_bytes(checker->bound->values[second->ref]);
    if (cc_type_from_name(name) != CC_TYPE_NONE)
        return CC_OK;
    /* Two lists of one set, as the service gives them to expressions and to statements. */
    return CC_INVALID(checker->error, "%sInvalid attribute type name found; type: %.*s, valid types: {%s}",
                      checker->prefix, clip(name.size), (const char *)name.data,
                      checker->prefix[0] != 0 ? "B,NULL,SS,BOOL,L,BS,N,NS,S,M"
                                              : "N,BS,L,B,NULL,M,S,SS,NS,BOOL");
}

static cc_status check_function(const cc_checker *checker, const cc_node *node) {
    const cc_node *first = node_at(checker, node->child);
    const cc_node *second = first->next == 0 ? NULL : node_at(checker, first->next);
    cc_type type = static_type(checker, first);
    switch (node->op) {
    case CC_FN_ATTRIBUTE_EXISTS:
    case CC_FN_ATTRIBUTE_NOT_EXISTS:
        if (first->kind == CC_NODE_PATH)
            return CC_OK;
        return CC_INVALID(checker->error,
                          "%sOperator or function requires a document path; "
                          "operator or function: %s",
                          checker->prefix, function_names[node->op]);
    case CC_FN_BEGINS_WITH:
        if (type != CC_TYPE_NONE && type != CC_TYPE_S && type != CC_TYPE_B)
            return wrong_type(checker, node, cc_type_name(type));
        type = static_type(checker, second);
        if (type != CC_TYPE_NONE && type != CC_TYPE_S && type != CC_TYPE_B)
            return wrong_type(checker, node, cc_type_name(type));
        return CC_OK;
    case CC_FN_ATTRIBUTE_TYPE:
        return check_attribute_type(checker, node, second);
    case CC_FN_SIZE:
        if (type == CC_TYPE_N || type == CC_TYPE_BOOL || type == CC_TYPE_NULL)
            return wrong_type(checker, node, cc_type_name(type));
        return CC_OK;
    default:
        return CC_OK;
    }
}

/* "{S:abc}", "{N:12}" for the BETWEEN messages. */
static void value_text(cc_value value, char *out, size_t size) {
    cc_bytes bytes = value.type == CC_TYPE_S || value.type == CC_TYPE_N || value.type == CC_TYPE_B
                         ? cc_value_bytes(value)
                         : (cc_bytes){(const uint8_t *)"", 0};
    char number[CC_NUMBER_TEXT_MAX];
    if (value.type == CC_TYPE_N)
        bytes = cc_bytes_of(number, cc_number_text(bytes, number));
    snprintf(out, size, "{%s:%.*s}", cc_type_name(value.type), (int)(bytes.size < 60 ? bytes.size : 60),
             (const char *)bytes.data);
}

static cc_status check_between(const cc_checker *checker, const cc_node *node) {
    const cc_node *low = node_at(checker, node_at(checker, node->child)->next);
    const cc_node *high = node_at(checker, low->next);
    if (low->kind != CC_NODE_VALUE || high->kind != CC_NODE_VALUE)
        return CC_OK;
    cc_value a = checker->bound->values[low->ref], b = checker->bound->values[high->ref];
    bool ordered = a.type == CC_TYPE_S || a.type == CC_TYPE_N || a.type == CC_TYPE_B;
    const char *rule = NULL;
    if (a.type != b.type)
        rule = "same data type for lower and upper bounds";
    else if (ordered && cc_value_order(a, b) > 0)
        rule = "upper bound to be greater than or equal to lower bound";
    if (rule == NULL)
        return CC_OK;
    char low_text[80], high_text[80];
    value_text(a, low_text, sizeof low_text);
    value_text(b, high_text, sizeof high_text);
    return CC_INVALID(checker->error,
                      "%sThe BETWEEN operator requires %s; lower bound operand: AttributeValue: %s, "
                      "upper bound operand: AttributeValue: %s",
                      checker->prefix, rule, low_text, high_text);
}

/* Counts, equal operands and types of one comparison and of the functions inside it. */
static cc_status check_operands(const cc_checker *checker, uint32_t index,
                                cc_status (*check)(const cc_checker *, const cc_node *)) {
    const cc_node *node = node_at(checker, index);
    for (uint32_t child = node->child; child != 0; child = node_at(checker, child)->next)
        CC_TRY(check_operands(checker, child, check));
    return check(checker, node);
}

static cc_status check_types(const cc_checker *checker, const cc_node *node) {
    if (node->kind == CC_NODE_FUNCTION)
        return check_function(checker, node);
    if (node->kind == CC_NODE_COMPARE || node->kind == CC_NODE_BETWEEN)
        CC_TRY(check_ordered(checker, node));
    return node->kind == CC_NODE_BETWEEN ? check_between(checker, node) : CC_OK;
}

static cc_status check_conditions(const cc_checker *checker, uint32_t index) {
    const cc_node *node = node_at(checker, index);
    if (node->kind == CC_NODE_AND || node->kind == CC_NODE_OR || node->kind == CC_NODE_NOT) {
        for (uint32_t child = node->child; child != 0; child = node_at(checker, child)->next)
            CC_TRY(check_conditions(checker, child));
        return CC_OK;
    }
    CC_TRY(check_defined(checker, index));
    CC_TRY(check_operands(checker, index, check_count));
    CC_TRY(check_operands(checker, index, check_distinct));
    return check_operands(checker, index, check_types);
}

/* ---- paths of projections and updates ---- */

static bool same_step(const cc_bound *bound, uint32_t a, uint32_t b) {
    const cc_path_element *ea = &bound->program->elements[a], *eb = &bound->program->elements[b];
    if (ea->is_index)
        return ea->index == eb->index;
    return cc_bytes_equal(bound->names[a], bound->names[b]);
}

/* 0: apart, 1: one lies in the other, 2: a name meets a list index. */
static int path_clash(const cc_bound *bound, uint32_t a, uint32_t b) {
    cc_path pa = bound->program->paths[a], pb = bound->program->paths[b];
    for (uint32_t i = 0; i < pa.count && i < pb.count; i++) {
        bool ia = bound->program->elements[pa.first + i].is_index;
        if (ia != bound->program->elements[pb.first + i].is_index)
            return 2;
        if (!same_step(bound, pa.first + i, pb.first + i))
            return 0;
    }
    return 1;
}

static cc_status check_paths_apart(const cc_checker *checker, const uint32_t *paths, uint32_t count) {
    for (int kind = 1; kind <= 2; kind++)
        for (uint32_t j = 1; j < count; j++)
            for (uint32_t i = 0; i < j; i++) {
                if (path_clash(checker->bound, paths[i], paths[j]) != kind)
                    continue;
                char one[160], two[160];
                cc_path_text(checker->bound, paths[i], one, sizeof one);
                cc_path_text(checker->bound, paths[j], two, sizeof two);
                return CC_INVALID(checker->error,
                                  "%sTwo document paths %s with each other; must remove or rewrite "
                                  "one of these paths; path one: %s, path two: %s",
                                  checker->prefix, kind == 1 ? "overlap" : "conflict", one, two);
            }
    return CC_OK;
}

static cc_status check_projection(const cc_checker *checker, cc_arena *arena) {
    uint32_t count = checker->bound->program->path_count;
    uint32_t *paths = cc_arena_alloc(arena, count * sizeof *paths);
    if (paths == NULL)
        return cc_fail(checker->error, CC_ERR_NOMEM, "no memory for an expression");
    for (uint32_t i = 0; i < count; i++) {
        CC_TRY(check_path_names(checker, i));
        paths[i] = i;
    }
    return check_paths_apart(checker, paths, count);
}

static cc_status check_action_operand(const cc_checker *checker, const cc_action *action) {
    static const char *const names[] = {
        [CC_TYPE_S] = "STRING",  [CC_TYPE_N] = "NUMBER", [CC_TYPE_B] = "BINARY", [CC_TYPE_BOOL] = "BOOLEAN",
        [CC_TYPE_NULL] = "NULL", [CC_TYPE_L] = "LIST",   [CC_TYPE_M] = "MAP"};
    if (action->kind != CC_ACTION_ADD && action->kind != CC_ACTION_DELETE)
        return CC_OK;
    cc_type type = checker->bound->values[node_at(checker, action->value)->ref].type;
    bool add = action->kind == CC_ACTION_ADD;
    if (type == CC_TYPE_SS || type == CC_TYPE_NS || type == CC_TYPE_BS || (add && type == CC_TYPE_N))
        return CC_OK;
    return CC_INVALID(checker->error,
                      "%sIncorrect operand type for operator or function; operator: %s, "
                      "operand type: %s, typeSet: ALLOWED_FOR_%s_OPERAND",
                      checker->prefix, add ? "ADD" : "DELETE", names[type], add ? "ADD" : "DELETE");
}

static cc_status check_update_node(const cc_checker *checker, const cc_node *node) {
    bool sum = node->kind == CC_NODE_PLUS || node->kind == CC_NODE_MINUS;
    if (!sum && node->kind != CC_NODE_FUNCTION)
        return CC_OK;
    CC_TRY(check_count(checker, node));
    const cc_node *first = node_at(checker, node->child), *second = node_at(checker, first->next);
    if (node->kind == CC_NODE_FUNCTION && node->op == CC_FN_IF_NOT_EXISTS) {
        if (first->kind == CC_NODE_PATH)
            return CC_OK;
        return CC_INVALID(checker->error,
                          "%sOperator or function requires a document path; "
                          "operator or function: if_not_exists",
                          checker->prefix);
    }
    cc_type wanted = sum ? CC_TYPE_N : CC_TYPE_L;
    const cc_node *operands[2] = {first, second};
    for (int i = 0; i < 2; i++) {
        cc_type type = static_type(checker, operands[i]);
        if (type != CC_TYPE_NONE && type != wanted)
            return wrong_type(checker, node, cc_type_name(type));
    }
    return CC_OK;
}

static cc_status check_update(const cc_checker *checker, cc_arena *arena) {
    const cc_expression *program = checker->bound->program;
    for (uint32_t i = 0; i < program->path_count; i++)
        CC_TRY(check_path_names(checker, i));
    for (uint32_t i = 0; i < program->value_count; i++)
        CC_TRY(check_value(checker, i));
    uint32_t *paths = cc_arena_alloc(arena, program->action_count * sizeof *paths);
    if (paths == NULL)
        return cc_fail(checker->error, CC_ERR_NOMEM, "no memory for an expression");
    for (uint32_t i = 0; i < program->action_count; i++)
        paths[i] = program->actions[i].path;
    CC_TRY(check_paths_apart(checker, paths, program->action_count));
    for (uint32_t i = 0; i < program->action_count; i++)
        CC_TRY(check_action_operand(checker, &program->actions[i]));
    for (uint32_t i = 0; i < program->action_count; i++)
        if (program->actions[i].value != 0)
            CC_TRY(check_operands(checker, program->actions[i].value, check_update_node));
    return CC_OK;
}

static cc_status resolve(cc_expression *program, const cc_name_pair *names, size_t name_count,
                         cc_bytes values, cc_arena *arena, cc_bound *bound) {
    bound->program = program;
    bound->names = cc_arena_alloc(arena, (program->element_count + 1) * sizeof *bound->names);
    bound->values = cc_arena_alloc(arena, (program->value_count + 1) * sizeof *bound->values);
    if (bound->names == NULL || bound->values == NULL)
        return CC_ERR_NOMEM;
    for (uint32_t i = 0; i < program->element_count; i++) {
        const cc_path_element *element = &program->elements[i];
        bound->names[i] = element->is_alias ? (cc_bytes){NULL, 0} : element->name;
        for (size_t n = 0; element->is_alias && n < name_count; n++)
            if (cc_bytes_equal(names[n].name, element->name))
                bound->names[i] = names[n].value;
    }
    for (uint32_t i = 0; i < program->value_count; i++) {
        bound->values[i] = (cc_value){CC_TYPE_NONE, {NULL, 0}};
        if (values.size != 0)
            (void)cc_item_find(values, program->values[i], &bound->values[i]);
    }
    return CC_OK;
}

cc_status cc_bind(cc_expression *program, const cc_name_pair *names, size_t name_count, cc_bytes values,
                  cc_arena *arena, cc_bound *bound_out, cc_error *error) {
    if (resolve(program, names, name_count, values, arena, bound_out) != CC_OK)
        return cc_fail(error, CC_ERR_NOMEM, "no memory for an expression");
    return cc_bind_check(bound_out, cc_expression_prefix(program->kind), arena, error);
}

cc_status cc_bind_check(const cc_bound *bound, const char *prefix, cc_arena *arena, cc_error *error) {
    cc_checker checker = {bound, prefix, error};
    if (bound->program->kind == CC_EXPRESSION_UPDATE)
        return check_update(&checker, arena);
    if (bound->program->kind == CC_EXPRESSION_PROJECTION)
        return check_projection(&checker, arena);
    return check_conditions(&checker, bound->program->root);
}

static bool mentions(const cc_bound *const *bounds, size_t count, cc_bytes text, bool value) {
    for (size_t i = 0; i < count; i++) {
        const cc_expression *program = bounds[i]->program;
        if (program == NULL)
            continue;
        const cc_bytes *list = value ? program->values : program->aliases;
        uint32_t list_count = value ? program->value_count : program->alias_count;
        for (uint32_t j = 0; j < list_count; j++)
            if (cc_bytes_equal(list[j], text))
                return true;
    }
    return false;
}

static cc_status unused(cc_error *error, const char *what, cc_bytes key) {
    return CC_INVALID(error, "Value provided in %s unused in expressions: keys: {%.*s}", what, clip(key.size),
                      (const char *)key.data);
}

cc_status cc_bind_check_unused(const cc_bound *const *bounds, size_t count, const cc_name_pair *names,
                               size_t name_count, cc_bytes values, cc_error *error) {
    for (size_t i = 0; i < name_count; i++)
        if (!mentions(bounds, count, names[i].name, false))
            return unused(error, "ExpressionAttributeNames", names[i].name);
    uint32_t value_count = values.size == 0 ? 0 : cc_item_count(values);
    for (uint32_t i = 0; i < value_count; i++) {
        cc_bytes name;
        cc_value value;
        cc_item_at(values, i, &name, &value);
        if (!mentions(bounds, count, name, true))
            return unused(error, "ExpressionAttributeValues", name);
    }
    return CC_OK;
}
