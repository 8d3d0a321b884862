"""docs/schemas: what every command writes as JSON, held against the schema that says what it is."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from needs import need_libraries
from PIL import Image

from iqa_cli.cli.app import main
from iqa_cli.paths import checkpoint_folder as shipped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

jsonschema = pytest.importorskip("jsonschema")
ROOT = Path(__file__).parents[1]
SCHEMAS = {path.stem: json.loads(path.read_text("utf-8")) for path in (ROOT / "docs" / "schemas").glob("*.json")}
WRITERS = {
    ("assess", "--json"): "audit-1",
    ("assess", "--jsonl"): "audit-lines-2",
    ("assess", "--csv"): "audit-sidecar-1",
    ("checkpoint-check", "--json"): "checkpoint-check-1",
    ("compare", "--json"): "comparison-1",
    ("doctor", "--json"): "doctor-1",
    ("eval", "--json"): "evaluation-1",
    ("eval --summary", "--json"): "evaluation-summary-1",
    ("gather", "--json"): "audit-1",
    ("gather", "--jsonl"): "audit-lines-2",
    ("graph-check", "--json"): "graph-check-1",
    ("run", "--progress"): "run-progress-1",
}
Documents = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two folders of scenes, with photos of every status, and a label file."""
    folder = tmp_path_factory.mktemp("schemas")
    rng = np.random.default_rng(0)
    for build, factor in (("a", 1.0), ("b", 0.3)):
        (folder / build).mkdir()
        for number in range(6):
            noise = np.random.default_rng(number).normal(0, 4, (192, 256, 1))
            coarse = np.random.default_rng(number + 9).integers(40, 220, (6, 8)).astype(np.uint8)
            light = np.asarray(Image.fromarray(coarse).resize((256, 192), Image.Resampling.BICUBIC))[:, :, None]
            pixels = (factor * (light + noise)).clip(0, 255).astype(np.uint8).repeat(3, axis=2)
            exif = Image.Exif()
            exif.update({0x010F: "Maker", 0x0110: "Phone"})
            exif.get_ifd(0x8769).update({0x8827: 100 * (1 + number % 2), 0x829A: 0.01})
            Image.fromarray(pixels).save(folder / build / f"{number}.jpg", quality=92, exif=exif)
        Image.new("RGB", (64, 64)).save(folder / build / "even.png")
        (folder / build / "empty.jpg").write_bytes(b"")
    noisy = Image.fromarray(rng.integers(0, 256, (256, 256, 3), np.uint8))
    noisy.save(folder / "a" / "hole.jpg", quality=92)
    data = bytearray((folder / "a" / "hole.jpg").read_bytes())
    data[len(data) // 2 : len(data) // 2 + 512] = bytes(512)
    (folder / "a" / "hole.jpg").write_bytes(data)
    (folder / "a" / "notes.txt").write_text("no photo")
    rows = "".join(f"{number}.jpg,0,{number % 2}\n" for number in range(6)) + "empty.jpg,0,0\n"
    (folder / "labels.csv").write_text(f"filename,bright,dark\n{rows}", "utf-8")
    (folder / "broken.json").write_text('{"format_version": 1, ', "utf-8")
    (folder / "contradiction.json").write_text(
        '{"format_version": 1, "name": "x", "labels": ["a", "b"], '
        '"subsumptions": [["a", "b"]], "exclusions": [["a", "b"]]}'
    )
    shutil.copytree(shipped("default"), folder / "damaged")
    (folder / "damaged" / "model.onnx").write_bytes(b"nothing")
    return folder


@pytest.fixture(scope="module")
def documents(workplace: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Documents]:
    """Real output by schema; made once, so who changes one copies it."""
    need_libraries("obstore", "pyarrow")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(workplace)
        patch.setenv("IQA_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))

        def run(*arguments: str) -> Any:
            patch.setattr("sys.argv", ["iqa", *arguments])
            stdout, stderr = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
            with (
                pytest.raises(SystemExit) as left,
                contextlib.redirect_stdout(stdout),
                contextlib.redirect_stderr(stderr),
            ):
                main()
            out, err = (stream.buffer.getvalue().decode() for stream in (stdout, stderr))  # type: ignore[attr-defined]
            assert left.value.code in (0, None, 1, 3), err
            return json.loads(out) if out.startswith("{") else None

        yield _written(run, workplace)


def _written(run: Callable[..., Any], workplace: Path) -> Documents:
    def read(name: str) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads((workplace / name).read_text("utf-8"))
        return loaded

    files = ("--json", "audit.json", "--jsonl", "audit.jsonl", "--csv", "audit.csv", "--html", "audit.html")
    run("assess", "a", "--no-cache", *files, "--by", "camera", "--by", "iso,lens")
    lines = [json.loads(line) for line in (workplace / "audit.jsonl").read_text("utf-8").splitlines()]
    run("plan", "a", "--out", "planned", "--shard", "3")
    run("run", "planned", "--jobs", "1", "--progress", "progress.jsonl")
    run("gather", "planned", "--json", "gathered.json", "--jsonl", "gathered.jsonl", "--csv", "gathered.csv")
    gathered = [json.loads(line) for line in (workplace / "gathered.jsonl").read_text("utf-8").splitlines()]
    progress = [json.loads(line) for line in (workplace / "progress.jsonl").read_text("utf-8").splitlines()]
    run("compare", "a", "b", "--no-cache", "--json", "folders.json", "--by", "iso")
    run("compare", "audit.jsonl", "b", "--no-cache", "--decode", "full", "--json", "report.json")
    run("eval", "labels.csv", "--images", "a", "--predictions", "p.csv", "--json", "e1.json")
    run("eval", "--predictions", "p.csv", "--json", "e2.json")
    run("eval", "labels.csv", "--images", "a", "--against", "default", "--json", "e3.json")
    run("eval", "--summary", "e1.json", "e2.json", "--json", "summary.json")
    return {
        "audit-1": [read("audit.json"), read("gathered.json")],
        "audit-lines-2": lines + gathered,
        "audit-sidecar-1": [read("audit.csv.meta.json"), read("gathered.csv.meta.json")],
        "checkpoint-check-1": [run("checkpoint-check", "default", "damaged", "nowhere", "--json")],
        "comparison-1": [read("folders.json"), read("report.json")],
        "doctor-1": [run("doctor", "--json")],
        "evaluation-1": [read(f"e{number}.json") for number in (1, 2, 3)],
        "evaluation-summary-1": [read("summary.json")],
        "graph-check-1": [
            run("graph-check", "smartphone-6", "smartphone-12", "broken.json", "contradiction.json", "--json")
        ],
        "run-progress-1": progress,
    }


def complaints(schema: str, document: object) -> list[str]:
    validator = jsonschema.Draft202012Validator(SCHEMAS[schema])
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]


def objects(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where the objects of a document are."""
    if isinstance(document, dict):
        yield path
    entries = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in entries:
        if isinstance(value, dict | list):
            yield from objects(value, (*path, key))


def at(document: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        document = document[key]
    return document


def test_real_output_is_what_the_schemas_say(documents: Documents) -> None:
    assert documents.keys() == SCHEMAS.keys()
    for schema, written in documents.items():
        assert written
        for document in written:
            assert complaints(schema, document) == [], schema
    statuses = {line.get("status") for line in documents["audit-lines-2"]} - {None}
    assert statuses == {"ok", "uncertain", "damaged", "unreadable"}  # or less would be proven than it seems


def test_schemas_are_strict(documents: Documents) -> None:
    """A key that is missing, or of another type, is noticed wherever it is."""
    for schema, written in documents.items():
        for document in written[:2]:
            top = copy.deepcopy(document)
            top["made_up"] = 1
            assert complaints(schema, top), schema
            for key in [*document][:6]:
                less = {name: value for name, value in document.items() if name != key}
                assert complaints(schema, less), (schema, key)
                other = {**document, key: object()}
                assert complaints(schema, other), (schema, key)


def test_most_objects_take_no_key_that_is_made_up(documents: Documents) -> None:
    """All but those whose keys are names: of labels, measurements, libraries, suffixes."""
    for schema, written in documents.items():
        document, open_ones = written[0], []
        places = list(objects(document))
        for path in places:
            changed = copy.deepcopy(document)
            at(changed, path)["made_up"] = {"no": "such thing"}
            if not complaints(schema, changed):
                open_ones.append(path)
        assert open_ones == [], (schema, open_ones)


def test_every_option_that_writes_json_has_a_schema() -> None:
    from typer.main import get_command

    from iqa_cli.cli.app import app

    found = {
        (name, option)
        for name, command in get_command(app).commands.items()  # type: ignore[attr-defined]
        for parameter in command.params
        for option in parameter.opts
        if "json" in option
    }
    assert found == {(command, option) for command, option in WRITERS if "json" in option and " " not in command}
    assert set(WRITERS.values()) == SCHEMAS.keys()


@pytest.mark.parametrize("name", SCHEMAS)
def test_schemas_are_schemas_and_say_their_version(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[name])
    number = int(name.rpartition("-")[2])
    versions = {
        entry["format_version"]["const"]
        for entry in (SCHEMAS[name].get("properties"), *(of.get("properties", {}) for of in defs(name)))
        if entry and "format_version" in entry
    }
    assert versions == {number}
    assert f"schemas/{name}.json" in (ROOT / "docs" / "formats.md").read_text("utf-8")


def defs(name: str) -> list[dict[str, Any]]:
    return list(SCHEMAS[name].get("$defs", {}).values())
