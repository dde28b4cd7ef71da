/* internal.h: what the files of this room share: streams, runs, statistics, the tree of columns. */
#ifndef CC_ORC_INTERNAL_H
#define CC_ORC_INTERNAL_H

#include "base/dictionary.h"
#include "base/little.h"
#include "orc/orc.h"
#include "orc/proto.h"

/* The numbers are the format's. */
typedef enum {
    ORC_BOOLEAN = 0,
    ORC_BYTE = 1,
    ORC_SHORT = 2,
    ORC_INT = 3,
    ORC_LONG = 4,
    ORC_FLOAT = 5,
    ORC_DOUBLE = 6,
    ORC_STRING = 7,
    ORC_BINARY = 8,
    ORC_TIMESTAMP = 9,
    ORC_LIST = 10,
    ORC_MAP = 11,
    ORC_STRUCT = 12,
    ORC_DECIMAL = 14,
    ORC_DATE = 15,
    ORC_INSTANT = 18
} orc_kind;

typedef enum {
    STREAM_PRESENT = 0,
    STREAM_DATA = 1,
    STREAM_LENGTH = 2,
    STREAM_WORDS = 3,
    STREAM_SECOND = 5,
    STREAM_INDEX = 6,
    STREAM_BLOOM = 8
} stream_kind;

enum { ORC_STEP = 1024 }; /* values that are encoded at a time */

/* ---- stream.c: bytes in compressed chunks ---- */
typedef struct {
    cc_buffer chunks; /* compressed; without a codec nothing */
    cc_buffer block;  /* not yet compressed; without a codec the whole stream */
    cc_buffer
        marks; /* u64 pairs, of each group of rows: where its chunk begins, bytes of it in front of the group */
    uint64_t raw; /* bytes that left `block` */
} orc_stream;

/* Room for `size` more bytes behind the block, which the caller fills, counts and settles. */
CC_MUST_CHECK cc_status cc_orc_stream_room(orc_stream *stream, size_t size, cc_error *error);
/* Compresses what fills chunks. */
CC_MUST_CHECK cc_status cc_orc_stream_settle(orc_stream *stream, const cc_orc_options *options,
                                             cc_error *error);
CC_MUST_CHECK cc_status cc_orc_stream_write(orc_stream *stream, const void *data, size_t size,
                                            const cc_orc_options *options, cc_error *error);
CC_MUST_CHECK cc_status cc_orc_stream_end(orc_stream *stream, const cc_orc_options *options, cc_error *error);
/* A group of rows begins here. */
CC_MUST_CHECK cc_status cc_orc_stream_mark(orc_stream *stream, cc_error *error);
static inline cc_bytes cc_orc_stream_bytes(const orc_stream *stream, const cc_orc_options *options) {
    return cc_buffer_bytes(options->codec == 0 ? &stream->block : &stream->chunks);
}
void cc_orc_stream_clear(orc_stream *stream);
void cc_orc_stream_free(orc_stream *stream);
/* All of `data` as a stream of its own, appended to `out`. */
CC_MUST_CHECK cc_status cc_orc_compressed(cc_bytes data, const cc_orc_options *options, cc_buffer *out,
                                          cc_error *error);

/* ---- bits.c: booleans, and bytes in runs ---- */
typedef struct {
    cc_buffer bits; /* the first in the highest bit; while no zero came, none */
    uint64_t count, zeros;
    cc_buffer marks; /* u64, the count at the begin of each group of rows */
} orc_bits;

CC_MUST_CHECK cc_status cc_orc_bits_ones(orc_bits *bits, size_t count);
/* Room for `count` more, which cc_orc_bit then takes. */
CC_MUST_CHECK cc_status cc_orc_bits_room(orc_bits *bits, size_t count);
static inline void cc_orc_bit(orc_bits *bits, bool bit) {
    if ((bits->count & 7) == 0)
        bits->bits.data[bits->bits.size++] = 0;
    bits->bits.data[bits->bits.size - 1] |= (uint8_t)(bit << (7 - (bits->count & 7)));
    bits->count++;
    bits->zeros += !bit;
}
/* All of them into a stream, which gets the marks of the groups. */
CC_MUST_CHECK cc_status cc_orc_bits_end(orc_bits *bits, orc_stream *stream, const cc_orc_options *options,
                                        cc_error *error);
/* At most ORC_STEP bytes as runs. */
CC_MUST_CHECK cc_status cc_orc_write_bytes(orc_stream *stream, const uint8_t *bytes, size_t count,
                                           const cc_orc_options *options, cc_error *error);

/* ---- integers.c: runs of integers ---- */
/* At most ORC_STEP values. */
CC_MUST_CHECK cc_status cc_orc_write_integers(orc_stream *stream, const int64_t *values, size_t count,
                                              bool is_signed, const cc_orc_options *options, cc_error *error);
static inline uint64_t cc_orc_zigzag(int64_t value) { return (uint64_t)value << 1 ^ (uint64_t)(value >> 63); }
static inline uint8_t *cc_orc_put_varint(uint8_t *to, uint64_t value) {
    for (; value >= 0x80; value >>= 7)
        *to++ = (uint8_t)(value | 0x80);
    *to++ = (uint8_t)value;
    return to;
}

/* ---- statistics.c ---- */
typedef struct {
    uint64_t count; /* values */
    bool nulls, any, overflow;
    __int128 least, most; /* integers, days, milliseconds, lengths of lists and maps, digits of decimals */
    __int128 sum;         /* of the same; true values; bytes of texts */
    double least_real, most_real, sum_real;
    cc_buffer least_text, most_text;
} orc_statistics;

/* Adds to the sum, which tells when it was too large once. */
static inline void cc_orc_sum(orc_statistics *into, __int128 more) {
    __int128 sum = (__int128)((unsigned __int128)into->sum + (unsigned __int128)more);
    into->overflow = into->overflow || ((into->sum < 0) == (more < 0) && (sum < 0) != (more < 0));
    into->sum = sum;
}

typedef struct orc_column orc_column;
void cc_orc_count_integers(orc_statistics *into, const int64_t *values, size_t count);
void cc_orc_count_reals(orc_statistics *into, const double *values, size_t count);
CC_MUST_CHECK cc_status cc_orc_count_texts(orc_statistics *into, const cc_bytes *texts, size_t count);
CC_MUST_CHECK cc_status cc_orc_statistics_merge(orc_statistics *into, const orc_statistics *from);
/* The fields of a ColumnStatistics. */
void cc_orc_statistics_write(const orc_statistics *of, const orc_column *column, cc_proto *proto);
void cc_orc_statistics_clear(orc_statistics *statistics);
void cc_orc_statistics_free(orc_statistics *statistics);
/* "-12.50": room for 41 characters and the end; `trim` leaves zeros behind the point away. */
void cc_orc_decimal_text(__int128 digits, int scale, bool trim, char *text_out);

/* ---- bloom.c ---- */
CC_MUST_CHECK cc_status cc_orc_bloom_integers(cc_buffer *hashes, const int64_t *values, size_t count);
CC_MUST_CHECK cc_status cc_orc_bloom_reals(cc_buffer *hashes, const double *values, size_t count);
CC_MUST_CHECK cc_status cc_orc_bloom_text(cc_buffer *hashes, cc_bytes text);
/* A filter of the hashes, which are gone then; appended to a BloomFilterIndex. */
CC_MUST_CHECK cc_status cc_orc_bloom_end(cc_buffer *hashes, double probability, cc_buffer *index);

/* ---- column.c ---- */
/* Some rows of an array: those of `index`, or without one those from `first` on. */
typedef struct {
    const int32_t *index;
    int64_t first;
    size_t count;
} orc_rows;
static inline int64_t cc_orc_row(const orc_rows *rows, size_t at) {
    return rows->index != NULL ? rows->index[at] : rows->first + (int64_t)at;
}

struct orc_column {
    orc_kind kind;
    uint32_t id;
    char *name;
    char unit; /* of a timestamp: s m u n */
    int precision, scale;
    bool bloom;
    orc_column **children; /* of a map: key and value */
    uint32_t child_count;
    /* the stripe in hand */
    orc_bits present, truths;
    orc_stream present_stream, data, length, second, words;
    cc_dictionary dictionary;
    cc_buffer indices, index_marks; /* u32 a value; u64 a group: values in front of it */
    bool in_dictionary;
    cc_buffer entries; /* of each group of rows: u32 size and its ColumnStatistics */
    cc_buffer hashes, filters;
    orc_statistics group, stripe, file;
    cc_buffer chosen, elements; /* scratch: rows of the array, of the child's */
};

CC_MUST_CHECK cc_status cc_orc_column_append(orc_column *column, const struct ArrowArray *array,
                                             orc_rows rows, const cc_orc_options *options, cc_error *error);
CC_MUST_CHECK cc_status cc_orc_lengths(orc_column *column, const int32_t *offsets, const orc_rows *rows,
                                       const cc_orc_options *options, cc_error *error);
void cc_orc_column_clear(orc_column *column);
void cc_orc_column_free(orc_column *column);

/* ---- values.c: values of the leaves but texts; no row is null ---- */
CC_MUST_CHECK cc_status cc_orc_values_append(orc_column *column, const struct ArrowArray *array,
                                             const orc_rows *rows, const cc_orc_options *options,
                                             cc_error *error);

/* ---- texts.c ---- */
CC_MUST_CHECK cc_status cc_orc_texts_append(orc_column *column, const struct ArrowArray *array,
                                            const orc_rows *rows, const cc_orc_options *options,
                                            cc_error *error);
/* Writes what was indexed, with the dictionary where that is in the threshold. */
CC_MUST_CHECK cc_status cc_orc_texts_end(orc_column *column, const cc_orc_options *options, cc_error *error);

/* ---- schema.c ---- */
/* The columns of a schema, in the order of their ids; `columns_out` has room for cc_orc_schema_count of them. */
CC_MUST_CHECK cc_status cc_orc_schema_open(const struct ArrowSchema *schema, int depth,
                                           orc_column *columns_out, uint32_t *count, cc_error *error);
size_t cc_orc_schema_count(const struct ArrowSchema *schema);
/* The Types of a footer. */
void cc_orc_schema_write(const orc_column *columns, size_t count, cc_proto *proto);

/* ---- stripe.c ---- */
struct cc_orc {
    cc_orc_options options;
    orc_column *columns; /* the root first */
    size_t column_count;
    uint64_t offset; /* bytes of the file so far */
    uint64_t rows, stripe_rows;
    uint32_t group_rows;
    cc_buffer stripes, metadata; /* StripeInformations of the footer, StripeStatistics */
    cc_buffer scratch;
};

CC_MUST_CHECK cc_status cc_orc_group_begin(cc_orc *orc, cc_error *error);
CC_MUST_CHECK cc_status cc_orc_group_end(cc_orc *orc, cc_error *error);
/* The stripe in hand, which has rows. */
CC_MUST_CHECK cc_status cc_orc_stripe_write(cc_orc *orc, cc_buffer *out, cc_error *error);

static inline cc_status cc_orc_no_memory(cc_error *error) {
    return cc_fail(error, CC_ERR_NOMEM, "no memory for a file");
}
static inline cc_status cc_orc_memory(cc_status status, cc_error *error) {
    return status == CC_OK ? CC_OK : cc_orc_no_memory(error);
}

#endif
