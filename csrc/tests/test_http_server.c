/* The server over real sockets: bodies, pipelining, limits, time-outs, peers that misbehave, stopping.
 * `echo` stands for the fast path, one worker thread for Python. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/thread.h"
#include "http/server.h"
#include "support/check.h"

typedef struct {
    cc_http_server *server;
    pthread_t worker;
    uint64_t worker_ns; /* how long the worker thinks about an answer */
    _Atomic int parts;  /* that it answered last */
} fixture;

/* POST /fast: the body comes back from the epoll thread; POST /big: 1 MiB does. */
static bool echo(void *context, const cc_http_head *head, cc_bytes body, cc_http_reply_parts *reply) {
    (void)context;
    reply->status = 200;
    if (cc_bytes_equal(head->target, cc_bytes_text("/fast")))
        return cc_buffer_append(&reply->body, body.data, body.size) == CC_OK;
    if (!cc_bytes_equal(head->target, cc_bytes_text("/big")))
        return false;
    for (int i = 0; i < 1024 * 1024 / 16; i++)
        if (cc_buffer_append(&reply->body, "0123456789abcdef", 16) != CC_OK)
            return false;
    return true;
}

/* POST /parts: the body in three parts; POST /flood: parts without end, until the peer is gone or stopping. */
static bool answer_in_parts(fixture *f, cc_http_exchange *exchange) {
    const cc_http_head *head = cc_http_exchange_head(exchange);
    bool flood = cc_bytes_equal(head->target, cc_bytes_text("/flood"));
    if (!flood && !cc_bytes_equal(head->target, cc_bytes_text("/parts")))
        return false;
    cc_bytes nothing = {NULL, 0}, part = cc_bytes_text("0123456789abcdef0123456789abcdef");
    CHECK_OK(cc_http_reply_begin(f->server, exchange, 200, cc_bytes_text("X-From: parts\r\n")));
    cc_status status = CC_OK;
    for (int i = 0; status == CC_OK && (flood || i < 3); i++) {
        status = cc_http_reply_more(f->server, exchange, part, false);
        f->parts = i;
    }
    CHECK(flood ? status == CC_ERR_CLOSED : status == CC_OK);
    (void)!cc_http_reply_more(f->server, exchange, nothing, true);
    return true;
}

static void *work(void *context) {
    fixture *f = context;
    cc_http_exchange *exchange;
    for (;;) {
        cc_status status = cc_http_next(f->server, 50000000, &exchange);
        if (status == CC_ERR_CLOSED)
            return NULL;
        if (status != CC_OK)
            continue;
        if (answer_in_parts(f, exchange))
            continue;
        usleep((useconds_t)(f->worker_ns / 1000));
        cc_bytes body = cc_http_exchange_body(exchange);
        cc_buffer copy = {0};
        CHECK_OK(cc_buffer_append(&copy, body.data, body.size));
        CHECK_OK(cc_http_reply(f->server, exchange, 200, cc_bytes_text("X-From: worker\r\n"),
                               cc_buffer_bytes(&copy)));
        cc_buffer_free(&copy);
    }
}

static void open_with(fixture *f, cc_http_options options, uint64_t worker_ns) {
    options.fast = echo;
    f->worker_ns = worker_ns;
    cc_error error = {0};
    CC_ASSERT(cc_http_open(&options, &f->server, &error) == CC_OK);
    CC_ASSERT(pthread_create(&f->worker, NULL, work, f) == 0);
}

static void close_all(fixture *f) {
    cc_http_stop(f->server, 2000);
    pthread_join(f->worker, NULL);
    cc_http_close(f->server);
}

static int dial(const fixture *f) {
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(cc_http_port(f->server))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CC_ASSERT(s >= 0);
    struct timeval limit = {.tv_sec = 60};
    (void)setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (connect(s, (struct sockaddr *)&to, sizeof to) != 0) {
        close(s);
        return -1;
    }
    return s;
}

static void say(int s, const char *text) {
    CHECK(send(s, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
}

/* Reads until `count` answers with their bodies are whole (or the peer closes); text in static memory. */
static const char *hear(int s, int count) {
    static char text[65536];
    size_t size = 0;
    for (;;) {
        text[size] = '\0';
        const char *at = text;
        int whole = 0;
        while (whole < count) {
            const char *end = strstr(at, "\r\n\r\n");
            if (end == NULL)
                break;
            const char *length = strstr(at, "Content-Length: ");
            size_t body = length != NULL && length < end ? strtoul(length + 16, NULL, 10) : 0;
            at = end + 4 + body;
            if (at > text + size)
                break;
            whole++;
        }
        ssize_t got = whole == count ? 0 : recv(s, text + size, sizeof text - 1 - size, 0);
        if (got <= 0)
            return text;
        size += (size_t)got;
    }
}

static bool has(const char *text, const char *part) { return strstr(text, part) != NULL; }

static bool closes_within(int s, int timeout_ms) {
    char scrap[4096];
    uint64_t by = cc_clock_monotonic_ns() + (uint64_t)timeout_ms * 1000000;
    for (;;) {
        uint64_t now = cc_clock_monotonic_ns();
        struct pollfd wait = {.fd = s, .events = POLLIN};
        if (now >= by || poll(&wait, 1, (int)((by - now) / 1000000) + 1) <= 0)
            return false;
        if (recv(s, scrap, sizeof scrap, 0) <= 0)
            return true;
    }
}

#define HEAD(target) "POST " target " HTTP/1.1\r\nHost: h\r\n"

TEST(answers_from_both_sides) {
    fixture f;
    open_with(&f, (cc_http_options){0}, 0);
    int s = dial(&f);
    for (int i = 0; i < 3; i++) { /* keep-alive */
        say(s, HEAD("/fast") "Content-Length: 5\r\n\r\nhello");
        const char *text = hear(s, 1);
        CHECK(has(text, "HTTP/1.1 200 OK\r\n") && has(text, "\r\n\r\nhello") && has(text, "\r\nDate: "));
        say(s, HEAD("/slow") "Content-Length: 5\r\n\r\nworld");
        text = hear(s, 1);
        CHECK(has(text, "X-From: worker\r\n") && has(text, "\r\n\r\nworld"));
    }
    say(s, HEAD("/fast") "Connection: close\r\nContent-Length: 1\r\n\r\nx");
    CHECK(has(hear(s, 1), "Connection: close\r\n"));
    CHECK(closes_within(s, 30000));
    close(s);
    close_all(&f);
}

TEST(keeps_the_order_of_pipelined_requests) {
    fixture f;
    open_with(&f, (cc_http_options){0}, 2000000);
    int s = dial(&f);
    say(s,
        HEAD("/slow") "Content-Length: 1\r\n\r\n1" HEAD("/fast") "Content-Length: 1\r\n\r\n2" HEAD(
            "/slow") "Transfer-Encoding: chunked\r\n\r\n1\r\n3\r\n0\r\n\r\n" HEAD("/fast") "Content-Length: "
                                                                                           "1\r\n\r\n4");
    const char *text = hear(s, 4);
    const char *at = text;
    for (int i = 1; i <= 4; i++) {
        char want[8];
        snprintf(want, sizeof want, "\r\n\r\n%d", i);
        at = strstr(at, want);
        CHECK(at != NULL);
        if (at == NULL)
            break;
    }
    close(s);
    close_all(&f);
}

TEST(answers_in_parts) {
    fixture f = {0};
    open_with(&f, (cc_http_options){0}, 0);
    int s = dial(&f);
    say(s, "POST /parts HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"
           "POST /fast HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nnext");
    const char *text = hear(s, 3);
    CHECK(strstr(text, "Transfer-Encoding: chunked\r\nX-From: parts\r\n\r\n20\r\n0123456789abcdef") != NULL);
    CHECK(strstr(text, "\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n") != NULL); /* the connection goes on */
    close(s);
    s = dial(&f);
    say(s, "POST /parts HTTP/1.0\r\nContent-Length: 0\r\n\r\n");
    text = hear(s, 2);
    CHECK(strstr(text, "Connection: close\r\n") != NULL && strstr(text, "chunked") == NULL);
    CHECK(strstr(text, "\r\n\r\n0123456789abcdef") != NULL);
    close(s);
    close_all(&f);
}

TEST(parts_wait_for_a_slow_peer_and_end_with_one_that_left) {
    fixture f = {0};
    open_with(&f, (cc_http_options){0}, 0);
    int s = dial(&f);
    say(s, "POST /flood HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
    int before = -1;
    for (int same = 0; same < 20; usleep(10000)) { /* no memory fills: it stops when the sockets are full */
        same = f.parts == before && before > 0 ? same + 1 : 0;
        before = f.parts;
    }
    close(s);
    s = dial(&f);
    say(s, "POST /slow HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok");
    CHECK(strstr(hear(s, 1), "X-From: worker") != NULL); /* the worker is back */
    close(s);
    s = dial(&f);
    say(s, "POST /flood HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
    close_all(&f); /* and stopping ends it too */
    close(s);
}

TEST(reads_a_body_byte_by_byte) {
    fixture f;
    open_with(&f, (cc_http_options){0}, 0);
    static const char *const texts[] = {
        HEAD("/fast") "Content-Length: 5\r\n\r\nhello",
        HEAD("/fast") "Transfer-Encoding: chunked\r\n\r\n2;name=value\r\nhe\r\n03\r\nllo\r\n0\r\n\r\n",
    };
    for (int i = 0; i < 2; i++) {
        int s = dial(&f);
        for (const char *at = texts[i]; *at != '\0'; at++) {
            CHECK(send(s, at, 1, MSG_NOSIGNAL) == 1);
            if (at - texts[i] > 30)
                usleep(300);
        }
        CHECK(has(hear(s, 1), "Content-Length: 5\r\n\r\nhello"));
        close(s);
    }
    close_all(&f);
}

TEST(refuses_and_closes) {
    fixture f;
    open_with(&f, (cc_http_options){.body_max = 1000}, 0);
    static const struct {
        const char *text, *status;
    } cases[] = {
        {HEAD("/fast") "Content-Length: 1001\r\n\r\n", " 413 "},
        {HEAD("/fast") "Transfer-Encoding: chunked\r\n\r\n3e9\r\n", " 413 "},
        {HEAD("/fast") "Transfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\n", " 413 "},
        {HEAD("/fast") "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", " 400 "},
        {HEAD("/fast") "Transfer-Encoding: chunked\r\n\r\n2\nhe\r\n", " 400 "},
        {HEAD("/fast") "Transfer-Encoding: chunked\r\n\r\n2\r\nheX\r\n", " 400 "},
        {HEAD("/fast") "Transfer-Encoding: chunked\r\n\r\n-2\r\nhe\r\n", " 400 "},
        {HEAD("/fast") "Transfer-Encoding: chunked\r\n\r\n\r\nhe\r\n", " 400 "},
        {HEAD("/fast") "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", " 400 "},
        {"nonsense\r\n\r\n", " 400 "},
        {"GET / HTTP/2.0\r\nHost: h\r\n\r\n", " 505 "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int s = dial(&f);
        say(s, cases[i].text);
        const char *text = hear(s, 1);
        if (!has(text, cases[i].status))
            fprintf(stderr, "case %zu: %s", i, text);
        CHECK(has(text, cases[i].status) && has(text, "Connection: close"));
        CHECK(closes_within(s, 30000));
        close(s);
    }
    close_all(&f);
}

/* The refusal arrives although the peer goes on sending: no reset that would destroy it. */
TEST(a_refused_body_that_still_comes) {
    fixture f;
    open_with(&f, (cc_http_options){.body_max = 1000}, 0);
    int s = dial(&f);
    say(s, HEAD("/fast") "Content-Length: 4000000\r\n\r\n");
    static char block[4000];
    memset(block, 'x', sizeof block);
    for (int i = 0; i < 1000; i++)
        CHECK(send(s, block, sizeof block, MSG_NOSIGNAL) == (ssize_t)sizeof block);
    CHECK(has(hear(s, 1), " 413 "));
    close(s);
    close_all(&f);
}

TEST(expects_continue) {
    fixture f;
    open_with(&f, (cc_http_options){0}, 0);
    int s = dial(&f);
    say(s, HEAD("/fast") "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    CHECK(has(hear(s, 1), "HTTP/1.1 100 Continue\r\n\r\n"));
    say(s, "abc");
    CHECK(has(hear(s, 1), "\r\n\r\nabc"));
    close(s);
    close_all(&f);
}

TEST(time_outs) {
    fixture f;
    open_with(&f,
              (cc_http_options){.head_timeout_ms = 1500, .body_timeout_ms = 1500, .idle_timeout_ms = 60000},
              2000000000);
    int loris = dial(&f), body = dial(&f), idle = dial(&f), working = dial(&f);
    say(loris, "POST / HT");
    say(body, HEAD("/fast") "Content-Length: 10\r\n\r\nabc");
    say(working, HEAD("/slow") "Content-Length: 3\r\n\r\nabc");
    CHECK(closes_within(loris, 30000));
    CHECK(closes_within(body, 30000));
    CHECK(has(hear(working, 1), "\r\n\r\nabc")); /* Python takes the time it takes */
    say(idle, HEAD("/fast")); /* long idle, then a head in two packets: its time starts now */
    usleep(20000);
    say(idle, "Content-Length: 3\r\n\r\nabc");
    CHECK(has(hear(idle, 1), "\r\n\r\nabc"));
    close(loris);
    close(body);
    close(idle);
    close(working);
    close_all(&f);
}

TEST(a_peer_that_never_reads_fills_no_memory) {
    fixture f;
    open_with(&f, (cc_http_options){0}, 0);
    int s = dial(&f);
    int yes = 65536;
    (void)setsockopt(s, SOL_SOCKET, SO_RCVBUF, &yes, sizeof yes);
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    const char *request = HEAD("/big") "Content-Length: 0\r\n\r\n";
    int sent = 0;
    while (sent < 400 && send(s, request, strlen(request), MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
        sent++;
    CHECK_EQ(sent, 400); /* 400 MiB of answers if all were made */
    usleep(300000);
    int other = dial(&f); /* neighbours are served meanwhile */
    say(other, HEAD("/fast") "Content-Length: 2\r\n\r\nhi");
    CHECK(has(hear(other, 1), "\r\n\r\nhi"));
    getrusage(RUSAGE_SELF, &after);
    CHECK(after.ru_maxrss - before.ru_maxrss < 64 * 1024);
    static char scrap[1 << 20];
    size_t total = 0;
    for (ssize_t got; total < (size_t)sent << 20; total += (size_t)got)
        if ((got = recv(s, scrap, sizeof scrap, 0)) <= 0)
            break;
    CHECK(total >= (size_t)sent << 20); /* once it reads, every answer comes */
    close(other);
    close(s);
    close_all(&f);
}

TEST(a_thousand_idle_connections) {
    enum { MANY = 1000 };
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max < 4096 ? limit.rlim_max : 4096;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    fixture f;
    open_with(&f, (cc_http_options){0}, 0);
    static int all[MANY];
    for (int i = 0; i < MANY; i++)
        all[i] = dial(&f);
    for (int i = 0; i < MANY; i += 37) {
        CHECK(all[i] >= 0);
        say(all[i], HEAD("/fast") "Content-Length: 2\r\n\r\nhi");
        CHECK(has(hear(all[i], 1), "\r\n\r\nhi"));
    }
    for (int i = 0; i < MANY; i++)
        close(all[i]);
    close_all(&f);
}

TEST(a_full_server_lets_the_next_wait) {
    fixture f;
    open_with(&f, (cc_http_options){.connections_max = 2}, 0);
    int a = dial(&f), b = dial(&f), c = dial(&f);
    say(a, HEAD("/fast") "Content-Length: 1\r\n\r\na");
    CHECK(has(hear(a, 1), "\r\n\r\na"));
    say(c, HEAD("/fast") "Content-Length: 1\r\n\r\nc");
    struct pollfd wait = {.fd = c, .events = POLLIN};
    CHECK_EQ(poll(&wait, 1, 200), 0);
    close(b);
    CHECK(has(hear(c, 1), "\r\n\r\nc"));
    close(a);
    close(c);
    close_all(&f);
}

TEST(stop_answers_what_is_in_flight) {
    fixture f;
    open_with(&f, (cc_http_options){0}, 200000000);
    int s = dial(&f), idle = dial(&f), gone = dial(&f);
    say(s, HEAD("/slow") "Content-Length: 3\r\n\r\nabc");
    say(gone, HEAD("/slow") "Content-Length: 3\r\n\r\nxyz");
    usleep(100000);
    close(gone); /* leaves while the worker answers */
    cc_http_stop(f.server, 30000);
    CHECK(has(hear(s, 1), "\r\n\r\nabc"));
    CHECK(closes_within(idle, 30000));
    int late = dial(&f);
    CHECK_EQ(late, -1); /* the port is free again */
    pthread_join(f.worker, NULL);
    cc_http_close(f.server);
    close(s);
    close(idle);
}

TEST(a_forked_child_has_no_server) {
    fixture f;
    open_with(&f, (cc_http_options){0}, 0);
    pid_t child = fork();
    if (child == 0) {
        cc_http_exchange *exchange;
        bool right = cc_http_next(f.server, 1000, &exchange) == CC_ERR_FORKED;
        cc_http_stop(f.server, 1000);
        cc_http_close(f.server);
        _exit(right ? 0 : 1);
    }
    int result = -1;
    CHECK(waitpid(child, &result, 0) == child && result == 0);
    int s = dial(&f);
    say(s, HEAD("/fast") "Content-Length: 2\r\n\r\nhi");
    CHECK(has(hear(s, 1), "\r\n\r\nhi"));
    close(s);
    close_all(&f);
}

TEST(refuses_to_open) {
    cc_http_server *server;
    cc_error error = {0};
    CHECK(cc_http_open(&(cc_http_options){.host = "no address"}, &server, &error) == CC_ERR_ARGUMENT);
    fixture f;
    open_with(&f, (cc_http_options){0}, 0);
    cc_http_options taken = {.port = cc_http_port(f.server)};
    CHECK(cc_http_open(&taken, &server, &error) == CC_ERR_IO && error.sys_errno == EADDRINUSE);
    close_all(&f);
}

int main(void) {
    RUN(answers_from_both_sides);
    RUN(keeps_the_order_of_pipelined_requests);
    RUN(answers_in_parts);
    RUN(parts_wait_for_a_slow_peer_and_end_with_one_that_left);
    RUN(reads_a_body_byte_by_byte);
    RUN(refuses_and_closes);
    RUN(a_refused_body_that_still_comes);
    RUN(expects_continue);
    RUN(time_outs);
    RUN(a_peer_that_never_reads_fills_no_memory);
    RUN(a_thousand_idle_connections);
    RUN(a_full_server_lets_the_next_wait);
    RUN(stop_answers_what_is_in_flight);
    RUN(a_forked_child_has_no_server);
    RUN(refuses_to_open);
    return REPORT();
}
