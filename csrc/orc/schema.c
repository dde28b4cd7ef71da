/* schema.c: an Arrow schema as columns in the order of their ids, a parent before its children, and as ORC's Types.
 *
 * A map has its key and its value for children; the struct that Arrow has between them is none. Times with a zone are
 * instants, those without one local. */
#include <stdlib.h>

#include "orc/internal.h"

enum { DEPTH_MAX = 64 };

static cc_status unsupported(const orc_column *at, const char *format, cc_error *error) {
    return cc_fail(error, CC_ERR_UNSUPPORTED, "column %s: type %s is not supported", at->name, format);
}

static cc_status read_decimal(const char *format, orc_column *out, cc_error *error) {
    char *comma, *end = NULL;
    if (strncmp(format, "d:", 2) != 0)
        return unsupported(out, format, error);
    long precision = strtol(format + 2, &comma, 10), scale = *comma == ',' ? strtol(comma + 1, &end, 10) : -1;
    if (scale < 0 || *end != '\0' || precision < 1 || precision > 38 || scale > precision)
        return unsupported(out, format, error);
    out->kind = ORC_DECIMAL;
    out->precision = (int)precision;
    out->scale = (int)scale;
    return CC_OK;
}

static cc_status read_format(const char *format, orc_column *out, cc_error *error) {
    static const struct {
        const char *format;
        orc_kind kind;
    } plain[] = {{"b", ORC_BOOLEAN}, {"c", ORC_BYTE},  {"s", ORC_SHORT},  {"i", ORC_INT},
                 {"l", ORC_LONG},    {"f", ORC_FLOAT}, {"g", ORC_DOUBLE}, {"u", ORC_STRING},
                 {"z", ORC_BINARY},  {"tdD", ORC_DATE}};
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        if (strcmp(format, plain[i].format) == 0) {
            out->kind = plain[i].kind;
            return CC_OK;
        }
    if (strncmp(format, "ts", 2) != 0)
        return read_decimal(format, out, error);
    if (format[2] == '\0' || strchr("smun", format[2]) == NULL || format[3] != ':')
        return unsupported(out, format, error);
    out->unit = format[2];
    out->kind = format[4] != '\0' ? ORC_INSTANT : ORC_TIMESTAMP;
    return CC_OK;
}

/* The children that a schema has here: those of a struct, the element of a list, key and value of a map. */
static struct ArrowSchema **children_of(const struct ArrowSchema *schema, int64_t *count_out) {
    bool map = strcmp(schema->format, "+m") == 0 && schema->n_children == 1;
    const struct ArrowSchema *from = map ? schema->children[0] : schema;
    *count_out = from->n_children;
    return from->children;
}

static size_t count_of(const struct ArrowSchema *schema, int depth) {
    int64_t children;
    size_t count = 1;
    if (depth > DEPTH_MAX || schema->format[0] != '+')
        return count;
    struct ArrowSchema **each = children_of(schema, &children);
    for (int64_t i = 0; i < children; i++)
        count += count_of(each[i], depth + 1);
    return count;
}

size_t cc_orc_schema_count(const struct ArrowSchema *schema) { return count_of(schema, 0); }

cc_status cc_orc_schema_open(const struct ArrowSchema *schema, int depth, orc_column *columns_out,
                             uint32_t *count, cc_error *error) {
    orc_column *at = &columns_out[*count];
    at->id = (*count)++;
    at->name = strdup(schema->name != NULL ? schema->name : "");
    if (at->name == NULL)
        return cc_orc_no_memory(error);
    if (depth > DEPTH_MAX)
        return cc_fail(error, CC_ERR_LIMIT, "the schema is nested too deeply");
    if (schema->dictionary != NULL)
        return unsupported(at, "dictionary", error);
    if (schema->format[0] != '+')
        return read_format(schema->format, at, error);
    int64_t children;
    struct ArrowSchema **each = children_of(schema, &children);
    at->kind = strcmp(schema->format, "+l") == 0   ? ORC_LIST
               : strcmp(schema->format, "+m") == 0 ? ORC_MAP
                                                   : ORC_STRUCT;
    if ((at->kind == ORC_STRUCT && strcmp(schema->format, "+s") != 0) || children == 0 ||
        (at->kind == ORC_LIST && children != 1) || (at->kind == ORC_MAP && children != 2))
        return unsupported(at, schema->format, error);
    at->children = calloc((size_t)children, sizeof(orc_column *));
    if (at->children == NULL)
        return cc_orc_no_memory(error);
    for (int64_t i = 0; i < children; i++) {
        at->children[at->child_count++] = &columns_out[*count];
        CC_TRY(cc_orc_schema_open(each[i], depth + 1, columns_out, count, error));
    }
    return CC_OK;
}

void cc_orc_schema_write(const orc_column *columns, size_t count, cc_proto *proto) {
    for (size_t i = 0; i < count; i++) {
        const orc_column *at = &columns[i];
        cc_proto_open(proto, 4);
        cc_proto_u64(proto, 1, at->kind);
        if (at->child_count != 0) {
            cc_proto_open(proto, 2);
            for (uint32_t k = 0; k < at->child_count; k++)
                cc_proto_packed(proto, at->children[k]->id);
            cc_proto_end(proto);
        }
        for (uint32_t k = 0; at->kind == ORC_STRUCT && k < at->child_count; k++)
            cc_proto_bytes(proto, 3, cc_bytes_text(at->children[k]->name));
        if (at->kind == ORC_DECIMAL) {
            cc_proto_u64(proto, 5, (uint64_t)at->precision);
            cc_proto_u64(proto, 6, (uint64_t)at->scale);
        }
        cc_proto_end(proto);
    }
}
