/* test_table_archive.c: changes of a table read from its feed, whole records a page, and cut at a time. */
#include <stdio.h>

#include "store/snapshot.h"
#include "support/check.h"
#include "support/directory.h"
#include "table/archive.h"
#include "table/internal.h"
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
    CHECK_OK(cc_table_load(tables, cc_bytes_text("copy"), cc_buffer_bytes(&entries), false, &loaded, NULL));
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
    CHECK_EQ(cc_table_load(tables, cc_bytes_text("tab"), cc_bytes_text("12345678"), false, &count, NULL),
             CC_ERR_NOT_FOUND);
    CHECK_OK(cc_table_create(tables, cc_bytes_text("tab"), cc_bytes_text("{" KEYS "}"), NULL));
    CHECK_EQ(cc_archive_open(tables, cc_bytes_text("tab"), 0, &reader, NULL), CC_ERR_NOT_FOUND); /* no feed */
    CHECK_EQ(cc_table_load(tables, cc_bytes_text("tab"), cc_bytes_text("1234567"), false, &count, NULL),
             CC_ERR_CORRUPT);
    CHECK_OK(cc_tables_close(tables, NULL));
}

/* ---- entries that are not of the table ---- */
#define PAIR                                                                                                 \
    "{\"KeySchema\":[{\"AttributeName\":\"p\",\"KeyType\":\"HASH\"},{\"AttributeName\":\"s\",\"KeyType\":"   \
    "\"RANGE\"}],\"AttributeDefinitions\":[{\"AttributeName\":\"p\",\"AttributeType\":\"B\"},"               \
    "{\"AttributeName\":\"s\",\"AttributeType\":\"N\"}]}"

/* Loads one entry into `table`; the words of the refusal, "" for none. */
static const char *load_one(cc_tables *tables, const char *table, cc_key key, const cc_bytes *value,
                            bool stamped) {
    static cc_error error;
    cc_buffer entry = {0};
    uint64_t count = 0;
    CHECK_OK(cc_entry_append(&entry, key, value));
    error = (cc_error){0};
    cc_status status = cc_table_load(tables, cc_bytes_text(table), cc_buffer_bytes(&entry), stamped, &count,
                                     &error);
    CHECK(status == CC_OK || status == CC_ERR_CORRUPT);
    CHECK_EQ(count, status == CC_OK);
    cc_buffer_free(&entry);
    return status == CC_OK ? "" : error.message;
}

static void check_load(cc_tables *tables, const char *table, cc_key key, const cc_bytes *value, bool stamped,
                       const char *said) {
    char wanted[200] = "";
    if (said != NULL)
        snprintf(wanted, sizeof wanted, "entry 1 to load into table '%s': %s", table, said);
    const char *words = load_one(tables, table, key, value, stamped);
    CHECK(strcmp(words, wanted) == 0);
    if (strcmp(words, wanted) != 0)
        fprintf(stderr, "'%s', not '%s'\n", words, wanted);
}

/* Deletes: nothing but the key says whose they are. */
TEST(keys_that_no_item_of_the_table_has) {
    static const char none[] = "its key is not one of its table";
    static uint8_t long_key[CC_KEY_PARTITION_MAX + 2], long_sort[CC_KEY_SORT_MAX + 1];
    const uint8_t text[] = {CC_TYPE_S, 'k'}, broken[] = {CC_TYPE_S, 0xff}, bytes[] = {CC_TYPE_B, 0xff},
                  one[] = {CC_TYPE_S}, wild[] = {9};
    cc_bytes empty = {NULL, 0}, k = cc_bytes_of(text, 2), b = cc_bytes_of(bytes, 2), number = {NULL, 0};
    cc_buffer item = {0};
    cc_arena arena;
    cc_key key;
    cc_tables *tables = NULL;
    const cc_key_schema *schema = NULL;
    cc_space *space = NULL;
    cc_arena_init(&arena, 0);
    CHECK_OK(cc_tables_open(NULL, NULL, &tables, NULL));
    CHECK_OK(cc_table_create(tables, cc_bytes_text("tab"), cc_bytes_text("{" KEYS "}"), NULL));
    CHECK_OK(cc_table_create(tables, cc_bytes_text("pair"), cc_bytes_text(PAIR), NULL));
    cc_json_cursor cursor = cc_json_open(cc_bytes_text("{\"p\":{\"B\":\"/w==\"},\"s\":{\"N\":\"7\"}}"));
    CHECK_OK(cc_item_from_json(&cursor, &item, &arena, NULL));
    CHECK_OK(cc_table_find_any(tables, cc_bytes_text("pair"), &space, &schema, NULL));
    CHECK_OK(cc_key_from_item(schema, cc_buffer_bytes(&item), &arena, &key, NULL));
    number = key.sort;

    memset(long_key, 'k', sizeof long_key);
    memset(long_sort, 1, sizeof long_sort);
    long_key[0] = CC_TYPE_S;
    check_load(tables, "tab", (cc_key){k, empty}, NULL, false, NULL);
    check_load(tables, "tab", (cc_key){cc_bytes_of(long_key, sizeof long_key - 1), empty}, NULL, false, NULL);
    check_load(tables, "tab", (cc_key){empty, empty}, NULL, false, "its key is empty");
    check_load(tables, "tab", (cc_key){cc_bytes_of(one, 1), empty}, NULL, false, none);
    check_load(tables, "tab", (cc_key){cc_bytes_of(long_key, sizeof long_key), empty}, NULL, false, none);
    check_load(tables, "tab", (cc_key){cc_bytes_of(broken, 2), empty}, NULL, false, none);
    check_load(tables, "tab", (cc_key){b, empty}, NULL, false, none);
    check_load(tables, "tab", (cc_key){k, number}, NULL, false, none);
    check_load(tables, "pair", (cc_key){b, number}, NULL, false, NULL);
    cc_bytes whole = cc_buffer_bytes(&item), least = cc_bytes_of("\10\0\0\0\0\0\0\0", 8);
    check_load(tables, "pair", key, &whole, false, NULL);
    check_load(tables, "pair", key, &least, false, "its key is not the one that it lies under");
    check_load(tables, "tab", (cc_key){k, empty}, &whole, false, "its key is not the one that it lies under");
    check_load(tables, "pair", key, NULL, false, NULL);
    check_load(tables, "pair", (cc_key){b, empty}, NULL, false, none);
    check_load(tables, "pair", (cc_key){k, number}, NULL, false, none);
    check_load(tables, "pair", (cc_key){b, cc_bytes_of(wild, 1)}, NULL, false, none);
    check_load(tables, "pair", (cc_key){b, cc_bytes_of(long_sort, sizeof long_sort)}, NULL, false, none);
    CHECK_EQ(count_of(tables, "pair"), 0);
    cc_buffer_free(&item);
    cc_arena_free(&arena);
    CHECK_OK(cc_tables_close(tables, NULL));
}

/* Puts, stamped and not: the item, and the key that it has itself. */
TEST(values_that_are_no_items_of_the_table) {
    const uint8_t text[] = {CC_TYPE_S, 'k'}, other[] = {CC_TYPE_S, 'l'};
    static const char no_item[] = "its value is not an item";
    cc_key k = {cc_bytes_of(text, 2), {NULL, 0}}, l = {cc_bytes_of(other, 2), {NULL, 0}};
    cc_bytes stamp = cc_bytes_text("12345678"), bad = cc_bytes_text("no item, though it is long");
    cc_buffer item = {0};
    cc_arena arena;
    cc_tables *tables = NULL;
    cc_arena_init(&arena, 0);
    CHECK_OK(cc_tables_open(NULL, NULL, &tables, NULL));
    CHECK_OK(cc_table_create(tables, cc_bytes_text("tab"), cc_bytes_text("{" KEYS "}"), NULL));
    CHECK_OK(cc_table_create(tables, cc_bytes_text("#own"), cc_bytes_text("{" KEYS "}"), NULL));
    cc_json_cursor cursor = cc_json_open(cc_bytes_text("{\"p\":{\"S\":\"k\"}}"));
    CHECK_OK(cc_item_from_json(&cursor, &item, &arena, NULL));
    cc_bytes good = cc_buffer_bytes(&item);
    check_load(tables, "tab", k, &good, false, NULL);
    check_load(tables, "tab", l, &good, false, "its key is not the one that it lies under");
    check_load(tables, "tab", k, &bad, false, no_item);
    check_load(tables, "tab", k, &good, true, no_item); /* without what is not a stamp */
    check_load(tables, "tab", k, &stamp, true, NULL);
    check_load(tables, "tab", (cc_key){cc_bytes_of(text, 1), {NULL, 0}}, &stamp, true,
               "its key is not one of its table");
    check_load(tables, "#own", (cc_key){cc_bytes_text("any"), {NULL, 0}}, &bad, false, NULL);
    CHECK_OK(cc_buffer_append(&item, stamp.data, stamp.size));
    good = cc_buffer_bytes(&item);
    check_load(tables, "tab", k, &good, true, NULL);
    check_load(tables, "tab", k, &good, false, no_item);
    good.size = 7;
    CHECK(strcmp(load_one(tables, "tab", k, &good, true), "entries to load are cut short") == 0);
    cc_buffer_free(&item);
    cc_arena_free(&arena);
    CHECK_OK(cc_tables_close(tables, NULL));
}

int main(void) {
    RUN(in_memory);
    RUN(in_a_directory);
    RUN(what_is_not_there);
    RUN(keys_that_no_item_of_the_table_has);
    RUN(values_that_are_no_items_of_the_table);
    return REPORT();
}
