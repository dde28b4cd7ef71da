/* The verbs through their JSON form, on tables in memory and reopened from disk. */
#include <stdlib.h>
#include <unistd.h>

#include "store/internal.h"
#include "support/check.h"
#include "table/table.h"

static cc_tables *tables;
static cc_arena arena;
static cc_buffer reply;
static int http;

static const char *const description =
    "{\"KeySchema\":[{\"AttributeName\":\"p\",\"KeyType\":\"HASH\"},"
    "{\"AttributeName\":\"s\",\"KeyType\":\"RANGE\"}],\"AttributeDefinitions\":"
    "[{\"AttributeName\":\"p\",\"AttributeType\":\"S\"},{\"AttributeName\":\"s\",\"AttributeType\":\"N\"}]}";

static const char *call(const char *operation, const char *body) {
    cc_verb verb = cc_verb_from_name(cc_bytes_text(operation));
    cc_buffer_clear(&reply);
    cc_arena_reset(&arena);
    CHECK_OK(cc_table_call_json(tables, verb, cc_bytes_text(body), &arena, &reply, &http));
    CHECK_OK(cc_buffer_append_byte(&reply, 0));
    return (const char *)reply.data;
}

static void expect(const char *operation, const char *body, const char *answer) {
    const char *got = call(operation, body);
    if (strcmp(got, answer) != 0) {
        fprintf(stderr, "  of: %s %s\n  is: %s\n", operation, body, got);
        CHECK(false);
    }
}

static void open_memory(void) {
    CHECK_OK(cc_tables_open(NULL, NULL, &tables, NULL));
    CHECK_OK(cc_table_create(tables, cc_bytes_text("tab"), cc_bytes_text(description), NULL));
}
static void close_tables(void) { CHECK_OK(cc_tables_close(tables, NULL)); }

#define ITEM(p, s, rest) "{\"p\":{\"S\":\"" p "\"},\"s\":{\"N\":\"" s "\"}" rest "}"
#define PUT(p, s, rest) call("PutItem", "{\"TableName\":\"tab\",\"Item\":" ITEM(p, s, rest) "}")
#define WITH_KEY(p, s, rest) "{\"TableName\":\"tab\",\"Key\":" ITEM(p, s, "") rest "}"
#define INVALID(message)                                                                                     \
    "{\"__type\":\"com.amazon.coral.validate#ValidationException\",\"message\":\"" message "\"}"

TEST(put_get_delete) {
    open_memory();
    expect("PutItem", "{\"TableName\":\"tab\",\"Item\":" ITEM("a", "1", ",\"v\":{\"BOOL\":true}") "}", "{}");
    expect("GetItem", WITH_KEY("a", "1.0", ",\"ProjectionExpression\":\"v\""),
           "{\"Item\":{\"v\":{\"BOOL\":true}}}");
    expect("GetItem", WITH_KEY("a", "2", ",\"ReturnConsumedCapacity\":\"INDEXES\",\"ConsistentRead\":true"),
           "{\"ConsumedCapacity\":{\"TableName\":\"tab\",\"CapacityUnits\":1.0,"
           "\"Table\":{\"CapacityUnits\":1.0}}}");
    expect("DeleteItem",
           WITH_KEY("a", "1",
                    ",\"ConditionExpression\":\"attribute_not_exists(p)\","
                    "\"ReturnValuesOnConditionCheckFailure\":\"ALL_OLD\""),
           "{\"__type\":\"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException\","
           "\"message\":\"The conditional request failed\",\"Item\":"
           "{\"s\":{\"N\":\"1\"},\"p\":{\"S\":\"a\"},\"v\":{\"BOOL\":true}}}");
    CHECK(strstr(call("DeleteItem", WITH_KEY("a", "1", ",\"ReturnValues\":\"ALL_OLD\"")), "Attributes"));
    expect("DeleteItem", WITH_KEY("a", "1", ",\"ReturnValues\":\"ALL_OLD\""), "{}");
    expect("GetItem", WITH_KEY("a", "1", ""), "{}");
    expect("GetItem", "{\"TableName\":\"nope\",\"Key\":{}}",
           "{\"__type\":\"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException\","
           "\"message\":\"Requested resource not found\"}");
    close_tables();
}

TEST(update) {
    open_memory();
    expect("UpdateItem",
           WITH_KEY("a", "1",
                    ",\"UpdateExpression\":\"ADD n :one SET m = :m\","
                    "\"ExpressionAttributeValues\":{\":one\":{\"N\":\"1\"},\":m\":{\"M\":{}}},"
                    "\"ReturnValues\":\"UPDATED_NEW\""),
           "{\"Attributes\":{\"m\":{\"M\":{}},\"n\":{\"N\":\"1\"}}}");
    expect("UpdateItem",
           WITH_KEY("a", "1",
                    ",\"UpdateExpression\":\"SET m.x = n + :one\","
                    "\"ExpressionAttributeValues\":{\":one\":{\"N\":\"1\"}},"
                    "\"ReturnValues\":\"UPDATED_NEW\""),
           "{\"Attributes\":{\"m\":{\"M\":{\"x\":{\"N\":\"2\"}}}}}");
    expect("UpdateItem",
           WITH_KEY("a", "1",
                    ",\"UpdateExpression\":\"SET s = :one\","
                    "\"ExpressionAttributeValues\":{\":one\":{\"N\":\"1\"}}"),
           INVALID("One or more parameter values were invalid: Cannot update attribute s. This attribute "
                   "is part of the key"));
    expect("UpdateItem", WITH_KEY("b", "1", ""), "{}"); /* creates the bare item */
    CHECK(strstr(call("GetItem", WITH_KEY("b", "1", "")), "Item") != NULL);
    close_tables();
}

static void check_pages(const char *direction, int first, int step) {
    char body[600], start[200] = "";
    for (int page = 0; page < 4; page++) {
        snprintf(body, sizeof body,
                 "{\"TableName\":\"tab\",\"KeyConditionExpression\":\"p = :p\",\"Limit\":3,"
                 "\"ScanIndexForward\":%s,\"ExpressionAttributeValues\":{\":p\":{\"S\":\"a\"}}%s}",
                 direction, start);
        const char *got = call("Query", body);
        char wanted[64];
        snprintf(wanted, sizeof wanted, "\"s\":{\"N\":\"%d\"}", first + step * page * 3);
        CHECK(page == 3 ? strstr(got, "\"Count\":1") != NULL : strstr(got, "\"Count\":3") != NULL);
        CHECK(strstr(got, wanted) != NULL);
        CHECK((strstr(got, "LastEvaluatedKey") != NULL) == (page < 3));
        snprintf(start, sizeof start, ",\"ExclusiveStartKey\":{\"p\":{\"S\":\"a\"},\"s\":{\"N\":\"%d\"}}",
                 first + step * (page * 3 + 2));
    }
}

static int count_of(const char *operation, const char *members) {
    char body[400];
    snprintf(body, sizeof body, "{\"TableName\":\"tab\",\"Select\":\"COUNT\"%s}", members);
    return (int)strtol(strstr(call(operation, body), "\"Count\":") + 8, NULL, 10);
}

TEST(query_and_scan) {
    open_memory();
    for (int i = 0; i < 10; i++) {
        char body[128];
        snprintf(body, sizeof body,
                 "{\"TableName\":\"tab\",\"Item\":{\"p\":{\"S\":\"a\"},\"s\":{\"N\":\"%d\"}}}", i - 5);
        expect("PutItem", body, "{}");
        snprintf(body, sizeof body,
                 "{\"TableName\":\"tab\",\"Item\":{\"p\":{\"S\":\"q%d\"},\"s\":{\"N\":\"0\"}}}", i);
        expect("PutItem", body, "{}");
    }
    check_pages("true", -5, 1);
    check_pages("false", 4, -1);
    expect("Query",
           "{\"TableName\":\"tab\",\"KeyConditionExpression\":\"p = :p AND s > :s\","
           "\"FilterExpression\":\"attribute_exists(z)\",\"ReturnConsumedCapacity\":\"TOTAL\","
           "\"ExpressionAttributeValues\":{\":p\":{\"S\":\"a\"},\":s\":{\"N\":\"-2\"}}}",
           "{\"Items\":[],\"Count\":0,\"ScannedCount\":6,\"ConsumedCapacity\":{\"TableName\":\"tab\","
           "\"CapacityUnits\":0.5}}");
    int total = 0;
    for (int segment = 0; segment < 3; segment++) {
        char segments[64];
        snprintf(segments, sizeof segments, ",\"Segment\":%d,\"TotalSegments\":3", segment);
        total += count_of("Scan", segments);
    }
    CHECK_EQ(total, 20);
    close_tables();
}

#define OF(p, condition, more)                                                                               \
    ",\"KeyConditionExpression\":\"p = :p" condition                                                         \
    "\",\"ExpressionAttributeValues\":{\":z\":{\"N\":\"0\"},\":p\":{\"S\":\"" p "\"}}" more
#define BACKWARD ",\"ScanIndexForward\":false"

TEST(partitions_of_equal_hash) {
    open_memory();
    cc_tables_store(tables)->hash_mask = 0;
    PUT("a", "1", "");
    PUT("a", "-1", "");
    for (int both = 0; both < 2; both++) {
        CHECK_EQ(count_of("Query", OF("b", " AND s < :z", "")), both);
        CHECK_EQ(count_of("Query", OF("b", " AND s > :z", "")), both);
        CHECK_EQ(count_of("Query", OF("b", " AND s > :z", BACKWARD)), both);
        CHECK_EQ(count_of("Query", OF("b", " AND s < :z", BACKWARD)), both);
        CHECK_EQ(count_of("Query", OF("a", " AND s < :z", "")), 1);
        PUT("b", "1", "");
        PUT("b", "-1", "");
    }
    close_tables();
}

/* Pages end where the sizes of their items say, whether these are counted as they come or only near the end. */
TEST(bounded_pages) {
    open_memory();
    for (int i = 0; i < 6000; i++) {
        char body[400];
        snprintf(body, sizeof body,
                 "{\"TableName\":\"tab\",\"Item\":{\"p\":{\"S\":\"a\"},\"s\":{\"N\":\"%d\"},"
                 "\"text\":{\"S\":\"%0*d\"},\"list\":{\"L\":[{\"NULL\":true},{\"N\":\"%d\"}]}}}",
                 i, 150 + i % 100, i, i);
        expect("PutItem", body, "{}");
    }
    static const char *const capacity = ",\"ReturnConsumedCapacity\":\"TOTAL\"";
    int counted = count_of("Scan", capacity), forward = count_of("Query", OF("a", " AND s > :z", "")),
        backward = count_of("Query", OF("a", " AND s > :z", BACKWARD));
    CHECK(counted > 3000 && counted < 6000);
    CHECK_EQ(count_of("Scan", ""), counted);
    CHECK_EQ(count_of("Query", OF("a", " AND s > :z", ",\"ReturnConsumedCapacity\":\"TOTAL\"")), forward);
    CHECK_EQ(count_of("Query", OF("a", " AND s > :z", BACKWARD ",\"ReturnConsumedCapacity\":\"TOTAL\"")),
             backward);
    CHECK_EQ(count_of("Query", OF("a", " AND s > :z", ",\"Limit\":5000")), forward);
    CHECK_EQ(count_of("Query", OF("a", " AND s > :z", ",\"Limit\":100")), 100);
    close_tables();
}

TEST(batches) {
    open_memory();
    expect("BatchWriteItem",
           "{\"RequestItems\":{\"tab\":[{\"PutRequest\":{\"Item\":" ITEM(
               "a", "1", "") "}},"
                             "{\"PutRequest\":{\"Item\":" ITEM("a", "2",
                                                               "") "}}]},"
                                                                   "\"ReturnConsumedCapacity\":\"TOTAL\"}",
           "{\"UnprocessedItems\":{},\"ConsumedCapacity\":[{\"TableName\":\"tab\",\"CapacityUnits\":2.0}]}");
    expect("BatchWriteItem",
           "{\"RequestItems\":{\"tab\":[{\"PutRequest\":{\"Item\":" ITEM(
               "a", "1", "") "}},"
                             "{\"DeleteRequest\":{\"Key\":" ITEM("a", "1.0", "") "}}]}}",
           INVALID("Provided list of item keys contains duplicates"));
    expect("BatchGetItem",
           "{\"RequestItems\":{\"tab\":{\"Keys\":[" ITEM("a", "1", "") "," ITEM("x", "1", "") "]}}}",
           "{\"Responses\":{\"tab\":[{\"s\":{\"N\":\"1\"},\"p\":{\"S\":\"a\"}}]},\"UnprocessedKeys\":{}}");
    expect("BatchGetItem", "{\"RequestItems\":{}}",
           INVALID("The requestItems parameter is required for BatchGetItem"));
    close_tables();
}

TEST(reopen) {
    char dir[] = "/tmp/cc_test_table_XXXXXX";
    CHECK(mkdtemp(dir) != NULL);
    cc_error error = {0};
    for (int round = 0; round < 3; round++) {
        CHECK_OK(cc_tables_open(dir, NULL, &tables, &error));
        if (round == 0)
            CHECK_OK(cc_table_create(tables, cc_bytes_text("tab"), cc_bytes_text(description), &error));
        char answer[80];
        snprintf(answer, sizeof answer, "{\"Attributes\":{\"n\":{\"N\":\"%d\"}}}", round + 1);
        expect("UpdateItem",
               WITH_KEY("a", "1",
                        ",\"UpdateExpression\":\"ADD n :one\",\"ReturnValues\":\"UPDATED_NEW\","
                        "\"ExpressionAttributeValues\":{\":one\":{\"N\":\"1\"}}"),
               answer);
        close_tables();
    }
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", dir);
    CHECK_EQ(system(command), 0);
}

int main(void) {
    cc_arena_init(&arena, 0);
    RUN(put_get_delete);
    RUN(update);
    RUN(query_and_scan);
    RUN(partitions_of_equal_hash);
    RUN(bounded_pages);
    RUN(batches);
    RUN(reopen);
    cc_buffer_free(&reply);
    cc_arena_free(&arena);
    return REPORT();
}
