"""What is wrong with a store is one sentence with the next step, and costs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from servers import FaultProxy, Faults, free_port

from iqa_cli.errors import StoreError, UsageError
from iqa_cli.photos.left_out import LeftOut
from iqa_cli.scale.listing import BucketLister, photos_of
from iqa_cli.stores.answers import explained
from iqa_cli.stores.places import Place, folder_of, is_bucket

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def listing(url: str) -> StoreError:
    with pytest.raises(StoreError) as caught:
        list(photos_of(BucketLister(Place(url)), None, LeftOut(), url))
    assert caught.value.hint
    assert "\n" not in caught.value.message
    return caught.value


def test_a_bucket_that_is_not_there(store: str) -> None:
    assert store
    error = listing("s3://nowhere/DCIM")
    assert "there is no such bucket" in error.message
    assert "s3://nowhere/DCIM" in error.message
    assert not error.is_passing


def test_no_permission(store: str, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with FaultProxy(server, Faults(refused=".")) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        error = listing(store)
    assert "permission denied (AccessDenied)" in error.message
    assert not error.is_passing


def test_no_credentials(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", f"http://127.0.0.1:{free_port()}")  # no machine's role either
    error = listing(store)
    assert "without credentials" in error.message
    assert "AWS_ACCESS_KEY_ID" in (error.hint or "")


def test_an_endpoint_that_does_not_answer(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    error = listing(store)
    assert "cannot be reached (HTTP error: error sending request)" in error.message
    assert error.is_passing
    assert error.is_unreachable


@pytest.mark.parametrize(
    "endpoint",
    ["127.0.0.1:5900", "s3.example.com", "http//127.0.0.1", "http://127.0.0.1 5900", "http://127.0.0.1:port"],
)
def test_an_endpoint_that_is_no_url(store: str, monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    error = listing(store)
    assert f"AWS_ENDPOINT_URL={endpoint!r} is no URL" in error.message
    assert "https://" in (error.hint or "")
    assert not error.is_passing


def test_a_key_that_the_client_cannot_address_is_named(store: str, server: str) -> None:
    import http.client

    connection = http.client.HTTPConnection(server.partition("//")[2])
    path = store.partition("//")[2]
    connection.request("PUT", f"/{path}/a//b.jpg", body=b"x")
    assert connection.getresponse().status == 200
    connection.close()
    error = listing(store)
    assert "a//b.jpg" in error.message
    assert "rename" in (error.hint or "")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://photos.example/DCIM",
        "http://photos.example/x",
        "s3://",
        "s3:///DCIM",
        "s3:/photos",
        "S3://photos",
        "file:/photos",
        "file://photos/x",
    ],
)
def test_what_names_no_store_is_wrong_usage(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        is_bucket(url)
    assert caught.value.hint


def test_folders_by_path_and_by_url() -> None:
    assert folder_of("file:///data/my%20photos") == "/data/my photos"
    assert folder_of("data/a%20b") == "data/a%20b"
    assert folder_of("file:///data/a%23b#c?d") == "/data/a#b#c?d"
    assert folder_of("file://localhost/data") == "/data"
    assert not is_bucket("file:///data")
    assert not is_bucket("C:/photos")


def test_a_run_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(StoreError, match="cannot be opened"):
        Place(str(tmp_path / "file" / "run")).put("plan.json", b"x")


def test_whoever_only_looks_makes_no_folder(tmp_path: Path) -> None:
    place = Place(str(tmp_path / "typo"))
    assert place.get("run.json") is None
    assert not place.has("run.json")
    assert place.names("part") == []
    assert not (tmp_path / "typo").exists()


SAYS = "Generic S3 error: Error performing GET http://127.0.0.1:4010/photos/connect/dns/{} in 1ms, after 6 retries - {}"
REFUSED = (
    "Server returned non-2xx status code: {}: <Error><Code>{}</Code><RequestId>401InvalidToken</RequestId></Error>"
)


@pytest.mark.parametrize(
    ("answer", "said", "is_passing"),
    [
        (REFUSED.format("503 Service Unavailable", "SlowDown"), "SlowDown", True),
        (REFUSED.format("400 Bad Request", "ExpiredToken"), "the credentials are refused (ExpiredToken)", False),
        (REFUSED.format("401 Unauthorized", "Odd"), "the credentials are refused (Odd)", False),
        (REFUSED.format("404 Not Found", "NoSuchBucket"), "there is no such bucket", False),
        (REFUSED.format("301 Moved Permanently", "PermanentRedirect"), "in another region", False),
        ("HTTP error: error sending request", "cannot be reached", True),
        ("Server returned non-2xx status code: 500 Internal Server Error: ", "500", True),
    ],
)
def test_an_answer_is_known_by_what_it_is_not_by_names_in_it(answer: str, said: str, is_passing: bool) -> None:
    from obstore.exceptions import GenericError

    for name in ("IMG_4012.jpg", "latest/api/token.jpg", "os error 28.jpg", "403 Forbidden.jpg"):
        error = explained(GenericError(SAYS.format(name, answer)), f"s3://photos/{name}", "read")
        assert said in error.message
        assert error.is_passing == is_passing, (name, error.message)


def test_a_store_that_does_not_list_from_a_name_on_is_refused(tmp_path: Path) -> None:
    import datetime as dt

    class Deaf:
        def list(self, *_: object, **__: object) -> Iterator[list[dict[str, object]]]:
            yield [{"path": name, "size": 1, "e_tag": "e", "last_modified": dt.datetime.now(dt.UTC)} for name in "abc"]

    place = Place(str(tmp_path))
    place._opened = Deaf()
    assert [entry.name for entry in place.listed()] == ["a", "b", "c"]
    with pytest.raises(StoreError, match="before the one"):
        next(place.pages("", "b"))


def test_answers_that_break_off_are_asked_for_again(store: str, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    direct = Place(store)
    names = [f"{number:03}.jpg" for number in range(40)]
    for name in names:
        direct.put(name, name.encode())
    with FaultProxy(server, Faults(reset=0.3), seed=4) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        through = Place(store)
        for name in names[:10]:
            assert through.get(name) == name.encode()
            assert through.has(name)
        assert not through.has("other")
        for _ in range(5):
            assert through.names("") == names
            assert [entry.key for page in BucketLister(through).pages("", "007.jpg") for entry in page] == names[8:]
        assert proxy.counts["reset"] >= 5
