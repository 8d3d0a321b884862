"""Being asked to end."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def termination_as_interrupt() -> Iterator[None]:
    """SIGTERM, sent by systems that shut down and by `timeout`, and SIGHUP, sent by terminals that are closed, end a
    run as Ctrl-C does: what was judged is written down first.

    Who started the command may have them handled otherwise, as `nohup` does: that stays.
    """
    handled = []
    if threading.current_thread() is threading.main_thread():  # Python lets no other set handlers
        asked = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
        handled = [number for number in asked if signal.getsignal(number) == signal.SIG_DFL]
    for number in handled:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number in handled:
            signal.signal(number, signal.SIG_DFL)
