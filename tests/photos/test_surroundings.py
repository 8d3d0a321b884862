"""What was put around a picture is cut off, whichever side it is on; nothing of a picture ever is."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter
from scipy.ndimage import gaussian_filter

from iqa_cli.photos import read_photo
from iqa_cli.photos.surroundings import NOTHING, find_surroundings
from iqa_cli.pipeline import assess, assess_photo
from iqa_cli.records import Photo

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from iqa_cli.records import Language

    Box = tuple[int, int, int, int]
    Framed = tuple[Image.Image, Box]

Picture = NDArray[np.uint8]
BLACK, WHITE, GREY, BLUE = (0, 0, 0), (255, 255, 255), (96, 96, 96), (30, 60, 120)
LOST = 4
"""Pixels of the working picture that may be cut off with the surroundings, or left of them."""


def scene(seed: int = 0, height: int = 300, width: int = 400, mean: float = 120.0) -> Image.Image:
    """Texture of several sizes in three colours: nothing in it is even."""
    rng = np.random.default_rng(seed)
    layers = [gaussian_filter(rng.standard_normal((height, width, 3)), (size, size, 0)) for size in (1, 4, 16)]
    picture = sum(layer / layer.std() for layer in layers)
    return Image.fromarray((mean + 22 * picture).clip(0, 255).astype(np.uint8))


def on(photo: Image.Image, colour: tuple[int, int, int], left: int, top: int, right: int, bottom: int) -> Framed:
    framed = Image.new("RGB", (photo.width + left + right, photo.height + top + bottom), colour)
    framed.paste(photo, (left, top))
    return framed, (left, top, left + photo.width, top + photo.height)


def jpeg(image: Image.Image, quality: int = 92) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def decoded(image: Image.Image, quality: int = 92) -> Picture:
    with Image.open(io.BytesIO(jpeg(image, quality))) as opened:
        return np.asarray(opened)


def with_letters(framed: Framed, at: tuple[int, int], ink: tuple[int, int, int]) -> Framed:
    image, box = framed
    draw = ImageDraw.Draw(image)
    draw.text(at, "CAMERA 9  23mm f/1.9", fill=ink)
    draw.ellipse((at[0] + 200, at[1] - 4, at[0] + 224, at[1] + 20), fill=(200, 30, 30))
    return image, box


def rounded() -> Framed:
    photo = scene()
    mask = Image.new("L", photo.size)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, photo.width - 1, photo.height - 1), 18, fill=255)
    return on(Image.composite(photo, Image.new("RGB", photo.size, WHITE), mask), WHITE, 24, 24, 24, 24)


def nested() -> Framed:
    inner, box = on(scene(), WHITE, 15, 15, 15, 15)
    outer, by = on(inner, BLACK, 0, 40, 0, 40)
    return outer, (box[0] + by[0], box[1] + by[1], box[2] + by[0], box[3] + by[1])


def noisy() -> Framed:
    image, box = on(scene(), (18, 18, 18), 0, 40, 0, 40)
    noise = np.random.default_rng(1).normal(0, 1.5, (image.height, image.width, 3))
    return Image.fromarray((np.asarray(image) + noise).clip(0, 255).astype(np.uint8)), box


def viewer(colour: tuple[int, int, int], ink: tuple[int, int, int], margin: int) -> Framed:
    """A phone's screen: a clock and a battery above, buttons below."""
    framed, box = on(scene(0, 150, 200), colour, margin, 140, margin, 140)
    draw = ImageDraw.Draw(framed)
    draw.text((8, 6), "9:41", fill=ink)
    draw.rectangle((framed.width - 30, 8, framed.width - 12, 15), outline=ink)
    for at in (20, 80, 140):
        draw.ellipse((at, 400, at + 14, 414), outline=ink)
    return framed, box


SURROUNDINGS: dict[str, Callable[[], Framed]] = {
    "letterbox": lambda: on(scene(), BLACK, 0, 40, 0, 40),
    "letterbox of 4 %": lambda: on(scene(), BLACK, 0, 13, 0, 13),
    "white letterbox": lambda: on(scene(), WHITE, 0, 40, 0, 40),
    "pillarbox": lambda: on(scene(), BLACK, 60, 0, 60, 0),
    "bars of two widths": lambda: on(scene(), BLACK, 0, 40, 0, 20),
    "grey bars": lambda: on(scene(), GREY, 0, 40, 0, 40),
    "one blue bar": lambda: on(scene(), BLUE, 0, 0, 0, 40),
    "noisy bars": noisy,
    "black border": lambda: on(scene(), BLACK, 24, 24, 24, 24),
    "thin white border": lambda: on(scene(), WHITE, 6, 6, 6, 6),
    "white caption": lambda: with_letters(on(scene(), WHITE, 0, 0, 0, 44), (10, 314), BLACK),
    "black caption": lambda: with_letters(on(scene(), BLACK, 0, 0, 0, 44), (10, 314), WHITE),
    "instant picture": lambda: with_letters(on(scene(), WHITE, 16, 16, 16, 56), (60, 336), BLACK),
    "rounded corners": rounded,
    "a white border in black bars": nested,
    "a viewer": lambda: viewer(BLACK, WHITE, 0),
    "a viewer with margins": lambda: viewer(WHITE, BLACK, 20),
}


@pytest.mark.parametrize("kind", SURROUNDINGS)
def test_surroundings_are_cut_off_to_the_picture(kind: str) -> None:
    framed, box = SURROUNDINGS[kind]()
    found = find_surroundings(decoded(framed))
    assert found.unclear is None
    assert found.box is not None
    left, top, right, bottom = found.box
    for cut, edge in ((left - box[0], box[0]), (top - box[1], box[1])):
        assert 0 <= cut <= LOST if edge else cut == 0
    for cut, is_cut in ((box[2] - right, box[2] < framed.width), (box[3] - bottom, box[3] < framed.height)):
        assert 0 <= cut <= LOST if is_cut else cut == 0


@pytest.mark.parametrize("kind", SURROUNDINGS)
def test_the_picture_is_the_same_however_it_is_turned(kind: str) -> None:
    rgb = decoded(SURROUNDINGS[kind]()[0])
    box = find_surroundings(rgb).box
    assert box is not None
    picture = rgb[box[1] : box[3], box[0] : box[2]]
    for turned, expected in (
        *((np.rot90(rgb, turns), np.rot90(picture, turns)) for turns in (1, 2, 3)),
        (rgb[:, ::-1], picture[:, ::-1]),
    ):
        inside = find_surroundings(turned).box
        assert inside is not None
        assert np.array_equal(turned[inside[1] : inside[3], inside[0] : inside[2]], expected)


def night() -> Image.Image:
    """Black sky, stars, roofs of several heights with lit windows."""
    photo = np.zeros((300, 400, 3), np.uint8)
    rng = np.random.default_rng(2)
    photo[rng.integers(0, 150, 40), rng.integers(0, 400, 40)] = 200
    for house in range(10):
        top = 170 + int(rng.integers(0, 60))
        photo[top:, house * 40 : house * 40 + 40] = np.asarray(scene(house, 300, 40, 60.0))[top:]
    return Image.fromarray(photo)


def thing(ground: int) -> Image.Image:
    """A bottle on an even ground."""
    mask = Image.new("L", (400, 300))
    draw = ImageDraw.Draw(mask)
    draw.ellipse((130, 60, 270, 280), fill=255)
    draw.rectangle((185, 20, 215, 90), fill=255)
    return Image.composite(scene(), Image.new("RGB", (400, 300), (ground,) * 3), mask)


def silhouette() -> Image.Image:
    """Black hills below a bright sky."""
    photo = np.asarray(scene(3, 300, 400, 200.0)).copy()
    ridge = 220 + 25 * np.sin(np.arange(400) / 60) + 6 * np.sin(np.arange(400) / 9)
    photo[np.arange(300)[:, None] > ridge[None]] = 0
    return Image.fromarray(photo)


def sloping_ground() -> Image.Image:
    """A black foreground whose edge is straight, and lies a little slant."""
    photo = np.asarray(scene(4)).copy()
    photo[np.arange(300)[:, None] > 240 + np.arange(400)[None] / 20] = 0
    return Image.fromarray(photo)


def blue_sky() -> Image.Image:
    """A smooth sky over a level horizon: never even, because it is lighter below."""
    photo = np.asarray(scene(5)).copy()
    photo[:150] = (np.array([90, 140, 220]) + np.linspace(0, 40, 150)[:, None, None]).astype(np.uint8)
    return Image.fromarray(photo)


def spotlight() -> Image.Image:
    """A round light in the dark."""
    down, across = np.mgrid[0:300, 0:400]
    share = np.clip(1.5 - np.hypot(down - 150, across - 200) / 90, 0, 1)[..., None]
    return Image.fromarray((np.asarray(scene(6)) * share).astype(np.uint8))


def moon() -> Image.Image:
    photo = Image.new("RGB", (400, 300))
    ImageDraw.Draw(photo).ellipse((190, 100, 214, 124), fill=(230, 230, 210))
    return photo


def between_two_skies() -> Image.Image:
    """Smooth above and below a shirt: what blurred copies are like, but nothing in it is straight."""
    photo = Image.new("RGB", (400, 300), (120, 60, 60))
    shirt = [(60, 60), (200, 40), (340, 60), (300, 250), (200, 260), (100, 250)]
    ImageDraw.Draw(photo).polygon(shirt, fill=(230, 230, 230))
    return photo.filter(ImageFilter.GaussianBlur(1))


PICTURES: dict[str, Callable[[], Image.Image]] = {
    "an ordinary scene": scene,
    "a night": night,
    "a thing on white": lambda: thing(255),
    "a thing on black": lambda: thing(0),
    "a silhouette": silhouette,
    "a slanting foreground": sloping_ground,
    "a blue sky": blue_sky,
    "a spotlight": spotlight,
    "a moon": moon,
    "a shirt": between_two_skies,
    "a black picture": lambda: Image.new("RGB", (400, 300)),
    "an icon in a frame": lambda: on(scene(0, 20, 20), WHITE, 5, 5, 5, 5)[0],
}


@pytest.mark.parametrize("kind", PICTURES)
@pytest.mark.parametrize("turns", range(4))
def test_a_picture_is_left_whole(kind: str, turns: int) -> None:
    assert find_surroundings(np.rot90(decoded(PICTURES[kind]()), turns)) == NOTHING


def test_scenes_of_every_darkness_are_left_whole() -> None:
    for seed in range(40):
        assert find_surroundings(decoded(scene(seed, mean=float(seed * 6)))) == NOTHING


def test_a_bar_alone_in_black_or_white_may_be_sky_or_ground() -> None:
    """A burnt sky ends at a level horizon as well: it is not cut off, and not believed either."""
    for colour in (BLACK, WHITE):
        found = find_surroundings(decoded(on(scene(), colour, 0, 40, 0, 0)[0]))
        assert (found.box, found.unclear) == (None, "edge")


def test_hardly_any_picture_is_told() -> None:
    found = find_surroundings(decoded(on(scene(0, 60, 80), WHITE, 160, 120, 160, 120)[0]))
    assert (found.box, found.unclear) == (None, "small")


@pytest.mark.parametrize("turns", range(4))
def test_blurred_copies_beside_a_picture_are_told(turns: int) -> None:
    photo = scene(7, 200, 400)
    copy = photo.resize((800, 400)).crop((200, 0, 600, 400)).filter(ImageFilter.GaussianBlur(14))
    copy.paste(photo.resize((400, 200)).point(lambda value: min(255, value + 20)), (0, 100))
    found = find_surroundings(np.rot90(decoded(copy), turns))
    assert (found.box, found.unclear) == (None, "blurred")


def test_the_stated_size_stays_that_of_the_file() -> None:
    framed, box = on(scene(0, 900, 1200), BLACK, 0, 150, 0, 150)
    photo, capture = read_photo(jpeg(framed))
    assert isinstance(photo, Photo)
    assert (photo.width, photo.height) == (capture.image_width, capture.image_height) == framed.size
    height, width, _ = photo.rgb.shape
    assert width / height == pytest.approx((box[2] - box[0]) / (box[3] - box[1]), rel=0.03)
    assert photo.notes == ("judged without the even surroundings (top, bottom): 75 % of the frame is picture",)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_note_names_the_sides_of_the_upright_picture(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stream = io.BytesIO()
    on(scene(), GREY, 0, 40, 0, 0)[0].save(stream, "JPEG", exif=exif, quality=90)
    photo, _ = read_photo(stream.getvalue())
    side = ("top", "top", "bottom", "bottom", "left", "right", "right", "left")[orientation - 1]
    assert isinstance(photo, Photo)
    assert photo.notes[0].startswith(f"judged without the even surroundings ({side})")


@pytest.mark.parametrize("mode", ["scaled", "full", "thumbnail"])
def test_every_way_to_read_finds_the_same_picture(mode: str) -> None:
    framed = on(scene(0, 900, 1200), WHITE, 80, 80, 80, 80)[0]
    in_memory, _ = read_photo(framed)
    photo, _ = read_photo(jpeg(framed, 95), mode=mode)  # type: ignore[arg-type]
    assert isinstance(in_memory, Photo)
    assert isinstance(photo, Photo)
    assert np.abs(np.subtract(photo.rgb.shape, in_memory.rgb.shape)).max() <= 2  # the edge is blurred by decoding
    assert photo.notes[0].partition(":")[0] == in_memory.notes[0].partition(":")[0]


def test_the_photo_inside_is_judged(checkpoint_folder: Path, tmp_path: Path) -> None:
    """The hand-made model looks at the mean: with its bars the photo would be dark, severe."""
    folder = tmp_path / "roll"
    folder.mkdir()
    (folder / "a_bars.jpg").write_bytes(jpeg(on(scene(mean=128.0), BLACK, 0, 200, 0, 200)[0], 95))
    (folder / "b_one_bar.jpg").write_bytes(jpeg(on(scene(mean=128.0), BLACK, 0, 200, 0, 0)[0], 95))
    (folder / "c_as_it_is.jpg").write_bytes(jpeg(scene(mean=128.0), 95))
    bars, one_bar, plain = assess([folder], checkpoint=checkpoint_folder)
    assert [report.worst for report in (bars, plain)] == [None, None]
    assert (bars.status, one_bar.status, plain.status) == ("ok", "uncertain", "ok")
    assert "without the even surroundings (top, bottom)" in bars.notes[0]
    assert one_bar.notes == (
        "an even strip at the edge may not belong to the picture: cut it off to have the rest judged",
    )
    assert not plain.notes


@pytest.mark.parametrize(("lang", "words"), [("en", "even surroundings"), ("zh", "纯色边框")])
def test_what_is_unclear_is_said_in_the_language_of_the_report(
    lang: Language, words: str, checkpoint_folder: Path
) -> None:
    framed = on(scene(0, 60, 80), WHITE, 160, 120, 160, 120)[0]
    report = assess_photo(framed, checkpoint=checkpoint_folder, lang=lang)
    assert report.status == "uncertain"
    assert words in report.notes[-1]
