/* test_memory_replies.c: every allocation of a request fails once, and in coverage builds every append to a buffer:
 * all there is from the body's first byte to the reply's last.
 *
 * test_memory_verbs asks more of fewer: there each has a store of its own, opened again afterwards. Here one store serves
 * until a request has changed it; the answer is that of the undisturbed request, or says that memory is out.
 *
 * tests/golden/corners.txt holds more requests, of the corners of expressions, statements and refusals, each with the
 * beginning of its answer: see next_corner. With the argument `print` it is printed with the answers of today. */
#include <stdlib.h>

#include "codec/json.h"
#include "support/check.h"
#include "support/failing_memory.h"
#include "support/memory_requests.h"
#include "table/internal.h"

static uint64_t points, stores, elsewhere;
static bool printing;

static bool is_json(const cc_buffer *text) {
    cc_json_cursor cursor = cc_json_open(cc_buffer_bytes(text));
    return cc_json_skip(&cursor, NULL, NULL) == CC_OK && cc_json_finish(&cursor, NULL) == CC_OK;
}

/* Of the call, or of one of a batch's statements. */
static bool says_no_memory(const answer *got) {
    if (got->status != CC_OK)
        return got->status == CC_ERR_NOMEM;
    return memmem(got->text.data, got->text.size, "InternalServerError", 19) != NULL && is_json(&got->text);
}

/* What was compiled for the call before would be there for the next. */
static void forget_programs(cc_tables *tables) {
    cc_text_cache_free(tables->programs);
    tables->programs = cc_text_cache_new();
}

static uint64_t last_sequence(const world *w) {
    cc_log_info info;
    cc_log_info_get(cc_store_log(cc_tables_store(w->tables)), &info);
    return info.last_sequence;
}

static bool fine(const answer *got, const answer *expected) {
    bool told = got->status == CC_OK && got->http == expected->http &&
                cc_bytes_equal(cc_buffer_bytes(&got->text), cc_buffer_bytes(&expected->text));
    return told || says_no_memory(got);
}

/* A table with a key of four parts in an index, and one whose index has all there is. */
static world wide_world(void) {
    static const char description[] =
        "{\"TableName\":\"wide\",\"KeySchema\":[{\"AttributeName\":\"h\",\"KeyType\":\"HASH\"}],"
        "\"AttributeDefinitions\":[{\"AttributeName\":\"h\",\"AttributeType\":\"S\"},"
        "{\"AttributeName\":\"g1\",\"AttributeType\":\"S\"},{\"AttributeName\":\"g2\",\"AttributeType\":\"N\"},"
        "{\"AttributeName\":\"r1\",\"AttributeType\":\"S\"},{\"AttributeName\":\"r2\",\"AttributeType\":\"N\"}],"
        "\"GlobalSecondaryIndexes\":[{\"IndexName\":\"multi\",\"KeySchema\":["
        "{\"AttributeName\":\"g1\",\"KeyType\":\"HASH\"},{\"AttributeName\":\"g2\",\"KeyType\":\"HASH\"},"
        "{\"AttributeName\":\"r1\",\"KeyType\":\"RANGE\"},{\"AttributeName\":\"r2\",\"KeyType\":\"RANGE\"}],"
        "\"Projection\":{\"ProjectionType\":\"INCLUDE\",\"NonKeyAttributes\":[\"x\",\"y\"]}},"
        "{\"IndexName\":\"all\",\"KeySchema\":[{\"AttributeName\":\"r1\",\"KeyType\":\"HASH\"}],"
        "\"Projection\":{\"ProjectionType\":\"ALL\"}}]}";
    static const request_case items = {
        "BatchWriteItem",
        "{\"RequestItems\":{\"wide\":[{\"PutRequest\":{\"Item\":{\"h\":{\"S\":\"one\"},\"g1\":{\"S\":\"a\"},"
        "\"g2\":{\"N\":\"1\"},\"r1\":{\"S\":\"a\"},\"r2\":{\"N\":\"1\"},\"x\":{\"S\":\"a\"},"
        "\"ns\":{\"NS\":[\"1\",\"9\"]},\"bs\":{\"BS\":[\"AQ==\"]},\"ss\":{\"SS\":[\"a\"]}}}},"
        "{\"PutRequest\":{\"Item\":{\"h\":{\"S\":\"two\"},\"g1\":{\"S\":\"a\"},\"g2\":{\"N\":\"1\"},"
        "\"r1\":{\"S\":\"b\"},\"r2\":{\"N\":\"2\"}}}}]}}",
        NULL, 0};
    world w = world_new(0);
    answer got = {0};
    CHECK_OK(cc_table_create(w.tables, cc_bytes_text("wide"), cc_bytes_text(description), NULL));
    world_call(w.tables, &items, &got);
    CHECK_EQ(got.http, 200);
    cc_buffer_free(&got.text);
    return w;
}

/* "400 {...": the beginning of it. */
static void check_answer(const request_case *request, const answer *got, const char *wanted) {
    char text[220];
    size_t size = got->text.size < 200 ? got->text.size : 200;
    snprintf(text, sizeof text, "%d %.*s", got->http, (int)size, (const char *)got->text.data);
    if (printing)
        printf("    %s\n", text);
    else if (strncmp(text, wanted, strlen(wanted)) != 0) {
        fprintf(stderr, "%s %.200s\n  wanted %s\n  got    %s\n", request->operation, request->body, wanted,
                text);
        CHECK(false);
    }
}

enum { POINTS_MAX = 1500 }; /* of one request: of one with more every so many-th */

static void sweep(const request_case *request, const char *wanted) {
    answer expected = {0}, got = {0};
    world w = wide_world();
    uint64_t before = last_sequence(&w), step = 1;
    bool reached = true;
    for (uint64_t nth = 0; reached; nth += step) { /* the 0th: none fails */
        forget_programs(w.tables);
        memory_fails(nth, false);
        world_call(w.tables, request, nth == 0 ? &expected : &got);
        uint64_t asked = memory_works();
        reached = asked >= nth;
        points += nth != 0 && reached;
        if (nth == 0) {
            step = asked / POINTS_MAX + 1;
            if (wanted != NULL)
                check_answer(request, &expected, wanted);
        }
        if (nth != 0 && !fine(&got, &expected)) {
            fprintf(stderr, "%s %.90s\n  allocation %llu: %s %d %.*s\n", request->operation, request->body,
                    (unsigned long long)nth, cc_status_name(got.status), got.http, (int)got.text.size,
                    (const char *)got.text.data);
            CHECK(false);
        }
        if (last_sequence(&w) == before)
            continue;
        world_end(&w);
        w = wide_world();
        stores++;
    }
    world_dump(w.tables, &got.text);
    world_end(&w);
    cc_buffer_free(&expected.text);
    cc_buffer_free(&got.text);
}

static void sweep_all(const request_case *requests, size_t count) {
    cc_buffer_tightest(true);
    for (size_t i = 0; i < count && check.failures_here < 5; i++)
        sweep(&requests[i], NULL);
    cc_buffer_tightest(false);
}

/* ---- corners ---- */
/* `text` is "[@left ]Operation body": in the body ` stands for a quote, and ^12:abc~^ for abc0abc1... twelve times. */
static bool next_corner(char *text, request_case *request_out, cc_buffer *body) {
    char *end, *operation = text;
    *request_out = (request_case){0};
    if (*text == '@')
        request_out->left = strtod(text + 1, &operation), operation++;
    char *at = strchr(operation, ' ');
    if (at == NULL)
        return false;
    *at++ = 0;
    request_out->operation = operation;
    cc_buffer_clear(body);
    for (; *at != 0; at++) {
        long times = *at == '^' ? strtol(at + 1, &end, 10) : 1;
        char *from = *at == '^' ? end + 1 : at, *to = *at == '^' ? strchr(from, '^') : at + 1;
        bool run = *at == '^';
        if (to == NULL)
            return false;
        for (long i = 0; i < times; i++)
            for (const char *c = from; c < to; c++) {
                char piece[24] = {*c, 0};
                if (*c == '`')
                    piece[0] = '"';
                if (run && *c == '~')
                    snprintf(piece, sizeof piece, "%ld", i);
                CHECK_OK(cc_buffer_append_text(body, piece));
            }
        at = run ? to : at;
    }
    CHECK_OK(cc_buffer_append_byte(body, 0));
    request_out->body = (const char *)body->data;
    return true;
}

/* A store that counts nothing and has a place of its own gives the same answers, but to names of other places. */
static void ask_both(const request_case *request, const world *one, const world *other) {
    answer got = {0}, again = {0};
    world_call(one->tables, request, &got);
    world_call(other->tables, request, &again);
    bool same = got.http == again.http &&
                cc_bytes_equal(cc_buffer_bytes(&got.text), cc_buffer_bytes(&again.text));
    if (!same && strstr(request->body, "arn:aws") == NULL) {
        fprintf(stderr, "%s %.200s\n  %.*s\n  %.*s\n", request->operation, request->body, (int)got.text.size,
                (const char *)got.text.data, (int)again.text.size, (const char *)again.text.data);
        CHECK(false);
    }
    elsewhere += !same;
    cc_buffer_free(&got.text);
    cc_buffer_free(&again.text);
}

TEST(corners) {
    FILE *file = fopen(CC_GOLDEN "/corners.txt", "r");
    char *line = NULL, *wanted = NULL;
    size_t room = 0, wanted_room = 0, count = 0;
    cc_buffer body = {0};
    request_case request;
    world one = wide_world(), other = wide_world();
    cc_tables_meter(other.tables, false);
    cc_tables_set_place(other.tables, cc_bytes_text("000000000000"), cc_bytes_text("us-east-1"));
    CHECK(file != NULL);
    for (; file != NULL && getline(&line, &room, file) > 0 && check.failures_here < 20; count++) {
        line[strcspn(line, "\n")] = 0;
        if (printing)
            puts(line);
        else if (getline(&wanted, &wanted_room, file) < 6)
            break;
        else
            wanted[strcspn(wanted, "\n")] = 0;
        bool good = next_corner(line, &request, &body);
        CHECK(good);
        if (!good)
            continue;
        cc_buffer_tightest(!printing);
        sweep(&request, printing ? "" : wanted + 4);
        cc_buffer_tightest(false);
        if (request.left == 0 && !printing)
            ask_both(&request, &one, &other);
    }
    CHECK(count > 400 && (printing || elsewhere >= 3));
    world_end(&one);
    world_end(&other);
    cc_buffer_free(&body);
    free(line);
    free(wanted);
    if (file != NULL)
        fclose(file);
}

TEST(writes) { sweep_all(memory_writes, memory_write_count); }
TEST(reads) { sweep_all(memory_reads, memory_read_count); }
TEST(refusals) { sweep_all(memory_refusals, memory_refusal_count); }

int main(int argc, char **argv) {
    printing = argc > 1 && strcmp(argv[1], "print") == 0;
    RUN(corners);
    if (printing)
        return 0;
    RUN(writes);
    RUN(reads);
    RUN(refusals);
    printf("%llu failed allocations, %llu stores\n", (unsigned long long)points, (unsigned long long)stores);
    CHECK(points > 5000);
    return REPORT();
}
