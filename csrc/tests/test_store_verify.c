/* test_store_verify.c: bits of a store's files turned over, one at a time; each must be found, and repaired around.
 *
 * Without arguments a sample that has bits in every page, record and slot; with a number, so many bits in each. */
#include <stdlib.h>

#include "store/salvage.h"
#include "support/check.h"
#include "support/damage.h"

static uint32_t bits_in_each = 2;
static uint64_t turned, undetected, repaired, items_lost;

/* Salvage of the damaged disk into directory "r" of a copy of it. */
static void check_repair(damage_bed *b, const damage_place *at) {
    fault_fs *copy = fault_fs_kill(b->disk);
    cc_store_options options = damage_options(copy);
    cc_findings findings = {0};
    cc_verify_options asked = {.findings = &findings};
    cc_salvage salvage;
    cc_store *store = NULL;
    cc_error error = {0};
    if (cc_store_salvage("d", "r", &options, &asked, &salvage, &error) != CC_OK) {
        fprintf(stderr, "salvage: %s\n", error.message);
        CHECK(false);
    }
    CHECK_EQ(damage_faults(copy, "r", damage_print), 0);
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

static void turn(damage_bed *b, const damage_place *at, bool repair) {
    uint64_t bit = damage_bit(b, at);
    damage_turn(b->disk, at, bit);
    turned++;
    if (damage_faults(b->disk, "d", NULL) == 0) {
        undetected++;
        CHECK(false);
        fprintf(stderr, "undetected: %s, byte %llu of %llu at %llu\n", at->path, (unsigned long long)bit / 8,
                (unsigned long long)at->size, (unsigned long long)at->offset);
    }
    if (repair) {
        repaired++;
        check_repair(b, at);
    }
    damage_turn(b->disk, at, bit);
}

TEST(every_turned_bit_is_found_and_repaired_around) {
    for (uint64_t seed = 1; seed <= 2 && check.failures_here == 0; seed++) {
        damage_bed b = damage_bed_new(seed);
        CHECK_EQ(damage_faults(b.disk, "d", damage_print), 0);
        for (size_t i = 0; i < b.count && check.failures_here < 5; i++)
            for (uint32_t bit = 0; bit < bits_in_each && check.failures_here < 5; bit++)
                turn(&b, &b.places[i], bit == 0 && (b.places[i].sequence == 0 || i % 8 == 0));
        damage_bed_free(&b);
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
