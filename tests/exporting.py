"""The exported form of a model as bytes, for tests that look into it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from iqa_cli.models.export import onnx_writer

if TYPE_CHECKING:
    from iqa_cli.models.tone_model import ToneModel


def onnx_bytes(model: ToneModel, graph_hash: str) -> bytes:
    """The ONNX file of a model."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        onnx_writer(model, graph_hash)(path)
        return path.read_bytes()
