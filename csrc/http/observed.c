/* observed.c: see observed.h. */
#include "http/observed.h"

#include <stdlib.h>

#include "base/clock.h"

void cc_observed_init(cc_observed *observed) {
    memset(observed, 0, sizeof *observed);
    cc_mutex_init(&observed->mutex);
}

void cc_observed_free(cc_observed *observed) {
    free(observed->calls);
    cc_mutex_destroy(&observed->mutex);
}

uint32_t cc_observed_bucket(uint64_t ns) {
    uint64_t us = ns / 1000;
    if (us < 4)
        return (uint32_t)us;
    uint32_t high = 63 - (uint32_t)__builtin_clzll(us);
    uint32_t bucket = (high - 1) * 4 + (uint32_t)((us >> (high - 2)) & 3);
    return bucket < CC_OBSERVED_BUCKETS ? bucket : CC_OBSERVED_BUCKETS - 1;
}

/* One writer: a load and a store, no locked instruction. */
static void add(_Atomic uint64_t *counter, uint64_t value) {
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + value,
                          memory_order_relaxed);
}

static void keep(cc_observed *observed, cc_verb verb, int status, uint64_t ns, cc_bytes body,
                 size_t bytes_out) {
    cc_mutex_lock(&observed->mutex);
    cc_observed_call *call = &observed->calls[observed->noted++ % CC_OBSERVED_CALLS];
    call->verb = verb;
    call->status = status;
    call->wall_ms = cc_clock_wall_ms();
    call->ns = ns;
    call->bytes_in = body.size;
    call->bytes_out = bytes_out;
    call->body_size = body.size < CC_OBSERVED_BODY ? body.size : CC_OBSERVED_BODY;
    if (call->body_size != 0)
        memcpy(call->body, body.data, call->body_size);
    cc_mutex_unlock(&observed->mutex);
}

void cc_observed_note(cc_observed *observed, cc_verb verb, int status, uint64_t ns, cc_bytes body,
                      size_t bytes_out) {
    cc_observed_verb *counted = &observed->verbs[verb];
    add(&counted->count, 1);
    add(&counted->refused, status >= 400 ? 1 : 0);
    add(&counted->total_ns, ns);
    add(&counted->buckets[cc_observed_bucket(ns)], 1);
    uint64_t until = atomic_load_explicit(&observed->watched_until_ns, memory_order_acquire);
    if (CC_UNLIKELY(until != 0 && cc_clock_monotonic_ns() < until))
        keep(observed, verb, status, ns, body, bytes_out);
}

void cc_observed_read(const cc_observed *observed, cc_verb verb, uint64_t *counters_out) {
    const cc_observed_verb *counted = &observed->verbs[verb];
    counters_out[0] = atomic_load_explicit(&counted->count, memory_order_relaxed);
    counters_out[1] = atomic_load_explicit(&counted->refused, memory_order_relaxed);
    counters_out[2] = atomic_load_explicit(&counted->total_ns, memory_order_relaxed);
    for (int i = 0; i < CC_OBSERVED_BUCKETS; i++)
        counters_out[3 + i] = atomic_load_explicit(&counted->buckets[i], memory_order_relaxed);
}

cc_status cc_observed_watch(cc_observed *observed, uint64_t ns) {
    cc_status status = CC_OK;
    cc_mutex_lock(&observed->mutex);
    if (observed->calls == NULL)
        observed->calls = calloc(CC_OBSERVED_CALLS, sizeof *observed->calls);
    if (observed->calls == NULL)
        status = CC_ERR_NOMEM;
    else
        atomic_store_explicit(&observed->watched_until_ns, cc_clock_monotonic_ns() + ns,
                              memory_order_release);
    cc_mutex_unlock(&observed->mutex);
    return status;
}

bool cc_observed_call_at(cc_observed *observed, uint32_t age, cc_observed_call *call_out) {
    cc_mutex_lock(&observed->mutex);
    bool kept = age < observed->noted && age < CC_OBSERVED_CALLS;
    if (kept)
        *call_out = observed->calls[(observed->noted - 1 - age) % CC_OBSERVED_CALLS];
    cc_mutex_unlock(&observed->mutex);
    return kept;
}
