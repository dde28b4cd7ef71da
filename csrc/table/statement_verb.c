/* statement_verb.c: the statements of PartiQL.
 *
 *   SELECT [ALL] * | column, ... FROM source [WHERE e] [ORDER BY e [ASC|DESC], ...]
 *   INSERT INTO path VALUE e
 *   UPDATE path change+ [WHERE e] [RETURNING r]            FROM source [WHERE e] change+ [RETURNING r]
 *   DELETE FROM path [WHERE e] [RETURNING r]
 *   change   SET path = e, ... | REMOVE path               r  ALL|MODIFIED OLD|NEW *
 *
 * Clauses that the service parses and then refuses (LIMIT, GROUP BY, aliases) are noted and refused by the
 * compiler, once the whole text has parsed. */
#include <stdio.h>

#include "table/statement_tree.h"

static cc_status new_verb(cc_pq_parser *parser, cc_statement_kind kind, cc_tree **tree_out) {
    cc_tree *tree = cc_pq_node(parser, CC_TREE_VERB);
    cc_verb_tree *verb = cc_arena_alloc(parser->scratch, sizeof *verb);
    if (tree == NULL || verb == NULL)
        return cc_no_memory(parser->error);
    *verb = (cc_verb_tree){.kind = kind};
    tree->verb = verb;
    *tree_out = tree;
    return CC_OK;
}

/* AS name, or a bare name, behind a table or a column. */
static cc_status alias(cc_pq_parser *parser, cc_verb_tree *verb) {
    bool as = cc_pq_word_at(parser, 0) == CC_PW_AS;
    parser->at += as;
    bool name = cc_pq_kind_at(parser, 0) == CC_PQ_NAME || cc_pq_kind_at(parser, 0) == CC_PQ_QUOTED;
    if (as && !name)
        return cc_pq_refuse(parser->error, "Expected identifier for AS-alias");
    parser->at += name;
    verb->aliased |= name;
    return CC_OK;
}

/* AT name and BY name, behind a table. */
static cc_status other_aliases(cc_pq_parser *parser, cc_verb_tree *verb) {
    static const uint8_t words[] = {CC_PW_AT, CC_PW_BY};
    for (int i = 0; i < 2; i++) {
        if (cc_pq_word_at(parser, 0) != words[i])
            continue;
        parser->at++;
        if (cc_pq_kind_at(parser, 0) != CC_PQ_NAME && cc_pq_kind_at(parser, 0) != CC_PQ_QUOTED)
            return cc_pq_refuse(parser->error, i == 0 ? "Expected identifier for AT-alias"
                                                      : "Expected identifier for BY-alias");
        parser->at++;
        verb->aliased = true;
    }
    return CC_OK;
}

static cc_status where(cc_pq_parser *parser, int precedence, cc_verb_tree *verb) {
    if (cc_pq_word_at(parser, 0) != CC_PW_WHERE)
        return CC_OK;
    parser->at++;
    return cc_pq_expression(parser, precedence, &verb->where);
}

static cc_status returning(cc_pq_parser *parser, cc_verb_tree *verb) {
    if (cc_pq_word_at(parser, 0) != CC_PW_RETURNING)
        return CC_OK;
    cc_pq_word what = cc_pq_word_at(parser, 1), image = cc_pq_word_at(parser, 2);
    bool all = what == CC_PW_ALL, old = image == CC_PW_OLD;
    if ((!all && what != CC_PW_MODIFIED) || (!old && image != CC_PW_NEW))
        return cc_pq_refuse(parser->error,
                            "Expected ( MODIFIED | ALL ) ( NEW | OLD ) in each returning element.");
    parser->at += 3;
    verb->returns = true;
    verb->returning = all ? (old ? CC_RETURN_ALL_OLD : CC_RETURN_ALL_NEW)
                          : (old ? CC_RETURN_UPDATED_OLD : CC_RETURN_UPDATED_NEW);
    return cc_pq_expect(parser, CC_PQ_STAR, "Expected STAR");
}

/* ---- changes ---- */

static cc_status add_change(cc_pq_parser *parser, cc_change_tree ***end, cc_tree *path, cc_tree *value) {
    cc_change_tree *change = cc_arena_alloc(parser->scratch, sizeof *change);
    if (change == NULL)
        return cc_no_memory(parser->error);
    *change = (cc_change_tree){.path = path, .value = value};
    **end = change;
    *end = &change->next;
    return CC_OK;
}

static cc_status assignments(cc_pq_parser *parser, cc_change_tree ***end) {
    do {
        cc_tree *path = NULL, *value = NULL;
        parser->at++; /* SET, then the commas */
        CC_TRY(cc_pq_simple_path(parser, &path));
        CC_TRY(cc_pq_expect(parser, CC_PQ_EQ, "Expected '='"));
        CC_TRY(cc_pq_expression(parser, 0, &value));
        CC_TRY(add_change(parser, end, path, value));
    } while (cc_pq_kind_at(parser, 0) == CC_PQ_COMMA);
    return CC_OK;
}

static cc_status insert(cc_pq_parser *parser, cc_verb_tree *verb) {
    parser->at += 2;
    CC_TRY(cc_pq_simple_path(parser, &verb->source));
    bool value = cc_pq_word_at(parser, 0) == CC_PW_VALUE;
    parser->at += value;
    if (!value) {
        verb->refused_clause = "VALUES";
        verb->refused_token = parser->at;
    }
    CC_TRY(cc_pq_expression(parser, 0, &verb->value));
    if (cc_pq_word_at(parser, 0) == CC_PW_AT) {
        cc_tree *position;
        verb->refused_clause = "AT";
        verb->refused_token = parser->at++;
        CC_TRY(cc_pq_expression(parser, 0, &position));
    }
    return returning(parser, verb);
}

static bool begins_insert(const cc_pq_parser *parser) {
    return cc_pq_word_at(parser, 0) == CC_PW_INSERT && cc_pq_word_at(parser, 1) == CC_PW_INTO;
}

/* One or more of SET, REMOVE and INSERT. */
static cc_status changes(cc_pq_parser *parser, cc_verb_tree *verb) {
    cc_change_tree **end = &verb->changes;
    cc_verb_tree other = {0};
    bool any = false;
    while (true) {
        cc_pq_word word = cc_pq_word_at(parser, 0);
        if (word == CC_PW_SET) {
            CC_TRY(assignments(parser, &end));
        } else if (word == CC_PW_REMOVE) {
            cc_tree *path = NULL;
            parser->at++;
            CC_TRY(cc_pq_simple_path(parser, &path));
            CC_TRY(add_change(parser, &end, path, NULL));
        } else if (begins_insert(parser)) {
            CC_TRY(insert(parser, &other));
            verb->inserts = true;
        } else {
            break;
        }
        any = true;
    }
    return any ? CC_OK : cc_pq_refuse(parser->error, "Expected data manipulation");
}

/* UPDATE path ..., DELETE FROM path ... */
static cc_status update_or_delete(cc_pq_parser *parser, cc_tree *tree) {
    cc_verb_tree *verb = tree->verb;
    parser->at++;
    if (verb->kind == CC_STATEMENT_DELETE) {
        if (cc_pq_word_at(parser, 0) != CC_PW_FROM)
            return cc_pq_refuse(parser->error, "Expected FROM after DELETE");
        parser->at++;
    }
    CC_TRY(cc_pq_simple_path(parser, &verb->source));
    CC_TRY(alias(parser, verb));
    CC_TRY(other_aliases(parser, verb));
    if (verb->kind == CC_STATEMENT_UPDATE)
        CC_TRY(changes(parser, verb));
    CC_TRY(where(parser, 0, verb));
    return returning(parser, verb);
}

/* ---- SELECT ---- */

static cc_status columns(cc_pq_parser *parser, cc_verb_tree *verb) {
    verb->columns = cc_pq_node(parser, CC_TREE_LIST);
    if (verb->columns == NULL)
        return cc_no_memory(parser->error);
    parser->at--;
    do {
        cc_tree *column = NULL;
        parser->at++; /* what stands before: SELECT, then the commas */
        if (cc_pq_kind_at(parser, 0) == CC_PQ_STAR) {
            parser->at++;
            verb->star = true;
            column = cc_pq_node(parser, CC_TREE_WILD);
            if (column == NULL)
                return cc_no_memory(parser->error);
        } else {
            CC_TRY(cc_pq_expression(parser, 0, &column));
            CC_TRY(alias(parser, verb));
        }
        cc_pq_adopt(verb->columns, column);
    } while (cc_pq_kind_at(parser, 0) == CC_PQ_COMMA);
    if (verb->star && verb->columns->count > 1)
        return cc_pq_refuse(parser->error, "Other expressions may not be present in the select list when "
                                           "'*' is used without dot notation.");
    return CC_OK;
}

static cc_status order_by(cc_pq_parser *parser, cc_verb_tree *verb) {
    cc_order_tree **end = &verb->order;
    if (cc_pq_word_at(parser, 0) != CC_PW_ORDER)
        return CC_OK;
    verb->ordered = true;
    if (cc_pq_word_at(parser, 1) != CC_PW_BY)
        return cc_pq_refuse(parser->error, "Expected BY");
    parser->at++;
    do {
        cc_order_tree *order = cc_arena_alloc(parser->scratch, sizeof *order);
        if (order == NULL)
            return cc_no_memory(parser->error);
        *order = (cc_order_tree){0};
        parser->at++; /* BY, then the commas */
        CC_TRY(cc_pq_expression(parser, CC_PQ_SELECT_PRECEDENCE, &order->key));
        cc_pq_word word = cc_pq_word_at(parser, 0);
        order->descending = word == CC_PW_DESC;
        parser->at += word == CC_PW_ASC || word == CC_PW_DESC;
        *end = order;
        end = &order->next;
    } while (cc_pq_kind_at(parser, 0) == CC_PQ_COMMA);
    return CC_OK;
}

static void refuse_clause(const cc_pq_parser *parser, cc_verb_tree *verb, const char *clause) {
    if (verb->refused_clause != NULL)
        return;
    verb->refused_clause = clause;
    verb->refused_token = parser->at;
}

/* Clauses of SELECT that the service has no use for. */
static cc_status other_clause(cc_pq_parser *parser, cc_verb_tree *verb, cc_pq_word word, const char *name) {
    cc_tree *ignored;
    if (cc_pq_word_at(parser, 0) != word)
        return CC_OK;
    refuse_clause(parser, verb, name);
    parser->at++;
    if (word == CC_PW_GROUP) {
        if (cc_pq_word_at(parser, 0) != CC_PW_BY)
            return cc_pq_refuse(parser->error, "Expected BY");
        do {
            parser->at++;
            CC_TRY(cc_pq_expression(parser, CC_PQ_SELECT_PRECEDENCE, &ignored));
        } while (cc_pq_kind_at(parser, 0) == CC_PQ_COMMA);
        return CC_OK;
    }
    return cc_pq_expression(parser, CC_PQ_SELECT_PRECEDENCE, &ignored);
}

static cc_status from_source(cc_pq_parser *parser, int precedence, cc_verb_tree *verb) {
    CC_TRY(cc_pq_expression(parser, precedence, &verb->source));
    CC_TRY(alias(parser, verb));
    return other_aliases(parser, verb);
}

static cc_status select(cc_pq_parser *parser, cc_verb_tree *verb) {
    parser->at++;
    if (cc_pq_word_at(parser, 0) == CC_PW_DISTINCT)
        refuse_clause(parser, verb, "DISTINCT");
    parser->at += cc_pq_word_at(parser, 0) == CC_PW_DISTINCT || cc_pq_word_at(parser, 0) == CC_PW_ALL;
    if (cc_pq_word_at(parser, 0) == CC_PW_VALUE) {
        cc_tree *ignored;
        parser->at++;
        verb->selects_value = true;
        CC_TRY(cc_pq_expression(parser, 0, &ignored));
    } else {
        CC_TRY(columns(parser, verb));
    }
    if (cc_pq_word_at(parser, 0) != CC_PW_FROM)
        return cc_pq_refuse(parser->error, "Expected FROM after SELECT list");
    parser->at++;
    CC_TRY(from_source(parser, CC_PQ_SELECT_PRECEDENCE, verb));
    CC_TRY(where(parser, CC_PQ_SELECT_PRECEDENCE, verb));
    CC_TRY(other_clause(parser, verb, CC_PW_GROUP, "GROUP BY"));
    CC_TRY(other_clause(parser, verb, CC_PW_HAVING, "HAVING"));
    CC_TRY(order_by(parser, verb));
    CC_TRY(other_clause(parser, verb, CC_PW_LIMIT, "LIMIT"));
    return other_clause(parser, verb, CC_PW_OFFSET, "OFFSET");
}

/* The UPDATE that begins with its table. */
static cc_status from_first(cc_pq_parser *parser, cc_verb_tree *verb) {
    parser->at++;
    CC_TRY(from_source(parser, 0, verb));
    CC_TRY(where(parser, 0, verb));
    CC_TRY(changes(parser, verb));
    return returning(parser, verb);
}

/* "CASE" -> Unsupported operation: Case */
static cc_status refuse_syntax(const cc_pq_parser *parser) {
    const cc_pq_token *token = &parser->tokens[parser->at];
    char name[32];
    snprintf(name, sizeof name, "%.*s", (int)(token->size < 31 ? token->size : 31),
             (const char *)parser->text.data + token->start);
    for (size_t i = 0; name[i] != 0; i++)
        name[i] = (char)(i == 0 ? name[i] & ~0x20 : name[i] | (name[i] == '_' ? 0 : 0x20));
    return CC_INVALID(parser->error, "Unsupported operation: %s", name);
}

cc_status cc_pq_verb(cc_pq_parser *parser, cc_tree **tree_out) {
    switch (cc_pq_word_at(parser, 0)) {
    case CC_PW_SELECT:
        CC_TRY(new_verb(parser, CC_STATEMENT_SELECT, tree_out));
        return select(parser, (*tree_out)->verb);
    case CC_PW_UPDATE:
        CC_TRY(new_verb(parser, CC_STATEMENT_UPDATE, tree_out));
        return update_or_delete(parser, *tree_out);
    case CC_PW_DELETE:
        CC_TRY(new_verb(parser, CC_STATEMENT_DELETE, tree_out));
        return update_or_delete(parser, *tree_out);
    case CC_PW_FROM:
        CC_TRY(new_verb(parser, CC_STATEMENT_UPDATE, tree_out));
        return from_first(parser, (*tree_out)->verb);
    case CC_PW_INSERT:
        if (!begins_insert(parser))
            return cc_pq_refuse(parser->error, "Unexpected keyword");
        CC_TRY(new_verb(parser, CC_STATEMENT_INSERT, tree_out));
        return insert(parser, (*tree_out)->verb);
    case CC_PW_SET:
    case CC_PW_REMOVE:
        CC_TRY(new_verb(parser, CC_STATEMENT_UPDATE, tree_out));
        return changes(parser, (*tree_out)->verb);
    default:
        return refuse_syntax(parser);
    }
}
