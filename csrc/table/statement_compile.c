/* statement_compile.c: a parse tree as a cc_statement: what kind it is, its table, columns, order and item. */
#include "table/statement_compile.h"

#include <stdio.h>
#include <stdlib.h>

cc_place_text cc_place_of(const cc_compiler *compiler, uint32_t token) {
    cc_statement_place place = cc_pq_place(compiler->text, &compiler->tokens[token]);
    cc_place_text out;
    snprintf(out.text, sizeof out.text, " at %u:%u:%u", place.line, place.column, place.length);
    return out;
}

cc_status cc_compiler_copy(cc_compiler *compiler, cc_bytes bytes, cc_bytes *copy_out) {
    uint8_t *copy = cc_arena_alloc(&compiler->statement->arena, bytes.size + 1);
    if (copy == NULL)
        return cc_no_memory(compiler->error);
    if (bytes.size != 0)
        memcpy(copy, bytes.data, bytes.size);
    *copy_out = cc_bytes_of(copy, bytes.size);
    return CC_OK;
}

/* ---- table and index ---- */

static cc_status source_name(cc_compiler *compiler, const cc_tree *tree, cc_bytes *name_out) {
    if (tree->text.size == 0)
        return CC_INVALID(compiler->error, "Path component cannot be an empty string");
    return cc_compiler_copy(compiler, tree->text, name_out);
}

static cc_status compile_source(cc_compiler *compiler, const cc_verb_tree *verb) {
    cc_statement *statement = compiler->statement;
    const cc_tree *source = verb->source;
    bool path = source != NULL && source->kind == CC_TREE_PATH;
    const cc_tree *table = path ? source->child : source, *index = path ? table->next : NULL;
    if (table == NULL || table->kind != CC_TREE_NAME)
        return CC_INVALID(compiler->error, "Unexpected from source");
    if (path && source->count > 2)
        return CC_INVALID(compiler->error, "A path may contain at most 2 components in the FROM clause");
    if (path && index->kind != CC_TREE_STEP)
        return CC_INVALID(compiler->error, "Unexpected path component%s",
                          cc_place_of(compiler, index->token).text);
    if (path && statement->kind == CC_STATEMENT_INSERT)
        return CC_INVALID(compiler->error, "FROM clause may only contain a single table name");
    if (verb->aliased)
        return CC_INVALID(compiler->error, "Aliasing is not supported");
    CC_TRY(source_name(compiler, table, &statement->table));
    return path ? source_name(compiler, index, &statement->index) : CC_OK;
}

/* ---- columns and order ---- */

/* The end of a path names its column: the last name, with the indexes behind it. */
static cc_status column_name(cc_compiler *compiler, const cc_builder *builder, uint32_t path,
                             cc_bytes *name_out) {
    const cc_expression *e = &builder->program->expression;
    cc_path p = e->paths[path];
    uint32_t last = p.first + p.count - 1;
    while (e->elements[last].is_index)
        last--;
    cc_bytes name = builder->program->names[last];
    size_t room = name.size + (size_t)(p.first + p.count - last) * 16;
    char *text = cc_arena_alloc(&compiler->statement->arena, room);
    if (text == NULL)
        return cc_no_memory(compiler->error);
    size_t size = name.size;
    memcpy(text, name.data, name.size);
    for (uint32_t i = last + 1; i < p.first + p.count; i++)
        size += (size_t)snprintf(text + size, room - size, "[%u]", e->elements[i].index);
    *name_out = cc_bytes_of(text, size);
    return CC_OK;
}

static cc_status compile_columns(cc_compiler *compiler, const cc_verb_tree *verb) {
    cc_statement *statement = compiler->statement;
    cc_builder builder;
    if (verb->star)
        return CC_OK;
    CC_TRY(cc_builder_begin(compiler, CC_EXPRESSION_PROJECTION, &builder));
    statement->columns = cc_arena_alloc(&statement->arena, verb->columns->count * sizeof(cc_column));
    if (statement->columns == NULL)
        return cc_no_memory(compiler->error);
    for (const cc_tree *tree = verb->columns->child; tree != NULL; tree = tree->next) {
        cc_column column = {0};
        CC_TRY(cc_builder_path(&builder, tree, &column.path));
        CC_TRY(column_name(compiler, &builder, column.path, &column.name));
        for (uint32_t i = 0; i < statement->column_count; i++)
            if (cc_bytes_equal(statement->columns[i].name, column.name))
                return CC_INVALID(compiler->error, "Duplicate identifiers in select clause: %.*s",
                                  (int)cc_utf8_cut(column.name, 255), (const char *)column.name.data);
        statement->columns[statement->column_count++] = column;
    }
    return cc_builder_finish(&builder, &statement->paths);
}

static cc_status compile_order(cc_compiler *compiler, const cc_verb_tree *verb) {
    cc_statement *statement = compiler->statement;
    if (verb->ordered && verb->where == NULL)
        return CC_INVALID(compiler->error,
                          "Must have WHERE clause in the statement when using ORDER BY clause.");
    for (const cc_order_tree *one = verb->order; one != NULL; one = one->next) {
        if (one->key->kind != CC_TREE_NAME)
            return CC_INVALID(compiler->error, "Unexpected path component%s",
                              cc_place_of(compiler, one->key->token).text);
        for (uint32_t i = 0; i < statement->order_count; i++)
            if (cc_bytes_equal(statement->order[i].name, one->key->text))
                return CC_INVALID(compiler->error, "Duplicate attribute in ORDER BY clause: %.*s",
                                  (int)cc_utf8_cut(one->key->text, 255), (const char *)one->key->text.data);
        if (statement->order_count == 2) /* a third one is part of no key */
            return CC_INVALID(compiler->error,
                              "Attribute %.*s in ORDER BY clause must be part of the primary key",
                              (int)cc_utf8_cut(one->key->text, 255), (const char *)one->key->text.data);
        CC_TRY(cc_compiler_copy(compiler, one->key->text, &statement->order[statement->order_count].name));
        statement->order[statement->order_count++].descending = one->descending;
    }
    return CC_OK;
}

/* ---- INSERT ---- */

/* All members are known: the item is made once. */
static cc_status fixed_item(cc_compiler *compiler) {
    cc_statement *statement = compiler->statement;
    cc_item_writer writer;
    cc_buffer buffer = {0};
    cc_status status;
    cc_item_writer_init(&writer, &buffer, compiler->scratch);
    CC_TRY_GOTO(cc_item_begin(&writer, compiler->error));
    for (uint32_t i = 0; i < statement->member_count; i++) {
        CC_TRY_GOTO(cc_item_name(&writer, statement->members[i].name, compiler->error));
        CC_TRY_GOTO(cc_item_put_value(&writer, statement->members[i].constant, compiler->error));
    }
    CC_TRY_GOTO(cc_item_end(&writer, compiler->error));
    CC_TRY_GOTO(cc_compiler_copy(compiler, cc_buffer_bytes(&buffer), &statement->item));
cleanup:
    cc_buffer_free(&buffer);
    return status;
}

static cc_status compile_insert(cc_compiler *compiler, const cc_verb_tree *verb) {
    cc_statement *statement = compiler->statement;
    const cc_tree *map = verb->value;
    bool fixed = true;
    if (map->kind != CC_TREE_MAP)
        return cc_pq_refuse(compiler->error, "Expected a map of attributes behind VALUE");
    statement->members = cc_arena_alloc(&statement->arena, (map->count + 1) * sizeof(cc_insert_member));
    if (statement->members == NULL)
        return cc_no_memory(compiler->error);
    for (const cc_tree *tree = map->child; tree != NULL; tree = tree->next) {
        cc_insert_member *member = &statement->members[statement->member_count++];
        *member = (cc_insert_member){0};
        if (tree->child->kind != CC_TREE_STRING)
            return cc_pq_refuse(compiler->error, "Expected a string as the name of a member");
        CC_TRY(cc_compiler_copy(compiler, tree->child->text, &member->name));
        if (tree->last->kind == CC_TREE_PARAMETER)
            member->parameter = tree->last->number;
        else
            CC_TRY(cc_compile_value(compiler, tree->last, &member->constant));
        fixed = fixed && tree->last->kind != CC_TREE_PARAMETER;
        for (uint32_t i = 0; i + 1 < statement->member_count; i++)
            if (cc_bytes_equal(statement->members[i].name, member->name))
                return CC_INVALID(compiler->error, "Duplicate attribute name in the item: %.*s",
                                  (int)cc_utf8_cut(member->name, 255), (const char *)member->name.data);
    }
    return fixed ? fixed_item(compiler) : CC_OK;
}

/* ---- statements ---- */

static cc_status check_returning(cc_compiler *compiler, const cc_verb_tree *verb) {
    static const char *const names[] = {
        [CC_RETURN_ALL_OLD] = "ALL OLD",
        [CC_RETURN_UPDATED_OLD] = "MODIFIED OLD",
        [CC_RETURN_ALL_NEW] = "ALL NEW",
        [CC_RETURN_UPDATED_NEW] = "MODIFIED NEW",
    };
    if (!verb->returns)
        return CC_OK;
    if (verb->kind == CC_STATEMENT_INSERT)
        return CC_INVALID(compiler->error, "RETURNING is not supported in INSERT");
    if (verb->kind == CC_STATEMENT_DELETE && verb->returning != CC_RETURN_ALL_OLD)
        return CC_INVALID(compiler->error,
                          "Invalid returning clause: RETURNING %s *. Only RETURNING ALL OLD * is allowed in "
                          "DELETE statements.",
                          names[verb->returning]);
    compiler->statement->returns = true;
    compiler->statement->returning = verb->returning;
    return CC_OK;
}

static cc_status compile_verb(cc_compiler *compiler, const cc_verb_tree *verb) {
    cc_statement *statement = compiler->statement;
    statement->kind = verb->kind;
    if (verb->inserts)
        return CC_INVALID(compiler->error, "Only one operation is allowed in a statement.");
    CC_TRY(compile_source(compiler, verb));
    CC_TRY(check_returning(compiler, verb));
    if (verb->refused_clause != NULL)
        return CC_INVALID(compiler->error, "Unsupported clause: %s%s", verb->refused_clause,
                          cc_place_of(compiler, verb->refused_token).text);
    if (verb->selects_value)
        return CC_INVALID(compiler->error, "Select projection doesn't support value or pivot keywords");
    if (verb->kind == CC_STATEMENT_SELECT) {
        CC_TRY(compile_columns(compiler, verb));
        CC_TRY(compile_order(compiler, verb));
    }
    if (verb->kind == CC_STATEMENT_INSERT)
        CC_TRY(compile_insert(compiler, verb));
    if (verb->where != NULL)
        CC_TRY(cc_compile_where(compiler, verb->where));
    return verb->kind == CC_STATEMENT_UPDATE ? cc_compile_changes(compiler, verb->changes) : CC_OK;
}

/* A text that is an expression and no statement. */
static cc_status refuse_expression(cc_compiler *compiler, const cc_tree *tree) {
    static const char *const names[] = {[CC_TREE_STRING] = "Lit",
                                        [CC_TREE_NUMBER] = "Lit",
                                        [CC_TREE_TRUE] = "Lit",
                                        [CC_TREE_FALSE] = "Lit",
                                        [CC_TREE_NULL] = "Lit",
                                        [CC_TREE_MISSING] = "Missing",
                                        [CC_TREE_NAME] = "Id",
                                        [CC_TREE_PATH] = "Path",
                                        [CC_TREE_LIST] = "List",
                                        [CC_TREE_BAG] = "Bag",
                                        [CC_TREE_MAP] = "Struct",
                                        [CC_TREE_CALL] = "Call",
                                        [CC_TREE_AND] = "And",
                                        [CC_TREE_OR] = "Or",
                                        [CC_TREE_NOT] = "Not",
                                        [CC_TREE_SIGN] = "Neg",
                                        [CC_TREE_COMPARE] = "Eq",
                                        [CC_TREE_BETWEEN] = "Between",
                                        [CC_TREE_IN] = "InCollection",
                                        [CC_TREE_IS] = "IsType",
                                        [CC_TREE_SUM] = "Plus",
                                        [CC_TREE_OTHER] = "BagOp",
                                        [CC_TREE_PARAMETER] = "Parameter"};
    return CC_INVALID(compiler->error, "Unsupported operation: %s",
                      names[tree->kind] == NULL ? "Expr" : names[tree->kind]);
}

static bool is_exists(const cc_tree *tree) {
    return tree->kind == CC_TREE_CALL && tree->text.size == 6 && tree->count == 1 &&
           cc_pq_word_of(tree->text) == CC_PW_FUNCTION && (tree->text.data[0] | 0x20) == 'e' &&
           tree->child->kind == CC_TREE_VERB && tree->child->verb->kind == CC_STATEMENT_SELECT;
}

static cc_status compile(cc_compiler *compiler, const cc_tree *tree) {
    if (tree->kind == CC_TREE_VERB)
        return compile_verb(compiler, tree->verb);
    if (!is_exists(tree))
        return refuse_expression(compiler, tree);
    CC_TRY(compile_verb(compiler, tree->child->verb));
    compiler->statement->kind = CC_STATEMENT_EXISTS;
    return CC_OK;
}

static void free_statement(cc_cached *cached) {
    cc_statement *statement = (cc_statement *)(void *)cached;
    cc_arena_free(&statement->arena);
    free(statement);
}

void cc_statement_release(void *statement) { cc_cached_release(statement); }

static cc_status parse_and_compile(cc_bytes text, cc_arena *scratch, cc_statement *statement,
                                   cc_error *error) {
    cc_pq_token *tokens = cc_arena_alloc(scratch, (text.size + 1) * sizeof *tokens);
    uint32_t count = 0;
    cc_tree *tree = NULL;
    if (tokens == NULL)
        return cc_no_memory(error);
    if (!cc_pq_tokenize(text, tokens, &count))
        return cc_pq_refuse(error, ""); /* as the service, whose lexer's errors have no words */
    cc_pq_parser parser = {
        .text = text, .tokens = tokens, .count = count, .scratch = scratch, .error = error};
    CC_TRY(cc_pq_parse(&parser, &tree));
    cc_compiler compiler = {.text = text,
                            .tokens = tokens,
                            .token_count = count,
                            .scratch = scratch,
                            .statement = statement,
                            .error = error};
    statement->parameter_count = parser.parameters;
    return compile(&compiler, tree);
}

cc_status cc_statement_compile(cc_bytes text, cc_statement **statement_out, cc_error *error) {
    cc_statement *statement = calloc(1, sizeof *statement);
    cc_arena scratch;
    cc_bytes copy;
    if (statement == NULL)
        return cc_no_memory(error);
    cc_arena_init(&statement->arena, 1024);
    cc_arena_init(&scratch, 0);
    copy = cc_arena_copy(&statement->arena, text);
    cc_cached_init(&statement->cached, CC_STATEMENT_CACHED, copy, free_statement);
    cc_status status = copy.data == NULL && text.size != 0
                           ? cc_no_memory(error)
                           : parse_and_compile(copy, &scratch, statement, error);
    cc_arena_free(&scratch);
    if (status == CC_OK)
        *statement_out = statement;
    else
        cc_statement_release(statement);
    return status;
}

cc_status cc_statement_get(cc_text_cache *cache, cc_bytes text, cc_statement **statement_out,
                           cc_error *error) {
    *statement_out = (cc_statement *)(void *)cc_text_cache_find(cache, CC_STATEMENT_CACHED, text);
    if (*statement_out != NULL)
        return CC_OK;
    CC_TRY(cc_statement_compile(text, statement_out, error));
    cc_text_cache_keep(cache, &(*statement_out)->cached);
    return CC_OK;
}
