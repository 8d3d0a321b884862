"""A run and its end, as a report of one tells them."""

from __future__ import annotations

import datetime as dt

from iqa_cli.machine import Machine
from iqa_cli.provenance import Ending, Provenance

BEGUN = dt.datetime(2026, 7, 4, 9, 5, tzinfo=dt.timezone(dt.timedelta(hours=2)))
RUN = Provenance(
    places=("DCIM",),
    checkpoint="default",
    decode="scaled",
    strictness="normal",
    made=BEGUN,
    card_sha256="c" * 64,
    graph="smartphone-6",
    graph_sha256="9" * 64,
    command=("iqa", "assess", "DCIM"),
    machine=Machine("Linux-6.1-x86_64", 4, "3.11.7", {"pillow": "13.0.0"}),
)
ENDING = Ending(BEGUN + dt.timedelta(seconds=12), 12.0, 0, {"ok": 1, "unreadable": 1})
