/* verify.h: what checking a store (store/verify.h) asks of tables: are descriptions readable, is each value an item
 * whose key is the one it lies under, and does each index, made anew as opening makes it, agree with the items.
 *
 * Indexes and vectors are not on the disk, so there is nothing of them to be damaged: what is checked is that they
 * can be made of what is there, and that what is made is right. */
#ifndef CC_TABLE_VERIFY_H
#define CC_TABLE_VERIFY_H

#include "store/verify.h"

typedef struct {
    cc_findings *findings;
    /* Entries of the services' own spaces, whose names begin with '#': their bytes mean something to them. */
    void (*record)(void *context, cc_bytes space, cc_key key, cc_bytes value);
    void *context;
} cc_table_verification;

/* Entries of a backup (store/snapshot.h): *wrong_out is NULL where each is an item that lies under its own key, or
 * a delete; else what is wrong with entry *count_out. CC_ERR_VALIDATION when the description cannot be read;
 * without one (size 0) keys are not looked at. */
CC_MUST_CHECK cc_status cc_table_check_entries(cc_bytes description_json, cc_bytes entries,
                                               uint64_t *count_out, const char **wrong_out, cc_error *error);

/* The questions as cc_store_verify and cc_store_salvage ask them; `verification` must outlive the call. */
cc_verify_options cc_table_verify(cc_table_verification *verification);

#endif
