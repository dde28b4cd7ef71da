/* test_store_feed.c: what followers are told: the feed replayed onto an empty copy is the space, old values are
 * those that were there, no-ops are silent; places, other spaces, restarts, memory, waiting, retention. */
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/thread.h"
#include "store/internal.h"
#include "support/check.h"
#include "support/directory.h"

enum { KEYS = 64, SIZE_MAX_HERE = 700 };

static cc_bytes text(const char *word) { return cc_bytes_text(word); }

static cc_store *open_at(const char *dir, const cc_store_options *options) {
    cc_store *store = NULL;
    cc_error error = {0};
    if (cc_store_open(dir, options, &store, &error) != CC_OK) {
        fprintf(stderr, "open: %s\n", error.message);
        abort();
    }
    return store;
}

static cc_space *create(cc_store *store, const char *name, cc_feed_kind kind) {
    cc_space *space = NULL;
    CHECK_OK(cc_space_create(store, text(name), text("m"), &space, NULL));
    CHECK_OK(cc_space_set_feed(space, kind, NULL));
    return space;
}

static uint64_t draw(uint64_t *random) {
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return *random >> 33;
}

/* Changes of a few keys, in writes of 1 to 12, with the same key several times in one write; every third value
 * is one of two, so that many puts change nothing. */
static cc_log_ticket write_some(cc_space **spaces, size_t space_count, uint64_t *random) {
    static uint8_t values[12][SIZE_MAX_HERE];
    static uint32_t keys[12];
    cc_change changes[12];
    size_t count = 1 + draw(random) % 12;
    for (size_t i = 0; i < count; i++) {
        keys[i] = (uint32_t)(draw(random) % KEYS);
        uint64_t kind = draw(random) % 8;
        size_t size = 4 + draw(random) % (SIZE_MAX_HERE - 4);
        memset(values[i], (int)draw(random), size);
        if (draw(random) % 3 == 0) {
            size = 40;
            memset(values[i], 'a' + (int)(draw(random) % 2), size);
        }
        changes[i] = (cc_change){.kind = kind < 5   ? CC_CHANGE_PUT
                                         : kind < 7 ? CC_CHANGE_DELETE
                                                    : CC_CHANGE_EXPIRE,
                                 .space = spaces[draw(random) % space_count],
                                 .key = {cc_bytes_of(&keys[i], 4), cc_bytes_of("s", 1)},
                                 .value = cc_bytes_of(values[i], size)};
    }
    cc_log_ticket ticket;
    CHECK_OK(cc_store_write(spaces[0]->store, changes, count, &ticket, NULL));
    return ticket;
}

/* Applies what the feed tells to `copy`, checking it against what stands there. */
static size_t follow(cc_feed *feed, cc_space *copy, cc_feed_kind kind) {
    cc_feed_change told;
    cc_feed_place last = {0, 0};
    size_t count = 0;
    cc_status status;
    while ((status = cc_feed_next(feed, &told, NULL)) == CC_OK) {
        cc_bytes before = {NULL, 0};
        bool was = cc_space_get(copy, told.key, &before);
        CHECK(told.place.sequence > last.sequence ||
              (told.place.sequence == last.sequence && told.place.index > last.index));
        CHECK_EQ(told.replaced, was);
        CHECK_EQ(told.has_old, was && kind == CC_FEED_IMAGES);
        CHECK(!told.has_old || cc_bytes_equal(told.old, before));
        CHECK(told.kind == CC_CHANGE_PUT ? !was || !cc_bytes_equal(told.value, before) : was);
        CHECK(told.time_ms + 60000 > cc_clock_wall_ms());
        cc_change change = {told.kind, copy, told.key, told.value};
        cc_log_ticket ticket;
        CHECK_OK(cc_store_write(copy->store, &change, 1, &ticket, NULL));
        last = told.place;
        count++;
    }
    CHECK_EQ(status, CC_ERR_NOT_FOUND);
    return count;
}

static bool same(cc_space *a, cc_space *b) {
    cc_space_cursor x;
    bool more = cc_space_seek_hash(a, 0, &x);
    for (; more; more = cc_space_next(&x)) {
        cc_key key;
        cc_bytes value, other;
        cc_space_entry(&x, NULL, &key, &value);
        if (!cc_space_get(b, key, &other) || !cc_bytes_equal(value, other))
            return false;
    }
    return a->item_count == b->item_count;
}

static void replay_is_the_space(const char *dir, cc_feed_kind kind) {
    cc_store *store = open_at(dir, NULL), *copies = open_at(NULL, NULL);
    cc_space *spaces[] = {create(store, "a", kind), create(store, "b", kind),
                          create(store, "c", CC_FEED_OFF)};
    cc_space *copy[] = {create(copies, "a", CC_FEED_OFF), create(copies, "b", CC_FEED_OFF)};
    cc_feed *feeds[2];
    size_t told = 0;
    uint64_t random = 1;
    for (int i = 0; i < 2; i++) {
        uint32_t id = cc_space_id(spaces[i]);
        CHECK_OK(cc_feed_open(store, &id, 1, (cc_feed_place){0, 0}, &feeds[i], NULL));
    }
    for (int round = 0; round < 200; round++) {
        for (int i = 0; i < 20; i++)
            write_some(spaces, 3, &random);
        for (int i = 0; i < 2; i++) {
            told += follow(feeds[i], copy[i], kind);
            CHECK(same(spaces[i], copy[i]));
        }
        if (round % 50 == 49 && dir != NULL) { /* the feed goes on where it was */
            uint64_t seen[2];
            for (int i = 0; i < 2; i++) {
                seen[i] = cc_feed_seen(feeds[i]);
                cc_feed_close(feeds[i]);
            }
            CHECK_OK(cc_store_close(store, NULL));
            store = open_at(dir, NULL);
            for (int i = 0; i < 3; i++) {
                spaces[i] = cc_space_at(store, (size_t)i);
                CHECK_OK(cc_space_set_feed(spaces[i], i < 2 ? kind : CC_FEED_OFF, NULL));
            }
            for (int i = 0; i < 2; i++) {
                uint32_t id = cc_space_id(spaces[i]);
                cc_feed_place from = {seen[i] + 1, 0};
                CHECK_OK(cc_feed_open(store, &id, 1, from, &feeds[i], NULL));
            }
        }
    }
    CHECK(told > 5000);
    for (int i = 0; i < 2; i++)
        cc_feed_close(feeds[i]);
    CHECK_OK(cc_store_close(store, NULL));
    CHECK_OK(cc_store_close(copies, NULL));
}

TEST(replayed_with_images) {
    fresh_directory();
    replay_is_the_space(directory, CC_FEED_IMAGES);
}
TEST(replayed_with_keys) {
    fresh_directory();
    replay_is_the_space(directory, CC_FEED_KEYS);
}
TEST(replayed_in_memory) { replay_is_the_space(NULL, CC_FEED_IMAGES); }

/* From every place on, the rest is the same. */
TEST(any_place) {
    fresh_directory();
    cc_store_options options = {.log = {.segment_min = 1 << 16, .segment_max = 1 << 17}};
    cc_store *store = open_at(directory, &options);
    cc_space *spaces[] = {create(store, "a", CC_FEED_IMAGES), create(store, "b", CC_FEED_OFF)};
    uint64_t random = 7;
    for (int i = 0; i < 600; i++)
        write_some(spaces, 2, &random);
    uint32_t id = cc_space_id(spaces[0]);
    enum { ROOM = 8000 };
    static cc_feed_place places[ROOM];
    size_t count = 0;
    cc_feed *feed = NULL;
    cc_feed_change told;
    CHECK_OK(cc_feed_open(store, &id, 1, (cc_feed_place){0, 0}, &feed, NULL));
    while (cc_feed_next(feed, &told, NULL) == CC_OK && count < ROOM)
        places[count++] = told.place;
    CHECK(count > 1000 && count < ROOM);
    cc_feed_close(feed);
    for (size_t at = 0; at < count; at += 37) {
        CHECK_OK(cc_feed_open(store, &id, 1, places[at], &feed, NULL));
        for (size_t i = at; i < count; i++) {
            CHECK_OK(cc_feed_next(feed, &told, NULL));
            CHECK_EQ(told.place.sequence, places[i].sequence);
            CHECK_EQ(told.place.index, places[i].index);
        }
        CHECK_EQ(cc_feed_next(feed, &told, NULL), CC_ERR_NOT_FOUND);
        cc_feed_close(feed);
    }
    CHECK_OK(cc_store_close(store, NULL));
}

/* A record of a write that nobody follows is one that older builds read too. */
TEST(unmarked_writes_stay_as_they_were) {
    fresh_directory();
    cc_store *store = open_at(directory, NULL);
    cc_space *quiet = create(store, "quiet", CC_FEED_OFF), *told = create(store, "told", CC_FEED_IMAGES);
    cc_change change = {CC_CHANGE_PUT, quiet, {text("p"), text("s")}, text("v")};
    uint32_t expected[] = {CC_RECORD_INIT, CC_RECORD_CREATE, CC_RECORD_CREATE, CC_RECORD_WRITE,
                           CC_RECORD_FEED, CC_RECORD_WRITE,  CC_RECORD_WRITE,  CC_RECORD_FEED};
    cc_log_ticket ticket;
    CHECK_OK(cc_store_write(store, &change, 1, &ticket, NULL));
    change.space = told;
    CHECK_OK(cc_store_write(store, &change, 1, &ticket, NULL));
    CHECK_OK(cc_store_write(store, &change, 1, &ticket, NULL)); /* the same value again */
    change.kind = CC_CHANGE_DELETE;
    change.key.sort = text("absent");
    CHECK_OK(cc_store_write(store, &change, 1, &ticket, NULL));
    change.key.sort = text("s");
    CHECK_OK(cc_store_write(store, &change, 1, &ticket, NULL));
    cc_log_reader *reader = NULL;
    cc_log_record record;
    CHECK_OK(cc_log_reader_open(cc_store_log(store), 1, &reader, NULL));
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        CHECK_OK(cc_log_reader_next(reader, &record, NULL));
        CHECK_EQ(record.type, expected[i]);
    }
    CHECK_EQ(cc_log_reader_next(reader, &record, NULL), CC_ERR_NOT_FOUND);
    cc_log_reader_close(reader);
    CHECK_OK(cc_store_close(store, NULL));
}

/* ---- decoding ---- */
static cc_status decode_change(uint32_t type, const uint8_t *change, size_t size) {
    uint8_t payload[64] = {1};
    cc_record record;
    cc_record_change out;
    memcpy(payload + 4, change, size);
    CHECK_OK(cc_record_decode(type, cc_bytes_of(payload, 4 + size), &record, NULL));
    return cc_record_next_change(&record, &out, NULL);
}

TEST(flags_that_do_not_go_together) {
    for (uint32_t kind = 1; kind <= 3; kind++)
        for (uint32_t flags = 0; flags < 256; flags++) {
            uint8_t change[24] = {(uint8_t)kind, (uint8_t)flags};
            bool old = (flags & 4) != 0;
            bool good = flags == 0 || (flags <= 7 && (flags & 1) != 0 && (!old || (flags & 2) != 0) &&
                                       (kind == 1 || (flags & 2) != 0));
            size_t size = old ? 20 : 16;
            CHECK_EQ(decode_change(CC_RECORD_FEED, change, size), good ? CC_OK : CC_ERR_CORRUPT);
            CHECK_EQ(decode_change(CC_RECORD_WRITE, change, size), flags == 0 ? CC_OK : CC_ERR_CORRUPT);
            if (old && good) {
                CHECK_EQ(decode_change(CC_RECORD_FEED, change, 19), CC_ERR_CORRUPT);
                change[16] = 4; /* an old value of 4 bytes */
                CHECK_EQ(decode_change(CC_RECORD_FEED, change, 24), CC_OK);
                CHECK_EQ(decode_change(CC_RECORD_FEED, change, 23), CC_ERR_CORRUPT);
            }
        }
}

/* ---- retention ---- */
TEST(the_log_stays_for_followers) {
    fresh_directory();
    cc_store_options options = {.log = {.segment_min = 1 << 16, .segment_max = 1 << 16},
                                .feed_retention_ms = 1000};
    cc_store *store = open_at(directory, &options);
    cc_space *told = create(store, "told", CC_FEED_IMAGES), *quiet = create(store, "quiet", CC_FEED_OFF);
    cc_log *log = cc_store_log(store);
    uint64_t random = 3, now = cc_clock_wall_ms();
    cc_log_info info;
    for (int i = 0; i < 400; i++)
        write_some(&quiet, 1, &random);
    cc_log_info_get(log, &info);
    CHECK(info.segments > 4);
    CHECK_EQ(cc_store_forgettable(store, info.last_sequence), info.last_sequence);
    CHECK_EQ(cc_store_forgettable(store, 17), 17);
    uint64_t first = 0;
    while (first == 0) { /* until the newest segment holds a marked change */
        cc_log_ticket ticket = write_some(&told, 1, &random);
        first = cc_log_marked_since(log, now - 1000, UINT64_MAX) <= ticket.last ? ticket.first : 0;
    }
    for (int i = 0; i < 400; i++)
        write_some(&quiet, 1, &random);
    cc_log_info_get(log, &info);
    uint64_t keep = cc_store_forgettable(store, info.last_sequence);
    CHECK(keep < first && first - keep < 200);
    cc_store_set_time(store, now + 60000);
    CHECK_EQ(cc_store_forgettable(store, info.last_sequence), info.last_sequence);
    cc_store_set_time(store, 0);
    /* What a checkpoint would do: forget all that nobody needs. */
    CHECK_OK(cc_log_cursor_set(log, "checkpoint", keep, NULL));
    CHECK_OK(cc_log_truncate(log, NULL));
    cc_feed *feed = NULL;
    cc_feed_change change;
    uint32_t id = cc_space_id(told);
    CHECK_OK(cc_feed_open(store, &id, 1, (cc_feed_place){0, 0}, &feed, NULL));
    CHECK_OK(cc_feed_next(feed, &change, NULL));
    CHECK_EQ(change.place.sequence, first);
    cc_feed_close(feed);
    CHECK_OK(cc_store_close(store, NULL));
}

TEST(memory_is_bounded) {
    cc_store_options options = {.feed_bytes_max = 24 << 20};
    cc_store *store = open_at(NULL, &options);
    cc_space *told = create(store, "told", CC_FEED_IMAGES);
    uint64_t random = 5;
    cc_log_info info = {0};
    CHECK(cc_store_log(store) == NULL);
    for (int i = 0; i < 30000; i++)
        write_some(&told, 1, &random);
    cc_log_info_get(cc_store_feed_log(store), &info);
    CHECK(info.first_sequence > 1);
    CHECK(info.disk_bytes <= (32u << 20));
    CHECK_OK(cc_store_close(store, NULL));
}

/* ---- waiting ---- */
typedef struct {
    cc_store *store;
    uint64_t topics, sequence, wakes;
    bool more;
    _Atomic int state;
} waiter;

static void *wait_long(void *context) {
    waiter *self = context;
    self->state = 1;
    self->more = cc_store_feed_wait(self->store, self->topics, self->sequence, 60000, &self->wakes);
    self->state = 2;
    return NULL;
}

static bool sleeps(cc_store *store) {
    for (int i = 0; i < 120000; i++) {
        cc_store_lock(store);
        bool asleep = store->feed_waiters == 1 && store->feed_awaited != 0;
        cc_store_unlock(store);
        if (asleep)
            return true;
        usleep(500);
    }
    return false;
}

static cc_status write_locked(cc_store *store, const cc_change *change, cc_log_ticket *ticket_out) {
    cc_store_lock(store);
    cc_status status = cc_store_write(store, change, 1, ticket_out, NULL);
    cc_store_unlock(store);
    return status;
}

TEST(waiting) {
    fresh_directory();
    cc_store *store = open_at(directory, NULL);
    cc_space *told = create(store, "told", CC_FEED_KEYS), *other = create(store, "other", CC_FEED_KEYS);
    cc_log_ticket ticket;
    cc_change change = {CC_CHANGE_PUT, told, {text("p"), text("s")}, text("v")};
    CHECK_OK(cc_store_write(store, &change, 1, &ticket, NULL));
    uint64_t topics = cc_log_topic(cc_space_id(told));
    uint64_t wakes = 0;
    CHECK(cc_store_feed_wait(store, topics, 0, 60000, &wakes)); /* there already */
    CHECK(!cc_store_feed_wait(store, topics, ticket.last, 0, &wakes));
    CHECK(!cc_store_feed_wait(store, topics, ticket.last, 5, &wakes));
    cc_store_feed_wake(store); /* between two waits: the next one does not sleep */
    CHECK(!cc_store_feed_wait(store, topics, ticket.last, UINT32_MAX, &wakes));
    CHECK_EQ(wakes, 1);
    for (int woken = 0; woken < 2; woken++) {
        waiter self = {.store = store, .topics = topics, .sequence = ticket.last, .wakes = wakes};
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, wait_long, &self) == 0);
        CHECK(sleeps(store));
        change.space = other;
        change.value = text(woken ? "x" : "y");
        CHECK_OK(write_locked(store, &change, &ticket));
        CHECK_EQ(self.state, 1); /* another table's change is not what it waits for */
        change.space = told;
        if (woken)
            cc_store_feed_wake(store);
        else
            CHECK_OK(write_locked(store, &change, &ticket));
        CHECK(pthread_join(thread, NULL) == 0);
        CHECK_EQ(self.more, !woken);
        self.sequence = ticket.last;
    }
    CHECK_OK(cc_store_close(store, NULL));
}

int main(void) {
    RUN(replayed_with_images);
    RUN(replayed_with_keys);
    RUN(replayed_in_memory);
    RUN(any_place);
    RUN(unmarked_writes_stay_as_they_were);
    RUN(flags_that_do_not_go_together);
    RUN(the_log_stays_for_followers);
    RUN(memory_is_bounded);
    RUN(waiting);
    return REPORT();
}
