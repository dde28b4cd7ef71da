/* test_table_transact.c: transactions under a moved clock, a full log, reopening, and failing halfway.
 *
 * What callers see of transactions is in tests/conformance/test_dynamodb_transactions.py. */
#include "support/check.h"
#include "support/directory.h"
#include "table/internal.h"

static cc_tables *tables;
static cc_arena arena;
static cc_buffer reply;
static int http;
static uint64_t now_ms;

static const char *const description =
    "{\"KeySchema\":[{\"AttributeName\":\"p\",\"KeyType\":\"HASH\"}],\"AttributeDefinitions\":"
    "[{\"AttributeName\":\"p\",\"AttributeType\":\"S\"}]}";

static const char *call(const char *operation, const char *body) {
    cc_verb verb = cc_verb_from_name(cc_bytes_text(operation));
    cc_buffer_clear(&reply);
    cc_arena_reset(&arena);
    CHECK_OK(cc_table_call_json(tables, verb, cc_bytes_text(body), &arena, &reply, &http));
    CHECK_OK(cc_buffer_append_byte(&reply, 0));
    return (const char *)reply.data;
}

static void open_tables(const char *dir, uint64_t disk_bound) {
    cc_store_options options = {.log = {.disk_bound = disk_bound}};
    CHECK_OK(cc_tables_open(dir, &options, &tables, NULL));
    cc_store_set_time(cc_tables_store(tables), now_ms);
}

static void set_time(uint64_t time_ms) {
    now_ms = time_ms;
    cc_store_set_time(cc_tables_store(tables), now_ms);
}

static void create(void) {
    CHECK_OK(cc_table_create(tables, cc_bytes_text("one"), cc_bytes_text(description), NULL));
    CHECK_OK(cc_table_create(tables, cc_bytes_text("two"), cc_bytes_text(description), NULL));
}

/* Adds one to the item `p` of both tables under a token. */
static const char *add(const char *p, const char *token) {
    char body[1024];
    snprintf(
        body, sizeof body,
        "{\"ClientRequestToken\":\"%s\",\"TransactItems\":["
        "{\"Update\":{\"TableName\":\"one\",\"Key\":{\"p\":{\"S\":\"%s\"}},\"UpdateExpression\":\"ADD n :i\","
        "\"ExpressionAttributeValues\":{\":i\":{\"N\":\"1\"}}}},"
        "{\"Update\":{\"TableName\":\"two\",\"Key\":{\"p\":{\"S\":\"%s\"}},\"UpdateExpression\":\"ADD n :i\","
        "\"ExpressionAttributeValues\":{\":i\":{\"N\":\"1\"}}}}]}",
        token, p, p);
    return call("TransactWriteItems", body);
}

static int value_of(const char *table, const char *p) {
    char body[200];
    int value = 0;
    snprintf(body, sizeof body, "{\"TableName\":\"%s\",\"Key\":{\"p\":{\"S\":\"%s\"}}}", table, p);
    const char *at = strstr(call("GetItem", body), "\"n\":{\"N\":\"");
    if (at != NULL)
        (void)sscanf(at, "\"n\":{\"N\":\"%d", &value);
    return value;
}

static size_t token_entries(void) {
    cc_space_info info = {0};
    cc_store_lock(tables->store);
    cc_space *space = cc_space_find(tables->store, cc_bytes_text("#tokens"));
    if (space != NULL)
        cc_space_info_get(space, &info);
    cc_store_unlock(tables->store);
    return info.item_count;
}

TEST(a_token_ends_after_ten_minutes) {
    now_ms = 1000;
    open_tables(NULL, 0);
    create();
    CHECK(strcmp(add("a", "t1"), "{}") == 0);
    set_time(now_ms + 10 * 60 * 1000 - 1);
    CHECK(strcmp(add("a", "t1"), "{}") == 0);
    CHECK_EQ(value_of("one", "a"), 1);
    set_time(now_ms + 1);
    CHECK(strcmp(add("a", "t1"), "{}") == 0);
    CHECK_EQ(value_of("one", "a"), 2);
    CHECK_EQ(token_entries(), 2);
    CHECK_OK(cc_tables_close(tables, NULL));
}

TEST(old_tokens_are_forgotten) {
    char token[32];
    now_ms = 5000;
    open_tables(NULL, 0);
    create();
    for (int i = 0; i < 3000; i++) {
        set_time(now_ms + 1000); /* 600 are remembered at a time */
        snprintf(token, sizeof token, "token %d", i);
        CHECK(strcmp(add("a", token), "{}") == 0);
        CHECK(token_entries() <= 2 * 601);
    }
    CHECK_EQ(value_of("two", "a"), 3000);
    CHECK(token_entries() >= 2 * 599);
    CHECK_OK(cc_tables_close(tables, NULL));
}

TEST(tokens_and_items_come_back) {
    fresh_directory();
    now_ms = 1000;
    open_tables(directory, 0);
    create();
    CHECK(strcmp(add("a", "t1"), "{}") == 0);
    CHECK_OK(cc_tables_close(tables, NULL));
    open_tables(directory, 0);
    CHECK(strcmp(add("a", "t1"), "{}") == 0);
    CHECK_EQ(value_of("one", "a"), 1);
    CHECK_EQ(value_of("two", "a"), 1);
    CHECK(strstr(add("b", "t1"), "#IdempotentParameterMismatchException") != NULL);
    CHECK_OK(cc_tables_close(tables, NULL));
}

/* A log that refuses leaves both tables, and the tokens, as they were. */
TEST(a_full_log_writes_nothing) {
    char p[32], token[32];
    int done = 0;
    fresh_directory();
    now_ms = 1000;
    open_tables(directory, 3 << 20);
    create();
    for (int i = 0; i < 30000; i++) {
        snprintf(p, sizeof p, "item %d", i % 100);
        snprintf(token, sizeof token, "token %d", i);
        size_t before = token_entries();
        const char *answer = add(p, token);
        if (strcmp(answer, "{}") != 0) {
            CHECK(strstr(answer, "InternalServerError") != NULL && http == 500);
            CHECK_EQ(token_entries(), before);
            break;
        }
        done++;
    }
    CHECK(done > 1000 && done < 30000);
    int one = 0, two = 0;
    for (int i = 0; i < 100; i++) {
        snprintf(p, sizeof p, "item %d", i);
        one += value_of("one", p);
        two += value_of("two", p);
    }
    CHECK_EQ(one, done);
    CHECK_EQ(two, done);
    CHECK_OK(cc_tables_close(tables, NULL));
}

int main(void) {
    cc_arena_init(&arena, 0);
    RUN(a_token_ends_after_ten_minutes);
    RUN(old_tokens_are_forgotten);
    RUN(tokens_and_items_come_back);
    RUN(a_full_log_writes_nothing);
    cc_arena_free(&arena);
    cc_buffer_free(&reply);
    return REPORT();
}
