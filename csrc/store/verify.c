/* verify.c: see verify.h. */
#include "store/verify.h"

#include <inttypes.h>

#include "store/internal.h"

typedef struct {
    const char *dir;
    const cc_store_options *options;
    const cc_verify_options *verify;
    cc_findings *findings;
    cc_store_survey *out;
    uint64_t begin, end; /* of the log: what the checkpoints need */
} verification;

/* ---- the log ---- */
static cc_status check_record(void *context, const cc_log_record *record, cc_error *error) {
    verification *work = context;
    cc_record decoded;
    cc_record_change change;
    cc_error why = {0};
    cc_status status = cc_record_decode(record->type, record->payload, &decoded, &why);
    if (status == CC_ERR_FORMAT)
        return cc_fail(error, status, "sequence %" PRIu64 ": %.400s", record->first, why.message);
    if (status == CC_OK && (record->type == CC_RECORD_WRITE || record->type == CC_RECORD_FEED)) {
        for (uint32_t i = 0; i < decoded.count && status == CC_OK; i++)
            status = cc_record_next_change(&decoded, &change, &why);
        if (status == CC_OK && decoded.changes.size != 0)
            status = cc_fail(&why, CC_ERR_CORRUPT, "bytes behind the last change");
    }
    if (status == CC_OK && record->first == 1 && record->type != CC_RECORD_INIT)
        status = cc_fail(&why, CC_ERR_CORRUPT, "the log does not begin with a store's first record");
    if (status != CC_OK)
        cc_found(work->findings, false, "log", 0, "sequence %" PRIu64 " is no record of a store: %.300s",
                 record->first, why.message);
    return CC_OK;
}

/* ---- the page file ---- */
static cc_status check_pages(verification *work, cc_pager *pager, cc_error *error) {
    cc_page_visitor visitor = {.findings = work->findings};
    uint64_t mask = work->options->hash_mask;
    uint32_t damaged = 0;
    if (pager->file == NULL)
        return CC_OK;
    CC_TRY(cc_survey_slots(pager, work->findings, &damaged, error));
    if (pager->found_count == 0)
        return CC_OK;
    const cc_superblock *newest = &pager->found[0];
    work->out->generation = newest->generation;
    work->begin = newest->begin;
    work->end = newest->end;
    CC_TRY(cc_survey_checkpoint(pager, newest, CC_LIVE, mask, &visitor, &work->out->newest, error));
    if (newest->previous == 0)
        return CC_OK;
    for (uint32_t i = 1; i < pager->found_count; i++)
        if (pager->found[i].generation == newest->previous) {
            work->begin = pager->found[i].begin;
            return cc_survey_checkpoint(pager, &pager->found[i], CC_HELD, mask, &visitor,
                                        &work->out->previous, error);
        }
    cc_found(work->findings, damaged != 0, "pages", 0,
             "checkpoint %" PRIu64 " names the one before it, %" PRIu64 ", which no superblock has",
             newest->generation, newest->previous);
    return CC_OK;
}

static void check_log_reaches(verification *work) {
    const cc_log_survey *log = &work->out->log;
    if (work->out->generation != 0 && log->last_sequence < work->end)
        cc_found(work->findings, false, "log", 0,
                 "the log ends at sequence %" PRIu64 ", but a checkpoint holds changes up to %" PRIu64,
                 log->last_sequence, work->end);
    if (log->first_sequence > work->begin + 1)
        cc_found(work->findings, false, "log", 0,
                 "the log begins at sequence %" PRIu64 ", but %" PRIu64 " is where replay must begin",
                 log->first_sequence, work->begin + 1);
}

/* ---- in memory ---- */
static void check_space(verification *work, cc_space *space) {
    cc_space_cursor cursor;
    uint64_t count = 0, bytes = 0, strays = 0, disorders = 0, last_hash = 0;
    int name = (int)(space->name.size < 100 ? space->name.size : 100);
    for (bool more = cc_space_seek_hash(space, 0, &cursor); more; more = cc_space_next(&cursor)) {
        uint64_t hash;
        cc_key key;
        cc_bytes value, found = {NULL, 0};
        cc_space_entry(&cursor, &hash, &key, &value);
        strays += !cc_space_get(space, key, &found) || found.data != value.data;
        disorders += hash < last_hash || hash != cc_space_partition_hash(space, key.partition);
        last_hash = hash;
        count++;
        bytes += value.size;
        const char *wrong = work->verify->item == NULL
                                ? NULL
                                : work->verify->item(work->verify->context, space, key, value);
        if (wrong != NULL)
            cc_found(work->findings, false, "log", 0, "table '%.*s': item %" PRIu64 " in order: %s", name,
                     (const char *)space->name.data, count, wrong);
    }
    if (strays != 0 || disorders != 0 || count != space->item_count || bytes != space->item_bytes)
        cc_found(work->findings, false, "log", 0,
                 "table '%.*s': of %" PRIu64 " items in the tree, %" PRIu64
                 " are not in the hash index and %" PRIu64 " out of order; %" PRIu64 " are counted",
                 name, (const char *)space->name.data, count, strays, disorders, space->item_count);
    work->out->items += count;
    work->out->item_bytes += bytes;
}

static cc_status check_memory(verification *work, cc_error *error) {
    cc_store_options options = *work->options;
    cc_store *store = NULL;
    cc_error why = {0};
    options.log.read_only = true;
    cc_status status = cc_store_open(work->dir, &options, &store, &why);
    if (status == CC_ERR_CORRUPT) {
        cc_found(work->findings, false, "log", 0, "opening it fails: %.350s", why.message);
        return CC_OK;
    }
    if (status != CC_OK) {
        if (error != NULL)
            *error = why;
        return status;
    }
    if (store->fell_back)
        cc_found(work->findings, false, "pages", 0, "opening it takes the checkpoint before the newest one");
    work->out->opened = true;
    work->out->spaces = store->space_count;
    for (size_t i = 0; i < store->space_count; i++)
        check_space(work, store->spaces[i]);
    return cc_store_close(store, error);
}

/* ---- all of it ---- */
static cc_status check_files(verification *work, cc_fs *fs, cc_error *error) {
    cc_pager pager;
    cc_log_visitor visitor = {.findings = work->findings, .batch = check_record, .context = work};
    cc_status status = cc_pager_open(&pager, fs, work->dir, true, error);
    if (status == CC_OK)
        status = cc_log_survey_take(fs, work->dir, &visitor, &work->out->log, error);
    if (status == CC_OK)
        status = check_pages(work, &pager, error);
    cc_pager_close(&pager);
    if (status == CC_OK)
        check_log_reaches(work);
    return status;
}

cc_status cc_store_verify(const char *dir, const cc_store_options *options, const cc_verify_options *verify,
                          cc_store_survey *survey_out, cc_error *error) {
    cc_store_options defaults = {0};
    verification work = {.dir = dir,
                         .options = options != NULL ? options : &defaults,
                         .verify = verify,
                         .findings = verify->findings,
                         .out = survey_out};
    cc_fs *fs = work.options->log.fs != NULL ? work.options->log.fs : cc_fs_system();
    cc_file *lock = NULL;
    *survey_out = (cc_store_survey){0};
    CC_TRY(cc_log_hold(fs, dir, &lock, error));
    cc_status status = check_files(&work, fs, error);
    if (status == CC_OK && work.findings->faults == 0)
        status = check_memory(&work, error);
    if (lock != NULL)
        fs->close(fs, lock);
    return status;
}
