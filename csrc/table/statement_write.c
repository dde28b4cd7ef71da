/* statement_write.c: INSERT, UPDATE and DELETE as the put, update or delete of one item.
 *
 * A WHERE clause names its item by equalities with all key attributes; the whole clause is the condition of
 * the write, unless it says nothing else. UPDATE wants the item to be there, INSERT wants it not to be, and a
 * DELETE of nothing succeeds whatever its condition. */
#include "table/statement.h"

/* ---- keys out of conditions ---- */

static const cc_node *node_at(const cc_bound *where, uint32_t index) { return &where->program->nodes[index]; }

/* The place of the attribute that a node names, and nothing inside it; NULL for any other node. */
static cc_value *key_place(const cc_bound *where, const cc_node *node, const cc_key_schema *schema,
                           cc_statement_key *key) {
    if (node->kind != CC_NODE_PATH || where->program->paths[node->ref].count != 1)
        return NULL;
    cc_bytes name = where->names[where->program->paths[node->ref].first];
    if (cc_bytes_equal(name, schema->partition_name))
        return &key->partition;
    return schema->sort_name.size != 0 && cc_bytes_equal(name, schema->sort_name) ? &key->sort : NULL;
}

/* An equality of a key attribute with a value: its place, and the value. */
static cc_value *equality(const cc_bound *where, uint32_t index, const cc_key_schema *schema, bool lists,
                          cc_statement_key *key, cc_value *value_out) {
    const cc_node *node = node_at(where, index);
    bool list = lists && node->kind == CC_NODE_IN && node->count == 2;
    if (!list && (node->kind != CC_NODE_COMPARE || node->op != CC_TOKEN_EQ))
        return NULL;
    const cc_node *left = node_at(where, node->child), *right = node_at(where, left->next);
    if (left->kind == CC_NODE_VALUE && !list) {
        const cc_node *other = left;
        left = right;
        right = other;
    }
    if (right->kind != CC_NODE_VALUE)
        return NULL;
    *value_out = where->values[right->ref];
    return key_place(where, left, schema, key);
}

static void read_part(const cc_bound *where, uint32_t index, const cc_key_schema *schema, bool lists,
                      cc_statement_key *key) {
    cc_value value;
    if (node_at(where, index)->kind == CC_NODE_AND) {
        for (uint32_t child = node_at(where, index)->child; child != 0; child = node_at(where, child)->next)
            read_part(where, child, schema, lists, key);
        return;
    }
    cc_value *place = equality(where, index, schema, lists, key, &value);
    if (place == NULL)
        key->only = false;
    else if (place->type == CC_TYPE_NONE)
        *place = value;
    else if (!cc_value_equal(*place, value) && key->conflict.data == NULL)
        key->conflict = place == &key->sort ? schema->sort_name : schema->partition_name;
}

void cc_statement_key_read(const cc_bound *where, const cc_key_schema *schema, bool lists,
                           cc_statement_key *key_out) {
    *key_out = (cc_statement_key){.only = true};
    if (where->program != NULL)
        read_part(where, where->program->root, schema, lists, key_out);
}

bool cc_statement_key_complete(const cc_statement_key *key, const cc_key_schema *schema) {
    return key->partition.type != CC_TYPE_NONE &&
           (schema->sort_name.size == 0 || key->sort.type != CC_TYPE_NONE);
}

/* Equalities with the key become an AND of nothing, which is true. */
static void drop_part(const cc_bound *where, cc_node *nodes, uint32_t index, const cc_key_schema *schema,
                      const cc_statement_key *key) {
    cc_statement_key places = *key;
    cc_value value;
    if (nodes[index].kind == CC_NODE_AND) {
        for (uint32_t child = nodes[index].child; child != 0; child = nodes[child].next)
            drop_part(where, nodes, child, schema, key);
        return;
    }
    const cc_value *place = equality(where, index, schema, false, &places, &value);
    if (place == NULL || !cc_value_equal(*place, value))
        return;
    nodes[index].kind = CC_NODE_AND;
    nodes[index].child = nodes[index].count = 0;
}

cc_status cc_statement_residual(cc_call *call, const cc_bound *where, const cc_key_schema *schema,
                                const cc_statement_key *key, cc_bound *residual_out) {
    const cc_expression *program = where->program;
    size_t size = program->node_count * sizeof *program->nodes;
    cc_expression *copy = cc_arena_alloc(call->arena, sizeof *copy);
    cc_node *nodes = cc_arena_alloc(call->arena, size);
    if (copy == NULL || nodes == NULL)
        return cc_no_memory(call->error);
    memcpy(copy, program, sizeof *copy);
    memcpy(nodes, program->nodes, size);
    drop_part(where, nodes, program->root, schema, key);
    copy->nodes = nodes;
    *residual_out = (cc_bound){copy, where->names, where->values};
    return CC_OK;
}

cc_status cc_statement_key_item(cc_call *call, const cc_statement_key *key, cc_bytes *item_out) {
    const cc_key_schema *schema = call->schema;
    const cc_value values[2] = {key->partition, key->sort};
    const cc_bytes names[2] = {schema->partition_name, schema->sort_name};
    uint32_t count = schema->sort_name.size != 0 ? 2 : 1;
    cc_flat_attribute attributes[2];
    uint8_t order[CC_FLAT_MAX] = {0, 1};
    for (uint32_t i = 0; i < count; i++) {
        cc_type type = values[i].type;
        if (type != CC_TYPE_S && type != CC_TYPE_N && type != CC_TYPE_B)
            return CC_INVALID(call->error, "The provided key element does not match the schema");
        attributes[i] = (cc_flat_attribute){names[i], cc_value_bytes(values[i]), cc_name_hash(names[i]),
                                            type};
    }
    cc_buffer_clear(&call->scratch);
    if (!cc_item_write_flat(attributes, count, order, &call->scratch))
        return cc_no_memory(call->error);
    return cc_call_copy(call, cc_buffer_bytes(&call->scratch), item_out);
}

/* ---- writes ---- */

static cc_status named_item(cc_call *call, const cc_bound_statement *bound, const char *words,
                            cc_request *made) {
    cc_statement_key key;
    cc_statement_key_read(&bound->where, call->schema, false, &key);
    if (!cc_statement_key_complete(&key, call->schema) || (key.conflict.data != NULL && words != NULL))
        return CC_INVALID(call->error, "%s",
                          words != NULL ? words
                                        : "Where clause does not contain a mandatory equality on all key "
                                          "attributes");
    if (key.conflict.data != NULL)
        return CC_INVALID(call->error,
                          "Multiple conditions on same key %.*s. Only single item Update/Insert/Delete are "
                          "supported",
                          (int)cc_utf8_cut(key.conflict, 255), (const char *)key.conflict.data);
    if (!key.only)
        call->condition = bound->where;
    return cc_statement_key_item(call, &key, &made->item);
}

cc_status cc_statement_write(cc_call *call, const cc_bound_statement *bound, const char *words,
                             cc_request *made) {
    const cc_statement *statement = bound->statement;
    const cc_request *given = call->request;
    *made = (cc_request){.table = statement->table,
                         .return_values = statement->returning,
                         .return_old_on_failure = given->return_old_on_failure,
                         .capacity = given->capacity,
                         .durability = given->durability};
    call->request = made;
    if (statement->index.data != NULL)
        return CC_INVALID(call->error, "This operation is not supported on an index");
    switch (statement->kind) {
    case CC_STATEMENT_INSERT:
        made->verb = CC_VERB_PUT;
        made->item = bound->item;
        call->presence = CC_PRESENCE_ABSENT;
        return CC_OK;
    case CC_STATEMENT_UPDATE:
        made->verb = CC_VERB_UPDATE;
        call->presence = CC_PRESENCE_PRESENT;
        call->update = bound->update;
        return named_item(call, bound, words, made);
    default:
        made->verb = CC_VERB_DELETE;
        call->presence = CC_PRESENCE_OPTIONAL;
        return named_item(call, bound, words, made);
    }
}

cc_status cc_statement_run_write(cc_call *call) {
    return call->request->verb == CC_VERB_PUT      ? cc_verb_put(call)
           : call->request->verb == CC_VERB_UPDATE ? cc_verb_update(call)
                                                   : cc_verb_delete(call);
}
