/* file.h: the file system as a table of calls, so that every fault can be injected.
 *
 * The log reaches the disk only through cc_fs: reads, writes, allocation, syncs, and also mappings
 * and stores into them, because a mapped store is a write that no system call shows. The real one
 * is cc_fs_system(); tests use a simulated disk (csrc/tests/support/fault_fs.h).
 *
 * Every call returns CC_OK or fills `error` (CC_ERR_IO, CC_ERR_FULL, CC_ERR_NOT_FOUND, CC_ERR_BUSY).
 * Thread rule: calls on different files are independent; on one file the caller serialises. */
#ifndef CC_BASE_FILE_H
#define CC_BASE_FILE_H

#include "base/bytes.h"

typedef struct cc_fs cc_fs;
typedef struct cc_file cc_file; /* owned by the file system that opened it */

typedef enum { CC_OPEN_READ = 0, CC_OPEN_WRITE = 1, CC_OPEN_CREATE = 3 } cc_open_mode;

struct cc_fs {
    void *context;
    cc_status (*open)(cc_fs *fs, const char *path, cc_open_mode mode, cc_file **file_out, cc_error *error);
    void (*close)(cc_fs *fs, cc_file *file);
    cc_status (*size)(cc_fs *fs, cc_file *file, uint64_t *size_out, cc_error *error);
    /* Reads exactly `size` bytes, or fewer at the end of the file (*read_out). */
    cc_status (*read_at)(cc_fs *fs, cc_file *file, uint64_t offset, void *data, size_t size, size_t *read_out,
                         cc_error *error);
    cc_status (*write_at)(cc_fs *fs, cc_file *file, uint64_t offset, const void *data, size_t size,
                          cc_error *error);
    /* The file is `size` bytes of allocated blocks afterwards: no store into it can fail for space. */
    cc_status (*allocate)(cc_fs *fs, cc_file *file, uint64_t size, cc_error *error);
    /* Everything written or stored so far is on the medium (fdatasync). */
    cc_status (*sync)(cc_fs *fs, cc_file *file, cc_error *error);
    /* Shared mapping of the whole file, not inherited by a forked child. */
    cc_status (*map)(cc_fs *fs, cc_file *file, uint64_t size, bool writable, uint8_t **data_out,
                     cc_error *error);
    void (*unmap)(cc_fs *fs, cc_file *file, uint8_t *data, uint64_t size);
    /* NULL for the real one (the log then uses memcpy); the double records the store here. */
    void (*store)(cc_fs *fs, cc_file *file, uint8_t *target, const void *data, size_t size);
    cc_status (*rename)(cc_fs *fs, const char *from, const char *to, cc_error *error);
    cc_status (*remove)(cc_fs *fs, const char *path, cc_error *error);
    cc_status (*make_directory)(cc_fs *fs, const char *path, cc_error *error); /* parents too */
    cc_status (*sync_directory)(cc_fs *fs, const char *path, cc_error *error);
    /* Calls `visit` for each plain name in `path`. */
    cc_status (*list)(cc_fs *fs, const char *path, void (*visit)(void *context, const char *name),
                      void *context, cc_error *error);
    /* Exclusive, released by close or by the end of the process; CC_ERR_BUSY at once if taken. */
    cc_status (*lock)(cc_fs *fs, cc_file *file, cc_error *error);
};

/* The operating system's files. Stateless and shared. */
cc_fs *cc_fs_system(void);

#endif
