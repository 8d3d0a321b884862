"""Find the photographs that came out wrong, and how badly.

    import iqa_cli

    for report in iqa_cli.assess(["DCIM"]):
        if report.status == "ok" and report.worst:
            print(report.source_file, report.worst.label, report.worst.level, report.worst.evidence)

    report = iqa_cli.assess_photo(jpeg_bytes)

What the `iqa` command can do, these functions can do. Names are resolved on first use, so importing the
package loads nothing heavy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from iqa_cli._version import __version__

if TYPE_CHECKING:
    from iqa_cli.errors import (
        CheckpointError,
        ConfigError,
        ContradictionError,
        GraphError,
        GraphTooWideError,
        InvalidInput,
        IqaError,
        LabelsError,
        MissingExtra,
        NothingReadable,
        OutputError,
        RunError,
        StoreError,
        TrainingDiverged,
        UsageError,
        WorkerLost,
    )
    from iqa_cli.evaluation import evaluate
    from iqa_cli.hexgraph import HexGraph, compile_plan, read_graph
    from iqa_cli.hexgraph.check import check_graph
    from iqa_cli.labels import read_labels
    from iqa_cli.photos.discover import Discovery, discover
    from iqa_cli.pipeline import Auditor, assess, assess_photo
    from iqa_cli.pipeline.decide import decide
    from iqa_cli.records import Capture, Decision, Finding, Measurement, PhotoRef, PhotoReport, Severity
    from iqa_cli.report.audit.frame import to_frame
    from iqa_cli.sides import compare

_HOMES = {
    "iqa_cli.errors": (
        "CheckpointError",
        "ConfigError",
        "ContradictionError",
        "GraphError",
        "GraphTooWideError",
        "InvalidInput",
        "IqaError",
        "LabelsError",
        "MissingExtra",
        "NothingReadable",
        "OutputError",
        "RunError",
        "StoreError",
        "TrainingDiverged",
        "UsageError",
        "WorkerLost",
    ),
    "iqa_cli.evaluation": ("evaluate",),
    "iqa_cli.hexgraph": ("HexGraph", "compile_plan", "read_graph"),
    "iqa_cli.hexgraph.check": ("check_graph",),
    "iqa_cli.labels": ("read_labels",),
    "iqa_cli.photos.discover": ("Discovery", "discover"),
    "iqa_cli.pipeline": ("Auditor", "assess", "assess_photo"),
    "iqa_cli.pipeline.decide": ("decide",),
    "iqa_cli.records": ("Capture", "Decision", "Finding", "Measurement", "PhotoRef", "PhotoReport", "Severity"),
    "iqa_cli.report.audit.frame": ("to_frame",),
    "iqa_cli.sides": ("compare",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Auditor",
    "Capture",
    "CheckpointError",
    "ConfigError",
    "ContradictionError",
    "Decision",
    "Discovery",
    "Finding",
    "GraphError",
    "GraphTooWideError",
    "HexGraph",
    "InvalidInput",
    "IqaError",
    "LabelsError",
    "Measurement",
    "MissingExtra",
    "NothingReadable",
    "OutputError",
    "PhotoRef",
    "PhotoReport",
    "RunError",
    "Severity",
    "StoreError",
    "TrainingDiverged",
    "UsageError",
    "WorkerLost",
    "__version__",
    "assess",
    "assess_photo",
    "check_graph",
    "compare",
    "compile_plan",
    "decide",
    "discover",
    "evaluate",
    "read_graph",
    "read_labels",
    "to_frame",
]


def __getattr__(name: str) -> Any:
    """Import a public name from where it lives (PEP 562)."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME_OF[name]), name)
    globals()[name] = value  # the next access finds it without coming here
    return value


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
