/* isolate.c: see isolate.h. A directory is covered by another one (or by an empty tmpfs); what must stay
 * visible below it is cloned before (open_tree) and put back into the cover (move_mount). */
#include "channel/isolate.h"

#include "channel/forbid.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel's numbers and structures, for C libraries that do not have them yet. */
#ifndef SYS_open_tree
#define SYS_open_tree 428
#endif
#ifndef SYS_move_mount
#define SYS_move_mount 429
#endif
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_restrict_self 446
#endif
#define TREE_CLONE 1u
#define TREE_RECURSIVE 0x8000u /* AT_RECURSIVE */
#define MOVE_FROM_EMPTY_PATH 4u
#define RULESET_VERSION 1u
#define MAKE_BLOCK (1ull << 11)
#define SCOPE_SIGNAL (1ull << 1)

enum { KEPT_MAX = 64 };

typedef struct ruleset {
    uint64_t files, network, scoped;
} ruleset;

static bool write_file(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool written = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    close(fd);
    return written;
}

/* A namespace of our own of this kind. */
static bool enter(int kind) {
    uid_t user = geteuid();
    gid_t group = getegid();
    char line[64];
    if (unshare(kind) == 0)
        return true;
    /* There is no way back out of a user namespace, so see first that its maps can be written. */
    if (access("/proc/self/uid_map", W_OK) != 0 || unshare(CLONE_NEWUSER | kind) != 0)
        return false;
    (void)write_file("/proc/self/setgroups", "deny");
    snprintf(line, sizeof line, "%u %u 1", (unsigned)group, (unsigned)group);
    (void)write_file("/proc/self/gid_map", line);
    snprintf(line, sizeof line, "%u %u 1", (unsigned)user, (unsigned)user);
    return write_file("/proc/self/uid_map", line);
}

/* A mount namespace of our own, in which mounts reach nobody else. */
static bool enter_namespace(void) {
    return enter(CLONE_NEWNS) && mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) == 0;
}

static bool is_below(const char *path, const char *directory) {
    size_t size = strlen(directory);
    return strncmp(path, directory, size) == 0 && (path[size] == '/' || path[size] == 0);
}

static bool make_directories(const char *path, size_t from) {
    char part[PATH_MAX];
    size_t size = strlen(path);
    if (size >= sizeof part)
        return false;
    memcpy(part, path, size + 1);
    for (size_t i = from + 1; i <= size; i++) {
        if (part[i] != '/' && part[i] != 0)
            continue;
        char cut = part[i];
        part[i] = 0;
        if (mkdir(part, 0755) != 0 && errno != EEXIST)
            return false;
        part[i] = cut;
    }
    return true;
}

/* Put `by` (a directory; NULL: nothing) over `directory`, and back into it the trees in `trees`. */
static bool cover(const char *directory, const char *by, const char *const *kept, const int *trees,
                  size_t count) {
    if (by != NULL ? mount(by, directory, NULL, MS_BIND | MS_REC, NULL) != 0
                   : mount("none", directory, "tmpfs", MS_NOSUID | MS_NODEV, "size=64k,mode=0755") != 0)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (trees[i] < 0)
            continue;
        if (!make_directories(kept[i], strlen(directory)) ||
            syscall(SYS_move_mount, trees[i], "", AT_FDCWD, kept[i], MOVE_FROM_EMPTY_PATH) != 0) {
            (void)umount2(directory, MNT_DETACH);
            return false;
        }
    }
    return true;
}

/* Covers one directory; what is kept below it is cloned first. One that is not there needs no cover, and
 * one that is itself kept cannot have any. */
static bool hide(const char *directory, const char *by, const char *const *kept, size_t count) {
    int trees[KEPT_MAX];
    bool covered = true;
    if (access(directory, F_OK) != 0)
        return true;
    for (size_t i = 0; i < count; i++) {
        trees[i] = -1;
        covered = covered && strcmp(kept[i], directory) != 0;
        if (is_below(kept[i], directory))
            trees[i] = (int)syscall(SYS_open_tree, AT_FDCWD, kept[i],
                                    TREE_CLONE | TREE_RECURSIVE | O_CLOEXEC);
    }
    covered = covered && cover(directory, by, kept, trees, count);
    for (size_t i = 0; i < count; i++)
        if (trees[i] >= 0)
            close(trees[i]);
    return covered;
}

/* A domain that forbids what nobody here needs (making block devices): being in one is what matters. One that has
 * to do with files forbids mounts; `ahead`: without files, which takes a kernel that knows of signals. */
static uint32_t enter_domain(bool ahead) {
    long version = syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, RULESET_VERSION);
    ruleset rules = {.files = ahead ? 0 : MAKE_BLOCK, .scoped = version >= 6 ? SCOPE_SIGNAL : 0};
    size_t size = version >= 6 ? sizeof rules : sizeof rules.files;
    if (version < (ahead ? 6 : 1) || prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L) != 0)
        return 0;
    int fd = (int)syscall(SYS_landlock_create_ruleset, &rules, size, 0u);
    if (fd < 0)
        return 0;
    bool entered = syscall(SYS_landlock_restrict_self, fd, 0u) == 0;
    close(fd);
    return !entered ? 0u : version >= 6 ? CC_ISOLATED_DOMAIN | CC_ISOLATED_SIGNALS : CC_ISOLATED_DOMAIN;
}

static uint32_t give_up(bool ahead) {
    uint32_t isolated = enter_domain(ahead);
    return isolated | (cc_forbid_calls(ahead) ? CC_ISOLATED_CALLS : 0u);
}

static cc_status isolate(const cc_cover *covers, size_t cover_count, const char *const *kept,
                         size_t kept_count, bool ahead, uint32_t *isolated_out, cc_error *error) {
    *isolated_out = 0;
    if (kept_count > KEPT_MAX)
        return cc_fail(error, CC_ERR_LIMIT, "at most %d directories can be kept", KEPT_MAX);
    if (enter_namespace()) {
        bool all = true;
        char here[PATH_MAX];
        bool placed = getcwd(here, sizeof here) != NULL;
        for (size_t i = 0; i < cover_count; i++)
            all = hide(covers[i].directory, covers[i].by, kept, kept_count) && all;
        /* The old working directory is a way around the cover: enter it again by its name. */
        if (placed && chdir(here) != 0 && chdir("/") != 0)
            return cc_fail_errno(error, errno, "no working directory after isolation");
        *isolated_out |= all ? CC_ISOLATED_FILES : 0u;
    }
    *isolated_out |= give_up(ahead);
    return CC_OK;
}

cc_status cc_isolate(const cc_cover *covers, size_t cover_count, const char *const *kept, size_t kept_count,
                     uint32_t *isolated_out, cc_error *error) {
    return isolate(covers, cover_count, kept, kept_count, false, isolated_out, error);
}

cc_status cc_isolate_ahead(const cc_cover *covers, size_t cover_count, const char *const *kept,
                           size_t kept_count, uint32_t *isolated_out, cc_error *error) {
    return isolate(covers, cover_count, kept, kept_count, true, isolated_out, error);
}

/* A mount of our own over `directory`, with what is kept below it put back: by its descriptor, which finds it covered too. */
static bool mount_again(const char *directory, uint64_t size, const char *const *kept, size_t kept_count) {
    int found[KEPT_MAX];
    char name[64];
    bool done = kept_count <= KEPT_MAX;
    for (size_t i = 0; done && i < kept_count; i++)
        found[i] = is_below(kept[i], directory) ? open(kept[i], O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    done = done && cc_mount_storage(directory, size);
    for (size_t i = 0; kept_count <= KEPT_MAX && i < kept_count; i++) {
        if (found[i] < 0)
            continue;
        snprintf(name, sizeof name, "/proc/self/fd/%d", found[i]);
        done = done && make_directories(kept[i], strlen(directory)) &&
               mount(name, kept[i], NULL, CC_MOUNT_AGAIN, NULL) == 0;
        close(found[i]);
    }
    return done;
}

uint32_t cc_isolate_again(const char *directory, uint64_t size, const char *const *kept, size_t kept_count) {
    bool own = unshare(CLONE_NEWNS) == 0 && mount_again(directory, size, kept, kept_count);
    return (own ? CC_ISOLATED_FILES : 0u) | give_up(false);
}

bool cc_own_network(void) {
    struct ifreq loopback = {.ifr_name = "lo"};
    int fd = enter(CLONE_NEWNET) ? socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;
    bool up = fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &loopback) == 0;
    loopback.ifr_flags |= IFF_UP;
    up = up && ioctl(fd, SIOCSIFFLAGS, &loopback) == 0;
    if (fd >= 0)
        close(fd);
    return up;
}

bool cc_own_mounts(void) { return enter_namespace(); }

bool cc_mount_storage(const char *directory, uint64_t size) {
    char options[64];
    snprintf(options, sizeof options, "size=%llu,mode=0777", (unsigned long long)size);
    return mount("none", directory, "tmpfs", CC_MOUNT_FRESH, options) == 0;
}

void cc_drop_storage(const char *directory) { (void)umount2(directory, MNT_DETACH); }
