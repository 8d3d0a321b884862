"""Files of a user's, written so that none is ever half there: made beside their place, safe on the disk, then renamed.

Everything that `iqa` writes under a name that a user chose goes through here; only what is no file (a pipe, a terminal,
`/dev/null`) is written to directly, and the copies and the undo list of `iqa pick`, which replace nothing, have
promises of their own.
"""

from iqa_cli.writing.replacement import Replacement, told_as_not_replaced, umask
from iqa_cli.writing.whole import Content, make_writable, remove_leftovers, staged, write_atomically

__all__ = [
    "Content",
    "Replacement",
    "make_writable",
    "remove_leftovers",
    "staged",
    "told_as_not_replaced",
    "umask",
    "write_atomically",
]
