/* request.c: the members of the item operations and the checks on a whole request.
 *
 * Checks run in the service's order: constraint violations, counted and listed together ("2 validation
 * errors detected: ..."), then combinations of members, then the shape of names and values. */
#include "table/request.h"

#include <stdio.h>

#include "table/vectors.h"

#define V(verb) (1u << CC_VERB_##verb)
#define WRITES (V(PUT) | V(UPDATE) | V(DELETE))
#define TRANSACTIONS (V(TRANSACT_WRITE) | V(TRANSACT_GET))
#define READS (V(QUERY) | V(SCAN))
#define BATCHES (V(BATCH_WRITE) | V(BATCH_GET))
#define SINGLE (WRITES | V(GET) | READS)
#define SEARCH V(SEARCH)
#define STATEMENTS (V(STATEMENT_BATCH) | V(STATEMENT_TRANSACTION))

static const cc_member members[] = {
    {CC_M_TABLE, CC_MEMBER_TEXT, "TableName", SINGLE | V(CHECK) | SEARCH},
    {CC_M_ITEM, CC_MEMBER_ITEM, "Item", V(PUT)},
    {CC_M_KEY, CC_MEMBER_ITEM, "Key", V(GET) | V(UPDATE) | V(DELETE) | V(CHECK)},
    {CC_M_CONDITION, CC_MEMBER_TEXT, "ConditionExpression", WRITES | V(CHECK)},
    {CC_M_UPDATE, CC_MEMBER_TEXT, "UpdateExpression", V(UPDATE)},
    {CC_M_PROJECTION, CC_MEMBER_TEXT, "ProjectionExpression", V(GET) | READS | SEARCH},
    {CC_M_FILTER, CC_MEMBER_TEXT, "FilterExpression", READS},
    {CC_M_KEY_CONDITION, CC_MEMBER_TEXT, "KeyConditionExpression", V(QUERY)},
    {CC_M_NAMES, CC_MEMBER_NAMES, "ExpressionAttributeNames", SINGLE | V(CHECK) | SEARCH},
    {CC_M_VALUES, CC_MEMBER_ITEM, "ExpressionAttributeValues", WRITES | READS | V(CHECK) | SEARCH},
    {CC_M_START_KEY, CC_MEMBER_ITEM, "ExclusiveStartKey", READS},
    {CC_M_RETURN_VALUES, CC_MEMBER_TEXT, "ReturnValues", WRITES},
    {CC_M_RETURN_FAILURE, CC_MEMBER_TEXT, "ReturnValuesOnConditionCheckFailure",
     WRITES | V(CHECK) | V(STATEMENT)},
    {CC_M_CAPACITY, CC_MEMBER_TEXT, "ReturnConsumedCapacity",
     SINGLE | BATCHES | TRANSACTIONS | V(STATEMENT) | STATEMENTS | SEARCH},
    {CC_M_METRICS, CC_MEMBER_TEXT, "ReturnItemCollectionMetrics",
     WRITES | V(BATCH_WRITE) | V(TRANSACT_WRITE)},
    {CC_M_SELECT, CC_MEMBER_TEXT, "Select", READS},
    {CC_M_LIMIT, CC_MEMBER_INT, "Limit", READS | V(STATEMENT)},
    {CC_M_CONSISTENT, CC_MEMBER_BOOL, "ConsistentRead", V(GET) | READS | V(STATEMENT)},
    {CC_M_FORWARD, CC_MEMBER_BOOL, "ScanIndexForward", V(QUERY)},
    {CC_M_SEGMENT, CC_MEMBER_INT, "Segment", V(SCAN)},
    {CC_M_TOTAL_SEGMENTS, CC_MEMBER_INT, "TotalSegments", V(SCAN)},
    {CC_M_REQUEST_ITEMS, CC_MEMBER_TABLES, "RequestItems", BATCHES},
    {CC_M_INDEX, CC_MEMBER_TEXT, "IndexName", READS | SEARCH},
    {CC_M_TRANSACT_ITEMS, CC_MEMBER_ACTIONS, "TransactItems", TRANSACTIONS},
    {CC_M_TOKEN, CC_MEMBER_TEXT, "ClientRequestToken", V(TRANSACT_WRITE) | V(STATEMENT_TRANSACTION)},
    {CC_M_STATEMENT, CC_MEMBER_TEXT, "Statement", V(STATEMENT)},
    {CC_M_PARAMETERS, CC_MEMBER_VALUES, "Parameters", V(STATEMENT)},
    {CC_M_NEXT_TOKEN, CC_MEMBER_TEXT, "NextToken", V(STATEMENT)},
    {CC_M_STATEMENTS, CC_MEMBER_STATEMENTS, "Statements", V(STATEMENT_BATCH)},
    {CC_M_STATEMENTS, CC_MEMBER_STATEMENTS, "TransactStatements", V(STATEMENT_TRANSACTION)},
    {CC_M_SEARCH, CC_MEMBER_TEXT, "SearchConditionExpression", SEARCH},
    {CC_M_VECTOR, CC_MEMBER_VECTOR, "SearchVector", SEARCH},
    {CC_M_TOP_K, CC_MEMBER_INT, "TopK", SEARCH},
    {CC_M_ATTRIBUTES_TO_GET, CC_MEMBER_LIST, "AttributesToGet", V(GET) | READS},
    {CC_M_EXPECTED, CC_MEMBER_LEGACY, "Expected", WRITES},
    {CC_M_CONDITIONAL_OPERATOR, CC_MEMBER_TEXT, "ConditionalOperator", WRITES | READS},
    {CC_M_ATTRIBUTE_UPDATES, CC_MEMBER_LEGACY, "AttributeUpdates", V(UPDATE)},
    {CC_M_KEY_CONDITIONS, CC_MEMBER_LEGACY, "KeyConditions", V(QUERY)},
    {CC_M_QUERY_FILTER, CC_MEMBER_LEGACY, "QueryFilter", V(QUERY)},
    {CC_M_SCAN_FILTER, CC_MEMBER_LEGACY, "ScanFilter", V(SCAN)},
};
enum { MEMBER_COUNT = sizeof members / sizeof members[0] };

const cc_member *cc_member_find(cc_verb verb, cc_bytes name) {
    for (size_t i = 0; i < MEMBER_COUNT; i++)
        if ((members[i].verbs >> verb & 1) != 0 && cc_bytes_equal(name, cc_bytes_text(members[i].name)))
            return &members[i];
    return NULL;
}

const cc_member *cc_table_member_find(cc_bytes name) {
    const cc_member *member = cc_member_find(CC_VERB_GET, name);
    return member != NULL && (member->id == CC_M_CONSISTENT || member->id == CC_M_PROJECTION ||
                              member->id == CC_M_NAMES || member->id == CC_M_ATTRIBUTES_TO_GET)
               ? member
               : NULL;
}

static const char *member_name(cc_member_id id) {
    for (size_t i = 0; i < MEMBER_COUNT; i++)
        if (members[i].id == id)
            return members[i].name;
    return "";
}

/* ---- setters ---- */

void cc_request_begin(cc_request_builder *builder, cc_verb verb, cc_arena *arena) {
    *builder = (cc_request_builder){.arena = arena};
    builder->request.verb = verb;
}

void cc_request_set_text(cc_request_builder *builder, cc_member_id id, cc_bytes text) {
    builder->seen[id] = true;
    if (text.data == NULL)
        text.data = (const uint8_t *)"";
    builder->texts[id] = text;
}

void cc_request_set_bool(cc_request_builder *builder, cc_member_id id, bool value) {
    builder->seen[id] = true;
    if (id == CC_M_CONSISTENT)
        builder->request.consistent = value;
    else
        builder->request.backward = !value;
}

void cc_request_set_int(cc_request_builder *builder, cc_member_id id, int64_t value) {
    builder->seen[id] = true;
    *(id == CC_M_LIMIT     ? &builder->limit
      : id == CC_M_TOP_K   ? &builder->top_k
      : id == CC_M_SEGMENT ? &builder->segment
                           : &builder->total_segments) = value;
}

void cc_request_set_item(cc_request_builder *builder, cc_member_id id, cc_bytes item) {
    cc_request *request = &builder->request;
    builder->seen[id] = true;
    if (id == CC_M_VALUES) {
        request->values = item;
        request->has_values = true;
    } else if (id == CC_M_START_KEY) {
        request->start_key = item;
    } else {
        request->item = item;
    }
}

void cc_request_set_names(cc_request_builder *builder, const cc_name_pair *names, size_t count) {
    builder->seen[CC_M_NAMES] = true;
    builder->request.names = names;
    builder->request.name_count = count;
    builder->request.has_names = true;
}

void cc_request_set_vector(cc_request_builder *builder, cc_bytes item, cc_bytes name) {
    builder->seen[CC_M_VECTOR] = true;
    CC_ASSERT(cc_item_find(item, name, &builder->request.vector));
}

int cc_legacy_map_of(cc_member_id id) {
    return id == CC_M_EXPECTED            ? CC_LEGACY_EXPECTED
           : id == CC_M_ATTRIBUTE_UPDATES ? CC_LEGACY_UPDATES
           : id == CC_M_KEY_CONDITIONS    ? CC_LEGACY_KEYS
           : id == CC_M_QUERY_FILTER      ? CC_LEGACY_QUERY_FILTER
                                          : CC_LEGACY_SCAN_FILTER;
}

static cc_status no_memory(cc_error *error) {
    return cc_fail(error, CC_ERR_NOMEM, "no memory for a request");
}

cc_status cc_request_add_attribute(cc_request_builder *builder, cc_batch_table *table, cc_bytes name,
                                   cc_error *error) {
    const cc_bytes **list = table != NULL ? &table->attributes : &builder->attributes;
    size_t *count = table != NULL ? &table->attribute_count : &builder->attribute_count;
    if ((*count & (*count - 1)) == 0) { /* full at every power of two, and at none */
        cc_bytes *grown = cc_arena_alloc(builder->arena, (*count == 0 ? 1 : *count * 2) * sizeof *grown);
        if (grown == NULL)
            return no_memory(error);
        if (*count != 0)
            memcpy(grown, *list, *count * sizeof *grown);
        *list = grown;
    }
    ((cc_bytes *)(uintptr_t)*list)[(*count)++] = name;
    return CC_OK;
}

cc_status cc_request_add_table(cc_request_builder *builder, cc_bytes name, cc_batch_table **table_out,
                               cc_error *error) {
    size_t count = builder->request.table_count;
    if (count == builder->table_capacity) {
        size_t capacity = count == 0 ? 4 : count * 2;
        cc_batch_table *tables = cc_arena_alloc(builder->arena, capacity * sizeof *tables);
        if (tables == NULL)
            return no_memory(error);
        if (count != 0)
            memcpy(tables, builder->tables, count * sizeof *tables);
        builder->tables = tables;
        builder->table_capacity = capacity;
    }
    builder->tables[count] = (cc_batch_table){.name = name};
    builder->request.table_count = count + 1;
    *table_out = &builder->tables[count];
    return CC_OK;
}

cc_status cc_request_add_entry(cc_request_builder *builder, bool is_delete, cc_bytes item, cc_error *error) {
    size_t count = builder->request.batch_count;
    if (count == builder->entry_capacity) {
        size_t capacity = count == 0 ? 32 : count * 2;
        cc_batch_entry *entries = cc_arena_alloc(builder->arena, capacity * sizeof *entries);
        if (entries == NULL)
            return no_memory(error);
        if (count != 0)
            memcpy(entries, builder->entries, count * sizeof *entries);
        builder->entries = entries;
        builder->entry_capacity = capacity;
    }
    builder->entries[count] = (cc_batch_entry){(uint32_t)(builder->request.table_count - 1), is_delete, item};
    builder->request.batch_count = count + 1;
    return CC_OK;
}

/* ---- constraint violations ---- */

typedef struct {
    int count;
    size_t used;
    const char *prefix; /* of member paths */
    char text[440];
} cc_violations;

static void violate(cc_violations *list, const char *quote, cc_bytes value, const char *at,
                    const char *rule) {
    if (list->count++ >= 10 || list->used >= sizeof list->text)
        return;
    list->used += (size_t)snprintf(
        list->text + list->used, sizeof list->text - list->used,
        "%sValue %s%.*s%s at '%s%s' failed to satisfy constraint: %s", list->used == 0 ? "" : "; ", quote,
        (int)(value.size < 256 ? value.size : 256), (const char *)value.data, quote, list->prefix, at, rule);
}

/* The index of the text among space-free words "[A, B, C]"; -1 is a violation. */
static int read_enum(cc_request_builder *builder, cc_member_id id, const char *at, const char *const *words,
                     int count, const char *rule, cc_violations *list) {
    if (!builder->seen[id])
        return 0;
    for (int i = 0; i < count; i++)
        if (cc_bytes_equal(builder->texts[id], cc_bytes_text(words[i])))
            return i;
    violate(list, "'", builder->texts[id], at, rule);
    return 0;
}

static void check_enums(cc_request_builder *b, cc_violations *list) {
    static const char *const values[] = {"NONE", "ALL_OLD", "UPDATED_OLD", "ALL_NEW", "UPDATED_NEW"};
    static const char *const capacity[] = {"NONE", "TOTAL", "INDEXES"};
    static const char *const failure[] = {"NONE", "ALL_OLD"};
    static const char *const metrics[] = {"NONE", "SIZE"};
    static const char *const select[] = {"", "ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES",
                                         "SPECIFIC_ATTRIBUTES", "COUNT"};
    b->request.return_values = (cc_return_values)read_enum(
        b, CC_M_RETURN_VALUES, "returnValues", values, 5,
        "Member must satisfy enum value set: [ALL_NEW, UPDATED_OLD, ALL_OLD, NONE, UPDATED_NEW]", list);
    b->request.return_old_on_failure = read_enum(b, CC_M_RETURN_FAILURE,
                                                 "returnValuesOnConditionCheckFailure", failure, 2,
                                                 "Member must satisfy enum value set: [ALL_OLD, NONE]",
                                                 list) == 1;
    b->request.capacity = (cc_return_capacity)read_enum(
        b, CC_M_CAPACITY, "returnConsumedCapacity", capacity, 3,
        "Member must satisfy enum value set: [INDEXES, TOTAL, NONE]", list);
    static const char *const joints[] = {"AND", "OR"};
    (void)read_enum(b, CC_M_CONDITIONAL_OPERATOR, "conditionalOperator", joints, 2,
                    "Member must satisfy enum value set: [OR, AND]", list);
    b->request.metrics = read_enum(b, CC_M_METRICS, "returnItemCollectionMetrics", metrics, 2,
                                   "Member must satisfy enum value set: [SIZE, NONE]", list) == 1;
    b->request.select = (cc_select)read_enum(
        b, CC_M_SELECT, "select", select, 5,
        "Member must satisfy enum value set: [SPECIFIC_ATTRIBUTES, COUNT, ALL_ATTRIBUTES, "
        "ALL_PROJECTED_ATTRIBUTES]",
        list);
}

static void check_integer(const cc_request_builder *b, cc_member_id id, int64_t value, int64_t low,
                          int64_t high, const char *at, cc_violations *list) {
    if (!b->seen[id] || (value >= low && value <= high))
        return;
    char text[24], rule[80];
    int size = snprintf(text, sizeof text, "%lld", (long long)value);
    snprintf(rule, sizeof rule, "Member must have value %s than or equal to %lld",
             value < low ? "greater" : "less", (long long)(value < low ? low : high));
    violate(list, "'", cc_bytes_of(text, (size_t)size), at, rule);
}

static bool name_characters(cc_bytes name) {
    for (size_t i = 0; i < name.size; i++) {
        uint8_t c = name.data[i];
        bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                    c == '.' || c == '-';
        if (!fits)
            return false;
    }
    return true;
}

static void check_table_name(cc_bytes given, bool present, const char *at, cc_violations *list) {
    if (!present) {
        violate(list, "", cc_bytes_text("null"), at, "Member must not be null");
        return;
    }
    cc_bytes name = cc_table_name_of(given);
    if (name.size == 0)
        violate(list, "'", given, at, "Member must have length greater than or equal to 1");
    else if (name.size > 255)
        violate(list, "'", given, at, "Member must have length less than or equal to 255");
    else if (!name_characters(name))
        violate(list, "'", given, at, "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+");
}

static void check_index_name(const cc_request_builder *b, cc_violations *list) {
    cc_bytes name = b->texts[CC_M_INDEX];
    if (!b->seen[CC_M_INDEX])
        return;
    if (!name_characters(name))
        violate(list, "'", name, "indexName",
                "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+");
    if (name.size < 3)
        violate(list, "'", name, "indexName", "Member must have length greater than or equal to 3");
    if (name.size > 255)
        violate(list, "'", name, "indexName", "Member must have length less than or equal to 255");
}

static void check_legacy_members(const cc_request_builder *b, cc_violations *list) {
    cc_bytes value;
    char at[320];
    const char *rule;
    if (cc_legacy_bad_enum(b, &value, at, sizeof at, &rule))
        violate(list, value.data == NULL ? "" : "'", value.data == NULL ? cc_bytes_text("null") : value, at,
                rule);
    if (b->seen[CC_M_ATTRIBUTES_TO_GET] && b->attribute_count == 0)
        violate(list, "'", cc_bytes_text("[]"), "attributesToGet",
                "Member must have length greater than or equal to 1");
}

/* A text of 1 to `high` characters; what is cut of the value shows in the message anyhow. */
static void check_length(const cc_request_builder *b, cc_member_id id, size_t high, const char *at,
                         cc_violations *list) {
    char rule[64];
    cc_bytes text = b->texts[id];
    size_t characters = 0;
    for (size_t i = 0; i < text.size; i++)
        characters += (text.data[i] & 0xc0) != 0x80;
    if (!b->seen[id] || (characters >= 1 && characters <= high))
        return;
    snprintf(rule, sizeof rule, "Member must have length %s than or equal to %zu",
             characters == 0 ? "greater" : "less", characters == 0 ? (size_t)1 : high);
    violate(list, "'", (cc_bytes){text.data, cc_utf8_cut(text, 200)}, at, rule);
}

static void check_transaction(const cc_request_builder *b, cc_violations *list) {
    size_t count = b->action_count;
    char text[32];
    int size = snprintf(text, sizeof text, "[%zu TransactItems]", count);
    cc_bytes shown = cc_bytes_of(text, (size_t)size);
    if (!b->seen[CC_M_TRANSACT_ITEMS])
        violate(list, "", cc_bytes_text("null"), "transactItems", "Member must not be null");
    else if (count == 0 && !b->action_missing)
        violate(list, "'", cc_bytes_text("[]"), "transactItems",
                "Member must have length greater than or equal to 1");
    else if (count > 100)
        violate(list, "'", shown, "transactItems", "Member must have length less than or equal to 100");
    check_length(b, CC_M_TOKEN, 36, "clientRequestToken", list);
}

/* A statement, or the lists of them. */
static void check_statements(const cc_request_builder *b, cc_violations *list) {
    size_t count = b->action_count;
    bool batch = b->request.verb == CC_VERB_STATEMENT_BATCH;
    const char *at = batch ? "statements" : "transactStatements";
    char text[40];
    int size = snprintf(text, sizeof text, "[%zu %s]", count, batch ? "Statements" : "TransactStatements");
    if (b->request.verb == CC_VERB_STATEMENT) {
        if (!b->seen[CC_M_STATEMENT])
            violate(list, "", cc_bytes_text("null"), "statement", "Member must not be null");
        check_length(b, CC_M_STATEMENT, 8192, "statement", list);
        check_length(b, CC_M_NEXT_TOKEN, 32768, "nextToken", list);
        if (b->seen[CC_M_PARAMETERS] && b->parameter_count == 0)
            violate(list, "'", cc_bytes_text("[]"), "parameters",
                    "Member must have length greater than or equal to 1");
        return;
    }
    if (!b->seen[CC_M_STATEMENTS])
        violate(list, "", cc_bytes_text("null"), at, "Member must not be null");
    else if (count == 0)
        violate(list, "'", cc_bytes_text("[]"), at, "Member must have length greater than or equal to 1");
    else if (count > (batch ? 25 : 100))
        violate(list, "'", cc_bytes_of(text, (size_t)size), at,
                batch ? "Member must have length less than or equal to 25"
                      : "Member must have length less than or equal to 100");
    check_length(b, CC_M_TOKEN, 36, "clientRequestToken", list);
}

/* What a search needs. */
static void check_search(const cc_request_builder *b, cc_violations *list) {
    if (b->request.verb != CC_VERB_SEARCH)
        return;
    if (!b->seen[CC_M_INDEX])
        violate(list, "", cc_bytes_text("null"), "indexName", "Member must not be null");
    uint32_t count = b->seen[CC_M_VECTOR] ? cc_value_count(b->request.vector) : 0;
    if (!b->seen[CC_M_VECTOR])
        violate(list, "", cc_bytes_text("null"), "searchVector", "Member must not be null");
    else if (count == 0)
        violate(list, "'", cc_bytes_text("[]"), "searchVector",
                "Member must have length greater than or equal to 1");
    else if (count > CC_VECTOR_DIMENSIONS_MAX)
        violate(list, "'", cc_bytes_text("[...]"), "searchVector",
                "Member must have length less than or equal to 4096");
    if (!b->seen[CC_M_TOP_K])
        violate(list, "", cc_bytes_text("null"), "topK", "Member must not be null");
    check_integer(b, CC_M_TOP_K, b->top_k, 1, INT32_MAX, "topK", list);
}

/* What an action of a transaction needs and the operation of its own does not. */
static void check_action(const cc_request_builder *b, cc_violations *list) {
    if (b->prefix[0] == 0)
        return;
    if (b->request.verb == CC_VERB_UPDATE && !b->seen[CC_M_UPDATE])
        violate(list, "", cc_bytes_text("null"), "updateExpression", "Member must not be null");
    if (b->request.verb == CC_VERB_CHECK && !b->seen[CC_M_CONDITION])
        violate(list, "", cc_bytes_text("null"), "conditionExpression", "Member must not be null");
}

static cc_status check_constraints(cc_request_builder *b, cc_error *error) {
    cc_violations list = {.prefix = b->prefix};
    cc_verb verb = b->request.verb;
    check_enums(b, &list);
    check_integer(b, CC_M_LIMIT, b->limit, 1, INT32_MAX, "limit", &list);
    check_integer(b, CC_M_TOTAL_SEGMENTS, b->total_segments, 1, 1000000, "totalSegments", &list);
    check_integer(b, CC_M_SEGMENT, b->segment, 0, 999999, "segment", &list);
    check_index_name(b, &list);
    check_legacy_members(b, &list);
    bool keyed = verb == CC_VERB_GET || verb == CC_VERB_UPDATE || verb == CC_VERB_DELETE ||
                 verb == CC_VERB_CHECK;
    if (verb == CC_VERB_PUT && !b->seen[CC_M_ITEM])
        violate(&list, "", cc_bytes_text("null"), "item", "Member must not be null");
    if (keyed && !b->seen[CC_M_KEY])
        violate(&list, "", cc_bytes_text("null"), "key", "Member must not be null");
    if (verb == CC_VERB_TRANSACT_WRITE || verb == CC_VERB_TRANSACT_GET) {
        check_transaction(b, &list);
    } else if (verb >= CC_VERB_STATEMENT && verb <= CC_VERB_STATEMENT_TRANSACTION) {
        check_statements(b, &list);
    } else if (verb == CC_VERB_BATCH_WRITE || verb == CC_VERB_BATCH_GET) {
        if (!b->seen[CC_M_REQUEST_ITEMS])
            violate(&list, "", cc_bytes_text("null"), "requestItems", "Member must not be null");
        for (size_t i = 0; i < b->request.table_count; i++)
            check_table_name(b->tables[i].name, true, "requestItems", &list);
    } else {
        check_table_name(b->texts[CC_M_TABLE], b->seen[CC_M_TABLE], "tableName", &list);
        check_action(b, &list);
        check_search(b, &list);
    }
    if (list.count == 0)
        return CC_OK;
    return CC_INVALID(error, "%d validation error%s detected: %s", list.count, list.count == 1 ? "" : "s",
                      list.text);
}

/* ---- combinations ---- */

/* Appends the names of the given members that are present: "A, B". */
static void present(const cc_request_builder *b, const cc_member_id *ids, size_t count, char *out,
                    size_t size) {
    size_t used = 0;
    out[0] = 0;
    for (size_t i = 0; i < count; i++)
        if (b->seen[ids[i]] && used < size)
            used += (size_t)snprintf(out + used, size - used, "%s%s", used == 0 ? "" : ", ",
                                     member_name(ids[i]));
}

static cc_status check_legacy(const cc_request_builder *b, cc_error *error) {
    static const cc_member_id legacy[] = {
        CC_M_ATTRIBUTES_TO_GET, CC_M_ATTRIBUTE_UPDATES,    CC_M_EXPECTED,      CC_M_QUERY_FILTER,
        CC_M_SCAN_FILTER,       CC_M_CONDITIONAL_OPERATOR, CC_M_KEY_CONDITIONS};
    static const cc_member_id modern[] = {CC_M_PROJECTION, CC_M_UPDATE, CC_M_CONDITION, CC_M_FILTER,
                                          CC_M_KEY_CONDITION};
    char old[160], new_ones[160];
    /* KeyConditions may stand beside expressions, only not beside the one it stands for. */
    size_t count = sizeof legacy / sizeof legacy[0] - (b->seen[CC_M_KEY_CONDITION] ? 0 : 1);
    present(b, legacy, count, old, sizeof old);
    present(b, modern, sizeof modern / sizeof modern[0], new_ones, sizeof new_ones);
    if (b->table_mixed)
        return CC_INVALID(error, "Can not use both expression and non-expression parameters in the "
                                 "same request: Non-expression parameters: {AttributesToGet} "
                                 "Expression parameters: {ProjectionExpression}");
    if (old[0] == 0 || new_ones[0] == 0)
        return CC_OK;
    return CC_INVALID(error,
                      "Can not use both expression and non-expression parameters in the "
                      "same request: Non-expression parameters: {%s} Expression "
                      "parameters: {%s}",
                      old, new_ones);
}

static cc_status check_expressions_given(const cc_request_builder *b, cc_error *error) {
    bool with_values = b->seen[CC_M_CONDITION] || b->seen[CC_M_UPDATE] || b->seen[CC_M_FILTER] ||
                       b->seen[CC_M_KEY_CONDITION] || b->seen[CC_M_SEARCH];
    if (b->seen[CC_M_NAMES] && !with_values && !b->seen[CC_M_PROJECTION])
        return CC_INVALID(error, "ExpressionAttributeNames can only be specified when using expressions");
    if (!b->seen[CC_M_VALUES] || with_values)
        return CC_OK;
    const char *missing = b->request.verb == CC_VERB_UPDATE
                              ? "UpdateExpression and ConditionExpression are null"
                          : b->request.verb == CC_VERB_QUERY
                              ? "FilterExpression and KeyConditionExpression are null"
                          : b->request.verb == CC_VERB_SCAN   ? "FilterExpression is null"
                          : b->request.verb == CC_VERB_SEARCH ? "SearchConditionExpression is null"
                                                              : "ConditionExpression is null";
    return CC_INVALID(error, "ExpressionAttributeValues can only be specified when using expressions: %s",
                      missing);
}

static bool reference(cc_bytes key, char mark) {
    if (key.size < 2 || key.data[0] != (uint8_t)mark)
        return false;
    for (size_t i = 1; i < key.size; i++)
        if (key.data[i] == '.' || key.data[i] == '-')
            return false;
    return name_characters((cc_bytes){key.data + 1, key.size - 1});
}

static cc_status check_names(const cc_name_pair *names, size_t count, cc_error *error) {
    if (count == 0)
        return CC_INVALID(error, "ExpressionAttributeNames must not be empty");
    for (size_t i = 0; i < count; i++) {
        if (!reference(names[i].name, '#'))
            return CC_INVALID(error,
                              "ExpressionAttributeNames contains invalid key: Syntax error; "
                              "key: \"%.*s\"",
                              (int)(names[i].name.size < 255 ? names[i].name.size : 255),
                              (const char *)names[i].name.data);
        if (names[i].value.size == 0 || names[i].value.size > 65535)
            return CC_INVALID(error,
                              "ExpressionAttributeNames contains invalid value: The attribute name "
                              "must be between 1 and 65535 bytes for key %.*s",
                              (int)(names[i].name.size < 255 ? names[i].name.size : 255),
                              (const char *)names[i].name.data);
    }
    return CC_OK;
}

static cc_status check_references(const cc_request_builder *b, cc_error *error) {
    if (b->seen[CC_M_NAMES])
        CC_TRY(check_names(b->request.names, b->request.name_count, error));
    for (size_t i = 0; i < b->request.table_count; i++)
        if (b->tables[i].has_names) {
            if (b->tables[i].projection.data == NULL)
                return CC_INVALID(error, "ExpressionAttributeNames can only be specified when using "
                                         "expressions");
            CC_TRY(check_names(b->tables[i].names, b->tables[i].name_count, error));
        }
    if (!b->seen[CC_M_VALUES])
        return CC_OK;
    uint32_t count = cc_item_count(b->request.values);
    if (count == 0)
        return CC_INVALID(error, "ExpressionAttributeValues must not be empty");
    for (uint32_t i = 0; i < count; i++) {
        cc_bytes name;
        cc_value value;
        cc_item_at(b->request.values, i, &name, &value);
        if (!reference(name, ':'))
            return CC_INVALID(error,
                              "ExpressionAttributeValues contains invalid key: Syntax error; "
                              "key: \"%.*s\"",
                              (int)(name.size < 255 ? name.size : 255), (const char *)name.data);
    }
    return CC_OK;
}

static cc_status check_scan(const cc_request_builder *b, cc_error *error) {
    bool segment = b->seen[CC_M_SEGMENT], total = b->seen[CC_M_TOTAL_SEGMENTS];
    if (segment && !total)
        return CC_INVALID(error, "The TotalSegments parameter is required but was not present in the "
                                 "request when Segment parameter is present");
    if (total && !segment)
        return CC_INVALID(error, "The Segment parameter is required but was not present in the "
                                 "request when parameter TotalSegments is present");
    if (segment && b->segment >= b->total_segments)
        return CC_INVALID(error,
                          "The Segment parameter is zero-based and must be less than parameter "
                          "TotalSegments: Segment: %lld is not less than TotalSegments: %lld",
                          (long long)b->segment, (long long)b->total_segments);
    return CC_OK;
}

static cc_status check_select(const cc_request_builder *b, cc_error *error) {
    static const char *const names[] = {"", "ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES", "", "COUNT"};
    cc_select select = b->request.select;
    if (select == CC_SELECT_PROJECTED && !b->seen[CC_M_INDEX])
        return CC_INVALID(error, "One or more parameter values were invalid: ALL_PROJECTED_ATTRIBUTES "
                                 "can be used only when Querying using an IndexName");
    bool attributes = b->seen[CC_M_ATTRIBUTES_TO_GET], projects = attributes || b->seen[CC_M_PROJECTION];
    if (projects && select != CC_SELECT_DEFAULT && select != CC_SELECT_SPECIFIC)
        return CC_INVALID(error, "Cannot specify the %s when choosing to get %s",
                          attributes ? "AttributesToGet" : "ProjectionExpression",
                          select == CC_SELECT_COUNT ? "only the Count" : names[select]);
    if (select == CC_SELECT_SPECIFIC && !projects)
        return CC_INVALID(error, "Must specify the AttributesToGet or ProjectionExpression when "
                                 "choosing to get SPECIFIC_ATTRIBUTES");
    return CC_OK;
}

static cc_status check_batch(const cc_request_builder *b, cc_error *error) {
    bool get = b->request.verb == CC_VERB_BATCH_GET;
    const char *operation = get ? "BatchGetItem" : "BatchWriteItem";
    if (b->request.table_count == 0)
        return CC_INVALID(error, "The requestItems parameter is required for %s", operation);
    size_t most = get ? 100 : 25;
    for (size_t i = 0; i < b->request.table_count; i++) {
        size_t count = 0;
        for (size_t e = 0; e < b->request.batch_count; e++)
            count += b->entries[e].table == i;
        cc_bytes name = b->tables[i].name;
        if (count >= 1 && count <= most)
            continue;
        if (get)
            return CC_INVALID(error,
                              "1 validation error detected: Value at 'RequestItems.%.*s.member.Keys' "
                              "failed to satisfy constraint: Member must have length %s",
                              (int)name.size, (const char *)name.data,
                              count == 0 ? "greater than or equal to 1" : "less than or equal to 100");
        return CC_INVALID(error,
                          "1 validation error detected: Value '{%.*s=[%zu WriteRequests]}' at "
                          "'requestItems' failed to satisfy constraint: Map value must satisfy "
                          "constraint: [Member must have length less than or equal to 25, Member must "
                          "have length greater than or equal to 1]",
                          (int)name.size, (const char *)name.data, count);
    }
    if (b->request.batch_count > most)
        return CC_INVALID(error, "Too many items requested for the %s call", operation);
    return CC_OK;
}

static cc_status check_combinations(const cc_request_builder *b, cc_error *error) {
    cc_verb verb = b->request.verb;
    CC_TRY(check_legacy(b, error));
    CC_TRY(check_expressions_given(b, error));
    CC_TRY(cc_legacy_check(b, error));
    bool put = verb == CC_VERB_PUT || verb == CC_VERB_DELETE;
    if (put && b->request.return_values > CC_RETURN_ALL_OLD)
        return CC_INVALID(error, verb == CC_VERB_PUT ? "ReturnValues can only be ALL_OLD or NONE"
                                                     : "Return values set to invalid value");
    if (verb == CC_VERB_QUERY && !b->seen[CC_M_KEY_CONDITION] && !b->seen[CC_M_KEY_CONDITIONS])
        return CC_INVALID(error, "Either the KeyConditions or KeyConditionExpression parameter must "
                                 "be specified in the request.");
    if (verb == CC_VERB_SCAN)
        CC_TRY(check_scan(b, error));
    if (verb == CC_VERB_BATCH_GET || verb == CC_VERB_BATCH_WRITE)
        CC_TRY(check_batch(b, error));
    CC_TRY(check_references(b, error));
    return check_select(b, error);
}

cc_status cc_request_finish(cc_request_builder *builder, cc_request *request_out, cc_error *error) {
    CC_TRY(check_constraints(builder, error));
    CC_TRY(check_combinations(builder, error));
    CC_TRY(cc_request_finish_actions(builder, error));
    CC_TRY(cc_request_finish_statements(builder, error));
    CC_TRY(cc_legacy_translate(builder, error));
    cc_request *request = &builder->request;
    request->table = builder->texts[CC_M_TABLE];
    request->index = builder->texts[CC_M_INDEX];
    request->token = builder->texts[CC_M_TOKEN];
    request->statement = builder->texts[CC_M_STATEMENT];
    request->next_token = builder->texts[CC_M_NEXT_TOKEN];
    request->parameters = builder->parameters;
    request->parameter_count = builder->parameter_count;
    request->condition = builder->texts[CC_M_CONDITION];
    request->update = builder->texts[CC_M_UPDATE];
    request->projection = builder->texts[CC_M_PROJECTION];
    request->filter = builder->texts[CC_M_FILTER];
    request->key_condition = builder->texts[CC_M_KEY_CONDITION];
    request->search = builder->texts[CC_M_SEARCH];
    request->top_k = (uint32_t)builder->top_k;
    request->has_limit = builder->seen[CC_M_LIMIT];
    request->limit = (uint32_t)builder->limit;
    request->has_segment = builder->seen[CC_M_SEGMENT];
    request->segment = (uint32_t)builder->segment;
    request->total_segments = (uint32_t)builder->total_segments;
    request->batch = builder->entries;
    request->tables = builder->tables;
    *request_out = *request;
    return CC_OK;
}
