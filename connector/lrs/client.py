"""Speaks to one LRS: a page, the next one, what it says of itself, a statement. Knows no cursor, table or setting file.

Credentials go to the endpoint's own origin and nowhere else, whatever an answer asks for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Literal
from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit

import orjson
import stamina
from pydantic import SecretStr

from connector.errors import NeedsOperator, RetryLater
from connector.http import Closing, Http, HttpAnswer, TimedOut
from connector.lrs import moments, multipart, slices
from connector.lrs.login import Login, proxy_refusal
from connector.lrs.own import CREDIT
from connector.lrs.statement import MOST_BYTES

CONNECT_SECONDS = 10.0
ATTEMPTS, PATIENCE_SECONDS = 3, 20.0
"""Only for connections that fail: a hiccup ends here, an outage becomes the source's back-off."""

MOST_STATEMENTS = 50_000
"""On one page: ten times the largest that can be asked for. Each costs far more memory than its bytes."""
MOST_ABOUT, MOST_VERSIONS = 256 * 1024, 20
"""Bytes of the page about the LRS, and versions that are shown of it."""

_MORE = re.compile(r"[^\x00-\x1f\x7f]{1,8192}")
_EXPIRED = (400, 404, 410)

# A retry that helped is no news, and one that did not ends as the source's own line.
stamina.instrumentation.set_on_retry_hooks(())


class MoreExpired(RetryLater):
    """The LRS no longer knows a `more`: the chain starts again from its first page."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for. `since` and `until` count in the LRS's own field, stored or (some) timestamp."""

    since: datetime | None
    limit: int
    until: datetime | None = None
    ascending: bool = True
    verb: str = ""

    def params(self) -> dict[str, str]:
        order = "true" if self.ascending else "false"  # one LRS ignores Python's True
        asked = {"limit": str(self.limit), "ascending": order, "format": "exact"}
        asked |= {"verb": self.verb} if self.verb else {}
        window = {"since": self.since, "until": self.until}
        return asked | {name: moments.render(moment) for name, moment in window.items() if moment}


@dataclass(frozen=True, slots=True)
class Page:
    """One answer: statements as slices of it, byte for byte. `more` is empty on the last page, never on a short one."""

    statements: tuple[bytes, ...]
    more: str
    consistent_through: datetime | None
    server_date: datetime | None
    version: str = ""


Whither = Literal["relative", "own", "elsewhere"]
Put = Literal["stored", "taken", "refused"]


def open_http(
    timeout: timedelta = timedelta(seconds=60), *, ca_bundle: str = "", proxy: SecretStr | None = None
) -> Http:
    """A connection as an LRS and its token endpoint need it."""
    seconds = timeout.total_seconds()
    connect = min(CONNECT_SECONDS, seconds)
    return Http(blame="lrs", connect=connect, read=seconds, verify=ca_bundle or True, proxy=proxy)


class LrsClient(Closing):
    """A connection to one endpoint, such as `https://lrs.example.org/xapi`; it closes `http` with itself.

    `headers` go with every request and may name nothing that is set here. `rewrite_more` asks for a `more` that names
    another origin at the endpoint's own: credentials stay at home either way.
    """

    def __init__(
        self,
        endpoint: str,
        login: Login,
        http: Http,
        *,
        version: str = "1.0.3",
        headers: Mapping[str, SecretStr] | None = None,
        rewrite_more: bool = False,
    ) -> None:
        self._endpoint = endpoint.rstrip("/") + "/"
        self._statements = self._endpoint + "statements"
        self._login, self._http, self._rewrite_more = login, http, rewrite_more
        more = {name: value.get_secret_value() for name, value in (headers or {}).items()}
        self._headers = more | {
            "X-Experience-API-Version": version,
            "Accept": "application/json, multipart/mixed",
        }

    def page(self, query: Query) -> Page:
        """The first page of a chain."""
        answer = self._read(self._statements, query.params())
        _judge(answer)
        return _page(answer)

    def follow(self, more: str) -> Page:
        """The page behind a `more`; MoreExpired when the LRS no longer knows it."""
        answer = self._read(self._own(more))
        if answer.status in _EXPIRED:
            raise MoreExpired("lrs.more_expired", "the LRS no longer knows the page that it announced")
        _judge(answer)
        return _page(answer)

    def about(self) -> tuple[str, ...]:
        """The xAPI versions that the LRS names; empty where it has no such page."""
        try:
            answer = self._read(self._endpoint + "about", most=MOST_ABOUT)
            versions = orjson.loads(answer.body)["version"] if answer.status == 200 else []
        except (orjson.JSONDecodeError, TypeError, KeyError, TimedOut):
            return ()
        named = (_version(one) for one in versions if isinstance(one, str)) if isinstance(versions, list) else ()
        return tuple(version for version in named if version)[:MOST_VERSIONS]

    def put(self, statement_id: str, raw: bytes) -> Put:
        """Store one statement under its id. Twice is once, so that whatever fails may be asked again.

        `taken`: another statement has this id. `refused`: the LRS will never take this one.
        """
        answer = self._read(self._statements, {"statementId": statement_id}, put=raw)
        if answer.status == 204 or (answer.status == 200 and not answer.body.lstrip().startswith(b"<")):
            return "stored"
        if answer.status == 409:
            return "stored" if self._holds_report(statement_id) else "taken"
        if answer.status in (400, 413, 422):
            return "refused"
        if answer.status in (401, 403):
            raise NeedsOperator(
                "lrs.write_login", f"the LRS does not let this login write ({answer.status})", _MAY_WRITE
            )
        _judge(answer)
        raise NeedsOperator("lrs.refused", "the LRS answers a PUT with a page", _WRONG[0][2])

    def _holds_report(self, statement_id: str) -> bool:
        """Some answer 409 also where nothing differs: is what stands there what we wrote?"""
        answer = self._read(self._statements, {"statementId": statement_id}, most=MOST_BYTES)
        return answer.status == 200 and CREDIT.encode() in answer.body  # one LRS answers with a list

    def whither(self, more: str) -> Whither:
        """Where a `more` leads: a path, the endpoint's own origin written out, or elsewhere (also: no address)."""
        try:
            there = urlsplit(urljoin(self._statements, more))
            if not _MORE.fullmatch(more) or _origin(there) != _origin(urlsplit(self._statements)):
                return "elsewhere"
            return "own" if urlsplit(more).netloc else "relative"
        except ValueError:
            return "elsewhere"

    def _own(self, more: str) -> str:
        """`more` on the endpoint's own origin, or NeedsOperator: credentials go nowhere else.

        The address is put together again from the endpoint's own scheme, host and port, so that no second parser can
        read another host in it.
        """
        own = urlsplit(self._statements)
        if self.whither(more) != "elsewhere" or (self._rewrite_more and _is_web_address(more)):
            there = urlsplit(urljoin(self._statements, more))
            return urlunsplit((own.scheme, own.netloc, there.path, there.query, ""))
        raise NeedsOperator(
            "lrs.more_elsewhere",
            "the LRS announces its next page on another host, scheme or port",
            "set the LRS's public address in its own settings, `endpoint` to the address that it announces, or, "
            "where that name is an inner one of the same LRS, `rewrite_more: true`",
        )

    def _read(
        self, url: str, params: dict[str, str] | None = None, most: int | None = None, put: bytes = b""
    ) -> HttpAnswer:
        """The answer; after a 401 asked once more, when there is another token to be had."""
        answer, said = self._ask(url, params, most, put)
        if answer.status == 401 and self._login.renew(said):
            answer, _ = self._ask(url, params, most, put)
        return answer

    def _ask(self, url: str, params: dict[str, str] | None, most: int | None, put: bytes) -> tuple[HttpAnswer, str]:
        """The answer, and the `Authorization` that it answers."""
        for attempt in stamina.retry_context(
            on=_is_hiccup, attempts=ATTEMPTS, timeout=PATIENCE_SECONDS, wait_initial=0.2, wait_max=3.0
        ):
            with attempt:
                said = self._login.authorization()
                headers = (
                    self._headers | {"Authorization": said} | ({"Content-Type": "application/json"} if put else {})
                )
                method = "PUT" if put else "GET"
                try:
                    return self._http.read(method, url, headers=headers, params=params, body=put, most=most), said
                except TimedOut as error:
                    raise TimedOut("lrs.timed_out", error.message, "a smaller `page` asks for less") from None
        raise AssertionError  # pragma: no cover - the context either returns or raises

    def close(self) -> None:
        self._http.close()


def _is_hiccup(error: Exception) -> bool:
    return isinstance(error, RetryLater) and error.code in ("lrs.unreachable", "lrs.no_answer")


def _is_web_address(more: str) -> bool:
    try:
        parts = urlsplit(more)
    except ValueError:
        return False
    return bool(_MORE.fullmatch(more) and parts.scheme in ("", "http", "https") and parts.hostname)


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _judge(answer: HttpAnswer) -> None:
    """Raise for every answer that is not a 200."""
    status = answer.status
    if status == 200:
        return
    if status in (429, 503):
        hint = "it is asked again by itself; a smaller `page` or a longer `every` asks less of it"
        raise RetryLater("lrs.busy", f"the LRS asks for patience ({status})", hint, wait=answer.retry_after)
    if status >= 500 or status == 408:
        hint = "it is asked again by itself; if it lasts, its own log says what fails"
        raise RetryLater("lrs.failing", f"the LRS answers {status}", hint, wait=answer.retry_after)
    if status == 407:
        raise proxy_refusal()
    code, message, hint = _WRONG.get(status, _WRONG[0])
    raise NeedsOperator(code, f"{message} ({status})", hint)


_LOGIN = (
    "lrs.login",
    "the LRS refuses the login",
    "check the source's `login`, and that it may read all statements",
)
_MAY_WRITE = "give it the right to write statements, or take this source out of `desk.write_back.sources`"
_WRONG: Mapping[int, tuple[str, str, str]] = {
    401: _LOGIN,
    403: _LOGIN,
    404: (
        "lrs.wrong_endpoint",
        "there is no statements resource at this address",
        "`endpoint` is the address before /statements",
    ),
    0: (
        "lrs.refused",
        "the LRS refuses the question",
        "check the source's `endpoint` (no redirect is followed) and `version`",
    ),
}


def _page(answer: HttpAnswer) -> Page:
    try:
        statements, others = slices.split(_json_part(answer), most=MOST_STATEMENTS)
        more = _more(others)
    except slices.TooManyError:
        message = f"more than {MOST_STATEMENTS} statements in one answer"
        raise TimedOut("lrs.timed_out", message, "a smaller `page` asks for less") from None
    except ValueError as where:
        raise RetryLater(
            "lrs.not_statements",
            f"the LRS answers 200 without a list of statements: {where}",
            "a login page, a proxy's error page or another service may stand at this address",
        ) from None
    return Page(
        statements=tuple(statements),
        more=more,
        consistent_through=_moment(answer.headers.get("x-experience-api-consistent-through", "")),
        server_date=_http_date(answer.headers.get("date", "")),
        version=_version(answer.headers.get("x-experience-api-version", "")),
    )


def _more(others: Mapping[bytes, bytes]) -> str:
    """Empty for a `more` that is null or not there."""
    try:
        more = orjson.loads(others.get(b'"more"', b'""')) or ""
    except orjson.JSONDecodeError:
        more = None
    if not isinstance(more, str):
        raise slices.UnreadablePageError("`more` is not a text")
    return more


def _json_part(answer: HttpAnswer) -> bytes:
    """The document itself; attachments are read past."""
    if not answer.content_type.strip().lower().startswith("multipart/"):
        return answer.body
    return multipart.first_part(answer.body, answer.content_type)


def _version(text: str) -> str:
    """Empty for what is no version: it is shown to people, and may come from anybody."""
    return text.strip() if re.fullmatch(r"\s*\d[\w.+-]{0,19}\s*", text, re.ASCII) else ""


def _moment(text: str) -> datetime | None:
    try:
        return moments.parse(text.strip())
    except ValueError:
        return None


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
