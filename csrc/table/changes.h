/* changes.h: changes of a table as its followers get them: stream records, Lambda events, records of the
 * Kinesis destination; JSON straight from what the feed gives (store/feed.h).
 *
 *   stream   {"eventID", "eventName", "eventVersion", "eventSource", "awsRegion", "dynamodb": {
 *              "ApproximateCreationDateTime" s, "Keys", ["NewImage"], ["OldImage"], "SequenceNumber", "SizeBytes",
 *              "StreamViewType"}, ["userIdentity"]}
 *   event    the same with "eventSourceARN"
 *   kinesis  {"awsRegion", "eventID", "eventName", "userIdentity", "recordFormat", "tableName", "dynamodb": {
 *              "ApproximateCreationDateTime" ms or us, "Keys", [images], "SizeBytes",
 *              "ApproximateCreationDateTimePrecision"}, "eventSource"}
 *
 * A SequenceNumber is CC_SEQUENCE_DIGITS digits that grow with the place in the log. */
#ifndef CC_TABLE_CHANGES_H
#define CC_TABLE_CHANGES_H

#include "codec/key.h"
#include "store/feed.h"

typedef enum { CC_FORM_STREAM, CC_FORM_EVENT, CC_FORM_KINESIS } cc_change_form;
enum { CC_IMAGE_NEW = 1, CC_IMAGE_OLD = 2 };

/* Of one stream; the bytes are the caller's. */
typedef struct {
    cc_key_schema key;
    cc_change_form form;
    uint32_t images;   /* CC_IMAGE_NEW, CC_IMAGE_OLD */
    cc_bytes region;   /* names and ARNs need no escapes */
    cc_bytes source;   /* EVENT: the stream's ARN; KINESIS: the table's name */
    bool microseconds; /* KINESIS: the precision of the time */
} cc_change_view;

enum { CC_SEQUENCE_DIGITS = 26, CC_EVENT_ID = 32 };
/* Digits without an end. */
void cc_sequence_write(cc_feed_place place, char digits[CC_SEQUENCE_DIGITS]);
/* False for what is no number that cc_sequence_write could have written. */
bool cc_sequence_read(cc_bytes text, cc_feed_place *place_out);
/* Hex digits that follow from store, table and place: the same whenever a change is read. */
void cc_event_id_write(const cc_feed_change *change, char digits[CC_EVENT_ID]);
const char *cc_event_name(const cc_feed_change *change); /* INSERT, MODIFY or REMOVE */

/* The key attributes as an item, appended to `out`. */
CC_MUST_CHECK cc_status cc_change_keys(const cc_feed_change *change, const cc_key_schema *schema,
                                       cc_arena *arena, cc_buffer *out, cc_error *error);
/* SizeBytes; `keys` is the item of cc_change_keys. */
size_t cc_change_size(const cc_feed_change *change, cc_bytes keys, uint32_t images);
/* Appended to `out`. */
CC_MUST_CHECK cc_status cc_change_to_json(const cc_feed_change *change, const cc_change_view *view,
                                          cc_bytes keys, cc_buffer *out);

/* ---- pages ---- */
/* A feed with the change that did not fit the last page. Zero it but for `feed`; rules as store/feed.h. */
typedef struct {
    cc_feed *feed;
    cc_feed_change held;
    bool holds;
} cc_changes;

typedef struct {
    uint32_t limit;    /* changes a page */
    size_t size_max;   /* sum of SizeBytes; the first change may be larger */
    uint64_t until;    /* last sequence that belongs to it */
    uint64_t since_ms; /* changes of earlier ... */
    bool skips;        /* ... are left out; else they end the page, which is `trimmed` */
    cc_key_schema key;
    uint32_t images; /* what SizeBytes counts */
} cc_changes_bounds;

typedef struct {
    uint32_t count;
    bool more;  /* a bound ended it: there is another change */
    bool ended; /* everything up to `until` was told */
    bool trimmed;
    cc_feed_place next; /* where the next page begins */
} cc_changes_page;

/* Called for each change, without any lock; its bytes are valid until it returns. `keys` is an item. */
typedef cc_status (*cc_changes_take)(void *context, const cc_feed_change *change, cc_bytes keys,
                                     cc_error *error);
CC_MUST_CHECK cc_status cc_changes_read(cc_changes *changes, const cc_changes_bounds *bounds, cc_arena *arena,
                                        cc_changes_take take, void *context, cc_changes_page *page_out,
                                        cc_error *error);

/* Takers. Elements of a JSON array, a comma between them; `view` is of one stream. */
typedef struct {
    const cc_change_view *view;
    cc_buffer *out;
    size_t *ends; /* NULL, or where each element ends in `out`; room for bounds.limit */
    uint32_t count;
} cc_changes_json;
CC_MUST_CHECK cc_status cc_changes_take_json(void *context, const cc_feed_change *change, cc_bytes keys,
                                             cc_error *error);
/* Copies in an arena. */
typedef struct {
    cc_arena *arena;
    cc_feed_change *changes; /* room for bounds.limit, like keys */
    cc_bytes *keys;
    uint32_t count;
} cc_changes_copy;
CC_MUST_CHECK cc_status cc_changes_take_copy(void *context, const cc_feed_change *change, cc_bytes keys,
                                             cc_error *error);

#endif
