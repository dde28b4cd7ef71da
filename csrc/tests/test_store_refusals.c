/* test_store_refusals.c: what a store refuses and says so; what a poisoned one does; and that check finds what is wrong
 * in memory, which no file can make wrong: the structures are broken by hand. */
#include <stdlib.h>

#include "log/internal.h"
#include "store/verify.h"
#include "support/check.h"
#include "support/forge.h"

static cc_bytes text(const char *word) { return cc_bytes_text(word); }

static cc_store *open_store(fault_fs *disk, cc_durability durability) {
    cc_store_options options = forge_options(disk);
    cc_store *store = NULL;
    options.log.durability = durability;
    CHECK_OK(cc_store_open("d", &options, &store, NULL));
    return store;
}

static cc_status put_size(cc_space *space, const char *sort, size_t size, cc_log_ticket *ticket) {
    static const uint8_t bytes[CC_VALUE_INLINE_MAX + 100];
    cc_change change = {.kind = CC_CHANGE_PUT,
                        .space = space,
                        .key = {text("p"), text(sort)},
                        .value = cc_bytes_of(bytes, size)};
    return cc_store_write(space->store, &change, 1, ticket, NULL);
}

static cc_status put(cc_space *space, const char *sort, cc_log_ticket *ticket) {
    return put_size(space, sort, 3, ticket);
}

/* ---- limits ---- */
TEST(names_and_sizes) {
    fault_fs *disk = fault_fs_new();
    cc_store *store = open_store(disk, CC_DURABILITY_PROCESS);
    static const uint8_t some[256] = {'n'};
    cc_bytes huge = cc_bytes_of(some, (size_t)CC_SPACE_VALUE_MAX + 1); /* is not looked at */
    cc_space *space = NULL;
    cc_log_ticket ticket;
    cc_error error = {0};
    CHECK_EQ(cc_space_create(store, cc_bytes_of(some, 256), text(""), &space, &error), CC_ERR_ARGUMENT);
    CHECK_EQ(cc_space_create(store, text("t"), huge, &space, &error), CC_ERR_LIMIT);
    CHECK_OK(cc_space_create(store, cc_bytes_of(some, 255), text(""), &space, NULL));
    CHECK_EQ(cc_space_set_meta(store, cc_space_name(space), huge, &error), CC_ERR_LIMIT);
    CHECK_EQ(cc_space_set_meta(store, text("none"), text(""), &error), CC_ERR_NOT_FOUND);
    uint8_t *long_key = calloc(1, CC_SPACE_KEY_PART_MAX + 1);
    cc_change change = {.kind = CC_CHANGE_PUT, .space = space, .key = {text("p"), {long_key, 65536}}};
    CHECK_EQ(cc_store_write(store, &change, 1, &ticket, &error), CC_ERR_LIMIT);
    change.key.sort.size = 3;
    change.kind = (cc_change_kind)0;
    CHECK_EQ(cc_store_write(store, &change, 1, &ticket, &error), CC_ERR_ARGUMENT);
    free(long_key);
    CHECK_EQ(space->item_count, 0);
    CHECK_OK(cc_store_close(store, NULL));
    fault_fs_free(disk);
}

/* Writes so large that their memory is given back. */
TEST(many_changes_in_one) {
    enum { COUNT = 30000 };
    fault_fs *disk = fault_fs_new();
    cc_store *store = open_store(disk, CC_DURABILITY_PROCESS);
    cc_space *space = NULL;
    cc_log_ticket ticket;
    CHECK_OK(cc_space_create(store, text("t"), text(""), &space, NULL));
    cc_change *changes = calloc(COUNT, sizeof *changes);
    uint32_t *keys = calloc(COUNT, sizeof *keys);
    for (uint32_t i = 0; i < COUNT; i++) {
        keys[i] = i * 2654435761u;
        changes[i] = (cc_change){.kind = CC_CHANGE_PUT,
                                 .space = space,
                                 .key = {cc_bytes_of(&keys[i], 4), {NULL, 0}},
                                 .value = text("v")};
    }
    CHECK_OK(cc_store_write(store, changes, COUNT, &ticket, NULL));
    CHECK_EQ(space->item_count, COUNT);
    CHECK_OK(put(space, "s", &ticket));
    free(changes);
    free(keys);
    CHECK_OK(cc_store_close(store, NULL));
    fault_fs_free(disk);
}

TEST(readers_and_reading_only) {
    fault_fs *disk = fault_fs_new();
    cc_store *store = open_store(disk, CC_DURABILITY_PROCESS);
    cc_store_options options = forge_options(disk);
    cc_log_reader *reader = NULL;
    cc_space *space = NULL;
    cc_log_ticket ticket;
    CHECK_OK(cc_space_create(store, text("t"), text(""), &space, NULL));
    CHECK_OK(put(space, "s", &ticket));
    CHECK_OK(cc_log_reader_open(cc_store_log(store), 0, &reader, NULL));
    CHECK_EQ(cc_store_close(store, NULL), CC_ERR_BUSY);
    CHECK_OK(put(space, "t", &ticket)); /* nothing was closed */
    cc_log_reader_close(reader);
    CHECK_OK(cc_store_close(store, NULL));
    options.log.read_only = true;
    CHECK_OK(cc_store_open("d", &options, &store, NULL));
    CHECK_EQ(cc_store_checkpoint(store, NULL), CC_ERR_ARGUMENT);
    CHECK_EQ(cc_space_create(store, text("u"), text(""), &space, NULL), CC_ERR_ARGUMENT);
    CHECK_EQ(cc_space_drop(store, text("t"), NULL), CC_ERR_ARGUMENT);
    CHECK_EQ(cc_space_set_meta(store, text("t"), text("m"), NULL), CC_ERR_ARGUMENT);
    CHECK(cc_space_find(store, text("t")) != NULL && cc_space_find(store, text("u")) == NULL);
    CHECK_OK(cc_store_close(store, NULL));
    fault_fs_free(disk);
}

TEST(followers) {
    fault_fs *disk = fault_fs_new();
    cc_store *store = open_store(disk, CC_DURABILITY_COMMIT), *nowhere = NULL;
    uint32_t ids[CC_FEED_SPACES_MAX + 1] = {0};
    cc_feed *feed = NULL;
    cc_feed_change change;
    cc_space *space = NULL;
    cc_log_ticket ticket;
    CHECK_OK(cc_store_open(NULL, NULL, &nowhere, NULL));
    CHECK_EQ(cc_feed_open(nowhere, ids, 1, (cc_feed_place){0, 0}, &feed, NULL), CC_ERR_NOT_FOUND);
    CHECK_EQ(cc_feed_open(store, ids, 0, (cc_feed_place){0, 0}, &feed, NULL), CC_ERR_ARGUMENT);
    CHECK_EQ(cc_feed_open(store, ids, CC_FEED_SPACES_MAX + 1, (cc_feed_place){0, 0}, &feed, NULL),
             CC_ERR_ARGUMENT);
    cc_store_feed_trim(nowhere);
    cc_store_feed_trim(store);
    CHECK_EQ(cc_store_feed_last(nowhere), 0);
    CHECK_OK(cc_store_checkpoint(nowhere, NULL)); /* there is nothing to do */
    CHECK_OK(cc_store_close(nowhere, NULL));
    CHECK_OK(cc_space_create(store, text("t"), text(""), &space, NULL));
    CHECK_OK(cc_space_set_feed(space, CC_FEED_IMAGES, NULL));
    ids[0] = cc_space_id(space);
    CHECK_OK(cc_feed_open(store, ids, 1, (cc_feed_place){0, 0}, &feed, NULL));
    CHECK_OK(put(space, "s", &ticket));
    CHECK_EQ(cc_feed_next(feed, &change, NULL), CC_ERR_NOT_FOUND); /* it is not synced yet */
    CHECK_EQ(cc_feed_next(feed, &change, NULL), CC_ERR_NOT_FOUND);
    CHECK_OK(cc_store_wait(store, &ticket, CC_DURABILITY_COMMIT, NULL));
    CHECK_OK(cc_feed_next(feed, &change, NULL));
    cc_feed_close(feed);
    cc_store_set_time(store, 5); /* nothing is older than a day */
    CHECK_OK(cc_store_checkpoint(store, NULL));
    CHECK_OK(cc_store_checkpoint(store, NULL));
    CHECK_OK(cc_store_close(store, NULL));
    fault_fs_free(disk);
}

/* ---- a sync of the page file fails ---- */
TEST(poisoned) {
    for (uint64_t nth = 1; nth < 40; nth++) {
        fault_fs *disk = fault_fs_new();
        cc_store *store = open_store(disk, CC_DURABILITY_PROCESS);
        cc_space *space = NULL, *other = NULL;
        cc_log_ticket ticket;
        CHECK_OK(cc_space_create(store, text("t"), text(""), &space, NULL));
        CHECK_OK(cc_space_create(store, text("fed"), text(""), &other, NULL));
        CHECK_OK(cc_space_set_feed(other, CC_FEED_KEYS, NULL));
        CHECK_OK(put(space, "s", &ticket));
        fault_fs_fail(disk, nth, FAULT_EIO, false);
        (void)!cc_store_checkpoint(store, NULL);
        bool poisoned = store->poisoned || store->log->poisoned;
        fault_fs_fail(disk, 0, FAULT_EIO, false);
        cc_status wanted = poisoned ? CC_ERR_POISONED : CC_OK;
        CHECK_EQ(put(space, "t", &ticket), wanted);
        CHECK_EQ(put(other, "t", &ticket), wanted);
        CHECK_EQ(cc_space_set_meta(store, text("t"), text("m"), NULL), wanted);
        CHECK_EQ(cc_space_drop(store, text("fed"), NULL), wanted);
        CHECK_EQ(cc_space_create(store, text("u"), text(""), &other, NULL), wanted);
        CHECK_EQ(cc_store_checkpoint(store, NULL), wanted);
        (void)!cc_store_close(store, NULL);
        store = open_store(disk, CC_DURABILITY_PROCESS);
        CHECK_EQ(cc_space_find(store, text("t"))->item_count, poisoned ? 1 : 2);
        CHECK_OK(cc_store_close(store, NULL));
        fault_fs_free(disk);
    }
}

/* ---- cursors ---- */
static uint32_t destroyed;
static void destroy(void *owner_data) {
    (void)owner_data;
    destroyed++;
}

TEST(ends_and_owners) {
    fault_fs *disk = fault_fs_new();
    cc_store *store = open_store(disk, CC_DURABILITY_PROCESS);
    cc_space *space = NULL;
    cc_space_cursor cursor;
    cc_log_ticket ticket;
    int data[2];
    CHECK_OK(cc_space_create(store, text("t"), text(""), &space, NULL));
    CHECK(!cc_space_seek_last(space, (cc_key){text("p"), text("z")}, &cursor));
    CHECK(!cc_space_next(&cursor) && !cc_space_previous(&cursor));
    cc_space_cursor_skim(&cursor);
    CHECK_OK(put(space, "s", &ticket));
    cc_space_prefetch(space, (cc_key){text("p"), text("s")});
    CHECK(cc_space_seek_hash(space, 0, &cursor));
    uint64_t hash = cc_space_partition_hash(space, text("p"));
    CHECK(cc_space_compare(&cursor, hash + 1, (cc_key){text("p"), text("s")}) < 0);
    CHECK(cc_space_compare(&cursor, hash - 1, (cc_key){text("p"), text("s")}) > 0);
    CHECK(!cc_space_next(&cursor));
    CHECK(!cc_space_next(&cursor));
    cc_space_attach(space, &data[0], destroy);
    cc_space_attach(space, &data[0], destroy); /* the same again */
    CHECK_EQ(destroyed, 0);
    cc_space_attach(space, &data[1], destroy);
    CHECK_EQ(destroyed, 1);
    CHECK_OK(cc_store_close(store, NULL));
    CHECK_EQ(destroyed, 2);
    fault_fs_free(disk);
}

/* ---- inner nodes that cannot join ---- */
static cc_change one(cc_space *space, cc_change_kind kind, uint32_t number, uint32_t more, char *sort) {
    snprintf(sort, 24, "%08u-%08u", number, more);
    return (cc_change){.kind = kind, .space = space, .key = {text("p"), text(sort)}};
}

static void change_one(cc_space *space, cc_change_kind kind, uint32_t number, uint32_t more) {
    char sort[24];
    cc_log_ticket ticket;
    cc_change change = one(space, kind, number, more, sort);
    CHECK_OK(cc_store_write(space->store, &change, 1, &ticket, NULL));
}

/* Three inner nodes with all the children that they can have; all of one but a child go, then it borrows. */
static void thin_out(uint32_t thin) {
    enum { EACH = CC_NODE_FANOUT * CC_NODE_FANOUT, ALL = 4 * EACH };
    cc_store *store = NULL;
    cc_space *space = NULL;
    CHECK_OK(cc_store_open(NULL, NULL, &store, NULL));
    CHECK_OK(cc_space_create(store, text("t"), text(""), &space, NULL));
    for (uint32_t i = 0; i < ALL; i++)
        change_one(space, CC_CHANGE_PUT, i, 0);
    const cc_inner *root = space->tree.root;
    CHECK(space->tree.height == 2 && root->count >= 3);
    for (uint32_t node = 0; node < 3; node++) /* leaves split until the node is full */
        for (uint32_t i = 1; ((const cc_inner *)root->children[node])->count < CC_NODE_FANOUT; i++)
            change_one(space, CC_CHANGE_PUT, node * EACH + EACH / 2, i);
    uint64_t before = space->item_count, gone = 0;
    CHECK_EQ(cc_btree_check(&space->tree), before);
    const cc_inner *inner = root->children[thin];
    uint32_t least = 64;
    for (uint32_t i = thin * EACH; i < (thin + 1) * EACH && inner->count >= 1; i++) {
        cc_bytes value;
        char sort[24];
        cc_change key = one(space, CC_CHANGE_DELETE, i, 0, sort);
        if (!cc_space_get(space, key.key, &value))
            continue;
        change_one(space, CC_CHANGE_DELETE, i, 0);
        gone++;
        least = inner->count < least ? inner->count : least;
    }
    CHECK(least <= 2);
    CHECK_EQ(cc_btree_check(&space->tree), before - gone);
    CHECK_EQ(space->item_count, before - gone);
    CHECK_OK(cc_store_close(store, NULL));
}

TEST(thin_inner_nodes) {
    thin_out(0);
    thin_out(1);
}

/* ---- what only memory can have wrong ---- */
static cc_status make(const void *definition, cc_key key, cc_bytes item, cc_buffer *scratch,
                      cc_index_image *image_out, bool *present_out) {
    (void)definition;
    (void)scratch;
    *present_out = true;
    *image_out = (cc_index_image){{key.sort, key.partition}, (uint32_t)item.size};
    return CC_OK;
}

enum {
    NOTHING,
    ITEM_COUNT,
    ITEM_BYTES,
    NOT_INDEXED,
    HASH_OUT_OF_ORDER,
    INDEX_COUNT,
    INDEX_BYTES,
    INDEX_ORDER,
    INDEX_HASHES,
    INDEX_LACKS,
    INDEX_STRANGER,
    BAD_ITEM,
    FAILS,
    WAYS
};

static void swap_cells(cc_leaf *leaf) {
    cc_cell *first = leaf->cells[0];
    leaf->cells[0] = leaf->cells[1];
    leaf->cells[1] = first;
}

static void break_index(cc_space *index, int way) {
    cc_leaf *leaf = cc_btree_seek_hash(&index->tree, 0).leaf;
    index->item_count += way == INDEX_COUNT;
    index->item_bytes += way == INDEX_BYTES;
    if (way == INDEX_ORDER) /* of entries with one hash */
        swap_cells(leaf);
    if (way == INDEX_HASHES)
        leaf->heads[0].hash = UINT64_MAX;
    if (way == INDEX_LACKS) {
        leaf->count--;
        index->item_count--;
    }
    if (way == INDEX_STRANGER)
        leaf->cells[0] = leaf->cells[1];
}

static cc_status break_store(void *context, cc_store *store, cc_error *error) {
    int way = *(int *)context;
    cc_space *space = store->spaces[0], *index = NULL;
    cc_leaf *leaf = cc_btree_seek_hash(&space->tree, 0).leaf;
    bool done = false;
    for (int i = 0; i < CC_SPACE_INDEX_MAX; i++)
        CC_TRY(cc_index_create(space, make, NULL, i == 0 ? &index : &(cc_space *){NULL}, error));
    CHECK_EQ(cc_index_create(space, make, NULL, &(cc_space *){NULL}, NULL), CC_ERR_LIMIT);
    while (space->index_count > 1)
        cc_index_drop(cc_index_at(space, space->index_count - 1));
    CC_TRY(cc_index_fill(index, NULL, SIZE_MAX, &done, error));
    space->item_count += way == ITEM_COUNT;
    space->item_bytes += way == ITEM_BYTES;
    if (way == NOT_INDEXED) {
        cc_key key = cc_cell_key(leaf->cells[0]);
        uint64_t hash = cc_store_partition_hash(store, key.partition);
        cc_hash_index_remove(&space->index, cc_store_key_hash(store, hash, key.sort), leaf->cells[0]);
    }
    if (way == HASH_OUT_OF_ORDER)
        leaf->heads[0].hash++;
    break_index(index, way);
    return way == FAILS ? cc_fail(error, CC_ERR_NOMEM, "the owner has no memory") : CC_OK;
}

static const char *judge_item(void *context, const cc_space *space, cc_key key, cc_bytes value) {
    (void)space;
    (void)value;
    return *(int *)context == BAD_ITEM && cc_bytes_equal(key.sort, text("3")) ? "it is a bad one" : NULL;
}

static cc_bytes index_name(const void *definition) {
    (void)definition;
    return text("an index with a name that is so long that not all of it can be told in a line");
}

static uint64_t break_and_check(fault_fs *disk, int way, bool named, cc_status wanted) {
    cc_store_options options = forge_options(disk);
    cc_findings findings = {0};
    cc_verify_options verify = {.findings = &findings,
                                .opened = break_store,
                                .item = judge_item,
                                .index_name = named ? index_name : NULL,
                                .context = &way};
    cc_store_survey survey;
    CHECK_EQ(cc_store_verify("d", &options, &verify, &survey, NULL), wanted);
    return findings.faults;
}

TEST(broken_in_memory) {
    fault_fs *disk = fault_fs_new();
    cc_store *store = open_store(disk, CC_DURABILITY_PROCESS);
    static const uint8_t name[120] = {'t'};
    cc_space *space = NULL;
    cc_log_ticket ticket;
    CHECK_OK(cc_space_create(store, cc_bytes_of(name, sizeof name), text(""), &space, NULL));
    for (int i = 0; i < 300; i++) { /* many more than can have a hash of their own */
        char sort[8];
        snprintf(sort, sizeof sort, "%d", i);
        CHECK_OK(put_size(space, sort, (size_t)i, &ticket));
    }
    CHECK_OK(cc_store_close(store, NULL));
    for (int way = 0; way < WAYS; way++)
        for (int named = 0; named < 2; named++) {
            uint64_t faults = break_and_check(disk, way, named != 0, way == FAILS ? CC_ERR_NOMEM : CC_OK);
            CHECK(way == NOTHING || way == FAILS ? faults == 0 : faults != 0);
            if ((way == NOTHING || way == FAILS) != (faults == 0))
                fprintf(stderr, "way %d: %llu faults\n", way, (unsigned long long)faults);
        }
    fault_fs_free(disk);
}

int main(void) {
    RUN(names_and_sizes);
    RUN(many_changes_in_one);
    RUN(readers_and_reading_only);
    RUN(followers);
    RUN(poisoned);
    RUN(ends_and_owners);
    RUN(thin_inner_nodes);
    RUN(broken_in_memory);
    return REPORT();
}
