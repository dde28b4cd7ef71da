/* recover.c: replaying the log into memory at open.
 *
 * Each record goes through the same staging and committing as a live write, without the log.
 * A record that does not decode, names a space that is not there, or creates one out of turn stops
 * the open with CC_ERR_CORRUPT and its sequence as position. */
#include "store/internal.h"

static cc_status corrupt(cc_error *error, const char *what) {
    return cc_fail(error, CC_ERR_CORRUPT, "a store record cannot be replayed: %s", what);
}

static cc_space *space_by_id(const cc_store *store, uint32_t id) {
    return id < store->next_id ? store->by_id[id] : NULL;
}

static cc_status apply_write(cc_store *store, cc_record *record, cc_error *error) {
    for (uint32_t i = 0; i < record->count; i++) {
        cc_record_change decoded;
        CC_TRY(cc_record_next_change(record, &decoded, error));
        cc_change change = {.kind = (cc_change_kind)decoded.kind,
                            .space = space_by_id(store, decoded.space_id),
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
    cc_space *space = space_by_id(store, record.space_id);
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

cc_status cc_store_replay(cc_store *store, uint64_t *records_out, cc_error *error) {
    cc_log_reader *reader = NULL;
    cc_log_record record = {0};
    cc_error local = {0};
    uint64_t records = 0;
    if (error == NULL)
        error = &local;
    CC_TRY(cc_log_reader_open(store->log, 1, &reader, error));
    cc_status status;
    while ((status = cc_log_reader_next(reader, &record, error)) == CC_OK) {
        status = records == 0 ? replay_first(store, &record, error)
                              : cc_store_apply_record(store, record.type, record.payload, error);
        if (status != CC_OK) {
            error->position = record.first;
            break;
        }
        records++;
    }
    cc_log_reader_close(reader);
    *records_out = records;
    return status == CC_ERR_NOT_FOUND ? CC_OK : status;
}
