/* legacy.c: what the parameters before expressions hold, and the checks on it in the service's words. */
#include "table/legacy.h"

#include <stdio.h>

#include "table/expression.h"
#include "table/request.h"

#define INVALID_VALUES "One or more parameter values were invalid: "

static cc_status no_memory(cc_error *error) {
    return cc_fail(error, CC_ERR_NOMEM, "no memory for a request");
}

static int clip(cc_bytes name) { return (int)cc_utf8_cut(name, 255); }

cc_status cc_legacy_add(cc_request_builder *builder, int map_id, cc_bytes name, cc_legacy_entry **entry_out,
                        cc_error *error) {
    cc_legacy_map *map = &builder->legacy[map_id];
    if (map->count == map->capacity) {
        size_t capacity = map->capacity == 0 ? 4 : map->capacity * 2;
        cc_legacy_entry *grown = cc_arena_alloc(builder->arena, capacity * sizeof *grown);
        if (grown == NULL)
            return no_memory(error);
        if (map->count != 0)
            memcpy(grown, map->entries, map->count * sizeof *grown);
        map->entries = grown;
        map->capacity = capacity;
    }
    *entry_out = &map->entries[map->count++];
    **entry_out = (cc_legacy_entry){.name = name};
    return CC_OK;
}

cc_status cc_legacy_add_value(cc_request_builder *builder, cc_legacy_entry *entry, cc_value value,
                              cc_error *error) {
    if (entry->list_count == entry->list_capacity) {
        uint32_t capacity = entry->list_capacity == 0 ? 2 : entry->list_capacity * 2;
        cc_value *grown = cc_arena_alloc(builder->arena, capacity * sizeof *grown);
        if (grown == NULL)
            return no_memory(error);
        if (entry->list_count != 0)
            memcpy(grown, entry->list, entry->list_count * sizeof *grown);
        entry->list = grown;
        entry->list_capacity = capacity;
    }
    entry->list[entry->list_count++] = value;
    return CC_OK;
}

/* ---- enums ---- */

typedef struct {
    const char *name;
    uint32_t least, most; /* values */
    const char *types;    /* "S N B ", or "" for all */
} cc_legacy_op;

static const cc_legacy_op ops[] = {
    {"EQ", 1, 1, ""},
    {"NE", 1, 1, ""},
    {"LE", 1, 1, "S N B "},
    {"LT", 1, 1, "S N B "},
    {"GE", 1, 1, "S N B "},
    {"GT", 1, 1, "S N B "},
    {"CONTAINS", 1, 1, "S N B "},
    {"NOT_CONTAINS", 1, 1, "S N B "},
    {"BEGINS_WITH", 1, 1, "S B "},
    {"IN", 1, UINT32_MAX, "S N B "},
    {"BETWEEN", 2, 2, "S N B "},
    {"NULL", 0, 0, ""},
    {"NOT_NULL", 0, 0, ""},
};

static const cc_legacy_op *op_of(cc_bytes name) {
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++)
        if (cc_bytes_equal(name, cc_bytes_text(ops[i].name)))
            return &ops[i];
    return NULL;
}

static bool is_action(cc_bytes name) {
    return cc_bytes_equal(name, cc_bytes_text("PUT")) || cc_bytes_equal(name, cc_bytes_text("ADD")) ||
           cc_bytes_equal(name, cc_bytes_text("DELETE"));
}

bool cc_legacy_bad_enum(const cc_request_builder *builder, cc_bytes *value_out, char *at, size_t at_size,
                        const char **rule_out) {
    static const char *const places[CC_LEGACY_MAPS] = {"expected", "attributeUpdates", "keyConditions",
                                                       "queryFilter", "scanFilter"};
    for (int m = 0; m < CC_LEGACY_MAPS; m++) {
        const cc_legacy_map *map = &builder->legacy[m];
        bool updates = m == CC_LEGACY_UPDATES, optional = updates || m == CC_LEGACY_EXPECTED;
        for (size_t i = 0; i < map->count; i++) {
            const cc_legacy_entry *entry = &map->entries[i];
            bool absent = entry->op.data == NULL;
            if (absent ? optional : updates ? is_action(entry->op) : op_of(entry->op) != NULL)
                continue;
            snprintf(at, at_size, "%s.%.*s.member.%s", places[m], clip(entry->name),
                     (const char *)entry->name.data, updates ? "action" : "comparisonOperator");
            *value_out = entry->op;
            *rule_out = absent    ? "Member must not be null"
                        : updates ? "Member must satisfy enum value set: [ADD, PUT, DELETE]"
                                  : "Member must satisfy enum value set: [IN, NULL, BETWEEN, LT, "
                                    "NOT_CONTAINS, EQ, GT, NOT_NULL, NE, LE, BEGINS_WITH, GE, CONTAINS]";
            return true;
        }
    }
    return false;
}

/* ---- checks ---- */

static bool takes(const cc_legacy_op *op, cc_type type) {
    char word[8];
    snprintf(word, sizeof word, "%s ", cc_type_name(type));
    const char *found = strstr(op->types, word);
    return op->types[0] == 0 || (found != NULL && (found == op->types || found[-1] == ' '));
}

static cc_status check_values(const cc_legacy_op *op, const cc_value *values, uint32_t count,
                              cc_error *error) {
    if (count < op->least || count > op->most)
        return CC_INVALID(error, INVALID_VALUES "Invalid number of argument(s) for the %s ComparisonOperator",
                          op->name);
    for (uint32_t i = 0; i < count; i++) {
        if (!takes(op, values[i].type))
            return CC_INVALID(error,
                              INVALID_VALUES "ComparisonOperator %s is not valid for %s AttributeValue type",
                              op->name, cc_type_name(values[i].type));
        if (values[i].type != values[0].type)
            return CC_INVALID(error,
                              INVALID_VALUES "AttributeValues inside AttributeValueList must be of same "
                                             "type");
    }
    if (op->least == 2 && cc_value_order(values[0], values[1]) > 0)
        return CC_INVALID(error,
                          "The BETWEEN condition was provided a range where the lower bound is greater "
                          "than the upper bound");
    return CC_OK;
}

static cc_status check_exists(const cc_legacy_entry *entry, cc_error *error) {
    bool exists = !entry->has_exists || entry->exists;
    if (exists && !entry->has_value)
        return CC_INVALID(
            error, INVALID_VALUES "Value must be provided when Exists is %s for Attribute: %.*s",
            entry->has_exists ? "true" : "null", clip(entry->name), (const char *)entry->name.data);
    if (!exists && entry->has_value)
        return CC_INVALID(error,
                          INVALID_VALUES "Value cannot be used when Exists is false for Attribute: %.*s",
                          clip(entry->name), (const char *)entry->name.data);
    return CC_OK;
}

static cc_status check_expected(const cc_legacy_entry *entry, cc_error *error) {
    int size = clip(entry->name);
    const char *name = (const char *)entry->name.data;
    if (entry->has_list && entry->has_value)
        return CC_INVALID(error,
                          INVALID_VALUES
                          "Value and AttributeValueList cannot be used together for Attribute: "
                          "%.*s",
                          size, name);
    if (entry->op.data == NULL)
        return entry->has_list ? CC_INVALID(error,
                                            INVALID_VALUES "AttributeValueList can only be used with a "
                                                           "ComparisonOperator for Attribute: %.*s",
                                            size, name)
                               : check_exists(entry, error);
    if (entry->has_exists)
        return CC_INVALID(error,
                          INVALID_VALUES
                          "Exists and ComparisonOperator cannot be used together for Attribute: "
                          "%.*s",
                          size, name);
    const cc_legacy_op *op = op_of(entry->op);
    if (op->least != 0 && !entry->has_list && !entry->has_value)
        return CC_INVALID(error,
                          INVALID_VALUES
                          "Value or AttributeValueList must be used with ComparisonOperator: %s "
                          "for Attribute: %.*s",
                          op->name, size, name);
    return entry->has_value ? check_values(op, &entry->value, 1, error)
                            : check_values(op, entry->list, entry->list_count, error);
}

static cc_status check_update(const cc_legacy_entry *entry, cc_error *error) {
    cc_type type = entry->value.type;
    bool set = type == CC_TYPE_SS || type == CC_TYPE_NS || type == CC_TYPE_BS;
    bool deletes = cc_bytes_equal(entry->op, cc_bytes_text("DELETE"));
    if (!entry->has_value && !deletes)
        return CC_INVALID(error, INVALID_VALUES "Only DELETE action is allowed when no attribute value is "
                                                "specified");
    if (entry->has_value && deletes && !set)
        return CC_INVALID(error, INVALID_VALUES "DELETE action with value is not supported for the type %s",
                          cc_type_name(type));
    if (cc_bytes_equal(entry->op, cc_bytes_text("ADD")) && !set && type != CC_TYPE_N && type != CC_TYPE_L)
        return CC_INVALID(error, INVALID_VALUES "ADD action is not supported for the type %s",
                          cc_type_name(type));
    return CC_OK;
}

static cc_status check_conditions(const cc_legacy_map *map, bool keys, cc_error *error) {
    for (size_t i = 0; i < map->count; i++) {
        const cc_legacy_entry *entry = &map->entries[i];
        CC_TRY(check_values(op_of(entry->op), entry->list, entry->list_count, error));
    }
    static const char *const unordered[] = {"NULL", "NOT_NULL", "NE", "CONTAINS", "NOT_CONTAINS", "IN"};
    for (size_t i = 0; keys && i < map->count; i++)
        for (size_t k = 0; k < sizeof unordered / sizeof unordered[0]; k++)
            if (cc_bytes_equal(map->entries[i].op, cc_bytes_text(unordered[k])))
                return CC_INVALID(error, "Attempted conditional constraint is not an indexable operation");
    return CC_OK;
}

static cc_status check_operator(const cc_request_builder *builder, cc_error *error) {
    size_t count = builder->legacy[CC_LEGACY_EXPECTED].count + builder->legacy[CC_LEGACY_QUERY_FILTER].count +
                   builder->legacy[CC_LEGACY_SCAN_FILTER].count;
    if (!builder->seen[CC_M_CONDITIONAL_OPERATOR])
        return CC_OK;
    if (count == 0)
        return CC_INVALID(error, "ConditionalOperator cannot be used without Filter or Expected");
    if (count == 1)
        return CC_INVALID(error,
                          "ConditionalOperator can only be used when Filter or Expected has two or more "
                          "elements");
    return CC_OK;
}

static cc_status check_attributes(const cc_bytes *attributes, size_t count, cc_error *error) {
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < i; k++)
            if (cc_bytes_equal(attributes[i], attributes[k]))
                return CC_INVALID(error, INVALID_VALUES "Duplicate value in attribute name: %.*s",
                                  clip(attributes[i]), (const char *)attributes[i].data);
    return CC_OK;
}

cc_status cc_legacy_check(const cc_request_builder *builder, cc_error *error) {
    const cc_legacy_map *expected = &builder->legacy[CC_LEGACY_EXPECTED];
    const cc_legacy_map *updates = &builder->legacy[CC_LEGACY_UPDATES];
    CC_TRY(check_operator(builder, error));
    CC_TRY(check_attributes(builder->attributes, builder->attribute_count, error));
    for (size_t i = 0; i < builder->request.table_count; i++)
        CC_TRY(check_attributes(builder->tables[i].attributes, builder->tables[i].attribute_count, error));
    for (size_t i = 0; i < updates->count; i++)
        CC_TRY(check_update(&updates->entries[i], error));
    for (size_t i = 0; i < expected->count; i++)
        CC_TRY(check_expected(&expected->entries[i], error));
    CC_TRY(check_conditions(&builder->legacy[CC_LEGACY_QUERY_FILTER], false, error));
    CC_TRY(check_conditions(&builder->legacy[CC_LEGACY_SCAN_FILTER], false, error));
    return check_conditions(&builder->legacy[CC_LEGACY_KEYS], true, error);
}
