/* test_log_basic.c: the log's contract on the real file system: order, recovery, cursors, truncation,
 * torn tails, bit flips, fork, two owners, kill -9. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "log/log.h"
#include "support/check.h"
#include "support/directory.h"

static cc_status submit(cc_log *log, const void *data, size_t size, uint32_t count, cc_log_ticket *ticket) {
    cc_bytes part = cc_bytes_of(data, size);
    cc_log_batch batch = {.type = 3, .count = count, .parts = &part, .part_count = 1};
    return cc_log_submit(log, &batch, CC_LOG_ANY, ticket, NULL);
}

/* Every batch in these tests is filled with a byte that follows from its first sequence. */
static uint8_t fill_of(uint64_t first) { return (uint8_t)(first * 37 + 11); }

static cc_status submit_filled(cc_log *log, size_t size, uint32_t count, cc_log_ticket *ticket) {
    cc_log_info info;
    cc_log_info_get(log, &info);
    uint8_t *data = malloc(size + 1);
    memset(data, fill_of(info.last_sequence + 1), size);
    cc_status status = submit(log, data, size, count, ticket);
    free(data);
    return status;
}

/* Reads from `from` to the end, checks contents, returns the number of batches. */
static int read_all(cc_log *log, uint64_t from, uint64_t *last_out) {
    cc_log_reader *reader = NULL;
    CHECK_OK(cc_log_reader_open(log, from, &reader, NULL));
    cc_log_record record;
    int batches = 0;
    uint64_t expected = 0;
    while (cc_log_reader_next(reader, &record, NULL) == CC_OK) {
        CHECK(expected == 0 || record.first == expected);
        CHECK(batches > 0 || record.first + record.count > from);
        expected = record.first + record.count;
        for (size_t i = 0; i < record.payload.size; i += 97)
            CHECK_EQ(record.payload.data[i], fill_of(record.first));
        batches++;
        if (last_out != NULL)
            *last_out = expected - 1;
    }
    cc_log_reader_close(reader);
    return batches;
}

static cc_log *open_log(const cc_log_options *options) {
    cc_log *log = NULL;
    cc_error error = {0};
    if (cc_log_open(directory, options, &log, &error) != CC_OK) {
        fprintf(stderr, "open: %s\n", error.message);
        CHECK(false);
    }
    return log;
}

TEST(append_read_reopen) {
    fresh_directory();
    cc_log *log = open_log(NULL);
    cc_log_ticket ticket;
    uint32_t total = 0;
    for (uint32_t i = 1; i <= 3000; i++) {
        CHECK_OK(submit_filled(log, i % 900, 1 + i % 5, &ticket));
        CHECK_EQ(ticket.first, total + 1);
        total += 1 + i % 5;
        CHECK_EQ(ticket.last, total);
    }
    uint64_t last = 0;
    CHECK_EQ(read_all(log, 1, &last), 3000);
    CHECK_EQ(last, total);
    CHECK_OK(cc_log_close(log, NULL));
    log = open_log(NULL);
    cc_log_info info;
    cc_log_info_get(log, &info);
    CHECK_EQ(info.last_sequence, total);
    CHECK(info.segments > 1);
    CHECK_EQ(read_all(log, 1, &last), 3000);
    CHECK_EQ(last, total);
    CHECK_OK(submit_filled(log, 10, 1, &ticket));
    CHECK_EQ(ticket.first, total + 1);
    CHECK_EQ(read_all(log, total, NULL), 2);
    CHECK_EQ(read_all(log, total + 2, NULL), 0);
    CHECK_OK(cc_log_close(log, NULL));
}

TEST(chunked_batch) {
    fresh_directory();
    cc_log *log = open_log(NULL);
    cc_log_ticket ticket;
    CHECK_OK(submit_filled(log, 100, 1, &ticket));
    CHECK_OK(submit_filled(log, 5 * CC_LOG_BATCH_MAX + 12345, 7, &ticket));
    CHECK_OK(submit_filled(log, CC_LOG_BATCH_MAX, 1, &ticket));
    CHECK_OK(cc_log_close(log, NULL));
    log = open_log(NULL);
    cc_log_reader *reader;
    CHECK_OK(cc_log_reader_open(log, 2, &reader, NULL));
    cc_log_record record;
    CHECK_OK(cc_log_reader_next(reader, &record, NULL));
    CHECK_EQ(record.payload.size, 5 * CC_LOG_BATCH_MAX + 12345);
    CHECK_EQ(record.count, 7);
    cc_log_reader_close(reader);
    CHECK_EQ(read_all(log, 1, NULL), 3);
    CHECK_OK(cc_log_close(log, NULL));
}

TEST(expected_last) {
    fresh_directory();
    cc_log *log = open_log(NULL);
    cc_bytes part = cc_bytes_text("x");
    cc_log_batch batch = {.type = 1, .count = 1, .parts = &part, .part_count = 1};
    cc_log_ticket ticket;
    CHECK(cc_log_submit(log, &batch, 5, &ticket, NULL) == CC_ERR_STALE);
    CHECK_OK(cc_log_submit(log, &batch, 0, &ticket, NULL));
    CHECK_OK(cc_log_submit(log, &batch, 1, &ticket, NULL));
    CHECK(cc_log_submit(log, &batch, 1, &ticket, NULL) == CC_ERR_STALE);
    CHECK_OK(cc_log_close(log, NULL));
}

TEST(cursors_and_truncation) {
    fresh_directory();
    cc_log_options options = {.segment_min = 1 << 16, .segment_max = 1 << 16};
    cc_log *log = open_log(&options);
    cc_log_ticket ticket;
    for (int i = 0; i < 500; i++)
        CHECK_OK(submit_filled(log, 1000, 1, &ticket));
    uint64_t sequence;
    CHECK(cc_log_cursor_get(log, "a", &sequence, NULL) == CC_ERR_NOT_FOUND);
    CHECK(cc_log_cursor_set(log, "bad name", 1, NULL) == CC_ERR_ARGUMENT);
    CHECK(cc_log_cursor_set(log, "a", 501, NULL) == CC_ERR_ARGUMENT);
    cc_log_info before, after;
    cc_log_info_get(log, &before);
    CHECK_OK(cc_log_truncate(log, NULL)); /* no cursor: nothing goes */
    cc_log_info_get(log, &after);
    CHECK_EQ(after.segments, before.segments);
    CHECK_OK(cc_log_cursor_set(log, "a", 400, NULL));
    CHECK_OK(cc_log_cursor_set(log, "b", 200, NULL));
    CHECK_OK(cc_log_truncate(log, NULL));
    cc_log_info_get(log, &after);
    CHECK(after.segments < before.segments && after.first_sequence > 100 && after.first_sequence <= 201);
    CHECK_EQ(read_all(log, 1, NULL), 500 - (int)after.first_sequence + 1);
    CHECK_OK(cc_log_cursor_drop(log, "b", NULL));
    CHECK_OK(cc_log_truncate(log, NULL));
    /* The recycled blocks hold stale records of another epoch: they must never show. */
    for (int i = 0; i < 300; i++)
        CHECK_OK(submit_filled(log, 700, 1, &ticket));
    uint64_t last = 0;
    (void)read_all(log, 401, &last);
    CHECK_EQ(last, 800);
    CHECK_OK(cc_log_close(log, NULL));
    log = open_log(&options);
    CHECK_OK(cc_log_cursor_get(log, "a", &sequence, NULL));
    CHECK_EQ(sequence, 400);
    CHECK(cc_log_cursor_get(log, "b", &sequence, NULL) == CC_ERR_NOT_FOUND);
    (void)read_all(log, 401, &last);
    CHECK_EQ(last, 800);
    CHECK_OK(cc_log_close(log, NULL));
}

TEST(truncation_under_a_reader) {
    fresh_directory();
    cc_log_options options = {.segment_min = 1 << 16, .segment_max = 1 << 16};
    cc_log *log = open_log(&options);
    cc_log_ticket ticket;
    for (int i = 0; i < 300; i++)
        CHECK_OK(submit_filled(log, 1000, 1, &ticket));
    cc_log_reader *reader;
    cc_log_record record;
    CHECK_OK(cc_log_reader_open(log, 1, &reader, NULL));
    CHECK_OK(cc_log_reader_next(reader, &record, NULL));
    CHECK_OK(cc_log_cursor_set(log, "done", 299, NULL));
    CHECK_OK(cc_log_truncate(log, NULL));
    CHECK_EQ(record.payload.data[500], fill_of(1)); /* pinned */
    uint64_t last = 1;
    while (cc_log_reader_next(reader, &record, NULL) == CC_OK) {
        CHECK_EQ(record.payload.data[5], fill_of(record.first));
        last = record.first;
    }
    CHECK_EQ(last, 300);
    CHECK(cc_log_close(log, NULL) == CC_ERR_BUSY);
    cc_log_reader_close(reader);
    CHECK_OK(cc_log_close(log, NULL));
}

TEST(two_owners_and_fork) {
    fresh_directory();
    cc_log *log = open_log(NULL), *second = NULL;
    cc_error error;
    CHECK(cc_log_open(directory, NULL, &second, &error) == CC_ERR_BUSY);
    cc_log_ticket ticket;
    pid_t child = fork();
    if (child == 0)
        check_leave(submit(log, "x", 1, 1, &ticket) == CC_ERR_FORKED ? 0 : 1);
    int result = -1;
    CHECK(waitpid(child, &result, 0) == child && result == 0);
    CHECK_OK(submit(log, "x", 1, 1, &ticket));
    CHECK_OK(cc_log_close(log, NULL));
}

TEST(memory_mode) {
    cc_log *log = NULL;
    CHECK_OK(cc_log_open(NULL, NULL, &log, NULL));
    cc_log_ticket ticket;
    for (int i = 0; i < 4000; i++)
        CHECK_OK(submit_filled(log, 2000, 1, &ticket));
    CHECK_EQ(read_all(log, 1, NULL), 4000);
    CHECK_OK(cc_log_cursor_set(log, "a", 3999, NULL));
    CHECK_OK(cc_log_truncate(log, NULL));
    CHECK(read_all(log, 1, NULL) < 4000);
    CHECK_OK(cc_log_close(log, NULL));
}

TEST(disk_bound) {
    fresh_directory();
    cc_log_options options = {.disk_bound = 4 << 20};
    cc_log *log = open_log(&options);
    cc_log_ticket ticket;
    cc_status status = CC_OK;
    int written = 0;
    for (; written < 10000 && status == CC_OK; written++)
        status = submit_filled(log, 4000, 1, &ticket);
    CHECK(status == CC_ERR_FULL);
    CHECK_EQ(read_all(log, 1, NULL), written - 1);
    CHECK_OK(cc_log_close(log, NULL));
}

TEST(commit_mode_syncs) {
    fresh_directory();
    cc_log_options options = {.durability = CC_DURABILITY_COMMIT};
    cc_log *log = open_log(&options);
    cc_log_ticket ticket;
    for (int i = 0; i < 20; i++) {
        CHECK_OK(submit_filled(log, 400, 1, &ticket));
        CHECK_OK(cc_log_wait(log, &ticket, CC_DURABILITY_DEFAULT, NULL));
        cc_log_info info;
        cc_log_info_get(log, &info);
        CHECK(info.synced_sequence >= ticket.last);
        CHECK(info.syncs >= (uint64_t)i + 1);
    }
    CHECK_OK(cc_log_close(log, NULL));
}

/* Writes 200 batches and leaves without close, as a killed process does. */
static void crash_after(int batches, bool sync_first) {
    pid_t child = fork();
    if (child == 0) {
        cc_log *log = NULL;
        cc_log_ticket ticket;
        if (cc_log_open(directory, NULL, &log, NULL) != CC_OK)
            _exit(2);
        for (int i = 0; i < batches; i++) {
            if (submit_filled(log, 300, 1, &ticket) != CC_OK)
                _exit(3);
            if (sync_first && i == batches / 2 && cc_log_sync(log, NULL) != CC_OK)
                _exit(4);
        }
        kill(getpid(), SIGKILL);
    }
    int result;
    CHECK(waitpid(child, &result, 0) == child && WIFSIGNALED(result));
}

static void poke(uint64_t offset, uint8_t flip) {
    char path[600];
    snprintf(path, sizeof path, "%s/00000000000000000001.seg", directory);
    int file = open(path, O_RDWR);
    uint8_t byte;
    CHECK(pread(file, &byte, 1, (off_t)offset) == 1);
    byte ^= flip;
    CHECK(pwrite(file, &byte, 1, (off_t)offset) == 1);
    close(file);
}

TEST(torn_tail_is_dropped_and_said) {
    fresh_directory();
    crash_after(200, false);
    uint64_t span = (40 + 300 + 7) & ~7u;
    poke(64 + 150 * span + 99, 1);
    cc_log *log = open_log(NULL);
    cc_log_info info;
    cc_log_info_get(log, &info);
    CHECK_EQ(info.last_sequence, 150);
    CHECK(info.torn_bytes > 0);
    cc_log_ticket ticket;
    /* Same length as the lost record: what followed it must not come back to life. */
    CHECK_OK(submit_filled(log, 300, 1, &ticket));
    CHECK_OK(cc_log_close(log, NULL));
    log = open_log(NULL);
    cc_log_info_get(log, &info);
    CHECK_EQ(info.last_sequence, 151);
    CHECK_EQ(read_all(log, 1, NULL), 151);
    CHECK_OK(cc_log_close(log, NULL));
}

TEST(every_bit_flip_is_detected) {
    fresh_directory();
    crash_after(40, true);
    uint64_t span = (40 + 300 + 7) & ~7u;
    int flips = 0, detected = 0;
    /* Records 1..21 are synced: any flip in one of them must refuse to open. */
    for (uint64_t offset = 0; offset < 64 + 21 * span; offset += 3) {
        bool padding = offset >= 36 && offset < 64;
        if (offset >= 64 && (offset - 64) % span >= 340)
            padding = true;
        poke(offset, (uint8_t)(1u << (offset % 8)));
        cc_log *log = NULL;
        cc_error error = {0};
        cc_log_options options = {.read_only = true};
        cc_status status = cc_log_open(directory, &options, &log, &error);
        if (!padding) {
            flips++;
            detected += status == CC_ERR_CORRUPT;
        }
        if (status == CC_OK)
            CHECK_OK(cc_log_close(log, NULL));
        poke(offset, (uint8_t)(1u << (offset % 8)));
    }
    printf("bit flips before the watermark: %d, detected: %d\n", flips, detected);
    CHECK_EQ(detected, flips);
    cc_log *log = open_log(NULL);
    CHECK_EQ(read_all(log, 1, NULL), 40);
    CHECK_OK(cc_log_close(log, NULL));
}

/* A child appends and acknowledges each sequence through a pipe until it is killed. */
TEST(kill_nine_loses_nothing_acknowledged) {
    fresh_directory();
    int cycles = 30;
    uint64_t known = 0;
    for (int cycle = 0; cycle < cycles; cycle++) {
        int pipes[2];
        CHECK(pipe(pipes) == 0);
        pid_t child = fork();
        if (child == 0) {
            close(pipes[0]);
            cc_log *log = NULL;
            cc_log_ticket ticket;
            if (cc_log_open(directory, NULL, &log, NULL) != CC_OK)
                _exit(2);
            for (uint32_t i = 0;; i++) {
                if (submit_filled(log, 50 + (i * 7919) % 3000, 1 + i % 3, &ticket) != CC_OK)
                    _exit(3);
                if (write(pipes[1], &ticket.last, 8) != 8)
                    _exit(4);
            }
        }
        close(pipes[1]);
        uint64_t acknowledged = known, got;
        if (cycle % 3 == 0 && read(pipes[0], &got, 8) == 8) /* some come after one was acknowledged */
            acknowledged = got;
        usleep((useconds_t)(2000 + (cycle * 37) % 9 * 900));
        kill(child, SIGKILL);
        while (read(pipes[0], &got, 8) == 8)
            acknowledged = got;
        close(pipes[0]);
        int result;
        CHECK(waitpid(child, &result, 0) == child && WIFSIGNALED(result));
        cc_log *log = open_log(NULL);
        cc_log_info info;
        cc_log_info_get(log, &info);
        CHECK(info.last_sequence >= acknowledged);
        uint64_t last = 0;
        (void)read_all(log, 1, &last);
        CHECK_EQ(last, info.last_sequence);
        known = info.last_sequence;
        CHECK_OK(cc_log_cursor_set(log, "reader", known > 2000 ? known - 2000 : 0, NULL));
        CHECK_OK(cc_log_truncate(log, NULL));
        CHECK_OK(cc_log_close(log, NULL));
    }
    CHECK(known > 0);
    printf("kill -9 cycles: %d, acknowledged sequences: %llu, lost: 0\n", cycles, (unsigned long long)known);
}

TEST(speed_is_printed) {
    fresh_directory();
    cc_log *log = open_log(NULL);
    cc_log_ticket ticket;
    uint8_t data[413 * 500];
    memset(data, 7, sizeof data);
    enum { SMALL = 100000, BIG = 300 };
    uint64_t start = cc_clock_monotonic_ns();
    for (int i = 0; i < SMALL; i++)
        CHECK_OK(submit(log, data + i % 100, 416, 1, &ticket));
    uint64_t middle = cc_clock_monotonic_ns();
    for (int i = 0; i < BIG; i++)
        CHECK_OK(submit(log, data, sizeof data, 500, &ticket));
    uint64_t end = cc_clock_monotonic_ns();
    printf("submit 416 B: %.0f ns; batches of 500 x 413 B: %.1f M records/s\n",
           (double)(middle - start) / SMALL, BIG * 500.0 * 1e3 / (double)(end - middle));
    CHECK_OK(cc_log_close(log, NULL));
}

int main(void) {
    RUN(append_read_reopen);
    RUN(chunked_batch);
    RUN(expected_last);
    RUN(cursors_and_truncation);
    RUN(truncation_under_a_reader);
    RUN(two_owners_and_fork);
    RUN(memory_mode);
    RUN(disk_bound);
    RUN(commit_mode_syncs);
    RUN(torn_tail_is_dropped_and_said);
    RUN(every_bit_flip_is_detected);
    RUN(kill_nine_loses_nothing_acknowledged);
    RUN(speed_is_printed);
    fresh_directory();
    rmdir(directory);
    return REPORT();
}
