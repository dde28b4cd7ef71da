/* feed.c: marking the changes that followers are told, and what of the log must stay for them. See feed.h. */
#include "store/feed.h"

#include "store/internal.h"
#include "store/poison.h"

/* A feed in memory is trimmed each time this much was written to it. */
enum { MEMORY_TRIM = 4 << 20, MEMORY_SEGMENT_MAX = 8 << 20 };

cc_status cc_feed_open_memory(uint64_t after, cc_log **log_out, cc_error *error) {
    cc_log_options options = {
        .durability = CC_DURABILITY_MEMORY, .segment_max = MEMORY_SEGMENT_MAX, .begin_after = after};
    return cc_log_open(NULL, &options, log_out, error);
}

cc_status cc_space_set_feed(cc_space *space, cc_feed_kind kind, cc_error *error) {
    cc_store *store = space->store;
    CC_TRY(cc_store_check(store, error));
    if (kind != CC_FEED_OFF && store->feed_log == NULL) {
        if (cc_store_alloc_fails())
            return cc_fail(error, CC_ERR_NOMEM, "no memory for a feed");
        CC_TRY(cc_feed_open_memory(0, &store->feed_log, error));
    }
    space->feed = (uint8_t)kind;
    return CC_OK;
}

cc_feed_kind cc_space_feed(const cc_space *space) { return (cc_feed_kind)space->feed; }
uint32_t cc_space_id(const cc_space *space) { return space->id; }
cc_log *cc_store_feed_log(cc_store *store) { return store->feed_log; }

uint64_t cc_store_forgettable(cc_store *store, uint64_t covered) {
    if (store->feed_log == NULL)
        return covered;
    uint64_t now_ms = cc_store_now_ms(store);
    uint64_t since = now_ms > store->feed_retention_ms ? now_ms - store->feed_retention_ms : 0;
    uint64_t wanted = cc_log_marked_since(store->feed_log, since, store->feed_bytes_max);
    return wanted - 1 < covered ? wanted - 1 : covered;
}

/* ---- beside a write ---- */
/* The value of a key before change `at`, as the changes in front of it leave it; false: none. */
static bool value_before(const cc_change *changes, const cc_staged *staged, size_t at, cc_cell *found,
                         cc_bytes *value_out) {
    if (CC_UNLIKELY((found->flags & CC_CELL_FED) != 0)) {
        size_t i = at;
        do
            CC_ASSERT(i-- != 0);
        while (staged[i].cell != found);
        *value_out = changes[i].value;
        return changes[i].kind == CC_CHANGE_PUT;
    }
    *value_out = cc_cell_value(found);
    return true;
}

void cc_feed_mark(const cc_change *changes, const cc_staged *staged, size_t at, cc_feed_note *note) {
    const cc_change *change = &changes[at];
    const cc_staged *own = &staged[at];
    *note = (cc_feed_note){0};
    if (own->cell == NULL || change->space->feed == CC_FEED_OFF)
        return; /* a delete of nothing, or a change that nobody follows */
    cc_bytes old = {NULL, 0};
    cc_cell *found = own->inserted ? NULL : own->old != NULL ? own->old : own->cell;
    bool was = found != NULL && value_before(changes, staged, at, found, &old);
    own->cell->flags |= CC_CELL_FED;
    if (change->kind == CC_CHANGE_PUT ? was && cc_bytes_equal(old, change->value) : !was)
        return;
    note->flags = CC_CHANGE_FED;
    if (!was)
        return;
    note->flags |= CC_CHANGE_REPLACED;
    if (change->space->feed == CC_FEED_IMAGES) {
        note->flags |= CC_CHANGE_OLD;
        note->old = old;
    }
}

void cc_feed_trim_memory(cc_store *store, uint64_t written) {
    store->feed_untrimmed += written;
    if (store->feed_untrimmed >= MEMORY_TRIM)
        cc_store_feed_trim(store);
}

void cc_store_feed_trim(cc_store *store) {
    if (store->log != NULL || store->feed_log == NULL)
        return;
    store->feed_untrimmed = 0;
    cc_log_info info;
    cc_log_info_get(store->feed_log, &info);
    uint64_t done = cc_store_forgettable(store, info.last_sequence);
    /* Without files neither can fail; were one to, more than need be is kept. */
    if (cc_log_cursor_set(store->feed_log, "feed", done, NULL) == CC_OK)
        (void)!cc_log_truncate(store->feed_log, NULL);
}
