"""One file per action; TABLE is all that this build serves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cloudcore.lambda_.operations.capacity_providers import (
    absent_capacity_provider,
    create_capacity_provider,
    function_scaling_config,
    list_capacity_providers,
)
from cloudcore.lambda_.operations.code_signing import (
    create_code_signing_config,
    delete_code_signing_config,
    delete_function_code_signing_config,
    get_code_signing_config,
    get_function_code_signing_config,
    list_code_signing_configs,
    list_functions_by_code_signing_config,
    put_function_code_signing_config,
    update_code_signing_config,
)
from cloudcore.lambda_.operations.concurrency import (
    delete_function_concurrency,
    get_function_concurrency,
    put_function_concurrency,
)
from cloudcore.lambda_.operations.create_alias import create_alias
from cloudcore.lambda_.operations.create_function import create_function
from cloudcore.lambda_.operations.delete_alias import delete_alias
from cloudcore.lambda_.operations.delete_function import delete_function
from cloudcore.lambda_.operations.durable_executions import (
    checkpoint_durable_execution,
    delete_durable_execution,
    get_durable_execution,
    get_durable_execution_history,
    get_durable_execution_state,
    list_durable_executions_by_function,
    pause_durable_execution,
    resume_durable_execution,
    send_durable_execution_callback_failure,
    send_durable_execution_callback_heartbeat,
    send_durable_execution_callback_success,
    stop_durable_execution,
)
from cloudcore.lambda_.operations.event_invoke_config import (
    delete_function_event_invoke_config,
    get_function_event_invoke_config,
    list_function_event_invoke_configs,
    put_function_event_invoke_config,
    update_function_event_invoke_config,
)
from cloudcore.lambda_.operations.event_source_mappings import (
    create_event_source_mapping,
    delete_event_source_mapping,
    get_event_source_mapping,
    list_event_source_mappings,
    update_event_source_mapping,
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
from cloudcore.lambda_.operations.invoke_with_response_stream import invoke_with_response_stream
from cloudcore.lambda_.operations.layers import (
    add_layer_version_permission,
    delete_layer_version,
    get_layer_version,
    get_layer_version_by_arn,
    get_layer_version_policy,
    list_layer_versions,
    list_layers,
    publish_layer_version,
    remove_layer_version_permission,
)
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
from cloudcore.lambda_.operations.recursion import (
    get_function_recursion_config,
    put_function_recursion_config,
)
from cloudcore.lambda_.operations.resource_policies import (
    delete_resource_policy,
    get_resource_policy,
    put_resource_policy,
)
from cloudcore.lambda_.operations.runtime_management import (
    get_runtime_management_config,
    put_runtime_management_config,
)
from cloudcore.lambda_.operations.tags import list_tags, tag_resource, untag_resource
from cloudcore.lambda_.operations.update_alias import update_alias
from cloudcore.lambda_.operations.update_function_code import update_function_code
from cloudcore.lambda_.operations.update_function_configuration import update_function_configuration

TABLE: dict[str, Callable[[Any, dict[str, Any]], dict[str, Any]]] = {
    "AddLayerVersionPermission": add_layer_version_permission,
    "AddPermission": add_permission,
    "CheckpointDurableExecution": checkpoint_durable_execution,
    "CreateAlias": create_alias,
    "CreateCapacityProvider": create_capacity_provider,
    "CreateCodeSigningConfig": create_code_signing_config,
    "CreateEventSourceMapping": create_event_source_mapping,
    "CreateFunction": create_function,
    "CreateFunctionUrlConfig": create_function_url_config,
    "DeleteAlias": delete_alias,
    "DeleteCapacityProvider": absent_capacity_provider,
    "DeleteCodeSigningConfig": delete_code_signing_config,
    "DeleteDurableExecution": delete_durable_execution,
    "DeleteEventSourceMapping": delete_event_source_mapping,
    "DeleteFunction": delete_function,
    "DeleteFunctionCodeSigningConfig": delete_function_code_signing_config,
    "DeleteFunctionConcurrency": delete_function_concurrency,
    "DeleteFunctionEventInvokeConfig": delete_function_event_invoke_config,
    "DeleteFunctionUrlConfig": delete_function_url_config,
    "DeleteLayerVersion": delete_layer_version,
    "DeleteProvisionedConcurrencyConfig": delete_provisioned_concurrency_config,
    "DeleteResourcePolicy": delete_resource_policy,
    "GetAccountSettings": get_account_settings,
    "GetAlias": get_alias,
    "GetCapacityProvider": absent_capacity_provider,
    "GetCodeSigningConfig": get_code_signing_config,
    "GetDurableExecution": get_durable_execution,
    "GetDurableExecutionHistory": get_durable_execution_history,
    "GetDurableExecutionState": get_durable_execution_state,
    "GetEventSourceMapping": get_event_source_mapping,
    "GetFunction": get_function,
    "GetFunctionCodeSigningConfig": get_function_code_signing_config,
    "GetFunctionConcurrency": get_function_concurrency,
    "GetFunctionConfiguration": get_function_configuration,
    "GetFunctionEventInvokeConfig": get_function_event_invoke_config,
    "GetFunctionRecursionConfig": get_function_recursion_config,
    "GetFunctionScalingConfig": function_scaling_config,
    "GetFunctionUrlConfig": get_function_url_config,
    "GetLayerVersion": get_layer_version,
    "GetLayerVersionByArn": get_layer_version_by_arn,
    "GetLayerVersionPolicy": get_layer_version_policy,
    "GetPolicy": get_policy,
    "GetProvisionedConcurrencyConfig": get_provisioned_concurrency_config,
    "GetResourcePolicy": get_resource_policy,
    "GetRuntimeManagementConfig": get_runtime_management_config,
    "Invoke": invoke,
    "InvokeAsync": invoke_async,
    "InvokeWithResponseStream": invoke_with_response_stream,
    "ListAliases": list_aliases,
    "ListCapacityProviders": list_capacity_providers,
    "ListCodeSigningConfigs": list_code_signing_configs,
    "ListDurableExecutionsByFunction": list_durable_executions_by_function,
    "ListEventSourceMappings": list_event_source_mappings,
    "ListFunctionEventInvokeConfigs": list_function_event_invoke_configs,
    "ListFunctionUrlConfigs": list_function_url_configs,
    "ListFunctionVersionsByCapacityProvider": absent_capacity_provider,
    "ListFunctions": list_functions,
    "ListFunctionsByCodeSigningConfig": list_functions_by_code_signing_config,
    "ListLayerVersions": list_layer_versions,
    "ListLayers": list_layers,
    "ListProvisionedConcurrencyConfigs": list_provisioned_concurrency_configs,
    "ListTags": list_tags,
    "ListVersionsByFunction": list_versions_by_function,
    "PauseDurableExecution": pause_durable_execution,
    "PublishLayerVersion": publish_layer_version,
    "PublishVersion": publish_version,
    "PutFunctionCodeSigningConfig": put_function_code_signing_config,
    "PutFunctionConcurrency": put_function_concurrency,
    "PutFunctionEventInvokeConfig": put_function_event_invoke_config,
    "PutFunctionRecursionConfig": put_function_recursion_config,
    "PutFunctionScalingConfig": function_scaling_config,
    "PutProvisionedConcurrencyConfig": put_provisioned_concurrency_config,
    "PutResourcePolicy": put_resource_policy,
    "PutRuntimeManagementConfig": put_runtime_management_config,
    "RemoveLayerVersionPermission": remove_layer_version_permission,
    "RemovePermission": remove_permission,
    "ResumeDurableExecution": resume_durable_execution,
    "SendDurableExecutionCallbackFailure": send_durable_execution_callback_failure,
    "SendDurableExecutionCallbackHeartbeat": send_durable_execution_callback_heartbeat,
    "SendDurableExecutionCallbackSuccess": send_durable_execution_callback_success,
    "StopDurableExecution": stop_durable_execution,
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
    "UpdateAlias": update_alias,
    "UpdateCapacityProvider": absent_capacity_provider,
    "UpdateCodeSigningConfig": update_code_signing_config,
    "UpdateEventSourceMapping": update_event_source_mapping,
    "UpdateFunctionCode": update_function_code,
    "UpdateFunctionConfiguration": update_function_configuration,
    "UpdateFunctionEventInvokeConfig": update_function_event_invoke_config,
    "UpdateFunctionUrlConfig": update_function_url_config,
}
