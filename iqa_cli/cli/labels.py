"""`iqa labels`: a list of findings into a label file."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer

from iqa_cli.cli import completion


class UnlistedLabel(enum.StrEnum):
    """What a photo has of a label that it is not listed with."""

    NONE = "none"
    UNKNOWN = "unknown"


def labels(
    issues: Annotated[
        Path,
        typer.Argument(
            metavar="LIST.csv",
            help="The list: a row for each finding, in columns picture (or image, filename), issue, severity; in "
            "Chinese 图片, 问题点, 严重程度.",
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The label file that is written.")],
    graph: Annotated[
        str,
        typer.Option(
            metavar="NAME|PATH",
            help="The label graph: a shipped one by name, or a file of your own.",
            autocompletion=completion.graphs,
        ),
    ] = "smartphone-6",
    unlisted: Annotated[
        UnlistedLabel,
        typer.Option(
            metavar="none|unknown",
            help="What a picture has of labels that it is not listed with: none says that somebody looked and found "
            "nothing, unknown leaves them open.",
        ),
    ] = UnlistedLabel.NONE,
    skip_unknown: Annotated[
        bool, typer.Option("--skip-unknown", help="Pass over issues that are no labels of the graph, and count them.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there already.")] = False,
) -> None:
    """Make a label file of a list of issues: a row for each finding becomes a row for each picture.

    For instance: iqa labels issues.csv --graph smartphone-6 --out labels.csv

    Severities are none, ordinary, severe, blocking, in Chinese 无, 普通, 严重, 阻塞, or what the graph calls its
    levels. A picture whose issue is blank, none or 无 was looked at and has nothing. Issues go by every name that the
    graph has for its labels.

    Exit codes: 0 done, 2 wrong usage, 3 a wrong list, with every mistake in it, or a file that cannot be written, 70 a
    bug in iqa, 130 interrupted.
    """
    from iqa_cli.cli.streams import say
    from iqa_cli.errors import ExitCode
    from iqa_cli.hexgraph import read_graph
    from iqa_cli.labels.issues import read_issues
    from iqa_cli.labels.write import label_csv, refuse_overwriting
    from iqa_cli.paths import find_graph
    from iqa_cli.report.text import shown
    from iqa_cli.wording import counted
    from iqa_cli.writing import write_atomically

    try:
        label_graph = read_graph(find_graph(graph))
        refuse_overwriting([out], issues, force=force)
        table = read_issues(issues, label_graph, unlisted=unlisted.value, skip_unknown=skip_unknown)
        said = {
            UnlistedLabel.NONE: "what a picture is not listed with is 0, none (--unlisted unknown leaves it open)",
            UnlistedLabel.UNKNOWN: "what a picture is not listed with is unobserved (--unlisted none makes it 0)",
        }
        for note in (said[unlisted], *table.notes):
            say(f"note: {shown(note)}")
        write_atomically(out, label_csv(table))
        flawed = int((table.positions > 0).any(axis=1).sum())
        say(f"wrote {out}: {counted(len(table), 'photo')}, {flawed:,} of them with an issue")
    except KeyboardInterrupt:
        say("interrupted")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
