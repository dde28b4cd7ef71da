/* test_channel_isolate.c: what a process sees and may do behind cc_isolate, with and without privileges. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "channel/isolate.h"
#include "support/check.h"
#include "support/directory.h"

static void make(const char *name, bool is_directory) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    if (is_directory) {
        CHECK_EQ(mkdir(path, 0777), 0);
        CHECK_EQ(chmod(path, 0777), 0);
        return;
    }
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
    CHECK(fd >= 0);
    close(fd);
}

static bool is_there(const char *path) { return access(path, F_OK) == 0; }

/* In the child: the number of what is wrong, 0 when nothing is; `isolated` is checked by the parent. */
static int look_around(pid_t outside, uint32_t *isolated_out) {
    char tmp[300], hidden[300], kept[300], secret[300], code[300];
    snprintf(tmp, sizeof tmp, "%s/scratch", directory);
    snprintf(hidden, sizeof hidden, "%s/data", directory);
    snprintf(kept, sizeof kept, "%s/data/code", directory);
    snprintf(secret, sizeof secret, "%s/data/secret", directory);
    snprintf(code, sizeof code, "%s/data/code/h.py", directory);
    if (!is_there(secret) || !is_there(code))
        return 1;
    const cc_cover covers[] = {{"/tmp", tmp}, {hidden, NULL}};
    const char *keep[] = {kept};
    if (cc_isolate(covers, 2, keep, 1, isolated_out, NULL) != CC_OK)
        return 2;
    if (*isolated_out & CC_ISOLATED_FILES) {
        if (is_there(secret) || !is_there(code) || !is_there("/tmp/mine"))
            return 3;
        int fd = open("/tmp/written", O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
        if (fd < 0)
            return 4;
        close(fd);
    }
    if (*isolated_out & CC_ISOLATED_DOMAIN) {
        if (umount2("/tmp", MNT_DETACH) == 0 || mount("none", "/tmp", "tmpfs", 0, NULL) == 0)
            return 5;
        snprintf(tmp, sizeof tmp, "/proc/%d/root/tmp", (int)outside);
        if (is_there(tmp))
            return 6;
    }
    if ((*isolated_out & CC_ISOLATED_SIGNALS) && kill(outside, 0) == 0)
        return 7;
    if ((*isolated_out & CC_ISOLATED_CALLS) &&
        (unshare(CLONE_NEWUSER) == 0 || errno != EPERM || syscall(SYS_ptrace, 0L, 0L, 0L, 0L) == 0 ||
         errno != EPERM || syscall(SYS_clone, (long)(CLONE_NEWUSER | SIGCHLD), 0L, 0L, 0L, 0L) >= 0 ||
         errno != EPERM))
        return 8;
    pid_t forked = fork(); /* what programs need goes on */
    if (forked == 0)
        _exit(0);
    return forked > 0 && waitpid(forked, NULL, 0) == forked ? 0 : 9;
}

/* Ahead: user code can uncover nothing, and a child of it has a /tmp of its own and then may do no more than anybody. */
static int look_around_ahead(pid_t outside, uint32_t *isolated_out) {
    char tmp[300], hidden[300], secret[300];
    snprintf(tmp, sizeof tmp, "%s/scratch", directory);
    snprintf(hidden, sizeof hidden, "%s/data", directory);
    snprintf(secret, sizeof secret, "%s/data/secret", directory);
    const char *keep[] = {"/tmp/kept"};
    const cc_cover covers[] = {{hidden, NULL}, {"/tmp", tmp}};
    uint32_t ahead = 0;
    if (cc_isolate_ahead(covers, 2, NULL, 0, &ahead, NULL) != CC_OK)
        return 2;
    int fd = open("/tmp/written", O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
    if (fd < 0 || close(fd) != 0 || mkdir("/tmp/kept", 0755) != 0 || mkdir("/tmp/kept/code", 0755) != 0)
        return 4;
    if ((ahead & CC_ISOLATED_FILES) && (ahead & CC_ISOLATED_CALLS) &&
        (is_there(secret) || umount2(hidden, MNT_DETACH) == 0 || errno != EPERM ||
         unshare(CLONE_NEWUSER) == 0 || mount("/", "/mnt", NULL, MS_BIND, NULL) == 0 || errno != EPERM ||
         mount(NULL, "/", NULL, MS_REMOUNT, NULL) == 0))
        return 3;
    snprintf(tmp, sizeof tmp, "/proc/%d/root/tmp", (int)outside);
    if ((ahead & CC_ISOLATED_DOMAIN) && is_there(tmp))
        return 6;
    if ((ahead & CC_ISOLATED_SIGNALS) && kill(outside, 0) == 0)
        return 7;
    pid_t forked = fork();
    if (forked == 0) {
        uint32_t again = cc_isolate_again("/tmp", 1 << 16, keep, 1);
        bool wrong = (ahead & CC_ISOLATED_FILES) && (ahead & CC_ISOLATED_CALLS) &&
                     (!(again & CC_ISOLATED_FILES) || is_there("/tmp/written") ||
                      !is_there("/tmp/kept/code"));
        wrong = wrong || ((again & CC_ISOLATED_CALLS) &&
                          (mount("none", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, NULL) == 0 ||
                           unshare(CLONE_NEWNS) == 0));
        wrong = wrong || (again & ahead) != ahead || (is_there(secret) && (ahead & CC_ISOLATED_FILES));
        _exit(wrong);
    }
    int how = 1;
    bool ended = forked > 0 && waitpid(forked, &how, 0) == forked && how == 0;
    *isolated_out = ahead;
    return !ended ? 9 : is_there("/tmp/written") ? 0 : 10;
}

typedef int look(pid_t outside, uint32_t *isolated_out);

static void isolate_as(uid_t user, look *around) {
    struct told {
        uint32_t isolated;
        int wrong;
    } told = {0, -1};
    fresh_directory();
    CHECK_EQ(chmod(directory, 0777), 0);
    make("scratch", true);
    make("scratch/mine", false);
    make("data", true);
    make("data/secret", false);
    make("data/code", true);
    make("data/code/h.py", false);
    int ends[2];
    CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
    pid_t child = fork();
    if (child == 0) {
        if (user != 0 &&
            (setgroups(0, NULL) != 0 || setresgid(user, user, user) != 0 || setresuid(user, user, user) != 0))
            _exit(1);
        if (prctl(PR_SET_DUMPABLE, 1L, 0L, 0L, 0L) != 0) /* as a process that began as this user is */
            _exit(1);
        told.wrong = around(getppid(), &told.isolated);
        _exit(write(ends[1], &told, sizeof told) == sizeof told ? 0 : 1);
    }
    close(ends[1]);
    CHECK_EQ(read(ends[0], &told, sizeof told), sizeof told);
    close(ends[0]);
    int how = 0;
    CHECK_EQ(waitpid(child, &how, 0), child);
    CHECK_EQ(how, 0);
    CHECK_EQ(told.wrong, 0);
    printf("as user %u: isolated %u\n", (unsigned)user, told.isolated);
    char outside[300];
    snprintf(outside, sizeof outside, "%s/scratch/written", directory);
    CHECK_EQ(is_there(outside), (told.isolated & CC_ISOLATED_FILES) != 0);
    snprintf(outside, sizeof outside, "%s/data/secret", directory);
    CHECK(is_there(outside)); /* hidden from the child alone */
}

TEST(as_we_are) { isolate_as(0, look_around); }

TEST(without_privileges) {
    if (geteuid() == 0)
        isolate_as(65534, look_around);
}

TEST(ahead_as_we_are) { isolate_as(0, look_around_ahead); }

TEST(ahead_without_privileges) {
    if (geteuid() == 0)
        isolate_as(65534, look_around_ahead);
}

int main(void) {
    RUN(as_we_are);
    RUN(without_privileges);
    RUN(ahead_as_we_are);
    RUN(ahead_without_privileges);
    return REPORT();
}
