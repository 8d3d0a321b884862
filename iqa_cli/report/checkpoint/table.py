"""Checked checkpoints on a screen, or as text in a pipe: each check in a line, then what the checkpoint contains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.padding import Padding
from rich.text import Text

from iqa_cli.report.checkpoint.views import several_views
from iqa_cli.report.checks import grid, lines_of, safe
from iqa_cli.report.screen import line, screen
from iqa_cli.wording import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TextIO

    from iqa_cli.inspection import CheckpointReport

_MOST_TEXT = 300
"""Characters of a text that the card says at length."""


def print_checkpoint_report(report: CheckpointReport, *, file: TextIO) -> None:
    """Print what was found of one checkpoint.

    file    a terminal gets colours and its own width; anything else gets plain text of any width
    raises  BrokenPipeError  if nobody reads it any more
    """
    with screen(file) as console:
        verdict, style = ("sound", "green") if report.sound else ("not sound", "bold red")
        console.print(Text.assemble((safe(report.name), "bold"), ": ", (verdict, style)), soft_wrap=True)
        console.print(Padding(lines_of(report.checks), (0, 0, 0, 2)))
        if report.contents:
            console.print()
            told = (("", "", name, Text(safe(text))) for name, text in _contents(report.contents) if text)
            console.print(Padding(grid(told), (0, 0, 0, 2)))
        console.print()


def print_closing_line(reports: Sequence[CheckpointReport], *, file: TextIO) -> None:
    """Print all checkpoints in one line: "2 checkpoints: 1 sound, 1 not sound"."""
    sound = sum(report.sound for report in reports)
    parts = [f"{n} {what}" for n, what in ((sound, "sound"), (len(reports) - sound, "not sound")) if n]
    if len(reports) == 1:
        parts = ["sound" if sound else "not sound"]
    with screen(file) as console:
        line(console, f"{counted(len(reports), 'checkpoint')}: {', '.join(parts)}", style="bold")


def _contents(contents: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the checkpoint contains, in words; an empty text where it says nothing."""
    graph, preprocessing = contents["graph"], contents["preprocessing"]
    size = preprocessing["size"]
    activation = {True: "activation QuickGELU", False: "activation GELU", None: ""}[contents["quick_gelu"]]
    written = [contents["backbone"], activation, contents["head"] and f"head {contents['head']}"]
    version = contents["iqa_version"] and f"written by iqa {contents['iqa_version']}"
    data = contents["trained_on"]
    photographs = data["photographs"] is not None and f"{data['photographs']:,} photographs"
    return [
        ("graph", f"{graph['name']}, {graph['hash']}"),
        ("labels", ", ".join(label["name"] for label in graph["labels"])),
        ("levels", "; or ".join(sorted({", ".join(label["levels"]) for label in graph["labels"]}))),
        (
            "pictures",
            _joined(f"{size} x {size} pixels, {preprocessing['interpolation']}", several_views(preprocessing)),
        ),
        (
            "operating point",
            ", ".join(f"{name} {value:+g}" for name, value in contents["operating_point"].items() if value),
        ),
        (
            "margins of previews",
            ", ".join(f"{name} {value:g}" for name, value in contents["preview_margins"].items()),
        ),
        ("architecture", _joined(*written, version, contents["created"])),
        ("model", _model(contents.get("model"))),
        ("operators", ", ".join(f"{name} {n}" for name, n in contents.get("model", {}).get("operators", {}).items())),
        ("weights", _weights(contents.get("weights"))),
        ("caveats", "; ".join(contents["caveats"])),
        ("trained on", _joined(data["kind"], photographs, data["provenance"])),
        *((f"figures, {part}", _figures(entry)) for part, entry in contents["figures"].items()),
    ]


def _model(model: Mapping[str, Any] | None) -> str:
    if model is None:
        return ""
    megabytes = 4e-6 * model["numbers_at_once"]
    return (
        f"{model['parameters']:,} parameters, operators of ONNX {model['opset']}; for a picture "
        f"{model['operations'] / 1e6:,.0f} million multiplications and {megabytes:,.1f} MB"
    )


def _weights(weights: Mapping[str, Any] | None) -> str:
    if weights is None:
        return ""
    return f"{weights['parameters']:,} numbers in {weights['tensors']:,} tensors of {', '.join(weights['types'])}"


def _figures(entry: Mapping[str, Any]) -> str:
    pictures = entry["pictures"] is not None and f"{entry['pictures']:,} pictures"
    mean = ", ".join(f"{name} {value:.3f}" for name, value in entry["mean"].items())
    return _joined(pictures, mean and f"mean of the labels: {mean}")


def _joined(*parts: str | bool | None) -> str:
    text = "; ".join(str(part) for part in parts if part)
    return text if len(text) <= _MOST_TEXT else f"{text[: _MOST_TEXT - 3]}..."
