/* compile.c: text to program: sizes the one allocation, runs the grammar, reports pending errors.
 *
 *   [ cc_expression | text | nodes | paths | elements | aliases | values | actions ]   one malloc */
#include <stdlib.h>

#include "base/hash.h"
#include "table/parser.h"

const char *cc_expression_prefix(cc_expression_kind kind) {
    static const char *const prefixes[] = {
        [CC_EXPRESSION_CONDITION] = "Invalid ConditionExpression: ",
        [CC_EXPRESSION_FILTER] = "Invalid FilterExpression: ",
        [CC_EXPRESSION_KEY] = "Invalid KeyConditionExpression: ",
        [CC_EXPRESSION_PROJECTION] = "Invalid ProjectionExpression: ",
        [CC_EXPRESSION_UPDATE] = "Invalid UpdateExpression: ",
        [CC_EXPRESSION_SEARCH] = "Invalid SearchConditionExpression: ",
    };
    return prefixes[kind];
}

cc_bytes cc_parser_text(const cc_parser *parser, uint32_t token) {
    const cc_token *t = &parser->tokens[token];
    return cc_bytes_of(parser->program->cached.text.data + t->start, t->size);
}

bool cc_parser_word(const cc_parser *parser, const char *upper) {
    if (cc_parser_kind(parser) != CC_TOKEN_WORD)
        return false;
    cc_bytes word = cc_parser_text(parser, parser->at);
    size_t i = 0;
    for (; i < word.size && upper[i] != 0; i++) {
        uint8_t c = word.data[i];
        if ((c >= 'a' && c <= 'z' ? c - 32 : c) != (uint8_t)upper[i])
            return false;
    }
    return i == word.size && upper[i] == 0;
}

/* Names the offending token and a window of the text around it: its neighbours included. */
cc_status(cc_parser_syntax)(const cc_parser *parser) {
    const cc_token *token = &parser->tokens[parser->at];
    const cc_bytes text = parser->program->cached.text;
    uint32_t start = parser->at > 0 ? token[-1].start : token->start;
    uint32_t end = token->start + token->size;
    if (parser->at + 1 < parser->token_count && token[1].kind != CC_TOKEN_END)
        end = token[1].start + token[1].size;
    if (token->kind == CC_TOKEN_BAD)
        end = end < text.size ? end + 1 : end;
    while (end < text.size && (text.data[end] & 0xc0) == 0x80)
        end++; /* a character whole */
    end = start + (uint32_t)cc_utf8_cut(cc_bytes_of(text.data + start, end - start), 120);
    bool at_end = token->kind == CC_TOKEN_END;
    return CC_INVALID(parser->error, "%sSyntax error; token: \"%.*s\", near: \"%.*s\"",
                      cc_expression_prefix(parser->program->kind),
                      at_end ? 5 : (int)(token->size < 120 ? token->size : 120),
                      at_end ? "<EOF>" : (const char *)text.data + token->start, (int)(end - start),
                      (const char *)text.data + start);
}

cc_status cc_parser_expect(cc_parser *parser, cc_token_kind kind) {
    if (cc_parser_kind(parser) != kind)
        return cc_parser_syntax(parser);
    parser->at++;
    return CC_OK;
}

cc_status cc_parser_enter(cc_parser *parser) {
    if (++parser->depth <= CC_EXPRESSION_DEPTH_MAX)
        return CC_OK;
    return CC_INVALID(parser->error, "%sThe expression has too many nested levels; maximum: %d",
                      cc_expression_prefix(parser->program->kind), CC_EXPRESSION_DEPTH_MAX);
}

uint32_t cc_parser_node(cc_parser *parser, cc_node_kind kind, uint8_t op) {
    cc_expression *program = parser->program;
    program->nodes[program->node_count] = (cc_node){.kind = (uint8_t)kind, .op = op};
    if (kind != CC_NODE_PATH && kind != CC_NODE_VALUE)
        program->operator_count++;
    return program->node_count++;
}

void cc_parser_adopt(cc_parser *parser, uint32_t parent, uint32_t child) {
    cc_node *nodes = parser->program->nodes;
    uint32_t *slot = &nodes[parent].child;
    while (*slot != 0)
        slot = &nodes[*slot].next;
    *slot = child;
    nodes[parent].count++;
}

static uint32_t intern(cc_bytes *list, uint32_t *count, cc_bytes text) {
    for (uint32_t i = 0; i < *count; i++)
        if (cc_bytes_equal(list[i], text))
            return i;
    list[*count] = text;
    return (*count)++;
}

static cc_status path_step(cc_parser *parser) {
    cc_expression *program = parser->program;
    cc_token_kind kind = cc_parser_kind(parser);
    if (kind != CC_TOKEN_WORD && kind != CC_TOKEN_NAME)
        return cc_parser_syntax(parser);
    cc_bytes text = cc_parser_text(parser, parser->at++);
    cc_path_element *element = &program->elements[program->element_count++];
    *element = (cc_path_element){.is_alias = kind == CC_TOKEN_NAME, .name = text};
    if (element->is_alias)
        element->index = intern(program->aliases, &program->alias_count, text);
    else if (parser->reserved.data == NULL && cc_word_reserved(text))
        parser->reserved = text;
    return CC_OK;
}

/* name ( '.' name | '[' number ']' )* */
cc_status cc_parser_path(cc_parser *parser, uint32_t *path_out) {
    cc_expression *program = parser->program;
    uint32_t first = program->element_count;
    CC_TRY(path_step(parser));
    while (cc_parser_kind(parser) == CC_TOKEN_DOT || cc_parser_kind(parser) == CC_TOKEN_LIST) {
        if (parser->tokens[parser->at++].kind == CC_TOKEN_DOT) {
            CC_TRY(path_step(parser));
            continue;
        }
        if (cc_parser_kind(parser) != CC_TOKEN_NUMBER)
            return cc_parser_syntax(parser);
        cc_bytes digits = cc_parser_text(parser, parser->at++);
        uint64_t index = 0;
        for (size_t i = 0; i < digits.size && index <= UINT32_MAX; i++)
            index = index * 10 + (uint64_t)(digits.data[i] - '0');
        if (index > INT32_MAX)
            return CC_INVALID(parser->error, "%sList index is not within the allowable range; index: [%.*s]",
                              cc_expression_prefix(program->kind), (int)(digits.size < 64 ? digits.size : 64),
                              (const char *)digits.data);
        program->elements[program->element_count++] = (cc_path_element){.is_index = true,
                                                                        .index = (uint32_t)index};
        CC_TRY(cc_parser_expect(parser, CC_TOKEN_LIST_END));
    }
    if (program->element_count - first > CC_ITEM_DEPTH_MAX)
        return CC_INVALID(parser->error,
                          "%sThe document path has too many nesting elements; nesting levels: %u",
                          cc_expression_prefix(program->kind), program->element_count - first);
    program->paths[program->path_count] = (cc_path){first, program->element_count - first};
    *path_out = program->path_count++;
    return CC_OK;
}

cc_status cc_parser_value(cc_parser *parser, uint32_t *node_out) {
    if (cc_parser_kind(parser) != CC_TOKEN_VALUE)
        return cc_parser_syntax(parser);
    cc_expression *program = parser->program;
    cc_bytes text = cc_parser_text(parser, parser->at++);
    *node_out = cc_parser_node(parser, CC_NODE_VALUE, 0);
    program->nodes[*node_out].ref = intern(program->values, &program->value_count, text);
    return CC_OK;
}

cc_function cc_function_of(cc_bytes name) {
    static const struct {
        const char *name;
        cc_function function;
    } functions[] = {
        {"attribute_exists", CC_FN_ATTRIBUTE_EXISTS},
        {"attribute_not_exists", CC_FN_ATTRIBUTE_NOT_EXISTS},
        {"attribute_type", CC_FN_ATTRIBUTE_TYPE},
        {"begins_with", CC_FN_BEGINS_WITH},
        {"contains", CC_FN_CONTAINS},
        {"size", CC_FN_SIZE},
        {"if_not_exists", CC_FN_IF_NOT_EXISTS},
        {"list_append", CC_FN_LIST_APPEND},
    };
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
        if (cc_bytes_equal(name, cc_bytes_text(functions[i].name)))
            return functions[i].function;
    return CC_FN_UNKNOWN;
}

static void free_program(cc_cached *cached) { free(cached); }

/* Splits one allocation behind the program into its arrays; every array holds `n` entries. */
static cc_expression *program_new(cc_expression_kind kind, cc_bytes text, uint32_t n) {
    size_t size = sizeof(cc_expression);
    size_t nodes = size, paths = nodes + (n + 2) * sizeof(cc_node) * 2;
    size_t elements = paths + n * sizeof(cc_path), aliases = elements + n * sizeof(cc_path_element);
    size_t values = aliases + n * sizeof(cc_bytes), actions = values + n * sizeof(cc_bytes);
    size_t copy = actions + n * sizeof(cc_action);
    uint8_t *block = malloc(copy + text.size + 1);
    if (block == NULL)
        return NULL;
    cc_expression *program = (cc_expression *)(void *)block;
    memcpy(block + copy, text.data, text.size);
    *program = (cc_expression){
        .kind = kind,
        .nodes = (cc_node *)(void *)(block + nodes),
        .paths = (cc_path *)(void *)(block + paths),
        .elements = (cc_path_element *)(void *)(block + elements),
        .aliases = (cc_bytes *)(void *)(block + aliases),
        .values = (cc_bytes *)(void *)(block + values),
        .actions = (cc_action *)(void *)(block + actions),
        .node_count = 1,
    };
    cc_cached_init(&program->cached, kind, cc_bytes_of(block + copy, text.size), free_program);
    program->nodes[0] = (cc_node){0};
    return program;
}

static cc_status report_pending(cc_parser *parser) {
    const char *prefix = cc_expression_prefix(parser->program->kind);
    cc_bytes unknown = parser->unknown_function, misused = parser->misused_function;
    cc_bytes reserved = parser->reserved;
    bool update = parser->program->kind == CC_EXPRESSION_UPDATE;
    if (parser->redundant)
        return CC_INVALID(parser->error, "%sThe expression has redundant parentheses;", prefix);
    if (update && reserved.data != NULL)
        unknown.data = NULL; /* an update names the reserved word first */
    if (unknown.data != NULL)
        return CC_INVALID(parser->error, "%sInvalid function name; function: %.*s", prefix,
                          (int)(unknown.size < 200 ? unknown.size : 200), (const char *)unknown.data);
    if (misused.data != NULL)
        return CC_INVALID(parser->error,
                          "%sThe function is not allowed to be used this way in an expression; "
                          "function: %.*s",
                          prefix, (int)(misused.size < 200 ? misused.size : 200), (const char *)misused.data);
    if (reserved.data != NULL)
        return CC_INVALID(parser->error, "%sAttribute name is a reserved keyword; reserved keyword: %.*s",
                          prefix, (int)reserved.size, (const char *)reserved.data);
    if (parser->section.data != NULL)
        return CC_INVALID(parser->error,
                          "%sThe \"%.*s\" section can only be used once in an update expression;", prefix,
                          (int)parser->section.size, (const char *)parser->section.data);
    if (!parser->generated && parser->program->operator_count > CC_EXPRESSION_OPERATORS_MAX)
        return CC_INVALID(parser->error, "%sThe expression contains too many operators; operator count: %u",
                          prefix, parser->program->operator_count);
    return CC_OK;
}

static cc_status parse(cc_parser *parser) {
    switch (parser->program->kind) {
    case CC_EXPRESSION_UPDATE:
        CC_TRY(cc_parse_update(parser));
        break;
    case CC_EXPRESSION_PROJECTION:
        CC_TRY(cc_parse_projection(parser));
        break;
    default:
        CC_TRY(cc_parse_condition(parser));
    }
    if (cc_parser_kind(parser) != CC_TOKEN_END)
        return cc_parser_syntax(parser);
    return report_pending(parser);
}

cc_status cc_expression_compile(cc_expression_kind kind, cc_bytes text, cc_expression **expression_out,
                                cc_error *error) {
    bool generated = (kind & CC_EXPRESSION_GENERATED) != 0;
    kind &= ~CC_EXPRESSION_GENERATED;
    if (text.size == 0)
        return CC_INVALID(error, "%sThe expression can not be empty;", cc_expression_prefix(kind));
    if (!generated && text.size > CC_EXPRESSION_SIZE_MAX)
        return CC_INVALID(error,
                          "%sExpression size has exceeded the maximum allowed size; "
                          "expression size: %zu",
                          cc_expression_prefix(kind), text.size);
    cc_token *tokens = malloc((text.size + 1) * sizeof *tokens);
    if (tokens == NULL)
        return cc_fail(error, CC_ERR_NOMEM, "no memory for an expression");
    uint32_t count = cc_tokenize(text, tokens);
    cc_expression *program = program_new(kind, text, count);
    cc_status status = CC_ERR_NOMEM;
    if (program == NULL) {
        status = cc_fail(error, CC_ERR_NOMEM, "no memory for an expression");
        goto cleanup;
    }
    cc_parser parser = {.program = program,
                        .tokens = tokens,
                        .token_count = count,
                        .group_end = UINT32_MAX,
                        .generated = generated,
                        .error = error};
    CC_TRY_GOTO(parse(&parser));
    for (uint32_t i = 0; i < program->path_count; i++)
        program->nested = program->nested || program->paths[i].count > 1;
    *expression_out = program;
    program = NULL;
cleanup:
    cc_expression_release(program);
    free(tokens);
    return status;
}

void cc_expression_release(cc_expression *expression) {
    cc_cached_release(expression == NULL ? NULL : &expression->cached);
}
