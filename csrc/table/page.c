/* page.c: one page of Query or Scan.
 *
 * A page ends with the item that reaches Limit or takes the data read to 1 MB; both count before the
 * filter. LastEvaluatedKey is the key of the last item looked at, and only given when a page was cut.
 * An index counts what it projects of an item, and filters and returns no more.
 *
 * What DynamoDB counts of an item takes a walk through all of it, and is never more than its encoded size: an
 * attribute's entry alone takes ten bytes. As long as nobody asks for the capacity, and the encoded sizes are
 * far from the end of a page, that walk is not made. */
#include "table/throttle.h"

enum { EXACT_FROM = CC_PAGE_BYTES / 8 };

cc_page cc_page_of_walk(cc_call *call) {
    return (cc_page){.call = call, .bounded = call->index == NULL && !cc_call_metered(call)};
}

void cc_page_enter(const cc_page *page, cc_space_cursor *cursor) {
    const cc_call *call = page->call;
    if (page->bounded && call->filter.program == NULL && call->request->select == CC_SELECT_COUNT)
        cc_space_cursor_skim(cursor);
}

/* Counts what was only bounded so far: the items from the page's first on. */
static void count_exactly(cc_page *page, uint32_t items) {
    cc_space_cursor cursor = page->begin;
    page->bounded = false;
    page->bytes = 0;
    for (uint32_t i = 0; i < items; i++) {
        cc_bytes item;
        cc_space_entry(&cursor, NULL, NULL, &item);
        page->bytes += cc_item_size(item);
        if (page->call->request->backward)
            (void)cc_space_previous(&cursor);
        else
            (void)cc_space_next(&cursor);
    }
}

static size_t count_bytes(cc_page *page, cc_bytes item) {
    const cc_call *call = page->call;
    if (call->index == NULL)
        return cc_item_size(item);
    if (!call->fetches)
        return cc_table_index_size(call->index, item);
    page->fetched += cc_read_units(cc_item_size(item), call->request->consistent);
    return cc_table_index_size(call->index, item);
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

cc_status cc_page_add(cc_page *page, const cc_space_cursor *cursor, cc_bytes item) {
    cc_call *call = page->call;
    const cc_request *request = call->request;
    cc_reply *reply = call->reply;
    if (page->bounded && reply->scanned_count == 0)
        page->begin = *cursor;
    page->bytes += page->bounded ? item.size : count_bytes(page, item);
    page->last = item;
    reply->scanned_count++;
    if (CC_UNLIKELY(page->bounded && page->bytes >= EXACT_FROM))
        count_exactly(page, reply->scanned_count);
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
