/* statement_compile.h: what the files of the PartiQL compiler share.
 *
 * A program is built in scratch memory, in arrays that the number of tokens bounds, and then copied into the
 * statement at its size. Names and strings are copied where they are first taken. */
#ifndef CC_TABLE_STATEMENT_COMPILE_H
#define CC_TABLE_STATEMENT_COMPILE_H

#include "table/statement_tree.h"

typedef struct {
    cc_bytes text;
    const cc_pq_token *tokens;
    uint32_t token_count;
    cc_arena *scratch; /* of this compilation */
    cc_statement *statement;
    cc_error *error;
} cc_compiler;

/* " at 1:10:4", the place of a token. */
typedef struct {
    char text[48];
} cc_place_text;
cc_place_text cc_place_of(const cc_compiler *compiler, uint32_t token);
/* Into the statement. */
CC_MUST_CHECK cc_status cc_compiler_copy(cc_compiler *compiler, cc_bytes bytes, cc_bytes *copy_out);

/* ---- statement_value.c ---- */
bool cc_tree_is_literal(const cc_tree *tree);
/* A literal as a value in the statement's memory. */
CC_MUST_CHECK cc_status cc_compile_value(cc_compiler *compiler, const cc_tree *tree, cc_value *value_out);

/* ---- statement_program.c ---- */
typedef struct {
    cc_compiler *compiler;
    cc_statement_program *program; /* its arrays in scratch until it is finished */
} cc_builder;
CC_MUST_CHECK cc_status cc_builder_begin(cc_compiler *compiler, cc_expression_kind kind, cc_builder *builder);
CC_MUST_CHECK cc_status cc_builder_finish(cc_builder *builder, cc_statement_program **program_out);
uint32_t cc_builder_node(cc_builder *builder, cc_node_kind kind, uint8_t op);
void cc_builder_adopt(cc_builder *builder, uint32_t parent, uint32_t child);
/* A NAME or PATH; refuses what is no path of names and list indexes. */
CC_MUST_CHECK cc_status cc_builder_path(cc_builder *builder, const cc_tree *tree, uint32_t *path_out);
CC_MUST_CHECK cc_status cc_builder_path_node(cc_builder *builder, const cc_tree *tree, uint32_t *node_out);
/* A VALUE node of a literal or parameter. */
CC_MUST_CHECK cc_status cc_builder_value_node(cc_builder *builder, const cc_tree *tree, uint32_t *node_out);
CC_MUST_CHECK cc_status cc_builder_constant_node(cc_builder *builder, cc_value value, uint32_t *node_out);

/* ---- statement_condition.c, statement_update.c ---- */
/* "Unrecognized function: exists at 1:10:6". */
CC_MUST_CHECK cc_status cc_compile_unknown_function(cc_compiler *compiler, const cc_tree *tree);
CC_MUST_CHECK cc_status cc_compile_where(cc_compiler *compiler, const cc_tree *tree);
CC_MUST_CHECK cc_status cc_compile_changes(cc_compiler *compiler, const cc_change_tree *changes);

#endif
