/* source.c: what Query and Scan walk: the table, or one of its indexes under the rules for it.
 *
 * A local index lies beside its table: what it does not project is read from there, at a cost. A global one
 * gives what it projects and nothing else. */
#include <stdio.h>

#include "table/throttle.h"
#include "table/vectors.h"

static int clip(cc_bytes name) { return (int)cc_utf8_cut(name, 255); }

/* Whether an expression names, at the top, something that the index does not project. */
static bool goes_beyond(const cc_table_index *index, const cc_bound *bound) {
    const cc_expression *program = bound->program;
    for (uint32_t i = 0; program != NULL && i < program->path_count; i++)
        if (!cc_table_index_projects(index, bound->names[program->paths[i].first]))
            return true;
    return false;
}

static cc_status refuse_projection(cc_call *call) {
    const cc_table_index *index = call->index;
    const cc_bound *bound = &call->projection;
    char names[300];
    size_t used = 0;
    for (uint32_t i = 0; i < bound->program->path_count; i++) {
        cc_bytes name = bound->names[bound->program->paths[i].first];
        if (cc_table_index_projects(index, name) || used >= sizeof names)
            continue;
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%.*s", used == 0 ? "" : ", ",
                                 clip(name), (const char *)name.data);
    }
    return CC_INVALID(call->error,
                      "One or more parameter values were invalid: Global secondary index %.*s does "
                      "not project [%s]",
                      clip(index->name), (const char *)index->name.data, names);
}

static cc_status check_global(cc_call *call) {
    const cc_table_index *index = call->index;
    if (call->request->consistent)
        return CC_INVALID(call->error, "Consistent reads are not supported on global secondary indexes");
    if (call->request->select == CC_SELECT_ALL_ATTRIBUTES && index->projection != CC_PROJECT_ALL)
        return CC_INVALID(call->error,
                          "One or more parameter values were invalid: Select type ALL_ATTRIBUTES is "
                          "not supported for global secondary index %.*s because its projection type "
                          "is not ALL",
                          clip(index->name), (const char *)index->name.data);
    if (goes_beyond(index, &call->projection))
        return refuse_projection(call);
    if (cc_index_filling(index->entries))
        return CC_INVALID(call->error, "Cannot read from backfilling global secondary index: %.*s",
                          clip(index->name), (const char *)index->name.data);
    return CC_OK;
}

cc_status cc_call_open_source(cc_call *call) {
    const cc_request *request = call->request;
    const cc_table_schema *schema = (const cc_table_schema *)call->schema;
    call->source = call->space;
    if (request->index.data == NULL)
        return cc_call_admit_read(call);
    call->index = cc_table_index_find(schema, request->index);
    if (call->index == NULL && cc_vector_index_find(schema, request->index) != NULL)
        return CC_INVALID(call->error, "%s operation not supported on this index type.",
                          request->verb == CC_VERB_QUERY ? "Query" : "Scan");
    if (call->index == NULL)
        return CC_INVALID(call->error, "The table does not have the specified index: %.*s",
                          clip(request->index), (const char *)request->index.data);
    call->source = call->index->entries;
    CC_TRY(cc_call_admit_read(call));
    if (call->index->global)
        return check_global(call);
    call->fetches = call->index->projection != CC_PROJECT_ALL &&
                    (request->select == CC_SELECT_ALL_ATTRIBUTES ||
                     goes_beyond(call->index, &call->projection) || goes_beyond(call->index, &call->filter));
    return CC_OK;
}

/* ---- ExclusiveStartKey ---- */

static cc_status table_key_of(cc_call *call, cc_bytes key_item, bool exact, cc_key *key_out) {
    cc_error inner = {0};
    cc_status status = exact ? cc_key_from_key_item(call->schema, key_item, call->arena, key_out, &inner)
                             : cc_key_from_item(call->schema, key_item, call->arena, key_out, &inner);
    if (status == CC_ERR_NOMEM)
        return cc_no_memory(call->error);
    if (status == CC_OK)
        return CC_OK;
    return CC_INVALID(call->error, "The provided starting key is invalid: %.300s",
                      exact ? inner.message : "The provided key element does not match the schema");
}

static cc_status check_index_part(cc_call *call, const cc_key_attribute *attributes, uint32_t count,
                                  bool *typed) {
    cc_value value;
    for (uint32_t i = 0; i < count; i++) {
        if (!cc_item_find(call->request->start_key, attributes[i].name, &value))
            return CC_INVALID(call->error, "The provided starting key is invalid");
        *typed = *typed && value.type == attributes[i].type;
    }
    return CC_OK;
}

cc_status cc_call_start_key(cc_call *call, cc_key *start_out) {
    const cc_table_index *index = call->index;
    cc_bytes key_item = call->request->start_key;
    if (index == NULL)
        return table_key_of(call, key_item, true, start_out);
    bool typed = true, present = false;
    cc_index_image image;
    if (cc_item_count(key_item) != index->key_name_count)
        return CC_INVALID(call->error, "The provided starting key is invalid");
    CC_TRY(check_index_part(call, index->keys.hash, index->keys.hash_count, &typed));
    CC_TRY(check_index_part(call, index->keys.range, index->keys.range_count, &typed));
    if (!typed)
        return CC_INVALID(call->error, "The provided key element does not match the schema");
    CC_TRY(table_key_of(call, key_item, false, start_out));
    cc_buffer_clear(&call->scratch);
    CC_TRY(cc_table_index_make(index, *start_out, key_item, &call->scratch, &image, &present));
    if (!present) /* empty or too long */
        return CC_INVALID(call->error, "The provided starting key is invalid");
    CC_TRY(cc_call_copy(call, image.key.partition, &start_out->partition));
    return cc_call_copy(call, image.key.sort, &start_out->sort);
}
