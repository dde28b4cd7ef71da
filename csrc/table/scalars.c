/* scalars.c: a document path that goes into a key attribute leads nowhere, and is refused. */
#include "table/internal.h"

static const char *key_kind(const cc_table_schema *schema, cc_bytes name) {
    if (cc_bytes_equal(name, schema->key.partition_name) ||
        (schema->key.sort_name.size != 0 && cc_bytes_equal(name, schema->key.sort_name)))
        return "Key";
    for (size_t i = 0; i < schema->index_count; i++) {
        const cc_key_shape *keys = &schema->indexes[i].keys;
        for (uint32_t k = 0; k < keys->hash_count; k++)
            if (cc_bytes_equal(name, keys->hash[k].name))
                return "IndexKey";
        for (uint32_t k = 0; k < keys->range_count; k++)
            if (cc_bytes_equal(name, keys->range[k].name))
                return "IndexKey";
    }
    return NULL;
}

cc_status cc_bound_check_scalars(const cc_bound *bound, const cc_key_schema *schema, cc_error *error) {
    const cc_expression *program = bound->program;
    if (CC_LIKELY(program == NULL || !program->nested))
        return CC_OK;
    for (uint32_t i = 0; i < program->path_count; i++) {
        if (program->paths[i].count < 2)
            continue;
        cc_bytes name = bound->names[program->paths[i].first];
        const char *kind = key_kind((const cc_table_schema *)schema, name);
        if (kind != NULL)
            return CC_INVALID(
                error,
                "Key attributes must be scalars; list random access '[]' and map lookup '.' are "
                "not allowed: %s: %.*s",
                kind, (int)cc_utf8_cut(name, 255), (const char *)name.data);
    }
    return CC_OK;
}

cc_status cc_call_check_scalars(cc_call *call) {
    CC_TRY(cc_bound_check_scalars(&call->update, call->schema, call->error));
    CC_TRY(cc_bound_check_scalars(&call->condition, call->schema, call->error));
    CC_TRY(cc_bound_check_scalars(&call->filter, call->schema, call->error));
    return cc_bound_check_scalars(&call->projection, call->schema, call->error);
}
