/* server.h: an HTTP/1.1 server on one epoll thread that never holds the GIL.
 *
 * A complete request first goes to `fast` (on the epoll thread: the item verbs). What fast leaves is
 * queued for cc_http_next, which worker threads call; they answer with cc_http_reply from any thread.
 *
 *   accept -> read head -> read body (length or chunked) -> fast, or queue -> reply -> write -> again
 *                                                                           \-> begin, more..., last
 *
 * One request at a time per connection; pipelined ones wait in its buffer. Limits and time-outs
 * bound every state. Thread rule: open, stop, close from one thread; next and reply from any. */
#ifndef CC_HTTP_SERVER_H
#define CC_HTTP_SERVER_H

#include "http/head.h"

typedef struct cc_http_server cc_http_server;
typedef struct cc_http_exchange cc_http_exchange; /* one request until its reply */

typedef struct {
    int status;
    const char *content_type; /* NULL: none */
    cc_buffer headers;        /* further lines, each "Name: value\r\n" */
    cc_buffer body;
} cc_http_reply_parts;

/* `value` in decimal, without an end; how many bytes of `out` it took. */
enum { CC_HTTP_DIGITS_MAX = 20 };
size_t cc_http_digits(uint64_t value, char *out);

/* True when it filled `reply`; false leaves the request to Python. */
typedef bool (*cc_http_fast)(void *context, const cc_http_head *head, cc_bytes body,
                             cc_http_reply_parts *reply);

/* The largest body that this request may have, beside body_max; `refusal_out`: the JSON to refuse a larger one
 * with, static text. Called before the body is read. */
typedef uint64_t (*cc_http_limit)(void *context, const cc_http_head *head, const char **refusal_out);

/* A front in this process (TLS) connects over a Unix socket that it bound to the abstract name CC_HTTP_FRONT, the
 * address of its own client, "/" and anything that makes the name its own. */
#define CC_HTTP_FRONT "cloudcore-front/"

typedef struct {
    const char *host;         /* IPv4 or IPv6 address; default 127.0.0.1 */
    uint16_t port;            /* 0: any free one */
    int listener;             /* > 0: a socket that listens already, in the place of host and port; copied */
    uint64_t body_max;        /* default 64 MiB; larger is 413 */
    uint32_t connections_max; /* default 20,000; further ones wait in the backlog */
    uint32_t head_timeout_ms, body_timeout_ms, idle_timeout_ms; /* defaults 10 s, 60 s, 120 s */
    cc_http_limit limit;                                        /* optional */
    cc_http_fast fast;
    void *fast_context;
} cc_http_options;

CC_MUST_CHECK cc_status cc_http_open(const cc_http_options *options, cc_http_server **server_out,
                                     cc_error *error);
uint16_t cc_http_port(const cc_http_server *server);
/* Waits for a request that Python has to answer. CC_ERR_TIMEOUT, CC_ERR_CLOSED once stopped, or
 * CC_ERR_FORKED in a child that inherited the server. */
CC_MUST_CHECK cc_status cc_http_next(cc_http_server *server, uint64_t timeout_ns,
                                     cc_http_exchange **exchange_out);
/* Valid until the reply. */
const cc_http_head *cc_http_exchange_head(const cc_http_exchange *exchange);
cc_bytes cc_http_exchange_body(const cc_http_exchange *exchange);
/* The address of who asks, an IPv4 or IPv6 one in text; empty over a Unix socket. */
const char *cc_http_exchange_peer(const cc_http_exchange *exchange);
/* Ends the exchange; `headers` as in cc_http_reply_parts. */
CC_MUST_CHECK cc_status cc_http_reply(cc_http_server *server, cc_http_exchange *exchange, int status,
                                      cc_bytes headers, cc_bytes body);
/* An answer that leaves in parts, whose size nobody knows yet: begin once, more as often as there is something, and
 * with `last` to end the exchange. `more` waits while the peer is slow to read. CC_ERR_CLOSED: the peer left or the
 * server stopped; the exchange still has to be ended. */
CC_MUST_CHECK cc_status cc_http_reply_begin(cc_http_server *server, cc_http_exchange *exchange, int status,
                                            cc_bytes headers);
CC_MUST_CHECK cc_status cc_http_reply_more(cc_http_server *server, cc_http_exchange *exchange, cc_bytes part,
                                           bool last);
/* No new connections or requests; what is in flight is answered (at most `grace_ms`). The port is free
 * afterwards. Nothing happens in a forked child. */
void cc_http_stop(cc_http_server *server, uint32_t grace_ms);
/* After stop, when no thread is inside next or holds an exchange. */
void cc_http_close(cc_http_server *server);

#endif
