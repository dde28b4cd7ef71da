/* fuzz_log_replay.c: any bytes as the files of a log: open, read, append, reopen.
 *
 * Input: first byte = flags (1 repair the checksums, so that the fuzzer gets behind them; 2 open
 * read-only; 4 a second segment follows), then the state file (16-bit size first), then segments.
 * With 1, the segment header's CRC and every record's CRC are recomputed before the log sees them.
 * Properties: no crash, no read outside the files, what was readable is readable after reopening. Check and repair
 * end; what check finds nothing wrong with opens and has what it counted, and what repair made too. */
#include <stdint.h>
#include <stdio.h>

#include "base/hash.h"
#include "log/internal.h"
#include "log/survey.h"
#include "tests/support/fault_fs.c" /* fuzz targets link the core alone */

enum { FLAG_REPAIR = 1, FLAG_READ_ONLY = 2, FLAG_TWO = 4, SEGMENT_BYTES = 1 << 15 };

static void repair_state(uint8_t *slot, size_t size) {
    uint32_t used;
    if (size < 8)
        return;
    memcpy(&used, slot + 4, 4);
    if (used < 4 || used > size)
        return;
    uint32_t crc = cc_crc32c(0, slot + 4, used - 4);
    memcpy(slot, &crc, 4);
}

static void repair_segment(uint8_t *data, uint64_t size, uint64_t first) {
    uint64_t epoch;
    memcpy(data, "CCLOGSG1", 8);
    memcpy(&epoch, data + 8, 8);
    memcpy(data + 16, &first, 8);
    memcpy(data + 24, &size, 8);
    uint32_t crc = cc_crc32c(0, data, 32);
    memcpy(data + 32, &crc, 4);
    for (uint64_t at = SEGMENT_HEADER; at + RECORD_HEADER <= size;) {
        cc_record_header header;
        memcpy(&header, data + at, RECORD_HEADER);
        if (header.size > CC_LOG_BATCH_MAX || at + cc_record_span(header.size) > size)
            break;
        header.epoch = epoch;
        memcpy(data + at, &header, RECORD_HEADER);
        header.crc = cc_crc32c(0, data + at + 4, RECORD_HEADER - 4 + header.size);
        memcpy(data + at, &header, RECORD_HEADER);
        at += cc_record_span(header.size);
    }
}

static uint64_t read_to_end(cc_log *log, uint64_t *bytes_out) {
    cc_log_reader *reader;
    cc_log_record record;
    uint64_t batches = 0;
    if (cc_log_reader_open(log, 0, &reader, NULL) != CC_OK)
        return 0;
    while (cc_log_reader_next(reader, &record, NULL) == CC_OK) {
        batches++;
        *bytes_out += record.payload.size;
        for (size_t i = 0; i < record.payload.size; i++)
            *bytes_out += record.payload.data[i] & 1;
    }
    cc_log_reader_close(reader);
    return batches;
}

typedef struct {
    uint64_t batches, bytes;
} counted;

static cc_status count(void *context, const cc_log_record *record, cc_error *error) {
    counted *seen = context;
    (void)error;
    if (record->type != CC_LOG_LOST) { /* readers pass over it */
        seen->batches++;
        seen->bytes += record->payload.size;
    }
    return CC_OK;
}

/* What check says of directory "d", which repair has made anew, and what a reader is to find in it. */
static cc_findings check_repair(cc_log_options options, counted *seen_out) {
    cc_findings findings = {0}, again = {0};
    cc_log_survey survey;
    cc_log_visitor visitor = {.findings = &findings, .context = seen_out, .batch = count};
    cc_log *log = NULL;
    cc_error error;
    uint64_t bytes = 0;
    CC_ASSERT(cc_log_survey_take(options.fs, "d", &visitor, &survey, &error) == CC_OK);
    if (survey.last_sequence > survey.first_sequence &&
        survey.last_sequence - survey.first_sequence > UINT32_MAX) /* nobody's sequences leap so far, */
        return findings; /* and repair writes a record for each 2^32 that are lost */
    CC_ASSERT(cc_log_salvage(options.fs, "d", "r", &again, &survey, &error) == CC_OK);
    CC_ASSERT(again.faults == findings.faults && again.notices == findings.notices);
    options.read_only = false;
    CC_ASSERT(cc_log_open("r", &options, &log, &error) == CC_OK);
    CC_ASSERT(read_to_end(log, &bytes) == seen_out->batches && bytes >= seen_out->bytes);
    CC_ASSERT(cc_log_close(log, &error) == CC_OK);
    return findings;
}

static void exercise(fault_fs *disk, bool read_only) {
    cc_log *log = NULL;
    cc_error error;
    cc_log_options options = {
        .read_only = read_only, .segment_min = 4096, .segment_max = 8192, .fs = fault_fs_table(disk)};
    uint64_t before = 0, after = 0;
    counted seen = {0};
    cc_findings findings = check_repair(options, &seen);
    if (cc_log_open("d", &options, &log, &error) != CC_OK) {
        CC_ASSERT(findings.faults != 0);
        return;
    }
    cc_log_info info;
    cc_log_info_get(log, &info);
    uint64_t batches = read_to_end(log, &before);
    /* Behind what was dropped there may be nothing; then what is left before it is not read. */
    CC_ASSERT(findings.faults != 0 || batches == seen.batches || info.first_sequence > info.last_sequence);
    cc_bytes part = cc_bytes_text("one more");
    cc_log_batch batch = {.type = 9, .count = 2, .parts = &part, .part_count = 1};
    cc_log_ticket ticket;
    bool more = cc_log_submit(log, &batch, info.last_sequence, &ticket, &error) == CC_OK;
    CC_ASSERT(more != read_only || info.last_sequence > CC_LOG_SEQUENCE_MAX - 8);
    uint64_t ignored = 0;
    CC_ASSERT(read_to_end(log, &ignored) == batches + (more ? 1 : 0));
    bool closed = cc_log_close(log, &error) == CC_OK;
    if (read_only || !closed)
        return;
    CC_ASSERT(cc_log_open("d", &options, &log, &error) == CC_OK);
    CC_ASSERT(read_to_end(log, &after) == batches + (more ? 1 : 0));
    CC_ASSERT(cc_log_close(log, &error) == CC_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const names[2] = {"d/00000000000000000001.seg", "d/00000000000000000003.seg"};
    if (size < 3)
        return 0;
    uint8_t flags = data[0];
    size_t state_size = (size_t)data[1] | (size_t)data[2] << 8;
    data += 3;
    size -= 3;
    if (state_size > size)
        state_size = size;
    fault_fs *disk = fault_fs_new();
    fault_fs_set(disk, "d/state", data, state_size);
    size_t got;
    uint8_t *bytes = fault_fs_bytes(disk, "d/state", &got);
    if (flags & FLAG_REPAIR)
        repair_state(bytes, got);
    data += state_size;
    size -= state_size;
    int segments = flags & FLAG_TWO ? 2 : 1;
    for (int i = 0; i < segments; i++) {
        size_t share = i + 1 == segments ? size : size / 2;
        fault_fs_set(disk, names[i], data, share < SEGMENT_BYTES ? share : SEGMENT_BYTES);
        bytes = fault_fs_bytes(disk, names[i], &got);
        if ((flags & FLAG_REPAIR) && got >= SEGMENT_HEADER)
            repair_segment(bytes, got, i == 0 ? 1 : 3);
        data += share;
        size -= share;
    }
    exercise(disk, (flags & FLAG_READ_ONLY) != 0);
    fault_fs_free(disk);
    return 0;
}
