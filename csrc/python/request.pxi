# request.pxi: boto3-shaped params as the members of a request; what is no such shape is refused.

cdef int encode_buffered(object attributes, Scratch *scratch) except -1:
    """An encoded item in the call's buffer."""
    cc_buffer_clear(&scratch.buffer)
    if scratch.native:
        return encode_native(attributes, scratch.floats, &scratch.buffer, &scratch.arena, &scratch.error)
    return encode_item(attributes, &scratch.buffer, &scratch.arena, &scratch.error)


cdef cc_bytes encode(object attributes, Scratch *scratch) except *:
    """An encoded item in the call's arena."""
    cdef cc_bytes copy
    encode_buffered(attributes, scratch)
    copy = cc_arena_copy(&scratch.arena, cc_buffer_bytes(&scratch.buffer))
    if copy.data == NULL:
        raise MemoryError()
    return copy


cdef const cc_name_pair *name_pairs(object names, Scratch *scratch) except? NULL:
    cdef cc_name_pair *pairs
    cdef size_t i = 0
    if not isinstance(names, dict):
        raise _refuse("Parameter validation failed: ExpressionAttributeNames must be a dict")
    pairs = <cc_name_pair *>cc_arena_alloc(&scratch.arena, (<size_t>len(names) + 1) * sizeof(cc_name_pair))
    if pairs == NULL:
        raise MemoryError()
    for name, value in names.items():
        pairs[i].name = utf8_of(name)
        pairs[i].value = utf8_of(value)
        i += 1
    return pairs


cdef int request_member(Scratch *scratch, cc_request_builder *builder, const cc_member *member,
                        object name, object value) except -1:
    if member == NULL:
        return 0
    if member.kind == CC_MEMBER_TEXT:
        cc_request_set_text(builder, member.id, utf8_of(value))
    elif member.kind == CC_MEMBER_BOOL:
        if not isinstance(value, bool):
            raise _refuse(f"Parameter validation failed: {name} must be a bool")
        cc_request_set_bool(builder, member.id, value)
    elif member.kind == CC_MEMBER_INT:
        if not isinstance(value, int) or isinstance(value, bool):
            raise _refuse(f"Parameter validation failed: {name} must be an int")
        cc_request_set_int(builder, member.id, max(-(1 << 60), min(value, 1 << 60)))
    elif member.kind == CC_MEMBER_ITEM:
        cc_request_set_item(builder, member.id, encode_member(name, value, scratch))
    elif member.kind == CC_MEMBER_NAMES:
        cc_request_set_names(builder, name_pairs(value, scratch), <size_t>len(value))
    elif member.kind == CC_MEMBER_TABLES:
        builder.seen[<int>CC_M_REQUEST_ITEMS] = True
        request_batch(scratch, builder.request.verb, value)
    elif member.kind == CC_MEMBER_ACTIONS:
        builder.seen[<int>CC_M_TRANSACT_ITEMS] = True
        request_actions(scratch, value)
    elif member.kind == CC_MEMBER_LEGACY:
        legacy_map(scratch, builder, member, name, value)
    elif member.kind == CC_MEMBER_VALUES:
        request_parameters(scratch, builder, value)
    elif member.kind == CC_MEMBER_STATEMENTS:
        builder.seen[<int>CC_M_STATEMENTS] = True
        request_statements(scratch, name, value)
    elif member.kind == CC_MEMBER_VECTOR:
        request_search_vector(scratch, builder, value)
    elif member.kind == CC_MEMBER_LIST:
        builder.seen[<int>member.id] = True
        attributes_to_get(scratch, NULL, value)
    return 0


cdef int request_actions(Scratch *scratch, object items) except -1:
    """TransactItems: each action becomes a request of its own."""
    cdef cc_request_builder *action = NULL
    cdef cc_verb verb
    cdef size_t count
    for item in listed("TransactItems", items):
        if not isinstance(item, dict):
            raise _refuse("Parameter validation failed: an element of TransactItems must be a dict")
        count = 0
        for kind, members in item.items():
            verb = cc_action_verb(scratch.builder.request.verb, utf8_of(kind))
            if verb == CC_VERB_NONE or members is None:
                continue
            if not isinstance(members, dict):
                raise _refuse(f"Parameter validation failed: {kind} must be a dict")
            count += 1
            check(cc_request_add_action(&scratch.builder, verb, &action, &scratch.error), &scratch.error)
            for name, value in members.items():
                if value is not None:
                    request_member(scratch, action, cc_action_member_find(verb, utf8_of(name)), name, value)
        cc_request_end_action(&scratch.builder, count)
    return 0


cdef int request_parameters(Scratch *scratch, cc_request_builder *builder, object values) except -1:
    """Parameters of a statement, each encoded as an item of it alone, whose name an error bears."""
    cdef cc_value value
    builder.seen[<int>CC_M_PARAMETERS] = True
    for i, given in enumerate(listed("Parameters", values)):
        name = f"Parameters[{i}]"
        cc_item_find(encode({name: given}, scratch), utf8_of(name), &value)
        check(cc_request_add_parameter(builder, value, &scratch.error), &scratch.error)
    return 0


cdef int request_search_vector(Scratch *scratch, cc_request_builder *builder, object values) except -1:
    """SearchVector, encoded as one list."""
    values = listed("SearchVector", values)
    one = list(values) if scratch.native else {"L": values}
    cc_request_set_vector(builder, encode({"SearchVector": one}, scratch), utf8_of("SearchVector"))
    return 0


cdef int request_statements(Scratch *scratch, str name, object items) except -1:
    """Statements or TransactStatements: each becomes a request of its own."""
    cdef cc_request_builder *statement = NULL
    cdef cc_verb verb = scratch.builder.request.verb
    for item in listed(name, items):
        if not isinstance(item, dict):
            raise _refuse(f"Parameter validation failed: an element of {name} must be a dict")
        check(cc_request_add_statement(&scratch.builder, &statement, &scratch.error), &scratch.error)
        for key, value in item.items():
            if value is not None:
                request_member(scratch, statement, cc_statement_member_find(verb, utf8_of(key)), key, value)
    return 0


cdef cc_bytes encode_member(str name, object value, Scratch *scratch) except *:
    """As encode; a refusal says which value, or that the starting key, is at fault."""
    try:
        return encode(value, scratch)
    except _errors.ApiError as error:
        if error.code != "ValidationException" or not isinstance(value, dict):
            raise
        if name == "ExclusiveStartKey":
            raise _refuse(f"The provided starting key is invalid: {error.message}") from None
        if name != "ExpressionAttributeValues" or "Null attribute value" in error.message:
            raise
    for key, one in value.items():
        try:
            encode({key: one}, scratch)
        except _errors.ApiError as error:
            raise _refuse("ExpressionAttributeValues contains invalid value: "
                          f"{error.message} for key {key}") from None
    raise _refuse("ExpressionAttributeValues contains an invalid value")


cdef int request_batch(Scratch *scratch, cc_verb verb, object request_items) except -1:
    cdef cc_batch_table *table = NULL
    if not isinstance(request_items, dict):
        raise _refuse("Parameter validation failed: RequestItems must be a dict")
    for name, content in request_items.items():
        check(cc_request_add_table(&scratch.builder, utf8_of(name), &table, &scratch.error),
              &scratch.error)
        if verb == CC_VERB_BATCH_GET:
            request_batch_keys(scratch, table, content)
        else:
            if not isinstance(content, (list, tuple)):
                raise _refuse("Parameter validation failed: RequestItems must hold lists")
            for entry in content:
                request_batch_entry(scratch, entry)
    return 0


cdef int request_batch_entry(Scratch *scratch, object entry) except -1:
    if not isinstance(entry, dict):
        raise _refuse("Parameter validation failed: a write request must be a dict")
    put, delete = entry.get("PutRequest"), entry.get("DeleteRequest")
    if (put is None) == (delete is None):
        raise _refuse("Supplied AttributeValue has more than one datatypes set, must contain exactly "
                      "one of the supported datatypes")
    request, member = (put, "Item") if put is not None else (delete, "Key")
    if not isinstance(request, dict) or request.get(member) is None:
        raise _refuse("1 validation error detected: Value null at 'requestItems.member."
                      f"{'putRequest.item' if put is not None else 'deleteRequest.key'}' failed to "
                      "satisfy constraint: Member must not be null")
    item = request[member]
    check(cc_request_add_entry(&scratch.builder, put is None, encode(item, scratch),
                               &scratch.error), &scratch.error)
    return 0


cdef int request_batch_keys(Scratch *scratch, cc_batch_table *table, object content) except -1:
    if not isinstance(content, dict) or not isinstance(content.get("Keys"), (list, tuple)):
        raise _refuse("1 validation error detected: Value null at 'requestItems.member.keys' failed to "
                      "satisfy constraint: Member must not be null")
    if content.get("ConsistentRead"):
        table.consistent = True
    if content.get("ProjectionExpression") is not None:
        table.projection = utf8_of(content["ProjectionExpression"])
    names = content.get("ExpressionAttributeNames")
    if names is not None:
        table.names = name_pairs(names, scratch)
        table.name_count = <size_t>len(names)
        table.has_names = True
    if content.get("AttributesToGet") is not None:
        attributes_to_get(scratch, table, content["AttributesToGet"])
        scratch.builder.table_mixed |= content.get("ProjectionExpression") is not None
    for key in content["Keys"]:
        check(cc_request_add_entry(&scratch.builder, False, encode(key, scratch),
                                   &scratch.error), &scratch.error)
    return 0
