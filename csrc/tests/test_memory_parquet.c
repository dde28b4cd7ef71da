/* test_memory_parquet.c: every allocation of a Parquet file fails once, alone and with all that follow it.
 *
 * For n = 1, 2, ... until the file needs fewer: a writer of its own, from opening to the footer, with its n-th
 * allocation failing. It says CC_ERR_NOMEM and is closed, or it never needed that memory and the file is, byte by
 * byte, what it is otherwise. Leaks are for AddressSanitizer to find. */
#include <stdio.h>
#include <stdlib.h>

#include "ingest/columns.h"
#include "parquet/parquet.h"
#include "support/check.h"
#include "support/failing_memory.h"

enum { BATCHES = 3, ROWS = 40, STRIDE = CC_TIGHT ? 97 : 1 }; /* tight buffers grow at every byte */

static struct ArrowSchema leaf(const char *name, const char *format) {
    return (struct ArrowSchema){.format = format, .name = name, .flags = ARROW_FLAG_NULLABLE};
}

/* Every kind of column that a writer knows, and trees of them. */
typedef struct {
    struct ArrowSchema root, flat[15], point, x, tags, tag, pairs, entry, key, value, deep, inner, inmost;
    struct ArrowSchema *in_root[19], *in_point[1], *in_tags[1], *in_pairs[1], *in_entry[2], *in_deep[1],
        *in_inner[1];
} schemas;

static void schemas_make(schemas *s) {
    static const char *const formats[15] = {"l", "i", "s", "c",   "f",    "g",       "u",    "z",
                                            "b", "u", "l", "tdD", "tsm:", "tsn:UTC", "d:9,2"};
    static const char *const names[15] = {"a", "b", "c", "d", "e", "f", "g", "h",
                                          "i", "j", "k", "l", "m", "n", "o"};
    s->root = leaf("", "+s");
    for (size_t i = 0; i < 15; i++) {
        s->flat[i] = leaf(names[i], formats[i]);
        s->in_root[i] = &s->flat[i];
    }
    s->point = leaf("point", "+s"), s->x = leaf("x", "g"), s->in_point[0] = &s->x;
    s->point.n_children = 1, s->point.children = s->in_point;
    s->tags = leaf("tags", "+l"), s->tag = leaf("item", "u"), s->in_tags[0] = &s->tag;
    s->tags.n_children = 1, s->tags.children = s->in_tags;
    s->pairs = leaf("pairs", "+m"), s->entry = leaf("entries", "+s"), s->key = leaf("key", "u"),
    s->value = leaf("value", "l");
    s->entry.flags = s->key.flags = 0;
    s->in_pairs[0] = &s->entry, s->in_entry[0] = &s->key, s->in_entry[1] = &s->value;
    s->pairs.n_children = 1, s->pairs.children = s->in_pairs;
    s->entry.n_children = 2, s->entry.children = s->in_entry;
    s->deep = leaf("deep", "+l"), s->inner = leaf("item", "+l"), s->inmost = leaf("item", "i");
    s->in_deep[0] = &s->inner, s->in_inner[0] = &s->inmost;
    s->deep.n_children = 1, s->deep.children = s->in_deep;
    s->inner.n_children = 1, s->inner.children = s->in_inner;
    struct ArrowSchema *trees[4] = {&s->point, &s->tags, &s->pairs, &s->deep};
    memcpy(&s->in_root[15], trees, sizeof trees);
    s->root.n_children = 19, s->root.children = s->in_root;
}

static void fill(cc_columns *columns, int batch) {
    char json[900];
    for (int row = 0; row < ROWS; row++) {
        int n = batch * ROWS + row;
        if (row % 11 == 0)
            snprintf(json, sizeof json, "{}");
        else
            snprintf(
                json, sizeof json,
                "{\"a\":%d,\"b\":%d,\"c\":%d,\"d\":%d,\"e\":%d.5,\"f\":%d.25,\"g\":\"word%d\",\"h\":\"%06dAA\","
                "\"i\":%s,\"j\":\"a text that is never the same twice, number %d\",\"k\":%d,"
                "\"l\":\"2026-01-%02d\",\"m\":\"2026-01-01T00:00:%02d\",\"n\":\"2026-01-01T00:%02d:00Z\","
                "\"o\":%d.25,\"point\":{\"x\":%d},\"tags\":[\"t%d\",null],\"pairs\":{\"k%d\":%d},"
                "\"deep\":[[%d,%d],[],null]}",
                n, n % 7, n % 300, n % 100, n, n, n % 5, n * 79, n % 3 ? "true" : "false", n, n % 2,
                n % 28 + 1, n % 60, n % 60, n, n, n % 9, n % 4, n, n, n + 1);
        CHECK_OK(cc_columns_append(columns, cc_bytes_text(json), NULL));
    }
}

/* A codec that takes memory of its own and fails as one does. */
static cc_status halve(void *context, cc_bytes page, cc_buffer *out, cc_error *error) {
    (void)context;
    uint8_t *work = malloc(page.size + 1);
    cc_status status = work == NULL ? CC_ERR_NOMEM : CC_OK;
    for (size_t i = 0; status == CC_OK && i < page.size; i += 2)
        status = cc_buffer_append_byte(out, page.data[i]);
    free(work);
    return status == CC_OK ? CC_OK : cc_fail(error, CC_ERR_NOMEM, "out of memory");
}

static cc_status write_file(const schemas *s, const struct ArrowArray *batches,
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

static void sweep(const schemas *s, const struct ArrowArray *batches, const cc_parquet_options *options,
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
    schemas s;
    cc_columns *columns = NULL;
    struct ArrowArray batches[BATCHES];
    schemas_make(&s);
    CHECK_OK(cc_columns_open(&s.root, 0, &columns, NULL));
    for (int i = 0; i < BATCHES; i++) {
        fill(columns, i);
        CHECK_OK(cc_columns_finish(columns, &batches[i], NULL));
    }
    for (int kind = 0; kind < 8; kind++) {
        cc_parquet_options options = {
            .codec = kind & 1,
            .compress = halve,
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
