"""One module per control-plane operation; each has `run(service, params) -> dict`.

Item operations have no module here: they are C (csrc/table), one file per verb.
"""

from cloudcore.dynamodb.operations import (
    create_backup,
    create_global_table,
    create_table,
    delete_backup,
    delete_resource_policy,
    delete_table,
    describe_backup,
    describe_continuous_backups,
    describe_endpoints,
    describe_global_table,
    describe_global_table_settings,
    describe_limits,
    describe_table,
    describe_time_to_live,
    get_resource_policy,
    list_backups,
    list_global_tables,
    list_tables,
    list_tags_of_resource,
    put_resource_policy,
    restore_table_from_backup,
    restore_table_to_point_in_time,
    tag_resource,
    untag_resource,
    update_continuous_backups,
    update_global_table,
    update_global_table_settings,
    update_table,
    update_time_to_live,
)

CONTROL = {
    "CreateBackup": create_backup.run,
    "CreateGlobalTable": create_global_table.run,
    "CreateTable": create_table.run,
    "DeleteBackup": delete_backup.run,
    "DeleteResourcePolicy": delete_resource_policy.run,
    "DeleteTable": delete_table.run,
    "DescribeBackup": describe_backup.run,
    "DescribeContinuousBackups": describe_continuous_backups.run,
    "DescribeEndpoints": describe_endpoints.run,
    "DescribeGlobalTable": describe_global_table.run,
    "DescribeGlobalTableSettings": describe_global_table_settings.run,
    "DescribeLimits": describe_limits.run,
    "DescribeTable": describe_table.run,
    "DescribeTimeToLive": describe_time_to_live.run,
    "GetResourcePolicy": get_resource_policy.run,
    "ListBackups": list_backups.run,
    "ListGlobalTables": list_global_tables.run,
    "ListTables": list_tables.run,
    "ListTagsOfResource": list_tags_of_resource.run,
    "PutResourcePolicy": put_resource_policy.run,
    "RestoreTableFromBackup": restore_table_from_backup.run,
    "RestoreTableToPointInTime": restore_table_to_point_in_time.run,
    "TagResource": tag_resource.run,
    "UntagResource": untag_resource.run,
    "UpdateContinuousBackups": update_continuous_backups.run,
    "UpdateGlobalTable": update_global_table.run,
    "UpdateGlobalTableSettings": update_global_table_settings.run,
    "UpdateTable": update_table.run,
    "UpdateTimeToLive": update_time_to_live.run,
}
"""Control-plane operation name -> function."""

ITEM = frozenset(
    (
        "PutItem",
        "GetItem",
        "UpdateItem",
        "DeleteItem",
        "Query",
        "Scan",
        "BatchWriteItem",
        "BatchGetItem",
        "TransactWriteItems",
        "TransactGetItems",
        "ExecuteStatement",
        "BatchExecuteStatement",
        "ExecuteTransaction",
    )
)
"""Operations that csrc/table answers."""
