/* test_store_records.c: log records with right checksums that no store has written: opening stops at them and says
 * where, check tells of them, and repair saves what stands around them. */
#include <stdlib.h>

#include "support/check.h"
#include "support/forge.h"

/* A payload, byte by byte; integers are little-endian. */
typedef struct {
    uint32_t type;
    const char *bytes;
    size_t size;
    const char *told; /* by opening and by check; of both NULL: it is right */
} record;

#define RECORD(type, bytes, told) {type, bytes, sizeof(bytes) - 1, told}
/* u8 kind, u8 flags, u16 partition, u16 sort, u16 0, u32 space, u32 value */
#define CHANGE(kind, flags, space, value) kind flags "\1\0\1\0\0\0" space "\0\0\0" value "\0\0\0"

static const record records[] = {
    RECORD(CC_RECORD_INIT, "", "not a store's first record"),
    RECORD(CC_RECORD_INIT, "ccstore1\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0", "a second first record"),
    RECORD(CC_RECORD_CREATE, "\5\0\0\0\1\0\0\0\0\0\0", "short create"),
    RECORD(CC_RECORD_CREATE, "\5\0\0\0\0\0\0\0\0\0\0\0", "sizes of a create"),
    RECORD(CC_RECORD_CREATE, "\5\0\0\0\0\1\0\0\0\0\0\0", "sizes of a create"),
    RECORD(CC_RECORD_CREATE, "\1\0\0\0\2\0\0\0\0\0\0\0x", "sizes of a create"),
    RECORD(CC_RECORD_CREATE, "\1\0\0\0\1\0\0\0\377\377\377\377x", "sizes of a create"),
    RECORD(CC_RECORD_CREATE, "\5\0\0\0\1\0\0\0\0\0\0\0x", "a space created out of turn"),
    RECORD(CC_RECORD_CREATE, "\0\0\0\0\1\0\0\0\0\0\0\0x", "a space created out of turn"),
    RECORD(CC_RECORD_CREATE, "\1\0\0\0\1\0\0\0\0\0\0\0t", "a space created twice"),
    RECORD(CC_RECORD_CREATE, "\377\377\377\377\1\0\0\0\0\0\0\0x", "a space created out of turn"),
    RECORD(CC_RECORD_CREATE, "\1\0\0\0\1\0\0\0\1\0\0\0xm", NULL),
    RECORD(CC_RECORD_DROP, "\0\0\0", "size of a drop"),
    RECORD(CC_RECORD_DROP, "\1\0\0\0", "an unknown space"),
    RECORD(CC_RECORD_DROP, "\377\377\377\377", "an unknown space"),
    RECORD(CC_RECORD_DROP, "\0\0\0\0", NULL),
    RECORD(CC_RECORD_META, "\0\0\0\0\0\0\0", "size of a meta"),
    RECORD(CC_RECORD_META, "\0\0\0\0\2\0\0\0m", "size of a meta"),
    RECORD(CC_RECORD_META, "\7\0\0\0\1\0\0\0m", "an unknown space"),
    RECORD(CC_RECORD_META, "\0\0\0\0\1\0\0\0m", NULL),
    RECORD(CC_RECORD_WRITE, "\1\0\0", "short write"),
    RECORD(CC_RECORD_WRITE, "\0\0\0\0", "count of a write"),
    RECORD(CC_RECORD_WRITE, "\2\0\0\0" CHANGE("\1", "\0", "\0", "\0") "ps", "count of a write"),
    RECORD(CC_RECORD_WRITE,
           "\2\0\0\0" CHANGE("\1", "\0", "\0", "\0") "ps"
                                                     "0123456789abcde",
           "short change"),
    RECORD(CC_RECORD_WRITE, "\1\0\0\0" CHANGE("\0", "\0", "\0", "\0") "ps", "kind, flags or filler"),
    RECORD(CC_RECORD_WRITE, "\1\0\0\0" CHANGE("\4", "\0", "\0", "\0") "ps", "kind, flags or filler"),
    RECORD(CC_RECORD_WRITE, "\1\0\0\0" CHANGE("\1", "\1", "\0", "\0") "ps", "kind, flags or filler"),
    RECORD(CC_RECORD_WRITE, "\1\0\0\0" CHANGE("\2", "\0", "\0", "\1") "psv", "sizes of a change"),
    RECORD(CC_RECORD_WRITE, "\1\0\0\0" CHANGE("\1", "\0", "\0", "\2") "psv", "sizes of a change"),
    RECORD(CC_RECORD_WRITE, "\1\0\0\0\1\0\1\0\1\0\0\0\0\0\0\0\1\0\0\4ps", "sizes of a change"),
    RECORD(CC_RECORD_WRITE, "\1\0\0\0" CHANGE("\1", "\0", "\7", "\1") "psv", "a change of an unknown space"),
    RECORD(CC_RECORD_WRITE,
           "\1\0\0\0" CHANGE("\1", "\0", "\0", "\1") "psv"
                                                     "x",
           "bytes behind the last change"),
    RECORD(CC_RECORD_WRITE, "\1\0\0\0" CHANGE("\1", "\0", "\0", "\1") "psv", NULL),
    RECORD(CC_RECORD_FEED, "\1\0\0\0" CHANGE("\1", "\2", "\0", "\1") "psv", "kind, flags or filler"),
    RECORD(CC_RECORD_FEED, "\1\0\0\0" CHANGE("\1", "\5", "\0", "\1") "psv", "kind, flags or filler"),
    RECORD(CC_RECORD_FEED, "\1\0\0\0" CHANGE("\1", "\10", "\0", "\1") "psv", "kind, flags or filler"),
    RECORD(CC_RECORD_FEED, "\1\0\0\0" CHANGE("\2", "\1", "\0", "\0") "ps", "kind, flags or filler"),
    RECORD(CC_RECORD_FEED, "\1\0\0\0" CHANGE("\1", "\7", "\0", "\1") "psv", "short change"),
    RECORD(CC_RECORD_FEED, "\1\0\0\0" CHANGE("\1", "\7", "\0", "\1") "\2\0\0\0psvo", "sizes of a change"),
    RECORD(CC_RECORD_FEED, "\1\0\0\0" CHANGE("\1", "\7", "\0", "\1") "\1\0\0\4psvo", "sizes of a change"),
    RECORD(CC_RECORD_FEED, "\1\0\0\0" CHANGE("\1", "\7", "\0", "\1") "\1\0\0\0psvo", NULL),
};

static void append(cc_store *store, const record *r) {
    cc_bytes part = cc_bytes_of(r->bytes, r->size);
    cc_log_batch batch = {.type = r->type, .count = 1, .parts = &part, .part_count = 1};
    cc_log_ticket ticket;
    CHECK_OK(cc_log_submit(cc_store_log(store), &batch, CC_LOG_ANY, &ticket, NULL));
}

/* A table with an item, the record, another item; `pages`: a checkpoint is taken before it. */
static fault_fs *disk_with(const record *r, bool pages) {
    fault_fs *disk = fault_fs_new();
    cc_store_options options = forge_options(disk);
    cc_store *store = NULL;
    cc_space *space = NULL;
    cc_log_ticket ticket;
    CHECK_OK(cc_store_open("d", &options, &store, NULL));
    CHECK_OK(cc_space_create(store, cc_bytes_text("t"), cc_bytes_text("{}"), &space, NULL));
    cc_change change = {.kind = CC_CHANGE_PUT,
                        .space = space,
                        .key = {cc_bytes_text("a"), cc_bytes_text("b")},
                        .value = cc_bytes_text("before")};
    CHECK_OK(cc_store_write(store, &change, 1, &ticket, NULL));
    if (pages)
        CHECK_OK(cc_store_checkpoint(store, NULL));
    append(store, r);
    if (r->type != CC_RECORD_DROP) {
        change.key.sort = cc_bytes_text("c");
        CHECK_OK(cc_store_write(store, &change, 1, &ticket, NULL));
    }
    CHECK_OK(cc_store_close(store, NULL));
    return disk;
}

TEST(records) {
    for (size_t i = 0; i < 2 * sizeof records / sizeof *records; i++) {
        const record *r = &records[i / 2];
        fault_fs *disk = disk_with(r, i % 2 != 0);
        int failures = check.failures_here;
        forge_verdict found = forge_judge(disk);
        CHECK_EQ(found.opened, r->told == NULL ? CC_OK : CC_ERR_CORRUPT);
        CHECK(r->told == NULL ? found.faults == 0 : strstr(found.refused.message, r->told) != NULL);
        CHECK(r->told == NULL || (found.told[0] != '\0' && found.refused.position == 4));
        if (check.failures_here != failures)
            fprintf(stderr, "record %zu, pages %zu: %s, %s\n", i / 2, i % 2, found.told,
                    found.refused.message);
        fault_fs_free(disk);
    }
}

/* A type and a version that this build does not know are no fault: nothing is repaired away. */
TEST(formats) {
    static const record unknown = RECORD(77, "later", "");
    fault_fs *disk = disk_with(&unknown, false);
    forge_verdict found = forge_judge(disk);
    CHECK(!found.knows);
    CHECK_EQ(found.opened, CC_ERR_FORMAT);
    fault_fs_free(disk);
}

/* What a log may begin with. */
TEST(first_records) {
    static const record first[] = {
        RECORD(CC_RECORD_INIT, "ccstore1\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0", NULL),
        RECORD(CC_RECORD_INIT, "ccstore1\2\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0", "format version 2"),
        RECORD(CC_RECORD_INIT, "ccstore1\1\0\0\0\1\0\0\0\1\0\0\0\0\0\0\0", "filler"),
        RECORD(CC_RECORD_INIT, "ccstore2\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0", "not a store's first record"),
        RECORD(CC_RECORD_INIT, "ccstore1", "not a store's first record"),
        RECORD(CC_RECORD_CREATE, "\0\0\0\0\1\0\0\0\0\0\0\0t", "does not begin with a store's first record"),
    };
    for (size_t i = 0; i < sizeof first / sizeof *first; i++) {
        fault_fs *disk = fault_fs_new();
        cc_log_options options = {.segment_min = 4096, .fs = fault_fs_table(disk)};
        cc_log *log = NULL;
        cc_log_ticket ticket;
        cc_bytes part = cc_bytes_of(first[i].bytes, first[i].size);
        cc_log_batch batch = {.type = first[i].type, .count = 1, .parts = &part, .part_count = 1};
        CHECK_OK(cc_log_open("d", &options, &log, NULL));
        CHECK_OK(cc_log_submit(log, &batch, CC_LOG_ANY, &ticket, NULL));
        CHECK_OK(cc_log_close(log, NULL));
        forge_verdict found = forge_judge(disk);
        CHECK(first[i].told == NULL ? found.opened == CC_OK
                                    : strstr(found.refused.message, first[i].told) != NULL);
        if (first[i].told != NULL && strstr(found.refused.message, first[i].told) == NULL)
            fprintf(stderr, "first record %zu: %s, %s\n", i, found.told, found.refused.message);
        fault_fs_free(disk);
    }
}

int main(void) {
    RUN(records);
    RUN(formats);
    RUN(first_records);
    return REPORT();
}
