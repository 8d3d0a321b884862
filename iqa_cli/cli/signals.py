"""Being asked to end: by Ctrl-C, by SIGTERM, which systems that shut down and `timeout` send, by SIGHUP of a terminal
that is closed.

    once               a KeyboardInterrupt: the photos in hand are waited for, what was judged is written down
    Ctrl-C once more   they are not waited for any more; what is left to write is written, for two seconds at most
    and once more      that is not waited for either

Who started the command may have a signal handled otherwise, as `nohup` does: that stays.
"""

from __future__ import annotations

import _thread
import atexit
import contextlib
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    _Handler = Callable[[int, FrameType | None], object] | int | None

INTERRUPTED = 130
"""`ExitCode.INTERRUPTED`, without a module that a signal might come too early for."""
WRITING_S = 2.0
"""How long a run that was told to hurry may take to write what it has."""

_USUAL = {"SIGINT": signal.default_int_handler, "SIGTERM": signal.SIG_DFL, "SIGHUP": signal.SIG_DFL}


class _Asked:
    """The handler of all these signals, and what it knows. No locks: it may come between any two steps."""

    def __init__(self) -> None:
        self.times = 0
        self.is_listening = False
        self.is_noting = False
        self.left_with: int | None = None
        """The exit code, once everything is done."""
        self.is_quick = False
        """Whether this process ends without Python's taking itself apart."""
        self.hurry: Callable[[], object] = int
        """What is done at the second Ctrl-C; nothing as long as nobody asked for anything."""

    def __call__(self, number: int, _frame: object) -> None:
        if self.left_with is not None:
            end_now(self.left_with)
        self.times += 1
        if self.times == 1:
            if not self.is_noting:
                raise KeyboardInterrupt
        elif number != signal.SIGINT:
            return  # a system that shuts down may ask in several ways
        elif self.is_noting:
            self.is_noting = False
            raise KeyboardInterrupt
        elif self.times == 2:
            self.hurry()
            _thread.start_new_thread(_give_up_soon, ())  # threading would take locks that may be held right now
        else:
            _give_up()

    def install(self) -> dict[signal.Signals, _Handler]:
        """Handle what nobody handles otherwise; returns what was there before."""
        before: dict[signal.Signals, _Handler] = {}
        if threading.current_thread() is threading.main_thread():  # Python lets no other set handlers
            for name, usual in _USUAL.items():
                number = getattr(signal, name, None)
                if number is not None and signal.getsignal(number) == usual:
                    before[number] = signal.signal(number, self)
        return before


_asked = _Asked()


def listen() -> None:
    """Have these signals handled as above from now on; for a process of ours, which is ended by `leave`.

    Of an interrupt that comes where none can be raised, as while an object is thrown away, Python prints a traceback
    and goes on: it is raised in the next place instead.
    """
    _asked.install()
    _asked.is_listening = True
    atexit.register(_ignore_from_now_on)  # the first that is registered is the last that is called
    usual_hook = sys.unraisablehook

    def hook(unraisable: sys.UnraisableHookArgs) -> None:
        if isinstance(unraisable.exc_value, KeyboardInterrupt):
            _thread.start_new_thread(_ask_again, ())
        else:
            usual_hook(unraisable)

    sys.unraisablehook = hook


def is_asked() -> bool:
    """Whether this process was asked to end."""
    return _asked.times > 0


def when_hurried(hurry: Callable[[], object]) -> None:
    """Have this called at the second Ctrl-C, by a signal handler, and nothing else that was asked for before."""
    _asked.hurry = hurry


def end_quickly() -> None:
    """Have `leave` end this process without waiting for threads of libraries.

    Of 100 processes that used obstore and Arrow, one to five were aborted at their end, after all was done, by a thread
    that came back while Python took itself apart.
    """
    _asked.is_quick = True


@contextlib.contextmanager
def noted() -> Iterator[Callable[[], bool]]:
    """In here the first signal is only noted, so that a run ends between two photos; the second Ctrl-C is a
    KeyboardInterrupt. Gives what tells whether there was one.
    """
    asked = _asked if _asked.is_listening else _Asked()
    handled = {} if asked.is_listening else asked.install()
    asked.is_noting = True
    try:
        yield lambda: asked.times > 0
    finally:
        asked.is_noting = False
        for number, handler in handled.items():
            signal.signal(number, handler)


def leave(code: int) -> NoReturn:
    """End this process: as Python does, or without waiting for threads that still work, if it was asked to end or ends
    quickly.
    """
    _asked.left_with = code
    if is_asked() or _asked.is_quick:
        end_now(code)
    sys.exit(code)


def end_now(code: int) -> NoReturn:
    """End this process and those it started, whatever they are doing.

    While Python takes itself apart a thread that comes back from a library can abort it.
    """
    multiprocessing = sys.modules.get("multiprocessing")
    if multiprocessing is not None:
        with contextlib.suppress(Exception):
            for child in multiprocessing.active_children():
                child.kill()
    os._exit(code)


def _ask_again() -> None:
    time.sleep(0.01)  # by then the main thread is elsewhere
    _asked.times = 0
    _thread.interrupt_main()


def _give_up() -> NoReturn:
    with contextlib.suppress(Exception):
        if sys.stderr.isatty():
            os.write(sys.stderr.fileno(), b"\x1b[?25h\n")  # a progress bar hides the cursor
    end_now(INTERRUPTED)


def _give_up_soon() -> None:
    time.sleep(WRITING_S)
    _give_up()


def _ignore_from_now_on() -> None:
    """What is left takes no time, and Python has no handlers any more."""
    for name in _USUAL:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is _asked:
            signal.signal(number, signal.SIG_IGN)
