"""Redshift itself: the COPY statement, through redshift-connector or the Data API.

Not reachable from the tests: the statement and the calls are checked, the service is not.
"""

from __future__ import annotations

import time
from typing import Any

from cloudcore.firehose.destinations.redshift.loading import CopyFailed


def run_connector(address: tuple[str, int, str], user: str, password: str, statement: str) -> None:
    """Run a statement over Redshift's protocol (extra `cloudcore[redshift]`). Raises CopyFailed, OSError."""
    try:
        import redshift_connector
        from redshift_connector.error import Error
    except ImportError:
        raise OSError("Redshift needs redshift-connector: pip install 'cloudcore[redshift]'") from None
    host, port, database = address
    try:
        connection = redshift_connector.connect(
            host=host, port=port, database=database, user=user, password=password, timeout=60
        )
    except (Error, OSError) as error:
        raise OSError(f"Redshift cannot be reached: {error}") from None
    try:
        cursor = connection.cursor()
        cursor.execute(statement)
        connection.commit()
    except Error as error:
        raise CopyFailed(str(error)) from None
    finally:
        connection.close()


def run_data_api(
    client: Any, name: str, database: str, user: str | None, secret: str | None, statement: str, token: str,
    pause: Any = time.sleep,
) -> None:  # fmt: skip
    """Run a statement by the Data API of a cluster, or a workgroup ("workgroup/NAME"). `token` makes a
    repeated request the same one. Raises CopyFailed, OSError."""
    from botocore.exceptions import BotoCoreError, ClientError

    workgroup = name.removeprefix("workgroup/")
    where = {"WorkgroupName": workgroup} if workgroup != name else {"ClusterIdentifier": name}
    who = {"SecretArn": secret} if secret else {"DbUser": user} if workgroup == name else {}
    try:
        started = client.execute_statement(
            **where, **who, Database=database, Sql=statement, ClientToken=token
        )
        wait = 0.2
        while True:
            found = client.describe_statement(Id=started["Id"])
            if found["Status"] == "FINISHED":
                return
            if found["Status"] in ("FAILED", "ABORTED"):
                raise CopyFailed(found.get("Error") or found["Status"])
            pause(wait)
            wait = min(wait * 2, 5.0)
    except (BotoCoreError, ClientError) as error:
        raise OSError(f"the Redshift Data API: {error}") from None
