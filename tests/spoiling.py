"""Changes to a file of a checkpoint's folder, by which it becomes a bad one; see `bad_checkpoints`."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from typing import TYPE_CHECKING, Any

import numpy as np
from drawn_checkpoints import N_SCORES, onnx_model

from iqa_cli.checkpoint import CARD, ONNX, WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


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


def external(location: str) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        kept = model.graph.initializer[-1]
        kept.ClearField("raw_data")
        kept.data_location = 1
        kept.external_data.add(key="location", value=location)
        kept.external_data.add(key="length", value="72")

    return change


def here(folder: Path) -> None:
    """External data in the folder that `iqa` is run in, where the library looks for it."""
    changed(external("offsets.bin"))(folder)
    (folder.parent / "offsets.bin").write_bytes(bytes(72))


def absolute(folder: Path) -> None:
    (folder / "offsets.bin").write_bytes(bytes(72))
    changed(external(str(folder / "offsets.bin")))(folder)


def inside(operator: str, attribute: str) -> Callable[[Any], None]:
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


def foreign_domain(model: Any) -> None:
    model.graph.node[0].domain = "com.example"
    model.opset_import.add(domain="com.example", version=1)


def function(model: Any) -> None:
    from onnx import helper

    model.functions.append(
        helper.make_function("", "Unsqueeze", ["a", "b"], ["c"], [helper.make_node("Add", ["a", "b"], ["c"])], [])
    )


def in_an_attribute(model: Any) -> None:
    from onnx import TensorProto, helper

    kept = helper.make_tensor("inside", TensorProto.FLOAT, [1], bytes(4), raw=True)
    external("offsets.bin")
    kept.ClearField("raw_data")
    kept.data_location = 1
    kept.external_data.add(key="location", value="../../../../etc/passwd")
    model.graph.node.insert(0, helper.make_node("Constant", [], ["unused"], value=kept))


def sparse_constant(model: Any) -> None:
    entry = model.graph.sparse_initializer.add(dims=[2**31])
    entry.values.CopyFrom(model.graph.initializer[-1])
    entry.values.name = "holes"


def unfinished(model: Any) -> None:
    model.graph.node[0].input[0] = "nothing"


def loop_of_names(model: Any) -> None:
    model.graph.node[0].input[0] = "column"


def twice(model: Any) -> None:
    model.graph.node[1].output[0] = "mean"


def many_nodes(model: Any) -> None:
    from onnx import helper

    model.graph.node.extend(helper.make_node("Relu", ["mean"], [f"r{index}"]) for index in range(30_000))


def doubled(times: int) -> list[tuple[str, list[str], list[str], dict[str, Any]]]:
    """2 to the power of `times` numbers from one, by putting a tensor beside itself."""
    names = ["column", *(f"c{index}" for index in range(times - 1)), "wide"]
    return [("Concat", [names[i], names[i]], [names[i + 1]], {"axis": 1}) for i in range(times)]


def polyglot(content: bytes) -> bytes:
    """A model that begins like onnxruntime's own format, which has ORTM at its fifth byte."""
    return b"\x08\x09\x12\x04ORTM" + content[2:]
