/* expression.h: DynamoDB's six expression kinds, compiled once and evaluated on encoded items.
 *
 *   text --tokens.c--> tokens --parse.c / parse_update.c--> cc_expression (one allocation, no pointers
 *   to a request) --bind.c--> cc_bound (names and values of one request) --evaluate.c, project.c,
 *   apply.c--> a truth value, a projected item, an updated item
 *
 * A program depends on the text alone, so a cc_text_cache keeps it for the next request with the same
 * text. Compile refuses what the text alone shows (syntax, redundant parentheses, unknown
 * and misused functions, reserved words), bind refuses the rest (undefined names and values,
 * operand counts and types, overlapping paths), in the order in which DynamoDB reports them.
 *
 * Limits: 4 KB of text, nesting CC_EXPRESSION_DEPTH_MAX, 300 operators, 100 operands of IN. Recursion is
 * bounded by the nesting limit, so hostile text gives an error, never a deep stack.
 * Source: developer guide, Expressions.*; error texts as the service sends them. */
#ifndef CC_TABLE_EXPRESSION_H
#define CC_TABLE_EXPRESSION_H

#include "table/cache.h"
#include "table/index.h"
#include "table/table.h"

#define CC_EXPRESSION_SIZE_MAX 4096 /* no more than CC_CACHED_TEXT_MAX: all are kept */
#define CC_EXPRESSION_DEPTH_MAX 128
#define CC_EXPRESSION_OPERATORS_MAX 300
#define CC_EXPRESSION_IN_MAX 100

typedef enum {
    CC_EXPRESSION_CONDITION,
    CC_EXPRESSION_FILTER,
    CC_EXPRESSION_KEY,
    CC_EXPRESSION_PROJECTION,
    CC_EXPRESSION_UPDATE,
    CC_EXPRESSION_SEARCH,       /* of SearchVectors */
    CC_EXPRESSION_GENERATED = 8 /* with one of the above: made here, held to no limit of length */
} cc_expression_kind;

typedef enum {
    CC_TOKEN_END,
    CC_TOKEN_WORD,
    CC_TOKEN_NAME,
    CC_TOKEN_VALUE,
    CC_TOKEN_NUMBER,
    CC_TOKEN_EQ,
    CC_TOKEN_NE,
    CC_TOKEN_LT,
    CC_TOKEN_LE,
    CC_TOKEN_GT,
    CC_TOKEN_GE,
    CC_TOKEN_PLUS,
    CC_TOKEN_MINUS,
    CC_TOKEN_OPEN,
    CC_TOKEN_CLOSE,
    CC_TOKEN_LIST,
    CC_TOKEN_LIST_END,
    CC_TOKEN_DOT,
    CC_TOKEN_COMMA,
    CC_TOKEN_BAD
} cc_token_kind;

typedef struct {
    cc_token_kind kind;
    uint32_t start, size; /* bytes of the text */
} cc_token;

typedef enum {
    CC_NODE_NONE,
    CC_NODE_PATH,
    CC_NODE_VALUE,
    CC_NODE_FUNCTION,
    CC_NODE_COMPARE,
    CC_NODE_BETWEEN,
    CC_NODE_IN,
    CC_NODE_AND,
    CC_NODE_OR,
    CC_NODE_NOT,
    CC_NODE_PLUS,
    CC_NODE_MINUS
} cc_node_kind;

typedef enum {
    CC_FN_UNKNOWN,
    CC_FN_ATTRIBUTE_EXISTS,
    CC_FN_ATTRIBUTE_NOT_EXISTS,
    CC_FN_ATTRIBUTE_TYPE,
    CC_FN_BEGINS_WITH,
    CC_FN_CONTAINS,
    CC_FN_SIZE,
    CC_FN_IF_NOT_EXISTS,
    CC_FN_LIST_APPEND
} cc_function;

/* Nodes refer to each other by index; 0 is "none". Children are a list through `next`. */
typedef struct {
    uint8_t kind;   /* cc_node_kind */
    uint8_t op;     /* FUNCTION: cc_function; COMPARE: the cc_token_kind */
    uint16_t count; /* children */
    uint32_t child; /* first */
    uint32_t next;  /* sibling */
    uint32_t ref;   /* PATH: path index; VALUE: index into values */
} cc_node;

/* One step of a document path: a list index, a name, or an alias to be resolved. */
typedef struct {
    bool is_index;
    bool is_alias;
    uint32_t index; /* list index, or index into aliases */
    cc_bytes name;
} cc_path_element;

typedef struct {
    uint32_t first, count; /* of elements */
} cc_path;

typedef enum { CC_ACTION_SET, CC_ACTION_REMOVE, CC_ACTION_ADD, CC_ACTION_DELETE } cc_action_kind;
typedef struct {
    cc_action_kind kind;
    uint32_t path;
    uint32_t value; /* node; 0 for REMOVE */
} cc_action;

typedef struct cc_expression {
    cc_cached cached; /* by kind and text */
    cc_expression_kind kind;
    cc_node *nodes;
    cc_path *paths; /* PROJECTION: the projected paths are paths[0 .. path_count) */
    cc_path_element *elements;
    cc_bytes *aliases;  /* "#a", distinct */
    cc_bytes *values;   /* ":v", distinct */
    cc_action *actions; /* UPDATE */
    uint32_t root, node_count, path_count, element_count, alias_count, value_count, action_count;
    uint32_t operator_count;
    bool nested; /* some path goes into a document */
} cc_expression;

/* The words in front of an error: "Invalid FilterExpression: ". */
const char *cc_expression_prefix(cc_expression_kind kind);
bool cc_word_reserved(cc_bytes word); /* case-insensitive */
cc_function cc_function_of(cc_bytes name);
/* Fills at most text.size + 1 tokens, the last one CC_TOKEN_END (or CC_TOKEN_BAD, which ends it). */
uint32_t cc_tokenize(cc_bytes text, cc_token *tokens_out);

CC_MUST_CHECK cc_status cc_expression_compile(cc_expression_kind kind, cc_bytes text,
                                              cc_expression **expression_out, cc_error *error);
void cc_expression_release(cc_expression *expression); /* NULL is fine */

/* The program of a text, from the cache or compiled. */
CC_MUST_CHECK cc_status cc_expression_get(cc_text_cache *cache, cc_expression_kind kind, cc_bytes text,
                                          cc_expression **expression_out, cc_error *error);

/* ---- one request's view of a program ---- */
typedef struct {
    cc_expression *program; /* NULL: the request has no such expression */
    cc_bytes *names;        /* resolved, parallel to program->elements */
    cc_value *values;       /* parallel to program->values */
} cc_bound;

CC_MUST_CHECK cc_status cc_bind(cc_expression *program, const cc_name_pair *names, size_t name_count,
                                cc_bytes values, cc_arena *arena, cc_bound *bound_out, cc_error *error);
/* What cc_bind checks, of a bound that somebody else filled; `prefix` stands before the refusals. */
CC_MUST_CHECK cc_status cc_bind_check(const cc_bound *bound, const char *prefix, cc_arena *arena,
                                      cc_error *error);
/* Every given name and value must be used by one of the expressions. */
CC_MUST_CHECK cc_status cc_bind_check_unused(const cc_bound *const *bounds, size_t count,
                                             const cc_name_pair *names, size_t name_count, cc_bytes values,
                                             cc_error *error);
/* Element i of a path as text for an error: "[a, [1], b]". */
void cc_path_text(const cc_bound *bound, uint32_t path, char *out, size_t size);

/* ---- evaluation ---- */
/* Walks a document path; false when it leads nowhere. */
bool cc_path_find(const cc_bound *bound, uint32_t path, cc_bytes item, cc_value *value_out);
/* `item` size 0: an absent item. */
bool cc_evaluate(const cc_bound *bound, cc_bytes item);
/* < 0, 0, > 0 of two S, N or B values of one type. */
int cc_value_order(cc_value a, cc_value b);

/* The parts of an item that `count` paths name, appended to `out`; list NULL: the first `count`. */
CC_MUST_CHECK cc_status cc_project(const cc_bound *bound, const uint32_t *list, uint32_t count, cc_bytes item,
                                   cc_arena *arena, cc_buffer *out, cc_error *error);
/* The item after an update program, appended to `out`. Every operand is read from `item`, the image
 * before the update (the Key's attributes when there was no item). */
CC_MUST_CHECK cc_status cc_apply_update(const cc_bound *bound, cc_bytes item, cc_arena *arena, cc_buffer *out,
                                        cc_error *error);

/* ---- key conditions ---- */
typedef struct {
    cc_value partition[CC_INDEX_KEYS_MAX];
    cc_value equal[CC_INDEX_KEYS_MAX]; /* of the range attributes before the one of `sort` */
    uint32_t equal_count;
    cc_token_kind sort_op; /* CC_TOKEN_END: no condition; EQ LT LE GT GE, or one of the two below */
    bool sort_between, sort_begins;
    cc_value sort, sort_high;
} cc_key_condition;
/* The comparison that says the same with its sides exchanged. */
cc_token_kind cc_token_mirrored(cc_token_kind op);
CC_MUST_CHECK cc_status cc_key_condition_read(const cc_bound *bound, const cc_key_shape *shape,
                                              cc_key_condition *condition_out, cc_error *error);

#define CC_INVALID(error, ...) cc_fail_aws(error, CC_ERR_VALIDATION, "ValidationException", __VA_ARGS__)

#endif
