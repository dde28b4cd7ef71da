/* memory_world.h: one small store on a simulated disk, for the tests that make allocations fail.
 *
 * One table with a local, a global and a vector index and followers who are told both images, and three items. */
#ifndef CC_TESTS_MEMORY_WORLD_H
#define CC_TESTS_MEMORY_WORLD_H

#include "table/table.h"
#include "tests/support/fault_fs.h"

typedef struct {
    const char *operation, *body;
    const char *half; /* the body of what may be done alone; NULL: all or nothing */
} request_case;

typedef struct {
    fault_fs *disk;
    cc_tables *tables;
} world;

typedef struct {
    cc_status status;
    int http;
    cc_buffer text;
} answer;

extern const char world_description[]; /* of the table "tab" */

world world_new(void);
void world_end(world *w);
cc_status world_open(fault_fs *disk, cc_tables **tables_out, cc_error *error);
void world_reopen(world *w);
void world_call(cc_tables *tables, const request_case *request, answer *answer_out);
/* All that can be read of it, the table, each index and the vectors; and checks every tree against its count. */
void world_dump(cc_tables *tables, cc_buffer *out);

#endif
