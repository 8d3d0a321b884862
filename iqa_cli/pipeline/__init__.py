"""Photos to reports: read, measured and judged by workers, yielded in order.

    refs --known? (cache)--> PhotoReport
         --a few at a time: reading, judge (workers)--> PhotoReport --> cache

`auditor` is what callers use: it asks the cache and keeps the order. `workers` spreads photos over threads and
processes. `judge` makes the reports, `reading` what they are made from.
"""

from __future__ import annotations

from iqa_cli.pipeline.auditor import Auditor, assess, assess_photo

__all__ = ["Auditor", "assess", "assess_photo"]
