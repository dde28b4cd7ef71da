/* page.c: superblocks, the heads of pages, and refs; the contents of pages: page_content.c. */
#include "store/page.h"

#include "base/hash.h"
#include "base/little.h"

static const char superblock_magic[] = "ccpages1";
enum { ENDIANNESS = 0x01020304, SLOT_CRC = CC_BLOCK - 4 };

static cc_status corrupt(cc_error *error, const char *what) {
    return cc_fail(error, CC_ERR_CORRUPT, "%s", what);
}

/* ---- superblocks ---- */
void cc_superblock_encode(const cc_superblock *superblock, uint32_t slot_number, uint8_t *slot) {
    memset(slot, 0, CC_BLOCK);
    memcpy(slot, superblock_magic, 8);
    cc_put_u32(slot + 8, CC_PAGE_MAJOR);
    cc_put_u32(slot + 12, CC_PAGE_MINOR);
    cc_put_u64(slot + 16, superblock->incompat);
    cc_put_u64(slot + 24, superblock->ro_compat);
    cc_put_u64(slot + 32, superblock->compat);
    cc_put_u32(slot + 40, ENDIANNESS);
    cc_put_u32(slot + 44, slot_number);
    cc_put_u64(slot + 48, superblock->seed);
    cc_put_u64(slot + 56, superblock->generation);
    cc_put_u64(slot + 64, superblock->previous);
    cc_put_u64(slot + 72, superblock->begin);
    cc_put_u64(slot + 80, superblock->end);
    cc_put_u64(slot + 88, superblock->catalog.offset);
    cc_put_u64(slot + 96, superblock->catalog.generation);
    cc_put_u32(slot + 104, superblock->catalog.size);
    cc_put_u32(slot + 108, superblock->catalog.crc);
    cc_put_u32(slot + SLOT_CRC, cc_crc32c(0, slot, SLOT_CRC));
}

static bool all_zero(const uint8_t *data, size_t size) {
    return data[0] == 0 && memcmp(data, data + 1, size - 1) == 0;
}

static cc_status check_features(const uint8_t *slot, cc_error *error) {
    uint32_t major = cc_get_u32(slot + 8);
    uint64_t unknown = cc_get_u64(slot + 16) & ~CC_PAGE_INCOMPAT_KNOWN;
    if (major != CC_PAGE_MAJOR)
        return cc_fail(error, CC_ERR_FORMAT, "the page file is of format version %u; this build knows %d",
                       (unsigned)major, CC_PAGE_MAJOR);
    if (unknown != 0)
        return cc_fail(error, CC_ERR_FORMAT,
                       "the page file uses features that this build does not know (incompatible bits %llx)",
                       (unsigned long long)unknown);
    if (cc_get_u32(slot + 40) != ENDIANNESS)
        return cc_fail(error, CC_ERR_FORMAT, "the page file was written by a machine of another byte order");
    return CC_OK;
}

cc_status cc_superblock_decode(const uint8_t *slot, uint32_t slot_number, cc_superblock *superblock_out,
                               cc_error *error) {
    if (all_zero(slot, CC_BLOCK))
        return cc_fail(error, CC_ERR_NOT_FOUND, "the slot was never written");
    if (memcmp(slot, superblock_magic, 8) != 0 || cc_get_u32(slot + SLOT_CRC) != cc_crc32c(0, slot, SLOT_CRC))
        return corrupt(error, "its checksum fails");
    CC_TRY(check_features(slot, error));
    *superblock_out = (cc_superblock){
        .incompat = cc_get_u64(slot + 16),
        .ro_compat = cc_get_u64(slot + 24),
        .compat = cc_get_u64(slot + 32),
        .seed = cc_get_u64(slot + 48),
        .generation = cc_get_u64(slot + 56),
        .previous = cc_get_u64(slot + 64),
        .begin = cc_get_u64(slot + 72),
        .end = cc_get_u64(slot + 80),
        .catalog = cc_page_ref_read(slot + 88),
    };
    if (cc_get_u32(slot + 44) != slot_number || superblock_out->generation == 0 ||
        superblock_out->previous >= superblock_out->generation || superblock_out->end < superblock_out->begin)
        return corrupt(error, "it contradicts itself");
    return CC_OK;
}

/* ---- pages ---- */
cc_status cc_page_begin(cc_buffer *page) {
    cc_buffer_clear(page);
    CC_TRY(cc_buffer_reserve(page, CC_PAGE_HEAD));
    memset(page->data, 0, CC_PAGE_HEAD);
    page->size = CC_PAGE_HEAD;
    return CC_OK;
}

cc_status cc_page_finish(cc_buffer *page, cc_page_kind kind, uint32_t space, uint32_t count, uint64_t offset,
                         uint64_t generation, cc_page_ref *ref_out) {
    uint32_t size = (uint32_t)page->size;
    size_t whole = (size_t)cc_page_blocks(size) * CC_BLOCK;
    CC_TRY(cc_buffer_reserve(page, whole - page->size));
    memset(page->data + page->size, 0, whole - page->size);
    page->size = whole;
    uint8_t *head = page->data;
    cc_put_u32(head + 4, size);
    cc_put_u64(head + 8, offset);
    cc_put_u64(head + 16, generation);
    cc_put_u32(head + 24, space);
    cc_put_u32(head + 28, (uint32_t)kind);
    cc_put_u32(head + 32, count);
    cc_put_u32(head + 36, 0);
    uint32_t crc = cc_crc32c(0, head + 4, size - 4);
    cc_put_u32(head, crc);
    *ref_out = (cc_page_ref){.offset = offset, .generation = generation, .size = size, .crc = crc};
    return CC_OK;
}

cc_status cc_page_check(const uint8_t *page, const cc_page_ref *ref, cc_page_kind kind, uint32_t space,
                        cc_error *error) {
    if (ref->size < CC_PAGE_HEAD)
        return corrupt(error, "its parent gives it no size");
    if (cc_get_u32(page) != ref->crc || cc_crc32c(0, page + 4, ref->size - 4) != ref->crc)
        return corrupt(error, "its checksum is not the one that its parent holds");
    if (cc_get_u32(page + 4) != ref->size || cc_get_u64(page + 8) != ref->offset ||
        cc_get_u64(page + 16) != ref->generation || cc_get_u32(page + 24) != space ||
        cc_get_u32(page + 28) != (uint32_t)kind || cc_get_u32(page + 36) != 0)
        return corrupt(error, "it is another page than its parent names");
    return CC_OK;
}

bool cc_page_identify(const uint8_t *page, size_t size, uint64_t offset, cc_page_about *about_out) {
    uint32_t own = size < CC_PAGE_HEAD ? 0 : cc_get_u32(page + 4);
    if (own < CC_PAGE_HEAD || own > size || cc_get_u64(page + 8) != offset ||
        cc_get_u32(page) != cc_crc32c(0, page + 4, own - 4))
        return false;
    *about_out = (cc_page_about){
        .ref = {.offset = offset, .generation = cc_get_u64(page + 16), .size = own, .crc = cc_get_u32(page)},
        .space = cc_get_u32(page + 24),
        .kind = (cc_page_kind)cc_get_u32(page + 28),
        .count = cc_get_u32(page + 32),
    };
    return about_out->kind >= CC_PAGE_LEAF && about_out->kind <= CC_PAGE_CATALOG;
}

void cc_page_walk_begin(const uint8_t *page, cc_page_walk *walk_out) {
    uint32_t size = cc_get_u32(page + 4);
    *walk_out = (cc_page_walk){.rest = {page + CC_PAGE_HEAD, size - CC_PAGE_HEAD},
                               .left = cc_get_u32(page + 32)};
}

cc_status cc_page_walk_end(const cc_page_walk *walk, cc_error *error) {
    return walk->left == 0 && walk->rest.size == 0 ? CC_OK : corrupt(error, "bytes behind its last entry");
}

/* ---- refs ---- */
cc_status cc_page_ref_append(cc_buffer *page, const cc_page_ref *ref) {
    CC_TRY(cc_buffer_reserve(page, CC_PAGE_REF));
    uint8_t *to = page->data + page->size;
    cc_put_u64(to, ref->offset);
    cc_put_u64(to + 8, ref->generation);
    cc_put_u32(to + 16, ref->size);
    cc_put_u32(to + 20, ref->crc);
    page->size += CC_PAGE_REF;
    return CC_OK;
}

cc_page_ref cc_page_ref_read(const uint8_t *from) {
    return (cc_page_ref){.offset = cc_get_u64(from),
                         .generation = cc_get_u64(from + 8),
                         .size = cc_get_u32(from + 16),
                         .crc = cc_get_u32(from + 20)};
}
