"""What stores answer: asked again where that may help, and told in one sentence with the next step."""

from __future__ import annotations

import errno
import itertools
import re
import time
from typing import TYPE_CHECKING, TypeVar

from iqa_cli.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

TRIES = 5
"""Of one request, beside what the client does: it does not try again where an answer breaks off in the middle."""
_FIRST_PAUSE_S = 0.2
_VARIABLES = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (aws configure export-credentials --format env prints them)",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS (gcloud auth application-default login makes that file)",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_TOKEN",
}
_ROLES = re.compile(r"https?://[^/\s]+/(latest/(api/token|meta-data/iam)|computeMetadata|metadata/identity)")
"""Where a client looks last for credentials: at what tells a machine its role."""
_STATUS = re.compile(r"non-2xx status code: (\d{3})")
_CODE = re.compile(r"<Code>([^<]+)</Code>")
_OS_ERROR = re.compile(r"\(os error (\d+)\)")
_REFUSED = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "AuthenticationFailed")
_NO_BUCKET = ("NoSuchBucket", "ContainerNotFound")


def patiently(ask: Callable[[], T], where: str, verb: str) -> T:
    """What a store answers, asked again after a growing pause where that may help.

    where, verb  as of `explained`
    raises       StoreError  if it does not answer, or asking again would not help
    """
    for attempt in itertools.count(1):
        try:
            return ask()
        except Exception as error:
            problem = explained(error, where, verb)
            if attempt == TRIES or not problem.is_passing:
                raise problem from error
            pause(attempt)
    raise AssertionError


def pause(attempt: int) -> None:
    """Wait after so many attempts that failed."""
    time.sleep(_FIRST_PAUSE_S * 2 ** (attempt - 1))


def explained(error: BaseException, where: str, verb: str) -> StoreError:
    """What a store's client said, in one sentence with the next step.

    where  what was asked for
    verb   what was to be done with it: "listed", "read", "written"

    By what the answer is, never by words that may be part of a name: messages hold URLs and names of objects.
    """
    from obstore import exceptions

    if isinstance(error, StoreError):
        return error
    text = str(error).partition("\n\nDebug source")[0]
    status, code, os_error = _number(_STATUS, text), code_of(error), _number(_OS_ERROR, text)
    scheme = where.partition("://")[0]
    start = f"{where}: cannot be {verb}"
    in_brackets = f" ({code})" if code else ""
    if _ROLES.search(text) or (isinstance(error, exceptions.UnauthenticatedError) and not code):
        return StoreError(f"{start} without credentials", hint=f"set {_VARIABLES.get(scheme, 'them')}")
    if code in _REFUSED or status == 401 or isinstance(error, exceptions.UnauthenticatedError):
        return StoreError(
            f"{start}: the credentials are refused{in_brackets}", hint=f"set {_VARIABLES.get(scheme, 'others')}"
        )
    if (
        isinstance(error, exceptions.PermissionDeniedError | PermissionError)
        or status == 403
        or os_error == errno.EACCES
    ):
        return StoreError(f"{start}: permission denied{in_brackets}", hint="ask its owner for that permission")
    if os_error in (errno.ENOSPC, errno.EDQUOT):
        return StoreError(f"{start}: no room is left", hint="make room there; then the same command goes on")
    if os_error == errno.EROFS:
        return StoreError(f"{start}: it may only be read", hint="name another place with --out, or allow writing")
    if code in _NO_BUCKET:
        return StoreError(f"{start}: there is no such bucket", hint="check its name, and the endpoint and region")
    if code in ("PermanentRedirect", "AuthorizationHeaderMalformed") or status == 301:
        return StoreError(f"{start}: the bucket is in another region", hint="set AWS_REGION to it")
    if isinstance(error, exceptions.InvalidPathError):
        return StoreError(
            f"{start}: {text.removeprefix('Encountered object with invalid path: ')}",
            hint="rename that key: the storage client reads none with an empty part, `.` or `..` between slashes, and "
            "none with control characters",
        )
    if status is None and "HTTP error" in text:
        return StoreError(
            f"{start}: the store cannot be reached ({_brief(text[text.rindex('HTTP error') :])})",
            hint="check the network and the endpoint (AWS_ENDPOINT_URL, AZURE_ENDPOINT)",
            is_passing=True,
            is_unreachable="error sending request" in text,
        )
    return StoreError(f"{start} ({_brief(text)})", hint="try again later", is_passing=True)


def code_of(error: BaseException) -> str:
    """What a store calls its answer, such as "SlowDown"; empty if it does not."""
    found = _CODE.search(str(error))
    return found[1] if found else ""


def is_no_bucket(error: BaseException) -> bool:
    """Whether it is the bucket that is not there, not the object."""
    return code_of(error) in _NO_BUCKET


def _number(pattern: re.Pattern[str], text: str) -> int | None:
    found = pattern.search(text)
    return int(found[1]) if found else None


def _brief(text: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", text).split())[:200]
