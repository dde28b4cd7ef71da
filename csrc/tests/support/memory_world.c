/* memory_world.c: see memory_world.h. */
#include "tests/support/memory_world.h"

#include <stdio.h>
#include <stdlib.h>

#include "store/internal.h"
#include "tests/support/check.h"

const char world_description[] =
    "{\"TableName\":\"tab\",\"KeySchema\":[{\"AttributeName\":\"p\",\"KeyType\":\"HASH\"},"
    "{\"AttributeName\":\"s\",\"KeyType\":\"RANGE\"}],\"AttributeDefinitions\":"
    "[{\"AttributeName\":\"p\",\"AttributeType\":\"S\"},{\"AttributeName\":\"s\",\"AttributeType\":\"N\"},"
    "{\"AttributeName\":\"a\",\"AttributeType\":\"S\"}],"
    "\"LocalSecondaryIndexes\":[{\"IndexName\":\"lsi\",\"KeySchema\":[{\"AttributeName\":\"p\",\"KeyType\":"
    "\"HASH\"},{\"AttributeName\":\"a\",\"KeyType\":\"RANGE\"}],\"Projection\":{\"ProjectionType\":\"ALL\"}}],"
    "\"GlobalSecondaryIndexes\":[{\"IndexName\":\"gsi\",\"KeySchema\":[{\"AttributeName\":\"a\",\"KeyType\":"
    "\"HASH\"},{\"AttributeName\":\"s\",\"KeyType\":\"RANGE\"}],"
    "\"Projection\":{\"ProjectionType\":\"INCLUDE\",\"NonKeyAttributes\":[\"x\"]}}],"
    "\"VectorIndexes\":[{\"IndexName\":\"vix\",\"VectorAttribute\":{\"AttributeName\":\"v\"},\"Dimensions\":2,"
    "\"DistanceFunction\":\"EUCLIDEAN\",\"SearchSchema\":[{\"AttributeName\":\"p\","
    "\"SearchSchemaElementType\":\"INLINE_FILTER\"}],\"Projection\":{\"ProjectionType\":\"ALL\"}}],"
    "\"Feed\":\"IMAGES\"}";

#define LONG                                                                                                 \
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"

static const request_case seeds[] = {
    {"PutItem",
     "{\"TableName\":\"tab\",\"Item\":{\"p\":{\"S\":\"a\"},\"s\":{\"N\":\"1\"},\"a\":{\"S\":\"x\"},"
     "\"n\":{\"N\":\"5\"},\"z\":{\"S\":\"" LONG
     "\"},\"v\":{\"L\":[{\"N\":\"1\"},{\"N\":\"2\"}]},\"x\":{\"M\":{\"k\":{\"L\":["
     "{\"SS\":[\"p\",\"q\"]},{\"BOOL\":true},{\"NULL\":true},{\"B\":\"AAEC\"}]}}}}}"},
    {"PutItem",
     "{\"TableName\":\"tab\",\"Item\":{\"p\":{\"S\":\"a\"},\"s\":{\"N\":\"2\"},\"a\":{\"S\":\"y\"},"
     "\"z\":{\"S\":\"" LONG "\"},\"v\":{\"L\":[{\"N\":\"-1\"},{\"N\":\"4\"}]}}}"},
    {"PutItem", "{\"TableName\":\"tab\",\"Item\":{\"p\":{\"S\":\"b\"},\"s\":{\"N\":\"1\"},"
                "\"t\":{\"S\":\"" LONG "\"}}}"},
    {"BatchWriteItem", "{\"RequestItems\":{\"two\":[{\"PutRequest\":{\"Item\":{\"k\":{\"B\":\"AAE=\"},"
                       "\"n\":{\"N\":\"-1.5E-7\"},\"z\":{\"S\":\"" LONG
                       "\"}}}},{\"PutRequest\":{\"Item\":{\"k\":{\"B\":\"Ag==\"}}}}]}}"},
};
static const char plain_description[] =
    "{\"TableName\":\"two\",\"KeySchema\":[{\"AttributeName\":\"k\",\"KeyType\":\"HASH\"}],"
    "\"AttributeDefinitions\":[{\"AttributeName\":\"k\",\"AttributeType\":\"B\"}]}";

cc_status world_open(world *w, cc_error *error) {
    cc_store_options options = {.log = {.segment_min = 64 << 10, .fs = fault_fs_table(w->disk)},
                                .budget_bytes = w->budget};
    return cc_tables_open("d", &options, &w->tables, error);
}

static void open_or_exit(world *w) {
    cc_error error = {0};
    if (world_open(w, &error) == CC_OK)
        return;
    fprintf(stderr, "open: %s\n", error.message);
    exit(1);
}

void world_call(cc_tables *tables, const request_case *request, answer *answer_out) {
    cc_arena arena;
    world_throughput(tables, request->left);
    cc_arena_init(&arena, 0);
    cc_buffer_clear(&answer_out->text);
    answer_out->http = 0;
    answer_out->status = cc_table_call_json(tables, cc_verb_from_name(cc_bytes_text(request->operation)),
                                            cc_bytes_text(request->body), &arena, &answer_out->text,
                                            &answer_out->http);
    cc_arena_free(&arena);
    world_throughput(tables, 0);
}

world world_new(uint64_t budget) {
    world w = {.disk = fault_fs_new(), .budget = budget};
    answer got = {0};
    open_or_exit(&w);
    CHECK_OK(cc_table_create(w.tables, cc_bytes_text("tab"), cc_bytes_text(world_description), NULL));
    CHECK_OK(cc_table_create(w.tables, cc_bytes_text("two"), cc_bytes_text(plain_description), NULL));
    for (size_t i = 0; i < sizeof seeds / sizeof *seeds; i++) {
        world_call(w.tables, &seeds[i], &got);
        CHECK_EQ(got.http, 200);
    }
    cc_buffer_free(&got.text);
    return w;
}

void world_end(world *w) {
    CHECK_OK(cc_tables_close(w->tables, NULL));
    fault_fs_free(w->disk);
}

void world_reopen(world *w) {
    if (w->tables != NULL)
        CHECK_OK(cc_tables_close(w->tables, NULL));
    open_or_exit(w);
}

void world_dump(cc_tables *tables, cc_buffer *out) {
    static const request_case views[] = {
        {"Scan", "{\"TableName\":\"tab\"}", NULL},
        {"Scan", "{\"TableName\":\"two\"}", NULL},
        {"Scan", "{\"TableName\":\"tab\",\"IndexName\":\"lsi\"}", NULL},
        {"Scan", "{\"TableName\":\"tab\",\"IndexName\":\"gsi\"}", NULL},
        {"SearchVectors",
         "{\"TableName\":\"tab\",\"IndexName\":\"vix\",\"SearchVector\":[{\"N\":\"0\"},{\"N\":\"0.25\"}],"
         "\"TopK\":50}",
         NULL},
    };
    answer got = {0};
    cc_buffer_clear(out);
    for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
        world_call(tables, &views[i], &got);
        CHECK_OK(cc_buffer_append(out, got.text.data, got.text.size));
    }
    cc_buffer_free(&got.text);
    cc_store *store = cc_tables_store(tables);
    cc_space *space = NULL;
    for (size_t at = 0; (space = cc_space_at(store, at)) != NULL; at++) {
        CHECK_EQ(cc_btree_check(&space->tree), space->item_count);
        for (uint32_t i = 0; i < space->index_count; i++)
            CHECK_EQ(cc_btree_check(&space->indexes[i]->tree), space->indexes[i]->item_count);
    }
}
