/* index_key.c: the keys of index entries; their form stands at the head of index.h. */
#include "table/index.h"

static cc_status append_escaped(cc_bytes bytes, cc_buffer *out) {
    while (bytes.size != 0) {
        const uint8_t *zero = memchr(bytes.data, 0, bytes.size);
        size_t plain = zero == NULL ? bytes.size : (size_t)(zero - bytes.data) + 1;
        CC_TRY(cc_buffer_append(out, bytes.data, plain));
        if (zero != NULL)
            CC_TRY(cc_buffer_append_byte(out, 0xff));
        bytes = (cc_bytes){bytes.data + plain, bytes.size - plain};
    }
    return CC_OK;
}

static cc_status append_body(cc_type type, cc_bytes bytes, bool with_end, cc_buffer *out) {
    if (type == CC_TYPE_N)
        return cc_buffer_append(out, bytes.data, bytes.size);
    CC_TRY(append_escaped(bytes, out));
    return with_end ? cc_buffer_append(out, "\0", 2) : CC_OK;
}

cc_status cc_index_body(cc_value value, bool with_end, cc_buffer *out) {
    return append_body(value.type, cc_value_bytes(value), with_end, out);
}

cc_status cc_index_partition(const cc_key_shape *keys, const cc_value *values, cc_buffer *out) {
    for (uint32_t i = 0; i < keys->hash_count; i++) {
        cc_bytes bytes = cc_value_bytes(values[i]);
        CC_TRY(cc_buffer_append_byte(out, (uint8_t)values[i].type));
        if (keys->hash_count == 1)
            return cc_buffer_append(out, bytes.data, bytes.size);
        CC_TRY(append_body(values[i].type, bytes, true, out));
    }
    return CC_OK;
}

/* Fills the values of `count` attributes; false when one is missing or cannot be a key. */
static bool find_values(const cc_key_attribute *attributes, uint32_t count, size_t limit, cc_bytes item,
                        cc_value *values) {
    size_t total = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!cc_item_find(item, attributes[i].name, &values[i]) || values[i].type != attributes[i].type)
            return false;
        size_t size = cc_value_bytes(values[i]).size;
        if (size == 0)
            return false;
        total += size;
    }
    return total <= limit;
}

static cc_status append_table_key(const cc_table_index *index, cc_key key, cc_buffer *out) {
    if (index->global) {
        CC_ASSERT(key.partition.size != 0);
        cc_bytes body = {key.partition.data + 1, key.partition.size - 1};
        CC_TRY(append_body(index->table->partition_type, body, true, out));
    }
    return cc_buffer_append(out, key.sort.data, key.sort.size);
}

cc_status cc_table_index_make(const void *definition, cc_key table_key, cc_bytes item, cc_buffer *scratch,
                              cc_index_image *image_out, bool *present_out) {
    const cc_table_index *index = definition;
    const cc_key_shape *keys = &index->keys;
    cc_value hash[CC_INDEX_KEYS_MAX], range[CC_INDEX_KEYS_MAX];
    *present_out = find_values(keys->hash, keys->hash_count, CC_KEY_PARTITION_MAX, item, hash) &&
                   find_values(keys->range, keys->range_count, CC_KEY_SORT_MAX, item, range);
    if (!*present_out)
        return CC_OK;
    CC_TRY(cc_index_partition(keys, hash, scratch));
    size_t partition = scratch->size;
    for (uint32_t i = 0; i < keys->range_count; i++)
        CC_TRY(cc_index_body(range[i], true, scratch));
    CC_TRY(append_table_key(index, table_key, scratch));
    image_out->key.partition = (cc_bytes){scratch->data, partition};
    image_out->key.sort = (cc_bytes){scratch->data + partition, scratch->size - partition};
    image_out->size = (uint32_t)cc_table_index_size(index, item);
    return CC_OK;
}
