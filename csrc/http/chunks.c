/* chunks.c: see chunks.h. */
#include "http/chunks.h"

enum { NEED_MORE = 0, COMPLETE = 200, BAD = 400, TOO_LARGE = 413, LINE_MAX = 4096 };

static int digit_of(uint8_t c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* "1a;extension", without CRLF. */
static bool read_size(cc_bytes line, uint64_t *size_out) {
    size_t i = 0;
    *size_out = 0;
    for (; i < line.size && line.data[i] != ';'; i++) {
        int digit = digit_of(line.data[i]);
        if (digit < 0 || i >= 15)
            return false;
        *size_out = *size_out << 4 | (unsigned)digit;
    }
    return i != 0;
}

/* The data of the open chunk, as far as it is there, and the CRLF behind it. */
static int take_data(cc_http_chunks *chunks, uint8_t *data, size_t data_size) {
    size_t here = data_size - chunks->at;
    size_t step = here < chunks->left ? here : (size_t)chunks->left;
    memmove(data + chunks->start + chunks->size, data + chunks->at, step);
    chunks->size += step;
    chunks->at += step;
    chunks->left -= step;
    if (chunks->left != 0 || data_size - chunks->at < 2)
        return NEED_MORE;
    if (memcmp(data + chunks->at, "\r\n", 2) != 0)
        return BAD;
    chunks->at += 2;
    chunks->open = false;
    return COMPLETE;
}

int cc_http_chunks_decode(cc_http_chunks *chunks, uint8_t *data, size_t data_size, uint64_t body_max) {
    for (;;) {
        if (chunks->open) {
            int result = take_data(chunks, data, data_size);
            if (result != COMPLETE)
                return result;
        }
        const uint8_t *line = data + chunks->at;
        const uint8_t *end = memchr(line, '\n', data_size - chunks->at);
        if (end == NULL)
            return data_size - chunks->at > LINE_MAX ? BAD : NEED_MORE;
        uint64_t size;
        if (end - line > LINE_MAX || end == line || end[-1] != '\r' ||
            !read_size(cc_bytes_of(line, (size_t)(end - line) - 1), &size))
            return BAD;
        size_t behind = (size_t)(end - data) + 1;
        if (size == 0) { /* no trailers: the blank line follows */
            if (data_size - behind < 2)
                return NEED_MORE;
            chunks->at = behind + 2;
            return memcmp(data + behind, "\r\n", 2) == 0 ? COMPLETE : BAD;
        }
        if (chunks->size + size > body_max)
            return TOO_LARGE;
        chunks->at = behind;
        chunks->left = size;
        chunks->open = true;
    }
}
