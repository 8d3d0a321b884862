"""Photos to reports: decode in threads, judge in batches, yield in order.

    refs --look (a pool of threads)--> Look --judge (batches, one thread)--> PhotoReport

Threads and not processes, because Pillow lets go of the interpreter lock while it decodes, which is where the
time goes, and because a thread costs no start-up and no second model. Memory does not grow with the number of
photos: a bounded number is in flight, and what waits is the model's small input, not the picture. Which
photos share a batch depends on their order alone, so the reports do not depend on the number of threads.
"""

from __future__ import annotations

import collections
import concurrent.futures
import dataclasses
import functools
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from iqa_cli.checkpoint import CARD, Checkpoint, load_checkpoint
from iqa_cli.crf.numpy_crf import NumpyCRF
from iqa_cli.crf.unary import unary_from_nodes
from iqa_cli.errors import UsageError
from iqa_cli.findings import disagreement_notes, find, no_photograph_note, read_usual, too_small_note
from iqa_cli.hexgraph import compile_plan
from iqa_cli.models.prepare import squash
from iqa_cli.models.runner import OnnxModel
from iqa_cli.paths import find_checkpoint
from iqa_cli.photometry import examine
from iqa_cli.photos import read_photo
from iqa_cli.photos.discover import as_utf8, discover
from iqa_cli.records import Capture, Language, Photo, PhotoRef, PhotoReport, Unreadable

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Sequence

    from iqa_cli.checkpoint import Preprocessing
    from iqa_cli.crf.beliefs import Beliefs
    from iqa_cli.photometry import Doubt
    from iqa_cli.records import Influence, Measurement

logger = logging.getLogger(__name__)

Decode = Literal["scaled", "full"]
Source = str | os.PathLike[str] | bytes | bytearray | memoryview | Image.Image | NDArray[Any]

BATCH = 32
"""Photos per call of the model: enough to share its overhead, few enough that a result is never far away."""
SMALLEST_SIDE = 32
"""Pixels. Below it a picture is an icon: what the model says about it means nothing."""


@dataclasses.dataclass(frozen=True, slots=True)
class Look:
    """One photo after reading and measuring, ready for the model."""

    source_file: str
    """As in `PhotoRef`; empty for a photo from memory."""
    error: str | None
    """Why it cannot be judged; None if it can."""
    prepared: NDArray[np.uint8] | None = None
    """(S, S, 3) uint8, the model's input; None if there is an error."""
    size: tuple[int, int] = (0, 0)
    """Width and height of the upright original."""
    notes: tuple[str, ...] = ()
    """From the decoder."""
    measurements: tuple[Measurement, ...] = ()
    """Of the decoded picture."""
    doubt: Doubt | None = None
    """What it seems to be, if no photograph."""
    capture: Capture = dataclasses.field(default_factory=Capture)
    """Camera settings, as far as they could be read."""


def look(ref: PhotoRef, decode: Decode, preprocessing: Preprocessing) -> Look:
    """Read, measure and prepare one photo; whatever is wrong with it becomes its `error`.

    Stateless: everything it needs comes in, everything it found goes out, so it runs in any thread or
    process.
    """
    try:
        photo, capture = read_photo(ref, mode=decode)
        return _look_at(ref.source_file, photo, capture, preprocessing)
    # Thirteen kinds of exception came out of the readers on damaged files; one photo must never end a run.
    except Exception as error:  # noqa: BLE001 - see above
        return Look(ref.source_file, error=f"reading it failed ({type(error).__name__}: {error})")


def _look_at(source_file: str, photo: Photo | Unreadable, capture: Capture, preprocessing: Preprocessing) -> Look:
    if isinstance(photo, Unreadable):
        return Look(source_file, error=photo.reason, capture=capture)
    measurements, doubt = examine(photo.rgb)
    return Look(
        source_file,
        error=None,
        prepared=squash(photo.rgb, preprocessing.size, preprocessing.interpolation),
        size=(photo.width, photo.height),
        notes=photo.notes,
        measurements=measurements,
        doubt=doubt,
        capture=capture,
    )


class Auditor:
    """A checkpoint ready to judge photos; made once, used for any number of runs, from one thread at a time.

    checkpoint  whose model and graph judge
    decode      "scaled" decodes JPEGs at a fraction of their size, many times faster; "full" decodes every pixel
    jobs        threads that decode; None takes one per processor this process may use
    lang        of evidence; what is wrong with a file is said in English
    explain     also say which rules of the graph changed which label; costs little for a dozen labels, some
                milliseconds a photo for fifty
    raises      CheckpointError  if the model cannot be loaded
                UsageError       if jobs is below 1
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        decode: Decode = "scaled",
        jobs: int | None = None,
        lang: Language = "en",
        explain: bool = False,
    ) -> None:
        if jobs is not None and jobs < 1:
            raise UsageError(f"jobs must be at least 1, got {jobs}")
        self.graph = checkpoint.graph
        self._decode = decode
        self._jobs = jobs or _processors()
        self.lang: Language = lang
        self._explain = explain
        self._preprocessing = checkpoint.preprocessing
        self._plan = compile_plan(checkpoint.graph)
        self._crf = NumpyCRF(self._plan)
        self._usual = read_usual(checkpoint.card.get("measured"), self.graph, str(checkpoint.folder / CARD))
        self._model = OnnxModel(checkpoint)

    @classmethod
    def load(
        cls,
        checkpoint: str | os.PathLike[str] = "default",
        *,
        decode: Decode = "scaled",
        jobs: int | None = None,
        lang: Language = "en",
        explain: bool = False,
    ) -> Auditor:
        """An auditor for a checkpoint given by name or path.

        raises  CheckpointError  if there is none, or it is damaged
        """
        # A path object always means a folder, also when it has neither a slash nor a suffix.
        folder = find_checkpoint(checkpoint) if isinstance(checkpoint, str) else Path(checkpoint)
        return cls(load_checkpoint(folder), decode=decode, jobs=jobs, lang=lang, explain=explain)

    def run(self, refs: Iterable[PhotoRef]) -> Generator[PhotoReport, None, None]:
        """One report per photo, in the order given, as soon as its batch is judged.

        Closing the generator, or an interrupt, drops what has not been started and waits for the photos in
        hand.
        """
        pool = concurrent.futures.ThreadPoolExecutor(self._jobs, thread_name_prefix="iqa-decode")
        try:
            waiting: collections.deque[concurrent.futures.Future[Look]] = collections.deque()
            for ref in refs:
                waiting.append(pool.submit(look, ref, self._decode, self._preprocessing))
                # One batch being judged, one being decoded meanwhile, and every thread with a next photo.
                if len(waiting) >= 2 * BATCH + self._jobs:
                    yield from self._judge([waiting.popleft().result() for _ in range(BATCH)])
            while waiting:
                yield from self._judge([waiting.popleft().result() for _ in range(min(BATCH, len(waiting)))])
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def photo(self, source: Source) -> PhotoReport:
        """One photo, from disk or from memory.

        source  a path; or the bytes of a file, a PIL image, or an array (H, W), (H, W, 3) or (H, W, 4) of uint8,
                uint16 or floats in 0..1
        raises  InvalidInput  if a path does not exist
                UsageError    if it is a folder
                TypeError, ValueError  for any other source, or an array of another shape or range
        """
        if isinstance(source, str | os.PathLike):
            if os.path.isdir(source):  # noqa: PTH112 - Path's own raises for a locked folder before Python 3.14
                raise UsageError(
                    f"{as_utf8(os.fspath(source))}: this is a folder", hint="assess([folder]) takes folders"
                )
            return self._judge([look(discover([source]).photos[0], self._decode, self._preprocessing)])[0]
        return self._judge([_look_at("", *read_photo(source, mode=self._decode), self._preprocessing)])[0]

    def _judge(self, batch: Sequence[Look]) -> list[PhotoReport]:
        """Reports of a batch, readable or not. An exception in here is our bug and nobody's photo."""
        prepared = [seen.prepared for seen in batch if seen.prepared is not None]
        judged: Iterator[_Judgement] = iter(())
        if prepared:
            beliefs = self._crf.infer(unary_from_nodes(self._model.node_scores(prepared), self._plan))
            judged = self._judgements(beliefs)
        return [
            PhotoReport(seen.source_file, "unreadable", error=seen.error, notes=seen.notes, capture=seen.capture)
            if seen.error is not None
            else self._report(seen, next(judged))
            for seen in batch
        ]

    def _judgements(self, beliefs: Beliefs) -> Iterator[_Judgement]:
        """Row by row what the CRF believes, as plain numbers by label."""
        ends = np.cumsum(self.graph.n_levels)[:-1]

        def by_label(row: NDArray[np.floating]) -> dict[str, tuple[float, ...]]:
            parts = (tuple(map(float, part)) for part in np.split(row, ends))
            return dict(zip(self.graph.label_names, parts, strict=True))

        for index, (row, levels) in enumerate(zip(beliefs.marginals, beliefs.levels, strict=True)):
            yield _Judgement(
                marginals=by_label(row),
                levels=[int(level) for level in levels],
                independent=by_label(beliefs.independent[index]) if self._explain else {},
                influence=beliefs.influence[index] if self._explain else (),
            )

    def _report(self, seen: Look, judged: _Judgement) -> PhotoReport:
        why = self._uncertain(seen)
        rows = list(judged.marginals.values())
        findings = find(self.graph, rows, judged.levels, seen.measurements, seen.capture, self.lang, usual=self._usual)
        # What should not be trusted anyway needs no second reason.
        remarks = disagreement_notes(self.graph, findings, self.lang) if why is None else (why,)
        return PhotoReport(
            seen.source_file,
            "ok" if why is None else "uncertain",
            notes=(*seen.notes, *remarks),
            findings=findings,
            marginals=judged.marginals,
            independent=judged.independent,
            influence=judged.influence,
            measurements=seen.measurements,
            capture=seen.capture,
        )

    def _uncertain(self, seen: Look) -> str | None:
        """Why the judgement of a photo should not be trusted, if so."""
        if min(seen.size) < SMALLEST_SIDE:
            return too_small_note(*seen.size, self.lang)
        return None if seen.doubt is None else no_photograph_note(seen.doubt, self.lang)


@dataclasses.dataclass(frozen=True, slots=True)
class _Judgement:
    """What the CRF believes of one photo."""

    marginals: dict[str, tuple[float, ...]]
    """Per label the probability of each level."""
    levels: list[int]
    """Per label the level of the best legal state."""
    independent: dict[str, tuple[float, ...]]
    """The marginals if no rule held; empty unless asked for."""
    influence: tuple[Influence, ...]
    """Empty unless asked for."""


def assess(
    paths: Iterable[str | os.PathLike[str]],
    *,
    checkpoint: str | os.PathLike[str] = "default",
    decode: Decode = "scaled",
    jobs: int | None = None,
    lang: Language = "en",
    explain: bool = False,
) -> Iterator[PhotoReport]:
    """Reports of all photos in files and folders, sorted by path; an unreadable photo is a report as well.

    paths       files and folders; folders are searched to the bottom
    checkpoint  a shipped one by name, or the folder of any
    decode      "scaled" decodes JPEGs at a fraction of their size, many times faster; "full" decodes every pixel
    jobs        threads that decode; None takes one per processor. The reports do not depend on it
    lang        of evidence; what is wrong with a file is said in English
    explain     also say which rules of the graph changed which label
    raises      InvalidInput     if a path does not exist
                CheckpointError  if the checkpoint does not exist or is damaged
                UsageError       if jobs is below 1

    Whatever is wrong with the arguments is raised by the call itself, before the first report is asked for. A
    folder that cannot be listed is logged as a warning; `discover(paths).skipped` has them all.
    """
    found = discover(paths)
    for folder, reason in found.skipped:
        logger.warning("%s: not searched (%s)", folder, reason)
    return Auditor.load(checkpoint, decode=decode, jobs=jobs, lang=lang, explain=explain).run(found.photos)


def assess_photo(
    source: Source,
    *,
    checkpoint: str | os.PathLike[str] = "default",
    decode: Decode = "scaled",
    lang: Language = "en",
    explain: bool = False,
) -> PhotoReport:
    """The report of one photo, from disk or from memory; see `Auditor.photo` for sources and errors.

    The checkpoint last used stays loaded. In a program with threads make one `Auditor.load()` for each of them
    and call its `photo`.
    """
    return _loaded(checkpoint if isinstance(checkpoint, str) else Path(checkpoint), decode, lang, explain).photo(source)


@functools.lru_cache(maxsize=1)
def _loaded(checkpoint: str | Path, decode: Decode, lang: Language, explain: bool) -> Auditor:
    """An auditor kept between calls of `assess_photo`; loading one takes far longer than judging a photo."""
    return Auditor.load(checkpoint, decode=decode, jobs=1, lang=lang, explain=explain)


def _processors() -> int:
    """Processors that this process may use, which in a container is fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
