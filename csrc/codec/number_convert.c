/* number_convert.c: numbers to and from the machine's own: integers, doubles, 128-bit decimals. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/number.h"

enum { BIAS = 129, EXACT_POWER = 22 /* the largest power of ten that a double holds exactly */ };
#define EXACT_INTEGER 9007199254740992.0 /* 2^53 */

static const double powers[EXACT_POWER + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                               1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                               1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

void cc_number_to_decimal(cc_bytes number, cc_decimal *decimal_out) {
    *decimal_out = (cc_decimal){0};
    if (number.data[0] == 0x80)
        return;
    bool negative = number.data[0] == 0x7f;
    uint8_t flip = negative ? 0xff : 0;
    size_t pairs = number.size - 3, head = pairs < 9 ? pairs : 9;
    const uint8_t *at = number.data + 2;
    uint64_t first = 0; /* 18 digits fit */
    for (size_t i = 0; i < head; i++)
        first = first * 100 + (uint64_t)(uint8_t)(at[i] ^ flip) - 1;
    cc_int128 mantissa = (cc_int128)first;
    for (size_t i = head; i < pairs; i++)
        mantissa = mantissa * 100 + (uint8_t)(at[i] ^ flip) - 1;
    int digits = (int)pairs * 2;
    if (((uint8_t)(at[pairs - 1] ^ flip) - 1) % 10 == 0) { /* the last pair may end with a zero */
        mantissa = pairs <= 9 ? (cc_int128)(first / 10) : mantissa / 10;
        digits--;
    }
    decimal_out->mantissa = negative ? -mantissa : mantissa;
    decimal_out->digits = digits;
    decimal_out->exponent = (uint8_t)(number.data[1] ^ flip) - BIAS - digits;
}

bool cc_decimal_rescale(const cc_decimal *decimal, int exponent, cc_int128 *mantissa_out) {
    int grow = decimal->exponent - exponent;
    cc_int128 mantissa = decimal->mantissa;
    if (mantissa == 0) {
        *mantissa_out = 0;
        return true;
    }
    if (grow < 0 || decimal->digits + grow > 38)
        return false;
    for (; grow > 0; grow--)
        mantissa *= 10;
    *mantissa_out = mantissa;
    return true;
}

bool cc_number_to_int64(cc_bytes number, int64_t *value_out) {
    cc_decimal decimal;
    cc_int128 whole;
    cc_number_to_decimal(number, &decimal);
    if (!cc_decimal_rescale(&decimal, 0, &whole) || whole > INT64_MAX || whole < INT64_MIN)
        return false;
    *value_out = (int64_t)whole;
    return true;
}

/* "123e-5", without the sign and without a decimal point, so that no locale has a say in it. */
static const char *magnitude_text(const cc_decimal *decimal, char text[64]) {
    __extension__ unsigned __int128 rest = (unsigned __int128)(decimal->mantissa < 0 ? -decimal->mantissa
                                                                                     : decimal->mantissa);
    size_t at = 64 - 8;
    snprintf(text + at, 8, "e%d", decimal->exponent);
    for (; rest != 0; rest /= 10)
        text[--at] = (char)('0' + (int)(rest % 10));
    return text + at;
}

double cc_number_to_double(cc_bytes number) {
    cc_decimal decimal;
    char text[64];
    cc_number_to_decimal(number, &decimal);
    bool negative = decimal.mantissa < 0;
    __extension__ unsigned __int128 rest = (unsigned __int128)(negative ? -decimal.mantissa
                                                                        : decimal.mantissa);
    /* One rounding of two exact doubles is the nearest double. */
    if (rest <= (uint64_t)EXACT_INTEGER && decimal.exponent >= -EXACT_POWER &&
        decimal.exponent <= EXACT_POWER) {
        double value = (double)(uint64_t)rest;
        value = decimal.exponent < 0 ? value / powers[-decimal.exponent] : value * powers[decimal.exponent];
        return negative ? -value : value;
    }
    double value = strtod(magnitude_text(&decimal, text), NULL);
    return negative ? -value : value;
}

/* Two roundings are one, unless the first ends halfway between two floats or the float has fewer bits. */
float cc_number_to_float(cc_bytes number) {
    double value = cc_number_to_double(number);
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    double magnitude = fabs(value);
    if (CC_LIKELY((bits & 0x1fffffff) != 0x10000000 && (magnitude >= FLT_MIN || magnitude == 0)))
        return (float)value;
    cc_decimal decimal;
    char text[64];
    cc_number_to_decimal(number, &decimal);
    float nearest = strtof(magnitude_text(&decimal, text), NULL);
    return decimal.mantissa < 0 ? -nearest : nearest;
}

/* number x 10^by, which moves the exponent byte alone; false when that leaves DynamoDB's range. */
static bool shift(uint8_t *number, int by) {
    if (number[0] == 0x80)
        return true;
    uint8_t flip = number[0] == 0x7f ? 0xff : 0;
    int exponent = (uint8_t)(number[1] ^ flip) + by;
    if (exponent < 0 || exponent > 255)
        return false;
    number[1] = (uint8_t)((uint8_t)exponent ^ flip);
    return true;
}

cc_status cc_number_from_decimal(cc_int128 mantissa, int exponent, uint8_t *number_out, size_t *size_out,
                                 cc_error *error) {
    if (mantissa >= INT64_MIN && mantissa <= INT64_MAX) {
        *size_out = cc_number_from_int64((int64_t)mantissa, number_out);
        if (shift(number_out, exponent))
            return CC_OK;
    }
    char text[64];
    size_t at = sizeof text - 16;
    int tail = snprintf(text + at, 16, "e%d", exponent);
    size_t end = at + (size_t)tail;
    bool negative = mantissa < 0;
    __extension__ unsigned __int128 rest = negative ? (unsigned __int128)0 - (unsigned __int128)mantissa
                                                    : (unsigned __int128)mantissa;
    do {
        text[--at] = (char)('0' + (int)(rest % 10));
        rest /= 10;
    } while (rest != 0);
    if (negative)
        text[--at] = '-';
    return cc_number_parse(cc_bytes_of(text + at, end - at), number_out, size_out, error);
}

/* `value` > 0 to `count` digits: digits x 10^exponent. The text's point is the locale's, whatever it is. */
static uint64_t print_digits(double value, int count, int *exponent_out) {
    char text[48];
    snprintf(text, sizeof text, "%.*e", count - 1, value);
    uint64_t digits = 0;
    const char *at = text;
    for (; *at != 'e'; at++)
        if (*at >= '0' && *at <= '9')
            digits = digits * 10 + (uint64_t)(*at - '0');
    *exponent_out = (int)strtol(at + 1, NULL, 10) - (count - 1);
    return digits;
}

static bool reads_back(uint64_t digits, int exponent, double value) {
    char text[40];
    snprintf(text, sizeof text, "%llue%d", (unsigned long long)digits, exponent);
    return strtod(text, NULL) == value;
}

/* By trial. Beside a power of two the nearest digits may miss where their neighbour reads back. */
static cc_status from_digits(double value, uint8_t *number_out, size_t *size_out, cc_error *error) {
    double magnitude = fabs(value);
    for (int count = 15;; count++) {
        int exponent;
        uint64_t digits = print_digits(magnitude, count, &exponent);
        const uint64_t candidates[] = {digits, digits + 1, digits - 1};
        for (int i = 0; i < 3; i++)
            if (reads_back(candidates[i], exponent, magnitude)) {
                cc_int128 mantissa = (cc_int128)candidates[i];
                return cc_number_from_decimal(value < 0 ? -mantissa : mantissa, exponent, number_out,
                                              size_out, error);
            }
        CC_ASSERT(count < 17); /* 17 digits always read back */
    }
}

cc_status cc_number_from_float(float value, uint8_t *number_out, size_t *size_out, cc_error *error) {
    if (!isfinite(value))
        return cc_fail_aws(error, CC_ERR_VALIDATION, "ValidationException",
                           "Infinity and NaN are not supported");
    for (int power = 0; power <= 10; power++) { /* as below; nine digits always read back */
        double whole = nearbyint((double)value * powers[power]);
        if (fabs(whole) > 999999999)
            break;
        if ((float)(whole / powers[power]) == value)
            return cc_number_from_decimal((int64_t)whole, -power, number_out, size_out, error);
    }
    for (int count = 6;; count++) {
        int exponent;
        char text[40];
        uint64_t digits = print_digits(fabs((double)value), count, &exponent);
        snprintf(text, sizeof text, "%llue%d", (unsigned long long)digits, exponent);
        if (count == 9 || strtof(text, NULL) == fabsf(value))
            return cc_number_from_decimal(value < 0 ? -(cc_int128)digits : (cc_int128)digits, exponent,
                                          number_out, size_out, error);
    }
}

cc_status cc_number_from_double(double value, uint8_t *number_out, size_t *size_out, cc_error *error) {
    if (!isfinite(value))
        return cc_fail_aws(error, CC_ERR_VALIDATION, "ValidationException",
                           "Infinity and NaN are not supported");
    /* Few decimals, as most have: an integer over an exact power of ten that divides back to the value. */
    for (int power = 0; power <= EXACT_POWER; power++) {
        double whole = nearbyint(value * powers[power]);
        if (fabs(whole) > EXACT_INTEGER)
            break;
        if (whole / powers[power] == value)
            return cc_number_from_decimal((int64_t)whole, -power, number_out, size_out, error);
    }
    return from_digits(value, number_out, size_out, error);
}
