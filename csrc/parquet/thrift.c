/* thrift.c: the compact protocol. See thrift.h. */
#include "parquet/thrift.h"

static void put(cc_thrift *thrift, const void *data, size_t size) {
    if (thrift->status == CC_OK)
        thrift->status = cc_buffer_append(thrift->out, data, size);
}

static void put_varint(cc_thrift *thrift, uint64_t value) {
    uint8_t bytes[10];
    size_t count = 0;
    for (; value >= 0x80; value >>= 7)
        bytes[count++] = (uint8_t)(value | 0x80);
    bytes[count++] = (uint8_t)value;
    put(thrift, bytes, count);
}

static uint64_t zigzag(int64_t value) { return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63); }

/* The step from the field before, and the type; fields come in rising order. */
static void put_field(cc_thrift *thrift, int field, int type) {
    int *last = &thrift->last[thrift->depth];
    uint8_t head = (uint8_t)((field - *last) << 4 | type);
    CC_ASSERT(field > *last && field - *last < 16);
    *last = field;
    put(thrift, &head, 1);
}

void cc_thrift_bool(cc_thrift *thrift, int field, bool value) { put_field(thrift, field, value ? 1 : 2); }

void cc_thrift_i8(cc_thrift *thrift, int field, int8_t value) {
    put_field(thrift, field, 3);
    put(thrift, &value, 1);
}

void cc_thrift_i16(cc_thrift *thrift, int field, int16_t value) {
    put_field(thrift, field, 4);
    put_varint(thrift, zigzag(value));
}

void cc_thrift_i32(cc_thrift *thrift, int field, int32_t value) {
    put_field(thrift, field, CC_THRIFT_I32);
    put_varint(thrift, zigzag(value));
}

void cc_thrift_i64(cc_thrift *thrift, int field, int64_t value) {
    put_field(thrift, field, 6);
    put_varint(thrift, zigzag(value));
}

void cc_thrift_binary(cc_thrift *thrift, int field, cc_bytes value) {
    put_field(thrift, field, CC_THRIFT_BINARY);
    cc_thrift_element_binary(thrift, value);
}

void cc_thrift_open(cc_thrift *thrift, int field) {
    if (field != 0)
        put_field(thrift, field, CC_THRIFT_STRUCT);
    CC_ASSERT(thrift->depth + 1 < CC_THRIFT_DEPTH);
    thrift->last[++thrift->depth] = 0;
}

void cc_thrift_end(cc_thrift *thrift) {
    put(thrift, "", 1);
    if (thrift->depth > 0)
        thrift->depth--;
}

void cc_thrift_empty(cc_thrift *thrift, int field) {
    cc_thrift_open(thrift, field);
    cc_thrift_end(thrift);
}

void cc_thrift_list(cc_thrift *thrift, int field, cc_thrift_type type, size_t count) {
    put_field(thrift, field, CC_THRIFT_LIST);
    uint8_t head = (uint8_t)((count < 15 ? count : 15) << 4 | (unsigned)type);
    put(thrift, &head, 1);
    if (count >= 15)
        put_varint(thrift, count);
}

void cc_thrift_element_i32(cc_thrift *thrift, int32_t value) { put_varint(thrift, zigzag(value)); }

void cc_thrift_element_binary(cc_thrift *thrift, cc_bytes value) {
    put_varint(thrift, value.size);
    put(thrift, value.data, value.size);
}
