"""`iqa convert`: the published models' scores, exactly; and what is refused, in a sentence and without running it."""

from __future__ import annotations

import csv
import hashlib
import itertools
import json
import os
import re
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="conversion needs the train extra")
pytest.importorskip("open_clip", reason="conversion needs the train extra")
pytest.importorskip("onnxscript", reason="export needs the train extra")

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "cli")]

import published_code as code  # noqa: E402 - see above
from in_process import Outcome, Run, run_iqa  # noqa: E402

from iqa_cli.checkpoint import load_checkpoint  # noqa: E402 - the train extra may be missing
from iqa_cli.conversion import Conversion, convert  # noqa: E402
from iqa_cli.conversion import file as reading  # noqa: E402
from iqa_cli.errors import CheckpointError, ConfigError, UsageError  # noqa: E402
from iqa_cli.hexgraph.graph import HexGraph  # noqa: E402
from iqa_cli.hexgraph.parts import Label  # noqa: E402
from iqa_cli.hexgraph.read import read_graph  # noqa: E402
from iqa_cli.inspection import check_checkpoint  # noqa: E402
from iqa_cli.models.prepare import squash  # noqa: E402
from iqa_cli.models.runner import OnnxModel  # noqa: E402
from iqa_cli.models.warm_start import checkpoint_of  # noqa: E402
from iqa_cli.paths import find_graph  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

SIX = read_graph(find_graph("smartphone-6"))
CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


@pytest.fixture(scope="module", autouse=True)
def architecture(tmp_path_factory: pytest.TempPathFactory) -> None:
    code.register(tmp_path_factory.mktemp("architecture"))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Each published model, and the file that its training saved."""
    torch.manual_seed(5)
    folder = tmp_path_factory.mktemp("published")
    models = {"v1": code.V1(18), "v2": code.V2(code.texts())}
    for name, model in models.items():
        torch.save(code.saved(model), folder / f"{name}.pt")
    return {**models, "folder": folder}


@pytest.fixture(scope="module")
def conversions(files: dict[str, Any]) -> dict[str, Conversion]:
    """Both files converted, by version."""
    return {version: made(files["folder"] / f"{version}.pt", files["folder"] / version) for version in ("v1", "v2")}


@pytest.fixture
def iqa(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Outcome:
        return run_iqa(monkeypatch, capsys, *arguments)

    return run


def made(path: Path, out: Path, graph: HexGraph = SIX, **how: Any) -> Any:
    return convert(path, out, graph, backbone=code.ARCHITECTURE, **how)


def pictures(count: int = 4) -> list[np.ndarray]:
    noise = np.random.default_rng(3)
    return [noise.integers(0, 256, (code.SIDE, code.SIDE, 3), np.uint8) // (k + 1) for k in range(count)]


def published_scores(model: Any, inputs: list[np.ndarray]) -> np.ndarray:
    """In the file's order of nodes."""
    values = torch.from_numpy(np.stack(inputs)).permute(0, 3, 1, 2).double() / 255
    mean, std = (torch.tensor(three).view(1, 3, 1, 1) for three in (CLIP_MEAN, CLIP_STD))
    with torch.no_grad():
        return model.eval()(((values - mean) / std).float()).numpy()


def published_probabilities(model: Any, picture: np.ndarray) -> list[float]:
    """Of each label's first node, by adding up all legal states as the published code does; in its order."""
    pair = [(0,) * 6, *((*[1] * k, *[0] * (3 - k), 0, 0, 0) for k in (1, 2, 3))]
    pair += [(0, 0, 0, *[1] * k, *[0] * (3 - k)) for k in (1, 2, 3)]
    states = np.array([np.concatenate(three) for three in itertools.product(pair, repeat=3)])
    weights = np.exp(states @ published_scores(model, [picture])[0].astype(np.float64))
    return list((weights @ states / weights.sum())[::3])


def in_order(scores: np.ndarray, columns: tuple[str, ...], graph: HexGraph) -> np.ndarray:
    """Columns of three nodes each, as a graph has its labels."""
    return np.concatenate([scores[:, 3 * columns.index(n) : 3 * columns.index(n) + 3] for n in graph.label_names], 1)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_the_scores_are_those_of_the_published_model(
    files: dict[str, Any], conversions: dict[str, Conversion], version: str
) -> None:
    conversion = conversions[version]
    expected = in_order(published_scores(files[version], pictures()), code.COLUMNS, SIX)
    scores = OnnxModel(load_checkpoint(conversion.out)).node_scores(pictures())
    assert np.ptp(expected, axis=0).min() > 1e-3  # they tell pictures apart
    assert np.abs(scores - expected).max() < 1e-5
    assert conversion.version == version
    assert conversion.order == code.COLUMNS != SIX.label_names
    assert check_checkpoint(str(conversion.out)).sound


def test_one_template_and_a_context_that_pushes_the_end_out(tmp_path: Path) -> None:
    """The published code cuts at 77 positions and reads the last one where the end is beyond."""
    torch.manual_seed(6)
    long = " ".join(["very"] * 72)
    model = code.V2(code.texts(("{attr}, {level} " + long,)), n_ctx=6)
    torch.save(model.state_dict(), tmp_path / "plain.pt")  # the state itself, nothing around it
    made(tmp_path / "plain.pt", tmp_path / "out")
    scores = OnnxModel(load_checkpoint(tmp_path / "out")).node_scores(pictures())
    expected = in_order(published_scores(model, pictures()), code.COLUMNS, SIX)
    assert np.abs(scores - expected).max() < 1e-5
    assert load_checkpoint(tmp_path / "out").card["converted"]["epoch"] is None


def test_the_card_says_what_it_is(files: dict[str, Any], conversions: dict[str, Conversion]) -> None:
    checkpoint = load_checkpoint(conversions["v2"].out)
    card, converted = checkpoint.card, checkpoint.card["converted"]
    assert converted["sha256"] == hashlib.sha256((files["folder"] / "v2.pt").read_bytes()).hexdigest()
    assert (converted["file"], converted["epoch"], converted["graph_sha256"]) == ("v2.pt", 49, SIX.hash)
    assert converted["prompts"]["low_contrast"][2] == "low global contrast , extreme"
    assert card["metrics"] == {}
    assert converted["metrics"].startswith("none")
    assert (checkpoint.preprocessing.mean, checkpoint.preprocessing.std) == (CLIP_MEAN, CLIP_STD)
    assert sorted(card["files"]) == ["model.onnx"]
    page = (checkpoint.folder / "card.md").read_text("utf-8")
    for said in ("The card has no figures", "It was converted", converted["sha256"]):
        assert said in page
    assert str(files["folder"]) not in json.dumps(card) + page


def test_the_commands_take_it(files: dict[str, Any], tmp_path: Path, iqa: Run) -> None:
    photo = np.clip(np.add.outer(np.arange(120), np.arange(160))[..., None] * [0.8, 0.7, 0.6], 0, 255).astype(np.uint8)
    (tmp_path / "photos").mkdir()
    Image.fromarray(photo).save(tmp_path / "photos" / "a.png")
    (tmp_path / "labels.csv").write_text("filename,dark\na.png,1\n", "utf-8")
    arguments = ("convert", files["folder"] / "v2.pt", "--out", "mine", "--backbone", code.ARCHITECTURE)
    done = iqa(*arguments)
    assert (done.code, done.out.splitlines()[3]) == (0, '  low_contrast: "low global contrast , slight"'), done
    again = iqa(*arguments)
    assert (again.code, again.err.splitlines()[0]) == (3, "error: mine: a checkpoint is there already")
    judged = iqa("assess", "photos", "--checkpoint", "./mine", "--csv", "audit.csv", "--no-cache")
    assert judged.code == 0, judged.err
    assert iqa("eval", "labels.csv", "--images", "photos", "--checkpoint", "./mine").code == 0
    assert iqa("checkpoint-check", "./mine").code == 0
    [row] = csv.DictReader((tmp_path / "audit.csv").read_text("utf-8").splitlines())
    told = [float(row[f"{name}_p"]) for name in code.COLUMNS]
    assert told == pytest.approx(published_probabilities(files["v2"], squash(photo, code.SIDE)), abs=2e-3)
    assert max(told) - min(told) > 0.1


def test_training_cannot_go_on_from_it_and_says_so(conversions: dict[str, Conversion]) -> None:
    with pytest.raises(ConfigError, match=r"has no model\.safetensors: it was converted") as caught:
        checkpoint_of(f"checkpoint:{conversions['v1'].out}", code.ARCHITECTURE)
    assert "\n" not in caught.value.message


class Touch:
    """A pickle that makes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("place", ["beside", "inside"])
def test_a_pickle_that_would_run_code_is_refused_and_nothing_runs(
    files: dict[str, Any], tmp_path: Path, place: str, iqa: Run
) -> None:
    document = torch.load(files["folder"] / "v1.pt", weights_only=True)
    mark = tmp_path / "executed"
    target = document if place == "beside" else document["model_state_dict"]
    target["head.weight" if place == "inside" else "args"] = Touch(mark)
    torch.save(document, tmp_path / "bad.pt")
    said = iqa("convert", tmp_path / "bad.pt", "--out", tmp_path / "out", "--backbone", code.ARCHITECTURE)
    first, *rest = said.err.splitlines()
    assert (said.code, len(rest)) == (3, 1), said.err
    assert "asks for posix.mkdir, so that loading it would run code; it was not loaded" in first
    assert not mark.exists()
    assert not (tmp_path / "out").exists()


def _archive(path: Path, compression: int, **parts: bytes) -> None:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in parts.items():
            archive.writestr(f"a/{name}.pkl", content)


def _not_there(path: Path) -> None:
    path.unlink(missing_ok=True)


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (_not_there, "No such file"),
    "folder": (lambda path: path.mkdir(), "a folder"),
    "pipe": (os.mkfifo, "named pipe"),
    "text": (lambda path: path.write_text("hello"), "not an archive"),
    "empty": (lambda path: path.write_bytes(b""), "not an archive"),
    "compressed": (lambda path: _archive(path, zipfile.ZIP_DEFLATED, data=bytes(10**7)), "a compressed archive"),
    "no pickle": (lambda path: _archive(path, zipfile.ZIP_STORED, other=b"x"), "not a file of tensors"),
    "list": (lambda path: torch.save([1, 2], path), "holds no model_state_dict"),
    "no tensors": (lambda path: torch.save({"model_state_dict": {"a": 1}}, path), "holds no model_state_dict"),
    "old format": (
        lambda path: torch.save({"a": torch.ones(1)}, path, _use_new_zipfile_serialization=False),
        "not an archive",
    ),
    "another model": (
        lambda path: torch.save({f"layer{i}.weight": torch.ones(1) for i in range(200)}, path),
        r"not a model of the published code: of its 200 tensors .*layer0\.weight.* and 197 more",
    ),
    "PrISM-IQA": (lambda path: torch.save({"prompt_learner.ctx": torch.ones(1)}, path), "of PrISM-IQA"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_other_files_are_refused_in_a_sentence(name: str, tmp_path: Path) -> None:
    make, said = BROKEN[name]
    make(tmp_path / "file.pt")
    with pytest.raises(CheckpointError, match=said) as caught:
        made(tmp_path / "file.pt", tmp_path / "out")
    assert len(caught.value.message) < 400 + len(str(tmp_path))
    assert "\n" not in caught.value.message
    assert not (tmp_path / "out").exists()


def test_size_is_bounded(files: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_MOST_BYTES", 1000)
    with pytest.raises(CheckpointError, match="up to 1,000 are read"):
        made(files["folder"] / "v1.pt", tmp_path / "out")
    monkeypatch.setattr(reading, "_MOST_BYTES", 2**40)
    monkeypatch.setattr(reading, "_MOST_PICKLE", 1000)
    with pytest.raises(CheckpointError, match="its description has more than 1,000 bytes"):
        made(files["folder"] / "v1.pt", tmp_path / "out")


def _drop(*names: str) -> Callable[[dict[str, Any]], None]:
    return lambda state: [state.pop(name) for name in names] and None


def _put(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda state: state.update({name: value})


def _nan(state: dict[str, Any]) -> None:
    state["clip_model.visual.proj"] = state["clip_model.visual.proj"] * float("nan")


def _without_clip(state: dict[str, Any]) -> None:
    for name in [name for name in state if name.startswith("clip_model.")]:
        del state[name]


def _thinner(state: dict[str, Any]) -> None:
    for name in [name for name in state if ".resblocks.1." in name]:
        del state[name]


CHANGED: dict[str, tuple[str, Callable[[dict[str, Any]], None], str]] = {
    "half a head": ("v1", _drop("head.bias"), r"looks like v1 .* lacks head\.bias"),
    "no prompts": ("v2", _drop("text_prompt.ctx", "bias"), r"looks like v2 .* lacks bias, text_prompt\.ctx"),
    "no CLIP": ("v1", _without_clip, r"lacks clip_model\.\*"),
    "a part too many": ("v1", _put("extra.weight", torch.ones(1)), r"has extra\.weight beside it"),
    "fewer layers": ("v1", _thinner, r"its CLIP is not tiny.*: lacks .* and 21 more"),
    "not finite": ("v1", _nan, "visual.proj holds values that are not finite"),
    "another width": (
        "v1",
        _put("head.weight", torch.ones(18, 7)),
        r"head\.weight has shape \[18, 7\], expected \[18, 24\]",
    ),
    "another picture size": (
        "v1",
        _put("clip_model.visual.positional_embedding", torch.ones(50, 64)),
        r"1 of another size \(visual\.positional_embedding: \[50, 64\] in the file",
    ),
    "a flat context": ("v2", _put("text_prompt.ctx", torch.ones(64)), r"text_prompt\.ctx has shape \[64\]"),
    "a template that is not there": (
        "v2",
        _put("text_prompt.template_idx", torch.full((90,), 5)),
        "template_idx holds other numbers than 0 to 4",
    ),
    "an end before the start": (
        "v2",
        _put("text_prompt.eot_idx", torch.full((90,), -9)),
        "eot_idx holds other numbers",
    ),
    "an endless tensor": (
        "v2",
        _put("text_prompt.token_suffix", torch.zeros(1).expand(90, 10**6, 64)),
        r"its tensors claim 23,0\d\d,\d\d\d,\d\d\d bytes, in a file of",
    ),
}


@pytest.mark.parametrize("name", CHANGED)
def test_a_state_that_does_not_fit_is_refused_by_a_few_names(name: str, files: dict[str, Any], tmp_path: Path) -> None:
    version, change, said = CHANGED[name]
    document = torch.load(files["folder"] / f"{version}.pt", weights_only=True)
    change(document["model_state_dict"])
    torch.save(document, tmp_path / "changed.pt")
    with pytest.raises(CheckpointError, match=said) as caught:
        made(tmp_path / "changed.pt", tmp_path / "out")
    assert len(caught.value.message) < 400 + len(str(tmp_path))


def test_graph_order_and_backbone_have_to_fit(files: dict[str, Any], tmp_path: Path) -> None:
    path, out = files["folder"] / "v2.pt", tmp_path / "out"
    for how, error, said in (
        (
            {"graph": read_graph(find_graph("smartphone-12"))},
            UsageError,
            "scores 18 nodes; graph 'smartphone-12' has 36",
        ),
        ({"labels": ["bright", "dark"]}, UsageError, "expected each label of graph 'smartphone-6' once"),
        ({"labels": list(SIX.label_names)}, CheckpointError, "of label 'high_contrast' is about 'low global contrast'"),
        (
            {"labels": [*code.COLUMNS[:4], "over_suppressed", "overexposed"]},
            CheckpointError,
            "of label 'over_suppressed' is about 'blown highlights'",
        ),
    ):
        with pytest.raises(error, match=said):
            made(path, out, **how)
    unknown = HexGraph("own", tuple(Label(f"l{i}", (1, 2, 3, 4)) for i in range(6)))
    with pytest.raises(UsageError, match="the order of the file's nodes is not known"):
        made(path, out, unknown)
    made(path, out, unknown, labels=["l5", "l4", "l3", "l2", "l1", "l0"])
    expected = published_scores(files["v2"], pictures()).reshape(-1, 6, 3)[:, ::-1].reshape(-1, 18)
    assert np.abs(OnnxModel(load_checkpoint(out)).node_scores(pictures()) - expected).max() < 1e-5
    for backbone, said in (
        ("ViT-B-32", "ViT-B-32 is not CLIP as OpenAI trained it"),
        ("iqa-small", "iqa-small is not CLIP as OpenAI trained it"),
        ("nothing", "open_clip has no architecture 'nothing'"),
    ):
        with pytest.raises(ConfigError, match=f"^backbone: {said}") as caught:
            convert(path, tmp_path / "other", SIX, backbone=backbone)
        assert caught.value.hint


def test_chinese_labels_other_numbers_of_levels_and_half_precision(tmp_path: Path) -> None:
    torch.manual_seed(8)
    model = code.V1(9).half()
    torch.save({"model_state_dict": model.state_dict()}, tmp_path / "three.pt")
    counts = {"整体对比度低": 5, "整体偏亮": 2, "整体偏暗": 5}
    uneven = HexGraph("uneven", tuple(Label(name, tuple(range(1, count + 1))) for name, count in counts.items()))
    assert made(tmp_path / "three.pt", tmp_path / "out", uneven).order == ("整体偏亮", "整体偏暗", "整体对比度低")
    scores = OnnxModel(load_checkpoint(tmp_path / "out")).node_scores(pictures())
    raw = published_scores(model.float(), pictures())
    assert np.abs(scores - raw[:, [5, 6, 7, 8, 0, 1, 2, 3, 4]]).max() < 1e-5


def test_a_strange_prompt_and_name_do_no_harm(tmp_path: Path, iqa: Run) -> None:
    torch.manual_seed(9)
    model = code.V2(code.texts(("{attr}\x1b[2J, {level}",)))
    model.text_prompt.tokenized[0, 1] = 500_000  # no token of any vocabulary
    torch.save(model.state_dict(), tmp_path / "strange.pt")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "card.json").write_text("{}", "utf-8")
    said = iqa("convert", "strange.pt", "--out", "out", "--backbone", code.ARCHITECTURE, "--overwrite")
    assert said.code == 0, said.err
    assert "\x1b" not in said.out
    assert load_checkpoint(tmp_path / "out").card["converted"]["prompts"]["bright"] is None
    assert re.search(r"^  bright$", said.out, re.MULTILINE)
