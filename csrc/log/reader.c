/* reader.c: batches in order, straight from the mapping. A reader pins the segment it stands in, so
 * truncation can take the file's name but not the bytes under it. */
#include <stdlib.h>

#include "log/internal.h"

struct cc_log_reader {
    cc_log *log;
    cc_segment *segment; /* pinned; NULL before the first batch of an empty log */
    uint64_t offset;
    uint64_t end;        /* batches below this offset are known complete: no lock needed */
    uint64_t from;       /* batches that end before this are skipped */
    uint64_t topics;     /* 0: every batch; else marked ones alone */
    cc_buffer assembled; /* a chunked batch, joined */
};

/* Mutex held. A segment that nobody stands in any more goes to *unused, to be freed without it. */
static void enter(cc_log_reader *reader, cc_segment *segment, cc_segment **unused) {
    segment->pins++;
    if (reader->segment != NULL)
        *unused = cc_log_unpin(reader->segment);
    reader->segment = segment;
    reader->offset = reader->end = SEGMENT_HEADER;
    if (reader->topics != 0 && (reader->topics & segment->topics) == 0) {
        reader->offset = reader->end = segment->end; /* what is there now is for others */
        return;
    }
    for (size_t i = PLACES; reader->from > segment->first && i-- > 0;)
        if (segment->places[i].offset != 0 && segment->places[i].first <= reader->from) {
            reader->offset = reader->end = segment->places[i].offset;
            return;
        }
}

cc_status cc_log_reader_open(cc_log *log, uint64_t from, cc_log_reader **reader_out, cc_error *error) {
    CC_TRY(cc_log_check_owner(log, error));
    cc_log_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        return cc_fail(error, CC_ERR_NOMEM, "no memory for a log reader");
    reader->log = log;
    reader->from = from;
    cc_mutex_lock(&log->mutex);
    log->readers++;
    cc_segment *segment = log->oldest;
    while (segment != NULL && segment->next != NULL && segment->last < from)
        segment = segment->next;
    cc_segment *unused = NULL; /* none: the reader comes from nowhere */
    if (segment != NULL)
        enter(reader, segment, &unused);
    cc_mutex_unlock(&log->mutex);
    *reader_out = reader;
    return CC_OK;
}

void cc_log_reader_follow(cc_log_reader *reader, uint64_t topics) { reader->topics = topics; }

void cc_log_reader_close(cc_log_reader *reader) {
    if (reader == NULL)
        return;
    if (cc_log_check_owner(reader->log, NULL) == CC_OK) {
        cc_segment *unused = NULL;
        cc_mutex_lock(&reader->log->mutex);
        if (reader->segment != NULL)
            unused = cc_log_unpin(reader->segment);
        cc_mutex_unlock(&reader->log->mutex);
        cc_segment_free(reader->log, unused);
        cc_mutex_lock(&reader->log->mutex); /* counted out last: close() may free the log now */
        reader->log->readers--;
        cc_mutex_unlock(&reader->log->mutex);
    }
    cc_buffer_free(&reader->assembled);
    free(reader);
}

/* Whether a complete batch stands at the offset; moves on to the next segment at a segment's end. */
static bool readable(cc_log_reader *reader) {
    cc_log *log = reader->log;
    if (CC_LIKELY(reader->offset < reader->end))
        return true;
    bool more = false, moved = true;
    while (moved && !more) { /* one segment a turn, so that the one left is freed without the mutex */
        cc_segment *unused = NULL;
        moved = false;
        cc_mutex_lock(&log->mutex);
        cc_segment *here = reader->segment;
        if (here == NULL && log->oldest != NULL) {
            enter(reader, log->oldest, &unused);
            moved = true;
        } else if (here != NULL && reader->offset == here->end && here->next != NULL) {
            /* A dropped segment's `next` may have been dropped and freed too: go to the oldest. */
            enter(reader, here->dropped ? log->oldest : here->next, &unused);
            moved = true;
        }
        if (reader->segment != NULL && reader->offset < reader->segment->end) {
            reader->end = reader->segment->end;
            more = true;
        }
        cc_mutex_unlock(&log->mutex);
        cc_segment_free(log, unused);
    }
    return more;
}

static cc_status read_chunks(cc_log_reader *reader, cc_record_header header, cc_log_record *record_out,
                             cc_error *error) {
    cc_buffer_clear(&reader->assembled);
    for (;;) {
        if (cc_buffer_append(&reader->assembled, reader->segment->data + reader->offset + RECORD_HEADER,
                             header.size) != CC_OK)
            return cc_fail(error, CC_ERR_NOMEM, "no memory to join a batch");
        reader->offset += cc_record_span(header.size);
        if (((header.type_flags >> 24) & RECORD_MORE) == 0)
            break;
        memcpy(&header, reader->segment->data + reader->offset, RECORD_HEADER);
    }
    record_out->payload = cc_buffer_bytes(&reader->assembled);
    return CC_OK;
}

cc_status cc_log_reader_next(cc_log_reader *reader, cc_log_record *record_out, cc_error *error) {
    CC_TRY(cc_log_check_owner(reader->log, error));
    for (;;) {
        if (!readable(reader))
            return CC_ERR_NOT_FOUND;
        cc_record_header header;
        memcpy(&header, reader->segment->data + reader->offset, RECORD_HEADER);
        CC_ASSERT(header.epoch == reader->segment->epoch);
        uint32_t flags = header.type_flags >> 24;
        if (reader->topics != 0 && (flags & RECORD_MARKED) == 0) {
            reader->offset += cc_record_span(header.size);
            continue;
        }
        bool more = (flags & RECORD_MORE) != 0;
        *record_out = (cc_log_record){.first = header.first,
                                      .count = header.count,
                                      .type = header.type_flags & 0xffffff,
                                      .time_ms = header.time_ms};
        if (more) {
            CC_TRY(read_chunks(reader, header, record_out, error));
        } else {
            record_out->payload = cc_bytes_of(reader->segment->data + reader->offset + RECORD_HEADER,
                                              header.size);
            reader->offset += cc_record_span(header.size);
        }
        if (header.first + header.count > reader->from && CC_LIKELY(record_out->type != CC_LOG_LOST))
            return CC_OK;
    }
}
