/* archive.c: reading a table's feed into changes, and cutting changes at a time; see archive.h. */
#include "table/archive.h"

#include <stdlib.h>

#include "store/snapshot.h"
#include "table/internal.h"

enum { CHANGE_HEAD = 16, STAMP = sizeof(uint64_t) };

struct cc_archive_reader {
    cc_feed *feed;
    cc_feed_change waiting; /* met behind the end of a page; valid until the feed's next call */
    bool waits;
};

cc_status cc_archive_open(cc_tables *tables, cc_bytes name, uint64_t after, cc_archive_reader **reader_out,
                          cc_error *error) {
    cc_space *space = NULL;
    const cc_key_schema *schema = NULL;
    uint32_t id = 0;
    cc_store_lock(tables->store);
    cc_status status = cc_table_find_any(tables, name, &space, &schema, error);
    if (status == CC_OK)
        id = cc_space_id(space);
    cc_store_unlock(tables->store);
    CC_TRY(status);
    cc_archive_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        return cc_no_memory(error);
    status = cc_feed_open(tables->store, &id, 1, (cc_feed_place){after + 1, 0}, &reader->feed, error);
    if (status != CC_OK) {
        free(reader);
        return status;
    }
    *reader_out = reader;
    return CC_OK;
}

void cc_archive_close(cc_archive_reader *reader) {
    if (reader == NULL)
        return;
    cc_feed_close(reader->feed);
    free(reader);
}

static cc_status next(cc_archive_reader *reader, cc_feed_change *change, cc_error *error) {
    if (reader->waits) {
        *change = reader->waiting;
        reader->waits = false;
        return CC_OK;
    }
    return cc_feed_next(reader->feed, change, error);
}

static cc_status append(const cc_feed_change *change, cc_buffer *out) {
    CC_TRY(cc_buffer_append(out, &change->place.sequence, 8)); /* little-endian machines: see btree.h */
    CC_TRY(cc_buffer_append(out, &change->time_ms, 8));
    return cc_entry_append(out, change->key, change->kind == CC_CHANGE_PUT ? &change->value : NULL);
}

cc_status cc_archive_read(cc_archive_reader *reader, size_t size, cc_buffer *out, cc_archive_page *page_out,
                          cc_error *error) {
    size_t begin = out->size;
    cc_archive_page page = {0};
    cc_feed_change change;
    cc_status status;
    while ((status = next(reader, &change, error)) == CC_OK) {
        if (out->size - begin >= size && page.count != 0 && change.place.sequence != page.last) {
            reader->waiting = change;
            reader->waits = true;
            break;
        }
        if (append(&change, out) != CC_OK) {
            out->size = begin;
            return cc_no_memory(error);
        }
        page.count++;
        page.last = change.place.sequence;
        page.last_ms = change.time_ms;
    }
    if (status != CC_OK && status != CC_ERR_NOT_FOUND) {
        out->size = begin;
        return status;
    }
    page.seen = cc_feed_seen(reader->feed);
    *page_out = page;
    return CC_OK;
}

bool cc_archive_change(cc_bytes *changes, uint64_t *sequence_out, uint64_t *time_ms_out,
                       cc_bytes *entry_out) {
    if (changes->size < CHANGE_HEAD)
        return false;
    cc_bytes rest = cc_bytes_of(changes->data + CHANGE_HEAD, changes->size - CHANGE_HEAD), value;
    cc_key key;
    memcpy(sequence_out, changes->data, 8);
    memcpy(time_ms_out, changes->data + 8, 8);
    const uint8_t *entry = rest.data;
    if (!cc_snapshot_entry(&rest, &key, &value))
        return false;
    *entry_out = cc_bytes_of(entry, (size_t)(rest.data - entry));
    *changes = rest;
    return true;
}

static cc_status append_stamped(cc_buffer *out, cc_bytes entry, uint64_t time_ms) {
    size_t at = out->size;
    uint32_t size; /* of the value: what an entry begins with */
    memcpy(&size, entry.data, sizeof size);
    size = (size == CC_ENTRY_NO_VALUE ? 0 : size) + (uint32_t)sizeof time_ms;
    CC_TRY(cc_buffer_append(out, entry.data, entry.size));
    CC_TRY(cc_buffer_append(out, &time_ms, sizeof time_ms));
    memcpy(out->data + at, &size, sizeof size);
    return CC_OK;
}

bool cc_stamp_take(cc_bytes *value, uint64_t *time_ms_out) {
    if (value->size < STAMP)
        return false;
    value->size -= STAMP;
    memcpy(time_ms_out, value->data + value->size, STAMP);
    return true;
}

cc_status cc_archive_entries(cc_bytes changes, cc_archive_span *span, cc_buffer *out, cc_error *error) {
    while (changes.size != 0 && !span->past) {
        uint64_t sequence, time_ms;
        cc_bytes entry;
        if (!cc_archive_change(&changes, &sequence, &time_ms, &entry))
            return cc_fail(error, CC_ERR_CORRUPT, "archived changes are cut short");
        span->past = sequence > span->after && time_ms > span->until_ms;
        if (span->past || sequence <= span->after || time_ms < span->since_ms)
            continue;
        cc_status status = span->stamped ? append_stamped(out, entry, time_ms)
                                         : cc_buffer_append(out, entry.data, entry.size);
        if (status != CC_OK)
            return cc_no_memory(error);
        span->count++;
    }
    return CC_OK;
}
