/* batch_write.c: BatchWriteItem: up to 25 puts and deletes, checked as a whole, then one log record.
 *
 * DynamoDB promises no atomicity here; one record is simply the cheapest way to write them. What is throttled is left
 * unprocessed; a batch of which nothing was done is refused. */
#include "table/throttle.h"

static cc_status prepare(cc_call *call, const cc_batch_entry *entry, cc_change *change,
                         cc_consumed *consumed) {
    change->space = call->space;
    change->kind = entry->is_delete ? CC_CHANGE_DELETE : CC_CHANGE_PUT;
    if (entry->is_delete) {
        CC_TRY(cc_key_from_key_item(call->schema, entry->item, call->arena, &change->key, call->error));
    } else {
        cc_error inner = {0};
        cc_status status = cc_key_from_item(call->schema, entry->item, call->arena, &change->key, &inner);
        /* A batch has one text for keys that are missing or of the wrong type. */
        if (status == CC_ERR_VALIDATION && strstr(inner.message, "ype mismatch") != NULL)
            return CC_INVALID(call->error, "The provided key element does not match the schema");
        if (status != CC_OK && call->error != NULL)
            *call->error = inner;
        CC_TRY(status);
        change->value = entry->item;
        size_t size = cc_item_size(entry->item);
        if (size > CC_ITEM_SIZE_LIMIT)
            return CC_INVALID(call->error, "Item size has exceeded the maximum allowed size");
        change->note = cc_size_note(entry->item, size);
        CC_TRY(cc_call_check_indexes(call, entry->item, (cc_bytes){NULL, 0}));
    }
    cc_bytes old;
    if (!cc_call_metered(call) || !cc_space_get(call->space, change->key, &old))
        old = (cc_bytes){NULL, 0};
    return cc_call_charge_write(call, consumed, old, change->value);
}

static bool duplicate(const cc_change *changes, size_t count) {
    const cc_change *last = &changes[count - 1];
    for (size_t i = 0; i + 1 < count; i++)
        if (changes[i].space == last->space &&
            cc_bytes_equal(changes[i].key.partition, last->key.partition) &&
            cc_bytes_equal(changes[i].key.sort, last->key.sort))
            return true;
    return false;
}

/* Writes the entries that are not left; `kept` has room for all. */
static cc_status write_kept(cc_call *call, const cc_change *changes, const bool *left, cc_change *kept) {
    size_t count = 0;
    for (size_t i = 0; i < call->request->batch_count; i++)
        if (!left[i])
            kept[count++] = changes[i];
    return count == 0 ? cc_throttle_refusal(call) : cc_call_write(call, kept, count);
}

cc_status cc_verb_batch_write(cc_call *call) {
    const cc_request *request = call->request;
    bool left[25] = {false};
    CC_ASSERT(request->batch_count <= 25);
    cc_change *changes = cc_arena_alloc(call->arena, (request->batch_count + 1) * sizeof *changes);
    cc_consumed *consumed = cc_arena_alloc(call->arena, (request->table_count + 1) * sizeof *consumed);
    if (changes == NULL || consumed == NULL)
        return cc_no_memory(call->error);
    memset(changes, 0, (request->batch_count + 1) * sizeof *changes);
    memset(consumed, 0, (request->table_count + 1) * sizeof *consumed);
    for (size_t i = 0; i < request->batch_count; i++) {
        const cc_batch_entry *entry = &request->batch[i];
        if (i == 0 || entry->table != entry[-1].table)
            CC_TRY(cc_call_find_table(call, request->tables[entry->table].name));
        cc_status status = prepare(call, entry, &changes[i], &consumed[entry->table]);
        if (CC_UNLIKELY(status == CC_ERR_LIMIT)) {
            left[i] = true;
            status = cc_call_leave_entry(call, i);
        }
        CC_TRY(status);
        if (duplicate(changes, i + 1))
            return CC_INVALID(call->error, "Provided list of item keys contains duplicates");
    }
    call->reply->table_consumed = consumed;
    if (CC_LIKELY(call->reply->unprocessed_count == 0))
        return cc_call_write(call, changes, request->batch_count);
    cc_change *kept = cc_arena_alloc(call->arena, request->batch_count * sizeof *kept);
    return kept == NULL ? cc_no_memory(call->error) : write_kept(call, changes, left, kept);
}
