"""One file per action; TABLE is all that this build serves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cloudcore.lambda_.operations.concurrency import (
    delete_function_concurrency,
    get_function_concurrency,
    put_function_concurrency,
)
from cloudcore.lambda_.operations.create_alias import create_alias
from cloudcore.lambda_.operations.create_function import create_function
from cloudcore.lambda_.operations.delete_alias import delete_alias
from cloudcore.lambda_.operations.delete_function import delete_function
from cloudcore.lambda_.operations.event_invoke_config import (
    delete_function_event_invoke_config,
    get_function_event_invoke_config,
    list_function_event_invoke_configs,
    put_function_event_invoke_config,
    update_function_event_invoke_config,
)
from cloudcore.lambda_.operations.function_urls import (
    create_function_url_config,
    delete_function_url_config,
    get_function_url_config,
    list_function_url_configs,
    update_function_url_config,
)
from cloudcore.lambda_.operations.get_account_settings import get_account_settings
from cloudcore.lambda_.operations.get_alias import get_alias, list_aliases
from cloudcore.lambda_.operations.get_function import get_function, get_function_configuration
from cloudcore.lambda_.operations.invoke import invoke
from cloudcore.lambda_.operations.invoke_async import invoke_async
from cloudcore.lambda_.operations.list_functions import list_functions
from cloudcore.lambda_.operations.list_versions import list_versions_by_function
from cloudcore.lambda_.operations.permissions import add_permission, get_policy, remove_permission
from cloudcore.lambda_.operations.provisioned_concurrency import (
    delete_provisioned_concurrency_config,
    get_provisioned_concurrency_config,
    list_provisioned_concurrency_configs,
    put_provisioned_concurrency_config,
)
from cloudcore.lambda_.operations.publish_version import publish_version
from cloudcore.lambda_.operations.tags import list_tags, tag_resource, untag_resource
from cloudcore.lambda_.operations.update_alias import update_alias
from cloudcore.lambda_.operations.update_function_code import update_function_code
from cloudcore.lambda_.operations.update_function_configuration import update_function_configuration

TABLE: dict[str, Callable[[Any, dict[str, Any]], dict[str, Any]]] = {
    "AddPermission": add_permission,
    "CreateAlias": create_alias,
    "CreateFunction": create_function,
    "CreateFunctionUrlConfig": create_function_url_config,
    "DeleteAlias": delete_alias,
    "DeleteFunction": delete_function,
    "DeleteFunctionConcurrency": delete_function_concurrency,
    "DeleteFunctionEventInvokeConfig": delete_function_event_invoke_config,
    "DeleteFunctionUrlConfig": delete_function_url_config,
    "DeleteProvisionedConcurrencyConfig": delete_provisioned_concurrency_config,
    "GetAccountSettings": get_account_settings,
    "GetAlias": get_alias,
    "GetFunction": get_function,
    "GetFunctionConcurrency": get_function_concurrency,
    "GetFunctionConfiguration": get_function_configuration,
    "GetFunctionEventInvokeConfig": get_function_event_invoke_config,
    "GetFunctionUrlConfig": get_function_url_config,
    "GetPolicy": get_policy,
    "GetProvisionedConcurrencyConfig": get_provisioned_concurrency_config,
    "Invoke": invoke,
    "InvokeAsync": invoke_async,
    "ListAliases": list_aliases,
    "ListFunctionEventInvokeConfigs": list_function_event_invoke_configs,
    "ListFunctionUrlConfigs": list_function_url_configs,
    "ListFunctions": list_functions,
    "ListProvisionedConcurrencyConfigs": list_provisioned_concurrency_configs,
    "ListTags": list_tags,
    "ListVersionsByFunction": list_versions_by_function,
    "PublishVersion": publish_version,
    "PutFunctionConcurrency": put_function_concurrency,
    "PutFunctionEventInvokeConfig": put_function_event_invoke_config,
    "PutProvisionedConcurrencyConfig": put_provisioned_concurrency_config,
    "RemovePermission": remove_permission,
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
    "UpdateAlias": update_alias,
    "UpdateFunctionCode": update_function_code,
    "UpdateFunctionConfiguration": update_function_configuration,
    "UpdateFunctionEventInvokeConfig": update_function_event_invoke_config,
    "UpdateFunctionUrlConfig": update_function_url_config,
}
