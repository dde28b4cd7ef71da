# statement.pxi: replies to PartiQL statements, their items in the form asked for.

cdef object listed(str name, object items):
    if not isinstance(items, (list, tuple)):
        raise _refuse(f"Parameter validation failed: {name} must be a list")
    return items


cdef object result_object(const cc_statement_result *result, int form):
    """What became of one statement of a batch."""
    cdef dict made = {}
    if result.code != NULL:
        made["Error"] = {"Code": (<bytes>result.code).decode("ascii"),
                         "Message": result.message.data[:result.message.size].decode("utf-8", "replace")}
        if result.failed.data != NULL:
            made["Error"]["Item"] = formed(result.failed, form)
    if result.table.data != NULL:
        made["TableName"] = PyUnicode_FromStringAndSize(<const char *>result.table.data,
                                                        <Py_ssize_t>result.table.size)
    if result.item.data != NULL:
        made["Item"] = formed(result.item, form)
    return made


cdef object statement_object(const cc_request *request, const cc_reply *reply, int form):
    """The reply to ExecuteStatement."""
    cdef dict made = {"Items": items_object(reply, form)}
    if reply.next_token.data != NULL:
        made["NextToken"] = PyUnicode_FromStringAndSize(<const char *>reply.next_token.data,
                                                        <Py_ssize_t>reply.next_token.size)
    if reply.last_key.data != NULL:
        made["LastEvaluatedKey"] = formed(reply.last_key, form)
    if request.capacity != CC_CAPACITY_NONE:
        made["ConsumedCapacity"] = units_object(request, reply.table, &reply.consumed)
    return made


cdef object statements_object(const cc_request *request, const cc_reply *reply, int form):
    """The reply to a batch or a transaction of statements."""
    cdef size_t i
    cdef dict made = {}
    kind = None
    if request.verb == CC_VERB_STATEMENT_BATCH:
        made["Responses"] = [result_object(&reply.results[i], form) for i in range(reply.result_count)]
    else:
        made["Responses"] = [
            {"Item": formed(reply.items[i], form)} if i < reply.item_count and reply.items[i].data != NULL
            else {} for i in range(request.action_count)]
        reads = reply.items != NULL or reply.repeated
        kind = "ReadCapacityUnits" if reads else "WriteCapacityUnits"
    if request.capacity != CC_CAPACITY_NONE:
        made["ConsumedCapacity"] = [
            units_object(request, reply.tables[i], &reply.table_consumed[i], kind)
            for i in range(reply.table_count)]
    return made


def statement_target(str text):
    """What a PartiQL statement does to what: ("SELECT", "INSERT", "UPDATE", "DELETE" or "EXISTS", table,
    index or None). Raises ApiError for a text that is no statement."""
    cdef cc_statement *statement = NULL
    cdef cc_error error
    error.message[0] = error.type[0] = 0
    check(cc_statement_compile(utf8_of(text), &statement, &error), &error)
    try:
        kind = ("SELECT", "INSERT", "UPDATE", "DELETE", "EXISTS")[<int>statement.kind]
        index = statement.index.data[:statement.index.size].decode() if statement.index.data != NULL else None
        return kind, statement.table.data[:statement.table.size].decode(), index
    finally:
        cc_statement_release(statement)
