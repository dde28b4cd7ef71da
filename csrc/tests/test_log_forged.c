/* test_log_forged.c: logs whose checksums are right and whose contents no version has written.
 *
 * Opening, check and repair must agree: what check finds nothing wrong with opens and has as many batches as check
 * counted; what repair makes opens, checks and has them too; nobody reads beyond a file. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/hash.h"
#include "log/internal.h"
#include "log/survey.h"
#include "support/check.h"
#include "support/fault_fs.h"

enum { SEGMENT = 4096, EPOCH = 7, SLOT = STATE_SLOT };

/* ---- what files are made of ---- */
static void seal_header(uint8_t *segment, uint64_t epoch, uint64_t first, uint64_t size) {
    memcpy(segment, "CCLOGSG1", 8);
    memcpy(segment + 8, &epoch, 8);
    memcpy(segment + 16, &first, 8);
    memcpy(segment + 24, &size, 8);
    uint32_t crc = cc_crc32c(0, segment, 32);
    memcpy(segment + 32, &crc, 4);
}

static uint64_t add_record(uint8_t *segment, uint64_t at, cc_record_header header) {
    header.epoch = EPOCH;
    memcpy(segment + at, &header, RECORD_HEADER);
    header.crc = cc_crc32c(0, segment + at + 4, RECORD_HEADER - 4 + (header.size <= 512 ? header.size : 0));
    memcpy(segment + at, &header, RECORD_HEADER);
    return at + cc_record_span(header.size <= 512 ? header.size : 0);
}

typedef struct {
    uint64_t synced, last_epoch, last_dropped;
    uint32_t clean, cursors;
    const char *tail; /* what follows the fixed part, */
    size_t tail_size;
    uint32_t used; /* 0: as it is */
} slot_state;

static void add_slot(uint8_t *file, int slot, uint64_t generation, slot_state state) {
    uint8_t *at = file + (size_t)slot * SLOT;
    uint32_t used = state.used != 0 ? state.used : 56 + (uint32_t)state.tail_size;
    memcpy(at + 4, &used, 4);
    memcpy(at + 8, "CCLOGST1", 8);
    memcpy(at + 16, &generation, 8);
    memcpy(at + 24, &state.synced, 8);
    memcpy(at + 32, &state.last_epoch, 8);
    memcpy(at + 40, &state.last_dropped, 8);
    memcpy(at + 48, &state.clean, 4);
    memcpy(at + 52, &state.cursors, 4);
    if (state.tail_size != 0)
        memcpy(at + 56, state.tail, state.tail_size);
    uint32_t crc = used < 4 || used > SLOT ? 0 : cc_crc32c(0, at + 4, used - 4);
    memcpy(at, &crc, 4);
}

/* ---- the three that must agree ---- */
static uint64_t read_all(cc_log *log) {
    cc_log_reader *reader = NULL;
    cc_log_record record;
    uint64_t batches = 0;
    CHECK_OK(cc_log_reader_open(log, 0, &reader, NULL));
    while (cc_log_reader_next(reader, &record, NULL) == CC_OK)
        batches++;
    cc_log_reader_close(reader);
    return batches;
}

static cc_status count(void *context, const cc_log_record *record, cc_error *error) {
    (void)error;
    *(uint64_t *)context += record->type != CC_LOG_LOST;
    return CC_OK;
}

typedef struct {
    uint64_t faults, batches, lost;
    cc_status opened;
} verdict;

static verdict judge(fault_fs *disk) {
    cc_findings findings = {0}, again = {0};
    uint64_t seen = 0;
    cc_log_visitor visitor = {.findings = &findings, .batch = count, .context = &seen};
    cc_log_survey survey;
    cc_log_options options = {.segment_min = SEGMENT, .segment_max = SEGMENT, .fs = fault_fs_table(disk)};
    cc_log *log = NULL;
    cc_error error = {0};
    CHECK_OK(cc_log_survey_take(options.fs, "d", &visitor, &survey, NULL));
    verdict found = {.faults = findings.faults, .batches = seen, .lost = survey.lost};
    CHECK_OK(cc_log_salvage(options.fs, "d", "r", &again, &survey, NULL));
    CHECK(again.faults == findings.faults && again.notices == findings.notices);
    CHECK_OK(cc_log_open("r", &options, &log, NULL));
    CHECK_EQ(read_all(log), seen);
    CHECK_OK(cc_log_close(log, NULL));
    found.opened = cc_log_open("d", &options, &log, &error);
    CHECK(found.opened == CC_OK || (found.opened == CC_ERR_CORRUPT && findings.faults != 0));
    CHECK(found.opened == CC_OK || error.message[0] != '\0');
    if (found.opened == CC_OK) {
        uint64_t batches = read_all(log);
        cc_log_info info;
        cc_log_info_get(log, &info);
        /* What is left of what was dropped is not read when there is nothing behind it. */
        CHECK(findings.faults != 0 || batches == seen || info.first_sequence > info.last_sequence);
        CHECK(batches <= seen);
        CHECK_OK(cc_log_close(log, NULL));
    }
    fault_fs_free(disk);
    return found;
}

/* ---- records ---- */
/* Two good records, the forged one, a good one that nothing leads to. */
static verdict judge_record(cc_record_header forged, uint64_t synced) {
    uint8_t segment[SEGMENT] = {0}, state[2 * SLOT] = {0};
    fault_fs *disk = fault_fs_new();
    seal_header(segment, EPOCH, 1, SEGMENT);
    uint64_t at = add_record(segment, SEGMENT_HEADER,
                             (cc_record_header){.size = 10, .first = 1, .count = 1, .type_flags = 1});
    at = add_record(segment, at, (cc_record_header){.size = 9, .first = 2, .count = 3, .type_flags = 2});
    at = add_record(segment, at, forged);
    (void)add_record(segment, at, (cc_record_header){.first = 9, .count = 1, .type_flags = 1});
    add_slot(state, 0, 1, (slot_state){.synced = synced, .last_epoch = EPOCH});
    fault_fs_set(disk, "d/00000000000000000001.seg", segment, sizeof segment);
    fault_fs_set(disk, "d/state", state, sizeof state);
    return judge(disk);
}

TEST(records) {
    static const cc_record_header bad[] = {
        {.size = 1, .first = 0, .count = 1, .type_flags = 1},
        {.size = 1, .first = UINT64_MAX, .count = 1, .type_flags = 1},
        {.size = 1, .first = CC_LOG_SEQUENCE_MAX + 1, .count = 1, .type_flags = 1},
        {.size = 1, .first = CC_LOG_SEQUENCE_MAX, .count = 2, .type_flags = 1},
        {.size = 1, .first = CC_LOG_SEQUENCE_MAX - 10, .count = UINT32_MAX, .type_flags = 1},
        {.size = 1, .first = 5, .count = 0, .type_flags = 1},
        {.size = 1, .first = 5, .count = 1, .type_flags = 0},
        {.size = 1, .first = 5, .count = 1, .type_flags = 0xff000000},
        {.size = SEGMENT, .first = 5, .count = 1, .type_flags = 1},
        {.size = CC_LOG_BATCH_MAX + 1, .first = 5, .count = 1, .type_flags = 1},
        {.size = UINT32_MAX, .first = 5, .count = 1, .type_flags = 1},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        verdict found = judge_record(bad[i], 4);
        CHECK(found.faults != 0);
        CHECK_EQ(found.batches, 3);
        CHECK_EQ(found.lost, 4);
        CHECK_EQ(judge_record(bad[i], 5).opened, CC_ERR_CORRUPT);
    }
}

/* A record that says it goes on, and what follows does not. */
TEST(chunks) {
    cc_record_header more = {.size = 8, .first = 5, .count = 1, .type_flags = 1 | RECORD_MORE << 24};
    verdict found = judge_record(more, 4);
    CHECK(found.faults != 0);
    CHECK_EQ(found.batches, 3);
    more.first = 9; /* and here another one does */
    found = judge_record(more, 4);
    CHECK_EQ(found.batches, 3);
    cc_record_header whole = {.size = 8, .first = 5, .count = 4, .type_flags = 1 | RECORD_MARKED << 24};
    found = judge_record(whole, 4);
    CHECK_EQ(found.faults, 0);
    CHECK_EQ(found.batches, 4);
}

/* ---- headers and names of segments ---- */
static verdict judge_header(uint64_t named, uint64_t epoch, uint64_t first, uint64_t size, bool record,
                            uint64_t synced) {
    uint8_t segment[SEGMENT] = {0}, state[2 * SLOT] = {0};
    char name[64];
    fault_fs *disk = fault_fs_new();
    seal_header(segment, epoch, first, size);
    if (epoch == 0 && first == 0) /* no header at all */
        memset(segment, 0, SEGMENT_HEADER);
    if (record)
        (void)add_record(segment, SEGMENT_HEADER,
                         (cc_record_header){.size = 10, .first = first, .count = 1, .type_flags = 1});
    add_slot(state, 1, 1, (slot_state){.synced = synced, .last_dropped = synced, .clean = !record});
    snprintf(name, sizeof name, "d/%020" PRIu64 ".seg", named);
    fault_fs_set(disk, name, segment, sizeof segment);
    fault_fs_set(disk, "d/state", state, sizeof state);
    return judge(disk);
}

TEST(headers) {
    const uint64_t most = CC_LOG_SEQUENCE_MAX;
    const uint64_t bad[][4] = {/* name, epoch, first, size */
                               {1, EPOCH, 2, SEGMENT},
                               {1, EPOCH, 1, SEGMENT + 1},
                               {1, 0, 1, SEGMENT},
                               {1, most + 1, 1, SEGMENT},
                               {0, EPOCH, 0, SEGMENT},
                               {most + 2, EPOCH, most + 2, SEGMENT},
                               {UINT64_MAX, EPOCH, UINT64_MAX, SEGMENT}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        for (int record = 0; record < 2; record++)
            CHECK(judge_header(bad[i][0], bad[i][1], bad[i][2], bad[i][3], record != 0, 0).faults != 0);
    /* One that was never written is what a power cut leaves, if the log was not closed before. */
    CHECK(judge_header(5, 0, 0, SEGMENT, false, 0).faults != 0);
    CHECK_EQ(judge_header(5, 0, 0, SEGMENT, true, 0).faults, 0);
    CHECK_EQ(judge_header(1, EPOCH, 1, SEGMENT, true, 0).faults, 0);
    CHECK_EQ(judge_header(1, EPOCH, 1, SEGMENT, false, 0).faults, 0);
    CHECK_EQ(judge_header(most, EPOCH, most, SEGMENT, true, most - 1).faults, 0);
    /* What was dropped as a whole and is there again is not read. */
    CHECK_EQ(judge_header(1, EPOCH, 1, SEGMENT, true, 3).opened, CC_OK);
}

/* Files that are shorter than what they must hold. */
TEST(short_files) {
    static const uint8_t bytes[SEGMENT];
    static const size_t sizes[] = {0, 1, SEGMENT_HEADER - 1, SEGMENT_HEADER,
                                   SEGMENT_HEADER + RECORD_HEADER - 1};
    for (size_t i = 0; i < 2 * sizeof sizes / sizeof *sizes; i++) {
        size_t size = sizes[i / 2];
        fault_fs *disk = fault_fs_new();
        uint8_t head[SEGMENT] = {0};
        if (i % 2 != 0)
            seal_header(head, EPOCH, 1, size + 1); /* one byte is gone */
        fault_fs_set(disk, "d/00000000000000000001.seg", i % 2 != 0 ? head : bytes, size);
        fault_fs_set(disk, "d/state", bytes, size);
        verdict found = judge(disk);
        CHECK_EQ(found.batches, 0);
        CHECK_EQ(found.opened, CC_OK);
    }
}

/* The last sequence that there can be is taken, and none behind it. */
TEST(sequences_run_out) {
    cc_bytes part = cc_bytes_text("last");
    cc_log_batch batch = {.type = 1, .count = 1, .parts = &part, .part_count = 1};
    fault_fs *disk = fault_fs_new();
    cc_log_options options = {
        .segment_min = SEGMENT, .begin_after = CC_LOG_SEQUENCE_MAX - 1, .fs = fault_fs_table(disk)};
    cc_log *log = NULL;
    cc_log_ticket ticket;
    CHECK_OK(cc_log_open("d", &options, &log, NULL));
    CHECK_OK(cc_log_submit(log, &batch, CC_LOG_ANY, &ticket, NULL));
    CHECK_EQ(ticket.last, CC_LOG_SEQUENCE_MAX);
    CHECK_EQ(cc_log_submit(log, &batch, CC_LOG_ANY, &ticket, NULL), CC_ERR_LIMIT);
    CHECK_OK(cc_log_close(log, NULL));
    verdict found = judge(disk);
    CHECK_EQ(found.faults, 0);
    CHECK_EQ(found.batches, 1);
}

/* More sequences are gone than one record can stand for. */
TEST(a_wide_hole) {
    uint8_t segment[SEGMENT] = {0};
    fault_fs *disk = fault_fs_new();
    seal_header(segment, EPOCH, 1, SEGMENT);
    uint64_t at = add_record(segment, SEGMENT_HEADER,
                             (cc_record_header){.size = 10, .first = 1, .count = 1, .type_flags = 1});
    (void)add_record(segment, at,
                     (cc_record_header){.first = UINT64_C(3) << 32, .count = 1, .type_flags = 1});
    fault_fs_set(disk, "d/00000000000000000001.seg", segment, sizeof segment);
    verdict found = judge(disk);
    CHECK(found.faults != 0);
    CHECK_EQ(found.batches, 2);
    CHECK_EQ(found.lost, (UINT64_C(3) << 32) - 2);
}

/* ---- the state ---- */
static verdict judge_state(const slot_state *slots, size_t size) {
    uint8_t segment[SEGMENT] = {0}, state[2 * SLOT] = {0};
    fault_fs *disk = fault_fs_new();
    seal_header(segment, EPOCH, 1, SEGMENT);
    (void)add_record(segment, SEGMENT_HEADER,
                     (cc_record_header){.size = 10, .first = 1, .count = 1, .type_flags = 1});
    for (int slot = 0; slot < 2; slot++)
        if (slots[slot].used != 1) /* 1: never written */
            add_slot(state, slot, 4 - (uint64_t)slot, slots[slot]);
    fault_fs_set(disk, "d/00000000000000000001.seg", segment, sizeof segment);
    fault_fs_set(disk, "d/state", state, size);
    return judge(disk);
}

TEST(states) {
    static const char long_name[] = "\0\0\0\0\0\0\0\0\x41" /* 65 bytes */
                                    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const slot_state bad[] = {
        {.cursors = CURSOR_MAX + 1},
        {.synced = CC_LOG_SEQUENCE_MAX + 1},
        {.last_dropped = CC_LOG_SEQUENCE_MAX + 1},
        {.last_epoch = CC_LOG_SEQUENCE_MAX + 1},
        {.cursors = 1},
        {.cursors = 1, .tail = "\0\0\0\0\0\0\0", .tail_size = 8},
        {.cursors = 1,
         .tail = "\0\0\0\0\0\0\0\0\x05"
                 "abcd",
         .tail_size = 13},
        {.cursors = 1, .tail = "\0\0\0\0\0\0\0\0\0", .tail_size = 9},
        {.cursors = 1,
         .tail = "\0\0\0\0\0\0\0\0\x04"
                 "ab/d",
         .tail_size = 13},
        {.cursors = 1, .tail = long_name, .tail_size = sizeof long_name - 1},
        {.cursors = 2,
         .tail = "\1\0\0\0\0\0\0\0\x04"
                 "abcd",
         .tail_size = 13},
        {.used = 55},
        {.used = SLOT + 1},
        {.used = UINT32_MAX},
    };
    const slot_state good = {.cursors = 1,
                             .tail = "\1\0\0\0\0\0\0\0\x04"
                                     "abcd",
                             .tail_size = 13};
    const slot_state unused = {.used = 1};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK(judge_state((slot_state[]){bad[i], good}, 2 * SLOT).opened == CC_OK);
        CHECK(judge_state((slot_state[]){good, bad[i]}, 2 * SLOT).opened == CC_OK);
        CHECK(judge_state((slot_state[]){bad[i], unused}, 2 * SLOT).opened == CC_ERR_CORRUPT);
        CHECK(judge_state((slot_state[]){unused, bad[i]}, 2 * SLOT).opened == CC_ERR_CORRUPT);
        CHECK(judge_state((slot_state[]){bad[i], bad[i]}, 2 * SLOT).opened == CC_ERR_CORRUPT);
    }
    CHECK_EQ(judge_state((slot_state[]){good, good}, 2 * SLOT).faults, 0);
    /* The second slot is cut off by the end of the file: as a power cut leaves it, or not when it was closed. */
    slot_state closed = good;
    closed.clean = 1;
    CHECK_EQ(judge_state((slot_state[]){good, good}, SLOT + 60).faults, 0);
    CHECK(judge_state((slot_state[]){closed, good}, SLOT + 60).faults != 0);
    CHECK_EQ(judge_state((slot_state[]){closed, good}, SLOT + 30).faults, 0);
}

int main(void) {
    RUN(records);
    RUN(chunks);
    RUN(headers);
    RUN(short_files);
    RUN(sequences_run_out);
    RUN(a_wide_hole);
    RUN(states);
    return REPORT();
}
