"""All that is looked at, section by section."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING

from iqa_cli._version import __version__
from iqa_cli.inspection.install.formats import formats
from iqa_cli.inspection.install.libraries import extras, libraries
from iqa_cli.inspection.install.records import InstallReport, checked
from iqa_cli.inspection.records import Check, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

_REINSTALL = "pip install --force-reinstall iqa-cli"


def examine() -> InstallReport:
    """Import every library, read every format, load the shipped model and judge with it, and look at the cache."""
    return InstallReport(
        _about(),
        {
            "libraries": _section("libraries", libraries),
            "formats": _section("formats", formats),
            "model": _section("model", _model),
            "extras": _section("extras", extras),
            "cache": _section("cache", _cache),
        },
    )


def _section(name: str, look: Callable[[], Iterable[Check]]) -> tuple[Check, ...]:
    """Its checks; one bad one if it cannot even begin, as in a checkout whose metadata nobody installed."""
    try:
        return tuple(look())
    except Exception as error:  # noqa: BLE001 - see `checked`
        return (Check(name, Outcome.BAD, f"{type(error).__name__}: {error}", hint=_REINSTALL),)


def _about() -> dict[str, str]:
    return {
        "iqa": __version__,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "processors": _processors(),
        "memory": _memory(),
    }


def _processors() -> str:
    there = os.cpu_count() or 1
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else there
    return str(there) if usable == there else f"{usable} of {there}"


def _memory() -> str:
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # not on Windows
        return "unknown"
    return f"{size / 1e9:.0f} GB"


def _model() -> Iterator[Check]:
    from iqa_cli.inspection.check import check_checkpoint

    report = check_checkpoint("default")
    bad = [check for check in report.checks if check.outcome is Outcome.BAD]
    yield from bad
    if not bad:
        card = report.contents.get("graph", {})
        yield Check("checkpoint default", Outcome.OK, f"sound; {card.get('name')}, {len(report.files)} files")
        yield checked("onnxruntime", _providers, 'pip install --force-reinstall "onnxruntime"')
        yield checked("judging", _judged, _REINSTALL)


def _providers() -> str:
    import onnxruntime

    offered = (name.removesuffix("ExecutionProvider") for name in onnxruntime.get_available_providers())
    return f"{onnxruntime.__version__}: {', '.join(offered)}"


def _judged() -> str:
    """Whether the model knows bright from dark: scores of a drawn scene, of one 3 EV brighter, and of one 3 EV darker.

    raises  ValueError  if it does not
    """
    import numpy as np

    from iqa_cli.checkpoint import load_checkpoint
    from iqa_cli.models.prepare import views
    from iqa_cli.models.runner import OnnxModel
    from iqa_cli.paths import checkpoint_folder

    checkpoint = load_checkpoint(checkpoint_folder("default"))
    model = OnnxModel(checkpoint)
    light = _scene()
    scores = []
    for stops in (3, 0, -3):
        encoded = (light * 2.0**stops).clip(0, 1) ** (1 / 2.2)
        rgb = np.repeat(np.rint(255 * encoded).astype(np.uint8)[:, :, None], 3, axis=2)
        scores.append(model.photo_scores(views(rgb, checkpoint.preprocessing))[0])
    starts = np.cumsum([0, *(count - 1 for count in checkpoint.graph.n_levels)])
    for label, order in (("bright", scores), ("dark", scores[::-1])):
        at = starts[checkpoint.graph.label_names.index(label)]
        first, *rest = (float(one[at]) for one in order)
        if not (first > 0 and all(first > other for other in rest)):
            raise ValueError(f"the model does not tell a drawn scene from copies 3 EV brighter and darker ({label})")
    return "a drawn scene and copies of it, 3 EV brighter and darker, are told apart"


def _scene() -> NDArray[np.float64]:
    """(256, 384) linear light around a mean of 0.2, with structure of every size, as photographs have it."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)
    waves = np.zeros((256, 384))
    for cells in (3, 6, 12, 24, 48, 96, 192):
        noise = Image.fromarray(rng.normal(size=(cells * 2 // 3 + 1, cells)).astype(np.float32))
        waves += np.asarray(noise.resize((384, 256), Image.Resampling.BICUBIC)) / cells**0.5
    scene: NDArray[np.float64] = 0.2 * 2.0 ** (1.2 * waves / waves.std())
    return scene


def _cache() -> Iterator[Check]:
    from iqa_cli.cache import cache_info, default_folder

    try:
        folder = default_folder()
    except RuntimeError as error:
        yield Check(
            "folder", Outcome.NOTE, f"there is no place for one ({error})", hint="set IQA_CACHE_DIR to a folder"
        )
        return
    shown = _without_home(folder)
    info = cache_info(folder)
    if info.problem is not None:
        yield Check("folder", Outcome.NOTE, f"{shown}: {info.problem}; the next run starts a new one")
    elif not _can_be_written(folder):
        yield Check(
            "folder", Outcome.NOTE, f"{shown} may not be written to", hint="set IQA_CACHE_DIR to another folder"
        )
    else:
        yield Check("folder", Outcome.OK, f"{shown}: {info.photos:,} photos, {info.size_bytes / 1e6:,.1f} MB")


def _can_be_written(folder: Path) -> bool:
    """Whether files can be made in a folder, or it can be made where it is missing; nothing is."""
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    return os.access(there, os.W_OK | os.X_OK)


def _without_home(path: Path) -> str:
    """A path that does not say whose it is."""
    try:
        return str(Path("~") / path.relative_to(Path.home()))
    except (ValueError, RuntimeError):
        return str(path)
