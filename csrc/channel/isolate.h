/* isolate.h: what a worker process can no longer see or touch, from now on and for its children.
 *
 *   a mount namespace   each cover's directory shows another one, or nothing; each of `kept` that lies below
 *                       one of these is there all the same
 *   a landlock domain   no mounting and unmounting, no tracing and no signals to processes outside
 *   a seccomp filter    see forbid.h
 *
 * Needs no privileges: without CAP_SYS_ADMIN a user namespace with the same user and group comes first.
 * What the kernel or the machine's policy refuses is left out, and not said to be done.
 * Source: mount_namespaces(7), open_tree(2), landlock(7).
 *
 * Thread rule: the process has one thread. */
#ifndef CC_CHANNEL_ISOLATE_H
#define CC_CHANNEL_ISOLATE_H

#include "base/status.h"

typedef enum {
    CC_ISOLATED_FILES = 1,   /* covers and kept are in force, all of them */
    CC_ISOLATED_DOMAIN = 2,  /* no mounts, no tracing outwards */
    CC_ISOLATED_SIGNALS = 4, /* no signals outwards */
    CC_ISOLATED_CALLS = 8    /* no system calls that reach the kernel's own state: forbid.h */
} cc_isolated;

/* `by` is what `directory` shows from now on; NULL: nothing. */
typedef struct cc_cover {
    const char *directory, *by;
} cc_cover;

/* Absolute paths of directories; the covers take effect in their order, and one whose directory is not there has
 * nothing to do. IO when the process is left in a state that no worker should run in. */
CC_MUST_CHECK cc_status cc_isolate(const cc_cover *covers, size_t cover_count, const char *const *kept,
                                   size_t kept_count, uint32_t *isolated_out, cc_error *error);

/* The same for a process that runs user code and is then forked from: it may still take file systems of its own (forbid.h,
 * `ahead`), and where landlock cannot allow that it has no domain yet. */
CC_MUST_CHECK cc_status cc_isolate_ahead(const cc_cover *covers, size_t cover_count, const char *const *kept,
                                         size_t kept_count, uint32_t *isolated_out, cc_error *error);
/* Then, in a child of it: an empty file system in memory of at most `size` bytes over `directory`, which its siblings do not
 * see, with those of `kept` that lie below it (CC_ISOLATED_FILES), and what cc_isolate forbids. */
uint32_t cc_isolate_again(const char *directory, uint64_t size, const char *const *kept, size_t kept_count);

/* Before one of these: a network of its own, in which there is a loopback and nothing else. False where the kernel or the
 * machine's policy refuses it. Source: network_namespaces(7). */
bool cc_own_network(void);

/* For a process that workers are forked from. Mounts of its own, which reach nobody else: false where the kernel or the
 * machine's policy refuses them. */
bool cc_own_mounts(void);
/* Then: an empty file system in memory over `directory` that holds at most so many bytes. It goes with the directory, which
 * any process may remove. */
bool cc_mount_storage(const char *directory, uint64_t size);
/* Take it away, for this process to remove the directory itself. */
void cc_drop_storage(const char *directory);

#endif
