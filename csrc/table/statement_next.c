/* statement_next.c: NextToken: where a SELECT goes on, opaque and sealed.
 *
 *   base64 of  u8 version = 1 | 16 bytes: digest of statement and parameters | key item | u64 seal
 *
 * The seal is a hash of what stands before it, keyed by the store's seed, so a token that was changed, or that
 * another store made, is no token. One of another statement says so. What is inside is checked all the same. */
#include "base/hash.h"
#include "table/statement.h"

enum { VERSION = 1, DIGEST_SIZE = 16, HEAD = 1 + DIGEST_SIZE, SEAL = 8 };

static void digest_of(const cc_request *request, uint64_t digest[2]) {
    digest[0] = cc_hash64(request->statement.data, request->statement.size, 1);
    digest[1] = cc_hash64(request->statement.data, request->statement.size, 2);
    for (size_t i = 0; i < request->parameter_count; i++) {
        cc_value value = request->parameters[i];
        uint64_t head = (uint64_t)value.type << 32 | (uint32_t)value.payload.size;
        for (int k = 0; k < 2; k++) {
            digest[k] = cc_hash64(&head, sizeof head, digest[k]);
            digest[k] = cc_hash64(value.payload.data, value.payload.size, digest[k]);
        }
    }
}

static uint64_t seal_of(const cc_call *call, const uint8_t *bytes, size_t size) {
    return cc_hash64(bytes, size, cc_store_seed(call->tables->store) ^ 0x6e657874746f6b65u);
}

cc_status cc_next_token_make(cc_call *call, const cc_request *given) {
    cc_bytes key = call->reply->last_key;
    size_t size = HEAD + key.size + SEAL;
    uint8_t *bytes = cc_arena_alloc(call->arena, size);
    uint8_t *text = cc_arena_alloc(call->arena, cc_base64_encoded_size(size));
    uint64_t digest[2], seal;
    if (bytes == NULL || text == NULL)
        return cc_no_memory(call->error);
    digest_of(given, digest);
    bytes[0] = VERSION;
    memcpy(bytes + 1, digest, DIGEST_SIZE);
    memcpy(bytes + HEAD, key.data, key.size);
    seal = seal_of(call, bytes, size - SEAL);
    memcpy(bytes + size - SEAL, &seal, SEAL);
    cc_base64_encode(cc_bytes_of(bytes, size), text);
    call->reply->next_token = cc_bytes_of(text, cc_base64_encoded_size(size));
    return CC_OK;
}

cc_status cc_next_token_read(cc_call *call, const cc_request *given, cc_bytes *start_key_out) {
    cc_bytes token = given->next_token;
    uint8_t *bytes = cc_arena_alloc(call->arena, token.size / 4 * 3 + 1);
    uint64_t digest[2], seal;
    size_t size = 0;
    if (bytes == NULL)
        return cc_no_memory(call->error);
    bool whole = cc_base64_decode(token, bytes, &size) && size > HEAD + SEAL && bytes[0] == VERSION;
    if (whole) {
        memcpy(&seal, bytes + size - SEAL, SEAL);
        *start_key_out = cc_bytes_of(bytes + HEAD, size - HEAD - SEAL);
        whole = seal == seal_of(call, bytes, size - SEAL) && cc_item_check(*start_key_out, NULL) == CC_OK;
    }
    if (!whole)
        return CC_INVALID(call->error, "Invalid NextToken");
    digest_of(given, digest);
    if (memcmp(bytes + 1, digest, DIGEST_SIZE) != 0)
        return CC_INVALID(call->error, "NextToken does not match request");
    return CC_OK;
}
