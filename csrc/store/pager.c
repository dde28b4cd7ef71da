/* pager.c: see pager.h. */
#include "store/pager.h"

#include <stdio.h>
#include <stdlib.h>

#include "store/poison.h"

static const char FILE_NAME[] = "pages";
enum { AFTER_DAMAGE = 16 }; /* generations passed over, so that none is given out twice */

/* ---- the file ---- */
static cc_status open_file(cc_pager *pager, cc_open_mode mode, cc_error *error) {
    size_t size = strlen(pager->directory) + sizeof FILE_NAME + 1;
    char *path = cc_store_alloc_fails() ? NULL : malloc(size);
    if (path == NULL)
        return cc_fail(error, CC_ERR_NOMEM, "no memory to open a page file");
    snprintf(path, size, "%s/%s", pager->directory, FILE_NAME);
    cc_status status = pager->fs->open(pager->fs, path, mode, &pager->file, error);
    free(path);
    return status;
}

static void keep_found(cc_pager *pager, const cc_superblock *superblock, uint32_t slot) {
    uint32_t at = pager->found_count++;
    for (; at > 0 && pager->found[at - 1].generation < superblock->generation; at--) {
        pager->found[at] = pager->found[at - 1];
        pager->slots[at] = pager->slots[at - 1];
    }
    pager->found[at] = *superblock;
    pager->slots[at] = slot;
}

static cc_status read_slots(cc_pager *pager, bool read_only, cc_error *error) {
    uint8_t bytes[CC_BLOCK];
    for (uint32_t slot = 0; slot < CC_SLOTS; slot++) {
        cc_superblock superblock;
        size_t got = 0;
        memset(bytes, 0, sizeof bytes);
        CC_TRY(pager->fs->read_at(pager->fs, pager->file, (uint64_t)slot * CC_BLOCK, bytes, sizeof bytes,
                                  &got, error));
        cc_status status = cc_superblock_decode(bytes, slot, &superblock, error);
        if (status == CC_ERR_FORMAT)
            return status;
        if (status == CC_ERR_CORRUPT)
            pager->damaged++;
        if (status != CC_OK)
            continue;
        if (!read_only && (superblock.ro_compat & ~CC_PAGE_RO_COMPAT_KNOWN) != 0)
            return cc_fail(error, CC_ERR_FORMAT,
                           "the page file uses features that this build can read but not write (bits %llx)",
                           (unsigned long long)superblock.ro_compat);
        keep_found(pager, &superblock, slot);
    }
    pager->generation = 1 + (pager->found_count != 0 ? pager->found[0].generation : 0) +
                        (pager->damaged != 0 ? AFTER_DAMAGE : 0);
    return CC_OK;
}

cc_status cc_pager_open(cc_pager *pager, cc_fs *fs, const char *directory, bool read_only, cc_error *error) {
    *pager = (cc_pager){.fs = fs, .generation = 1};
    cc_extents_init(&pager->extents, CC_SLOTS);
    pager->directory = cc_store_alloc_fails() ? NULL : strdup(directory);
    if (pager->directory == NULL)
        return cc_fail(error, CC_ERR_NOMEM, "no memory to open a page file");
    cc_error local = {0};
    cc_status status = open_file(pager, read_only ? CC_OPEN_READ : CC_OPEN_WRITE, &local);
    if (status == CC_ERR_NOT_FOUND)
        return CC_OK;
    if (status != CC_OK) {
        if (error != NULL)
            *error = local;
        return status;
    }
    CC_TRY(fs->size(fs, pager->file, &pager->size, error));
    return read_slots(pager, read_only, error);
}

void cc_pager_close(cc_pager *pager) {
    if (pager->file != NULL)
        pager->fs->close(pager->fs, pager->file);
    cc_extents_free(&pager->extents);
    free(pager->directory);
    *pager = (cc_pager){0};
}

cc_status cc_pager_make(cc_pager *pager, cc_error *error) {
    static const uint8_t zeros[CC_SLOTS * CC_BLOCK];
    if (pager->file != NULL)
        return CC_OK;
    CC_TRY(open_file(pager, CC_OPEN_CREATE, error));
    pager->name_unsynced = true;
    /* The slots get their blocks now: writing one later cannot fail for space. */
    cc_status status = pager->fs->write_at(pager->fs, pager->file, 0, zeros, sizeof zeros, error);
    if (status != CC_OK) {
        pager->fs->close(pager->fs, pager->file);
        pager->file = NULL;
    }
    return status;
}

void cc_pager_skip(cc_pager *pager) {
    CC_ASSERT(pager->found_count > 0);
    pager->found_count--;
    memmove(pager->found, pager->found + 1, pager->found_count * sizeof pager->found[0]);
    memmove(pager->slots, pager->slots + 1, pager->found_count * sizeof pager->slots[0]);
    pager->damaged++;
}

/* ---- pages ---- */
static cc_status at_page(cc_error *error, const cc_page_ref *ref, const cc_error *why) {
    cc_status status = cc_fail(error, why->status, "page at offset %llu: %s", (unsigned long long)ref->offset,
                               why->message);
    if (error != NULL)
        error->position = ref->offset;
    return status;
}

cc_status cc_pager_read(cc_pager *pager, const cc_page_ref *ref, cc_page_kind kind, uint32_t space,
                        uint8_t *page, cc_error *error) {
    cc_error why = {.status = CC_ERR_CORRUPT};
    size_t got = 0;
    cc_status status = pager->fs->read_at(pager->fs, pager->file, ref->offset, page, ref->size, &got, &why);
    if (status == CC_OK && got != ref->size)
        status = cc_fail(&why, CC_ERR_CORRUPT, "the file ends before it does");
    if (status == CC_OK)
        status = cc_page_check(page, ref, kind, space, &why);
    return status == CC_OK ? CC_OK : at_page(error, ref, &why);
}

cc_status cc_pager_place(cc_pager *pager, cc_buffer *page, cc_page_kind kind, uint32_t space, uint32_t count,
                         bool young, cc_page_ref *ref_out, cc_error *error) {
    uint64_t first = 0;
    if (page->size > UINT32_MAX - CC_BLOCK)
        return cc_fail(error, CC_ERR_LIMIT, "a page of %zu bytes", page->size);
    cc_status status = cc_extents_take(&pager->extents, cc_page_blocks((uint32_t)page->size), young, &first);
    if (status == CC_OK)
        status = cc_page_finish(page, kind, space, count, first * CC_BLOCK, pager->generation, ref_out);
    return status == CC_OK ? CC_OK : cc_fail(error, status, "no memory to place a page");
}

cc_status cc_pager_write(cc_pager *pager, const cc_buffer *page, const cc_page_ref *ref, cc_error *error) {
    return pager->fs->write_at(pager->fs, pager->file, ref->offset, page->data, page->size, error);
}

cc_status cc_pager_mark(cc_pager *pager, cc_map_name map, const cc_page_ref *ref, cc_error *error) {
    bool overlap = false;
    uint64_t blocks = cc_page_blocks(ref->size);
    cc_error why = {.status = CC_ERR_CORRUPT, .message = "its parent gives it no place in the file"};
    if (ref->offset % CC_BLOCK != 0 || blocks == 0 ||
        (map <= CC_LIVE && (ref->offset > pager->size || ref->size > pager->size - ref->offset)))
        return at_page(error, ref, &why);
    if (cc_extents_mark(&pager->extents, map, ref->offset / CC_BLOCK, blocks, &overlap) != CC_OK)
        return cc_fail(error, CC_ERR_NOMEM, "no memory for the map of a page file");
    if (!overlap)
        return CC_OK;
    snprintf(why.message, sizeof why.message, "its blocks belong to another page too");
    return at_page(error, ref, &why);
}

void cc_pager_release(cc_pager *pager, const cc_page_ref *ref) {
    if (ref->offset != 0)
        cc_extents_release(&pager->extents, ref->offset / CC_BLOCK, cc_page_blocks(ref->size));
}

/* ---- the end of a checkpoint ---- */
cc_status cc_pager_sync(cc_pager *pager, cc_error *error) {
    if (pager->name_unsynced)
        CC_TRY(pager->fs->sync_directory(pager->fs, pager->directory, error));
    pager->name_unsynced = false;
    return pager->fs->sync(pager->fs, pager->file, error);
}

static uint32_t next_slot(const cc_pager *pager) {
    return pager->found_count == 0 ? 0 : (pager->slots[0] + 1) % CC_SLOTS;
}

cc_status cc_pager_publish(cc_pager *pager, const cc_superblock *superblock, cc_error *error) {
    uint8_t bytes[CC_BLOCK];
    uint32_t slot = next_slot(pager);
    cc_superblock_encode(superblock, slot, bytes);
    CC_TRY(
        pager->fs->write_at(pager->fs, pager->file, (uint64_t)slot * CC_BLOCK, bytes, sizeof bytes, error));
    return pager->fs->sync(pager->fs, pager->file, error);
}

void cc_pager_published(cc_pager *pager, const cc_superblock *superblock) {
    uint32_t slot = next_slot(pager);
    pager->found[1] = pager->found[0];
    pager->slots[1] = pager->slots[0];
    pager->found[0] = *superblock;
    pager->slots[0] = slot;
    pager->found_count = pager->found_count == 0 ? 1 : 2;
    pager->generation = superblock->generation + 1;
    cc_extents_publish(&pager->extents);
}
