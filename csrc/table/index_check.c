/* index_check.c: what a written item may have in the key attributes of its table's indexes. */
#include "table/vectors.h"

static int clip(cc_bytes name) { return (int)cc_utf8_cut(name, 255); }

static cc_status check_one(const cc_table_index *index, const cc_key_attribute *attribute, cc_value value,
                           cc_error *error) {
    cc_bytes name = attribute->name;
    if (value.type != attribute->type)
        return CC_INVALID(error,
                          "One or more parameter values were invalid: Type mismatch for Index Key "
                          "%.*s Expected: %s Actual: %s IndexName: %.*s",
                          clip(name), (const char *)name.data, cc_type_name(attribute->type),
                          cc_type_name(value.type), clip(index->name), (const char *)index->name.data);
    if (cc_value_bytes(value).size == 0)
        return CC_INVALID(error,
                          "One or more parameter values are not valid. A value specified for a "
                          "secondary index key is not supported. The AttributeValue for a key "
                          "attribute cannot contain an empty %s value. IndexName: %.*s, IndexKey: "
                          "%.*s",
                          value.type == CC_TYPE_S ? "string" : "binary", clip(index->name),
                          (const char *)index->name.data, clip(name), (const char *)name.data);
    return CC_OK;
}

static cc_status check_keys(const cc_table_index *index, const cc_key_attribute *attributes, uint32_t count,
                            size_t limit, cc_bytes item, cc_bytes old, cc_error *error) {
    size_t total = 0;
    for (uint32_t i = 0; i < count; i++) {
        cc_value value, before;
        if (!cc_item_find(item, attributes[i].name, &value))
            continue;
        if (old.size != 0 && cc_item_find(old, attributes[i].name, &before) && cc_value_equal(value, before))
            continue;
        CC_TRY(check_one(index, &attributes[i], value, error));
        total += cc_value_bytes(value).size;
    }
    if (total <= limit)
        return CC_OK;
    return CC_INVALID(error, limit == CC_KEY_PARTITION_MAX
                                 ? "One or more parameter values were invalid: Size of hashkey has "
                                   "exceeded the maximum size limit of2048 bytes"
                                 : "One or more parameter values were invalid: Aggregated size of "
                                   "all range keys has exceeded the size limit of 1024 bytes");
}

cc_status cc_table_index_check(const cc_table_schema *schema, cc_bytes item, cc_bytes old, cc_error *error) {
    for (size_t i = 0; i < schema->index_count; i++) {
        const cc_table_index *index = &schema->indexes[i];
        const cc_key_shape *keys = &index->keys;
        CC_TRY(check_keys(index, keys->hash, keys->hash_count, CC_KEY_PARTITION_MAX, item, old, error));
        CC_TRY(check_keys(index, keys->range, keys->range_count, CC_KEY_SORT_MAX, item, old, error));
    }
    return cc_vectors_check(schema, item, old, error);
}
