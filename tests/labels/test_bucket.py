"""Photos of label files in a bucket: what a folder of the same files says, and nothing that was not listed."""

from __future__ import annotations

import http.client
import pickle
import random
import unicodedata
from typing import TYPE_CHECKING

import pytest
from needs import need_libraries
from PIL import Image
from servers import FaultProxy, Faults

from iqa_cli.errors import LabelsError, StoreError, UsageError
from iqa_cli.labels import ImageBucket, ImageFolder, images_at
from iqa_cli.labels.images import looked_at
from iqa_cli.labels.leakage import leakage
from iqa_cli.labels.scenes import scene_rule, scenes
from iqa_cli.photos.exif import read_capture
from iqa_cli.photos.files import read_file
from iqa_cli.records import PhotoRef, StoredPhoto

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from iqa_cli.labels import Images, LabelTable

NONE = ",0,0,0,0,0,0"


@pytest.fixture(autouse=True)
def libraries() -> None:
    need_libraries("obstore", "moto")


def content(photo: PhotoRef | StoredPhoto) -> object:
    return read_file(photo if isinstance(photo, StoredPhoto) else photo.path)


def refusal(images: Images, table: LabelTable) -> tuple[str, tuple[str, ...]]:
    with pytest.raises(LabelsError) as error:
        images.require(table)
    return error.value.message.replace(str(images), "HERE"), error.value.problems


def groups(keys: dict[str, str]) -> set[frozenset[str]]:
    return {frozenset(name for name, key in keys.items() if key == one) for one in keys.values()}


@pytest.fixture
def both(tmp_path: Path, store: str, upload: Callable[..., None]) -> Callable[[dict[str, bytes]], tuple[Images, ...]]:
    """A folder with these files, and a bucket with the same."""

    def place(files: dict[str, bytes]) -> tuple[Images, ...]:
        folder = tmp_path / "photos"
        for name, data in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        upload(folder, store)
        return ImageFolder(folder), images_at(store)

    return place


def test_names_mean_in_a_bucket_what_they_mean_in_a_folder(
    both: Callable[..., tuple[Images, ...]], read: Callable[..., LabelTable]
) -> None:
    apart, joined = (unicodedata.normalize(form, "Kühe") for form in ("NFD", "NFC"))
    files = [
        f"{apart}.jpg",
        "sub/s.jpg",
        "sub/t.jpg",
        "sub/u.jpg",
        "a b#c%20d+e.jpg",
        "with\\stroke.jpg",
        "IMG_1.JPG",
        "IMG_2.heic",
    ]
    folder, bucket = both({name: b"\xff\xd8\xff" + name.encode() for name in files})
    names = [f"{joined}.jpg", "./sub/s.jpg", "sub\\t.jpg", "sub/../sub/u.jpg", *files[4:6]]
    missing = ["sub", "IMG_1.jpg", "IMG_2.jpg", "no/a.jpg", "S.jpg"]
    table = read(*(name + NONE for name in (*names, *missing)))
    rows = tuple(range(len(names), len(names) + len(missing)))
    assert folder.missing(table) == bucket.missing(table) == rows
    assert refusal(folder, table) == refusal(bucket, table)
    assert '"IMG_1.jpg" (there is "IMG_1.JPG")' in str(refusal(bucket, table))
    assert list(folder.each(names, content)) == list(bucket.each(names, content))
    for images in (folder, bucket):
        images.require(table.take(range(len(names))))


def test_a_bucket_does_not_lead_out_of_its_prefix(both: Callable[..., tuple[Images, ...]]) -> None:
    _, bucket = both({"a.jpg": b"a"})
    assert [bucket.has(name) for name in ("a.jpg", "../a.jpg", "/a.jpg", "", ".", "..")] == [True] + 5 * [False]


def test_where_all_of_them_are_is_said(
    both: Callable[..., tuple[Images, ...]], read: Callable[..., LabelTable], store: str
) -> None:
    both({"camera/1/a.jpg": b"a", "camera/1/b.jpg": b"b"})
    with pytest.raises(LabelsError, match=r"all of them are in s3://.*/camera/1: name that prefix") as error:
        images_at(store).require(read(f"a.jpg{NONE}", f"b.jpg{NONE}"))
    assert list(error.value.problems) == ['line 2, "a.jpg"', 'line 3, "b.jpg"']
    with pytest.raises(LabelsError, match="no objects with that prefix"):
        images_at(f"{store}/nothing").require(read(f"a.jpg{NONE}"))


def test_the_object_that_stands_for_a_folder_is_no_photo(store: str, server: str) -> None:
    connection = http.client.HTTPConnection(server.partition("//")[2])
    for key in ("", "a.jpg"):
        connection.request("PUT", f"/{store.partition('//')[2]}/{key}", body=b"x" if key else b"")
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
    connection.close()
    bucket = images_at(store)
    assert bucket.has("a.jpg")
    assert not bucket.has("")


def test_copies_and_scenes_are_those_of_a_folder(
    both: Callable[..., tuple[Images, ...]], read: Callable[..., LabelTable], tmp_path: Path
) -> None:
    files = {}
    for name, second in (("a", 0), ("b", 20), ("c", 59), ("d", None)):
        exif = Image.Exif()
        exif[0x0110] = "Pixel 8"
        if second is not None:
            exif.get_ifd(0x8769)[0x9003] = f"2025:07:12 09:00:{second:02}"
        path = tmp_path / "one.jpg"
        Image.new("RGB", (8, 8), (0, ord(name), 0)).save(path, exif=exif)
        files[f"{name}.jpg"] = path.read_bytes()
    files["copy of c.jpg"] = files["c.jpg"]
    files["d.png"] = b"\x89PNG\r\n\x1a\n" + bytes(100_000)
    folder, bucket = both(files)
    assert groups(dict(bucket.content_keys(files))) == {frozenset({"c.jpg", "copy of c.jpg"})}
    table = read(*(name + NONE for name in files))
    for rule in ("time:30", "regex:^[ab]"):
        ours, theirs = (scenes(table, scene_rule(rule), images) for images in (bucket, folder))
        assert ours == theirs
        assert ours.count < len(files)
    captures = list(bucket.each(list(files), read_capture, whole=False))
    assert captures == list(folder.each(list(files), read_capture))
    tables = {"train": table.take([0, 1, 2]), "test": table.take([3, 4])}
    shared = [leakage(tables, None, images) for images in (bucket, folder)]
    assert shared[0].photos == shared[1].photos
    assert shared[0].photos[0].is_copy


def test_of_equal_sizes_only_what_is_needed_to_tell_them_apart_is_read(
    store: str, server: str, upload: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As photos without compression are: all of one size."""
    drawn = random.Random(3)  # noqa: S311 - drawn bytes
    one, other = drawn.randbytes(1_000_000), drawn.randbytes(1_000_000)
    late = one[:-1] + bytes([one[-1] ^ 1])
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, data in (("one", one), ("other", other), ("late", late), ("shorter", one[:-1])):
        (folder / name).write_bytes(data)
    upload(folder, store)
    with FaultProxy(server, Faults()) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        bucket = images_at(store)
        before = proxy.bytes_out
        assert bucket.content_keys(["one", "other", "shorter"]) == {}
        assert proxy.bytes_out - before < 200_000  # the heads of two
        assert bucket.content_keys(["one", "other", "shorter", "late"]) == {}
        assert proxy.bytes_out - before > 2_000_000  # two agree up to their last byte
        before = proxy.bytes_out
        assert bucket.content_keys(["one", "late"]) == {}
        assert proxy.bytes_out == before  # known by now
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    (folder / "copy").write_bytes(one)
    upload(folder, store)
    assert groups(images_at(store).content_keys(["one", "copy", "other", "late"])) == {frozenset({"one", "copy"})}


def test_an_object_that_changed_or_went_is_named(store: str, upload: Callable[..., None], tmp_path: Path) -> None:
    from iqa_cli.stores.places import Place

    folder = tmp_path / "photos"
    folder.mkdir()
    for name in "abc":
        (folder / f"{name}.jpg").write_bytes(b"\xff\xd8\xff" + name.encode())
    upload(folder, store)
    bucket = images_at(store)
    Place(store).put("a.jpg", b"\xff\xd8\xff" + b"z")
    Place(store).store.delete("b.jpg")
    for name, what in (("a.jpg", "is another object"), ("b.jpg", "is gone")):
        with pytest.raises(StoreError, match=f"{name}: {what} since the bucket was listed") as error:
            list(bucket.each(["c.jpg", name], content))
        assert "start again" in str(error.value.hint)
    with pytest.raises(StoreError, match=r"a.jpg: is another object"):
        bucket.content_keys(["a.jpg", "c.jpg"])


def test_one_that_may_not_be_read_is_named_and_a_bad_network_costs_nothing(
    both: Callable[..., tuple[Images, ...]], store: str, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"{number}.jpg" for number in range(40)]
    folder, _ = both({name: b"\xff\xd8\xff" + name.encode() * 1000 for name in names})
    faults = Faults()
    with FaultProxy(server, faults, seed=5) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        bucket = images_at(store)
        faults.slow_down, faults.reset = 0.15, 0.05
        assert list(bucket.each(names, content)) == list(folder.each(names, content))
        assert proxy.counts["503"] + proxy.counts["reset"] > 2
        faults.slow_down = faults.reset = 0.0
        faults.refused = r"/7\.jpg"
        with pytest.raises(StoreError, match=r"/7\.jpg: cannot be read: permission denied"):
            list(bucket.each(names, content))


def test_a_bucket_travels_with_what_is_needed_of_its_listing(both: Callable[..., tuple[Images, ...]]) -> None:
    apart = unicodedata.normalize("NFD", "ü.jpg")
    folder, bucket = both({name: b"\xff\xd8\xff" + name.encode() for name in ("a.jpg", "b.jpg", apart)})
    assert isinstance(bucket, ImageBucket)
    names = ["a.jpg", unicodedata.normalize("NFC", "ü.jpg")]
    sent = pickle.loads(pickle.dumps(bucket.only(names)))  # noqa: S301 - our own
    assert list(sent.each(names, content)) == list(folder.each(names, content))
    assert not sent.has("b.jpg")
    assert str(sent) == str(bucket)


def test_nobody_gets_far_ahead_of_who_takes_what_is_seen() -> None:
    begun = []

    def photos() -> Iterator[int]:
        for number in range(5_000):
            begun.append(number)
            yield number

    seen = looked_at(photos(), lambda number: -number)
    assert next(seen) == 0
    assert len(begun) <= 64
    assert list(seen) == [-number for number in range(1, 5_000)]


def test_a_place_is_a_folder_or_a_bucket(tmp_path: Path) -> None:
    assert isinstance(images_at(str(tmp_path)), ImageFolder)
    assert str(images_at(tmp_path.as_uri())) == str(tmp_path)
    with pytest.raises(UsageError, match="iqa knows no https://"):
        images_at("https://example.org/photos")
