/* salvage.h: `cloudcore repair`: all of a damaged store that still checks, into a new directory.
 *
 *   newest checkpoint -> where its pages are damaged, the one before it -> pages that nothing names any more
 *   -> every log record that checks, in order
 *
 * A record of the log holds whole items, so replaying what both checkpoints may hold already ends in the same
 * state; ranges of a table that the newest checkpoint has are only changed by records behind its `begin`. The
 * source is never written to. Spaces keep their ids and the log goes on behind the last sequence, so places in
 * other files that name sequences stay true; the records themselves are not copied. */
#ifndef CC_STORE_SALVAGE_H
#define CC_STORE_SALVAGE_H

#include "base/finding.h"
#include "log/survey.h"
#include "store/store.h"
#include "store/verify.h"

typedef struct {
    uint64_t spaces, items, item_bytes; /* saved */
    uint64_t last_sequence;             /* that the new log goes on behind */
    uint64_t regained;                  /* items of damaged pages, from the checkpoint before */
    uint64_t orphans;        /* and from pages that nothing names; they may be older, or deleted since */
    uint64_t left_out;       /* items that `verify` finds wrong */
    uint64_t lost_sequences; /* of log records that do not check, and were needed */
    uint64_t stray_changes;  /* changes of tables whose creation is lost */
    bool complete;           /* nothing is missing: every damaged page was there twice, or in the log */
} cc_salvage;

/* Reads `from`, makes `to`, which must hold no store. What is wrong is told as cc_store_verify does, of whose questions
 * `verify` asks `item` alone: what is in the end no right item is not saved. Errors as there; CC_ERR_EXISTS when `to`
 * holds a store. */
CC_MUST_CHECK cc_status cc_store_salvage(const char *from, const char *to, const cc_store_options *options,
                                         const cc_verify_options *verify, cc_salvage *salvage_out,
                                         cc_error *error);

#endif
