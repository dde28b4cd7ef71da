/* fuzz_item.c: untrusted encoded items: what passes the check can be walked, sized and written. */
#include <stdint.h>

#include "codec/item.h"
#include "codec/key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    cc_bytes item = cc_bytes_of(data, size);
    if (cc_item_check(item, NULL) != CC_OK)
        return 0;
    cc_buffer json = {0};
    CC_ASSERT(cc_item_to_json(item, &json) == CC_OK);
    (void)cc_item_size(item);
    cc_arena arena;
    cc_arena_init(&arena, 0);
    cc_key_schema schema = {cc_bytes_text("id"), CC_TYPE_S, cc_bytes_text("n"), CC_TYPE_N};
    cc_key key;
    if (cc_key_from_item(&schema, item, &arena, &key, NULL) == CC_OK)
        CC_ASSERT(key.partition.size > 1);
    cc_buffer_free(&json);
    cc_arena_free(&arena);
    return 0;
}
