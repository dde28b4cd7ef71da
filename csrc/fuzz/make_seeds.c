/* make_seeds.c: writes inputs that the fuzz entry points begin with: `make_seeds DIR` fills DIR/<entry point>/.
 *
 * What is encoded is made by the core itself: items, log records, segments, pages of a checkpoint. Texts are drawn
 * from small grammars. The same files every time. What a fuzzer found wrong is kept in tests/fuzz/corpus instead. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/little.h"
#include "codec/number.h"
#include "log/internal.h"
#include "store/internal.h"
#include "tests/support/fault_fs.c" /* fuzz targets link the core alone */

static const char *target_dir;
static uint32_t written;

static void seed(const char *entry, cc_bytes first, cc_bytes rest) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", target_dir, entry);
    (void)mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/%s/seed%04u", target_dir, entry, written++);
    FILE *file = fopen(path, "wb");
    CC_ASSERT(file != NULL);
    CC_ASSERT(fwrite(first.data, 1, first.size, file) == first.size);
    CC_ASSERT(fwrite(rest.data, 1, rest.size, file) == rest.size);
    CC_ASSERT(fclose(file) == 0);
}

static void seed_text(const char *entry, const char *text) {
    seed(entry, (cc_bytes){(const uint8_t *)"", 0}, cc_bytes_text(text));
}

/* ---- texts from grammars: "<n>" is one of the n-th row of words ---- */
static uint32_t dice(uint32_t sides) {
    static uint32_t state = 1;
    state = state * 1664525u + 1013904223u;
    return (state >> 16) % sides;
}

typedef struct {
    const char *words[12];
} row;

static void expand(const row *rows, const char *from, int depth, cc_buffer *out) {
    for (; *from != '\0'; from++) {
        if (from[0] != '<' || from[1] < '0' || from[1] > '9' || from[2] != '>') {
            CC_ASSERT(cc_buffer_append_byte(out, (uint8_t)*from) == CC_OK);
            continue;
        }
        const row *choices = &rows[from[1] - '0'];
        uint32_t count = 0;
        while (count < 12 && choices->words[count] != NULL)
            count++;
        if (depth < 6) /* the first word of a row ends by itself */
            expand(rows, choices->words[depth < 4 ? dice(count) : 0], depth + 1, out);
        from += 2;
    }
}

static void seeds_of(const char *entry, const row *rows, int first_byte, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        cc_buffer text = {0};
        uint8_t first = (uint8_t)(first_byte < 0 ? dice(16) : first_byte);
        expand(rows, "<0>", 0, &text);
        seed(entry, cc_bytes_of(&first, first_byte == -2 ? 0 : 1), cc_buffer_bytes(&text));
        cc_buffer_free(&text);
    }
}

static void expressions(void) {
    /* condition, 0; update, 1; projection, 2; key condition, 3: as cc_expression_kind counts */
    static const row condition[] = {
        {{"<1> <2> <1>", "<0> AND <0>", "<0> OR <0>", "NOT (<0>)", "<1> BETWEEN <1> AND <1>",
          "<1> IN (<1>, <1>)", "<3>(<4>, <1>)", "attribute_exists(<4>)", "size(<4>) <2> :v",
          "attribute_type(<4>, :s)"}},
        {{":v", ":s", "<4>", ":l", ":t", "size(<4>)"}},
        {{"=", "<>", "<", "<=", ">", ">="}},
        {{"begins_with", "contains"}},
        {{"a", "#a", "b.c", "#b.c[0]", "b.c[1]", "d"}},
    };
    static const row update[] = {
        {{"SET <1>", "REMOVE <2>", "ADD <2> :v", "DELETE <2> :t", "<0> <0>", "SET <1>, <1> REMOVE <2>, <2>"}},
        {{"<2> = <3>", "<2> = <3> + <3>", "<2> = <3> - :v"}},
        {{"x", "#a", "b.c[0]", "b.c[7]", "b.d", "#b.x", "d"}},
        {{":v", ":s", "<2>", "if_not_exists(<2>, <3>)", "list_append(<3>, :l)"}},
    };
    static const row projection[] = {{{"<1>", "<1>, <0>"}},
                                     {{"a", "#a", "b.c", "b.c[0]", "#b.c[1]", "d", "x.y"}}};
    static const row key[] = {{{"<1>", "<1> AND <2>", "<1> AND <2> AND <3>"}},
                              {{"a = :v", "#a = :v"}},
                              {{"b = :s", "b > :s", "b BETWEEN :s AND :s", "begins_with(b, :s)"}},
                              {{"c <= :s", "c = :s"}}};
    seeds_of("expression", condition, 0, 60);
    seeds_of("expression", update, 1, 60);
    seeds_of("expression", projection, 2, 20);
    seeds_of("expression", key, 3, 20);
    seeds_of("expression", condition, 4, 20);
}

static void statements(void) {
    static const row words[] = {
        {{"SELECT <1> FROM t<2> WHERE <3>", "INSERT INTO t VALUE {'p':<4>,'s':<4>,'x':<4>}",
          "UPDATE t SET <5>=<4> REMOVE <5> WHERE p=<4> AND s=<4> RETURNING ALL OLD *",
          "SELECT * FROM \"t\"<2>", "DELETE FROM t WHERE p='a' AND s=1 AND <3>",
          "EXISTS(SELECT * FROM t WHERE p='a' AND s=<4> AND <3>)",
          "UPDATE t SET n=n+<4> SET l[0]=list_append(l,[<4>]) WHERE p='a' AND s=1",
          "UPDATE t SET n=set_add(n,<<4>>) WHERE p='a' AND s=1",
          "SELECT <1> FROM t WHERE p='a' ORDER BY s DESC"}},
        {{"*", "p", "p, l[0].k", "n"}},
        {{"", ".lsi", ".\"gsi\""}},
        {{"p='a'", "p='a' AND s=<4>", "<5> IN [<4>,<4>]", "<3> AND <3>", "<3> OR <3>", "NOT <3>",
          "begins_with(a,<4>)", "contains(l,<4>)", "s BETWEEN <4> AND <4>", "<5> IS MISSING",
          "size(<5>) > <4>"}},
        {{"'a'", "1", "?", "-2.5e3", "true", "NULL", "[1,<4>]", "{'k':<4>}", "<<'v'>>", "`x`"}},
        {{"a", "n", "u", "l[1].k", "b", "x"}},
    };
    seeds_of("statement", words, -1, 120);
}

static void heads(void) {
    static const row head[] = {
        {{"<1> <2> HTTP/1.<3>\r\n<4>\r\n"}},
        {{"GET", "POST", "PUT", "OPTIONS"}},
        {{"/", "/2015-03-31/functions/f/invocations?a=b", "*", "http://h/x%20y"}},
        {{"1", "0"}},
        {{"Host: a\r\n", "Content-Length: 5\r\n<4>", "Transfer-Encoding: chunked\r\n<4>",
          "X-Amz-Target: DynamoDB_20120810.GetItem\r\n<4>", "Expect: 100-continue\r\n<4>",
          "Connection: close\r\n<4>", "Content-Encoding: gzip\r\n<4>"}}};
    static const row chunks[] = {
        {{"0\r\n\r\n", "<1><0>"}},
        {{"5\r\nhello\r\n", "1;ext=1\r\nx\r\n", "A\r\n0123456789\r\n", "00f\r\n123456789012345\r\n"}}};
    seeds_of("http_head", head, -2, 40);
    seeds_of("http_chunks", chunks, -1, 20);
}

/* ---- items, keys, numbers ---- */
static const char *const documents[] = {
    "{}",
    "{\"p\":{\"S\":\"key\"},\"s\":{\"N\":\"-12.5\"}}",
    "{\"p\":{\"B\":\"AAEC\"},\"s\":{\"S\":\"\xc3\xa9\\n\\u20ac\"}}",
    "{\"p\":{\"N\":\"1E125\"},\"s\":{\"B\":\"\"},\"x\":{\"BOOL\":false},\"y\":{\"NULL\":true}}",
    "{\"id\":{\"S\":\"a\"},\"n\":{\"N\":\"0\"},\"l\":{\"L\":[{\"M\":{\"k\":{\"L\":[]}}},{\"N\":\"9.99e-130\"}]}}",
    "{\"ss\":{\"SS\":[\"a\",\"b\",\"\"]},\"ns\":{\"NS\":[\"1\",\"-1\",\"0.5\"]},\"bs\":{\"BS\":[\"AA==\",\"AQ==\"]}}",
    "{\"m\":{\"M\":{\"a\":{\"M\":{\"b\":{\"M\":{\"c\":{\"S\":\"deep\"}}}}},\"a.b\":{\"N\":\"1\"}}}}",
};

static void items(void) {
    cc_arena arena;
    cc_arena_init(&arena, 0);
    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
        cc_buffer item = {0}, plain = {0};
        cc_json_cursor cursor = cc_json_open(cc_bytes_text(documents[i]));
        CC_ASSERT(cc_item_from_json(&cursor, &item, &arena, NULL) == CC_OK);
        seed("item", cc_buffer_bytes(&item), (cc_bytes){item.data, 0});
        seed_text("json", documents[i]);
        seed_text("lines", documents[i]);
        CC_ASSERT(cc_item_to_plain_json(cc_buffer_bytes(&item), &plain) == CC_OK);
        seed("lines", cc_buffer_bytes(&plain), cc_bytes_text("\n{\"Item\":{}}\n"));
        seed("ingest", cc_buffer_bytes(&plain), cc_bytes_text(""));
        for (uint8_t kind = 0; kind < 9; kind++) {
            uint8_t first = kind | (i % 2 ? 0x40 : 0);
            seed("key", cc_bytes_of(&first, 1), cc_bytes_text(documents[i]));
        }
        cc_buffer_free(&item);
        cc_buffer_free(&plain);
    }
    static const char *const numbers[] = {"0",
                                          "1",
                                          "-1",
                                          "1.5",
                                          "1e125",
                                          "-9.9e-130",
                                          "123456789012345678901234567890",
                                          "00012.3400",
                                          "9223372036854775807",
                                          "1E-130"};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        seed("number", cc_bytes_of(numbers[i], strlen(numbers[i]) + 1), cc_bytes_text(numbers[9 - i]));
        uint8_t number[CC_NUMBER_MAX];
        size_t size;
        CC_ASSERT(cc_number_parse(cc_bytes_text(numbers[i]), number, &size, NULL) == CC_OK);
        seed("number", cc_bytes_of(number, size), (cc_bytes){number, 0});
    }
    cc_arena_free(&arena);
}

/* ---- what a store leaves on its disk ---- */
static cc_store_options options_of(fault_fs *disk) {
    return (cc_store_options){
        .log = {.segment_min = 4096, .segment_max = 1 << 16, .fs = fault_fs_table(disk)},
        .checkpoint_bytes = UINT64_MAX};
}

static void fill(cc_store *store) {
    static uint8_t value[20000];
    cc_space *spaces[2];
    cc_log_ticket ticket;
    CC_ASSERT(cc_space_create(store, cc_bytes_text("t"), cc_bytes_text("{}"), &spaces[0], NULL) == CC_OK);
    CC_ASSERT(cc_space_create(store, cc_bytes_text("u"), cc_bytes_text("meta"), &spaces[1], NULL) == CC_OK);
    CC_ASSERT(cc_space_set_feed(spaces[1], CC_FEED_IMAGES, NULL) == CC_OK);
    for (uint32_t i = 0; i < 100; i++) {
        uint8_t partition = (uint8_t)('a' + i % 3), sort = (uint8_t)i;
        cc_change change = {.kind = i % 9 == 8 ? CC_CHANGE_DELETE : CC_CHANGE_PUT,
                            .space = spaces[i % 5 == 4],
                            .key = {{&partition, 1}, {&sort, i % 7 == 0 ? 0 : 1}},
                            .value = {value, i == 50 ? CC_VALUE_INLINE_MAX + 1 : i % 6}};
        CC_ASSERT(cc_store_write(store, &change, 1, &ticket, NULL) == CC_OK);
    }
}

static void log_files(fault_fs *disk) {
    static const char name[] = "d/00000000000000000001.seg";
    static const uint8_t head[3] = {1, 0, 0}; /* checksums repaired, no state */
    size_t size, end = SEGMENT_HEADER;
    const uint8_t *bytes = fault_fs_bytes(disk, name, &size);
    CC_ASSERT(bytes != NULL);
    cc_buffer records = {0};
    for (int count = 0; count < 40 && end + RECORD_HEADER <= size; count++) {
        cc_record_header header;
        memcpy(&header, bytes + end, sizeof header);
        if (header.count == 0)
            break;
        uint8_t record[3] = {(uint8_t)header.type_flags, (uint8_t)header.size, (uint8_t)(header.size >> 8)};
        CC_ASSERT(cc_buffer_append(&records, record, 3) == CC_OK);
        CC_ASSERT(cc_buffer_append(&records, bytes + end + RECORD_HEADER, header.size) == CC_OK);
        end += cc_record_span(header.size);
        if (count % 8 == 7) {
            uint8_t first = (uint8_t)(count & 8);
            seed("store_record", cc_bytes_of(&first, 1), cc_buffer_bytes(&records));
            seed("log_replay", cc_bytes_of(head, 3), cc_bytes_of(bytes, end));
        }
    }
    cc_buffer_free(&records);
}

/* The pages of a file, children before parents, their places replaced by numbers: see fuzz_page.c. */
static void page_files(fault_fs *disk) {
    static const cc_page_kind order[] = {CC_PAGE_VALUE, CC_PAGE_LEAF, CC_PAGE_DIRECTORY, CC_PAGE_CATALOG};
    cc_buffer out = {0}, refs = {0};
    size_t size;
    uint8_t count = 0, *bytes = fault_fs_bytes(disk, "d/pages", &size);
    CC_ASSERT(bytes != NULL);
    for (int kind = 0; kind < 4; kind++)
        for (size_t at = (size_t)CC_SLOTS * CC_BLOCK; at < size; at += CC_BLOCK) {
            cc_page_about about;
            if (!cc_page_identify(bytes + at, size - at, at, &about) || about.kind != order[kind])
                continue;
            uint8_t *payload = bytes + at + CC_PAGE_HEAD;
            size_t payload_size = about.ref.size - CC_PAGE_HEAD;
            for (uint8_t i = 0; i < count; i++) {
                uint8_t *found, stand_in[CC_PAGE_REF] = {'R', 'E', 'F', '!', i};
                while ((found = memmem(payload, payload_size, refs.data + (size_t)i * CC_PAGE_REF,
                                       CC_PAGE_REF)) != NULL)
                    memcpy(found, stand_in, sizeof stand_in);
            }
            CC_ASSERT(cc_page_ref_append(&refs, &about.ref) == CC_OK);
            count++;
            uint8_t head[5] = {(uint8_t)about.kind, (uint8_t)about.space, (uint8_t)about.count,
                               (uint8_t)payload_size, (uint8_t)(payload_size >> 8)};
            CC_ASSERT(cc_buffer_append(&out, head, sizeof head) == CC_OK);
            CC_ASSERT(cc_buffer_append(&out, payload, payload_size) == CC_OK);
        }
    CC_ASSERT(count > 4);
    seed("page", cc_buffer_bytes(&out), (cc_bytes){out.data, 0});
    cc_buffer_free(&out);
    cc_buffer_free(&refs);
}

static void stores(void) {
    fault_fs *disk = fault_fs_new();
    cc_store *store = NULL;
    cc_store_options options = options_of(disk);
    CC_ASSERT(cc_store_open("d", &options, &store, NULL) == CC_OK);
    store->seed = 1;
    fill(store);
    log_files(disk);
    CC_ASSERT(cc_store_checkpoint(store, NULL) == CC_OK);
    page_files(disk);
    CC_ASSERT(cc_store_close(store, NULL) == CC_OK);
    fault_fs_free(disk);
}

int main(int argc, char **argv) {
    if (argc != 2)
        return 2;
    target_dir = argv[1];
    (void)mkdir(target_dir, 0777);
    expressions();
    statements();
    heads();
    items();
    stores();
    printf("%u seeds\n", written);
    return 0;
}
