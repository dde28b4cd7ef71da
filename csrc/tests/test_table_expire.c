/* Time to live: which items go, in slices, out of indexes too, and as which change in the log. */
#include <stdlib.h>

#include "codec/number.h"
#include "store/record.h"
#include "support/check.h"
#include "support/directory.h"
#include "table/table.h"

static cc_tables *tables;
static cc_arena arena;
static cc_buffer reply;
enum { NOW = 1790000000 };

static const char *const description =
    "{\"KeySchema\":[{\"AttributeName\":\"p\",\"KeyType\":\"HASH\"}],"
    "\"AttributeDefinitions\":[{\"AttributeName\":\"p\",\"AttributeType\":\"S\"},"
    "{\"AttributeName\":\"g\",\"AttributeType\":\"S\"}],"
    "\"GlobalSecondaryIndexes\":[{\"IndexName\":\"idx\",\"KeySchema\":[{\"AttributeName\":\"g\","
    "\"KeyType\":\"HASH\"}],\"Projection\":{\"ProjectionType\":\"ALL\"}}]}";

static void open_tables(const char *dir) {
    CHECK_OK(cc_tables_open(dir, NULL, &tables, NULL));
    if (cc_space_find(cc_tables_store(tables), cc_bytes_text("tab")) == NULL)
        CHECK_OK(cc_table_create(tables, cc_bytes_text("tab"), cc_bytes_text(description), NULL));
}

static void put(int key, const char *ttl) {
    char body[256];
    int http;
    snprintf(body, sizeof body,
             "{\"TableName\":\"tab\",\"Item\":{\"p\":{\"S\":\"%d\"},\"g\":{\"S\":\"all\"},\"ttl\":%s}}", key,
             ttl);
    cc_buffer_clear(&reply);
    cc_arena_reset(&arena);
    CHECK_OK(cc_table_call_json(tables, CC_VERB_PUT, cc_bytes_text(body), &arena, &reply, &http));
    CHECK_EQ(http, 200);
}

static uint64_t count(const char *index) {
    cc_space *space = cc_space_find(cc_tables_store(tables), cc_bytes_text("tab"));
    cc_table_index_info info;
    cc_space_info table;
    if (index != NULL) {
        CHECK(cc_table_index_at(tables, space, 0, &info));
        return info.item_count;
    }
    cc_space_info_get(space, &table);
    return table.item_count;
}

static cc_expiry expire(void) {
    cc_expiry expiry = {0};
    cc_error error = {0};
    while (!expiry.done)
        CHECK_OK(cc_table_expire(tables, cc_bytes_text("tab"), cc_bytes_text("ttl"), NOW, &arena, &expiry,
                                 &error));
    cc_expiry_free(&expiry);
    return expiry;
}

TEST(which_items_go) {
    static const char *const kept[] = {
        "{\"N\":\"1790000000\"}",
        "{\"N\":\"1790000001\"}",
        "{\"N\":\"1e100\"}",
        "{\"S\":\"1\"}",
        "{\"N\":\"0\"}",
        "{\"N\":\"-5\"}",
        "{\"N\":\"1632319999\"}", /* more than five years ago */
        "{\"L\":[]}",
        "{\"NULL\":true}",
        "{\"NS\":[\"1789999999\"]}",
    };
    static const char *const gone[] = {"{\"N\":\"1789999999\"}", "{\"N\":\"1789999999.5\"}",
                                       "{\"N\":\"1632320000\"}", "{\"N\":\"17.8E+8\"}"};
    enum { KEPT = sizeof kept / sizeof *kept, GONE = sizeof gone / sizeof *gone };
    open_tables(NULL);
    for (int i = 0; i < KEPT; i++)
        put(i, kept[i]);
    for (int i = 0; i < GONE; i++)
        put(KEPT + i, gone[i]);
    cc_expiry expiry = expire();
    CHECK_EQ(expiry.examined, KEPT + GONE);
    CHECK_EQ(expiry.deleted, GONE);
    CHECK_EQ(count(NULL), KEPT);
    CHECK_EQ(count("idx"), KEPT);
    CHECK_OK(cc_tables_close(tables, NULL));
}

TEST(many_slices) {
    enum { ITEMS = 5000 };
    open_tables(NULL);
    for (int i = 0; i < ITEMS; i++)
        put(i, i % 3 == 0 ? "{\"N\":\"1789999999\"}" : "{\"N\":\"1790000009\"}");
    cc_expiry expiry = expire();
    CHECK_EQ(expiry.examined, ITEMS);
    CHECK_EQ(expiry.deleted, (ITEMS + 2) / 3);
    CHECK_EQ(count(NULL), ITEMS - (ITEMS + 2) / 3);
    CHECK_EQ(count("idx"), count(NULL));
    CHECK_EQ(expire().deleted, 0);
    for (int i = 0; i < ITEMS; i++)
        put(i, "{\"N\":\"1789999999\"}");
    CHECK_EQ(expire().deleted, ITEMS); /* every leaf goes away under the walk */
    CHECK_EQ(count("idx"), 0);
    CHECK_OK(cc_tables_close(tables, NULL));
}

static int expirations_in_log(void) {
    cc_log_reader *reader = NULL;
    cc_log_record record;
    cc_error error = {0};
    int found = 0;
    CHECK_OK(cc_log_reader_open(cc_store_log(cc_tables_store(tables)), 0, &reader, &error));
    while (cc_log_reader_next(reader, &record, &error) == CC_OK) {
        cc_record decoded;
        CHECK_OK(cc_record_decode(record.type, record.payload, &decoded, &error));
        for (uint32_t i = 0; i < decoded.count; i++) {
            cc_record_change change;
            CHECK_OK(cc_record_next_change(&decoded, &change, &error));
            found += change.kind == CC_CHANGE_EXPIRE;
        }
    }
    cc_log_reader_close(reader);
    return found;
}

TEST(the_log_tells_and_a_restart_agrees) {
    fresh_directory();
    open_tables(directory);
    for (int i = 0; i < 300; i++)
        put(i, i < 200 ? "{\"N\":\"1789999999\"}" : "{\"N\":\"1790000009\"}");
    CHECK_EQ(expire().deleted, 200);
    CHECK_EQ(expirations_in_log(), 200);
    CHECK_OK(cc_tables_close(tables, NULL));
    open_tables(directory);
    CHECK_EQ(count(NULL), 100);
    CHECK_EQ(count("idx"), 100);
    CHECK_OK(cc_tables_close(tables, NULL));
}

TEST(a_table_that_is_gone) {
    open_tables(NULL);
    cc_expiry expiry = {0};
    cc_error error = {0};
    CHECK_EQ(
        cc_table_expire(tables, cc_bytes_text("nope"), cc_bytes_text("ttl"), NOW, &arena, &expiry, &error),
        CC_ERR_NOT_FOUND);
    cc_expiry_free(&expiry);
    CHECK_OK(cc_tables_close(tables, NULL));
}

int main(void) {
    cc_arena_init(&arena, 0);
    RUN(which_items_go);
    RUN(many_slices);
    RUN(the_log_tells_and_a_restart_agrees);
    RUN(a_table_that_is_gone);
    cc_buffer_free(&reply);
    cc_arena_free(&arena);
    return REPORT();
}
