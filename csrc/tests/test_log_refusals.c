/* test_log_refusals.c: what the log refuses: options, batches, cursors, other files, handles of another process. */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log/log.h"
#include "support/check.h"
#include "support/directory.h"
#include "support/fault_fs.h"

static cc_log *open_log(fault_fs *disk, cc_log_options options) {
    cc_log *log = NULL;
    options.fs = fault_fs_table(disk);
    CHECK_OK(cc_log_open("d", &options, &log, NULL));
    return log;
}

static cc_status append(cc_log *log, const char *text, cc_log_ticket *ticket) {
    cc_bytes part = cc_bytes_text(text);
    cc_log_batch batch = {.type = 1, .count = 1, .parts = &part, .part_count = 1};
    return cc_log_submit(log, &batch, CC_LOG_ANY, ticket, NULL);
}

TEST(batches) {
    fault_fs *disk = fault_fs_new();
    cc_log *log = open_log(disk, (cc_log_options){.segment_min = 8192, .segment_max = 4096});
    static const uint8_t some[1];
    cc_bytes part = cc_bytes_of(some, 1), huge = cc_bytes_of(some, ((size_t)64 << 20) + 1);
    const cc_log_batch bad[] = {{.type = 1, .count = 0, .parts = &part, .part_count = 1},
                                {.type = 0, .count = 1, .parts = &part, .part_count = 1},
                                {.type = 1 << 24, .count = 1, .parts = &part, .part_count = 1},
                                {.type = 1, .count = 1, .parts = &huge, .part_count = 1}};
    cc_log_ticket ticket;
    cc_error error = {0};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_EQ(cc_log_submit(log, &bad[i], CC_LOG_ANY, &ticket, &error), CC_ERR_ARGUMENT);
    CHECK(error.message[0] != '\0');
    cc_log_info info;
    cc_log_info_get(log, &info);
    CHECK_EQ(info.last_sequence, 0);
    CHECK_OK(append(log, "one", &ticket));
    CHECK_EQ(ticket.last, 1);
    CHECK_OK(cc_log_close(log, NULL));
    fault_fs_free(disk);
}

TEST(directories) {
    char name[6000];
    cc_log *log = NULL;
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = '\0';
    CHECK_EQ(cc_log_open(name, NULL, &log, NULL), CC_ERR_ARGUMENT);
    CHECK_EQ(cc_log_open("", NULL, &log, NULL), CC_ERR_ARGUMENT);
    CHECK(log == NULL);
}

TEST(cursors) {
    fault_fs *disk = fault_fs_new();
    cc_log *log = open_log(disk, (cc_log_options){.segment_min = 4096});
    cc_log_ticket ticket;
    char name[80];
    uint64_t sequence;
    CHECK_OK(append(log, "one", &ticket));
    memset(name, 'n', sizeof name);
    name[65] = '\0';
    const char *const bad[] = {"", name, "a b", "a/b", "\x7f", "[", "`", "@", ":", "\xc3\xa9"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_EQ(cc_log_cursor_set(log, bad[i], 1, NULL), CC_ERR_ARGUMENT);
    CHECK_EQ(cc_log_cursor_set(log, "ahead", 2, NULL), CC_ERR_ARGUMENT);
    CHECK_EQ(cc_log_cursor_drop(log, "never", NULL), CC_ERR_NOT_FOUND);
    CHECK_EQ(cc_log_cursor_get(log, "never", &sequence, NULL), CC_ERR_NOT_FOUND);
    for (int i = 0; i < 64; i++) {
        snprintf(name, sizeof name, "%c-_.%c%d", i % 2 ? 'z' : 'A', i % 2 ? 'a' : 'Z', i);
        CHECK_OK(cc_log_cursor_set(log, name, 1, NULL));
    }
    CHECK_EQ(cc_log_cursor_set(log, "one-more", 1, NULL), CC_ERR_LIMIT);
    CHECK_OK(cc_log_cursor_set(log, name, 0, NULL)); /* one that is there may still move */
    CHECK_OK(cc_log_cursor_drop(log, name, NULL));
    CHECK_OK(cc_log_cursor_set(log, "one-more", 1, NULL));
    CHECK_OK(cc_log_close(log, NULL));
    log = open_log(disk, (cc_log_options){0});
    CHECK_EQ(cc_log_cursor_get(log, name, &sequence, NULL), CC_ERR_NOT_FOUND);
    CHECK_OK(cc_log_cursor_get(log, "one-more", &sequence, NULL));
    CHECK_OK(cc_log_close(log, NULL));
    fault_fs_free(disk);
}

TEST(reading_only) {
    fault_fs *disk = fault_fs_new();
    cc_log *log = open_log(disk, (cc_log_options){.segment_min = 4096});
    cc_log_ticket ticket;
    for (int i = 0; i < 5; i++)
        CHECK_OK(append(log, "record", &ticket));
    CHECK_OK(cc_log_close(log, NULL));
    log = open_log(disk, (cc_log_options){.read_only = true, .durability = CC_DURABILITY_INTERVAL});
    CHECK_EQ(append(log, "more", &ticket), CC_ERR_ARGUMENT);
    CHECK_EQ(cc_log_truncate(log, NULL), CC_ERR_ARGUMENT);
    cc_log_reader *reader;
    cc_log_record record;
    CHECK_OK(cc_log_reader_open(log, 4, &reader, NULL));
    CHECK_OK(cc_log_reader_next(reader, &record, NULL));
    CHECK_EQ(record.first, 4);
    cc_log_reader_close(reader);
    CHECK_OK(cc_log_close(log, NULL));
    fault_fs_free(disk);
}

/* Files of other names are left alone. */
TEST(other_files) {
    static const char *const names[] = {"d/0000000000000000001.seg", "d/0000000000000000000x.seg",
                                        "d/00000000000000000001.old", "d/notes"};
    fault_fs *disk = fault_fs_new();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        fault_fs_set(disk, names[i], "mine", 4);
    cc_log *log = open_log(disk, (cc_log_options){.segment_min = 4096});
    cc_log_ticket ticket;
    CHECK_OK(append(log, "one", &ticket));
    CHECK_OK(cc_log_close(log, NULL));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t size = 0;
        const uint8_t *bytes = fault_fs_bytes(disk, names[i], &size);
        CHECK(bytes != NULL && size == 4 && memcmp(bytes, "mine", 4) == 0);
    }
    fault_fs_free(disk);
}

/* Segments that are old enough go, whatever cursors say of newer ones. */
TEST(retention) {
    fault_fs *disk = fault_fs_new();
    cc_log *log = open_log(
        disk, (cc_log_options){.segment_min = 4096, .segment_max = 4096, .retention_ms = 3600 * 1000});
    static const uint8_t bytes[1500];
    cc_bytes part = cc_bytes_of(bytes, sizeof bytes);
    cc_log_ticket ticket;
    cc_log_info info;
    for (uint64_t i = 0; i < 10; i++) { /* the last ones are of now */
        cc_log_batch batch = {
            .type = 1, .count = 1, .time_ms = i < 6 ? 1000 : 0, .parts = &part, .part_count = 1};
        CHECK_OK(cc_log_submit(log, &batch, CC_LOG_ANY, &ticket, NULL));
    }
    CHECK_OK(cc_log_cursor_set(log, "reader", 10, NULL));
    CHECK_OK(cc_log_truncate(log, NULL));
    cc_log_info_get(log, &info);
    CHECK_EQ(info.first_sequence, 7);
    CHECK_EQ(info.last_sequence, 10);
    CHECK_OK(cc_log_close(log, NULL));
    fault_fs_free(disk);
}

static bool all_forked(cc_log *log, cc_log_reader *reader) {
    cc_log_ticket ticket = {1, 1, 1};
    cc_log_reader *another = NULL;
    cc_log_record record;
    cc_log_info info;
    uint64_t sequence;
    cc_log_info_get(log, &info);
    return append(log, "x", &ticket) == CC_ERR_FORKED &&
           cc_log_wait(log, &ticket, CC_DURABILITY_COMMIT, NULL) == CC_ERR_FORKED &&
           cc_log_sync(log, NULL) == CC_ERR_FORKED && cc_log_cursor_set(log, "c", 1, NULL) == CC_ERR_FORKED &&
           cc_log_cursor_get(log, "c", &sequence, NULL) == CC_ERR_FORKED &&
           cc_log_cursor_drop(log, "c", NULL) == CC_ERR_FORKED &&
           cc_log_truncate(log, NULL) == CC_ERR_FORKED &&
           cc_log_reader_open(log, 0, &another, NULL) == CC_ERR_FORKED &&
           cc_log_reader_next(reader, &record, NULL) == CC_ERR_FORKED && info.last_sequence == 0 &&
           cc_log_complete(log) == 0;
}

TEST(a_forked_handle) {
    fresh_directory();
    cc_log *log = NULL;
    cc_log_reader *reader = NULL;
    cc_log_ticket ticket;
    CHECK_OK(cc_log_open(directory, NULL, &log, NULL));
    CHECK_OK(append(log, "one", &ticket));
    CHECK_OK(cc_log_reader_open(log, 0, &reader, NULL));
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        bool good = all_forked(log, reader);
        cc_log_reader_close(reader);
        check_leave(good ? 0 : 1);
    }
    int code = -1;
    CHECK(waitpid(child, &code, 0) == child && code == 0);
    CHECK_OK(append(log, "two", &ticket));
    CHECK_EQ(ticket.last, 2);
    cc_log_reader_close(reader);
    CHECK_OK(cc_log_close(log, NULL));
}

int main(void) {
    RUN(batches);
    RUN(directories);
    RUN(cursors);
    RUN(reading_only);
    RUN(other_files);
    RUN(retention);
    RUN(a_forked_handle);
    fresh_directory();
    CHECK(rmdir(directory) == 0);
    return REPORT();
}
