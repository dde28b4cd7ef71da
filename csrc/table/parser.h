/* parser.h: what the grammars share: the token cursor, node building, pending errors.
 *
 * A grammar runs over the tokens with one token of look-ahead and appends to the program's arrays,
 * which are sized by the number of tokens, so nothing is reallocated. Errors that a later syntax
 * error would outrank are kept in `pending` and reported after the whole text has parsed. */
#ifndef CC_TABLE_PARSER_H
#define CC_TABLE_PARSER_H

#include "table/expression.h"

typedef struct {
    cc_expression *program;
    const cc_token *tokens;
    uint32_t token_count, at;
    uint32_t depth;
    bool generated;                  /* of legacy parameters: limits of expressions do not hold */
    uint32_t group_start, group_end; /* tokens of the group that closed last */
    bool redundant;                  /* pending: "((...))" was seen */
    cc_bytes unknown_function, misused_function, reserved, section; /* pending, in text */
    cc_error *error;
} cc_parser;

static inline cc_token_kind cc_parser_kind(const cc_parser *parser) {
    return parser->tokens[parser->at].kind;
}
cc_bytes cc_parser_text(const cc_parser *parser, uint32_t token);
bool cc_parser_word(const cc_parser *parser, const char *upper); /* current token is this keyword */
cc_status cc_parser_syntax(const cc_parser *parser);             /* a syntax error at the current token */
#define cc_parser_syntax(parser) cc_failed(cc_parser_syntax(parser))
CC_MUST_CHECK cc_status cc_parser_expect(cc_parser *parser, cc_token_kind kind);
CC_MUST_CHECK cc_status cc_parser_enter(cc_parser *parser); /* one nesting level more */
uint32_t cc_parser_node(cc_parser *parser, cc_node_kind kind, uint8_t op);
void cc_parser_adopt(cc_parser *parser, uint32_t parent, uint32_t child); /* appends a child */
CC_MUST_CHECK cc_status cc_parser_path(cc_parser *parser, uint32_t *path_out);
CC_MUST_CHECK cc_status cc_parser_value(cc_parser *parser, uint32_t *node_out);

CC_MUST_CHECK cc_status cc_parse_condition(cc_parser *parser);
CC_MUST_CHECK cc_status cc_parse_update(cc_parser *parser);
CC_MUST_CHECK cc_status cc_parse_projection(cc_parser *parser);

#endif
