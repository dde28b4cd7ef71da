/* item_columns.c: encoded items into the tree of columns, one walk an item.
 *
 * An item's attributes lie in the order of (name hash, name), and so does by_hash of a struct's columns: both
 * are walked in step, and no name is looked up. */
#include "codec/number.h"
#include "ingest/columns_internal.h"

static cc_status no_memory(cc_error *error) { return cc_fail(error, CC_ERR_NOMEM, "no memory for columns"); }

static cc_status item_value(cc_columns *columns, column *into, cc_value value, cc_error *error);

static cc_status missing(column *into, cc_error *error) {
    if (CC_UNLIKELY(!into->nullable))
        return cc_column_mismatch(into, "is missing and must not be null", error);
    return cc_column_null(into, error);
}

static cc_status item_struct(cc_columns *columns, column *into, cc_bytes item, cc_error *error) {
    uint32_t count = cc_item_count(item), at = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t hash;
        cc_bytes name;
        cc_value value;
        int order = 1;
        memcpy(&hash, item.data + 8 + 8 * (size_t)i, 4);
        cc_item_at(item, i, &name, &value);
        for (; at < into->child_count; at++) {
            order = cc_column_order(&into->children[into->by_hash[at]], hash, name);
            if (order >= 0)
                break;
            CC_TRY(missing(&into->children[into->by_hash[at]], error));
        }
        if (at < into->child_count && order == 0)
            CC_TRY(item_value(columns, &into->children[into->by_hash[at++]], value, error));
        else if ((columns->flags & CC_COLUMNS_EVERY_ATTRIBUTE) != 0)
            return cc_fail(error, CC_ERR_VALIDATION, "attribute %.*s has no column in %s",
                           (int)cc_utf8_cut(name, 100), (const char *)name.data,
                           into->name[0] != '\0' ? into->name : "the schema");
    }
    for (; at < into->child_count; at++)
        CC_TRY(missing(&into->children[into->by_hash[at]], error));
    return cc_column_present(into) == CC_OK ? CC_OK : no_memory(error);
}

static cc_status item_list(cc_columns *columns, column *into, cc_value value, cc_error *error) {
    column *element = &into->children[0];
    cc_value inner;
    if (value.type == CC_TYPE_L) {
        for (uint32_t i = 0; cc_list_at(value, i, &inner); i++)
            CC_TRY(item_value(columns, element, inner, error));
        return cc_column_end_list(into, element->length, error);
    }
    if (value.type != CC_TYPE_SS && value.type != CC_TYPE_NS && value.type != CC_TYPE_BS)
        return cc_column_mismatch(into, "expected a list or a set", error);
    /* A member of a set lies as a value of its type does, its size in front. */
    size_t position = 0, head = value.type == CC_TYPE_NS ? 1 : 4;
    cc_bytes member;
    inner.type = value.type == CC_TYPE_SS ? CC_TYPE_S : value.type == CC_TYPE_NS ? CC_TYPE_N : CC_TYPE_B;
    while (cc_set_next(value, &position, &member)) {
        inner.payload = cc_bytes_of(member.data - head, member.size + head);
        CC_TRY(item_value(columns, element, inner, error));
    }
    return cc_column_end_list(into, element->length, error);
}

static cc_status item_map(cc_columns *columns, column *into, cc_bytes item, cc_error *error) {
    column *entries = &into->children[0], *key = &entries->children[0];
    cc_bytes name;
    cc_value value;
    if (key->kind != COLUMN_STRING)
        return cc_column_mismatch(into, "the keys of a map are texts", error);
    for (uint32_t i = 0; i < cc_item_count(item); i++) {
        cc_item_at(item, i, &name, &value);
        if (cc_buffer_append(&key->data, name.data, name.size) != CC_OK)
            return no_memory(error);
        CC_TRY(cc_column_end_text(key, error));
        CC_TRY(item_value(columns, &entries->children[1], value, error));
        if (cc_column_present(entries) != CC_OK)
            return no_memory(error);
    }
    return cc_column_end_list(into, entries->length, error);
}

static cc_status item_decimal(column *into, cc_bytes number, cc_error *error) {
    cc_decimal decimal;
    cc_int128 scaled;
    cc_number_to_decimal(number, &decimal);
    if (!cc_decimal_rescale(&decimal, -into->scale, &scaled) ||
        decimal.digits + decimal.exponent + into->scale > into->precision)
        return cc_column_mismatch(into, "the number has more digits than the column", error);
    return cc_column_fixed(into, &scaled, error);
}

static cc_status item_integer(column *into, cc_bytes number, cc_error *error) {
    int64_t whole, largest = INT64_MAX >> (64 - 8 * into->width);
    if (!cc_number_to_int64(number, &whole) || whole > largest || whole < -largest - 1)
        return cc_column_mismatch(into, "the number is no integer of that size", error);
    return cc_column_fixed(into, &whole, error); /* little-endian: the low bytes */
}

static cc_status item_text(column *into, cc_value value, cc_error *error) {
    cc_status status;
    if (value.type == CC_TYPE_S && !into->json) {
        cc_bytes text = cc_value_bytes(value);
        status = cc_buffer_append(&into->data, text.data, text.size);
    } else {
        status = cc_value_to_plain_json(value, &into->data);
    }
    return status == CC_OK ? cc_column_end_text(into, error) : no_memory(error);
}

/* What is rare goes through its JSON: dates, times, numbers in texts. */
static cc_status item_as_json(cc_columns *columns, column *into, cc_value value, cc_error *error) {
    cc_buffer json = {0};
    cc_status status = cc_value_to_plain_json(value, &json);
    if (status == CC_OK) {
        cc_json_cursor cursor = cc_json_open(cc_buffer_bytes(&json));
        status = cc_column_scalar(columns, into, &cursor, cc_json_peek(&cursor), error);
    } else {
        status = no_memory(error);
    }
    cc_buffer_free(&json);
    return status;
}

static cc_status item_number(column *into, cc_bytes number, cc_error *error) {
    double wide = cc_number_to_double(number);
    float narrow = (float)wide;
    return cc_column_fixed(into, into->kind == COLUMN_FLOAT ? (const void *)&narrow : &wide, error);
}

static cc_status item_binary(column *into, cc_value value, cc_error *error) {
    cc_bytes data = cc_value_bytes(value);
    if (cc_buffer_append(&into->data, data.data, data.size) != CC_OK)
        return no_memory(error);
    return cc_column_end_text(into, error);
}

static cc_status item_value(cc_columns *columns, column *into, cc_value value, cc_error *error) {
    cc_type type = value.type;
    if (type == CC_TYPE_NULL)
        return into->nullable ? cc_column_null(into, error)
                              : cc_column_mismatch(into, "must not be null", error);
    switch (into->kind) {
    case COLUMN_STRING:
        return item_text(into, value, error);
    case COLUMN_STRUCT:
        return type == CC_TYPE_M ? item_struct(columns, into, value.payload, error)
                                 : cc_column_mismatch(into, "expected a map", error);
    case COLUMN_MAP:
        return type == CC_TYPE_M ? item_map(columns, into, value.payload, error)
                                 : cc_column_mismatch(into, "expected a map", error);
    case COLUMN_LIST:
        return item_list(columns, into, value, error);
    case COLUMN_INT8:
    case COLUMN_INT16:
    case COLUMN_INT32:
    case COLUMN_INT64:
        if (type == CC_TYPE_N)
            return item_integer(into, cc_value_bytes(value), error);
        break;
    case COLUMN_FLOAT:
    case COLUMN_DOUBLE:
        if (type == CC_TYPE_N)
            return item_number(into, cc_value_bytes(value), error);
        break;
    case COLUMN_DECIMAL:
        if (type == CC_TYPE_N)
            return item_decimal(into, cc_value_bytes(value), error);
        break;
    case COLUMN_BOOL:
        if (type == CC_TYPE_BOOL)
            return cc_column_fixed(into, value.payload.data, error);
        break;
    case COLUMN_BINARY:
        return type == CC_TYPE_B || type == CC_TYPE_S ? item_binary(into, value, error)
                                                      : cc_column_mismatch(into, "expected binary", error);
    default:
        break;
    }
    if (type == CC_TYPE_S || type == CC_TYPE_N || type == CC_TYPE_BOOL)
        return item_as_json(columns, into, value, error);
    return cc_column_mismatch(into, "the value is of another type", error);
}

cc_status cc_columns_append_item(cc_columns *columns, cc_bytes item, cc_error *error) {
    int64_t before = columns->root.length;
    cc_status status = item_struct(columns, &columns->root, item, error);
    if (CC_UNLIKELY(status != CC_OK))
        cc_column_truncate(&columns->root, before);
    return status;
}
