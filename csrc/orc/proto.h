/* proto.h: messages in the wire format of Protocol Buffers, as far as ORC's indexes and footers need it.
 *
 * A failed append leaves the writer failed: the calls in between are not checked, the end is (proto.status).
 * Source: https://protobuf.dev/programming-guides/encoding/ */
#ifndef CC_ORC_PROTO_H
#define CC_ORC_PROTO_H

#include "base/bytes.h"

enum { CC_PROTO_DEPTH = 8 };

typedef struct {
    cc_buffer *out;
    cc_status status;
    int depth;
    size_t start[CC_PROTO_DEPTH]; /* of the contents of each message that is open */
} cc_proto;

static inline cc_proto cc_proto_begin(cc_buffer *out) { return (cc_proto){.out = out, .status = CC_OK}; }
void cc_proto_u64(cc_proto *proto, int field, uint64_t value);
void cc_proto_s64(cc_proto *proto, int field, int64_t value); /* sint64: zigzag */
void cc_proto_double(cc_proto *proto, int field, double value);
void cc_proto_bytes(cc_proto *proto, int field, cc_bytes value);
/* A message, or packed numbers, that are a field; what belongs to them follows, then the end. */
void cc_proto_open(cc_proto *proto, int field);
void cc_proto_end(cc_proto *proto);
void cc_proto_packed(cc_proto *proto, uint64_t value);

#endif
