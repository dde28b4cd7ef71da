/* key.c: keys out of items, in AWS's words when they do not fit. Form: key.h. */
#include "codec/key.h"

#include <stdio.h>

#include "codec/json.h"
#include "codec/number.h"

static cc_status invalid(cc_error *error, const char *format, cc_bytes name) {
    char text[300];
    snprintf(text, sizeof text, format, (int)cc_utf8_cut(name, 255), (const char *)name.data);
    return cc_fail_aws(error, CC_ERR_VALIDATION, "ValidationException",
                       "One or more parameter values were invalid: %s", text);
}

static cc_status check_size(bool is_sort, cc_bytes bytes, cc_error *error) {
    size_t limit = is_sort ? CC_KEY_SORT_MAX : CC_KEY_PARTITION_MAX;
    if (bytes.size <= limit)
        return CC_OK;
    return cc_fail_aws(error, CC_ERR_VALIDATION, "ValidationException",
                       is_sort ? "One or more parameter values were invalid: Aggregated size of all "
                                 "range keys has exceeded the size limit of 1024 bytes"
                               : "One or more parameter values were invalid: Size of hashkey has "
                                 "exceeded the maximum size limit of2048 bytes");
}

/* The stored form of a key value whose type fits. */
static cc_status part_of(bool is_sort, cc_value value, cc_arena *arena, cc_bytes *part_out, cc_error *error) {
    cc_bytes bytes = cc_value_bytes(value);
    CC_TRY(check_size(is_sort, bytes, error));
    if (is_sort) {
        *part_out = bytes;
        return CC_OK;
    }
    uint8_t *typed = cc_arena_alloc(arena, bytes.size + 1);
    if (typed == NULL)
        return cc_fail(error, CC_ERR_NOMEM, "no memory for a key");
    typed[0] = (uint8_t)value.type;
    memcpy(typed + 1, bytes.data, bytes.size);
    *part_out = cc_bytes_of(typed, bytes.size + 1);
    return CC_OK;
}

cc_status cc_key_part(cc_type want, bool is_sort, cc_value value, cc_arena *arena, cc_bytes *part_out,
                      cc_error *error) {
    if (value.type != want)
        return cc_fail_aws(error, CC_ERR_VALIDATION, "ValidationException",
                           "One or more parameter values were invalid: Condition parameter type "
                           "does not match schema type");
    return part_of(is_sort, value, arena, part_out, error);
}

static cc_status key_attribute(cc_bytes item, cc_bytes name, cc_type want, bool is_sort, cc_arena *arena,
                               cc_bytes *part_out, cc_error *error) {
    cc_value value;
    if (!cc_item_find(item, name, &value))
        return invalid(error, "Missing the key %.*s in the item", name);
    if (value.type != want)
        return cc_fail_aws(error, CC_ERR_VALIDATION, "ValidationException",
                           "One or more parameter values were invalid: Type mismatch for key %.*s "
                           "expected: %s actual: %s",
                           (int)cc_utf8_cut(name, 255), (const char *)name.data, cc_type_name(want),
                           cc_type_name(value.type));
    if (want != CC_TYPE_N && cc_value_bytes(value).size == 0)
        return cc_fail_aws(error, CC_ERR_VALIDATION, "ValidationException",
                           "One or more parameter values are not valid. The AttributeValue for a "
                           "key attribute cannot contain an empty %s value. Key: %.*s",
                           want == CC_TYPE_S ? "string" : "binary", (int)cc_utf8_cut(name, 255),
                           (const char *)name.data);
    return part_of(is_sort, value, arena, part_out, error);
}

cc_status cc_key_from_item(const cc_key_schema *schema, cc_bytes item, cc_arena *arena, cc_key *key_out,
                           cc_error *error) {
    *key_out = (cc_key){0};
    CC_TRY(key_attribute(item, schema->partition_name, schema->partition_type, false, arena,
                         &key_out->partition, error));
    if (schema->sort_name.size != 0)
        CC_TRY(key_attribute(item, schema->sort_name, schema->sort_type, true, arena, &key_out->sort, error));
    return CC_OK;
}

cc_status cc_key_from_key_item(const cc_key_schema *schema, cc_bytes key_item, cc_arena *arena,
                               cc_key *key_out, cc_error *error) {
    cc_value value;
    uint32_t parts = schema->sort_name.size != 0 ? 2 : 1;
    bool fits = cc_item_count(key_item) == parts && cc_item_find(key_item, schema->partition_name, &value) &&
                value.type == schema->partition_type;
    if (fits && parts == 2)
        fits = cc_item_find(key_item, schema->sort_name, &value) && value.type == schema->sort_type;
    if (!fits)
        return cc_fail_aws(error, CC_ERR_VALIDATION, "ValidationException",
                           "The provided key element does not match the schema");
    return cc_key_from_item(schema, key_item, arena, key_out, error);
}

static bool part_fits(cc_type type, cc_bytes part, size_t limit) {
    if (part.size == 0 || part.size > limit)
        return false;
    return type == CC_TYPE_N ? cc_number_valid(part) : type != CC_TYPE_S || cc_utf8_valid(part);
}

bool cc_key_fits(const cc_key_schema *schema, cc_key key) {
    if (key.partition.size == 0 || key.partition.data[0] != (uint8_t)schema->partition_type ||
        !part_fits(schema->partition_type, cc_bytes_of(key.partition.data + 1, key.partition.size - 1),
                   CC_KEY_PARTITION_MAX))
        return false;
    if (schema->sort_name.size == 0)
        return key.sort.size == 0;
    return part_fits(schema->sort_type, key.sort, CC_KEY_SORT_MAX);
}

static bool is_value_of(cc_bytes item, cc_bytes name, cc_type type, cc_bytes part) {
    cc_value value;
    return cc_item_find(item, name, &value) && value.type == type &&
           cc_bytes_equal(cc_value_bytes(value), part);
}

bool cc_key_is_of(const cc_key_schema *schema, cc_key key, cc_bytes item) {
    cc_bytes partition = cc_bytes_of(key.partition.data + 1, key.partition.size - 1);
    return is_value_of(item, schema->partition_name, schema->partition_type, partition) &&
           (schema->sort_name.size == 0 || is_value_of(item, schema->sort_name, schema->sort_type, key.sort));
}
