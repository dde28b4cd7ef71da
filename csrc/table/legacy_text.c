/* legacy_text.c: the parameters before expressions as expression texts.
 *
 *   Expected, filters     "#a = :b AND contains(#c, :d)", joined by ConditionalOperator
 *   AttributeUpdates      "SET #a = :b REMOVE #c ADD #d :e DELETE #f :g"
 *   KeyConditions         "#a = :b AND #c BETWEEN :d AND :e"
 *   AttributesToGet       "#a, #b"
 *
 * Aliases begin with what no alias of the request begins with: KeyConditions may stand beside expressions. */
#include <stdio.h>

#include "table/expression.h"
#include "table/legacy.h"
#include "table/request.h"

enum { PREFIX_ROOM = 64 };

typedef struct {
    cc_request_builder *builder;
    cc_error *error;
    cc_buffer text, values_buffer;
    cc_item_writer values;
    cc_name_pair *names;
    size_t name_count, value_count;
    char prefix[PREFIX_ROOM];
} cc_translator;

static cc_status no_memory(cc_error *error) {
    return cc_fail(error, CC_ERR_NOMEM, "no memory for a request");
}

static cc_status say(cc_translator *self, const char *text) {
    return cc_buffer_append_text(&self->text, text);
}

/* "#__0" for the n-th name, ":__0" for the n-th value; a copy in the arena. */
static cc_status alias(cc_translator *self, char mark, size_t n, cc_bytes *alias_out) {
    char word[PREFIX_ROOM + 24];
    int size = snprintf(word, sizeof word, "%c%s%zu", mark, self->prefix, n);
    *alias_out = cc_arena_copy(self->builder->arena, cc_bytes_of(word, (size_t)size));
    return alias_out->data == NULL ? no_memory(self->error) : CC_OK;
}

static cc_status say_name(cc_translator *self, cc_bytes name) {
    cc_bytes word;
    CC_TRY(alias(self, '#', self->name_count, &word));
    self->names[self->name_count++] = (cc_name_pair){word, name};
    return cc_buffer_append(&self->text, word.data, word.size);
}

static cc_status say_value(cc_translator *self, cc_value value) {
    cc_bytes word;
    CC_TRY(alias(self, ':', self->value_count++, &word));
    CC_TRY(cc_item_name(&self->values, word, self->error));
    CC_TRY(cc_item_put_value(&self->values, value, self->error));
    return cc_buffer_append(&self->text, word.data, word.size);
}

/* ---- conditions ---- */

typedef struct {
    const char *op, *before, *between, *after; /* before NAME between VALUE after */
} cc_legacy_form;

static const cc_legacy_form forms[] = {
    {"EQ", "", " = ", ""},
    {"NE", "", " <> ", ""},
    {"LE", "", " <= ", ""},
    {"LT", "", " < ", ""},
    {"GE", "", " >= ", ""},
    {"GT", "", " > ", ""},
    {"CONTAINS", "contains(", ", ", ")"},
    {"NOT_CONTAINS", "NOT contains(", ", ", ")"},
    {"BEGINS_WITH", "begins_with(", ", ", ")"},
    {"NULL", "attribute_not_exists(", NULL, ")"},
    {"NOT_NULL", "attribute_exists(", NULL, ")"},
    {"BETWEEN", "", " BETWEEN ", ""},
    {"IN", "", " IN (", ")"},
};

static const cc_legacy_form *form_of(cc_bytes op) {
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        if (cc_bytes_equal(op, cc_bytes_text(forms[i].op)))
            return &forms[i];
    return NULL;
}

static cc_status say_condition(cc_translator *self, const cc_legacy_entry *entry) {
    bool gone = entry->op.data == NULL && entry->has_exists && !entry->exists;
    const cc_legacy_form *form = form_of(gone                     ? cc_bytes_text("NULL")
                                         : entry->op.data == NULL ? cc_bytes_text("EQ")
                                                                  : entry->op);
    const cc_value *values = entry->has_value ? &entry->value : entry->list;
    uint32_t count = entry->has_value ? 1 : entry->list_count;
    const char *comma = cc_bytes_equal(entry->op, cc_bytes_text("BETWEEN")) ? " AND " : ", ";
    CC_TRY(say(self, form->before));
    CC_TRY(say_name(self, entry->name));
    for (uint32_t i = 0; form->between != NULL && i < count; i++) {
        CC_TRY(say(self, i == 0 ? form->between : comma));
        CC_TRY(say_value(self, values[i]));
    }
    return say(self, form->after);
}

static cc_status say_conditions(cc_translator *self, const cc_legacy_map *map, const char *joint) {
    for (size_t i = 0; i < map->count; i++) {
        if (i != 0)
            CC_TRY(say(self, joint));
        CC_TRY(say_condition(self, &map->entries[i]));
    }
    return CC_OK;
}

/* ---- updates ---- */

static cc_status say_set(cc_translator *self, const cc_legacy_entry *entry) {
    cc_value none;
    cc_buffer empty = {0};
    cc_item_writer writer;
    cc_status status;
    CC_TRY(say_name(self, entry->name));
    CC_TRY(say(self, " = "));
    if (cc_bytes_equal(entry->op, cc_bytes_text("PUT")) || entry->op.data == NULL)
        return say_value(self, entry->value);
    /* ADD of a list appends to what is there. */
    cc_item_writer_init(&writer, &empty, self->builder->arena);
    CC_TRY_GOTO(cc_item_begin(&writer, self->error));
    CC_TRY_GOTO(cc_item_name(&writer, cc_bytes_text("v"), self->error));
    CC_TRY_GOTO(cc_item_begin_list(&writer, self->error));
    CC_TRY_GOTO(cc_item_end_container(&writer, self->error));
    CC_TRY_GOTO(cc_item_end(&writer, self->error));
    CC_ASSERT(cc_item_find(cc_buffer_bytes(&empty), cc_bytes_text("v"), &none));
    CC_TRY_GOTO(say(self, "list_append(if_not_exists("));
    CC_TRY_GOTO(say_name(self, entry->name));
    CC_TRY_GOTO(say(self, ", "));
    CC_TRY_GOTO(say_value(self, none));
    CC_TRY_GOTO(say(self, "), "));
    CC_TRY_GOTO(say_value(self, entry->value));
    CC_TRY_GOTO(say(self, ")"));
cleanup:
    cc_buffer_free(&empty);
    return status;
}

/* The section of an update expression that an action belongs to. */
static int section_of(const cc_legacy_entry *entry) {
    if (cc_bytes_equal(entry->op, cc_bytes_text("DELETE")))
        return entry->has_value ? 3 : 1;
    if (cc_bytes_equal(entry->op, cc_bytes_text("ADD")))
        return entry->value.type == CC_TYPE_L ? 0 : 2;
    return 0;
}

static cc_status say_updates(cc_translator *self, const cc_legacy_map *map) {
    static const char *const sections[] = {"SET ", "REMOVE ", "ADD ", "DELETE "};
    for (int section = 0; section < 4; section++) {
        bool first = true;
        for (size_t i = 0; i < map->count; i++) {
            const cc_legacy_entry *entry = &map->entries[i];
            if (section_of(entry) != section)
                continue;
            CC_TRY(say(self, !first ? ", " : self->text.size != 0 ? " " : ""));
            if (first)
                CC_TRY(say(self, sections[section]));
            first = false;
            if (section == 0) {
                CC_TRY(say_set(self, entry));
                continue;
            }
            CC_TRY(say_name(self, entry->name));
            if (section == 1)
                continue;
            CC_TRY(say(self, " "));
            CC_TRY(say_value(self, entry->value));
        }
    }
    return CC_OK;
}

/* ---- the whole ---- */

static cc_status finish_text(cc_translator *self, cc_member_id id, cc_expression_kind kind) {
    cc_request_builder *builder = self->builder;
    if (self->text.size == 0)
        return CC_OK;
    builder->texts[id] = cc_arena_copy(builder->arena, cc_buffer_bytes(&self->text));
    if (builder->texts[id].data == NULL)
        return no_memory(self->error);
    builder->request.generated |= 1u << kind;
    cc_buffer_clear(&self->text);
    return CC_OK;
}

/* Longer by an underscore until no alias of the request begins with it. */
static void choose_prefix(cc_translator *self) {
    const cc_request *request = &self->builder->request;
    size_t size = 1;
    memset(self->prefix, '_', sizeof self->prefix);
    for (bool taken = true; taken && size + 1 < sizeof self->prefix; size++) {
        taken = false;
        for (size_t i = 0; i < request->name_count; i++) {
            cc_bytes name = request->names[i].name;
            taken = taken || (name.size > size && memcmp(name.data + 1, self->prefix, size) == 0);
        }
        for (uint32_t i = 0; request->has_values && i < cc_item_count(request->values); i++) {
            cc_bytes name;
            cc_value value;
            cc_item_at(request->values, i, &name, &value);
            taken = taken || (name.size > size && memcmp(name.data + 1, self->prefix, size) == 0);
        }
        if (!taken)
            break;
    }
    self->prefix[size] = 0;
}

/* The request's own names and values come first: KeyConditions beside expressions. */
static cc_status begin(cc_translator *self, size_t name_room) {
    const cc_request *request = &self->builder->request;
    self->names = cc_arena_alloc(self->builder->arena,
                                 (request->name_count + name_room) * sizeof *self->names);
    if (self->names == NULL)
        return no_memory(self->error);
    for (size_t i = 0; i < request->name_count; i++)
        self->names[self->name_count++] = request->names[i];
    cc_item_writer_init(&self->values, &self->values_buffer, self->builder->arena);
    CC_TRY(cc_item_begin(&self->values, self->error));
    for (uint32_t i = 0; request->has_values && i < cc_item_count(request->values); i++) {
        cc_bytes name;
        cc_value value;
        cc_item_at(request->values, i, &name, &value);
        CC_TRY(cc_item_name(&self->values, name, self->error));
        CC_TRY(cc_item_put_value(&self->values, value, self->error));
    }
    return CC_OK;
}

static cc_status write_texts(cc_translator *self) {
    cc_request_builder *builder = self->builder;
    const cc_legacy_map *maps = builder->legacy;
    bool any = cc_bytes_equal(builder->texts[CC_M_CONDITIONAL_OPERATOR], cc_bytes_text("OR"));
    const char *joint = any ? " OR " : " AND ";
    CC_TRY(say_conditions(self, &maps[CC_LEGACY_EXPECTED], joint));
    CC_TRY(finish_text(self, CC_M_CONDITION, CC_EXPRESSION_CONDITION));
    CC_TRY(say_updates(self, &maps[CC_LEGACY_UPDATES]));
    CC_TRY(finish_text(self, CC_M_UPDATE, CC_EXPRESSION_UPDATE));
    CC_TRY(say_conditions(self, &maps[CC_LEGACY_KEYS], " AND "));
    CC_TRY(finish_text(self, CC_M_KEY_CONDITION, CC_EXPRESSION_KEY));
    CC_TRY(say_conditions(self, &maps[CC_LEGACY_QUERY_FILTER], joint));
    CC_TRY(say_conditions(self, &maps[CC_LEGACY_SCAN_FILTER], joint));
    CC_TRY(finish_text(self, CC_M_FILTER, CC_EXPRESSION_FILTER));
    for (size_t i = 0; i < builder->attribute_count; i++) {
        if (i != 0)
            CC_TRY(say(self, ", "));
        CC_TRY(say_name(self, builder->attributes[i]));
    }
    return finish_text(self, CC_M_PROJECTION, CC_EXPRESSION_PROJECTION);
}

cc_status cc_legacy_projection(cc_arena *arena, const cc_bytes *attributes, size_t count, cc_bytes *text_out,
                               cc_name_pair *names_out, cc_error *error) {
    cc_request_builder builder = {.arena = arena};
    cc_translator self = {.builder = &builder, .error = error, .names = names_out, .prefix = "_"};
    cc_status status = CC_OK;
    for (size_t i = 0; i < count; i++) {
        if (i != 0)
            CC_TRY_GOTO(say(&self, ", "));
        CC_TRY_GOTO(say_name(&self, attributes[i]));
    }
    *text_out = cc_arena_copy(arena, cc_buffer_bytes(&self.text));
    if (text_out->data == NULL)
        status = no_memory(error);
cleanup:
    cc_buffer_free(&self.text);
    return status;
}

static cc_status translate_tables(cc_request_builder *builder, cc_error *error) {
    for (size_t i = 0; i < builder->request.table_count; i++) {
        cc_batch_table *table = &builder->tables[i];
        if (table->attribute_count == 0)
            continue;
        cc_name_pair *names = cc_arena_alloc(builder->arena, table->attribute_count * sizeof *names);
        if (names == NULL)
            return no_memory(error);
        CC_TRY(cc_legacy_projection(builder->arena, table->attributes, table->attribute_count,
                                    &table->projection, names, error));
        table->names = names;
        table->name_count = table->attribute_count;
    }
    return CC_OK;
}

cc_status cc_legacy_translate(cc_request_builder *builder, cc_error *error) {
    size_t entries = builder->attribute_count;
    for (int m = 0; m < CC_LEGACY_MAPS; m++)
        entries += 2 * builder->legacy[m].count; /* appending to a list names it twice */
    CC_TRY(translate_tables(builder, error));
    if (entries == 0)
        return CC_OK;
    cc_translator self = {.builder = builder, .error = error};
    cc_status status;
    choose_prefix(&self);
    CC_TRY_GOTO(begin(&self, entries));
    CC_TRY_GOTO(write_texts(&self));
    CC_TRY_GOTO(cc_item_end(&self.values, error));
    builder->request.names = self.names;
    builder->request.name_count = self.name_count;
    if (self.value_count != 0) {
        builder->request.values = cc_arena_copy(builder->arena, cc_buffer_bytes(&self.values_buffer));
        if (builder->request.values.data == NULL)
            status = no_memory(error);
    }
cleanup:
    cc_buffer_free(&self.text);
    cc_buffer_free(&self.values_buffer);
    return status;
}
