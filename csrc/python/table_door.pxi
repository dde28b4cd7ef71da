# table_door.pxi: TableDoor, the point operations of one table on native values, without a request between.

def key_of(str table, tuple keys, tuple key):
    """The key of a table as a dict, from its values in order or one mapping with the attributes `keys`."""
    if len(key) == 1 and isinstance(key[0], Mapping):
        missing = [name for name in keys if name not in key[0]]
        if missing:
            raise TypeError(f"table {table!r} has the key ({', '.join(keys)}): "
                            f"{', '.join(missing)} is missing")
        return {name: key[0][name] for name in keys}
    if len(key) != len(keys):
        raise TypeError(f"table {table!r} has the key ({', '.join(keys)}): "
                        f"{len(keys)} value{'s' if len(keys) > 1 else ''}, not {len(key)}")
    return dict(zip(keys, key))


cdef class TableDoor:
    """The verbs of one item that need no request: what Table (dynamodb/table.py) stands on.

    A call with options goes to the method of Table that builds its request.
    """
    cdef readonly Tables tables
    cdef readonly str name
    cdef readonly tuple keys  # the names of the partition and sort key attributes
    cdef readonly bint floats

    def __init__(self, Tables tables, str name, tuple keys, bint floats=False):
        self.tables, self.name, self.keys, self.floats = tables, name, keys, floats

    def key_of(self, tuple key):
        """The key as a dict, from its values in order or one mapping with the key's attributes."""
        return key_of(self.name, self.keys, key)

    cdef bint find(self, tuple key, Scratch *scratch, cc_bytes *item_out) except -1:
        cdef KeyParts parts
        scratch.native, scratch.floats = True, self.floats
        cdef int found = FIND_UNUSUAL
        if native_parts(key, &scratch.arena, &parts):
            found = self.tables.find(self.name, key, scratch, item_out, NULL, &parts)
        if found == FIND_UNUSUAL:
            found = self.tables.find(self.name, self.key_of(key), scratch, item_out)
        return found == FIND_PRESENT

    def get(self, *key, projection=None, names=None, bint consistent=False):
        """The item of a key (its values in order, or one mapping) as a dict, or None.

        projection: the attributes wanted: a list of names and `attr` paths, or a projection expression
        whose `names` are its aliases.
        """
        cdef Scratch *scratch
        cdef cc_bytes item
        if consistent or projection is not None or names is not None:
            return self._get_with(key, projection, names, consistent)
        scratch = self.tables.enter()
        try:
            return native_item_object(item, self.floats) if self.find(key, scratch, &item) else None
        except _errors.ApiError as error:
            error.operation_name = "GetItem"
            raise
        finally:
            self.tables.leave(scratch)

    def view(self, *key):
        """The item of a key as an Item, which decodes an attribute when it is asked for; or None."""
        cdef Scratch *scratch = self.tables.enter()
        cdef cc_bytes item
        try:
            return view_of(item, self.floats) if self.find(key, scratch, &item) else None
        except _errors.ApiError as error:
            error.operation_name = "GetItem"
            raise
        finally:
            self.tables.leave(scratch)

    def put(self, item, *, condition=None, names=None, values=None, bint old=False):
        """Store an item (a mapping), replacing one with its key.

        condition: an `attr` condition, or an expression whose `names` and `values` are given beside it:
        ConditionalCheckFailedException when it does not hold. old: the item that was replaced, or None.
        """
        cdef Scratch *scratch
        if condition is not None or old or names is not None or values is not None:
            return self._put_with(item, condition, names, values, old)
        scratch = self.tables.enter()
        scratch.native, scratch.floats = True, self.floats
        try:
            self.tables.put(self.name, item, scratch)
        except _errors.ApiError as error:
            error.operation_name = "PutItem"
            raise
        finally:
            self.tables.leave(scratch)
