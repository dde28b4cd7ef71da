"""The door to csrc/channel: calls to a worker process through shared memory. See _channel.pyi."""
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

include "errors.pxi"

cdef extern from "channel/channel.h" nogil:
    ctypedef struct cc_channel:
        pass
    cc_status cc_channel_create(uint32_t request_max, uint32_t response_max, cc_channel **channel_out,
                                cc_error *error)
    cc_status cc_channel_attach(int fd, cc_channel **channel_out, cc_error *error)
    int cc_channel_fd(const cc_channel *channel)
    cc_status cc_channel_send(cc_channel *channel, const void *head, size_t head_size, const void *body,
                              size_t body_size, cc_error *error)
    cc_status cc_channel_wait(cc_channel *channel, uint32_t wait_ms, const void **data_out,
                              size_t *size_out, cc_error *error)
    void cc_channel_done(cc_channel *channel)
    bint cc_channel_taken(const cc_channel *channel)
    cc_status cc_channel_receive(cc_channel *channel, uint32_t wait_ms, const void **data_out,
                                 size_t *size_out, cc_error *error)
    cc_status cc_channel_reply(cc_channel *channel, const void *head, size_t head_size, const void *body,
                               size_t body_size, cc_error *error)
    void cc_channel_shut(cc_channel *channel)
    void cc_channel_free(cc_channel *channel)

cdef extern from "channel/isolate.h" nogil:
    ctypedef struct cc_cover:
        const char *directory
        const char *by
    cc_status cc_isolate(const cc_cover *covers, size_t cover_count, const char *const *kept,
                         size_t kept_count, uint32_t *isolated_out, cc_error *error)
    cc_status cc_isolate_ahead(const cc_cover *covers, size_t cover_count, const char *const *kept,
                               size_t kept_count, uint32_t *isolated_out, cc_error *error)
    uint32_t cc_isolate_again(const char *directory, uint64_t size, const char *const *kept,
                              size_t kept_count)
    bint cc_own_network()
    bint cc_own_mounts()
    bint cc_mount_storage(const char *directory, uint64_t size)
    void cc_drop_storage(const char *directory)

cdef extern from "sys/prctl.h" nogil:
    int prctl(int option, ...)
    int PR_SET_PDEATHSIG
    int PR_SET_CHILD_SUBREAPER

cdef extern from "sys/resource.h" nogil:
    struct rusage:
        long ru_maxrss
    int RUSAGE_SELF
    int getrusage(int who, rusage *usage)

cdef extern from "sys/random.h" nogil:
    ssize_t getrandom(void *buffer, size_t size, unsigned int flags)

cdef extern from "<fcntl.h>" nogil:
    int FALLOC_FL_PUNCH_HOLE
    int FALLOC_FL_KEEP_SIZE
    int fallocate(int fd, int mode, int64_t offset, int64_t size)

cdef extern from "<unistd.h>" nogil:
    int SEEK_END
    int64_t lseek(int fd, int64_t offset, int whence)

DEF REPLY_HEAD = 8
DEF RANDOM_ROOM = 4096

cdef uint8_t random_bytes[RANDOM_ROOM]
cdef size_t random_left = 0


def die_with_parent(int signal_number):
    """Ask the kernel to send this process a signal when the thread that forked it ends."""
    prctl(PR_SET_PDEATHSIG, <unsigned long>signal_number)


def isolate(list covers, list kept, bint ahead=False):
    """Take directories, mounts, tracing and signals away from this process; see the stub."""
    cdef cc_cover found[64]
    cdef const char *paths[64]
    cdef cc_error error
    cdef uint32_t done = 0
    cdef size_t count = 0
    error.message[0] = error.type[0] = 0
    if len(covers) > 64 or len(kept) > 64:
        raise ValueError("too many directories")
    for directory, by in covers:
        found[count].directory = <bytes>directory
        found[count].by = NULL if by is None else <const char *><bytes>by
        count += 1
    for at, path in enumerate(kept):
        paths[<size_t>at] = <bytes>path
    if ahead:
        check(cc_isolate_ahead(found, count, paths, len(kept), &done, &error), &error)
    else:
        check(cc_isolate(found, count, paths, len(kept), &done, &error), &error)
    return done


def isolate_again(bytes directory, uint64_t size, list kept):
    """What isolate with `ahead` left open, in a child of that process; see the stub."""
    cdef const char *paths[64]
    if len(kept) > 64:
        raise ValueError("too many directories")
    for at, path in enumerate(kept):
        paths[<size_t>at] = <bytes>path
    return cc_isolate_again(directory, size, paths, len(kept))


def own_network():
    """Give this process a network of its own; whether it has one."""
    return cc_own_network()


def own_mounts():
    """Give this process mounts of its own; whether it has them."""
    return cc_own_mounts()


def mount_storage(bytes directory, uint64_t size):
    """An empty file system of `size` bytes over a directory; whether it is there."""
    return cc_mount_storage(directory, size)


def drop_storage(bytes directory):
    """Undo mount_storage."""
    cc_drop_storage(directory)


def adopt_orphans():
    """Make this process the parent of its descendants whose own parents end."""
    prctl(PR_SET_CHILD_SUBREAPER, <unsigned long>1)


def punch(int fd, int64_t offset, int64_t size):
    """Give back the memory of a part of a file, which reads as zeros from then on."""
    if fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, size) != 0:
        raise OSError(f"cannot punch {size} bytes out of descriptor {fd}")


def forget_random():
    """Drop the random bytes at hand: a forked child must not repeat its parent's."""
    global random_left
    random_left = 0


def request_id():
    """A random (version 4) UUID as text."""
    global random_left
    cdef char text[36]
    cdef const char *digits = "0123456789abcdef"
    cdef uint8_t *source
    cdef int i, at = 0
    if random_left < 16:
        if getrandom(random_bytes, RANDOM_ROOM, 0) != RANDOM_ROOM:
            raise OSError("cannot get random bytes")
        random_left = RANDOM_ROOM
    random_left -= 16
    source = random_bytes + random_left
    source[6] = (source[6] & 0x0f) | 0x40
    source[8] = (source[8] & 0x3f) | 0x80
    for i in range(16):
        if i == 4 or i == 6 or i == 8 or i == 10:
            text[at] = c"-"
            at += 1
        text[at] = digits[source[i] >> 4]
        text[at + 1] = digits[source[i] & 15]
        at += 2
    return text[:36].decode("ascii")


cdef inline bint is_digit(uint8_t c) noexcept nogil:
    return 48 <= c <= 57


cdef bint has_long_integer(const uint8_t *at, size_t size) noexcept nogil:
    """See long_integers. While no digits are met, only every 19th byte is looked at."""
    cdef size_t i = 18, start
    cdef uint8_t before
    while i < size:
        if not is_digit(at[i]):
            i += 19
            continue
        start = i
        while start > 0 and is_digit(at[start - 1]):
            start -= 1
        if i - start < 18:
            # Too short so far; a run of 19 from here would end at this byte.
            i = start + 18
            if i >= size or not is_digit(at[i]):
                i += 1
            continue
        if start > 0 and at[start - 1] == c"-":
            start -= 1
        before = at[start - 1] if start > 0 else c" "
        # In a string mostly other bytes stand before digits: the quote, a letter, a point.
        if before == c":" or before == c"," or before == c"[" or before == c" " or 9 <= before <= 13:
            return True
        while i < size and is_digit(at[i]):
            i += 1
        i += 18
    return False


def long_integers(bytes text):
    """Whether JSON text may hold an integer of 19 digits or more, which may not fit into 64 bits."""
    return has_long_integer(<const uint8_t *>PyBytes_AS_STRING(text), len(text))


cdef class Channel:
    """One side of a channel; see the stub. The object's owner keeps to one thread per side."""
    cdef cc_channel *handle

    def __cinit__(self, uint32_t request_max=0, uint32_t response_max=0, *, int fd=-1):
        cdef cc_error error
        error.message[0] = error.type[0] = 0
        if fd >= 0:
            check(cc_channel_attach(fd, &self.handle, &error), &error)
        else:
            check(cc_channel_create(request_max, response_max, &self.handle, &error), &error)

    def __dealloc__(self):
        cc_channel_free(self.handle)

    def fileno(self):
        return cc_channel_fd(self.handle)

    cdef object _answer(self, cc_status status, const void *data, size_t size, int64_t written,
                        cc_error *error):
        cdef uint32_t peak_kb
        if status == CC_ERR_TIMEOUT:
            return None
        check(status, error)
        if size < REPLY_HEAD:
            cc_channel_done(self.handle)
            raise _errors.CorruptError("a reply without its head", "corrupt")
        memcpy(&peak_kb, <const uint8_t *>data + 4, 4)
        cdef int kind = (<const uint8_t *>data)[0]
        payload = PyBytes_FromStringAndSize(<const char *>data + REPLY_HEAD, size - REPLY_HEAD)
        cc_channel_done(self.handle)
        return kind, payload, peak_kb, written

    def call(self, bytes head not None, bytes body not None, uint32_t wait_ms, int output):
        return self._answered(head, body, wait_ms, output)

    def wait(self, uint32_t wait_ms, int output):
        return self._answered(None, None, wait_ms, output)

    cdef object _answered(self, bytes head, bytes body, uint32_t wait_ms, int output):
        """Send the request, if one is given, and take the reply to the last one sent."""
        cdef cc_error error
        error.type[0] = 0
        cdef const char *h = NULL
        cdef const char *b = NULL
        cdef size_t head_size = 0, body_size = 0, size = 0
        cdef const void *data = NULL
        cdef int64_t written = 0
        cdef cc_status status = CC_OK
        if head is not None:
            h, head_size = PyBytes_AS_STRING(head), len(head)
            b, body_size = PyBytes_AS_STRING(body), len(body)
        with nogil:
            if h is not NULL:
                status = cc_channel_send(self.handle, h, head_size, b, body_size, &error)
            if status == CC_OK:
                status = cc_channel_wait(self.handle, wait_ms, &data, &size, &error)
            if status == CC_OK:
                written = lseek(output, 0, SEEK_END)
        return self._answer(status, data, size, written, &error)

    def taken(self):
        return cc_channel_taken(self.handle)

    def receive(self, uint32_t wait_ms):
        cdef cc_error error
        error.type[0] = 0
        cdef const void *data = NULL
        cdef size_t size = 0
        cdef uint32_t head_size = 0
        cdef cc_status status
        with nogil:
            status = cc_channel_receive(self.handle, wait_ms, &data, &size, &error)
        if status == CC_ERR_TIMEOUT:
            return None
        check(status, &error)
        if size >= 4:
            memcpy(&head_size, data, 4)
        if head_size > size:
            raise _errors.CorruptError("a request without its head", "corrupt")
        cdef const char *body = <const char *>data + head_size
        return (PyBytes_FromStringAndSize(<const char *>data, head_size),
                PyBytes_FromStringAndSize(body, size - head_size),
                has_long_integer(<const uint8_t *>body, size - head_size))

    def reply(self, int kind, bytes data, uint32_t peak_kb=0):
        cdef cc_error error
        error.type[0] = 0
        cdef rusage usage
        cdef uint8_t head[REPLY_HEAD]
        if peak_kb == 0:
            getrusage(RUSAGE_SELF, &usage)
            peak_kb = <uint32_t>usage.ru_maxrss
        head[0] = <uint8_t>kind
        head[1] = head[2] = head[3] = 0
        memcpy(head + 4, &peak_kb, 4)
        check(cc_channel_reply(self.handle, head, REPLY_HEAD, PyBytes_AS_STRING(data), len(data),
                               &error), &error)

    def shut(self):
        cc_channel_shut(self.handle)
