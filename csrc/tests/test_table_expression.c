/* Expressions: what compiles, what is refused with which words, and what is true of which item. */
#include <stdlib.h>

#include "support/check.h"
#include "table/expression.h"

static cc_arena arena;
static cc_error error;

static cc_bytes item_of(const char *json) {
    cc_buffer buffer = {0};
    cc_json_cursor cursor = cc_json_open(cc_bytes_text(json));
    CHECK_OK(cc_item_from_json(&cursor, &buffer, &arena, &error));
    cc_bytes copy = cc_arena_copy(&arena, cc_buffer_bytes(&buffer));
    cc_buffer_free(&buffer);
    return copy;
}

static const cc_name_pair names[] = {{{(const uint8_t *)"#a", 2}, {(const uint8_t *)"a", 1}},
                                     {{(const uint8_t *)"#s", 2}, {(const uint8_t *)"size", 4}}};
static const char *const values_json =
    "{\":n\":{\"N\":\"5\"},\":m\":{\"N\":\"7\"},\":s\":{\"S\":\"ab\"},\":e\":{\"S\":\"\"},"
    "\":t\":{\"S\":\"SS\"},\":bad\":{\"S\":\"X\"},\":ss\":{\"SS\":[\"x\",\"y\"]},"
    "\":l\":{\"L\":[{\"N\":\"1\"}]},\":b\":{\"BOOL\":true}}";
static const char *const item_json =
    "{\"a\":{\"N\":\"5\"},\"b\":{\"S\":\"abc\"},\"c\":{\"M\":{\"d\":{\"L\":[{\"S\":\"x\"},{\"N\":\"9\"}]}}},"
    "\"e\":{\"SS\":[\"ab\",\"q\"]},\"f\":{\"N\":\"5.0\"},\"size\":{\"S\":\"ab\"}}";

static cc_status bind(cc_expression_kind kind, const char *text, cc_bound *bound) {
    cc_expression *program = NULL;
    error.message[0] = 0;
    *bound = (cc_bound){0};
    cc_status status = cc_expression_compile(kind, cc_bytes_text(text), &program, &error);
    if (status != CC_OK)
        return status;
    status = cc_bind(program, names, 2, item_of(values_json), &arena, bound, &error);
    if (status != CC_OK)
        cc_expression_release(program);
    return status;
}

static void truth(const char *text, bool expected) {
    cc_bound bound;
    CHECK_OK(bind(CC_EXPRESSION_CONDITION, text, &bound));
    if (bound.program != NULL && cc_evaluate(&bound, item_of(item_json)) != expected) {
        fprintf(stderr, "  of: %s\n", text);
        CHECK(false);
    }
    if (error.message[0] != 0)
        fprintf(stderr, "  of: %s: %s\n", text, error.message);
    cc_expression_release(bound.program);
}

static void refused(cc_expression_kind kind, const char *text, const char *message) {
    cc_bound bound;
    CHECK_EQ(bind(kind, text, &bound), CC_ERR_VALIDATION);
    if (strcmp(error.message, message) != 0) {
        fprintf(stderr, "  of: %s\n  is: %s\n", text, error.message);
        CHECK(false);
    }
}

TEST(comparisons) {
    truth("a = :n", true);
    truth("#a = :n AND b <> :s", true);
    truth("a < :m", true);
    truth("a >= :m", false);
    truth("a = f", true); /* 5 and 5.0 are one number */
    truth("a = b", false);
    truth("b > :s", true);
    truth("absent = :n", false);
    truth("absent <> :n", true);
    truth("absent < gone", false);
    truth("a < :s", false); /* types never compare across */
    truth("a BETWEEN :n AND :m", true);
    truth("f BETWEEN :m AND :m", false);
    truth("a IN (:s, :n)", true);
    truth("a IN (:s, :m)", false);
    truth("NOT a = :m", true);
    truth("NOT (a = :n OR a = :m)", false);
    truth("a = :m OR b = :s OR a = :n", true);
    truth("a = :n AND b = :s OR a = :n", true);
    truth("(a) = (:n)", true);
}

TEST(functions) {
    truth("attribute_exists(c.d[1])", true);
    truth("attribute_exists(c.d[2])", false);
    truth("attribute_not_exists(c.x.y)", true);
    truth("attribute_type(e, :t)", true);
    truth("begins_with(b, :s)", true);
    truth("begins_with(b, :e)", true);
    truth("contains(b, :s)", true);
    truth("contains(e, :s)", true);
    truth("contains(e, a)", false);
    truth("contains(c.d, c.d[1])", true);
    truth("size(b) < :n", true);
    truth("size(e) = size(c.d)", true);
    truth("size(a) = :n", false);
    truth("size(#s) < size(b)", true);
    truth("c.d[1] > :m", true);
}

TEST(syntax) {
    cc_expression_kind c = CC_EXPRESSION_CONDITION;
    refused(c, "", "Invalid ConditionExpression: The expression can not be empty;");
    refused(c, "a", "Invalid ConditionExpression: Syntax error; token: \"<EOF>\", near: \"a\"");
    refused(c, "a = ", "Invalid ConditionExpression: Syntax error; token: \"<EOF>\", near: \"= \"");
    refused(c, "a = :n !! b", "Invalid ConditionExpression: Syntax error; token: \"!\", near: \":n !!\"");
    refused(c, "((a = :n))", "Invalid ConditionExpression: The expression has redundant parentheses;");
    refused(c, "b = :s AND ((a = :n))",
            "Invalid ConditionExpression: The expression has redundant parentheses;");
    truth("((a = :n) AND (b <> :s))", true);
    refused(c, "foo(a)", "Invalid ConditionExpression: Invalid function name; function: foo");
    refused(c, "size(a)",
            "Invalid ConditionExpression: The function is not allowed to be used this way "
            "in an expression; function: size");
    refused(c, "contains(a, :n) = :n",
            "Invalid ConditionExpression: The function is not allowed to be "
            "used this way in an expression; function: contains");
    refused(c, "status = :n",
            "Invalid ConditionExpression: Attribute name is a reserved keyword; "
            "reserved keyword: status");
    refused(c, "size = :n",
            "Invalid ConditionExpression: Attribute name is a reserved keyword; "
            "reserved keyword: size");
}

TEST(binding) {
    cc_expression_kind c = CC_EXPRESSION_CONDITION;
    refused(c, "#x = :n",
            "Invalid ConditionExpression: An expression attribute name used in the "
            "document path is not defined; attribute name: #x");
    refused(c, "a = :x",
            "Invalid ConditionExpression: An expression attribute value used in expression "
            "is not defined; attribute value: :x");
    refused(c, "contains(a)",
            "Invalid ConditionExpression: Incorrect number of operands for operator or "
            "function; operator or function: contains, number of operands: 1");
    refused(c, "a = #a",
            "Invalid ConditionExpression: The first operand must be distinct from the "
            "remaining operands for this operator or function; operator: =, first operand: [a]");
    refused(c, "begins_with(a, :n)",
            "Invalid ConditionExpression: Incorrect operand type for operator "
            "or function; operator or function: begins_with, operand type: N");
    refused(c, "attribute_exists(:n)",
            "Invalid ConditionExpression: Operator or function requires a "
            "document path; operator or function: attribute_exists");
    refused(c, "attribute_type(a, :bad)",
            "Invalid ConditionExpression: Invalid attribute type name "
            "found; type: X, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}");
    refused(c, "a BETWEEN :m AND :n",
            "Invalid ConditionExpression: The BETWEEN operator requires upper bound to be greater than or "
            "equal to lower bound; lower bound operand: AttributeValue: {N:7}, upper bound operand: "
            "AttributeValue: {N:5}");
    refused(c, "a BETWEEN :n AND :s",
            "Invalid ConditionExpression: The BETWEEN operator requires same data type for lower and "
            "upper bounds; lower bound operand: AttributeValue: {N:5}, upper bound operand: "
            "AttributeValue: {S:ab}");
    refused(CC_EXPRESSION_PROJECTION, "a, a.b",
            "Invalid ProjectionExpression: Two document paths overlap with each other; must remove or "
            "rewrite one of these paths; path one: [a], path two: [a, b]");
    refused(CC_EXPRESSION_PROJECTION, "c[1].d, c.e",
            "Invalid ProjectionExpression: Two document paths conflict with each other; must remove or "
            "rewrite one of these paths; path one: [c, [1], d], path two: [c, e]");
}

TEST(updates) {
    cc_expression_kind u = CC_EXPRESSION_UPDATE;
    refused(u, "INVALID SYNTAX HERE",
            "Invalid UpdateExpression: Syntax error; token: \"INVALID\", near: \"INVALID SYNTAX\"");
    refused(u, "SET a = :n SET b = :n",
            "Invalid UpdateExpression: The \"SET\" section can only be used "
            "once in an update expression;");
    refused(u, "SET a = :n, a = :m",
            "Invalid UpdateExpression: Two document paths overlap with each other; must remove or rewrite "
            "one of these paths; path one: [a], path two: [a]");
    refused(u, "ADD a :s",
            "Invalid UpdateExpression: Incorrect operand type for operator or function; "
            "operator: ADD, operand type: STRING, typeSet: ALLOWED_FOR_ADD_OPERAND");
    refused(u, "DELETE a :n",
            "Invalid UpdateExpression: Incorrect operand type for operator or function; "
            "operator: DELETE, operand type: NUMBER, typeSet: ALLOWED_FOR_DELETE_OPERAND");
    refused(u, "SET a = a + :s",
            "Invalid UpdateExpression: Incorrect operand type for operator or "
            "function; operator or function: +, operand type: S");
    refused(u, "SET a = list_append(a, :n)",
            "Invalid UpdateExpression: Incorrect operand type for operator or function; operator or "
            "function: list_append, operand type: N");
    refused(u, "SET a = if_not_exists(:n, :m)",
            "Invalid UpdateExpression: Operator or function requires "
            "a document path; operator or function: if_not_exists");
}

static void applied(const char *text, const char *expected) {
    cc_bound bound;
    cc_buffer out = {0}, json = {0};
    cc_status status = bind(CC_EXPRESSION_UPDATE, text, &bound);
    if (status == CC_OK)
        status = cc_apply_update(&bound, item_of(item_json), &arena, &out, &error);
    if (expected == NULL) {
        CHECK_EQ(status, CC_ERR_VALIDATION);
    } else {
        if (status != CC_OK)
            fprintf(stderr, "  of: %s: %s\n", text, error.message);
        CHECK_OK(status);
        if (status == CC_OK) {
            CHECK_OK(cc_item_check(cc_buffer_bytes(&out), &error));
            cc_bytes wanted = item_of(expected);
            if (!cc_bytes_equal(wanted, cc_buffer_bytes(&out))) {
                CHECK_OK(cc_item_to_json(cc_buffer_bytes(&out), &json));
                fprintf(stderr, "  of: %s\n  is: %.*s\n", text, (int)json.size, (char *)json.data);
                CHECK(false);
            }
        }
    }
    cc_expression_release(bound.program);
    cc_buffer_free(&out);
    cc_buffer_free(&json);
}

#define REST_AFTER_A                                                                                         \
    ",\"b\":{\"S\":\"abc\"},\"c\":{\"M\":{\"d\":{\"L\":[{\"S\":\"x\"},{\"N\":\"9\"}]}}},"                    \
    "\"e\":{\"SS\":[\"ab\",\"q\"]},\"f\":{\"N\":\"5\"},\"size\":{\"S\":\"ab\"}}"
#define ALL_BUT(c, e)                                                                                        \
    "{\"a\":{\"N\":\"5\"},\"b\":{\"S\":\"abc\"}," c e "\"f\":{\"N\":\"5\"},\"size\":{\"S\":\"ab\"}}"
#define C "\"c\":{\"M\":{\"d\":{\"L\":[{\"S\":\"x\"},{\"N\":\"9\"}]}}},"
#define E "\"e\":{\"SS\":[\"ab\",\"q\"]},"

TEST(apply) {
    applied("SET a = a + :m", "{\"a\":{\"N\":\"12\"}" REST_AFTER_A);
    applied("SET a = :m - f", "{\"a\":{\"N\":\"2\"}" REST_AFTER_A);
    applied("ADD a :m", "{\"a\":{\"N\":\"12\"}" REST_AFTER_A);
    applied("SET a = if_not_exists(zz, :m)", "{\"a\":{\"N\":\"7\"}" REST_AFTER_A);
    applied("SET a = b, b = a",
            "{\"a\":{\"S\":\"abc\"},\"b\":{\"N\":\"5\"}," C E "\"f\":{\"N\":\"5\"},\"size\":{\"S\":\"ab\"}}");
    applied("ADD e :ss", ALL_BUT(C, "\"e\":{\"SS\":[\"ab\",\"q\",\"x\",\"y\"]},"));
    applied("DELETE e :ss", ALL_BUT(C, E));
    applied("REMOVE e", ALL_BUT(C, ""));
    applied("SET c.d[0] = :n, c.d[9] = :s, c.d[5] = :m, c.g = :b",
            ALL_BUT("\"c\":{\"M\":{\"d\":{\"L\":[{\"N\":\"5\"},{\"N\":\"9\"},{\"N\":\"7\"},{\"S\":\"ab\"}]},"
                    "\"g\":{\"BOOL\":true}}},",
                    E));
    applied("REMOVE c.d[0]", ALL_BUT("\"c\":{\"M\":{\"d\":{\"L\":[{\"N\":\"9\"}]}}},", E));
    applied("REMOVE c.d[0], c.d[1]", ALL_BUT("\"c\":{\"M\":{\"d\":{\"L\":[]}}},", E));
    applied("SET c.d = list_append(:l, c.d)",
            ALL_BUT("\"c\":{\"M\":{\"d\":{\"L\":[{\"N\":\"1\"},{\"S\":\"x\"},{\"N\":\"9\"}]}}},", E));
    applied("SET x.y = :n", NULL);
    applied("SET a.b = :n", NULL);
    applied("SET a = nothing", NULL);
    applied("SET a = b + :n", NULL);
    applied("ADD b :n", NULL);
}

TEST(hostile) {
    char *text = malloc(20002);
    cc_bound bound;
    memset(text, '(', 10000);
    strcpy(text + 10000, "a");
    CHECK_EQ(bind(CC_EXPRESSION_CONDITION, text, &bound), CC_ERR_VALIDATION);
    CHECK(strstr(error.message, "Expression size has exceeded the maximum allowed size") != NULL);
    text[4000] = 0; /* fits, but nests too deeply */
    for (int kind = CC_EXPRESSION_CONDITION; kind <= CC_EXPRESSION_UPDATE; kind++)
        CHECK_EQ(bind((cc_expression_kind)kind, text, &bound), CC_ERR_VALIDATION);
    strcpy(text, "SET a = ");
    memset(text + 8, '(', 4000);
    text[4008] = 0;
    CHECK_EQ(bind(CC_EXPRESSION_UPDATE, text, &bound), CC_ERR_VALIDATION);
    size_t used = 0;
    for (int i = 0; i < 400; i++)
        used += (size_t)sprintf(text + used, "%sa=:n", i == 0 ? "" : " OR ");
    CHECK_EQ(bind(CC_EXPRESSION_CONDITION, text, &bound), CC_ERR_VALIDATION);
    free(text);
}

TEST(cache) {
    cc_text_cache *expressions = cc_text_cache_new();
    cc_expression *one = NULL, *two = NULL;
    cc_bytes text = cc_bytes_text("a = :n");
    CHECK_OK(cc_expression_get(expressions, CC_EXPRESSION_FILTER, text, &one, &error));
    CHECK_OK(cc_expression_get(expressions, CC_EXPRESSION_FILTER, text, &two, &error));
    CHECK(one == two);
    cc_expression_release(two);
    for (int i = 0; i < 5000; i++) { /* bounded, and a replaced program outlives its place */
        char other[32];
        snprintf(other, sizeof other, "a = :n%d", i);
        CHECK_OK(cc_expression_get(expressions, CC_EXPRESSION_FILTER, cc_bytes_text(other), &two, &error));
        cc_expression_release(two);
    }
    CHECK(cc_bytes_equal(one->cached.text, text));
    cc_expression_release(one);
    cc_text_cache_free(expressions);
}

int main(void) {
    cc_arena_init(&arena, 0);
    RUN(comparisons);
    RUN(functions);
    RUN(syntax);
    RUN(binding);
    RUN(updates);
    RUN(apply);
    RUN(hostile);
    RUN(cache);
    cc_arena_free(&arena);
    return REPORT();
}
