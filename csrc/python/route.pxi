# route.pxi: tables that hold a part of the partition hashes; included at the end of _table.pyx.

_ROUTES = {CC_ROUTE_NOWHERE: "nowhere", CC_ROUTE_KEYS: "keys", CC_ROUTE_WALK: "walk", CC_ROUTE_INDEX: "index"}


def route(Tables tables not None, str operation not None, bytes body not None):
    """(kind, hashes, start) of an item operation in JSON: what partitions it asks for.

    "keys": those of `hashes`, one for each key in the request's order; "walk": all, from the hash `start` on
    if that is no None; "index": all, in another order; "nowhere": none, it is going to be refused.
    """
    cdef Scratch *scratch = tables.enter()
    cdef cc_verb verb
    cdef cc_status status
    cdef cc_route found
    cdef size_t i
    cdef cc_bytes c_body = cc_bytes_of(PyBytes_AS_STRING(body), <size_t>PyBytes_GET_SIZE(body))
    try:
        verb = cc_verb_from_name(utf8_of(operation))
        if verb == CC_VERB_NONE:
            raise _errors.ApiError("UnknownOperationException", "")
        with nogil:
            status = cc_table_route(tables.tables, verb, c_body, &scratch.arena, &found, &scratch.error)
        check(status, &scratch.error)
        hashes = [found.hashes[i] for i in range(found.count)]
        return _ROUTES[found.kind], hashes, found.start if found.has_start else None
    finally:
        tables.leave(scratch)


def place(Tables tables not None, str name not None, dict item not None, str index=None):
    """(hash, partition, sort) of an item in {"S": "text"} form: tuples compare as a table, or one of its
    indexes, is ordered. The item needs the key attributes alone. Raises ApiError."""
    cdef Scratch *scratch = tables.enter()
    cdef cc_status status
    cdef cc_place found
    cdef cc_bytes c_name, c_index, c_item
    c_index.data, c_index.size = NULL, 0
    try:
        c_name = utf8_of(name)
        if index is not None:
            c_index = utf8_of(index)
        scratch.native = scratch.floats = False
        c_item = encode(item, scratch)
        with nogil:
            status = cc_table_place(tables.tables, c_name, c_index, c_item, &scratch.arena, &found,
                                    &scratch.error)
        check(status, &scratch.error)
        return found.hash, bytes_object(found.key.partition), bytes_object(found.key.sort)
    finally:
        tables.leave(scratch)


cdef bytes bytes_object(cc_bytes data):
    return b"" if data.size == 0 else PyBytes_FromStringAndSize(<char *>data.data, <Py_ssize_t>data.size)


def set_bounds(Tables tables not None, uint64_t first, uint64_t last):
    """From now on walks and load() pass over items of partitions outside these hashes."""
    cdef Scratch *scratch = tables.enter()
    try:
        with nogil:
            cc_tables_set_bounds(tables.tables, first, last)
    finally:
        tables.leave(scratch)


def prune(Tables tables not None, str name not None, uint64_t first, uint64_t last):
    """Deletes the items of a table outside [first, last], beside readers and writers; how many."""
    cdef Scratch *scratch = tables.enter()
    cdef cc_status status = CC_OK
    cdef size_t count = 1
    cdef uint64_t total = 0
    cdef cc_bytes c_name
    try:
        c_name = utf8_of(name)
        with nogil:
            while status == CC_OK and count != 0 and not tables.closing:
                status = cc_table_prune(tables.tables, c_name, first, last, &scratch.arena, &count,
                                        &scratch.error)
                total += count
        check(status, &scratch.error)
        return total
    finally:
        tables.leave(scratch)
