"""Photographs in a bucket: the same weights as of a folder with the same files, in one process and in several."""

from __future__ import annotations

import csv
import json
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from needs import need_libraries
from servers import FaultProxy, Faults, free_port
from torchruns import TORCHRUN, launched, photographs, table

torch = pytest.importorskip("torch", reason="training needs the train extra")
pytest.importorskip("safetensors", reason="training needs the train extra")

import safetensors.torch  # noqa: E402 - the train extra may be missing

from iqa_cli.checkpoint import load_checkpoint  # noqa: E402
from iqa_cli.config import load_config  # noqa: E402
from iqa_cli.errors import ConfigError, StoreError  # noqa: E402
from iqa_cli.stores.places import Place  # noqa: E402
from iqa_cli.training.present import refuse_missing  # noqa: E402
from iqa_cli.training.trainer import Trainer  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

DOC = (Path(__file__).parents[2] / "docs" / "training.md").read_text("utf-8")
(EXAMPLE,) = (
    body for body in re.findall(r"^```toml\n(.*?)^```$", DOC, flags=re.MULTILINE | re.DOTALL) if "s3://" in body
)
ONE_MACHINE, *TWO_MACHINES = re.findall(r"^torchrun .*$", DOC, flags=re.MULTILINE)

LEARNS = """
[data]
labels = "train.csv"
validation = "val.csv"
test = "test.csv"
images = "{images}"
scene = "time:10"
[model]
head = "fc"
[optim]
epochs = 2
batch_size = 4
[run]
out = "{out}"
"""


@pytest.fixture
def work(tmp_path: Path, ladder_folder: Path, store: str, upload: Callable[[Path, str], None]) -> Path:
    """A folder with label files and photographs, which are in the bucket as well; one cannot be read."""
    need_libraries("obstore")
    folder = tmp_path / "work"
    (folder / "photos").mkdir(parents=True)
    photographs(folder / "photos", ladder_folder, 25)
    (folder / "photos" / "3.png").write_bytes(b"no picture")
    for name, numbers in (("train", range(17)), ("val", range(17, 22)), ("test", range(22, 25))):
        table(folder / f"{name}.csv", numbers)
    upload(folder / "photos", store)
    return folder


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return safetensors.torch.load_file(folder / "model.safetensors")


def same(one: Path, other: Path) -> bool:
    ours, theirs = weights(one), weights(other)
    return ours.keys() == theirs.keys() and all(torch.equal(value, theirs[name]) for name, value in ours.items())


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open(encoding="utf-8", newline="") as stream:
        return [{key: value for key, value in row.items() if key != "seconds"} for row in csv.DictReader(stream)]


def card(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "card.json").read_text("utf-8"))


def configured(work: Path, out: str, images: str) -> Path:
    path = work / f"{out}.toml"
    path.write_text(LEARNS.format(images=images, out=out), encoding="utf-8")
    return path


@pytest.mark.usefixtures("quick_export")
def test_weights_and_figures_are_those_of_a_folder_and_either_goes_on_with_the_other(work: Path, store: str) -> None:
    files = configured(work, "files", "photos")
    trainer = Trainer(load_config(files), work, "cpu")
    assert [name for name, _ in trainer.data.unreadable] == ["3.png"]
    list(trainer.run())
    objects = configured(work, "objects", store)
    refuse_missing(objects, load_config(objects))
    run = Trainer(load_config(objects), work, "cpu").run()
    next(run)
    run.close()
    objects.write_text(LEARNS.format(images="photos", out="objects"), encoding="utf-8")
    run = Trainer(load_config(objects), work, "cpu", resume=True).run()
    run.close()
    objects.write_text(LEARNS.format(images=f"{store}/", out="objects"), encoding="utf-8")
    resumed = Trainer(load_config(objects), work, "cpu", resume=True)
    assert resumed.kept == 1
    assert resumed.data.unreadable == trainer.data.unreadable
    assert resumed.data.notes == trainer.data.notes
    assert len(list(resumed.run())) == 1
    assert same(work / "files", work / "objects")
    assert rows(work / "files-run") == rows(work / "objects-run")
    assert len(rows(work / "objects-run")) == 2
    cards = card(work / "files"), card(work / "objects")
    assert all(cards[0][key] == cards[1][key] for key in ("metrics", "data", "measured"))
    # The bucket's name is nobody's business who gets the checkpoint.
    assert cards[1]["training"]["config"]["data"]["images"] == store.rpartition("/")[2]
    assert "s3://" not in json.dumps(cards[1])


def command(text: str, port: int) -> list[str]:
    words = shlex.split(text)
    assert words[0] == "torchrun"
    if "--master-port" in words:
        words[words.index("--master-port") + 1] = str(port)
    return [*TORCHRUN, *words[1:]]


def example(images: str, batch_size: int) -> str:
    """The config of the document, with a model that is exported in seconds."""
    text = EXAMPLE
    for old, new in (
        ('"s3://photos/labelled"', f'"{images}"'),
        ('pretrained = "checkpoint:default"', 'head = "fc"'),
        ("epochs = 12", "epochs = 2"),
        ("batch_size = 32", f"batch_size = {batch_size}"),
    ):
        assert text.count(old) == 1
        text = text.replace(old, new)
    return text


@pytest.mark.usefixtures("quick_export")
def test_the_examples_of_two_processes_and_of_two_machines_learn_what_one_process_learns_from_a_folder(
    work: Path, store: str, tmp_path: Path
) -> None:
    """Nothing is shared between what stands for two machines but the bucket."""
    assert len(TWO_MACHINES) == 2
    places = [tmp_path / name for name in ("processes", "first", "second")]
    for place in places:
        place.mkdir()
        (place / "run.toml").write_text(example(store, 4), encoding="utf-8")
        for name in ("train", "val", "test"):
            (place / f"{name}.csv").write_bytes((work / f"{name}.csv").read_bytes())
    port = free_port()
    ended = launched((places[0], command(ONE_MACHINE, port)))
    ended += launched(*((place, command(text, port)) for place, text in zip(places[1:], TWO_MACHINES, strict=True)))
    for done in ended:
        assert done.returncode == 0, done.stderr[-6000:]
    assert [done.stderr.count("left out: 3.png") for done in ended] == [1, 1, 0]
    processes, first, second = (place / "checkpoints" / "mine" for place in places)
    assert same(processes, first)
    assert rows(Path(f"{processes}-run")) == rows(Path(f"{first}-run"))
    assert not (second / "card.json").exists()
    assert load_checkpoint(first).card["training"]["epochs"] == 2
    (work / "run.toml").write_text(example("photos", 8), encoding="utf-8")
    trainer = Trainer(load_config(work / "run.toml"), work, "cpu")
    began = {name: value.clone() for name, value in trainer._model.state_dict().items()}
    list(trainer.run())
    alone = work / "checkpoints" / "mine"
    theirs = weights(first)
    for name, value in weights(alone).items():
        assert torch.allclose(value, theirs[name], atol=1e-5), name
    assert max(float((value - began[name]).abs().max()) for name, value in theirs.items()) > 1e-4
    seen = [card(folder)["data"] for folder in (first, alone)]
    assert seen[0] == seen[1]
    assert seen[0]["photographs"] == {"training": 16, "validation": 5, "test": 3}


def refused(path: Path) -> str:
    with pytest.raises(ConfigError) as error:
        refuse_missing(path, load_config(path))
    return "\n".join(error.value.problems)


def test_what_is_wrong_with_a_bucket_is_said_before_anything_is_loaded(
    work: Path, store: str, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "there are no objects with that prefix" in refused(configured(work, "a", f"{store}/nothing"))
    assert "there is no such bucket; check its name" in refused(configured(work, "b", "s3://nowhere/photos"))
    path = configured(work, "c", store)
    with FaultProxy(server, Faults(refused=".")) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        assert "permission denied (AccessDenied); ask its owner" in refused(path)
        (work / "test.csv").unlink()
        assert "data.test" in refused(path)  # all that is missing at once
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "obstore", None)
        assert "reading object storage needs obstore, which is not installed; in a clone" in refused(path)
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    assert "without credentials; set AWS_ACCESS_KEY_ID" in refused(path)


def test_an_object_that_is_replaced_during_the_start_ends_it_with_its_name(
    work: Path, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place(store)
    listed = Place.listed

    def replaced_later(self: Place, folder: str = "") -> object:
        yield from listed(self, folder)
        place.put("18.png", (work / "photos" / "19.png").read_bytes())

    monkeypatch.setattr(Place, "listed", replaced_later)
    with pytest.raises(StoreError, match=r"/18\.png: is another object since the bucket was listed"):
        Trainer(load_config(configured(work, "changed", store)), work, "cpu")


def test_missing_objects_are_named_with_their_lines(work: Path, store: str) -> None:
    from iqa_cli.errors import LabelsError

    Place(store).store.delete(["18.png", "23.png"])
    with pytest.raises(LabelsError, match=r"val.csv: 1 of 5 photos is not in s3://") as error:
        Trainer(load_config(configured(work, "gone", store)), work, "cpu")
    assert error.value.problems == ('line 3, "18.png"',)
