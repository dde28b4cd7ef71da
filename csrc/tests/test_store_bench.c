/* test_store_bench.c: what a store operation costs: prints ns, and checks every answer it times.
 *
 * `test_store_bench [items] [directory]`: default 100,000 items in memory (quick, for the gate);
 * the figures in docs/internals/store.md are of 1000000. Items are 400 B values, keys of 17 + 4
 * bytes: 10,000 partitions' worth of 100 sort keys, written in random order. With a directory the
 * store is logged there (it must not exist), reopened and timed too. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/index.h"
#include "store/snapshot.h"
#include "store/store.h"
#include "support/check.h"

enum { VALUE = 400, PER_PARTITION = 100, BATCH = 25 };

typedef struct {
    uint8_t partition[17];
    uint8_t sort[4];
} bench_key;

static uint32_t items = 100000;
static uint32_t *order;
static uint8_t value_bytes[VALUE];

static cc_key make_key(uint32_t number, bench_key *memory) {
    memory->partition[0] = 1;
    uint32_t partition = number / PER_PARTITION, sort = __builtin_bswap32(number % PER_PARTITION);
    for (int i = 0; i < 16; i++, partition /= 10)
        memory->partition[16 - i] = (uint8_t)('0' + partition % 10);
    memcpy(memory->sort, &sort, sizeof sort);
    return (cc_key){{memory->partition, sizeof memory->partition}, {memory->sort, sizeof memory->sort}};
}

/* The first and last words say whose value and which version it is. */
static cc_bytes make_value(uint32_t number, uint32_t version) {
    memcpy(value_bytes, &number, 4);
    memcpy(value_bytes + VALUE - 4, &version, 4);
    return (cc_bytes){value_bytes, VALUE};
}

static bool value_is(cc_bytes value, uint32_t number, uint32_t version) {
    return value.size == VALUE && memcmp(value.data, &number, 4) == 0 &&
           memcmp(value.data + VALUE - 4, &version, 4) == 0;
}

static void shuffle(void) {
    uint64_t state = 42;
    order = malloc(items * sizeof *order);
    for (uint32_t i = 0; i < items; i++)
        order[i] = i;
    for (uint32_t i = items - 1; i > 0; i--) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        uint32_t j = (uint32_t)((state >> 33) % (i + 1)), swap = order[i];
        order[i] = order[j];
        order[j] = swap;
    }
}

static void print(const char *what, uint64_t start, uint64_t operations) {
    double ns = (double)(cc_clock_monotonic_ns() - start) / (double)operations;
    printf("%-34s %9.1f ns\n", what, ns);
}

/* As a door does it: lock, write, unlock. */
static void put(cc_space *space, cc_store *store, uint32_t number, uint32_t version) {
    bench_key memory;
    cc_log_ticket ticket;
    cc_change change = {CC_CHANGE_PUT, space, make_key(number, &memory), make_value(number, version)};
    cc_store_lock(store);
    CHECK_OK(cc_store_write(store, &change, 1, &ticket, NULL));
    cc_store_unlock(store);
}

static void put_batches(cc_space *space, cc_store *store) {
    static bench_key memory[BATCH];
    static uint8_t values[BATCH][VALUE];
    cc_change changes[BATCH];
    cc_log_ticket ticket;
    uint64_t start = cc_clock_monotonic_ns();
    for (uint32_t i = 0; i + BATCH <= items; i += BATCH) {
        for (uint32_t j = 0; j < BATCH; j++) {
            memcpy(values[j], make_value(order[i + j], 1).data, VALUE);
            changes[j] = (cc_change){
                CC_CHANGE_PUT, space, make_key(order[i + j], &memory[j]), {values[j], VALUE}};
        }
        cc_store_lock(store);
        CHECK_OK(cc_store_write(store, changes, BATCH, &ticket, NULL));
        cc_store_unlock(store);
    }
    print("put random overwrite, 25 a write", start, items);
}

/* `distinct` keys at random places, `rounds` reads in all. */
static void gets(cc_space *space, const char *what, uint32_t distinct, uint32_t rounds, uint32_t version) {
    uint64_t start = cc_clock_monotonic_ns();
    uint32_t right = 0;
    for (uint32_t i = 0, at = 0; i < rounds; i++) {
        bench_key memory;
        cc_bytes value;
        uint32_t number = order[at];
        right += cc_space_get(space, make_key(number, &memory), &value) && value_is(value, number, version);
        at = at + 1 == distinct ? 0 : at + 1;
    }
    print(what, start, rounds);
    CHECK_EQ(right, rounds);
}

static void gets_of_absent(cc_space *space) {
    uint64_t start = cc_clock_monotonic_ns();
    uint32_t found = 0;
    for (uint32_t i = 0; i < items; i++) {
        bench_key memory;
        cc_bytes value;
        found += cc_space_get(space, make_key(order[i] + items + PER_PARTITION, &memory), &value);
    }
    print("get absent, random", start, items);
    CHECK_EQ(found, 0);
}

static void gets_ahead(cc_space *space, uint32_t version) {
    uint64_t start = cc_clock_monotonic_ns();
    uint32_t right = 0;
    for (uint32_t i = 0; i < items; i++) {
        bench_key memory;
        cc_bytes value;
        if (i + 8 < items)
            cc_space_prefetch(space, make_key(order[i + 8], &memory));
        right += cc_space_get(space, make_key(order[i], &memory), &value) &&
                 value_is(value, order[i], version);
    }
    print("get random, prefetch 8 ahead", start, items);
    CHECK_EQ(right, items);
}

static void queries(cc_space *space) {
    uint32_t partitions = items / PER_PARTITION, seen = 0;
    uint64_t start = cc_clock_monotonic_ns(), sum = 0;
    for (uint32_t i = 0; i < partitions; i++) {
        bench_key memory;
        cc_space_cursor cursor;
        cc_key key = make_key(order[i] / PER_PARTITION * PER_PARTITION, &memory), found;
        bool more = cc_space_seek(space, (cc_key){key.partition, {NULL, 0}}, &cursor);
        for (; more; more = cc_space_next(&cursor)) {
            cc_bytes value;
            cc_space_entry(&cursor, NULL, &found, &value);
            if (!cc_bytes_equal(found.partition, key.partition))
                break;
            for (size_t line = 0; line < VALUE; line += 64)
                sum += value.data[line];
            seen++;
        }
    }
    print("query 100, every line read", start, partitions);
    CHECK_EQ(seen, partitions * PER_PARTITION);
    CHECK(sum != 1);
}

/* As a page that only counts: the sizes of the items, and one line of each. */
static void counts(cc_space *space) {
    uint32_t partitions = items / PER_PARTITION, seen = 0;
    uint64_t start = cc_clock_monotonic_ns(), bytes = 0;
    for (uint32_t i = 0; i < partitions; i++) {
        bench_key memory;
        cc_space_cursor cursor;
        cc_key key = make_key(order[i] / PER_PARTITION * PER_PARTITION, &memory);
        uint64_t hash = cc_space_partition_hash(space, key.partition);
        bool more = cc_space_seek(space, (cc_key){key.partition, {NULL, 0}}, &cursor);
        cc_space_cursor_skim(&cursor);
        for (; more && cc_space_in_partition(&cursor, hash, key.partition); more = cc_space_next(&cursor)) {
            cc_bytes value;
            cc_space_entry(&cursor, NULL, NULL, &value);
            bytes += value.size + *cc_space_note(&cursor);
            seen++;
        }
    }
    print("query 100, sizes alone", start, partitions);
    CHECK_EQ(seen, partitions * PER_PARTITION);
    CHECK_EQ(bytes, (uint64_t)seen * VALUE);
}

static void scan(cc_space *space) {
    cc_space_cursor cursor;
    uint32_t seen = 0;
    uint64_t start = cc_clock_monotonic_ns();
    for (bool more = cc_space_seek_hash(space, 0, &cursor); more; more = cc_space_next(&cursor)) {
        cc_bytes value;
        cc_space_entry(&cursor, NULL, NULL, &value);
        seen += value.size == VALUE;
    }
    print("scan, per item", start, items);
    CHECK_EQ(seen, items);
}

/* A view of all items, read in slices of 256 KiB; then overwrites beside one that nobody reads. */
static void snapshots(cc_space *space, cc_store *store) {
    cc_snapshot *snapshot = NULL;
    cc_snapshot_info info;
    cc_buffer slice = {0};
    uint32_t right = 0;
    uint64_t start = cc_clock_monotonic_ns();
    CHECK_OK(cc_snapshot_open(space, 0, &snapshot, NULL));
    for (size_t count = 1; count != 0;) {
        cc_key key;
        cc_bytes value;
        cc_buffer_clear(&slice);
        CHECK_OK(cc_snapshot_read(snapshot, 256 << 10, &slice, &count, NULL));
        cc_bytes rest = cc_buffer_bytes(&slice);
        while (cc_snapshot_entry(&rest, &key, &value))
            right += value.size == VALUE;
    }
    print("snapshot: read all, per item", start, items);
    CHECK_EQ(right, items);
    cc_snapshot_close(snapshot);
    cc_buffer_free(&slice);
    CHECK_OK(cc_snapshot_open(space, 0, &snapshot, NULL));
    start = cc_clock_monotonic_ns();
    for (uint32_t i = 0; i < items; i++)
        put(space, store, order[i], 1);
    print("snapshot: first overwrite beside it", start, items);
    cc_snapshot_info_get(snapshot, &info);
    CHECK_EQ(info.kept_count, items);
    printf("%-34s %9.1f B\n", "snapshot: memory per old value",
           (double)info.memory_peak / (double)info.kept_count);
    cc_snapshot_close(snapshot);
}

static void deletes(cc_space *space, cc_store *store) {
    uint64_t start = cc_clock_monotonic_ns();
    for (uint32_t i = 0; i < items; i += 2) {
        bench_key memory;
        cc_log_ticket ticket;
        cc_change change = {CC_CHANGE_DELETE, space, make_key(order[i], &memory), {NULL, 0}};
        CHECK_OK(cc_store_write(store, &change, 1, &ticket, NULL));
    }
    print("delete random (half of all)", start, items / 2);
    cc_space_info info;
    cc_space_info_get(space, &info);
    CHECK_EQ(info.item_count, items - (items + 1) / 2);
}

static void memory(cc_space *space) {
    cc_space_info info;
    cc_space_info_get(space, &info);
    double payload = (double)info.item_count * (VALUE + 21), used = (double)info.memory_bytes;
    printf("%-34s %9.1f MB for %.1f MB of keys and values: x %.3f\n", "memory", used / 1e6, payload / 1e6,
           used / payload);
    if (items >= 100000)
        CHECK(used < 1.35 * payload);
}

static cc_space *reopen(const char *dir, cc_store **store, const char *what) {
    cc_error error = {0};
    CHECK_OK(cc_store_close(*store, &error));
    uint64_t start = cc_clock_monotonic_ns();
    CHECK_OK(cc_store_open(dir, NULL, store, &error));
    printf("%-34s %9.1f ms\n", what, (double)(cc_clock_monotonic_ns() - start) / 1e6);
    return cc_space_find(*store, cc_bytes_text("t"));
}

/* ---- one index: partitions of 100 items whose numbers lie far apart, in the order of their versions ---- */

static cc_status make_image(const void *definition, cc_key key, cc_bytes item, cc_buffer *scratch,
                            cc_index_image *image_out, bool *present_out) {
    uint32_t group, version;
    (void)definition;
    memcpy(&group, item.data, 4);
    memcpy(&version, item.data + VALUE - 4, 4);
    group %= items / PER_PARTITION;
    version = __builtin_bswap32(version / 2); /* every second version stays where it is */
    CC_TRY(cc_buffer_append(scratch, &group, 4));
    CC_TRY(cc_buffer_append(scratch, &version, 4));
    CC_TRY(cc_buffer_append(scratch, key.partition.data, key.partition.size));
    CC_TRY(cc_buffer_append(scratch, key.sort.data, key.sort.size));
    *image_out = (cc_index_image){{{scratch->data, 4}, {scratch->data + 4, scratch->size - 4}}, VALUE};
    *present_out = true;
    return CC_OK;
}

static void puts_of_all(cc_space *space, cc_store *store, uint32_t version, const char *what) {
    uint64_t start = cc_clock_monotonic_ns();
    for (uint32_t i = 0; i < items; i++)
        put(space, store, order[i], version);
    print(what, start, items);
}

static void queries_of_index(cc_space *index) {
    uint32_t groups = items / PER_PARTITION, seen = 0;
    uint64_t start = cc_clock_monotonic_ns(), sum = 0;
    for (uint32_t i = 0; i < groups; i++) {
        uint32_t group = order[i] % groups;
        cc_space_cursor cursor;
        cc_key key = {{(const uint8_t *)&group, 4}, {NULL, 0}}, found;
        for (bool more = cc_space_seek(index, key, &cursor); more; more = cc_space_next(&cursor)) {
            cc_bytes value;
            cc_space_entry(&cursor, NULL, &found, &value);
            if (!cc_bytes_equal(found.partition, key.partition))
                break;
            for (size_t line = 0; line < VALUE; line += 64)
                sum += value.data[line];
            seen++;
        }
    }
    print("index: query 100, every line read", start, groups);
    CHECK_EQ(seen, groups * PER_PARTITION);
    CHECK(sum != 1);
}

static void one_index(void) {
    cc_store *store = NULL;
    cc_space *space = NULL, *index = NULL;
    cc_space_info info;
    bool done = false;
    CHECK_OK(cc_store_open(NULL, NULL, &store, NULL));
    CHECK_OK(cc_space_create(store, cc_bytes_text("t"), cc_bytes_text("{}"), &space, NULL));
    CHECK_OK(cc_index_create(space, make_image, NULL, &index, NULL));
    CHECK_OK(cc_index_fill(index, NULL, 1, &done, NULL));
    puts_of_all(space, store, 0, "index: put new");
    puts_of_all(space, store, 1, "index: put overwrite, key stays");
    puts_of_all(space, store, 2, "index: put overwrite, key moves");
    queries_of_index(index);
    cc_space_info_get(index, &info);
    CHECK_EQ(info.item_count, items);
    printf("%-34s %9.1f B\n", "index: memory per entry", (double)info.memory_bytes / (double)items);
    cc_index_drop(index);
    CHECK_OK(cc_index_create(space, make_image, NULL, &index, NULL));
    uint64_t start = cc_clock_monotonic_ns();
    for (done = false; !done;)
        CHECK_OK(cc_index_fill(index, NULL, 512, &done, NULL));
    print("index: fill, per item", start, items);
    CHECK_OK(cc_store_close(store, NULL));
}

int main(int argc, char **argv) {
    if (argc > 1)
        items = (uint32_t)strtoul(argv[1], NULL, 10) / PER_PARTITION * PER_PARTITION;
    const char *dir = argc > 2 ? argv[2] : NULL;
    cc_store *store = NULL;
    cc_space *space = NULL;
    cc_error error = {0};
    shuffle();
    check.running = "bench";
    uint64_t start = cc_clock_monotonic_ns();
    CHECK_OK(cc_store_open(dir, NULL, &store, &error));
    CHECK_OK(cc_space_create(store, cc_bytes_text("t"), cc_bytes_text("{}"), &space, &error));
    print("open an empty store", start, 1);
    start = cc_clock_monotonic_ns();
    for (uint32_t i = 0; i < items; i++)
        put(space, store, order[i], 0);
    print("put new, random order", start, items);
    memory(space);
    if (dir != NULL)
        space = reopen(dir, &store, "reopen (log holds each item once)");
    gets(space, "get random", items, items, 0);
    gets(space, "get hot (100 keys)", 100, 1000000, 0);
    gets_of_absent(space);
    gets_ahead(space, 0);
    start = cc_clock_monotonic_ns();
    for (uint32_t i = 0; i < 1000000; i++)
        put(space, store, order[i % 100], i >= 999900 ? 1 : i);
    print("put hot overwrite (100 keys)", start, 1000000);
    start = cc_clock_monotonic_ns();
    for (uint32_t i = 0; i < items; i++)
        put(space, store, order[i], 1);
    print("put random overwrite", start, items);
    put_batches(space, store);
    queries(space);
    counts(space);
    scan(space);
    if (dir != NULL) {
        space = reopen(dir, &store, "reopen (log holds overwrites too)");
        gets(space, "get random, reopened", items, items, 1);
    }
    snapshots(space, store);
    deletes(space, store);
    CHECK_OK(cc_store_close(store, &error));
    one_index();
    free(order);
    printf("%s\n", check.failures_here == 0 ? "1 passed, 0 failed" : "0 passed, 1 failed");
    return check.failures_here != 0;
}
