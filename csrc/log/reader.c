/* reader.c: batches in order, straight from the mapping. A reader pins the segment it stands in, so
 * truncation can take the file's name but not the bytes under it. */
#include <stdlib.h>

#include "log/internal.h"

struct cc_log_reader {
    cc_log *log;
    cc_segment *segment; /* pinned; NULL before the first batch of an empty log */
    uint64_t offset;
    uint64_t from;       /* batches that end before this are skipped */
    cc_buffer assembled; /* a chunked batch, joined */
};

static void enter(cc_log_reader *reader, cc_segment *segment) {
    segment->pins++;
    if (reader->segment != NULL)
        cc_log_unpin(reader->log, reader->segment);
    reader->segment = segment;
    reader->offset = SEGMENT_HEADER;
}

cc_status cc_log_reader_open(cc_log *log, uint64_t from, cc_log_reader **reader_out,
                             cc_error *error) {
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
    if (segment != NULL)
        enter(reader, segment);
    cc_mutex_unlock(&log->mutex);
    *reader_out = reader;
    return CC_OK;
}

void cc_log_reader_close(cc_log_reader *reader) {
    if (reader == NULL)
        return;
    if (cc_log_check_owner(reader->log, NULL) == CC_OK) {
        cc_mutex_lock(&reader->log->mutex);
        if (reader->segment != NULL)
            cc_log_unpin(reader->log, reader->segment);
        reader->log->readers--;
        cc_mutex_unlock(&reader->log->mutex);
    }
    cc_buffer_free(&reader->assembled);
    free(reader);
}

/* The offset up to which the reader may go now; moves on to the next segment at a segment's end. */
static bool readable(cc_log_reader *reader, uint64_t *end_out) {
    cc_log *log = reader->log;
    cc_mutex_lock(&log->mutex);
    if (reader->segment == NULL && log->oldest != NULL)
        enter(reader, log->oldest);
    while (reader->segment != NULL && reader->offset == reader->segment->end) {
        cc_segment *next = reader->segment->next;
        if (next == NULL)
            break;
        /* A dropped segment's `next` may have been dropped and freed too: start at the oldest. */
        enter(reader, reader->segment->dropped ? log->oldest : next);
    }
    bool more = reader->segment != NULL && reader->offset < reader->segment->end;
    *end_out = more ? reader->segment->end : 0;
    cc_mutex_unlock(&log->mutex);
    return more;
}

static cc_status read_chunks(cc_log_reader *reader, cc_record_header header,
                             cc_log_record *record_out, cc_error *error) {
    cc_buffer_clear(&reader->assembled);
    for (;;) {
        if (cc_buffer_append(&reader->assembled,
                             reader->segment->data + reader->offset + RECORD_HEADER,
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
        uint64_t end;
        if (!readable(reader, &end))
            return CC_ERR_NOT_FOUND;
        cc_record_header header;
        memcpy(&header, reader->segment->data + reader->offset, RECORD_HEADER);
        CC_ASSERT(header.epoch == reader->segment->epoch);
        bool more = ((header.type_flags >> 24) & RECORD_MORE) != 0;
        *record_out = (cc_log_record){.first = header.first,
                                      .count = header.count,
                                      .type = header.type_flags & 0xffffff,
                                      .time_ms = header.time_ms};
        if (more) {
            CC_TRY(read_chunks(reader, header, record_out, error));
        } else {
            record_out->payload =
                cc_bytes_of(reader->segment->data + reader->offset + RECORD_HEADER, header.size);
            reader->offset += cc_record_span(header.size);
        }
        if (header.first + header.count > reader->from)
            return CC_OK;
    }
}
