/* test_codec_key.c: keys against the rules and AWS's words: types, emptiness, sizes, order. */
#include <stdio.h>
#include <stdlib.h>

#include "codec/key.h"
#include "codec/number.h"
#include "support/check.h"

static cc_arena arena;

static cc_status key_of(const cc_key_schema *schema, const char *json, bool exact, cc_key *key,
                        cc_error *error) {
    static cc_buffer item;
    cc_json_cursor cursor = cc_json_open(cc_bytes_text(json));
    if (json[0] == '\0') {
        cc_buffer_free(&item);
        return CC_OK;
    }
    cc_buffer_clear(&item);
    cc_arena_reset(&arena);
    CC_TRY(cc_item_from_json(&cursor, &item, &arena, error));
    return exact ? cc_key_from_key_item(schema, cc_buffer_bytes(&item), &arena, key, error)
                 : cc_key_from_item(schema, cc_buffer_bytes(&item), &arena, key, error);
}

static cc_key_schema schema_of(cc_type partition, cc_type sort) {
    return (cc_key_schema){cc_bytes_text("pk"), partition, cc_bytes_text(sort == CC_TYPE_NONE ? "" : "sk"),
                           sort};
}

TEST(words) {
    static const struct {
        const char *json, *message;
        bool exact;
    } cases[] = {
        {"{\"sk\":{\"N\":\"1\"}}",
         "One or more parameter values were invalid: Missing the key pk in the item", false},
        {"{\"pk\":{\"S\":\"a\"}}",
         "One or more parameter values were invalid: Missing the key sk in the item", false},
        {"{\"pk\":{\"N\":\"1\"},\"sk\":{\"N\":\"1\"}}",
         "One or more parameter values were invalid: Type mismatch for key pk expected: S actual: N", false},
        {"{\"pk\":{\"S\":\"a\"},\"sk\":{\"NULL\":true}}",
         "One or more parameter values were invalid: Type mismatch for key sk expected: N actual: NULL",
         false},
        {"{\"pk\":{\"S\":\"\"},\"sk\":{\"N\":\"1\"}}",
         "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain "
         "an empty string value. Key: pk",
         false},
        {"{\"pk\":{\"S\":\"a\"}}", "The provided key element does not match the schema", true},
        {"{\"pk\":{\"S\":\"a\"},\"sk\":{\"S\":\"1\"}}", "The provided key element does not match the schema",
         true},
        {"{\"pk\":{\"S\":\"a\"},\"sk\":{\"N\":\"1\"},\"x\":{\"S\":\"\"}}",
         "The provided key element does not match the schema", true},
    };
    cc_key_schema schema = schema_of(CC_TYPE_S, CC_TYPE_N);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cc_key key;
        cc_error error = {0};
        CHECK(key_of(&schema, cases[i].json, cases[i].exact, &key, &error) == CC_ERR_VALIDATION);
        CHECK(strcmp(error.type, "ValidationException") == 0);
        if (strcmp(error.message, cases[i].message) != 0) {
            fprintf(stderr, "%s -> %s\n", cases[i].json, error.message);
            CHECK(false);
        }
    }
}

TEST(sizes) {
    cc_key_schema schema = schema_of(CC_TYPE_S, CC_TYPE_S);
    char text[2100], json[4400];
    static const struct {
        int partition, sort;
        const char *message;
    } cases[] = {
        {1, 1, NULL},
        {2048, 1024, NULL},
        {2049, 1,
         "One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit "
         "of2048 bytes"},
        {1, 1025,
         "One or more parameter values were invalid: Aggregated size of all range keys has exceeded the "
         "size limit of 1024 bytes"},
    };
    memset(text, 'x', sizeof text);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cc_key key;
        cc_error error = {0};
        snprintf(json, sizeof json, "{\"pk\":{\"S\":\"%.*s\"},\"sk\":{\"S\":\"%.*s\"}}", cases[i].partition,
                 text, cases[i].sort, text);
        cc_status status = key_of(&schema, json, false, &key, &error);
        if (cases[i].message == NULL) {
            CHECK_OK(status);
            CHECK(key.partition.size == (size_t)cases[i].partition + 1 &&
                  key.sort.size == (size_t)cases[i].sort);
        } else {
            CHECK(status == CC_ERR_VALIDATION && strcmp(error.message, cases[i].message) == 0);
        }
    }
}

TEST(equal_numbers_are_one_key_and_order_holds) {
    cc_key_schema schema = schema_of(CC_TYPE_N, CC_TYPE_NONE);
    static const char *const same[] = {"10", "1e1", "+10.0", "0010", "100E-1"};
    uint8_t first[32];
    size_t first_size = 0;
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        char json[64];
        cc_key key;
        snprintf(json, sizeof json, "{\"pk\":{\"N\":\"%s\"}}", same[i]);
        CHECK_OK(key_of(&schema, json, true, &key, NULL));
        CHECK(key.sort.size == 0 && key.partition.data[0] == CC_TYPE_N);
        if (i == 0)
            memcpy(first, key.partition.data, first_size = key.partition.size);
        CHECK(cc_bytes_equal(key.partition, cc_bytes_of(first, first_size)));
    }
    static const char *const rising[] = {"-1E125", "-10", "-9.5", "-1", "-0.001", "-1E-130", "0",   "1E-130",
                                         "0.5",    "1",   "1.01", "9",  "10",     "99",      "100", "1E125"};
    schema = schema_of(CC_TYPE_S, CC_TYPE_N);
    uint8_t before[32] = {0};
    size_t before_size = 0;
    for (size_t i = 0; i < sizeof rising / sizeof rising[0]; i++) {
        char json[200];
        cc_key key;
        snprintf(json, sizeof json, "{\"pk\":{\"S\":\"a\"},\"sk\":{\"N\":\"%s\"}}", rising[i]);
        CHECK_OK(key_of(&schema, json, true, &key, NULL));
        CHECK(i == 0 || cc_bytes_compare(cc_bytes_of(before, before_size), key.sort) < 0);
        memcpy(before, key.sort.data, before_size = key.sort.size);
    }
}

int main(void) {
    cc_arena_init(&arena, 0);
    RUN(words);
    RUN(sizes);
    RUN(equal_numbers_are_one_key_and_order_holds);
    CHECK_OK(key_of(NULL, "", false, NULL, NULL)); /* releases the item buffer */
    cc_arena_free(&arena);
    return REPORT();
}
