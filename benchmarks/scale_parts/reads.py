"""What is read of photos with a preview, and how fast clients read ranges."""

from __future__ import annotations

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from servers import BUCKET, environment, s3_server

from iqa_cli.photos.discover import discover
from iqa_cli.photos.preview import read_preview
from iqa_cli.scale.listing import BucketLister
from iqa_cli.stores.places import Place
from iqa_cli.stores.remote import HEAD_BYTES, RemotePhoto

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

THREADS = 16


def preview_bytes(folders: list[Path], show: Callable[[dict[str, str]], None]) -> Iterator[str]:
    """Real files with a preview in a bucket, judged with `--decode thumbnail`: bytes that left the server for each."""
    files = [ref.path for ref in discover(folders).photos]
    with_preview = [path for path in files if read_preview(path).photo is not None]
    with s3_server() as server:
        show(environment(server))
        place = Place(f"s3://{BUCKET}/DCIM")
        for number, path in enumerate(with_preview):
            place.put(f"{number:05}{path.suffix.lower()}", path.read_bytes())
        read: list[int] = []
        requests: list[int] = []
        for page in BucketLister(place).pages("", None):
            for entry in page:
                photo = RemotePhoto(place, entry.key, entry.etag, entry.size, entry.key, whole=False)
                photo.prefetch()
                read_preview(photo)
                read.append(photo.bytes_read)
                requests.append(photo.requests)
    sizes = [path.stat().st_size for path in with_preview]
    yield f"{len(with_preview)} of {len(files)} files have a preview that can be used"
    yield ""
    yield "| | mean | median | most |\n|---|---|---|---|"
    for what, counts, unit in (("KB read", read, 1e3), ("requests", requests, 1.0), ("KB of the file", sizes, 1e3)):
        mean, median, most = (each(counts) / unit for each in (statistics.mean, statistics.median, max))
        yield f"| {what} | {mean:.1f} | {median:.1f} | {most:.1f} |"


def clients(count: int, show: Callable[[dict[str, str]], None]) -> Iterator[str]:
    """Ranges and whole objects by obstore and by fsspec (s3fs), the same objects, by turns."""
    import os

    import fsspec

    with s3_server() as server:
        known = environment(server)
        show(known)
        place = Place(f"s3://{BUCKET}/objects")
        names = [f"{number:05}" for number in range(count)]
        for name in names:
            place.put(name, os.urandom(1_000_000))
        files = fsspec.filesystem(
            "s3",
            key=known["AWS_ACCESS_KEY_ID"],
            secret=known["AWS_SECRET_ACCESS_KEY"],
            client_kwargs={"endpoint_url": server, "region_name": known["AWS_REGION"]},
        )

        def by_obstore(name: str, end: int) -> int:
            return len(bytes(place.store.get_range(name, start=0, end=end)))

        def by_fsspec(name: str, end: int) -> int:
            return len(files.cat_file(f"{BUCKET}/objects/{name}", start=0, end=end))

        yield "| client | what | a second | CPU ms each |\n|---|---|---|---|"
        for what, end in (("ranges of 68 KiB", HEAD_BYTES), ("objects of 1 MB", 1_000_000)):
            seen: dict[str, list[tuple[float, float]]] = {}
            for _ in range(3):
                for client, read in (("obstore", by_obstore), ("fsspec with s3fs", by_fsspec)):
                    began, spent = time.monotonic(), time.process_time()
                    with ThreadPoolExecutor(THREADS) as pool:
                        total = sum(pool.map(read, names, [end] * count))
                    if total != count * end:
                        raise SystemExit(f"{client}: {total} bytes")
                    seen.setdefault(client, []).append((time.monotonic() - began, time.process_time() - spent))
            for client, costs in seen.items():
                wall, cpu = (statistics.median(each) for each in zip(*costs, strict=True))
                yield f"| {client} | {what} | {count / wall:.0f} | {1000 * cpu / count:.2f} |"
