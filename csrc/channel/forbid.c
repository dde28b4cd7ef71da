/* forbid.c: see forbid.h. The filter: [architecture] [x32] [flags of clone] [flags of what is allowed ahead]
 * [number == forbidden?]... allow. */
#include "channel/forbid.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#ifdef ARCHITECTURE

/* The numbers are the same everywhere from 424 on; the C library may not know all of them yet. */
enum {
    CALL_OPEN_TREE = 428,
    CALL_MOVE_MOUNT,
    CALL_FSOPEN,
    CALL_FSCONFIG,
    CALL_FSMOUNT,
    CALL_FSPICK,
    CALL_PIDFD_GETFD = 438,
    CALL_MOUNT_SETATTR = 442,
    CALL_IO_URING_SETUP = 425,
    CALL_CLONE3 = 435,
    X32 = 0x40000000,
    NAMESPACES = CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
                 CLONE_NEWCGROUP
};

static const uint32_t forbidden[] = {
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    CALL_OPEN_TREE,
    CALL_MOVE_MOUNT,
    CALL_FSOPEN,
    CALL_FSCONFIG,
    CALL_FSMOUNT,
    CALL_FSPICK,
    CALL_MOUNT_SETATTR,
    SYS_open_by_handle_at,
    SYS_setns,
    SYS_unshare,
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_kcmp,
    CALL_PIDFD_GETFD,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    CALL_IO_URING_SETUP,
    SYS_keyctl,
    SYS_add_key,
    SYS_request_key,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_reboot,
    SYS_swapon,
    SYS_swapoff,
    SYS_acct,
    SYS_quotactl,
    SYS_syslog,
    SYS_vhangup,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_clock_adjtime,
    SYS_adjtimex,
    SYS_sethostname,
    SYS_setdomainname,
#if defined(__x86_64__)
    SYS_iopl,
    SYS_ioperm,
#endif
};

enum {
    COUNT = sizeof forbidden / sizeof forbidden[0],
    HEAD = 9,
    AHEAD = 10,
    FILTER_SIZE = HEAD + AHEAD + COUNT + 3
};

static void put(struct sock_filter *at, uint16_t code, uint32_t value, uint8_t yes, uint8_t no) {
    *at = (struct sock_filter){code, yes, no, value};
}

/* NOLINTBEGIN(misc-redundant-expression): some of these names are 0 alike. */
static const uint16_t load = BPF_LD | BPF_W | BPF_ABS, equal = BPF_JMP | BPF_JEQ | BPF_K,
                      answer = BPF_RET | BPF_K;
/* NOLINTEND(misc-redundant-expression) */
static const uint32_t number = offsetof(struct seccomp_data, nr),
                      first_argument = offsetof(struct seccomp_data, args);

/* One call, its number loaded, is allowed with two values of one argument, and denied with any other. Arguments are 64 bits,
 * their low half first on both architectures; the high half of flags means nothing to the kernel. */
static void put_exception(struct sock_filter *filter, uint32_t at, uint32_t call, uint32_t argument,
                          uint32_t value, uint32_t other, uint32_t deny) {
    put(&filter[at], equal, call, 0, 4);
    put(&filter[at + 1], load, first_argument + 8 * argument, 0, 0);
    put(&filter[at + 2], equal, value, 1, 0);
    put(&filter[at + 3], equal, other, 0, (uint8_t)(deny - (at + 4)));
    put(&filter[at + 4], answer, SECCOMP_RET_ALLOW, 0, 0);
}

bool cc_forbid_calls(bool ahead) {
    struct sock_filter filter[FILTER_SIZE];
    const uint32_t list = HEAD + (ahead ? AHEAD : 0), allow = list + COUNT, deny = allow + 1,
                   absent = deny + 1;
    put(&filter[0], load, offsetof(struct seccomp_data, arch), 0, 0);
    put(&filter[1], equal, ARCHITECTURE, 0, (uint8_t)(deny - 2));
    put(&filter[2], load, number, 0, 0);
    put(&filter[3], BPF_JMP | BPF_JGE | BPF_K, X32, (uint8_t)(deny - 4), 0);
    put(&filter[4], equal, CALL_CLONE3, (uint8_t)(absent - 5), 0);
    put(&filter[5], equal, SYS_clone, 0, HEAD - 6);
    put(&filter[6], load, first_argument, 0, 0);
    put(&filter[7], BPF_JMP | BPF_JSET | BPF_K, NAMESPACES, (uint8_t)(deny - 8), 0);
    put(&filter[8], answer, SECCOMP_RET_ALLOW, 0, 0);
    if (ahead) {
        put_exception(filter, HEAD, SYS_unshare, 0, CLONE_NEWNS, CLONE_NEWNS, deny);
        put_exception(filter, HEAD + 5, SYS_mount, 3, CC_MOUNT_FRESH, CC_MOUNT_AGAIN, deny);
    }
    for (uint32_t i = 0; i < COUNT; i++)
        put(&filter[list + i], equal, forbidden[i], (uint8_t)(deny - (list + i + 1)), 0);
    put(&filter[allow], answer, SECCOMP_RET_ALLOW, 0, 0);
    put(&filter[deny], answer, SECCOMP_RET_ERRNO | EPERM, 0, 0);
    put(&filter[absent], answer, SECCOMP_RET_ERRNO | ENOSYS, 0, 0);
    const struct sock_fprog program = {(unsigned short)(absent + 1), filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L) == 0 &&
           prctl(PR_SET_SECCOMP, (long)SECCOMP_MODE_FILTER, &program, 0L, 0L) == 0;
}

#else

bool cc_forbid_calls(bool ahead) {
    (void)ahead;
    return false;
}

#endif
