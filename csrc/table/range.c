/* range.c: a key condition as one run of sort bytes in one partition of a table or an index.
 *
 * Sort bytes of a table are a key's own: what follows exactly `x` is x with a zero byte. Those of an index
 * go on with the table key behind the attribute's body, which ends itself: what follows every entry of `x`
 * is the body with its last byte counted up. */
#include "table/internal.h"

static cc_status to_arena(cc_call *call, const cc_buffer *buffer, cc_bytes *bytes_out) {
    *bytes_out = cc_arena_copy(call->arena, cc_buffer_bytes(buffer));
    return bytes_out->data == NULL && bytes_out->size != 0 ? cc_no_memory(call->error) : CC_OK;
}

/* The smallest bytes above all that begin with `prefix`; false when there are none. */
static cc_status above_prefix(cc_call *call, cc_bytes prefix, cc_bytes *above_out, bool *found_out) {
    while (prefix.size != 0 && prefix.data[prefix.size - 1] == 0xff)
        prefix.size--;
    *found_out = prefix.size != 0;
    if (!*found_out)
        return CC_OK;
    *above_out = cc_arena_copy(call->arena, prefix);
    if (above_out->data == NULL)
        return cc_no_memory(call->error);
    ((uint8_t *)(uintptr_t)above_out->data)[prefix.size - 1]++;
    return CC_OK;
}

cc_status cc_key_range_behind(cc_call *call, cc_bytes sort, cc_bytes *behind_out) {
    uint8_t *bytes = cc_arena_alloc(call->arena, sort.size + 1);
    if (bytes == NULL)
        return cc_no_memory(call->error);
    if (sort.size != 0)
        memcpy(bytes, sort.data, sort.size);
    bytes[sort.size] = 0;
    *behind_out = (cc_bytes){bytes, sort.size + 1};
    return CC_OK;
}

/* Behind every entry whose sort attribute is the one `point` stands for. */
static cc_status behind_point(cc_call *call, cc_bytes point, cc_bytes *behind_out) {
    bool found;
    if (call->index == NULL)
        return cc_key_range_behind(call, point, behind_out);
    CC_TRY(above_prefix(call, point, behind_out, &found));
    CC_ASSERT(found); /* every body has a byte below ff */
    return CC_OK;
}

/* The sort bytes of a value, behind those of the equal attributes before it. */
static cc_status sort_bytes(cc_call *call, cc_bytes prefix, cc_value value, bool with_end,
                            cc_bytes *bytes_out) {
    cc_bytes part;
    CC_TRY(cc_key_part(value.type, true, value, call->arena, &part, call->error));
    if (call->index == NULL) {
        *bytes_out = part;
        return CC_OK;
    }
    cc_buffer_clear(&call->scratch);
    CC_TRY(cc_buffer_append(&call->scratch, prefix.data, prefix.size));
    CC_TRY(cc_index_body(value, with_end, &call->scratch));
    return to_arena(call, &call->scratch, bytes_out);
}

const cc_key_shape *cc_call_keys(const cc_call *call) {
    return call->index != NULL ? &call->index->keys : &((const cc_table_schema *)call->schema)->shape;
}

cc_status cc_key_range_partition(cc_call *call, const cc_value *values, cc_bytes *partition_out) {
    const cc_key_shape *keys = cc_call_keys(call);
    for (uint32_t i = 0; i < keys->hash_count; i++)
        CC_TRY(cc_key_part(keys->hash[i].type, false, values[i], call->arena, partition_out, call->error));
    if (keys->hash_count == 1)
        return CC_OK;
    cc_buffer_clear(&call->scratch);
    CC_TRY(cc_index_partition(keys, values, &call->scratch));
    return to_arena(call, &call->scratch, partition_out);
}

static cc_status read_comparison(cc_call *call, const cc_key_condition *condition, cc_bytes prefix,
                                 cc_key_range *range) {
    cc_bytes point, high;
    cc_token_kind op = condition->sort_op;
    CC_TRY(sort_bytes(call, prefix, condition->sort, true, &point));
    high = point;
    if (condition->sort_between)
        CC_TRY(sort_bytes(call, prefix, condition->sort_high, true, &high));
    if (op == CC_TOKEN_GT)
        CC_TRY(behind_point(call, point, &range->from));
    else if (op == CC_TOKEN_EQ || op == CC_TOKEN_GE)
        range->from = point;
    if (op == CC_TOKEN_LT)
        range->to = point;
    else if (op == CC_TOKEN_EQ || op == CC_TOKEN_LE || condition->sort_between)
        CC_TRY(behind_point(call, high, &range->to));
    range->has_to = range->has_to || range->to.data != NULL;
    return CC_OK;
}

cc_status cc_key_range_read(cc_call *call, const cc_key_condition *condition, cc_key_range *range_out) {
    cc_bytes prefix = {NULL, 0};
    *range_out = (cc_key_range){0};
    CC_TRY(cc_key_range_partition(call, condition->partition, &range_out->partition));
    for (uint32_t i = 0; i < condition->equal_count; i++)
        CC_TRY(sort_bytes(call, prefix, condition->equal[i], true, &prefix));
    range_out->from = prefix;
    CC_TRY(above_prefix(call, prefix, &range_out->to, &range_out->has_to));
    return cc_key_range_sort(call, condition, prefix, range_out);
}

cc_status cc_key_range_sort(cc_call *call, const cc_key_condition *condition, cc_bytes prefix,
                            cc_key_range *range) {
    if (condition->sort_op == CC_TOKEN_END)
        return CC_OK;
    if (!condition->sort_begins)
        return read_comparison(call, condition, prefix, range);
    CC_TRY(sort_bytes(call, prefix, condition->sort, false, &range->from));
    return above_prefix(call, range->from, &range->to, &range->has_to);
}
