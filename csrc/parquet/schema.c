/* schema.c: an Arrow schema as a tree of nodes, and the tree as Parquet's list of schema elements.
 *
 *   list<T>     group NAME (LIST) { repeated group list { T element } }
 *   map<K, V>   group NAME (MAP) { repeated group key_value { required K key; V value } }
 *
 * Timestamps of seconds are stored as milliseconds, decimals as the fewest bytes that hold their precision. */
#include <stdlib.h>

#include "parquet/internal.h"

enum { DEPTH_MAX = 64, NONE = -1 };
enum { REQUIRED = 0, OPTIONAL = 1, REPEATED = 2 };
enum { UTF8 = 0, MAP = 1, LIST = 3, DECIMAL = 5, DATE = 6, MILLIS = 9, MICROS = 10, INT_8 = 15, INT_16 = 16 };

static cc_status no_memory(cc_error *error) { return cc_fail(error, CC_ERR_NOMEM, "no memory for a schema"); }

static cc_status unsupported(const node *at, const char *format, cc_error *error) {
    return cc_fail(error, CC_ERR_UNSUPPORTED, "column %s: type %s is not supported", at->name, format);
}

static cc_status read_timestamp(const char *format, node *out, cc_error *error) {
    if (format[2] == '\0' || strchr("smun", format[2]) == NULL || format[3] != ':')
        return unsupported(out, format, error);
    out->stored = STORED_INT64;
    out->width = out->read_width = 8;
    bool seconds = format[2] == 's';
    if (seconds)
        out->unit = 'm';
    else
        out->unit = format[2];
    out->factor = seconds ? 1000 : 1;
    out->utc = format[4] != '\0';
    out->converted = out->unit == 'm' ? MILLIS : out->unit == 'u' ? MICROS : NONE;
    return CC_OK;
}

static cc_status read_decimal(const char *format, node *out, cc_error *error) {
    char *comma, *end = NULL;
    if (strncmp(format, "d:", 2) != 0)
        return unsupported(out, format, error);
    long precision = strtol(format + 2, &comma, 10), scale = *comma == ',' ? strtol(comma + 1, &end, 10) : -1;
    if (scale < 0 || *end != '\0' || precision < 1 || precision > 38 || scale > precision)
        return unsupported(out, format, error);
    out->precision = (int)precision;
    out->scale = (int)scale;
    unsigned __int128 most = 1;
    for (int i = 0; i < out->precision; i++)
        most *= 10;
    out->width = 1;
    while (out->width < 16 && most - 1 > ((unsigned __int128)1 << (8 * out->width - 1)) - 1)
        out->width++;
    out->stored = STORED_FIXED;
    out->read_width = 0; /* turned round in any case */
    out->converted = DECIMAL;
    return CC_OK;
}

static cc_status read_format(const char *format, node *out, cc_error *error) {
    static const struct {
        const char *format;
        stored_type stored;
        unsigned width, read_width;
        int converted;
    } plain[] = {{"b", STORED_BOOL, 1, 0, NONE},    {"c", STORED_INT32, 4, 1, INT_8},
                 {"s", STORED_INT32, 4, 2, INT_16}, {"i", STORED_INT32, 4, 4, NONE},
                 {"l", STORED_INT64, 8, 8, NONE},   {"f", STORED_FLOAT, 4, 4, NONE},
                 {"g", STORED_DOUBLE, 8, 8, NONE},  {"u", STORED_BYTES, 0, 0, UTF8},
                 {"z", STORED_BYTES, 0, 0, NONE},   {"tdD", STORED_INT32, 4, 4, DATE}};
    out->kind = NODE_LEAF;
    out->letter = format[0];
    out->factor = 1;
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        if (strcmp(format, plain[i].format) == 0) {
            out->stored = plain[i].stored;
            out->width = plain[i].width;
            out->read_width = plain[i].read_width;
            out->converted = plain[i].converted;
            return CC_OK;
        }
    if (strncmp(format, "ts", 2) == 0)
        return read_timestamp(format, out, error);
    return read_decimal(format, out, error);
}

static cc_status open_children(const struct ArrowSchema *schema, int depth, node *out, cc_error *error) {
    out->children = calloc((size_t)schema->n_children, sizeof *out->children);
    if (out->children == NULL)
        return no_memory(error);
    for (int64_t i = 0; i < schema->n_children; i++) {
        out->child_count++; /* of those to free */
        CC_TRY(cc_parquet_node_open(schema->children[i], depth + 1, &out->children[i], error));
    }
    return CC_OK;
}

static cc_status rename_node(node *at, const char *name, cc_error *error) {
    free(at->name);
    at->name = strdup(name);
    return at->name == NULL ? no_memory(error) : CC_OK;
}

cc_status cc_parquet_node_open(const struct ArrowSchema *schema, int depth, node *out, cc_error *error) {
    if (depth > DEPTH_MAX)
        return cc_fail(error, CC_ERR_LIMIT, "the schema is nested too deeply");
    out->name = strdup(schema->name != NULL ? schema->name : "");
    if (out->name == NULL)
        return no_memory(error);
    out->nullable = (schema->flags & ARROW_FLAG_NULLABLE) != 0;
    if (schema->dictionary != NULL)
        return unsupported(out, "dictionary", error);
    if (schema->format[0] != '+')
        return read_format(schema->format, out, error);
    out->kind = strcmp(schema->format, "+l") == 0   ? NODE_LIST
                : strcmp(schema->format, "+m") == 0 ? NODE_MAP
                                                    : NODE_STRUCT;
    if ((out->kind == NODE_STRUCT && strcmp(schema->format, "+s") != 0) || schema->n_children == 0)
        return unsupported(out, schema->format, error);
    CC_TRY(open_children(schema, depth, out, error));
    if (out->kind == NODE_LIST)
        return rename_node(&out->children[0], "element", error);
    if (out->kind == NODE_STRUCT)
        return CC_OK;
    node *entries = &out->children[0];
    if (entries->kind != NODE_STRUCT || entries->child_count != 2)
        return unsupported(out, schema->format, error);
    entries->nullable = entries->children[0].nullable = false;
    CC_TRY(rename_node(entries, "key_value", error));
    CC_TRY(rename_node(&entries->children[0], "key", error));
    return rename_node(&entries->children[1], "value", error);
}

void cc_parquet_node_free(node *at) {
    for (uint32_t i = 0; i < at->child_count; i++)
        cc_parquet_node_free(&at->children[i]);
    free(at->children);
    free(at->name);
}

size_t cc_parquet_schema_count(const node *at) {
    size_t count = at->kind == NODE_LIST ? 2 : 1;
    for (uint32_t i = 0; i < at->child_count; i++)
        count += cc_parquet_schema_count(&at->children[i]);
    return count;
}

static void write_logical(const node *at, cc_thrift *thrift) {
    int kind = at->kind == NODE_LIST                    ? 3
               : at->kind == NODE_MAP                   ? 2
               : at->kind == NODE_STRUCT                ? 0
               : at->unit != '\0'                       ? 8
               : at->converted == UTF8                  ? 1
               : at->converted == DECIMAL               ? 5
               : at->converted == DATE                  ? 6
               : at->letter == 'c' || at->letter == 's' ? 10
                                                        : 0;
    if (kind == 0)
        return;
    cc_thrift_open(thrift, 10);
    cc_thrift_open(thrift, kind);
    if (kind == 5) {
        cc_thrift_i32(thrift, 1, at->scale);
        cc_thrift_i32(thrift, 2, at->precision);
    } else if (kind == 8) {
        cc_thrift_bool(thrift, 1, at->utc);
        cc_thrift_open(thrift, 2);
        cc_thrift_empty(thrift, at->unit == 'm' ? 1 : at->unit == 'u' ? 2 : 3);
        cc_thrift_end(thrift);
    } else if (kind == 10) {
        cc_thrift_i8(thrift, 1, at->letter == 'c' ? 8 : 16);
        cc_thrift_bool(thrift, 2, true);
    }
    cc_thrift_end(thrift);
    cc_thrift_end(thrift);
}

static void write_group(cc_thrift *thrift, const char *name, int repetition, size_t children) {
    cc_thrift_open(thrift, 0);
    cc_thrift_i32(thrift, 3, repetition);
    cc_thrift_binary(thrift, 4, cc_bytes_text(name));
    cc_thrift_i32(thrift, 5, (int32_t)children);
}

static void write_node(const node *at, int repetition, cc_thrift *thrift) {
    cc_thrift_open(thrift, 0);
    bool leaf = at->kind == NODE_LEAF;
    int converted = leaf ? at->converted : at->kind == NODE_LIST ? LIST : at->kind == NODE_MAP ? MAP : NONE;
    if (leaf)
        cc_thrift_i32(thrift, 1, (int32_t)at->stored);
    if (leaf && at->stored == STORED_FIXED)
        cc_thrift_i32(thrift, 2, (int32_t)at->width);
    cc_thrift_i32(thrift, 3, repetition);
    cc_thrift_binary(thrift, 4, cc_bytes_text(at->name));
    if (!leaf)
        cc_thrift_i32(thrift, 5, (int32_t)at->child_count);
    if (converted != NONE)
        cc_thrift_i32(thrift, 6, converted);
    if (converted == DECIMAL) {
        cc_thrift_i32(thrift, 7, at->scale);
        cc_thrift_i32(thrift, 8, at->precision);
    }
    write_logical(at, thrift);
    cc_thrift_end(thrift);
    if (at->kind == NODE_LIST) {
        write_group(thrift, "list", REPEATED, 1);
        cc_thrift_end(thrift);
    }
    for (uint32_t i = 0; i < at->child_count; i++)
        write_node(&at->children[i],
                   at->kind == NODE_MAP       ? REPEATED
                   : at->children[i].nullable ? OPTIONAL
                                              : REQUIRED,
                   thrift);
}

void cc_parquet_schema_write(const node *root, cc_thrift *thrift) {
    cc_thrift_list(thrift, 2, CC_THRIFT_STRUCT, cc_parquet_schema_count(root));
    write_group(thrift, "schema", REQUIRED, root->child_count);
    cc_thrift_end(thrift);
    for (uint32_t i = 0; i < root->child_count; i++)
        write_node(&root->children[i], root->children[i].nullable ? OPTIONAL : REQUIRED, thrift);
}

size_t cc_parquet_path(const step *path, size_t steps, cc_bytes *names_out) {
    size_t count = 0;
    for (size_t i = 0; i < steps; i++) {
        names_out[count++] = cc_bytes_text(path[i].at->name);
        if (path[i].at->kind == NODE_LIST)
            names_out[count++] = cc_bytes_text("list");
    }
    return count;
}
