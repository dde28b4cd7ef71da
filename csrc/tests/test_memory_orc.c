/* test_memory_orc.c: every allocation of an ORC file fails once, alone and with all that follow it.
 *
 * For n = 1, 2, ... until the file needs fewer: a writer of its own, from opening to the postscript, with its n-th
 * allocation failing. It says CC_ERR_NOMEM and is closed, or it never needed that memory and the file is, byte by
 * byte, what it is otherwise. Leaks are for AddressSanitizer to find. */
#include <stdio.h>

#include "orc/orc.h"
#include "support/check.h"
#include "support/every_column.h"
#include "support/failing_memory.h"

enum { BATCHES = 3, STRIDE = CC_TIGHT ? 97 : 1 }; /* tight buffers grow at every byte */

static cc_status write_file(const every_column *s, const struct ArrowArray *batches,
                            const cc_orc_options *options, cc_buffer *out, cc_error *error) {
    cc_orc *orc = NULL;
    cc_status status = cc_orc_open(&s->root, options, &orc, error);
    CHECK((orc != NULL) == (status == CC_OK));
    for (size_t i = 0; status == CC_OK && i < BATCHES; i++) {
        status = cc_orc_append(orc, &batches[i], error);
        if (status == CC_OK && i == 1)
            status = cc_orc_end_stripe(orc, out, error);
    }
    if (status == CC_OK)
        status = cc_orc_finish(orc, out, error);
    cc_orc_close(orc);
    return status;
}

static uint64_t points, not_needed;

static void sweep(const every_column *s, const struct ArrowArray *batches, const cc_orc_options *options,
                  bool sticky) {
    cc_buffer whole = {0};
    CHECK_OK(write_file(s, batches, options, &whole, NULL));
    bool reached = true;
    for (uint64_t nth = 1; reached; nth += STRIDE) {
        cc_buffer out = {0};
        cc_error error = {0};
        memory_fails(nth, sticky);
        cc_status status = write_file(s, batches, options, &out, &error);
        reached = memory_works() >= nth;
        if (status == CC_OK)
            CHECK(out.data != NULL && whole.data != NULL && out.size == whole.size &&
                  memcmp(out.data, whole.data, whole.size) == 0);
        else
            CHECK(reached && status == CC_ERR_NOMEM && error.message[0] != '\0');
        points += reached;
        not_needed += reached && status == CC_OK;
        cc_buffer_free(&out);
    }
    cc_buffer_free(&whole);
}

TEST(every_allocation) {
    static const uint32_t bloom_fields[] = {0, 3, 4, 6, 12, 14};
    every_column s;
    cc_columns *columns = NULL;
    struct ArrowArray batches[BATCHES];
    every_column_make(&s);
    CHECK_OK(cc_columns_open(&s.root, 0, &columns, NULL));
    for (int i = 0; i < BATCHES; i++) {
        every_column_fill(columns, i);
        CHECK_OK(cc_columns_finish(columns, &batches[i], NULL));
    }
    for (int kind = 0; kind < 8; kind++) {
        cc_orc_options options = {
            .codec = kind & 1,
            .compress = every_column_halve,
            .dictionary_threshold = (kind & 2) != 0 ? 0.5 : 0,
            .v11 = (kind & 4) != 0,
            .block_bytes = 250,
            .stride = 30,
            .bloom_fields = bloom_fields,
            .bloom_count = sizeof bloom_fields / sizeof bloom_fields[0],
            .bloom_probability = 0.1,
            .seed = 5,
        };
        sweep(&s, batches, &options, false);
        if (kind == 7)
            sweep(&s, batches, &options, true);
    }
    for (int i = 0; i < BATCHES; i++)
        batches[i].release(&batches[i]);
    cc_columns_close(columns);
}

int main(void) {
    RUN(every_allocation);
    printf("%llu failed allocations, %llu not needed\n", (unsigned long long)points,
           (unsigned long long)not_needed);
    CHECK(points > (CC_TIGHT ? 300 : 3000));
    return REPORT();
}
