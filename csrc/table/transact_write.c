/* transact_write.c: TransactWriteItems: up to 100 actions on as many items, all or none, as one log record.
 *
 * ClientRequestToken: what was done under a token is remembered in the same record (token.c), so a repetition
 * is known after kill -9 too. */
#include "table/throttle.h"

enum { TRANSACTION_BYTES = 4 << 20 };

/* ConditionCheck: writes nothing, costs a write. */
cc_status cc_verb_check(cc_call *call) {
    cc_key key;
    cc_bytes old;
    CC_TRY(cc_key_from_key_item(call->schema, call->request->item, call->arena, &key, call->error));
    CC_TRY(cc_call_check_scalars(call));
    if (!cc_space_get(call->space, key, &old))
        old = (cc_bytes){NULL, 0};
    CC_TRY(cc_call_check_condition(call, old));
    return cc_call_charge_write(call, &call->reply->consumed, old, old);
}

static cc_status run_action(cc_call *call) {
    switch (call->request->verb) {
    case CC_VERB_PUT:
        return cc_verb_put(call);
    case CC_VERB_UPDATE:
        return cc_verb_update(call);
    case CC_VERB_DELETE:
        return cc_verb_delete(call);
    default:
        return cc_verb_check(call);
    }
}

/* Reading what a repeated transaction wrote is all it costs. */
static void charge_repetition(cc_call *call) {
    for (size_t i = 0; i < call->request->action_count; i++) {
        cc_transact_action *action = &call->actions[i];
        cc_bytes item;
        if (action->status != CC_OK)
            continue;
        bool found = cc_space_get(action->call.space, action->key, &item);
        double units = 2 * cc_read_units(found ? cc_item_size(item) : 0, true);
        call->reply->table_consumed[call->request->action_tables[i]].table += units;
        cc_call_owe_read(&action->call, units);
    }
}

static cc_status check_size(cc_call *call) {
    cc_part *part = call->request->part;
    size_t bytes = part == NULL ? 0 : part->bytes;
    for (size_t i = 0; i < call->request->action_count; i++) {
        const cc_transact_action *action = &call->actions[i];
        cc_bytes old;
        size_t before = cc_space_get(action->call.space, action->key, &old) ? cc_item_size(old) : 0;
        bool puts = action->reply.written && action->change.kind == CC_CHANGE_PUT;
        size_t after = puts ? cc_item_size(action->change.value) : 0;
        bytes += before > after ? before : after;
    }
    if (CC_UNLIKELY(part != NULL))
        part->bytes = bytes;
    if (bytes <= TRANSACTION_BYTES)
        return CC_OK;
    return CC_INVALID(call->error,
                      "The aggregate size of the items in the transaction exceeds the limit of 4 MB");
}

cc_status cc_verb_transact_write(cc_call *call) {
    cc_digest digest = cc_token_digest(call->request);
    CC_TRY(cc_transact_find(call));
    if (cc_transact_forms(call->request, &digest))
        return CC_OK;
    return cc_transact_write(call, &digest);
}

cc_status cc_transact_write(cc_call *call, const cc_digest *digest) {
    const cc_request *request = call->request;
    cc_part *part = request->part;
    size_t count = 0;
    cc_change *changes = cc_arena_alloc(call->arena,
                                        (request->action_count + CC_TOKEN_CHANGES_MAX) * sizeof *changes);
    if (changes == NULL)
        return cc_no_memory(call->error);
    if (request->token.data != NULL) {
        const cc_digest *whole = part == NULL ? digest : &part->digest;
        bool decided = part != NULL && part->mode == CC_PART_FINISH;
        CC_TRY(cc_token_check(call, whole, decided, &call->reply->repeated, changes, &count));
        if (call->reply->repeated) {
            charge_repetition(call);
            return CC_OK;
        }
    }
    for (size_t i = 0; i < request->action_count; i++)
        if (call->actions[i].status == CC_OK)
            call->actions[i].status = run_action(&call->actions[i].call);
    CC_TRY(cc_transact_verdict(call));
    CC_TRY(check_size(call));
    for (size_t i = 0; i < request->action_count; i++) {
        cc_transact_action *action = &call->actions[i];
        CC_TRY(cc_consumed_add(&action->call, &call->reply->table_consumed[request->action_tables[i]],
                               &action->reply.consumed, 2));
        if (action->reply.written)
            changes[count++] = action->change;
    }
    bool tried = part != NULL && part->mode == CC_PART_TRY;
    return count == 0 || tried ? CC_OK : cc_call_write(call, changes, count);
}
