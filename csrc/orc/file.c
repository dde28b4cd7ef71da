/* file.c: the columns of a schema side by side: batches in, stripes and the end of the file out. See orc.h.
 *
 *   metadata     StripeStatistics of each stripe        | compressed as streams are
 *   footer       stripes, types, statistics of the file | compressed as streams are
 *   postscript   sizes of both, codec, versions, "ORC"  | never compressed, at most 255 bytes */
#include <stdlib.h>

#include "orc/internal.h"

/* Writers have numbers; one without a number of its own is taken for that of ORC's C++ library, whose form of
 * statistics and filters this is: version 6, times in UTC, texts as UTF-8. */
enum { WRITER_CPP = 1, WRITER_VERSION = 6, CALENDAR_PROLEPTIC = 2, BLOCK_MOST = 4 << 20 };

/* ---- open ---- */

static void start_stripe(cc_orc *orc) {
    for (size_t i = 0; i < orc->column_count; i++) {
        orc_column *at = &orc->columns[i];
        cc_orc_column_clear(at);
        at->in_dictionary = at->kind == ORC_STRING && orc->options.dictionary_threshold > 0;
    }
    orc->stripe_rows = 0;
}

static cc_status check_options(const cc_orc_options *options, const orc_column *root, cc_error *error) {
    if (options->codec < 0 || options->codec > 2 || options->stride == 0 || options->block_bytes == 0 ||
        options->block_bytes > BLOCK_MOST)
        return cc_fail(error, CC_ERR_ARGUMENT, "codec, stride or block size of an ORC file is out of range");
    if (options->bloom_count != 0 && !(options->bloom_probability > 0 && options->bloom_probability < 1))
        return cc_fail(error, CC_ERR_ARGUMENT, "the probability of a bloom filter lies between 0 and 1");
    for (size_t i = 0; i < options->bloom_count; i++)
        if (options->bloom_fields[i] >= root->child_count)
            return cc_fail(error, CC_ERR_ARGUMENT, "a bloom filter is for no field of the schema");
    return CC_OK;
}

static cc_status open_columns(cc_orc *orc, const struct ArrowSchema *schema, cc_error *error) {
    uint32_t count = 0;
    orc->columns = calloc(cc_orc_schema_count(schema), sizeof *orc->columns);
    if (orc->columns == NULL)
        return cc_orc_no_memory(error);
    cc_status status = cc_orc_schema_open(schema, 0, orc->columns, &count, error);
    orc->column_count = count;
    if (status == CC_OK && orc->columns[0].kind != ORC_STRUCT)
        status = cc_fail(error, CC_ERR_ARGUMENT, "the schema of a file is a struct of fields");
    return status;
}

cc_status cc_orc_open(const struct ArrowSchema *schema, const cc_orc_options *options, cc_orc **orc_out,
                      cc_error *error) {
    cc_orc *orc = calloc(1, sizeof *orc);
    if (orc == NULL)
        return cc_orc_no_memory(error);
    orc->options = *options;
    orc->options.bloom_fields = NULL; /* borrowed during this call alone */
    cc_status status = open_columns(orc, schema, error);
    if (status == CC_OK)
        status = check_options(options, &orc->columns[0], error);
    if (status != CC_OK) {
        cc_orc_close(orc);
        return status;
    }
    for (size_t i = 0; i < options->bloom_count; i++) {
        orc_column *at = orc->columns[0].children[options->bloom_fields[i]];
        at->bloom = at->child_count == 0 && at->kind != ORC_BOOLEAN;
    }
    for (size_t i = 0; i < orc->column_count; i++)
        orc->columns[i].dictionary.seed = options->seed;
    start_stripe(orc);
    *orc_out = orc;
    return CC_OK;
}

void cc_orc_close(cc_orc *orc) {
    if (orc == NULL)
        return;
    for (size_t i = 0; i < orc->column_count; i++)
        cc_orc_column_free(&orc->columns[i]);
    free(orc->columns);
    cc_buffer_free(&orc->stripes);
    cc_buffer_free(&orc->metadata);
    cc_buffer_free(&orc->scratch);
    free(orc);
}

/* ---- rows ---- */

cc_status cc_orc_append(cc_orc *orc, const struct ArrowArray *batch, cc_error *error) {
    orc_column *root = &orc->columns[0];
    if (batch->n_children != root->child_count)
        return cc_fail(error, CC_ERR_ARGUMENT, "the batch is not of the file's schema");
    for (int64_t at = 0; at < batch->length;) {
        int64_t left = (int64_t)(orc->options.stride - orc->group_rows);
        size_t count = (size_t)(batch->length - at < left ? batch->length - at : left);
        if (orc->group_rows == 0)
            CC_TRY(cc_orc_group_begin(orc, error));
        CC_TRY(
            cc_orc_column_append(root, batch, (orc_rows){.first = at, .count = count}, &orc->options, error));
        at += (int64_t)count;
        orc->stripe_rows += count;
        orc->group_rows += (uint32_t)count;
        if (orc->group_rows == orc->options.stride)
            CC_TRY(cc_orc_group_end(orc, error));
    }
    return CC_OK;
}

static uint64_t bytes_of(const orc_stream *stream) { return stream->raw + stream->block.size; }

uint64_t cc_orc_stripe_bytes(const cc_orc *orc) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < orc->column_count; i++) {
        const orc_column *at = &orc->columns[i];
        bytes += bytes_of(&at->data) + bytes_of(&at->length) + bytes_of(&at->second) + at->indices.size +
                 at->dictionary.values.size + at->present.bits.size + at->truths.bits.size;
    }
    return bytes;
}

/* Compressed bytes of the stripe, about: room for them is made at once. */
static size_t chunks_of(const cc_orc *orc) {
    size_t bytes = 0;
    for (size_t i = 0; i < orc->column_count; i++) {
        const orc_column *at = &orc->columns[i];
        const orc_stream *streams[] = {&at->data, &at->length, &at->second};
        for (size_t k = 0; k < 3; k++)
            bytes += streams[k]->chunks.size + streams[k]->block.size;
    }
    return bytes;
}

static cc_status begin(cc_orc *orc, cc_buffer *out, cc_error *error) {
    if (orc->offset != 0)
        return CC_OK;
    orc->offset = 3;
    return cc_orc_memory(cc_buffer_append(out, "ORC", 3), error);
}

cc_status cc_orc_end_stripe(cc_orc *orc, cc_buffer *out, cc_error *error) {
    if (orc->stripe_rows == 0)
        return CC_OK;
    CC_TRY(begin(orc, out, error));
    CC_TRY(cc_orc_memory(cc_buffer_reserve(out, chunks_of(orc)), error));
    CC_TRY(cc_orc_stripe_write(orc, out, error));
    orc->rows += orc->stripe_rows;
    start_stripe(orc);
    return CC_OK;
}

/* ---- the end ---- */

static void write_footer(cc_orc *orc, cc_proto *proto) {
    cc_proto_u64(proto, 1, 3);
    cc_proto_u64(proto, 2, orc->offset);
    if (proto->status == CC_OK)
        proto->status = cc_buffer_append(proto->out, orc->stripes.data, orc->stripes.size);
    cc_orc_schema_write(orc->columns, orc->column_count, proto);
    cc_proto_u64(proto, 6, orc->rows);
    for (size_t i = 0; i < orc->column_count; i++) {
        cc_proto_open(proto, 7);
        cc_orc_statistics_write(&orc->columns[i].file, &orc->columns[i], proto);
        cc_proto_end(proto);
    }
    cc_proto_u64(proto, 8, orc->options.stride);
    cc_proto_u64(proto, 9, WRITER_CPP);
    cc_proto_u64(proto, 11, CALENDAR_PROLEPTIC);
    cc_proto_bytes(proto, 12, cc_bytes_text("cloudcore 1.0.0"));
}

static void write_postscript(const cc_orc *orc, uint64_t footer, uint64_t metadata, cc_proto *proto) {
    cc_proto_u64(proto, 1, footer);
    cc_proto_u64(proto, 2, (uint64_t)orc->options.codec);
    cc_proto_u64(proto, 3, orc->options.block_bytes);
    cc_proto_open(proto, 4);
    cc_proto_packed(proto, 0);
    cc_proto_packed(proto, orc->options.v11 ? 11 : 12);
    cc_proto_end(proto);
    cc_proto_u64(proto, 5, metadata);
    cc_proto_u64(proto, 6, WRITER_VERSION);
    cc_proto_bytes(proto, 8000, cc_bytes_text("ORC"));
}

cc_status cc_orc_finish(cc_orc *orc, cc_buffer *out, cc_error *error) {
    CC_TRY(cc_orc_end_stripe(orc, out, error));
    CC_TRY(begin(orc, out, error));
    size_t start = out->size;
    CC_TRY(cc_orc_compressed(cc_buffer_bytes(&orc->metadata), &orc->options, out, error));
    size_t metadata = out->size - start;
    cc_buffer_clear(&orc->scratch);
    cc_proto footer = cc_proto_begin(&orc->scratch);
    write_footer(orc, &footer);
    CC_TRY(cc_orc_memory(footer.status, error));
    CC_TRY(cc_orc_compressed(cc_buffer_bytes(&orc->scratch), &orc->options, out, error));
    size_t end = out->size;
    cc_proto postscript = cc_proto_begin(out);
    write_postscript(orc, end - start - metadata, metadata, &postscript);
    CC_TRY(cc_orc_memory(postscript.status, error));
    uint8_t size = (uint8_t)(out->size - end);
    return cc_orc_memory(cc_buffer_append_byte(out, size), error);
}
