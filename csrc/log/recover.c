/* recover.c: from the files of a directory to the list of segments, at open.
 *
 * Segments in sequence order, each validated record by record. The first thing that is not good
 * ends the log: a bad record, a bad segment header, a gap between two segments. Was it at or below
 * the synced watermark, the medium lost what it had confirmed: CC_ERR_CORRUPT, no record is touched.
 * Otherwise the rest is a torn tail: later segments are removed, records behind the end of the last
 * one are made unreadable, both durably, before the log takes a new record; torn_bytes says so.
 *
 * Files at or below last_dropped are leftovers of a truncation (its state is durable before it
 * removes or recycles a file) and go first, whatever they hold: a crash may have kept the old name
 * of a file that was already being written anew. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/internal.h"

enum { NAME_SIZE = SEGMENT_NAME };

static void collect(void *context, const char *name) {
    cc_segment_names *list = context;
    if (strcmp(name, "spare") == 0)
        list->has_spare = true;
    if (strlen(name) != NAME_SIZE || strcmp(name + 20, ".seg") != 0 || strspn(name, "0123456789") != 20)
        return;
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 16 : list->capacity * 2;
        void *names = realloc(list->names, capacity * (NAME_SIZE + 1));
        if (names == NULL) {
            list->failed = true;
            return;
        }
        list->names = names;
        list->capacity = capacity;
    }
    memcpy(list->names[list->count++], name, NAME_SIZE + 1);
}

static int by_name(const void *a, const void *b) { return memcmp(a, b, NAME_SIZE); }

/* Removes a file that is no part of the log; `torn`: it may hold records that are lost with it. */
static cc_status drop_file(cc_log *log, const char *name, bool torn, bool *removed, cc_error *error) {
    cc_fs *fs = log->fs;
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", log->directory, name);
    if (torn) {
        cc_file *file = NULL;
        uint8_t head[SEGMENT_HEADER];
        static const uint8_t zeros[SEGMENT_HEADER];
        size_t got = 0;
        uint64_t size = 0;
        CC_TRY(fs->open(fs, path, CC_OPEN_READ, &file, error));
        cc_status status = fs->size(fs, file, &size, error);
        if (status == CC_OK)
            status = fs->read_at(fs, file, 0, head, sizeof head, &got, error);
        fs->close(fs, file);
        CC_TRY(status);
        if (got != sizeof head || memcmp(head, zeros, sizeof head) != 0)
            log->torn_bytes += size; /* else it was made and never written */
    }
    if (log->options.read_only)
        return CC_OK;
    *removed = true;
    return fs->remove(fs, path, error);
}

/* What follows the last good record is not good: a torn tail, or a loss? */
static cc_status check_watermark(const cc_log *log, uint64_t last, const char *where, uint64_t offset,
                                 cc_error *error) {
    if (last >= log->state.synced)
        return CC_OK;
    cc_status status = cc_fail(error, CC_ERR_CORRUPT,
                               "log %s: sequence %" PRIu64 " was synced but does not check (%s, "
                               "offset %" PRIu64 ")",
                               log->directory, last + 1, where, offset);
    if (error != NULL)
        error->position = offset;
    return status;
}

/* Takes one more segment, or finds that the log ends before it. */
static cc_status adopt(cc_log *log, const char *name, bool *ended, bool *removed, cc_error *error) {
    if (*ended)
        return drop_file(log, name, true, removed, error);
    cc_segment *segment = NULL;
    bool torn = false;
    uint64_t last = log->newest != NULL ? log->newest->last : log->state.last_dropped;
    cc_status status = cc_segment_open(log, name, &segment, &torn, error);
    if (status == CC_ERR_CORRUPT) {
        CC_TRY(check_watermark(log, last, name, 0, error));
        *ended = true;
        return drop_file(log, name, true, removed, error);
    }
    CC_TRY(status);
    if (segment->epoch > log->state.last_epoch)
        log->state.last_epoch = segment->epoch;
    bool leftover = log->newest == NULL && segment->first <= last && segment->last <= last;
    bool follows = segment->first == last + 1 || (log->newest == NULL && segment->first <= last);
    if (leftover || !follows) {
        log->disk_bytes -= segment->size;
        cc_segment_free(log, segment);
        if (leftover)
            return drop_file(log, name, false, removed, error);
        CC_TRY(check_watermark(log, last, name, 0, error));
        *ended = true;
        return drop_file(log, name, true, removed, error);
    }
    cc_log_push_newest(log, segment);
    if (torn)
        log->torn_bytes += segment->size - segment->end;
    return CC_OK;
}

bool cc_log_dropped_before(const cc_segment_names *names, size_t index, uint64_t last_dropped) {
    return index + 1 < names->count && strtoull(names->names[index + 1], NULL, 10) <= last_dropped + 1;
}

cc_status cc_log_list_segments(cc_fs *fs, const char *directory, cc_segment_names *names_out,
                               cc_error *error) {
    *names_out = (cc_segment_names){0};
    CC_TRY(fs->list(fs, directory, collect, names_out, error));
    if (names_out->failed)
        return cc_fail(error, CC_ERR_NOMEM, "no memory to list a log");
    if (names_out->count > 0)
        qsort(names_out->names, names_out->count, NAME_SIZE + 1, by_name);
    return CC_OK;
}

static cc_status adopt_all(cc_log *log, const cc_segment_names *list, bool *removed, cc_error *error) {
    bool ended = false;
    for (size_t i = 0; i < list->count; i++) {
        if (cc_log_dropped_before(list, i, log->state.last_dropped))
            CC_TRY(drop_file(log, list->names[i], false, removed, error));
        else
            CC_TRY(adopt(log, list->names[i], &ended, removed, error));
    }
    return CC_OK;
}

cc_status cc_log_recover(cc_log *log, cc_error *error) {
    cc_segment_names list = {0};
    bool removed = false;
    cc_status status = CC_OK;
    CC_TRY_GOTO(cc_log_list_segments(log->fs, log->directory, &list, error));
    if (list.has_spare) /* what it holds is unknown and it is cheap: start without one */
        CC_TRY_GOTO(drop_file(log, "spare", false, &removed, error));
    CC_TRY_GOTO(adopt_all(log, &list, &removed, error));
    cc_segment *newest = log->newest;
    log->last = newest != NULL ? newest->last : log->state.last_dropped;
    for (uint32_t i = 0; i < log->state.cursor_count;
         i++) /* what it had read may be lost: it reads what comes instead */
        if (log->state.cursors[i].sequence > log->last)
            log->state.cursors[i].sequence = log->last;
    char where[NAME_SIZE + 8] = "no segment";
    if (newest != NULL)
        snprintf(where, sizeof where, "%020" PRIu64 ".seg", newest->first);
    CC_TRY_GOTO(check_watermark(log, log->last, where, newest != NULL ? newest->end : 0, error));
    if (log->options.read_only)
        goto cleanup;
    if (newest != NULL && (!log->state.clean || log->torn_bytes != 0))
        CC_TRY_GOTO(cc_segment_wipe_tail(log, newest, error));
    if (removed)
        CC_TRY_GOTO(log->fs->sync_directory(log->fs, log->directory, error));
cleanup:
    free(list.names);
    return status;
}
