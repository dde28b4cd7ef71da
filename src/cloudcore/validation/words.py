"""What the services say about a value of a wrong JSON type; DynamoDB has words of its own."""

from __future__ import annotations

from typing import Any

from cloudcore.errors import ApiError

JAVA_STRING = "java.lang.String"
STRUCTURES = "com.amazonaws.dynamodb.v20120810."
STRUCTURE_FOUND = "Start of structure or map found where not expected"
LIST_FOUND = "Start of list found where not expected"
_JAVA = {"string": "String", "integer": "Integer", "long": "Long", "boolean": "Boolean", "double": "Double",
         "float": "Float", "timestamp": "Date", "blob": "Blob"}  # fmt: skip


def serialization(message: str) -> ApiError:
    """A SerializationException; raise what this returns."""
    return ApiError("SerializationException", message)


def token(value: Any) -> str:
    """The name of a scalar's JSON token."""
    if isinstance(value, bool):
        return "TRUE_VALUE" if value else "FALSE_VALUE"
    if isinstance(value, int):
        return "NUMBER_VALUE"
    if isinstance(value, float):
        return "DECIMAL_VALUE"
    return "STRING_VALUE" if isinstance(value, str) else "EMBEDDED_OBJECT_VALUE"


class CommonWords:
    """Firehose, Lambda and most others."""

    def scalar(self, value: Any, kind: str) -> ApiError:
        """`value` was found where a scalar of the model's type `kind` belongs."""
        if isinstance(value, dict):
            return serialization(STRUCTURE_FOUND + ".")
        if isinstance(value, (list, tuple)):
            return serialization(LIST_FOUND)
        article = "an" if kind in ("integer", "boolean") else "a"
        found = "NUMBER_VALUE" if isinstance(value, float) else token(value)
        return serialization(f"{found} can not be converted to {article} {_JAVA[kind]}")

    def collection(self, value: Any, kind: str, name: str, element: bool) -> ApiError:
        """`value` was found where a structure, list or map belongs."""
        if isinstance(value, dict):
            return serialization(STRUCTURE_FOUND + ".")
        if isinstance(value, (list, tuple)):
            return serialization(LIST_FOUND)
        return serialization({"structure": "Expected null"}.get(kind, f"Expected {kind} or null"))


class DynamoDBWords:
    """DynamoDB and its streams."""

    def scalar(self, value: Any, kind: str) -> ApiError:
        """As CommonWords.scalar."""
        java = _JAVA[kind]
        if isinstance(value, dict):
            return serialization(STRUCTURE_FOUND)
        if isinstance(value, (list, tuple)):
            found = "nio.ByteBuffer" if kind == "blob" else "util.Date" if java == "Date" else f"lang.{java}"
            return serialization(f"Unrecognized collection type class java.{found}")
        if kind == "blob":
            return serialization("only base-64-encoded strings are convertible to bytes")
        if kind == "boolean" and isinstance(value, str):
            return serialization("Unexpected token received from parser")
        return serialization(f"{token(value)} cannot be converted to {java}")

    def collection(self, value: Any, kind: str, name: str, element: bool) -> ApiError:
        """`name` is the structure's, or the Java type of a map's values; `element`: in a list or map."""
        if isinstance(value, dict):
            return serialization(STRUCTURE_FOUND)
        if isinstance(value, (list, tuple)):
            if kind == "map":
                return serialization(f"Unrecognized collection type java.util.Map<{JAVA_STRING}, {name}>")
            return serialization(f"Unrecognized collection type class {STRUCTURES}{name}")
        if element and kind == "structure":
            return serialization("Unexpected value type in payload")
        return serialization("Unexpected field type")


def words(service: str) -> CommonWords | DynamoDBWords:
    """The words of one service."""
    return DynamoDBWords() if service.startswith("dynamodb") else CommonWords()
