/* statement_condition.c: a WHERE clause as a condition program.
 *
 * What a condition compares may itself be a condition: attribute_exists(a) = true. IS tests the type that an
 * attribute has; IS MISSING that it has none. */
#include "table/statement_compile.h"

static cc_status condition(cc_builder *builder, const cc_tree *tree, uint32_t *node_out);
static cc_status operand(cc_builder *builder, const cc_tree *tree, uint32_t *node_out);

static cc_status operands(cc_builder *builder, const cc_tree *tree, uint32_t node) {
    for (const cc_tree *child = tree->child; child != NULL; child = child->next) {
        uint32_t made = 0;
        CC_TRY(operand(builder, child, &made));
        cc_builder_adopt(builder, node, made);
    }
    return CC_OK;
}

static cc_status conditions(cc_builder *builder, const cc_tree *tree, cc_node_kind kind, uint32_t *node_out) {
    *node_out = cc_builder_node(builder, kind, 0);
    for (const cc_tree *child = tree->child; child != NULL; child = child->next) {
        uint32_t made = 0;
        CC_TRY(condition(builder, child, &made));
        cc_builder_adopt(builder, *node_out, made);
    }
    return CC_OK;
}

static cc_status compare(cc_builder *builder, const cc_tree *tree, uint32_t *node_out) {
    static const uint8_t ops[] = {
        [CC_PQ_EQ] = CC_TOKEN_EQ, [CC_PQ_NE] = CC_TOKEN_NE, [CC_PQ_LT] = CC_TOKEN_LT,
        [CC_PQ_LE] = CC_TOKEN_LE, [CC_PQ_GT] = CC_TOKEN_GT, [CC_PQ_GE] = CC_TOKEN_GE};
    *node_out = cc_builder_node(builder, CC_NODE_COMPARE, ops[tree->op]);
    return operands(builder, tree, *node_out);
}

static cc_status in(cc_builder *builder, const cc_tree *tree, uint32_t *node_out) {
    cc_error *error = builder->compiler->error;
    const cc_tree *list = tree->last;
    uint32_t left = 0;
    if (list->kind != CC_TREE_LIST)
        return CC_INVALID(error, "The IN operator must be provided with a list of values");
    if (list->count > CC_EXPRESSION_IN_MAX)
        return CC_INVALID(error, "The IN operator is provided with too many operands; number of operands: %u",
                          list->count);
    *node_out = cc_builder_node(builder, CC_NODE_IN, 0);
    CC_TRY(operand(builder, tree->child, &left));
    cc_builder_adopt(builder, *node_out, left);
    return operands(builder, list, *node_out);
}

/* NULL: no attribute has it. */
static const char *type_of_word(uint8_t word) {
    switch (word) {
    case CC_PW_NULL:
        return "NULL";
    case CC_PW_BOOLEAN:
        return "BOOL";
    case CC_PW_TEXT:
        return "S";
    case CC_PW_BLOB:
        return "B";
    case CC_PW_NUMERIC:
        return "N";
    case CC_PW_STRUCTURE:
        return "M";
    case CC_PW_LISTED:
        return "L";
    default:
        return NULL;
    }
}

static cc_status is(cc_builder *builder, const cc_tree *tree, uint32_t *node_out) {
    cc_compiler *compiler = builder->compiler;
    bool missing = tree->op == CC_PW_MISSING;
    const char *type = missing ? "" : type_of_word(tree->op);
    cc_bytes name = tree->last->text;
    uint32_t made = 0;
    if (type == NULL)
        return CC_INVALID(compiler->error,
                          "Unsupported data type for IS operator: %.*s. Supported data types are [MISSING, "
                          "NULL, BOOLEAN, BLOB, STRING, NUMERIC, STRUCT, TUPLE, LIST]",
                          (int)cc_utf8_cut(name, 64), (const char *)name.data);
    *node_out = cc_builder_node(builder, CC_NODE_FUNCTION,
                                missing ? CC_FN_ATTRIBUTE_NOT_EXISTS : CC_FN_ATTRIBUTE_TYPE);
    CC_TRY(operand(builder, tree->child, &made));
    cc_builder_adopt(builder, *node_out, made);
    if (missing)
        return CC_OK;
    const cc_tree text = {.kind = CC_TREE_STRING, .text = cc_bytes_text(type)};
    CC_TRY(cc_builder_value_node(builder, &text, &made));
    cc_builder_adopt(builder, *node_out, made);
    return CC_OK;
}

static cc_function function_of(cc_bytes name) {
    char lower[24] = {0};
    for (size_t i = 0; i < name.size && i < sizeof lower - 1; i++)
        lower[i] = (char)(name.data[i] >= 'A' && name.data[i] <= 'Z' ? name.data[i] + 32 : name.data[i]);
    cc_function function = name.size < sizeof lower ? cc_function_of(cc_bytes_text(lower)) : CC_FN_UNKNOWN;
    return function == CC_FN_IF_NOT_EXISTS || function == CC_FN_LIST_APPEND ? CC_FN_UNKNOWN : function;
}

static cc_status call(cc_builder *builder, const cc_tree *tree, uint32_t *node_out) {
    cc_function function = function_of(tree->text);
    if (function == CC_FN_UNKNOWN)
        return cc_compile_unknown_function(builder->compiler, tree);
    *node_out = cc_builder_node(builder, CC_NODE_FUNCTION, (uint8_t)function);
    return operands(builder, tree, *node_out);
}

static cc_status refuse_operator(cc_builder *builder, const cc_tree *tree) {
    cc_bytes name = tree->kind == CC_TREE_OTHER ? tree->text
                    : tree->kind == CC_TREE_SUM ? cc_bytes_text(tree->op == CC_PQ_PLUS ? "+" : "-")
                                                : cc_bytes_text("-");
    return CC_INVALID(builder->compiler->error,
                      "Unsupported operator in Condition Expression. Operator: %.*s", (int)name.size,
                      (const char *)name.data);
}

static cc_status refuse_token(cc_builder *builder, const cc_tree *tree) {
    const cc_compiler *compiler = builder->compiler;
    cc_place_text place = cc_place_of(compiler, tree->token);
    const cc_pq_token *token = &compiler->tokens[tree->token];
    return CC_INVALID(compiler->error, "Unsupported token in expression: %.*s%s",
                      (int)cc_utf8_cut(cc_bytes_of(compiler->text.data + token->start, token->size), 64),
                      (const char *)compiler->text.data + token->start, place.text);
}

static cc_status condition(cc_builder *builder, const cc_tree *tree, uint32_t *node_out) {
    switch (tree->kind) {
    case CC_TREE_AND:
        return conditions(builder, tree, CC_NODE_AND, node_out);
    case CC_TREE_OR:
        return conditions(builder, tree, CC_NODE_OR, node_out);
    case CC_TREE_NOT:
        return conditions(builder, tree, CC_NODE_NOT, node_out);
    case CC_TREE_COMPARE:
        return compare(builder, tree, node_out);
    case CC_TREE_BETWEEN:
        *node_out = cc_builder_node(builder, CC_NODE_BETWEEN, 0);
        return operands(builder, tree, *node_out);
    case CC_TREE_IN:
        return in(builder, tree, node_out);
    case CC_TREE_IS:
        return is(builder, tree, node_out);
    case CC_TREE_CALL:
        if (function_of(tree->text) != CC_FN_SIZE)
            return call(builder, tree, node_out);
        return refuse_token(builder, tree);
    case CC_TREE_SUM:
    case CC_TREE_SIGN:
    case CC_TREE_OTHER:
        return refuse_operator(builder, tree);
    default:
        return refuse_token(builder, tree);
    }
}

static cc_status operand(cc_builder *builder, const cc_tree *tree, uint32_t *node_out) {
    if (cc_tree_is_literal(tree) || tree->kind == CC_TREE_PARAMETER)
        return cc_builder_value_node(builder, tree, node_out);
    if (tree->kind == CC_TREE_NAME || tree->kind == CC_TREE_PATH)
        return cc_builder_path_node(builder, tree, node_out);
    if (tree->kind == CC_TREE_CALL)
        return call(builder, tree, node_out);
    return condition(builder, tree, node_out);
}

cc_status cc_compile_where(cc_compiler *compiler, const cc_tree *tree) {
    cc_builder builder;
    uint32_t root = 0;
    CC_TRY(cc_builder_begin(compiler, CC_EXPRESSION_CONDITION, &builder));
    CC_TRY(condition(&builder, tree, &root));
    builder.program->expression.root = root;
    return cc_builder_finish(&builder, &compiler->statement->where);
}
