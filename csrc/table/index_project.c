/* index_project.c: what an index shows of an item, how large that is, and what keeping it costs. */
#include "table/internal.h"

bool cc_projection_has(cc_projection_kind kind, const cc_bytes *names, size_t count, cc_bytes name) {
    if (kind == CC_PROJECT_ALL)
        return true;
    for (size_t i = 0; i < count; i++)
        if (cc_bytes_equal(names[i], name))
            return true;
    return false;
}

bool cc_table_index_projects(const cc_table_index *index, cc_bytes name) {
    return cc_projection_has(index->projection, index->projected, index->projected_count, name);
}

size_t cc_table_index_size(const cc_table_index *index, cc_bytes item) {
    if (index->projection == CC_PROJECT_ALL)
        return cc_item_size(item);
    size_t size = 0;
    cc_value value;
    for (size_t i = 0; i < index->projected_count; i++)
        if (cc_item_find(item, index->projected[i], &value))
            size += index->projected[i].size + cc_value_size(value);
    return size;
}

cc_status cc_table_index_project(const cc_table_index *index, cc_bytes item, cc_arena *arena, cc_buffer *out,
                                 cc_error *error) {
    if (index->projection == CC_PROJECT_ALL)
        return cc_buffer_append(out, item.data, item.size);
    cc_item_writer writer;
    cc_value value;
    cc_item_writer_init(&writer, out, arena);
    CC_TRY(cc_item_begin(&writer, error));
    for (size_t i = 0; i < index->projected_count; i++) {
        if (!cc_item_find(item, index->projected[i], &value))
            continue;
        CC_TRY(cc_item_name(&writer, index->projected[i], error));
        CC_TRY(cc_item_put_value(&writer, value, error));
    }
    return cc_item_end(&writer, error);
}

/* ---- costs ---- */

static bool in_index(const cc_key_attribute *attributes, uint32_t count, cc_bytes item) {
    cc_value value;
    for (uint32_t i = 0; i < count; i++)
        if (!cc_item_find(item, attributes[i].name, &value) || value.type != attributes[i].type)
            return false;
    return true;
}

static bool present(const cc_table_index *index, cc_bytes item) {
    return item.size != 0 && in_index(index->keys.hash, index->keys.hash_count, item) &&
           in_index(index->keys.range, index->keys.range_count, item);
}

static bool same(const cc_bytes *names, size_t count, cc_bytes a, cc_bytes b) {
    for (size_t i = 0; i < count; i++) {
        cc_value x, y;
        bool has_x = cc_item_find(a, names[i], &x), has_y = cc_item_find(b, names[i], &y);
        if (has_x != has_y || (has_x && !cc_value_equal(x, y)))
            return false;
    }
    return true;
}

/* An entry that moves is taken out and put in: two writes. One that shows the same is not written. */
double cc_table_index_write_units(const cc_table_index *index, cc_bytes old, cc_bytes item) {
    bool was = present(index, old), is = present(index, item);
    size_t before = was ? cc_table_index_size(index, old) : 0;
    size_t after = is ? cc_table_index_size(index, item) : 0;
    if (!was || !is)
        return was || is ? cc_write_units(before, after) : 0.0;
    if (!same(index->key_names, index->key_name_count, old, item))
        return cc_write_units(before, 0) + cc_write_units(0, after);
    bool unchanged = index->projection == CC_PROJECT_ALL
                         ? cc_bytes_equal(old, item)
                         : same(index->projected, index->projected_count, old, item);
    return unchanged ? 0.0 : cc_write_units(before, after);
}
