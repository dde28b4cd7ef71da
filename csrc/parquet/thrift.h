/* thrift.h: structures in Thrift's compact protocol, as far as Parquet's headers and footer need it.
 *
 * A failed append leaves the writer failed: the calls in between are not checked, the end is (thrift.status).
 * Source: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md */
#ifndef CC_PARQUET_THRIFT_H
#define CC_PARQUET_THRIFT_H

#include "base/bytes.h"

enum { CC_THRIFT_DEPTH = 16 };
typedef enum {
    CC_THRIFT_I32 = 5,
    CC_THRIFT_BINARY = 8,
    CC_THRIFT_LIST = 9,
    CC_THRIFT_STRUCT = 12
} cc_thrift_type;

typedef struct {
    cc_buffer *out;
    cc_status status;
    int depth;
    int last[CC_THRIFT_DEPTH]; /* the field before, of each structure that is open */
} cc_thrift;

static inline cc_thrift cc_thrift_begin(cc_buffer *out) { return (cc_thrift){.out = out, .status = CC_OK}; }
void cc_thrift_bool(cc_thrift *thrift, int field, bool value);
void cc_thrift_i8(cc_thrift *thrift, int field, int8_t value);
void cc_thrift_i16(cc_thrift *thrift, int field, int16_t value);
void cc_thrift_i32(cc_thrift *thrift, int field, int32_t value);
void cc_thrift_i64(cc_thrift *thrift, int field, int64_t value);
void cc_thrift_binary(cc_thrift *thrift, int field, cc_bytes value);
/* A structure that is a field, or with field 0 an element of a list; its fields follow, then the end. */
void cc_thrift_open(cc_thrift *thrift, int field);
void cc_thrift_end(cc_thrift *thrift); /* also ends the outermost structure, which is not opened */
/* A field without fields of its own: the way in which Parquet marks a case of a union. */
void cc_thrift_empty(cc_thrift *thrift, int field);
void cc_thrift_list(cc_thrift *thrift, int field, cc_thrift_type type, size_t count);
void cc_thrift_element_i32(cc_thrift *thrift, int32_t value);
void cc_thrift_element_binary(cc_thrift *thrift, cc_bytes value);

#endif
