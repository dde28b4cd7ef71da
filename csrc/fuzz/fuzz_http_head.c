/* fuzz_http_head.c: any bytes as a request head; every answer is one of the known ones, and what is
 * accepted lies inside the input. A prefix is never judged better than the whole. */
#include <stdint.h>

#include "http/head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    cc_http_head head;
    int result = cc_http_head_parse(cc_bytes_of(data, size), &head);
    CC_ASSERT(result == 0 || result == 200 || result == 400 || result == 431 || result == 501 ||
              result == 505);
    if (result != 200)
        return 0;
    CC_ASSERT(head.size <= size && head.header_count <= CC_HTTP_HEADERS_MAX);
    CC_ASSERT(!(head.has_length && head.chunked));
    for (uint32_t i = 0; i < head.header_count; i++)
        CC_ASSERT(head.headers[i].value.data + head.headers[i].value.size <= data + head.size);
    CC_ASSERT(cc_http_head_parse(cc_bytes_of(data, head.size - 1), &head) == 0);
    return 0;
}
