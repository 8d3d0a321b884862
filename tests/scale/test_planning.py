"""A plan: each photo in one shard, in order, frozen; interrupted anywhere it goes on and comes to the same."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from drawn_runs import DrawnSource, settings_for

from iqa_cli.errors import NothingReadable, RunError
from iqa_cli.scale.card import load_run
from iqa_cli.scale.manifest import read_shard, shard_name
from iqa_cli.scale.planning import plan
from iqa_cli.stores.places import Place

if TYPE_CHECKING:
    from pathlib import Path

KEYS = [f"{number // 7:02}/{number:03}.jpg" for number in range(45)]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(str(tmp_path / "run"))


def keys_of(place: Place) -> list[str]:
    run = load_run(place)
    return [entry.key for number in range(len(run.shards)) for entry in read_shard(place, run, number)]


def test_shards_hold_all_photos_in_order(place: Place) -> None:
    run = plan(settings_for(10), place, source=DrawnSource(KEYS, kinds_after=3))
    assert [shard.rows for shard in run.shards] == [10, 10, 10, 10, 5]
    assert keys_of(place) == KEYS
    assert run.photos == 45
    assert run.left_out.kinds == {".txt": 45, ".mov": 3}
    assert run == load_run(place)


@pytest.mark.parametrize("rows", [10, 15])  # the last shard full or not
@pytest.mark.parametrize("stop", [0, 1, 9, 10, 11, 30, 44])
def test_a_plan_that_was_interrupted_goes_on(place: Place, rows: int, stop: int) -> None:
    class Stop(BaseException):
        pass

    def at(key: str) -> None:
        if key == KEYS[stop]:
            raise Stop

    with pytest.raises(Stop):
        plan(settings_for(rows), place, source=DrawnSource(KEYS, at))
    with pytest.raises(RunError, match="not complete" if stop >= rows else "there is no run here"):
        load_run(place)
    frozen = {name: place.get(name) for name in place.names("manifest")}
    assert len(frozen) == stop // rows
    seen: list[str] = []
    run = plan(settings_for(rows, planned="2026-08-01T00:00:00+00:00"), place, source=DrawnSource(KEYS, seen.append, 2))
    assert seen == KEYS[len(frozen) * rows :]  # nothing is listed twice
    assert {name: place.get(name) for name in frozen} == frozen
    assert keys_of(place) == KEYS
    assert run.left_out.kinds == {".txt": 45, ".mov": 2}
    # When it began: a plan without a shard leaves nothing behind.
    assert run.settings.planned.startswith("2026-07-04" if frozen else "2026-08-01")


@pytest.mark.parametrize("rows", [9, 10])
def test_a_plan_that_lacks_its_card_alone_gets_it(place: Place, rows: int) -> None:
    run = plan(settings_for(rows), place, source=DrawnSource(KEYS, kinds_after=2))
    place.store.delete("run.json")
    again = plan(settings_for(rows), place, source=DrawnSource(KEYS, kinds_after=2))
    assert again == run


def test_two_listings_are_not_mixed(place: Place) -> None:
    """What comes in front of the frozen shards later is not in the plan, and nothing in them is lost."""

    def at(key: str) -> None:
        if key == KEYS[25]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        plan(settings_for(10), place, source=DrawnSource(KEYS, at))
    later = [*KEYS[5:], "00/000-new.jpg", "99/new.jpg"]
    plan(settings_for(10), place, source=DrawnSource(later))
    assert keys_of(place) == [*KEYS, "99/new.jpg"]


def test_other_settings_need_another_place(place: Place) -> None:
    plan(settings_for(10), place, source=DrawnSource(KEYS))
    before = {name: place.get(name) for name in place.names("")}
    with pytest.raises(RunError) as caught:
        plan(settings_for(10, decode="full", source="s3://photos/other"), place, source=DrawnSource(KEYS))
    assert caught.value.problems == (
        "source: s3://photos/DCIM, now s3://photos/other",
        "decode: scaled, now full",
    )
    assert {name: place.get(name) for name in place.names("")} == before


def test_a_name_that_is_not_ours_does_not_stop_a_plan(place: Place) -> None:
    def stop(key: str) -> None:
        if key == KEYS[25]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        plan(settings_for(10), place, source=DrawnSource(KEYS, stop))
    place.put("manifest/.DS_Store", b"x")
    assert plan(settings_for(10), place, source=DrawnSource(KEYS)).photos == len(KEYS)


def test_a_second_plan_at_work_is_noticed(place: Place) -> None:
    def other(key: str) -> None:
        if key == KEYS[15] and place.get(shard_name(1)) is None:
            place.put(shard_name(1), b"what the other one found")

    with pytest.raises(RunError, match="another iqa plan"):
        plan(settings_for(10), place, source=DrawnSource(KEYS, other))


def test_no_photos_are_no_plan(place: Place) -> None:
    with pytest.raises(NothingReadable, match=r"no photos found in s3://photos/DCIM; passed over: 2 files"):
        plan(settings_for(), place, source=DrawnSource([], kinds_after=2))
    assert place.names("") == []  # a name that was misspelt does not take the place
    assert plan(settings_for(10, source="s3://photos/DCIM/2"), place, source=DrawnSource(KEYS)).photos == len(KEYS)


def test_frozen_shards_that_are_damaged_or_missing_stop_the_plan(place: Place) -> None:
    plan(settings_for(10), place, source=DrawnSource(KEYS))
    place.store.delete("run.json")
    place.put(shard_name(2), b"no Parquet")
    with pytest.raises(RunError, match=r"manifest/00002\.parquet is damaged"):
        plan(settings_for(10), place, source=DrawnSource(KEYS))
    place.store.delete(shard_name(2))
    with pytest.raises(RunError, match=r"manifest/00002\.parquet is missing"):
        plan(settings_for(10), place, source=DrawnSource(KEYS))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format_version": 2}', b'{"format_version": 1}'])
def test_a_card_that_is_none_is_told(place: Place, content: bytes) -> None:
    place.put("run.json", content)
    with pytest.raises(RunError, match=r"run\.json"):
        load_run(place)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("card_sha256", 5),
        ("checkpoint", None),
        ("libraries", []),
        ("libraries", {"numpy": 2}),
        ("source", 7),
        ("planned", "x"),
    ],
)
def test_a_card_with_values_of_another_kind_is_damaged(place: Place, name: str, value: object) -> None:
    plan(settings_for(10), place, source=DrawnSource(KEYS))
    card = json.loads(place.get("run.json") or b"")
    place.put("run.json", json.dumps({**card, name: value}).encode())
    with pytest.raises(RunError, match=r"run\.json is damaged"):
        load_run(place)


def test_a_plan_that_lost_a_shard_is_not_taken_for_whole(place: Place) -> None:
    plan(settings_for(10), place, source=DrawnSource(KEYS))
    place.store.delete(shard_name(1))
    place.store.delete(shard_name(3))
    with pytest.raises(RunError, match=r"manifest/00001.parquet is missing, and 1 more") as caught:
        plan(settings_for(10), place, source=DrawnSource(KEYS))
    assert "another --out" in str(caught.value.hint)


def test_shards_without_settings_are_no_other_plan_at_work(place: Place) -> None:
    plan(settings_for(10), place, source=DrawnSource(KEYS))
    place.store.delete("run.json")
    place.store.delete("plan.json")
    with pytest.raises(RunError, match=r"plan\.json is missing"):
        plan(settings_for(10), place, source=DrawnSource(KEYS))
