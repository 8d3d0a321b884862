"""Part: what it costs to start."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from quality_parts.document import Cell, Estimate, Goal, Part, Table

from assess_parts import folders
from assess_parts.measure import Cost, Runs, iqa, ratio, run
from assess_parts.speed import goal_text

if TYPE_CHECKING:
    from collections.abc import Sequence

HELP = Goal(2.0, at_most=True)
ONE_PHOTO = Goal(1.6, at_most=True)

TYPER = """
import typer
from rich.console import Console
app = typer.Typer()
@app.command()
def audit(paths: list[str] = typer.Argument(help="Photos."), top: int = typer.Option(20, help="How many.")) -> None:
    "Print how many there are."
    Console().print(len(paths[:top]))
app()
"""
LIBRARIES = "import numpy, onnxruntime, PIL.Image"


def start_part(photos: Sequence[Path], *, checkpoint: str, rounds: int) -> Part:
    """CPU time of the smallest runs beside what their libraries take.

    photos  the first is judged
    """
    with tempfile.TemporaryDirectory() as folder:
        temporary = Path(folder)
        photo = next(folders.roll(temporary / "one", photos[:1], 1).rglob("IMG_*"))
        commands: dict[str, Sequence[str]] = {
            "a bare typer and rich program, --help": (sys.executable, "-c", TYPER, "--help"),
            "iqa --help": (sys.executable, "-m", "iqa_cli", "--help"),
            "iqa assess --help": iqa("--help"),
            "importing numpy, onnxruntime and Pillow": (sys.executable, "-c", LIBRARIES),
            "iqa assess, one photo": iqa(photo, "--checkpoint", checkpoint),
            "iqa assess --no-cache, one photo": iqa(photo, "--checkpoint", checkpoint, "--no-cache"),
        }
        found = {name: Runs() for name in commands}
        # The first round reads the files of the libraries and is not counted.
        for number in range(rounds + 1):
            for name, command in commands.items():
                cost = run(command, cache=temporary / f"cache {number}")
                if number:
                    found[name].costs.append(cost)
    rows: list[tuple[Cell, ...]] = []
    for name, runs in found.items():
        figures = Estimate(1000 * runs.cpu_s, digits=0), Estimate(1000 * runs.wall_s, digits=0)
        rows.append((name, *figures, Estimate(runs.peak_mb, digits=0)))
    bare, shown, _, libraries, cached, uncached = found.values()
    judged = (
        _row("iqa --help / bare typer and rich", shown, bare, HELP),
        _row("one photo / its libraries", cached, libraries, ONE_PHOTO),
        _row("one photo without cache / its libraries", uncached, libraries, ONE_PHOTO),
    )
    note = (
        f"In turns; rounds: {rounds}, after one that is not counted; CPU of the best round. Modules are compiled and "
        "files were read before; the cache is a new one each time."
    )
    tables = (
        Table("Measured", ("", "CPU ms", "ms on the clock", "peak MB"), tuple(rows)),
        Table("Beside the goals", ("CPU", "ratio (single rounds)", "goal", "met"), judged),
    )
    return Part("start", "Start-up", (note,), tables)


def _row(name: str, ours: Runs, bare: Runs, goal: Goal) -> tuple[Cell, ...]:
    figure = ratio(ours, bare, _cpu)
    return name, figure, goal_text(goal), goal.met(figure.value)


def _cpu(cost: Cost) -> float:
    return cost.cpu_s
