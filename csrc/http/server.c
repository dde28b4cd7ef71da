/* server.c: the epoll thread, the queue to Python, opening and stopping. */
#include "http/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "http/internal.h"

enum {
    EVENTS = 128,
    SWEEP_MS = 500,
    LINGER_MS = 3000,
    RESTS_MS = 2000,
    BACKLOG = 1024,
    PART_MAX = 256 * 1024
};
enum { LOOK_NS = 100000, QUICK_NS = 300000, QUICK_MAX = 16 };

void cc_server_watch(cc_http_server *server, connection *c, uint32_t events) {
    if (c->events == events)
        return;
    struct epoll_event event = {.events = events, .data.ptr = c};
    CC_ASSERT(epoll_ctl(server->epoll, EPOLL_CTL_MOD, c->descriptor, &event) == 0);
    c->events = events;
}

void cc_server_queue(cc_http_server *server, connection *c) {
    server->quick = 0; /* the core is needed by the thread that answers */
    c->queued = true;
    c->exchange.of = c;
    c->exchange.next = NULL;
    c->exchange.partly = c->exchange.handed = c->exchange.left = false;
    cc_mutex_lock(&server->mutex);
    if (server->queue_last != NULL)
        server->queue_last->next = &c->exchange;
    else
        server->queue_first = &c->exchange;
    server->queue_last = &c->exchange;
    server->answering++;
    cc_cond_signal(&server->queued);
    cc_mutex_unlock(&server->mutex);
}

/* Lets whoever answers in parts go on. */
void cc_server_sent(cc_http_server *server, connection *c) {
    c->parked = false;
    cc_mutex_lock(&server->mutex);
    c->exchange.handed = false;
    c->exchange.left = c->gone;
    cc_cond_broadcast(&server->sent);
    cc_mutex_unlock(&server->mutex);
}

static void drop(cc_http_server *server, connection *c) {
    if (c->descriptor >= 0) {
        /* A forked child may hold the socket too: close alone would leave it in the epoll set. */
        (void)epoll_ctl(server->epoll, EPOLL_CTL_DEL, c->descriptor, NULL);
        (void)shutdown(c->descriptor, SHUT_RDWR);
        close(c->descriptor);
    }
    c->descriptor = -1;
    if (c->queued) {
        c->gone = true; /* Python still reads the request: freed with its reply */
        cc_server_sent(server, c);
        return;
    }
    if (c->previous != NULL)
        c->previous->next = c->next;
    else
        server->connections = c->next;
    if (c->next != NULL)
        c->next->previous = c->previous;
    server->connection_count--;
    cc_buffer_free(&c->in);
    cc_buffer_free(&c->out);
    cc_buffer_free(&c->exchange.reply);
    free(c);
}

static void set_accepting(cc_http_server *server, bool accepting) {
    if (server->accepting == accepting || server->listener < 0)
        return;
    struct epoll_event event = {.events = accepting ? EPOLLIN : 0, .data.ptr = &server->listener};
    CC_ASSERT(epoll_ctl(server->epoll, EPOLL_CTL_MOD, server->listener, &event) == 0);
    server->accepting = accepting;
}

static void accept_all(cc_http_server *server) {
    while (server->connection_count < server->options.connections_max) {
        struct sockaddr_storage from = {0};
        socklen_t size = sizeof from;
        int descriptor = accept4(server->listener, (struct sockaddr *)&from, &size,
                                 SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (descriptor < 0) {
            if (errno != EAGAIN && errno != EWOULDBLOCK && errno != ECONNABORTED && errno != EINTR)
                set_accepting(server, false); /* out of descriptors: the next sweep tries again */
            return;
        }
        int yes = 1;
        (void)setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        connection *c = calloc(1, sizeof *c);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
        if (c == NULL || epoll_ctl(server->epoll, EPOLL_CTL_ADD, descriptor, &event) != 0) {
            free(c);
            close(descriptor);
            return;
        }
        cc_peer_name(descriptor, &from, size, c->peer);
        c->descriptor = descriptor;
        c->events = EPOLLIN;
        c->since_ns = server->now_ns;
        c->next = server->connections;
        if (c->next != NULL)
            c->next->previous = c;
        server->connections = c;
        server->connection_count++;
    }
    set_accepting(server, false); /* full: the backlog waits */
}

/* Sends a part of an answer; the thread that answers may go on unless the peer is slow to read. */
static void take_part(cc_http_server *server, connection *c) {
    cc_buffer *part = &c->exchange.reply;
    bool alive = !c->gone && cc_buffer_append(&c->out, part->data, part->size) == CC_OK;
    cc_buffer_clear(part);
    if (alive)
        c->parked = true; /* writing all of it takes this back */
    if (alive && cc_connection_write(server, c)) {
        if (c->parked && c->out.size - c->written <= PART_MAX)
            cc_server_sent(server, c);
    } else if (!c->gone) {
        drop(server, c);
    } else {
        cc_server_sent(server, c);
    }
}

static void take_replies(cc_http_server *server) {
    uint64_t count;
    (void)!read(server->wake, &count, sizeof count);
    cc_mutex_lock(&server->mutex);
    cc_http_exchange *reply = server->replies;
    server->replies = NULL;
    cc_mutex_unlock(&server->mutex);
    for (cc_http_exchange *next; reply != NULL; reply = next) {
        next = reply->next;
        connection *c = reply->of;
        if (reply->partly) {
            reply->partly = false;
            take_part(server, c);
            continue;
        }
        c->queued = false;
        cc_mutex_lock(&server->mutex);
        server->answering--;
        cc_mutex_unlock(&server->mutex);
        if (c->gone) {
            drop(server, c);
            continue;
        }
        bool whole = cc_buffer_append(&c->out, reply->reply.data, reply->reply.size) == CC_OK;
        cc_buffer_clear(&reply->reply);
        if (!whole)
            c->state = CLOSING;
        if (!whole || !cc_connection_answered(server, c))
            drop(server, c);
    }
}

static uint64_t limit_of(const cc_http_server *server, const connection *c) {
    switch (c->state) {
    case READING_HEAD:
        return c->in.size == 0 ? server->options.idle_timeout_ms : server->options.head_timeout_ms;
    case CLOSING:
        return c->shut ? LINGER_MS : server->options.idle_timeout_ms;
    case READING_BODY:
        return server->options.body_timeout_ms;
    default:
        return UINT64_MAX / 1000000; /* Python takes the time it takes */
    }
}

/* Closes what took too long; while stopping, what is idle. */
static void sweep(cc_http_server *server, bool stopping) {
    for (connection *c = server->connections, *next; c != NULL; c = next) {
        next = c->next;
        bool idle = c->shut || (c->state == READING_HEAD && c->in.size == 0 && c->out.size == 0);
        uint64_t waited_ns = server->now_ns - c->since_ns;
        if ((stopping && idle) || waited_ns > limit_of(server, c) * 1000000)
            drop(server, c);
        else if (idle && waited_ns > (uint64_t)RESTS_MS * 1000000)
            cc_buffer_free(&c->out); /* ten thousand of them hold no answer of long ago */
    }
    if (!stopping && server->connection_count < server->options.connections_max)
        set_accepting(server, true);
}

static void write_date(uint64_t second, char *out) {
    time_t now = (time_t)second;
    struct tm parts;
    gmtime_r(&now, &parts);
    strftime(out, CC_DATE_SIZE, "%a, %d %b %Y %H:%M:%S GMT", &parts);
}

void cc_server_date_now(char *out) { write_date(cc_clock_wall_ms() / 1000, out); }

static void set_date(cc_http_server *server) {
    uint64_t second = cc_clock_wall_ms() / 1000;
    if (second == server->date_second)
        return;
    server->date_second = second;
    write_date(second, server->date);
    server->ok_size = (size_t)snprintf(server->ok, sizeof server->ok,
                                       "HTTP/1.1 200 OK\r\nServer: cloudcore\r\nDate: %s\r\n", server->date);
}

static bool finished(cc_http_server *server, bool *stopping_out) {
    cc_mutex_lock(&server->mutex);
    *stopping_out = server->stopping;
    bool end = server->stopping && ((server->answering == 0 && server->connections == NULL) ||
                                    server->now_ns > server->stop_by_ns);
    cc_mutex_unlock(&server->mutex);
    return end;
}

/* A virtual core that sleeps takes 30 to 60 us to wake, several times what an answer costs. A client that asks
 * again at once is waited for awake, for LOOK_NS, as long as that was worth it lately (`quick`); not when it
 * sends from this very core, which it then needs for itself. */
static int wait_for_events(cc_http_server *server, struct epoll_event *events) {
    bool look = server->quick > 0 && server->peer_core >= 0 && server->peer_core != sched_getcpu();
    uint64_t begin = cc_clock_monotonic_ns(), now = begin;
    for (; look && now - begin < LOOK_NS; now = cc_clock_monotonic_ns()) {
        int count = epoll_wait(server->epoll, events, EVENTS, 0);
        if (count != 0) {
            server->quick = server->quick < QUICK_MAX ? server->quick + 1 : QUICK_MAX;
            return count;
        }
    }
    int count = epoll_wait(server->epoll, events, EVENTS, SWEEP_MS);
    if (look) /* in vain: a few of these outweigh what is gained */
        server->quick -= 4;
    else if (cc_clock_monotonic_ns() - begin < QUICK_NS)
        server->quick = server->quick < QUICK_MAX ? server->quick + 1 : QUICK_MAX;
    else
        server->quick = 0;
    return count;
}

static void note_peer(cc_http_server *server, const struct epoll_event *events, int count) {
    socklen_t size = sizeof server->peer_core;
    server->peer_core = -1;
    if (count != 1 || events[0].data.ptr == &server->listener || events[0].data.ptr == &server->wake)
        return;
    const connection *c = events[0].data.ptr;
    if (getsockopt(c->descriptor, SOL_SOCKET, SO_INCOMING_CPU, &server->peer_core, &size) != 0)
        server->peer_core = -1;
}

static void *run(void *context) {
    cc_http_server *server = context;
    struct epoll_event events[EVENTS];
    uint64_t swept_ns = 0;
    for (;;) {
        int count = wait_for_events(server, events);
        note_peer(server, events, count); /* before the connection may go */
        server->now_ns = cc_clock_monotonic_ns();
        set_date(server);
        bool replies = false; /* taken last: they may free a connection that has an event here */
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == &server->listener) {
                accept_all(server);
            } else if (events[i].data.ptr == &server->wake) {
                replies = true;
            } else {
                connection *c = events[i].data.ptr;
                bool alive = (events[i].events & EPOLLIN) == 0 || cc_connection_readable(server, c);
                if (alive && (events[i].events & EPOLLOUT) != 0)
                    alive = cc_connection_writable(server, c);
                if (!alive || (events[i].events & (EPOLLERR | EPOLLHUP)) != 0)
                    drop(server, c);
            }
        }
        if (replies)
            take_replies(server);
        bool stopping;
        bool end = finished(server, &stopping);
        if (stopping && server->listener >= 0) {
            (void)epoll_ctl(server->epoll, EPOLL_CTL_DEL, server->listener, NULL);
            close(server->listener); /* nobody may connect and wait for an answer that never comes */
            server->listener = -1;
        }
        if (end)
            break;
        if (stopping || server->now_ns - swept_ns > (uint64_t)SWEEP_MS * 1000000) {
            swept_ns = server->now_ns;
            sweep(server, stopping);
        }
    }
    cc_mutex_lock(&server->mutex);
    server->ended = true;
    cc_cond_broadcast(&server->queued);
    cc_cond_broadcast(&server->sent);
    cc_mutex_unlock(&server->mutex);
    return NULL;
}

/* ---- the Python side ---- */

cc_status cc_http_next(cc_http_server *server, uint64_t timeout_ns, cc_http_exchange **exchange_out) {
    cc_status status = CC_OK;
    if (getpid() != server->owner)
        return CC_ERR_FORKED;
    cc_mutex_lock(&server->mutex);
    if (server->queue_first == NULL && !server->ended)
        (void)cc_cond_wait_for(&server->queued, &server->mutex, timeout_ns);
    cc_http_exchange *first = server->queue_first;
    if (first == NULL) {
        status = server->ended ? CC_ERR_CLOSED : CC_ERR_TIMEOUT;
    } else {
        server->queue_first = first->next;
        if (first->next == NULL)
            server->queue_last = NULL;
        *exchange_out = first;
    }
    cc_mutex_unlock(&server->mutex);
    return status;
}

const cc_http_head *cc_http_exchange_head(const cc_http_exchange *exchange) { return &exchange->of->head; }
cc_bytes cc_http_exchange_body(const cc_http_exchange *exchange) {
    return cc_bytes_of(exchange->of->in.data + exchange->of->body_at, exchange->of->body_size);
}

const char *cc_http_exchange_peer(const cc_http_exchange *exchange) { return exchange->of->peer; }

cc_status cc_http_reply(cc_http_server *server, cc_http_exchange *exchange, int status, cc_bytes headers,
                        cc_bytes body) {
    cc_bytes method = exchange->of->head.method;
    bool to_head = method.size == 4 && memcmp(method.data, "HEAD", 4) == 0;
    cc_buffer_clear(&exchange->reply);
    char date[CC_DATE_SIZE];
    cc_server_date_now(date);
    cc_status formatted = cc_connection_format(server, &exchange->reply, status, date, NULL,
                                               exchange->of->keep_alive, to_head, headers, body);
    if (formatted != CC_OK)
        exchange->of->keep_alive = false; /* half an answer must not look whole */
    cc_mutex_lock(&server->mutex);
    exchange->next = server->replies;
    server->replies = exchange;
    cc_mutex_unlock(&server->mutex);
    uint64_t one = 1;
    (void)!write(server->wake, &one, sizeof one);
    return formatted;
}

/* Hands `reply` over as a part, after the one before it; its bytes were put there by the caller. */
static cc_status hand_over(cc_http_server *server, cc_http_exchange *exchange, bool last) {
    cc_mutex_lock(&server->mutex);
    exchange->partly = !last;
    exchange->handed = true;
    exchange->next = server->replies;
    server->replies = exchange;
    cc_mutex_unlock(&server->mutex);
    uint64_t one = 1;
    (void)!write(server->wake, &one, sizeof one);
    return CC_OK;
}

/* Waits until the part before was sent. The reply's buffer is the caller's then. */
static cc_status wait_sent(cc_http_server *server, cc_http_exchange *exchange) {
    cc_mutex_lock(&server->mutex);
    while (exchange->handed && !server->ended)
        (void)cc_cond_wait_for(&server->sent, &server->mutex, UINT64_C(1000000000));
    bool open = !exchange->left && !server->ended;
    cc_mutex_unlock(&server->mutex);
    return open ? CC_OK : CC_ERR_CLOSED;
}

cc_status cc_http_reply_begin(cc_http_server *server, cc_http_exchange *exchange, int status,
                              cc_bytes headers) {
    connection *c = exchange->of;
    exchange->chunked = c->head.takes_chunks;
    if (!exchange->chunked)
        c->keep_alive = false;
    cc_buffer_clear(&exchange->reply);
    char date[CC_DATE_SIZE];
    cc_server_date_now(date);
    CC_TRY(cc_connection_format_head(server, &exchange->reply, status, date, c->keep_alive, exchange->chunked,
                                     headers));
    return hand_over(server, exchange, false);
}

static cc_status format_part(cc_http_exchange *exchange, cc_bytes part, bool last) {
    cc_buffer *reply = &exchange->reply;
    cc_buffer_clear(reply);
    if (!exchange->chunked)
        return cc_buffer_append(reply, part.data, part.size);
    if (part.size != 0) {
        char line[24];
        int size = snprintf(line, sizeof line, "%zx\r\n", part.size);
        CC_TRY(cc_buffer_append(reply, line, (size_t)size));
        CC_TRY(cc_buffer_append(reply, part.data, part.size));
        CC_TRY(cc_buffer_append_text(reply, "\r\n"));
    }
    return last ? cc_buffer_append_text(reply, "0\r\n\r\n") : CC_OK;
}

cc_status cc_http_reply_more(cc_http_server *server, cc_http_exchange *exchange, cc_bytes part, bool last) {
    cc_status status = wait_sent(server, exchange);
    if (status == CC_OK && part.size == 0 && !last)
        return CC_OK;
    if (status == CC_OK)
        status = format_part(exchange, part, last);
    if (status == CC_ERR_NOMEM)
        exchange->of->keep_alive = false; /* half an answer must not look whole */
    if (status == CC_OK || last)
        (void)hand_over(server, exchange, last);
    return status;
}

/* ---- open and close ---- */

/* A copy of the caller's socket, which may be of any family. */
static cc_status adopt(cc_http_server *server, cc_error *error) {
    server->listener = fcntl(server->options.listener, F_DUPFD_CLOEXEC, 3);
    int flags = server->listener < 0 ? -1 : fcntl(server->listener, F_GETFL);
    if (flags < 0 || fcntl(server->listener, F_SETFL, flags | O_NONBLOCK) != 0)
        return cc_fail_errno(error, errno, "cannot take socket %d over", server->options.listener);
    return CC_OK;
}

static cc_status listen_on(cc_http_server *server, cc_error *error) {
    if (server->options.listener > 0)
        return adopt(server, error);
    const char *host = server->options.host;
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(server->options.port)};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(server->options.port)};
    bool is_four = inet_pton(AF_INET, host, &four.sin_addr) == 1;
    if (!is_four && inet_pton(AF_INET6, host, &six.sin6_addr) != 1)
        return cc_fail(error, CC_ERR_ARGUMENT, "%s is no IP address", host);
    server->listener = socket(is_four ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int yes = 1;
    socklen_t size = is_four ? sizeof four : sizeof six;
    struct sockaddr *address = is_four ? (struct sockaddr *)&four : (struct sockaddr *)&six;
    if (server->listener < 0 ||
        setsockopt(server->listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        bind(server->listener, address, size) != 0 || listen(server->listener, BACKLOG) != 0 ||
        getsockname(server->listener, address, &size) != 0)
        return cc_fail_errno(error, errno, "cannot listen on %s port %u", host, server->options.port);
    server->port = ntohs(is_four ? four.sin_port : six.sin6_port);
    return CC_OK;
}

static cc_status start(cc_http_server *server, cc_error *error) {
    CC_TRY(listen_on(server, error));
    server->epoll = epoll_create1(EPOLL_CLOEXEC);
    server->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    struct epoll_event on_accept = {.events = EPOLLIN, .data.ptr = &server->listener};
    struct epoll_event on_wake = {.events = EPOLLIN, .data.ptr = &server->wake};
    if (server->epoll < 0 || server->wake < 0 ||
        epoll_ctl(server->epoll, EPOLL_CTL_ADD, server->listener, &on_accept) != 0 ||
        epoll_ctl(server->epoll, EPOLL_CTL_ADD, server->wake, &on_wake) != 0)
        return cc_fail_errno(error, errno, "cannot set up epoll");
    server->accepting = true;
    server->now_ns = cc_clock_monotonic_ns();
    set_date(server);
    int result = pthread_create(&server->thread, NULL, run, server);
    return result == 0 ? CC_OK : cc_fail_errno(error, result, "cannot start the server thread");
}

static void release(cc_http_server *server) {
    for (connection *c = server->connections, *next; c != NULL; c = next) {
        next = c->next;
        c->queued = false; /* nobody is left to answer */
        drop(server, c);
    }
    if (server->listener >= 0)
        close(server->listener);
    if (server->epoll >= 0)
        close(server->epoll);
    if (server->wake >= 0)
        close(server->wake);
    cc_buffer_free(&server->spare);
    cc_buffer_free(&server->parts.headers);
    cc_buffer_free(&server->parts.body);
    cc_cond_destroy(&server->queued);
    cc_cond_destroy(&server->sent);
    cc_mutex_destroy(&server->mutex);
    free(server);
}

cc_status cc_http_open(const cc_http_options *options, cc_http_server **server_out, cc_error *error) {
    cc_http_server *server = calloc(1, sizeof *server);
    if (server == NULL)
        return cc_fail(error, CC_ERR_NOMEM, "no memory for a server");
    server->options = *options;
    cc_http_options *o = &server->options;
    o->host = o->host != NULL ? o->host : "127.0.0.1";
    o->body_max = o->body_max != 0 ? o->body_max : (uint64_t)64 << 20;
    o->connections_max = o->connections_max != 0 ? o->connections_max : 20000;
    o->head_timeout_ms = o->head_timeout_ms != 0 ? o->head_timeout_ms : 10000;
    o->body_timeout_ms = o->body_timeout_ms != 0 ? o->body_timeout_ms : 60000;
    o->idle_timeout_ms = o->idle_timeout_ms != 0 ? o->idle_timeout_ms : 120000;
    server->listener = server->epoll = server->wake = -1;
    server->owner = getpid();
    cc_mutex_init(&server->mutex);
    cc_cond_init(&server->queued);
    cc_cond_init(&server->sent);
    cc_status status = start(server, error);
    o->host = NULL; /* the caller's memory: used only to bind */
    if (status != CC_OK) {
        release(server);
        return status;
    }
    *server_out = server;
    return CC_OK;
}

uint16_t cc_http_port(const cc_http_server *server) { return server->port; }

void cc_http_stop(cc_http_server *server, uint32_t grace_ms) {
    if (getpid() != server->owner)
        return; /* a forked child: the thread is its parent's */
    cc_mutex_lock(&server->mutex);
    server->stopping = true;
    server->stop_by_ns = cc_clock_monotonic_ns() + (uint64_t)grace_ms * 1000000;
    cc_mutex_unlock(&server->mutex);
    uint64_t one = 1;
    (void)!write(server->wake, &one, sizeof one);
    CC_ASSERT(pthread_join(server->thread, NULL) == 0);
}

void cc_http_close(cc_http_server *server) {
    if (getpid() == server->owner) {
        release(server);
        return;
    }
    /* A forked child's copy: its locks may be held by a thread that is not here, so the memory stays. */
    for (connection *c = server->connections; c != NULL; c = c->next)
        if (c->descriptor >= 0)
            close(c->descriptor);
    if (server->listener >= 0)
        close(server->listener);
    close(server->epoll);
    close(server->wake);
}
