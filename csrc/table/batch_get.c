/* batch_get.c: BatchGetItem: up to 100 items by key; past 16 MB of data the rest is left unprocessed, and so is what
 * is throttled; a batch of which nothing was read is refused. */
#include "table/throttle.h"

typedef struct {
    cc_key key;
    cc_space *space;
} cc_wanted;

static bool duplicate(const cc_wanted *wanted, size_t count) {
    const cc_wanted *last = &wanted[count - 1];
    for (size_t i = 0; i + 1 < count; i++)
        if (wanted[i].space == last->space && cc_bytes_equal(wanted[i].key.partition, last->key.partition) &&
            cc_bytes_equal(wanted[i].key.sort, last->key.sort))
            return true;
    return false;
}

/* Binds every table's projection before anything is read, so that a bad one refuses the batch. */
static cc_status bind_projections(cc_call *call, cc_bound *bounds) {
    const cc_request *request = call->request;
    for (size_t i = 0; i < request->table_count; i++) {
        const cc_batch_table *table = &request->tables[i];
        if (table->projection.data == NULL)
            continue;
        CC_TRY(cc_expression_get(call->tables->programs, CC_EXPRESSION_PROJECTION, table->projection,
                                 &bounds[i].program, call->error));
        const cc_bound *const used[] = {&bounds[i]};
        const cc_bytes no_values = {NULL, 0};
        CC_TRY(cc_bind(bounds[i].program, table->names, table->name_count, no_values, call->arena, &bounds[i],
                       call->error));
        CC_TRY(cc_bind_check_unused(used, 1, table->names, table->name_count, no_values, call->error));
    }
    return CC_OK;
}

static cc_status find_all(cc_call *call, cc_wanted *wanted, const cc_bound *bounds) {
    const cc_request *request = call->request;
    for (size_t i = 0; i < request->batch_count; i++) {
        const cc_batch_entry *entry = &request->batch[i];
        if (i == 0 || entry->table != entry[-1].table)
            CC_TRY(cc_call_find_table(call, request->tables[entry->table].name));
        CC_TRY(cc_bound_check_scalars(&bounds[entry->table], call->schema, call->error));
        wanted[i].space = call->space;
        CC_TRY(cc_key_from_key_item(call->schema, entry->item, call->arena, &wanted[i].key, call->error));
        if (duplicate(wanted, i + 1))
            return CC_INVALID(call->error, "Provided list of item keys contains duplicates");
    }
    return CC_OK;
}

/* Whether the table of an entry has reads left; the call is on that table from here on. */
static bool admits(cc_call *call, const cc_wanted *wanted) {
    call->space = wanted->space;
    call->schema = cc_space_attached(wanted->space);
    return CC_LIKELY(!call->tables->enforced) ||
           !cc_throttle_refuses(call, (const cc_table_schema *)call->schema, NULL, false);
}

static cc_status read_all(cc_call *call, const cc_wanted *wanted, const cc_bound *bounds) {
    const cc_request *request = call->request;
    cc_reply *reply = call->reply;
    size_t bytes = 0;
    for (size_t i = 0; i < request->batch_count; i++) {
        const cc_batch_table *table = &request->tables[request->batch[i].table];
        cc_bytes item;
        size_t size = 0;
        bool found = cc_space_get(wanted[i].space, wanted[i].key, &item);
        if (found)
            bytes += size = cc_item_size(item);
        if (bytes > CC_BATCH_REPLY_BYTES || !admits(call, &wanted[i])) {
            bytes -= bytes > CC_BATCH_REPLY_BYTES ? 0 : size;
            CC_TRY(cc_call_leave_entry(call, i));
            continue;
        }
        reply->table_consumed[request->batch[i].table].table += cc_read_units(size, table->consistent);
        cc_call_owe_read(call, cc_read_units(size, table->consistent));
        if (!found)
            continue;
        reply->item_tables[reply->item_count] = request->batch[i].table;
        CC_TRY(cc_call_add_item(call, item, &bounds[request->batch[i].table]));
    }
    return reply->unprocessed_count == request->batch_count ? cc_throttle_refusal(call) : CC_OK;
}

cc_status cc_verb_batch_get(cc_call *call) {
    const cc_request *request = call->request;
    cc_reply *reply = call->reply;
    cc_wanted *wanted = cc_arena_alloc(call->arena, (request->batch_count + 1) * sizeof *wanted);
    cc_bound *bounds = cc_arena_alloc(call->arena, (request->table_count + 1) * sizeof *bounds);
    reply->table_consumed = cc_arena_alloc(call->arena, (request->table_count + 1) * sizeof(cc_consumed));
    reply->item_tables = cc_arena_alloc(call->arena, (request->batch_count + 1) * sizeof(uint32_t));
    if (wanted == NULL || bounds == NULL || reply->table_consumed == NULL || reply->item_tables == NULL)
        return cc_no_memory(call->error);
    memset(reply->table_consumed, 0, (request->table_count + 1) * sizeof(cc_consumed));
    memset(bounds, 0, (request->table_count + 1) * sizeof *bounds);
    cc_status status;
    CC_TRY_GOTO(bind_projections(call, bounds));
    CC_TRY_GOTO(find_all(call, wanted, bounds));
    CC_TRY_GOTO(read_all(call, wanted, bounds));
cleanup:
    for (size_t i = 0; i < request->table_count; i++)
        cc_expression_release(bounds[i].program);
    return status;
}
