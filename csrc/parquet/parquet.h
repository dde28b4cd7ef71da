/* parquet.h: Arrow record batches to a Parquet file, column by column, in bounded memory.
 *
 *   file          "PAR1" | row group.. | footer (thrift) | u32 its size | "PAR1"
 *   row group     column chunk..            one for each leaf of the schema
 *   column chunk  [dictionary page] page..
 *
 * A batch is encoded when it is appended: what a writer holds is the compressed pages of one row group, a page a
 * column, and the footer. Values are dictionary-encoded while that pays (dictionary.c), else PLAIN; levels, indices
 * and nothing else are RLE or bit-packed (pack.c). The same batches give the same bytes.
 *
 * Types: those of ingest/columns.h. Column chunks have minimum, maximum and the count of nulls; they hold no page
 * index, no bloom filter and no page checksum.
 * Thread rule: one thread at a time per handle; no globals.
 * Source: https://parquet.apache.org/docs/file-format/, parquet-format 2.11. */
#ifndef CC_PARQUET_PARQUET_H
#define CC_PARQUET_PARQUET_H

#include "base/arrow.h"
#include "base/bytes.h"

typedef struct cc_parquet cc_parquet;

/* Appends the compressed form of a page to `out`. */
typedef cc_status (*cc_parquet_compress)(void *context, cc_bytes page, cc_buffer *out, cc_error *error);

typedef struct {
    int codec;                    /* its number in the format: 0 none, 1 Snappy, 2 GZIP, 6 Zstandard */
    cc_parquet_compress compress; /* of that codec; not called for 0 */
    void *context;
    bool dictionary;         /* whether dictionaries are tried */
    bool v2;                 /* data pages of version 2 */
    size_t page_bytes;       /* a data page is ended when its values take about as much before compression */
    size_t dictionary_bytes; /* a dictionary that grows larger is given up */
    uint64_t seed;           /* of hashes in memory: no byte of the file depends on it */
} cc_parquet_options;

/* CC_ERR_UNSUPPORTED names a type that the list above lacks, or a struct without fields. */
CC_MUST_CHECK cc_status cc_parquet_open(const struct ArrowSchema *schema, const cc_parquet_options *options,
                                        cc_parquet **parquet_out, cc_error *error);
void cc_parquet_close(cc_parquet *parquet);
/* Encodes a batch (a struct array of the schema; borrowed) into the row group in hand. CC_ERR_ARGUMENT: a null
 * where the schema allows none, a time that milliseconds cannot hold. After an error the handle is good for closing alone. */
CC_MUST_CHECK cc_status cc_parquet_append(cc_parquet *parquet, const struct ArrowArray *batch,
                                          cc_error *error);
/* Bytes of the row group in hand, encoded but not compressed. */
uint64_t cc_parquet_group_bytes(const cc_parquet *parquet);
/* Ends the row group in hand, if it has rows, and appends it to `out`: the next bytes of the file. */
CC_MUST_CHECK cc_status cc_parquet_end_group(cc_parquet *parquet, cc_buffer *out, cc_error *error);
/* Ends the file: the last row group and the footer, with one pair of metadata (none when the key is empty). */
CC_MUST_CHECK cc_status cc_parquet_finish(cc_parquet *parquet, cc_bytes key, cc_bytes value, cc_buffer *out,
                                          cc_error *error);

#endif
