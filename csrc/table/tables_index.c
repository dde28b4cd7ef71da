/* tables_index.c: the life of a table's indexes: made with the table, at open, or beside running writers. */
#include <sched.h>

#include "table/throttle.h"
#include "table/vectors.h"

enum { FILL_SLICE = 512, FILL_VECTORS = 32 }; /* items put in per turn of the lock: about a millisecond */

static cc_status add_orders(cc_space *space, cc_table_schema *schema, cc_error *error) {
    for (size_t i = 0; i < schema->index_count; i++) {
        cc_table_index *index = &schema->indexes[i];
        if (index->entries == NULL)
            CC_TRY(cc_index_create(space, cc_table_index_make, index, &index->entries, error));
    }
    return CC_OK;
}

/* Takes away the orders that `schema` has and `kept` (NULL: none) has not. */
static void drop_orders(cc_table_schema *schema, const cc_table_schema *kept) {
    for (size_t i = 0; i < schema->index_count; i++) {
        cc_table_index *index = &schema->indexes[i];
        const cc_table_index *other = kept == NULL ? NULL : cc_table_index_find(kept, index->name);
        if (index->entries != NULL && (other == NULL || other->entries != index->entries))
            cc_index_drop(index->entries);
    }
}

cc_status cc_table_attach(cc_space *space, cc_table_schema *schema, cc_error *error) {
    cc_status status = add_orders(space, schema, error);
    if (status == CC_OK)
        status = cc_vectors_open(space, schema, error);
    if (status == CC_OK)
        status = cc_space_set_feed(space, schema->feed, error);
    if (status != CC_OK) {
        drop_orders(schema, NULL);
        cc_schema_free(schema);
        return status;
    }
    cc_vectors_watch(space, schema);
    cc_space_attach(space, schema, cc_schema_free);
    return CC_OK;
}

static cc_status fill_all(cc_store *store, cc_space *space, cc_table_schema *schema, cc_error *error) {
    for (size_t i = 0; i < schema->index_count; i++)
        for (bool done = false; !done;)
            CC_TRY(cc_index_fill(schema->indexes[i].entries, cc_table_check_stored, SIZE_MAX, &done, error));
    for (size_t i = 0; i < schema->vector_count; i++)
        for (bool done = false; !done; cc_store_settle(store))
            CC_TRY(cc_vectors_fill(store, space, &schema->vectors[i], FILL_SLICE, &done, error));
    return CC_OK;
}

/* What is stored and no item has no key, and there is no index without it. */
static cc_status tell_fill(const cc_space *space, cc_status status, const cc_error *why, cc_error *error) {
    cc_bytes name = cc_space_name(space);
    if (status == CC_ERR_CORRUPT)
        return cc_fail(
            error, status,
            "table '%.*s': no index can be made of an item in it: %.100s; 'cloudcore check' says which "
            "ones, 'cloudcore repair' leaves them out",
            (int)cc_utf8_cut(name, 100), (const char *)name.data, why->message);
    if (status != CC_OK && error != NULL)
        *error = *why;
    return status;
}

cc_status cc_table_fill_locked(cc_store *store, cc_space *space, cc_table_schema *schema, cc_error *error) {
    cc_error why = {0};
    return tell_fill(space, fill_all(store, space, schema, &why), &why, error);
}

cc_status cc_tables_build_indexes(cc_tables *tables, cc_error *error) {
    cc_space *space;
    for (size_t i = 0; (space = cc_space_at(tables->store, i)) != NULL; i++) {
        cc_table_schema *schema = NULL;
        cc_status status = cc_schema_parse(cc_space_meta(space), &schema, error);
        if (status == CC_ERR_NOMEM)
            return status;
        if (status != CC_OK)
            continue; /* not a table's description: whoever asks for it as one is told */
        CC_TRY(cc_table_attach(space, schema, error));
        CC_TRY(cc_table_fill_locked(tables->store, space, schema, error));
    }
    return CC_OK;
}

static bool same_attributes(const cc_key_attribute *a, const cc_key_attribute *b, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        if (a[i].type != b[i].type || !cc_bytes_equal(a[i].name, b[i].name))
            return false;
    return true;
}

/* Same keys and same sizes of entries. */
static bool same_order(const cc_table_index *a, const cc_table_index *b) {
    const cc_key_shape *x = &a->keys, *y = &b->keys;
    if (a->global != b->global || a->projection != b->projection ||
        a->projected_count != b->projected_count || x->hash_count != y->hash_count ||
        x->range_count != y->range_count)
        return false;
    for (size_t i = 0; i < a->projected_count; i++)
        if (!cc_bytes_equal(a->projected[i], b->projected[i]))
            return false;
    return same_attributes(x->hash, y->hash, x->hash_count) &&
           same_attributes(x->range, y->range, x->range_count);
}

/* The orders of indexes that both descriptions have go over to the new one. */
static void hand_over(const cc_table_schema *from, cc_table_schema *to) {
    for (size_t i = 0; i < to->index_count; i++) {
        const cc_table_index *old = cc_table_index_find(from, to->indexes[i].name);
        if (old != NULL && same_order(old, &to->indexes[i]))
            to->indexes[i].entries = old->entries;
    }
}

static cc_status describe(cc_tables *tables, cc_bytes name, cc_bytes description_json,
                          cc_table_schema *schema, cc_error *error) {
    cc_space *space = NULL;
    const cc_key_schema *key = NULL;
    if (cc_space_find(tables->store, name) == NULL)
        return cc_fail(error, CC_ERR_NOT_FOUND, "there is no table %.*s", (int)name.size,
                       (const char *)name.data);
    CC_TRY(cc_table_find_any(tables, name, &space, &key, error));
    cc_table_schema *old = cc_space_attached(space);
    hand_over(old, schema);
    cc_vectors_hand_over(old, schema);
    cc_feed_kind feed = cc_space_feed(space);
    cc_status status = add_orders(space, schema, error);
    if (status == CC_OK)
        status = cc_vectors_open(space, schema, error);
    if (status == CC_OK)
        status = cc_space_set_feed(space, schema->feed, error);
    if (status == CC_OK)
        status = cc_space_set_meta(tables->store, cc_space_name(space), description_json, error);
    if (status != CC_OK) {
        drop_orders(schema, old);
        cc_vectors_hand_over(schema, old);
        (void)!cc_space_set_feed(space, feed, NULL); /* its log is there */
        return status;
    }
    drop_orders(old, schema);
    for (size_t i = 0; i < schema->index_count; i++)
        cc_index_redefine(schema->indexes[i].entries, &schema->indexes[i]);
    cc_vectors_watch(space, schema);
    cc_throttle_hand_over(old, schema);
    cc_space_attach(space, schema, cc_schema_free); /* frees the old one */
    return CC_OK;
}

cc_status cc_table_describe(cc_tables *tables, cc_bytes name, cc_bytes description_json, cc_error *error) {
    cc_table_schema *schema = NULL;
    CC_TRY(cc_schema_parse(description_json, &schema, error));
    cc_store_lock(tables->store);
    cc_status status = describe(tables, name, description_json, schema, error);
    cc_store_unlock(tables->store);
    if (status != CC_OK)
        cc_schema_free(schema);
    return status;
}

/* One slice of the first index that is not full. */
static cc_status fill_slice(cc_store *store, cc_space *space, bool *done_out, cc_error *error) {
    cc_table_schema *schema = cc_space_attached(space);
    *done_out = true;
    for (size_t i = 0; i < schema->index_count; i++) {
        cc_space *entries = schema->indexes[i].entries;
        if (!cc_index_filling(entries))
            continue;
        *done_out = false;
        bool filled;
        return cc_index_fill(entries, cc_table_check_stored, FILL_SLICE, &filled, error);
    }
    for (size_t i = 0; i < schema->vector_count; i++) {
        if (!schema->vectors[i].filling)
            continue;
        bool filled;
        *done_out = false;
        return cc_vectors_fill(store, space, &schema->vectors[i], FILL_VECTORS, &filled, error);
    }
    return CC_OK;
}

cc_status cc_table_fill(cc_tables *tables, cc_bytes name, cc_error *error) {
    for (bool done = false; !done;) {
        cc_space *space = NULL;
        const cc_key_schema *key = NULL;
        cc_error why = {0};
        cc_store_lock(tables->store);
        cc_status status = cc_table_find_any(tables, name, &space, &key, error);
        if (status == CC_OK)
            status = tell_fill(space, fill_slice(tables->store, space, &done, &why), &why, error);
        cc_store_unlock(tables->store);
        CC_TRY(status);
        sched_yield(); /* whoever waits for the lock goes first */
    }
    return CC_OK;
}

bool cc_table_index_at(cc_tables *tables, cc_space *space, size_t at, cc_table_index_info *info_out) {
    const cc_key_schema *key = NULL;
    if (cc_table_find_any(tables, cc_space_name(space), &space, &key, NULL) != CC_OK)
        return false;
    const cc_table_schema *schema = (const cc_table_schema *)key;
    if (at >= schema->index_count + schema->vector_count)
        return false;
    if (at >= schema->index_count) {
        const cc_vector_index *vectors = &schema->vectors[at - schema->index_count];
        *info_out = (cc_table_index_info){vectors->name, cc_matrix_count(vectors->matrix),
                                          cc_matrix_bytes(vectors->matrix), vectors->filling};
        return true;
    }
    const cc_table_index *index = &schema->indexes[at];
    cc_space_info info;
    cc_space_info_get(index->entries, &info);
    *info_out = (cc_table_index_info){index->name, info.item_count, info.item_bytes,
                                      cc_index_filling(index->entries)};
    return true;
}
