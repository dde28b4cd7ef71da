/* request.h: builds a cc_request member by member, the same way for JSON and for Python dicts.
 *
 *   cc_request_begin -> per member: cc_member_find, then the setter of its kind -> cc_request_finish
 *
 * Setters only store; finish checks everything in the service's order and words, so that both doors
 * refuse the same requests with the same texts. Texts, items and names must live as long as the arena. */
#ifndef CC_TABLE_REQUEST_H
#define CC_TABLE_REQUEST_H

#include "table/legacy.h"
#include "table/table.h"

typedef enum {
    CC_MEMBER_UNKNOWN, /* not a member of this operation: ignored, as the service does */
    CC_MEMBER_TEXT,
    CC_MEMBER_BOOL,
    CC_MEMBER_INT,
    CC_MEMBER_ITEM,
    CC_MEMBER_NAMES,
    CC_MEMBER_ACTIONS, /* TransactItems */
    CC_MEMBER_TABLES,  /* RequestItems */
    CC_MEMBER_LEGACY,  /* a map of conditions or updates: cc_legacy_map_of */
    CC_MEMBER_LIST,    /* AttributesToGet */
    CC_MEMBER_VALUES,  /* Parameters */
    CC_MEMBER_STATEMENTS,
    CC_MEMBER_VECTOR /* SearchVector */
} cc_member_kind;

typedef enum {
    CC_M_NONE,
    CC_M_TABLE,
    CC_M_ITEM,
    CC_M_KEY,
    CC_M_CONDITION,
    CC_M_UPDATE,
    CC_M_PROJECTION,
    CC_M_FILTER,
    CC_M_KEY_CONDITION,
    CC_M_NAMES,
    CC_M_VALUES,
    CC_M_START_KEY,
    CC_M_RETURN_VALUES,
    CC_M_RETURN_FAILURE,
    CC_M_CAPACITY,
    CC_M_METRICS,
    CC_M_SELECT,
    CC_M_LIMIT,
    CC_M_CONSISTENT,
    CC_M_FORWARD,
    CC_M_SEGMENT,
    CC_M_TOTAL_SEGMENTS,
    CC_M_REQUEST_ITEMS,
    CC_M_INDEX,
    CC_M_TRANSACT_ITEMS,
    CC_M_TOKEN,
    CC_M_ATTRIBUTES_TO_GET,
    CC_M_EXPECTED,
    CC_M_CONDITIONAL_OPERATOR,
    CC_M_ATTRIBUTE_UPDATES,
    CC_M_KEY_CONDITIONS,
    CC_M_QUERY_FILTER,
    CC_M_SCAN_FILTER,
    CC_M_STATEMENT,
    CC_M_PARAMETERS,
    CC_M_NEXT_TOKEN,
    CC_M_STATEMENTS,
    CC_M_SEARCH,
    CC_M_VECTOR,
    CC_M_TOP_K,
    CC_M_COUNT
} cc_member_id;

typedef struct {
    cc_member_id id;
    cc_member_kind kind;
    const char *name;
    uint32_t verbs; /* bit per cc_verb */
} cc_member;

typedef struct cc_request_builder cc_request_builder;
struct cc_request_builder {
    cc_request request;
    cc_arena *arena;
    bool seen[CC_M_COUNT];
    cc_bytes texts[CC_M_COUNT];
    int64_t limit, segment, total_segments, top_k;
    size_t entry_capacity, table_capacity;
    cc_batch_entry *entries;
    cc_batch_table *tables;
    bool table_mixed; /* AttributesToGet beside a ProjectionExpression inside RequestItems */
    cc_legacy_map legacy[CC_LEGACY_MAPS];
    const cc_bytes *attributes; /* AttributesToGet */
    size_t attribute_count;
    cc_value *parameters; /* of a statement */
    size_t parameter_count, parameter_capacity;
    cc_request_builder **actions; /* of a transaction, or statements: one builder each */
    size_t action_count, action_capacity;
    bool action_missing, action_doubled; /* an element of TransactItems without, or with two, of them */
    char prefix[40];                     /* of an action: "transactItems.1.member.put." */
};

/* NULL: unknown to this operation. Inside RequestItems of BatchGetItem use cc_table_member_find. */
const cc_member *cc_member_find(cc_verb verb, cc_bytes name);
const cc_member *cc_table_member_find(cc_bytes name);

void cc_request_begin(cc_request_builder *builder, cc_verb verb, cc_arena *arena);
void cc_request_set_text(cc_request_builder *builder, cc_member_id id, cc_bytes text);
void cc_request_set_bool(cc_request_builder *builder, cc_member_id id, bool value);
void cc_request_set_int(cc_request_builder *builder, cc_member_id id, int64_t value);
void cc_request_set_item(cc_request_builder *builder, cc_member_id id, cc_bytes item); /* encoded */
void cc_request_set_names(cc_request_builder *builder, const cc_name_pair *names, size_t count);
/* SearchVector as the list that attribute `name` of `item` is. */
void cc_request_set_vector(cc_request_builder *builder, cc_bytes item, cc_bytes name);
/* The map of a CC_MEMBER_LEGACY; filled with cc_legacy_add. */
int cc_legacy_map_of(cc_member_id id);
/* One of AttributesToGet, of the request or (`table` not NULL) of a table of a batch. */
CC_MUST_CHECK cc_status cc_request_add_attribute(cc_request_builder *builder, cc_batch_table *table,
                                                 cc_bytes name, cc_error *error);
CC_MUST_CHECK cc_status cc_request_add_table(cc_request_builder *builder, cc_bytes name,
                                             cc_batch_table **table_out, cc_error *error);
/* One entry of the table added last. */
CC_MUST_CHECK cc_status cc_request_add_entry(cc_request_builder *builder, bool is_delete, cc_bytes item,
                                             cc_error *error);
/* What "Put", "Update", "Delete", "ConditionCheck" or "Get" is in a transaction; NONE: unknown. */
cc_verb cc_action_verb(cc_verb transaction, cc_bytes name);
const cc_member *cc_action_member_find(cc_verb action, cc_bytes name);
/* Starts the next action; its members are set on the builder it gives. */
CC_MUST_CHECK cc_status cc_request_add_action(cc_request_builder *builder, cc_verb action,
                                              cc_request_builder **action_out, cc_error *error);
/* The end of one element of TransactItems, in which `count` actions stood. */
void cc_request_end_action(cc_request_builder *builder, size_t count);
/* Of cc_request_finish: every action, and the tables they name. */
CC_MUST_CHECK cc_status cc_request_finish_actions(cc_request_builder *builder, cc_error *error);

/* ---- PartiQL ---- */
CC_MUST_CHECK cc_status cc_request_add_parameter(cc_request_builder *builder, cc_value value,
                                                 cc_error *error);
/* Starts the next element of Statements or TransactStatements. */
CC_MUST_CHECK cc_status cc_request_add_statement(cc_request_builder *builder,
                                                 cc_request_builder **statement_out, cc_error *error);
/* A member of such an element. */
const cc_member *cc_statement_member_find(cc_verb verb, cc_bytes name);
/* Of cc_request_finish: every element. */
CC_MUST_CHECK cc_status cc_request_finish_statements(cc_request_builder *builder, cc_error *error);

CC_MUST_CHECK cc_status cc_request_finish(cc_request_builder *builder, cc_request *request_out,
                                          cc_error *error);

#endif
