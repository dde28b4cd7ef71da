/* fuzz_ingest.c: records into columns of every type; a refused record must leave no row, and what
 * was built must export. Also the PutRecordBatch body and the record framing. */
#include <stdint.h>

#include "ingest/columns.h"
#include "ingest/records.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct ArrowSchema leaf(const char *name, const char *format) {
    return (struct ArrowSchema){.format = format, .name = name, .flags = ARROW_FLAG_NULLABLE};
}

static void through_columns(cc_bytes record) {
    struct ArrowSchema item = leaf("item", "i"), key = leaf("key", "u"), value = leaf("value", "g");
    struct ArrowSchema *in_list[] = {&item}, *in_entries[] = {&key, &value};
    struct ArrowSchema entries = leaf("entries", "+s");
    entries.n_children = 2;
    entries.children = in_entries;
    struct ArrowSchema *in_map[] = {&entries};
    struct ArrowSchema fields[] = {leaf("a", "l"),    leaf("b", "u"),   leaf("c", "g"),     leaf("d", "b"),
                                   leaf("e", "tsm:"), leaf("f", "tdD"), leaf("g", "d:9,2"), leaf("h", "z"),
                                   leaf("i", "+l"),   leaf("j", "+m")};
    enum { COUNT = sizeof fields / sizeof fields[0] };
    struct ArrowSchema *children[COUNT];
    for (int i = 0; i < COUNT; i++)
        children[i] = &fields[i];
    fields[8].n_children = 1;
    fields[8].children = in_list;
    fields[9].n_children = 1;
    fields[9].children = in_map;
    struct ArrowSchema root = leaf("", "+s");
    root.n_children = COUNT;
    root.children = children;
    cc_columns *columns = NULL;
    CC_ASSERT(cc_columns_open(&root, CC_COLUMNS_CASE_INSENSITIVE, &columns, NULL) == CC_OK);
    for (int round = 0; round < 2; round++) {
        int64_t before = cc_columns_rows(columns);
        if (cc_columns_append(columns, record, NULL) != CC_OK)
            CC_ASSERT(cc_columns_rows(columns) == before);
    }
    struct ArrowArray array;
    int64_t rows = cc_columns_rows(columns);
    CC_ASSERT(cc_columns_finish(columns, &array, NULL) == CC_OK);
    CC_ASSERT(array.length == rows);
    for (int i = 0; i < COUNT; i++)
        CC_ASSERT(array.children[i]->length == rows);
    array.release(&array);
    cc_columns_close(columns);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    cc_bytes bytes = cc_bytes_of(data, size);
    through_columns(bytes);
    cc_arena arena;
    cc_arena_init(&arena, 0);
    cc_buffer payload = {0}, joined = {0};
    cc_bytes stream;
    uint32_t count;
    if (cc_records_from_put_json(bytes, &arena, &payload, &stream, &count, NULL) == CC_OK)
        CC_ASSERT(cc_records_concat(cc_buffer_bytes(&payload), cc_bytes_text("\n"), &joined, NULL) == CC_OK);
    cc_buffer_clear(&joined);
    if (cc_records_concat(bytes, cc_bytes_text(""), &joined, NULL) == CC_OK)
        CC_ASSERT(joined.size <= size);
    cc_buffer_free(&payload);
    cc_buffer_free(&joined);
    cc_arena_free(&arena);
    return 0;
}
