/* PartiQL statements from hostile text, run alone, in a batch and in a transaction on a small table. First
 * byte: how many parameters go with it, and whether pages are of one item.
 *
 * A statement is done or refused in the service's words; pages come to an end; what comes out are items. */
#include "table/table.h"

enum { PARAMETERS = 8, PAGES_MAX = 64 };

static cc_tables *open_tables(cc_arena *arena) {
    static const char *const description =
        "{\"KeySchema\":[{\"AttributeName\":\"p\",\"KeyType\":\"HASH\"},"
        "{\"AttributeName\":\"s\",\"KeyType\":\"RANGE\"}],\"AttributeDefinitions\":"
        "[{\"AttributeName\":\"p\",\"AttributeType\":\"S\"},{\"AttributeName\":\"s\",\"AttributeType\":\"N\"},"
        "{\"AttributeName\":\"a\",\"AttributeType\":\"S\"}],"
        "\"LocalSecondaryIndexes\":[{\"IndexName\":\"lsi\",\"KeySchema\":[{\"AttributeName\":\"p\",\"KeyType\":"
        "\"HASH\"},{\"AttributeName\":\"a\",\"KeyType\":\"RANGE\"}],\"Projection\":{\"ProjectionType\":\"KEYS_ONLY\"}}],"
        "\"GlobalSecondaryIndexes\":[{\"IndexName\":\"gsi\",\"KeySchema\":[{\"AttributeName\":\"a\",\"KeyType\":"
        "\"HASH\"},{\"AttributeName\":\"s\",\"KeyType\":\"RANGE\"}],"
        "\"Projection\":{\"ProjectionType\":\"ALL\"}}]}";
    static const char *const statements[] = {
        "INSERT INTO t VALUE {'p':'a','s':1,'a':'x','l':[1,{'k':<<'v'>>}],'n':5}",
        "INSERT INTO t VALUE {'p':'a','s':2,'a':'y','b':true,'u':NULL}",
        "INSERT INTO t VALUE {'p':'b','s':-3,'n':<<1,2>>}",
    };
    cc_tables *tables = NULL;
    CC_ASSERT(cc_tables_open(NULL, NULL, &tables, NULL) == CC_OK);
    CC_ASSERT(cc_table_create(tables, cc_bytes_text("t"), cc_bytes_text(description), NULL) == CC_OK);
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        cc_request request = {.verb = CC_VERB_STATEMENT, .statement = cc_bytes_text(statements[i])};
        cc_reply reply;
        cc_error error = {0};
        CC_ASSERT(cc_table_execute(tables, &request, false, arena, &reply, &error) == CC_OK);
    }
    return tables;
}

static void parameters(cc_arena *arena, cc_value *values_out) {
    static const char json[] =
        "{\"0\":{\"S\":\"a\"},\"1\":{\"N\":\"1\"},\"2\":{\"L\":[{\"N\":\"2\"}]},"
        "\"3\":{\"SS\":[\"v\"]},\"4\":{\"BOOL\":true},\"5\":{\"M\":{\"k\":{\"B\":\"AA==\"}}},"
        "\"6\":{\"NULL\":true},\"7\":{\"NS\":[\"1\"]}}";
    static const char *const names[PARAMETERS] = {"0", "1", "2", "3", "4", "5", "6", "7"};
    cc_json_cursor cursor = cc_json_open(cc_bytes_text(json));
    cc_buffer buffer = {0};
    CC_ASSERT(cc_item_from_json(&cursor, &buffer, arena, NULL) == CC_OK);
    cc_bytes item = cc_arena_copy(arena, cc_buffer_bytes(&buffer));
    cc_buffer_free(&buffer);
    for (int i = 0; i < PARAMETERS; i++)
        CC_ASSERT(cc_item_find(item, cc_bytes_text(names[i]), &values_out[i]));
}

static bool run(cc_tables *tables, const cc_request *request, cc_arena *arena, cc_reply *reply) {
    cc_error error = {0};
    cc_status status = cc_table_execute(tables, request, false, arena, reply, &error);
    CC_ASSERT(status == CC_OK || status == CC_ERR_VALIDATION || status == CC_ERR_NOT_FOUND ||
              status == CC_ERR_CONDITION);
    CC_ASSERT(status == CC_OK || error.message[0] != 0);
    for (size_t i = 0; status == CC_OK && i < reply->item_count; i++)
        CC_ASSERT(reply->items[i].data == NULL || cc_item_check(reply->items[i], NULL) == CC_OK);
    return status == CC_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    cc_value values[PARAMETERS];
    cc_arena arena;
    cc_reply reply;
    if (size == 0)
        return 0;
    cc_arena_init(&arena, 0);
    cc_tables *tables = open_tables(&arena);
    parameters(&arena, values);
    cc_request one = {.verb = CC_VERB_STATEMENT,
                      .statement = cc_bytes_of(data + 1, size - 1),
                      .parameters = values,
                      .parameter_count = data[0] & 7,
                      .has_limit = (data[0] & 8) != 0,
                      .limit = 1,
                      .return_old_on_failure = true,
                      .capacity = CC_CAPACITY_INDEXES};
    const cc_request batch = {.verb = CC_VERB_STATEMENT_BATCH, .actions = &one, .action_count = 1};
    const cc_request transaction = {
        .verb = CC_VERB_STATEMENT_TRANSACTION, .actions = &one, .action_count = 1};
    (void)run(tables, &transaction, &arena, &reply);
    (void)run(tables, &batch, &arena, &reply);
    for (int pages = 0; run(tables, &one, &arena, &reply) && reply.next_token.data != NULL; pages++) {
        CC_ASSERT(pages < PAGES_MAX);
        one.next_token = reply.next_token;
    }
    cc_arena_free(&arena);
    CC_ASSERT(cc_tables_close(tables, NULL) == CC_OK);
    return 0;
}
