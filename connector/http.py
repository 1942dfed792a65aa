"""The one place that imports httpx: bounded, one request at a time, and honest about what may have arrived there."""

from __future__ import annotations

import logging
import ssl
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import httpx
from pydantic import Field

from connector.errors import InDoubt, NeedsOperator, RetryLater
from connector.records import Reply

MAX_BODY = 64 * 1024 * 1024
MAX_BODY_SECONDS = 300.0  # a server that drips must end before a lease does
LONGEST_RETRY_AFTER = 86_400.0

# httpx logs full URLs at INFO: a query may carry an identifier.
logging.getLogger("httpx").setLevel(logging.WARNING)
logging.getLogger("httpcore").setLevel(logging.WARNING)


class HttpAnswer(Reply):
    """A Reply with its headers, lower-case names."""

    headers: dict[str, str] = Field(repr=False)
    url: str = Field(repr=False)  # its query may name a learner


class Http:
    """A synchronous client for one origin of trust. No redirects, no environment proxies, time-outs in seconds."""

    def __init__(
        self, *, blame: str, connect: float = 10, read: float = 60, verify: str | bool = True, keep_alive: bool = True
    ) -> None:
        self._blame = blame
        self._client = httpx.Client(
            timeout=httpx.Timeout(read, connect=connect),
            verify=ssl.create_default_context(cafile=verify) if isinstance(verify, str) else verify,
            follow_redirects=False,
            trust_env=False,
            limits=httpx.Limits(max_keepalive_connections=None if keep_alive else 0),
        )

    def read(
        self, method: str, url: str, *, headers: dict[str, str], params: dict[str, str] | None = None, body: bytes = b""
    ) -> HttpAnswer:
        """A request that changes nothing there: every failure but TLS is RetryLater."""
        try:
            return self._send(method, url, headers, params, body)
        except _NOT_CONNECTED as error:
            raise self._unreachable(error) from None
        except httpx.RequestError as error:
            raise RetryLater(*self._no_answer(url, error)) from None

    def save(
        self, method: str, url: str, *, headers: dict[str, str], params: dict[str, str] | None = None, body: bytes
    ) -> HttpAnswer:
        """A request that may change something there: once connected, a failure is InDoubt."""
        try:
            return self._send(method, url, headers, params, body)
        except _NOT_CONNECTED as error:
            raise self._unreachable(error) from None
        except httpx.RequestError as error:
            raise InDoubt(*self._no_answer(url, error)) from None

    def _send(
        self, method: str, url: str, headers: dict[str, str], params: dict[str, str] | None, body: bytes
    ) -> HttpAnswer:
        # as bytes, or a password beyond ASCII raises an error that quotes it
        encoded = httpx.Headers([(name.encode(), value.encode()) for name, value in headers.items()])
        try:
            with self._client.stream(method, url, headers=encoded, params=params, content=body or None) as response:
                data = _bounded(response)
        except _NOT_FORMED as error:
            raise self._not_formed(error) from None
        return HttpAnswer(
            status=response.status_code,
            content_type=response.headers.get("content-type", ""),
            body=data,
            retry_after=retry_after(response.headers.get("retry-after", ""), datetime.now(UTC)),
            headers={name.lower(): value for name, value in response.headers.items()},
            url=str(response.url),
        )

    def _not_formed(self, error: Exception) -> NeedsOperator:
        return NeedsOperator(
            f"{self._blame}.malformed",
            f"no request can be made of this address and these credentials: {type(error).__name__}",
            "check them for spaces and line feeds",
        )

    def _no_answer(self, url: str, error: httpx.RequestError) -> tuple[str, str]:
        where = urlsplit(url).hostname
        return f"{self._blame}.no_answer", f"no readable answer from {where}: {type(error).__name__}"

    def _unreachable(self, error: httpx.RequestError) -> RetryLater | NeedsOperator:
        if "certificate" in str(error).lower():
            return NeedsOperator(
                f"{self._blame}.tls",
                "the server's certificate is not trusted",
                "put the CA's certificate into `ca_bundle`, or mend the server's certificate",
            )
        return RetryLater(f"{self._blame}.unreachable", f"no connection: {type(error).__name__}")

    def close(self) -> None:
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


_NOT_CONNECTED = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
)
_NOT_FORMED = (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError)  # our own side sent nothing


def _bounded(response: httpx.Response) -> bytes:
    """The whole body, unpacked, within MAX_BODY bytes and MAX_BODY_SECONDS."""
    data = bytearray()
    ends = time.monotonic() + MAX_BODY_SECONDS
    for chunk in response.iter_bytes():
        data += chunk
        if len(data) > MAX_BODY:
            raise httpx.ReadError(f"answer larger than {MAX_BODY} bytes")
        if time.monotonic() > ends:
            raise httpx.ReadTimeout(f"answer longer than {MAX_BODY_SECONDS:.0f} seconds")
    return bytes(data)


def retry_after(value: str, now: datetime) -> float | None:
    """Seconds to wait, from a Retry-After header in either form (RFC 9110), at most a day; or None.

    >>> retry_after("120", datetime(2026, 1, 1, tzinfo=UTC))
    120.0
    """
    text = value.strip()
    try:
        wait = float(text) if text.isascii() and text.isdigit() else (parsedate_to_datetime(text) - now).total_seconds()
    except (TypeError, ValueError):
        return None
    return min(max(0.0, wait), LONGEST_RETRY_AFTER)
