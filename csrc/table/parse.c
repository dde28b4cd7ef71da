/* parse.c: the grammar of conditions, filters and key conditions, and of projections.
 *
 *   or          and ( OR and )*
 *   and         not ( AND not )*
 *   not         [ NOT ] comparison
 *   comparison  operand ( op operand | BETWEEN operand AND operand | IN '(' operand, ... ')' )
 *               | function | '(' or ')'
 *   operand     path | :value | function | '(' operand ')'
 *   projection  path ( ',' path )*
 *
 * A group may hold a condition or an operand; which one shows only behind it, so one rule reads both
 * and `require_condition` refuses an operand where a condition must stand. A group whose whole
 * content is another group is redundant, which DynamoDB refuses. */
#include "table/parser.h"

static cc_status parse_or(cc_parser *parser, bool operand_allowed, uint32_t *node_out);
static cc_status parse_operand(cc_parser *parser, uint32_t *node_out);

static bool keyword(const cc_parser *parser) {
    return cc_parser_word(parser, "AND") || cc_parser_word(parser, "OR") || cc_parser_word(parser, "NOT") ||
           cc_parser_word(parser, "BETWEEN") || cc_parser_word(parser, "IN");
}

static bool is_function(const cc_node *node, bool size) {
    return node->kind == CC_NODE_FUNCTION && (node->op == CC_FN_SIZE) == size;
}

static cc_status require_condition(cc_parser *parser, uint32_t node) {
    const cc_node *n = &parser->program->nodes[node];
    if (n->kind == CC_NODE_PATH || n->kind == CC_NODE_VALUE)
        return cc_parser_syntax(parser);
    if (is_function(n, true) && parser->misused_function.data == NULL)
        parser->misused_function = cc_bytes_text("size");
    return CC_OK;
}

/* An operand that is a function other than size() is misused; the name is kept for the report. */
static const char *function_name(uint8_t op) {
    static const char *const names[] = {
        "",     "attribute_exists", "attribute_not_exists", "attribute_type", "begins_with", "contains",
        "size", "if_not_exists",    "list_append"};
    return names[op];
}
static void check_operand(cc_parser *parser, uint32_t node) {
    const cc_node *n = &parser->program->nodes[node];
    if (is_function(n, false) && n->op != CC_FN_UNKNOWN && parser->misused_function.data == NULL)
        parser->misused_function = cc_bytes_text(function_name(n->op));
}

static cc_status parse_function(cc_parser *parser, uint32_t *node_out) {
    cc_bytes name = cc_parser_text(parser, parser->at);
    parser->at += 2; /* the name and the parenthesis */
    cc_function function = cc_function_of(name);
    if (function == CC_FN_IF_NOT_EXISTS || function == CC_FN_LIST_APPEND)
        function = CC_FN_UNKNOWN;
    if (function == CC_FN_UNKNOWN && parser->unknown_function.data == NULL)
        parser->unknown_function = name;
    CC_TRY(cc_parser_enter(parser));
    uint32_t node = cc_parser_node(parser, CC_NODE_FUNCTION, (uint8_t)function);
    do {
        uint32_t argument;
        CC_TRY(parse_operand(parser, &argument));
        check_operand(parser, argument);
        cc_parser_adopt(parser, node, argument);
    } while (cc_parser_kind(parser) == CC_TOKEN_COMMA && parser->at++ < parser->token_count);
    CC_TRY(cc_parser_expect(parser, CC_TOKEN_CLOSE));
    parser->depth--;
    *node_out = node;
    return CC_OK;
}

/* '(' or ')' with an operand or a condition inside. */
static cc_status parse_group(cc_parser *parser, uint32_t *node_out) {
    uint32_t start = parser->at++;
    CC_TRY(cc_parser_enter(parser));
    CC_TRY(parse_or(parser, true, node_out));
    if (parser->group_start == start + 1 && parser->group_end == parser->at - 1)
        parser->redundant = true;
    parser->group_start = start;
    parser->group_end = parser->at;
    CC_TRY(cc_parser_expect(parser, CC_TOKEN_CLOSE));
    parser->depth--;
    return CC_OK;
}

/* A path, a value, a function, or a group that the caller must look into. */
static cc_status parse_term(cc_parser *parser, uint32_t *node_out) {
    cc_token_kind kind = cc_parser_kind(parser);
    if (kind == CC_TOKEN_OPEN)
        return parse_group(parser, node_out);
    if (kind == CC_TOKEN_VALUE)
        return cc_parser_value(parser, node_out);
    if (kind == CC_TOKEN_WORD && keyword(parser))
        return cc_parser_syntax(parser);
    if (kind == CC_TOKEN_WORD && parser->tokens[parser->at + 1].kind == CC_TOKEN_OPEN)
        return parse_function(parser, node_out);
    uint32_t path;
    CC_TRY(cc_parser_path(parser, &path));
    *node_out = cc_parser_node(parser, CC_NODE_PATH, 0);
    parser->program->nodes[*node_out].ref = path;
    return CC_OK;
}

static bool operand_like(const cc_parser *parser, uint32_t node) {
    uint8_t kind = parser->program->nodes[node].kind;
    return kind == CC_NODE_PATH || kind == CC_NODE_VALUE || kind == CC_NODE_FUNCTION;
}

static cc_status parse_operand(cc_parser *parser, uint32_t *node_out) {
    CC_TRY(parse_term(parser, node_out));
    return operand_like(parser, *node_out) ? CC_OK : cc_parser_syntax(parser);
}

static cc_status parse_between(cc_parser *parser, uint32_t left, uint32_t *node_out) {
    uint32_t low, high;
    CC_TRY(parse_operand(parser, &low));
    if (!cc_parser_word(parser, "AND"))
        return cc_parser_syntax(parser);
    parser->at++;
    CC_TRY(parse_operand(parser, &high));
    check_operand(parser, low);
    check_operand(parser, high);
    *node_out = cc_parser_node(parser, CC_NODE_BETWEEN, 0);
    cc_parser_adopt(parser, *node_out, left);
    cc_parser_adopt(parser, *node_out, low);
    cc_parser_adopt(parser, *node_out, high);
    return CC_OK;
}

static cc_status parse_in(cc_parser *parser, uint32_t left, uint32_t *node_out) {
    CC_TRY(cc_parser_expect(parser, CC_TOKEN_OPEN));
    *node_out = cc_parser_node(parser, CC_NODE_IN, 0);
    cc_parser_adopt(parser, *node_out, left);
    do {
        uint32_t candidate;
        CC_TRY(parse_operand(parser, &candidate));
        check_operand(parser, candidate);
        cc_parser_adopt(parser, *node_out, candidate);
    } while (cc_parser_kind(parser) == CC_TOKEN_COMMA && parser->at++ < parser->token_count);
    uint32_t count = parser->program->nodes[*node_out].count - 1u;
    if (count > CC_EXPRESSION_IN_MAX && !parser->generated)
        return CC_INVALID(parser->error,
                          "%sThe IN operator is provided with too many operands; "
                          "number of operands: %u",
                          cc_expression_prefix(parser->program->kind), count);
    return cc_parser_expect(parser, CC_TOKEN_CLOSE);
}

static cc_status parse_comparison(cc_parser *parser, uint32_t *node_out) {
    uint32_t left = 0, right = 0;
    CC_TRY(parse_term(parser, &left));
    cc_token_kind op = cc_parser_kind(parser);
    bool comparator = op >= CC_TOKEN_EQ && op <= CC_TOKEN_GE;
    bool between = cc_parser_word(parser, "BETWEEN"), in = cc_parser_word(parser, "IN");
    if (!comparator && !between && !in) {
        *node_out = left;
        return CC_OK;
    }
    if (!operand_like(parser, left))
        return cc_parser_syntax(parser);
    check_operand(parser, left);
    parser->at++;
    if (between)
        return parse_between(parser, left, node_out);
    if (in)
        return parse_in(parser, left, node_out);
    CC_TRY(parse_operand(parser, &right));
    check_operand(parser, right);
    *node_out = cc_parser_node(parser, CC_NODE_COMPARE, (uint8_t)op);
    cc_parser_adopt(parser, *node_out, left);
    cc_parser_adopt(parser, *node_out, right);
    return CC_OK;
}

static cc_status parse_not(cc_parser *parser, uint32_t *node_out) {
    if (!cc_parser_word(parser, "NOT"))
        return parse_comparison(parser, node_out);
    parser->at++;
    uint32_t inner = 0;
    CC_TRY(parse_comparison(parser, &inner));
    CC_TRY(require_condition(parser, inner));
    *node_out = cc_parser_node(parser, CC_NODE_NOT, 0);
    cc_parser_adopt(parser, *node_out, inner);
    return CC_OK;
}

/* A run of AND or of OR becomes one node with all its parts, so that long chains nest nothing. */
static cc_status parse_and(cc_parser *parser, uint32_t *node_out) {
    CC_TRY(parse_not(parser, node_out));
    if (!cc_parser_word(parser, "AND"))
        return CC_OK;
    CC_TRY(require_condition(parser, *node_out));
    uint32_t all = cc_parser_node(parser, CC_NODE_AND, 0);
    cc_parser_adopt(parser, all, *node_out);
    while (cc_parser_word(parser, "AND")) {
        uint32_t next;
        parser->at++;
        CC_TRY(parse_not(parser, &next));
        CC_TRY(require_condition(parser, next));
        cc_parser_adopt(parser, all, next);
    }
    *node_out = all;
    return CC_OK;
}

static cc_status parse_or(cc_parser *parser, bool operand_allowed, uint32_t *node_out) {
    CC_TRY(parse_and(parser, node_out));
    if (!cc_parser_word(parser, "OR"))
        return operand_allowed ? CC_OK : require_condition(parser, *node_out);
    CC_TRY(require_condition(parser, *node_out));
    uint32_t any = cc_parser_node(parser, CC_NODE_OR, 0);
    cc_parser_adopt(parser, any, *node_out);
    while (cc_parser_word(parser, "OR")) {
        uint32_t next;
        parser->at++;
        CC_TRY(parse_and(parser, &next));
        CC_TRY(require_condition(parser, next));
        cc_parser_adopt(parser, any, next);
    }
    *node_out = any;
    return CC_OK;
}

cc_status cc_parse_condition(cc_parser *parser) { return parse_or(parser, false, &parser->program->root); }

cc_status cc_parse_projection(cc_parser *parser) {
    uint32_t path;
    CC_TRY(cc_parser_path(parser, &path));
    while (cc_parser_kind(parser) == CC_TOKEN_COMMA) {
        parser->at++;
        CC_TRY(cc_parser_path(parser, &path));
    }
    return CC_OK;
}
