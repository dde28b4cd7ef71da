/* forge.h: a store with two checkpoints whose pages are changed as no version writes them, with every checksum right
 * again, and what check, repair and opening make of a directory. They must agree: what check finds nothing wrong
 * with opens and is repaired whole; what repair makes is without fault. */
#ifndef CC_TESTS_FORGE_H
#define CC_TESTS_FORGE_H

#include "store/internal.h"
#include "tests/support/fault_fs.h"

enum { FORGE_MASK = 0xff }; /* few hashes: some partitions share one */

/* In directory "d": tables with several leaves, values in pages of their own, and keys that begin alike; checkpoints
 * of generation 1 and 2, which share pages, and records behind them. */
fault_fs *forge_disk(void);
cc_store_options forge_options(fault_fs *disk);

/* A page that was written for a checkpoint, the `nth` of its kind in the file; NULL: there is none. */
uint8_t *forge_page(fault_fs *disk, cc_page_kind kind, uint64_t generation, size_t nth);
/* Where its `nth` entry begins. */
size_t forge_entry(const uint8_t *page, cc_page_kind kind, size_t nth);
/* Pages of `disk` were changed since it was a copy of `before`: new checksums, of as many bytes as they say now, in
 * themselves, their parents and the superblocks. */
void forge_seal(fault_fs *before, fault_fs *disk);
/* Of the superblocks alone. */
void forge_seal_slots(fault_fs *disk);

typedef struct {
    uint64_t faults;
    bool complete;    /* said repair */
    bool knows;       /* no format that this build does not know */
    cc_status opened; /* directory "d" */
    bool fell_back;   /* to the checkpoint before */
    char told[4000];  /* by check: all faults */
    cc_error refused; /* said opening */
} forge_verdict;
/* All three, and a checkpoint of what opens, which is then opened again. */
forge_verdict forge_judge(fault_fs *disk);

#endif
