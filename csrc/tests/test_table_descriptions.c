/* test_table_descriptions.c: descriptions of tables that cannot be one, and tables described anew: what index goes
 * over as it is, and what is another under its name. ' stands for a quote. */
#include <stdlib.h>

#include "support/check.h"
#include "table/internal.h"

#define KEYS "'KeySchema':[{'AttributeName':'p','KeyType':'HASH'},{'AttributeName':'s','KeyType':'RANGE'}]"
#define DEFINED                                                                                                     \
    ",'AttributeDefinitions':[{'AttributeName':'p','AttributeType':'S'},{'AttributeName':'s','AttributeType':'N'}," \
    "{'AttributeName':'a','AttributeType':'S'},{'AttributeName':'b','AttributeType':'B'},"                          \
    "{'AttributeName':'c','AttributeType':'BOOL'}]"
#define INDEX(name, keys, rest) "{'IndexName':'" name "','KeySchema':[" keys "]" rest "}"
#define HASH(name) "{'AttributeName':'" name "','KeyType':'HASH'}"
#define RANGE(name) "{'AttributeName':'" name "','KeyType':'RANGE'}"
#define FILTER(name) "{'AttributeName':'" name "','SearchSchemaElementType':'INLINE_FILTER'}"
#define GLOBAL(indexes) "{" KEYS DEFINED ",'GlobalSecondaryIndexes':[" indexes "]}"
#define LOCAL(indexes) "{" KEYS DEFINED ",'LocalSecondaryIndexes':[" indexes "]}"
#define VECTOR(rest) "{" KEYS DEFINED ",'VectorIndexes':[{'IndexName':'vix'" rest "}]}"
#define ALL ",'Projection':{'ProjectionType':'ALL'}"
#define ON_V ",'VectorAttribute':{'AttributeName':'v'}"

static void quoted(const char *text, cc_buffer *out) {
    cc_buffer_clear(out);
    for (; *text != 0; text++)
        CHECK_OK(cc_buffer_append_byte(out, *text == '\'' ? '"' : (uint8_t)*text));
}

static cc_status parse(const char *text) {
    cc_table_schema *schema = NULL;
    cc_error error = {0};
    cc_buffer json = {0};
    quoted(text, &json);
    cc_status status = cc_schema_parse(cc_buffer_bytes(&json), &schema, &error);
    CHECK(status == CC_OK || (schema == NULL && error.message[0] != 0));
    cc_schema_free(schema);
    cc_buffer_free(&json);
    return status;
}

TEST(good) {
    static const char *const texts[] = {
        "{" KEYS DEFINED "}",
        "{" KEYS DEFINED ",'LocalSecondaryIndexes':null,'GlobalSecondaryIndexes':null,'VectorIndexes':null}",
        "{" KEYS DEFINED ",'OnDemandThroughput':null,'ReadCapacityUnits':5,'WriteCapacityUnits':-1.5}",
        "{" KEYS DEFINED
        ",'OnDemandThroughput':{'MaxReadRequestUnits':1,'Foo':[{}],'MaxWriteRequestUnits':2}}",
        "{" KEYS DEFINED ",'Feed':'KEYS','Loading':true,'Foo':{'a':[1]}}",
        "{" KEYS DEFINED ",'Feed':'NONE','Loading':false}",
        "{'KeySchema':[{'Foo':1,'AttributeName':'p','KeyType':'HASH'}]" DEFINED "}",
        GLOBAL(INDEX("g", HASH("a") "," RANGE("s"), ",'Projection':{'ProjectionType':'KEYS_ONLY','Foo':1}")),
        GLOBAL(INDEX("g", HASH("a"), ",'Projection':{'NonKeyAttributes':null,'ProjectionType':'ALL'}")),
        GLOBAL(
            INDEX("g", HASH("a"),
                  ",'Projection':{'ProjectionType':'INCLUDE','NonKeyAttributes':['1','2','3','4','5','6','7',"
                  "'8','9','9','10','11','12','13','14','15','16','17']},'ReadCapacityUnits':1")),
        GLOBAL(INDEX("g", HASH("a") "," HASH("p") "," RANGE("s") "," RANGE("b"), ALL)),
        LOCAL(INDEX("l", HASH("p") "," RANGE("a"), ALL)),
        VECTOR(ON_V ",'Dimensions':3,'DistanceFunction':'COSINE'" ALL),
        VECTOR(ON_V ",'Dimensions':3,'DistanceFunction':'DOT_PRODUCT','SearchSchema':[" FILTER("a") "," HASH(
            "p") "]"
                 ",'Projection':{'ProjectionType':'INCLUDE','NonKeyAttributes':['x']}"),
        "{'KeySchema':[" HASH("p") "]" DEFINED ",'VectorIndexes':[{'IndexName':'vix'" ON_V
                                   ",'Dimensions':3" ALL "}]}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (parse(texts[i]) != CC_OK) {
            fprintf(stderr, "refused: %s\n", texts[i]);
            CHECK(false);
        }
}

TEST(bad) {
    static const char *const texts[] = {
        "",
        "[]",
        "{}",
        "{'KeySchema'}",
        "{'KeySchema':5}",
        "{'KeySchema':[5]}",
        "{'KeySchema':[{} {}]}",
        "{'KeySchema':[{'AttributeName':5}]}",
        "{'KeySchema':[{'AttributeName' 'p'}]}",
        "{'KeySchema':[{'AttributeName':'\\ud800'}]}",
        "{'KeySchema':[{'Foo':tru}]}",
        "{'KeySchema':[{'KeyType':1}]}",
        "{'KeySchema':[" HASH("p") "," RANGE("s") "," RANGE("a") "]" DEFINED "}",
        "{'KeySchema':[" HASH("p") "," HASH("s") "]" DEFINED "}",
        "{'KeySchema':[" RANGE("p") "," RANGE("s") "]" DEFINED "}",
        "{'KeySchema':[" RANGE("p") "]" DEFINED "}",
        "{'KeySchema':[" HASH("") "]" DEFINED "}",
        "{'KeySchema':[" HASH("c") "]" DEFINED "}",
        "{'KeySchema':[" HASH("z") "]" DEFINED "}",
        "{'KeySchema':[{'KeyType':'HASH'}]" DEFINED "}",
        "{" KEYS "}",
        "{" KEYS ",'AttributeDefinitions':{}}",
        "{" KEYS ",'AttributeDefinitions':[{'AttributeType':[]}]}",
        "{" KEYS DEFINED ",'ReadCapacityUnits':'x'}",
        "{" KEYS DEFINED ",'WriteCapacityUnits':-}",
        "{" KEYS DEFINED ",'OnDemandThroughput':{'MaxReadRequestUnits':'x'}}",
        "{" KEYS DEFINED ",'OnDemandThroughput':{'MaxWriteRequestUnits':[]}}",
        "{" KEYS DEFINED ",'OnDemandThroughput':{'Foo':tru}}",
        "{" KEYS DEFINED ",'OnDemandThroughput':tru}",
        "{" KEYS DEFINED ",'Feed':1}",
        "{" KEYS DEFINED ",'Loading':1}",
        "{" KEYS DEFINED ",'Foo':tru}",
        "{" KEYS DEFINED ",'GlobalSecondaryIndexes':5}",
        "{" KEYS DEFINED ",'GlobalSecondaryIndexes':nul}",
        "{" KEYS DEFINED ",'GlobalSecondaryIndexes':[5]}",
        "{" KEYS DEFINED ",'LocalSecondaryIndexes':[{} {}]}",
        GLOBAL("{'IndexName':5}"),
        GLOBAL("{'IndexName':'g'}"),
        GLOBAL(INDEX("g", RANGE("a"), ALL)),
        GLOBAL("{'IndexName':'g','KeySchema':5}"),
        GLOBAL(INDEX("g", HASH("c"), ALL)),
        GLOBAL(INDEX("g", HASH("a") "," HASH("p") "," HASH("s") "," HASH("b") "," HASH("a"), ALL)),
        GLOBAL(INDEX("g", HASH("a"), ",'ReadCapacityUnits':'x'")),
        GLOBAL(INDEX("g", HASH("a"), ",'Projection':5")),
        GLOBAL(INDEX("g", HASH("a"), ",'Projection':{'ProjectionType':5}")),
        GLOBAL(INDEX("g", HASH("a"), ",'Projection':{'NonKeyAttributes':5}")),
        GLOBAL(INDEX("g", HASH("a"), ",'Projection':{'NonKeyAttributes':[5]}")),
        GLOBAL(INDEX("g", HASH("a"), ",'Projection':{'NonKeyAttributes':['a' 'b']}")),
        GLOBAL(INDEX("g", HASH("a"), ",'Projection':{'Foo':tru}")),
        GLOBAL(INDEX("g", HASH("a") ",5", ALL)),
        "{" KEYS DEFINED ",'VectorIndexes':{}}",
        VECTOR(""),
        VECTOR(ON_V),
        VECTOR(",'Dimensions':3"),
        VECTOR(ON_V ",'Dimensions':0"),
        VECTOR(ON_V ",'Dimensions':-1"),
        VECTOR(ON_V ",'Dimensions':99999999"),
        VECTOR(ON_V ",'Dimensions':'x'"),
        VECTOR(",'VectorAttribute':5"),
        VECTOR(ON_V ",'Dimensions':3,'DistanceFunction':5"),
        VECTOR(ON_V ",'Dimensions':3,'SearchSchema':5"),
        VECTOR(ON_V ",'Dimensions':3,'SearchSchema':[" HASH("p") "," HASH("a") "]"),
        VECTOR(ON_V ",'Dimensions':3,'SearchSchema':[" FILTER("c") "]"),
        VECTOR(ON_V ",'Dimensions':3,'SearchSchema':[" FILTER("z") "]"),
        "{" KEYS DEFINED "",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (parse(texts[i]) == CC_OK) {
            fprintf(stderr, "taken: %s\n", texts[i]);
            CHECK(false);
        }
}

/* One more than there may be of each. */
TEST(too_many) {
    static const struct {
        const char *head, *each, *tail;
        int most;
    } lists[] = {
        {"{" KEYS
         ",'AttributeDefinitions':[{'AttributeName':'p','AttributeType':'S'},{'AttributeName':'s','AttributeType':'N'}",
         ",{}", "]}", 256 - 2},
        {"{" KEYS DEFINED ",'GlobalSecondaryIndexes':[" INDEX("g", HASH("a"), ALL),
         "," INDEX("g", HASH("a"), ALL), "]}", CC_SPACE_INDEX_MAX - 1},
    };
    cc_buffer text = {0};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        for (int more = 0; more <= 1; more++) {
            cc_buffer_clear(&text);
            CHECK_OK(cc_buffer_append_text(&text, lists[i].head));
            for (int k = 0; k < lists[i].most + more; k++)
                CHECK_OK(cc_buffer_append_text(&text, lists[i].each));
            CHECK_OK(cc_buffer_append(&text, lists[i].tail, strlen(lists[i].tail) + 1));
            CHECK_EQ(parse((const char *)text.data) == CC_OK, more == 0);
        }
    cc_buffer_free(&text);
    cc_schema_free(NULL);
}

/* ---- described anew ---- */
static void put_items(cc_tables *tables) {
    static const char body[] =
        "{\"RequestItems\":{\"t\":[{\"PutRequest\":{\"Item\":{\"p\":{\"S\":\"1\"},\"s\":{\"N\":\"1\"},\"a\":{\"S\":\"x\"},"
        "\"b\":{\"B\":\"AA==\"},\"v\":{\"L\":[{\"N\":\"1\"},{\"N\":\"2\"}]}}}},{\"PutRequest\":{\"Item\":{\"p\":{\"S\":\"2\"},"
        "\"s\":{\"N\":\"2\"},\"a\":{\"S\":\"y\"},\"v\":{\"L\":[{\"N\":\"1\"},{\"N\":\"2\"},{\"N\":\"3\"}]}}}}]}}";
    cc_arena arena;
    cc_buffer reply = {0};
    int http = 0;
    cc_arena_init(&arena, 0);
    CHECK_OK(cc_table_call_json(tables, cc_verb_from_name(cc_bytes_text("BatchWriteItem")),
                                cc_bytes_text(body), &arena, &reply, &http));
    CHECK_EQ(http, 200);
    cc_buffer_free(&reply);
    cc_arena_free(&arena);
}

/* What an index of the table holds now: its entries, or its vectors. */
static uint64_t held(cc_tables *tables, const char *name, bool *filling_out) {
    cc_table_index_info info;
    cc_space *space = cc_space_find(cc_tables_store(tables), cc_bytes_text("t"));
    for (size_t at = 0; cc_table_index_at(tables, space, at, &info); at++)
        if (cc_bytes_equal(info.name, cc_bytes_text(name))) {
            *filling_out = info.filling;
            return info.item_count;
        }
    return UINT64_MAX;
}

#define G(keys, rest) INDEX("g", keys, rest)
#define V(rest) "{'IndexName':'v'" rest "}"
#define T(global, vector)                                                                                    \
    "{" KEYS DEFINED ",'GlobalSecondaryIndexes':[" global "],'VectorIndexes':[" vector "]}"
#define PLAIN_V V(ON_V ",'Dimensions':2,'DistanceFunction':'EUCLIDEAN'" ALL)
#define PLAIN_G G(HASH("a"), ALL)

TEST(anew) {
    static const struct {
        const char *text;
        bool g_kept, v_kept; /* what the one before had */
    } steps[] = {
        {T(PLAIN_G, PLAIN_V), false, false},
        {T(PLAIN_G, PLAIN_V), true, true},
        {T(G(HASH("a"), ",'Projection':{'ProjectionType':'KEYS_ONLY'}"), PLAIN_V), false, true},
        {T(G(HASH("a"), ",'Projection':{'ProjectionType':'INCLUDE','NonKeyAttributes':['x']}"), PLAIN_V),
         false, true},
        {T(G(HASH("a"), ",'Projection':{'ProjectionType':'INCLUDE','NonKeyAttributes':['x']}"), PLAIN_V),
         true, true},
        {T(G(HASH("a"), ",'Projection':{'ProjectionType':'INCLUDE','NonKeyAttributes':['y']}"), PLAIN_V),
         false, true},
        {T(G(HASH("a"), ",'Projection':{'ProjectionType':'INCLUDE','NonKeyAttributes':['y','z']}"), PLAIN_V),
         false, true},
        {T(G(HASH("a") "," RANGE("s"), ALL), PLAIN_V), false, true},
        {T(G(HASH("a") "," RANGE("p"), ALL), PLAIN_V), false, true},
        {T(G(HASH("s") "," RANGE("p"), ALL), PLAIN_V), false, true},
        {T(G(HASH("s") "," HASH("p"), ALL), PLAIN_V), false, true},
        {T(PLAIN_G, V(ON_V ",'Dimensions':3,'DistanceFunction':'EUCLIDEAN'" ALL)), false, false},
        {T(PLAIN_G, V(ON_V ",'Dimensions':3,'DistanceFunction':'COSINE'" ALL)), true, false},
        {T(PLAIN_G,
           V(ON_V ",'Dimensions':3,'DistanceFunction':'COSINE','Projection':{'ProjectionType':'KEYS_ONLY'}")),
         true, false},
        {T(PLAIN_G, V(ON_V ",'Dimensions':3,'SearchSchema':[" FILTER("a") "]" ALL)), true, false},
        {T(PLAIN_G, V(ON_V ",'Dimensions':3,'SearchSchema':[" FILTER("a") "]" ALL)), true, true},
        {T(PLAIN_G, V(ON_V ",'Dimensions':3,'SearchSchema':[" FILTER("s") "]" ALL)), true, false},
        {T(PLAIN_G, V(ON_V ",'Dimensions':3,'SearchSchema':[" HASH("p") "]" ALL)), true, false},
        {T(PLAIN_G, V(ON_V ",'Dimensions':3,'SearchSchema':[" HASH("p") "," FILTER("a") "]" ALL)), true,
         false},
        {T(PLAIN_G, V(ON_V ",'Dimensions':3,'SearchSchema':[" HASH("a") "," FILTER("p") "]" ALL)), true,
         false},
        {T(PLAIN_G, V(",'VectorAttribute':{'AttributeName':'w'},'Dimensions':3" ALL)), true, false},
        {T(PLAIN_G,
           V(ON_V ",'Dimensions':3,'Projection':{'ProjectionType':'INCLUDE','NonKeyAttributes':['x']}")),
         true, false},
        {T(PLAIN_G,
           V(ON_V ",'Dimensions':3,'Projection':{'ProjectionType':'INCLUDE','NonKeyAttributes':['x']}")),
         true, true},
        {T(PLAIN_G,
           V(ON_V ",'Dimensions':3,'Projection':{'ProjectionType':'INCLUDE','NonKeyAttributes':['y']}")),
         true, false},
        {T(PLAIN_G,
           V(ON_V ",'Dimensions':3,'Projection':{'ProjectionType':'INCLUDE','NonKeyAttributes':['y','z']}")),
         true, false},
        {LOCAL(G(HASH("p") "," RANGE("a"), ALL)), false, false},
        {GLOBAL(G(HASH("p") "," RANGE("a"), ALL)), false, false},
    };
    cc_tables *tables = NULL;
    cc_store_options options = {.log = {.durability = CC_DURABILITY_MEMORY}};
    cc_buffer json = {0};
    CHECK_OK(cc_tables_open(NULL, &options, &tables, NULL));
    quoted("{" KEYS DEFINED "}", &json);
    CHECK_OK(cc_table_create(tables, cc_bytes_text("t"), cc_buffer_bytes(&json), NULL));
    CHECK(cc_table_describe(tables, cc_bytes_text("none"), cc_buffer_bytes(&json), NULL) == CC_ERR_NOT_FOUND);
    CHECK(cc_table_describe(tables, cc_bytes_text("t"), cc_bytes_text("{}"), NULL) != CC_OK);
    CHECK(cc_table_fill(tables, cc_bytes_text("none"), NULL) == CC_ERR_NOT_FOUND);
    put_items(tables);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        bool g_filling = true, v_filling = true;
        quoted(steps[i].text, &json);
        CHECK_OK(cc_table_describe(tables, cc_bytes_text("t"), cc_buffer_bytes(&json), NULL));
        (void)held(tables, "g", &g_filling);
        (void)held(tables, "v", &v_filling);
        if (g_filling == steps[i].g_kept || v_filling == steps[i].v_kept) {
            fprintf(stderr, "step %zu: g %s, v %s\n", i, g_filling ? "new" : "kept",
                    v_filling ? "new" : "kept");
            CHECK(false);
        }
        CHECK_OK(cc_table_fill(tables, cc_bytes_text("t"), NULL));
        CHECK(held(tables, "g", &g_filling) >= 1 && !g_filling);
    }
    cc_buffer_free(&json);
    CHECK_OK(cc_tables_close(tables, NULL));
}

int main(void) {
    RUN(good);
    RUN(bad);
    RUN(too_many);
    RUN(anew);
    return REPORT();
}
