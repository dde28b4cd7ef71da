/* query.c: Query: a run of one partition in sort order, forward or backward.
 *
 * The sort condition becomes two bounds, each inclusive or not. A forward run seeks the low bound and
 * stops behind the high one, a backward run the other way; ExclusiveStartKey moves the near bound. */
#include "table/internal.h"

enum { SORT_ROOM = CC_KEY_SORT_MAX + 1 }; /* longer than any sort key */

typedef struct {
    cc_bytes low, high; /* data NULL: open */
    bool low_excluded, high_excluded;
    cc_bytes prefix; /* begins_with; data NULL: none */
} cc_bounds;

static cc_status sort_part(cc_call *call, cc_value value, cc_bytes *part_out) {
    return cc_key_part(call->schema->sort_type, true, value, call->arena, part_out, call->error);
}

static cc_status read_bounds(cc_call *call, const cc_key_condition *condition, cc_bounds *bounds) {
    *bounds = (cc_bounds){0};
    if (condition->sort_op == CC_TOKEN_END)
        return CC_OK;
    cc_bytes part;
    CC_TRY(sort_part(call, condition->sort, &part));
    cc_token_kind op = condition->sort_op;
    if (op == CC_TOKEN_EQ || op == CC_TOKEN_GE || op == CC_TOKEN_GT)
        bounds->low = part;
    if (op == CC_TOKEN_EQ || op == CC_TOKEN_LE || op == CC_TOKEN_LT)
        bounds->high = part;
    bounds->low_excluded = op == CC_TOKEN_GT;
    bounds->high_excluded = op == CC_TOKEN_LT;
    if (condition->sort_between)
        CC_TRY(sort_part(call, condition->sort_high, &bounds->high));
    if (condition->sort_begins)
        bounds->prefix = part;
    return CC_OK;
}

/* The largest sort key that a backward run may meet: the bound itself, or bytes above every key. */
static cc_status ceiling(cc_call *call, const cc_bounds *bounds, cc_bytes *ceiling_out) {
    if (bounds->high.data != NULL) {
        *ceiling_out = bounds->high;
        return CC_OK;
    }
    uint8_t *bytes = cc_arena_alloc(call->arena, SORT_ROOM);
    if (bytes == NULL)
        return cc_no_memory(call->error);
    memset(bytes, 0xff, SORT_ROOM);
    if (bounds->prefix.data != NULL)
        memcpy(bytes, bounds->prefix.data, bounds->prefix.size);
    *ceiling_out = (cc_bytes){bytes, SORT_ROOM};
    return CC_OK;
}

static bool starts_with(cc_bytes text, cc_bytes prefix) {
    return text.size >= prefix.size && memcmp(text.data, prefix.data, prefix.size) == 0;
}

/* Whether `sort` lies before the low / behind the high bound. */
static bool below(const cc_bounds *bounds, cc_bytes sort) {
    if (bounds->low.data == NULL)
        return false;
    int order = cc_bytes_compare(sort, bounds->low);
    return order < 0 || (order == 0 && bounds->low_excluded);
}
static bool above(const cc_bounds *bounds, cc_bytes sort) {
    if (bounds->high.data == NULL)
        return false;
    int order = cc_bytes_compare(sort, bounds->high);
    return order > 0 || (order == 0 && bounds->high_excluded);
}

static cc_status check_start(cc_call *call, cc_bytes partition, const cc_bounds *bounds, cc_key *start_out) {
    cc_error inner = {0};
    cc_status status = cc_key_from_key_item(call->schema, call->request->start_key, call->arena, start_out,
                                            &inner);
    if (status == CC_ERR_NOMEM)
        return cc_no_memory(call->error);
    if (status != CC_OK)
        return CC_INVALID(call->error, "The provided starting key is invalid: %.300s", inner.message);
    if (!cc_bytes_equal(start_out->partition, partition))
        return CC_INVALID(call->error, "The provided starting key is outside query boundaries based "
                                       "on provided conditions");
    bool outside = below(bounds, start_out->sort) || above(bounds, start_out->sort) ||
                   (bounds->prefix.data != NULL && !starts_with(start_out->sort, bounds->prefix));
    if (outside)
        return CC_INVALID(call->error, "The provided starting key does not match the range key predicate");
    return CC_OK;
}

/* DynamoDB refuses key attributes in the filter of a Query: they belong into the key condition. */
static cc_status check_filter(cc_call *call) {
    const cc_expression *program = call->filter.program;
    for (uint32_t i = 0; program != NULL && i < program->path_count; i++) {
        cc_bytes name = call->filter.names[program->paths[i].first];
        if (cc_bytes_equal(name, call->schema->partition_name) ||
            (call->schema->sort_name.size != 0 && cc_bytes_equal(name, call->schema->sort_name)))
            return CC_INVALID(call->error,
                              "Filter Expression can only contain non-primary key attributes: "
                              "Primary key attribute: %.*s",
                              (int)name.size, (const char *)name.data);
    }
    return CC_OK;
}

static cc_status run_forward(cc_call *call, cc_bytes partition, const cc_bounds *bounds, cc_page *page) {
    cc_bytes from = bounds->low.data != NULL ? bounds->low : bounds->prefix;
    cc_space_cursor cursor;
    cc_key key;
    cc_bytes item;
    uint64_t hash;
    bool more = cc_space_seek(call->space, (cc_key){partition, from}, &cursor);
    for (; more && !page->full; more = cc_space_next(&cursor)) {
        cc_space_entry(&cursor, &hash, &key, &item);
        if (!cc_bytes_equal(key.partition, partition) || above(bounds, key.sort) ||
            (bounds->prefix.data != NULL && !starts_with(key.sort, bounds->prefix)))
            break;
        if (!below(bounds, key.sort))
            CC_TRY(cc_page_add(page, item));
    }
    return CC_OK;
}

static cc_status run_backward(cc_call *call, cc_bytes partition, const cc_bounds *bounds, cc_page *page) {
    cc_bytes from;
    CC_TRY(ceiling(call, bounds, &from));
    cc_space_cursor cursor;
    cc_key key;
    cc_bytes item;
    uint64_t hash;
    bool more = cc_space_seek_last(call->space, (cc_key){partition, from}, &cursor);
    for (; more && !page->full; more = cc_space_previous(&cursor)) {
        cc_space_entry(&cursor, &hash, &key, &item);
        if (!cc_bytes_equal(key.partition, partition) || below(bounds, key.sort) ||
            (bounds->prefix.data != NULL && !starts_with(key.sort, bounds->prefix)))
            break;
        if (!above(bounds, key.sort))
            CC_TRY(cc_page_add(page, item));
    }
    return CC_OK;
}

cc_status cc_verb_query(cc_call *call) {
    const cc_request *request = call->request;
    cc_key_condition condition;
    cc_bytes partition;
    cc_bounds bounds;
    CC_TRY(cc_key_condition_read(&call->key_condition, call->schema, &condition, call->error));
    CC_TRY(check_filter(call));
    CC_TRY(cc_key_part(call->schema->partition_type, false, condition.partition, call->arena, &partition,
                       call->error));
    CC_TRY(read_bounds(call, &condition, &bounds));
    if (request->start_key.data != NULL) {
        cc_key start;
        CC_TRY(check_start(call, partition, &bounds, &start));
        if (request->backward) {
            bounds.high = start.sort;
            bounds.high_excluded = true;
        } else {
            bounds.low = start.sort;
            bounds.low_excluded = true;
        }
        if (start.sort.data == NULL || call->schema->sort_name.size == 0)
            return CC_OK; /* one item a partition: nothing comes after it */
    }
    cc_page page = {.call = call};
    if (request->backward)
        CC_TRY(run_backward(call, partition, &bounds, &page));
    else
        CC_TRY(run_forward(call, partition, &bounds, &page));
    return cc_page_end(&page);
}
