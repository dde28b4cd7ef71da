/* forbid.c: see forbid.h. The filter: [architecture] [x32] [flags of clone] [number == forbidden?]... allow. */
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

enum { COUNT = sizeof forbidden / sizeof forbidden[0], HEAD = 9, FILTER_SIZE = HEAD + COUNT + 3 };

static void put(struct sock_filter *at, uint16_t code, uint32_t value, uint8_t yes, uint8_t no) {
    *at = (struct sock_filter){code, yes, no, value};
}

bool cc_forbid_calls(void) {
    struct sock_filter filter[FILTER_SIZE];
    /* NOLINTNEXTLINE(misc-redundant-expression): some of these names are 0 alike. */
    const uint16_t load = BPF_LD | BPF_W | BPF_ABS, equal = BPF_JMP | BPF_JEQ | BPF_K,
                   answer = BPF_RET | BPF_K;
    const uint32_t number = offsetof(struct seccomp_data, nr), allow = HEAD + COUNT, deny = allow + 1,
                   absent = deny + 1;
    put(&filter[0], load, offsetof(struct seccomp_data, arch), 0, 0);
    put(&filter[1], equal, ARCHITECTURE, 0, (uint8_t)(deny - 2));
    put(&filter[2], load, number, 0, 0);
    put(&filter[3], BPF_JMP | BPF_JGE | BPF_K, X32, (uint8_t)(deny - 4), 0);
    put(&filter[4], equal, CALL_CLONE3, (uint8_t)(absent - 5), 0);
    put(&filter[5], equal, SYS_clone, 0, HEAD - 6);
    /* The flags are the first argument; both architectures keep its low half first. */
    put(&filter[6], load, offsetof(struct seccomp_data, args), 0, 0);
    put(&filter[7], BPF_JMP | BPF_JSET | BPF_K, NAMESPACES, (uint8_t)(deny - 8), 0);
    put(&filter[8], answer, SECCOMP_RET_ALLOW, 0, 0);
    for (uint32_t i = 0; i < COUNT; i++)
        put(&filter[HEAD + i], equal, forbidden[i], (uint8_t)(deny - (HEAD + i + 1)), 0);
    put(&filter[allow], answer, SECCOMP_RET_ALLOW, 0, 0);
    put(&filter[deny], answer, SECCOMP_RET_ERRNO | EPERM, 0, 0);
    put(&filter[absent], answer, SECCOMP_RET_ERRNO | ENOSYS, 0, 0);
    const struct sock_fprog program = {FILTER_SIZE, filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L) == 0 &&
           prctl(PR_SET_SECCOMP, (long)SECCOMP_MODE_FILTER, &program, 0L, 0L) == 0;
}

#else

bool cc_forbid_calls(void) { return false; }

#endif
