/* fuzz_store_record.c: replay of log records that nobody trusts, onto a store in memory, and out of a log whose
 * checksums are right.
 *
 * Input: u8 flags (1: four hashes for all keys; 2: nothing in the log before them), then records, each u8 type |
 * u16 size | payload, little-endian; what does not fill a record is its payload cut short. Whatever comes, the store
 * keeps its invariants, and a record that was refused as corrupt does not stop later ones from being tried; open
 * refuses the log or gives such a store, and check and repair end well. */
#include "fuzz/check_repair.h"
#include "tests/support/fault_fs.c" /* fuzz targets link the core alone */

typedef cc_status (*taker)(void *context, uint32_t type, cc_bytes payload);

static void each_record(const uint8_t *data, size_t size, taker take, void *context) {
    for (size_t at = 1; at + 3 <= size;) {
        size_t wanted = data[at + 1] | (size_t)data[at + 2] << 8, left = size - at - 3;
        cc_bytes payload = {data + at + 3, wanted < left ? wanted : left};
        cc_status status = take(context, data[at], payload);
        CC_ASSERT(status == CC_OK || status == CC_ERR_CORRUPT || status == CC_ERR_FORMAT);
        at += 3 + payload.size;
    }
}

static cc_status apply(void *context, uint32_t type, cc_bytes payload) {
    cc_error error;
    return cc_store_apply_record(context, type, payload, &error);
}

static cc_status append(void *context, uint32_t type, cc_bytes payload) {
    cc_log_batch batch = {.type = type, .count = 1, .parts = &payload, .part_count = 1};
    cc_log_ticket ticket;
    return type == 0 ? CC_OK : cc_log_submit(context, &batch, CC_LOG_ANY, &ticket, NULL);
}

static void open_checked(const cc_store_options *options, bool right) {
    cc_store *store = NULL;
    cc_error error = {0};
    cc_status status = cc_store_open("d", options, &store, &error);
    CC_ASSERT(status == CC_OK || (!right && error.message[0] != '\0'));
    if (status != CC_OK)
        return;
    check_store(store);
    CC_ASSERT(cc_store_close(store, NULL) == CC_OK);
}

static void out_of_a_log(const uint8_t *data, size_t size) {
    fault_fs *disk = fault_fs_new();
    cc_store_options options = check_repair_options(disk);
    options.seed = 1;
    if ((data[0] & 2) == 0)
        open_checked(&options, true);
    cc_log *log = NULL;
    CC_ASSERT(cc_log_open("d", &options.log, &log, NULL) == CC_OK);
    each_record(data, size, append, log);
    CC_ASSERT(cc_log_close(log, NULL) == CC_OK);
    open_checked(&options, check_repair(disk));
    fault_fs_free(disk);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    cc_store *store = NULL;
    cc_error error;
    if (size == 0)
        return 0;
    CC_ASSERT(cc_store_open(NULL, NULL, &store, &error) == CC_OK);
    store->seed = 1; /* the same input takes the same way */
    store->hash_mask = data[0] & 1 ? 3 : UINT64_MAX;
    each_record(data, size, apply, store);
    check_store(store);
    CC_ASSERT(cc_store_close(store, NULL) == CC_OK);
    out_of_a_log(data, size);
    return 0;
}
