"""What starts tasks and brings what came of them: processes of this machine, or Ray.

An engine decides nothing: no retries, no results kept, no order. All of that is the driver's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from iqa_cli.scale.shard import Done, Task

if TYPE_CHECKING:
    from typing import Self

__all__ = ["Died", "Done", "Engine", "Outcome", "Task"]


class Died(NamedTuple):
    """A task that ended whoever did it, or took too long."""

    why: str
    """As the row of a photo says it."""
    was_ready: bool = True
    """Whether the worker had begun: if not, no photo is to blame."""


class Outcome(NamedTuple):
    """A task that is over."""

    task: Task
    result: Done | Died


class Engine(Protocol):
    """Does tasks. A context manager: leaving it ends what still runs, whatever it is doing."""

    def __enter__(self) -> Self:
        """Get ready; raises IqaError if that cannot be."""

    def __exit__(self, *_: object) -> None:
        """End everything that runs."""

    @property
    def slots(self) -> int:
        """Tasks that it can do at a time; on a cluster it may change."""

    def submit(self, task: Task, deadline_s: float) -> None:
        """Do a task as soon as there is room; one that takes longer than the deadline is ended."""

    def wait(self, timeout_s: float) -> list[Outcome]:
        """What is over by now; waits so many seconds for something to be."""
