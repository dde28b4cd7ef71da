/* infer.h: what columns would hold a set of encoded items: a tree of the types that were seen.
 *
 * Every value is looked at once. A node stands for an attribute (or the elements of a list, or of a set): which
 * of DynamoDB's types it had, how wide its numbers are, and the attributes of its maps, sorted as an item's
 * are, so that an item is merged into the tree in step. Thread rule: one thread at a time. */
#ifndef CC_INGEST_INFER_H
#define CC_INGEST_INFER_H

#include "codec/item.h"

/* Attributes of one map before it is called a dictionary, which no struct holds. */
#define CC_INFER_FIELDS_MAX 1000

typedef struct cc_infer_node cc_infer_node;
struct cc_infer_node {
    cc_bytes name; /* of the attribute; empty: the root, or elements */
    uint32_t hash;
    uint32_t types;      /* bit per cc_type seen */
    bool not_int64;      /* a number is no 64-bit integer */
    bool crowded;        /* a map with too many different attributes in all */
    int whole, fraction; /* most digits in front of and behind the point */
    cc_infer_node **fields;
    uint32_t field_count, field_capacity;
    cc_infer_node *element;
};

typedef struct {
    cc_arena arena; /* owns the tree */
    cc_infer_node root;
} cc_infer;

void cc_infer_init(cc_infer *infer);
void cc_infer_free(cc_infer *infer);
CC_MUST_CHECK cc_status cc_infer_item(cc_infer *infer, cc_bytes item, cc_error *error);

/* How numbers become columns: EXACT int64, else decimal128, else double; FLOAT int64, else double; DECIMAL
 * decimal128, else double. */
typedef enum { CC_NUMBERS_EXACT, CC_NUMBERS_FLOAT, CC_NUMBERS_DECIMAL } cc_numbers;
/* The Arrow format of a node's column: "u", "z", "b", "l", "g", "d:P,S", "+l", "+s"; or "json": text that
 * holds JSON, for maps and lists when `documents_as_json`, and always for mixed types and crowded or empty maps. */
void cc_infer_format(const cc_infer_node *node, cc_numbers numbers, bool documents_as_json, char out[16]);

#endif
