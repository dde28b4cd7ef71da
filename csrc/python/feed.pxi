# feed.pxi: following the changes of tables: views, feeds, and changes as JSON, boto3's dicts or tuples.
#
# A page is read without the GIL, into an arena or a buffer; objects are made of it afterwards.
_RECORD_FORMS = {"stream": CC_FORM_STREAM, "event": CC_FORM_EVENT, "kinesis": CC_FORM_KINESIS}
_KEY_TYPES = {"S": CC_TYPE_S, "N": CC_TYPE_N, "B": CC_TYPE_B}
_EVENT_NAMES = {b"INSERT": "INSERT", b"MODIFY": "MODIFY", b"REMOVE": "REMOVE"}
_VIEW_TYPES = ("KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES")


cdef class View:
    """What followers of one table are shown. See _table.pyi."""
    cdef cc_change_view view
    cdef tuple held  # the bytes that `view` borrows
    cdef str region

    def __cinit__(self, str form, keys, str region, bint new=True, bint old=True, str source="",
                  bint microseconds=False):
        cdef list texts = [name.encode() for name, _ in keys] + [region.encode(), source.encode()]
        kinds = [_KEY_TYPES[kind] for _, kind in keys]
        if len(kinds) not in (1, 2):
            raise ValueError("a table has one or two key attributes")
        self.held = tuple(texts)
        self.region = region
        memset(&self.view, 0, sizeof(self.view))
        self.view.form = _RECORD_FORMS[form]
        self.view.images = (<uint32_t>CC_IMAGE_NEW if new else 0) | (<uint32_t>CC_IMAGE_OLD if old else 0)
        self.view.key.partition_name = _span(texts[0])
        self.view.key.partition_type = kinds[0]
        if len(kinds) == 2:
            self.view.key.sort_name = _span(texts[1])
            self.view.key.sort_type = kinds[1]
        self.view.region = _span(texts[len(texts) - 2])
        self.view.source = _span(texts[len(texts) - 1])
        self.view.microseconds = microseconds


cdef cc_bytes _span(bytes text) noexcept:
    return cc_bytes_of(PyBytes_AS_STRING(text), <size_t>PyBytes_GET_SIZE(text))


cdef class Feed:
    """The changes of some tables from a place on. See _table.pyi."""
    cdef readonly Tables tables
    cdef cc_changes changes
    cdef uint64_t topics
    cdef uint64_t wakes  # calls of wake_feeds that the last wait knew of
    cdef bint busy
    cdef object __weakref__

    def __cinit__(self, Tables tables, spaces, uint64_t sequence=0, uint32_t index=0):
        cdef Scratch *scratch = tables.enter()
        cdef cc_status status
        cdef cc_feed_place place
        cdef size_t count = <size_t>len(spaces), i
        cdef uint32_t *ids
        memset(&self.changes, 0, sizeof(self.changes))
        self.topics = self.wakes = 0
        try:
            ids = <uint32_t *>cc_arena_alloc(&scratch.arena, (count + 1) * sizeof(uint32_t))
            if ids == NULL:
                raise MemoryError()
            for i in range(count):
                ids[i] = spaces[i]
                self.topics |= cc_log_topic(ids[i])
            place.sequence, place.index = sequence, index
            with nogil:
                status = cc_feed_open(cc_tables_store(tables.tables), ids, count, place, &self.changes.feed,
                                      &scratch.error)
            check(status, &scratch.error)
            self.tables = tables
            tables.feeds.add(self)
        finally:
            tables.leave(scratch)

    def __dealloc__(self):
        if self.changes.feed != NULL and not self.tables.forked:
            cc_feed_close(self.changes.feed)

    def close(self):
        """Lets go of the log; idempotent. Not while another thread reads."""
        cdef cc_feed *feed = self.changes.feed
        if self.busy:
            raise _errors.BusyError("the feed is being read", "busy")
        self.changes.feed = NULL
        if feed != NULL and not self.tables.forked:
            self.tables.active += 1  # the tables stay until it is done
            with nogil:
                cc_feed_close(feed)
            self.tables.active -= 1

    cdef Scratch *begin(self) except NULL:
        if self.busy:
            raise _errors.BusyError("the feed is being read by another thread", "busy")
        cdef Scratch *scratch = self.tables.enter()
        if self.changes.feed == NULL:
            self.tables.leave(scratch)
            raise _errors.ClosedError("the feed is closed", "closed")
        self.busy = True
        return scratch

    cdef void end(self, Scratch *scratch) noexcept:
        self.busy = False
        self.tables.leave(scratch)

    def read(self, View view, str shape="json", uint32_t limit=1000, size_t size_max=1 << 20, until=None,
             uint64_t since_ms=0, bint skips=False, when=None, bint floats=False):
        """One page: (changes, (sequence, index) of the next one, more, ended, trimmed)."""
        cdef Scratch *scratch
        cdef cc_changes_bounds bounds
        if limit == 0:
            raise ValueError("a page has at least one change")
        memset(&bounds, 0, sizeof(bounds))
        bounds.limit, bounds.size_max, bounds.since_ms, bounds.skips = limit, size_max, since_ms, skips
        bounds.until = <uint64_t>-1 if until is None else until
        bounds.key, bounds.images = view.view.key, view.view.images
        scratch = self.begin()
        try:
            if shape == "json" or shape == "list":
                return self.read_json(scratch, view, &bounds, shape == "list")
            return self.read_objects(scratch, view, &bounds, shape == "dicts", when, floats)
        finally:
            self.end(scratch)

    cdef object read_json(self, Scratch *scratch, View view, cc_changes_bounds *bounds, bint apart):
        cdef cc_changes_json taker
        cdef cc_changes_page page
        cdef cc_status status
        cdef size_t start = 0
        cdef uint32_t i
        memset(&taker, 0, sizeof(taker))
        cc_buffer_clear(&scratch.buffer)
        taker.view, taker.out = &view.view, &scratch.buffer
        if apart:
            taker.ends = <size_t *>cc_arena_alloc(&scratch.arena, bounds.limit * sizeof(size_t))
            if taker.ends == NULL:
                raise MemoryError()
        with nogil:
            status = cc_changes_read(&self.changes, bounds, &scratch.arena, cc_changes_take_json, &taker,
                                     &page, &scratch.error)
        check(status, &scratch.error)
        if not apart:
            made = PyBytes_FromStringAndSize(<char *>scratch.buffer.data, <Py_ssize_t>scratch.buffer.size)
            return _page(made, &page)
        records = []
        for i in range(taker.count):
            records.append(PyBytes_FromStringAndSize(<char *>scratch.buffer.data + start,
                                                     <Py_ssize_t>(taker.ends[i] - start)))
            start = taker.ends[i] + 1  # behind the comma
        return _page(records, &page)

    cdef object read_objects(self, Scratch *scratch, View view, cc_changes_bounds *bounds, bint dicts,
                             object when, bint floats):
        cdef cc_changes_copy taker
        cdef cc_changes_page page
        cdef cc_status status
        cdef uint32_t i
        memset(&taker, 0, sizeof(taker))
        taker.arena = &scratch.arena
        taker.changes = <cc_feed_change *>cc_arena_alloc(&scratch.arena,
                                                         bounds.limit * sizeof(cc_feed_change))
        taker.keys = <cc_bytes *>cc_arena_alloc(&scratch.arena, bounds.limit * sizeof(cc_bytes))
        if taker.changes == NULL or taker.keys == NULL:
            raise MemoryError()
        with nogil:
            status = cc_changes_read(&self.changes, bounds, &scratch.arena, cc_changes_take_copy, &taker,
                                     &page, &scratch.error)
        check(status, &scratch.error)
        records = []
        for i in range(taker.count):
            if dicts:
                records.append(_record(&taker.changes[i], taker.keys[i], view, when))
            else:
                records.append(_change(&taker.changes[i], taker.keys[i], floats))
        return _page(records, &page)

    def wait(self, uint64_t sequence, uint32_t timeout_ms):
        """Whether a change may follow the log's `sequence`; sleeps until it does, at most `timeout_ms`, or
        until a wake_feeds since the last wait, so that one between two waits is not lost."""
        cdef Scratch *scratch = self.tables.enter()
        cdef cc_store *store = cc_tables_store(self.tables.tables)
        cdef bint more
        try:
            with nogil:
                more = cc_store_feed_wait(store, self.topics, sequence, timeout_ms, &self.wakes)
            return more
        finally:
            self.tables.leave(scratch)


cdef object _page(object records, const cc_changes_page *page):
    return (records, (page.next.sequence, page.next.index), bool(page.more), bool(page.ended),
            bool(page.trimmed))


cdef str _sequence_number(cc_feed_place place):
    cdef char digits[CC_SEQUENCE_DIGITS]
    cc_sequence_write(place, digits)
    return text_object(cc_bytes_of(digits, CC_SEQUENCE_DIGITS))


cdef tuple _change(const cc_feed_change *change, cc_bytes keys, bint floats):
    return (_sequence_number(change.place), change.time_ms, _EVENT_NAMES[cc_event_name(change)],
            change.kind == CC_CHANGE_EXPIRE, native_item_object(keys, floats),
            native_item_object(change.value, floats) if change.kind == CC_CHANGE_PUT else None,
            native_item_object(change.old, floats) if change.has_old else None)


cdef dict _record(const cc_feed_change *change, cc_bytes keys, View view, object when):
    """boto3's record of GetRecords; `when` makes its time of epoch seconds."""
    cdef char digits[CC_EVENT_ID]
    cdef dict data, record
    cc_event_id_write(change, digits)
    cdef uint32_t images = view.view.images
    seconds = change.time_ms // 1000
    data = {"ApproximateCreationDateTime": seconds if when is None else when(seconds),
            "Keys": item_object(keys)}
    if change.kind == CC_CHANGE_PUT and images & <uint32_t>CC_IMAGE_NEW:
        data["NewImage"] = item_object(change.value)
    if change.has_old and images & <uint32_t>CC_IMAGE_OLD:
        data["OldImage"] = item_object(change.old)
    data["SequenceNumber"] = _sequence_number(change.place)
    data["SizeBytes"] = cc_change_size(change, keys, images)
    data["StreamViewType"] = _VIEW_TYPES[images]
    record = {"eventID": text_object(cc_bytes_of(digits, CC_EVENT_ID)),
              "eventName": _EVENT_NAMES[cc_event_name(change)],
              "eventVersion": "1.1", "eventSource": "aws:dynamodb", "awsRegion": view.region,
              "dynamodb": data}
    if change.kind == CC_CHANGE_EXPIRE:
        record["userIdentity"] = {"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"}
    return record


def sequence_place(str text):
    """(sequence, index) of a SequenceNumber, or None when it is none of ours."""
    cdef cc_feed_place place
    return (place.sequence, place.index) if cc_sequence_read(utf8_of(text), &place) else None


def sequence_number(uint64_t sequence, uint32_t index=0):
    """The SequenceNumber of a place."""
    cdef cc_feed_place place
    place.sequence, place.index = sequence, index
    return _sequence_number(place)


def space_id(Tables tables, str name):
    """The number by which feeds know a table; never used again once it is dropped. None: no such table."""
    cdef Scratch *scratch = tables.enter()
    cdef cc_space *space
    cdef cc_bytes c_name
    cdef uint32_t number = 0
    try:
        c_name = utf8_of(name)
        tables.lock()
        space = cc_space_find(cc_tables_store(tables.tables), c_name)
        if space != NULL:
            number = cc_space_id(space)
        tables.unlock()
        return None if space == NULL else number
    finally:
        tables.leave(scratch)


def feed_state(Tables tables):
    """(sequence of the last change that may be told, last sequence of changes that are gone)."""
    cdef Scratch *scratch = tables.enter()
    cdef cc_store *store = cc_tables_store(tables.tables)
    cdef cc_log_info info
    cdef uint64_t last
    try:
        memset(&info, 0, sizeof(info))
        with nogil:
            cc_store_feed_trim(store)
            cc_store_lock(store)
            last = cc_store_feed_last(store)
            if cc_store_feed_log(store) != NULL:
                cc_log_info_get(cc_store_feed_log(store), &info)
            cc_store_unlock(store)
        return last, info.marked_gone
    finally:
        tables.leave(scratch)


def set_time(Tables tables, uint64_t time_ms):
    """The wall time of writes from now on, milliseconds since 1970; 0: the machine's."""
    cdef Scratch *scratch = tables.enter()
    cc_store_set_time(cc_tables_store(tables.tables), time_ms)
    tables.leave(scratch)


def wake_feeds(Tables tables):
    """Ends the waits of all feeds that there are now."""
    cdef Scratch *scratch = tables.enter()
    cdef cc_store *store = cc_tables_store(tables.tables)
    with nogil:
        cc_store_feed_wake(store)
    tables.leave(scratch)
