/* export.h: the items of a table as lines, for files that others read: DynamoDB JSON or Ion text.
 *
 *   item     {"Item":{..}}                          $ion_1_0 {Item:{..}}
 *   change   {"Metadata":{"WriteTimestampMicros":{"N":".."}},"Keys":{..},"NewImage":{..},"OldImage":{..}}
 *            $ion_1_0 {Record:{Metadata:{WriteTimestampMicros:123.},Keys:{..},NewImage:{..},OldImage:{..}}}
 *
 * Entries (store/snapshot.h) go in, without the GIL and without an object for an item. A filter is what Query
 * or Scan would be asked: of the items whose key condition and filter hold, what the projection leaves. A change
 * is told when either of its images passes. */
#ifndef CC_TABLE_EXPORT_H
#define CC_TABLE_EXPORT_H

#include "table/changes.h"
#include "table/table.h"

typedef struct cc_export cc_export;

/* `request`: the JSON body of a Query or Scan (`query`) with the expressions of the filter; data NULL: none.
 * CC_ERR_VALIDATION, CC_ERR_SERIALIZATION: what the verb itself would say of them. One thread at a time. */
CC_MUST_CHECK cc_status cc_export_open(cc_tables *tables, bool ion, bool query, cc_bytes request,
                                       cc_export **export_out, cc_error *error);
void cc_export_close(cc_export *self); /* NULL is fine */

typedef struct {
    uint64_t lines;
    uint64_t bytes; /* of the items looked at, as DynamoDB counts them */
} cc_export_sum;    /* added up */

/* Lines of items, appended. `stamped`: the entries are as cc_archive_entries stamps them; deletes are left out.
 * CC_ERR_CORRUPT: bytes that are no entries. */
CC_MUST_CHECK cc_status cc_export_items(cc_export *self, cc_bytes entries, bool stamped, cc_buffer *out,
                                        cc_export_sum *sum, cc_error *error);
/* Lines of changes, appended: `entries` are stamped; what was there before is in the table `old` of `tables`.
 * A key that was absent and is absent again is left out. `images`: CC_IMAGE_NEW, CC_IMAGE_OLD. */
CC_MUST_CHECK cc_status cc_export_changes(cc_export *self, cc_bytes entries, cc_tables *tables, cc_bytes old,
                                          uint32_t images, cc_buffer *out, cc_export_sum *sum,
                                          cc_error *error);

#endif
