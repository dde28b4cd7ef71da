/* failing_memory.h: makes the n-th allocation of this thread fail.
 *
 * For test programs that are linked with --wrap (csrc/CMakeLists.txt): malloc, calloc, realloc, aligned_alloc, strdup
 * and mmap of the core and of the test count, and so does each time the store room asks whether an allocation is
 * to fail (store/poison.h), which it does per cell and page of its slabs. Only between memory_fails and memory_works.
 * getrandom draws the same bytes each time, so that two stores have their items in the same order. */
#ifndef CC_TESTS_FAILING_MEMORY_H
#define CC_TESTS_FAILING_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

/* From now on the `nth` allocation fails (1: the next), and with `sticky` all later ones; 0: they are counted only. */
void memory_fails(uint64_t nth, bool sticky);
/* Ends it; how many allocations were asked for. */
uint64_t memory_works(void);
/* What happens in between does not count and does not fail: the doubles of a test. Nests. */
void memory_spares(bool on);

#endif
