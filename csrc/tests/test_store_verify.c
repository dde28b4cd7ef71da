/* test_store_verify.c: bits of a store's files turned over, one at a time; each must be found, and repaired around.
 *
 * Without arguments a sample that has bits in every page, record and slot; with a number, so many bits in each. */
#include <stdlib.h>

#include "log/internal.h"
#include "store/salvage.h"
#include "store/verify.h"
#include "support/check.h"
#include "support/fault_fs.h"
#include "support/store_history.h"

enum { PLACES_MAX = 4096 };
static uint32_t bits_in_each = 2;

/* What a bit may be turned over in: a page with the zeros behind it, a record, a slot, a segment's header. */
typedef struct {
    char path[64];
    uint64_t offset, size;
    uint64_t sequence; /* of a record; else 0 */
    uint64_t items;    /* that stand in a page */
} place;

typedef struct {
    fault_fs *disk;
    history h;
    place *places;
    size_t count;
    uint64_t random;
} bed;

static uint64_t next_random(bed *b) {
    b->random = b->random * 6364136223846793005u + 1442695040888963407u;
    return b->random >> 20;
}

static cc_store_options options_of(fault_fs *disk) {
    return (cc_store_options){
        .log = {.fs = fault_fs_table(disk), .segment_min = 1 << 14, .segment_max = 1 << 16},
        .checkpoint_bytes = UINT64_MAX};
}

static void add_place(bed *b, const char *path, uint64_t offset, uint64_t size, uint64_t sequence) {
    CHECK(b->count < PLACES_MAX);
    if (b->count >= PLACES_MAX)
        exit(1);
    place *added = &b->places[b->count++];
    *added = (place){.offset = offset, .size = size, .sequence = sequence};
    snprintf(added->path, sizeof added->path, "%s", path);
}

/* Items in the page that block `block` belongs to. */
static uint64_t items_of(bed *b, uint64_t block) {
    size_t size = 0;
    const uint8_t *bytes = fault_fs_bytes(b->disk, "d/pages", &size);
    cc_page_about about;
    uint64_t at = block;
    while (!cc_page_identify(bytes + at * CC_BLOCK, size - at * CC_BLOCK, at * CC_BLOCK, &about))
        at--;
    CHECK(block < at + cc_page_blocks(about.ref.size));
    return about.kind == CC_PAGE_LEAF ? about.count : about.kind == CC_PAGE_VALUE;
}

/* Every page is a place: what the survey marks and reads, block by block. */
static void add_pages(bed *b) {
    cc_fs *fs = fault_fs_table(b->disk);
    cc_findings findings = {0};
    cc_page_visitor visitor = {.findings = &findings};
    cc_page_survey survey;
    cc_pager pager;
    CHECK_OK(cc_pager_open(&pager, fs, "d", true, NULL));
    CHECK(pager.found_count >= 2);
    for (uint32_t at = 0; at < pager.found_count; at++)
        add_place(b, "d/pages", (uint64_t)pager.slots[at] * CC_BLOCK, CC_BLOCK, 0);
    for (uint32_t at = 0; at < 2; at++)
        CHECK_OK(cc_survey_checkpoint(&pager, &pager.found[at], at == 0 ? CC_LIVE : CC_HELD, 0, &visitor,
                                      &survey, NULL));
    CHECK_EQ(findings.faults, 0);
    for (uint64_t block = CC_SLOTS; block < pager.extents.blocks; block++)
        for (int map = CC_HELD; map <= CC_LIVE; map++)
            if (block / 64 < pager.extents.maps[map].count &&
                (pager.extents.maps[map].words[block / 64] >> block % 64 & 1) != 0) {
                add_place(b, "d/pages", block * CC_BLOCK, CC_BLOCK, 0);
                b->places[b->count - 1].items = items_of(b, block);
                break;
            }
    cc_pager_close(&pager);
}

static void add_records(bed *b, const char *path) {
    size_t size = 0;
    const uint8_t *bytes = fault_fs_bytes(b->disk, path, &size);
    cc_segment segment = {.data = (uint8_t *)(uintptr_t)bytes, .size = size};
    cc_record_header header;
    memcpy(&segment.epoch, bytes + 8, 8);
    add_place(b, path, 0, 36, 0);
    for (uint64_t at = SEGMENT_HEADER; cc_segment_record(&segment, at, &header);
         at += cc_record_span(header.size))
        add_place(b, path, at, RECORD_HEADER + header.size, header.first);
}

static void add_state(bed *b) {
    size_t size = 0;
    const uint8_t *bytes = fault_fs_bytes(b->disk, "d/state", &size);
    for (uint64_t slot = 0; slot < 2; slot++) {
        uint32_t used;
        memcpy(&used, bytes + slot * STATE_SLOT + 4, 4);
        add_place(b, "d/state", slot * STATE_SLOT, used, 0);
    }
}

static bed make_bed(uint64_t seed) {
    bed b = {.disk = fault_fs_new(), .h = {.seed = seed, .large_in = 40}, .random = seed};
    cc_store_options options = options_of(b.disk);
    cc_store *store = NULL;
    b.places = calloc(PLACES_MAX, sizeof *b.places);
    CHECK(b.places != NULL);
    CHECK_OK(cc_store_open("d", &options, &store, NULL));
    for (int round = 0; round < 4; round++) {
        cc_log_ticket ticket;
        for (int i = 0; i < 260 - round * 40; i++)
            CHECK_OK(history_step(&b.h, store, &ticket, NULL));
        if (round < 3)
            CHECK_OK(cc_store_checkpoint(store, NULL));
    }
    CHECK_OK(cc_store_close(store, NULL));
    const char *name;
    add_pages(&b);
    add_state(&b);
    for (size_t i = 0; (name = fault_fs_name(b.disk, i)) != NULL; i++)
        if (strlen(name) > 4 && strcmp(name + strlen(name) - 4, ".seg") == 0)
            add_records(&b, name);
    return b;
}

static void free_bed(bed *b) {
    fault_fs_free(b->disk);
    free(b->places);
}

static uint64_t faults_of(fault_fs *disk, const char *dir, void (*found)(void *, const cc_finding *)) {
    cc_findings findings = {.found = found};
    cc_verify_options verify = {.findings = &findings};
    cc_store_options options = options_of(disk);
    cc_store_survey survey;
    cc_error error = {0};
    if (cc_store_verify(dir, &options, &verify, &survey, &error) != CC_OK) {
        fprintf(stderr, "verify: %s\n", error.message);
        CHECK(false);
    }
    return findings.faults + findings.notices;
}

static void print_finding(void *context, const cc_finding *finding) {
    (void)context;
    fprintf(stderr, "  %s at %llu: %s%s\n", finding->file, (unsigned long long)finding->offset, finding->what,
            finding->harmless ? " (harmless)" : "");
}

static uint64_t turned, undetected, repaired, items_lost;

/* Salvage of the damaged disk into directory "r" of a copy of it. */
static void check_repair(bed *b, const place *at) {
    fault_fs *copy = fault_fs_kill(b->disk);
    cc_store_options options = options_of(copy);
    cc_findings findings = {0};
    cc_salvage salvage;
    cc_store *store = NULL;
    cc_error error = {0};
    if (cc_store_salvage("d", "r", &options, &findings, &salvage, &error) != CC_OK) {
        fprintf(stderr, "salvage: %s\n", error.message);
        CHECK(false);
    }
    CHECK_EQ(faults_of(copy, "r", print_finding), 0);
    CHECK_OK(cc_store_open("r", &options, &store, NULL));
    if (store != NULL) {
        /* A page that did not change is of both checkpoints: what only it had is gone, and nothing else. */
        uint64_t lost = at->sequence > 1 ? at->sequence - 1 : 0; /* record 1 is INIT, 2 the first operation */
        uint64_t wrong = history_wrong(&b->h, store, lost);
        CHECK(wrong <= at->items);
        CHECK(wrong == 0 || !salvage.complete);
        CHECK(salvage.complete || at->items != 0 || at->sequence != 0);
        CHECK(!salvage.complete || history_matches(&b->h, store));
        items_lost += wrong;
        cc_log_ticket ticket;
        history on = b->h;
        CHECK_EQ(store->last_sequence, b->h.done + 2); /* INIT of both logs */
        if (salvage.complete)
            CHECK_OK(history_step(&on, store, &ticket, NULL));
        CHECK_OK(cc_store_close(store, NULL));
    }
    fault_fs_free(copy);
}

static void turn(bed *b, const place *at, bool repair) {
    uint64_t bit = next_random(b) % (at->size * 8);
    size_t size;
    uint8_t *bytes = fault_fs_bytes(b->disk, at->path, &size);
    uint8_t mask = (uint8_t)(1u << bit % 8);
    bytes[at->offset + bit / 8] ^= mask;
    turned++;
    if (faults_of(b->disk, "d", NULL) == 0) {
        undetected++;
        CHECK(false);
        fprintf(stderr, "undetected: %s, byte %llu of %llu at %llu\n", at->path, (unsigned long long)bit / 8,
                (unsigned long long)at->size, (unsigned long long)at->offset);
    }
    if (repair) {
        repaired++;
        check_repair(b, at);
    }
    bytes[at->offset + bit / 8] ^= mask;
}

TEST(every_turned_bit_is_found_and_repaired_around) {
    for (uint64_t seed = 1; seed <= 2 && check.failures_here == 0; seed++) {
        bed b = make_bed(seed);
        CHECK_EQ(faults_of(b.disk, "d", print_finding), 0);
        for (size_t i = 0; i < b.count && check.failures_here < 5; i++)
            for (uint32_t bit = 0; bit < bits_in_each && check.failures_here < 5; bit++)
                turn(&b, &b.places[i], bit == 0 && (b.places[i].sequence == 0 || i % 8 == 0));
        free_bed(&b);
    }
}

int main(int argc, char **argv) {
    if (argc > 1)
        bits_in_each = (uint32_t)strtoul(argv[1], NULL, 10);
    RUN(every_turned_bit_is_found_and_repaired_around);
    printf(
        "%llu bits turned over in pages, records, headers and slots: %llu undetected; %llu repaired around, "
        "%llu items of damaged pages lost, no other\n",
        (unsigned long long)turned, (unsigned long long)undetected, (unsigned long long)repaired,
        (unsigned long long)items_lost);
    return REPORT();
}
