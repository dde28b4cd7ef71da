/* record.h: what the store writes to its log. Little-endian; every record stands for one sequence.
 *
 *   type  payload
 *   1 INIT     8 bytes "ccstore1" | u32 version = 1 | u32 0 | u64 hash seed      a log's first record
 *   2 CREATE   u32 space id | u32 name size | u32 meta size | name | meta
 *   3 DROP     u32 space id
 *   4 META     u32 space id | u32 meta size | meta
 *   5 WRITE    u32 count | count x { u8 kind | u8 0 | u16 partition size | u16 sort size | u16 0
 *                                    | u32 space id | u32 value size | partition | sort | value }
 *              kind 1 put, 2 delete, 3 delete of what had expired
 *   6 FEED     as WRITE, but the second byte of a change holds flags, and those with OLD hold more:
 *              count x { u8 kind | u8 flags | ... | u32 value size | [u32 old size]
 *                        | partition | sort | value | [old value] }
 *              flags: 1 FED       a change that followers of its space are told (feed.h)
 *                     2 REPLACED  an item was there before; only with FED, always with a FED delete
 *                     4 OLD       its value is here; only with REPLACED
 *
 * A write without a FED change is a WRITE, so a store that never had a follower is readable by builds that
 * know no FEED, and those refuse any other by its type. Values carry attribute names, so a record is
 * readable without its table. A decoder accepts exactly these bytes: a wrong size, kind, flag or filler is
 * CC_ERR_CORRUPT, another version of INIT or another type CC_ERR_FORMAT. */
#ifndef CC_STORE_RECORD_H
#define CC_STORE_RECORD_H

#include "codec/key.h"

enum {
    CC_RECORD_INIT = 1,
    CC_RECORD_CREATE,
    CC_RECORD_DROP,
    CC_RECORD_META,
    CC_RECORD_WRITE,
    CC_RECORD_FEED,
};
enum {
    CC_RECORD_VERSION = 1,
    CC_RECORD_CHANGE_HEAD = 16,
    CC_RECORD_CHANGE_HEAD_MAX = 20, /* with the size of an old value */
    CC_RECORD_PARTS_PER_CHANGE = 5,
};
enum { CC_CHANGE_FED = 1, CC_CHANGE_REPLACED = 2, CC_CHANGE_OLD = 4 };

/* A decoded INIT, CREATE, DROP or META, or the head of a WRITE or FEED; borrowed from the payload. */
typedef struct {
    uint32_t type;
    uint64_t seed;     /* INIT */
    uint32_t space_id; /* CREATE, DROP, META */
    cc_bytes name;     /* CREATE */
    cc_bytes meta;     /* CREATE, META */
    uint32_t count;    /* WRITE, FEED */
    cc_bytes changes;  /* WRITE, FEED: walk with cc_record_next_change */
} cc_record;

typedef struct {
    uint8_t kind;  /* cc_change_kind */
    uint8_t flags; /* CC_CHANGE_FED, ... */
    uint32_t space_id;
    cc_key key;
    cc_bytes value;
    cc_bytes old; /* with CC_CHANGE_OLD */
} cc_record_change;

CC_MUST_CHECK cc_status cc_record_decode(uint32_t type, cc_bytes payload, cc_record *record_out,
                                         cc_error *error);
/* The next change; `record->changes` shrinks by it. The caller counts. */
CC_MUST_CHECK cc_status cc_record_next_change(cc_record *record, cc_record_change *change_out,
                                              cc_error *error);

/* Encoders fill caller's memory; the log gathers the parts. */
void cc_record_put_u32(uint8_t *target, uint32_t value);
void cc_record_init_encode(uint64_t seed, uint8_t target[24]);
/* Bytes of the head. */
size_t cc_record_change_encode(const cc_record_change *change, uint8_t target[CC_RECORD_CHANGE_HEAD_MAX]);

#endif
