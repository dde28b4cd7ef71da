/* observed.h: what the epoll thread answered: calls, refusals and latencies per item verb, and the last
 * calls while somebody looks.
 *
 *   bucket of a latency of n microseconds: n below 4; else a quarter of a doubling (4-4.99, 5-5.99, ..)
 *
 * Thread rule: one thread notes, any thread reads. Counters are single words; a reader may see a call
 * counted that is not in its bucket yet. Calls are kept, behind a lock, only until `watched_until_ns`. */
#ifndef CC_HTTP_OBSERVED_H
#define CC_HTTP_OBSERVED_H

#include "base/thread.h"
#include "table/table.h"

enum { CC_OBSERVED_BUCKETS = 128, CC_OBSERVED_CALLS = 256, CC_OBSERVED_BODY = 4096 };

typedef struct {
    _Atomic uint64_t count, refused, total_ns;
    _Atomic uint64_t buckets[CC_OBSERVED_BUCKETS];
} cc_observed_verb;

typedef struct {
    cc_verb verb;
    int status;
    uint64_t wall_ms, ns;
    size_t bytes_in, bytes_out;
    size_t body_size; /* of what is kept of it */
    uint8_t body[CC_OBSERVED_BODY];
} cc_observed_call;

typedef struct {
    cc_observed_verb verbs[CC_VERB_COUNT];
    _Atomic uint64_t watched_until_ns;
    cc_mutex mutex;          /* guards below */
    cc_observed_call *calls; /* a ring of CC_OBSERVED_CALLS, made when somebody first looks */
    uint64_t noted;          /* calls ever put into it */
} cc_observed;

void cc_observed_init(cc_observed *observed);
void cc_observed_free(cc_observed *observed);
/* One answered request: how long it took, `body` its request's. */
void cc_observed_note(cc_observed *observed, cc_verb verb, int status, uint64_t ns, cc_bytes body,
                      size_t bytes_out);
uint32_t cc_observed_bucket(uint64_t ns);
/* counters_out: calls, refused, ns in all, then CC_OBSERVED_BUCKETS counts. */
void cc_observed_read(const cc_observed *observed, cc_verb verb, uint64_t *counters_out);
/* Keeps calls for `ns` from now on. */
CC_MUST_CHECK cc_status cc_observed_watch(cc_observed *observed, uint64_t ns);
/* Copies the call that was noted `age` calls ago (0: the last); false when it is not kept. */
bool cc_observed_call_at(cc_observed *observed, uint32_t age, cc_observed_call *call_out);

#endif
