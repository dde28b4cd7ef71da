/* fuzz_number.c: number text and encodings: what is accepted is canonical, round-trips and adds up.
 *
 * Input: two texts split at the first NUL; the bytes are also tried as an encoding. */
#include <stdint.h>

#include "codec/number.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(cc_bytes number) {
    char text[CC_NUMBER_TEXT_MAX];
    uint8_t again[CC_NUMBER_MAX];
    size_t again_size, text_size = cc_number_text(number, text);
    CC_ASSERT(text_size > 0 && text_size <= CC_NUMBER_TEXT_MAX);
    CC_ASSERT(cc_number_parse(cc_bytes_of(text, text_size), again, &again_size, NULL) == CC_OK);
    CC_ASSERT(cc_bytes_equal(cc_bytes_of(again, again_size), number));
    CC_ASSERT(cc_number_item_size(number) <= 21);
    int64_t whole;
    if (cc_number_to_int64(number, &whole)) {
        again_size = cc_number_from_int64(whole, again);
        CC_ASSERT(cc_bytes_equal(cc_bytes_of(again, again_size), number));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (cc_number_valid(cc_bytes_of(data, size)))
        round_trip(cc_bytes_of(data, size));
    const uint8_t *split = size == 0 ? NULL : memchr(data, 0, size);
    size_t first = split != NULL ? (size_t)(split - data) : size;
    cc_bytes texts[2] = {{data, first}, {data, 0}};
    if (split != NULL)
        texts[1] = cc_bytes_of(split + 1, size - first - 1);
    uint8_t numbers[2][CC_NUMBER_MAX], sum[CC_NUMBER_MAX], back[CC_NUMBER_MAX];
    cc_bytes parsed[2];
    for (int i = 0; i < 2; i++) {
        size_t parsed_size;
        if (cc_number_parse(texts[i], numbers[i], &parsed_size, NULL) != CC_OK)
            return 0;
        parsed[i] = cc_bytes_of(numbers[i], parsed_size);
        CC_ASSERT(cc_number_valid(parsed[i]));
        round_trip(parsed[i]);
    }
    size_t sum_size, back_size;
    if (cc_number_add(parsed[0], parsed[1], sum, &sum_size, NULL) != CC_OK)
        return 0;
    CC_ASSERT(cc_number_valid(cc_bytes_of(sum, sum_size)));
    CC_ASSERT(cc_number_subtract(cc_bytes_of(sum, sum_size), parsed[1], back, &back_size, NULL) == CC_OK);
    CC_ASSERT(cc_bytes_equal(cc_bytes_of(back, back_size), parsed[0]));
    return 0;
}
