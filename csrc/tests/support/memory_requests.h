/* memory_requests.h: requests on the tables of memory_world.h that together go wherever item verbs go. */
#ifndef CC_TESTS_MEMORY_REQUESTS_H
#define CC_TESTS_MEMORY_REQUESTS_H

#include "tests/support/memory_world.h"

extern const request_case memory_writes[],
    memory_reads[]; /* those that write, or are refused where they would; the others */
extern const size_t memory_write_count, memory_read_count;
/* Most of them refused. */
extern const request_case memory_refusals[];
extern const size_t memory_refusal_count;

#endif
