/* columns.h: JSON records to Arrow columns, driven by a schema, in one pass.
 *
 * Every column is a tree node of growing buffers. A record is one or more JSON objects end to end;
 * each object is one row. A record that is not good is undone to where it began and reported, in the
 * same pass: its neighbours never notice. The producer's key order is learned: each field remembers
 * which one came after it, so that the common record costs one memcmp a key.
 *
 * Types (Arrow format): b c s i l f g u z tdD ts{s,m,u,n} d:p,s +s +l +m.
 * Thread rule: one thread at a time per handle; no globals. */
#ifndef CC_INGEST_COLUMNS_H
#define CC_INGEST_COLUMNS_H

#include "base/bytes.h"
#include "base/arrow.h"

typedef struct cc_columns cc_columns;

/* How keys and values are read; `or` them together. */
enum {
    CC_COLUMNS_CASE_INSENSITIVE = 1,
    CC_COLUMNS_DOTS_AS_UNDERSCORES = 2, /* the key "a.b" is the column a_b */
    /* As Hive's JSON SerDe reads: a number is no text and a text no number, text columns take scalars
     * only, timestamps are "yyyy-m-d hh:mm:ss[.f]" */
    CC_COLUMNS_STRICT = 4,
    CC_COLUMNS_MILLIS = 8,           /* with STRICT: or whole milliseconds since 1970 */
    CC_COLUMNS_EVERY_ATTRIBUTE = 16, /* of items: an attribute without a column is a mismatch */
    /* A timestamp of the last second before 1970 that has milliseconds is a mismatch: ORC's form of times cannot tell
     * it from one a second later. */
    CC_COLUMNS_ORC_TIMES = 32,
};

/* CC_ERR_UNSUPPORTED names a column type that is not in the list above. */
CC_MUST_CHECK cc_status cc_columns_open(const struct ArrowSchema *schema, unsigned flags,
                                        cc_columns **columns_out, cc_error *error);
void cc_columns_close(cc_columns *columns);
/* Appends one record. CC_ERR_SERIALIZATION: broken JSON; CC_ERR_VALIDATION: a value that does not
 * fit its column; CC_ERR_LIMIT: more than 2 GiB of text in one column: finish first. After any of
 * them the columns are as before. */
CC_MUST_CHECK cc_status cc_columns_append(cc_columns *columns, cc_bytes record, cc_error *error);
/* Appends one encoded item (codec/item.h) as one row, its attributes by their exact names. Numbers go into
 * integer, float and decimal columns, sets and lists into lists, maps into structs or maps, every value as JSON
 * into a text column whose field has the metadata cloudcore = json, and, but for strings, into any text
 * column. Errors as cc_columns_append. */
CC_MUST_CHECK cc_status cc_columns_append_item(cc_columns *columns, cc_bytes item, cc_error *error);
int64_t cc_columns_rows(const cc_columns *columns);
/* Moves the columns out as a struct array (release frees them) and starts again empty. */
CC_MUST_CHECK cc_status cc_columns_finish(cc_columns *columns, struct ArrowArray *array_out, cc_error *error);
/* The columns as a struct array whose buffers stay theirs: it is to be released before cc_columns_clear, and nothing
 * may be appended between the two. The memory serves again: fresh pages of it cost as much as filling them. */
CC_MUST_CHECK cc_status cc_columns_lend(cc_columns *columns, struct ArrowArray *array_out, cc_error *error);
CC_MUST_CHECK cc_status cc_columns_clear(cc_columns *columns, cc_error *error);

#endif
