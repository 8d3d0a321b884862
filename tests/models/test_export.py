"""What is exported is what is taken when a checkpoint is loaded."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="models need the train extra")
pytest.importorskip("open_clip", reason="models need the train extra")
pytest.importorskip("onnxscript", reason="export needs the train extra")

import onnx  # noqa: E402 - the train extra may be missing
from exporting import onnx_bytes  # noqa: E402

from iqa_cli.config import ModelConfig  # noqa: E402 - the train extra may be missing
from iqa_cli.hexgraph.read import read_graph  # noqa: E402
from iqa_cli.models.onnx_check import work_of  # noqa: E402
from iqa_cli.models.onnx_file import read_onnx, without_guesses  # noqa: E402
from iqa_cli.models.onnx_operators import OPERATORS  # noqa: E402
from iqa_cli.models.onnx_pieces import onnx_pieces  # noqa: E402
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


def test_the_file_is_the_one_that_the_onnx_package_writes_of_the_same_program() -> None:
    torch.manual_seed(0)
    linear = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2)).eval()
    program = torch.onnx.export(linear, (torch.zeros(1, 3),), dynamo=True, verbose=False)
    whole = onnx.ModelProto.FromString(program.model_proto.SerializeToString())
    written = onnx.ModelProto.FromString(b"".join(map(bytes, onnx_pieces(program.model, {"key": "text"}))))
    assert [(entry.key, entry.value) for entry in written.metadata_props if entry.key == "key"] == [("key", "text")]
    assert [node.op_type for node in written.graph.node] == [node.op_type for node in whole.graph.node]
    for ours, theirs in zip(written.graph.initializer, whole.graph.initializer, strict=True):
        assert ours.name == theirs.name
        assert np.array_equal(onnx.numpy_helper.to_array(ours), onnx.numpy_helper.to_array(theirs))
    assert len(written.graph.initializer) >= 4
    onnx.checker.check_model(written)
