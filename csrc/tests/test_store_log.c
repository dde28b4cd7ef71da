/* test_store_log.c: a store over its log: reopen equality, kill -9, refused and poisoned logs,
 * records that do not replay, a second owner, failing disk calls and failing allocations at every
 * point. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/internal.h"
#include "store/poison.h"
#include "support/check.h"
#include "support/directory.h"
#include "support/fault_fs.h"

/* ---- failing allocations: the hook that the store room asks (store/poison.h) ---- */
static uint64_t fail_at, allocations;
bool cc_store_fault_hook(void) {
    allocations++;
    return fail_at != 0 && allocations >= fail_at;
}

static cc_bytes text(const char *word) { return cc_bytes_text(word); }

static cc_store *open_with(const char *dir, const cc_store_options *options) {
    cc_store *store = NULL;
    cc_error error = {0};
    if (cc_store_open(dir, options, &store, &error) != CC_OK) {
        fprintf(stderr, "open: %s\n", error.message);
        CHECK(false);
        exit(1);
    }
    return store;
}

/* Key and value follow from (number, version), so any state can be checked without a copy of it. */
static cc_status write_one(cc_space *space, uint32_t number, uint32_t version, bool wait, cc_error *error) {
    uint8_t bytes[900];
    uint32_t size = 8 + (number * 131 + version * 977) % 800;
    memset(bytes, (int)(number + version), sizeof bytes);
    memcpy(bytes, &number, 4);
    memcpy(bytes + 4, &version, 4);
    uint32_t partition = number % 13;
    cc_change change = {
        CC_CHANGE_PUT, space, {cc_bytes_of(&partition, 4), cc_bytes_of(&number, 4)}, {bytes, size}};
    cc_log_ticket ticket;
    CC_TRY(cc_store_write(space->store, &change, 1, &ticket, error));
    return wait ? cc_store_wait(space->store, &ticket, CC_DURABILITY_DEFAULT, error) : CC_OK;
}

static cc_status delete_one(cc_space *space, uint32_t number) {
    uint32_t partition = number % 13;
    cc_change change = {
        CC_CHANGE_DELETE, space, {cc_bytes_of(&partition, 4), cc_bytes_of(&number, 4)}, {NULL, 0}};
    cc_log_ticket ticket;
    return cc_store_write(space->store, &change, 1, &ticket, NULL);
}

/* Version of `number`, or -1 when absent; a damaged value fails the test. */
static int64_t version_of(cc_space *space, uint32_t number) {
    uint32_t partition = number % 13, version;
    cc_bytes value;
    if (!cc_space_get(space, (cc_key){cc_bytes_of(&partition, 4), cc_bytes_of(&number, 4)}, &value))
        return -1;
    CHECK(value.size >= 8 && memcmp(value.data, &number, 4) == 0);
    memcpy(&version, value.data + 4, 4);
    CHECK_EQ(value.size, 8 + (number * 131 + version * 977) % 800);
    for (size_t i = 8; i < value.size; i++)
        if (value.data[i] != (uint8_t)(number + version)) {
            CHECK(!"value bytes");
            break;
        }
    return version;
}

static bool same_space(cc_space *a, cc_space *b) {
    cc_space_cursor x, y;
    bool more_a = cc_space_seek_hash(a, 0, &x), more_b = cc_space_seek_hash(b, 0, &y);
    while (more_a && more_b) {
        cc_key key_a, key_b;
        cc_bytes value_a, value_b;
        cc_space_entry(&x, NULL, &key_a, &value_a);
        cc_space_entry(&y, NULL, &key_b, &value_b);
        if (!cc_bytes_equal(key_a.partition, key_b.partition) || !cc_bytes_equal(key_a.sort, key_b.sort) ||
            !cc_bytes_equal(value_a, value_b))
            return false;
        more_a = cc_space_next(&x);
        more_b = cc_space_next(&y);
    }
    return more_a == more_b && a->item_count == b->item_count && a->item_bytes == b->item_bytes &&
           cc_btree_check(&b->tree) == b->item_count;
}

/* A store and a twin in memory get the same changes; after each reopen they are equal. */
TEST(reopen_is_equal) {
    fresh_directory();
    cc_store *twin_store = open_with(NULL, NULL);
    uint64_t random = 12345, seed = 0;
    for (int round = 0; round < 6; round++) {
        cc_store *store = open_with(directory, NULL);
        CHECK(round == 0 || store->seed == seed);
        twin_store->seed = seed = store->seed; /* the same order in both */
        char name[32];
        for (int i = 0; i < 3; i++) {
            snprintf(name, sizeof name, "space-%d-%d", round, i);
            cc_space *space;
            CHECK_OK(cc_space_create(store, text(name), text("m"), &space, NULL));
            CHECK_OK(cc_space_create(twin_store, text(name), text("m"), &space, NULL));
        }
        if (round > 0) {
            snprintf(name, sizeof name, "space-%d-1", round - 1);
            CHECK_OK(cc_space_drop(store, text(name), NULL));
            CHECK_OK(cc_space_drop(twin_store, text(name), NULL));
            CHECK_OK(cc_space_set_meta(store, text("space-0-0"), text(name), NULL));
            CHECK_OK(cc_space_set_meta(twin_store, text("space-0-0"), text(name), NULL));
        }
        for (uint32_t i = 0; i < 6000; i++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            uint32_t number = (uint32_t)(random >> 40) % 3000;
            size_t at = (size_t)(random >> 33) % store->space_count;
            cc_space *both[] = {cc_space_at(store, at), cc_space_at(twin_store, at)};
            for (int j = 0; j < 2; j++)
                CHECK_OK((random >> 20) % 4 == 0 ? delete_one(both[j], number)
                                                 : write_one(both[j], number, i, false, NULL));
        }
        CHECK_OK(cc_store_close(store, NULL));
        store = open_with(directory, NULL);
        CHECK_EQ(store->space_count, twin_store->space_count);
        for (size_t i = 0; i < store->space_count; i++) {
            cc_space *a = cc_space_at(twin_store, i), *b = cc_space_at(store, i);
            CHECK(cc_bytes_equal(cc_space_name(a), cc_space_name(b)));
            CHECK(cc_bytes_equal(cc_space_meta(a), cc_space_meta(b)));
            CHECK(same_space(a, b));
        }
        CHECK_OK(cc_store_close(store, NULL));
    }
    CHECK_OK(cc_store_close(twin_store, NULL));
}

/* A batch of BATCH changes carries one version: after a crash all of it is there or nothing. */
enum { BATCH = 7 };
static cc_status write_batch(cc_space *space, uint32_t version, cc_error *error) {
    static uint32_t numbers[BATCH], partition = 99;
    cc_change changes[BATCH];
    for (uint32_t i = 0; i < BATCH; i++) {
        numbers[i] = i;
        changes[i] = (cc_change){CC_CHANGE_PUT,
                                 space,
                                 {cc_bytes_of(&partition, 4), cc_bytes_of(&numbers[i], 4)},
                                 cc_bytes_of(&version, 4)};
    }
    cc_log_ticket ticket;
    CC_TRY(cc_store_write(space->store, changes, BATCH, &ticket, error));
    return cc_store_wait(space->store, &ticket, CC_DURABILITY_DEFAULT, error);
}

static int64_t batch_version(cc_space *space) {
    uint32_t partition = 99, first = 0, version = 0;
    for (uint32_t i = 0; i < BATCH; i++) {
        cc_bytes value = {NULL, 0};
        bool there = cc_space_get(space, (cc_key){cc_bytes_of(&partition, 4), cc_bytes_of(&i, 4)}, &value);
        if (!there)
            return i == 0 ? -1 : -2;
        memcpy(&version, value.data, 4);
        if (i == 0)
            first = version;
        else if (version != first)
            return -2;
    }
    return version;
}

static void child_writes(int pipe_end) {
    cc_store *store = open_with(directory, NULL);
    cc_space *space = cc_space_find(store, text("t"));
    if (space == NULL && cc_space_create(store, text("t"), text(""), &space, NULL) != CC_OK)
        _exit(2);
    int64_t newest = version_of(space, 0);
    for (uint32_t version = (uint32_t)(newest + 1);; version++) {
        for (uint32_t number = 0; number < 50; number++)
            if (write_one(space, number, version, true, NULL) != CC_OK)
                _exit(3);
        if (write_batch(space, version, NULL) != CC_OK ||
            write(pipe_end, &version, sizeof version) != sizeof version)
            _exit(4);
    }
}

TEST(kill_9_loses_nothing_acknowledged) {
    fresh_directory();
    int64_t acknowledged = -1;
    for (int cycle = 0; cycle < 20 && check.failures_here == 0; cycle++) {
        int ends[2];
        CHECK(pipe(ends) == 0);
        fflush(NULL);
        pid_t child = fork();
        if (child == 0) {
            close(ends[0]);
            child_writes(ends[1]);
        }
        close(ends[1]);
        uint32_t version;
        if (cycle % 4 == 0 && read(ends[0], &version, sizeof version) == sizeof version)
            acknowledged = version; /* some come after one was acknowledged */
        usleep((useconds_t)(3000 + (cycle * 7919) % 20000));
        CHECK(kill(child, SIGKILL) == 0);
        int code = 0;
        CHECK(waitpid(child, &code, 0) == child && WIFSIGNALED(code));
        while (read(ends[0], &version, sizeof version) == sizeof version)
            acknowledged = version;
        close(ends[0]);
        cc_store *store = open_with(directory, NULL);
        cc_space *space = cc_space_find(store, text("t"));
        if (space != NULL) {
            for (uint32_t number = 0; number < 50; number++)
                CHECK(version_of(space, number) >= acknowledged);
            CHECK(batch_version(space) >= acknowledged); /* -2, half a batch, fails even at -1 */
            CHECK_EQ(cc_btree_check(&space->tree), space->item_count);
        } else {
            CHECK_EQ(acknowledged, -1);
        }
        CHECK_OK(cc_store_close(store, NULL));
    }
    CHECK(acknowledged > 0);
}

TEST(one_owner) {
    fresh_directory();
    cc_store *store = open_with(directory, NULL), *second = NULL;
    CHECK_EQ(cc_store_open(directory, NULL, &second, NULL), CC_ERR_BUSY);
    CHECK(second == NULL);
    CHECK_OK(cc_store_close(store, NULL));
}

TEST(memory_durability_has_no_log) {
    cc_store_options options = {.log = {.durability = CC_DURABILITY_MEMORY}};
    cc_store *store = open_with("/nowhere/at/all", &options);
    CHECK(cc_store_log(store) == NULL);
    CHECK_OK(cc_store_close(store, NULL));
}

/* A record that cannot be replayed stops the open and says where. */
static void check_refused(uint32_t type, const void *payload, size_t size, cc_status expected) {
    fresh_directory();
    cc_store *store = open_with(directory, NULL), *again = NULL;
    cc_space *space = NULL;
    cc_error error = {0};
    CHECK_OK(cc_space_create(store, text("t"), text(""), &space, NULL));
    cc_bytes part = cc_bytes_of(payload, size);
    cc_log_batch batch = {.type = type, .count = 1, .parts = &part, .part_count = 1};
    cc_log_ticket ticket;
    CHECK_OK(cc_log_submit(cc_store_log(store), &batch, CC_LOG_ANY, &ticket, NULL));
    CHECK_OK(cc_store_close(store, NULL));
    CHECK_EQ(cc_store_open(directory, NULL, &again, &error), expected);
    CHECK_EQ(error.position, 3); /* after INIT and CREATE */
    CHECK_EQ(error.status, expected);
}

TEST(records_that_do_not_replay) {
    uint8_t none[4] = {0}, unknown[4] = {9}, count_only[4] = {1};
    uint8_t change[20] = {1, 0, 0, 0, CC_CHANGE_PUT};
    check_refused(CC_RECORD_INIT, none, 4, CC_ERR_CORRUPT);
    check_refused(CC_RECORD_CREATE, none, 4, CC_ERR_CORRUPT);
    check_refused(CC_RECORD_DROP, unknown, 4, CC_ERR_CORRUPT);
    check_refused(CC_RECORD_WRITE, none, 4, CC_ERR_CORRUPT);
    check_refused(CC_RECORD_WRITE, count_only, 4, CC_ERR_CORRUPT);
    change[12] = 77; /* space 77 */
    check_refused(CC_RECORD_WRITE, change, 20, CC_ERR_CORRUPT);
    change[12] = 0;
    change[5] = 1; /* filler */
    check_refused(CC_RECORD_WRITE, change, 20, CC_ERR_CORRUPT);
    check_refused(77, none, 4, CC_ERR_FORMAT);
}

/* ---- every disk call fails once ---- */
/* Writes versions until something fails; returns the last version that was acknowledged. Memory
 * shows exactly what writes said, poisoned or not. */
static int64_t run_until_failure(cc_store *store, cc_space *space) {
    int64_t acknowledged = -1;
    cc_error error;
    for (uint32_t version = 0; version < 40; version++) {
        cc_status status = write_batch(space, version, &error);
        int64_t seen = batch_version(space);
        CHECK(status == CC_OK ? seen == version : seen == version || seen == (int64_t)version - 1);
        if (status != CC_OK) {
            status = write_batch(space, version + 1, &error);
            CHECK(status == CC_OK || status == CC_ERR_POISONED || status == CC_ERR_IO ||
                  status == CC_ERR_FULL);
            CHECK(batch_version(space) >= seen);
            break;
        }
        acknowledged = version;
    }
    CHECK_EQ(cc_btree_check(&space->tree), space->item_count);
    (void)store;
    return acknowledged;
}

TEST(every_disk_call_fails_once) {
    uint64_t points = 0, poisoned = 0, reopened = 0;
    for (uint64_t nth = 1; nth < 400 && check.failures_here == 0; nth++) {
        fault_fs *disk = fault_fs_new();
        cc_store_options options = {.log = {.durability = CC_DURABILITY_COMMIT, .fs = fault_fs_table(disk)}};
        cc_store *store = NULL;
        cc_space *space = NULL;
        int64_t acknowledged = -1;
        fault_fs_fail(disk, nth, nth % 2 ? FAULT_EIO : FAULT_ENOSPC, true);
        bool opened = cc_store_open("d", &options, &store, NULL) == CC_OK;
        if (opened && cc_space_create(store, text("t"), text(""), &space, NULL) == CC_OK)
            acknowledged = run_until_failure(store, space);
        bool done = acknowledged == 39;
        points += !done;
        if (space != NULL && fault_fs_failed_sync(disk)) {
            int64_t seen = batch_version(space);
            CHECK_EQ(write_batch(space, 1000, NULL), CC_ERR_POISONED);
            CHECK_EQ(batch_version(space), seen);
            poisoned++;
        }
        fault_fs_fail(disk, 0, FAULT_EIO, false);
        fault_fs *after = fault_fs_crash(disk, nth);
        if (opened)
            (void)!cc_store_close(store, NULL);
        options.log.fs = fault_fs_table(after);
        store = open_with("d", &options);
        space = cc_space_find(store, text("t"));
        if (space != NULL) {
            CHECK(batch_version(space) >= acknowledged);
            reopened++;
        } else {
            CHECK_EQ(acknowledged, -1);
        }
        CHECK_OK(cc_store_close(store, NULL));
        fault_fs_free(after);
        fault_fs_free(disk);
        if (done)
            break;
    }
    printf("%llu fault points, %llu poisoned, %llu reopened with data\n", (unsigned long long)points,
           (unsigned long long)poisoned, (unsigned long long)reopened);
    CHECK(points > 20 && poisoned > 5 && reopened > 5);
}

/* ---- every allocation fails once ---- */
static void mixed_batch(cc_space *space, uint32_t round, cc_change changes[30], uint32_t numbers[30],
                        uint8_t values[700]) {
    for (uint32_t i = 0; i < 30; i++) {
        numbers[i] = (round * 17 + i * 5) % 90;
        bool delete = (i + round) % 4 == 3;
        changes[i] = (cc_change){delete ? CC_CHANGE_DELETE : CC_CHANGE_PUT,
                                 space,
                                 {cc_bytes_of(&numbers[i], 1), cc_bytes_of(&numbers[i], 4)},
                                 {values, delete ? 0 : (round * 61 + i * 97) % 700}};
    }
}

TEST(every_allocation_fails_once) {
    uint8_t values[700] = {7};
    uint64_t failed = 0;
    for (uint64_t nth = 1; nth < 2000 && check.failures_here == 0; nth++) {
        cc_store *store = NULL;
        cc_space *space = NULL, *twin = NULL;
        cc_store *twin_store = open_with(NULL, NULL);
        CHECK_OK(cc_space_create(twin_store, text("t"), text(""), &twin, NULL));
        bool clean = true;
        allocations = 0;
        fail_at = nth;
        cc_status status = cc_store_open(NULL, NULL, &store, NULL);
        CHECK(status == CC_OK || status == CC_ERR_NOMEM);
        if (status == CC_OK) {
            store->seed = twin_store->seed;
            status = cc_space_create(store, text("t"), text(""), &space, NULL);
            CHECK(status == CC_OK || status == CC_ERR_NOMEM);
        }
        clean = status == CC_OK;
        for (uint32_t round = 0; space != NULL && round < 40; round++) {
            cc_change changes[30];
            uint32_t numbers[30];
            cc_log_ticket ticket;
            mixed_batch(space, round, changes, numbers, values);
            status = cc_store_write(store, changes, 30, &ticket, NULL);
            if (status != CC_OK) {
                CHECK_EQ(status, CC_ERR_NOMEM);
                clean = false;
                fail_at = 0;
                CHECK(same_space(twin, space)); /* nothing of it is visible */
                CHECK_OK(cc_store_write(store, changes, 30, &ticket, NULL));
            }
            uint64_t kept = fail_at;
            fail_at = 0;
            mixed_batch(twin, round, changes, numbers, values);
            CHECK_OK(cc_store_write(twin_store, changes, 30, &ticket, NULL));
            CHECK(same_space(twin, space));
            /* The twin's allocations do not count. */
            fail_at = kept;
        }
        fail_at = 0;
        failed += !clean;
        if (store != NULL)
            CHECK_OK(cc_store_close(store, NULL));
        CHECK_OK(cc_store_close(twin_store, NULL));
        if (clean)
            break;
    }
    printf("%llu failing allocations, each undone\n", (unsigned long long)failed);
    CHECK(failed > 100);
}

TEST(a_forked_child_is_refused) {
    fresh_directory();
    cc_store *store = open_with(directory, NULL);
    cc_space *space = NULL;
    CHECK_OK(cc_space_create(store, text("t"), text(""), &space, NULL));
    CHECK_OK(write_one(space, 1, 1, true, NULL));
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        cc_store *own = NULL;
        bool good = write_one(space, 1, 2, true, NULL) == CC_ERR_FORKED &&
                    cc_store_check(store, NULL) == CC_ERR_FORKED &&
                    cc_store_open(directory, NULL, &own, NULL) == CC_ERR_BUSY;
        good = cc_store_close(store, NULL) == CC_ERR_FORKED && good;
        check_leave(good ? 0 : 1);
    }
    int code = -1;
    CHECK(waitpid(child, &code, 0) == child && code == 0);
    CHECK_EQ(version_of(space, 1), 1);
    CHECK_OK(write_one(space, 1, 3, true, NULL));
    CHECK_OK(cc_store_close(store, NULL));
    store = open_with(directory, NULL);
    CHECK_EQ(version_of(cc_space_find(store, text("t")), 1), 3);
    CHECK_OK(cc_store_close(store, NULL));
}

int main(void) {
    RUN(reopen_is_equal);
    RUN(kill_9_loses_nothing_acknowledged);
    RUN(one_owner);
    RUN(memory_durability_has_no_log);
    RUN(records_that_do_not_replay);
    RUN(every_disk_call_fails_once);
    RUN(every_allocation_fails_once);
    RUN(a_forked_child_is_refused);
    fresh_directory();
    CHECK(rmdir(directory) == 0);
    return REPORT();
}
