/* internal.h: what the files of this room share: the tree of the schema, levels, dictionaries, column chunks. */
#ifndef CC_PARQUET_INTERNAL_H
#define CC_PARQUET_INTERNAL_H

#include "base/dictionary.h"
#include "parquet/parquet.h"
#include "parquet/thrift.h"

/* How values are stored: the numbers are the format's physical types. */
typedef enum {
    STORED_BOOL = 0,
    STORED_INT32 = 1,
    STORED_INT64 = 2,
    STORED_FLOAT = 4,
    STORED_DOUBLE = 5,
    STORED_BYTES = 6,
    STORED_FIXED = 7
} stored_type;

/* ---- pack.c ---- */
CC_MUST_CHECK cc_status cc_parquet_pack_levels(const uint8_t *levels, size_t count, unsigned width,
                                               cc_buffer *out);
CC_MUST_CHECK cc_status cc_parquet_pack_indices(const uint32_t *indices, size_t count, unsigned width,
                                                cc_buffer *out);
/* One bit a byte, the first in the lowest bit. */
CC_MUST_CHECK cc_status cc_parquet_pack_bits(const uint8_t *bytes, size_t count, cc_buffer *out);
/* Bits that a value up to `most` needs. */
static inline unsigned cc_parquet_width(uint32_t most) {
    return most == 0 ? 0 : 32 - (unsigned)__builtin_clz(most);
}

/* ---- levels.c: what a batch has in one leaf ---- */
typedef struct node node;
struct node {
    enum { NODE_LEAF, NODE_STRUCT, NODE_LIST, NODE_MAP } kind;
    char *name;
    bool nullable;
    uint32_t child_count;
    node *children; /* of a map: its entries, a struct of key and value */
    /* leaves */
    stored_type stored;
    char letter;         /* of its Arrow format: how values are read */
    unsigned width;      /* bytes of a stored value; 0: texts */
    unsigned read_width; /* bytes of a value in Arrow */
    int64_t factor;      /* times which timestamps of seconds are stored */
    int converted;       /* ConvertedType, -1: none */
    int precision, scale;
    bool utc;
    char unit; /* of a timestamp: m u n */
};

typedef struct {
    bool dense; /* entry i stands for value first + i of the array, its level is `level`; no list above it */
    bool repeated;
    int64_t first;
    size_t count; /* entries */
    uint8_t level;
    cc_buffer index, definition, repetition;                /* not dense: int32 (-1: nothing there), u8, u8 */
    cc_buffer next_index, next_definition, next_repetition; /* scratch of a list */
    size_t value_count;                                     /* entries with a value */
} cc_parquet_levels;

enum { CC_PARQUET_STEPS = 66 }; /* from the root to a leaf: the depth of a schema is bounded */
/* One step from the root to a leaf: the node, and its array's place among its parent's children. */
typedef struct {
    const node *at;
    uint32_t child;
} step;

/* Walks from a batch to a leaf. Then `index` (not dense) holds the places of the values alone. */
CC_MUST_CHECK cc_status cc_parquet_levels_of(const step *path, size_t steps, const struct ArrowArray *batch,
                                             cc_parquet_levels *levels, const struct ArrowArray **leaf_out,
                                             cc_error *error);
void cc_parquet_levels_free(cc_parquet_levels *levels);

/* ---- column.c: the column chunk in hand ---- */
typedef struct {
    bool any;
    cc_buffer least, most; /* stored form */
} statistics;

typedef struct {
    const cc_parquet_options *options;
    const node *leaf;
    step path[CC_PARQUET_STEPS];
    size_t steps;
    uint8_t max_definition, max_repetition;
    /* the page in hand */
    cc_buffer definition, repetition; /* u8 an entry */
    cc_buffer values;                 /* PLAIN (booleans: a byte each), or u32 indices while in_dictionary */
    size_t entries, rows, present;
    /* the chunk */
    cc_buffer pages; /* finished, compressed, with their headers */
    bool in_dictionary;
    cc_dictionary dictionary;
    uint32_t dictionary_pages, plain_pages;
    uint64_t entry_count, null_count, raw_bytes; /* raw: headers and pages before compression */
    uint64_t seen;                               /* values that went through the dictionary */
    statistics range;
} cc_parquet_column;

typedef struct {
    cc_parquet_levels levels;
    cc_buffer gathered; /* values of a leaf end to end */
    cc_buffer body, packed;
} cc_parquet_scratch;

CC_MUST_CHECK cc_status cc_parquet_column_append(cc_parquet_column *column, const struct ArrowArray *batch,
                                                 cc_parquet_scratch *scratch, cc_error *error);
/* The last page and the dictionary page; the chunk's bytes are appended to `out`, its ColumnChunk to `thrift`. */
CC_MUST_CHECK cc_status cc_parquet_column_end(cc_parquet_column *column, uint64_t offset,
                                              cc_parquet_scratch *scratch, cc_buffer *out, cc_thrift *thrift,
                                              uint64_t *raw_out, cc_error *error);
void cc_parquet_column_start(cc_parquet_column *column);
void cc_parquet_column_free(cc_parquet_column *column);

/* ---- page.c ---- */
/* Ends the page in hand, if it has entries. */
CC_MUST_CHECK cc_status cc_parquet_page_end(cc_parquet_column *column, cc_parquet_scratch *scratch,
                                            cc_error *error);
CC_MUST_CHECK cc_status cc_parquet_dictionary_page(cc_parquet_column *column, cc_parquet_scratch *scratch,
                                                   cc_buffer *out, cc_error *error);

/* ---- range.c: minimum and maximum ---- */
CC_MUST_CHECK cc_status cc_parquet_range_fixed(statistics *range, const node *leaf, const uint8_t *values,
                                               size_t count);
/* Of `count` texts in PLAIN encoding. */
CC_MUST_CHECK cc_status cc_parquet_range_texts(statistics *range, const uint8_t *plain, size_t count);

/* ---- schema.c ---- */
CC_MUST_CHECK cc_status cc_parquet_node_open(const struct ArrowSchema *schema, int depth, node *out,
                                             cc_error *error);
void cc_parquet_node_free(node *at);
/* The elements of the tree; the count of those below and at `at`. */
size_t cc_parquet_schema_count(const node *at);
void cc_parquet_schema_write(const node *root, cc_thrift *thrift);
/* The names from below the root to a leaf, as the schema has them; at most `most`, or only counted. */
size_t cc_parquet_path(const step *path, size_t steps, cc_bytes *names_out);

#endif
