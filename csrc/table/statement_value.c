/* statement_value.c: the literals of PartiQL as encoded values: strings, numbers, booleans, NULL, lists, maps
 * and bags, which are sets. A refusal says where in the value: "under root.a[1]". */
#include <stdio.h>

#include "codec/number.h"
#include "table/statement_compile.h"

enum { PATH_MAX_TEXT = 300 };

typedef struct {
    cc_compiler *compiler;
    cc_item_writer writer;
    uint32_t depth;
    size_t path_size;
    char path[PATH_MAX_TEXT]; /* "root.a[1]" */
} literal_writer;

bool cc_tree_is_literal(const cc_tree *tree) {
    switch (tree->kind) {
    case CC_TREE_STRING:
    case CC_TREE_NUMBER:
    case CC_TREE_TRUE:
    case CC_TREE_FALSE:
    case CC_TREE_NULL:
    case CC_TREE_LIST:
    case CC_TREE_BAG:
    case CC_TREE_MAP:
        return true;
    default:
        return false;
    }
}

static cc_status write_tree(literal_writer *self, const cc_tree *tree);

/* The number's text with its sign. */
static cc_status number_text(literal_writer *self, const cc_tree *tree, cc_bytes *text_out) {
    if (!tree->negative) {
        *text_out = tree->text;
        return CC_OK;
    }
    uint8_t *text = cc_arena_alloc(self->compiler->scratch, tree->text.size + 1);
    if (text == NULL)
        return cc_no_memory(self->compiler->error);
    text[0] = '-';
    memcpy(text + 1, tree->text.data, tree->text.size);
    *text_out = cc_bytes_of(text, tree->text.size + 1);
    return CC_OK;
}

/* "1." and ".5" are numbers here; the item knows digits on both sides of the point, or none. */
static cc_status plain_number(literal_writer *self, const cc_tree *tree, uint8_t *number_out,
                              size_t *size_out) {
    cc_bytes text = {0};
    cc_error inner = {0};
    CC_TRY(number_text(self, tree, &text));
    char *padded = cc_arena_alloc(self->compiler->scratch, text.size + 2);
    size_t size = 0;
    if (padded == NULL)
        return cc_no_memory(self->compiler->error);
    for (size_t i = 0; i < text.size; i++) {
        bool point = text.data[i] == '.';
        if (point && (size == 0 || padded[size - 1] == '-'))
            padded[size++] = '0';
        bool digit_follows = i + 1 < text.size && text.data[i + 1] >= '0' && text.data[i + 1] <= '9';
        if (!point || digit_follows)
            padded[size++] = (char)text.data[i];
    }
    cc_status status = cc_number_parse(cc_bytes_of(padded, size), number_out, size_out, &inner);
    if (status != CC_ERR_VALIDATION)
        return status;
    return CC_INVALID(self->compiler->error, "%s under %s", inner.message, self->path);
}

static cc_status write_number(literal_writer *self, const cc_tree *tree) {
    uint8_t number[CC_NUMBER_MAX];
    size_t size;
    CC_TRY(plain_number(self, tree, number, &size));
    return cc_item_put_number(&self->writer, cc_bytes_of(number, size), self->compiler->error);
}

/* Writes an element or member with `step` behind the path. */
static cc_status write_inside(literal_writer *self, const cc_tree *tree, const char *format, int number,
                              cc_bytes name) {
    size_t size = self->path_size, room = sizeof self->path - size;
    int added = name.data != NULL ? snprintf(self->path + size, room, format, (int)cc_utf8_cut(name, 64),
                                             (const char *)name.data)
                                  : snprintf(self->path + size, room, format, number);
    self->path_size += (size_t)added < room ? (size_t)added : room - 1;
    self->depth++;
    CC_TRY(write_tree(self, tree));
    self->depth--;
    self->path_size = size;
    self->path[size] = 0;
    return CC_OK;
}

static cc_status write_list(literal_writer *self, const cc_tree *tree) {
    int index = 0;
    CC_TRY(cc_item_begin_list(&self->writer, self->compiler->error));
    for (const cc_tree *item = tree->child; item != NULL; item = item->next)
        CC_TRY(write_inside(self, item, "[%d]", index++, (cc_bytes){NULL, 0}));
    return cc_item_end_container(&self->writer, self->compiler->error);
}

static cc_status write_map(literal_writer *self, const cc_tree *tree) {
    cc_error *error = self->compiler->error;
    CC_TRY(cc_item_begin_map(&self->writer, error));
    for (const cc_tree *member = tree->child; member != NULL; member = member->next) {
        if (member->child->kind != CC_TREE_STRING)
            return cc_pq_refuse(error, "Expected a string as the name of a member");
        CC_TRY(cc_item_name(&self->writer, member->child->text, error));
        CC_TRY(write_inside(self, member->last, ".%.*s", 0, member->child->text));
    }
    cc_status status = cc_item_end_container(&self->writer, error);
    if (status == CC_ERR_SERIALIZATION) /* as in JSON; here it is the statement that is wrong */
        return CC_INVALID(error, "Duplicate attribute name in a map under %s", self->path);
    return status;
}

/* Bags of numbers say more about members that occur twice than the item writer. */
static cc_status refuse_twice(literal_writer *self, const cc_tree *tree) {
    char members[300];
    size_t used = 0;
    for (const cc_tree *member = tree->child; member != NULL && used < sizeof members; member = member->next)
        used += (size_t)snprintf(members + used, sizeof members - used, "%s%s%.*s", used == 0 ? "" : ", ",
                                 member->negative ? "-" : "", (int)cc_utf8_cut(member->text, 64),
                                 (const char *)member->text.data);
    return CC_INVALID(self->compiler->error,
                      "One or more parameter values were invalid: Input collection [%s] contains "
                      "duplicates! under %s",
                      members, self->path);
}

static cc_status write_bag(literal_writer *self, const cc_tree *tree) {
    cc_error *error = self->compiler->error;
    if (tree->count == 0)
        return CC_INVALID(error, "Empty bags are not supported");
    bool numbers = tree->child->kind == CC_TREE_NUMBER;
    CC_TRY(cc_item_begin_set(&self->writer, numbers ? CC_TYPE_NS : CC_TYPE_SS, error));
    for (const cc_tree *member = tree->child; member != NULL; member = member->next) {
        cc_bytes text = member->text;
        char plain[CC_NUMBER_TEXT_MAX];
        uint8_t number[CC_NUMBER_MAX];
        size_t size;
        if (member->kind != (numbers ? CC_TREE_NUMBER : CC_TREE_STRING))
            return CC_INVALID(error, "Unsupported data type in Bag. DynamoDB only supports either numbers "
                                     "or strings in bags");
        if (numbers) {
            CC_TRY(plain_number(self, member, number, &size));
            text = cc_bytes_of(plain, cc_number_text(cc_bytes_of(number, size), plain));
        }
        CC_TRY(cc_item_set_member(&self->writer, text, error));
    }
    cc_error inner = {0};
    cc_status status = cc_item_end_container(&self->writer, &inner);
    if (status == CC_ERR_VALIDATION && numbers)
        return refuse_twice(self, tree);
    if (status != CC_OK && error != NULL)
        *error = inner;
    return status;
}

static cc_status refuse_kind(literal_writer *self, const cc_tree *tree) {
    cc_place_text place = cc_place_of(self->compiler, tree->token);
    cc_bytes text = tree->text;
    if (tree->kind == CC_TREE_PARAMETER)
        text = cc_bytes_text("Parameter");
    else if (tree->kind == CC_TREE_MISSING)
        text = cc_bytes_text("missing");
    else if (text.size == 0)
        text = cc_bytes_text("expression");
    return CC_INVALID(self->compiler->error, "Unsupported data type: %.*s under key %s%s",
                      (int)cc_utf8_cut(text, 64), (const char *)text.data, self->path, place.text);
}

static cc_status write_tree(literal_writer *self, const cc_tree *tree) {
    cc_error *error = self->compiler->error;
    if (self->depth >= CC_ITEM_DEPTH_MAX)
        return CC_INVALID(error, "Nesting Levels have exceeded supported limits under %s", self->path);
    switch (tree->kind) {
    case CC_TREE_STRING:
        return cc_item_put_string(&self->writer, tree->text, error);
    case CC_TREE_NUMBER:
        return write_number(self, tree);
    case CC_TREE_TRUE:
    case CC_TREE_FALSE:
        return cc_item_put_bool(&self->writer, tree->kind == CC_TREE_TRUE, error);
    case CC_TREE_NULL:
        return cc_item_put_null(&self->writer, error);
    case CC_TREE_LIST:
        return write_list(self, tree);
    case CC_TREE_MAP:
        return write_map(self, tree);
    case CC_TREE_BAG:
        return write_bag(self, tree);
    default:
        return refuse_kind(self, tree);
    }
}

cc_status cc_compile_value(cc_compiler *compiler, const cc_tree *tree, cc_value *value_out) {
    static const char name[] = "v";
    cc_error *error = compiler->error;
    literal_writer self = {.compiler = compiler, .path_size = 4, .path = "root"};
    cc_buffer buffer = {0};
    cc_bytes item;
    cc_status status;
    cc_item_writer_init(&self.writer, &buffer, compiler->scratch);
    CC_TRY_GOTO(cc_item_begin(&self.writer, error));
    CC_TRY_GOTO(cc_item_name(&self.writer, cc_bytes_text(name), error));
    CC_TRY_GOTO(write_tree(&self, tree));
    CC_TRY_GOTO(cc_item_end(&self.writer, error));
    CC_TRY_GOTO(cc_compiler_copy(compiler, cc_buffer_bytes(&buffer), &item));
    CC_ASSERT(cc_item_find(item, cc_bytes_text(name), value_out));
cleanup:
    cc_buffer_free(&buffer);
    return status;
}
