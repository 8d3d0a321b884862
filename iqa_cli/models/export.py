"""Export to ONNX, checked against torch before it is kept."""

from __future__ import annotations

import contextlib
import logging
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxscript  # noqa: F401 - torch's exporter needs it; a missing one should show before training, not after
import torch

from iqa_cli.checkpoint import GRAPH_KEY
from iqa_cli.models.onnx_check import work_of
from iqa_cli.models.onnx_file import NotOurOnnxError, read_onnx
from iqa_cli.models.prepare import normalise
from iqa_cli.models.quiet_onnxruntime import onnxruntime
from iqa_cli.models.tone_model import ExportedModel, ToneModel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iqa_cli.checkpoint import Preprocessing

TOLERANCE = 1e-4
"""Largest difference of a score between torch and onnxruntime that is taken as the same model; of scores beyond 1, as
a share of the largest."""


def onnx_bytes(model: ToneModel, graph_hash: str) -> bytes:
    """A trained model as an ONNX file: see `exported_bytes`."""
    return exported_bytes(ExportedModel.of(model), model.preprocessing, graph_hash)


def exported_bytes(exported: ExportedModel, preprocessing: Preprocessing, graph_hash: str) -> bytes:
    """One self-contained ONNX file: input `pictures` (B, 3, S, S), output `scores` (B, N), any B.

    exported       on the CPU
    preprocessing  of the pictures that it takes
    graph_hash     of the graph whose thresholds the N scores are; kept in the file's metadata
    raises         torch.onnx.OnnxExporterError  for a visual tower that cannot be expressed in ONNX, or not in the
                                                 operators and sizes that are accepted when a checkpoint is loaded
                   RuntimeError                  if onnxruntime's scores differ from torch's by more than TOLERANCE:
                                                 our bug, not the user's
    """
    exported.eval()
    size = preprocessing.size
    generator = torch.Generator().manual_seed(0)
    noise = torch.randint(0, 256, (3, size, size, 3), generator=generator, dtype=torch.uint8)
    pictures = torch.from_numpy(normalise(list(noise.numpy()), preprocessing))
    with _quiet_exporter():
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
    document = program.model_proto
    _strip_traces(document.graph)
    document.metadata_props.add(key=GRAPH_KEY, value=graph_hash)
    content: bytes = document.SerializeToString()
    try:
        work_of(read_onnx(content), size, document.graph.output[0].type.tensor_type.shape.dim[-1].dim_value)
    except NotOurOnnxError as error:
        raise torch.onnx.OnnxExporterError(str(error)) from error
    _check(content, exported, pictures)
    return content


def _strip_traces(graph: Any) -> None:
    """Take off what the exporter notes on every part for its own debugging: stack traces with the paths of the machine
    that exported it, which are nobody's business and make the same model differ from machine to machine.
    """
    for part in (graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
    del graph.value_info[:]  # what the exporter believes of the results in between: whoever loads the file works it out


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


def _check(content: bytes, exported: ExportedModel, pictures: torch.Tensor) -> None:
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    for count in (1, len(pictures)):
        with torch.no_grad():
            expected = exported(pictures[:count]).numpy()
        actual = np.asarray(session.run(None, {"pictures": pictures[:count].numpy()})[0])
        difference = float(np.abs(actual - expected).max())
        logging.getLogger(__name__).info("ONNX against torch, %d pictures: %.2g", count, difference)
        limit = TOLERANCE * max(1.0, float(np.abs(expected).max()))
        if not difference <= limit:  # nan is no agreement
            raise RuntimeError(f"the exported model differs from torch by {difference:.2g} (limit {limit:.2g})")
