/* test_codec_number.c: the decimal against hand-picked edges and 200,000 random pairs. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "codec/number.h"
#include "support/check.h"

static size_t parse(const char *text, uint8_t *out) {
    size_t size = 0;
    return cc_number_parse(cc_bytes_text(text), out, &size, NULL) == CC_OK ? size : 0;
}

static const char *canonical(const char *text) {
    static char out[CC_NUMBER_TEXT_MAX + 1];
    uint8_t number[CC_NUMBER_MAX];
    size_t size = parse(text, number);
    if (size == 0)
        return "refused";
    CHECK(cc_number_valid(cc_bytes_of(number, size)));
    out[cc_number_text(cc_bytes_of(number, size), out)] = '\0';
    return out;
}

TEST(canonical_text) {
    static const char *const pairs[][2] = {
        {"0", "0"},
        {"-0", "0"},
        {"0.000", "0"},
        {"1", "1"},
        {"+1", "1"},
        {"-1", "-1"},
        {"00012.3400", "12.34"},
        {"1e3", "1000"},
        {"1E-3", "0.001"},
        {"123456789012345678", "123456789012345678"},
        {"-9223372036854775808", "-9223372036854775808"},
        {".5", "0.5"},
        {"5.", "5"},
        {"99999999999999999999999999999999999999", "99999999999999999999999999999999999999"},
        {"100000000000000000000000000000000000000000", "100000000000000000000000000000000000000000"},
        {"0.1e1", "1"},
        {"10", "10"},
        {"100", "100"},
        {"1010", "1010"},
        {"0e1000000000", "0"},
        {"1E1000000000", "refused"},
        {"1E-1000000000", "refused"},
        {"", "refused"},
        {"-", "refused"},
        {".", "refused"},
        {"1e", "refused"},
        {"NaN", "refused"},
        {"0x1", "refused"},
        {" 1", "refused"},
        {"1 ", "refused"},
        {"1.2.3", "refused"},
        {"Infinity", "refused"},
        {"999999999999999999999999999999999999991", "refused"},
        {"1E126", "refused"},
        {"1E-131", "refused"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        const char *got = canonical(pairs[i][0]);
        if (strcmp(got, pairs[i][1]) != 0) {
            fprintf(stderr, "%s -> %s, expected %s\n", pairs[i][0], got, pairs[i][1]);
            CHECK(false);
        }
    }
    CHECK(strlen(canonical("1E125")) == 126);
    CHECK(strcmp(canonical("1E-130") + 131, "1") == 0);
    CHECK(strcmp(canonical("-9.9999999999999999999999999999999999999E125"), "refused") != 0);
}

TEST(the_longest_text_fits) {
    const char *text = canonical("-1.2345678901234567890123456789012345678E-130");
    CHECK_EQ(strlen(text), 170);
    CHECK(strlen(text) <= CC_NUMBER_TEXT_MAX);
    char digits[4000]; /* leading and trailing zeros in any number cost nothing but time */
    memset(digits, '0', sizeof digits);
    digits[1999] = '7';
    digits[2000] = '.';
    digits[sizeof digits - 1] = '\0';
    CHECK(strcmp(canonical(digits), "7") == 0);
}

TEST(messages) {
    cc_error error = {0};
    uint8_t out[CC_NUMBER_MAX];
    size_t size;
    CHECK(cc_number_parse(cc_bytes_text("abc"), out, &size, &error) == CC_ERR_VALIDATION);
    CHECK(strcmp(error.message, "The parameter cannot be converted to a numeric value: abc") == 0);
    CHECK(strcmp(error.type, "ValidationException") == 0);
    CHECK(cc_number_parse(cc_bytes_text("1E200"), out, &size, &error) == CC_ERR_VALIDATION);
    CHECK(strncmp(error.message, "Number overflow.", 16) == 0);
}

static void random_text(char *text, __int128 *scaled, int *exponent) {
    int digits = 1 + rand() % 17;
    __int128 value = 0;
    size_t at = 0;
    bool negative = rand() & 1;
    if (negative)
        text[at++] = '-';
    for (int i = 0; i < digits; i++) {
        int digit = rand() % 4 == 0 ? 0 : rand() % 10;
        text[at++] = (char)('0' + digit);
        value = value * 10 + digit;
    }
    *exponent = rand() % 13 - 6;
    snprintf(text + at, 16, "e%d", *exponent);
    *scaled = negative ? -value : value;
    for (int i = -6; i < *exponent; i++)
        *scaled *= 10; /* units of 10^-6 */
}

TEST(order_and_sums_match_integers) {
    srand(7);
    for (int i = 0; i < 200000; i++) {
        char a_text[64], b_text[64];
        __int128 a, b;
        int unused;
        random_text(a_text, &a, &unused);
        random_text(b_text, &b, &unused);
        uint8_t x[CC_NUMBER_MAX], y[CC_NUMBER_MAX], sum[CC_NUMBER_MAX], back[CC_NUMBER_MAX];
        cc_bytes nx = cc_bytes_of(x, parse(a_text, x)), ny = cc_bytes_of(y, parse(b_text, y));
        int order = cc_bytes_compare(nx, ny);
        CHECK((order > 0) == (a > b) && (order < 0) == (a < b));
        size_t size, back_size;
        CHECK_OK(cc_number_add(nx, ny, sum, &size, NULL));
        int sign = cc_bytes_compare(cc_bytes_of(sum, size), cc_bytes_of("\x80", 1));
        CHECK((sign > 0) == (a + b > 0) && (sign < 0) == (a + b < 0));
        CHECK_OK(cc_number_subtract(cc_bytes_of(sum, size), ny, back, &back_size, NULL));
        CHECK(cc_bytes_equal(cc_bytes_of(back, back_size), nx));
        CHECK(cc_number_valid(cc_bytes_of(sum, size)));
    }
}

TEST(int64_round_trip) {
    int64_t values[] = {0,
                        1,
                        -1,
                        9,
                        10,
                        99,
                        100,
                        101,
                        12345,
                        -100000,
                        INT64_MAX,
                        INT64_MIN,
                        INT64_MAX - 1,
                        1000000000000000000};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        uint8_t a[CC_NUMBER_MAX], b[CC_NUMBER_MAX];
        char text[32];
        snprintf(text, sizeof text, "%lld.0", (long long)values[i]);
        size_t size = cc_number_from_int64(values[i], a);
        CHECK(cc_bytes_equal(cc_bytes_of(a, size), cc_bytes_of(b, parse(text, b))));
        int64_t back;
        CHECK(cc_number_to_int64(cc_bytes_of(a, size), &back) && back == values[i]);
    }
    uint8_t number[CC_NUMBER_MAX];
    int64_t unused;
    CHECK(!cc_number_to_int64(cc_bytes_of(number, parse("1.5", number)), &unused));
    CHECK(!cc_number_to_int64(cc_bytes_of(number, parse("9223372036854775808", number)), &unused));
}

TEST(precision_is_refused_not_rounded) {
    uint8_t a[CC_NUMBER_MAX], b[CC_NUMBER_MAX], out[CC_NUMBER_MAX];
    size_t size;
    cc_bytes big = cc_bytes_of(a, parse("1E125", a)), tiny = cc_bytes_of(b, parse("1E-130", b));
    CHECK(cc_number_add(big, tiny, out, &size, NULL) == CC_ERR_VALIDATION);
    cc_bytes nines = cc_bytes_of(a, parse("9E125", a));
    CHECK(cc_number_add(nines, nines, out, &size, NULL) == CC_ERR_VALIDATION);
}

TEST(doubles_read_back) {
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0.0, "0"},
                 {-0.0, "0"},
                 {0.1, "0.1"},
                 {-2.5, "-2.5"},
                 {1e22, "10000000000000000000000"},
                 {1e23, "100000000000000000000000"},
                 {9007199254740993.0, "9007199254740992"},
                 {123456.789, "123456.789"},
                 {5e-7, "0.0000005"},
                 {0.30000000000000004, "0.30000000000000004"},
                 {0x1p-24, "0.00000005960464477539063"}};
    uint8_t a[CC_NUMBER_MAX], b[CC_NUMBER_MAX];
    size_t size;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_OK(cc_number_from_double(cases[i].value, a, &size, NULL));
        CHECK(cc_bytes_equal(cc_bytes_of(a, size), cc_bytes_of(b, parse(cases[i].text, b))));
        CHECK(cc_number_to_double(cc_bytes_of(a, size)) == cases[i].value);
    }
    cc_error error;
    CHECK(cc_number_from_double(1.0 / 0.0, a, &size, &error) == CC_ERR_VALIDATION);
    CHECK(cc_number_from_double(1e200, a, &size, &error) == CC_ERR_VALIDATION);
    CHECK(cc_number_from_double(-1e-200, a, &size, &error) == CC_ERR_VALIDATION);
    srand(11);
    for (int i = 0; i < 50000; i++) {
        double value = (double)rand() / (double)(1 + rand() % 100000) * (rand() & 1 ? 1e-9 : 1);
        if (i & 1)
            value = (double)(rand() % 1000000) / 100; /* few decimals: the quick way */
        char text[40];
        CHECK_OK(cc_number_from_double(value, a, &size, NULL));
        CHECK(cc_number_to_double(cc_bytes_of(a, size)) == value);
        cc_decimal decimal;
        cc_number_to_decimal(cc_bytes_of(a, size), &decimal);
        for (int digits = 1; digits <= 17; digits++) { /* nothing shorter reads back */
            snprintf(text, sizeof text, "%.*e", digits - 1, value);
            if (strtod(text, NULL) == value) {
                CHECK(decimal.digits <= digits);
                break;
            }
        }
    }
}

TEST(doubles_from_any_digits) {
    srand(12);
    for (int i = 0; i < 100000; i++) {
        char text[64];
        size_t at = 0;
        for (int digit = 1 + rand() % 38; digit > 0; digit--)
            text[at++] = (char)('1' + rand() % 9);
        snprintf(text + at, sizeof text - at, "e%d", rand() % 120 - 100);
        uint8_t number[CC_NUMBER_MAX];
        size_t size = parse(text, number);
        if (size != 0)
            CHECK(cc_number_to_double(cc_bytes_of(number, size)) == strtod(text, NULL));
    }
}

/* Read as strtof reads, from however many digits; given as the fewest digits that read back. */
TEST(floats_from_any_digits_and_back) {
    static const char *const halves[] = {"1.00000005960464477539062500000000001",
                                         "1.000000059604644775390625",
                                         "1.00000017881393432617187499999999999",
                                         "3.40282356e38",
                                         "3.4028236e38",
                                         "1e-45",
                                         "7e-46",
                                         "1.1754942e-38"};
    uint8_t number[CC_NUMBER_MAX];
    size_t size;
    for (size_t i = 0; i < sizeof halves / sizeof halves[0]; i++) {
        size = parse(halves[i], number);
        CHECK(cc_number_to_float(cc_bytes_of(number, size)) == strtof(halves[i], NULL));
    }
    srand(13);
    for (int i = 0; i < 100000; i++) {
        char text[64];
        size_t at = 0;
        if (i & 1)
            text[at++] = '-';
        for (int digit = 1 + rand() % 37; digit > 0; digit--)
            text[at++] = (char)('1' + rand() % 9);
        snprintf(text + at, sizeof text - at, "e%d", rand() % 100 - 90);
        size = parse(text, number);
        float value = strtof(text, NULL);
        CHECK(size != 0 && cc_number_to_float(cc_bytes_of(number, size)) == value);
        if (!isfinite(value))
            continue;
        CHECK_OK(cc_number_from_float(value, number, &size, NULL));
        CHECK(cc_number_to_float(cc_bytes_of(number, size)) == value);
        cc_decimal decimal;
        cc_number_to_decimal(cc_bytes_of(number, size), &decimal);
        CHECK(decimal.digits <= 9);
    }
}

TEST(decimals_keep_every_digit) {
    static const char *const texts[] = {"0",
                                        "1",
                                        "-1",
                                        "10",
                                        "0.5",
                                        "-12.34",
                                        "1e100",
                                        "1e-100",
                                        "1230",
                                        "-0.07",
                                        "99999999999999999999999999999999999999",
                                        "-12345678901234567890123456789012345678e-20"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        uint8_t a[CC_NUMBER_MAX], b[CC_NUMBER_MAX];
        size_t size = parse(texts[i], a), again;
        cc_decimal decimal;
        cc_number_to_decimal(cc_bytes_of(a, size), &decimal);
        CHECK(decimal.mantissa == 0 || decimal.mantissa % 10 != 0);
        CHECK_OK(cc_number_from_decimal(decimal.mantissa, decimal.exponent, b, &again, NULL));
        CHECK(cc_bytes_equal(cc_bytes_of(a, size), cc_bytes_of(b, again)));
        cc_int128 scaled;
        CHECK(cc_decimal_rescale(&decimal, decimal.exponent, &scaled) && scaled == decimal.mantissa);
    }
    uint8_t number[CC_NUMBER_MAX];
    size_t size;
    cc_decimal decimal;
    cc_int128 scaled;
    cc_number_to_decimal(cc_bytes_of(number, parse("12.34", number)), &decimal);
    CHECK(cc_decimal_rescale(&decimal, -4, &scaled) && scaled == 123400);
    CHECK(!cc_decimal_rescale(&decimal, -1, &scaled));  /* a digit would be lost */
    CHECK(!cc_decimal_rescale(&decimal, -37, &scaled)); /* more than 38 digits */
    CHECK(cc_number_from_decimal(1, 126, number, &size, NULL) == CC_ERR_VALIDATION);
    CHECK(cc_number_from_decimal(1, -131, number, &size, NULL) == CC_ERR_VALIDATION);
}

int main(void) {
    RUN(canonical_text);
    RUN(the_longest_text_fits);
    RUN(messages);
    RUN(order_and_sums_match_integers);
    RUN(int64_round_trip);
    RUN(precision_is_refused_not_rounded);
    RUN(doubles_read_back);
    RUN(doubles_from_any_digits);
    RUN(floats_from_any_digits_and_back);
    RUN(decimals_keep_every_digit);
    return REPORT();
}
