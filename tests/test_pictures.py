"""The pictures of commands in docs/pictures, the README's sample and the examples in Python are what iqa does today.

`docs/pictures/make.py` makes them in a folder that is drawn by code. Here that is done again and compared. Words have
to be the same. A number may differ a little: another processor rounds another way. Where a model is trained for the
picture, numbers may be any.
"""

from __future__ import annotations

import importlib.util
import math
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from types import ModuleType

pytest.importorskip("torch", reason="the pictures need the train extra")
pytest.importorskip("sklearn", reason="the pictures need scikit-learn's two photographs")

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "pictures"
MAKE_ANEW = "stale: run `make pictures` and look at what it changes"
NUMBER = re.compile(r"\d+(?:\.\d+)?")
EXAMPLES = [
    (path, number, example)
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    for number, example in enumerate(
        re.findall(r"^```python\n(.*?)^```$", path.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    )
]


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_pictures", FOLDER / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_pictures"] = module  # a dataclass looks for its module there
    spec.loader.exec_module(module)
    return module


MAKE = script()


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the commands run in."""
    folder = tmp_path_factory.mktemp("workplace")
    MAKE.make_workplace(folder)
    return folder


def words(line: str) -> str:
    """A line without its numbers, and without what depends on them: the mark of the best epoch, the place of a dash."""
    return re.sub(r"[^\S\n]+", " ", re.sub(r"\(best\)|-", "", NUMBER.sub("", line))).strip()


def unlike(fresh: list[str], stored: list[str], *, figures_vary: bool) -> list[tuple[str, str]]:
    """Lines that do not tell the same."""
    pairs = list(zip(fresh, stored, strict=False))
    differ = [pair for pair in pairs if not (alike(*pair) or (figures_vary and words(pair[0]) == words(pair[1])))]
    if len(fresh) != len(stored):
        differ.append((f"{len(fresh)} lines", f"{len(stored)} lines"))
    return differ


def alike(one: str, other: str) -> bool:
    """Whether two lines have the same words, and numbers that differ by 3 % or two units of the last digit at most."""
    if NUMBER.sub("0", one) != NUMBER.sub("0", other):
        return False
    return all(
        math.isclose(float(a), float(b), rel_tol=0.03, abs_tol=2.0 * 10.0 ** -len(a.partition(".")[2]))
        for a, b in zip(NUMBER.findall(one), NUMBER.findall(other), strict=True)
    )


def test_a_slow_machine_prints_the_same(tmp_path: Path) -> None:
    said = "epoch 1/8  loss 5.9  2 s, 0:00:02 left\n"
    slow = "... reading the photographs\nepoch 1/8  loss 5.9  41 s, 0:04:47 left\n\x1b[2m... writing\x1b[0m\n"
    assert MAKE._steady(slow, tmp_path) == said


@pytest.mark.parametrize("picture", MAKE.there_are(), ids=lambda picture: picture.name)
def test_a_picture_shows_what_the_command_prints(picture: Any, workplace: Path) -> None:
    path = FOLDER / f"{picture.name}.svg"
    assert path.exists(), MAKE_ANEW
    fresh = MAKE.lines_in(MAKE.drawn(picture, MAKE.printed(picture, workplace)))
    stored = MAKE.lines_in(path.read_text("utf-8"))
    assert len(fresh) > 3
    assert unlike(fresh, stored, figures_vary=picture.figures_vary) == [], MAKE_ANEW


def test_the_sample_in_the_readme_is_the_report_cut_short(workplace: Path) -> None:
    (stored,) = MAKE.SAMPLE.findall((ROOT / "README.md").read_text("utf-8"))
    fresh = MAKE.sample(MAKE.printed(MAKE.PICTURES[0], workplace, is_terminal=False))
    assert unlike(fresh.splitlines(), stored.splitlines(), figures_vary=False) == [], MAKE_ANEW


def test_every_picture_is_shown_and_there_is_no_picture_of_a_command_that_is_gone() -> None:
    texts = [path.read_text("utf-8") for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))]
    pictures = sorted(path.name for path in FOLDER.iterdir() if path.suffix in {".svg", ".png"})
    assert [name for name in pictures if not any(f"pictures/{name})" in text for text in texts)] == []
    made = {f"{picture.name}.svg" for picture in MAKE.PICTURES}
    assert {name for name in pictures if name.endswith(".svg")} - made == set()


def test_the_picture_of_the_page_is_made_from_the_page_as_it_is() -> None:
    if not MAKE.PAGE.exists():
        pytest.skip("there is no picture of the page yet: python docs/pictures/make.py page makes it")
    stale = "stale: run `python docs/pictures/make.py page` (it needs a Chromium) and look at the picture"
    assert MAKE.made_from(MAKE.PAGE) == MAKE.page_sources(), stale
    assert MAKE.PAGE.stat().st_size < 500_000


@pytest.mark.parametrize("picture", sorted(FOLDER.glob("*.svg")), ids=lambda path: path.stem)
def test_a_picture_fetches_nothing_and_tells_nothing_of_the_machine(picture: Path) -> None:
    text = picture.read_text("utf-8")
    assert re.findall(r"""(?:href|src|url)\s*[=(]\s*["']?(?!#)[^)\s"']+""", text) == []
    assert re.findall(r"@import|@font-face|<script|/(?:tmp|home)/", text) == []
    assert picture.stat().st_size < 80_000


@pytest.mark.parametrize(
    ("path", "number", "example"), EXAMPLES, ids=[f"{path.name}-{number}" for path, number, _ in EXAMPLES]
)
def test_an_example_in_python_runs(
    path: Path, number: int, example: str, workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    shutil.copy(workplace / "DCIM" / "100PHONE" / "IMG_20260714_101512.jpg", workplace / "photo.jpg")
    if not (workplace / "audit.csv").exists():
        MAKE._run("iqa assess DCIM --csv audit.csv", workplace, None)
    if not (workplace / "build42.parquet").exists():
        MAKE._run("iqa assess DCIM --parquet build42.parquet", workplace, None)
    if not (workplace / "audit").exists():
        for command in ("iqa plan DCIM --out audit", "iqa run audit"):
            MAKE._run(command, workplace, None)
    if not (workplace / "checkpoints").exists():  # as in a clone
        (workplace / "checkpoints").symlink_to(ROOT / "checkpoints")
    monkeypatch.chdir(workplace)
    exec(compile(example, f"{path.name}, example {number}", "exec"), {"__name__": "__main__"})  # noqa: S102 - ours
    assert "print(" not in example or capsys.readouterr().out


@pytest.mark.parametrize(
    ("one", "other"),
    [("mean L* 9", "mean L* 10"), ("0.750000", "0.750001"), ("16% to 98%", "16% to 97%"), ("no number", "no number")],
)
def test_a_last_digit_does_not_make_a_picture_stale(one: str, other: str) -> None:
    assert alike(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("too dark 40% sure", "too dark 70% sure"), ("severe 9", "blocking 9"), ("0.75", "0.85"), ("1 of 2", "1 2")],
)
def test_another_answer_does(one: str, other: str) -> None:
    assert not alike(one, other)
