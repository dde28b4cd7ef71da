/* recover.c: the newest checkpoint, then the log behind it, into memory at open.
 *
 * Each record goes through the same staging and committing as a live write, without the log.
 * A record that does not decode, names a space that is not there, or creates one out of turn stops
 * the open with CC_ERR_CORRUPT and its sequence as position. */
#include "store/internal.h"

#include "store/restore.h"

static cc_status corrupt(cc_error *error, const char *what) {
    return cc_fail(error, CC_ERR_CORRUPT, "a store record cannot be replayed: %s", what);
}

static cc_status apply_write(cc_store *store, cc_record *record, cc_error *error) {
    for (uint32_t i = 0; i < record->count; i++) {
        cc_record_change decoded;
        CC_TRY(cc_record_next_change(record, &decoded, error));
        cc_change change = {.kind = (cc_change_kind)decoded.kind,
                            .space = cc_space_by_id(store, decoded.space_id),
                            .key = decoded.key,
                            .value = decoded.value};
        if (change.space == NULL)
            return corrupt(error, "a change of an unknown space");
        cc_staged staged;
        cc_status status = cc_change_stage(&change, &staged);
        if (status != CC_OK)
            return cc_fail(error, status, "no memory to replay the log");
        cc_change_commit(&change, &staged);
    }
    return record->changes.size == 0 ? CC_OK : corrupt(error, "bytes behind the last change");
}

static cc_status apply_create(cc_store *store, const cc_record *record, cc_error *error) {
    cc_space *space = NULL;
    if (record->space_id != store->next_id)
        return corrupt(error, "a space created out of turn");
    if (cc_space_find(store, record->name) != NULL)
        return corrupt(error, "a space created twice");
    CC_TRY(cc_space_new(store, record->space_id, record->name, record->meta, &space, error));
    cc_space_link(store, space);
    return CC_OK;
}

cc_status cc_store_apply_record(cc_store *store, uint32_t type, cc_bytes payload, cc_error *error) {
    cc_record record;
    CC_TRY(cc_record_decode(type, payload, &record, error));
    if (type == CC_RECORD_INIT)
        return corrupt(error, "a second first record");
    if (type == CC_RECORD_WRITE || type == CC_RECORD_FEED)
        return apply_write(store, &record, error);
    if (type == CC_RECORD_CREATE)
        return apply_create(store, &record, error);
    cc_space *space = cc_space_by_id(store, record.space_id);
    if (space == NULL)
        return corrupt(error, "an unknown space");
    if (type == CC_RECORD_META) {
        cc_buffer_clear(&space->meta);
        if (cc_buffer_append(&space->meta, record.meta.data, record.meta.size) != CC_OK)
            return cc_fail(error, CC_ERR_NOMEM, "no memory to replay the log");
        return CC_OK;
    }
    cc_space_unlink(store, space);
    cc_space_free(space);
    return CC_OK;
}

static cc_status replay_first(cc_store *store, const cc_log_record *record, cc_error *error) {
    cc_record first;
    if (record->type != CC_RECORD_INIT || record->first != 1)
        return corrupt(error, "the log does not begin with a store's first record");
    CC_TRY(cc_record_decode(record->type, record->payload, &first, error));
    store->seed = first.seed;
    return CC_OK;
}

static cc_status replay(cc_store *store, uint64_t begin, cc_error *error) {
    cc_log_reader *reader = NULL;
    cc_log_record record = {0};
    CC_TRY(cc_log_reader_open(store->log, begin + 1, &reader, error));
    cc_status status;
    while ((status = cc_log_reader_next(reader, &record, error)) == CC_OK) {
        status = store->last_sequence == 0 ? replay_first(store, &record, error)
                                           : cc_store_apply_record(store, record.type, record.payload, error);
        if (status != CC_OK) {
            error->position = record.first;
            break;
        }
        store->last_sequence = record.first;
        store->logged_bytes += record.payload.size;
        cc_store_settle(store);
    }
    cc_log_reader_close(reader);
    return status == CC_ERR_NOT_FOUND ? CC_OK : status;
}

/* Nothing was ever written to a log that begins behind a sequence of its maker's. */
static bool untouched(const cc_store *store, uint64_t begin_after) {
    cc_log_info info;
    cc_log_info_get(store->log, &info);
    return begin_after != 0 && info.last_sequence == begin_after && info.segments == 0;
}

/* The log must begin where the checkpoint ends, and hold what its pages may hold. */
static cc_status check_log(const cc_store *store, uint64_t begin, uint64_t end, const cc_error *why,
                           cc_error *error) {
    cc_log_info info;
    cc_log_info_get(store->log, &info);
    if (info.first_sequence > begin + 1)
        return cc_fail(error, CC_ERR_CORRUPT,
                       "the log begins at sequence %llu, but %llu is where replay must begin%s%.300s",
                       (unsigned long long)info.first_sequence, (unsigned long long)begin + 1,
                       why->message[0] == '\0' ? "" : ": ", why->message);
    if (info.last_sequence < end)
        return cc_fail(error, CC_ERR_CORRUPT,
                       "the log ends at sequence %llu, but the checkpoint holds changes up to %llu",
                       (unsigned long long)info.last_sequence, (unsigned long long)end);
    return CC_OK;
}

cc_status cc_store_recover(cc_store *store, uint64_t begin_after, bool *new_out, cc_error *error) {
    uint64_t begin = 0, end = 0;
    cc_error why = {0}, local = {0};
    if (error == NULL)
        error = &local;
    cc_status status = cc_restore(store, &begin, &end, &why);
    if (status != CC_OK) {
        *error = why;
        return status;
    }
    if (end == 0 && untouched(store, begin_after))
        begin = begin_after;
    CC_TRY(check_log(store, begin, end, &why, error));
    CC_TRY(replay(store, begin, error));
    *new_out = store->last_sequence == 0;
    return CC_OK;
}
