"""Photos that were judged before: unchanged ones cost a stat and a lookup instead of a decoder and a model.

    refs --lookup--> PhotoReport | None --(judged elsewhere)--> store

`store` has the `Cache`: which file is the one that was judged, and that no fault of a disk ends a run. `codec` turns
reports into bytes and back, exactly; `database` has all the SQL; `place` says where a cache lies, how large it is, and
empties it. Standard library only; sqlite3 is imported when a cache is opened, and a Python without it has no cache.
"""

from __future__ import annotations

from iqa_cli.cache.place import default_folder
from iqa_cli.cache.store import Cache, context_key
from iqa_cli.cache.upkeep import CacheInfo, Context, cache_info, clear

__all__ = ["Cache", "CacheInfo", "Context", "cache_info", "clear", "context_key", "default_folder"]
