/* salvage.c: see salvage.h. */
#include "store/salvage.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/little.h"
#include "store/internal.h"
#include "store/poison.h"
#include "store/survey.h"

/* A range of a space that no checkpoint has given whole yet. */
typedef struct {
    uint32_t space, count; /* items, 0: of pages that are not known */
    bool one, to_end;      /* `from` alone; from it to the end of the space */
    cc_page_bound from, to;
    cc_buffer keys; /* of both */
} gap;
typedef struct {
    gap *gaps;
    size_t count, capacity;
} gap_list;

typedef struct {
    cc_store *store; /* the new one */
    const cc_verify_options *verify;
    cc_findings *findings;
    cc_salvage *out;
    uint64_t hash_mask;
    gap_list gaps;        /* of the base */
    gap_list still;       /* what the checkpoint before lacks, */
    bool filling;         /* the base is read: only gaps are filled now */
    bool based;           /* there is a base */
    uint32_t next_id;     /* ids below it that the base does not have were dropped */
    uint64_t base_begin;  /* records up to it matter to gaps alone, */
    uint64_t fill_begin;  /* and up to this one not even to them */
    uint64_t next_needed; /* sequence of the log that comes next, of those that matter */
} salvage;

static cc_status no_memory(cc_error *error) {
    return cc_fail(error, CC_ERR_NOMEM, "no memory to repair a store");
}

/* ---- gaps ---- */
static cc_status keep_keys(gap *made, cc_key from, cc_key to) {
    cc_bytes parts[4] = {from.partition, from.sort, to.partition, to.sort};
    size_t at = 0;
    for (int i = 0; i < 4; i++)
        CC_TRY(cc_buffer_append(&made->keys, parts[i].data, parts[i].size));
    CC_TRY(cc_buffer_append_byte(&made->keys, 0)); /* so that there is memory to point to */
    cc_bytes *kept[4] = {&made->from.key.partition, &made->from.key.sort, &made->to.key.partition,
                         &made->to.key.sort};
    for (int i = 0; i < 4; at += parts[i].size, i++)
        *kept[i] = cc_bytes_of(made->keys.data + at, parts[i].size);
    return CC_OK;
}

static cc_status add_gap(gap_list *list, uint32_t space, const cc_page_bound *from, const cc_page_bound *to,
                         uint32_t count, cc_error *error) {
    CC_ASSERT(from != NULL);
    if (list->count == list->capacity) {
        size_t more = list->capacity == 0 ? 16 : list->capacity * 2;
        gap *grown = cc_store_alloc_fails() ? NULL : realloc(list->gaps, more * sizeof *grown);
        if (grown == NULL)
            return no_memory(error);
        list->gaps = grown;
        list->capacity = more;
    }
    gap *made = &list->gaps[list->count++];
    *made = (gap){.space = space, .count = count, .one = from == to, .to_end = to == NULL, .from = *from};
    if (to != NULL)
        made->to = *to;
    return keep_keys(made, from->key, to != NULL ? to->key : (cc_key){{NULL, 0}, {NULL, 0}}) == CC_OK
               ? CC_OK
               : no_memory(error);
}

static cc_status note_gap(void *context, uint32_t space, const cc_page_bound *from, const cc_page_bound *to,
                          uint32_t count, cc_error *error) {
    salvage *work = context;
    return add_gap(work->filling ? &work->still : &work->gaps, space, from, to, count, error);
}

static void free_gaps(gap_list *list) {
    for (size_t i = 0; i < list->count; i++)
        cc_buffer_free(&list->gaps[i].keys);
    free(list->gaps);
}

static bool in_gap(const gap *g, uint64_t hash, cc_key key) {
    if (g->one)
        return hash == g->from.hash && cc_bytes_equal(key.partition, g->from.key.partition) &&
               cc_bytes_equal(key.sort, g->from.key.sort);
    return cc_page_bound_reached(&g->from, hash, key) &&
           (g->to_end || !cc_page_bound_reached(&g->to, hash, key));
}

/* Whether an item is in a gap; `unknown`: in one of pages that are not known. */
static bool in_gaps(const gap_list *list, uint32_t space, uint64_t hash, cc_key key, bool unknown) {
    for (size_t i = 0; i < list->count; i++)
        if (list->gaps[i].space == space && (!unknown || list->gaps[i].count == 0) &&
            in_gap(&list->gaps[i], hash, key))
            return true;
    return false;
}

/* ---- into the new store ---- */
static cc_status put(cc_space *space, cc_change_kind kind, cc_key key, cc_bytes value, cc_error *error) {
    cc_change change = {.kind = kind, .space = space, .key = key, .value = value};
    cc_staged staged;
    if (cc_change_stage(&change, &staged) != CC_OK)
        return no_memory(error);
    cc_change_commit(&change, &staged);
    cc_store_settle(space->store); /* within its budget, if it has one */
    return CC_OK;
}

static cc_status make_space(cc_store *store, uint32_t id, cc_bytes name, cc_bytes meta, cc_error *error) {
    cc_space *space = NULL;
    uint32_t next = store->next_id;
    CC_TRY(cc_space_new(store, id, name, meta, &space, error));
    cc_space_link(store, space);
    if (store->next_id < next)
        store->next_id = next;
    return CC_OK;
}

static cc_status take_space(void *context, const cc_catalog_entry *entry, uint32_t next_id, cc_error *error) {
    salvage *work = context;
    if (work->filling)
        return CC_OK;
    work->next_id = next_id;
    if (entry->id >= next_id || cc_space_by_id(work->store, entry->id) != NULL ||
        cc_space_find(work->store, entry->name) != NULL)
        return CC_OK; /* told: the catalog contradicts itself */
    return make_space(work->store, entry->id, entry->name, entry->meta, error);
}

static cc_status take_item(void *context, uint32_t space_id, uint64_t hash, const cc_page_item *item,
                           cc_error *error) {
    salvage *work = context;
    cc_space *space = cc_space_by_id(work->store, space_id);
    cc_bytes found;
    if (space == NULL)
        return CC_OK;
    if (work->filling) {
        if (!in_gaps(&work->gaps, space_id, hash, item->key, false) || cc_space_get(space, item->key, &found))
            return CC_OK;
        work->out->regained++;
    }
    return put(space, CC_CHANGE_PUT, item->key, item->value, error);
}

/* ---- checkpoints ---- */
static cc_status read_block(cc_pager *pager, uint64_t offset, cc_buffer *page, cc_page_about *about_out,
                            bool *good_out, cc_error *error) {
    uint8_t head[CC_PAGE_HEAD];
    size_t got = 0;
    cc_fs *fs = pager->fs;
    *good_out = false;
    if (fs->read_at(fs, pager->file, offset, head, sizeof head, &got, NULL) != CC_OK || got != sizeof head)
        return CC_OK;
    uint32_t size = cc_get_u32(head + 4);
    if (size < CC_PAGE_HEAD || size > pager->size - offset)
        return CC_OK;
    cc_buffer_clear(page);
    if (cc_buffer_reserve(page, size) != CC_OK)
        return no_memory(error);
    *good_out = fs->read_at(fs, pager->file, offset, page->data, size, &got, NULL) == CC_OK && got == size &&
                cc_page_identify(page->data, size, offset, about_out);
    return CC_OK;
}

static cc_status read_checkpoint(salvage *work, cc_pager *pager, uint32_t at, cc_page_survey *survey_out,
                                 cc_error *error) {
    cc_page_visitor visitor = {
        .findings = work->findings, .context = work, .space = take_space, .item = take_item, .gap = note_gap};
    cc_map_name map = work->filling ? CC_HELD : CC_LIVE;
    if (!work->filling) /* an earlier attempt found no catalog */
        cc_extents_forget(&pager->extents, CC_LIVE);
    return cc_survey_checkpoint(pager, &pager->found[at], map, work->hash_mask, &visitor, survey_out, error);
}

/* No superblock leads to a catalog: the newest one that is right by itself, as if it were the only checkpoint. */
static cc_status find_catalog(salvage *work, cc_pager *pager, bool *found_out, cc_error *error) {
    cc_buffer page = {0};
    cc_superblock best = {.seed = work->store->seed};
    cc_status status = CC_OK;
    for (uint64_t offset = (uint64_t)CC_SLOTS * CC_BLOCK; offset < pager->size; offset += CC_BLOCK) {
        cc_page_about about;
        bool good;
        CC_TRY_GOTO(read_block(pager, offset, &page, &about, &good, error));
        if (good && about.kind == CC_PAGE_CATALOG && about.ref.generation > best.generation) {
            best.generation = about.ref.generation;
            best.catalog = about.ref;
        }
    }
    *found_out = best.generation != 0;
    if (*found_out) {
        pager->found[0] = best;
        pager->found_count = 1;
        cc_found(work->findings, true, "pages", best.catalog.offset,
                 "no superblock leads to a catalog; the newest one found by itself, of checkpoint %" PRIu64
                 ", is taken",
                 best.generation);
    }
cleanup:
    cc_buffer_free(&page);
    return status;
}

/* The newest checkpoint whose catalog can be read is the base. */
static cc_status read_base(salvage *work, cc_pager *pager, uint32_t *at_out, cc_page_survey *survey_out,
                           cc_error *error) {
    bool found = true;
    for (uint32_t at = 0; at < pager->found_count && !work->based; at++) {
        work->store->seed = pager->found[at].seed;
        CC_TRY(read_checkpoint(work, pager, at, survey_out, error));
        work->based = survey_out->catalog_read;
        work->base_begin = pager->found[at].begin;
        *at_out = at;
    }
    if (work->based)
        return CC_OK;
    CC_TRY(find_catalog(work, pager, &found, error));
    if (!found)
        return CC_OK;
    CC_TRY(read_checkpoint(work, pager, 0, survey_out, error));
    work->based = survey_out->catalog_read;
    work->base_begin = 0;
    *at_out = 0;
    return CC_OK;
}

static cc_status read_checkpoints(salvage *work, cc_pager *pager, cc_error *error) {
    cc_page_survey survey = {0};
    uint32_t base = 0, damaged = 0;
    if (pager->file == NULL)
        return CC_OK;
    CC_TRY(cc_survey_slots(pager, work->findings, &damaged, error));
    CC_TRY(read_base(work, pager, &base, &survey, error));
    if (!work->based)
        work->base_begin = 0;
    work->fill_begin = work->base_begin;
    if (!work->based || survey.whole)
        return CC_OK;
    work->filling = true;
    work->fill_begin = 0;
    for (uint32_t at = base + 1; at < pager->found_count; at++)
        if (pager->found[at].generation == pager->found[base].previous) {
            CC_TRY(read_checkpoint(work, pager, at, &survey, error));
            work->fill_begin = survey.catalog_read ? pager->found[at].begin : 0;
            if (survey.catalog_read)
                return CC_OK;
        }
    for (size_t i = 0; i < work->gaps.count; i++) { /* nothing to fill them from */
        const gap *g = &work->gaps.gaps[i];
        const cc_page_bound *to = g->one ? &g->from : g->to_end ? NULL : &g->to;
        CC_TRY(add_gap(&work->still, g->space, &g->from, to, g->count, error));
    }
    return CC_OK;
}

/* ---- pages that nothing names ---- */
typedef struct {
    uint64_t generation, offset;
} orphan;

static int newest_first(const void *a, const void *b) {
    const orphan *x = a, *y = b;
    return x->generation != y->generation ? (x->generation < y->generation ? 1 : -1)
                                          : (x->offset > y->offset) - (x->offset < y->offset);
}

static bool wanted(const salvage *work, uint32_t space) {
    for (size_t i = 0; i < work->still.count; i++)
        if (work->still.gaps[i].space == space && work->still.gaps[i].count == 0)
            return true;
    return false;
}

static cc_status take_orphan(salvage *work, cc_pager *pager, uint64_t offset, cc_buffer *page,
                             cc_buffer *away, cc_error *error) {
    cc_page_about about;
    cc_page_walk walk;
    cc_page_item item;
    bool good;
    CC_TRY(read_block(pager, offset, page, &about, &good, error));
    cc_space *space = good ? cc_space_by_id(work->store, about.space) : NULL;
    if (space == NULL)
        return CC_OK;
    cc_page_walk_begin(page->data, &walk);
    while (cc_leaf_page_next(&walk, &item, NULL) == CC_OK) {
        cc_bytes found;
        uint64_t hash = cc_store_partition_hash(work->store, item.key.partition);
        if (!in_gaps(&work->still, about.space, hash, item.key, true) ||
            cc_space_get(space, item.key, &found))
            continue;
        if (item.value.data == NULL) {
            cc_page_about value;
            CC_TRY(read_block(pager, item.away.offset, away, &value, &good, error));
            if (!good || value.ref.crc != item.away.crc || value.ref.size != item.away.size ||
                value.kind != CC_PAGE_VALUE)
                continue;
            item.value = cc_value_page_bytes(away->data, item.away.size);
        }
        work->out->orphans++;
        CC_TRY(put(space, CC_CHANGE_PUT, item.key, item.value, error));
    }
    return CC_OK;
}

static cc_status list_orphans(salvage *work, cc_pager *pager, orphan **list_out, size_t *count_out,
                              cc_error *error) {
    size_t capacity = 0;
    cc_buffer page = {0};
    cc_status status = CC_OK;
    for (uint64_t offset = (uint64_t)CC_SLOTS * CC_BLOCK; offset < pager->size; offset += CC_BLOCK) {
        cc_page_about about;
        bool good;
        CC_TRY_GOTO(read_block(pager, offset, &page, &about, &good, error));
        if (!good || about.kind != CC_PAGE_LEAF || !wanted(work, about.space))
            continue;
        if (*count_out == capacity) {
            capacity = capacity == 0 ? 64 : capacity * 2;
            orphan *grown = realloc(*list_out, capacity * sizeof *grown);
            if (grown == NULL) {
                status = no_memory(error);
                goto cleanup;
            }
            *list_out = grown;
        }
        (*list_out)[(*count_out)++] = (orphan){about.ref.generation, offset};
    }
cleanup:
    cc_buffer_free(&page);
    return status;
}

static bool any_unknown(const gap_list *list) {
    for (size_t i = 0; i < list->count; i++)
        if (list->gaps[i].count == 0)
            return true;
    return false;
}

/* Where both checkpoints lack a directory: leaves found by themselves, the newest of them first. */
static cc_status read_orphans(salvage *work, cc_pager *pager, cc_error *error) {
    orphan *list = NULL;
    size_t count = 0;
    cc_buffer page = {0}, away = {0};
    if (!any_unknown(&work->still))
        return CC_OK;
    cc_status status = list_orphans(work, pager, &list, &count, error);
    if (status == CC_OK && count != 0)
        qsort(list, count, sizeof *list, newest_first);
    for (size_t i = 0; i < count && status == CC_OK; i++)
        status = take_orphan(work, pager, list[i].offset, &page, &away, error);
    cc_buffer_free(&page);
    cc_buffer_free(&away);
    free(list);
    return status;
}

/* ---- the log ---- */
static cc_status replay_change(salvage *work, uint64_t sequence, const cc_record_change *change,
                               cc_error *error) {
    cc_space *space = cc_space_by_id(work->store, change->space_id);
    if (space == NULL) {
        work->out->stray_changes += change->space_id >= work->next_id;
        return CC_OK;
    }
    if (sequence <= work->base_begin) {
        uint64_t hash = cc_store_partition_hash(work->store, change->key.partition);
        const gap_list *gaps = sequence <= work->fill_begin ? &work->still : &work->gaps;
        if (!in_gaps(gaps, change->space_id, hash, change->key, false))
            return CC_OK;
    }
    return put(space, (cc_change_kind)change->kind, change->key, change->value, error);
}

static cc_status replay_space(salvage *work, uint64_t sequence, const cc_record *record, cc_error *error) {
    cc_store *store = work->store;
    cc_space *space = record->type == CC_RECORD_CREATE ? cc_space_find(store, record->name)
                                                       : cc_space_by_id(store, record->space_id);
    if (record->type == CC_RECORD_CREATE) {
        if (record->space_id < work->next_id || cc_space_by_id(store, record->space_id) != NULL)
            return CC_OK; /* the base has it, or knows that it was dropped */
        if (record->space_id - work->next_id >
            sequence) { /* each one between took a record; and ids cost memory */
            work->out->lost_sequences++;
            cc_found(work->findings, false, "log", 0, "sequence %" PRIu64 " makes a table out of turn",
                     sequence);
            return CC_OK;
        }
        if (space != NULL) { /* the record that dropped it is lost */
            cc_space_unlink(store, space);
            cc_space_free(space);
        }
        work->next_id = record->space_id + 1;
        return make_space(store, record->space_id, record->name, record->meta, error);
    }
    if (space == NULL)
        return CC_OK;
    if (record->type == CC_RECORD_DROP) {
        cc_space_unlink(store, space);
        cc_space_free(space);
        return CC_OK;
    }
    cc_buffer_clear(&space->meta);
    if (cc_buffer_append(&space->meta, record->meta.data, record->meta.size) != CC_OK)
        return no_memory(error);
    return CC_OK;
}

/* Batches of the log that matter end before `first`, and go on at `next`. */
static void note_hole(salvage *work, uint64_t first, uint64_t next) {
    if (first > work->next_needed)
        work->out->lost_sequences += first - work->next_needed;
    if (next > work->next_needed)
        work->next_needed = next;
}

static cc_status replay(void *context, const cc_log_record *record, cc_error *error) {
    salvage *work = context;
    cc_record decoded;
    cc_record_change change;
    cc_error why = {0};
    note_hole(work, record->first, record->first + record->count);
    if (cc_record_decode(record->type, record->payload, &decoded, &why) != CC_OK) {
        work->out->lost_sequences++;
        cc_found(work->findings, false, "log", 0, "sequence %" PRIu64 " is no record of a store: %.300s",
                 record->first, why.message);
        return CC_OK;
    }
    if (record->type == CC_RECORD_INIT) {
        if (!work->based &&
            work->store->space_count == 0) /* nothing is in yet that the seed has put in order */
            work->store->seed = decoded.seed;
        return CC_OK;
    }
    if (record->type != CC_RECORD_WRITE && record->type != CC_RECORD_FEED)
        return replay_space(work, record->first, &decoded, error);
    for (uint32_t i = 0; i < decoded.count; i++) {
        if (cc_record_next_change(&decoded, &change, &why) != CC_OK) {
            work->out->lost_sequences++;
            return CC_OK;
        }
        CC_TRY(replay_change(work, record->first, &change, error));
    }
    return CC_OK;
}

/* ---- all of it ---- */
static cc_status read_source(salvage *work, cc_fs *fs, const char *from, uint64_t last, cc_error *error) {
    cc_pager pager;
    cc_findings silent = {0}; /* what is wrong with the log was told when its end was looked for */
    cc_log_visitor visitor = {.findings = &silent, .batch = replay, .context = work};
    cc_log_survey survey;
    cc_status status = cc_pager_open(&pager, fs, from, true, error);
    if (status == CC_OK)
        status = read_checkpoints(work, &pager, error);
    if (status == CC_OK)
        status = read_orphans(work, &pager, error);
    cc_pager_close(&pager);
    CC_TRY(status);
    work->next_needed = work->fill_begin + 1;
    CC_TRY(cc_log_survey_take(fs, from, &visitor, &survey, error));
    note_hole(work, last + 1, last + 1);
    work->out->complete = work->still.count == 0 && work->out->lost_sequences == 0 &&
                          work->out->stray_changes == 0;
    return CC_OK;
}

/* ---- items that their owner finds wrong ---- */
static cc_status leave_out(salvage *work, cc_space *space, cc_key key, const char *wrong, cc_buffer *kept,
                           cc_space_cursor *cursor, bool *more_out, cc_error *error) {
    cc_bytes name = cc_buffer_bytes(&space->name);
    cc_found(work->findings, false, "log", 0, "table '%.*s': an item is left out: %s",
             (int)cc_utf8_cut(name, 100), (const char *)name.data, wrong);
    cc_buffer_clear(kept);
    if (cc_buffer_append(kept, key.partition.data, key.partition.size) != CC_OK ||
        cc_buffer_append(kept, key.sort.data, key.sort.size) != CC_OK ||
        cc_buffer_append_byte(kept, 0) != CC_OK) /* so that there is memory to point to */
        return no_memory(error);
    key = (cc_key){cc_bytes_of(kept->data, key.partition.size),
                   cc_bytes_of(kept->data + key.partition.size, key.sort.size)};
    CC_TRY(put(space, CC_CHANGE_DELETE, key, (cc_bytes){NULL, 0}, error));
    work->out->left_out++;
    *more_out = cc_space_seek(space, key, cursor);
    return CC_OK;
}

static cc_status look_through(salvage *work, cc_space *space, cc_error *error) {
    cc_buffer kept = {0};
    cc_space_cursor cursor;
    cc_status status = CC_OK;
    bool more = cc_space_seek_hash(space, 0, &cursor);
    while (more && status == CC_OK) {
        cc_key key;
        cc_bytes value;
        cc_space_entry(&cursor, NULL, &key, &value);
        if (value.data == NULL)
            CC_TRY_GOTO(cc_store_failure(work->store, error));
        const char *wrong = work->verify->item(work->verify->context, space, key, value);
        if (wrong == NULL)
            more = cc_space_next(&cursor);
        else
            status = leave_out(work, space, key, wrong, &kept, &cursor, &more, error);
        cc_store_settle(work->store);
    }
cleanup:
    cc_buffer_free(&kept);
    return status;
}

static cc_status look_through_all(salvage *work, cc_error *error) {
    for (size_t i = 0; work->verify->item != NULL && i < work->store->space_count; i++)
        CC_TRY(look_through(work, work->store->spaces[i], error));
    work->out->complete = work->out->complete && work->out->left_out == 0;
    return CC_OK;
}

static void count(salvage *work) {
    const cc_store *store = work->store;
    work->out->spaces = store->space_count;
    for (size_t i = 0; i < store->space_count; i++) {
        work->out->items += store->spaces[i]->item_count;
        work->out->item_bytes += store->spaces[i]->item_bytes;
    }
}

static cc_status make_target(cc_fs *fs, const char *to, const cc_store_options *options, uint64_t last,
                             cc_store **store_out, cc_error *error) {
    static const char *const names[] = {"state", "pages"};
    cc_store_options own = *options;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[4096];
        cc_file *file = NULL;
        snprintf(path, sizeof path, "%s/%s", to, names[i]);
        if (fs->open(fs, path, CC_OPEN_READ, &file, NULL) == CC_OK) {
            fs->close(fs, file);
            return cc_fail(error, CC_ERR_EXISTS, "there is a store in %.400s", to);
        }
    }
    own.checkpoint_bytes = UINT64_MAX;
    own.log.begin_after = last;
    return cc_store_open(to, &own, store_out, error);
}

static cc_status run(salvage *work, cc_fs *fs, const char *from, const char *to,
                     const cc_store_options *options, cc_error *error) {
    cc_log_visitor visitor = {.findings = work->findings};
    cc_log_survey log;
    CC_TRY(cc_log_survey_take(fs, from, &visitor, &log, error));
    CC_TRY(make_target(fs, to, options, log.last_sequence, &work->store, error));
    CC_TRY(read_source(work, fs, from, log.last_sequence, error));
    if (work->store->next_id < work->next_id)
        work->store->next_id = work->next_id;
    work->out->last_sequence = work->store->last_sequence;
    CC_TRY(look_through_all(work, error));
    count(work);
    return cc_store_checkpoint(work->store, error);
}

cc_status cc_store_salvage(const char *from, const char *to, const cc_store_options *options,
                           const cc_verify_options *verify, cc_salvage *salvage_out, cc_error *error) {
    cc_store_options defaults = {0};
    salvage work = {.verify = verify, .findings = verify->findings, .out = salvage_out};
    cc_file *lock = NULL;
    cc_error ignored;
    if (options == NULL)
        options = &defaults;
    cc_fs *fs = options->log.fs != NULL ? options->log.fs : cc_fs_system();
    work.hash_mask = options->hash_mask;
    *salvage_out = (cc_salvage){0};
    CC_TRY(cc_log_hold(fs, from, &lock, error));
    cc_status status = run(&work, fs, from, to, options, error);
    cc_status closed = cc_store_close(work.store, status == CC_OK ? error : &ignored);
    if (lock != NULL)
        fs->close(fs, lock);
    free_gaps(&work.gaps);
    free_gaps(&work.still);
    return status != CC_OK ? status : closed;
}
