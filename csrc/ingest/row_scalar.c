/* row_scalar.c: one scalar of an Arrow column as DynamoDB has it; see rows.h for the table of types. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "codec/json.h"
#include "ingest/rows_internal.h"

static cc_status refuse(cc_error *error, const char *text) {
    return cc_fail_aws(error, CC_ERR_VALIDATION, "ValidationException", "%s", text);
}

static const uint8_t *fixed(const struct ArrowArray *array, int64_t at, uint32_t width) {
    return (const uint8_t *)array->buffers[1] + (size_t)(array->offset + at) * width;
}

static int64_t signed_of(const uint8_t *from, uint32_t width) {
    int64_t value = 0;
    memcpy(&value, from, width);
    int unused = 64 - 8 * (int)width;
    return (int64_t)((uint64_t)value << unused) >> unused;
}

static uint64_t unsigned_of(const uint8_t *from, uint32_t width) {
    uint64_t value = 0;
    memcpy(&value, from, width);
    return value;
}

cc_bytes cc_row_bytes(const row_column *column, const struct ArrowArray *array, int64_t at) {
    size_t place = (size_t)(array->offset + at);
    if (column->layout == LAYOUT_FIXED)
        return cc_bytes_of((const uint8_t *)array->buffers[1] + place * column->width, column->width);
    if (column->layout == LAYOUT_VIEW) { /* size, then up to 12 bytes, or 4 of them, buffer and offset */
        const uint8_t *view = (const uint8_t *)array->buffers[1] + place * 16;
        int32_t words[4];
        memcpy(words, view, sizeof words);
        if (words[0] <= 12)
            return cc_bytes_of(view + 4, (size_t)words[0]);
        return cc_bytes_of((const uint8_t *)array->buffers[2 + words[2]] + words[3], (size_t)words[0]);
    }
    int64_t from, to;
    if (column->layout == LAYOUT_32) {
        const int32_t *offsets = array->buffers[1];
        from = offsets[place];
        to = offsets[place + 1];
    } else {
        const int64_t *offsets = array->buffers[1];
        from = offsets[place];
        to = offsets[place + 1];
    }
    return cc_bytes_of((const uint8_t *)array->buffers[2] + from, (size_t)(to - from));
}

/* ---- numbers ---- */

/* The double that the fewest digits of the float stand for. */
static double widened(float value) {
    char text[32];
    for (int digits = 6; digits < 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value)
            return strtod(text, NULL);
    }
    snprintf(text, sizeof text, "%.9g", (double)value);
    return strtod(text, NULL);
}

static cc_status number_of(const row_column *column, const struct ArrowArray *array, int64_t at,
                           uint8_t *number, size_t *size, cc_error *error) {
    const uint8_t *from = fixed(array, at, column->width);
    float narrow;
    double wide;
    cc_int128 decimal;
    switch (column->kind) {
    case ROW_INT:
        *size = cc_number_from_int64(signed_of(from, column->width), number);
        return CC_OK;
    case ROW_UINT:
        return cc_number_from_decimal((cc_int128)unsigned_of(from, column->width), 0, number, size, error);
    case ROW_FLOAT:
        memcpy(&narrow, from, 4);
        wide = fabsf(narrow) < 1e6f && narrow == nearbyintf(narrow) ? (double)narrow : widened(narrow);
        return cc_number_from_double(wide, number, size, error);
    case ROW_DOUBLE:
        memcpy(&wide, from, 8);
        return cc_number_from_double(wide, number, size, error);
    default:
        memcpy(&decimal, from, 16);
        return cc_number_from_decimal(decimal, -column->scale, number, size, error);
    }
}

/* ---- dates and times ---- */

/* Proleptic Gregorian date of days since 1970-01-01 (era arithmetic, no table). */
static int write_date(int64_t days, char *out, size_t room) {
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * day_of_year + 2) / 153;
    int64_t month = shifted < 10 ? shifted + 3 : shifted - 9;
    int64_t year = year_of_era + era * 400 + (month <= 2);
    int64_t day = day_of_year - (153 * shifted + 2) / 5 + 1;
    return snprintf(out, room, "%04lld-%02lld-%02lld", (long long)year, (long long)month, (long long)day);
}

static size_t date_of(const row_column *column, const struct ArrowArray *array, int64_t at, char *out) {
    int64_t value = signed_of(fixed(array, at, column->width), column->width);
    int64_t day = column->unit == 0 ? 1 : 86400000;
    return (size_t)write_date(value / day - (value % day < 0), out, ROW_ROOM);
}

static size_t timestamp_of(const row_column *column, const struct ArrowArray *array, int64_t at, char *out) {
    int64_t value = signed_of(fixed(array, at, 8), 8);
    int64_t seconds = value / column->unit - (value % column->unit < 0);
    int64_t fraction = value - seconds * column->unit;
    int64_t days = seconds / 86400 - (seconds % 86400 < 0), rest = seconds - days * 86400;
    size_t size = (size_t)write_date(days, out, ROW_ROOM);
    size += (size_t)snprintf(out + size, ROW_ROOM - size, "T%02d:%02d:%02d", (int)(rest / 3600),
                             (int)(rest / 60 % 60), (int)(rest % 60));
    if (fraction != 0) {
        int digits = column->unit == 1000 ? 3 : column->unit == 1000000 ? 6 : 9;
        size += (size_t)snprintf(out + size, ROW_ROOM - size, ".%0*lld", digits, (long long)fraction);
        while (out[size - 1] == '0')
            size--;
    }
    if (column->zone)
        out[size++] = 'Z';
    return size;
}

/* ---- what another type was asked for ---- */

static cc_status convert(cc_rows *rows, const row_column *column, uint8_t room[ROW_ROOM], cc_type *type,
                         cc_bytes *data, cc_error *error) {
    uint8_t number[CC_NUMBER_MAX];
    size_t size;
    if (column->wanted == CC_TYPE_N) { /* of text */
        CC_TRY(cc_number_parse(*data, number, &size, error));
        memcpy(room, number, size);
        *data = cc_bytes_of(room, size);
    } else if (column->wanted == CC_TYPE_B) { /* of base64 */
        cc_buffer_clear(&rows->text);
        if (cc_buffer_reserve(&rows->text, data->size / 4 * 3 + 3) != CC_OK)
            return cc_fail(error, CC_ERR_NOMEM, "no memory for a binary value");
        if (!cc_base64_decode(*data, rows->text.data, &size))
            return refuse(error, "not base64 text");
        *data = cc_bytes_of(rows->text.data, size);
    } else if (*type == CC_TYPE_N) { /* into text */
        memcpy(number, data->data, data->size);
        *data = cc_bytes_of(room, cc_number_text(cc_bytes_of(number, data->size), (char *)room));
    } else {
        *data = cc_bytes_text(data->data[0] ? "true" : "false");
    }
    *type = column->wanted;
    return CC_OK;
}

cc_status cc_row_scalar(cc_rows *rows, const row_column *column, const struct ArrowArray *array, int64_t at,
                        uint8_t room[ROW_ROOM], cc_type *type_out, cc_bytes *data_out, cc_error *error) {
    size_t size = 0;
    int64_t bit;
    switch (column->kind) {
    case ROW_TEXT:
        *type_out = CC_TYPE_S;
        *data_out = cc_row_bytes(column, array, at);
        if (CC_UNLIKELY(!cc_utf8_valid(*data_out)))
            return refuse(error, "the text is no UTF-8");
        break;
    case ROW_BINARY:
        *type_out = CC_TYPE_B;
        *data_out = cc_row_bytes(column, array, at);
        break;
    case ROW_BOOL:
        bit = array->offset + at;
        room[0] = ((const uint8_t *)array->buffers[1])[bit >> 3] >> (bit & 7) & 1;
        *type_out = CC_TYPE_BOOL;
        *data_out = cc_bytes_of(room, 1);
        break;
    case ROW_DATE:
    case ROW_TIMESTAMP:
        size = column->kind == ROW_DATE ? date_of(column, array, at, (char *)room)
                                        : timestamp_of(column, array, at, (char *)room);
        *type_out = CC_TYPE_S;
        *data_out = cc_bytes_of(room, size);
        break;
    default:
        CC_TRY(number_of(column, array, at, room, &size, error));
        *type_out = CC_TYPE_N;
        *data_out = cc_bytes_of(room, size);
    }
    if (CC_LIKELY(column->wanted == CC_TYPE_NONE || column->wanted == *type_out))
        return CC_OK;
    return convert(rows, column, room, type_out, data_out, error);
}
