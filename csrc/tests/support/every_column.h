/* every_column.h: a schema with every kind of column that the columnar writers know, and records for it. */
#ifndef CC_TESTS_EVERY_COLUMN_H
#define CC_TESTS_EVERY_COLUMN_H

#include "ingest/columns.h"

enum { EVERY_ROWS = 40 };

typedef struct {
    struct ArrowSchema root, flat[15], point, x, tags, tag, pairs, entry, key, value, deep, inner, inmost;
    struct ArrowSchema *in_root[19], *in_point[1], *in_tags[1], *in_pairs[1], *in_entry[2], *in_deep[1],
        *in_inner[1];
} every_column;

/* Points into itself: it stays where it is. */
void every_column_make(every_column *s);
/* EVERY_ROWS rows of batch number `batch`, and an array of them. */
void every_column_fill(cc_columns *columns, int batch);
/* A codec that takes memory of its own and fails as one does: every second byte. */
cc_status every_column_halve(void *context, cc_bytes block, cc_buffer *out, cc_error *error);

#endif
