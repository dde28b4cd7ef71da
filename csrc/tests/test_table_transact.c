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

/* ---- parts ---- */

static const char *call_part(cc_part *part, const char *operation, const char *body) {
    cc_verb verb = cc_verb_from_name(cc_bytes_text(operation));
    cc_buffer_clear(&reply);
    cc_arena_reset(&arena);
    CHECK_OK(cc_table_call_part(tables, verb, cc_bytes_text(body), part, &arena, &reply, &http));
    CHECK_OK(cc_buffer_append_byte(&reply, 0));
    return (const char *)reply.data;
}

/* Adds one to the item `p` of the first table, where it has no attribute `held`. */
static const char *add_part(cc_part *part, const char *p) {
    char body[512];
    snprintf(body, sizeof body,
             "{\"TransactItems\":[{\"Update\":{\"TableName\":\"one\",\"Key\":{\"p\":{\"S\":\"%s\"}},"
             "\"UpdateExpression\":\"ADD n :i\",\"ConditionExpression\":\"attribute_not_exists(held)\","
             "\"ExpressionAttributeValues\":{\":i\":{\"N\":\"1\"}}}}]}",
             p);
    return call_part(part, "TransactWriteItems", body);
}

TEST(a_part_is_tried_and_then_done) {
    now_ms = 1000;
    open_tables(NULL, 0);
    create();
    cc_part part = {.mode = CC_PART_TRY, .token = cc_bytes_text("t"), .digest = {1, 2}};
    CHECK(strcmp(add_part(&part, "a"), "{}") == 0);
    CHECK_EQ(value_of("one", "a"), 0);
    CHECK_EQ(token_entries(), 0);
    CHECK(part.bytes > 0 && part.bytes < 20 && !part.repeated);
    part.mode = CC_PART_FINISH;
    CHECK(strcmp(add_part(&part, "a"), "{}") == 0);
    CHECK_EQ(value_of("one", "a"), 1);
    CHECK_EQ(token_entries(), 2);
    const cc_part_mode modes[] = {CC_PART_TRY, CC_PART_DO};
    for (size_t i = 0; i < 2; i++) {
        part = (cc_part){.mode = modes[i], .token = cc_bytes_text("t"), .digest = {1, 2}};
        CHECK(strcmp(add_part(&part, "a"), "{}") == 0 && part.repeated);
        part = (cc_part){.mode = modes[i], .token = cc_bytes_text("t"), .digest = {1, 3}};
        CHECK(strstr(add_part(&part, "a"), "#IdempotentParameterMismatchException") != NULL);
        CHECK(!part.repeated);
    }
    CHECK_EQ(value_of("one", "a"), 1);
    part = (cc_part){.mode = CC_PART_FINISH, .token = cc_bytes_text("t"), .digest = {1, 3}};
    CHECK(strcmp(add_part(&part, "a"), "{}") == 0); /* agreed to: nothing stops it */
    CHECK_EQ(value_of("one", "a"), 2);
    CHECK_OK(cc_tables_close(tables, NULL));
}

TEST(a_part_is_refused_as_the_whole_is) {
    now_ms = 1000;
    open_tables(NULL, 0);
    create();
    cc_part part = {.mode = CC_PART_TRY};
    (void)call("PutItem", "{\"TableName\":\"one\",\"Item\":{\"p\":{\"S\":\"a\"},\"held\":{\"S\":\"x\"}}}");
    CHECK(strstr(add_part(&part, "a"), "ConditionalCheckFailed") != NULL && http == 400);
    part = (cc_part){.mode = CC_PART_DO};
    CHECK(strstr(add_part(&part, "a"), "ConditionalCheckFailed") != NULL && http == 400);
    part = (cc_part){.mode = CC_PART_DO, .bytes = 4 << 20};
    CHECK(strstr(add_part(&part, "b"), "exceeds the limit of 4 MB") != NULL);
    part = (cc_part){.mode = CC_PART_DO, .bytes = (4 << 20) - 30};
    CHECK(strcmp(add_part(&part, "b"), "{}") == 0);
    CHECK_EQ(value_of("one", "b"), 1);
    CHECK_OK(cc_tables_close(tables, NULL));
}

/* What a whole transaction is refused for without a look at its items, and what its token stands for. */
TEST(the_form_of_a_whole_transaction) {
    static const char *const one =
        "{\"TransactItems\":[{\"Delete\":{\"TableName\":\"one\",\"Key\":{\"p\":{\"S\":\"a\"}}}}]}";
    static const char *const more =
        "{\"TransactItems\":[{\"Delete\":{\"TableName\":\"one\",\"Key\":{\"p\":{\"S\":\"b\"}}}}],"
        "\"ReturnItemCollectionMetrics\":\"SIZE\"}";
    static const char *const twice =
        "{\"TransactItems\":[{\"Delete\":{\"TableName\":\"one\",\"Key\":{\"p\":{\"S\":\"a\"}}}},"
        "{\"Delete\":{\"TableName\":\"one\",\"Key\":{\"p\":{\"S\":\"a\"}}}}]}";
    now_ms = 1000;
    open_tables(NULL, 0);
    create();
    (void)call("PutItem", "{\"TableName\":\"one\",\"Item\":{\"p\":{\"S\":\"a\"},\"n\":{\"N\":\"1\"}}}");
    cc_part first = {.mode = CC_PART_FORM}, second = {.mode = CC_PART_FORM}, other = {.mode = CC_PART_FORM};
    CHECK(strcmp(call_part(&first, "TransactWriteItems", one), "{}") == 0);
    CHECK(strcmp(call_part(&second, "TransactWriteItems", one), "{}") == 0);
    CHECK(strcmp(call_part(&other, "TransactWriteItems", more), "{}") == 0);
    CHECK(first.digest.a == second.digest.a && first.digest.b == second.digest.b);
    CHECK(first.digest.a != other.digest.a && first.digest.b != other.digest.b);
    CHECK(strstr(call_part(&first, "TransactWriteItems", twice), "multiple operations on one item") != NULL);
    CHECK(strstr(call_part(&first, "TransactGetItems", "{\"TransactItems\":[]}"), "ValidationException") !=
          NULL);
    CHECK(strcmp(call_part(&first, "ExecuteTransaction",
                           "{\"TransactStatements\":[{\"Statement\":\"DELETE FROM one WHERE p = 'a'\"}]}"),
                 "{}") == 0);
    CHECK_EQ(value_of("one", "a"), 1);
    CHECK_OK(cc_tables_close(tables, NULL));
}

int main(void) {
    cc_arena_init(&arena, 0);
    RUN(a_token_ends_after_ten_minutes);
    RUN(old_tokens_are_forgotten);
    RUN(tokens_and_items_come_back);
    RUN(a_full_log_writes_nothing);
    RUN(a_part_is_tried_and_then_done);
    RUN(a_part_is_refused_as_the_whole_is);
    RUN(the_form_of_a_whole_transaction);
    cc_arena_free(&arena);
    cc_buffer_free(&reply);
    return REPORT();
}
