/* update.c: UpdateItem: an update expression on one item, which it creates when there was none. */
#include "table/internal.h"

/* Key attributes are fixed: an action on one is refused before anything is read. */
static cc_status check_targets(cc_call *call) {
    const cc_expression *program = call->update.program;
    for (uint32_t i = 0; i < program->action_count; i++) {
        cc_path path = program->paths[program->actions[i].path];
        cc_bytes name = call->update.names[path.first];
        if (cc_bytes_equal(name, call->schema->partition_name) ||
            (call->schema->sort_name.size != 0 && cc_bytes_equal(name, call->schema->sort_name)))
            return CC_INVALID(call->error,
                              "One or more parameter values were invalid: Cannot update attribute "
                              "%.*s. This attribute is part of the key",
                              (int)(name.size < 255 ? name.size : 255), (const char *)name.data);
    }
    return CC_OK;
}

/* The attributes that the actions name, in one image of the item. */
static cc_status return_targets(cc_call *call, cc_bytes image) {
    const cc_expression *program = call->update.program;
    if (program == NULL || image.size == 0)
        return CC_OK;
    uint32_t *paths = cc_arena_alloc(call->arena, program->action_count * sizeof *paths);
    if (paths == NULL)
        return cc_no_memory(call->error);
    for (uint32_t i = 0; i < program->action_count; i++)
        paths[i] = program->actions[i].path;
    cc_buffer_clear(&call->scratch);
    CC_TRY(cc_project(&call->update, paths, program->action_count, image, call->arena, &call->scratch,
                      call->error));
    if (cc_item_count(cc_buffer_bytes(&call->scratch)) == 0)
        return CC_OK;
    CC_TRY(cc_call_add_item(call, cc_buffer_bytes(&call->scratch), NULL));
    call->reply->has_item = true;
    return CC_OK;
}

static cc_status return_values(cc_call *call, cc_bytes old, cc_bytes new_item) {
    cc_return_values wanted = call->request->return_values;
    if (wanted == CC_RETURN_UPDATED_OLD || wanted == CC_RETURN_UPDATED_NEW)
        return return_targets(call, wanted == CC_RETURN_UPDATED_OLD ? old : new_item);
    cc_bytes whole = wanted == CC_RETURN_ALL_NEW   ? new_item
                     : wanted == CC_RETURN_ALL_OLD ? old
                                                   : (cc_bytes){NULL, 0};
    if (whole.size == 0)
        return CC_OK;
    CC_TRY(cc_call_add_item(call, whole, NULL));
    call->reply->has_item = true;
    return CC_OK;
}

cc_status cc_verb_update(cc_call *call) {
    const cc_request *request = call->request;
    cc_change change = {.kind = CC_CHANGE_PUT, .space = call->space};
    CC_TRY(cc_key_from_key_item(call->schema, request->item, call->arena, &change.key, call->error));
    if (call->update.program != NULL)
        CC_TRY(check_targets(call));
    CC_TRY(cc_call_check_scalars(call));
    cc_bytes old = {NULL, 0};
    if (!cc_space_get(call->space, change.key, &old))
        old = (cc_bytes){NULL, 0};
    CC_TRY(cc_call_check_condition(call, old));
    change.value = old.size != 0 ? old : request->item;
    if (call->update.program != NULL) {
        cc_buffer_clear(&call->scratch);
        cc_status status = cc_apply_update(&call->update, change.value, call->arena, &call->scratch,
                                           call->error);
        if (status == CC_ERR_VALIDATION && call->error != NULL &&
            (request->generated >> CC_EXPRESSION_UPDATE & 1) != 0 &&
            strstr(call->error->message, "incorrect data type") != NULL)
            return CC_INVALID(call->error, "Type mismatch for attribute to update");
        CC_TRY(status);
        CC_TRY(cc_call_copy(call, cc_buffer_bytes(&call->scratch), &change.value));
    }
    size_t size = cc_item_size(change.value);
    if (size > CC_ITEM_SIZE_LIMIT)
        return CC_INVALID(call->error, "Item size to update has exceeded the maximum allowed size");
    change.note = cc_size_note(change.value, size);
    CC_TRY(cc_call_check_indexes(call, change.value, old));
    CC_TRY(cc_call_charge_write(call, &call->reply->consumed, old, change.value));
    CC_TRY(return_values(call, old, change.value));
    if (cc_bytes_equal(old, change.value))
        return CC_OK; /* nothing changed: nothing to log */
    return cc_call_write(call, &change, 1);
}
