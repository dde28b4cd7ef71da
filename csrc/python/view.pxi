# view.pxi: Item, a lazy mapping over the bytes of one encoded item.
from collections.abc import ItemsView, KeysView, Mapping, ValuesView


def _item_of(bytes encoded, bint floats):
    """An Item of encoded bytes from anywhere: they are checked. What pickle calls."""
    cdef cc_error error
    error.message[0] = error.type[0] = 0
    check(cc_item_check(cc_bytes_of(PyBytes_AS_STRING(encoded), <size_t>PyBytes_GET_SIZE(encoded)), &error),
          &error)
    return item_view(encoded, floats)


cdef Item item_view(bytes encoded, bint floats):
    cdef Item view = Item.__new__(Item)
    view.encoded = encoded
    view.floats = floats
    return view


cdef Item view_of(cc_bytes item, bint floats):
    return item_view(PyBytes_FromStringAndSize(<char *>item.data, <Py_ssize_t>item.size), floats)


cdef bytes taken(cc_buffer *out, cc_status status):
    """The bytes of a buffer that was filled, and its end."""
    cdef cc_error error
    error.message[0] = error.type[0] = 0
    try:
        check(status, &error)
        return PyBytes_FromStringAndSize(<char *>out.data, <Py_ssize_t>out.size)
    finally:
        cc_buffer_free(out)


@cython.final
cdef class Item:
    """A lazy mapping over one item: an attribute is decoded when it is asked for.

    Values are native (str, int, Decimal, bytes, bool, None, list, dict, set); names come in stored order,
    which is not the order of writing. It holds the item's own bytes and nothing of the store, compares
    equal to any mapping of the same values, and can be pickled, stored again and nested in other items.
    """
    cdef bytes encoded
    cdef bint floats

    cdef cc_bytes content(self):
        return cc_bytes_of(PyBytes_AS_STRING(self.encoded), <size_t>PyBytes_GET_SIZE(self.encoded))

    cdef bint find(self, object name, cc_value *value_out) except -1:
        if not isinstance(name, str):
            return False
        return cc_item_find(self.content(), utf8_of(name), value_out)

    def __getitem__(self, name):
        cdef cc_value value
        if self.find(name, &value):
            return native_object(value, self.floats)
        raise KeyError(name)

    def __contains__(self, name):
        cdef cc_value value
        return self.find(name, &value)

    def get(self, name, default=None):
        """The attribute `name`, or `default`."""
        cdef cc_value value
        return native_object(value, self.floats) if self.find(name, &value) else default

    def __len__(self):
        return cc_item_count(self.content())

    def __iter__(self):
        cdef uint32_t i, hash_
        cdef cc_bytes name, item = self.content()
        cdef cc_value value
        names = []
        for i in range(cc_item_count(item)):
            cc_item_at(item, i, &name, &value)
            memcpy(&hash_, item.data + 8 + 8 * <size_t>i, 4)
            names.append(name_object(hash_, name))
        return iter(names)

    def keys(self):
        """The attributes' names."""
        return KeysView(self)

    def values(self):
        """The attributes' values."""
        return ValuesView(self)

    def items(self):
        """(name, value) of every attribute."""
        return ItemsView(self)

    def __eq__(self, other):
        if isinstance(other, Item):
            return self.encoded == (<Item>other).encoded
        if isinstance(other, Mapping):
            return self.to_dict() == other
        return NotImplemented

    __hash__ = None

    def __reduce__(self):
        return _item_of, (self.encoded, self.floats)

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self

    def to_dict(self):
        """The whole item as a new dict of native values."""
        return native_item_object(self.content(), self.floats)

    def to_dynamodb(self):
        """The whole item as boto3's client has it: {"name": {"S": "text"}}."""
        return item_object(self.content())

    def to_json(self, *, bint dynamodb=False):
        """The whole item as JSON, bytes: plain ({"name": "text"}; binary as base64, sets as arrays), or with
        `dynamodb` typed ({"name": {"S": "text"}})."""
        cdef cc_buffer out
        out.data, out.size, out.capacity = NULL, 0, 0
        if dynamodb:
            return taken(&out, cc_item_to_json(self.content(), &out))
        return taken(&out, cc_item_to_plain_json(self.content(), &out))

    def _repr_html_(self):
        from html import escape

        shown = {name: value if isinstance(value, str) else repr(value) for name, value in self.items()}
        rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>"
                       for name, value in sorted(shown.items()))
        return f"<table>{rows}</table>"

    def __repr__(self):
        return f"Item({self.to_dict()!r})"


Mapping.register(Item)
