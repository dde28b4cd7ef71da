/* test_store_smoke.c: the contract of store.h in small: spaces, writes, cursors, limits, fork. */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/feed.h"
#include "store/internal.h"
#include "store/snapshot.h"
#include "support/check.h"

static cc_bytes text(const char *word) { return cc_bytes_text(word); }
static cc_key key_of(const char *partition, const char *sort) {
    return (cc_key){text(partition), text(sort)};
}

static cc_status put(cc_space *space, const char *partition, const char *sort, const char *value) {
    cc_change change = {CC_CHANGE_PUT, space, key_of(partition, sort), text(value)};
    cc_log_ticket ticket;
    return cc_store_write(space->store, &change, 1, &ticket, NULL);
}

static bool has(cc_space *space, const char *partition, const char *sort, const char *value) {
    cc_bytes found;
    return cc_space_get(space, key_of(partition, sort), &found) && cc_bytes_equal(found, text(value));
}

static bool absent(cc_space *space, const char *partition, const char *sort) {
    cc_bytes found;
    return !cc_space_get(space, key_of(partition, sort), &found);
}

static uint64_t count_of(cc_space *space) {
    cc_space_info info;
    cc_space_info_get(space, &info);
    CHECK_EQ(cc_btree_check(&space->tree), info.item_count);
    return info.item_count;
}

static cc_store *open_memory(void) {
    cc_store *store = NULL;
    CHECK_OK(cc_store_open(NULL, NULL, &store, NULL));
    CHECK(cc_store_log(store) == NULL);
    return store;
}

TEST(spaces) {
    cc_store *store = open_memory();
    cc_space *b = NULL, *a = NULL, *again = NULL;
    CHECK_OK(cc_space_create(store, text("beta"), text("{}"), &b, NULL));
    CHECK_OK(cc_space_create(store, text("alpha"), text(""), &a, NULL));
    CHECK_EQ(cc_space_create(store, text("beta"), text(""), &again, NULL), CC_ERR_EXISTS);
    CHECK_EQ(cc_space_create(store, text(""), text(""), &again, NULL), CC_ERR_ARGUMENT);
    CHECK(cc_space_at(store, 0) == a && cc_space_at(store, 1) == b && !cc_space_at(store, 2));
    CHECK(cc_space_find(store, text("beta")) == b && !cc_space_find(store, text("bet")));
    CHECK(cc_bytes_equal(cc_space_meta(b), text("{}")));
    CHECK_OK(cc_space_set_meta(store, text("beta"), text("[1]"), NULL));
    CHECK(cc_bytes_equal(cc_space_meta(b), text("[1]")));
    int *owned = malloc(sizeof *owned);
    cc_space_attach(b, owned, free);
    CHECK(cc_space_attached(b) == owned);
    CHECK_OK(put(b, "p", "s", "v"));
    CHECK_OK(cc_space_drop(store, text("beta"), NULL));
    CHECK_EQ(cc_space_drop(store, text("beta"), NULL), CC_ERR_NOT_FOUND);
    CHECK(cc_space_at(store, 0) == a && !cc_space_at(store, 1));
    CHECK_OK(cc_store_close(store, NULL));
}

TEST(one_key_many_times_in_a_write) {
    cc_store *store = open_memory();
    cc_space *space = NULL;
    CHECK_OK(cc_space_create(store, text("t"), text(""), &space, NULL));
    char big[600];
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    const char *values[] = {"a", big, "b", NULL};
    cc_log_ticket ticket;
    /* Every sequence of up to four changes of one key (3 puts of growing sizes, 1 delete), twice:
     * onto an absent key and onto a present one. The last change wins. */
    for (int present = 0; present < 2; present++)
        for (int code = 0; code < 256; code++)
            for (size_t length = 1; length <= 4; length++) {
                cc_change changes[4];
                const char *last = NULL;
                for (size_t i = 0; i < length; i++) {
                    const char *value = values[(code >> (2 * i)) & 3];
                    changes[i] = (cc_change){value ? CC_CHANGE_PUT : CC_CHANGE_DELETE, space, key_of("k", ""),
                                             text(value ? value : "")};
                    last = value;
                }
                cc_change delete = {CC_CHANGE_DELETE, space, key_of("k", ""), {NULL, 0}};
                CHECK_OK(cc_store_write(store, &delete, 1, &ticket, NULL));
                if (present)
                    CHECK_OK(put(space, "k", "", "before"));
                CHECK_OK(cc_store_write(store, changes, length, &ticket, NULL));
                CHECK(last ? has(space, "k", "", last) : absent(space, "k", ""));
                CHECK_EQ(count_of(space), last != NULL);
                CHECK_EQ(space->item_bytes, last ? strlen(last) : 0);
            }
    CHECK_OK(cc_store_close(store, NULL));
}

TEST(cursor_and_order) {
    cc_store *store = open_memory();
    cc_space *space = NULL;
    CHECK_OK(cc_space_create(store, text("t"), text(""), &space, NULL));
    cc_space_cursor cursor;
    CHECK(!cc_space_seek(space, key_of("p", "a"), &cursor));
    CHECK(!cc_space_seek_last(space, key_of("p", "a"), &cursor));
    CHECK(!cc_space_seek_hash(space, 0, &cursor));
    CHECK_OK(put(space, "p", "a-long-common-prefix-2", "2"));
    CHECK_OK(put(space, "p", "", "0"));
    CHECK_OK(put(space, "p", "a-long-common-prefix-1", "1"));
    CHECK_OK(put(space, "p", "b", "3"));
    char seen[8] = {0};
    int n = 0;
    for (bool more = cc_space_seek(space, key_of("p", ""), &cursor); more; more = cc_space_next(&cursor)) {
        cc_bytes value;
        uint64_t hash;
        cc_space_entry(&cursor, &hash, NULL, &value);
        CHECK_EQ(hash, cc_space_partition_hash(space, text("p")));
        seen[n++] = (char)value.data[0];
    }
    CHECK(strcmp(seen, "0123") == 0);
    cc_bytes value;
    CHECK(cc_space_seek_last(space, key_of("p", "a-long-common-prefix-1z"), &cursor));
    cc_space_entry(&cursor, NULL, NULL, &value);
    CHECK_EQ(value.data[0], '1');
    CHECK(cc_space_previous(&cursor) && !cc_space_previous(&cursor));
    CHECK_OK(cc_store_close(store, NULL));
}

TEST(limits) {
    cc_store *store = open_memory();
    cc_space *space = NULL;
    cc_error error;
    cc_log_ticket ticket;
    CHECK_OK(cc_space_create(store, text("t"), text(""), &space, NULL));
    uint8_t *long_key = calloc(1, CC_SPACE_KEY_PART_MAX + 1);
    cc_change change = {CC_CHANGE_PUT, space, {{long_key, CC_SPACE_KEY_PART_MAX + 1}, {NULL, 0}}, {NULL, 0}};
    CHECK_EQ(cc_store_write(store, &change, 1, &ticket, &error), CC_ERR_LIMIT);
    change.key.partition.size--;
    change.key.sort = change.key.partition;
    CHECK_OK(cc_store_write(store, &change, 1, &ticket, &error));
    cc_bytes value;
    CHECK(cc_space_get(space, change.key, &value) && value.size == 0);
    change.value = (cc_bytes){long_key, (size_t)CC_SPACE_VALUE_MAX + 1};
    CHECK_EQ(cc_store_write(store, &change, 1, &ticket, &error), CC_ERR_LIMIT);
    change.kind = (cc_change_kind)7;
    CHECK_EQ(cc_store_write(store, &change, 1, &ticket, &error), CC_ERR_ARGUMENT);
    CHECK_OK(cc_store_write(store, &change, 0, &ticket, &error));
    CHECK_OK(cc_store_wait(store, &ticket, CC_DURABILITY_COMMIT, &error));
    CHECK_EQ(count_of(space), 1);
    free(long_key);
    CHECK_OK(cc_store_close(store, NULL));
}

/* What a child may ask of a store that is its parent's: nothing, and it is told so, or sees nothing. */
static void check_forked(cc_store *store, cc_space *space, cc_feed *feed) {
    cc_space *made = NULL;
    cc_feed *another = NULL;
    cc_snapshot *snapshot = NULL;
    cc_feed_change change;
    cc_store_info whole;
    cc_space_cursor cursor;
    cc_log_ticket ticket = {1, 1, 1};
    uint32_t id = 1;
    cc_store_info_get(store, &whole);
    CHECK_EQ(whole.memory_bytes, 0);
    cc_space_prefetch(space, key_of("p", "s"));
    cc_store_feed_wake(store);
    CHECK_EQ(cc_store_check(store, NULL), CC_ERR_FORKED);
    CHECK(absent(space, "p", "s"));
    CHECK_EQ(put(space, "p", "s", "w"), CC_ERR_FORKED);
    CHECK(!cc_space_at(store, 0));
    CHECK(!cc_space_find(store, text("t")));
    CHECK(!cc_space_seek(space, key_of("p", "s"), &cursor));
    CHECK(!cc_space_seek_last(space, key_of("p", "s"), &cursor));
    CHECK(!cc_space_seek_hash(space, 0, &cursor));
    CHECK(cc_store_memory_bytes(store) == 0);
    CHECK(cc_store_try_lock(store));
    CHECK_EQ(cc_store_wait(store, &ticket, CC_DURABILITY_COMMIT, NULL), CC_ERR_FORKED);
    CHECK_EQ(cc_store_checkpoint(store, NULL), CC_ERR_FORKED);
    CHECK_EQ(cc_space_create(store, text("u"), text(""), &made, NULL), CC_ERR_FORKED);
    CHECK_EQ(cc_space_set_meta(store, text("t"), text(""), NULL), CC_ERR_FORKED);
    CHECK_EQ(cc_space_drop(store, text("t"), NULL), CC_ERR_FORKED);
    CHECK_EQ(cc_space_set_feed(space, CC_FEED_KEYS, NULL), CC_ERR_FORKED);
    CHECK_EQ(cc_feed_open(store, &id, 1, (cc_feed_place){0, 0}, &another, NULL), CC_ERR_FORKED);
    CHECK_EQ(cc_feed_next(feed, &change, NULL), CC_ERR_FORKED);
    CHECK_EQ(cc_snapshot_open(space, 0, &snapshot, NULL), CC_ERR_FORKED);
    CHECK(!cc_store_feed_wait(store, 1, 1, 0, NULL));
}

TEST(a_forked_child_is_refused) {
    cc_store *store = open_memory();
    cc_space *space = NULL;
    CHECK_OK(cc_space_create(store, text("t"), text(""), &space, NULL));
    CHECK_OK(put(space, "p", "s", "v"));
    cc_feed *feed = NULL;
    uint32_t id = cc_space_id(space);
    CHECK_OK(cc_space_set_feed(space, CC_FEED_KEYS, NULL));
    CHECK_OK(cc_feed_open(store, &id, 1, (cc_feed_place){0, 0}, &feed, NULL));
    cc_store_lock(store); /* fork happens while the lock is held: the child must not hang */
    pid_t child = fork();
    if (child == 0) {
        cc_store_lock(store);
        check_forked(store, space, feed);
        cc_store_unlock(store);
        CHECK_EQ(cc_store_close(store, NULL), CC_ERR_FORKED); /* its feed is a log */
        check_leave(check.failures_here);
    }
    cc_store_unlock(store);
    int code = -1;
    CHECK(waitpid(child, &code, 0) == child && code == 0);
    CHECK(has(space, "p", "s", "v"));
    cc_feed_close(feed);
    CHECK_OK(cc_store_close(store, NULL));
}

int main(void) {
    RUN(spaces);
    RUN(one_key_many_times_in_a_write);
    RUN(cursor_and_order);
    RUN(limits);
    RUN(a_forked_child_is_refused);
    return REPORT();
}
