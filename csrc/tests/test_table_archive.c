/* test_table_archive.c: changes of a table read from its feed, whole records a page, and cut at a time. */
#include <stdio.h>

#include "store/snapshot.h"
#include "support/check.h"
#include "support/directory.h"
#include "table/archive.h"
#include "table/load.h"

#define KEYS                                                                                                 \
    "\"KeySchema\":[{\"AttributeName\":\"p\",\"KeyType\":\"HASH\"}],\"AttributeDefinitions\":"               \
    "[{\"AttributeName\":\"p\",\"AttributeType\":\"S\"}]"

static cc_tables *open_tables(const char *dir) {
    cc_tables *tables = NULL;
    CHECK_OK(cc_tables_open(dir, NULL, &tables, NULL));
    CHECK_OK(
        cc_table_create(tables, cc_bytes_text("tab"), cc_bytes_text("{" KEYS ",\"Feed\":\"KEYS\"}"), NULL));
    CHECK_OK(
        cc_table_create(tables, cc_bytes_text("copy"), cc_bytes_text("{" KEYS ",\"Loading\":true}"), NULL));
    CHECK_OK(cc_table_create(tables, cc_bytes_text("unseen"), cc_bytes_text("{" KEYS "}"), NULL));
    return tables;
}

static int call(cc_tables *tables, const char *operation, const char *body, cc_buffer *reply) {
    int http = 0;
    cc_arena arena;
    cc_arena_init(&arena, 0);
    cc_buffer_clear(reply);
    CHECK_OK(cc_table_call_json(tables, cc_verb_from_name(cc_bytes_text(operation)), cc_bytes_text(body),
                                &arena, reply, &http));
    CHECK_OK(cc_buffer_append_byte(reply, 0));
    cc_arena_free(&arena);
    return http;
}

/* One log record of `count` puts, v = version. */
static void write_many(cc_tables *tables, const char *table, int count, int version) {
    char body[4000];
    cc_buffer reply = {0};
    int size = snprintf(body, sizeof body, "{\"RequestItems\":{\"%s\":[", table);
    for (int i = 0; i < count; i++)
        size += snprintf(body + size, sizeof body - (size_t)size,
                         "%s{\"PutRequest\":{\"Item\":{\"p\":{\"S\":\"k%d\"},\"v\":{\"N\":\"%d\"}}}}",
                         i == 0 ? "" : ",", i, version);
    snprintf(body + size, sizeof body - (size_t)size, "]}}");
    CHECK_EQ(call(tables, "BatchWriteItem", body, &reply), 200);
    cc_buffer_free(&reply);
}

static uint64_t count_of(cc_tables *tables, const char *table) {
    cc_space_info info = {0};
    cc_store_lock(cc_tables_store(tables));
    cc_space_info_get(cc_space_find(cc_tables_store(tables), cc_bytes_text(table)), &info);
    cc_store_unlock(cc_tables_store(tables));
    return info.item_count;
}

static void run(const char *dir) {
    cc_tables *tables = open_tables(dir);
    cc_archive_reader *reader = NULL;
    cc_buffer changes = {0}, entries = {0}, reply = {0};
    cc_archive_page page;
    uint64_t loaded = 0;
    write_many(tables, "tab", 5, 1);
    write_many(tables, "unseen", 7, 1);
    write_many(tables, "tab", 5, 1); /* changes nothing: nobody is told */
    write_many(tables, "tab", 3, 2);
    CHECK_EQ(call(tables, "DeleteItem", "{\"TableName\":\"tab\",\"Key\":{\"p\":{\"S\":\"k4\"}}}", &reply),
             200);
    CHECK_OK(cc_archive_open(tables, cc_bytes_text("tab"), 0, &reader, NULL));
    size_t counts[] = {5, 3, 1, 0};
    uint64_t before = 0, second = 0, last_ms = 0;
    for (size_t i = 0; i < 4; i++) { /* a byte a page is enough for one whole record */
        CHECK_OK(cc_archive_read(reader, 1, &changes, &page, NULL));
        CHECK_EQ(page.count, counts[i]);
        CHECK(page.count == 0 || page.last > before);
        second = i == 1 ? page.last : second;
        before = page.last;
        last_ms = page.count == 0 ? last_ms : page.last_ms;
    }
    cc_bytes rest = cc_buffer_bytes(&changes), entry;
    uint64_t sequence, time_ms, seen = 0;
    while (cc_archive_change(&rest, &sequence, &time_ms, &entry))
        seen++;
    CHECK(seen == 9 && rest.size == 0);
    cc_archive_span all = {.after = 0, .until_ms = UINT64_MAX};
    CHECK_OK(cc_archive_entries(cc_buffer_bytes(&changes), &all, &entries, NULL));
    CHECK(all.count == 9 && !all.past);
    CHECK_OK(cc_table_load(tables, cc_bytes_text("copy"), cc_buffer_bytes(&entries), &loaded, NULL));
    CHECK_EQ(loaded, 9);
    CHECK_EQ(count_of(tables, "copy"), 4);
    cc_buffer_clear(&entries);
    cc_archive_span behind = {.after = second, .until_ms = last_ms};
    CHECK_OK(cc_archive_entries(cc_buffer_bytes(&changes), &behind, &entries, NULL));
    CHECK(behind.count == 1 && !behind.past);
    cc_archive_span none = {.after = 0, .until_ms = last_ms - 60000};
    CHECK_OK(cc_archive_entries(cc_buffer_bytes(&changes), &none, &entries, NULL));
    CHECK(none.count == 0 && none.past);
    for (size_t cut = 1; cut < changes.size; cut++) { /* every prefix is whole changes, or refused */
        cc_archive_span span = {.after = UINT64_MAX, .until_ms = 0};
        cc_status status = cc_archive_entries(cc_bytes_of(changes.data, cut), &span, &entries, NULL);
        CHECK(status == CC_OK || status == CC_ERR_CORRUPT);
    }
    write_many(tables, "tab", 2, 9);
    CHECK_OK(cc_archive_read(reader, 1 << 20, &changes, &page, NULL));
    CHECK_EQ(page.count, 2);
    cc_archive_close(reader);
    cc_archive_close(NULL);
    cc_buffer_free(&changes);
    cc_buffer_free(&entries);
    cc_buffer_free(&reply);
    CHECK_OK(cc_tables_close(tables, NULL));
}

TEST(in_memory) { run(NULL); }

TEST(in_a_directory) {
    fresh_directory();
    run(directory);
}

TEST(what_is_not_there) {
    cc_tables *tables = NULL;
    cc_archive_reader *reader = NULL;
    cc_snapshot *snapshot = NULL;
    uint64_t count;
    CHECK_OK(cc_tables_open(NULL, NULL, &tables, NULL));
    CHECK_EQ(cc_archive_open(tables, cc_bytes_text("tab"), 0, &reader, NULL), CC_ERR_NOT_FOUND);
    CHECK_EQ(cc_table_snapshot(tables, cc_bytes_text("tab"), 0, &snapshot, NULL), CC_ERR_NOT_FOUND);
    CHECK_EQ(cc_table_load(tables, cc_bytes_text("tab"), cc_bytes_text("12345678"), &count, NULL),
             CC_ERR_NOT_FOUND);
    CHECK_OK(cc_table_create(tables, cc_bytes_text("tab"), cc_bytes_text("{" KEYS "}"), NULL));
    CHECK_EQ(cc_archive_open(tables, cc_bytes_text("tab"), 0, &reader, NULL), CC_ERR_NOT_FOUND); /* no feed */
    CHECK_EQ(cc_table_load(tables, cc_bytes_text("tab"), cc_bytes_text("1234567"), &count, NULL),
             CC_ERR_CORRUPT);
    CHECK_OK(cc_tables_close(tables, NULL));
}

int main(void) {
    RUN(in_memory);
    RUN(in_a_directory);
    RUN(what_is_not_there);
    return REPORT();
}
