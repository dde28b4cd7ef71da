/* rows.c: the plan of a schema and the walk of a row through it. See rows.h.
 *
 * Places in an array are counted without its offset, which is added where a buffer is read; the child of a
 * struct has its parent's place with the parent's offset. */
#include "ingest/rows.h"

#include <stdlib.h>

#include "ingest/rows_internal.h"

enum { DEPTH_MAX = 64 };

static cc_status no_memory(cc_error *error) { return cc_fail(error, CC_ERR_NOMEM, "no memory for rows"); }

/* ---- the plan ---- */

static bool read_decimal(const char *format, int *scale_out) {
    if (strncmp(format, "d:", 2) != 0)
        return false;
    char *end;
    (void)strtol(format + 2, &end, 10);
    if (*end != ',')
        return false;
    *scale_out = (int)strtol(end + 1, &end, 10);
    return *end == '\0' || strcmp(end, ",128") == 0;
}

static bool read_timestamp(const char *format, row_column *out) {
    static const char letters[] = "smun";
    if (strncmp(format, "ts", 2) != 0 || format[2] == '\0' || format[3] != ':')
        return false;
    const char *at = strchr(letters, format[2]);
    if (at == NULL)
        return false;
    out->unit = 1;
    for (; at > letters; at--)
        out->unit *= 1000;
    out->zone = format[4] != '\0';
    out->width = 8;
    out->kind = ROW_TIMESTAMP;
    return true;
}

static bool read_format(const char *format, row_column *out) {
    static const struct {
        const char *format;
        row_kind kind;
        row_layout layout;
        uint32_t width;
    } plain[] = {{"n", ROW_NOTHING, LAYOUT_32, 0}, {"b", ROW_BOOL, LAYOUT_32, 0},
                 {"c", ROW_INT, LAYOUT_32, 1},     {"s", ROW_INT, LAYOUT_32, 2},
                 {"i", ROW_INT, LAYOUT_32, 4},     {"l", ROW_INT, LAYOUT_32, 8},
                 {"C", ROW_UINT, LAYOUT_32, 1},    {"S", ROW_UINT, LAYOUT_32, 2},
                 {"I", ROW_UINT, LAYOUT_32, 4},    {"L", ROW_UINT, LAYOUT_32, 8},
                 {"f", ROW_FLOAT, LAYOUT_32, 4},   {"g", ROW_DOUBLE, LAYOUT_32, 8},
                 {"u", ROW_TEXT, LAYOUT_32, 0},    {"U", ROW_TEXT, LAYOUT_64, 0},
                 {"vu", ROW_TEXT, LAYOUT_VIEW, 0}, {"z", ROW_BINARY, LAYOUT_32, 0},
                 {"Z", ROW_BINARY, LAYOUT_64, 0},  {"vz", ROW_BINARY, LAYOUT_VIEW, 0},
                 {"tdD", ROW_DATE, LAYOUT_32, 4},  {"tdm", ROW_DATE, LAYOUT_64, 8},
                 {"+l", ROW_LIST, LAYOUT_32, 0},   {"+L", ROW_LIST, LAYOUT_64, 0},
                 {"+s", ROW_STRUCT, LAYOUT_32, 0}, {"+m", ROW_MAP, LAYOUT_32, 0}};
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        if (strcmp(format, plain[i].format) == 0) {
            out->kind = plain[i].kind;
            out->layout = plain[i].layout;
            out->width = plain[i].width;
            out->unit = out->width == 8; /* of dates: days, or milliseconds */
            return true;
        }
    if (strncmp(format, "w:", 2) == 0 || strncmp(format, "+w:", 3) == 0) {
        out->kind = format[0] == 'w' ? ROW_BINARY : ROW_LIST;
        out->layout = LAYOUT_FIXED;
        out->width = (uint32_t)strtoul(strchr(format, ':') + 1, NULL, 10);
        return true;
    }
    if (read_decimal(format, &out->scale)) {
        out->kind = ROW_DECIMAL;
        out->width = 16;
        return true;
    }
    return read_timestamp(format, out);
}

/* Whether `wanted` can be made of what the column holds. */
static bool can_become(const row_column *column, cc_type wanted) {
    const row_column *holds = column->dictionary != NULL ? column->dictionary : column;
    const row_column *element = holds->kind == ROW_LIST ? &holds->children[0] : NULL;
    bool number = holds->kind >= ROW_INT && holds->kind <= ROW_DECIMAL;
    switch (wanted) {
    case CC_TYPE_NONE:
        return true;
    case CC_TYPE_S:
        return number || holds->kind == ROW_BOOL || holds->kind == ROW_TEXT || holds->kind == ROW_DATE ||
               holds->kind == ROW_TIMESTAMP || holds->kind == ROW_NOTHING;
    case CC_TYPE_N:
        return number || holds->kind == ROW_TEXT || holds->kind == ROW_NOTHING;
    case CC_TYPE_B:
        return holds->kind == ROW_BINARY || holds->kind == ROW_TEXT || holds->kind == ROW_NOTHING;
    case CC_TYPE_BOOL:
        return holds->kind == ROW_BOOL || holds->kind == ROW_NOTHING;
    case CC_TYPE_SS:
        return element != NULL && element->kind == ROW_TEXT;
    case CC_TYPE_NS:
        return element != NULL && element->kind >= ROW_INT && element->kind <= ROW_DECIMAL;
    case CC_TYPE_BS:
        return element != NULL && element->kind == ROW_BINARY;
    case CC_TYPE_L:
        return element != NULL;
    default:
        return holds->kind == ROW_STRUCT || holds->kind == ROW_MAP;
    }
}

static cc_status build(const struct ArrowSchema *schema, int depth, row_column *out, cc_error *error) {
    const char *name = schema->name != NULL ? schema->name : "";
    if (depth > DEPTH_MAX)
        return cc_fail(error, CC_ERR_LIMIT, "the schema is nested too deeply");
    out->name = strdup(name);
    if (out->name == NULL)
        return no_memory(error);
    out->hash = cc_name_hash(cc_bytes_text(name));
    if (!read_format(schema->format, out))
        return cc_fail(error, CC_ERR_UNSUPPORTED,
                       "column %s: no DynamoDB type stands for Arrow's %s; cast it", name, schema->format);
    if (schema->dictionary != NULL) {
        out->dictionary = calloc(1, sizeof *out->dictionary);
        if (out->dictionary == NULL)
            return no_memory(error);
        CC_TRY(build(schema->dictionary, depth + 1, out->dictionary, error));
    }
    out->child_count = (uint32_t)schema->n_children;
    if (out->child_count == 0)
        return CC_OK;
    out->children = calloc(out->child_count, sizeof *out->children);
    if (out->children == NULL)
        return no_memory(error);
    for (uint32_t i = 0; i < out->child_count; i++) {
        CC_TRY(build(schema->children[i], depth + 1, &out->children[i], error));
        for (uint32_t j = 0; j < i && out->kind == ROW_STRUCT; j++)
            if (strcmp(out->children[j].name, out->children[i].name) == 0)
                return cc_fail(error, CC_ERR_ARGUMENT, "two columns are called %s", out->children[i].name);
    }
    const row_column *entries = &out->children[0];
    if (out->kind == ROW_MAP && (entries->children == NULL || entries->children[0].kind != ROW_TEXT))
        return cc_fail(error, CC_ERR_UNSUPPORTED, "column %s: the keys of a map are texts", name);
    return CC_OK;
}

static void destroy(row_column *column) {
    for (uint32_t i = 0; column->children != NULL && i < column->child_count; i++)
        destroy(&column->children[i]);
    if (column->dictionary != NULL)
        destroy(column->dictionary);
    free(column->dictionary);
    free(column->children);
    free(column->name);
}

static cc_status want(cc_rows *rows, const cc_type *wanted, cc_error *error) {
    rows->flat = rows->root.child_count <= CC_FLAT_MAX;
    for (uint32_t i = 0; i < rows->root.child_count; i++) {
        row_column *column = &rows->root.children[i];
        row_column *holds = column->dictionary != NULL ? column->dictionary : column;
        cc_type type = wanted != NULL ? wanted[i] : CC_TYPE_NONE;
        if (!can_become(column, type))
            return cc_fail(error, CC_ERR_UNSUPPORTED, "column %s cannot become %s", column->name,
                           cc_type_name(type));
        holds->wanted = type;
        rows->flat = rows->flat && cc_row_is_scalar(holds) && type != CC_TYPE_B;
    }
    return CC_OK;
}

cc_status cc_rows_open(const struct ArrowSchema *schema, const cc_type *wanted, bool keep_nulls,
                       cc_rows **rows_out, cc_error *error) {
    cc_rows *rows = calloc(1, sizeof *rows);
    if (rows == NULL)
        return no_memory(error);
    rows->keep_nulls = keep_nulls;
    cc_status status = build(schema, 0, &rows->root, error);
    if (status == CC_OK && rows->root.kind != ROW_STRUCT)
        status = cc_fail(error, CC_ERR_ARGUMENT, "the schema of rows is a struct of columns");
    if (status == CC_OK)
        status = want(rows, wanted, error);
    if (status != CC_OK) {
        cc_rows_close(rows);
        return status;
    }
    *rows_out = rows;
    return CC_OK;
}

void cc_rows_close(cc_rows *rows) {
    if (rows == NULL)
        return;
    destroy(&rows->root);
    cc_buffer_free(&rows->text);
    free(rows);
}

/* ---- the walk ---- */

/* The column and array that hold the value, behind a dictionary. */
static void look_up(const row_column **column, const struct ArrowArray **array, int64_t *at) {
    if (CC_LIKELY((*column)->dictionary == NULL))
        return;
    uint64_t place = 0;
    memcpy(&place,
           (const uint8_t *)(*array)->buffers[1] + (size_t)((*array)->offset + *at) * (*column)->width,
           (*column)->width);
    *at = (int64_t)place;
    *array = (*array)->dictionary;
    *column = (*column)->dictionary;
}

static cc_status write_value(cc_rows *rows, const row_column *column, const struct ArrowArray *array,
                             int64_t at, cc_item_writer *writer, cc_error *error);

/* The refusal of a value, with the name of its column in front. */
static cc_status name_column(cc_status status, const row_column *column, cc_error *error) {
    if (status != CC_ERR_VALIDATION || error == NULL)
        return status;
    char text[sizeof error->message];
    memcpy(text, error->message, sizeof text);
    return cc_fail_aws(error, status, error->type, "column %.100s: %.400s", column->name, text);
}

static cc_status write_fields(cc_rows *rows, const row_column *column, const struct ArrowArray *array,
                              int64_t at, cc_item_writer *writer, cc_error *error) {
    for (uint32_t i = 0; i < column->child_count; i++) {
        const row_column *field = &column->children[i];
        const struct ArrowArray *values = array->children[i];
        int64_t place = array->offset + at;
        bool null = cc_row_is_null(field, values, place);
        if (!null)
            look_up(&field, &values, &place);
        null = null || cc_row_is_null(field, values, place);
        if (null && !rows->keep_nulls)
            continue;
        CC_TRY(cc_item_name(writer, cc_bytes_text(column->children[i].name), error));
        cc_status status = null ? cc_item_put_null(writer, error)
                                : write_value(rows, field, values, place, writer, error);
        if (CC_UNLIKELY(status != CC_OK))
            return column == &rows->root ? name_column(status, &column->children[i], error) : status;
    }
    return CC_OK;
}

static void list_range(const row_column *column, const struct ArrowArray *array, int64_t at, int64_t *from,
                       int64_t *to) {
    size_t place = (size_t)(array->offset + at);
    if (column->layout == LAYOUT_FIXED) {
        *from = (int64_t)place * column->width;
        *to = *from + column->width;
    } else if (column->layout == LAYOUT_32) {
        *from = ((const int32_t *)array->buffers[1])[place];
        *to = ((const int32_t *)array->buffers[1])[place + 1];
    } else {
        *from = ((const int64_t *)array->buffers[1])[place];
        *to = ((const int64_t *)array->buffers[1])[place + 1];
    }
}

static cc_status write_set(cc_rows *rows, const row_column *column, const struct ArrowArray *array,
                           int64_t at, cc_item_writer *writer, cc_error *error) {
    const row_column *element = &column->children[0];
    uint8_t room[ROW_ROOM];
    char text[CC_NUMBER_TEXT_MAX];
    int64_t from, to;
    cc_type type;
    cc_bytes data;
    list_range(column, array, at, &from, &to);
    CC_TRY(cc_item_begin_set(writer, column->wanted, error));
    for (int64_t i = from; i < to; i++) {
        if (cc_row_is_null(element, array->children[0], i))
            return cc_fail_aws(error, CC_ERR_VALIDATION, "ValidationException", "a set has no null member");
        CC_TRY(cc_row_scalar(rows, element, array->children[0], i, room, &type, &data, error));
        if (type == CC_TYPE_N)
            data = cc_bytes_of(text, cc_number_text(data, text));
        CC_TRY(cc_item_set_member(writer, data, error));
    }
    return cc_item_end_container(writer, error);
}

static cc_status write_list(cc_rows *rows, const row_column *column, const struct ArrowArray *array,
                            int64_t at, cc_item_writer *writer, cc_error *error) {
    int64_t from, to;
    list_range(column, array, at, &from, &to);
    CC_TRY(cc_item_begin_list(writer, error));
    for (int64_t i = from; i < to; i++) {
        const row_column *element = &column->children[0];
        const struct ArrowArray *values = array->children[0];
        int64_t place = i;
        bool null = cc_row_is_null(element, values, place);
        if (!null)
            look_up(&element, &values, &place);
        if (null || cc_row_is_null(element, values, place))
            CC_TRY(cc_item_put_null(writer, error));
        else
            CC_TRY(write_value(rows, element, values, place, writer, error));
    }
    return cc_item_end_container(writer, error);
}

static cc_status write_map(cc_rows *rows, const row_column *column, const struct ArrowArray *array,
                           int64_t at, cc_item_writer *writer, cc_error *error) {
    const row_column *entries = &column->children[0], *value = &entries->children[1];
    const struct ArrowArray *pairs = array->children[0];
    int64_t from, to;
    list_range(column, array, at, &from, &to);
    CC_TRY(cc_item_begin_map(writer, error));
    for (int64_t i = from; i < to; i++) {
        int64_t place = pairs->offset + i;
        const row_column *held = value;
        const struct ArrowArray *values = pairs->children[1];
        cc_bytes name = cc_row_bytes(&entries->children[0], pairs->children[0], place);
        if (!cc_utf8_valid(name))
            return cc_fail_aws(error, CC_ERR_VALIDATION, "ValidationException", "a key is no UTF-8");
        CC_TRY(cc_item_name(writer, name, error));
        bool null = cc_row_is_null(held, values, place);
        if (!null)
            look_up(&held, &values, &place);
        if (null || cc_row_is_null(held, values, place))
            CC_TRY(cc_item_put_null(writer, error));
        else
            CC_TRY(write_value(rows, held, values, place, writer, error));
    }
    return cc_item_end_container(writer, error);
}

static cc_status write_scalar(cc_item_writer *writer, cc_type type, cc_bytes data, cc_error *error) {
    switch (type) {
    case CC_TYPE_S:
        return cc_item_put_string(writer, data, error);
    case CC_TYPE_N:
        return cc_item_put_number(writer, data, error);
    case CC_TYPE_B:
        return cc_item_put_binary(writer, data, error);
    default:
        return cc_item_put_bool(writer, data.data[0] != 0, error);
    }
}

/* A value that is not null, behind its dictionary. */
static cc_status write_value(cc_rows *rows, const row_column *column, const struct ArrowArray *array,
                             int64_t at, cc_item_writer *writer, cc_error *error) {
    uint8_t room[ROW_ROOM];
    cc_type type;
    cc_bytes data;
    switch (column->kind) {
    case ROW_LIST:
        if (column->wanted == CC_TYPE_SS || column->wanted == CC_TYPE_NS || column->wanted == CC_TYPE_BS)
            return write_set(rows, column, array, at, writer, error);
        return write_list(rows, column, array, at, writer, error);
    case ROW_STRUCT:
        CC_TRY(cc_item_begin_map(writer, error));
        CC_TRY(write_fields(rows, column, array, at, writer, error));
        return cc_item_end_container(writer, error);
    case ROW_MAP:
        return write_map(rows, column, array, at, writer, error);
    default:
        CC_TRY(cc_row_scalar(rows, column, array, at, room, &type, &data, error));
        return write_scalar(writer, type, data, error);
    }
}

/* All columns are scalars: false when the general way must do it, and word what is wrong. */
static bool append_flat(cc_rows *rows, const struct ArrowArray *array, int64_t row, cc_buffer *out) {
    cc_flat_attribute flat[CC_FLAT_MAX];
    uint8_t rooms[CC_FLAT_MAX][ROW_ROOM];
    uint32_t count = 0;
    for (uint32_t i = 0; i < rows->root.child_count; i++) {
        const row_column *column = &rows->root.children[i];
        const struct ArrowArray *values = array->children[i];
        int64_t place = array->offset + row;
        cc_flat_attribute *one = &flat[count];
        one->name = cc_bytes_text(column->name);
        one->hash = column->hash;
        bool null = cc_row_is_null(column, values, place);
        if (!null) {
            look_up(&column, &values, &place);
            null = cc_row_is_null(column, values, place);
        }
        if (null) {
            one->type = CC_TYPE_NULL;
            one->data = cc_bytes_of(NULL, 0);
            count += rows->keep_nulls;
        } else if (cc_row_scalar(rows, column, values, place, rooms[i], &one->type, &one->data, NULL) ==
                   CC_OK) {
            count++;
        } else {
            return false;
        }
    }
    return cc_item_write_flat(flat, count, rows->order, out);
}

cc_status cc_rows_append(cc_rows *rows, const struct ArrowArray *array, int64_t row, cc_arena *scratch,
                         cc_buffer *out, cc_error *error) {
    cc_item_writer writer;
    size_t before = out->size;
    if (CC_LIKELY(rows->flat) && append_flat(rows, array, row, out))
        return CC_OK;
    cc_arena_reset(scratch);
    cc_item_writer_init(&writer, out, scratch);
    cc_status status = cc_item_begin(&writer, error);
    if (status == CC_OK)
        status = write_fields(rows, &rows->root, array, row, &writer, error);
    if (status == CC_OK)
        status = cc_item_end(&writer, error);
    if (status != CC_OK)
        out->size = before;
    return status;
}
