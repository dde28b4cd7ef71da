"""Clients in the shape of boto3's, in process and without HTTP: `cloud.client("dynamodb")`.

Method names, parameters, answers, exceptions, paginators and waiters are boto3's; a call is one function
call away from the service. botocore is neither needed nor imported; where it is installed, the exceptions
are its own, so that `except ClientError` goes on working.
"""

from cloudcore.client.client import SERVICES, Client

__all__ = ["SERVICES", "Client"]
