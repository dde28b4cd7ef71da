/* proto.c: see proto.h. */
#include "orc/proto.h"

enum { VARINT = 0, FIXED64 = 1, SIZED = 2 };

static void put(cc_proto *proto, const void *data, size_t size) {
    if (proto->status == CC_OK)
        proto->status = cc_buffer_append(proto->out, data, size);
}

static size_t varint_of(uint64_t value, uint8_t *bytes) {
    size_t count = 0;
    for (; value >= 0x80; value >>= 7)
        bytes[count++] = (uint8_t)(value | 0x80);
    bytes[count++] = (uint8_t)value;
    return count;
}

void cc_proto_packed(cc_proto *proto, uint64_t value) {
    uint8_t bytes[10];
    put(proto, bytes, varint_of(value, bytes));
}

static void put_field(cc_proto *proto, int field, int type) {
    cc_proto_packed(proto, (uint64_t)field << 3 | (unsigned)type);
}

void cc_proto_u64(cc_proto *proto, int field, uint64_t value) {
    put_field(proto, field, VARINT);
    cc_proto_packed(proto, value);
}

void cc_proto_s64(cc_proto *proto, int field, int64_t value) {
    cc_proto_u64(proto, field, ((uint64_t)value << 1) ^ (uint64_t)(value >> 63));
}

void cc_proto_double(cc_proto *proto, int field, double value) {
    put_field(proto, field, FIXED64);
    put(proto, &value, 8);
}

void cc_proto_bytes(cc_proto *proto, int field, cc_bytes value) {
    put_field(proto, field, SIZED);
    cc_proto_packed(proto, value.size);
    put(proto, value.data, value.size);
}

void cc_proto_open(cc_proto *proto, int field) {
    CC_ASSERT(proto->depth < CC_PROTO_DEPTH);
    put_field(proto, field, SIZED);
    proto->start[proto->depth++] = proto->out->size;
}

/* The size goes in front of what was written since the opening. */
void cc_proto_end(cc_proto *proto) {
    CC_ASSERT(proto->depth > 0);
    size_t start = proto->start[--proto->depth];
    if (proto->status != CC_OK)
        return;
    uint8_t bytes[10];
    size_t size = proto->out->size - start, count = varint_of(size, bytes);
    proto->status = cc_buffer_reserve(proto->out, count);
    if (proto->status != CC_OK)
        return;
    uint8_t *at = proto->out->data + start;
    memmove(at + count, at, size);
    memcpy(at, bytes, count);
    proto->out->size += count;
}
