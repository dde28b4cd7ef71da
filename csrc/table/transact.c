/* transact.c: what TransactWriteItems and TransactGetItems share.
 *
 * Each action runs as its own verb would, against the items as they are, with its change kept aside; one that
 * is refused does not stop the others, so that every reason can be told. */
#include "table/internal.h"

cc_status cc_transact_prepare(cc_call *call) {
    const cc_request *request = call->request;
    cc_reply *reply = call->reply;
    call->actions = cc_arena_alloc(call->arena, request->action_count * sizeof *call->actions);
    reply->table_consumed = cc_arena_alloc(call->arena, request->table_count * sizeof *reply->table_consumed);
    if (call->actions == NULL || reply->table_consumed == NULL) {
        call->actions = NULL;
        return cc_no_memory(call->error);
    }
    memset(call->actions, 0, request->action_count * sizeof *call->actions);
    memset(reply->table_consumed, 0, request->table_count * sizeof *reply->table_consumed);
    for (size_t i = 0; i < request->action_count; i++) {
        cc_transact_action *action = &call->actions[i];
        action->call = (cc_call){.tables = call->tables,
                                 .request = &request->actions[i],
                                 .arena = call->arena,
                                 .reply = &action->reply,
                                 .staged_change = &action->change,
                                 .error = call->error};
        CC_TRY(cc_call_bind(&action->call));
        action->call.error = &action->error;
    }
    return CC_OK;
}

void cc_transact_release(cc_call *call) {
    for (size_t i = 0; i < call->request->action_count; i++)
        cc_call_release(&call->actions[i].call);
}

static bool duplicate(const cc_transact_action *actions, size_t at) {
    for (size_t i = 0; i < at; i++)
        if (actions[i].status == CC_OK && actions[i].call.space == actions[at].call.space &&
            cc_bytes_equal(actions[i].key.partition, actions[at].key.partition) &&
            cc_bytes_equal(actions[i].key.sort, actions[at].key.sort))
            return true;
    return false;
}

cc_status cc_transact_check_distinct(cc_call *call, size_t at) {
    if (!duplicate(call->actions, at))
        return CC_OK;
    return CC_INVALID(call->error, "Transaction request cannot include multiple operations on one item");
}

cc_status cc_transact_find(cc_call *call) {
    for (size_t i = 0; i < call->request->action_count; i++) {
        cc_transact_action *action = &call->actions[i];
        cc_call *own = &action->call;
        const cc_request *request = own->request;
        cc_error *error = own->error;
        own->error = call->error; /* a table that is not there is no reason of one action */
        cc_status found = cc_call_find_table(own, request->table);
        own->error = error;
        CC_TRY(found);
        action->status = request->verb == CC_VERB_PUT
                             ? cc_key_from_item(own->schema, request->item, call->arena, &action->key,
                                                own->error)
                             : cc_key_from_key_item(own->schema, request->item, call->arena, &action->key,
                                                    own->error);
        if (action->status == CC_ERR_NOMEM)
            return cc_no_memory(call->error);
        if (action->status == CC_OK)
            CC_TRY(cc_transact_check_distinct(call, i));
    }
    return CC_OK;
}

const char *cc_error_code(cc_status status, const cc_error *error) {
    if (status == CC_ERR_CONDITION)
        return strcmp(error->type, "DuplicateItemException") == 0 ? "DuplicateItem"
                                                                  : "ConditionalCheckFailed";
    if (status == CC_ERR_NOT_FOUND && strcmp(error->type, "ResourceNotFoundException") == 0)
        return "ResourceNotFound";
    if (status == CC_ERR_LIMIT && strcmp(error->type, "ProvisionedThroughputExceededException") == 0)
        return "ProvisionedThroughputExceeded";
    if (status == CC_ERR_LIMIT && strcmp(error->type, "ThrottlingException") == 0)
        return "ThrottlingError";
    return status == CC_ERR_VALIDATION ? "ValidationError" : NULL;
}

static cc_status give_reason(cc_call *call, const cc_transact_action *action, cc_reason *reason) {
    *reason = (cc_reason){0};
    if (action->status == CC_OK)
        return CC_OK;
    reason->code = cc_error_code(action->status, &action->error);
    if (action->reply.has_condition_item)
        reason->item = action->reply.condition_item;
    return cc_call_copy(call, cc_bytes_text(action->error.message), &reason->message);
}

cc_status cc_transact_verdict(cc_call *call) {
    size_t count = call->request->action_count, refused = 0;
    for (size_t i = 0; i < count; i++) {
        cc_status status = call->actions[i].status;
        if (status != CC_OK && cc_error_code(status, &call->actions[i].error) == NULL) {
            if (call->error != NULL)
                *call->error = call->actions[i].error;
            return status;
        }
        refused += status != CC_OK;
    }
    if (refused == 0)
        return CC_OK;
    cc_reason *reasons = cc_arena_alloc(call->arena, count * sizeof *reasons);
    if (reasons == NULL)
        return cc_no_memory(call->error);
    for (size_t i = 0; i < count; i++)
        CC_TRY(give_reason(call, &call->actions[i], &reasons[i]));
    call->reply->reasons = reasons;
    call->reply->reason_count = count;
    return cc_fail_aws(call->error, CC_ERR_CONDITION, "TransactionCanceledException",
                       "Transaction cancelled, please refer cancellation reasons for specific reasons");
}

cc_status cc_reply_cancelled(const cc_reply *reply, cc_buffer *message_out) {
    CC_TRY(cc_buffer_append_text(message_out, "Transaction cancelled, please refer cancellation reasons "
                                              "for specific reasons ["));
    for (size_t i = 0; i < reply->reason_count; i++) {
        const char *code = reply->reasons[i].code;
        CC_TRY(cc_buffer_append_text(message_out, i == 0 ? "" : ", "));
        CC_TRY(cc_buffer_append_text(message_out, code == NULL ? "None" : code));
    }
    return cc_buffer_append_text(message_out, "]");
}
