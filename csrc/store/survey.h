/* survey.h: a checkpoint in a page file looked at page by page, without changing a byte.
 *
 * Where opening stops at the first page that is not right, a survey names it and goes on to the next one. What it
 * holds against each other: every page and what its parent says of it, the blocks of all pages and the file, the
 * order of items within and across leaves, separators and the items around them, counts and sums of leaves and
 * spaces, and the zeros behind each page's end. */
#ifndef CC_STORE_SURVEY_H
#define CC_STORE_SURVEY_H

#include "base/finding.h"
#include "store/pager.h"

/* A place in the order of a space: all of a partition hash, or from a key on. */
typedef struct {
    uint64_t hash;
    bool has_key;
    cc_key key;
} cc_page_bound;
/* Whether an item lies at or behind `bound`. */
bool cc_page_bound_reached(const cc_page_bound *bound, uint64_t hash, cc_key key);

typedef struct {
    cc_findings *findings;
    void *context;
    /* Each space of the catalog, before its items; borrowed during the call, as below. Any may be NULL. */
    cc_status (*space)(void *context, const cc_catalog_entry *entry, uint32_t next_id, cc_error *error);
    /* Each item that checks, its value at hand, in order of the tree. */
    cc_status (*item)(void *context, uint32_t space, uint64_t partition_hash, const cc_page_item *item,
                      cc_error *error);
    /* Items of a space from `from` on and before `to` (NULL: to its end; equal to `from`: that one) may be missing:
     * `count` of them, 0 when it is not known which pages had them. */
    cc_status (*gap)(void *context, uint32_t space, const cc_page_bound *from, const cc_page_bound *to,
                     uint32_t count, cc_error *error);
} cc_page_visitor;

typedef struct {
    uint64_t pages, bytes; /* that check; bytes in use */
    uint64_t items;
    uint32_t spaces;
    bool catalog_read; /* else there is nothing of it */
    bool whole;        /* no page is missing */
} cc_page_survey;

/* Tells of slots of a page file that do not check. *damaged_out: how many. CC_ERR_FORMAT as cc_pager_open. */
CC_MUST_CHECK cc_status cc_survey_slots(cc_pager *pager, cc_findings *findings, uint32_t *damaged_out,
                                        cc_error *error);
/* Fails only when memory is out, the file cannot be read at all, or the visitor fails. `map`: where the blocks of
 * its pages are marked. `hash_mask` 0: all bits. */
CC_MUST_CHECK cc_status cc_survey_checkpoint(cc_pager *pager, const cc_superblock *superblock,
                                             cc_map_name map, uint64_t hash_mask,
                                             const cc_page_visitor *visitor, cc_page_survey *survey_out,
                                             cc_error *error);

#endif
