"""Objects that are written once: whoever comes second throws his away.

The store decides, in one request: `If-None-Match: *` in a bucket, a hard link in a folder. No lock and no clock is
needed, and a worker that everybody took for dead may come back and lose nothing but its time.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from iqa_cli.errors import StoreError
from iqa_cli.stores.places import explained

if TYPE_CHECKING:
    from iqa_cli.stores.places import Place

TRIES = 5
"""Of one write, beside what the client tries again by itself."""
_FIRST_PAUSE_S = 0.2


def write_once(place: Place, name: str, content: bytes) -> bool:
    """Write an object if it is not there yet.

    returns  whether it is ours that lies there: written now, or before by an attempt whose reply got lost, which is
             told by its bytes; False if another one's does
    raises   StoreError  if it cannot be written, or the store does not know how to write once
    """
    from obstore import exceptions

    problem: Exception | None = None
    for attempt in range(TRIES):
        if attempt:
            time.sleep(_FIRST_PAUSE_S * 2 ** (attempt - 1))
        try:
            place.store.put(name, content, mode="create", use_multipart=False)
        except (exceptions.AlreadyExistsError, FileExistsError):
            return place.get(name) == content
        except (exceptions.NotSupportedError, NotImplementedError):
            raise StoreError(
                f"{place.where(name)}: this store cannot write an object only if it is not there",
                hint="keep the run (--out) in a store that can, or in a folder",
            ) from None
        except Exception as error:  # noqa: BLE001 - whatever a store answers
            problem = error
            if not explained(error, place.where(name), "written").is_passing:
                break
        else:
            return True
    assert problem is not None  # noqa: S101 - for the type checker
    raise explained(problem, place.where(name), "written") from problem
