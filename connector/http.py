"""The one place that imports httpx: bounded, one request at a time, and honest about what may have arrived there."""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import threading
import time
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
from pydantic import Field, SecretStr

from connector.errors import InDoubt, NeedsOperator, RetryLater
from connector.records import Reply

MAX_BODY = 64 * 1024 * 1024
MAX_BODY_SECONDS = 300.0  # a server that drips must end before a lease does; a whole request: 2 x `read` more
LONGEST_RETRY_AFTER = 86_400.0

# httpx logs full URLs at INFO: a query may carry an identifier.
logging.getLogger("httpx").setLevel(logging.WARNING)
logging.getLogger("httpcore").setLevel(logging.WARNING)


class HttpAnswer(Reply):
    """A Reply with its headers, lower-case names."""

    headers: dict[str, str] = Field(repr=False)
    url: str = Field(repr=False)  # its query may name a learner


class TimedOut(RetryLater):
    """A read whose answer did not end in time, or grew too large: a smaller question may be answered."""


class Closing(ABC):
    """`with` closes it at the end."""

    @abstractmethod
    def close(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Http(Closing):
    """A synchronous client for one origin of trust. No redirects, no environment proxies, time-outs in seconds.

    `proxy` is an address that may hold a user and password; they go to the proxy alone, and into no message.
    """

    def __init__(
        self,
        *,
        blame: str,
        connect: float = 10,
        read: float = 60,
        verify: str | bool = True,
        keep_alive: bool = True,
        proxy: SecretStr | None = None,
    ) -> None:
        self._blame = blame
        self._read = read
        self._through = " through the proxy" if proxy else ""
        self._sockets: list[socket.socket] = []  # every open connection: nobody says which one a request takes again
        self._lock = threading.Lock()
        self._client = httpx.Client(
            headers={"Accept-Encoding": "gzip"},
            timeout=httpx.Timeout(read, connect=connect),
            verify=self._trusting(verify) if isinstance(verify, str) else verify,
            follow_redirects=False,
            trust_env=False,
            proxy=self._proxy(proxy) if proxy else None,
            limits=httpx.Limits(max_keepalive_connections=None if keep_alive else 0),
        )

    def read(
        self,
        method: str,
        url: str,
        *,
        headers: dict[str, str],
        params: dict[str, str] | None = None,
        body: bytes = b"",
        most: int | None = None,
    ) -> HttpAnswer:
        """A request that changes nothing there: every failure but TLS is RetryLater.

        `most` bytes of an answer are taken, where a parser will make far more of them than it was sent.
        """
        try:
            return self._send(method, url, headers, params, body, most or MAX_BODY)
        except _NOT_CONNECTED as error:
            raise self._unreachable(url, error) from None
        except (httpx.ReadTimeout, _TooLarge) as error:
            raise TimedOut(*self._no_answer(url, error)) from None
        except httpx.RequestError as error:
            raise RetryLater(*self._no_answer(url, error)) from None

    def save(
        self, method: str, url: str, *, headers: dict[str, str], params: dict[str, str] | None = None, body: bytes
    ) -> HttpAnswer:
        """A request that may change something there: once connected, a failure is InDoubt."""
        try:
            return self._send(method, url, headers, params, body, MAX_BODY)
        except _NOT_CONNECTED as error:
            raise self._unreachable(url, error) from None
        except httpx.RequestError as error:
            raise InDoubt(*self._no_answer(url, error)) from None

    def _send(
        self, method: str, url: str, headers: dict[str, str], params: dict[str, str] | None, body: bytes, most: int
    ) -> HttpAnswer:
        # as bytes, or a password beyond ASCII raises an error that quotes it
        encoded = httpx.Headers([(name.encode(), value.encode()) for name, value in headers.items()])
        try:
            with (
                self._deadline() as trace,
                self._client.stream(
                    method, url, headers=encoded, params=params, content=body or None, extensions={"trace": trace}
                ) as response,
            ):
                data = _bounded(response, most)
        except _NOT_FORMED as error:
            raise self._not_formed(error) from None
        except httpx.ProxyError as error:
            if str(error).startswith("407"):  # no tunnel: said as a proxy says it where none is needed
                return HttpAnswer(status=407, content_type="", body=b"", retry_after=None, headers={}, url=url)
            raise
        return HttpAnswer(
            status=response.status_code,
            content_type=response.headers.get("content-type", ""),
            body=data,
            retry_after=retry_after(response.headers.get("retry-after", ""), datetime.now(UTC)),
            headers={name.lower(): value for name, value in response.headers.items()},
            url=str(response.url),
        )

    def _trusting(self, ca_bundle: str) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=ca_bundle)
        except (OSError, ValueError) as error:  # not there, not ours to read, or no certificate
            raise NeedsOperator(
                f"{self._blame}.tls",
                f"`ca_bundle` cannot be read: {type(error).__name__}",
                "it names a file with the CA's certificate in PEM, which the connector's user may read",
            ) from None

    def _proxy(self, address: SecretStr) -> httpx.Proxy:
        try:
            proxy = httpx.Proxy(address.get_secret_value())
            if proxy.url.scheme not in ("http", "https") or not proxy.url.host:
                raise httpx.UnsupportedProtocol("")
        except (*_NOT_FORMED, ValueError) as error:
            raise self._not_formed(error) from None
        return proxy

    @contextlib.contextmanager
    def _deadline(self) -> Iterator[Callable[[str, dict[str, Any]], None]]:
        """End a request as a whole: httpx bounds only each wait, so that a dripping head would never end.

        Yields what httpx tells of its connections. Connecting has its own bound; the end of a connection is a failure
        like any other. A request that made no connection took an open one again: all of them end, the right one too.
        """
        own: list[socket.socket] = []
        over = threading.Event()

        def hang_up() -> None:
            over.set()
            for connection in own or self._sockets:
                _shut(connection)

        def trace(event: str, info: dict[str, Any]) -> None:
            if event in _CONNECTED:
                connection = info["return_value"].get_extra_info("socket")
                own.append(connection)
                self._keep(connection)
                if over.is_set():
                    hang_up()

        timer = threading.Timer(2 * self._read + MAX_BODY_SECONDS, hang_up)
        timer.daemon = True
        timer.start()
        try:
            yield trace
        finally:
            timer.cancel()

    def _keep(self, connection: socket.socket) -> None:
        with self._lock:
            self._sockets = [one for one in (*self._sockets, connection) if one.fileno() >= 0]

    def _not_formed(self, error: Exception) -> NeedsOperator:
        return NeedsOperator(
            f"{self._blame}.malformed",
            f"no request can be made of this address, proxy and credentials: {type(error).__name__}",
            "check them for spaces and line feeds",
        )

    def _no_answer(self, url: str, error: httpx.RequestError) -> tuple[str, str]:
        where = urlsplit(url).hostname
        return f"{self._blame}.no_answer", f"no readable answer from {where}: {type(error).__name__}"

    def _unreachable(self, url: str, error: httpx.RequestError) -> RetryLater | NeedsOperator:
        if "certificate" in str(error).lower():
            return NeedsOperator(
                f"{self._blame}.tls",
                "the server's certificate is not trusted",
                "put the CA's certificate into `ca_bundle`, or mend the server's certificate",
            )
        _, where = _origin(url)
        return RetryLater(
            f"{self._blame}.unreachable", f"nothing answers at {where}{self._through} ({type(error).__name__})"
        )

    def close(self) -> None:
        """What is still asked for in another thread ends now: nobody waits for it, and Ctrl-C would."""
        for connection in self._sockets:
            _shut(connection)
        self._client.close()


_NOT_CONNECTED = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,  # the proxy opened no way there
)
_CONNECTED = ("connection.connect_tcp.complete", "connection.start_tls.complete", "proxy.start_tls.complete")
_NOT_FORMED = (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError)  # our own side sent nothing


class _TooLarge(httpx.ReadError):
    """The answer grew beyond what is taken."""


def _bounded(response: httpx.Response, most: int) -> bytes:
    """The whole body, unpacked, within `most` bytes and MAX_BODY_SECONDS.

    httpx would unpack as many layers as the answer names, each of them whole: 1 kB can become more than the memory.
    """
    data, packed = bytearray(), 0
    unpack = _unpacker(response.headers.get("content-encoding", ""))
    ends = time.monotonic() + MAX_BODY_SECONDS
    for chunk in response.iter_raw():
        packed += len(chunk)
        data += unpack(chunk, most + 1 - len(data)) if unpack else chunk
        if max(packed, len(data)) > most:
            raise _TooLarge(f"answer larger than {most} bytes")
        if time.monotonic() > ends:
            raise httpx.ReadTimeout(f"answer longer than {MAX_BODY_SECONDS:.0f} seconds")
    if unpack and packed and not unpack.is_whole:
        raise httpx.DecodingError("the packed answer was cut off")
    return bytes(data)


class _Gunzip:
    """One layer of gzip, of one member or several in a row, never more than was asked for."""

    def __init__(self) -> None:
        self._inflate = _inflate()

    def __call__(self, chunk: bytes, most: int) -> bytes:
        data = bytearray()
        try:
            while chunk and len(data) < most:
                if self._inflate.eof:  # a member follows, or what is none
                    self._inflate = _inflate()
                data += self._inflate.decompress(chunk, most - len(data))
                chunk = self._inflate.unused_data
        except zlib.error:
            raise httpx.DecodingError("the answer is not gzip") from None
        return bytes(data)

    @property
    def is_whole(self) -> bool:
        return self._inflate.eof


def _inflate() -> zlib._Decompress:
    return zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)


def _unpacker(coding: str) -> _Gunzip | None:
    """What unpacks the answer's coding; None for an answer as it is."""
    name = coding.strip().lower()
    if name in ("", "identity"):
        return None
    if name in ("gzip", "x-gzip"):
        return _Gunzip()
    raise httpx.DecodingError("a coding that was not asked for")


def _origin(url: str) -> tuple[str, str]:
    """Scheme, and host with port; nothing for an address that is none, which httpx will refuse."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443}.get(parts.scheme, 80)
    except ValueError:
        return "", ""
    host = parts.hostname or ""
    return parts.scheme, f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _shut(connection: socket.socket) -> None:
    """Wake whoever waits at this socket, below TLS if there is any: closing it would not."""
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)


def retry_after(value: str, now: datetime) -> float | None:
    """Seconds to wait, from a Retry-After header in either form (RFC 9110), at most a day; or None.

    >>> retry_after("120", datetime(2026, 1, 1, tzinfo=UTC))
    120.0
    """
    text = value.strip()
    try:
        wait = float(text) if text.isascii() and text.isdigit() else (parsedate_to_datetime(text) - now).total_seconds()
    except (TypeError, ValueError, OverflowError):
        return None
    return min(max(0.0, wait), LONGEST_RETRY_AFTER)
