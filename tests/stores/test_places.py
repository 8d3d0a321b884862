"""What is wrong with a store is one sentence with the next step, and costs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from servers import FaultProxy, Faults, free_port

from iqa_cli.errors import StoreError, UsageError
from iqa_cli.photos.left_out import LeftOut
from iqa_cli.scale.listing import BucketLister, photos_of
from iqa_cli.stores.places import Place, folder_of, is_bucket

if TYPE_CHECKING:
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
    assert "cannot be reached" in error.message
    assert error.is_passing


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


@pytest.mark.parametrize("url", ["ftp://photos.example/DCIM", "http://photos.example/x", "s3://", "s3:///DCIM"])
def test_what_names_no_store_is_wrong_usage(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        is_bucket(url)
    assert caught.value.hint


def test_folders_by_path_and_by_url() -> None:
    assert folder_of("file:///data/my%20photos") == "/data/my photos"
    assert folder_of("data/a%20b") == "data/a%20b"
    assert not is_bucket("file:///data")


def test_a_run_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(StoreError, match="cannot be opened"):
        Place(str(tmp_path / "file" / "run")).get("run.json")


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
