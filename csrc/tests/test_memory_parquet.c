/* test_memory_parquet.c: every allocation of a Parquet file fails once, alone and with all that follow it.
 *
 * For n = 1, 2, ... until the file needs fewer: a writer of its own, from opening to the footer, with its n-th
 * allocation failing. It says CC_ERR_NOMEM and is closed, or it never needed that memory and the file is, byte by
 * byte, what it is otherwise. Leaks are for AddressSanitizer to find. */
#include <stdio.h>

#include "parquet/parquet.h"
#include "support/check.h"
#include "support/every_column.h"
#include "support/failing_memory.h"

enum { BATCHES = 3, STRIDE = CC_TIGHT ? 97 : 1 }; /* tight buffers grow at every byte */

static cc_status write_file(const every_column *s, const struct ArrowArray *batches,
                            const cc_parquet_options *options, cc_buffer *out, cc_error *error) {
    cc_parquet *parquet = NULL;
    cc_status status = cc_parquet_open(&s->root, options, &parquet, error);
    CHECK((parquet != NULL) == (status == CC_OK));
    for (size_t i = 0; status == CC_OK && i < BATCHES; i++) {
        status = cc_parquet_append(parquet, &batches[i], error);
        if (status == CC_OK && i == 1)
            status = cc_parquet_end_group(parquet, out, error);
    }
    if (status == CC_OK)
        status = cc_parquet_finish(parquet, cc_bytes_text("key"), cc_bytes_text("value"), out, error);
    cc_parquet_close(parquet);
    return status;
}

static uint64_t points, not_needed;

static void sweep(const every_column *s, const struct ArrowArray *batches, const cc_parquet_options *options,
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
        cc_parquet_options options = {
            .codec = kind & 1,
            .compress = every_column_halve,
            .dictionary = (kind & 2) != 0,
            .v2 = (kind & 4) != 0,
            .page_bytes = 250,
            .dictionary_bytes = 700,
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
