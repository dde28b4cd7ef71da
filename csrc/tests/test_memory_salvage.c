/* test_memory_salvage.c: check and repair of stores with much of them damaged, and where memory or the disk fails.
 *
 * Of many places at once, whole kinds of pages among them, not all can be saved. What must hold: repair ends, what
 * it made checks and opens, and every item in it is one that was put. When an allocation or a call of the disk fails,
 * it says so or does all the same; the damaged store is as it was. */
#include <stdlib.h>

#include "store/salvage.h"
#include "store/verify.h"
#include "support/check.h"
#include "support/damage.h"
#include "support/failing_memory.h"

enum { TURNED_MAX = 4096, STEP = CC_TIGHT ? 8 : 16 }; /* the first ones all, then fewer and fewer */

typedef struct {
    const damage_place *places[TURNED_MAX];
    uint64_t bits[TURNED_MAX];
    size_t count;
} damages;

static struct {
    uint64_t rounds, places, lost, allocations, calls;
} sum;

static void add(damage_bed *b, damages *d, const damage_place *at) {
    for (size_t i = 0; i < d->count; i++)
        if (d->places[i] == at)
            return;
    d->places[d->count] = at;
    d->bits[d->count] = damage_bit(b, at);
    damage_turn(b->disk, at, d->bits[d->count++]);
}

static void turn_back(damage_bed *b, damages *d) {
    for (size_t i = 0; i < d->count; i++)
        damage_turn(b->disk, d->places[i], d->bits[i]);
    d->count = 0;
}

typedef enum { SUPERBLOCKS = 1, CATALOGS = 2, DIRECTORIES = 4, LEAVES = 8, VALUES = 16, STATE = 32 } kinds;

static bool is_of(const damage_place *at, unsigned wanted) {
    if (strcmp(at->path, "d/state") == 0)
        return (wanted & STATE) != 0;
    if (strcmp(at->path, "d/pages") != 0)
        return false;
    unsigned kind = at->kind == 0                   ? SUPERBLOCKS
                    : at->kind == CC_PAGE_CATALOG   ? CATALOGS
                    : at->kind == CC_PAGE_DIRECTORY ? DIRECTORIES
                    : at->kind == CC_PAGE_LEAF      ? LEAVES
                                                    : VALUES;
    return (wanted & kind) != 0;
}

/* A bit in each place of some kinds, one in `share` of them, and in `more` other places. */
static void damage(damage_bed *b, damages *d, unsigned wanted, uint64_t share, size_t more) {
    for (size_t i = 0; i < b->count; i++)
        if (is_of(&b->places[i], wanted) && damage_random(b) % share == 0)
            add(b, d, &b->places[i]);
    for (size_t i = 0; i < more; i++)
        add(b, d, &b->places[damage_random(b) % b->count]);
}

/* What a repaired directory holds; how many of the history's items are not in it as they were last. */
static uint64_t check_made(const damage_bed *b, fault_fs *disk, const cc_salvage *salvage) {
    cc_store_options options = damage_options(disk);
    cc_store *store = NULL;
    CHECK_EQ(damage_faults(disk, "r", damage_print), 0);
    CHECK_OK(cc_store_open("r", &options, &store, NULL));
    if (store == NULL)
        return 0;
    uint64_t wrong = history_wrong(&b->h, store, 0);
    CHECK_EQ(history_strangers(&b->h, store), 0);
    CHECK(wrong == 0 || !salvage->complete);
    CHECK_OK(cc_store_close(store, NULL));
    return wrong;
}

static cc_status repair(fault_fs *disk, cc_salvage *salvage_out, cc_error *error) {
    cc_store_options options = damage_options(disk);
    cc_findings findings = {0};
    cc_verify_options asked = {.findings = &findings};
    return cc_store_salvage("d", "r", &options, &asked, salvage_out, error);
}

static cc_status verify(fault_fs *disk, cc_error *error) {
    cc_store_options options = damage_options(disk);
    cc_findings findings = {0};
    cc_verify_options given = {.findings = &findings};
    cc_store_survey survey;
    return cc_store_verify("d", &options, &given, &survey, error);
}

static uint64_t repair_copy(const damage_bed *b) {
    fault_fs *copy = fault_fs_kill(b->disk);
    cc_salvage salvage;
    cc_error error = {0};
    uint64_t wrong = 0;
    if (repair(copy, &salvage, &error) != CC_OK) {
        fprintf(stderr, "salvage: %s\n", error.message);
        CHECK(false);
    } else {
        wrong = check_made(b, copy, &salvage);
    }
    fault_fs_free(copy);
    return wrong;
}

TEST(many_places_at_once) {
    damage_bed b = damage_bed_new(1);
    damages d = {.count = 0};
    for (unsigned round = 0; round < 80 && check.failures_here == 0; round++) {
        damage(&b, &d, round < 64 ? round : 0, 1 + round % 3, 1 + damage_random(&b) % 20);
        sum.lost += repair_copy(&b);
        sum.rounds++;
        sum.places += d.count;
        turn_back(&b, &d);
    }
    damage_bed_free(&b);
}

/* Without superblocks and newest catalog: the one before is found by itself, and the log has all that followed. */
TEST(superblocks_alone) {
    damage_bed b = damage_bed_new(3);
    damages d = {.count = 0};
    damage(&b, &d, SUPERBLOCKS, 1, 0);
    CHECK(d.count >= 2);
    CHECK_EQ(repair_copy(&b), 0);
    turn_back(&b, &d);
    CHECK_EQ(repair_copy(&b), 0);
    damage_bed_free(&b);
}

/* One run with a failing allocation or disk; `reached` by the caller. */
static void check_failed(const damage_bed *b, fault_fs *copy, cc_status status, const cc_salvage *salvage,
                         const cc_error *error, cc_status wanted) {
    CHECK(status == CC_OK || status == wanted || status == CC_ERR_CORRUPT);
    CHECK(status == CC_OK || error->message[0] != 0);
    CHECK(fault_fs_same(b->disk, copy, "d/"));
    if (status == CC_OK && salvage != NULL)
        (void)check_made(b, copy, salvage);
}

static void fail_allocations(const damage_bed *b, bool sticky) {
    for (uint64_t nth = 1;; nth += 1 + nth / STEP) {
        fault_fs *copy = fault_fs_kill(b->disk);
        cc_error error = {0}, verify_error = {0};
        cc_salvage salvage;
        memory_fails(nth, sticky);
        cc_status status = repair(copy, &salvage, &error);
        uint64_t used = memory_works();
        memory_fails(nth, sticky);
        cc_status verified = verify(copy, &verify_error);
        used |= memory_works() >= nth ? nth : 0;
        check_failed(b, copy, status, &salvage, &error, CC_ERR_NOMEM);
        check_failed(b, copy, verified, NULL, &verify_error, CC_ERR_NOMEM);
        fault_fs_free(copy);
        if (used < nth || check.failures_here > 5)
            return;
        sum.allocations++;
    }
}

static void fail_disk(const damage_bed *b, fault_kind kind, bool sticky) {
    for (uint64_t nth = 1;; nth += 1 + nth / STEP) {
        fault_fs *copy = fault_fs_kill(b->disk);
        cc_error error = {0}, verify_error = {0};
        cc_salvage salvage;
        uint64_t before = fault_fs_calls(copy);
        fault_fs_fail(copy, nth, kind, sticky);
        cc_status status = repair(copy, &salvage, &error);
        bool reached = fault_fs_calls(copy) - before >= nth;
        fault_fs_fail(copy, nth, kind, sticky);
        cc_status verified = verify(copy, &verify_error);
        fault_fs_fail(copy, 0, kind, false);
        check_failed(b, copy, status, &salvage, &error, CC_ERR_IO);
        check_failed(b, copy, verified, NULL, &verify_error, CC_ERR_IO);
        fault_fs_free(copy);
        if (!reached || check.failures_here > 5)
            return;
        sum.calls++;
    }
}

/* Both ways to what is not read from the checkpoint itself: the one before it, and pages found by themselves. */
static void damage_for_faults(damage_bed *b, damages *d, int which) {
    if (which == 0)
        damage(b, d, LEAVES | VALUES, 5, 6);
    else if (which == 1)
        damage(b, d, SUPERBLOCKS | DIRECTORIES, 1, 6);
    else
        damage(b, d, CATALOGS | STATE, 2, 6);
}

TEST(memory_and_disk_fail) {
    for (int which = 0; which < 3; which++) {
        damage_bed b = damage_bed_new(4 + (uint64_t)which);
        damages d = {.count = 0};
        damage_for_faults(&b, &d, which);
        fail_allocations(&b, false);
        fail_allocations(&b, true);
        fail_disk(&b, FAULT_EIO, false);
        fail_disk(&b, FAULT_EIO, true);
        fail_disk(&b, FAULT_SHORT, false);
        turn_back(&b, &d);
        damage_bed_free(&b);
    }
}

int main(void) {
    RUN(many_places_at_once);
    RUN(superblocks_alone);
    RUN(memory_and_disk_fail);
    printf(
        "%llu repairs with %llu places damaged: %llu items not as they were last, none that was never put; "
        "%llu failed allocations, %llu failed calls of the disk\n",
        (unsigned long long)sum.rounds, (unsigned long long)sum.places, (unsigned long long)sum.lost,
        (unsigned long long)sum.allocations, (unsigned long long)sum.calls);
    return REPORT();
}
