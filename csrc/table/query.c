/* query.c: Query: a run of one partition in sort order, forward or backward, of a table or an index.
 *
 * The key condition becomes a range of sort bytes (range.c). A forward run seeks its beginning, a backward
 * run its end; ExclusiveStartKey moves the near end of the two. */
#include "table/internal.h"

enum { SORT_ROOM = CC_KEY_SORT_MAX + 1 }; /* no sort bytes begin with as many ff */

static cc_status check_start(cc_call *call, const cc_key_range *range, cc_key start) {
    if (!cc_bytes_equal(start.partition, range->partition))
        return CC_INVALID(call->error, "The provided starting key is outside query boundaries based "
                                       "on provided conditions");
    if (cc_bytes_compare(start.sort, range->from) < 0 ||
        (range->has_to && cc_bytes_compare(start.sort, range->to) >= 0))
        return CC_INVALID(call->error, "The provided starting key does not match the range key predicate");
    return CC_OK;
}

static cc_status apply_start(cc_call *call, cc_key_range *range) {
    cc_key start;
    CC_TRY(cc_call_start_key(call, &start));
    CC_TRY(check_start(call, range, start));
    if (!call->request->backward)
        return cc_key_range_behind(call, start.sort, &range->from);
    range->to = start.sort;
    range->has_to = true;
    return CC_OK;
}

static cc_status refuse_key_attribute(cc_call *call, const cc_key_attribute *attributes, uint32_t count,
                                      cc_bytes name) {
    for (uint32_t i = 0; i < count; i++)
        if (cc_bytes_equal(name, attributes[i].name))
            return CC_INVALID(
                call->error, "%s can only contain non-primary key attributes: Primary key attribute: %.*s",
                (call->request->generated >> CC_EXPRESSION_FILTER & 1) != 0 ? "QueryFilter"
                                                                            : "Filter Expression",
                (int)name.size, (const char *)name.data);
    return CC_OK;
}

/* DynamoDB refuses key attributes in the filter of a Query: they belong into the key condition. */
static cc_status check_filter(cc_call *call, const cc_key_shape *keys) {
    const cc_expression *program = call->filter.program;
    for (uint32_t i = 0; program != NULL && i < program->path_count; i++) {
        cc_bytes name = call->filter.names[program->paths[i].first];
        CC_TRY(refuse_key_attribute(call, keys->hash, keys->hash_count, name));
        CC_TRY(refuse_key_attribute(call, keys->range, keys->range_count, name));
    }
    return CC_OK;
}

static cc_status run_forward(cc_call *call, const cc_key_range *range, cc_page *page) {
    cc_space_cursor cursor;
    cc_bytes item;
    uint64_t hash = cc_space_partition_hash(call->source, range->partition);
    const cc_key end = {range->partition, range->to};
    bool more = cc_space_seek(call->source, (cc_key){range->partition, range->from}, &cursor) &&
                cc_space_in_partition(&cursor, hash, range->partition);
    cc_page_enter(page, &cursor);
    for (; more && !page->full; more = cc_space_next(&cursor)) {
        if (range->has_to ? cc_space_compare(&cursor, hash, end) >= 0
                          : !cc_space_in_partition(&cursor, hash, range->partition))
            break;
        cc_space_entry(&cursor, NULL, NULL, &item);
        if (CC_UNLIKELY(item.data == NULL))
            return cc_store_failure(call->tables->store, call->error);
        CC_TRY(cc_page_add(page, &cursor, item));
    }
    return CC_OK;
}

static cc_status run_backward(cc_call *call, const cc_key_range *range, cc_page *page) {
    uint8_t above_all[SORT_ROOM];
    memset(above_all, 0xff, sizeof above_all);
    cc_bytes from = range->has_to ? range->to : (cc_bytes){above_all, sizeof above_all};
    cc_space_cursor cursor;
    cc_bytes item;
    uint64_t hash = cc_space_partition_hash(call->source, range->partition);
    const cc_key begin = {range->partition, range->from}, end = {range->partition, range->to};
    bool more = cc_space_seek_last(call->source, (cc_key){range->partition, from}, &cursor);
    cc_page_enter(page, &cursor);
    for (; more && !page->full; more = cc_space_previous(&cursor)) {
        if (!cc_space_in_partition(&cursor, hash, range->partition) ||
            cc_space_compare(&cursor, hash, begin) < 0)
            break;
        cc_space_entry(&cursor, NULL, NULL, &item);
        if (CC_UNLIKELY(item.data == NULL))
            return cc_store_failure(call->tables->store, call->error);
        if (!range->has_to || cc_space_compare(&cursor, hash, end) < 0)
            CC_TRY(cc_page_add(page, &cursor, item));
    }
    return CC_OK;
}

cc_status cc_verb_query(cc_call *call) {
    const cc_request *request = call->request;
    cc_key_condition condition;
    cc_key_range range;
    CC_TRY(cc_call_open_source(call));
    const cc_key_shape *keys = cc_call_keys(call);
    CC_TRY(cc_key_condition_read(&call->key_condition, keys, &condition, call->error));
    CC_TRY(check_filter(call, keys));
    CC_TRY(cc_call_check_scalars(call));
    CC_TRY(cc_key_range_read(call, &condition, &range));
    if (request->start_key.data != NULL)
        CC_TRY(apply_start(call, &range));
    cc_page page = {.call = call};
    CC_TRY(cc_query_range(&page, &range, request->backward));
    CC_TRY(cc_page_charge(&page));
    return cc_page_end(&page);
}

cc_status cc_query_range(cc_page *page, const cc_key_range *range, bool backward) {
    return backward ? run_backward(page->call, range, page) : run_forward(page->call, range, page);
}
