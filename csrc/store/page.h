/* page.h: the bytes of the page file, which holds the checkpoints of a store. docs/internals/pages.md
 * has the tables; numbers are little-endian.
 *
 *   file        4 superblock slots of 4 KiB | extents of whole 4 KiB blocks, one page each
 *   superblock  what a checkpoint is and where its catalog lies; written in turn, newest valid one wins
 *   catalog     the spaces: id, name, meta, their directory pages
 *   directory   the leaf pages of a space in order: where, how many items, the separator on their left
 *   leaf        up to 64 items in order; large values lie in extents of their own
 *   value       one large value
 *
 * Every page is named by a cc_page_ref in its parent: place, generation, size, checksum. The page carries
 * the same four and its kind and space, so that a page that was written elsewhere, not written at all, or
 * written half is told from the right one, and a page whose parent is lost can still be read.
 *
 * Readers here trust nothing but bounds; writers append to a buffer. No file is touched: pager.h does. */
#ifndef CC_STORE_PAGE_H
#define CC_STORE_PAGE_H

#include "store/btree.h"

enum {
    CC_BLOCK = 4096,
    CC_SLOTS = 4,
    CC_PAGE_HEAD = 40,
    CC_PAGE_MAJOR = 1, /* another major version is not read at all */
    CC_PAGE_MINOR = 0,
};
/* Bits of cc_superblock.incompat that this build reads; a file with another one is refused. ro_compat: may be
 * read, not written; compat: may be ignored. None is given out yet. */
#define CC_PAGE_INCOMPAT_KNOWN UINT64_C(0)
#define CC_PAGE_RO_COMPAT_KNOWN UINT64_C(0)

typedef enum { CC_PAGE_LEAF = 1, CC_PAGE_VALUE, CC_PAGE_DIRECTORY, CC_PAGE_CATALOG } cc_page_kind;

typedef struct {
    uint64_t generation; /* of the checkpoint; pages carry that of the one they were first written for */
    uint64_t previous;   /* the checkpoint before, whose pages are all still there; 0: none */
    uint64_t seed;       /* of the hashes */
    uint64_t begin;      /* the log is replayed from the sequence after this one */
    uint64_t end;        /* the pages may hold changes up to this sequence: the log has them */
    uint64_t incompat, ro_compat, compat;
    cc_page_ref catalog;
} cc_superblock;

/* `slot` 4096 bytes. */
void cc_superblock_encode(const cc_superblock *superblock, uint32_t slot_number, uint8_t *slot);
/* CC_ERR_NOT_FOUND: never written; CC_ERR_CORRUPT; CC_ERR_FORMAT: good, but not for this build. */
CC_MUST_CHECK cc_status cc_superblock_decode(const uint8_t *slot, uint32_t slot_number,
                                             cc_superblock *superblock_out, cc_error *error);

/* ---- any page ---- */
/* An empty page: its head is left open. */
CC_MUST_CHECK cc_status cc_page_begin(cc_buffer *page);
/* Fills the head in when the place is known; the bytes up to the end of the last block become zero. */
CC_MUST_CHECK cc_status cc_page_finish(cc_buffer *page, cc_page_kind kind, uint32_t space, uint32_t count,
                                       uint64_t offset, uint64_t generation, cc_page_ref *ref_out);
/* The page at `page` (ref->size bytes) is the one that `ref` names. */
CC_MUST_CHECK cc_status cc_page_check(const uint8_t *page, const cc_page_ref *ref, cc_page_kind kind,
                                      uint32_t space, cc_error *error);
/* What a page says of itself, if its own checksum holds: for salvage. `size`: bytes that can be read. */
typedef struct {
    cc_page_ref ref;
    cc_page_kind kind;
    uint32_t space, count;
} cc_page_about;
bool cc_page_identify(const uint8_t *page, size_t size, uint64_t offset, cc_page_about *about_out);
static inline uint64_t cc_page_blocks(uint32_t size) { return ((uint64_t)size + CC_BLOCK - 1) / CC_BLOCK; }

/* A walk over the entries of a checked page. */
typedef struct {
    cc_bytes rest;
    uint32_t left;
    cc_bytes partition; /* of the item before, in a leaf */
} cc_page_walk;
void cc_page_walk_begin(const uint8_t *page, cc_page_walk *walk_out);
/* After the last entry: nothing may follow it. */
CC_MUST_CHECK cc_status cc_page_walk_end(const cc_page_walk *walk, cc_error *error);

/* ---- leaf ---- */
typedef struct {
    cc_key key;
    uint32_t value_size;
    cc_bytes value;   /* data NULL: in an extent of its own, */
    cc_page_ref away; /* this one */
} cc_page_item;
/* `before`: the partition of the item written just before into the same page, or {NULL, 0}. */
CC_MUST_CHECK cc_status cc_leaf_page_add(cc_buffer *page, const cc_page_item *item, cc_bytes before);
CC_MUST_CHECK cc_status cc_leaf_page_next(cc_page_walk *walk, cc_page_item *item_out, cc_error *error);

/* ---- value ---- */
CC_MUST_CHECK cc_status cc_value_page_fill(cc_buffer *page, cc_bytes value);
/* The value in a checked page. */
static inline cc_bytes cc_value_page_bytes(const uint8_t *page, uint32_t size) {
    return cc_bytes_of(page + CC_PAGE_HEAD, size - CC_PAGE_HEAD);
}

/* ---- directory ---- */
typedef struct {
    cc_page_ref leaf;
    uint32_t count;      /* items */
    uint64_t item_bytes; /* of their values */
    /* What stands between the leaf before and this one, as in btree.h; of the first one of a space nothing. */
    cc_head separator;
    bool has_key;
    cc_key key;
    /* Extents of the leaf's large values: `away_count` cc_page_refs, of any alignment. */
    uint32_t away_count;
    const uint8_t *away;
} cc_directory_entry;
CC_MUST_CHECK cc_status cc_directory_add(cc_buffer *page, const cc_directory_entry *entry);
CC_MUST_CHECK cc_status cc_directory_next(cc_page_walk *walk, cc_directory_entry *entry_out, cc_error *error);

/* ---- catalog ---- */
enum { CC_CATALOG_COLLIDED = 1 };
typedef struct {
    uint32_t id, flags;
    uint64_t item_count, item_bytes;
    cc_bytes name, meta;
    uint32_t directory_count;
    const uint8_t *directories; /* cc_page_refs, of any alignment */
} cc_catalog_entry;
/* The page's own head, before the first entry. */
CC_MUST_CHECK cc_status cc_catalog_start(cc_buffer *page, uint32_t next_id);
CC_MUST_CHECK cc_status cc_catalog_add(cc_buffer *page, const cc_catalog_entry *entry);
CC_MUST_CHECK cc_status cc_catalog_open(cc_page_walk *walk, uint32_t *next_id_out, cc_error *error);
CC_MUST_CHECK cc_status cc_catalog_next(cc_page_walk *walk, cc_catalog_entry *entry_out, cc_error *error);

/* ---- refs in pages ---- */
enum { CC_PAGE_REF = 24 };
CC_MUST_CHECK cc_status cc_page_ref_append(cc_buffer *page, const cc_page_ref *ref);
cc_page_ref cc_page_ref_read(const uint8_t *from);

#endif
