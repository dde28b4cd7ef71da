/* changes.c: pages of changes: how much of a feed is read at a time, and who takes it. See changes.h. */
#include "table/changes.h"

#include "table/internal.h"

/* The next change, which stays held until the page has taken it. */
static cc_status hold(cc_changes *changes, cc_error *error) {
    if (changes->holds)
        return CC_OK;
    CC_TRY(cc_feed_next(changes->feed, &changes->held, error));
    changes->holds = true;
    return CC_OK;
}

cc_status cc_changes_read(cc_changes *changes, const cc_changes_bounds *bounds, cc_arena *arena,
                          cc_changes_take take, void *context, cc_changes_page *page_out, cc_error *error) {
    cc_buffer keys = {0};
    size_t size = 0;
    cc_status status;
    *page_out = (cc_changes_page){0};
    while ((status = hold(changes, error)) == CC_OK) {
        const cc_feed_change *change = &changes->held;
        page_out->next = change->place;
        page_out->ended = change->place.sequence > bounds->until;
        page_out->trimmed = !page_out->ended && change->time_ms < bounds->since_ms && !bounds->skips;
        page_out->more = page_out->count == bounds->limit;
        if (page_out->ended || page_out->trimmed || page_out->more)
            break;
        changes->holds = change->time_ms >= bounds->since_ms;
        if (!changes->holds)
            continue;
        cc_buffer_clear(&keys);
        CC_TRY_GOTO(cc_change_keys(change, &bounds->key, arena, &keys, error));
        size += cc_change_size(change, cc_buffer_bytes(&keys), bounds->images);
        page_out->more = page_out->count != 0 && size > bounds->size_max;
        if (page_out->more)
            break;
        CC_TRY_GOTO(take(context, change, cc_buffer_bytes(&keys), error));
        changes->holds = false;
        page_out->count++;
    }
    if (status == CC_ERR_NOT_FOUND) { /* all that is there was told */
        uint64_t seen = cc_feed_seen(changes->feed);
        page_out->next = (cc_feed_place){seen + 1, 0};
        page_out->ended = seen >= bounds->until;
        status = CC_OK;
    }
cleanup:
    cc_buffer_free(&keys);
    return status;
}

cc_status cc_changes_take_json(void *context, const cc_feed_change *change, cc_bytes keys, cc_error *error) {
    cc_changes_json *self = context;
    if (self->out->size != 0 && cc_buffer_append_text(self->out, ",") != CC_OK)
        return cc_no_memory(error);
    cc_status status = cc_change_to_json(change, self->view, keys, self->out);
    if (status == CC_ERR_NOMEM)
        return cc_no_memory(error);
    if (self->ends != NULL)
        self->ends[self->count] = self->out->size;
    self->count++;
    return status;
}

cc_status cc_changes_take_copy(void *context, const cc_feed_change *change, cc_bytes keys, cc_error *error) {
    cc_changes_copy *self = context;
    cc_feed_change *copy = &self->changes[self->count];
    *copy = *change;
    cc_bytes *parts[] = {&copy->value, &copy->old, &self->keys[self->count]};
    self->keys[self->count] = keys;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (parts[i]->size == 0)
            continue;
        *parts[i] = cc_arena_copy(self->arena, *parts[i]);
        if (parts[i]->data == NULL)
            return cc_no_memory(error);
    }
    self->count++;
    return CC_OK;
}
