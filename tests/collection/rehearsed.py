"""What the state machine drives: the rehearsal LRS without a socket, and a store that dies between two writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from email.message import Message
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import pytest
from pydantic import SecretStr
from sqlalchemy import event
from sqlmodel import Session

from connector.collection import polling, rereading, save
from connector.http import HttpAnswer
from connector.lrs import client
from connector.lrs.client import MoreExpired, Page, Query
from connector.lrs.login import Basic
from connector.sandbox.carrier import Request
from connector.sandbox.server import Sandbox
from connector.store.session import Store

WRITES = {"page": (save, "page"), "cursor": (polling._Poll, "_succeeded"), "reread": (rereading, "_note")}
CRASHES = [f"{when} {what}" for what in WRITES for when in ("before", "after")]
"""Before the commit, which is then rolled back, and after it. A later write of one transaction gives it its name."""


class Straight:
    """The connector's own reading of the rehearsal's own answers, thousands of times faster than over HTTP.

    `ahead` is how far its Date lies before the clock that writes `stored`, as behind a proxy whose clock is wrong.
    """

    def __init__(self, sandbox: Sandbox, ahead: timedelta = timedelta()) -> None:
        self.ahead = ahead
        self._app = sandbox._lrs_app
        self._headers = Message()
        credentials = sandbox.credentials
        login = Basic(credentials.lrs_user, SecretStr(credentials.lrs_password))
        self._headers["Authorization"] = login.authorization()
        self._headers["X-Experience-API-Version"] = "1.0.3"

    def page(self, query: Query) -> Page:
        return self._page("/xapi/statements", tuple(query.params().items()))

    def follow(self, more: str) -> Page:
        parts = urlsplit(more)
        return self._page(parts.path, tuple(parse_qsl(parts.query)))

    def _page(self, path: str, query: tuple[tuple[str, str], ...]) -> Page:
        answer = self._app.act(Request("GET", path, query, self._headers))
        headers = {name.lower(): value for name, value in answer.headers.items()}
        if answer.status == 404:
            raise MoreExpired("lrs.more_expired", "gone")
        assert answer.status == 200, answer.body
        said = HttpAnswer(
            status=answer.status, content_type=answer.content_type, body=answer.body, retry_after=None,
            headers=headers, url="",
        )  # fmt: skip
        page = client._page(said)
        return replace(page, server_date=page.server_date and page.server_date + self.ahead)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


class CrashError(Exception):
    """kill -9 between two writes."""


class CrashingStore(Store):
    """Dies before or after the next commit of a named write; `hits` says which points were met."""

    crash_at: str | None = None
    noted: str = ""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.hits = Counter[str]()
        # nobody pulls the plug here: a rolled back transaction is all that a crash of ours leaves
        event.listen(self.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = OFF"))

    @contextmanager
    def writing(self) -> Iterator[Session]:
        self.noted = ""
        with super().writing() as session:
            yield session
            self._die(f"before {self.noted}")
        self._die(f"after {self.noted}")

    def _die(self, point: str) -> None:
        if self.crash_at == point:
            self.crash_at = None
            self.hits[point] += 1
            raise CrashError


@contextmanager
def noting(store: CrashingStore) -> Iterator[None]:
    """The store learns what each of its transactions writes."""
    with pytest.MonkeyPatch.context() as patch:
        for what, (owner, name) in WRITES.items():
            patch.setattr(owner, name, _noting(store, what, getattr(owner, name)))
        yield


def _noting(store: CrashingStore, what: str, write: Any) -> Any:
    def noted(*args: Any, **kwargs: Any) -> Any:
        store.noted = what
        return write(*args, **kwargs)

    return noted
