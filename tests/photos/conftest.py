"""Pictures drawn in code, and files made of them; makes `bombs` importable."""

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from iqa_cli.records import PhotoRef

_FOLDER = str(Path(__file__).parent)
if _FOLDER not in sys.path:
    sys.path.insert(0, _FOLDER)


def draw(width: int = 96, height: int = 64) -> Image.Image:
    """A scene without symmetry: a ramp across, a ramp down, a red corner at the top left, some texture."""
    across, down = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    rgb = np.stack([200 * across, 180 * down, 90 + 60 * across * down], axis=2)
    rgb += 12 * np.sin(np.arange(width) / 3.0)[None, :, None] * np.cos(np.arange(height) / 4.0)[:, None, None]
    rgb[: height // 4, : width // 4] = (230, 20, 20)
    return Image.fromarray(np.clip(rgb + 20, 0, 255).astype(np.uint8))


@pytest.fixture
def picture() -> Callable[..., Image.Image]:
    return draw


@pytest.fixture
def encode() -> Callable[..., bytes]:
    """encode(image, "JPEG", quality=90) -> bytes of a file."""

    def _encode(image: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
        buffer = io.BytesIO()
        if kind == "JPEG":
            options = {"quality": 95, "subsampling": 0, **options}
        image.save(buffer, kind, **options)
        return buffer.getvalue()

    return _encode


@pytest.fixture
def ref() -> Callable[[Path], PhotoRef]:
    return lambda path: PhotoRef(path, str(path))


@pytest.fixture(scope="session")
def dcim() -> Path:
    """Camera files of many makers, kept beside the project."""
    folder = Path(__file__).parents[3] / "shared" / "dcim"
    if not folder.is_dir():
        pytest.skip("the sample photos are not beside the project")
    return folder
