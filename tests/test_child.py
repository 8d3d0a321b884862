"""A process that works for this one: what it answers, and what is known of one that does not."""

from __future__ import annotations

import functools
import importlib
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from iqa_cli.child import Child, Lost
from iqa_cli.errors import GraphTooWideError

if TYPE_CHECKING:
    from collections.abc import Iterator

Asked = Child[tuple[str, object], object]


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> Iterator[Asked]:
    monkeypatch.syspath_prepend(Path(__file__).parent)
    made: Asked = Child(importlib.import_module("answering").answers)
    yield made
    made.end()


def test_it_answers_one_task_after_the_other(child: Asked) -> None:
    assert [child.ask(("", value)) for value in (1, "two", b"3" * 1_000_000)] == [1, "two", b"3" * 1_000_000]


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize(
    ("task", "exit_code", "is_crash"),
    [
        (("exit", 3), 3, False),
        (("exit", 0), 0, False),
        (("signal", signal.SIGKILL), -signal.SIGKILL, False),
        (("signal", signal.SIGSEGV), -signal.SIGSEGV, True),
        (("signal", signal.SIGABRT), -signal.SIGABRT, True),
    ],
)
def test_how_it_ended_is_told(child: Asked, task: tuple[str, object], exit_code: int, is_crash: bool) -> None:
    assert child.ask(("", 1)) == 1
    with pytest.raises(Lost) as lost:
        child.ask(task)
    assert (lost.value.exit_code, lost.value.is_crash) == (exit_code, is_crash)
    assert lost.value.was_ready
    assert not lost.value.ran_too_long


def test_the_exception_that_nobody_handles_on_windows_is_a_crash() -> None:
    assert Lost(0xC0000005, was_ready=True).is_crash
    assert not Lost(1, was_ready=True).is_crash
    assert not Lost(None, was_ready=True).is_crash


def test_one_that_ends_before_it_is_ready_has_no_task_to_blame() -> None:
    with pytest.raises(Lost) as lost:
        Child(functools.partial(os._exit, 3)).ask("anything")
    assert (lost.value.exit_code, lost.value.was_ready) == (3, False)


def test_a_task_that_takes_too_long_ends_it(child: Asked) -> None:
    with pytest.raises(Lost) as lost:
        child.ask(("sleep", 600), timeout_s=0.05)
    assert lost.value.ran_too_long
    assert lost.value.was_ready
    with pytest.raises(Lost):
        child.ask(("", 1))


def test_an_error_comes_back_with_its_traceback_and_the_process_goes_on(child: Asked) -> None:
    for error in (KeyError("lost"), OSError(5, "broken", "a.jpg"), EOFError("short")):
        with pytest.raises(type(error)) as told:
            child.ask(("raise", error))
        assert str(told.value) == str(error)
        assert "raise value" in told.value.__notes__[0]
    assert child.ask(("", 1)) == 1


def test_what_cannot_be_sent_back_is_an_error_and_no_end(child: Asked) -> None:
    with pytest.raises(Exception, match=r"answer\.<locals>\.<lambda>|pickle"):
        child.ask(("no answer", 1))
    with pytest.raises(TypeError, match="labels"):
        child.ask(("raise", GraphTooWideError("wide", labels=["a"])))  # it does not even arrive
    with pytest.raises(RuntimeError, match="GraphTooWideError: wide"):
        child.ask(("raise one with labels", "wide"))
    assert child.ask(("", 1)) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_it_never_sees_what_a_terminal_sends_and_this_thread_still_does(child: Asked) -> None:
    ends = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    assert ends <= child.ask(("mask", None))  # type: ignore[operator]
    assert not ends & signal.pthread_sigmask(signal.SIG_BLOCK, ())
