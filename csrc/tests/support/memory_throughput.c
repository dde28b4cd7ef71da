/* memory_throughput.c: see world_throughput in memory_world.h. */
#include "table/throttle.h"
#include "tests/support/memory_world.h"

void world_throughput(cc_tables *tables, double left) {
    cc_space *space;
    tables->enforced = left != 0;
    for (size_t at = 0; (space = cc_space_at(cc_tables_store(tables), at)) != NULL; at++) {
        const cc_table_schema *schema = cc_space_attached(space);
        for (size_t i = 0; schema != NULL && i <= schema->index_count; i++) {
            cc_buckets *buckets = i == schema->index_count ? schema->buckets : schema->indexes[i].buckets;
            if (buckets == NULL)
                continue;
            cc_bucket fresh = {.rate = left / CC_BURST_SECONDS, .left = left, .at_ms = UINT64_MAX};
            bool maximum = i != schema->index_count;
            buckets->read = buckets->write = fresh;
            buckets->read.on_demand = buckets->write.on_demand = maximum;
        }
    }
}
