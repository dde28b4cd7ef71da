/* head.c: see head.h. */
#include "http/head.h"

enum {
    NEED_MORE = 0,
    COMPLETE = 200,
    BAD = 400,
    UNEXPECTED = 417,
    TOO_LARGE = 431,
    NOT_CODED = 501,
    BAD_VERSION = 505
};

static bool is_token(uint8_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static uint8_t lower(uint8_t c) { return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c; }

static bool equal_lower(cc_bytes text, const char *lower_text) {
    if (text.size != strlen(lower_text))
        return false;
    for (size_t i = 0; i < text.size; i++)
        if (lower(text.data[i]) != (uint8_t)lower_text[i])
            return false;
    return true;
}

cc_bytes cc_http_head_find(const cc_http_head *head, const char *lower_name) {
    for (uint32_t i = 0; i < head->header_count; i++)
        if (equal_lower(head->headers[i].name, lower_name))
            return head->headers[i].value;
    return (cc_bytes){NULL, 0};
}

/* The next line without its CRLF. */
static int next_line(cc_bytes input, size_t *at, cc_bytes *line_out) {
    const uint8_t *start = input.data + *at;
    const uint8_t *end = memchr(start, '\n', input.size - *at);
    if (end == NULL)
        return NEED_MORE;
    if (end == start || end[-1] != '\r')
        return BAD; /* a bare LF */
    *line_out = cc_bytes_of(start, (size_t)(end - start) - 1);
    *at += (size_t)(end - start) + 1;
    return COMPLETE;
}

static int request_line(cc_bytes line, cc_http_head *out) {
    const uint8_t *space = memchr(line.data, ' ', line.size);
    if (space == NULL || space == line.data)
        return BAD;
    out->method = cc_bytes_of(line.data, (size_t)(space - line.data));
    for (size_t i = 0; i < out->method.size; i++)
        if (!is_token(out->method.data[i]))
            return BAD;
    const uint8_t *target = space + 1, *end = line.data + line.size;
    const uint8_t *second = memchr(target, ' ', (size_t)(end - target));
    if (second == NULL || second == target || (*target != '/' && *target != '*'))
        return BAD;
    out->target = cc_bytes_of(target, (size_t)(second - target));
    for (size_t i = 0; i < out->target.size; i++)
        if (out->target.data[i] <= 0x20 || out->target.data[i] >= 0x7f)
            return BAD;
    cc_bytes version = cc_bytes_of(second + 1, (size_t)(end - second) - 1);
    if (version.size != 8 || memcmp(version.data, "HTTP/", 5) != 0)
        return BAD;
    out->takes_chunks = memcmp(version.data, "HTTP/1.1", 8) == 0;
    if (out->takes_chunks)
        out->keep_alive = true;
    else if (memcmp(version.data, "HTTP/1.0", 8) != 0)
        return BAD_VERSION;
    return COMPLETE;
}

static int header_line(cc_bytes line, cc_http_head *out) {
    size_t colon = 0;
    while (colon < line.size && is_token(line.data[colon]))
        colon++;
    if (colon == 0 || colon == line.size || line.data[colon] != ':')
        return BAD; /* a folded line, a blank before the colon, a strange name */
    if (out->header_count == CC_HTTP_HEADERS_MAX)
        return TOO_LARGE;
    size_t from = colon + 1, to = line.size;
    while (from < to && (line.data[from] == ' ' || line.data[from] == '\t'))
        from++;
    while (to > from && (line.data[to - 1] == ' ' || line.data[to - 1] == '\t'))
        to--;
    for (size_t i = from; i < to; i++)
        if ((line.data[i] < 0x20 && line.data[i] != '\t') || line.data[i] == 0x7f)
            return BAD;
    out->headers[out->header_count++] = (cc_http_header){cc_bytes_of(line.data, colon),
                                                         cc_bytes_of(line.data + from, to - from)};
    return COMPLETE;
}

static bool read_length(cc_bytes value, uint64_t *length_out) {
    if (value.size == 0 || value.size > 18)
        return false;
    *length_out = 0;
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] < '0' || value.data[i] > '9')
            return false;
        *length_out = *length_out * 10 + (uint64_t)(value.data[i] - '0');
    }
    return true;
}

static int meanings(cc_http_head *out) {
    bool first_version = out->keep_alive, host = false;
    for (uint32_t i = 0; i < out->header_count; i++) {
        cc_bytes name = out->headers[i].name, value = out->headers[i].value;
        if (equal_lower(name, "content-length")) {
            if (out->has_length || !read_length(value, &out->length))
                return BAD;
            out->has_length = true;
        } else if (equal_lower(name, "transfer-encoding")) {
            if (out->chunked || !first_version)
                return BAD;
            if (!equal_lower(value, "chunked"))
                return NOT_CODED;
            out->chunked = true;
        } else if (equal_lower(name, "connection")) {
            if (equal_lower(value, "close"))
                out->keep_alive = false;
            else if (equal_lower(value, "keep-alive"))
                out->keep_alive = true;
        } else if (equal_lower(name, "expect")) {
            if (!equal_lower(value, "100-continue"))
                return UNEXPECTED;
            out->expects_continue = first_version; /* of 1.0 it is ignored */
        } else if (equal_lower(name, "host")) {
            if (host)
                return BAD;
            host = true;
        }
    }
    if (out->has_length && out->chunked)
        return BAD;
    return first_version && !host ? BAD : COMPLETE;
}

int cc_http_head_parse(cc_bytes input, cc_http_head *head_out) {
    size_t at = 0;
    cc_bytes line;
    head_out->header_count = 0;
    head_out->has_length = head_out->chunked = head_out->keep_alive = false;
    head_out->expects_continue = false;
    head_out->length = 0;
    size_t limit = input.size < CC_HTTP_HEAD_SIZE_MAX ? input.size : CC_HTTP_HEAD_SIZE_MAX;
    cc_bytes window = cc_bytes_of(input.data, limit);
    int result = next_line(window, &at, &line);
    if (result == COMPLETE)
        result = request_line(line, head_out);
    while (result == COMPLETE) {
        result = next_line(window, &at, &line);
        if (result == COMPLETE && line.size == 0) {
            head_out->size = at;
            return meanings(head_out);
        }
        if (result == COMPLETE)
            result = header_line(line, head_out);
    }
    return result == NEED_MORE && limit == CC_HTTP_HEAD_SIZE_MAX ? TOO_LARGE : result;
}
