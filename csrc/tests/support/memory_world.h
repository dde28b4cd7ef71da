/* memory_world.h: one small store on a simulated disk, for the tests that make allocations fail.
 *
 * One table with a local, a global and a vector index and followers who are told both images, and three items; and
 * a plain one with two. With a memory budget of one byte every value is on the disk alone. */
#ifndef CC_TESTS_MEMORY_WORLD_H
#define CC_TESTS_MEMORY_WORLD_H

#include "table/table.h"
#include "tests/support/fault_fs.h"

typedef struct {
    const char *operation, *body;
    const char *half; /* the body of what may be done alone; NULL: all or nothing */
    double left;      /* what the tables' throughput has left for it; 0: no bound */
} request_case;

typedef struct {
    fault_fs *disk;
    uint64_t budget; /* of memory; 0: none */
    cc_tables *tables;
} world;

typedef struct {
    cc_status status;
    int http;
    cc_buffer text;
} answer;

extern const char world_description[]; /* of the table "tab" */

world world_new(uint64_t budget);
void world_end(world *w);
cc_status world_open(world *w, cc_error *error);
void world_reopen(world *w);
/* Each table and index has `left` units and no more for a long time; 0: none is asked for. */
void world_throughput(cc_tables *tables, double left);
void world_call(cc_tables *tables, const request_case *request, answer *answer_out);
/* All that can be read of it, the table, each index and the vectors; and checks every tree against its count. */
void world_dump(cc_tables *tables, cc_buffer *out);

#endif
