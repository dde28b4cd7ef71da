"""AWS-Lambda-compatible functions: execution environments in worker processes."""

from cloudcore.lambda_.pool import Pool, Result, Spec

__all__ = ["Pool", "Result", "Spec"]
