/* channel.h: calls between a pool process and one worker process through shared memory.
 *
 *   +--------------+----------------------+------------------------+
 *   | control 4 KB | request, request_max | response, response_max |   one sparse memfd, mapped by both
 *   +--------------+----------------------+------------------------+
 *
 * The state word moves IDLE -> REQUEST (caller) -> RESPONSE (worker) -> IDLE (caller); CLOSED is final.
 * A side that waits may spin first: only while the peer was last seen on another core, and only when
 * the peer's own work between two messages (which each side publishes, wake-up latency excluded) is
 * short enough to be worth it. Judged by the wait itself, two sleeping sides would each find the other
 * slow and never start to spin: waking an idle virtual core costs more than most handlers. A spin
 * that fails makes the next ones rarer. Then it sleeps on the word's futex. Lengths that the peer
 * wrote are checked before use.
 *
 * Thread rule: one thread at a time on each side. Only cc_channel_shut may run beside another call. */
#ifndef CC_CHANNEL_CHANNEL_H
#define CC_CHANNEL_CHANNEL_H

#include "base/status.h"

typedef struct cc_channel cc_channel;

/* A new channel over a memfd (close-on-exec) with room for so many bytes each way. */
CC_MUST_CHECK cc_status cc_channel_create(uint32_t request_max, uint32_t response_max,
                                          cc_channel **channel_out, cc_error *error);
/* The worker's side: maps the channel behind `fd`, which stays the caller's. */
CC_MUST_CHECK cc_status cc_channel_attach(int fd, cc_channel **channel_out, cc_error *error);
int cc_channel_fd(const cc_channel *channel);

/* Caller: publish a request of head and body, one after the other. LIMIT when it does not fit. */
CC_MUST_CHECK cc_status cc_channel_send(cc_channel *channel, const void *head, size_t head_size,
                                        const void *body, size_t body_size, cc_error *error);
/* Caller: wait for the response. TIMEOUT after wait_ms (the call stays open), CLOSED when shut. The
 * bytes are the peer's memory: copy them, then call cc_channel_done. */
CC_MUST_CHECK cc_status cc_channel_wait(cc_channel *channel, uint32_t wait_ms, const void **data_out,
                                        size_t *size_out, cc_error *error);
void cc_channel_done(cc_channel *channel);
/* Caller: whether the worker picked up the request sent last. */
bool cc_channel_taken(const cc_channel *channel);

/* Worker: wait for a request; the bytes stay until cc_channel_reply. TIMEOUT and CLOSED as above. */
CC_MUST_CHECK cc_status cc_channel_receive(cc_channel *channel, uint32_t wait_ms, const void **data_out,
                                           size_t *size_out, cc_error *error);
/* Worker: publish the response to the request received last: head and body, one after the other. */
CC_MUST_CHECK cc_status cc_channel_reply(cc_channel *channel, const void *head, size_t head_size,
                                         const void *body, size_t body_size, cc_error *error);

/* Wake both sides for good; any thread. */
void cc_channel_shut(cc_channel *channel);
/* Unmap this side; nobody may be using it. NULL is fine. */
void cc_channel_free(cc_channel *channel);

#endif
