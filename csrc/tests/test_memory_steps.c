/* test_memory_steps.c: every allocation of what is no item verb fails once, alone and with all that follow it: opening
 * and recovery, descriptions and indexes, snapshots, exports, archives, followers, expiry, bulk loads, the bare
 * log, and columns of records and items. Under a memory budget of one byte, where every value is on the disk alone,
 * every call of the disk too.
 *
 * For n = 1, 2, ... until the step needs fewer: a fresh store, the step with its n-th allocation or call failing.
 * Its status is CC_ERR_NOMEM or CC_ERR_IO, the table is as it was, the same step then succeeds, and what is there
 * afterwards is there when the store was opened again. Leaks are for AddressSanitizer to find. */
#include <stdio.h>
#include <stdlib.h>

#include "ingest/columns.h"
#include "ingest/infer.h"
#include "ingest/lines.h"
#include "ingest/records.h"
#include "ingest/rows.h"
#include "support/check.h"
#include "support/failing_memory.h"
#include "support/memory_ways.h"
#include "support/memory_world.h"
#include "table/archive.h"
#include "table/changes.h"
#include "table/export.h"
#include "table/load.h"

static cc_bytes text(const char *word) { return cc_bytes_text(word); }

/* ---- opening, descriptions ---- */
static cc_status reopen(world *w, cc_error *error) {
    cc_status closed = w->tables == NULL ? CC_OK : cc_tables_close(w->tables, NULL);
    CHECK(closed == CC_OK || closed == CC_ERR_IO); /* what its last sync says */
    w->tables = NULL;
    return world_open(w, error);
}

static cc_status open_new(world *w, cc_error *error) {
    cc_tables *tables = NULL;
    cc_store_options options = {.log = {.segment_min = 64 << 10, .fs = fault_fs_table(w->disk)}};
    cc_status status = cc_tables_open("new", &options, &tables, error);
    CHECK((tables != NULL) == (status == CC_OK));
    return tables == NULL ? status : cc_tables_close(tables, NULL);
}

static cc_status checkpoint(world *w, cc_error *error) {
    return cc_store_checkpoint(cc_tables_store(w->tables), error);
}

/* Opening from a checkpoint, with the one before it held, and what the log has behind it. */
static cc_status restore(world *w, cc_error *error) {
    static const request_case behind = {
        "PutItem", "{\"TableName\":\"two\",\"Item\":{\"k\":{\"B\":\"Ag==\"},\"n\":{\"N\":\"1\"}}}", NULL};
    answer got = {0};
    memory_spares(true);
    if (w->tables != NULL) {
        (void)!checkpoint(w, NULL);
        world_call(w->tables, &behind, &got);
        (void)!checkpoint(w, NULL);
        world_call(w->tables, &behind, &got);
        cc_buffer_free(&got.text);
    }
    memory_spares(false);
    return reopen(w, error);
}

/* A store that is nowhere on the disk: its log is for its followers alone. */
static cc_status in_memory(world *w, cc_error *error) {
    static const request_case put = {
        "PutItem", "{\"TableName\":\"tab\",\"Item\":{\"p\":{\"S\":\"c\"},\"s\":{\"N\":\"7\"}}}", NULL};
    world own = {.disk = w->disk};
    cc_store_options options = {.log = {.durability = CC_DURABILITY_MEMORY}};
    answer got = {0};
    cc_feed *feed = NULL;
    cc_status status;
    CC_TRY_GOTO(cc_tables_open(NULL, &options, &own.tables, error));
    CC_TRY_GOTO(cc_table_create(own.tables, text("tab"), text(world_description), error));
    uint32_t id = cc_space_id(cc_space_find(cc_tables_store(own.tables), text("tab")));
    CC_TRY_GOTO(cc_feed_open(cc_tables_store(own.tables), &id, 1, (cc_feed_place){0, 0}, &feed, error));
    world_call(own.tables, &put, &got);
    if (got.status != CC_OK || got.http != 200)
        status = CC_ERR_NOMEM;
cleanup:
    cc_feed_close(feed);
    cc_buffer_free(&got.text);
    if (own.tables != NULL)
        CHECK_OK(cc_tables_close(own.tables, NULL));
    return status;
}

static cc_status create(world *w, cc_error *error) {
    return cc_table_create(w->tables, text("other"), text(world_description), error);
}

static cc_status describe(world *w, cc_error *error) {
    char description[3000];
    static const char gsi[] =
        ",\"GlobalSecondaryIndexes\":[{\"IndexName\":\"new\",\"KeySchema\":[{\"AttributeName\":\"a\","
        "\"KeyType\":\"HASH\"}],\"Projection\":{\"ProjectionType\":\"KEYS_ONLY\"}},";
    const char *old = strstr(world_description, ",\"GlobalSecondaryIndexes\":[");
    snprintf(description, sizeof description, "%.*s%s%s", (int)(old - world_description), world_description,
             gsi, strchr(old, '[') + 1);
    CC_TRY(cc_table_describe(w->tables, text("tab"), text(description), error));
    return cc_table_fill(w->tables, text("tab"), error);
}

static cc_status drop(world *w, cc_error *error) { return cc_table_drop(w->tables, text("tab"), error); }

/* ---- items by the many ---- */
static cc_status bulk(world *w, cc_error *error) {
    static const char lines_text[] = "{\"p\":\"k\",\"s\":1,\"a\":\"x\",\"v\":[1,2]}\n"
                                     "{\"p\":\"a\",\"s\":2,\"d\":{\"e\":[1.5,null,true,\"t\"]}}\n";
    cc_arena arena;
    cc_buffer items = {0}, numbers = {0};
    cc_lines lines = {0};
    cc_infer infer;
    cc_bulk done = {0};
    cc_status status;
    cc_arena_init(&arena, 0);
    cc_infer_init(&infer);
    CC_TRY_GOTO(
        cc_lines_next(text(lines_text), CC_LINES_PLAIN, &lines, SIZE_MAX, &arena, &items, &numbers, error));
    for (size_t at = 0; at < items.size;) {
        uint32_t size;
        memcpy(&size, items.data + at, 4);
        CC_TRY_GOTO(cc_infer_item(&infer, cc_bytes_of(items.data + at, size), error));
        at += size;
    }
    CC_TRY_GOTO(cc_table_bulk(w->tables, text("tab"), cc_buffer_bytes(&items), NULL, &done, &arena, error));
    CHECK_EQ(done.index, 2);
    status = cc_table_bulk_finish(w->tables, &done, error);
cleanup:
    cc_infer_free(&infer);
    cc_buffer_free(&items);
    cc_buffer_free(&numbers);
    cc_arena_free(&arena);
    return status;
}

static cc_status expire(world *w, cc_error *error) {
    cc_arena arena;
    cc_expiry expiry = {0};
    cc_status status = CC_OK;
    cc_arena_init(&arena, 0);
    while (status == CC_OK && !expiry.done)
        status = cc_table_expire(w->tables, text("tab"), text("n"), 10, &arena, &expiry, error);
    cc_expiry_free(&expiry);
    cc_arena_free(&arena);
    return status;
}

/* A table's items by a snapshot, with a writer beside it, into lines and into another table. */
static cc_status copy(world *w, cc_error *error) {
    static const request_case beside = {
        "DeleteItem", "{\"TableName\":\"other\",\"Key\":{\"p\":{\"S\":\"a\"},\"s\":{\"N\":\"1\"}}}", NULL};
    cc_snapshot *snapshot = NULL;
    cc_export *export = NULL;
    cc_export_sum sum = {0};
    cc_buffer entries = {0}, out = {0};
    answer got = {0};
    size_t count = 0;
    uint64_t loaded = 0;
    cc_status status;
    memory_spares(true);
    (void)!cc_table_drop(w->tables, text("other"), NULL); /* what a step that failed left */
    CHECK_OK(create(w, NULL));
    memory_spares(false);
    CC_TRY_GOTO(cc_table_snapshot(w->tables, text("tab"), 0, &snapshot, error));
    CC_TRY_GOTO(cc_snapshot_read(snapshot, SIZE_MAX, &entries, &count, error));
    CC_TRY_GOTO(cc_export_open(w->tables, false, false,
                               text("{\"TableName\":\"tab\",\"FilterExpression\":\"s > :n\","
                                    "\"ExpressionAttributeValues\":{\":n\":{\"N\":\"0\"}}}"),
                               &export, error));
    CC_TRY_GOTO(cc_export_items(export, cc_buffer_bytes(&entries), false, &out, &sum, error));
    CHECK_EQ(sum.lines, 3);
    cc_export_close(export);
    export = NULL;
    CC_TRY_GOTO(cc_export_open(w->tables, true, false, (cc_bytes){NULL, 0}, &export, error));
    CC_TRY_GOTO(cc_export_items(export, cc_buffer_bytes(&entries), false, &out, &sum, error));
    CC_TRY_GOTO(cc_table_load(w->tables, text("other"), cc_buffer_bytes(&entries), false, &loaded, error));
    cc_snapshot_close(snapshot);
    snapshot = NULL;
    CC_TRY_GOTO(cc_table_snapshot(w->tables, text("other"), 0, &snapshot, error));
    world_call(w->tables, &beside, &got);
    CC_TRY_GOTO(cc_snapshot_read(snapshot, SIZE_MAX, &entries, &count, error));
    if (got.status != CC_OK || memmem(got.text.data, got.text.size, "memory", 6) != NULL)
        status = CC_ERR_NOMEM;
    else if (got.http != 200)
        status = CC_ERR_IO;
cleanup:
    cc_snapshot_close(snapshot);
    cc_export_close(export);
    cc_buffer_free(&entries);
    cc_buffer_free(&out);
    cc_buffer_free(&got.text);
    return status;
}

/* ---- followers ---- */
static cc_status follow(world *w, cc_error *error) {
    cc_store *store = cc_tables_store(w->tables);
    uint32_t id = cc_space_id(cc_space_find(store, text("tab")));
    cc_changes changes = {0};
    cc_changes_page page;
    cc_buffer json = {0};
    cc_arena arena;
    cc_arena_init(&arena, 0);
    cc_changes_bounds bounds = {.limit = 100,
                                .size_max = 1 << 20,
                                .until = UINT64_MAX,
                                .key = {text("p"), CC_TYPE_S, text("s"), CC_TYPE_N},
                                .images = CC_IMAGE_NEW | CC_IMAGE_OLD};
    cc_change_view view = {.key = bounds.key,
                           .form = CC_FORM_STREAM,
                           .images = bounds.images,
                           .region = text("us-east-1"),
                           .source = text("SOURCE")};
    cc_changes_json taker = {.view = &view, .out = &json};
    cc_status status = CC_OK;
    for (view.form = CC_FORM_STREAM; view.form <= CC_FORM_KINESIS; view.form++) {
        cc_feed_close(changes.feed);
        changes.feed = NULL;
        CC_TRY_GOTO(cc_feed_open(store, &id, 1, (cc_feed_place){0, 0}, &changes.feed, error));
        CC_TRY_GOTO(cc_changes_read(&changes, &bounds, &arena, cc_changes_take_json, &taker, &page, error));
        CHECK_EQ(page.count, 3);
    }
cleanup:
    cc_feed_close(changes.feed);
    cc_buffer_free(&json);
    cc_arena_free(&arena);
    return status;
}

static cc_status archive(world *w, cc_error *error) {
    cc_archive_reader *reader = NULL;
    cc_archive_page page;
    cc_archive_span span = {.until_ms = UINT64_MAX, .stamped = true};
    cc_buffer changes = {0}, entries = {0};
    cc_status status;
    CC_TRY_GOTO(cc_archive_open(w->tables, text("tab"), 0, &reader, error));
    CC_TRY_GOTO(cc_archive_read(reader, SIZE_MAX, &changes, &page, error));
    CC_TRY_GOTO(cc_archive_entries(cc_buffer_bytes(&changes), &span, &entries, error));
    CHECK_EQ(span.count, 3);
cleanup:
    cc_archive_close(reader);
    cc_buffer_free(&changes);
    cc_buffer_free(&entries);
    return status;
}

/* The changes since the beginning as lines of an incremental export, in both formats. */
static cc_status export_changes(world *w, cc_error *error) {
    cc_archive_reader *reader = NULL;
    cc_archive_page page;
    cc_archive_span span = {.until_ms = UINT64_MAX, .stamped = true};
    cc_buffer changes = {0}, entries = {0}, out = {0};
    cc_export *export = NULL;
    cc_export_sum sum = {0};
    cc_status status;
    CC_TRY_GOTO(cc_archive_open(w->tables, text("tab"), 0, &reader, error));
    CC_TRY_GOTO(cc_archive_read(reader, SIZE_MAX, &changes, &page, error));
    CC_TRY_GOTO(cc_archive_entries(cc_buffer_bytes(&changes), &span, &entries, error));
    for (int ion = 0; ion <= 1; ion++) {
        cc_export_close(export);
        export = NULL;
        CC_TRY_GOTO(cc_export_open(w->tables, ion != 0, false,
                                   text("{\"TableName\":\"tab\",\"ProjectionExpression\":\"p, s, x.k\"}"),
                                   &export, error));
        CC_TRY_GOTO(cc_export_changes(export, cc_buffer_bytes(&entries), w->tables, text("tab"),
                                      CC_IMAGE_NEW | CC_IMAGE_OLD, &out, &sum, error));
        CC_TRY_GOTO(cc_export_items(export, cc_buffer_bytes(&entries), true, &out, &sum, error));
    }
    CHECK_EQ(sum.lines, 12);
cleanup:
    cc_archive_close(reader);
    cc_export_close(export);
    cc_buffer_free(&changes);
    cc_buffer_free(&entries);
    cc_buffer_free(&out);
    return status;
}

/* ---- the log alone ---- */
static cc_status bare_log(world *w, cc_error *error) {
    static uint8_t payload[3000];
    cc_log *log = NULL;
    cc_log_reader *reader = NULL;
    cc_log_record record;
    cc_bytes part = cc_bytes_of(payload, sizeof payload);
    cc_log_batch batch = {.type = 1, .count = 1, .parts = &part, .part_count = 1};
    cc_log_options options = {.segment_min = 4096, .segment_max = 8192, .fs = fault_fs_table(w->disk)};
    cc_log_ticket ticket = {0};
    cc_status status;
    CC_TRY_GOTO(cc_log_open("log", &options, &log, error));
    for (int i = 0; i < 6; i++) {
        CC_TRY_GOTO(cc_log_submit(log, &batch, CC_LOG_ANY, &ticket, error));
        CC_TRY_GOTO(cc_log_wait(log, &ticket, CC_DURABILITY_COMMIT, error));
    }
    CC_TRY_GOTO(cc_log_cursor_set(log, "reader", ticket.last - 1, error));
    CC_TRY_GOTO(cc_log_truncate(log, error));
    CC_TRY_GOTO(cc_log_reader_open(log, 0, &reader, error));
    while ((status = cc_log_reader_next(reader, &record, error)) == CC_OK)
        CHECK_EQ(record.payload.size, sizeof payload);
    status = status == CC_ERR_NOT_FOUND ? CC_OK : status;
cleanup:
    cc_log_reader_close(reader);
    if (log != NULL)
        CHECK_OK(cc_log_close(log, NULL));
    return status;
}

/* ---- columns ---- */
static struct ArrowSchema leaf(const char *name, const char *format) {
    return (struct ArrowSchema){.format = format, .name = name, .flags = ARROW_FLAG_NULLABLE};
}

static cc_status through_columns(const struct ArrowSchema *schema, cc_error *error) {
    static const char record[] =
        "{\"a\":1,\"b\":\"text that is longer than a pointer\",\"c\":1.5,\"d\":\"2020-01-01"
        "T00:00:00Z\",\"e\":\"12.25\",\"f\":[1,2,3]}";
    cc_columns *columns = NULL;
    cc_rows *rows = NULL;
    cc_arena arena;
    cc_buffer items = {0};
    struct ArrowArray array = {0};
    cc_status status;
    cc_arena_init(&arena, 0);
    CC_TRY_GOTO(cc_columns_open(schema, CC_COLUMNS_CASE_INSENSITIVE, &columns, error));
    for (int i = 0; i < 20; i++)
        CC_TRY_GOTO(cc_columns_append(columns, text(record), error));
    CC_TRY_GOTO(cc_columns_finish(columns, &array, error));
    CHECK_EQ(array.length, 20);
    CC_TRY_GOTO(cc_rows_open(schema, NULL, false, &rows, error));
    for (int64_t i = 0; i < 20; i++)
        CC_TRY_GOTO(cc_rows_append(rows, &array, i, &arena, &items, error));
cleanup:
    if (array.release != NULL)
        array.release(&array);
    cc_rows_close(rows);
    cc_columns_close(columns);
    cc_buffer_free(&items);
    cc_arena_free(&arena);
    return status;
}

static cc_status columns(world *w, cc_error *error) {
    (void)w;
    struct ArrowSchema element = leaf("item", "i"), *in_list[] = {&element};
    struct ArrowSchema fields[] = {leaf("a", "l"),    leaf("b", "u"),     leaf("c", "g"),
                                   leaf("d", "tsm:"), leaf("e", "d:9,2"), leaf("f", "+l")};
    struct ArrowSchema *children[6], root = leaf("", "+s");
    for (int i = 0; i < 6; i++)
        children[i] = &fields[i];
    fields[5].n_children = 1;
    fields[5].children = in_list;
    root.n_children = 6;
    root.children = children;
    return through_columns(&root, error);
}

static cc_status records(world *w, cc_error *error) {
    (void)w;
    cc_arena arena;
    cc_buffer payload = {0}, joined = {0};
    cc_bytes stream;
    uint32_t count = 0;
    cc_arena_init(&arena, 0);
    cc_status status;
    CC_TRY_GOTO(cc_records_from_put_json(
        text("{\"DeliveryStreamName\":\"s\",\"Records\":[{\"Data\":\"aGVsbG8=\"},{\"Data\":\"\"}]}"), &arena,
        &payload, &stream, &count, error));
    CHECK_EQ(count, 2);
    CC_TRY_GOTO(cc_records_concat(cc_buffer_bytes(&payload), text("\n"), &joined, error));
cleanup:
    cc_buffer_free(&payload);
    cc_buffer_free(&joined);
    cc_arena_free(&arena);
    return status;
}

/* ---- the sweep ---- */
typedef struct {
    const char *name;
    cc_status (*run)(world *w, cc_error *error);
    bool partial; /* what it wrote before it failed may stay */
    bool alone;   /* is not for the budget: not about the world's store, or it makes ready on the disk */
} step;

static const step steps[] = {
    {"reopen", reopen, false, false},
    {"open_new", open_new, false, false},
    {"checkpoint", checkpoint, false, true},
    {"restore", restore, true, true},
    {"in_memory", in_memory, false, true},
    {"create", create, false, false},
    {"describe", describe, true, false},
    {"drop", drop, false, false},
    {"bulk", bulk, false, false},
    {"expire", expire, false, false},
    {"copy", copy, true, false},
    {"follow", follow, false, false},
    {"archive", archive, false, false},
    {"export", export_changes, false, false},
    {"log", bare_log, true, true},
    {"columns", columns, false, true},
    {"records", records, false, true},
};

static uint64_t points, calls, not_needed;

/* Whether the step got as far as what was to fail. */
static bool run_failing(const step *which, world *w, const memory_way *how, uint64_t nth,
                        cc_status *status_out, cc_error *error) {
    cc_buffer_tightest(how == memory_ways); /* one way is enough: each append is an allocation then */
    uint64_t before = memory_way_begin(how, w->disk, nth);
    *status_out = which->run(w, error);
    cc_buffer_tightest(false);
    return memory_way_end(how, w->disk, nth, before);
}

static bool fail_one(const step *which, const cc_buffer *before, const cc_buffer *after,
                     const memory_way *how, uint64_t nth) {
    world w = world_new(how->budget);
    cc_buffer now = {0}, again = {0};
    cc_error error = {0};
    cc_status status;
    int failures = check.failures_here;
    bool reached = run_failing(which, &w, how, nth, &status, &error);
    CHECK(status == CC_OK || (reached && status == (how->disk ? CC_ERR_IO : CC_ERR_NOMEM)));
    if (status != CC_OK) {
        if (w.tables == NULL)
            world_reopen(&w);
        world_dump(w.tables, &now);
        CHECK(which->partial || same_text(&now, before));
        error = (cc_error){0};
        CHECK_OK(which->run(&w, &error));
    }
    world_dump(w.tables, &now);
    CHECK(same_text(&now, after));
    world_reopen(&w);
    world_dump(w.tables, &again);
    CHECK(same_text(&now, &again));
    if (check.failures_here != failures)
        fprintf(stderr, "  %s, %s %llu%s, budget %llu: %s %s\n", which->name,
                how->disk ? "call" : "allocation", (unsigned long long)nth,
                how->later ? " and later ones" : "", (unsigned long long)how->budget, cc_status_name(status),
                error.message);
    points += reached && !how->disk;
    calls += reached && how->disk;
    not_needed += reached && status == CC_OK;
    world_end(&w);
    cc_buffer_free(&now);
    cc_buffer_free(&again);
    return reached;
}

static void sweep(const step *which, const memory_way *how) {
    cc_buffer before = {0}, after = {0};
    world w = world_new(how->budget);
    world_dump(w.tables, &before);
    CHECK_OK(which->run(&w, NULL));
    world_dump(w.tables, &after);
    world_end(&w);
    for (uint64_t nth = 1; fail_one(which, &before, &after, how, nth); nth += how->stride)
        ;
    cc_buffer_free(&before);
    cc_buffer_free(&after);
}

TEST(every_step) {
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        for (size_t k = 0; k < memory_way_count; k++)
            if (memory_ways[k].budget == 0 || !steps[i].alone)
                sweep(&steps[i], &memory_ways[k]);
}

int main(void) {
    RUN(every_step);
    printf("%zu steps: %llu failed allocations, %llu failed calls of the disk; %llu not needed\n",
           sizeof steps / sizeof *steps, (unsigned long long)points, (unsigned long long)calls,
           (unsigned long long)not_needed);
    CHECK(points > 500 && calls > 100);
    return REPORT();
}
