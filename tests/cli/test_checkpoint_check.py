"""`iqa checkpoint-check` as a user meets it, and what the other commands say to a bad checkpoint."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("onnx", reason="drawing checkpoints needs onnx, which the train extra brings")

from bad_checkpoints import BAD_CHECKPOINTS, BadCheckpoint, checkpoint_of_kind, refused_by
from drawn_checkpoints import onnx_model, write_good
from in_process import Outcome, Run, run_iqa
from own_process import loaded_by
from PIL import Image
from spoiling import a_folder, changed, drop, pipe, put, raw, sparse

if TYPE_CHECKING:
    from collections.abc import Callable

BY_NAME = {kind.name: kind for kind in BAD_CHECKPOINTS}
ONE_OF_EACH = [
    "card-pipe",
    "label-with-escape",
    "size-huge",
    "measured-text",
    "model-pipe",
    "loop",
    "expand",
    "scores-nan",
]


MODEL = "as the card states; N nodes of N kinds, all known and bounded; nothing outside of the file"


@pytest.fixture
def iqa(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Runs `iqa` in this process, in the test's own folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Outcome:
        return run_iqa(monkeypatch, capsys, *arguments)

    return run


def test_a_sound_one_is_told_with_each_check_and_what_it_contains(iqa: Run, checkpoint_folder: Path) -> None:
    code, out, err = iqa("checkpoint-check", checkpoint_folder)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == f"{checkpoint_folder}: sound"
    assert [re.sub(r"\d[\d,]*", "N", line) for line in lines[1:7]] == [
        "  ok    folder             N files, N bytes",
        re.sub(r"\d[\d,]*", "N", lines[2]),
        "  ok    inference          the graph compiles; N labels with an operating point of its own",
        f"  ok    model.onnx         {MODEL}",
        "  ok    trial              a black picture gets N finite scores",
        "  note  model.safetensors  not part of it: it can be used, and training cannot go on from it",
    ]
    assert "operators  ReduceMean 1, Unsqueeze 1, Gemm 1" in re.sub(" +", " ", out).replace("operators ", "operators  ")
    assert lines[-1] == "1 checkpoint: sound"


def test_the_shipped_one_says_what_it_is_trained_on_and_how_good_it_is(iqa: Run) -> None:
    code, out, _ = iqa("checkpoint-check", "default")
    assert code == 0
    assert re.search(r"trained on +tone ladder and labelled photographs; [\d,]+ photographs", out)
    assert re.search(r"figures, test +[\d,]+ pictures; mean of the labels: accuracy 0\.\d+", out)


def test_a_card_for_people_is_welcome_and_not_missed(iqa: Run, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    write_good(folder)
    assert "card.md" not in iqa("checkpoint-check", "./mine")[1]
    (folder / "card.md").write_bytes(b"\xff not even text, and nobody's business")
    code, out, _ = iqa("checkpoint-check", "./mine")
    assert code == 0
    assert re.search(r"ok +card\.md +\d+ bytes for people; iqa never reads it", out)
    assert "other files" not in out
    (folder / "card.md").rename(tmp_path / "elsewhere.md")
    (folder / "card.md").symlink_to(tmp_path / "elsewhere.md")  # as caches of model hubs keep their files
    assert iqa("checkpoint-check", "./mine")[0] == 0


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (sparse("card.md", 2**20 + 1, vouched=False), "1,048,577 bytes; a page for people has up to 1,048,576"),
        (pipe("card.md"), "a named pipe, not a regular file"),
        (a_folder("card.md"), "a folder, not a regular file"),
        (lambda folder: (folder / "card.md").symlink_to("nowhere"), "No such file or directory"),
    ],
    ids=["huge", "pipe", "folder", "link"],
)
def test_a_card_for_people_that_is_no_small_file_is_bad_and_never_opened(
    iqa: Run, spoil: Callable[[Path], None], said: str, tmp_path: Path, save_grey: Callable[..., Path]
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    write_good(folder)
    spoil(folder)
    code, out, _ = iqa("checkpoint-check", "./mine")
    assert code == 3
    assert re.search(r"bad +card\.md", out)
    assert said in out
    assert iqa("assess", save_grey("photo.png", 120), "--checkpoint", "./mine")[0] == 0


@pytest.mark.parametrize(("quick", "said"), [(True, "; activation QuickGELU; "), (False, "; activation GELU; ")])
def test_the_activation_is_shown(iqa: Run, tmp_path: Path, quick: bool, said: str) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    write_good(folder)
    put("model", value={"backbone": "ViT-B-32", "head": "fc", "quick_gelu": quick})(folder)
    code, out, _ = iqa("checkpoint-check", "./mine")
    assert code == 0
    assert f"ViT-B-32{said}head fc" in re.sub(r"\s+", " ", out)
    _, out, _ = iqa("checkpoint-check", "./mine", "--json")
    assert json.loads(out)["checkpoints"][0]["contents"]["quick_gelu"] is quick


def test_several_views_are_shown_and_wrong_ones_refused_in_a_sentence(
    iqa: Run, save_grey: Callable[[str, int], Path], tmp_path: Path
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    write_good(folder)
    _, out, _ = iqa("checkpoint-check", "./mine")
    assert "crop" not in out
    put("preprocessing", "views", value={"square": 20, "crops": [[0, 0], [4, 4]]})(folder)
    code, out, _ = iqa("checkpoint-check", "./mine")
    assert code == 0
    assert "16 x 16 pixels, box; the mean of the whole and 2 crops of 20 x 20 pixels" in re.sub(r"\s+", " ", out)
    _, out, _ = iqa("checkpoint-check", "./mine", "--json")
    told = json.loads(out)["checkpoints"][0]["contents"]["preprocessing"]
    assert told["views"] == {"square": 20, "crops": [[0, 0], [4, 4]]}
    assert iqa("assess", save_grey("photo.png", 120), "--checkpoint", "./mine")[0] == 0
    put("preprocessing", "views", value={"square": 20, "crops": [[0, 5]]})(folder)
    code, out, _ = iqa("checkpoint-check", "./mine")
    assert code == 3
    assert "preprocessing: views.crops: [0, 5] is no place of 16 pixels in 20 x 20 pixels" in re.sub(r"\s+", " ", out)


def test_what_every_report_of_the_model_has_to_say_is_told(iqa: Run, checkpoint_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "warned"
    shutil.copytree(checkpoint_folder, folder)
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    card["data"] = {"caveats": ["test: 2 of 8 photos are in training as well"]}
    (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")
    code, out, _ = iqa("checkpoint-check", folder, "--json")
    assert code == 0
    assert json.loads(out)["checkpoints"][0]["contents"]["caveats"] == card["data"]["caveats"]
    assert re.search(r"caveats +test: 2 of 8 photos are in training as well", iqa("checkpoint-check", folder).out)
    assert "caveats" not in iqa("checkpoint-check", checkpoint_folder).out


def test_json_is_one_document_for_all(iqa: Run, checkpoint_folder: Path, tmp_path: Path) -> None:
    bad = checkpoint_of_kind(BY_NAME["loop"], tmp_path / "bad")
    code, out, err = iqa("checkpoint-check", checkpoint_folder, bad, "no-such-name", "--json")
    assert (code, err) == (3, "")
    document = json.loads(out)
    assert document["format_version"] == 1
    good, loop, missing = document["checkpoints"]
    assert [entry["sound"] for entry in (good, loop, missing)] == [True, False, False]
    assert set(good) == {"checkpoint", "sound", "checks", "files", "contents"}
    assert {"name": "card.json", "kind": "a regular file"}.items() <= good["files"][0].items()
    assert good["contents"]["model"]["operators"] == {"ReduceMean": 1, "Unsqueeze": 1, "Gemm": 1}
    assert good["contents"]["graph"]["labels"][0]["levels"] == ["none", "ordinary", "severe", "blocking"]
    assert [check["name"] for check in loop["checks"] if check["outcome"] == "bad"] == ["model.onnx"]
    assert [check["name"] for check in loop["checks"] if check["outcome"] == "skipped"] == ["trial"]
    assert "no checkpoint is called 'no-such-name'" in missing["checks"][0]["said"]


def test_all_problems_come_at_once(iqa: Run, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    write_good(folder)
    put("operating_point", value={"drak": 1})(folder)
    put("measured", value=[])(folder)
    changed(lambda model: setattr(model.graph.node[0], "op_type", "ReduceMedian"))(folder)
    put("files", "model.safetensors", value={"bytes": 4, "sha256": "0" * 64})(folder)
    (folder / "notes.txt").write_text("mine")
    code, out, _ = iqa("checkpoint-check", "./mine")
    assert code == 3
    assert out.startswith("./mine: not sound\n")
    for said in (
        "bad   inference",
        "has no label 'drak'",
        "measured: not as `iqa train` writes it",
        "uses 'ReduceMedian'",
        "skipped  trial",
        "model.safetensors: missing",
        "'notes.txt' (a regular file)",
    ):
        assert said in re.sub("(bad|skipped) +", lambda found: f"{found[1]:<{6 if found[1] == 'bad' else 9}}", out), (
            said
        )


def test_a_card_with_several_mistakes_has_all_listed(iqa: Run, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    write_good(folder)
    drop("graph")(folder)
    put("preprocessing", "size", value=None)(folder)
    _, out, _ = iqa("checkpoint-check", "./mine")
    assert "graph: " in out
    assert "preprocessing.size: expected a whole number, got None" in out


@pytest.mark.skipif(not hasattr(Path, "is_fifo"), reason="no pipes")
def test_what_else_lies_in_the_folder_is_named_and_not_opened(
    iqa: Run, checkpoint_folder: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(checkpoint_folder, tmp_path / "mine")
    pipe("a pipe")(folder)
    a_folder("inner")(folder)
    (folder / "run me\x1b[2J.sh").touch()
    (folder / "link").symlink_to("/dev/zero")
    code, out, _ = iqa("checkpoint-check", folder)
    assert code == 0
    assert "'a pipe' (a named pipe), 'inner' (a folder), 'link' (a link)" in out
    assert "\x1b" not in out
    assert len(json.loads(iqa("checkpoint-check", folder, "--json").out)["checkpoints"][0]["files"]) == 6


def test_a_folder_that_is_none_is_told(iqa: Run, tmp_path: Path) -> None:
    (tmp_path / "file.onnx").touch()
    code, out, err = iqa("checkpoint-check", "./file.onnx")
    assert (code, err) == (3, "")
    assert "file.onnx: no such checkpoint folder" in out


@pytest.mark.parametrize("name", ONE_OF_EACH)
@pytest.mark.parametrize("command", ["checkpoint-check", "assess", "eval"])
def test_every_command_ends_with_3_and_one_message(iqa: Run, command: str, name: str, tmp_path: Path) -> None:
    kind: BadCheckpoint = BY_NAME[name]
    assert command in kind.refused_by
    folder = checkpoint_of_kind(kind, tmp_path / "bad")
    photo = tmp_path / "photos" / "a.png"
    photo.parent.mkdir()
    Image.radial_gradient("L").convert("RGB").save(photo)
    (tmp_path / "labels.csv").write_text(
        "filename,bright,dark,high_contrast,low_contrast,overexposed,over_suppressed\na.png,0,0,0,0,0,0\n"
    )
    code, out, err = iqa(
        command,
        *{
            "checkpoint-check": [folder],
            "assess": [photo, "--checkpoint", folder],
            "eval": ["labels.csv", "--images", "photos", "--checkpoint", folder],
        }[command],
    )
    assert code == 3
    said = out if command == "checkpoint-check" else err
    assert kind.says in said
    assert (out if command != "checkpoint-check" else err) == ""
    assert "\x1b" not in said
    assert command == "checkpoint-check" or (said.startswith("error: ") and said.count("error: ") == 1)


def test_training_that_goes_on_from_a_bad_one_ends_with_3(iqa: Run, tmp_path: Path) -> None:
    pytest.importorskip("open_clip", reason="training needs the train extra")
    (tmp_path / "photos").mkdir()
    for name in ("card-deep", "weights-overlapping"):
        kind = BY_NAME[name]
        assert kind in refused_by("train")
        checkpoint_of_kind(kind, tmp_path / name)
        (tmp_path / "run.toml").write_text(
            f'[data]\nladder = "photos"\n[model]\npretrained = "checkpoint:./{name}"\n[run]\nout = "out"\n'
        )
        code, out, err = iqa("train", "--config", "run.toml")
        assert (code, out) == (3, "")
        assert kind.says in err
        assert "internal" not in err


def test_a_model_that_fails_at_one_photo_ends_the_run_in_words(iqa: Run, tmp_path: Path) -> None:
    """A black picture goes well, a bright one is outside of what the model can do."""
    import numpy as np

    folder = tmp_path / "mine"
    folder.mkdir()
    write_good(folder)
    content = onnx_model(
        [
            ("ReduceMean", ["pixels", "axes"], ["mean"], {"keepdims": 0}),
            ("Cast", ["mean"], ["whole"], {"to": 7}),
            ("Mul", ["whole", "far"], ["place"], {}),
            ("Gather", ["slopes", "place"], ["some"], {"axis": 1}),
            ("Expand", ["some", "wide"], ["scores"], {}),
        ],
        {
            "axes": np.array([1, 2, 3]),
            "far": np.array([10**6]),
            "slopes": np.ones((1, 4), np.float32),
            "wide": np.array([1, 18]),
        },
    )
    raw("model.onnx", content)(folder)
    assert iqa("checkpoint-check", "./mine").code == 0
    Image.new("RGB", (64, 64), "white").save(tmp_path / "white.png")
    code, _, err = iqa("assess", "white.png", "--checkpoint", "./mine")
    assert code == 3
    assert err.startswith("error: mine/model.onnx: onnxruntime cannot run it (")
    assert "\x1b" not in err


def test_the_base_install_is_enough() -> None:
    loaded = loaded_by("checkpoint-check", "default")
    assert "onnxruntime" in loaded
    assert loaded.isdisjoint({"torch", "safetensors", "onnx", "google", "pandas"})
