"""The records that travel from stage to stage: one per arrow of the data flow.

Frozen, and checked where they are made, so that a record that exists is a valid one. Levels are 1..4 everywhere in
here (1 none, 2 ordinary, 3 severe, 4 blocking); only the readers of foreign CSV files know other spellings.
"""

from __future__ import annotations

import abc
import dataclasses
import enum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping
    from pathlib import Path
    from typing import BinaryIO

    import numpy as np
    from numpy.typing import NDArray

Language = Literal["en", "zh"]
Status = Literal["ok", "uncertain", "damaged", "unreadable"]
Measured = Literal["fits", "less", "more"]
"""What a measurement says to a level: it was seen there, or is far from that and speaks for a lower or higher one."""
Decode = Literal["scaled", "full", "thumbnail", "auto"]
"""How much of a file is decoded: a JPEG at a fraction of its size, every pixel, the preview of the camera, or that
where a check against the picture and a margin allow it and otherwise as by "scaled"."""
Device = Literal["auto", "cpu", "cuda"]
"""Where a model runs: `auto` takes a graphics card for a large model, if there is one."""
UnclearSurroundings = Literal["edge", "small", "blurred"]
"""Why it is not safe to say what is picture and what was put around it: an even strip with a straight edge that may be
either, hardly any picture inside, or a blurred copy of the picture on two sides of it."""
UnclearColours = Literal["coding"]
"""Why what is judged does not look as the picture does: its colours are coded in a way that cannot be converted."""
Unclear = UnclearSurroundings | UnclearColours


class Severity(enum.IntEnum):
    """The four levels of a label in reports and on the command line."""

    NONE = 1
    ORDINARY = 2
    SEVERE = 3
    BLOCKING = 4


@dataclasses.dataclass(frozen=True, slots=True)
class PhotoRef:
    """A photo that was found but not opened yet."""

    path: Path
    """Where it is; may hold bytes that are not UTF-8 (surrogate-escaped)."""

    source_file: str
    """The same path as it is shown and written: valid UTF-8, undecodable bytes as \\xNN."""


class StoredPhoto(abc.ABC):
    """A photo that is no file of this machine, such as an object in a bucket; read as a file is, where it is needed.

    source_file  as of `PhotoRef`
    size         bytes that it has
    """

    def __init__(self, source_file: str, size: int) -> None:
        self.source_file = source_file
        self.size = size

    @abc.abstractmethod
    def open(self) -> BinaryIO:
        """An unbuffered stream that can seek, at its start. Reading it raises OSError where a file would."""


@dataclasses.dataclass(frozen=True, slots=True)
class Photo:
    """A decoded picture: upright, sRGB, small."""

    rgb: NDArray[np.uint8]
    """(H, W, 3) uint8, sRGB-encoded, EXIF orientation and colour profile already applied; may be read-only."""

    width: int
    """Pixels across of the upright original, before it was made small and before anything around it was cut off."""

    height: int
    """Pixels down of the upright original."""

    notes: tuple[str, ...] = ()
    """What a reader of the report should know about how the picture was read."""

    unclear: Unclear | None = None
    """Why what is judged may not be the picture alone, or not as it looks; None where there is no doubt."""

    damage: str | None = None
    """One line for a person: what is wrong with the file, though a picture came out; None if nothing is."""

    large: NDArray[np.uint8] | None = None
    """The same picture with more pixels, for a model that asked for them; None where `rgb` has all that it needs, or
    all there are."""

    is_checked_preview: bool = False
    """Whether it is the camera's preview, which was compared with parts of the picture; see mode "auto"."""

    @property
    def largest(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 with as many pixels as there are, for a model; measurements are of `rgb`."""
        return self.rgb if self.large is None else self.large

    def __post_init__(self) -> None:
        """Refuse anything that is not (H, W, 3) uint8 with at least one pixel."""
        if self.rgb.ndim != 3 or self.rgb.shape[2] != 3 or self.rgb.dtype.name != "uint8" or self.rgb.size == 0:
            raise ValueError(f"expected (H, W, 3) uint8 with pixels, got {self.rgb.shape} {self.rgb.dtype}")


@dataclasses.dataclass(frozen=True, slots=True)
class Unreadable:
    """A photo that could not be decoded. A result, not an exception."""

    reason: str
    """One line for a person: what is wrong with the file."""


@dataclasses.dataclass(frozen=True, slots=True)
class Capture:
    """Settings the camera wrote into EXIF; every field may be None."""

    make: str | None = None
    """Camera maker, as written."""
    model: str | None = None
    """Camera model, as written."""
    lens_model: str | None = None
    """Lens, as written."""
    taken_at: dt.datetime | None = None
    """DateTimeOriginal, in the camera's own clock without a zone."""
    exposure_time_s: float | None = None
    """Shutter time in seconds."""
    f_number: float | None = None
    """Aperture as f-number."""
    iso: int | None = None
    """Sensitivity."""
    exposure_bias_ev: float | None = None
    """Exposure compensation in EV."""
    flash_fired: bool | None = None
    """Bit 0 of the Flash tag."""
    orientation: int | None = None
    """EXIF orientation 1..8 as stored."""
    image_width: int | None = None
    """Stored pixels across, before orientation."""
    image_height: int | None = None
    """Stored pixels down, before orientation."""
    focal_length_mm: float | None = None
    """Of the lens itself, not what it would be on a larger sensor."""


@dataclasses.dataclass(frozen=True, slots=True)
class Measurement:
    """One number measured from the pixels."""

    name: str
    """Quantity first, unit last when it is not obvious: `luma_median`, `lstar_std`."""
    value: float
    """In the unit below."""
    unit: str
    """`fraction` (0..1), `luma` (0..1, Rec.709 on encoded sRGB), `lstar` (0..100)."""


@dataclasses.dataclass(frozen=True, slots=True)
class Thumbnail:
    """A picture as it was judged, small enough for a page of thousands."""

    jpeg: bytes
    """A JPEG file, sRGB, upright, without what was cut off around the picture."""
    areas: bytes
    """A PNG file of two bits a pixel to lay over it: 0 transparent, 1 and 3 clipped (in stripes), 2 crushed, as
    `clipped_fraction` and `dark_fraction` count them, in the pixels that were measured."""
    luma: bytes
    """Pixels by luma in equal bins from 0 to 1, one byte a bin: 255 for the fullest, above 0 where there is any."""


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """What the model says about one label of one photo."""

    label: str
    """The label as the graph spells it."""
    level: int
    """1 none, 2 ordinary, 3 severe, 4 blocking (the graph's numbers): the best legal levels at the checkpoint's
    operating point, which may name a problem that is a little less likely than not."""
    probability: float
    """Probability that the level is at least 2, after the graph's rules, whatever the operating point. 0..1."""
    evidence: str
    """The measurements that speak about this label, in plain words; empty where nothing was measured for it."""
    margin: float = 1.0
    """Probability of the level less that of the likelier of its neighbours, at the operating point, -1..1: near 0 the
    level hangs by a hair."""
    nearly: int | None = None
    """That neighbour, if the margin is so small that the photo may as well be there; else None."""
    measured: Measured | None = None
    """Whether the measurements fit the level; None where that cannot be told, as without a checkpoint's ranges."""

    def __post_init__(self) -> None:
        """Refuse a level below 1 and a probability outside 0..1."""
        if self.level < 1:
            raise ValueError(f"level must be at least 1, got {self.level}")
        if not 0.0 <= self.probability <= 1.0:
            raise ValueError(f"probability must be in 0..1, got {self.probability}")


@dataclasses.dataclass(frozen=True, slots=True)
class Decision:
    """What a model's scores of one photo come to under the graph's rules; mappings are in graph order."""

    levels: Mapping[str, int]
    """Per label its level, 1 none, 2 ordinary, 3 severe, 4 blocking (the graph's numbers), as reports name it."""
    marginals: Mapping[str, tuple[float, ...]]
    """Per label the probability of each of its levels, the lowest first."""
    at_operating_point: Mapping[str, tuple[float, ...]]
    """The same at the checkpoint's operating point, by which levels are named; `marginals` again where it has none."""


@dataclasses.dataclass(frozen=True, slots=True)
class Influence:
    """What the rules between two labels do to the probability of one label, in one photo."""

    rules: tuple[str, ...]
    """JSON pointers of the rules in the graph's document, such as `/exclusions/0`."""
    between: tuple[str, str]
    """The two labels that the rules are about."""
    label: str
    """The label whose probability moves: one of the two, or another that hangs together with them."""
    level: int
    """The level whose probability, or worse, moves the most."""
    before: float
    """P(label >= level) if no rule between labels held. 0..1."""
    without: float
    """The same with all rules but these. 0..1."""
    after: float
    """The same with all rules. 0..1."""

    @property
    def shift(self) -> float:
        """What these rules change, -1..1."""
        return self.after - self.without


@dataclasses.dataclass(frozen=True, slots=True)
class PhotoReport:
    """Everything known about one photo, readable or not: the only document that renderers read."""

    source_file: str
    """The photo's path as shown; empty for a photo that came from memory."""
    status: Status
    """`ok`; `uncertain` when it was judged but should not be trusted, `damaged` when that is so because its file is
    damaged; `unreadable` when it was not judged."""
    error: str | None = None
    """Why it is unreadable, else None."""
    notes: tuple[str, ...] = ()
    """What to know about how it was read or judged."""
    findings: tuple[Finding, ...] = ()
    """One per label, in graph order; empty when unreadable."""
    marginals: Mapping[str, tuple[float, ...]] = dataclasses.field(default_factory=dict)
    """Per label the probability of each of its levels, the lowest first."""
    independent: Mapping[str, tuple[float, ...]] = dataclasses.field(default_factory=dict)
    """The same if no rule between labels held; empty unless an explanation was asked for."""
    influence: tuple[Influence, ...] = ()
    """Which rules changed the probability of which label, the largest shift first; empty unless asked for."""
    measurements: tuple[Measurement, ...] = ()
    """In the order of `photometry.MEASUREMENT_NAMES`; empty when unreadable."""
    capture: Capture = dataclasses.field(default_factory=Capture)
    """Camera settings, as far as they could be read."""
    thumbnail: Thumbnail | None = None
    """The picture, small; None when unreadable, and unless asked for."""

    def __post_init__(self) -> None:
        """An unreadable photo has an error and no findings; any other has findings and no error."""
        if (self.status == "unreadable") != (self.error is not None):
            raise ValueError(f"status {self.status!r} does not fit error {self.error!r}")
        if (self.status == "unreadable") == bool(self.findings):
            raise ValueError(f"status {self.status!r} does not fit {len(self.findings)} findings")

    @property
    def worst(self) -> Finding | None:
        """The finding with the highest level, then probability; None when nothing is above level 1."""
        present = [finding for finding in self.findings if finding.level > 1]
        return max(present, key=lambda finding: (finding.level, finding.probability), default=None)

    def _repr_html_(self) -> str:
        """What a notebook shows of it; see `report.audit.html.notebook`."""
        # Notebooks ask the object itself, so here alone a record knows of a renderer: when it is asked, and as an
        # exception in the import rules.
        from iqa_cli.report.audit.html.notebook import notebook_html

        return notebook_html(self)
