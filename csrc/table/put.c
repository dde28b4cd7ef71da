/* put.c: PutItem: the whole item replaces what had its key. */
#include "table/throttle.h"

cc_status cc_verb_put(cc_call *call) {
    const cc_request *request = call->request;
    cc_change change = {.kind = CC_CHANGE_PUT, .space = call->space, .value = request->item};
    CC_TRY(cc_key_from_item(call->schema, request->item, call->arena, &change.key, call->error));
    CC_TRY(cc_call_check_scalars(call));
    size_t size = cc_item_size(request->item);
    if (size > CC_ITEM_SIZE_LIMIT)
        return CC_INVALID(call->error, "Item size has exceeded the maximum allowed size");
    change.note = cc_size_note(request->item, size);
    CC_TRY(cc_call_check_indexes(call, request->item, (cc_bytes){NULL, 0}));
    bool wants_old = call->condition.program != NULL || call->presence != CC_PRESENCE_ANY ||
                     request->return_values != CC_RETURN_NONE || cc_call_metered(call);
    cc_bytes old = {NULL, 0};
    if (!wants_old || !cc_space_get(call->space, change.key, &old))
        old = (cc_bytes){NULL, 0};
    CC_TRY(cc_call_check_condition(call, old));
    CC_TRY(cc_call_charge_write(call, &call->reply->consumed, old, request->item));
    if (request->return_values == CC_RETURN_ALL_OLD && old.size != 0) {
        CC_TRY(cc_call_add_item(call, old, NULL));
        call->reply->has_item = true;
    }
    return cc_call_write(call, &change, 1);
}
