/* legacy.h: the parameters that came before expressions, turned into expressions.
 *
 * Expected, AttributeUpdates, KeyConditions, QueryFilter, ScanFilter, AttributesToGet and ConditionalOperator are
 * checked in their own words, then written as expression text over aliases of their own. From there on a
 * request is one with expressions: the same programs, cached by the same texts. */
#ifndef CC_TABLE_LEGACY_H
#define CC_TABLE_LEGACY_H

#include "table/index.h"
#include "table/table.h"

/* One attribute of one of the maps. */
typedef struct {
    cc_bytes name;
    cc_bytes op; /* ComparisonOperator, or Action; data NULL: absent */
    cc_value value;
    cc_value *list; /* AttributeValueList */
    uint32_t list_count, list_capacity;
    bool has_value, has_list, has_exists, exists;
} cc_legacy_entry;

typedef struct {
    cc_legacy_entry *entries;
    size_t count, capacity;
} cc_legacy_map;

enum {
    CC_LEGACY_EXPECTED,
    CC_LEGACY_UPDATES,
    CC_LEGACY_KEYS,
    CC_LEGACY_QUERY_FILTER,
    CC_LEGACY_SCAN_FILTER,
    CC_LEGACY_MAPS
};

struct cc_request_builder;

/* Both fail for want of memory only. */
CC_MUST_CHECK cc_status cc_legacy_add(struct cc_request_builder *builder, int map, cc_bytes name,
                                      cc_legacy_entry **entry_out, cc_error *error);
CC_MUST_CHECK cc_status cc_legacy_add_value(struct cc_request_builder *builder, cc_legacy_entry *entry,
                                            cc_value value, cc_error *error);

/* Checks of cc_request_finish: enums and nulls are the caller's (cc_legacy_bad_enum), these come after. */
CC_MUST_CHECK cc_status cc_legacy_check(const struct cc_request_builder *builder, cc_error *error);
/* Comparison operators and actions that do not exist: false when all do, else the first with its place
 * ("expected.a.member.comparisonOperator") and the rule it breaks; value data NULL: null. */
bool cc_legacy_bad_enum(const struct cc_request_builder *builder, cc_bytes *value_out, char *at,
                        size_t at_size, const char **rule_out);
/* Writes the texts, names and values into the request that is being built. */
CC_MUST_CHECK cc_status cc_legacy_translate(struct cc_request_builder *builder, cc_error *error);
/* A projection of top-level attributes: "#a, #b" and its names. */
CC_MUST_CHECK cc_status cc_legacy_projection(cc_arena *arena, const cc_bytes *attributes, size_t count,
                                             cc_bytes *text_out, cc_name_pair *names_out, cc_error *error);

#endif
