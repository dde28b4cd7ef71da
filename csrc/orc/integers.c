/* integers.c: integers in runs, of version 2 and of version 1.
 *
 *   short repeat   00 wwww-1 (3 bits) count-3 (3)                   | value, w bytes, the highest first
 *   direct         01 width (5) count-1 (9)                         | values of `width` bits, the first the highest
 *   delta          11 width (5) count-1 (9) varint base varint step | count - 2 steps without signs
 *   version 1      u8 count-3, i8 step, varint base                 | or u8 256-count, varints
 *
 * Where at least REPEAT_LEAST equal values begin, a run of its own begins; what lies between is direct, or delta where
 * that is smaller. Patched runs are not written: a codec takes most of what they save. Signed values are zigzag. */
#include "orc/internal.h"

enum { RUN_MOST = 512, SHORT_MOST = 10, REPEAT_LEAST = 8, V1_LEAST = 3, V1_RUN = 130, V1_OTHERS = 128 };

static inline uint64_t code_of(int64_t value, bool is_signed) {
    return is_signed ? cc_orc_zigzag(value) : (uint64_t)value;
}

static inline unsigned bits_of(uint64_t value) {
    return value == 0 ? 0 : 64 - (unsigned)__builtin_clzll(value);
}

/* The next width that readers unpack fast: 1, 2, 4 and whole bytes. */
static inline unsigned width_of(uint64_t all) {
    unsigned bits = bits_of(all);
    return bits <= 1 ? 1 : bits <= 2 ? 2 : bits <= 4 ? 4 : (bits + 7) & ~7u;
}

/* The number of a width in a head. */
static inline unsigned width_code(unsigned width) {
    static const uint8_t bytes[9] = {0, 7, 15, 23, 27, 28, 29, 30, 31};
    return width < 8 ? (width == 0 ? 0 : width - 1) : bytes[width / 8];
}

static inline uint8_t *put_head(uint8_t *to, unsigned kind, unsigned width, size_t count) {
    *to++ = (uint8_t)(kind << 6 | width_code(width) << 1 | (unsigned)((count - 1) >> 8));
    *to++ = (uint8_t)(count - 1);
    return to;
}

/* May store up to 8 bytes more. */
static uint8_t *pack(uint8_t *to, const uint64_t *values, size_t count, unsigned width) {
    if (width >= 8) {
        for (size_t i = 0; i < count; i++, to += width / 8)
            cc_put_u64(to, __builtin_bswap64(values[i] << (64 - width)));
        return to;
    }
    unsigned held = 0;
    uint8_t byte = 0;
    for (size_t i = 0; i < count; i++) {
        byte = (uint8_t)(byte << width | values[i]);
        held += width;
        if (held == 8) {
            *to++ = byte;
            held = byte = 0;
        }
    }
    if (held != 0)
        *to++ = (uint8_t)(byte << (8 - held));
    return to;
}

static uint8_t *put_repeat(uint8_t *to, int64_t value, size_t count, bool is_signed) {
    uint64_t code = code_of(value, is_signed);
    if (count > SHORT_MOST) { /* a delta of nothing */
        to = cc_orc_put_varint(put_head(to, 3, 0, count), code);
        *to++ = 0;
        return to;
    }
    unsigned bytes = code == 0 ? 1 : (bits_of(code) + 7) / 8;
    *to++ = (uint8_t)((bytes - 1) << 3 | (unsigned)(count - 3));
    cc_put_u64(to, __builtin_bswap64(code << (64 - 8 * bytes)));
    return to + bytes;
}

static size_t equal_from(const int64_t *values, size_t count) {
    size_t end = 1;
    while (end < count && values[end] == values[0])
        end++;
    return end;
}

/* Values in front of the next REPEAT_LEAST equal ones. */
static size_t run_end(const int64_t *values, size_t count) {
    size_t same = 1;
    for (size_t i = 1; i < count; i++) {
        same = values[i] == values[i - 1] ? same + 1 : 1;
        if (same == REPEAT_LEAST)
            return i + 1 - REPEAT_LEAST;
    }
    return count;
}

/* Whether the values only rise or only fall: the steps behind the first one, and all their bits; none where every step
 * is as the first. */
static bool steps_of(const int64_t *values, size_t count, int64_t *first_out, uint64_t *steps,
                     uint64_t *all_out) {
    int64_t first, next;
    uint64_t all = 0;
    if (count < 3 || __builtin_sub_overflow(values[1], values[0], &first) || first == 0)
        return false;
    bool fixed = true;
    for (size_t i = 2; i < count; i++) {
        if (__builtin_sub_overflow(values[i], values[i - 1], &next) || (first > 0 ? next < 0 : next > 0))
            return false;
        fixed = fixed && next == first;
        steps[i - 2] = first > 0 ? (uint64_t)next : -(uint64_t)next;
        all |= steps[i - 2];
    }
    *first_out = first;
    *all_out = fixed ? 0 : all | 1;
    return true;
}

/* At most RUN_MOST values as one run. */
static uint8_t *put_run(uint8_t *to, const int64_t *values, size_t count, bool is_signed) {
    uint64_t codes[RUN_MOST], all = 0, all_steps;
    int64_t first;
    CC_ASSERT(count > 0 && count <= RUN_MOST);
    for (size_t i = 0; i < count; i++) {
        codes[i] = code_of(values[i], is_signed);
        all |= codes[i];
    }
    unsigned width = width_of(all);
    uint64_t steps[RUN_MOST];
    if (steps_of(values, count, &first, steps, &all_steps)) {
        unsigned step_width = all_steps == 0 ? 0 : width_of(all_steps) == 1 ? 2 : width_of(all_steps);
        uint8_t base[20], *end = cc_orc_put_varint(cc_orc_put_varint(base, codes[0]), cc_orc_zigzag(first));
        size_t base_size = (size_t)(end - base);
        if (base_size * 8 + step_width * (count - 2) < width * count) {
            to = put_head(to, 3, step_width, count);
            memcpy(to, base, base_size);
            to += base_size;
            return step_width == 0 ? to : pack(to, steps, count - 2, step_width);
        }
    }
    return pack(put_head(to, 1, width, count), codes, count, width);
}

static uint8_t *put_v2(uint8_t *to, const int64_t *values, size_t count, bool is_signed) {
    while (count != 0) {
        size_t most = count < RUN_MOST ? count : RUN_MOST, run = equal_from(values, most);
        if (run >= REPEAT_LEAST || (run == count && run >= 3)) {
            to = put_repeat(to, values[0], run, is_signed);
        } else {
            run = run_end(values, most);
            to = put_run(to, values, run, is_signed);
        }
        values += run;
        count -= run;
    }
    return to;
}

/* ---- version 1 ---- */

/* Values from the first on that differ by one step of a byte, at most V1_RUN. */
static size_t v1_run(const int64_t *values, size_t count, int64_t *step_out) {
    size_t most = count < V1_RUN ? count : V1_RUN, end = 1;
    int64_t step = 0, next;
    if (count < V1_LEAST || __builtin_sub_overflow(values[1], values[0], &step) || step < -128 || step > 127)
        return 1;
    while (end < most && !__builtin_sub_overflow(values[end], values[end - 1], &next) && next == step)
        end++;
    *step_out = step;
    return end;
}

static uint8_t *put_v1(uint8_t *to, const int64_t *values, size_t count, bool is_signed) {
    while (count != 0) {
        int64_t step = 0;
        size_t run = v1_run(values, count, &step);
        if (run >= V1_LEAST) {
            *to++ = (uint8_t)(run - V1_LEAST);
            *to++ = (uint8_t)step;
            to = cc_orc_put_varint(to, code_of(values[0], is_signed));
        } else {
            run = 1;
            while (run < count && run < V1_OTHERS && v1_run(values + run, count - run, &step) < V1_LEAST)
                run++;
            *to++ = (uint8_t)(256 - run);
            for (size_t i = 0; i < run; i++)
                to = cc_orc_put_varint(to, code_of(values[i], is_signed));
        }
        values += run;
        count -= run;
    }
    return to;
}

cc_status cc_orc_write_integers(orc_stream *stream, const int64_t *values, size_t count, bool is_signed,
                                const cc_orc_options *options, cc_error *error) {
    /* A varint has 10 bytes at most, a run of version 1 a head of 2 for each value at worst. */
    CC_TRY(cc_orc_stream_room(stream, count * 12 + 64, error));
    uint8_t *to = stream->block.data + stream->block.size;
    to = options->v11 ? put_v1(to, values, count, is_signed) : put_v2(to, values, count, is_signed);
    stream->block.size = (size_t)(to - stream->block.data);
    return cc_orc_stream_settle(stream, options, error);
}
