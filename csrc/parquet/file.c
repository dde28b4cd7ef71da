/* file.c: the columns of a schema side by side: batches in, row groups and the footer out. See parquet.h. */
#include <stdlib.h>

#include "base/little.h"
#include "parquet/internal.h"

struct cc_parquet {
    cc_parquet_options options;
    node root;
    cc_parquet_column *columns;
    size_t column_count;
    cc_parquet_scratch scratch;
    uint64_t offset; /* bytes of the file so far */
    uint64_t rows, group_rows;
    cc_buffer groups; /* RowGroups of the footer */
    size_t group_count;
};

static cc_status no_memory(cc_error *error) { return cc_fail(error, CC_ERR_NOMEM, "no memory for a file"); }

/* ---- open ---- */

static size_t leaves_of(const node *at) {
    size_t count = at->kind == NODE_LEAF;
    for (uint32_t i = 0; i < at->child_count; i++)
        count += leaves_of(&at->children[i]);
    return count;
}

/* A column for each leaf below `at`, which `path` leads to. */
static void open_columns(cc_parquet *parquet, const node *at, step *path, size_t steps) {
    if (at->kind == NODE_LEAF) {
        cc_parquet_column *column = &parquet->columns[parquet->column_count++];
        column->options = &parquet->options;
        column->leaf = at;
        column->steps = steps;
        memcpy(column->path, path, steps * sizeof *path);
        for (size_t i = 0; i < steps; i++) {
            bool many = path[i].at->kind == NODE_LIST || path[i].at->kind == NODE_MAP;
            column->max_repetition = (uint8_t)(column->max_repetition + many);
            column->max_definition = (uint8_t)(column->max_definition + many + path[i].at->nullable);
        }
        cc_parquet_column_start(column);
        return;
    }
    for (uint32_t i = 0; i < at->child_count; i++) {
        path[steps] = (step){&at->children[i], i};
        open_columns(parquet, &at->children[i], path, steps + 1);
    }
}

cc_status cc_parquet_open(const struct ArrowSchema *schema, const cc_parquet_options *options,
                          cc_parquet **parquet_out, cc_error *error) {
    cc_parquet *parquet = calloc(1, sizeof *parquet);
    if (parquet == NULL)
        return no_memory(error);
    parquet->options = *options;
    step path[CC_PARQUET_STEPS];
    cc_status status = cc_parquet_node_open(schema, 0, &parquet->root, error);
    if (status == CC_OK && parquet->root.kind != NODE_STRUCT)
        status = cc_fail(error, CC_ERR_ARGUMENT, "the schema of a file is a struct of fields");
    if (status == CC_OK) {
        parquet->columns = calloc(leaves_of(&parquet->root), sizeof *parquet->columns);
        status = parquet->columns == NULL ? no_memory(error) : CC_OK;
    }
    if (status != CC_OK) {
        cc_parquet_close(parquet);
        return status;
    }
    open_columns(parquet, &parquet->root, path, 0);
    *parquet_out = parquet;
    return CC_OK;
}

void cc_parquet_close(cc_parquet *parquet) {
    if (parquet == NULL)
        return;
    for (size_t i = 0; i < parquet->column_count; i++)
        cc_parquet_column_free(&parquet->columns[i]);
    free(parquet->columns);
    cc_parquet_node_free(&parquet->root);
    cc_parquet_levels_free(&parquet->scratch.levels);
    cc_buffer_free(&parquet->scratch.gathered);
    cc_buffer_free(&parquet->scratch.body);
    cc_buffer_free(&parquet->scratch.packed);
    cc_buffer_free(&parquet->groups);
    free(parquet);
}

/* ---- rows ---- */

cc_status cc_parquet_append(cc_parquet *parquet, const struct ArrowArray *batch, cc_error *error) {
    if (batch->n_children != parquet->root.child_count)
        return cc_fail(error, CC_ERR_ARGUMENT, "the batch is not of the file's schema");
    for (size_t i = 0; i < parquet->column_count; i++)
        CC_TRY(cc_parquet_column_append(&parquet->columns[i], batch, &parquet->scratch, error));
    parquet->group_rows += (uint64_t)batch->length;
    return CC_OK;
}

uint64_t cc_parquet_group_bytes(const cc_parquet *parquet) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < parquet->column_count; i++) {
        const cc_parquet_column *column = &parquet->columns[i];
        bytes += column->raw_bytes + column->values.size + column->dictionary.values.size;
    }
    return bytes;
}

/* Bytes of the finished pages. */
static size_t pages_of(const cc_parquet *parquet) {
    size_t bytes = 0;
    for (size_t i = 0; i < parquet->column_count; i++)
        bytes += parquet->columns[i].pages.size;
    return bytes;
}

static cc_status begin(cc_parquet *parquet, cc_buffer *out, cc_error *error) {
    if (parquet->offset != 0)
        return CC_OK;
    parquet->offset = 4;
    return cc_buffer_append(out, "PAR1", 4) == CC_OK ? CC_OK : no_memory(error);
}

cc_status cc_parquet_end_group(cc_parquet *parquet, cc_buffer *out, cc_error *error) {
    if (parquet->group_rows == 0)
        return CC_OK;
    CC_TRY(begin(parquet, out, error));
    if (cc_buffer_reserve(out, pages_of(parquet)) != CC_OK)
        return no_memory(error);
    uint64_t first = parquet->offset, raw_total = 0, raw;
    cc_thrift thrift = cc_thrift_begin(&parquet->groups);
    cc_thrift_open(&thrift, 0);
    cc_thrift_list(&thrift, 1, CC_THRIFT_STRUCT, parquet->column_count);
    for (size_t i = 0; i < parquet->column_count; i++) {
        size_t before = out->size;
        cc_parquet_column *column = &parquet->columns[i];
        CC_TRY(cc_parquet_column_end(column, parquet->offset, &parquet->scratch, out, &thrift, &raw, error));
        cc_parquet_column_start(column);
        parquet->offset += out->size - before;
        raw_total += raw;
    }
    cc_thrift_i64(&thrift, 2, (int64_t)raw_total);
    cc_thrift_i64(&thrift, 3, (int64_t)parquet->group_rows);
    cc_thrift_i64(&thrift, 5, (int64_t)first);
    cc_thrift_i64(&thrift, 6, (int64_t)(parquet->offset - first));
    if (parquet->group_count <= INT16_MAX)
        cc_thrift_i16(&thrift, 7, (int16_t)parquet->group_count);
    cc_thrift_end(&thrift);
    parquet->group_count++;
    parquet->rows += parquet->group_rows;
    parquet->group_rows = 0;
    return thrift.status == CC_OK ? CC_OK : no_memory(error);
}

/* ---- the end ---- */

cc_status cc_parquet_finish(cc_parquet *parquet, cc_bytes key, cc_bytes value, cc_buffer *out,
                            cc_error *error) {
    CC_TRY(cc_parquet_end_group(parquet, out, error));
    CC_TRY(begin(parquet, out, error));
    size_t start = out->size;
    cc_thrift thrift = cc_thrift_begin(out);
    cc_thrift_i32(&thrift, 1, 2);
    cc_parquet_schema_write(&parquet->root, &thrift);
    cc_thrift_i64(&thrift, 3, (int64_t)parquet->rows);
    cc_thrift_list(&thrift, 4, CC_THRIFT_STRUCT, parquet->group_count);
    if (cc_buffer_append(out, parquet->groups.data, parquet->groups.size) != CC_OK)
        return no_memory(error);
    if (key.size != 0) {
        cc_thrift_list(&thrift, 5, CC_THRIFT_STRUCT, 1);
        cc_thrift_open(&thrift, 0);
        cc_thrift_binary(&thrift, 1, key);
        cc_thrift_binary(&thrift, 2, value);
        cc_thrift_end(&thrift);
    }
    cc_thrift_binary(&thrift, 6, cc_bytes_text("cloudcore version 1.0.0 (build 1)"));
    cc_thrift_list(&thrift, 7, CC_THRIFT_STRUCT, parquet->column_count);
    for (size_t i = 0; i < parquet->column_count; i++) {
        cc_thrift_open(&thrift, 0);
        cc_thrift_empty(&thrift, 1); /* ordered as its type defines */
        cc_thrift_end(&thrift);
    }
    cc_thrift_end(&thrift);
    uint8_t tail[8] = {0, 0, 0, 0, 'P', 'A', 'R', '1'};
    cc_put_u32(tail, (uint32_t)(out->size - start));
    if (thrift.status != CC_OK || cc_buffer_append(out, tail, sizeof tail) != CC_OK)
        return no_memory(error);
    return CC_OK;
}
