/* connection.c: one connection: bytes in, head, body, answer, bytes out. */
#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/internal.h"

enum { READ_STEP = 16 * 1024, KEEP_BUFFER = 256 * 1024, OUT_MAX = 1024 * 1024 };

/* A peer that pipelines requests and reads no answers must not fill memory: past this much unsent
 * output its requests wait, parsed or not. */
static bool is_clogged(const connection *c) { return c->out.size - c->written > OUT_MAX; }

static const char *reason(int status) {
    switch (status) {
    case 200:
        return "OK";
    case 400:
        return "Bad Request";
    case 404:
        return "Not Found";
    case 413:
        return "Content Too Large";
    case 417:
        return "Expectation Failed";
    case 431:
        return "Request Header Fields Too Large";
    case 500:
        return "Internal Server Error";
    case 501:
        return "Not Implemented";
    case 503:
        return "Service Unavailable";
    case 505:
        return "HTTP Version Not Supported";
    default:
        return "-";
    }
}

size_t cc_http_digits(uint64_t value, char *out) {
    char digits[CC_HTTP_DIGITS_MAX];
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    for (size_t i = 0; i < count; i++)
        out[i] = digits[count - 1 - i];
    return count;
}

/* The first lines of an answer; those of 200 are made once a second, with the date. */
static cc_status status_line(cc_http_server *server, cc_buffer *out, int status, const char *date) {
    char text[160];
    if (status == 200 && date == server->date)
        return cc_buffer_append(out, server->ok, server->ok_size);
    int size = snprintf(text, sizeof text, "HTTP/1.1 %d %s\r\nServer: cloudcore\r\nDate: %s\r\n", status,
                        reason(status), date);
    return cc_buffer_append(out, text, (size_t)size);
}

cc_status cc_connection_format(cc_http_server *server, cc_buffer *out, int status, const char *date,
                               const char *content_type, bool keep_alive, bool to_head, cc_bytes headers,
                               cc_bytes body) {
    static const char length_name[] = "Content-Length: ";
    char length[sizeof length_name + CC_HTTP_DIGITS_MAX + 4];
    CC_TRY(cc_buffer_reserve(out, 512 + headers.size + body.size));
    CC_TRY(status_line(server, out, status, date));
    if (content_type != NULL) {
        CC_TRY(cc_buffer_append_text(out, "Content-Type: "));
        CC_TRY(cc_buffer_append_text(out, content_type));
        CC_TRY(cc_buffer_append_text(out, "\r\n"));
    }
    if (!keep_alive)
        CC_TRY(cc_buffer_append_text(out, "Connection: close\r\n"));
    CC_TRY(cc_buffer_append(out, headers.data, headers.size));
    if (to_head || status == 204 || status == 304 || (status >= 100 && status < 200))
        return cc_buffer_append_text(out, "\r\n");
    memcpy(length, length_name, sizeof length_name - 1);
    size_t size = sizeof length_name - 1;
    size += cc_http_digits(body.size, length + size);
    memcpy(length + size, "\r\n\r\n", 4);
    CC_TRY(cc_buffer_append(out, length, size + 4));
    return cc_buffer_append(out, body.data, body.size);
}

cc_status cc_connection_format_head(cc_http_server *server, cc_buffer *out, int status, const char *date,
                                    bool keep_alive, bool chunked, cc_bytes headers) {
    CC_TRY(status_line(server, out, status, date));
    CC_TRY(cc_buffer_append_text(out, keep_alive ? "" : "Connection: close\r\n"));
    CC_TRY(cc_buffer_append_text(out, chunked ? "Transfer-Encoding: chunked\r\n" : ""));
    CC_TRY(cc_buffer_append(out, headers.data, headers.size));
    return cc_buffer_append_text(out, "\r\n");
}

static void enter(cc_http_server *server, connection *c, connection_state state) {
    c->state = state;
    c->since_ns = server->now_ns;
}

/* Refuses what is no request and closes behind the answer. */
static bool refuse(cc_http_server *server, connection *c, int status) {
    const char *body = status == 413 ? c->refusal : NULL;
    c->keep_alive = false;
    if (cc_connection_format(
            server, &c->out, status, server->date, body != NULL ? "application/x-amz-json-1.0" : NULL, false,
            false, (cc_bytes){NULL, 0}, body != NULL ? cc_bytes_text(body) : (cc_bytes){NULL, 0}) != CC_OK)
        return false;
    enter(server, c, CLOSING);
    return cc_connection_write(server, c);
}

/* Forgets the request at the front of `in`, keeps what was pipelined behind it. */
static void consume(connection *c, size_t used) {
    size_t rest = c->in.size - used;
    c->tried = 0;
    if (rest != 0)
        memmove(c->in.data, c->in.data + used, rest);
    c->in.size = rest;
    if (rest == 0 && c->in.capacity > KEEP_BUFFER) {
        cc_buffer_free(&c->in);
        cc_buffer_init(&c->in);
    }
}

static bool dispatch(cc_http_server *server, connection *c, bool *answered_out) {
    cc_bytes body = cc_bytes_of(c->in.data + c->body_at, c->body_size);
    cc_http_reply_parts *parts = &server->parts;
    enter(server, c, ANSWERING);
    *answered_out = false;
    if (server->options.fast != NULL) {
        cc_buffer_clear(&parts->headers);
        cc_buffer_clear(&parts->body);
        parts->content_type = NULL;
        if (server->options.fast(server->options.fast_context, &c->head, body, parts)) {
            if (cc_connection_format(server, &c->out, parts->status, server->date, parts->content_type,
                                     c->keep_alive, false, cc_buffer_bytes(&parts->headers),
                                     cc_buffer_bytes(&parts->body)) != CC_OK)
                return false;
            *answered_out = true;
            return true;
        }
    }
    cc_server_watch(server, c, c->out.size != 0 ? EPOLLOUT : 0u); /* nothing to read until the reply */
    cc_server_queue(server, c);
    return true;
}

static bool start_body(cc_http_server *server, connection *c) {
    c->keep_alive = c->head.keep_alive;
    c->body_at = c->head.size;
    c->body_size = c->head.chunked ? 0 : (size_t)c->head.length;
    c->chunks = (cc_http_chunks){.start = c->head.size, .at = c->head.size};
    c->body_max = server->options.body_max;
    c->refusal = NULL;
    if (server->options.limit != NULL) {
        uint64_t limit = server->options.limit(server->options.fast_context, &c->head, &c->refusal);
        c->body_max = limit < c->body_max ? limit : c->body_max;
    }
    if (c->head.length > c->body_max)
        return refuse(server, c, 413);
    enter(server, c, READING_BODY);
    size_t here = c->in.size - c->head.size;
    if (c->head.expects_continue && (c->head.chunked || here < c->head.length)) {
        if (cc_buffer_append_text(&c->out, "HTTP/1.1 100 Continue\r\n\r\n") != CC_OK)
            return false;
        return cc_connection_write(server, c);
    }
    return true;
}

/* Goes as far as the bytes at hand allow. */
static bool advance(cc_http_server *server, connection *c) {
    for (;;) {
        if (is_clogged(c))
            return true; /* goes on once the peer has read: cc_connection_writable */
        if (c->state == READING_HEAD) {
            while (c->in.size >= 2 && memcmp(c->in.data, "\r\n", 2) == 0)
                consume(c, 2); /* RFC 9112 2.2: an empty line before a request is ignored */
            /* A head that comes byte by byte is not read again before a line of it is whole. */
            if (c->in.data == NULL || c->in.size == c->tried ||
                (c->in.size < CC_HTTP_HEAD_SIZE_MAX &&
                 memchr(c->in.data + c->tried, '\n', c->in.size - c->tried) == NULL))
                return true;
            c->tried = c->in.size;
            c->head_base = c->in.data;
            int result = cc_http_head_parse(cc_buffer_bytes(&c->in), &c->head);
            if (result == 0)
                return true;
            if (result != 200)
                return refuse(server, c, result);
            if (!start_body(server, c))
                return false;
        }
        if (c->state == READING_BODY) {
            size_t end = c->body_at + c->body_size;
            if (c->head.chunked) {
                int result = cc_http_chunks_decode(&c->chunks, c->in.data, c->in.size, c->body_max);
                if (result != 200)
                    return result == 0 ? true : refuse(server, c, result);
                c->body_size = c->chunks.size;
                end = c->chunks.at;
            } else if (c->in.size < end) {
                return true;
            }
            c->next_at = end;
            /* The head points into `in`, which may have moved while the body came. */
            bool answered;
            if (c->in.data != c->head_base &&
                cc_http_head_parse(cc_bytes_of(c->in.data, c->head.size), &c->head) != 200)
                return false;
            if (!dispatch(server, c, &answered))
                return false;
            if (!answered)
                return true; /* Python answers */
            consume(c, c->next_at);
            enter(server, c, c->keep_alive ? READING_HEAD : CLOSING);
            if (!cc_connection_write(server, c))
                return false;
            continue;
        }
        return true;
    }
}

/* One buffer to read into goes from connection to connection: who has nothing unread holds none. */
static void give_back(cc_http_server *server, connection *c) {
    if (c->in.size != 0)
        return;
    cc_buffer given = c->in;
    c->in = (cc_buffer){0};
    if (server->spare.data == NULL)
        server->spare = given;
    else
        cc_buffer_free(&given);
}

bool cc_connection_answered(cc_http_server *server, connection *c) {
    consume(c, c->next_at);
    enter(server, c, c->keep_alive ? READING_HEAD : CLOSING);
    if (!cc_connection_write(server, c) || (c->state != CLOSING && !advance(server, c)))
        return false;
    give_back(server, c);
    return true;
}

bool cc_connection_writable(cc_http_server *server, connection *c) {
    bool clogged = is_clogged(c);
    if (!cc_connection_write(server, c) || (clogged && !is_clogged(c) && !advance(server, c)))
        return false;
    give_back(server, c);
    return true;
}

static bool read_on(cc_http_server *server, connection *c) {
    for (;;) {
        if (cc_buffer_reserve(&c->in, READ_STEP) != CC_OK)
            return false;
        ssize_t got = recv(c->descriptor, c->in.data + c->in.size, c->in.capacity - c->in.size, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return true;
        if (got == 0 && c->written < c->out.size) {
            /* The peer asks no more, but its answer is still going out. */
            c->ended = true;
            c->keep_alive = false;
            enter(server, c, CLOSING);
            cc_server_watch(server, c, EPOLLOUT);
            return true;
        }
        if (got <= 0)
            return false;
        bool full = (size_t)got == c->in.capacity - c->in.size;
        if (c->state == READING_HEAD && c->in.size == 0)
            c->since_ns = server->now_ns; /* idle until now: the head's time starts here */
        c->in.size += (size_t)got;
        if (c->state == CLOSING) {
            c->in.size = 0; /* whatever a refused peer still sends */
            return true;
        }
        if (!advance(server, c))
            return false;
        if (!full || c->state == ANSWERING || is_clogged(c))
            return true;
    }
}

bool cc_connection_readable(cc_http_server *server, connection *c) {
    if (c->in.data == NULL) {
        c->in = server->spare;
        server->spare = (cc_buffer){0};
    }
    if (!read_on(server, c))
        return false;
    give_back(server, c);
    return true;
}

bool cc_connection_write(cc_http_server *server, connection *c) {
    while (c->written < c->out.size) {
        ssize_t put = send(c->descriptor, c->out.data + c->written, c->out.size - c->written, MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            bool reads = c->state != ANSWERING && !c->ended && !is_clogged(c);
            cc_server_watch(server, c, EPOLLOUT | (reads ? EPOLLIN : 0u));
            return true;
        }
        if (put < 0)
            return false;
        c->written += (size_t)put;
        if (c->state == READING_HEAD || (c->state == CLOSING && !c->shut))
            c->since_ns = server->now_ns; /* a long answer that is being read is not idle */
    }
    c->written = 0;
    cc_buffer_clear(&c->out);
    if (c->parked)
        cc_server_sent(server, c);
    if (c->out.capacity > KEEP_BUFFER) {
        cc_buffer_free(&c->out);
        cc_buffer_init(&c->out);
    }
    if (c->state == CLOSING) {
        /* Closing with unread input would reset the connection and lose the answer: say that
         * nothing more comes, and read on until the peer is done or its time is up. */
        if (!c->shut && shutdown(c->descriptor, SHUT_WR) != 0)
            return false;
        if (!c->shut)
            c->since_ns = server->now_ns;
        c->shut = true;
        cc_server_watch(server, c, EPOLLIN);
        return true;
    }
    cc_server_watch(server, c, c->state == ANSWERING ? 0 : EPOLLIN);
    return true;
}
