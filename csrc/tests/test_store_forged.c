/* test_store_forged.c: page files whose checksums are right and whose contents no version has written, field by field,
 * in the newest checkpoint and in the one before it; and the same of superblocks and of single pages. */
#include <stdlib.h>

#include "base/hash.h"
#include "base/little.h"
#include "support/check.h"
#include "support/forge.h"

enum { NEWEST = 2, BEFORE = 1, OF_PAGE = -1 };

/* `value` goes into `width` bytes at `at` of an entry, or of the page's head (entry OF_PAGE); with `add` it is added to
 * what is there. */
typedef struct {
    cc_page_kind kind;
    uint64_t generation;
    size_t page;
    int entry;
    size_t at;
    int width;
    bool add;
    uint64_t value;
    const char *told; /* by check */
} forgery;

static uint64_t get(const uint8_t *from, int width) {
    uint64_t value = 0;
    memcpy(&value, from, (size_t)width);
    return value;
}

static bool forge(fault_fs *disk, const forgery *f) {
    uint8_t *page = forge_page(disk, f->kind, f->generation, f->page);
    CHECK(page != NULL);
    if (page == NULL)
        return false;
    uint8_t *at = page + (f->entry == OF_PAGE ? 0 : forge_entry(page, f->kind, (size_t)f->entry)) + f->at;
    uint64_t value = f->add ? get(at, f->width) + f->value : f->value;
    memcpy(at, &value, (size_t)f->width);
    return true;
}

/* Where fields stand: page_content.c. */
#define LEAF(entry, at, width, add, value, told) {CC_PAGE_LEAF, 0, 1, entry, at, width, add, value, told}
#define DIRECTORY(entry, at, width, add, value, told)                                                        \
    {CC_PAGE_DIRECTORY, 0, 0, entry, at, width, add, value, told}
#define CATALOG(entry, at, width, add, value, told)                                                          \
    {CC_PAGE_CATALOG, 0, 0, entry, at, width, add, value, told}
static const uint64_t FEWER = (uint64_t)-1;

static const forgery forgeries[] = {
    LEAF(OF_PAGE, 32, 4, true, 1, "it ends before its last entry"),
    LEAF(OF_PAGE, 32, 4, true, FEWER, "bytes behind its last entry"),
    LEAF(OF_PAGE, 4, 4, true, FEWER, "the sizes of an item"),
    LEAF(0, 0, 1, false, 4, "the head of an item"),
    LEAF(0, 1, 1, false, 1, "the head of an item"),
    LEAF(0, 0, 1, false, 2, "the first item names the partition before it"),
    LEAF(0, 0, 1, false, 1, "the sizes of an item"),
    LEAF(0, 8, 2, false, 65535, "the partition of an item"),
    LEAF(0, 2, 2, false, 65535, "the sizes of an item"),
    LEAF(0, 4, 4, false, 65535, "the sizes of an item"),
    LEAF(0, 4, 4, false, UINT32_MAX, "the sizes of an item"),
    LEAF(0, 10, 1, false, 'q', ""),
    LEAF(1, 8, 8, false, 0, "its items are not in order"),
    LEAF(1, 8, 8, false, UINT64_MAX, "its items are not in order"),
    DIRECTORY(OF_PAGE, 32, 4, true, 1, "it ends before its last entry"),
    DIRECTORY(OF_PAGE, 32, 4, true, FEWER, "bytes behind its last entry"),
    DIRECTORY(OF_PAGE, 4, 4, true, FEWER, "an entry contradicts itself"),
    DIRECTORY(0, 8, 8, true, 1, "it is another page than its parent names"),
    DIRECTORY(0, 0, 8, true, 1, "its parent gives it no place in the file"),
    DIRECTORY(0, 0, 8, false, UINT64_MAX - CC_BLOCK + 1, "its parent gives it no place in the file"),
    DIRECTORY(0, 0, 8, false, 0, "its blocks belong to another page too"),
    DIRECTORY(0, 16, 4, false, 0, "its parent gives it no place in the file"),
    DIRECTORY(0, 16, 4, false, CC_PAGE_HEAD - 1, "its parent gives it no size"),
    DIRECTORY(0, 16, 4, false, UINT32_MAX, "its parent gives it no place in the file"),
    DIRECTORY(1, 24, 8, true, 1, "its directory says another count or size"),
    DIRECTORY(1, 32, 8, true, 1, "the separator on its left does not separate"),
    DIRECTORY(1, 32, 8, true, FEWER, ""),
    DIRECTORY(1, 40, 8, true, 1, ""),
    DIRECTORY(1, 48, 1, true, 1, "its directory says another count or size"),
    DIRECTORY(1, 48, 1, false, 0, "an entry contradicts itself"),
    DIRECTORY(1, 48, 1, false, CC_NODE_FANOUT + 1, "an entry contradicts itself"),
    DIRECTORY(1, 49, 1, false, 2, "an entry contradicts itself"),
    DIRECTORY(1, 49, 1, false, 0, "an entry contradicts itself"),
    DIRECTORY(0, 50, 2, false, 1, "an entry contradicts itself"),
    DIRECTORY(0, 52, 2, false, 1, "an entry contradicts itself"),
    DIRECTORY(0, 40, 8, false, 1, "an entry contradicts itself"),
    DIRECTORY(1, 50, 2, false, 65535, "an entry contradicts itself"),
    DIRECTORY(1, 52, 2, false, 65535, "an entry contradicts itself"),
    DIRECTORY(1, 54, 2, false, CC_NODE_FANOUT + 1, "an entry contradicts itself"),
    DIRECTORY(1, 54, 2, false, 65535, "an entry contradicts itself"),
    CATALOG(OF_PAGE, 32, 4, true, 1, "it ends before its last entry"),
    CATALOG(OF_PAGE, 32, 4, true, FEWER, "bytes behind its last entry"),
    CATALOG(OF_PAGE, 4, 4, true, FEWER, "the sizes of a space"),
    CATALOG(OF_PAGE, 44, 4, false, 1, "the head of the catalog"),
    CATALOG(OF_PAGE, 40, 4, false, 0, "the table's id was never given out"),
    CATALOG(1, 0, 4, false, 77, ""),
    CATALOG(1, 0, 4, false, 0, ""),
    CATALOG(0, 4, 4, false, 2, "the head of a space"),
    CATALOG(0, 4, 4, false, 1, ""),
    CATALOG(1, 4, 4, false, 0, ""),
    CATALOG(0, 8, 8, true, 1, "it says another count or size of items"),
    CATALOG(0, 16, 8, true, 1, "it says another count or size of items"),
    CATALOG(0, 24, 4, false, 0, "the sizes of a space"),
    CATALOG(0, 24, 4, false, 256, "the sizes of a space"),
    CATALOG(0, 24, 4, false, UINT32_MAX, "the sizes of a space"),
    CATALOG(0, 28, 4, false, UINT32_MAX, "the sizes of a space"),
    CATALOG(0, 32, 4, false, UINT32_MAX, "the sizes of a space"),
    CATALOG(0, 32, 4, true, FEWER, ""),
    CATALOG(0, 36, 4, false, 1, "the head of a space"),
    CATALOG(0, 40, 8, false, UINT64_C(0x656e6f), ""),
};

static void judge_one(fault_fs *before, size_t at, uint64_t generation) {
    forgery f = forgeries[at];
    fault_fs *disk = fault_fs_kill(before);
    f.generation = generation;
    int failures = check.failures_here;
    if (forge(disk, &f)) {
        forge_seal(before, disk);
        forge_verdict found = forge_judge(disk);
        CHECK(strstr(found.told, f.told) != NULL);
        /* The other checkpoint is whole, unless it shares the page, and the log reaches back to it. */
        CHECK(found.opened == CC_OK || (f.kind == CC_PAGE_LEAF && generation == BEFORE));
        CHECK(generation != NEWEST || f.told[0] == '\0' || found.fell_back);
        if (check.failures_here != failures)
            fprintf(stderr, "forgery %zu of generation %llu: %s, fell back %d\n", at,
                    (unsigned long long)generation, found.told, found.fell_back);
    }
    fault_fs_free(disk);
}

TEST(pages) {
    fault_fs *before = forge_disk();
    fault_fs *copy = fault_fs_kill(before);
    CHECK_EQ(forge_judge(copy).faults, 0);
    fault_fs_free(copy);
    for (size_t at = 0; at < sizeof forgeries / sizeof *forgeries; at++)
        for (uint64_t generation = BEFORE; generation <= NEWEST; generation++)
            judge_one(before, at, generation);
    fault_fs_free(before);
}

/* ---- superblocks ---- */
typedef struct {
    size_t at;
    int width;
    bool add;
    uint64_t value;
    cc_status opened; /* with only this one forged, the newest */
    const char *told;
} slot_forgery;

static const slot_forgery slot_forgeries[] = {
    {8, 4, false, 2, CC_ERR_FORMAT, ""},
    {12, 4, false, 9, CC_OK, ""}, /* a minor version */
    {16, 8, false, 1, CC_ERR_FORMAT, ""},
    {24, 8, false, 1, CC_ERR_FORMAT, ""}, /* may be read, but not written */
    {32, 8, false, 1, CC_OK, ""},
    {40, 4, false, 0x04030201, CC_ERR_FORMAT, ""},
    {44, 4, true, 1, CC_OK, "it contradicts itself"},
    {56, 8, false, 0, CC_OK, "it contradicts itself"},
    {56, 8, false, 1, CC_OK, "it contradicts itself"},
    {64, 8, false, UINT64_MAX, CC_OK, "it contradicts itself"},
    {64, 8, false, 2, CC_OK, "it contradicts itself"},
    {64, 8, false, 0, CC_OK, ""}, /* then there was none before */
    {72, 8, false, UINT64_MAX, CC_OK, "it contradicts itself"},
    {80, 8, false, 0, CC_OK, "it contradicts itself"},
    {80, 8, false, UINT64_MAX, CC_ERR_CORRUPT, "but a checkpoint holds changes up to"},
    {48, 8, true, 1, CC_OK, "its items are not in order"},
    {88, 8, false, 3, CC_OK, "its parent gives it no place in the file"},
    {88, 8, false, UINT64_MAX, CC_OK, "its parent gives it no place in the file"},
    {104, 4, false, 0, CC_OK, "its parent gives it no place in the file"},
    {104, 4, false, 8, CC_OK, "its parent gives it no size"},
    {108, 4, true, 1, CC_OK, "its checksum is not the one that its parent holds"},
};

TEST(superblocks) {
    fault_fs *before = forge_disk();
    for (size_t i = 0; i < sizeof slot_forgeries / sizeof *slot_forgeries; i++) {
        const slot_forgery *f = &slot_forgeries[i];
        fault_fs *disk = fault_fs_kill(before);
        size_t size;
        uint8_t *at = fault_fs_bytes(disk, "d/pages", &size) + CC_BLOCK + f->at; /* slot 1 has the newest */
        uint64_t value = f->add ? get(at, f->width) + f->value : f->value;
        memcpy(at, &value, (size_t)f->width);
        forge_seal_slots(disk);
        int failures = check.failures_here;
        forge_verdict found = forge_judge(disk);
        CHECK_EQ(found.opened, f->opened);
        CHECK(strstr(found.told, f->told) != NULL);
        if (check.failures_here != failures)
            fprintf(stderr, "superblock forgery %zu: %s, %s\n", i, found.told, found.refused.message);
        fault_fs_free(disk);
    }
    fault_fs_free(before);
}

/* ---- single pages ---- */
static const struct {
    size_t at;
    int width;
} head_fields[] = {{4, 4}, {8, 8}, {16, 8}, {24, 4}, {28, 4}, {36, 4}};

/* Each field of a page's head must be what its parent says, or it is another page. */
TEST(heads) {
    enum { SPACE = 3, AT = 5 * CC_BLOCK };
    cc_buffer page = {0};
    cc_page_ref ref;
    cc_page_about about;
    CHECK_OK(cc_value_page_fill(&page, cc_bytes_text("a value")));
    CHECK_OK(cc_page_finish(&page, CC_PAGE_VALUE, SPACE, 1, AT, 9, &ref));
    CHECK_OK(cc_page_check(page.data, &ref, CC_PAGE_VALUE, SPACE, NULL));
    CHECK(cc_page_identify(page.data, page.size, AT, &about) && about.space == SPACE && about.count == 1);
    CHECK(!cc_page_identify(page.data, CC_PAGE_HEAD - 1, AT, &about));
    CHECK(!cc_page_identify(page.data, ref.size - 1, AT, &about));
    CHECK(!cc_page_identify(page.data, page.size, AT + CC_BLOCK, &about));
    for (size_t i = 0; i < sizeof head_fields / sizeof *head_fields; i++) {
        uint8_t *field = page.data + head_fields[i].at;
        cc_page_ref now = ref;
        uint64_t was = get(field, head_fields[i].width), other = was + 7;
        memcpy(field, &other, (size_t)head_fields[i].width);
        now.crc = cc_crc32c(0, page.data + 4, ref.size - 4);
        cc_put_u32(page.data, now.crc);
        CHECK_EQ(cc_page_check(page.data, &now, CC_PAGE_VALUE, SPACE, NULL), CC_ERR_CORRUPT);
        memcpy(field, &was, (size_t)head_fields[i].width);
    }
    for (uint32_t kind = 0; kind < 6; kind++) { /* 1 to 4 are known */
        cc_put_u32(page.data + 28, kind);
        cc_put_u32(page.data, cc_crc32c(0, page.data + 4, ref.size - 4));
        CHECK(cc_page_identify(page.data, page.size, AT, &about) == (kind >= 1 && kind <= 4));
    }
    cc_buffer_free(&page);
}

int main(void) {
    RUN(heads);
    RUN(pages);
    RUN(superblocks);
    printf("%zu forged fields of pages in two checkpoints, %zu of superblocks\n",
           sizeof forgeries / sizeof *forgeries, sizeof slot_forgeries / sizeof *slot_forgeries);
    return REPORT();
}
