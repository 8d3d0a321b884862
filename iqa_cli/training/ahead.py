"""The next batch is made while the present one is learned from."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iqa_cli.training.data import Batch


def ahead(batches: Iterator[Batch]) -> Iterator[Batch]:
    """The same batches, each fetched by a second thread as soon as the one before has been handed out.

    Making a batch of the tone ladder costs as much as a step of the small model; torch lets go of the interpreter lock
    in both. What goes wrong in the making is raised here. Which batches come, and in which order, does not change.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="iqa-ahead") as maker:
        coming = maker.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = maker.submit(next, batches, None)
            yield batch
