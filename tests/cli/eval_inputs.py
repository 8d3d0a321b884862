"""What `iqa eval` is given in its tests: predictions with the published figures, and labels of the folder `roll`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

LABELS = ("bright", "dark", "low_contrast", "high_contrast", "overexposed", "over_suppressed")
# Per label: (true, predicted) zero-based level: photos. 221 photos, as many right as in the published predictions.
COUNTED = (
    {(0, 0): 207, (0, 2): 2, (2, 0): 9, (2, 2): 3},
    {(0, 0): 190, (0, 2): 11, (2, 0): 19, (2, 2): 1},
    {(0, 0): 210, (0, 2): 2, (2, 0): 9},
    {(0, 0): 205, (0, 2): 2, (2, 0): 13, (3, 2): 1},
    {(0, 0): 218, (2, 0): 1, (3, 0): 2},
    {(0, 0): 217, (2, 0): 4},
)


def write_predictions(path: Path) -> Path:
    """A predictions file with the counts above."""
    columns = [[pair for pair, count in counted.items() for _ in range(count)] for counted in COUNTED]
    lines = ["filename,pred_label,gt_label"]
    for row, pairs in enumerate(zip(*columns, strict=True)):
        truth, predicted = (",".join(str(pair[side]) for pair in pairs) for side in (0, 1))
        lines.append(f'{row:03}.jpg,"{predicted}","{truth}"')
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_labels(path: Path) -> Path:
    """Labels of the camera folder `roll`, one of whose photos is empty."""
    path.write_text(
        "filename,dark,bright\na_fine.png,0,0\nb_bright.png,0,1\nc_blocking_dark.png,3,0\n"
        "d_fine.jpg,0,-1\ne_severe_dark.png,2,\ng_empty.jpg,0,0\n",
        encoding="utf-8",
    )
    return path
