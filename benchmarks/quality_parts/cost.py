"""Part: what the model costs."""

from __future__ import annotations

import platform
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from iqa_cli.models.runner import OnnxModel
from quality_parts.document import Cell, Estimate, Goal, Part, Table, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from quality_parts.judges import Judge

MS_A_PHOTO, MEGABYTES = Goal(6.0, at_most=True), Goal(24.0, at_most=True)


def cost_part(judges: Sequence[Judge], *, photos: int = 300, rounds: int = 5) -> Part:
    """CPU time of the exported model on one thread, and the checkpoint's bytes.

    photos, rounds  one photo a call, as `iqa assess` does; the best round counts, as other work only adds
    """
    times = [Estimate(_cpu_ms_a_photo(judge, photos, rounds), digits=2) for judge in judges]
    sizes = [
        Estimate(
            sum(file.stat().st_size for file in judge.checkpoint.folder.iterdir() if file.is_file()) / 1e6, digits=1
        )
        for judge in judges
    ]
    found = (
        ("model, CPU ms a photo", times, MS_A_PHOTO, f"≤ {MS_A_PHOTO.limit:g} ms"),
        ("checkpoint on disk, MB", sizes, MEGABYTES, f"≤ {MEGABYTES.limit:g} MB"),
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (what, *figures, wanted, goal.met(figures[0].value)) for what, figures, goal, wanted in found
    )
    names = [judge.name for judge in judges]
    verdicts = tuple(
        Verdict(what, goal, dict(zip(names, figures, strict=True)), wanted) for what, figures, goal, wanted in found
    )
    note = (
        f"`OnnxModel.node_scores` on one thread, a photo a call, normalisation included, best of {rounds} rounds "
        f"of {photos} calls; {processor()}. A megabyte is a million bytes."
    )
    columns = ("", *names, "goal", "met")
    return Part("cost", "Cost", (note,), (Table("", columns, rows),), verdicts=verdicts)


def _cpu_ms_a_photo(judge: Judge, photos: int, rounds: int) -> float:
    model = OnnxModel(judge.checkpoint, threads=1)
    size = judge.checkpoint.preprocessing.size
    pictures = list(np.random.default_rng(0).integers(0, 256, (1, size, size, 3), np.uint8))
    model.node_scores(pictures)
    best = float("inf")
    for _ in range(rounds):
        started = time.process_time()
        for _ in range(photos):
            model.node_scores(pictures)
        best = min(best, time.process_time() - started)
    return best / photos * 1000


def processor() -> str:
    """What the machine calls its processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()
