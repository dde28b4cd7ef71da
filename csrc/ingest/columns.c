/* columns.c: the tree of columns and the walk of a record through it. See columns.h. */
#include "ingest/columns.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/little.h"
#include "ingest/columns_internal.h"

enum { DEPTH_MAX = 64 };

cc_status(cc_column_mismatch)(const column *into, const char *what, cc_error *error) {
    return cc_fail(error, CC_ERR_VALIDATION, "column %s: %s", into->name, what);
}

static cc_status no_memory(cc_error *error) { return cc_fail(error, CC_ERR_NOMEM, "no memory for columns"); }

/* ---- open ---- */

static bool timestamp_unit(char letter, int64_t *unit_out) {
    const char *letters = "smun";
    const char *at = letter != '\0' ? strchr(letters, letter) : NULL;
    if (at == NULL)
        return false;
    *unit_out = 1;
    for (; at > letters; at--)
        *unit_out *= 1000;
    return true;
}

/* "d:PRECISION,SCALE", of 128 bits. */
static bool read_decimal_format(const char *format, int *precision_out, int *scale_out) {
    if (strncmp(format, "d:", 2) != 0)
        return false;
    char *comma, *end;
    long precision = strtol(format + 2, &comma, 10);
    if (*comma != ',')
        return false;
    long scale = strtol(comma + 1, &end, 10);
    if (end == comma + 1 || *end != '\0' || precision < 1 || precision > 38 || scale < 0 || scale > precision)
        return false;
    *precision_out = (int)precision;
    *scale_out = (int)scale;
    return true;
}

static cc_status read_format(const char *format, column *out, cc_error *error) {
    static const struct {
        const char *format;
        column_kind kind;
        uint32_t width;
    } plain[] = {{"b", COLUMN_BOOL, 1},   {"c", COLUMN_INT8, 1},    {"s", COLUMN_INT16, 2},
                 {"i", COLUMN_INT32, 4},  {"l", COLUMN_INT64, 8},   {"f", COLUMN_FLOAT, 4},
                 {"g", COLUMN_DOUBLE, 8}, {"u", COLUMN_STRING, 0},  {"z", COLUMN_BINARY, 0},
                 {"tdD", COLUMN_DATE, 4}, {"+s", COLUMN_STRUCT, 0}, {"+l", COLUMN_LIST, 0},
                 {"+m", COLUMN_MAP, 0}};
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        if (strcmp(format, plain[i].format) == 0) {
            out->kind = plain[i].kind;
            out->width = plain[i].width;
            return CC_OK;
        }
    if (strncmp(format, "ts", 2) == 0 && timestamp_unit(format[2], &out->unit)) {
        out->kind = COLUMN_TIMESTAMP;
        out->width = 8;
        return CC_OK;
    }
    if (read_decimal_format(format, &out->precision, &out->scale)) {
        out->kind = COLUMN_DECIMAL;
        out->width = 16;
        return CC_OK;
    }
    return cc_fail(error, CC_ERR_UNSUPPORTED, "column %s: type %s is not supported", out->name, format);
}

/* Whether a field's metadata (u32 pairs, then each u32 size, key, u32 size, value) say cloudcore = json. */
static bool says_json(const char *metadata) {
    uint32_t pairs, size;
    if (metadata == NULL)
        return false;
    memcpy(&pairs, metadata, 4);
    const char *at = metadata + 4;
    for (uint32_t i = 0; i < pairs; i++) {
        memcpy(&size, at, 4);
        bool ours = size == 9 && memcmp(at + 4, "cloudcore", 9) == 0;
        at += 4 + (size_t)size;
        memcpy(&size, at, 4);
        if (ours)
            return size == 4 && memcmp(at + 4, "json", 4) == 0;
        at += 4 + (size_t)size;
    }
    return false;
}

/* Children in the order in which an item has them; few, and made once. */
static cc_status sort_children(column *into, cc_error *error) {
    into->by_hash = calloc(into->child_count, sizeof *into->by_hash);
    if (into->by_hash == NULL)
        return no_memory(error);
    for (uint32_t i = 0; i < into->child_count; i++) {
        uint32_t j = i;
        cc_bytes name = cc_bytes_text(into->children[i].name);
        for (; j > 0 &&
               cc_column_order(&into->children[into->by_hash[j - 1]], into->children[i].hash, name) > 0;
             j--)
            into->by_hash[j] = into->by_hash[j - 1];
        into->by_hash[j] = i;
    }
    return CC_OK;
}

static cc_status build(const struct ArrowSchema *schema, int depth, column *out, cc_error *error) {
    if (depth > DEPTH_MAX)
        return cc_fail(error, CC_ERR_LIMIT, "the schema is nested too deeply");
    const char *name = schema->name != NULL ? schema->name : "";
    cc_buffer token = {0};
    out->name = strdup(name);
    if (out->name == NULL || cc_json_write_string(&token, cc_bytes_text(name)) != CC_OK ||
        cc_buffer_append_byte(&token, ':') != CC_OK) {
        cc_buffer_free(&token);
        return no_memory(error);
    }
    out->token = (char *)token.data;
    out->token_size = token.size;
    out->nullable = (schema->flags & ARROW_FLAG_NULLABLE) != 0;
    out->hash = cc_name_hash(cc_bytes_text(name));
    CC_TRY(read_format(schema->format, out, error));
    out->json = out->kind == COLUMN_STRING && says_json(schema->metadata);
    if (cc_column_has_offsets(out)) {
        int32_t zero = 0;
        if (cc_buffer_append(&out->offsets, &zero, 4) != CC_OK)
            return no_memory(error);
    }
    out->child_count = (uint32_t)schema->n_children;
    if (out->child_count == 0)
        return CC_OK;
    out->children = calloc(out->child_count, sizeof *out->children);
    out->follows = calloc(out->child_count + 1, sizeof *out->follows);
    if (out->children == NULL || out->follows == NULL)
        return no_memory(error);
    for (uint32_t i = 0; i < out->child_count; i++) {
        out->follows[i] = i; /* after child i - 1 comes i, until a record says otherwise */
        CC_TRY(build(schema->children[i], depth + 1, &out->children[i], error));
    }
    return sort_children(out, error);
}

static void destroy(column *c) {
    for (uint32_t i = 0; c->children != NULL && i < c->child_count; i++)
        destroy(&c->children[i]);
    free(c->children);
    free(c->follows);
    free(c->by_hash);
    free(c->name);
    free(c->token);
    cc_buffer_free(&c->valid);
    cc_buffer_free(&c->data);
    cc_buffer_free(&c->offsets);
}

cc_status cc_columns_open(const struct ArrowSchema *schema, unsigned flags, cc_columns **columns_out,
                          cc_error *error) {
    cc_columns *columns = calloc(1, sizeof *columns);
    if (columns == NULL)
        return no_memory(error);
    columns->flags = flags;
    columns->locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    cc_status status = columns->locale == (locale_t)0 ? no_memory(error)
                                                      : build(schema, 0, &columns->root, error);
    if (status == CC_OK && columns->root.kind != COLUMN_STRUCT)
        status = cc_fail(error, CC_ERR_ARGUMENT, "the schema of columns is a struct of fields");
    if (status != CC_OK) {
        cc_columns_close(columns);
        return status;
    }
    *columns_out = columns;
    return CC_OK;
}

void cc_columns_close(cc_columns *columns) {
    if (columns == NULL)
        return;
    destroy(&columns->root);
    if (columns->locale != (locale_t)0)
        freelocale(columns->locale);
    cc_buffer_free(&columns->text);
    free(columns);
}

int64_t cc_columns_rows(const cc_columns *columns) { return columns->root.length; }

/* ---- nulls and undoing ---- */

cc_status cc_column_null(column *into, cc_error *error) {
    static const uint8_t zeros[16];
    if (cc_buffer_append_byte(&into->valid, 0) != CC_OK ||
        cc_buffer_append(&into->data, zeros, into->width) != CC_OK)
        return no_memory(error);
    if (cc_column_has_offsets(into)) {
        int32_t last = cc_column_last_offset(into);
        if (cc_buffer_append(&into->offsets, &last, 4) != CC_OK)
            return no_memory(error);
    } else {
        for (uint32_t i = 0; i < into->child_count; i++)
            CC_TRY(cc_column_null(&into->children[i], error));
    }
    into->length++;
    into->nulls++;
    return CC_OK;
}

void cc_column_truncate(column *into, int64_t length) {
    /* A failed append may have left a buffer ahead of the length: cut them all. */
    for (size_t i = (size_t)length; i < (size_t)into->length && i < into->valid.size; i++)
        into->nulls -= into->valid.data[i] == 0;
    into->length = length;
    into->valid.size = (size_t)length;
    if (cc_column_has_offsets(into)) {
        into->offsets.size = ((size_t)length + 1) * 4;
        int32_t last = cc_column_last_offset(into);
        if (into->child_count == 0)
            into->data.size = (size_t)last;
        else
            cc_column_truncate(&into->children[0], last);
        return;
    }
    into->data.size = (size_t)length * into->width;
    for (uint32_t i = 0; i < into->child_count; i++)
        cc_column_truncate(&into->children[i], length);
}

/* ---- structs, lists, maps ---- */

static bool same_name(const cc_columns *columns, cc_bytes text, const char *name) {
    size_t size = strlen(name);
    if (text.size != size)
        return false;
    if (memcmp(text.data, name, size) == 0)
        return true;
    bool fold = (columns->flags & CC_COLUMNS_CASE_INSENSITIVE) != 0;
    bool dots = (columns->flags & CC_COLUMNS_DOTS_AS_UNDERSCORES) != 0;
    if (!fold && !dots)
        return false;
    for (size_t i = 0; i < size; i++) {
        uint8_t a = text.data[i], b = (uint8_t)name[i];
        if (fold) {
            a = a >= 'A' && a <= 'Z' ? (uint8_t)(a + 32) : a;
            b = b >= 'A' && b <= 'Z' ? (uint8_t)(b + 32) : b;
        }
        if (dots && a == '.')
            a = '_';
        if (a != b)
            return false;
    }
    return true;
}

/* Whether `size` bytes are the same, without a call where they are few, as those of keys are. */
static inline bool same_bytes(const uint8_t *a, const char *b, size_t size) {
    const uint8_t *other = (const uint8_t *)b;
    if (size < 8 || size > 32)
        return memcmp(a, b, size) == 0;
    uint64_t differ = cc_get_u64(a + size - 8) ^ cc_get_u64(other + size - 8);
    for (size_t i = 0; i + 8 < size; i += 8)
        differ |= cc_get_u64(a + i) ^ cc_get_u64(other + i);
    return differ == 0;
}

/* The child that the member at the cursor names; NULL for a key the schema does not have. */
static cc_status find_child(cc_columns *columns, column *into, cc_json_cursor *cursor, bool *first,
                            uint32_t *previous, column **child_out, bool *more_out, cc_error *error) {
    /* The usual case without the general reader: `,"expected":` */
    uint32_t guess = into->follows[*previous];
    const uint8_t *at = cursor->at;
    bool comma = at < cursor->end && *at == ',';
    if (!*first && comma)
        at++;
    while (at < cursor->end && *at == ' ')
        at++;
    column *child = &into->children[guess];
    if ((*first || comma) && (size_t)(cursor->end - at) > child->token_size &&
        same_bytes(at, child->token, child->token_size)) {
        cursor->at = at + child->token_size;
        *first = false;
        *previous = guess + 1;
        *child_out = child;
        *more_out = true;
        return CC_OK;
    }
    cc_json_string name;
    CC_TRY(cc_json_next_member(cursor, first, &name, more_out, error));
    *child_out = NULL;
    if (!*more_out)
        return CC_OK;
    cc_bytes text = name.text;
    if (name.escaped) {
        cc_buffer_clear(&columns->text);
        if (cc_buffer_reserve(&columns->text, text.size) != CC_OK)
            return no_memory(error);
        CC_TRY(cc_json_unescape(name, columns->text.data, &columns->text.size, error));
        text = cc_buffer_bytes(&columns->text);
    }
    for (uint32_t i = 0; i < into->child_count; i++)
        if (same_name(columns, text, into->children[i].name)) {
            into->follows[*previous] = i;
            *previous = i + 1;
            *child_out = &into->children[i];
            return CC_OK;
        }
    return CC_OK;
}

static cc_status read_struct(cc_columns *columns, column *into, cc_json_cursor *cursor, cc_error *error) {
    CC_TRY(cc_json_enter(cursor, CC_JSON_OBJECT, error));
    bool first = true, more = true;
    uint32_t previous = 0;
    while (more) {
        column *child = NULL;
        if (into->child_count != 0) {
            CC_TRY(find_child(columns, into, cursor, &first, &previous, &child, &more, error));
        } else {
            cc_json_string name;
            CC_TRY(cc_json_next_member(cursor, &first, &name, &more, error));
        }
        if (!more)
            break;
        if (child == NULL) {
            CC_TRY(cc_json_skip(cursor, NULL, error));
            continue;
        }
        if (CC_UNLIKELY(child->length > into->length)) /* a key given twice: the last one counts */
            cc_column_truncate(child, into->length);
        CC_TRY(cc_column_value(columns, child, cursor, error));
    }
    for (uint32_t i = 0; i < into->child_count; i++)
        if (into->children[i].length == into->length) {
            if (CC_UNLIKELY(!into->children[i].nullable))
                return cc_column_mismatch(&into->children[i], "is missing and must not be null", error);
            CC_TRY(cc_column_null(&into->children[i], error));
        }
    return cc_column_present(into) == CC_OK ? CC_OK : no_memory(error);
}

cc_status cc_column_end_list(column *into, int64_t length, cc_error *error) {
    if (length > INT32_MAX)
        return cc_fail(error, CC_ERR_LIMIT, "column %s holds too many elements", into->name);
    int32_t end = (int32_t)length;
    if (cc_buffer_append(&into->offsets, &end, 4) != CC_OK || cc_column_present(into) != CC_OK)
        return no_memory(error);
    return CC_OK;
}

static cc_status read_list(cc_columns *columns, column *into, cc_json_cursor *cursor, cc_error *error) {
    bool first = true, more;
    CC_TRY(cc_json_enter(cursor, CC_JSON_ARRAY, error));
    for (;;) {
        CC_TRY(cc_json_next_element(cursor, &first, &more, error));
        if (!more)
            return cc_column_end_list(into, into->children[0].length, error);
        CC_TRY(cc_column_value(columns, &into->children[0], cursor, error));
    }
}

/* An Arrow map: a list of struct<key, value>, keys never null. */
static cc_status read_map(cc_columns *columns, column *into, cc_json_cursor *cursor, cc_error *error) {
    column *entries = &into->children[0], *key = &entries->children[0];
    bool first = true, more;
    CC_TRY(cc_json_enter(cursor, CC_JSON_OBJECT, error));
    for (;;) {
        cc_json_string name;
        CC_TRY(cc_json_next_member(cursor, &first, &name, &more, error));
        if (!more)
            return cc_column_end_list(into, entries->length, error);
        /* The key goes through the ordinary value reader, so a map<int, ..> checks its keys too. */
        cc_json_cursor quoted = {name.text.data - 1, name.text.data - 1, name.text.data + name.text.size + 1};
        CC_TRY(cc_column_scalar(columns, key, &quoted, CC_JSON_STRING, error));
        CC_TRY(cc_column_value(columns, &entries->children[1], cursor, error));
        if (cc_column_present(entries) != CC_OK)
            return no_memory(error);
    }
}

/* NULL, or what Hive's reader has against a value of this kind in the column. */
static const char *strict_objection(const column *into, cc_json_kind kind) {
    switch (into->kind) {
    case COLUMN_INT8:
    case COLUMN_INT16:
    case COLUMN_INT32:
    case COLUMN_INT64:
    case COLUMN_FLOAT:
    case COLUMN_DOUBLE:
    case COLUMN_DECIMAL:
        if (kind == CC_JSON_STRING)
            return "Current token (VALUE_STRING) not numeric, can not use numeric value accessors";
        return kind == CC_JSON_NUMBER ? NULL : "expected a number";
    case COLUMN_BOOL:
        return kind == CC_JSON_TRUE || kind == CC_JSON_FALSE ? NULL : "expected true or false";
    case COLUMN_STRING:
    case COLUMN_BINARY:
        return kind == CC_JSON_OBJECT || kind == CC_JSON_ARRAY ? "expected a scalar" : NULL;
    case COLUMN_DATE:
        return kind == CC_JSON_STRING ? NULL : "expected a date as text";
    case COLUMN_LIST:
        return kind == CC_JSON_ARRAY ? NULL : "Start of Array expected";
    case COLUMN_STRUCT:
    case COLUMN_MAP:
        return kind == CC_JSON_OBJECT ? NULL : "Start of Object expected";
    default:
        return NULL;
    }
}

cc_status cc_column_value(cc_columns *columns, column *into, cc_json_cursor *cursor, cc_error *error) {
    if (CC_LIKELY((columns->flags & CC_COLUMNS_STRICT) == 0)) {
        bool done;
        CC_TRY(cc_column_quick(into, cursor, &done, error));
        if (CC_LIKELY(done))
            return CC_OK;
    }
    cc_json_kind kind = cc_json_peek(cursor);
    if (kind == CC_JSON_NULL) {
        CC_TRY(cc_json_read_null(cursor, error));
        if (CC_UNLIKELY(!into->nullable))
            return cc_column_mismatch(into, "must not be null", error);
        return cc_column_null(into, error);
    }
    if (CC_UNLIKELY(columns->flags & CC_COLUMNS_STRICT)) {
        const char *objection = strict_objection(into, kind);
        if (objection != NULL) {
            CC_TRY(cc_json_skip(cursor, NULL, error)); /* broken JSON is worse than the wrong kind */
            return cc_column_mismatch(into, objection, error);
        }
    }
    switch (into->kind) {
    case COLUMN_STRUCT:
        if (kind != CC_JSON_OBJECT)
            break;
        return read_struct(columns, into, cursor, error);
    case COLUMN_LIST:
        if (kind != CC_JSON_ARRAY)
            break;
        return read_list(columns, into, cursor, error);
    case COLUMN_MAP:
        if (kind != CC_JSON_OBJECT)
            break;
        return read_map(columns, into, cursor, error);
    default:
        return cc_column_scalar(columns, into, cursor, kind, error);
    }
    CC_TRY(cc_json_skip(cursor, NULL, error)); /* broken JSON is worse than the wrong kind */
    return cc_column_mismatch(into, into->kind == COLUMN_LIST ? "expected an array" : "expected an object",
                              error);
}

cc_status cc_columns_append(cc_columns *columns, cc_bytes record, cc_error *error) {
    cc_json_cursor cursor = cc_json_open(record);
    int64_t before = columns->root.length;
    cc_status status = CC_OK;
    cc_json_kind kind = cc_json_peek(&cursor);
    if (kind == CC_JSON_END)
        status = cc_fail(error, CC_ERR_SERIALIZATION, "the record is empty");
    while (status == CC_OK && kind != CC_JSON_END) {
        status = kind == CC_JSON_OBJECT
                     ? read_struct(columns, &columns->root, &cursor, error)
                     : cc_fail(error, CC_ERR_SERIALIZATION, "invalid JSON at byte %zu: a record is an object",
                               (size_t)(cursor.at - cursor.begin));
        if (status == CC_OK)
            kind = cc_json_peek(&cursor);
    }
    if (CC_UNLIKELY(status != CC_OK))
        cc_column_truncate(&columns->root, before);
    return status;
}

cc_status cc_columns_finish(cc_columns *columns, struct ArrowArray *array_out, cc_error *error) {
    if (cc_column_export(&columns->root, false, array_out) != CC_OK)
        return no_memory(error);
    return CC_OK;
}

cc_status cc_columns_lend(cc_columns *columns, struct ArrowArray *array_out, cc_error *error) {
    if (cc_column_export(&columns->root, true, array_out) != CC_OK)
        return no_memory(error);
    return CC_OK;
}

cc_status cc_columns_clear(cc_columns *columns, cc_error *error) {
    return cc_column_restart(&columns->root) == CC_OK ? CC_OK : no_memory(error);
}
