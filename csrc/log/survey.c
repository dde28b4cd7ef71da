/* survey.c: see survey.h. One pass over the segments in order of sequence.
 *
 * `expected` is the sequence that the next batch must have. Where no record of it stands, the rest of the segment
 * is searched for a later one, at every multiple of 8: a record names its segment's epoch and bears a checksum of
 * its own, so nothing else is taken for one. Other chunks of a batch whose first chunk is gone have its sequence
 * and are passed over with it. */
#include "log/survey.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/internal.h"

typedef struct {
    cc_fs *fs;
    const char *directory;
    const cc_log_visitor *visitor;
    cc_log_survey *out;
    cc_log_state state;
    bool state_known;
    uint64_t expected; /* 0: any */
    bool joining;      /* chunks of `expected` are in `joined`, the last is still to come */
    cc_buffer joined;
} survey;

cc_status cc_log_hold(cc_fs *fs, const char *dir, cc_file **lock_out, cc_error *error) {
    char path[PATH_SIZE];
    cc_error local = {0};
    *lock_out = NULL;
    snprintf(path, sizeof path, "%s/lock", dir);
    cc_status status = fs->open(fs, path, CC_OPEN_READ, lock_out, &local);
    if (status == CC_ERR_NOT_FOUND)
        return CC_OK;
    if (status == CC_OK) {
        status = fs->lock(fs, *lock_out, &local);
        if (status != CC_OK) {
            fs->close(fs, *lock_out);
            *lock_out = NULL;
        }
    }
    if (status != CC_OK && error != NULL)
        *error = local;
    return status;
}

/* ---- state ---- */
static cc_status read_state(survey *work, cc_error *error) {
    cc_findings *findings = work->visitor->findings;
    char path[PATH_SIZE];
    cc_file *file = NULL;
    cc_error why = {0};
    cc_slot_state slots[2] = {CC_SLOT_UNUSED, CC_SLOT_UNUSED};
    snprintf(path, sizeof path, "%s/state", work->directory);
    cc_status status = work->fs->open(work->fs, path, CC_OPEN_READ, &file, &why);
    if (status == CC_OK) {
        status = cc_log_state_read(work->fs, file, &work->state, slots, &why);
        work->fs->close(work->fs, file);
    }
    work->state_known = status == CC_OK;
    for (uint64_t slot = 0; slot < 2; slot++)
        if (slots[slot] == CC_SLOT_DAMAGED || slots[slot] == CC_SLOT_CUT)
            cc_found(findings, slots[slot] == CC_SLOT_CUT && !work->state.clean, "state", slot * STATE_SLOT,
                     "slot %" PRIu64 " of the log's state %s%s", slot,
                     slots[slot] == CC_SLOT_CUT ? "is cut off" : "does not check",
                     status == CC_OK ? "; the other one serves" : "");
    if (status == CC_ERR_NOT_FOUND)
        cc_found(findings, false, "state", 0, "the log's state is missing");
    else if (status != CC_OK && status != CC_ERR_CORRUPT) {
        if (error != NULL)
            *error = why;
        return status;
    }
    return CC_OK;
}

/* ---- records ---- */
static void lost(survey *work, const char *file, uint64_t offset, uint64_t next, const char *why) {
    uint64_t from = work->expected > work->state.last_dropped ? work->expected : work->state.last_dropped + 1;
    if (work->expected == 0 || next <= from)
        return;
    work->out->lost += next - from;
    cc_found(work->visitor->findings, false, file, offset,
             "sequences %" PRIu64 " to %" PRIu64 " are gone: %s", from, next - 1, why);
}

static cc_status deliver(survey *work, const cc_record_header *header, cc_bytes payload, cc_error *error) {
    cc_log_survey *out = work->out;
    cc_log_record record = {.first = header->first,
                            .count = header->count,
                            .type = header->type_flags & 0xffffff,
                            .time_ms = header->time_ms,
                            .payload = payload};
    if (out->batches++ == 0)
        out->first_sequence = header->first;
    out->bytes += payload.size;
    return work->visitor->batch == NULL ? CC_OK
                                        : work->visitor->batch(work->visitor->context, &record, error);
}

/* A record that checks and is the next one. */
static cc_status take(survey *work, const cc_segment *segment, uint64_t offset,
                      const cc_record_header *header, cc_error *error) {
    cc_bytes payload = cc_bytes_of(segment->data + offset + RECORD_HEADER, header->size);
    bool more = ((header->type_flags >> 24) & RECORD_MORE) != 0;
    if (more || work->joining) {
        if (!work->joining)
            cc_buffer_clear(&work->joined);
        work->joining = true;
        if (cc_buffer_append(&work->joined, payload.data, payload.size) != CC_OK)
            return cc_fail(error, CC_ERR_NOMEM, "no memory to join a batch");
        if (more)
            return CC_OK;
        payload = cc_buffer_bytes(&work->joined);
    }
    work->joining = false;
    work->expected = header->first + header->count;
    return deliver(work, header, payload, error);
}

/* The next record that checks and is later than what is expected; 0: none. */
static uint64_t find_next(const survey *work, const cc_segment *segment, uint64_t from,
                          cc_record_header *header_out) {
    for (uint64_t at = from; at + RECORD_HEADER <= segment->size; at += 8) {
        uint64_t epoch;
        memcpy(&epoch, segment->data + at + 8, sizeof epoch);
        if (CC_UNLIKELY(epoch == segment->epoch) && cc_segment_record(segment, at, header_out) &&
            header_out->first > work->expected)
            return at;
    }
    return 0;
}

/* What stands behind the last record of a segment that checks. */
static void look_at_tail(survey *work, const cc_segment *segment, const char *name, uint64_t offset,
                         bool newest) {
    uint64_t last = work->expected - 1, epoch = 0;
    if (offset + RECORD_HEADER <= segment->size)
        memcpy(&epoch, segment->data + offset + 8, sizeof epoch);
    if (!work->joining && epoch != segment->epoch)
        return;
    work->joining = false;
    bool torn = newest && work->state_known && !work->state.clean && last >= work->state.synced;
    cc_found(work->visitor->findings, torn, name, offset,
             torn ? "behind sequence %" PRIu64 " stands a record that was cut off; opening leaves it out"
                  : "the record behind sequence %" PRIu64 " does not check",
             last);
}

static cc_status walk_records(survey *work, const cc_segment *segment, const char *name, bool newest,
                              cc_error *error) {
    uint64_t offset = SEGMENT_HEADER;
    cc_record_header header;
    for (;;) {
        while (cc_segment_record(segment, offset, &header) && header.first == work->expected) {
            CC_TRY(take(work, segment, offset, &header, error));
            offset += cc_record_span(header.size);
        }
        uint64_t next = find_next(work, segment, offset, &header);
        if (next == 0)
            break;
        char why[80];
        snprintf(why, sizeof why, "%" PRIu64 " bytes do not check", next - offset);
        lost(work, name, offset, header.first, why);
        work->joining = false;
        work->expected = header.first;
        offset = next;
    }
    look_at_tail(work, segment, name, offset, newest);
    return CC_OK;
}

/* ---- segments ---- */
/* The epoch of a segment whose header is gone, from its first record. */
static bool epoch_from_record(cc_segment *segment) {
    cc_record_header header;
    if (segment->size < SEGMENT_HEADER + RECORD_HEADER)
        return false;
    memcpy(&segment->epoch, segment->data + SEGMENT_HEADER + 8, sizeof segment->epoch);
    return segment->epoch != 0 && cc_segment_record(segment, SEGMENT_HEADER, &header) &&
           header.first == segment->first;
}

static cc_status open_segment(survey *work, const char *name, cc_segment *segment, cc_error *error) {
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", work->directory, name);
    CC_TRY(work->fs->open(work->fs, path, CC_OPEN_READ, &segment->file, error));
    CC_TRY(work->fs->size(work->fs, segment->file, &segment->size, error));
    segment->first = strtoull(name, NULL, 10);
    if (segment->size < SEGMENT_HEADER)
        return CC_OK;
    return work->fs->map(work->fs, segment->file, segment->size, false, &segment->data, error);
}

static cc_status walk_segment(survey *work, const cc_segment_names *names, size_t index, cc_segment *segment,
                              cc_error *error) {
    const char *name = names->names[index];
    cc_findings *findings = work->visitor->findings;
    bool newest = index + 1 == names->count;
    CC_TRY(open_segment(work, name, segment, error));
    uint64_t first = segment->first;
    static const uint8_t zeros[SEGMENT_HEADER];
    const uint8_t *head = segment->data != NULL ? segment->data : zeros;
    if (!cc_segment_header_read(head, segment->size, name, &segment->epoch, &segment->first)) {
        bool unused = newest && memcmp(head, zeros, sizeof zeros) == 0; /* made, never written */
        bool readable = segment->data != NULL && epoch_from_record(segment);
        cc_found(findings, unused && !readable && !work->state.clean, name, 0,
                 readable ? "the header of the segment does not check; its records can be read"
                 : unused ? "the segment was never written"
                          : "the header of the segment does not check, and no record follows it");
        if (!readable)
            return CC_OK;
    }
    if (work->expected == 0)
        work->expected = first;
    if (first < work->expected)
        cc_found(findings, false, name, 0, "the segment holds sequences of the one before it");
    lost(work, name, 0, first, "no segment holds them");
    if (work->expected < first)
        work->expected = first;
    work->out->segments++;
    return walk_records(work, segment, name, newest, error);
}

static cc_status walk_segments(survey *work, const cc_segment_names *names, cc_error *error) {
    for (size_t i = 0; i < names->count; i++) {
        cc_segment *segment = NULL;
        if (cc_log_dropped_before(names, i, work->state.last_dropped))
            continue;                      /* left over by a truncation: open removes it unread */
        if (i == 0 || work->expected == 0) /* the first one may begin below what was dropped */
            work->expected = strtoull(names->names[i], NULL, 10) <= work->state.last_dropped + 1
                                 ? 0
                                 : work->state.last_dropped + (work->state_known ? 1 : 0);
        segment = calloc(1, sizeof *segment);
        if (segment == NULL)
            return cc_fail(error, CC_ERR_NOMEM, "no memory for a log segment");
        cc_status status = walk_segment(work, names, i, segment, error);
        if (segment->data != NULL)
            work->fs->unmap(work->fs, segment->file, segment->data, segment->size);
        if (segment->file != NULL)
            work->fs->close(work->fs, segment->file);
        free(segment);
        CC_TRY(status);
    }
    return CC_OK;
}

cc_status cc_log_survey_take(cc_fs *fs, const char *dir, const cc_log_visitor *visitor,
                             cc_log_survey *survey_out, cc_error *error) {
    cc_segment_names names = {0};
    survey *work = calloc(1, sizeof *work);
    if (work == NULL)
        return cc_fail(error, CC_ERR_NOMEM, "no memory to look at a log");
    *survey_out = (cc_log_survey){0};
    work->fs = fs;
    work->directory = dir;
    work->visitor = visitor;
    work->out = survey_out;
    cc_status status = read_state(work, error);
    if (status == CC_OK)
        status = cc_log_list_segments(fs, dir, &names, error);
    if (status == CC_OK)
        status = walk_segments(work, &names, error);
    if (status == CC_OK) {
        uint64_t dropped = work->state.last_dropped, synced = work->state.synced;
        survey_out->last_sequence = work->expected > dropped ? work->expected - 1 : dropped;
        survey_out->synced_sequence = synced;
        if (survey_out->batches == 0)
            survey_out->first_sequence = survey_out->last_sequence + 1;
        work->expected = survey_out->last_sequence + 1;
        lost(work, names.count != 0 ? names.names[names.count - 1] : "state", 0, synced + 1,
             "they were on the disk when the log was last synced");
        if (survey_out->last_sequence < synced)
            survey_out->last_sequence = synced;
    }
    free(names.names);
    cc_buffer_free(&work->joined);
    free(work);
    return status;
}
