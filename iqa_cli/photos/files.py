"""Bytes from disk, and what they look like, before any decoder sees them."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING, Literal

from iqa_cli.photos import jxl
from iqa_cli.photos.limits import MAX_FILE_BYTES
from iqa_cli.records import StoredPhoto, Unreadable

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

Kind = Literal["jpeg", "png", "webp", "heif", "avif", "tiff", "bmp", "gif", "jxl", "raw"]

SIGNATURE_BYTES = 64  # enough for every signature below and for six compatible brands

# What a first look at a file reads: the preview that most cameras write ends within it. Less would mean more readings
# (of 35 camera files with a preview: 16 KiB 2.2 readings and 25 KiB a file, 24 KiB 1.5 and 28, 32 KiB 1.4 and 35).
FIRST_WINDOW_BYTES = 24 * 1024
_NEXT_WINDOW_BYTES = 4 * 1024

_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"})
_AVIF_BRANDS = frozenset({b"avif", b"avis"})

_MAGIC: tuple[tuple[bytes, Kind], ...] = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\0", "tiff"),  # or raw: `headers` looks inside
    (b"MM\0*", "tiff"),
    (b"II+\0", "tiff"),
    (b"MM\0+", "tiff"),
    (jxl.CODESTREAM, "jxl"),
    (jxl.CONTAINER, "jxl"),
    (b"IIRO", "raw"),  # Olympus
    (b"IIRS", "raw"),
    (b"MMOR", "raw"),
    (b"IIU\0", "raw"),  # Panasonic
    (b"FUJIFILMCCD-RAW", "raw"),
    (b"FOVb", "raw"),  # Sigma
    (b"\0MRM", "raw"),  # Minolta
)
_BMP_HEADERS = frozenset({12, 40, 52, 56, 64, 108, 124})

_OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 picture"),
    (b"8BPS", "a Photoshop file"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x1aE\xdf\xa3", "a video"),
    (b"\0\x05\x16\x07", "an AppleDouble side file"),
    (b"<!DOCTYPE", "a web page"),
    (b"<html", "a web page"),
)


def read_file(path: Path | StoredPhoto, limit: int | None = None) -> bytes | Unreadable:
    """The bytes of a photo file, or why there are none.

    limit   read at most so many bytes; None reads all
    Files that do not begin like a photo are never read to the end, and nothing but a regular file is opened:
    a named pipe would wait for ever.
    """
    try:
        if isinstance(path, StoredPhoto):
            size = path.size
        else:
            status = path.stat()
            if stat.S_ISDIR(status.st_mode):
                return Unreadable("this is a folder, not a photo")
            if not stat.S_ISREG(status.st_mode):
                return Unreadable("not a regular file")
            size = status.st_size
        if size > MAX_FILE_BYTES and limit is None:
            return Unreadable(f"the file has {size} bytes; the limit is {MAX_FILE_BYTES}")
        # Unbuffered and without a size: one piece of memory, as large as the file. A buffer would be copied, and with
        # the limit as size Python allocates that much first, which takes longer than reading the file.
        with path.open() if isinstance(path, StoredPhoto) else path.open("rb", buffering=0) as file:
            head = file.read(SIGNATURE_BYTES)
            if sniff(head) is None:
                return Unreadable(refusal(head))
            file.seek(0)
            return file.read() if limit is None else file.read(limit)
    except FileNotFoundError:
        dangling = not isinstance(path, StoredPhoto) and path.is_symlink()
        return Unreadable("the link leads nowhere" if dangling else "the file is not there any more")
    except PermissionError:
        return Unreadable("permission denied")
    except OSError as error:
        if error.errno == errno.ELOOP:
            return Unreadable("the link leads back to itself")
        return Unreadable(f"reading failed: {error.strerror or os.strerror(error.errno or errno.EIO)}")


class Windows:
    """Parts of a file, read when they are asked for.

    One window is kept: what lies in it costs nothing, what goes on behind it lengthens it, anything else replaces
    it. The files that are looked at this way are read in one to three places.
    """

    def __init__(self, file: BinaryIO, size: int) -> None:
        """file: open and unbuffered, stays the caller's; size: its bytes. Raises OSError as reading does."""
        self.size = size
        """Bytes of the file."""
        self.bytes_read = 0
        """Bytes read so far."""
        self._file = file
        self._start = 0
        self._window = self._fetch(0, FIRST_WINDOW_BYTES)

    def read(self, at: int, size: int) -> bytes:
        """The `size` bytes from `at` on; fewer where the file ends. Raises OSError as reading does."""
        end = self._start + len(self._window)
        if not self._start <= at <= end:
            self._start, self._window = at, self._fetch(at, max(size, _NEXT_WINDOW_BYTES))
        elif at + size > end:
            self._window += self._fetch(end, max(at + size - end, _NEXT_WINDOW_BYTES))
        return self._window[at - self._start : at - self._start + size]

    def _fetch(self, at: int, size: int) -> bytes:
        self._file.seek(at)
        part = self._file.read(size)
        self.bytes_read += len(part)
        return part


def sniff(head: bytes) -> Kind | None:
    """The format by its first bytes; None for anything that is not a photo format read here."""
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "bmp"
    if head[4:12] == b"ftypcrx ":  # Canon's CR3
        return "raw"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "webp"
    brands = _brands(head)
    if brands & _AVIF_BRANDS:
        return "avif"
    if brands & _HEIF_BRANDS:
        return "heif"
    return None


def refusal(head: bytes) -> str:
    """One line that says why a file with these first bytes is not read."""
    if not head:
        return "the file is empty (0 bytes)"
    return f"not a photo format that iqa reads ({_looks_like(head)})"


def _brands(head: bytes) -> set[bytes]:
    """Major and compatible brands of an ISO media file (14496-12, `ftyp`), as far as the head shows them."""
    if head[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(head[:4], "big"), len(head))
    return {head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))}


def _looks_like(head: bytes) -> str:
    for magic, words in _OTHERS:
        if head.startswith(magic):
            return f"it looks like {words}"
    if head[4:8] == b"ftyp":
        return "it looks like a video"
    if not head.strip(b"\0"):
        return "it begins with zero bytes only"
    if all(32 <= byte < 127 or byte in b"\t\r\n" for byte in head):
        return "it looks like text"
    return f"it starts with {head[:4].hex(' ')}"
