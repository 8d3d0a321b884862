"""The short part of the campaign: a few cases of every attack, the same ones each time."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from campaign.__main__ import ATTACKS
from campaign.attacks import disks, syscalls
from campaign.corpus import bad_files
from campaign.summary import table

if TYPE_CHECKING:
    from collections.abc import Callable

    from campaign.plan import Plan

ROOT = Path(__file__).parents[2]
SHORT = {
    "mutants": 250,
    "bombs": 0,  # large: tests/photos has their like in small
    "kills": 5,
    "interrupts": 3,
    "workers": 1,
    "sharing": 1,
    "caches": 3,
    "disks": 6,
    "syscalls": 6,
    "names": 30,
    "checkpoints": 8,
    "graphs": 10,
    "configs": 3,
    "labels": 4,
}
"""Cases of each attack."""


@pytest.mark.parametrize("attack", [name for name, amount in SHORT.items() if amount])
def test_no_promise_is_broken(plan: Callable[..., Plan], attack: str) -> None:
    if attack == "syscalls" and (reason := syscalls.untraceable()):
        pytest.skip(reason)
    outcome = ATTACKS[attack](plan(), SHORT[attack])
    assert outcome.amount == SHORT[attack]
    assert [(found.again, found.fault) for found in outcome.found] == []


def test_every_attack_has_its_short_part_and_its_line_in_the_documents() -> None:
    assert list(SHORT) == list(ATTACKS)
    page = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    assert [name for name in ATTACKS if f"`{name}`" not in page] == []


def test_a_campaign_tries_every_bad_file() -> None:
    names = [name for name, _, _ in bad_files()]
    assert len(set(names)) == len(names) == ATTACKS["bombs"].amount


def test_full_disks_are_made_without_rights_as_well(plan: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disks, "can_mount", lambda _plan: False)
    outcome = disks.attack(plan(1), 3)
    assert [found.fault for found in outcome.found] == []
    assert "skipped: disks: no tmpfs may be mounted here" in table([outcome], 1)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "tests/campaign", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_program_prints_its_seed_and_its_summary() -> None:
    done = run("--only", "graphs", "--graphs", "5", "--seed", "7")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "seed 7: every promise was kept")
    assert done.stdout.splitlines()[0].split() == [
        "attack",
        "amount",
        "lost",
        "hung",
        "wrong",
        "exit",
        "code",
        "other",
        "seconds",
    ]
    assert done.stdout.splitlines()[1].startswith("graphs  5 bad graphs")
    assert done.stderr.startswith("seed: 7\n")


def test_what_is_interrupted_says_what_was_not_made() -> None:
    command = [sys.executable, "tests/campaign", "--only", "graphs,sharing,labels", "--graphs", "5", "--sharing", "100"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("graphs: 5"):
                break
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert process.returncode == 130
    assert err.splitlines()[-1] == "interrupted: sharing, labels not made, or not to the end"
    assert out.splitlines()[1].startswith("graphs  5 bad graphs")


def test_an_unknown_attack_is_refused() -> None:
    done = run("--only", "graphs,gravs")
    assert done.returncode == 2
    assert "no attack is called gravs" in done.stderr
