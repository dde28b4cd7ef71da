/* test_table_export.c: lines of items and of changes, in both forms, filtered and cut short. */
#include <stdio.h>

#include "store/snapshot.h"
#include "support/check.h"
#include "table/archive.h"
#include "table/export.h"
#include "table/load.h"

#define KEYS                                                                                                 \
    "\"KeySchema\":[{\"AttributeName\":\"p\",\"KeyType\":\"HASH\"}],\"AttributeDefinitions\":"               \
    "[{\"AttributeName\":\"p\",\"AttributeType\":\"S\"}]"

static void call(cc_tables *tables, const char *operation, const char *body) {
    int http = 0;
    cc_buffer reply = {0};
    cc_arena arena;
    cc_arena_init(&arena, 0);
    CHECK_OK(cc_table_call_json(tables, cc_verb_from_name(cc_bytes_text(operation)), cc_bytes_text(body),
                                &arena, &reply, &http));
    CHECK_EQ(http, 200);
    cc_arena_free(&arena);
    cc_buffer_free(&reply);
}

static void put(cc_tables *tables, const char *table, const char *item) {
    char body[1000];
    snprintf(body, sizeof body, "{\"TableName\":\"%s\",\"Item\":%s}", table, item);
    call(tables, "PutItem", body);
}

static void create(cc_tables *tables, const char *name, const char *more) {
    char description[300];
    snprintf(description, sizeof description, "{" KEYS "%s}", more);
    CHECK_OK(cc_table_create(tables, cc_bytes_text(name), cc_bytes_text(description), NULL));
}

/* All entries of a table. */
static cc_buffer entries_of(cc_tables *tables, const char *name) {
    cc_buffer entries = {0};
    cc_snapshot *snapshot = NULL;
    size_t count = 0;
    CHECK_OK(cc_table_snapshot(tables, cc_bytes_text(name), 0, &snapshot, NULL));
    CHECK_OK(cc_snapshot_read(snapshot, SIZE_MAX, &entries, &count, NULL));
    cc_snapshot_close(snapshot);
    return entries;
}

static void check_text(const cc_buffer *out, const char *wanted) {
    if (out->size != strlen(wanted) || memcmp(out->data, wanted, out->size) != 0)
        fprintf(stderr, "got    %.*s\nwanted %s\n", (int)out->size, (const char *)out->data, wanted);
    CHECK(out->size == strlen(wanted) && memcmp(out->data, wanted, out->size) == 0);
}

/* The lines of the table `name`; how many. */
static uint64_t lines(cc_tables *tables, const char *name, bool ion, bool query, const char *request,
                      cc_buffer *out) {
    cc_export *export = NULL;
    cc_export_sum sum = {0}, ignored = {0};
    cc_bytes body = request == NULL ? (cc_bytes){NULL, 0} : cc_bytes_text(request);
    cc_buffer entries = entries_of(tables, name);
    CHECK_OK(cc_export_open(tables, ion, query, body, &export, NULL));
    cc_buffer_clear(out);
    CHECK_OK(cc_export_items(export, cc_buffer_bytes(&entries), false, out, &sum, NULL));
    cc_bytes cut = cc_bytes_of(entries.data, entries.size - 1);
    cc_buffer rest = {0};
    CHECK_EQ(cc_export_items(export, cut, false, &rest, &ignored, NULL), CC_ERR_CORRUPT);
    cc_bytes no_item = cc_bytes_text("no item");
    cc_buffer_clear(&rest);
    CHECK_OK(cc_entry_append(&rest, (cc_key){cc_bytes_text("\1k"), {NULL, 0}}, &no_item));
    CHECK_EQ(cc_export_items(export, cc_buffer_bytes(&rest), false, out, &ignored, NULL), CC_ERR_CORRUPT);
    cc_export_close(export);
    cc_buffer_free(&entries);
    cc_buffer_free(&rest);
    return sum.lines;
}

static void check_forms(cc_tables *tables) {
    static const struct {
        const char *item, *ion; /* {"p":{"S":"k"},"a":item} */
    } cases[] = {
        {"{\"S\":\"q\\\"\\u0001\\u00e9\"}", "\"q\\\"\\u0001\xc3\xa9\""},
        {"{\"N\":\"0\"}", "0."},
        {"{\"N\":\"103\"}", "103."},
        {"{\"N\":\"-600\"}", "-6d2"},
        {"{\"N\":\"12.5\"}", "12.5"},
        {"{\"N\":\"-0.00005\"}", "-0.00005"},
        {"{\"N\":\"-1.25E-90\"}", "-125d-92"},
        {"{\"N\":\"12345678901234567890123456789012345678\"}", "12345678901234567890123456789012345678."},
        {"{\"N\":\"9.9E+125\"}", "99d124"},
        {"{\"B\":\"AAEC/w==\"}", "{{AAEC/w==}}"},
        {"{\"BOOL\":true}", "true"},
        {"{\"NULL\":true}", "null"},
        {"{\"SS\":[\"a\",\"b\"]}", "$dynamodb_SS::[\"a\",\"b\"]"},
        {"{\"NS\":[\"1\",\"2.5\"]}", "$dynamodb_NS::[1.,2.5]"},
        {"{\"BS\":[\"AA==\"]}", "$dynamodb_BS::[{{AA==}}]"},
        {"{\"L\":[{\"S\":\"\"},{\"L\":[]}]}", "[\"\",[]]"},
        {"{\"M\":{\"it's\\n\":{\"N\":\"1\"}}}", "{'it\\'s\\x0a':1.}"},
        {"{\"M\":{\"null\":{\"N\":\"1\"}}}", "{'null':1.}"},
        {"{\"M\":{\"$1\":{\"N\":\"1\"}}}", "{'$1':1.}"},
        {"{\"M\":{\"$a_1\":{\"N\":\"1\"}}}", "{$a_1:1.}"},
        {"{\"M\":{\"1a\":{\"N\":\"1\"}}}", "{'1a':1.}"},
        {"{\"M\":{}}", "{}"},
    };
    cc_buffer out = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char item[300], ion[300];
        create(tables, "form", "");
        snprintf(item, sizeof item, "{\"p\":{\"S\":\"k\"},\"a\":%s}", cases[i].item);
        put(tables, "form", item);
        CHECK_EQ(lines(tables, "form", true, false, NULL, &out), 1);
        snprintf(ion, sizeof ion, "$ion_1_0 {Item:{%s%s%s", "p:\"k\",a:", cases[i].ion, "}}\n");
        if (out.data[16] == 'a') /* attributes come in the order of their hashes */
            snprintf(ion, sizeof ion, "$ion_1_0 {Item:{%s%s%s", "a:", cases[i].ion, ",p:\"k\"}}\n");
        check_text(&out, ion);
        CHECK_OK(cc_table_drop(tables, cc_bytes_text("form"), NULL));
    }
    cc_buffer_free(&out);
}

static void check_filters(cc_tables *tables) {
    cc_buffer out = {0};
    char item[100];
    create(tables, "tab", "");
    for (int i = 0; i < 20; i++) {
        snprintf(item, sizeof item, "{\"p\":{\"S\":\"k%d\"},\"v\":{\"N\":\"%d\"}}", i, i % 4);
        put(tables, "tab", item);
    }
    CHECK_EQ(lines(tables, "tab", false, false, NULL, &out), 20);
    CHECK_EQ(lines(tables, "tab", false, false,
                   "{\"TableName\":\"tab\",\"FilterExpression\":\"v > :two\","
                   "\"ExpressionAttributeValues\":{\":two\":{\"N\":\"2\"}}}",
                   &out),
             5);
    CHECK_EQ(
        lines(tables, "tab", false, true,
              "{\"TableName\":\"tab\",\"KeyConditionExpression\":\"p = :p\",\"ProjectionExpression\":\"v\","
              "\"ExpressionAttributeValues\":{\":p\":{\"S\":\"k7\"}}}",
              &out),
        1);
    check_text(&out, "{\"Item\":{\"v\":{\"N\":\"3\"}}}\n");
    cc_export *export = NULL;
    CHECK_EQ(cc_export_open(tables, false, false,
                            cc_bytes_text("{\"TableName\":\"tab\",\"FilterExpression\":\"v > \"}"), &export,
                            NULL),
             CC_ERR_VALIDATION);
    CHECK(export == NULL);
    cc_buffer_free(&out);
}

/* k0 changed, k1 went, k2 came, k3 came and went, k4 changed outside of the filter. */
static void check_changes(cc_tables *tables) {
    cc_buffer log = {0}, entries = {0}, out = {0};
    create(tables, "live", "");
    create(tables, "old", ",\"Loading\":true");
    create(tables, "changed", "");
    const char *const before[] = {"k0", "k1", "k4"};
    char item[100];
    uint64_t count = 0;
    for (size_t i = 0; i < 3; i++) {
        snprintf(item, sizeof item, "{\"p\":{\"S\":\"%s\"},\"v\":{\"N\":\"1\"}}", before[i]);
        put(tables, "live", item);
    }
    cc_buffer was = entries_of(tables, "live");
    CHECK_OK(cc_table_load(tables, cc_bytes_text("old"), cc_buffer_bytes(&was), false, &count, NULL));
    put(tables, "live", "{\"p\":{\"S\":\"k0\"},\"v\":{\"N\":\"2\"}}");
    put(tables, "live", "{\"p\":{\"S\":\"k2\"},\"v\":{\"N\":\"2\"}}");
    cc_buffer now = entries_of(tables, "live");
    cc_bytes rest = cc_buffer_bytes(&now), value;
    cc_key key, gone[2] = {0};
    for (uint64_t i = 0; rest.size != 0;) { /* as the archive has them */
        const uint8_t *entry = rest.data;
        CHECK(cc_snapshot_entry(&rest, &key, &value));
        uint64_t head[] = {++i, i * 10};
        CHECK_OK(cc_buffer_append(&log, head, sizeof head));
        CHECK_OK(cc_buffer_append(&log, entry, (size_t)(rest.data - entry)));
        if (key.partition.data[2] == '1')
            gone[0] = key;
    }
    uint8_t never[] = {gone[0].partition.data[0], 'k', '3'};
    gone[1].partition = cc_bytes_of(never, 3);
    for (size_t i = 0; i < 2; i++) {
        uint64_t head[] = {100, 50};
        CHECK_OK(cc_buffer_append(&log, head, sizeof head));
        CHECK_OK(cc_entry_append(&log, gone[i], NULL));
    }
    cc_archive_span span = {.since_ms = 5, .until_ms = 60, .stamped = true};
    CHECK_OK(cc_archive_entries(cc_buffer_bytes(&log), &span, &entries, NULL));
    CHECK(span.count == 6 && !span.past);
    CHECK_OK(cc_table_load(tables, cc_bytes_text("changed"), cc_buffer_bytes(&entries), true, &count, NULL));
    CHECK_EQ(count, 6);

    cc_buffer kept = {0};
    uint64_t found = 0;
    CHECK_OK(
        cc_table_filter(tables, cc_bytes_text("changed"), true, cc_buffer_bytes(&was), &kept, &found, NULL));
    CHECK_EQ(found, 3);
    CHECK_OK(
        cc_table_filter(tables, cc_bytes_text("old"), false, cc_buffer_bytes(&now), &kept, &found, NULL));
    CHECK_EQ(found, 4); /* and k2 */
    CHECK_EQ(cc_table_filter(tables, cc_bytes_text("old"), true, cc_bytes_of(was.data, was.size - 1), &kept,
                             &found, NULL),
             CC_ERR_CORRUPT);

    cc_buffer changed = entries_of(tables, "changed");
    cc_export *export = NULL;
    cc_export_sum sum = {0};
    const char *filter = "{\"TableName\":\"live\",\"FilterExpression\":\"p <> :p\","
                         "\"ExpressionAttributeValues\":{\":p\":{\"S\":\"k4\"}}}";
    CHECK_OK(cc_export_open(tables, false, false, cc_bytes_text(filter), &export, NULL));
    CHECK_OK(cc_export_changes(export, cc_buffer_bytes(&changed), tables, cc_bytes_text("old"),
                               CC_IMAGE_NEW | CC_IMAGE_OLD, &out, &sum, NULL));
    CHECK_EQ(sum.lines, 3);
    CHECK_OK(cc_buffer_append_byte(&out, 0));
    const char *text = (const char *)out.data;
    CHECK(strstr(text, "\"Keys\":{\"p\":{\"S\":\"k0\"}},\"NewImage\":{") != NULL);
    CHECK(strstr(text,
                 "{\"Metadata\":{\"WriteTimestampMicros\":{\"N\":\"50000\"}},\"Keys\":{\"p\":{\"S\":\"k1\"}},"
                 "\"OldImage\":{") != NULL);
    CHECK(strstr(text, "k3") == NULL && strstr(text, "k4") == NULL);
    cc_export_close(export);

    CHECK_OK(cc_export_open(tables, true, false, (cc_bytes){NULL, 0}, &export, NULL));
    cc_buffer_clear(&out);
    sum = (cc_export_sum){0};
    CHECK_OK(cc_export_changes(export, cc_buffer_bytes(&changed), tables, cc_bytes_text("old"), CC_IMAGE_NEW,
                               &out, &sum, NULL));
    CHECK_EQ(sum.lines, 4);
    CHECK_OK(cc_buffer_append_byte(&out, 0));
    text = (const char *)out.data;
    CHECK(strstr(text, "$ion_1_0 {Record:{Metadata:{WriteTimestampMicros:50000.},Keys:{p:\"k1\"}}}\n") !=
          NULL);
    CHECK(strstr(text, "OldImage") == NULL && strstr(text, "NewImage:{") != NULL);
    cc_buffer_clear(&out);
    sum = (cc_export_sum){0};
    CHECK_OK(cc_export_items(export, cc_buffer_bytes(&changed), true, &out, &sum, NULL));
    CHECK_EQ(sum.lines, 3); /* the deletes are none */
    CHECK_EQ(cc_export_changes(export, cc_bytes_of(changed.data, changed.size - 1), tables,
                               cc_bytes_text("old"), CC_IMAGE_NEW, &out, &sum, NULL),
             CC_ERR_CORRUPT);
    cc_export_close(export);
    cc_buffer *const all[] = {&log, &entries, &out, &was, &now, &kept, &changed};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        cc_buffer_free(all[i]);
}

TEST(exports) {
    cc_tables *tables = NULL;
    CHECK_OK(cc_tables_open(NULL, NULL, &tables, NULL));
    check_forms(tables);
    check_filters(tables);
    check_changes(tables);
    CHECK_OK(cc_tables_close(tables, NULL));
}

int main(void) {
    RUN(exports);
    return REPORT();
}
