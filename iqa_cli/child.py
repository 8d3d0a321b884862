"""A process that works for this one over a pipe of its own, and whose end harms nobody else.

The pipe's other end is this process's alone: whichever of the two ends, however it does, the other reads the end of the
pipe and nobody waits for ever. A pool of the standard library shares one pipe and its locks among all processes, and
one that is killed while it holds them stops the others.
"""

from __future__ import annotations

import pickle
import signal
import sys
import traceback
import warnings
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

Task = TypeVar("Task")
Answer = TypeVar("Answer")

_CRASHES = ("SIGSEGV", "SIGBUS", "SIGILL", "SIGABRT", "SIGFPE", "SIGSYS", "SIGTRAP")
_CRASHED_ON_WINDOWS = 0xC0000000
"""From here on the exit code is the exception that nobody handled, as in 0xC0000005 (NTSTATUS, severity "error")."""
_END_S = 10.0
"""How long a process that has closed its pipe may take to end before it is made to."""


class Lost(Exception):  # noqa: N818 - it is an answer, not a mistake
    """A child ended before it answered.

    exit_code     as `multiprocessing.Process.exitcode`: the signal with a minus, or what it left with
    was_ready     whether it was ready for a task: if not, no task is to blame
    ran_too_long  whether it was ended because it took longer than it was given
    """

    def __init__(self, exit_code: int | None, *, was_ready: bool, ran_too_long: bool = False) -> None:
        super().__init__(how_it_ended(exit_code))
        self.exit_code = exit_code
        self.was_ready = was_ready
        self.ran_too_long = ran_too_long

    @property
    def is_crash(self) -> bool:
        """Whether it was its own code that ended it, not somebody else."""
        code = self.exit_code
        if code is None or code >= 0:
            return code is not None and code >= _CRASHED_ON_WINDOWS
        return -code in {getattr(signal, name, None) for name in _CRASHES}


def how_it_ended(exit_code: int | None) -> str:
    """In words: "signal 11", "exit code 3"."""
    if exit_code is None:
        return "it did not say how"
    return f"signal {-exit_code}" if exit_code < 0 else f"exit code {exit_code}"


class Child(Generic[Task, Answer]):
    """A process that answers tasks, one at a time; used by one thread at a time.

    make     called in the process, once and first: gives what answers tasks there. It has to be picklable, and so have
             tasks and answers
    raises   OSError, ImportError, NotImplementedError, ValueError  where no process can be started: no shared memory,
             no folder to start in, too many processes

    It starts with `spawn`: `fork` is not safe beside the threads of onnxruntime. A caller's script is imported again
    by it, as `multiprocessing` says. What is sent to all processes of a terminal is answered by the first alone: it
    never sees Ctrl-C, SIGTERM and SIGHUP. It ends with this process, at the latest when it has answered.
    """

    def __init__(self, make: Callable[[], Callable[[Task], Answer]]) -> None:
        import multiprocessing  # 20 ms that most runs do not need

        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, make), daemon=True)
        self._is_ready = False
        before = None
        if sys.platform != "win32":
            # A process starts with the mask of the thread that starts it.
            before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
        try:
            self._process.start()
        except BaseException:
            self._pipe.close()
            raise
        finally:
            theirs.close()  # theirs alone from now on: when they end, so does the pipe
            if sys.platform != "win32" and before is not None:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def ask(self, task: Task, timeout_s: float | None = None) -> Answer:
        """What the process answers to a task.

        timeout_s  seconds that it may take from when it is ready; None for any. One that takes longer is ended
        raises     Lost  if it ended first: then it is gone, and another `Child` has to be made
                   whatever `make` or the answering raised there, with its traceback as a note
        """
        if not self._is_ready:
            self._heard(None)
            self._is_ready = True
        try:
            self._pipe.send(task)
        except OSError as error:
            raise self._lost() from error
        answer: Answer = self._heard(timeout_s)
        return answer

    def _heard(self, timeout_s: float | None) -> Any:
        """What comes through the pipe next."""
        try:
            if timeout_s is not None and not self._pipe.poll(timeout_s):
                self.end()
                raise Lost(self._process.exitcode, was_ready=True, ran_too_long=True)
            is_answer, content = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise self._lost() from error
        if not is_answer:
            raise content
        return content

    def _lost(self) -> Lost:
        self._process.join(_END_S)
        exit_code = self._process.exitcode
        self.end()
        return Lost(exit_code, was_ready=self._is_ready)

    def end(self) -> None:
        """End it, whatever it is doing: nobody wants its answers. May be called again, and from any thread."""
        self._process.kill()
        self._process.join()


def _serve(pipe: Connection, make: Callable[[], Callable[[Task], Answer]]) -> None:
    """What a process does: answer tasks until the other end of the pipe is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("ignore")  # it has nobody to tell
    try:
        answer = make()
    except Exception as error:  # noqa: BLE001 - whoever asks gets it
        _send(pipe, False, _sendable(error))
        return
    _send(pipe, True, None)
    while True:
        try:
            try:
                task = pipe.recv()
            except (EOFError, OSError):
                return
            _send(pipe, True, answer(task))
        except Exception as error:  # noqa: BLE001 - see above
            _send(pipe, False, _sendable(error))


def _send(pipe: Connection, is_answer: bool, content: object) -> None:
    try:
        pipe.send((is_answer, content))
    except OSError:
        sys.exit()  # the other end is gone, and with it whoever wanted to know


def _sendable(error: Exception) -> Exception:
    """An exception with its traceback as a note; a plain one in place of one that would not arrive."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own, made in the line before
    except Exception:  # noqa: BLE001 - an exception's own code may raise anything
        error = RuntimeError(f"{type(error).__name__}: {error}").with_traceback(error.__traceback__)
    error.add_note("".join(traceback.format_exception(error)))
    return error
