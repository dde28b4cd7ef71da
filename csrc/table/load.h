/* load.h: items by the thousand, past the verbs: restores and imports write them, exports read them.
 *
 * Whole keys and items go in and out in the form of a snapshot's entries (store/snapshot.h). Nothing here
 * needs the GIL or the store's lock; writers and readers come in between. */
#ifndef CC_TABLE_LOAD_H
#define CC_TABLE_LOAD_H

#include "store/snapshot.h"
#include "table/table.h"

/* Puts (and, for entries without a value, deletes) in order, a few hundred a log record; a table that is being
 * loaded is found too. The entries were made by a table with the same key, and each is held against it; `stamped`: as
 * cc_archive_entries stamps them. Durable as the tables' mode promises when it returns. On failure some may be in.
 * CC_ERR_NOT_FOUND: no such table. CC_ERR_CORRUPT: bytes that are no entries, or not of this table. */
CC_MUST_CHECK cc_status cc_table_load(cc_tables *tables, cc_bytes name, cc_bytes entries, bool stamped,
                                      uint64_t *count_out, cc_error *error);

/* Appends those entries whose keys a table has (`present`) or has not, and adds up their number. */
CC_MUST_CHECK cc_status cc_table_filter(cc_tables *tables, cc_bytes name, bool present, cc_bytes entries,
                                        cc_buffer *out, uint64_t *count, cc_error *error);

/* A view of a table, to be read by cc_snapshot_read. CC_ERR_NOT_FOUND: no such table. */
CC_MUST_CHECK cc_status cc_table_snapshot(cc_tables *tables, cc_bytes name, size_t memory_max,
                                          cc_snapshot **snapshot_out, cc_error *error);

#endif
