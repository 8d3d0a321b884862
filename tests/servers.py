"""Servers on loopback for tests and benchmarks of scale: one that speaks S3, and a proxy that spoils answers."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import http.client
import os
import random
import re
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST = "127.0.0.1"
BUCKET = "photos"


def free_port() -> int:
    with socket.socket() as found:
        found.bind((HOST, 0))
        return int(found.getsockname()[1])


def environment(endpoint: str) -> dict[str, str]:
    """What a client needs to know of a server."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "tester",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
    }


@contextlib.contextmanager
def s3_server() -> Iterator[str]:
    """Moto in a process of its own, with the bucket; gives its URL."""
    port = free_port()
    url = f"http://{HOST}:{port}"
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", HOST, "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError), socket.create_connection((HOST, port), 1):
                break
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError("moto does not start")
            time.sleep(0.1)
        make_bucket(url, BUCKET)
        yield url
    finally:
        process.kill()
        process.wait()


def make_bucket(url: str, name: str) -> None:
    connection = http.client.HTTPConnection(url.partition("//")[2])
    connection.request("PUT", f"/{name}")
    assert connection.getresponse().status == 200
    connection.close()


@dataclasses.dataclass(slots=True)
class Faults:
    """Shares of requests, 0..1, that go wrong in some way."""

    slow_down: float = 0.0
    """Answered with 503, and not passed on."""
    reset: float = 0.0
    """Whose answer breaks off in the middle."""
    lost_reply: float = 0.0
    """Of writes: passed on, and not answered."""
    ignores_ranges: bool = False
    """Whether each answer holds the whole object."""
    refused: str = ""
    """Requests for paths with this pattern are answered with 403."""
    broken: str = ""
    """The same with 400, as for an object whose key the client lacks."""


class FaultProxy:
    """Passes requests to a server, and spoils some; a thread of its own. Each connection carries one request.

    target  URL of the server
    """

    def __init__(self, target: str, faults: Faults, seed: int = 0) -> None:
        host, _, port = target.partition("//")[2].partition(":")
        self._target = host, int(port)
        self.faults = faults
        self._chance = random.Random(seed)  # noqa: S311 - drawn faults
        self.counts: dict[str, int] = {"requests": 0, "503": 0, "reset": 0, "lost": 0, "ranges ignored": 0, "403": 0}
        self.bytes_out = 0
        self.lines: list[str] = []
        """First lines of all requests."""
        self._port = free_port()
        self.url = f"http://{HOST}:{self._port}"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._is_ready = threading.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        self._is_ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _serve(self) -> None:
        async def serve() -> None:
            self._stop = asyncio.Event()
            server = await asyncio.start_server(self._answer, HOST, self._port)
            self._is_ready.set()
            await self._stop.wait()
            # Not `server.close()` at once: a connection that was accepted a moment ago would be dropped half made.
            for listening in server.sockets:
                self._loop.remove_reader(listening.fileno())
            await asyncio.sleep(0.05)
            server.close()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            await asyncio.sleep(0.05)  # what was closed is closed by the loop's next turns

        self._loop.run_until_complete(serve())
        self._loop.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            # Cancelled where a test ends while clients still ask.
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._exchange(reader, writer)
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        body = await reader.readexactly(int(length[1])) if length else b""
        self.counts["requests"] += 1
        method, path = head.split(b" ", 2)[:2]
        self.lines.append(head.partition(b"\r\n")[0].decode())
        is_write = method == b"PUT"
        if self.faults.refused and re.search(self.faults.refused, path.decode()):
            self._spoil("403")
            await self._say(writer, b"403 Forbidden", b"<Error><Code>AccessDenied</Code></Error>")
            return
        if self.faults.broken and re.search(self.faults.broken, path.decode()):
            await self._say(writer, b"400 Bad Request", b"<Error><Code>InvalidRequest</Code></Error>")
            return
        if self._chance.random() < self.faults.slow_down:
            self._spoil("503")
            await self._say(writer, b"503 Slow Down", b"<Error><Code>SlowDown</Code></Error>")
            return
        if self.faults.ignores_ranges and b"\r\nrange:" in head.lower():
            self._spoil("ranges ignored")
            head = re.sub(rb"(?i)\r\nrange:[^\r]*", b"", head)
        head = re.sub(rb"(?i)\r\nconnection:[^\r]*", b"", head)[:-2] + b"Connection: close\r\n\r\n"
        server_reader, server_writer = await asyncio.open_connection(*self._target)
        try:
            server_writer.write(head + body)
            await server_writer.drain()
            answer = await server_reader.read(-1)
        finally:
            server_writer.close()
        if is_write and self._chance.random() < self.faults.lost_reply:
            self._spoil("lost")
            self._break_off(writer)
            return
        if self._chance.random() < self.faults.reset and not is_write:
            self._spoil("reset")
            writer.write(answer[: len(answer) // 2])
            with contextlib.suppress(ConnectionError):
                await writer.drain()
            self._break_off(writer)
            return
        self.bytes_out += len(answer)
        writer.write(answer)
        await writer.drain()

    def _spoil(self, what: str) -> None:
        self.counts[what] += 1

    @staticmethod
    def _break_off(writer: asyncio.StreamWriter) -> None:
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset, not an end
        writer.transport.abort()

    @staticmethod
    async def _say(writer: asyncio.StreamWriter, status: bytes, body: bytes) -> None:
        writer.write(b"HTTP/1.1 %b\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (status, len(body), body))
        await writer.drain()


def with_path() -> dict[str, str]:
    """This environment, for a process that imports the package and the tests' modules as this one does."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
    before = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": root + (os.pathsep + before if before else "")}
