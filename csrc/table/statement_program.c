/* statement_program.c: builds the programs of a statement: nodes, paths and values. */
#include "table/statement_compile.h"

static void never_freed(cc_cached *cached) { (void)cached; } /* it goes with its statement */

cc_status cc_builder_begin(cc_compiler *compiler, cc_expression_kind kind, cc_builder *builder) {
    size_t n = compiler->token_count;
    cc_arena *scratch = compiler->scratch;
    cc_statement_program *program = cc_arena_alloc(scratch, sizeof *program);
    if (program == NULL)
        return cc_no_memory(compiler->error);
    *program = (cc_statement_program){.expression = {.kind = kind, .node_count = 1}};
    cc_expression *e = &program->expression;
    e->nodes = cc_arena_alloc(scratch, (4 * n + 8) * sizeof *e->nodes); /* IS NOT NULL: four */
    e->paths = cc_arena_alloc(scratch, (n + 1) * sizeof *e->paths);
    e->elements = cc_arena_alloc(scratch, (n + 1) * sizeof *e->elements);
    e->actions = cc_arena_alloc(scratch, (n + 1) * sizeof *e->actions);
    program->names = cc_arena_alloc(scratch, (n + 1) * sizeof *program->names);
    program->constants = cc_arena_alloc(scratch, (n + 1) * sizeof *program->constants);
    program->parameters = cc_arena_alloc(scratch, (n + 1) * sizeof *program->parameters);
    if (e->nodes == NULL || e->paths == NULL || e->elements == NULL || e->actions == NULL ||
        program->names == NULL || program->constants == NULL || program->parameters == NULL)
        return cc_no_memory(compiler->error);
    e->nodes[0] = (cc_node){0};
    *builder = (cc_builder){compiler, program};
    return CC_OK;
}

/* A copy in the statement; NULL when memory is out. */
static void *kept(cc_compiler *compiler, const void *array, size_t size) {
    void *copy = cc_arena_alloc(&compiler->statement->arena, size + 1);
    if (copy != NULL && size != 0)
        memcpy(copy, array, size);
    return copy;
}

cc_status cc_builder_finish(cc_builder *builder, cc_statement_program **program_out) {
    cc_compiler *compiler = builder->compiler;
    cc_statement_program *program = kept(compiler, builder->program, sizeof *program);
    if (program == NULL)
        return cc_no_memory(compiler->error);
    cc_expression *e = &program->expression;
    e->nodes = kept(compiler, e->nodes, e->node_count * sizeof *e->nodes);
    e->paths = kept(compiler, e->paths, e->path_count * sizeof *e->paths);
    e->elements = kept(compiler, e->elements, e->element_count * sizeof *e->elements);
    e->actions = kept(compiler, e->actions, e->action_count * sizeof *e->actions);
    program->names = kept(compiler, program->names, e->element_count * sizeof *program->names);
    program->constants = kept(compiler, program->constants, e->value_count * sizeof *program->constants);
    program->parameters = kept(compiler, program->parameters, e->value_count * sizeof *program->parameters);
    if (e->nodes == NULL || e->paths == NULL || e->elements == NULL || e->actions == NULL ||
        program->names == NULL || program->constants == NULL || program->parameters == NULL)
        return cc_no_memory(compiler->error);
    cc_cached_init(&e->cached, e->kind, (cc_bytes){NULL, 0}, never_freed);
    for (uint32_t i = 0; i < e->path_count; i++)
        e->nested = e->nested || e->paths[i].count > 1;
    for (uint32_t i = 0; i < e->value_count; i++)
        program->parametric = program->parametric || program->constants[i].type == CC_TYPE_NONE;
    *program_out = program;
    return CC_OK;
}

uint32_t cc_builder_node(cc_builder *builder, cc_node_kind kind, uint8_t op) {
    cc_expression *e = &builder->program->expression;
    e->nodes[e->node_count] = (cc_node){.kind = (uint8_t)kind, .op = op};
    return e->node_count++;
}

void cc_builder_adopt(cc_builder *builder, uint32_t parent, uint32_t child) {
    cc_node *nodes = builder->program->expression.nodes;
    uint32_t *slot = &nodes[parent].child;
    if (nodes[parent].ref != 0) /* while a node is built, its ref is the last child */
        slot = &nodes[nodes[parent].ref].next;
    *slot = child;
    nodes[parent].ref = child;
    nodes[parent].count++;
}

/* ---- paths ---- */

static cc_status unexpected(const cc_compiler *compiler, const cc_tree *tree) {
    cc_place_text place = cc_place_of(compiler, tree->token);
    return CC_INVALID(compiler->error, "Unexpected path component%s", place.text);
}

static cc_status name_step(cc_builder *builder, cc_bytes name) {
    cc_statement_program *program = builder->program;
    cc_expression *e = &program->expression;
    CC_TRY(cc_compiler_copy(builder->compiler, name, &name));
    program->names[e->element_count] = name;
    e->elements[e->element_count++] = (cc_path_element){.name = name};
    return CC_OK;
}

static cc_status index_step(cc_builder *builder, const cc_tree *step) {
    const cc_compiler *compiler = builder->compiler;
    const cc_tree *index = step->child;
    cc_expression *e = &builder->program->expression;
    if (step->kind != CC_TREE_INDEX || index->kind != CC_TREE_NUMBER)
        return unexpected(compiler, step->kind == CC_TREE_INDEX ? index : step);
    uint64_t value = 0;
    for (size_t i = 0; i < index->text.size; i++) {
        uint8_t c = index->text.data[i];
        if (c < '0' || c > '9')
            return unexpected(compiler, index);
        value = value > UINT32_MAX ? value : value * 10 + (uint64_t)(c - '0');
    }
    if (value > INT32_MAX || (index->negative && value != 0)) {
        cc_place_text place = cc_place_of(compiler, index->token);
        return CC_INVALID(compiler->error, "List index is not within the allowable range; index: [%s%.*s]%s",
                          index->negative ? "-" : "", (int)cc_utf8_cut(index->text, 64),
                          (const char *)index->text.data, place.text);
    }
    builder->program->names[e->element_count] = (cc_bytes){NULL, 0};
    e->elements[e->element_count++] = (cc_path_element){.is_index = true, .index = (uint32_t)value};
    return CC_OK;
}

cc_status cc_builder_path(cc_builder *builder, const cc_tree *tree, uint32_t *path_out) {
    cc_compiler *compiler = builder->compiler;
    cc_expression *e = &builder->program->expression;
    const cc_tree *root = tree->kind == CC_TREE_PATH ? tree->child : tree;
    uint32_t first = e->element_count;
    if (root->kind != CC_TREE_NAME)
        return unexpected(compiler, root);
    if (root->text.size == 0)
        return CC_INVALID(compiler->error, "Path component cannot be an empty string");
    CC_TRY(name_step(builder, root->text));
    for (const cc_tree *step = tree->kind == CC_TREE_PATH ? root->next : NULL; step != NULL;
         step = step->next) {
        if (step->kind == CC_TREE_STEP)
            CC_TRY(name_step(builder, step->text));
        else
            CC_TRY(index_step(builder, step));
    }
    if (e->element_count - first > CC_ITEM_DEPTH_MAX)
        return CC_INVALID(compiler->error,
                          "The document path has too many nesting elements; nesting levels: %u",
                          e->element_count - first);
    e->paths[e->path_count] = (cc_path){first, e->element_count - first};
    *path_out = e->path_count++;
    return CC_OK;
}

cc_status cc_builder_path_node(cc_builder *builder, const cc_tree *tree, uint32_t *node_out) {
    uint32_t path = 0;
    CC_TRY(cc_builder_path(builder, tree, &path));
    *node_out = cc_builder_node(builder, CC_NODE_PATH, 0);
    builder->program->expression.nodes[*node_out].ref = path;
    return CC_OK;
}

/* ---- values ---- */

cc_status cc_builder_constant_node(cc_builder *builder, cc_value value, uint32_t *node_out) {
    cc_statement_program *program = builder->program;
    cc_expression *e = &program->expression;
    *node_out = cc_builder_node(builder, CC_NODE_VALUE, 0);
    e->nodes[*node_out].ref = e->value_count;
    program->constants[e->value_count] = value;
    program->parameters[e->value_count++] = 0;
    return CC_OK;
}

cc_status cc_builder_value_node(cc_builder *builder, const cc_tree *tree, uint32_t *node_out) {
    cc_value value = {CC_TYPE_NONE, {NULL, 0}};
    if (tree->kind != CC_TREE_PARAMETER)
        CC_TRY(cc_compile_value(builder->compiler, tree, &value));
    CC_TRY(cc_builder_constant_node(builder, value, node_out));
    if (tree->kind == CC_TREE_PARAMETER)
        builder->program->parameters[builder->program->expression.value_count - 1] = tree->number;
    return CC_OK;
}
