/* number.c: the 38-digit decimal. Form and limits: number.h.
 *
 * Inside this file a number is `decimal`: sign, decimal digits d1 d2 .. (no leading or trailing zero)
 * and the exponent e of 0.d1d2.. x 10^e. Zero has no digits. */
#include "codec/number.h"

#include "codec/json.h"

enum {
    DIGITS_MAX = 38,
    EXPONENT_MAX = 126,  /* 9.99E+125 = 0.999 x 10^126 */
    EXPONENT_MIN = -129, /* 1E-130   = 0.1 x 10^-129 */
    BIAS = 129,
    WIDE = 320 /* digits of an exact sum before it is rounded to nothing: 126 + 130 + 38 */
};

typedef struct {
    bool negative;
    int count, exponent;
    uint8_t digits[WIDE];
} decimal;

/* Drops leading and trailing zeros; a number without digits is zero. */
static void normalise(decimal *d) {
    int lead = 0;
    while (lead < d->count && d->digits[lead] == 0)
        lead++;
    if (lead > 0) {
        memmove(d->digits, d->digits + lead, (size_t)(d->count - lead));
        d->count -= lead;
        d->exponent -= lead;
    }
    while (d->count > 0 && d->digits[d->count - 1] == 0)
        d->count--;
    if (d->count == 0) {
        d->negative = false;
        d->exponent = 0;
    }
}

static cc_status refuse(cc_error *error, const char *text) {
    return cc_fail_aws(error, CC_ERR_VALIDATION, "ValidationException", "%s", text);
}

static cc_status check_limits(const decimal *d, cc_error *error) {
    if (d->count == 0)
        return CC_OK;
    if (d->count > DIGITS_MAX)
        return refuse(error, "Attempting to store more than 38 significant digits in a Number");
    if (d->exponent > EXPONENT_MAX)
        return refuse(error, "Number overflow. Attempting to store a number with magnitude larger "
                             "than supported range");
    if (d->exponent < EXPONENT_MIN)
        return refuse(error, "Number underflow. Attempting to store a number with magnitude "
                             "smaller than supported range");
    return CC_OK;
}

static size_t encode(const decimal *d, uint8_t *out) {
    if (d->count == 0) {
        out[0] = 0x80;
        return 1;
    }
    size_t at = 0;
    out[at++] = d->negative ? 0x7f : 0x81;
    out[at++] = (uint8_t)(d->exponent + BIAS);
    for (int i = 0; i < d->count; i += 2) {
        int second = i + 1 < d->count ? d->digits[i + 1] : 0;
        out[at++] = (uint8_t)(d->digits[i] * 10 + second + 1);
    }
    out[at++] = 0;
    if (d->negative)
        for (size_t i = 1; i < at; i++)
            out[i] = (uint8_t)~out[i];
    return at;
}

static void decode(cc_bytes number, decimal *d) {
    d->negative = number.data[0] == 0x7f;
    d->count = 0;
    d->exponent = 0;
    if (number.data[0] == 0x80)
        return;
    uint8_t flip = d->negative ? 0xff : 0;
    d->exponent = (number.data[1] ^ flip) - BIAS;
    for (size_t i = 2; i + 1 < number.size; i++) {
        int pair = (number.data[i] ^ flip) - 1;
        d->digits[d->count++] = (uint8_t)(pair / 10);
        d->digits[d->count++] = (uint8_t)(pair % 10);
    }
    while (d->count > 0 && d->digits[d->count - 1] == 0)
        d->count--;
}

bool cc_number_valid(cc_bytes number) {
    if (number.size == 1)
        return number.data[0] == 0x80;
    if (number.size < 4 || number.size > CC_NUMBER_MAX || (number.data[0] != 0x7f && number.data[0] != 0x81))
        return false;
    uint8_t flip = number.data[0] == 0x7f ? 0xff : 0;
    if ((number.data[number.size - 1] ^ flip) != 0)
        return false;
    for (size_t i = 2; i + 1 < number.size; i++) {
        int pair = number.data[i] ^ flip;
        if (pair < 1 || pair > 100)
            return false;
        if (i == 2 && pair - 1 < 10)
            return false; /* a leading zero digit */
        if (i + 2 == number.size && pair == 1)
            return false; /* a trailing zero pair */
    }
    return true;
}

/* [+-]digits[.digits][e[+-]digits]; false when the text is not that. */
static bool scan(cc_bytes text, decimal *d, bool *too_long) {
    const uint8_t *at = text.data, *end = text.data + text.size;
    d->negative = false; /* the digits need no clearing: count says which are there */
    d->count = d->exponent = 0;
    if (at < end && (*at == '+' || *at == '-'))
        d->negative = *at++ == '-';
    bool any = false, point = false;
    long exponent = 0; /* of the digits read so far */
    for (; at < end; at++) {
        if (*at == '.' && !point) {
            point = true;
            continue;
        }
        if (*at < '0' || *at > '9')
            break;
        any = true;
        if (d->count == 0 && *at == '0') { /* leading zeros carry only position */
            exponent -= point;
            continue;
        }
        if (d->count < WIDE)
            d->digits[d->count++] = (uint8_t)(*at - '0');
        else if (*at != '0')
            *too_long = true;
        exponent += !point;
    }
    if (!any)
        return false;
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        bool down = false;
        if (at < end && (*at == '+' || *at == '-'))
            down = *at++ == '-';
        if (at == end)
            return false;
        long given = 0;
        for (; at < end && *at >= '0' && *at <= '9'; at++)
            if (given < 1000000) /* far beyond every limit already */
                given = given * 10 + (*at - '0');
        exponent += down ? -given : given;
    }
    if (at != end)
        return false;
    if (exponent > 100000)
        exponent = 100000;
    if (exponent < -100000)
        exponent = -100000;
    d->exponent = (int)exponent;
    return true;
}

/* Most numbers are small integers: no digit array, no limits to check. */
static bool parse_small(cc_bytes text, uint8_t *out, size_t *size_out) {
    const uint8_t *at = text.data;
    size_t size = text.size;
    bool negative = size > 0 && *at == '-';
    at += negative;
    size -= negative;
    if (size == 0 || size > 18 || *at == '0')
        return false;
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        if (at[i] < '0' || at[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(at[i] - '0');
    }
    *size_out = cc_number_from_int64(negative ? -(int64_t)value : (int64_t)value, out);
    return true;
}

cc_status cc_number_parse(cc_bytes text, uint8_t *number_out, size_t *size_out, cc_error *error) {
    if (CC_LIKELY(parse_small(text, number_out, size_out)))
        return CC_OK;
    decimal d;
    bool too_long = false;
    if (!scan(text, &d, &too_long))
        return cc_fail_aws(error, CC_ERR_VALIDATION, "ValidationException",
                           "The parameter cannot be converted to a numeric value%s%.*s",
                           text.size == 0 ? "" : ": ", (int)cc_utf8_cut(text, 200), (const char *)text.data);
    normalise(&d);
    if (too_long)
        d.count = DIGITS_MAX + 1;
    CC_TRY(check_limits(&d, error));
    *size_out = encode(&d, number_out);
    return CC_OK;
}

/* Most numbers are integers of digits up to the point: their pairs as they stand. 0: it is another one. */
static size_t integer_text(cc_bytes number, char *out) {
    if (number.size < 4)
        return 0;
    bool negative = number.data[0] == 0x7f;
    uint8_t flip = negative ? 0xff : 0;
    size_t pairs = number.size - 3, at = negative;
    int exponent = (number.data[1] ^ flip) - BIAS, spare = (int)pairs * 2 - exponent;
    if (spare != 0 && spare != 1)
        return 0;
    out[0] = '-';
    for (size_t i = 0; i < pairs; i++, at += 2) {
        uint32_t pair = (uint32_t)(number.data[2 + i] ^ flip) - 1;
        out[at] = (char)('0' + pair / 10);
        out[at + 1] = (char)('0' + pair % 10);
    }
    if (spare == 1 && out[at - 1] != '0')
        return 0; /* a digit behind the point */
    return at - (size_t)spare;
}

size_t cc_number_text(cc_bytes number, char *out) {
    size_t whole = integer_text(number, out);
    if (CC_LIKELY(whole != 0))
        return whole;
    decimal d;
    decode(number, &d);
    size_t at = 0;
    if (d.negative)
        out[at++] = '-';
    if (d.count == 0 || d.exponent <= 0)
        out[at++] = '0';
    if (d.count > 0 && d.exponent <= 0) {
        out[at++] = '.';
        for (int i = d.exponent; i < 0; i++)
            out[at++] = '0';
    }
    for (int i = 0; i < d.count; i++) {
        if (i == d.exponent && i > 0)
            out[at++] = '.';
        out[at++] = (char)('0' + d.digits[i]);
    }
    for (int i = d.count; i < d.exponent; i++)
        out[at++] = '0';
    return at;
}

/* |a| >= |b| as digit strings aligned at the point. */
static int compare_magnitude(const decimal *a, const decimal *b) {
    if (a->count == 0 || b->count == 0)
        return (a->count > 0) - (b->count > 0);
    if (a->exponent != b->exponent)
        return a->exponent > b->exponent ? 1 : -1;
    for (int i = 0; i < a->count || i < b->count; i++) {
        int x = i < a->count ? a->digits[i] : 0, y = i < b->count ? b->digits[i] : 0;
        if (x != y)
            return x > y ? 1 : -1;
    }
    return 0;
}

/* larger +- smaller, |larger| >= |smaller|, exact: both fit WIDE digits by the limits. */
static void combine(const decimal *larger, const decimal *smaller, bool subtract, decimal *out) {
    int top = larger->exponent + 1; /* one place for a carry */
    int low_l = larger->exponent - larger->count, low_s = smaller->exponent - smaller->count;
    int bottom = low_l < low_s ? low_l : low_s;
    out->negative = larger->negative;
    out->count = top - bottom;
    out->exponent = top;
    CC_ASSERT(out->count <= WIDE);
    int carry = 0;
    for (int at = out->count - 1, place = bottom; at >= 0; at--, place++) { /* digit of weight 10^place */
        int i = larger->exponent - 1 - place, j = smaller->exponent - 1 - place;
        int x = i >= 0 && i < larger->count ? larger->digits[i] : 0;
        int y = j >= 0 && j < smaller->count ? smaller->digits[j] : 0;
        int sum = subtract ? x - y - carry : x + y + carry;
        carry = subtract ? sum < 0 : sum > 9;
        out->digits[at] = (uint8_t)(sum + (sum < 0 ? 10 : 0) - (sum > 9 ? 10 : 0));
    }
    normalise(out);
}

static cc_status add_signed(cc_bytes a, cc_bytes b, bool negate, uint8_t *number_out, size_t *size_out,
                            cc_error *error) {
    decimal x, y, sum;
    decode(a, &x);
    decode(b, &y);
    if (negate && y.count > 0)
        y.negative = !y.negative;
    const decimal *larger = &x, *smaller = &y;
    if (compare_magnitude(&x, &y) < 0) {
        larger = &y;
        smaller = &x;
    }
    if (smaller->count == 0)
        sum = *larger;
    else
        combine(larger, smaller, x.negative != y.negative, &sum);
    CC_TRY(check_limits(&sum, error));
    *size_out = encode(&sum, number_out);
    return CC_OK;
}

cc_status cc_number_add(cc_bytes a, cc_bytes b, uint8_t *number_out, size_t *size_out, cc_error *error) {
    return add_signed(a, b, false, number_out, size_out, error);
}

cc_status cc_number_subtract(cc_bytes a, cc_bytes b, uint8_t *number_out, size_t *size_out, cc_error *error) {
    return add_signed(a, b, true, number_out, size_out, error);
}

size_t cc_number_from_int64(int64_t value, uint8_t *number_out) {
    if (value == 0) {
        number_out[0] = 0x80;
        return 1;
    }
    bool negative = value < 0;
    uint64_t magnitude = negative ? (uint64_t)0 - (uint64_t)value : (uint64_t)value;
    int digits = 0;
    for (uint64_t rest = magnitude; rest != 0; rest /= 10)
        digits++;
    if (digits & 1) { /* pairs start at the first digit */
        if (magnitude <= UINT64_MAX / 10) {
            magnitude *= 10;
        } else {
            decimal d = {.negative = negative, .count = digits, .exponent = digits};
            for (int i = digits - 1; i >= 0; i--, magnitude /= 10)
                d.digits[i] = (uint8_t)(magnitude % 10);
            normalise(&d);
            return encode(&d, number_out);
        }
    }
    int pairs = (digits + 1) / 2;
    uint8_t flip = negative ? 0xff : 0;
    number_out[0] = negative ? 0x7f : 0x81;
    number_out[1] = (uint8_t)((digits + BIAS) ^ flip);
    while (magnitude % 100 == 0) {
        magnitude /= 100;
        pairs--;
    }
    for (int i = pairs - 1; i >= 0; i--, magnitude /= 100)
        number_out[2 + i] = (uint8_t)((magnitude % 100 + 1) ^ flip);
    number_out[2 + pairs] = flip;
    return (size_t)pairs + 3;
}

size_t cc_number_item_size(cc_bytes number) {
    if (number.size == 1)
        return 1;
    return number.size - 3 + 1 +
           (number.data[0] == 0x7f); /* the pairs of digits, between what stands around them */
}
