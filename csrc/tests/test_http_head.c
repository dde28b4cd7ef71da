/* The request head, case by case: what is read, what is refused, and that no split changes either. */
#include <stdlib.h>

#include "http/head.h"
#include "support/check.h"

#define OK_LINE "POST / HTTP/1.1\r\nHost: h\r\n"

static int parse(const char *text, cc_http_head *head) {
    return cc_http_head_parse(cc_bytes_text(text), head);
}

TEST(reads_a_request) {
    cc_http_head head;
    const char *text = "POST /a?b=c HTTP/1.1\r\nHost: h\r\nX-Amz-Target:\t DynamoDB_20120810.GetItem \r\n"
                       "content-LENGTH: 12\r\nEmpty:\r\n\r\nbody";
    CHECK_EQ(parse(text, &head), 200);
    CHECK(cc_bytes_equal(head.method, cc_bytes_text("POST")));
    CHECK(cc_bytes_equal(head.target, cc_bytes_text("/a?b=c")));
    CHECK(
        cc_bytes_equal(cc_http_head_find(&head, "x-amz-target"), cc_bytes_text("DynamoDB_20120810.GetItem")));
    CHECK_EQ(head.header_count, 4);
    CHECK_EQ(head.length, 12);
    CHECK_EQ(head.size, strlen(text) - 4);
    CHECK(head.has_length && head.keep_alive && !head.chunked && !head.expects_continue);
    CHECK_EQ(cc_http_head_find(&head, "empty").size, 0);
    CHECK(cc_http_head_find(&head, "empty").data != NULL);
    CHECK(cc_http_head_find(&head, "absent").data == NULL);
}

TEST(what_a_head_means) {
    cc_http_head head;
    CHECK_EQ(parse(OK_LINE "Connection: Close\r\n\r\n", &head), 200);
    CHECK(!head.keep_alive);
    CHECK_EQ(parse("GET / HTTP/1.0\r\n\r\n", &head), 200);
    CHECK(!head.keep_alive);
    CHECK_EQ(parse("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", &head), 200);
    CHECK(head.keep_alive);
    CHECK_EQ(parse(OK_LINE "Transfer-Encoding: Chunked\r\nExpect: 100-Continue\r\n\r\n", &head), 200);
    CHECK(head.chunked && head.expects_continue && !head.has_length);
    CHECK_EQ(parse("OPTIONS * HTTP/1.1\r\nHost:\r\n\r\n", &head), 200);
}

typedef struct {
    const char *text;
    int status;
} refusal;

static const refusal refusals[] = {
    /* what two parsers could read in two ways */
    {OK_LINE "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {OK_LINE "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", 400},
    {OK_LINE "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", 400},
    {OK_LINE "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {OK_LINE "Content-Length: +1\r\n\r\n", 400},
    {OK_LINE "Content-Length: -1\r\n\r\n", 400},
    {OK_LINE "Content-Length: 1,1\r\n\r\n", 400},
    {OK_LINE "Content-Length: 0x1\r\n\r\n", 400},
    {OK_LINE "Content-Length:\r\n\r\n", 400},
    {OK_LINE "Content-Length: 99999999999999999999\r\n\r\n", 400},
    {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {OK_LINE "A: b\n\r\n", 400},
    {"POST / HTTP/1.1\nHost: h\n\n", 400},
    {OK_LINE "A: b\r\n folded\r\n\r\n", 400},
    {OK_LINE "A: b\r\n\tfolded\r\n\r\n", 400},
    {OK_LINE "A : b\r\n\r\n", 400},
    {OK_LINE "A\r\n\r\n", 400},
    {OK_LINE ": b\r\n\r\n", 400},
    {OK_LINE "A(: b\r\n\r\n", 400},
    {OK_LINE "A: b\rc\r\n\r\n", 400},
    {OK_LINE "A: b\x01\r\n\r\n", 400},
    {OK_LINE "A: b\x7f\r\n\r\n", 400},
    {OK_LINE "Host: other\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n\r\n", 400},
    /* the request line */
    {"\r\n", 400},
    {"POST\r\n\r\n", 400},
    {"POST /\r\n\r\n", 400},
    {"POST  / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"POST /  HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"POST / HTTP/1.1 \r\nHost: h\r\n\r\n", 400},
    {"PO ST / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {" POST / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"P(ST / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"POST nowhere HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"POST /\t HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"POST /\xc3\xa9 HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"POST / http/1.1\r\nHost: h\r\n\r\n", 400},
    {"POST / HTTP/2.0\r\nHost: h\r\n\r\n", 505},
    {"POST / HTTP/1.2\r\nHost: h\r\n\r\n", 505},
    {OK_LINE "Transfer-Encoding: gzip\r\n\r\n", 501},
    {OK_LINE "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
};

TEST(refuses) {
    cc_http_head head;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        int status = parse(refusals[i].text, &head);
        if (status != refusals[i].status)
            fprintf(stderr, "case %zu: %s\n", i, refusals[i].text);
        CHECK_EQ(status, refusals[i].status);
    }
}

TEST(refuses_a_zero_byte) {
    static const char text[] = OK_LINE "A: b\0c\r\n\r\n";
    cc_http_head head;
    CHECK_EQ(cc_http_head_parse(cc_bytes_of(text, sizeof text - 1), &head), 400);
    static const char name[] = OK_LINE "A\0: b\r\n\r\n";
    CHECK_EQ(cc_http_head_parse(cc_bytes_of(name, sizeof name - 1), &head), 400);
}

TEST(every_prefix_asks_for_more) {
    const char *text = OK_LINE "A: b\r\nContent-Length: 3\r\n\r\n";
    cc_http_head head;
    for (size_t size = 0; size < strlen(text); size++)
        CHECK_EQ(cc_http_head_parse(cc_bytes_of(text, size), &head), 0);
    CHECK_EQ(parse(text, &head), 200);
}

TEST(limits) {
    cc_http_head head;
    cc_buffer text = {0};
    CHECK_OK(cc_buffer_append_text(&text, OK_LINE));
    for (int i = 1; i < CC_HTTP_HEADERS_MAX; i++)
        CHECK_OK(cc_buffer_append_text(&text, "A: b\r\n"));
    size_t full = text.size;
    CHECK_OK(cc_buffer_append_text(&text, "\r\n"));
    CHECK_EQ(cc_http_head_parse(cc_buffer_bytes(&text), &head), 200);
    text.size = full;
    CHECK_OK(cc_buffer_append_text(&text, "A: b\r\n\r\n"));
    CHECK_EQ(cc_http_head_parse(cc_buffer_bytes(&text), &head), 431);

    cc_buffer_clear(&text);
    CHECK_OK(cc_buffer_append_text(&text, OK_LINE "A: "));
    while (text.size < CC_HTTP_HEAD_SIZE_MAX - 4)
        CHECK_OK(cc_buffer_append_byte(&text, 'x'));
    CHECK_OK(cc_buffer_append_text(&text, "\r\n\r\n"));
    CHECK_EQ(text.size, CC_HTTP_HEAD_SIZE_MAX);
    CHECK_EQ(cc_http_head_parse(cc_buffer_bytes(&text), &head), 200);
    text.size -= 4;
    CHECK_OK(cc_buffer_append_text(&text, "x\r\n\r\n"));
    CHECK_EQ(cc_http_head_parse(cc_buffer_bytes(&text), &head), 431);
    cc_buffer_free(&text);
}

int main(void) {
    RUN(reads_a_request);
    RUN(what_a_head_means);
    RUN(refuses);
    RUN(refuses_a_zero_byte);
    RUN(every_prefix_asks_for_more);
    RUN(limits);
    return REPORT();
}
