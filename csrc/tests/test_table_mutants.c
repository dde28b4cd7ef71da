/* test_table_mutants.c: requests and descriptions of tables cut short at every byte, and with single bytes changed.
 *
 * Each gets one answer, 200 or 400, that is JSON; a description is taken or refused with a sentence. What the writes
 * among them did holds together in tree, hash index, indexes and vectors. */
#include <stdlib.h>

#include "codec/json.h"
#include "support/check.h"
#include "support/memory_requests.h"
#include "table/index.h"

static const uint8_t others[] = {'"', '\\', '{', ']', '0', ' ', ',', 'e', '\'', '.', '-', '(', 0, 0xff};
static uint64_t runs;

static bool is_json(const cc_buffer *text) {
    cc_json_cursor cursor = cc_json_open(cc_buffer_bytes(text));
    return cc_json_skip(&cursor, NULL, NULL) == CC_OK && cc_json_finish(&cursor, NULL) == CC_OK;
}

static void ask(cc_tables *tables, cc_verb verb, cc_bytes body, cc_arena *arena, cc_buffer *reply) {
    int http = 0;
    cc_arena_reset(arena);
    cc_buffer_clear(reply);
    cc_status status = cc_table_call_json(tables, verb, body, arena, reply, &http);
    runs++;
    if (status != CC_OK || (http != 200 && http != 400) || !is_json(reply)) {
        fprintf(stderr, "%.*s\n  %s %d %.*s\n", (int)body.size, (const char *)body.data,
                cc_status_name(status), http, (int)reply->size, (const char *)reply->data);
        CHECK(false);
    }
}

static void ask_all(cc_tables *tables, const request_case *request, size_t step) {
    cc_verb verb = cc_verb_from_name(cc_bytes_text(request->operation));
    size_t size = strlen(request->body);
    uint8_t *copy = malloc(size);
    cc_arena arena;
    cc_buffer reply = {0};
    cc_arena_init(&arena, 0);
    memcpy(copy, request->body, size);
    for (size_t at = 0; at < size; at++) {
        ask(tables, verb, cc_bytes_of(copy, at), &arena, &reply);
        uint8_t was = copy[at];
        for (size_t k = at % step; k < sizeof others; k += step) {
            copy[at] = others[k];
            ask(tables, verb, cc_bytes_of(copy, size), &arena, &reply);
        }
        copy[at] = was;
    }
    cc_arena_free(&arena);
    cc_buffer_free(&reply);
    free(copy);
}

TEST(requests) {
    world w = world_new(0);
    cc_buffer dump = {0};
    for (size_t i = 0; i < memory_read_count && check.failures_here < 5; i++)
        ask_all(w.tables, &memory_reads[i], 1);
    for (size_t i = 0; i < memory_refusal_count && check.failures_here < 5; i++)
        ask_all(w.tables, &memory_refusals[i], 1);
    for (size_t i = 0; i < memory_write_count && check.failures_here < 5; i++)
        if (strlen(memory_writes[i].body) < 1500)
            ask_all(w.tables, &memory_writes[i], 2);
    world_dump(w.tables, &dump);
    cc_buffer_free(&dump);
    world_end(&w);
}

static void parse(const uint8_t *text, size_t size) {
    cc_table_schema *schema = NULL;
    cc_error error = {0};
    cc_status status = cc_schema_parse(cc_bytes_of(text, size), &schema, &error);
    runs++;
    CHECK(status == CC_OK || (schema == NULL && error.message[0] != 0));
    cc_schema_free(schema);
}

TEST(descriptions) {
    static const char more[] =
        ",\"ProvisionedThroughput\":{\"ReadCapacityUnits\":5,\"WriteCapacityUnits\":7},\"OnDemandThroughput\":"
        "{\"MaxReadRequestUnits\":3,\"MaxWriteRequestUnits\":-1},\"Foo\":[{}],\"Loading\":true}";
    size_t whole = strlen(world_description), size = whole - 1 + strlen(more);
    uint8_t *text = malloc(size);
    memcpy(text, world_description, whole - 1);
    memcpy(text + whole - 1, more, strlen(more));
    for (size_t at = 0; at < size && check.failures_here < 5; at++) {
        parse(text, at);
        uint8_t was = text[at];
        for (size_t k = 0; k < sizeof others; k++) {
            text[at] = others[k];
            parse(text, size);
        }
        text[at] = was;
    }
    free(text);
}

int main(void) {
    RUN(requests);
    RUN(descriptions);
    printf("%llu requests and descriptions\n", (unsigned long long)runs);
    CHECK(runs > 10000);
    return REPORT();
}
