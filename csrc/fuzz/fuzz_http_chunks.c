/* Chunked bodies from hostile bytes. However the bytes are cut into packets, the outcome and the body are those
 * of the whole, and nothing is written past what was read. The first byte seeds the cuts. */
#include <stdlib.h>

#include "http/chunks.h"

enum { BODY_MAX = 1000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    uint32_t dice = data[0] * 2654435761u + 1;
    cc_bytes sent = cc_bytes_of(data + 1, size - 1);
    uint8_t *whole = malloc(size), *cut = malloc(size);
    if (whole == NULL || cut == NULL)
        abort();
    memcpy(whole, sent.data, sent.size);
    memcpy(cut, sent.data, sent.size);
    cc_http_chunks one = {0}, many = {0};
    int expected = cc_http_chunks_decode(&one, whole, sent.size, BODY_MAX), result = 0;
    for (size_t here = 0; here < sent.size && result == 0;) {
        dice = dice * 1664525u + 1013904223u;
        size_t step = 1 + (dice >> 16) % 7;
        here = here + step < sent.size ? here + step : sent.size;
        result = cc_http_chunks_decode(&many, cut, here, BODY_MAX);
    }
    CC_ASSERT(result == expected && one.size <= sent.size && one.at <= sent.size && one.size <= BODY_MAX);
    if (result == 200)
        CC_ASSERT(one.size == many.size && one.at == many.at && memcmp(whole, cut, one.size) == 0);
    free(whole);
    free(cut);
    return 0;
}
