/* feed_copy.h: the feed of a store in memory, brought to another store that is to go on with it: same sequences,
 * same times, same ids of spaces. Replicas of one log of requests number their changes alike because all of them
 * mark the same ones in the same order; one that begins in the middle gets here what the others have counted.
 *
 *   bytes   records in order: u64 sequence | u64 time in ms | u32 size | payload (record.h, FEED)
 *
 * Thread rule: reading as a feed's reader (feed.h). Begin and take: nobody else uses the store yet. */
#ifndef CC_STORE_FEED_COPY_H
#define CC_STORE_FEED_COPY_H

#include "store/store.h"

/* Appends whole records from the reader of cc_store_feed_log to `out`, up to the sequence `last`, until it has grown by
 * `size` bytes; *count_out 0: there are no more. */
CC_MUST_CHECK cc_status cc_feed_copy_read(cc_log_reader *reader, uint64_t last, size_t size, cc_buffer *out,
                                          size_t *count_out, cc_error *error);
/* An empty feed whose next record has the sequence behind `last`, in the place of what there was. CC_ERR_ARGUMENT with
 * files, CC_ERR_BUSY while somebody reads, CC_ERR_CORRUPT for a `last` that no log reaches. */
CC_MUST_CHECK cc_status cc_feed_copy_begin(cc_store *store, uint64_t last, cc_error *error);
/* Takes what was read. Where sequences are missing the feed begins anew: what is in front of them is forgotten.
 * CC_ERR_CORRUPT for what cannot have been read: those in front of it are in. */
CC_MUST_CHECK cc_status cc_feed_copy_take(cc_store *store, cc_bytes records, cc_error *error);

/* The number of the next space that is made, and a higher one for it. Lower ones are never given out then. */
uint32_t cc_store_next_space(const cc_store *store);
CC_MUST_CHECK cc_status cc_store_skip_spaces(cc_store *store, uint32_t next, cc_error *error);

#endif
