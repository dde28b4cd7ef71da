/* failing_memory.c: see failing_memory.h. */
#include "tests/support/failing_memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "store/poison.h"

static _Thread_local struct {
    bool armed, sticky;
    int spared;
    uint64_t calls, fail_at;
} memory;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
char *__real_strdup(const char *text);
void *__real_mmap(void *address, size_t size, int protection, int flags, int descriptor, off_t offset);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
char *__wrap_strdup(const char *text);
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int descriptor, off_t offset);

ssize_t __wrap_getrandom(void *data, size_t size, unsigned flags);

void memory_fails(uint64_t nth, bool sticky) {
    memory.armed = true;
    memory.sticky = sticky;
    memory.calls = 0;
    memory.fail_at = nth;
}

uint64_t memory_works(void) {
    memory.armed = false;
    return memory.calls;
}

void memory_spares(bool on) { memory.spared += on ? 1 : -1; }

static bool fails(void) {
    if (!memory.armed || memory.spared != 0)
        return false;
    memory.calls++;
    bool failing = memory.calls == memory.fail_at ||
                   (memory.sticky && memory.fail_at != 0 && memory.calls > memory.fail_at);
    if (failing)
        errno = ENOMEM;
    return failing;
}

bool cc_store_fault_hook(void) { return fails(); }

void *__wrap_malloc(size_t size) { return fails() ? NULL : __real_malloc(size); }
void *__wrap_calloc(size_t count, size_t size) { return fails() ? NULL : __real_calloc(count, size); }
void *__wrap_realloc(void *old, size_t size) { return fails() ? NULL : __real_realloc(old, size); }
void *__wrap_aligned_alloc(size_t alignment, size_t size) {
    return fails() ? NULL : __real_aligned_alloc(alignment, size);
}
char *__wrap_strdup(const char *text) { return fails() ? NULL : __real_strdup(text); }
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int descriptor, off_t offset) {
    return fails() ? MAP_FAILED : __real_mmap(address, size, protection, flags, descriptor, offset);
}
ssize_t __wrap_getrandom(void *data, size_t size, unsigned flags) {
    (void)flags;
    memset(data, 7, size);
    return (ssize_t)size;
}
