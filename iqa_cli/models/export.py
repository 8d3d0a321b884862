"""Export to ONNX, checked against torch before it is kept."""

from __future__ import annotations

import contextlib
import logging
import mmap
import warnings
from typing import TYPE_CHECKING

import numpy as np
import onnxscript  # noqa: F401 - torch's exporter needs it; a missing one should show before training, not after
import torch

from iqa_cli.checkpoint import GRAPH_KEY
from iqa_cli.models.onnx_check import work_of
from iqa_cli.models.onnx_file import NotOurOnnxError, read_onnx
from iqa_cli.models.onnx_pieces import onnx_pieces
from iqa_cli.models.parking import give_back, parked
from iqa_cli.models.prepare import normalise
from iqa_cli.models.quiet_onnxruntime import onnxruntime
from iqa_cli.models.tone_model import ExportedModel, ToneModel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from iqa_cli.checkpoint import Preprocessing

TOLERANCE = 1e-4
"""Largest difference of a score between torch and onnxruntime that is taken as the same model; of scores beyond 1, as
a share of the largest."""


def onnx_writer(model: ToneModel, graph_hash: str) -> Callable[[Path], None]:
    """What writes a trained model as an ONNX file to a path: see `write_onnx`. What is not exported, such as the text
    tower, makes room meanwhile.
    """
    exported = ExportedModel.of(model)

    def write(path: Path) -> None:
        with parked(model, exported, path.parent):
            write_onnx(path, exported, model.preprocessing, graph_hash)

    return write


def write_onnx(path: Path, exported: ExportedModel, preprocessing: Preprocessing, graph_hash: str) -> None:
    """One self-contained ONNX file: input `pictures` (B, 3, S, S), output `scores` (B, N), any B.

    path           of a file that is there and may be written over; it is no checkpoint's until it has been checked
    exported       on the CPU
    preprocessing  of the pictures that it takes
    graph_hash     of the graph whose thresholds the N scores are; kept in the file's metadata
    raises         torch.onnx.OnnxExporterError  for a visual tower that cannot be expressed in ONNX, or not in the
                                                 operators and sizes that are accepted when a checkpoint is loaded
                   RuntimeError                  if onnxruntime's scores differ from torch's by more than TOLERANCE:
                                                 our bug, not the user's
                   OSError                       if it cannot be written

    A tower of gigabytes is never held a second time: its numbers go from where they lie into the file, and onnxruntime
    reads the file, which costs it a third of what the same bytes in memory do.
    """
    exported.eval()
    give_back()
    size = preprocessing.size
    generator = torch.Generator().manual_seed(0)
    noise = torch.randint(0, 256, (3, size, size, 3), generator=generator, dtype=torch.uint8)
    pictures = torch.from_numpy(normalise(list(noise.numpy()), preprocessing))
    with _quiet_exporter():
        _write(path, exported, pictures, graph_hash)
    give_back()
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        reason = _why_unrunnable(content, size, len(exported.offset))
    if reason is not None:
        raise torch.onnx.OnnxExporterError(reason)
    _check(path, exported, pictures)
    give_back()


def _write(path: Path, exported: ExportedModel, pictures: torch.Tensor, graph_hash: str) -> None:
    program = torch.onnx.export(
        exported,
        (pictures,),
        dynamo=True,
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        input_names=["pictures"],
        output_names=["scores"],
        verbose=False,
    )
    if program is None:
        raise RuntimeError("torch.onnx.export gave no program")
    with path.open("wb") as stream:
        stream.writelines(onnx_pieces(program.model, {GRAPH_KEY: graph_hash}))


def _why_unrunnable(content: mmap.mmap, size: int, n_nodes: int) -> str | None:
    """Why the file would be refused where checkpoints are loaded; None if it would not."""
    with memoryview(content) as view:
        return _refusal(view, size, n_nodes)


def _refusal(content: memoryview, size: int, n_nodes: int) -> str | None:
    """A function of its own: its views of the file are gone when it ends, and the file can be closed."""
    try:
        work_of(read_onnx(content), size, n_nodes)
    except NotOurOnnxError as error:
        return str(error)
    return None


@contextlib.contextmanager
def _quiet_exporter() -> Iterator[None]:
    """The exporter and its optimiser warn of their own internals; what counts is checked afterwards."""
    logger = logging.getLogger("onnxscript")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _check(path: Path, exported: ExportedModel, pictures: torch.Tensor) -> None:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # each more holds weights of its own
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    for count in (1, len(pictures)):
        with torch.no_grad():
            expected = exported(pictures[:count]).numpy()
        actual = np.asarray(session.run(None, {"pictures": pictures[:count].numpy()})[0])
        difference = float(np.abs(actual - expected).max())
        logging.getLogger(__name__).info("ONNX against torch, %d pictures: %.2g", count, difference)
        limit = TOLERANCE * max(1.0, float(np.abs(expected).max()))
        if not difference <= limit:  # nan is no agreement
            raise RuntimeError(f"the exported model differs from torch by {difference:.2g} (limit {limit:.2g})")
