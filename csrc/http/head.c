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

/* tchar of RFC 9110: letters, digits and some marks. */
static const bool token[256] = {
    ['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1,         ['&'] = 1,         ['\''] = 1,
    ['*'] = 1, ['+'] = 1, ['-'] = 1, ['.'] = 1,         ['^'] = 1,         ['_'] = 1,
    ['`'] = 1, ['|'] = 1, ['~'] = 1, ['0' ... '9'] = 1, ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1,
};

static bool is_token(uint8_t c) { return token[c]; }

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

static bool is_control(uint8_t c) { return (c < 0x20 && c != '\t') || c == 0x7f; }

/* Whether a value holds a control character other than a tab. Eight bytes at a time first: that finds them all,
 * and tabs, and now and then what a borrow made; only then every byte is looked at. */
static bool has_control(cc_bytes value) {
    const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
    uint64_t found = 0, word;
    size_t i = 0;
    for (; value.size - i >= 8; i += 8) {
        memcpy(&word, value.data + i, 8);
        uint64_t del = word ^ (ones * 0x7f);
        found |= (((word - ones * 0x20) & ~word) | ((del - ones) & ~del)) & highs;
    }
    if (CC_UNLIKELY(found != 0))
        i = 0;
    for (; i < value.size; i++)
        if (is_control(value.data[i]))
            return true;
    return false;
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

static void note(cc_http_head *out, cc_http_known known, cc_bytes value) {
    if (out->known[known].data == NULL)
        out->known[known] = value;
}

static int transfer_encoding(cc_bytes value, bool first_version, cc_http_head *out) {
    if (out->chunked || !first_version)
        return BAD;
    out->chunked = equal_lower(value, "chunked");
    return out->chunked ? COMPLETE : NOT_CODED;
}

static int expectation(cc_bytes value, bool first_version, cc_http_head *out) {
    out->expects_continue = first_version && equal_lower(value, "100-continue"); /* of 1.0 it is ignored */
    return equal_lower(value, "100-continue") ? COMPLETE : UNEXPECTED;
}

/* What a header means for this request; told apart by the length of its name first. */
static int meaning(cc_bytes name, cc_bytes value, bool first_version, bool *host, cc_http_head *out) {
    switch (name.size) {
    case 4:
        if (equal_lower(name, "host")) {
            if (*host)
                return BAD;
            *host = true;
        }
        break;
    case 6:
        if (equal_lower(name, "origin"))
            note(out, CC_HTTP_ORIGIN, value);
        else if (equal_lower(name, "expect"))
            return expectation(value, first_version, out);
        break;
    case 10:
        if (equal_lower(name, "connection")) {
            if (equal_lower(value, "close"))
                out->keep_alive = false;
            else if (equal_lower(value, "keep-alive"))
                out->keep_alive = true;
        }
        break;
    case 12:
        if (equal_lower(name, "x-amz-target"))
            note(out, CC_HTTP_TARGET, value);
        break;
    case 13:
        if (equal_lower(name, "authorization"))
            note(out, CC_HTTP_AUTHORIZATION, value);
        break;
    case 14:
        if (equal_lower(name, "content-length")) {
            if (out->has_length || !read_length(value, &out->length))
                return BAD;
            out->has_length = true;
        }
        break;
    case 15:
        if (equal_lower(name, "accept-encoding"))
            note(out, CC_HTTP_ACCEPT_ENCODING, value);
        break;
    case 16:
        if (equal_lower(name, "content-encoding"))
            note(out, CC_HTTP_CONTENT_ENCODING, value);
        break;
    case 17:
        if (equal_lower(name, "transfer-encoding"))
            return transfer_encoding(value, first_version, out);
        break;
    default:
        break;
    }
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
    cc_bytes value = cc_bytes_of(line.data + from, to - from);
    if (has_control(value))
        return BAD;
    out->headers[out->header_count++] = (cc_http_header){cc_bytes_of(line.data, colon), value};
    return COMPLETE;
}

int cc_http_head_parse(cc_bytes input, cc_http_head *head_out) {
    size_t at = 0;
    cc_bytes line;
    head_out->header_count = 0;
    head_out->has_length = head_out->chunked = head_out->keep_alive = false;
    head_out->expects_continue = false;
    head_out->length = 0;
    memset(head_out->known, 0, sizeof head_out->known);
    size_t limit = input.size < CC_HTTP_HEAD_SIZE_MAX ? input.size : CC_HTTP_HEAD_SIZE_MAX;
    cc_bytes window = cc_bytes_of(input.data, limit);
    int result = next_line(window, &at, &line);
    if (result == COMPLETE)
        result = request_line(line, head_out);
    bool first_version = head_out->keep_alive, host = false;
    int told = COMPLETE; /* said once the whole head is there: what its headers mean */
    while (result == COMPLETE) {
        result = next_line(window, &at, &line);
        if (result == COMPLETE && line.size == 0) {
            head_out->size = at;
            if (told == COMPLETE && ((head_out->has_length && head_out->chunked) || (first_version && !host)))
                told = BAD;
            return told;
        }
        if (result == COMPLETE)
            result = header_line(line, head_out);
        if (result == COMPLETE && told == COMPLETE) {
            const cc_http_header *last = &head_out->headers[head_out->header_count - 1];
            told = meaning(last->name, last->value, first_version, &host, head_out);
        }
    }
    return result == NEED_MORE && limit == CC_HTTP_HEAD_SIZE_MAX ? TOO_LARGE : result;
}
