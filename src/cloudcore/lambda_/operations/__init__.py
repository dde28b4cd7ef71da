"""One file per action; TABLE is all that this build serves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cloudcore.lambda_.operations.create_function import create_function
from cloudcore.lambda_.operations.delete_function import delete_function
from cloudcore.lambda_.operations.get_function import get_function, get_function_configuration
from cloudcore.lambda_.operations.invoke import invoke
from cloudcore.lambda_.operations.list_functions import list_functions
from cloudcore.lambda_.operations.update_function_code import update_function_code
from cloudcore.lambda_.operations.update_function_configuration import update_function_configuration

TABLE: dict[str, Callable[[Any, dict[str, Any]], dict[str, Any]]] = {
    "CreateFunction": create_function,
    "DeleteFunction": delete_function,
    "GetFunction": get_function,
    "GetFunctionConfiguration": get_function_configuration,
    "Invoke": invoke,
    "ListFunctions": list_functions,
    "UpdateFunctionCode": update_function_code,
    "UpdateFunctionConfiguration": update_function_configuration,
}
