"""Photos to reports: read, measured and judged in threads, yielded in order.

    refs --known? (cache)--> PhotoReport
         --look, judge (a pool of threads)--> PhotoReport --> cache

Threads and not processes, because Pillow and onnxruntime let go of the interpreter lock while they work, which is where
the time goes, and because a thread costs no start-up and no second model. A photo is judged by the thread that decoded
it: the model takes as long for each of 32 photos as for one alone, and a report that depends on its photo alone is the
same bytes whatever is judged beside it, now or in a run that was interrupted. Memory does not grow with the number of
photos: a bounded number is in flight, and what waits are reports, not pictures.
"""

from __future__ import annotations

import collections
import concurrent.futures
import contextlib
import dataclasses
import functools
import hashlib
import itertools
import json
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import PIL
import pillow_heif
from numpy.typing import NDArray
from PIL import Image

from iqa_cli._version import __version__
from iqa_cli.cache import Cache, context_key
from iqa_cli.checkpoint import CARD, Checkpoint, load_checkpoint
from iqa_cli.crf.levels import named_positions
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
    from collections.abc import Generator, Iterable, Iterator

    from iqa_cli.checkpoint import Preprocessing
    from iqa_cli.crf.beliefs import Beliefs
    from iqa_cli.photometry import Doubt
    from iqa_cli.records import Measurement

logger = logging.getLogger(__name__)

Decode = Literal["scaled", "full", "thumbnail"]
Pixels = bytes | bytearray | memoryview | Image.Image | NDArray[Any]
Source = str | os.PathLike[str] | Pixels

IN_FLIGHT = 4
"""Photos per thread that are read ahead of the one whose report comes next, so that a slow one holds up nobody."""
LOOKUP = 256
"""Photos that are asked for at once in the cache."""
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
        return _seen(ref.source_file, ref, decode, preprocessing)
    # Thirteen kinds of exception came out of the readers on damaged files; one photo must never end a run.
    except Exception as error:  # noqa: BLE001 - see above
        return Look(ref.source_file, error=f"reading it failed ({type(error).__name__}: {error})")


def _seen(source_file: str, source: PhotoRef | Pixels, decode: Decode, preprocessing: Preprocessing) -> Look:
    seen = _look_at(source_file, *read_photo(source, mode=decode), preprocessing)
    if decode == "thumbnail" and seen.doubt is not None:
        # A preview of a few kilobytes may look drawn where the picture does not.
        seen = _look_at(source_file, *read_photo(source, mode="scaled"), preprocessing)
    return seen


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
    """A checkpoint ready to judge photos; made once, used for any number of runs, from any threads.

    checkpoint  whose model and graph judge
    decode      "scaled" decodes JPEGs at a fraction of their size, many times faster; "full" decodes every pixel;
                "thumbnail" takes the preview that the camera wrote where there is one, and reads only that
    jobs        threads that decode and judge; None takes one per processor this process may use
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
        self._offsets = np.repeat(checkpoint.offsets, [count - 1 for count in self.graph.n_levels])
        """(N,) log-odds that are added before levels are named."""
        self._model = OnnxModel(checkpoint)
        self._card = checkpoint.card

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

    @property
    def context(self) -> str:
        """Everything that a report depends on beside its photo: what reports are kept under in a cache."""
        import onnxruntime  # the model has imported it already

        return context_key(
            checkpoint=hashlib.sha256(json.dumps(self._card, sort_keys=True).encode()).hexdigest(),
            decode=self._decode,
            lang=self.lang,
            explain=self._explain,
            iqa=__version__,
            libheif=pillow_heif.libheif_version(),
            numpy=np.__version__,
            onnxruntime=onnxruntime.__version__,
            pillow=PIL.__version__,
        )

    def run(self, refs: Iterable[PhotoRef], cache: Cache | None = None) -> Generator[PhotoReport, None, None]:
        """One report per photo, in the order given, as soon as it and those before it are judged.

        cache  of this auditor's `context`: photos that it knows are not opened, the others are stored in it

        Closing the generator, or an interrupt, drops what has not been started and waits for the photos in
        hand.
        """
        pool = concurrent.futures.ThreadPoolExecutor(self._jobs, thread_name_prefix="iqa-judge")
        waiting: collections.deque[tuple[PhotoRef, PhotoReport | concurrent.futures.Future[PhotoReport]]]
        waiting = collections.deque()

        def next_report() -> PhotoReport:
            ref, report = waiting.popleft()
            if isinstance(report, PhotoReport):
                return report
            judged = report.result()
            if cache is not None:
                cache.store(ref, judged)
            return judged

        try:
            rest = iter(refs)
            # Without a cache nothing is gained by knowing more photos than are worked on.
            while part := list(itertools.islice(rest, 1 if cache is None else LOOKUP)):
                known = [None] if cache is None else cache.lookup(part)
                for ref, report in zip(part, known, strict=True):
                    waiting.append((ref, pool.submit(self._judged, ref) if report is None else report))
                    if len(waiting) > IN_FLIGHT * self._jobs:
                        yield next_report()
            while waiting:
                yield next_report()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _judged(self, ref: PhotoRef) -> PhotoReport:
        return self._judge(look(ref, self._decode, self._preprocessing))

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
            return self._judged(discover([source]).photos[0])
        return self._judge(_seen("", source, self._decode, self._preprocessing))

    def _judge(self, seen: Look) -> PhotoReport:
        """The report of a photo, readable or not. An exception in here is our bug and nobody's photo."""
        if seen.prepared is None:
            return PhotoReport(seen.source_file, "unreadable", error=seen.error, notes=seen.notes, capture=seen.capture)
        scores = self._model.node_scores([seen.prepared])
        beliefs = self._crf.infer(unary_from_nodes(scores, self._plan))
        named = beliefs
        if self._offsets.any():
            named = self._crf.infer(unary_from_nodes(scores + self._offsets, self._plan))
        return self._report(seen, beliefs, named)

    def _by_label(self, row: NDArray[np.floating]) -> dict[str, tuple[float, ...]]:
        """A probability per level of every label, (C,), as plain numbers by label."""
        values = iter(row.clip(0.0, 1.0).tolist())  # a sum of rounded numbers may pass 1 in its last place
        return {
            name: tuple(itertools.islice(values, count))
            for name, count in zip(self.graph.label_names, self.graph.n_levels, strict=True)
        }

    def _report(self, seen: Look, beliefs: Beliefs, named: Beliefs) -> PhotoReport:
        why = self._uncertain(seen)
        marginals = self._by_label(beliefs.marginals[0])
        findings = find(
            self.graph,
            list(marginals.values()),
            self._levels(named),
            seen.measurements,
            seen.capture,
            self.lang,
            usual=self._usual,
            named=None if named is beliefs else list(self._by_label(named.marginals[0]).values()),
        )
        # What should not be trusted anyway needs no second reason.
        remarks = disagreement_notes(self.graph, findings, self.lang) if why is None else (why,)
        return PhotoReport(
            seen.source_file,
            "ok" if why is None else "uncertain",
            notes=(*seen.notes, *remarks),
            findings=findings,
            marginals=marginals,
            independent=self._by_label(beliefs.independent[0]) if self._explain else {},
            influence=beliefs.influence[0] if self._explain else (),
            measurements=seen.measurements,
            capture=seen.capture,
        )

    def _levels(self, named: Beliefs) -> list[int]:
        """The level of every label in the first row, 1..K."""
        positions = named_positions(named.marginals[:1], named.positions[:1], self._plan)[0]
        return [label.levels[position] for label, position in zip(self.graph.labels, positions, strict=True)]

    def _uncertain(self, seen: Look) -> str | None:
        """Why the judgement of a photo should not be trusted, if so."""
        if min(seen.size) < SMALLEST_SIDE:
            return too_small_note(*seen.size, self.lang)
        return None if seen.doubt is None else no_photograph_note(seen.doubt, self.lang)


def assess(
    paths: Iterable[str | os.PathLike[str]],
    *,
    checkpoint: str | os.PathLike[str] = "default",
    decode: Decode = "scaled",
    jobs: int | None = None,
    lang: Language = "en",
    explain: bool = False,
    cache: bool | str | os.PathLike[str] = False,
) -> Iterator[PhotoReport]:
    """Reports of all photos in files and folders, sorted by path; an unreadable photo is a report as well.

    paths       files and folders; folders are searched to the bottom
    checkpoint  a shipped one by name, or the folder of any
    decode      "scaled" decodes JPEGs at a fraction of their size, many times faster; "full" decodes every pixel;
                "thumbnail" takes the preview that the camera wrote where there is one
    jobs        threads that decode and judge; None takes one per processor. The reports do not depend on it
    lang        of evidence; what is wrong with a file is said in English
    explain     also say which rules of the graph changed which label
    cache       whether photos that were judged before and have not changed are taken from the cache, and the others
                remembered; or the folder of a cache of your own
    raises      InvalidInput     if a path does not exist
                CheckpointError  if the checkpoint does not exist or is damaged
                UsageError       if jobs is below 1

    Whatever is wrong with the arguments is raised by the call itself, before the first report is asked for. A
    folder that cannot be listed is logged as a warning; `discover(paths).skipped` has them all.
    """
    found = discover(paths)
    for folder, reason in found.skipped:
        logger.warning("%s: not searched (%s)", folder, reason)
    auditor = Auditor.load(checkpoint, decode=decode, jobs=jobs, lang=lang, explain=explain)
    if cache is False:
        return auditor.run(found.photos)
    return _remembered(auditor, found.photos, None if cache is True else cache)


def _remembered(
    auditor: Auditor, photos: Iterable[PhotoRef], folder: str | os.PathLike[str] | None
) -> Iterator[PhotoReport]:
    with Cache.open(folder, auditor.context) as cache, contextlib.closing(auditor.run(photos, cache)) as reports:
        yield from reports


def assess_photo(
    source: Source,
    *,
    checkpoint: str | os.PathLike[str] = "default",
    decode: Decode = "scaled",
    lang: Language = "en",
    explain: bool = False,
) -> PhotoReport:
    """The report of one photo, from disk or from memory; see `Auditor.photo` for sources and errors.

    The checkpoint last used stays loaded; another one, or other options, take its place. A program with threads, or
    with several checkpoints, keeps an `Auditor.load()` of its own and calls its `photo`, from any threads.
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
