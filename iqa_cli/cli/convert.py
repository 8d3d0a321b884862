"""`iqa convert`: a checkpoint of the published research code in, a checkpoint of ours out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from iqa_cli.cli import completion


def convert(
    checkpoint: Annotated[
        Path, typer.Argument(metavar="FILE.pt", help="A checkpoint that the published code (v1 or v2) saved.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The checkpoint folder that is written.")],
    graph: Annotated[
        str,
        typer.Option(
            metavar="NAME|PATH",
            help="The label graph of its nodes: a shipped one by name, or a file.",
            autocompletion=completion.graphs,
        ),
    ] = "smartphone-6",
    backbone: Annotated[
        str, typer.Option(metavar="NAME", help="open_clip's name of the CLIP that it was trained with.")
    ] = "ViT-B-32-quickgelu",
    labels: Annotated[
        str | None,
        typer.Option(
            metavar="LABEL,...",
            help="The graph's labels in the order of the columns that it was trained on; by default that of the "
            "published label files.",
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a checkpoint that is there already.")] = False,
) -> None:
    """Turn a checkpoint of the published research code into one that assess and eval take.

    The file is read without running code. Training cannot go on from the result.
    """
    from iqa_cli.cli.streams import say
    from iqa_cli.errors import ExitCode, MissingExtra
    from iqa_cli.hexgraph.read import read_graph
    from iqa_cli.paths import find_graph
    from iqa_cli.report.text import shown

    label_graph = read_graph(find_graph(graph))
    order = None if labels is None else [label.strip() for label in labels.split(",")]
    try:
        try:
            from iqa_cli.conversion import convert as converted
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("iqa_cli"):
                raise
            raise MissingExtra("iqa convert", error.name or "a library", "train") from error
        made = converted(checkpoint, out, label_graph, backbone=backbone, labels=order, overwrite=overwrite)
    except KeyboardInterrupt:
        say("interrupted")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    typer.echo(f"{made.version} of the published code; its labels, in its order:")
    for place, label in enumerate(made.order):
        prompt = f': "{shown(made.prompts[place])}"' if made.prompts else ""
        typer.echo(f"  {shown(label)}{prompt}")
    say(f"wrote {out}; its card has no figures: iqa eval judges it")
