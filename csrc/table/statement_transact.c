/* statement_transact.c: ExecuteTransaction: statements as the actions of a transaction.
 *
 * What a statement is refused for by itself refuses the whole request, and says which one; what is wrong with
 * its item, or a table that is not there, cancels the transaction and stands among the reasons. */
#include "base/hash.h"
#include "table/statement.h"

static cc_status refuse(cc_call *call, size_t at, const char *words) {
    return CC_INVALID(call->error, "Validation failed in TransactStatements[%zu]: %s", at, words);
}

static bool reads(const cc_call *call, size_t at) {
    return call->statements[at].bound.statement->kind == CC_STATEMENT_SELECT;
}

static cc_status check_mixture(cc_call *call) {
    for (size_t i = 1; i < call->request->action_count; i++)
        if (reads(call, i) != reads(call, 0))
            return CC_INVALID(call->error, "ExecuteTransaction API does not support both read and write "
                                           "operations in the same request.");
    return CC_OK;
}

/* ---- each statement as an action ---- */

static cc_status exists(cc_call *call, size_t at, cc_call *own, cc_request *made) {
    static const char words[] = "EXISTS() must contain a single item read with additional condition";
    const cc_bound_statement *bound = &call->statements[at].bound;
    cc_statement_key key;
    *made = (cc_request){.verb = CC_VERB_CHECK,
                         .table = bound->statement->table,
                         .capacity = own->request->capacity,
                         .return_old_on_failure = own->request->return_old_on_failure};
    own->request = made;
    if (bound->statement->index.data != NULL)
        return refuse(call, at, "Operations on indices are not supported in transactions");
    cc_statement_key_read(&bound->where, own->schema, false, &key);
    if (key.only || !cc_statement_key_complete(&key, own->schema))
        return refuse(call, at, words);
    CC_TRY(cc_statement_residual(call, &bound->where, own->schema, &key, &own->condition));
    return cc_statement_key_item(own, &key, &made->item);
}

/* Fills the action's request. What fails with the action's own error is a reason, the rest refuses all. */
static cc_status make_action(cc_call *call, size_t at, cc_call *own, cc_request *made) {
    static const char read_words[] = "Select statements within ExecuteTransaction must specify the primary "
                                     "key in the where clause.";
    const cc_bound_statement *bound = &call->statements[at].bound;
    const cc_statement *statement = bound->statement;
    if (statement->returns)
        return refuse(call, at, "RETURNING clause is not supported in ExecuteTransaction.");
    if (statement->kind == CC_STATEMENT_EXISTS)
        return exists(call, at, own, made);
    if (statement->kind != CC_STATEMENT_SELECT) {
        if (statement->index.data != NULL)
            return refuse(call, at, "Operations on indices are not supported in transactions");
        return cc_statement_write(own, bound, "The provided key element does not match the schema", made);
    }
    if (statement->index.data != NULL)
        return refuse(call, at, "Reads on indices are not supported within transactions.");
    cc_error *error = own->error, inner = {0};
    own->error = &inner;
    cc_status status = cc_statement_get_item(own, bound, read_words, made);
    own->error = error;
    if (status == CC_OK)
        return CC_OK;
    if (status == CC_ERR_VALIDATION && made->item.data == NULL &&
        strcmp(inner.message, "The provided key element does not match the schema") != 0)
        return refuse(call, at, inner.message);
    *own->error = inner;
    return status;
}

static cc_status find_key(cc_transact_action *action) {
    cc_call *own = &action->call;
    const cc_request *request = own->request;
    return request->verb == CC_VERB_PUT
               ? cc_key_from_item(own->schema, request->item, own->arena, &action->key, own->error)
               : cc_key_from_key_item(own->schema, request->item, own->arena, &action->key, own->error);
}

/* One action; its status says whether it can be run, the function's whether the request stands. */
static cc_status prepare_action(cc_call *call, size_t at, cc_request *made) {
    cc_transact_action *action = &call->actions[at];
    cc_call *own = &action->call;
    const cc_request *given = &call->request->actions[at];
    *own = (cc_call){.tables = call->tables,
                     .request = given,
                     .arena = call->arena,
                     .reply = &action->reply,
                     .staged_change = &action->change,
                     .error = &action->error};
    action->status = cc_table_find(call->tables, call->statements[at].bound.statement->table, &own->space,
                                   &own->schema, own->error);
    if (action->status != CC_OK)
        return action->status == CC_ERR_NOMEM ? cc_no_memory(call->error) : CC_OK;
    action->status = make_action(call, at, own, made);
    if (action->status != CC_OK && action->error.message[0] == 0)
        return action->status; /* the request itself was refused */
    if (action->status == CC_OK)
        action->status = find_key(action);
    return action->status == CC_ERR_NOMEM ? cc_no_memory(call->error) : CC_OK;
}

/* The tables of the statements, each once. */
static void list_tables(cc_call *call, cc_batch_table *tables, uint32_t *indexes, cc_request *request) {
    for (size_t i = 0; i < call->request->action_count; i++) {
        cc_bytes name = cc_table_name_of(call->statements[i].bound.statement->table);
        size_t at = 0;
        while (at < request->table_count && !cc_bytes_equal(tables[at].name, name))
            at++;
        if (at == request->table_count)
            tables[request->table_count++] = (cc_batch_table){.name = name};
        indexes[i] = (uint32_t)at;
    }
}

/* A TransactWriteItems or TransactGetItems out of the statements. */
static cc_status make_request(cc_call *call, cc_request **request_out) {
    const cc_request *given = call->request;
    size_t count = given->action_count;
    cc_arena *arena = call->arena;
    cc_request *request = cc_arena_alloc(arena, sizeof *request);
    cc_request *made = cc_arena_alloc(arena, count * sizeof *made);
    cc_batch_table *tables = cc_arena_alloc(arena, count * sizeof *tables);
    uint32_t *indexes = cc_arena_alloc(arena, count * sizeof *indexes);
    cc_bytes *names = cc_arena_alloc(arena, count * sizeof *names);
    call->actions = cc_arena_alloc(arena, count * sizeof *call->actions);
    call->reply->table_consumed = cc_arena_alloc(arena, count * sizeof *call->reply->table_consumed);
    if (request == NULL || made == NULL || tables == NULL || indexes == NULL || names == NULL ||
        call->actions == NULL || call->reply->table_consumed == NULL) {
        call->actions = NULL;
        return cc_no_memory(call->error);
    }
    memset(made, 0, count * sizeof *made);
    memset(call->actions, 0, count * sizeof *call->actions);
    memset(call->reply->table_consumed, 0, count * sizeof *call->reply->table_consumed);
    *request = (cc_request){.verb = reads(call, 0) ? CC_VERB_TRANSACT_GET : CC_VERB_TRANSACT_WRITE,
                            .durability = given->durability,
                            .actions = made,
                            .action_tables = indexes,
                            .action_count = count,
                            .tables = tables,
                            .token = given->token,
                            .part = given->part,
                            .capacity = given->capacity};
    list_tables(call, tables, indexes, request);
    for (size_t i = 0; i < request->table_count; i++)
        names[i] = tables[i].name;
    call->reply->tables = names;
    call->reply->table_count = request->table_count;
    for (size_t i = 0; i < count; i++)
        CC_TRY(prepare_action(call, i, &made[i]));
    *request_out = request;
    return CC_OK;
}

/* A transaction that will be cancelled anyhow is not looked at. */
static cc_status check_distinct(cc_call *call) {
    for (size_t i = 0; i < call->request->action_count; i++)
        if (call->actions[i].status != CC_OK)
            return CC_OK;
    for (size_t i = 0; i < call->request->action_count; i++)
        CC_TRY(cc_transact_check_distinct(call, i));
    return CC_OK;
}

/* Of statements and parameters: what a ClientRequestToken stands for. */
static cc_digest digest_of(const cc_request *request) {
    cc_digest digest = cc_digest_begin();
    for (size_t i = 0; i < request->action_count; i++) {
        const cc_request *one = &request->actions[i];
        cc_digest_add(&digest, one->statement);
        for (size_t k = 0; k < one->parameter_count; k++) {
            cc_digest_add(&digest, cc_bytes_of(&one->parameters[k].type, sizeof one->parameters[k].type));
            cc_digest_add(&digest, one->parameters[k].payload);
        }
    }
    return digest;
}

static cc_status run(cc_call *call) {
    const cc_request *given = call->request;
    cc_request *request = NULL;
    CC_TRY(check_mixture(call));
    CC_TRY(make_request(call, &request));
    CC_TRY(check_distinct(call));
    cc_digest digest = digest_of(given);
    if (cc_transact_forms(given, &digest))
        return CC_OK;
    call->request = request;
    cc_status status = request->verb == CC_VERB_TRANSACT_GET ? cc_transact_read(call)
                                                             : cc_transact_write(call, &digest);
    call->request = given;
    return status;
}

cc_status cc_verb_statement_transaction(cc_call *call) {
    cc_status status = run(call);
    for (size_t i = 0; call->actions != NULL && i < call->request->action_count; i++)
        cc_buffer_free(&call->actions[i].call.scratch);
    call->actions = NULL; /* their programs are the statements' */
    return status;
}
