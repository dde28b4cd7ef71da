/* delete.c: DeleteItem: one item by its key; deleting nothing is a success. */
#include "table/internal.h"

cc_status cc_verb_delete(cc_call *call) {
    const cc_request *request = call->request;
    cc_change_kind kind = CC_UNLIKELY(call->tables->expiring) ? CC_CHANGE_EXPIRE : CC_CHANGE_DELETE;
    cc_change change = {.kind = kind, .space = call->space};
    CC_TRY(cc_key_from_key_item(call->schema, request->item, call->arena, &change.key, call->error));
    CC_TRY(cc_call_check_scalars(call));
    cc_bytes old = {NULL, 0};
    bool found = cc_space_get(call->space, change.key, &old);
    if (!found)
        old = (cc_bytes){NULL, 0};
    CC_TRY(cc_call_check_condition(call, old));
    CC_TRY(cc_call_charge_write(call, &call->reply->consumed, old, (cc_bytes){NULL, 0}));
    if (!found)
        return CC_OK;
    if (request->return_values == CC_RETURN_ALL_OLD) {
        CC_TRY(cc_call_add_item(call, old, NULL));
        call->reply->has_item = true;
    }
    return cc_call_write(call, &change, 1);
}
