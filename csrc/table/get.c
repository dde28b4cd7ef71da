/* get.c: GetItem: one item by its key, projected when asked. Reads here are always consistent. */
#include "table/throttle.h"

cc_status cc_verb_get(cc_call *call) {
    const cc_request *request = call->request;
    cc_key key;
    cc_bytes item;
    CC_TRY(cc_key_from_key_item(call->schema, request->item, call->arena, &key, call->error));
    CC_TRY(cc_call_check_scalars(call));
    CC_TRY(cc_call_admit_read(call));
    size_t size = 0;
    if (cc_space_get(call->space, key, &item)) {
        if (cc_call_metered(call))
            size = cc_size_within(item, 4096);
        CC_TRY(cc_call_add_item(call, item, &call->projection));
        call->reply->has_item = true;
    }
    call->reply->consumed.table = cc_read_units(size, request->consistent);
    cc_call_owe_read(call, call->reply->consumed.table);
    return CC_OK;
}
