/* internal.h: what the verbs share: the open tables, one call, its replies and capacity. */
#ifndef CC_TABLE_INTERNAL_H
#define CC_TABLE_INTERNAL_H

#include "table/expression.h"

#define CC_PAGE_BYTES ((size_t)1 << 20)         /* Query and Scan: data read per page */
#define CC_BATCH_REPLY_BYTES ((size_t)16 << 20) /* BatchGetItem: data per reply */

struct cc_tables {
    cc_store *store;
    cc_text_cache *programs; /* of expressions and statements */
    cc_durability durability;
    bool metered;                 /* what requests take is counted; before the first one */
    bool enforced;                /* and held to the throughput of tables */
    bool expiring;                /* followers are told that what is deleted had expired */
    struct cc_bucket *owing;      /* what the running request owes: throttle.h */
    uint64_t first, beyond;       /* bounds of partition hashes, from either end: route.h */
    char account[13], region[32]; /* empty: any ARN will do */
};

/* What must be true of the item before a write, beside its condition. */
typedef enum {
    CC_PRESENCE_ANY = 0,
    CC_PRESENCE_ABSENT,  /* else DuplicateItemException: INSERT */
    CC_PRESENCE_PRESENT, /* else the condition fails: UPDATE of PartiQL */
    CC_PRESENCE_OPTIONAL /* absent: nothing to do, whatever the condition: DELETE of PartiQL */
} cc_presence;

struct cc_statement;
struct cc_prepared_statement;

/* One request on its way through a verb. Bounds are filled before the lock is taken. */
typedef struct cc_call {
    cc_tables *tables;
    const cc_request *request;
    cc_space *space;
    const cc_key_schema *schema;
    cc_space *source;            /* Query, Scan: what is walked, the table or one of its indexes */
    const cc_table_index *index; /* NULL: the table */
    bool fetches;                /* items are read whole from the table, at a cost, as a local index allows */
    cc_bound condition, update, filter, projection, key_condition, search;
    cc_arena *arena;
    cc_buffer scratch; /* built items, before they are copied into the arena */
    cc_reply *reply;
    size_t item_capacity;
    cc_change *staged_change; /* an action of a transaction: where its change goes instead of the store */
    struct cc_transact_action *actions; /* a transaction: its actions */
    cc_presence presence;
    const struct cc_statement *columns;       /* a SELECT whose columns are given instead of the items */
    struct cc_prepared_statement *statements; /* PartiQL: one, or those of a batch or transaction */
    cc_error *error;
} cc_call;

cc_status cc_no_memory(cc_error *error);
#define cc_no_memory(error) cc_failed(cc_no_memory(error))
/* cc_table_find for call->space and call->schema; an ARN must be of this account and region. */
CC_MUST_CHECK cc_status cc_call_find_table(cc_call *call, cc_bytes name);
/* Compiles and binds the expressions of call->request; release whatever it says. Without the lock. */
CC_MUST_CHECK cc_status cc_call_bind(cc_call *call);
void cc_call_release(cc_call *call);
/* Into the arena. */
CC_MUST_CHECK cc_status cc_call_copy(cc_call *call, cc_bytes bytes, cc_bytes *copy_out);
/* Appends a copy of `item`, projected when the call has a projection, to the reply. */
CC_MUST_CHECK cc_status cc_call_add_item(cc_call *call, cc_bytes item, const cc_bound *projection);
/* The attributes of the primary key alone, with those of call->index. */
CC_MUST_CHECK cc_status cc_call_key_item(cc_call *call, cc_bytes item, cc_bytes *key_item_out);
/* ConditionalCheckFailedException when the condition is false on `old` (size 0: no item). */
CC_MUST_CHECK cc_status cc_call_check_condition(cc_call *call, cc_bytes old);
/* Entry `at` of a batch goes to the reply's unprocessed ones. */
CC_MUST_CHECK cc_status cc_call_leave_entry(cc_call *call, size_t at);
CC_MUST_CHECK cc_status cc_call_write(cc_call *call, const cc_change *changes, size_t count);

/* As cc_table_find, of a table that is being loaded too. */
CC_MUST_CHECK cc_status cc_table_find_any(cc_tables *tables, cc_bytes name, cc_space **space_out,
                                          const cc_key_schema **schema_out, cc_error *error);
/* Hangs the schema on a space of which nobody holds another, with an order for each of its indexes. Takes the
 * schema over, also when it fails. */
CC_MUST_CHECK cc_status cc_table_attach(cc_space *space, cc_table_schema *schema, cc_error *error);
/* Fills all indexes at once, for a table that nobody uses yet. */
CC_MUST_CHECK cc_status cc_table_fill_locked(cc_store *store, cc_space *space, cc_table_schema *schema,
                                             cc_error *error);
/* Indexes are not logged: open makes them again out of the items. */
CC_MUST_CHECK cc_status cc_tables_build_indexes(cc_tables *tables, cc_error *error);

/* What the store notes of an item whose cc_item_size is `size`; 0: too much for a note. */
static inline uint16_t cc_size_note(cc_bytes item, size_t size) {
    size_t less = item.size - size;
    return less <= UINT16_MAX ? (uint16_t)less : 0;
}
/* cc_item_size, or less than `block` when it is less: units of an item that fits one need no walk.
 * What is stored is never smaller than what DynamoDB counts: an attribute's entry alone takes ten bytes. */
size_t cc_size_within(cc_bytes item, size_t block);
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
CC_MUST_CHECK cc_status cc_verb_check(cc_call *call);
CC_MUST_CHECK cc_status cc_verb_transact_write(cc_call *call);
CC_MUST_CHECK cc_status cc_verb_transact_get(cc_call *call);

CC_MUST_CHECK cc_status cc_verb_statement(cc_call *call);
CC_MUST_CHECK cc_status cc_verb_statement_batch(cc_call *call);
CC_MUST_CHECK cc_status cc_verb_statement_transaction(cc_call *call);

/* ---- transactions ---- */
/* One action on its way: a call of its own whose change is kept until all actions agree. */
typedef struct cc_transact_action {
    cc_call call;
    cc_reply reply;
    cc_error error;
    cc_status status;
    cc_key key;
    cc_change change;
} cc_transact_action;
/* Makes and binds the actions, before the lock. */
CC_MUST_CHECK cc_status cc_transact_prepare(cc_call *call);
void cc_transact_release(cc_call *call);
/* Finds every table and key; refuses two actions on one item. A key that does not fit is its action's status. */
CC_MUST_CHECK cc_status cc_transact_find(cc_call *call);
/* OK when every action is; else TransactionCanceledException with a reason for each. */
CC_MUST_CHECK cc_status cc_transact_verdict(cc_call *call);

/* Refuses two actions on one item, of those up to `at`. */
CC_MUST_CHECK cc_status cc_transact_check_distinct(cc_call *call, size_t at);
/* The transaction once its actions have tables and keys. */
CC_MUST_CHECK cc_status cc_transact_read(cc_call *call);
/* Whether nothing is to be looked at yet; the part knows the digest then. */
static inline bool cc_transact_forms(const cc_request *request, const cc_digest *digest) {
    cc_part *part = request->part;
    if (CC_LIKELY(part == NULL) || part->mode != CC_PART_FORM)
        return false;
    part->digest = *digest;
    return true;
}
/* Of a failure that belongs to one action or statement: "ConditionalCheckFailed"; NULL: it does not. */
const char *cc_error_code(cc_status status, const cc_error *error);

cc_digest cc_digest_begin(void);
void cc_digest_add(cc_digest *digest, cc_bytes bytes);
cc_digest cc_token_digest(const cc_request *request); /* of a TransactWriteItems */
CC_MUST_CHECK cc_status cc_transact_write(cc_call *call, const cc_digest *digest);

/* What a transaction with a ClientRequestToken leaves for ten minutes. */
enum { CC_TOKEN_CHANGES_MAX = 10 };
/* *repeated_out: a transaction with the token was done, and was the same (else
 * IdempotentParameterMismatchException); `decided`: nobody asks any more. If not, appends what remembers this one, and forgets some old ones,
 * to `changes`, which has room for CC_TOKEN_CHANGES_MAX more. */
CC_MUST_CHECK cc_status cc_token_check(cc_call *call, const cc_digest *digest, bool decided,
                                       bool *repeated_out, cc_change *changes, size_t *count);

/* Adds `from` to `into`, its table's part `factor` times. */
CC_MUST_CHECK cc_status cc_consumed_add(cc_call *call, cc_consumed *into, const cc_consumed *from,
                                        double factor);

/* Counts what a write of one item of call's table costs, its indexes included, and says it when the request asks.
 * Refuses it when throughput is enforced and spent. */
CC_MUST_CHECK cc_status cc_call_charge_write(cc_call *call, cc_consumed *consumed, cc_bytes old,
                                             cc_bytes item);
/* Refuses index keys that do not fit; nothing to do for a table without indexes. */
CC_MUST_CHECK static inline cc_status cc_call_check_indexes(cc_call *call, cc_bytes item, cc_bytes old) {
    const cc_table_schema *schema = (const cc_table_schema *)call->schema;
    if (CC_LIKELY((schema->index_count | schema->vector_count) == 0))
        return CC_OK;
    return cc_table_index_check(schema, item, old, call->error);
}

/* Refuses paths into key attributes of the table or of an index, in the service's words. */
CC_MUST_CHECK cc_status cc_call_check_scalars(cc_call *call);
CC_MUST_CHECK cc_status cc_bound_check_scalars(const cc_bound *bound, const cc_key_schema *schema,
                                               cc_error *error);

/* Fills the reply's ItemCollectionMetrics after a write that asks for them. */
CC_MUST_CHECK cc_status cc_call_collections(cc_call *call);

/* ---- Query and Scan ---- */
/* Finds IndexName and checks what may be asked of it. */
CC_MUST_CHECK cc_status cc_call_open_source(cc_call *call);
/* The place of ExclusiveStartKey in the source. */
CC_MUST_CHECK cc_status cc_call_start_key(cc_call *call, cc_key *start_out);

/* Sort bytes [from, to) of one partition; no `to`: up to the partition's end. */
typedef struct {
    cc_bytes partition, from, to;
    bool has_to;
} cc_key_range;
CC_MUST_CHECK cc_status cc_key_range_read(cc_call *call, const cc_key_condition *condition,
                                          cc_key_range *range_out);
/* The key attributes of what the call walks. */
const cc_key_shape *cc_call_keys(const cc_call *call);
/* The partition of hash values of the schema's types. */
CC_MUST_CHECK cc_status cc_key_range_partition(cc_call *call, const cc_value *values,
                                               cc_bytes *partition_out);
/* Narrows `range`, which holds all sort bytes behind `prefix`, by the condition's last sort attribute. */
CC_MUST_CHECK cc_status cc_key_range_sort(cc_call *call, const cc_key_condition *condition, cc_bytes prefix,
                                          cc_key_range *range);
/* The smallest sort bytes behind `sort`. */
CC_MUST_CHECK cc_status cc_key_range_behind(cc_call *call, cc_bytes sort, cc_bytes *behind_out);

/* One page of Query or Scan: counts, filters, collects. */
typedef struct {
    cc_call *call;
    size_t bytes, charged; /* data read; how much of it the reply's capacity knows */
    double fetched;        /* read units of the table for items of a local index */
    cc_bytes last;         /* the last item looked at */
    bool full;             /* by Limit or by size */
} cc_page;
/* Before a walk's first item: the cursor fetches what the page will look at. */
void cc_page_enter(const cc_page *page, cc_space_cursor *cursor);
/* `item` is the cursor's; NULL: it was found by its key. */
CC_MUST_CHECK cc_status cc_page_add(cc_page *page, const cc_space_cursor *cursor, cc_bytes item);
/* Puts what was read since the last time, as one read of its own, on the reply's capacity. */
CC_MUST_CHECK cc_status cc_page_charge(cc_page *page);
CC_MUST_CHECK cc_status cc_page_end(cc_page *page);
/* Adds a range of the call's source to the page, and all of it. */
CC_MUST_CHECK cc_status cc_query_range(cc_page *page, const cc_key_range *range, bool backward);
CC_MUST_CHECK cc_status cc_scan_source(cc_call *call);

/* ---- what is stored, and nobody has looked at (verify.c) ---- */
/* A space that no request names, of records of the services: its values are no items. */
bool cc_table_is_services_own(const cc_space *space);
/* What is wrong with what is stored under a key, in words; NULL: nothing. value.data NULL: a delete. `schema` NULL:
 * nobody knows what key its table has. */
const char *cc_table_wrong_entry(const cc_key_schema *schema, cc_key key, cc_bytes value);
/* As cc_table_wrong_entry, of what an index is to be made of (store/index.h). */
CC_MUST_CHECK cc_status cc_table_check_stored(cc_key key, cc_bytes value, cc_error *error);

#endif
