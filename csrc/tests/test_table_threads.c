/* Many threads over one table without any lock of their own: counts add up, nothing races (run it under
 * the thread preset). Expressions differ per thread, so that the cache is shared, filled and replaced. */
#include <pthread.h>
#include <stdlib.h>

#include "support/check.h"
#include "table/table.h"

enum { THREADS = 4, ROUNDS = 300 };

static cc_tables *tables;

static int call(const char *operation, const char *body, cc_arena *arena, cc_buffer *reply) {
    int http = 0;
    cc_buffer_clear(reply);
    cc_arena_reset(arena);
    cc_status status = cc_table_call_json(tables, cc_verb_from_name(cc_bytes_text(operation)),
                                          cc_bytes_text(body), arena, reply, &http);
    return status == CC_OK ? http : 0;
}

static void *work(void *argument) {
    int number = *(int *)argument;
    long refused = 0;
    cc_arena arena;
    cc_buffer reply = {0};
    cc_arena_init(&arena, 0);
    for (int i = 0; i < ROUNDS; i++) {
        char body[400];
        snprintf(body, sizeof body,
                 "{\"TableName\":\"tab\",\"Key\":{\"p\":{\"S\":\"n\"}},\"UpdateExpression\":\"ADD hits :one, "
                 "t%d_%d :one\",\"ExpressionAttributeValues\":{\":one\":{\"N\":\"1\"}}}",
                 number, i % 7);
        refused += call("UpdateItem", body, &arena, &reply) != 200;
        snprintf(body, sizeof body,
                 "{\"TableName\":\"tab\",\"Item\":{\"p\":{\"S\":\"k%d-%d\"},\"v\":{\"N\":\"%d\"}}}", number,
                 i, i);
        refused += call("PutItem", body, &arena, &reply) != 200;
        refused += call("Scan",
                        "{\"TableName\":\"tab\",\"Limit\":20,\"FilterExpression\":\"v > :v\","
                        "\"ExpressionAttributeValues\":{\":v\":{\"N\":\"5\"}}}",
                        &arena, &reply) != 200;
    }
    cc_buffer_free(&reply);
    cc_arena_free(&arena);
    return (void *)refused;
}

TEST(counts_add_up) {
    static const char *const description =
        "{\"KeySchema\":[{\"AttributeName\":\"p\",\"KeyType\":\"HASH\"}],"
        "\"AttributeDefinitions\":[{\"AttributeName\":\"p\",\"AttributeType\":\"S\"}]}";
    CHECK_OK(cc_tables_open(NULL, NULL, &tables, NULL));
    CHECK_OK(cc_table_create(tables, cc_bytes_text("tab"), cc_bytes_text(description), NULL));
    pthread_t threads[THREADS];
    int numbers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        CHECK(pthread_create(&threads[i], NULL, work, &numbers[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        void *refused;
        CHECK(pthread_join(threads[i], &refused) == 0);
        CHECK(refused == NULL);
    }
    cc_arena arena;
    cc_buffer reply = {0};
    cc_arena_init(&arena, 0);
    CHECK_EQ(call("GetItem",
                  "{\"TableName\":\"tab\",\"Key\":{\"p\":{\"S\":\"n\"}},\"ProjectionExpression\":"
                  "\"hits\"}",
                  &arena, &reply),
             200);
    CHECK_OK(cc_buffer_append_byte(&reply, 0));
    CHECK(strcmp((char *)reply.data, "{\"Item\":{\"hits\":{\"N\":\"1200\"}}}") == 0);
    cc_buffer_free(&reply);
    cc_arena_free(&arena);
    CHECK_OK(cc_tables_close(tables, NULL));
}

/* ---- an index beside writers ---- */

#define KEYS                                                                                                 \
    "\"KeySchema\":[{\"AttributeName\":\"p\",\"KeyType\":\"HASH\"}],\"AttributeDefinitions\":"               \
    "[{\"AttributeName\":\"p\",\"AttributeType\":\"S\"},{\"AttributeName\":\"g\",\"AttributeType\":\"S\"}]"
#define WITH_INDEX                                                                                           \
    "{" KEYS ",\"GlobalSecondaryIndexes\":[{\"IndexName\":\"gsi\",\"KeySchema\":[{\"AttributeName\":\"g\","  \
    "\"KeyType\":\"HASH\"}],\"Projection\":{\"ProjectionType\":\"ALL\"}}]}"

static void *write_items(void *argument) {
    int number = *(int *)argument;
    long refused = 0;
    cc_arena arena;
    cc_buffer reply = {0};
    cc_arena_init(&arena, 0);
    for (int i = 0; i < 4 * ROUNDS; i++) {
        char body[400];
        snprintf(body, sizeof body,
                 "{\"TableName\":\"tab\",\"Item\":{\"p\":{\"S\":\"k%d-%d\"},\"g\":{\"S\":\"g%d\"},"
                 "\"pad\":{\"S\":\"%*s\"}}}",
                 number, i % 100, i % 3, i % 97, "x");
        refused += call("PutItem", body, &arena, &reply) != 200;
        snprintf(body, sizeof body, "{\"TableName\":\"tab\",\"Key\":{\"p\":{\"S\":\"k%d-%d\"}}}", number,
                 i * 7 % 100);
        if (i % 4 == 0)
            refused += call("DeleteItem", body, &arena, &reply) != 200;
        /* Refused while the index is away or filling; never wrong otherwise. */
        (void)call("Query",
                   "{\"TableName\":\"tab\",\"IndexName\":\"gsi\",\"KeyConditionExpression\":\"g = :g\","
                   "\"ExpressionAttributeValues\":{\":g\":{\"S\":\"g1\"}},\"Limit\":10}",
                   &arena, &reply);
    }
    cc_buffer_free(&reply);
    cc_arena_free(&arena);
    return (void *)refused;
}

/* Items in the table that carry `g`, and entries of the index. */
static void count_items(int *items, int *entries) {
    cc_arena arena;
    cc_buffer reply = {0};
    cc_arena_init(&arena, 0);
    CHECK_EQ(call("Scan", "{\"TableName\":\"tab\",\"Select\":\"COUNT\"}", &arena, &reply), 200);
    CHECK_OK(cc_buffer_append_byte(&reply, 0));
    CHECK(sscanf((char *)reply.data, "{\"Count\":%d", items) == 1);
    CHECK_EQ(
        call("Scan", "{\"TableName\":\"tab\",\"IndexName\":\"gsi\",\"Select\":\"COUNT\"}", &arena, &reply),
        200);
    CHECK_OK(cc_buffer_append_byte(&reply, 0));
    CHECK(sscanf((char *)reply.data, "{\"Count\":%d", entries) == 1);
    cc_buffer_free(&reply);
    cc_arena_free(&arena);
}

TEST(an_index_comes_and_goes) {
    cc_bytes name = cc_bytes_text("tab");
    int items = 0, entries = -1;
    CHECK_OK(cc_tables_open(NULL, NULL, &tables, NULL));
    CHECK_OK(cc_table_create(tables, name, cc_bytes_text("{" KEYS "}"), NULL));
    pthread_t threads[THREADS];
    int numbers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        CHECK(pthread_create(&threads[i], NULL, write_items, &numbers[i]) == 0);
    }
    for (int i = 0; i < 40; i++) {
        CHECK_OK(cc_table_describe(tables, name, cc_bytes_text(WITH_INDEX), NULL));
        CHECK_OK(cc_table_fill(tables, name, NULL));
        if (i % 8 == 7) { /* between two writes the index holds what the table holds */
            cc_store_lock(cc_tables_store(tables));
            cc_table_index_info info;
            cc_space_info table;
            cc_space *space = cc_space_find(cc_tables_store(tables), name);
            cc_space_info_get(space, &table);
            CHECK(cc_table_index_at(tables, space, 0, &info) && !info.filling);
            CHECK_EQ(info.item_count, table.item_count);
            cc_store_unlock(cc_tables_store(tables));
        }
        CHECK_OK(cc_table_describe(tables, name, cc_bytes_text("{" KEYS "}"), NULL));
    }
    CHECK_OK(cc_table_describe(tables, name, cc_bytes_text(WITH_INDEX), NULL));
    CHECK_OK(cc_table_fill(tables, name, NULL));
    for (int i = 0; i < THREADS; i++) {
        void *refused;
        CHECK(pthread_join(threads[i], &refused) == 0);
        CHECK(refused == NULL);
    }
    count_items(&items, &entries);
    CHECK(items > 0);
    CHECK_EQ(entries, items);
    CHECK_OK(cc_tables_close(tables, NULL));
}

int main(void) {
    RUN(counts_add_up);
    RUN(an_index_comes_and_goes);
    return REPORT();
}
