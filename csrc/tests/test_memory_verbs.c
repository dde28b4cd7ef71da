/* test_memory_verbs.c: every allocation of every item verb fails once, alone and with all that follow it; and under a
 * memory budget of one byte, where every value is on the disk alone, every allocation and every call of the disk.
 *
 * For each request: two copies of one small store, one before and one after the request. Then, for n = 1, 2, ...
 * until the request needs fewer: a fresh store, the request with its n-th allocation or call failing, and
 *   - the reply is that of the undisturbed request, and the store as after it (it was not needed); or
 *   - it is a 500 or CC_ERR_NOMEM, and the store as before it, or as after it (the reply alone had no memory);
 *     of a batch of statements one may be done and the other have InternalServerError;
 *   - in both trees and the hash index, in all indexes, and after it was opened again from its log;
 *   - and where nothing was done, the same request then does it and gives its reply.
 * Leaks are for AddressSanitizer to find (make test-sanitize). */
#include <stdlib.h>

#include "support/check.h"
#include "support/memory_requests.h"
#include "support/memory_ways.h"

/* ---- the sweep ---- */
static struct {
    uint64_t points, calls, unneeded, untold;
    int shown;
} sum;

static void complain(const request_case *request, const memory_way *how, uint64_t nth, const char *what,
                     const answer *got) {
    check.failures_here++;
    if (sum.shown++ < 20)
        fprintf(stderr, "%s %.90s\n  %s %llu, budget %llu: %s: %s %d %.*s\n", request->operation,
                request->body, how->disk ? "call" : "allocation", (unsigned long long)nth,
                (unsigned long long)how->budget, what, cc_status_name(got->status), got->http,
                (int)got->text.size, (const char *)got->text.data);
}

/* Of the request, or of one of its parts. */
static bool is_internal_error(const request_case *request, const answer *got) {
    static const char start[] =
        "{\"__type\":\"com.amazonaws.dynamodb.v20120810#InternalServerError\",\"message\":\"";
    if (got->status != CC_OK)
        return got->status == CC_ERR_NOMEM;
    if (request->half != NULL && got->http == 200)
        return memmem(got->text.data, got->text.size, "\"InternalServerError\"", 21) != NULL;
    return got->http == 500 && got->text.size > sizeof start + 2 &&
           memcmp(got->text.data, start, sizeof start - 1) == 0;
}

/* Whether the request got as far as what was to fail. */
static bool call_failing(world *w, const request_case *request, const memory_way *how, uint64_t nth,
                         answer *got) {
    uint64_t before = memory_way_begin(how, w->disk, nth);
    world_call(w->tables, request, got);
    return memory_way_end(how, w->disk, nth, before);
}

typedef struct {
    cc_buffer before, between, after;
    answer reply;
} expectation;

/* False: the request needs fewer allocations, or calls, than `nth`. */
static bool fail_one(const request_case *request, const expectation *expected, const memory_way *how,
                     uint64_t nth) {
    world w = world_new(how->budget);
    answer got = {0};
    cc_buffer now = {0}, again = {0};
    bool reached = call_failing(&w, request, how, nth, &got);
    bool told = got.status == CC_OK && got.http == expected->reply.http &&
                same_text(&got.text, &expected->reply.text);
    world_dump(w.tables, &now);
    bool done = same_text(&now, &expected->after), undone = same_text(&now, &expected->before);
    bool half = same_text(&now, &expected->between);
    if (!told && !is_internal_error(request, &got))
        complain(request, how, nth, "an answer that is neither", &got);
    if (told ? !done : !done && !undone && !half)
        complain(request, how, nth, "a store that is neither", &got);
    if (!told && undone) {
        world_call(w.tables, request, &got);
        if (!same_text(&got.text, &expected->reply.text) || got.http != expected->reply.http)
            complain(request, how, nth, "later another answer", &got);
        world_dump(w.tables, &now);
        if (!same_text(&now, &expected->after))
            complain(request, how, nth, "later another store", &got);
    }
    world_reopen(&w);
    world_dump(w.tables, &again);
    if (!same_text(&now, &again))
        complain(request, how, nth, "another store when it was opened again", &got);
    sum.points += reached && !how->disk;
    sum.calls += reached && how->disk;
    sum.unneeded += reached && told;
    sum.untold += reached && !told && done && !undone;
    world_end(&w);
    cc_buffer_free(&got.text);
    cc_buffer_free(&now);
    cc_buffer_free(&again);
    return reached;
}

static void expect(const request_case *request, uint64_t budget, expectation *expected) {
    world w = world_new(budget);
    world_dump(w.tables, &expected->before);
    world_call(w.tables, request, &expected->reply);
    world_dump(w.tables, &expected->after);
    world_end(&w);
    if (request->half == NULL)
        return;
    request_case half = {request->operation, request->half, NULL};
    answer got = {0};
    w = world_new(budget);
    world_call(w.tables, &half, &got);
    world_dump(w.tables, &expected->between);
    world_end(&w);
    cc_buffer_free(&got.text);
}

static void sweep(const request_case *request, bool writing) {
    bool short_form = request >= memory_refusals && request < memory_refusals + memory_refusal_count;
    for (size_t i = 0; i < memory_way_count; i++) {
        if (short_form && i != 0 && !(memory_ways[i].disk && !memory_ways[i].later))
            continue;
        expectation expected = {0};
        expect(request, memory_ways[i].budget, &expected);
        CHECK_OK(expected.reply.status);
        CHECK(expected.reply.http == 200 || expected.reply.http == 400);
        CHECK(!writing || expected.reply.http == 400 || !same_text(&expected.before, &expected.after));
        for (uint64_t nth = 1; fail_one(request, &expected, &memory_ways[i], nth);
             nth += memory_ways[i].stride)
            ;
        cc_buffer_free(&expected.before);
        cc_buffer_free(&expected.between);
        cc_buffer_free(&expected.after);
        cc_buffer_free(&expected.reply.text);
    }
}

TEST(writes) {
    for (size_t i = 0; i < memory_write_count; i++)
        sweep(&memory_writes[i], true);
}

TEST(reads_and_refusals) {
    for (size_t i = 0; i < memory_read_count; i++)
        sweep(&memory_reads[i], false);
}

TEST(more_refusals) {
    for (size_t i = 0; i < memory_refusal_count; i++)
        sweep(&memory_refusals[i], false);
}

int main(void) {
    RUN(writes);
    RUN(reads_and_refusals);
    RUN(more_refusals);
    printf(
        "%zu requests: %llu failed allocations, %llu failed calls of the disk; %llu not needed, %llu done but not "
        "told\n",
        memory_write_count + memory_read_count + memory_refusal_count, (unsigned long long)sum.points,
        (unsigned long long)sum.calls, (unsigned long long)sum.unneeded, (unsigned long long)sum.untold);
    CHECK(sum.points > 1400 && sum.calls > 90);
    return REPORT();
}
