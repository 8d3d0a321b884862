"""The driver: what becomes of shards whose workers end, whose store is away, or that cost too much."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Self

import pytest
from drawn_runs import DrawnSource, settings_for

from iqa_cli.errors import RunError, StoreError, UsageError, WorkerLost
from iqa_cli.scale import driver as driving
from iqa_cli.scale.driver import ALONE, ATTEMPTS, DEATHS, MOST_HOPELESS, PATIENCE_S, ROUNDS, Driver
from iqa_cli.scale.engines import Died, Done, Outcome, Task
from iqa_cli.scale.parts import part_name
from iqa_cli.scale.planning import plan
from iqa_cli.stores.places import Place

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from iqa_cli.scale.progress import Progress

ROWS = 16


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    place = Place(str(tmp_path / "run"))
    monkeypatch.setattr(Scripted, "place", place)
    plan(settings_for(ROWS), place, source=DrawnSource([f"{number:03}.jpg" for number in range(5 * ROWS)]))
    return place


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driving, "_PAUSE_S", 0.0)


class Scripted:
    """An engine that answers as told, one task after the other."""

    place: Place | None = None
    """Where results are written."""

    def __init__(self, answer: Callable[[Task], Done | Died], slots: int = 2) -> None:
        self._answer = answer
        self.slots = slots
        self.tasks: list[Task] = []
        self.most_in_hand = 0
        self._in_hand: list[Task] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def submit(self, task: Task, deadline_s: float) -> None:
        assert deadline_s > 0
        self.tasks.append(task)
        self._in_hand.append(task)
        self.most_in_hand = max(self.most_in_hand, len(self._in_hand))

    def wait(self, timeout_s: float) -> list[Outcome]:
        assert timeout_s > 0
        assert self._in_hand, "the driver waits for nothing"
        task = self._in_hand.pop(0)
        answer = self._answer(task)
        if isinstance(answer, Done) and answer.problem is None and task.rows is None:
            assert self.place is not None
            self.place.put(part_name(task.shard), b"rows")
        return [Outcome(task, answer)]


def rows_of(task: Task) -> range:
    return range(*(task.rows or (0, ROWS)))


def done(task: Task) -> Done:
    return Done(len(rows_of(task)), 1000, 20, 0.1, task.rows is None)


def deadly(*poison: tuple[int, int]) -> Callable[[Task], Done | Died]:
    """Workers end over these (shard, row), unless they are left out."""

    def answer(task: Task) -> Done | Died:
        found = [
            row for shard, row in poison if shard == task.shard and row in rows_of(task) and row not in task.poisoned
        ]
        return Died(f"crashed over {found[0]}") if found else done(task)

    return answer


def test_every_shard_is_done_once_and_few_are_in_hand(place: Place) -> None:
    engine = Scripted(done, slots=1)
    told: list[Progress] = []
    result = Driver(place, engine, tell=told.append).drive()
    assert [task.shard for task in engine.tasks] == [0, 1, 2, 3, 4]
    assert engine.most_in_hand == 2
    assert result.is_complete
    assert (result.progress.photos, result.progress.bytes_read) == (5 * ROWS, 5000)
    line = json.loads(told[-1].line())
    assert line["shards"] == 5
    assert line["left_s"] == 0


@pytest.mark.parametrize("poison", [[(1, 0)], [(1, ROWS - 1)], [(1, 5), (1, 6)], [(1, 3), (1, 12), (4, 7)]])
def test_a_shard_that_ends_its_workers_is_halved_down_to_the_photos(
    place: Place, poison: list[tuple[int, int]]
) -> None:
    engine = Scripted(deadly(*poison))
    result = Driver(place, engine).drive()
    assert result.is_complete
    assert result.failed == ()
    last = {task.shard: task for task in engine.tasks if task.rows is None}
    for shard in range(5):
        expected = {row: f"crashed over {row}" for of, row in poison if of == shard}
        assert last[shard].poisoned == expected
    whole = [task for task in engine.tasks if task.rows is None and task.shard == 1]
    assert len(whole) == DEATHS + 1
    alone = [task.rows for task in engine.tasks if task.rows is not None and len(rows_of(task)) == 1]
    for _, row in poison:
        assert alone.count((row, row + 1)) == ALONE


def test_workers_that_end_by_chance_accuse_no_photo(place: Place) -> None:
    left = {2: 4}

    def answer(task: Task) -> Done | Died:
        if task.rows is None and left.get(task.shard, 0):
            left[task.shard] -= 1
            return Died("killed")
        return done(task)

    engine = Scripted(answer)
    assert Driver(place, engine).drive().is_complete
    assert all(not task.poisoned for task in engine.tasks)


def test_a_shard_that_no_photo_explains_is_given_up_and_the_others_are_done(place: Place) -> None:
    engine = Scripted(lambda task: Died("killed") if task.shard == 3 and task.rows is None else done(task))
    result = Driver(place, engine).drive()
    assert result.failed == ((3, "killed"),)
    assert not result.is_complete
    assert result.progress.shards == 4
    assert sum(task.shard == 3 and task.rows is None for task in engine.tasks) == DEATHS * (ROUNDS + 1)


def test_a_store_that_is_away_for_a_while_costs_nothing(place: Place) -> None:
    fails = {0: 3, 4: ATTEMPTS - 1}

    def answer(task: Task) -> Done:
        if fails.get(task.shard, 0):
            fails[task.shard] -= 1
            return Done(problem="the store cannot be reached", is_passing=True)
        return done(task)

    assert Driver(place, Scripted(answer)).drive().is_complete


def test_a_store_that_stays_away_gives_up_and_one_that_refuses_at_once(place: Place) -> None:
    def answer(task: Task) -> Done:
        if task.shard in (1, 2):
            return Done(problem=f"no {task.shard}\nhint: mend it", is_passing=task.shard == 1)
        return done(task)

    engine = Scripted(answer)
    result = Driver(place, engine).drive()
    assert result.failed == ((1, "no 1\nhint: mend it"), (2, "no 2\nhint: mend it"))
    assert sum(task.shard == 1 for task in engine.tasks) == ATTEMPTS
    assert sum(task.shard == 2 for task in engine.tasks) == 1


def test_what_no_shard_can_do_ends_the_run_early(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driving, "MOST_FAILED", 3)
    engine = Scripted(lambda _: Done(problem="other libraries"), slots=1)
    result = Driver(place, engine).drive()
    assert [number for number, _ in result.failed] == [0, 1, 2]
    assert len(engine.tasks) <= 4


def test_what_became_hopeless_later_ends_the_run_too(place: Place) -> None:
    """A disk that fills up: the other shards are not judged in vain."""
    engine = Scripted(lambda task: done(task) if task.shard < 1 else Done(problem="no room is left"), slots=1)
    result = Driver(place, engine).drive()
    assert len(result.failed) == MOST_HOPELESS
    assert not result.is_complete


def test_a_photo_that_the_store_never_gives_becomes_a_row_at_the_last_attempt(place: Place) -> None:
    def answer(task: Task) -> Done:
        return done(task) if task.is_last or task.shard else Done(problem="400", is_passing=True)

    engine = Scripted(answer)
    result = Driver(place, engine).drive()
    assert result.is_complete
    assert [task.is_last for task in engine.tasks if task.shard == 0] == [False] * (ATTEMPTS - 1) + [True]


def test_results_that_are_taken_away_are_missed(place: Place) -> None:
    def answer(task: Task) -> Done:
        if task.shard == 4:
            place.store.delete(part_name(1))
        return done(task)

    with pytest.raises(RunError, match="1 results that were written are not there"):
        Driver(place, Scripted(answer)).drive()


def test_a_bound_on_bytes_means_nothing_for_a_folder(tmp_path: Path) -> None:
    place = Place(str(tmp_path / "run"))
    plan(settings_for(ROWS, source="DCIM", root="/DCIM"), place, source=DrawnSource(["a.jpg"]))
    with pytest.raises(UsageError, match="DCIM is a folder"):
        Driver(place, Scripted(done), max_bytes=5)


def test_names_that_are_not_ours_are_no_results(place: Place) -> None:
    place.put("part/1.parquet", b"x")
    place.put("part/.DS_Store", b"x")
    assert Driver(place, Scripted(done)).drive().progress.shards == 5


def test_where_every_worker_ends_the_run_does(place: Place) -> None:
    with pytest.raises(WorkerLost, match="one after the other"):
        Driver(place, Scripted(lambda _: Died("killed"), slots=1)).drive()
    with pytest.raises(WorkerLost, match="one after the other"):
        Driver(place, Scripted(lambda _: Died("did not start", was_ready=False), slots=1)).drive()


def test_a_run_with_results_goes_on_only_when_asked_to(place: Place) -> None:
    place.put("part/00001.parquet", b"x")
    place.put("part/00003.parquet", b"x")
    with pytest.raises(RunError, match="2 of 5 shards are done"):
        Driver(place, Scripted(done)).drive()
    engine = Scripted(done)
    result = Driver(place, engine, resume=True).drive()
    assert sorted(task.shard for task in engine.tasks) == [0, 2, 4]
    assert result.is_complete
    assert result.progress.photos_before == 2 * ROWS


def test_a_run_that_is_done_has_nothing_left_to_ask(place: Place) -> None:
    for number in range(5):
        place.put(f"part/{number:05}.parquet", b"x")
    engine = Scripted(done)
    result = Driver(place, engine).drive()
    assert result.is_complete
    assert engine.tasks == []
    assert result.progress.shards == 0


AWAY = Done(problem="the store cannot be reached\nhint: the network", is_passing=True, is_unreachable=True)


class Clock:
    """A time that passes with each answer of an engine."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(driving, "time", clock)
    return clock


def test_a_store_that_answers_nobody_is_waited_for_so_long(place: Place, clock: Clock) -> None:
    """From where the silence begins, however long the shards took before."""
    told: list[str | None] = []
    since = 0.0

    def answer(task: Task) -> Done:
        nonlocal since
        if task.shard < 2:
            clock.now += 300
            return done(task)
        clock.now += 20
        since = since or clock.now
        return AWAY

    with pytest.raises(StoreError, match="for 3 minutes no store has answered: the store cannot be reached") as caught:
        Driver(place, Scripted(answer), tell=lambda progress: told.append(progress.problem)).drive()
    assert PATIENCE_S <= clock.now - since <= PATIENCE_S + 40
    assert caught.value.hint == "the network; then --resume goes on"
    assert told[0] is None
    assert str(told[-1]).startswith("the store cannot be reached")
    assert Driver(place, Scripted(done), resume=True).drive().is_complete


def test_an_outage_that_is_shorter_ends_nothing(place: Place, clock: Clock) -> None:
    def answer(task: Task) -> Done:
        clock.now += 300 if clock.now < 1600 else 20
        return AWAY if 1600 <= clock.now < 1600 + PATIENCE_S else done(task)

    assert Driver(place, Scripted(answer)).drive().is_complete


def test_who_was_at_work_before_may_be_well(place: Place, clock: Clock) -> None:
    """One node has lost its network, another one has not, and takes longer for a shard than a store is waited for."""

    class Slow(Scripted):
        def wait(self, timeout_s: float) -> list[Outcome]:
            self._in_hand.sort(key=lambda task: task.shard == 0)  # answered when there is nothing else, or late
            if clock.now > 1215:
                self._in_hand.sort(key=lambda task: task.shard != 0)
            clock.now += 16
            return super().wait(timeout_s)

    def answer(task: Task) -> Done:
        return done(task) if task.shard == 0 or clock.now > 1215 else AWAY

    assert Driver(place, Slow(answer)).drive().is_complete
    assert clock.now > 1215


def test_answers_of_any_kind_are_no_silence(place: Place, clock: Clock) -> None:
    """Photos that the store never gives are waited for as long as any, and become rows."""

    def answer(task: Task) -> Done:
        clock.now += 70
        if task.is_last:
            return done(task)
        return AWAY if task.shard < 2 else Done(problem="500", is_passing=True)

    assert Driver(place, Scripted(answer, slots=2)).drive().is_complete


def test_max_bytes_begins_no_shard_beyond_it(place: Place) -> None:
    from iqa_cli.scale.card import load_run

    size = load_run(place).shards[0].bytes
    engine = Scripted(lambda _: Done(ROWS, size, ROWS, 0.1, True), slots=1)
    result = Driver(place, engine, max_bytes=3 * size + size // 2).drive()
    assert result.is_over_budget
    assert 2 <= len(engine.tasks) <= 3
    assert result.progress.bytes_read <= 3.5 * size


def test_a_run_of_another_version_is_refused(tmp_path: Path) -> None:
    place = Place(str(tmp_path / "old"))
    plan(settings_for(ROWS, iqa="0.0.1"), place, source=DrawnSource(["a.jpg"]))
    with pytest.raises(RunError, match=r"planned by iqa 0\.0\.1"):
        Driver(place, Scripted(done))


def test_a_driver_that_was_taken_for_dead_stops(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    from iqa_cli.scale.lease import Lease

    monkeypatch.setattr(Lease, "is_lost", property(lambda _self: True))
    with pytest.raises(RunError, match="took over"):
        Driver(place, Scripted(done)).drive()
