/* verify.c: see verify.h. */
#include "table/verify.h"

#include "store/snapshot.h"
#include "table/vectors.h"

bool cc_table_is_services_own(const cc_space *space) {
    cc_bytes name = cc_space_name(space);
    return name.size != 0 && name.data[0] == '#';
}

static void tell(cc_table_verification *work, const cc_space *space, const char *what, const cc_error *why) {
    cc_bytes name = cc_space_name(space);
    cc_found(work->findings, false, "log", 0, "table '%.*s': %s: %.200s", (int)cc_utf8_cut(name, 100),
             (const char *)name.data, what, why->message);
}

/* No index can be made of bytes that are no items; which ones is told when each is looked at. */
static bool all_are_items(cc_store *store, cc_space *space) {
    cc_space_cursor cursor;
    bool items = true;
    for (bool more = cc_space_seek_hash(space, 0, &cursor); more && items; more = cc_space_next(&cursor)) {
        cc_key key;
        cc_bytes value;
        cc_space_entry(&cursor, NULL, &key, &value);
        items = value.data != NULL && cc_table_check_stored(key, value, NULL) == CC_OK;
        cc_store_settle(store);
    }
    return items;
}

/* Indexes are made as they are made when a store is opened for use. */
static cc_status make_indexes(void *context, cc_store *store, cc_error *error) {
    cc_table_verification *work = context;
    cc_space *space;
    for (size_t i = 0; (space = cc_space_at(store, i)) != NULL; i++) {
        cc_table_schema *schema = NULL;
        cc_error why = {0};
        if (cc_table_is_services_own(space))
            continue;
        cc_status status = cc_schema_parse(cc_space_meta(space), &schema, &why);
        if (status == CC_ERR_NOMEM)
            return cc_fail(error, status, "%.400s", why.message);
        if (status != CC_OK) {
            tell(work, space, "its description cannot be read", &why);
            continue;
        }
        if (!all_are_items(store, space)) {
            cc_schema_free(schema);
            continue;
        }
        CC_TRY(cc_table_attach(space, schema, error));
        CC_TRY(cc_table_fill_locked(store, space, schema, error));
    }
    return CC_OK;
}

const char *cc_table_wrong_entry(const cc_key_schema *schema, cc_key key, cc_bytes value) {
    if (key.partition.size == 0)
        return "its key is empty";
    if (value.data != NULL && cc_item_check(value, NULL) != CC_OK)
        return "its value is not an item";
    if (schema == NULL)
        return NULL;
    if (!cc_key_fits(schema, key))
        return "its key is not one of its table";
    bool own = value.data == NULL || cc_key_is_of(schema, key, value);
    return own ? NULL : "its key is not the one that it lies under";
}

cc_status cc_table_check_stored(cc_key key, cc_bytes value, cc_error *error) {
    const char *wrong = cc_table_wrong_entry(NULL, key, value);
    return wrong == NULL ? CC_OK : cc_fail(error, CC_ERR_CORRUPT, "%s", wrong);
}

static const char *check_item(void *context, const cc_space *space, cc_key key, cc_bytes value) {
    cc_table_verification *work = context;
    if (cc_table_is_services_own(space)) {
        if (work->record != NULL)
            work->record(work->context, cc_space_name(space), key, value);
        return NULL;
    }
    const cc_table_schema *schema = cc_space_attached(space); /* NULL: nobody knows its key */
    const char *wrong = cc_table_wrong_entry(schema == NULL ? NULL : &schema->key, key, value);
    if (wrong != NULL || schema == NULL || cc_vectors_agree(schema, key, value))
        return wrong;
    return "a vector index disagrees with it";
}

cc_status cc_table_check_entries(cc_bytes description_json, cc_bytes entries, uint64_t *count_out,
                                 const char **wrong_out, cc_error *error) {
    cc_table_schema *schema = NULL;
    *count_out = 0;
    *wrong_out = NULL;
    if (description_json.size != 0)
        CC_TRY(cc_schema_parse(description_json, &schema, error));
    while (*wrong_out == NULL && entries.size != 0) {
        cc_key key;
        cc_bytes value;
        ++*count_out;
        if (!cc_snapshot_entry(&entries, &key, &value))
            *wrong_out = "it is cut short";
        else
            *wrong_out = cc_table_wrong_entry(schema == NULL ? NULL : &schema->key, key, value);
    }
    if (schema != NULL)
        cc_schema_free(schema);
    return CC_OK;
}

static cc_bytes index_name(const void *definition) { return ((const cc_table_index *)definition)->name; }

cc_verify_options cc_table_verify(cc_table_verification *verification) {
    return (cc_verify_options){.findings = verification->findings,
                               .opened = make_indexes,
                               .item = check_item,
                               .index_name = index_name,
                               .context = verification};
}
