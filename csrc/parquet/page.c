/* page.c: what a column has gathered becomes a page: header (thrift), levels, values.
 *
 *   data page 1   codec( [u32 size, repetition levels] [u32 size, definition levels] values )
 *   data page 2   repetition levels | definition levels | codec( values )
 *
 * Values are PLAIN, or the width of an index and the hybrid of pack.c (RLE_DICTIONARY). Levels that can only be 0
 * are not written. */
#include "base/little.h"
#include "parquet/internal.h"

enum { PLAIN = 0, RLE = 3, RLE_DICTIONARY = 8 };
enum { DATA_PAGE = 0, DICTIONARY_PAGE = 2, DATA_PAGE_V2 = 3 };

static cc_status no_memory(cc_error *error) { return cc_fail(error, CC_ERR_NOMEM, "no memory for a page"); }

static cc_status put_levels(const cc_buffer *levels, size_t count, uint8_t most, bool sized,
                            cc_buffer *body) {
    if (most == 0)
        return CC_OK;
    size_t before = body->size;
    if (sized)
        CC_TRY(cc_buffer_append(body, "\0\0\0", 4));
    CC_TRY(cc_parquet_pack_levels(levels->data, count, cc_parquet_width(most), body));
    if (sized)
        cc_put_u32(body->data + before, (uint32_t)(body->size - before - 4));
    return CC_OK;
}

static cc_status put_values(const cc_parquet_column *column, cc_buffer *body) {
    if (column->in_dictionary) {
        unsigned width = cc_parquet_width(column->dictionary.count > 0 ? column->dictionary.count - 1 : 0);
        width = width == 0 ? 1 : width; /* some readers do not take a width of 0 */
        CC_TRY(cc_buffer_append_byte(body, (uint8_t)width));
        return cc_parquet_pack_indices((const uint32_t *)(const void *)column->values.data, column->present,
                                       width, body);
    }
    if (column->leaf->stored == STORED_BOOL)
        return cc_parquet_pack_bits(column->values.data, column->present, body);
    return cc_buffer_append(body, column->values.data, column->values.size);
}

/* The compressed form of `page`, behind `plain` bytes that stay as they are; `packed` holds both. */
static cc_status compress(const cc_parquet_column *column, cc_bytes page, size_t plain, cc_buffer *packed,
                          cc_error *error) {
    cc_buffer_clear(packed);
    if (cc_buffer_append(packed, page.data, column->options->codec == 0 ? page.size : plain) != CC_OK)
        return no_memory(error);
    if (column->options->codec == 0)
        return CC_OK;
    return column->options->compress(column->options->context,
                                     cc_bytes_of(page.data + plain, page.size - plain), packed, error);
}

static cc_status put_page(cc_parquet_column *column, cc_buffer *out, size_t header_at,
                          const cc_buffer *packed, size_t body_size) {
    column->raw_bytes += out->size - header_at + body_size;
    return cc_buffer_append(out, packed->data, packed->size);
}

static void write_header(cc_thrift *thrift, const cc_parquet_column *column, size_t repetition,
                         size_t definition) {
    int encoding = column->in_dictionary ? RLE_DICTIONARY : PLAIN;
    cc_thrift_open(thrift, column->options->v2 ? 8 : 5);
    cc_thrift_i32(thrift, 1, (int32_t)column->entries);
    if (column->options->v2) {
        cc_thrift_i32(thrift, 2, (int32_t)(column->entries - column->present));
        cc_thrift_i32(thrift, 3, (int32_t)column->rows);
        cc_thrift_i32(thrift, 4, encoding);
        cc_thrift_i32(thrift, 5, (int32_t)definition);
        cc_thrift_i32(thrift, 6, (int32_t)repetition);
        cc_thrift_bool(thrift, 7, column->options->codec != 0);
    } else {
        cc_thrift_i32(thrift, 2, encoding);
        cc_thrift_i32(thrift, 3, RLE);
        cc_thrift_i32(thrift, 4, RLE);
    }
    cc_thrift_end(thrift);
    cc_thrift_end(thrift);
}

cc_status cc_parquet_page_end(cc_parquet_column *column, cc_parquet_scratch *scratch, cc_error *error) {
    if (column->entries == 0)
        return CC_OK;
    bool v2 = column->options->v2;
    cc_buffer *body = &scratch->body;
    cc_buffer_clear(body);
    if (put_levels(&column->repetition, column->entries, column->max_repetition, !v2, body) != CC_OK)
        return no_memory(error);
    size_t repetition = body->size;
    if (put_levels(&column->definition, column->entries, column->max_definition, !v2, body) != CC_OK)
        return no_memory(error);
    size_t levels = body->size;
    if (put_values(column, body) != CC_OK)
        return no_memory(error);
    if (body->size > INT32_MAX)
        return cc_fail(error, CC_ERR_LIMIT, "column %s: a page holds 2 GiB", column->leaf->name);
    CC_TRY(compress(column, cc_buffer_bytes(body), v2 ? levels : 0, &scratch->packed, error));

    size_t header_at = column->pages.size;
    cc_thrift thrift = cc_thrift_begin(&column->pages);
    cc_thrift_i32(&thrift, 1, v2 ? DATA_PAGE_V2 : DATA_PAGE);
    cc_thrift_i32(&thrift, 2, (int32_t)body->size);
    cc_thrift_i32(&thrift, 3, (int32_t)scratch->packed.size);
    write_header(&thrift, column, repetition, levels - repetition);
    if (thrift.status != CC_OK ||
        put_page(column, &column->pages, header_at, &scratch->packed, body->size) != CC_OK)
        return no_memory(error);

    *(column->in_dictionary ? &column->dictionary_pages : &column->plain_pages) += 1;
    column->entry_count += column->entries;
    column->null_count += column->entries - column->present;
    column->entries = column->rows = column->present = 0;
    cc_buffer_clear(&column->values);
    cc_buffer_clear(&column->definition);
    cc_buffer_clear(&column->repetition);
    return CC_OK;
}

cc_status cc_parquet_dictionary_page(cc_parquet_column *column, cc_parquet_scratch *scratch, cc_buffer *out,
                                     cc_error *error) {
    const cc_buffer *values = &column->dictionary.values;
    CC_TRY(compress(column, cc_buffer_bytes(values), 0, &scratch->packed, error));
    size_t header_at = out->size;
    cc_thrift thrift = cc_thrift_begin(out);
    cc_thrift_i32(&thrift, 1, DICTIONARY_PAGE);
    cc_thrift_i32(&thrift, 2, (int32_t)values->size);
    cc_thrift_i32(&thrift, 3, (int32_t)scratch->packed.size);
    cc_thrift_open(&thrift, 7);
    cc_thrift_i32(&thrift, 1, (int32_t)column->dictionary.count);
    cc_thrift_i32(&thrift, 2, PLAIN);
    cc_thrift_end(&thrift);
    cc_thrift_end(&thrift);
    if (thrift.status != CC_OK || put_page(column, out, header_at, &scratch->packed, values->size) != CC_OK)
        return no_memory(error);
    return CC_OK;
}
