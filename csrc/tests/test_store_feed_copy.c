/* test_store_feed_copy.c: a store that takes another one's feed goes on numbering as that one does; what is damaged is
 * refused, what is missing in the middle is forgotten. */
#include <stdlib.h>

#include "base/little.h"
#include "store/feed_copy.h"
#include "store/internal.h"
#include "support/check.h"
#include "support/fault_fs.h"

enum { WRITES = 300, PAGE = 1000 };

static cc_store *in_memory(const char *name, cc_space **space_out) {
    cc_store *store = NULL;
    CHECK_OK(cc_store_open(NULL, NULL, &store, NULL));
    CHECK_OK(cc_store_skip_spaces(store, 7, NULL));
    CHECK_OK(cc_space_create(store, cc_bytes_text(name), cc_bytes_text("m"), space_out, NULL));
    CHECK_EQ(cc_space_id(*space_out), 7);
    CHECK_OK(cc_space_set_feed(*space_out, CC_FEED_IMAGES, NULL));
    return store;
}

static void put(cc_space *space, uint32_t number) {
    uint8_t value[200];
    uint32_t key = number % 50;
    memset(value, (int)number, sizeof value);
    cc_change change = {CC_CHANGE_PUT,
                        space,
                        {cc_bytes_of(&key, 4), cc_bytes_of("s", 1)},
                        cc_bytes_of(value, sizeof value),
                        0};
    cc_log_ticket ticket;
    cc_store_set_time(space->store, 1700000000000 + number);
    CHECK_OK(cc_store_write(space->store, &change, 1, &ticket, NULL));
}

static void copy(cc_store *from, cc_buffer *pages) {
    cc_log_reader *reader = NULL;
    size_t count = 1;
    uint64_t last = cc_store_feed_last(from);
    CHECK_OK(cc_log_reader_open(cc_store_feed_log(from), 0, &reader, NULL));
    while (count != 0)
        CHECK_OK(cc_feed_copy_read(reader, last, PAGE, pages, &count, NULL));
    cc_log_reader_close(reader);
}

static void same_feeds(cc_store *a, cc_store *b) {
    uint32_t id = 7;
    cc_feed *feeds[2];
    cc_feed_change x, y;
    CHECK_OK(cc_feed_open(a, &id, 1, (cc_feed_place){0, 0}, &feeds[0], NULL));
    CHECK_OK(cc_feed_open(b, &id, 1, (cc_feed_place){0, 0}, &feeds[1], NULL));
    cc_status status = cc_feed_next(feeds[0], &x, NULL);
    for (; status == CC_OK; status = cc_feed_next(feeds[0], &x, NULL)) {
        CHECK_OK(cc_feed_next(feeds[1], &y, NULL));
        CHECK_EQ(x.place.sequence, y.place.sequence);
        CHECK_EQ(x.time_ms, y.time_ms);
        CHECK(cc_bytes_equal(x.value, y.value) && cc_bytes_equal(x.old, y.old));
    }
    CHECK_EQ(status, CC_ERR_NOT_FOUND);
    CHECK_EQ(cc_feed_next(feeds[1], &y, NULL), CC_ERR_NOT_FOUND);
    CHECK_EQ(cc_feed_seen(feeds[0]), cc_feed_seen(feeds[1]));
    cc_feed_close(feeds[0]);
    cc_feed_close(feeds[1]);
}

TEST(a_copy_goes_on_as_the_first_one_does) {
    cc_space *one = NULL, *other = NULL;
    cc_store *a = in_memory("t", &one), *b = in_memory("t", &other);
    cc_buffer pages = {0};
    for (uint32_t i = 0; i < WRITES; i++)
        put(one, i);
    copy(a, &pages);
    for (uint32_t i = WRITES - 50; i < WRITES; i++) /* what a checkpoint brings, with marks of its own */
        put(other, i);
    CHECK_OK(cc_feed_copy_begin(b, 0, NULL));
    CHECK_OK(cc_feed_copy_take(b, cc_buffer_bytes(&pages), NULL));
    CHECK_EQ(cc_store_feed_last(b), WRITES);
    for (uint32_t i = WRITES; i < WRITES + 100; i++) {
        put(one, i);
        put(other, i);
    }
    same_feeds(a, b);
    CHECK_OK(cc_feed_copy_begin(b, 5000, NULL)); /* all of them are older than a day */
    uint64_t wakes = 0, topic = cc_log_topic(7);
    CHECK(!cc_store_feed_wait(b, topic, 100, 0, &wakes)); /* of those that were there nothing follows */
    put(other, 1);
    CHECK(cc_store_feed_wait(b, topic, 100, 0, &wakes));
    CHECK_EQ(cc_store_feed_last(b), 5001);
    cc_buffer_free(&pages);
    CHECK_OK(cc_store_close(a, NULL));
    CHECK_OK(cc_store_close(b, NULL));
}

TEST(what_is_damaged_is_refused) {
    cc_space *one = NULL, *other = NULL;
    cc_store *a = in_memory("t", &one), *b = in_memory("t", &other);
    cc_buffer pages = {0};
    for (uint32_t i = 0; i < 3; i++)
        put(one, i);
    copy(a, &pages);
    size_t each = pages.size / 3;
    for (size_t cut = 1; cut < each; cut++)
        CHECK_EQ(cc_feed_copy_take(b, cc_bytes_of(pages.data, cut), NULL), CC_ERR_CORRUPT);
    CHECK_OK(cc_feed_copy_begin(b, 0, NULL));
    CHECK_OK(cc_feed_copy_take(b, cc_bytes_of(pages.data, each), NULL));
    CHECK_OK(
        cc_feed_copy_take(b, cc_bytes_of(pages.data + 2 * each, each), NULL)); /* the second is missing */
    cc_log_info info;
    cc_log_info_get(cc_store_feed_log(b), &info);
    CHECK_EQ(info.first_sequence, 3);
    CHECK_EQ(info.last_sequence, 3);
    CHECK_EQ(info.marked_gone, 2);
    CHECK_EQ(cc_store_skip_spaces(b, 3, NULL), CC_ERR_CORRUPT);
    cc_feed *feed = NULL;
    uint32_t id = 7;
    CHECK_OK(cc_feed_open(b, &id, 1, (cc_feed_place){0, 0}, &feed, NULL));
    CHECK_EQ(cc_feed_copy_begin(b, 9, NULL), CC_ERR_BUSY);
    cc_feed_close(feed);
    cc_buffer_free(&pages);
    CHECK_OK(cc_store_close(a, NULL));
    CHECK_OK(cc_store_close(b, NULL));
}

/* A record of a copy: its place, its time, a WRITE or FEED of one change. */
static cc_status take_forged(cc_store *store, uint64_t sequence, uint64_t time_ms, uint8_t flags,
                             const char *behind) {
    uint8_t record[64] = {0};
    size_t size = 20 + 4 + 16 + 2 + strlen(behind);
    cc_put_u64(record, sequence);
    cc_put_u64(record + 8, time_ms);
    cc_put_u32(record + 16, (uint32_t)size - 20);
    record[20] = 1;
    record[24] = CC_CHANGE_PUT;
    record[25] = flags;
    record[26] = record[28] = 1; /* a key of two bytes */
    memcpy(record + 42, behind, strlen(behind));
    return cc_feed_copy_take(store, cc_bytes_of(record, size), NULL);
}

TEST(what_is_forged_is_refused) {
    cc_space *one = NULL, *other = NULL;
    cc_store *a = in_memory("t", &one);
    cc_buffer pages = {0};
    put(one, 1);
    put(one, 2);
    copy(a, &pages);
    for (size_t at = 0; at < pages.size; at++) { /* another place, time, value, or a refusal */
        cc_store *b = in_memory("t", &other);
        pages.data[at] ^= 0x81;
        cc_status status = cc_feed_copy_take(b, cc_buffer_bytes(&pages), NULL);
        CHECK(status == CC_OK || status == CC_ERR_CORRUPT);
        pages.data[at] ^= 0x81;
        CHECK_OK(cc_store_close(b, NULL));
    }
    cc_buffer_free(&pages);
    CHECK_OK(take_forged(a, 1, 5, CC_CHANGE_FED, ""));
    CHECK_EQ(take_forged(a, 0, 5, CC_CHANGE_FED, ""), CC_ERR_CORRUPT);
    CHECK_EQ(take_forged(a, 2, 0, CC_CHANGE_FED, ""), CC_ERR_CORRUPT);
    CHECK_EQ(take_forged(a, 2, 5, 0, ""), CC_ERR_CORRUPT);
    CHECK_EQ(take_forged(a, 2, 5, CC_CHANGE_FED, "x"), CC_ERR_CORRUPT);
    CHECK_EQ(take_forged(a, 2, 5, CC_CHANGE_REPLACED, ""), CC_ERR_CORRUPT);
    CHECK_EQ(take_forged(a, UINT64_MAX, 5, CC_CHANGE_FED, ""), CC_ERR_CORRUPT);
    CHECK_EQ(take_forged(a, CC_LOG_SEQUENCE_MAX + 1, 5, CC_CHANGE_FED, ""), CC_ERR_CORRUPT);
    CHECK_EQ(cc_feed_copy_begin(a, CC_LOG_SEQUENCE_MAX + 1, NULL), CC_ERR_CORRUPT);
    CHECK_EQ(cc_store_feed_last(a), 1); /* and the feed is as it was */
    CHECK_OK(take_forged(a, CC_LOG_SEQUENCE_MAX, 5, CC_CHANGE_FED, ""));
    CHECK_EQ(cc_store_skip_spaces(a, (1 << 20) + 1, NULL), CC_ERR_CORRUPT);
    CHECK_OK(cc_store_close(a, NULL));
}

/* With files the log is the feed, and numbers the spaces. */
TEST(with_files) {
    fault_fs *disk = fault_fs_new();
    cc_store_options options = {.log = {.fs = fault_fs_table(disk), .segment_min = 4096},
                                .checkpoint_bytes = UINT64_MAX};
    cc_store *store = NULL;
    CHECK_OK(cc_store_open("d", &options, &store, NULL));
    CHECK_EQ(cc_feed_copy_begin(store, 1, NULL), CC_ERR_ARGUMENT);
    CHECK_EQ(take_forged(store, 9, 5, CC_CHANGE_FED, ""), CC_ERR_ARGUMENT);
    CHECK_EQ(cc_store_skip_spaces(store, 9, NULL), CC_ERR_ARGUMENT);
    CHECK_EQ(cc_store_feed_last(store), 1);
    CHECK_OK(cc_store_close(store, NULL));
    fault_fs_free(disk);
}

int main(void) {
    RUN(a_copy_goes_on_as_the_first_one_does);
    RUN(what_is_damaged_is_refused);
    RUN(what_is_forged_is_refused);
    RUN(with_files);
    return REPORT();
}
