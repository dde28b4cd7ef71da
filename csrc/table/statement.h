/* statement.h: PartiQL: a statement compiled once, by its text, to the programs of expression.h.
 *
 *   text --statement_token.c--> tokens --statement_parse.c, statement_verb.c--> tree (statement_tree.h)
 *        --statement_compile.c, statement_value.c, statement_condition.c, statement_update.c--> cc_statement
 *   cc_statement + parameters --statement_bind.c--> cc_bound_statement            (no lock so far)
 *   + the schema of its table --statement_write.c--> a put, update, delete or check of one item
 *                             --statement_plan.c, statement_select.c--> ranges of keys to read, or a scan
 *
 * A statement knows no table and no parameter, so it is kept for the next request with the same text. Its
 * parameters take the places of values in the programs; everything else is the work of the item verbs.
 *
 * Limits: 8,192 characters, nesting CC_STATEMENT_DEPTH_MAX, 100 operands of IN, CC_STATEMENT_READS_MAX ranges
 * of keys. Recursion is bounded by the nesting limit. Texts of refusals as the service sends them; those of
 * its parser follow the grammar of the PartiQL reference parser, which the service uses. */
#ifndef CC_TABLE_STATEMENT_H
#define CC_TABLE_STATEMENT_H

#include "table/internal.h"

#define CC_STATEMENT_SIZE_MAX 8192
#define CC_STATEMENT_DEPTH_MAX 128
#define CC_STATEMENT_READS_MAX 50
#define CC_STATEMENT_CACHED 100 /* the kind of a statement in a cc_text_cache */

typedef enum {
    CC_STATEMENT_SELECT,
    CC_STATEMENT_INSERT,
    CC_STATEMENT_UPDATE,
    CC_STATEMENT_DELETE,
    CC_STATEMENT_EXISTS /* of a transaction: a condition on one item */
} cc_statement_kind;

/* A token's place, as refusals name it: "1:10:4". */
typedef struct {
    uint32_t line, column, length; /* in characters, from 1 */
} cc_statement_place;

/* A program with what cc_bind would look up in a request. */
typedef struct {
    cc_expression expression;
    cc_bytes *names;      /* parallel to expression.elements */
    cc_value *constants;  /* parallel to expression.values; type NONE: a parameter */
    uint32_t *parameters; /* parallel: which parameter, from 0 */
    bool parametric;
} cc_statement_program;

/* One column of a SELECT: the end of a path names it, "b" of a.b and "c[0]" of a.c[0]. */
typedef struct {
    cc_bytes name;
    uint32_t path; /* of columns_program */
} cc_column;

typedef struct {
    cc_bytes name;
    cc_value constant; /* type NONE: a parameter */
    uint32_t parameter;
} cc_insert_member;

/* A parameter that must be a set: the operand of set_add or set_delete. */
typedef struct {
    uint32_t parameter;
    bool add;
    cc_statement_place place;
} cc_set_operand;

typedef struct cc_statement {
    cc_cached cached; /* by text */
    cc_arena arena;   /* everything below */
    cc_statement_kind kind;
    cc_bytes table, index;       /* index data NULL: the table */
    cc_statement_program *where; /* NULL: none; its root may be an AND of any number of parts */
    cc_statement_program *update;
    cc_statement_program *paths; /* of the columns */
    cc_column *columns;          /* NULL: all attributes */
    uint32_t column_count;
    struct {
        cc_bytes name;
        bool descending;
    } order[2];
    uint32_t order_count;
    cc_bytes item; /* INSERT without parameters, encoded */
    cc_insert_member *members;
    uint32_t member_count;
    cc_set_operand *set_operands;
    uint32_t set_operand_count;
    uint32_t parameter_count;
    bool returns; /* a RETURNING clause */
    cc_return_values returning;
} cc_statement;

/* What a request says beside the texts: one element of Statements or TransactStatements, or the request. */
typedef struct {
    const cc_statement *statement; /* to be released by cc_bound_statement_release */
    cc_bound where, update;        /* program NULL: none */
    cc_bytes item;                 /* INSERT */
} cc_bound_statement;

/* The statement of a text, from the cache or compiled. */
CC_MUST_CHECK cc_status cc_statement_get(cc_text_cache *cache, cc_bytes text, cc_statement **statement_out,
                                         cc_error *error);
CC_MUST_CHECK cc_status cc_statement_compile(cc_bytes text, cc_statement **statement_out, cc_error *error);
void cc_statement_release(void *statement); /* NULL is fine */

/* Checks the number of parameters, then what only shows with their types. The statement is the bound's, also
 * when this fails. */
CC_MUST_CHECK cc_status cc_statement_bind(const cc_statement *statement, const cc_value *parameters,
                                          size_t count, cc_arena *arena, cc_bound_statement *bound_out,
                                          cc_error *error);
void cc_bound_statement_release(cc_bound_statement *bound);

/* One statement of a call, bound before the lock; what then was refused is kept for its place in the reply. */
typedef struct cc_prepared_statement {
    cc_bound_statement bound;
    cc_status status;
    cc_error error;
} cc_prepared_statement;
/* Of call->request: the statement, or those of a batch or transaction, into call->statements. */
CC_MUST_CHECK cc_status cc_statements_prepare(cc_call *call);
void cc_statements_release(cc_call *call);

/* ---- under the lock; call->space and call->schema are those of the statement's table ---- */

/* The equalities of a WHERE clause with key attributes. */
typedef struct {
    cc_value partition, sort; /* type NONE: the clause does not say */
    cc_bytes conflict;        /* the attribute that is said to have two values; data NULL: none */
    bool only;                /* nothing else is said */
} cc_statement_key;
/* With `lists` an IN of one value is an equality. */
void cc_statement_key_read(const cc_bound *where, const cc_key_schema *schema, bool lists,
                           cc_statement_key *key_out);
bool cc_statement_key_complete(const cc_statement_key *key, const cc_key_schema *schema);
/* The program without what `key` says, for an item that may be absent. */
CC_MUST_CHECK cc_status cc_statement_residual(cc_call *call, const cc_bound *where,
                                              const cc_key_schema *schema, const cc_statement_key *key,
                                              cc_bound *residual_out);
/* The key's attributes as an item. */
CC_MUST_CHECK cc_status cc_statement_key_item(cc_call *call, const cc_statement_key *key, cc_bytes *item_out);

/* Makes `call`, whose request is `made` from now on, the write of one item that an INSERT, UPDATE or DELETE
 * asks for. With `words` NULL a clause without the whole key is refused as a single statement is. */
CC_MUST_CHECK cc_status cc_statement_write(cc_call *call, const cc_bound_statement *bound, const char *words,
                                           cc_request *made);
/* Runs the put, update or delete that cc_statement_write made. */
CC_MUST_CHECK cc_status cc_statement_run_write(cc_call *call);

/* A SELECT, into the call's reply. */
CC_MUST_CHECK cc_status cc_statement_select(cc_call *call, const cc_bound_statement *bound, cc_request *made);
/* A SELECT of a batch or transaction, which reads one item by its key: as a get, whose request is `made`. */
CC_MUST_CHECK cc_status cc_statement_get_item(cc_call *call, const cc_bound_statement *bound,
                                              const char *words, cc_request *made);
/* The index that the statement names, if it does, into call->source and call->index. */
CC_MUST_CHECK cc_status cc_statement_open_source(cc_call *call, const cc_statement *statement);

/* ---- reading by key ranges ---- */
typedef struct {
    cc_key_range range;
    cc_value hash;
    bool point; /* the whole primary key of the table */
} cc_statement_read;
typedef struct {
    bool keyed; /* false: the source is scanned */
    bool exact; /* the ranges hold just what the clause asks for */
    bool backward;
    cc_statement_read *reads; /* in the order of reading */
    uint32_t read_count;
} cc_statement_plan;
CC_MUST_CHECK cc_status cc_statement_plan_make(cc_call *call, const cc_bound_statement *bound,
                                               cc_statement_plan *plan_out);

/* ---- NextToken ---- */
/* The token of a reply that ended at call->reply->last_key; `given` is the request with the statement. */
CC_MUST_CHECK cc_status cc_next_token_make(cc_call *call, const cc_request *given);
/* The key that given->next_token goes on behind. "Invalid NextToken", or it is another statement's. */
CC_MUST_CHECK cc_status cc_next_token_read(cc_call *call, const cc_request *given, cc_bytes *start_key_out);

/* The columns of an item, appended to `out`. */
CC_MUST_CHECK cc_status cc_columns_project(const cc_statement *statement, cc_bytes item, cc_arena *arena,
                                           cc_buffer *out, cc_error *error);

#endif
