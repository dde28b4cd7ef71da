/* snappy.h: the two framings in which Java programs put raw Snappy blocks. All integers big-endian.
 *
 *   xerial (snappy-java's stream)   header once:  82 'S' 'N' 'A' 'P' 'P' 'Y' 00 | u32 version 1 | u32 compatible 1
 *                                   a block:      u32 compressed size | raw Snappy data
 *   Hadoop (BlockCompressorStream)  a block:      u32 size before compression | u32 compressed size | raw data
 *
 * Both are decoded block by block, so their writers keep blocks small: CC_SNAPPY_BLOCK bytes of input, as
 * snappy-java does. Framed streams may follow each other in one object where the reader takes them one by one.
 * The raw codec is a kept library's; nothing here compresses. */
#ifndef CC_COMPRESS_SNAPPY_H
#define CC_COMPRESS_SNAPPY_H

#include "base/bytes.h"

#define CC_SNAPPY_BLOCK 32768u

CC_MUST_CHECK cc_status cc_snappy_xerial_header(cc_buffer *out);
CC_MUST_CHECK cc_status cc_snappy_xerial_block(cc_bytes compressed, cc_buffer *out);
/* `size`: bytes before compression. */
CC_MUST_CHECK cc_status cc_snappy_hadoop_block(cc_bytes compressed, uint32_t size, cc_buffer *out);

#endif
