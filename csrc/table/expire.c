/* expire.c: time to live: a walk through a table in slices, each of them one turn of the lock and, when
 * something had expired, one log record.
 *
 * Number encodings sort as the numbers do, so an expiry time is compared as bytes. A slice begins behind the
 * last key that the one before looked at, wherever writers have put the tree's pages meanwhile. */
#include <sched.h>

#include "codec/number.h"
#include "table/internal.h"

enum { EXPIRE_LOOK = 512, EXPIRE_DELETE = 128 };  /* items of a slice: well under a millisecond */
enum { EXPIRE_BYTES = 1 << 20 };                  /* and what they may take when they come from the disk */
#define EXPIRE_AGE_MAX ((int64_t)5 * 365 * 86400) /* what is older was never meant as a time */

typedef struct {
    uint8_t first[CC_NUMBER_MAX], limit[CC_NUMBER_MAX]; /* first <= expired < limit */
    cc_bytes from, to;
    cc_bytes attribute;
} expired_range;

static void make_range(int64_t now, cc_bytes attribute, expired_range *range) {
    range->from = cc_bytes_of(range->first, cc_number_from_int64(now - EXPIRE_AGE_MAX, range->first));
    range->to = cc_bytes_of(range->limit, cc_number_from_int64(now, range->limit));
    range->attribute = attribute;
}

static bool expired(const expired_range *range, cc_bytes item) {
    cc_value value;
    if (!cc_item_find(item, range->attribute, &value) || value.type != CC_TYPE_N)
        return false;
    cc_bytes number = cc_value_bytes(value);
    return cc_bytes_compare(number, range->from) >= 0 && cc_bytes_compare(number, range->to) < 0;
}

static cc_status remember(cc_expiry *expiry, cc_key key) {
    cc_buffer_clear(&expiry->partition);
    cc_buffer_clear(&expiry->sort);
    CC_TRY(cc_buffer_append(&expiry->partition, key.partition.data, key.partition.size));
    return cc_buffer_append(&expiry->sort, key.sort.data, key.sort.size);
}

static bool go_on(cc_space *space, const cc_expiry *expiry, cc_space_cursor *cursor) {
    if (!expiry->started)
        return cc_space_seek_hash(space, 0, cursor);
    cc_key last = {cc_buffer_bytes(&expiry->partition), cc_buffer_bytes(&expiry->sort)}, key;
    bool more = cc_space_seek(space, last, cursor);
    if (more) {
        cc_space_entry(cursor, NULL, &key, NULL);
        if (cc_bytes_equal(key.partition, last.partition) && cc_bytes_equal(key.sort, last.sort))
            more = cc_space_next(cursor);
    }
    return more;
}

/* Collects the expired items of a slice; their keys are copied, because deleting frees them. */
static cc_status look(cc_space *space, const expired_range *range, cc_arena *arena, cc_expiry *expiry,
                      cc_change *changes, size_t *count_out) {
    cc_space_cursor cursor;
    cc_key key = {{NULL, 0}, {NULL, 0}};
    cc_bytes item;
    size_t looked = 0, count = 0, bytes = 0;
    bool more = go_on(space, expiry, &cursor);
    for (; more && looked < EXPIRE_LOOK && count < EXPIRE_DELETE && bytes < EXPIRE_BYTES;
         more = cc_space_next(&cursor)) {
        cc_space_entry(&cursor, NULL, &key, &item);
        if (CC_UNLIKELY(item.data == NULL))
            return CC_ERR_IO;
        looked++;
        bytes += item.size;
        if (!expired(range, item))
            continue;
        cc_change *change = &changes[count++];
        *change = (cc_change){.kind = CC_CHANGE_EXPIRE, .space = space};
        change->key.partition = cc_arena_copy(arena, key.partition);
        change->key.sort = cc_arena_copy(arena, key.sort);
        if (change->key.partition.data == NULL || change->key.sort.data == NULL)
            return CC_ERR_NOMEM;
    }
    expiry->done = !more;
    expiry->examined += looked;
    *count_out = count;
    if (looked == 0)
        return CC_OK;
    expiry->started = true;
    return remember(expiry, key);
}

static cc_status slice(cc_tables *tables, cc_bytes name, const expired_range *range, cc_arena *arena,
                       cc_expiry *expiry, cc_log_ticket *ticket, bool *written_out, cc_error *error) {
    cc_space *space = NULL;
    const cc_key_schema *schema = NULL;
    CC_TRY(cc_table_find(tables, name, &space, &schema, error));
    cc_change *changes = cc_arena_alloc(arena, EXPIRE_DELETE * sizeof *changes);
    size_t count = 0;
    cc_status status = changes == NULL ? CC_ERR_NOMEM : look(space, range, arena, expiry, changes, &count);
    CC_TRY(cc_store_failure(tables->store, error));
    if (status != CC_OK)
        return cc_no_memory(error);
    *written_out = count != 0;
    if (count == 0)
        return CC_OK;
    CC_TRY(cc_store_write(tables->store, changes, count, ticket, error));
    expiry->deleted += count;
    return CC_OK;
}

cc_status cc_table_expire(cc_tables *tables, cc_bytes name, cc_bytes attribute, int64_t now, cc_arena *arena,
                          cc_expiry *expiry, cc_error *error) {
    expired_range range;
    cc_log_ticket ticket;
    bool written = false;
    make_range(now, attribute, &range);
    cc_arena_reset(arena);
    cc_store_lock(tables->store);
    cc_status status = slice(tables, name, &range, arena, expiry, &ticket, &written, error);
    cc_store_unlock(tables->store);
    if (status == CC_OK && written)
        status = cc_store_wait(tables->store, &ticket, CC_DURABILITY_DEFAULT, error);
    sched_yield(); /* whoever waits for the lock goes first */
    return status;
}

void cc_expiry_free(cc_expiry *expiry) {
    cc_buffer_free(&expiry->partition);
    cc_buffer_free(&expiry->sort);
}
