/* memory_ways.c: see memory_ways.h. */
#include "tests/support/memory_ways.h"

#include "tests/support/failing_memory.h"

const memory_way memory_ways[] = {
    {.stride = 1},
    /* Many times more allocations where every growth is one: a third of them will do. */
    {.later = true, .stride = CC_TIGHT ? 3 : 1},
    {.budget = 1, .stride = 2},
    {.budget = 1, .disk = true, .stride = 1},
    {.budget = 1, .disk = true, .later = true, .stride = 1},
};
const size_t memory_way_count = sizeof memory_ways / sizeof *memory_ways;

uint64_t memory_way_begin(const memory_way *how, fault_fs *disk, uint64_t nth) {
    uint64_t before = fault_fs_calls(disk);
    if (how->disk)
        fault_fs_fail(disk, nth, how->kind, how->later);
    else
        memory_fails(nth, how->later);
    return before;
}

bool memory_way_end(const memory_way *how, fault_fs *disk, uint64_t nth, uint64_t before) {
    uint64_t done = how->disk ? fault_fs_calls(disk) - before : memory_works();
    fault_fs_fail(disk, 0, FAULT_EIO, false);
    return done >= nth;
}

bool same_text(const cc_buffer *a, const cc_buffer *b) {
    return cc_bytes_equal(cc_buffer_bytes(a), cc_buffer_bytes(b));
}
