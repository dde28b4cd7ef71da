/* HTTP request heads from hostile bytes. What parses must lie inside the input, and must parse to the
 * same head from a prefix of exactly its size: a proxy in front would cut it there. */
#include <stdlib.h>

#include "http/head.h"

static bool inside(cc_bytes part, const uint8_t *data, size_t size) {
    return part.data >= data && part.data + part.size <= data + size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    cc_http_head head, again;
    if (cc_http_head_parse(cc_bytes_of(data, size), &head) != 200)
        return 0;
    CC_ASSERT(head.size <= size && inside(head.method, data, size) && inside(head.target, data, size));
    CC_ASSERT(!(head.chunked && head.has_length) && head.header_count <= CC_HTTP_HEADERS_MAX);
    for (uint32_t i = 0; i < head.header_count; i++)
        CC_ASSERT(inside(head.headers[i].name, data, size) && inside(head.headers[i].value, data, size));
    uint8_t *exact = malloc(head.size); /* so that a sanitizer sees one byte too far */
    if (exact == NULL)
        return 0;
    memcpy(exact, data, head.size);
    CC_ASSERT(cc_http_head_parse(cc_bytes_of(exact, head.size), &again) == 200);
    CC_ASSERT(again.size == head.size && again.length == head.length &&
              again.header_count == head.header_count);
    CC_ASSERT(cc_http_head_parse(cc_bytes_of(exact, head.size - 1), &again) == 0);
    free(exact);
    return 0;
}
