/* test_ingest_records.c: record framing, PutRecordBatch bodies and their limits, GZIP members. */
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "compress/gzip.h"
#include "ingest/records.h"
#include "support/check.h"

TEST(framing) {
    cc_buffer payload = {0}, joined = {0};
    static const char *const records[] = {"abc", "", "defg"};
    for (int i = 0; i < 3; i++)
        CHECK_OK(cc_records_append(&payload, cc_bytes_text(records[i])));
    size_t position = 0;
    bool more;
    cc_bytes record;
    for (int i = 0; i < 3; i++) {
        CHECK_OK(cc_records_next(cc_buffer_bytes(&payload), &position, &record, &more, NULL));
        CHECK(more && cc_bytes_equal(record, cc_bytes_text(records[i])));
    }
    CHECK_OK(cc_records_next(cc_buffer_bytes(&payload), &position, &record, &more, NULL));
    CHECK(!more);
    CHECK_OK(cc_records_concat(cc_buffer_bytes(&payload), cc_bytes_text(""), &joined, NULL));
    CHECK(cc_bytes_equal(cc_buffer_bytes(&joined), cc_bytes_text("abcdefg")));
    cc_buffer_clear(&joined);
    CHECK_OK(cc_records_concat(cc_buffer_bytes(&payload), cc_bytes_text("|"), &joined, NULL));
    CHECK(cc_bytes_equal(cc_buffer_bytes(&joined), cc_bytes_text("abc||defg|")));
    /* Cut anywhere but between records, it is corrupt, never read past. */
    for (size_t size = 0; size <= payload.size; size++) {
        uint8_t *exact = malloc(size + 1);
        memcpy(exact, payload.data, size);
        cc_buffer_clear(&joined);
        cc_status status = cc_records_concat(cc_bytes_of(exact, size), cc_bytes_text(""), &joined, NULL);
        bool between = size == 0 || size == 7 || size == 11 || size == payload.size;
        CHECK_EQ(status, between ? CC_OK : CC_ERR_CORRUPT);
        free(exact);
    }
    cc_buffer_free(&payload);
    cc_buffer_free(&joined);
}

static cc_status decode(const char *body, uint32_t *count, cc_error *error) {
    cc_arena arena;
    cc_buffer payload = {0};
    cc_bytes stream;
    cc_arena_init(&arena, 0);
    cc_status status = cc_records_from_put_json(cc_bytes_text(body), &arena, &payload, &stream, count, error);
    if (status == CC_OK)
        CHECK(cc_bytes_equal(stream, cc_bytes_text("s")));
    cc_buffer_free(&payload);
    cc_arena_free(&arena);
    return status;
}

TEST(put_bodies) {
    uint32_t count;
    cc_error error;
    CHECK_OK(decode("{\"DeliveryStreamName\":\"s\",\"Record\":{\"Data\":\"YWI=\"}}", &count, &error));
    CHECK_EQ(count, 1);
    CHECK_OK(
        decode("{\"Records\":[{\"Data\":\"\"},{\"Data\":\"YW\\/i\",\"x\":{}}],\"DeliveryStreamName\":\"s\"}",
               &count, &error));
    CHECK_EQ(count, 2);
    static const char *const bad[] = {"",
                                      "{}",
                                      "[]",
                                      "{\"Records\":[]}",
                                      "{\"Records\":[{}]}",
                                      "{\"Records\":[{\"Data\":\"*\"}]}",
                                      "{\"Records\":[{\"Data\":\"YQ\"}]}",
                                      "{\"Records\":[1]}",
                                      "{\"Records\":{}}",
                                      "{\"Record\":{\"Data\":1}}",
                                      "{\"Records\":[{\"Data\":\"\"}]",
                                      "{\"Records\":[{\"Data\":\"\"}]}x"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK(decode(bad[i], &count, &error) != CC_OK);
}

TEST(put_limits) {
    cc_buffer body = {0};
    uint32_t count;
    cc_error error;
    for (int records = 500; records <= 501; records++) {
        cc_buffer_clear(&body);
        CHECK_OK(cc_buffer_append_text(&body, "{\"DeliveryStreamName\":\"s\",\"Records\":["));
        for (int i = 0; i < records; i++)
            CHECK_OK(cc_buffer_append_text(&body, i == 0 ? "{\"Data\":\"YQ==\"}" : ",{\"Data\":\"YQ==\"}"));
        CHECK_OK(cc_buffer_append(&body, "]}", 3)); /* with its NUL */
        cc_status status = decode((const char *)body.data, &count, &error);
        CHECK_EQ(status, records == 500 ? CC_OK : CC_ERR_VALIDATION);
    }
    cc_buffer_free(&body);
}

/* A stored deflate block is deflate data too: the member can be checked byte for byte. */
TEST(gzip_members) {
    static const uint8_t stored[] = {1, 3, 0, 0xfc, 0xff, 'a', 'b', 'c'};
    static const uint8_t expected[] = {0x1f, 0x8b, 8,   0,   0,   0,    0,    0,    0,    255, 1, 3, 0,
                                       0xfc, 0xff, 'a', 'b', 'c', 0xc2, 0x41, 0x24, 0x35, 3,   0, 0, 0};
    cc_buffer out = {0};
    for (int member = 0; member < 2; member++)
        CHECK_OK(cc_gzip_member(cc_bytes_of(stored, sizeof stored), cc_crc32(0, "abc", 3), 3, &out));
    CHECK_EQ(out.size, 2 * sizeof expected);
    CHECK(memcmp(out.data, expected, sizeof expected) == 0);
    CHECK(memcmp(out.data + sizeof expected, expected, sizeof expected) == 0);
    cc_buffer_free(&out);
}

int main(void) {
    RUN(framing);
    RUN(put_bodies);
    RUN(put_limits);
    RUN(gzip_members);
    return REPORT();
}
