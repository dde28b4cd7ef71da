/* fuzz_json.c: the pull reader and DynamoDB JSON: whatever is accepted must check and write back. */
#include <stdint.h>
#include <stdlib.h>

#include "codec/item.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    cc_json_cursor cursor = cc_json_open(cc_bytes_of(data, size));
    bool skipped = cc_json_skip(&cursor, NULL, NULL) == CC_OK;
    cc_arena arena;
    cc_arena_init(&arena, 0);
    cc_buffer item = {0}, json = {0};
    cursor = cc_json_open(cc_bytes_of(data, size));
    if (cc_item_from_json(&cursor, &item, &arena, NULL) == CC_OK) {
        CC_ASSERT(skipped);
        CC_ASSERT(cc_item_check(cc_buffer_bytes(&item), NULL) == CC_OK);
        CC_ASSERT(cc_item_to_json(cc_buffer_bytes(&item), &json) == CC_OK);
    }
    cc_buffer_free(&item);
    cc_buffer_free(&json);
    cc_arena_free(&arena);
    return 0;
}
