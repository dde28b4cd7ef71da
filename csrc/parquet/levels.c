/* levels.c: from the rows of a batch down to the values of one leaf (Dremel's levels).
 *
 * Entries begin as the rows. A nullable node adds 1 to the definition level of what is there; a list puts its elements
 * in an entry's place, the first with the entry's repetition level, the others with its own, and adds 1. What is null
 * or empty stays one entry without a value. While no null and no list was met, nothing is written down (dense). */
#include "parquet/internal.h"

static cc_status no_memory(cc_error *error) { return cc_fail(error, CC_ERR_NOMEM, "no memory for a page"); }

static bool all_valid(const struct ArrowArray *array) {
    return array->null_count == 0 || array->n_buffers == 0 || array->buffers[0] == NULL;
}

static inline bool is_valid(const uint8_t *bits, int64_t at) { return (bits[at >> 3] >> (at & 7) & 1) != 0; }

/* Out of the dense form. */
static cc_status spread(cc_parquet_levels *levels) {
    size_t count = levels->count;
    levels->dense = false;
    if (cc_buffer_reserve(&levels->index, count * 4 + 1) != CC_OK ||
        cc_buffer_reserve(&levels->definition, count + 1) != CC_OK ||
        cc_buffer_reserve(&levels->repetition, count + 1) != CC_OK)
        return CC_ERR_NOMEM;
    int32_t *index = (int32_t *)(void *)levels->index.data;
    for (size_t i = 0; i < count; i++)
        index[i] = (int32_t)(levels->first + (int64_t)i);
    memset(levels->definition.data, levels->level, count);
    memset(levels->repetition.data, 0, count);
    return CC_OK;
}

static cc_status pass_nulls(cc_parquet_levels *levels, const node *at, const struct ArrowArray *array,
                            cc_error *error) {
    bool all = all_valid(array);
    if (!at->nullable && all)
        return CC_OK;
    if (levels->dense && all) {
        levels->level++;
        return CC_OK;
    }
    if (levels->dense && spread(levels) != CC_OK)
        return no_memory(error);
    const uint8_t *bits = all ? NULL : array->buffers[0];
    int32_t *index = (int32_t *)(void *)levels->index.data;
    uint8_t *definition = levels->definition.data;
    size_t nulls = 0;
    for (size_t i = 0; i < levels->count; i++) {
        bool there = index[i] >= 0 && (bits == NULL || is_valid(bits, index[i] + array->offset));
        nulls += (size_t)(index[i] >= 0 && !there);
        index[i] = there ? index[i] : -1;
        definition[i] = (uint8_t)(definition[i] + (there && at->nullable));
    }
    if (nulls != 0 && !at->nullable)
        return cc_fail(error, CC_ERR_ARGUMENT, "column %s: must not be null", at->name);
    return CC_OK;
}

static void exchange(cc_buffer *a, cc_buffer *b) {
    cc_buffer kept = *a;
    *a = *b;
    *b = kept;
}

/* Elements in the place of lists. */
static cc_status expand(cc_parquet_levels *levels, const struct ArrowArray *array, uint8_t own) {
    const int32_t *offsets = (const int32_t *)array->buffers[1] + array->offset;
    if (levels->dense)
        CC_TRY(spread(levels));
    const int32_t *index = (const int32_t *)(const void *)levels->index.data;
    size_t total = 0;
    for (size_t i = 0; i < levels->count; i++) {
        int32_t size = index[i] < 0 ? 0 : offsets[index[i] + 1] - offsets[index[i]];
        total += size > 0 ? (size_t)size : 1;
    }
    CC_TRY(cc_buffer_reserve(&levels->next_index, total * 4 + 1));
    CC_TRY(cc_buffer_reserve(&levels->next_definition, total + 1));
    CC_TRY(cc_buffer_reserve(&levels->next_repetition, total + 1));
    int32_t *to = (int32_t *)(void *)levels->next_index.data;
    uint8_t *definition = levels->next_definition.data, *repetition = levels->next_repetition.data;
    size_t n = 0;
    for (size_t i = 0; i < levels->count; i++) {
        int32_t from = index[i] < 0 ? 0 : offsets[index[i]], end = index[i] < 0 ? 0 : offsets[index[i] + 1];
        uint8_t level = levels->definition.data[i];
        repetition[n] = levels->repetition.data[i];
        if (from == end) {
            to[n] = -1;
            definition[n++] = level;
            continue;
        }
        for (int32_t at = from; at < end; at++, n++) {
            to[n] = at;
            definition[n] = (uint8_t)(level + 1);
            if (at != from)
                repetition[n] = own;
        }
    }
    levels->count = n;
    levels->repeated = true;
    exchange(&levels->index, &levels->next_index);
    exchange(&levels->definition, &levels->next_definition);
    exchange(&levels->repetition, &levels->next_repetition);
    return CC_OK;
}

/* The places of values alone. Where they follow each other, `first` is the first one of them and `level` 1. */
static void select_values(cc_parquet_levels *levels) {
    int32_t *index = (int32_t *)(void *)levels->index.data;
    size_t n = 0;
    for (size_t i = 0; i < levels->count; i++) {
        index[n] = index[i];
        n += index[i] >= 0;
    }
    levels->value_count = n;
    levels->first = n != 0 ? index[0] : 0;
    bool follow = true;
    for (size_t i = 0; i < n; i++)
        follow = follow && index[i] == levels->first + (int64_t)i;
    levels->level = follow;
}

cc_status cc_parquet_levels_of(const step *path, size_t steps, const struct ArrowArray *batch,
                               cc_parquet_levels *levels, const struct ArrowArray **leaf_out,
                               cc_error *error) {
    levels->dense = true;
    levels->repeated = false;
    levels->first = batch->offset;
    levels->count = (size_t)batch->length;
    levels->level = 0;
    uint8_t lists = 0;
    const struct ArrowArray *array = batch;
    for (size_t i = 0; i < steps; i++) {
        const node *at = path[i].at;
        array = array->children[path[i].child];
        CC_TRY(pass_nulls(levels, at, array, error));
        if (at->kind == NODE_LIST || at->kind == NODE_MAP) {
            if (expand(levels, array, ++lists) != CC_OK)
                return no_memory(error);
        } else if (at->kind == NODE_STRUCT && array->offset != 0) {
            if (levels->dense) {
                levels->first += array->offset;
                continue;
            }
            int32_t *index = (int32_t *)(void *)levels->index.data;
            for (size_t k = 0; k < levels->count; k++)
                index[k] = index[k] < 0 ? -1 : (int32_t)(index[k] + array->offset);
        }
    }
    *leaf_out = array;
    levels->value_count = levels->count;
    if (!levels->dense)
        select_values(levels);
    return CC_OK;
}

void cc_parquet_levels_free(cc_parquet_levels *levels) {
    cc_buffer_free(&levels->index);
    cc_buffer_free(&levels->definition);
    cc_buffer_free(&levels->repetition);
    cc_buffer_free(&levels->next_index);
    cc_buffer_free(&levels->next_definition);
    cc_buffer_free(&levels->next_repetition);
}
