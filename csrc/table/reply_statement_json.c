/* reply_statement_json.c: replies to PartiQL statements as JSON. */
#include "table/reply_json.h"

static cc_status text(cc_buffer *out, const char *part) { return cc_buffer_append_text(out, part); }

static cc_status page(const cc_reply *reply, cc_buffer *out) {
    CC_TRY(text(out, ",\"Items\":"));
    CC_TRY(cc_items_to_json(out, reply->items, reply->item_count));
    if (reply->next_token.data != NULL) {
        CC_TRY(text(out, ",\"NextToken\":"));
        CC_TRY(cc_json_write_string(out, reply->next_token));
    }
    if (reply->last_key.data == NULL)
        return CC_OK;
    CC_TRY(text(out, ",\"LastEvaluatedKey\":"));
    return cc_item_to_json(reply->last_key, out);
}

static cc_status refusal(const cc_statement_result *result, cc_buffer *out) {
    CC_TRY(text(out, ",\"Error\":{\"Code\":\""));
    CC_TRY(text(out, result->code));
    CC_TRY(text(out, "\",\"Message\":"));
    CC_TRY(cc_json_write_string(out, cc_message_whole(result->message)));
    if (result->failed.data != NULL) {
        CC_TRY(text(out, ",\"Item\":"));
        CC_TRY(cc_item_to_json(result->failed, out));
    }
    return text(out, "}");
}

static cc_status result_members(const cc_statement_result *result, cc_buffer *out) {
    if (result->code != NULL)
        CC_TRY(refusal(result, out));
    if (result->table.data != NULL) {
        CC_TRY(text(out, ",\"TableName\":"));
        CC_TRY(cc_json_write_string(out, result->table));
    }
    if (result->item.data == NULL)
        return CC_OK;
    CC_TRY(text(out, ",\"Item\":"));
    return cc_item_to_json(result->item, out);
}

static cc_status results(const cc_reply *reply, cc_buffer *out) {
    CC_TRY(text(out, ",\"Responses\":["));
    for (size_t i = 0; i < reply->result_count; i++) {
        size_t start = out->size + (i != 0);
        CC_TRY(text(out, i == 0 ? "" : ","));
        CC_TRY(result_members(&reply->results[i], out));
        if (out->size == start)
            CC_TRY(text(out, "{"));
        else
            out->data[start] = '{'; /* in the place of the first comma */
        CC_TRY(text(out, "}"));
    }
    return text(out, "]");
}

static cc_status table_capacities(const cc_request *request, const cc_reply *reply, const char *kind,
                                  cc_buffer *out) {
    CC_TRY(text(out, ",\"ConsumedCapacity\":["));
    for (size_t i = 0; i < reply->table_count; i++) {
        CC_TRY(text(out, i == 0 ? "" : ","));
        CC_TRY(cc_capacity_to_json(out, reply->tables[i], &reply->table_consumed[i],
                                   request->capacity == CC_CAPACITY_INDEXES, kind));
    }
    return text(out, "]");
}

cc_status cc_statements_to_json(const cc_request *request, const cc_reply *reply, cc_buffer *out) {
    const char *kind = NULL;
    if (request->verb == CC_VERB_STATEMENT) {
        CC_TRY(page(reply, out));
    } else if (request->verb == CC_VERB_STATEMENT_BATCH) {
        CC_TRY(results(reply, out));
    } else {
        kind = reply->items != NULL || reply->repeated ? CC_JSON_READ_UNITS : CC_JSON_WRITE_UNITS;
        CC_TRY(cc_transact_responses_to_json(reply, request->action_count, out));
    }
    if (request->capacity == CC_CAPACITY_NONE)
        return CC_OK;
    if (request->verb != CC_VERB_STATEMENT)
        return table_capacities(request, reply, kind, out);
    CC_TRY(text(out, ",\"ConsumedCapacity\":"));
    return cc_capacity_to_json(out, reply->table, &reply->consumed, request->capacity == CC_CAPACITY_INDEXES,
                               NULL);
}
