/* page.c: one page of Query or Scan.
 *
 * A page ends with the item that reaches Limit or takes the data read to 1 MB; both count before the
 * filter. LastEvaluatedKey is the key of the last item looked at, and only given when a page was cut. */
#include "table/internal.h"

cc_status cc_page_add(cc_page *page, cc_bytes item) {
    cc_call *call = page->call;
    const cc_request *request = call->request;
    cc_reply *reply = call->reply;
    page->bytes += cc_item_size(item);
    page->last = item;
    reply->scanned_count++;
    page->full = page->bytes >= CC_PAGE_BYTES ||
                 (request->has_limit && reply->scanned_count >= request->limit);
    if (call->filter.program != NULL && !cc_evaluate(&call->filter, item))
        return CC_OK;
    reply->count++;
    return request->select == CC_SELECT_COUNT ? CC_OK : cc_call_add_item(call, item, &call->projection);
}

cc_status cc_page_end(cc_page *page) {
    cc_call *call = page->call;
    call->reply->capacity_units = cc_read_units(page->bytes, call->request->consistent);
    if (!page->full)
        return CC_OK;
    return cc_call_key_item(call, page->last, &call->reply->last_key);
}
