/* values.c: the values of numbers, times, decimals and booleans, as their streams have them.
 *
 *   timestamp   DATA: seconds since 2015-01-01 | SECOND: nanoseconds without the zeros at their end, << 3, or'ed with
 *               how many zeros that were, less one, where they were more than one
 *   decimal     DATA: digits as zigzag varints of any size | SECOND: the scale, each time
 *
 * A time before 1970 with milliseconds is stored one second later: readers take that second off again where the stored
 * second lies before 1970. In the last second before 1970 that goes wrong, so that such a time is refused. */
#include "orc/internal.h"

enum { EPOCH_2015 = 1420070400, MILLION = 1000000 };

/* `count` integers from row `at` on. */
static void gather(const orc_column *column, const struct ArrowArray *array, const orc_rows *rows, size_t at,
                   size_t count, int64_t *to) {
    const void *from = array->buffers[1];
    int64_t moved = array->offset;
    switch (column->kind) {
    case ORC_BYTE:
        for (size_t i = 0; i < count; i++)
            to[i] = (((const uint8_t *)from)[cc_orc_row(rows, at + i) + moved] ^ 0x80) - 0x80; /* its sign */
        return;
    case ORC_SHORT:
        for (size_t i = 0; i < count; i++)
            to[i] = ((const int16_t *)from)[cc_orc_row(rows, at + i) + moved];
        return;
    case ORC_INT:
    case ORC_DATE:
        for (size_t i = 0; i < count; i++)
            to[i] = ((const int32_t *)from)[cc_orc_row(rows, at + i) + moved];
        return;
    default:
        for (size_t i = 0; i < count; i++)
            to[i] = ((const int64_t *)from)[cc_orc_row(rows, at + i) + moved];
    }
}

static cc_status bloom(orc_column *column, const int64_t *values, size_t count, cc_error *error) {
    if (!column->bloom)
        return CC_OK;
    return cc_orc_memory(cc_orc_bloom_integers(&column->hashes, values, count), error);
}

static cc_status append_integers(orc_column *column, const int64_t *values, size_t count,
                                 const cc_orc_options *options, cc_error *error) {
    cc_orc_count_integers(&column->group, values, count);
    CC_TRY(bloom(column, values, count, error));
    if (column->kind != ORC_BYTE)
        return cc_orc_write_integers(&column->data, values, count, true, options, error);
    uint8_t bytes[ORC_STEP];
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)values[i];
    return cc_orc_write_bytes(&column->data, bytes, count, options, error);
}

/* ---- times ---- */

/* A fraction of a second of `zeros` zeros at its end, as the format has nanoseconds. */
static inline int64_t code_of(int64_t fraction, int zeros) {
    if (fraction == 0)
        return 0;
    for (; fraction % 10 == 0; zeros++)
        fraction /= 10;
    return zeros < 2 ? (zeros == 1 ? fraction * 10 : fraction) << 3 : fraction << 3 | (zeros - 1);
}

static cc_status append_times(orc_column *column, int64_t *values, size_t count,
                              const cc_orc_options *options, cc_error *error) {
    int64_t unit = column->unit == 's'   ? 1
                   : column->unit == 'm' ? 1000
                   : column->unit == 'u' ? MILLION
                                         : 1000 * (int64_t)MILLION;
    int zeros = column->unit == 's' ? 9 : column->unit == 'm' ? 6 : column->unit == 'u' ? 3 : 0;
    int64_t millis[ORC_STEP], fractions[ORC_STEP];
    for (size_t i = 0; i < count; i++) {
        int64_t second = values[i] / unit, fraction = values[i] % unit;
        if (fraction < 0) {
            fraction += unit;
            second--;
        }
        int64_t milli = unit <= 1000 ? fraction * (1000 / unit) : fraction / (unit / 1000);
        if (__builtin_mul_overflow(second, 1000, &millis[i]))
            return cc_fail(error, CC_ERR_ARGUMENT, "column %s: the time is out of range", column->name);
        millis[i] += milli;
        second += second < 0 && milli != 0;
        if (milli != 0 && second == 0 && values[i] < 0)
            return cc_fail(error, CC_ERR_ARGUMENT,
                           "column %s: ORC takes no milliseconds in the last second before 1970",
                           column->name);
        values[i] = second - EPOCH_2015;
        fractions[i] = code_of(fraction, zeros);
    }
    cc_orc_count_integers(&column->group, millis, count);
    CC_TRY(bloom(column, millis, count, error));
    CC_TRY(cc_orc_write_integers(&column->data, values, count, true, options, error));
    return cc_orc_write_integers(&column->second, fractions, count, false, options, error);
}

/* ---- floats, decimals, booleans ---- */

static cc_status append_reals(orc_column *column, const struct ArrowArray *array, const orc_rows *rows,
                              size_t at, size_t count, const cc_orc_options *options, cc_error *error) {
    double values[ORC_STEP];
    float narrow[ORC_STEP];
    bool is_float = column->kind == ORC_FLOAT;
    for (size_t i = 0; i < count; i++) {
        int64_t place = cc_orc_row(rows, at + i) + array->offset;
        if (is_float)
            values[i] = narrow[i] = ((const float *)array->buffers[1])[place];
        else
            values[i] = ((const double *)array->buffers[1])[place];
    }
    cc_orc_count_reals(&column->group, values, count);
    if (column->bloom && cc_orc_bloom_reals(&column->hashes, values, count) != CC_OK)
        return cc_orc_no_memory(error);
    return cc_orc_stream_write(&column->data, is_float ? (const void *)narrow : (const void *)values,
                               count * (is_float ? 4 : 8), options, error);
}

static void count_decimal(orc_statistics *into, __int128 digits) {
    into->least = !into->any || digits < into->least ? digits : into->least;
    into->most = !into->any || digits > into->most ? digits : into->most;
    cc_orc_sum(into, digits);
    into->any = true;
}

static cc_status append_decimals(orc_column *column, const struct ArrowArray *array, const orc_rows *rows,
                                 size_t at, size_t count, const cc_orc_options *options, cc_error *error) {
    int64_t scales[ORC_STEP];
    CC_TRY(cc_orc_stream_room(&column->data, count * 19, error));
    uint8_t *to = column->data.block.data + column->data.block.size;
    for (size_t i = 0; i < count; i++) {
        __int128 digits;
        memcpy(&digits, (const uint8_t *)array->buffers[1] + (cc_orc_row(rows, at + i) + array->offset) * 16,
               16);
        unsigned __int128 rest = (unsigned __int128)digits << 1 ^ (unsigned __int128)(digits >> 127);
        for (; rest >= 0x80; rest >>= 7)
            *to++ = (uint8_t)((uint8_t)rest | 0x80);
        *to++ = (uint8_t)rest;
        count_decimal(&column->group, digits);
        scales[i] = column->scale;
        if (column->bloom) {
            char text[48];
            cc_orc_decimal_text(digits, column->scale, true, text);
            if (cc_orc_bloom_text(&column->hashes, cc_bytes_text(text)) != CC_OK)
                return cc_orc_no_memory(error);
        }
    }
    column->data.block.size = (size_t)(to - column->data.block.data);
    CC_TRY(cc_orc_stream_settle(&column->data, options, error));
    return cc_orc_write_integers(&column->second, scales, count, true, options, error);
}

static cc_status append_truths(orc_column *column, const struct ArrowArray *array, const orc_rows *rows,
                               cc_error *error) {
    if (cc_orc_bits_room(&column->truths, rows->count) != CC_OK)
        return cc_orc_no_memory(error);
    const uint8_t *bits = array->buffers[1];
    uint64_t zeros = column->truths.zeros;
    for (size_t i = 0; i < rows->count; i++) {
        int64_t place = cc_orc_row(rows, i) + array->offset;
        cc_orc_bit(&column->truths, (bits[place >> 3] >> (place & 7) & 1) != 0);
    }
    column->group.sum += rows->count - (column->truths.zeros - zeros);
    return CC_OK;
}

cc_status cc_orc_values_append(orc_column *column, const struct ArrowArray *array, const orc_rows *rows,
                               const cc_orc_options *options, cc_error *error) {
    int64_t values[ORC_STEP];
    if (column->kind == ORC_BOOLEAN)
        return append_truths(column, array, rows, error);
    for (size_t at = 0; at < rows->count; at += ORC_STEP) {
        size_t count = rows->count - at < ORC_STEP ? rows->count - at : ORC_STEP;
        if (column->kind == ORC_FLOAT || column->kind == ORC_DOUBLE) {
            CC_TRY(append_reals(column, array, rows, at, count, options, error));
        } else if (column->kind == ORC_DECIMAL) {
            CC_TRY(append_decimals(column, array, rows, at, count, options, error));
        } else {
            gather(column, array, rows, at, count, values);
            if (column->kind == ORC_TIMESTAMP || column->kind == ORC_INSTANT)
                CC_TRY(append_times(column, values, count, options, error));
            else
                CC_TRY(append_integers(column, values, count, options, error));
        }
    }
    return CC_OK;
}
