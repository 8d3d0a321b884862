"""Batches made ahead: the same ones in the same order, errors where they belong, no thread left behind."""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING

import pytest

torch = pytest.importorskip("torch", reason="training needs the train extra")

from iqa_cli.training.ahead import ahead  # noqa: E402 - torch may be missing
from iqa_cli.training.data import Batch  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator


def batch(number: int) -> Batch:
    return Batch(
        torch.full((2, 1), float(number)),
        torch.zeros(2, 1, dtype=torch.int64),
        torch.ones(2, 1).bool(),
        torch.arange(2),
    )


def working() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("iqa-ahead")]


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    assert working() == []
    yield
    assert working() == []


@pytest.mark.parametrize("count", [0, 1, 7])
def test_the_same_batches_come_in_the_same_order(count: int) -> None:
    made = [batch(number) for number in range(count)]
    assert [id(one) for one in ahead(iter(made))] == [id(one) for one in made]


def test_the_next_batch_is_made_while_the_present_one_is_in_use() -> None:
    second = threading.Event()

    def make() -> Iterator[Batch]:
        yield batch(0)
        second.set()
        yield batch(1)

    coming = ahead(make())
    next(coming)
    assert second.wait(10)
    assert len(list(coming)) == 1


def test_no_more_than_one_batch_is_made_ahead() -> None:
    made = []

    def make() -> Iterator[Batch]:
        for number in itertools.count():
            made.append(number)
            yield batch(number)

    coming = ahead(make())
    for _ in range(3):
        next(coming)
    coming.close()  # type: ignore[attr-defined]
    assert len(made) <= 4


def test_batches_are_made_in_one_thread_that_is_not_ours() -> None:
    makers = set()

    def make() -> Iterator[Batch]:
        for number in range(4):
            makers.add(threading.get_ident())
            yield batch(number)

    list(ahead(make()))
    assert len(makers) == 1
    assert threading.get_ident() not in makers


@pytest.mark.parametrize("error", [ValueError("broken"), KeyboardInterrupt()], ids=["mistake", "interrupt"])
def test_what_goes_wrong_in_the_making_is_raised_after_what_went_well(error: BaseException) -> None:
    def make() -> Iterator[Batch]:
        yield batch(0)
        yield batch(1)
        raise error

    coming = ahead(make())
    assert [float(next(coming).inputs[0, 0]) for _ in range(2)] == [0.0, 1.0]
    with pytest.raises(type(error)) as raised:
        next(coming)
    assert raised.value is error


def test_closing_early_waits_for_what_is_being_made() -> None:
    begun, ended = threading.Event(), threading.Event()

    def make() -> Iterator[Batch]:
        yield batch(0)
        begun.set()
        threading.Event().wait(0.05)
        ended.set()
        yield batch(1)

    coming = ahead(make())
    next(coming)
    assert begun.wait(10)
    coming.close()  # type: ignore[attr-defined]
    assert ended.is_set()


def test_a_mistake_of_the_taker_leaves_no_thread() -> None:
    def take() -> None:
        for _ in ahead(batch(number) for number in range(100)):
            raise RuntimeError("the loss is no number")

    with pytest.raises(RuntimeError, match="no number"):
        take()
