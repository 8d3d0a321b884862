"""A checkpoint whose answers are known, and every kind of bad one: drawn in code, for the tests and the campaign.

`write_good` makes the good one: its model looks at nothing but m, the mean of its input (0..1), and scores two labels

    bright  level 2 from m = 0.6, level 3 from 0.75, level 4 from 0.9
    dark    level 2 from m = 0.4 down, level 3 from 0.25, level 4 from 0.1
    the other labels of the graph: certainly level 1

`BAD_CHECKPOINTS` has the others, each made from the good one by a change of its files. Needs the `onnx` package.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from iqa_cli.checkpoint import CARD, ONNX, WEIGHTS, write_checkpoint
from iqa_cli.paths import find_graph

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

SIZE = 16
STEEPNESS = 200.0
BRIGHT_FROM = (0.6, 0.75, 0.9)
DARK_UP_TO = (0.4, 0.25, 0.1)
N_SCORES = 18


def write_good(folder: Path) -> None:
    """Write the good checkpoint into a folder that is there."""
    graph = json.loads(find_graph("smartphone-6").read_text(encoding="utf-8"))
    card = {
        "graph": graph,
        "preprocessing": {"size": SIZE, "interpolation": "box", "mean": [0.0] * 3, "std": [1.0] * 3},
    }
    write_checkpoint(folder, {ONNX: mean_brightness(graph["labels"])}, card)


def mean_brightness(labels: list[str]) -> bytes:
    """scores = mean(input) * slope + offset, one row of three thresholds per label."""
    slopes, offsets = np.zeros((len(labels), 3), np.float32), np.full((len(labels), 3), -30.0, np.float32)
    slopes[labels.index("bright")] = STEEPNESS
    offsets[labels.index("bright")] = [-STEEPNESS * limit for limit in BRIGHT_FROM]
    slopes[labels.index("dark")] = -STEEPNESS
    offsets[labels.index("dark")] = [STEEPNESS * limit for limit in DARK_UP_TO]
    return onnx_model(
        [
            ("ReduceMean", ["pixels", "axes"], ["mean"], {"keepdims": 0}),
            ("Unsqueeze", ["mean", "last"], ["column"], {}),
            ("Gemm", ["column", "slopes", "offsets"], ["scores"], {}),
        ],
        {
            "axes": np.array([1, 2, 3]),
            "last": np.array([1]),
            "slopes": slopes.reshape(1, -1),
            "offsets": offsets.reshape(1, -1),
        },
        gives=slopes.size,
    )


def onnx_model(
    nodes: Sequence[tuple[str, list[str], list[str], dict[str, Any]]],
    constants: dict[str, Any],
    *,
    gives: int = N_SCORES,
    change: Callable[[Any], object] = lambda _: None,
) -> bytes:
    """A model from `pixels` (B, 3, SIZE, SIZE) to `scores` (B, gives).

    nodes   operator, inputs, outputs, attributes
    change  is given the model before it is written
    """
    from onnx import TensorProto, helper, numpy_helper

    graph = helper.make_graph(
        [helper.make_node(operator, takes, makes, **options) for operator, takes, makes, options in nodes],
        "drawn",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["B", 3, SIZE, SIZE])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["B", gives])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    change(model)
    return bytes(model.SerializeToString())


@dataclasses.dataclass(frozen=True)
class BadCheckpoint:
    """A way in which a checkpoint is bad."""

    name: str
    """What is wrong."""
    spoil: Callable[[Path], object]
    """Makes it so in the folder of a good one."""
    says: str
    """Part of what everybody has to say who refuses it."""
    refused_by: frozenset[str] = frozenset({"checkpoint-check", "assess", "eval"})
    """Commands that have to: `train` is among them where it goes on from such a checkpoint. Those that are not among
    them do not look at what is wrong.
    """


# Helpers that make a change to a file of the folder.


def card(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    """Change the card as an object."""

    def spoil(folder: Path) -> None:
        document = json.loads((folder / CARD).read_text(encoding="utf-8"))
        change(document)
        (folder / CARD).write_text(json.dumps(document), encoding="utf-8")

    return spoil


def put(*keys: str | int, value: Any) -> Callable[[Path], None]:
    """Set one value of the card."""

    def change(document: Any) -> None:
        for key in keys[:-1]:
            document = document[key]
        document[keys[-1]] = value

    return card(change)


def drop(*keys: str) -> Callable[[Path], None]:
    """Remove one value of the card."""

    def change(document: Any) -> None:
        for key in keys[:-1]:
            document = document[key]
        del document[keys[-1]]

    return card(change)


def raw(name: str, content: bytes) -> Callable[[Path], None]:
    """Write a file as it is; the card, if it is another, vouches for it."""

    def spoil(folder: Path) -> None:
        (folder / name).write_bytes(content)
        if name != CARD:
            vouch(folder, name, content)

    return spoil


def vouch(folder: Path, name: str, content: bytes) -> None:
    """Let the card state a content's size and hash."""
    entry = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    put("files", name, value=entry)(folder)


def text(old: str, new: str) -> Callable[[Path], None]:
    """Replace a text in the card's JSON."""

    def spoil(folder: Path) -> None:
        content = (folder / CARD).read_text(encoding="utf-8")
        assert old in content
        (folder / CARD).write_text(content.replace(old, new, 1), encoding="utf-8")

    return spoil


def pipe(name: str) -> Callable[[Path], None]:
    """A named pipe in a file's place, which a reader would wait at for ever."""

    def spoil(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        os.mkfifo(folder / name)

    return spoil


def a_folder(name: str) -> Callable[[Path], None]:
    """A folder in a file's place."""

    def spoil(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        (folder / name).mkdir()

    return spoil


def link(name: str, target: str) -> Callable[[Path], None]:
    """A link in a file's place."""

    def spoil(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(target)

    return spoil


def sparse(name: str, size: int, *, vouched: bool) -> Callable[[Path], None]:
    """A file of which much is claimed and nothing is there."""

    def spoil(folder: Path) -> None:
        with (folder / name).open("wb") as stream:
            stream.truncate(size)
        if vouched:
            put("files", name, value={"bytes": size, "sha256": "0" * 64})(folder)

    return spoil


def cut(name: str) -> Callable[[Path], None]:
    """A file without its second half, as the card vouches for it."""

    def spoil(folder: Path) -> None:
        content = (folder / name).read_bytes()
        raw(name, content[: len(content) // 2])(folder)

    return spoil


def flipped(name: str) -> Callable[[Path], None]:
    """A file with one bit turned over, and the card of the whole one."""

    def spoil(folder: Path) -> None:
        content = bytearray((folder / name).read_bytes())
        content[len(content) // 2] ^= 4
        (folder / name).write_bytes(content)

    return spoil


def onnx_file(*arguments: Any, **options: Any) -> Callable[[Path], None]:
    """Another model, as `onnx_model` makes it."""
    return lambda folder: raw(ONNX, onnx_model(*arguments, **options))(folder)  # noqa: PLW0108 - onnx may be missing


def changed(change: Callable[[Any], object]) -> Callable[[Path], None]:
    """The good model with a change."""

    def spoil(folder: Path) -> None:
        import onnx

        model = onnx.load_from_string((folder / ONNX).read_bytes())
        change(model)
        raw(ONNX, model.SerializeToString())(folder)

    return spoil


def large(*nodes: tuple[str, list[str], list[str], dict[str, Any]], **constants: Any) -> Callable[[Path], None]:
    """A model whose nodes make `wide` from `column`, the mean (B, 1) of a picture; its scores need all of it."""
    return onnx_file(
        [
            ("ReduceMean", ["pixels", "axes"], ["mean"], {"keepdims": 0}),
            ("Unsqueeze", ["mean", "last"], ["column"], {}),
            *nodes,
            ("ReduceMax", ["wide", "last"], ["top"], {"keepdims": 1}),
            ("Gemm", ["top", "slopes"], ["scores"], {}),
        ],
        {
            "axes": np.array([1, 2, 3]),
            "last": np.array([1]),
            "slopes": np.ones((1, N_SCORES), np.float32),
            **constants,
        },
    )


def weights(tensors: Any, body: bytes = b"", *, size: int | None = None) -> Callable[[Path], None]:
    """A `model.safetensors` with this header, an object or bytes, and this content."""
    header = tensors if isinstance(tensors, bytes) else json.dumps(tensors).encode()
    return raw(WEIGHTS, struct.pack("<Q", len(header) if size is None else size) + header + body)


def tensor(start: int = 0, end: int = 4, *, dtype: str = "F32", shape: tuple[int, ...] = (1,)) -> dict[str, Any]:
    """What a safetensors header says of a tensor."""
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}


def _external(location: str) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        kept = model.graph.initializer[-1]
        kept.ClearField("raw_data")
        kept.data_location = 1
        kept.external_data.add(key="location", value=location)
        kept.external_data.add(key="length", value="72")

    return change


def _here(folder: Path) -> None:
    """External data in the folder that `iqa` is run in, where the library looks for it."""
    changed(_external("offsets.bin"))(folder)
    (folder.parent / "offsets.bin").write_bytes(bytes(72))


def _absolute(folder: Path) -> None:
    (folder / "offsets.bin").write_bytes(bytes(72))
    changed(_external(str(folder / "offsets.bin")))(folder)


def _inside(operator: str, attribute: str) -> Callable[[Any], None]:
    """An operator with a graph of its own, behind which the scores go on as before."""

    def change(model: Any) -> None:
        from onnx import TensorProto, helper

        body = helper.make_graph(
            [helper.make_node("Identity", ["go"], ["on"])],
            "body",
            [
                helper.make_tensor_value_info("turn", TensorProto.INT64, []),
                helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            ],
            [helper.make_tensor_value_info("on", TensorProto.BOOL, [])],
        )
        options: dict[str, Any] = {attribute: body}
        if operator == "If":
            options["else_branch"] = body
        model.graph.node.insert(0, helper.make_node(operator, ["turns", "yes"], ["done"], **options))
        model.graph.initializer.extend(
            [
                helper.make_tensor("turns", TensorProto.INT64, [], struct.pack("<q", 2**62), raw=True),
                helper.make_tensor("yes", TensorProto.BOOL, [], b"\1", raw=True),
            ]
        )

    return change


def _foreign_domain(model: Any) -> None:
    model.graph.node[0].domain = "com.example"
    model.opset_import.add(domain="com.example", version=1)


def _function(model: Any) -> None:
    from onnx import helper

    model.functions.append(
        helper.make_function("", "Unsqueeze", ["a", "b"], ["c"], [helper.make_node("Add", ["a", "b"], ["c"])], [])
    )


def _in_an_attribute(model: Any) -> None:
    from onnx import TensorProto, helper

    kept = helper.make_tensor("inside", TensorProto.FLOAT, [1], bytes(4), raw=True)
    _external("offsets.bin")
    kept.ClearField("raw_data")
    kept.data_location = 1
    kept.external_data.add(key="location", value="../../../../etc/passwd")
    model.graph.node.insert(0, helper.make_node("Constant", [], ["unused"], value=kept))


def _sparse_constant(model: Any) -> None:
    entry = model.graph.sparse_initializer.add(dims=[2**31])
    entry.values.CopyFrom(model.graph.initializer[-1])
    entry.values.name = "holes"


def _unfinished(model: Any) -> None:
    model.graph.node[0].input[0] = "nothing"


def _loop_of_names(model: Any) -> None:
    model.graph.node[0].input[0] = "column"


def _twice(model: Any) -> None:
    model.graph.node[1].output[0] = "mean"


def _many_nodes(model: Any) -> None:
    from onnx import helper

    model.graph.node.extend(helper.make_node("Relu", ["mean"], [f"r{index}"]) for index in range(30_000))


def _doubled(times: int) -> list[tuple[str, list[str], list[str], dict[str, Any]]]:
    """2 to the power of `times` numbers from one, by putting a tensor beside itself."""
    names = ["column", *(f"c{index}" for index in range(times - 1)), "wide"]
    return [("Concat", [names[i], names[i]], [names[i + 1]], {"axis": 1}) for i in range(times)]


def _polyglot(content: bytes) -> bytes:
    """A model that begins like onnxruntime's own format, which has ORTM at its fifth byte."""
    return b"\x08\x09\x12\x04ORTM" + content[2:]


_NOTHING = np.zeros(1, np.float32)
_CARD = frozenset({"checkpoint-check", "assess", "eval", "train"})
_WEIGHTS = frozenset({"checkpoint-check", "train"})
_CHECK = frozenset({"checkpoint-check"})
_HUGE = 100 * 10**9
_SHORT = "a" * 300

BAD_CHECKPOINTS: tuple[BadCheckpoint, ...] = (
    # The card: what it is.
    BadCheckpoint("card-missing", lambda folder: (folder / CARD).unlink(), "not a checkpoint", _CARD),
    BadCheckpoint("card-empty", raw(CARD, b""), "not JSON", _CARD),
    BadCheckpoint("card-of-zeros", raw(CARD, bytes(4096)), "not JSON", _CARD),
    BadCheckpoint("card-cut", lambda f: raw(CARD, (f / CARD).read_bytes()[:500])(f), "not JSON", _CARD),
    BadCheckpoint("card-not-utf8", raw(CARD, b'{"name": "caf\xe9"}'), "not UTF-8", _CARD),
    BadCheckpoint("card-is-a-list", raw(CARD, b"[]"), "expected an object", _CARD),
    BadCheckpoint("card-deep", raw(CARD, b"[" * 200_000), "nested too deeply", _CARD),
    BadCheckpoint("card-deep-objects", raw(CARD, b'{"a":' * 200_000), "nested too deeply", _CARD),
    BadCheckpoint("card-long-number", raw(CARD, b'{"format_version": 1' + b"0" * 5000 + b"}"), "digits", _CARD),
    BadCheckpoint(
        "card-key-twice",
        text('"format_version": 1,', '"format_version": 1, "format_version": 1,'),
        "more than once",
        _CARD,
    ),
    BadCheckpoint("card-nan", text('"bytes": ', '"note": NaN, "bytes": '), "nan is not a number", _CARD),
    BadCheckpoint("card-infinity", text('"bytes": ', '"note": -1e999, "bytes": '), "inf is not a number", _CARD),
    BadCheckpoint("card-pipe", pipe(CARD), "named pipe", _CARD),
    BadCheckpoint("card-folder", a_folder(CARD), "a folder, not a regular file", _CARD),
    BadCheckpoint("card-link-to-itself", link(CARD, CARD), "symbolic links", _CARD),
    BadCheckpoint("card-link-to-nothing", link(CARD, "nothing"), "not a checkpoint", _CARD),
    BadCheckpoint("card-endless", link(CARD, "/dev/zero"), "a device, not a regular file", _CARD),
    BadCheckpoint("card-sparse", sparse(CARD, _HUGE, vouched=False), "100,000,000,000 bytes", _CARD),
    # The card: what it says.
    BadCheckpoint("version-missing", drop("format_version"), "format_version", _CARD),
    BadCheckpoint("version-new", put("format_version", value=99), "format_version is 99", _CARD),
    BadCheckpoint("version-true", put("format_version", value=True), "format_version is True", _CARD),
    BadCheckpoint("version-long", put("format_version", value="9" * 100_000), "format_version is", _CARD),
    BadCheckpoint("graph-missing", drop("graph"), "graph", _CARD),
    BadCheckpoint("graph-a-text", put("graph", value="smartphone-6"), "graph", _CARD),
    BadCheckpoint("label-with-escape", put("graph", "labels", 0, value="\x1b[2Jbright"), "graph", _CARD),
    BadCheckpoint("label-without-a-name", put("graph", "nodes", 0, "label", value=""), "graph", _CARD),
    BadCheckpoint("label-twice", put("graph", "nodes", 0, "label", value="dark"), "graph", _CARD),
    BadCheckpoint("levels-huge", put("graph", "nodes", 0, "levels", value=[1, 10**12]), "graph", _CARD),
    BadCheckpoint("levels-texts", put("graph", "nodes", 0, "levels", value=["1", None]), "graph", _CARD),
    BadCheckpoint("size-huge", put("preprocessing", "size", value=10**9), "at most", _CARD),
    BadCheckpoint("size-long", put("preprocessing", "size", value=10**3000), "at most", _CARD),
    BadCheckpoint("size-negative", put("preprocessing", "size", value=-1), "at least 8", _CARD),
    BadCheckpoint("size-a-text", put("preprocessing", "size", value="16"), "whole number", _CARD),
    BadCheckpoint("mean-two-numbers", put("preprocessing", "mean", value=[0, 0]), "three numbers", _CARD),
    BadCheckpoint("mean-beyond-single", put("preprocessing", "mean", value=[1e300] * 3), "up to 1000", _CARD),
    BadCheckpoint("std-zero", put("preprocessing", "std", value=[0, 1, 1]), "above 0", _CARD),
    BadCheckpoint("std-tiny", put("preprocessing", "std", value=[1e-300] * 3), "0.001", _CARD),
    BadCheckpoint(
        "filter-with-escape", put("preprocessing", "interpolation", value="\x1b[31mbox"), "one of nearest", _CARD
    ),
    BadCheckpoint("files-missing", drop("files"), "files", _CARD),
    BadCheckpoint("files-without-a-model", drop("files", ONNX), "no entry for model.onnx"),
    BadCheckpoint("files-negative", put("files", ONNX, "bytes", value=-1), "a size of -1 bytes", _CARD),
    BadCheckpoint("files-huge", put("files", ONNX, "bytes", value=10**18), "bytes; up to", _CARD),
    BadCheckpoint("files-no-hash", put("files", ONNX, "sha256", value="\x1b[2J"), "no SHA-256", _CARD),
    BadCheckpoint(
        "files-above", put("files", "../../x", value={"bytes": 1, "sha256": "0" * 64}), "not the name of a file", _CARD
    ),
    BadCheckpoint(
        "files-absolute", put("files", "/etc/passwd", value={"bytes": 1, "sha256": "0" * 64}), "not the name", _CARD
    ),
    BadCheckpoint(
        "files-escape", put("files", "\x1b[2J\n", value={"bytes": 1, "sha256": "0" * 64}), "not the name", _CARD
    ),
    BadCheckpoint(
        "files-many",
        card(lambda c: c["files"].update({f"f{i}": {"bytes": 0, "sha256": "0" * 64} for i in range(5000)})),
        "files, more than",
        _CARD,
    ),
    BadCheckpoint("operating-point-list", put("operating_point", value=[0.5] * 6), "operating_point"),
    BadCheckpoint("operating-point-huge", put("operating_point", value={"dark": 1e300}), "operating_point"),
    BadCheckpoint("operating-point-foreign", put("operating_point", value={"\x1b[2Jdrak": 1}), "operating_point"),
    BadCheckpoint("measured-list", put("measured", value=[1, 2]), "measured"),
    BadCheckpoint("measured-text", put("measured", value={"labels": {"dark": "\x1b[2J"}}), "measured"),
    BadCheckpoint(
        "measured-long-number",
        put("measured", value={"labels": {"dark": {"lstar_mean": {"levels": {"1": [10**1000, 1, 2]}}}}}),
        "measured",
    ),
    BadCheckpoint("backbone-another", put("model", value={"backbone": _SHORT}), "backbone", frozenset({"train"})),
    BadCheckpoint(
        "statistics-huge",
        put("model", value={"backbone": "iqa-small", "statistics": 10**12}),
        "model.statistics",
        frozenset({"train"}),
    ),
    BadCheckpoint(
        "scene-huge",
        put("model", value={"backbone": "iqa-small", "scene": "tf_efficientnet_lite0", "scene_width": 10**12}),
        "model.scene_width",
        frozenset({"train"}),
    ),
    BadCheckpoint(
        "scene-gigantic",
        put("model", value={"backbone": "iqa-small", "scene": "vit_gigantic_patch14_224", "scene_width": 8}),
        "parameters, more than",
        frozenset({"train"}),
    ),
    BadCheckpoint(
        "scene-of-a-hub",
        put("model", value={"backbone": "iqa-small", "scene": "hf-hub:somebody/\x1b[2Jmodel", "scene_width": 8}),
        "timm has no architecture",
        frozenset({"train"}),
    ),
    # The model: what lies there.
    BadCheckpoint("model-missing", lambda folder: (folder / ONNX).unlink(), "missing from the checkpoint"),
    BadCheckpoint("model-pipe", pipe(ONNX), "named pipe"),
    BadCheckpoint("model-folder", a_folder(ONNX), "a folder"),
    BadCheckpoint("model-link-to-itself", link(ONNX, ONNX), "symbolic links"),
    BadCheckpoint("model-endless", link(ONNX, "/dev/zero"), "a device"),
    BadCheckpoint("model-sparse", sparse(ONNX, _HUGE, vouched=False), "damaged, 100000000000 bytes"),
    BadCheckpoint("model-sparse-vouched", sparse(ONNX, _HUGE, vouched=True), "bytes; up to", _CARD),
    BadCheckpoint("model-flipped", flipped(ONNX), "SHA-256"),
    BadCheckpoint("model-cut", cut(ONNX), "model.onnx: "),
    BadCheckpoint("model-empty", raw(ONNX, b""), "model.onnx: "),
    BadCheckpoint("model-zeros", raw(ONNX, bytes(100_000)), "model.onnx: "),
    BadCheckpoint("model-text", raw(ONNX, b"not a model at all\n" * 20), "model.onnx: "),
    BadCheckpoint("model-deep", raw(ONNX, b"\x3a\x80\x80\x04" * 20_000), "model.onnx: "),
    BadCheckpoint(
        "model-of-onnxruntime", lambda f: raw(ONNX, _polyglot((f / ONNX).read_bytes())[:-3])(f), "model.onnx: "
    ),
    # The model: what it would do.
    BadCheckpoint("data-in-the-working-folder", _here, "another file"),
    BadCheckpoint("data-above", changed(_external("../../../../etc/passwd")), "another file"),
    BadCheckpoint("data-absolute", _absolute, "another file"),
    BadCheckpoint("data-in-an-attribute", changed(_in_an_attribute), "a constant inside an operator"),
    BadCheckpoint("loop", changed(_inside("Loop", "body")), "a graph inside an operator"),
    BadCheckpoint("if", changed(_inside("If", "then_branch")), "a graph inside an operator"),
    BadCheckpoint("scan", changed(_inside("Scan", "body")), "a graph inside an operator"),
    BadCheckpoint("custom-domain", changed(_foreign_domain), "com.example"),
    BadCheckpoint("function", changed(_function), "functions"),
    BadCheckpoint("sparse-constant", changed(_sparse_constant), "sparse"),
    BadCheckpoint("training-info", changed(lambda m: m.training_info.add()), "training"),
    BadCheckpoint("random-numbers", large(("RandomNormal", [], ["wide"], {"shape": [1, 2**31]})), "RandomNormal"),
    BadCheckpoint(
        "constant-of-two-thousand-million",
        large(("ConstantOfShape", ["much"], ["wide"], {}), much=np.array([1, 2**31])),
        "ConstantOfShape",
    ),
    BadCheckpoint("expand", large(("Expand", ["column", "much"], ["wide"], {}), much=np.array([1, 2**40])), "Expand"),
    BadCheckpoint(
        "expand-just-too-much",
        large(("Expand", ["column", "much"], ["wide"], {}), much=np.array([1, 2**26 + 1])),
        "Expand",
    ),
    BadCheckpoint("tile", large(("Tile", ["column", "much"], ["wide"], {}), much=np.array([1, 2**40])), "Tile"),
    BadCheckpoint(
        "range",
        large(
            ("Range", ["zero", "much", "one"], ["wide"], {}), zero=np.array(0), much=np.array(2**40), one=np.array(1)
        ),
        "Range",
    ),
    BadCheckpoint("doubling", large(*_doubled(40)), "Concat"),
    BadCheckpoint(
        "outer-product",
        large(
            ("Expand", ["column", "much"], ["row"], {}),
            ("Transpose", ["row"], ["standing"], {}),
            ("MatMul", ["standing", "row"], ["wide"], {}),
            much=np.array([1, 2**24]),
        ),
        "MatMul",
    ),
    BadCheckpoint(
        "outer-sum",
        large(
            ("Expand", ["column", "much"], ["row"], {}),
            ("Transpose", ["row"], ["standing"], {}),
            ("Add", ["standing", "row"], ["wide"], {}),
            much=np.array([1, 2**24]),
        ),
        "Add",
    ),
    BadCheckpoint("padding", large(("Pad", ["column", "much"], ["wide"], {}), much=np.array([0, 2**40, 0, 0])), "Pad"),
    BadCheckpoint(
        "resize",
        large(("Resize", ["pixels", "", "", "much"], ["wide"], {}), much=np.array([1, 3, 2**20, 2**20])),
        "Resize",
    ),
    BadCheckpoint(
        "wide-convolution",
        large(
            ("Conv", ["pixels", "kernel"], ["wide"], {"pads": [2**20] * 4}), kernel=np.ones((1, 3, 1, 1), np.float32)
        ),
        "Conv",
    ),
    BadCheckpoint(
        "much-work",
        large(
            ("Expand", ["column", "much"], ["square"], {}),
            *(("MatMul", [f"p{i}" if i else "square", "square"], [f"p{i + 1}"], {}) for i in range(8)),
            ("Reshape", ["p8", "flat"], ["wide"], {}),
            much=np.array([8192, 8192]),
            flat=np.array([1, -1]),
        ),
        "multiplications",
    ),
    BadCheckpoint(
        "many-large-results",
        large(
            *(("Expand", ["column", "much"], [f"e{i}"], {}) for i in range(9)),
            ("Concat", [f"e{i}" for i in range(9)], ["wide"], {"axis": 1}),
            much=np.array([1, 2**25]),
        ),
        "numbers",
    ),
    BadCheckpoint(
        "sizes-from-the-picture",
        large(
            ("Cast", ["column"], ["whole"], {"to": 7}),
            ("Squeeze", ["whole", "zero"], ["much"], {}),
            ("Expand", ["column", "much"], ["wide"], {}),
            zero=np.array([0]),
        ),
        "constant whole numbers",
    ),
    BadCheckpoint("many-nodes", changed(_many_nodes), "nodes"),
    BadCheckpoint("input-from-nowhere", changed(_unfinished), "nothing before it makes"),
    BadCheckpoint("circle", changed(_loop_of_names), "nothing before it makes"),
    BadCheckpoint("name-twice", changed(_twice), "taken"),
    BadCheckpoint("opset-old", changed(lambda m: setattr(m.opset_import[0], "version", 7)), "opset_import"),
    BadCheckpoint("opset-new", changed(lambda m: setattr(m.opset_import[0], "version", 999)), "opset_import"),
    BadCheckpoint("format-new", changed(lambda m: setattr(m, "ir_version", 99)), "ir_version"),
    BadCheckpoint(
        "operator-with-escape",
        changed(lambda m: setattr(m.graph.node[0], "op_type", "\x1b[2JConv")),
        "not one of those operators",
    ),
    BadCheckpoint(
        "weights-of-nan",
        changed(lambda m: setattr(m.graph.initializer[3], "raw_data", struct.pack("<18f", *[float("nan")] * 18))),
        "not finite",
    ),
    BadCheckpoint("constant-too-short", changed(lambda m: m.graph.initializer[3].dims.append(2**30)), "bytes"),
    BadCheckpoint("constant-of-texts", changed(lambda m: setattr(m.graph.initializer[3], "data_type", 8)), "type 8"),
    BadCheckpoint("two-outputs", changed(lambda m: m.graph.output.add().CopyFrom(m.graph.output[0])), "outputs"),
    BadCheckpoint("two-inputs", changed(lambda m: m.graph.input.add().CopyFrom(m.graph.input[0])), "inputs"),
    BadCheckpoint(
        "scores-whole-numbers", changed(lambda m: setattr(m.graph.output[0].type.tensor_type, "elem_type", 7)), "scores"
    ),
    BadCheckpoint(
        "pictures-of-another-size", put("preprocessing", "size", value=32), "takes pictures of shape (3, 16, 16)"
    ),
    BadCheckpoint(
        "fewer-scores",
        onnx_file(
            [
                ("ReduceMean", ["pixels", "axes"], ["mean"], {"keepdims": 0}),
                ("Unsqueeze", ["mean", "last"], ["scores"], {}),
            ],
            {"axes": np.array([1, 2, 3]), "last": np.array([1])},
            gives=1,
        ),
        "gives 1 scores",
    ),
    BadCheckpoint(
        "scores-in-three-axes",
        onnx_file(
            [
                ("ReduceMean", ["pixels", "axes"], ["mean"], {"keepdims": 0}),
                ("Unsqueeze", ["mean", "last"], ["scores"], {}),
            ],
            {"axes": np.array([1, 2, 3]), "last": np.array([1, 2])},
            gives=1,
        ),
        "scores",
    ),
    BadCheckpoint(
        "another-graph", changed(lambda m: m.metadata_props.add(key="iqa_graph", value="0" * 64)), "another graph"
    ),
    BadCheckpoint(
        "scores-infinite",
        large(
            ("Mul", ["column", "most"], ["less"], {}),
            ("Add", ["less", "most"], ["more"], {}),
            ("Mul", ["more", "most"], ["wide"], {}),
            most=np.array([3e38], np.float32),
        ),
        "no numbers",
    ),
    BadCheckpoint(
        "scores-nan",
        large(
            ("Sub", ["column", "one"], ["below"], {}),
            ("Sqrt", ["below"], ["wide"], {}),
            one=np.array([2.0], np.float32),
        ),
        "no numbers",
    ),
    BadCheckpoint(
        "gather-outside",
        large(
            ("Cast", ["column"], ["whole"], {"to": 7}),
            ("Add", ["whole", "far"], ["place"], {}),
            ("Gather", ["slopes", "place"], ["some"], {"axis": 1}),
            ("Reshape", ["some", "flat"], ["wide"], {}),
            far=np.array([10**6]),
            flat=np.array([1, -1]),
        ),
        "cannot run it",
    ),
    # The weights, which `assess` does not read.
    BadCheckpoint(
        "weights-pipe", lambda f: (weights({"a": tensor()}, bytes(4))(f), pipe(WEIGHTS)(f)), "named pipe", _WEIGHTS
    ),
    BadCheckpoint(
        "weights-missing",
        lambda f: (weights({"a": tensor()}, bytes(4))(f), (f / WEIGHTS).unlink()),
        "missing",
        _WEIGHTS,
    ),
    BadCheckpoint("weights-sparse", sparse(WEIGHTS, _HUGE, vouched=True), "up to", _CARD),
    BadCheckpoint(
        "weights-larger-than-the-model", sparse(WEIGHTS, 2**31, vouched=True), "model.safetensors", frozenset({"train"})
    ),
    BadCheckpoint(
        "weights-flipped", lambda f: (weights({"a": tensor()}, bytes(4))(f), flipped(WEIGHTS)(f)), "SHA-256", _WEIGHTS
    ),
    BadCheckpoint("weights-empty", raw(WEIGHTS, b""), "header", _WEIGHTS),
    BadCheckpoint("weights-header-of-100-gb", weights(b"{}", size=_HUGE), "header of 100,000,000,000 bytes", _WEIGHTS),
    BadCheckpoint("weights-header-deep", weights(b"[" * 200_000), "nested too deeply", _WEIGHTS),
    BadCheckpoint("weights-no-json", weights(b"\x80\x04cos\nsystem\n"), "header", _WEIGHTS),
    BadCheckpoint(
        "weights-overlapping",
        weights({"a": tensor(0, 8, shape=(2,)), "b": tensor(4, 12, shape=(2,))}, bytes(12)),
        "begins at byte",
        _WEIGHTS,
    ),
    BadCheckpoint(
        "weights-out-of-range",
        weights({"a": tensor(0, 2**40, shape=(2**38,))}, bytes(4)),
        "tensors end at byte",
        _WEIGHTS,
    ),
    BadCheckpoint(
        "weights-hole", weights({"a": tensor(), "b": tensor(8, 12)}, bytes(12)), "begins at byte 8", _WEIGHTS
    ),
    BadCheckpoint(
        "weights-name-twice",
        weights(b'{"a": %b, "a": %b}' % ((json.dumps(tensor()).encode(),) * 2), bytes(4)),
        "more than once",
        _WEIGHTS,
    ),
    BadCheckpoint(
        "weights-sizes-overflow",
        weights({"a": tensor(shape=(2**32, 2**32))}, bytes(4)),
        "no type, sizes and place",
        _WEIGHTS,
    ),
    BadCheckpoint(
        "weights-of-no-type",
        weights({"\x1b[2J": tensor(dtype="OBJECT")}, bytes(4)),
        "no type, sizes and place",
        _WEIGHTS,
    ),
    BadCheckpoint("weights-nan", weights({"a": tensor()}, struct.pack("<f", float("nan"))), "not finite", _WEIGHTS),
    BadCheckpoint("weights-of-something-else", weights({"a": tensor()}, bytes(4)), "do not fit", frozenset({"train"})),
)


def checkpoint_of_kind(kind: BadCheckpoint, folder: Path) -> Path:
    """Make a bad checkpoint in a folder that is not there yet.

    returns  the folder
    """
    folder.mkdir(parents=True)
    write_good(folder)
    put("model", value={"backbone": "iqa-small"})(folder)
    kind.spoil(folder)
    return folder


def refused_by(command: str) -> Iterator[BadCheckpoint]:
    """The kinds that a command has to refuse."""
    return (kind for kind in BAD_CHECKPOINTS if command in kind.refused_by)
