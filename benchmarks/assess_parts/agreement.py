"""Part: does the camera's preview get the levels of the picture?"""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from quality_parts.document import Cell, Failure, Goal, Part, Table, share, share_of_groups

from assess_parts.measure import iqa, run
from iqa_cli.photos.discover import discover
from iqa_cli.photos.preview import read_preview

if TYPE_CHECKING:
    from collections.abc import Sequence

AGREEMENT = Goal(0.98)
LEVEL = "_level"
WORST = "worst_level"


def agreement_part(roots: Sequence[Path], *, checkpoint: str, jobs: int) -> Part:
    """Compare the levels of `--decode thumbnail` and `--decode scaled`, decision by decision (photo and label).

    roots  folders; photos count whose preview is used and which are judged with status `ok` by `scaled`
    """
    names = [ref.source_file for ref in discover(roots).photos if read_preview(ref.path).photo is not None]
    with tempfile.TemporaryDirectory() as temporary:
        scaled, thumbnail = (
            _rows(roots, Path(temporary, f"{mode}.csv"), mode, checkpoint, jobs) for mode in ("scaled", "thumbnail")
        )
    judged = [name for name in names if scaled[name]["status"] == "ok"]
    same: list[int] = []
    decisions: list[int] = []
    failures: list[Failure] = []
    for name in judged:
        before, after = scaled[name], thumbnail[name]
        labels = [key for key in before if key.endswith(LEVEL) and key != WORST]
        changed = [
            f"{key.removesuffix(LEVEL)} {before[key]} to {after[key] or 'not judged'}"
            for key in labels
            if before[key] != after[key]
        ]
        same.append(len(labels) - len(changed))
        decisions.append(len(labels))
        if changed:
            failures.append(Failure(name, ", ".join(changed)))
    levels = share_of_groups(same, decisions)
    statuses = sum(scaled[name]["status"] == thumbnail[name]["status"] for name in names)
    rows: tuple[tuple[Cell, ...], ...] = (
        ("same level", levels, AGREEMENT.percent(), AGREEMENT.met(levels.value)),
        ("same status", share(statuses, len(names)), None, None),
    )
    note = (
        f"{len(scaled)} photos, {len(names)} of them with a preview that is used, {len(judged)} of these judged with "
        "status ok by the scaled decode. Intervals: 95 %; for levels photos are resampled."
    )
    table = Table("", ("thumbnail against scaled", "decisions or photos", "goal", "met"), rows)
    return Part("agreement", "Agreement of previews", (note,), (table,), tuple(failures), "Levels that changed")


def _rows(roots: Sequence[Path], path: Path, mode: str, checkpoint: str, jobs: int) -> dict[str, dict[str, str]]:
    """Rows of the CSV by photo."""
    options = ("--checkpoint", checkpoint, "--jobs", jobs, "--no-cache", "--decode", mode, "--csv", path)
    run(iqa(*roots, *options))
    with path.open(encoding="utf-8", newline="") as stream:
        return {row["SourceFile"]: row for row in csv.DictReader(stream)}
