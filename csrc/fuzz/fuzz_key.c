/* fuzz_key.c: keys out of DynamoDB JSON: what is accepted lies inside the limits and is stable. */
#include <stdint.h>

#include "codec/key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_key(const cc_key_schema *schema, cc_key key) {
    CC_ASSERT(key.partition.size >= 2 && key.partition.size <= CC_KEY_PARTITION_MAX + 1);
    CC_ASSERT(key.partition.data[0] == (uint8_t)schema->partition_type);
    CC_ASSERT(key.sort.size <= CC_KEY_SORT_MAX);
    CC_ASSERT((key.sort.size > 0) == (schema->sort_name.size > 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const cc_type types[] = {CC_TYPE_S, CC_TYPE_N, CC_TYPE_B};
    if (size == 0)
        return 0;
    cc_key_schema schema = {cc_bytes_text("p"), types[data[0] % 3], cc_bytes_text(data[0] & 0x40 ? "s" : ""),
                            types[data[0] / 3 % 3]};
    cc_json_cursor cursor = cc_json_open(cc_bytes_of(data + 1, size - 1));
    cc_arena arena;
    cc_arena_init(&arena, 0);
    cc_buffer item = {0};
    if (cc_item_from_json(&cursor, &item, &arena, NULL) == CC_OK) {
        cc_bytes bytes = cc_buffer_bytes(&item);
        cc_key loose, exact;
        cc_error error = {0};
        bool fits = cc_key_from_item(&schema, bytes, &arena, &loose, &error) == CC_OK;
        if (fits)
            check_key(&schema, loose);
        else
            CC_ASSERT(error.message[0] != '\0');
        if (cc_key_from_key_item(&schema, bytes, &arena, &exact, NULL) == CC_OK)
            CC_ASSERT(fits && cc_bytes_equal(exact.partition, loose.partition) &&
                      cc_bytes_equal(exact.sort, loose.sort));
    }
    cc_buffer_free(&item);
    cc_arena_free(&arena);
    return 0;
}
