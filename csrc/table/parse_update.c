/* parse_update.c: the grammar of update expressions.
 *
 *   update   section+                                each section at most once
 *   section  SET set, ...  |  REMOVE path, ...  |  ADD path :value, ...  |  DELETE path :value, ...
 *   set      path '=' sum        sum      operand [ ( '+' | '-' ) operand ] | '(' sum ')'
 *   operand  path | :value | if_not_exists(path, operand) | list_append(operand, operand)
 *            | '(' sum ')' */
#include "table/parser.h"

static cc_status parse_sum(cc_parser *parser, uint32_t *node_out);

static bool keyword(const cc_parser *parser) {
    return cc_parser_word(parser, "SET") || cc_parser_word(parser, "REMOVE") ||
           cc_parser_word(parser, "ADD") || cc_parser_word(parser, "DELETE");
}

static cc_status parse_operand(cc_parser *parser, uint32_t *node_out);

static cc_status parse_function(cc_parser *parser, uint32_t *node_out) {
    cc_bytes name = cc_parser_text(parser, parser->at);
    parser->at += 2; /* the name and the parenthesis */
    cc_function function = cc_function_of(name);
    if (function != CC_FN_IF_NOT_EXISTS && function != CC_FN_LIST_APPEND) {
        function = CC_FN_UNKNOWN;
        if (parser->unknown_function.data == NULL)
            parser->unknown_function = name;
    }
    CC_TRY(cc_parser_enter(parser));
    uint32_t node = cc_parser_node(parser, CC_NODE_FUNCTION, (uint8_t)function);
    do {
        uint32_t argument;
        CC_TRY(parse_operand(parser, &argument));
        cc_parser_adopt(parser, node, argument);
    } while (cc_parser_kind(parser) == CC_TOKEN_COMMA && parser->at++ < parser->token_count);
    CC_TRY(cc_parser_expect(parser, CC_TOKEN_CLOSE));
    parser->depth--;
    *node_out = node;
    return CC_OK;
}

static cc_status parse_path_node(cc_parser *parser, uint32_t *node_out) {
    if (keyword(parser))
        return cc_parser_syntax(parser);
    uint32_t path;
    CC_TRY(cc_parser_path(parser, &path));
    *node_out = cc_parser_node(parser, CC_NODE_PATH, 0);
    parser->program->nodes[*node_out].ref = path;
    return CC_OK;
}

static cc_status parse_operand(cc_parser *parser, uint32_t *node_out) {
    cc_token_kind kind = cc_parser_kind(parser);
    if (kind == CC_TOKEN_OPEN) {
        parser->at++;
        CC_TRY(cc_parser_enter(parser));
        CC_TRY(parse_sum(parser, node_out));
        parser->depth--;
        return cc_parser_expect(parser, CC_TOKEN_CLOSE);
    }
    if (kind == CC_TOKEN_VALUE)
        return cc_parser_value(parser, node_out);
    if (kind == CC_TOKEN_WORD && parser->tokens[parser->at + 1].kind == CC_TOKEN_OPEN)
        return parse_function(parser, node_out);
    return parse_path_node(parser, node_out);
}

static cc_status parse_sum(cc_parser *parser, uint32_t *node_out) {
    CC_TRY(parse_operand(parser, node_out));
    cc_token_kind op = cc_parser_kind(parser);
    if (op != CC_TOKEN_PLUS && op != CC_TOKEN_MINUS)
        return CC_OK;
    parser->at++;
    uint32_t right = 0;
    CC_TRY(parse_operand(parser, &right));
    uint32_t sum = cc_parser_node(parser, op == CC_TOKEN_PLUS ? CC_NODE_PLUS : CC_NODE_MINUS, 0);
    cc_parser_adopt(parser, sum, *node_out);
    cc_parser_adopt(parser, sum, right);
    *node_out = sum;
    return CC_OK;
}

static cc_status parse_action(cc_parser *parser, cc_action_kind kind) {
    cc_expression *program = parser->program;
    uint32_t path, value = 0;
    if (keyword(parser))
        return cc_parser_syntax(parser);
    CC_TRY(cc_parser_path(parser, &path));
    if (kind == CC_ACTION_SET) {
        CC_TRY(cc_parser_expect(parser, CC_TOKEN_EQ));
        CC_TRY(parse_sum(parser, &value));
    } else if (kind != CC_ACTION_REMOVE) {
        CC_TRY(cc_parser_value(parser, &value));
    }
    program->actions[program->action_count++] = (cc_action){kind, path, value};
    program->operator_count++;
    return CC_OK;
}

cc_status cc_parse_update(cc_parser *parser) {
    static const char *const sections[] = {
        [CC_ACTION_SET] = "SET",
        [CC_ACTION_REMOVE] = "REMOVE",
        [CC_ACTION_ADD] = "ADD",
        [CC_ACTION_DELETE] = "DELETE",
    };
    bool seen[4] = {false};
    do {
        cc_action_kind kind = CC_ACTION_SET;
        while (kind <= CC_ACTION_DELETE && !cc_parser_word(parser, sections[kind]))
            kind++;
        if (kind > CC_ACTION_DELETE)
            return cc_parser_syntax(parser);
        if (seen[kind] && parser->section.data == NULL)
            parser->section = cc_bytes_text(sections[kind]);
        seen[kind] = true;
        do {
            parser->at++; /* the keyword, then the commas */
            CC_TRY(parse_action(parser, kind));
        } while (cc_parser_kind(parser) == CC_TOKEN_COMMA);
    } while (cc_parser_kind(parser) != CC_TOKEN_END);
    return CC_OK;
}
