/* file.c: cc_fs over the operating system (POSIX with Linux's fallocate and flock). */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct cc_file {
    int descriptor;
};

static cc_status system_open(cc_fs *fs, const char *path, cc_open_mode mode, cc_file **file_out,
                             cc_error *error) {
    (void)fs;
    int flags = O_CLOEXEC | (mode == CC_OPEN_READ ? O_RDONLY : O_RDWR);
    if (mode == CC_OPEN_CREATE)
        flags |= O_CREAT;
    int descriptor = open(path, flags, 0644);
    if (descriptor < 0) {
        if (errno == ENOENT)
            return cc_fail(error, CC_ERR_NOT_FOUND, "no such file: %s", path);
        return cc_fail_errno(error, errno, "cannot open %s", path);
    }
    cc_file *file = malloc(sizeof *file);
    if (file == NULL) {
        close(descriptor);
        return cc_fail(error, CC_ERR_NOMEM, "no memory to open %s", path);
    }
    file->descriptor = descriptor;
    *file_out = file;
    return CC_OK;
}

static void system_close(cc_fs *fs, cc_file *file) {
    (void)fs;
    if (file == NULL)
        return;
    close(file->descriptor);
    free(file);
}

static cc_status system_size(cc_fs *fs, cc_file *file, uint64_t *size_out, cc_error *error) {
    (void)fs;
    struct stat about;
    if (fstat(file->descriptor, &about) != 0)
        return cc_fail_errno(error, errno, "cannot read a file's size");
    *size_out = (uint64_t)about.st_size;
    return CC_OK;
}

static cc_status system_read_at(cc_fs *fs, cc_file *file, uint64_t offset, void *data, size_t size,
                                size_t *read_out, cc_error *error) {
    (void)fs;
    size_t done = 0;
    while (done < size) {
        ssize_t got = pread(file->descriptor, (uint8_t *)data + done, size - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return cc_fail_errno(error, errno, "cannot read at %llu", (unsigned long long)offset);
        if (got == 0)
            break;
        done += (size_t)got;
    }
    *read_out = done;
    return CC_OK;
}

static cc_status system_write_at(cc_fs *fs, cc_file *file, uint64_t offset, const void *data, size_t size,
                                 cc_error *error) {
    (void)fs;
    size_t done = 0;
    while (done < size) {
        ssize_t put = pwrite(file->descriptor, (const uint8_t *)data + done, size - done,
                             (off_t)(offset + done));
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return cc_fail_errno(error, errno, "cannot write at %llu", (unsigned long long)offset);
        done += (size_t)put;
    }
    return CC_OK;
}

static cc_status system_allocate(cc_fs *fs, cc_file *file, uint64_t size, cc_error *error) {
    (void)fs;
    int result = posix_fallocate(file->descriptor, 0, (off_t)size);
    if (result != 0)
        return cc_fail_errno(error, result, "cannot allocate %llu bytes", (unsigned long long)size);
    return CC_OK;
}

static cc_status system_sync(cc_fs *fs, cc_file *file, cc_error *error) {
    (void)fs;
    if (fdatasync(file->descriptor) != 0)
        return cc_fail_errno(error, errno, "cannot sync");
    return CC_OK;
}

static cc_status system_map(cc_fs *fs, cc_file *file, uint64_t size, bool writable, uint8_t **data_out,
                            cc_error *error) {
    (void)fs;
    int protection = PROT_READ | (writable ? PROT_WRITE : 0);
    void *data = mmap(NULL, (size_t)size, protection, MAP_SHARED, file->descriptor, 0);
    if (data == MAP_FAILED)
        return cc_fail_errno(error, errno, "cannot map %llu bytes", (unsigned long long)size);
    (void)madvise(data, (size_t)size, MADV_DONTFORK);
    *data_out = data;
    return CC_OK;
}

static void system_unmap(cc_fs *fs, cc_file *file, uint8_t *data, uint64_t size) {
    (void)fs;
    (void)file;
    (void)munmap(data, (size_t)size);
}

static cc_status system_rename(cc_fs *fs, const char *from, const char *to, cc_error *error) {
    (void)fs;
    if (rename(from, to) != 0)
        return cc_fail_errno(error, errno, "cannot rename %s", from);
    return CC_OK;
}

static cc_status system_remove(cc_fs *fs, const char *path, cc_error *error) {
    (void)fs;
    if (unlink(path) != 0 && errno != ENOENT)
        return cc_fail_errno(error, errno, "cannot remove %s", path);
    return CC_OK;
}

static cc_status system_make_directory(cc_fs *fs, const char *path, cc_error *error) {
    (void)fs;
    char step[PATH_MAX];
    int length = snprintf(step, sizeof step, "%s", path);
    if (length <= 0 || (size_t)length >= sizeof step)
        return cc_fail(error, CC_ERR_ARGUMENT, "bad directory name");
    for (char *at = step + 1;; at++) {
        if (*at != '/' && *at != '\0')
            continue;
        bool last = *at == '\0';
        *at = '\0';
        if (mkdir(step, 0755) != 0 && errno != EEXIST)
            return cc_fail_errno(error, errno, "cannot make directory %s", step);
        if (last)
            return CC_OK;
        *at = '/';
    }
}

static cc_status system_sync_directory(cc_fs *fs, const char *path, cc_error *error) {
    (void)fs;
    int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0)
        return cc_fail_errno(error, errno, "cannot open directory %s", path);
    int result = fsync(descriptor);
    int reason = errno;
    close(descriptor);
    return result == 0 ? CC_OK : cc_fail_errno(error, reason, "cannot sync directory %s", path);
}

static cc_status system_list(cc_fs *fs, const char *path, void (*visit)(void *context, const char *name),
                             void *context, cc_error *error) {
    (void)fs;
    DIR *directory = opendir(path);
    if (directory == NULL)
        return cc_fail_errno(error, errno, "cannot list %s", path);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        if (entry->d_name[0] != '.')
            visit(context, entry->d_name);
    closedir(directory);
    return CC_OK;
}

static cc_status system_lock(cc_fs *fs, cc_file *file, cc_error *error) {
    (void)fs;
    if (flock(file->descriptor, LOCK_EX | LOCK_NB) == 0)
        return CC_OK;
    if (errno == EWOULDBLOCK)
        return cc_fail(error, CC_ERR_BUSY, "another process owns this directory");
    return cc_fail_errno(error, errno, "cannot lock");
}

cc_fs *cc_fs_system(void) {
    /* A constant table; nobody writes to it, the type is not const so that doubles can carry state. */
    static cc_fs files = {
        .open = system_open,
        .close = system_close,
        .size = system_size,
        .read_at = system_read_at,
        .write_at = system_write_at,
        .allocate = system_allocate,
        .sync = system_sync,
        .map = system_map,
        .unmap = system_unmap,
        .rename = system_rename,
        .remove = system_remove,
        .make_directory = system_make_directory,
        .sync_directory = system_sync_directory,
        .list = system_list,
        .lock = system_lock,
    };
    return &files;
}
