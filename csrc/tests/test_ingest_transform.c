/* test_ingest_transform.c: events of a transform, and answers of the usual and of other forms, in memory that ends
 * where they do. */
#include <stdlib.h>

#include "ingest/transform.h"
#include "support/check.h"

static const cc_transform_names names = {{(const uint8_t *)"data", 4}, {(const uint8_t *)"from", 4}};

TEST(ids) {
    uint8_t out[CC_RECORD_ID_SIZE];
    cc_record_id_write((cc_record_id){18446744073709551615u, CC_RECORD_WHOLE}, out);
    CHECK(cc_bytes_equal(cc_bytes_of(out, sizeof out),
                         cc_bytes_text("49000000000000000000000000000000000018446744073709551615")));
    cc_record_id_write((cc_record_id){7, 499}, out);
    CHECK(cc_bytes_equal(cc_bytes_of(out, sizeof out),
                         cc_bytes_text("49000000000000000000000000000000000000000000000007000499")));
}

TEST(events) {
    cc_buffer event = {0};
    CHECK_OK(cc_transform_record(&event, &names, (cc_record_id){1, CC_RECORD_WHOLE}, 1700000000123u,
                                 cc_bytes_text("ab"), cc_bytes_text("")));
    CHECK(cc_bytes_equal(
        cc_buffer_bytes(&event),
        cc_bytes_text("{\"recordId\":\"49000000000000000000000000000000000000000000000000000001\","
                      "\"approximateArrivalTimestamp\":1700000000123,\"data\":\"YWI=\"}")));
    cc_buffer_clear(&event);
    CHECK_OK(
        cc_transform_record(&event, &names, (cc_record_id){1, 2}, 0, cc_bytes_text(""), cc_bytes_text("{}")));
    CHECK(cc_bytes_equal(
        cc_buffer_bytes(&event),
        cc_bytes_text("{\"recordId\":\"49000000000000000000000000000000000000000000000001000002\","
                      "\"approximateArrivalTimestamp\":0,\"data\":\"\",\"from\":{}}")));
    cc_buffer_free(&event);
}

/* What is read of an answer for the records 1 and 2: two letters (o its data is "ab", d dropped, ? for its caller), or
 * "-" when it is not of the usual form. */
static const char *told(const char *text, size_t size) {
    static char out[3]; /* the caller compares it before the next call */
    uint8_t *exact = malloc(size + 1);
    memcpy(exact, text, size);
    cc_json_cursor cursor = cc_json_open(cc_bytes_of(exact, size));
    cc_buffer data = {0};
    cc_error error;
    bool first = true;
    cc_status status = cc_transform_begin(&cursor, &error);
    for (uint64_t at = 0; at < 2 && status == CC_OK; at++) {
        cc_fate fate;
        cc_bytes json;
        status = cc_transform_next(&cursor, &first, &names, (cc_record_id){at + 1, CC_RECORD_WHOLE}, &fate,
                                   &data, &json, &error);
        if (status != CC_OK)
            break;
        CHECK(json.data[0] == '{' && json.data[json.size - 1] == '}');
        bool ab = fate == CC_FATE_OK && cc_bytes_equal(cc_buffer_bytes(&data), cc_bytes_text("ab"));
        memcpy(out + at, ab ? "o" : fate == CC_FATE_DROPPED ? "d" : fate == CC_FATE_OTHER ? "?" : "!", 2);
    }
    if (status == CC_OK)
        status = cc_transform_end(&cursor, first, &error);
    cc_buffer_free(&data);
    free(exact);
    CHECK(status != CC_ERR_NOMEM);
    return status == CC_OK ? out : "-";
}

#define ID "\"recordId\":\"4900000000000000000000000000000000000000000000000000000"
#define ONE ID "1\","
#define OK_2 "{" ID "2\",\"result\":\"Ok\",\"data\":\"YWI=\"}"
#define ANSWER(first) "{\"records\":[" first "," OK_2 "]}"
#define CHECK_TOLD(text, expected) CHECK(strcmp(told(text, strlen(text)), expected) == 0)

TEST(usual_answers) {
    CHECK_TOLD(ANSWER("{" ONE "\"result\":\"Ok\",\"data\":\"YWI=\"}"), "oo");
    CHECK_TOLD(ANSWER(" { \"data\" : \"YWI=\" , \"result\" : \"Ok\" ," ID "1\" } "), "oo");
    CHECK_TOLD(ANSWER("{" ONE "\"result\":\"Dropped\"}"), "do");
    CHECK_TOLD(ANSWER("{" ONE "\"result\":\"Dropped\",\"data\":\"!\"}"), "do");
}

TEST(records_for_the_caller) {
    CHECK_TOLD(ANSWER("{" ONE "\"result\":\"ProcessingFailed\",\"data\":\"YWI=\"}"), "?o");
    CHECK_TOLD(ANSWER("{" ONE "\"result\":\"Ok\"}"), "?o");
    CHECK_TOLD(ANSWER("{" ONE "\"data\":\"YWI=\"}"), "?o");
    CHECK_TOLD(ANSWER("{" ONE "\"result\":\"Ok\",\"data\":\"YW\"}"), "?o");
    CHECK_TOLD(ANSWER("{" ONE "\"result\":\"Ok\",\"data\":null}"), "?o");
    CHECK_TOLD(ANSWER("{" ONE "\"result\":\"Ok\",\"data\":\"YW\\u0049=\"}"), "?o");
    CHECK_TOLD(ANSWER("{" ONE "\"result\":\"O\\u006b\",\"data\":\"YWI=\"}"), "?o");
    CHECK_TOLD(
        ANSWER("{" ONE "\"result\":\"Ok\",\"data\":\"YWI=\",\"metadata\":{\"partitionKeys\":{\"a\":1}}}"),
        "?o");
    CHECK_TOLD(ANSWER("{" ONE "\"metadata\":[],\"result\":\"Dropped\"}"), "?o");
    CHECK_TOLD(ANSWER("{" ONE "\"result\":\"Ok\",\"result\":\"Dropped\",\"data\":\"YWI=\"}"), "?o");
    CHECK_TOLD(ANSWER("{" ONE "\"result\":\"Dropped\",\"data\":7}"), "?o");
}

TEST(other_forms) {
    static const char *const others[] = {
        "",
        "[]",
        "{}",
        "{\"a\":1}",
        "{\"records\":{}}",
        "{\"records\":[]}",
        "{\"records\":[" OK_2 "]}",
        ANSWER("1"),
        ANSWER(OK_2),
        ANSWER("{}"),
        ANSWER("{" ONE "\"result\":\"Ok\",\"data\":\"YWI=\"}"
               "," OK_2),
        ANSWER("{\"recordId\":1}"),
        "{\"records\":[" OK_2,
        ANSWER("{" ONE "\"data\":\"YWI=\"}") "x",
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        CHECK_TOLD(others[i], "-");
    CHECK_TOLD("{\"records\":[{" ONE "\"result\":\"Dropped\"}," OK_2 "],\"records\":[]}", "-");
}

/* Cut anywhere it is of no form; with any byte changed it is read within its bounds. */
TEST(hostile_bytes) {
    char text[] = ANSWER("{" ONE "\"result\":\"Ok\",\"data\":\"YWI=\",\"more\":{\"a\":[1,null,\"\\n\"]}}");
    size_t size = sizeof text - 1, same = 0;
    for (size_t cut = 0; cut < size; cut++)
        CHECK(strcmp(told(text, cut), "-") == 0);
    static const char put[] = "\"\\{}[],:\x01\xff 0Aa=";
    for (size_t at = 0; at < size; at++) {
        char before = text[at];
        for (size_t i = 0; i < sizeof put; i++) {
            text[at] = put[i];
            same += strcmp(told(text, size), "?o") == 0;
        }
        text[at] = before;
    }
    CHECK(same > 100 && same < size * sizeof put / 2);
    CHECK(strcmp(told(text, size), "?o") == 0);
}

int main(void) {
    RUN(ids);
    RUN(events);
    RUN(usual_answers);
    RUN(records_for_the_caller);
    RUN(other_forms);
    RUN(hostile_bytes);
    return REPORT();
}
