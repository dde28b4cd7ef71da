/* statement_parse.c: expressions of PartiQL, by precedence climbing.
 *
 *   UNION EXCEPT INTERSECT 5 < OR 10 < AND 20 < NOT 30 < = <> IS IN 40 < < <= > >= BETWEEN LIKE 50
 *   < + - || 60 < * / % 70
 *
 * Statements are terms: a whole text is one expression, and what stands behind it is left over. */
#include "table/statement_tree.h"

cc_status(cc_pq_refuse)(cc_error *error, const char *words) {
    return CC_INVALID(error, "Statement wasn't well formed, can't be processed: %s", words);
}

cc_tree *cc_pq_node(cc_pq_parser *parser, cc_tree_kind kind) {
    cc_tree *tree = cc_arena_alloc(parser->scratch, sizeof *tree);
    if (tree == NULL)
        return NULL;
    *tree = (cc_tree){.kind = (uint8_t)kind, .token = parser->at};
    return tree;
}

void cc_pq_adopt(cc_tree *parent, cc_tree *child) {
    CC_ASSERT(child != NULL);
    if (parent->last == NULL)
        parent->child = child;
    else
        parent->last->next = child;
    parent->last = child;
    child->next = NULL;
    parent->count++;
}

cc_status cc_pq_expect(cc_pq_parser *parser, cc_pq_kind kind, const char *words) {
    if (cc_pq_kind_at(parser, 0) != kind)
        return cc_pq_refuse(parser->error, words);
    parser->at++;
    return CC_OK;
}

static cc_status enter(cc_pq_parser *parser) {
    return ++parser->depth <= CC_STATEMENT_DEPTH_MAX
               ? CC_OK
               : cc_pq_refuse(parser->error, "Expression is nested too deeply");
}

/* The text of a name or string: what its quotes hold, doubled ones made single. */
static cc_status unquote(cc_pq_parser *parser, const cc_pq_token *token, cc_bytes *text_out) {
    cc_bytes raw = cc_bytes_of(parser->text.data + token->start, token->size);
    if (token->kind != CC_PQ_STRING && token->kind != CC_PQ_QUOTED) {
        *text_out = raw;
        return CC_OK;
    }
    uint8_t quote = raw.data[0];
    raw = cc_bytes_of(raw.data + 1, raw.size - 2);
    *text_out = raw;
    if (memchr(raw.data, quote, raw.size) == NULL)
        return CC_OK;
    uint8_t *plain = cc_arena_alloc(parser->scratch, raw.size);
    size_t size = 0;
    if (plain == NULL)
        return cc_no_memory(parser->error);
    for (size_t i = 0; i < raw.size; i++) {
        plain[size++] = raw.data[i];
        i += raw.data[i] == quote; /* they come in pairs */
    }
    *text_out = cc_bytes_of(plain, size);
    return CC_OK;
}

/* A leaf made of the current token, which it takes. */
static cc_status leaf(cc_pq_parser *parser, cc_tree_kind kind, cc_tree **tree_out) {
    cc_tree *tree = cc_pq_node(parser, kind);
    if (tree == NULL)
        return cc_no_memory(parser->error);
    CC_TRY(unquote(parser, &parser->tokens[parser->at], &tree->text));
    if (kind == CC_TREE_PARAMETER)
        tree->number = parser->parameters++;
    parser->at++;
    *tree_out = tree;
    return CC_OK;
}

/* Expressions between commas, adopted by `parent`. */
static cc_status list_of(cc_pq_parser *parser, cc_tree *parent) {
    do {
        cc_tree *item = NULL;
        CC_TRY(cc_pq_expression(parser, 0, &item));
        cc_pq_adopt(parent, item);
    } while (cc_pq_kind_at(parser, 0) == CC_PQ_COMMA && parser->at++ < parser->count);
    return CC_OK;
}

/* [ ... ], << ... >>, ( ... ): the current token opens it. */
static cc_status collection(cc_pq_parser *parser, cc_tree_kind kind, cc_pq_kind end, const char *words,
                            cc_tree **tree_out) {
    cc_tree *tree = cc_pq_node(parser, kind);
    if (tree == NULL)
        return cc_no_memory(parser->error);
    parser->at++;
    if (cc_pq_kind_at(parser, 0) != end)
        CC_TRY(list_of(parser, tree));
    *tree_out = tree;
    return cc_pq_expect(parser, end, words);
}

static cc_status map(cc_pq_parser *parser, cc_tree **tree_out) {
    cc_tree *tree = cc_pq_node(parser, CC_TREE_MAP);
    if (tree == NULL)
        return cc_no_memory(parser->error);
    parser->at++;
    *tree_out = tree;
    if (cc_pq_kind_at(parser, 0) == CC_PQ_MAP_END) {
        parser->at++;
        return CC_OK;
    }
    do {
        cc_tree *member = cc_pq_node(parser, CC_TREE_MEMBER), *name = NULL, *value = NULL;
        if (member == NULL)
            return cc_no_memory(parser->error);
        CC_TRY(cc_pq_expression(parser, 0, &name));
        CC_TRY(cc_pq_expect(parser, CC_PQ_COLON, "Expected COLON"));
        CC_TRY(cc_pq_expression(parser, 0, &value));
        cc_pq_adopt(member, name);
        cc_pq_adopt(member, value);
        cc_pq_adopt(tree, member);
    } while (cc_pq_kind_at(parser, 0) == CC_PQ_COMMA && parser->at++ < parser->count);
    return cc_pq_expect(parser, CC_PQ_MAP_END, "Expected RIGHT_CURLY");
}

/* A name and its arguments, or one star, in parentheses. */
static cc_status call(cc_pq_parser *parser, cc_tree **tree_out) {
    cc_tree *tree = NULL;
    CC_TRY(leaf(parser, CC_TREE_CALL, &tree));
    *tree_out = tree;
    parser->at++; /* the parenthesis */
    if (cc_pq_kind_at(parser, 0) == CC_PQ_STAR)
        parser->at++;
    else if (cc_pq_kind_at(parser, 0) != CC_PQ_CLOSE)
        CC_TRY(list_of(parser, tree));
    return cc_pq_expect(parser, CC_PQ_CLOSE, "Expected RIGHT_PAREN");
}

static cc_status group(cc_pq_parser *parser, cc_tree **tree_out) {
    cc_tree *tree = NULL;
    CC_TRY(collection(parser, CC_TREE_LIST, CC_PQ_CLOSE, "Expected RIGHT_PAREN", &tree));
    if (tree->count == 0)
        return cc_pq_refuse(parser->error, "Expression group cannot be empty");
    *tree_out = tree->count == 1 ? tree->child : tree;
    return CC_OK;
}

static cc_status keyword_term(cc_pq_parser *parser, cc_tree **tree_out) {
    cc_pq_word word = cc_pq_word_at(parser, 0);
    switch (word) {
    case CC_PW_TRUE:
        return leaf(parser, CC_TREE_TRUE, tree_out);
    case CC_PW_FALSE:
        return leaf(parser, CC_TREE_FALSE, tree_out);
    case CC_PW_NULL:
        return leaf(parser, CC_TREE_NULL, tree_out);
    case CC_PW_MISSING:
        return leaf(parser, CC_TREE_MISSING, tree_out);
    case CC_PW_SELECT:
    case CC_PW_INSERT:
    case CC_PW_UPDATE:
    case CC_PW_DELETE:
    case CC_PW_SET:
    case CC_PW_REMOVE:
    case CC_PW_FROM:
    case CC_PW_SYNTAX:
        return cc_pq_verb(parser, tree_out);
    case CC_PW_FUNCTION:
    case CC_PW_LISTED:
        if (cc_pq_kind_at(parser, 1) == CC_PQ_OPEN)
            return call(parser, tree_out);
        return cc_pq_refuse(parser->error, "Unexpected keyword");
    default:
        break;
    }
    if (word >= CC_PW_AND && word <= CC_PW_INTERSECT)
        return cc_pq_refuse(parser->error, "Unexpected operator");
    return cc_pq_refuse(parser->error,
                        word >= CC_PW_AS && word <= CC_PW_FOR ? "Unexpected term" : "Unexpected keyword");
}

static cc_status term(cc_pq_parser *parser, cc_tree **tree_out) {
    cc_pq_kind kind = cc_pq_kind_at(parser, 0);
    switch (kind) {
    case CC_PQ_KEYWORD:
        return keyword_term(parser, tree_out);
    case CC_PQ_OPEN:
        return group(parser, tree_out);
    case CC_PQ_LIST:
        return collection(parser, CC_TREE_LIST, CC_PQ_LIST_END, "Expected RIGHT_BRACKET", tree_out);
    case CC_PQ_BAG:
        return collection(parser, CC_TREE_BAG, CC_PQ_BAG_END, "Expected RIGHT_DOUBLE_ANGLE_BRACKET",
                          tree_out);
    case CC_PQ_MAP:
        return map(parser, tree_out);
    case CC_PQ_NAME:
    case CC_PQ_QUOTED:
        return cc_pq_kind_at(parser, 1) == CC_PQ_OPEN ? call(parser, tree_out)
                                                      : leaf(parser, CC_TREE_NAME, tree_out);
    case CC_PQ_STRING:
        return leaf(parser, CC_TREE_STRING, tree_out);
    case CC_PQ_NUMBER:
        return leaf(parser, CC_TREE_NUMBER, tree_out);
    case CC_PQ_PARAMETER:
        return leaf(parser, CC_TREE_PARAMETER, tree_out);
    default:
        return cc_pq_refuse(parser->error,
                            kind >= CC_PQ_EQ && kind <= CC_PQ_AT ? "Unexpected operator" : "Unexpected term");
    }
}

/* ---- paths ---- */

static cc_status dot_step(cc_pq_parser *parser, bool simple, cc_tree **step_out) {
    cc_pq_kind kind = cc_pq_kind_at(parser, 1);
    parser->at++;
    if (kind == CC_PQ_NAME || kind == CC_PQ_QUOTED)
        return leaf(parser, CC_TREE_STEP, step_out);
    if (kind == CC_PQ_STAR && !simple)
        return leaf(parser, CC_TREE_WILD, step_out);
    return cc_pq_refuse(parser->error, kind == CC_PQ_STAR ? "Invalid path dot component for simple path"
                                                          : "Invalid path dot component");
}

static cc_status bracket_step(cc_pq_parser *parser, bool simple, cc_tree **step_out) {
    cc_tree *step = cc_pq_node(parser, CC_TREE_INDEX), *index = NULL;
    if (step == NULL)
        return cc_no_memory(parser->error);
    parser->at++;
    if (cc_pq_kind_at(parser, 0) == CC_PQ_STAR) {
        step->kind = CC_TREE_WILD;
        parser->at++;
    } else {
        CC_TRY(cc_pq_expression(parser, 0, &index));
        if (simple && index->kind != CC_TREE_NUMBER && index->kind != CC_TREE_STRING)
            return cc_pq_refuse(parser->error, "Invalid path component for simple path");
        cc_pq_adopt(step, index);
    }
    *step_out = step;
    return cc_pq_expect(parser, CC_PQ_LIST_END, "Expected RIGHT_BRACKET");
}

static cc_status steps(cc_pq_parser *parser, bool simple, cc_tree **tree) {
    cc_tree *path = NULL, *root = *tree;
    CC_ASSERT(root != NULL);
    while (cc_pq_kind_at(parser, 0) == CC_PQ_DOT || cc_pq_kind_at(parser, 0) == CC_PQ_LIST) {
        cc_tree *step = NULL;
        if (path == NULL) {
            path = cc_pq_node(parser, CC_TREE_PATH);
            if (path == NULL)
                return cc_no_memory(parser->error);
            path->token = root->token;
            cc_pq_adopt(path, root);
            *tree = path;
        }
        if (cc_pq_kind_at(parser, 0) == CC_PQ_DOT)
            CC_TRY(dot_step(parser, simple, &step));
        else
            CC_TRY(bracket_step(parser, simple, &step));
        cc_pq_adopt(path, step);
    }
    return CC_OK;
}

cc_status cc_pq_simple_path(cc_pq_parser *parser, cc_tree **tree_out) {
    cc_pq_kind kind = cc_pq_kind_at(parser, 0);
    if (kind != CC_PQ_NAME && kind != CC_PQ_QUOTED)
        return cc_pq_refuse(parser->error, "Expected identifier for simple path");
    CC_TRY(leaf(parser, CC_TREE_NAME, tree_out));
    return steps(parser, true, tree_out);
}

/* ---- operators ---- */

typedef struct {
    int precedence; /* 0: no operator */
    uint32_t size;  /* tokens */
    bool negated;   /* NOT IN, IS NOT */
    uint8_t kind;   /* cc_tree_kind of what it makes */
    const char *name;
} infix;

static infix word_infix(const cc_pq_parser *parser, uint32_t ahead) {
    switch (cc_pq_word_at(parser, ahead)) {
    case CC_PW_OR:
        return (infix){10, 1, false, CC_TREE_OR, "or"};
    case CC_PW_AND:
        return (infix){20, 1, false, CC_TREE_AND, "and"};
    case CC_PW_IS:
        if (cc_pq_word_at(parser, ahead + 1) == CC_PW_NOT)
            return (infix){40, 2, true, CC_TREE_IS, "is"};
        return (infix){40, 1, false, CC_TREE_IS, "is"};
    case CC_PW_IN:
        return (infix){40, 1, false, CC_TREE_IN, "in"};
    case CC_PW_BETWEEN:
        return (infix){50, 1, false, CC_TREE_BETWEEN, "between"};
    case CC_PW_LIKE:
        return (infix){50, 1, false, CC_TREE_OTHER, "like"};
    case CC_PW_UNION:
        return (infix){5, 1, false, CC_TREE_OTHER, "union"};
    case CC_PW_EXCEPT:
        return (infix){5, 1, false, CC_TREE_OTHER, "except"};
    case CC_PW_INTERSECT:
        return (infix){5, 1, false, CC_TREE_OTHER, "intersect"};
    default:
        return (infix){0};
    }
}

static infix infix_of(const cc_pq_parser *parser) {
    cc_pq_kind kind = cc_pq_kind_at(parser, 0);
    if (kind == CC_PQ_KEYWORD && cc_pq_word_at(parser, 0) == CC_PW_NOT) {
        infix next = word_infix(parser, 1);
        bool fits = next.kind == CC_TREE_IN || next.kind == CC_TREE_BETWEEN ||
                    (next.kind == CC_TREE_OTHER && next.precedence == 50);
        next.size = 2;
        next.negated = true;
        return next.precedence != 0 && fits ? next : (infix){0};
    }
    if (kind == CC_PQ_KEYWORD)
        return word_infix(parser, 0);
    if (kind == CC_PQ_EQ || kind == CC_PQ_NE)
        return (infix){40, 1, false, CC_TREE_COMPARE, NULL};
    if (kind >= CC_PQ_LT && kind <= CC_PQ_GE)
        return (infix){50, 1, false, CC_TREE_COMPARE, NULL};
    if (kind == CC_PQ_PLUS || kind == CC_PQ_MINUS)
        return (infix){60, 1, false, CC_TREE_SUM, NULL};
    if (kind == CC_PQ_CONCAT)
        return (infix){60, 1, false, CC_TREE_OTHER, "||"};
    if (kind == CC_PQ_STAR || kind == CC_PQ_DIVIDE || kind == CC_PQ_MODULO)
        return (infix){70, 1, false, CC_TREE_OTHER,
                       kind == CC_PQ_STAR     ? "*"
                       : kind == CC_PQ_DIVIDE ? "/"
                                              : "%"};
    return (infix){0};
}

/* The name of a type behind IS. */
static cc_status type_name(cc_pq_parser *parser, cc_tree *is) {
    cc_pq_word word = cc_pq_word_at(parser, 0);
    bool type = word == CC_PW_MISSING || word == CC_PW_NULL || (word >= CC_PW_TYPE && word <= CC_PW_LISTED) ||
                (word == CC_PW_DOUBLE && cc_pq_word_at(parser, 1) == CC_PW_PRECISION) ||
                word == CC_PW_CHARACTER;
    cc_tree *name = NULL;
    if (!type)
        return cc_pq_refuse(parser->error, "Expected type name");
    bool two = word == CC_PW_DOUBLE || (word == CC_PW_CHARACTER && cc_pq_word_at(parser, 1) == CC_PW_VARYING);
    CC_TRY(leaf(parser, CC_TREE_NAME, &name));
    parser->at += two;
    is->op = (uint8_t)word;
    cc_pq_adopt(is, name);
    return CC_OK;
}

static cc_status between(cc_pq_parser *parser, int precedence, cc_tree *tree) {
    cc_tree *third = NULL;
    if (cc_pq_word_at(parser, 0) != CC_PW_AND)
        return cc_pq_refuse(parser->error, "Expected AND");
    parser->at++;
    if (cc_pq_kind_at(parser, 0) == CC_PQ_END)
        return cc_pq_refuse(parser->error, "Expected expression after AND");
    CC_TRY(cc_pq_expression(parser, precedence, &third));
    cc_pq_adopt(tree, third);
    return CC_OK;
}

/* What stands on the right of an operator, which is taken already. */
static cc_status right_side(cc_pq_parser *parser, const infix *op, cc_tree *tree) {
    cc_tree *right = NULL;
    if (tree->kind == CC_TREE_IS)
        return type_name(parser, tree);
    if (tree->kind == CC_TREE_IN && cc_pq_kind_at(parser, 0) == CC_PQ_OPEN &&
        cc_pq_word_at(parser, 1) != CC_PW_SELECT) {
        CC_TRY(collection(parser, CC_TREE_LIST, CC_PQ_CLOSE, "Expected RIGHT_PAREN", &right));
        if (right->count == 0)
            return cc_pq_refuse(parser->error, "Unexpected term");
    } else if (cc_pq_kind_at(parser, 0) == CC_PQ_END) {
        return cc_pq_refuse(parser->error, "Missing right-hand side expression of infix operator");
    } else {
        CC_TRY(cc_pq_expression(parser, op->precedence, &right));
    }
    cc_pq_adopt(tree, right);
    return tree->kind == CC_TREE_BETWEEN ? between(parser, op->precedence, tree) : CC_OK;
}

/* left op right; a run of AND or OR goes on in the node that the first of them made. */
static cc_status combine(cc_pq_parser *parser, const infix *op, cc_tree **left) {
    bool runs = (op->kind == CC_TREE_AND || op->kind == CC_TREE_OR) && (*left)->kind == op->kind;
    cc_tree *tree = runs ? *left : cc_pq_node(parser, (cc_tree_kind)op->kind);
    if (tree == NULL)
        return cc_no_memory(parser->error);
    if (!runs) {
        tree->op = parser->tokens[parser->at].kind;
        if (op->name != NULL)
            tree->text = cc_bytes_text(op->name);
        cc_pq_adopt(tree, *left);
    }
    parser->at += op->size;
    CC_TRY(right_side(parser, op, tree));
    *left = tree;
    if (!op->negated)
        return CC_OK;
    cc_tree *not = cc_pq_node(parser, CC_TREE_NOT);
    if (not == NULL)
        return cc_no_memory(parser->error);
    not->token = tree->token;
    cc_pq_adopt(not, tree);
    *left = not;
    return CC_OK;
}

/* + and - become part of a number; NOT takes a whole comparison. */
static cc_status prefixed(cc_pq_parser *parser, cc_tree **tree_out) {
    cc_tree *tree = cc_pq_node(parser, CC_TREE_SIGN), *operand = NULL;
    bool not = cc_pq_word_at(parser, 0) == CC_PW_NOT, minus = cc_pq_kind_at(parser, 0) == CC_PQ_MINUS;
    if (tree == NULL)
        return cc_no_memory(parser->error);
    parser->at++;
    CC_TRY(enter(parser));
    CC_TRY(cc_pq_expression(parser, not ? 30 : 1000, &operand));
    parser->depth--;
    if (!not && operand->kind == CC_TREE_NUMBER) {
        operand->negative ^= minus;
        *tree_out = operand;
        return CC_OK;
    }
    tree->kind = not ? CC_TREE_NOT : CC_TREE_SIGN;
    cc_pq_adopt(tree, operand);
    *tree_out = tree;
    return CC_OK;
}

static cc_status operand(cc_pq_parser *parser, cc_tree **tree_out) {
    cc_pq_kind kind = cc_pq_kind_at(parser, 0);
    if (kind == CC_PQ_PLUS || kind == CC_PQ_MINUS || cc_pq_word_at(parser, 0) == CC_PW_NOT)
        return prefixed(parser, tree_out);
    CC_TRY(term(parser, tree_out));
    return steps(parser, false, tree_out);
}

cc_status cc_pq_expression(cc_pq_parser *parser, int precedence, cc_tree **tree_out) {
    cc_tree *tree = NULL;
    uint32_t outside = parser->depth;
    CC_TRY(enter(parser));
    CC_TRY(operand(parser, &tree));
    for (infix op = infix_of(parser); precedence < op.precedence; op = infix_of(parser)) {
        if (op.kind != CC_TREE_AND && op.kind != CC_TREE_OR)
            CC_TRY(enter(parser)); /* what it makes holds what was before */
        CC_TRY(combine(parser, &op, &tree));
    }
    parser->depth = outside;
    *tree_out = tree;
    return CC_OK;
}

cc_status cc_pq_parse(cc_pq_parser *parser, cc_tree **tree_out) {
    CC_TRY(cc_pq_expression(parser, 0, tree_out));
    if (cc_pq_kind_at(parser, 0) == CC_PQ_END)
        return CC_OK;
    if (cc_pq_kind_at(parser, 0) != CC_PQ_SEMICOLON)
        return cc_pq_refuse(parser->error, "Unexpected token after expression");
    if (cc_pq_kind_at(parser, 1) == CC_PQ_END)
        return CC_OK;
    return cc_pq_refuse(parser->error, "Unexpected token after semicolon. (Only one query is allowed.)");
}
