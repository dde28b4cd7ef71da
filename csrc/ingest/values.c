/* values.c: JSON scalars into typed columns, with the coercions of the OpenX SerDe: numeric strings
 * become numbers, anything becomes text in a string column. What does not fit is a mismatch. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "ingest/columns_internal.h"

static cc_status no_memory(cc_error *error) { return cc_fail(error, CC_ERR_NOMEM, "no memory for columns"); }

cc_status cc_column_fixed(column *into, const void *value, cc_error *error) {
    if (cc_buffer_append(&into->data, value, into->width) != CC_OK || cc_column_present(into) != CC_OK)
        return no_memory(error);
    return CC_OK;
}

cc_status cc_column_end_text(column *into, cc_error *error) {
    if (into->data.size > INT32_MAX)
        return cc_fail(error, CC_ERR_LIMIT, "column %s holds 2 GiB of text", into->name);
    int32_t end = (int32_t)into->data.size;
    if (cc_buffer_append(&into->offsets, &end, 4) != CC_OK || cc_column_present(into) != CC_OK)
        return no_memory(error);
    return CC_OK;
}

/* ---- text ---- */

static cc_status read_text(column *into, cc_json_cursor *cursor, cc_json_kind kind, cc_error *error) {
    cc_bytes text;
    if (kind != CC_JSON_STRING) { /* a number, a boolean, a document: its JSON text */
        CC_TRY(cc_json_skip(cursor, &text, error));
        if (cc_buffer_append(&into->data, text.data, text.size) != CC_OK)
            return no_memory(error);
        return cc_column_end_text(into, error);
    }
    cc_json_string string;
    CC_TRY(cc_json_read_string(cursor, &string, error));
    if (cc_buffer_reserve(&into->data, string.text.size) != CC_OK)
        return no_memory(error);
    size_t size = string.text.size;
    if (CC_UNLIKELY(string.escaped))
        CC_TRY(cc_json_unescape(string, into->data.data + into->data.size, &size, error));
    else if (size != 0)
        memcpy(into->data.data + into->data.size, string.text.data, size);
    into->data.size += size;
    return cc_column_end_text(into, error);
}

static cc_status read_binary(column *into, cc_json_cursor *cursor, cc_json_kind kind, cc_error *error) {
    cc_json_string string;
    if (kind != CC_JSON_STRING) {
        CC_TRY(cc_json_skip(cursor, NULL, error));
        return cc_column_mismatch(into, "expected base64 text", error);
    }
    CC_TRY(cc_json_read_string(cursor, &string, error));
    if (cc_buffer_reserve(&into->data, string.text.size / 4 * 3 + 3) != CC_OK)
        return no_memory(error);
    size_t size;
    if (string.escaped || !cc_base64_decode(string.text, into->data.data + into->data.size, &size))
        return cc_column_mismatch(into, "not base64 text", error);
    into->data.size += size;
    return cc_column_end_text(into, error);
}

/* ---- numbers ---- */

/* sign, up to 19 digits, decimal exponent; `exact` false when digits had to be left out. */
typedef struct {
    bool negative, exact;
    uint64_t digits;
    int exponent;
} scanned;

/* What stands from the `e` of a number on (nothing: 0), held small enough never to overflow. */
static int scan_exponent(const uint8_t *at, const uint8_t *end) {
    if (at == end)
        return 0;
    at++;
    bool down = *at == '-';
    at += *at == '-' || *at == '+';
    int given = 0;
    for (; at < end; at++)
        if (given < 100000)
            given = given * 10 + (*at - '0');
    return down ? -given : given;
}

static scanned scan_number(cc_bytes text) {
    scanned s = {.exact = true};
    const uint8_t *at = text.data, *end = at + text.size;
    if (*at == '-') {
        s.negative = true;
        at++;
    }
    bool point = false;
    int count = 0;
    for (; at < end && *at != 'e' && *at != 'E'; at++) {
        if (*at == '.') {
            point = true;
            continue;
        }
        if (count < 19) {
            s.digits = s.digits * 10 + (uint64_t)(*at - '0');
            count += s.digits != 0;
            s.exponent -= point;
        } else {
            s.exact = s.exact && *at == '0';
            s.exponent += !point;
        }
    }
    s.exponent += scan_exponent(at, end);
    return s;
}

static bool integer_of(cc_bytes text, int64_t *value_out) {
    scanned s = scan_number(text);
    if (!s.exact)
        return false;
    for (; s.exponent < 0 && s.digits != 0; s.exponent++) { /* 5.0 and 50e-1 are integers */
        if (s.digits % 10 != 0)
            return false;
        s.digits /= 10;
    }
    for (; s.exponent > 0 && s.digits != 0; s.exponent--)
        if (__builtin_mul_overflow(s.digits, (uint64_t)10, &s.digits))
            return false;
    if (s.digits > (uint64_t)INT64_MAX + s.negative)
        return false;
    *value_out = s.negative ? (int64_t)((uint64_t)0 - s.digits) : (int64_t)s.digits;
    return true;
}

static const uint64_t FIVES[] = {
    UINT64_C(1),
    UINT64_C(5),
    UINT64_C(25),
    UINT64_C(125),
    UINT64_C(625),
    UINT64_C(3125),
    UINT64_C(15625),
    UINT64_C(78125),
    UINT64_C(390625),
    UINT64_C(1953125),
    UINT64_C(9765625),
    UINT64_C(48828125),
    UINT64_C(244140625),
    UINT64_C(1220703125),
    UINT64_C(6103515625),
    UINT64_C(30517578125),
    UINT64_C(152587890625),
    UINT64_C(762939453125),
    UINT64_C(3814697265625),
    UINT64_C(19073486328125),
    UINT64_C(95367431640625),
    UINT64_C(476837158203125),
    UINT64_C(2384185791015625),
    UINT64_C(11920928955078125),
    UINT64_C(59604644775390625),
    UINT64_C(298023223876953125),
    UINT64_C(1490116119384765625),
    UINT64_C(7450580596923828125),
};

/* Correctly rounded digits * 10^exponent for |exponent| <= 27: 5^27 < 2^63, so the product is exact
 * in 128 bits and the quotient's remainder is known; one rounding follows, half to even. The value
 * lies between 1e-27 and 2e46: never subnormal, never infinite. */
static double scaled_by_integers(uint64_t digits, int exponent) {
    uint64_t power = FIVES[exponent < 0 ? -exponent : exponent];
    unsigned __int128 wide;
    uint64_t head; /* the leading 62..64 bits; the lowest one also stands for all that follow */
    int binary;    /* value = head * 2^binary */
    if (exponent >= 0) {
        wide = (unsigned __int128)digits * power;
        uint64_t high = (uint64_t)(wide >> 64);
        int drop = high != 0 ? 64 - __builtin_clzll(high) : 0;
        head = (uint64_t)(wide >> drop);
        head |= drop != 0 && (wide & (((unsigned __int128)1 << drop) - 1)) != 0;
        binary = exponent + drop;
    } else {
        int up = __builtin_clzll(digits), power_up = __builtin_clzll(power);
        wide = (unsigned __int128)(digits << up) << 63; /* its high half is below the divisor */
        uint64_t divisor = power << power_up;
        head = (uint64_t)(wide / divisor);
        head |= wide != (unsigned __int128)head * divisor;
        binary = exponent - up - 63 + power_up;
    }
    int extra = 64 - __builtin_clzll(head) - 53;
    if (extra > 0) {
        uint64_t rest = head & (((uint64_t)1 << extra) - 1), half = (uint64_t)1 << (extra - 1);
        head >>= extra;
        head += rest > half || (rest == half && (head & 1) != 0);
        binary += extra;
    }
    uint64_t two_to_binary = (uint64_t)(binary + 1023) << 52; /* the product is exact */
    double scale;
    memcpy(&scale, &two_to_binary, 8);
    return (double)head * scale;
}

double cc_column_double(uint64_t digits, int exponent) {
    static const double tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                  1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (digits <= (uint64_t)1 << 53 && exponent >= -22 && exponent <= 22)
        return exponent < 0 ? (double)digits / tens[-exponent] : (double)digits * tens[exponent];
    return digits == 0 ? 0 : scaled_by_integers(digits, exponent);
}

/* Correctly rounded: exact powers of ten where the product is exact (Clinger 1990), then integers
 * for what producers print (up to 19 digits), else strtod. */
static cc_status double_of(const cc_columns *columns, cc_bytes text, double *value_out, cc_error *error) {
    scanned s = scan_number(text);
    if (s.exact && s.exponent >= -27 && s.exponent <= 27) {
        double value = cc_column_double(s.digits, s.exponent);
        *value_out = s.negative ? -value : value;
        return CC_OK;
    }
    char fixed[512], *copy = fixed;
    if (text.size >= sizeof fixed)
        copy = malloc(text.size + 1);
    if (copy == NULL)
        return no_memory(error);
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    *value_out = strtod_l(copy, NULL, columns->locale);
    if (copy != fixed)
        free(copy);
    return CC_OK;
}

/* The text of a number, or of a string that holds one. */
static cc_status number_text(column *into, cc_json_cursor *cursor, cc_json_kind kind, cc_bytes *text_out,
                             cc_error *error) {
    if (kind == CC_JSON_NUMBER)
        return cc_json_read_number(cursor, text_out, error);
    if (kind != CC_JSON_STRING) {
        CC_TRY(cc_json_skip(cursor, NULL, error));
        return cc_column_mismatch(into, "expected a number", error);
    }
    cc_json_string string;
    CC_TRY(cc_json_read_string(cursor, &string, error));
    cc_json_cursor inner = cc_json_open(string.text);
    if (string.escaped || cc_json_peek(&inner) != CC_JSON_NUMBER ||
        cc_json_read_number(&inner, text_out, NULL) != CC_OK || cc_json_finish(&inner, NULL) != CC_OK)
        return cc_column_mismatch(into, "the text is no number", error);
    return CC_OK;
}

static cc_status read_integer(column *into, cc_json_cursor *cursor, cc_json_kind kind, cc_error *error) {
    cc_bytes text;
    int64_t value;
    CC_TRY(number_text(into, cursor, kind, &text, error));
    int bits = (int)into->width * 8;
    if (!integer_of(text, &value) ||
        (bits < 64 && (value < -((int64_t)1 << (bits - 1)) || value >= (int64_t)1 << (bits - 1))))
        return cc_column_mismatch(into, "not an integer of its range", error);
    return cc_column_fixed(into, &value, error); /* little-endian: the low bytes */
}

static cc_status read_float(const cc_columns *columns, column *into, cc_json_cursor *cursor,
                            cc_json_kind kind, cc_error *error) {
    cc_bytes text;
    double value;
    CC_TRY(number_text(into, cursor, kind, &text, error));
    CC_TRY(double_of(columns, text, &value, error));
    float narrow = (float)value;
    if (!isfinite(into->kind == COLUMN_FLOAT ? (double)narrow : value))
        return cc_column_mismatch(into, "the number is out of range", error);
    return cc_column_fixed(into, into->kind == COLUMN_FLOAT ? (void *)&narrow : (void *)&value, error);
}

static cc_status read_decimal(column *into, cc_json_cursor *cursor, cc_json_kind kind, cc_error *error) {
    cc_bytes text;
    CC_TRY(number_text(into, cursor, kind, &text, error));
    const uint8_t *at = text.data, *end = at + text.size;
    bool negative = *at == '-', point = false;
    at += negative;
    unsigned __int128 value = 0;
    int digits = 0, exponent = 0;
    for (; at < end && *at != 'e' && *at != 'E'; at++) {
        if (*at == '.') {
            point = true;
            continue;
        }
        if (digits == 38)
            return cc_column_mismatch(into, "too many digits for its precision", error);
        value = value * 10 + (unsigned)(*at - '0');
        digits += value != 0;
        exponent -= point;
    }
    exponent += scan_exponent(at, end);
    for (; exponent < -into->scale && value % 10 == 0 && value != 0; exponent++, digits--)
        value /= 10;
    if (value != 0 && exponent < -into->scale)
        return cc_column_mismatch(into, "too many digits behind the point", error);
    for (; value != 0 && exponent > -into->scale; exponent--, digits++) {
        if (digits >= 38)
            return cc_column_mismatch(into, "too many digits for its precision", error);
        value *= 10;
    }
    if (digits > into->precision)
        return cc_column_mismatch(into, "too many digits for its precision", error);
    unsigned __int128 stored = negative ? (unsigned __int128)0 - value : value;
    return cc_column_fixed(into, &stored, error);
}

/* ---- booleans, dates, timestamps ---- */

static cc_status read_bool(column *into, cc_json_cursor *cursor, cc_json_kind kind, cc_error *error) {
    bool value;
    if (kind == CC_JSON_TRUE || kind == CC_JSON_FALSE) {
        CC_TRY(cc_json_read_bool(cursor, &value, error));
    } else {
        cc_bytes text;
        CC_TRY(cc_json_skip(cursor, &text, error));
        value = cc_bytes_equal(text, cc_bytes_text("\"true\""));
        if (!value && !cc_bytes_equal(text, cc_bytes_text("\"false\"")))
            return cc_column_mismatch(into, "expected true or false", error);
    }
    uint8_t byte = value;
    return cc_column_fixed(into, &byte, error);
}

/* Reads 1..`most` digits. */
static bool take_digits(const uint8_t **at, const uint8_t *end, int least, int most, int *value_out) {
    int count = 0;
    *value_out = 0;
    while (*at < end && count < most && **at >= '0' && **at <= '9') {
        *value_out = *value_out * 10 + (*(*at)++ - '0');
        count++;
    }
    return count >= least;
}

static bool take(const uint8_t **at, const uint8_t *end, char c) {
    if (*at < end && **at == (uint8_t)c) {
        (*at)++;
        return true;
    }
    return false;
}

static bool take_date(const uint8_t **at, const uint8_t *end, int64_t *days_out) {
    int year, month, day;
    static const uint8_t lengths[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (!take_digits(at, end, 4, 4, &year) || !take(at, end, '-') || !take_digits(at, end, 1, 2, &month) ||
        !take(at, end, '-') || !take_digits(at, end, 1, 2, &day) || month < 1 || month > 12 || day < 1 ||
        day > lengths[month - 1])
        return false;
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (month == 2 && day == 29 && !leap)
        return false;
    *days_out = cc_days_of(year, month, day);
    return true;
}

/* yyyy-M-d[T ]H:mm[:ss[.fraction]][Z|+hh:mm] to units since the epoch, fractions cut. */
static bool timestamp_of(cc_bytes text, int64_t unit, int64_t *value_out) {
    const uint8_t *at = text.data, *end = at + text.size;
    int64_t days, fraction = 0, scale = 1;
    int hour = 0, minute = 0, second = 0, offset = 0;
    if (!take_date(&at, end, &days))
        return false;
    if (at < end) {
        if (!take(&at, end, 'T') && !take(&at, end, ' '))
            return false;
        if (!take_digits(&at, end, 1, 2, &hour) || !take(&at, end, ':') ||
            !take_digits(&at, end, 2, 2, &minute))
            return false;
        if (take(&at, end, ':') && !take_digits(&at, end, 2, 2, &second))
            return false;
        if (take(&at, end, '.')) {
            const uint8_t *start = at;
            for (; at < end && *at >= '0' && *at <= '9'; at++)
                if (scale < unit) {
                    fraction = fraction * 10 + (*at - '0');
                    scale *= 10;
                }
            if (at == start)
                return false;
        }
        if (at < end && (*at == '+' || *at == '-')) {
            int sign = *at++ == '-' ? -1 : 1, hours, minutes;
            if (!take_digits(&at, end, 2, 2, &hours))
                return false;
            (void)take(&at, end, ':');
            if (!take_digits(&at, end, 2, 2, &minutes) || hours > 23 || minutes > 59)
                return false;
            offset = sign * (hours * 3600 + minutes * 60);
        } else {
            (void)take(&at, end, 'Z');
        }
    }
    if (at != end || hour > 23 || minute > 59 || second > 60)
        return false;
    for (; scale < unit; scale *= 10)
        fraction *= 10;
    int64_t seconds = days * 86400 + (int64_t)hour * 3600 + (int64_t)minute * 60 + second - offset;
    return !__builtin_mul_overflow(seconds, unit, value_out) &&
           !__builtin_add_overflow(*value_out, fraction, value_out);
}

/* Numbers: epoch seconds, or milliseconds from 1e11 on (the year 5138 in seconds); fractions count. */
static bool timestamp_of_number(double value, int64_t unit, int64_t *value_out) {
    double seconds = fabs(value) >= 1e11 ? value / 1000 : value;
    double scaled = floor(seconds * (double)unit + 0.5);
    if (!(fabs(scaled) < 9.2e18))
        return false;
    *value_out = (int64_t)scaled;
    return true;
}

static bool timestamp_of_millis(int64_t number, int64_t unit, int64_t *value_out) {
    if (unit >= 1000)
        return !__builtin_mul_overflow(number, unit / 1000, value_out);
    *value_out = number / 1000 - (number % 1000 < 0); /* seconds: towards the past, as text is cut */
    return true;
}

/* The same for a whole number, exact at any unit. */
static bool timestamp_of_integer(int64_t number, int64_t unit, int64_t *value_out) {
    const int64_t milliseconds = 100000000000;
    if (number < milliseconds && number > -milliseconds)
        return !__builtin_mul_overflow(number, unit, value_out);
    return timestamp_of_millis(number, unit, value_out);
}

static cc_status read_time(const cc_columns *columns, column *into, cc_json_cursor *cursor, cc_json_kind kind,
                           cc_error *error) {
    int64_t value = 0;
    bool date = into->kind == COLUMN_DATE, good = false;
    if (kind == CC_JSON_STRING) {
        cc_json_string string;
        CC_TRY(cc_json_read_string(cursor, &string, error));
        const uint8_t *at = string.text.data, *end = at + string.text.size;
        good = date ? take_date(&at, end, &value) && at == end
                    : timestamp_of(string.text, into->unit, &value);
        if (!date && (columns->flags & CC_COLUMNS_STRICT))
            good = good && memchr(at, ' ', string.text.size) != NULL &&
                   memchr(at, 'T', string.text.size) == NULL;
    } else if (kind == CC_JSON_NUMBER && !date && (columns->flags & CC_COLUMNS_STRICT)) {
        cc_bytes text;
        CC_TRY(cc_json_read_number(cursor, &text, error));
        good = (columns->flags & CC_COLUMNS_MILLIS) && integer_of(text, &value) &&
               timestamp_of_millis(value, into->unit, &value);
    } else if (kind == CC_JSON_NUMBER) {
        cc_bytes text;
        double number;
        CC_TRY(cc_json_read_number(cursor, &text, error));
        if (date) {
            good = integer_of(text, &value);
        } else if (integer_of(text, &value)) {
            good = timestamp_of_integer(value, into->unit, &value);
        } else {
            CC_TRY(double_of(columns, text, &number, error));
            good = timestamp_of_number(number, into->unit, &value);
        }
    } else {
        CC_TRY(cc_json_skip(cursor, NULL, error));
    }
    if (!good || (date && (value < INT32_MIN || value > INT32_MAX)))
        return cc_column_mismatch(into, date ? "not a date" : "not a timestamp", error);
    /* ORC's readers take times of that second for those of the second after it, where they have milliseconds. */
    bool last_second = value < 0 && value > -into->unit && value + into->unit >= into->unit / 1000;
    if (!date && last_second && (columns->flags & CC_COLUMNS_ORC_TIMES))
        return cc_column_mismatch(into, "ORC takes no milliseconds in the last second before 1970", error);
    return cc_column_fixed(into, &value, error);
}

cc_status cc_column_scalar(cc_columns *columns, column *into, cc_json_cursor *cursor, cc_json_kind kind,
                           cc_error *error) {
    switch (into->kind) {
    case COLUMN_STRING:
        return read_text(into, cursor, kind, error);
    case COLUMN_BINARY:
        return read_binary(into, cursor, kind, error);
    case COLUMN_BOOL:
        return read_bool(into, cursor, kind, error);
    case COLUMN_INT8:
    case COLUMN_INT16:
    case COLUMN_INT32:
    case COLUMN_INT64:
        return read_integer(into, cursor, kind, error);
    case COLUMN_FLOAT:
    case COLUMN_DOUBLE:
        return read_float(columns, into, cursor, kind, error);
    case COLUMN_DECIMAL:
        return read_decimal(into, cursor, kind, error);
    case COLUMN_DATE:
    case COLUMN_TIMESTAMP:
        return read_time(columns, into, cursor, kind, error);
    default:
        CC_TRY(cc_json_skip(cursor, NULL, error));
        return cc_column_mismatch(into, "expected an object", error);
    }
}
