/* page.c: one page of Query or Scan.
 *
 * A page ends with the item that reaches Limit or takes the data read to 1 MB; both count before the
 * filter. LastEvaluatedKey is the key of the last item looked at, and only given when a page was cut.
 * An index counts what it projects of an item, and filters and returns no more.
 *
 * What DynamoDB counts of an item takes a walk through all of it. Who writes an item notes by how much its encoded
 * size is larger, and so does the first page that reads one without a note: the next looks at the cell alone. */
#include "table/route.h"
#include "table/throttle.h"

void cc_page_enter(const cc_page *page, cc_space_cursor *cursor) {
    const cc_call *call = page->call;
    if (call->index == NULL && call->filter.program == NULL && call->request->select == CC_SELECT_COUNT)
        cc_space_cursor_skim(cursor);
}

/* cc_item_size; `cursor` NULL: the item was not found by one. */
static size_t item_size(const cc_space_cursor *cursor, cc_bytes item) {
    uint16_t *note = cursor == NULL ? NULL : cc_space_note(cursor);
    if (CC_LIKELY(note != NULL && *note != 0))
        return item.size - *note;
    size_t size = cc_item_size(item);
    if (note != NULL)
        *note = cc_size_note(item, size);
    return size;
}

static size_t count_bytes(cc_page *page, const cc_space_cursor *cursor, cc_bytes item) {
    const cc_call *call = page->call;
    if (call->index == NULL)
        return item_size(cursor, item);
    if (call->fetches)
        page->fetched += cc_read_units(item_size(cursor, item), call->request->consistent);
    return call->index->projection == CC_PROJECT_ALL ? item_size(cursor, item)
                                                     : cc_table_index_size(call->index, item);
}

/* What the source shows of an item, in the call's scratch when it is not the whole. */
static cc_status show(cc_call *call, cc_bytes *item) {
    if (call->index == NULL || call->fetches || call->index->projection == CC_PROJECT_ALL)
        return CC_OK;
    cc_buffer_clear(&call->scratch);
    CC_TRY(cc_table_index_project(call->index, *item, call->arena, &call->scratch, call->error));
    *item = cc_buffer_bytes(&call->scratch);
    return CC_OK;
}

/* Whether an entry of a global index belongs to an item outside the tables' bounds. */
static bool outside(const cc_call *call, cc_bytes item) {
    cc_key key;
    if (call->index == NULL || !call->index->global ||
        cc_key_from_item(call->schema, item, call->arena, &key, NULL) != CC_OK)
        return false;
    return !cc_tables_holds(call->tables, cc_space_partition_hash(call->space, key.partition));
}

cc_status cc_page_add(cc_page *page, const cc_space_cursor *cursor, cc_bytes item) {
    cc_call *call = page->call;
    const cc_request *request = call->request;
    cc_reply *reply = call->reply;
    if (CC_UNLIKELY(cc_tables_bounded(call->tables)) && outside(call, item))
        return CC_OK;
    page->bytes += count_bytes(page, cursor, item);
    page->last = item;
    reply->scanned_count++;
    page->full = page->bytes >= CC_PAGE_BYTES ||
                 (request->has_limit && reply->scanned_count >= request->limit);
    bool counts_only = request->select == CC_SELECT_COUNT;
    bool filters = call->filter.program != NULL;
    bool projects = call->projection.program != NULL || call->columns != NULL;
    /* A projection names only what the index projects: it needs no image of its own. */
    if (filters || !(counts_only || projects))
        CC_TRY(show(call, &item));
    if (filters && !cc_evaluate(&call->filter, item))
        return CC_OK;
    reply->count++;
    if (counts_only)
        return CC_OK;
    return cc_call_add_item(call, projects ? page->last : item, &call->projection);
}

cc_status cc_page_charge(cc_page *page) {
    cc_call *call = page->call;
    cc_consumed *consumed = &call->reply->consumed;
    double units = cc_read_units(page->bytes - page->charged, call->request->consistent);
    page->charged = page->bytes;
    if (call->index == NULL) {
        consumed->table += units;
        cc_call_owe_read(call, units);
        return CC_OK;
    }
    cc_call_owe_read(call, units + page->fetched - consumed->table);
    consumed->table = page->fetched;
    if (consumed->indexes == NULL) {
        consumed->indexes = cc_arena_alloc(call->arena, sizeof *consumed->indexes);
        if (consumed->indexes == NULL)
            return cc_no_memory(call->error);
        *consumed->indexes = (cc_index_units){.global = call->index->global};
        consumed->index_count = 1;
        CC_TRY(cc_call_copy(call, call->index->name, &consumed->indexes->name));
    }
    consumed->indexes->units += units;
    return CC_OK;
}

cc_status cc_page_end(cc_page *page) {
    cc_call *call = page->call;
    if (!page->full)
        return CC_OK;
    return cc_call_key_item(call, page->last, &call->reply->last_key);
}
