/* collections.c: ReturnItemCollectionMetrics: how large the partitions are that a write touched.
 *
 * Only tables with a local index have item collections. The size is that of the items and of their entries in
 * local indexes, told in whole gigabytes; a table below one gigabyte needs no look at the partition. */
#include "table/internal.h"

static const uint64_t GIGABYTE = (uint64_t)1 << 30;
enum { SETTLE = 64 }; /* items looked at before those that came from the disk are given up */

static bool has_local(const cc_table_schema *schema) {
    for (size_t i = 0; i < schema->index_count; i++)
        if (!schema->indexes[i].global)
            return true;
    return false;
}

static uint64_t size_with_entries(const cc_table_schema *schema, cc_bytes item) {
    uint64_t size = cc_item_size(item);
    for (size_t i = 0; i < schema->index_count; i++)
        if (!schema->indexes[i].global)
            size += cc_table_index_size(&schema->indexes[i], item);
    return size;
}

static uint64_t gigabytes(cc_store *store, cc_space *space, const cc_table_schema *schema,
                          cc_bytes partition) {
    cc_space_info info;
    cc_space_info_get(space, &info);
    if (info.item_bytes * (1 + schema->index_count) < GIGABYTE)
        return 0;
    uint64_t size = 0;
    cc_space_cursor cursor;
    cc_key key;
    cc_bytes item;
    uint32_t looked = 0;
    bool more = cc_space_seek(space, (cc_key){partition, {NULL, 0}}, &cursor);
    for (; more; more = cc_space_next(&cursor)) {
        cc_space_entry(&cursor, NULL, &key, &item);
        if (!cc_bytes_equal(key.partition, partition) || item.data == NULL)
            break; /* what cannot be read the caller is told */
        size += size_with_entries(schema, item);
        if (++looked % SETTLE == 0)
            cc_store_settle(store);
    }
    return size / GIGABYTE;
}

static cc_status make_key(cc_call *call, const cc_key_schema *schema, cc_value value, cc_bytes *key_out) {
    cc_item_writer writer;
    cc_buffer_clear(&call->scratch);
    cc_item_writer_init(&writer, &call->scratch, call->arena);
    CC_TRY(cc_item_begin(&writer, call->error));
    CC_TRY(cc_item_name(&writer, schema->partition_name, call->error));
    CC_TRY(cc_item_put_value(&writer, value, call->error));
    CC_TRY(cc_item_end(&writer, call->error));
    return cc_call_copy(call, cc_buffer_bytes(&call->scratch), key_out);
}

/* `item` holds at least the key. */
static cc_status add(cc_call *call, cc_bytes table_name, uint32_t table, cc_bytes item) {
    cc_reply *reply = call->reply;
    cc_space *space = NULL;
    const cc_key_schema *key = NULL;
    cc_value value;
    cc_bytes partition;
    cc_collection made = {.table = table};
    CC_TRY(cc_table_find(call->tables, table_name, &space, &key, call->error));
    const cc_table_schema *schema = (const cc_table_schema *)key;
    if (!has_local(schema))
        return CC_OK;
    CC_ASSERT(cc_item_find(item, key->partition_name, &value));
    CC_TRY(make_key(call, key, value, &made.key));
    for (size_t i = 0; i < reply->collection_count; i++)
        if (reply->collections[i].table == table && cc_bytes_equal(reply->collections[i].key, made.key))
            return CC_OK;
    CC_TRY(cc_key_part(key->partition_type, false, value, call->arena, &partition, call->error));
    made.gigabytes = gigabytes(call->tables->store, space, schema, partition);
    reply->collections[reply->collection_count++] = made;
    return CC_OK;
}

cc_status cc_call_collections(cc_call *call) {
    const cc_request *request = call->request;
    size_t room = 1 + request->batch_count + request->action_count;
    call->reply->collections = cc_arena_alloc(call->arena, room * sizeof *call->reply->collections);
    if (call->reply->collections == NULL)
        return cc_no_memory(call->error);
    if (request->verb == CC_VERB_PUT || request->verb == CC_VERB_UPDATE || request->verb == CC_VERB_DELETE)
        return add(call, request->table, 0, request->item);
    for (size_t i = 0; i < request->batch_count; i++) {
        const cc_batch_entry *entry = &request->batch[i];
        CC_TRY(add(call, request->tables[entry->table].name, entry->table, entry->item));
    }
    for (size_t i = 0; i < request->action_count; i++) {
        const cc_request *action = &request->actions[i];
        if (action->verb != CC_VERB_CHECK)
            CC_TRY(add(call, action->table, request->action_tables[i], action->item));
    }
    return CC_OK;
}
