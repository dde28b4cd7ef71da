/* request_json.c: a JSON body read once into a cc_request; no tree is built in between.
 *
 * Members that the operation does not know are skipped, null counts as absent, a member of the wrong
 * JSON type is a SerializationException. Encoded items go into the request's arena. */
#include <stdio.h>
#include <stdlib.h>

#include "codec/json.h"
#include "table/expression.h"
#include "table/request.h"

typedef struct {
    cc_json_cursor cursor;
    cc_arena *arena;
    cc_buffer buffer; /* one item while it is encoded */
    cc_request_builder builder;
    cc_error *error;
} cc_json_request;

static cc_status refuse(cc_json_request *self, const char *format, const char *a, const char *b) {
    return cc_fail_aws(self->error, CC_ERR_SERIALIZATION, "SerializationException", format, a, b);
}

static cc_status wrong_scalar(cc_json_request *self, cc_json_kind kind, const char *wanted) {
    cc_json_cursor ahead = self->cursor;
    cc_bytes text;
    const char *token = kind == CC_JSON_STRING ? "STRING_VALUE"
                        : kind == CC_JSON_TRUE ? "TRUE_VALUE"
                        : kind == CC_JSON_NULL ? "NULL_VALUE"
                                               : "FALSE_VALUE";
    if (kind == CC_JSON_NUMBER) {
        CC_TRY(cc_json_read_number(&ahead, &text, self->error));
        bool fraction = memchr(text.data, '.', text.size) != NULL ||
                        memchr(text.data, 'e', text.size) != NULL ||
                        memchr(text.data, 'E', text.size) != NULL;
        token = fraction ? "DECIMAL_VALUE" : "NUMBER_VALUE";
    }
    if (kind == CC_JSON_STRING && strcmp(wanted, "Boolean") == 0)
        return refuse(self, "Unexpected token received from parser%s%s", "", "");
    return refuse(self, "%s cannot be converted to %s", token, wanted);
}

/* The words for a value that is not `wanted`: String, Boolean or Integer; List; "Map<" the type of its values;
 * a structure, as a member with a dot before its name; the Body. */
static cc_status wrong_type(cc_json_request *self, const char *wanted) {
    static const char *const ours = "com.amazonaws.dynamodb.v20120810.";
    cc_json_kind kind = cc_json_peek(&self->cursor);
    bool scalar = strcmp(wanted, "String") == 0 || strcmp(wanted, "Boolean") == 0 ||
                  strcmp(wanted, "Integer") == 0;
    bool map = strncmp(wanted, "Map<", 4) == 0, member = wanted[0] == '.';
    if (kind == CC_JSON_END || kind == CC_JSON_BAD)
        return refuse(self, "The body is not valid JSON%s%s", "", "");
    if (kind == CC_JSON_OBJECT)
        return refuse(self, "Start of structure or map found where not expected%s%s", "", "");
    if (kind == CC_JSON_ARRAY && strcmp(wanted, "Body") == 0)
        return refuse(self, "Start of list found where not expected%s%s", "", "");
    if (kind == CC_JSON_ARRAY && scalar)
        return refuse(self, "Unrecognized collection type class java.lang.%s%s", wanted, "");
    if (kind == CC_JSON_ARRAY && map)
        return refuse(self, "Unrecognized collection type java.util.Map<java.lang.String, %s%s>",
                      strncmp(wanted + 4, "java.", 5) == 0 ? "" : ours, wanted + 4);
    if (kind == CC_JSON_ARRAY)
        return refuse(self, "Unrecognized collection type class %s%s", ours, wanted + member);
    if (scalar)
        return wrong_scalar(self, kind, wanted);
    bool element = !map && !member && strcmp(wanted, "List") != 0 && strcmp(wanted, "Body") != 0;
    return refuse(self, element ? "Unexpected value type in payload%s%s" : "Unexpected field type%s%s", "",
                  "");
}

static cc_status need(cc_json_request *self, cc_json_kind kind, const char *wanted) {
    return cc_json_peek(&self->cursor) == kind ? CC_OK : wrong_type(self, wanted);
}

/* True when the value is null, which is then consumed. */
static cc_status take_null(cc_json_request *self, bool *null_out) {
    *null_out = cc_json_peek(&self->cursor) == CC_JSON_NULL;
    return *null_out ? cc_json_read_null(&self->cursor, self->error) : CC_OK;
}

static cc_status enter(cc_json_request *self, cc_json_kind kind, const char *wanted) {
    CC_TRY(need(self, kind, wanted));
    return cc_json_enter(&self->cursor, kind, self->error);
}

/* The next member of an object that is not null. */
static cc_status next_member(cc_json_request *self, bool *first, cc_json_string *name_out, bool *more_out) {
    bool null;
    do {
        CC_TRY(cc_json_next_member(&self->cursor, first, name_out, more_out, self->error));
        if (!*more_out)
            return CC_OK;
        CC_TRY(take_null(self, &null));
    } while (null);
    return CC_OK;
}

static cc_status read_text(cc_json_request *self, cc_bytes *text_out) {
    cc_json_string string;
    CC_TRY(need(self, CC_JSON_STRING, "String"));
    CC_TRY(cc_json_read_string(&self->cursor, &string, self->error));
    return cc_json_text(string, self->arena, text_out, self->error);
}

static cc_status read_bool(cc_json_request *self, bool *value_out) {
    cc_json_kind kind = cc_json_peek(&self->cursor);
    if (kind != CC_JSON_TRUE && kind != CC_JSON_FALSE)
        return wrong_type(self, "Boolean");
    return cc_json_read_bool(&self->cursor, value_out, self->error);
}

static cc_status read_int(cc_json_request *self, int64_t *value_out) {
    cc_bytes text;
    char copy[64];
    CC_TRY(need(self, CC_JSON_NUMBER, "Integer"));
    CC_TRY(cc_json_read_number(&self->cursor, &text, self->error));
    if (text.size >= sizeof copy)
        return cc_fail_aws(self->error, CC_ERR_SERIALIZATION, "SerializationException",
                           "A number is out of range");
    memcpy(copy, text.data, text.size);
    copy[text.size] = 0;
    double value = strtod(copy, NULL); /* fractions are cut, as the service does */
    *value_out = value >= 9e15 ? INT64_MAX : value <= -9e15 ? INT64_MIN : (int64_t)value;
    return CC_OK;
}

static cc_status read_item(cc_json_request *self, cc_bytes *item_out) {
    CC_TRY(need(self, CC_JSON_OBJECT, "Map<AttributeValue"));
    cc_buffer_clear(&self->buffer);
    CC_TRY(cc_item_from_json(&self->cursor, &self->buffer, self->arena, self->error));
    *item_out = cc_arena_copy(self->arena, cc_buffer_bytes(&self->buffer));
    return item_out->data == NULL ? cc_fail(self->error, CC_ERR_NOMEM, "no memory for an item") : CC_OK;
}

static cc_status read_names(cc_json_request *self, const cc_name_pair **names_out, size_t *count_out) {
    bool first = true, more = true;
    size_t count = 0, capacity = 0;
    cc_name_pair *names = NULL;
    CC_TRY(enter(self, CC_JSON_OBJECT, "Map<java.lang.String"));
    while (true) {
        cc_json_string name;
        CC_TRY(cc_json_next_member(&self->cursor, &first, &name, &more, self->error));
        if (!more)
            break;
        if (count == capacity) {
            capacity = capacity == 0 ? 8 : capacity * 2;
            cc_name_pair *grown = cc_arena_alloc(self->arena, capacity * sizeof *grown);
            if (grown == NULL)
                return cc_fail(self->error, CC_ERR_NOMEM, "no memory for a request");
            if (count != 0)
                memcpy(grown, names, count * sizeof *grown);
            names = grown;
        }
        CC_TRY(cc_json_text(name, self->arena, &names[count].name, self->error));
        CC_TRY(read_text(self, &names[count++].value));
    }
    *names_out = names;
    *count_out = count;
    return CC_OK;
}

/* Says which value of ExpressionAttributeValues, or that the starting key, is at fault: the cursor
 * stopped inside it. `start` is where the map began. */
static cc_status name_culprit(cc_json_request *self, cc_member_id id, cc_json_cursor start,
                              cc_status status) {
    if (status != CC_ERR_VALIDATION || self->error == NULL || (id != CC_M_VALUES && id != CC_M_START_KEY))
        return status;
    char message[400];
    snprintf(message, sizeof message, "%.399s", self->error->message);
    if (id == CC_M_START_KEY)
        return CC_INVALID(self->error, "The provided starting key is invalid: %s", message);
    if (strstr(message, "Null attribute value") != NULL)
        return status; /* told without its place, as the service does */
    bool first = true, more = true;
    cc_bytes key = {(const uint8_t *)"", 0};
    cc_status walk = cc_json_enter(&start, CC_JSON_OBJECT, NULL);
    while (walk == CC_OK && start.at < self->cursor.at) {
        cc_json_string name;
        walk = cc_json_next_member(&start, &first, &name, &more, NULL);
        if (walk != CC_OK || !more)
            break;
        key = name.text;
        walk = cc_json_skip(&start, NULL, NULL);
    }
    return CC_INVALID(self->error, "ExpressionAttributeValues contains invalid value: %s for key %.*s",
                      message, (int)(key.size < 80 ? key.size : 80), (const char *)key.data);
}

/* ---- RequestItems ---- */

static cc_status read_write_request(cc_json_request *self) {
    bool first = true, more = true, found = false, is_delete = false;
    cc_bytes item = {NULL, 0};
    CC_TRY(enter(self, CC_JSON_OBJECT, "WriteRequest"));
    while (true) {
        cc_json_string name;
        CC_TRY(next_member(self, &first, &name, &more));
        if (!more)
            break;
        bool put = cc_bytes_equal(name.text, cc_bytes_text("PutRequest"));
        bool delete = cc_bytes_equal(name.text, cc_bytes_text("DeleteRequest"));
        if (!put && !delete) {
            CC_TRY(cc_json_skip(&self->cursor, NULL, self->error));
            continue;
        }
        if (found)
            return cc_fail_aws(self->error, CC_ERR_VALIDATION, "ValidationException",
                               "Supplied AttributeValue has more than one datatypes set, must contain "
                               "exactly one of the supported datatypes");
        found = true;
        is_delete = delete;
        bool inner_first = true, inner_more = true;
        CC_TRY(enter(self, CC_JSON_OBJECT, put ? ".PutRequest" : ".DeleteRequest"));
        while (true) {
            cc_json_string inner;
            CC_TRY(cc_json_next_member(&self->cursor, &inner_first, &inner, &inner_more, self->error));
            if (!inner_more)
                break;
            if (cc_bytes_equal(inner.text, cc_bytes_text(put ? "Item" : "Key")))
                CC_TRY(read_item(self, &item));
            else
                CC_TRY(cc_json_skip(&self->cursor, NULL, self->error));
        }
    }
    if (!found)
        return cc_fail_aws(self->error, CC_ERR_VALIDATION, "ValidationException",
                           "Supplied AttributeValue has more than one datatypes set, must contain "
                           "exactly one of the supported datatypes");
    if (item.data == NULL)
        return cc_fail_aws(self->error, CC_ERR_VALIDATION, "ValidationException",
                           "1 validation error detected: Value null at 'requestItems.member.%s' "
                           "failed to satisfy constraint: Member must not be null",
                           is_delete ? "deleteRequest.key" : "putRequest.item");
    return cc_request_add_entry(&self->builder, is_delete, item, self->error);
}

static cc_status read_list(cc_json_request *self, bool keys) {
    bool first = true, more = true;
    CC_TRY(enter(self, CC_JSON_ARRAY, "List"));
    while (true) {
        CC_TRY(cc_json_next_element(&self->cursor, &first, &more, self->error));
        if (!more)
            return CC_OK;
        if (!keys) {
            CC_TRY(read_write_request(self));
            continue;
        }
        cc_bytes key;
        CC_TRY(read_item(self, &key));
        CC_TRY(cc_request_add_entry(&self->builder, false, key, self->error));
    }
}

/* AttributesToGet, of the request or of one table of a batch. */
static cc_status read_attributes(cc_json_request *self, cc_batch_table *table) {
    bool first = true, more = true;
    CC_TRY(enter(self, CC_JSON_ARRAY, "List"));
    while (true) {
        cc_bytes name;
        CC_TRY(cc_json_next_element(&self->cursor, &first, &more, self->error));
        if (!more)
            return CC_OK;
        CC_TRY(read_text(self, &name));
        CC_TRY(cc_request_add_attribute(&self->builder, table, name, self->error));
    }
}

static cc_status read_table_member(cc_json_request *self, cc_json_string name, cc_batch_table *table) {
    if (cc_bytes_equal(name.text, cc_bytes_text("Keys")))
        return read_list(self, true);
    const cc_member *member = cc_table_member_find(name.text);
    switch (member == NULL ? CC_M_NONE : member->id) {
    case CC_M_CONSISTENT:
        return read_bool(self, &table->consistent);
    case CC_M_PROJECTION:
        return read_text(self, &table->projection);
    case CC_M_NAMES:
        table->has_names = true;
        return read_names(self, &table->names, &table->name_count);
    case CC_M_ATTRIBUTES_TO_GET:
        return read_attributes(self, table);
    default:
        break;
    }
    return cc_json_skip(&self->cursor, NULL, self->error);
}

static cc_status read_keys_and_attributes(cc_json_request *self, cc_batch_table *table) {
    bool first = true, more = true;
    CC_TRY(enter(self, CC_JSON_OBJECT, "KeysAndAttributes"));
    while (true) {
        cc_json_string name;
        CC_TRY(next_member(self, &first, &name, &more));
        if (!more)
            break;
        CC_TRY(read_table_member(self, name, table));
    }
    self->builder.table_mixed |= table->attribute_count != 0 && table->projection.data != NULL;
    return CC_OK;
}

static cc_status read_tables(cc_json_request *self) {
    bool first = true, more = true;
    self->builder.seen[CC_M_REQUEST_ITEMS] = true;
    CC_TRY(need(self, CC_JSON_OBJECT,
                self->builder.request.verb == CC_VERB_BATCH_GET
                    ? "Map<KeysAndAttributes"
                    : "Map<java.util.List<com.amazonaws.dynamodb.v20120810.WriteRequest>"));
    CC_TRY(cc_json_enter(&self->cursor, CC_JSON_OBJECT, self->error));
    while (true) {
        cc_json_string string;
        cc_bytes name;
        cc_batch_table *table;
        CC_TRY(cc_json_next_member(&self->cursor, &first, &string, &more, self->error));
        if (!more)
            return CC_OK;
        CC_TRY(cc_json_text(string, self->arena, &name, self->error));
        CC_TRY(cc_request_add_table(&self->builder, name, &table, self->error));
        if (self->builder.request.verb == CC_VERB_BATCH_GET)
            CC_TRY(read_keys_and_attributes(self, table));
        else
            CC_TRY(read_list(self, false));
    }
}

/* ---- parameters before expressions ---- */

/* One attribute value, encoded in the arena. */
static cc_status read_value(cc_json_request *self, cc_value *value_out) {
    static const char open[] = "{\"v\":";
    cc_bytes span, item;
    cc_buffer text = {0};
    cc_status status;
    CC_TRY(need(self, CC_JSON_OBJECT, "AttributeValue"));
    CC_TRY(cc_json_skip(&self->cursor, &span, self->error));
    CC_TRY_GOTO(cc_buffer_append(&text, open, sizeof open - 1));
    CC_TRY_GOTO(cc_buffer_append(&text, span.data, span.size));
    CC_TRY_GOTO(cc_buffer_append(&text, "}", 1));
    cc_json_cursor cursor = cc_json_open(cc_buffer_bytes(&text));
    cc_buffer_clear(&self->buffer);
    CC_TRY_GOTO(cc_item_from_json(&cursor, &self->buffer, self->arena, self->error));
    item = cc_arena_copy(self->arena, cc_buffer_bytes(&self->buffer));
    if (item.data == NULL) {
        status = cc_fail(self->error, CC_ERR_NOMEM, "no memory for a request");
        goto cleanup;
    }
    CC_ASSERT(cc_item_find(item, cc_bytes_text("v"), value_out));
cleanup:
    cc_buffer_free(&text);
    return status;
}

static cc_status read_value_list(cc_json_request *self, cc_request_builder *builder, cc_legacy_entry *entry) {
    bool first = true, more = true;
    entry->has_list = true;
    CC_TRY(enter(self, CC_JSON_ARRAY, "List"));
    while (true) {
        cc_value value;
        CC_TRY(cc_json_next_element(&self->cursor, &first, &more, self->error));
        if (!more)
            return CC_OK;
        CC_TRY(read_value(self, &value));
        CC_TRY(cc_legacy_add_value(builder, entry, value, self->error));
    }
}

static cc_status read_legacy_member(cc_json_request *self, cc_request_builder *builder, cc_bytes name,
                                    cc_legacy_entry *entry) {
    if (cc_bytes_equal(name, cc_bytes_text("ComparisonOperator")) ||
        cc_bytes_equal(name, cc_bytes_text("Action")))
        return read_text(self, &entry->op);
    if (cc_bytes_equal(name, cc_bytes_text("AttributeValueList")))
        return read_value_list(self, builder, entry);
    if (cc_bytes_equal(name, cc_bytes_text("Value"))) {
        entry->has_value = true;
        return read_value(self, &entry->value);
    }
    if (cc_bytes_equal(name, cc_bytes_text("Exists"))) {
        entry->has_exists = true;
        return read_bool(self, &entry->exists);
    }
    return cc_json_skip(&self->cursor, NULL, self->error);
}

static cc_status read_legacy_entry(cc_json_request *self, cc_request_builder *builder,
                                   cc_legacy_entry *entry) {
    bool first = true, more = true;
    CC_TRY(cc_json_enter(&self->cursor, CC_JSON_OBJECT, self->error));
    while (true) {
        cc_json_string name;
        CC_TRY(next_member(self, &first, &name, &more));
        if (!more)
            return CC_OK;
        CC_TRY(read_legacy_member(self, builder, name.text, entry));
    }
}

static cc_status read_legacy(cc_json_request *self, cc_request_builder *builder, const cc_member *member) {
    bool first = true, more = true;
    const char *map = member->id == CC_M_EXPECTED            ? "Map<ExpectedAttributeValue"
                      : member->id == CC_M_ATTRIBUTE_UPDATES ? "Map<AttributeValueUpdate"
                                                             : "Map<Condition";
    builder->seen[member->id] = true;
    CC_TRY(enter(self, CC_JSON_OBJECT, map));
    while (true) {
        cc_json_string string;
        cc_bytes name;
        cc_legacy_entry *entry;
        CC_TRY(cc_json_next_member(&self->cursor, &first, &string, &more, self->error));
        if (!more)
            return CC_OK;
        CC_TRY(cc_json_text(string, self->arena, &name, self->error));
        CC_TRY(cc_legacy_add(builder, cc_legacy_map_of(member->id), name, &entry, self->error));
        CC_TRY(need(self, CC_JSON_OBJECT, map + 4));
        CC_TRY(read_legacy_entry(self, builder, entry));
    }
}

/* ---- TransactItems ---- */

static cc_status read_member(cc_json_request *self, cc_request_builder *builder, const cc_member *member);

static cc_status read_action(cc_json_request *self, cc_verb verb) {
    static const char *const names[] = {[CC_VERB_PUT] = ".Put",
                                        [CC_VERB_GET] = ".Get",
                                        [CC_VERB_UPDATE] = ".Update",
                                        [CC_VERB_DELETE] = ".Delete",
                                        [CC_VERB_CHECK] = ".ConditionCheck"};
    bool first = true, more = true;
    cc_request_builder *action;
    CC_TRY(cc_request_add_action(&self->builder, verb, &action, self->error));
    CC_TRY(enter(self, CC_JSON_OBJECT, names[verb]));
    while (true) {
        cc_json_string name;
        CC_TRY(next_member(self, &first, &name, &more));
        if (!more)
            return CC_OK;
        const cc_member *member = cc_action_member_find(verb, name.text);
        if (member == NULL)
            CC_TRY(cc_json_skip(&self->cursor, NULL, self->error));
        else
            CC_TRY(read_member(self, action, member));
    }
}

static cc_status read_transact_item(cc_json_request *self) {
    bool first = true, more = true;
    size_t count = 0;
    CC_TRY(
        need(self, CC_JSON_OBJECT,
             self->builder.request.verb == CC_VERB_TRANSACT_GET ? "TransactGetItem" : "TransactWriteItem"));
    CC_TRY(cc_json_enter(&self->cursor, CC_JSON_OBJECT, self->error));
    while (true) {
        cc_json_string name;
        CC_TRY(next_member(self, &first, &name, &more));
        if (!more)
            break;
        cc_verb verb = cc_action_verb(self->builder.request.verb, name.text);
        if (verb == CC_VERB_NONE) {
            CC_TRY(cc_json_skip(&self->cursor, NULL, self->error));
            continue;
        }
        CC_TRY(read_action(self, verb));
        count++;
    }
    cc_request_end_action(&self->builder, count);
    return CC_OK;
}

static cc_status read_actions(cc_json_request *self) {
    bool first = true, more = true;
    self->builder.seen[CC_M_TRANSACT_ITEMS] = true;
    CC_TRY(enter(self, CC_JSON_ARRAY, "List"));
    while (true) {
        CC_TRY(cc_json_next_element(&self->cursor, &first, &more, self->error));
        if (!more)
            return CC_OK;
        CC_TRY(read_transact_item(self));
    }
}

/* ---- PartiQL ---- */

static cc_status read_parameters(cc_json_request *self, cc_request_builder *builder) {
    bool first = true, more = true;
    builder->seen[CC_M_PARAMETERS] = true;
    CC_TRY(enter(self, CC_JSON_ARRAY, "List"));
    while (true) {
        cc_value value = {0};
        CC_TRY(cc_json_next_element(&self->cursor, &first, &more, self->error));
        if (!more)
            return CC_OK;
        CC_TRY(read_value(self, &value));
        CC_TRY(cc_request_add_parameter(builder, value, self->error));
    }
}

static cc_status read_statement(cc_json_request *self) {
    bool first = true, more = true;
    cc_verb verb = self->builder.request.verb;
    cc_request_builder *statement;
    CC_TRY(cc_request_add_statement(&self->builder, &statement, self->error));
    CC_TRY(enter(self, CC_JSON_OBJECT,
                 verb == CC_VERB_STATEMENT_BATCH ? "BatchStatementRequest" : "ParameterizedStatement"));
    while (true) {
        cc_json_string name;
        CC_TRY(next_member(self, &first, &name, &more));
        if (!more)
            return CC_OK;
        const cc_member *member = cc_statement_member_find(verb, name.text);
        if (member == NULL)
            CC_TRY(cc_json_skip(&self->cursor, NULL, self->error));
        else
            CC_TRY(read_member(self, statement, member));
    }
}

static cc_status read_statements(cc_json_request *self) {
    bool first = true, more = true;
    self->builder.seen[CC_M_STATEMENTS] = true;
    CC_TRY(enter(self, CC_JSON_ARRAY, "List"));
    while (true) {
        CC_TRY(cc_json_next_element(&self->cursor, &first, &more, self->error));
        if (!more)
            return CC_OK;
        CC_TRY(read_statement(self));
    }
}

/* The whole list at once, as an attribute of an item of its own. */
static cc_status read_vector(cc_json_request *self, cc_request_builder *builder) {
    static const char open[] = "{\"SearchVector\":{\"L\":";
    cc_bytes span, item;
    cc_buffer text = {0};
    cc_status status;
    CC_TRY(need(self, CC_JSON_ARRAY, "List"));
    CC_TRY(cc_json_skip(&self->cursor, &span, self->error));
    CC_TRY_GOTO(cc_buffer_reserve(&text, span.size + sizeof open + 2));
    CC_TRY_GOTO(cc_buffer_append(&text, open, sizeof open - 1));
    CC_TRY_GOTO(cc_buffer_append(&text, span.data, span.size));
    CC_TRY_GOTO(cc_buffer_append(&text, "}}", 2));
    cc_json_cursor cursor = cc_json_open(cc_buffer_bytes(&text));
    cc_buffer_clear(&self->buffer);
    CC_TRY_GOTO(cc_item_from_json(&cursor, &self->buffer, self->arena, self->error));
    item = cc_arena_copy(self->arena, cc_buffer_bytes(&self->buffer));
    if (item.data == NULL)
        status = cc_fail(self->error, CC_ERR_NOMEM, "no memory for a request");
    else
        cc_request_set_vector(builder, item, cc_bytes_text("SearchVector"));
cleanup:
    cc_buffer_free(&text);
    return status;
}

/* ---- the body ---- */

static cc_status read_member(cc_json_request *self, cc_request_builder *builder, const cc_member *member) {
    cc_bytes bytes = {NULL, 0};
    bool flag = false;
    int64_t number = 0;
    switch (member->kind) {
    case CC_MEMBER_TEXT:
        CC_TRY(read_text(self, &bytes));
        cc_request_set_text(builder, member->id, bytes);
        return CC_OK;
    case CC_MEMBER_BOOL:
        CC_TRY(read_bool(self, &flag));
        cc_request_set_bool(builder, member->id, flag);
        return CC_OK;
    case CC_MEMBER_INT:
        CC_TRY(read_int(self, &number));
        cc_request_set_int(builder, member->id, number);
        return CC_OK;
    case CC_MEMBER_ITEM: {
        cc_json_cursor start = self->cursor;
        CC_TRY(name_culprit(self, member->id, start, read_item(self, &bytes)));
        cc_request_set_item(builder, member->id, bytes);
        return CC_OK;
    }
    case CC_MEMBER_NAMES: {
        const cc_name_pair *names;
        size_t count;
        CC_TRY(read_names(self, &names, &count));
        cc_request_set_names(builder, names, count);
        return CC_OK;
    }
    case CC_MEMBER_TABLES:
        return read_tables(self);
    case CC_MEMBER_ACTIONS:
        return read_actions(self);
    case CC_MEMBER_LEGACY:
        return read_legacy(self, builder, member);
    case CC_MEMBER_VALUES:
        return read_parameters(self, builder);
    case CC_MEMBER_STATEMENTS:
        return read_statements(self);
    case CC_MEMBER_VECTOR:
        return read_vector(self, builder);
    case CC_MEMBER_LIST:
        builder->seen[member->id] = true;
        return read_attributes(self, NULL);
    default:
        return cc_json_skip(&self->cursor, NULL, self->error);
    }
}

static cc_status read_body(cc_json_request *self) {
    bool first = true, more = true;
    CC_TRY(enter(self, CC_JSON_OBJECT, "Body"));
    while (true) {
        cc_json_string name;
        CC_TRY(next_member(self, &first, &name, &more));
        if (!more)
            return cc_json_finish(&self->cursor, self->error);
        const cc_member *member = cc_member_find(self->builder.request.verb, name.text);
        if (member == NULL)
            CC_TRY(cc_json_skip(&self->cursor, NULL, self->error));
        else
            CC_TRY(read_member(self, &self->builder, member));
    }
}

cc_status cc_request_from_json(cc_verb verb, cc_bytes body, cc_arena *arena, cc_request *request_out,
                               cc_error *error) {
    cc_json_request self = {.cursor = cc_json_open(body), .arena = arena, .error = error};
    cc_request_begin(&self.builder, verb, arena);
    cc_status status;
    CC_TRY_GOTO(read_body(&self));
    CC_TRY_GOTO(cc_request_finish(&self.builder, request_out, error));
cleanup:
    cc_buffer_free(&self.buffer);
    return status;
}
