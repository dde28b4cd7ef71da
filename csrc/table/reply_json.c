/* reply_json.c: replies and errors as JSON bodies, written straight from encoded items.
 *
 * `__type` carries the prefix of the layer that refuses on AWS: coral.validate for validation,
 * coral.service for what is no request at all, the service's own for the rest. */
#include "table/reply_json.h"

static cc_status text(cc_buffer *out, const char *part) { return cc_buffer_append_text(out, part); }

static cc_status units(cc_buffer *out, double value) {
    if (value >= 0 && value < 1e15 &&
        value == (double)(uint64_t)value) { /* 1.0, as the service writes whole units */
        CC_TRY(cc_json_write_uint64(out, (uint64_t)value));
        return text(out, ".0");
    }
    return cc_json_write_double(out, value);
}

static cc_status index_capacity(cc_buffer *out, const cc_consumed *consumed, bool global) {
    bool first = true;
    for (size_t i = 0; i < consumed->index_count; i++) {
        const cc_index_units *index = &consumed->indexes[i];
        if (index->global != global || index->vector)
            continue;
        CC_TRY(text(out, !first   ? ","
                         : global ? ",\"GlobalSecondaryIndexes\":{"
                                  : ",\"LocalSecondaryIndexes\":{"));
        first = false;
        CC_TRY(cc_json_write_string(out, index->name));
        CC_TRY(text(out, ":{\"CapacityUnits\":"));
        CC_TRY(units(out, index->units));
        CC_TRY(text(out, "}"));
    }
    return first ? CC_OK : text(out, "}");
}

static cc_status vector_capacity(cc_buffer *out, const cc_consumed *consumed) {
    bool first = true;
    for (size_t i = 0; i < consumed->index_count; i++) {
        const cc_index_units *index = &consumed->indexes[i];
        if (!index->vector)
            continue;
        CC_TRY(text(out, first ? ",\"VectorIndexes\":{" : ","));
        first = false;
        CC_TRY(cc_json_write_string(out, index->name));
        CC_TRY(text(out, ":{\"VectorWriteRequestBytes\":"));
        CC_TRY(units(out, index->units));
        CC_TRY(text(out, "}"));
    }
    return first ? CC_OK : text(out, "}");
}

cc_status cc_capacity_to_json(cc_buffer *out, cc_bytes table, const cc_consumed *consumed, bool indexes,
                              const char *kind) {
    CC_TRY(text(out, "{\"TableName\":"));
    CC_TRY(cc_json_write_string(out, table));
    CC_TRY(text(out, ",\"CapacityUnits\":"));
    CC_TRY(units(out, cc_consumed_total(consumed)));
    if (kind != NULL) {
        CC_TRY(text(out, kind));
        CC_TRY(units(out, cc_consumed_total(consumed)));
    }
    if (indexes) {
        CC_TRY(text(out, ",\"Table\":{\"CapacityUnits\":"));
        CC_TRY(units(out, consumed->table));
        if (kind != NULL) {
            CC_TRY(text(out, kind));
            CC_TRY(units(out, consumed->table));
        }
        CC_TRY(text(out, "}"));
        CC_TRY(index_capacity(out, consumed, false));
        CC_TRY(index_capacity(out, consumed, true));
        CC_TRY(vector_capacity(out, consumed));
    }
    return text(out, "}");
}

cc_status cc_items_to_json(cc_buffer *out, const cc_bytes *list, size_t count) {
    CC_TRY(text(out, "["));
    for (size_t i = 0; i < count; i++) {
        if (i != 0)
            CC_TRY(text(out, ","));
        CC_TRY(cc_item_to_json(list[i], out));
    }
    return text(out, "]");
}

static cc_status page(const cc_request *request, const cc_reply *reply, cc_buffer *out) {
    if (request->select != CC_SELECT_COUNT) {
        CC_TRY(text(out, ",\"Items\":"));
        CC_TRY(cc_items_to_json(out, reply->items, reply->item_count));
    }
    CC_TRY(text(out, ",\"Count\":"));
    CC_TRY(cc_json_write_uint64(out, reply->count));
    CC_TRY(text(out, ",\"ScannedCount\":"));
    CC_TRY(cc_json_write_uint64(out, reply->scanned_count));
    if (reply->last_key.data == NULL)
        return CC_OK;
    CC_TRY(text(out, ",\"LastEvaluatedKey\":"));
    return cc_item_to_json(reply->last_key, out);
}

static cc_status search_results(const cc_request *request, const cc_reply *reply, cc_buffer *out) {
    CC_TRY(text(out, ",\"SearchResults\":["));
    for (size_t i = 0; i < reply->item_count; i++) {
        CC_TRY(text(out, i == 0 ? "{\"Item\":" : ",{\"Item\":"));
        CC_TRY(cc_item_to_json(reply->items[i], out));
        CC_TRY(text(out, ",\"Score\":"));
        CC_TRY(units(out, reply->scores[i]));
        CC_TRY(text(out, "}"));
    }
    CC_TRY(text(out, "]"));
    if (request->capacity == CC_CAPACITY_NONE)
        return CC_OK;
    CC_TRY(text(out, ",\"ConsumedCapacity\":{\"VectorSearchRequestBytes\":"));
    CC_TRY(units(out, reply->search_bytes));
    return text(out, "}");
}

static cc_status responses(const cc_request *request, const cc_reply *reply, cc_buffer *out) {
    CC_TRY(text(out, ",\"Responses\":{"));
    for (size_t table = 0; table < request->table_count; table++) {
        bool first = true;
        CC_TRY(text(out, table == 0 ? "" : ","));
        CC_TRY(cc_json_write_string(out, request->tables[table].name));
        CC_TRY(text(out, ":["));
        for (size_t i = 0; i < reply->item_count; i++) {
            if (reply->item_tables[i] != table)
                continue;
            CC_TRY(text(out, first ? "" : ","));
            CC_TRY(cc_item_to_json(reply->items[i], out));
            first = false;
        }
        CC_TRY(text(out, "]"));
    }
    return text(out, "}");
}

static cc_status names(const cc_batch_table *table, cc_buffer *out) {
    CC_TRY(text(out, ",\"ExpressionAttributeNames\":{"));
    for (size_t i = 0; i < table->name_count; i++) {
        CC_TRY(text(out, i == 0 ? "" : ","));
        CC_TRY(cc_json_write_string(out, table->names[i].name));
        CC_TRY(text(out, ":"));
        CC_TRY(cc_json_write_string(out, table->names[i].value));
    }
    return text(out, "}");
}

static cc_status attributes(const cc_batch_table *table, cc_buffer *out) {
    CC_TRY(text(out, ",\"AttributesToGet\":["));
    for (size_t i = 0; i < table->attribute_count; i++) {
        CC_TRY(text(out, i == 0 ? "" : ","));
        CC_TRY(cc_json_write_string(out, table->attributes[i]));
    }
    return text(out, "]");
}

/* UnprocessedKeys has the shape of RequestItems, so that it can be sent again as it is. */
static cc_status unprocessed_keys(const cc_request *request, const cc_reply *reply, cc_buffer *out) {
    CC_TRY(text(out, ",\"UnprocessedKeys\":{"));
    for (size_t i = 0; i < reply->unprocessed_count; i++) {
        const cc_batch_entry *entry = &reply->unprocessed[i];
        const cc_batch_table *table = &request->tables[entry->table];
        bool opens = i == 0 || entry[-1].table != entry->table;
        bool closes = i + 1 == reply->unprocessed_count || entry[1].table != entry->table;
        if (opens) {
            CC_TRY(text(out, i == 0 ? "" : ","));
            CC_TRY(cc_json_write_string(out, table->name));
            CC_TRY(text(out, ":{\"Keys\":["));
        } else {
            CC_TRY(text(out, ","));
        }
        CC_TRY(cc_item_to_json(entry->item, out));
        if (!closes)
            continue;
        CC_TRY(text(out, "]"));
        CC_TRY(text(out, table->consistent ? ",\"ConsistentRead\":true" : ""));
        if (table->attribute_count != 0) {
            CC_TRY(attributes(table, out));
        } else if (table->projection.data != NULL) {
            CC_TRY(text(out, ",\"ProjectionExpression\":"));
            CC_TRY(cc_json_write_string(out, table->projection));
        }
        if (table->has_names)
            CC_TRY(names(table, out));
        CC_TRY(text(out, "}"));
    }
    return text(out, "}");
}

/* UnprocessedItems likewise. */
static cc_status unprocessed_items(const cc_request *request, const cc_reply *reply, cc_buffer *out) {
    CC_TRY(text(out, ",\"UnprocessedItems\":{"));
    for (size_t i = 0; i < reply->unprocessed_count; i++) {
        const cc_batch_entry *entry = &reply->unprocessed[i];
        if (i == 0 || entry[-1].table != entry->table) {
            CC_TRY(text(out, i == 0 ? "" : "],"));
            CC_TRY(cc_json_write_string(out, request->tables[entry->table].name));
            CC_TRY(text(out, ":["));
        } else {
            CC_TRY(text(out, ","));
        }
        CC_TRY(text(out, entry->is_delete ? "{\"DeleteRequest\":{\"Key\":" : "{\"PutRequest\":{\"Item\":"));
        CC_TRY(cc_item_to_json(entry->item, out));
        CC_TRY(text(out, "}}"));
    }
    return text(out, reply->unprocessed_count == 0 ? "}" : "]}");
}

cc_status cc_transact_responses_to_json(const cc_reply *reply, size_t count, cc_buffer *out) {
    CC_TRY(text(out, ",\"Responses\":["));
    for (size_t i = 0; i < count; i++) {
        CC_TRY(text(out, i == 0 ? "{" : ",{"));
        if (i < reply->item_count && reply->items[i].data != NULL) {
            CC_TRY(text(out, "\"Item\":"));
            CC_TRY(cc_item_to_json(reply->items[i], out));
        }
        CC_TRY(text(out, "}"));
    }
    return text(out, "]");
}

static cc_status batch_capacity(const cc_request *request, const cc_reply *reply, cc_buffer *out) {
    const char *kind = request->action_count == 0                                 ? NULL
                       : request->verb == CC_VERB_TRANSACT_GET || reply->repeated ? CC_JSON_READ_UNITS
                                                                                  : CC_JSON_WRITE_UNITS;
    CC_TRY(text(out, ",\"ConsumedCapacity\":["));
    for (size_t i = 0; i < request->table_count; i++) {
        CC_TRY(text(out, i == 0 ? "" : ","));
        CC_TRY(cc_capacity_to_json(out, cc_table_name_of(request->tables[i].name), &reply->table_consumed[i],
                                   request->capacity == CC_CAPACITY_INDEXES, kind));
    }
    return text(out, "]");
}

static cc_status collection(const cc_collection *one, cc_buffer *out) {
    CC_TRY(text(out, "{\"ItemCollectionKey\":"));
    CC_TRY(cc_item_to_json(one->key, out));
    CC_TRY(text(out, ",\"SizeEstimateRangeGB\":["));
    CC_TRY(units(out, (double)one->gigabytes));
    CC_TRY(text(out, ","));
    CC_TRY(units(out, (double)one->gigabytes + 1));
    return text(out, "]}");
}

/* One for a single write, lists by table for batches and transactions. */
static cc_status collections(const cc_request *request, const cc_reply *reply, cc_buffer *out) {
    if (reply->collection_count == 0)
        return CC_OK;
    CC_TRY(text(out, ",\"ItemCollectionMetrics\":"));
    if (request->table_count == 0)
        return collection(&reply->collections[0], out);
    bool first_table = true;
    CC_TRY(text(out, "{"));
    for (size_t t = 0; t < request->table_count; t++) {
        bool first = true;
        for (size_t i = 0; i < reply->collection_count; i++) {
            if (reply->collections[i].table != t)
                continue;
            if (first) {
                CC_TRY(text(out, first_table ? "" : ","));
                CC_TRY(cc_json_write_string(out, request->tables[t].name));
                CC_TRY(text(out, ":["));
            }
            CC_TRY(text(out, first ? "" : ","));
            CC_TRY(collection(&reply->collections[i], out));
            first = first_table = false;
        }
        CC_TRY(text(out, first ? "" : "]"));
    }
    return text(out, "}");
}

/* Members are written with a leading comma; the first one is cut off at the end. */
static cc_status members(const cc_request *request, const cc_reply *reply, cc_buffer *out) {
    bool batch = false;
    switch (request->verb) {
    case CC_VERB_GET:
        if (reply->has_item) {
            CC_TRY(text(out, ",\"Item\":"));
            CC_TRY(cc_item_to_json(reply->items[0], out));
        }
        break;
    case CC_VERB_QUERY:
    case CC_VERB_SCAN:
        CC_TRY(page(request, reply, out));
        break;
    case CC_VERB_SEARCH:
        return search_results(request, reply, out);
    case CC_VERB_BATCH_WRITE:
        batch = true;
        CC_TRY(unprocessed_items(request, reply, out));
        break;
    case CC_VERB_TRANSACT_WRITE:
        batch = true;
        break;
    case CC_VERB_TRANSACT_GET:
        batch = true;
        CC_TRY(cc_transact_responses_to_json(reply, reply->item_count, out));
        break;
    case CC_VERB_BATCH_GET:
        batch = true;
        CC_TRY(responses(request, reply, out));
        CC_TRY(unprocessed_keys(request, reply, out));
        break;
    default:
        if (reply->has_item) {
            CC_TRY(text(out, ",\"Attributes\":"));
            CC_TRY(cc_item_to_json(reply->items[0], out));
        }
    }
    CC_TRY(collections(request, reply, out));
    if (request->capacity == CC_CAPACITY_NONE)
        return CC_OK;
    if (batch)
        return batch_capacity(request, reply, out);
    CC_TRY(text(out, ",\"ConsumedCapacity\":"));
    return cc_capacity_to_json(out, reply->table, &reply->consumed, request->capacity == CC_CAPACITY_INDEXES,
                               NULL);
}

cc_status cc_reply_to_json(const cc_request *request, const cc_reply *reply, cc_buffer *out) {
    size_t start = out->size;
    bool statements = request->verb >= CC_VERB_STATEMENT && request->verb <= CC_VERB_STATEMENT_TRANSACTION;
    CC_TRY(statements ? cc_statements_to_json(request, reply, out) : members(request, reply, out));
    if (out->size == start)
        return text(out, "{}");
    out->data[start] = '{'; /* in the place of the first comma */
    return text(out, "}");
}

cc_bytes cc_message_whole(cc_bytes message) {
    while (!cc_utf8_valid(message) && message.size != 0)
        message.size--;
    return message;
}

static cc_status cancelled_to_json(const cc_reply *reply, cc_buffer *out) {
    CC_TRY(text(out, "{\"__type\":\"com.amazonaws.dynamodb.v20120810#TransactionCanceledException\","
                     "\"Message\":\""));
    CC_TRY(cc_reply_cancelled(reply, out)); /* nothing in it needs an escape */
    CC_TRY(text(out, "\",\"CancellationReasons\":["));
    for (size_t i = 0; i < reply->reason_count; i++) {
        const cc_reason *reason = &reply->reasons[i];
        CC_TRY(text(out, i == 0 ? "{\"Code\":\"" : ",{\"Code\":\""));
        CC_TRY(text(out, reason->code == NULL ? "None" : reason->code));
        CC_TRY(text(out, "\""));
        if (reason->code != NULL) {
            CC_TRY(text(out, ",\"Message\":"));
            CC_TRY(cc_json_write_string(out, cc_message_whole(reason->message)));
        }
        if (reason->item.data != NULL) {
            CC_TRY(text(out, ",\"Item\":"));
            CC_TRY(cc_item_to_json(reason->item, out));
        }
        CC_TRY(text(out, "}"));
    }
    return text(out, "]}");
}

/* The model writes the member of ThrottlingException small. */
static cc_status throttling_reasons(const cc_error *error, const cc_reply *reply, cc_buffer *out) {
    bool small = strcmp(error->type, "ThrottlingException") == 0;
    CC_TRY(text(out, small ? ",\"throttlingReasons\":[" : ",\"ThrottlingReasons\":["));
    for (size_t i = 0; i < reply->throttle_count; i++) {
        CC_TRY(text(out, i == 0 ? "{\"reason\":\"" : ",{\"reason\":\""));
        CC_TRY(text(out, reply->throttles[i].reason));
        CC_TRY(text(out, "\",\"resource\":"));
        CC_TRY(cc_json_write_string(out, reply->throttles[i].resource));
        CC_TRY(text(out, "}"));
    }
    return text(out, "]");
}

cc_status cc_error_to_json(const cc_error *error, const cc_reply *reply, cc_buffer *out,
                           int *http_status_out) {
    const char *prefix = "com.amazonaws.dynamodb.v20120810#", *type = error->type;
    bool capital = false;
    *http_status_out = 400;
    if (reply->reason_count != 0)
        return cancelled_to_json(reply, out);
    if (error->status == CC_ERR_SERIALIZATION || strcmp(type, "AccessDeniedException") == 0) {
        prefix = "com.amazon.coral.service#";
        type = type[0] != 0 ? type : "SerializationException";
        capital = true;
    } else if (strcmp(type, "ValidationException") == 0 ||
               (type[0] == 0 && error->status == CC_ERR_VALIDATION)) {
        prefix = "com.amazon.coral.validate#";
        type = "ValidationException";
    } else if (type[0] == 0) {
        type = "InternalServerError";
        *http_status_out = 500;
    }
    CC_TRY(text(out, "{\"__type\":\""));
    CC_TRY(text(out, prefix));
    CC_TRY(text(out, type));
    CC_TRY(text(out, capital ? "\",\"Message\":" : "\",\"message\":"));
    CC_TRY(cc_json_write_string(out, cc_message_whole(cc_bytes_text(error->message))));
    if (reply->has_condition_item) {
        CC_TRY(text(out, ",\"Item\":"));
        CC_TRY(cc_item_to_json(reply->condition_item, out));
    }
    if (reply->throttle_count != 0 && error->status == CC_ERR_LIMIT)
        CC_TRY(throttling_reasons(error, reply, out));
    return text(out, "}");
}

cc_status cc_table_call_json(cc_tables *tables, cc_verb verb, cc_bytes body, cc_arena *arena,
                             cc_buffer *reply_out, int *http_status_out) {
    return cc_table_call_part(tables, verb, body, NULL, arena, reply_out, http_status_out);
}

cc_status cc_table_call_part(cc_tables *tables, cc_verb verb, cc_bytes body, cc_part *part, cc_arena *arena,
                             cc_buffer *reply_out, int *http_status_out) {
    cc_request request = {0};
    cc_reply reply = {0};
    cc_error error = {0};
    size_t start = reply_out->size;
    cc_status status = cc_request_from_json(verb, body, arena, &request, &error);
    if (status == CC_ERR_VALIDATION)
        cc_refusal_count(verb, &error);
    if (CC_UNLIKELY(part != NULL)) {
        request.part = part;
        request.token = part->mode == CC_PART_FORM ? request.token : part->token;
        request.metrics &= part->mode >= CC_PART_DO;
    }
    if (status == CC_OK)
        status = cc_table_execute(tables, &request, false, arena, &reply, &error);
    if (CC_UNLIKELY(part != NULL))
        part->repeated = reply.repeated;
    if (status == CC_OK && part != NULL && part->mode == CC_PART_FORM) {
        *http_status_out = 200;
        return cc_buffer_append_text(reply_out, "{}");
    }
    if (status == CC_OK) {
        *http_status_out = 200;
        return cc_reply_to_json(&request, &reply, reply_out);
    }
    reply_out->size = start;
    if (error.message[0] == '\0')
        (void)!cc_fail(&error, status, "%s",
                       status == CC_ERR_NOMEM ? "no memory for a request" : cc_status_name(status));
    error.status = status;
    return cc_error_to_json(&error, &reply, reply_out, http_status_out);
}
