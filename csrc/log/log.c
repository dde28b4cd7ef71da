/* log.c: open, submit, cursors, truncate, close. Formats and invariants: internal.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "log/internal.h"

enum { SUBMIT_MAX = 64 << 20 };

cc_status cc_log_check_owner(const cc_log *log, cc_error *error) {
    if (CC_LIKELY(*log->alive == 1))
        return CC_OK;
    return cc_fail(error, CC_ERR_FORKED, "this log was opened before fork(): open it in this process");
}

void cc_log_push_newest(cc_log *log, cc_segment *segment) {
    if (log->newest != NULL)
        log->newest->next = segment;
    else
        log->oldest = segment;
    log->newest = segment;
}

/* ---- open ---- */

static void set_defaults(cc_log_options *options) {
    if (options->durability == CC_DURABILITY_DEFAULT)
        options->durability = CC_DURABILITY_PROCESS;
    if (options->interval_ms == 0)
        options->interval_ms = 50;
    if (options->segment_min == 0)
        options->segment_min = (uint64_t)1 << 20;
    if (options->segment_max == 0)
        options->segment_max = (uint64_t)64 << 20;
    if (options->segment_max < options->segment_min)
        options->segment_max = options->segment_min;
}

static cc_status open_directory(cc_log *log, const char *dir, cc_error *error) {
    cc_fs *fs = log->fs;
    char path[PATH_SIZE];
    int length = snprintf(log->directory, sizeof log->directory, "%s", dir);
    if (length <= 0 || (size_t)length >= sizeof log->directory)
        return cc_fail(error, CC_ERR_ARGUMENT, "bad log directory name");
    bool writable = !log->options.read_only;
    if (writable) {
        CC_TRY(fs->make_directory(fs, dir, error));
        snprintf(path, sizeof path, "%s/lock", dir);
        CC_TRY(fs->open(fs, path, CC_OPEN_CREATE, &log->lock_file, error));
        CC_TRY(fs->lock(fs, log->lock_file, error));
    }
    snprintf(path, sizeof path, "%s/state", dir);
    CC_TRY(fs->open(fs, path, writable ? CC_OPEN_CREATE : CC_OPEN_READ, &log->state_file, error));
    CC_TRY(cc_log_state_load(log, error));
    if (log->state.generation == 0)
        log->state.last_dropped = log->options.begin_after;
    CC_TRY(cc_log_recover(log, error));
    log->marked_gone = log->state.last_dropped;           /* what was marked among it is not known any more */
    log->names_changed = writable && log->newest == NULL; /* lock and state are new too */
    if (writable && log->state.clean) {
        /* From now on a tail may be torn, and the medium must know it before the first record. */
        log->state.clean = false;
        CC_TRY(cc_log_state_save(log, error));
        CC_TRY(fs->sync(fs, log->state_file, error));
    }
    return CC_OK;
}

static void release(cc_log *log) {
    for (cc_segment *segment = log->oldest, *next; segment != NULL; segment = next) {
        next = segment->next;
        cc_segment_free(log, segment);
    }
    if (log->state_file != NULL)
        log->fs->close(log->fs, log->state_file);
    if (log->lock_file != NULL)
        log->fs->close(log->fs, log->lock_file);
    cc_cond_destroy(&log->synced_changed);
    cc_mutex_destroy(&log->mutex);
    if (log->alive != NULL)
        (void)munmap((void *)(uintptr_t)log->alive, 4096);
    free(log);
}

cc_status cc_log_open(const char *dir, const cc_log_options *options, cc_log **log_out, cc_error *error) {
    cc_log *log = calloc(1, sizeof *log);
    if (log == NULL)
        return cc_fail(error, CC_ERR_NOMEM, "no memory for a log");
    cc_status status = CC_OK;
    if (options != NULL)
        log->options = *options;
    set_defaults(&log->options);
    if (dir == NULL)
        log->options.durability = CC_DURABILITY_MEMORY;
    log->fs = log->options.fs != NULL ? log->options.fs : cc_fs_system();
    cc_mutex_init(&log->mutex);
    cc_cond_init(&log->synced_changed);
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
        status = cc_fail(error, CC_ERR_NOMEM, "no memory for a log");
        goto cleanup;
    }
    (void)madvise(page, 4096, MADV_WIPEONFORK);
    log->alive = page;
    *log->alive = 1;
    if (log->options.durability != CC_DURABILITY_MEMORY)
        CC_TRY_GOTO(open_directory(log, dir, error));
    else
        log->last = log->marked_gone = log->state.last_dropped = log->options.begin_after;
    if (log->options.durability == CC_DURABILITY_INTERVAL && !log->options.read_only)
        CC_TRY_GOTO(cc_log_syncer_start(log, error));
    *log_out = log;
    return CC_OK;
cleanup:
    release(log);
    return status;
}

cc_status cc_log_close(cc_log *log, cc_error *error) {
    CC_TRY(cc_log_check_owner(log, error));
    cc_status status = CC_OK;
    cc_mutex_lock(&log->mutex);
    uint32_t readers = log->readers;
    cc_mutex_unlock(&log->mutex);
    if (readers != 0)
        return cc_fail(error, CC_ERR_BUSY, "%u readers are open", readers);
    cc_log_syncer_stop(log);
    cc_mutex_lock(&log->mutex);
    if (log->state_file != NULL && !log->options.read_only) {
        status = cc_log_sync_locked(log, log->last, error);
        if (status == CC_OK && log->poisoned)
            status = cc_fail(error, CC_ERR_POISONED, "a sync failed: the log was read-only");
        if (status == CC_OK) {
            log->state.clean = true;
            status = cc_log_state_save(log, error);
        }
    }
    cc_mutex_unlock(&log->mutex);
    release(log);
    return status;
}

/* ---- submit ---- */

/* Makes `newest` a segment with room for `span` more bytes. */
static cc_status make_room(cc_log *log, uint64_t span, cc_error *error) {
    cc_segment *newest = log->newest;
    if (CC_LIKELY(newest != NULL && newest->size - newest->end >= span))
        return CC_OK;
    uint64_t size = newest == NULL ? log->options.segment_min : newest->size * 2;
    if (size > log->options.segment_max)
        size = log->options.segment_max;
    while (size < span + SEGMENT_HEADER)
        size *= 2;
    uint64_t bound = log->options.disk_bound;
    if (bound != 0 && log->disk_bytes + size > bound && log->spare_size < size)
        return cc_fail(error, CC_ERR_FULL, "the log holds its %llu bytes", (unsigned long long)bound);
    cc_segment *segment = NULL;
    CC_TRY(cc_segment_create(log, size, log->last + 1, &segment, error));
    cc_log_push_newest(log, segment);
    return CC_OK;
}

/* A position in gathered parts, for cutting chunks out of them. */
typedef struct {
    const cc_bytes *parts;
    size_t index, offset;
} part_cursor;

/* `header` says all but size and checksum, which are this chunk's. */
static void write_chunk(cc_log *log, part_cursor *source, size_t size, cc_record_header header,
                        uint64_t *offset) {
    cc_segment *segment = log->newest;
    header.size = (uint32_t)size;
    uint64_t at = *offset + RECORD_HEADER;
    for (size_t left = size; left > 0;) {
        cc_bytes part = source->parts[source->index];
        size_t step = part.size - source->offset < left ? part.size - source->offset : left;
        const uint8_t *data = part.data + source->offset;
        cc_segment_store(log, segment, at, data, step);
        at += step;
        left -= step;
        source->offset += step;
        if (source->offset == part.size) {
            source->index++;
            source->offset = 0;
        }
    }
    /* One long CRC over what was just stored (still in cache) beats one per part. */
    header.crc = cc_crc32c(0, (uint8_t *)&header + 4, RECORD_HEADER - 4);
    header.crc = cc_crc32c(header.crc, segment->data + *offset + RECORD_HEADER, size);
    cc_segment_store(log, segment, *offset, &header, RECORD_HEADER);
    *offset += cc_record_span(size);
}

static cc_status append(cc_log *log, const cc_log_batch *batch, size_t total, cc_log_ticket *ticket_out,
                        cc_error *error) {
    size_t chunks = total <= CC_LOG_BATCH_MAX ? 1 : (total + CC_LOG_BATCH_MAX - 1) / CC_LOG_BATCH_MAX;
    uint64_t span = (uint64_t)(chunks - 1) * cc_record_span(CC_LOG_BATCH_MAX) +
                    cc_record_span(total - (chunks - 1) * CC_LOG_BATCH_MAX);
    if (log->last + batch->count > CC_LOG_SEQUENCE_MAX)
        return cc_fail(error, CC_ERR_LIMIT, "the log's sequence numbers are used up");
    CC_TRY(make_room(log, span, error));
    cc_segment *segment = log->newest;
    uint64_t time_ms = batch->time_ms != 0 ? batch->time_ms : cc_clock_wall_ms();
    uint64_t offset = segment->end;
    uint32_t marked = batch->topics != 0 ? RECORD_MARKED : 0;
    cc_record_header header = {.epoch = segment->epoch,
                               .first = log->last + 1,
                               .time_ms = time_ms,
                               .count = batch->count,
                               .type_flags = batch->type | marked << 24};
    part_cursor source = {batch->parts, 0, 0};
    while (source.index < batch->part_count && source.parts[source.index].size == 0)
        source.index++;
    for (size_t chunk = 0, left = total; chunk < chunks; chunk++) {
        size_t size = left < CC_LOG_BATCH_MAX ? left : CC_LOG_BATCH_MAX;
        cc_record_header own = header;
        own.type_flags |= (uint32_t)(chunk + 1 < chunks ? RECORD_MORE : 0) << 24;
        write_chunk(log, &source, size, own, &offset);
        left -= size;
    }
    cc_segment_took(segment, segment->end, &header, batch->topics);
    segment->end = offset;
    segment->dirty = true;
    ticket_out->first = header.first;
    ticket_out->last = log->last = segment->last;
    ticket_out->position = ticket_out->last;
    return CC_OK;
}

cc_status cc_log_submit(cc_log *log, const cc_log_batch *batch, uint64_t expected_last,
                        cc_log_ticket *ticket_out, cc_error *error) {
    CC_TRY(cc_log_check_owner(log, error));
    size_t total = 0;
    for (size_t i = 0; i < batch->part_count; i++)
        total += batch->parts[i].size;
    if (batch->count == 0 || batch->type == 0 || batch->type > 0xffffff || total > SUBMIT_MAX)
        return cc_fail(error, CC_ERR_ARGUMENT, "a log batch needs a type, a count, and at most 64 MiB");
    cc_status status;
    cc_mutex_lock(&log->mutex);
    if (log->poisoned)
        status = cc_fail(error, CC_ERR_POISONED, "a sync failed earlier: the log is read-only");
    else if (log->options.read_only)
        status = cc_fail(error, CC_ERR_ARGUMENT, "the log is open for reading only");
    else if (expected_last != CC_LOG_ANY && expected_last != log->last)
        status = cc_fail(error, CC_ERR_STALE, "the last sequence is %" PRIu64 ", not %" PRIu64, log->last,
                         expected_last);
    else
        status = append(log, batch, total, ticket_out, error);
    cc_mutex_unlock(&log->mutex);
    return status;
}

/* ---- cursors and truncation ---- */

static cc_cursor *find_cursor(cc_log *log, const char *name) {
    for (uint32_t i = 0; i < log->state.cursor_count; i++)
        if (strcmp(log->state.cursors[i].name, name) == 0)
            return &log->state.cursors[i];
    return NULL;
}

cc_status cc_log_cursor_set(cc_log *log, const char *name, uint64_t sequence, cc_error *error) {
    CC_TRY(cc_log_check_owner(log, error));
    if (!cc_log_name_valid(name, strlen(name)))
        return cc_fail(error, CC_ERR_ARGUMENT, "a cursor name is 1-64 of [A-Za-z0-9_.-]");
    cc_status status = CC_OK;
    cc_mutex_lock(&log->mutex);
    cc_cursor *cursor = find_cursor(log, name);
    if (sequence > log->last) {
        status = cc_fail(error, CC_ERR_ARGUMENT, "cursor beyond the last sequence");
    } else if (cursor == NULL && log->state.cursor_count == CURSOR_MAX) {
        status = cc_fail(error, CC_ERR_LIMIT, "a log has at most 64 cursors");
    } else {
        bool made = cursor == NULL;
        if (made) {
            cursor = &log->state.cursors[log->state.cursor_count++];
            snprintf(cursor->name, sizeof cursor->name, "%s", name);
        }
        uint64_t before = cursor->sequence;
        cursor->sequence = sequence;
        status = cc_log_state_save(log, error);
        if (status != CC_OK) { /* what is not stored is not done */
            cursor->sequence = before;
            log->state.cursor_count -= made;
        }
    }
    cc_mutex_unlock(&log->mutex);
    return status;
}

cc_status cc_log_cursor_get(cc_log *log, const char *name, uint64_t *sequence_out, cc_error *error) {
    CC_TRY(cc_log_check_owner(log, error));
    cc_mutex_lock(&log->mutex);
    cc_cursor *cursor = find_cursor(log, name);
    if (cursor != NULL)
        *sequence_out = cursor->sequence;
    cc_mutex_unlock(&log->mutex);
    return cursor != NULL ? CC_OK : cc_fail(error, CC_ERR_NOT_FOUND, "no cursor named %s", name);
}

cc_status cc_log_cursor_drop(cc_log *log, const char *name, cc_error *error) {
    CC_TRY(cc_log_check_owner(log, error));
    cc_status status = CC_OK;
    cc_mutex_lock(&log->mutex);
    cc_cursor *cursor = find_cursor(log, name);
    if (cursor == NULL) {
        status = cc_fail(error, CC_ERR_NOT_FOUND, "no cursor named %s", name);
    } else {
        cc_cursor dropped = *cursor;
        *cursor = log->state.cursors[--log->state.cursor_count];
        status = cc_log_state_save(log, error);
        if (status != CC_OK) {
            log->state.cursors[log->state.cursor_count++] = *cursor;
            *cursor = dropped;
        }
    }
    cc_mutex_unlock(&log->mutex);
    return status;
}

/* A segment that is off the list becomes the spare, or goes. Mutex held on entry and exit, released
 * while the file system works; the caller holds a pin. */
static cc_status discard(cc_log *log, cc_segment *segment, cc_error *error) {
    uint64_t size = segment->size;
    if (segment->file == NULL) {
        log->disk_bytes -= size;
        return CC_OK;
    }
    char path[PATH_SIZE], spare[PATH_SIZE];
    cc_segment_path(log, segment->first, path);
    snprintf(spare, sizeof spare, "%s/spare", log->directory);
    /* Only ours may pin it: a reader inside would see its bytes written anew. */
    bool keep = log->spare_size == 0 && !log->spare_coming && segment->pins == 1 && size == log->newest->size;
    log->spare_coming = log->spare_coming || keep;
    cc_mutex_unlock(&log->mutex);
    cc_status status = keep ? log->fs->rename(log->fs, path, spare, error)
                            : log->fs->remove(log->fs, path, error);
    cc_mutex_lock(&log->mutex);
    if (keep) {
        log->spare_coming = false;
        log->names_changed = true;
    }
    if (keep && status == CC_OK)
        log->spare_size = size;
    else
        log->disk_bytes -= size; /* after a failure: removed when the log is next opened */
    return status;
}

cc_segment *cc_log_unpin(cc_segment *segment) {
    CC_ASSERT(segment->pins > 0);
    return --segment->pins == 0 && segment->dropped ? segment : NULL;
}

/* The sequence up to which every cursor and the retention allow to forget; mutex held. */
static uint64_t forgettable(const cc_log *log) {
    uint64_t done = log->state.cursor_count == 0 ? 0 : UINT64_MAX;
    for (uint32_t i = 0; i < log->state.cursor_count; i++)
        if (log->state.cursors[i].sequence < done)
            done = log->state.cursors[i].sequence;
    uint64_t now = cc_clock_wall_ms(), reached = log->state.last_dropped;
    for (const cc_segment *segment = log->oldest;
         segment != NULL && segment != log->newest && segment->last <= done &&
         (log->options.retention_ms == 0 || segment->newest_ms + log->options.retention_ms <= now);
         segment = segment->next)
        reached = segment->last;
    return reached;
}

cc_status cc_log_truncate(cc_log *log, cc_error *error) {
    CC_TRY(cc_log_check_owner(log, error));
    cc_status status = CC_OK;
    cc_mutex_lock(&log->mutex);
    uint64_t reached = forgettable(log);
    if (log->poisoned || log->options.read_only) {
        status = cc_fail(error, log->poisoned ? CC_ERR_POISONED : CC_ERR_ARGUMENT, "the log is read-only");
        goto cleanup;
    }
    if (log->oldest == NULL || log->oldest == log->newest || log->oldest->last > reached)
        goto cleanup;
    if (log->state_file != NULL) {
        /* The state first, and durably: a segment that is missing without it would read as a loss. */
        uint64_t before = log->state.last_dropped;
        log->state.last_dropped = reached;
        status = cc_log_state_save(log, error);
        if (status != CC_OK) {
            log->state.last_dropped = before;
            goto cleanup;
        }
        cc_mutex_unlock(&log->mutex);
        status = log->fs->sync(log->fs, log->state_file, error);
        cc_mutex_lock(&log->mutex);
        log->syncs++;
        log->poisoned = log->poisoned || status != CC_OK;
    }
    while (status == CC_OK && log->oldest != log->newest && log->oldest->last <= reached) {
        cc_segment *segment = log->oldest;
        log->oldest = segment->next;
        segment->dropped = true;
        if (segment->marked_last != 0)
            log->marked_gone = segment->marked_last;
        segment->pins++;
        status = discard(log, segment, error);
        cc_segment *unused = cc_log_unpin(segment);
        cc_mutex_unlock(&log->mutex);
        cc_segment_free(log, unused); /* unmapping 64 MiB takes a while */
        cc_mutex_lock(&log->mutex);
    }
cleanup:
    cc_mutex_unlock(&log->mutex);
    return status;
}

uint64_t cc_log_marked_since(cc_log *log, uint64_t since_ms, uint64_t bytes_max) {
    if (cc_log_check_owner(log, NULL) != CC_OK)
        return 1;
    cc_mutex_lock(&log->mutex);
    uint64_t bytes = 0;
    for (const cc_segment *segment = log->oldest; segment != NULL; segment = segment->next)
        bytes += segment->size;
    const cc_segment *segment = log->oldest;
    while (segment != NULL &&
           (segment->marked_ms == 0 || segment->marked_ms < since_ms || bytes > bytes_max)) {
        bytes -= segment->size;
        segment = segment->next;
    }
    uint64_t first = segment != NULL ? segment->first : log->last + 1;
    cc_mutex_unlock(&log->mutex);
    return first;
}

uint64_t cc_log_complete(cc_log *log) {
    if (cc_log_check_owner(log, NULL) != CC_OK)
        return 0;
    cc_mutex_lock(&log->mutex);
    uint64_t last = log->options.durability == CC_DURABILITY_COMMIT ? log->state.synced : log->last;
    cc_mutex_unlock(&log->mutex);
    return last;
}

void cc_log_info_get(cc_log *log, cc_log_info *info_out) {
    *info_out = (cc_log_info){0};
    if (cc_log_check_owner(log, NULL) != CC_OK)
        return; /* in a forked child the mutex may be held by a thread that is not there */
    cc_mutex_lock(&log->mutex);
    *info_out = (cc_log_info){
        .first_sequence = log->oldest != NULL ? log->oldest->first : log->last + 1,
        .last_sequence = log->last,
        .disk_bytes = log->disk_bytes,
        .synced_sequence = log->state.synced,
        .marked_gone = log->marked_gone,
        .torn_bytes = log->torn_bytes,
        .syncs = log->syncs,
    };
    for (cc_segment *segment = log->oldest; segment != NULL; segment = segment->next)
        info_out->segments++;
    cc_mutex_unlock(&log->mutex);
}
