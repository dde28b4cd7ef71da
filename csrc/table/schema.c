/* schema.c: a table's keys and indexes out of its description (JSON, as DescribeTable shows it). */
#include <stdlib.h>

#include "codec/json.h"
#include "table/throttle.h"
#include "table/vectors.h"

enum { DEFINITIONS_MAX = 256, KEYS_MAX = 2 * CC_INDEX_KEYS_MAX, ELEMENTS_MAX = CC_VECTOR_ELEMENTS_MAX };

typedef struct {
    cc_bytes name, kind; /* AttributeName with KeyType, AttributeType or SearchSchemaElementType */
} cc_pair;

/* A table, or one index, as it stands in the text. */
typedef struct {
    cc_pair keys[ELEMENTS_MAX > KEYS_MAX ? ELEMENTS_MAX : KEYS_MAX];
    size_t key_count;
    cc_bytes name, projection;
    cc_pair vector; /* a vector index: its attribute */
    cc_bytes distance;
    int64_t dimensions;
    cc_bytes *attributes; /* NonKeyAttributes */
    size_t attribute_count;
    bool global;
    double units[2], maxima[2]; /* of reads and writes a second; 0: none */
} cc_raw_keys;

typedef struct {
    cc_raw_keys table;
    cc_pair definitions[DEFINITIONS_MAX];
    size_t definition_count;
    cc_raw_keys *indexes;
    size_t index_count;
    cc_raw_keys *vectors;
    size_t vector_count;
    cc_bytes feed;
    bool loading;
    cc_arena *arena;
    cc_error *error;
} cc_schema_reader;

static cc_status bad(cc_error *error) {
    return cc_fail(error, CC_ERR_CORRUPT, "a table description has no usable key schema");
}

/* ---- text ---- */

static cc_status read_text(cc_schema_reader *self, cc_json_cursor *cursor, cc_bytes *text_out) {
    cc_json_string string;
    CC_TRY(cc_json_read_string(cursor, &string, self->error));
    CC_TRY(cc_json_text(string, self->arena, text_out, self->error));
    *text_out = cc_arena_copy(self->arena, *text_out); /* the description may go before the schema */
    return text_out->data == NULL && text_out->size != 0 ? cc_no_memory(self->error) : CC_OK;
}

/* Reads the value of one member into `target`, or skips it. */
typedef cc_status (*read_member)(cc_schema_reader *self, cc_json_cursor *cursor, cc_bytes name, void *target);

static cc_status read_members(cc_schema_reader *self, cc_json_cursor *cursor, read_member read,
                              void *target) {
    bool first = true, more = true;
    CC_TRY(cc_json_enter(cursor, CC_JSON_OBJECT, self->error));
    while (true) {
        cc_json_string name;
        CC_TRY(cc_json_next_member(cursor, &first, &name, &more, self->error));
        if (!more)
            return CC_OK;
        CC_TRY(read(self, cursor, name.text, target));
    }
}

static cc_status read_pair(cc_schema_reader *self, cc_json_cursor *cursor, cc_bytes name, void *target) {
    cc_pair *pair = target;
    if (cc_bytes_equal(name, cc_bytes_text("AttributeName")))
        CC_TRY(read_text(self, cursor, &pair->name));
    else if (cc_bytes_equal(name, cc_bytes_text("KeyType")) ||
             cc_bytes_equal(name, cc_bytes_text("AttributeType")) ||
             cc_bytes_equal(name, cc_bytes_text("SearchSchemaElementType")))
        CC_TRY(read_text(self, cursor, &pair->kind));
    else
        CC_TRY(cc_json_skip(cursor, NULL, self->error));
    return CC_OK;
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
        CC_TRY(read_members(self, cursor, read_pair, &pairs[*count_out]));
    }
}

static cc_status read_attributes(cc_schema_reader *self, cc_json_cursor *cursor, cc_raw_keys *raw) {
    bool first = true, more = true;
    size_t capacity = 0;
    if (cc_json_peek(cursor) == CC_JSON_NULL)
        return cc_json_read_null(cursor, self->error);
    CC_TRY(cc_json_enter(cursor, CC_JSON_ARRAY, self->error));
    while (true) {
        CC_TRY(cc_json_next_element(cursor, &first, &more, self->error));
        if (!more)
            return CC_OK;
        if (raw->attribute_count == capacity) {
            capacity = capacity == 0 ? 8 : capacity * 2;
            cc_bytes *grown = cc_arena_alloc(self->arena, capacity * sizeof *grown);
            if (grown == NULL)
                return cc_no_memory(self->error);
            if (raw->attribute_count != 0)
                memcpy(grown, raw->attributes, raw->attribute_count * sizeof *grown);
            raw->attributes = grown;
        }
        CC_TRY(read_text(self, cursor, &raw->attributes[raw->attribute_count++]));
    }
}

static cc_status read_projection(cc_schema_reader *self, cc_json_cursor *cursor, cc_bytes name,
                                 void *target) {
    cc_raw_keys *raw = target;
    if (cc_bytes_equal(name, cc_bytes_text("ProjectionType")))
        CC_TRY(read_text(self, cursor, &raw->projection));
    else if (cc_bytes_equal(name, cc_bytes_text("NonKeyAttributes")))
        CC_TRY(read_attributes(self, cursor, raw));
    else
        CC_TRY(cc_json_skip(cursor, NULL, self->error));
    return CC_OK;
}

static cc_status read_rate(cc_schema_reader *self, cc_json_cursor *cursor, double *rate_out) {
    cc_bytes text;
    CC_TRY(cc_json_read_number(cursor, &text, self->error));
    *rate_out = 0;
    for (size_t i = 0; i < text.size; i++) /* whole, as it is kept */
        *rate_out = text.data[i] >= '0' && text.data[i] <= '9' ? *rate_out * 10 + (text.data[i] - '0') : 0;
    return CC_OK;
}

static cc_status read_maxima(cc_schema_reader *self, cc_json_cursor *cursor, cc_bytes name, void *target) {
    cc_raw_keys *raw = target;
    if (cc_bytes_equal(name, cc_bytes_text("MaxReadRequestUnits")))
        return read_rate(self, cursor, &raw->maxima[0]);
    if (cc_bytes_equal(name, cc_bytes_text("MaxWriteRequestUnits")))
        return read_rate(self, cursor, &raw->maxima[1]);
    return cc_json_skip(cursor, NULL, self->error);
}

/* A member about throughput, of a table or of an index; others are skipped. */
static cc_status read_throughput(cc_schema_reader *self, cc_json_cursor *cursor, cc_bytes name,
                                 cc_raw_keys *raw) {
    if (cc_bytes_equal(name, cc_bytes_text("ReadCapacityUnits")))
        return read_rate(self, cursor, &raw->units[0]);
    if (cc_bytes_equal(name, cc_bytes_text("WriteCapacityUnits")))
        return read_rate(self, cursor, &raw->units[1]);
    if (cc_bytes_equal(name, cc_bytes_text("OnDemandThroughput")) && cc_json_peek(cursor) == CC_JSON_OBJECT)
        return read_members(self, cursor, read_maxima, raw);
    return cc_json_skip(cursor, NULL, self->error);
}

static cc_status make_buckets(const cc_schema_reader *self, const cc_raw_keys *raw,
                              cc_buckets **buckets_out) {
    cc_buckets *buckets = cc_arena_alloc(self->arena, sizeof *buckets);
    if (buckets == NULL)
        return cc_no_memory(self->error);
    *buckets = (cc_buckets){0};
    cc_bucket *both[2] = {&buckets->read, &buckets->write};
    for (int i = 0; i < 2; i++) {
        both[i]->on_demand = raw->units[i] == 0;
        both[i]->rate = raw->units[i] == 0 ? raw->maxima[i] : raw->units[i];
    }
    *buckets_out = buckets;
    return CC_OK;
}

static cc_status read_index(cc_schema_reader *self, cc_json_cursor *cursor, cc_bytes name, void *target) {
    cc_raw_keys *raw = target;
    if (cc_bytes_equal(name, cc_bytes_text("IndexName")))
        CC_TRY(read_text(self, cursor, &raw->name));
    else if (cc_bytes_equal(name, cc_bytes_text("KeySchema")))
        CC_TRY(read_pairs(self, cursor, raw->keys, KEYS_MAX, &raw->key_count));
    else if (cc_bytes_equal(name, cc_bytes_text("Projection")))
        CC_TRY(read_members(self, cursor, read_projection, raw));
    else
        CC_TRY(read_throughput(self, cursor, name, raw));
    return CC_OK;
}

static cc_status read_dimensions(cc_schema_reader *self, cc_json_cursor *cursor, int64_t *dimensions_out) {
    cc_bytes text;
    CC_TRY(cc_json_read_number(cursor, &text, self->error));
    *dimensions_out = 0;
    for (size_t i = 0; i < text.size && *dimensions_out <= CC_VECTOR_DIMENSIONS_MAX; i++)
        *dimensions_out = *dimensions_out * 10 + (text.data[i] - '0');
    return *dimensions_out < 1 || *dimensions_out > CC_VECTOR_DIMENSIONS_MAX ? bad(self->error) : CC_OK;
}

static cc_status read_vector_index(cc_schema_reader *self, cc_json_cursor *cursor, cc_bytes name,
                                   void *target) {
    cc_raw_keys *raw = target;
    if (cc_bytes_equal(name, cc_bytes_text("SearchSchema")))
        return read_pairs(self, cursor, raw->keys, ELEMENTS_MAX, &raw->key_count);
    if (cc_bytes_equal(name, cc_bytes_text("VectorAttribute")))
        return read_members(self, cursor, read_pair, &raw->vector);
    if (cc_bytes_equal(name, cc_bytes_text("DistanceFunction")))
        return read_text(self, cursor, &raw->distance);
    if (cc_bytes_equal(name, cc_bytes_text("Dimensions")))
        return read_dimensions(self, cursor, &raw->dimensions);
    return read_index(self, cursor, name, target);
}

/* A list of indexes, each a raw one of `list`, which has room for CC_SPACE_INDEX_MAX. */
static cc_status read_indexes(cc_schema_reader *self, cc_json_cursor *cursor, cc_raw_keys **list,
                              size_t *count, bool global) {
    bool first = true, more = true, vectors = list == &self->vectors;
    if (cc_json_peek(cursor) == CC_JSON_NULL)
        return cc_json_read_null(cursor, self->error);
    CC_TRY(cc_json_enter(cursor, CC_JSON_ARRAY, self->error));
    while (true) {
        CC_TRY(cc_json_next_element(cursor, &first, &more, self->error));
        if (!more)
            return CC_OK;
        if (*count == CC_SPACE_INDEX_MAX)
            return bad(self->error);
        if (*list == NULL) {
            size_t size = CC_SPACE_INDEX_MAX * sizeof **list;
            *list = cc_arena_alloc(self->arena, size);
            if (*list == NULL)
                return cc_no_memory(self->error);
            memset(*list, 0, size);
        }
        cc_raw_keys *raw = &(*list)[(*count)++];
        raw->global = global;
        CC_TRY(read_members(self, cursor, vectors ? read_vector_index : read_index, raw));
    }
}

static cc_status read_description(cc_schema_reader *self, cc_json_cursor *cursor, cc_bytes name,
                                  void *target) {
    (void)target; /* it fills the reader itself */
    if (cc_bytes_equal(name, cc_bytes_text("KeySchema")))
        CC_TRY(read_pairs(self, cursor, self->table.keys, 2, &self->table.key_count));
    else if (cc_bytes_equal(name, cc_bytes_text("AttributeDefinitions")))
        CC_TRY(read_pairs(self, cursor, self->definitions, DEFINITIONS_MAX, &self->definition_count));
    else if (cc_bytes_equal(name, cc_bytes_text("LocalSecondaryIndexes")))
        CC_TRY(read_indexes(self, cursor, &self->indexes, &self->index_count, false));
    else if (cc_bytes_equal(name, cc_bytes_text("GlobalSecondaryIndexes")))
        CC_TRY(read_indexes(self, cursor, &self->indexes, &self->index_count, true));
    else if (cc_bytes_equal(name, cc_bytes_text("VectorIndexes")))
        CC_TRY(read_indexes(self, cursor, &self->vectors, &self->vector_count, true));
    else if (cc_bytes_equal(name, cc_bytes_text("Feed")))
        CC_TRY(read_text(self, cursor, &self->feed));
    else if (cc_bytes_equal(name, cc_bytes_text("Loading")))
        CC_TRY(cc_json_read_bool(cursor, &self->loading, self->error));
    else
        CC_TRY(read_throughput(self, cursor, name, &self->table));
    return CC_OK;
}

/* ---- schema ---- */

static cc_type type_of(const cc_schema_reader *self, cc_bytes name) {
    for (size_t i = 0; i < self->definition_count; i++)
        if (cc_bytes_equal(self->definitions[i].name, name))
            return cc_type_from_name(self->definitions[i].kind);
    return CC_TYPE_NONE;
}

static cc_status make_shape(const cc_schema_reader *self, const cc_raw_keys *raw, cc_key_shape *shape) {
    for (size_t i = 0; i < raw->key_count; i++) {
        cc_key_attribute attribute = {raw->keys[i].name, type_of(self, raw->keys[i].name)};
        bool hash = cc_bytes_equal(raw->keys[i].kind, cc_bytes_text("HASH"));
        uint32_t *count = hash ? &shape->hash_count : &shape->range_count;
        if (*count == CC_INDEX_KEYS_MAX || attribute.name.size == 0 ||
            (attribute.type != CC_TYPE_S && attribute.type != CC_TYPE_N && attribute.type != CC_TYPE_B))
            return bad(self->error);
        (hash ? shape->hash : shape->range)[(*count)++] = attribute;
    }
    return shape->hash_count == 0 ? bad(self->error) : CC_OK;
}

static void add_name(cc_bytes *names, size_t *count, cc_bytes name) {
    for (size_t i = 0; i < *count; i++)
        if (cc_bytes_equal(names[i], name))
            return;
    names[(*count)++] = name;
}

static cc_status make_names(const cc_schema_reader *self, const cc_raw_keys *raw, cc_table_index *index) {
    size_t room = KEYS_MAX + 2 + raw->attribute_count;
    cc_bytes *names = cc_arena_alloc(self->arena, room * sizeof *names);
    if (names == NULL)
        return cc_no_memory(self->error);
    size_t count = 0;
    for (uint32_t i = 0; i < index->keys.hash_count; i++)
        add_name(names, &count, index->keys.hash[i].name);
    for (uint32_t i = 0; i < index->keys.range_count; i++)
        add_name(names, &count, index->keys.range[i].name);
    add_name(names, &count, index->table->partition_name);
    if (index->table->sort_name.size != 0)
        add_name(names, &count, index->table->sort_name);
    index->key_names = index->projected = names;
    index->key_name_count = count;
    for (size_t i = 0; i < raw->attribute_count; i++)
        add_name(names, &count, raw->attributes[i]);
    index->projected_count = count;
    return CC_OK;
}

static cc_projection_kind projection_of(const cc_raw_keys *raw) {
    return cc_bytes_equal(raw->projection, cc_bytes_text("ALL"))       ? CC_PROJECT_ALL
           : cc_bytes_equal(raw->projection, cc_bytes_text("INCLUDE")) ? CC_PROJECT_INCLUDE
                                                                       : CC_PROJECT_KEYS_ONLY;
}

static cc_status make_indexes(const cc_schema_reader *self, cc_table_schema *schema) {
    if (self->index_count == 0)
        return CC_OK;
    size_t size = self->index_count * sizeof *schema->indexes;
    schema->indexes = cc_arena_alloc(self->arena, size);
    if (schema->indexes == NULL)
        return cc_no_memory(self->error);
    memset(schema->indexes, 0, size);
    for (size_t i = 0; i < self->index_count; i++) {
        const cc_raw_keys *raw = &self->indexes[i];
        cc_table_index *index = &schema->indexes[schema->index_count++];
        index->name = raw->name;
        index->global = raw->global;
        index->table = &schema->key;
        index->projection = projection_of(raw);
        CC_TRY(make_buckets(self, raw, &index->buckets));
        CC_TRY(make_shape(self, raw, &index->keys));
        CC_TRY(make_names(self, raw, index));
    }
    return CC_OK;
}

static cc_vector_distance distance_of(const cc_raw_keys *raw) {
    return cc_bytes_equal(raw->distance, cc_bytes_text("EUCLIDEAN"))     ? CC_VECTOR_EUCLIDEAN
           : cc_bytes_equal(raw->distance, cc_bytes_text("DOT_PRODUCT")) ? CC_VECTOR_DOT_PRODUCT
                                                                         : CC_VECTOR_COSINE;
}

static cc_status make_elements(const cc_schema_reader *self, const cc_raw_keys *raw, cc_vector_index *index) {
    for (size_t i = 0; i < raw->key_count; i++) {
        cc_key_attribute element = {raw->keys[i].name, type_of(self, raw->keys[i].name)};
        bool hash = cc_bytes_equal(raw->keys[i].kind, cc_bytes_text("HASH"));
        if ((hash && index->has_hash) ||
            (element.type != CC_TYPE_S && element.type != CC_TYPE_N && element.type != CC_TYPE_B))
            return bad(self->error);
        index->elements[index->element_count++] = element;
        if (hash) { /* to the front */
            index->elements[index->element_count - 1] = index->elements[0];
            index->elements[0] = element;
            index->has_hash = true;
        }
    }
    return CC_OK;
}

static cc_status make_vector(const cc_schema_reader *self, const cc_raw_keys *raw, cc_table_schema *schema,
                             cc_vector_index *index) {
    size_t room = ELEMENTS_MAX + 2 + raw->attribute_count, count = 0;
    *index = (cc_vector_index){.name = raw->name,
                               .attribute = raw->vector.name,
                               .distance = distance_of(raw),
                               .dimensions = (uint32_t)raw->dimensions,
                               .projection = projection_of(raw)};
    if (raw->dimensions == 0 || raw->vector.name.size == 0)
        return bad(self->error);
    CC_TRY(make_elements(self, raw, index));
    cc_bytes *names = cc_arena_alloc(self->arena, room * sizeof *names);
    if (names == NULL)
        return cc_no_memory(self->error);
    add_name(names, &count, schema->key.partition_name);
    if (schema->key.sort_name.size != 0)
        add_name(names, &count, schema->key.sort_name);
    for (uint32_t i = 0; i < index->element_count; i++)
        add_name(names, &count, index->elements[i].name);
    for (size_t i = 0; i < raw->attribute_count; i++)
        add_name(names, &count, raw->attributes[i]);
    index->projected = names;
    index->projected_count = count;
    return CC_OK;
}

static cc_status make_vectors(const cc_schema_reader *self, cc_table_schema *schema) {
    if (self->vector_count == 0)
        return CC_OK;
    size_t size = self->vector_count * sizeof *schema->vectors;
    schema->vectors = cc_arena_alloc(self->arena, size);
    if (schema->vectors == NULL)
        return cc_no_memory(self->error);
    memset(schema->vectors, 0, size);
    for (size_t i = 0; i < self->vector_count; i++)
        CC_TRY(make_vector(self, &self->vectors[i], schema, &schema->vectors[schema->vector_count++]));
    return CC_OK;
}

static cc_status make(const cc_schema_reader *self, cc_table_schema *schema) {
    cc_key_shape *shape = &schema->shape;
    schema->loading = self->loading;
    CC_TRY(make_shape(self, &self->table, shape));
    if (shape->hash_count != 1 || shape->range_count > 1)
        return bad(self->error);
    schema->key = (cc_key_schema){shape->hash[0].name, shape->hash[0].type, {NULL, 0}, CC_TYPE_NONE};
    if (shape->range_count == 1) {
        schema->key.sort_name = shape->range[0].name;
        schema->key.sort_type = shape->range[0].type;
    }
    schema->feed = cc_bytes_equal(self->feed, cc_bytes_text("IMAGES")) ? CC_FEED_IMAGES
                   : cc_bytes_equal(self->feed, cc_bytes_text("KEYS")) ? CC_FEED_KEYS
                                                                       : CC_FEED_OFF;
    CC_TRY(make_buckets(self, &self->table, &schema->buckets));
    CC_TRY(make_indexes(self, schema));
    return make_vectors(self, schema);
}

cc_status cc_schema_parse(cc_bytes description_json, cc_table_schema **schema_out, cc_error *error) {
    cc_table_schema *schema = calloc(1, sizeof *schema);
    cc_schema_reader *self = calloc(1, sizeof *self);
    cc_status status;
    if (schema == NULL || self == NULL) {
        free(schema);
        free(self);
        return cc_no_memory(error);
    }
    cc_arena_init(&schema->arena, 1024);
    self->arena = &schema->arena;
    self->error = error;
    cc_json_cursor cursor = cc_json_open(description_json);
    CC_TRY_GOTO(read_members(self, &cursor, read_description, NULL));
    CC_TRY_GOTO(make(self, schema));
    *schema_out = schema;
cleanup:
    free(self);
    if (status != CC_OK)
        cc_schema_free(schema);
    return status;
}

void cc_schema_free(void *schema) {
    if (schema == NULL)
        return;
    cc_vectors_free(schema);
    cc_arena_free(&((cc_table_schema *)schema)->arena);
    free(schema);
}

const cc_table_index *cc_table_index_find(const cc_table_schema *schema, cc_bytes name) {
    for (size_t i = 0; i < schema->index_count; i++)
        if (cc_bytes_equal(schema->indexes[i].name, name))
            return &schema->indexes[i];
    return NULL;
}
