/* number.h: DynamoDB's 38-digit decimal, in one byte form that is canonical and order-preserving.
 *
 * Equal numbers have equal bytes however they were spelled; memcmp of two encodings is numeric
 * order. So sort keys, equality, set membership and comparison never decode.
 *
 *   zero      80
 *   positive  81 EE D1 D2 .. 00     value = 0.d1d2d3..x10^e, EE = e + 129 (e in -129..126),
 *                                   Di = base-100 digit pair + 1 (1..100), then a terminator 00
 *   negative  7F, then every following byte of the positive form complemented
 * At most CC_NUMBER_MAX bytes. Source of the limits: 38 significant digits, 1E-130 .. 9.99E+125. */
#ifndef CC_CODEC_NUMBER_H
#define CC_CODEC_NUMBER_H

#include "base/bytes.h"

#define CC_NUMBER_MAX 22       /* encoded bytes */
#define CC_NUMBER_TEXT_MAX 176 /* plain text without exponent: "-0." + 129 zeros + 38 digits = 170 */

/* Text as DynamoDB accepts it ([+-]digits[.digits][e|E[+-]digits]) to its encoding; size_out <= CC_NUMBER_MAX.
 * CC_ERR_VALIDATION with DynamoDB's words: not a number, over 38 digits, overflow, underflow. */
CC_MUST_CHECK cc_status cc_number_parse(cc_bytes text, uint8_t *number_out, size_t *size_out,
                                        cc_error *error);
/* Encoding to plain text without exponent or needless zeros; returns its length. `number` must be
 * valid (cc_number_valid). text_out holds CC_NUMBER_TEXT_MAX bytes. */
size_t cc_number_text(cc_bytes number, char *text_out);
bool cc_number_valid(cc_bytes number);
/* Exact sum and difference; CC_ERR_VALIDATION on overflow, underflow or more than 38 digits. */
CC_MUST_CHECK cc_status cc_number_add(cc_bytes a, cc_bytes b, uint8_t *number_out, size_t *size_out,
                                      cc_error *error);
CC_MUST_CHECK cc_status cc_number_subtract(cc_bytes a, cc_bytes b, uint8_t *number_out, size_t *size_out,
                                           cc_error *error);
size_t cc_number_from_int64(int64_t value, uint8_t *number_out);
/* False when it is no integer or does not fit. */
bool cc_number_to_int64(cc_bytes number, int64_t *value_out);

/* ---- the machine's own numbers (number_convert.c) ---- */
__extension__ typedef __int128 cc_int128;
/* mantissa x 10^exponent; the mantissa has `digits` (<= 38) digits and no trailing zero; zero has none. */
typedef struct {
    cc_int128 mantissa;
    int exponent, digits;
} cc_decimal;
void cc_number_to_decimal(cc_bytes number, cc_decimal *decimal_out);
/* The same value as mantissa_out x 10^exponent; false when that has a fraction or more than 38 digits. */
bool cc_decimal_rescale(const cc_decimal *decimal, int exponent, cc_int128 *mantissa_out);
/* The nearest double. */
double cc_number_to_double(cc_bytes number);
/* The nearest float; infinite beyond the largest. */
float cc_number_to_float(cc_bytes number);
/* Of a finite float, as cc_number_from_double. */
CC_MUST_CHECK cc_status cc_number_from_float(float value, uint8_t *number_out, size_t *size_out,
                                             cc_error *error);
/* The fewest digits that read back as `value`. CC_ERR_VALIDATION: not finite, or beyond DynamoDB's range. */
CC_MUST_CHECK cc_status cc_number_from_double(double value, uint8_t *number_out, size_t *size_out,
                                              cc_error *error);
/* CC_ERR_VALIDATION as cc_number_parse. */
CC_MUST_CHECK cc_status cc_number_from_decimal(cc_int128 mantissa, int exponent, uint8_t *number_out,
                                               size_t *size_out, cc_error *error);

/* Bytes that count towards the item size limit: about one per two significant digits, plus one. */
size_t cc_number_item_size(cc_bytes number);

#endif
