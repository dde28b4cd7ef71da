/* chunks.h: a chunked body, decoded in place as it arrives.
 *
 *   data: | decoded, from `start`, `size` bytes | gap | not decoded yet, from `at` |
 *
 * Strict as head.h: sizes are plain hexadecimal, lines end in CRLF, extensions are skipped, trailers refused.
 * Source: RFC 9112, 7.1. Thread rule: pure functions. */
#ifndef CC_HTTP_CHUNKS_H
#define CC_HTTP_CHUNKS_H

#include "base/bytes.h"

typedef struct {
    size_t start; /* of the body in the data */
    size_t size;  /* decoded so far */
    size_t at;    /* where decoding goes on; behind the body's end once it is complete */
    uint64_t left;
    bool open; /* inside a chunk's data */
} cc_http_chunks;

/* Decodes what is there: data[0, data_size). 0: more bytes are needed; 200: complete; 400; 413: over `body_max`. */
int cc_http_chunks_decode(cc_http_chunks *chunks, uint8_t *data, size_t data_size, uint64_t body_max);

#endif
