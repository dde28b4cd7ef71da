/* statement_run.c: ExecuteStatement and BatchExecuteStatement. */
#include "table/statement.h"

static const cc_request *request_of(const cc_call *call, size_t at) {
    const cc_request *request = call->request;
    return request->verb == CC_VERB_STATEMENT ? request : &request->actions[at];
}

static size_t count_of(const cc_call *call) {
    return call->request->verb == CC_VERB_STATEMENT ? 1 : call->request->action_count;
}

static cc_status prepare(cc_call *call, const cc_request *request, cc_prepared_statement *prepared) {
    cc_statement *statement = NULL;
    CC_TRY(cc_statement_get(call->tables->programs, request->statement, &statement, &prepared->error));
    return cc_statement_bind(statement, request->parameters, request->parameter_count, call->arena,
                             &prepared->bound, &prepared->error);
}

cc_status cc_statements_prepare(cc_call *call) {
    size_t count = count_of(call);
    call->statements = cc_arena_alloc(call->arena, count * sizeof *call->statements);
    if (call->statements == NULL)
        return cc_no_memory(call->error);
    for (size_t i = 0; i < count; i++) {
        cc_prepared_statement *one = &call->statements[i];
        one->bound = (cc_bound_statement){0};
        one->error.message[0] = one->error.type[0] = 0;
    }
    for (size_t i = 0; i < count; i++) {
        cc_prepared_statement *one = &call->statements[i];
        one->status = prepare(call, request_of(call, i), one);
        bool kept = call->request->verb == CC_VERB_STATEMENT_BATCH && one->status == CC_ERR_VALIDATION;
        if (one->status == CC_OK || kept)
            continue;
        if (call->request->verb == CC_VERB_STATEMENT_TRANSACTION && one->status == CC_ERR_VALIDATION)
            return CC_INVALID(call->error, "Validation failed in TransactStatements[%zu]: %s", i,
                              one->error.message);
        if (call->error != NULL)
            *call->error = one->error;
        return one->status;
    }
    return CC_OK;
}

void cc_statements_release(cc_call *call) {
    for (size_t i = 0; i < count_of(call); i++)
        cc_bound_statement_release(&call->statements[i].bound);
}

/* ---- one ---- */

static cc_status find_table(cc_call *call, const cc_statement *statement) {
    CC_TRY(cc_table_find(call->tables, statement->table, &call->space, &call->schema, call->error));
    call->reply->table = cc_table_name_of(statement->table);
    return CC_OK;
}

static cc_status run_one(cc_call *call, const cc_bound_statement *bound) {
    cc_request *made = cc_arena_alloc(call->arena, sizeof *made);
    if (made == NULL)
        return cc_no_memory(call->error);
    if (bound->statement->kind == CC_STATEMENT_EXISTS)
        return CC_INVALID(call->error, "EXISTS can only be used in ExecuteTransaction write requests.");
    CC_TRY(find_table(call, bound->statement));
    if (bound->statement->kind == CC_STATEMENT_SELECT)
        return cc_statement_select(call, bound, made);
    CC_TRY(cc_statement_write(call, bound, NULL, made));
    return cc_statement_run_write(call);
}

/* A call of its own for one statement; what it points to is the statement's, so nothing of it is released
 * but its scratch. */
static cc_call call_for(cc_call *call, const cc_request *request, cc_reply *reply, cc_error *error) {
    *reply = (cc_reply){0};
    return (cc_call){
        .tables = call->tables, .request = request, .arena = call->arena, .reply = reply, .error = error};
}

cc_status cc_verb_statement(cc_call *call) {
    cc_call own = call_for(call, call->request, call->reply, call->error);
    cc_status status = run_one(&own, &call->statements[0].bound);
    cc_buffer_free(&own.scratch);
    return status;
}

/* ---- batches ---- */

static cc_status get_one(cc_call *own, const cc_bound_statement *bound) {
    static const char words[] = "Select statements within BatchExecuteStatement must specify the primary key "
                                "in the where clause.";
    cc_request *made = cc_arena_alloc(own->arena, sizeof *made);
    if (made == NULL)
        return cc_no_memory(own->error);
    CC_TRY(find_table(own, bound->statement));
    CC_TRY(cc_statement_get_item(own, bound, words, made));
    return cc_verb_get(own);
}

static cc_status run_in_batch(cc_call *call, size_t at, cc_reply *reply, cc_error *error) {
    const cc_prepared_statement *one = &call->statements[at];
    cc_call own = call_for(call, &call->request->actions[at], reply, error);
    cc_status status = one->status;
    if (status != CC_OK)
        *error = one->error;
    else if (one->bound.statement->kind == CC_STATEMENT_SELECT)
        status = get_one(&own, &one->bound);
    else
        status = run_one(&own, &one->bound);
    cc_buffer_free(&own.scratch);
    CC_TRY(cc_store_failure(call->tables->store, error));
    return status;
}

/* Adds what one statement used to its table's part of the reply. */
static cc_status add_capacity(cc_call *call, cc_bytes table, const cc_reply *one) {
    cc_reply *reply = call->reply;
    cc_bytes *tables = (cc_bytes *)(uintptr_t)reply->tables;
    size_t at = 0;
    if (call->request->capacity == CC_CAPACITY_NONE || one->table.data == NULL)
        return CC_OK;
    while (at < reply->table_count && !cc_bytes_equal(tables[at], table))
        at++;
    if (at == reply->table_count) {
        tables[at] = table;
        reply->table_consumed[reply->table_count++] = (cc_consumed){0};
    }
    CC_TRY(cc_table_find(call->tables, table, &call->space, &call->schema, call->error));
    return cc_consumed_add(call, &reply->table_consumed[at], &one->consumed, 1);
}

static cc_status take_result(cc_call *call, size_t at, cc_status status, const cc_reply *one,
                             const cc_error *error, cc_statement_result *result) {
    const cc_statement *statement = call->statements[at].bound.statement;
    *result = (cc_statement_result){0};
    if (statement != NULL && call->statements[at].status == CC_OK)
        result->table = cc_table_name_of(statement->table);
    if (one->has_condition_item)
        result->failed = one->condition_item;
    if (status != CC_OK) {
        const char *code = cc_error_code(status, error);
        result->code = code != NULL ? code : "InternalServerError";
        return cc_call_copy(call, cc_bytes_text(error->message), &result->message);
    }
    if (one->has_item)
        result->item = one->items[0];
    if (one->written) {
        call->reply->written = true;
        call->reply->ticket = one->ticket; /* the log is in order: the last one waits for all */
    }
    return add_capacity(call, result->table, one);
}

/* All read, or all write. */
static cc_status check_mixture(cc_call *call) {
    bool reads = false, writes = false;
    for (size_t i = 0; i < call->request->action_count; i++) {
        const cc_prepared_statement *one = &call->statements[i];
        bool select = one->status == CC_OK && one->bound.statement->kind == CC_STATEMENT_SELECT;
        reads |= select;
        writes |= one->status == CC_OK && !select;
    }
    if (!reads || !writes)
        return CC_OK;
    return CC_INVALID(call->error,
                      "BatchExecuteStatement API does not support both read and write operations "
                      "in the same request.");
}

cc_status cc_verb_statement_batch(cc_call *call) {
    cc_reply *reply = call->reply;
    size_t count = call->request->action_count;
    cc_statement_result *results = cc_arena_alloc(call->arena, count * sizeof *results);
    reply->tables = cc_arena_alloc(call->arena, count * sizeof *reply->tables);
    reply->table_consumed = cc_arena_alloc(call->arena, count * sizeof *reply->table_consumed);
    if (results == NULL || reply->tables == NULL || reply->table_consumed == NULL)
        return cc_no_memory(call->error);
    reply->results = results;
    CC_TRY(check_mixture(call));
    for (size_t i = 0; i < count; i++) {
        cc_reply one;
        cc_error error = {0};
        cc_status status = run_in_batch(call, i, &one, &error);
        /* Of more than this statement; but once one has written, the caller must hear which. */
        if (status != CC_OK && !reply->written && cc_error_code(status, &error) == NULL) {
            if (call->error != NULL)
                *call->error = error;
            return status;
        }
        CC_TRY(take_result(call, i, status, &one, &error, &results[i]));
        reply->result_count++;
    }
    return CC_OK;
}
