"""What callers use: reports of photos in the order they were given, those judged before from the cache.

Nothing heavy is loaded before a photo has to be opened: over an unchanged folder neither a decoder nor the model is.
Memory does not grow with the number of photos: a bounded number is in flight, and what waits are reports, not pictures.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import datetime as dt
import functools
import hashlib
import itertools
import json
import logging
import operator
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iqa_cli._version import __version__
from iqa_cli.cache import Cache, context_key
from iqa_cli.checkpoint import Checkpoint, load_checkpoint
from iqa_cli.chinese import in_chinese
from iqa_cli.errors import UsageError
from iqa_cli.machine import LIBRARIES, processors, version_of
from iqa_cli.paths import checkpoint_folder
from iqa_cli.photos.discover import as_utf8, discover
from iqa_cli.provenance import Provenance, spelled_strictness

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Sequence

    from iqa_cli.machine import Machine
    from iqa_cli.pipeline.judge import Judge
    from iqa_cli.pipeline.reading import Pixels
    from iqa_cli.pipeline.workers import Reports
    from iqa_cli.records import Decode, Device, Language, PhotoRef, PhotoReport

    Group = list[tuple[PhotoRef, PhotoReport | None]]
    """Photos in order, with the reports of those that are known."""
    Source = str | os.PathLike[str] | Pixels

logger = logging.getLogger(__name__)

AT_ONCE: dict[Decode, int] = {"scaled": 4, "full": 2, "thumbnail": 32, "auto": 4}
"""Photos that a worker judges in one go, see `Judge.photos`: many of the quick ones, few of those that an interrupt or
the end of a run would have to wait for."""
IN_FLIGHT = 3
"""So many times the photos of one go are held per worker, so that a slow one holds up nobody."""
LOOKUP = 256
"""Photos that are asked for at once in the cache."""
MOST_STRICTNESS = 10.0
"""As much as a checkpoint's card may ask for."""
MOST_THREADS = 8
"""Of photos that are decoded whole a tenth of the time is Python's own, during which all other threads of a process
wait; a process more holds two such pictures."""
_MOST_PROCESSES = 60
"""Windows waits for no more than 63 things at once."""


class Auditor:
    """A checkpoint ready to judge photos; made once, used for any number of runs, from any threads.

    checkpoint     whose model and graph judge
    decode         "scaled" decodes JPEGs at a fraction of their size, many times faster; "full" decodes every pixel;
                   "thumbnail" takes the preview that the camera wrote where there is one, and reads only that; "auto"
                   takes that of a HEIC file where the picture's tiles agree with it and no level is close
    jobs           photos to work on at once; None takes one per processor this process may use
    lang           of evidence, notes and reasons
    strictness     log-odds added to every problem before levels are named: above 0 misses fewer and accuses more good
                   photos; probabilities stay the same
    explain        also say which rules of the graph changed which label; costs little for a dozen labels, some
                   milliseconds a photo for fifty
    thumbnails     also keep a small copy of each picture, for pages
    use_processes  long runs may go on in processes where threads would wait for each other; a script that asks for it
                   has to keep what it does under `if __name__ == "__main__"`, as `multiprocessing` says
    device         where the model runs: "cpu"; "cuda", a card by way of onnxruntime-gpu; "auto" takes a card for a
                   large model such as a ViT, if there is one. Scores of a card may differ in their last places
    raises         UsageError  if jobs is below 1, or strictness is not from -10 to 10

    The model is loaded when the first photo has to be judged: one that cannot be loaded is a CheckpointError then.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        decode: Decode = "auto",
        jobs: int | None = None,
        lang: Language = "en",
        strictness: float = 0.0,
        explain: bool = False,
        thumbnails: bool = False,
        use_processes: bool = False,
        device: Device = "cpu",
    ) -> None:
        if jobs is not None and jobs < 1:
            raise UsageError(f"jobs must be at least 1, got {jobs}")
        if not -MOST_STRICTNESS <= strictness <= MOST_STRICTNESS:
            raise UsageError(f"strictness must be from {-MOST_STRICTNESS:g} to {MOST_STRICTNESS:g}, got {strictness:g}")
        self.graph = checkpoint.graph
        self.lang: Language = lang
        self._checkpoint = checkpoint
        self._decode: Decode = decode
        self._jobs = jobs or processors()
        self._strictness = strictness
        self._explain = explain
        self._thumbnails = thumbnails
        self._use_processes = use_processes
        self._device: Device = device
        self._make = functools.partial(
            _make_judge,
            checkpoint,
            decode,
            lang,
            strictness=strictness,
            explain=explain,
            thumbnails=thumbnails,
            device=device,
        )
        self._loading = threading.Lock()
        self._loaded: Judge | None = None
        self._is_hurried = False

    @classmethod
    def load(
        cls,
        checkpoint: str | os.PathLike[str] = "default",
        *,
        decode: Decode = "auto",
        jobs: int | None = None,
        lang: Language = "en",
        strictness: float = 0.0,
        explain: bool = False,
        thumbnails: bool = False,
        use_processes: bool = False,
        device: Device = "cpu",
    ) -> Auditor:
        """An auditor for a checkpoint given by name or path.

        raises  CheckpointError  if there is none, or its card is damaged
        """
        return cls(
            load_checkpoint(checkpoint_folder(checkpoint)),
            decode=decode,
            jobs=jobs,
            lang=lang,
            strictness=strictness,
            explain=explain,
            thumbnails=thumbnails,
            use_processes=use_processes,
            device=device,
        )

    @property
    def caveats(self) -> tuple[str, ...]:
        """What the checkpoint says of every figure of its own; see `Checkpoint.caveats`."""
        return self._checkpoint.caveats

    @property
    def card_sha256(self) -> str:
        """Of the checkpoint's card: the same hash is the same model."""
        return self._checkpoint.card_sha256

    def provenance(
        self, places: Iterable[str | os.PathLike[str]], *, command: Sequence[str] = (), machine: Machine | None = None
    ) -> Provenance:
        """Where the judgements of a run that begins now come from.

        places   what is audited, as it was named
        command  the words of the command line
        machine  what it runs on, if that is to be told
        """
        return Provenance(
            places=tuple(as_utf8(os.fspath(place)) for place in places),
            checkpoint=as_utf8(self._checkpoint.folder.name),
            decode=self._decode,
            strictness=spelled_strictness(self._strictness),
            made=dt.datetime.now().astimezone(),
            card_sha256=self.card_sha256,
            graph=self.graph.name,
            graph_sha256=self.graph.hash,
            lang=self.lang,
            command=tuple(command),
            machine=machine,
        )

    @property
    def context(self) -> str:
        """Everything that a report depends on beside its photo: what reports are kept under in a cache."""
        return context_key(
            checkpoint=hashlib.sha256(json.dumps(self._checkpoint.card, sort_keys=True).encode()).hexdigest(),
            decode=self._decode,
            lang=self.lang,
            strictness=self._strictness,
            explain=self._explain,
            thumbnails=self._thumbnails,
            iqa=__version__,
            **({"device": "cuda"} if self._on_cuda() else {}),
            **{library: version_of(library) for library in LIBRARIES},
        )

    def run(self, refs: Iterable[PhotoRef], cache: Cache | None = None) -> Generator[PhotoReport, None, None]:
        """One report per photo, in the order given, as soon as it and those before it are judged.

        cache   of this auditor's `context`: photos that it knows are not opened, the others are stored in it
        raises  CheckpointError  if the model is needed and cannot be loaded
                WorkerLost       if processes that judge photos are killed one after the other

        Closing the generator, or an interrupt, drops what has not been started and waits for the photos in
        hand.
        """
        from iqa_cli.pipeline.workers import Workers

        def reports(group: Group, judged: Reports | None) -> Iterator[PhotoReport]:
            new = iter([] if judged is None else judged.result())
            for ref, known in group:
                report = next(new) if known is None else known
                if known is None and cache is not None:
                    cache.store(ref, report)
                yield in_its_language(report, self.lang)

        # In a small folder every worker gets some.
        at_once = min(AT_ONCE[self._decode], max(1, operator.length_hint(refs, 1 << 30) // (4 * self._jobs)))
        most = max(IN_FLIGHT * self._jobs * at_once, 4 * LOOKUP if cache is not None else 0)
        groups: collections.deque[tuple[Group, Reports | None]] = collections.deque()
        held = 0
        with Workers(self._judge, self._jobs, self._make, self._processes(), lambda: self._is_hurried) as workers:
            for group in _groups(refs, cache, at_once):
                unknown = [ref for ref, report in group if report is None]
                groups.append((group, workers.submit(unknown) if unknown else None))
                held += len(group)
                while groups and (held > most or groups[0][1] is None or groups[0][1].done()):
                    held -= len(groups[0][0])
                    yield from reports(*groups.popleft())
            while groups:
                yield from reports(*groups.popleft())

    def photo(self, source: Source) -> PhotoReport:
        """One photo, from disk or from memory.

        source  a path; or the bytes of a file, a PIL image, or an array (H, W), (H, W, 3) or (H, W, 4) of uint8,
                uint16 or floats in 0..1
        raises  InvalidInput     if a path does not exist
                UsageError       if it is a folder
                CheckpointError  if the model cannot be loaded
                TypeError, ValueError  for any other source, or an array of another shape or range
        """
        if not isinstance(source, str | os.PathLike):
            return in_its_language(self._judge().photo(source), self.lang)
        if os.path.isdir(source):  # noqa: PTH112 - Path's own raises for a locked folder before Python 3.14
            raise UsageError(f"{as_utf8(os.fspath(source))}: this is a folder", hint="assess([folder]) takes folders")
        return in_its_language(self._judge().photos(discover([source]).photos)[0], self.lang)

    def hurry(self) -> None:
        """Runs that are ended from now on do not wait for the photos in hand: for a process that is about to end.

        May be called from a signal handler.
        """
        self._is_hurried = True

    def _on_cuda(self) -> bool:
        """Whether a card computes the scores. Only where it might does that need the model to be loaded: what a card
        can do shows when it is used.
        """
        from iqa_cli.models.device import may_be_cuda

        return may_be_cuda(self._device, self._checkpoint) and self._judge().device == "cuda"

    def _judge(self) -> Judge:
        """What judges in this process, loaded once."""
        with self._loading:
            if self._loaded is None:
                self._loaded = self._make()
            return self._loaded

    def _processes(self) -> int:
        """How many processes pay, 0 for none: what of a photo is Python's work threads do in turns.

        Never more than there are processors, whatever was asked for: each takes a hundred megabytes. A large model is
        shared by threads: it computes outside the interpreter's lock, and a copy for each process would be gigabytes.
        """
        from iqa_cli.models.device import is_large

        useful = min(self._jobs, processors(), _MOST_PROCESSES)
        pays = useful > (MOST_THREADS if self._decode == "full" else 1)
        if not (self._use_processes and pays) or is_large(self._checkpoint):
            return 0
        # Every process would load a model of its own onto the card.
        return 0 if self._on_cuda() else useful


def _make_judge(checkpoint: Checkpoint, decode: Decode, lang: Language, **options: Any) -> Judge:
    """Here or in another process; what is heavy is imported now, because a run over known photos needs none of it."""
    from iqa_cli.pipeline.judge import Judge

    return Judge(checkpoint, decode, lang, **options)


def _groups(refs: Iterable[PhotoRef], cache: Cache | None, at_once: int) -> Iterator[Group]:
    """The photos in order, each with its report if it is known: up to `at_once` unknown ones at a time."""
    rest = iter(refs)
    group: Group = []
    unknown = 0
    # Without a cache nothing is gained by knowing more photos than are worked on.
    while part := list(itertools.islice(rest, at_once if cache is None else LOOKUP)):
        for entry in zip(
            part, itertools.repeat(None) if cache is None else cache.lookup(part), strict=cache is not None
        ):
            group.append(entry)
            unknown += entry[1] is None
            if unknown == at_once:
                yield group
                group, unknown = [], 0
        if group:
            yield group
            group, unknown = [], 0


def in_its_language(report: PhotoReport, lang: Language) -> PhotoReport:
    """What those said who read the file, in the language of the report; a judge and the cache have it in English."""
    if lang == "en":
        return report
    error = report.error and in_chinese(report.error)
    return dataclasses.replace(report, error=error, notes=tuple(map(in_chinese, report.notes)))


def assess(
    paths: Iterable[str | os.PathLike[str]],
    *,
    checkpoint: str | os.PathLike[str] = "default",
    decode: Decode = "auto",
    jobs: int | None = None,
    lang: Language = "en",
    strictness: float = 0.0,
    explain: bool = False,
    cache: bool | str | os.PathLike[str] = False,
    device: Device = "cpu",
) -> Iterator[PhotoReport]:
    """Reports of all photos in files and folders, sorted by path; an unreadable photo is a report as well.

    paths       files and folders; folders are searched to the bottom
    checkpoint  a shipped one by name, or the folder of any
    decode      "scaled" decodes JPEGs at a fraction of their size, many times faster; "full" decodes every pixel;
                "thumbnail" takes the preview that the camera wrote where there is one, "auto" that of a HEIC file if
                it can be relied on
    jobs        photos to work on at once; None takes one per processor. The reports do not depend on it
    lang        of evidence, notes and reasons
    strictness  log-odds added to every problem before levels are named, as `iqa assess --strictness`: lenient is -1,
                strict 1
    explain     also say which rules of the graph changed which label
    cache       whether photos that were judged before and have not changed are taken from the cache, and the others
                remembered; or the folder of a cache of your own
    device      where the model runs, as for `Auditor`
    raises      InvalidInput     if a path does not exist
                CheckpointError  if the checkpoint does not exist or its card is damaged
                UsageError       if jobs is below 1, or strictness is not from -10 to 10

    Whatever is wrong with the arguments is raised by the call itself, before the first report is asked for. A
    folder that cannot be listed is logged as a warning; `discover(paths).skipped` has them all.
    """
    found = discover(paths)
    for folder, reason in found.skipped:
        logger.warning("%s: not searched (%s)", folder, reason)
    auditor = Auditor.load(
        checkpoint, decode=decode, jobs=jobs, lang=lang, strictness=strictness, explain=explain, device=device
    )
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
    decode: Decode = "auto",
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
