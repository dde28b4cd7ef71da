/* token.c: ClientRequestTokens of the last ten minutes, kept in a space of their own beside the tables.
 *
 *   partition "t", sort token                 -> when it ends (8 bytes, ms, big-endian), 16 bytes of hash
 *   partition "e", sort end (8 bytes) | token -> nothing: what ends first comes first
 *
 * Every transaction with a token adds two entries and takes out up to four tokens that have ended, in its own log
 * record: the space stays as large as ten minutes of transactions. */
#include "base/hash.h"
#include "table/internal.h"

enum { KEPT_MS = 10 * 60 * 1000, FORGET = 4, HASH_SIZE = 16 };

static const char SPACE_NAME[] = "#tokens";

static void mix(cc_digest *d, const void *data, size_t size) {
    d->a = cc_hash64(data, size, d->a ^ size);
    d->b = cc_hash64(data, size, d->b + 0x9e3779b97f4a7c15u);
}

cc_digest cc_digest_begin(void) { return (cc_digest){1, 2}; }

void cc_digest_add(cc_digest *digest, cc_bytes bytes) {
    mix(digest, &bytes.size, sizeof bytes.size);
    mix(digest, bytes.size == 0 ? (const uint8_t *)"" : bytes.data, bytes.size);
}

/* Of what the actions do. Items and values are canonical; names are a set. */
cc_digest cc_token_digest(const cc_request *request) {
    cc_digest d = cc_digest_begin();
    if (request->token.data == NULL && request->part == NULL)
        return d;
    for (size_t i = 0; i < request->action_count; i++) {
        const cc_request *action = &request->actions[i];
        const cc_bytes parts[] = {cc_table_name_of(action->table), action->item, action->condition,
                                  action->update, action->values};
        uint32_t head[2] = {(uint32_t)action->verb, action->return_old_on_failure};
        cc_digest names = {0, 0};
        mix(&d, head, sizeof head);
        for (size_t k = 0; k < sizeof parts / sizeof parts[0]; k++)
            cc_digest_add(&d, parts[k]);
        for (size_t k = 0; k < action->name_count; k++) {
            cc_digest one = {3, 4};
            cc_digest_add(&one, action->names[k].name);
            cc_digest_add(&one, action->names[k].value);
            names.a += one.a;
            names.b += one.b;
        }
        mix(&d, &names, sizeof names);
    }
    return d;
}

static void put_u64(uint8_t *target, uint64_t value) {
    value = __builtin_bswap64(value);
    memcpy(target, &value, sizeof value);
}
static uint64_t get_u64(const uint8_t *source) {
    uint64_t value;
    memcpy(&value, source, sizeof value);
    return __builtin_bswap64(value);
}

static cc_status find_space(cc_call *call, cc_space **space_out) {
    cc_store *store = call->tables->store;
    *space_out = cc_space_find(store, cc_bytes_text(SPACE_NAME));
    if (*space_out != NULL)
        return CC_OK;
    return cc_space_create(store, cc_bytes_text(SPACE_NAME), cc_bytes_text("{}"), space_out, call->error);
}

static cc_key token_key(cc_bytes token) { return (cc_key){cc_bytes_text("t"), token}; }

/* Deletes of up to FORGET tokens that ended before `now`. */
static cc_status forget(cc_call *call, cc_space *space, uint64_t now, cc_change *changes, size_t *count) {
    cc_space_cursor cursor;
    cc_key key;
    bool more = cc_space_seek(space, (cc_key){cc_bytes_text("e"), {NULL, 0}}, &cursor);
    for (int i = 0; more && i < FORGET; i++, more = cc_space_next(&cursor)) {
        cc_space_entry(&cursor, NULL, &key, NULL);
        if (!cc_bytes_equal(key.partition, cc_bytes_text("e")) || get_u64(key.sort.data) > now)
            break;
        cc_bytes sort;
        CC_TRY(cc_call_copy(call, key.sort, &sort)); /* the write frees the cell that holds it */
        cc_bytes token = {sort.data + 8, sort.size - 8};
        changes[(*count)++] = (cc_change){
            .kind = CC_CHANGE_DELETE, .space = space, .key = {cc_bytes_text("e"), sort}};
        if (cc_bytes_equal(token, call->request->token))
            continue; /* this transaction writes that entry anew */
        changes[(*count)++] = (cc_change){.kind = CC_CHANGE_DELETE, .space = space, .key = token_key(token)};
    }
    return CC_OK;
}

static cc_status remember(cc_call *call, cc_space *space, uint64_t end, const cc_digest *d,
                          cc_change *changes, size_t *count) {
    cc_bytes token = call->request->token;
    uint8_t *value = cc_arena_alloc(call->arena, 8 + HASH_SIZE);
    uint8_t *sort = cc_arena_alloc(call->arena, 8 + token.size);
    if (value == NULL || sort == NULL)
        return cc_no_memory(call->error);
    put_u64(value, end);
    memcpy(value + 8, d, HASH_SIZE);
    put_u64(sort, end);
    memcpy(sort + 8, token.data, token.size);
    changes[(*count)++] = (cc_change){
        .kind = CC_CHANGE_PUT, .space = space, .key = token_key(token), .value = {value, 8 + HASH_SIZE}};
    changes[(*count)++] = (cc_change){
        .kind = CC_CHANGE_PUT, .space = space, .key = {cc_bytes_text("e"), {sort, 8 + token.size}}};
    return CC_OK;
}

cc_status cc_token_check(cc_call *call, const cc_digest *digest, bool decided, bool *repeated_out,
                         cc_change *changes, size_t *count) {
    cc_space *space = NULL;
    cc_bytes known;
    uint64_t now = cc_store_now_ms(call->tables->store);
    CC_TRY(find_space(call, &space));
    *repeated_out = false;
    if (!decided && cc_space_get(space, token_key(call->request->token), &known) &&
        known.size == 8 + HASH_SIZE && get_u64(known.data) > now) {
        if (memcmp(known.data + 8, digest, HASH_SIZE) != 0)
            return cc_fail_aws(call->error, CC_ERR_CONDITION, "IdempotentParameterMismatchException",
                               "The request uses the same client token as a previous, but non-identical "
                               "request. Do not reuse a client token with different requests, unless the "
                               "requests are identical");
        *repeated_out = true;
        return CC_OK;
    }
    CC_TRY(forget(call, space, now, changes, count));
    return remember(call, space, now + KEPT_MS, digest, changes, count);
}
