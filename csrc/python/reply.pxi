# reply.pxi: the boto3-shaped results and refusals of item operations, their items in the form asked for.

cdef enum:
    FORM_DYNAMODB
    FORM_NATIVE
    FORM_NATIVE_FLOATS
    FORM_VIEW
    FORM_VIEW_FLOATS
    FORM_PAGE


cdef int form_of(str shape, bint floats) except -1:
    if shape == "dynamodb":
        return FORM_DYNAMODB
    if shape == "native":
        return FORM_NATIVE_FLOATS if floats else FORM_NATIVE
    if shape == "view":
        return FORM_VIEW_FLOATS if floats else FORM_VIEW
    if shape == "page":
        return FORM_PAGE
    raise ValueError(f"shape is dynamodb, native, view or page, not {shape!r}")


cdef object formed(cc_bytes item, int form):
    """One item in the form asked for; what is alone in a page's reply, a key say, is native."""
    if form == FORM_DYNAMODB:
        return item_object(item)
    if form == FORM_VIEW or form == FORM_VIEW_FLOATS:
        return view_of(item, form == FORM_VIEW_FLOATS)
    return native_item_object(item, form == FORM_NATIVE_FLOATS)


cdef object units_object(const cc_request *request, cc_bytes table, const cc_consumed *consumed,
                         str kind=None):
    cdef size_t i
    name = PyUnicode_FromStringAndSize(<const char *>table.data, <Py_ssize_t>table.size)
    result = {"TableName": name, "CapacityUnits": cc_consumed_total(consumed)}
    if kind is not None:
        result[kind] = result["CapacityUnits"]
    if request.capacity == CC_CAPACITY_INDEXES:
        result["Table"] = {"CapacityUnits": consumed.table}
        if kind is not None:
            result["Table"][kind] = consumed.table
        for i in range(consumed.index_count):
            if consumed.indexes[i].vector:
                continue
            scope = "GlobalSecondaryIndexes" if consumed.indexes[i].is_global else "LocalSecondaryIndexes"
            index = PyUnicode_FromStringAndSize(<const char *>consumed.indexes[i].name.data,
                                                <Py_ssize_t>consumed.indexes[i].name.size)
            result.setdefault(scope, {})[index] = {"CapacityUnits": consumed.indexes[i].units}
        for i in range(consumed.index_count):
            if consumed.indexes[i].vector:
                index = PyUnicode_FromStringAndSize(<const char *>consumed.indexes[i].name.data,
                                                    <Py_ssize_t>consumed.indexes[i].name.size)
                result.setdefault("VectorIndexes", {})[index] = {
                    "VectorWriteRequestBytes": consumed.indexes[i].units}
    return result


cdef object search_object(const cc_request *request, const cc_reply *reply, int form):
    cdef size_t i
    cdef dict result = {"SearchResults": [{"Item": formed(reply.items[i], form), "Score": reply.scores[i]}
                                          for i in range(reply.item_count)]}
    if request.capacity != CC_CAPACITY_NONE:
        result["ConsumedCapacity"] = {"VectorSearchRequestBytes": reply.search_bytes}
    return result


cdef object items_object(const cc_reply *reply, int form):
    cdef size_t i
    if form == FORM_PAGE:
        return page_of(reply.items, reply.item_count)
    return [formed(reply.items[i], form) for i in range(reply.item_count)]


cdef object batch_object(const cc_request *request, const cc_reply *reply, dict params, int form):
    cdef size_t i
    given = list(params["RequestItems"])
    if request.verb == CC_VERB_BATCH_WRITE:
        result = {"UnprocessedItems": {}}
        for i in range(reply.unprocessed_count):
            item = formed(reply.unprocessed[i].item, form)
            result["UnprocessedItems"].setdefault(given[reply.unprocessed[i].table], []).append(
                {"DeleteRequest": {"Key": item}} if reply.unprocessed[i].is_delete
                else {"PutRequest": {"Item": item}})
    else:
        responses = {name: [] for name in given}
        for i in range(reply.item_count):
            responses[given[reply.item_tables[i]]].append(formed(reply.items[i], form))
        unprocessed = {}
        for i in range(reply.unprocessed_count):
            name = given[reply.unprocessed[i].table]
            rest = unprocessed.get(name)
            if rest is None:
                rest = unprocessed[name] = {**params["RequestItems"][name], "Keys": []}
            rest["Keys"].append(formed(reply.unprocessed[i].item, form))
        result = {"Responses": responses, "UnprocessedKeys": unprocessed}
    if request.capacity != CC_CAPACITY_NONE:
        result["ConsumedCapacity"] = [
            units_object(request, cc_table_name_of(request.tables[i].name), &reply.table_consumed[i])
            for i in range(request.table_count)]
    return result


cdef object transaction_object(const cc_request *request, const cc_reply *reply, int form):
    cdef size_t i
    cdef dict result = {}
    reads = request.verb == CC_VERB_TRANSACT_GET
    if reads:
        result["Responses"] = [
            {"Item": formed(reply.items[i], form)} if reply.items[i].data != NULL else {}
            for i in range(reply.item_count)]
    if request.capacity != CC_CAPACITY_NONE:
        kind = "ReadCapacityUnits" if reads or reply.repeated else "WriteCapacityUnits"
        result["ConsumedCapacity"] = [
            units_object(request, request.tables[i].name, &reply.table_consumed[i], kind)
            for i in range(request.table_count)]
    return result


cdef int add_collections(const cc_request *request, const cc_reply *reply, dict result,
                         int form) except -1:
    """ItemCollectionMetrics: one for a single write, lists by table for batches and transactions."""
    cdef size_t i
    cdef cc_bytes name
    if reply.collection_count == 0:
        return 0
    found = [{"ItemCollectionKey": formed(reply.collections[i].key, form),
              "SizeEstimateRangeGB": [float(reply.collections[i].gigabytes),
                                      float(reply.collections[i].gigabytes + 1)]}
             for i in range(reply.collection_count)]
    if request.table_count == 0:
        result["ItemCollectionMetrics"] = found[0]
        return 0
    lists = result["ItemCollectionMetrics"] = {}
    for i in range(reply.collection_count):
        name = request.tables[reply.collections[i].table].name
        table = PyUnicode_FromStringAndSize(<const char *>name.data, <Py_ssize_t>name.size)
        lists.setdefault(table, []).append(found[i])
    return 0


cdef object reason_object(const cc_reason *reason, int form):
    if reason.code == NULL:
        return {"Code": "None"}
    result = {"Code": (<bytes>reason.code).decode("ascii"),
              "Message": reason.message.data[:reason.message.size].decode("utf-8", "replace")}
    if reason.item.data != NULL:
        result["Item"] = formed(reason.item, form)
    return result


cdef object refusal_of(cc_status status, const cc_error *error, const cc_reply *reply, bint native,
                       bint floats):
    """The exception of a failed operation, with the items and reasons that go with it."""
    cdef cc_buffer message
    cdef size_t i
    cdef int form = FORM_DYNAMODB if not native else FORM_NATIVE_FLOATS if floats else FORM_NATIVE
    if reply.reason_count == 0:
        fields = {"Item": formed(reply.condition_item, form)} if reply.has_condition_item else None
        if status == CC_ERR_LIMIT and reply.throttle_count != 0:
            member = "throttlingReasons" if error.type == b"ThrottlingException" else "ThrottlingReasons"
            fields = {member: [
                {"reason": (<bytes>reply.throttles[i].reason).decode("ascii"),
                 "resource": reply.throttles[i].resource.data[:reply.throttles[i].resource.size].decode()}
                for i in range(reply.throttle_count)]}
        return error_of(status, error, fields)
    message.data, message.size, message.capacity = NULL, 0, 0
    try:
        check(cc_reply_cancelled(reply, &message), error)
        text = message.data[:message.size].decode("ascii")
    finally:
        cc_buffer_free(&message)
    reasons = [reason_object(&reply.reasons[i], form) for i in range(reply.reason_count)]
    return _errors.ApiError("TransactionCanceledException", text, 400, {"CancellationReasons": reasons})


cdef object reply_object(const cc_request *request, const cc_reply *reply, dict params, int form):
    """The result. The garbage collector waits: the hundreds of dicts of a page are no reason to look for
    cycles among them, and are mostly gone again before the next ones come."""
    cdef int collects = PyGC_Disable() if reply.item_count > 1 else 0
    try:
        return verb_object(request, reply, params, form)
    finally:
        if collects:
            PyGC_Enable()


cdef object verb_object(const cc_request *request, const cc_reply *reply, dict params, int form):
    cdef cc_verb verb = request.verb
    cdef dict result
    if verb == CC_VERB_BATCH_WRITE or verb == CC_VERB_BATCH_GET:
        result = batch_object(request, reply, params, form)
    elif verb == CC_VERB_TRANSACT_WRITE or verb == CC_VERB_TRANSACT_GET:
        result = transaction_object(request, reply, form)
    elif verb == CC_VERB_SEARCH:
        return search_object(request, reply, form)
    elif verb == CC_VERB_STATEMENT:
        return statement_object(request, reply, form)
    elif verb == CC_VERB_STATEMENT_BATCH or verb == CC_VERB_STATEMENT_TRANSACTION:
        return statements_object(request, reply, form)
    else:
        result = single_object(request, reply, form)
    add_collections(request, reply, result, form)
    return result


cdef dict single_object(const cc_request *request, const cc_reply *reply, int form):
    cdef cc_verb verb = request.verb
    cdef dict result = {}
    if verb == CC_VERB_QUERY or verb == CC_VERB_SCAN:
        if request.select != CC_SELECT_COUNT:
            result["Items"] = items_object(reply, form)
        result["Count"] = reply.count
        result["ScannedCount"] = reply.scanned_count
        if reply.last_key.data != NULL:
            result["LastEvaluatedKey"] = formed(reply.last_key, form)
    elif reply.has_item:
        result["Item" if verb == CC_VERB_GET else "Attributes"] = formed(reply.items[0], form)
    if request.capacity != CC_CAPACITY_NONE:
        result["ConsumedCapacity"] = units_object(request, reply.table, &reply.consumed)
    return result


cdef object counted(object error, cc_verb verb):
    """A refusal of the request itself, as PutItem and UpdateItem word it: see cc_refusal_is_counted."""
    if error.code != "ValidationException" or not cc_refusal_is_counted(verb, utf8_of(error.message)):
        return error
    message = "1 validation error detected: " + error.message
    return _errors.ApiError(error.code, message, error.status, error.fields)
