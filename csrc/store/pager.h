/* pager.h: the page file `pages` beside a store's log: superblocks, and pages read and written whole.
 *
 * Nothing is made before the first page is written: a store without a checkpoint has no such file.
 * The order of a checkpoint's writes is its owner's (checkpoint.c): pages, sync, superblock, sync.
 *
 * Thread rule: extents, superblocks and making the file under the store's lock; reads and writes of pages
 * that the caller knows to be nobody else's without it. A failed sync, or a superblock that could not be
 * written, must end all writing (see cc_store_poison): what the file holds is no longer known. */
#ifndef CC_STORE_PAGER_H
#define CC_STORE_PAGER_H

#include "base/file.h"
#include "store/extents.h"
#include "store/page.h"

typedef struct {
    cc_fs *fs;
    cc_file *file; /* NULL: there is none yet */
    char *directory;
    bool name_unsynced;
    bool held;     /* the pages of found[1] are marked */
    uint64_t size; /* of the file when it was opened */
    cc_extents extents;
    uint64_t generation; /* of the pages written from now on */
    /* The checkpoints whose superblocks are good, newest first. [0] is the one that the store stands on once it
     * is restored. */
    cc_superblock found[CC_SLOTS];
    uint32_t slots[CC_SLOTS];
    uint32_t found_count;
    uint32_t damaged; /* slots that are neither good nor unused */
} cc_pager;

/* Looks for the file and reads its superblocks. CC_ERR_FORMAT when one is good, but of a format that this build
 * does not know. */
CC_MUST_CHECK cc_status cc_pager_open(cc_pager *pager, cc_fs *fs, const char *directory, bool read_only,
                                      cc_error *error);
void cc_pager_close(cc_pager *pager);
/* Makes the file if there is none. */
CC_MUST_CHECK cc_status cc_pager_make(cc_pager *pager, cc_error *error);
/* Leaves the newest checkpoint found out: it cannot be read. */
void cc_pager_skip(cc_pager *pager);

/* `page` has room for ref->size bytes. CC_ERR_CORRUPT (position: its offset) when it is not the page named. */
CC_MUST_CHECK cc_status cc_pager_read(cc_pager *pager, const cc_page_ref *ref, cc_page_kind kind,
                                      uint32_t space, uint8_t *page, cc_error *error);
/* Takes an extent for the page in `page` and fills its head in; cc_pager_write then writes it. */
CC_MUST_CHECK cc_status cc_pager_place(cc_pager *pager, cc_buffer *page, cc_page_kind kind, uint32_t space,
                                       uint32_t count, bool young, cc_page_ref *ref_out, cc_error *error);
CC_MUST_CHECK cc_status cc_pager_write(cc_pager *pager, const cc_buffer *page, const cc_page_ref *ref,
                                       cc_error *error);
/* Marks the blocks of `ref` in a map; CC_ERR_CORRUPT when they are not extents or belong to another page. */
CC_MUST_CHECK cc_status cc_pager_mark(cc_pager *pager, cc_map_name map, const cc_page_ref *ref,
                                      cc_error *error);
void cc_pager_release(cc_pager *pager, const cc_page_ref *ref);
CC_MUST_CHECK cc_status cc_pager_sync(cc_pager *pager, cc_error *error);
/* Writes and syncs a superblock into the next slot, */
CC_MUST_CHECK cc_status cc_pager_publish(cc_pager *pager, const cc_superblock *superblock, cc_error *error);
/* and, under the lock: found[0] is it from now on, what was found[0] is found[1]. */
void cc_pager_published(cc_pager *pager, const cc_superblock *superblock);

#endif
