/* orc.h: Arrow record batches to an ORC file, column by column, in bounded memory.
 *
 *   file     "ORC" | stripe.. | metadata | footer | postscript | u8 its size
 *   stripe   row indexes, bloom filters | streams of the columns | stripe footer
 *   stream   chunk..    u24 size << 1 | stored as it is, then at most `block_bytes` before compression
 *
 * A batch is encoded when it is appended: what a writer holds is the compressed streams of one stripe, a chunk a
 * stream, the bits of booleans and nulls, and, where dictionaries are tried, the distinct texts and an index a value.
 * A run of integers ends with its group of rows, so that a group begins at the start of a run. The same batches give
 * the same bytes.
 *
 * Types: those of ingest/columns.h. Every group of rows, stripe and the file have statistics; no padding between
 * stripes, no patched runs, no encryption.
 * Thread rule: one thread at a time per handle; no globals.
 * Source: https://orc.apache.org/specification/ORCv1/ */
#ifndef CC_ORC_ORC_H
#define CC_ORC_ORC_H

#include "base/arrow.h"
#include "base/bytes.h"

typedef struct cc_orc cc_orc;

/* Appends the compressed form of a block to `out`. */
typedef cc_status (*cc_orc_compress)(void *context, cc_bytes block, cc_buffer *out, cc_error *error);

typedef struct {
    int codec;                /* its number in the format: 0 none, 1 ZLIB (raw deflate), 2 Snappy */
    cc_orc_compress compress; /* of that codec; not called for 0 */
    void *context;
    bool v11;           /* file version 0.11: runs of version 1 */
    size_t block_bytes; /* of a chunk before compression, at most 4 MiB */
    uint32_t stride;    /* rows of a group, at least 1 */
    double
        dictionary_threshold; /* texts have a dictionary where at most this share of them is distinct; 0: never */
    const uint32_t
        *bloom_fields; /* fields of the schema whose values go into bloom filters, but booleans and trees */
    size_t bloom_count;
    double bloom_probability; /* of a value that is not there to be found, above 0 and below 1 */
    uint64_t seed;            /* of hashes in memory: no byte of the file depends on it */
} cc_orc_options;

/* `options` is copied. CC_ERR_UNSUPPORTED names a type that the list above lacks, or a struct without fields;
 * CC_ERR_ARGUMENT an option out of its range. */
CC_MUST_CHECK cc_status cc_orc_open(const struct ArrowSchema *schema, const cc_orc_options *options,
                                    cc_orc **orc_out, cc_error *error);
void cc_orc_close(cc_orc *orc);
/* Encodes a batch (a struct array of the schema; borrowed) into the stripe in hand. CC_ERR_ARGUMENT: a time of the
 * last second before 1970 that has milliseconds, which ORC cannot hold; CC_ERR_LIMIT: 4 GiB of distinct texts in one
 * stripe. After an error the handle is good for closing alone. */
CC_MUST_CHECK cc_status cc_orc_append(cc_orc *orc, const struct ArrowArray *batch, cc_error *error);
/* Bytes of the stripe in hand before compression. */
uint64_t cc_orc_stripe_bytes(const cc_orc *orc);
/* Ends the stripe in hand, if it has rows, and appends it to `out`: the next bytes of the file. */
CC_MUST_CHECK cc_status cc_orc_end_stripe(cc_orc *orc, cc_buffer *out, cc_error *error);
/* Ends the file: the last stripe, metadata, footer and postscript. */
CC_MUST_CHECK cc_status cc_orc_finish(cc_orc *orc, cc_buffer *out, cc_error *error);

#endif
