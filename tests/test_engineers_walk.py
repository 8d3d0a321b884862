"""docs/for-camera-engineers.md: every command of it is run, in its order, and gives what the page says."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from needs import need
from PIL import Image

from iqa_cli.cli.app import main
from iqa_cli.paths import find_graph

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "for-camera-engineers.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(sh|python)\n(.*?)^```$", TEXT, flags=re.MULTILINE | re.DOTALL)
SAID = {
    "iqa assess build42 --by iso": "401-800: too dark, ordinary or worse, in 100% (10 of 10; 72 to 100%), elsewhere",
    "iqa compare build41 build42 --by iso": "B is worse than A in too dark (10 of 20 pairs worse, 0 better, p = 0.014)",
    "iqa compare build42 --baseline": "B is worse than A in too dark",
    "iqa compare build41 --baseline": "No difference between A and B can be shown in 20 pairs.",
}
"""What has to be printed by commands that begin so."""


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the page takes for granted: the repository's scripts, and below `builds` the reader's folders and graph."""
    (tmp_path / "demo").symlink_to(ROOT / "demo")
    for folder in ("shots", "build/shots"):
        (tmp_path / "builds" / folder).mkdir(parents=True)
        noise = np.random.default_rng(0).normal(120, 30, (96, 128, 1)).clip(0, 255).astype(np.uint8)
        Image.fromarray(noise.repeat(3, axis=2)).save(tmp_path / "builds" / folder / "a.jpg")
    shutil.copy(find_graph("smartphone-6"), tmp_path / "builds" / "my-graph.json")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IQA_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path


def test_every_command_of_the_page_does_what_it_says(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("sklearn", reason="it ships the photograph that the builds are made of")
    ran = []
    for kind, body in BLOCKS:
        if kind == "python":
            exec(body, {})  # noqa: S102 - a page of ours
            assert "dark_p" in capsys.readouterr().out
            continue
        for line in body.splitlines():
            words = shlex.split(line, comments=True)
            expected = re.search(r"# exit code (\d)$", line)
            if words[0] == "cd":
                monkeypatch.chdir(words[1])
            elif words[0] == "iqa":
                monkeypatch.setattr(sys, "argv", words)
                with pytest.raises(SystemExit) as left:
                    main()
                out, err = capsys.readouterr()
                assert int(left.value.code or 0) == (int(expected[1]) if expected else 0), (line, err)
                ran.append(line)
                for begin, said in SAID.items():
                    if line.startswith(begin):
                        assert said in out, line
            else:
                program = sys.executable if words[0] == "python" else need(words[0], "libimage-exiftool-perl")
                with Path("stdout").open("wb") as stdout:
                    words = words[: words.index(">")] if ">" in words else words
                    subprocess.run([program, *words[1:]], check=True, stdout=stdout, timeout=120)
    assert all(any(line.startswith(begin) for line in ran) for begin in SAID)
    assert (workplace / "builds" / "compare.html").exists()
    assert len([*(workplace / "builds" / "too-dark").rglob("*.jpg")]) == 10


def test_what_the_page_quotes_is_what_the_test_looks_for() -> None:
    quoted = " ".join(TEXT.split())
    assert all(said in quoted for said in list(SAID.values())[:2])
