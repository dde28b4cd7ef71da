/* fuzz_store_record.c: replay of log records that nobody trusts, onto a store in memory.
 *
 * Input: records, each u8 type | u16 size | payload, little-endian; what does not fill a record is
 * its payload cut short. Whatever comes, the store keeps its invariants, and a record that was
 * refused as corrupt does not stop later ones from being tried. */
#include "fuzz/check_store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    cc_store *store = NULL;
    cc_error error;
    if (cc_store_open(NULL, NULL, &store, &error) != CC_OK)
        return 0;
    store->seed = 1; /* the same input takes the same way */
    if (size > 0)
        store->hash_mask = data[0] & 1 ? 3 : UINT64_MAX;
    for (size_t at = 1; at + 3 <= size;) {
        size_t wanted = data[at + 1] | (size_t)data[at + 2] << 8, left = size - at - 3;
        cc_bytes payload = {data + at + 3, wanted < left ? wanted : left};
        cc_status status = cc_store_apply_record(store, data[at], payload, &error);
        CC_ASSERT(status == CC_OK || status == CC_ERR_CORRUPT || status == CC_ERR_FORMAT ||
                  status == CC_ERR_NOMEM);
        at += 3 + payload.size;
    }
    check_store(store);
    CC_ASSERT(cc_store_close(store, NULL) == CC_OK);
    return 0;
}
