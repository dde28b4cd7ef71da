/* damage.c: see damage.h. */
#include "tests/support/damage.h"

#include <stdlib.h>

#include "log/internal.h"
#include "store/verify.h"
#include "tests/support/check.h"

enum { PLACES_MAX = 4096 };

uint64_t damage_random(damage_bed *b) {
    b->random = b->random * 6364136223846793005u + 1442695040888963407u;
    return b->random >> 20;
}

cc_store_options damage_options(fault_fs *disk) {
    return (cc_store_options){
        .log = {.fs = fault_fs_table(disk), .segment_min = 1 << 14, .segment_max = 1 << 16},
        .checkpoint_bytes = UINT64_MAX};
}

static void add_place(damage_bed *b, const char *path, uint64_t offset, uint64_t size, uint64_t sequence) {
    CHECK(b->count < PLACES_MAX);
    if (b->count >= PLACES_MAX)
        exit(1);
    damage_place *added = &b->places[b->count++];
    *added = (damage_place){.offset = offset, .size = size, .sequence = sequence};
    snprintf(added->path, sizeof added->path, "%s", path);
}

/* What the page is that block `block` belongs to. */
static void describe_page(damage_bed *b, uint64_t block, damage_place *at_out) {
    size_t size = 0;
    const uint8_t *bytes = fault_fs_bytes(b->disk, "d/pages", &size);
    cc_page_about about;
    uint64_t at = block;
    while (!cc_page_identify(bytes + at * CC_BLOCK, size - at * CC_BLOCK, at * CC_BLOCK, &about))
        at--;
    CHECK(block < at + cc_page_blocks(about.ref.size));
    at_out->kind = about.kind;
    at_out->items = about.kind == CC_PAGE_LEAF ? about.count : about.kind == CC_PAGE_VALUE;
}

/* Every page is a place: what the survey marks and reads, block by block. */
static void add_pages(damage_bed *b) {
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
                describe_page(b, block, &b->places[b->count - 1]);
                break;
            }
    cc_pager_close(&pager);
}

static void add_records(damage_bed *b, const char *path) {
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

static void add_state(damage_bed *b) {
    size_t size = 0;
    const uint8_t *bytes = fault_fs_bytes(b->disk, "d/state", &size);
    for (uint64_t slot = 0; slot < 2; slot++) {
        uint32_t used;
        memcpy(&used, bytes + slot * STATE_SLOT + 4, 4);
        add_place(b, "d/state", slot * STATE_SLOT, used, 0);
    }
}

damage_bed damage_bed_new(uint64_t seed) {
    damage_bed b = {.disk = fault_fs_new(), .h = {.seed = seed, .large_in = 40}, .random = seed};
    cc_store_options options = damage_options(b.disk);
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

void damage_bed_free(damage_bed *b) {
    fault_fs_free(b->disk);
    free(b->places);
}

uint64_t damage_bit(damage_bed *b, const damage_place *at) { return damage_random(b) % (at->size * 8); }

void damage_turn(fault_fs *disk, const damage_place *at, uint64_t bit) {
    size_t size;
    uint8_t *bytes = fault_fs_bytes(disk, at->path, &size);
    bytes[at->offset + bit / 8] ^= (uint8_t)(1u << bit % 8);
}

uint64_t damage_faults(fault_fs *disk, const char *dir, void (*found)(void *, const cc_finding *)) {
    cc_findings findings = {.found = found};
    cc_verify_options verify = {.findings = &findings};
    cc_store_options options = damage_options(disk);
    cc_store_survey survey;
    cc_error error = {0};
    if (cc_store_verify(dir, &options, &verify, &survey, &error) != CC_OK) {
        fprintf(stderr, "verify: %s\n", error.message);
        CHECK(false);
    }
    return findings.faults + findings.notices;
}

void damage_print(void *context, const cc_finding *finding) {
    (void)context;
    fprintf(stderr, "  %s at %llu: %s%s\n", finding->file, (unsigned long long)finding->offset, finding->what,
            finding->harmless ? " (harmless)" : "");
}
