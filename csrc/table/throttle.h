/* throttle.h: what requests take of a table: counted, and held to its provisioned and maximum on-demand throughput
 * when the tables were opened to do so.
 *
 * A token bucket for the reads and one for the writes of each table and each of its global indexes (a local one
 * spends its table's), which also knows all that was ever taken of it: a bill is made of that. A bucket fills at its rate, holds 300 seconds of it, and is full when its table is made or
 * opened. A request passes while there is something left, and what it takes beyond that is owed. What a request
 * spends is put on its buckets when it succeeds as a whole. Time is the store's. Thread rule: the store's lock.
 * Source: developer guide, Burst capacity; API reference, ThrottlingReason. */
#ifndef CC_TABLE_THROTTLE_H
#define CC_TABLE_THROTTLE_H

#include "table/internal.h"

enum { CC_BURST_SECONDS = 300 };

struct cc_bucket {
    double rate; /* units a second; 0: without bound */
    bool on_demand;
    double left, owed; /* owed by the request that is running */
    double taken;      /* since the table was opened */
    uint64_t at_ms;    /* when `left` was right; 0: never used, full */
    bool listed;
    cc_bucket *next; /* of those that the running request owes */
};

struct cc_buckets {
    cc_bucket read, write;
};

/* Whether the reads or writes of a table, or of one of its global indexes, have to wait; the reply knows why. */
bool cc_throttle_refuses(cc_call *call, const cc_table_schema *schema, const cc_table_index *index,
                         bool write);
/* Counts units for the call; nothing is spent before it succeeds. */
void cc_throttle_owe(cc_call *call, const cc_table_schema *schema, const cc_table_index *index, bool write,
                     double units);
/* The refusal of a call whose reply knows why. */
CC_MUST_CHECK cc_status cc_throttle_refusal(cc_call *call);
/* A write past the verbs; size 0: there was no item. */
void cc_table_count_put(const cc_tables *tables, const cc_table_schema *schema, cc_bytes old, cc_bytes item);
/* A condition that does not hold costs the write of the item that is there, one unit at least. */
void cc_table_count_refused(const cc_tables *tables, const cc_table_schema *schema, cc_bytes old);
/* The end of a request: pays what is owed, or (`done` false) forgets it. */
void cc_throttle_settle(cc_tables *tables, bool done);
/* Another description of the same table: what was taken of its buckets stays, and what is left in them, up to what
 * they hold now. */
void cc_throttle_hand_over(const cc_table_schema *from, const cc_table_schema *to);

/* Before a read of the call's table or index. */
CC_MUST_CHECK static inline cc_status cc_call_admit_read(cc_call *call) {
    if (CC_LIKELY(!call->tables->enforced))
        return CC_OK;
    const cc_table_schema *schema = (const cc_table_schema *)call->schema;
    return cc_throttle_refuses(call, schema, call->index, false) ? cc_throttle_refusal(call) : CC_OK;
}
/* After it. */
static inline void cc_call_owe_read(cc_call *call, double units) {
    if (CC_LIKELY(call->tables->metered))
        cc_throttle_owe(call, (const cc_table_schema *)call->schema, call->index, false, units);
}
/* Whether anybody wants to know what a call costs. */
static inline bool cc_call_metered(const cc_call *call) {
    return call->tables->metered || call->request->capacity != CC_CAPACITY_NONE;
}

#endif
