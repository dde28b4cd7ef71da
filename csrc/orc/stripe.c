/* stripe.c: groups of rows begin and end, and a stripe of them goes out.
 *
 *   stripe      ROW_INDEX of each column, BLOOM_FILTER_UTF8 of those that have one | PRESENT, DATA, .. of each column | footer
 *   row index   for each group: positions of its streams, statistics
 *   position    [with a codec: where the chunk begins] bytes in front | runs: 0 values of the run | bits: bits of the byte
 *
 * The positions of a group are those of its column's streams in the order of the table in streams_of; a stream that a
 * stripe leaves out, as PRESENT without a null, has none. */
#include "orc/internal.h"

enum { STREAMS_MOST = 4 };

typedef struct {
    stream_kind kind;
    orc_stream *stream;
    bool indexed;         /* has positions */
    bool runs;            /* of integers or bytes */
    const orc_bits *bits; /* of booleans */
} stream_of;

/* ---- groups ---- */

static cc_status mark_bits(orc_bits *bits, cc_error *error) {
    return cc_orc_memory(cc_buffer_append(&bits->marks, &bits->count, 8), error);
}

cc_status cc_orc_group_begin(cc_orc *orc, cc_error *error) {
    for (size_t i = 0; i < orc->column_count; i++) {
        orc_column *at = &orc->columns[i];
        CC_TRY(mark_bits(&at->present, error));
        if (at->kind == ORC_BOOLEAN)
            CC_TRY(mark_bits(&at->truths, error));
        if (at->in_dictionary) {
            uint64_t values = at->indices.size / 4;
            if (cc_buffer_append(&at->index_marks, &values, 8) != CC_OK)
                return cc_orc_no_memory(error);
            continue;
        }
        if (at->kind != ORC_BOOLEAN)
            CC_TRY(cc_orc_stream_mark(&at->data, error));
        CC_TRY(cc_orc_stream_mark(&at->length, error));
        CC_TRY(cc_orc_stream_mark(&at->second, error));
    }
    return CC_OK;
}

static cc_status end_group_of(orc_column *at, const cc_orc_options *options, cc_buffer *scratch) {
    cc_buffer_clear(scratch);
    cc_proto proto = cc_proto_begin(scratch);
    cc_orc_statistics_write(&at->group, at, &proto);
    CC_TRY(proto.status);
    uint32_t size = (uint32_t)scratch->size;
    CC_TRY(cc_buffer_append(&at->entries, &size, 4));
    CC_TRY(cc_buffer_append(&at->entries, scratch->data, size));
    CC_TRY(cc_orc_statistics_merge(&at->stripe, &at->group));
    cc_orc_statistics_clear(&at->group);
    return at->bloom ? cc_orc_bloom_end(&at->hashes, options->bloom_probability, &at->filters) : CC_OK;
}

cc_status cc_orc_group_end(cc_orc *orc, cc_error *error) {
    orc->group_rows = 0;
    for (size_t i = 0; i < orc->column_count; i++)
        if (end_group_of(&orc->columns[i], &orc->options, &orc->scratch) != CC_OK)
            return cc_orc_no_memory(error);
    return CC_OK;
}

/* ---- the streams of a column ---- */

static size_t streams_of(orc_column *at, stream_of *streams) {
    size_t count = 0;
    if (at->present.zeros != 0)
        streams[count++] = (stream_of){STREAM_PRESENT, &at->present_stream, true, true, &at->present};
    switch (at->kind) {
    case ORC_STRUCT:
        break;
    case ORC_BOOLEAN:
        streams[count++] = (stream_of){STREAM_DATA, &at->data, true, true, &at->truths};
        break;
    case ORC_LIST:
    case ORC_MAP:
        streams[count++] = (stream_of){STREAM_LENGTH, &at->length, true, true, NULL};
        break;
    case ORC_FLOAT:
    case ORC_DOUBLE:
        streams[count++] = (stream_of){STREAM_DATA, &at->data, true, false, NULL};
        break;
    case ORC_STRING:
    case ORC_BINARY:
        streams[count++] = (stream_of){STREAM_DATA, &at->data, true, at->in_dictionary, NULL};
        streams[count++] = (stream_of){STREAM_LENGTH, &at->length, !at->in_dictionary, true, NULL};
        if (at->in_dictionary)
            streams[count++] = (stream_of){STREAM_WORDS, &at->words, false, false, NULL};
        break;
    case ORC_DECIMAL:
    case ORC_TIMESTAMP:
    case ORC_INSTANT:
        streams[count++] = (stream_of){STREAM_DATA, &at->data, true, at->kind != ORC_DECIMAL, NULL};
        streams[count++] = (stream_of){STREAM_SECOND, &at->second, true, true, NULL};
        break;
    default:
        streams[count++] = (stream_of){STREAM_DATA, &at->data, true, true, NULL};
    }
    CC_ASSERT(count <= STREAMS_MOST);
    return count;
}

static cc_status end_streams(orc_column *at, const cc_orc_options *options, cc_error *error) {
    stream_of streams[STREAMS_MOST];
    CC_TRY(cc_orc_texts_end(at, options, error));
    size_t count = streams_of(at, streams);
    if (at->present.zeros != 0)
        CC_TRY(cc_orc_bits_end(&at->present, &at->present_stream, options, error));
    if (at->kind == ORC_BOOLEAN)
        CC_TRY(cc_orc_bits_end(&at->truths, &at->data, options, error));
    for (size_t i = 0; i < count; i++)
        CC_TRY(cc_orc_stream_end(streams[i].stream, options, error));
    return CC_OK;
}

/* ---- indexes ---- */

static void write_positions(const stream_of *of, size_t group, const cc_orc_options *options,
                            cc_proto *proto) {
    const uint8_t *mark = of->stream->marks.data + group * 16;
    if (options->codec != 0)
        cc_proto_packed(proto, cc_get_u64(mark));
    cc_proto_packed(proto, cc_get_u64(mark + 8));
    if (of->runs)
        cc_proto_packed(proto, 0);
    if (of->bits != NULL)
        cc_proto_packed(proto, cc_get_u64(of->bits->marks.data + group * 8) & 7);
}

static void write_index(orc_column *at, const cc_orc_options *options, cc_proto *proto) {
    stream_of streams[STREAMS_MOST];
    size_t count = streams_of(at, streams), place = 0;
    for (size_t group = 0; place < at->entries.size; group++) {
        size_t size = cc_get_u32(at->entries.data + place);
        cc_proto_open(proto, 1);
        cc_proto_open(proto, 1);
        for (size_t i = 0; i < count; i++)
            if (streams[i].indexed)
                write_positions(&streams[i], group, options, proto);
        cc_proto_end(proto);
        cc_proto_bytes(proto, 2, cc_bytes_of(at->entries.data + place + 4, size));
        cc_proto_end(proto);
        place += 4 + size;
    }
}

/* A Stream of the stripe's footer. */
static void tell_stream(cc_proto *footer, stream_kind kind, const orc_column *at, uint64_t size) {
    cc_proto_open(footer, 1);
    cc_proto_u64(footer, 1, kind);
    cc_proto_u64(footer, 2, at->id);
    cc_proto_u64(footer, 3, size);
    cc_proto_end(footer);
}

static cc_status write_indexes(cc_orc *orc, cc_buffer *out, cc_proto *footer, cc_error *error) {
    for (size_t i = 0; i < orc->column_count; i++) {
        orc_column *at = &orc->columns[i];
        size_t before = out->size;
        cc_buffer_clear(&orc->scratch);
        cc_proto proto = cc_proto_begin(&orc->scratch);
        write_index(at, &orc->options, &proto);
        CC_TRY(cc_orc_memory(proto.status, error));
        CC_TRY(cc_orc_compressed(cc_buffer_bytes(&orc->scratch), &orc->options, out, error));
        tell_stream(footer, STREAM_INDEX, at, out->size - before);
        if (!at->bloom)
            continue;
        before = out->size;
        CC_TRY(cc_orc_compressed(cc_buffer_bytes(&at->filters), &orc->options, out, error));
        tell_stream(footer, STREAM_BLOOM, at, out->size - before);
    }
    return CC_OK;
}

/* ---- the stripe ---- */

static cc_status write_data(cc_orc *orc, cc_buffer *out, cc_proto *footer, cc_error *error) {
    stream_of streams[STREAMS_MOST];
    for (size_t i = 0; i < orc->column_count; i++) {
        size_t count = streams_of(&orc->columns[i], streams);
        for (size_t k = 0; k < count; k++) {
            cc_bytes bytes = cc_orc_stream_bytes(streams[k].stream, &orc->options);
            if (cc_buffer_append(out, bytes.data, bytes.size) != CC_OK)
                return cc_orc_no_memory(error);
            tell_stream(footer, streams[k].kind, &orc->columns[i], bytes.size);
        }
    }
    return CC_OK;
}

/* A ColumnEncoding of the stripe's footer. */
static void write_encoding(const orc_column *at, bool v11, cc_proto *footer) {
    bool runs = at->kind >= ORC_STRING || (at->kind >= ORC_SHORT && at->kind <= ORC_LONG);
    unsigned v2 = runs && at->kind != ORC_STRUCT && !v11 ? 2 : 0;
    cc_proto_open(footer, 2);
    cc_proto_u64(footer, 1, v2 + at->in_dictionary);
    if (at->in_dictionary)
        cc_proto_u64(footer, 2, at->dictionary.count);
    if (at->bloom)
        cc_proto_u64(footer, 3, 1); /* of times in UTC */
    cc_proto_end(footer);
}

/* What the stripe says to the file: a StripeStatistics, and all of it to the columns of the file. */
static cc_status write_statistics(cc_orc *orc, cc_error *error) {
    cc_proto proto = cc_proto_begin(&orc->metadata);
    cc_proto_open(&proto, 1);
    for (size_t i = 0; i < orc->column_count; i++) {
        orc_column *at = &orc->columns[i];
        cc_proto_open(&proto, 1);
        cc_orc_statistics_write(&at->stripe, at, &proto);
        cc_proto_end(&proto);
        if (cc_orc_statistics_merge(&at->file, &at->stripe) != CC_OK)
            return cc_orc_no_memory(error);
    }
    cc_proto_end(&proto);
    return cc_orc_memory(proto.status, error);
}

static cc_status write_all(cc_orc *orc, cc_buffer *out, cc_buffer *told, cc_error *error) {
    size_t start = out->size;
    cc_proto footer = cc_proto_begin(told);
    for (size_t i = 0; i < orc->column_count; i++)
        CC_TRY(end_streams(&orc->columns[i], &orc->options, error));
    CC_TRY(write_indexes(orc, out, &footer, error));
    size_t indexes = out->size - start;
    CC_TRY(write_data(orc, out, &footer, error));
    size_t data = out->size - start - indexes;
    for (size_t i = 0; i < orc->column_count; i++)
        write_encoding(&orc->columns[i], orc->options.v11, &footer);
    cc_proto_bytes(&footer, 3, cc_bytes_text("GMT"));
    CC_TRY(cc_orc_memory(footer.status, error));
    CC_TRY(cc_orc_compressed(cc_buffer_bytes(told), &orc->options, out, error));
    CC_TRY(write_statistics(orc, error));

    cc_proto proto = cc_proto_begin(&orc->stripes);
    cc_proto_open(&proto, 3);
    cc_proto_u64(&proto, 1, orc->offset);
    cc_proto_u64(&proto, 2, indexes);
    cc_proto_u64(&proto, 3, data);
    cc_proto_u64(&proto, 4, out->size - start - indexes - data);
    cc_proto_u64(&proto, 5, orc->stripe_rows);
    cc_proto_end(&proto);
    orc->offset += out->size - start;
    return cc_orc_memory(proto.status, error);
}

cc_status cc_orc_stripe_write(cc_orc *orc, cc_buffer *out, cc_error *error) {
    cc_buffer told = {0};
    if (orc->group_rows != 0)
        CC_TRY(cc_orc_group_end(orc, error));
    cc_status status = write_all(orc, out, &told, error);
    cc_buffer_free(&told);
    return status;
}
