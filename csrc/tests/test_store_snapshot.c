/* test_store_snapshot.c: snapshots against copies of a space made when they were opened.
 *
 * Random writers go on between the turns of several snapshots that stand at different places: keys come, go,
 * change, grow out of their cells and come back; narrow hash masks make partitions share a hash. Then the
 * same with failing allocations, with a bound on memory, over a dropped space, in a forked child, and with
 * threads (run it under the thread preset). */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/internal.h"
#include "support/check.h"
#include "support/directory.h"

static uint64_t random_state;
static size_t below(size_t limit) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (size_t)(random_state >> 11) % limit;
}

static bool failing; /* the test's own thread only: the hook is not locked */
static uint64_t fail_in, failures;
bool cc_store_fault_hook(void);
bool cc_store_fault_hook(void) {
    if (!failing || fail_in == 0 || --fail_in != 0)
        return false;
    failures++;
    return true;
}

static cc_bytes text(const char *word) { return cc_bytes_text(word); }

static cc_store *open_store(const char *dir, uint64_t mask, cc_space **space_out) {
    cc_store *store = NULL;
    CHECK_OK(cc_store_open(dir, NULL, &store, NULL));
    store->hash_mask = mask;
    CHECK_OK(cc_space_create(store, text("s"), text("{}"), space_out, NULL));
    return store;
}

enum { VALUE_MAX = 20000, BATCH = 12 };
static uint8_t noise[VALUE_MAX * 2];
typedef struct {
    char bytes[32];
    cc_key key;
} key_memory;

static void make_key(key_memory *k, size_t partition, size_t number) {
    int size = snprintf(k->bytes, sizeof k->bytes, "p%zu", partition);
    int whole = size + snprintf(k->bytes + size, sizeof k->bytes - (size_t)size, "k%zu", number);
    k->key = (cc_key){cc_bytes_of(k->bytes, (size_t)size),
                      cc_bytes_of(k->bytes + size, (size_t)(whole - size))};
}

static cc_status write_some(cc_space *space, size_t partitions, size_t keys) {
    static key_memory memory[BATCH];
    cc_change changes[BATCH];
    cc_log_ticket ticket;
    size_t count = below(4) == 0 ? 1 + below(BATCH) : 1;
    for (size_t i = 0; i < count; i++) {
        make_key(&memory[i], below(partitions), below(keys));
        size_t size = below(60) == 0 ? below(VALUE_MAX) : below(120);
        changes[i] = (cc_change){below(3) == 0 ? CC_CHANGE_DELETE : CC_CHANGE_PUT,
                                 space,
                                 memory[i].key,
                                 {noise + below(VALUE_MAX), size}};
    }
    return cc_store_write(space->store, changes, count, &ticket, NULL);
}

/* What a space holds, in the bytes that a snapshot's read gives. */
static cc_buffer copy_of(cc_space *space, uint64_t *count_out) {
    cc_buffer copy = {0};
    cc_snapshot *snapshot = NULL;
    *count_out = 0;
    CHECK_OK(cc_snapshot_open(space, 0, &snapshot, NULL));
    for (size_t count = 1; count != 0; *count_out += count)
        CHECK_OK(cc_snapshot_read(snapshot, 1 << 20, &copy, &count, NULL));
    cc_snapshot_close(snapshot);
    return copy;
}

/* The bytes are those that a walk of the space makes. */
static void check_copy(cc_space *space, cc_bytes entries) {
    cc_space_cursor cursor;
    cc_key key, found;
    cc_bytes value, stored;
    bool more = cc_space_seek_hash(space, 0, &cursor);
    while (cc_snapshot_entry(&entries, &key, &value)) {
        CHECK(more);
        if (!more)
            return;
        cc_space_entry(&cursor, NULL, &found, &stored);
        CHECK(cc_bytes_equal(found.partition, key.partition) && cc_bytes_equal(found.sort, key.sort));
        CHECK(cc_bytes_equal(stored, value));
        more = cc_space_next(&cursor);
    }
    CHECK(!more && entries.size == 0);
}

/* ---- the model ---- */
enum { VIEWS = 3 };
typedef struct {
    cc_snapshot *snapshot;
    cc_buffer expected, got;
    uint64_t count, read;
} view;

static void begin_view(cc_space *space, view *v) {
    v->expected = copy_of(space, &v->count);
    check_copy(space, cc_buffer_bytes(&v->expected));
    cc_snapshot_info info;
    CHECK_OK(cc_snapshot_open(space, 0, &v->snapshot, NULL));
    cc_snapshot_info_get(v->snapshot, &info);
    CHECK_EQ(info.item_count, v->count);
    CHECK_EQ(info.item_bytes, space->item_bytes);
}

static void end_view(view *v) {
    cc_snapshot_info info;
    CHECK(cc_bytes_equal(cc_buffer_bytes(&v->got), cc_buffer_bytes(&v->expected)));
    cc_snapshot_info_get(v->snapshot, &info);
    CHECK_EQ(info.kept_count, 0);
    CHECK_EQ(info.read_count, v->count);
    cc_snapshot_close(v->snapshot);
    cc_buffer_free(&v->expected);
    cc_buffer_free(&v->got);
    *v = (view){0};
}

static void run_model(uint64_t seed, uint64_t mask, size_t partitions, size_t keys) {
    cc_space *space = NULL;
    cc_store *store = open_store(NULL, mask, &space);
    view views[VIEWS] = {{0}};
    random_state = seed * 0x9e3779b97f4a7c15u + 1;
    for (int i = 0; i < 1200; i++) {
        CHECK_OK(write_some(space, partitions, keys));
        view *v = &views[below(VIEWS)];
        if (below(3) != 0)
            continue;
        if (v->snapshot == NULL) {
            begin_view(space, v);
        } else {
            size_t count = 0;
            CHECK_OK(cc_snapshot_read(v->snapshot, below(4) == 0 ? below(40000) : below(600), &v->got, &count,
                                      NULL));
            if (count == 0)
                end_view(v);
        }
        CHECK_EQ(cc_btree_check(&space->tree), space->item_count);
    }
    for (size_t k = 0; k < VIEWS; k++) /* half read, or never begun: close is all they need */
        if (views[k].snapshot != NULL) {
            cc_snapshot_close(views[k].snapshot);
            cc_buffer_free(&views[k].expected);
            cc_buffer_free(&views[k].got);
        }
    CHECK(space->snapshots == NULL);
    CHECK_OK(cc_store_close(store, NULL));
}

TEST(a_view_stays_as_it_was) {
    for (uint64_t seed = 1; seed <= 12; seed++) {
        run_model(seed, UINT64_MAX, 5, 300);
        run_model(seed, UINT64_MAX, 900, 2);
        run_model(seed, 3, 9, 60);
        run_model(seed, 0, 4, 40);
    }
}

/* ---- failing allocations ---- */
/* A view of `keys` items beside writers with every n-th allocation failing: either it is exact or it says
 * that it is lost; a read that fails for memory can be repeated. Whether the writer failed is its own affair. */
static bool one_fault(uint64_t at, size_t read_size, bool *lost_out) {
    cc_space *space = NULL;
    cc_store *store = open_store(NULL, UINT64_MAX, &space);
    view v = {0};
    random_state = 77;
    for (int i = 0; i < 60; i++)
        CHECK_OK(write_some(space, 4, 30));
    begin_view(space, &v);
    failing = true;
    fail_in = at;
    failures = 0;
    cc_status status = CC_OK;
    for (size_t count = 1; count != 0;) {
        (void)!write_some(space, 4, 30);
        status = cc_snapshot_read(v.snapshot, read_size, &v.got, &count, NULL);
        if (status == CC_ERR_FULL)
            break;
        if (status != CC_OK) {
            CHECK_EQ(status, CC_ERR_NOMEM);
            CHECK_EQ(count, 0);
            count = 1;
        }
    }
    bool fired = failures != 0;
    failing = false;
    *lost_out = status == CC_ERR_FULL;
    if (*lost_out) {
        cc_snapshot_info info;
        size_t count;
        cc_snapshot_info_get(v.snapshot, &info);
        CHECK_EQ(info.kept_memory, 0);
        CHECK_EQ(cc_snapshot_read(v.snapshot, 1, &v.got, &count, NULL), CC_ERR_FULL);
        cc_snapshot_close(v.snapshot);
        cc_buffer_free(&v.got);
        cc_buffer_free(&v.expected);
    } else {
        end_view(&v);
    }
    CHECK_EQ(cc_btree_check(&space->tree), space->item_count);
    CHECK_OK(cc_store_close(store, NULL));
    return fired;
}

TEST(every_failing_allocation) {
    int lost = 0, points = 0;
    bool was_lost;
    for (uint64_t at = 1; one_fault(at, 200, &was_lost); at++, points++)
        lost += was_lost;
    CHECK(points > 50 && lost > 0 && lost < points);
    cc_space *space = NULL;
    cc_store *store = open_store(NULL, UINT64_MAX, &space);
    cc_snapshot *snapshot = NULL;
    failing = true;
    fail_in = 1;
    CHECK_EQ(cc_snapshot_open(space, 0, &snapshot, NULL), CC_ERR_NOMEM);
    failing = false;
    CHECK_OK(cc_store_close(store, NULL));
    printf("failed allocations: %d points, %d of them lost the snapshot\n", points, lost);
}

TEST(a_bound_on_memory_loses_the_snapshot_not_the_write) {
    cc_space *space = NULL;
    cc_store *store = open_store(NULL, UINT64_MAX, &space);
    cc_snapshot *bound = NULL, *free_one = NULL;
    cc_snapshot_info info;
    random_state = 5;
    for (int i = 0; i < 2000; i++)
        CHECK_OK(write_some(space, 50, 50));
    uint64_t count;
    cc_buffer expected = copy_of(space, &count), got = {0};
    CHECK_OK(cc_snapshot_open(space, 200 << 10, &bound, NULL));
    CHECK_OK(cc_snapshot_open(space, 0, &free_one, NULL));
    for (int i = 0; i < 4000; i++)
        CHECK_OK(write_some(space, 50, 50));
    cc_error error = {0};
    size_t read = 0;
    CHECK_EQ(cc_snapshot_read(bound, 100, &got, &read, &error), CC_ERR_FULL);
    CHECK(strstr(error.message, "snapshot is lost") != NULL);
    cc_snapshot_info_get(bound, &info);
    CHECK(info.kept_count == 0 && info.memory_peak > 200 << 10);
    cc_snapshot_info_get(free_one, &info);
    CHECK(info.kept_count > 1000 && info.kept_memory > info.kept_count * 16);
    for (read = 1; read != 0;)
        CHECK_OK(cc_snapshot_read(free_one, 100000, &got, &read, NULL));
    CHECK(cc_bytes_equal(cc_buffer_bytes(&got), cc_buffer_bytes(&expected)));
    CHECK_EQ(cc_store_close(store, &error), CC_ERR_BUSY);
    cc_snapshot_close(bound);
    cc_snapshot_close(free_one);
    cc_snapshot_close(NULL);
    cc_buffer_free(&expected);
    cc_buffer_free(&got);
    CHECK_OK(cc_store_close(store, NULL));
}

TEST(a_dropped_space_can_be_read_to_its_end) {
    fresh_directory();
    cc_space *space = NULL, *again = NULL;
    cc_store *store = open_store(directory, UINT64_MAX, &space);
    cc_snapshot *first = NULL, *second = NULL;
    cc_snapshot_info info;
    random_state = 9;
    for (int i = 0; i < 500; i++)
        CHECK_OK(write_some(space, 20, 20));
    uint64_t count;
    cc_buffer expected = copy_of(space, &count), got = {0};
    CHECK_OK(cc_snapshot_open(space, 0, &first, NULL));
    CHECK_OK(cc_snapshot_open(space, 0, &second, NULL));
    cc_snapshot_info_get(first, &info);
    CHECK_EQ(info.sequence, 502); /* INIT, CREATE, the writes */
    CHECK_OK(write_some(space, 20, 20));
    CHECK_OK(cc_space_drop(store, text("s"), NULL));
    CHECK(cc_space_find(store, text("s")) == NULL);
    CHECK_OK(cc_space_create(store, text("s"), text("{}"), &again, NULL));
    CHECK_OK(write_some(again, 20, 20));
    cc_snapshot_close(second);
    for (size_t read = 1; read != 0;)
        CHECK_OK(cc_snapshot_read(first, 5000, &got, &read, NULL));
    CHECK(cc_bytes_equal(cc_buffer_bytes(&got), cc_buffer_bytes(&expected)));
    cc_snapshot_close(first);
    cc_buffer_free(&expected);
    cc_buffer_free(&got);
    CHECK_OK(cc_store_close(store, NULL));
}

TEST(a_forked_child_is_told) {
    cc_space *space = NULL;
    cc_store *store = open_store(NULL, UINT64_MAX, &space);
    cc_snapshot *snapshot = NULL;
    random_state = 3;
    CHECK_OK(write_some(space, 2, 2));
    CHECK_OK(cc_snapshot_open(space, 0, &snapshot, NULL));
    pid_t child = fork();
    if (child == 0) {
        cc_buffer out = {0};
        size_t count = 7;
        bool good = cc_snapshot_read(snapshot, 100, &out, &count, NULL) == CC_ERR_FORKED && count == 0;
        cc_snapshot_close(snapshot);
        good = good && cc_store_close(store, NULL) == CC_OK;
        check_leave(good ? 0 : 1);
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    cc_snapshot_close(snapshot);
    CHECK_OK(cc_store_close(store, NULL));
}

TEST(entries_that_no_read_made) {
    cc_key key;
    cc_bytes value, cut = cc_bytes_of("\5\0\0\0\1\0\1\0abv", 11);
    CHECK(!cc_snapshot_entry(&cut, &key, &value));
    cut.size = 7;
    CHECK(!cc_snapshot_entry(&cut, &key, &value));
    cc_bytes whole = cc_bytes_of("\1\0\0\0\1\0\1\0abv", 11);
    CHECK(cc_snapshot_entry(&whole, &key, &value) && whole.size == 0 && value.data[0] == 'v');
}

/* ---- threads ---- */
/* Every writer adds one to all four numbers of its own set in one write; a view that shows a set half done,
 * or sets of two moments, is no view. */
enum { WRITERS = 3, SETS = 200, WRITES = 4000 };
static cc_store *shared;
static cc_space *shared_space;
static uint64_t totals[WRITERS]; /* writes done, under the store's lock */

static void *add(void *argument) {
    size_t writer = *(size_t *)argument;
    static key_memory keys[WRITERS][4];
    for (uint64_t i = 0; i < WRITES; i++) {
        cc_change changes[4];
        uint64_t number = i / SETS + 1;
        for (size_t k = 0; k < 4; k++) {
            make_key(&keys[writer][k], (i % SETS * 7 + k * 31) % 11, writer * 100000 + k * 1000 + i % SETS);
            changes[k] = (cc_change){CC_CHANGE_PUT, shared_space, keys[writer][k].key,
                                     cc_bytes_of(&number, sizeof number)};
        }
        cc_log_ticket ticket;
        cc_store_lock(shared);
        if (cc_store_write(shared, changes, 4, &ticket, NULL) == CC_OK)
            totals[writer]++;
        cc_store_unlock(shared);
    }
    return NULL;
}

static void read_one_view(size_t size) {
    cc_snapshot *snapshot = NULL;
    cc_buffer got = {0};
    uint64_t expected = 0, sum = 0, entries = 0;
    cc_store_lock(shared);
    CHECK_OK(cc_snapshot_open(shared_space, 0, &snapshot, NULL));
    for (size_t w = 0; w < WRITERS; w++)
        expected += 4 * totals[w];
    cc_store_unlock(shared);
    for (size_t count = 1; count != 0; entries += count)
        CHECK_OK(cc_snapshot_read(snapshot, size, &got, &count, NULL));
    cc_bytes rest = cc_buffer_bytes(&got), value;
    cc_key key;
    while (cc_snapshot_entry(&rest, &key, &value)) {
        uint64_t number;
        memcpy(&number, value.data, sizeof number);
        sum += number;
    }
    cc_snapshot_info info;
    cc_snapshot_info_get(snapshot, &info);
    CHECK_EQ(entries, info.item_count);
    CHECK_EQ(sum, expected); /* each write of a set added one to each of its four numbers */
    cc_snapshot_close(snapshot);
    cc_buffer_free(&got);
}

TEST(views_beside_writing_threads) {
    pthread_t threads[WRITERS];
    size_t numbers[WRITERS];
    shared = open_store(NULL, UINT64_MAX, &shared_space);
    for (size_t i = 0; i < WRITERS; i++) {
        numbers[i] = i;
        CHECK(pthread_create(&threads[i], NULL, add, &numbers[i]) == 0);
    }
    for (size_t size = 100; size < 20000; size = size * 3 / 2)
        read_one_view(size);
    for (size_t i = 0; i < WRITERS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    read_one_view(1000);
    CHECK_OK(cc_store_close(shared, NULL));
}

int main(void) {
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (uint8_t)(i * 131 + (i >> 8));
    RUN(a_view_stays_as_it_was);
    RUN(every_failing_allocation);
    RUN(a_bound_on_memory_loses_the_snapshot_not_the_write);
    RUN(a_dropped_space_can_be_read_to_its_end);
    RUN(a_forked_child_is_told);
    RUN(entries_that_no_read_made);
    RUN(views_beside_writing_threads);
    return REPORT();
}
