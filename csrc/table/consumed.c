/* consumed.c: capacity units of reads and writes. */
#include "table/throttle.h"
#include "table/vectors.h"

static size_t blocks(size_t size, size_t block) { return size <= block ? 1 : (size + block - 1) / block; }
double cc_read_units(size_t size, bool consistent) {
    return (double)blocks(size, 4096) * (consistent ? 1.0 : 0.5);
}
double cc_write_units(size_t old_size, size_t new_size) {
    return (double)blocks(old_size > new_size ? old_size : new_size, 1024);
}

size_t cc_size_within(cc_bytes item, size_t block) {
    return item.size <= block ? item.size : cc_item_size(item);
}

double cc_consumed_total(const cc_consumed *consumed) {
    double total = consumed->table;
    for (size_t i = 0; i < consumed->index_count; i++)
        total += consumed->indexes[i].vector ? 0 : consumed->indexes[i].units;
    return total;
}

/* The place of an index in the list of those used so far. */
static cc_status find_units(cc_call *call, cc_consumed *consumed, cc_index_units like,
                            cc_index_units **units_out) {
    const cc_table_schema *schema = (const cc_table_schema *)call->schema;
    if (consumed->indexes == NULL) {
        size_t room = schema->index_count + schema->vector_count;
        consumed->indexes = cc_arena_alloc(call->arena, room * sizeof *consumed->indexes);
        if (consumed->indexes == NULL)
            return cc_no_memory(call->error);
    }
    for (size_t i = 0; i < consumed->index_count; i++)
        if (cc_bytes_equal(consumed->indexes[i].name, like.name)) {
            *units_out = &consumed->indexes[i];
            return CC_OK;
        }
    *units_out = &consumed->indexes[consumed->index_count++];
    **units_out = (cc_index_units){.global = like.global, .vector = like.vector};
    return cc_call_copy(call, like.name, &(*units_out)->name);
}

static cc_status add_units(cc_call *call, cc_consumed *consumed, cc_index_units used) {
    cc_index_units *units = NULL;
    if (used.units == 0.0)
        return CC_OK;
    CC_TRY(find_units(call, consumed, used, &units));
    units->units += used.units;
    return CC_OK;
}

cc_status cc_consumed_add(cc_call *call, cc_consumed *into, const cc_consumed *from, double factor) {
    into->table += factor * from->table;
    for (size_t i = 0; i < from->index_count; i++)
        CC_TRY(add_units(call, into, from->indexes[i]));
    return CC_OK;
}

static bool throttled(const cc_index_units *used) { return used->global && !used->vector; }

/* Whether the buckets of the table or of an index that the write reaches are spent. */
static bool refuses(cc_call *call, const cc_consumed *cost) {
    const cc_table_schema *schema = (const cc_table_schema *)call->schema;
    bool refused = cc_throttle_refuses(call, schema, NULL, true);
    for (size_t i = 0; i < cost->index_count; i++)
        if (throttled(&cost->indexes[i]))
            refused |= cc_throttle_refuses(call, schema, cc_table_index_find(schema, cost->indexes[i].name),
                                           true);
    return refused;
}

/* Puts what a write costs on the buckets of its table and indexes. */
static void owe_write(cc_call *call, const cc_consumed *cost) {
    const cc_table_schema *schema = (const cc_table_schema *)call->schema;
    double factor = call->staged_change != NULL ? 2 : 1; /* the table's part of a transaction */
    double local = 0;
    for (size_t i = 0; i < cost->index_count; i++) {
        const cc_index_units *used = &cost->indexes[i];
        if (throttled(used))
            cc_throttle_owe(call, schema, cc_table_index_find(schema, used->name), true, used->units);
        else if (!used->global)
            local += used->units;
    }
    cc_throttle_owe(call, schema, NULL, true, factor * cost->table + local);
}

static cc_status add_write(cc_call *call, cc_consumed *consumed, cc_bytes old, cc_bytes item) {
    const cc_table_schema *schema = (const cc_table_schema *)call->schema;
    consumed->table += cc_write_units(cc_size_within(old, 1024), cc_size_within(item, 1024));
    for (size_t i = 0; i < schema->index_count; i++) {
        const cc_table_index *index = &schema->indexes[i];
        double units = cc_table_index_write_units(index, old, item);
        CC_TRY(add_units(call, consumed, (cc_index_units){index->name, index->global, false, units}));
    }
    for (size_t i = 0; i < schema->vector_count; i++) {
        const cc_vector_index *index = &schema->vectors[i];
        double bytes = cc_vector_write_bytes(index, old, item);
        CC_TRY(add_units(call, consumed, (cc_index_units){index->name, true, true, bytes}));
    }
    return CC_OK;
}

cc_status cc_call_charge_write(cc_call *call, cc_consumed *consumed, cc_bytes old, cc_bytes item) {
    if (!cc_call_metered(call))
        return CC_OK;
    cc_consumed cost = {0};
    CC_TRY(add_write(call, &cost, old, item));
    if (CC_UNLIKELY(call->tables->enforced) && refuses(call, &cost))
        return cc_throttle_refusal(call);
    if (call->tables->metered)
        owe_write(call, &cost);
    return call->request->capacity == CC_CAPACITY_NONE ? CC_OK : cc_consumed_add(call, consumed, &cost, 1);
}
