"""Part: is a good photograph still called good with bars, a border or a caption strip around it?"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFilter

from iqa_cli.photos.discover import discover
from iqa_cli.pipeline import Auditor
from quality_parts.document import Cell, Failure, Goal, Part, Table, Verdict, share, share_of_groups
from quality_parts.judges import said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from iqa_cli.records import PhotoReport
    from quality_parts.judges import Judge

    Colour = tuple[int, int, int]
    Case = Callable[[Image.Image], Image.Image]

SEVERE = Goal(0.01, at_most=True)
"""Of good photographs so many may be called severe or worse for what is around them."""
ORDINARY = Goal(0.05, at_most=True)
"""The same for any problem."""
QUALITY = 92
"""Of the JPEG files, as phones write them."""
PHOTOS = 200
"""Good photographs to put surroundings around."""

BLACK, WHITE, GREY, BEIGE = (0, 0, 0), (255, 255, 255), (96, 96, 96), (222, 205, 180)
_SCREEN = (1080, 2340)
_COPY_BLUR = 0.05
"""Of the shorter side: how far the copies beside a picture are blurred."""


def _on(photo: Image.Image, colour: Colour, left: int, top: int, right: int, bottom: int) -> Image.Image:
    """A photo with so many pixels of a colour at each side."""
    framed = Image.new("RGB", (photo.width + left + right, photo.height + top + bottom), colour)
    framed.paste(photo, (left, top))
    return framed


def _ink(colour: Colour) -> Colour:
    return BLACK if sum(colour) > 3 * 127 else WHITE


def bars(photo: Image.Image, part: float, colour: Colour, below: float = 1.0) -> Image.Image:
    """Bars above and below, each this part of the whole; the lower one `below` times as high."""
    bar = round(photo.height * part / (1 - 2 * part))
    return _on(photo, colour, 0, bar, 0, round(bar * below))


def pillars(photo: Image.Image, part: float, colour: Colour) -> Image.Image:
    """Bars at the left and the right."""
    bar = round(photo.width * part / (1 - 2 * part))
    return _on(photo, colour, bar, 0, bar, 0)


def border(photo: Image.Image, part: float, colour: Colour) -> Image.Image:
    """A border all around, this part of the shorter side wide."""
    width = round(min(photo.size) * part)
    return _on(photo, colour, width, width, width, width)


def caption(photo: Image.Image, part: float, colour: Colour) -> Image.Image:
    """The strip with model and exposure that phones put below a picture, this part of the whole."""
    strip = round(photo.height * part / (1 - part))
    framed = _on(photo, colour, 0, 0, 0, strip)
    draw = ImageDraw.Draw(framed)
    draw.text((10, photo.height + strip // 3), "CAMERA 9   23mm f/1.9 1/125 ISO100", fill=_ink(colour))
    return framed


def instant(photo: Image.Image, colour: Colour) -> Image.Image:
    """The border of an instant picture, with a word written below."""
    edge = round(min(photo.size) * 0.06)
    framed = _on(photo, colour, edge, edge, edge, 3 * edge)
    ImageDraw.Draw(framed).text((photo.width // 3, photo.height + 2 * edge), "Summer", fill=_ink(colour))
    return framed


def rounded(photo: Image.Image, part: float, colour: Colour) -> Image.Image:
    """A border around a picture with rounded corners."""
    mask = Image.new("L", photo.size)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, photo.width - 1, photo.height - 1), min(photo.size) // 16, fill=255)
    cut = Image.composite(photo, Image.new("RGB", photo.size, colour), mask)
    return border(cut, part, colour)


def viewer(photo: Image.Image, colour: Colour, across: int) -> Image.Image:
    """The screen of a phone that shows a photo, `across` of its 1080 pixels wide."""
    width, height = _SCREEN
    scale = min(across / photo.width, 0.75 * height / photo.height)
    shown = photo.resize((round(photo.width * scale), round(photo.height * scale)), Image.Resampling.BICUBIC)
    left, top = (width - shown.width) // 2, (height - shown.height) // 2
    framed = _on(shown, colour, left, top, width - shown.width - left, height - shown.height - top)
    draw, ink = ImageDraw.Draw(framed), _ink(colour)
    draw.text((40, 20), "9:41", fill=ink, font_size=42)
    draw.rectangle((960, 24, 1030, 56), outline=ink, width=4)
    draw.text((60, 120), "< Yesterday", fill=ink, font_size=50)
    for button in range(4):
        draw.ellipse((150 + 250 * button, 2180, 210 + 250 * button, 2240), outline=ink, width=6)
    return framed


def blurred(photo: Image.Image, part: float) -> Image.Image:
    """A blurred copy of the picture above and below, as in videos for phones."""
    height = round(photo.height / (1 - 2 * part))
    scale = height / photo.height
    copy = photo.resize((round(photo.width * scale), height))
    left, top = (copy.width - photo.width) // 2, (height - photo.height) // 2
    copy = copy.crop((left, 0, left + photo.width, height))
    copy = copy.filter(ImageFilter.GaussianBlur(min(photo.size) * _COPY_BLUR))
    copy.paste(photo, (0, top))
    return copy


def cases() -> dict[str, Case]:
    """Ways to put something around a photo, by name."""
    made: dict[str, Case] = {}
    for name, colour in (("black", BLACK), ("white", WHITE)):
        for part in (0.04, 0.06, 0.12, 0.20):
            made[f"bars of {100 * part:.0f} %, {name}"] = lambda photo, p=part, c=colour: bars(photo, p, c)
        made |= {
            f"bars of 12 and 6 %, {name}": lambda photo, c=colour: bars(photo, 0.12, c, 0.5),
            f"one bar, {name}": lambda photo, c=colour: bars(photo, 0.12, c, 0.0),
            f"bars at the sides, {name}": lambda photo, c=colour: pillars(photo, 0.12, c),
            f"border, {name}": lambda photo, c=colour: border(photo, 0.08, c),
            f"caption, {name}": lambda photo, c=colour: caption(photo, 0.12, c),
            f"instant picture, {name}": lambda photo, c=colour: instant(photo, c),
            f"rounded corners, {name}": lambda photo, c=colour: rounded(photo, 0.08, c),
            f"viewer, {name}": lambda photo, c=colour: viewer(photo, c, 1080),
            f"viewer with margins, {name}": lambda photo, c=colour: viewer(photo, c, 900),
        }
    made |= {
        "border, grey": lambda photo: border(photo, 0.08, GREY),
        "border, beige": lambda photo: border(photo, 0.08, BEIGE),
        "white border between black bars": lambda photo: bars(border(photo, 0.05, WHITE), 0.12, BLACK),
        "blurred copies": lambda photo: blurred(photo, 0.2),
    }
    return made


def surroundings_part(folders: Sequence[Path], judges: Sequence[Judge], photos: int = PHOTOS) -> Part:
    """Put every kind of surroundings around good photographs and count those that are accused then.

    folders  photographs; taken are those that the first judge calls good, status `ok` and no finding
    photos   how many at most, evenly spread over those
    """
    auditors = {judge.name: Auditor(judge.checkpoint, decode="scaled", jobs=1) for judge in judges}
    main = judges[0].name
    good = list(_good(auditors[main], folders))
    good = good[:: max(1, len(good) // photos)][:photos]
    counts = {(name, case): [0, 0, 0] for name in auditors for case in ("as it is", *cases())}
    by_photo: dict[tuple[str, Goal], list[int]] = {(name, goal): [] for name in auditors for goal in (SEVERE, ORDINARY)}
    failures: list[tuple[int, Failure]] = []
    for path in good:
        for hits in by_photo.values():
            hits.append(0)
        with Image.open(path) as opened:
            photo = opened.convert("RGB")
        for case, make in (("as it is", lambda photo: photo), *cases().items()):
            data = _coded(make(photo))
            for name, auditor in auditors.items():
                report = auditor.photo(data)
                level = 1 if report.status != "ok" or report.worst is None else report.worst.level
                accused = (level >= 3, level >= 2, report.status == "uncertain")
                counts[name, case] = [so_far + now for so_far, now in zip(counts[name, case], accused, strict=True)]
                if case != "as it is":
                    by_photo[name, SEVERE][-1] += accused[0]
                    by_photo[name, ORDINARY][-1] += accused[1]
                if name == main and level >= 2:
                    failures.append((-level, Failure(f"{path.parent.name}/{path.name}, {case}", _words(report))))
    tables = tuple(
        Table(
            f"`{name}`",
            ("around it", "severe or worse", "any problem", "uncertain", "met"),
            tuple(_row(case, counts[name, case], len(good)) for case in ("as it is", *cases())),
        )
        for name in auditors
    )
    note = (
        f"{len(good)} photographs that `{main}` calls good, with something drawn around them, as JPEG of quality "
        f"{QUALITY}. Wanted: severe or worse {SEVERE.percent()}, any problem {ORDINARY.percent()}; status `uncertain` "
        "accuses nobody. Intervals: 95 %, Wilson."
    )
    graves = tuple(failure for _, failure in sorted(failures, key=lambda pair: pair[0]))
    verdicts = tuple(
        Verdict(
            f"good photographs in any surroundings: {words}",
            goal,
            {name: share_of_groups(by_photo[name, goal], [len(cases())] * len(good)) for name in auditors},
        )
        for goal, words in ((SEVERE, "called severe or worse"), (ORDINARY, "called ordinary or worse"))
    )
    return Part("surroundings", "The picture, not its surroundings", (note,), tables, graves, verdicts=verdicts)


def _good(auditor: Auditor, folders: Sequence[Path]) -> Iterator[Path]:
    for ref in discover(folders).photos:
        report = auditor.photo(ref.path)
        if report.status == "ok" and report.worst is None:
            yield ref.path


def _coded(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=QUALITY)
    return stream.getvalue()


def _row(case: str, counts: Sequence[int], of: int) -> tuple[Cell, ...]:
    severe, ordinary, uncertain = (share(count, of) for count in counts)
    is_met = severe.value <= SEVERE.limit and ordinary.value <= ORDINARY.limit
    return (case, severe, ordinary, uncertain, "yes" if is_met else "no")


def _words(report: PhotoReport) -> str:
    return report.error or said(report.findings)
