/* test_memory_log.c: opening, reading, check and repair of a log, with each allocation and each call of the disk failing
 * once, alone and with all that follow it; and with a log that has more of everything than one is left by: a spare,
 * what a truncation left behind, a torn tail, a batch in chunks, cursors of two sectors, a record that does not check.
 *
 * Whatever fails, the status says what did, repair leaves the log as it was, and the next attempt has every batch. */
#include <stdlib.h>

#include "log/internal.h"
#include "log/survey.h"
#include "support/check.h"
#include "support/fault_fs.h"
#include "support/memory_ways.h"

enum { BATCHES = 30, CURSORS = 12, CHUNKED = 20, DAMAGED = 25 };

static uint64_t failed_allocations, failed_calls;

static cc_log_options options_of(fault_fs *disk) {
    return (cc_log_options){.segment_min = 4096, .segment_max = 8192, .fs = fault_fs_table(disk)};
}

static cc_status put(cc_log *log, uint64_t first, size_t size, cc_error *error) {
    static uint8_t bytes[CC_LOG_BATCH_MAX + 5000];
    cc_bytes parts[3] = {cc_bytes_of(bytes, size / 2), {NULL, 0}, cc_bytes_of(bytes, size - size / 2)};
    cc_log_batch batch = {.type = 7,
                          .count = 2,
                          .time_ms = 1000 + first,
                          .parts = parts,
                          .part_count = 3,
                          .topics = first % 3 == 0 ? cc_log_topic(1) : 0};
    cc_log_ticket ticket;
    return cc_log_submit(log, &batch, CC_LOG_ANY, &ticket, error);
}

/* Batches from sequence `from` on; the n-th one has sequences 2n-1 and 2n. */
static cc_status count(cc_log *log, uint64_t from, uint64_t *batches_out, cc_error *error) {
    cc_log_reader *reader = NULL;
    cc_log_record record;
    *batches_out = 0;
    CC_TRY(cc_log_reader_open(log, from, &reader, error));
    cc_status status;
    while ((status = cc_log_reader_next(reader, &record, error)) == CC_OK)
        ++*batches_out;
    cc_log_reader_close(reader);
    return status == CC_ERR_NOT_FOUND ? CC_OK : status;
}

/* Batches 1 to 8 are dropped; the file of the first segment is there again, with one more, as after a power cut that
 * took its removal. `chunks`: one batch is larger than a record may be. */
static fault_fs *log_disk(bool chunks, bool torn) {
    fault_fs *disk = fault_fs_new();
    cc_log_options options = options_of(disk);
    cc_log *log = NULL;
    size_t size;
    CHECK_OK(cc_log_open("d", &options, &log, NULL));
    for (uint64_t i = 0; i < BATCHES; i++)
        CHECK_OK(put(log, i, chunks && i == CHUNKED ? CC_LOG_BATCH_MAX + 5000 : 600 + i % 7, NULL));
    uint8_t *first = fault_fs_bytes(disk, "d/00000000000000000001.seg", &size);
    uint8_t *kept = malloc(size);
    memcpy(kept, first, size);
    for (int i = 0; i < CURSORS; i++) {
        char name[CURSOR_NAME + 1];
        snprintf(name, sizeof name, "%c%063d", 'a' + i, i);
        CHECK_OK(cc_log_cursor_set(log, name, 16 + (uint64_t)i, NULL));
    }
    CHECK_OK(cc_log_truncate(log, NULL));
    CHECK_OK(cc_log_sync(log, NULL));
    CHECK_OK(put(log, BATCHES, 50, NULL));
    fault_fs *image = fault_fs_kill(disk);
    fault_fs_set(image, "d/00000000000000000001.seg", kept, size);
    free(kept);
    if (torn) { /* of the last batch one byte is not there, and of the next segment nothing */
        char last[64];
        snprintf(last, sizeof last, "d/%020llu.seg", (unsigned long long)log->newest->first);
        uint8_t *bytes = fault_fs_bytes(image, last, &size);
        bytes[log->newest->end - 1 - cc_record_span(50) + RECORD_HEADER + 1] ^= 1;
        static const uint8_t nothing[4096], half[100] = {1};
        fault_fs_set(image, "d/00000000000000000063.seg", nothing, sizeof nothing);
        fault_fs_set(image, "d/00000000000000000065.seg", half, sizeof half);
    }
    CHECK_OK(cc_log_close(log, NULL));
    fault_fs_free(disk);
    return image;
}

/* ---- what is done with it ---- */
static cc_durability mode;

static cc_status open_and_read(fault_fs *disk, cc_error *error) {
    cc_log_options options = options_of(disk);
    cc_log *log = NULL;
    uint64_t batches = 0;
    options.durability = mode;
    options.interval_ms = 1000000;
    CC_TRY(cc_log_open("d", &options, &log, error));
    cc_status status = count(log, 0, &batches, error);
    for (uint64_t i = 0; i < 3 && status == CC_OK; i++)
        status = put(log, 90 + i, 3000, error);
    if (status == CC_OK)
        status = cc_log_cursor_drop(log, "a00000000000000000000000000000000000000000000000000000000000000",
                                    error);
    if (status == CC_ERR_NOT_FOUND)
        status = CC_OK;
    for (int i = 1; i < CURSORS && status == CC_OK; i++) {
        char name[CURSOR_NAME + 1];
        snprintf(name, sizeof name, "%c%063d", 'a' + i, i);
        status = cc_log_cursor_set(log, name, 60, error);
    }
    if (status == CC_OK)
        status = cc_log_truncate(log, error);
    if (status == CC_OK)
        status = put(log, 93, 8000, error); /* into the spare */
    cc_status closed = cc_log_close(log, status == CC_OK ? error : NULL);
    return status != CC_OK ? status : closed;
}

static cc_status look(fault_fs *disk, cc_error *error) {
    cc_findings findings = {0};
    cc_log_visitor visitor = {.findings = &findings};
    cc_log_survey survey;
    return cc_log_survey_take(fault_fs_table(disk), "d", &visitor, &survey, error);
}

static cc_status repair(fault_fs *disk, cc_error *error) {
    cc_findings findings = {0};
    cc_log_survey survey;
    return cc_log_salvage(fault_fs_table(disk), "d", "r", &findings, &survey, error);
}

/* A log in memory alone, with what was forgotten of it. */
static cc_status in_memory(fault_fs *disk, cc_error *error) {
    cc_log_options options = {.segment_min = 4096, .segment_max = 4096};
    cc_log *log = NULL;
    cc_log_ticket none = {0};
    uint64_t batches = 0;
    (void)disk;
    CC_TRY(cc_log_open(NULL, &options, &log, error));
    cc_status status = CC_OK;
    for (uint64_t i = 0; i < 10 && status == CC_OK; i++)
        status = put(log, i, i == 4 ? CC_LOG_BATCH_MAX + 5000 : 2000, error);
    if (status == CC_OK)
        status = cc_log_cursor_set(log, "c", 10, error);
    if (status == CC_OK)
        status = cc_log_truncate(log, error);
    if (status == CC_OK)
        status = cc_log_sync(log, error); /* there is nothing to sync */
    if (status == CC_OK)
        status = cc_log_wait(log, &none, CC_DURABILITY_COMMIT, error);
    if (status == CC_OK)
        status = count(log, 0, &batches, error);
    if (status == CC_OK)
        CHECK(batches >= 5 && batches < 10);
    if (status == CC_OK && cc_log_cursor_drop(log, "c", error) != CC_OK)
        status = CC_ERR_ARGUMENT;
    CHECK_OK(cc_log_close(log, NULL));
    return status;
}

/* ---- afterwards, when nothing fails ---- */
static uint64_t left_of(fault_fs *disk, const char *dir) {
    cc_log_options options = options_of(disk);
    cc_log *log = NULL;
    uint64_t batches = 0;
    cc_error error = {0};
    if (cc_log_open(dir, &options, &log, &error) != CC_OK) {
        fprintf(stderr, "%s\n", error.message);
        CHECK(false);
        return 0;
    }
    CHECK_OK(count(log, 0, &batches, NULL));
    CHECK_OK(cc_log_close(log, NULL));
    return batches;
}

typedef struct {
    cc_status (*does)(fault_fs *disk, cc_error *error);
    bool changes; /* more batches than there were may be in it, or fewer: it truncates */
    bool repairs;
} step;

static void check_after(const step *what, const fault_fs *before, fault_fs *disk, cc_status status,
                        uint64_t batches) {
    if (!what->changes)
        CHECK(fault_fs_same(before, disk, "d/"));
    if (what->repairs && status == CC_OK)
        CHECK_EQ(left_of(disk, "r"), batches);
    if (!what->changes && !what->repairs)
        CHECK_EQ(left_of(disk, "d"), batches);
    if (what->changes)
        CHECK(left_of(disk, "d") >= 1);
}

static const memory_way ways[] = {
    {.later = false},
    {.later = true},
    {.disk = true},
    {.disk = true, .later = true},
    {.disk = true, .kind = FAULT_SHORT},
    {.disk = true, .kind = FAULT_SHORT, .later = true},
};

/* False: the step made fewer allocations, or calls, than `nth`. */
static bool fail_once(const step *what, const fault_fs *before, uint64_t batches, uint64_t nth,
                      const memory_way *how) {
    fault_fs *disk = fault_fs_kill(before);
    cc_error error = {0};
    uint64_t calls = memory_way_begin(how, disk, nth);
    cc_status status = what->does(disk, how->later ? NULL : &error);
    bool reached = memory_way_end(how, disk, nth, calls);
    CHECK(status == CC_OK || (reached && (how->disk ? status == CC_ERR_IO || status == CC_ERR_POISONED
                                                    : status == CC_ERR_NOMEM)));
    CHECK(status == CC_OK || how->later || error.message[0] != '\0');
    check_after(what, before, disk, status, batches);
    fault_fs_free(disk);
    if (reached)
        *(how->disk ? &failed_calls : &failed_allocations) += 1;
    return reached;
}

static void fail_all(step what, bool chunks, bool torn) {
    fault_fs *before = log_disk(chunks, torn);
    fault_fs *copy = fault_fs_kill(before);
    uint64_t batches = left_of(copy, "d");
    fault_fs_free(copy);
    CHECK(batches > BATCHES - 10 && batches < BATCHES);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        for (uint64_t nth = 1; check.failures_here < 5 && fail_once(&what, before, batches, nth, &ways[i]);
             nth++)
            continue;
    fault_fs_free(before);
}

TEST(opening) {
    for (mode = CC_DURABILITY_PROCESS; mode <= CC_DURABILITY_COMMIT; mode++) {
        fail_all((step){.does = open_and_read, .changes = true}, false, true);
        fail_all((step){.does = open_and_read, .changes = true}, mode == CC_DURABILITY_COMMIT, false);
    }
}

TEST(check_and_repair) {
    fail_all((step){.does = look}, true, false);
    fail_all((step){.does = repair, .repairs = true}, true, false);
    fail_all((step){.does = repair, .repairs = true}, false, true);
}

TEST(a_log_in_memory) { fail_all((step){.does = in_memory}, false, false); }

int main(void) {
    RUN(opening);
    RUN(check_and_repair);
    RUN(a_log_in_memory);
    printf("%llu failed allocations, %llu failed calls of the disk\n", (unsigned long long)failed_allocations,
           (unsigned long long)failed_calls);
    return REPORT();
}
