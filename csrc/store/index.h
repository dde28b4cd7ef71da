/* index.h: further orders over the items of one space.
 *
 * An index is one more B+tree of the store's. Its entry is (index partition, index sort | table key) -> the
 * item's own cell: nothing of an item is copied but its index key, whatever the index projects, and a walk
 * reads the item where it lies. An index reads like a space (the cursor of store.h; the value of an entry
 * is the item) and cannot be written.
 *
 * cc_store_write keeps every index in the step that changes the item: new entries are put in while the
 * write is staged, old ones leave when it commits, and an item whose index key stays touches no tree.
 * A cell that moves (a value that outgrew it) is followed by the entries that point to it.
 *
 * Nothing of an index is logged. The owner creates it again after open and fills it: in slices, beside
 * writers, which keep what is filled already. Thread rule: the store's lock. */
#ifndef CC_STORE_INDEX_H
#define CC_STORE_INDEX_H

#include "store/store.h"

enum { CC_SPACE_INDEX_MAX = 64 };

/* What an index sees of one item. */
typedef struct {
    cc_key key;    /* unique in the index: the owner ends `sort` with the table key */
    uint32_t size; /* counted in cc_space_info.item_bytes of the index */
} cc_index_image;

/* *present_out false: the item is not in the index. The image may lie in `scratch` (cleared before) or in
 * the item; it must depend on the table key and the item alone. CC_ERR_NOMEM is its only failure. */
typedef cc_status (*cc_index_make)(const void *definition, cc_key table_key, cc_bytes item,
                                   cc_buffer *scratch, cc_index_image *image_out, bool *present_out);

/* An empty index, filling; writes keep it from now on. `definition` must outlive it. */
CC_MUST_CHECK cc_status cc_index_create(cc_space *base, cc_index_make make, const void *definition,
                                        cc_space **index_out, cc_error *error);
/* Whether a key can be made of what is stored; CC_ERR_CORRUPT with words for it: it cannot. */
typedef cc_status (*cc_index_check)(cc_key table_key, cc_bytes item, cc_error *error);

/* Puts up to `count` more items in; *done_out when all are. `check` (NULL: they are trusted) sees each one before its
 * key is made. A failure leaves it filling. */
CC_MUST_CHECK cc_status cc_index_fill(cc_space *index, cc_index_check check, size_t count, bool *done_out,
                                      cc_error *error);
bool cc_index_filling(const cc_space *index);
/* The definition an index was created with. */
const void *cc_index_definition(const cc_space *index);
/* The same index under another definition that makes the same keys and sizes. */
void cc_index_redefine(cc_space *index, const void *definition);
void cc_index_drop(cc_space *index);
/* The i-th index of a space, in order of creation; NULL past the end. */
cc_space *cc_index_at(const cc_space *base, size_t at);

#endif
