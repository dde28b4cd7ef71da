/* fuzz_page.c: a page file that nobody trusts, with good checksums: opened, walked, checkpointed and opened again.
 *
 * Input: pages, each u8 kind | u8 space | u8 count | u16 size | payload, little-endian; what does not fill a page is
 * its payload cut short. In a payload "REF!" and a byte n, in 24 bytes, stand for the place of page n before it, so
 * that the fuzzer need not know checksums. The last page is named by the superblock. Whatever comes, open says no
 * or gives a store whose invariants hold, and which a checkpoint of it gives back; and so do check and repair. */
#include "base/little.h"
#include "fuzz/check_repair.h"
#include "tests/support/fault_fs.c" /* fuzz targets link the core alone */

enum { PAGES_MAX = 40, HEAD = 5 };

typedef struct {
    cc_page_ref refs[PAGES_MAX];
    uint32_t count;
    cc_buffer file;
} page_file;

static void resolve_refs(const page_file *pages, uint8_t *payload, size_t size) {
    for (size_t at = 0; at + CC_PAGE_REF <= size; at++) {
        if (memcmp(payload + at, "REF!", 4) != 0 || payload[at + 4] >= pages->count)
            continue;
        const cc_page_ref *ref = &pages->refs[payload[at + 4]];
        cc_put_u64(payload + at, ref->offset);
        cc_put_u64(payload + at + 8, ref->generation);
        cc_put_u32(payload + at + 16, ref->size);
        cc_put_u32(payload + at + 20, ref->crc);
    }
}

static void add_page(page_file *pages, const uint8_t *head, cc_bytes payload) {
    cc_buffer page = {0};
    CC_ASSERT(cc_page_begin(&page) == CC_OK && cc_buffer_append(&page, payload.data, payload.size) == CC_OK);
    resolve_refs(pages, page.data + CC_PAGE_HEAD, payload.size);
    CC_ASSERT(cc_page_finish(&page, (cc_page_kind)head[0], head[1], head[2], pages->file.size, 1,
                             &pages->refs[pages->count]) == CC_OK);
    pages->count++;
    CC_ASSERT(cc_buffer_append(&pages->file, page.data, page.size) == CC_OK);
    cc_buffer_free(&page);
}

static void exercise(fault_fs *disk) {
    cc_store_options options = check_repair_options(disk);
    cc_store *store = NULL;
    cc_error error = {0};
    bool right = check_repair(disk);
    cc_status status = cc_store_open("d", &options, &store, &error);
    CC_ASSERT(status == CC_OK || !right);
    CC_ASSERT(status == CC_OK || error.message[0] != '\0');
    CC_ASSERT(status == CC_OK || status == CC_ERR_CORRUPT || status == CC_ERR_FORMAT);
    if (status != CC_OK)
        return;
    check_store(store);
    size_t spaces = store->space_count;
    uint64_t items = 0, again = 0;
    for (size_t i = 0; i < spaces; i++)
        items += store->spaces[i]->item_count;
    CC_ASSERT(cc_store_checkpoint(store, &error) == CC_OK);
    CC_ASSERT(cc_store_close(store, NULL) == CC_OK);
    CC_ASSERT(cc_store_open("d", &options, &store, &error) == CC_OK);
    check_store(store);
    for (size_t i = 0; i < store->space_count; i++)
        again += store->spaces[i]->item_count;
    CC_ASSERT(store->space_count == spaces && again == items);
    CC_ASSERT(cc_store_close(store, NULL) == CC_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint8_t nothing[CC_SLOTS * CC_BLOCK];
    page_file pages = {0};
    CC_ASSERT(cc_buffer_append(&pages.file, nothing, sizeof nothing) == CC_OK);
    while (size >= HEAD && pages.count < PAGES_MAX) {
        size_t wanted = cc_get_u16(data + 3), left = size - HEAD;
        size_t payload = wanted < left ? wanted : left;
        add_page(&pages, data, cc_bytes_of(data + HEAD, payload));
        data += HEAD + payload;
        size -= HEAD + payload;
    }
    if (pages.count != 0) {
        cc_superblock superblock = {.generation = 1, .seed = 1, .catalog = pages.refs[pages.count - 1]};
        cc_superblock_encode(&superblock, 0, pages.file.data);
        fault_fs *disk = fault_fs_new();
        fault_fs_set(disk, "d/pages", pages.file.data, pages.file.size);
        exercise(disk);
        fault_fs_free(disk);
    }
    cc_buffer_free(&pages.file);
    return 0;
}
