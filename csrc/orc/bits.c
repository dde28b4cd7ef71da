/* bits.c: booleans, eight in a byte, and bytes in runs.
 *
 *   run of one byte    u8 count - 3       | the byte      3 to 130 of them
 *   others             u8 256 - count     | the bytes     1 to 128 of them
 *
 * The bits of a stripe are kept as they are and written at its end: only then it is known whether there was a null. A
 * group of rows that begins inside of a byte begins with the run that this byte begins. */
#include "orc/internal.h"

enum { RUN_LEAST = 3, RUN_MOST = 130, OTHERS_MOST = 128 };

/* ---- bits ---- */

/* Ones in the place of those that were only counted. */
static cc_status fill(orc_bits *bits) {
    size_t wanted = (bits->count + 7) / 8, have = bits->bits.size;
    if (have == wanted)
        return CC_OK;
    CC_TRY(cc_buffer_reserve(&bits->bits, wanted - have));
    memset(bits->bits.data + have, 0xff, wanted - have);
    bits->bits.size = wanted;
    unsigned rest = bits->count & 7;
    if (rest != 0)
        bits->bits.data[wanted - 1] = (uint8_t)(0xff00u >> rest);
    return CC_OK;
}

cc_status cc_orc_bits_room(orc_bits *bits, size_t count) {
    CC_TRY(fill(bits));
    return cc_buffer_reserve(&bits->bits, count / 8 + 1);
}

cc_status cc_orc_bits_ones(orc_bits *bits, size_t count) {
    if (bits->zeros == 0 && bits->bits.size == 0) {
        bits->count += count;
        return CC_OK;
    }
    CC_TRY(cc_orc_bits_room(bits, count));
    for (size_t i = 0; i < count; i++)
        cc_orc_bit(bits, true);
    return CC_OK;
}

cc_status cc_orc_bits_end(orc_bits *bits, orc_stream *stream, const cc_orc_options *options,
                          cc_error *error) {
    if (fill(bits) != CC_OK)
        return cc_orc_no_memory(error);
    size_t groups = bits->marks.size / 8, size = bits->bits.size;
    for (size_t i = 0; i < groups; i++) {
        size_t at = (size_t)cc_get_u64(bits->marks.data + i * 8) / 8;
        size_t end = i + 1 < groups ? (size_t)cc_get_u64(bits->marks.data + (i + 1) * 8) / 8 : size;
        CC_TRY(cc_orc_stream_mark(stream, error));
        for (; at < end; at += ORC_STEP) {
            size_t count = end - at < ORC_STEP ? end - at : ORC_STEP;
            CC_TRY(cc_orc_write_bytes(stream, bits->bits.data + at, count, options, error));
        }
    }
    return CC_OK;
}

/* ---- bytes ---- */

/* Equal bytes from `at` on, at most RUN_MOST. */
static inline size_t run_of(const uint8_t *bytes, size_t at, size_t count) {
    size_t end = at + 1, most = count - at < RUN_MOST ? count : at + RUN_MOST;
    while (end < most && bytes[end] == bytes[at])
        end++;
    return end - at;
}

cc_status cc_orc_write_bytes(orc_stream *stream, const uint8_t *bytes, size_t count,
                             const cc_orc_options *options, cc_error *error) {
    CC_TRY(cc_orc_stream_room(stream, count * 2 + 16, error));
    uint8_t *to = stream->block.data + stream->block.size;
    size_t at = 0;
    while (at < count) {
        size_t run = run_of(bytes, at, count);
        if (run >= RUN_LEAST) {
            *to++ = (uint8_t)(run - RUN_LEAST);
            *to++ = bytes[at];
            at += run;
            continue;
        }
        size_t end = at + run;
        while (end < count && end - at < OTHERS_MOST && (run = run_of(bytes, end, count)) < RUN_LEAST)
            end += run;
        end = end - at > OTHERS_MOST ? at + OTHERS_MOST : end;
        *to++ = (uint8_t)(256 - (end - at));
        memcpy(to, bytes + at, end - at);
        to += end - at;
        at = end;
    }
    stream->block.size = (size_t)(to - stream->block.data);
    return cc_orc_stream_settle(stream, options, error);
}
