/* infer.c: see infer.h. */
#include "ingest/infer.h"

#include <stdio.h>

#include "codec/number.h"

enum { SETS = 1 << CC_TYPE_SS | 1 << CC_TYPE_NS | 1 << CC_TYPE_BS, PRECISION_MAX = 38 };

static cc_status no_memory(cc_error *error) { return cc_fail(error, CC_ERR_NOMEM, "no memory for a schema"); }

void cc_infer_init(cc_infer *infer) {
    *infer = (cc_infer){0};
    cc_arena_init(&infer->arena, 0);
}

void cc_infer_free(cc_infer *infer) { cc_arena_free(&infer->arena); }

static int order_of(const cc_infer_node *node, uint32_t hash, cc_bytes name) {
    if (node->hash != hash)
        return node->hash < hash ? -1 : 1;
    return cc_bytes_compare(node->name, name);
}

/* NULL when memory is out. */
static cc_infer_node *node_new(cc_infer *infer, uint32_t hash, cc_bytes name) {
    cc_infer_node *node = cc_arena_alloc(&infer->arena, sizeof *node);
    cc_bytes copy = cc_arena_copy(&infer->arena, name);
    if (node == NULL || (copy.data == NULL && name.size != 0))
        return NULL;
    *node = (cc_infer_node){.name = copy, .hash = hash};
    return node;
}

static cc_status field_insert(cc_infer *infer, cc_infer_node *into, uint32_t at, uint32_t hash, cc_bytes name,
                              cc_error *error) {
    if (into->field_count == into->field_capacity) {
        uint32_t capacity = into->field_capacity == 0 ? 16 : into->field_capacity * 2;
        cc_infer_node **fields = cc_arena_alloc(&infer->arena, capacity * sizeof(cc_infer_node *));
        if (fields == NULL)
            return no_memory(error);
        if (into->field_count != 0)
            memcpy(fields, into->fields, into->field_count * sizeof(cc_infer_node *));
        into->fields = fields;
        into->field_capacity = capacity;
    }
    cc_infer_node *node = node_new(infer, hash, name);
    if (node == NULL)
        return no_memory(error);
    memmove(into->fields + at + 1, into->fields + at, (into->field_count - at) * sizeof(cc_infer_node *));
    into->fields[at] = node;
    into->field_count++;
    return CC_OK;
}

static cc_status infer_value(cc_infer *infer, cc_infer_node *into, cc_value value, cc_error *error);

static cc_status infer_map(cc_infer *infer, cc_infer_node *into, cc_bytes item, cc_error *error) {
    uint32_t at = 0;
    if (into->crowded)
        return CC_OK;
    for (uint32_t i = 0; i < cc_item_count(item); i++) {
        uint32_t hash;
        cc_bytes name;
        cc_value value;
        int order = 1;
        memcpy(&hash, item.data + 8 + 8 * (size_t)i, 4);
        cc_item_at(item, i, &name, &value);
        for (; at < into->field_count; at++) {
            order = order_of(into->fields[at], hash, name);
            if (order >= 0)
                break;
        }
        if (at == into->field_count || order != 0) {
            if (into->field_count == CC_INFER_FIELDS_MAX && into != &infer->root) {
                into->crowded = true;
                return CC_OK;
            }
            CC_TRY(field_insert(infer, into, at, hash, name, error));
        }
        CC_TRY(infer_value(infer, into->fields[at++], value, error));
    }
    return CC_OK;
}

static void infer_number(cc_infer_node *into, cc_bytes number) {
    cc_decimal decimal;
    int64_t whole;
    cc_number_to_decimal(number, &decimal);
    int front = decimal.digits + decimal.exponent, behind = -decimal.exponent;
    into->whole = front > into->whole ? front : into->whole;
    into->fraction = behind > into->fraction ? behind : into->fraction;
    into->not_int64 = into->not_int64 || !cc_number_to_int64(number, &whole);
}

/* The elements of a list, or the members of a set, which lie as values without their type. */
static cc_status infer_elements(cc_infer *infer, cc_infer_node *into, cc_value value, cc_error *error) {
    cc_infer_node *element = into->element;
    if (element == NULL) {
        element = into->element = node_new(infer, 0, cc_bytes_of(NULL, 0));
        if (element == NULL)
            return no_memory(error);
    }
    if (value.type == CC_TYPE_L) {
        cc_value inner;
        for (uint32_t i = 0; cc_list_at(value, i, &inner); i++)
            CC_TRY(infer_value(infer, element, inner, error));
        return CC_OK;
    }
    cc_type type = value.type == CC_TYPE_SS ? CC_TYPE_S : value.type == CC_TYPE_NS ? CC_TYPE_N : CC_TYPE_B;
    size_t position = 0;
    cc_bytes member;
    element->types |= (uint32_t)1 << type;
    while (type == CC_TYPE_N && cc_set_next(value, &position, &member))
        infer_number(element, member);
    return CC_OK;
}

static cc_status infer_value(cc_infer *infer, cc_infer_node *into, cc_value value, cc_error *error) {
    into->types |= (uint32_t)1 << value.type;
    if (value.type == CC_TYPE_N)
        infer_number(into, cc_value_bytes(value));
    if (value.type == CC_TYPE_M)
        return infer_map(infer, into, value.payload, error);
    if (value.type == CC_TYPE_L || ((uint32_t)1 << value.type & SETS) != 0)
        return infer_elements(infer, into, value, error);
    return CC_OK;
}

cc_status cc_infer_item(cc_infer *infer, cc_bytes item, cc_error *error) {
    infer->root.types |= 1 << CC_TYPE_M;
    return infer_map(infer, &infer->root, item, error);
}

static void number_format(const cc_infer_node *node, cc_numbers numbers, char out[16]) {
    int precision = node->whole + node->fraction;
    if (!node->not_int64 && numbers != CC_NUMBERS_DECIMAL)
        snprintf(out, 16, "l");
    else if (numbers == CC_NUMBERS_FLOAT || precision > PRECISION_MAX)
        snprintf(out, 16, "g");
    else
        snprintf(out, 16, "d:%d,%d", precision < 1 ? 1 : precision, node->fraction);
}

void cc_infer_format(const cc_infer_node *node, cc_numbers numbers, bool documents_as_json, char out[16]) {
    uint32_t types = node->types & ~(uint32_t)(1 << CC_TYPE_NULL);
    const char *format = "json"; /* types that no one column holds */
    if (types == 0 || types == 1 << CC_TYPE_S)
        format = "u";
    else if (types == 1 << CC_TYPE_B)
        format = "z";
    else if (types == 1 << CC_TYPE_BOOL)
        format = "b";
    else if (types == 1 << CC_TYPE_M && !documents_as_json && !node->crowded && node->field_count != 0)
        format = "+s";
    else if ((types & ~(uint32_t)SETS) == 0 || (types == 1 << CC_TYPE_L && !documents_as_json))
        format = "+l";
    if (types == 1 << CC_TYPE_N)
        number_format(node, numbers, out);
    else
        snprintf(out, 16, "%s", format);
}
