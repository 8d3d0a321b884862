"""Attacks `iqa` and says which promises it broke: docs/reliability.md has the promises.

    python tests/campaign [--mutants 3000] [--kills 30] ... [--only mutants,kills] [--seed N] [--keep FOLDER]

One seed gives the same attacks; what is found says how to run that case alone. Progress goes to standard error, the
summary to standard output. Ends with 1 if any promise was broken.
"""

from __future__ import annotations

import argparse
import compileall
import dataclasses
import importlib
import os
import platform
import secrets
import shlex
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

# A script's own folder comes first, and its `plan` or `promise` would be anybody's.
_HERE = Path(__file__).parent
_ABOVE = [str(_HERE.parents[1]), str(_HERE.parent)]
sys.path[:] = [*_ABOVE, *(place for place in sys.path if Path(place) != _HERE and place not in _ABOVE)]

from campaign import photographs  # noqa: E402 - found by the lines above
from campaign.arena import ROOT  # noqa: E402
from campaign.plan import Plan, as_json  # noqa: E402
from campaign.promise import Kind  # noqa: E402
from campaign.summary import table  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from campaign.plan import Outcome


@dataclasses.dataclass(frozen=True)
class Attack:
    """One that can be asked for."""

    place: str
    """Module and function."""
    amount: int
    """Without being told: all of them together take some ten minutes on two processors."""
    what: str

    def __call__(self, plan: Plan, amount: int) -> Outcome:
        module, _, function = self.place.partition(":")
        run: Callable[[Plan, int], Outcome] = getattr(importlib.import_module(f"campaign.attacks.{module}"), function)
        return run(plan, amount)


ATTACKS = {
    "mutants": Attack("mutants:attack", 6000, "changed photographs of all formats, each in every mode"),
    "bombs": Attack("bombs:attack", 89, "small files that ask for much"),
    "kills": Attack("kills:attack", 30, "runs killed at random moments and started again"),
    "interrupts": Attack("interrupts:attack", 20, "runs that are asked to end, once or twice"),
    "workers": Attack("kills:attack_workers", 8, "processes killed under a run"),
    "sharing": Attack("sharing:attack", 8, "two to four runs at once over one cache"),
    "caches": Attack("caches:attack", 18, "damaged caches"),
    "disks": Attack("disks:attack", 20, "full disks"),
    "syscalls": Attack("syscalls:attack", 24, "system calls that fail"),
    "names": Attack("names:attack", 300, "hostile names and texts"),
    "checkpoints": Attack("checkpoints:attack", 40, "bad checkpoints"),
    "graphs": Attack("documents:attack_graphs", 50, "bad label graphs"),
    "configs": Attack("documents:attack_configs", 8, "bad training configs"),
    "labels": Attack("documents:attack_labels", 16, "bad label files"),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the attacks, print the summary."""
    options = _parse(arguments)
    # Commands write no compiled modules, so that nothing of them lies in the way; without any, each start is slow.
    compileall.compile_dir(ROOT / "iqa_cli", quiet=2)
    with tempfile.TemporaryDirectory(prefix="iqa-campaign-") as folder:
        plan = Plan(
            seed=options.seed,
            checkpoint=options.checkpoint,
            folder=Path(folder).resolve(),
            photographs=photographs.drawn() + (photographs.given(options.photos) if options.photos else ()),
            parallel=max(1, options.parallel or 1),
            keep=options.keep,
            only_case=options.case,
            options="".join(
                f" {option} {shlex.quote(str(value))}"
                for option, value, usual in (
                    ("--photos", options.photos, None),
                    ("--checkpoint", options.checkpoint, "default"),
                )
                if value != usual
            ),
            tell=_tell,
        )
        about = {
            "seed": plan.seed,
            "photographs": len(plan.photographs),
            "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors",
            "libraries": f"Python {platform.python_version()}, "
            + ", ".join(f"{name} {metadata.version(name)}" for name in ("pillow", "pillow-heif", "onnxruntime")),
        }
        for name, value in about.items():
            _tell(f"{name}: {value}")
        outcomes: list[Outcome] = []
        try:
            for name in options.only:
                outcomes.append(ATTACKS[name](plan, getattr(options, name)))
                _tell(
                    f"{name}: {outcomes[-1].amount} in {outcomes[-1].seconds:.0f} s, {len(outcomes[-1].found)} faults"
                )
        except KeyboardInterrupt:
            print(table(outcomes, plan.seed))
            _tell(f"interrupted: {', '.join(options.only[len(outcomes) :])} not made, or not to the end")
            sys.exit(130)
    if options.json is not None:
        options.json.write_text(as_json(outcomes, about), encoding="utf-8")
    print(table(outcomes, plan.seed))
    sys.exit(any(outcome.count(kind) for outcome in outcomes for kind in Kind))


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python tests/campaign", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, attack in ATTACKS.items():
        parser.add_argument(
            f"--{name}", type=_amount, default=attack.amount, metavar="N", help=f"{attack.what} ({attack.amount})"
        )
    parser.add_argument("--only", type=_names, default=list(ATTACKS), metavar="NAME,...", help="these attacks")
    parser.add_argument("--seed", type=int, help="of everything that is drawn; a new one each time, and printed")
    parser.add_argument("--case", type=int, metavar="N", help="only this number of the attacks, to see a fault again")
    parser.add_argument(
        "--photos", type=Path, metavar="FOLDER", help="photographs to change besides those that are drawn"
    )
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep there what broke a promise, and its recipe")
    parser.add_argument("--checkpoint", default="default", help="name or folder of what judges")
    parser.add_argument("--parallel", type=_amount, default=os.cpu_count(), metavar="N", help="cases at once")
    parser.add_argument("--json", type=Path, metavar="FILE", help="everything that was found, as a document")
    options = parser.parse_args(arguments)
    if options.seed is None:
        options.seed = secrets.randbelow(10**6)
    if os.sep in options.checkpoint:
        options.checkpoint = str(Path(options.checkpoint).resolve())
    if options.photos is not None:
        options.photos = options.photos.resolve()
    if options.keep is not None:
        options.keep = options.keep.resolve()
    return options


def _amount(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number, got {text!r}")
    return int(text)


def _names(text: str) -> list[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in ATTACKS]
    if unknown:
        raise argparse.ArgumentTypeError(f"no attack is called {', '.join(unknown)}; there are {', '.join(ATTACKS)}")
    return names


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
