# recall.pxi: dicts of items read again and again, given out anew when nobody holds the last one.
#
# Building a dict of eight attributes costs nine dicts and eight strings, several times what finding
# the item costs. A place remembers what it gave for one encoded item. When the same bytes are read
# again and the caller has dropped the last dict unchanged, that very dict goes out again: its
# reference count says that nobody can see it, and the dicts' versions, or a comparison object by object
# with what was put in, that nobody changed it. When it was changed, a new one of the same strings takes
# its place; when it is still held, every eighth new one does: whoever keeps all of them pays for nothing
# but dicts, and whoever drops them again soon gets one back.
#
# A place is keyed by where the store keeps the item and checked against the item's bytes, so a write
# needs no notice. Items enter at their second read in a row at a place: a walk over many leaves the
# places alone. Only items of strings, numbers, binaries, booleans and nulls are remembered; strings
# are immutable. Thread rule: the GIL; a build without it remembers nothing.
from cpython.list cimport PyList_GET_ITEM, PyList_GET_SIZE

cdef extern from *:
    """
    /* Up to CPython 3.11 a dict's version changes with every change to it and is never used again. */
    #if PY_VERSION_HEX < 0x030C0000
    #define CC_DICT_VERSIONS 1
    #define CC_DICT_VERSION(d) (((PyDictObject *)(d))->ma_version_tag)
    #else
    #define CC_DICT_VERSIONS 0
    #define CC_DICT_VERSION(d) 0
    #endif
    """
    enum: CC_DICT_VERSIONS
    uint64_t dict_version "CC_DICT_VERSION"(PyObject *d)

cdef enum:
    RECALL_PLACES = 1024
    RECALL_BYTES = 1024      # larger items are not remembered
    RECALL_ATTRIBUTES = 16
    RECALL_RENEWED = 8       # while a dict is held, every so many new ones take its place here

ctypedef struct RecallPlace:
    const uint8_t *seen      # the item read last at this place
    const uint8_t *address   # the item remembered
    size_t size
    const char *encoded      # its bytes, inside `memory`
    PyObject *memory         # the Recalled; the list beside the places owns it


cdef class Recalled:
    """One item's bytes, the dict last given for it, and that dict's objects in its order."""
    cdef bytes encoded
    cdef dict item
    cdef list parts  # name, type name, {type name: value}, value; then the next attribute
    cdef uint32_t held  # times in a row that the dict could not be given
    cdef uint64_t[RECALL_ATTRIBUTES + 1] versions  # of the dict, then of each dict in it

    cdef bint untouched(self):
        """Only this object holds the dict and what is in it, and it is as it was made."""
        if CC_DICT_VERSIONS:
            return self.same_versions()
        return self.same_content()

    cdef inline void note_versions(self):
        cdef Py_ssize_t at, count = PyList_GET_SIZE(self.parts) // 4
        self.versions[0] = dict_version(<PyObject *>self.item)
        for at in range(count):
            self.versions[at + 1] = dict_version(<PyObject *>PyList_GET_ITEM(self.parts, 4 * at + 2))

    cdef inline bint same_versions(self):
        cdef Py_ssize_t at, count = PyList_GET_SIZE(self.parts) // 4
        cdef PyObject *one
        if refcount_of(<PyObject *>self.item) != 1 or dict_version(<PyObject *>self.item) != self.versions[0]:
            return False
        for at in range(count):
            one = <PyObject *>PyList_GET_ITEM(self.parts, 4 * at + 2)
            if refcount_of(one) != 2 or dict_version(one) != self.versions[at + 1]:
                return False
        return True

    cdef bint same_content(self):
        cdef Py_ssize_t position = 0, inner = 0, at = 0, count = PyList_GET_SIZE(self.parts)
        cdef PyObject *name = NULL
        cdef PyObject *one = NULL
        cdef PyObject *kind = NULL
        cdef PyObject *value = NULL
        if refcount_of(<PyObject *>self.item) != 1 or 4 * dict_size(<PyObject *>self.item) != count:
            return False
        while dict_next(<PyObject *>self.item, &position, &name, &one):
            if (name != <PyObject *>PyList_GET_ITEM(self.parts, at)
                    or one != <PyObject *>PyList_GET_ITEM(self.parts, at + 2)
                    or refcount_of(one) != 2 or dict_size(one) != 1):
                return False
            inner = 0
            dict_next(one, &inner, &kind, &value)
            if (kind != <PyObject *>PyList_GET_ITEM(self.parts, at + 1)
                    or value != <PyObject *>PyList_GET_ITEM(self.parts, at + 3)):
                return False
            at += 4
        return True

    cdef dict again(self):
        """The item's dict: the last one when nobody holds it, else a new one of the same strings."""
        cdef Py_ssize_t at
        cdef dict one, made, last
        cdef list parts, before
        cdef bint renews
        if self.untouched():
            self.held = 0
            return self.item
        # Making a dict may collect garbage, and so run code that reads this very item, here or on another
        # thread: until all is made, and while what it replaces is let go, this object stays whole.
        self.held += 1
        renews = refcount_of(<PyObject *>self.item) == 1 or self.held % RECALL_RENEWED == 0
        parts = self.parts[:] if renews else self.parts
        made = __Pyx_PyDict_NewPresized(presized(PyList_GET_SIZE(parts) // 4))
        for at in range(0, PyList_GET_SIZE(parts), 4):
            one = {}
            PyDict_SetItem(one, <object>PyList_GET_ITEM(parts, at + 1),
                           <object>PyList_GET_ITEM(parts, at + 3))
            PyDict_SetItem(made, <object>PyList_GET_ITEM(parts, at), one)
            if renews:
                parts[at + 2] = one
        if renews:
            last, before = self.item, self.parts
            self.item, self.parts = made, parts
            self.note_versions()
        return made


cdef Recalled recalled_of(cc_bytes item, dict made):
    """What to remember of a dict just made of `item`; None when it holds anything mutable."""
    cdef Recalled memory
    cdef cc_bytes name
    cdef cc_value value
    cdef uint32_t i
    cdef list parts = []
    for i in range(cc_item_count(item)):
        cc_item_at(item, i, &name, &value)
        if value.type > CC_TYPE_NULL:
            return None
    for key, one in made.items():
        for kind, content in (<dict>one).items():
            parts += (key, kind, one, content)
    memory = Recalled.__new__(Recalled)
    memory.encoded = PyBytes_FromStringAndSize(<char *>item.data, <Py_ssize_t>item.size)
    memory.item = made
    memory.parts = parts
    memory.note_versions()
    return memory


cdef inline size_t recall_place(const uint8_t *address) noexcept:
    # Cells stand at multiples of 16; a multiplicative hash spreads them.
    return <size_t>(((<uint64_t><size_t>address >> 3) * <uint64_t>0x9E3779B97F4A7C15) >> 54)


cdef inline bint recall_fits(const RecallPlace *place, cc_bytes item) noexcept:
    return (place.address == item.data and place.size == item.size
            and memcmp(place.encoded, item.data, item.size) == 0)


cdef int recall_keep(RecallPlace *place, list owner, size_t at, const uint8_t *address, cc_bytes item,
                     dict made) except -1:
    """Remembers `made` when the item at `address` was the last one seen here too."""
    cdef Recalled memory
    if place.seen != address:
        place.seen = address
        return 0
    if item.size > RECALL_BYTES or cc_item_count(item) > RECALL_ATTRIBUTES:
        return 0
    memory = recalled_of(item, made)
    if memory is None:
        return 0
    place.address = address
    place.size = item.size
    place.encoded = PyBytes_AS_STRING(memory.encoded)
    place.memory = <PyObject *>memory
    owner[at] = memory  # last: letting go of the one before may run code that reads items
    return 0
