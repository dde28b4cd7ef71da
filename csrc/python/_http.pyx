"""The door to csrc/http: a server thread in C, requests for Python, replies back. See _http.pyi."""
cimport cython
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memset

include "errors.pxi"

cdef extern from "stdbool.h" nogil:
    ctypedef bint c_bool "bool"

cdef extern from "http/head.h" nogil:
    ctypedef struct cc_http_header:
        cc_bytes name
        cc_bytes value
    ctypedef struct cc_http_head:
        cc_bytes method
        cc_bytes target
        cc_http_header *headers
        uint32_t header_count

cdef extern from "http/server.h" nogil:
    ctypedef struct cc_http_server:
        pass
    ctypedef struct cc_http_exchange:
        pass
    ctypedef struct cc_http_reply_parts:
        pass
    ctypedef c_bool (*cc_http_fast)(void *context, const cc_http_head *head, cc_bytes body,
                                    cc_http_reply_parts *reply) noexcept nogil
    ctypedef uint64_t (*cc_http_limit)(void *context, const cc_http_head *head,
                                       const char **refusal_out) noexcept nogil
    ctypedef struct cc_http_options:
        const char *host
        uint16_t port
        int listener
        uint64_t body_max
        uint32_t connections_max
        uint32_t head_timeout_ms
        uint32_t body_timeout_ms
        uint32_t idle_timeout_ms
        cc_http_limit limit
        cc_http_fast fast
        void *fast_context
    cc_status cc_http_open(const cc_http_options *options, cc_http_server **out, cc_error *error)
    uint16_t cc_http_port(const cc_http_server *server)
    cc_status cc_http_next(cc_http_server *server, uint64_t timeout_ns, cc_http_exchange **out)
    const cc_http_head *cc_http_exchange_head(const cc_http_exchange *exchange)
    cc_bytes cc_http_exchange_body(const cc_http_exchange *exchange)
    const char *cc_http_exchange_peer(const cc_http_exchange *exchange)
    cc_status cc_http_reply(cc_http_server *server, cc_http_exchange *exchange, int status, cc_bytes headers,
                            cc_bytes body)
    cc_status cc_http_reply_begin(cc_http_server *server, cc_http_exchange *exchange, int status,
                                  cc_bytes headers)
    cc_status cc_http_reply_more(cc_http_server *server, cc_http_exchange *exchange, cc_bytes part,
                                 c_bool last)
    void cc_http_stop(cc_http_server *server, uint32_t grace_ms)
    void cc_http_close(cc_http_server *server)

cdef extern from "table/table.h" nogil:
    ctypedef struct cc_tables:
        pass
    ctypedef int cc_verb
    int CC_VERB_PUT
    int CC_VERB_COUNT
    const char *cc_verb_name(cc_verb verb)

cdef extern from "http/observed.h" nogil:
    int CC_OBSERVED_BUCKETS
    ctypedef struct cc_observed_verb:
        pass
    ctypedef struct cc_observed_call:
        cc_verb verb
        int status
        uint64_t wall_ms
        uint64_t ns
        size_t bytes_in
        size_t bytes_out
        size_t body_size
        uint8_t body[1]
    ctypedef struct cc_observed:
        pass
    void cc_observed_read(const cc_observed *observed, cc_verb verb, uint64_t *counters_out)
    cc_status cc_observed_watch(cc_observed *observed, uint64_t ns)
    c_bool cc_observed_call_at(cc_observed *observed, uint32_t age, cc_observed_call *call_out)

cdef extern from "http/dynamodb.h" nogil:
    ctypedef struct cc_http_dynamodb:
        cc_observed observed
    void cc_http_dynamodb_init(cc_http_dynamodb *door, const char *account, const char *region,
                               c_bool shared)
    cc_status cc_http_dynamodb_add(cc_http_dynamodb *door, cc_bytes account, cc_bytes region,
                                   cc_tables *tables, cc_error *error)
    void cc_http_dynamodb_free(cc_http_dynamodb *door)
    uint64_t cc_http_dynamodb_limit(void *door, const cc_http_head *head, const char **refusal_out) noexcept
    c_bool cc_http_dynamodb_fast(void *door, const cc_http_head *head, cc_bytes body,
                                 cc_http_reply_parts *reply) noexcept
    void cc_http_request_id(uint64_t serial, char *out)


cdef bytes _bytes(cc_bytes view):
    return PyBytes_FromStringAndSize(<const char *>view.data, <Py_ssize_t>view.size)


cdef bytes _lines(list headers):
    text = "".join(f"{name}: {value}\r\n" for name, value in headers)
    if text.count("\n") != len(headers) or text.count("\r") != len(headers):
        raise ValueError("a header holds CR or LF")
    return text.encode("latin-1")


def request_id(uint64_t serial):
    """52 upper-case characters that follow from `serial`."""
    cdef char out[53]
    cc_http_request_id(serial, out)
    return (<bytes>out).decode("ascii")


@cython.final
cdef class Request:
    """One HTTP request; answer it once with Server.reply."""
    cdef cc_http_exchange *exchange
    cdef readonly str method
    cdef readonly str target
    cdef readonly dict headers
    cdef readonly bytes body
    cdef readonly str peer


@cython.final
cdef class Server:
    """An HTTP/1.1 server on a C thread."""
    cdef cc_http_server *server
    cdef cc_http_dynamodb door
    cdef list tables  # those that the server answers from stay open
    cdef readonly int port
    cdef bint stopped

    def __cinit__(self, str host="127.0.0.1", uint16_t port=0, *, str account="000000000000",
                  str region="us-east-1", c_bool shared=False, uint64_t body_max=0, int listener=0,
                  uint32_t head_timeout_ms=0,
                  uint32_t body_timeout_ms=0, uint32_t idle_timeout_ms=0, uint32_t connections_max=0):
        cdef cc_http_options options
        cdef cc_error error
        cdef bytes c_host = host.encode(), c_account = account.encode(), c_region = region.encode()
        memset(&options, 0, sizeof(options))
        options.host = c_host
        options.port = port
        options.listener = listener
        options.body_max = body_max
        options.head_timeout_ms = head_timeout_ms
        options.body_timeout_ms = body_timeout_ms
        options.idle_timeout_ms = idle_timeout_ms
        options.connections_max = connections_max
        self.tables = []
        cc_http_dynamodb_init(&self.door, c_account, c_region, shared)
        options.limit = cc_http_dynamodb_limit
        options.fast = cc_http_dynamodb_fast
        options.fast_context = &self.door
        check(cc_http_open(&options, &self.server, &error), &error)
        self.port = cc_http_port(self.server)

    def __dealloc__(self):
        if self.server is not NULL:
            if not self.stopped:
                with nogil:
                    cc_http_stop(self.server, 0)
            cc_http_close(self.server)
        cc_http_dynamodb_free(&self.door)

    def answer_items_of(self, str account, str region, tables):
        """Item verbs of an account and region are answered from `tables`, which must outlive stop()."""
        cdef cc_error error
        cdef bytes c_account = account.encode(), c_region = region.encode()
        cdef const char *account_text = c_account
        cdef const char *region_text = c_region
        check(cc_http_dynamodb_add(&self.door, cc_bytes_of(account_text, <size_t>len(c_account)),
                                   cc_bytes_of(region_text, <size_t>len(c_region)),
                                   <cc_tables *><size_t>tables.pointer, &error), &error)
        self.tables.append(tables)

    def next(self, double timeout):
        """The next request for Python, None after `timeout` seconds. ClosedError once stopped."""
        cdef cc_http_exchange *exchange = NULL
        cdef cc_status status
        cdef uint64_t ns = <uint64_t>(timeout * 1e9)
        cdef const cc_http_head *head
        cdef uint32_t i
        with nogil:
            status = cc_http_next(self.server, ns, &exchange)
        if status == CC_ERR_TIMEOUT:
            return None
        if status != CC_OK:
            raise _errors.ClosedError("the server has stopped", "closed")
        head = cc_http_exchange_head(exchange)
        cdef Request request = Request.__new__(Request)
        request.exchange = exchange
        request.method = _bytes(head.method).decode("ascii")
        request.target = _bytes(head.target).decode("ascii")
        request.headers = {}
        for i in range(head.header_count):
            request.headers[_bytes(head.headers[i].name).decode("ascii").lower()] = (
                _bytes(head.headers[i].value).decode("latin-1"))
        request.body = _bytes(cc_http_exchange_body(exchange))
        request.peer = cc_http_exchange_peer(exchange).decode("ascii")
        return request

    def reply(self, Request request, int status, list headers, bytes body):
        """Answer: headers is a list of (name, value) without CR or LF; Content-Length and Date are added.

        To a HEAD only the head goes out, with the Content-Length that is among `headers`.
        """
        cdef cc_http_exchange *exchange = request.exchange
        cdef bytes lines = _lines(headers)
        cdef const char *c_lines = lines
        cdef const char *c_body = body
        cdef size_t lines_size, body_size = <size_t>len(body)
        cdef cc_status result
        if exchange is NULL:
            raise ValueError("this request was answered already")
        lines_size = <size_t>len(lines)
        request.exchange = NULL
        with nogil:
            result = cc_http_reply(self.server, exchange, status, cc_bytes_of(c_lines, lines_size),
                                   cc_bytes_of(c_body, body_size))
        if result != CC_OK:
            raise MemoryError()

    def begin(self, Request request, int status, list headers):
        """Answer in parts: the head now, then `more`."""
        cdef bytes lines = _lines(headers)
        cdef const char *c_lines = lines
        cdef size_t lines_size = <size_t>len(lines)
        cdef cc_status result
        if request.exchange is NULL:
            raise ValueError("this request was answered already")
        with nogil:
            result = cc_http_reply_begin(self.server, request.exchange, status,
                                         cc_bytes_of(c_lines, lines_size))
        if result != CC_OK:
            raise MemoryError()

    def more(self, Request request, bytes part, bint last=False):
        """A part of an answer; True unless the peer is gone. `last` ends the answer."""
        cdef cc_http_exchange *exchange = request.exchange
        cdef const char *c_part = part
        cdef size_t size = <size_t>len(part)
        cdef cc_status result
        if exchange is NULL:
            raise ValueError("this request was answered already")
        if last:
            request.exchange = NULL
        with nogil:
            result = cc_http_reply_more(self.server, exchange, cc_bytes_of(c_part, size), last)
        if result == CC_ERR_NOMEM:
            raise MemoryError()
        return result == CC_OK

    def observed(self):
        """What was answered in C: operation -> (calls, refused, seconds, [calls by latency bucket])."""
        cdef uint64_t counters[3 + 128]
        cdef int verb, i
        cdef dict found = {}
        for verb in range(CC_VERB_PUT, CC_VERB_COUNT):
            cc_observed_read(&self.door.observed, <cc_verb>verb, counters)
            if counters[0] != 0:
                buckets = [counters[3 + i] for i in range(CC_OBSERVED_BUCKETS)]
                found[(<bytes>cc_verb_name(<cc_verb>verb)).decode()] = (
                    counters[0], counters[1], counters[2] / 1e9, buckets)
        return found

    def calls(self, double seconds):
        """The last calls answered in C, newest first: (time, operation, status, seconds, bytes in, bytes out,
        beginning of the body). They are kept from the first look until `seconds` after the last one."""
        cdef cc_observed_call call
        cdef uint32_t age = 0
        cdef list found = []
        if cc_observed_watch(&self.door.observed, <uint64_t>(seconds * 1e9)) != CC_OK:
            raise MemoryError()
        while cc_observed_call_at(&self.door.observed, age, &call):
            found.append((call.wall_ms / 1e3, (<bytes>cc_verb_name(call.verb)).decode(), call.status,
                          call.ns / 1e9, call.bytes_in, call.bytes_out,
                          PyBytes_FromStringAndSize(<const char *>&call.body[0], <Py_ssize_t>call.body_size)))
            age += 1
        return found

    def stop(self, uint32_t grace_ms=5000):
        """Take nothing new, answer what is in flight, end the thread. Idempotent."""
        if self.stopped:
            return
        self.stopped = True
        with nogil:
            cc_http_stop(self.server, grace_ms)
