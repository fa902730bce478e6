"""Errors of the environment, each as a sentence with its remedy: AWS's settings, credentials, connections; files."""

import re
from collections.abc import Iterator

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConfigNotFound,
    ConfigParseError,
    ConnectionError,  # noqa: A004 - botocore's name
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)

import tidings.aws.clients  # noqa: F401 - it registers the description of AWS's errors
from tidings.core.errors import described

SET_PROFILE = "set AWS_PROFILE to a profile of your AWS configuration"

EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
WRONG = {
    "AuthFailure",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
DENIED = {"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"}
"""Error codes of AWS (AWS General Reference, "Common errors", and the references of its services)."""

MISSING_RIGHT = re.compile(
    r"is not authorized to perform: ([A-Za-z0-9-]+:[A-Za-z0-9*]+)(?: on resource: (arn:[!-~]+))?"
)
"""The part of AWS's text that names the action and the resource (AWS IAM User Guide, "Troubleshoot access denied error
messages"). The rest of the text is not shown, because it may quote the request."""


def describe(error: BaseException) -> str:
    """Return an error's text. If the environment caused it, the text names the cause and the remedy.

    Args:
        error: The error that ends a command, which may wrap an error of AWS's library as its cause.
    """
    # AWS's own text may contain what was sent to it.
    text = described(error) if isinstance(error, BotoCoreError | ClientError) else str(error)
    for cause in _causes(error):
        if sentence := _explain(cause):
            raw = described(cause)
            return text.replace(raw, sentence) if cause is not error and raw in text else sentence
    return text


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _explain(error: BaseException) -> str | None:
    if isinstance(error, ClientError):
        return _explain_answer(error)
    return _explain_file(error) or _explain_settings(error) or _explain_connection(error)


def _explain_file(error: BaseException) -> str | None:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename} cannot be used ({error.strerror}); check its path and your rights"
    return None


def is_expected(error: BaseException) -> bool:
    """Return whether the environment caused an error that ends a command."""
    return isinstance(error, BotoCoreError | ClientError) or _explain_file(error) is not None


def _explain_settings(error: BaseException) -> str | None:
    match error:
        case ProfileNotFound():
            return f"AWS has no profile {error.kwargs['profile']!r} here; {SET_PROFILE} (aws configure list-profiles)"
        case ConfigParseError() | ConfigNotFound():
            return f"the AWS configuration file {error.kwargs['path']} cannot be read; correct it"
        case NoRegionError():
            return "no AWS region is set; set AWS_DEFAULT_REGION, or AWS_PROFILE to a profile with a region"
        case NoCredentialsError():
            return f"no AWS credentials were found; sign in with aws sso login or aws configure, or {SET_PROFILE}"
        case PartialCredentialsError() | CredentialRetrievalError() | SSOError() | TokenRetrievalError():
            return f"the AWS credentials cannot be used ({error}); sign in again, for example with aws sso login"
    return None


def _explain_connection(error: BaseException) -> str | None:
    if isinstance(error, ConnectionError | HTTPClientError):
        address = getattr(error, "kwargs", {}).get("endpoint_url") or "AWS"
        return f"{address} cannot be reached; check the network, the region and AWS_ENDPOINT_URL, and try again"
    return None


def _explain_answer(error: ClientError) -> str | None:
    code = error.response.get("Error", {}).get("Code", "")
    if code in EXPIRED:
        return f"the AWS credentials have expired ({code}); sign in again, for example with aws sso login"
    if code in WRONG:
        return f"AWS refuses the credentials ({code}); sign in again, or {SET_PROFILE}, and check this machine's clock"
    if code in DENIED:
        found = MISSING_RIGHT.search(error.response["Error"].get("Message", ""))
        reason = " on ".join(part for part in found.groups() if part) if found else code
        return f"the AWS credentials lack a right ({reason}); use a role that may call {error.operation_name}"
    return None
