"""Moodle's web service as the client meets it: errors with status 200, answers of no form, and nothing repeated."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import orjson
import pytest
from pydantic import SecretStr

from connector.errors import ConnectorError, NeedsOperator, RetryLater
from connector.moodle.answers import CourseCompletion
from connector.moodle.client import RIGHTS, Moodle
from connector.sandbox.moodle.site import ROLES
from connector.sandbox.server import Sandbox
from tests.moodle.place import ANNA_ID, COURSE

Answers = Callable[[dict[str, str]], tuple[int, bytes]]
SECRET = SecretStr("t0ken")
AT = datetime(2026, 3, 10, 4, 30, tzinfo=UTC)


@pytest.fixture
def speaking() -> Iterator[Callable[[Answers], Moodle]]:
    """`speaking(answer)`: a client of a site that says exactly this."""
    made: list[tuple[Moodle, ThreadingHTTPServer]] = []

    def make(answer: Answers) -> Moodle:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert "t0ken" not in self.path
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                status, body = answer({name: value for name, (value,) in form.items()})
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Retry-After", "7")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        made.append((Moodle(f"http://127.0.0.1:{server.server_address[1]}/", SECRET), server))
        return made[-1][0]

    yield make
    for client, server in made:
        client.close()
        server.shutdown()
        server.server_close()


@pytest.fixture
def moodle(sandbox: Sandbox) -> Iterator[Moodle]:
    with Moodle(sandbox.moodle_url, SecretStr(sandbox.moodle_token)) as client:
        yield client


def no(code: str) -> bytes:
    return orjson.dumps({"exception": "moodle_exception", "errorcode": code, "message": "Zanna Quixley may not"})


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (200, no("invalidtoken"), NeedsOperator, "moodle.token"),
        (200, no("wsaccessusersuspended"), NeedsOperator, "moodle.account"),
        (200, no("accessexception"), NeedsOperator, "moodle.no_function"),
        (200, no("nopermissions"), NeedsOperator, "moodle.no_right"),
        (200, no("servicenotavailable"), NeedsOperator, "moodle.disabled"),
        (200, no("sitemaintenance"), RetryLater, "moodle.failing"),
        (200, no("Zanna Quixley"), RetryLater, "moodle.failing"),  # no error code has a blank
        (200, b'{"exception": "x"}', RetryLater, "moodle.failing"),
        (200, b"<html>Zanna Quixley, sign in", RetryLater, "moodle.unreadable"),
        (200, b"", RetryLater, "moodle.unreadable"),
        (200, b"[" * 100_000, RetryLater, "moodle.unreadable"),
        (200, b"null", RetryLater, "moodle.unreadable"),
        (200, b'[{"id": "3"}]', RetryLater, "moodle.unreadable"),
        (403, b"", NeedsOperator, "moodle.disabled"),
        (404, b"", NeedsOperator, "moodle.wrong_site"),
        (303, b"", NeedsOperator, "moodle.wrong_site"),
        (429, b"", RetryLater, "moodle.busy"),
        (503, b"", RetryLater, "moodle.busy"),
        (502, b"", RetryLater, "moodle.failing"),
    ],
)
def test_every_refusal_is_somebodys_and_repeats_no_word_of_moodles(
    speaking: Callable[[Answers], Moodle], status: int, body: bytes, kind: type[ConnectorError], code: str
) -> None:
    with pytest.raises(ConnectorError) as caught:
        speaking(lambda _form: (status, body)).users_by_field("id", ["3"])
    assert (type(caught.value), caught.value.code) == (kind, code)
    assert "Zanna" not in str(caught.value)
    assert not isinstance(caught.value, NeedsOperator) or caught.value.hint
    assert not isinstance(caught.value, RetryLater) or caught.value.wait == (7.0 if status != 200 else None)


def completion(said: object) -> Answers:
    return lambda _form: (200, orjson.dumps({"completionstatus": said, "warnings": []}))


def criteria(*times: int | None) -> list[dict[str, object]]:
    return [{"complete": time is not None, "timecompleted": time} for time in times]


@pytest.mark.parametrize(
    ("said", "at"),
    [
        ({"aggregation": 1, "completions": criteria(100, 300, 200)}, 300),
        ({"aggregation": 2, "completions": criteria(None, 300, 200)}, 200),  # any of them was enough
        ({"aggregation": 1, "completions": criteria(100, 0)}, None),  # one of all has no time: the last is not known
        ({"aggregation": 1, "completions": []}, None),
        ({"aggregation": 1, "completions": criteria(10**18)}, None),
    ],
)
def test_when_a_course_was_completed(
    speaking: Callable[[Answers], Moodle], said: dict[str, object], at: int | None
) -> None:
    found = speaking(completion({"completed": True} | said)).course_completion(2, 3)
    assert found == CourseCompletion("complete", datetime.fromtimestamp(at, UTC) if at else None)


def test_what_is_not_true_is_not_complete(speaking: Callable[[Answers], Moodle]) -> None:
    said = {"completed": "true", "aggregation": 1, "completions": criteria(100)}
    assert speaking(completion(said)).course_completion(2, 3).state == "incomplete"


def test_a_site_says_what_it_is_and_what_the_token_lacks(sandbox: Sandbox, moodle: Moodle) -> None:
    site = moodle.site_info()
    assert (site.site, site.missing) == (sandbox.moodle_url, [])
    sandbox.moodle.functions.discard("core_course_get_courses_by_field")
    assert moodle.site_info().missing == ["core_course_get_courses_by_field"]
    assert set(sandbox.moodle.calls) <= RIGHTS.keys()


def test_what_a_site_says_of_itself_may_be_shown(speaking: Callable[[Answers], Moodle]) -> None:
    said = {"siteurl": "https://m.example\x1b[2J/", "release": "4.5\u202e\n" + "x" * 200, "functions": []}
    site = speaking(lambda _: (200, orjson.dumps(said))).site_info()
    assert (site.site, site.release) == ("https://m.example[2J", "4.5" + "x" * 97)


def test_an_answer_that_no_moodle_gives_is_not_read(
    speaking: Callable[[Answers], Moodle], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connector.moodle.client.MOST_BYTES", 1000)
    with pytest.raises(RetryLater) as caught:
        speaking(lambda _: (200, b"[" + b"[]," * 500 + b"[]]")).users_by_field("email", ["a@example.org"])
    assert caught.value.code == "moodle.no_answer"


def test_users_come_in_batches_and_each_is_asked_for_once(sandbox: Sandbox, moodle: Moodle) -> None:
    asked = [*(str(number) for number in range(1, 120)), "3", "3"]
    found = moodle.users_by_field("id", asked)
    assert sorted(user.id for user in found) == sorted(sandbox.moodle.users)
    assert len(sandbox.moodle.calls) == 3
    assert "aoneill" not in repr(found)


def test_a_roster_is_read_page_by_page_with_no_more_than_names(sandbox: Sandbox, moodle: Moodle) -> None:
    site = sandbox.moodle
    original = site.users[ANNA_ID]
    for number in range(1000, 2200):
        site.users[number] = type(original)(original.person, number, f"u{number}", "", "", original.born)
        site.enrol(number, COURSE)
    roster = list(moodle.enrolled_users(COURSE))
    assert len({user.id for user in roster}) == len(roster) == 1200
    assert len(site.calls) == 3
    assert list(moodle.enrolled_users(4711)) == []


def test_a_roster_that_knows_no_pages_ends(speaking: Callable[[Answers], Moodle]) -> None:
    everybody = orjson.dumps([{"id": number} for number in range(700)])
    assert len(list(speaking(lambda _form: (200, everybody)).enrolled_users(2))) == 700


@pytest.mark.parametrize("role", ["min", "viewalldetails"])
def test_a_role_that_is_too_small_is_an_operators_business(sandbox: Sandbox, moodle: Moodle, role: str) -> None:
    sandbox.moodle.rights = ROLES[role]
    for ask in (lambda: moodle.course_completion(COURSE, ANNA_ID), lambda: next(moodle.enrolled_users(COURSE))):
        with pytest.raises(NeedsOperator) as caught:
            ask()
        assert caught.value.code == "moodle.no_right"
    assert [user.username for user in moodle.users_by_field("id", ["3"])] == ["" if role == "min" else "aoneill"]


def test_courses_and_where_a_user_stands_in_them(sandbox: Sandbox, moodle: Moodle) -> None:
    assert [(one.id, one.short_name) for one in moodle.courses([42, 4711])] == [(42, "OPIOID")]
    sandbox.moodle.complete(ANNA_ID, COURSE, AT)
    assert moodle.course_completion(COURSE, ANNA_ID) == CourseCompletion("complete", AT)
    assert moodle.course_completion(42, ANNA_ID).state == "not_enrolled"
    assert moodle.course_completion(COURSE, 4711).state == "gone"
    assert moodle.course_completion(4711, ANNA_ID).state == "no_course"
    sandbox.moodle.enrol(ANNA_ID, 60)
    assert moodle.course_completion(60, ANNA_ID).state == "no_criteria"


def test_nobody_there_is_an_outage() -> None:
    with Moodle("http://127.0.0.1:9", SECRET, timeout=timedelta(seconds=2)) as client, pytest.raises(RetryLater):
        client.site_info()
