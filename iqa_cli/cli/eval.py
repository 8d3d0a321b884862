"""`iqa eval`: parse, evaluate, render."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from iqa_cli.cli import completion
from iqa_cli.cli.options import Device, choice_of
from iqa_cli.errors import ExitCode, UsageError
from iqa_cli.stores.places import is_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import TextIO

    from iqa_cli.checkpoint import Checkpoint
    from iqa_cli.cli.outputs import Sink
    from iqa_cli.evaluation import LabelledPhotos
    from iqa_cli.metrics.records import Predictions


def evaluate(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="LABELS.csv...",
            show_default=False,
            help="A label file: a column filename, and one column per label with levels from 0 (none) to 3. Its photos "
            "are judged. Without it --predictions is read instead. With --summary: the files that --json wrote.",
        ),
    ] = None,
    images: Annotated[
        str | None, typer.Option(metavar="DIR", help="The folder that the file names of LABELS.csv start from.")
    ] = None,
    checkpoint: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|PATH",
            help="The model that judges: a shipped one by name, or the folder of your own. [default: default]",
            autocompletion=completion.checkpoints,
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|PATH|FILE",
            help="Hold the model against this one, on the same photos: with LABELS.csv a checkpoint as above, without "
            "it another file as for --predictions. Every difference has an interval or an exact test.",
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Judge only the rows of LABELS.csv whose split column says NAME."),
    ] = None,
    predictions: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="With LABELS.csv an output: write what was predicted, level by level. Without it the input: evaluate "
            "the predictions in this file, made elsewhere (filename,pred_label,gt_label).",
        ),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,...",
            help="Names of the positions in a --predictions file that does not name them; six without names are "
            "bright, dark, low_contrast, high_contrast, overexposed, over_suppressed.",
        ),
    ] = None,
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write every figure as a JSON document; - writes to stdout.")
    ] = None,
    csv: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the figures of each label as a row; - writes to stdout.")
    ] = None,
    changed: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="With --against: write a row for each level that one model has right and the other wrong; - writes to "
            "stdout.",
        ),
    ] = None,
    summary: Annotated[
        bool,
        typer.Option(
            "--summary",
            help="Mean and standard deviation over evaluations that --json wrote, as of repeated splits: "
            "iqa eval --summary 1.json 2.json ...",
        ),
    ] = False,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Photos to decode at once; by default one per processor."),
    ] = None,
    device: Annotated[
        Device | None,
        typer.Option(metavar=choice_of(Device), show_default=False, help="Where the model runs, as for `iqa assess`."),
    ] = None,
) -> None:
    """Say how good a model is on labelled photos, beside always answering "none", or against another model.

    iqa eval LABELS.csv --images DIR --checkpoint NAME judges photos and compares; iqa eval --predictions FILE
    compares predictions that were made before. Both need the eval extra, and with --against say whether the model is
    better than another one. iqa eval --summary sums up several evaluations.

    Exit codes: 0 done, 2 wrong usage, 3 a missing or invalid input or an output that cannot be written, 4 no
    photo could be read, 70 a bug in iqa, 130 interrupted.
    """
    from iqa_cli.cli.streams import say

    if summary:
        given = {
            "--images": images,
            "--checkpoint": checkpoint,
            "--against": against,
            "--split": split,
            "--predictions": predictions,
            "--labels": labels,
            "--csv": csv,
            "--changed": changed,
            "--jobs": jobs,
            "--device": device,
        }
        if odd := [option for option, value in given.items() if value is not None]:
            raise UsageError(f"--summary reads what --json wrote, and takes --json beside; not {', '.join(odd)}")
        _summarise(inputs or [], json)
        return
    if inputs is not None and len(inputs) > 1:
        raise UsageError(f"expected one label file, got {len(inputs)}", hint="--summary takes several evaluations")
    labels_csv = inputs[0] if inputs else None
    if labels_csv is None:
        for option, value in (
            ("--images", images),
            ("--checkpoint", checkpoint),
            ("--split", split),
            ("--jobs", jobs),
            ("--device", device),
        ):
            if value is not None:
                raise UsageError(f"{option} needs a label file", hint=f"iqa eval LABELS.csv --images DIR {option} ...")
        if predictions is None:
            raise UsageError(
                "nothing to evaluate",
                hint="iqa eval LABELS.csv --images DIR judges photos, iqa eval --predictions FILE reads predictions",
            )
    elif images is None:
        raise UsageError(
            f"{labels_csv}: where are its photos? --images DIR is missing",
            hint="iqa eval --predictions FILE alone evaluates predictions that were made before",
        )
    elif is_url(images):
        raise UsageError(
            f"--images {images}: iqa eval judges photos in a folder", hint="mount the bucket, or copy it here"
        )
    elif labels is not None:
        raise UsageError("--labels names the positions of a --predictions file; LABELS.csv names its own")
    if changed is not None and against is None:
        raise UsageError("--changed lists what changed between two models: --against is missing")
    outputs = {"--json": json, "--csv": csv, "--changed": changed}
    try:
        if labels_csv is not None and images is not None:
            judging = _Judging(labels_csv, images, split, jobs, device or Device.AUTO)
            _evaluate_photos(judging, checkpoint or "default", against, {"--predictions": predictions, **outputs})
        elif predictions is not None:
            _evaluate_files(predictions, against, _names_in(labels), outputs)
    except KeyboardInterrupt:
        say("interrupted: nothing was evaluated")
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def _summarise(files: list[str], json: str | None) -> None:
    """Several evaluations in one table, or one document."""
    from iqa_cli.cli.outputs import deliver, open_sinks
    from iqa_cli.evaluation.summary import summary_of
    from iqa_cli.report.evaluation.summary import print_summary, summary_json
    from iqa_cli.report.output import OutputStream, told_as_output_error

    _refuse_inputs({"--json": json}, files)
    with contextlib.ExitStack() as stack:
        found = summary_of(files)
        sink = open_sinks({"--json": json}, (), stack)["--json"]
        if sink is not None:
            deliver(sink, [summary_json(found)])
        if not isinstance(sink, OutputStream):
            with contextlib.suppress(BrokenPipeError), told_as_output_error("stdout"):
                print_summary(found, file=sys.stdout)


def _evaluate_files(
    predictions: str, against: str | None, labels: tuple[str, ...] | None, outputs: Mapping[str, str | None]
) -> None:
    """Figures of predictions made elsewhere."""
    from iqa_cli.cli.outputs import open_sinks
    from iqa_cli.evaluation import read_predictions, refuse_without_scikit_learn

    _refuse_inputs(outputs, [predictions, *([against] if against is not None else [])])
    refuse_without_scikit_learn()
    with contextlib.ExitStack() as stack:
        found = [read_predictions(file, labels) for file in (predictions, against) if file is not None]
        _report(found, [of.source for of in found], open_sinks(outputs, (), stack))


class _Judging(NamedTuple):
    """What photos are judged, and how; the same for both models."""

    labels_csv: str
    images: str
    split: str | None
    jobs: int | None
    device: Device

    def labelled(self, model: Checkpoint) -> LabelledPhotos:
        """The photos, and what is said of them in the words of the model's graph."""
        from iqa_cli.evaluation import labelled_photos

        return labelled_photos(self.labels_csv, self.images, model.graph, split=self.split)

    def predicted(self, model: Checkpoint, labelled: LabelledPhotos) -> Predictions:
        """What a model says of the photos."""
        from iqa_cli.cli.progress import progress
        from iqa_cli.cli.signals import when_hurried
        from iqa_cli.evaluation import judge
        from iqa_cli.pipeline import Auditor

        auditor = Auditor(model, decode="scaled", jobs=self.jobs, device=self.device.code)
        when_hurried(auditor.hurry)
        with progress(len(labelled.photos)) as advance:
            return judge(auditor, labelled, on_photo=advance)


def _evaluate_photos(
    judging: _Judging, checkpoint: str, against: str | None, outputs: Mapping[str, str | None]
) -> None:
    """Judge labelled photos, keep the predictions if they are wanted, and compare."""
    from iqa_cli.checkpoint import load_checkpoint
    from iqa_cli.cli.outputs import deliver, open_sinks
    from iqa_cli.cli.streams import say
    from iqa_cli.evaluation import predictions_csv, refuse_without_scikit_learn
    from iqa_cli.paths import find_checkpoint

    # Cheap checks first: whatever is wrong with the inputs is told before a photo is opened.
    names = [checkpoint, *([against] if against is not None else [])]
    folders = [find_checkpoint(name) for name in names]
    _refuse_inputs(outputs, [judging.labels_csv, *(str(file) for folder in folders for file in folder.glob("*"))])
    refuse_without_scikit_learn()
    models = [load_checkpoint(folder) for folder in folders]
    labelled = [judging.labelled(model) for model in models]
    for note in dict.fromkeys(note for of in labelled for note in of.notes):
        say(f"note: {note}")
    with contextlib.ExitStack() as stack:
        sinks = open_sinks(outputs, labelled[0].photos, stack)
        found = [judging.predicted(model, of) for model, of in zip(models, labelled, strict=True)]
        if (sink := sinks["--predictions"]) is not None:
            deliver(sink, [predictions_csv(found[0])])
        _report(found, names, sinks)


def _report(found: list[Predictions], names: list[str], sinks: Mapping[str, Sink | None]) -> None:
    """Evaluate one model or hold it against the other, write the files, and print the table unless stdout is taken."""
    from iqa_cli.cli.streams import say

    for note in dict.fromkeys(note for of in found for note in of.notes):
        say(f"note: {note}")
    if len(found) == 1:
        from iqa_cli.evaluation import evaluate
        from iqa_cli.report.evaluation.csv_file import evaluation_csv
        from iqa_cli.report.evaluation.json_file import evaluation_json
        from iqa_cli.report.evaluation.table import print_evaluation

        evaluation = evaluate(found[0])
        renderers = {"--json": lambda: [evaluation_json(evaluation)], "--csv": lambda: [evaluation_csv(evaluation)]}
        _deliver(sinks, renderers, lambda file: print_evaluation(evaluation, file=file))
        return
    from iqa_cli.evaluation import evaluate_against
    from iqa_cli.report.evaluation import difference_files as files
    from iqa_cli.report.evaluation.difference_table import print_difference

    difference = evaluate_against(*found, first_name=names[0], second_name=names[1])
    _deliver(
        sinks,
        {
            "--json": lambda: [files.difference_json(difference)],
            "--csv": lambda: [files.difference_csv(difference)],
            "--changed": lambda: files.changed_csv(difference),
        },
        lambda file: print_difference(difference, file=file),
    )


def _deliver(
    sinks: Mapping[str, Sink | None],
    renderers: Mapping[str, Callable[[], Iterable[bytes]]],
    show: Callable[[TextIO], None],
) -> None:
    """Write what was asked for, and print the table unless stdout is taken."""
    from iqa_cli.cli.outputs import deliver
    from iqa_cli.report.output import OutputStream, told_as_output_error

    for option, render in renderers.items():
        if (sink := sinks[option]) is not None:
            deliver(sink, render())
    if not any(isinstance(sink, OutputStream) for sink in sinks.values()):
        # After `iqa eval ... | head -1` the reader has what it wants.
        with contextlib.suppress(BrokenPipeError), told_as_output_error("stdout"):
            show(sys.stdout)


def _names_in(labels: str | None) -> tuple[str, ...] | None:
    """The names that --labels lists.

    raises  UsageError  if one is empty or comes twice
    """
    if labels is None:
        return None
    names = tuple(name.strip() for name in labels.split(","))
    twice = sorted({name for name in names if names.count(name) > 1})
    if not all(names) or twice:
        what = f"names {', '.join(twice)} twice" if all(names) else "has an empty name"
        raise UsageError(f"--labels {labels}: {what}", hint="as in --labels bright,dark,low_contrast")
    return names


def _refuse_inputs(outputs: Mapping[str, str | None], inputs: Iterable[str]) -> None:
    """No output is ever an input of the same run.

    raises  UsageError  if one is
    """
    for source in inputs:
        for option, name in outputs.items():
            if name is None or name == "-":
                continue
            with contextlib.suppress(OSError, ValueError):
                if Path(name).samefile(source):
                    raise UsageError(
                        f"{option} {name}: this is an input, it would be overwritten", hint=f"{option} names a new file"
                    )
