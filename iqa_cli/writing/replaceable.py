"""Files that renaming cannot replace, although their folder may be written to: told before hours of work, not after."""

from __future__ import annotations

import os
import stat


def why_irreplaceable(target: str, status: os.stat_result) -> str | None:
    """Why the system would refuse to rename a file over this one, in a few words; None if it would not.

    target  its real path
    status  of it
    """
    if is_mounted(target):
        return "it is mounted by itself, as into a container"
    folder = os.stat(os.path.dirname(target))
    is_sticky = hasattr(os, "geteuid") and folder.st_mode & stat.S_ISVTX
    # As in /tmp: only the owner of a file, of the folder, and root may rename over it.
    if is_sticky and os.geteuid() not in (0, folder.st_uid, status.st_uid):
        return "in this folder only its owner may replace it"
    return None


def is_mounted(target: str) -> bool:
    """Whether a file system, or a single file as containers do it, is mounted at a real path. Only Linux tells."""
    try:
        with open("/proc/self/mountinfo", "rb") as file:
            places = [line.split(b" ", 5)[4] for line in file]
    except (OSError, IndexError):
        return False
    return _spelled(os.fsencode(target)) in places


def _spelled(path: bytes) -> bytes:
    """A path as the kernel writes it there: proc_pid_mountinfo(5)."""
    for byte in b"\\ \t\n":
        path = path.replace(bytes([byte]), b"\\%03o" % byte)
    return path
