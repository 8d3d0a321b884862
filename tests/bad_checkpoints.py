"""Every kind of bad checkpoint, each made from the good one by a change of its files. Needs the `onnx` package."""

from __future__ import annotations

import dataclasses
import json
import struct
from typing import TYPE_CHECKING

import numpy as np
from drawn_checkpoints import write_good
from spoiling import (
    a_folder,
    absolute,
    card,
    changed,
    cut,
    doubled,
    drop,
    external,
    flipped,
    foreign_domain,
    function,
    here,
    in_an_attribute,
    inside,
    large,
    link,
    loop_of_names,
    many_nodes,
    onnx_file,
    pipe,
    polyglot,
    put,
    raw,
    sparse,
    sparse_constant,
    tensor,
    text,
    twice,
    unfinished,
    weights,
)

from iqa_cli.checkpoint import CARD, ONNX, WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


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


def _views(square: int, crops: list[list[int]]) -> Callable[[Path], object]:
    return put("preprocessing", "views", value={"square": square, "crops": crops})


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
    BadCheckpoint("views-a-text", put("preprocessing", "views", value="nine"), "views: expected an object", _CARD),
    BadCheckpoint("views-endless", _views(32, [[0, 0]] * 10_000), "1 to 16 crops, got 10000", _CARD),
    BadCheckpoint("views-huge", _views(10**9, [[0, 0]]), "views.square must be at least 8 pixels and at most", _CARD),
    BadCheckpoint("views-outside", _views(32, [[0, 17]]), "[0, 17] is no place of 16 pixels in 32 x 32", _CARD),
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
    BadCheckpoint("preview-list", put("preview", value=[0.5] * 6), "preview.margins"),
    BadCheckpoint("preview-huge", put("preview", value={"margins": {"dark": 1e300}}), "preview.margins"),
    BadCheckpoint("preview-foreign", put("preview", value={"margins": {"\x1b[2Jdrak": 1}}), "preview.margins"),
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
        "model-of-onnxruntime", lambda f: raw(ONNX, polyglot((f / ONNX).read_bytes())[:-3])(f), "model.onnx: "
    ),
    # The model: what it would do.
    BadCheckpoint("data-in-the-working-folder", here, "another file"),
    BadCheckpoint("data-above", changed(external("../../../../etc/passwd")), "another file"),
    BadCheckpoint("data-absolute", absolute, "another file"),
    BadCheckpoint("data-in-an-attribute", changed(in_an_attribute), "a constant inside an operator"),
    BadCheckpoint("loop", changed(inside("Loop", "body")), "a graph inside an operator"),
    BadCheckpoint("if", changed(inside("If", "then_branch")), "a graph inside an operator"),
    BadCheckpoint("scan", changed(inside("Scan", "body")), "a graph inside an operator"),
    BadCheckpoint("custom-domain", changed(foreign_domain), "com.example"),
    BadCheckpoint("function", changed(function), "functions"),
    BadCheckpoint("sparse-constant", changed(sparse_constant), "sparse"),
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
    BadCheckpoint("doubling", large(*doubled(40)), "Concat"),
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
    BadCheckpoint("many-nodes", changed(many_nodes), "nodes"),
    BadCheckpoint("input-from-nowhere", changed(unfinished), "nothing before it makes"),
    BadCheckpoint("circle", changed(loop_of_names), "nothing before it makes"),
    BadCheckpoint("name-twice", changed(twice), "taken"),
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
