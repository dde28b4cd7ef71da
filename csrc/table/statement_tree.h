/* statement_tree.h: the tokens and the parse tree of a PartiQL statement, between its parser and compiler.
 *
 * The grammar is that of the PartiQL reference parser, precedence climbing included, because what a statement
 * that breaks it is told depends on where that parser stops. A tree lives in the scratch arena of one
 * compilation. Runs of AND and of OR are one node with all their parts, so long chains nest nothing. */
#ifndef CC_TABLE_STATEMENT_TREE_H
#define CC_TABLE_STATEMENT_TREE_H

#include "table/statement.h"

typedef enum {
    CC_PQ_END,
    CC_PQ_NAME,
    CC_PQ_QUOTED, /* "name" */
    CC_PQ_KEYWORD,
    CC_PQ_STRING,
    CC_PQ_NUMBER,
    CC_PQ_PARAMETER,
    CC_PQ_DOT,
    CC_PQ_COMMA,
    CC_PQ_COLON,
    CC_PQ_SEMICOLON,
    CC_PQ_OPEN,
    CC_PQ_CLOSE,
    CC_PQ_LIST,
    CC_PQ_LIST_END,
    CC_PQ_MAP,
    CC_PQ_MAP_END,
    CC_PQ_BAG,
    CC_PQ_BAG_END,
    CC_PQ_STAR,
    CC_PQ_EQ, /* from here to CC_PQ_AT: operators */
    CC_PQ_NE,
    CC_PQ_LT,
    CC_PQ_LE,
    CC_PQ_GT,
    CC_PQ_GE,
    CC_PQ_PLUS,
    CC_PQ_MINUS,
    CC_PQ_DIVIDE,
    CC_PQ_MODULO,
    CC_PQ_CONCAT,
    CC_PQ_AT
} cc_pq_kind;

/* The words that mean something to us; all others that no name may be are CC_PW_OTHER. */
typedef enum {
    CC_PW_NONE,
    CC_PW_OTHER,
    CC_PW_AND, /* to CC_PW_INTERSECT: operators */
    CC_PW_OR,
    CC_PW_NOT,
    CC_PW_IN,
    CC_PW_IS,
    CC_PW_BETWEEN,
    CC_PW_LIKE,
    CC_PW_UNION,
    CC_PW_EXCEPT,
    CC_PW_INTERSECT,
    CC_PW_AS, /* to CC_PW_FOR: no term begins with them, and the parser does not call them keywords */
    CC_PW_AT,
    CC_PW_BY,
    CC_PW_ASC,
    CC_PW_DESC,
    CC_PW_FOR,
    CC_PW_TRUE,
    CC_PW_FALSE,
    CC_PW_NULL,
    CC_PW_MISSING,
    CC_PW_SELECT,
    CC_PW_INSERT,
    CC_PW_INTO,
    CC_PW_UPDATE,
    CC_PW_DELETE,
    CC_PW_SET,
    CC_PW_REMOVE,
    CC_PW_FROM,
    CC_PW_WHERE,
    CC_PW_VALUE,
    CC_PW_ALL,
    CC_PW_DISTINCT,
    CC_PW_ORDER,
    CC_PW_GROUP,
    CC_PW_HAVING,
    CC_PW_LIMIT,
    CC_PW_OFFSET,
    CC_PW_RETURNING,
    CC_PW_MODIFIED,
    CC_PW_OLD,
    CC_PW_NEW,
    CC_PW_ESCAPE,
    CC_PW_FUNCTION,  /* the name of a function where a parenthesis follows: EXISTS, SIZE, COUNT */
    CC_PW_SYNTAX,    /* begins a form that the service does not run: CASE, CAST, CREATE, PIVOT */
    CC_PW_TYPE,      /* of IS, without a type of an attribute: SMALLINT, TIMESTAMP, BAG */
    CC_PW_BOOLEAN,   /* of IS: BOOL, BOOLEAN */
    CC_PW_TEXT,      /* STRING */
    CC_PW_BLOB,      /* BLOB */
    CC_PW_NUMERIC,   /* NUMERIC */
    CC_PW_STRUCTURE, /* STRUCT, TUPLE */
    CC_PW_LISTED,    /* LIST, of IS and of a function */
    CC_PW_DOUBLE,    /* with PRECISION a type */
    CC_PW_PRECISION,
    CC_PW_CHARACTER, /* a type, also with VARYING */
    CC_PW_VARYING
} cc_pq_word;

typedef struct {
    uint8_t kind;         /* cc_pq_kind */
    uint8_t word;         /* of a KEYWORD: cc_pq_word */
    uint32_t start, size; /* bytes of the statement, quotes included */
} cc_pq_token;

/* CC_PW_NONE: no keyword, so a name. Case does not matter. */
cc_pq_word cc_pq_word_of(cc_bytes text);
/* Fills at most text.size + 1 tokens, the last one CC_PQ_END. False: a character of no token, something
 * unterminated, or a number whose exponent no number has. */
bool cc_pq_tokenize(cc_bytes text, cc_pq_token *tokens_out, uint32_t *count_out);
cc_statement_place cc_pq_place(cc_bytes text, const cc_pq_token *token);

typedef enum {
    CC_TREE_STRING,
    CC_TREE_NUMBER,
    CC_TREE_TRUE,
    CC_TREE_FALSE,
    CC_TREE_NULL,
    CC_TREE_MISSING,
    CC_TREE_PARAMETER, /* number: which one, from 0 */
    CC_TREE_NAME,
    CC_TREE_PATH,  /* child: the root, then steps */
    CC_TREE_STEP,  /* text: the name behind a dot */
    CC_TREE_INDEX, /* child: what stands in brackets */
    CC_TREE_WILD,  /* a star behind a dot or in brackets */
    CC_TREE_LIST,
    CC_TREE_BAG,
    CC_TREE_MAP,    /* children: CC_TREE_MEMBER */
    CC_TREE_MEMBER, /* children: name, value */
    CC_TREE_CALL,   /* text: the function; children: arguments */
    CC_TREE_AND,
    CC_TREE_OR,
    CC_TREE_NOT,
    CC_TREE_SIGN,    /* + or - before what is no number */
    CC_TREE_COMPARE, /* op: cc_pq_kind */
    CC_TREE_BETWEEN,
    CC_TREE_IN,
    CC_TREE_IS,    /* op: the cc_pq_word of the type; children: operand, type (text) */
    CC_TREE_SUM,   /* op: CC_PQ_PLUS or CC_PQ_MINUS */
    CC_TREE_OTHER, /* an operator that the service does not run; text: its name */
    CC_TREE_VERB   /* a whole statement */
} cc_tree_kind;

typedef struct cc_tree cc_tree;
typedef struct cc_verb_tree cc_verb_tree;
struct cc_tree {
    uint8_t kind; /* cc_tree_kind */
    uint8_t op;
    bool negative; /* NUMBER: the sign before it */
    uint32_t token;
    uint32_t number; /* PARAMETER */
    cc_bytes text;   /* of names and strings, quotes taken off */
    uint32_t count;  /* children */
    cc_tree *child, *last, *next;
    cc_verb_tree *verb;
};

typedef struct cc_change_tree cc_change_tree;
struct cc_change_tree { /* SET path = value, or REMOVE path (value NULL) */
    cc_tree *path, *value;
    cc_change_tree *next;
};

typedef struct cc_order_tree cc_order_tree;
struct cc_order_tree {
    cc_tree *key;
    bool descending;
    cc_order_tree *next;
};

struct cc_verb_tree {
    cc_statement_kind kind;
    cc_tree *source; /* the table */
    bool aliased;    /* of the table or of a column */
    bool star;
    cc_tree *columns; /* SELECT: a LIST */
    cc_tree *where;
    cc_tree *value; /* INSERT */
    cc_change_tree *changes;
    cc_order_tree *order;
    bool ordered, returns, inserts; /* inserts: an INSERT among the operations of an UPDATE */
    cc_return_values returning;
    bool selects_value;         /* SELECT VALUE */
    const char *refused_clause; /* "LIMIT" and its like */
    uint32_t refused_token;
};

typedef struct {
    cc_bytes text;
    const cc_pq_token *tokens;
    uint32_t count, at;
    uint32_t depth;
    uint32_t parameters; /* seen so far */
    cc_arena *scratch;
    cc_error *error;
} cc_pq_parser;

/* The whole text: one expression, which a statement is, and perhaps a semicolon. */
CC_MUST_CHECK cc_status cc_pq_parse(cc_pq_parser *parser, cc_tree **tree_out);

/* ---- what the two halves of the parser share ---- */
static inline cc_pq_kind cc_pq_kind_at(const cc_pq_parser *parser, uint32_t ahead) {
    uint32_t at = parser->at + ahead;
    return (cc_pq_kind)parser->tokens[at < parser->count ? at : parser->count - 1].kind;
}
static inline cc_pq_word cc_pq_word_at(const cc_pq_parser *parser, uint32_t ahead) {
    uint32_t at = parser->at + ahead;
    return at < parser->count ? (cc_pq_word)parser->tokens[at].word : CC_PW_NONE;
}
/* "Statement wasn't well formed, can't be processed: " and the words. */
CC_MUST_CHECK cc_status cc_pq_refuse(cc_error *error, const char *words);
#define cc_pq_refuse(error, words) cc_failed(cc_pq_refuse(error, words))
cc_tree *cc_pq_node(cc_pq_parser *parser, cc_tree_kind kind); /* NULL: no memory */
void cc_pq_adopt(cc_tree *parent, cc_tree *child);
CC_MUST_CHECK cc_status cc_pq_expression(cc_pq_parser *parser, int precedence, cc_tree **tree_out);
/* A name with dots and indexes, and nothing else. */
CC_MUST_CHECK cc_status cc_pq_simple_path(cc_pq_parser *parser, cc_tree **tree_out);
CC_MUST_CHECK cc_status cc_pq_expect(cc_pq_parser *parser, cc_pq_kind kind, const char *words);
/* A term that begins with a keyword of statements. */
CC_MUST_CHECK cc_status cc_pq_verb(cc_pq_parser *parser, cc_tree **tree_out);

enum { CC_PQ_SELECT_PRECEDENCE = 6 };

#endif
