/* vectors.c: the life of a table's vector indexes, and their upkeep beside its writes. */
#include "table/vectors.h"

#include <math.h>
#include <stdlib.h>

#include "base/hash.h"
#include "codec/number.h"
#include "store/watch.h"

const cc_vector_index *cc_vector_index_find(const cc_table_schema *schema, cc_bytes name) {
    for (size_t i = 0; i < schema->vector_count; i++)
        if (cc_bytes_equal(schema->vectors[i].name, name))
            return &schema->vectors[i];
    return NULL;
}

/* ---- what an index holds of an item ---- */

bool cc_vector_read(cc_value list, uint32_t count, float *vector_out) {
    if (list.type != CC_TYPE_L || cc_value_count(list) != count)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        cc_value element;
        CC_ASSERT(cc_list_at(list, i, &element));
        if (element.type != CC_TYPE_N)
            return false;
        vector_out[i] = cc_number_to_float(cc_value_bytes(element));
        if (!isfinite(vector_out[i]))
            return false;
    }
    return true;
}

uint64_t cc_vector_filter_of(const cc_vector_index *index, cc_value value) {
    cc_bytes bytes = cc_value_bytes(value);
    return cc_hash64(bytes.data, bytes.size, index->seed ^ (uint64_t)value.type) | 1; /* 0: none */
}

/* The vector and the filters of an item; false: the index does not hold it. */
static bool read_image(const cc_vector_index *index, cc_bytes item, uint64_t *filters) {
    cc_value value;
    for (uint32_t i = 0; i < index->element_count; i++) {
        bool there = cc_item_find(item, index->elements[i].name, &value) &&
                     value.type == index->elements[i].type && cc_value_bytes(value).size != 0;
        if (!there && i == 0 && index->has_hash)
            return false;
        filters[i] = there ? cc_vector_filter_of(index, value) : 0;
    }
    return cc_item_find(item, index->attribute, &value) &&
           cc_vector_read(value, index->dimensions, index->vector);
}

static size_t entry_size(const cc_vector_index *index, cc_bytes item) {
    size_t size = index->dimensions * sizeof(float) + index->attribute.size;
    cc_value value;
    if (index->projection == CC_PROJECT_ALL) {
        CC_ASSERT(cc_item_find(item, index->attribute, &value));
        return size + cc_item_size(item) - index->attribute.size - cc_value_size(value);
    }
    for (size_t i = 0; i < index->projected_count; i++)
        if (cc_item_find(item, index->projected[i], &value))
            size += index->projected[i].size + cc_value_size(value);
    return size;
}

static void keep(cc_vector_index *index, cc_key key, cc_bytes item) {
    uint64_t filters[CC_VECTOR_ELEMENTS_MAX];
    if (item.data != NULL && read_image(index, item, filters))
        cc_matrix_put(index->matrix, key, index->vector, filters, (uint32_t)entry_size(index, item));
    else
        cc_matrix_remove(index->matrix, key);
}

bool cc_vectors_agree(const cc_table_schema *schema, cc_key key, cc_bytes item) {
    uint64_t filters[CC_VECTOR_ELEMENTS_MAX];
    for (size_t i = 0; i < schema->vector_count; i++)
        if (read_image(&schema->vectors[i], item, filters) != cc_matrix_has(schema->vectors[i].matrix, key))
            return false;
    return true;
}

/* ---- beside writes ---- */

static cc_status prepare(void *owner, size_t changes, size_t key_bytes) {
    const cc_table_schema *schema = owner;
    for (size_t i = 0; i < schema->vector_count; i++)
        CC_TRY(cc_matrix_reserve(schema->vectors[i].matrix, changes, key_bytes));
    return CC_OK;
}

static void apply(void *owner, cc_key key, cc_bytes value) {
    const cc_table_schema *schema = owner;
    for (size_t i = 0; i < schema->vector_count; i++)
        keep(&schema->vectors[i], key, value);
}

/* ---- life ---- */

void cc_vectors_watch(cc_space *space, cc_table_schema *schema) {
    static const cc_watch watch = {prepare, apply};
    cc_space_watch(space, schema->vector_count != 0 ? &watch : NULL, schema);
}

cc_status cc_vectors_open(cc_space *space, cc_table_schema *schema, cc_error *error) {
    for (size_t i = 0; i < schema->vector_count; i++) {
        cc_vector_index *index = &schema->vectors[i];
        if (index->matrix != NULL)
            continue;
        index->seed = cc_space_partition_hash(space, index->name);
        index->vector = malloc(index->dimensions * sizeof *index->vector);
        index->matrix = cc_matrix_new(index->dimensions, index->distance, index->element_count);
        index->filling = true;
        if (index->vector == NULL || index->matrix == NULL)
            return cc_fail(error, CC_ERR_NOMEM, "no memory for a vector index");
    }
    return CC_OK;
}

void cc_vectors_free(cc_table_schema *schema) {
    for (size_t i = 0; i < schema->vector_count; i++) {
        cc_matrix_release(schema->vectors[i].matrix);
        free(schema->vectors[i].vector);
        cc_buffer_free(&schema->vectors[i].resume);
    }
}

/* What cannot be changed of an index: another of these under its name is another index. */
static bool same_index(const cc_vector_index *a, const cc_vector_index *b) {
    if (a->dimensions != b->dimensions || a->distance != b->distance || a->projection != b->projection ||
        a->has_hash != b->has_hash || a->element_count != b->element_count ||
        a->projected_count != b->projected_count || !cc_bytes_equal(a->attribute, b->attribute))
        return false;
    for (uint32_t i = 0; i < a->element_count; i++)
        if (a->elements[i].type != b->elements[i].type ||
            !cc_bytes_equal(a->elements[i].name, b->elements[i].name))
            return false;
    for (size_t i = 0; i < a->projected_count; i++)
        if (!cc_bytes_equal(a->projected[i], b->projected[i]))
            return false;
    return true;
}

void cc_vectors_hand_over(const cc_table_schema *from, cc_table_schema *to) {
    for (size_t i = 0; i < to->vector_count; i++) {
        cc_vector_index *index = &to->vectors[i];
        cc_vector_index *old = (cc_vector_index *)(uintptr_t)cc_vector_index_find(from, index->name);
        if (old == NULL || old->matrix == NULL || !same_index(old, index))
            continue;
        index->seed = old->seed;
        index->matrix = old->matrix;
        index->vector = old->vector;
        index->filling = old->filling;
        index->resume = old->resume;
        index->resume_partition = old->resume_partition;
        old->matrix = NULL;
        old->vector = NULL;
        old->resume = (cc_buffer){0};
    }
}

/* ---- filling ---- */

static cc_status keep_resume(cc_vector_index *index, cc_key key) {
    cc_buffer_clear(&index->resume);
    CC_TRY(cc_buffer_append(&index->resume, key.partition.data, key.partition.size));
    CC_TRY(cc_buffer_append(&index->resume, key.sort.data, key.sort.size));
    index->resume_partition = key.partition.size;
    return CC_OK;
}

static cc_status fill(cc_space *space, cc_vector_index *index, size_t count, bool *more, cc_error *error) {
    cc_space_cursor cursor;
    cc_bytes from = cc_buffer_bytes(&index->resume), item = {NULL, 0};
    cc_key key = {{from.data, index->resume_partition}, {NULL, 0}};
    uint64_t hash;
    if (from.size != 0)
        key.sort = cc_bytes_of(from.data + key.partition.size, from.size - key.partition.size);
    *more = from.size == 0 ? cc_space_seek_hash(space, 0, &cursor) : cc_space_seek(space, key, &cursor);
    for (; *more && count != 0; count--, *more = cc_space_next(&cursor)) {
        cc_space_entry(&cursor, &hash, &key, &item);
        if (CC_UNLIKELY(item.data == NULL))
            return CC_ERR_IO;
        CC_TRY(cc_table_check_stored(key, item, error));
        CC_TRY(cc_matrix_reserve(index->matrix, 1, key.partition.size + key.sort.size));
        keep(index, key, item);
    }
    if (!*more)
        return CC_OK;
    cc_space_entry(&cursor, &hash, &key, NULL);
    return keep_resume(index, key);
}

cc_status cc_vectors_fill(cc_store *store, cc_space *space, cc_vector_index *index, size_t count,
                          bool *done_out, cc_error *error) {
    bool more = false;
    cc_status status = fill(space, index, count, &more, error);
    if (status != CC_OK) {
        cc_buffer_clear(&index->resume); /* it starts over, and finds the same */
        CC_TRY(cc_store_failure(store, error));
        return status == CC_ERR_CORRUPT ? status
                                        : cc_fail(error, CC_ERR_NOMEM, "no memory to fill a vector index");
    }
    *done_out = !more;
    if (!more) {
        index->filling = false;
        cc_buffer_free(&index->resume);
    }
    return CC_OK;
}

/* ---- what a write costs, what a search shows ---- */

static bool holds(const cc_vector_index *index, cc_bytes item) {
    cc_value value;
    return item.size != 0 && cc_item_find(item, index->attribute, &value) && value.type == CC_TYPE_L &&
           cc_value_count(value) == index->dimensions &&
           (!index->has_hash ||
            (cc_item_find(item, index->elements[0].name, &value) && value.type == index->elements[0].type));
}

static bool same_value(cc_bytes name, cc_bytes a, cc_bytes b) {
    cc_value x, y;
    bool has_x = cc_item_find(a, name, &x), has_y = cc_item_find(b, name, &y);
    return has_x == has_y && (!has_x || cc_value_equal(x, y));
}

static bool same_image(const cc_vector_index *index, cc_bytes a, cc_bytes b) {
    if (index->projection == CC_PROJECT_ALL)
        return cc_bytes_equal(a, b);
    for (size_t i = 0; i < index->projected_count; i++)
        if (!same_value(index->projected[i], a, b))
            return false;
    return same_value(index->attribute, a, b);
}

double cc_vector_write_bytes(const cc_vector_index *index, cc_bytes old, cc_bytes item) {
    bool was = holds(index, old), is = holds(index, item);
    if ((!was && !is) || (was && is && same_image(index, old, item)))
        return 0;
    size_t before = was ? entry_size(index, old) : 0, after = is ? entry_size(index, item) : 0;
    size_t size = before > after ? before : after;
    return (double)(size < 1024 ? 1024 : size);
}

static cc_status put_vector(cc_item_writer *writer, cc_value list, cc_error *error) {
    CC_TRY(cc_item_begin_list(writer, error));
    for (uint32_t i = 0; i < cc_value_count(list); i++) {
        cc_value element;
        uint8_t number[CC_NUMBER_MAX];
        size_t size;
        CC_ASSERT(cc_list_at(list, i, &element));
        CC_TRY(cc_number_from_float(cc_number_to_float(cc_value_bytes(element)), number, &size, error));
        CC_TRY(cc_item_put_number(writer, cc_bytes_of(number, size), error));
    }
    return cc_item_end_container(writer, error);
}

static bool projects(const cc_vector_index *index, cc_bytes name) {
    return cc_projection_has(index->projection, index->projected, index->projected_count, name);
}

cc_status cc_vector_project(const cc_vector_index *index, cc_bytes item, bool whole, cc_arena *arena,
                            cc_buffer *out, cc_error *error) {
    cc_item_writer writer;
    uint32_t count = cc_item_count(item);
    cc_item_writer_init(&writer, out, arena);
    CC_TRY(cc_item_begin(&writer, error));
    for (uint32_t i = 0; i < count; i++) {
        cc_bytes name;
        cc_value value;
        cc_item_at(item, i, &name, &value);
        bool vector = cc_bytes_equal(name, index->attribute);
        if (vector ? !whole : !projects(index, name))
            continue;
        CC_TRY(cc_item_name(&writer, name, error));
        CC_TRY(vector ? put_vector(&writer, value, error) : cc_item_put_value(&writer, value, error));
    }
    return cc_item_end(&writer, error);
}
