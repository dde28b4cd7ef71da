/* key.h: primary keys of a table as the store wants them.
 *
 * partition: S and B raw bytes, N its number encoding, one leading type byte (so types never mix).
 * sort: S and B raw bytes, N its number encoding; memcmp order is DynamoDB's order (UTF-8 bytes for
 * S, unsigned bytes for B, numeric for N). Empty when the table has no sort key. */
#ifndef CC_CODEC_KEY_H
#define CC_CODEC_KEY_H

#include "codec/item.h"

#define CC_KEY_PARTITION_MAX 2048
#define CC_KEY_SORT_MAX 1024

typedef struct {
    cc_bytes partition_name;
    cc_type partition_type; /* S, N or B */
    cc_bytes sort_name;     /* size 0: no sort key */
    cc_type sort_type;
} cc_key_schema;

typedef struct {
    cc_bytes partition;
    cc_bytes sort;
} cc_key;

/* The key of an item; attributes beyond the key are allowed. Borrowed from `item` and `arena`.
 * CC_ERR_VALIDATION in AWS's words: missing, wrong type, empty, over 2048 / 1024 bytes. */
CC_MUST_CHECK cc_status cc_key_from_item(const cc_key_schema *schema, cc_bytes item, cc_arena *arena,
                                         cc_key *key_out, cc_error *error);
/* As cc_key_from_item, for a Key or ExclusiveStartKey argument: exactly the key attributes
 * ("The provided key element does not match the schema"). */
CC_MUST_CHECK cc_status cc_key_from_key_item(const cc_key_schema *schema, cc_bytes key_item, cc_arena *arena,
                                             cc_key *key_out, cc_error *error);
/* Whether a stored key has the form that cc_key_from_item gives to keys of this schema. */
bool cc_key_fits(const cc_key_schema *schema, cc_key key);
/* Whether a key that fits is the one of an item. */
bool cc_key_is_of(const cc_key_schema *schema, cc_key key, cc_bytes item);
/* One key value (partition when is_sort false) from an S, N or B value. */
CC_MUST_CHECK cc_status cc_key_part(cc_type want, bool is_sort, cc_value value, cc_arena *arena,
                                    cc_bytes *part_out, cc_error *error);

#endif
