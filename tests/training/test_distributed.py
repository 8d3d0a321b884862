"""Two processes that torchrun starts end where one ends that takes twice as many pictures a step.

Prompts and head alone learn: where a gradient is zero but for rounding, as of the biases of attention keys, AdamW makes
a step of it all the same, and each way of adding up makes another.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from torchruns import photographs, table, two

torch = pytest.importorskip("torch", reason="training needs the train extra")
pytest.importorskip("safetensors", reason="training needs the train extra")

import safetensors.torch  # noqa: E402 - the train extra may be missing

from iqa_cli.config import load_config  # noqa: E402
from iqa_cli.training.trainer import Trainer  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """
[data]
labels = "train.csv"
validation = "validation.csv"
test = "test.csv"
images = "."
[model]
head = "coop"
context_tokens = 2
train_visual = "none"
train_text = false
temperature = true
[optim]
lr_head = 1e-2
epochs = 2
batch_size = {batch_size}
[run]
out = "{out}"
keep = "last"
"""


def figures(folder: Path) -> dict[str, Any]:
    """What a card says that does not tell of the time or the folder."""
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    told = {key: card[key] for key in ("metrics", "data", "measured")}
    return {**told, "temperature": card["model"]["fitted_temperature"]}


def flat(entry: Any, name: str = "") -> dict[str, float]:
    """The numbers in a document, by place."""
    if isinstance(entry, dict):
        return {place: number for key, value in entry.items() for place, number in flat(value, f"{name}.{key}").items()}
    return {name: entry} if isinstance(entry, int | float) else {}


@pytest.mark.usefixtures("quick_export")
def test_two_processes_end_where_one_with_the_double_batch_ends(tmp_path: Path, ladder_folder: Path) -> None:
    """Shared out unevenly: 17 photographs to learn from, 5 and 3 to judge by, and one that cannot be read."""
    photographs(tmp_path, ladder_folder, 26)
    (tmp_path / "19.png").write_bytes(b"no picture")
    for name, numbers in (("train", range(17)), ("validation", range(17, 23)), ("test", range(23, 26))):
        table(tmp_path / f"{name}.csv", numbers)
    for out, batch_size in (("one", 8), ("two", 4)):
        text = CONFIG.format(batch_size=batch_size, out=out)
        (tmp_path / f"{out}.toml").write_text(text, encoding="utf-8")
    list(Trainer(load_config(tmp_path / "one.toml"), tmp_path, "cpu").run())
    done = two("-m", "iqa_cli", "train", "--config", tmp_path / "two.toml", "--device", "cpu")
    one, other = (safetensors.torch.load_file(tmp_path / out / "model.safetensors") for out in ("one", "two"))
    assert one.keys() == other.keys()
    moved = 0.0
    began = Trainer(load_config(tmp_path / "one.toml"), tmp_path, "cpu", overwrite=True)._model.state_dict()
    for name, value in one.items():
        # Temperatures are fitted until they hardly change, from scores that differ in their last bits.
        assert torch.allclose(value, other[name], atol=1e-5, rtol=1e-3 if name == "temperature" else 1e-5), name
        moved = max(moved, float((value - began[name]).abs().max()))
    assert moved > 1e-3  # else they would agree however they had learned
    assert "unused parameters" not in done.stderr
    # What each computed of the frozen tower has come together in files that one process would have found as well.
    kept = [sorted(path.name for path in (tmp_path / f"{out}-run").glob("features-*")) for out in ("one", "two")]
    assert kept[0] == kept[1]
    assert len(kept[0]) == 4  # training, training mirrored, validation, test
    for name in kept[0]:
        ours, theirs = (safetensors.torch.load_file(tmp_path / f"{out}-run" / name) for out in ("one", "two"))
        assert torch.allclose(ours["features"], theirs["features"], atol=1e-6)
    # As does what they judged: no photograph is lost or counted twice.
    said = [figures(tmp_path / out) for out in ("one", "two")]
    assert said[0]["metrics"]["validation"]["pictures"] == 5
    assert said[0]["metrics"]["test"]["pictures"] == 3
    assert flat(said[1]["metrics"]) == pytest.approx(flat(said[0]["metrics"]), abs=1e-4)
    assert said[0]["data"] == said[1]["data"]


SHARES = """
import json, sys
from pathlib import Path
import torch
from iqa_cli.config import load_config
from iqa_cli.crf.torch_crf import TorchCRF
from iqa_cli.errors import InvalidInput, LabelsError, StoreError
from iqa_cli.hexgraph.plan import compile_plan
from iqa_cli.hexgraph.read import read_graph
from iqa_cli.labels import read_labels
from iqa_cli.models.tone_model import ToneModel
from iqa_cli.paths import find_graph
from iqa_cli.records import Unreadable
from iqa_cli.training.distributed import by_first, join, launched_share, leave
from iqa_cli.training.judging import judge
from iqa_cli.training.labelled_data import LabelledData
from iqa_cli.training.ladder_data import LadderData
from iqa_cli.training.measured import measured
from iqa_cli.training.pictures import load_pictures

folder = Path(sys.argv[1])
share = launched_share()
join(share, torch.device("cpu"))
for kind in ("pixels", "drawn"):
    config = load_config(folder / f"{kind}.toml")
    graph = read_graph(find_graph(config.graph.name))
    torch.manual_seed(0)
    model = ToneModel(config.model, graph)
    if kind == "pixels":
        config.work.mkdir(exist_ok=True)
        data = LabelledData(config, graph, model.preprocessing, share)
    else:
        data = LadderData(config, config.data.ladder, graph, model.preprocessing.size, share=share)
    epoch = list(data.epoch(0, share))
    assert len(epoch) == data.batches_per_epoch(share)
    judged = judge(model, TorchCRF(compile_plan(graph)), data.validation(), torch.device("cpu"), share=share)
    told = {
        "trained": [batch.places.tolist() for batch in epoch],
        "validation": [batch.places.tolist() for batch in data.validation()],
        "scores": judged.scores.tolist(),
        "positions": judged.positions.tolist(),
        "loss": judged.loss,
        "identity": data.identity(),
        "unreadable": data.unreadable,
        "measured": measured(data, graph, share),
    }
    (folder / f"{kind}-{share.world}-{share.rank}.json").write_text(json.dumps(told))


class Broken:
    # One process cannot read what it needs.

    def each(self, names, look):
        if share.rank == share.world - 1:
            raise StoreError("s3://b/a.jpg: is gone", hint="start again")
        return (Unreadable("no picture") for _ in names)


def first():
    if share.rank or share.world == 1:
        return share.world
    raise LabelsError("the split leaks", problems=("a.jpg",), hint="join the files")


table = read_labels(folder / "train.csv", graph)
said = [by_first(lambda: share.rank, share)]
for task in (
    lambda: load_pictures(table, range(9), Broken(), graph, model.preprocessing, folder, share),
    lambda: by_first(first, share),
):
    try:
        said.append(task())
    except InvalidInput as error:
        said.append(str(error))
(folder / f"said-{share.world}-{share.rank}.json").write_text(json.dumps(said))
leave(share)
"""
PIXELS = """
[data]
labels = "train.csv"
validation = "validation.csv"
images = "."
[model]
head = "fc"
[optim]
batch_size = 2
[run]
out = "pixels"
"""
DRAWN = """
[data]
ladder = '{ladder}'
samples = 20
validation_samples = 50
test_samples = 40
holdout = 0.25
[model]
head = "fc"
[optim]
batch_size = 7
[run]
out = "drawn"
"""


def test_every_picture_is_in_one_share_and_the_scores_are_those_of_one_process(
    tmp_path: Path, ladder_folder: Path
) -> None:
    photographs(tmp_path, ladder_folder, 16)
    (tmp_path / "4.png").write_bytes(b"no picture")
    table(tmp_path / "train.csv", range(9))
    table(tmp_path / "validation.csv", range(9, 16))
    (tmp_path / "pixels.toml").write_text(PIXELS, encoding="utf-8")
    (tmp_path / "drawn.toml").write_text(DRAWN.format(ladder=ladder_folder), encoding="utf-8")
    script = tmp_path / "shares.py"
    script.write_text(SHARES, encoding="utf-8")
    two(script, tmp_path)
    subprocess.run([sys.executable, script, tmp_path], check=True)
    # What one of them cannot go on with ends all of them, with the same words.
    told = ["s3://b/a.jpg: is gone\nhint: start again", "the split leaks\n  a.jpg\nhint: join the files"]
    for process in ("2-0", "2-1"):
        assert json.loads((tmp_path / f"said-{process}.json").read_text(encoding="utf-8")) == [0, *told]
    assert json.loads((tmp_path / "said-1-0.json").read_text(encoding="utf-8")) == [0, told[0], 1]
    for kind in ("pixels", "drawn"):
        alone, first, second = (
            json.loads((tmp_path / f"{kind}-{name}.json").read_text(encoding="utf-8")) for name in ("1-0", "2-0", "2-1")
        )
        for key in ("scores", "positions", "loss"):
            assert first[key] == second[key]
        assert np.allclose(first["scores"], alone["scores"], atol=1e-5)
        assert first["loss"] == pytest.approx(alone["loss"], abs=1e-6)
        for key in ("positions", "unreadable", "identity", "measured"):
            assert first[key] == alone[key], key
        judged = [place for one in (first, second) for batch in one["validation"] for place in batch]
        assert sorted(judged) == list(range(len(alone["scores"])))
        assert len(first["trained"]) == len(second["trained"])
        if kind == "drawn":
            assert first["measured"]["pictures"] == 90
        else:
            assert alone["unreadable"][0][0] == "4.png"
            learned = [place for one in (first, second) for batch in one["trained"] for place in batch]
            # Five were for the first process, of which one cannot be read, and four for the second.
            assert sorted(learned) == list(range(8))
