"""Code signing: configurations, and what they mean where nobody can sign.

Packages carry no signatures here (AWS Signer makes them), so every package is an untrusted artifact: a
configuration whose policy is Enforce refuses it, one whose policy is Warn lets it in.

    <directory>/code-signing/<id>.json    a configuration as CreateCodeSigningConfig answers it, and its tags

Source: AWS, "Using code signing to verify code integrity with Lambda".
"""

from __future__ import annotations

import logging
from typing import Any

from cloudcore.errors import ApiError

_log = logging.getLogger("cloudcore.lambda")


def arn(service: Any, identity: str) -> str:
    """The ARN of a configuration."""
    return f"arn:aws:lambda:{service.region}:{service.account}:code-signing-config:{identity}"


def find(service: Any, given: str) -> dict[str, Any]:
    """The configuration at an ARN. Raises ResourceNotFoundException."""
    held: dict[str, Any] | None = service.signing.documents.get(given.rpartition(":")[2])
    if held is None or held["CodeSigningConfigArn"] != given:
        raise ApiError(
            "ResourceNotFoundException",
            f"The Lambda code signing configuration {given} can not be found.", 404,
        )  # fmt: skip
    return held


def named(service: Any, given: str | None) -> str | None:
    """The ARN that a function is given, once it is there. Raises CodeSigningConfigNotFoundException."""
    if not given:
        return None
    try:
        find(service, given)
    except ApiError as error:
        raise ApiError("CodeSigningConfigNotFoundException", error.message, 404) from None
    return given


def check_code(service: Any, given: str | None, function: str) -> None:
    """Refuse a package when the function's configuration takes signed ones only."""
    if not given:
        return
    policy = find(service, given)["CodeSigningPolicies"]["UntrustedArtifactOnDeployment"]
    if policy == "Enforce":
        raise ApiError(
            "CodeVerificationFailedException",
            "The code signature failed one or more of the validation checks for signature mismatch or "
            "expiration, and the code signing policy is set to ENFORCE. Lambda blocks the deployment.",
        )
    _log.warning("%s: its package is not signed; the code signing policy is Warn", function)
