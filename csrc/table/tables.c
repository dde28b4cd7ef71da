/* tables.c: the tables over one store, and the run of one request from expressions to durability.
 *
 *   expressions compiled and bound (no lock) -> lock -> table -> verb -> unlock -> wait
 *
 * A table is a space of the store; its description is the space's meta, its parsed key schema hangs on
 * the space and goes with it. */
#include <stdlib.h>

#include "table/statement.h"
#include "table/throttle.h"
#include "table/vectors.h"

cc_status(cc_no_memory)(cc_error *error) { return cc_fail(error, CC_ERR_NOMEM, "no memory for a request"); }

static const char *const verb_names[] = {
    [CC_VERB_PUT] = "PutItem",
    [CC_VERB_GET] = "GetItem",
    [CC_VERB_UPDATE] = "UpdateItem",
    [CC_VERB_DELETE] = "DeleteItem",
    [CC_VERB_QUERY] = "Query",
    [CC_VERB_SCAN] = "Scan",
    [CC_VERB_BATCH_WRITE] = "BatchWriteItem",
    [CC_VERB_BATCH_GET] = "BatchGetItem",
    [CC_VERB_TRANSACT_WRITE] = "TransactWriteItems",
    [CC_VERB_TRANSACT_GET] = "TransactGetItems",
    [CC_VERB_STATEMENT] = "ExecuteStatement",
    [CC_VERB_STATEMENT_BATCH] = "BatchExecuteStatement",
    [CC_VERB_STATEMENT_TRANSACTION] = "ExecuteTransaction",
    [CC_VERB_SEARCH] = "SearchVectors",
    [CC_VERB_CHECK] = "ConditionCheckItem", /* a permission, no operation */
};

cc_verb cc_verb_from_name(cc_bytes operation) {
    for (int verb = CC_VERB_PUT; verb < CC_VERB_COUNT; verb++)
        if (cc_bytes_equal(operation, cc_bytes_text(verb_names[verb])))
            return (cc_verb)verb;
    return CC_VERB_NONE;
}

const char *cc_verb_name(cc_verb verb) { return verb_names[verb]; }

cc_status cc_tables_open(const char *dir, const cc_store_options *options, cc_tables **tables_out,
                         cc_error *error) {
    cc_tables *tables = calloc(1, sizeof *tables);
    if (tables == NULL)
        return cc_no_memory(error);
    cc_status status;
    tables->durability = dir == NULL ? CC_DURABILITY_MEMORY
                         : options == NULL || options->log.durability == CC_DURABILITY_DEFAULT
                             ? CC_DURABILITY_PROCESS
                             : options->log.durability;
    tables->metered = true;
    tables->programs = cc_text_cache_new();
    if (tables->programs == NULL) {
        status = cc_no_memory(error);
        goto cleanup;
    }
    CC_TRY_GOTO(cc_store_open(dir, options, &tables->store, error));
    CC_TRY_GOTO(cc_tables_build_indexes(tables, error));
    *tables_out = tables;
    return CC_OK;
cleanup:
    (void)!cc_store_close(tables->store, NULL);
    cc_text_cache_free(tables->programs);
    free(tables);
    return status;
}

cc_status cc_tables_close(cc_tables *tables, cc_error *error) {
    if (tables == NULL)
        return CC_OK;
    cc_status status = cc_store_close(tables->store, error);
    cc_text_cache_free(tables->programs);
    free(tables);
    return status;
}

void cc_tables_set_place(cc_tables *tables, cc_bytes account, cc_bytes region) {
    CC_ASSERT(account.size < sizeof tables->account && region.size < sizeof tables->region);
    memcpy(tables->account, account.data, account.size);
    memcpy(tables->region, region.data, region.size);
}

void cc_tables_enforce_throughput(cc_tables *tables) { tables->enforced = tables->metered = true; }
void cc_tables_meter(cc_tables *tables, bool on) { tables->metered = on; }
void cc_tables_expiring(cc_tables *tables, bool on) { tables->expiring = on; }

cc_store *cc_tables_store(cc_tables *tables) { return tables->store; }

cc_status cc_table_create(cc_tables *tables, cc_bytes name, cc_bytes description_json, cc_error *error) {
    cc_table_schema *schema = NULL;
    CC_TRY(cc_schema_parse(description_json, &schema, error));
    cc_space *space = NULL;
    cc_store_lock(tables->store);
    cc_status status = cc_space_create(tables->store, name, description_json, &space, error);
    if (status == CC_OK) {
        status = cc_table_attach(space, schema, error);
        if (status == CC_OK)
            status = cc_table_fill_locked(tables->store, space, schema, error);
        if (status != CC_OK) /* nobody has seen it */
            (void)!cc_space_drop(tables->store, name, NULL);
    } else {
        cc_schema_free(schema);
    }
    cc_store_unlock(tables->store);
    return status;
}

cc_status cc_table_drop(cc_tables *tables, cc_bytes name, cc_error *error) {
    cc_store_lock(tables->store);
    cc_status status = cc_space_drop(tables->store, name, error);
    cc_store_unlock(tables->store);
    return status;
}

cc_bytes cc_table_name_of(cc_bytes name_or_arn) {
    static const char marker[] = ":table/";
    if (name_or_arn.size < 4 || memcmp(name_or_arn.data, "arn:", 4) != 0)
        return name_or_arn;
    const uint8_t *at = memmem(name_or_arn.data, name_or_arn.size, marker, sizeof marker - 1);
    if (at == NULL)
        return name_or_arn;
    at += sizeof marker - 1;
    return (cc_bytes){at, (size_t)(name_or_arn.data + name_or_arn.size - at)};
}

/* "arn:aws:dynamodb:REGION:ACCOUNT:table/NAME" of another place, or none of which one could say it. */
static bool is_foreign(const cc_tables *tables, cc_bytes name, bool *other_account_out) {
    cc_bytes parts[5];
    const uint8_t *at = name.data, *end = name.data + name.size;
    if (CC_LIKELY(name.size < 4 || memcmp(name.data, "arn:", 4) != 0) || tables->account[0] == 0)
        return false;
    for (int i = 0; i < 5; i++) {
        const uint8_t *colon = memchr(at, ':', (size_t)(end - at));
        if (colon == NULL)
            return false; /* no ARN: no table has such a name */
        parts[i] = cc_bytes_of(at, (size_t)(colon - at));
        at = colon + 1;
    }
    *other_account_out = !cc_bytes_equal(parts[4], cc_bytes_text(tables->account));
    return *other_account_out || !cc_bytes_equal(parts[3], cc_bytes_text(tables->region));
}

static cc_status absent(cc_error *error) {
    return cc_fail_aws(error, CC_ERR_NOT_FOUND, "ResourceNotFoundException", "Requested resource not found");
}

cc_status cc_table_find_any(cc_tables *tables, cc_bytes name, cc_space **space_out,
                            const cc_key_schema **schema_out, cc_error *error) {
    bool other_account;
    cc_space *space = is_foreign(tables, name, &other_account)
                          ? NULL
                          : cc_space_find(tables->store, cc_table_name_of(name));
    if (space == NULL)
        return absent(error);
    if (cc_space_attached(space) == NULL) { /* what open could not read: say so */
        cc_table_schema *schema = NULL;
        CC_TRY(cc_schema_parse(cc_space_meta(space), &schema, error));
        CC_TRY(cc_table_attach(space, schema, error));
    }
    *space_out = space;
    *schema_out = cc_space_attached(space);
    return CC_OK;
}

cc_status cc_table_find(cc_tables *tables, cc_bytes name, cc_space **space_out,
                        const cc_key_schema **schema_out, cc_error *error) {
    CC_TRY(cc_table_find_any(tables, name, space_out, schema_out, error));
    return CC_LIKELY(!((const cc_table_schema *)*schema_out)->loading) ? CC_OK : absent(error);
}

cc_status cc_call_find_table(cc_call *call, cc_bytes name) {
    const char *account = call->tables->account, *verb = cc_verb_name(call->request->verb);
    bool other_account;
    if (!is_foreign(call->tables, name, &other_account))
        return cc_table_find(call->tables, name, &call->space, &call->schema, call->error);
    if (!other_account)
        return CC_INVALID(call->error, "Invalid TableArn: Invalid ResourceArn provided as input %.*s",
                          (int)name.size, (const char *)name.data);
    return cc_fail_aws(call->error, CC_ERR_VALIDATION, "AccessDeniedException",
                       "User: arn:aws:iam::%s:root is not authorized to perform: dynamodb:%s on resource: "
                       "%.*s because no resource-based policy allows the dynamodb:%s action",
                       account, verb, (int)name.size, (const char *)name.data, verb);
}

bool cc_table_waits(const cc_tables *tables, cc_durability durability) {
    return tables->durability == CC_DURABILITY_COMMIT || durability == CC_DURABILITY_COMMIT;
}

/* ---- one call ---- */

static cc_status bind_text(cc_call *call, cc_expression_kind kind, cc_bytes text, cc_bound *bound) {
    const cc_request *request = call->request;
    if (text.data == NULL)
        return CC_OK;
    cc_expression *program = NULL;
    cc_expression_kind made = (request->generated >> kind & 1) != 0 ? CC_EXPRESSION_GENERATED : 0;
    CC_TRY(cc_expression_get(call->tables->programs, kind | made, text, &program, call->error));
    bound->program = program; /* released by call_end whatever binding says */
    return cc_bind(program, request->names, request->name_count, request->values, call->arena, bound,
                   call->error);
}

cc_status cc_call_bind(cc_call *call) {
    const cc_request *request = call->request;
    CC_TRY(bind_text(call, CC_EXPRESSION_UPDATE, request->update, &call->update));
    CC_TRY(bind_text(call, CC_EXPRESSION_CONDITION, request->condition, &call->condition));
    CC_TRY(bind_text(call, CC_EXPRESSION_KEY, request->key_condition, &call->key_condition));
    CC_TRY(bind_text(call, CC_EXPRESSION_FILTER, request->filter, &call->filter));
    CC_TRY(bind_text(call, CC_EXPRESSION_SEARCH, request->search, &call->search));
    CC_TRY(bind_text(call, CC_EXPRESSION_PROJECTION, request->projection, &call->projection));
    if (request->name_count == 0 && request->values.size == 0)
        return CC_OK;
    const cc_bound *const bounds[] = {&call->update, &call->condition,  &call->key_condition,
                                      &call->filter, &call->projection, &call->search};
    return cc_bind_check_unused(bounds, 6, request->names, request->name_count, request->values, call->error);
}

static cc_status run_verb(cc_call *call) {
    const cc_request *request = call->request;
    if (request->verb == CC_VERB_BATCH_WRITE)
        return cc_verb_batch_write(call);
    if (request->verb == CC_VERB_BATCH_GET)
        return cc_verb_batch_get(call);
    if (request->verb == CC_VERB_TRANSACT_WRITE)
        return cc_verb_transact_write(call);
    if (request->verb == CC_VERB_TRANSACT_GET)
        return cc_verb_transact_get(call);
    if (request->verb == CC_VERB_STATEMENT)
        return cc_verb_statement(call);
    if (request->verb == CC_VERB_STATEMENT_BATCH)
        return cc_verb_statement_batch(call);
    if (request->verb == CC_VERB_STATEMENT_TRANSACTION)
        return cc_verb_statement_transaction(call);
    CC_TRY(cc_call_find_table(call, request->table));
    call->reply->table = cc_table_name_of(request->table);
    switch (request->verb) {
    case CC_VERB_PUT:
        return cc_verb_put(call);
    case CC_VERB_GET:
        return cc_verb_get(call);
    case CC_VERB_UPDATE:
        return cc_verb_update(call);
    case CC_VERB_DELETE:
        return cc_verb_delete(call);
    case CC_VERB_QUERY:
        return cc_verb_query(call);
    case CC_VERB_SCAN:
        return cc_verb_scan(call);
    default:
        return cc_fail(call->error, CC_ERR_ARGUMENT, "no such verb");
    }
}

void cc_call_release(cc_call *call) {
    cc_expression_release(call->update.program);
    cc_expression_release(call->condition.program);
    cc_expression_release(call->key_condition.program);
    cc_expression_release(call->filter.program);
    cc_expression_release(call->projection.program);
    cc_expression_release(call->search.program);
    cc_buffer_free(&call->scratch);
}

static const char counted[] = "1 validation error detected: ";

bool cc_refusal_is_counted(cc_verb verb, cc_bytes message) {
    static const char *const bare[] = {"Supplied AttributeValue ", "Item size has exceeded "};
    static const char marker[] = " detected: ";
    if (verb != CC_VERB_PUT && verb != CC_VERB_UPDATE)
        return false;
    for (size_t i = 0; i < sizeof bare / sizeof bare[0]; i++)
        if (message.size >= strlen(bare[i]) && memcmp(message.data, bare[i], strlen(bare[i])) == 0)
            return false;
    size_t head = message.size < 40 ? message.size
                                    : 40; /* "N validation errors detected: " is there already */
    return !(head > 0 && message.data[0] >= '1' && message.data[0] <= '9' &&
             memmem(message.data, head, marker, sizeof marker - 1) != NULL);
}

void cc_refusal_count(cc_verb verb, cc_error *error) {
    if (error == NULL || strcmp(error->type, "ValidationException") != 0 ||
        !cc_refusal_is_counted(verb, cc_bytes_text(error->message)))
        return;
    char *told = strstr(error->message, "; expression size: "); /* by the other operations alone */
    if (told != NULL)
        told[1] = '\0';
    size_t size = strlen(error->message), room = sizeof error->message - sizeof counted;
    size = size < room ? size : room;
    memmove(error->message + sizeof counted - 1, error->message, size);
    memcpy(error->message, counted, sizeof counted - 1);
    error->message[sizeof counted - 1 + size] = '\0';
}

/* A value that could not be read from the disk is no absent item, whatever the verb made of it, a transaction's reasons
 * among it. A batch of statements knows it of each of them. */
static cc_status check_reads(const cc_call *call, cc_status status) {
    if (call->request->verb == CC_VERB_STATEMENT_BATCH)
        return status;
    cc_status failed = cc_store_failure(call->tables->store, call->error);
    if (CC_LIKELY(failed == CC_OK))
        return status;
    call->reply->reason_count = 0;
    call->reply->has_condition_item = false;
    return failed;
}

cc_status cc_table_execute(cc_tables *tables, const cc_request *request, bool locked, cc_arena *arena,
                           cc_reply *reply_out, cc_error *error) {
    *reply_out = (cc_reply){0};
    cc_call call = {.tables = tables, .request = request, .arena = arena, .reply = reply_out, .error = error};
    cc_status status = cc_call_bind(&call);
    if (CC_UNLIKELY(status == CC_ERR_VALIDATION))
        cc_refusal_count(request->verb, error);
    bool statements = request->verb >= CC_VERB_STATEMENT && request->verb <= CC_VERB_STATEMENT_TRANSACTION;
    if (CC_UNLIKELY(statements))
        status = cc_statements_prepare(&call);
    else if (status == CC_OK && request->action_count != 0)
        status = cc_transact_prepare(&call);
    if (CC_UNLIKELY(request->verb == CC_VERB_SEARCH)) {
        CC_ASSERT(!locked);
        if (status == CC_OK)
            status = cc_verb_search(&call);
    } else if (status == CC_OK) {
        if (!locked)
            cc_store_lock(tables->store);
        status = check_reads(&call, run_verb(&call));
        if (CC_UNLIKELY(tables->owing != NULL))
            cc_throttle_settle(tables, status == CC_OK &&
                                           (request->part == NULL || request->part->mode >= CC_PART_DO));
        if (CC_UNLIKELY(request->metrics) && status == CC_OK)
            status = check_reads(&call, cc_call_collections(&call));
        if (!locked)
            cc_store_unlock(tables->store);
    }
    cc_call_release(&call);
    if (CC_UNLIKELY(call.actions != NULL))
        cc_transact_release(&call);
    if (CC_UNLIKELY(call.statements != NULL))
        cc_statements_release(&call);
    if (status == CC_OK && !locked)
        status = cc_table_finish(tables, request, reply_out, error);
    return status;
}

cc_status cc_table_finish(cc_tables *tables, const cc_request *request, const cc_reply *reply,
                          cc_error *error) {
    if (!reply->written)
        return CC_OK;
    return cc_store_wait(tables->store, &reply->ticket, request->durability, error);
}

/* ---- what the verbs share ---- */

cc_status cc_call_copy(cc_call *call, cc_bytes bytes, cc_bytes *copy_out) {
    *copy_out = cc_arena_copy(call->arena, bytes);
    return copy_out->data == NULL ? cc_no_memory(call->error) : CC_OK;
}

static cc_status reserve_item(cc_call *call) {
    cc_reply *reply = call->reply;
    if (reply->item_count < call->item_capacity)
        return CC_OK;
    size_t capacity = call->item_capacity == 0 ? 1 : call->item_capacity * 2;
    capacity = capacity == 2 ? 16 : capacity;
    cc_bytes *items = cc_arena_alloc(call->arena, capacity * sizeof *items);
    if (items == NULL)
        return cc_no_memory(call->error);
    if (reply->item_count != 0)
        memcpy(items, reply->items, reply->item_count * sizeof *items);
    reply->items = items;
    call->item_capacity = capacity;
    return CC_OK;
}

cc_status cc_call_add_item(cc_call *call, cc_bytes item, const cc_bound *projection) {
    CC_TRY(reserve_item(call));
    if (CC_UNLIKELY(call->columns != NULL)) {
        cc_buffer_clear(&call->scratch);
        CC_TRY(cc_columns_project(call->columns, item, call->arena, &call->scratch, call->error));
        item = cc_buffer_bytes(&call->scratch);
    } else if (projection != NULL && projection->program != NULL) {
        cc_buffer_clear(&call->scratch);
        CC_TRY(cc_project(projection, NULL, projection->program->path_count, item, call->arena,
                          &call->scratch, call->error));
        item = cc_buffer_bytes(&call->scratch);
    }
    CC_TRY(cc_call_copy(call, item, &call->reply->items[call->reply->item_count]));
    call->reply->item_count++;
    return CC_OK;
}

cc_status cc_call_key_item(cc_call *call, cc_bytes item, cc_bytes *key_item_out) {
    const cc_bytes own[2] = {call->schema->partition_name, call->schema->sort_name};
    const cc_bytes *names = call->index != NULL ? call->index->key_names : own;
    size_t count = call->index != NULL ? call->index->key_name_count : own[1].size != 0 ? 2 : 1;
    cc_item_writer writer;
    cc_buffer_clear(&call->scratch);
    cc_item_writer_init(&writer, &call->scratch, call->arena);
    CC_TRY(cc_item_begin(&writer, call->error));
    for (size_t i = 0; i < count; i++) {
        cc_value value;
        CC_ASSERT(cc_item_find(item, names[i], &value));
        CC_TRY(cc_item_name(&writer, names[i], call->error));
        CC_TRY(cc_item_put_value(&writer, value, call->error));
    }
    CC_TRY(cc_item_end(&writer, call->error));
    return cc_call_copy(call, cc_buffer_bytes(&call->scratch), key_item_out);
}

cc_status cc_call_check_condition(cc_call *call, cc_bytes old) {
    bool fits = true;
    if (CC_UNLIKELY(call->presence != CC_PRESENCE_ANY)) {
        if (call->presence == CC_PRESENCE_ABSENT && old.size != 0)
            return cc_fail_aws(call->error, CC_ERR_CONDITION, "DuplicateItemException",
                               "Duplicate primary key exists in table");
        if (call->presence == CC_PRESENCE_OPTIONAL && old.size == 0)
            return CC_OK;
        fits = call->presence != CC_PRESENCE_PRESENT || old.size != 0;
    }
    if (fits && (call->condition.program == NULL || cc_evaluate(&call->condition, old)))
        return CC_OK;
    if (call->request->return_old_on_failure && old.size != 0) {
        CC_TRY(cc_call_copy(call, old, &call->reply->condition_item));
        call->reply->has_condition_item = true;
    }
    if (call->staged_change == NULL)
        cc_table_count_refused(call->tables, (const cc_table_schema *)call->schema, old);
    return cc_fail_aws(call->error, CC_ERR_CONDITION, "ConditionalCheckFailedException",
                       "The conditional request failed");
}

cc_status cc_call_leave_entry(cc_call *call, size_t at) {
    const cc_request *request = call->request;
    cc_reply *reply = call->reply;
    if (reply->unprocessed == NULL)
        reply->unprocessed = cc_arena_alloc(call->arena, request->batch_count * sizeof *reply->unprocessed);
    if (reply->unprocessed == NULL)
        return cc_no_memory(call->error);
    reply->unprocessed[reply->unprocessed_count++] = request->batch[at];
    return CC_OK;
}

cc_status cc_call_write(cc_call *call, const cc_change *changes, size_t count) {
    if (call->staged_change != NULL) { /* an action: the transaction writes */
        CC_ASSERT(count == 1);
        *call->staged_change = changes[0];
        call->reply->written = true;
        return CC_OK;
    }
    CC_TRY(cc_store_write(call->tables->store, changes, count, &call->reply->ticket, call->error));
    call->reply->written = true;
    return CC_OK;
}
