/* test_table_verify.c: what a check of a store tells of tables: descriptions, keys, indexes and vectors that are not
 * as they should be. Each fault is made on purpose, by the store's own calls or between opening and looking. */
#include <sys/stat.h>

#include "store/index.h"
#include "store/salvage.h"
#include "support/check.h"
#include "support/directory.h"
#include "table/internal.h"
#include "table/vectors.h"
#include "table/verify.h"

#define DESCRIPTION                                                                                          \
    "{\"KeySchema\":[{\"AttributeName\":\"p\",\"KeyType\":\"HASH\"}],\"AttributeDefinitions\":"              \
    "[{\"AttributeName\":\"p\",\"AttributeType\":\"S\"},{\"AttributeName\":\"g\",\"AttributeType\":\"N\"}]," \
    "\"GlobalSecondaryIndexes\":[{\"IndexName\":\"by-g\",\"KeySchema\":[{\"AttributeName\":\"g\","           \
    "\"KeyType\":\"HASH\"}],\"Projection\":{\"ProjectionType\":\"ALL\"}}],\"VectorIndexes\":[{"              \
    "\"IndexName\":\"near\",\"VectorAttribute\":{\"AttributeName\":\"v\"},\"Dimensions\":2,"                 \
    "\"DistanceFunction\":\"COSINE\",\"Projection\":{\"ProjectionType\":\"KEYS_ONLY\"}}]}"

enum { ITEMS = 40 };

static char told[4][400];
static size_t told_count;
static uint64_t records;

static void note(void *context, const cc_finding *finding) {
    (void)context;
    CHECK(!finding->harmless);
    if (told_count < 4)
        snprintf(told[told_count], sizeof told[0], "%s", finding->what);
    told_count++;
}

static void count_record(void *context, cc_bytes space, cc_key key, cc_bytes value) {
    (void)context, (void)key, (void)value;
    CHECK(cc_bytes_equal(space, cc_bytes_text("#own")));
    records++;
}

static void put(cc_tables *tables, int number) {
    char body[300];
    int http = 0;
    cc_arena arena;
    cc_buffer reply = {0};
    cc_arena_init(&arena, 0);
    snprintf(body, sizeof body,
             "{\"TableName\":\"tab\",\"Item\":{\"p\":{\"S\":\"k%d\"},\"g\":{\"N\":\"%d\"},\"v\":{\"L\":"
             "[{\"N\":\"%d\"},{\"N\":\"1\"}]}}}",
             number, number % 7, number);
    CHECK_OK(cc_table_call_json(tables, CC_VERB_PUT, cc_bytes_text(body), &arena, &reply, &http));
    CHECK_EQ(http, 200);
    cc_buffer_free(&reply);
    cc_arena_free(&arena);
}

static void put_raw(cc_store *store, const char *space, const char *partition, cc_bytes value) {
    cc_log_ticket ticket;
    cc_store_lock(store);
    cc_change change = {.kind = CC_CHANGE_PUT,
                        .space = cc_space_find(store, cc_bytes_text(space)),
                        .key = {cc_bytes_text(partition), {NULL, 0}},
                        .value = value};
    CHECK_OK(cc_store_write(store, &change, 1, &ticket, NULL));
    cc_store_unlock(store);
}

/* The value of "k<number>", copied. */
static void value_of(cc_tables *tables, const char *partition, cc_buffer *out) {
    cc_store *store = cc_tables_store(tables);
    cc_bytes value;
    cc_key key = {cc_bytes_text(partition), {NULL, 0}};
    cc_store_lock(store);
    CHECK(cc_space_get(cc_space_find(store, cc_bytes_text("tab")), key, &value));
    CHECK_OK(cc_buffer_append(out, value.data, value.size));
    cc_store_unlock(store);
}

static cc_tables *make(const char *dir) {
    cc_tables *tables = NULL;
    CHECK_OK(cc_tables_open(dir, NULL, &tables, NULL));
    CHECK_OK(cc_table_create(tables, cc_bytes_text("tab"), cc_bytes_text(DESCRIPTION), NULL));
    for (int i = 0; i < ITEMS; i++)
        put(tables, i);
    return tables;
}

static cc_store_survey look(const char *dir, cc_status (*opened)(void *, cc_store *, cc_error *)) {
    cc_findings findings = {.found = note};
    cc_table_verification tables = {.findings = &findings, .record = count_record};
    cc_verify_options options = cc_table_verify(&tables);
    cc_store_survey survey;
    if (opened != NULL)
        options.opened = opened;
    told_count = records = 0;
    CHECK_OK(cc_store_verify(dir, NULL, &options, &survey, NULL));
    CHECK_EQ(findings.faults, told_count);
    return survey;
}

TEST(what_is_right_is_counted) {
    fresh_directory();
    CHECK_OK(cc_tables_close(make(directory), NULL));
    cc_store_survey survey = look(directory, NULL);
    CHECK_EQ(told_count, 0);
    CHECK_EQ(survey.items, ITEMS);
    CHECK_EQ(survey.indexes, 1);
    CHECK_EQ(survey.entries, ITEMS);
}

/* Bytes that no version has written, as items of a table that has an index: opening says so, check names them, repair
 * leaves them out. */
static void check_forged(const char *partition, cc_bytes value, const char *what) {
    char other[sizeof directory + 8], text[200];
    cc_tables *tables = NULL;
    cc_store *store = NULL;
    cc_error error = {0};
    fresh_directory();
    CHECK_OK(cc_tables_close(make(directory), NULL));
    CHECK_OK(cc_store_open(directory, NULL, &store, NULL));
    put_raw(store, "tab", partition, value);
    put_raw(store, "tab", "\1k4", value); /* in the place of a right one */
    CHECK_OK(cc_store_close(store, NULL));

    CHECK_EQ(cc_tables_open(directory, NULL, &tables, &error), CC_ERR_CORRUPT);
    snprintf(text, sizeof text, "table 'tab': no index can be made of an item in it: %s; ", what);
    CHECK(strstr(error.message, text) == error.message);
    CHECK(strstr(error.message, "'cloudcore repair' leaves them out") != NULL);
    look(directory, NULL);
    CHECK_EQ(told_count, 2);
    CHECK(strstr(told[0], "table 'tab': item ") != NULL);

    cc_findings findings = {.found = note};
    cc_table_verification unused = {.findings = &findings};
    cc_verify_options verify = cc_table_verify(&unused);
    cc_salvage salvage;
    snprintf(other, sizeof other, "%s/r", directory);
    CHECK_EQ(mkdir(other, 0700), 0);
    told_count = 0;
    CHECK_OK(cc_store_salvage(directory, other, NULL, &verify, &salvage, NULL));
    CHECK_EQ(salvage.left_out, 2);
    CHECK(!salvage.complete);
    CHECK_EQ(told_count, 2);
    CHECK(strstr(told[0], "table 'tab': an item is left out: ") != NULL);
    CHECK_EQ(look(other, NULL).items, ITEMS - 1);
    CHECK_EQ(told_count, 0);
    CHECK_OK(cc_tables_open(other, NULL, &tables, NULL));
    CHECK_OK(cc_tables_close(tables, NULL));
}

TEST(what_is_no_item_of_a_table_with_an_index) {
    static const uint8_t wild[] = {255, 255, 255, 127, 3, 0, 0, 0};
    const char *const no_item = "its value is not an item";
    check_forged("\1k99", cc_bytes_text("no item"), no_item);
    check_forged("\1a", cc_bytes_of(wild, sizeof wild), no_item);
    check_forged("\1k98", cc_bytes_of("", 0), no_item);
}

/* An item under no key at all; and a vector index of its own, beside which no other index stumbles first. */
TEST(what_is_no_item_of_a_vector_index) {
    static const char vectors[] =
        "{\"KeySchema\":[{\"AttributeName\":\"p\",\"KeyType\":\"HASH\"}],\"AttributeDefinitions\":"
        "[{\"AttributeName\":\"p\",\"AttributeType\":\"S\"}],\"VectorIndexes\":[{\"IndexName\":\"near\","
        "\"VectorAttribute\":{\"AttributeName\":\"v\"},\"Dimensions\":2,\"DistanceFunction\":\"COSINE\","
        "\"Projection\":{\"ProjectionType\":\"KEYS_ONLY\"}}]}";
    fresh_directory();
    cc_tables *tables = NULL;
    cc_store *store = NULL;
    cc_error error = {0};
    cc_buffer value = {0};
    CHECK_OK(cc_tables_open(directory, NULL, &tables, NULL));
    CHECK_OK(cc_table_create(tables, cc_bytes_text("tab"), cc_bytes_text(vectors), NULL));
    put(tables, 1);
    value_of(tables, "\1k1", &value);
    CHECK_OK(cc_tables_close(tables, NULL));
    CHECK_OK(cc_store_open(directory, NULL, &store, NULL));
    put_raw(store, "tab", "", cc_buffer_bytes(&value));
    CHECK_OK(cc_store_close(store, NULL));
    CHECK_EQ(cc_tables_open(directory, NULL, &tables, &error), CC_ERR_CORRUPT);
    CHECK(strstr(error.message, "an item in it: its key is empty; ") != NULL);
    look(directory, NULL);
    CHECK_EQ(told_count, 1);
    CHECK(strstr(told[0], "its key is empty") != NULL);
    cc_buffer_free(&value);
}

/* An index that is made while the table is in use meets the same. */
TEST(what_is_no_item_when_an_index_is_added) {
    static const char plain[] =
        "{\"KeySchema\":[{\"AttributeName\":\"p\",\"KeyType\":\"HASH\"}],\"AttributeDefinitions\":"
        "[{\"AttributeName\":\"p\",\"AttributeType\":\"S\"}]}";
    fresh_directory();
    cc_tables *tables = NULL;
    cc_error error = {0};
    CHECK_OK(cc_tables_open(directory, NULL, &tables, NULL));
    CHECK_OK(cc_table_create(tables, cc_bytes_text("tab"), cc_bytes_text(plain), NULL));
    put_raw(cc_tables_store(tables), "tab", "\1k1", cc_bytes_text("no item"));
    CHECK_OK(cc_table_describe(tables, cc_bytes_text("tab"), cc_bytes_text(DESCRIPTION), NULL));
    CHECK_EQ(cc_table_fill(tables, cc_bytes_text("tab"), &error), CC_ERR_CORRUPT);
    CHECK(strstr(error.message, "an item in it: its value is not an item; ") != NULL);
    CHECK_OK(cc_tables_close(tables, NULL));
}

TEST(keys_and_descriptions_that_are_wrong) {
    fresh_directory();
    cc_buffer value = {0};
    cc_space *space;
    cc_tables *tables = make(directory);
    cc_store *store = NULL;
    value_of(tables, "\1k3", &value);
    CHECK_OK(cc_tables_close(tables, NULL));
    CHECK_OK(cc_store_open(directory, NULL, &store, NULL)); /* without tables over it, which would stumble */
    put_raw(store, "tab", "\1k4", cc_buffer_bytes(&value)); /* under another's key */
    cc_store_lock(store);
    CHECK_OK(cc_space_create(store, cc_bytes_text("none"), cc_bytes_text("{}"), &space, NULL));
    CHECK_OK(cc_space_create(store, cc_bytes_text("bytes"), cc_bytes_text(DESCRIPTION), &space, NULL));
    CHECK_OK(cc_space_create(store, cc_bytes_text("#own"), cc_bytes_text("{}"), &space, NULL));
    cc_store_unlock(store);
    put_raw(store, "bytes", "\1k5", cc_bytes_text("no item"));
    put_raw(store, "#own", "a", cc_bytes_text("1"));
    CHECK_OK(cc_store_close(store, NULL));
    CHECK_EQ(look(directory, NULL).opened, true);
    CHECK_EQ(told_count, 3);
    CHECK_EQ(records, 1);
    CHECK(strstr(told[0], "table 'none': its description cannot be read") != NULL);
    int keys = 0, values = 0;
    for (int i = 1; i < 3; i++) {
        keys += strstr(told[i], "its key is not the one that it lies under") != NULL;
        values += strstr(told[i], "its value is not an item") != NULL;
    }
    CHECK_EQ(keys, 1);
    CHECK_EQ(values, 1);
    cc_buffer_free(&value);
}

/* An index whose keys are not what they were when it was filled; `phase` says how. */
static int phase;
static cc_status make_key(const void *definition, cc_key table_key, cc_bytes item, cc_buffer *scratch,
                          cc_index_image *image_out, bool *present_out) {
    bool first = table_key.partition.data[table_key.partition.size - 1] == '1';
    (void)definition;
    *present_out = phase != 1 || !first;
    CC_TRY(cc_buffer_append(scratch, table_key.partition.data, table_key.partition.size));
    if (phase == 2 && first)
        scratch->data[0] ^= 1;
    *image_out = (cc_index_image){{cc_buffer_bytes(scratch), {NULL, 0}},
                                  (uint32_t)item.size + (phase == 3 && first)};
    return CC_OK;
}

static cc_status open_changing(void *context, cc_store *store, cc_error *error) {
    static cc_table_index named;
    cc_space *index = NULL;
    int wanted = phase;
    bool done = false;
    (void)context;
    named.name = cc_bytes_text("changing");
    phase = 0;
    CC_TRY(cc_index_create(cc_space_find(store, cc_bytes_text("tab")), make_key, &named, &index, error));
    CC_TRY(cc_index_fill(index, NULL, SIZE_MAX, &done, error));
    phase = wanted;
    return CC_OK;
}

TEST(an_index_that_disagrees_with_its_table) {
    fresh_directory();
    CHECK_OK(cc_tables_close(make(directory), NULL));
    for (phase = 0; phase <= 3; phase++) {
        CHECK_EQ(look(directory, open_changing).entries, ITEMS);
        CHECK_EQ(told_count, phase != 0);
        if (phase != 0)
            CHECK(strstr(told[0], "table 'tab': index 'changing': 40 entries") != NULL);
    }
}

/* As the tables do, then a vector is taken away. */
static cc_status open_forgetting(void *context, cc_store *store, cc_error *error) {
    cc_table_verification unused = {.findings = ((cc_table_verification *)context)->findings};
    CC_TRY(cc_table_verify(&unused).opened(context, store, error));
    cc_table_schema *schema = cc_space_attached(cc_space_find(store, cc_bytes_text("tab")));
    CHECK_EQ(cc_matrix_count(schema->vectors[0].matrix), ITEMS);
    cc_matrix_remove(schema->vectors[0].matrix, (cc_key){cc_bytes_text("\1k7"), {NULL, 0}});
    return CC_OK;
}

TEST(a_vector_that_is_missing) {
    fresh_directory();
    CHECK_OK(cc_tables_close(make(directory), NULL));
    look(directory, open_forgetting);
    CHECK_EQ(told_count, 1);
    CHECK(strstr(told[0], "a vector index disagrees with it") != NULL);
}

int main(void) {
    RUN(what_is_right_is_counted);
    RUN(what_is_no_item_of_a_table_with_an_index);
    RUN(what_is_no_item_of_a_vector_index);
    RUN(what_is_no_item_when_an_index_is_added);
    RUN(keys_and_descriptions_that_are_wrong);
    RUN(an_index_that_disagrees_with_its_table);
    RUN(a_vector_that_is_missing);
    return REPORT();
}
