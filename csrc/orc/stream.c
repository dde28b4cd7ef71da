/* stream.c: bytes collect in a block; what fills a chunk is compressed and goes behind the chunks before.
 *
 *   chunk   u24, little-endian: size << 1, plus 1 where compression did not make it smaller and it is stored as it is
 */
#include "orc/internal.h"

enum { HEAD = 3 };

cc_status cc_orc_stream_room(orc_stream *stream, size_t size, cc_error *error) {
    return cc_orc_memory(cc_buffer_reserve(&stream->block, size), error);
}

static cc_status put_chunk(cc_bytes block, const cc_orc_options *options, cc_buffer *out, cc_error *error) {
    uint8_t head[HEAD] = {0};
    size_t start = out->size;
    if (cc_buffer_append(out, head, HEAD) != CC_OK)
        return cc_orc_no_memory(error);
    CC_TRY(options->compress(options->context, block, out, error));
    size_t size = out->size - start - HEAD;
    bool original = size >= block.size;
    if (original) {
        out->size = start + HEAD;
        size = block.size;
        if (cc_buffer_append(out, block.data, size) != CC_OK)
            return cc_orc_no_memory(error);
    }
    uint32_t word = (uint32_t)size << 1 | original;
    for (int i = 0; i < HEAD; i++)
        out->data[start + (size_t)i] = (uint8_t)(word >> 8 * i);
    return CC_OK;
}

/* The chunks that `data` fills; also the rest of it, when `all`. How much of it went is told. */
static cc_status put_chunks(cc_bytes data, bool all, const cc_orc_options *options, cc_buffer *out,
                            size_t *went_out, cc_error *error) {
    size_t at = 0;
    while (data.size - at >= options->block_bytes || (all && at < data.size)) {
        size_t size = data.size - at < options->block_bytes ? data.size - at : options->block_bytes;
        CC_TRY(put_chunk(cc_bytes_of(data.data + at, size), options, out, error));
        at += size;
    }
    *went_out = at;
    return CC_OK;
}

static cc_status settle(orc_stream *stream, bool all, const cc_orc_options *options, cc_error *error) {
    size_t went;
    if (options->codec == 0)
        return CC_OK;
    CC_TRY(put_chunks(cc_buffer_bytes(&stream->block), all, options, &stream->chunks, &went, error));
    if (went != 0)
        memmove(stream->block.data, stream->block.data + went, stream->block.size - went);
    stream->block.size -= went;
    stream->raw += went;
    return CC_OK;
}

cc_status cc_orc_stream_settle(orc_stream *stream, const cc_orc_options *options, cc_error *error) {
    return stream->block.size < options->block_bytes ? CC_OK : settle(stream, false, options, error);
}

cc_status cc_orc_stream_write(orc_stream *stream, const void *data, size_t size,
                              const cc_orc_options *options, cc_error *error) {
    if (cc_buffer_append(&stream->block, data, size) != CC_OK)
        return cc_orc_no_memory(error);
    return cc_orc_stream_settle(stream, options, error);
}

cc_status cc_orc_stream_end(orc_stream *stream, const cc_orc_options *options, cc_error *error) {
    return settle(stream, true, options, error);
}

cc_status cc_orc_stream_mark(orc_stream *stream, cc_error *error) {
    uint64_t mark[2] = {stream->chunks.size, stream->block.size};
    return cc_orc_memory(cc_buffer_append(&stream->marks, mark, sizeof mark), error);
}

void cc_orc_stream_clear(orc_stream *stream) {
    cc_buffer_clear(&stream->chunks);
    cc_buffer_clear(&stream->block);
    cc_buffer_clear(&stream->marks);
    stream->raw = 0;
}

void cc_orc_stream_free(orc_stream *stream) {
    cc_buffer_free(&stream->chunks);
    cc_buffer_free(&stream->block);
    cc_buffer_free(&stream->marks);
}

cc_status cc_orc_compressed(cc_bytes data, const cc_orc_options *options, cc_buffer *out, cc_error *error) {
    size_t went;
    if (options->codec == 0)
        return cc_orc_memory(cc_buffer_append(out, data.data, data.size), error);
    return put_chunks(data, true, options, out, &went, error);
}
