/* test_store_crash.c: power cuts and kills of a store on a simulated disk, checkpoints included.
 *
 * `test_store_crash [images] [seed] [budget]`; without arguments some without a memory budget and as many with one.
 * A run applies a history (support/store_history.h) in mode COMMIT, takes checkpoints between and in the midst of
 * which more is written, and at random changes of the disk, down to half a write, makes an image: what a power cut
 * leaves (synced bytes, a random part of the unsynced sectors and names), or a kill -9. Each image is opened: it
 * must hold exactly the operations of some prefix, none acknowledged missing. Some are written to, and crashed,
 * again.
 *
 * With `budget` the values of a run leave memory for the page file (store/spill.h), all of them or what is over a
 * drawn budget, and are read from there again; an image is opened with another budget, one in eight without. */
#include <stdlib.h>

#include "store/checkpoint.h"
#include "store/spill_internal.h"
#include "support/check.h"
#include "support/fault_fs.h"
#include "support/store_history.h"
#include "support/store_watch.h"

enum { LIVES = 3 };

typedef struct {
    history *h; /* what was submitted */
    cc_store *store;
    fault_fs *disk;
    uint64_t acknowledged, random;
    int life;
    uint32_t image_in; /* one change of the disk in so many makes an image */
    bool inside;
} crash_run;

static struct {
    uint64_t wanted, images, power_cuts, kills, reopened_again, fell_back, replayed_none;
    uint64_t refused, lost, wrong;
    uint64_t made_spilled, opened_spilled; /* images made, and opened, with values on the disk alone */
} figures;
static bool budgeted;

static uint64_t next_random(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* One byte, so that every value leaves at once, to about what a history takes. */
static uint64_t budget_of(uint64_t dice) {
    if (!budgeted || dice % 8 == 0)
        return 0;
    return dice % 8 < 4 ? 1 : 200000 + dice / 8 % 1800000;
}

static uint64_t spilled(const cc_store *store) { return store->spill == NULL ? 0 : store->spill->away_count; }

static cc_store *open_on(fault_fs *disk, uint64_t budget, cc_error *error) {
    cc_store *store = NULL;
    cc_store_options options = {.log = {.fs = fault_fs_table(disk),
                                        .durability = CC_DURABILITY_COMMIT,
                                        .segment_min = 1 << 13,
                                        .segment_max = 1 << 14},
                                .checkpoint_bytes = UINT64_MAX,
                                .budget_bytes = budget};
    return cc_store_open("d", &options, &store, error) == CC_OK ? store : NULL;
}

static void live(crash_run *run);

static void complain(const crash_run *run, const char *what, const cc_error *error) {
    fprintf(stderr, "life %d, seed %llu, acknowledged %llu, submitted %llu: %s %s\n", run->life,
            (unsigned long long)run->h->seed, (unsigned long long)run->acknowledged,
            (unsigned long long)run->h->done, what, error->message);
    check.failures_here++;
}

/* Values that are read for it leave again. */
static bool matches(const history *h, cc_store *store) {
    cc_store_lock(store);
    bool same = history_matches(h, store);
    cc_store_unlock(store);
    return same;
}

static void check_image(crash_run *run, fault_fs *image, bool goes_on) {
    cc_error error = {0};
    cc_store *store = open_on(image, budget_of(next_random(&run->random)), &error);
    figures.images++;
    if (store == NULL) {
        figures.refused++;
        complain(run, "refused:", &error);
        return;
    }
    /* An operation whose record is in the log may still be moving values out of memory. */
    uint64_t found = history_of(store), submitted = history_of(run->store);
    history h = *run->h;
    if (found < run->acknowledged || found > submitted) {
        figures.lost++;
        complain(run, "another prefix", &error);
    }
    history_go_to(&h, found);
    figures.opened_spilled += spilled(store) != 0;
    if (!matches(&h, store)) {
        figures.wrong++;
        complain(run, "another content", &error);
    }
    if (store->fell_back) /* a power cut never costs a checkpoint that was finished */
        complain(run, "fell back", &error);
    figures.fell_back += store->fell_back;
    figures.replayed_none += store->logged_bytes == 0;
    if (goes_on && run->life + 1 < LIVES) {
        crash_run next = {.h = &h,
                          .store = store,
                          .disk = image,
                          .random = next_random(&run->random),
                          .life = run->life + 1,
                          .image_in = 60};
        figures.reopened_again++;
        next.acknowledged = h.done; /* open has synced what it kept */
        if (cc_log_sync(store->log, NULL) != CC_OK)
            complain(run, "sync", &error);
        live(&next);
        store = next.store;
    }
    if (cc_store_close(store, &error) != CC_OK)
        complain(run, "close:", &error);
}

/* Before each change of the disk: an image of it, or more writes, where no lock is held. */
static void watch(void *context) {
    crash_run *run = context;
    uint64_t dice = next_random(&run->random);
    if (run->inside || figures.images >= figures.wanted || check.failures_here != 0)
        return;
    run->inside = true;
    if (dice % run->image_in == 0) {
        bool kill = dice / 64 % 4 == 0;
        fault_fs *image = kill ? fault_fs_kill(run->disk) : fault_fs_crash(run->disk, dice);
        uint64_t acknowledged = run->acknowledged;
        figures.kills += kill;
        figures.power_cuts += !kill;
        figures.made_spilled += spilled(run->store) != 0;
        check_image(run, image, dice / 256 % 40 == 0);
        run->acknowledged = acknowledged;
        fault_fs_free(image);
    } else if (run->store->checkpointing && dice / 64 % 8 == 0 && store_may_write(run->store)) {
        cc_log_ticket ticket;
        for (uint64_t i = 0; i < dice / 4096 % 12; i++)
            CHECK_OK(history_step(run->h, run->store, &ticket, NULL));
    }
    run->inside = false;
}

/* Operations, waits and checkpoints until the run has made its share of images. */
static void live(crash_run *run) {
    uint64_t steps = run->life == 0 ? 1500 : 40 + next_random(&run->random) % 100;
    fault_fs_watch(run->disk, watch, run);
    for (uint64_t i = 0; i < steps && figures.images < figures.wanted && check.failures_here == 0; i++) {
        uint64_t dice = next_random(&run->random);
        cc_log_ticket ticket;
        CHECK_OK(history_step(run->h, run->store, &ticket, NULL));
        if (dice % 4 == 0) {
            uint64_t done = run->h->done;
            CHECK_OK(cc_store_wait(run->store, &ticket, CC_DURABILITY_DEFAULT, NULL));
            run->acknowledged = done;
        }
        if (dice / 4 % (run->life == 0 ? 150 : 30) == 0)
            CHECK_OK(cc_store_checkpoint(run->store, NULL));
        if (budgeted && dice / 1024 % 100 == 0)
            CHECK(matches(run->h, run->store));
    }
    fault_fs_watch(run->disk, NULL, NULL);
}

static void make_images(uint64_t wanted, uint64_t seed) {
    memset(&figures, 0, sizeof figures);
    figures.wanted = wanted;
    for (; figures.images < figures.wanted && check.failures_here == 0; seed++) {
        history h = {.seed = seed, .large_in = seed % 2 ? 60 : 0};
        crash_run run = {.h = &h, .disk = fault_fs_new(), .random = seed, .image_in = 25};
        cc_error error = {0};
        run.store = open_on(run.disk, budgeted ? budget_of(seed % 7 + 1) : 0, &error);
        CHECK(run.store != NULL);
        live(&run);
        CHECK_OK(cc_store_close(run.store, NULL));
        fault_fs_free(run.disk);
    }
    printf(
        "%llu crash images%s (%llu power cuts, %llu kills; %llu went on): %llu refused, %llu lost, %llu wrong; "
        "%llu fell back a checkpoint\n",
        (unsigned long long)figures.images, budgeted ? " under a memory budget" : "",
        (unsigned long long)figures.power_cuts, (unsigned long long)figures.kills,
        (unsigned long long)figures.reopened_again, (unsigned long long)figures.refused,
        (unsigned long long)figures.lost, (unsigned long long)figures.wrong,
        (unsigned long long)figures.fell_back);
    if (!budgeted)
        return;
    printf("%llu of them made, %llu opened with values on the disk alone\n",
           (unsigned long long)figures.made_spilled, (unsigned long long)figures.opened_spilled);
    CHECK(figures.made_spilled > figures.images / 2 && figures.opened_spilled > figures.images / 3);
}

int main(int argc, char **argv) {
    uint64_t wanted = argc > 1 ? strtoull(argv[1], NULL, 10) : 3000;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    check.running = "crash images";
    budgeted = argc > 3;
    make_images(wanted, seed);
    if (argc == 1) {
        budgeted = true;
        make_images(wanted, seed);
    }
    printf("%s\n", check.failures_here == 0 ? "1 passed, 0 failed" : "0 passed, 1 failed");
    return check.failures_here != 0;
}
