/* memory_ways.h: what fails under the tests that make allocations and calls of the disk fail: programs that are linked
 * as failing_memory.h says. */
#ifndef CC_TESTS_MEMORY_WAYS_H
#define CC_TESTS_MEMORY_WAYS_H

#include "base/bytes.h"
#include "tests/support/fault_fs.h"

typedef struct {
    uint64_t budget;
    bool disk, later; /* a call of the disk, not an allocation; all that follow too */
    fault_kind kind;  /* how the call does */
    uint64_t stride;  /* every so many-th of them */
} memory_way;

/* Of a request, or a step, on a world (memory_world.h). */
extern const memory_way memory_ways[];
extern const size_t memory_way_count;

/* From now on the `nth` of them fails; how many the disk had before, for memory_way_end. */
uint64_t memory_way_begin(const memory_way *how, fault_fs *disk, uint64_t nth);
/* Ends it; whether what ran in between got as far as that one. */
bool memory_way_end(const memory_way *how, fault_fs *disk, uint64_t nth, uint64_t before);
/* Whether two texts, or two dumps, are the same. */
bool same_text(const cc_buffer *a, const cc_buffer *b);

#endif
