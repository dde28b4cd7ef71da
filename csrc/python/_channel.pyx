"""The door to csrc/channel: calls to a worker process through shared memory. See _channel.pyi."""
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint32_t

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
    cc_status cc_channel_receive(cc_channel *channel, uint32_t wait_ms, const void **data_out,
                                 size_t *size_out, cc_error *error)
    cc_status cc_channel_reply(cc_channel *channel, const void *data, size_t size, cc_error *error)
    void cc_channel_shut(cc_channel *channel)
    void cc_channel_free(cc_channel *channel)

cdef extern from "sys/prctl.h" nogil:
    int prctl(int option, ...)
    int PR_SET_PDEATHSIG


def die_with_parent(int signal_number):
    """Ask the kernel to send this process a signal when the thread that forked it ends."""
    prctl(PR_SET_PDEATHSIG, <unsigned long>signal_number)


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

    def send(self, const unsigned char[::1] head, const unsigned char[::1] body):
        cdef cc_error error
        error.type[0] = 0
        cdef const void *h = &head[0] if head.shape[0] else NULL
        cdef const void *b = &body[0] if body.shape[0] else NULL
        cdef cc_status status
        with nogil:
            status = cc_channel_send(self.handle, h, head.shape[0], b, body.shape[0], &error)
        check(status, &error)

    def wait(self, uint32_t wait_ms):
        cdef cc_error error
        error.type[0] = 0
        cdef const void *data = NULL
        cdef size_t size = 0
        cdef cc_status status
        with nogil:
            status = cc_channel_wait(self.handle, wait_ms, &data, &size, &error)
        if status == CC_ERR_TIMEOUT:
            return None
        check(status, &error)
        answer = PyBytes_FromStringAndSize(<const char *>data, size)
        cc_channel_done(self.handle)
        return answer

    def receive(self, uint32_t wait_ms):
        cdef cc_error error
        error.type[0] = 0
        cdef const void *data = NULL
        cdef size_t size = 0
        cdef cc_status status
        with nogil:
            status = cc_channel_receive(self.handle, wait_ms, &data, &size, &error)
        if status == CC_ERR_TIMEOUT:
            return None
        check(status, &error)
        return PyBytes_FromStringAndSize(<const char *>data, size)

    def reply(self, const unsigned char[::1] data):
        cdef cc_error error
        error.type[0] = 0
        cdef const void *d = &data[0] if data.shape[0] else NULL
        cdef cc_status status
        with nogil:
            status = cc_channel_reply(self.handle, d, data.shape[0], &error)
        check(status, &error)

    def shut(self):
        cc_channel_shut(self.handle)
