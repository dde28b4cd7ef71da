/* index.h: secondary indexes of a table: their schemas, keys, projections and costs.
 *
 * The order of an index is one of the store's (store/index.h); its entries point at the items of the table,
 * so a projection is applied when an item is read and nothing is stored twice.
 *
 * Keys: a partition of one attribute is that of a table (type byte, bytes); of several, each part is type
 * byte and body. `sort` is the bodies of the range attributes, then the table key: for a global index its
 * partition's body and its sort bytes, for a local one the sort bytes alone. A body orders by memcmp and
 * ends itself: numbers as they are (number.h), S and B with 00 written as 00 FF and 00 00 at the end. */
#ifndef CC_TABLE_INDEX_H
#define CC_TABLE_INDEX_H

#include "codec/key.h"
#include "store/feed.h"
#include "store/index.h"

enum { CC_INDEX_KEYS_MAX = 4 };

typedef enum { CC_PROJECT_ALL, CC_PROJECT_KEYS_ONLY, CC_PROJECT_INCLUDE } cc_projection_kind;

typedef struct {
    cc_bytes name;
    cc_type type; /* S, N or B */
} cc_key_attribute;

/* The key attributes of a table or of an index, hash ones first. */
typedef struct {
    cc_key_attribute hash[CC_INDEX_KEYS_MAX], range[CC_INDEX_KEYS_MAX];
    uint32_t hash_count, range_count;
} cc_key_shape;

typedef struct cc_bucket cc_bucket; /* throttle.h */
typedef struct cc_buckets cc_buckets;

typedef struct {
    cc_bytes name;
    bool global;
    cc_buckets *buckets; /* of a global one */
    cc_projection_kind projection;
    cc_key_shape keys;
    const cc_key_schema *table;
    cc_bytes *key_names; /* of the index, then those of the table, each once: a LastEvaluatedKey */
    size_t key_name_count;
    cc_bytes *projected; /* key_names, then NonKeyAttributes; unless ALL */
    size_t projected_count;
    cc_space *entries; /* NULL until the table is open */
} cc_table_index;

/* A vector index; see vectors.h. */
typedef struct cc_vector_index cc_vector_index;

/* A table's parsed description; hangs on its space. A cc_key_schema given by cc_table_find is the first
 * member of one. */
typedef struct {
    cc_key_schema key;
    cc_key_shape shape;
    cc_table_index *indexes;
    size_t index_count;
    cc_vector_index *vectors;
    size_t vector_count;
    cc_buckets *buckets;
    cc_feed_kind feed;
    bool loading;   /* nobody may see it yet: cc_table_find does not find it */
    cc_arena arena; /* all of the above but this struct */
} cc_table_schema;

/* Reads KeySchema, AttributeDefinitions, capacities, the three lists of indexes, Feed and Loading of a description (JSON). Feed
 * and Loading are the service's own: Feed, "KEYS" or "IMAGES", is what followers of the table are told
 * (store/feed.h); Loading is true while a restore or an import fills the table. */
CC_MUST_CHECK cc_status cc_schema_parse(cc_bytes description_json, cc_table_schema **schema_out,
                                        cc_error *error);
void cc_schema_free(void *schema);
const cc_table_index *cc_table_index_find(const cc_table_schema *schema, cc_bytes name);

/* A cc_index_make; `definition` is the cc_table_index. */
cc_status cc_table_index_make(const void *definition, cc_key table_key, cc_bytes item, cc_buffer *scratch,
                              cc_index_image *image_out, bool *present_out);
/* One key body, appended: without its end, all longer values that begin with it follow it. */
CC_MUST_CHECK cc_status cc_index_body(cc_value value, bool with_end, cc_buffer *out);
/* The partition of key values, in the order of keys.hash. */
CC_MUST_CHECK cc_status cc_index_partition(const cc_key_shape *keys, const cc_value *values, cc_buffer *out);

/* DynamoDB's size of what the index holds of an item. */
size_t cc_table_index_size(const cc_table_index *index, cc_bytes item);
/* Whether a projection shows the attribute `name`; `names` are its list unless it is ALL. */
bool cc_projection_has(cc_projection_kind kind, const cc_bytes *names, size_t count, cc_bytes name);
bool cc_table_index_projects(const cc_table_index *index, cc_bytes name);
/* The projected attributes of an item, appended as an item. */
CC_MUST_CHECK cc_status cc_table_index_project(const cc_table_index *index, cc_bytes item, cc_arena *arena,
                                               cc_buffer *out, cc_error *error);
/* Refuses index key attributes of the wrong type, empty or too long, in AWS's words; attributes equal to
 * those of `old` (size 0: none) pass, since an index may have come after them. */
CC_MUST_CHECK cc_status cc_table_index_check(const cc_table_schema *schema, cc_bytes item, cc_bytes old,
                                             cc_error *error);
/* Write units of one index when `old` becomes `item` (size 0: absent). */
double cc_table_index_write_units(const cc_table_index *index, cc_bytes old, cc_bytes item);

#endif
