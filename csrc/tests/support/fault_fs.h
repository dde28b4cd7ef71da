/* fault_fs.h: a simulated disk behind cc_fs: it fails calls on demand and makes crash images.
 *
 * Every file has live bytes (what the process sees) and durable bytes (what the medium holds). A
 * write or a mapped store changes live bytes and marks 512-byte sectors dirty; sync copies them.
 * Names have a live and a durable table too; sync_directory makes the live one durable. Now and
 * then a dirty sector is written back unasked, as a kernel does, so that the medium also holds
 * versions that no sync ever saw.
 *
 * fault_fs_crash: durable bytes + a random subset of the dirty sectors; of the name changes since
 * the last sync_directory a random prefix (a journal keeps order). fault_fs_kill: all live bytes,
 * as after kill -9. Both give a new disk on which nothing is open or locked.
 *
 * Not thread-safe by design: the tests that use it are deterministic and single-threaded. */
#ifndef CC_TESTS_FAULT_FS_H
#define CC_TESTS_FAULT_FS_H

#include "base/file.h"

typedef struct fault_fs fault_fs;
typedef enum { FAULT_EIO, FAULT_ENOSPC, FAULT_SHORT } fault_kind; /* SHORT: half done, then EIO */

fault_fs *fault_fs_new(void);
void fault_fs_free(fault_fs *disk);
cc_fs *fault_fs_table(fault_fs *disk);

/* The `nth` call that can fail from now on (1 = the next) fails; 0 = none. `sticky`: so do all later. */
void fault_fs_fail(fault_fs *disk, uint64_t nth, fault_kind kind, bool sticky);
uint64_t fault_fs_calls(const fault_fs *disk);   /* calls that can fail, so far */
bool fault_fs_failed_sync(const fault_fs *disk); /* the injected fault hit a sync */
/* Called before each change, and again half way through a store or write. */
void fault_fs_watch(fault_fs *disk, void (*watch)(void *context), void *context);

fault_fs *fault_fs_crash(const fault_fs *disk, uint64_t seed);
fault_fs *fault_fs_kill(const fault_fs *disk);

/* Direct access for tests and fuzzers: makes `path` hold exactly these bytes, durably. */
void fault_fs_set(fault_fs *disk, const char *path, const void *data, size_t size);
/* The live bytes; NULL when there is no such file. Changing them is a fault of the medium. */
uint8_t *fault_fs_bytes(fault_fs *disk, const char *path, size_t *size_out);
/* The `index`-th live name, NULL at the end. */
const char *fault_fs_name(const fault_fs *disk, size_t index);
/* Whether `b` has every file of `a` whose name begins with `prefix`, as it is there. */
bool fault_fs_same(const fault_fs *a, const fault_fs *b, const char *prefix);

#endif
