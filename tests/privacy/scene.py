"""A sandbox and a store full of planted learners, and all that a person, a log or a monitor can get to see of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlmodel import SQLModel, col, select

from connector import config as configuration
from connector import pipeline
from connector.cli import main
from connector.config import Config
from connector.desk import cases
from connector.errors import ConnectorError
from connector.inquiry import explain as stories
from connector.sandbox.server import Sandbox
from connector.sandbox.world.people import LMS
from connector.store.session import Store
from connector.store.tables import (
    Award,
    Channel,
    Credit,
    Event,
    LearnerRow,
    Notice,
    Run,
    Source,
    StatementRow,
    Suggestion,
    Wish,
    WrittenBack,
)
from connector.web import health
from tests.privacy import planted

TO_READY = ("collection", "mapping", "learners", "activities", "validation")
SENDING = ("submission", "reconciliation")
TO_CONFIRMED = (*TO_READY, *SENDING)
FAR = timedelta(days=3)
LOAD = configuration.load


@dataclass
class Scene:
    """One rehearsal; tests look at it from as many sides as they can, as it is dear."""

    sandbox: Sandbox
    path: Path
    store: Store
    rows: list[dict[str, str]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    _config: tuple[str, Config] | None = None

    @property
    def folder(self) -> Path:
        return self.path.parent

    @property
    def config(self) -> Config:
        return self.load(self.path)

    def load(self, path: Path) -> Config:
        """Read again when the file has changed."""
        text = path.read_text(encoding="utf-8")
        if self._config is None or self._config[0] != text:
            self._config = (text, LOAD(path))
        return self._config[1]

    def arrives(
        self,
        number: int,
        *,
        listed: bool = True,
        first: int = 0,
        most: int = 9,
        consent: str = "yes",
        home_page: str = LMS,
        **at_pars: Any,
    ) -> planted.Person:
        """One more learner with his completions, or some of them."""
        one = planted.person(number, home_page=home_page)
        self.sandbox.pars.learners.append(planted.known(one, **at_pars))
        if listed:
            self.rows.append(planted.row(one, consent=consent))
            (self.folder / "learners.csv").write_text(planted.learners_csv(self.rows), encoding="utf-8")
        self.sandbox.post(planted.completions(one)[first : first + most])
        return one

    def due(self, only: Collection[planted.Person] | None = None) -> None:
        """Whatever had to wait is due, or only what is of these learners; no circuit is open."""
        now = datetime.now(UTC)
        names = None if only is None else [one.given for one in only]
        with self.store.writing() as session:
            for row in (*session.exec(select(Source)), *session.exec(select(Channel))):
                row.circuit, row.failures, row.next_at = "closed", 0, None
                session.add(row)
            whose = select(Credit, LearnerRow.given_name).join(Award, col(Award.id) == col(Credit.award_id))
            for credit, name in session.exec(whose.join(LearnerRow, col(LearnerRow.id) == col(Award.learner_id))):
                credit.next_at = None if names is None or name in names else now + FAR
                if credit.lease_until:
                    credit.lease_until = now - timedelta(seconds=1)
                session.add(credit)

    def turn(self, stages: Iterable[str] = pipeline.STAGES, only: Collection[planted.Person] | None = None) -> None:
        """Every stage once, or these, for all learners or for these."""
        self.due(only)
        pipeline.run(self.store, self.config, stages)

    def call(self, *arguments: str) -> str:
        done = CliRunner().invoke(main, ["--config", str(self.path), *arguments])
        return done.output

    def both(self, *arguments: str) -> str:
        """As a table and as JSON."""
        return self.call(*arguments) + self.call(*arguments, "--json")

    def all(self, table: type[SQLModel], what: Any = None) -> list[Any]:
        with self.store.reading() as session:
            return list(session.exec(select(table if what is None else what)))

    def open_cases(self) -> list[int]:
        with self.store.reading() as session:
            return [case.credit for case in cases.open_cases(session)]

    def told(self, stories: int = 5) -> Iterator[tuple[str, str]]:
        """What stands in tables that hold no value, in stories, metrics and lists, by where it stands."""
        yield "metrics", health.exposition(self.store).decode()
        yield "readyz", str(health.readiness(self.store))
        yield from self.kept()
        yield from self.stories(stories)
        for command in (("records",), ("unmatched", "list")):
            yield " ".join(command), self.call(*command)
        yield "errors", "\n".join(self.errors)

    def kept(self) -> Iterator[tuple[str, str]]:
        """Rows of the tables that are a record of what was done: for codes and numbers."""
        for table in (Event, Run, Notice, WrittenBack):
            yield table.__tablename__, "\n".join(str(row.model_dump()) for row in self.all(table))
        answered = [row for row in self.all(Wish) if row.done_at is not None]
        yield "answered wishes", "\n".join(str(row.model_dump()) for row in answered)
        named = [str((row.cause, row.answer, row.domain, row.identity)) for row in self.all(Suggestion)]
        yield "suggestions", "\n".join(named)

    def stories(self, most: int) -> Iterator[tuple[str, str]]:
        numbers = [str(one) for one in self.all(Credit, Credit.id)]
        learners = [f"learner:{one}" for one in self.all(LearnerRow, LearnerRow.id)]
        statements = self.all(StatementRow, StatementRow.statement_id)
        for what in (*_some(numbers, most), *_some(learners, most), *_some(statements, most)):
            yield f"explain {what}", "\n".join(str(line) for line in stories.explain(self.store, self.config, what))

    def commands(self) -> Iterator[tuple[str, str]]:
        """Every command that looks, as a table and as JSON lines, and whatever else `told` has."""
        yield from self.told(stories=12)
        yield from self.shown()
        for command in (("check",), ("explain", "1")):
            yield " ".join(command), self.both(*command)
        yield "learners check", self.call("learners", "check")
        for command in (("records",), ("records", "--learner", "1"), ("unmatched", "list")):
            yield " ".join(command), self.call(*command, "--json")

    def shown(self) -> Iterator[tuple[str, str]]:
        """A few cases and learners, without --values."""
        for number in _some(map(str, self.open_cases()), 5):
            yield f"unmatched show {number}", self.both("unmatched", "show", number)
        for number in _some(map(str, self.all(LearnerRow, LearnerRow.id)), 3):
            yield f"learners show {number}", self.both("learners", "show", number)


def _some(what: Iterable[str], most: int) -> list[str]:
    """All of a few; of many these, spread over all."""
    listed = list(what)
    return listed[:: 1 + len(listed) // most]


def leaks(scene: Scene, capfd: pytest.CaptureFixture[str], told: Iterable[tuple[str, str]] | None = None) -> Any:
    """Where a planted value was seen."""
    out, err = capfd.readouterr()
    everywhere = [("stdout", out), ("stderr and log", err), *(scene.told() if told is None else told)]
    return {where: found for where, text in everywhere if (found := planted.seen_in(text))}


def states(scene: Scene) -> set[str]:
    return set(scene.all(Credit, Credit.state))


def failures(scene: Scene) -> list[tuple[str, str]]:
    """Stage and exception of every run that failed."""
    return [(row.stage.partition(":")[0], row.error) for row in scene.all(Run) if row.error]


def record_errors(monkeypatch: pytest.MonkeyPatch, errors: list[str]) -> None:
    """The text of every ConnectorError that is made, whoever catches it."""
    shipped = ConnectorError.__init__

    def noted(self: ConnectorError, *arguments: Any, **named: Any) -> None:
        shipped(self, *arguments, **named)
        errors.append(f"{self!r} {ConnectorError.__str__(self)} {arguments} {named}")

    monkeypatch.setattr(ConnectorError, "__init__", noted)
