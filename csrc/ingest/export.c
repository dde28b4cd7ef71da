/* export.c: finished columns as Arrow arrays. Buffers move, and the array's release frees them, or are lent. */
#include <stdlib.h>

#include "ingest/columns_internal.h"

typedef struct {
    const void *buffers[3];
    void *owned[3];
    struct ArrowArray *children; /* one block */
    struct ArrowArray **child_pointers;
} holder;

static void release_array(struct ArrowArray *array) {
    holder *held = array->private_data;
    for (int64_t i = 0; i < array->n_children; i++)
        if (array->children[i]->release != NULL)
            array->children[i]->release(array->children[i]);
    for (int i = 0; i < 3; i++)
        free(held->owned[i]);
    free(held->children);
    free(held->child_pointers);
    free(held);
    array->release = NULL;
}

/* One byte a row to one bit a row, eight at a time. */
static void pack_bits(uint8_t *bytes, size_t count) {
    size_t out = 0;
    for (size_t i = 0; i < count; i += 8) {
        uint8_t packed = 0;
        for (size_t bit = 0; bit < 8 && i + bit < count; bit++)
            packed |= (uint8_t)(bytes[i + bit] << bit);
        bytes[out++] = packed;
    }
}

/* The buffer as number `at` of the array: lent, or moved to the array, which then frees it. */
static void give(cc_buffer *buffer, holder *held, int at, bool lend) {
    held->buffers[at] = buffer->data;
    if (lend)
        return;
    held->owned[at] = buffer->data;
    *buffer = (cc_buffer){0};
}

/* Everything that can fail happens here, before anything is moved. */
static cc_status prepare(column *from, struct ArrowArray *out) {
    /* Arrow wants real pointers even for empty data buffers. */
    CC_TRY(cc_buffer_reserve(&from->data, 8));
    *out = (struct ArrowArray){.n_children = from->child_count};
    holder *held = calloc(1, sizeof *held);
    if (held == NULL)
        return CC_ERR_NOMEM;
    out->private_data = held;
    out->buffers = held->buffers;
    out->release = release_array;
    if (from->child_count == 0)
        return CC_OK;
    held->children = calloc(from->child_count, sizeof *held->children);
    held->child_pointers = calloc(from->child_count, sizeof *held->child_pointers);
    if (held->children == NULL || held->child_pointers == NULL) {
        out->n_children = 0;
        return CC_ERR_NOMEM;
    }
    out->children = held->child_pointers;
    for (uint32_t i = 0; i < from->child_count; i++)
        held->child_pointers[i] = &held->children[i];
    for (uint32_t i = 0; i < from->child_count; i++)
        CC_TRY(prepare(&from->children[i], &held->children[i]));
    return CC_OK;
}

static void move(column *from, struct ArrowArray *out, bool lend) {
    holder *held = out->private_data;
    out->length = from->length;
    out->null_count = from->nulls;
    if (from->nulls != 0) {
        pack_bits(from->valid.data, from->valid.size);
        give(&from->valid, held, 0, lend);
    }
    int next = 1;
    if (cc_column_has_offsets(from))
        give(&from->offsets, held, next++, lend);
    if (from->child_count == 0) {
        if (from->kind == COLUMN_BOOL)
            pack_bits(from->data.data, from->data.size);
        give(&from->data, held, next++, lend);
    }
    out->n_buffers = next;
    for (uint32_t i = 0; i < from->child_count; i++)
        move(&from->children[i], out->children[i], lend);
}

/* Empty columns start with offset 0 again. */
cc_status cc_column_restart(column *from) {
    from->length = from->nulls = 0;
    cc_buffer_clear(&from->valid);
    cc_buffer_clear(&from->data);
    if (cc_column_has_offsets(from)) {
        int32_t zero = 0;
        cc_buffer_clear(&from->offsets);
        CC_TRY(cc_buffer_append(&from->offsets, &zero, 4));
    }
    for (uint32_t i = 0; i < from->child_count; i++)
        CC_TRY(cc_column_restart(&from->children[i]));
    return CC_OK;
}

cc_status cc_column_export(column *from, bool lend, struct ArrowArray *array_out) {
    cc_status status = prepare(from, array_out);
    if (status == CC_OK) {
        move(from, array_out, lend);
        status = lend ? CC_OK : cc_column_restart(from);
    }
    if (status != CC_OK && array_out->release != NULL)
        array_out->release(array_out);
    return status;
}
