/* column.c: one column of the tree: its nulls, then what is there goes on to its values or its children.
 *
 * What a column is given are rows of its array; nulls, and the elements of lists, make rows of the next array of them.
 * While they follow each other nothing is written down. */
#include <stdlib.h>

#include "orc/internal.h"

static bool all_valid(const struct ArrowArray *array) {
    return array->null_count == 0 || array->n_buffers == 0 || array->buffers[0] == NULL;
}

/* The rows that are not null, which stay in `chosen`. */
static cc_status pass_nulls(orc_column *column, const struct ArrowArray *array, orc_rows *rows,
                            cc_error *error) {
    if (all_valid(array))
        return cc_orc_memory(cc_orc_bits_ones(&column->present, rows->count), error);
    if (cc_orc_bits_room(&column->present, rows->count) != CC_OK)
        return cc_orc_no_memory(error);
    cc_buffer_clear(&column->chosen);
    if (cc_buffer_reserve(&column->chosen, rows->count * 4 + 1) != CC_OK)
        return cc_orc_no_memory(error);
    const uint8_t *bits = array->buffers[0];
    int32_t *chosen = (int32_t *)(void *)column->chosen.data;
    size_t count = 0;
    for (size_t i = 0; i < rows->count; i++) {
        int64_t at = cc_orc_row(rows, i), place = at + array->offset;
        bool there = (bits[place >> 3] >> (place & 7) & 1) != 0;
        cc_orc_bit(&column->present, there);
        chosen[count] = (int32_t)at;
        count += there;
    }
    if (count == rows->count)
        return CC_OK;
    column->group.nulls = true;
    *rows = (orc_rows){.index = chosen, .count = count};
    return CC_OK;
}

/* Rows of a struct as rows of its children. */
static cc_status append_struct(orc_column *column, const struct ArrowArray *array, orc_rows rows,
                               const cc_orc_options *options, cc_error *error) {
    if (array->offset != 0 && rows.index == NULL) {
        rows.first += array->offset;
    } else if (array->offset != 0) {
        cc_buffer_clear(&column->elements);
        if (cc_buffer_reserve(&column->elements, rows.count * 4 + 1) != CC_OK)
            return cc_orc_no_memory(error);
        int32_t *moved = (int32_t *)(void *)column->elements.data;
        for (size_t i = 0; i < rows.count; i++)
            moved[i] = (int32_t)(rows.index[i] + array->offset);
        rows.index = moved;
    }
    for (uint32_t i = 0; i < column->child_count; i++)
        CC_TRY(cc_orc_column_append(column->children[i], array->children[i], rows, options, error));
    return CC_OK;
}

cc_status cc_orc_lengths(orc_column *column, const int32_t *offsets, const orc_rows *rows,
                         const cc_orc_options *options, cc_error *error) {
    int64_t lengths[ORC_STEP];
    for (size_t at = 0; at < rows->count; at += ORC_STEP) {
        size_t count = rows->count - at < ORC_STEP ? rows->count - at : ORC_STEP;
        for (size_t i = 0; i < count; i++) {
            int64_t place = cc_orc_row(rows, at + i);
            lengths[i] = offsets[place + 1] - offsets[place];
        }
        cc_orc_count_integers(&column->group, lengths, count);
        CC_TRY(cc_orc_write_integers(&column->length, lengths, count, false, options, error));
    }
    return CC_OK;
}

/* The elements of the lists, moved by the offset of a map's entries. */
static cc_status elements_of(orc_column *column, const int32_t *offsets, const orc_rows *rows, int64_t moved,
                             orc_rows *elements_out, cc_error *error) {
    size_t total = 0;
    bool follow = true;
    int32_t next = 0;
    for (size_t i = 0; i < rows->count; i++) {
        int64_t place = cc_orc_row(rows, i);
        size_t size = (size_t)(offsets[place + 1] - offsets[place]);
        if (size == 0)
            continue;
        follow = follow && (total == 0 || offsets[place] == next);
        next = offsets[place + 1];
        total += size;
    }
    *elements_out = (orc_rows){.first = moved + next - (int64_t)total, .count = total};
    if (follow)
        return CC_OK;
    cc_buffer_clear(&column->elements);
    if (cc_buffer_reserve(&column->elements, total * 4) != CC_OK)
        return cc_orc_no_memory(error);
    int32_t *to = (int32_t *)(void *)column->elements.data;
    elements_out->index = to;
    for (size_t i = 0; i < rows->count; i++) {
        int64_t place = cc_orc_row(rows, i);
        for (int64_t at = offsets[place]; at < offsets[place + 1]; at++)
            *to++ = (int32_t)(at + moved);
    }
    return CC_OK;
}

static cc_status append_lists(orc_column *column, const struct ArrowArray *array, orc_rows rows,
                              const cc_orc_options *options, cc_error *error) {
    if (rows.count == 0)
        return CC_OK;
    const int32_t *offsets = (const int32_t *)array->buffers[1] + array->offset;
    const struct ArrowArray *inner = array->children[0];
    bool map = column->kind == ORC_MAP;
    orc_rows elements;
    CC_TRY(cc_orc_lengths(column, offsets, &rows, options, error));
    CC_TRY(elements_of(column, offsets, &rows, map ? inner->offset : 0, &elements, error));
    if (!map)
        return cc_orc_column_append(column->children[0], inner, elements, options, error);
    CC_TRY(cc_orc_column_append(column->children[0], inner->children[0], elements, options, error));
    return cc_orc_column_append(column->children[1], inner->children[1], elements, options, error);
}

cc_status cc_orc_column_append(orc_column *column, const struct ArrowArray *array, orc_rows rows,
                               const cc_orc_options *options, cc_error *error) {
    CC_TRY(pass_nulls(column, array, &rows, error));
    column->group.count += rows.count;
    switch (column->kind) {
    case ORC_STRUCT:
        return append_struct(column, array, rows, options, error);
    case ORC_LIST:
    case ORC_MAP:
        return append_lists(column, array, rows, options, error);
    case ORC_STRING:
    case ORC_BINARY:
        return cc_orc_texts_append(column, array, &rows, options, error);
    default:
        return cc_orc_values_append(column, array, &rows, options, error);
    }
}

static void clear_bits(orc_bits *bits) {
    bits->count = bits->zeros = 0;
    cc_buffer_clear(&bits->bits);
    cc_buffer_clear(&bits->marks);
}

void cc_orc_column_clear(orc_column *column) {
    orc_stream *streams[] = {&column->present_stream, &column->data, &column->length, &column->second,
                             &column->words};
    for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++)
        cc_orc_stream_clear(streams[i]);
    clear_bits(&column->present);
    clear_bits(&column->truths);
    cc_dictionary_clear(&column->dictionary);
    cc_buffer_clear(&column->indices);
    cc_buffer_clear(&column->index_marks);
    cc_buffer_clear(&column->entries);
    cc_buffer_clear(&column->filters);
    cc_orc_statistics_clear(&column->stripe);
}

void cc_orc_column_free(orc_column *column) {
    orc_stream *streams[] = {&column->present_stream, &column->data, &column->length, &column->second,
                             &column->words};
    cc_buffer *buffers[] = {&column->present.bits, &column->present.marks, &column->truths.bits,
                            &column->truths.marks, &column->indices,       &column->index_marks,
                            &column->entries,      &column->hashes,        &column->filters,
                            &column->chosen,       &column->elements};
    for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++)
        cc_orc_stream_free(streams[i]);
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++)
        cc_buffer_free(buffers[i]);
    cc_dictionary_free(&column->dictionary);
    cc_orc_statistics_free(&column->group);
    cc_orc_statistics_free(&column->stripe);
    cc_orc_statistics_free(&column->file);
    free(column->children);
    free(column->name);
}
