/* internal.h: what the verbs share: the open tables, one call, its replies and capacity. */
#ifndef CC_TABLE_INTERNAL_H
#define CC_TABLE_INTERNAL_H

#include "table/expression.h"

#define CC_PAGE_BYTES ((size_t)1 << 20)         /* Query and Scan: data read per page */
#define CC_BATCH_REPLY_BYTES ((size_t)16 << 20) /* BatchGetItem: data per reply */

struct cc_tables {
    cc_store *store;
    cc_expression_cache *expressions;
    cc_durability durability;
};

/* One request on its way through a verb. Bounds are filled before the lock is taken. */
typedef struct {
    cc_tables *tables;
    const cc_request *request;
    cc_space *space;
    const cc_key_schema *schema;
    cc_bound condition, update, filter, projection, key_condition;
    cc_arena *arena;
    cc_buffer scratch; /* built items, before they are copied into the arena */
    cc_reply *reply;
    size_t item_capacity;
    cc_error *error;
} cc_call;

cc_status cc_no_memory(cc_error *error);
/* Into the arena. */
CC_MUST_CHECK cc_status cc_call_copy(cc_call *call, cc_bytes bytes, cc_bytes *copy_out);
/* Appends a copy of `item`, projected when the call has a projection, to the reply. */
CC_MUST_CHECK cc_status cc_call_add_item(cc_call *call, cc_bytes item, const cc_bound *projection);
/* The attributes of the primary key alone. */
CC_MUST_CHECK cc_status cc_call_key_item(cc_call *call, cc_bytes item, cc_bytes *key_item_out);
/* ConditionalCheckFailedException when the condition is false on `old` (size 0: no item). */
CC_MUST_CHECK cc_status cc_call_check_condition(cc_call *call, cc_bytes old);
CC_MUST_CHECK cc_status cc_call_write(cc_call *call, const cc_change *changes, size_t count);

double cc_read_units(size_t size, bool consistent);      /* ceil(size / 4 KB), halved when eventual */
double cc_write_units(size_t old_size, size_t new_size); /* ceil(max / 1 KB), at least 1 */

CC_MUST_CHECK cc_status cc_verb_put(cc_call *call);
CC_MUST_CHECK cc_status cc_verb_get(cc_call *call);
CC_MUST_CHECK cc_status cc_verb_update(cc_call *call);
CC_MUST_CHECK cc_status cc_verb_delete(cc_call *call);
CC_MUST_CHECK cc_status cc_verb_query(cc_call *call);
CC_MUST_CHECK cc_status cc_verb_scan(cc_call *call);
CC_MUST_CHECK cc_status cc_verb_batch_write(cc_call *call);
CC_MUST_CHECK cc_status cc_verb_batch_get(cc_call *call);

/* One page of Query or Scan: counts, filters, collects. */
typedef struct {
    cc_call *call;
    size_t bytes;
    cc_bytes last; /* the last item looked at */
    bool full;     /* by Limit or by size */
} cc_page;
CC_MUST_CHECK cc_status cc_page_add(cc_page *page, cc_bytes item);
CC_MUST_CHECK cc_status cc_page_end(cc_page *page);

/* The parsed key schema of a table's description; freed by cc_schema_free. */
CC_MUST_CHECK cc_status cc_schema_parse(cc_bytes description_json, cc_key_schema **schema_out,
                                        cc_error *error);
void cc_schema_free(void *schema);

#endif
