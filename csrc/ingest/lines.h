/* lines.h: NDJSON to encoded items, a line an item. */
#ifndef CC_INGEST_LINES_H
#define CC_INGEST_LINES_H

#include "codec/item.h"

typedef enum {
    CC_LINES_PLAIN,    /* {"id": "a", "n": 1}: codec/item_plain.c says what becomes of which type */
    CC_LINES_DYNAMODB, /* {"id": {"S": "a"}, "n": {"N": "1"}} */
    CC_LINES_EXPORT,   /* {"Item": {"id": {"S": "a"}}}, as DynamoDB exports and imports them */
} cc_lines_form;

typedef struct {
    size_t position; /* bytes of the text done */
    uint64_t line;   /* lines done, empty ones too */
} cc_lines;

/* Appends the items of `text` from lines->position on to `out`, one by one, until `out` holds `enough` bytes
 * or the text ends, and the number of each one's line, a uint64_t, to `numbers_out`. A last line without an end
 * counts as one. On
 * CC_ERR_SERIALIZATION or CC_ERR_VALIDATION line `lines->line` is at fault and passed over. `scratch` is reset. */
CC_MUST_CHECK cc_status cc_lines_next(cc_bytes text, cc_lines_form form, cc_lines *lines, size_t enough,
                                      cc_arena *scratch, cc_buffer *out, cc_buffer *numbers_out,
                                      cc_error *error);

#endif
