/* test_log_threads.c: writers, readers, truncation and syncs at once (run under TSan too), group
 * commit, INTERVAL, a failing sync under waiting writers. */
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/thread.h"
#include "log/log.h"
#include "support/check.h"
#include "support/directory.h"

enum { WRITERS = 3, READERS = 2, BATCHES = 3000, COMMITS = 60 };

typedef struct {
    cc_log *log;
    int id, batches;
    bool durable;
    _Atomic int *running;
    uint64_t seen, failures;
    cc_status status;
} actor;

/* A batch holds its writer's number and a counter, so that a reader can check each writer's order. */
static void *write_many(void *context) {
    actor *self = context;
    uint64_t data[64];
    for (int i = 0; i < self->batches && self->status == CC_OK; i++) {
        size_t words = 2 + (size_t)(i * 7 + self->id) % 60;
        for (size_t w = 0; w < words; w++)
            data[w] = (uint64_t)i;
        data[0] = (uint64_t)self->id;
        cc_bytes part = cc_bytes_of(data, words * 8);
        cc_log_batch batch = {.type = 1, .count = 1, .parts = &part, .part_count = 1};
        cc_log_ticket ticket;
        self->status = cc_log_submit(self->log, &batch, CC_LOG_ANY, &ticket, NULL);
        if (self->status == CC_OK && self->durable) {
            self->status = cc_log_wait(self->log, &ticket, CC_DURABILITY_COMMIT, NULL);
            cc_log_info info;
            cc_log_info_get(self->log, &info);
            self->failures += self->status == CC_OK && info.synced_sequence < ticket.last;
        }
    }
    atomic_fetch_sub(self->running, 1);
    return NULL;
}

static void *read_all(void *context) {
    actor *self = context;
    cc_log_reader *reader;
    if (cc_log_reader_open(self->log, 1, &reader, NULL) != CC_OK) {
        self->failures++;
        return NULL;
    }
    uint64_t counters[WRITERS] = {0}, last = 0;
    for (;;) {
        bool done = atomic_load(self->running) == 0;
        cc_log_record record;
        cc_status status = cc_log_reader_next(reader, &record, NULL);
        if (status == CC_ERR_NOT_FOUND && done)
            break;
        if (status != CC_OK)
            continue;
        uint64_t words[64] = {0};
        memcpy(words, record.payload.data, record.payload.size);
        self->failures += record.first != last + 1 || words[0] >= WRITERS ||
                          words[1] != counters[words[0] % WRITERS]++;
        for (size_t w = 2; w < record.payload.size / 8; w++)
            self->failures += words[w] != words[1];
        last = record.first;
        self->seen++;
        /* Each reader is a consumer with a cursor, and truncates behind itself and the others. */
        if (last % 64 == 0) {
            char name[16];
            snprintf(name, sizeof name, "reader%d", self->id);
            self->failures += cc_log_cursor_set(self->log, name, last - 20, NULL) != CC_OK;
            self->failures += cc_log_truncate(self->log, NULL) != CC_OK;
        }
    }
    cc_log_reader_close(reader);
    return NULL;
}

static void all_at_once(cc_durability mode) {
    fresh_directory();
    cc_log_options options = {
        .durability = mode, .interval_ms = 1, .segment_min = 1 << 14, .segment_max = 1 << 15};
    cc_log *log = NULL;
    CHECK_OK(cc_log_open(directory, &options, &log, NULL));
    for (int i = 0; i < READERS; i++) {
        char name[16];
        snprintf(name, sizeof name, "reader%d", i);
        CHECK_OK(cc_log_cursor_set(log, name, 0, NULL));
    }
    _Atomic int running = WRITERS;
    pthread_t threads[WRITERS + READERS];
    actor actors[WRITERS + READERS];
    for (int i = 0; i < WRITERS + READERS; i++) {
        bool writer = i < WRITERS;
        actors[i] = (actor){
            .log = log, .id = writer ? i : i - WRITERS, .batches = BATCHES, .running = &running};
        CHECK(pthread_create(&threads[i], NULL, writer ? write_many : read_all, &actors[i]) == 0);
    }
    for (int i = 0; i < WRITERS + READERS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
        CHECK_OK(actors[i].status);
        CHECK_EQ(actors[i].failures, 0);
        if (i >= WRITERS)
            CHECK_EQ(actors[i].seen, WRITERS * BATCHES);
    }
    cc_log_info info;
    cc_log_info_get(log, &info);
    CHECK(info.first_sequence > WRITERS * BATCHES / 2);
    CHECK(info.segments < 30);
    CHECK_OK(cc_log_close(log, NULL));
}

TEST(writers_readers_truncation) { all_at_once(CC_DURABILITY_PROCESS); }
TEST(writers_readers_truncation_interval) { all_at_once(CC_DURABILITY_INTERVAL); }

/* A disk whose syncs take a while, and fail when none is left. */
typedef struct {
    cc_fs fs;
    cc_fs *real;
    useconds_t takes;
    _Atomic int syncs_left;
} failing_fs;

static cc_status failing_sync(cc_fs *fs, cc_file *file, cc_error *error) {
    failing_fs *self = (failing_fs *)(void *)fs;
    if (atomic_fetch_sub(&self->syncs_left, 1) <= 0)
        return cc_fail_errno(error, 5, "injected");
    usleep(self->takes);
    return self->real->sync(self->real, file, error);
}

TEST(group_commit_shares_syncs) {
    fresh_directory();
    failing_fs slow = {.fs = *cc_fs_system(), .real = cc_fs_system(), .takes = 1000, .syncs_left = INT_MAX};
    slow.fs.sync = failing_sync;
    cc_log_options options = {.durability = CC_DURABILITY_COMMIT, .fs = &slow.fs};
    cc_log *log = NULL;
    CHECK_OK(cc_log_open(directory, &options, &log, NULL));
    _Atomic int running = WRITERS;
    pthread_t threads[WRITERS];
    actor actors[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        actors[i] = (actor){.log = log, .id = i, .batches = COMMITS, .durable = true, .running = &running};
        CHECK(pthread_create(&threads[i], NULL, write_many, &actors[i]) == 0);
    }
    for (int i = 0; i < WRITERS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
        CHECK_OK(actors[i].status);
        CHECK_EQ(actors[i].failures, 0);
    }
    cc_log_info info;
    cc_log_info_get(log, &info);
    printf("group commit: %d commits by %d writers, %llu syncs\n", WRITERS * COMMITS, WRITERS,
           (unsigned long long)info.syncs);
    CHECK(info.syncs < WRITERS * COMMITS);
    CHECK_EQ(info.synced_sequence, WRITERS * COMMITS);
    CHECK_OK(cc_log_close(log, NULL));
}

TEST(interval_syncs_by_itself) {
    fresh_directory();
    cc_log_options options = {.durability = CC_DURABILITY_INTERVAL, .interval_ms = 5};
    cc_log *log = NULL;
    CHECK_OK(cc_log_open(directory, &options, &log, NULL));
    cc_bytes part = cc_bytes_text("tick");
    cc_log_batch batch = {.type = 1, .count = 1, .parts = &part, .part_count = 1};
    cc_log_ticket ticket;
    CHECK_OK(cc_log_submit(log, &batch, 0, &ticket, NULL));
    cc_log_info info = {0};
    for (int i = 0; i < 12000 && info.synced_sequence < ticket.last; i++) {
        usleep(5000);
        cc_log_info_get(log, &info);
    }
    CHECK_EQ(info.synced_sequence, ticket.last);
    uint64_t syncs = info.syncs;
    usleep(30000);
    cc_log_info_get(log, &info);
    CHECK_EQ(info.syncs, syncs); /* nothing new: nothing to do */
    CHECK_OK(cc_log_close(log, NULL));
}

/* ---- a sync that fails while others wait for it ---- */

TEST(failed_sync_poisons_every_waiter) {
    fresh_directory();
    failing_fs failing = {.fs = *cc_fs_system(), .real = cc_fs_system(), .syncs_left = 10};
    failing.fs.sync = failing_sync;
    cc_log_options options = {.durability = CC_DURABILITY_COMMIT, .fs = &failing.fs};
    cc_log *log = NULL;
    CHECK_OK(cc_log_open(directory, &options, &log, NULL));
    _Atomic int running = WRITERS;
    pthread_t threads[WRITERS];
    actor actors[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        actors[i] = (actor){.log = log, .id = i, .batches = 1000, .durable = true, .running = &running};
        CHECK(pthread_create(&threads[i], NULL, write_many, &actors[i]) == 0);
    }
    for (int i = 0; i < WRITERS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
        CHECK(actors[i].status == CC_ERR_IO || actors[i].status == CC_ERR_POISONED);
        CHECK_EQ(actors[i].failures, 0);
    }
    atomic_store(&failing.syncs_left, 1000); /* the medium is well again: still poisoned, for good */
    cc_bytes part = cc_bytes_text("more");
    cc_log_batch batch = {.type = 1, .count = 1, .parts = &part, .part_count = 1};
    cc_log_ticket ticket;
    CHECK(cc_log_submit(log, &batch, CC_LOG_ANY, &ticket, NULL) == CC_ERR_POISONED);
    CHECK(cc_log_sync(log, NULL) == CC_ERR_POISONED);
    CHECK(cc_log_close(log, NULL) == CC_ERR_POISONED);
}

int main(void) {
    RUN(writers_readers_truncation);
    RUN(writers_readers_truncation_interval);
    RUN(group_commit_shares_syncs);
    RUN(interval_syncs_by_itself);
    RUN(failed_sync_poisons_every_waiter);
    fresh_directory();
    rmdir(directory);
    return REPORT();
}
