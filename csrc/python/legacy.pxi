# legacy.pxi: the parameters before expressions, from boto3's dicts.

cdef int legacy_value(Scratch *scratch, object given, cc_value *value_out) except -1:
    """One attribute value, encoded in the call's arena."""
    cdef cc_bytes item
    cc_buffer_clear(&scratch.buffer)
    encode_item({"v": given}, &scratch.buffer, &scratch.arena, &scratch.error)
    item = cc_arena_copy(&scratch.arena, cc_buffer_bytes(&scratch.buffer))
    if item.data == NULL:
        raise MemoryError()
    cc_item_find(item, utf8_of("v"), value_out)
    return 0


cdef int legacy_entry(Scratch *scratch, cc_request_builder *builder, cc_legacy_entry *entry,
                      object content) except -1:
    cdef cc_value value
    if not isinstance(content, dict):
        raise _refuse("Parameter validation failed: a condition or update must be a dict")
    op = content.get("ComparisonOperator", content.get("Action"))
    if op is not None:
        entry.op = utf8_of(op)
    if content.get("Exists") is not None:
        if not isinstance(content["Exists"], bool):
            raise _refuse("Parameter validation failed: Exists must be a bool")
        entry.has_exists = True
        entry.exists = content["Exists"]
    if content.get("Value") is not None:
        entry.has_value = True
        legacy_value(scratch, content["Value"], &entry.value)
    listed = content.get("AttributeValueList")
    if listed is None:
        return 0
    if not isinstance(listed, (list, tuple)):
        raise _refuse("Parameter validation failed: AttributeValueList must be a list")
    entry.has_list = True
    for one in listed:
        legacy_value(scratch, one, &value)
        check(cc_legacy_add_value(builder, entry, value, &scratch.error), &scratch.error)
    return 0


cdef int legacy_map(Scratch *scratch, cc_request_builder *builder, const cc_member *member, str name,
                    object content) except -1:
    """Expected, AttributeUpdates, KeyConditions, QueryFilter or ScanFilter."""
    cdef cc_legacy_entry *entry = NULL
    if not isinstance(content, dict):
        raise _refuse(f"Parameter validation failed: {name} must be a dict")
    builder.seen[<int>member.id] = True
    for attribute, one in content.items():
        check(cc_legacy_add(builder, cc_legacy_map_of(member.id), utf8_of(attribute), &entry, &scratch.error),
              &scratch.error)
        legacy_entry(scratch, builder, entry, one)
    return 0


cdef int attributes_to_get(Scratch *scratch, cc_batch_table *table, object names) except -1:
    """AttributesToGet of the request, or of one table of a batch."""
    if not isinstance(names, (list, tuple)):
        raise _refuse("Parameter validation failed: AttributesToGet must be a list")
    for name in names:
        check(cc_request_add_attribute(&scratch.builder, table, utf8_of(name), &scratch.error),
              &scratch.error)
    return 0
