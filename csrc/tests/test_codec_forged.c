/* test_codec_forged.c: encoded items that no writer makes, two names of one hash, and texts that end where they
 * must not. */
#include <stdlib.h>

#include "base/hash.h"
#include "base/little.h"
#include "codec/item.h"
#include "codec/number.h"
#include "support/check.h"

static cc_arena arena;

#if defined(__SSE2__)
enum { SSE2 = 1 };
#else
enum { SSE2 = 0 };
#endif

static cc_status encode(const char *json, cc_buffer *out) {
    cc_json_cursor cursor = cc_json_open(cc_bytes_text(json));
    cc_arena_reset(&arena);
    cc_buffer_clear(out);
    return cc_item_from_json(&cursor, out, &arena, NULL);
}

/* In memory that ends where the item does, so that AddressSanitizer sees a read behind it. */
static cc_status check_copy(const uint8_t *item, size_t size) {
    uint8_t *copy = malloc(size == 0 ? 1 : size);
    memcpy(copy, item, size);
    cc_error error = {0};
    cc_status status = cc_item_check(cc_bytes_of(copy, size), &error);
    CHECK(status == CC_OK || (status == CC_ERR_CORRUPT && error.message[0] != 0));
    free(copy);
    return status;
}

/* {"a": value of `type` with `payload`}, as long as it says. */
static cc_status check_payload(cc_type type, const char *payload, size_t size) {
    uint8_t item[512] = {0};
    uint32_t total = (uint32_t)(19 + size);
    cc_put_u32(item, total);
    cc_put_u32(item + 4, 1);
    cc_put_u32(item + 8, cc_name_hash(cc_bytes_text("a")));
    cc_put_u32(item + 12, 16u << 8 | (uint32_t)type);
    item[16] = 1;
    item[18] = 'a';
    memcpy(item + 19, payload, size);
    return check_copy(item, total);
}
#define GOOD(type, payload) CHECK_OK(check_payload(type, payload, sizeof(payload) - 1))
#define BAD(type, payload) CHECK(check_payload(type, payload, sizeof(payload) - 1) == CC_ERR_CORRUPT)

TEST(payloads) {
    GOOD(CC_TYPE_S, "\2\0\0\0ab");
    BAD(CC_TYPE_S, "\2\0\0\0a");
    BAD(CC_TYPE_S, "\2\0\0");
    BAD(CC_TYPE_S, "\1\0\0\0\xff");
    BAD(CC_TYPE_S, "\1\0\0\0ab"); /* bytes behind it */
    GOOD(CC_TYPE_N, "\1\x80");
    BAD(CC_TYPE_N, "");
    BAD(CC_TYPE_N, "\4\x80");
    BAD(CC_TYPE_N, "\1\x81");
    BAD(CC_TYPE_N, "\4\x82\x80\x0b\0");
    BAD(CC_TYPE_N, "\4\x81\x80\x0b\1");     /* its end */
    BAD(CC_TYPE_N, "\4\x81\x80\x02\0");     /* a leading zero */
    BAD(CC_TYPE_N, "\5\x81\x80\x0b\1\0");   /* a trailing pair of zeros */
    BAD(CC_TYPE_N, "\5\x81\x80\x0b\x65\0"); /* no pair */
    BAD(CC_TYPE_N, "\5\x81\x80\x0b\0\0");
    GOOD(CC_TYPE_BOOL, "\1");
    BAD(CC_TYPE_BOOL, "\2");
    BAD(CC_TYPE_BOOL, "");
    GOOD(CC_TYPE_NULL, "");
    BAD(CC_TYPE_NONE, "");
    BAD((cc_type)99, "");
    GOOD(CC_TYPE_SS, "\x0d\0\0\0\1\0\0\0\1\0\0\0a");
    BAD(CC_TYPE_SS, "\x0d\0\0\0\1\0");                             /* no head */
    BAD(CC_TYPE_SS, "\x08\0\0\0\0\0\0\0");                         /* no member */
    BAD(CC_TYPE_SS, "\x0e\0\0\0\1\0\0\0\1\0\0\0a");                /* longer than it is */
    BAD(CC_TYPE_SS, "\x07\0\0\0\1\0\0\0\1\0\0\0a");                /* shorter than its head */
    BAD(CC_TYPE_SS, "\x0d\0\0\0\1\0\0\0\2\0\0\0a");                /* its member longer */
    BAD(CC_TYPE_SS, "\x0e\0\0\0\1\0\0\0\1\0\0\0ab");               /* bytes behind the last */
    BAD(CC_TYPE_SS, "\x0a\0\0\0\1\0\0\0\1\0");                     /* a member's size cut off */
    BAD(CC_TYPE_SS, "\x0d\0\0\0\1\0\0\0\1\0\0\0\xff");             /* not UTF-8 */
    BAD(CC_TYPE_SS, "\x12\0\0\0\2\0\0\0\1\0\0\0b\1\0\0\0a");       /* order */
    BAD(CC_TYPE_BS, "\x12\0\0\0\2\0\0\0\1\0\0\0\xff\1\0\0\0\xff"); /* twice */
    GOOD(CC_TYPE_NS, "\x0a\0\0\0\1\0\0\0\1\x80");
    BAD(CC_TYPE_NS, "\x0a\0\0\0\1\0\0\0\1\x81");
    GOOD(CC_TYPE_L, "\x0c\0\0\0\1\0\0\0\5\x0c\0\0");
    BAD(CC_TYPE_L, "\x0c\0\0\0");
    BAD(CC_TYPE_L, "\x0d\0\0\0\1\0\0\0\5\x0c\0\0");
    BAD(CC_TYPE_L, "\7\0\0\0\0\0\0\0");
    BAD(CC_TYPE_L, "\x08\0\0\0\1\0\0\0");
    BAD(CC_TYPE_L, "\x0c\0\0\0\1\0\0\0\5\x0d\0\0");
    BAD(CC_TYPE_L, "\x0d\0\0\0\1\0\0\0\5\x0c\0\0x");
    BAD(CC_TYPE_L, "\x0c\0\0\0\1\0\0\0\4\x0c\0\0"); /* a boolean with no byte */
    GOOD(CC_TYPE_M, "\x08\0\0\0\0\0\0\0");
    BAD(CC_TYPE_M, "\x08\0\0\0");
    BAD(CC_TYPE_M, "\7\0\0\0\0\0\0\0");
    BAD(CC_TYPE_M, "\x09\0\0\0\0\0\0\0");
    BAD(CC_TYPE_M, "\x09\0\0\0\0\0\0\0x");
    BAD(CC_TYPE_M, "\x08\0\0\0\1\0\0\0");
}

/* An item's own values lie on level 1: 32 levels are taken, one more is not. */
TEST(depth) {
    for (size_t depth = 1; depth < 40; depth++) {
        char payload[512];
        for (size_t i = 0; i < depth; i++) {
            bool last = i + 1 == depth;
            uint32_t left = (uint32_t)(depth - i) * 12 - 4;
            cc_put_u32((uint8_t *)payload + i * 12, last ? 8 : left);
            cc_put_u32((uint8_t *)payload + i * 12 + 4, last ? 0 : 1);
            if (!last)
                cc_put_u32((uint8_t *)payload + i * 12 + 8, 12u << 8 | CC_TYPE_L);
        }
        cc_status status = check_payload(CC_TYPE_L, payload, depth * 12 - 4);
        CHECK_EQ(status, depth <= CC_ITEM_DEPTH_MAX ? CC_OK : CC_ERR_CORRUPT);
    }
}

/* ---- two names of one hash ---- */
enum { NAMES = 1 << 18 };
typedef struct {
    uint32_t hash, number;
} hashed;

static int by_hash(const void *a, const void *b) {
    const hashed *x = a, *y = b;
    return x->hash != y->hash ? (x->hash > y->hash) - (x->hash < y->hash)
                              : (x->number > y->number) - (x->number < y->number);
}

/* The first two of "0", "1", ... that share theirs. */
static void find_twins(uint32_t *one, uint32_t *other) {
    hashed *all = malloc(NAMES * sizeof *all);
    for (uint32_t i = 0; i < NAMES; i++) {
        char name[16];
        snprintf(name, sizeof name, "%u", i);
        all[i] = (hashed){cc_name_hash(cc_bytes_text(name)), i};
    }
    qsort(all, NAMES, sizeof *all, by_hash);
    *one = *other = 0;
    for (size_t i = 1; i < NAMES && *other == 0; i++)
        if (all[i].hash == all[i - 1].hash) {
            *one = all[i - 1].number;
            *other = all[i].number;
        }
    free(all);
}

TEST(names_of_one_hash) {
    uint32_t one, other;
    char json[160], name[16];
    cc_buffer item = {0};
    cc_value value;
    find_twins(&one, &other);
    CHECK(other != 0); /* 2^18 names in 2^32 places: eight pairs are to be expected */
    snprintf(json, sizeof json, "{\"%u\":{\"BOOL\":true},\"%u\":{\"BOOL\":false}}", one, other);
    CHECK_OK(encode(json, &item));
    CHECK_OK(cc_item_check(cc_buffer_bytes(&item), NULL));
    snprintf(name, sizeof name, "%u", one);
    CHECK(cc_item_find(cc_buffer_bytes(&item), cc_bytes_text(name), &value) && cc_value_bool(value));
    snprintf(name, sizeof name, "%u", other);
    CHECK(cc_item_find(cc_buffer_bytes(&item), cc_bytes_text(name), &value) && !cc_value_bool(value));
    /* The names' places changed: in the wrong order, or the same name twice. */
    size_t first = cc_get_u32(item.data + 12) >> 8, second = cc_get_u32(item.data + 20) >> 8;
    size_t size = strlen(name);
    if (second - first == 3 + size) { /* names of one length */
        uint8_t kept[16];
        memcpy(kept, item.data + first + 2, size);
        memcpy(item.data + first + 2, item.data + second + 2, size);
        CHECK(check_copy(item.data, item.size) == CC_ERR_CORRUPT);
        memcpy(item.data + second + 2, kept, size);
        CHECK(check_copy(item.data, item.size) == CC_ERR_CORRUPT);
    }
    snprintf(json, sizeof json, "{\"%u\":{\"BOOL\":true}}", one);
    CHECK_OK(encode(json, &item));
    snprintf(name, sizeof name, "%u", other);
    CHECK(!cc_item_find(cc_buffer_bytes(&item), cc_bytes_text(name), &value));
    cc_buffer_free(&item);
}

TEST(hashes_out_of_order) {
    cc_buffer item = {0};
    CHECK_OK(encode("{\"a\":{\"NULL\":true},\"b\":{\"NULL\":true}}", &item));
    uint8_t entries[16], body[6];
    memcpy(entries, item.data + 8, 16);
    memcpy(body, item.data + 24, 6);
    memcpy(item.data + 8, entries + 8, 4); /* the second's hash and name first, the offsets as they were */
    memcpy(item.data + 16, entries, 4);
    memcpy(item.data + 24, body + 3, 3);
    memcpy(item.data + 27, body, 3);
    CHECK(check_copy(item.data, item.size) == CC_ERR_CORRUPT);
    CHECK_OK(encode("{\"a\":{\"NULL\":true}}", &item));
    CHECK_OK(check_copy(item.data, item.size));
    CHECK_OK(cc_buffer_append_byte(&item, 0)); /* something behind it */
    CHECK(check_copy(item.data, item.size) == CC_ERR_CORRUPT);
    cc_buffer_free(&item);
}

/* ---- texts ---- */
static void refused(const char *json) {
    cc_buffer out = {0};
    CHECK(encode(json, &out) != CC_OK);
    cc_buffer_free(&out);
}

TEST(texts) {
    static const char *const wrong[] = {"1", "1.5", "true", "false", "null", "{}", "[]", "?", "-"};
    static const char *const types[] = {"S", "N", "B", "BOOL", "NULL", "SS", "NS", "L", "M"};
    char json[80];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        for (size_t k = 0; k < sizeof types / sizeof *types; k++) {
            bool right = (k == 3 && (i == 2 || i == 3)) || (k == 4 && i == 2) || (k == 7 && i == 6) ||
                         (k == 8 && i == 5);
            if (right)
                continue;
            snprintf(json, sizeof json, "{\"a\":{\"%s\":%s}}", types[k], wrong[i]);
            refused(json);
            snprintf(json, sizeof json, "{\"a\":{\"S\":\"x\",\"%s\":%s}}", types[k], wrong[i]);
            cc_buffer out = {0};
            cc_status status = encode(json, &out);
            CHECK(i == 4 ? status == CC_OK : status != CC_OK); /* null counts as not there */
            cc_buffer_free(&out);
        }
    refused("{\"a\":{\"S\":\"x\",\"N\":\"1\"}}");
    refused("{\"a\":{\"S\":\"x\",\"N\":\"y\"}}");
    refused("{\"a\":{\"B\":\"AA*=\"}}");
    refused("{\"a\":{\"B\":\"\\u0001AAA\"}}");
    refused("{\"a\":{\"B\":\"AAA\\u00e9\"}}");
    refused("{\"a\":{\"S\":\"\\ud800\"}}");
    refused("{\"a\":{\"S\":\"\\udc00\"}}");
    refused("{\"a\":{\"S\":\"\\ud800\\u0041\"}}");
    refused("{\"a\":{\"S\":\"\\u12\"}}");
    refused("{\"a\":{\"S\":\"\\x\"}}");
    /* An escape that the text ends in: the reader gives none, so by hand. */
    static const char *const ends[] = {"\\", "\\u", "\\u12", "\\ud800", "\\ud800\\u12", "\\udc00\\udc00"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        uint8_t out[32];
        size_t size = 0;
        cc_json_string text = {cc_bytes_text(ends[i]), true};
        CHECK(cc_json_unescape(text, out, &size, NULL) == CC_ERR_SERIALIZATION);
    }
    cc_json_string with_zero = {cc_bytes_of("\\\0", 2), true};
    uint8_t out[8];
    size_t size = 0;
    CHECK(cc_json_unescape(with_zero, out, &size, NULL) == CC_ERR_SERIALIZATION);
}

TEST(cursors) {
    cc_bytes text;
    bool flag;
    static const char *const no_numbers[] = {"", " ", "-", "x", "01", "1.", "1e", "1e+", "-x"};
    for (size_t i = 0; i < sizeof no_numbers / sizeof *no_numbers; i++) {
        cc_json_cursor cursor = cc_json_open(cc_bytes_text(no_numbers[i]));
        CHECK(cc_json_read_number(&cursor, &text, NULL) != CC_OK);
    }
    static const char *const words[] = {"", "tru", "f", "nul", "null", "true", "5"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        cc_json_cursor cursor = cc_json_open(cc_bytes_text(words[i])), other = cursor;
        CHECK_EQ(cc_json_read_bool(&cursor, &flag, NULL) == CC_OK, i == 5);
        CHECK_EQ(cc_json_read_null(&other, NULL) == CC_OK, i == 4);
    }
    CHECK_EQ(cc_utf8_cut(cc_bytes_text("\x80\x80\x80\x80"), 2), 0);
    CHECK_EQ(cc_utf8_cut(cc_bytes_text("a\xc3\xa9"), 2), 1);
    CHECK(strcmp(cc_type_name((cc_type)99), "") == 0 && strcmp(cc_type_name(CC_TYPE_M), "M") == 0);
    uint8_t to[64];
    size_t size;
    static const char *const plain[] = {"", "x", "\"short\"",
                                        "\"long, and an \\n in it of thirty bytes\",\"and sixteen more\"",
                                        "\"as long as it has to be, and plain\",\"and sixteen more\""};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        cc_json_cursor cursor = cc_json_open(cc_bytes_text(plain[i]));
        CHECK_EQ(cc_json_copy_plain(&cursor, to, sizeof to, &size), i == 4 && SSE2);
        CHECK(!cc_json_copy_plain(&cursor, to, 8, &size)); /* no room, or behind it */
    }
}

int main(void) {
    cc_arena_init(&arena, 0);
    RUN(payloads);
    RUN(depth);
    RUN(names_of_one_hash);
    RUN(hashes_out_of_order);
    RUN(texts);
    RUN(cursors);
    cc_arena_free(&arena);
    return REPORT();
}
