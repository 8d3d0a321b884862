"""What is said of input that does not fit: unaries, evidence and assignments, checked before any pass runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from iqa_cli.crf.floor import LIMIT
from iqa_cli.errors import GraphError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from iqa_cli.hexgraph.plan import HexPlan

MOST_SHOWN = 5
"""Photos that a message lists; the rest are counted."""


def largest_of(unary: NDArray[np.floating]) -> float:
    """The greatest magnitude, without a temporary array; NaN if there is one."""
    return float(max(unary.max(), -unary.min())) if unary.size else 0.0


def check_shape(plan: HexPlan, shape: tuple[int, ...]) -> None:
    """Refuse what is not (B, C). Raises ValueError."""
    if len(shape) != 2 or shape[1] != plan.n_cells:
        raise ValueError(f"expected (B, {plan.n_cells}), got {shape}")


def check_finite(plan: HexPlan, unary: NDArray[np.floating], largest: float) -> None:
    """Refuse unaries of which one is not finite. Raises ValueError with the photo and the label."""
    if not largest < LIMIT:  # NaN fails every comparison
        photo, cell = np.argwhere(~(np.abs(unary) < LIMIT))[0]
        label = plan.label_names[plan.cell_label[cell]]
        value = float(unary[photo, cell])
        raise ValueError(f"unary of photo {photo}, label {label!r} is {value}, expected a finite number")


def check_evidence(unary_shape: tuple[int, ...], allowed: NDArray[np.bool_]) -> None:
    """Refuse a mask that is not (B, C) bool. Raises ValueError."""
    if allowed.shape != unary_shape or allowed.dtype != np.bool_:
        raise ValueError(f"expected {unary_shape} bool, got {allowed.shape} {allowed.dtype}")


def checked_cells(
    plan: HexPlan, positions: NDArray[np.integer], batch: int, photos: Sequence[str] | None
) -> NDArray[np.intp]:
    """(B, L) cells of whole assignments.

    positions  (B, L) integer  level of every label, counted from 0
    raises     ValueError      if the shape does not fit or a position does not exist
               GraphError      if the graph forbids an assignment
    """
    if positions.shape != (batch, plan.n_labels) or not np.issubdtype(positions.dtype, np.integer):
        raise ValueError(f"expected {(batch, plan.n_labels)}, got {positions.shape} {positions.dtype}")
    bad = np.argwhere((positions < 0) | (positions >= plan.level_counts))
    if len(bad):
        photo, label = bad[0]
        top = plan.level_counts[label] - 1
        raise ValueError(
            f"{_photo(int(photo), photos)}: position {positions[photo, label]} of label "
            f"{plan.label_names[label]!r} is not in 0..{top}"
        )
    cells = plan.cell_start + positions.astype(np.intp)
    on = np.zeros((batch, plan.n_cells), dtype=np.bool_)
    np.put_along_axis(on, cells, values=True, axis=1)
    one, other = plan.forbidden.T
    step = max(1, 2**22 // max(1, len(one)))  # photos at a time: all pairs of all photos may be gigabytes
    broken = [(on[k : k + step, one] & on[k : k + step, other]).any(axis=1) for k in range(0, batch, step)]
    refuse(plan, np.concatenate([np.zeros(0, dtype=np.bool_), *broken]), on, photos)
    return cells


def refuse(
    plan: HexPlan, impossible: NDArray[np.bool_], allowed: NDArray[np.bool_], photos: Sequence[str] | None
) -> None:
    """Raise GraphError if the graph forbids the evidence of any photo, with what each says.

    impossible  (B,)   bool
    allowed     (B, C) bool
    photos      B names for messages, else rows are counted from 0
    """
    rows = np.flatnonzero(impossible)
    if not len(rows):
        return
    said = [
        f"{_photo(row, photos)}: the graph forbids these levels together: {_said(plan, allowed[row])}"
        for row in rows[:MOST_SHOWN].tolist()
    ]
    if len(rows) > MOST_SHOWN:
        said.append(f"and {len(rows) - MOST_SHOWN} more")
    raise GraphError(
        said[0] if len(rows) == 1 else f"the labels of {len(rows)} photos contradict the graph",
        problems=said if len(rows) > 1 else (),
        hint="correct the labels, or leave the doubtful ones unobserved",
    )


def _photo(row: int, photos: Sequence[str] | None) -> str:
    return f"row {row}" if photos is None else photos[row]


def _said(plan: HexPlan, allowed: NDArray[np.bool_]) -> str:
    """Labels at odds, with the levels that a photo's evidence leaves open."""
    said = []
    for label in _at_odds(plan, allowed):
        start, count = plan.cell_start[label], plan.level_counts[label]
        open_ = allowed[start : start + count]
        levels = " or ".join(map(str, plan.cell_level[start : start + count][open_].tolist()))
        said.append(f'"{plan.label_names[label]}" at {levels or "no level at all"}')
    return ", ".join(said)


def _at_odds(plan: HexPlan, allowed: NDArray[np.bool_]) -> list[int]:
    """Labels without any level; else pairs of labels that cannot be together; else every label that evidence is on."""
    n_open = np.bincount(plan.cell_label, weights=allowed).astype(np.intp)
    if not n_open.all():
        return np.flatnonzero(n_open == 0).tolist()
    asked = plan.forbidden[allowed[plan.forbidden].all(axis=1)]
    pairs, n_forbidden = np.unique(plan.cell_label[asked], axis=0, return_counts=True)
    clash = n_forbidden == n_open[pairs].prod(axis=1)
    if clash.any():
        return sorted({int(label) for pair in pairs[clash] for label in pair})
    return np.flatnonzero(n_open < plan.level_counts).tolist()
