"""The errors a caller can meet, drawn once.

IqaError                     anything we report in words instead of a traceback
├── UsageError               the command was called wrongly                       exit 2
├── InvalidInput             an input file is missing or wrong                    exit 3
│   ├── GraphError           a label graph
│   │   ├── GraphTooWideError    it cannot be compiled within the limit of states
│   │   └── ContradictionError   no assignment satisfies its rules
│   ├── ConfigError          a training config
│   ├── LabelsError          a table of labels or predictions
│   ├── CheckpointError      a checkpoint folder
│   ├── MissingExtra         a library that an optional extra brings
│   ├── RunError             a run over object storage: its plan, or a part of it
│   ├── StoreError           a bucket or folder that cannot be listed, read or written
│   └── TrainingDiverged     a config whose learning rates lead nowhere
├── OutputError              an output cannot be written, or not to its end           exit 3
├── NothingReadable          photos were found and none could be read             exit 4
└── WorkerLost               one process of ours after the other died             exit 70

Anything else that escapes is our bug (exit 70) and is shown as one, never as the user's fault. A photo that
cannot be read is no exception at all: it is an `Unreadable` record and a row of the report.
"""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class ExitCode(enum.IntEnum):
    """What the process returns; a promise that scripts rely on."""

    DONE = 0
    FINDINGS = 1
    USAGE = 2
    INVALID_INPUT = 3
    NOTHING_READABLE = 4
    OUR_BUG = 70
    INTERRUPTED = 130


class IqaError(Exception):
    """An error that names its place and its next step.

    message   one line: what is wrong, and where
    problems  every mistake found, when one input has several
    hint      what to do next, or None
    """

    exit_code = ExitCode.OUR_BUG

    def __init__(self, message: str, *, problems: Sequence[str] = (), hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.problems = tuple(problems)
        self.hint = hint

    def __str__(self) -> str:
        """Message, problems and hint as they appear on stderr after "error: "."""
        lines = [self.message, *(f"  {problem}" for problem in self.problems)]
        if self.hint:
            lines.append(f"hint: {self.hint}")
        return "\n".join(lines)


class UsageError(IqaError):
    """The command or function was called in a way that cannot work."""

    exit_code = ExitCode.USAGE


class InvalidInput(IqaError):  # noqa: N818 - "InvalidInput" reads better than "InvalidInputError" at every raise
    """An input file is missing, damaged, or breaks its format."""

    exit_code = ExitCode.INVALID_INPUT


class GraphError(InvalidInput):
    """A label graph cannot be read, or no state satisfies it, or it is too wide to compile."""


class GraphTooWideError(GraphError):
    """The labels of a graph hang together too closely to look at all of their joint states.

    labels  those that have to be looked at together
    """

    def __init__(
        self, message: str, *, labels: Sequence[str], problems: Sequence[str] = (), hint: str | None = None
    ) -> None:
        super().__init__(message, problems=problems, hint=hint)
        self.labels = tuple(labels)


class ContradictionError(GraphError):
    """No levels of the labels satisfy the rules.

    labels  those whose rules contradict each other, maybe among others that hang together with them
    """

    def __init__(
        self, message: str, *, labels: Sequence[str], problems: Sequence[str] = (), hint: str | None = None
    ) -> None:
        super().__init__(message, problems=problems, hint=hint)
        self.labels = tuple(labels)


class ConfigError(InvalidInput):
    """A training config has unknown keys or wrong values."""


class LabelsError(InvalidInput):
    """A table of labels or predictions is wrong."""


class CheckpointError(InvalidInput):
    """A checkpoint folder is missing a part, or a part is damaged."""


class MissingExtra(InvalidInput):
    """A command needs a library that the base install does not bring."""

    def __init__(self, command: str, module: str, extra: str) -> None:
        # iqa is in no package registry, so its name alone installs nothing; the libraries are known by theirs.
        libraries = " ".join(f"'{requirement}'" for requirement in _requirements(extra))
        anywhere = f"; elsewhere: pip install {libraries}" if libraries else ""
        super().__init__(
            f"{command} needs {module}, which is not installed",
            hint=f"in a clone of iqa: pip install '.[{extra}]'{anywhere}",
        )


def _requirements(extra: str) -> list[str]:
    """What an extra asks for, as this installation's own metadata says; nothing where there is none."""
    import importlib.metadata

    try:
        listed = importlib.metadata.requires("iqa-cli") or ()
    except importlib.metadata.PackageNotFoundError:
        return []
    marker = re.compile(rf"""\s*;\s*extra\s*==\s*(['"]){re.escape(extra)}\1\s*$""")
    return [marker.sub("", requirement) for requirement in listed if marker.search(requirement)]


class RunError(InvalidInput):
    """What a run over object storage is made of is missing, damaged, or of another run."""


class StoreError(InvalidInput):
    """A bucket or a folder cannot be listed, read or written.

    is_passing      whether trying again later may help, as after a timeout; credentials do not come by themselves
    is_unreachable  whether nobody answered at all: then it is not about one object
    """

    def __init__(
        self,
        message: str,
        *,
        problems: Sequence[str] = (),
        hint: str | None = None,
        is_passing: bool = False,
        is_unreachable: bool = False,
    ) -> None:
        super().__init__(message, problems=problems, hint=hint)
        self.is_passing = is_passing
        self.is_unreachable = is_unreachable


class TrainingDiverged(InvalidInput):
    """The loss of a training run is no longer a number."""


class OutputError(IqaError):
    """An output broke: the disk is full, a pipe lost its reader, stdout is closed."""

    exit_code = ExitCode.INVALID_INPUT


class NothingReadable(IqaError):  # noqa: N818 - see InvalidInput
    """Not one photo of the run could be read."""

    exit_code = ExitCode.NOTHING_READABLE


class WorkerLost(IqaError):  # noqa: N818 - see InvalidInput
    """Processes that judged photos were killed or crashed, one after the other."""
