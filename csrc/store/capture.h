/* capture.h: from the items in memory to the pages of a checkpoint: one leaf, or one large value, at a time.
 *
 * What is captured is a copy, made under the store's lock and written outside it. The page gets its place when
 * it is copied, so that leaf and value know at once where they will lie. If the write then fails, the owner
 * marks them dirty again. Thread rule: the store's lock. */
#ifndef CC_STORE_CAPTURE_H
#define CC_STORE_CAPTURE_H

#include "store/internal.h"

/* The page of a leaf does not have what the leaf has. */
bool cc_leaf_is_dirty(const cc_leaf *leaf);

typedef struct {
    cc_buffer page;  /* whole blocks, ready to be written at `ref` */
    cc_page_ref ref; /* offset 0: nothing was captured */
    cc_page_kind kind;
    bool written;   /* already: nothing is left to do outside the lock */
    cc_buffer away; /* refs of the large values of the leaf looked at last */
    uint32_t
        at[CC_NODE_FANOUT]; /* of the leaf's page captured last: where in it the values of its slots are */
    cc_cell *cell;          /* whose value was captured last */
    uint32_t count;         /* of its items */
    uint64_t item_bytes;
} cc_capture;
void cc_capture_free(cc_capture *capture);

/* Captures the first large value from slot `from` on that lies nowhere yet; ref.offset stays 0 when all do. */
CC_MUST_CHECK cc_status cc_capture_value(cc_space *space, cc_leaf *leaf, uint32_t from, cc_capture *capture,
                                         cc_error *error);
/* Captures the leaf's items from slot `from` on, whose large values all lie somewhere; a whole leaf is clean
 * afterwards. */
CC_MUST_CHECK cc_status cc_capture_leaf(cc_space *space, cc_leaf *leaf, uint32_t from, cc_capture *capture,
                                        cc_error *error);
/* What was captured is on the disk, under the same lock: its values need no other place there. */
void cc_capture_settle(cc_space *space, cc_leaf *leaf, uint32_t from, const cc_capture *capture);
/* Fills `away`, `count` and `item_bytes` for a clean leaf. */
CC_MUST_CHECK cc_status cc_capture_look(const cc_leaf *leaf, cc_capture *capture, cc_error *error);

#endif
