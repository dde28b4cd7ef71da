/* transact_get.c: TransactGetItems: up to 100 items as they are at one moment. */
#include "table/throttle.h"

enum { TRANSACTION_BYTES = 4 << 20 };

cc_status cc_verb_transact_get(cc_call *call) {
    cc_digest digest = {0, 0};
    CC_TRY(cc_transact_find(call));
    if (cc_transact_forms(call->request, &digest))
        return CC_OK;
    return cc_transact_read(call);
}

cc_status cc_transact_read(cc_call *call) {
    const cc_request *request = call->request;
    cc_reply *reply = call->reply;
    cc_part *part = request->part;
    size_t bytes = part == NULL ? 0 : part->bytes;
    reply->items = cc_arena_alloc(call->arena, request->action_count * sizeof *reply->items);
    if (reply->items == NULL)
        return cc_no_memory(call->error);
    memset(reply->items, 0, request->action_count * sizeof *reply->items);
    for (size_t i = 0; i < request->action_count; i++)
        if (call->actions[i].status == CC_OK)
            call->actions[i].status = cc_call_admit_read(&call->actions[i].call);
    CC_TRY(cc_transact_verdict(call));
    for (size_t i = 0; i < request->action_count; i++) {
        cc_transact_action *action = &call->actions[i];
        cc_bytes item;
        size_t size = 0;
        CC_TRY(cc_bound_check_scalars(&action->call.projection, action->call.schema, call->error));
        bool found = cc_space_get(action->call.space, action->key, &item);
        if (found)
            bytes += size = cc_item_size(item);
        reply->table_consumed[request->action_tables[i]].table += 2 * cc_read_units(size, true);
        cc_call_owe_read(&action->call, 2 * cc_read_units(size, true));
        if (!found)
            continue;
        CC_TRY(cc_call_add_item(&action->call, item, &action->call.projection));
        reply->items[i] = action->reply.items[0];
    }
    reply->item_count = request->action_count;
    if (CC_UNLIKELY(part != NULL))
        part->bytes = bytes;
    if (bytes <= TRANSACTION_BYTES)
        return CC_OK;
    return CC_INVALID(call->error,
                      "The aggregate size of the items in the transaction exceeds the limit of 4 MB");
}
