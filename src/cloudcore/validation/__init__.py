"""Requests checked against the services' models, in AWS's words.

`check` takes a request in either form, boto3's (bytes, datetimes) or the wire's JSON, and gives it back
normalised or raises ApiError. It knows the types, limits, patterns and enumerations of every operation
of the four models in cloudcore/_models; what depends on state or on several members at once stays with
the operations. `rest` adds what REST services put in the path, the query and headers.

Two steps, as AWS takes them: a value of a wrong JSON type is a SerializationException at once, in the
order of the body; then all broken limits are told together, at most ten, in one ValidationException.
Members that are null count as absent; members that the model does not know pass through, and the
operation decides about them.
"""

from __future__ import annotations

from cloudcore.validation.answer import for_boto3, for_json
from cloudcore.validation.check import check
from cloudcore.validation.model import Model, load

__all__ = ["Model", "check", "for_boto3", "for_json", "load"]
