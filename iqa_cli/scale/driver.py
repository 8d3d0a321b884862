"""Drives a run: which shards are left, who does them, what becomes of those that fail.

State lies in the store alone. A driver that is killed leaves nothing behind but shards in hand, and the next one lists
what is done. A shard whose store does not answer is tried again after a pause. One that ends its worker three times is
halved: halves are only looked at, until the photo is found that ends whoever reads it. Then the shard is done with that
photo as a row that says so. So it is with a photo that the store does not give though it gives others.
"""

from __future__ import annotations

import collections
import dataclasses
import heapq
import itertools
import logging
import random
import time
from typing import TYPE_CHECKING

from iqa_cli.errors import RunError, StoreError, UsageError, WorkerLost
from iqa_cli.scale.card import check_version, load_run
from iqa_cli.scale.engines import Died, Outcome, Task
from iqa_cli.scale.lease import Lease
from iqa_cli.scale.parts import done_shards
from iqa_cli.scale.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from iqa_cli.scale.card import Run
    from iqa_cli.scale.engines import Engine
    from iqa_cli.scale.shard import Done
    from iqa_cli.stores.places import Place

logger = logging.getLogger(__name__)

AHEAD = 2
"""Shards in hand for each place that an engine has: the next one waits where the last one ends."""
DEADLINE_S = 3600.0
"""That a shard may take: 10,000 photos of 20 ms take 200 s."""
DEATHS = 3
"""Of its workers, after which a shard is looked at more closely."""
ALONE = 2
"""Workers that a photo alone has to end before it is to blame, as in `pipeline.workers`."""
ATTEMPTS = 6
"""Of a shard whose store does not answer; pauses of 1, 2, 4, 8 and 16 s lie between them."""
ROUNDS = 2
"""Times that a shard is looked at closely before it is given up."""
MOST_FAILED = 20
"""Shards given up in a row: what is wrong is wrong with all of them."""
MOST_HOPELESS = 3
"""The same of those for which trying again would not help, such as a full disk or credentials that are refused."""
MOST_LOST = 32
"""Workers lost in a row, for each place, without one shard done: no photo is to blame."""
PATIENCE_S = 180.0
"""After which a store that does not answer anybody is waited for no longer: whoever resumes loses nothing."""
_TICK_S = 0.5
_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 30.0


@dataclasses.dataclass(slots=True)
class _State:
    """What is known of a shard that is not done."""

    attempts: int = 0
    """That the store let down."""
    deaths: int = 0
    """Of workers since it was looked at closely."""
    rounds: int = 0
    """Times that it was."""
    last: str = ""
    """What went wrong last."""
    poisoned: dict[int, str] = dataclasses.field(default_factory=dict)
    probes: int = 0
    """Of its pieces, that are looked at now or will be."""
    alone: collections.Counter[int] = dataclasses.field(default_factory=collections.Counter)
    """By row: workers that it ended alone."""


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """What a drive came to."""

    progress: Progress
    failed: tuple[tuple[int, str], ...]
    """Shards that were given up, with the reason."""
    is_over_budget: bool = False
    """Whether it ended because of `max_bytes`."""

    @property
    def is_complete(self) -> bool:
        """Whether every shard has its result."""
        counts = self.progress
        return counts.shards_before + counts.shards == counts.shards_total


class Driver:
    """Drives a run to its end, once; raises UsageError for a bound that means nothing.

    place       of the run
    engine      not entered yet
    resume      go on with a run that has some results; without it such a run is refused
    max_bytes   begin no shard that would probably lead beyond so many bytes read of photos; None for any
    deadline_s  that a shard may take
    tell        is shown the progress about twice a second
    """

    def __init__(
        self,
        place: Place,
        engine: Engine,
        *,
        resume: bool = False,
        max_bytes: int | None = None,
        deadline_s: float = DEADLINE_S,
        tell: Callable[[Progress], object] = lambda _progress: None,
    ) -> None:
        self._place = place
        self._engine = engine
        self._resume = resume
        self._max_bytes = max_bytes
        self._deadline_s = deadline_s
        self._tell = tell
        self._run: Run = load_run(place)
        check_version(self._run.settings)
        if max_bytes is not None and self._run.settings.root is not None:
            raise UsageError(
                f"--max-bytes counts what is read of a bucket, and {self._run.settings.source} is a folder",
                hint="leave it out",
            )
        self._states: dict[int, _State] = collections.defaultdict(_State)
        self._failed: dict[int, str] = {}
        self._ready: collections.deque[Task] = collections.deque()
        self._later: list[tuple[float, int, Task]] = []
        self._number = itertools.count()
        self._in_hand: dict[int, int] = collections.defaultdict(int)
        self._lost_in_a_row = 0
        self._failed_in_a_row = 0
        self._hopeless_in_a_row = 0
        self._submitted: dict[int, float] = {}
        """When shards in hand were given to the engine."""
        self._unanswered: set[int] = set()
        """Shards of the last attempts, if no store answered any of them."""
        self._silent_since = 0.0
        """When the first of these failed."""
        self._most_per_byte = 0.0
        """Bytes read for a byte of photos, the most of a shard so far; 0 before the first."""
        self._chance = random.Random()  # noqa: S311 - pauses that do not coincide

    def drive(self) -> Result:
        """Do what is left.

        raises  RunError    if there are some results and nobody said `resume`, if another driver is alive or took over
                StoreError  if the store does not answer at the start, or for PATIENCE_S later on
                WorkerLost  if one worker after the other ends
        """
        with Lease(self._place) as lease:
            done = done_shards(self._place, self._run)
            if 0 < len(done) < len(self._run.shards) and not self._resume:
                raise RunError(
                    f"{self._place.url}: {len(done)} of {len(self._run.shards)} shards are done",
                    hint="--resume goes on with the others",
                )
            shards = self._run.shards
            progress = Progress(self._run.photos, len(shards))
            progress.shards_before = len(done)
            progress.photos_before = sum(shards[number].rows for number in done)
            todo = iter([number for number in range(len(shards)) if number not in done])
            is_over_budget = False
            started = time.monotonic()
            if len(done) < len(shards):
                with self._engine as engine:
                    is_over_budget = self._loop(engine, todo, progress, lease, started)
            progress.elapsed_s = time.monotonic() - started
            self._tell(progress)
            there = len(done_shards(self._place, self._run))
            if there < progress.shards_before + progress.shards:
                raise RunError(
                    f"{self._place.url}: {progress.shards_before + progress.shards - there} results that were written "
                    "are not there any more",
                    hint="see who removes them; --resume makes them anew",
                )
            return Result(progress, tuple(sorted(self._failed.items())), is_over_budget)

    def _loop(self, engine: Engine, todo: Iterator[int], progress: Progress, lease: Lease, started: float) -> bool:
        """Until nothing is left or may be begun; returns whether the latter."""
        is_over_budget = False
        while True:
            if lease.is_lost:
                raise RunError(
                    f"{self._place.url}: another iqa took over this run, which seemed to have been left",
                    hint="let it finish; what was done here is kept",
                )
            if self._failed_in_a_row >= MOST_FAILED or self._hopeless_in_a_row >= MOST_HOPELESS:
                return is_over_budget
            self._check_answers(progress.problem)
            self._wake()
            most = AHEAD * engine.slots
            while sum(self._in_hand.values()) < most:
                if self._ready:
                    task = self._ready.popleft()
                elif (number := next(todo, None)) is not None:
                    task = Task(number)
                else:
                    break
                if task.rows is None and not self._may_begin(task.shard, progress):
                    is_over_budget = True
                    todo = iter(())
                    continue
                self._in_hand[task.shard] += 1
                self._submitted.setdefault(task.shard, time.monotonic())
                engine.submit(task, self._deadline_s)
            in_hand = sum(self._in_hand.values())
            progress.running = in_hand
            progress.elapsed_s = time.monotonic() - started
            self._tell(progress)
            if not in_hand and not self._later and not self._ready:
                return is_over_budget
            for outcome in engine.wait(_TICK_S):
                self._settle(outcome, progress, engine.slots)

    def _note_silence(self, task: Task, result: Done) -> None:
        """Whatever came of a task is an answer, a probe's success too, but that nobody could be reached."""
        if not result.is_unreachable:
            self._unanswered.clear()
            return
        if not self._unanswered:
            self._silent_since = time.monotonic()
        self._unanswered.add(task.shard)

    def _check_answers(self, problem: str | None) -> None:
        """Raise StoreError if no store has answered anybody for too long.

        One shard alone may hold a photo that is never given; and who was at work before this began may be well.
        """
        silent_s = time.monotonic() - self._silent_since
        if len(self._unanswered) < 2 or silent_s < PATIENCE_S:
            return
        if all(since > self._silent_since for since in self._submitted.values()):
            message, _, hint = (problem or "").partition("\nhint: ")
            raise StoreError(
                f"for {silent_s / 60:.0f} minutes no store has answered: {message}",
                hint=f"{hint or 'look into the reason'}; then --resume goes on",
            )

    def _wake(self) -> None:
        """What has waited long enough."""
        while self._later and self._later[0][0] <= time.monotonic():
            self._ready.append(heapq.heappop(self._later)[2])

    def _may_begin(self, shard: int, progress: Progress) -> bool:
        if self._max_bytes is None:
            return True
        per_byte = 1.1 * self._most_per_byte or 1.0
        shards = [*(number for number, count in self._in_hand.items() if count), shard]
        expected = sum(self._run.shards[number].bytes for number in shards) * per_byte
        return progress.bytes_read + expected <= self._max_bytes

    def _settle(self, outcome: Outcome, progress: Progress, slots: int) -> None:
        task, result = outcome
        self._in_hand[task.shard] -= 1
        if not self._in_hand[task.shard]:
            del self._in_hand[task.shard]
            del self._submitted[task.shard]
        if isinstance(result, Died):
            progress.retries += 1
            self._lost_in_a_row += 1
            if self._lost_in_a_row >= MOST_LOST * slots:
                raise WorkerLost(
                    f"workers end one after the other: {self._lost_in_a_row} in a row, the last: {result.why}",
                    hint="perhaps there is too little memory; --resume goes on where this ended",
                )
            self._died(task, result, progress)
            return
        self._lost_in_a_row = 0
        progress.bytes_read += result.bytes_read
        progress.requests += result.requests
        progress.worker_s += result.seconds
        self._note_silence(task, result)
        if result.problem is not None:
            progress.retries += 1
            self._let_down(task, result, progress)
        elif task.rows is None:
            self._failed_in_a_row = self._hopeless_in_a_row = 0
            progress.problem = None
            progress.shards += 1
            progress.photos += result.photos
            progress.lost_races += not result.won
            size = self._run.shards[task.shard].bytes
            self._most_per_byte = max(self._most_per_byte, result.bytes_read / size if size else 0.0)
            self._states.pop(task.shard, None)
        else:
            self._probed(task.shard)

    def _let_down(self, task: Task, result: Done, progress: Progress) -> None:
        """A task that could not be done, though its worker is well."""
        state = self._states[task.shard]
        state.attempts += 1
        state.last = result.problem or ""
        progress.problem = result.problem
        if result.is_passing and state.attempts < ATTEMPTS:
            self._again(task._replace(is_last=state.attempts == ATTEMPTS - 1), state.attempts)
        else:
            self._hopeless_in_a_row += not result.is_passing
            self._give_up(task.shard, progress)

    def _again(self, task: Task, attempts: int) -> None:
        pause = min(_LONGEST_PAUSE_S, _PAUSE_S * 2 ** (attempts - 1)) * self._chance.uniform(0.5, 1.5)
        heapq.heappush(self._later, (time.monotonic() + pause, next(self._number), task))

    def _died(self, task: Task, died: Died, progress: Progress) -> None:
        state = self._states[task.shard]
        state.last = died.why
        if not died.was_ready:
            self._again(task, 1)
            return
        if task.rows is None:
            state.deaths += 1
            if state.deaths < DEATHS:
                self._ready.append(task)
            elif state.rounds == ROUNDS:
                self._give_up(task.shard, progress)
            else:
                state.rounds += 1
                state.deaths = 0
                self._probe(task.shard, (0, self._run.shards[task.shard].rows))
            return
        first, last = task.rows
        if last - first > 1:
            middle = (first + last) // 2
            self._probe(task.shard, (first, middle))
            self._probe(task.shard, (middle, last))
        else:
            state.alone[first] += 1
            if state.alone[first] < ALONE:
                self._probe(task.shard, task.rows)
            else:
                state.poisoned[first] = died.why
        self._probed(task.shard)

    def _probe(self, shard: int, rows: tuple[int, int]) -> None:
        """Have a piece of a shard looked at: those known to end workers are left out."""
        state = self._states[shard]
        state.probes += 1
        self._ready.append(Task(shard, rows, dict(state.poisoned)))

    def _probed(self, shard: int) -> None:
        """One piece less; after the last one the shard is done without the photos that were found."""
        state = self._states[shard]
        state.probes -= 1
        if not state.probes:
            self._ready.append(Task(shard, None, dict(state.poisoned)))

    def _give_up(self, shard: int, progress: Progress) -> None:
        if shard not in self._failed:
            progress.failed += 1
            self._failed_in_a_row += 1
            self._failed[shard] = self._states[shard].last
            logger.debug("shard %d is given up: %s", shard, self._failed[shard])
