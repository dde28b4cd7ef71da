/* internal.h: connections and the server, shared by server.c (thread, queue) and connection.c (one
 * connection's states). Everything here belongs to the epoll thread, but for what `mutex` guards. */
#ifndef CC_HTTP_INTERNAL_H
#define CC_HTTP_INTERNAL_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/thread.h"
#include "http/chunks.h"
#include "http/server.h"

enum { CC_DATE_SIZE = 40 };
typedef enum { READING_HEAD, READING_BODY, ANSWERING, CLOSING } connection_state;

typedef struct connection connection;
struct cc_http_exchange {
    connection *of;
    cc_http_exchange *next; /* in the queue, then in the list of replies */
    cc_buffer reply;        /* the whole answer's bytes, or a part's */
    bool chunked;           /* the parts are chunks; else the end of the connection ends them */
    /* Guarded by the server's mutex: */
    bool partly; /* `reply` is a part, and more follow */
    bool handed; /* the epoll thread has a part that it could not send yet */
    bool left;   /* the peer is gone */
};

struct connection {
    connection *previous, *next;
    int descriptor;
    char peer[INET6_ADDRSTRLEN]; /* its address; empty: not known */
    connection_state state;
    bool keep_alive, gone; /* gone: the peer left while Python answers */
    bool ended;            /* the peer has sent its last byte */
    bool shut;             /* closing: our side is done */
    bool queued;           /* Python has it, or will */
    bool parked;           /* a part of its answer waits until the peer has read more */
    cc_http_head head;
    cc_buffer in, out;
    const uint8_t *head_base; /* where `in` was when the head was read */
    size_t written;           /* of out */
    size_t body_at;           /* offset of the body in `in` */
    size_t body_size;         /* known once a chunked body is complete */
    size_t next_at;           /* of what was pipelined behind this request */
    size_t tried;             /* bytes of a head that was not complete yet */
    cc_http_chunks chunks;
    uint64_t body_max;   /* of this request */
    const char *refusal; /* of a larger body; NULL: none */
    uint64_t since_ns;   /* when the state began */
    uint32_t events;
    cc_http_exchange exchange;
};

struct cc_http_server {
    cc_http_options options;
    int listener, epoll, wake;
    uint16_t port;
    connection *connections; /* a list */
    uint32_t connection_count;
    bool accepting;
    uint64_t now_ns;
    uint64_t serial; /* for request ids */
    char date[CC_DATE_SIZE];
    char ok[128]; /* the first lines of a 200, with the date */
    size_t ok_size;
    int quick;     /* waits that were short, lately: see wait_for_events */
    int peer_core; /* where the client of the last single event sent it from; -1: not known */
    uint64_t date_second;
    cc_arena arena;
    cc_buffer spare; /* of connections that read: connection.c */
    cc_http_reply_parts parts;
    pthread_t thread;
    pid_t owner;    /* a forked child has the memory but not the thread */
    cc_mutex mutex; /* guards below */
    cc_cond queued;
    cc_cond sent; /* a part of an answer went out */
    cc_http_exchange *queue_first, *queue_last, *replies;
    uint32_t answering; /* exchanges that Python holds or that wait */
    bool stopping, ended;
    uint64_t stop_by_ns;
};

/* connection.c: true while the connection lives. */
bool cc_connection_readable(cc_http_server *server, connection *c);
bool cc_connection_write(cc_http_server *server, connection *c);
/* As write, and goes on with requests that waited because the peer did not read its answers. */
bool cc_connection_writable(cc_http_server *server, connection *c);
/* The answer is in `out`: write it, then the next pipelined request. */
bool cc_connection_answered(cc_http_server *server, connection *c);
/* `date`: the server's on the epoll thread, one of its own on any other. `to_head`: the request was a HEAD; no
 * body follows, and Content-Length is among `headers` if it is known. */
CC_MUST_CHECK cc_status cc_connection_format(cc_http_server *server, cc_buffer *out, int status,
                                             const char *date, const char *content_type, bool keep_alive,
                                             bool to_head, cc_bytes headers, cc_bytes body);
/* `chunked`: the body is not `body`, it follows in chunks. */
CC_MUST_CHECK cc_status cc_connection_format_head(cc_http_server *server, cc_buffer *out, int status,
                                                  const char *date, bool keep_alive, bool chunked,
                                                  cc_bytes headers);
/* peer.c: the address of a connection's other end into `out`, of INET6_ADDRSTRLEN bytes; "" where it has none. */
void cc_peer_name(int descriptor, const struct sockaddr_storage *from, socklen_t size, char *out);
/* server.c */
/* The date that an answer made on another thread than the epoll thread bears; `out` holds CC_DATE_SIZE. */
void cc_server_date_now(char *out);
void cc_server_sent(cc_http_server *server, connection *c);
void cc_server_queue(cc_http_server *server, connection *c);
void cc_server_watch(cc_http_server *server, connection *c, uint32_t events);

#endif
