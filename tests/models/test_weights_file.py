"""Files of weights: read without running code, loaded whole or refused in a sentence, never replaced by random ones."""

from __future__ import annotations

import io
import os
import pickle
import warnings
import zipfile
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("torch", reason="models need the train extra")
pytest.importorskip("open_clip", reason="models need the train extra")

import open_clip
import safetensors.torch
import torch

from iqa_cli.errors import ConfigError
from iqa_cli.models.backbone import build_backbone
from iqa_cli.models.torchscript import BadArchiveError, read_archive
from tests.models.families import SIDE, randomised, register

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

State = dict[str, torch.Tensor]


@pytest.fixture(scope="module", autouse=True)
def families() -> None:
    register()


@pytest.fixture(scope="module")
def state() -> State:
    register()
    clip = open_clip.create_model("test-vit", pretrained_image=False)
    randomised(clip, torch.Generator().manual_seed(4))
    return {name: value.contiguous() for name, value in clip.state_dict().items()}


def load(path: Path, architecture: str = "test-vit") -> State:
    loaded: State = build_backbone(architecture, str(path), quick_gelu=False).clip.state_dict()
    return loaded


def refused(path: Path, architecture: str = "test-vit") -> str:
    """The message of the refusal, one sentence that does not advise to run code."""
    with pytest.raises(ConfigError) as error:
        load(path, architecture)
    assert error.value.message.startswith(f"model.pretrained: {path}: ")
    assert not error.value.problems
    message = error.value.message.removeprefix(f"model.pretrained: {path}: ")
    assert "\n" not in message
    assert len(message) < 400
    assert "weights_only" not in str(error.value)
    return message


@pytest.mark.parametrize(
    "write",
    [
        lambda state, path: safetensors.torch.save_file(state, path.with_suffix(".safetensors")),
        torch.save,
        lambda state, path: torch.save({"state_dict": {f"module.{name}": v for name, v in state.items()}}, path),
        lambda state, path: torch.save({"epoch": 3, "state_dict": state, "optimizer": {"lr": 0.1}}, path),
        lambda state, path: torch.save(state, path, _use_new_zipfile_serialization=False),
    ],
    ids=["safetensors", "state dict", "of several GPUs", "of open_clip's trainer", "old format"],
)
def test_every_usual_file_is_loaded_whole(state: State, tmp_path: Path, write: Callable[[State, Path], None]) -> None:
    write(state, tmp_path / "clip.pt")
    loaded = load(next(tmp_path.iterdir()))
    assert loaded.keys() == state.keys()
    assert all(torch.equal(loaded[name], value) for name, value in state.items())


class Evil:
    """Unpickled, it leaves a file."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.trace),)


@pytest.mark.parametrize("old", [False, True], ids=["zip", "old format"])
def test_a_pickle_that_would_run_code_is_refused_and_runs_none(state: State, tmp_path: Path, old: bool) -> None:
    path, trace = tmp_path / "clip.pt", tmp_path / "trace"
    torch.save({**state, "evil": Evil(trace)}, path, _use_new_zipfile_serialization=not old)
    assert refused(path) == "a pickle that asks for posix.mkdir, so that loading it would run code; it was not loaded"
    assert not trace.exists()
    torch.load(path, weights_only=False)  # it would have
    assert trace.exists()


def test_a_bare_pickle_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    path, trace = tmp_path / "clip.bin", tmp_path / "trace"
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        path.write_bytes(pickle.dumps(Evil(trace), protocol))
        assert "posix.mkdir" in refused(path) or protocol != 2
        assert not trace.exists()


@pytest.mark.parametrize("suffix", [".pt", ".safetensors", ".bin"])
@pytest.mark.parametrize("content", [b"", b"no weights", b"PK\x03\x04", b"\x80\x02}q\x00."], ids=repr)
def test_a_file_that_holds_no_weights_is_refused(tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"clip{suffix}"
    path.write_bytes(content)
    assert refused(path).startswith("not a file of weights")


def test_safetensors_under_another_name_are_told(state: State, tmp_path: Path) -> None:
    path = tmp_path / "clip.pt"
    safetensors.torch.save_file(state, path)
    assert "let its name end in .safetensors" in refused(path)


def test_a_name_that_is_neither_tag_nor_file_is_refused(tmp_path: Path) -> None:
    for name in ("a-tag-that-does-not-exist", str(tmp_path / "missing.safetensors"), "", str(tmp_path)):
        with pytest.raises(ConfigError, match="could not be loaded: no such tag or file"):
            build_backbone("test-vit", name)
    with pytest.raises(ConfigError) as error:
        build_backbone("ViT-B-32", "laion3b")
    assert "its tags: openai, " in (error.value.hint or "")


def test_weights_of_another_architecture_are_told_in_one_sentence(state: State, tmp_path: Path) -> None:
    path = tmp_path / "clip.safetensors"
    safetensors.torch.save_file({**state, "proj": torch.zeros(3), "visual.proj": torch.zeros(32, 64)}, path)
    message = refused(path)
    assert message.startswith(f"these are weights of another architecture than test-vit: of its {len(state)} tensors ")
    assert "1 of another size, visual.proj first (32 x 64 in the file, 32 x 32 in test-vit)" in message
    assert "1 that it does not have, proj first" in message
    safetensors.torch.save_file({"weight": torch.zeros(3, 3)}, path)
    assert f"{len(state)} missing, " in refused(path)
    safetensors.torch.save_file(state, path)
    for other in ("test-siglip", "test-rn", "test-convnext", "test-eva02", "iqa-small"):
        with pytest.raises(ConfigError, match=f"of another architecture than {other}"):
            build_backbone(other, str(path), quick_gelu=None)


def test_positions_of_another_picture_size_are_not_stretched(state: State, tmp_path: Path) -> None:
    """open_clip would, and say nothing: the tower would see otherwise than it was trained to."""
    path = tmp_path / "clip.safetensors"
    positions = state["visual.positional_embedding"]
    larger = torch.cat([positions, positions])[: 1 + 5 * 5]
    larger = larger if len(larger) == 26 else torch.zeros(26, positions.shape[1])
    safetensors.torch.save_file({**state, "visual.positional_embedding": larger}, path)
    assert "visual.positional_embedding first (26 x 32 in the file, 17 x 32 in test-vit)" in refused(path)


def test_a_bug_while_loading_weights_is_not_called_the_configs_mistake(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise TypeError("ours")

    path = tmp_path / "clip.pt"
    torch.save(state, path)
    monkeypatch.setattr(open_clip, "load_checkpoint", broken)
    with pytest.raises(TypeError, match="ours"):
        load(path)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CLIP as OpenAI published it: a script in half precision, with a class QuickGELU."""
    register()
    clip = open_clip.create_model("test-vit", force_quick_gelu=True, pretrained_image=False)
    randomised(clip, torch.Generator().manual_seed(6))
    path = tmp_path_factory.mktemp("openai") / "ViT-B-32.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that torch.jit has seen its day
        torch.jit.script(clip.half().eval()).save(str(path))
    return path


def test_an_archive_of_openai_is_loaded_and_tells_its_activation(archive: Path) -> None:
    made = build_backbone("test-vit", str(archive))
    assert made.quick_gelu
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = torch.jit.load(str(archive)).float().eval()
    pictures = torch.randn(2, 3, SIDE, SIDE)
    with torch.no_grad():
        seen = theirs.encode_image(pictures)
        assert torch.allclose(made.clip.eval().encode_image(pictures), seen, atol=1e-5)
    with pytest.raises(ConfigError, match=r"quick_gelu: false, but ViT-B-32\.pt, by the classes in it, says"):
        load(archive)


def test_an_archive_of_another_architecture_is_told(archive: Path) -> None:
    with pytest.raises(ConfigError, match="of another architecture than test-clipa"):
        build_backbone("test-clipa", str(archive))


def rewritten(archive: Path, out: Path, change: Callable[[str, bytes], bytes]) -> Path:
    """An archive with other content."""
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            target.writestr(name, change(name, source.read(name)))
    return out


def test_code_in_an_archive_never_runs(archive: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    evil = pickle.dumps(Evil(trace), protocol=2)
    path = rewritten(archive, tmp_path / "evil.pt", lambda name, old: evil if name.endswith("/data.pkl") else old)
    with pytest.raises(BadArchiveError, match=r"it asks for posix\.mkdir"):
        read_archive(path)
    assert "a TorchScript archive that could not be read" in refused(path)
    assert not trace.exists()


def test_scripts_in_an_archive_are_not_even_compiled(archive: Path, tmp_path: Path) -> None:
    path = rewritten(archive, tmp_path / "odd.pt", lambda name, old: b"no script" if "/code/" in name else old)
    assert torch.equal(read_archive(path).tensors["visual.proj"], read_archive(archive).tensors["visual.proj"])


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("/data/0", lambda old: old[:-2]),
        ("/data.pkl", lambda old: old[: len(old) // 2]),
        ("/data.pkl", lambda _: b""),
        ("/data.pkl", lambda _: b"\x80\x02]q\x00(h\x00h\x00e."),
    ],
    ids=["tensor", "half a pickle", "no pickle", "itself"],
)
def test_a_damaged_archive_is_refused(
    archive: Path, tmp_path: Path, part: str, change: Callable[[bytes], bytes]
) -> None:
    path = rewritten(archive, tmp_path / "bad.pt", lambda name, old: change(old) if name.endswith(part) else old)
    with pytest.raises(ConfigError):
        build_backbone("test-vit", str(path), quick_gelu=True)


def test_a_tensor_that_claims_more_than_is_stored_is_refused(tmp_path: Path) -> None:
    """A stride that leads out of the stored numbers would read other memory of the process."""

    class Tensor:
        def __init__(self, shape: tuple[int, ...], stride: tuple[int, ...], offset: int) -> None:
            self.parts = (shape, stride, offset)

    class Pickler(pickle._Pickler):  # in Python, so that a name may stand for what is not there
        def persistent_id(self, value: object) -> object:
            return ("storage", value.kind, "0", "cpu", 4) if isinstance(value, Storage) else None

    class Storage:
        kind = torch.FloatStorage

    def written(shape: tuple[int, ...], stride: tuple[int, ...], offset: int) -> Path:
        path = tmp_path / "one.pt"
        stream = io.BytesIO()
        pickler = Pickler(stream, 2)
        stream.write(b"\x80\x02c__torch__\nOne\n)\x81}")
        pickler.save("w")
        stream.write(b"ctorch._utils\n_rebuild_tensor_v2\n(")
        pickler.save(Storage())
        for value in (offset, shape, stride, False):
            pickler.save(value)
        stream.write(b"ccollections\nOrderedDict\n)RtRsb.")
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("one/data.pkl", stream.getvalue())
            archive.writestr("one/constants.pkl", b"\x80\x02).")
            archive.writestr("one/data/0", torch.arange(4.0).numpy().tobytes())
        return path

    assert read_archive(written((2, 2), (1, 2), 0)).tensors["w"].tolist() == [[0.0, 2.0], [1.0, 3.0]]
    for shape, stride, offset in (
        ((5,), (1,), 0),
        ((2,), (4,), 0),
        ((2,), (1,), 3),
        ((2,), (-1,), 1),
        ((2, 2), (1,), 0),
    ):
        with pytest.raises(BadArchiveError):
            read_archive(written(shape, stride, offset))


def test_many_tensors_of_one_storage_are_not_all_made(tmp_path: Path) -> None:
    """A file of a megabyte could otherwise ask for gigabytes."""
    module = torch.nn.Module()
    big = torch.zeros(250_000)
    for number in range(20):
        module.register_buffer(f"b{number}", big.view(500, 500))
    path = tmp_path / "many.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that torch.jit has seen its day
        torch.jit.script(module).save(str(path))
    assert path.stat().st_size < 2_000_000
    with pytest.raises(BadArchiveError, match="many times as large as the file"):
        read_archive(path)
    assert read_archive(path, with_tensors=False).tensors == {}
