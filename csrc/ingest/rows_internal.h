/* rows_internal.h: the plan of a schema, shared by rows.c (structure) and row_scalar.c (values). */
#ifndef CC_INGEST_ROWS_INTERNAL_H
#define CC_INGEST_ROWS_INTERNAL_H

#include "codec/number.h"
#include "ingest/rows.h"

typedef enum {
    ROW_NOTHING,
    ROW_BOOL,
    ROW_INT,
    ROW_UINT,
    ROW_FLOAT,
    ROW_DOUBLE,
    ROW_DECIMAL,
    ROW_TEXT,
    ROW_BINARY,
    ROW_DATE,
    ROW_TIMESTAMP,
    ROW_LIST,
    ROW_STRUCT,
    ROW_MAP
} row_kind;

/* How texts, binaries and lists say where a value lies. */
typedef enum { LAYOUT_32, LAYOUT_64, LAYOUT_VIEW, LAYOUT_FIXED } row_layout;

typedef struct row_column row_column;
struct row_column {
    row_kind kind;
    row_layout layout;
    uint32_t width; /* bytes of a fixed-width value; elements of a fixed-size list */
    int64_t unit;   /* timestamp: units per second; date: milliseconds (1) or days (0) */
    bool zone;      /* timestamp: UTC, not a wall clock somewhere */
    int scale;
    cc_type wanted;
    char *name;
    uint32_t hash;
    row_column *children;
    uint32_t child_count;
    row_column *dictionary; /* this column's integers are places in it */
};

struct cc_rows {
    row_column root;
    bool keep_nulls;
    bool flat; /* every column is a scalar: cc_item_write_flat makes the item */
    uint8_t order[CC_FLAT_MAX];
    cc_buffer text; /* decoded base64 of one value */
};

enum { ROW_ROOM = CC_NUMBER_TEXT_MAX };

/* One value that is no list, struct or map, and not null: its type, and bytes as cc_flat_attribute has them, in
 * the array, in `room` or in rows->text. */
CC_MUST_CHECK cc_status cc_row_scalar(cc_rows *rows, const row_column *column, const struct ArrowArray *array,
                                      int64_t at, uint8_t room[ROW_ROOM], cc_type *type_out,
                                      cc_bytes *data_out, cc_error *error);
/* The bytes of a text or binary. */
cc_bytes cc_row_bytes(const row_column *column, const struct ArrowArray *array, int64_t at);

static inline bool cc_row_is_null(const row_column *column, const struct ArrowArray *array, int64_t at) {
    if (column->kind == ROW_NOTHING)
        return true;
    if (array->null_count == 0 || array->buffers[0] == NULL)
        return false;
    int64_t bit = array->offset + at;
    return (((const uint8_t *)array->buffers[0])[bit >> 3] >> (bit & 7) & 1) == 0;
}
static inline bool cc_row_is_scalar(const row_column *column) {
    return column->kind != ROW_LIST && column->kind != ROW_STRUCT && column->kind != ROW_MAP;
}

#endif
