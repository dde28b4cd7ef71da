/* quick.c: the values that nearly every record has, each read in one pass over its bytes: plain ASCII text, numbers of
 * up to 19 digits without an exponent, booleans, timestamps as yyyy-mm-ddThh:mm:ss[.fraction][Z] from 1970 to 2200.
 *
 * Anything else, and anything that is wrong, is left to values.c with the cursor where it was: nothing is refused here,
 * and what is read here values.c would read the same. */
#include "base/little.h"
#include "ingest/columns_internal.h"

enum { TEXT_ROOM = 256, YEAR_FIRST = 1970, YEAR_LAST = 2200 };

static cc_status no_memory(cc_error *error) { return cc_fail(error, CC_ERR_NOMEM, "no memory for columns"); }

/* ---- numbers ---- */

/* Eight digits at once. */
static inline bool eight_digits(const uint8_t *at, uint64_t *value_out) {
    const uint64_t high = UINT64_C(0xf0f0f0f0f0f0f0f0), zeros = UINT64_C(0x3030303030303030);
    uint64_t word = cc_get_u64(at);
    if ((word & high) != zeros || ((word + UINT64_C(0x0606060606060606)) & high) != zeros)
        return false;
    word -= zeros;
    word = word * 10 + (word >> 8); /* pairs, in every other byte */
    const uint64_t pairs = UINT64_C(0x000000ff000000ff);
    *value_out = ((word & pairs) * UINT64_C(0x000f424000000064) +
                  ((word >> 16) & pairs) * UINT64_C(0x0000271000000001)) >>
                 32;
    return true;
}

/* Digits from *at on; their count, or more than 19 where a number of 64 bits may not hold them. */
static inline int take_run(const uint8_t **at, const uint8_t *end, int count, uint64_t *digits) {
    uint64_t eight;
    while (end - *at >= 8 && count <= 11 && eight_digits(*at, &eight)) {
        *digits = *digits * 100000000 + eight;
        *at += 8;
        count += 8;
    }
    for (; *at < end && (uint8_t)(**at - '0') <= 9 && count <= 19; (*at)++, count++)
        *digits = *digits * 10 + (uint64_t)(**at - '0');
    return count;
}

typedef struct {
    bool negative;
    uint64_t digits;
    int exponent; /* 0, or minus the digits behind the point */
} quick_number;

/* Where the number ends, NULL when it is not such a one. */
static inline const uint8_t *scan(const cc_json_cursor *cursor, quick_number *out) {
    const uint8_t *at = cursor->at, *end = cursor->end;
    *out = (quick_number){.negative = *at == '-'};
    at += out->negative;
    const uint8_t *first = at;
    int whole = take_run(&at, end, 0, &out->digits);
    if (whole == 0 || whole > 19 || (whole > 1 && *first == '0'))
        return NULL;
    if (at < end && *at == '.') {
        at++;
        int all = take_run(&at, end, whole, &out->digits);
        out->exponent = whole - all;
        if (all == whole || all > 19)
            return NULL;
    }
    return at < end && (*at | 0x20) == 'e' ? NULL : at;
}

static cc_status put_eight(column *into, const void *value, cc_error *error) {
    if (cc_buffer_reserve(&into->data, 8) != CC_OK || cc_column_present(into) != CC_OK)
        return no_memory(error);
    memcpy(into->data.data + into->data.size, value, 8);
    into->data.size += 8;
    return CC_OK;
}

static cc_status quick_integer(column *into, cc_json_cursor *cursor, bool *done_out, cc_error *error) {
    quick_number number;
    const uint8_t *end = scan(cursor, &number);
    if (end == NULL || number.exponent != 0 || number.digits > INT64_MAX)
        return CC_OK;
    int64_t value = number.negative ? -(int64_t)number.digits : (int64_t)number.digits;
    int bits = (int)into->width * 8;
    if (bits < 64 && (value < -((int64_t)1 << (bits - 1)) || value >= (int64_t)1 << (bits - 1)))
        return CC_OK;
    cursor->at = end;
    *done_out = true;
    return bits == 64 ? put_eight(into, &value, error) : cc_column_fixed(into, &value, error);
}

static cc_status quick_double(column *into, cc_json_cursor *cursor, bool *done_out, cc_error *error) {
    quick_number number;
    const uint8_t *end = scan(cursor, &number);
    if (end == NULL)
        return CC_OK;
    double value = cc_column_double(number.digits, number.exponent);
    value = number.negative ? -value : value;
    cursor->at = end;
    *done_out = true;
    return put_eight(into, &value, error);
}

/* ---- text, booleans ---- */

static cc_status quick_text(column *into, cc_json_cursor *cursor, bool *done_out, cc_error *error) {
    size_t size;
    if (cc_buffer_reserve(&into->data, TEXT_ROOM) != CC_OK)
        return no_memory(error);
    if (!cc_json_copy_plain(cursor, into->data.data + into->data.size, TEXT_ROOM, &size))
        return CC_OK;
    into->data.size += size;
    *done_out = true;
    return cc_column_end_text(into, error);
}

static cc_status quick_bool(column *into, cc_json_cursor *cursor, bool *done_out, cc_error *error) {
    size_t left = (size_t)(cursor->end - cursor->at);
    bool yes = left >= 4 && memcmp(cursor->at, "true", 4) == 0;
    if (!yes && !(left >= 5 && memcmp(cursor->at, "false", 5) == 0))
        return CC_OK;
    cursor->at += yes ? 4 : 5;
    *done_out = true;
    if (cc_buffer_append_byte(&into->data, yes) != CC_OK || cc_column_present(into) != CC_OK)
        return no_memory(error);
    return CC_OK;
}

/* ---- timestamps ---- */

/* Two digits; more than 99 when they are none. */
static inline unsigned two(const uint8_t *at) {
    unsigned tens = (unsigned)at[0] - '0', ones = (unsigned)at[1] - '0';
    return tens > 9 || ones > 9 ? 1000 : tens * 10 + ones;
}

static cc_status quick_timestamp(column *into, cc_json_cursor *cursor, bool *done_out, cc_error *error) {
    static const uint8_t lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const uint8_t *at = cursor->at + 1, *end = cursor->end;
    if (end - at < 20 || at[4] != '-' || at[7] != '-' || (at[10] != 'T' && at[10] != ' ') || at[13] != ':' ||
        at[16] != ':')
        return CC_OK;
    unsigned century = two(at), rest = two(at + 2), year = century * 100 + rest, month = two(at + 5),
             day = two(at + 8), hour = two(at + 11), minute = two(at + 14), second = two(at + 17);
    if (century > 99 || rest > 99 || year < YEAR_FIRST || year > YEAR_LAST || month < 1 || month > 12 ||
        day < 1 || day > lengths[month - 1] || hour > 23 || minute > 59 || second > 60)
        return CC_OK;
    int64_t fraction = 0, scale = 1;
    at += 19;
    if (*at == '.') {
        const uint8_t *first = ++at;
        for (; at < end && (uint8_t)(*at - '0') <= 9; at++)
            if (scale < into->unit) {
                fraction = fraction * 10 + (*at - '0');
                scale *= 10;
            }
        if (at == first)
            return CC_OK;
    }
    at += at < end && *at == 'Z';
    if (at == end || *at != '"')
        return CC_OK;
    for (; scale < into->unit; scale *= 10)
        fraction *= 10;
    int64_t days = cc_days_of((int64_t)year, (int)month, (int)day);
    int64_t seconds = days * 86400 + (int64_t)(hour * 3600 + minute * 60 + second);
    int64_t value = seconds * into->unit + fraction;
    cursor->at = at + 1;
    *done_out = true;
    return put_eight(into, &value, error);
}

cc_status cc_column_quick(column *into, cc_json_cursor *cursor, bool *done_out, cc_error *error) {
    *done_out = false;
    if (cursor->at == cursor->end)
        return CC_OK;
    uint8_t first = *cursor->at;
    bool text = first == '"', number = first == '-' || (uint8_t)(first - '0') <= 9;
    switch (into->kind) {
    case COLUMN_STRING:
        return text ? quick_text(into, cursor, done_out, error) : CC_OK;
    case COLUMN_INT8:
    case COLUMN_INT16:
    case COLUMN_INT32:
    case COLUMN_INT64:
        return number ? quick_integer(into, cursor, done_out, error) : CC_OK;
    case COLUMN_DOUBLE:
        return number ? quick_double(into, cursor, done_out, error) : CC_OK;
    case COLUMN_BOOL:
        return quick_bool(into, cursor, done_out, error);
    case COLUMN_TIMESTAMP:
        return text ? quick_timestamp(into, cursor, done_out, error) : CC_OK;
    default:
        return CC_OK;
    }
}
