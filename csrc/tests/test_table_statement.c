/* test_table_statement.c: PartiQL below its doors: a text compiles once, keywords are found whatever their
 * case, places count characters, and threads share programs (run it under the thread preset).
 *
 * What callers see of statements is in tests/conformance/test_dynamodb_partiql*.py. */
#include <pthread.h>

#include "support/check.h"
#include "table/statement_tree.h"

enum { THREADS = 4, ROUNDS = 300 };

static cc_tables *tables;

static cc_status run(const char *text, cc_arena *arena, cc_reply *reply) {
    cc_request request = {.verb = CC_VERB_STATEMENT, .statement = cc_bytes_text(text)};
    cc_arena_reset(arena);
    return cc_table_execute(tables, &request, false, arena, reply, NULL);
}

static void open_tables(void) {
    static const char *const description =
        "{\"KeySchema\":[{\"AttributeName\":\"p\",\"KeyType\":\"HASH\"}],"
        "\"AttributeDefinitions\":[{\"AttributeName\":\"p\",\"AttributeType\":\"S\"}]}";
    CHECK_OK(cc_tables_open(NULL, NULL, &tables, NULL));
    CHECK_OK(cc_table_create(tables, cc_bytes_text("tab"), cc_bytes_text(description), NULL));
}

TEST(a_text_compiles_once) {
    cc_text_cache *cache = cc_text_cache_new();
    cc_statement *first = NULL, *second = NULL, *other = NULL;
    CHECK_OK(cc_statement_get(cache, cc_bytes_text("SELECT * FROM tab"), &first, NULL));
    CHECK_OK(cc_statement_get(cache, cc_bytes_text("SELECT * FROM tab"), &second, NULL));
    CHECK_OK(cc_statement_get(cache, cc_bytes_text("SELECT * FROM tab "), &other, NULL));
    CHECK(first == second && first != other);
    cc_statement_release(first);
    cc_statement_release(second);
    cc_statement_release(other);
    cc_text_cache_free(cache);
}

TEST(keywords) {
    static const char *const words[] = {"absolute", "Select", "ZONE", "can_lossless_cast", "zOnE"};
    static const char *const names[] = {"", "a", "selects", "zonE2", "can_lossless_casts", "_select", "zzz"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        CHECK(cc_pq_word_of(cc_bytes_text(words[i])) != CC_PW_NONE);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        CHECK(cc_pq_word_of(cc_bytes_text(names[i])) == CC_PW_NONE);
    CHECK_EQ(cc_pq_word_of(cc_bytes_text("missing")), CC_PW_MISSING);
}

TEST(places_count_characters_and_lines) {
    cc_bytes text = cc_bytes_text("'\xc3\xa9' a\r\n /* \n */ \xc3\xa9");
    cc_pq_token tokens[32];
    uint32_t count = 0;
    CHECK(!cc_pq_tokenize(text, tokens, &count)); /* no token begins with the last character */
    text.size -= 2;
    CHECK(cc_pq_tokenize(text, tokens, &count));
    CHECK_EQ(count, 3);
    cc_statement_place place = cc_pq_place(text, &tokens[1]);
    CHECK_EQ(place.line, 1);
    CHECK_EQ(place.column, 5);
    CHECK_EQ(place.length, 1);
    place = cc_pq_place(text, &tokens[0]);
    CHECK_EQ(place.length, 3);
    place = cc_pq_place(text, &tokens[2]);
    CHECK_EQ(place.line, 3);
    CHECK_EQ(place.column, 5);
}

/* Adds to one item and reads it, with texts that all share and some that each has for itself. */
static void *work(void *argument) {
    int number = *(int *)argument;
    long refused = 0;
    cc_arena arena;
    cc_reply reply;
    cc_arena_init(&arena, 0);
    for (int i = 0; i < ROUNDS; i++) {
        char text[200];
        refused += run("UPDATE tab SET hits = hits + 1 WHERE p = 'n'", &arena, &reply) != CC_OK;
        snprintf(text, sizeof text, "INSERT INTO tab VALUE {'p': 'k%d-%d', 'v': %d}", number, i, i);
        refused += run(text, &arena, &reply) != CC_OK;
        snprintf(text, sizeof text, "SELECT * FROM tab WHERE p = 'k%d-%d' AND v = %d", number, i, i);
        refused += run(text, &arena, &reply) != CC_OK || reply.item_count != 1;
    }
    cc_arena_free(&arena);
    return (void *)refused;
}

TEST(threads_share_programs) {
    pthread_t threads[THREADS];
    int numbers[THREADS];
    cc_arena arena;
    cc_reply reply;
    cc_value hits;
    char text[64];
    cc_arena_init(&arena, 0);
    open_tables();
    CHECK_OK(run("INSERT INTO tab VALUE {'p': 'n', 'hits': 0}", &arena, &reply));
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        CHECK(pthread_create(&threads[i], NULL, work, &numbers[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        void *refused = NULL;
        CHECK(pthread_join(threads[i], &refused) == 0);
        CHECK(refused == NULL);
    }
    snprintf(text, sizeof text, "SELECT * FROM tab WHERE hits = %d", THREADS * ROUNDS);
    CHECK_OK(run(text, &arena, &reply));
    CHECK_EQ(reply.item_count, 1);
    CHECK(cc_item_find(reply.items[0], cc_bytes_text("hits"), &hits));
    cc_arena_free(&arena);
    CHECK_OK(cc_tables_close(tables, NULL));
}

int main(void) {
    RUN(a_text_compiles_once);
    RUN(keywords);
    RUN(places_count_characters_and_lines);
    RUN(threads_share_programs);
    return REPORT();
}
