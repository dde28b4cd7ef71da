/* verify.c: see verify.h. */
#include "store/verify.h"

#include <inttypes.h>
#include <stdio.h>

#include "store/internal.h"

enum { SETTLE_EVERY = 256 }; /* items whose values may have been read from the disk */

typedef struct {
    const char *dir;
    const cc_store_options *options;
    const cc_verify_options *verify;
    cc_findings *findings;
    cc_store_survey *out;
    uint64_t begin, end; /* of the log: what the checkpoints need */
    cc_store *store;     /* once it is opened */
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
typedef struct {
    uint64_t expected, strays, bytes; /* items that belong there, those it does not lead to, their sizes */
} index_count;

typedef struct {
    cc_space *space;
    uint64_t count, bytes, strays, disorders, last_hash;
    index_count indexes[CC_SPACE_INDEX_MAX];
} space_count;

static cc_cell *indexed(const cc_space *space, cc_key key) {
    uint64_t hash = cc_store_partition_hash(space->store, key.partition);
    return cc_hash_index_find(&space->index, cc_store_key_hash(space->store, hash, key.sort), key);
}

static void found_in(verification *work, const cc_space *space, const char *what) {
    int name = (int)(space->name.size < 100 ? space->name.size : 100);
    cc_found(work->findings, false, "log", 0, "table '%.*s': %s", name, (const char *)space->name.data, what);
}

/* CC_ERR_NOMEM alone. */
static cc_status check_entries_of(space_count *of, cc_cell *cell, cc_bytes value) {
    for (uint32_t i = 0; i < of->space->index_count; i++) {
        index_count *count = &of->indexes[i];
        bool agrees = false, present = false;
        uint32_t size = 0;
        CC_TRY(cc_index_agrees(of->space->indexes[i], cell, value, &agrees, &present, &size));
        count->expected += present;
        count->strays += !agrees;
        count->bytes += size;
    }
    return CC_OK;
}

static cc_status check_item(verification *work, space_count *of, const cc_space_cursor *cursor,
                            cc_error *error) {
    char text[300];
    uint64_t hash;
    cc_key key;
    cc_bytes value;
    cc_cell *cell = ((const cc_leaf *)cursor->leaf)->cells[cursor->slot];
    cc_space_entry(cursor, &hash, &key, &value);
    of->count++;
    of->strays += indexed(of->space, key) != cell;
    of->disorders += hash < of->last_hash || hash != cc_space_partition_hash(of->space, key.partition);
    of->last_hash = hash;
    if (value.data == NULL && cc_store_failure(work->store, error) != CC_OK) {
        snprintf(text, sizeof text, "item %" PRIu64 " in order cannot be read: %.200s", of->count,
                 error == NULL ? "" : error->message);
        found_in(work, of->space, text);
        cc_store_settle(work->store);
        return CC_OK;
    }
    of->bytes += value.size;
    const char *wrong = work->verify->item == NULL
                            ? NULL
                            : work->verify->item(work->verify->context, of->space, key, value);
    if (wrong != NULL) {
        snprintf(text, sizeof text, "item %" PRIu64 " in order: %s", of->count, wrong);
        found_in(work, of->space, text);
    }
    return check_entries_of(of, cell, value) == CC_OK
               ? CC_OK
               : cc_fail(error, CC_ERR_NOMEM, "no memory to check an index");
}

/* What the index has, in its own order, against what the items say that it should have. */
static void check_index(verification *work, const space_count *of, const cc_space *index,
                        const index_count *expected) {
    cc_space_cursor cursor;
    uint64_t count = 0, dead = 0, disorders = 0, last_hash = 0, hash;
    cc_cell *before = NULL;
    cc_space *walked = (cc_space *)(uintptr_t)index;
    for (bool more = cc_space_seek_hash(walked, 0, &cursor); more; more = cc_space_next(&cursor)) {
        cc_cell *entry = ((const cc_leaf *)cursor.leaf)->cells[cursor.slot];
        cc_space_entry(&cursor, &hash, NULL, NULL);
        disorders += hash < last_hash || (before != NULL && hash == last_hash &&
                                          cc_cell_compare(before, cc_cell_key(entry)) >= 0);
        dead += (cc_index_item(entry)->flags & CC_CELL_LIVE) == 0;
        last_hash = hash;
        before = entry;
        count++;
    }
    work->out->indexes++;
    work->out->entries += count;
    if (expected->strays == 0 && dead == 0 && disorders == 0 && count == expected->expected &&
        count == index->item_count && index->item_bytes == expected->bytes)
        return;
    char text[300];
    cc_bytes name = work->verify->index_name == NULL ? cc_bytes_text("")
                                                     : work->verify->index_name(index->definition);
    snprintf(text, sizeof text,
             "index '%.*s': %" PRIu64 " entries (%" PRIu64 " out of order, %" PRIu64
             " of no item) for %" PRIu64 " items that belong there, %" PRIu64
             " of which it does not lead to; %" PRIu64 " are counted",
             (int)(name.size < 60 ? name.size : 60), (const char *)name.data, count, disorders, dead,
             expected->expected, expected->strays, index->item_count);
    found_in(work, of->space, text);
}

static cc_status check_space(verification *work, cc_space *space, cc_error *error) {
    space_count of = {.space = space};
    cc_space_cursor cursor;
    for (bool more = cc_space_seek_hash(space, 0, &cursor); more; more = cc_space_next(&cursor)) {
        CC_TRY(check_item(work, &of, &cursor, error));
        if (of.count % SETTLE_EVERY == 0)
            cc_store_settle(work->store);
    }
    if (of.strays != 0 || of.disorders != 0 || of.count != space->item_count ||
        of.bytes != space->item_bytes) {
        char text[300];
        snprintf(text, sizeof text,
                 "of %" PRIu64 " items in the tree, %" PRIu64 " are not in the hash index and %" PRIu64
                 " out of order; %" PRIu64 " are counted",
                 of.count, of.strays, of.disorders, space->item_count);
        found_in(work, space, text);
    }
    for (uint32_t i = 0; i < space->index_count; i++)
        check_index(work, &of, space->indexes[i], &of.indexes[i]);
    work->out->items += of.count;
    work->out->item_bytes += of.bytes;
    return CC_OK;
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
    work->store = store;
    work->out->opened = true;
    work->out->spaces = store->space_count;
    if (work->verify->opened != NULL)
        status = work->verify->opened(work->verify->context, store, error);
    for (size_t i = 0; i < store->space_count && status == CC_OK; i++)
        status = check_space(work, store->spaces[i], error);
    work->out->memory_used = cc_slab_arena_used(&store->arena);
    cc_status closed = cc_store_close(store, status == CC_OK ? error : NULL);
    return status != CC_OK ? status : closed;
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
