/* test_codec_json.c: strings, escapes and UTF-8 against plain references at every length and
 * position (the vector kernels see all their edges); base64 likewise; numbers written. */
#include <stdio.h>
#include <stdlib.h>

#include "codec/json.h"
#include "support/check.h"

/* One special byte sequence at every place of strings of every length up to 200. */
TEST(special_bytes_are_found_everywhere) {
    static const struct {
        const char *text;
        bool good, escaped;
    } cases[] = {{"\\n", true, true},
                 {"\xc3\xa9", true, false},
                 {"\xf0\x9f\x98\x80", true, false},
                 {"\x01", false, false},
                 {"\xc3", false, false},
                 {"\\x", false, false},
                 {"\xed\xa0\x80", false, false},
                 {"\xc0\x80", false, false},
                 {"\\u12g4", false, false}};
    uint8_t text[256];
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        size_t n = strlen(cases[c].text);
        for (size_t length = n; length <= 200; length++)
            for (size_t place = 0; place + n <= length; place += 1 + (length > 80) * 6) {
                text[0] = '"';
                memset(text + 1, 'a', length);
                memcpy(text + 1 + place, cases[c].text, n);
                text[1 + length] = '"';
                cc_json_cursor cursor = cc_json_open(cc_bytes_of(text, length + 2));
                cc_json_string string;
                bool good = cc_json_read_string(&cursor, &string, NULL) == CC_OK;
                CHECK(good == cases[c].good);
                CHECK(!good || (string.text.size == length && string.escaped == cases[c].escaped &&
                                cursor.at == cursor.end));
                if (cases[c].text[0] != '\\' && cases[c].text[0] != 1)
                    CHECK(cc_utf8_valid(cc_bytes_of(text + 1, length)) == cases[c].good);
            }
    }
}

/* Random text written, read and decoded again is the same text. */
TEST(strings_round_trip) {
    static const char *const pieces[] = {
        "plain", "\"",       "\\",           "\n",
        "\x01",  "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
        "/",     " ",        "\x7f",         "longer plain text than a vector is wide"};
    cc_arena arena;
    cc_arena_init(&arena, 0);
    cc_buffer text = {0}, json = {0};
    srand(11);
    for (int round = 0; round < 20000; round++) {
        cc_buffer_clear(&text);
        cc_buffer_clear(&json);
        cc_arena_reset(&arena);
        for (int n = rand() % 30; n > 0; n--)
            CHECK_OK(
                cc_buffer_append_text(&text, pieces[(size_t)rand() % (sizeof pieces / sizeof pieces[0])]));
        if (rand() % 4 == 0)
            CHECK_OK(cc_buffer_append_byte(&text, 0)); /* NUL survives */
        CHECK_OK(cc_json_write_string(&json, cc_buffer_bytes(&text)));
        cc_json_cursor cursor = cc_json_open(cc_buffer_bytes(&json));
        cc_json_string string;
        cc_bytes back;
        CHECK_OK(cc_json_read_string(&cursor, &string, NULL));
        CHECK_OK(cc_json_text(string, &arena, &back, NULL));
        CHECK(cc_bytes_equal(back, cc_buffer_bytes(&text)) && cursor.at == cursor.end);
    }
    cc_buffer_free(&text);
    cc_buffer_free(&json);
    cc_arena_free(&arena);
}

TEST(unicode_escapes) {
    static const struct {
        const char *json, *text; /* text NULL: refused */
    } cases[] = {{"\"\\u0041\"", "A"},
                 {"\"\\u00e9\"", "\xc3\xa9"},
                 {"\"\\u20AC\"", "\xe2\x82\xac"},
                 {"\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80"},
                 {"\"\\ud83d\"", NULL},
                 {"\"\\ude00\"", NULL},
                 {"\"\\ud83d\\u0041\"", NULL},
                 {"\"\\ud83dx\"", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cc_json_cursor cursor = cc_json_open(cc_bytes_text(cases[i].json));
        cc_json_string string;
        uint8_t out[64];
        size_t size = 0;
        CHECK_OK(cc_json_read_string(&cursor, &string, NULL));
        cc_status status = cc_json_unescape(string, out, &size, NULL);
        CHECK((status == CC_OK) == (cases[i].text != NULL));
        CHECK(status != CC_OK || cc_bytes_equal(cc_bytes_of(out, size), cc_bytes_text(cases[i].text)));
    }
}

/* Every length, exact-size memory (the sanitizers see any overrun), every wrong place. */
TEST(base64_at_every_length) {
    srand(5);
    for (size_t n = 0; n <= 300; n++) {
        size_t encoded = cc_base64_encoded_size(n), size = 0;
        uint8_t *data = malloc(n + 1), *text = malloc(encoded + 1), *back = malloc(encoded / 4 * 3 + 1);
        for (size_t i = 0; i < n; i++)
            data[i] = (uint8_t)rand();
        cc_base64_encode(cc_bytes_of(data, n), text);
        CHECK(cc_base64_decode(cc_bytes_of(text, encoded), back, &size) && size == n);
        CHECK(memcmp(back, data, n) == 0);
        for (size_t place = 0; place < encoded; place++) {
            static const uint8_t wrong[] = {'-', '_', ' ', '\n', 0,   0x80, 0xff,
                                            '@', '[', '`', '{',  ':', '.',  ','};
            uint8_t kept = text[place];
            text[place] = wrong[(size_t)rand() % sizeof wrong];
            CHECK(!cc_base64_decode(cc_bytes_of(text, encoded), back, &size));
            text[place] = '=';
            if (place + 2 < encoded)
                CHECK(!cc_base64_decode(cc_bytes_of(text, encoded), back, &size));
            text[place] = kept;
        }
        free(data);
        free(text);
        free(back);
    }
}

TEST(numbers_written) {
    cc_buffer out = {0};
    CHECK_OK(cc_json_write_uint64(&out, 0));
    CHECK_OK(cc_json_write_uint64(&out, UINT64_MAX));
    CHECK(cc_bytes_equal(cc_buffer_bytes(&out), cc_bytes_text("018446744073709551615")));
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0.5, "0.5"},     {1, "1.0"},        {0.1, "0.1"},
                 {-2.25, "-2.25"}, {1e300, "1e+300"}, {1.0 / 3, "0.3333333333333333"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cc_buffer_clear(&out);
        CHECK_OK(cc_json_write_double(&out, cases[i].value));
        CHECK(cc_bytes_equal(cc_buffer_bytes(&out), cc_bytes_text(cases[i].text)));
    }
    CHECK(cc_json_write_double(&out, strtod("inf", NULL)) == CC_ERR_ARGUMENT);
    cc_buffer_free(&out);
}

TEST(depth_is_bounded) {
    char text[400];
    for (size_t depth = 100; depth <= 150; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        cc_json_cursor cursor = cc_json_open(cc_bytes_of(text, 2 * depth));
        CHECK((cc_json_skip(&cursor, NULL, NULL) == CC_OK) == (depth <= CC_JSON_DEPTH_MAX));
    }
}

int main(void) {
    RUN(special_bytes_are_found_everywhere);
    RUN(strings_round_trip);
    RUN(unicode_escapes);
    RUN(base64_at_every_length);
    RUN(numbers_written);
    RUN(depth_is_bounded);
    return REPORT();
}
