/* statement_select.c: SELECT: the ranges of a plan, or a scan, as one page; and a point read by the key. */
#include <stdio.h>

#include "table/statement.h"
#include "table/throttle.h"
#include "table/vectors.h"

/* ---- the source ---- */

static bool many_keys(const cc_table_index *index) {
    return index->keys.hash_count > 1 || index->keys.range_count > 1;
}

cc_status cc_statement_open_source(cc_call *call, const cc_statement *statement) {
    const cc_table_schema *schema = (const cc_table_schema *)call->schema;
    call->source = call->space;
    if (statement->index.data == NULL)
        return cc_call_admit_read(call);
    call->index = cc_table_index_find(schema, statement->index);
    if (call->index == NULL && cc_vector_index_find(schema, statement->index) != NULL)
        return CC_INVALID(call->error, "Scan operation not supported on this index type.");
    if (call->index == NULL)
        return CC_INVALID(call->error, "The table does not have the specified index");
    if (many_keys(call->index))
        return CC_INVALID(call->error, "PartiQL statements cannot be executed on tables with multi-attribute "
                                       "HASH keys or multi-attribute RANGE keys.");
    if (call->index->global && call->request->consistent)
        return CC_INVALID(call->error,
                          "Strongly consistent read is not supported on Global Secondary Indexes");
    if (cc_index_filling(call->index->entries))
        return CC_INVALID(call->error, "Cannot read from backfilling global secondary index: %.*s",
                          (int)call->index->name.size, (const char *)call->index->name.data);
    call->source = call->index->entries;
    return cc_call_admit_read(call);
}

/* Columns outside the index: a local one reads them from the table, a global one refuses them. */
static cc_status check_columns(cc_call *call, const cc_statement *statement) {
    char names[300];
    size_t used = 0;
    if (call->index == NULL || statement->columns == NULL)
        return CC_OK;
    for (uint32_t i = 0; i < statement->column_count; i++) {
        cc_path path = statement->paths->expression.paths[statement->columns[i].path];
        cc_bytes name = statement->paths->names[path.first];
        if (cc_table_index_projects(call->index, name) || used >= sizeof names)
            continue;
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%.*s", used == 0 ? "" : ", ",
                                 (int)cc_utf8_cut(name, 255), (const char *)name.data);
    }
    call->fetches = used != 0 && !call->index->global;
    if (used == 0 || call->fetches)
        return CC_OK;
    return CC_INVALID(call->error,
                      "One or more parameter values were invalid: Global secondary index %.*s does not "
                      "project [%s]",
                      (int)call->index->name.size, (const char *)call->index->name.data, names);
}

/* ---- reading ---- */

/* Moves the near end of the read that holds `start` behind it; *first_out is that read. */
static cc_status go_on(cc_call *call, cc_statement_plan *plan, uint32_t *first_out) {
    cc_key start;
    cc_error inner = {0}, *outer = call->error;
    call->error = &inner; /* a key of another table has one word for it here */
    cc_status status = cc_call_start_key(call, &start);
    call->error = outer;
    if (status == CC_ERR_NOMEM)
        return cc_no_memory(call->error);
    for (uint32_t i = 0; status == CC_OK && i < plan->read_count; i++) {
        cc_key_range *range = &plan->reads[i].range;
        if (!cc_bytes_equal(range->partition, start.partition) ||
            cc_bytes_compare(start.sort, range->from) < 0 ||
            (range->has_to && cc_bytes_compare(start.sort, range->to) >= 0))
            continue;
        *first_out = i;
        plan->reads[i].point = false;
        if (!plan->backward)
            return cc_key_range_behind(call, start.sort, &range->from);
        range->to = start.sort;
        range->has_to = true;
        return CC_OK;
    }
    return CC_INVALID(call->error, "NextToken does not match request");
}

static cc_status read_one(cc_page *page, const cc_statement_read *read, bool backward) {
    cc_call *call = page->call;
    cc_bytes item;
    if (!read->point)
        return cc_query_range(page, &read->range, backward);
    const cc_key key = {read->range.partition, read->range.from};
    return cc_space_get(call->space, key, &item) ? cc_page_add(page, NULL, item) : CC_OK;
}

static cc_status read_ranges(cc_call *call, cc_statement_plan *plan) {
    cc_page page = {.call = call};
    uint32_t first = 0;
    if (call->request->start_key.data != NULL)
        CC_TRY(go_on(call, plan, &first));
    for (uint32_t i = first; i < plan->read_count && !page.full; i++) {
        CC_TRY(read_one(&page, &plan->reads[i], plan->backward));
        CC_TRY(cc_page_charge(&page));
    }
    return cc_page_end(&page);
}

static cc_status scan(cc_call *call) {
    cc_key start;
    cc_error inner = {0}, *outer = call->error;
    if (call->request->start_key.data != NULL) {
        call->error = &inner;
        cc_status status = cc_call_start_key(call, &start);
        call->error = outer;
        if (status != CC_OK)
            return status == CC_ERR_NOMEM ? cc_no_memory(call->error)
                                          : CC_INVALID(call->error, "NextToken does not match request");
    }
    return cc_scan_source(call);
}

cc_status cc_statement_select(cc_call *call, const cc_bound_statement *bound, cc_request *made) {
    const cc_statement *statement = bound->statement;
    const cc_request *given = call->request;
    cc_statement_plan plan;
    *made = (cc_request){.verb = CC_VERB_QUERY,
                         .table = statement->table,
                         .index = statement->index,
                         .capacity = given->capacity,
                         .has_limit = given->has_limit,
                         .limit = given->limit,
                         .consistent = given->consistent};
    call->request = made;
    CC_TRY(cc_statement_open_source(call, statement));
    call->filter = bound->where;
    CC_TRY(cc_call_check_scalars(call));
    CC_TRY(check_columns(call, statement));
    CC_TRY(cc_statement_plan_make(call, bound, &plan));
    if (given->next_token.data != NULL)
        CC_TRY(cc_next_token_read(call, given, &made->start_key));
    if (plan.exact)
        call->filter.program = NULL;
    call->columns = statement->columns == NULL ? NULL : statement;
    CC_TRY(plan.keyed ? read_ranges(call, &plan) : scan(call));
    return call->reply->last_key.data == NULL ? CC_OK : cc_next_token_make(call, given);
}

cc_status cc_statement_get_item(cc_call *call, const cc_bound_statement *bound, const char *words,
                                cc_request *made) {
    const cc_statement *statement = bound->statement;
    cc_statement_plan plan;
    cc_statement_key key;
    *made = (cc_request){.verb = CC_VERB_GET,
                         .table = statement->table,
                         .capacity = call->request->capacity,
                         .consistent = call->request->consistent};
    call->request = made;
    CC_TRY(cc_statement_open_source(call, statement));
    cc_statement_key_read(&bound->where, call->schema, true, &key);
    bool point = call->index == NULL && key.only && key.conflict.data == NULL &&
                 cc_statement_key_complete(&key, call->schema);
    if (!point) {
        CC_TRY(cc_statement_plan_make(call, bound, &plan)); /* what it says of the clause comes first */
        return CC_INVALID(call->error, "%s", words);
    }
    call->columns = statement->columns == NULL ? NULL : statement;
    return cc_statement_key_item(call, &key, &made->item);
}
