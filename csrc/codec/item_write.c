/* item_write.c: building encoded items.
 *
 * Bodies (name, payload) are appended to `out` as they come; closing a container sorts its entries
 * and rewrites the run with the directory in front. Entries live in the scratch arena. */
#include <stdlib.h>

#include "base/hash.h"
#include "codec/item.h"
#include "codec/number.h"

enum { ITEM_HEADER = 8, ENTRY_FIRST = 16, PAYLOAD_LIMIT = (1 << 24) - 1, SORT_SMALL = 24 };

typedef struct {
    uint32_t hash;
    uint32_t type;
    size_t offset; /* of the body in `out` */
    size_t size;   /* of the body, once the value is complete */
    uint32_t name_size;
    uint32_t order; /* of arrival */
} entry;

struct cc_item_frame {
    struct cc_item_frame *outer;
    cc_type type;
    bool named; /* map: a name waits for its value */
    size_t start;
    entry *entries;
    uint32_t count, capacity;
};

static cc_status no_memory(cc_error *error) {
    return cc_fail(error, CC_ERR_NOMEM, "no memory to encode an item");
}

void cc_item_writer_init(cc_item_writer *writer, cc_buffer *out, cc_arena *scratch) {
    *writer = (cc_item_writer){.out = out, .scratch = scratch};
}

static cc_status too_deep(cc_error *error) {
    return cc_fail_aws(error, CC_ERR_VALIDATION, "ValidationException",
                       "Nesting Levels have exceeded supported limits: Attributes in the item have nested "
                       "levels beyond supported limit");
}

static cc_status push_frame(cc_item_writer *writer, cc_type type, cc_error *error) {
    struct cc_item_frame *frame = cc_arena_alloc(writer->scratch, sizeof *frame);
    if (frame == NULL)
        return no_memory(error);
    *frame = (struct cc_item_frame){.outer = writer->frame, .type = type, .start = writer->out->size};
    writer->frame = frame;
    writer->depth++;
    return CC_OK;
}

static cc_status push_entry(cc_item_writer *writer, entry **entry_out, cc_error *error) {
    struct cc_item_frame *frame = writer->frame;
    if (frame->count == frame->capacity) {
        uint32_t capacity = frame->capacity == 0 ? ENTRY_FIRST : frame->capacity * 2;
        entry *entries = cc_arena_alloc(writer->scratch, capacity * sizeof *entries);
        if (entries == NULL)
            return no_memory(error);
        if (frame->count != 0)
            memcpy(entries, frame->entries, frame->count * sizeof *entries);
        frame->entries = entries;
        frame->capacity = capacity;
    }
    *entry_out = &frame->entries[frame->count];
    **entry_out = (entry){.offset = writer->out->size, .order = frame->count};
    frame->count++;
    return CC_OK;
}

cc_status cc_item_name(cc_item_writer *writer, cc_bytes name, cc_error *error) {
    CC_ASSERT(writer->frame != NULL && writer->frame->type == CC_TYPE_M && !writer->frame->named);
    if (name.size == 0)
        return cc_fail_aws(error, CC_ERR_VALIDATION, "ValidationException",
                           "One or more parameter values were invalid: An attribute name may not be "
                           "empty");
    if (name.size > UINT16_MAX)
        return cc_fail_aws(error, CC_ERR_VALIDATION, "ValidationException",
                           "Attribute name is too large, must be less than 65536 bytes");
    entry *slot;
    CC_TRY(push_entry(writer, &slot, error));
    slot->hash = cc_name_hash(name);
    slot->name_size = (uint32_t)name.size;
    uint16_t size = (uint16_t)name.size;
    if (cc_buffer_reserve(writer->out, 2 + name.size) != CC_OK)
        return no_memory(error);
    memcpy(writer->out->data + writer->out->size, &size, 2);
    if (name.size != 0)
        memcpy(writer->out->data + writer->out->size + 2, name.data, name.size);
    writer->out->size += 2 + name.size;
    writer->frame->named = true;
    return CC_OK;
}

/* A value of `type` starts here: the map's waiting entry or a new list entry takes it. An item's own values lie
 * on level 1; a set's members are no values. */
static cc_status begin_value(cc_item_writer *writer, cc_type type, cc_error *error) {
    struct cc_item_frame *frame = writer->frame;
    CC_ASSERT(frame != NULL);
    if (CC_UNLIKELY(writer->depth > CC_ITEM_DEPTH_MAX))
        return too_deep(error);
    if (frame->type == CC_TYPE_M) {
        CC_ASSERT(frame->named);
        frame->entries[frame->count - 1].type = type;
        return CC_OK;
    }
    CC_ASSERT(frame->type == CC_TYPE_L);
    entry *slot;
    CC_TRY(push_entry(writer, &slot, error));
    slot->type = type;
    return CC_OK;
}

static void end_value(cc_item_writer *writer) {
    struct cc_item_frame *frame = writer->frame;
    entry *slot = &frame->entries[frame->count - 1];
    slot->size = writer->out->size - slot->offset;
    frame->named = false;
}

static cc_status put_sized(cc_item_writer *writer, cc_type type, cc_bytes data, cc_error *error) {
    if (data.size > PAYLOAD_LIMIT)
        return cc_fail_aws(error, CC_ERR_VALIDATION, "ValidationException",
                           "Item size has exceeded the maximum allowed size");
    CC_TRY(begin_value(writer, type, error));
    if (cc_buffer_reserve(writer->out, 4 + data.size) != CC_OK)
        return no_memory(error);
    uint8_t *to = writer->out->data + writer->out->size;
    uint32_t size = (uint32_t)data.size;
    memcpy(to, &size, 4);
    if (size != 0)
        memcpy(to + 4, data.data, size);
    writer->out->size += 4 + data.size;
    end_value(writer);
    return CC_OK;
}

cc_status cc_item_put_string(cc_item_writer *writer, cc_bytes text, cc_error *error) {
    return put_sized(writer, CC_TYPE_S, text, error);
}
cc_status cc_item_put_binary(cc_item_writer *writer, cc_bytes data, cc_error *error) {
    return put_sized(writer, CC_TYPE_B, data, error);
}

cc_status cc_item_put_number(cc_item_writer *writer, cc_bytes number, cc_error *error) {
    CC_TRY(begin_value(writer, CC_TYPE_N, error));
    if (cc_buffer_reserve(writer->out, 1 + number.size) != CC_OK)
        return no_memory(error);
    uint8_t *to = writer->out->data + writer->out->size;
    to[0] = (uint8_t)number.size;
    memcpy(to + 1, number.data, number.size);
    writer->out->size += 1 + number.size;
    end_value(writer);
    return CC_OK;
}

cc_status cc_item_put_number_text(cc_item_writer *writer, cc_bytes text, cc_error *error) {
    uint8_t number[CC_NUMBER_MAX];
    size_t size;
    CC_TRY(cc_number_parse(text, number, &size, error));
    return cc_item_put_number(writer, cc_bytes_of(number, size), error);
}

cc_status cc_item_put_bool(cc_item_writer *writer, bool value, cc_error *error) {
    CC_TRY(begin_value(writer, CC_TYPE_BOOL, error));
    if (cc_buffer_append_byte(writer->out, value) != CC_OK)
        return no_memory(error);
    end_value(writer);
    return CC_OK;
}

cc_status cc_item_put_null(cc_item_writer *writer, cc_error *error) {
    CC_TRY(begin_value(writer, CC_TYPE_NULL, error));
    end_value(writer);
    return CC_OK;
}

/* Does `value` hold values that lie deeper than `levels` below it? Only containers are walked. */
static bool deeper_than(cc_value value, uint32_t levels) {
    uint32_t count = value.type == CC_TYPE_M || value.type == CC_TYPE_L ? cc_value_count(value) : 0;
    if (count == 0)
        return false;
    if (levels == 0)
        return true;
    for (uint32_t i = 0; i < count; i++) {
        cc_value inner;
        cc_bytes name;
        if (value.type == CC_TYPE_M)
            cc_item_at(value.payload, i, &name, &inner);
        else
            (void)cc_list_at(value, i, &inner);
        if (deeper_than(inner, levels - 1))
            return true;
    }
    return false;
}

cc_status cc_item_put_value(cc_item_writer *writer, cc_value value, cc_error *error) {
    if (writer->depth > CC_ITEM_DEPTH_MAX || deeper_than(value, CC_ITEM_DEPTH_MAX - writer->depth))
        return cc_fail_aws(error, CC_ERR_VALIDATION, "ValidationException",
                           "Nesting Levels have exceeded supported limits");
    CC_TRY(begin_value(writer, value.type, error));
    if (cc_buffer_append(writer->out, value.payload.data, value.payload.size) != CC_OK)
        return no_memory(error);
    end_value(writer);
    return CC_OK;
}

cc_status cc_item_begin_map(cc_item_writer *writer, cc_error *error) {
    CC_TRY(begin_value(writer, CC_TYPE_M, error));
    return push_frame(writer, CC_TYPE_M, error);
}
cc_status cc_item_begin_list(cc_item_writer *writer, cc_error *error) {
    CC_TRY(begin_value(writer, CC_TYPE_L, error));
    return push_frame(writer, CC_TYPE_L, error);
}
cc_status cc_item_begin_set(cc_item_writer *writer, cc_type set_type, cc_error *error) {
    CC_ASSERT(set_type == CC_TYPE_SS || set_type == CC_TYPE_NS || set_type == CC_TYPE_BS);
    CC_TRY(begin_value(writer, set_type, error));
    return push_frame(writer, set_type, error);
}

cc_status cc_item_set_member(cc_item_writer *writer, cc_bytes member, cc_error *error) {
    cc_type type = writer->frame->type;
    uint8_t number[CC_NUMBER_MAX];
    size_t head = 4;
    if (type == CC_TYPE_NS) {
        size_t size;
        CC_TRY(cc_number_parse(member, number, &size, error));
        member = cc_bytes_of(number, size);
        head = 1;
    }
    if (member.size > PAYLOAD_LIMIT)
        return cc_fail_aws(error, CC_ERR_VALIDATION, "ValidationException",
                           "Item size has exceeded the maximum allowed size");
    entry *slot;
    CC_TRY(push_entry(writer, &slot, error));
    if (cc_buffer_reserve(writer->out, head + member.size) != CC_OK)
        return no_memory(error);
    uint8_t *to = writer->out->data + writer->out->size;
    uint32_t size = (uint32_t)member.size;
    memcpy(to, &size, head); /* little-endian: one byte for NS */
    if (size != 0)
        memcpy(to + head, member.data, member.size);
    writer->out->size += head + member.size;
    slot->name_size = size; /* for a set the "name" is the member */
    slot->size = head + member.size;
    return CC_OK;
}

/* ---- closing ---- */

typedef struct {
    const uint8_t *data;
    size_t head; /* bytes in front of the name in a body */
} sort_context;

static int compare_entries(const void *left, const void *right, void *context) {
    const entry *a = left, *b = right;
    const sort_context *by = context;
    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    return cc_bytes_compare(cc_bytes_of(by->data + a->offset + by->head, a->name_size),
                            cc_bytes_of(by->data + b->offset + by->head, b->name_size));
}

static void sort_entries(entry *entries, uint32_t count, sort_context *by) {
    if (count > SORT_SMALL) {
        qsort_r(entries, count, sizeof *entries, compare_entries, by);
        return;
    }
    for (uint32_t i = 1; i < count; i++) {
        entry moving = entries[i];
        uint32_t j = i;
        for (; j > 0 && compare_entries(&moving, &entries[j - 1], by) < 0; j--)
            entries[j] = entries[j - 1];
        entries[j] = moving;
    }
}

static int by_order(const void *left, const void *right) {
    const entry *a = left, *b = right;
    return a->order < b->order ? -1 : a->order > b->order;
}

/* The members of an SS or BS in the order given, BS in base64, as AWS lists them; cut to `capacity`. */
static void list_members(const cc_item_writer *writer, struct cc_item_frame *frame, char *text,
                         size_t capacity) {
    size_t at = 0;
    qsort(frame->entries, frame->count, sizeof *frame->entries, by_order);
    for (uint32_t i = 0; i < frame->count && at + 8 < capacity; i++) {
        const entry *one = &frame->entries[i];
        if (i > 0) {
            text[at++] = ',';
            text[at++] = ' ';
        }
        cc_bytes member = cc_bytes_of(writer->out->data + one->offset + 4, one->name_size);
        size_t room = capacity - at - 1;
        if (frame->type == CC_TYPE_BS) {
            member.size = member.size < room / 4 * 3 ? member.size : room / 4 * 3;
            cc_base64_encode(member, (uint8_t *)text + at);
            at += cc_base64_encoded_size(member.size);
        } else if (member.size != 0) {
            member.size = cc_utf8_cut(member, room);
            memcpy(text + at, member.data, member.size);
            at += member.size;
        }
    }
    text[at] = '\0';
}

static cc_status refuse_duplicates(const cc_item_writer *writer, struct cc_item_frame *frame,
                                   cc_error *error) {
    if (frame->type == CC_TYPE_M)
        return cc_fail_aws(error, CC_ERR_SERIALIZATION, "SerializationException",
                           "an attribute name appears twice in one map");
    if (frame->type == CC_TYPE_NS)
        return cc_fail_aws(error, CC_ERR_VALIDATION, "ValidationException",
                           "Input collection contains duplicates");
    char text[300];
    list_members(writer, frame, text, sizeof text);
    return cc_fail_aws(error, CC_ERR_VALIDATION, "ValidationException",
                       "One or more parameter values were invalid: Input collection [%s]%s contains "
                       "duplicates.",
                       text, frame->type == CC_TYPE_BS ? "of type BS" : "");
}

static cc_status refuse_empty_set(cc_type type, cc_error *error) {
    const char *what = type == CC_TYPE_SS   ? "An string set  may not be empty"
                       : type == CC_TYPE_NS ? "An number set  may not be empty"
                                            : "Binary sets should not be empty";
    return cc_fail_aws(error, CC_ERR_VALIDATION, "ValidationException",
                       "One or more parameter values were invalid: %s", what);
}

/* Rewrites [start, end) as header, directory, bodies in entry order. */
static cc_status rewrite(cc_item_writer *writer, struct cc_item_frame *frame, cc_error *error) {
    bool map = frame->type == CC_TYPE_M, list = frame->type == CC_TYPE_L;
    size_t directory = ITEM_HEADER + (size_t)frame->count * (map ? 8 : list ? 4 : 0);
    size_t body = writer->out->size - frame->start, total = directory + body;
    if (total > PAYLOAD_LIMIT)
        return cc_fail_aws(error, CC_ERR_VALIDATION, "ValidationException",
                           "Item size has exceeded the maximum allowed size");
    uint8_t *copy = cc_arena_alloc(writer->scratch, body);
    if (copy == NULL || cc_buffer_reserve(writer->out, directory) != CC_OK)
        return no_memory(error);
    uint8_t *base = writer->out->data + frame->start;
    if (body != 0)
        memcpy(copy, base, body);
    uint32_t header[2] = {(uint32_t)total, frame->count};
    memcpy(base, header, sizeof header);
    size_t at = directory;
    for (uint32_t i = 0; i < frame->count; i++) {
        const entry *one = &frame->entries[i];
        uint32_t words[2] = {one->hash, one->type | (uint32_t)at << 8};
        if (map)
            memcpy(base + ITEM_HEADER + (size_t)i * 8, words, 8);
        else if (list)
            memcpy(base + ITEM_HEADER + (size_t)i * 4, &words[1], 4);
        memcpy(base + at, copy + (one->offset - frame->start), one->size);
        at += one->size;
    }
    CC_ASSERT(at == total);
    writer->out->size = frame->start + total;
    return CC_OK;
}

static cc_status close_frame(cc_item_writer *writer, cc_error *error) {
    struct cc_item_frame *frame = writer->frame;
    CC_ASSERT(frame != NULL && !frame->named);
    bool map = frame->type == CC_TYPE_M, set = !map && frame->type != CC_TYPE_L;
    if (set && frame->count == 0)
        return refuse_empty_set(frame->type, error);
    if (map || set) {
        sort_context by = {writer->out->data, map ? 2 : frame->type == CC_TYPE_NS ? 1 : 4};
        sort_entries(frame->entries, frame->count, &by);
        for (uint32_t i = 1; i < frame->count; i++)
            if (compare_entries(&frame->entries[i - 1], &frame->entries[i], &by) == 0)
                return refuse_duplicates(writer, frame, error);
    }
    CC_TRY(rewrite(writer, frame, error));
    writer->frame = frame->outer;
    writer->depth--;
    return CC_OK;
}

cc_status cc_item_end_container(cc_item_writer *writer, cc_error *error) {
    CC_TRY(close_frame(writer, error));
    end_value(writer);
    return CC_OK;
}

cc_status cc_item_begin(cc_item_writer *writer, cc_error *error) {
    CC_ASSERT(writer->frame == NULL);
    return push_frame(writer, CC_TYPE_M, error);
}

cc_status cc_item_end(cc_item_writer *writer, cc_error *error) { return close_frame(writer, error); }
