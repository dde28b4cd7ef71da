/* column.c: one column chunk: batches come in, pages collect, at the end the chunk goes out.
 *
 * Values go through the dictionary in steps of at most STEP entries; after each it is looked at whether that pays.
 * Where it does not, what is in hand is written as it is, and the values that follow are PLAIN. A page ends between
 * two rows. */
#include "base/little.h"
#include "parquet/internal.h"

enum { STEP = 4096, STATISTICS_MAX = 4096, ROWS_MAX = 1 << 20, GROWN = 64 << 10 };

static cc_status no_memory(cc_error *error) { return cc_fail(error, CC_ERR_NOMEM, "no memory for a page"); }

/* ---- values of the leaf's array ---- */

typedef struct {
    const uint8_t *fixed; /* stored form, end to end, from value `first` of the batch on */
    const int32_t *offsets, *index;
    const uint8_t *text, *text_end;
    int64_t first; /* texts that follow each other: the first one */
} source;

/* Of a source of texts. */
static inline cc_bytes text_at(const source *from, size_t at) {
    int64_t place = from->index != NULL ? from->index[at] : from->first + (int64_t)at;
    int32_t start = from->offsets[place], end = from->offsets[place + 1];
    return cc_bytes_of(from->text + start, (size_t)(end - start));
}

/* One value from Arrow's form to the stored one. */
static inline void store_value(const node *leaf, const uint8_t *from, int64_t at, uint8_t *to) {
    int32_t narrow;
    switch (leaf->letter) {
    case 'b':
        *to = from[at >> 3] >> (at & 7) & 1;
        return;
    case 'c':
        narrow = (int32_t)((uint32_t)from[at] ^ 0x80) - 0x80; /* its sign in all bits */
        memcpy(to, &narrow, 4);
        return;
    case 's':
        narrow = (int16_t)cc_get_u16(from + at * 2);
        memcpy(to, &narrow, 4);
        return;
    case 'd':
        for (unsigned i = 0; i < leaf->width; i++)
            to[i] = from[at * 16 + leaf->width - 1 - i];
        return;
    default:
        memcpy(to, from + at * (int64_t)leaf->width, leaf->width);
    }
}

static cc_status gather(const node *leaf, const struct ArrowArray *array, const int32_t *index, int64_t first,
                        size_t count, cc_buffer *out, cc_error *error) {
    cc_buffer_clear(out);
    if (cc_buffer_reserve(out, count * leaf->width + 8) != CC_OK)
        return no_memory(error);
    const uint8_t *from = array->buffers[1];
    uint8_t *to = out->data;
    for (size_t i = 0; i < count; i++, to += leaf->width) {
        store_value(leaf, from, (index != NULL ? index[i] : first + (int64_t)i) + array->offset, to);
        int64_t value;
        if (leaf->factor == 1)
            continue;
        memcpy(&value, to, 8);
        if (__builtin_mul_overflow(value, leaf->factor, &value))
            return cc_fail(error, CC_ERR_ARGUMENT, "column %s: the time is out of range", leaf->name);
        memcpy(to, &value, 8);
    }
    return CC_OK;
}

static cc_status open_source(const node *leaf, const struct ArrowArray *array,
                             const cc_parquet_levels *levels, cc_buffer *gathered, source *out,
                             cc_error *error) {
    bool follow = levels->dense || levels->level != 0;
    const int32_t *index = follow ? NULL : (const int32_t *)(const void *)levels->index.data;
    *out = (source){.index = index, .first = levels->first};
    if (leaf->stored == STORED_BYTES) {
        out->offsets = (const int32_t *)array->buffers[1] + array->offset;
        out->text = array->buffers[2];
        out->text_end = out->text == NULL ? NULL : out->text + out->offsets[array->length];
        return CC_OK;
    }
    if (follow && leaf->read_width == leaf->width && leaf->factor == 1) {
        out->fixed = (const uint8_t *)array->buffers[1] + (levels->first + array->offset) * leaf->width;
        return CC_OK;
    }
    CC_TRY(gather(leaf, array, index, levels->first, levels->value_count, gathered, error));
    out->fixed = gathered->data;
    return CC_OK;
}

/* ---- into the page in hand ---- */

/* Copies of at most 16 bytes at a time where both sides have them: texts are short. */
static inline void copy_text(uint8_t *to, cc_bytes text, const uint8_t *readable) {
    if (text.size <= 32 && (size_t)(readable - text.data) >= 32) {
        memcpy(to, text.data, 16);
        if (text.size > 16)
            memcpy(to + 16, text.data + 16, 16);
        return;
    }
    if (text.size != 0)
        memcpy(to, text.data, text.size);
}

/* Room for values; a page that grows takes all of its memory at once. */
static cc_status reserve_values(cc_parquet_column *column, size_t extra) {
    size_t wanted = column->values.size + extra, page = column->options->page_bytes;
    if (wanted > column->values.capacity && wanted > GROWN && wanted < page + page / 8)
        extra = page + page / 8 - column->values.size;
    return cc_buffer_reserve(&column->values, extra);
}

static cc_status add_plain_texts(cc_parquet_column *column, const source *from, size_t at, size_t count) {
    size_t bytes = 0;
    CC_ASSERT(from->offsets != NULL);
    for (size_t i = at; i < at + count; i++)
        bytes += 4 + text_at(from, i).size;
    CC_TRY(reserve_values(column, bytes + 32));
    uint8_t *to = column->values.data + column->values.size;
    column->values.size += bytes;
    for (size_t i = at; i < at + count; i++) {
        cc_bytes text = text_at(from, i);
        cc_put_u32(to, (uint32_t)text.size);
        copy_text(to + 4, text, from->text_end);
        to += 4 + text.size;
    }
    return cc_parquet_range_texts(&column->range, column->values.data + column->values.size - bytes, count);
}

static cc_status add_values(cc_parquet_column *column, const source *from, size_t at, size_t count) {
    const node *leaf = column->leaf;
    bool texts = leaf->stored == STORED_BYTES;
    column->present += count;
    if (column->in_dictionary) {
        CC_TRY(reserve_values(column, count * 4));
        uint32_t *indices = (uint32_t *)(void *)(column->values.data + column->values.size);
        column->values.size += count * 4;
        column->seen += count;
        if (!texts)
            return cc_dictionary_index_fixed(&column->dictionary, from->fixed + at * leaf->width, count,
                                             indices);
        CC_ASSERT(from->offsets != NULL);
        for (size_t i = 0; i < count; i++)
            CC_TRY(cc_dictionary_index_text(&column->dictionary, text_at(from, at + i), &indices[i]));
        return CC_OK;
    }
    if (texts)
        return add_plain_texts(column, from, at, count);
    const uint8_t *values = from->fixed + at * leaf->width;
    CC_TRY(cc_parquet_range_fixed(&column->range, leaf, values, count));
    CC_TRY(reserve_values(column, count * leaf->width));
    return cc_buffer_append(&column->values, values, count * leaf->width);
}

/* The range of what the dictionary holds. */
static cc_status range_of_dictionary(cc_parquet_column *column) {
    const cc_dictionary *dictionary = &column->dictionary;
    if (column->leaf->stored != STORED_BYTES)
        return cc_parquet_range_fixed(&column->range, column->leaf, dictionary->values.data,
                                      dictionary->count);
    return cc_parquet_range_texts(&column->range, dictionary->values.data, dictionary->count);
}

/* What is in hand goes from indices to PLAIN, and the dictionary with it: no page has used it yet. */
static cc_status leave_dictionary(cc_parquet_column *column, cc_buffer *scratch) {
    const cc_dictionary *dictionary = &column->dictionary;
    size_t width = dictionary->width;
    const uint32_t *indices = (const uint32_t *)(const void *)column->values.data;
    cc_buffer_clear(scratch);
    for (size_t i = 0; i < column->present; i++) {
        if (width != 0) {
            CC_TRY(cc_buffer_append(scratch, dictionary->values.data + indices[i] * width, width));
            continue;
        }
        cc_bytes text = cc_dictionary_text(dictionary, indices[i]);
        CC_TRY(cc_buffer_append(scratch, text.data - 4, text.size + 4));
    }
    CC_TRY(range_of_dictionary(column));
    cc_buffer kept = column->values;
    column->values = *scratch;
    *scratch = kept;
    column->in_dictionary = false;
    cc_dictionary_clear(&column->dictionary);
    return CC_OK;
}

/* Leaves the dictionary where it does not pay: at four distinct values in five, or when it has grown large. */
static cc_status settle(cc_parquet_column *column, cc_parquet_scratch *scratch, cc_error *error) {
    const cc_dictionary *dictionary = &column->dictionary;
    bool large = dictionary->values.size > column->options->dictionary_bytes;
    bool distinct = (uint64_t)dictionary->count * 5 >= column->seen * 4;
    if (!column->in_dictionary || !(distinct || large))
        return CC_OK;
    if (!large && column->seen != 0 && column->seen < STEP) /* too few to tell; no values need none */
        return CC_OK;
    if (distinct && column->dictionary_pages == 0)
        return leave_dictionary(column, &scratch->body) == CC_OK ? CC_OK : no_memory(error);
    CC_TRY(cc_parquet_page_end(column, scratch, error));
    column->in_dictionary = false;
    return CC_OK;
}

/* ---- steps of a batch ---- */

/* Entries from `at` on that the page still takes, at least one row; values begin at `value`. */
static size_t step_end(const cc_parquet_column *column, const cc_parquet_levels *levels, const source *from,
                       size_t at, size_t value) {
    size_t room = column->options->page_bytes > column->values.size
                      ? column->options->page_bytes - column->values.size
                      : 0;
    size_t width = column->leaf->width != 0 ? column->leaf->width : 4, end = levels->count;
    const uint8_t *definition = levels->dense ? NULL : levels->definition.data;
    const uint8_t *repetition = levels->repeated ? levels->repetition.data : NULL;
    if (column->in_dictionary) {
        size_t most = room / 4 < STEP ? room / 4 : STEP;
        end = end - at < most ? end : at + most;
        room = column->options->dictionary_bytes; /* of texts: long ones are to be seen in time */
    }
    if (column->leaf->width == 0) {
        size_t taken = 0, rest = at;
        CC_ASSERT(from->offsets != NULL);
        for (; rest < end && taken < room; rest++)
            if (definition == NULL || definition[rest] == column->max_definition)
                taken += 4 + text_at(from, value++).size;
        end = rest;
    } else if (!column->in_dictionary) {
        end = end - at < room / width ? end : at + room / width;
    }
    size_t rows_left = ROWS_MAX > column->entries ? ROWS_MAX - column->entries : 1;
    end = end - at > rows_left ? at + rows_left : end;
    end = end == at ? at + 1 : end;
    while (repetition != NULL && end < levels->count && repetition[end] != 0)
        end++;
    return end;
}

static cc_status add_levels(cc_parquet_column *column, const cc_parquet_levels *levels, size_t at, size_t end,
                            size_t *values_out) {
    size_t count = end - at;
    *values_out = count;
    column->entries += count;
    column->rows += count;
    if (column->max_definition != 0) {
        CC_TRY(cc_buffer_reserve(&column->definition, count));
        uint8_t *to = column->definition.data + column->definition.size;
        column->definition.size += count;
        if (levels->dense) {
            memset(to, levels->level, count);
        } else {
            memcpy(to, levels->definition.data + at, count);
            size_t present = 0;
            for (size_t i = 0; i < count; i++)
                present += to[i] == column->max_definition;
            *values_out = present;
        }
    }
    if (column->max_repetition != 0) {
        const uint8_t *from = levels->repetition.data + at;
        CC_TRY(cc_buffer_append(&column->repetition, from, count));
        for (size_t i = 0; i < count; i++)
            column->rows -= from[i] != 0;
    }
    return CC_OK;
}

cc_status cc_parquet_column_append(cc_parquet_column *column, const struct ArrowArray *batch,
                                   cc_parquet_scratch *scratch, cc_error *error) {
    const struct ArrowArray *array;
    cc_parquet_levels *levels = &scratch->levels;
    source from;
    CC_TRY(cc_parquet_levels_of(column->path, column->steps, batch, levels, &array, error));
    CC_TRY(open_source(column->leaf, array, levels, &scratch->gathered, &from, error));
    size_t at = 0, value = 0, values;
    while (at < levels->count) {
        size_t end = step_end(column, levels, &from, at, value);
        if (add_levels(column, levels, at, end, &values) != CC_OK ||
            add_values(column, &from, value, values) != CC_OK)
            return no_memory(error);
        at = end;
        value += values;
        if (column->in_dictionary && column->seen != 0)
            CC_TRY(settle(column, scratch, error));
        if (column->values.size >= column->options->page_bytes || column->entries >= ROWS_MAX)
            CC_TRY(cc_parquet_page_end(column, scratch, error));
    }
    return CC_OK;
}

/* ---- the end of the chunk ---- */

static void write_encodings(cc_thrift *thrift, const cc_parquet_column *column) {
    bool dictionary = column->dictionary_pages != 0;
    cc_thrift_list(thrift, 2, CC_THRIFT_I32, dictionary ? 3 : 2);
    cc_thrift_element_i32(thrift, 0);
    cc_thrift_element_i32(thrift, 3);
    if (dictionary)
        cc_thrift_element_i32(thrift, 8);
}

static void write_page_counts(cc_thrift *thrift, const cc_parquet_column *column) {
    int data_page = column->options->v2 ? 3 : 0;
    const struct {
        int page, encoding;
        uint32_t count;
    } all[] = {{2, 0, column->dictionary_pages != 0},
               {data_page, 8, column->dictionary_pages},
               {data_page, 0, column->plain_pages}};
    size_t kinds = 0;
    for (size_t i = 0; i < 3; i++)
        kinds += all[i].count != 0;
    cc_thrift_list(thrift, 13, CC_THRIFT_STRUCT, kinds);
    for (size_t i = 0; i < 3; i++) {
        if (all[i].count == 0)
            continue;
        cc_thrift_open(thrift, 0);
        cc_thrift_i32(thrift, 1, all[i].page);
        cc_thrift_i32(thrift, 2, all[i].encoding);
        cc_thrift_i32(thrift, 3, (int32_t)all[i].count);
        cc_thrift_end(thrift);
    }
}

static void write_statistics(cc_thrift *thrift, const cc_parquet_column *column) {
    const statistics *range = &column->range;
    cc_thrift_open(thrift, 12);
    cc_thrift_i64(thrift, 3, (int64_t)column->null_count);
    if (range->any && range->least.size <= STATISTICS_MAX && range->most.size <= STATISTICS_MAX) {
        cc_thrift_binary(thrift, 5, cc_buffer_bytes(&range->most));
        cc_thrift_binary(thrift, 6, cc_buffer_bytes(&range->least));
    }
    cc_thrift_end(thrift);
}

/* A ColumnChunk. */
static void write_metadata(cc_thrift *thrift, const cc_parquet_column *column, uint64_t offset,
                           uint64_t dictionary_size, uint64_t size) {
    cc_bytes names[2 * CC_PARQUET_STEPS];
    size_t count = cc_parquet_path(column->path, column->steps, names);
    cc_thrift_open(thrift, 0);
    cc_thrift_i64(thrift, 2, 0);
    cc_thrift_open(thrift, 3);
    cc_thrift_i32(thrift, 1, (int32_t)column->leaf->stored);
    write_encodings(thrift, column);
    cc_thrift_list(thrift, 3, CC_THRIFT_BINARY, count);
    for (size_t i = 0; i < count; i++)
        cc_thrift_element_binary(thrift, names[i]);
    cc_thrift_i32(thrift, 4, column->options->codec);
    cc_thrift_i64(thrift, 5, (int64_t)column->entry_count);
    cc_thrift_i64(thrift, 6, (int64_t)column->raw_bytes);
    cc_thrift_i64(thrift, 7, (int64_t)size);
    cc_thrift_i64(thrift, 9, (int64_t)(offset + dictionary_size));
    if (dictionary_size != 0)
        cc_thrift_i64(thrift, 11, (int64_t)offset);
    write_statistics(thrift, column);
    write_page_counts(thrift, column);
    cc_thrift_end(thrift);
    cc_thrift_end(thrift);
}

cc_status cc_parquet_column_end(cc_parquet_column *column, uint64_t offset, cc_parquet_scratch *scratch,
                                cc_buffer *out, cc_thrift *thrift, uint64_t *raw_out, cc_error *error) {
    size_t begin = out->size;
    CC_TRY(settle(column, scratch, error));
    CC_TRY(cc_parquet_page_end(column, scratch, error));
    if (column->dictionary_pages != 0) {
        if (range_of_dictionary(column) != CC_OK)
            return no_memory(error);
        CC_TRY(cc_parquet_dictionary_page(column, scratch, out, error));
    }
    size_t dictionary_size = out->size - begin;
    if (cc_buffer_append(out, column->pages.data, column->pages.size) != CC_OK)
        return no_memory(error);
    cc_buffer_free(&column->pages); /* the row group is in `out` now: not twice in memory */
    write_metadata(thrift, column, offset, dictionary_size, out->size - begin);
    *raw_out = column->raw_bytes;
    return CC_OK;
}

void cc_parquet_column_start(cc_parquet_column *column) {
    column->in_dictionary = column->options->dictionary && column->leaf->stored != STORED_BOOL;
    column->dictionary.width = column->leaf->width;
    column->dictionary.seed = column->options->seed;
    cc_dictionary_clear(&column->dictionary);
    cc_buffer_clear(&column->pages);
    column->dictionary_pages = column->plain_pages = 0;
    column->entry_count = column->null_count = column->raw_bytes = column->seen = 0;
    column->range.any = false;
}

void cc_parquet_column_free(cc_parquet_column *column) {
    cc_buffer_free(&column->definition);
    cc_buffer_free(&column->repetition);
    cc_buffer_free(&column->values);
    cc_buffer_free(&column->pages);
    cc_buffer_free(&column->range.least);
    cc_buffer_free(&column->range.most);
    cc_dictionary_free(&column->dictionary);
}
