/* texts.c: texts and bytes, end to end with their lengths, or as indices of a dictionary.
 *
 *   direct       DATA: the bytes            | LENGTH: of each value
 *   dictionary   DATA: an index a value     | LENGTH: of each word | WORDS: the words' bytes, sorted
 *
 * Where dictionaries are tried, the texts of a stripe are indexed as they come; at its end it shows whether few enough
 * of them are distinct. */
#include <stdlib.h>

#include "orc/internal.h"

/* ---- as they come ---- */

/* `rising`: each lies behind the one before it. */
static cc_status write_direct(orc_column *column, const cc_bytes *texts, size_t count, bool rising,
                              const cc_orc_options *options, cc_error *error) {
    int64_t lengths[ORC_STEP];
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        lengths[i] = (int64_t)texts[i].size;
        size += texts[i].size;
    }
    CC_TRY(cc_orc_write_integers(&column->length, lengths, count, false, options, error));
    CC_TRY(cc_orc_stream_room(&column->data, size, error));
    cc_buffer *block = &column->data.block;
    if (rising && texts[count - 1].data + texts[count - 1].size == texts[0].data + size) { /* without a gap */
        if (size != 0)
            memcpy(block->data + block->size, texts[0].data, size);
        block->size += size;
    } else {
        for (size_t i = 0; i < count; i++) {
            if (texts[i].size != 0)
                memcpy(block->data + block->size, texts[i].data, texts[i].size);
            block->size += texts[i].size;
        }
    }
    return cc_orc_stream_settle(&column->data, options, error);
}

static cc_status index_texts(orc_column *column, const cc_bytes *texts, size_t count, cc_error *error) {
    if (cc_buffer_reserve(&column->indices, count * 4) != CC_OK)
        return cc_orc_no_memory(error);
    for (size_t i = 0; i < count; i++) {
        uint32_t index;
        if (column->dictionary.values.size + texts[i].size + 4 > UINT32_MAX)
            return cc_fail(error, CC_ERR_LIMIT, "column %s: more than 4 GiB of texts in one stripe",
                           column->name);
        if (cc_dictionary_index_text(&column->dictionary, texts[i], &index) != CC_OK)
            return cc_orc_no_memory(error);
        cc_put_u32(column->indices.data + column->indices.size, index);
        column->indices.size += 4;
    }
    return CC_OK;
}

static cc_status append_step(orc_column *column, const cc_bytes *texts, size_t count,
                             const cc_orc_options *options, cc_error *error) {
    if (column->kind == ORC_BINARY) {
        for (size_t i = 0; i < count; i++)
            column->group.sum += texts[i].size;
    } else if (cc_orc_count_texts(&column->group, texts, count) != CC_OK) {
        return cc_orc_no_memory(error);
    }
    for (size_t i = 0; column->bloom && i < count; i++)
        if (cc_orc_bloom_text(&column->hashes, texts[i]) != CC_OK)
            return cc_orc_no_memory(error);
    if (column->in_dictionary)
        return index_texts(column, texts, count, error);
    return write_direct(column, texts, count, true, options, error);
}

cc_status cc_orc_texts_append(orc_column *column, const struct ArrowArray *array, const orc_rows *rows,
                              const cc_orc_options *options, cc_error *error) {
    if (rows->count == 0)
        return CC_OK;
    cc_bytes texts[ORC_STEP];
    const int32_t *offsets = (const int32_t *)array->buffers[1] + array->offset;
    const uint8_t *text = array->buffers[2] != NULL ? array->buffers[2] : (const uint8_t *)"";
    for (size_t at = 0; at < rows->count; at += ORC_STEP) {
        size_t count = rows->count - at < ORC_STEP ? rows->count - at : ORC_STEP;
        for (size_t i = 0; i < count; i++) {
            int64_t place = cc_orc_row(rows, at + i);
            texts[i] = cc_bytes_of(text + offsets[place], (size_t)(offsets[place + 1] - offsets[place]));
        }
        CC_TRY(append_step(column, texts, count, options, error));
    }
    return CC_OK;
}

/* ---- at the end of a stripe ---- */

typedef struct {
    cc_bytes text;
    uint32_t index;
} word;

static int compare_words(const void *a, const void *b) {
    return cc_bytes_compare(((const word *)a)->text, ((const word *)b)->text);
}

/* The words in order; the place that each index has among them. */
static cc_status sort_words(const cc_dictionary *dictionary, word **words_out, uint32_t **places_out) {
    size_t count = dictionary->count;
    word *words = malloc(count * sizeof *words);
    uint32_t *places = malloc(count * sizeof *places);
    *words_out = words;
    *places_out = places;
    if (words == NULL || places == NULL)
        return CC_ERR_NOMEM;
    for (uint32_t i = 0; i < count; i++)
        words[i] = (word){cc_dictionary_text(dictionary, i), i};
    qsort(words, count, sizeof *words, compare_words);
    for (uint32_t i = 0; i < count; i++)
        places[words[i].index] = i;
    return CC_OK;
}

static cc_status write_words(orc_column *column, const word *words, size_t count,
                             const cc_orc_options *options, cc_error *error) {
    int64_t lengths[ORC_STEP];
    for (size_t at = 0; at < count; at += ORC_STEP) {
        size_t some = count - at < ORC_STEP ? count - at : ORC_STEP;
        for (size_t i = 0; i < some; i++) {
            cc_bytes text = words[at + i].text;
            lengths[i] = (int64_t)text.size;
            CC_TRY(cc_orc_stream_write(&column->words, text.data, text.size, options, error));
        }
        CC_TRY(cc_orc_write_integers(&column->length, lengths, some, false, options, error));
    }
    return CC_OK;
}

/* The values from `at` to `end` of one group of rows: indices by `places`, or without it the texts. */
static cc_status write_group(orc_column *column, size_t at, size_t end, const uint32_t *places,
                             const cc_orc_options *options, cc_error *error) {
    CC_TRY(cc_orc_stream_mark(&column->data, error));
    if (places == NULL)
        CC_TRY(cc_orc_stream_mark(&column->length, error));
    const uint8_t *indices = column->indices.data;
    for (; at < end; at += ORC_STEP) {
        size_t count = end - at < ORC_STEP ? end - at : ORC_STEP;
        int64_t values[ORC_STEP];
        cc_bytes texts[ORC_STEP];
        if (places != NULL) {
            for (size_t i = 0; i < count; i++)
                values[i] = places[cc_get_u32(indices + (at + i) * 4)];
            CC_TRY(cc_orc_write_integers(&column->data, values, count, false, options, error));
            continue;
        }
        for (size_t i = 0; i < count; i++)
            texts[i] = cc_dictionary_text(&column->dictionary, cc_get_u32(indices + (at + i) * 4));
        CC_TRY(write_direct(column, texts, count, false, options, error));
    }
    return CC_OK;
}

cc_status cc_orc_texts_end(orc_column *column, const cc_orc_options *options, cc_error *error) {
    if (!column->in_dictionary)
        return CC_OK;
    size_t values = column->indices.size / 4, groups = column->index_marks.size / 8;
    column->in_dictionary = values != 0 &&
                            column->dictionary.count <= options->dictionary_threshold * (double)values;
    word *words = NULL;
    uint32_t *places = NULL;
    cc_status status = CC_OK;
    if (column->in_dictionary) {
        CC_TRY_GOTO(cc_orc_memory(sort_words(&column->dictionary, &words, &places), error));
        CC_TRY_GOTO(write_words(column, words, column->dictionary.count, options, error));
    }
    for (size_t i = 0; i < groups; i++) {
        size_t at = (size_t)cc_get_u64(column->index_marks.data + i * 8);
        size_t end = i + 1 < groups ? (size_t)cc_get_u64(column->index_marks.data + (i + 1) * 8) : values;
        CC_TRY_GOTO(write_group(column, at, end, places, options, error));
    }
cleanup:
    free(words);
    free(places);
    return status;
}
