/* store.c: opening and closing a store, its lock, control records of spaces, and the write path.
 *
 *   cc_store_write: check -> stage every change -> one log record -> commit every change
 *                                                       \ refused -> undo in reverse
 *
 * Staging does all that can fail, so a logged record always becomes visible, whole. */
#include "store/store.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "base/clock.h"
#include "store/checkpoint.h"
#include "store/internal.h"
#include "store/poison.h"

enum { ALIVE_SIZE = 4096, SCRATCH_KEEP = 1 << 20, DAY_MS = 24 * 3600 * 1000 };
#define MEMORY_FEED_MAX ((uint64_t)256 << 20)

/* ---- life ---- */
static cc_status store_new(cc_store **store_out, cc_error *error) {
    cc_store *store = cc_store_alloc_fails() ? NULL : calloc(1, sizeof *store);
    if (store == NULL)
        return cc_fail(error, CC_ERR_NOMEM, "no memory for a store");
    void *page = mmap(NULL, ALIVE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
        free(store);
        return cc_fail_errno(error, errno, "mapping a page for a store");
    }
    (void)madvise(page, ALIVE_SIZE, MADV_WIPEONFORK);
    store->alive = page;
    *store->alive = 1;
    store->hash_mask = UINT64_MAX;
    cc_mutex_init(&store->mutex);
    cc_cond_init(&store->fed);
    cc_cond_init(&store->checkpoint_changed);
    *store_out = store;
    return CC_OK;
}

static cc_status poisoned(cc_error *error) {
    return cc_fail(error, CC_ERR_POISONED, "a sync failed earlier: the store is read-only");
}

static void count_logged(cc_store *store, const cc_bytes *parts, size_t part_count,
                         const cc_log_ticket *ticket) {
    store->last_sequence = ticket->last;
    for (size_t i = 0; i < part_count; i++)
        store->logged_bytes += parts[i].size;
    if (CC_UNLIKELY(store->logged_bytes >= store->checkpoint_due))
        cc_checkpointer_wake(store);
}

static cc_status submit(cc_store *store, uint32_t type, const cc_bytes *parts, size_t part_count,
                        cc_log_ticket *ticket_out, cc_error *error) {
    *ticket_out = (cc_log_ticket){0};
    if (store->log == NULL)
        return CC_OK;
    if (CC_UNLIKELY(store->poisoned))
        return poisoned(error);
    cc_log_batch batch = {
        .type = type, .count = 1, .time_ms = store->time_ms, .parts = parts, .part_count = part_count};
    CC_TRY(cc_log_submit(store->log, &batch, CC_LOG_ANY, ticket_out, error));
    count_logged(store, parts, part_count, ticket_out);
    return CC_OK;
}

/* A record with marked changes, of spaces in the set `topics`. */
static cc_status submit_feed(cc_store *store, const cc_bytes *parts, size_t part_count, uint64_t topics,
                             cc_log_ticket *ticket_out, cc_error *error) {
    if (CC_UNLIKELY(store->poisoned))
        return poisoned(error);
    cc_log_batch batch = {.type = CC_RECORD_FEED,
                          .count = 1,
                          .time_ms = store->time_ms,
                          .parts = parts,
                          .part_count = part_count,
                          .topics = topics};
    CC_TRY(cc_log_submit(store->feed_log, &batch, CC_LOG_ANY, ticket_out, error));
    cc_feed_note_newest(store, topics, ticket_out->last);
    cc_feed_signal(store, topics); /* they wake when the lock is released */
    if (CC_LIKELY(store->log != NULL)) {
        count_logged(store, parts, part_count, ticket_out);
        return CC_OK;
    }
    uint64_t written = 0;
    for (size_t i = 0; i < part_count; i++)
        written += parts[i].size;
    cc_feed_trim_memory(store, written);
    *ticket_out = (cc_log_ticket){0}; /* nothing to wait for */
    return CC_OK;
}

/* The seed of a new store is its log's first record. */
static cc_status write_init(cc_store *store, cc_error *error) {
    uint8_t record[24];
    cc_log_ticket ticket;
    cc_record_init_encode(store->seed, record);
    cc_bytes part = cc_bytes_of(record, sizeof record);
    return submit(store, CC_RECORD_INIT, &part, 1, &ticket, error);
}

static cc_status open_directory(cc_store *store, const char *dir, const cc_store_options *options,
                                cc_error *error) {
    cc_fs *fs = options->log.fs != NULL ? options->log.fs : cc_fs_system();
    bool read_only = options->log.read_only, is_new = false;
    uint64_t cursor;
    store->read_only = read_only;
    store->checkpoint_bytes = read_only ? UINT64_MAX : options->checkpoint_bytes;
    store->checkpoint_due = UINT64_MAX;
    CC_TRY(cc_log_open(dir, &options->log, &store->log, error));
    store->feed_log = store->log;
    store->feed_synced = options->log.durability == CC_DURABILITY_COMMIT;
    CC_TRY(cc_pager_open(&store->pager, fs, dir, read_only, error));
    if (options->budget_bytes != 0)
        CC_TRY(cc_spill_open(store, options->budget_bytes, read_only ? options->scratch_dir : NULL, error));
    CC_TRY(cc_store_recover(store, options->log.begin_after, &is_new, error));
    if (read_only)
        return CC_OK;
    /* Whoever truncates the log, the store's part of it stays until a checkpoint has it. */
    if (cc_log_cursor_get(store->log, CC_STORE_CURSOR, &cursor, NULL) != CC_OK)
        CC_TRY(cc_log_cursor_set(store->log, CC_STORE_CURSOR, 0, error));
    cc_checkpoint_schedule(store, true);
    if (is_new)
        CC_TRY(write_init(store, error));
    for (size_t i = 0; i < CC_FEED_TOPICS; i++) /* which of them is not known: who waits looks once */
        store->feed_newest[i] = cc_log_complete(store->log);
    return CC_OK;
}

/* Everything but the log. In a forked child what others hold is left alone. */
static void release(cc_store *store) {
    bool ours = *store->alive != 0;
    for (size_t i = 0; i < store->space_count; i++) {
        store->spaces[i]->heap.spill = NULL; /* its values go all at once */
        cc_space_free(store->spaces[i]);
    }
    cc_spill_close(store);
    if (ours)
        cc_slab_arena_free(&store->arena);
    free(store->spaces);
    free(store->by_id);
    cc_buffer_free(&store->scratch);
    cc_buffer_free(&store->index_work);
    cc_buffer_free(&store->index_keys[0]);
    cc_buffer_free(&store->index_keys[1]);
    if (store->log != NULL)
        cc_pager_close(&store->pager);
    if (ours) {
        cc_cond_destroy(&store->checkpoint_changed);
        cc_cond_destroy(&store->fed);
        cc_mutex_destroy(&store->mutex);
    }
    (void)munmap((void *)(uintptr_t)store->alive, ALIVE_SIZE);
    free(store);
}

cc_status cc_store_open(const char *dir, const cc_store_options *options, cc_store **store_out,
                        cc_error *error) {
    cc_store_options defaults = {0};
    cc_store *store = NULL;
    cc_status status;
    if (options == NULL)
        options = &defaults;
    CC_TRY(store_new(&store, error));
    store->seed = options->seed;
    if (store->seed == 0 && getrandom(&store->seed, sizeof store->seed, 0) != (ssize_t)sizeof store->seed) {
        status = cc_fail_errno(error, errno, "drawing a hash seed");
        goto cleanup;
    }
    bool logged = dir != NULL && options->log.durability != CC_DURABILITY_MEMORY;
    store->feed_retention_ms = options->feed_retention_ms == 0 ? DAY_MS : options->feed_retention_ms;
    store->feed_bytes_max = options->feed_bytes_max != 0 ? options->feed_bytes_max
                            : logged                     ? UINT64_MAX
                                                         : MEMORY_FEED_MAX;
    if (options->hash_mask != 0)
        store->hash_mask = options->hash_mask;
    if (options->budget_bytes != 0 && !logged) {
        status = cc_fail(error, CC_ERR_ARGUMENT, "a memory budget needs a directory and a log to spill to");
        goto cleanup;
    }
    if (logged)
        CC_TRY_GOTO(open_directory(store, dir, options, error));
    *store_out = store;
    return CC_OK;
cleanup:
    if (store->feed_log != NULL)
        (void)!cc_log_close(store->feed_log, NULL);
    release(store);
    return status;
}

cc_status cc_store_close(cc_store *store, cc_error *error) {
    if (store == NULL)
        return CC_OK;
    if (store->snapshot_count != 0 && *store->alive != 0)
        return cc_fail(error, CC_ERR_BUSY, "%zu snapshots of the store are open", store->snapshot_count);
    if (store->log != NULL && *store->alive != 0) {
        cc_checkpointer_stop(store);
        if (cc_checkpoint_worthwhile(store))
            (void)!cc_checkpoint_take(store, NULL); /* the log has all of it */
    }
    cc_status status = store->feed_log == NULL ? CC_OK : cc_log_close(store->feed_log, error);
    if (status == CC_ERR_BUSY) /* a reader of the log is open: nothing is closed yet */
        return status;
    release(store);
    return status;
}

cc_status cc_store_check(const cc_store *store, cc_error *error) {
    if (CC_LIKELY(*store->alive != 0))
        return CC_OK;
    return cc_fail(error, CC_ERR_FORKED, "this store was opened before fork(): open it in this process");
}

void cc_store_lock(cc_store *store) {
    if (*store->alive != 0)
        cc_mutex_lock(&store->mutex);
}
bool cc_store_try_lock(cc_store *store) { return *store->alive == 0 || cc_mutex_try_lock(&store->mutex); }
void cc_store_unlock(cc_store *store) {
    if (*store->alive == 0)
        return;
    if (CC_UNLIKELY(store->spill != NULL))
        cc_spill_unlock(store);
    cc_mutex_unlock(&store->mutex);
}
void cc_store_settle(cc_store *store) {
    if (CC_UNLIKELY(store->spill != NULL) && *store->alive != 0)
        cc_spill_settle(store);
}
cc_status cc_store_failure(const cc_store *store, cc_error *error) {
    return CC_LIKELY(store->spill == NULL) ? CC_OK : cc_spill_failure(store, error);
}

cc_log *cc_store_log(cc_store *store) { return store->log; }
uint64_t cc_store_now_ms(const cc_store *store) {
    uint64_t time_ms = store->time_ms;
    return time_ms != 0 ? time_ms : cc_clock_wall_ms();
}
void cc_store_set_time(cc_store *store, uint64_t time_ms) { store->time_ms = time_ms; }
uint64_t cc_store_seed(const cc_store *store) { return store->seed; }
size_t cc_store_memory_bytes(const cc_store *store) {
    return *store->alive == 0 ? 0 : cc_slab_arena_bytes(&store->arena);
}

void cc_store_info_get(cc_store *store, cc_store_info *info_out) {
    *info_out = (cc_store_info){0};
    if (*store->alive == 0)
        return;
    cc_store_lock(store);
    *info_out = (cc_store_info){
        .memory_bytes = cc_slab_arena_bytes(&store->arena),
        .checkpoints = store->checkpoints,
        .checkpoint_failures = store->checkpoint_failures,
        .log_bytes = store->logged_bytes,
        .fell_back = store->fell_back,
    };
    const cc_pager *pager = &store->pager;
    if (pager->file != NULL) {
        info_out->generation = pager->found_count == 0 ? 0 : pager->found[0].generation;
        info_out->page_file_bytes = pager->extents.blocks * CC_BLOCK;
        info_out->page_used_bytes = cc_extents_used(&pager->extents) * CC_BLOCK;
    }
    cc_spill_info(store, info_out);
    cc_store_unlock(store);
}

cc_status cc_store_checkpoint(cc_store *store, cc_error *error) {
    CC_TRY(cc_store_check(store, error));
    if (store->read_only)
        return cc_fail(error, CC_ERR_ARGUMENT, "the store is open for reading only");
    return store->log == NULL ? CC_OK : cc_checkpoint_take(store, error);
}

cc_status cc_store_wait(cc_store *store, const cc_log_ticket *ticket, cc_durability durability,
                        cc_error *error) {
    CC_TRY(cc_store_check(store, error));
    if (store->log == NULL || ticket->last == 0)
        return CC_OK;
    CC_TRY(cc_log_wait(store->log, ticket, durability, error));
    if (CC_UNLIKELY(store->feed_synced && store->feed_waiters != 0)) { /* what is synced may be told now */
        cc_store_lock(store);
        cc_feed_signal(store, UINT64_MAX);
        cc_store_unlock(store);
    }
    return CC_OK;
}

/* ---- spaces ---- */
static cc_status find_for_change(cc_store *store, cc_bytes name, cc_space **space_out, cc_error *error) {
    CC_TRY(cc_store_check(store, error));
    *space_out = cc_space_find(store, name);
    if (*space_out == NULL)
        return cc_fail(error, CC_ERR_NOT_FOUND, "there is no space %.*s", (int)name.size,
                       (const char *)name.data);
    return CC_OK;
}

static cc_status check_meta(cc_bytes meta, cc_error *error) {
    if (meta.size > CC_SPACE_VALUE_MAX)
        return cc_fail(error, CC_ERR_LIMIT, "a space's meta has %zu bytes; the limit is %u", meta.size,
                       (unsigned)CC_SPACE_VALUE_MAX);
    return CC_OK;
}

static cc_status submit_control(cc_store *store, uint32_t type, const cc_bytes *parts, size_t count,
                                cc_error *error) {
    cc_log_ticket ticket;
    return submit(store, type, parts, count, &ticket, error);
}

cc_status cc_space_create(cc_store *store, cc_bytes name, cc_bytes meta, cc_space **space_out,
                          cc_error *error) {
    CC_TRY(cc_store_check(store, error));
    if (name.size < 1 || name.size > 255)
        return cc_fail(error, CC_ERR_ARGUMENT, "a space's name has 1 to 255 bytes, not %zu", name.size);
    CC_TRY(check_meta(meta, error));
    if (cc_space_find(store, name) != NULL)
        return cc_fail(error, CC_ERR_EXISTS, "the space %.*s exists already", (int)name.size,
                       (const char *)name.data);
    cc_space *space = NULL;
    CC_TRY(cc_space_new(store, store->next_id, name, meta, &space, error));
    uint8_t head[12];
    cc_record_put_u32(head, space->id);
    cc_record_put_u32(head + 4, (uint32_t)name.size);
    cc_record_put_u32(head + 8, (uint32_t)meta.size);
    cc_bytes parts[] = {cc_bytes_of(head, sizeof head), name, meta};
    cc_status status = submit_control(store, CC_RECORD_CREATE, parts, 3, error);
    if (status != CC_OK) {
        cc_space_free(space);
        return status;
    }
    cc_space_link(store, space);
    *space_out = space;
    return CC_OK;
}

cc_status cc_space_drop(cc_store *store, cc_bytes name, cc_error *error) {
    cc_space *space = NULL;
    CC_TRY(find_for_change(store, name, &space, error));
    uint8_t head[4];
    cc_record_put_u32(head, space->id);
    cc_bytes part = cc_bytes_of(head, sizeof head);
    CC_TRY(submit_control(store, CC_RECORD_DROP, &part, 1, error));
    cc_space_unlink(store, space);
    space->dropped = true;
    if (space->snapshots == NULL)
        cc_space_free(space);
    return CC_OK;
}

cc_status cc_space_set_meta(cc_store *store, cc_bytes name, cc_bytes meta, cc_error *error) {
    cc_space *space = NULL;
    cc_buffer copy = {0};
    CC_TRY(find_for_change(store, name, &space, error));
    CC_TRY(check_meta(meta, error));
    if (cc_store_alloc_fails() || cc_buffer_append(&copy, meta.data, meta.size) != CC_OK)
        return cc_fail(error, CC_ERR_NOMEM, "no memory for a space's meta");
    uint8_t head[8];
    cc_record_put_u32(head, space->id);
    cc_record_put_u32(head + 4, (uint32_t)meta.size);
    cc_bytes parts[] = {cc_bytes_of(head, sizeof head), meta};
    cc_status status = submit_control(store, CC_RECORD_META, parts, 2, error);
    if (status != CC_OK) {
        cc_buffer_free(&copy);
        return status;
    }
    cc_buffer_free(&space->meta);
    space->meta = copy;
    return CC_OK;
}

/* ---- writing ---- */
static cc_status check_change(const cc_change *change, cc_error *error) {
    if (change->kind < CC_CHANGE_PUT || change->kind > CC_CHANGE_EXPIRE)
        return cc_fail(error, CC_ERR_ARGUMENT, "a change is a put or a delete, not %d", (int)change->kind);
    if (change->key.partition.size > CC_SPACE_KEY_PART_MAX || change->key.sort.size > CC_SPACE_KEY_PART_MAX)
        return cc_fail(error, CC_ERR_LIMIT, "a part of a key has more than %d bytes", CC_SPACE_KEY_PART_MAX);
    if (change->kind == CC_CHANGE_PUT && change->value.size > CC_SPACE_VALUE_MAX)
        return cc_fail(error, CC_ERR_LIMIT, "a value has %zu bytes; the limit is %u", change->value.size,
                       (unsigned)CC_SPACE_VALUE_MAX);
    return CC_OK;
}

/* Memory of one write: on the stack for a single change, in the store's scratch for more. */
typedef struct {
    cc_staged *staged;
    cc_bytes *parts;      /* the count, then CC_RECORD_PARTS_PER_CHANGE a change */
    uint8_t *heads;       /* CC_RECORD_CHANGE_HEAD_MAX bytes a change */
    cc_feed_note *notes;  /* NULL: nobody follows any of the spaces */
    cc_index_work *works; /* of the changes whose space has indexes, in turn */
    uint8_t count[4];     /* as the record has it */
} write_memory;

static cc_status scratch_memory(cc_store *store, size_t count, bool fed, write_memory *memory_out) {
    size_t parts = 1 + count * CC_RECORD_PARTS_PER_CHANGE;
    size_t size = count * (sizeof(cc_staged) + sizeof(cc_feed_note) + CC_RECORD_CHANGE_HEAD_MAX) +
                  parts * sizeof(cc_bytes);
    cc_buffer_clear(&store->scratch);
    if (cc_store_alloc_fails())
        return CC_ERR_NOMEM;
    CC_TRY(cc_buffer_reserve(&store->scratch, size));
    memory_out->staged = (cc_staged *)(void *)store->scratch.data;
    memory_out->parts = (cc_bytes *)(void *)(memory_out->staged + count);
    cc_feed_note *notes = (cc_feed_note *)(void *)(memory_out->parts + parts);
    memory_out->notes = fed ? notes : NULL;
    memory_out->heads = (uint8_t *)(notes + count);
    return CC_OK;
}

static cc_status work_memory(cc_store *store, size_t count, cc_index_work **works_out, cc_error *error) {
    cc_buffer_clear(&store->index_work);
    if (cc_store_alloc_fails() || cc_buffer_reserve(&store->index_work, count * sizeof **works_out) != CC_OK)
        return cc_fail(error, CC_ERR_NOMEM, "no memory for the indexes of a write");
    *works_out = (cc_index_work *)(void *)store->index_work.data;
    return CC_OK;
}

static cc_status log_changes(cc_store *store, const cc_change *changes, size_t count, write_memory *memory,
                             cc_log_ticket *ticket_out, cc_error *error) {
    *ticket_out = (cc_log_ticket){0};
    if (store->log == NULL && memory->notes == NULL)
        return CC_OK;
    cc_bytes *part = memory->parts;
    uint64_t topics = 0;
    cc_record_put_u32(memory->count, (uint32_t)count);
    *part++ = cc_bytes_of(memory->count, sizeof memory->count);
    for (size_t i = 0; i < count; i++) {
        const cc_change *change = &changes[i];
        uint8_t *head = memory->heads + i * CC_RECORD_CHANGE_HEAD_MAX;
        cc_record_change record = {
            .kind = (uint8_t)change->kind, .space_id = change->space->id, .key = change->key};
        if (change->kind == CC_CHANGE_PUT)
            record.value = change->value;
        if (CC_UNLIKELY(memory->notes != NULL) && memory->notes[i].flags != 0) {
            record.flags = memory->notes[i].flags;
            record.old = memory->notes[i].old;
            topics |= cc_log_topic(record.space_id);
        }
        *part++ = cc_bytes_of(head, cc_record_change_encode(&record, head));
        *part++ = record.key.partition;
        *part++ = record.key.sort;
        *part++ = record.value;
        if (CC_UNLIKELY(record.old.size != 0))
            *part++ = record.old;
    }
    size_t parts = (size_t)(part - memory->parts);
    if (CC_UNLIKELY(topics != 0))
        return submit_feed(store, memory->parts, parts, topics, ticket_out, error);
    return submit(store, CC_RECORD_WRITE, memory->parts, parts, ticket_out, error);
}

static void undo(const cc_change *change, cc_staged *staged) {
    if (staged->cell != NULL)
        staged->cell->flags = (uint8_t)(staged->cell->flags & ~CC_CELL_FED);
    if (staged->works != NULL)
        cc_index_undo(change->space, staged);
    cc_change_undo(change, staged);
}

static void commit(const cc_change *change, cc_staged *staged) {
    if (CC_UNLIKELY(change->space->feed != CC_FEED_OFF) && staged->cell != NULL)
        staged->cell->flags = (uint8_t)(staged->cell->flags & ~CC_CELL_FED);
    if (CC_UNLIKELY(staged->works != NULL))
        cc_index_commit(change->space, staged);
    const cc_watch *watch = change->space->watch;
    if (CC_UNLIKELY(watch != NULL)) /* first: key and value may lie where the commit writes */
        watch->apply(change->space->watch_owner, change->key,
                     change->kind == CC_CHANGE_PUT ? change->value : (cc_bytes){NULL, 0});
    cc_change_commit(change, staged);
}

/* Change `at` puts a key that an earlier change of the same write deletes. */
static void cancel_delete(cc_staged *staged, size_t at) {
    const cc_cell *cell = staged[at].old != NULL ? staged[at].old : staged[at].cell;
    for (size_t i = 0; i < at; i++)
        if (staged[i].marked && staged[i].cell == cell)
            staged[i].cancelled = true;
}

/* Brings the value into memory that a change replaces, where somebody looks at it. */
static cc_status fetch_old(const cc_change *change) {
    const cc_space *space = change->space;
    if (space->index_count == 0 && space->feed == CC_FEED_OFF && space->snapshots == NULL)
        return CC_OK;
    return cc_space_hold(change->space, change->key);
}

static cc_status stage(const cc_change *changes, size_t at, write_memory *memory) {
    cc_staged *staged = &memory->staged[at];
    if (CC_UNLIKELY(changes[at].space->heap.spill != NULL))
        CC_TRY(fetch_old(&changes[at]));
    if (CC_UNLIKELY(changes[at].space->snapshots != NULL))
        cc_snapshot_keep(changes[at].space, changes[at].key);
    CC_TRY(cc_change_stage(&changes[at], staged));
    if (CC_UNLIKELY(staged->was_deleting))
        cancel_delete(memory->staged, at);
    if (CC_UNLIKELY(memory->notes != NULL))
        cc_feed_mark(changes, memory->staged, at, &memory->notes[at]);
    const cc_space *space = changes[at].space;
    if (CC_LIKELY(space->index_count == 0))
        return CC_OK;
    cc_status status = cc_index_stage(changes, memory->staged, at, memory->works);
    memory->works += space->index_count;
    if (status != CC_OK)
        undo(&changes[at], staged);
    return status;
}

static cc_status write_staged(cc_store *store, const cc_change *changes, size_t count, write_memory *memory,
                              cc_log_ticket *ticket_out, cc_error *error) {
    size_t staged = 0;
    cc_status status = CC_OK;
    for (; staged < count && status == CC_OK; staged++) {
        if (count > 1)
            cc_change_fetch_ahead(changes, memory->staged, staged, count);
        status = stage(changes, staged, memory);
    }
    if (status != CC_OK) {
        staged--; /* the last one changed nothing */
        if (cc_store_failure(store, error) == CC_OK)
            status = cc_fail(error, status, "no memory for a write of %zu changes", count);
    } else {
        status = log_changes(store, changes, count, memory, ticket_out, error);
    }
    if (CC_UNLIKELY(status != CC_OK)) {
        while (staged-- > 0)
            undo(&changes[staged], &memory->staged[staged]);
        return status;
    }
    for (size_t i = 0; i < count; i++)
        commit(&changes[i], &memory->staged[i]);
    return CC_OK;
}

static cc_status prepare_watchers(const cc_change *changes, size_t count, cc_error *error) {
    size_t key_bytes = 0;
    for (size_t i = 0; i < count; i++)
        key_bytes += changes[i].key.partition.size + changes[i].key.sort.size;
    for (size_t i = 0; i < count; i++) {
        const cc_space *space = changes[i].space;
        if (space->watch == NULL)
            continue;
        if (space->watch->prepare(space->watch_owner, count, key_bytes) != CC_OK)
            return cc_fail(error, CC_ERR_NOMEM, "no memory for a write of %zu changes", count);
    }
    return CC_OK;
}

cc_status cc_store_write(cc_store *store, const cc_change *changes, size_t count, cc_log_ticket *ticket_out,
                         cc_error *error) {
    CC_TRY(cc_store_check(store, error));
    *ticket_out = (cc_log_ticket){0};
    cc_index_work *works = NULL;
    size_t work_count = 0;
    bool fed = false, watched = false;
    for (size_t i = 0; i < count; i++) {
        CC_TRY(check_change(&changes[i], error));
        watched = watched || changes[i].space->watch != NULL;
        work_count += changes[i].space->index_count;
        fed = fed || changes[i].space->feed != CC_FEED_OFF;
    }
    if (CC_UNLIKELY(store->spill != NULL))
        CC_TRY(cc_spill_admit(store, changes, count, error));
    if (CC_UNLIKELY(work_count != 0))
        CC_TRY(work_memory(store, work_count, &works, error));
    if (CC_UNLIKELY(watched))
        CC_TRY(prepare_watchers(changes, count, error));
    if (CC_LIKELY(count == 1)) {
        cc_staged staged;
        cc_feed_note note;
        cc_bytes parts[1 + CC_RECORD_PARTS_PER_CHANGE];
        uint8_t head[CC_RECORD_CHANGE_HEAD_MAX];
        write_memory memory = {&staged, parts, head, fed ? &note : NULL, works, {0}};
        return write_staged(store, changes, 1, &memory, ticket_out, error);
    }
    if (count == 0)
        return CC_OK;
    write_memory memory = {.works = works};
    if (count > UINT32_MAX || scratch_memory(store, count, fed, &memory) != CC_OK)
        return cc_fail(error, CC_ERR_NOMEM, "no memory for a write of %zu changes", count);
    cc_status status = write_staged(store, changes, count, &memory, ticket_out, error);
    if (store->scratch.capacity > SCRATCH_KEEP)
        cc_buffer_free(&store->scratch);
    return status;
}
