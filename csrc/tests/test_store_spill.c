/* test_store_spill.c: stores under a memory budget: values on the disk alone beside checkpoints, kills and reopenings, ten
 * times the budget, threads, and every disk call and allocation failing. The plain operations against their model are in
 * test_store_model.c. */
#include <stdlib.h>
#include <unistd.h>

#include "log/internal.h"
#include "store/checkpoint.h"
#include "store/spill_internal.h"
#include "support/check.h"
#include "support/directory.h"
#include "support/fault_fs.h"
#include "support/store_history.h"
#include "support/store_threads.h"

#ifdef __SANITIZE_THREAD__
enum { STRIDE = 13 };
#else
enum { STRIDE = 1 };
#endif

static uint64_t fail_at, allocations;
bool cc_store_fault_hook(void) {
    allocations++;
    return fail_at != 0 && allocations == fail_at;
}

static cc_store *open_on(fault_fs *disk, uint64_t budget, bool read_only) {
    cc_store *store = NULL;
    cc_error error = {0};
    cc_store_options options = {.log = {.fs = fault_fs_table(disk),
                                        .segment_min = 1 << 18,
                                        .segment_max = 1 << 20,
                                        .read_only = read_only},
                                .checkpoint_bytes = UINT64_MAX,
                                .budget_bytes = budget};
    if (cc_store_open("d", &options, &store, &error) != CC_OK) {
        fprintf(stderr, "open: %s\n", error.message);
        CHECK(false);
        exit(1);
    }
    return store;
}

static cc_store_info info_of(cc_store *store) {
    cc_store_info info;
    cc_store_info_get(store, &info);
    return info;
}

static cc_status step(history *h, cc_store *store) {
    cc_log_ticket ticket;
    return history_step(h, store, &ticket, NULL);
}

static void steps(history *h, cc_store *store, uint64_t count) {
    for (uint64_t i = 0; i < count; i++)
        CHECK_OK(step(h, store));
}

static bool matches(const history *h, cc_store *store) {
    cc_store_lock(store);
    bool same = history_matches(h, store);
    cc_store_unlock(store);
    return same;
}

static cc_store *reopen(cc_store *store, fault_fs **disk, uint64_t budget, bool kill) {
    if (kill) {
        fault_fs *image = fault_fs_kill(*disk);
        CHECK_OK(cc_store_close(store, NULL));
        fault_fs_free(*disk);
        *disk = image;
    } else {
        CHECK_OK(cc_store_close(store, NULL));
    }
    return open_on(*disk, budget, false);
}

/* ---- beside checkpoints, kills and reopenings ---- */
static void run_rounds(uint64_t seed, uint64_t budget, uint32_t large_in) {
    fault_fs *disk = fault_fs_new();
    history h = {.seed = seed, .large_in = large_in};
    cc_store *store = open_on(disk, budget, false);
    for (int round = 0; round < 12 && check.failures_here == 0; round++) {
        steps(&h, store, 100 + (uint64_t)round * 37 % 300);
        if (round % 4 != 3)
            CHECK_OK(cc_store_checkpoint(store, NULL));
        if (round % 3 == 1)
            steps(&h, store, 40);
        CHECK(matches(&h, store));
        store = reopen(store, &disk, round % 5 == 4 ? 0 : budget,
                       round % 2 == 0); /* and once without a budget */
        CHECK_EQ(history_of(store), h.done);
        CHECK(matches(&h, store));
        CHECK(!store->fell_back);
        if (store->spill != NULL && budget == 1)
            CHECK(store->spill->values.slab_count == 0 && info_of(store).spilled_items > 0);
    }
    CHECK_OK(cc_store_close(store, NULL));
    fault_fs_free(disk);
}

TEST(reopened_and_killed) {
    for (uint64_t seed = 1; seed <= 3 && check.failures_here == 0; seed++) {
        run_rounds(seed, 1, 0);
        run_rounds(seed + 100, 1, 30);
        run_rounds(seed + 200, 900000, 30);
    }
}

/* Opening falls back to the checkpoint before: what the newer one pinned is forgotten. */
TEST(falls_back_to_the_checkpoint_before) {
    fault_fs *disk = fault_fs_new();
    history h = {.seed = 9, .large_in = 50};
    cc_store *store = open_on(disk, 1, false);
    for (int i = 0; i < 4; i++) {
        steps(&h, store, 300);
        CHECK_OK(cc_store_checkpoint(store, NULL));
    }
    size_t size;
    uint64_t catalog = store->pager.found[0].catalog.offset;
    CHECK_OK(cc_store_close(store, NULL));
    fault_fs_bytes(disk, "d/pages", &size)[catalog + 50] ^= 1;
    store = open_on(disk, 1, false);
    CHECK(store->fell_back);
    CHECK_EQ(history_of(store), h.done);
    CHECK(matches(&h, store));
    steps(&h, store, 300);
    CHECK_OK(cc_store_checkpoint(store, NULL));
    store = reopen(store, &disk, 1, false);
    CHECK(!store->fell_back && matches(&h, store));
    CHECK_OK(cc_store_close(store, NULL));
    fault_fs_free(disk);
}

/* What lies on the disk can be read without writing; what came after the checkpoint stays in memory. */
TEST(open_for_reading) {
    fault_fs *disk = fault_fs_new();
    history h = {.seed = 10};
    cc_store *store = open_on(disk, 1, false);
    steps(&h, store, 400);
    CHECK_OK(cc_store_checkpoint(store, NULL));
    steps(&h, store, 100);
    CHECK_OK(cc_store_close(store, NULL));
    size_t before, after;
    (void)fault_fs_bytes(disk, "d/pages", &before);
    store = open_on(disk, 1, true);
    CHECK(matches(&h, store) && matches(&h, store));
    CHECK(info_of(store).spilled_items > 0);
    CHECK_OK(cc_store_close(store, NULL));
    (void)fault_fs_bytes(disk, "d/pages", &after);
    CHECK_EQ(after, before);
    fault_fs_free(disk);
}

TEST(a_budget_needs_a_directory) {
    cc_store *store = NULL;
    cc_error error = {0};
    cc_store_options options = {.budget_bytes = 1 << 20};
    CHECK_EQ(cc_store_open(NULL, &options, &store, &error), CC_ERR_ARGUMENT);
    CHECK(strstr(error.message, "needs a directory") != NULL);
}

/* ---- ten times the budget ---- */
enum { ITEMS = 5000, VALUE = 4000 };
static const uint64_t BUDGET = 2 << 20, SLACK = 512 << 10;

typedef struct {
    uint8_t bytes[8];
    cc_key key;
} item_key;

static void key_of(uint32_t number, item_key *key) {
    uint32_t partition = number / 50, sort = __builtin_bswap32(number);
    memcpy(key->bytes, &partition, 4);
    memcpy(key->bytes + 4, &sort, 4);
    key->key = (cc_key){cc_bytes_of(key->bytes, 4), cc_bytes_of(key->bytes + 4, 4)};
}

static cc_bytes value_of(uint32_t number, uint32_t version, uint8_t *memory) {
    uint32_t x = number * 2654435761u + version * 40503u + 1;
    for (size_t i = 0; i < VALUE; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        memory[i] = (uint8_t)x;
    }
    return cc_bytes_of(memory, VALUE - number % 1000);
}

static void put(cc_store *store, uint32_t number, uint32_t version) {
    static uint8_t memory[VALUE];
    cc_log_ticket ticket;
    item_key key;
    key_of(number, &key);
    cc_store_lock(store);
    cc_change change = {CC_CHANGE_PUT, cc_space_at(store, 0), key.key, value_of(number, version, memory)};
    CHECK_OK(cc_store_write(store, &change, 1, &ticket, NULL));
    cc_store_unlock(store);
    CHECK(info_of(store).used_bytes <= BUDGET + SLACK);
}

static void check_item(cc_store *store, uint32_t number, uint32_t version) {
    static uint8_t memory[VALUE];
    cc_bytes value;
    item_key key;
    key_of(number, &key);
    cc_store_lock(store);
    CHECK(cc_space_get(cc_space_at(store, 0), key.key, &value) &&
          cc_bytes_equal(value, value_of(number, version, memory)));
    cc_store_unlock(store);
    CHECK(info_of(store).used_bytes <= BUDGET + SLACK);
}

/* By a walk, in turns as requests take them. */
static void check_walk(cc_store *store, uint32_t version) {
    static uint8_t memory[VALUE];
    uint32_t seen = 0, number = 0;
    uint64_t hash = 0, last = 0, now = 0;
    for (bool more = true; more;) {
        cc_space_cursor cursor;
        cc_store_lock(store);
        more = cc_space_seek_hash(cc_space_at(store, 0), hash, &cursor);
        for (uint32_t taken = 0; more; more = cc_space_next(&cursor), last = now, taken++) {
            cc_key key;
            cc_bytes value;
            cc_space_entry(&cursor, &now, &key, &value);
            hash = now;
            if (taken >= 200 && now != last)
                break;
            memcpy(&number, key.sort.data, 4);
            number = __builtin_bswap32(number);
            CHECK(cc_bytes_equal(value, value_of(number, version, memory)));
            seen++;
        }
        cc_store_unlock(store);
        CHECK(info_of(store).used_bytes <= BUDGET + SLACK);
    }
    CHECK_EQ(seen, ITEMS);
}

TEST(ten_times_the_budget) {
    fault_fs *disk = fault_fs_new();
    cc_store *store = open_on(disk, BUDGET, false);
    cc_space *space;
    CHECK_OK(cc_space_create(store, cc_bytes_text("t"), cc_bytes_text(""), &space, NULL));
    for (uint32_t i = 0; i < ITEMS; i++)
        put(store, i * 7919 % ITEMS, 0);
    CHECK(info_of(store).spilled_bytes > 6 * BUDGET);
    check_walk(store, 0);
    CHECK_OK(cc_store_checkpoint(store, NULL));
    CHECK(cc_extents_used(&store->pager.extents) * CC_BLOCK < (uint64_t)ITEMS * VALUE * 5 / 4);
    uint64_t reads = info_of(store).disk_reads;
    check_walk(store, 0);
    CHECK(info_of(store).disk_reads - reads < ITEMS / 5); /* read ahead, page by page */
    for (uint32_t i = 0; i < ITEMS; i++)
        put(store, i * 104729 % ITEMS, 1);
    for (uint32_t i = 0; i < ITEMS; i += 3)
        check_item(store, i * 7919 % ITEMS, 1);
    store = reopen(store, &disk, BUDGET, true); /* replays both versions */
    CHECK(info_of(store).memory_bytes <= BUDGET + (4 << 20) && info_of(store).used_bytes <= BUDGET + SLACK);
    for (uint32_t i = 0; i < ITEMS; i += 3)
        check_item(store, i * 7919 % ITEMS, 1);
    CHECK_OK(cc_store_checkpoint(store, NULL));
    store = reopen(store, &disk, BUDGET, false);
    CHECK(info_of(store).memory_bytes <= BUDGET + (4 << 20) && info_of(store).used_bytes <= BUDGET + SLACK);
    check_walk(store, 1);
    /* A hundred items read over and over stay in memory. */
    for (int round = 0; round < 30; round++) {
        for (uint32_t i = 0; i < 100; i++)
            check_item(store, i, 1);
        for (uint32_t i = 0; i < 100; i++)
            check_item(store, 100 + ((uint32_t)round * 100 + i) % (ITEMS - 100), 1);
        if (round == 19)
            reads = info_of(store).disk_reads;
    }
    CHECK(info_of(store).disk_reads - reads < 10 * 100 + 300);
    for (uint64_t i = 0; i < store->pager.extents.blocks; i++) /* a dropped space pins nothing */
        reads += store->pager.extents.pins[i];
    CHECK_OK(cc_space_drop(store, cc_bytes_text("t"), NULL));
    for (uint64_t i = 0; i < store->pager.extents.blocks; i++)
        CHECK(store->pager.extents.pins[i] == 0);
    CHECK(info_of(store).spilled_bytes == 0 && info_of(store).spilled_items == 0);
    CHECK_OK(cc_store_close(store, NULL));
    fault_fs_free(disk);
}

/* ---- what fails ---- */
/* Reads 60 keys; false when one could not be read, and then a write under the same lock is refused. */
static bool read_some(cc_store *store, uint64_t *failed) {
    bool all = true;
    cc_store_lock(store);
    cc_space *space = cc_space_at(store, 0);
    cc_space_cursor cursor;
    int looked = 0;
    for (bool more = space != NULL && cc_space_seek_hash(space, 0, &cursor); more && looked < 60;
         more = cc_space_next(&cursor), looked++) {
        cc_key key;
        cc_bytes value, again;
        cc_space_entry(&cursor, NULL, &key, &value);
        bool got = cc_space_get(space, key, &again);
        if (value.data != NULL && got)
            CHECK(cc_bytes_equal(value, again));
        all = all && value.data != NULL && got;
    }
    cc_error error = {0};
    CHECK((cc_store_failure(store, &error) == CC_OK) == all);
    if (!all) {
        cc_log_ticket ticket;
        cc_change change = {CC_CHANGE_PUT, space, {cc_bytes_text("x"), {NULL, 0}}, cc_bytes_text("y")};
        CHECK(error.message[0] != '\0');
        CHECK_EQ(cc_store_write(store, &change, 1, &ticket, NULL), error.status);
        ++*failed;
    }
    cc_store_unlock(store);
    return all;
}

static fault_fs *prepared(history *h, uint64_t budget) {
    fault_fs *disk = fault_fs_new();
    cc_store *store = open_on(disk, budget, false);
    steps(h, store, 300);
    CHECK_OK(cc_store_checkpoint(store, NULL));
    steps(h, store, 150);
    CHECK_OK(cc_store_close(store, NULL));
    return disk;
}

/* Opens, writes, reads and takes a checkpoint; every status is one of a disk that fails. */
static bool one_of_the_disk(cc_status status) {
    return status == CC_OK || status == CC_ERR_IO || status == CC_ERR_FULL || status == CC_ERR_CORRUPT ||
           status == CC_ERR_POISONED;
}

TEST(every_disk_call_fails_once) {
    uint64_t points = 0, reads_failed = 0, refused = 0, poisoned = 0;
    history first = {.seed = 31, .large_in = 25};
    fault_fs *base = prepared(&first, 1);
    for (int kind = 0; kind < 6; kind++)
        for (uint64_t nth = 1; check.failures_here == 0; nth += 3 * STRIDE) {
            fault_fs *disk = fault_fs_kill(base);
            history h = first;
            cc_store *store = open_on(disk, 1, false);
            uint64_t before = fault_fs_calls(disk);
            fault_fs_fail(disk, nth, (fault_kind)(kind % 3), kind >= 3);
            for (int i = 0; i < 12; i++) {
                cc_status status = step(&h, store);
                CHECK(one_of_the_disk(status));
                refused += status != CC_OK;
                if (i % 6 == 5)
                    (void)read_some(store, &reads_failed);
            }
            CHECK(one_of_the_disk(cc_store_checkpoint(store, NULL)));
            (void)read_some(store, &reads_failed);
            bool reached = fault_fs_calls(disk) >= before + nth;
            fault_fs_fail(disk, 0, FAULT_EIO, false);
            CHECK(matches(&h, store)); /* nothing is lost, and the disk is read again */
            poisoned += store->poisoned;
            CHECK(store->poisoned || step(&h, store) == CC_OK || store->log->poisoned);
            fault_fs *after = fault_fs_kill(disk);
            (void)!cc_store_close(store, NULL);
            store = open_on(after, 1, false);
            CHECK_EQ(history_of(store), h.done);
            CHECK(matches(&h, store));
            CHECK_OK(cc_store_close(store, NULL));
            fault_fs_free(after);
            fault_fs_free(disk);
            points += reached;
            if (!reached)
                break;
        }
    fault_fs_free(base);
    printf("%llu fault points: %llu turns could not read, %llu writes refused, %llu stores read-only\n",
           (unsigned long long)points, (unsigned long long)reads_failed, (unsigned long long)refused,
           (unsigned long long)poisoned);
    CHECK(points > 300 / STRIDE && reads_failed > 60 / STRIDE && refused > 60 / STRIDE);
}

TEST(every_allocation_fails_once) {
    uint64_t failed = 0;
    history first = {.seed = 32, .large_in = 25};
    fault_fs *base = prepared(&first, 1);
    for (uint64_t nth = 1; check.failures_here == 0; nth += 2 * STRIDE) {
        fault_fs *disk = fault_fs_kill(base);
        history h = first;
        cc_store *store = open_on(disk, 1, false);
        allocations = 0;
        fail_at = nth;
        for (int i = 0; i < 12; i++) {
            cc_status status = step(&h, store);
            CHECK(status == CC_OK || status == CC_ERR_NOMEM);
            failed += status != CC_OK;
            if (i % 6 == 5)
                (void)read_some(store, &failed);
        }
        cc_status status = cc_store_checkpoint(store, NULL);
        CHECK(status == CC_OK || status == CC_ERR_NOMEM);
        bool reached = allocations >= nth;
        fail_at = 0;
        CHECK(matches(&h, store));
        store = reopen(store, &disk, 1, true);
        CHECK_EQ(history_of(store), h.done);
        CHECK(matches(&h, store));
        CHECK_OK(cc_store_close(store, NULL));
        fault_fs_free(disk);
        if (!reached)
            break;
    }
    fault_fs_free(base);
    printf("%llu failing allocations seen\n", (unsigned long long)failed);
    CHECK(failed > 50 / STRIDE);
}

/* Opening under a budget writes and reads as well. */
TEST(opening_fails_at_every_call) {
    uint64_t failed = 0, denied = 0;
    history h = {.seed = 33, .large_in = 25};
    fault_fs *base = prepared(&h, 1);
    cc_store_options options = {.log = {.segment_min = 1 << 18, .segment_max = 1 << 20},
                                .checkpoint_bytes = UINT64_MAX,
                                .budget_bytes = 1};
    for (int kind = 0; kind < 2; kind++)
        for (uint64_t nth = 1; check.failures_here == 0; nth += 2 * STRIDE) {
            fault_fs *disk = fault_fs_kill(base);
            cc_store *store = NULL;
            options.log.fs = fault_fs_table(disk);
            uint64_t before = fault_fs_calls(disk);
            allocations = 0;
            fail_at = kind == 1 ? nth : 0;
            fault_fs_fail(disk, kind == 0 ? nth : 0, FAULT_EIO, false);
            cc_status status = cc_store_open("d", &options, &store, NULL);
            bool reached = (kind == 0 ? fault_fs_calls(disk) - before : allocations) >= nth;
            fault_fs_fail(disk, 0, FAULT_EIO, false);
            fail_at = 0;
            CHECK(status == CC_OK || status == (kind == 0 ? CC_ERR_IO : CC_ERR_NOMEM));
            denied += status != CC_OK;
            failed += reached;
            if (status != CC_OK)
                store = open_on(disk, 1, false);
            CHECK_EQ(history_of(store), h.done);
            CHECK(matches(&h, store));
            CHECK_OK(cc_store_close(store, NULL));
            fault_fs_free(disk);
            if (!reached)
                break;
        }
    fault_fs_free(base);
    printf("%llu fault points while opening, %llu opens denied\n", (unsigned long long)failed,
           (unsigned long long)denied);
    CHECK(failed > 100 / STRIDE && denied > 50 / STRIDE);
}

/* Bytes of the page file change behind the store's back: a clear error for the values there, and for no other. */
TEST(damaged_bytes_are_told) {
    fault_fs *disk = fault_fs_new();
    cc_store *store = open_on(disk, 1, false);
    cc_space *space;
    CHECK_OK(cc_space_create(store, cc_bytes_text("t"), cc_bytes_text(""), &space, NULL));
    for (uint32_t i = 0; i < 200; i++) {
        static uint8_t memory[VALUE];
        cc_log_ticket ticket;
        item_key key;
        key_of(i, &key);
        cc_store_lock(store);
        cc_change change = {CC_CHANGE_PUT, space, key.key, value_of(i, 0, memory)};
        CHECK_OK(cc_store_write(store, &change, 1, &ticket, NULL));
        cc_store_unlock(store);
    }
    size_t size;
    uint64_t wrong = 0;
    uint8_t *pages = fault_fs_bytes(disk, "d/pages", &size);
    for (size_t at = 100 * 4096; at < 120 * 4096; at++)
        pages[at] ^= 0x10;
    for (uint32_t i = 0; i < 200; i++) {
        static uint8_t memory[VALUE];
        cc_bytes value;
        cc_error error = {0};
        item_key key;
        key_of(i, &key);
        cc_store_lock(store);
        if (cc_space_get(space, key.key, &value)) {
            CHECK(cc_bytes_equal(value, value_of(i, 0, memory)));
        } else {
            CHECK_EQ(cc_store_failure(store, &error), CC_ERR_CORRUPT);
            CHECK(error.position + VALUE > 100 * 4096 && error.position < 120 * 4096);
            wrong++;
        }
        cc_store_unlock(store);
    }
    CHECK(wrong > 10 && wrong < 40 && info_of(store).spill_failures == wrong);
    CHECK_EQ(cc_store_checkpoint(store, NULL), CC_ERR_CORRUPT); /* it would lose them */
    CHECK(!store->poisoned);
    store = reopen(store, &disk, 1, true); /* the log has them */
    for (uint32_t i = 0; i < 200; i++) {
        static uint8_t memory[VALUE];
        cc_bytes value;
        item_key key;
        key_of(i, &key);
        CHECK(cc_space_get(cc_space_at(store, 0), key.key, &value) &&
              cc_bytes_equal(value, value_of(i, 0, memory)));
    }
    CHECK_OK(cc_store_close(store, NULL));
    fault_fs_free(disk);
}

/* The disk takes nothing: puts are refused once memory is well over the budget; reads and deletes go on, and puts when
 * it takes something again. */
TEST(a_full_disk_refuses_puts) {
    static uint8_t memory[VALUE];
    fault_fs *disk = fault_fs_new();
    cc_store *store = NULL;
    cc_store_options options = {
        .log = {.fs = fault_fs_table(disk), .segment_min = 8 << 20, .segment_max = 8 << 20},
        .checkpoint_bytes = UINT64_MAX,
        .budget_bytes = BUDGET};
    CHECK_OK(cc_store_open("d", &options, &store, NULL));
    cc_space *space;
    CHECK_OK(cc_space_create(store, cc_bytes_text("t"), cc_bytes_text(""), &space, NULL));
    fault_fs_fail(disk, 1, FAULT_ENOSPC, true);
    cc_status status = CC_OK;
    cc_error error = {0};
    uint32_t count = 0;
    cc_log_ticket ticket;
    item_key key;
    for (; status == CC_OK && count < 2000; count++) {
        key_of(count, &key);
        cc_store_lock(store);
        cc_change change = {CC_CHANGE_PUT, space, key.key, value_of(count, 0, memory)};
        status = cc_store_write(store, &change, 1, &ticket, &error);
        cc_store_unlock(store);
    }
    count--;
    CHECK_EQ(status, CC_ERR_FULL);
    CHECK(strstr(error.message, "memory budget") != NULL && strstr(error.message, "space") != NULL);
    CHECK(count > 300 && info_of(store).used_bytes < BUDGET * 5 / 4);
    for (uint32_t i = 0; i < count; i++) {
        cc_bytes value;
        key_of(i, &key);
        CHECK(cc_space_get(space, key.key, &value) && cc_bytes_equal(value, value_of(i, 0, memory)));
    }
    key_of(0, &key);
    cc_change change = {CC_CHANGE_DELETE, space, key.key, {NULL, 0}};
    CHECK_OK(cc_store_write(store, &change, 1, &ticket, NULL));
    fault_fs_fail(disk, 0, FAULT_EIO, false);
    cc_store_settle(store);
    for (uint32_t i = 0; i < 1000; i++)
        put(store, i, 0);
    CHECK(info_of(store).spill_failures > 0);
    CHECK_OK(cc_store_close(store, NULL));
    fault_fs_free(disk);
}

/* ---- threads, on a real disk ---- */
TEST(threads_beside_the_checkpointer) {
    fresh_directory();
    history h = {.seed = 41, .large_in = 200};
    cc_store_options options = {.log = {.segment_min = 1 << 16, .segment_max = 1 << 17},
                                .checkpoint_bytes = 100000,
                                .budget_bytes = 1};
    cc_store *store = NULL;
    CHECK_OK(cc_store_open(directory, &options, &store, NULL));
    store_threads s = {.store = store, .h = &h, .operations = 4000};
    store_threads_begin(&s);
    for (int i = 0; i < 3; i++)
        CHECK_OK(cc_store_checkpoint(store, NULL));
    store_threads_end(&s);
    cc_store_info info = info_of(store);
    printf("%llu checkpoints and %llu reads of the disk beside 4000 writes\n",
           (unsigned long long)info.checkpoints, (unsigned long long)info.disk_reads);
    CHECK(info.checkpoints >= 3 && info.checkpoint_failures == 0 && info.spill_failures == 0);
    CHECK(matches(&h, store));
    CHECK_OK(cc_store_close(store, NULL));
    CHECK_OK(cc_store_open(directory, &options, &store, NULL));
    CHECK(matches(&h, store));
    CHECK_OK(cc_store_close(store, NULL));
    fresh_directory();
    CHECK(rmdir(directory) == 0);
}

int main(void) {
    RUN(reopened_and_killed);
    RUN(falls_back_to_the_checkpoint_before);
    RUN(open_for_reading);
    RUN(a_budget_needs_a_directory);
    RUN(ten_times_the_budget);
    RUN(every_disk_call_fails_once);
    RUN(every_allocation_fails_once);
    RUN(opening_fails_at_every_call);
    RUN(damaged_bytes_are_told);
    RUN(a_full_disk_refuses_puts);
    RUN(threads_beside_the_checkpointer);
    return REPORT();
}
