"""Completion in real shells: bash, zsh and fish are asked, with what `iqa --show-completion` gives them."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest
from needs import need

from iqa_cli.cli import completion
from iqa_cli.grouping import KEYS

IQA = Path(sys.executable).with_name("iqa")
CASES = {
    "iqa chec": {"checkpoint-check"},
    "iqa assess --csv-b": {"--csv-bom"},
    "iqa assess --decode ": {"scaled", "full", "thumbnail", "auto"},
    "iqa assess --fail-on s": {"severe"},
    "iqa assess --checkpoint d": {"default"},
    "iqa graph-check smartphone-1": {"smartphone-12"},
    "iqa assess --by fo": {"focal-length", "folder"},
    "iqa cache ": {"info", "clear"},
}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A home of its own, and `iqa` as it is installed here."""
    if not IQA.exists():
        pytest.skip("iqa is not installed beside this Python")
    path = os.pathsep.join([str(IQA.parent), os.environ["PATH"]])
    ours = {name: value for name, value in os.environ.items() if name == "PYTHONPATH"}
    return {"PATH": path, "HOME": str(tmp_path), "TERM": "dumb", "LANG": "C.UTF-8", **ours}


def script(shell: str, environment: dict[str, str], tmp_path: Path) -> Path:
    """What a user would keep of `iqa --show-completion`, which looks at the shell that it is called from."""
    command = [need(shell, shell), "-c", "iqa --show-completion; true"]  # the last command would take the shell's place
    shown = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert "iqa" in shown.stdout
    file = tmp_path / f"completion.{shell}"
    file.write_text(shown.stdout)
    return file


def ask(command: list[str], environment: dict[str, str], folder: Path) -> set[str]:
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == ""
    return {line.split("\t")[0].strip() for line in done.stdout.splitlines() if line.strip()}


def test_bash(environment: dict[str, str], tmp_path: Path) -> None:
    file = script("bash", environment, tmp_path)
    for typed, offered in CASES.items():
        words = typed.split(" ")
        asked = (
            f"source {file}; COMP_WORDS=({' '.join(words[:-1])} '{words[-1]}'); COMP_CWORD={len(words) - 1}; "
            "_iqa_completion iqa; printf '%s\\n' \"${COMPREPLY[@]}\""
        )
        assert ask([need("bash", "bash"), "--norc", "-c", asked], environment, tmp_path) == offered, typed


def test_fish(environment: dict[str, str], tmp_path: Path) -> None:
    fish = need("fish", "fish")
    file = script("fish", environment, tmp_path)
    for typed, offered in CASES.items():
        found = ask([fish, "--no-config", "-c", f"source {file}; complete -C '{typed}'"], environment, tmp_path)
        assert found == offered, typed


def test_zsh_on_a_terminal(environment: dict[str, str], tmp_path: Path) -> None:
    """zsh completes only where somebody types: a tabulator key is pressed, and what stands in the line is read."""
    zsh = need("zsh", "zsh")
    file = script("zsh", environment, tmp_path)
    (tmp_path / ".zshrc").write_text(f"PS1='ready> '\nautoload -Uz compinit && compinit -u\nsource {file}\n")
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(tmp_path)
        os.execve(zsh, [zsh, "-i"], environment)  # noqa: S606 - nothing of a shell's is wanted before it
    try:
        read_until(terminal, "ready> ")
        for typed, whole in (("iqa chec", "checkpoint-check"), ("iqa assess --fail-on s", "severe")):
            os.write(terminal, f"{typed}\t".encode())
            assert whole in read_until(terminal, whole)
            os.write(terminal, b"\x15")  # Ctrl-U: the line is empty again
    finally:
        os.close(terminal)
        os.kill(process, 9)
        os.waitpid(process, 0)


def read_until(terminal: int, wanted: str, limit_s: float = 30) -> str:
    seen, end = "", time.monotonic() + limit_s
    while wanted not in seen:
        assert select.select([terminal], [], [], max(0, end - time.monotonic()))[0], f"no {wanted!r} in {seen!r}"
        seen += os.read(terminal, 4096).decode("utf-8", "replace")
    return seen


def test_what_is_typed_before_a_comma_stays() -> None:
    assert completion.groupings("camera,i") == ["camera,iso"]
    assert completion.groupings("iso,i") == []
    assert completion.groupings("") == list(KEYS)


def test_a_path_is_left_to_the_shell() -> None:
    assert completion.checkpoints("./") == []
    assert completion.graphs("/") == []


def test_nothing_heavy_is_loaded_to_complete(environment: dict[str, str]) -> None:
    asked = {
        **environment,
        "_IQA_COMPLETE": "complete_bash",
        "COMP_WORDS": "iqa assess --checkpoint ",
        "COMP_CWORD": "3",
    }
    code = (
        "import sys, atexit; atexit.register(lambda: print(*sorted({'numpy', 'PIL', 'onnxruntime', 'pandas', 'torch'} "
        "& set(sys.modules)), 'end', file=sys.stderr)); sys.argv = ['iqa']; from iqa_cli.cli.app import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], env=asked, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["default"]
    assert done.stderr.split() == ["end"]
