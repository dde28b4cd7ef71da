/* schema.c: the key schema out of a table's description (JSON, as DescribeTable shows it).
 *
 * Only KeySchema and AttributeDefinitions are read; one allocation holds the schema and its names. */
#include <stdlib.h>

#include "codec/json.h"
#include "table/internal.h"

enum { DEFINITIONS_MAX = 64 };

typedef struct {
    cc_bytes name, kind; /* AttributeName with KeyType or AttributeType */
} cc_pair;

typedef struct {
    cc_pair keys[2], definitions[DEFINITIONS_MAX];
    size_t key_count, definition_count;
    cc_arena arena;
    cc_error *error;
} cc_schema_reader;

static cc_status bad(cc_error *error) {
    return cc_fail(error, CC_ERR_CORRUPT, "a table description has no usable key schema");
}

static cc_status read_text(cc_schema_reader *self, cc_json_cursor *cursor, cc_bytes *text_out) {
    cc_json_string string;
    CC_TRY(cc_json_read_string(cursor, &string, self->error));
    return cc_json_text(string, &self->arena, text_out, self->error);
}

static cc_status read_pair(cc_schema_reader *self, cc_json_cursor *cursor, cc_pair *pair_out) {
    bool first = true, more = true;
    CC_TRY(cc_json_enter(cursor, CC_JSON_OBJECT, self->error));
    while (true) {
        cc_json_string name;
        CC_TRY(cc_json_next_member(cursor, &first, &name, &more, self->error));
        if (!more)
            return CC_OK;
        if (cc_bytes_equal(name.text, cc_bytes_text("AttributeName")))
            CC_TRY(read_text(self, cursor, &pair_out->name));
        else if (cc_bytes_equal(name.text, cc_bytes_text("KeyType")) ||
                 cc_bytes_equal(name.text, cc_bytes_text("AttributeType")))
            CC_TRY(read_text(self, cursor, &pair_out->kind));
        else
            CC_TRY(cc_json_skip(cursor, NULL, self->error));
    }
}

static cc_status read_pairs(cc_schema_reader *self, cc_json_cursor *cursor, cc_pair *pairs, size_t room,
                            size_t *count_out) {
    bool first = true, more = true;
    CC_TRY(cc_json_enter(cursor, CC_JSON_ARRAY, self->error));
    for (*count_out = 0;; (*count_out)++) {
        CC_TRY(cc_json_next_element(cursor, &first, &more, self->error));
        if (!more)
            return CC_OK;
        if (*count_out == room)
            return bad(self->error);
        CC_TRY(read_pair(self, cursor, &pairs[*count_out]));
    }
}

static cc_status read_description(cc_schema_reader *self, cc_bytes description) {
    cc_json_cursor cursor = cc_json_open(description);
    bool first = true, more = true;
    CC_TRY(cc_json_enter(&cursor, CC_JSON_OBJECT, self->error));
    while (true) {
        cc_json_string name;
        CC_TRY(cc_json_next_member(&cursor, &first, &name, &more, self->error));
        if (!more)
            return CC_OK;
        if (cc_bytes_equal(name.text, cc_bytes_text("KeySchema")))
            CC_TRY(read_pairs(self, &cursor, self->keys, 2, &self->key_count));
        else if (cc_bytes_equal(name.text, cc_bytes_text("AttributeDefinitions")))
            CC_TRY(read_pairs(self, &cursor, self->definitions, DEFINITIONS_MAX, &self->definition_count));
        else
            CC_TRY(cc_json_skip(&cursor, NULL, self->error));
    }
}

static cc_type type_of(const cc_schema_reader *self, cc_bytes name) {
    for (size_t i = 0; i < self->definition_count; i++)
        if (cc_bytes_equal(self->definitions[i].name, name))
            return cc_type_from_name(self->definitions[i].kind);
    return CC_TYPE_NONE;
}

static bool key_type(cc_type type) { return type == CC_TYPE_S || type == CC_TYPE_N || type == CC_TYPE_B; }

static cc_status make(const cc_schema_reader *self, cc_key_schema **schema_out) {
    cc_bytes partition = {NULL, 0}, sort = {NULL, 0};
    for (size_t i = 0; i < self->key_count; i++)
        if (cc_bytes_equal(self->keys[i].kind, cc_bytes_text("HASH")))
            partition = self->keys[i].name;
        else
            sort = self->keys[i].name;
    if (partition.size == 0 || !key_type(type_of(self, partition)) ||
        (sort.size != 0 && !key_type(type_of(self, sort))))
        return bad(self->error);
    uint8_t *block = malloc(sizeof(cc_key_schema) + partition.size + sort.size);
    if (block == NULL)
        return cc_no_memory(self->error);
    uint8_t *names = block + sizeof(cc_key_schema);
    memcpy(names, partition.data, partition.size);
    if (sort.size != 0)
        memcpy(names + partition.size, sort.data, sort.size);
    *schema_out = (cc_key_schema *)(void *)block;
    **schema_out = (cc_key_schema){
        .partition_name = {names, partition.size},
        .partition_type = type_of(self, partition),
        .sort_name = {names + partition.size, sort.size},
        .sort_type = sort.size != 0 ? type_of(self, sort) : CC_TYPE_NONE,
    };
    return CC_OK;
}

cc_status cc_schema_parse(cc_bytes description_json, cc_key_schema **schema_out, cc_error *error) {
    cc_schema_reader self = {.error = error};
    cc_arena_init(&self.arena, 0);
    cc_status status;
    CC_TRY_GOTO(read_description(&self, description_json));
    CC_TRY_GOTO(make(&self, schema_out));
cleanup:
    cc_arena_free(&self.arena);
    return status;
}

void cc_schema_free(void *schema) { free(schema); }
