"""http.py against real sockets on loopback: what may have reached the other side decides which exception is raised."""

from __future__ import annotations

import contextlib
import gzip
import socket
import ssl
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from connector import http
from connector.errors import InDoubt, NeedsOperator, RetryLater
from connector.http import Http, TimedOut, retry_after

PEM = Path(__file__).parent / "loopback.pem"
SECRET = "hünter2-pässword"


class Server:
    """Accepts connections on loopback, reads one request each and answers with prepared bytes, then closes."""

    def __init__(self, answer: bytes, *, cut_in_request: bool = False, tls: bool = False) -> None:
        self.requests: list[bytes] = []
        self._answer, self._cut, self._tls = answer, cut_in_request, tls
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def url(self, path: str = "/save") -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}{path}"

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                self._one(connection)

    def _one(self, connection: socket.socket) -> None:
        try:
            if self._tls:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(PEM)
                connection = context.wrap_socket(connection, server_side=True)
            request = connection.recv(65536)
            while not self._cut and not _whole(request):
                request += connection.recv(65536)
            self.requests.append(request)
            connection.sendall(self._answer)
            connection.close()
        except (OSError, ssl.SSLError):
            return

    def close(self) -> None:
        self._socket.close()


def _whole(request: bytes) -> bool:
    head, found, body = request.partition(b"\r\n\r\n")
    length = next((line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b"0")
    return bool(found) and len(body) >= int(length)


def answer(body: bytes, status: str = "200 OK", headers: str = "", length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return f"HTTP/1.1 {status}\r\nContent-Length: {size}\r\n{headers}\r\n".encode() + body


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(prepared: bytes, **how: bool) -> Server:
        servers.append(Server(prepared, **how))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def client(**how: object) -> Http:
    return Http(**{"blame": "pars", "connect": 2, "read": 2, "keep_alive": False} | how)  # type: ignore[arg-type]


def save(one: Http, url: str) -> http.HttpAnswer:
    return one.save("POST", url, headers={"Password": SECRET}, body=b"<x/>")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def test_an_answer_is_handed_back_whole(serve):
    server = serve(answer(b"<html>hello</html>", "502 Bad Gateway", "Content-Type: text/html\r\nRetry-After: 7\r\n"))
    with client() as one:
        reply = save(one, server.url("/save?UniqueID=1234567893"))
    assert (reply.status, reply.content_type, reply.body, reply.retry_after) == (
        502,
        "text/html",
        b"<html>hello</html>",
        7.0,
    )
    assert "1234567893" not in repr(reply)
    assert "hello" not in repr(reply)
    assert SECRET.encode() in server.requests[0]


def test_no_listener_means_nothing_left(serve):
    port = free_port()
    with client() as one:
        for call in (save, lambda one, url: one.read("GET", url, headers={})):
            with pytest.raises(RetryLater) as caught:
                call(one, f"http://ann:secret@127.0.0.1:{port}/save?who=7")
            assert caught.value.code == "pars.unreachable"
            assert caught.value.message == f"nothing answers at 127.0.0.1:{port} (ConnectError)"


@pytest.mark.parametrize(
    "prepared",
    [
        b"",
        b"HTTP/1.1 200",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n",
        answer(b"<half", length=100),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n<half",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        answer(b"not gzip", headers="Content-Encoding: gzip\r\n"),
    ],
    ids=["nothing", "half a status line", "half a head", "half a body", "half a chunk", "not HTTP", "bad gzip"],
)
def test_a_cut_leaves_a_save_in_doubt_and_a_read_for_later(serve, prepared):
    server = serve(prepared)
    with client() as one:
        with pytest.raises(InDoubt) as doubt:
            save(one, server.url("/save?UniqueID=4711"))
        with pytest.raises(RetryLater) as later:
            one.read("GET", server.url("/read?UniqueID=4711"), headers={})
    for caught in (doubt, later):
        assert caught.value.code == "pars.no_answer"
        assert "4711" not in str(caught.value)
        assert SECRET not in str(caught.value)


def test_a_cut_while_the_request_is_sent_leaves_a_save_in_doubt(serve):
    server = serve(b"", cut_in_request=True)
    with client() as one, pytest.raises(InDoubt):
        one.save("POST", server.url(), headers={}, body=b"x" * 20_000_000)


def test_silence_leaves_a_save_in_doubt():
    with socket.create_server(("127.0.0.1", 0)) as silent, client(read=0.1) as one, pytest.raises(InDoubt):
        save(one, f"http://127.0.0.1:{silent.getsockname()[1]}/")


def test_a_body_has_a_largest_size_also_when_packed(serve, monkeypatch):
    monkeypatch.setattr(http, "MAX_BODY", 1000)
    packed = serve(answer(gzip.compress(b"a" * 100_000), headers="Content-Encoding: gzip\r\n"))
    with client() as one, pytest.raises(InDoubt):
        save(one, packed.url())


def test_a_read_that_grows_too_large_or_stays_silent_may_be_asked_for_less(serve, monkeypatch):
    monkeypatch.setattr(http, "MAX_BODY", 1000)
    large = serve(answer(b"a" * 1001))
    with client(read=0.1) as one, socket.create_server(("127.0.0.1", 0)) as silent:
        for url in (large.url(), f"http://127.0.0.1:{silent.getsockname()[1]}/"):
            with pytest.raises(TimedOut):
                one.read("GET", url, headers={})
        with pytest.raises(RetryLater) as caught:
            one.read("GET", serve(b"HTTP/1.1 200 OK\r\nContent-Le").url(), headers={})
    assert not isinstance(caught.value, TimedOut)


def test_a_read_may_take_less_than_others(serve):
    server = serve(answer(b"a" * 101))
    with client() as one:
        assert len(one.read("GET", server.url(), headers={}, most=101).body) == 101
        with pytest.raises(TimedOut):
            one.read("GET", server.url(), headers={}, most=100)


class Tunnel(Server):
    """A proxy: takes a CONNECT, then carries bytes both ways."""

    def _one(self, connection: socket.socket) -> None:
        self.requests.append(connection.recv(65536))
        _, target, _ = self.requests[0].split(b" ", 2)
        host, _, port = target.decode().rpartition(":")
        connection.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
        with socket.create_connection((host, int(port))) as beyond, contextlib.suppress(OSError):
            back = threading.Thread(target=_carry, args=(beyond, connection), daemon=True)
            back.start()
            _carry(connection, beyond)
            back.join(5)


def _carry(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def test_a_proxy_carries_tls_without_reading_it(serve):
    server = serve(answer(b"ok"), tls=True)
    proxy = Tunnel(b"")
    address = SecretStr(f"http://ann:s3cret@127.0.0.1:{proxy.port}")
    with client(verify=str(PEM), proxy=address) as one:
        assert save(one, server.url()).body == b"ok"
    assert SECRET.encode() in server.requests[0]
    assert b"s3cret" not in server.requests[0]
    (seen,) = proxy.requests
    assert b"Proxy-Authorization: Basic " in seen
    assert b"Password" not in seen
    proxy.close()


def test_a_proxy_that_is_not_there_is_named_without_its_password():
    address = SecretStr(f"http://ann:s3cret@127.0.0.1:{free_port()}")
    with client(proxy=address) as one, pytest.raises(RetryLater) as caught:
        save(one, "https://pars.invalid/")
    assert caught.value.message == "nothing answers at pars.invalid:443 through the proxy (ConnectError)"


def test_only_one_layer_of_gzip_is_unpacked_and_no_more_than_fits(serve, monkeypatch):
    body = b"<whole/>" * 100
    once = gzip.compress(body)
    good = serve(answer(once, headers="Content-Encoding: gzip\r\n"))
    with client() as one:
        assert one.read("GET", good.url(), headers={}).body == body
    assert b"accept-encoding: gzip\r\n" in good.requests[0].lower()
    for prepared in (
        answer(gzip.compress(once), headers="Content-Encoding: gzip, gzip\r\n"),
        answer(gzip.compress(once), headers="Content-Encoding: gzip\r\nContent-Encoding: gzip\r\n"),
        answer(body, headers="Content-Encoding: br\r\n"),
        answer(once[:-9], headers="Content-Encoding: gzip\r\n"),
    ):
        server = serve(prepared)
        with client() as one, pytest.raises(RetryLater) as caught:
            one.read("GET", server.url(), headers={})
        assert caught.value.code == "pars.no_answer"


def test_gzip_of_two_members_is_read_whole(serve):
    server = serve(answer(gzip.compress(b"<who") + gzip.compress(b"le/>"), headers="Content-Encoding: gzip\r\n"))
    with client() as one:
        assert one.read("GET", server.url(), headers={}).body == b"<whole/>"


@pytest.mark.parametrize("behind", [b"x", b"\x1f", gzip.compress(b"le/>", mtime=0)[:-1]], ids=["junk", "half", "cut"])
def test_what_follows_gzip_and_is_none_is_no_answer(serve, behind):
    server = serve(answer(gzip.compress(b"<who") + behind, headers="Content-Encoding: gzip\r\n"))
    with client() as one, pytest.raises(RetryLater) as caught:
        one.read("GET", server.url(), headers={})
    assert caught.value.code == "pars.no_answer"


def test_an_empty_answer_may_call_itself_packed(serve):
    server = serve(answer(b"", headers="Content-Encoding: gzip\r\n"))
    with client() as one:
        assert save(one, server.url()).body == b""


def test_a_bomb_is_never_unpacked_whole(serve, monkeypatch):
    monkeypatch.setattr(http, "MAX_BODY", 1_000_000)
    bomb = serve(answer(gzip.compress(bytes(200_000_000), 9), headers="Content-Encoding: gzip\r\n"))
    tracemalloc.start()
    try:
        with client() as one, pytest.raises(RetryLater):
            one.read("GET", bomb.url(), headers={})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20_000_000


class Dripping(Server):
    """Sends a head that never ends, one byte at a time, each in good time."""

    def _one(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if self._tls:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(PEM)
                connection = context.wrap_socket(connection, server_side=True)
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
                while True:
                    connection.sendall(b"x")
                    time.sleep(0.02)


@pytest.mark.parametrize("tls", [False, True])
def test_a_dripping_head_ends(monkeypatch, tls):
    monkeypatch.setattr(http, "MAX_BODY_SECONDS", 0.1)
    server = Dripping(b"", tls=tls)
    began = time.monotonic()
    with client(read=0.2, verify=str(PEM)) as one, pytest.raises(InDoubt):
        save(one, server.url())
    assert time.monotonic() - began < 5
    server.close()


class Tiring(Server):
    """Keeps its connections: answers each one's first request, and drips at the second one."""

    def _one(self, connection: socket.socket) -> None:
        threading.Thread(target=self._serve_one, args=(connection.dup(),), daemon=True).start()

    def _serve_one(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.recv(65536)
            self.requests.append(b"")
            while len(self.requests) < 2:  # both connections are open at once
                time.sleep(0.005)
            connection.sendall(answer(b"ok"))
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
            while True:
                connection.sendall(b"x")
                time.sleep(0.02)


def test_a_dripping_head_ends_on_whichever_connection_it_is(monkeypatch):
    monkeypatch.setattr(http, "MAX_BODY_SECONDS", 0.1)
    server = Tiring(b"")
    with client(read=0.4, keep_alive=True) as one, ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(one.read, "GET", server.url(), headers={}) for _ in range(2)]
        assert [answered.result().body for answered in asked] == [b"ok", b"ok"]
        began = time.monotonic()
        asked = [pool.submit(one.read, "GET", server.url(), headers={}) for _ in range(2)]
        assert {type(answered.exception(5)) for answered in asked} == {RetryLater}
        assert time.monotonic() - began < 5
    assert len(server.requests) == 2
    server.close()


def test_who_closes_waits_for_no_answer_that_another_thread_still_waits_for():
    with socket.create_server(("127.0.0.1", 0)) as silent, ThreadPoolExecutor(1) as pool:
        one = client(read=30)
        asked = pool.submit(one.read, "GET", f"http://127.0.0.1:{silent.getsockname()[1]}/", headers={})
        connection, _ = silent.accept()
        with connection:
            connection.recv(65536)
            one.close()
            assert isinstance(asked.exception(10), RetryLater)


def test_a_dripping_body_ends(serve, monkeypatch):
    monkeypatch.setattr(http, "MAX_BODY_SECONDS", -1.0)
    server = serve(answer(b"abc"))
    with client() as one, pytest.raises(RetryLater):
        one.read("GET", server.url(), headers={})


def test_every_save_has_its_own_connection(serve):
    server = serve(answer(b"ok"))
    with client() as one:
        assert [save(one, server.url()).status for _ in range(3)] == [200, 200, 200]
    assert len(server.requests) == 3


@pytest.mark.parametrize("address", ["http://[::1/", "http://127.0.0.1:port/", "ftp://127.0.0.1/"])
def test_an_address_that_is_none_needs_an_operator(address):
    with client() as one, pytest.raises(NeedsOperator) as caught:
        save(one, address)
    assert caught.value.code == "pars.malformed"


def test_a_header_that_cannot_be_sent_needs_an_operator_and_is_not_quoted(serve):
    server = serve(answer(b"ok"))
    with client() as one, pytest.raises(NeedsOperator) as caught:
        one.save("POST", server.url(), headers={"Password": "line\nfeed"}, body=b"x")
    assert caught.value.code == "pars.malformed"
    assert "feed" not in caught.value.message


def test_an_untrusted_certificate_needs_an_operator(serve):
    server = serve(answer(b"ok"), tls=True)
    with client() as one, pytest.raises(NeedsOperator) as caught:
        save(one, server.url())
    assert caught.value.code == "pars.tls"
    with client(verify=str(PEM)) as one:
        assert save(one, server.url()).body == b"ok"


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_a_ca_bundle_that_cannot_be_read_needs_an_operator(tmp_path, content):
    bundle = tmp_path / "ca.pem"
    if content is not None:
        bundle.write_text(content)
    with pytest.raises(NeedsOperator) as caught:
        client(verify=str(bundle))
    assert caught.value.code == "pars.tls"


def test_no_tls_where_tls_is_expected_means_nothing_left(serve):
    server = serve(answer(b"ok"), cut_in_request=True)
    with client() as one, pytest.raises(RetryLater):
        save(one, server.url().replace("http:", "https:"))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("", None),
        ("soon", None),
        ("-5", None),
        ("²", None),
        ("120", 120.0),
        ("Thu, 01 Jan 2026 00:01:00 GMT", 60.0),
        ("Thu, 01 Jan 2026 00:01:00 -0000", None),
        ("Wed, 31 Dec 2025 00:00:00 GMT", 0.0),
        ("9" * 400, 86_400.0),
        ("Thu, 01 Jan 9999 00:00:00 GMT", 86_400.0),
        ("Thu, 01 Jan 2026 00:00:00 +99999999999999", None),
    ],
)
def test_retry_after_in_both_forms(value, seconds):
    assert retry_after(value, datetime(2026, 1, 1, tzinfo=UTC)) == seconds
