/* scan.c: Scan: the whole table, or an index, in hash order; a segment is one slice of the range of hashes. */
#include "table/internal.h"
#include "table/route.h"

/* First hash of segment `segment` of `total`: segment * 2^64 / total, rounded up. */
static uint64_t segment_start(uint32_t segment, uint32_t total) {
    unsigned __int128 start = ((unsigned __int128)segment << 64) + total - 1;
    return (uint64_t)(start / total);
}

static cc_status check_start(cc_call *call, uint64_t first, uint64_t last, cc_key *start_out) {
    const cc_request *request = call->request;
    CC_TRY(cc_call_start_key(call, start_out));
    uint64_t hash = cc_space_partition_hash(call->source, start_out->partition);
    if (hash >= first && hash <= last)
        return CC_OK;
    return CC_INVALID(call->error,
                      "The provided starting key is invalid: Invalid ExclusiveStartKey. Please use "
                      "ExclusiveStartKey with correct Segment. TotalSegments: %u Segment: %u",
                      request->total_segments, request->segment);
}

cc_status cc_verb_scan(cc_call *call) {
    CC_TRY(cc_call_open_source(call));
    CC_TRY(cc_call_check_scalars(call));
    return cc_scan_source(call);
}

cc_status cc_scan_source(cc_call *call) {
    const cc_request *request = call->request;
    uint64_t first = 0, last = UINT64_MAX, hash;
    if (request->has_segment) {
        first = segment_start(request->segment, request->total_segments);
        if (request->segment + 1 < request->total_segments)
            last = segment_start(request->segment + 1, request->total_segments) - 1;
    }
    if (CC_UNLIKELY(cc_tables_bounded(call->tables)) && (call->index == NULL || !call->index->global)) {
        uint64_t end = UINT64_MAX - call->tables->beyond;
        first = first > call->tables->first ? first : call->tables->first;
        last = last < end ? last : end;
    }
    cc_space_cursor cursor;
    cc_key start = {{NULL, 0}, {NULL, 0}}, key;
    cc_bytes item;
    bool more;
    if (request->start_key.data != NULL) {
        CC_TRY(check_start(call, first, last, &start));
        more = cc_space_seek(call->source, start, &cursor);
    } else {
        more = cc_space_seek_hash(call->source, first, &cursor);
    }
    cc_page page = {.call = call};
    cc_page_enter(&page, &cursor);
    for (; more && !page.full; more = cc_space_next(&cursor)) {
        cc_space_entry(&cursor, &hash, &key, &item);
        if (hash > last)
            break;
        if (CC_UNLIKELY(item.data == NULL))
            return cc_store_failure(call->tables->store, call->error);
        if (start.partition.data != NULL && cc_bytes_equal(key.partition, start.partition) &&
            cc_bytes_equal(key.sort, start.sort))
            continue;
        CC_TRY(cc_page_add(&page, &cursor, item));
    }
    CC_TRY(cc_page_charge(&page));
    return cc_page_end(&page);
}
