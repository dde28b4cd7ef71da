/* test_store_model.c: random operations against a sorted array, over many seeds and hash widths.
 *
 * The model is an array of entries in the order (hash, partition, sort), searched by halves. Narrow
 * hash masks force equal hashes of different partitions and overflowing hash segments; few distinct
 * first bytes force equal heads; long keys, empty keys and growing values force every cell class.
 * After each round the tree's invariants are walked and both directions of the cursor compared.
 *
 * With a memory budget the same operations run on a simulated disk: at each release of the lock values leave memory, by
 * the budget's smallness most or all of them, and checkpoints move them to other places of the page file. */
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "store/internal.h"
#include "support/check.h"
#include "support/fault_fs.h"

typedef struct {
    uint64_t hash;
    uint8_t *bytes; /* partition, sort, value */
    size_t partition, sort, value;
} entry;

typedef struct {
    cc_space *space;
    entry *entries;
    size_t count, capacity;
    uint64_t bytes;
} model;

static uint64_t random_state;
static uint64_t next_random(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}
static size_t below(size_t limit) { return (size_t)(next_random() >> 11) % limit; }

static cc_key entry_key(const entry *e) {
    return (cc_key){{e->bytes, e->partition}, {e->bytes + e->partition, e->sort}};
}
static cc_bytes entry_value(const entry *e) {
    return (cc_bytes){e->bytes + e->partition + e->sort, e->value};
}

static int order_of(uint64_t hash, cc_key key, const entry *e) {
    if (hash != e->hash)
        return hash < e->hash ? -1 : 1;
    cc_key other = entry_key(e);
    int order = cc_bytes_compare(key.partition, other.partition);
    return order != 0 ? order : cc_bytes_compare(key.sort, other.sort);
}

/* Index of the first entry >= key. */
static size_t position(const model *m, uint64_t hash, cc_key key) {
    size_t from = 0, to = m->count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (order_of(hash, key, &m->entries[middle]) > 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static bool is_at(const model *m, size_t at, uint64_t hash, cc_key key) {
    return at < m->count && order_of(hash, key, &m->entries[at]) == 0;
}

static void model_remove(model *m, size_t at) {
    m->bytes -= m->entries[at].value;
    free(m->entries[at].bytes);
    memmove(m->entries + at, m->entries + at + 1, (m->count - at - 1) * sizeof(entry));
    m->count--;
}

static void model_put(model *m, uint64_t hash, cc_key key, cc_bytes value) {
    size_t at = position(m, hash, key);
    if (is_at(m, at, hash, key))
        model_remove(m, at);
    if (m->count == m->capacity) {
        m->capacity = m->capacity ? m->capacity * 2 : 64;
        m->entries = realloc(m->entries, m->capacity * sizeof(entry));
    }
    memmove(m->entries + at + 1, m->entries + at, (m->count - at) * sizeof(entry));
    entry *e = &m->entries[at];
    *e = (entry){hash, malloc(key.partition.size + key.sort.size + value.size + 1), key.partition.size,
                 key.sort.size, value.size};
    if (key.partition.size)
        memcpy(e->bytes, key.partition.data, key.partition.size);
    if (key.sort.size)
        memcpy(e->bytes + key.partition.size, key.sort.data, key.sort.size);
    if (value.size)
        memcpy(e->bytes + key.partition.size + key.sort.size, value.data, value.size);
    m->count++;
    m->bytes += value.size;
}

/* ---- random keys and values ---- */
typedef struct {
    size_t partitions, sorts; /* distinct ones */
    size_t prefix;            /* shared leading bytes of every sort key */
    size_t value_max;
    uint64_t mask;
    uint64_t budget; /* 0: all in memory */
} shape;

typedef struct {
    uint8_t partition[320], sort[320];
    cc_key key;
} key_memory;

static void random_key(const shape *s, key_memory *k) {
    size_t p = below(s->partitions), o = below(s->sorts);
    size_t partition_size = (size_t)snprintf((char *)k->partition, 300, "p%zu", p);
    if (p % 7 == 3) { /* some partitions are long */
        memset(k->partition + partition_size, 'L', 200);
        partition_size += 200;
    }
    memset(k->sort, 0xff, s->prefix);
    size_t sort_size = 0;
    if (o != 0) /* sort 0 is empty */
        sort_size = s->prefix + (size_t)snprintf((char *)k->sort + s->prefix, 100, "%zu", o);
    if (o % 11 == 5)
        k->sort[sort_size++] = 0; /* differs from its neighbour only beyond the padded head */
    k->key = (cc_key){{k->partition, partition_size}, {k->sort, sort_size}};
}

static uint8_t noise[40000];

static cc_bytes random_value(const shape *s) {
    size_t size = below(s->value_max + 1);
    if (below(500) == 0)
        size = below(sizeof noise / 2); /* now and then beyond the largest cell */
    return (cc_bytes){noise + below(sizeof noise / 2), size};
}

/* ---- operations ---- */
static void write_some(model *m, const shape *s, bool mostly_delete) {
    enum { MOST = 40 };
    static key_memory keys[MOST];
    cc_change changes[MOST];
    size_t count = below(10) == 0 ? 1 + below(MOST) : 1;
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && below(8) == 0)
            keys[i] = keys[below(i)]; /* the same key again; its bytes are fixed up below */
        else
            random_key(s, &keys[i]);
        keys[i].key.partition.data = keys[i].partition;
        keys[i].key.sort.data = keys[i].sort;
        bool delete = below(10) < (mostly_delete ? 7u : 3u);
        changes[i] = (cc_change){delete ? CC_CHANGE_DELETE : CC_CHANGE_PUT, m->space, keys[i].key,
                                 delete ? (cc_bytes){NULL, 0} : random_value(s)};
    }
    cc_log_ticket ticket;
    CHECK_OK(cc_store_write(m->space->store, changes, count, &ticket, NULL));
    for (size_t i = 0; i < count; i++) {
        uint64_t hash = cc_space_partition_hash(m->space, changes[i].key.partition);
        size_t at = position(m, hash, changes[i].key);
        if (changes[i].kind == CC_CHANGE_PUT)
            model_put(m, hash, changes[i].key, changes[i].value);
        else if (is_at(m, at, hash, changes[i].key))
            model_remove(m, at);
    }
}

static bool cursor_is(const model *m, const cc_space_cursor *cursor, bool found, size_t at) {
    if (at >= m->count)
        return !found;
    uint64_t hash;
    cc_key key;
    cc_bytes value;
    if (!found)
        return false;
    cc_space_entry(cursor, &hash, &key, &value);
    return order_of(hash, key, &m->entries[at]) == 0 && cc_bytes_equal(value, entry_value(&m->entries[at]));
}

static void read_some(model *m, const shape *s) {
    key_memory k;
    random_key(s, &k);
    uint64_t hash = cc_space_partition_hash(m->space, k.key.partition);
    size_t at = position(m, hash, k.key);
    bool there = is_at(m, at, hash, k.key);
    cc_bytes value;
    CHECK(cc_space_get(m->space, k.key, &value) == there);
    if (there)
        CHECK(cc_bytes_equal(value, entry_value(&m->entries[at])));
    cc_space_cursor cursor;
    bool found;
    size_t steps = below(6);
    switch (below(3)) {
    case 0:
        found = cc_space_seek(m->space, k.key, &cursor);
        CHECK(cursor_is(m, &cursor, found, at));
        for (; found && steps > 0; steps--) {
            found = cc_space_next(&cursor);
            CHECK(cursor_is(m, &cursor, found, ++at));
        }
        break;
    case 1:
        found = cc_space_seek_last(m->space, k.key, &cursor);
        at = there ? at : at - 1; /* wraps to "none" before the first */
        CHECK(cursor_is(m, &cursor, found, at));
        for (; found && steps > 0; steps--) {
            found = cc_space_previous(&cursor);
            CHECK(cursor_is(m, &cursor, found, --at));
        }
        break;
    default:
        hash += below(3) - 1;
        found = cc_space_seek_hash(m->space, hash, &cursor);
        CHECK(cursor_is(m, &cursor, found, position(m, hash, (cc_key){{NULL, 0}, {NULL, 0}})));
    }
}

static void compare_all(const model *m) {
    cc_space_info info;
    cc_space_info_get(m->space, &info);
    CHECK_EQ(info.item_count, m->count);
    CHECK_EQ(info.item_bytes, m->bytes);
    CHECK_EQ(cc_btree_check(&m->space->tree), m->count);
    cc_space_cursor cursor;
    size_t at = 0;
    for (bool more = cc_space_seek_hash(m->space, 0, &cursor); more; more = cc_space_next(&cursor))
        CHECK(cursor_is(m, &cursor, true, at++));
    CHECK_EQ(at, m->count);
    cc_bytes value;
    for (size_t i = 0; i < m->count; i++)
        CHECK(cc_space_get(m->space, entry_key(&m->entries[i]), &value));
}

static size_t operations;
static uint64_t disk_reads, spilled_most;

static cc_store *open_store(const shape *s, fault_fs *disk) {
    cc_store *store = NULL;
    cc_store_options options = {
        .log = {.fs = fault_fs_table(disk), .segment_min = 1 << 18, .segment_max = 1 << 22},
        .checkpoint_bytes = UINT64_MAX,
        .hash_mask = s->mask,
        .budget_bytes = s->budget};
    CHECK_OK(s->budget == 0 ? cc_store_open(NULL, NULL, &store, NULL)
                            : cc_store_open("d", &options, &store, NULL));
    store->hash_mask = s->mask;
    return store;
}

/* As often as the lock is released, but for a few operations under one lock; now and then a checkpoint. */
static void settle(cc_store *store) {
    cc_store_info info;
    if (store->spill == NULL || below(3) == 0)
        return;
    CHECK_OK(cc_store_failure(store, NULL));
    cc_store_settle(store);
    if (below(1500) == 0)
        CHECK_OK(cc_store_checkpoint(store, NULL));
    cc_store_info_get(store, &info);
    disk_reads = info.disk_reads;
    if (info.spilled_bytes > spilled_most)
        spilled_most = info.spilled_bytes;
}

/* Nothing is on the disk alone or pinned there that no item has. */
static void check_nothing_spilled(cc_store *store) {
    const cc_extents *extents = &store->pager.extents;
    cc_store_info info;
    cc_store_info_get(store, &info);
    CHECK(info.spilled_items == 0 && info.spilled_bytes == 0);
    for (size_t i = 0; i < extents->pin_count; i++)
        CHECK(extents->pins[i] == 0);
}

static void run_shape(const shape *s, uint64_t seed, size_t rounds, size_t round_size) {
    fault_fs *disk = fault_fs_new();
    cc_store *store = open_store(s, disk);
    model models[2] = {0};
    random_state = seed * 0x9e3779b97f4a7c15u + 1;
    CHECK_OK(cc_space_create(store, cc_bytes_text("a"), cc_bytes_text(""), &models[0].space, NULL));
    CHECK_OK(cc_space_create(store, cc_bytes_text("b"), cc_bytes_text(""), &models[1].space, NULL));
    for (size_t round = 0; round < rounds && check.failures_here == 0; round++) {
        for (size_t i = 0; i < round_size; i++) {
            model *m = &models[below(8) == 0];
            if (below(2))
                write_some(m, s, round % 3 == 2);
            else
                read_some(m, s);
            operations++;
            settle(store);
        }
        compare_all(&models[0]);
        compare_all(&models[1]);
        if (round == rounds / 2) { /* a space goes with all it held and comes back empty */
            CHECK_OK(cc_space_drop(store, cc_bytes_text("b"), NULL));
            while (models[1].count > 0)
                model_remove(&models[1], models[1].count - 1);
            CHECK_OK(cc_space_create(store, cc_bytes_text("b"), cc_bytes_text(""), &models[1].space, NULL));
        }
    }
    for (int i = 0; i < 2; i++) { /* empty by deletes: every node and segment cell must come back */
        while (models[i].count > 0) {
            size_t at = below(models[i].count);
            cc_change change = {
                CC_CHANGE_DELETE, models[i].space, entry_key(&models[i].entries[at]), {NULL, 0}};
            cc_log_ticket ticket;
            CHECK_OK(cc_store_write(store, &change, 1, &ticket, NULL));
            model_remove(&models[i], at);
            if (models[i].count % 97 == 0)
                (void)cc_btree_check(&models[i].space->tree);
        }
        CHECK(models[i].space->tree.root == NULL);
        free(models[i].entries);
    }
    check_nothing_spilled(store);
    CHECK_OK(cc_store_close(store, NULL));
    fault_fs_free(disk);
}

#define SHAPE_TEST(name, ...)                                                                                \
    TEST(name) {                                                                                             \
        static const shape s = {__VA_ARGS__};                                                                \
        for (uint64_t seed = 1;                                                                              \
             seed <= (s.budget == 0 ? seeds : (seeds + 2) / 3) && check.failures_here == 0; seed++)          \
            run_shape(&s, seed, 9, 2000);                                                                    \
    }

static uint64_t seeds = CC_TIGHT ? 2 : 6; /* under sanitizers a tenth as fast */

SHAPE_TEST(many_partitions, .partitions = 3000, .sorts = 3, .value_max = 300, .mask = UINT64_MAX)
SHAPE_TEST(one_partition, .partitions = 1, .sorts = 9000, .value_max = 60, .mask = UINT64_MAX)
SHAPE_TEST(equal_heads, .partitions = 4, .sorts = 2500, .prefix = 12, .value_max = 40, .mask = UINT64_MAX)
SHAPE_TEST(all_hashes_equal, .partitions = 300, .sorts = 8, .prefix = 3, .value_max = 30, .mask = 0)
SHAPE_TEST(few_hashes, .partitions = 600, .sorts = 9, .prefix = 9, .value_max = 30,
           .mask = 0xc000000000000000u)
SHAPE_TEST(low_hash_bits, .partitions = 900, .sorts = 6, .value_max = 30, .mask = 0xff)
SHAPE_TEST(big_values, .partitions = 40, .sorts = 12, .value_max = 20000, .mask = UINT64_MAX)
SHAPE_TEST(tiny, .partitions = 3, .sorts = 3, .value_max = 900, .mask = UINT64_MAX)

SHAPE_TEST(all_spilled, .partitions = 300, .sorts = 9, .value_max = 900, .mask = UINT64_MAX, .budget = 1)
SHAPE_TEST(some_spilled, .partitions = 600, .sorts = 9, .value_max = 2500, .mask = UINT64_MAX,
           .budget = 1500000)
SHAPE_TEST(big_values_spilled, .partitions = 40, .sorts = 12, .value_max = 20000, .mask = UINT64_MAX,
           .budget = 700000)
SHAPE_TEST(spilled_under_few_hashes, .partitions = 600, .sorts = 9, .prefix = 9, .value_max = 300,
           .mask = 0xc000000000000000u, .budget = 300000)

/* Random order of single inserts, growing and shrinking sizes of one tree: 200,000 keys. */
TEST(large_tree) {
    enum { KEYS = 200000 };
    cc_store *store = NULL;
    cc_space *space = NULL;
    CHECK_OK(cc_store_open(NULL, NULL, &store, NULL));
    CHECK_OK(cc_space_create(store, cc_bytes_text("t"), cc_bytes_text(""), &space, NULL));
    cc_log_ticket ticket;
    cc_bytes value;
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < KEYS; i++) {
            uint32_t number = (uint32_t)((uint64_t)i * 7919 % KEYS), sort = __builtin_bswap32(number);
            uint32_t partition = number / 100;
            cc_change change = {pass == 0 ? CC_CHANGE_PUT : CC_CHANGE_DELETE,
                                space,
                                {cc_bytes_of(&partition, 4), cc_bytes_of(&sort, 4)},
                                cc_bytes_of(&number, pass == 0 ? 4 : 0)};
            CHECK_OK(cc_store_write(store, &change, 1, &ticket, NULL));
            operations++;
            if (pass == 0 && i % 16 == 0)
                CHECK(cc_space_get(space, change.key, &value) && value.size == 4);
        }
        CHECK_EQ(cc_btree_check(&space->tree), pass == 0 ? KEYS : 0);
    }
    /* What is empty gives its memory back: a slab a class and the directory remain. */
    cc_space_info info;
    cc_space_info_get(space, &info);
    CHECK(info.item_count == 0 && info.item_bytes == 0);
    CHECK_OK(cc_space_drop(store, cc_bytes_text("t"), NULL));
    CHECK(cc_store_memory_bytes(store) <= (size_t)2 << 20);
    CHECK_OK(cc_store_close(store, NULL));
}

int main(int argc, char **argv) {
    if (argc > 1)
        seeds = strtoull(argv[1], NULL, 10);
    random_state = 88172645463325252u;
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (uint8_t)next_random();
    RUN(many_partitions);
    RUN(one_partition);
    RUN(equal_heads);
    RUN(all_hashes_equal);
    RUN(few_hashes);
    RUN(low_hash_bits);
    RUN(big_values);
    RUN(tiny);
    RUN(all_spilled);
    RUN(some_spilled);
    RUN(big_values_spilled);
    RUN(spilled_under_few_hashes);
    printf("with a budget: up to %llu bytes on the disk alone, %llu reads of it in the last run\n",
           (unsigned long long)spilled_most, (unsigned long long)disk_reads);
    CHECK(spilled_most > 100000 && disk_reads > 1000);
    RUN(large_tree);
    printf("%zu operations\n", operations);
    return REPORT();
}
