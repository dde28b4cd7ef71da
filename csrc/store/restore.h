/* restore.h: the spaces of a checkpoint brought back into memory, at open. */
#ifndef CC_STORE_RESTORE_H
#define CC_STORE_RESTORE_H

#include "store/internal.h"

/* Restores the newest checkpoint that can be read, if there is one. *begin_out: replay the log from the sequence
 * after it; *end_out: the log must reach it. Both 0 when there is none: then the log is all. */
CC_MUST_CHECK cc_status cc_restore(cc_store *store, uint64_t *begin_out, uint64_t *end_out, cc_error *error);
/* Before the first page is written: keeps the pages of the checkpoint before the newest one. Lock held. */
CC_MUST_CHECK cc_status cc_restore_hold(cc_store *store, cc_error *error);

#endif
