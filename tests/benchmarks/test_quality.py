"""The benchmark of quality, on pictures drawn in code and the hand-made checkpoint whose answers are known."""

from __future__ import annotations

import json
import math
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from iqa_cli.checkpoint import CARD
from iqa_cli.hexgraph.read import read_graph
from iqa_cli.paths import find_graph

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

torch = pytest.importorskip("torch", reason="the tone ladder needs torch, which the train extra brings")

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SIZE = 16
LABELS = read_graph(find_graph("smartphone-6")).label_names


@pytest.fixture(autouse=True)
def _scripts_are_importable(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if a script of the folder ran; what it loaded goes again."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] in ("quality", "quality_parts")]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty scenes that have nothing in common: coarse noise, every value from black to white."""
    folder = tmp_path_factory.mktemp("photographs")
    for number in range(20):
        noise = np.random.default_rng(number).integers(0, 256, (12, 12, 3), np.uint8)
        Image.fromarray(noise).resize((48, 48), Image.Resampling.BICUBIC).save(folder / f"{number:02}.png")
    return folder


@pytest.fixture(scope="module")
def judge_folder(checkpoint_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The hand-made checkpoint, with a card that names held-out photographs."""
    folder = tmp_path_factory.mktemp("judges") / "by-mean"
    shutil.copytree(checkpoint_folder, folder)
    card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    card["data"] = {"validation": ["00.png", "01.png"], "test": [f"{number:02}.png" for number in range(2, 8)]}
    (folder / CARD).write_text(json.dumps(card), encoding="utf-8")
    return folder


@pytest.fixture
def real(tmp_path: Path, save_grey: Callable[..., Path]) -> Path:
    """Six greys of known kind; the last dark one is not dark at all."""
    rows = [
        ("dark_1.png", 45, "dark", "high", "under", "s1"),
        ("bright_1.png", 215, "bright_overexposed", "high", "over", "s1"),
        ("dark_2.png", 5, "dark", "high", "-3.0", "s2"),
        ("dark_3.png", 128, "dark", "medium", "+1.0", "s2"),
        ("fine.png", 128, "normal", "high", "", ""),
        ("not_fine.png", 250, "normal", "high", "", ""),
    ]
    for name, grey, *_ in rows:
        save_grey(f"real/{name}", grey)
    lines = ["file,kind,confidence,order,scene"] + [",".join((name, *known)) for name, _, *known in rows]
    (tmp_path / "real" / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path / "real"


def rows_of(part: Any) -> dict[tuple[Any, ...], Any]:
    """The share in the first judge's column by kind, cases and question."""
    return {row[:3]: row[3] for row in part.tables[0].rows}


def test_an_interval_of_a_share_is_wilsons() -> None:
    from quality_parts.document import share

    found = share(35, 35)
    # z = 1.96: the lower end is n / (n + z^2).
    assert found.low == pytest.approx(35 / (35 + 1.959964**2))
    assert found.high == pytest.approx(1.0)
    assert str(share(0, 0)) == "no case"


def test_cases_of_one_group_make_no_interval_narrower() -> None:
    from quality_parts.document import share, share_of_groups

    sure, grouped = share(30, 60), share_of_groups([6, 0] * 5, [6, 6] * 5)
    assert grouped.value == sure.value
    assert grouped.high - grouped.low > sure.high - sure.low
    # Nothing was wrong in ten photos of six labels: that is ten cases, not sixty.
    assert share_of_groups([0] * 10, [6] * 10).high == pytest.approx(share(0, 10).high)


def test_an_undefined_figure_is_null_in_json() -> None:
    from quality_parts.document import Document, Estimate, Part, Table

    part = Part("a", "A", tables=(Table("", ("x", "y"), (("row", Estimate(math.nan)),)),))
    document = Document({}, (part,))
    assert json.loads(json.dumps(document.json(), allow_nan=False))["parts"][0]["tables"][0]["rows"][0][1] == {
        "value": None,
        "low": None,
        "high": None,
    }
    assert "| row | – |" in document.markdown(failures=0)


def test_photographs_are_resampled_with_all_their_pictures() -> None:
    from quality_parts.ladder import photograph_weights

    photograph = np.array([0, 1, 1, 2, 2, 2])
    weights = np.concatenate(list(photograph_weights(photograph, 50)), axis=1)
    assert weights.shape == (6, 50)
    assert (weights[1] == weights[2]).all()
    assert (weights[3] == weights[5]).all()
    assert (weights[[0, 1, 3]].sum(0) == 3).all()


def test_the_pictures_are_those_that_training_tests_on(photographs: Path, tmp_path: Path) -> None:
    from quality_parts.ladder import CROP_ROOM, draw, held_out_names

    from iqa_cli.config import DataConfig, OptimConfig, RunConfig, TrainConfig
    from iqa_cli.training.ladder_data import LadderData
    from iqa_cli.training.photographs import load_photographs

    graph = read_graph(find_graph("smartphone-6"))
    source = DataConfig(ladder=photographs, test_samples=40, holdout=0.5)
    config = TrainConfig(data=source, optim=OptimConfig(batch_size=16), run=RunConfig(out=tmp_path))
    data = LadderData(config, photographs, graph, SIZE)
    loaded = load_photographs(photographs, math.ceil(SIZE * CROP_ROOM))
    tested, held_out = held_out_names({"data": data.card()})
    assert tested < held_out
    own = torch.tensor([loaded.names.index(name) for name in sorted(tested)])
    drawn = draw(loaded.pictures[own], graph.label_names, graph.n_levels, SIZE, 40, 16)
    batches = list(data.test() or ())
    assert np.array_equal(drawn.pictures, torch.cat([batch.inputs for batch in batches]).permute(0, 2, 3, 1).numpy())
    assert np.array_equal(drawn.truth, torch.cat([batch.positions for batch in batches]).numpy())


def test_a_ranking_has_the_auc_of_its_score() -> None:
    from quality_parts.baselines import ranking

    table = ranking(np.array([3.0, -1.0, 3.0, 10.0]), 4)
    assert table.sum(1) == pytest.approx(1.0)
    assert table[1, -1] < table[0, -1] == table[2, -1] < table[3, -1]


def test_histograms_tell_grey_values_apart() -> None:
    from quality_parts.baselines import BINS, histogram_answers, histogram_features

    greys = np.repeat(np.arange(0, 256, 5, dtype=np.uint8), 4)
    pictures = np.broadcast_to(greys[:, None, None, None], (len(greys), 4, 4, 3)).copy()
    features = histogram_features(pictures)
    assert features.shape == (len(greys), BINS + 2)
    assert (features[:, :BINS] ** 2).sum(1) == pytest.approx(1.0)
    assert features[greys == 255, BINS].min() == 1
    positions = np.digitize(greys, [64, 128, 192])[:, None].astype(np.int64)
    answers = histogram_answers(features, positions, features, (4,))
    assert (answers.predicted == positions).mean() > 0.9


def test_real_photographs_are_asked_the_question_of_their_kind(judge_folder: Path, real: Path) -> None:
    from quality_parts.folders import judge_folders
    from quality_parts.judges import Judge
    from quality_parts.real import real_part

    judges = [Judge.load("mean", str(judge_folder))]
    part = real_part(judge_folders([real], judges), judges)
    found = {key: (cell.hits, cell.of) for key, cell in rows_of(part).items()}
    assert found["dark", "clear", "called dark"] == (2, 2)
    assert found["dark", "mild", "called dark"] == (0, 1)
    assert found["bright_overexposed", "clear", "called bright or overexposed"] == (1, 1)
    assert found["normal", "all", "called severe or worse in anything"] == (1, 2)
    assert found["frames of a scene", "pairs", "the brighter exposure called the brighter"] == (2, 2)
    assert {failure.where.split()[0] for failure in part.failures} == {"real/dark_3.png", "real/not_fine.png"}
    assert part.name_all


@pytest.fixture
def more(tmp_path: Path, save_grey: Callable[..., Path]) -> Path:
    """A second folder, which names sources; one of its files is an icon that nobody judges."""
    rows = [
        ("night.png", 5, "dark", "high", "one/night"),
        ("icon.png", 5, "dark", "high", "one/night"),
        ("evening.png", 45, "dark", "high", "two/evening"),
        ("snow.png", 250, "normal_hard", "high", "one/night"),
        ("icon_of_snow.png", 250, "normal_hard", "medium", "two/evening"),
    ]
    for name, grey, *_ in rows:
        save_grey(f"more/{name}", grey, (8, 8) if name.startswith("icon") else (64, 48))
    lines = ["file,kind,confidence,repo"] + [",".join((name, *known)) for name, _, *known in rows]
    (tmp_path / "more" / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path / "more"


def test_folders_are_pooled_and_shown_apart_with_their_sources(judge_folder: Path, real: Path, more: Path) -> None:
    from quality_parts.folders import judge_folders
    from quality_parts.judges import Judge
    from quality_parts.real import real_part

    judges = [Judge.load("mean", str(judge_folder))]
    part = real_part(judge_folders([real, more], judges), judges)
    tables = {table.title: table for table in part.tables}
    dark = {name: next(row for row in table.rows if row[0] == "dark") for name, table in tables.items() if "`" in name}
    assert [(row[3].hits, row[3].of) for row in dark.values()] == [(2, 2), (2, 3)]
    pooled = rows_of(part)["dark", "clear", "called dark"]
    assert (pooled.hits, pooled.of) == (4, 5)
    sources = {row[:2]: (row[4].hits, row[4].of) for row in tables["By source"].rows if row[1] == "dark"}
    assert sources == {("one/night", "dark"): (1, 2), ("two/evening", "dark"): (1, 1)}
    left = {row[1]: row for row in tables["Without the largest source"].rows}
    assert left["dark"][0] == "one/night (2 of 3)"
    assert (left["dark"][4].hits, left["dark"][4].of) == (1, 1)


def test_an_uncertain_photograph_is_neither_found_nor_accused(judge_folder: Path, more: Path) -> None:
    from quality_parts.folders import judge_folders
    from quality_parts.judges import Judge
    from quality_parts.real import real_part

    judges = [Judge.load("mean", str(judge_folder))]
    part = real_part(judge_folders([more], judges), judges)
    found = {key[:2]: (cell.hits, cell.of) for key, cell in rows_of(part).items()}
    assert found["dark", "clear"] == (2, 3)
    assert found["normal_hard", "mild"] == (0, 1)
    assert found["normal_hard", "all"] == (1, 2)
    said = {failure.where.split()[0]: failure.said for failure in part.failures}
    assert said["more/icon.png"].startswith("status uncertain: dark")
    assert "more/icon_of_snow.png" not in said
    apart = {row[0]: row[1:] for row in part.tables[-1].rows}
    assert apart == {"dark": (3, 1, 1), "normal_hard": (2, 1, 1)}


def test_a_label_file_without_its_columns_is_refused(tmp_path: Path) -> None:
    from quality_parts.folders import judge_folders

    (tmp_path / "labels.csv").write_text("file,kind\n", encoding="utf-8")
    with pytest.raises(ValueError, match="has no column confidence"):
        judge_folders([tmp_path], [])
    with pytest.raises(ValueError, match="two folders are called"):
        judge_folders([tmp_path, tmp_path], [])


def test_the_front_passes_through_the_reports_and_never_turns_back(
    judge_folder: Path, real: Path, more: Path, tmp_path: Path
) -> None:
    from quality_parts.folders import judge_folders
    from quality_parts.front import COLUMNS, DELTAS, front_part
    from quality_parts.judges import Judge

    card = json.loads((judge_folder / CARD).read_text(encoding="utf-8"))
    moved = tmp_path / "moved"
    shutil.copytree(judge_folder, moved)
    (moved / CARD).write_text(json.dumps({**card, "operating_point": {"dark": 1.0, "bright": -1.0}}), encoding="utf-8")
    judges = [Judge.load("mean", str(judge_folder)), Judge.load("moved", str(moved))]
    part = front_part(judge_folders([real, more], judges), judges, file=tmp_path / "front.csv")
    assert len(part.notes) == 1, part.notes  # a second one would say that levels at 0 are not those of the reports
    lines = (tmp_path / "front.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1 + 2 * len(DELTAS)
    assert lines[0].startswith("checkpoint,delta,haze_clear_found,haze_clear_found_of,")
    dark = 1 + list(COLUMNS).index("dark clear found")
    for table in part.tables:
        hits = [int(row[dark].partition("/")[0]) for row in table.rows]
        assert hits == sorted(hits)
        assert table.rows[6][0] == "+0.00"
        # The icon is never found.
        assert table.rows[-1][dark].startswith("4/5")


def test_goals_come_first_and_say_met_or_missed() -> None:
    from quality_parts.document import Document, Goal, Part, Verdict, share

    verdicts = (
        Verdict("found", Goal(0.9), {"a": share(50, 50), "b": share(1, 50)}),
        Verdict("accused", Goal(0.01, at_most=True), {"a": share(0, 10), "b": share(0, 0)}),
    )
    document = Document({}, (Part("a", "A", verdicts=verdicts),))
    rows = [[str(cell) for cell in row] for row in document.goals().rows]
    assert [row[3:5] + row[6:8] for row in rows] == [["met", "met", "missed", "missed"], ["met", "open", "–", "–"]]
    assert document.markdown(0).index("## Goals") < document.markdown(0).index("## A")
    assert document.json()["goals"]["rows"][0][:2] == ["found", "≥ 90 %"]


def test_a_part_that_names_everything_is_not_cut_short() -> None:
    from quality_parts.document import Document, Failure, Part

    failures = tuple(Failure(f"{number}.jpg", "dark") for number in range(5))
    some = Document({}, (Part("a", "A", failures=failures),)).markdown(2)
    everything = Document({}, (Part("a", "A", failures=failures, name_all=True),)).markdown(2)
    assert ("4.jpg" in some, "4.jpg" in everything) == (False, True)


def test_camera_files_are_counted_by_label_and_kind(
    judge_folder: Path, tmp_path: Path, save_grey: Callable[..., Path]
) -> None:
    from quality_parts.camera import camera_part, judge_camera
    from quality_parts.judges import Judge

    greys = {"fine.png": 128, "dark.png": 45, "missed.png": 110, "accused.png": 200}
    for name, grey in greys.items():
        save_grey(name, grey)
    save_grey("icon.png", 5, (8, 8))
    save_grey("small.png", 5, (8, 8))
    lines = [
        f"filename,{','.join(LABELS)},kind,confidence,remark",
        "fine.png,0,0,0,0,0,0,photo,sure,",
        "dark.png,0,2,0,0,0,0,photo,sure,",
        "missed.png,0,1,0,0,0,0,photo,unsure,night",
        "accused.png,0,0,0,0,-1,0,photo,sure,",
        "icon.png,,,,,,,tiny,sure,",
        "small.png,0,0,0,0,0,0,photo,sure,",
    ]
    (tmp_path / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    judges = [Judge.load("mean", str(judge_folder))]
    part = camera_part(judge_camera(tmp_path, tmp_path / "labels.csv", judges), judges)
    by_label = {row[0]: row[2:] for row in part.tables[0].rows}
    # Found and accused at ordinary, then at severe.
    assert [(cell.hits, cell.of) for cell in by_label["dark"]] == [(1, 2), (0, 3), (1, 1), (0, 4)]
    assert [(cell.hits, cell.of) for cell in by_label["bright"]] == [(0, 0), (1, 5), (0, 0), (1, 5)]
    assert [cell.of for cell in by_label["overexposed"]] == [0, 4, 0, 4]
    kinds = {row[0]: row[2] for row in part.tables[-1].rows}
    assert (kinds["photo"].hits, kinds["tiny"].hits) == (4, 1)
    # The small one is accused of nothing, but is not of the status that a photograph should have.
    assert [failure.where.split()[0] for failure in part.failures] == ["missed.png", "accused.png", "small.png"]


def test_photographs_keep_their_levels_and_copies_are_upright(judge_folder: Path, tmp_path: Path) -> None:
    from quality_parts.judges import Judge
    from quality_parts.stability import COPIES, _copies, stability_part
    from sklearn.datasets import load_sample_image

    folder = tmp_path / "photos"
    folder.mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6
    for name, grey in (("flower.jpg", 45), ("china.jpg", 120)):
        photograph = load_sample_image(name)
        pixels = (photograph * (grey / photograph.mean())).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).resize((256, 128)).save(folder / name, exif=exif, quality=95)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    part = stability_part([folder], [Judge.load("mean", str(judge_folder))])
    assert {row[0]: (row[1].hits, row[1].of) for row in part.tables[0].rows} == {
        way: (0, 2 * len(LABELS)) for way in ("full decode", *COPIES)
    }
    copies = dict(_copies(folder / "china.jpg", tmp_path))
    with Image.open(copies["mirrored copy"]) as mirrored, Image.open(copies["half-size copy"]) as halved:
        assert (mirrored.size, halved.size) == ((128, 256), (64, 128))
    assert not dict(_copies(folder / "broken.jpg", tmp_path))


def test_one_run_gives_one_document(
    judge_folder: Path, photographs: Path, real: Path, more: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import quality

    found = tmp_path / "found.json"
    options = ["--checkpoint", str(judge_folder), "--other", f"twin={judge_folder}", "--json", str(found)]
    sizes = ["--ladder-samples", "200", "--learning-samples", "200"]
    data = ["--photos", str(photographs), "--real", str(real), "--real", str(more)]
    quality.main([*options, *sizes, *data])
    printed = capsys.readouterr().out
    document = json.loads(found.read_text(encoding="utf-8"))
    assert [part["name"] for part in document["parts"]] == ["ladder", "real", "front", "stability", "cost"]
    assert document["goals"]["columns"][2:] == ["by-mean", "figure", "interval", "twin", "figure", "interval"]
    means = {row[0]: row[1:] for row in document["parts"][0]["tables"][0]["rows"]}
    assert means["by-mean"] == means["twin"]
    assert means['constant "none"'][0]["value"] == 0
    assert means["ceiling"][0]["value"] > means["by-mean"][0]["value"]
    for part in document["parts"]:
        assert f"## {part['title']}" in printed


def test_a_checkpoint_without_held_out_photographs_is_refused(
    checkpoint_folder: Path, photographs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import quality

    with pytest.raises(SystemExit, match="names no held-out photographs"):
        quality.main(["--checkpoint", str(checkpoint_folder), "--photos", str(photographs), "--parts", "ladder"])
    assert capsys.readouterr().out == ""


def test_every_version_of_a_photograph_is_judged(photographs: Path, judge_folder: Path) -> None:
    """By mean brightness, which PQ and HLG keep."""
    from quality_parts.hdr import VERSIONS, hdr_part
    from quality_parts.judges import Judge

    part = hdr_part(photographs, [Judge.load("by mean", str(judge_folder))], photographs=2)
    rows = {row[0]: row for row in part.tables[0].rows}
    assert list(rows) == ["SDR, PNG", *VERSIONS]
    for version in ("PQ, HEIC", "HLG, HEIC", "PQ, PNG", "HLG, PNG", "PQ, AVIF", "HLG, AVIF"):
        assert rows[version][1].of == 2
        assert rows[version][4].value == 1.0


def test_a_shift_is_the_way_to_the_level_that_was_said() -> None:
    from quality_parts.suppression import CUTS, shift_needed

    first, second, last = CUTS
    loss = np.array([first - 1, first - 1, second + 0.5, last + 3, 0.0])
    said = np.array([1, 0, 1, 2, 3])
    assert shift_needed(loss, said) == pytest.approx([1.0, 0.0, 0.5, 3.0, last])


def test_grey_and_plain_highlights_look_lost_and_lively_or_white_ones_do_not() -> None:
    from quality_parts.suppression import CUTS, apparent_loss

    plain = torch.full((1, 3, 40, 40), 60, dtype=torch.uint8)
    grey, white, lively = plain.clone(), plain.clone(), plain.clone()
    grey[:, :, :8] = 150
    white[:, :, :8] = 250
    lively[:, :, :8] = torch.arange(60, 180, 15, dtype=torch.uint8)[:, None]
    looks = [float(apparent_loss(picture)[0]) for picture in (grey, white, lively)]
    assert looks[0] >= CUTS[0] > max(looks[1:])


def test_cuts_are_put_where_levels_change() -> None:
    from quality_parts.suppression import best_cuts

    level = np.repeat(np.arange(4), 50)
    expected = np.repeat([0.1, 0.4, 1.0, 2.0], 50)
    found = np.digitize(expected, best_cuts(expected, level))
    assert (found == level).all()


def test_the_study_of_one_label_runs_only_if_it_is_named(
    judge_folder: Path, photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import quality

    found = tmp_path / "found.json"
    sizes = ["--ladder-samples", "200", "--learning-samples", "200"]
    options = ["--checkpoint", str(judge_folder), "--photos", str(photographs), "--json", str(found)]
    quality.main([*options, *sizes, "--parts", "suppression"])
    (part,) = json.loads(found.read_text(encoding="utf-8"))["parts"]
    kappas, shifts, margins, looks = part["tables"]
    by_name = {row[0]: row[1]["value"] for row in kappas["rows"]}
    assert by_name["knows the scene"] > by_name["by-mean"]
    assert all(row[-1]["value"] >= by_name[row[0]] for row in shifts["rows"])
    counts = [row[1] for row in margins["rows"]]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] == sum(row[1] for row in looks["rows"][:-1]) == 200
    assert "suppression" not in quality.PARTS
    assert capsys.readouterr().out.startswith("# Quality")
