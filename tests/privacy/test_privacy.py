"""Promise P6: planted values reach no log, stream, metric, error, event or answer, whatever goes wrong."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import stamina
from click.testing import CliRunner
from httpx._transports import default
from sqlmodel import select

from connector import activities, logs, pipeline
from connector import config as configuration
from connector.cli import main
from connector.errors import ConfigError, ConnectorError
from connector.inquiry import explain as stories
from connector.sandbox import server
from connector.sandbox.faults import FAULTS
from connector.sandbox.server import Sandbox
from connector.store.open import open_store
from connector.store.session import Store
from connector.store.tables import Channel, Credit, Event, LearnerRow, Run, Source, StatementRow
from connector.web import health
from tests.cli import rehearsal
from tests.privacy import planted

TRUST = ssl.create_default_context()
CHANGES = (
    (
        "sources: [{sheet: learners.csv}]",
        "sources: [{sheet: learners.csv}, {statement: {given_name: actor.name, npi: %s}}]",
    ),
    ("{settle: 2s, ask_every: 1s,", "{settle: 0s, ask_every: 0s, timeout: 1s,"),
    ("    every: 2s", "    timeout: 1s\n    every: 2s"),
)
LOOKS_AT_PEOPLE = """
  - name: looks-at-people
    when:
      - {path: verb.id, is: completed}
      - any:
          - {path: actor.name, is: nobody}
          - {path: actor.mbox, starts_with: "mailto:nobody"}
          - {path: 'context.extensions."https://lms.example.org/npi"', matches: "x.*"}
    activity: "203512347"
    completed_on: {path: timestamp}
    per: activity
    credits: [{type: cme, amount: 1.50}]
"""


@dataclass
class Scene:
    """A sandbox and a store full of planted learners."""

    sandbox: Sandbox
    path: Path
    store: Store
    people: list[planted.Person] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def arrives(self, number: int, *, listed: bool = True, most: int = 9, **at_pars: Any) -> planted.Person:
        """One more learner with his completions."""
        one = planted.person(number)
        self.sandbox.pars.learners.append(planted.known(one, **at_pars))
        if listed:
            self.people.append(one)
            (self.path.parent / "learners.csv").write_text(planted.learners_csv(self.people), encoding="utf-8")
        self.sandbox.post(planted.completions(one)[:most])
        return one

    def turn(self, stages: Iterable[str] = pipeline.STAGES) -> None:
        """Every stage once, or these; whatever had to wait is due."""
        with self.store.writing() as session:
            for row in (*session.exec(select(Source)), *session.exec(select(Channel))):
                row.circuit, row.failures, row.next_at = "closed", 0, None
                session.add(row)
            for credit in session.exec(select(Credit)):
                credit.next_at = None
                if credit.lease_until:
                    credit.lease_until = datetime.now(UTC) - timedelta(seconds=1)
                session.add(credit)
        pipeline.run(self.store, configuration.load(self.path), stages)

    def call(self, *arguments: str) -> str:
        done = CliRunner().invoke(main, ["--config", str(self.path), *arguments])
        return done.output

    def told(self) -> Iterator[tuple[str, str]]:
        """Everything that a person, a log or a monitor can get to see, by where it stands."""
        yield "metrics", health.exposition(self.store).decode()
        yield "readyz", str(health.readiness(self.store))
        with self.store.reading() as session:
            yield "event", "\n".join(str(row.model_dump()) for row in session.exec(select(Event)))
            yield "run", "\n".join(str(row.model_dump()) for row in session.exec(select(Run)))
            credits_ = session.exec(select(Credit.id)).all()
            learners = [f"learner:{one}" for one in session.exec(select(LearnerRow.id))]
            statements = session.exec(select(StatementRow.statement_id)).all()
        config = configuration.load(self.path)
        for what in (*_some(map(str, credits_)), *_some(learners), *_some(statements)):
            yield f"explain {what}", "\n".join(str(line) for line in stories.explain(self.store, config, what))
        yield "explain", self.call("explain", "1") + self.call("explain", "1", "--json")
        for command in (("records",), ("unmatched", "list"), ("check",)):
            yield " ".join(command), self.call(*command) + self.call(*command, "--json")
        yield "errors", "\n".join(self.errors)


def _some(what: Iterable[str]) -> list[str]:
    """All of a few; of many a dozen or two, spread over all."""
    listed = list(what)
    return listed[:: 1 + len(listed) // 16]


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setattr(server, "Credentials", lambda: planted.CREDENTIALS)
    monkeypatch.setattr(pipeline, "_failing", {})
    # loading the machine's certificates takes longer than all the rest of a turn, and loopback needs none
    monkeypatch.setattr(default, "create_ssl_context", lambda **_: TRUST)
    with Sandbox(load=False) as sandbox, stamina.set_testing(True, attempts=1):
        npi = f"'context.extensions.\"{planted.NPI_IN}\"'"
        changes = [(old, new % npi if "%s" in new else new) for old, new in CHANGES]
        path = rehearsal.lay_out(tmp_path / "place", sandbox, *changes)
        rules = path.parent / "mappings" / "rehearsal.yaml"
        rules.write_text(rules.read_text() + LOOKS_AT_PEOPLE)
        (path.parent / "learners.csv").write_text(planted.learners_csv([]))
        config = configuration.load(path)
        logs.set_up(style="json", level="debug")
        store = open_store(config)
        activities.load(config, store)
        opened = Scene(sandbox, path, store)
        _record_errors(monkeypatch, opened.errors)
        yield opened
        store.dispose()


def _record_errors(monkeypatch: pytest.MonkeyPatch, errors: list[str]) -> None:
    """The text of every ConnectorError that is made, whoever catches it."""
    shipped = ConnectorError.__init__

    def noted(self: ConnectorError, *arguments: Any, **named: Any) -> None:
        shipped(self, *arguments, **named)
        errors.append(f"{self!r} {ConnectorError.__str__(self)} {arguments} {named}")

    monkeypatch.setattr(ConnectorError, "__init__", noted)


def leaks(scene: Scene, capfd: pytest.CaptureFixture[str]) -> dict[str, list[str]]:
    """Where a planted value was seen."""
    out, err = capfd.readouterr()
    everywhere = [("stdout", out), ("stderr and log", err), *scene.told()]
    return {where: found for where, text in everywhere if (found := planted.seen_in(text))}


def states(scene: Scene) -> set[str]:
    with scene.store.reading() as session:
        return set(session.exec(select(Credit.state)))


def test_the_seen_are_seen() -> None:
    """The test would notice."""
    one = planted.person(7)
    values = (one.given, one.family.upper(), one.email, one.npi, one.states[0][1], one.boards[0][1])
    for value in (*values, "1904-12-30", "12/30", " 12-30", planted.CREDENTIALS.password):
        assert planted.seen_in(f"x {value} y"), value
    assert not planted.seen_in("2026-12-30 177 aa1770012345bb rehearsal")


def test_a_good_day(scene: Scene, capfd: pytest.CaptureFixture[str]) -> None:
    scene.arrives(1)
    scene.arrives(2, birth="11-11")
    scene.arrives(3, listed=False)
    scene.arrives(4, fate="rejects", words="not enrolled")
    for _ in range(3):
        scene.turn()
        scene.sandbox.pars.boards_answer()
    assert {"confirmed", "unmatched", "held", "refused", "rejected"} <= states(scene)
    assert leaks(scene, capfd) == {}


def test_every_fault_switch_in_turn(scene: Scene, capfd: pytest.CaptureFixture[str]) -> None:
    """At the LRS nothing but reading can meet it; at PARS a learner has arrived for whom something is sent."""
    met = planted.person(len(FAULTS) + 1)
    for number, (name, fault) in enumerate(FAULTS.items()):
        if fault.where in ("lrs", "socket"):
            scene.sandbox.post(planted.completions(met)[:1])
            scene.sandbox.switch(name, side="lrs", times=2)
            scene.turn(["collection"])
            scene.sandbox.switches.clear()
        if fault.where in ("pars", "socket"):
            scene.arrives(number + 1, most=1 + number % 5)
            scene.sandbox.switch(name, side="pars", times=2)
            scene.turn()
            scene.sandbox.switches.clear()
            scene.sandbox.pars.boards_answer()
    scene.turn()
    out, err = capfd.readouterr()
    assert {"source.stopped", "channel.stopped", "learner.unmatched"} & {*err.replace('"', " ").split()}
    assert planted.seen_in(out) == planted.seen_in(err) == []
    assert {"confirmed", "refused"} <= states(scene)
    assert leaks(scene, capfd) == {}


def test_json_service_under_faults(scene: Scene, capfd: pytest.CaptureFixture[str]) -> None:
    rehearsal.change(
        scene.path,
        ("channel: xml-service", "channel: json-service"),
        (scene.sandbox.pars_url, scene.sandbox.pars_json_url),
    )
    faults = (
        "error-500-stored",
        "wrong-password",
        "truncated",
        "html-200",
        "refuse",
        "already-exists",
        "missing-outcomes",
    )
    for number, fault in enumerate(faults):
        scene.arrives(number + 1)
        scene.sandbox.switch(fault, side="pars", times=2)
        scene.turn()
        scene.sandbox.switches.clear()
    scene.turn()
    assert leaks(scene, capfd) == {}


def test_broken_statements(scene: Scene, capfd: pytest.CaptureFixture[str]) -> None:
    for raw in planted.broken_statements(planted.person(1)):
        scene.sandbox.lrs.plant(raw, scene.sandbox.lrs.now())
    scene.turn()
    with scene.store.reading() as session:
        rows = session.exec(select(StatementRow)).all()
    assert sum(row.problem is not None for row in rows) >= 8
    assert leaks(scene, capfd) == {}


ONE = planted.person(1)
ROW = planted.learners_csv([ONE]).splitlines()[1]
SHEETS = {
    "no header": f"{ROW}\n",
    "an open quote": f'{",".join(planted.COLUMNS)}\n"{ROW}\n',
    "too many cells": f"{','.join(planted.COLUMNS)}\n{ROW},{ONE.given},{ONE.npi}\n",
    "not UTF-8": f"{','.join(planted.COLUMNS)}\n{ROW}\n".encode("latin-1"),
    "a value for a column": f"{','.join(planted.COLUMNS)},{ONE.given}\n{ROW}\n",
    "unreadable values": ",".join(planted.COLUMNS)
    + f"\nzqmail,zqmail@example.org,{ONE.account},{ONE.home_page},Zqgiven,,zqbirth,zqnpi,ZQ,Zq;zq,ZQ,zq;zq,"
    + "Zqprof,zqyes,zqat,Zq\n",
}


@pytest.mark.parametrize("sheet", SHEETS.values(), ids=SHEETS)
def test_broken_sheets(scene: Scene, capfd: pytest.CaptureFixture[str], sheet: str | bytes) -> None:
    scene.arrives(1)
    file = scene.path.parent / "learners.csv"
    file.write_bytes(sheet if isinstance(sheet, bytes) else sheet.encode())
    scene.turn()
    scene.turn()
    assert leaks(scene, capfd) == {}


def test_a_broken_rule(scene: Scene, capfd: pytest.CaptureFixture[str]) -> None:
    scene.arrives(1)
    scene.turn()
    rehearsal.change(
        scene.path.parent / "mappings" / "rehearsal.yaml", ("verb.id, is: satisfied", "verb.id, iz: satisfied")
    )
    scene.arrives(2)
    scene.turn()
    assert scene.call("lint")
    assert leaks(scene, capfd) == {}


BROKEN_CONFIG = (
    ("password: {file: pars.password}", "password: zqparssecret"),
    ("password: {file: lrs.password}", "password: {file: lrs.password, env: zqlrssecret}"),
    ("password: {file: lrs.password}", "passwort: zqlrssecret"),
    ("user: zqparsuser", "user: [zqparsuser, zqparssecret]"),
)


@pytest.mark.parametrize("broken", BROKEN_CONFIG)
def test_a_broken_configuration(scene: Scene, broken: tuple[str, str]) -> None:
    rehearsal.change(scene.path, broken)
    with pytest.raises(ConfigError):
        configuration.load(scene.path)
    assert planted.seen_in(scene.call("check") + "\n".join(scene.errors)) == []


def test_an_address_with_a_password_in_it_is_refused(scene: Scene) -> None:
    rehearsal.change(scene.path, ("http://127.0.0.1", "http://zqlrsuser:zqlrssecret@127.0.0.1"))
    with pytest.raises(ConfigError):
        configuration.load(scene.path)
    assert planted.seen_in(scene.call("check") + "\n".join(scene.errors)) == []


def test_a_proxy_with_a_password_in_its_address(
    scene: Scene, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.arrives(1)
    monkeypatch.setenv("LRS_PROXY", "http://zqlrsuser:zqlrssecret@127.0.0.1:9")
    rehearsal.change(scene.path, ("    registration:", "    proxy: {env: LRS_PROXY}\n    registration:"))
    scene.turn()
    assert leaks(scene, capfd) == {}


def explode(*_: Any, **__: Any) -> Any:
    one = planted.person(1)
    raise ValueError(f"{one.given} {one.family} {one.npi} 1904-12-30 {one.email}") from KeyError(one.states)


EXPLODING = (
    "connector.lrs.client.LrsClient.page",
    "connector.collection.save.page",
    "connector.mapping.outcomes.evaluate",
    "connector.learners.directory.fetch",
    "connector.learners.award.attach",
    "connector.submission.adds.assemble",
    "connector.pars.report_xml.render",
    "connector.pars.client.ParsClient.send",
    "connector.reconciliation.status.read",
    "connector.http.Http._send",
)


def failures(scene: Scene) -> list[str]:
    with scene.store.reading() as session:
        return [row.error for row in session.exec(select(Run)) if row.error]


def test_an_exception_with_values_in_its_text(
    scene: Scene, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, where in enumerate(EXPLODING):
        scene.arrives(number + 1, most=1 + number % 5)
        before = len(failures(scene))
        with monkeypatch.context() as patched:
            patched.setattr(where, explode)
            scene.turn()
            assert planted.seen_in(scene.call("once") + scene.call("check")) == []
        assert any("ValueError" in error for error in failures(scene)[before:]), where
        scene.turn()
        scene.sandbox.pars.boards_answer()
    assert leaks(scene, capfd) == {}


def test_a_stage_that_explodes(
    scene: Scene, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.arrives(1)
    for stage in pipeline.STAGES:
        before = len(failures(scene))
        with monkeypatch.context() as patched:
            patched.setitem(pipeline.STAGES, stage, explode)
            if stage == "collection":
                patched.setattr(pipeline.collection, "collect", explode)
            scene.turn()
        assert any("ValueError" in error for error in failures(scene)[before:]), stage
    assert leaks(scene, capfd) == {}
