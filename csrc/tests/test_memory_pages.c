/* test_memory_pages.c: opening from checkpoints, taking one, check and repair of a store with several leaves and tables,
 * with each allocation and each call of the disk failing once, alone and with all that follow; the store is whole, or
 * of the newest checkpoint, of both, or of everything but the log, pages are gone.
 *
 * Whatever fails, it says so; opened again when nothing fails, the store has what it had. */
#include <stdlib.h>

#include "base/hash.h"
#include "base/little.h"
#include "store/salvage.h"
#include "store/verify.h"
#include "support/check.h"
#include "support/forge.h"
#include "support/memory_ways.h"

static uint64_t failed_allocations, failed_calls;

/* ---- what is done ---- */
static cc_status checkpoint(fault_fs *disk, cc_error *error) {
    static const uint8_t large[CC_VALUE_INLINE_MAX + 1] = {1};
    cc_store_options options = forge_options(disk);
    cc_store *store = NULL;
    cc_log_ticket ticket;
    CC_TRY(cc_store_open("d", &options, &store, error));
    cc_change change = {.kind = CC_CHANGE_PUT,
                        .space = cc_space_find(store, cc_bytes_text("two")),
                        .key = {cc_bytes_text("p5"), cc_bytes_text("new")},
                        .value = cc_bytes_of(large, sizeof large)};
    cc_status status = CC_OK;
    if (change.space != NULL)
        status = cc_store_write(store, &change, 1, &ticket, error);
    if (status == CC_OK)
        status = cc_store_checkpoint(store, error);
    cc_status closed = cc_store_close(store, status == CC_OK ? error : NULL);
    return status != CC_OK ? status : closed;
}

static cc_status look(fault_fs *disk, cc_error *error) {
    cc_store_options options = forge_options(disk);
    cc_findings findings = {0};
    cc_verify_options given = {.findings = &findings};
    cc_store_survey survey;
    return cc_store_verify("d", &options, &given, &survey, error);
}

static cc_status repair(fault_fs *disk, cc_error *error) {
    cc_store_options options = forge_options(disk);
    cc_findings findings = {0};
    cc_verify_options asked = {.findings = &findings};
    cc_salvage salvage;
    return cc_store_salvage("d", "r", &options, &asked, &salvage, error);
}

/* ---- what is gone ---- */
/* Every `step`-th page of a kind that a checkpoint wrote; what is spoilt is not found again. */
static void spoil(fault_fs *disk, cc_page_kind kind, uint64_t generation, size_t from, size_t step) {
    uint8_t *page;
    for (size_t nth = from; (page = forge_page(disk, kind, generation, nth)) != NULL; nth += step - 1)
        page[CC_PAGE_HEAD + 1] ^= 1;
}

static void nothing_gone(fault_fs *disk) { (void)disk; }
static void newest_gone(fault_fs *disk) { spoil(disk, CC_PAGE_DIRECTORY, 2, 0, 1); }
static void leaves_gone(fault_fs *disk) {
    spoil(disk, CC_PAGE_LEAF, 1, 1, 3);
    spoil(disk, CC_PAGE_VALUE, 1, 0, 2);
}
static void directories_gone(fault_fs *disk) {
    spoil(disk, CC_PAGE_DIRECTORY, 1, 0, 1);
    spoil(disk, CC_PAGE_DIRECTORY, 2, 0, 1);
}
static void catalogs_gone(fault_fs *disk) {
    spoil(disk, CC_PAGE_CATALOG, 2, 0, 1);
    size_t size;
    uint8_t *bytes = fault_fs_bytes(disk, "d/pages", &size);
    bytes[100] ^= 1; /* the superblocks are */
    bytes[CC_BLOCK + 100] ^= 1;
}

/* ---- each fails once ---- */
typedef struct {
    cc_status (*does)(fault_fs *disk, cc_error *error);
    void (*gone)(fault_fs *disk);
    bool writes, repairs;
    uint64_t stride;
} step;

static uint64_t items_in(fault_fs *disk, const char *dir) {
    cc_store_options options = forge_options(disk);
    cc_store *store = NULL;
    uint64_t items = 0;
    CHECK_OK(cc_store_open(dir, &options, &store, NULL));
    if (store == NULL)
        return 0;
    for (size_t i = 0; i < store->space_count; i++) {
        CHECK_EQ(cc_btree_check(&store->spaces[i]->tree), store->spaces[i]->item_count);
        items += store->spaces[i]->item_count;
    }
    CHECK_OK(cc_store_close(store, NULL));
    return items;
}

static const memory_way ways[] = {
    {.later = false},
    {.later = true},
    {.disk = true},
    {.disk = true, .later = true},
};

/* `items`: what the step leaves when nothing fails. */
static bool fail_once(const step *what, const fault_fs *before, uint64_t items, uint64_t nth,
                      const memory_way *how) {
    fault_fs *disk = fault_fs_kill(before);
    cc_error error = {0};
    uint64_t calls = memory_way_begin(how, disk, nth);
    cc_status status = what->does(disk, how->later ? NULL : &error);
    bool reached = memory_way_end(how, disk, nth, calls);
    CHECK(status == CC_OK || reached);
    CHECK(status == CC_OK || status == CC_ERR_NOMEM || how->disk);
    CHECK(status == CC_OK || how->later || error.message[0] != '\0');
    if (!what->writes)
        CHECK(fault_fs_same(before, disk, "d/"));
    if (what->writes) { /* with the item that it puts, or without */
        uint64_t now = items_in(disk, "d");
        CHECK(now == items || (status != CC_OK && now == items - 1));
    }
    if (what->repairs && status == CC_OK) {
        uint64_t now = items_in(disk, "r");
        CHECK(now == items || (how->disk && now < items)); /* what cannot be read is damaged too */
    }
    fault_fs_free(disk);
    if (reached)
        *(how->disk ? &failed_calls : &failed_allocations) += 1;
    return reached;
}

static void fail_all(step what) {
    fault_fs *before = forge_disk();
    what.gone(before);
    fault_fs *copy = fault_fs_kill(before);
    cc_status status = what.does(copy, NULL);
    CHECK_OK(status);
    uint64_t items = what.writes ? items_in(copy, "d") : what.repairs ? items_in(copy, "r") : 0;
    fault_fs_free(copy);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        uint64_t stride = ways[i].disk ? 1 : what.stride;
        for (uint64_t nth = 1; check.failures_here < 5 && fail_once(&what, before, items, nth, &ways[i]);
             nth += nth < 200 ? 1 : stride)
            continue;
    }
    fault_fs_free(before);
}

TEST(checkpoints) {
    fail_all((step){.does = checkpoint, .gone = nothing_gone, .writes = true, .stride = 3});
    fail_all((step){.does = checkpoint, .gone = newest_gone, .writes = true, .stride = 7});
}

TEST(checks) {
    fail_all((step){.does = look, .gone = nothing_gone, .stride = 5});
    fail_all((step){.does = look, .gone = leaves_gone, .stride = 5});
    fail_all((step){.does = look, .gone = newest_gone, .stride = 5});
}

TEST(repairs) {
    fail_all((step){.does = repair, .gone = newest_gone, .repairs = true, .stride = 7});
    fail_all((step){.does = repair, .gone = leaves_gone, .repairs = true, .stride = 7});
    fail_all((step){.does = repair, .gone = directories_gone, .repairs = true, .stride = 7});
    fail_all((step){.does = repair, .gone = catalogs_gone, .repairs = true, .stride = 7});
}

int main(void) {
    RUN(checkpoints);
    RUN(checks);
    RUN(repairs);
    printf("%llu failed allocations, %llu failed calls of the disk\n", (unsigned long long)failed_allocations,
           (unsigned long long)failed_calls);
    return REPORT();
}
