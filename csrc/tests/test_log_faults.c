/* test_log_faults.c: the log on a simulated disk: crash images at every change, a fault at every
 * call, bit flips in every file. The figures printed at the end are part of the result.
 *
 * A batch's size and bytes follow from its first sequence and its "life" (how many crashes came
 * before it), so a reader can tell a lost record from a resurrected one. */
#include <stdlib.h>

#include "log/survey.h"
#include "support/check.h"
#include "support/fault_fs.h"

enum { LIVES = 4, SMALL_SEGMENT = 4096, PAYLOAD_MAX = 9000 };

static const char *const DIR = "d";

static size_t size_of(uint64_t first) {
    if (first % 29 == 0)
        return 2000 + first % 7 * 900; /* over a segment: the next one is larger */
    return 1 + (first * 131) % 700;
}

static uint8_t byte_of(uint64_t first, int life, size_t at) {
    return (uint8_t)(first * 37 + (uint64_t)life * 101 + at * 7 + (at >> 8));
}

static cc_status append(cc_log *log, uint64_t first, int life, cc_log_ticket *ticket) {
    uint8_t data[PAYLOAD_MAX];
    size_t size = size_of(first);
    for (size_t i = 0; i < size; i++)
        data[i] = byte_of(first, life, i);
    data[0] = (uint8_t)life;
    cc_bytes parts[2] = {cc_bytes_of(data, size / 3), cc_bytes_of(data + size / 3, size - size / 3)};
    cc_log_batch batch = {.type = 5,
                          .count = 1 + (uint32_t)(first % 3),
                          .time_ms = 1000 + first,
                          .parts = parts,
                          .part_count = 2};
    return cc_log_submit(log, &batch, first - 1, ticket, NULL);
}

/* Reads all; true when every batch is whole, in order, and no life comes after a later one. Batches
 * above limits[life] must not be of that life: they were never there, or were reported lost. */
static bool contents_good(cc_log *log, const uint64_t *limits, int life_now) {
    cc_log_info info;
    cc_log_info_get(log, &info);
    cc_log_reader *reader;
    if (cc_log_reader_open(log, 0, &reader, NULL) != CC_OK)
        return false;
    cc_log_record record;
    uint64_t expected = info.first_sequence;
    int life_before = 0;
    bool good = true;
    cc_status status;
    while ((status = cc_log_reader_next(reader, &record, NULL)) == CC_OK && good) {
        int life = record.payload.size > 0 ? record.payload.data[0] : -1;
        good = record.first == expected && record.payload.size == size_of(record.first) && record.type == 5 &&
               record.count == 1 + record.first % 3 && record.time_ms == 1000 + record.first &&
               life >= life_before && life <= life_now &&
               (life == life_now || record.first + record.count - 1 <= limits[life]);
        for (size_t i = 1; i < record.payload.size && good; i++)
            good = record.payload.data[i] == byte_of(record.first, life, i);
        expected = record.first + record.count;
        life_before = life;
    }
    cc_log_reader_close(reader);
    return good && status == CC_ERR_NOT_FOUND && expected == info.last_sequence + 1;
}

/* ---- crash images ---- */

typedef struct {
    cc_durability mode;
    uint64_t acknowledged; /* durable as the mode promises */
    uint64_t submitted;
    uint64_t cursor; /* last cursor position set */
    uint64_t seed;
    int life;
    uint64_t limits[LIVES];
    fault_fs *disk;
    uint64_t images, refused, lost, wrong, killed, shown, skip;
} crash_run;

static cc_log_options small_options(fault_fs *disk, cc_durability mode) {
    return (cc_log_options){.durability = mode,
                            .segment_min = SMALL_SEGMENT,
                            .segment_max = 2 * SMALL_SEGMENT,
                            .fs = fault_fs_table(disk)};
}

static void complain(crash_run *run, const char *what, const cc_error *error) {
    if (run->shown++ < 5)
        fprintf(stderr, "seed %llu life %d acknowledged %llu: %s %s\n", (unsigned long long)run->seed,
                run->life, (unsigned long long)run->acknowledged, what, error->message);
}

static void workload(crash_run *run, cc_log *log, int batches);

/* Opens one image, checks it, and (one life further) crashes again inside the recovered log. */
static void check_image(crash_run *run, fault_fs *image, bool killed) {
    cc_log *log = NULL;
    cc_error error = {0};
    cc_log_options options = small_options(image, run->mode);
    run->images++;
    run->killed += killed;
    uint64_t promised = killed ? run->submitted : run->acknowledged;
    cc_status status = cc_log_open(DIR, &options, &log, &error);
    if (status != CC_OK) {
        run->refused++;
        complain(run, "refused:", &error);
        fault_fs_free(image);
        return;
    }
    cc_log_info info;
    cc_log_info_get(log, &info);
    if (info.last_sequence < promised) {
        run->lost++;
        complain(run, "lost", &error);
    } else if (!contents_good(log, run->limits, run->life)) {
        run->wrong++;
        complain(run, "wrong contents", &error);
    } else if (run->life + 1 < LIVES && run->images % 7 == 0) {
        crash_run next = *run;
        next.life = run->life + 1;
        next.limits[run->life] = info.last_sequence;
        next.disk = image;
        next.submitted = info.last_sequence;
        next.images = next.refused = next.lost = next.wrong = next.killed = 0;
        next.skip = 5;
        fault_fs_watch(image, NULL, NULL);
        workload(&next, log, 6);
        run->images += next.images;
        run->refused += next.refused;
        run->lost += next.lost;
        run->wrong += next.wrong;
        run->killed += next.killed;
        run->shown = next.shown;
    }
    CHECK_OK(cc_log_close(log, NULL));
    fault_fs_free(image);
}

static void on_change(void *context) {
    crash_run *run = context;
    run->seed++;
    if (run->skip != 0 && run->seed % run->skip != 0)
        return;
    check_image(run, fault_fs_crash(run->disk, run->seed), false);
    if (run->seed % 3 == 0)
        check_image(run, fault_fs_kill(run->disk), true);
}

static void workload(crash_run *run, cc_log *log, int batches) {
    fault_fs_watch(run->disk, on_change, run);
    for (int i = 0; i < batches; i++) {
        cc_log_ticket ticket;
        if (append(log, run->submitted + 1, run->life, &ticket) != CC_OK)
            break;
        run->submitted = ticket.last;
        if (i % 3 == 0 || run->mode != CC_DURABILITY_COMMIT) {
            if (cc_log_wait(log, &ticket, CC_DURABILITY_DEFAULT, NULL) != CC_OK)
                break;
            if (run->mode == CC_DURABILITY_COMMIT)
                run->acknowledged = ticket.last;
        }
        if (i % 11 == 10 && cc_log_sync(log, NULL) == CC_OK)
            run->acknowledged = ticket.last;
        if (i % 5 == 4) {
            run->cursor = ticket.last > 9 ? ticket.last - 9 : 0;
            if (cc_log_cursor_set(log, "reader", run->cursor, NULL) != CC_OK ||
                cc_log_truncate(log, NULL) != CC_OK)
                break;
        }
    }
    fault_fs_watch(run->disk, NULL, NULL);
}

/* CLOUDCORE_CRASH_SEEDS=n runs n workloads a mode instead of the few of the gate. */
static void crash_everywhere(cc_durability mode, const char *name) {
    crash_run sum = {0};
    const char *wanted = getenv("CLOUDCORE_CRASH_SEEDS");
    uint64_t seeds = wanted != NULL ? strtoull(wanted, NULL, 10) : 3;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        fault_fs *disk = fault_fs_new();
        crash_run run = {.mode = mode, .seed = seed * 1000003, .disk = disk, .skip = 1 + seed % 3};
        cc_log *log = NULL;
        cc_log_options options = small_options(disk, mode);
        fault_fs_watch(disk, on_change, &run);
        CHECK_OK(cc_log_open(DIR, &options, &log, NULL));
        workload(&run, log, 60);
        CHECK(run.submitted > 60);
        CHECK(contents_good(log, run.limits, 0));
        fault_fs_watch(disk, on_change, &run);
        CHECK_OK(cc_log_close(log, NULL));
        fault_fs_watch(disk, NULL, NULL);
        sum.images += run.images;
        sum.killed += run.killed;
        sum.refused += run.refused;
        sum.lost += run.lost;
        sum.wrong += run.wrong;
        fault_fs_free(disk);
    }
    printf("%s: %llu crash images (%llu of them kill -9): refused %llu, acknowledged lost %llu, "
           "wrong %llu\n",
           name, (unsigned long long)sum.images, (unsigned long long)sum.killed,
           (unsigned long long)sum.refused, (unsigned long long)sum.lost, (unsigned long long)sum.wrong);
    CHECK_EQ(sum.refused, 0);
    CHECK_EQ(sum.lost, 0);
    CHECK_EQ(sum.wrong, 0);
    CHECK(sum.images > 1000);
}

TEST(crash_images_commit) { crash_everywhere(CC_DURABILITY_COMMIT, "commit"); }
TEST(crash_images_process) { crash_everywhere(CC_DURABILITY_PROCESS, "process"); }

/* ---- a fault at every call ---- */

typedef struct {
    uint64_t acknowledged, submitted;
    bool clean; /* every failure was reported as one of the expected statuses */
    bool stays_poisoned;
} sweep_result;

static bool expected_failure(cc_status status) {
    return status == CC_OK || status == CC_ERR_IO || status == CC_ERR_FULL || status == CC_ERR_POISONED;
}

static sweep_result run_with_fault(fault_fs *disk) {
    sweep_result result = {.clean = true, .stays_poisoned = true};
    cc_log *log = NULL;
    cc_log_options options = small_options(disk, CC_DURABILITY_COMMIT);
    cc_status status = cc_log_open(DIR, &options, &log, NULL);
    result.clean = expected_failure(status);
    if (status != CC_OK)
        return result;
    bool poisoned = false;
    for (int i = 0; i < 25; i++) {
        cc_log_ticket ticket;
        status = append(log, result.submitted + 1, 0, &ticket);
        result.clean = result.clean && expected_failure(status);
        result.stays_poisoned = result.stays_poisoned && (!poisoned || status != CC_OK);
        if (status == CC_OK) {
            result.submitted = ticket.last;
            status = cc_log_wait(log, &ticket, CC_DURABILITY_DEFAULT, NULL);
            result.clean = result.clean && expected_failure(status);
            if (status == CC_OK)
                result.acknowledged = ticket.last;
            result.stays_poisoned = result.stays_poisoned && (!poisoned || status != CC_OK);
        }
        poisoned = poisoned || (status != CC_OK && fault_fs_failed_sync(disk));
        if (i % 5 == 4 && result.submitted > 9) {
            status = cc_log_cursor_set(log, "reader", result.submitted - 9, NULL);
            result.clean = result.clean && expected_failure(status);
            status = cc_log_truncate(log, NULL);
            result.clean = result.clean && expected_failure(status);
        }
    }
    uint64_t limits[LIVES] = {0};
    result.clean = result.clean && contents_good(log, limits, 0);
    result.clean = expected_failure(cc_log_close(log, NULL)) && result.clean;
    return result;
}

TEST(fault_at_every_call) {
    uint64_t points = 0, unclean = 0, lost = 0, wrong = 0, unpoisoned = 0, refused = 0;
    for (int kind = 0; kind < 6; kind++) {
        for (uint64_t nth = 1; nth < 10000; nth++) {
            fault_fs *disk = fault_fs_new();
            fault_fs_fail(disk, nth, (fault_kind)(kind % 3), kind >= 3);
            sweep_result result = run_with_fault(disk);
            bool reached = fault_fs_calls(disk) >= nth;
            fault_fs_fail(disk, 0, FAULT_EIO, false);
            for (int crash = 0; crash < 2 && reached; crash++) {
                fault_fs *image = crash ? fault_fs_crash(disk, nth) : fault_fs_kill(disk);
                cc_log *log = NULL;
                cc_error error = {0};
                cc_log_options options = small_options(image, CC_DURABILITY_COMMIT);
                cc_status status = cc_log_open(DIR, &options, &log, &error);
                uint64_t limits[LIVES] = {0};
                if (status != CC_OK) {
                    if (refused++ < 5)
                        fprintf(stderr, "kind %d call %llu crash %d: %s\n", kind, (unsigned long long)nth,
                                crash, error.message);
                } else {
                    cc_log_info info;
                    cc_log_info_get(log, &info);
                    lost += info.last_sequence < result.acknowledged;
                    wrong += !contents_good(log, limits, 0);
                    CHECK_OK(cc_log_close(log, NULL));
                }
                fault_fs_free(image);
            }
            if (reached && !result.clean && unclean++ < 5)
                fprintf(stderr, "kind %d call %llu: not clean\n", kind, (unsigned long long)nth);
            unpoisoned += !result.stays_poisoned;
            points += reached;
            fault_fs_free(disk);
            if (!reached)
                break;
        }
    }
    printf("fault points: %llu, unclean %llu, refused to reopen %llu, acknowledged lost %llu, wrong "
           "%llu, written after a failed sync %llu\n",
           (unsigned long long)points, (unsigned long long)unclean, (unsigned long long)refused,
           (unsigned long long)lost, (unsigned long long)wrong, (unsigned long long)unpoisoned);
    CHECK(points > 300);
    CHECK_EQ(unclean + refused + lost + wrong + unpoisoned, 0);
}

TEST(failed_cursor_changes_nothing) {
    fault_fs *disk = fault_fs_new();
    cc_log *log = NULL;
    cc_log_options options = small_options(disk, CC_DURABILITY_PROCESS);
    CHECK_OK(cc_log_open(DIR, &options, &log, NULL));
    cc_log_ticket ticket = {0};
    for (int i = 0; i < 5; i++)
        CHECK_OK(append(log, ticket.last + 1, 0, &ticket));
    CHECK_OK(cc_log_cursor_set(log, "a", 2, NULL));
    CHECK_OK(cc_log_cursor_set(log, "b", 3, NULL));
    uint64_t sequence = 0;
    for (int kind = FAULT_EIO; kind <= FAULT_SHORT; kind++) {
        fault_fs_fail(disk, 1, (fault_kind)kind, true);
        CHECK(cc_log_cursor_set(log, "a", 4, NULL) != CC_OK);
        CHECK(cc_log_cursor_set(log, "c", 4, NULL) != CC_OK);
        CHECK(cc_log_cursor_drop(log, "a", NULL) != CC_OK);
        fault_fs_fail(disk, 0, FAULT_EIO, false);
        CHECK_OK(cc_log_cursor_get(log, "a", &sequence, NULL));
        CHECK_EQ(sequence, 2);
        CHECK_OK(cc_log_cursor_get(log, "b", &sequence, NULL));
        CHECK_EQ(sequence, 3);
        CHECK(cc_log_cursor_get(log, "c", &sequence, NULL) == CC_ERR_NOT_FOUND);
    }
    CHECK_OK(cc_log_close(log, NULL));
    CHECK_OK(cc_log_open(DIR, &options, &log, NULL));
    CHECK_OK(cc_log_cursor_get(log, "a", &sequence, NULL));
    CHECK_EQ(sequence, 2);
    CHECK_OK(cc_log_close(log, NULL));
    fault_fs_free(disk);
}

/* The newest record is what the cursor's owner reads next, not one that the cursor has passed. */
static void check_cursor(fault_fs *image, const char *dir, uint64_t submitted, uint64_t *cut) {
    cc_log *log = NULL;
    cc_log_reader *reader = NULL;
    cc_log_record record;
    cc_log_info info;
    cc_log_ticket ticket;
    uint64_t cursor = 0;
    cc_log_options options = small_options(image, CC_DURABILITY_PROCESS);
    CHECK_OK(cc_log_open(dir, &options, &log, NULL));
    cc_log_info_get(log, &info);
    if (cc_log_cursor_get(log, "a", &cursor, NULL) == CC_OK) {
        CHECK(cursor <= info.last_sequence);
        *cut += cursor < submitted;
        CHECK_OK(append(log, info.last_sequence + 1, 1, &ticket));
        CHECK_OK(cc_log_reader_open(log, cursor + 1, &reader, NULL));
        CHECK_OK(cc_log_reader_next(reader, &record, NULL));
        CHECK_EQ(record.first, cursor + 1);
        cc_log_reader_close(reader);
    }
    CHECK_OK(cc_log_close(log, NULL));
}

/* A power cut may leave a cursor and take records that it has passed; so may a tail that repair leaves out. */
TEST(no_cursor_is_behind_the_end) {
    uint64_t cut = 0, repaired = 0;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        fault_fs *disk = fault_fs_new();
        cc_log *log = NULL;
        cc_log_options options = small_options(disk, CC_DURABILITY_PROCESS);
        cc_log_ticket ticket = {0};
        CHECK_OK(cc_log_open(DIR, &options, &log, NULL));
        CHECK_OK(append(log, 1, 0, &ticket));
        CHECK_OK(cc_log_sync(log, NULL));
        for (int i = 0; i < 5; i++)
            CHECK_OK(append(log, ticket.last + 1, 0, &ticket));
        CHECK_OK(cc_log_cursor_set(log, "a", ticket.last, NULL));
        fault_fs *image = fault_fs_crash(disk, seed);
        cc_findings findings = {0};
        cc_log_survey survey;
        CHECK_OK(cc_log_salvage(fault_fs_table(image), DIR, "repaired", &findings, &survey, NULL));
        check_cursor(image, "repaired", ticket.last, &repaired);
        check_cursor(image, DIR, ticket.last, &cut);
        CHECK_OK(cc_log_close(log, NULL));
        fault_fs_free(image);
        fault_fs_free(disk);
    }
    printf("power cuts that left a cursor and took what it had read: %llu of 200\n", (unsigned long long)cut);
    CHECK(cut > 3 && repaired > 0);
}

/* ---- bit flips ---- */

/* A synced, open log; every bit of every used byte of every file flips once. Silent means: open says
 * yes, and what it gives back is not what was written. */
TEST(bit_flips_never_silent) {
    fault_fs *disk = fault_fs_new();
    cc_log *log = NULL;
    cc_log_options options = small_options(disk, CC_DURABILITY_COMMIT);
    CHECK_OK(cc_log_open(DIR, &options, &log, NULL));
    cc_log_ticket ticket = {0};
    for (int i = 0; i < 14; i++)
        CHECK_OK(append(log, ticket.last + 1, 0, &ticket));
    CHECK_OK(cc_log_wait(log, &ticket, CC_DURABILITY_DEFAULT, NULL));
    CHECK_OK(cc_log_cursor_set(log, "reader", 3, NULL));
    fault_fs *image = fault_fs_kill(disk);
    CHECK_OK(cc_log_close(log, NULL));
    uint64_t flips = 0, refused = 0, harmless = 0, silent = 0;
    for (size_t index = 0; fault_fs_name(image, index) != NULL; index++) {
        size_t size;
        uint8_t *bytes = fault_fs_bytes(image, fault_fs_name(image, index), &size);
        for (size_t bit = 0; bit < size * 8; bit += 1) {
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            cc_log_options look = {.read_only = true, .fs = fault_fs_table(image)};
            cc_log *copy = NULL;
            uint64_t limits[LIVES] = {0};
            flips++;
            if (cc_log_open(DIR, &look, &copy, NULL) != CC_OK) {
                refused++;
            } else {
                cc_log_info info;
                cc_log_info_get(copy, &info);
                bool same = info.last_sequence == ticket.last && contents_good(copy, limits, 0);
                harmless += same; /* padding, the unused tail, the older state slot */
                silent += !same;
                CHECK_OK(cc_log_close(copy, NULL));
            }
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
    printf("bit flips in all files: %llu, refused %llu, without effect %llu, silent wrong answers "
           "%llu\n",
           (unsigned long long)flips, (unsigned long long)refused, (unsigned long long)harmless,
           (unsigned long long)silent);
    CHECK_EQ(silent, 0);
    CHECK(flips > 50000);
    fault_fs_free(image);
    fault_fs_free(disk);
}

int main(void) {
    RUN(crash_images_commit);
    RUN(crash_images_process);
    RUN(fault_at_every_call);
    RUN(failed_cursor_changes_nothing);
    RUN(no_cursor_is_behind_the_end);
    RUN(bit_flips_never_silent);
    return REPORT();
}
