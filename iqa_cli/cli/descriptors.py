"""Stdin, stdout and stderr as a process gets them: which of them are open, and who else writes to them."""

from __future__ import annotations

import contextlib
import os
import sys


def fill_closed() -> None:
    """Lead what is closed of file descriptors 0, 1 and 2 to nowhere.

    A file that is opened later would get the lowest free number, and what is printed, by us or by a library, would be
    written into it. A closed stdout stays None in `sys`: whoever has a report to print has to say so. A closed stderr
    becomes one that nobody reads.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            with contextlib.suppress(OSError):  # where there is no such device nothing can be done
                opened = os.open(os.devnull, os.O_RDWR)
                if opened != number:
                    os.dup2(opened, number)
                    os.close(opened)
                os.set_inheritable(number, True)
    if sys.stderr is None:
        with contextlib.suppress(OSError):
            sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - until the end


def set_libraries_apart() -> None:
    """Let nothing that a library says by itself reach stderr, which is for our messages: neither Python's warnings
    and log records, nor what code in C writes to file descriptor 2. `IQA_DEBUG=1` leaves everything as it is.
    """
    if os.environ.get("IQA_DEBUG") == "1":
        return
    import logging
    import warnings

    warnings.simplefilter("ignore")
    logging.getLogger().addHandler(logging.NullHandler())
    with contextlib.suppress(OSError, ValueError):
        ours = os.dup(sys.stderr.fileno())
        nowhere = os.open(os.devnull, os.O_WRONLY)
        stream = open(ours, "w", encoding=sys.stderr.encoding, errors="backslashreplace", buffering=1)  # noqa: SIM115, PTH123 - until the end
        os.dup2(nowhere, 2)
        os.close(nowhere)
        sys.stderr = stream
