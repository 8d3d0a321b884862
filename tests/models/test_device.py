"""Where a model runs. There is no card here: the providers are those that a machine with one would list."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
import pytest

from iqa_cli.cache import Cache
from iqa_cli.checkpoint import ONNX, Checkpoint, load_checkpoint
from iqa_cli.errors import UsageError
from iqa_cli.models.device import CPU, CUDA, LARGE_BYTES
from iqa_cli.models.runner import OnnxModel
from iqa_cli.paths import find_checkpoint
from iqa_cli.photos.discover import discover
from iqa_cli.pipeline import Auditor

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from iqa_cli.records import Device


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[list[Any]]]:
    """Makes this a machine with onnxruntime-gpu, whose card works or does not; gives the providers asked for, session
    by session.
    """
    real = onnxruntime.InferenceSession

    def make(*, card_works: bool) -> list[list[Any]]:
        asked: list[list[Any]] = []

        class Session:
            def __init__(self, content: bytes, options: Any, providers: list[Any]) -> None:
                asked.append(providers)
                self._names = [entry if isinstance(entry, str) else entry[0] for entry in providers]
                self._session = real(content, options, providers=[CPU])

            def get_providers(self) -> list[str]:
                return [name for name in self._names if name == CPU or card_works]

            def __getattr__(self, name: str) -> Any:
                return getattr(self._session, name)

        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA, CPU])
        monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
        return asked

    return make


@pytest.fixture
def small(checkpoint_folder: Path) -> Checkpoint:
    return load_checkpoint(checkpoint_folder)


@pytest.fixture
def large(small: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> Checkpoint:
    """The same model, which its card and this test call as large as a ViT."""
    content = small.read_verified(ONNX)
    monkeypatch.setattr(Checkpoint, "read_verified", lambda *_: content)
    files = {**small.card["files"], ONNX: {**small.card["files"][ONNX], "bytes": LARGE_BYTES}}
    return dataclasses.replace(small, card={**small.card, "files": files})


def test_cuda_is_refused_where_onnxruntime_knows_processors_only(
    small: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CPU])
    with pytest.raises(
        UsageError, match="device 'cuda' cannot be used: this onnxruntime is for processors only"
    ) as told:
        OnnxModel(small, device="cuda")
    assert "pip install onnxruntime-gpu" in (told.value.hint or "")


def test_cuda_is_refused_where_onnxruntime_goes_on_without_the_card(small: Checkpoint, machine: Any) -> None:
    machine(card_works=False)
    with pytest.raises(UsageError, match="finds no card, driver or CUDA library"):
        OnnxModel(small, device="cuda")


def test_cuda_is_asked_for_first_and_in_full_precision(small: Checkpoint, machine: Any) -> None:
    asked = machine(card_works=True)
    assert OnnxModel(small, device="cuda").device == "cuda"
    (((name, options), last),) = asked
    assert (name, last) == (CUDA, CPU)
    assert options["use_tf32"] == "0"


@pytest.mark.parametrize(
    ("size", "works", "runs_on"), [("small", True, "cpu"), ("large", True, "cuda"), ("large", False, "cpu")]
)
def test_auto_takes_a_card_that_works_for_a_large_model(
    size: str, works: bool, runs_on: Device, machine: Any, request: pytest.FixtureRequest
) -> None:
    checkpoint = request.getfixturevalue(size)
    asked = machine(card_works=works)
    assert OnnxModel(checkpoint, device="auto").device == runs_on
    assert asked[-1] == [CPU] if runs_on == "cpu" else asked[-1][0][0] == CUDA


def test_the_shipped_model_is_a_small_one() -> None:
    checkpoint = load_checkpoint(find_checkpoint("default"))
    assert checkpoint.card["files"][ONNX]["bytes"] < LARGE_BYTES / 4


def test_the_processor_is_asked_for_alone_whatever_there_is(small: Checkpoint, machine: Any) -> None:
    asked = machine(card_works=True)
    picture = np.full((small.preprocessing.size, small.preprocessing.size, 3), 200, np.uint8)
    on_cpu = OnnxModel(small, device="cpu").node_scores([picture])
    assert asked == [[CPU]]
    assert on_cpu.tobytes() == OnnxModel(small).node_scores([picture]).tobytes()


def test_a_cache_keeps_what_a_card_computed_apart(large: Checkpoint, machine: Any, roll: Path, tmp_path: Path) -> None:
    machine(card_works=True)
    on_cpu, on_card, either = (Auditor(large, device=device) for device in ("cpu", "cuda", "auto"))
    assert on_cpu.context == Auditor(large).context
    assert on_card.context == either.context != on_cpu.context
    photo = str(roll / "a_fine.png")
    for auditor, remembered in ((on_cpu, 0), (on_card, 0), (on_card, 1), (on_cpu, 1)):
        with Cache.open(tmp_path / "cache", auditor.context) as cache:
            assert len(list(auditor.run(discover([photo]).photos, cache))) == 1
            assert cache.hits == remembered


def test_no_processes_share_a_card(large: Checkpoint, machine: Any) -> None:
    machine(card_works=True)
    kept = {"decode": "thumbnail", "jobs": 2, "use_processes": True}
    assert Auditor(large, device="cuda", **kept)._processes() == 0
    machine(card_works=False)
    assert Auditor(large, device="auto", **kept)._processes() == Auditor(large, **kept)._processes()
