/* test_store_beside.c: what a writer does to the leaves of a table while one of a checkpoint's pages is being written:
 * they join, split, empty, the table goes; the page is written then, or cannot be.
 *
 * For each page of a checkpoint in turn: what the store has afterwards, opened again from the checkpoint and the
 * log, and after the next checkpoint, is what it had in memory. */
#include <stdlib.h>

#include "support/check.h"
#include "support/forge.h"
#include "support/store_watch.h"

enum { ITEMS = 400, LARGE_EVERY = 37 };
typedef enum { THIN_OUT, EMPTY_BEHIND, EMPTY, FILL_IN, DROP, DROP_AND_MAKE, WAYS } way;

typedef struct {
    cc_store *store;
    fault_fs *disk;
    way way;
    uint64_t writes, at; /* calls of the watch without a lock, and the one at which it writes */
    bool fails;          /* that page cannot be written */
    bool inside, done;
} meddler;

static cc_status change(cc_store *store, cc_change_kind kind, uint32_t number, uint32_t more) {
    static const uint8_t value[CC_VALUE_INLINE_MAX + 50];
    char sort[24];
    cc_log_ticket ticket;
    snprintf(sort, sizeof sort, "%08u-%u", number, more);
    size_t size = number % LARGE_EVERY == 0 ? sizeof value : number % 60;
    cc_change one = {.kind = kind,
                     .space = cc_space_find(store, cc_bytes_text("t")),
                     .key = {cc_bytes_text("p"), cc_bytes_text(sort)},
                     .value = cc_bytes_of(value, kind == CC_CHANGE_PUT ? size : 0)};
    return one.space == NULL ? CC_OK : cc_store_write(store, &one, 1, &ticket, NULL);
}

static void meddle(void *context) {
    meddler *m = context;
    cc_space *space = NULL;
    if (m->inside || m->done || !store_may_write(m->store) || ++m->writes != m->at)
        return;
    m->inside = true;
    for (uint32_t i = 0; i < ITEMS; i++) {
        bool goes = m->way == THIN_OUT       ? i % 20 != 0
                    : m->way == EMPTY_BEHIND ? i >= m->at * 20
                                             : m->way == EMPTY;
        if (goes)
            CHECK_OK(change(m->store, CC_CHANGE_DELETE, i, 0));
        for (uint32_t more = 1; m->way == FILL_IN && more < 3; more++)
            CHECK_OK(change(m->store, CC_CHANGE_PUT, i, more));
    }
    if (m->way >= DROP)
        CHECK_OK(cc_space_drop(m->store, cc_bytes_text("t"), NULL));
    if (m->way == DROP_AND_MAKE)
        CHECK_OK(cc_space_create(m->store, cc_bytes_text("t"), cc_bytes_text("new"), &space, NULL));
    m->inside = false;
    m->done = true;
    if (m->fails)
        fault_fs_fail(m->disk, 1, FAULT_EIO, false);
}

/* What a store has, byte by byte. */
static cc_buffer dump(cc_store *store) {
    cc_buffer out = {0};
    for (size_t i = 0; i < store->space_count; i++) {
        cc_space *space = store->spaces[i];
        cc_space_cursor cursor;
        CHECK_EQ(cc_btree_check(&space->tree), space->item_count);
        CHECK_OK(cc_buffer_append(&out, space->meta.data, space->meta.size));
        for (bool more = cc_space_seek_hash(space, 0, &cursor); more; more = cc_space_next(&cursor)) {
            cc_key key;
            cc_bytes value;
            cc_space_entry(&cursor, NULL, &key, &value);
            CHECK_OK(cc_buffer_append(&out, key.sort.data, key.sort.size));
            CHECK_OK(cc_buffer_append(&out, value.data, value.size));
        }
    }
    return out;
}

static cc_store *open_on(fault_fs *disk, uint64_t budget) {
    cc_store_options options = forge_options(disk);
    cc_store *store = NULL;
    options.budget_bytes = budget;
    options.log.segment_max = 8 << 20;
    CHECK_OK(cc_store_open("d", &options, &store, NULL));
    return store;
}

/* As after kill -9. */
static void check_killed(fault_fs *disk, const cc_buffer *wanted) {
    fault_fs *image = fault_fs_kill(disk);
    cc_store *store = open_on(image, 0);
    cc_buffer found = dump(store);
    CHECK(!store->fell_back);
    CHECK(cc_bytes_equal(cc_buffer_bytes(wanted), cc_buffer_bytes(&found)));
    cc_buffer_free(&found);
    CHECK_OK(cc_store_close(store, NULL));
    fault_fs_free(image);
}

/* False: the checkpoint has fewer writes than `at`. */
static bool meddle_once(way how, uint64_t at, bool fails, uint64_t budget) {
    fault_fs *disk = fault_fs_new();
    cc_store *store = open_on(disk, budget);
    cc_space *space = NULL;
    CHECK_OK(cc_space_create(store, cc_bytes_text("t"), cc_bytes_text("{}"), &space, NULL));
    for (uint32_t i = 0; i < ITEMS; i++)
        CHECK_OK(change(store, CC_CHANGE_PUT, i, 0));
    CHECK_OK(cc_store_checkpoint(store, NULL));
    for (uint32_t i = 0; i < ITEMS; i += at % 3 == 0 ? 1 : 90) /* every leaf is written again, or some are */
        CHECK_OK(change(store, CC_CHANGE_PUT, i, 0));
    meddler m = {.store = store, .disk = disk, .way = how, .at = at, .fails = fails};
    fault_fs_watch(disk, meddle, &m);
    cc_status status = cc_store_checkpoint(store, NULL);
    fault_fs_watch(disk, NULL, NULL);
    fault_fs_fail(disk, 0, FAULT_EIO, false);
    CHECK(fails || status == CC_OK);
    cc_buffer wanted = dump(store);
    check_killed(disk, &wanted);
    status = cc_store_checkpoint(store, NULL);
    CHECK(status == CC_OK || (fails && status == CC_ERR_POISONED));
    check_killed(disk, &wanted);
    cc_buffer_free(&wanted);
    status = cc_store_close(store, NULL);
    CHECK(status == CC_OK || fails);
    fault_fs_free(disk);
    return m.done;
}

static uint64_t meddled;
static void meddle_everywhere(uint64_t budget) {
    for (way how = 0; how < WAYS; how++)
        for (int fails = 0; fails < 2; fails++)
            for (uint64_t at = 1; check.failures_here == 0 && meddle_once(how, at, fails != 0, budget); at++)
                meddled++;
}

TEST(leaves_change_beside_a_checkpoint) { meddle_everywhere(0); }
TEST(and_under_a_memory_budget) { meddle_everywhere(1); }

/* Keys so long that a directory ends at a few leaves. */
TEST(long_keys) {
    enum { KEY = 40000 };
    fault_fs *disk = fault_fs_new();
    cc_store *store = open_on(disk, 0);
    cc_space *space = NULL;
    cc_log_ticket ticket;
    uint8_t *partition = calloc(1, KEY);
    CHECK_OK(cc_space_create(store, cc_bytes_text("t"), cc_bytes_text(""), &space, NULL));
    for (uint32_t i = 0; i < 4 * CC_NODE_FANOUT; i++) {
        char sort[16];
        snprintf(sort, sizeof sort, "%08u", i);
        cc_change one = {
            .kind = CC_CHANGE_PUT, .space = space, .key = {cc_bytes_of(partition, KEY), cc_bytes_text(sort)}};
        CHECK_OK(cc_store_write(store, &one, 1, &ticket, NULL));
    }
    for (int round = 0; round < 3; round++) {
        CHECK_OK(cc_store_checkpoint(store, NULL));
        cc_buffer wanted = dump(store);
        check_killed(disk, &wanted);
        cc_buffer_free(&wanted);
    }
    free(partition);
    CHECK_OK(cc_store_close(store, NULL));
    fault_fs_free(disk);
}

int main(void) {
    RUN(leaves_change_beside_a_checkpoint);
    RUN(and_under_a_memory_budget);
    RUN(long_keys);
    printf("%llu checkpoints with a writer at one of their writes\n", (unsigned long long)meddled);
    return REPORT();
}
