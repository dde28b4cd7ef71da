# meter.pxi: what the requests of a table took.

def metered(Tables tables, str name):
    """(read request units, write request units) of a table since it was opened, or None."""
    cdef Scratch *scratch = tables.enter()
    cdef cc_space *space
    cdef cc_table_taken taken
    try:
        c_name = utf8_of(name)
        tables.lock()
        space = cc_space_find(cc_tables_store(tables.tables), c_name)
        if space != NULL:
            taken = cc_table_taken_of(space)
        tables.unlock()
        return None if space == NULL else (taken.read_units, taken.write_units)
    finally:
        tables.leave(scratch)
