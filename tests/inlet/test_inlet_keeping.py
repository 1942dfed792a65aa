"""What the inlet keeps: everything, once, and on disk before it is acknowledged, whatever is posted and by whom."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import time_machine
from sqlmodel import select

from connector import pipeline
from connector.collection import stage
from connector.collection.inlet import deposit, received
from connector.collection.inlet.app import Limits
from connector.collection.inlet.received import RefusedError, Sender
from connector.config import InletConfig
from connector.lrs import slices
from connector.lrs.statement import MOST_BYTES, Read
from connector.sandbox.server import Sandbox
from connector.store.session import Store
from connector.store.tables import Source, StatementRow
from tests.conftest import TRUST
from tests.inlet.door import INLETS, PASSWORD, PASSWORD_IN, SMALL, VERSION, Door, opened, plugin, serving
from tests.learners.middle import Middle, configured, laid_out, statement
from tests.lrs.samples import moodle

MINUTE = timedelta(minutes=1)
NOW = datetime(2026, 3, 1, 9, 30, 0, tzinfo=UTC)
SENDER = Sender(InletConfig.model_validate(INLETS[0]), "1.0.3", NOW)


def complete(document: Any) -> Read:
    return received.complete(document if isinstance(document, bytes) else orjson.dumps(document), SENDER)


def test_a_batch_sent_again_after_a_lost_answer_doubles_nothing(door: Door) -> None:
    batch = orjson.dumps([plugin(number) for number in range(30)])
    first = door.post(batch).json()
    assert door.post(batch).json() == first
    assert door.post(orjson.dumps([plugin(3)])).json() == [first[3]]
    assert len(door.rows()) == 30


def test_what_another_run_sends_again_is_linked(door: Door) -> None:
    other = plugin(1)
    other["context"]["registration"] = "0de15ace-0000-5000-8000-000000000002"
    door.post([plugin(1)])
    door.post([other])
    first, second = door.rows()
    assert (first.duplicate_of, second.duplicate_of) == (None, first.id)


def test_a_fail_and_a_pass_in_one_second_are_two_facts(door: Door) -> None:
    door.post([plugin(1, result={"success": False}), plugin(1, result={"success": True})])
    assert [row.duplicate_of for row in door.rows()] == [None, None]


def test_equal_bytes_without_a_time_may_be_two_facts() -> None:
    timeless = {name: value for name, value in plugin(1).items() if name != "timestamp"}
    ids = {complete(timeless).statement.id for _ in range(2)}
    assert len(ids) == 2
    assert complete(plugin(1)) == complete(plugin(1))


def test_a_time_of_the_very_moment_it_is_stored_still_links() -> None:
    fresh = complete(plugin(1, timestamp="2026-03-01T09:30:00.000Z"))
    assert fresh.statement.stored != fresh.statement.timestamp
    assert fresh.content_key == complete(plugin(1, timestamp="2026-03-01T09:30:00.400Z")).content_key != ""


def test_a_time_that_the_lrs_before_us_filled_in_links_nothing() -> None:
    assert complete(moodle(1)).content_key
    assert complete(moodle(1, stored="2026-03-01T09:30:00Z")).content_key == ""


def test_nulls_are_missing_and_escaped_names_are_names() -> None:
    read = complete(plugin(1, id=None, stored=None))
    assert read.problem is None
    escaped = complete(orjson.dumps(moodle(1)).replace(b'"id":', b'"\\u0069d":', 1))
    assert escaped.statement.id == moodle(1)["id"]


DEEP = b'{"timestamp":"2026-03-01T09:30:00Z","object":' + b'{"a":' * 10_000 + b"1" + b"}" * 10_001
HOSTILE: dict[str, bytes] = {
    "lrs.not_json": b'{"actor":{"name":"\\ud800"},"id":"11111111-2222-4333-8444-555555555555"}',
    "nan": b'{"result":{"score":{"raw":NaN}}}',
    "huge": b'{"result":{"score":{"raw":1e400}}}',
    "nul": orjson.dumps(plugin(7, actor={"name": "a\x00b", "mbox": "mailto:a@example.org"})),
    "not utf-8": b'{"actor":"\xff\xfe"}',
    "lrs.too_deep": DEEP,
    "lrs.too_large": b'{"actor":{"name":"' + b"x" * 1_000_000 + b'"}}',
    "lrs.not_an_object": b'"a text"',
    "lrs.bad_id": orjson.dumps(moodle(8, id="course-42")),
    "lrs.no_actor": orjson.dumps(plugin(9, actor=None)),
    "lrs.bad_time": orjson.dumps(plugin(10, timestamp="yesterday")),
    "empty": b"{}",
}


def test_a_hostile_statement_spoils_only_itself(any_door: Door) -> None:
    body = b"[" + b",".join([orjson.dumps(plugin(1)), *HOSTILE.values(), orjson.dumps(plugin(2))]) + b"]"
    first = any_door.post(body)
    assert first.status_code == 200
    assert len(set(first.json())) == len(HOSTILE) + 2
    rows = {row.statement_id: row for row in any_door.rows()}
    kept = [rows[one] for one in first.json()]
    assert [row.problem is None for row in kept] == [True, *[False] * len(HOSTILE), True]
    for (name, raw), row in zip(HOSTILE.items(), kept[1:-1], strict=True):
        assert row.problem is not None
        assert row.problem["code"] == name or not name.startswith("lrs.")
        assert row.raw == raw or name in ("lrs.no_actor", "lrs.bad_time")
    assert any_door.post(body).json() == first.json()
    assert len(any_door.rows()) == len(HOSTILE) + 2


def test_nesting_and_number_alone_are_no_attack_on_the_server(door: Door) -> None:
    assert door.post(b"[" * 100_000 + b"]" * 100_000).status_code == 200
    assert door.post(b"[" * 100_000).status_code == 400
    assert door.post(DEEP).status_code == 200
    assert door.post(b"[" + b"11," * 1_000_000 + b"11]").status_code == 413
    assert door.http.get("/livez").status_code == 200


def test_what_is_no_value_is_not_taken_apart_first() -> None:
    body = b"{}," * 100_000 + b"{}"
    tracemalloc.start()
    try:
        with pytest.raises(RefusedError, match=r"inlet\.not_json"):
            received.statements(body, most=5000)
        assert tracemalloc.get_traced_memory()[1] < 3 * len(body)
    finally:
        tracemalloc.stop()


def test_brackets_that_no_batch_has_are_refused_before_they_are_walked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "elements", pytest.fail)
    with pytest.raises(RefusedError, match=r"inlet\.too_large"):
        received.statements(b'{"a":' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"}", most=5000)


def test_what_is_too_large_or_too_deep_to_be_read_is_kept_and_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "members", pytest.fail)
    for raw in (DEEP, b'{"a":"' + b"x" * MOST_BYTES + b'"}'):
        assert received.complete(raw, SENDER).statement.raw == raw
        assert received.said_id(raw) == ""


@contextmanager
def _posting(place: Middle) -> Iterator[Door]:
    """At the place's own time, which goes on: a server that waits needs a clock that does."""
    with time_machine.travel(place.clock, tick=True), serving(place.store, place.config) as door:
        yield door


@contextmanager
def _held(store: Store) -> Iterator[None]:
    """Somebody else writes, and does not come to an end."""
    with store.writing() as session:
        for row in session.exec(select(Source).with_for_update()):
            row.failures += 1
        session.flush()
        yield


def test_a_store_that_does_not_take_it_in_time_is_503_and_nothing_is_lost(any_store: Store) -> None:
    with opened(any_store, SMALL) as door:
        with _held(any_store):
            began = time.monotonic()
            answer = door.post([plugin(1)])
            assert (answer.status_code, answer.json()["code"]) == (503, "inlet.busy")
            assert int(answer.headers["Retry-After"]) > 0
            assert door.http.get("/livez").status_code == 200
            assert time.monotonic() - began < 4
        assert door.post([plugin(1)]).status_code == 200
        assert len(door.rows()) == 1


def test_the_next_writer_on_the_same_connection_waits_as_long_as_ever(store: Store) -> None:
    with store.writing(within=0.01) as session:
        assert session.connection().exec_driver_sql("PRAGMA busy_timeout").scalar_one() == 10
    with store.writing() as session:
        assert session.connection().exec_driver_sql("PRAGMA busy_timeout").scalar_one() == 30_000


def test_health_answers_while_the_store_is_waited_for(any_store: Store) -> None:
    with opened(any_store, Limits(store_seconds=30)) as door:
        answers: list[int] = []
        posting = [threading.Thread(target=lambda: answers.append(door.post([plugin(1)]).status_code)) for _ in "abcd"]
        with _held(any_store):
            for one in posting:
                one.start()
            url = f"http://127.0.0.1:{door.port}/livez"
            assert all(httpx.get(url, verify=TRUST, trust_env=False).status_code == 200 for _ in range(5))
            assert answers == []
        for one in posting:
            one.join()
        assert answers == [200] * 4
        assert len(door.rows()) == 1


def test_a_broken_store_is_503_without_a_trace(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    with opened(store) as door:
        with store.engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE statement RENAME TO gone")
        for _ in range(2):
            answer = door.post([plugin(1)])
            assert (answer.status_code, answer.json()["code"]) == (503, "inlet.busy")
    said = "".join(capsys.readouterr())
    assert said.count("inlet.refused") == 1
    assert "Traceback" not in said
    assert "Learner 1" not in said


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A store that takes nothing until the event is set."""
    going_on = threading.Event()

    def keep(*_args: object, **_named: object) -> int:
        return 0 if going_on.wait(20) else 1

    monkeypatch.setattr(deposit, "keep", keep)
    yield going_on
    going_on.set()


def _refusal(door: Door) -> str:
    answer = door.post([plugin(1)])
    return "" if answer.status_code == 200 else str(answer.json()["code"])


def test_a_body_has_its_place_until_it_is_out_of_memory(store: Store, stuck: threading.Event) -> None:
    """The sender was told to come again long before; the thread still holds what it sent."""
    with opened(store, SMALL) as door:
        assert [_refusal(door), _refusal(door)] == ["inlet.busy", "inlet.crowded"]
        stuck.set()
        end = time.monotonic() + 5
        while (last := _refusal(door)) and time.monotonic() < end:
            pass
        assert last == ""


def test_a_body_that_waits_for_its_turn_does_not_outlive_its_answer(store: Store, stuck: threading.Event) -> None:
    with opened(store, Limits(store_seconds=0.1, at_once=4, writers=1)) as door:
        assert [_refusal(door) for _ in range(4)] == ["inlet.busy"] * 4
        stuck.set()


SERVER = """
import sys
from connector.config import Config
from connector.store.session import Store
from connector.web.server import HealthServer
from tests.inlet.door import INLETS, PROVIDER
config = Config.model_validate({"providers": [PROVIDER], "sources": INLETS, "web": {"port": 0}})
server = HealthServer(Store(sys.argv[1]), config)
server.start()
print(server.port, flush=True)
sys.stdin.read()
"""


def test_what_was_acknowledged_outlives_a_kill(store: Store) -> None:
    url = store.url.render_as_string()
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, url],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PATH": "", "PYTHONPATH": ".", PASSWORD_IN: PASSWORD},
    ) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        with httpx.Client(auth=("moodle", PASSWORD.encode()), headers=VERSION, verify=TRUST, trust_env=False) as http:
            answer = http.post(f"http://127.0.0.1:{port}/xapi/statements", json=[plugin(1), plugin(2)])
        server.kill()
    with store.reading() as session:
        assert list(session.exec(select(StatementRow.statement_id).order_by(StatementRow.id))) == answer.json()


def test_a_source_that_was_polled_becomes_an_inlet_and_is_no_longer_stopped(any_store: Store) -> None:
    with any_store.writing() as session:
        session.add(Source(id="moodle", fingerprint="f", high_water=NOW, circuit="open", code="lrs.login", failures=3))
    deposit.open_sources(any_store, ["moodle", "forwarded"])
    with any_store.reading() as session:
        row = session.get_one(Source, "moodle")
        assert (row.fingerprint, row.high_water, row.circuit, row.code) == ("inlet", None, "closed", "")
        assert session.get_one(Source, "forwarded").fingerprint == "inlet"


def test_a_group_is_fanned_out_where_the_inlet_says_so(door: Door) -> None:
    members = [{"account": {"homePage": "https://x.example.org", "name": name}} for name in "ab"]
    door.http.auth = httpx.BasicAuth("locker", PASSWORD)
    door.post(plugin(1, actor={"objectType": "Group", "member": members}))
    (row,) = door.rows()
    assert row.problem is None
    assert len(row.members or []) == 2


# the same completion by two ways


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(load=False) as rehearsal:
        yield rehearsal


@pytest.fixture
def place(tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Middle]:
    """A provider whose Moodle is polled at its LRS and posts here as well."""
    monkeypatch.setenv("NOWHERE", sandbox.credentials.lrs_password)
    login = {"user": sandbox.credentials.lrs_user, "password": {"env": "NOWHERE"}}
    polled = {"name": "campus", "endpoint": sandbox.lrs_url, "login": login, "start_from": "everything"}
    laid = laid_out(tmp_path, sources=[polled, *INLETS], web={"port": 0})
    yield laid
    laid.store.dispose()


def _sent(**changes: Any) -> dict[str, Any]:
    return statement(1, stored=None, **changes)


def _by_inlet(place: Middle, sandbox: Sandbox) -> None:
    with _posting(place) as door:
        assert door.post([_sent(id=None)]).status_code == 200


def _by_poll(place: Middle, sandbox: Sandbox) -> None:
    with place.at():
        sandbox.post([_sent(id=None)])
    assert stage.run(place.store, place.config)["stored"] == 1


@pytest.mark.parametrize("ways", [(_by_inlet, _by_poll), (_by_poll, _by_inlet)])
@pytest.mark.parametrize("settled", [True, False])
def test_inlet_and_poll_of_one_moodle_double_nothing(
    place: Middle, sandbox: Sandbox, ways: tuple[Callable[[Middle, Sandbox], None], ...], *, settled: bool
) -> None:
    for way in ways:
        way(place, sandbox)
        if settled:
            place.run(later=MINUTE)
    place.run(later=MINUTE)
    with place.store.reading() as session:
        first, second = session.exec(select(StatementRow).order_by(StatementRow.id)).all()
    assert second.duplicate_of == first.id
    assert len(place.awards()) == 1
    assert place.states() == [("AMA PRA Category 1", "ready")]


def test_a_forwarding_lrs_that_is_polled_too_doubles_nothing(place: Middle, sandbox: Sandbox) -> None:
    """Learning Locker: one POST for each statement, ids kept, and again when our answer came late."""
    with place.at():
        sandbox.post([_sent(), statement(2, stored=None, timestamp=None)])
    with _posting(place) as door:
        door.http.auth = httpx.BasicAuth("locker", PASSWORD)
        for forwarded in (statement(1), statement(1), statement(2, timestamp="2026-03-10T15:04:06.000Z")):
            assert door.post(forwarded).json() == [forwarded["id"]]
    assert stage.run(place.store, place.config)["stored"] == 2
    place.run(later=MINUTE)
    with place.store.reading() as session:
        rows = session.exec(select(StatementRow).order_by(StatementRow.id)).all()
    assert [row.duplicate_of for row in rows] == [None, None, rows[0].id, rows[1].id]
    assert place.states() == [("AMA PRA Category 1", "ready")]


def _as_lrspipe(statements: list[dict[str, Any]]) -> bytes:
    """A batch as LRSPipe posts it for lrsql: multipart even without attachments."""
    head = b"--xapipe\r\nContent-Type:application/json\r\n\r\n"
    return head + orjson.dumps(statements) + b"\r\n--xapipe--"


def test_forwarders_keep_their_ids_and_may_come_again(any_store: Store) -> None:
    """LRSPipe batches in multipart; Veracity posts JSON. Both come again after a 503, with what was taken before."""
    kind = {"Content_Type": "multipart/mixed; boundary=xapipe"}
    with opened(any_store, SMALL) as door:
        assert door.post([moodle(1)]).json() == [moodle(1)["id"]]
        with _held(any_store):
            assert door.post(_as_lrspipe([moodle(1), moodle(2)]), **kind).status_code == 503
        both = [moodle(number)["id"] for number in (1, 2)]
        assert door.post(_as_lrspipe([moodle(1), moodle(2)]), **kind).json() == both
        assert door.post([moodle(1), moodle(2)]).json() == both
        assert [row.statement_id for row in door.rows()] == both


def test_a_daemon_that_ends_takes_nothing_more(store: Store) -> None:
    with opened(store) as door:
        store.stopping.set()
        assert door.post([plugin(1)]).status_code == 503
        assert door.post(b"[]").status_code == 503


def test_a_provider_without_any_lrs(tmp_path: Path) -> None:
    """Moodle alone posts, in a batch without ids; nothing is polled, and the whole path is taken."""
    config = configured(tmp_path, sources=INLETS, web={"port": 0})
    laid = laid_out(tmp_path, sources=INLETS, web={"port": 0})
    assert config.polled == ()
    with _posting(laid) as door:
        door.post([_sent(id=None), _sent(id=None, verb={"id": "http://adlnet.gov/expapi/verbs/attempted"})])
    assert pipeline.run(laid.store, laid.config, ["collection"]) == {"collection": {}}
    laid.run(later=MINUTE)
    assert laid.states() == [("AMA PRA Category 1", "ready")]
    laid.store.dispose()
