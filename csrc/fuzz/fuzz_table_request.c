/* Whole JSON bodies of every item operation against an empty table in memory. First byte: the verb.
 * Whatever comes in, an answer of JSON comes out. */
#include <stdlib.h>

#include "codec/json.h"
#include "table/table.h"

static cc_tables *open_tables(void) {
    static const char *const description =
        "{\"KeySchema\":[{\"AttributeName\":\"p\",\"KeyType\":\"HASH\"},"
        "{\"AttributeName\":\"s\",\"KeyType\":\"RANGE\"}],\"AttributeDefinitions\":"
        "[{\"AttributeName\":\"p\",\"AttributeType\":\"S\"},{\"AttributeName\":\"s\",\"AttributeType\":\"N\"},"
        "{\"AttributeName\":\"a\",\"AttributeType\":\"S\"},{\"AttributeName\":\"b\",\"AttributeType\":\"B\"}],"
        "\"LocalSecondaryIndexes\":[{\"IndexName\":\"lsi\",\"KeySchema\":[{\"AttributeName\":\"p\",\"KeyType\":"
        "\"HASH\"},{\"AttributeName\":\"a\",\"KeyType\":\"RANGE\"}],\"Projection\":{\"ProjectionType\":\"KEYS_ONLY\"}}],"
        "\"GlobalSecondaryIndexes\":[{\"IndexName\":\"gsi\",\"KeySchema\":[{\"AttributeName\":\"a\",\"KeyType\":"
        "\"HASH\"},{\"AttributeName\":\"b\",\"KeyType\":\"RANGE\"},{\"AttributeName\":\"s\",\"KeyType\":\"RANGE\"}],"
        "\"Projection\":{\"ProjectionType\":\"INCLUDE\",\"NonKeyAttributes\":[\"x\"]}}],"
        "\"VectorIndexes\":[{\"IndexName\":\"vix\",\"VectorAttribute\":{\"AttributeName\":\"v\"},\"Dimensions\":2,"
        "\"DistanceFunction\":\"COSINE\",\"Projection\":{\"ProjectionType\":\"ALL\"}},{\"IndexName\":\"vin\","
        "\"VectorAttribute\":{\"AttributeName\":\"v\"},\"Dimensions\":2,\"DistanceFunction\":\"EUCLIDEAN\","
        "\"SearchSchema\":[{\"AttributeName\":\"b\",\"SearchSchemaElementType\":\"INLINE_FILTER\"},"
        "{\"AttributeName\":\"a\",\"SearchSchemaElementType\":\"HASH\"}],"
        "\"Projection\":{\"ProjectionType\":\"KEYS_ONLY\"}}]}";
    cc_tables *tables = NULL;
    cc_error error;
    CC_ASSERT(cc_tables_open(NULL, NULL, &tables, &error) == CC_OK);
    CC_ASSERT(cc_table_create(tables, cc_bytes_text("tab"), cc_bytes_text(description), &error) == CC_OK);
    static const char item[] = "{\"TableName\":\"tab\",\"Item\":{\"p\":{\"S\":\"a\"},\"s\":{\"N\":\"1\"},"
                               "\"a\":{\"S\":\"a\"},\"b\":{\"B\":\"AAE=\"},\"x\":{\"L\":[{\"N\":\"1\"}]},"
                               "\"v\":{\"L\":[{\"N\":\"1\"},{\"N\":\"-2.5\"}]}}}";
    cc_arena arena;
    cc_buffer reply = {0};
    int status = 0;
    cc_arena_init(&arena, 0);
    CC_ASSERT(cc_table_call_json(tables, CC_VERB_PUT, cc_bytes_text(item), &arena, &reply, &status) == CC_OK);
    CC_ASSERT(status == 200);
    cc_buffer_free(&reply);
    cc_arena_free(&arena);
    return tables;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    cc_tables *tables = open_tables();
    cc_arena arena;
    cc_buffer reply = {0};
    int status = 0;
    cc_arena_init(&arena, 0);
    cc_verb verb = (cc_verb)(1 + data[0] % (CC_VERB_COUNT - 1));
    for (int again = 0; again < 2; again++) {
        cc_buffer_clear(&reply);
        CC_ASSERT(cc_table_call_json(tables, verb, cc_bytes_of(data + 1, size - 1), &arena, &reply,
                                     &status) == CC_OK);
        cc_json_cursor cursor = cc_json_open(cc_buffer_bytes(&reply));
        cc_bytes whole;
        CC_ASSERT(cc_json_skip(&cursor, &whole, NULL) == CC_OK && cc_json_finish(&cursor, NULL) == CC_OK);
        CC_ASSERT(status == 200 || status == 400);
        cc_arena_reset(&arena);
    }
    cc_buffer_free(&reply);
    cc_arena_free(&arena);
    CC_ASSERT(cc_tables_close(tables, NULL) == CC_OK);
    return 0;
}
