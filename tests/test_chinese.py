"""Every sentence that those who read files say is known in Chinese, and fits its English."""

from __future__ import annotations

import ast
import itertools
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from iqa_cli.chinese import SENTENCES, in_chinese
from iqa_cli.photos.settings import settings_of
from iqa_cli.report.audit.html.words import PAGE, SCRIPT
from iqa_cli.report.audit.words import WORDS

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(__file__).parents[1] / "iqa_cli"
LATIN = re.compile(r"[A-Za-z][A-Za-z-]+")
NAMES = set(
    re.findall(
        r"\S+",
        "Aperture AppleDouble BT EXIF GB HDR ITU-R ITU-T JPEG LibRaw NAS PDF Photoshop RAW UTF- XL XMP iPhoto iqa "
        "libjpeg libjxl nomedia sRGB zip",
    )
)
"""What is called so in Chinese as well."""

SPEAKERS = (
    *sorted((PACKAGE / "photos").glob("*.py")),
    PACKAGE / "pipeline" / "reading.py",
    PACKAGE / "pipeline" / "workers.py",
    PACKAGE / "child.py",
)
# Said to those who call functions or write options, and of a run, not of a photo.
ELSEWHERE = (
    "expected ",
    "iqa reads files of this machine",
    "no such file or folder",
    "check the spelling; ",
    "write it as in a .gitignore file",
    "a pattern cannot be read",
    "no preview",
    "no process can be started",
    "a process that judges photos ended",
    "before it was ready",
    "over a photo",
    "perhaps there is too little memory; ",
    "processes that judge photos end ",
)
LOGS_AND_ERRORS = {
    "debug",
    "warning",
    "compile",
    "TypeError",
    "ValueError",
    "AttributeError",
    "InvalidInput",
    "getLogger",
}


def sentences_of(path: Path) -> Iterator[tuple[int, str]]:
    """The sentences that a module says: its texts of two words or more that are no docstring, log line or pattern.

    What differs in one of them is replaced by 7, or by each text that it chooses from.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    passed: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            passed.add(node.value)
        elif isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            passed.update(below for below in ast.walk(node) if below is not node and name in LOGS_AND_ERRORS)
        elif isinstance(node, ast.JoinedStr):
            passed.update(below for below in ast.walk(node) if below is not node)
    for node in ast.walk(tree):
        if node in passed:
            continue
        if isinstance(node, ast.JoinedStr):
            choices = [_choices(part) for part in node.values]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            choices = [[node.value]]
        else:
            continue
        for parts in itertools.product(*choices):
            said = "".join(parts)
            if re.search(r"[a-z]{2,} [a-z(]", said):
                yield node.lineno, said


def _choices(part: ast.expr) -> list[str]:
    """What a part of a text may be."""
    if isinstance(part, ast.Constant):
        return [str(part.value)]
    assert isinstance(part, ast.FormattedValue)
    if isinstance(part.value, ast.IfExp):
        both = (part.value.body, part.value.orelse)
        return [node.value if isinstance(node, ast.Constant) else "7" for node in both]
    return ["7"]


SAID = [
    pytest.param(said, id=f"{path.name}:{line}: {said[:40]}")
    for path in SPEAKERS
    for line, said in sentences_of(path)
    if not said.startswith(ELSEWHERE)
]


def test_the_sentences_of_files_are_found() -> None:
    found = {entry.values[0] for entry in SAID}
    assert {"the file is empty (0 bytes)", "claims 7 x 7 = 7 megapixels; the limit is 7", "hardly any"} < found
    assert len(found) > 60


@pytest.mark.parametrize("said", SAID)
def test_whatever_is_said_of_a_file_is_said_in_chinese(said: str) -> None:
    chinese = in_chinese(f"{said} 7" if said.endswith(":") else said)
    assert re.search(r"[\u4e00-\u9fff]", chinese) or chinese.strip() == "7 %", chinese
    assert set(LATIN.findall(chinese)) <= NAMES


@pytest.mark.parametrize("english", SENTENCES)
def test_a_translation_keeps_what_differs(english: str) -> None:
    slots = re.findall(r"\{(\d*)\}", SENTENCES[english])
    assert len(slots) == english.count("{}")
    numbers = [str(701 + slot) for slot in range(len(slots))]
    assert sorted(re.findall(r"7\d\d", in_chinese(english.format(*numbers)))) == numbers


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("cut off: only 59 % of the picture is there", "文件不完整：画面仅存 59 %"),
        ("cut off: hardly any of the picture is there", "文件不完整：画面仅存极少一部分"),
        ("the file ends early: 99 % of the picture is there", "文件提前结束：画面有 99 %"),
        (
            "the file ends early: 99 % of the picture is there, without its finest detail",
            "文件提前结束：画面有 99 %，但缺少最细的细节",
        ),
        (
            "judged without the even surroundings (top, left): 77 % of the frame is picture",
            "评判时不计纯色边框（上、左）：画面占全幅的 77 %",
        ),
        (
            "takes too much to decode (9 x 9 pixels in 8 scans: about 9 s; the limit is 4.5 s)",
            "解码开销过大（9 x 9 像素，8 次扫描：约 9 秒；上限为 4.5 秒）",
        ),
        (
            "left out of the camera settings: Orientation (9), ISO (unreadable)",
            "未采用的拍摄参数：Orientation (9), ISO（无法读取）",
        ),
        # What a library says, and what nobody here says, stays.
        ("could not be decoded (OSError: broken data stream)", "无法解码（OSError: broken data stream）"),
        ("看起来是随机噪声，不像照片", "看起来是随机噪声，不像照片"),
        ("", ""),
    ],
)
def test_sentences_in_chinese(english: str, chinese: str) -> None:
    assert in_chinese(english) == chinese


def test_settings_that_cannot_be_read_are_said_in_chinese() -> None:
    left_out = ", ".join(settings_of({0x0112: (9.0,), 0x010F: b"\xff\xfe"}).left_out.values())
    assert "text that is not UTF-8" in left_out
    assert "非 UTF-8 文本" in in_chinese(f"left out of the camera settings: {left_out}")


def test_keepers_of_copies_are_brands_or_known_in_chinese() -> None:
    stores = tomllib.loads((PACKAGE / "photos" / "copies.toml").read_text(encoding="utf-8"))["stores"]
    described = [store["keeper"] for store in stores if re.search(r"(^| )[a-z]+s?( |$)", store["keeper"])]
    brands = {"darktable", "digiKam", "immich"}
    assert len(described) > 4
    assert [keeper for keeper in described if keeper not in brands and in_chinese(keeper) == keeper] == []


def test_the_words_of_table_and_page_are_chinese() -> None:
    allowed = NAMES | {"ISO", "FILE", "N", "top", "csv", "include-copies", "Enter", "Esc", "L"}
    texts = [getattr(WORDS["zh"], name) for name in WORDS["zh"].__dataclass_fields__]
    texts += [PAGE["zh"], SCRIPT["zh"]]
    while any(not isinstance(text, str) for text in texts):
        texts = [
            part
            for text in texts
            for part in ([text] if isinstance(text, str) else text.values() if isinstance(text, dict) else text)
        ]
    found = {word for text in texts for word in LATIN.findall(re.sub(r"\{\w*\}", "", text))}
    assert found - allowed == set()
