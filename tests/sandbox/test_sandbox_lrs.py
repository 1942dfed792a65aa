"""The rehearsal LRS, rule by rule, over HTTP: what xAPI 1.0.3 promises a reader, and what it refuses a writer."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import date
from typing import Any

import httpx
import pytest

from connector.sandbox.server import Sandbox

VERB = "http://adlnet.gov/expapi/verbs/completed"
COURSE = "https://lms.example.org/course/view.php?id=57"


class Reader:
    """A plain reader and writer of the rehearsal LRS."""

    def __init__(self, sandbox: Sandbox) -> None:
        own = sandbox.credentials
        self.sandbox = sandbox
        self.http = httpx.Client(
            auth=(own.lrs_user, own.lrs_password),
            headers={"X-Experience-API-Version": "1.0.3"},
            verify=False,
            timeout=5,
        )

    def get(self, **params: Any) -> httpx.Response:
        return self.http.get(f"{self.sandbox.lrs_url}/statements", params=params)

    def ids(self, **params: Any) -> list[str]:
        response = self.get(**params)
        assert response.status_code == 200, response.text
        return [one["id"] for one in response.json()["statements"]]

    def post(self, *statements: Any, body: bytes | None = None) -> httpx.Response:
        content = body or json.dumps(list(statements)).encode()
        headers = {"Content-Type": "application/json"}
        return self.http.post(f"{self.sandbox.lrs_url}/statements", content=content, headers=headers)

    def put(self, statement_id: str, statement: Any) -> httpx.Response:
        headers, params = {"Content-Type": "application/json"}, {"statementId": statement_id}
        url = f"{self.sandbox.lrs_url}/statements"
        return self.http.put(url, params=params, content=json.dumps(statement), headers=headers)

    def follow(self, response: httpx.Response) -> httpx.Response:
        return self.http.get(httpx.URL(self.sandbox.lrs_url).join(response.json()["more"]))

    def stored(self) -> list[str]:
        return [one["stored"] for one in self.get(ascending="true").json()["statements"]]


@pytest.fixture
def lrs() -> Iterator[Reader]:
    with Sandbox(today=date(2026, 3, 10), load=False, page_limit=50) as sandbox:
        reader = Reader(sandbox)
        yield reader
        reader.http.close()


SOMEBODY = "0b0f4f0e-5a3e-4b8a-9d53-6f0f6f3a1c11"
"""A statement id that is nobody's."""


def statement(**changes: Any) -> dict[str, Any]:
    return {
        "actor": {"account": {"homePage": "https://lms.example.org", "name": "3"}},
        "verb": {"id": VERB},
        "object": {"id": COURSE},
    } | changes


def void(target: str) -> dict[str, Any]:
    reference = {"objectType": "StatementRef", "id": target}
    return statement(verb={"id": "http://adlnet.gov/expapi/verbs/voided"}, object=reference)


# -- who may ask, and what every answer carries


@pytest.mark.parametrize("version", [None, "2.0.0", "0.95", "garbage"])
def test_without_a_1_0_version_header_the_answer_is_400(lrs: Reader, version: str | None) -> None:
    del lrs.http.headers["X-Experience-API-Version"]
    if version:
        lrs.http.headers["X-Experience-API-Version"] = version
    assert lrs.get().status_code == 400


def test_wrong_credentials_are_401(lrs: Reader) -> None:
    lrs.http.auth = httpx.BasicAuth("rehearsal-reader", "guess")
    assert lrs.get().status_code == 401
    assert lrs.post(statement()).status_code == 401


def test_every_answer_names_the_version_and_consistent_through_and_the_rehearsal(lrs: Reader) -> None:
    for response in (lrs.get(), lrs.post(statement()), lrs.get(limit="-1"), lrs.get(statementId=str(uuid.uuid4()))):
        assert response.headers["X-Experience-API-Version"] == "1.0.3"
        assert response.headers["X-Experience-API-Consistent-Through"].startswith("2026-03-10T18:00:00.")
        assert response.headers["X-Rehearsal"]
        assert response.headers["Date"] == "Tue, 10 Mar 2026 18:00:00 GMT"


def test_about_needs_no_credentials(lrs: Reader) -> None:
    assert "1.0.3" in httpx.get(f"{lrs.sandbox.lrs_url}/about").json()["version"]


# -- storing


def test_stored_is_the_servers_clock_and_an_id_and_a_time_are_given_where_missing(lrs: Reader) -> None:
    [statement_id] = lrs.post(statement(stored="1999-01-01T00:00:00Z")).json()
    [held] = lrs.get().json()["statements"]
    assert held["id"] == statement_id
    assert held["stored"] == held["timestamp"] == "2026-03-10T18:00:00.000Z"
    assert held["authority"]["account"]["name"] == "rehearsal-reader"


def test_the_clock_moves_on_by_a_millisecond_at_least(lrs: Reader) -> None:
    lrs.post(statement(), statement())
    lrs.post(statement())
    lrs.sandbox.clock.advance(60)
    lrs.post(statement())
    assert [text[17:] for text in lrs.stored()] == ["00.000Z", "00.001Z", "00.002Z", "00.000Z"]


def test_put_stores_under_the_given_id(lrs: Reader) -> None:
    statement_id = str(uuid.uuid4())
    assert lrs.put(statement_id, statement()).status_code == 204
    assert lrs.get(statementId=statement_id).json()["id"] == statement_id
    assert lrs.put(str(uuid.uuid4()), statement(id=statement_id)).status_code == 400


def test_the_same_again_is_no_news_and_a_difference_is_409_for_the_whole_batch(lrs: Reader) -> None:
    known = statement(id=str(uuid.uuid4()))
    assert lrs.post(known).json() == lrs.post(known).json() == [known["id"]]
    other = known | {"object": {"id": "https://lms.example.org/other"}}
    assert lrs.post(statement(), other).status_code == 409
    assert lrs.put(known["id"], other).status_code == 409
    assert len(lrs.ids()) == 1


def test_ids_compare_without_case_and_leave_as_they_came(lrs: Reader) -> None:
    statement_id = "AB5F1D0E-6C1A-4A51-9F7E-0B6A2F6F3C18"
    lrs.post(statement(id=statement_id))
    assert lrs.post(statement(id=statement_id.lower())).status_code == 200
    assert lrs.ids() == [statement_id]
    assert lrs.get(statementId=statement_id.lower()).json()["id"] == statement_id


def test_a_single_context_activity_is_returned_as_a_list(lrs: Reader) -> None:
    lrs.post(statement(context={"contextActivities": {"parent": {"id": COURSE}}}))
    assert lrs.get().json()["statements"][0]["context"]["contextActivities"] == {"parent": [{"id": COURSE}]}


ACTOR = statement()["actor"]
WRONG: dict[str, Any] = {
    "not an object": "a statement",
    "unknown property": statement(colour="blue"),
    "no actor": {"verb": {"id": VERB}, "object": {"id": COURSE}},
    "two identifiers": statement(actor=ACTOR | {"mbox": "mailto:a@example.org"}),
    "no identifier": statement(actor={"name": "Ana"}),
    "mailbox without mailto": statement(actor={"mbox": "a@example.org"}),
    "empty group": statement(actor={"objectType": "Group"}),
    "account without a home page": statement(actor={"account": {"name": "3"}}),
    "numeric account name": statement(actor={"account": {"homePage": "https://lms.example.org", "name": 3}}),
    "verb is no IRI": statement(verb={"id": "completed"}),
    "display is no language map": statement(verb={"id": VERB, "display": "completed"}),
    "object is no IRI": statement(object={"id": "course 57"}),
    "unknown object type": statement(object={"objectType": "Course", "id": COURSE}),
    "bad UUID": statement(id="12345"),
    "naive time": statement(timestamp="2026-03-05T10:00:00"),
    "date only": statement(timestamp="2026-03-05"),
    "unreal time": statement(timestamp="2026-02-30T10:00:00Z"),
    "null": statement(result=None),
    "null deep down": statement(result={"score": {"raw": None}}),
    "score as text": statement(result={"score": {"scaled": "0.85"}}),
    "scaled above one": statement(result={"score": {"scaled": 1.5}}),
    "raw above max": statement(result={"score": {"raw": 11, "max": 10}}),
    "success as text": statement(result={"success": "true"}),
    "duration": statement(result={"duration": "1:23:04"}),
    "registration": statement(context={"registration": "one"}),
    "extension key": statement(context={"extensions": {"info": 1}}),
    "platform without an activity": statement(object=ACTOR | {"objectType": "Agent"}, context={"platform": "x"}),
    "voiding without a reference": statement(verb={"id": "http://adlnet.gov/expapi/verbs/voided"}),
    "version 2": statement(version="2.0.0"),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_a_wrong_statement_is_400_and_takes_its_batch_along(lrs: Reader, wrong: Any) -> None:
    assert lrs.post(statement(), wrong).status_code == 400
    assert lrs.ids() == []


@pytest.mark.parametrize("body", [b"<html>", b'[{"a": NaN}]', b'{"actor": {"name": "\\ud800"}}', b""])
def test_what_is_not_json_is_400(lrs: Reader, body: bytes) -> None:
    assert lrs.post(body=body or b" ").status_code == 400


def test_one_id_twice_in_a_batch_is_400(lrs: Reader) -> None:
    one = statement(id=str(uuid.uuid4()))
    assert lrs.post(one, one).status_code == 400


@pytest.mark.parametrize("stamp", ["2026-03-05T10:00:00+08", "20260305T100000Z", "2026-03-05T10:00:00.123456789+01:00"])
def test_any_iso_time_with_a_zone_is_taken_and_kept_as_sent(lrs: Reader, stamp: str) -> None:
    assert lrs.post(statement(timestamp=stamp)).status_code == 200
    assert lrs.get().json()["statements"][0]["timestamp"] == stamp


# -- reading


def test_since_is_exclusive_and_until_inclusive_on_stored(lrs: Reader) -> None:
    ids = lrs.post(*[statement(timestamp="2020-01-01T00:00:00Z") for _ in range(4)]).json()
    stored = lrs.stored()
    assert lrs.ids(ascending="true", since=stored[1]) == ids[2:]
    assert lrs.ids(ascending="true", until=stored[1]) == ids[:2]
    assert lrs.ids(ascending="true", since=stored[0], until=stored[2]) == ids[1:3]


def test_the_default_is_newest_first(lrs: Reader) -> None:
    ids = lrs.post(statement(), statement(), statement()).json()
    assert lrs.ids() == ids[::-1]
    assert lrs.ids(ascending="true") == ids


@pytest.mark.parametrize("ascending", ["true", "false"])
@pytest.mark.parametrize("limit", [1, 3, 4, 12, 0])
def test_more_leads_through_everything_once_and_ends_empty(lrs: Reader, limit: int, ascending: str) -> None:
    ids = lrs.post(*[statement() for _ in range(12)]).json()
    response, read = lrs.get(limit=limit, ascending=ascending), []
    while True:
        read += [one["id"] for one in response.json()["statements"]]
        if response.json()["more"] == "":
            break
        assert response.json()["more"].startswith("/xapi/statements/more/")
        response = lrs.follow(response)
    assert read == (ids if ascending == "true" else ids[::-1])


def test_the_server_cuts_pages_at_its_own_maximum(lrs: Reader) -> None:
    lrs.post(*[statement() for _ in range(51)])
    response = lrs.get(limit=500)
    assert len(response.json()["statements"]) == 50
    assert response.json()["more"]


def test_nothing_found_is_an_empty_page(lrs: Reader) -> None:
    assert lrs.get(since="2030-01-01T00:00:00Z").json() == {"statements": [], "more": ""}


FILTERS = {
    "verb": (statement(verb={"id": "http://adlnet.gov/expapi/verbs/passed"}), {"verb": "http://adlnet.gov/expapi/verbs/passed"}),
    "activity": (statement(object={"id": "urn:other"}), {"activity": "urn:other"}),
    "agent": (
        statement(actor={"mbox": "mailto:a@example.org"}),
        {"agent": '{"objectType": "Agent", "name": "x", "mbox": "mailto:a@example.org"}'},
    ),
    "registration": (
        statement(context={"registration": "5b1f7d0e-6c1a-4a51-9f7e-0b6a2f6f3c18"}),
        {"registration": "5B1F7D0E-6C1A-4A51-9F7E-0B6A2F6F3C18"},
    ),
    "related activities": (
        statement(context={"contextActivities": {"grouping": [{"id": "urn:whole"}]}}),
        {"activity": "urn:whole", "related_activities": "true"},
    ),
    "related agents": (
        statement(context={"instructor": {"mbox": "mailto:teacher@example.org"}}),
        {"agent": '{"mbox": "mailto:teacher@example.org"}', "related_agents": "true"},
    ),
    "member of a group": (
        statement(actor={"objectType": "Group", "member": [{"mbox": "mailto:b@example.org"}]}),
        {"agent": '{"mbox": "mailto:b@example.org"}'},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FILTERS)
def test_filters_find_what_they_mean_and_nothing_else(lrs: Reader, name: str) -> None:
    wanted, params = FILTERS[name]
    [_, expected] = lrs.post(statement(), wanted).json()
    assert lrs.ids(**params) == [expected]


def test_a_reference_to_a_matching_statement_matches_too(lrs: Reader) -> None:
    passed = statement(id=str(uuid.uuid4()), verb={"id": "http://adlnet.gov/expapi/verbs/passed"})
    lrs.post(passed, statement())
    [comment] = lrs.post(statement(object={"objectType": "StatementRef", "id": passed["id"]})).json()
    assert lrs.ids(verb="http://adlnet.gov/expapi/verbs/passed", ascending="true") == [passed["id"], comment]


@pytest.mark.parametrize(
    "params",
    [
        {"colour": "blue"},
        {"since": "2026-03-05T10:00:00"},
        {"since": "yesterday"},
        {"limit": "-1"},
        {"limit": "ten"},
        {"ascending": "True"},
        {"agent": "ana"},
        {"format": "pretty"},
        {"statementId": "12345"},
        {"statementId": SOMEBODY, "limit": "1"},
        {"statementId": SOMEBODY, "voidedStatementId": SOMEBODY},
    ],
    ids=str,
)
def test_a_wrong_question_is_400(lrs: Reader, params: dict[str, str]) -> None:
    assert lrs.get(**params).status_code == 400


def test_an_unknown_statement_is_404_and_so_is_an_unknown_more(lrs: Reader) -> None:
    assert lrs.get(statementId=str(uuid.uuid4())).status_code == 404
    assert lrs.http.get(f"{lrs.sandbox.lrs_url}/statements/more/unknown").status_code == 404
    assert lrs.http.get(f"{lrs.sandbox.lrs_url}/agents/profile").status_code == 404


# -- voiding


def test_a_voided_statement_is_gone_but_by_its_own_door(lrs: Reader) -> None:
    [statement_id, other] = lrs.post(statement(), statement()).json()
    [voiding] = lrs.post(void(statement_id)).json()
    assert lrs.ids(ascending="true") == [other, voiding]
    assert lrs.get(statementId=statement_id).status_code == 404
    assert lrs.get(voidedStatementId=statement_id).json()["id"] == statement_id
    assert lrs.get(voidedStatementId=other).status_code == 404


def test_the_voiding_statement_answers_for_its_target(lrs: Reader) -> None:
    """A filter that meant the target still finds the voiding statement: so a reader with a filter learns of it."""
    passed = statement(id=str(uuid.uuid4()), verb={"id": "http://adlnet.gov/expapi/verbs/passed"})
    lrs.post(passed)
    [voiding] = lrs.post(void(passed["id"])).json()
    assert lrs.ids(verb="http://adlnet.gov/expapi/verbs/passed") == [voiding]


def test_voiding_may_come_first_and_cannot_itself_be_voided(lrs: Reader) -> None:
    early = statement(id=str(uuid.uuid4()))
    [voiding] = lrs.post(void(early["id"])).json()
    lrs.post(early)
    [again] = lrs.post(void(voiding)).json()
    assert lrs.ids(ascending="true") == [voiding, again]


# -- what a lax LRS would hold


PLANTED = [
    b"7",
    b'{"verb": {"id": "x"}, "object": 5}',
    b'{"id": "not-a-uuid", "timestamp": "yesterday"}',
    b'{"id": "\\ud800"}',
    b'{"score": NaN}',
]


@pytest.mark.parametrize("raw", PLANTED)
def test_planted_bytes_leave_as_they_came_and_stop_nothing(lrs: Reader, raw: bytes) -> None:
    lrs.post(statement())
    lrs.sandbox.lrs.plant(raw)
    lrs.post(statement())
    response = lrs.get(ascending="true")
    assert b"," + raw + b"," in response.content
    assert lrs.get(verb=VERB, ascending="true").status_code == 200
