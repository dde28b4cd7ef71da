/* check_repair.h: check and repair of a directory that nobody trusts.
 *
 * Whatever is in it, both end; what check finds nothing wrong with opens; what repair makes opens and checks. */
#ifndef CC_FUZZ_CHECK_REPAIR_H
#define CC_FUZZ_CHECK_REPAIR_H

#include "fuzz/check_store.h"
#include "store/salvage.h"
#include "store/verify.h"
#include "tests/support/fault_fs.h"

static inline cc_store_options check_repair_options(fault_fs *disk) {
    return (cc_store_options){.log = {.segment_min = 4096, .segment_max = 8192, .fs = fault_fs_table(disk)},
                              .checkpoint_bytes = UINT64_MAX};
}

/* False: this build does not know the format of what is there. */
static inline bool check_faults(fault_fs *disk, const char *dir, uint64_t *faults_out) {
    cc_store_options options = check_repair_options(disk);
    cc_findings findings = {0};
    cc_verify_options asked = {.findings = &findings};
    cc_store_survey survey;
    cc_error error = {0};
    cc_status status = cc_store_verify(dir, &options, &asked, &survey, &error);
    CC_ASSERT(status == CC_OK || (status == CC_ERR_FORMAT && error.message[0] != '\0'));
    CC_ASSERT(status != CC_OK || survey.opened == (findings.faults == 0));
    *faults_out = findings.faults;
    return status == CC_OK;
}

/* Directory "d" of `disk` is as before; whether it has no fault. */
static inline bool check_repair(fault_fs *disk) {
    cc_store_options options = check_repair_options(disk);
    cc_findings findings = {0};
    cc_verify_options asked = {.findings = &findings};
    cc_salvage salvage;
    cc_error error = {0};
    uint64_t faults = 0, made_faults = 0;
    bool known = check_faults(disk, "d", &faults);
    cc_status status = cc_store_salvage("d", "r", &options, &asked, &salvage, &error);
    CC_ASSERT(status == CC_OK || (!known && status == CC_ERR_FORMAT));
    if (status != CC_OK)
        return false;
    CC_ASSERT(check_faults(disk, "r", &made_faults) && made_faults == 0);
    CC_ASSERT(!known || faults != 0 || salvage.complete);
    cc_store *store = NULL;
    CC_ASSERT(cc_store_open("r", &options, &store, &error) == CC_OK);
    check_store(store);
    CC_ASSERT(cc_store_close(store, NULL) == CC_OK);
    return known && faults == 0;
}

#endif
