/* transform.h: the event with which Firehose invokes a transform, and the function's answer, record by record.
 *
 *   event   .. "records":[{"recordId":"..","approximateArrivalTimestamp":n,"data":"base64"},..]}
 *   answer  {"records":[{"recordId":"..","result":"Ok","data":"base64"},..]}
 *
 * The answer is read here while it is what functions usually say: the records that were sent, in their order.
 * A record that is anything but Ok with data, or Dropped, is handed out as its JSON, for its caller to read; an
 * answer of another form is refused whole, for its caller to read. Thread rule: pure functions.
 *
 * Source: AWS, "Transform source data in Amazon Data Firehose". */
#ifndef CC_INGEST_TRANSFORM_H
#define CC_INGEST_TRANSFORM_H

#include "codec/json.h"

/* recordId: 56 digits, the same at every delivery. "49", the sequence number with leading zeros, and behind it
 * where the record is one of several that came out of one, six digits that count them. */
#define CC_RECORD_ID_SIZE 56
#define CC_RECORD_WHOLE UINT32_MAX /* `part` of a record that is itself what was put */
typedef struct {
    uint64_t sequence;
    uint32_t part;
} cc_record_id;
void cc_record_id_write(cc_record_id id, uint8_t out[CC_RECORD_ID_SIZE]);

/* Where members that depend on the stream's source have their names. */
typedef struct {
    cc_bytes data;   /* "data", or what the source calls it */
    cc_bytes origin; /* the name of the member that tells where a source's record came from */
} cc_transform_names;

/* Appends one record of an event; `origin` is JSON, empty: no such member. */
CC_MUST_CHECK cc_status cc_transform_record(cc_buffer *event, const cc_transform_names *names,
                                            cc_record_id id, uint64_t arrival_ms, cc_bytes data,
                                            cc_bytes origin);

typedef enum {
    CC_FATE_OK,      /* its data is decoded */
    CC_FATE_DROPPED, /* the function wants it gone */
    CC_FATE_OTHER,   /* its JSON says it */
} cc_fate;

/* Begin, next for each record that was sent, end. Any status but CC_OK and CC_ERR_NOMEM: not of the usual form. */
CC_MUST_CHECK cc_status cc_transform_begin(cc_json_cursor *answer, cc_error *error);
/* `*first` is true before the first one. `data` (cleared, then filled) for CC_FATE_OK, `*json_out` for
 * CC_FATE_OTHER. */
CC_MUST_CHECK cc_status cc_transform_next(cc_json_cursor *answer, bool *first,
                                          const cc_transform_names *names, cc_record_id id, cc_fate *fate_out,
                                          cc_buffer *data, cc_bytes *json_out, cc_error *error);
CC_MUST_CHECK cc_status cc_transform_end(cc_json_cursor *answer, bool first, cc_error *error);

#endif
