/* reply_json.h: what the replies of several verbs share in their JSON form. */
#ifndef CC_TABLE_REPLY_JSON_H
#define CC_TABLE_REPLY_JSON_H

#include "codec/json.h"
#include "table/table.h"

#define CC_JSON_READ_UNITS ",\"ReadCapacityUnits\":"
#define CC_JSON_WRITE_UNITS ",\"WriteCapacityUnits\":"

/* `kind`: one of the above, beside the total, as transactions say; NULL: none. */
CC_MUST_CHECK cc_status cc_capacity_to_json(cc_buffer *out, cc_bytes table, const cc_consumed *consumed,
                                            bool indexes, const char *kind);
CC_MUST_CHECK cc_status cc_items_to_json(cc_buffer *out, const cc_bytes *list, size_t count);
/* The items of `count` actions of a transaction; an empty object for each that has none. */
CC_MUST_CHECK cc_status cc_transact_responses_to_json(const cc_reply *reply, size_t count, cc_buffer *out);
/* A message without the part of a character at its end: a long name was cut inside it. */
cc_bytes cc_message_whole(cc_bytes message);
/* The members of the reply to one, a batch or a transaction of statements, each with a leading comma. */
CC_MUST_CHECK cc_status cc_statements_to_json(const cc_request *request, const cc_reply *reply,
                                              cc_buffer *out);

#endif
