/* test_codec_item.c: JSON reading, items round trip, refusals in AWS's words, mutated bytes. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "codec/key.h"
#include "codec/number.h"
#include "support/check.h"

static cc_arena arena;

static cc_status encode(const char *json, cc_buffer *out, cc_error *error) {
    cc_json_cursor cursor = cc_json_open(cc_bytes_text(json));
    cc_arena_reset(&arena);
    CC_TRY(cc_item_from_json(&cursor, out, &arena, error));
    return cc_json_finish(&cursor, error);
}

static void refused(const char *json, const char *type, const char *message) {
    cc_buffer out = {0};
    cc_error error = {0};
    CHECK(encode(json, &out, &error) != CC_OK);
    if (strcmp(error.type, type) != 0 || strstr(error.message, message) == NULL) {
        fprintf(stderr, "%s -> %s: %s\n", json, error.type, error.message);
        CHECK(false);
    }
    cc_buffer_free(&out);
}

#define EVERY_TYPE_TEXT                                                                                             \
    "{\"id\":{\"S\":\"caf\\u00e9 \\ud83d\\ude00 \\\"q\\\"\"},\"n\":{\"N\":\"-12.5e1\"},\"b\":{\"B\":\"AAEC/w==\"}," \
    "\"t\":{\"BOOL\":true},\"f\":{\"BOOL\":false},\"nothing\":{\"NULL\":true},"                                     \
    "\"ss\":{\"SS\":[\"b\",\"a\"]},\"ns\":{\"NS\":[\"3\",\"1e0\",\"2\"]},\"bs\":{\"BS\":[\"AQ==\",\"\"]},"          \
    "\"l\":{\"L\":[{\"S\":\"\"},{\"L\":[]},{\"M\":{}}]},\"m\":{\"M\":{\"x\":{\"M\":{\"y\":{\"N\":\"0\"}}}}}}"
static const char *const EVERY_TYPE = EVERY_TYPE_TEXT;

TEST(round_trip) {
    cc_buffer item = {0}, json = {0}, again = {0};
    cc_error error = {0};
    CHECK_OK(encode(EVERY_TYPE, &item, &error));
    CHECK_OK(cc_item_check(cc_buffer_bytes(&item), &error));
    CHECK_OK(cc_item_to_json(cc_buffer_bytes(&item), &json));
    CHECK_OK(cc_buffer_append_byte(&json, 0));
    CHECK_OK(encode((const char *)json.data, &again, &error));
    CHECK(cc_bytes_equal(cc_buffer_bytes(&item), cc_buffer_bytes(&again)));
    CHECK(strstr((const char *)json.data, "{\"NS\":[\"1\",\"2\",\"3\"]}") != NULL);
    CHECK(strstr((const char *)json.data, "\"-125\"") != NULL);
    CHECK(strstr((const char *)json.data, "caf\xc3\xa9 \xf0\x9f\x98\x80 \\\"q\\\"") != NULL);
    cc_value value;
    CHECK(cc_item_find(cc_buffer_bytes(&item), cc_bytes_text("t"), &value) && cc_value_bool(value));
    CHECK(!cc_item_find(cc_buffer_bytes(&item), cc_bytes_text("tt"), &value));
    cc_buffer_free(&item);
    cc_buffer_free(&json);
    cc_buffer_free(&again);
}

TEST(refusals) {
    refused("{\"a\":{}}", "ValidationException", "Supplied AttributeValue is empty");
    refused("{\"a\":{\"S\":\"x\",\"N\":\"1\"}}", "ValidationException", "more than one datatypes set");
    refused("{\"a\":{\"NULL\":false}}", "ValidationException", "must have the value of true");
    refused("{\"a\":{\"SS\":[]}}", "ValidationException", "An string set  may not be empty");
    refused("{\"a\":{\"SS\":[\"x\",\"y\",\"x\"]}}", "ValidationException",
            "Input collection [x, y, x] contains duplicates.");
    refused("{\"a\":{\"NS\":[\"1\",\"1.0\"]}}", "ValidationException",
            "Input collection contains duplicates");
    refused("{\"a\":{\"BS\":[\"Yg==\",\"\",\"Yg==\"]}}", "ValidationException",
            "Input collection [Yg==, , Yg==]of type BS contains duplicates.");
    refused("{\"a\":{\"NS\":[]}}", "ValidationException", "An number set  may not be empty");
    refused("{\"a\":{\"BS\":[]}}", "ValidationException", "Binary sets should not be empty");
    refused("{\"a\":{\"S\":\"a\",\"N\":\"b\"}}", "ValidationException",
            "cannot be converted to a numeric value: b");
    refused("{\"a\":{\"N\":1}}", "SerializationException", "NUMBER_VALUE cannot be converted to String");
    refused("{\"a\":{\"N\":\"x\"}}", "ValidationException", "cannot be converted to a numeric value: x");
    refused("{\"a\":{\"B\":\"AB\"}}", "SerializationException",
            "Base64 encoded length is expected a multiple of 4 bytes but found: 2");
    refused("{\"a\":{\"B\":\"AB==\"}}", "SerializationException", "Invalid last non-pad Base64 character");
    refused("{\"a\":{\"B\":\"A-==\"}}", "SerializationException", "Invalid Base64 character: '-'");
    refused("{\"a\":{\"B\":1}}", "SerializationException", "only base-64-encoded strings");
    refused("{\"a\":{\"N\":1.5}}", "SerializationException", "DECIMAL_VALUE cannot be converted to String");
    refused("{\"a\":{\"BOOL\":\"true\"}}", "SerializationException", "Unexpected token received from parser");
    refused("{\"a\":{\"X\":1,\"S\":null}}", "ValidationException", "AttributeValue is empty");
    refused("{\"a\":{\"S\":\"\\q\"}}", "SerializationException", "bad escape");
    refused("{\"a\":{\"S\":\"\xff\"}}", "SerializationException", "invalid UTF-8");
    refused("{\"a\":{\"S\":\"\\ud800\"}}", "SerializationException", "bad escape");
    refused("{\"a\":{\"S\":\"x\"},}", "SerializationException", "comma");
    refused("{\"a\":{\"S\":\"x\"}", "SerializationException", "unexpected end");
    refused("{\"a\":{\"S\":\"x\"},\"a\":{\"S\":\"y\"}}", "SerializationException", "twice");
    char deep[4096] = "{\"a\":";
    for (int i = 0; i < 40; i++)
        strcat(deep, "{\"L\":[");
    strcat(deep, "{\"S\":\"x\"}");
    for (int i = 0; i < 40; i++)
        strcat(deep, "]}");
    strcat(deep, "}");
    refused(deep, "ValidationException", "Nesting Levels");
}

/* The list of members in the message is cut to its room at any length. */
TEST(long_duplicates_are_cut) {
    for (int length = 0; length < 400; length++)
        for (int binary = 0; binary < 2; binary++) {
            char member[401], json[1300];
            memset(member, 'A', sizeof member);
            snprintf(json, sizeof json, "{\"a\":{\"%s\":[\"%.*s\",\"%s\",\"%.*s\"]}}", binary ? "BS" : "SS",
                     binary ? length / 4 * 4 : length, member, "BBBB", binary ? length / 4 * 4 : length,
                     member);
            refused(json, "ValidationException", "Input collection [");
        }
}

/* A message stays UTF-8 wherever a long text is cut. */
TEST(messages_are_utf8) {
    for (int lead = 0; lead < 4; lead++)
        for (int type = 0; type < 2; type++) {
            char text[600] = "xxxx", json[1400];
            text[lead] = '\0';
            for (int i = 0; i < 100; i++)
                strcat(text, "\xf0\x9f\x98\x80");
            if (type == 0)
                snprintf(json, sizeof json, "{\"a\":{\"N\":\"%s\"}}", text);
            else
                snprintf(json, sizeof json, "{\"a\":{\"SS\":[\"%s\",\"%s\"]}}", text, text);
            cc_buffer out = {0};
            cc_error error = {0};
            CHECK(encode(json, &out, &error) == CC_ERR_VALIDATION);
            CHECK(strlen(error.message) > 200 && cc_utf8_valid(cc_bytes_text(error.message)));
            cc_buffer_free(&out);
        }
}

TEST(many_attributes_are_found) {
    cc_buffer json = {0}, item = {0};
    char text[64];
    CHECK_OK(cc_buffer_append_byte(&json, '{'));
    for (int i = 0; i < 10000; i++) {
        snprintf(text, sizeof text, "%s\"attr%d\":{\"N\":\"%d\"}", i ? "," : "", i, i);
        CHECK_OK(cc_buffer_append_text(&json, text));
    }
    CHECK_OK(cc_buffer_append(&json, "}", 2));
    CHECK_OK(encode((const char *)json.data, &item, NULL));
    CHECK_OK(cc_item_check(cc_buffer_bytes(&item), NULL));
    for (int i = 0; i < 10000; i += 7) {
        snprintf(text, sizeof text, "attr%d", i);
        cc_value value;
        int64_t number = -1;
        CHECK(cc_item_find(cc_buffer_bytes(&item), cc_bytes_text(text), &value) &&
              cc_number_to_int64(cc_value_bytes(value), &number) && number == i);
    }
    cc_buffer_free(&json);
    cc_buffer_free(&item);
}

/* A set of n numbers given in falling order; n log n, or the test would take minutes. */
TEST(large_sets_are_sorted) {
    cc_buffer json = {0}, item = {0};
    char text[32];
    CHECK_OK(cc_buffer_append_text(&json, "{\"s\":{\"NS\":["));
    for (int i = 20000; i > 0; i--) {
        snprintf(text, sizeof text, "\"%d\"%s", i, i > 1 ? "," : "]}}");
        CHECK_OK(cc_buffer_append_text(&json, text));
    }
    CHECK_OK(cc_buffer_append_byte(&json, 0));
    CHECK_OK(encode((const char *)json.data, &item, NULL));
    CHECK_OK(cc_item_check(cc_buffer_bytes(&item), NULL));
    cc_value set;
    cc_bytes member;
    size_t position = 0;
    int64_t number, expected = 1;
    CHECK(cc_item_find(cc_buffer_bytes(&item), cc_bytes_text("s"), &set) && cc_value_count(set) == 20000);
    while (cc_set_next(set, &position, &member)) {
        CHECK(cc_number_to_int64(member, &number) && number == expected);
        expected++;
    }
    CHECK_EQ(expected, 20001);
    cc_buffer_free(&json);
    cc_buffer_free(&item);
}

/* `levels` lists around a set: DynamoDB's 32 levels fit, also when a deep value is put into a shallow item. */
TEST(depth_is_the_same_for_writer_check_and_copies) {
    for (int levels = 30; levels <= 34; levels++) {
        char json[2048] = "{\"a\":";
        for (int i = 0; i < levels; i++)
            strcat(json, "{\"L\":[");
        strcat(json, "{\"SS\":[\"x\"]}");
        for (int i = 0; i < levels; i++)
            strcat(json, "]}");
        strcat(json, "}");
        cc_buffer item = {0}, copy = {0};
        cc_status status = encode(json, &item, NULL);
        CHECK((status == CC_OK) == (levels + 1 <= CC_ITEM_DEPTH_MAX)); /* the set lies a level deeper */
        if (status == CC_OK) {
            CHECK_OK(cc_item_check(cc_buffer_bytes(&item), NULL));
            cc_value value;
            CHECK(cc_item_find(cc_buffer_bytes(&item), cc_bytes_text("a"), &value));
            cc_item_writer writer;
            cc_item_writer_init(&writer, &copy, &arena);
            CHECK_OK(cc_item_begin(&writer, NULL));
            CHECK_OK(cc_item_name(&writer, cc_bytes_text("m"), NULL));
            CHECK_OK(cc_item_begin_list(&writer, NULL));
            status = cc_item_put_value(&writer, value, NULL);
            CHECK((status == CC_OK) == (levels + 2 <= CC_ITEM_DEPTH_MAX));
            if (status == CC_OK) {
                CHECK_OK(cc_item_end_container(&writer, NULL));
                CHECK_OK(cc_item_end(&writer, NULL));
                CHECK_OK(cc_item_check(cc_buffer_bytes(&copy), NULL));
            }
        }
        cc_buffer_free(&item);
        cc_buffer_free(&copy);
    }
}

TEST(size_counts_as_dynamodb) {
    cc_buffer item = {0};
    CHECK_OK(encode("{\"ab\":{\"S\":\"xyz\"},\"n\":{\"N\":\"1234\"},\"l\":{\"L\":[{\"BOOL\":true}]}}", &item,
                    NULL));
    CHECK_EQ(cc_item_size(cc_buffer_bytes(&item)), 2 + 3 + 1 + 3 + 1 + 3 + 1 + 1);
    cc_buffer_free(&item);
}

TEST(size_of_numbers_is_by_pairs_of_digits) {
    static const struct {
        const char *text;
        size_t size;
    } cases[] = {
        {"0", 1},       {"-0.000", 1},  {"7", 2},     {"-7", 3},
        {"10", 2},      {"12", 2},      {"123", 3},   {"-123", 4},
        {"1230", 3},    {"0.00123", 3}, {"1e125", 2}, {"-1E-130", 3},
        {"10000.1", 4}, {"1001", 3},    {"10010", 3}, {"99999999999999999999999999999999999999", 20}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t number[CC_NUMBER_MAX];
        size_t size;
        CHECK_OK(cc_number_parse(cc_bytes_text(cases[i].text), number, &size, NULL));
        CHECK_EQ(cc_number_item_size(cc_bytes_of(number, size)), cases[i].size);
    }
}

/* `text` in quotes as JSON has it, by the rules alone. */
static void quote_plainly(cc_bytes text, cc_buffer *out) {
    CHECK_OK(cc_buffer_append_byte(out, '"'));
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        const char *simple = strchr("\"\\\b\f\n\r\t", c);
        char escape[8] = {(char)c, 0};
        if (c == 0 || (c < 0x20 && simple == NULL))
            snprintf(escape, sizeof escape, "\\u%04x", c);
        else if (simple != NULL)
            snprintf(escape, sizeof escape, "\\%c", "\"\\bfnrt"[simple - "\"\\\b\f\n\r\t"]);
        CHECK_OK(cc_buffer_append_text(out, escape));
    }
    CHECK_OK(cc_buffer_append_byte(out, '"'));
}

/* Every length up to a few blocks, something to escape at every place of it, in a name and in a value. */
TEST(escapes_are_found_at_every_place) {
    static const uint8_t odd[] = {'a', '"', '\\', 0x1f, 0x20, '\n', 0x01, 0x7f, 0};
    uint8_t text[70];
    cc_buffer item = {0}, json = {0}, expected = {0};
    for (size_t size = 1; size <= sizeof text; size++) {
        for (size_t at = 0; at < size; at++) {
            memset(text, 'x', size);
            text[at] = odd[(size + at) % sizeof odd];
            cc_item_writer writer;
            cc_bytes bytes = cc_bytes_of(text, size);
            cc_buffer_clear(&item);
            cc_buffer_clear(&json);
            cc_buffer_clear(&expected);
            cc_arena_reset(&arena);
            cc_item_writer_init(&writer, &item, &arena);
            CHECK_OK(cc_item_begin(&writer, NULL));
            CHECK_OK(cc_item_name(&writer, bytes, NULL));
            CHECK_OK(cc_item_put_string(&writer, bytes, NULL));
            CHECK_OK(cc_item_end(&writer, NULL));
            CHECK_OK(cc_item_to_json(cc_buffer_bytes(&item), &json));
            CHECK_OK(cc_buffer_append_byte(&expected, '{'));
            quote_plainly(bytes, &expected);
            CHECK_OK(cc_buffer_append_text(&expected, ":{\"S\":"));
            quote_plainly(bytes, &expected);
            CHECK_OK(cc_buffer_append_text(&expected, "}}"));
            CHECK(cc_bytes_equal(cc_buffer_bytes(&json), cc_buffer_bytes(&expected)));
        }
    }
    cc_buffer_free(&item);
    cc_buffer_free(&json);
    cc_buffer_free(&expected);
}

TEST(mutated_bytes_never_harm) {
    cc_buffer item = {0};
    CHECK_OK(encode(EVERY_TYPE, &item, NULL));
    uint8_t *copy = malloc(item.size);
    srand(3);
    int passed = 0;
    for (int round = 0; round < 200000; round++) {
        memcpy(copy, item.data, item.size);
        for (int flips = 1 + rand() % 3; flips > 0; flips--)
            copy[rand() % (int)item.size] ^= (uint8_t)(1 << rand() % 8);
        cc_bytes bytes = cc_bytes_of(copy, item.size);
        if (cc_item_check(bytes, NULL) != CC_OK)
            continue;
        passed++;
        cc_buffer json = {0};
        CHECK_OK(cc_item_to_json(bytes, &json));
        CHECK(cc_item_size(bytes) > 0);
        cc_buffer_free(&json);
    }
    CHECK(passed > 0);
    free(copy);
    cc_buffer_free(&item);
}

/* A text of which every beginning is refused, and every change of one byte refused or a right item; in memory that
 * ends where it does. */
static void check_text(const uint8_t *data, size_t size, bool plain, bool whole) {
    uint8_t *exact = malloc(size + 1);
    cc_buffer out = {0};
    cc_error error = {0};
    memcpy(exact, data, size);
    cc_json_cursor cursor = cc_json_open(cc_bytes_of(exact, size));
    cc_arena_reset(&arena);
    cc_status status = plain ? cc_item_from_plain_json(&cursor, &out, &arena, &error)
                             : cc_item_from_json(&cursor, &out, &arena, &error);
    status = status == CC_OK ? cc_json_finish(&cursor, &error) : status;
    CHECK(status == CC_OK ? whole : error.message[0] != 0);
    if (status == CC_OK)
        CHECK_OK(cc_item_check(cc_buffer_bytes(&out), NULL));
    cc_buffer_free(&out);
    free(exact);
}

TEST(cut_and_changed_texts) {
    static const char *const texts[] = {
        EVERY_TYPE_TEXT,
        "{ \t\r\n\"sp ace\" :\t{\r\"N\"\n: \"1\" } , \"e\\u00E9\\uD83D\\uDE00\\\\\\/\\b\\f\\n\\r\\t\":{\"S\":\"\\ud83dx\"}}",
        "{\"a\":{\"S\":\"\xc3\xa9 \xe0\xa4\xb9 \xed\x9f\xbf \xf0\x9f\x98\x80 \xf4\x8f\xbf\xbf\"},\"b\":{\"B\":\"AAECAwQFBgc=\"}}",
        "{\"n\":-0.5e-7,\"m\":1E+5,\"z\":0,\"t\":true,\"f\":false,\"x\":null,\"l\":[1,[2,{\"k\":\"v\"}],\"s\"],\"e\":{},\"el\":[]}",
        "{\"a\":{\"M\":{\"k\":{\"L\":[{\"NULL\":true},{\"BOOL\":false},{\"NS\":[\"1e1\",\"-2.50\"]}]}}},\"c\":{\"SS\":[\"x\",\"y\"]}}",
    };
    static const uint8_t others[] = "\"\\{}[]:,0e-.+x \x00\x1f\x7f\xc0\xe0\xed\xf4\xff";
    for (size_t i = 0; i < 2 * sizeof texts / sizeof *texts; i++) {
        const char *json = texts[i / 2];
        size_t size = strlen(json);
        uint8_t *copy = malloc(size);
        memcpy(copy, json, size);
        for (size_t at = 0; at < size; at++) {
            check_text(copy, at, i % 2 == 1, false);
            uint8_t was = copy[at];
            for (size_t k = 0; k < sizeof others; k++) {
                copy[at] = others[k];
                check_text(copy, size, i % 2 == 1, true);
            }
            copy[at] = was;
        }
        free(copy);
    }
}

TEST(keys) {
    cc_key_schema schema = {cc_bytes_text("pk"), CC_TYPE_S, cc_bytes_text("sk"), CC_TYPE_N};
    cc_buffer item = {0};
    cc_key key;
    cc_error error;
    CHECK_OK(encode("{\"pk\":{\"S\":\"a\"},\"sk\":{\"N\":\"5\"},\"v\":{\"S\":\"x\"}}", &item, NULL));
    CHECK_OK(cc_key_from_item(&schema, cc_buffer_bytes(&item), &arena, &key, &error));
    CHECK(key.partition.size == 2 && key.partition.data[0] == CC_TYPE_S && key.partition.data[1] == 'a');
    CHECK(cc_key_from_key_item(&schema, cc_buffer_bytes(&item), &arena, &key, &error) == CC_ERR_VALIDATION);
    CHECK(strcmp(error.message, "The provided key element does not match the schema") == 0);
    cc_buffer_clear(&item);
    CHECK_OK(encode("{\"pk\":{\"N\":\"1\"},\"sk\":{\"N\":\"5\"}}", &item, NULL));
    CHECK(cc_key_from_item(&schema, cc_buffer_bytes(&item), &arena, &key, &error) == CC_ERR_VALIDATION);
    CHECK(strstr(error.message, "Type mismatch for key pk expected: S actual: N") != NULL);
    cc_buffer_free(&item);
}

TEST(base64_is_strict) {
    uint8_t out[64], back[90];
    size_t size;
    static const char *const wrong[] = {"A",    "AA",   "AAA",  "A===",     "AA=A",
                                        "AB==", "AAB=", "AA A", "AA==AAAA", "-_-_"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        CHECK(!cc_base64_decode(cc_bytes_text(wrong[i]), out, &size));
    for (size_t n = 0; n < 60; n++) {
        uint8_t data[60];
        for (size_t i = 0; i < n; i++)
            data[i] = (uint8_t)(i * 89 + n);
        cc_base64_encode(cc_bytes_of(data, n), back);
        CHECK(cc_base64_decode(cc_bytes_of(back, cc_base64_encoded_size(n)), out, &size) && size == n &&
              memcmp(out, data, n) == 0);
    }
}

TEST(skip_is_checked) {
    static const char *const good[] = {"{}",    "[]", "[[],{\"a\":[1,2.5e-3,null,true]}]",
                                       "\"x\"", "-0", "{\"a\":{\"b\":[{}]},\"c\":1}"};
    static const char *const wrong[] = {"",   "{",   "[1,]", "{\"a\"}", "{\"a\":}", "[1 2]", "01",
                                        "1.", "tru", "{,}",  "nul",     "[}",       "{]",    "\"\\"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        cc_json_cursor cursor = cc_json_open(cc_bytes_text(good[i]));
        CHECK_OK(cc_json_skip(&cursor, NULL, NULL));
        CHECK_OK(cc_json_finish(&cursor, NULL));
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        cc_json_cursor cursor = cc_json_open(cc_bytes_text(wrong[i]));
        CHECK(cc_json_skip(&cursor, NULL, NULL) != CC_OK);
    }
}

/* Every subset and order gives the bytes of the general writer, whatever the guess of the order was. */
TEST(flat_items_equal_the_general_writers) {
    static const char *const names[] = {"pk",   "a", "quite a long attribute name", "abcd", "n", "z9",
                                        "flag", "x"};
    uint8_t order[CC_FLAT_MAX], number[CC_NUMBER_MAX];
    const uint8_t yes = 1;
    size_t number_size;
    CHECK_OK(cc_number_parse(cc_bytes_text("-12.5"), number, &number_size, NULL));
    const cc_bytes texts[] = {cc_bytes_text(""), cc_bytes_text("ab"),
                              cc_bytes_text("a text of thirty bytes or so..")};
    memset(order, 0xff, sizeof order);
    for (uint32_t seed = 0; seed < 4000; seed++) {
        cc_buffer flat = {0}, general = {0};
        cc_flat_attribute all[8];
        cc_item_writer writer;
        uint32_t count = 0, used = 0;
        cc_arena_reset(&arena);
        cc_item_writer_init(&writer, &general, &arena);
        CHECK_OK(cc_item_begin(&writer, NULL));
        for (uint32_t step = seed % 9; step > 0; step--) {
            uint32_t at = (seed * 7919 + step * step * 31) % 8;
            if (used >> at & 1)
                continue;
            used |= 1u << at;
            cc_bytes name = cc_bytes_text(names[at]), text = texts[(seed + at) % 3];
            cc_flat_attribute *one = &all[count++];
            *one = (cc_flat_attribute){
                .name = name, .hash = cc_name_hash(name), .type = 1 + (seed + step) % 5};
            CHECK_OK(cc_item_name(&writer, name, NULL));
            switch (one->type) {
            case CC_TYPE_S:
                one->data = text;
                CHECK_OK(cc_item_put_string(&writer, text, NULL));
                break;
            case CC_TYPE_N:
                one->data = cc_bytes_of(number, number_size);
                CHECK_OK(cc_item_put_number(&writer, one->data, NULL));
                break;
            case CC_TYPE_B:
                one->data = text;
                CHECK_OK(cc_item_put_binary(&writer, text, NULL));
                break;
            case CC_TYPE_BOOL:
                one->data = cc_bytes_of(&yes, 1);
                CHECK_OK(cc_item_put_bool(&writer, true, NULL));
                break;
            default:
                CHECK_OK(cc_item_put_null(&writer, NULL));
                break;
            }
        }
        CHECK_OK(cc_item_end(&writer, NULL));
        CHECK(cc_item_write_flat(all, count, order, &flat));
        CHECK_OK(cc_item_check(cc_buffer_bytes(&flat), NULL));
        CHECK(cc_bytes_equal(cc_buffer_bytes(&flat), cc_buffer_bytes(&general)));
        cc_buffer_free(&flat);
        cc_buffer_free(&general);
    }
    cc_flat_attribute twice[2] = {{cc_bytes_text("a"), texts[0], 7, CC_TYPE_S},
                                  {cc_bytes_text("b"), texts[0], 7, CC_TYPE_S}};
    cc_buffer out = {0};
    CHECK(!cc_item_write_flat(twice, 2, order, &out) && out.size == 0); /* equal hashes */
    twice[0].name.size = 0;
    CHECK(!cc_item_write_flat(twice, 1, order, &out) && out.size == 0);
    cc_buffer_free(&out);
}

int main(void) {
    cc_arena_init(&arena, 0);
    RUN(round_trip);
    RUN(refusals);
    RUN(long_duplicates_are_cut);
    RUN(messages_are_utf8);
    RUN(many_attributes_are_found);
    RUN(large_sets_are_sorted);
    RUN(depth_is_the_same_for_writer_check_and_copies);
    RUN(size_counts_as_dynamodb);
    RUN(size_of_numbers_is_by_pairs_of_digits);
    RUN(escapes_are_found_at_every_place);
    RUN(mutated_bytes_never_harm);
    RUN(cut_and_changed_texts);
    RUN(keys);
    RUN(base64_is_strict);
    RUN(skip_is_checked);
    RUN(flat_items_equal_the_general_writers);
    cc_arena_free(&arena);
    return REPORT();
}
