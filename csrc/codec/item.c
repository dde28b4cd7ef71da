/* item.c: reading encoded items: lookup, walking, equality, size, and the check of untrusted bytes. */
#include "codec/item.h"

#include "base/hash.h"
#include "codec/number.h"

enum { ITEM_HEADER = 8, ENTRY = 8, LIST_ENTRY = 4 };

static uint32_t load32(const uint8_t *at) {
    uint32_t word;
    memcpy(&word, at, 4);
    return word;
}
static uint16_t load16(const uint8_t *at) {
    uint16_t word;
    memcpy(&word, at, 2);
    return word;
}

static const char *const type_names[] = {"", "S", "N", "B", "BOOL", "NULL", "SS", "NS", "BS", "L", "M"};

const char *cc_type_name(cc_type type) { return (unsigned)type <= CC_TYPE_M ? type_names[type] : ""; }

cc_type cc_type_from_name(cc_bytes name) {
    for (int type = CC_TYPE_S; type <= CC_TYPE_M; type++)
        if (name.size == strlen(type_names[type]) && memcmp(name.data, type_names[type], name.size) == 0)
            return (cc_type)type;
    return CC_TYPE_NONE;
}

uint32_t cc_name_hash(cc_bytes name) { return (uint32_t)cc_hash64(name.data, name.size, 0); }

uint32_t cc_item_count(cc_bytes item) { return load32(item.data + 4); }

/* Size of the payload that starts at `at`; sizes are stored, so this never walks. */
static size_t payload_size(cc_type type, const uint8_t *at) {
    switch (type) {
    case CC_TYPE_S:
    case CC_TYPE_B:
        return 4 + (size_t)load32(at);
    case CC_TYPE_N:
        return 1 + (size_t)at[0];
    case CC_TYPE_BOOL:
        return 1;
    case CC_TYPE_SS:
    case CC_TYPE_NS:
    case CC_TYPE_BS:
    case CC_TYPE_L:
    case CC_TYPE_M:
        return load32(at);
    default:
        return 0;
    }
}

void cc_item_at(cc_bytes item, uint32_t index, cc_bytes *name_out, cc_value *value_out) {
    uint32_t word = load32(item.data + ITEM_HEADER + (size_t)index * ENTRY + 4);
    const uint8_t *body = item.data + (word >> 8);
    uint16_t name_size = load16(body);
    cc_type type = (cc_type)(word & 0xff);
    *name_out = cc_bytes_of(body + 2, name_size);
    const uint8_t *payload = body + 2 + name_size;
    *value_out = (cc_value){type, cc_bytes_of(payload, payload_size(type, payload))};
}

bool cc_item_find(cc_bytes item, cc_bytes name, cc_value *value_out) {
    uint32_t count = cc_item_count(item), hash = cc_name_hash(name), low = 0;
    const uint8_t *entries = item.data + ITEM_HEADER;
    if (count > 32) { /* binary search to the first entry with this hash; a short run is scanned */
        uint32_t high = count;
        while (low < high) {
            uint32_t middle = (low + high) / 2;
            if (load32(entries + (size_t)middle * ENTRY) < hash)
                low = middle + 1;
            else
                high = middle;
        }
    }
    for (uint32_t i = low; i < count; i++) {
        uint32_t here = load32(entries + (size_t)i * ENTRY);
        if (here < hash)
            continue;
        if (here > hash)
            break;
        cc_bytes found;
        cc_item_at(item, i, &found, value_out);
        if (cc_bytes_equal(found, name))
            return true;
    }
    *value_out = (cc_value){CC_TYPE_NONE, {NULL, 0}};
    return false;
}

cc_bytes cc_value_bytes(cc_value value) {
    if (value.type == CC_TYPE_N)
        return cc_bytes_of(value.payload.data + 1, value.payload.data[0]);
    CC_ASSERT(value.type == CC_TYPE_S || value.type == CC_TYPE_B);
    return cc_bytes_of(value.payload.data + 4, value.payload.size - 4);
}

bool cc_value_bool(cc_value value) { return value.payload.data[0] != 0; }

uint32_t cc_value_count(cc_value value) { return load32(value.payload.data + 4); }

bool cc_list_at(cc_value list, uint32_t index, cc_value *value_out) {
    if (index >= cc_value_count(list))
        return false;
    uint32_t word = load32(list.payload.data + ITEM_HEADER + (size_t)index * LIST_ENTRY);
    const uint8_t *payload = list.payload.data + (word >> 8);
    cc_type type = (cc_type)(word & 0xff);
    *value_out = (cc_value){type, cc_bytes_of(payload, payload_size(type, payload))};
    return true;
}

bool cc_set_next(cc_value set, size_t *position, cc_bytes *member_out) {
    if (*position == 0)
        *position = ITEM_HEADER;
    if (*position >= set.payload.size)
        return false;
    const uint8_t *at = set.payload.data + *position;
    size_t head = set.type == CC_TYPE_NS ? 1 : 4;
    size_t size = set.type == CC_TYPE_NS ? at[0] : load32(at);
    *member_out = cc_bytes_of(at + head, size);
    *position += head + size;
    return true;
}

bool cc_value_equal(cc_value a, cc_value b) {
    return a.type == b.type && cc_bytes_equal(a.payload, b.payload);
}

size_t cc_value_size(cc_value value) {
    size_t size = 0, position = 0;
    cc_bytes member, name;
    cc_value inner;
    switch (value.type) {
    case CC_TYPE_S:
    case CC_TYPE_B:
        return value.payload.size - 4;
    case CC_TYPE_N:
        return cc_number_item_size(cc_value_bytes(value));
    case CC_TYPE_SS:
    case CC_TYPE_BS:
    case CC_TYPE_NS:
        while (cc_set_next(value, &position, &member))
            size += value.type == CC_TYPE_NS ? cc_number_item_size(member) : member.size;
        return size;
    case CC_TYPE_L:
        size = 3;
        for (uint32_t i = 0; cc_list_at(value, i, &inner); i++)
            size += 1 + cc_value_size(inner);
        return size;
    case CC_TYPE_M:
        size = 3;
        for (uint32_t i = 0; i < cc_item_count(value.payload); i++) {
            cc_item_at(value.payload, i, &name, &inner);
            size += 1 + name.size + cc_value_size(inner);
        }
        return size;
    default:
        return 1;
    }
}

size_t cc_item_size(cc_bytes item) {
    size_t size = 0;
    cc_bytes name;
    cc_value value;
    for (uint32_t i = 0; i < cc_item_count(item); i++) {
        cc_item_at(item, i, &name, &value);
        size += name.size + cc_value_size(value);
    }
    return size;
}

/* ---- the check of untrusted bytes: every size inside its container, every order as stated ---- */

static cc_status corrupt(cc_error *error, const char *what) {
    return cc_fail(error, CC_ERR_CORRUPT, "encoded item: %s", what);
}

static cc_status check_value(cc_type type, const uint8_t *at, size_t left, uint32_t depth, size_t *used_out,
                             cc_error *error);

static cc_status check_map(const uint8_t *at, size_t left, uint32_t depth, size_t *used_out,
                           cc_error *error) {
    if (left < ITEM_HEADER)
        return corrupt(error, "short map");
    size_t size = load32(at), count = load32(at + 4);
    if (size > left || size < ITEM_HEADER || count > (size - ITEM_HEADER) / ENTRY)
        return corrupt(error, "map size");
    size_t expected = ITEM_HEADER + count * ENTRY;
    cc_bytes before = {NULL, 0};
    for (size_t i = 0; i < count; i++) {
        uint32_t hash = load32(at + ITEM_HEADER + i * ENTRY);
        uint32_t word = load32(at + ITEM_HEADER + i * ENTRY + 4);
        size_t offset = word >> 8;
        if (offset != expected || offset + 2 > size || offset + 2 + load16(at + offset) > size)
            return corrupt(error, "attribute offset");
        cc_bytes name = cc_bytes_of(at + offset + 2, load16(at + offset));
        if (hash != cc_name_hash(name))
            return corrupt(error, "name hash");
        if (i > 0) {
            uint32_t previous = load32(at + ITEM_HEADER + (i - 1) * ENTRY);
            if (previous > hash || (previous == hash && cc_bytes_compare(before, name) >= 0))
                return corrupt(error, "attribute order");
        }
        before = name;
        size_t used = 0, start = offset + 2 + name.size;
        CC_TRY(check_value((cc_type)(word & 0xff), at + start, size - start, depth, &used, error));
        expected = start + used;
    }
    if (expected != size)
        return corrupt(error, "map length");
    *used_out = size;
    return CC_OK;
}

static cc_status check_list(const uint8_t *at, size_t left, uint32_t depth, size_t *used_out,
                            cc_error *error) {
    if (left < ITEM_HEADER)
        return corrupt(error, "short list");
    size_t size = load32(at), count = load32(at + 4);
    if (size > left || size < ITEM_HEADER || count > (size - ITEM_HEADER) / LIST_ENTRY)
        return corrupt(error, "list size");
    size_t expected = ITEM_HEADER + count * LIST_ENTRY;
    for (size_t i = 0; i < count; i++) {
        uint32_t word = load32(at + ITEM_HEADER + i * LIST_ENTRY);
        if ((word >> 8) != expected)
            return corrupt(error, "element offset");
        size_t used = 0;
        CC_TRY(check_value((cc_type)(word & 0xff), at + expected, size - expected, depth, &used, error));
        expected += used;
    }
    if (expected != size)
        return corrupt(error, "list length");
    *used_out = size;
    return CC_OK;
}

static cc_status check_set(cc_type type, const uint8_t *at, size_t left, size_t *used_out, cc_error *error) {
    if (left < ITEM_HEADER)
        return corrupt(error, "short set");
    size_t size = load32(at), count = load32(at + 4), position = ITEM_HEADER;
    size_t head = type == CC_TYPE_NS ? 1 : 4;
    if (size > left || size < ITEM_HEADER || count == 0)
        return corrupt(error, "set size");
    cc_bytes before = {NULL, 0};
    for (size_t i = 0; i < count; i++) {
        if (size - position < head)
            return corrupt(error, "set member");
        size_t member_size = type == CC_TYPE_NS ? at[position] : load32(at + position);
        if (member_size > size - position - head)
            return corrupt(error, "set member size");
        cc_bytes member = cc_bytes_of(at + position + head, member_size);
        if ((i > 0 && cc_bytes_compare(before, member) >= 0) ||
            (type == CC_TYPE_NS && !cc_number_valid(member)) ||
            (type == CC_TYPE_SS && !cc_utf8_valid(member)))
            return corrupt(error, "set order");
        before = member;
        position += head + member_size;
    }
    if (position != size)
        return corrupt(error, "set length");
    *used_out = size;
    return CC_OK;
}

static cc_status check_value(cc_type type, const uint8_t *at, size_t left, uint32_t depth, size_t *used_out,
                             cc_error *error) {
    if (depth >= CC_ITEM_DEPTH_MAX && (type == CC_TYPE_L || type == CC_TYPE_M))
        return corrupt(error, "nested too deeply");
    switch (type) {
    case CC_TYPE_S:
    case CC_TYPE_B:
        if (left < 4 || load32(at) > left - 4)
            return corrupt(error, "string size");
        *used_out = 4 + (size_t)load32(at);
        if (type == CC_TYPE_S && !cc_utf8_valid(cc_bytes_of(at + 4, load32(at))))
            return corrupt(error, "string is not UTF-8");
        return CC_OK;
    case CC_TYPE_N:
        if (left < 1 || at[0] > left - 1 || !cc_number_valid(cc_bytes_of(at + 1, at[0])))
            return corrupt(error, "number");
        *used_out = 1 + (size_t)at[0];
        return CC_OK;
    case CC_TYPE_BOOL:
        if (left < 1 || at[0] > 1)
            return corrupt(error, "boolean");
        *used_out = 1;
        return CC_OK;
    case CC_TYPE_NULL:
        *used_out = 0;
        return CC_OK;
    case CC_TYPE_SS:
    case CC_TYPE_NS:
    case CC_TYPE_BS:
        return check_set(type, at, left, used_out, error);
    case CC_TYPE_L:
        return check_list(at, left, depth + 1, used_out, error);
    case CC_TYPE_M:
        return check_map(at, left, depth + 1, used_out, error);
    default:
        return corrupt(error, "unknown type");
    }
}

cc_status cc_item_check(cc_bytes item, cc_error *error) {
    size_t used = 0;
    CC_TRY(check_map(item.data, item.size, 0, &used, error));
    return used == item.size ? CC_OK : corrupt(error, "bytes behind the item");
}
