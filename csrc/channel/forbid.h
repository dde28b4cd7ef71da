/* forbid.h: the system calls that a worker process may no longer make, from now on and for its children.
 *
 * A seccomp filter: what reaches other processes, the kernel's own state, mounts, namespaces, keys or clocks fails
 * with EPERM; clone3, whose flags a filter cannot read, with ENOSYS, after which C libraries use clone. Everything
 * else is as it was: a list of what is forbidden cannot break a program that needs a call which nobody thought of.
 * Source: seccomp(2), AWS's environments (no capabilities, no user namespaces).
 *
 * Thread rule: the process has one thread. */
#ifndef CC_CHANNEL_FORBID_H
#define CC_CHANNEL_FORBID_H

#include "base/status.h"

/* False when the kernel, or this build's architecture, has no such filter. Needs no privileges. With `ahead` two calls
 * stay allowed, which can uncover nothing: unshare(CLONE_NEWNS), and mount with these flags alone. A process with one
 * filter may take another one on. */
bool cc_forbid_calls(bool ahead);

enum {
    CC_MOUNT_FRESH = 2 | 4,       /* MS_NOSUID | MS_NODEV: a new file system */
    CC_MOUNT_AGAIN = 4096 | 16384 /* MS_BIND | MS_REC: what is seen somewhere, with what covers parts of it */
};

#endif
