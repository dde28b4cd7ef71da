/* head.h: the head of an HTTP/1.1 request, parsed strictly and without copying.
 *
 * Strict means: what two parsers could read in two ways is refused, because that is how requests are
 * smuggled: bare LF, folded lines, space before the colon, two lengths, a length beside chunked.
 * Source: RFC 9110, RFC 9112. Thread rule: pure functions. */
#ifndef CC_HTTP_HEAD_H
#define CC_HTTP_HEAD_H

#include "base/bytes.h"

enum { CC_HTTP_HEADERS_MAX = 100, CC_HTTP_HEAD_SIZE_MAX = 64 * 1024 };

typedef struct {
    cc_bytes name, value; /* of the input; value without surrounding blanks */
} cc_http_header;

/* Headers that are looked for in every request: noted while the head is read, the first of each name. */
typedef enum {
    CC_HTTP_TARGET, /* x-amz-target */
    CC_HTTP_AUTHORIZATION,
    CC_HTTP_ACCEPT_ENCODING,
    CC_HTTP_CONTENT_ENCODING,
    CC_HTTP_ORIGIN,
    CC_HTTP_KNOWN
} cc_http_known;

typedef struct {
    cc_bytes method, target;
    cc_bytes known[CC_HTTP_KNOWN]; /* data NULL when absent */
    cc_http_header headers[CC_HTTP_HEADERS_MAX];
    uint32_t header_count;
    size_t size; /* of the head, blank line included */
    bool has_length, chunked, keep_alive, expects_continue;
    bool takes_chunks; /* HTTP/1.1: an answer may come in chunks */
    uint64_t length;
} cc_http_head;

/* 0: more bytes are needed; 200: complete; otherwise the status to refuse with (400, 417, 431, 501, 505). */
int cc_http_head_parse(cc_bytes input, cc_http_head *head_out);
/* The value of a header (name in lower case); data NULL when absent. */
cc_bytes cc_http_head_find(const cc_http_head *head, const char *lower_name);

#endif
