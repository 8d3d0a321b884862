"""The weights behind an open_clip tag: in the hub's cache, or from the hub, which is asked once and quietly.

The hub's library asks for half a minute and logs every try, and open_clip then asks for the same weights in another
form. Here what the cache holds is taken as it is. What it lacks is downloaded if the hub answers within ten seconds.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import huggingface_hub
import open_clip
from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

from iqa_cli.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PATIENCE_S = 10.0
_USUAL = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
"""Files that open_clip looks for in a repository, in this order."""


def tag_file(architecture: str, tag: str, entry: Mapping[str, Any]) -> Path:
    """The file of weights that a tag stands for.

    entry   what open_clip knows of the tag
    raises  ConfigError  if the cache lacks it and it cannot be downloaded, naming file, place and ways out
    """
    repository, files = _wanted(entry)
    cache = huggingface_hub.constants.HF_HUB_CACHE
    for file in files:
        cached = huggingface_hub.try_to_load_from_cache(repository, file, cache_dir=cache)
        if isinstance(cached, str):
            return Path(cached)
    silence = _silence()
    if not silence:
        try:
            with _quiet():
                return Path(open_clip.download_pretrained(dict(entry)))
        except (OSError, RuntimeError, ValueError) as error:
            silence = f"the download failed ({_first_line(error)})"
    folder = Path(cache) / hub_folder(repository)
    raise ConfigError(
        f"model.pretrained: weights {tag!r} for {architecture} could not be loaded: the hub's cache lacks them, "
        f"and {silence}",
        hint=f"on a machine with a network, `hf download {repository} {files[0]}` fetches {files[0]}; then copy that "
        f"file here and set model.pretrained to its path{_with_activation(entry)}, or copy the hub cache's folder to "
        f"{folder}; HF_HUB_OFFLINE=1 in the environment keeps iqa from asking the hub at all",
    )


def hub_folder(repository: str) -> str:
    """Name of a repository's folder in the hub's cache."""
    name: str = huggingface_hub.file_download.repo_folder_name(repo_id=repository, repo_type="model")
    return name


def repository_of(entry: Mapping[str, Any]) -> str:
    """The hub's repository of a tag, `owner/name`; empty for one that is not on the hub."""
    return str(entry.get("hf_hub") or "").rpartition("/")[0]


def _wanted(entry: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    file = str(entry.get("hf_hub") or "").rpartition("/")[2]
    return repository_of(entry), (file,) if file else _USUAL


def _with_activation(entry: Mapping[str, Any]) -> str:
    return " with model.quick_gelu = true" if entry.get("quick_gelu") else ""


def _silence() -> str:
    """Why the hub is not asked; nothing if it answers."""
    constants = huggingface_hub.constants
    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE says that the hub is not to be asked"
    if not _answers(constants.ENDPOINT):
        return f"{constants.ENDPOINT} does not answer"
    return ""


def _answers(endpoint: str) -> bool:
    """Whether a host says within ten seconds that it is at work."""
    found: list[bool] = []

    def ask() -> None:
        # Each release of the hub's library has another HTTP client with errors of its own.
        with contextlib.suppress(Exception):
            found.append(huggingface_hub.get_session().head(endpoint, timeout=_PATIENCE_S).status_code < 500)

    # In a thread: looking up a name has no time limit of its own.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(_PATIENCE_S)
    return found == [True]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the hub's log, and without its bars where nobody watches."""
    logger, bars = logging.getLogger("huggingface_hub"), are_progress_bars_disabled()
    level = logger.level
    try:
        logger.setLevel(logging.ERROR)
        if not sys.stderr.isatty():
            disable_progress_bars()
        yield
    finally:
        logger.setLevel(level)
        if not bars and are_progress_bars_disabled():
            enable_progress_bars()


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200]
