/* test_store_index.c: indexes against what a walk of their items makes of them.
 *
 * Items carry their index keys in the first bytes of their values. After every few random writes each index
 * must hold exactly one entry per item that it wants, in order, pointing at the item as it is now.
 * Writes name keys twice, values grow and shrink (cells move), allocations fail, the log refuses, and indexes
 * come, fill in slices beside writers, and go. */
#include <stdio.h>
#include <stdlib.h>

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

static uint64_t fail_in; /* allocations until one fails; 0: never */
static uint64_t failures;
bool cc_store_fault_hook(void);
bool cc_store_fault_hook(void) {
    if (fail_in == 0 || --fail_in != 0)
        return false;
    failures++;
    return true;
}

/* partition = value[at], sort = value[at + 1] | table key; '-' in either: not in the index. */
static cc_status make(const void *definition, cc_key key, cc_bytes item, cc_buffer *scratch,
                      cc_index_image *image_out, bool *present_out) {
    size_t at = *(const size_t *)definition;
    *present_out = item.size >= at + 2 && item.data[at] != '-' && item.data[at + 1] != '-';
    if (!*present_out)
        return CC_OK;
    CC_TRY(cc_buffer_append(scratch, item.data + at, 2));
    CC_TRY(cc_buffer_append(scratch, key.partition.data, key.partition.size));
    CC_TRY(cc_buffer_append(scratch, key.sort.data, key.sort.size));
    *image_out = (cc_index_image){{{scratch->data, 1}, {scratch->data + 1, scratch->size - 1}},
                                  (uint32_t)item.size};
    return CC_OK;
}

static int entry_order(const cc_space *index, const cc_key *a, const cc_key *b) {
    uint64_t x = cc_space_partition_hash(index, a->partition);
    uint64_t y = cc_space_partition_hash(index, b->partition);
    if (x != y)
        return x < y ? -1 : 1;
    int order = cc_bytes_compare(a->partition, b->partition);
    return order != 0 ? order : cc_bytes_compare(a->sort, b->sort);
}

static void check_index(cc_space *base, cc_space *index) {
    cc_space_cursor cursor;
    cc_key key, last = {{NULL, 0}, {NULL, 0}};
    cc_bytes item, found;
    cc_buffer scratch = {0};
    cc_index_image image;
    bool present;
    uint64_t wanted = 0, bytes = 0, entries = 0;
    for (bool more = cc_space_seek_hash(base, 0, &cursor); more; more = cc_space_next(&cursor)) {
        cc_space_entry(&cursor, NULL, &key, &item);
        cc_buffer_clear(&scratch);
        CHECK_OK(make(cc_index_definition(index), key, item, &scratch, &image, &present));
        if (!present)
            continue;
        cc_space_cursor at;
        cc_key entry;
        CHECK(cc_space_seek(index, image.key, &at));
        cc_space_entry(&at, NULL, &entry, &found);
        CHECK(cc_bytes_equal(entry.partition, image.key.partition));
        CHECK(cc_bytes_equal(entry.sort, image.key.sort));
        CHECK(found.data == item.data && found.size == item.size); /* the item itself, not a copy */
        wanted++;
        bytes += image.size;
    }
    for (bool more = cc_space_seek_hash(index, 0, &cursor); more; more = cc_space_next(&cursor)) {
        cc_space_entry(&cursor, NULL, &key, &item);
        CHECK(entries++ == 0 || entry_order(index, &last, &key) < 0);
        last = key;
    }
    cc_space_info info;
    cc_space_info_get(index, &info);
    CHECK(entries == wanted && cc_btree_check(&index->tree) == wanted);
    CHECK(info.item_count == wanted && info.item_bytes == bytes);
    cc_buffer_free(&scratch);
}

enum { CHANGES_MAX = 12, VALUE_MAX = 3000 };
typedef struct {
    uint8_t key[24];
    uint8_t value[VALUE_MAX];
} change_memory;
static change_memory memory[CHANGES_MAX];

static void random_change(cc_space *space, cc_change *change, change_memory *m, size_t keys) {
    size_t size = (size_t)snprintf((char *)m->key, sizeof m->key, "p%zus%zu", below(3), below(keys));
    *change = (cc_change){.kind = below(4) == 0 ? CC_CHANGE_DELETE : CC_CHANGE_PUT,
                          .space = space,
                          .key = {{m->key, 2}, {m->key + 2, size - 2}}};
    size_t length = below(20) == 0 ? below(VALUE_MAX) : below(60);
    for (size_t i = 0; i < length && i < 6; i++)
        m->value[i] = (uint8_t)"abc-"[below(4)];
    change->value = (cc_bytes){m->value, length};
}

static void random_write(cc_store *store, cc_space *space, size_t keys, cc_status allowed) {
    cc_change changes[CHANGES_MAX];
    size_t count = below(3) == 0 ? 1 + below(CHANGES_MAX) : 1;
    cc_log_ticket ticket;
    cc_error error = {0};
    for (size_t i = 0; i < count; i++)
        random_change(space, &changes[i], &memory[i], keys);
    cc_status status = cc_store_write(store, changes, count, &ticket, &error);
    CHECK(status == CC_OK || status == allowed);
}

static const size_t first = 0, second = 2, third = 4;

static void run_model(uint64_t seed, uint64_t mask, bool faults) {
    cc_store *store = NULL;
    cc_space *space = NULL, *indexes[3] = {NULL, NULL, NULL};
    random_state = seed * 0x9e3779b97f4a7c15u + 1;
    CHECK_OK(cc_store_open(NULL, NULL, &store, NULL));
    store->hash_mask = mask;
    CHECK_OK(cc_space_create(store, cc_bytes_text("t"), cc_bytes_text("{}"), &space, NULL));
    CHECK_OK(cc_index_create(space, make, &first, &indexes[0], NULL));
    bool done = false;
    CHECK_OK(cc_index_fill(indexes[0], NULL, 1, &done, NULL));
    CHECK(done && !cc_index_filling(indexes[0]));
    for (int step = 0; step < 4000; step++) {
        if (step == 500)
            CHECK_OK(cc_index_create(space, make, &second, &indexes[1], NULL));
        if (step == 2500)
            CHECK_OK(cc_index_create(space, make, &third, &indexes[2], NULL));
        fail_in = faults && below(4) == 0 ? 1 + below(12) : 0;
        random_write(store, space, 40, CC_ERR_NOMEM);
        for (int k = 1; k < 3; k++)
            if (indexes[k] != NULL && cc_index_filling(indexes[k]) && below(3) == 0) {
                cc_status status = cc_index_fill(indexes[k], NULL, 1 + below(9), &done, NULL);
                CHECK(status == CC_OK || status == CC_ERR_NOMEM);
                CHECK((status == CC_OK && done) == !cc_index_filling(indexes[k]));
            }
        fail_in = 0;
        if (step == 3000) {
            cc_index_drop(indexes[0]);
            indexes[0] = NULL;
            CHECK(cc_index_at(space, 0) == indexes[1] && cc_index_at(space, 2) == NULL);
        }
        for (int k = 0; k < 3 && step % 5 == 0; k++)
            if (indexes[k] != NULL && !cc_index_filling(indexes[k]))
                check_index(space, indexes[k]);
    }
    CHECK(!cc_index_filling(indexes[1]) && !cc_index_filling(indexes[2]));
    CHECK_OK(cc_store_close(store, NULL));
}

/* The log refuses once it is full: the indexes must be as they were. */
TEST(a_refusing_log) {
    cc_store *store = NULL;
    cc_space *space = NULL, *index = NULL;
    bool done = false;
    cc_store_options options = {.log = {.disk_bound = 3 << 20}};
    fresh_directory();
    random_state = 77;
    CHECK_OK(cc_store_open(directory, &options, &store, NULL));
    CHECK_OK(cc_space_create(store, cc_bytes_text("t"), cc_bytes_text("{}"), &space, NULL));
    CHECK_OK(cc_index_create(space, make, &first, &index, NULL));
    CHECK_OK(cc_index_fill(index, NULL, 1, &done, NULL));
    for (int step = 0; step < 20000; step++)
        random_write(store, space, 60, CC_ERR_FULL);
    cc_change change;
    cc_log_ticket ticket;
    random_change(space, &change, &memory[0], 60);
    change.kind = CC_CHANGE_PUT;
    change.value.size = VALUE_MAX;
    CHECK(cc_store_write(store, &change, 1, &ticket, NULL) == CC_ERR_FULL);
    check_index(space, index);
    CHECK_OK(cc_store_close(store, NULL));
}

TEST(random_writes) {
    for (uint64_t seed = 1; seed <= 12; seed++) {
        run_model(seed, UINT64_MAX, seed % 2 == 0);
        run_model(seed, 3, seed % 3 == 0);
    }
    CHECK(failures > 100);
}

int main(void) {
    RUN(random_writes);
    RUN(a_refusing_log);
    return REPORT();
}
