/* bulk.c: many items at once, for whoever has them encoded already: a loader, a batch.
 *
 * One turn of the lock takes some of them, as one log record, and lets others in between. Each item is checked
 * as PutItem checks it; one that is refused ends the turn, and all in front of it are stored. */
#include "table/throttle.h"

enum { TURN_ITEMS = 128, TURN_BYTES = 256 << 10 };

/* *size_out: as DynamoDB counts it; of a put. */
static cc_status prepare(const cc_table_schema *schema, cc_space *space, bool is_delete, cc_bytes item,
                         cc_arena *arena, cc_change *change, size_t *size_out, cc_error *error) {
    *change = (cc_change){
        .kind = is_delete ? CC_CHANGE_DELETE : CC_CHANGE_PUT, .space = space, .value = item};
    if (is_delete)
        return cc_key_from_key_item(&schema->key, item, arena, &change->key, error);
    CC_TRY(cc_key_from_item(&schema->key, item, arena, &change->key, error));
    *size_out = cc_item_size(item);
    if (*size_out > CC_ITEM_SIZE_LIMIT)
        return CC_INVALID(error, "Item size has exceeded the maximum allowed size");
    change->note = cc_size_note(item, *size_out);
    if (CC_LIKELY((schema->index_count | schema->vector_count) == 0))
        return CC_OK;
    return cc_table_index_check(schema, item, (cc_bytes){NULL, 0}, error);
}

/* The changes of one turn; the refusal that ended it in *refused_out. */
static size_t gather(const cc_table_schema *schema, cc_space *space, cc_bytes items, const uint8_t *deletes,
                     cc_bulk *bulk, cc_arena *arena, cc_change *changes, cc_status *refused_out,
                     cc_error *error) {
    size_t count = 0, bytes = 0, item_size = 0;
    while (bulk->position < items.size && count < TURN_ITEMS && bytes < TURN_BYTES) {
        uint32_t size; /* an item begins with its size */
        memcpy(&size, items.data + bulk->position, 4);
        cc_bytes item = cc_bytes_of(items.data + bulk->position, size);
        bool is_delete = deletes != NULL && deletes[bulk->index] != 0;
        bulk->position += size;
        bulk->index++;
        *refused_out = prepare(schema, space, is_delete, item, arena, &changes[count], &item_size, error);
        if (CC_UNLIKELY(*refused_out != CC_OK))
            break;
        if (bulk->counts && !is_delete)
            bulk->units += (item_size + 1023) / 1024;
        bytes += size;
        count++;
    }
    return count;
}

cc_status cc_table_bulk(cc_tables *tables, cc_bytes name, cc_bytes items, const uint8_t *deletes,
                        cc_bulk *bulk, cc_arena *arena, cc_error *error) {
    cc_bulk before = *bulk;
    cc_space *space = NULL;
    const cc_key_schema *schema = NULL;
    cc_change *changes = cc_arena_alloc(arena, TURN_ITEMS * sizeof *changes);
    if (changes == NULL)
        return cc_no_memory(error);
    cc_status refused = CC_OK;
    cc_store_lock(tables->store);
    cc_status status = bulk->loading ? cc_table_find_any(tables, name, &space, &schema, error)
                                     : cc_table_find(tables, name, &space, &schema, error);
    if (status == CC_OK) {
        const cc_table_schema *whole = (const cc_table_schema *)schema;
        size_t count = gather(whole, space, items, deletes, bulk, arena, changes, &refused, error);
        if (refused != CC_OK && refused != CC_ERR_VALIDATION)
            status = refused; /* not the item's fault: nothing of this turn is stored */
        else if (count != 0) {
            cc_error inner = {0};
            status = cc_store_write(tables->store, changes, count, &bulk->ticket, &inner);
            bulk->written = bulk->written || status == CC_OK;
            for (size_t i = 0; status == CC_OK && i < count; i++)
                cc_table_count_put(tables, whole, (cc_bytes){NULL, 0}, changes[i].value);
            if (status != CC_OK && error != NULL)
                *error = inner;
        }
    }
    cc_store_unlock(tables->store);
    if (status != CC_OK) {
        bulk->position = before.position;
        bulk->index = before.index;
        bulk->units = before.units;
        return status;
    }
    return refused;
}

cc_status cc_table_bulk_finish(cc_tables *tables, cc_bulk *bulk, cc_error *error) {
    if (!bulk->written)
        return CC_OK;
    bulk->written = false;
    return cc_store_wait(tables->store, &bulk->ticket, CC_DURABILITY_DEFAULT, error);
}
