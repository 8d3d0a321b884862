"""How far a run is, for people and for machines."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

FORMAT_VERSION = 1


@dataclasses.dataclass(slots=True)
class Progress:
    """Counts of a run; what was done before this driver is counted apart."""

    photos_total: int
    """Of the run."""
    shards_total: int
    """Of the run."""
    photos_before: int = 0
    """Of shards that were done before."""
    shards_before: int = 0
    """That were done before."""
    photos: int = 0
    """Judged and written down by this run."""
    shards: int = 0
    """Done by this run."""
    running: int = 0
    """Shards in hand."""
    failed: int = 0
    """Shards that were given up."""
    retries: int = 0
    """Attempts that failed or ended their worker."""
    lost_races: int = 0
    """Shards whose result another attempt had written."""
    bytes_read: int = 0
    """Of photos, from a bucket, by all attempts."""
    requests: int = 0
    """For them."""
    worker_s: float = 0.0
    """Seconds that workers took, all together."""
    elapsed_s: float = 0.0
    """Since this driver began."""
    problem: str | None = None
    """Why the last attempt at a shard failed, if none was done since."""

    @property
    def photos_per_s(self) -> float:
        """By this run."""
        return self.photos / self.elapsed_s if self.elapsed_s > 0 else 0.0

    @property
    def left_s(self) -> float | None:
        """Seconds to go on at this pace; None as long as there is none."""
        left = self.photos_total - self.photos_before - self.photos
        return left / self.photos_per_s if self.photos else None

    def line(self) -> str:
        """A JSON object for machines, without its line feed."""
        counts: dict[str, Any] = {"format_version": FORMAT_VERSION, **dataclasses.asdict(self)}
        counts["elapsed_s"], counts["worker_s"] = round(self.elapsed_s, 3), round(self.worker_s, 3)
        counts["photos_per_s"] = round(self.photos_per_s, 2)
        counts["left_s"] = None if self.left_s is None else round(self.left_s)
        return json.dumps(counts)
