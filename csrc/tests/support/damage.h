/* damage.h: a store with a history and several checkpoints on a simulated disk, and every place of its files that may
 * be damaged, for the tests of check and repair. */
#ifndef CC_TESTS_DAMAGE_H
#define CC_TESTS_DAMAGE_H

#include "base/finding.h"
#include "tests/support/fault_fs.h"
#include "tests/support/store_history.h"

/* A page with the zeros behind it, a record, a slot, a segment's header. */
typedef struct {
    char path[64];
    uint64_t offset, size;
    uint64_t sequence; /* of a record; else 0 */
    uint64_t items;    /* that stand in a page */
    int kind;          /* cc_page_kind; 0: no page */
} damage_place;

typedef struct {
    fault_fs *disk; /* the store is in its directory "d" */
    history h;
    damage_place *places;
    size_t count;
    uint64_t random;
} damage_bed;

damage_bed damage_bed_new(uint64_t seed);
void damage_bed_free(damage_bed *b);
uint64_t damage_random(damage_bed *b);
/* Turns over a bit of a place on `disk`, the bed's or a copy; turned again it is as before. */
uint64_t damage_bit(damage_bed *b, const damage_place *at);
void damage_turn(fault_fs *disk, const damage_place *at, uint64_t bit);
cc_store_options damage_options(fault_fs *disk);
/* Faults and notices of cc_store_verify, each told to `found`. */
uint64_t damage_faults(fault_fs *disk, const char *dir, void (*found)(void *, const cc_finding *));
void damage_print(void *context, const cc_finding *finding);

#endif
