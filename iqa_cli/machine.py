"""The machine that a run is made on: its system, its Python and the versions of the libraries that judge.

Neither the name of the machine nor that of its user is in here: reports are passed on.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import importlib.util
import os
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LIBRARIES = ("numpy", "onnxruntime", "PIL", "pillow_heif", "pillow_jxl", "rawpy", "simplejpeg")
"""What reads pictures and computes; by the names that Python imports."""
_DISTRIBUTIONS = {"PIL": "pillow", "pillow_jxl": "pillow_jxl_plugin"}


@dataclasses.dataclass(frozen=True, slots=True)
class Machine:
    """What a run was made on."""

    platform: str
    """System, its version and the kind of processor, as Python says it."""
    processors: int
    """How many this process may use."""
    python: str
    """Its version."""
    libraries: Mapping[str, str]
    """Versions of `LIBRARIES`, by the names that `pip` knows."""


@functools.lru_cache(maxsize=1)
def this_machine() -> Machine:
    """The one that we run on."""
    return Machine(
        platform=platform.platform(),
        processors=processors(),
        python=platform.python_version(),
        libraries={_DISTRIBUTIONS.get(name, name).replace("_", "-"): version_of(name) for name in LIBRARIES},
    )


def processors() -> int:
    """Processors that this process may use, which in a container is fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def version_of(library: str) -> str:
    """Its version, if need be without importing it, which takes longer than looking up a hundred photos.

    An installer names the folder of a distribution's metadata after its version ("Recording installed projects", Python
    packaging specifications); `importlib.metadata` would take as long as an import.
    """
    module = sys.modules.get(library)
    if module is None or not hasattr(module, "__version__"):  # not every library says it
        spec = importlib.util.find_spec(library)
        folder = Path(spec.origin).parents[1] if spec is not None and spec.origin is not None else Path()
        name = _DISTRIBUTIONS.get(library, library)
        found = [path.name for path in folder.glob(f"{name}-*.dist-info")]
        if len(found) == 1:
            return found[0].removeprefix(f"{name}-").removesuffix(".dist-info").partition("+")[0]
        module = importlib.import_module(library)
    return str(module.__version__).partition("+")[0]  # the name of a folder may lack what a local build adds
