/* vector_check.c: what a written item may have as a vector, and in the search schemas of its table's indexes. */
#include <math.h>

#include "codec/number.h"
#include "table/vectors.h"

#define CLIPPED(bytes) (int)cc_utf8_cut(bytes, 255), (const char *)(bytes).data

static cc_status check_vector(const cc_vector_index *index, cc_value value, cc_error *error) {
    if (value.type != CC_TYPE_L)
        return CC_INVALID(error,
                          "One or more parameter values were invalid. Invalid type for parameter %.*s, "
                          "Expected: 32-bit floating point number list IndexName: %.*s",
                          CLIPPED(index->attribute), CLIPPED(index->name));
    uint32_t count = cc_value_count(value);
    if (count != index->dimensions)
        return CC_INVALID(error,
                          "One or more parameter values were invalid. Invalid size for parameter %.*s, "
                          "Expected: %u, Actual: %u IndexName: %.*s",
                          CLIPPED(index->attribute), index->dimensions, count, CLIPPED(index->name));
    for (uint32_t i = 0; i < count; i++) {
        cc_value element;
        CC_ASSERT(cc_list_at(value, i, &element));
        if (element.type == CC_TYPE_N && isfinite(cc_number_to_float(cc_value_bytes(element))))
            continue;
        return CC_INVALID(error,
                          "One or more parameter values were invalid. Invalid type for parameter %.*s[%u], "
                          "Expected: 32-bit floating point number, Actual: %s. IndexName: %.*s",
                          CLIPPED(index->attribute), i, cc_type_name(element.type), CLIPPED(index->name));
    }
    return CC_OK;
}

static cc_status check_element(const cc_vector_index *index, const cc_key_attribute *element, bool hash,
                               cc_value value, cc_error *error) {
    if (value.type != element->type)
        return CC_INVALID(error,
                          "One or more parameter values were invalid: Type mismatch for Index Key %.*s "
                          "Expected: %s Actual: %s IndexName: %.*s",
                          CLIPPED(element->name), cc_type_name(element->type), cc_type_name(value.type),
                          CLIPPED(index->name));
    if (cc_value_bytes(value).size == 0)
        return CC_INVALID(error,
                          "One or more parameter values are not valid. A value specified for a secondary "
                          "index key is not supported. The AttributeValue for a key attribute cannot contain "
                          "an empty %s value. IndexName: %.*s, IndexKey: %.*s",
                          value.type == CC_TYPE_S ? "string" : "binary", CLIPPED(index->name),
                          CLIPPED(element->name));
    if (hash && cc_value_bytes(value).size > CC_KEY_PARTITION_MAX)
        return CC_INVALID(error,
                          "One or more parameter values were invalid: Size of hashkey has exceeded the "
                          "maximum size limit of2048 bytes");
    return CC_OK;
}

/* The attribute of `item`, unless it is missing or as it was in `old`. */
static bool is_new(cc_bytes item, cc_bytes old, cc_bytes name, cc_value *value_out) {
    cc_value before;
    return cc_item_find(item, name, value_out) &&
           !(old.size != 0 && cc_item_find(old, name, &before) && cc_value_equal(*value_out, before));
}

cc_status cc_vectors_check(const cc_table_schema *schema, cc_bytes item, cc_bytes old, cc_error *error) {
    for (size_t i = 0; i < schema->vector_count; i++) {
        const cc_vector_index *index = &schema->vectors[i];
        cc_value value;
        for (uint32_t k = 0; k < index->element_count; k++)
            if (is_new(item, old, index->elements[k].name, &value))
                CC_TRY(check_element(index, &index->elements[k], k == 0 && index->has_hash, value, error));
        if (is_new(item, old, index->attribute, &value))
            CC_TRY(check_vector(index, value, error));
    }
    return CC_OK;
}
