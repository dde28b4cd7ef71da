/* check_store.h: what holds of every store, whatever it was made of. */
#ifndef CC_FUZZ_CHECK_STORE_H
#define CC_FUZZ_CHECK_STORE_H

#include "store/internal.h"

static inline void check_store(cc_store *store) {
    for (size_t i = 0; i < store->space_count; i++) {
        cc_space *space = store->spaces[i];
        CC_ASSERT(cc_btree_check(&space->tree) == space->item_count);
        cc_space_cursor cursor;
        uint64_t bytes = 0;
        for (bool more = cc_space_seek_hash(space, 0, &cursor); more; more = cc_space_next(&cursor)) {
            cc_key key;
            cc_bytes value, found;
            cc_space_entry(&cursor, NULL, &key, &value);
            CC_ASSERT(cc_space_get(space, key, &found) && found.data == value.data);
            bytes += value.size;
        }
        CC_ASSERT(bytes == space->item_bytes);
    }
}

#endif
