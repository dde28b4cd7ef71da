/* test_table_changes.c: what followers of a table are given: JSON of every form and view, sequence numbers, pages. */
#include <stdlib.h>

#include "base/clock.h"
#include "support/check.h"
#include "support/directory.h"
#include "table/changes.h"
#include "table/internal.h"

static cc_tables *tables;
static cc_arena arena;
static cc_buffer reply, json;

static const char description[] =
    "{\"TableName\":\"t\",\"KeySchema\":[{\"AttributeName\":\"p\",\"KeyType\":\"HASH\"},"
    "{\"AttributeName\":\"n\",\"KeyType\":\"RANGE\"}],\"AttributeDefinitions\":[{\"AttributeName\":\"p\","
    "\"AttributeType\":\"S\"},{\"AttributeName\":\"n\",\"AttributeType\":\"N\"}],\"Feed\":\"IMAGES\"}";

static void open_tables(const char *dir) {
    CHECK_OK(cc_tables_open(dir, NULL, &tables, NULL));
    cc_store_set_time(cc_tables_store(tables), 1700000000123);
    CHECK_OK(cc_table_create(tables, cc_bytes_text("t"), cc_bytes_text(description), NULL));
}

static void run(const char *operation, const char *body) {
    int http = 0;
    cc_buffer_clear(&reply);
    cc_arena_reset(&arena);
    CHECK_OK(cc_table_call_json(tables, cc_verb_from_name(cc_bytes_text(operation)), cc_bytes_text(body),
                                &arena, &reply, &http));
    CHECK_EQ(http, 200);
}

static cc_changes_bounds bounds_of(uint32_t images) {
    return (cc_changes_bounds){.limit = 1000,
                               .size_max = 1 << 20,
                               .until = UINT64_MAX,
                               .key = {cc_bytes_text("p"), CC_TYPE_S, cc_bytes_text("n"), CC_TYPE_N},
                               .images = images};
}

static cc_changes open_changes(void) {
    cc_changes changes = {0};
    cc_store *store = cc_tables_store(tables);
    uint32_t id = cc_space_id(cc_space_find(store, cc_bytes_text("t")));
    CHECK_OK(cc_feed_open(store, &id, 1, (cc_feed_place){0, 0}, &changes.feed, NULL));
    return changes;
}

/* All changes as JSON; `json` ends in a zero. */
static cc_changes_page read_json(cc_changes *changes, const cc_changes_bounds *bounds, cc_change_form form,
                                 bool microseconds) {
    cc_change_view view = {.key = bounds->key,
                           .form = form,
                           .images = bounds->images,
                           .region = cc_bytes_text("us-east-1"),
                           .source = cc_bytes_text("SOURCE"),
                           .microseconds = microseconds};
    cc_changes_json taker = {.view = &view, .out = &json};
    cc_changes_page page;
    cc_buffer_clear(&json);
    cc_arena_reset(&arena);
    CHECK_OK(cc_changes_read(changes, bounds, &arena, cc_changes_take_json, &taker, &page, NULL));
    CHECK_EQ(taker.count, page.count);
    CHECK_OK(cc_buffer_append_byte(&json, 0));
    return page;
}

static void check_json(uint32_t images, cc_change_form form, bool microseconds, const char *const *expected) {
    cc_changes changes = open_changes();
    cc_changes_bounds bounds = bounds_of(images);
    cc_changes_page page = read_json(&changes, &bounds, form, microseconds);
    CHECK(!page.more && !page.ended && !page.trimmed);
    const char *at = (const char *)json.data;
    for (; *expected != NULL; expected++) {
        const char *found = strstr(at, *expected);
        if (found == NULL) {
            fprintf(stderr, "not in order: %s\nin %s\n", *expected, at);
            CHECK(!"text");
            break;
        }
        at = found + strlen(*expected);
    }
    cc_feed_close(changes.feed);
}

static void write_four(void) {
    run("PutItem",
        "{\"TableName\":\"t\",\"Item\":{\"p\":{\"S\":\"a\\\"\"},\"n\":{\"N\":\"-1.50\"},\"v\":{\"S\":\"x\"}}}");
    run("PutItem",
        "{\"TableName\":\"t\",\"Item\":{\"p\":{\"S\":\"a\\\"\"},\"n\":{\"N\":\"-1.5\"},\"v\":{\"S\":\"x\"}}}");
    run("UpdateItem",
        "{\"TableName\":\"t\",\"Key\":{\"p\":{\"S\":\"a\\\"\"},\"n\":{\"N\":\"-1.5\"}},"
        "\"UpdateExpression\":\"SET v = :v\",\"ExpressionAttributeValues\":{\":v\":{\"S\":\"yy\"}}}");
    run("DeleteItem", "{\"TableName\":\"t\",\"Key\":{\"p\":{\"S\":\"a\\\"\"},\"n\":{\"N\":\"-1.5\"}}}");
    run("DeleteItem", "{\"TableName\":\"t\",\"Key\":{\"p\":{\"S\":\"a\\\"\"},\"n\":{\"N\":\"-1.5\"}}}");
}

TEST(stream_records) {
    fresh_directory();
    open_tables(directory);
    write_four();
    const char *const both[] = {
        "{\"eventID\":\"",
        "\",\"eventName\":\"INSERT\",\"eventVersion\":\"1.1\",\"eventSource\":\"aws:dynamodb\","
        "\"awsRegion\":\"us-east-1\",\"dynamodb\":{\"ApproximateCreationDateTime\":1700000000,\"Keys\":{",
        "\"n\":{\"N\":\"-1.5\"}",
        "\"NewImage\":{",
        "\"v\":{\"S\":\"x\"}",
        "\"SequenceNumber\":\"1000000000000000003",
        "\"SizeBytes\":16,\"StreamViewType\":\"NEW_AND_OLD_IMAGES\"}}",
        "\"eventName\":\"MODIFY\"",
        "\"NewImage\":{",
        "\"v\":{\"S\":\"yy\"}",
        "\"OldImage\":{",
        "\"v\":{\"S\":\"x\"}",
        "\"SizeBytes\":26,",
        "\"eventName\":\"REMOVE\"",
        "\"OldImage\":{",
        "\"v\":{\"S\":\"yy\"}",
        "\"SizeBytes\":17,",
        NULL};
    check_json(CC_IMAGE_NEW | CC_IMAGE_OLD, CC_FORM_STREAM, false, both);
    CHECK(strstr((const char *)json.data, "userIdentity") == NULL);
    const char *const keys[] = {"\"SizeBytes\":7,\"StreamViewType\":\"KEYS_ONLY\"}}", "MODIFY", "REMOVE",
                                NULL};
    check_json(0, CC_FORM_STREAM, false, keys);
    CHECK(strstr((const char *)json.data, "Image\":") == NULL);
    const char *const newer[] = {"\"NewImage\":{", "\"StreamViewType\":\"NEW_IMAGE\"", "\"NewImage\":{",
                                 "REMOVE", NULL};
    check_json(CC_IMAGE_NEW, CC_FORM_STREAM, false, newer);
    CHECK(strstr((const char *)json.data, "OldImage\":") == NULL);
    const char *const older[] = {
        "INSERT", "\"StreamViewType\":\"OLD_IMAGE\"", "MODIFY", "\"OldImage\":{", "REMOVE", "\"OldImage\":{",
        NULL};
    check_json(CC_IMAGE_OLD, CC_FORM_STREAM, false, older);
    CHECK(strstr((const char *)json.data, "NewImage\":") == NULL);
    CHECK_OK(cc_tables_close(tables, NULL));
}

TEST(events_and_kinesis_records) {
    open_tables(NULL);
    write_four();
    const char *const event[] = {
        "\"StreamViewType\":\"NEW_AND_OLD_IMAGES\"},\"eventSourceARN\":\"SOURCE\"},{", NULL};
    check_json(CC_IMAGE_NEW | CC_IMAGE_OLD, CC_FORM_EVENT, false, event);
    const char *const kinesis[] = {
        "{\"awsRegion\":\"us-east-1\",\"eventID\":\"",
        "\",\"eventName\":\"INSERT\",\"userIdentity\":null,\"recordFormat\":\"application/json\","
        "\"tableName\":\"SOURCE\",\"dynamodb\":{\"ApproximateCreationDateTime\":1700000000123,\"Keys\":{",
        "\"NewImage\":{",
        "\"SizeBytes\":16,\"ApproximateCreationDateTimePrecision\":\"MILLISECOND\"},"
        "\"eventSource\":\"aws:dynamodb\"},{",
        "MODIFY",
        "REMOVE",
        NULL};
    check_json(CC_IMAGE_NEW | CC_IMAGE_OLD, CC_FORM_KINESIS, false, kinesis);
    const char *const micro[] = {"\"ApproximateCreationDateTime\":1700000000123000,", "\"MICROSECOND\"}",
                                 NULL};
    check_json(CC_IMAGE_NEW | CC_IMAGE_OLD, CC_FORM_KINESIS, true, micro);
    CHECK_OK(cc_tables_close(tables, NULL));
}

TEST(expired_items_name_the_service) {
    open_tables(NULL);
    run("PutItem",
        "{\"TableName\":\"t\",\"Item\":{\"p\":{\"S\":\"a\"},\"n\":{\"N\":\"1\"},\"e\":{\"N\":\"1600000000\"}}}");
    cc_expiry expiry = {0};
    while (!expiry.done)
        CHECK_OK(cc_table_expire(tables, cc_bytes_text("t"), cc_bytes_text("e"), 1700000000, &arena, &expiry,
                                 NULL));
    CHECK_EQ(expiry.deleted, 1);
    cc_expiry_free(&expiry);
    const char *const stream[] = {"REMOVE",
                                  "},\"userIdentity\":{\"type\":\"Service\",\"principalId\":"
                                  "\"dynamodb.amazonaws.com\",\"Type\":\"Service\",\"PrincipalId\":",
                                  NULL};
    check_json(CC_IMAGE_OLD, CC_FORM_STREAM, false, stream);
    const char *const event[] = {"REMOVE",
                                 "},\"userIdentity\":{\"type\":\"Service\",\"principalId\":"
                                 "\"dynamodb.amazonaws.com\"},\"eventSourceARN\"",
                                 NULL};
    check_json(CC_IMAGE_OLD, CC_FORM_EVENT, false, event);
    const char *const kinesis[] = {"REMOVE",
                                   "\"userIdentity\":{\"type\":\"Service\",\"principalId\":"
                                   "\"dynamodb.amazonaws.com\"},\"recordFormat\"",
                                   NULL};
    check_json(CC_IMAGE_OLD, CC_FORM_KINESIS, false, kinesis);
    CHECK_OK(cc_tables_close(tables, NULL));
}

TEST(sequence_numbers) {
    static const cc_feed_place places[] = {{0, 0}, {1, 2}, {999999999999999999u, 9999999}, {123456789, 128}};
    char digits[CC_SEQUENCE_DIGITS];
    cc_feed_place back;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        cc_sequence_write(places[i], digits);
        CHECK(cc_sequence_read(cc_bytes_of(digits, sizeof digits), &back));
        CHECK_EQ(back.sequence, places[i].sequence);
        CHECK_EQ(back.index, places[i].index);
    }
    CHECK(!cc_sequence_read(cc_bytes_of(digits, sizeof digits - 1), &back));
    digits[5] = 'x';
    CHECK(!cc_sequence_read(cc_bytes_of(digits, sizeof digits), &back));
    digits[5] = '0';
    digits[0] = '2';
    CHECK(!cc_sequence_read(cc_bytes_of(digits, sizeof digits), &back));
    CHECK(!cc_sequence_read(cc_bytes_text(""), &back));
}

TEST(pages) {
    fresh_directory();
    open_tables(directory);
    char body[200];
    for (int i = 0; i < 250; i++) {
        snprintf(body, sizeof body,
                 "{\"TableName\":\"t\",\"Item\":{\"p\":{\"S\":\"a\"},\"n\":{\"N\":\"%d\"}}}", i);
        if (i == 100)
            cc_store_set_time(cc_tables_store(tables), 1700000001000);
        run("PutItem", body);
    }
    cc_changes changes = open_changes();
    cc_changes_bounds bounds = bounds_of(CC_IMAGE_NEW);
    uint32_t told = 0;
    bounds.limit = 7;
    for (;;) {
        cc_changes_page page = read_json(&changes, &bounds, CC_FORM_STREAM, false);
        told += page.count;
        CHECK_EQ(page.count, page.more ? 7 : 250 % 7);
        if (!page.more)
            break;
    }
    CHECK_EQ(told, 250);
    cc_changes_page none = read_json(&changes, &bounds, CC_FORM_STREAM, false);
    CHECK(none.count == 0 && !none.more && none.next.sequence == 253 && none.next.index == 0);
    cc_feed_close(changes.feed);

    changes = open_changes(); /* by size: the first always fits */
    bounds.limit = 1000;
    bounds.size_max = 1;
    CHECK_EQ(read_json(&changes, &bounds, CC_FORM_STREAM, false).count, 1);
    bounds.size_max = 35;
    CHECK_EQ(read_json(&changes, &bounds, CC_FORM_STREAM, false).count, 3);
    bounds.size_max = 1 << 20;
    bounds.until = 50;
    cc_changes_page page = read_json(&changes, &bounds, CC_FORM_STREAM, false);
    CHECK(page.ended && !page.more);
    CHECK_EQ(page.count, 50 - 2 - 4);
    CHECK_EQ(read_json(&changes, &bounds, CC_FORM_STREAM, false).count, 0);
    bounds.until = UINT64_MAX;
    bounds.since_ms = 1700000001000;
    page = read_json(&changes, &bounds, CC_FORM_STREAM, false);
    CHECK(page.trimmed && page.count == 0 && page.next.sequence == 51);
    bounds.skips = true;
    page = read_json(&changes, &bounds, CC_FORM_STREAM, false);
    CHECK(!page.trimmed);
    CHECK_EQ(page.count, 150);
    bounds.until = 252; /* and the shard ends where nothing more will come */
    CHECK(read_json(&changes, &bounds, CC_FORM_STREAM, false).ended);
    cc_feed_close(changes.feed);
    CHECK_OK(cc_tables_close(tables, NULL));
}

TEST(copies) {
    open_tables(NULL);
    write_four();
    cc_changes changes = open_changes();
    cc_changes_bounds bounds = bounds_of(CC_IMAGE_NEW);
    cc_feed_change copies[10];
    cc_bytes keys[10];
    cc_changes_copy taker = {.arena = &arena, .changes = copies, .keys = keys};
    cc_changes_page page;
    bounds.limit = 10;
    CHECK_OK(cc_changes_read(&changes, &bounds, &arena, cc_changes_take_copy, &taker, &page, NULL));
    cc_feed_close(changes.feed);
    CHECK_OK(cc_tables_close(tables, NULL)); /* they do not need it any more */
    CHECK_EQ(taker.count, 3);
    CHECK(copies[1].has_old && cc_item_count(copies[1].old) == 3 && cc_item_count(keys[1]) == 2);
    CHECK(cc_bytes_equal(copies[1].old, copies[0].value) && copies[2].value.size == 0);
}

int main(void) {
    cc_arena_init(&arena, 0);
    RUN(stream_records);
    RUN(events_and_kinesis_records);
    RUN(expired_items_name_the_service);
    RUN(sequence_numbers);
    RUN(pages);
    RUN(copies);
    cc_buffer_free(&reply);
    cc_buffer_free(&json);
    cc_arena_free(&arena);
    return REPORT();
}
