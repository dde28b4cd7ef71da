/* verify.h: `cloudcore check`: everything in a store's directory held against everything else.
 *
 * Nothing is changed. Log and both checkpoints are surveyed page by page and record by record; the log is held
 * against what the checkpoints need of it; when all of that is right the store is opened for reading: tree, hash
 * index, counts and the indexes that `opened` makes are held against each other, and `item` is shown every item. */
#ifndef CC_STORE_VERIFY_H
#define CC_STORE_VERIFY_H

#include "base/finding.h"
#include "log/survey.h"
#include "store/store.h"
#include "store/survey.h"

typedef struct {
    cc_log_survey log;
    uint64_t generation; /* of the newest checkpoint; 0: there is none */
    cc_page_survey newest, previous;
    uint64_t spaces, items, item_bytes; /* as opened; 0 when faults were found before */
    uint64_t indexes, entries;          /* that `opened` made, and what they hold */
    uint64_t memory_used;               /* in the end, for keys, indexes and values */
    bool opened;
} cc_store_survey;

typedef struct {
    cc_findings *findings;
    /* NULL: none. The opened store, before it is looked at: its owner makes the indexes of its spaces, as it
     * does when it opens it, and tells what it cannot make; not of values that no key can be made of. */
    cc_status (*opened)(void *context, cc_store *store, cc_error *error);
    /* NULL: none. Each item of the opened store; NULL: right, else what is wrong with it. */
    const char *(*item)(void *context, const cc_space *space, cc_key key, cc_bytes value);
    /* Of an index that `opened` made. */
    cc_bytes (*index_name)(const void *definition);
    void *context;
} cc_verify_options;

/* CC_ERR_BUSY when a process owns the directory, CC_ERR_FORMAT when this build does not know its format,
 * CC_ERR_NOT_FOUND when there is no store. What is wrong with the bytes is told, and no failure. */
CC_MUST_CHECK cc_status cc_store_verify(const char *dir, const cc_store_options *options,
                                        const cc_verify_options *verify, cc_store_survey *survey_out,
                                        cc_error *error);

#endif
