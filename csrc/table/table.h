/* table.h: the item verbs: one C call takes a request and gives a reply, over a store.
 *
 * Two doors build the same cc_request and read the same cc_reply: JSON (wire: request_json.c,
 * reply_json.c) and Python dicts (csrc/python/_table.pyx). Never dict -> JSON -> dict.
 * One C file per verb: put.c get.c update.c delete.c query.c scan.c batch_write.c batch_get.c search.c.
 *
 * Thread rule: cc_table_execute takes the store's lock itself; `locked` true says the caller holds
 * it already (a door that got it by try_lock under the GIL). Waits for durability happen after
 * the lock is released, in cc_table_finish. */
#ifndef CC_TABLE_TABLE_H
#define CC_TABLE_TABLE_H

#include "store/store.h"

/* What a request does, for its ClientRequestToken. */
typedef struct {
    uint64_t a, b;
} cc_digest;

typedef enum {
    CC_VERB_NONE = 0,
    CC_VERB_PUT,
    CC_VERB_GET,
    CC_VERB_UPDATE,
    CC_VERB_DELETE,
    CC_VERB_QUERY,
    CC_VERB_SCAN,
    CC_VERB_BATCH_WRITE,
    CC_VERB_BATCH_GET,
    CC_VERB_TRANSACT_WRITE,
    CC_VERB_TRANSACT_GET,
    CC_VERB_STATEMENT,             /* ExecuteStatement, and an element of the two below */
    CC_VERB_STATEMENT_BATCH,       /* BatchExecuteStatement */
    CC_VERB_STATEMENT_TRANSACTION, /* ExecuteTransaction */
    CC_VERB_SEARCH,                /* SearchVectors */
    CC_VERB_COUNT,
    CC_VERB_CHECK /* ConditionCheck: an action of a transaction, no operation */
} cc_verb;
/* "PutItem" -> CC_VERB_PUT; NONE if it is no item verb. */
cc_verb cc_verb_from_name(cc_bytes operation);
const char *cc_verb_name(cc_verb verb);

typedef enum {
    CC_RETURN_NONE = 0,
    CC_RETURN_ALL_OLD,
    CC_RETURN_UPDATED_OLD,
    CC_RETURN_ALL_NEW,
    CC_RETURN_UPDATED_NEW
} cc_return_values;
typedef enum { CC_CAPACITY_NONE = 0, CC_CAPACITY_TOTAL, CC_CAPACITY_INDEXES } cc_return_capacity;
typedef enum {
    CC_SELECT_DEFAULT = 0,
    CC_SELECT_ALL_ATTRIBUTES,
    CC_SELECT_PROJECTED,
    CC_SELECT_SPECIFIC,
    CC_SELECT_COUNT
} cc_select;

typedef struct {
    cc_bytes name, value;
} cc_name_pair; /* #alias -> attribute name */

/* One write or read inside BatchWriteItem / BatchGetItem. */
typedef struct {
    uint32_t table; /* index into cc_request.tables */
    bool is_delete; /* BatchWrite */
    cc_bytes item;  /* PutRequest.Item, or a Key */
} cc_batch_entry;

/* One table of a batch, with the members that BatchGetItem has per table. */
typedef struct {
    cc_bytes name; /* as given: the reply repeats it */
    bool consistent;
    cc_bytes projection;
    const cc_name_pair *names;
    size_t name_count;
    bool has_names;
    const cc_bytes *attributes; /* AttributesToGet: what projection and names were made of */
    size_t attribute_count;
} cc_batch_table;

/* A transaction of which this is a part: the others lie in tables of their own, where the same is asked. */
typedef enum {
    CC_PART_FORM =
        1,       /* the whole of it: what it is refused for before an item is looked at; makes `digest` */
    CC_PART_TRY, /* what it would be refused for; nothing is done */
    CC_PART_DO,
    CC_PART_FINISH /* as DO, where TRY was agreed to, and no item was written since: its token is not looked at */
} cc_part_mode;
typedef struct {
    cc_part_mode mode;
    cc_bytes token;   /* ClientRequestToken of the whole, in the place of the part's; data NULL: none */
    cc_digest digest; /* of what the whole does */
    uint64_t bytes;   /* of the items: those of other parts before, this one's with them behind it */
    bool repeated;    /* out: the whole was done before */
} cc_part;

typedef struct cc_request cc_request;
struct cc_request {
    cc_verb verb;
    cc_durability durability;
    cc_bytes table;     /* TableName or ARN */
    cc_bytes index;     /* IndexName; data NULL when absent */
    cc_bytes item;      /* encoded: PutItem.Item or Key */
    cc_bytes condition; /* expressions: text, data NULL when absent */
    cc_bytes update;
    cc_bytes projection;
    cc_bytes filter;
    cc_bytes key_condition;
    const cc_name_pair *names; /* ExpressionAttributeNames */
    size_t name_count;
    bool has_names, has_values;
    cc_bytes values;    /* ExpressionAttributeValues as an encoded item (names with the colon) */
    cc_bytes start_key; /* ExclusiveStartKey, encoded; data NULL when absent */
    cc_return_values return_values;
    bool return_old_on_failure; /* ReturnValuesOnConditionCheckFailure = ALL_OLD */
    cc_return_capacity capacity;
    cc_select select;
    bool has_limit;
    uint32_t limit;
    bool consistent;
    bool backward; /* ScanIndexForward = false */
    bool has_segment;
    uint32_t segment, total_segments;
    const cc_batch_entry *batch; /* BatchWrite, BatchGet */
    size_t batch_count;
    const cc_batch_table *tables; /* batches and transactions */
    size_t table_count;
    cc_part *part;                 /* NULL: a transaction is all here */
    const cc_request *actions;     /* transactions: puts, updates, deletes and checks, or gets; statements */
    const uint32_t *action_tables; /* parallel: index into tables */
    size_t action_count;
    cc_bytes token;     /* ClientRequestToken; data NULL when absent */
    bool metrics;       /* ReturnItemCollectionMetrics = SIZE */
    uint32_t generated; /* bit per cc_expression_kind: made of legacy parameters */
    cc_bytes statement; /* PartiQL */
    const cc_value *parameters;
    size_t parameter_count;
    cc_bytes next_token; /* NextToken; data NULL when absent */
    cc_bytes search;     /* SearchConditionExpression */
    cc_value vector;     /* SearchVector, a list */
    uint32_t top_k;
};

/* Capacity units of one table, and of those of its indexes that were used; of a vector index, bytes. */
typedef struct {
    cc_bytes name;
    bool global, vector;
    double units;
} cc_index_units;
typedef struct {
    double table;
    cc_index_units *indexes;
    size_t index_count;
} cc_consumed;
double cc_consumed_total(const cc_consumed *consumed);

/* A partition of a table with local indexes, and its size in whole gigabytes. */
typedef struct {
    uint32_t table; /* index into request.tables; 0 for a single write */
    cc_bytes key;   /* the partition key, an item of one attribute */
    uint64_t gigabytes;
} cc_collection;

/* A bound of throughput that a request ran into. */
typedef struct {
    const char *reason; /* "TableReadProvisionedThroughputExceeded" */
    cc_bytes resource;  /* an ARN */
} cc_throttle;

/* Why one action of a transaction was refused; code NULL: it was not. */
typedef struct {
    const char *code; /* ConditionalCheckFailed, ValidationError, DuplicateItem, ... */
    cc_bytes message;
    cc_bytes item; /* ALL_OLD of a failed condition; data NULL: none */
} cc_reason;

/* What became of one statement of a batch. */
typedef struct {
    const char *code; /* NULL: it was done; else a BatchStatementErrorCodeEnum */
    cc_bytes message;
    cc_bytes failed; /* ALL_OLD of a failed condition; data NULL: none */
    cc_bytes table;  /* data NULL: the statement does not say */
    cc_bytes item;   /* data NULL: none */
} cc_statement_result;

typedef struct {
    cc_bytes *items; /* encoded, already projected; owned by the reply's arena */
    size_t item_count;
    double *scores;      /* of a search: parallel to items */
    double search_bytes; /* VectorSearchRequestBytes */
    bool has_item;       /* GetItem found one / Attributes present: items[0] */
    uint32_t count, scanned_count;
    cc_bytes last_key;           /* LastEvaluatedKey, encoded; data NULL when the end was reached */
    cc_consumed consumed;        /* of the request's table */
    cc_bytes table;              /* resolved name */
    uint32_t *item_tables;       /* BatchGet: parallel to items, index into request.tables */
    cc_consumed *table_consumed; /* batches: per table of the request */
    cc_batch_entry *unprocessed; /* of request.batch: what is past 16 MB or throttled */
    size_t unprocessed_count;
    bool written; /* something waits for cc_table_finish */
    cc_log_ticket ticket;
    bool has_condition_item; /* ConditionalCheckFailed with ALL_OLD */
    cc_bytes condition_item;
    cc_collection *collections; /* ItemCollectionMetrics: partitions written to, each once */
    size_t collection_count;
    cc_bytes next_token;                /* of a statement; data NULL when the end was reached */
    const cc_statement_result *results; /* of a batch of statements */
    size_t result_count;
    const cc_bytes *tables; /* statements of a batch or transaction: parallel to table_consumed */
    size_t table_count;
    const cc_reason *reasons; /* TransactionCanceledException: one per action */
    size_t reason_count;
    bool repeated;          /* TransactWrite: an earlier call with this token did it */
    cc_throttle *throttles; /* ThrottlingReasons */
    size_t throttle_count;
    bool throttles_lost; /* no memory for one of them */
} cc_reply;

typedef struct cc_tables cc_tables; /* the table layer over one store; schemas parsed from space meta */

/* Meta of a table is JSON: its description with at least TableName, KeySchema, AttributeDefinitions. */
CC_MUST_CHECK cc_status cc_tables_open(const char *dir, const cc_store_options *options,
                                       cc_tables **tables_out, cc_error *error);
CC_MUST_CHECK cc_status cc_tables_close(cc_tables *tables, cc_error *error);
/* Whose tables these are; ARNs of others are refused from then on. Before the first request. */
void cc_tables_set_place(cc_tables *tables, cc_bytes account, cc_bytes region);
/* Requests are held to the throughput of their tables from then on (throttle.h). Before the first request. */
void cc_tables_enforce_throughput(cc_tables *tables);
/* Whether what requests take is counted, as it is unless this says otherwise before the first one. */
void cc_tables_meter(cc_tables *tables, bool on);
/* DeleteItem deletes as time to live does: its followers are told so (CC_CHANGE_EXPIRE). While this is on nobody
 * else may write: for who executes requests one by one. */
void cc_tables_expiring(cc_tables *tables, bool on);

/* What AWS would bill of a table's requests since it was opened: request units, those of its indexes included, a
 * transaction's double. Under the lock. */
typedef struct {
    double read_units, write_units;
} cc_table_taken;
cc_table_taken cc_table_taken_of(const cc_space *space);
/* A read of one item past the verbs, eventually consistent; size 0: there was none. */
void cc_table_count_get(const cc_tables *tables, const cc_key_schema *schema, cc_bytes item);
cc_store *cc_tables_store(cc_tables *tables);
CC_MUST_CHECK cc_status cc_table_create(cc_tables *tables, cc_bytes name, cc_bytes description_json,
                                        cc_error *error);
CC_MUST_CHECK cc_status cc_table_drop(cc_tables *tables, cc_bytes name, cc_error *error);
/* Another description of the same table. Its indexes are matched by name: one that is left out goes, a new
 * one is kept by writes from now on and can be read once cc_table_fill is through. */
CC_MUST_CHECK cc_status cc_table_describe(cc_tables *tables, cc_bytes name, cc_bytes description_json,
                                          cc_error *error);
/* Fills the new indexes of a table in slices, letting others in between. Without the lock. */
CC_MUST_CHECK cc_status cc_table_fill(cc_tables *tables, cc_bytes name, cc_error *error);
typedef struct {
    cc_bytes name; /* valid under the lock */
    uint64_t item_count, item_bytes;
    bool filling;
} cc_table_index_info;
/* Under the lock: the i-th index of a table; false past the end. */
bool cc_table_index_at(cc_tables *tables, cc_space *space, size_t at, cc_table_index_info *info_out);

/* A walk through a table that deletes what has expired. Zero it to begin; then call until `done`. */
typedef struct {
    bool started, done;
    uint64_t examined, deleted;
    cc_buffer partition, sort; /* the key to go on behind; freed by cc_expiry_free */
} cc_expiry;
/* One turn of the lock: looks at some hundred items and deletes those whose attribute `attribute` is a
 * number of epoch seconds before `now`, but by no more than five years. Other types do not count.
 * Logged as CC_CHANGE_EXPIRE. CC_ERR_NOT_FOUND when the table is gone. `arena` is reset. */
CC_MUST_CHECK cc_status cc_table_expire(cc_tables *tables, cc_bytes name, cc_bytes attribute, int64_t now,
                                        cc_arena *arena, cc_expiry *expiry, cc_error *error);
void cc_expiry_free(cc_expiry *expiry);

/* PutItem and UpdateItem count what is wrong with the request itself: "1 validation error detected: ...". What is
 * wrong with an attribute value's form, and what only the table or the item can tell, comes as it is. Of a
 * refusal from before the table was looked for. Source: answers of the service, eu-west-2, 2026. */
bool cc_refusal_is_counted(cc_verb verb, cc_bytes message);
void cc_refusal_count(cc_verb verb, cc_error *error);

/* Runs one request. The reply's memory is `arena`'s. With `locked` false it takes the store's lock and
 * waits for durability before it returns; with `locked` true the caller holds the lock, gives it back
 * and then calls cc_table_finish. On CC_ERR_CONDITION the reply may hold the old item. */
CC_MUST_CHECK cc_status cc_table_execute(cc_tables *tables, const cc_request *request, bool locked,
                                         cc_arena *arena, cc_reply *reply_out, cc_error *error);
/* Waits until what the request wrote is durable as its mode promises. Without the lock. */
CC_MUST_CHECK cc_status cc_table_finish(cc_tables *tables, const cc_request *request, const cc_reply *reply,
                                        cc_error *error);
/* Whether cc_table_finish may have to wait for the disk (a door then lets go of the GIL first). */
bool cc_table_waits(const cc_tables *tables, cc_durability durability);

/* ---- many items, encoded already, end to end (bulk.c) ---- */
typedef struct {
    size_t position; /* bytes done */
    uint64_t index;  /* items done */
    bool written;    /* something waits for cc_table_bulk_finish */
    bool loading;    /* a table that a restore or an import fills is found too */
    bool counts;     /* units are wanted */
    uint64_t units;  /* write units of the items stored: a whole one for each KB begun */
    cc_log_ticket ticket;
} cc_bulk;
/* One turn of the lock: stores some of `items` from bulk->position on; those with a byte that is not 0 in
 * `deletes` (NULL: none) are keys to be deleted. A later item replaces an earlier one of its key. Call until
 * position is at the end, resetting `arena` in between. CC_ERR_VALIDATION: item index - 1 is refused as
 * PutItem refuses it, and skipped; those in front of it are stored. Any other error: this turn stored nothing. */
CC_MUST_CHECK cc_status cc_table_bulk(cc_tables *tables, cc_bytes name, cc_bytes items,
                                      const uint8_t *deletes, cc_bulk *bulk, cc_arena *arena,
                                      cc_error *error);
/* Waits until all that was loaded is as durable as the store's mode promises. Without the lock. */
CC_MUST_CHECK cc_status cc_table_bulk_finish(cc_tables *tables, cc_bulk *bulk, cc_error *error);

/* ---- for doors that skip the request: all under the store's lock ---- */
/* The table of a name or ARN; CC_ERR_NOT_FOUND with AWS's words. */
CC_MUST_CHECK cc_status cc_table_find(cc_tables *tables, cc_bytes name, cc_space **space_out,
                                      const cc_key_schema **schema_out, cc_error *error);
/* "arn:aws:dynamodb:REGION:ACCOUNT:table/NAME" -> NAME; any other text is returned as it is. */
cc_bytes cc_table_name_of(cc_bytes name_or_arn);

/* ---- the wire's form ---- */
/* The whole of a JSON item verb: body in, body out (a success or an AWS error body). Never fails
 * for want of valid input; the HTTP status is in *http_status_out. `account_region_prefix` is not
 * needed: one cc_tables per account and region. Safe from any thread, no GIL. */
CC_MUST_CHECK cc_status cc_table_call_json(cc_tables *tables, cc_verb verb, cc_bytes body, cc_arena *arena,
                                           cc_buffer *reply_out, int *http_status_out);
/* The same for a part of a transaction. */
CC_MUST_CHECK cc_status cc_table_call_part(cc_tables *tables, cc_verb verb, cc_bytes body, cc_part *part,
                                           cc_arena *arena, cc_buffer *reply_out, int *http_status_out);
CC_MUST_CHECK cc_status cc_request_from_json(cc_verb verb, cc_bytes body, cc_arena *arena,
                                             cc_request *request_out, cc_error *error);
CC_MUST_CHECK cc_status cc_reply_to_json(const cc_request *request, const cc_reply *reply, cc_buffer *out);
/* "Transaction cancelled, ... [None, ValidationError]" */
CC_MUST_CHECK cc_status cc_reply_cancelled(const cc_reply *reply, cc_buffer *message_out);
/* {"__type": "...#Name", "message": "..."} and the HTTP status that belongs to it. */
CC_MUST_CHECK cc_status cc_error_to_json(const cc_error *error, const cc_reply *reply, cc_buffer *out,
                                         int *http_status_out);

#endif
