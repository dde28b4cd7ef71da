/* memory_ways.h: what fails under the tests that make allocations and calls of the disk fail. */
#ifndef CC_TESTS_MEMORY_WAYS_H
#define CC_TESTS_MEMORY_WAYS_H

#include "tests/support/memory_world.h"

typedef struct {
    uint64_t budget;
    bool disk, later; /* a call of the disk, not an allocation; all that follow too */
    uint64_t stride;  /* every so many-th of them */
} memory_way;

extern const memory_way memory_ways[];
extern const size_t memory_way_count;

/* From now on the `nth` of them fails; how many the disk had before, for memory_way_end. */
uint64_t memory_way_begin(const memory_way *how, const world *w, uint64_t nth);
/* Ends it; whether what ran in between got as far as that one. */
bool memory_way_end(const memory_way *how, const world *w, uint64_t nth, uint64_t before);
/* Whether two texts, or two dumps, are the same. */
bool same_text(const cc_buffer *a, const cc_buffer *b);

#endif
