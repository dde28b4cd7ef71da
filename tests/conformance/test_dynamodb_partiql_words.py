"""PartiQL statements that are refused: every refusal word by word."""

import pytest
from partiql_support import WRONG, create, fill, keys, refused, run

ALL = "SELECT * FROM tab WHERE "
UPDATE = "UPDATE tab SET n = {} WHERE p = 'a' AND s = 1"
ONE = " WHERE p = 'a' AND s = 1"
NO_RIGHT = WRONG + "Missing right-hand side expression of infix operator"
OPERANDS = "Incorrect number of operands for operator or function; operator or function: "
OPERAND = "Incorrect operand type for operator or function; operator or function: "
BIG = "Number overflow. Attempting to store a number with magnitude larger than supported range under root"


@pytest.fixture(scope="module")
def tab():
    from cloudcore.dynamodb import DynamoDB

    with DynamoDB() as service:
        create(service)
        fill(service)
        yield service


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (ALL, WRONG + "Unexpected term"),
        (ALL + "NOT", WRONG + "Unexpected term"),
        (ALL + "(", WRONG + "Unexpected term"),
        (ALL + "p = 'a' AND", NO_RIGHT),
        (ALL + "p = 'a' OR", NO_RIGHT),
        (ALL + "p =", NO_RIGHT),
        (ALL + "x BETWEEN 1", WRONG + "Expected AND"),
        (ALL + "x IN ()", WRONG + "Unexpected term"),
        (ALL + "x IN (1", WRONG + "Expected RIGHT_PAREN"),
        (ALL + "x = [1", WRONG + "Expected RIGHT_BRACKET"),
        (ALL + "x = {'a' 1}", WRONG + "Expected COLON"),
        (ALL + "x = {'a': 1", WRONG + "Expected RIGHT_CURLY"),
        (ALL + "x = <<1", WRONG + "Expected RIGHT_DOUBLE_ANGLE_BRACKET"),
        # Nothing follows the colon where no token can be read: so does the service answer.
        (ALL + "p = 'a", WRONG),
        (ALL + 'p = "a', WRONG),
        (ALL + "p = 'a' /* x", WRONG),
        (ALL + "n = 1e99999999999", WRONG),
        (ALL + "# = 1", WRONG),
        (ALL + "n = é", WRONG),
        (ALL + "x IS banana", WRONG + "Expected type name"),
        (ALL + "AND x = 1", WRONG + "Unexpected operator"),
        (ALL + "x = GROUP", WRONG + "Unexpected keyword"),
        (ALL + "m.[1] = 1", WRONG + "Invalid path dot component"),
        (ALL + "(((" * 200, WRONG + "Expression is nested too deeply"),
        (ALL + "NOT " * 300 + "x = 1", WRONG + "Expression is nested too deeply"),
        (ALL + "x = " + "[" * 300, WRONG + "Expression is nested too deeply"),
        ("SELECT", WRONG + "Unexpected term"),
        ("SELECT p tab", WRONG + "Expected FROM after SELECT list"),
        ("SELECT * FROM tab extra stuff", WRONG + "Unexpected token after expression"),
        ("SELECT * FROM tab, tab", WRONG + "Unexpected token after expression"),
        (
            "SELECT * FROM tab; SELECT * FROM tab",
            WRONG + "Unexpected token after semicolon. (Only one query is allowed.)",
        ),
        (
            "SELECT *, p FROM tab",
            WRONG
            + "Other expressions may not be present in the select list when '*' is used without dot notation.",
        ),
        ("INSERT INTO tab", WRONG + "Unexpected term"),
        ("INSERT tab VALUE {'p': 'a'}", WRONG + "Unexpected keyword"),
        ("INSERT INTO tab VALUE {p: 'a'}", WRONG + "Expected a string as the name of a member"),
        ("UPDATE tab", WRONG + "Expected data manipulation"),
        ("UPDATE tab" + ONE, WRONG + "Expected data manipulation"),
        ("UPDATE tab SET", WRONG + "Expected identifier for simple path"),
        ("UPDATE tab SET n", WRONG + "Expected '='"),
        ("UPDATE tab REMOVE n, x" + ONE, WRONG + "Unexpected token after expression"),
        (
            "UPDATE tab SET n = 1" + ONE + " RETURNING n",
            WRONG + "Expected ( MODIFIED | ALL ) ( NEW | OLD ) in each returning element.",
        ),
        ("UPDATE tab SET n = 1" + ONE + " RETURNING ALL NEW n", WRONG + "Expected STAR"),
        ("DELETE tab", WRONG + "Expected FROM after DELETE"),
        ("hello", "Unsupported operation: Id"),
        ("1", "Unsupported operation: Lit"),
        ("CREATE TABLE x", "Unsupported operation: Create"),
    ],
)
def test_what_does_not_parse(tab, statement, message):
    refused(tab, statement, message)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("SELECT * FROM tab t", "Aliasing is not supported"),
        ("SELECT p AS q FROM tab", "Aliasing is not supported"),
        ("SELECT * FROM tab LIMIT 5", "Unsupported clause: LIMIT at 1:19:5"),
        ("SELECT *\nFROM tab\n  LIMIT 5", "Unsupported clause: LIMIT at 3:3:5"),
        ("SELECT * FROM tab GROUP BY p", "Unsupported clause: GROUP BY at 1:19:5"),
        ("SELECT DISTINCT p FROM tab", "Unsupported clause: DISTINCT at 1:8:8"),
        ("SELECT VALUE p FROM tab", "Select projection doesn't support value or pivot keywords"),
        ("SELECT COUNT(*) FROM tab", "Unexpected path component at 1:8:5"),
        ("SELECT 1 FROM tab", "Unexpected path component at 1:8:1"),
        ("SELECT m.k[x] FROM tab", "Unexpected path component at 1:12:1"),
        ("SELECT p, p FROM tab", "Duplicate identifiers in select clause: p"),
        ("SELECT * FROM 'tab'", "Unexpected from source"),
        ("SELECT * FROM tab.wide.more", "A path may contain at most 2 components in the FROM clause"),
        ('SELECT * FROM tab.""', "Path component cannot be an empty string"),
        ("SELECT * FROM tab.nope", "The table does not have the specified index"),
        (ALL + "p LIKE 'a%'", "Unsupported operator in Condition Expression. Operator: like"),
        (ALL + "n + 2 = 6", "Unsupported operator in Condition Expression. Operator: +"),
        (ALL + "x", "Unsupported token in expression: x at 1:25:1"),
        (ALL + "'a'", "Unsupported token in expression: 'a' at 1:25:3"),
        (ALL + "size(x)", "Unsupported token in expression: size at 1:25:4"),
        (ALL + "CAST(n AS INT) = 1", "Unsupported operation: Cast"),
        (ALL + "frob(n)", "Unrecognized function: frob at 1:25:4"),
        (ALL + "set_add(x, <<1>>)", "Unrecognized function: set_add at 1:25:7"),
        (ALL + "begins_with(x)", OPERANDS + "begins_with, number of operands: 1"),
        (ALL + "begins_with(x, 1)", OPERAND + "begins_with, operand type: N"),
        (ALL + "contains(x)", OPERANDS + "contains, number of operands: 1"),
        (ALL + "size(1) > 1", OPERAND + "size, operand type: N"),
        (
            ALL + "attribute_exists('x')",
            "Operator or function requires a document path; operator or function: attribute_exists",
        ),
        (ALL + "attribute_exists(x, n)", OPERANDS + "attribute_exists, number of operands: 2"),
        (
            ALL + "attribute_type(x, 'Q')",
            "Invalid attribute type name found; type: Q, valid types: {N,BS,L,B,NULL,M,S,SS,NS,BOOL}",
        ),
        (ALL + "x < true", OPERAND + "<, operand type: BOOL"),
        (ALL + "x > NULL", OPERAND + ">, operand type: NULL"),
        (ALL + "x >= [1]", OPERAND + ">=, operand type: L"),
        (
            ALL + "x BETWEEN 2 AND 1",
            "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower "
            "bound operand: AttributeValue: {N:2}, upper bound operand: AttributeValue: {N:1}",
        ),
        (
            ALL + "x BETWEEN 'a' AND 1",
            "The BETWEEN operator requires same data type for lower and upper bounds; lower bound operand: "
            "AttributeValue: {S:a}, upper bound operand: AttributeValue: {N:1}",
        ),
        (
            ALL + f"n IN ({', '.join(map(str, range(101)))})",
            "The IN operator is provided with too many operands; number of operands: 101",
        ),
        (
            ALL + f"p IN ({', '.join(repr(f'k{i}') for i in range(51))})",
            "Too many decomposed read operations for a given query.",
        ),
        (ALL + "n = 1e130", BIG),
        (ALL + "n = [1, 1e130]", BIG + "[1]"),
        (ALL + "n = {'x': [{'y': 1e130}]}", BIG + ".x[0].y"),
        (
            ALL + "n = 1e-140",
            "Number underflow. Attempting to store a number with magnitude smaller than supported range "
            "under root",
        ),
        (
            ALL + f"n = {'1' * 39}",
            "Attempting to store more than 38 significant digits in a Number under root",
        ),
        (ALL + "x = <<>>", "Empty bags are not supported"),
        (
            ALL + "x = <<1, 'a'>>",
            "Unsupported data type in Bag. DynamoDB only supports either numbers or strings in bags",
        ),
        (
            ALL + "x = <<1, 1>>",
            "One or more parameter values were invalid: Input collection [1, 1] contains duplicates! under root",
        ),
        (
            ALL + "x = <<'a', 'a'>>",
            "One or more parameter values were invalid: Input collection [a, a] contains duplicates.",
        ),
        (ALL + "x = {'a': 1, 'a': 2}", "Duplicate attribute name in a map under root"),
        (ALL + "p = 'a' AND s = 'x'",
         "Key attribute's data type should match its data type in table's schema: Key s"),
        (ALL + "p = 1", "Key attribute's data type should match its data type in table's schema: Key p"),
        (
            ALL + "p = 'a' AND (s > 1 OR s > 3)",
            "Overlapping conditions with range keys are not supported in where clause",
        ),
        ("SELECT * FROM tab ORDER BY s", "Must have WHERE clause in the statement when using ORDER BY clause."),
        (
            ALL + "n = 1 ORDER BY s",
            "Must have at least one non-optional hash key condition in WHERE clause when using ORDER BY clause.",
        ),
        (ALL + "p = 'a' ORDER BY n", "Attribute n in ORDER BY clause must be part of the primary key"),
        (
            ALL + "p = 'a' OR p = 'b' ORDER BY s",
            "Must have hash key in ORDER BY clause when more than one hash key condition specified in WHERE "
            "clause.",
        ),
        (
            "SELECT x, m FROM tab.wide WHERE g = 'g1'",
            "One or more parameter values were invalid: Global secondary index wide does not project [x, m]",
        ),
        (
            "SELECT * FROM tab.wide WHERE g = 'g1' AND x = 'y'",
            "One or more parameter values were invalid: Secondary index wide does not project one or more "
            "filter attributes: [x]",
        ),
        (
            "EXISTS(SELECT * FROM tab WHERE p = 'a' AND s = 3)",
            "EXISTS can only be used in ExecuteTransaction write requests.",
        ),
    ],
)  # fmt: skip
def test_reads_that_are_refused(tab, statement, message):
    refused(tab, statement, message)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("INSERT INTO tab VALUE {}",
         "One or more parameter values were invalid: Missing the key p in the item"),
        ("INSERT INTO tab VALUE {'p': 'a'}",
         "One or more parameter values were invalid: Missing the key s in the item"),
        ("INSERT INTO tab VALUE {'p': 1, 's': 1}",
         "One or more parameter values were invalid: Type mismatch for key p expected: S actual: N"),
        (
            "INSERT INTO tab VALUE {'p': '', 's': 1}",
            "One or more parameter values are not valid. The AttributeValue for a key attribute cannot "
            "contain an empty string value. Key: p",
        ),
        (
            "INSERT INTO tab VALUE {'p': 'a', 's': 77, 'g': 5}",
            "One or more parameter values were invalid: Type mismatch for Index Key g Expected: S Actual: N "
            "IndexName: wide",
        ),
        ("INSERT INTO tab VALUE {'p': 'a', 's': 7, 'x': y}",
         "Unsupported data type: y under key root at 1:47:1"),
        ("INSERT INTO tab VALUE {'p': 'a', 's': 7, 'x': [MISSING]}",
         "Unsupported data type: missing under key root[0] at 1:48:7"),
        ("INSERT INTO tab VALUE {'p': 'a', 'p': 'b', 's': 7}", "Duplicate attribute name in the item: p"),
        (
            "INSERT INTO tab VALUE {'p': 'a', 's': 7, 'x': " + "[" * 33 + "]" * 33 + "}",
            "Nesting Levels have exceeded supported limits under root" + "[0]" * 32,
        ),
        ("INSERT INTO tab VALUE {'p': 'a', 's': 7} RETURNING ALL NEW *", "RETURNING is not supported in INSERT"),
        ("INSERT INTO tab VALUES {'p': 'a', 's': 7}", "Unsupported operation: Values"),
        ("INSERT INTO tab {'p': 'a', 's': 7}", "Unsupported clause: VALUES at 1:17:1"),
        ("INSERT INTO tab.wide VALUE {'p': 'a', 's': 7}", "FROM clause may only contain a single table name"),
        ("UPDATE tab SET n = 1", "Where clause does not contain a mandatory equality on all key attributes"),
        (
            "UPDATE tab SET n = 1 WHERE p = 'a'",
            "Where clause does not contain a mandatory equality on all key attributes",
        ),
        (
            "UPDATE tab SET n = 1 WHERE p = 'a' AND s = 1 OR s = 2",
            "Where clause does not contain a mandatory equality on all key attributes",
        ),
        ("UPDATE tab SET n = 1 WHERE p = 'a' AND s = 'x'",
         "The provided key element does not match the schema"),
        (
            "UPDATE tab SET n = 1 WHERE p = 'a' AND s = 1 AND s = 2",
            "Multiple conditions on same key s. Only single item Update/Insert/Delete are supported",
        ),
        (
            "UPDATE tab SET p = 'b'" + ONE,
            "One or more parameter values were invalid: Cannot update attribute p. This attribute is part of "
            "the key",
        ),
        (
            "UPDATE tab SET m.k = 1, m.k[1] = 2" + ONE,
            "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: "
            "[m, k], path two: [m, k, [1]]",
        ),
        (UPDATE.format("n + 'a'"), OPERAND + "+, operand type: S"),
        (UPDATE.format("x + 1"), "An operand in the update expression has an incorrect data type"),
        (UPDATE.format("q + 1"),
         "The provided expression refers to an attribute that does not exist in the item"),
        (UPDATE.format("n * 2"), "Unsupported operator in Update Expression. Operator: * at 1:22:1"),
        (UPDATE.format("if_not_exists(q, 5)"), "Unrecognized function: if_not_exists at 1:20:13"),
        (UPDATE.format("begins_with(q, 'a')"), "Unrecognized function: begins_with at 1:20:11"),
        (UPDATE.format("set_add(x, <<'a'>>)"),
         "The first argument to SET_ADD must equal the assignment value at 1:20:7"),
        (UPDATE.format("set_add(n)"), "SET_ADD must have exactly two arguments at 1:20:7"),
        (UPDATE.format("set_delete(n, 5)"),
         "The second argument to SET_DELETE must be a value with type SET at 1:31:1"),
        (UPDATE.format("set_add(n, <<'a'>>)"),
         "An operand in the update expression has an incorrect data type"),
        (UPDATE.format("list_append(n)"), OPERANDS + "list_append, number of operands: 1"),
        (UPDATE.format("list_append(n, 5)"), OPERAND + "list_append, operand type: N"),
        ("UPDATE tab SET q.z = 1" + ONE,
         "The document path provided in the update expression is invalid for update"),
        ("UPDATE tab INSERT INTO q VALUE 1" + ONE, "Only one operation is allowed in a statement."),
        ("UPDATE tab.wide SET n = 1" + ONE, "This operation is not supported on an index"),
        ("UPDATE tab t SET n = 1" + ONE, "Aliasing is not supported"),
        ("DELETE FROM tab", "Where clause does not contain a mandatory equality on all key attributes"),
        ("DELETE FROM tab.wide" + ONE, "This operation is not supported on an index"),
        (
            "DELETE FROM tab" + ONE + " RETURNING ALL NEW *",
            "Invalid returning clause: RETURNING ALL NEW *. Only RETURNING ALL OLD * is allowed in DELETE "
            "statements.",
        ),
        (
            "DELETE FROM tab" + ONE + " RETURNING MODIFIED OLD *",
            "Invalid returning clause: RETURNING MODIFIED OLD *. Only RETURNING ALL OLD * is allowed in "
            "DELETE statements.",
        ),
    ],
)  # fmt: skip
def test_writes_that_are_refused(tab, statement, message):
    refused(tab, statement, message)
    assert keys(run(tab, "SELECT p, s FROM tab WHERE p = 'a'")) == ["a1", "a2", "a3", "a4", "a5"]


NO_MATCH = "Number of parameters in request and statement don't match."


@pytest.mark.parametrize(
    ("statement", "parameters", "message"),
    [
        (ALL + "p = ?", [], NO_MATCH),
        (ALL + "p = ?", [{"S": "a"}, {"S": "b"}], NO_MATCH),
        (ALL + "p = 'a'", [{"S": "a"}], NO_MATCH),
        (ALL + "n IN ?", [{"L": [{"N": "1"}]}], "The IN operator must be provided with a list of values"),
        (ALL + "n = [?]", [{"N": "1"}], "Unsupported data type: Parameter under key root[0] at 1:30:1"),
        (
            "INSERT INTO tab VALUE {'p': ?, 's': 9, 'm': {'b': ?}}",
            [{"S": "a"}, {"N": "1"}],
            "Unsupported data type: Parameter under key root.b at 1:51:1",
        ),
        (ALL + "p = ? AND", [{"N": "abc"}],
         "The parameter cannot be converted to a numeric value: abc"),
        ("SELECT * FROM ?", [{"S": "tab"}], "Unexpected from source"),
        ("SELECT ? FROM tab", [{"S": "p"}], "Unexpected path component at 1:8:1"),
        (ALL + "x < ?", [{"BOOL": True}], OPERAND + "<, operand type: BOOL"),
        (ALL + "begins_with(x, ?)", [{"N": "1"}], OPERAND + "begins_with, operand type: N"),
        (UPDATE.format("n + ?"), [{"S": "a"}], OPERAND + "+, operand type: S"),
    ],
)  # fmt: skip
def test_parameters(tab, statement, parameters, message):
    refused(tab, statement, message, *parameters)


def test_members(tab):
    def violation(value, at, rule):
        return f"1 validation error detected: Value {value} at '{at}' failed to satisfy constraint: Member must {rule}"

    least = "have length greater than or equal to 1"
    refused(tab, "", violation("''", "statement", least))
    refused(tab, "S" * 8193, violation(f"'{'S' * 200}'", "statement", "have length less than or equal to 8192"))
    refused(tab, "é" * 8192, WRONG)
    refused(tab, ALL, violation("'[]'", "parameters", least), Parameters=[])
    refused(tab, ALL, violation("'0'", "limit", "have value greater than or equal to 1"), Limit=0)
    refused(tab, ALL, violation("''", "nextToken", least), NextToken="")
    refused(
        tab, ALL, violation(f"'{'x' * 200}'", "nextToken", "have length less than or equal to 32768"),
        NextToken="x" * 32769,
    )  # fmt: skip
    refused(tab, "SELECT * FROM nope", "Requested resource not found", code="ResourceNotFoundException")
    refused(
        tab, "SELECT * FROM tab.wide", "Strongly consistent read is not supported on Global Secondary Indexes",
        ConsistentRead=True,
    )  # fmt: skip


def test_a_statement_of_the_greatest_length_runs(tab):
    statement = ALL + "p = 'a' AND s = 1 --"
    assert keys(run(tab, statement + "x" * (8192 - len(statement)))) == ["a1"]
