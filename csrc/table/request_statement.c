/* request_statement.c: the members of PartiQL requests: parameters, and lists of statements. */
#include <stdio.h>

#include "table/request.h"

static cc_status no_memory(cc_error *error) {
    return cc_fail(error, CC_ERR_NOMEM, "no memory for a request");
}

cc_status cc_request_add_parameter(cc_request_builder *builder, cc_value value, cc_error *error) {
    if (builder->parameter_count == builder->parameter_capacity) {
        size_t capacity = builder->parameter_capacity == 0 ? 8 : builder->parameter_capacity * 2;
        cc_value *grown = cc_arena_alloc(builder->arena, capacity * sizeof *grown);
        if (grown == NULL)
            return no_memory(error);
        if (builder->parameter_count != 0)
            memcpy(grown, builder->parameters, builder->parameter_count * sizeof *grown);
        builder->parameters = grown;
        builder->parameter_capacity = capacity;
    }
    builder->parameters[builder->parameter_count++] = value;
    return CC_OK;
}

cc_status cc_request_add_statement(cc_request_builder *builder, cc_request_builder **statement_out,
                                   cc_error *error) {
    bool batch = builder->request.verb == CC_VERB_STATEMENT_BATCH;
    CC_TRY(cc_request_add_action(builder, CC_VERB_STATEMENT, statement_out, error));
    snprintf((*statement_out)->prefix, sizeof(*statement_out)->prefix, "%s.%zu.member.",
             batch ? "statements" : "transactStatements", builder->action_count);
    return CC_OK;
}

const cc_member *cc_statement_member_find(cc_verb verb, cc_bytes name) {
    const cc_member *member = cc_member_find(CC_VERB_STATEMENT, name);
    switch (member == NULL ? CC_M_NONE : member->id) {
    case CC_M_STATEMENT:
    case CC_M_PARAMETERS:
    case CC_M_RETURN_FAILURE:
        return member;
    case CC_M_CONSISTENT:
        return verb == CC_VERB_STATEMENT_BATCH ? member : NULL;
    default:
        return NULL;
    }
}

cc_status cc_request_finish_statements(cc_request_builder *builder, cc_error *error) {
    cc_verb verb = builder->request.verb;
    if (verb != CC_VERB_STATEMENT_BATCH && verb != CC_VERB_STATEMENT_TRANSACTION)
        return CC_OK;
    size_t count = builder->action_count;
    cc_request *statements = cc_arena_alloc(builder->arena, count * sizeof *statements);
    if (statements == NULL)
        return no_memory(error);
    for (size_t i = 0; i < count; i++) {
        CC_TRY(cc_request_finish(builder->actions[i], &statements[i], error));
        statements[i].capacity = builder->request.capacity;
        statements[i].durability = builder->request.durability;
    }
    builder->request.actions = statements;
    builder->request.action_count = count;
    return CC_OK;
}
