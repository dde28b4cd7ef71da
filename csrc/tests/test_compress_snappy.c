/* Byte-exact framing: what snappy-java and Hadoop write around a raw block. */
#include "compress/snappy.h"
#include "support/check.h"

static const uint8_t raw[] = {3, 8, 'a', 'b', 'c'}; /* "abc" in raw Snappy */

TEST(xerial) {
    static const uint8_t wanted[] = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0, 0, 0,   0,   1,  0,
                                     0,    0,   1,   0,   0,   0,   5,   3, 8, 'a', 'b', 'c'};
    cc_buffer out = {0};
    CHECK_OK(cc_snappy_xerial_header(&out));
    CHECK_OK(cc_snappy_xerial_block(cc_bytes_of(raw, sizeof raw), &out));
    CHECK(cc_bytes_equal(cc_buffer_bytes(&out), cc_bytes_of(wanted, sizeof wanted)));
    cc_buffer_free(&out);
}

TEST(hadoop) {
    static const uint8_t wanted[] = {0, 0, 0, 3, 0, 0, 0, 5, 3, 8, 'a', 'b', 'c'};
    cc_buffer out = {0};
    CHECK_OK(cc_snappy_hadoop_block(cc_bytes_of(raw, sizeof raw), 3, &out));
    CHECK(cc_bytes_equal(cc_buffer_bytes(&out), cc_bytes_of(wanted, sizeof wanted)));
    cc_buffer_free(&out);
}

int main(void) {
    RUN(xerial);
    RUN(hadoop);
    return REPORT();
}
