/* rows.h: Arrow columns to encoded items, a row an item, by a plan made once of the schema.
 *
 *   b BOOL   c C s S i I l L N   f g N, by the fewest digits   d:P,S N   u U vu S   z Z vz w:N B   n nothing
 *   tdD tdm S, "2026-01-31"   ts* S, "2026-01-31T12:00:00.5Z" (Z when the column has a time zone)
 *   +l +L +w:N L   +s M   +m M, of text keys   a dictionary: its values
 * A null is left out, or with `keep_nulls` NULL. `wanted` types of top columns turn text into numbers or binary
 * (base64), scalars into text, and lists into sets. Thread rule: one thread at a time per handle. */
#ifndef CC_INGEST_ROWS_H
#define CC_INGEST_ROWS_H

#include "codec/item.h"
#include "base/arrow.h"

typedef struct cc_rows cc_rows;

/* `wanted`: of each child of the schema, CC_TYPE_NONE for what the column says; may be NULL.
 * CC_ERR_UNSUPPORTED names a column whose type is not in the list above, or cannot become the type wanted. */
CC_MUST_CHECK cc_status cc_rows_open(const struct ArrowSchema *schema, const cc_type *wanted, bool keep_nulls,
                                     cc_rows **rows_out, cc_error *error);
void cc_rows_close(cc_rows *rows);
/* Appends row `row` of `array`, which is of the schema, to `out`. CC_ERR_VALIDATION: a value that DynamoDB
 * does not take; nothing is appended. `scratch` is reset. */
CC_MUST_CHECK cc_status cc_rows_append(cc_rows *rows, const struct ArrowArray *array, int64_t row,
                                       cc_arena *scratch, cc_buffer *out, cc_error *error);

#endif
