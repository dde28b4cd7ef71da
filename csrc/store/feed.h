/* feed.h: the changes of chosen spaces, in order, for those who follow them: table streams, event sources.
 *
 * A space whose feed is on has its changes marked in the store's log: a put that changes something and a
 * delete of something that was there. A put of what is there already is logged without a mark, so no
 * follower sees it. With CC_FEED_IMAGES the record also carries the value that was there before.
 * Nothing is written twice: the log that recovers the store is the feed.
 *
 * A store without files gets a log in memory with its first feed, which holds marked changes alone.
 *
 * Thread rule: as store.h, under the store's lock. */
#ifndef CC_STORE_FEED_H
#define CC_STORE_FEED_H

#include "store/store.h"

typedef enum {
    CC_FEED_OFF = 0,
    CC_FEED_KEYS,   /* keys, and the value that is put */
    CC_FEED_IMAGES, /* and the value that was there before */
} cc_feed_kind;

/* Marks the changes of `space` from now on. Not logged: the owner says so again after each open, as its meta
 * tells. CC_ERR_NOMEM is its only failure. */
CC_MUST_CHECK cc_status cc_space_set_feed(cc_space *space, cc_feed_kind kind, cc_error *error);
cc_feed_kind cc_space_feed(const cc_space *space);
/* What changes are told in a record (FEED) of cc_store_feed_log by; see record.h. */
uint32_t cc_space_id(const cc_space *space);

/* The log that marked changes go to; NULL when there is none. */
cc_log *cc_store_feed_log(cc_store *store);

/* How far the log may be forgotten, when everything up to `covered` is kept elsewhere (a checkpoint): the last
 * sequence whose segments hold nothing that followers may still ask for. Retention is the store's option
 * feed_retention_ms. This is the one rule for every truncation of a store's log. */
uint64_t cc_store_forgettable(cc_store *store, uint64_t covered);
/* A feed in memory forgets what it may. Nothing to do with files: checkpoints see to those. */
void cc_store_feed_trim(cc_store *store);

/* ---- following ---- */
typedef struct cc_feed cc_feed;

/* A place in the feed: the log's sequence of a record, and a change's number among all of that record. */
typedef struct {
    uint64_t sequence;
    uint32_t index;
} cc_feed_place;

typedef struct {
    cc_feed_place place;
    uint64_t time_ms; /* wall time of the write */
    cc_change_kind kind;
    uint32_t space_id;
    bool replaced, has_old; /* an item was there; its value is in `old` */
    cc_key key;
    cc_bytes value, old; /* all bytes are valid until the feed's next call */
} cc_feed_change;

/* Follows the spaces `ids` (1 to CC_FEED_SPACES_MAX), from the change at `from`, or the first one behind it. The
 * calls take the store's lock themselves, for a moment: call them without it and without the GIL. A feed
 * belongs to one thread at a time, and pins what it reads of the log; close it before the store. */
enum { CC_FEED_SPACES_MAX = 64 };
CC_MUST_CHECK cc_status cc_feed_open(cc_store *store, const uint32_t *ids, size_t count, cc_feed_place from,
                                     cc_feed **feed_out, cc_error *error);
/* CC_ERR_NOT_FOUND at the end: call again after more was written. Gives only what readers of the spaces can see
 * already, and with durability COMMIT only what is on the disk. */
CC_MUST_CHECK cc_status cc_feed_next(cc_feed *feed, cc_feed_change *change_out, cc_error *error);
/* After cc_feed_next found no more: every change up to this sequence was looked at. */
uint64_t cc_feed_seen(const cc_feed *feed);
void cc_feed_close(cc_feed *feed);

/* Sequence of the last record that followers may see, 0: none. With the lock. */
uint64_t cc_store_feed_last(cc_store *store);
/* Waits until a marked change of `topics` (of cc_log_topic(space id)) follows `sequence`; false after
 * `timeout_ms`, or when cc_store_feed_wake was called since `*wakes` was set here: by the caller's last wait, so
 * that a wake between two waits is not lost. 0 at first. Without the lock. */
bool cc_store_feed_wait(cc_store *store, uint64_t topics, uint64_t sequence, uint32_t timeout_ms,
                        uint64_t *wakes);
void cc_store_feed_wake(cc_store *store);

#endif
