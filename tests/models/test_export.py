"""What is exported is what is taken when a checkpoint is loaded."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="models need the train extra")
pytest.importorskip("open_clip", reason="models need the train extra")
pytest.importorskip("onnxscript", reason="export needs the train extra")

from iqa_cli.config import ModelConfig  # noqa: E402 - the train extra may be missing
from iqa_cli.hexgraph.read import read_graph  # noqa: E402
from iqa_cli.models.export import onnx_bytes  # noqa: E402
from iqa_cli.models.onnx_check import work_of  # noqa: E402
from iqa_cli.models.onnx_file import read_onnx, without_guesses  # noqa: E402
from iqa_cli.models.onnx_operators import OPERATORS  # noqa: E402
from iqa_cli.models.tone_model import ToneModel  # noqa: E402
from iqa_cli.paths import find_graph  # noqa: E402

SIX = read_graph(find_graph("smartphone-6"))


def test_an_export_is_read_and_bounded_and_a_tower_beyond_that_is_told_before_training(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = ToneModel(ModelConfig(head="fc", statistics=8), SIX).eval()
    content = onnx_bytes(model, SIX.hash)
    file = read_onnx(content)
    assert file.metadata == {"iqa_graph": SIX.hash}
    assert work_of(file, 96, 18).operators["Conv"] > 5
    assert without_guesses(content) == content
    monkeypatch.delitem(OPERATORS, "Conv")  # type: ignore[attr-defined]
    with pytest.raises(torch.onnx.OnnxExporterError, match="uses 'Conv': not one of those operators"):
        onnx_bytes(model, SIX.hash)
