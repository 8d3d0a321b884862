"""Where photos lie and where a run is kept: buckets and folders, by one client.

    s3://bucket/prefix   gs://bucket/prefix   az://container/prefix   file:///folder   ./folder

What a store needs beside its name (keys, region, endpoint) comes from the usual environment variables of its vendor.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from iqa_cli.errors import MissingExtra, RunError, StoreError, UsageError
from iqa_cli.stores.answers import TRIES, explained, is_no_bucket, patiently, pause

if TYPE_CHECKING:
    from collections.abc import Iterator

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(//|/(?!/))")
"""A scheme has two letters at least: one is a drive."""
_BUCKETS = ("s3", "gs", "az")
_ENDPOINTS = {"s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"), "az": ("AZURE_ENDPOINT",), "gs": ()}
_ENDPOINT = re.compile(r"https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?(/[!-~]*)?")
_TIMEOUT = dt.timedelta(seconds=60)
"""For one request, a whole photo included."""
_CONNECTING = dt.timedelta(seconds=10)
RETRIES: Any = {
    "max_retries": 6,
    "retry_timeout": dt.timedelta(seconds=60),
    "backoff": {"init_backoff": dt.timedelta(milliseconds=100), "max_backoff": dt.timedelta(seconds=8), "base": 2},
}
"""Of one request after 5xx, 429 and broken connections; a shard that fails all the same is tried again as a whole."""
PAGE = 1000
"""Names that a store gives at once."""


def is_url(text: str) -> bool:
    """Whether this is a URL of any kind, not a path."""
    return _URL.match(text) is not None


def is_of_bucket(text: str) -> bool:
    """Whether a path of a report is the URL of an object."""
    found = _URL.match(text)
    return found is not None and found[1].lower() in _BUCKETS and found[2] == "//"


def is_bucket(text: str) -> bool:
    """Whether this names a bucket, not a folder.

    raises  UsageError  for nothing, and for a URL of another kind
    """
    if not text:
        raise UsageError("a place needs a name", hint="s3://bucket/prefix, gs://, az://, file:// or a folder")
    found = _URL.match(text)
    if found is None:
        return False
    scheme, slashes = found[1], found[2]
    if scheme == "file" and slashes == "//":
        folder_of(text)
        return False
    if scheme not in _BUCKETS or slashes != "//":
        known = scheme.lower() if scheme.lower() in (*_BUCKETS, "file") else ""
        hint = f"{known}://{text[found.end() :]}" if known else "s3://, gs://, az://, file:// or a folder"
        raise UsageError(f"{text}: iqa knows no {found[0]}", hint=hint)
    if not text[found.end() :].partition("/")[0]:
        raise UsageError(f"{text}: this names no bucket", hint=f"{scheme}://bucket/prefix")
    return True


def folder_of(text: str) -> str:
    """The folder that a path or a `file://` URL names; raises UsageError for one of another machine."""
    if not text.startswith("file://"):
        return text
    host, slash, path = text.removeprefix("file://").partition("/")
    if host not in ("", "localhost") or not slash:
        raise UsageError(
            f"{text}: this names a folder of the machine {host!r}", hint="file:///folder has three slashes"
        )
    from urllib.request import (
        url2pathname,  # it brings HTTP and TLS, which commands that only ask for a kind do not need
    )

    return url2pathname("/" + path)


class Listed(NamedTuple):
    """An object as a listing tells of it."""

    name: str
    """Below the place that was listed."""
    size: int
    """Bytes."""
    etag: str
    """By which the store tells this content from another; empty if it does not."""
    modified_us: int
    """When it was written: microseconds since 1970, UTC."""


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
        """The client: an object store of obstore. Whoever asks it something opens it before: what goes wrong then is no
        answer of a store.
        """
        if self._opened is None:
            self._opened = self._open()
        return self._opened

    def _open(self) -> Any:
        try:
            from obstore import exceptions, store
        except ImportError:
            raise MissingExtra("reading object storage", "obstore", "scale") from None
        if not self.is_bucket:
            try:
                return store.LocalStore(self._folder)
            except (OSError, exceptions.BaseError) as error:
                raise self._no_folder(error) from None
        # Not by `from_url`: what a prefix has in common with an escape of URLs would be taken for one.
        scheme, bucket, prefix = self._parts
        endpoint = self._endpoint()
        options: dict[str, Any] = {
            "allow_http": (endpoint or "").startswith("http://"),
            "timeout": _TIMEOUT,
            "connect_timeout": _CONNECTING,
        }
        more: dict[str, Any] = {} if endpoint is None else {"endpoint": endpoint}
        if scheme == "s3":
            more["region"] = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
        make: Any = {"s3": store.S3Store, "gs": store.GCSStore, "az": store.AzureStore}[scheme]
        try:
            return make(bucket, prefix=prefix or None, client_options=options, retry_config=RETRIES, **more)
        except Exception as error:  # noqa: BLE001 - errors of several kinds, for names that are none
            raise explained(error, self.url, "opened") from None

    def _endpoint(self) -> str | None:
        """Where the environment says that the store is; None for its vendor's place.

        raises  StoreError  if it is no URL: the client would panic, which is no answer
        """
        given = {name: os.environ[name] for name in _ENDPOINTS[self._parts[0]] if os.environ.get(name)}
        for name, value in given.items():
            if _ENDPOINT.fullmatch(value) is None:
                raise StoreError(
                    f"{name}={value.rpartition('@')[2]!r} is no URL of a server",  # a password in front stays unsaid
                    hint="with its protocol, and no name or password: https://minio.example.com:9000",
                )
        return next(iter(given.values()), None)

    @property
    def _parts(self) -> tuple[str, str, str]:
        """Scheme, bucket, and prefix without slashes around it."""
        scheme, _, rest = self.url.partition("://")
        bucket, _, prefix = rest.partition("/")
        return scheme, bucket, prefix.strip("/")

    @property
    def _folder(self) -> str:
        return os.path.abspath(folder_of(self.url))  # noqa: PTH100 - a plain string

    def _no_folder(self, error: Exception) -> StoreError:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return StoreError(f"{self.url}: cannot be opened ({reason})", hint="name another folder")

    @property
    def is_there(self) -> bool:
        """Whether there is such a folder; of a bucket nobody knows before asking."""
        return self.is_bucket or os.path.isdir(self._folder)  # noqa: PTH112 - a plain string

    def holds(self, path: str) -> bool:
        """Whether a path of this machine leads into this folder; never into a bucket."""
        return not self.is_bucket and Path(self._folder).resolve() in Path(path).resolve().parents

    def is_around(self, other: Place) -> bool:
        """Whether another place is this one or inside it."""
        if self.is_bucket != other.is_bucket:
            return False
        if not self.is_bucket:
            inner, outer = Path(other._folder).resolve(), Path(self._folder).resolve()
            return outer in (inner, *inner.parents)
        return other._parts[:2] == self._parts[:2] and f"{other._parts[2]}/".startswith(
            f"{self._parts[2]}/".lstrip("/")
        )

    def make(self) -> None:
        """Make the folder, if it is one and not there yet; raises StoreError if it cannot be made."""
        if self._opened is not None or self.is_bucket:
            return
        try:
            os.makedirs(self._folder, exist_ok=True)  # noqa: PTH103 - a plain string
        except OSError as error:
            raise self._no_folder(error) from None

    def get(self, name: str) -> bytes | None:
        """The bytes of an object; None if there is none.

        raises  StoreError  if the store does not say
        """
        if not self.is_there:
            return None
        store = self.store
        from obstore import exceptions

        def ask() -> bytes | None:
            try:
                return bytes(store.get(name).bytes())
            except (exceptions.NotFoundError, FileNotFoundError) as error:
                if is_no_bucket(error):
                    raise
                return None

        return patiently(ask, self.where(name), "read")

    def has(self, name: str) -> bool:
        """Whether there is an object; raises StoreError if the store does not say."""
        if not self.is_there:
            return False
        store = self.store
        from obstore import exceptions

        def ask() -> bool:
            with contextlib.suppress(exceptions.NotFoundError, FileNotFoundError):
                store.head(name)
                return True
            return False

        return patiently(ask, self.where(name), "read")

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
        self.make()
        store = self.store
        patiently(lambda: store.put(name, content, use_multipart=False), self.where(name), "written")

    def pages(self, folder: str = "", after: str | None = None) -> Iterator[list[Listed]]:
        """All objects in a folder of this place behind a name, `PAGE` at a time, as the store gives them.

        after   any name; None for all. A bucket is listed in order of names, a folder is not
        raises  StoreError  if it cannot be listed

        An answer of a bucket that breaks off is asked for again from where it did.
        """
        if not self.is_there:
            return
        store = self.store
        where = self.where(folder) if folder else self.url
        attempt = 0
        while True:
            try:
                for page in store.list(folder or None, offset=after, chunk_size=PAGE):
                    found = [_listed(entry) for entry in page]
                    if after is not None and any(entry.name < after and entry.size for entry in found):
                        raise StoreError(
                            f"{where}: the store gave names before the one that it was to list from",
                            hint="copy it into a store that lists from a name on, as S3 does, or mount it as a folder",
                        )
                    yield found
                    attempt = 0
                    after = found[-1].name if found and self.is_bucket else after
            except FileNotFoundError:
                return
            except Exception as error:
                problem = explained(error, where, "listed")
                attempt += 1
                if attempt == TRIES or not problem.is_passing or not self.is_bucket:
                    raise problem from error
                pause(attempt)
            else:
                return

    def listed(self, folder: str = "") -> Iterator[Listed]:
        """The same, one after the other."""
        return (entry for page in self.pages(folder) for entry in page)

    def names(self, folder: str) -> list[str]:
        """Names of all objects in a folder of this place, sorted, with the folder's in front.

        raises  StoreError  if it cannot be listed
        """
        return sorted(entry.name for entry in self.listed(folder))

    def where(self, name: str) -> str:
        """What a person calls an object of this place."""
        return f"{self.url.rstrip('/')}/{name}"


def _listed(entry: Any) -> Listed:
    modified = int(entry["last_modified"].timestamp() * 1_000_000)
    return Listed(str(entry["path"]), entry["size"], entry["e_tag"] or "", modified)
