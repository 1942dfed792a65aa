"""What an xAPI sender is answered, over real HTTP: the rules of 1.0.3 that a forwarding LRS or a plugin relies on."""

from __future__ import annotations

import base64
import gzip
import json
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from functools import partial

import httpx
import orjson
import pytest

from connector.collection.inlet import refusals
from connector.collection.inlet.app import Limits
from connector.store.session import Store
from tests.conftest import TRUST
from tests.inlet.door import PASSWORD, SMALL, USER, VERSION, Door, opened, plugin
from tests.lrs.samples import moodle

ID = "11111111-2222-4333-8444-555555555555"


@pytest.fixture
def small(store: Store) -> Iterator[Door]:
    with opened(store, SMALL) as door:
        yield door


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


def test_a_batch_is_answered_with_its_ids_in_their_order(door: Door) -> None:
    sent = [plugin(1), moodle(2, id=ID), plugin(3)]
    answer = door.post(sent)
    assert answer.status_code == 200
    assert answer.json() == [row.statement_id for row in door.rows()]
    assert answer.json()[1] == ID
    assert answer.headers["X-Experience-API-Version"] == "1.0.3"


def test_one_statement_is_answered_with_one_id(door: Door) -> None:
    assert door.post(moodle(1, id=ID)).json() == [ID]


def test_the_empty_batch_of_every_cron_run_is_a_success(door: Door) -> None:
    answer = door.post(b"[]")
    assert (answer.status_code, answer.content) == (200, b"[]")
    assert door.rows() == []


def test_a_put_is_answered_without_a_body(door: Door) -> None:
    answer = door.put(ID.upper(), plugin(1))
    assert (answer.status_code, answer.content) == (204, b"")
    assert [row.statement_id for row in door.rows()] == [ID]


def test_an_lrs_adds_what_it_must_and_leaves_the_rest_byte_for_byte(door: Door) -> None:
    posted = orjson.dumps(plugin(1, result={"score": {"raw": 90.50}})).replace(b"90.5", b"90.50")
    (given,) = door.post(posted).json()
    answer = door.get(given)
    kept = answer.json()
    assert answer.status_code == 200
    assert answer.content.startswith(posted[:-1])
    assert kept["id"] == given
    assert kept["version"] == "1.0.0"
    assert kept["authority"]["account"]["name"] == USER
    assert kept["stored"] > kept["timestamp"] == "2026-03-01T09:30:00.000Z"
    assert {"X-Experience-API-Consistent-Through", "Last-Modified"} < set(map(_title, answer.headers))


def _title(name: str) -> str:
    return {"x-experience-api-consistent-through": "X-Experience-API-Consistent-Through"}.get(name, name.title())


def test_a_missing_timestamp_is_the_moment_of_storing(door: Door) -> None:
    (given,) = door.post({k: v for k, v in plugin(1).items() if k != "timestamp"}).json()
    kept = door.get(given).json()
    assert kept["timestamp"] == kept["stored"]
    assert door.rows()[0].content_key == ""


def test_what_a_forwarding_lrs_says_of_itself_is_replaced(door: Door) -> None:
    door.post(moodle(1, id=ID, version="1.0.2"))
    kept = door.get(ID).json()
    assert kept["stored"] > "2026-03-02"
    assert kept["authority"]["account"]["name"] == USER
    assert kept["version"] == "1.0.2"


@pytest.mark.parametrize("version", ["1.0", "1.0.0", "1.0.3", "1.0.9", "2.0.0"])
def test_each_version_is_taken_and_named_back(door: Door, version: str) -> None:
    answer = door.post(plugin(1), X_Experience_API_Version=version)
    assert (answer.status_code, answer.headers["X-Experience-API-Version"]) == (200, version)
    kept = orjson.loads(door.rows()[0].raw or b"")
    assert kept["version"] == ("2.0.0" if version == "2.0.0" else "1.0.0")


@pytest.mark.parametrize("version", ["", "0.95", "1.1.0", "1.0.3x", "3.0.0"])
def test_other_versions_and_none_are_refused(door: Door, version: str) -> None:
    assert code(door.post(plugin(1), X_Experience_API_Version=version)) == (400, "inlet.version")
    assert door.rows() == []


def test_about_names_the_versions_to_anybody(door: Door) -> None:
    answer = httpx.get(f"http://127.0.0.1:{door.port}/xapi/about", verify=TRUST, trust_env=False)
    assert answer.status_code == 200
    assert {"1.0.3", "2.0.0"} < set(answer.json()["version"])


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_all_wrong_logins_look_alike(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = [_basic("nobody", PASSWORD), _basic(USER, "wrong"), _basic(USER + ":", "")]
    with opened(store) as door:
        for authorization in ["", "Basic", "Basic !!!", "Bearer x", *wrong]:
            plain = httpx.Client(headers={"Authorization": authorization, **VERSION}, verify=TRUST, trust_env=False)
            url = f"http://127.0.0.1:{door.port}/xapi/statements"
            with plain as http:
                answers = [http.post(url, json=plugin(1)), http.get(url, params={"statementId": ID})]
            for answer in answers:
                assert code(answer) == (401, "inlet.login")
                assert answer.headers["WWW-Authenticate"].startswith("Basic ")
                assert answer.json()["message"] == "no sender has this user and password"
    said = "".join(capsys.readouterr())
    assert said.count("inlet.refused") == 1
    assert PASSWORD not in said


def test_a_wrong_login_is_counted_each_time_and_said_again_after_an_hour(
    door: Door, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "FORGET", 0.0)
    counted = partial(_number, door, 'pars_inlet_refused_total{code="inlet.login",source=""}')
    before = counted()
    door.http.auth = httpx.BasicAuth(USER, "wrong")
    assert [door.post(b"[]").status_code for _ in "ab"] == [401, 401]
    assert "".join(capsys.readouterr()).count("inlet.refused") == 2
    assert counted() - before == 2


@pytest.mark.parametrize("page", ["metrics", "readyz"])
def test_what_only_operators_need_is_shown_to_nobody_else(door: Door, page: str) -> None:
    """A proxy on this machine says for whom it asks."""
    far = {"X-Forwarded-For": "203.0.113.9"}
    assert door.http.get(f"/{page}", headers=far).status_code == 200
    door.http.auth = None
    assert door.http.get(f"/{page}").status_code == 200
    refused = door.http.get(f"/{page}", headers=far)
    assert code(refused) == (401, "inlet.login")
    assert refused.headers["WWW-Authenticate"].startswith("Basic ")
    assert door.http.get("/livez", headers=far).status_code == 200


def test_the_user_chooses_the_source(door: Door) -> None:
    door.post(moodle(1, id=ID))
    door.http.auth = httpx.BasicAuth("locker", PASSWORD)
    assert door.get(ID).status_code == 404
    door.post(moodle(1, id=ID))
    assert [row.source_id for row in door.rows()] == ["moodle", "forwarded"]


def test_a_statement_that_is_not_there_or_was_voided_is_404(door: Door) -> None:
    assert code(door.get(ID)) == (404, "inlet.not_found")
    door.post(moodle(1, id=ID))
    voided = {"objectType": "StatementRef", "id": ID}
    door.post(plugin(2, verb={"id": "http://adlnet.gov/expapi/verbs/voided"}, object=voided))
    assert door.get(ID).status_code == 404


@pytest.mark.parametrize("query", [{}, {"limit": "1"}, {"statementId": "42"}])
def test_this_is_no_lrs_to_be_polled(door: Door, query: dict[str, str]) -> None:
    assert code(door.http.get("/xapi/statements", params=query)) == (400, "inlet.statement_id")


def test_other_methods_and_places_are_refused(door: Door) -> None:
    assert door.http.delete("/xapi/statements").status_code == 405
    assert door.http.post("/xapi/activities/state", json={}).status_code == 404


def test_the_same_id_with_other_content_is_a_conflict_and_changes_nothing(door: Door) -> None:
    door.post(moodle(1, id=ID))
    before = door.get(ID).content
    assert code(door.post(moodle(1, id=ID, result={"success": False}))) == (409, "inlet.conflict")
    assert code(door.put(ID, plugin(2))) == (409, "inlet.conflict")
    assert door.get(ID).content == before
    assert door.put(ID, plugin(1)).status_code == 204


def test_a_conflict_costs_the_rest_of_its_batch_nothing(door: Door) -> None:
    door.post(moodle(1, id=ID))
    answer = door.post([plugin(2), moodle(3, id=ID), plugin(4)])
    assert answer.status_code == 409
    assert len(door.rows()) == 3


def test_one_id_twice_in_a_batch(door: Door) -> None:
    assert door.post([moodle(1, id=ID), moodle(1, id=ID)]).json() == [ID, ID]
    assert door.post([moodle(2), moodle(2, result={"success": False})]).status_code == 409
    assert len(door.rows()) == 2


NO_STATEMENTS = [b"", b"null", b'"x"', b"17", b"{", b"[1,", b"[{}]x", b"{}{}", b"{},{}", b"{}]x", b"nonsense", b"\xff"]


@pytest.mark.parametrize("body", NO_STATEMENTS)
def test_only_what_is_no_object_and_no_array_is_refused(door: Door, body: bytes) -> None:
    assert code(door.post(body)) == (400, "inlet.not_json")
    assert door.rows() == []


def test_a_put_of_a_batch_or_of_another_id_is_refused(door: Door) -> None:
    assert door.put(ID, [plugin(1)]).status_code == 400
    assert code(door.put(ID, moodle(1))) == (400, "inlet.statement_id")
    assert code(door.put("42", plugin(1))) == (400, "inlet.statement_id")


def test_a_packed_body_is_refused(door: Door) -> None:
    assert code(door.post(gzip.compress(b"[]"), Content_Encoding="gzip")) == (415, "inlet.encoding")


def _multipart(document: bytes, line: bytes = b"\r\n") -> bytes:
    lines = [b"a preamble", b"--b0b", b"Content-Type: application/json", b"", document, b"--b0b"]
    lines += [b"Content-Type: text/plain", b"X-Experience-API-Hash: 0", b"", b"\x00\xff binary --b0b", b"--b0b--", b""]
    return line.join(lines)


@pytest.mark.parametrize("line", [b"\r\n", b"\n"])
@pytest.mark.parametrize("kind", ["multipart/mixed; boundary=b0b", 'Multipart/Mixed; charset=UTF-8; boundary="b0b"'])
def test_the_statements_of_a_multipart_body_are_taken(door: Door, line: bytes, kind: str) -> None:
    document = orjson.dumps([plugin(1), plugin(2)])
    assert len(door.post(_multipart(document, line), Content_Type=kind).json()) == 2


@pytest.mark.parametrize("kind", ["multipart/mixed", "multipart/mixed; boundary=other"])
def test_a_multipart_body_without_a_whole_part_is_refused(door: Door, kind: str) -> None:
    assert code(door.post(_multipart(b"[]"), Content_Type=kind)) == (400, "inlet.multipart")
    cut = _multipart(orjson.dumps(plugin(1)))[:200]
    assert code(door.post(cut, Content_Type="multipart/mixed; boundary=b0b")) == (400, "inlet.multipart")


def _stream(count: int) -> Iterator[bytes]:
    yield b"["
    for _ in range(count):
        yield b" " * 1000
    yield b"]"


def test_a_large_body_is_refused_whether_its_length_is_told_or_not(small: Door) -> None:
    assert code(small.post(b"[" + b" " * 200_000 + b"]")) == (413, "inlet.too_large")
    chunked = small.http.post("/xapi/statements", content=_stream(300))
    assert code(chunked) == (413, "inlet.too_large")
    assert small.http.post("/xapi/statements", content=_stream(100)).json() == []
    assert code(small.post([1] * 21)) == (413, "inlet.too_large")


def _drip(door: Door, body: bytes, length: int) -> socket.socket:
    """A request whose body does not come to its end."""
    connection = socket.create_connection(("127.0.0.1", door.port))
    head = f"POST /xapi/statements HTTP/1.1\r\nHost: x\r\nAuthorization: {_basic(USER, PASSWORD)}\r\n"
    head += f"X-Experience-API-Version: 1.0.3\r\nContent-Length: {length}\r\n\r\n"
    connection.sendall(head.encode() + body)
    return connection


def test_a_slow_body_ends_and_holds_up_only_itself(small: Door) -> None:
    with _drip(small, b"[", 50) as slow:
        assert small.http.get("/livez").status_code == 200
        assert b" 408 " in slow.recv(1000)
    assert small.post(b"[]").status_code == 200


def test_bodies_beyond_those_at_once_are_told_to_come_again(small: Door) -> None:
    with _drip(small, b"[", 50) as slow:
        end = time.monotonic() + 5
        answer = small.post(b"[]")
        while answer.status_code != 503 and time.monotonic() < end:
            answer = small.post(b"[]")
        assert code(answer) == (503, "inlet.crowded")
        assert int(answer.headers["Retry-After"]) > 0
        assert b" 408 " in slow.recv(1000)


def test_one_sender_does_not_shut_out_the_others(store: Store) -> None:
    with opened(store, Limits(at_once=2, body_seconds=5)) as door, _drip(door, b"[", 50):
        end = time.monotonic() + 5
        while (answer := door.post(b"[]")).status_code != 503 and time.monotonic() < end:
            pass
        assert code(answer) == (503, "inlet.crowded")
        door.http.auth = httpx.BasicAuth("locker", PASSWORD)
        assert door.post(b"[]").status_code == 200


def test_a_sender_that_hangs_up_leaves_nothing(door: Door) -> None:
    _drip(door, json.dumps([plugin(1)]).encode()[:-1], 100_000).close()
    assert door.post(b"[]").status_code == 200
    assert door.rows() == []


def test_senders_at_once_are_all_kept(any_door: Door) -> None:
    answers: list[int] = []

    def send(first: int) -> None:
        answers.append(any_door.post([plugin(first + number) for number in range(5)]).status_code)

    threads = [threading.Thread(target=send, args=(first,)) for first in (1, 1, 11, 21, 31, 31)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert answers == [200] * 6
    assert len(any_door.rows()) == 20


def test_ids_of_ours_are_uuids(door: Door) -> None:
    for given in door.post([plugin(1), {"actor": 1}, 17]).json():
        assert str(uuid.UUID(given)) == given


def _number(door: Door, metric: str) -> float:
    lines = door.http.get("/metrics").text.splitlines()
    return sum(float(line.removeprefix(metric)) for line in lines if line.startswith(metric + " "))


def test_metrics_count_what_was_stored(door: Door) -> None:
    count = partial(_number, door, 'pars_statements_read_total{source="moodle"}')
    before = count()
    door.post([plugin(1), plugin(2), plugin(2)])
    assert count() - before == 2
