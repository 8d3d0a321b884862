"""A tag without a network: asked once, quietly, not for long, and the error names every way out."""

from __future__ import annotations

import logging
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("torch", reason="models need the train extra")
pytest.importorskip("open_clip", reason="models need the train extra")

import huggingface_hub
import open_clip

from iqa_cli.errors import ConfigError
from iqa_cli.models import hub
from iqa_cli.models.backbone import build_backbone

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)


def asked(monkeypatch: pytest.MonkeyPatch, answer: object) -> list[tuple[str, float]]:
    """What the hub is asked when it answers like that; nothing may be downloaded or waited for."""
    questions: list[tuple[str, float]] = []

    class Session:
        def head(self, url: str, timeout: float) -> object:
            questions.append((url, timeout))
            if isinstance(answer, Exception):
                raise answer
            return answer

    def never(*_: object, **__: object) -> None:
        raise AssertionError("asked again")

    monkeypatch.setattr(huggingface_hub, "get_session", Session)
    monkeypatch.setattr(open_clip, "download_pretrained", never)
    monkeypatch.setattr("time.sleep", never)
    return questions


def told() -> ConfigError:
    with pytest.raises(ConfigError) as error:
        build_backbone("ViT-B-32", "openai")
    return error.value


@pytest.mark.parametrize("answer", [OSError("no network"), SimpleNamespace(status_code=503)], ids=["none", "503"])
def test_a_hub_that_does_not_answer_is_asked_once_and_quietly(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str], answer: object
) -> None:
    questions = asked(monkeypatch, answer)
    error = told()
    assert len(questions) == 1
    assert questions[0][1] <= 10
    assert error.message.endswith(
        f"could not be loaded: the hub's cache lacks them, and {questions[0][0]} does not answer"
    )
    hint = error.hint or ""
    assert "hf download timm/vit_base_patch32_clip_224.openai open_clip_model.safetensors" in hint
    assert str(tmp_path / "hub" / "models--timm--vit_base_patch32_clip_224.openai") in hint
    assert "set model.pretrained to its path with model.quick_gelu = true" in hint
    assert "HF_HUB_OFFLINE=1" in hint
    assert capfd.readouterr() == ("", "")


def test_a_hub_that_never_answers_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    class Session:
        def head(self, *_: object, **__: object) -> None:
            over.wait()

    monkeypatch.setattr(huggingface_hub, "get_session", Session)
    monkeypatch.setattr(hub, "_PATIENCE_S", 0.05)
    assert "does not answer" in told().message
    over.set()


def test_a_hub_that_is_not_to_be_asked_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    questions = asked(monkeypatch, OSError())
    assert told().message.endswith("HF_HUB_OFFLINE says that the hub is not to be asked")
    assert questions == []


def test_a_download_that_fails_is_told_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    asked(monkeypatch, SimpleNamespace(status_code=200))

    def fails(_: object) -> None:
        assert logging.getLogger("huggingface_hub").level == logging.ERROR
        raise FileNotFoundError("Failed to download file.\nA long story")

    level = logging.getLogger("huggingface_hub").level
    monkeypatch.setattr(open_clip, "download_pretrained", fails)
    assert told().message.endswith("and the download failed (Failed to download file.)")
    assert logging.getLogger("huggingface_hub").level == level


def test_what_is_downloaded_is_what_is_loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked(monkeypatch, SimpleNamespace(status_code=200))
    path = tmp_path / "clip.safetensors"
    path.write_bytes(b"damaged")
    monkeypatch.setattr(open_clip, "download_pretrained", lambda entry: str(path) if entry["quick_gelu"] else "")
    assert told().message == f"model.pretrained: {path}: not a file of weights, or a damaged one"
