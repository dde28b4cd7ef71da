/* throttle.c: see throttle.h. */
#include "table/throttle.h"

#include <stdio.h>

enum { REASONS_MAX = 21, ARN_MAX = 700 }; /* a table and its global indexes */

static cc_bucket *bucket_of(const cc_table_schema *schema, const cc_table_index *index, bool write) {
    cc_buckets *buckets = index != NULL && index->global ? index->buckets : schema->buckets;
    return write ? &buckets->write : &buckets->read;
}

static void fill(cc_bucket *bucket, uint64_t now_ms) {
    double room = bucket->rate * CC_BURST_SECONDS;
    if (bucket->at_ms == 0)
        bucket->left = room;
    else if (now_ms > bucket->at_ms)
        bucket->left += bucket->rate * (double)(now_ms - bucket->at_ms) / 1000;
    bucket->left = bucket->left < room ? bucket->left : room;
    bucket->at_ms = now_ms != 0 ? now_ms : 1;
}

/* "TableReadProvisionedThroughputExceeded" and whose it is. */
static void add_reason(cc_call *call, const cc_table_index *index, bool write, bool on_demand) {
    static const char *const texts[2][2][2] = {
        {{"TableReadProvisionedThroughputExceeded", "TableReadMaxOnDemandThroughputExceeded"},
         {"TableWriteProvisionedThroughputExceeded", "TableWriteMaxOnDemandThroughputExceeded"}},
        {{"IndexReadProvisionedThroughputExceeded", "IndexReadMaxOnDemandThroughputExceeded"},
         {"IndexWriteProvisionedThroughputExceeded", "IndexWriteMaxOnDemandThroughputExceeded"}}};
    cc_reply *reply = call->reply;
    const cc_tables *tables = call->tables;
    cc_bytes table = cc_space_name(call->space);
    bool global = index != NULL && index->global;
    char arn[ARN_MAX];
    if (reply->throttles == NULL) {
        reply->throttles = cc_arena_alloc(call->arena, REASONS_MAX * sizeof *reply->throttles);
        reply->throttle_count = 0;
    }
    reply->throttles_lost |= reply->throttles == NULL;
    if (reply->throttles == NULL || reply->throttle_count == REASONS_MAX)
        return;
    int size = snprintf(arn, sizeof arn, "arn:aws:dynamodb:%s:%s:table/%.*s%s%.*s", tables->region,
                        tables->account, (int)table.size, (const char *)table.data, global ? "/index/" : "",
                        global ? (int)index->name.size : 0, global ? (const char *)index->name.data : "");
    cc_throttle *reason = &reply->throttles[reply->throttle_count];
    reason->reason = texts[global][write][on_demand];
    reason->resource = cc_arena_copy(call->arena, cc_bytes_of(arn, (size_t)size));
    reply->throttles_lost |= reason->resource.data == NULL;
    if (reason->resource.data == NULL)
        return;
    for (size_t i = 0; i < reply->throttle_count; i++)
        if (reply->throttles[i].reason == reason->reason &&
            cc_bytes_equal(reply->throttles[i].resource, reason->resource))
            return; /* another item of the same batch told it */
    reply->throttle_count++;
}

bool cc_throttle_refuses(cc_call *call, const cc_table_schema *schema, const cc_table_index *index,
                         bool write) {
    cc_bucket *bucket = bucket_of(schema, index, write);
    if (bucket->rate == 0)
        return false;
    fill(bucket, cc_store_now_ms(call->tables->store));
    if (bucket->left - bucket->owed > 0)
        return false;
    add_reason(call, index, write, bucket->on_demand);
    return true;
}

void cc_throttle_owe(cc_call *call, const cc_table_schema *schema, const cc_table_index *index, bool write,
                     double units) {
    cc_bucket *bucket = bucket_of(schema, index, write);
    if (units == 0)
        return;
    if (CC_UNLIKELY(call->tables->enforced) && bucket->rate != 0)
        fill(bucket, cc_store_now_ms(call->tables->store));
    bucket->owed += units;
    if (bucket->listed)
        return;
    bucket->listed = true;
    bucket->next = call->tables->owing;
    call->tables->owing = bucket;
}

cc_status cc_throttle_refusal(cc_call *call) {
    const cc_reply *reply = call->reply;
    if (reply->throttles_lost)
        return cc_no_memory(call->error);
    const char *reason = reply->throttles[0].reason;
    if (strstr(reason, "OnDemand") != NULL)
        return cc_fail_aws(call->error, CC_ERR_LIMIT, "ThrottlingException",
                           "Throughput exceeds the maximum OnDemandThroughput configured on table or index");
    if (strncmp(reason, "Index", 5) == 0)
        return cc_fail_aws(call->error, CC_ERR_LIMIT, "ProvisionedThroughputExceededException",
                           "The level of configured provisioned throughput for one or more global secondary "
                           "indexes of the table was exceeded. Consider provisioning your under-provisioned "
                           "global secondary indexes with the UpdateTable API");
    return cc_fail_aws(call->error, CC_ERR_LIMIT, "ProvisionedThroughputExceededException",
                       "The level of configured provisioned throughput for the table was exceeded. Consider "
                       "increasing your provisioning level with the UpdateTable API.");
}

void cc_throttle_settle(cc_tables *tables, bool done) {
    for (cc_bucket *bucket = tables->owing; bucket != NULL; bucket = bucket->next) {
        if (done) {
            bucket->left -= bucket->owed;
            bucket->taken += bucket->owed;
        }
        bucket->owed = 0;
        bucket->listed = false;
    }
    tables->owing = NULL;
}

static void keep(const cc_bucket *old, cc_bucket *bucket) {
    bucket->taken = old->taken;
    if (old->rate == 0 || old->at_ms == 0)
        return;
    bucket->left = old->left;
    bucket->at_ms = old->at_ms;
}

void cc_table_count_get(const cc_tables *tables, const cc_key_schema *schema, cc_bytes item) {
    if (CC_LIKELY(tables->metered))
        ((const cc_table_schema *)schema)->buckets->read.taken += cc_read_units(cc_size_within(item, 4096),
                                                                                false);
}

void cc_table_count_put(const cc_tables *tables, const cc_table_schema *schema, cc_bytes old, cc_bytes item) {
    if (!tables->metered)
        return;
    double *taken = &schema->buckets->write.taken;
    *taken += cc_write_units(cc_size_within(old, 1024), cc_size_within(item, 1024));
    for (size_t i = 0; i < schema->index_count; i++)
        *taken += cc_table_index_write_units(&schema->indexes[i], old, item);
}

void cc_table_count_refused(const cc_tables *tables, const cc_table_schema *schema, cc_bytes old) {
    if (tables->metered)
        schema->buckets->write.taken += cc_write_units(cc_size_within(old, 1024), 0);
}

cc_table_taken cc_table_taken_of(const cc_space *space) {
    const cc_table_schema *schema = cc_space_attached(space);
    cc_table_taken taken = {schema->buckets->read.taken, schema->buckets->write.taken};
    for (size_t i = 0; i < schema->index_count; i++)
        if (schema->indexes[i].global) {
            taken.read_units += schema->indexes[i].buckets->read.taken;
            taken.write_units += schema->indexes[i].buckets->write.taken;
        }
    return taken;
}

void cc_throttle_hand_over(const cc_table_schema *from, const cc_table_schema *to) {
    keep(&from->buckets->read, &to->buckets->read);
    keep(&from->buckets->write, &to->buckets->write);
    for (size_t i = 0; i < from->index_count; i++)
        if (from->indexes[i].global && cc_table_index_find(to, from->indexes[i].name) == NULL) {
            to->buckets->read.taken += from->indexes[i].buckets->read.taken; /* an index that is gone */
            to->buckets->write.taken += from->indexes[i].buckets->write.taken;
        }
    for (size_t i = 0; i < to->index_count; i++) {
        const cc_table_index *old = cc_table_index_find(from, to->indexes[i].name);
        if (old == NULL)
            continue;
        keep(&old->buckets->read, &to->indexes[i].buckets->read);
        keep(&old->buckets->write, &to->indexes[i].buckets->write);
    }
}
