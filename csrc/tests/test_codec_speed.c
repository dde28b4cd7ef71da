/* test_codec_speed.c: prints what the codec costs; checks only that the answers are right. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "codec/item.h"
#include "codec/number.h"
#include "support/check.h"

static double now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Best of five rounds, in ns per repetition. */
#define MEASURE(best, repeats, body)                                                                         \
    do {                                                                                                     \
        best = 1e18;                                                                                         \
        for (int round_ = 0; round_ < 5; round_++) {                                                         \
            double start_ = now_ns();                                                                        \
            for (int i_ = 0; i_ < (repeats); i_++)                                                           \
                body;                                                                                        \
            double each_ = (now_ns() - start_) / (repeats);                                                  \
            best = each_ < best ? each_ : best;                                                              \
        }                                                                                                    \
    } while (0)

static const char *const ITEM =
    "{\"id\":{\"S\":\"user#0000000000000042\"},\"sk\":{\"N\":\"1700000042\"},\"name\":{\"S\":\"Ada Lovelace, "
    "Countess of King and more\"},\"email\":{\"S\":\"ada.lovelace@analytical-engine.example.org\"},"
    "\"age\":{\"N\":\"36\"},\"active\":{\"BOOL\":true},\"score\":{\"N\":\"98.25\"},\"bio\":{\"S\":\"The Analytical "
    "Engine has no pretensions whatever to originate anything. It can do whatever we know how to order it "
    "to perform. It can follow analysis; but it has no power of anticipating\"}}";

TEST(items) {
    cc_arena arena;
    cc_arena_init(&arena, 0);
    cc_buffer item = {0}, json = {0};
    cc_bytes text = cc_bytes_text(ITEM);
    double best;
    MEASURE(best, 20000, {
        cc_json_cursor cursor = cc_json_open(text);
        cc_buffer_clear(&item);
        cc_arena_reset(&arena);
        CHECK_OK(cc_item_from_json(&cursor, &item, &arena, NULL));
    });
    printf("json -> item   %4zu B text, %4zu B item: %.0f ns, %.0f MB/s\n", text.size, item.size, best,
           (double)text.size / best * 1e3);
    cc_bytes bytes = cc_buffer_bytes(&item);
    MEASURE(best, 20000, {
        cc_buffer_clear(&json);
        CHECK_OK(cc_item_to_json(bytes, &json));
    });
    printf("item -> json   %.0f ns, %.0f MB/s\n", best, (double)json.size / best * 1e3);
    cc_value value;
    size_t found = 0;
    MEASURE(best, 100000, found += cc_item_find(bytes, cc_bytes_of("email", 5), &value));
    CHECK(found == 500000);
    printf("item_find      %.1f ns\n", best);
    MEASURE(best, 50000, CHECK_OK(cc_item_check(bytes, NULL)));
    printf("item_check     %.0f ns\n", best);
    cc_buffer_free(&item);
    cc_buffer_free(&json);
    cc_arena_free(&arena);
}

TEST(numbers) {
    static const char *const texts[] = {"7", "1700000042", "98.25", "-12345678901234567890.123456789e-3"};
    for (size_t n = 0; n < sizeof texts / sizeof texts[0]; n++) {
        uint8_t number[CC_NUMBER_MAX];
        char out[CC_NUMBER_TEXT_MAX];
        size_t size = 0;
        double parse, print;
        cc_bytes text = cc_bytes_text(texts[n]);
        MEASURE(parse, 100000, CHECK_OK(cc_number_parse(text, number, &size, NULL)));
        MEASURE(print, 100000, CHECK(cc_number_text(cc_bytes_of(number, size), out) > 0));
        printf("number %-36s parse %.1f ns, text %.1f ns\n", texts[n], parse, print);
    }
}

TEST(bulk) {
    enum { SIZE = 96 * 1024 };
    uint8_t *data = malloc(SIZE), *text = malloc(SIZE * 2), *back = malloc(SIZE * 2);
    for (size_t i = 0; i < SIZE; i++)
        data[i] = (uint8_t)(i * 2654435761u >> 11);
    size_t encoded = cc_base64_encoded_size(SIZE), size = 0;
    double best;
    MEASURE(best, 200, cc_base64_encode(cc_bytes_of(data, SIZE), text));
    printf("base64 encode  %.1f GB/s of bytes\n", SIZE / best);
    MEASURE(best, 200, CHECK(cc_base64_decode(cc_bytes_of(text, encoded), back, &size)));
    CHECK(size == SIZE && memcmp(back, data, SIZE) == 0);
    printf("base64 decode  %.1f GB/s of text\n", (double)encoded / best);
    MEASURE(best, 200, CHECK(cc_utf8_valid(cc_bytes_of(text, encoded))));
    printf("utf8 (ascii)   %.1f GB/s\n", (double)encoded / best);
    cc_buffer json = {0};
    CHECK_OK(cc_json_write_string(&json, cc_bytes_of(text, encoded)));
    cc_json_string string;
    MEASURE(best, 200, {
        cc_json_cursor cursor = cc_json_open(cc_buffer_bytes(&json));
        CHECK_OK(cc_json_read_string(&cursor, &string, NULL));
    });
    CHECK(string.text.size == encoded);
    printf("json string    %.1f GB/s read\n", (double)encoded / best);
    cc_buffer_free(&json);
    free(data);
    free(text);
    free(back);
}

int main(void) {
    RUN(items);
    RUN(numbers);
    RUN(bulk);
    return REPORT();
}
