/* What the endpoint counts: buckets, counters, calls kept while somebody looks, readers beside the writer. */
#include "http/observed.h"
#include "support/check.h"

static void test_buckets(void) {
    static const uint64_t us[] = {0, 1, 3, 4, 5, 7, 8, 9, 10, 15, 16, 1000, 1000000};
    static const uint32_t bucket[] = {0, 1, 3, 4, 5, 7, 8, 8, 9, 11, 12, 35, 75};
    for (size_t i = 0; i < sizeof us / sizeof *us; i++)
        CHECK(cc_observed_bucket(us[i] * 1000) == bucket[i]);
    CHECK(cc_observed_bucket(UINT64_MAX) < CC_OBSERVED_BUCKETS);
    for (uint64_t n = 1; n < 1000000; n = n * 9 / 8 + 1)
        CHECK(cc_observed_bucket(n * 1000) <= cc_observed_bucket((n + 1) * 1000));
}

static void test_counters(void) {
    cc_observed observed;
    uint64_t counters[3 + CC_OBSERVED_BUCKETS];
    cc_observed_init(&observed);
    cc_observed_note(&observed, CC_VERB_GET, 200, 5000, cc_bytes_text("{}"), 10);
    cc_observed_note(&observed, CC_VERB_GET, 400, 5500, cc_bytes_text("{}"), 10);
    cc_observed_read(&observed, CC_VERB_GET, counters);
    CHECK(counters[0] == 2 && counters[1] == 1 && counters[2] == 10500 && counters[3 + 5] == 2);
    cc_observed_read(&observed, CC_VERB_PUT, counters);
    CHECK(counters[0] == 0);
    cc_observed_free(&observed);
}

static void test_calls(void) {
    cc_observed observed;
    cc_observed_call call;
    cc_observed_init(&observed);
    cc_observed_note(&observed, CC_VERB_GET, 200, 1, cc_bytes_text("before"), 1);
    CHECK(!cc_observed_call_at(&observed, 0, &call)); /* nobody looked */
    CHECK_OK(cc_observed_watch(&observed, 60000000000));
    uint8_t body[CC_OBSERVED_BODY + 10] = {0};
    for (uint32_t i = 0; i < CC_OBSERVED_CALLS + 5; i++) {
        body[0] = (uint8_t)i;
        cc_observed_note(&observed, CC_VERB_PUT, 200, i, cc_bytes_of(body, sizeof body), i);
    }
    CHECK(cc_observed_call_at(&observed, 0, &call));
    CHECK(call.verb == CC_VERB_PUT && call.ns == CC_OBSERVED_CALLS + 4 && call.bytes_in == sizeof body &&
          call.body_size == CC_OBSERVED_BODY && call.body[0] == (uint8_t)(CC_OBSERVED_CALLS + 4));
    CHECK(cc_observed_call_at(&observed, CC_OBSERVED_CALLS - 1, &call) && call.ns == 5);
    CHECK(!cc_observed_call_at(&observed, CC_OBSERVED_CALLS, &call));
    CHECK_OK(cc_observed_watch(&observed, 0)); /* nobody looks any more */
    cc_observed_note(&observed, CC_VERB_GET, 200, 7, cc_bytes_text("after"), 1);
    CHECK(cc_observed_call_at(&observed, 0, &call) && call.verb == CC_VERB_PUT);
    cc_observed_free(&observed);
}

enum { NOTES = 100000 };
static void *note(void *context) {
    for (uint32_t i = 0; i < NOTES; i++)
        cc_observed_note(context, CC_VERB_QUERY, 200, i, cc_bytes_text("{}"), 2);
    return NULL;
}

static void test_readers_beside_the_writer(void) {
    cc_observed observed;
    cc_observed_call call;
    uint64_t counters[3 + CC_OBSERVED_BUCKETS], last = 0;
    pthread_t writer;
    cc_observed_init(&observed);
    CHECK_OK(cc_observed_watch(&observed, 60000000000));
    CHECK(pthread_create(&writer, NULL, note, &observed) == 0);
    while (last < NOTES) {
        cc_observed_read(&observed, CC_VERB_QUERY, counters);
        CHECK(counters[0] >= last);
        last = counters[0];
        if (cc_observed_call_at(&observed, 3, &call))
            CHECK(call.body_size == 2 && memcmp(call.body, "{}", 2) == 0);
    }
    CHECK(pthread_join(writer, NULL) == 0);
    cc_observed_free(&observed);
}

int main(void) {
    RUN(buckets);
    RUN(counters);
    RUN(calls);
    RUN(readers_beside_the_writer);
    return REPORT();
}
