/* request_transact.c: TransactItems: each action is a request of its own kind, built and checked as one. */
#include <stdio.h>

#include "table/expression.h"
#include "table/request.h"

typedef struct {
    const char *name, *member;
    cc_verb verb, transaction;
} cc_transact_kind;

static const cc_transact_kind kinds[] = {
    {"ConditionCheck", "conditionCheck", CC_VERB_CHECK, CC_VERB_TRANSACT_WRITE},
    {"Put", "put", CC_VERB_PUT, CC_VERB_TRANSACT_WRITE},
    {"Update", "update", CC_VERB_UPDATE, CC_VERB_TRANSACT_WRITE},
    {"Delete", "delete", CC_VERB_DELETE, CC_VERB_TRANSACT_WRITE},
    {"Get", "get", CC_VERB_GET, CC_VERB_TRANSACT_GET},
};
enum { KIND_COUNT = sizeof kinds / sizeof kinds[0] };

cc_verb cc_action_verb(cc_verb transaction, cc_bytes name) {
    for (size_t i = 0; i < KIND_COUNT; i++)
        if (kinds[i].transaction == transaction && cc_bytes_equal(name, cc_bytes_text(kinds[i].name)))
            return kinds[i].verb;
    return CC_VERB_NONE;
}

const cc_member *cc_action_member_find(cc_verb action, cc_bytes name) {
    const cc_member *member = cc_member_find(action, name);
    switch (member == NULL ? CC_M_NONE : member->id) {
    case CC_M_TABLE:
    case CC_M_ITEM:
    case CC_M_KEY:
    case CC_M_CONDITION:
    case CC_M_UPDATE:
    case CC_M_PROJECTION:
    case CC_M_NAMES:
    case CC_M_VALUES:
    case CC_M_RETURN_FAILURE:
        return member;
    default:
        return NULL;
    }
}

static cc_status no_memory(cc_error *error) {
    return cc_fail(error, CC_ERR_NOMEM, "no memory for a request");
}

static const char *member_of(cc_verb action) {
    for (size_t i = 0; i < KIND_COUNT; i++)
        if (kinds[i].verb == action)
            return kinds[i].member;
    return "";
}

cc_status cc_request_add_action(cc_request_builder *builder, cc_verb action, cc_request_builder **action_out,
                                cc_error *error) {
    if (builder->action_count == builder->action_capacity) {
        size_t capacity = builder->action_capacity == 0 ? 8 : builder->action_capacity * 2;
        cc_request_builder **grown = cc_arena_alloc(builder->arena, capacity * sizeof *grown);
        if (grown == NULL)
            return no_memory(error);
        if (builder->action_count != 0)
            memcpy(grown, builder->actions, builder->action_count * sizeof *grown);
        builder->actions = grown;
        builder->action_capacity = capacity;
    }
    cc_request_builder *added = cc_arena_alloc(builder->arena, sizeof *added);
    if (added == NULL)
        return no_memory(error);
    cc_request_begin(added, action, builder->arena);
    builder->actions[builder->action_count++] = added;
    snprintf(added->prefix, sizeof added->prefix, "transactItems.%zu.member.%s.", builder->action_count,
             member_of(action));
    *action_out = added;
    return CC_OK;
}

void cc_request_end_action(cc_request_builder *builder, size_t count) {
    builder->seen[CC_M_TRANSACT_ITEMS] = true;
    builder->action_missing |= count == 0;
    builder->action_doubled |= count > 1;
}

/* The index of the table of that name among those of the request, which it joins when it is new. */
static cc_status table_index(cc_request_builder *builder, cc_bytes name, uint32_t *index_out,
                             cc_error *error) {
    cc_batch_table *added;
    for (size_t i = 0; i < builder->request.table_count; i++)
        if (cc_bytes_equal(builder->tables[i].name, name)) {
            *index_out = (uint32_t)i;
            return CC_OK;
        }
    CC_TRY(cc_request_add_table(builder, name, &added, error));
    *index_out = (uint32_t)(builder->request.table_count - 1);
    return CC_OK;
}

cc_status cc_request_finish_actions(cc_request_builder *builder, cc_error *error) {
    cc_verb verb = builder->request.verb;
    if (verb != CC_VERB_TRANSACT_WRITE && verb != CC_VERB_TRANSACT_GET)
        return CC_OK;
    if (builder->action_missing)
        return CC_INVALID(error,
                          verb == CC_VERB_TRANSACT_GET
                              ? "Invalid Request: TransactGetRequest should contain Get request"
                              : "Invalid Request: TransactWriteRequest should contain Delete or Put or "
                                "Update request");
    if (builder->action_doubled)
        return CC_INVALID(error, "TransactItems can only contain one of Check, Put, Update or Delete");
    size_t count = builder->action_count;
    cc_request *actions = cc_arena_alloc(builder->arena, count * sizeof *actions);
    uint32_t *tables = cc_arena_alloc(builder->arena, count * sizeof *tables);
    if (actions == NULL || tables == NULL)
        return no_memory(error);
    for (size_t i = 0; i < count; i++) {
        CC_TRY(cc_request_finish(builder->actions[i], &actions[i], error));
        actions[i].capacity = builder->request.capacity;
        actions[i].consistent = true;
        CC_TRY(table_index(builder, cc_table_name_of(actions[i].table), &tables[i], error));
    }
    builder->request.actions = actions;
    builder->request.action_tables = tables;
    builder->request.action_count = count;
    return CC_OK;
}
