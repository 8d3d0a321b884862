"""Where photos lie and where a run is kept: buckets and folders, by one client.

    s3://bucket/prefix   gs://bucket/prefix   az://container/prefix   file:///folder   ./folder

What a store needs beside its name (keys, region, endpoint) comes from the usual environment variables of its vendor.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Any, NamedTuple

from iqa_cli.errors import MissingExtra, RunError, StoreError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

_URL = re.compile(r"([a-z][a-z0-9+.-]*)://")
_BUCKETS = ("s3", "gs", "az")
_VARIABLES = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (aws configure export-credentials --format env prints them)",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS (gcloud auth application-default login makes that file)",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_TOKEN",
}
_ENDPOINTS = {"s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"), "az": ("AZURE_ENDPOINT",), "gs": ()}
_ROLES = ("/api/token", "meta-data/iam", "computeMetadata", "metadata/identity", "169.254.")
"""Where a client looks last for credentials: at what tells a machine its role."""
_TIMEOUT = dt.timedelta(seconds=60)
"""For one request, a whole photo included."""
_CONNECTING = dt.timedelta(seconds=10)
RETRIES: Any = {
    "max_retries": 6,
    "retry_timeout": dt.timedelta(seconds=60),
    "backoff": {"init_backoff": dt.timedelta(milliseconds=100), "max_backoff": dt.timedelta(seconds=8), "base": 2},
}
"""Of one request after 5xx, 429 and broken connections; a shard that fails all the same is tried again as a whole."""


def is_url(text: str) -> bool:
    """Whether this is a URL of any kind, not a path."""
    return _URL.match(text) is not None


def is_bucket(text: str) -> bool:
    """Whether this names a bucket, not a folder.

    raises  UsageError  for a URL of another kind
    """
    found = _URL.match(text)
    if found is None or found[1] == "file":
        return False
    if found[1] not in _BUCKETS:
        raise UsageError(f"{text}: iqa knows no {found[1]}://", hint="s3://, gs://, az://, file:// or a folder")
    if not urllib.parse.urlsplit(text).netloc:
        raise UsageError(f"{text}: this names no bucket", hint=f"{found[1]}://bucket/prefix")
    return True


def folder_of(text: str) -> str:
    """The folder that a path or a `file://` URL names."""
    if not text.startswith("file://"):
        return text
    return urllib.request.url2pathname(urllib.parse.urlsplit(text).path)


class Listed(NamedTuple):
    """An object as a listing tells of it."""

    name: str
    """Below the place that was listed."""
    size: int
    """Bytes."""
    etag: str
    """By which the store tells this content from another; empty if it does not."""


class Place:
    """A prefix of a bucket, or a folder; opened when it is first used, in each process anew.

    url     as the user wrote it
    raises  UsageError  if it is none
            MissingExtra  without obstore
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_bucket = is_bucket(url)
        self._opened: Any = None

    def __getstate__(self) -> dict[str, Any]:
        """Without what is open."""
        return {"url": self.url, "is_bucket": self.is_bucket, "_opened": None}

    @property
    def store(self) -> Any:
        """The client: an object store of obstore."""
        if self._opened is None:
            self._opened = self._open()
        return self._opened

    def _open(self) -> Any:
        try:
            from obstore import exceptions, store
        except ImportError:
            raise MissingExtra("reading object storage", "obstore", "scale") from None
        if not self.is_bucket:
            folder = os.path.abspath(folder_of(self.url))  # noqa: PTH100 - a plain string
            try:
                os.makedirs(folder, exist_ok=True)  # noqa: PTH103 - see above
                return store.LocalStore(folder)
            except (OSError, exceptions.BaseError) as error:
                reason = error.strerror if isinstance(error, OSError) else str(error)
                raise StoreError(f"{self.url}: cannot be opened ({reason})", hint="name another folder") from None
        # Not by `from_url`: what a prefix has in common with an escape of URLs would be taken for one.
        scheme, _, rest = self.url.partition("://")
        bucket, _, prefix = rest.partition("/")
        options: dict[str, Any] = {
            "allow_http": (self._endpoint or "").startswith("http://"),
            "timeout": _TIMEOUT,
            "connect_timeout": _CONNECTING,
        }
        more: dict[str, Any] = {} if self._endpoint is None else {"endpoint": self._endpoint}
        if scheme == "s3":
            more["region"] = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
        make: Any = {"s3": store.S3Store, "gs": store.GCSStore, "az": store.AzureStore}[scheme]
        try:
            return make(bucket, prefix=prefix.strip("/") or None, client_options=options, retry_config=RETRIES, **more)
        except Exception as error:  # noqa: BLE001 - errors of several kinds, for names that are none
            raise explained(error, self.url, "opened") from None

    @property
    def _endpoint(self) -> str | None:
        names = _ENDPOINTS.get(self.url.partition(":")[0], ())
        return next((os.environ[name] for name in names if os.environ.get(name)), None)

    def get(self, name: str) -> bytes | None:
        """The bytes of an object; None if there is none.

        raises  StoreError  if the store does not say
        """
        from obstore import exceptions

        try:
            return bytes(self.store.get(name).bytes())
        except (exceptions.NotFoundError, FileNotFoundError):
            return None
        except Exception as error:  # noqa: BLE001 - whatever a store answers
            raise explained(error, self.where(name), "read") from None

    def must_get(self, name: str, hint: str) -> bytes:
        """The same of one that has to be there.

        raises  RunError  if it is not, with this hint
        """
        content = self.get(name)
        if content is None:
            raise RunError(f"{self.where(name)} is missing", hint=hint)
        return content

    def put(self, name: str, content: bytes) -> None:
        """Write an object, over one that is there.

        raises  StoreError  if it cannot be written
        """
        try:
            self.store.put(name, content, use_multipart=False)
        except Exception as error:  # noqa: BLE001 - whatever a store answers
            raise explained(error, self.where(name), "written") from None

    def listed(self, folder: str = "") -> Iterator[Listed]:
        """All objects in a folder of this place, in the order that the store gives them.

        raises  StoreError  if it cannot be listed
        """
        store = self.store
        try:
            pages: Iterator[Any] = store.list(folder or None, chunk_size=1000)
            for page in pages:
                for entry in page:
                    yield Listed(str(entry["path"]), entry["size"], entry["e_tag"] or "")
        except FileNotFoundError:
            return
        except Exception as error:  # noqa: BLE001 - whatever a store answers
            raise explained(error, self.where(folder) if folder else self.url, "listed") from None

    def names(self, folder: str) -> list[str]:
        """Names of all objects in a folder of this place, sorted, with the folder's in front.

        raises  StoreError  if it cannot be listed
        """
        return sorted(entry.name for entry in self.listed(folder))

    def where(self, name: str) -> str:
        """What a person calls an object of this place."""
        return f"{self.url.rstrip('/')}/{name}"


def explained(error: BaseException, where: str, verb: str) -> StoreError:
    """What a store's client said, in one sentence with the next step.

    where  what was asked for
    verb   what was to be done with it: "listed", "read", "written"
    """
    from obstore import exceptions

    if isinstance(error, StoreError):
        return error
    text = str(error).partition("\n\nDebug source")[0]
    scheme = where.partition("://")[0]
    start = f"{where}: cannot be {verb}"
    if _says(text, *_ROLES) or isinstance(error, exceptions.UnauthenticatedError):
        return StoreError(f"{start} without credentials", hint=f"set {_VARIABLES.get(scheme, 'them')}")
    if _says(text, "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "401"):
        return StoreError(
            f"{start}: the credentials are refused ({_code(text)})", hint=f"set {_VARIABLES.get(scheme, 'others')}"
        )
    if isinstance(error, exceptions.PermissionDeniedError | PermissionError) or _says(text, "os error 13", "403 Forb"):
        return StoreError(f"{start}: permission denied{_in_brackets(text)}", hint="ask its owner for that permission")
    if _says(text, "os error 28", "os error 122"):
        return StoreError(f"{start}: no room is left", hint="make room there; then the same command goes on")
    if _says(text, "os error 30"):
        return StoreError(f"{start}: it may only be read", hint="name another place with --out, or allow writing")
    if _says(text, "NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist"):
        return StoreError(f"{start}: there is no such bucket", hint="check its name, and the endpoint and region")
    if _says(text, "PermanentRedirect", "AuthorizationHeaderMalformed", "301 Moved"):
        return StoreError(f"{start}: the bucket is in another region", hint="set AWS_REGION to it")
    if isinstance(error, exceptions.InvalidPathError):
        return StoreError(
            f"{start}: {text.removeprefix('Encountered object with invalid path: ')}",
            hint="rename that key: the storage client reads no key with an empty part, `.` or `..` between slashes",
        )
    if _says(text, "error sending request", "HTTP error", "connect", "timed out", "dns"):
        return StoreError(
            f"{start}: the store cannot be reached ({_brief(text)})",
            hint="check the network and the endpoint (AWS_ENDPOINT_URL, AZURE_ENDPOINT)",
            is_passing=True,
        )
    return StoreError(f"{start} ({_brief(text)})", hint="try again later", is_passing=True)


def _says(text: str, *signs: str) -> bool:
    return any(sign.lower() in text.lower() for sign in signs)


def _code(text: str) -> str:
    """The code of an answer in XML, else what is known of it."""
    found = re.search(r"<Code>([^<]+)</Code>", text)
    return found[1] if found else _brief(text)


def _in_brackets(text: str) -> str:
    found = re.search(r"<Code>([^<]+)</Code>", text)
    return f" ({found[1]})" if found else ""


def _brief(text: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", text).split())[:200]
