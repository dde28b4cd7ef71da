/* statement_update.c: SET and REMOVE as an update program.
 *
 *   SET path = operand [+|- operand]      operand  path | literal | ? | list_append(operand, operand)
 *   SET path = set_add(path, set)         is ADD, set_delete is DELETE; their first argument is the path */
#include <stdio.h>

#include "table/statement_compile.h"

static cc_status value(cc_builder *builder, const cc_tree *tree, uint32_t *node_out);

static bool named(cc_bytes name, const char *lower) {
    size_t i = 0;
    for (; i < name.size && lower[i] != 0; i++)
        if ((name.data[i] >= 'A' && name.data[i] <= 'Z' ? name.data[i] + 32 : name.data[i]) !=
            (uint8_t)lower[i])
            return false;
    return i == name.size && lower[i] == 0;
}

cc_status cc_compile_unknown_function(cc_compiler *compiler, const cc_tree *tree) {
    char lower[65];
    size_t size = cc_utf8_cut(tree->text, sizeof lower - 1);
    for (size_t i = 0; i < size; i++)
        lower[i] = (char)(tree->text.data[i] >= 'A' && tree->text.data[i] <= 'Z' ? tree->text.data[i] + 32
                                                                                 : tree->text.data[i]);
    lower[size] = 0;
    cc_place_text place = cc_place_of(compiler, tree->token);
    return CC_INVALID(compiler->error, "Unrecognized function: %s%s", lower, place.text);
}

static cc_status parts(cc_builder *builder, const cc_tree *tree, uint32_t node) {
    for (const cc_tree *child = tree->child; child != NULL; child = child->next) {
        uint32_t made = 0;
        CC_TRY(value(builder, child, &made));
        cc_builder_adopt(builder, node, made);
    }
    return CC_OK;
}

static cc_status value(cc_builder *builder, const cc_tree *tree, uint32_t *node_out) {
    if (cc_tree_is_literal(tree) || tree->kind == CC_TREE_PARAMETER)
        return cc_builder_value_node(builder, tree, node_out);
    if (tree->kind == CC_TREE_NAME || tree->kind == CC_TREE_PATH)
        return cc_builder_path_node(builder, tree, node_out);
    if (tree->kind == CC_TREE_SUM) {
        *node_out = cc_builder_node(builder, tree->op == CC_PQ_PLUS ? CC_NODE_PLUS : CC_NODE_MINUS, 0);
        return parts(builder, tree, *node_out);
    }
    if (tree->kind == CC_TREE_CALL && named(tree->text, "list_append")) {
        *node_out = cc_builder_node(builder, CC_NODE_FUNCTION, CC_FN_LIST_APPEND);
        return parts(builder, tree, *node_out);
    }
    if (tree->kind == CC_TREE_CALL)
        return cc_compile_unknown_function(builder->compiler, tree);
    cc_place_text place = cc_place_of(builder->compiler, tree->token);
    const cc_pq_token *token = &builder->compiler->tokens[tree->token];
    cc_bytes text = cc_bytes_of(builder->compiler->text.data + token->start, token->size);
    return CC_INVALID(builder->compiler->error, "Unsupported operator in Update Expression. Operator: %.*s%s",
                      (int)cc_utf8_cut(text, 64), (const char *)text.data, place.text);
}

static bool same_path(const cc_builder *builder, uint32_t a, uint32_t b) {
    const cc_expression *e = &builder->program->expression;
    const cc_bytes *names = builder->program->names;
    cc_path pa = e->paths[a], pb = e->paths[b];
    for (uint32_t i = 0; i < pa.count && pa.count == pb.count; i++) {
        const cc_path_element *ea = &e->elements[pa.first + i], *eb = &e->elements[pb.first + i];
        if (ea->is_index != eb->is_index || ea->index != eb->index ||
            !cc_bytes_equal(names[pa.first + i], names[pb.first + i]))
            return false;
    }
    return pa.count == pb.count;
}

/* The operand of set_add or set_delete is a set, which a parameter shows later. */
static cc_status set_operand(cc_builder *builder, const cc_tree *call, bool add, uint32_t node) {
    cc_compiler *compiler = builder->compiler;
    cc_statement *statement = compiler->statement;
    cc_statement_program *program = builder->program;
    uint32_t index = program->expression.nodes[node].ref;
    cc_type type = program->constants[index].type;
    if (type == CC_TYPE_NONE) {
        statement->set_operands[statement->set_operand_count++] = (cc_set_operand){
            program->parameters[index], add,
            cc_pq_place(compiler->text, &compiler->tokens[call->child->token])};
        return CC_OK;
    }
    if (type == CC_TYPE_SS || type == CC_TYPE_NS || type == CC_TYPE_BS)
        return CC_OK;
    cc_place_text place = cc_place_of(compiler, call->child->token);
    return CC_INVALID(compiler->error, "The second argument to %s must be a value with type SET%s",
                      add ? "SET_ADD" : "SET_DELETE", place.text);
}

static cc_status set_change(cc_builder *builder, const cc_tree *call, bool add, uint32_t path,
                            uint32_t *node_out) {
    cc_compiler *compiler = builder->compiler;
    const char *name = add ? "SET_ADD" : "SET_DELETE";
    cc_place_text place = cc_place_of(compiler, call->token);
    uint32_t first = 0;
    if (call->count != 2)
        return CC_INVALID(compiler->error, "%s must have exactly two arguments%s", name, place.text);
    const cc_tree *target = call->child, *members = call->last;
    bool is_path = target->kind == CC_TREE_NAME || target->kind == CC_TREE_PATH;
    if (is_path)
        CC_TRY(cc_builder_path(builder, target, &first));
    if (!is_path || !same_path(builder, first, path))
        return CC_INVALID(compiler->error, "The first argument to %s must equal the assignment value%s", name,
                          place.text);
    if (!cc_tree_is_literal(members) && members->kind != CC_TREE_PARAMETER) {
        place = cc_place_of(compiler, target->token);
        return CC_INVALID(compiler->error, "The second argument to %s must be a value with type SET%s", name,
                          place.text);
    }
    CC_TRY(cc_builder_value_node(builder, members, node_out));
    return set_operand(builder, call, add, *node_out);
}

static cc_status change(cc_builder *builder, const cc_change_tree *tree) {
    cc_expression *e = &builder->program->expression;
    cc_action action = {.kind = tree->value == NULL ? CC_ACTION_REMOVE : CC_ACTION_SET};
    CC_TRY(cc_builder_path(builder, tree->path, &action.path));
    bool add = tree->value != NULL && tree->value->kind == CC_TREE_CALL &&
               named(tree->value->text, "set_add");
    bool delete = tree->value != NULL && tree->value->kind == CC_TREE_CALL &&
                  named(tree->value->text, "set_delete");
    if (add || delete) {
        action.kind = add ? CC_ACTION_ADD : CC_ACTION_DELETE;
        CC_TRY(set_change(builder, tree->value, add, action.path, &action.value));
    } else if (tree->value != NULL) {
        CC_TRY(value(builder, tree->value, &action.value));
    }
    e->actions[e->action_count++] = action;
    return CC_OK;
}

cc_status cc_compile_changes(cc_compiler *compiler, const cc_change_tree *changes) {
    cc_builder builder;
    cc_statement *statement = compiler->statement;
    CC_TRY(cc_builder_begin(compiler, CC_EXPRESSION_UPDATE, &builder));
    uint32_t count = 0;
    for (const cc_change_tree *one = changes; one != NULL; one = one->next)
        count++;
    statement->set_operands = cc_arena_alloc(&statement->arena, (count + 1) * sizeof(cc_set_operand));
    if (statement->set_operands == NULL)
        return cc_no_memory(compiler->error);
    for (const cc_change_tree *one = changes; one != NULL; one = one->next)
        CC_TRY(change(&builder, one));
    return cc_builder_finish(&builder, &statement->update);
}
