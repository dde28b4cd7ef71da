/* route.h: where the keys of a request lie in the space of partition hashes: for who has that space in parts, each in
 * tables of their own with the same seed. */
#ifndef CC_TABLE_ROUTE_H
#define CC_TABLE_ROUTE_H

#include "table/table.h"

typedef enum {
    CC_ROUTE_NOWHERE, /* it is refused before any item is looked at */
    CC_ROUTE_KEYS,    /* the partitions of `hashes` */
    CC_ROUTE_WALK,    /* all partitions, in the order of their hashes */
    CC_ROUTE_INDEX    /* a global index, whose entries lie with their items */
} cc_route_kind;

typedef struct {
    cc_route_kind kind;
    uint64_t *hashes; /* in the order of the request's keys; the arena's */
    size_t count;
    bool has_start;
    uint64_t start; /* a walk goes on behind a key of this partition */
} cc_route;

/* Takes the store's lock, reads no item. Fails for want of memory alone. */
CC_MUST_CHECK cc_status cc_table_route(cc_tables *tables, cc_verb verb, cc_bytes body, cc_arena *arena,
                                       cc_route *route_out, cc_error *error);

/* The place of an item in the order of a table, or with `index` (data not NULL) of that: hash, then partition, then
 * sort bytes; the arena's. CC_ERR_VALIDATION, CC_ERR_NOT_FOUND. */
typedef struct {
    uint64_t hash;
    cc_key key;
} cc_place;
CC_MUST_CHECK cc_status cc_table_place(cc_tables *tables, cc_bytes name, cc_bytes index, cc_bytes item,
                                       cc_arena *arena, cc_place *place_out, cc_error *error);

/* Walks and loads pass over the partitions outside [first, last], until others are set. */
void cc_tables_set_bounds(cc_tables *tables, uint64_t first, uint64_t last);
bool cc_tables_bounded(const cc_tables *tables);
bool cc_tables_holds(const cc_tables *tables, uint64_t hash);
/* Deletes some hundred items of a table outside [first, last], in one turn of the lock; *count_out 0: none is left. */
CC_MUST_CHECK cc_status cc_table_prune(cc_tables *tables, cc_bytes name, uint64_t first, uint64_t last,
                                       cc_arena *arena, size_t *count_out, cc_error *error);

#endif
