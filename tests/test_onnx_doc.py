"""docs/onnx.md is a contract: its example, run as it stands, gives what `assess_photo` gives, and its numbers are those
of the files."""

from __future__ import annotations

import itertools
import json
import math
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

import iqa_cli
from iqa_cli import assess_photo, decide
from iqa_cli.checkpoint import INTERPOLATIONS, ONNX, load_checkpoint
from iqa_cli.errors import CheckpointError
from iqa_cli.models.onnx_file import read_onnx
from iqa_cli.photos.pixels import WORKING_LONG_SIDE

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from iqa_cli.records import Decision

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "onnx.md").read_text("utf-8")
DEFAULT = ROOT / "checkpoints" / "default"
CARD = json.loads((DEFAULT / "card.json").read_text("utf-8"))


def drawn(width: int, height: int, gain: float = 1.0, seed: int = 1) -> Image.Image:
    """A drawn landscape: sky, hills, grain; `gain` is its exposure."""
    chance = np.random.default_rng(seed)
    down, across = np.mgrid[:height, :width] / np.array([height, width]).reshape(2, 1, 1)
    hills = down > 0.5 + 0.15 * np.sin(9 * across + seed)
    light = np.where(hills, 0.25 + 0.3 * across, 0.65 + 0.3 * down)
    colours = np.stack([light, light**1.1, np.where(hills, 0.6 * light, 1.1 * light)], -1)
    noisy = gain * colours + chance.normal(0, 0.03, (height, width, 3))
    return Image.fromarray((255 * noisy.clip(0, 1)).astype(np.uint8))


@pytest.fixture
def run_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], dict[str, Any]]:
    """Runs the page's example in a folder with `checkpoints`, and gives its names."""
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    (tmp_path / "checkpoints").symlink_to(ROOT / "checkpoints")
    monkeypatch.chdir(tmp_path)

    def run() -> dict[str, Any]:
        names: dict[str, Any] = {}
        exec(compile(code, "docs/onnx.md", "exec"), names)  # noqa: S102 - our own page
        return names

    return run


@pytest.mark.parametrize(
    ("size", "gain"),
    [((900, 613), 1.0), ((613, 900), 1.7), ((300, 200), 0.3)],
    ids=["wide", "tall-and-bright", "small-and-dark"],
)
def test_the_example_gives_what_assess_photo_gives(
    run_example: Callable[[], dict[str, Any]],
    size: tuple[int, int],
    gain: float,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    drawn(*size, gain).save(tmp_path / "photo.jpg", "PNG")  # both go by the content: pixels without a loss
    decision = run_example()["decision"]
    report = assess_photo(tmp_path / "photo.jpg")
    assert decision.levels == {finding.label: finding.level for finding in report.findings}
    assert list(decision.marginals) == list(report.marginals)
    for label, row in report.marginals.items():
        assert decision.marginals[label] == pytest.approx(row, abs=1e-6)
    told = [line.split()[:2] for line in capsys.readouterr().out.splitlines()]
    assert told == [[finding.label, str(finding.level)] for finding in report.findings]


def test_a_large_jpeg_decoded_in_full_gives_the_same(run_example: Callable[[], dict[str, Any]], tmp_path: Path) -> None:
    drawn(1600, 1067).save(tmp_path / "photo.jpg", quality=92)
    decision = run_example()["decision"]
    report = assess_photo(tmp_path / "photo.jpg", decode="full")
    for label, row in report.marginals.items():
        assert decision.marginals[label] == pytest.approx(row, abs=1e-6)


def test_the_example_is_short() -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    assert len([line for line in code.splitlines() if line]) <= 30


def test_names_and_shapes_on_the_page_are_those_of_the_file() -> None:
    session = pytest.importorskip("onnxruntime").InferenceSession(
        DEFAULT / "model.onnx", providers=["CPUExecutionProvider"]
    )
    (given,), made = session.get_inputs(), session.get_outputs()
    size, labels = CARD["preprocessing"]["size"], CARD["graph"]["labels"]
    assert (given.name, given.type, given.shape[1:]) == ("pictures", "tensor(float)", [3, size, size])
    assert [(entry.name, entry.type, entry.shape[1:]) for entry in made] == [
        ("scores", "tensor(float)", [3 * len(labels)])
    ]
    assert all(isinstance(shape[0], str) for shape in (given.shape, made[0].shape)), "any number of photos"
    for told in (f"{size} for the default checkpoint", f"{3 * len(labels)} for six labels"):
        assert told in PAGE
    low, high = ((value - CARD["preprocessing"]["mean"][0]) / CARD["preprocessing"]["std"][0] for value in (0, 1))
    assert f"{low:.2f} to {high:.2f}" in PAGE
    assert read_onnx((DEFAULT / ONNX).read_bytes()).metadata["iqa_graph"] == load_checkpoint(DEFAULT).graph.hash


def test_what_the_page_says_beside_the_card_is_what_the_code_does() -> None:
    assert f"longer side has more than {WORKING_LONG_SIDE} pixels" in PAGE
    assert all(name.upper() in Image.Resampling.__members__ for name in INTERPOLATIONS)
    assert f"a sum over {4 ** len(CARD['graph']['labels']):,} states" in PAGE


def as_the_page_says(scores: NDArray[np.floating], card: dict[str, Any]) -> tuple[dict[str, int], dict[str, Any]]:
    """Levels and marginals of one photo by plain enumeration, from the card alone, step by step as on the page."""
    labels = card["graph"]["labels"]
    rows = scores.reshape(len(labels), 3).astype(float)
    states = [
        state
        for state in itertools.product((1, 2, 3, 4), repeat=len(labels))
        if not any(
            state[labels.index(rule["label_a"])] in rule["a_levels"]
            and state[labels.index(rule["label_b"])] in rule["b_levels"]
            for rule in card["graph"]["exclusions"]
        )
    ]

    def probabilities(rows: NDArray[np.floating]) -> tuple[NDArray[np.floating], list[int]]:
        potentials = np.concatenate([np.zeros((len(labels), 1)), rows.cumsum(1)], 1)
        logs = np.array([sum(potentials[i, level - 1] for i, level in enumerate(state)) for state in states])
        shares = np.exp(logs - logs.max())
        shares /= shares.sum()
        table = np.zeros((len(labels), 4))
        for state, share in zip(states, shares, strict=True):
            table[range(len(labels)), np.array(state) - 1] += share
        return table, list(states[int(shares.argmax())])

    marginals, _ = probabilities(rows)
    point = np.array([card.get("operating_point", {}).get(label, 0.0) for label in labels])
    moved, likeliest = probabilities(rows + point[:, None])
    medians = [max(level for level in (1, 2, 3, 4) if row[level - 1 :].sum() >= 0.5 - 1e-12) for row in moved]
    levels = medians if tuple(medians) in states else likeliest
    return dict(zip(labels, levels, strict=True)), dict(zip(labels, marginals.tolist(), strict=True))


def test_decide_does_what_the_page_says() -> None:
    """Against enumeration of all states from the card alone, for scores of every kind."""
    assert not [rule for rule in CARD["graph"]["subsumptions"] if rule["label_a"] != rule["label_b"]]
    chance = np.random.default_rng(3)
    scores = (chance.normal(-1, 3, (12, 18))).astype(np.float32)
    decisions = decide(scores)
    assert len({tuple(decision.levels.values()) for decision in decisions}) > 6
    for row, decision in zip(scores, decisions, strict=True):
        levels, marginals = as_the_page_says(row, CARD)
        assert decision.levels == levels
        for label, expected in marginals.items():
            assert decision.marginals[label] == pytest.approx(expected, abs=1e-6)  # scores are float32


def test_the_operating_point_names_levels_and_moves_no_probability(tmp_path: Path) -> None:
    def decided(name: str, point: dict[str, float]) -> Decision:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "card.json").write_text(json.dumps({**CARD, "operating_point": point}), "utf-8")
        return decide(np.full((1, 18), -0.6), checkpoint=folder)[0]

    plain, moved = decided("plain", {}), decided("moved", {"dark": 3.0})
    assert plain.at_operating_point == plain.marginals == moved.marginals
    assert (plain.levels["dark"], moved.levels["dark"]) == (1, 4)
    assert sum(moved.at_operating_point["dark"]) == pytest.approx(1)


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        (np.zeros(18), r"expected scores \(B, N\), a row for each photo, got \(18,\)"),
        (np.zeros((1, 17)), r"expected \(B, 18\), got \(1, 17\)"),
        (np.full((1, 18), math.nan), "finite"),
    ],
    ids=["one-row", "another-graph", "nan"],
)
def test_scores_that_are_none_are_refused(scores: NDArray[np.floating], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        decide(scores)


def test_no_scores_are_no_decisions_and_no_checkpoint_is_an_error(tmp_path: Path) -> None:
    assert decide(np.zeros((0, 18))) == []
    with pytest.raises(CheckpointError):
        decide(np.zeros((1, 18)), checkpoint=tmp_path)
    with pytest.raises(CheckpointError, match="defualt"):
        decide(np.zeros((1, 18)), checkpoint="defualt")


def test_deciding_loads_no_decoder_and_no_model() -> None:
    code = (
        "import sys, iqa_cli; iqa_cli.decide([[0.0] * 18])\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules} & {'PIL', 'onnxruntime', 'torch', 'pandas'}))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""
    assert iqa_cli.decide is decide
