/* test_orc_runs.c: runs of integers, bytes and bits, as the examples of ORC's specification have them. */
#include "orc/internal.h"
#include "support/check.h"

static const cc_orc_options plain = {.block_bytes = 1 << 16}, old = {.block_bytes = 1 << 16, .v11 = true};

static void check_stream(orc_stream *stream, const char *wanted, size_t size) {
    CHECK(stream->block.size == size);
    CHECK(size == 0 || memcmp(stream->block.data, wanted, size) == 0);
    cc_orc_stream_free(stream);
}

#define RUN_IS(values, is_signed, options, wanted)                                                           \
    do {                                                                                                     \
        orc_stream stream = {0};                                                                             \
        CHECK_OK(cc_orc_write_integers(&stream, values, sizeof(values) / 8, is_signed, options, NULL));      \
        check_stream(&stream, wanted, sizeof(wanted) - 1);                                                   \
    } while (0)

TEST(runs_of_version_2) {
    static const int64_t repeat[] = {10000, 10000, 10000, 10000, 10000};
    RUN_IS(repeat, false, &plain, "\x0a\x27\x10");
    static const int64_t direct[] = {23713, 43806, 57005, 48879};
    RUN_IS(direct, false, &plain, "\x5e\x03\x5c\xa1\xab\x1e\xde\xad\xbe\xef");
    static const int64_t delta[] = {2, 3, 5, 7, 11, 13, 17, 19, 23, 29};
    RUN_IS(delta, false, &plain, "\xc6\x09\x02\x02\x22\x42\x42\x46");
    static const int64_t fixed[] = {100, 97, 94, 91, 88, 85, 82, 79};
    RUN_IS(fixed, true, &plain, "\xc0\x07\xc8\x01\x05");
    static const int64_t then_same[] = {1000, 1005, 1005, 1005, 1005, 1005, 1005}; /* no fixed step */
    RUN_IS(then_same, false, &plain, "\xc2\x06\xe8\x07\x0a\x00\x00");
    static const int64_t ends[] = {INT64_MIN, INT64_MAX};
    RUN_IS(ends, true, &plain, "\x7e\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe");
    static const int64_t bits[] = {1, 0, 1, 1, 0, 0, 0, 1, 1};
    RUN_IS(bits, false, &plain, "\x40\x08\xb1\x80");
    static const int64_t long_repeat[] = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};
    RUN_IS(long_repeat, true, &plain, "\xc0\x0b\x01\x00");
}

TEST(runs_of_version_1) {
    int64_t same[100], falling[100];
    for (int i = 0; i < 100; i++) {
        same[i] = 7;
        falling[i] = 100 - i;
    }
    RUN_IS(same, false, &old, "\x61\x00\x07");
    RUN_IS(falling, false, &old, "\x61\xff\x64");
    static const int64_t others[] = {2, 3, 6, 7, 11};
    RUN_IS(others, false, &old, "\xfb\x02\x03\x06\x07\x0b");
    static const int64_t steps[] = {0, 128, 256, -1, -2, -3};
    RUN_IS(steps, true, &old, "\xfd\x00\x80\x02\x80\x04\x00\xff\x01");
}

TEST(runs_of_bytes) {
    orc_stream stream = {0};
    uint8_t zeros[100] = {0}, all[300];
    CHECK_OK(cc_orc_write_bytes(&stream, zeros, 100, &plain, NULL));
    check_stream(&stream, "\x61\x00", 2);
    stream = (orc_stream){0};
    CHECK_OK(cc_orc_write_bytes(&stream, (const uint8_t *)"\x44\x45", 2, &plain, NULL));
    check_stream(&stream, "\xfe\x44\x45", 3);
    stream = (orc_stream){0};
    for (int i = 0; i < 300; i++)
        all[i] = (uint8_t)(i / 2); /* pairs are no runs */
    CHECK_OK(cc_orc_write_bytes(&stream, all, 300, &plain, NULL));
    CHECK(stream.block.size == 303 && stream.block.data[0] == 0x80 && stream.block.data[129] == 0x80);
    cc_orc_stream_free(&stream);
}

/* Two groups, the second of which begins inside of a byte. */
TEST(bits_of_groups) {
    orc_bits bits = {0};
    orc_stream stream = {0};
    uint64_t begin = 0;
    CHECK_OK(cc_buffer_append(&bits.marks, &begin, 8));
    CHECK_OK(cc_orc_bits_ones(&bits, 13));
    CHECK(bits.bits.size == 0);
    CHECK_OK(cc_buffer_append(&bits.marks, &bits.count, 8));
    CHECK_OK(cc_orc_bits_room(&bits, 1));
    cc_orc_bit(&bits, false);
    CHECK_OK(cc_orc_bits_ones(&bits, 12));
    CHECK_OK(cc_orc_bits_end(&bits, &stream, &plain, NULL));
    CHECK(bits.count == 26 && bits.zeros == 1 && stream.marks.size == 32);
    CHECK(cc_get_u64(stream.marks.data + 8) == 0 && cc_get_u64(stream.marks.data + 24) == 2);
    cc_buffer_free(&bits.bits);
    cc_buffer_free(&bits.marks);
    check_stream(&stream, "\xff\xff\xfd\xfb\xff\xc0", 6);
}

TEST(decimals) {
    char text[48];
    static const struct {
        int64_t digits;
        int scale;
        bool trim;
        const char *wanted;
    } all[] = {{1250, 2, false, "12.50"}, {1250, 2, true, "12.5"}, {-5, 3, false, "-0.005"},
               {0, 2, true, "0"},         {0, 2, false, "0.00"},   {7, 0, true, "7"},
               {-100, 2, true, "-1"}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        cc_orc_decimal_text(all[i].digits, all[i].scale, all[i].trim, text);
        CHECK(strcmp(text, all[i].wanted) == 0);
    }
    __int128 most = 1;
    for (int i = 0; i < 38; i++)
        most *= 10;
    cc_orc_decimal_text(-(most - 1), 38, false, text);
    CHECK(strcmp(text, "-0.99999999999999999999999999999999999999") == 0);
}

int main(void) {
    RUN(runs_of_version_2);
    RUN(runs_of_version_1);
    RUN(runs_of_bytes);
    RUN(bits_of_groups);
    RUN(decimals);
    return REPORT();
}
