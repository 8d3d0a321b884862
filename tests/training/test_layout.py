"""Layout maps: inside their stated ranges, different from row to row, repeatable, and where they say."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import pytest

torch = pytest.importorskip("torch", reason="the tone ladder needs the train extra")

from iqa_cli.training import layout  # noqa: E402 - torch may be missing

if TYPE_CHECKING:
    from collections.abc import Callable

COUNT, SIZE = 60, 48


def sharp(value: float) -> torch.Tensor:
    return torch.full((COUNT, 1, 1, 1), value)


MAPS: dict[str, tuple[Callable[..., torch.Tensor], float]] = {
    "upper_side": (lambda *arguments: layout.upper_side(*arguments, sharp(6.0)), -1.0),
    "depth": (lambda count, size, generator: layout.depth(scenes(count, size), generator), 0.0),
    "near": (lambda count, size, generator: layout.near(scenes(count, size), generator), 0.0),
    "spots": (functools.partial(layout.spots, low=0.1, high=0.3), 0.0),
    "subject": (layout.subject, 0.0),
    "page": (layout.page, 0.0),
    "text_lines": (layout.text_lines, 0.0),
}


def scenes(count: int, size: int) -> torch.Tensor:
    """A light sky over a dark ground, with a darker thing at a place of its own in each. (count, 3, size, size)."""
    pictures = torch.full((count, 3, size, size), 0.8)
    pictures[:, :, size // 2 :] = 0.35
    for row in range(count):
        left = (row * 7) % (size - 12)
        pictures[row, :, size // 4 : size // 2 + 6, left : left + 10] = 0.1
    return pictures


def drawn(name: str, seed: int = 0) -> torch.Tensor:
    made, _ = MAPS[name]
    return made(COUNT, SIZE, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", MAPS)
def test_a_map_keeps_its_range_and_differs_from_row_to_row(name: str) -> None:
    values, low = drawn(name), MAPS[name][1]
    assert (values.shape, values.dtype) == ((COUNT, 1, SIZE, SIZE), torch.float32)
    assert low <= float(values.min()) < low + 0.1
    assert 0.7 < float(values.max()) <= 1.0
    assert len(torch.unique(values.flatten(1), dim=0)) >= COUNT - 2  # two may be far everywhere
    assert torch.equal(values, drawn(name))
    assert not torch.equal(values, drawn(name, 1))


def test_a_random_field_has_mean_nought_and_deviation_one() -> None:
    field = layout.uneven(400, SIZE, torch.Generator().manual_seed(0))
    assert float(field.mean()) == pytest.approx(0.0, abs=0.05)
    assert float(field.std()) == pytest.approx(1.0, abs=0.1)


def test_a_random_field_is_smooth() -> None:
    field = layout.uneven(40, SIZE, torch.Generator().manual_seed(0))
    assert float(field.diff(dim=-1).std()) < 0.2


def test_the_upper_side_is_above_and_what_is_far_is_further_up() -> None:
    for name, apart in (("upper_side", 1.0), ("depth", 0.2)):
        values = drawn(name)
        above, below = values[:, :, : SIZE // 4].mean(), values[:, :, -SIZE // 4 :].mean()
        assert float(above - below) > apart


def test_a_skyline_is_sharper_than_a_slope() -> None:
    slope, skyline = (
        layout.upper_side(COUNT, SIZE, torch.Generator().manual_seed(0), sharp(value)) for value in (1.0, 12.0)
    )
    undecided = [float((side.abs() < 0.9).float().mean()) for side in (slope, skyline)]
    assert undecided[1] < 0.4 * undecided[0]


def test_a_spot_fades_with_its_own_width() -> None:
    narrow, wide = (
        layout.spots(COUNT, SIZE, torch.Generator().manual_seed(0), low=width, high=width, most=1)
        for width in (0.05, 0.2)
    )
    assert float(wide.mean()) > 4 * float(narrow.mean())
    several = layout.spots(COUNT, SIZE, torch.Generator().manual_seed(0), low=0.05, high=0.05, most=6)
    assert float(several.mean()) > 1.5 * float(narrow.mean())


def test_things_and_sheets_lie_in_the_middle_and_leave_ground_around() -> None:
    middle = slice(SIZE // 2 - 2, SIZE // 2 + 2)
    for name in ("subject", "page"):
        values = drawn(name)
        assert float(values[:, :, middle, middle].mean()) > 0.95
        assert float(values[:, :, [0, -1]][..., [0, -1]].mean()) < 0.2
    covered = drawn("page").mean((1, 2, 3))
    assert float(covered.min()) > 0.3
    assert float(covered.max()) <= 1.0


def test_text_leaves_margins_and_most_of_the_paper_white() -> None:
    ink = drawn("text_lines")
    assert float(ink[..., 0].abs().max()) == float(ink[:, :, 0].abs().max()) == 0.0
    assert 0.1 < float((ink > 0).float().mean()) < 0.5


def test_what_stands_in_front_has_hard_edges_and_fills_its_share() -> None:
    front = drawn("near")
    assert set(front.unique().tolist()) == {0.0, 1.0}
    covered = front.mean((1, 2, 3))
    assert 0.04 < float(covered.min()) < float(covered.max()) < 0.45


def test_what_stands_in_front_follows_the_edges_of_what_is_shown_and_is_dark() -> None:
    front, shown = drawn("near"), scenes(COUNT, SIZE).mean(1, keepdim=True)
    dark = float((front * (shown < 0.2)).sum() / (shown < 0.2).sum())
    light = float((front * (shown > 0.7)).sum() / (shown > 0.7).sum())
    assert dark > 2 * light


def test_near_things_end_the_depth_at_once() -> None:
    """Most frames have a step from far to near; a smooth slope has none."""
    far = drawn("depth")
    steps = torch.maximum(far.diff(dim=-1).abs().amax((1, 2, 3)), far.diff(dim=-2).abs().amax((1, 2, 3)))
    assert float((steps > 0.3).float().mean()) > 0.6
