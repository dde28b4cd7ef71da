/* load.c: entries into a table, in turns of the lock of a few hundred changes, each one log record. */
#include "table/load.h"

#include <inttypes.h>
#include <sched.h>

#include "table/archive.h"
#include "table/internal.h"
#include "table/route.h"

enum { LOAD_CHANGES = 256, LOAD_BYTES = 128 << 10 }; /* of one turn: about a millisecond */

/* What is loaded. */
typedef struct {
    cc_bytes name, entries; /* the table's; those that are left */
    bool stamped;
    uint64_t count; /* that are in */
} loading;

/* No index could be made of what is not an item, and nobody would find what lies under another key. */
static cc_status check_change(const loading *load, const cc_space *space, const cc_key_schema *schema,
                              const cc_change *change, uint64_t number, cc_error *error) {
    cc_bytes value = change->value;
    uint64_t time_ms;
    if (load->stamped && !cc_stamp_take(&value, &time_ms))
        return cc_fail(error, CC_ERR_CORRUPT, "entries to load are cut short");
    if (load->stamped && value.size == 0)
        value = (cc_bytes){NULL, 0};
    const char *wrong = cc_table_is_services_own(space) ? NULL
                                                        : cc_table_wrong_entry(schema, change->key, value);
    return wrong == NULL
               ? CC_OK
               : cc_fail(error, CC_ERR_CORRUPT, "entry %" PRIu64 " to load into table '%.*s': %s", number,
                         (int)cc_utf8_cut(load->name, 100), (const char *)load->name.data, wrong);
}

/* Takes the entries of one turn off; the changes borrow from them. */
static cc_status next_turn(const cc_tables *tables, loading *load, cc_space *space,
                           const cc_key_schema *schema, cc_change *changes, size_t *count_out,
                           cc_error *error) {
    cc_bytes *entries = &load->entries;
    size_t bytes = 0, count = 0;
    while (entries->size != 0 && count < LOAD_CHANGES && bytes < LOAD_BYTES) {
        cc_change *change = &changes[count];
        *change = (cc_change){.space = space};
        if (!cc_snapshot_entry(entries, &change->key, &change->value))
            return cc_fail(error, CC_ERR_CORRUPT, "entries to load are cut short");
        CC_TRY(check_change(load, space, schema, change, load->count + count + 1, error));
        if (CC_UNLIKELY(cc_tables_bounded(tables)) &&
            !cc_tables_holds(tables, cc_space_partition_hash(space, change->key.partition)))
            continue;
        count++;
        change->kind = change->value.data == NULL ? CC_CHANGE_DELETE : CC_CHANGE_PUT;
        bytes += change->value.size;
    }
    *count_out = count;
    return CC_OK;
}

static cc_status write_turn(cc_tables *tables, loading *load, cc_log_ticket *ticket, cc_error *error) {
    cc_change changes[LOAD_CHANGES];
    cc_space *space = NULL;
    const cc_key_schema *schema = NULL;
    size_t changed = 0;
    CC_TRY(cc_table_find_any(tables, load->name, &space, &schema, error));
    CC_TRY(next_turn(tables, load, space, schema, changes, &changed, error));
    if (changed != 0)
        CC_TRY(cc_store_write(tables->store, changes, changed, ticket, error));
    load->count += changed;
    return CC_OK;
}

cc_status cc_table_load(cc_tables *tables, cc_bytes name, cc_bytes entries, bool stamped, uint64_t *count_out,
                        cc_error *error) {
    loading load = {.name = name, .entries = entries, .stamped = stamped};
    cc_log_ticket ticket = {0};
    cc_status status = CC_OK;
    while (status == CC_OK && load.entries.size != 0) {
        cc_store_lock(tables->store);
        status = write_turn(tables, &load, &ticket, error);
        cc_store_unlock(tables->store);
        sched_yield(); /* whoever waits for the lock goes first */
    }
    *count_out = load.count;
    CC_TRY(status);
    return cc_store_wait(tables->store, &ticket, CC_DURABILITY_DEFAULT, error);
}

static cc_status filter(cc_store *store, cc_space *space, bool present, cc_bytes entries, cc_buffer *out,
                        uint64_t *count, cc_error *error) {
    while (entries.size != 0) {
        const uint8_t *entry = entries.data;
        cc_key key;
        cc_bytes value;
        if (!cc_snapshot_entry(&entries, &key, &value))
            return cc_fail(error, CC_ERR_CORRUPT, "entries are cut short");
        bool there = cc_space_get(space, key, &value);
        CC_TRY(cc_store_failure(store, error));
        cc_store_settle(store);
        if (there != present)
            continue;
        if (cc_buffer_append(out, entry, (size_t)(entries.data - entry)) != CC_OK)
            return cc_no_memory(error);
        ++*count;
    }
    return CC_OK;
}

cc_status cc_table_filter(cc_tables *tables, cc_bytes name, bool present, cc_bytes entries, cc_buffer *out,
                          uint64_t *count, cc_error *error) {
    cc_space *space = NULL;
    const cc_key_schema *schema = NULL;
    cc_store_lock(tables->store);
    cc_status status = cc_table_find_any(tables, name, &space, &schema, error);
    if (status == CC_OK)
        status = filter(tables->store, space, present, entries, out, count, error);
    cc_store_unlock(tables->store);
    return status;
}

cc_status cc_table_snapshot(cc_tables *tables, cc_bytes name, size_t memory_max, cc_snapshot **snapshot_out,
                            cc_error *error) {
    cc_space *space = NULL;
    const cc_key_schema *schema = NULL;
    cc_store_lock(tables->store);
    cc_status status = cc_table_find(tables, name, &space, &schema, error);
    if (status == CC_OK)
        status = cc_snapshot_open(space, memory_max, snapshot_out, error);
    cc_store_unlock(tables->store);
    return status;
}
