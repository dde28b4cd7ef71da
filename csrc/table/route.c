/* route.c: where the keys of a request lie, found by the code that would run it. */
#include "table/route.h"

#include <sched.h>

#include "table/statement.h"

typedef struct {
    cc_call *call;
    cc_route *route;
    size_t room;
} router;

static cc_status add_hash(router *self, uint64_t hash) {
    cc_route *route = self->route;
    if (route->count == self->room) {
        size_t room = self->room == 0 ? 4 : self->room * 2;
        uint64_t *hashes = cc_arena_alloc(self->call->arena, room * sizeof *hashes);
        if (hashes == NULL)
            return cc_no_memory(self->call->error);
        if (route->count != 0)
            memcpy(hashes, route->hashes, route->count * sizeof *hashes);
        route->hashes = hashes;
        self->room = room;
    }
    route->kind = CC_ROUTE_KEYS;
    route->hashes[route->count++] = hash;
    return CC_OK;
}

static cc_status add_partition(router *self, cc_bytes partition) {
    return add_hash(self, cc_space_partition_hash(self->call->space, partition));
}

/* An item, or with `exact` a key. */
static cc_status add_item(router *self, cc_bytes item, bool exact) {
    cc_call *call = self->call;
    cc_key key;
    CC_TRY(exact ? cc_key_from_key_item(call->schema, item, call->arena, &key, call->error)
                 : cc_key_from_item(call->schema, item, call->arena, &key, call->error));
    return add_partition(self, key.partition);
}

static cc_status of_batch(router *self) {
    const cc_request *request = self->call->request;
    for (size_t i = 0; i < request->batch_count; i++) {
        const cc_batch_entry *entry = &request->batch[i];
        CC_TRY(cc_call_find_table(self->call, request->tables[entry->table].name));
        CC_TRY(add_item(self, entry->item, request->verb == CC_VERB_BATCH_GET || entry->is_delete));
    }
    return CC_OK;
}

static cc_status of_actions(router *self) {
    const cc_request *request = self->call->request;
    for (size_t i = 0; i < request->action_count; i++) {
        const cc_request *action = &request->actions[i];
        CC_TRY(cc_call_find_table(self->call, action->table));
        CC_TRY(add_item(self, action->item, action->verb != CC_VERB_PUT));
    }
    return CC_OK;
}

static cc_status of_query(router *self) {
    cc_call *call = self->call;
    cc_key_condition condition;
    cc_key_range range;
    CC_TRY(cc_call_open_source(call));
    if (call->index != NULL && call->index->global) {
        self->route->kind = CC_ROUTE_INDEX;
        return CC_OK;
    }
    CC_TRY(cc_key_condition_read(&call->key_condition, cc_call_keys(call), &condition, call->error));
    CC_TRY(cc_key_range_read(call, &condition, &range));
    return add_partition(self, range.partition);
}

/* A walk through the call's source, behind the request's start key. */
static cc_status walk(router *self) {
    cc_call *call = self->call;
    cc_key start;
    self->route->kind = call->index != NULL && call->index->global ? CC_ROUTE_INDEX : CC_ROUTE_WALK;
    if (self->route->kind == CC_ROUTE_INDEX || call->request->start_key.data == NULL)
        return CC_OK;
    CC_TRY(cc_call_start_key(call, &start));
    self->route->has_start = true;
    self->route->start = cc_space_partition_hash(call->source, start.partition);
    return CC_OK;
}

/* ---- PartiQL ---- */

static cc_status of_select(router *self, const cc_request *given, const cc_bound_statement *bound) {
    cc_call *call = self->call;
    const cc_statement *statement = bound->statement;
    cc_statement_plan plan;
    cc_request made = {.verb = CC_VERB_QUERY, .table = statement->table, .index = statement->index};
    const cc_request *outer = call->request;
    call->request = &made;
    cc_status status = cc_statement_open_source(call, statement);
    call->filter = bound->where;
    if (status == CC_OK)
        status = cc_statement_plan_make(call, bound, &plan);
    call->filter = (cc_bound){0}; /* the statement's, and released with it */
    if (status == CC_OK && given->next_token.data != NULL)
        status = cc_next_token_read(call, given, &made.start_key);
    bool keyed = status == CC_OK && plan.keyed && (call->index == NULL || !call->index->global);
    for (uint32_t i = 0; keyed && status == CC_OK && i < plan.read_count; i++)
        status = add_partition(self, plan.reads[i].range.partition);
    if (status == CC_OK && !keyed)
        status = walk(self);
    call->request = outer;
    return status;
}

static cc_status of_key(router *self, const cc_bound_statement *bound) {
    cc_call *call = self->call;
    cc_statement_key key;
    cc_bytes partition;
    if (bound->statement->kind == CC_STATEMENT_INSERT)
        return add_item(self, bound->item, false);
    cc_statement_key_read(&bound->where, call->schema, true, &key);
    if (key.partition.type == CC_TYPE_NONE)
        return CC_OK;
    CC_TRY(cc_key_part(call->schema->partition_type, false, key.partition, call->arena, &partition,
                       call->error));
    return add_partition(self, partition);
}

/* What is wrong with one statement is for whoever runs it: the others have keys. */
static cc_status of_statements(router *self) {
    const cc_request *request = self->call->request;
    bool single = request->verb == CC_VERB_STATEMENT;
    for (size_t i = 0; i < (single ? 1 : request->action_count); i++) {
        const cc_prepared_statement *one = &self->call->statements[i];
        if (one->status != CC_OK)
            continue;
        cc_status status = cc_call_find_table(self->call, one->bound.statement->table);
        if (status == CC_OK && single && one->bound.statement->kind == CC_STATEMENT_SELECT)
            status = of_select(self, request, &one->bound);
        else if (status == CC_OK)
            status = of_key(self, &one->bound);
        if (status == CC_ERR_NOMEM)
            return status;
    }
    return CC_OK;
}

static cc_status of_request(router *self) {
    cc_call *call = self->call;
    const cc_request *request = call->request;
    if (call->statements != NULL)
        return of_statements(self);
    if (request->batch_count != 0)
        return of_batch(self);
    if (request->action_count != 0)
        return of_actions(self);
    CC_TRY(cc_call_find_table(call, request->table));
    switch (request->verb) {
    case CC_VERB_QUERY:
        return of_query(self);
    case CC_VERB_SCAN:
        CC_TRY(cc_call_open_source(call));
        return walk(self);
    case CC_VERB_SEARCH:
        self->route->kind = CC_ROUTE_INDEX;
        return CC_OK;
    default:
        return add_item(self, request->item, request->verb != CC_VERB_PUT);
    }
}

static cc_status prepared(cc_call *call) {
    cc_verb verb = call->request->verb;
    if (verb >= CC_VERB_STATEMENT && verb <= CC_VERB_STATEMENT_TRANSACTION)
        return cc_statements_prepare(call);
    return verb == CC_VERB_QUERY || verb == CC_VERB_SCAN ? cc_call_bind(call) : CC_OK;
}

cc_status cc_table_route(cc_tables *tables, cc_verb verb, cc_bytes body, cc_arena *arena, cc_route *route_out,
                         cc_error *error) {
    cc_request request;
    cc_reply reply = {0};
    cc_call call = {.tables = tables, .request = &request, .arena = arena, .reply = &reply, .error = error};
    router self = {.call = &call, .route = route_out};
    *route_out = (cc_route){0};
    cc_status status = cc_request_from_json(verb, body, arena, &request, error);
    if (status != CC_OK)
        return status == CC_ERR_NOMEM ? status : CC_OK;
    status = prepared(&call);
    if (status == CC_OK) {
        cc_store_lock(tables->store);
        status = of_request(&self);
        cc_store_unlock(tables->store);
    }
    cc_call_release(&call);
    if (call.statements != NULL)
        cc_statements_release(&call);
    if (status == CC_OK || status == CC_ERR_NOMEM)
        return status;
    *route_out = (cc_route){0};
    return CC_OK;
}

/* ---- the order of items ---- */

static cc_status place_of(cc_call *call, cc_bytes index, cc_bytes item, cc_place *place) {
    cc_key key;
    cc_index_image image;
    bool present = false;
    CC_TRY(cc_key_from_item(call->schema, item, call->arena, &key, call->error));
    place->key = key;
    place->hash = cc_space_partition_hash(call->space, key.partition);
    if (index.data == NULL)
        return CC_OK;
    call->index = cc_table_index_find((const cc_table_schema *)call->schema, index);
    if (call->index == NULL)
        return CC_INVALID(call->error, "The table does not have the specified index: %.*s", (int)index.size,
                          (const char *)index.data);
    if (cc_table_index_make(call->index, key, item, &call->scratch, &image, &present) != CC_OK)
        return cc_no_memory(call->error);
    if (!present)
        return CC_INVALID(call->error, "The provided key element does not match the schema");
    CC_TRY(cc_call_copy(call, image.key.partition, &place->key.partition));
    CC_TRY(cc_call_copy(call, image.key.sort, &place->key.sort));
    place->hash = cc_space_partition_hash(call->index->entries, place->key.partition);
    return CC_OK;
}

cc_status cc_table_place(cc_tables *tables, cc_bytes name, cc_bytes index, cc_bytes item, cc_arena *arena,
                         cc_place *place_out, cc_error *error) {
    cc_reply reply = {0};
    cc_call call = {.tables = tables, .arena = arena, .reply = &reply, .error = error};
    cc_store_lock(tables->store);
    cc_status status = cc_table_find(tables, name, &call.space, &call.schema, error);
    if (status == CC_OK)
        status = place_of(&call, index, item, place_out);
    cc_store_unlock(tables->store);
    cc_buffer_free(&call.scratch);
    return status;
}

/* ---- bounds ---- */

void cc_tables_set_bounds(cc_tables *tables, uint64_t first, uint64_t last) {
    cc_store_lock(tables->store);
    tables->first = first;
    tables->beyond = UINT64_MAX - last;
    cc_store_unlock(tables->store);
}

bool cc_tables_bounded(const cc_tables *tables) { return (tables->first | tables->beyond) != 0; }

bool cc_tables_holds(const cc_tables *tables, uint64_t hash) {
    return hash >= tables->first && hash <= UINT64_MAX - tables->beyond;
}

enum { PRUNE = 256 }; /* of one turn of the lock */

static cc_status prune(cc_call *call, uint64_t first, uint64_t last, cc_change *changes, size_t *count,
                       cc_log_ticket *ticket) {
    cc_space_cursor cursor;
    uint64_t hash;
    cc_key key;
    bool more = cc_space_seek_hash(call->space, first != 0 ? 0 : last + 1, &cursor);
    for (; more && *count < PRUNE; more = cc_space_next(&cursor)) {
        cc_space_entry(&cursor, &hash, &key, NULL);
        if (hash >= first && hash <= last) {
            if (last == UINT64_MAX || !cc_space_seek_hash(call->space, last + 1, &cursor))
                break;
            cc_space_entry(&cursor, NULL, &key, NULL);
        }
        cc_change *change = &changes[(*count)++];
        *change = (cc_change){.kind = CC_CHANGE_DELETE, .space = call->space};
        CC_TRY(cc_call_copy(call, key.partition, &change->key.partition));
        CC_TRY(cc_call_copy(call, key.sort, &change->key.sort));
    }
    return *count == 0 ? CC_OK : cc_store_write(call->tables->store, changes, *count, ticket, call->error);
}

cc_status cc_table_prune(cc_tables *tables, cc_bytes name, uint64_t first, uint64_t last, cc_arena *arena,
                         size_t *count_out, cc_error *error) {
    cc_reply reply = {0};
    cc_call call = {.tables = tables, .arena = arena, .reply = &reply, .error = error};
    cc_log_ticket ticket;
    *count_out = 0;
    cc_arena_reset(arena);
    cc_change *changes = cc_arena_alloc(arena, PRUNE * sizeof *changes);
    if (changes == NULL)
        return cc_no_memory(error);
    if (first == 0 && last == UINT64_MAX)
        return CC_OK;
    cc_store_lock(tables->store);
    cc_status status = cc_table_find(tables, name, &call.space, &call.schema, error);
    if (status == CC_OK)
        status = prune(&call, first, last, changes, count_out, &ticket);
    cc_store_unlock(tables->store);
    sched_yield(); /* whoever waits for the lock goes first */
    return status;
}
