/* test_ingest_columns.c: records into columns: values and their edges, undoing, key order, export. */
#include <float.h>
#include <stdio.h>
#include <stdlib.h>

#include "ingest/columns.h"
#include "support/check.h"

static struct ArrowSchema leaf(const char *name, const char *format) {
    return (struct ArrowSchema){.format = format, .name = name, .flags = ARROW_FLAG_NULLABLE};
}

/* A schema of one field `v`. */
static cc_columns *open_one(struct ArrowSchema *field) {
    struct ArrowSchema root = leaf("", "+s");
    struct ArrowSchema *children[] = {field};
    cc_columns *columns = NULL;
    root.n_children = 1;
    root.children = children;
    CHECK_OK(cc_columns_open(&root, CC_COLUMNS_CASE_INSENSITIVE, &columns, NULL));
    return columns;
}

/* The record in memory of exactly its size, so that a sanitizer sees a read past its end. */
static cc_status append(cc_columns *columns, const char *json, cc_error *error) {
    size_t size = strlen(json);
    uint8_t *exact = malloc(size + (size == 0));
    memcpy(exact, json, size);
    cc_status status = cc_columns_append(columns, cc_bytes_of(exact, size), error);
    free(exact);
    return status;
}

/* Appends {"v": text} to a column of that format; its status, the stored value in out. */
static cc_status one_value(const char *format, const char *text, void *out, size_t width) {
    char json[1000];
    struct ArrowSchema field = leaf("v", format);
    cc_columns *columns = open_one(&field);
    snprintf(json, sizeof json, "{\"v\":%s}", text);
    cc_status status = append(columns, json, NULL);
    CHECK_EQ(cc_columns_rows(columns), status == CC_OK);
    struct ArrowArray array;
    CHECK_OK(cc_columns_finish(columns, &array, NULL));
    if (status == CC_OK && width != 0)
        memcpy(out, array.children[0]->buffers[1], width);
    array.release(&array);
    cc_columns_close(columns);
    return status;
}

TEST(integers) {
    static const struct {
        const char *format, *text;
        long long value; /* LLONG_MIN + 1: refused */
    } cases[] = {
        {"l", "9223372036854775807", 9223372036854775807LL},
        {"l", "-9223372036854775807", -9223372036854775807LL},
        {"l", "5.0", 5},
        {"l", "50e-1", 5},
        {"l", "1e3", 1000},
        {"l", "\"12\"", 12},
        {"l", "-0", 0},
        {"l", "0e999999", 0},
        {"c", "127", 127},
        {"c", "-128", -128},
        {"s", "-32768", -32768},
        {"i", "2147483647", 2147483647},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t value = 0;
        size_t width = strchr("csil", cases[i].format[0]) == NULL ? 0
                       : cases[i].format[0] == 'l'                ? 8
                       : cases[i].format[0] == 'i'                ? 4
                       : cases[i].format[0] == 's'                ? 2
                                                                  : 1;
        CHECK_OK(one_value(cases[i].format, cases[i].text, &value, width));
        int shift = 64 - (int)width * 8;
        CHECK_EQ((int64_t)((uint64_t)value << shift) >> shift, cases[i].value);
    }
    static const char *const refused[] = {"9223372036854775808",
                                          "1.5",
                                          "1e19",
                                          "true",
                                          "\"x\"",
                                          "\"\"",
                                          "[]",
                                          "{\"a\":1}",
                                          "\"1 2\"",
                                          "1e-1",
                                          "12345678901234567890123"};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        CHECK_EQ(one_value("l", refused[i], NULL, 0), CC_ERR_VALIDATION);
    CHECK_EQ(one_value("c", "128", NULL, 0), CC_ERR_VALIDATION);
    CHECK_EQ(one_value("s", "-32769", NULL, 0), CC_ERR_VALIDATION);
    CHECK_EQ(one_value("i", "2147483648", NULL, 0), CC_ERR_VALIDATION);
}

static void same_double(const char *text) {
    double value = -1, expected = strtod(text, NULL);
    CHECK_OK(one_value("g", text, &value, 8));
    if (memcmp(&value, &expected, 8) != 0) {
        fprintf(stderr, "%s: %.17g, expected %.17g\n", text, value, expected);
        CHECK(false);
    }
}

TEST(doubles_are_correctly_rounded) {
    static const char *const edges[] = {"0",
                                        "-0",
                                        "0e25",
                                        "0.0e-300",
                                        "1",
                                        "0.1",
                                        "1e22",
                                        "1e23",
                                        "1e27",
                                        "1e28",
                                        "123e-27",
                                        "123e-28",
                                        "9007199254740993",
                                        "9007199254740992.5",
                                        "9007199254740993e1",
                                        "18446744073709551615",
                                        "9999999999999999999e27",
                                        "1.7976931348623157e308",
                                        "5e-324",
                                        "2.2250738585072011e-308",
                                        "4.35",
                                        "0.000035",
                                        "8.5e-27",
                                        "1000000000000000000000000000000",
                                        "0.30000000000000004",
                                        "123456789012345678901234567890.5",
                                        "-3.141592653589793"};
    for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++)
        same_double(edges[i]);
    uint64_t seed = 88172645463325252u;
    for (int i = 0; i < 20000; i++) {
        char text[64];
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        uint64_t digits = (seed | 1) >> (seed % 60);
        int exponent = (int)(seed / 61 % 61) - 30;
        snprintf(text, sizeof text, "%llue%d", (unsigned long long)digits, exponent);
        same_double(text);
        snprintf(text, sizeof text, "%.17g", (double)digits / 18446744073709551616.0);
        same_double(text);
    }
    double value;
    CHECK_EQ(one_value("g", "1e309", &value, 8), CC_ERR_VALIDATION);
    CHECK_EQ(one_value("f", "1e39", &value, 4), CC_ERR_VALIDATION); /* a double, but no float */
    float narrow = 0;
    CHECK_OK(one_value("f", "\"0.5\"", &narrow, 4));
    CHECK(narrow == 0.5f);
}

TEST(decimals) {
    int64_t value[2];
    CHECK_OK(one_value("d:9,2", "12.3", value, 16));
    CHECK_EQ(value[0], 1230);
    CHECK_OK(one_value("d:9,2", "-1e3", value, 16));
    CHECK_EQ(value[0], -100000);
    CHECK_EQ(value[1], -1);
    CHECK_OK(one_value("d:9,2", "0e-99999999999999", value, 16));
    CHECK_EQ(value[0], 0);
    CHECK_OK(one_value("d:9,2", "1.500000", value, 16));
    CHECK_EQ(value[0], 150);
    static const char *const refused[] = {"1.234", "12345678", "1e99999999999999", "1e-3", "true"};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        CHECK_EQ(one_value("d:9,2", refused[i], NULL, 0), CC_ERR_VALIDATION);
}

TEST(times) {
    static const struct {
        const char *format, *text;
        long long value;
    } cases[] = {
        {"tss:", "\"1970-01-02T00:00:00Z\"", 86400},
        {"tsm:", "\"2026-11-24T01:02:03.456Z\"", 1795482123456},
        {"tsm:", "\"2026-11-24 01:02:03.4567891\"", 1795482123456},
        {"tsm:", "\"2026-11-24T03:02:03.456+02:00\"", 1795482123456},
        {"tsn:", "\"1970-01-01 00:00:00.000000001\"", 1},
        {"tsm:", "\"1969-12-31T23:59:59.5\"", -500},
        {"tsm:", "\"2024-2-9\"", 1707436800000},
        {"tsm:", "1700000000", 1700000000000},
        {"tsm:", "1700000000123", 1700000000123},
        {"tss:", "1700000000123", 1700000000},
        {"tsn:", "1700000000123", 1700000000123000000},
        {"tsm:", "1700000000.5", 1700000000500},
        {"tdD", "\"1970-03-01\"", 59},
        {"tdD", "\"1969-12-31\"", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t value = 0;
        bool date = strcmp(cases[i].format, "tdD") == 0;
        CHECK_OK(one_value(cases[i].format, cases[i].text, &value, date ? 4 : 8));
        CHECK_EQ(date ? (int32_t)value : value, cases[i].value);
    }
    static const char *const refused[] = {"\"2023-02-29\"",
                                          "\"2024-13-01\"",
                                          "\"2024-01-01T24:00\"",
                                          "\"2024-01-01T1:2\"",
                                          "\"now\"",
                                          "\"2024-01-01T00:00:00+99:99\"",
                                          "\"2024-01-01T00:00:00.Z\"",
                                          "true",
                                          "[]",
                                          "\"\"",
                                          "1e300",
                                          "\"2024-01-01T00:00:00Zx\""};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        CHECK_EQ(one_value("tsn:", refused[i], NULL, 0), CC_ERR_VALIDATION);
}

TEST(broken_json_and_wrong_kinds) {
    static const char *const broken[] = {"",
                                         " ",
                                         "{",
                                         "{\"v\":1",
                                         "{\"v\":1e5",
                                         "{\"v\":1e",
                                         "{\"v\":\"a",
                                         "{\"v\":}",
                                         "{\"v\":01}",
                                         "[1]",
                                         "1",
                                         "{\"v\":1}x",
                                         "{\"v\":1},{\"v\":2}",
                                         "{\"v\":1,}",
                                         "{\"u\":\"\xff\",\"v\":1}",
                                         "{\"v\":\"\\ud800\"}",
                                         "{\"x\":[}"};
    static const char *const formats[] = {"l", "g", "u", "d:9,2", "tsm:", "b", "z"};
    for (size_t f = 0; f < sizeof formats / sizeof formats[0]; f++) {
        struct ArrowSchema field = leaf("v", formats[f]);
        cc_columns *columns = open_one(&field);
        for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
            cc_status status = append(columns, broken[i], NULL);
            CHECK(status == CC_ERR_SERIALIZATION || status == CC_ERR_VALIDATION);
            CHECK_EQ(cc_columns_rows(columns), 0);
        }
        CHECK_OK(append(columns, "{}", NULL));
        cc_columns_close(columns);
    }
}

/* {"a": text, "b": [ints], "c": {"d": int}} */
TEST(a_bad_record_leaves_no_trace) {
    struct ArrowSchema a = leaf("a", "u"), item = leaf("item", "i"), b = leaf("b", "+l"), d = leaf("d", "l"),
                       c = leaf("c", "+s"), root = leaf("", "+s");
    struct ArrowSchema *in_b[] = {&item}, *in_c[] = {&d}, *in_root[] = {&a, &b, &c};
    b.n_children = c.n_children = 1;
    b.children = in_b;
    c.children = in_c;
    root.n_children = 3;
    root.children = in_root;
    cc_columns *columns = NULL;
    CHECK_OK(cc_columns_open(&root, CC_COLUMNS_CASE_INSENSITIVE, &columns, NULL));
    for (int round = 0; round < 3; round++) {
        cc_error error;
        CHECK_OK(append(columns, "{\"a\":\"x\\n\",\"b\":[1,2],\"c\":{\"d\":3}}", NULL));
        CHECK_EQ(append(columns, "{\"a\":\"gone\"}{\"b\":[9,9,\"x\"]}", &error), CC_ERR_VALIDATION);
        CHECK_EQ(append(columns, "{\"c\":{\"d\":5},\"b\":[7],\"a\":\"gone\"", &error), CC_ERR_SERIALIZATION);
        CHECK_OK(
            append(columns, "{\"C\":{\"d\":null,\"z\":[{}]},\"A\":\"old\",\"a\":\"yz\"} {\"b\":null}", NULL));
        CHECK_EQ(cc_columns_rows(columns), 3);
        struct ArrowArray array;
        CHECK_OK(cc_columns_finish(columns, &array, NULL));
        CHECK_EQ(array.length, 3);
        const int32_t *text = array.children[0]->buffers[1], *list = array.children[1]->buffers[1];
        CHECK(memcmp(array.children[0]->buffers[2], "x\nyz", 4) == 0);
        CHECK_EQ(text[1], 2);
        CHECK_EQ(text[3], 4);
        CHECK_EQ(list[3], 2);
        CHECK_EQ(array.children[1]->children[0]->length, 2);
        CHECK_EQ(array.children[0]->null_count, 1);
        CHECK_EQ(array.children[2]->null_count, 1);
        CHECK_EQ(array.children[2]->children[0]->null_count, 2);
        CHECK_EQ(*(const uint8_t *)array.children[2]->buffers[0], 3);
        array.release(&array);
    }
    cc_columns_close(columns);
}

TEST(what_must_not_be_null) {
    struct ArrowSchema field = leaf("v", "l");
    field.flags = 0;
    cc_columns *columns = open_one(&field);
    CHECK_EQ(append(columns, "{}", NULL), CC_ERR_VALIDATION);
    CHECK_EQ(append(columns, "{\"v\":null}", NULL), CC_ERR_VALIDATION);
    CHECK_OK(append(columns, "{\"v\":1}", NULL));
    CHECK_EQ(cc_columns_rows(columns), 1);
    cc_columns_close(columns);
}

TEST(schemas_that_are_refused) {
    static const char *const formats[] = {"L", "U", "tss", "", "d:39,0", "d:3,4", "d:10,2,256", "+w:3", "t"};
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        struct ArrowSchema field = leaf("v", formats[i]), root = leaf("", "+s"), *children[] = {&field};
        cc_columns *columns = NULL;
        root.n_children = 1;
        root.children = children;
        cc_status status = cc_columns_open(&root, CC_COLUMNS_CASE_INSENSITIVE, &columns, NULL);
        CHECK(strcmp(formats[i], "tss") == 0 || status == CC_ERR_UNSUPPORTED);
        cc_columns_close(columns);
        columns = NULL;
    }
    struct ArrowSchema plain = leaf("", "l");
    cc_columns *columns = NULL;
    CHECK_EQ(cc_columns_open(&plain, CC_COLUMNS_CASE_INSENSITIVE, &columns, NULL), CC_ERR_ARGUMENT);
}

int main(void) {
    RUN(integers);
    RUN(doubles_are_correctly_rounded);
    RUN(decimals);
    RUN(times);
    RUN(broken_json_and_wrong_kinds);
    RUN(a_bad_record_leaves_no_trace);
    RUN(what_must_not_be_null);
    RUN(schemas_that_are_refused);
    return REPORT();
}
