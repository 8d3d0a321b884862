"""Whether a model may be given to onnxruntime: what it would compute, and how much, worked out from its sizes alone.

A few bytes of ONNX can ask for a tensor of a terabyte, or for work without an end. Nothing here computes anything but a
few sizes, so a model of a stranger costs milliseconds until it is refused.
"""

from __future__ import annotations

import collections
import dataclasses
from typing import TYPE_CHECKING

from iqa_cli.models.onnx_file import DTYPES, NotOurOnnxError, OnnxFile
from iqa_cli.models.onnx_operators import OPERATORS, made
from iqa_cli.models.onnx_step import MOST_KNOWN, CannotBeBoundedError, Known, Made, Step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iqa_cli.models.onnx_file import Node

MOST_PARTS = 20_000
"""Nodes, and constants, of a file: the largest of open_clip's towers has about 3,000."""
MOST_IN_A_TENSOR = 2**26
"""Numbers of a single intermediate result: 256 MB. The widest of open_clip's towers, RN50x64, makes 29 million."""
MOST_AT_ONCE = 2**28
"""Numbers that are needed at one time: 1 GB, besides the weights."""
MOST_IN_ALL = 2**31
"""Numbers that are written for one picture. A ViT-L at 336 pixels writes 0.7 thousand million."""
MOST_OPERATIONS = 2**39
"""Multiplications for one picture, seconds of work. A ViT-L at 336 pixels needs 0.18 million million."""


@dataclasses.dataclass(frozen=True)
class Work:
    """What a model does for one picture."""

    operators: Mapping[str, int]
    """How often each is used, the most frequent first."""
    parameters: int
    """Numbers in its constants."""
    largest: int
    """Numbers of the largest intermediate result."""
    at_once: int
    """Numbers that are needed at one time, besides the constants, if nodes run in the order of the file."""
    operations: int
    """Multiplications and additions, in pairs."""
    sizes: Mapping[str, tuple[int, ...]]
    """Sizes of every tensor, for one picture, by its name."""


def work_of(file: OnnxFile, side: int, scores: int) -> Work:
    """What a model would do for a picture.

    side    of the picture, in pixels
    scores  that it has to give
    raises  NotOurOnnxError  if it takes or gives anything else, if an operator or a size cannot be bounded, or a bound
                             is passed
    """
    if foreign := sorted({node.operator for node in file.nodes} - OPERATORS.keys()):
        named = ", ".join(f"{operator!r:.40}" for operator in foreign[:20])
        raise NotOurOnnxError(f"uses {named}: not one of those operators that our exports use")
    known = _given(file, side)
    account = _Account(file)
    for index, node in enumerate(file.nodes):
        result = _made(node, known)
        for name, output in zip(node.outputs, result.outputs, strict=True):
            if not name or name in known:
                raise NotOurOnnxError(f"{node}: its output {name!r:.60} has no name or one that is taken")
            known[name] = output
        account.add(index, node, result, known)
    _refuse_other_scores(file, known, scores)
    return Work(
        operators=dict(collections.Counter(node.operator for node in file.nodes).most_common()),
        parameters=sum(array.size for array in file.constants.values()),
        largest=account.largest,
        at_once=account.at_once,
        operations=account.operations,
        sizes={name: value.sizes for name, value in known.items()},
    )


class _Account:
    """What a model has used up so far, against the bounds."""

    def __init__(self, file: OnnxFile) -> None:
        self.largest = self.at_once = self.operations = 0
        self._alive = self._total = 0
        self._constants = file.constants
        self._last_use = {name: index for index, node in enumerate(file.nodes) for name in node.inputs}
        self._last_use |= {value.name: len(file.nodes) for value in file.outputs}

    def add(self, index: int, node: Node, result: Made, known: Mapping[str, Known]) -> None:
        """Count a node in.

        raises  NotOurOnnxError  if a bound is passed
        """
        written = sum(output.count for output in result.outputs)
        self.largest = max(self.largest, result.working, *(output.count for output in result.outputs))
        self._alive += written
        self.at_once = max(self.at_once, self._alive + result.working)
        self._total += written
        self.operations += max(result.operations, written)
        for what, value, most in (
            ("numbers in one piece", self.largest, MOST_IN_A_TENSOR),
            ("numbers at once", self.at_once, MOST_AT_ONCE),
            ("numbers in all", self._total, MOST_IN_ALL),
            ("multiplications", self.operations, MOST_OPERATIONS),
        ):
            if value > most:
                raise NotOurOnnxError(f"{node}: would need {value:,} {what} for a picture, more than {most:,}")
        for name in {*node.inputs, *node.outputs}:
            if name and name not in self._constants and self._last_use.get(name, index) == index:
                self._alive -= known[name].count


def _given(file: OnnxFile, side: int) -> dict[str, Known]:
    """What is there before the first node: the constants and the picture."""
    if len(file.nodes) > MOST_PARTS or len(file.constants) > MOST_PARTS:
        raise NotOurOnnxError(f"{len(file.nodes):,} nodes, {len(file.constants):,} constants; {MOST_PARTS:,} are read")
    known = {
        name: Known(array.shape, array if array.size <= MOST_KNOWN else None) for name, array in file.constants.items()
    }
    if len(file.inputs) != 1 or len(file.outputs) != 1:
        raise NotOurOnnxError(f"{len(file.inputs)} inputs and {len(file.outputs)} outputs, expected one of each")
    (taken,) = file.inputs
    expected = (3, side, side)
    if DTYPES[taken.dtype][0] != "float32" or taken.name in known:
        raise NotOurOnnxError(f"its input {taken.name!r:.60} is no float32, or a constant")
    # A size that the file leaves open is a name or None.
    if len(taken.shape) != 4 or any(
        isinstance(size, int) and size != wanted for size, wanted in zip(taken.shape[1:], expected, strict=True)
    ):
        raise NotOurOnnxError(f"takes pictures of shape {taken.shape[1:]}, the card's preprocessing gives {expected}")
    if isinstance(taken.shape[0], int) and taken.shape[0] != 1:
        raise NotOurOnnxError(f"takes {taken.shape[0]} pictures at a time, expected any number")
    known[taken.name] = Known((1, *expected))
    return known


def _made(node: Node, known: Mapping[str, Known]) -> Made:
    missing = [name for name in node.inputs if name and name not in known]
    if missing:
        raise NotOurOnnxError(f"{node}: takes {missing[0]!r:.60}, which nothing before it makes")
    try:
        result = made(Step(node, tuple(known[name] if name else None for name in node.inputs)))
    except CannotBeBoundedError as error:
        raise NotOurOnnxError(f"{node}: {error}") from None
    if len(result.outputs) != len(node.outputs):
        raise NotOurOnnxError(f"{node}: {len(node.outputs)} outputs, expected {len(result.outputs)}")
    return result


def _refuse_other_scores(file: OnnxFile, known: Mapping[str, Known], scores: int) -> None:
    given = known.get(file.outputs[0].name)
    if given is None:
        raise NotOurOnnxError(f"nothing makes its output {file.outputs[0].name!r:.60}")
    if DTYPES[file.outputs[0].dtype][0] != "float32":
        raise NotOurOnnxError("its scores are no float32")
    if given.sizes[:1] != (1,) or len(given.sizes) != 2:
        raise NotOurOnnxError(f"gives scores of sizes {list(given.sizes)} for a photo, expected [1, {scores}]")
    declared = file.outputs[0].shape
    if len(declared) != 2 or any(isinstance(size, int) and size != given.sizes[1] for size in declared[1:]):
        raise NotOurOnnxError(f"its scores are declared as {declared}, and are {given.sizes}")
    if given.sizes[1] != scores:
        raise NotOurOnnxError(f"gives {given.sizes[1]} scores a photo, the card's graph needs {scores}")
