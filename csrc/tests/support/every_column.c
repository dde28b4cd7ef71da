/* every_column.c: see every_column.h. */
#include <stdio.h>
#include <stdlib.h>

#include "support/check.h"
#include "support/every_column.h"

static struct ArrowSchema leaf(const char *name, const char *format) {
    return (struct ArrowSchema){.format = format, .name = name, .flags = ARROW_FLAG_NULLABLE};
}

void every_column_make(every_column *s) {
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

void every_column_fill(cc_columns *columns, int batch) {
    char json[900];
    for (int row = 0; row < EVERY_ROWS; row++) {
        int n = batch * EVERY_ROWS + row;
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

cc_status every_column_halve(void *context, cc_bytes block, cc_buffer *out, cc_error *error) {
    (void)context;
    uint8_t *work = malloc(block.size + 1);
    cc_status status = work == NULL ? CC_ERR_NOMEM : CC_OK;
    for (size_t i = 0; status == CC_OK && i < block.size; i += 2)
        status = cc_buffer_append_byte(out, block.data[i]);
    free(work);
    return status == CC_OK ? CC_OK : cc_fail(error, CC_ERR_NOMEM, "out of memory");
}
