/* forge.c: see forge.h. */
#include "tests/support/forge.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/little.h"
#include "fuzz/check_store.h"
#include "store/salvage.h"
#include "store/verify.h"
#include "tests/support/check.h"

static const cc_page_kind ORDER[] = {CC_PAGE_VALUE, CC_PAGE_LEAF, CC_PAGE_DIRECTORY, CC_PAGE_CATALOG};

/* ---- the store ---- */
cc_store_options forge_options(fault_fs *disk) {
    return (cc_store_options){
        .log = {.fs = fault_fs_table(disk), .segment_min = 1 << 14, .segment_max = 1 << 16},
        .checkpoint_bytes = UINT64_MAX,
        .hash_mask = FORGE_MASK,
        .seed = 5};
}

static void put(cc_space *space, int partition, int sort, size_t size) {
    static const uint8_t value[3 * CC_BLOCK] = {7};
    char partition_text[16], sort_text[16];
    cc_log_ticket ticket;
    snprintf(partition_text, sizeof partition_text, "p%d", partition);
    snprintf(sort_text, sizeof sort_text, "%08d-%d", sort / 4, sort % 4);
    cc_change change = {.kind = CC_CHANGE_PUT,
                        .space = space,
                        .key = {cc_bytes_text(partition_text), cc_bytes_text(sort_text)},
                        .value = cc_bytes_of(value, size)};
    CHECK_OK(cc_store_write(space->store, &change, 1, &ticket, NULL));
}

fault_fs *forge_disk(void) {
    fault_fs *disk = fault_fs_new();
    cc_store_options options = forge_options(disk);
    cc_store *store = NULL;
    cc_space *spaces[3];
    CHECK_OK(cc_store_open("d", &options, &store, NULL));
    CHECK_OK(cc_space_create(store, cc_bytes_text("one"), cc_bytes_text("{}"), &spaces[0], NULL));
    CHECK_OK(cc_space_create(store, cc_bytes_text("two"), cc_bytes_text(""), &spaces[1], NULL));
    CHECK_OK(cc_space_create(store, cc_bytes_text("none"), cc_bytes_text("{}"), &spaces[2], NULL));
    for (int i = 0; i < 300; i++) /* long partitions: separators are keys */
        put(spaces[0], i % 3, i, i % 50 == 1 ? CC_VALUE_INLINE_MAX + 1 : (size_t)i % 40);
    for (int i = 0; i < 100; i++) /* and here hashes alone */
        put(spaces[1], i, 0, 10);
    CHECK_OK(cc_store_checkpoint(store, NULL));
    put(spaces[0], 0, 0, 50);
    put(spaces[0], 1, 1, CC_VALUE_INLINE_MAX + 2);
    put(spaces[0], 2, 299, 1);
    put(spaces[1], 7, 0, 20);
    put(spaces[1], 90, 0, 20);
    CHECK_OK(cc_store_checkpoint(store, NULL));
    put(spaces[0], 2, 298, 5);
    CHECK_OK(cc_store_close(store, NULL));
    return disk;
}

/* ---- its pages ---- */
static bool identify(fault_fs *disk, uint64_t at, cc_page_about *about_out) {
    size_t size = 0;
    const uint8_t *bytes = fault_fs_bytes(disk, "d/pages", &size);
    return at < size && cc_page_identify(bytes + at, size - at, at, about_out);
}

static uint64_t end_of(fault_fs *disk) {
    size_t size = 0;
    (void)fault_fs_bytes(disk, "d/pages", &size);
    return size;
}

uint8_t *forge_page(fault_fs *disk, cc_page_kind kind, uint64_t generation, size_t nth) {
    cc_page_about about;
    size_t size = 0;
    uint8_t *bytes = fault_fs_bytes(disk, "d/pages", &size);
    for (uint64_t at = CC_SLOTS * CC_BLOCK; at < size; at += CC_BLOCK)
        if (identify(disk, at, &about) && about.kind == kind && about.ref.generation == generation &&
            nth-- == 0)
            return bytes + at;
    return NULL;
}

size_t forge_entry(const uint8_t *page, cc_page_kind kind, size_t nth) {
    cc_page_walk walk;
    cc_page_item item;
    cc_directory_entry entry;
    cc_catalog_entry space;
    uint32_t next_id;
    cc_page_walk_begin(page, &walk);
    if (kind == CC_PAGE_CATALOG)
        CHECK_OK(cc_catalog_open(&walk, &next_id, NULL));
    while (nth-- > 0)
        CHECK_OK(kind == CC_PAGE_LEAF        ? cc_leaf_page_next(&walk, &item, NULL)
                 : kind == CC_PAGE_DIRECTORY ? cc_directory_next(&walk, &entry, NULL)
                                             : cc_catalog_next(&walk, &space, NULL));
    return (size_t)(walk.rest.data - page);
}

static void replace(uint8_t *in, size_t size, const uint8_t *from, const uint8_t *to) {
    for (size_t at = 0; at + CC_PAGE_REF <= size; at++)
        if (memcmp(in + at, from, CC_PAGE_REF) == 0)
            memcpy(in + at, to, CC_PAGE_REF);
}

static void put_ref(uint8_t *to, const cc_page_ref *ref) {
    cc_put_u64(to, ref->offset);
    cc_put_u64(to + 8, ref->generation);
    cc_put_u32(to + 16, ref->size);
    cc_put_u32(to + 20, ref->crc);
}

void forge_seal_slots(fault_fs *disk) {
    size_t size = 0;
    uint8_t *bytes = fault_fs_bytes(disk, "d/pages", &size);
    for (size_t slot = 0; slot < CC_SLOTS; slot++) {
        uint8_t *at = bytes + slot * CC_BLOCK;
        if (cc_get_u64(at) != 0)
            cc_put_u32(at + CC_BLOCK - 4, cc_crc32c(0, at, CC_BLOCK - 4));
    }
}

void forge_seal(fault_fs *before, fault_fs *disk) {
    size_t size = 0;
    uint8_t *bytes = fault_fs_bytes(disk, "d/pages", &size);
    cc_page_about old;
    for (size_t kind = 0; kind < 4; kind++)
        for (uint64_t at = CC_SLOTS * CC_BLOCK; at < end_of(before); at += CC_BLOCK) {
            if (!identify(before, at, &old) || old.kind != ORDER[kind])
                continue;
            cc_page_ref now = old.ref;
            uint8_t from[CC_PAGE_REF], to[CC_PAGE_REF];
            now.size = cc_get_u32(bytes + at + 4);
            now.crc = cc_crc32c(0, bytes + at + 4, now.size - 4);
            cc_put_u32(bytes + at, now.crc);
            put_ref(from, &old.ref);
            put_ref(to, &now);
            replace(bytes, size, from, to);
        }
    forge_seal_slots(disk);
}

/* ---- what is made of it ---- */
static void keep(void *context, const cc_finding *finding) {
    forge_verdict *verdict = context;
    size_t used = strlen(verdict->told);
    if (!finding->harmless)
        snprintf(verdict->told + used, sizeof verdict->told - used, "%s\n", finding->what);
}

static bool verify(fault_fs *disk, const char *dir, forge_verdict *verdict) {
    cc_store_options options = forge_options(disk);
    cc_findings findings = {.found = keep, .context = verdict};
    cc_verify_options given = {.findings = &findings};
    cc_store_survey survey;
    cc_error error = {0};
    cc_status status = cc_store_verify(dir, &options, &given, &survey, &error);
    CHECK(status == CC_OK || (status == CC_ERR_FORMAT && error.message[0] != '\0'));
    CHECK(status != CC_OK || survey.opened == (findings.faults == 0));
    verdict->faults = findings.faults;
    return status == CC_OK;
}

static void repair(fault_fs *disk, forge_verdict *verdict) {
    cc_store_options options = forge_options(disk);
    cc_findings findings = {0};
    cc_verify_options asked = {.findings = &findings};
    cc_salvage salvage;
    cc_store *store = NULL;
    forge_verdict made = {0};
    cc_status status = cc_store_salvage("d", "r", &options, &asked, &salvage, NULL);
    CHECK(status == CC_OK || (status == CC_ERR_FORMAT && !verdict->knows));
    if (status != CC_OK)
        return;
    verdict->complete = salvage.complete;
    CHECK(!verdict->knows || verdict->faults != 0 || salvage.complete);
    CHECK(verify(disk, "r", &made));
    CHECK_EQ(made.faults, 0);
    CHECK_OK(cc_store_open("r", &options, &store, NULL));
    check_store(store);
    CHECK_OK(cc_store_close(store, NULL));
}

static uint64_t items_of(cc_store *store) {
    uint64_t items = 0;
    check_store(store);
    for (size_t i = 0; i < store->space_count; i++)
        items += store->spaces[i]->item_count;
    return items;
}

static void open_twice(fault_fs *disk, forge_verdict *verdict) {
    cc_store_options options = forge_options(disk);
    cc_store *store = NULL;
    verdict->opened = cc_store_open("d", &options, &store, &verdict->refused);
    CHECK(verdict->opened == CC_OK || verdict->opened == CC_ERR_CORRUPT || verdict->opened == CC_ERR_FORMAT);
    CHECK(verdict->opened == CC_OK || verdict->refused.message[0] != '\0');
    /* What can be read and not written is no fault. */
    CHECK(verdict->opened != CC_ERR_CORRUPT || verdict->faults != 0);
    if (store == NULL)
        return;
    verdict->fell_back = store->fell_back;
    uint64_t items = items_of(store);
    CHECK_OK(cc_store_checkpoint(store, NULL));
    CHECK_OK(cc_store_close(store, NULL));
    CHECK_OK(cc_store_open("d", &options, &store, NULL));
    if (store == NULL)
        return;
    CHECK_EQ(items_of(store), items);
    CHECK_OK(cc_store_close(store, NULL));
}

forge_verdict forge_judge(fault_fs *disk) {
    forge_verdict verdict = {0};
    verdict.knows = verify(disk, "d", &verdict);
    repair(disk, &verdict);
    open_twice(disk, &verdict);
    return verdict;
}
