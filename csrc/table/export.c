/* export.c: see export.h. */
#include "table/export.h"

#include <stdlib.h>

#include "codec/json.h"
#include "store/snapshot.h"
#include "table/archive.h"
#include "table/internal.h"

struct cc_export {
    bool ion;
    cc_arena kept; /* the filter's */
    cc_request request;
    cc_call call;       /* its bound expressions */
    cc_arena arena;     /* of one item */
    cc_buffer parts[3]; /* a projected item or image; keys */
};

cc_status cc_export_open(cc_tables *tables, bool ion, bool query, cc_bytes request, cc_export **export_out,
                         cc_error *error) {
    cc_export *self = calloc(1, sizeof *self);
    *export_out = NULL;
    if (self == NULL)
        return cc_no_memory(error);
    self->ion = ion;
    cc_arena_init(&self->kept, 0);
    cc_arena_init(&self->arena, 0);
    self->call = (cc_call){.tables = tables, .request = &self->request, .arena = &self->kept, .error = error};
    cc_status status = CC_OK;
    if (request.data != NULL) {
        cc_bytes body;
        status = cc_call_copy(&self->call, request, &body);
        if (status == CC_OK)
            status = cc_request_from_json(query ? CC_VERB_QUERY : CC_VERB_SCAN, body, &self->kept,
                                          &self->request, error);
        if (status == CC_OK)
            status = cc_call_bind(&self->call);
    }
    self->call.error = NULL;
    if (status != CC_OK) {
        cc_export_close(self);
        return status;
    }
    *export_out = self;
    return CC_OK;
}

void cc_export_close(cc_export *self) {
    if (self == NULL)
        return;
    cc_call_release(&self->call);
    for (size_t i = 0; i < sizeof self->parts / sizeof *self->parts; i++)
        cc_buffer_free(&self->parts[i]);
    cc_arena_free(&self->arena);
    cc_arena_free(&self->kept);
    free(self);
}

/* ---- the filter ---- */

static bool passes(const cc_export *self, cc_bytes item) {
    const cc_call *call = &self->call;
    return (call->key_condition.program == NULL || cc_evaluate(&call->key_condition, item)) &&
           (call->filter.program == NULL || cc_evaluate(&call->filter, item));
}

/* What of an item is shown; the bytes are the item's own or self->parts[part]'s. */
static cc_status shown(cc_export *self, size_t part, cc_bytes item, cc_bytes *shown_out, cc_error *error) {
    const cc_bound *projection = &self->call.projection;
    cc_buffer *into = &self->parts[part];
    *shown_out = item;
    if (projection->program == NULL)
        return CC_OK;
    cc_buffer_clear(into);
    CC_TRY(cc_project(projection, NULL, projection->program->path_count, item, &self->arena, into, error));
    *shown_out = cc_buffer_bytes(into);
    return CC_OK;
}

static cc_status put_item(const cc_export *self, cc_bytes item, cc_buffer *out) {
    return self->ion ? cc_item_to_ion(item, out) : cc_item_to_json(item, out);
}

/* ---- items ---- */

static cc_status put_line(cc_export *self, cc_bytes item, cc_buffer *out, cc_error *error) {
    cc_arena_reset(&self->arena);
    CC_TRY(shown(self, 0, item, &item, error));
    CC_TRY(cc_buffer_append_text(out, self->ion ? "$ion_1_0 {Item:" : "{\"Item\":"));
    CC_TRY(put_item(self, item, out));
    return cc_buffer_append_text(out, "}\n");
}

static cc_status no_entries(cc_error *error) {
    return cc_fail(error, CC_ERR_CORRUPT, "entries to export are cut short");
}

/* A step that had no words of its own ran out of memory. */
static cc_status told(cc_status status, cc_error *error) {
    return status == CC_ERR_NOMEM ? cc_no_memory(error) : status;
}

cc_status cc_export_items(cc_export *self, cc_bytes entries, bool stamped, cc_buffer *out, cc_export_sum *sum,
                          cc_error *error) {
    while (entries.size != 0) {
        cc_key key;
        cc_bytes item;
        uint64_t time_ms;
        if (!cc_snapshot_entry(&entries, &key, &item) || (stamped && !cc_stamp_take(&item, &time_ms)))
            return no_entries(error);
        if (item.size == 0)
            continue;
        if (cc_item_check(item, NULL) != CC_OK) /* entries of an archive pass by as they were kept */
            return cc_fail(error, CC_ERR_CORRUPT, "entries to export: a value is not an item");
        sum->bytes += cc_item_size(item);
        if (!passes(self, item))
            continue;
        CC_TRY(told(put_line(self, item, out, error), error));
        sum->lines++;
    }
    return CC_OK;
}

/* ---- changes ---- */

static cc_status put_time(const cc_export *self, uint64_t time_ms, cc_buffer *out) {
    const char *const *words = self->ion
                                   ? (const char *const[]){"{WriteTimestampMicros:", ".}"}
                                   : (const char *const[]){"{\"WriteTimestampMicros\":{\"N\":\"", "\"}}"};
    CC_TRY(cc_buffer_append_text(out, words[0]));
    CC_TRY(cc_json_write_uint64(out, time_ms * 1000));
    return cc_buffer_append_text(out, words[1]);
}

static cc_status put_member(const cc_export *self, const char *name, bool first, cc_buffer *out) {
    CC_TRY(cc_buffer_append_text(out, first ? "{" : ","));
    CC_TRY(cc_buffer_append_text(out, self->ion ? "" : "\""));
    CC_TRY(cc_buffer_append_text(out, name));
    return cc_buffer_append_text(out, self->ion ? ":" : "\":");
}

static cc_status put_change(cc_export *self, const cc_feed_change *change, const cc_key_schema *schema,
                            uint32_t images, cc_buffer *out, cc_error *error) {
    cc_bytes image;
    cc_arena_reset(&self->arena);
    cc_buffer_clear(&self->parts[2]);
    CC_TRY(cc_change_keys(change, schema, &self->arena, &self->parts[2], error));
    CC_TRY(cc_buffer_append_text(out, self->ion ? "$ion_1_0 {Record:" : ""));
    CC_TRY(put_member(self, "Metadata", true, out));
    CC_TRY(put_time(self, change->time_ms, out));
    CC_TRY(put_member(self, "Keys", false, out));
    CC_TRY(put_item(self, cc_buffer_bytes(&self->parts[2]), out));
    if (change->value.size != 0 && (images & CC_IMAGE_NEW) != 0) {
        CC_TRY(shown(self, 0, change->value, &image, error));
        CC_TRY(put_member(self, "NewImage", false, out));
        CC_TRY(put_item(self, image, out));
    }
    if (change->old.size != 0 && (images & CC_IMAGE_OLD) != 0) {
        CC_TRY(shown(self, 1, change->old, &image, error));
        CC_TRY(put_member(self, "OldImage", false, out));
        CC_TRY(put_item(self, image, out));
    }
    return cc_buffer_append_text(out, self->ion ? "}}\n" : "}\n");
}

static cc_status put_changes(cc_export *self, cc_store *store, cc_bytes entries, cc_space *old,
                             const cc_key_schema *schema, uint32_t images, cc_buffer *out, cc_export_sum *sum,
                             cc_error *error) {
    while (entries.size != 0) {
        cc_feed_change change = {0};
        if (!cc_snapshot_entry(&entries, &change.key, &change.value) ||
            !cc_stamp_take(&change.value, &change.time_ms))
            return no_entries(error);
        cc_store_settle(store); /* the image of the change before */
        if (!cc_space_get(old, change.key, &change.old))
            change.old = (cc_bytes){NULL, 0};
        CC_TRY(cc_store_failure(store, error));
        bool has_new = change.value.size != 0, has_old = change.old.size != 0;
        if (!has_new && !has_old)
            continue;
        sum->bytes += (has_new ? cc_item_size(change.value) : 0) + (has_old ? cc_item_size(change.old) : 0);
        if (!(has_new && passes(self, change.value)) && !(has_old && passes(self, change.old)))
            continue;
        CC_TRY(told(put_change(self, &change, schema, images, out, error), error));
        sum->lines++;
    }
    return CC_OK;
}

cc_status cc_export_changes(cc_export *self, cc_bytes entries, cc_tables *tables, cc_bytes old,
                            uint32_t images, cc_buffer *out, cc_export_sum *sum, cc_error *error) {
    cc_space *space = NULL;
    const cc_key_schema *schema = NULL;
    cc_store_lock(tables->store);
    cc_status status = cc_table_find_any(tables, old, &space, &schema, error);
    if (status == CC_OK)
        status = put_changes(self, tables->store, entries, space, schema, images, out, sum, error);
    cc_store_unlock(tables->store);
    return status;
}
