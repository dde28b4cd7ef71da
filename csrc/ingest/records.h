/* records.h: many records as one log batch, and the PutRecordBatch body decoded straight into it.
 *
 * A batch payload is, for each record: u32 little-endian size, bytes. A batch of n records stands for
 * n consecutive sequence numbers of its log. Thread rule: pure functions. */
#ifndef CC_INGEST_RECORDS_H
#define CC_INGEST_RECORDS_H

#include "base/bytes.h"

#define CC_RECORD_SIZE_MAX 1024000u         /* bytes of one record, before base64 */
#define CC_RECORD_BATCH_SIZE_MAX (4u << 20) /* bytes of all records of one call */
#define CC_RECORD_BATCH_COUNT_MAX 500u

/* Iterate: start with *position 0; *more_out false at the end; CC_ERR_CORRUPT when sizes do not add up. */
CC_MUST_CHECK cc_status cc_records_next(cc_bytes payload, size_t *position, cc_bytes *record_out,
                                        bool *more_out, cc_error *error);
CC_MUST_CHECK cc_status cc_records_append(cc_buffer *payload, cc_bytes record);
/* How many units of `unit` bytes all records take, each rounded up; a batch that is cut short: up to there. */
uint64_t cc_records_units(cc_bytes payload, uint32_t unit);
/* Appends every record to `out`, `delimiter` behind each. */
CC_MUST_CHECK cc_status cc_records_concat(cc_bytes payload, cc_bytes delimiter, cc_buffer *out,
                                          cc_error *error);
/* {"DeliveryStreamName": "...", "Records": [{"Data": "base64"}, ..]} or {.., "Record": {"Data": ..}}.
 * stream_out lies in the arena or the body. Errors carry AWS's exception names. */
CC_MUST_CHECK cc_status cc_records_from_put_json(cc_bytes body, cc_arena *arena, cc_buffer *payload,
                                                 cc_bytes *stream_out, uint32_t *count_out, cc_error *error);

#endif
