# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""cloudcore._table: the door to the item store: tables in C, dicts and JSON outside.

GIL rule: single-item operations keep the GIL and only try the store's lock; when it is taken they let
go of the GIL, wait, and come back with it. Query, Scan, batches and JSON calls run without the GIL.
No Python object is made while the lock is held, so a garbage collection can never meet it. `close`
waits until no call is inside.
"""
cimport cython
from log_core cimport *
from table_core cimport *

include "errors.pxi"
include "item.pxi"
include "view.pxi"
include "native.pxi"
include "key.pxi"
include "page.pxi"
include "reply.pxi"
include "recall.pxi"

import os
import weakref

from libc.stdlib cimport calloc, free
from libc.string cimport memchr, memset
from posix.unistd cimport usleep

ctypedef struct Scratch:
    cc_arena arena
    cc_buffer buffer
    cc_reply reply
    cc_request request
    cc_request_builder builder
    cc_error error
    bint native  # items and values come and go as native Python values
    bint floats  # floats among them

include "legacy.pxi"
include "statement.pxi"
include "request.pxi"

cdef enum:
    FIND_ABSENT
    FIND_PRESENT
    FIND_UNUSUAL

_open_tables = weakref.WeakSet()


def _forked():
    for tables in list(_open_tables):
        (<Tables>tables).forked = True


os.register_at_fork(after_in_child=_forked)

_DURABILITY = {
    "default": CC_DURABILITY_DEFAULT,
    "memory": CC_DURABILITY_MEMORY,
    "process": CC_DURABILITY_PROCESS,
    "interval": CC_DURABILITY_INTERVAL,
    "commit": CC_DURABILITY_COMMIT,
}


ctypedef cc_status (*table_call)(cc_tables *tables, cc_bytes name, cc_error *error) noexcept nogil
ctypedef cc_status (*description_call)(cc_tables *tables, cc_bytes name, cc_bytes description,
                                       cc_error *error) noexcept nogil


cdef class Tables:
    """The tables of one directory (None: in memory only).

    durability: "process" (default: survives kill -9 of the process), "interval", "commit" (each
    write waits for the disk) or "memory". With `account` (12 digits) and `region`, ARNs of others are
    refused. enforce_throughput: requests are held to the throughput of their tables. meter: count units.
    checkpoint_bytes: a checkpoint is taken after so many bytes of log; 0: half of what is stored,
    at least 64 MiB. seed: of the order of partitions, where several stores are to agree on it; 0: drawn.
    memory_budget: bytes of memory for keys, indexes and values; values over it lie on the
    disk and are read from there. 0: all stays in memory.
    """
    cdef cc_tables *tables
    cdef Scratch *spare
    cdef RecallPlace *places  # NULL: nothing is remembered
    cdef list recalled        # what the places point to
    cdef int active    # calls inside; close() waits for zero before it takes the tables away
    cdef bint closing
    cdef bint enforced  # throughput is: every read takes the full way
    cdef public bint forked
    cdef object snapshots, feeds  # open ones, archive readers too; close() closes them
    cdef object __weakref__

    def __cinit__(self, directory=None, durability="process", uint32_t interval_ms=0,
                  uint64_t disk_bound=0, str account="", str region="",
                  uint64_t feed_retention_ms=0, bint enforce_throughput=False,
                  uint64_t checkpoint_bytes=0, bint meter=True, uint64_t seed=0,
                  uint64_t memory_budget=0):
        cdef cc_store_options options
        cdef cc_error error
        cdef cc_status status
        cdef const char *path = NULL
        cdef char *zero = <char *>&options
        for i in range(sizeof(options)):
            zero[i] = 0
        error.message[0] = error.type[0] = 0
        if len(account) > 12 or len(region) > 31:
            raise ValueError("an account is 12 digits, a region up to 31 characters")
        if durability not in _DURABILITY:
            raise ValueError(f"durability is one of {', '.join(_DURABILITY)}, not {durability!r}")
        options.log.durability = _DURABILITY[durability]
        options.log.interval_ms = interval_ms
        options.log.disk_bound = disk_bound
        options.feed_retention_ms = feed_retention_ms
        self.feeds = weakref.WeakSet()
        options.checkpoint_bytes = checkpoint_bytes
        options.seed = seed
        options.budget_bytes = memory_budget
        encoded = None if directory is None else os.fsencode(directory)
        if encoded is not None:
            path = PyBytes_AS_STRING(encoded)
        with nogil:
            status = cc_tables_open(path, &options, &self.tables, &error)
        check(status, &error)
        cc_tables_set_place(self.tables, utf8_of(account), utf8_of(region))
        cc_tables_meter(self.tables, meter)
        self.enforced = enforce_throughput
        if enforce_throughput:
            cc_tables_enforce_throughput(self.tables)
        self.snapshots = weakref.WeakSet()
        if CC_GIL:
            self.recalled = [None] * RECALL_PLACES
            self.places = <RecallPlace *>calloc(RECALL_PLACES, sizeof(RecallPlace))
        _open_tables.add(self)

    def __dealloc__(self):
        cdef cc_error error
        cdef cc_status _ignored
        if self.spare != NULL:
            _scratch_free(self.spare)
        free(self.places)
        if self.tables != NULL and not self.forked:
            with nogil:
                _ignored = cc_tables_close(self.tables, &error)
            self.tables = NULL

    # ---- taking part ----

    cdef Scratch *enter(self) except NULL:
        """Counts one call in and gives it memory of its own."""
        cdef Scratch *scratch = self.spare
        if self.tables == NULL or self.closing:
            raise _errors.ClosedError("the tables are closed", "closed")
        if self.forked:
            raise _errors.ForkedError("the tables were opened by the parent process", "forked")
        if scratch != NULL:
            self.spare = NULL
        else:
            scratch = <Scratch *>calloc(1, sizeof(Scratch))
            if scratch == NULL:
                raise MemoryError()
            cc_arena_init(&scratch.arena, 16384)
        scratch.error.message[0] = scratch.error.type[0] = 0
        scratch.error.position = 0
        scratch.native = scratch.floats = False
        self.active += 1
        return scratch

    cdef void leave(self, Scratch *scratch) noexcept:
        self.active -= 1
        cc_arena_reset(&scratch.arena)
        if self.spare != NULL or scratch.buffer.capacity > 1 << 20:
            _scratch_free(scratch)
            return
        cc_buffer_clear(&scratch.buffer)
        self.spare = scratch

    cdef inline void lock(self) noexcept:
        cdef cc_store *store = cc_tables_store(self.tables)
        if not cc_store_try_lock(store):
            with nogil:
                cc_store_lock(store)

    cdef inline void unlock(self) noexcept:
        cc_store_unlock(cc_tables_store(self.tables))

    cdef int run(self, Scratch *scratch) except -1:
        """Executes scratch.request; single items under the GIL, the rest without it."""
        cdef cc_status status
        cdef cc_verb verb = scratch.request.verb
        if verb <= CC_VERB_DELETE:
            self.lock()
            status = cc_table_execute(self.tables, &scratch.request, True, &scratch.arena,
                                      &scratch.reply, &scratch.error)
            self.unlock()
            if status == CC_OK and scratch.reply.written:
                if cc_table_waits(self.tables, scratch.request.durability):
                    with nogil:
                        status = cc_table_finish(self.tables, &scratch.request, &scratch.reply,
                                                 &scratch.error)
                else:
                    status = cc_table_finish(self.tables, &scratch.request, &scratch.reply,
                                             &scratch.error)
        else:
            with nogil:
                status = cc_table_execute(self.tables, &scratch.request, False, &scratch.arena,
                                          &scratch.reply, &scratch.error)
        if status != CC_OK:
            raise refusal_of(status, &scratch.error, &scratch.reply, scratch.native, scratch.floats)
        return 0

    def close(self):
        """Waits for calls inside, then releases everything; a second call does nothing."""
        cdef cc_tables *tables = self.tables
        cdef cc_error error
        cdef cc_status status
        if tables == NULL or self.closing:
            return
        self.closing = True
        while self.active > 0:
            with nogil:
                cc_store_feed_wake(cc_tables_store(tables))
                usleep(200)
        for snapshot in list(self.snapshots):
            snapshot.close()
        for feed in list(self.feeds):
            feed.close()
        while self.active > 0:  # another thread is closing one
            with nogil:
                usleep(200)
        self.tables = NULL
        free(self.places)
        self.places = NULL
        self.recalled = None
        if self.forked:
            return
        error.message[0] = error.type[0] = 0
        with nogil:
            status = cc_tables_close(tables, &error)
        check(status, &error)

    @property
    def closed(self):
        return self.tables == NULL or self.closing

    @property
    def pointer(self):
        """Address of the cc_tables, for cloudcore._http; valid until close()."""
        if self.tables == NULL or self.closing:
            raise _errors.ClosedError("the tables are closed", "closed")
        return <size_t>self.tables

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    # ---- tables ----

    cdef int on_table(self, table_call run, str name) except -1:
        """One call on a table by its name, without the GIL."""
        cdef Scratch *scratch = self.enter()
        cdef cc_status status
        cdef cc_bytes c_name
        try:
            c_name = utf8_of(name)
            with nogil:
                status = run(self.tables, c_name, &scratch.error)
            check(status, &scratch.error)
        finally:
            self.leave(scratch)
        return 0

    cdef int describe_as(self, description_call run, str name, bytes description) except -1:
        """The same for a call that takes the table's JSON too."""
        cdef Scratch *scratch = self.enter()
        cdef cc_status status
        cdef cc_bytes c_name
        cdef cc_bytes c_description = cc_bytes_of(PyBytes_AS_STRING(description), <size_t>len(description))
        try:
            c_name = utf8_of(name)
            with nogil:
                status = run(self.tables, c_name, c_description, &scratch.error)
            check(status, &scratch.error)
        finally:
            self.leave(scratch)
        return 0

    def create(self, str name, bytes description):
        """Makes a table; `description` is its JSON (at least KeySchema and AttributeDefinitions)."""
        self.describe_as(cc_table_create, name, description)

    def drop(self, str name):
        """Removes a table and its items; KeyError when there is none."""
        self.on_table(cc_table_drop, name)

    def set_description(self, str name, bytes description):
        """Replaces a table's JSON; the key schema in it must stay the same.

        Its indexes are matched by name: those left out go, new ones are kept by writes at once and can be
        read when fill() has returned. KeyError when there is no such table.
        """
        self.describe_as(cc_table_describe, name, description)

    def fill(self, str name):
        """Puts the items of a table into its new indexes, beside readers and writers."""
        self.on_table(cc_table_fill, name)

    def expire(self, str name, str attribute, int64_t now):
        """Deletes the items whose number `attribute` is a time before `now`, both in epoch seconds, but by
        no more than five years; beside readers and writers. (items looked at, items deleted); what close()
        cuts short is left for the next time. KeyError when there is no such table."""
        cdef Scratch *scratch = self.enter()
        cdef cc_status status = CC_OK
        cdef cc_bytes c_name, c_attribute
        cdef cc_expiry expiry
        memset(&expiry, 0, sizeof(cc_expiry))
        try:
            c_name, c_attribute = utf8_of(name), utf8_of(attribute)
            with nogil:
                while status == CC_OK and not expiry.done and not self.closing:
                    status = cc_table_expire(self.tables, c_name, c_attribute, now, &scratch.arena, &expiry,
                                             &scratch.error)
            check(status, &scratch.error)
            return expiry.examined, expiry.deleted
        finally:
            cc_expiry_free(&expiry)
            self.leave(scratch)

    def indexes(self, str name):
        """{index name: (items, bytes, still being filled)} of a table; empty when there is none."""
        cdef Scratch *scratch = self.enter()
        cdef cc_space *space
        cdef cc_table_index_info info
        cdef cc_bytes c_name
        cdef size_t i = 0
        cdef bint more = True
        try:
            c_name = utf8_of(name)
            result = {}
            while more:
                self.lock()
                space = cc_space_find(cc_tables_store(self.tables), c_name)
                more = space != NULL and cc_table_index_at(self.tables, space, i, &info)
                if more:
                    info.name = cc_arena_copy(&scratch.arena, info.name)
                self.unlock()
                if more:
                    index = PyUnicode_FromStringAndSize(<const char *>info.name.data,
                                                        <Py_ssize_t>info.name.size)
                    result[index] = (info.item_count, info.item_bytes, bool(info.filling))
                i += 1
            return result
        finally:
            self.leave(scratch)

    def describe(self, str name):
        """(description JSON, item count, item bytes, memory bytes), or None."""
        cdef Scratch *scratch = self.enter()
        cdef cc_space *space
        cdef cc_space_info info
        cdef cc_bytes c_name, meta
        try:
            c_name = utf8_of(name)
            self.lock()
            space = cc_space_find(cc_tables_store(self.tables), c_name)
            if space != NULL:
                meta = cc_arena_copy(&scratch.arena, cc_space_meta(space))
                cc_space_info_get(space, &info)
            self.unlock()
            if space == NULL:
                return None
            return (PyBytes_FromStringAndSize(<char *>meta.data, <Py_ssize_t>meta.size),
                    info.item_count, info.item_bytes, info.memory_bytes)
        finally:
            self.leave(scratch)

    def names(self):
        """The names of all tables, sorted."""
        cdef Scratch *scratch = self.enter()
        cdef cc_space *space
        cdef size_t i = 0
        cdef cc_bytes name
        try:
            result = []
            while True:
                self.lock()
                space = cc_space_at(cc_tables_store(self.tables), i)
                if space != NULL:
                    name = cc_arena_copy(&scratch.arena, cc_space_name(space))
                self.unlock()
                if space == NULL:
                    return result
                if name.data[0] == c"#":  # the engine's own
                    i += 1
                    continue
                result.append(PyUnicode_FromStringAndSize(<const char *>name.data, <Py_ssize_t>name.size))
                i += 1
        finally:
            self.leave(scratch)

    def info(self):
        """The log and the checkpoints under the tables.

        first_sequence, last_sequence, synced_sequence, segments, disk_bytes, torn_bytes, syncs: of the log.
        checkpoints, checkpoint_failures: since open; generation: of the newest checkpoint; page_file_bytes,
        page_used_bytes: of the file that holds it; log_bytes: to replay if the process ended now;
        fell_back: the newest checkpoint could not be read, open took the one before. Of memory: memory_bytes
        mapped, used_bytes of it taken by keys, indexes and values, large values included; budget_bytes that
        it is held to (0: nothing). spilled_items, spilled_bytes: values that are on the disk alone;
        disk_reads, disk_read_bytes: of them, disk_written_bytes: when they left, spill_failures: of either.
        All zero but memory_bytes and used_bytes when nothing is logged (tables in memory).
        """
        cdef Scratch *scratch = self.enter()
        cdef cc_log_info info
        cdef cc_store_info store
        cdef cc_log *log
        try:
            memset(&info, 0, sizeof(info))
            log = cc_store_log(cc_tables_store(self.tables))
            with nogil:
                if log != NULL:
                    cc_log_info_get(log, &info)
                cc_store_info_get(cc_tables_store(self.tables), &store)
            return {"first_sequence": info.first_sequence, "last_sequence": info.last_sequence,
                    "disk_bytes": info.disk_bytes, "synced_sequence": info.synced_sequence,
                    "torn_bytes": info.torn_bytes, "segments": info.segments, "syncs": info.syncs,
                    "memory_bytes": store.memory_bytes, "checkpoints": store.checkpoints,
                    "checkpoint_failures": store.checkpoint_failures, "generation": store.generation,
                    "page_file_bytes": store.page_file_bytes, "page_used_bytes": store.page_used_bytes,
                    "log_bytes": store.log_bytes, "fell_back": bool(store.fell_back),
                    "used_bytes": store.used_bytes, "budget_bytes": store.budget_bytes,
                    "spilled_items": store.spilled_items, "spilled_bytes": store.spilled_bytes,
                    "disk_reads": store.disk_reads, "disk_read_bytes": store.disk_read_bytes,
                    "disk_written_bytes": store.disk_written_bytes, "spill_failures": store.spill_failures}
        finally:
            self.leave(scratch)

    def checkpoint(self):
        """Takes a checkpoint now, beside readers and writers; recycles the log before the last but one."""
        cdef Scratch *scratch = self.enter()
        cdef cc_status status
        try:
            with nogil:
                status = cc_store_checkpoint(cc_tables_store(self.tables), &scratch.error)
            check(status, &scratch.error)
        finally:
            self.leave(scratch)

    # ---- items ----

    def put_item(self, str table, item):
        """Stores one DynamoDB-JSON dict; the shortest way in. Raises ApiError."""
        cdef Scratch *scratch = self.enter()
        try:
            self.put(table, item, scratch)
        finally:
            self.leave(scratch)

    cdef int put(self, str table, object item, Scratch *scratch) except -1:
        try:
            encode_buffered(item, scratch)
        except _errors.ApiError as error:
            raise counted(error, CC_VERB_PUT) from None
        memset_request(&scratch.request)
        scratch.request.verb = CC_VERB_PUT
        scratch.request.table = utf8_of(table)
        scratch.request.item = cc_buffer_bytes(&scratch.buffer)
        return self.run(scratch)

    cdef int find(self, str table, object key, Scratch *scratch, cc_bytes *item_out,
                  const uint8_t **address_out=NULL, const KeyParts *parts=NULL) except -1:
        """The item of a key, copied into the call's arena: FIND_PRESENT or FIND_ABSENT.

        `parts` are the key's values, already encoded, in the place of `key`: FIND_UNUSUAL when they are not
        those of the table's key, or there is no such table. With `address_out`,
        which is set to where the store keeps the item, one that is remembered is not copied:
        item_out.data is NULL and its place is address_out's.
        """
        cdef cc_space *space = NULL
        cdef const cc_key_schema *schema = NULL
        cdef cc_key c_key
        cdef cc_bytes found
        cdef bint present = False, plain = False, recalled = False
        cdef cc_bytes name = utf8_of(table)
        cdef cc_status status = CC_OK
        found.data = NULL
        if (parts != NULL or type(key) is dict) and not self.enforced:
            self.lock()
            if cc_table_find(self.tables, name, &space, &schema, &scratch.error) == CC_OK:
                if parts != NULL:
                    plain = key_of_parts(schema, parts, &scratch.arena, &c_key, &scratch.error)
                else:
                    plain = plain_key(schema, key, &scratch.arena, &c_key, &scratch.error)
                if plain:
                    present = cc_space_get(space, c_key, &found)
                    if not present:
                        found.size = 0
                        status = cc_store_failure(cc_tables_store(self.tables), &scratch.error)
                    cc_table_count_get(self.tables, schema, found)
                    recalled = present and address_out != NULL and self.recalls(found)
                    if recalled:
                        item_out.data = NULL
                    elif present:
                        item_out[0] = cc_arena_copy(&scratch.arena, found)
            self.unlock()
        if plain:
            check(status, &scratch.error)
            if present and item_out.data == NULL and not recalled:
                raise MemoryError()
            if address_out != NULL:
                address_out[0] = found.data
            return present
        if parts != NULL:
            scratch.error.message[0] = scratch.error.type[0] = 0
            return FIND_UNUSUAL
        # Anything unusual takes the full way, which checks it and words the refusal.
        scratch.error.message[0] = scratch.error.type[0] = 0
        memset_request(&scratch.request)
        scratch.request.verb = CC_VERB_GET
        scratch.request.table = name
        scratch.request.item = encode(key, scratch)
        self.run(scratch)
        if scratch.reply.has_item:
            item_out[0] = scratch.reply.items[0]
        return scratch.reply.has_item

    cdef inline bint recalls(self, cc_bytes found) noexcept:
        return self.places != NULL and recall_fits(&self.places[recall_place(found.data)], found)

    def get_item(self, str table, key):
        """The item of a key as a DynamoDB-JSON dict, or None. Raises ApiError."""
        cdef Scratch *scratch = self.enter()
        cdef cc_bytes item
        cdef const uint8_t *address = NULL
        cdef size_t place
        cdef dict made
        cdef Recalled memory
        try:
            if not self.find(table, key, scratch, &item, &address):
                return None
            place = recall_place(address)
            if item.data == NULL:
                memory = <Recalled>self.places[place].memory  # held: again() may run code that replaces it
                return memory.again()
            made = item_object(item)
            if address != NULL and self.places != NULL:
                recall_keep(&self.places[place], self.recalled, place, address, item, made)
            return made
        finally:
            self.leave(scratch)

    def get_item_view(self, str table, key):
        """The item of a key as an Item, or None: nothing is decoded until it is asked for."""
        cdef Scratch *scratch = self.enter()
        cdef cc_bytes item
        try:
            return view_of(item, False) if self.find(table, key, scratch, &item) else None
        finally:
            self.leave(scratch)

    def get_item_json(self, str table, key):
        """The item of a key as DynamoDB JSON, bytes, or None."""
        cdef Scratch *scratch = self.enter()
        cdef cc_bytes item
        try:
            if not self.find(table, key, scratch, &item):
                return None
            cc_buffer_clear(&scratch.buffer)
            check(cc_item_to_json(item, &scratch.buffer), &scratch.error)
            return PyBytes_FromStringAndSize(<char *>scratch.buffer.data, <Py_ssize_t>scratch.buffer.size)
        finally:
            self.leave(scratch)

    def call_json(self, str operation, bytes body):
        """(HTTP status, body) of an item operation in JSON; errors are bodies too, never raised."""
        cdef Scratch *scratch = self.enter()
        cdef cc_verb verb
        cdef cc_status status
        cdef int http_status = 500
        cdef cc_bytes c_body = cc_bytes_of(PyBytes_AS_STRING(body), <size_t>len(body))
        try:
            verb = cc_verb_from_name(utf8_of(operation))
            if verb == CC_VERB_NONE:
                raise _errors.ApiError("UnknownOperationException", "")
            with nogil:
                status = cc_table_call_json(self.tables, verb, c_body, &scratch.arena, &scratch.buffer,
                                            &http_status)
            check(status, &scratch.error)
            return http_status, PyBytes_FromStringAndSize(<char *>scratch.buffer.data,
                                                          <Py_ssize_t>scratch.buffer.size)
        finally:
            self.leave(scratch)

    def execute(self, str operation, dict params, str shape="dynamodb", bint floats=False):
        """Runs an item operation with boto3-shaped params and gives its boto3-shaped result.

        shape: what stands for items, keys and values, both ways: "dynamodb" ({"S": "text"}) or "native"
        (Python values; `floats`: floats too); "view" and "page" are "native" whose items come back as
        Item, or (Query and Scan) in one Page. Raises ApiError in the service's words;
        ConditionalCheckFailedException carries fields["Item"] when the request asked for it.
        """
        cdef int form = form_of(shape, floats)
        cdef Scratch *scratch = self.enter()
        cdef cc_verb verb = CC_VERB_NONE
        cdef bint built = False
        try:
            scratch.native, scratch.floats = form != FORM_DYNAMODB, floats
            verb = cc_verb_from_name(utf8_of(operation))
            if verb == CC_VERB_NONE:
                raise _errors.ApiError("UnknownOperationException", "")
            cc_request_begin(&scratch.builder, verb, &scratch.arena)
            for name, value in params.items():
                if value is not None:
                    request_member(scratch, &scratch.builder, cc_member_find(verb, utf8_of(name)), name,
                                   value)
            check(cc_request_finish(&scratch.builder, &scratch.request, &scratch.error), &scratch.error)
            built = True
            self.run(scratch)
            return reply_object(&scratch.request, &scratch.reply, params, form)
        except _errors.ApiError as error:
            refusal = error if built else counted(error, verb)
            refusal.operation_name = operation
            if refusal is error:
                raise
            raise refusal from None
        finally:
            self.leave(scratch)


cdef void _scratch_free(Scratch *scratch) noexcept:
    cc_arena_free(&scratch.arena)
    cc_buffer_free(&scratch.buffer)
    free(scratch)


cdef inline void memset_request(cc_request *request) noexcept:
    memset(request, 0, sizeof(cc_request))


include "table_door.pxi"
include "load.pxi"
include "replica.pxi"
include "route.pxi"
include "export.pxi"
include "feed.pxi"
include "bulk.pxi"
include "meter.pxi"
