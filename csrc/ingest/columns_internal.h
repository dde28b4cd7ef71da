/* columns_internal.h: the column tree shared by columns.c (structure), values.c (scalars) and
 * export.c (Arrow).
 *
 * Invariant between records: every child of a struct is as long as its parent, a list's child as long
 * as its last offset. So a column is undone by its length alone (cc_column_truncate). */
#ifndef CC_INGEST_COLUMNS_INTERNAL_H
#define CC_INGEST_COLUMNS_INTERNAL_H

#include <locale.h>

#include "codec/item.h"
#include "ingest/columns.h"

typedef enum {
    COLUMN_BOOL,
    COLUMN_INT8,
    COLUMN_INT16,
    COLUMN_INT32,
    COLUMN_INT64,
    COLUMN_FLOAT,
    COLUMN_DOUBLE,
    COLUMN_STRING,
    COLUMN_BINARY,
    COLUMN_DATE,
    COLUMN_TIMESTAMP,
    COLUMN_DECIMAL,
    COLUMN_STRUCT,
    COLUMN_LIST,
    COLUMN_MAP
} column_kind;

typedef struct column column;
struct column {
    column_kind kind;
    char *name;
    char *token; /* `"name":`, what a producer usually writes */
    size_t token_size;
    int64_t length, nulls;
    cc_buffer valid;   /* one byte a row; packed to bits on export */
    cc_buffer data;    /* fixed-width values; text of strings */
    cc_buffer offsets; /* int32, length + 1: strings, lists, maps */
    bool nullable;     /* false: a null, or a key that is missing, is a mismatch */
    uint32_t width;    /* bytes of a fixed-width value */
    int64_t unit;      /* timestamp: units per second */
    int precision, scale;
    bool json;     /* a text column that holds JSON: of items, whatever their type */
    uint32_t hash; /* cc_name_hash of the name */
    column *children;
    uint32_t child_count;
    uint32_t *follows; /* struct: which child came after child i last time (0: which came first) */
    uint32_t *by_hash; /* struct: the children in the order of an item's attributes (hash, name) */
};

struct cc_columns {
    column root;     /* a struct */
    unsigned flags;  /* CC_COLUMNS_.. */
    locale_t locale; /* the C locale, for strtod */
    cc_buffer text;  /* unescaped scratch */
};

/* Appends what stands at the cursor, of whatever kind, to the column. */
CC_MUST_CHECK cc_status cc_column_value(cc_columns *columns, column *into, cc_json_cursor *cursor,
                                        cc_error *error);
/* values.c: a scalar that is not null. */
CC_MUST_CHECK cc_status cc_column_scalar(cc_columns *columns, column *into, cc_json_cursor *cursor,
                                         cc_json_kind kind, cc_error *error);
/* Correctly rounded digits * 10^exponent, for exponents from -27 to 27. */
double cc_column_double(uint64_t digits, int exponent);
/* quick.c: the value at the cursor where it is of a usual form, and then *done_out; not for CC_COLUMNS_STRICT. */
CC_MUST_CHECK cc_status cc_column_quick(column *into, cc_json_cursor *cursor, bool *done_out,
                                        cc_error *error);
CC_MUST_CHECK cc_status cc_column_null(column *into, cc_error *error);
/* One fixed-width value; the end of a text whose bytes are in `data` already; the end of a list of `length`. */
CC_MUST_CHECK cc_status cc_column_fixed(column *into, const void *value, cc_error *error);
CC_MUST_CHECK cc_status cc_column_end_text(column *into, cc_error *error);
CC_MUST_CHECK cc_status cc_column_end_list(column *into, int64_t length, cc_error *error);
void cc_column_truncate(column *into, int64_t length);
/* "the value does not fit": CC_ERR_VALIDATION naming the column. */
cc_status cc_column_mismatch(const column *into, const char *what, cc_error *error);
#define cc_column_mismatch(into, what, error) cc_failed(cc_column_mismatch(into, what, error))
/* export.c */
CC_MUST_CHECK cc_status cc_column_export(column *from, bool lend, struct ArrowArray *array_out);
CC_MUST_CHECK cc_status cc_column_restart(column *from);

static inline bool cc_column_has_offsets(const column *c) {
    return c->kind == COLUMN_STRING || c->kind == COLUMN_BINARY || c->kind == COLUMN_LIST ||
           c->kind == COLUMN_MAP;
}
static inline int32_t cc_column_last_offset(const column *c) {
    int32_t last;
    memcpy(&last, c->offsets.data + c->offsets.size - 4, 4);
    return last;
}
/* Order of attributes in an item: by hash, then by name. > 0: the column comes later than (hash, name). */
static inline int cc_column_order(const column *c, uint32_t hash, cc_bytes name) {
    if (c->hash != hash)
        return c->hash < hash ? -1 : 1;
    return cc_bytes_compare(cc_bytes_text(c->name), name);
}
/* Days since 1970-01-01 in the proleptic Gregorian calendar (era arithmetic, no table). */
static inline int64_t cc_days_of(int64_t year, int month, int day) {
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}
/* Marks one more row present. */
CC_MUST_CHECK static inline cc_status cc_column_present(column *into) {
    into->length++;
    return cc_buffer_append_byte(&into->valid, 1);
}

#endif
