/* feed_copy.c: see feed_copy.h. */
#include "store/feed_copy.h"

#include <inttypes.h>

#include "base/little.h"
#include "store/internal.h"

enum { RECORD_HEAD = 20, SPACES_MAX = 1 << 20 };

cc_status cc_feed_copy_read(cc_log_reader *reader, uint64_t last, size_t size, cc_buffer *out,
                            size_t *count_out, cc_error *error) {
    size_t from = out->size;
    *count_out = 0;
    while (out->size - from < size) {
        cc_log_record record;
        cc_status status = cc_log_reader_next(reader, &record, error);
        if (status == CC_ERR_NOT_FOUND || (status == CC_OK && record.first > last))
            break;
        CC_TRY(status);
        uint8_t head[RECORD_HEAD];
        cc_put_u64(head, record.first);
        cc_put_u64(head + 8, record.time_ms);
        cc_put_u32(head + 16, (uint32_t)record.payload.size);
        if (cc_buffer_append(out, head, sizeof head) != CC_OK ||
            cc_buffer_append(out, record.payload.data, record.payload.size) != CC_OK)
            return cc_fail(error, CC_ERR_NOMEM, "no memory to copy a feed");
        (*count_out)++;
    }
    return CC_OK;
}

cc_status cc_feed_copy_begin(cc_store *store, uint64_t last, cc_error *error) {
    CC_TRY(cc_store_check(store, error));
    if (store->log != NULL)
        return cc_fail(error, CC_ERR_ARGUMENT, "the feed of a store with files is its log");
    if (last > CC_LOG_SEQUENCE_MAX)
        return cc_fail(error, CC_ERR_CORRUPT, "no feed goes on behind %" PRIu64, last);
    cc_log *log = NULL;
    CC_TRY(cc_feed_open_memory(last, &log, error));
    if (store->feed_log != NULL) {
        cc_status status = cc_log_close(store->feed_log, error);
        if (status != CC_OK) {
            (void)!cc_log_close(log, NULL);
            return status;
        }
    }
    store->feed_log = log;
    memset(store->feed_newest, 0, sizeof store->feed_newest); /* they went with it */
    return CC_OK;
}

/* The spaces that a record is of; CC_ERR_CORRUPT for what is none. */
static cc_status topics_of(cc_bytes payload, uint64_t *topics_out, cc_error *error) {
    cc_record record;
    CC_TRY(cc_record_decode(CC_RECORD_FEED, payload, &record, error));
    *topics_out = 0;
    for (uint32_t i = 0; i < record.count; i++) {
        cc_record_change change;
        CC_TRY(cc_record_next_change(&record, &change, error));
        if ((change.flags & CC_CHANGE_FED) != 0)
            *topics_out |= cc_log_topic(change.space_id);
    }
    if (*topics_out == 0 || record.changes.size != 0)
        return cc_fail(error, CC_ERR_CORRUPT, "a record of a feed tells of nothing");
    return CC_OK;
}

static cc_status take(cc_store *store, uint64_t sequence, uint64_t time_ms, cc_bytes payload,
                      cc_error *error) {
    uint64_t topics = 0;
    cc_log_ticket ticket;
    CC_TRY(topics_of(payload, &topics, error));
    if (sequence == 0 || sequence > CC_LOG_SEQUENCE_MAX || time_ms == 0)
        return cc_fail(error, CC_ERR_CORRUPT, "a record of a feed has no place or no time");
    if (store->feed_log == NULL || sequence != cc_log_complete(store->feed_log) + 1)
        CC_TRY(cc_feed_copy_begin(store, sequence - 1, error));
    cc_log_batch batch = {.type = CC_RECORD_FEED,
                          .count = 1,
                          .time_ms = time_ms,
                          .parts = &payload,
                          .part_count = 1,
                          .topics = topics};
    CC_TRY(cc_log_submit(store->feed_log, &batch, sequence - 1, &ticket, error));
    cc_feed_note_newest(store, topics, ticket.last);
    return CC_OK;
}

cc_status cc_feed_copy_take(cc_store *store, cc_bytes records, cc_error *error) {
    CC_TRY(cc_store_check(store, error));
    while (records.size != 0) {
        if (records.size < RECORD_HEAD)
            return cc_fail(error, CC_ERR_CORRUPT, "the copy of a feed is cut short");
        uint64_t sequence = cc_get_u64(records.data), time_ms = cc_get_u64(records.data + 8);
        size_t size = cc_get_u32(records.data + 16);
        if (records.size - RECORD_HEAD < size)
            return cc_fail(error, CC_ERR_CORRUPT, "the copy of a feed is cut short");
        CC_TRY(take(store, sequence, time_ms, cc_bytes_of(records.data + RECORD_HEAD, size), error));
        records = cc_bytes_of(records.data + RECORD_HEAD + size, records.size - RECORD_HEAD - size);
    }
    return CC_OK;
}

uint32_t cc_store_next_space(const cc_store *store) { return store->next_id; }

cc_status cc_store_skip_spaces(cc_store *store, uint32_t next, cc_error *error) {
    CC_TRY(cc_store_check(store, error));
    if (store->log != NULL)
        return cc_fail(error, CC_ERR_ARGUMENT, "the spaces of a store with files are numbered by its log");
    if (next < store->next_id || next > SPACES_MAX)
        return cc_fail(error, CC_ERR_CORRUPT, "space %u cannot come behind %u", next, store->next_id);
    store->next_id = next;
    return CC_OK;
}
