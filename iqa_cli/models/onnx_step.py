"""A node of a model with what is known of its inputs, before anything is computed: what the rules of `onnx_operators`
take and give.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from iqa_cli.models.onnx_file import Node

Sizes: TypeAlias = tuple[int, ...]
MOST_KNOWN = 4096
"""Numbers of a tensor whose values are followed: those that say sizes, axes and places have a few."""


class CannotBeBoundedError(Exception):
    """An operation whose result cannot be told from the sizes that go in. `str` of it says why."""


@dataclasses.dataclass(frozen=True, slots=True)
class Known:
    """What is known of a tensor before anything is computed."""

    sizes: Sizes
    """Its sizes, for one picture."""
    values: NDArray[Any] | None = None
    """Its values, where they are few and depend on no picture."""

    @property
    def count(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.sizes)


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """A node with what is known of its inputs."""

    node: Node
    """The operation."""
    given: tuple[Known | None, ...]
    """Its inputs; None for one that is left out."""

    def __getitem__(self, index: int) -> Known:
        """An input that has to be there."""
        known = self.optional(index)
        if known is None:
            raise CannotBeBoundedError(f"its input {index} is missing")
        return known

    def optional(self, index: int) -> Known | None:
        """An input, or None if it is left out."""
        return self.given[index] if index < len(self.given) else None

    def numbers(self, index: int) -> tuple[int, ...] | None:
        """The whole numbers in an input; None if it is left out."""
        known = self.optional(index)
        if known is None:
            return None
        if known.values is None or known.values.dtype.kind not in "iu":
            raise CannotBeBoundedError(f"its input {index} has to be constant whole numbers, at most {MOST_KNOWN}")
        return tuple(int(number) for number in known.values.reshape(-1))

    def attribute(self, name: str, default: int) -> int:
        """A whole number among the attributes."""
        value = self.node.attributes.get(name, default)
        if not isinstance(value, int):
            raise CannotBeBoundedError(f"its {name} is no whole number")
        return value

    def listed(self, name: str, default: Sequence[int]) -> tuple[int, ...]:
        """Whole numbers among the attributes."""
        value = self.node.attributes.get(name)
        if value is None:
            return tuple(default)
        if not isinstance(value, tuple):
            raise CannotBeBoundedError(f"its {name} are no whole numbers")
        return value

    def axis(self, default: int, rank: int) -> int:
        """The attribute `axis`, counted from the front."""
        return from_front(self.attribute("axis", default), rank)


@dataclasses.dataclass(frozen=True, slots=True)
class Made:
    """What an operation makes."""

    outputs: tuple[Known, ...]
    """Its tensors."""
    operations: int = 0
    """Multiplications and additions, in pairs; 0 for about one a number."""
    working: int = 0
    """Numbers that it holds besides while it runs."""


def from_front(axis: int, rank: int) -> int:
    """An axis counted from the front; CannotBeBoundedError if there is none."""
    if not -rank <= axis < rank:
        raise CannotBeBoundedError(f"axis {axis} of a tensor with {rank}")
    return axis % rank


def axes_from_front(axes: Sequence[int], rank: int) -> tuple[int, ...]:
    """Axes counted from the front, each once; CannotBeBoundedError if they are not."""
    found = tuple(from_front(axis, rank) for axis in axes)
    if len(set(found)) != len(found):
        raise CannotBeBoundedError(f"an axis comes twice in {list(axes)[:9]}")
    return found
