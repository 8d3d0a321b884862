"""The table at the end of a campaign."""

from __future__ import annotations

from typing import TYPE_CHECKING

from campaign.promise import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from campaign.plan import Outcome

HEADS = ("attack", "amount", *Kind, "seconds")


def table(outcomes: Sequence[Outcome], seed: int) -> str:
    """A row for each attack, what was skipped and why, and one line that says it all."""
    rows = [HEADS, *(_row(outcome) for outcome in outcomes)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(HEADS))]
    lines = [
        "  ".join(
            cell.ljust(width) if place < 2 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    skipped = [f"skipped: {outcome.attack}: {outcome.skipped}" for outcome in outcomes if outcome.skipped]
    faults = sum(len(outcome.found) for outcome in outcomes)
    verdict = f"{faults} faults" if faults else "every promise was kept"
    if skipped:
        verdict += f", {len(skipped)} attacks not made, or not wholly"
    return "\n".join(line.rstrip() for line in (*lines, *skipped, f"seed {seed}: {verdict}"))


def _row(outcome: Outcome) -> tuple[str, ...]:
    counts = (str(outcome.count(kind)) for kind in Kind)
    return outcome.attack, f"{outcome.amount} {outcome.unit}", *counts, f"{outcome.seconds:.0f}"
