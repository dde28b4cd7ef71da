/* feed_reader.c: following: marked changes of some spaces, read from the log behind the writers. */
#include <stdlib.h>

#include "store/feed.h"
#include "store/internal.h"
#include "store/poison.h"

struct cc_feed {
    cc_store *store;
    cc_log_reader *reader;
    uint32_t ids[CC_FEED_SPACES_MAX];
    size_t id_count;
    cc_feed_place from;   /* changes in front of it are left out */
    uint64_t visible;     /* records up to here may be told */
    uint64_t seen;        /* ... and up to here all have been looked at */
    cc_log_record record; /* being walked */
    cc_record changes;    /* what is left of it */
    uint32_t index;       /* of its next change */
};

static uint64_t topics_of(const uint32_t *ids, size_t count) {
    uint64_t topics = 0;
    for (size_t i = 0; i < count; i++)
        topics |= cc_log_topic(ids[i]);
    return topics;
}

cc_status cc_feed_open(cc_store *store, const uint32_t *ids, size_t count, cc_feed_place from,
                       cc_feed **feed_out, cc_error *error) {
    CC_TRY(cc_store_check(store, error));
    if (count == 0 || count > CC_FEED_SPACES_MAX)
        return cc_fail(error, CC_ERR_ARGUMENT, "a feed follows 1 to %d spaces", CC_FEED_SPACES_MAX);
    cc_store_lock(store);
    cc_log *log = store->feed_log;
    cc_store_unlock(store);
    if (log == NULL)
        return cc_fail(error, CC_ERR_NOT_FOUND, "the store has no feed");
    cc_feed *feed = cc_store_alloc_fails() ? NULL : calloc(1, sizeof *feed);
    if (feed == NULL)
        return cc_fail(error, CC_ERR_NOMEM, "no memory for a feed");
    feed->store = store;
    feed->from = from;
    feed->id_count = count;
    memcpy(feed->ids, ids, count * sizeof *ids);
    cc_status status = cc_log_reader_open(log, from.sequence, &feed->reader, error);
    if (status != CC_OK) {
        free(feed);
        return status;
    }
    cc_log_reader_follow(feed->reader, topics_of(ids, count));
    *feed_out = feed;
    return CC_OK;
}

void cc_feed_close(cc_feed *feed) {
    if (feed == NULL)
        return;
    cc_log_reader_close(feed->reader);
    free(feed);
}

static bool follows(const cc_feed *feed, uint32_t id) {
    for (size_t i = 0; i < feed->id_count; i++)
        if (feed->ids[i] == id)
            return true;
    return false;
}

/* The next change of the record at hand that is to be told; NOT_FOUND when it has no more. */
static cc_status next_in_record(cc_feed *feed, cc_feed_change *out, cc_error *error) {
    while (feed->index < feed->changes.count) {
        cc_record_change change;
        CC_TRY(cc_record_next_change(&feed->changes, &change, error));
        cc_feed_place place = {feed->record.first, feed->index++};
        if ((change.flags & CC_CHANGE_FED) == 0 || !follows(feed, change.space_id) ||
            (place.sequence == feed->from.sequence && place.index < feed->from.index))
            continue;
        *out = (cc_feed_change){.place = place,
                                .time_ms = feed->record.time_ms,
                                .kind = (cc_change_kind)change.kind,
                                .space_id = change.space_id,
                                .replaced = (change.flags & CC_CHANGE_REPLACED) != 0,
                                .has_old = (change.flags & CC_CHANGE_OLD) != 0,
                                .key = change.key,
                                .value = change.value,
                                .old = change.old};
        return CC_OK;
    }
    return CC_ERR_NOT_FOUND;
}

/* A writer logs before it commits, so the bound is taken under the lock, where no write is half way. */
static void look(cc_feed *feed) {
    cc_store_lock(feed->store);
    feed->visible = cc_store_feed_last(feed->store);
    cc_store_unlock(feed->store);
}

/* The next marked record, to hand. */
static cc_status next_record(cc_feed *feed, cc_error *error) {
    cc_status status = cc_log_reader_next(feed->reader, &feed->record, error);
    if (status == CC_ERR_NOT_FOUND) {
        look(feed);
        status = cc_log_reader_next(feed->reader, &feed->record, error);
        if (status == CC_ERR_NOT_FOUND)
            feed->seen = feed->visible;
    }
    if (status != CC_OK) {
        feed->record.first = 0;
        return status;
    }
    feed->index = 0;
    return cc_record_decode(feed->record.type, feed->record.payload, &feed->changes, error);
}

cc_status cc_feed_next(cc_feed *feed, cc_feed_change *change_out, cc_error *error) {
    CC_TRY(cc_store_check(feed->store, error));
    for (;;) {
        if (feed->record.first == 0)
            CC_TRY(next_record(feed, error));
        if (CC_UNLIKELY(feed->record.first > feed->visible))
            look(feed);
        if (feed->record.first > feed->visible) { /* it stays at hand */
            feed->seen = feed->visible;
            return CC_ERR_NOT_FOUND;
        }
        cc_status status = next_in_record(feed, change_out, error);
        if (status != CC_ERR_NOT_FOUND)
            return status;
        feed->record.first = 0;
    }
}

uint64_t cc_feed_seen(const cc_feed *feed) { return feed->seen; }

/* ---- waiting ---- */
uint64_t cc_store_feed_last(cc_store *store) {
    return store->feed_log == NULL ? 0 : cc_log_complete(store->feed_log);
}

void cc_feed_signal(cc_store *store, uint64_t topics) {
    if (CC_UNLIKELY(store->feed_waiters != 0) && (topics & store->feed_awaited) != 0) {
        store->feed_awaited = 0; /* those who wait on say so again */
        cc_cond_broadcast(&store->fed);
    }
}

/* A change of `topics` that may be told follows `sequence`. */
static bool follows_sequence(cc_store *store, uint64_t topics, uint64_t sequence) {
    uint64_t last = cc_store_feed_last(store);
    if (last <= sequence)
        return false;
    for (size_t i = 0; i < CC_FEED_TOPICS; i++)
        if ((topics >> i & 1) != 0 && store->feed_newest[i] > sequence)
            return true;
    return false;
}

bool cc_store_feed_wait(cc_store *store, uint64_t topics, uint64_t sequence, uint32_t timeout_ms,
                        uint64_t *wakes) {
    if (cc_store_check(store, NULL) != CC_OK)
        return false;
    cc_store_lock(store);
    bool more = follows_sequence(store, topics, sequence);
    store->feed_waiters++;
    while (!more && timeout_ms != 0 && store->feed_wakes == *wakes) {
        store->feed_awaited |= topics;
        bool signalled = cc_cond_wait_for(&store->fed, &store->mutex, (uint64_t)timeout_ms * 1000000);
        more = follows_sequence(store, topics, sequence);
        if (!signalled)
            break;
    }
    store->feed_waiters--;
    *wakes = store->feed_wakes;
    cc_store_unlock(store);
    return more;
}

void cc_store_feed_wake(cc_store *store) {
    if (cc_store_check(store, NULL) != CC_OK)
        return;
    cc_store_lock(store);
    store->feed_wakes++;
    cc_cond_broadcast(&store->fed);
    cc_store_unlock(store);
}
