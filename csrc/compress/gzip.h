/* gzip.h: GZIP members (RFC 1952) around raw deflate data that a kept codec library produced.
 * Deterministic: no name, mtime 0, OS unknown. Members may follow each other in one object. */
#ifndef CC_COMPRESS_GZIP_H
#define CC_COMPRESS_GZIP_H

#include "base/bytes.h"

#define CC_GZIP_OVERHEAD 18 /* header and trailer bytes of a member */

/* Appends one member: `size` and `crc` (cc_crc32) are those of the data before compression. */
CC_MUST_CHECK cc_status cc_gzip_member(cc_bytes deflated, uint32_t crc, uint64_t size, cc_buffer *out);

#endif
