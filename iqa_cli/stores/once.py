"""Objects that are written once: whoever comes second throws his away.

The store decides, in one request: `If-None-Match: *` in a bucket, a hard link in a folder. No lock and no clock is
needed, and a worker that everybody took for dead may come back and lose nothing but its time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from iqa_cli.errors import StoreError
from iqa_cli.stores.answers import patiently

if TYPE_CHECKING:
    from iqa_cli.stores.places import Place


def write_once(place: Place, name: str, content: bytes) -> bool:
    """Write an object if it is not there yet.

    returns  whether it is ours that lies there: written now, or before by an attempt whose reply got lost, which is
             told by its bytes; False if another one's does
    raises   StoreError  if it cannot be written, or the store does not know how to write once
    """
    where = place.where(name)
    place.make()
    store = place.store
    from obstore import exceptions

    def ask() -> bool:
        try:
            store.put(name, content, mode="create", use_multipart=False)
        except (exceptions.AlreadyExistsError, FileExistsError):
            there = place.get(name)
            if there is None:  # two at once, of which neither won
                raise StoreError(f"{where}: somebody wrote it, and it is not there", is_passing=True) from None
            return there == content
        except (exceptions.NotSupportedError, NotImplementedError):
            raise StoreError(
                f"{where}: this store cannot write an object only if it is not there",
                hint="keep the run (--out) in a store that can, or in a folder",
            ) from None
        return True

    return patiently(ask, where, "written")
