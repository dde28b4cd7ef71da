/* fuzz_lines.c: NDJSON in its three forms: what becomes an item checks, says what columns it wants, and is the
 * same item again when it is written and read. */
#include <stdint.h>

#include "ingest/infer.h"
#include "ingest/lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_items(cc_bytes items, bool plain) {
    cc_infer infer;
    cc_buffer text = {0}, again = {0}, numbers = {0};
    cc_arena arena;
    cc_arena_init(&arena, 0);
    cc_infer_init(&infer);
    for (size_t at = 0; at < items.size;) {
        uint32_t size;
        memcpy(&size, items.data + at, 4);
        cc_bytes item = cc_bytes_of(items.data + at, size);
        CC_ASSERT(cc_item_check(item, NULL) == CC_OK);
        CC_ASSERT(cc_infer_item(&infer, item, NULL) == CC_OK);
        cc_buffer_clear(&text);
        cc_buffer_clear(&again);
        CC_ASSERT((plain ? cc_item_to_plain_json(item, &text) : cc_item_to_json(item, &text)) == CC_OK);
        cc_lines lines = {0};
        cc_lines_form form = plain ? CC_LINES_PLAIN : CC_LINES_DYNAMODB;
        CC_ASSERT(cc_lines_next(cc_buffer_bytes(&text), form, &lines, SIZE_MAX, &arena, &again, &numbers,
                                NULL) == CC_OK);
        CC_ASSERT(cc_bytes_equal(cc_buffer_bytes(&again), item));
        at += size;
    }
    for (uint32_t i = 0; i < infer.root.field_count; i++) {
        char format[16];
        cc_infer_format(infer.root.fields[i], (cc_numbers)(i % 3), (i & 1) != 0, format);
        CC_ASSERT(format[0] != '\0');
    }
    cc_infer_free(&infer);
    cc_arena_free(&arena);
    cc_buffer_free(&text);
    cc_buffer_free(&again);
    cc_buffer_free(&numbers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    for (int form = CC_LINES_PLAIN; form <= CC_LINES_EXPORT; form++) {
        cc_buffer items = {0}, numbers = {0};
        cc_arena arena;
        cc_lines lines = {0};
        cc_arena_init(&arena, 0);
        while (lines.position < size) /* a bad line is passed over */
            (void)!cc_lines_next(cc_bytes_of(data, size), (cc_lines_form)form, &lines, SIZE_MAX, &arena,
                                 &items, &numbers, NULL);
        check_items(cc_buffer_bytes(&items), form == CC_LINES_PLAIN);
        cc_buffer_free(&items);
        cc_buffer_free(&numbers);
        cc_arena_free(&arena);
    }
    return 0;
}
