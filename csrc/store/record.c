/* record.c: encoding and decoding of the store's log records; see record.h for the bytes.
 * The decoder trusts nothing: the log's checksum guards against the disk, not against other
 * writers. */
#include "store/record.h"

#include "store/store.h"

static const char record_magic[] = "ccstore1";

static uint32_t get_u16(const uint8_t *data) { return data[0] | (uint32_t)data[1] << 8; }
static uint32_t get_u32(const uint8_t *data) { return get_u16(data) | get_u16(data + 2) << 16; }
static uint64_t get_u64(const uint8_t *data) { return get_u32(data) | (uint64_t)get_u32(data + 4) << 32; }
static void put_u16(uint8_t *target, uint32_t value) {
    target[0] = (uint8_t)value;
    target[1] = (uint8_t)(value >> 8);
}
void cc_record_put_u32(uint8_t *target, uint32_t value) {
    put_u16(target, value);
    put_u16(target + 2, value >> 16);
}

static cc_status corrupt(cc_error *error, const char *what) {
    return cc_fail(error, CC_ERR_CORRUPT, "a store record does not decode: %s", what);
}

/* ---- decoding ---- */
static cc_status decode_init(cc_bytes payload, cc_record *record, cc_error *error) {
    if (payload.size != 24 || memcmp(payload.data, record_magic, 8) != 0)
        return corrupt(error, "not a store's first record");
    if (get_u32(payload.data + 8) != CC_RECORD_VERSION)
        return cc_fail(error, CC_ERR_FORMAT, "the store is of format version %u; this build knows %u",
                       (unsigned)get_u32(payload.data + 8), (unsigned)CC_RECORD_VERSION);
    if (get_u32(payload.data + 12) != 0)
        return corrupt(error, "filler of the first record");
    record->seed = get_u64(payload.data + 16);
    return CC_OK;
}

static cc_status decode_create(cc_bytes payload, cc_record *record, cc_error *error) {
    if (payload.size < 12)
        return corrupt(error, "short create");
    uint64_t name_size = get_u32(payload.data + 4), meta_size = get_u32(payload.data + 8);
    if (name_size < 1 || name_size > 255 || payload.size - 12 != name_size + meta_size)
        return corrupt(error, "sizes of a create");
    record->space_id = get_u32(payload.data);
    record->name = cc_bytes_of(payload.data + 12, (size_t)name_size);
    record->meta = cc_bytes_of(payload.data + 12 + name_size, (size_t)meta_size);
    return CC_OK;
}

cc_status cc_record_decode(uint32_t type, cc_bytes payload, cc_record *record_out, cc_error *error) {
    *record_out = (cc_record){.type = type};
    switch (type) {
    case CC_RECORD_INIT:
        return decode_init(payload, record_out, error);
    case CC_RECORD_CREATE:
        return decode_create(payload, record_out, error);
    case CC_RECORD_DROP:
        if (payload.size != 4)
            return corrupt(error, "size of a drop");
        record_out->space_id = get_u32(payload.data);
        return CC_OK;
    case CC_RECORD_META:
        if (payload.size < 8 || payload.size - 8 != get_u32(payload.data + 4))
            return corrupt(error, "size of a meta");
        record_out->space_id = get_u32(payload.data);
        record_out->meta = cc_bytes_of(payload.data + 8, payload.size - 8);
        return CC_OK;
    case CC_RECORD_WRITE:
    case CC_RECORD_FEED:
        if (payload.size < 4)
            return corrupt(error, "short write");
        record_out->count = get_u32(payload.data);
        record_out->changes = cc_bytes_of(payload.data + 4, payload.size - 4);
        if (record_out->count == 0 || record_out->count > record_out->changes.size / CC_RECORD_CHANGE_HEAD)
            return corrupt(error, "count of a write");
        return CC_OK;
    default:
        return cc_fail(error, CC_ERR_FORMAT, "a store record is of type %u, unknown to this build",
                       (unsigned)type);
    }
}

/* Flags that cannot stand together, or stand in a record that has none. */
static bool bad_flags(uint32_t type, uint8_t kind, uint8_t flags) {
    if (flags == 0)
        return false;
    if (type != CC_RECORD_FEED || flags > (CC_CHANGE_FED | CC_CHANGE_REPLACED | CC_CHANGE_OLD))
        return true;
    if ((flags & CC_CHANGE_FED) == 0 || ((flags & CC_CHANGE_OLD) != 0 && (flags & CC_CHANGE_REPLACED) == 0))
        return true;
    return kind != CC_CHANGE_PUT && (flags & CC_CHANGE_REPLACED) == 0;
}

cc_status cc_record_next_change(cc_record *record, cc_record_change *change_out, cc_error *error) {
    cc_bytes *changes = &record->changes;
    const uint8_t *data = changes->data;
    if (changes->size < CC_RECORD_CHANGE_HEAD)
        return corrupt(error, "short change");
    uint64_t partition = get_u16(data + 2), sort = get_u16(data + 4), value = get_u32(data + 12), old = 0;
    if (data[0] < CC_CHANGE_PUT || data[0] > CC_CHANGE_EXPIRE || get_u16(data + 6) != 0 ||
        bad_flags(record->type, data[0], data[1]))
        return corrupt(error, "kind, flags or filler of a change");
    size_t head = CC_RECORD_CHANGE_HEAD;
    if ((data[1] & CC_CHANGE_OLD) != 0) {
        head = CC_RECORD_CHANGE_HEAD_MAX;
        if (changes->size < head)
            return corrupt(error, "short change");
        old = get_u32(data + CC_RECORD_CHANGE_HEAD);
    }
    if ((data[0] != CC_CHANGE_PUT && value != 0) || value > CC_SPACE_VALUE_MAX || old > CC_SPACE_VALUE_MAX ||
        changes->size - head < partition + sort + value + old)
        return corrupt(error, "sizes of a change");
    const uint8_t *bytes = data + head;
    change_out->kind = data[0];
    change_out->flags = data[1];
    change_out->space_id = get_u32(data + 8);
    change_out->key.partition = cc_bytes_of(bytes, (size_t)partition);
    change_out->key.sort = cc_bytes_of(bytes + partition, (size_t)sort);
    change_out->value = cc_bytes_of(bytes + partition + sort, (size_t)value);
    change_out->old = cc_bytes_of(bytes + partition + sort + value, (size_t)old);
    size_t used = head + (size_t)(partition + sort + value + old);
    *changes = cc_bytes_of(data + used, changes->size - used);
    return CC_OK;
}

/* ---- encoding ---- */
void cc_record_init_encode(uint64_t seed, uint8_t target[24]) {
    memcpy(target, record_magic, 8);
    cc_record_put_u32(target + 8, CC_RECORD_VERSION);
    cc_record_put_u32(target + 12, 0);
    cc_record_put_u32(target + 16, (uint32_t)seed);
    cc_record_put_u32(target + 20, (uint32_t)(seed >> 32));
}

size_t cc_record_change_encode(const cc_record_change *change, uint8_t target[CC_RECORD_CHANGE_HEAD_MAX]) {
    target[0] = change->kind;
    target[1] = change->flags;
    put_u16(target + 2, (uint32_t)change->key.partition.size);
    put_u16(target + 4, (uint32_t)change->key.sort.size);
    put_u16(target + 6, 0);
    cc_record_put_u32(target + 8, change->space_id);
    cc_record_put_u32(target + 12, (uint32_t)change->value.size);
    if (CC_LIKELY((change->flags & CC_CHANGE_OLD) == 0))
        return CC_RECORD_CHANGE_HEAD;
    cc_record_put_u32(target + CC_RECORD_CHANGE_HEAD, (uint32_t)change->old.size);
    return CC_RECORD_CHANGE_HEAD_MAX;
}
