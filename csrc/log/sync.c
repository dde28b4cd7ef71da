/* sync.c: durability. One sync serves every writer that waits (group commit): the first waiter
 * leads, the others sleep until the watermark has passed them. A failed sync poisons the log: the
 * kernel may have marked the lost pages clean, so asking again would only pretend. */
#include "base/clock.h"
#include "log/internal.h"

/* Leader: syncs every dirty segment, without the mutex. */
static cc_status lead(cc_log *log, cc_error *error) {
    uint64_t target = log->last;
    cc_status status = CC_OK;
    log->syncing = true;
    if (log->names_changed) { /* a segment is worth nothing without its name */
        log->names_changed = false;
        cc_mutex_unlock(&log->mutex);
        status = log->fs->sync_directory(log->fs, log->directory, error);
        cc_mutex_lock(&log->mutex);
        log->syncs++;
    }
    for (cc_segment *segment = log->oldest; segment != NULL && status == CC_OK;) {
        if (!segment->dirty || segment->file == NULL) {
            segment = segment->next;
            continue;
        }
        segment->pins++;
        segment->dirty = false; /* a write that comes during the sync sets it again */
        cc_mutex_unlock(&log->mutex);
        status = log->fs->sync(log->fs, segment->file, error);
        cc_mutex_lock(&log->mutex);
        log->syncs++;
        cc_segment *next = segment->next;
        bool gone = segment->dropped;
        cc_segment *unused = cc_log_unpin(segment);
        segment = gone ? log->oldest : next;
        cc_segment_free(log, unused);
    }
    log->syncing = false;
    if (status == CC_OK && target > log->state.synced) {
        log->state.synced = target;
        status = cc_log_state_save(log, error);
    }
    log->poisoned = log->poisoned || status != CC_OK;
    cc_cond_broadcast(&log->synced_changed);
    return status;
}

cc_status cc_log_sync_locked(cc_log *log, uint64_t sequence, cc_error *error) {
    while (log->state.synced < sequence) {
        if (log->poisoned)
            return cc_fail(error, CC_ERR_POISONED, "a sync failed: the log is read-only");
        if (log->syncing)
            cc_cond_wait(&log->synced_changed, &log->mutex);
        else
            CC_TRY(lead(log, error));
    }
    return CC_OK;
}

cc_status cc_log_wait(cc_log *log, const cc_log_ticket *ticket, cc_durability durability, cc_error *error) {
    if (durability == CC_DURABILITY_DEFAULT)
        durability = log->options.durability;
    if (durability != CC_DURABILITY_COMMIT || log->state_file == NULL)
        return CC_OK;
    CC_TRY(cc_log_check_owner(log, error));
    cc_mutex_lock(&log->mutex);
    cc_status status = cc_log_sync_locked(log, ticket->position, error);
    cc_mutex_unlock(&log->mutex);
    return status;
}

cc_status cc_log_sync(cc_log *log, cc_error *error) {
    CC_TRY(cc_log_check_owner(log, error));
    if (log->state_file == NULL)
        return CC_OK;
    cc_mutex_lock(&log->mutex);
    cc_status status = cc_log_sync_locked(log, log->last, error);
    cc_mutex_unlock(&log->mutex);
    return status;
}

/* INTERVAL: a thread that syncs what was written since the last time. */
static void *run_syncer(void *context) {
    cc_log *log = context;
    cc_mutex_lock(&log->mutex);
    while (!log->stopping) {
        (void)cc_cond_wait_for(&log->synced_changed, &log->mutex,
                               (uint64_t)log->options.interval_ms * 1000000);
        if (log->stopping || log->poisoned || log->state.synced >= log->last)
            continue;
        if (cc_log_sync_locked(log, log->last, NULL) != CC_OK)
            break; /* poisoned: the next submit says so */
    }
    cc_mutex_unlock(&log->mutex);
    return NULL;
}

cc_status cc_log_syncer_start(cc_log *log, cc_error *error) {
    int result = pthread_create(&log->syncer, NULL, run_syncer, log);
    if (result != 0)
        return cc_fail_errno(error, result, "cannot start the sync thread");
    log->has_syncer = true;
    return CC_OK;
}

void cc_log_syncer_stop(cc_log *log) {
    if (!log->has_syncer)
        return;
    cc_mutex_lock(&log->mutex);
    log->stopping = true;
    cc_cond_broadcast(&log->synced_changed);
    cc_mutex_unlock(&log->mutex);
    CC_ASSERT(pthread_join(log->syncer, NULL) == 0);
    log->has_syncer = false;
}
