/* store_history.h: an endless, fixed sequence of operations on a store, one log record each, and what a store
 * must hold after any prefix of it.
 *
 * Operation n and every byte it writes follow from the seed and n, so a store that was crashed, reopened or
 * repaired can be held against the prefix that its last sequence says it has: no more, no less, no other bytes.
 * Spaces are made, described anew, dropped and made again; keys share partitions and long prefixes; values go
 * from nothing to several extents. */
#ifndef CC_TESTS_STORE_HISTORY_H
#define CC_TESTS_STORE_HISTORY_H

#include "store/internal.h"

enum { HISTORY_SPACES = 3, HISTORY_KEYS = 400 };

typedef struct {
    uint64_t seed;
    uint32_t large_in; /* one value in so many is large; 0: none */
    uint64_t done;     /* operations applied */
    struct {
        bool exists;
        uint64_t meta;                  /* the operation that described it */
        uint64_t version[HISTORY_KEYS]; /* the operation that put the key; 0: absent */
    } spaces[HISTORY_SPACES];
} history;

/* Operation done + 1 on the store, and, when that succeeded, on the history. */
CC_MUST_CHECK cc_status history_step(history *h, cc_store *store, cc_log_ticket *ticket_out, cc_error *error);
/* The history alone goes to `done` operations (from nothing, when it is beyond). */
void history_go_to(history *h, uint64_t done);
/* The operations that a store has seen: its records but the first. */
uint64_t history_of(const cc_store *store);
/* Every space, key and value, both indexes and their invariants; says on stderr what differs. */
bool history_matches(const history *h, cc_store *store);
/* How many keys differ, of those that operation `lost` (0: none) did not change; of a space that it made,
 * dropped or described, none is looked at. */
uint64_t history_wrong(const history *h, cc_store *store, uint64_t lost);
/* How many items the store has that no operation so far has put, byte by byte: 0 of any repaired store. */
uint64_t history_strangers(const history *h, cc_store *store);

#endif
