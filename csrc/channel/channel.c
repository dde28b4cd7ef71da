/* channel.c: see channel.h for the layout and the thread rule. */
#include "channel/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { IDLE, REQUEST, RESPONSE, CLOSED };
enum { CONTROL_SIZE = 4096, CALLER = 0, WORKER = 1 };
enum { MISSES_MAX = 6, CLOCK_EVERY = 16 };
/* Waking an idle virtual core costs 30 to 60 us, so spinning for that long never costs more than twice
 * what sleeping would have. */
enum { SPIN_WORTH_NS = 60000, SPIN_EXTRA_NS = 10000, SPIN_WAKING_NS = 70000, BUSY_MAX_NS = 1000000000 };
#define MAGIC UINT32_C(0x31484343) /* "CCH1" */

typedef struct {
    uint32_t magic, request_max, response_max, pad;
    _Alignas(64) _Atomic uint32_t state;
    _Atomic uint32_t sleeping[2]; /* by side: somebody sleeps on the state word */
    _Atomic uint32_t cpu[2];      /* by side: the core it was last seen on, plus 1 */
    _Atomic uint32_t busy_ns[2];  /* by side: its work between receiving and publishing, smoothed */
    _Atomic uint32_t request_size, response_size;
    _Atomic uint32_t taken; /* the worker picked up the request */
} control;

struct cc_channel {
    control *shared;
    uint8_t *request, *response;
    size_t mapped;
    uint32_t request_max, response_max; /* own copies: the peer may scribble on the mapping */
    uint64_t received_ns;               /* when this side last had something to work on */
    uint32_t misses, skip;              /* spins that failed in a row; spins left out because of them */
    bool peer_slept;                    /* when this side last published */
    int fd;                             /* -1 on the worker's side */
};

static cc_status map(int fd, uint32_t request_max, uint32_t response_max, cc_channel **channel_out,
                     cc_error *error) {
    cc_channel *channel = calloc(1, sizeof *channel);
    if (channel == NULL)
        return cc_fail(error, CC_ERR_NOMEM, "no memory for a channel");
    channel->mapped = (size_t)CONTROL_SIZE + request_max + response_max;
    void *base = mmap(NULL, channel->mapped, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED) {
        int code = errno;
        free(channel);
        return cc_fail_errno(error, code, "cannot map a channel");
    }
    channel->shared = base;
    channel->request = (uint8_t *)base + CONTROL_SIZE;
    channel->response = channel->request + request_max;
    channel->request_max = request_max;
    channel->response_max = response_max;
    channel->fd = -1;
    *channel_out = channel;
    return CC_OK;
}

cc_status cc_channel_create(uint32_t request_max, uint32_t response_max, cc_channel **channel_out,
                            cc_error *error) {
    int fd = memfd_create("cloudcore-channel", MFD_CLOEXEC);
    if (fd < 0)
        return cc_fail_errno(error, errno, "cannot make a channel");
    cc_status status = CC_OK;
    cc_channel *channel = NULL;
    if (ftruncate(fd, (off_t)CONTROL_SIZE + request_max + response_max) != 0)
        status = cc_fail_errno(error, errno, "cannot size a channel");
    else
        status = map(fd, request_max, response_max, &channel, error);
    if (status != CC_OK) {
        close(fd);
        return status;
    }
    channel->shared->magic = MAGIC;
    channel->shared->request_max = request_max;
    channel->shared->response_max = response_max;
    channel->fd = fd;
    *channel_out = channel;
    return CC_OK;
}

cc_status cc_channel_attach(int fd, cc_channel **channel_out, cc_error *error) {
    control head;
    struct stat found;
    if (pread(fd, &head, sizeof head, 0) != (ssize_t)sizeof head || fstat(fd, &found) != 0)
        return cc_fail(error, CC_ERR_FORMAT, "the descriptor is no channel");
    uint64_t size = (uint64_t)CONTROL_SIZE + head.request_max + head.response_max;
    if (head.magic != MAGIC || (uint64_t)found.st_size != size)
        return cc_fail(error, CC_ERR_FORMAT, "the descriptor is no channel");
    return map(fd, head.request_max, head.response_max, channel_out, error);
}

int cc_channel_fd(const cc_channel *channel) { return channel->fd; }

static uint64_t now_ns(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
}

static void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void seen_here(control *shared, int side) {
    atomic_store_explicit(&shared->cpu[side], (uint32_t)sched_getcpu() + 1, memory_order_relaxed);
}

static bool arrived(control *shared, uint32_t wanted) {
    uint32_t state = atomic_load_explicit(&shared->state, memory_order_acquire);
    return state == wanted || state == CLOSED;
}

/* Spin as long as it may pay; see channel.h for when that is. */
static void spin_for(cc_channel *channel, int side, uint32_t wanted) {
    control *shared = channel->shared;
    uint32_t busy = atomic_load_explicit(&shared->busy_ns[!side], memory_order_relaxed);
    if (busy > SPIN_WORTH_NS || atomic_load(&shared->cpu[side]) == atomic_load(&shared->cpu[!side]))
        return;
    if (channel->skip > 0) {
        channel->skip--;
        return;
    }
    uint64_t end = now_ns() + 2 * (uint64_t)busy + SPIN_EXTRA_NS + (channel->peer_slept ? SPIN_WAKING_NS : 0);
    for (uint32_t i = 1; !arrived(shared, wanted); i++) {
        if (i % CLOCK_EVERY == 0 && now_ns() > end) {
            channel->misses += channel->misses < MISSES_MAX;
            channel->skip = 1u << channel->misses;
            return;
        }
        relax();
    }
    channel->misses = 0;
}

static cc_status wait_for(cc_channel *channel, int side, uint32_t wanted, uint32_t wait_ms, cc_error *error) {
    control *shared = channel->shared;
    uint32_t state;
    seen_here(shared, side);
    if (!arrived(shared, wanted))
        spin_for(channel, side, wanted);
    uint64_t deadline = 0;
    while ((state = atomic_load(&shared->state)) != wanted) {
        if (state == CLOSED)
            return cc_fail(error, CC_ERR_CLOSED, "the channel is shut");
        uint64_t now = now_ns();
        if (deadline == 0)
            deadline = now + (uint64_t)wait_ms * 1000000u;
        if (now >= deadline)
            return cc_fail(error, CC_ERR_TIMEOUT, "nothing came within %u ms", wait_ms);
        uint64_t left = deadline - now;
        struct timespec span = {(time_t)(left / 1000000000u), (long)(left % 1000000000u)};
        atomic_store(&shared->sleeping[side], 1);
        syscall(SYS_futex, &shared->state, FUTEX_WAIT, state, &span, NULL, 0);
        atomic_store(&shared->sleeping[side], 0);
        seen_here(shared, side);
    }
    channel->received_ns = now_ns();
    return CC_OK;
}

/* Move the state on unless somebody shut the channel meanwhile, and wake the peer if it sleeps. */
static cc_status advance(cc_channel *channel, int side, uint32_t from, uint32_t to, cc_error *error) {
    control *shared = channel->shared;
    uint64_t busy = now_ns() - channel->received_ns;
    uint32_t before = atomic_load_explicit(&shared->busy_ns[side], memory_order_relaxed);
    if (busy > BUSY_MAX_NS)
        busy = BUSY_MAX_NS;
    uint32_t smoothed = (uint32_t)((3 * (uint64_t)(before < BUSY_MAX_NS ? before : BUSY_MAX_NS) + busy) / 4);
    /* One long pause must not hide the calls after it: a short time counts at once, within bounds. */
    if (busy < SPIN_WORTH_NS / 4 && smoothed > SPIN_WORTH_NS)
        smoothed = SPIN_WORTH_NS;
    atomic_store_explicit(&shared->busy_ns[side], smoothed, memory_order_relaxed);
    if (!atomic_compare_exchange_strong(&shared->state, &from, to))
        return from == CLOSED ? cc_fail(error, CC_ERR_CLOSED, "the channel is shut")
                              : cc_fail(error, CC_ERR_ARGUMENT, "out of turn on a channel");
    /* Sequentially consistent with the sleeper's store of the flag and its look at the state. */
    channel->peer_slept = atomic_load(&shared->sleeping[!side]) != 0;
    if (channel->peer_slept)
        syscall(SYS_futex, &shared->state, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
    return CC_OK;
}

static void copy_both(uint8_t *to, const void *head, size_t head_size, const void *body, size_t body_size) {
    if (head_size > 0)
        memcpy(to, head, head_size);
    if (body_size > 0)
        memcpy(to + head_size, body, body_size);
}

cc_status cc_channel_send(cc_channel *channel, const void *head, size_t head_size, const void *body,
                          size_t body_size, cc_error *error) {
    if (head_size > channel->request_max || body_size > channel->request_max - head_size)
        return cc_fail(error, CC_ERR_LIMIT, "a request of %zu bytes, at most %u fit", head_size + body_size,
                       channel->request_max);
    if (atomic_load(&channel->shared->state) == REQUEST)
        return cc_fail(error, CC_ERR_ARGUMENT, "out of turn on a channel");
    copy_both(channel->request, head, head_size, body, body_size);
    atomic_store(&channel->shared->request_size, (uint32_t)(head_size + body_size));
    atomic_store(&channel->shared->taken, 0);
    return advance(channel, CALLER, IDLE, REQUEST, error);
}

cc_status cc_channel_wait(cc_channel *channel, uint32_t wait_ms, const void **data_out, size_t *size_out,
                          cc_error *error) {
    CC_TRY(wait_for(channel, CALLER, RESPONSE, wait_ms, error));
    uint32_t size = atomic_load(&channel->shared->response_size);
    if (size > channel->response_max)
        return cc_fail(error, CC_ERR_CORRUPT, "the worker announced %u bytes", size);
    *data_out = channel->response;
    *size_out = size;
    return CC_OK;
}

void cc_channel_done(cc_channel *channel) {
    uint32_t from = RESPONSE;
    atomic_compare_exchange_strong(&channel->shared->state, &from, IDLE);
}

bool cc_channel_taken(const cc_channel *channel) { return atomic_load(&channel->shared->taken) != 0; }

cc_status cc_channel_receive(cc_channel *channel, uint32_t wait_ms, const void **data_out, size_t *size_out,
                             cc_error *error) {
    CC_TRY(wait_for(channel, WORKER, REQUEST, wait_ms, error));
    uint32_t size = atomic_load(&channel->shared->request_size);
    if (size > channel->request_max)
        return cc_fail(error, CC_ERR_CORRUPT, "the caller announced %u bytes", size);
    atomic_store(&channel->shared->taken, 1);
    *data_out = channel->request;
    *size_out = size;
    return CC_OK;
}

cc_status cc_channel_reply(cc_channel *channel, const void *head, size_t head_size, const void *body,
                           size_t body_size, cc_error *error) {
    if (head_size > channel->response_max || body_size > channel->response_max - head_size)
        return cc_fail(error, CC_ERR_LIMIT, "a response of %zu bytes, at most %u fit", head_size + body_size,
                       channel->response_max);
    copy_both(channel->response, head, head_size, body, body_size);
    atomic_store(&channel->shared->response_size, (uint32_t)(head_size + body_size));
    return advance(channel, WORKER, REQUEST, RESPONSE, error);
}

void cc_channel_shut(cc_channel *channel) {
    atomic_store(&channel->shared->state, CLOSED);
    syscall(SYS_futex, &channel->shared->state, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

void cc_channel_free(cc_channel *channel) {
    if (channel == NULL)
        return;
    munmap(channel->shared, channel->mapped);
    if (channel->fd >= 0)
        close(channel->fd);
    free(channel);
}
