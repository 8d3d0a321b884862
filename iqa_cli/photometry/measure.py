"""All measurements of one picture, in a fixed order.

name                   unit      range   what
luma_mean              luma      0..1    mean luma
luma_p1, luma_p5       luma      0..1    how dark the shadows are
luma_median            luma      0..1    half of the pixels are darker
luma_p95, luma_p99     luma      0..1    how bright the highlights are
dark_fraction          fraction  0..1    pixels with luma below 0.02: shadow detail is gone
clipped_fraction       fraction  0..1    pixels with two or three channels at 250 of 255 or above
clipped_fraction_r/g/b fraction  0..1    pixels with this channel at 250 of 255 or above
lstar_mean             lstar     0..100  mean lightness
lstar_std              lstar     0..50   standard deviation of lightness: contrast of the whole frame
lstar_p5_p95_spread    lstar     0..100  from the 5th to the 95th percentile: contrast, outliers aside
lstar_top_tenth_mean   lstar     0..100  mean lightness of the brightest tenth of the pixels
lstar_top_tenth_std    lstar     0..50   standard deviation there: how much the highlights differ
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from iqa_cli.photometry.clipping import clipped_fractions, is_clipped
from iqa_cli.photometry.luma import count_tones
from iqa_cli.photometry.subject import doubt, structure
from iqa_cli.records import Measurement

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from iqa_cli.photometry.luma import Tones
    from iqa_cli.photometry.subject import Doubt

DARK_BELOW = 0.02
"""Luma. About 5 of 255: on a screen in a lit room nothing is told apart below it."""

MEASUREMENT_UNITS = {
    "luma_mean": "luma",
    "luma_p1": "luma",
    "luma_p5": "luma",
    "luma_median": "luma",
    "luma_p95": "luma",
    "luma_p99": "luma",
    "dark_fraction": "fraction",
    "clipped_fraction": "fraction",
    "clipped_fraction_r": "fraction",
    "clipped_fraction_g": "fraction",
    "clipped_fraction_b": "fraction",
    "lstar_mean": "lstar",
    "lstar_std": "lstar",
    "lstar_p5_p95_spread": "lstar",
    "lstar_top_tenth_mean": "lstar",
    "lstar_top_tenth_std": "lstar",
}
"""By name, in the order of reports; see `Measurement`."""
MEASUREMENT_NAMES = tuple(MEASUREMENT_UNITS)


LUMA_BINS = 64
"""Of the histogram for people."""


@dataclasses.dataclass(frozen=True)
class Examination:
    """What the pixels of one picture say."""

    measurements: tuple[Measurement, ...]
    """One per name, in the order of `MEASUREMENT_NAMES`."""
    doubt: Doubt | None
    """What it seems to be if it is no photograph, see `subject.doubt`."""
    planes: NDArray[np.uint8]
    """(3, H, W) the pixels, red first."""
    tones: Tones
    """Their luma and lightness."""

    def areas(self) -> NDArray[np.uint8]:
        """(H, W) 1 where a pixel counts for `clipped_fraction`, 2 where for `dark_fraction`, 0 elsewhere."""
        found = is_clipped(self.planes).astype(np.uint8)
        dark_bins = int(np.searchsorted(self.tones.luma.values, DARK_BELOW))
        found[self.tones.luma_bins.reshape(found.shape) < dark_bins] = 2
        return found

    def luma_histogram(self) -> NDArray[np.uint8]:
        """(LUMA_BINS,) pixels by luma in equal bins from 0 to 1: 255 for the fullest, above 0 where there is any."""
        counts = self.tones.luma.counts
        edges = np.arange(LUMA_BINS) * len(counts) // LUMA_BINS
        sums = np.add.reduceat(counts, edges)
        scaled: NDArray[np.uint8] = np.ceil(255.0 * sums / sums.max()).astype(np.uint8)
        return scaled


def measure(rgb: NDArray[np.uint8]) -> tuple[Measurement, ...]:
    """Every measurement of one picture.

    rgb      (H, W, 3) uint8, encoded sRGB, at least one pixel
    returns  one record per name, in the order of `MEASUREMENT_NAMES`
    """
    return examine(rgb).measurements


def examine(rgb: NDArray[np.uint8]) -> Examination:
    """Every measurement of one picture, and what it seems to be if it is no photograph.

    rgb  (H, W, 3) uint8, encoded sRGB, at least one pixel
    """
    # Planes one after the other in memory: every pass below reads one channel at a time.
    planes = np.ascontiguousarray(rgb.transpose(2, 0, 1))
    tones = count_tones(planes)
    luma, lstar = tones.luma, tones.lstar
    highlights = lstar.top(0.1)
    low, high = lstar.percentiles(5, 95)
    values = (
        luma.mean(),
        *luma.percentiles(1, 5, 50, 95, 99),
        luma.fraction_below(DARK_BELOW),
        *clipped_fractions(planes),
        lstar.mean(),
        lstar.std(),
        high - low,
        highlights.mean(),
        highlights.std(),
    )
    measurements = (
        Measurement(name, value, unit) for (name, unit), value in zip(MEASUREMENT_UNITS.items(), values, strict=True)
    )
    return Examination(tuple(measurements), doubt(structure(planes, tones)), planes, tones)
