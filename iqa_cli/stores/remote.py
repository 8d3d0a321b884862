"""An object read as a file is: by ranges, those that were read kept, and never one that changed since the plan.

The head comes first: an APP1 segment can end at byte 65,539, and what stands before it in a JPEG is a few bytes more.
So nearly all EXIF blocks and previews cost one request. The rest comes when something asks for it.
"""

from __future__ import annotations

import errno
import io
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, cast

from iqa_cli.errors import StoreError
from iqa_cli.records import StoredPhoto
from iqa_cli.stores.answers import TRIES, code_of, explained, is_no_bucket, pause

if TYPE_CHECKING:
    from iqa_cli.stores.places import Place

Failure = Literal["changed", "vanished", "denied", "unreachable"]
"""Why an object could not be read: it is another one than planned, there is none, we may not, or nobody knows."""

HEAD_BYTES = 69_632
"""17 blocks of 4 KiB: the first that hold an APP1 segment of full length behind a JFIF header."""
NEXT_BYTES = 8 * 1024
"""The least that a later request asks for. Who looks for segments behind a long one jumps, so more would be for
nothing: a phone's photo with three of them between EXIF and picture costs 94 KB, by 32 KiB it would 135."""


class RemotePhoto(StoredPhoto):
    """An object as a photo; used by one thread at a time.

    place        that holds it
    key          below that place
    etag, size   as the plan has them: an object that has others is not read
    source_file  as reports show it
    whole        whether all of it will be needed: then it comes in one request
    """

    def __init__(self, place: Place, key: str, etag: str, size: int, source_file: str, *, whole: bool) -> None:
        super().__init__(source_file, size)
        self._place = place
        self._key = key
        self._etag = etag
        self._whole = whole
        self._pieces: list[tuple[int, bytes]] = []
        """What was read, by where it begins; pieces do not touch."""
        self.failure: Failure | None = None
        self.problem: StoreError | None = None
        """What the store said, if the failure is nobody's photo."""
        self.code = ""
        """What the store calls that answer, if it does."""
        self.bytes_read = 0
        self.requests = 0

    def open(self) -> BinaryIO:
        """See `StoredPhoto`; streams share what was read."""
        return cast("BinaryIO", _Stream(self))

    def can_be_read(self) -> bool:
        """Whether its first byte comes, whatever was read before."""
        if not self.size:
            return False
        try:
            self._request((0, 1))
        except Exception:  # noqa: BLE001 - whatever a store answers
            return False
        return True

    def refuse_failed(self) -> None:
        """For those who need every object that was listed.

        raises  StoreError  if it could not be read, with the next step
        """
        if self.problem is not None:
            raise self.problem
        if self.failure is not None:
            what = "is gone" if self.failure == "vanished" else "is another object"
            raise StoreError(
                f"{self.source_file}: {what} since the bucket was listed",
                hint="start again when nothing is written there any more",
            )

    def release(self) -> None:
        """Forget what was read."""
        self._pieces = []

    @property
    def first_bytes(self) -> int:
        """How many of its bytes will be asked for first."""
        return self.size if self._whole else min(self.size, HEAD_BYTES)

    def prefetch(self) -> None:
        """Read what will be asked for first. What goes wrong is told to whoever reads."""
        try:
            self.read(0, self.first_bytes)
        except OSError:
            return

    def read(self, at: int, size: int) -> bytes:
        """The bytes from `at` on, up to the end; raises OSError if they cannot be had."""
        end = min(at + size, self.size)
        if end <= at:
            return b""
        if self.failure is not None:
            raise _as_os_error(self.failure)
        while (gap := self._gap(at, end)) is not None:
            first, last = gap
            self._add(*self._fetch(first, last))
        start, piece = next(held for held in self._pieces if held[0] <= at < held[0] + len(held[1]))
        return piece[at - start : end - start] if (at, end) != (start, start + len(piece)) else piece

    def _gap(self, at: int, end: int) -> tuple[int, int] | None:
        """What is to be asked for next, for these bytes to be there in one piece."""
        for start, piece in self._pieces:
            if start <= at <= start + len(piece):
                at = start + len(piece)
                if end <= at:
                    return None
        before = [start for start, _ in self._pieces if at < start]
        least = HEAD_BYTES if at == 0 else NEXT_BYTES
        last = min(max(end, at + least), self.size)
        # Up to what is there already, so that the two become one piece.
        return at, min([last, *(start for start in before if start < last)])

    def _add(self, start: int, piece: bytes) -> None:
        if not piece:
            raise self._failed("changed")
        merged: list[tuple[int, bytes]] = []
        for at, held in sorted([*self._pieces, (start, piece)]):
            if merged and at <= merged[-1][0] + len(merged[-1][1]):
                first, before = merged[-1]
                merged[-1] = (first, before + held[max(0, first + len(before) - at) :])
            else:
                merged.append((at, held))
        self._pieces = merged

    def _fetch(self, first: int, last: int) -> tuple[int, bytes]:
        """Bytes from the store, and where they begin: all of them if it does not know ranges."""
        from obstore import exceptions

        problem: Exception | None = None
        part: tuple[int, int] | None = None if (first, last) == (0, self.size) else (first, last)
        attempt = 0
        while attempt < TRIES:
            if problem is not None:
                pause(attempt)
            try:
                return self._request(part)
            except (exceptions.NotFoundError, FileNotFoundError) as error:
                if is_no_bucket(error):
                    self.problem = explained(error, self.source_file, "read")
                    raise self._failed("unreachable") from None
                raise self._failed("vanished") from None
            except (exceptions.PreconditionError, _Changed):
                raise self._failed("changed") from None
            except exceptions.PermissionDeniedError as error:
                self.problem = explained(error, self.source_file, "read")
                raise self._failed("denied") from None
            except Exception as error:  # noqa: BLE001 - whatever a store answers
                if part is not None and _ignores_ranges(error):
                    part = None
                    continue
                problem = error
                attempt += 1
        assert problem is not None  # noqa: S101 - for the type checker
        self.problem = explained(problem, self.source_file, "read")
        self.code = code_of(problem)
        raise self._failed("unreachable")

    def _request(self, part: tuple[int, int] | None) -> tuple[int, bytes]:
        self.requests += 1
        options: Any = {"if_match": self._etag} if self._etag else {}
        if part is not None:
            options["range"] = part
        answer = self._place.store.get(self._key, options=options)
        meta = answer.meta
        if meta["size"] != self.size or (self._etag and meta["e_tag"] not in (None, self._etag)):
            raise _Changed
        first, last = answer.range
        content = bytes(answer.bytes())
        self.bytes_read += len(content)
        if len(content) != last - first:
            raise OSError(errno.EIO, "the answer broke off")
        return first, content

    def _failed(self, failure: Failure) -> OSError:
        self.failure = failure
        self._pieces = []
        return _as_os_error(failure)


class _Changed(Exception):  # noqa: N818 - it is an answer
    """The object is another one than planned."""


class _Stream(io.RawIOBase):
    """What decoders and `Windows` see: `read` gives all that was asked for, as of a file."""

    def __init__(self, photo: RemotePhoto) -> None:
        super().__init__()
        self._photo = photo
        self._at = 0

    def read(self, size: int = -1) -> bytes:
        content = self._photo.read(self._at, self._photo.size - self._at if size is None or size < 0 else size)
        self._at += len(content)
        return content

    def readall(self) -> bytes:
        return self.read()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._photo.size}[whence]
        return self._at

    def tell(self) -> int:
        return self._at


def _as_os_error(failure: Failure) -> OSError:
    if failure == "vanished":
        return FileNotFoundError(errno.ENOENT, "no such object")
    if failure == "denied":
        return PermissionError(errno.EACCES, "permission denied")
    return OSError(errno.EIO, failure)


def _ignores_ranges(error: Exception) -> bool:
    """Whether a server answered a request for a range with everything."""
    text = str(error).lower()
    return "non-partial response" in text or "not partial" in text or "range request not supported" in text
