/* statement_bind.c: a statement with the parameters of one request. */
#include "table/statement.h"

static cc_status bind_program(cc_statement_program *program, const cc_value *parameters, cc_arena *arena,
                              cc_bound *bound, cc_error *error) {
    bound->program = &program->expression;
    bound->names = program->names;
    bound->values = program->constants;
    if (program->parametric) {
        uint32_t count = program->expression.value_count;
        bound->values = cc_arena_alloc(arena, count * sizeof *bound->values);
        if (bound->values == NULL)
            return cc_no_memory(error);
        for (uint32_t i = 0; i < count; i++)
            bound->values[i] = program->constants[i].type != CC_TYPE_NONE
                                   ? program->constants[i]
                                   : parameters[program->parameters[i]];
    }
    return cc_bind_check(bound, "", arena, error);
}

static cc_status check_set_operands(const cc_statement *statement, const cc_value *parameters,
                                    cc_error *error) {
    for (uint32_t i = 0; i < statement->set_operand_count; i++) {
        const cc_set_operand *operand = &statement->set_operands[i];
        cc_type type = parameters[operand->parameter].type;
        cc_statement_place place = operand->place;
        if (type != CC_TYPE_SS && type != CC_TYPE_NS && type != CC_TYPE_BS)
            return CC_INVALID(error, "The second argument to %s must be a value with type SET at %u:%u:%u",
                              operand->add ? "SET_ADD" : "SET_DELETE", place.line, place.column,
                              place.length);
    }
    return CC_OK;
}

/* The item of an INSERT that has parameters. */
static cc_status make_item(const cc_statement *statement, const cc_value *parameters, cc_arena *arena,
                           cc_bytes *item_out, cc_error *error) {
    cc_item_writer writer;
    cc_buffer buffer = {0};
    cc_status status;
    cc_item_writer_init(&writer, &buffer, arena);
    CC_TRY_GOTO(cc_item_begin(&writer, error));
    for (uint32_t i = 0; i < statement->member_count; i++) {
        const cc_insert_member *member = &statement->members[i];
        CC_TRY_GOTO(cc_item_name(&writer, member->name, error));
        CC_TRY_GOTO(cc_item_put_value(
            &writer, member->constant.type != CC_TYPE_NONE ? member->constant : parameters[member->parameter],
            error));
    }
    CC_TRY_GOTO(cc_item_end(&writer, error));
    *item_out = cc_arena_copy(arena, cc_buffer_bytes(&buffer));
    status = item_out->data == NULL ? cc_no_memory(error) : CC_OK;
cleanup:
    cc_buffer_free(&buffer);
    return status;
}

cc_status cc_statement_bind(const cc_statement *statement, const cc_value *parameters, size_t count,
                            cc_arena *arena, cc_bound_statement *bound_out, cc_error *error) {
    *bound_out = (cc_bound_statement){.statement = statement, .item = statement->item};
    if (count != statement->parameter_count)
        return CC_INVALID(error, "Number of parameters in request and statement don't match.");
    if (statement->update != NULL) {
        CC_TRY(check_set_operands(statement, parameters, error));
        CC_TRY(bind_program(statement->update, parameters, arena, &bound_out->update, error));
    }
    if (statement->where != NULL)
        CC_TRY(bind_program(statement->where, parameters, arena, &bound_out->where, error));
    if (statement->kind == CC_STATEMENT_INSERT && statement->item.data == NULL)
        CC_TRY(make_item(statement, parameters, arena, &bound_out->item, error));
    return CC_OK;
}

void cc_bound_statement_release(cc_bound_statement *bound) {
    cc_statement_release((void *)(uintptr_t)bound->statement);
    *bound = (cc_bound_statement){0};
}

/* ---- columns ---- */

cc_status cc_columns_project(const cc_statement *statement, cc_bytes item, cc_arena *arena, cc_buffer *out,
                             cc_error *error) {
    const cc_bound bound = {&statement->paths->expression, statement->paths->names, NULL};
    cc_item_writer writer;
    cc_item_writer_init(&writer, out, arena);
    CC_TRY(cc_item_begin(&writer, error));
    for (uint32_t i = 0; i < statement->column_count; i++) {
        cc_value value;
        if (!cc_path_find(&bound, statement->columns[i].path, item, &value))
            continue;
        CC_TRY(cc_item_name(&writer, statement->columns[i].name, error));
        CC_TRY(cc_item_put_value(&writer, value, error));
    }
    return cc_item_end(&writer, error);
}
