/* test_store_checkpoint.c: checkpoints of a store beside its writers, reopening from them, falling back to the
 * one before, and what is refused. The store's disk is the simulated one, so that writes can be made at every
 * moment of a checkpoint. */
#include <stdlib.h>
#include <unistd.h>

#include "store/checkpoint.h"
#include "support/check.h"
#include "support/directory.h"
#include "support/fault_fs.h"
#include "support/store_history.h"
#include "support/store_threads.h"
#include "support/store_watch.h"

/* Under ThreadSanitizer, ten times slower, single-threaded sweeps take some of their points. */
#ifdef __SANITIZE_THREAD__
enum { STRIDE = 13 };
#else
enum { STRIDE = 1 };
#endif

static cc_store_options options_of(fault_fs *disk, uint64_t mask) {
    return (cc_store_options){
        .log = {.fs = fault_fs_table(disk), .segment_min = 1 << 14, .segment_max = 1 << 16},
        .checkpoint_bytes = UINT64_MAX,
        .hash_mask = mask,
    };
}

static cc_store *open_on(fault_fs *disk, uint64_t mask) {
    cc_store *store = NULL;
    cc_error error = {0};
    cc_store_options options = options_of(disk, mask);
    if (cc_store_open("d", &options, &store, &error) != CC_OK) {
        fprintf(stderr, "open: %s\n", error.message);
        CHECK(false);
        exit(1);
    }
    return store;
}

static void steps(history *h, cc_store *store, uint64_t count) {
    cc_log_ticket ticket;
    for (uint64_t i = 0; i < count; i++)
        CHECK_OK(history_step(h, store, &ticket, NULL));
}

static cc_store *reopen(cc_store *store, fault_fs *disk, uint64_t mask) {
    CHECK_OK(cc_store_close(store, NULL));
    return open_on(disk, mask);
}

static void checkpoint(cc_store *store) {
    cc_error error = {0};
    if (cc_store_checkpoint(store, &error) != CC_OK) {
        fprintf(stderr, "checkpoint: %s\n", error.message);
        CHECK(false);
    }
}

/* Checkpoints and reopenings between operations. */
static void run_rounds(uint64_t seed, uint64_t mask, uint32_t large_in) {
    fault_fs *disk = fault_fs_new();
    history h = {.seed = seed, .large_in = large_in};
    cc_store *store = open_on(disk, mask);
    for (int round = 0; round < 12 && check.failures_here == 0; round++) {
        steps(&h, store, 150 + (uint64_t)round * 37 % 400);
        if (round % 5 != 4)
            checkpoint(store);
        if (round % 3 == 1)
            steps(&h, store, 40);
        CHECK(history_matches(&h, store));
        store = reopen(store, disk, mask);
        CHECK_EQ(history_of(store), h.done);
        CHECK(history_matches(&h, store));
        CHECK(!store->fell_back);
    }
    cc_store_info info;
    cc_store_info_get(store, &info);
    CHECK(info.generation > 3 && info.page_used_bytes <= info.page_file_bytes);
    CHECK_OK(cc_store_close(store, NULL));
    fault_fs_free(disk);
}

TEST(reopened_from_checkpoints) {
    for (uint64_t seed = 1; seed <= 6 && check.failures_here == 0; seed++) {
        run_rounds(seed, 0, 0);
        run_rounds(seed + 100, 0, 30);
    }
}

TEST(reopened_with_equal_hashes) {
    for (uint64_t seed = 1; seed <= 3 && check.failures_here == 0; seed++) {
        run_rounds(seed, 0xc000000000000000u, 50);
        run_rounds(seed + 50, 1, 0); /* every hash 0 or 1 */
    }
}

/* Keys without sort bytes come back in the order of their hashes: a get stays one look at one segment. */
TEST(reopened_in_the_order_of_hashes) {
    enum { KEYS = 20000 };
    fault_fs *disk = fault_fs_new();
    cc_store *store = open_on(disk, 0);
    cc_space *space;
    cc_log_ticket ticket;
    CHECK_OK(cc_space_create(store, cc_bytes_text("t"), cc_bytes_text(""), &space, NULL));
    for (uint32_t i = 0; i < KEYS; i++) {
        cc_change change = {CC_CHANGE_PUT, space, {cc_bytes_of(&i, sizeof i), {NULL, 0}}, {NULL, 0}};
        CHECK_OK(cc_store_write(store, &change, 1, &ticket, NULL));
    }
    CHECK_EQ(cc_hash_index_chained(&space->index), 0);
    checkpoint(store);
    store = reopen(store, disk, 0);
    space = cc_space_at(store, 0);
    CHECK_EQ(space->item_count, KEYS);
    CHECK_EQ(cc_hash_index_chained(&space->index), 0);
    CHECK_OK(cc_store_close(store, NULL));
    fault_fs_free(disk);
}

/* ---- writers at every moment of a checkpoint ---- */
typedef struct {
    history *h;
    cc_store *store;
    uint64_t random, writes;
    uint32_t one_in;
    bool inside;
} meddler;

static void meddle(void *context) {
    meddler *m = context;
    cc_log_ticket ticket;
    m->random = m->random * 6364136223846793005u + 1442695040888963407u;
    if (m->inside || (m->random >> 33) % m->one_in != 0 || !store_may_write(m->store))
        return;
    m->inside = true;
    for (uint64_t i = 0; i < (m->random >> 40) % 30; i++, m->writes++)
        CHECK_OK(history_step(m->h, m->store, &ticket, NULL));
    m->inside = false;
}

TEST(writers_beside_a_checkpoint) {
    uint64_t writes = 0;
    for (uint64_t seed = 1; seed <= 12 && check.failures_here == 0; seed++) {
        fault_fs *disk = fault_fs_new();
        history h = {.seed = seed, .large_in = seed % 2 ? 20 : 0};
        uint64_t mask = seed % 3 == 0 ? 3 : 0;
        cc_store *store = open_on(disk, mask);
        for (int round = 0; round < 6; round++) {
            steps(&h, store, 500);
            meddler m = {.h = &h, .store = store, .random = seed * 31 + (uint64_t)round, .one_in = 3};
            fault_fs_watch(disk, meddle, &m);
            checkpoint(store);
            fault_fs_watch(disk, NULL, NULL);
            writes += m.writes;
            CHECK(history_matches(&h, store));
            store = reopen(store, disk, mask);
            CHECK_EQ(history_of(store), h.done);
            CHECK(history_matches(&h, store));
        }
        CHECK_OK(cc_store_close(store, NULL));
        fault_fs_free(disk);
    }
    printf("%llu operations inside checkpoints\n", (unsigned long long)writes);
    CHECK(writes > 2000);
}

/* ---- what a checkpoint is for ---- */
TEST(the_log_is_recycled) {
    fault_fs *disk = fault_fs_new();
    history h = {.seed = 5};
    cc_store *store = open_on(disk, 0);
    uint64_t most = 0;
    for (int round = 0; round < 20; round++) {
        cc_log_info info;
        steps(&h, store, 400);
        checkpoint(store);
        cc_log_info_get(store->log, &info);
        if (info.disk_bytes > most)
            most = info.disk_bytes;
        CHECK(round < 3 || info.first_sequence > h.done / 2);
    }
    cc_store_info info;
    cc_store_info_get(store, &info);
    CHECK(most < 6 << 16);                       /* about two rounds of it, not twenty */
    CHECK(info.page_file_bytes < 60 * 64 << 10); /* and pages are used again */
    CHECK(info.log_bytes == 0);
    store = reopen(store, disk, 0);
    CHECK(history_matches(&h, store));
    CHECK_OK(cc_store_close(store, NULL));
    fault_fs_free(disk);
}

TEST(other_readers_hold_the_log) {
    fault_fs *disk = fault_fs_new();
    history h = {.seed = 6};
    cc_store *store = open_on(disk, 0);
    steps(&h, store, 300);
    CHECK_OK(cc_log_cursor_set(store->log, "stream", 200, NULL));
    for (int round = 0; round < 5; round++) {
        cc_log_info info;
        steps(&h, store, 500);
        checkpoint(store);
        cc_log_info_get(store->log, &info);
        CHECK(info.first_sequence <= 201);
    }
    CHECK_OK(cc_log_cursor_drop(store->log, "stream", NULL));
    checkpoint(store);
    cc_log_info info;
    cc_log_info_get(store->log, &info);
    CHECK(info.first_sequence > 1000);
    CHECK_OK(cc_store_close(store, NULL));
    fault_fs_free(disk);
}

TEST(a_store_without_checkpoint_keeps_its_log) {
    fault_fs *disk = fault_fs_new();
    history h = {.seed = 8};
    cc_store *store = open_on(disk, 0);
    steps(&h, store, 2000);
    CHECK_OK(cc_log_cursor_set(store->log, "stream", 1900, NULL));
    CHECK_OK(cc_log_truncate(store->log, NULL));
    store = reopen(store, disk, 0);
    CHECK(history_matches(&h, store));
    CHECK_OK(cc_store_close(store, NULL));
    fault_fs_free(disk);
}

TEST(an_empty_store_has_no_page_file) {
    fault_fs *disk = fault_fs_new();
    cc_store *store = open_on(disk, 0);
    size_t size;
    store = reopen(store, disk, 0);
    CHECK(fault_fs_bytes(disk, "d/pages", &size) == NULL);
    checkpoint(store);
    CHECK(fault_fs_bytes(disk, "d/pages", &size) != NULL);
    store = reopen(store, disk, 0);
    CHECK_EQ(store->space_count, 0);
    CHECK_OK(cc_store_close(store, NULL));
    fault_fs_free(disk);
}

/* ---- falling back ---- */
/* Two checkpoints and some log; `wreck` damages what the newest one needs. */
static void check_fallback(void (*wreck)(cc_store *store, uint8_t *pages), bool falls) {
    fault_fs *disk = fault_fs_new();
    history h = {.seed = 9, .large_in = 25};
    cc_store *store = open_on(disk, 0);
    for (int i = 0; i < 3; i++) {
        steps(&h, store, 700);
        checkpoint(store);
    }
    steps(&h, store, 100);
    size_t size;
    uint8_t *pages = fault_fs_bytes(disk, "d/pages", &size);
    wreck(store, pages);
    store = reopen(store, disk, 0);
    CHECK_EQ(store->fell_back, falls);
    CHECK(history_matches(&h, store));
    checkpoint(store);
    steps(&h, store, 300);
    checkpoint(store);
    store = reopen(store, disk, 0);
    CHECK(!store->fell_back);
    CHECK(history_matches(&h, store));
    CHECK_OK(cc_store_close(store, NULL));
    fault_fs_free(disk);
}

static void wreck_nothing(cc_store *store, uint8_t *pages) {
    (void)store;
    (void)pages;
}
static void wreck_slot(cc_store *store, uint8_t *pages) { pages[store->pager.slots[0] * 4096 + 60] ^= 4; }
static void wreck_catalog(cc_store *store, uint8_t *pages) {
    pages[store->pager.found[0].catalog.offset + 50] ^= 1;
}
static cc_page_ref first_directory(cc_store *store, const uint8_t *pages) {
    cc_page_walk walk;
    cc_catalog_entry entry;
    uint32_t next_id;
    cc_page_walk_begin(pages + store->pager.found[0].catalog.offset, &walk);
    CHECK_OK(cc_catalog_open(&walk, &next_id, NULL));
    CHECK_OK(cc_catalog_next(&walk, &entry, NULL));
    return cc_page_ref_read(entry.directories);
}
static void wreck_directory(cc_store *store, uint8_t *pages) {
    pages[first_directory(store, pages).offset + 100] ^= 0x80;
}
static void wreck_leaf(cc_store *store, uint8_t *pages) {
    cc_page_walk walk;
    cc_directory_entry entry;
    cc_page_walk_begin(pages + first_directory(store, pages).offset, &walk);
    CHECK_OK(cc_directory_next(&walk, &entry, NULL));
    CHECK_OK(cc_directory_next(&walk, &entry, NULL));
    /* A write that never happened: what an older page left there. */
    memset(pages + entry.leaf.offset, 0, entry.leaf.size);
}

TEST(falls_back_to_the_checkpoint_before) {
    check_fallback(wreck_nothing, false);
    check_fallback(wreck_slot, false); /* it looks as if it had never been taken */
    check_fallback(wreck_catalog, true);
    check_fallback(wreck_directory, true);
    check_fallback(wreck_leaf, true);
}

/* Nothing to fall back to: the reason is told, and so is a format of tomorrow. */
TEST(refused_when_nothing_is_whole) {
    fault_fs *disk = fault_fs_new();
    history h = {.seed = 10};
    cc_store *store = open_on(disk, 0);
    for (int i = 0; i < 5; i++) {
        steps(&h, store, 700);
        checkpoint(store);
    }
    CHECK_OK(cc_store_close(store, NULL));
    size_t size;
    uint8_t *pages = fault_fs_bytes(disk, "d/pages", &size), kept[4 * 4096];
    memcpy(kept, pages, sizeof kept);
    for (int slot = 0; slot < 4; slot++)
        pages[slot * 4096 + 70] ^= 1;
    cc_store_options options = options_of(disk, 0);
    cc_error error = {0};
    CHECK_EQ(cc_store_open("d", &options, &store, &error), CC_ERR_CORRUPT);
    CHECK(strstr(error.message, "is where replay must begin") != NULL);
    memcpy(pages, kept, sizeof kept);
    cc_superblock superblock = {.generation = 99, .incompat = 1u << 5};
    cc_superblock_encode(&superblock, 3, pages + 3 * 4096);
    CHECK_EQ(cc_store_open("d", &options, &store, &error), CC_ERR_FORMAT);
    CHECK(strstr(error.message, "incompatible bits 20") != NULL);
    superblock = (cc_superblock){.generation = 99, .ro_compat = 2};
    cc_superblock_encode(&superblock, 3, pages + 3 * 4096);
    CHECK_EQ(cc_store_open("d", &options, &store, &error), CC_ERR_FORMAT);
    memcpy(pages, kept, sizeof kept);
    store = open_on(disk, 0);
    CHECK(history_matches(&h, store));
    CHECK_OK(cc_store_close(store, NULL));
    fault_fs_free(disk);
}

/* ---- what fails ---- */
/* Every disk call of a checkpoint fails once: the store goes on or is read-only, and what a crash leaves is
 * what was there. */
TEST(every_disk_call_of_a_checkpoint_fails_once) {
    uint64_t points = 0, failed = 0, poisoned = 0;
    for (int kind = 0; kind < 3; kind++)
        for (uint64_t nth = 1; check.failures_here == 0; nth += STRIDE) {
            fault_fs *disk = fault_fs_new();
            history h = {.seed = 11, .large_in = 40};
            cc_store *store = open_on(disk, 0);
            cc_log_ticket ticket;
            steps(&h, store, 600);
            if (nth % 2 == 0)
                checkpoint(store);
            steps(&h, store, 100);
            CHECK_OK(cc_log_sync(store->log, NULL));
            uint64_t synced = h.done;
            fault_fs_fail(disk, nth, (fault_kind)kind, false);
            uint64_t before = fault_fs_calls(disk);
            cc_status status = cc_store_checkpoint(store, NULL);
            bool reached = fault_fs_calls(disk) >= before + nth;
            fault_fs_fail(disk, 0, FAULT_EIO, false);
            CHECK(history_matches(&h, store));
            cc_status written = history_step(&h, store, &ticket, NULL);
            CHECK(written == CC_OK || written == CC_ERR_POISONED);
            CHECK(written == CC_OK || status != CC_OK);
            if (written == CC_OK)
                checkpoint(store);
            points += reached;
            failed += status != CC_OK;
            poisoned += written != CC_OK;
            fault_fs *after = fault_fs_crash(disk, nth);
            (void)!cc_store_close(store, NULL);
            store = open_on(after, 0);
            CHECK(history_of(store) >= synced && history_of(store) <= h.done);
            history_go_to(&h, history_of(store));
            CHECK(history_matches(&h, store));
            CHECK_OK(cc_store_close(store, NULL));
            fault_fs_free(after);
            fault_fs_free(disk);
            if (!reached)
                break;
        }
    printf("%llu fault points, %llu checkpoints failed, %llu stores read-only afterwards\n",
           (unsigned long long)points, (unsigned long long)failed, (unsigned long long)poisoned);
    CHECK(points > 100 / STRIDE && failed > 90 / STRIDE && poisoned >= 6 / STRIDE);
}

static uint64_t fail_at, allocations;
bool cc_store_fault_hook(void) {
    allocations++;
    return fail_at != 0 && allocations == fail_at;
}

TEST(every_allocation_of_a_checkpoint_fails_once) {
    uint64_t failed = 0;
    fault_fs *disk = fault_fs_new();
    history h = {.seed = 12, .large_in = 30};
    cc_store *store = open_on(disk, 0);
    for (uint64_t nth = 1; check.failures_here == 0; nth += STRIDE) {
        steps(&h, store, 60);
        allocations = 0;
        fail_at = nth;
        cc_status status = cc_store_checkpoint(store, NULL);
        bool reached = allocations >= nth;
        fail_at = 0;
        CHECK(status == CC_OK || status == CC_ERR_NOMEM);
        failed += status != CC_OK;
        if (!reached)
            break;
        if (nth / STRIDE % 7 == 0) {
            store = reopen(store, disk, 0);
            CHECK(history_matches(&h, store));
        }
    }
    store = reopen(store, disk, 0);
    CHECK(history_matches(&h, store));
    for (uint64_t nth = 1; check.failures_here == 0; nth += STRIDE) { /* and of opening one */
        CHECK_OK(cc_store_close(store, NULL));
        cc_store_options options = options_of(disk, 0);
        allocations = 0;
        fail_at = nth;
        cc_status status = cc_store_open("d", &options, &store, NULL);
        bool reached = allocations >= nth;
        fail_at = 0;
        CHECK_EQ(status, reached ? CC_ERR_NOMEM : CC_OK);
        if (!reached)
            break;
        failed++;
        store = open_on(disk, 0);
    }
    printf("%llu failing allocations\n", (unsigned long long)failed);
    CHECK(failed > 300 / STRIDE);
    CHECK_OK(cc_store_close(store, NULL));
    fault_fs_free(disk);
}

/* ---- threads, on a real disk ---- */
TEST(threads_beside_the_checkpointer) {
    fresh_directory();
    history h = {.seed = 21, .large_in = 200};
    cc_store_options options = {.log = {.segment_min = 1 << 16, .segment_max = 1 << 17},
                                .checkpoint_bytes = 100000};
    cc_store *store = NULL;
    cc_store_info info;
    CHECK_OK(cc_store_open(directory, &options, &store, NULL));
    store_threads s = {.store = store, .h = &h, .operations = 12000};
    store_threads_begin(&s);
    do { /* one comes unasked */
        usleep(1000);
        cc_store_info_get(store, &info);
    } while (info.checkpoints == 0);
    for (int i = 0; i < 3; i++)
        checkpoint(store);
    store_threads_end(&s);
    cc_store_info_get(store, &info);
    printf("%llu checkpoints beside 12000 writes and %llu reads\n", (unsigned long long)info.checkpoints,
           (unsigned long long)s.reads);
    CHECK(info.checkpoints > 3 && info.checkpoint_failures == 0 && info.generation >= info.checkpoints);
    cc_store_lock(store); /* the checkpointer may be at work */
    CHECK(history_matches(&h, store));
    cc_store_unlock(store);
    CHECK_OK(cc_store_close(store, NULL));
    CHECK_OK(cc_store_open(directory, &options, &store, NULL));
    CHECK(history_matches(&h, store));
    CHECK_OK(cc_store_close(store, NULL));
    fresh_directory();
    CHECK(rmdir(directory) == 0);
}

int main(void) {
    RUN(reopened_from_checkpoints);
    RUN(reopened_with_equal_hashes);
    RUN(reopened_in_the_order_of_hashes);
    RUN(writers_beside_a_checkpoint);
    RUN(the_log_is_recycled);
    RUN(other_readers_hold_the_log);
    RUN(a_store_without_checkpoint_keeps_its_log);
    RUN(an_empty_store_has_no_page_file);
    RUN(falls_back_to_the_checkpoint_before);
    RUN(refused_when_nothing_is_whole);
    RUN(every_disk_call_of_a_checkpoint_fails_once);
    RUN(every_allocation_of_a_checkpoint_fails_once);
    RUN(threads_beside_the_checkpointer);
    return REPORT();
}
