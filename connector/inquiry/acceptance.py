"""ACCME's invented learners on its test site, each through match, save, status, delete. Moves no credit of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from sqlmodel import col

from connector import activities, channels
from connector.config import Config, ProviderConfig
from connector.errors import ConfigError, ConnectorError, InDoubt, NeedsOperator
from connector.inquiry.acceptance_learners import as_learner, credit_of, mine, names_of, only_test
from connector.inquiry.contract import secrets
from connector.pars.client import ParsClient
from connector.pars.exchange import CannotSend
from connector.pars.recording import Recorder
from connector.pars.sent_under import choose_identifier
from connector.records import Frozen, Learner, LearnerRecord, Verdict
from connector.store.session import Store
from connector.store.tables import ActivityRow, Channel, TestLearner

Step = Literal["clean", "match", "save", "status", "delete", "gone"]


class Round(Frozen):
    """How one test learner fared; `step` is where it ended, empty where nothing went wrong."""

    number: int
    step: Step | Literal[""] = ""
    code: str = ""
    message: str = ""


class _Wrong(Exception):
    """PARS answered, and not as it should."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def run(
    store: Store,
    config: Config,
    provider: ProviderConfig,
    wanted: str,
    tell: Callable[[str], None],
    record: Path | None = None,
) -> Iterator[Round]:
    """Each test learner once, one request in flight. What a run before left at PARS is taken away first.

    Raises where PARS cannot be reached, or nothing can be reported.
    """
    only_test(provider)
    if provider.service is None:
        raise ConfigError("pars.not_supported", "files carry no question", "test learners are tried by a web service")
    activity = _activity(provider, wanted)
    with store.reading() as session:
        numbers = [row.id for row in session.exec(mine(provider).order_by(col(TestLearner.id)))]
    if not numbers:
        hint = "pars-connector learners import --test-learners FILE"
        raise ConfigError("config.no_test_learners", "no test learners were imported", hint)
    channel = channels.row_of(store, provider)
    recorder = Recorder(record / provider.id, secrets(provider)) if record else None
    with channels.open_client(config, provider, provider.service, recorder.keep if recorder else None) as client:
        for place, number in enumerate(numbers, start=1):
            tell(f"test learner {place} of {len(numbers)}")
            with store.reading() as session:
                row = session.get_one(TestLearner, number)
            if recorder:
                recorder.hide_names(names_of(row))
            yield _Try(store, provider, activity, client, channel, row).run()


@dataclass
class _Try:
    """One learner's round."""

    store: Store
    provider: ProviderConfig
    activity: ActivityRow
    client: ParsClient
    channel: Channel
    row: TestLearner
    step: Step = "clean"

    def run(self) -> Round:
        try:
            self._clean()
            self._once()
        except _Wrong as error:
            return self._ended(error.code, str(error))
        except (NeedsOperator, ConfigError):
            raise
        except ConnectorError as error:
            return self._ended(error.code, error.message)
        return Round(number=self.row.id)

    def _ended(self, code: str, message: str) -> Round:
        return Round(number=self.row.id, step=self.step, code=code, message=message)

    def _once(self) -> None:
        who = as_learner(self.row)
        today = datetime.now(ZoneInfo(self.provider.zone)).date()
        day = max(self.activity.start or today, min(self.activity.end or today, today))
        self._note(day, anew=True)  # before anything leaves: a number that was used is never used again
        self.step = "match"
        self._match(who)
        self.step = "save"
        verdict = self._save("add", day)
        if verdict is Verdict.UNREADABLE:
            raise _Wrong("pars.unreadable", "PARS names no outcome of the credit; the next run takes it away")
        if verdict not in (Verdict.TAKEN, Verdict.ACCEPTED):
            self._note(None)
            raise _Wrong("pars.refused", "PARS does not take the credit")
        self.step = "status"
        with self._line():
            if self.client.ask_credit(self._credit_id) is None:
                raise _Wrong("pars.not_there", "PARS took the credit, and does not show it")
        self._remove(day)

    def _remove(self, day: date) -> None:
        self.step = "delete"
        if self._save("delete", day) is not Verdict.DELETED:
            raise _Wrong("pars.refused", "PARS does not delete the credit: it is still there")
        self.step = "gone"
        with self._line():
            if self.client.ask_credit(self._credit_id) is not None:
                raise _Wrong("pars.still_there", "PARS deleted the credit, and still shows it")
        self._note(None)

    def _clean(self) -> None:
        """An earlier run may have been cut off between its save and its delete."""
        day = self.row.tried_on
        if day is None:
            return
        with self._line():
            held = self.client.ask_credit(self._credit_id)
        if held is None:
            self._note(None)
        else:
            self._remove(day)

    def _match(self, who: Learner) -> None:
        identifier = choose_identifier(credit_of(who), who, self.provider.identifier_order)
        if identifier is None:
            return
        try:
            with self._line():
                answer = self.client.match(who, identifier)
        except CannotSend:
            return  # the JSON service has no such question
        if answer.found != "yes":
            self._note(None)
            raise _Wrong(answer.code or "pars.unknown_status", f"PARS answers {answer.found} to the match")

    def _save(self, action: Literal["add", "delete"], day: date) -> Verdict:
        """A save without an answer is asked about, as everywhere."""
        payload = self.client.render([self._record(action, day)], datetime.now(UTC))
        try:
            with self._line():
                reply = self.client.send(payload)
            (outcome,) = self.client.read_save(reply, [self._credit_id], action)
        except InDoubt:
            with self._line():
                is_there = self.client.ask_credit(self._credit_id) is not None
            if is_there == (action == "delete"):
                raise
            return Verdict.TAKEN if action == "add" else Verdict.DELETED
        return outcome.verdict

    @contextmanager
    def _line(self) -> Iterator[None]:
        with channels.in_line(self.store, self.channel.id) as flows:
            if not flows:
                hint = "`pars-connector check --pars` says what stopped it"
                raise NeedsOperator("pars.stopped", "the channel to PARS is stopped", hint)
            yield

    def _record(self, action: Literal["add", "delete"], day: date) -> LearnerRecord:
        who = as_learner(self.row)
        credit = credit_of(who)
        identifier = choose_identifier(credit, who, self.provider.identifier_order)
        whole = credit.model_copy(update={"credit_id": self._credit_id, "identifier": identifier})
        return LearnerRecord(
            provider_id=self.provider.id,
            provider_name=self.provider.name,
            activity_id=self.activity.activity_id,
            activity_title=self.activity.title,
            completed_on=day,
            action=action,
            learner=who,
            credits=(whole,),
        )

    @property
    def _credit_id(self) -> str:
        return f"ccid:{self.provider.domain}:test-{self.row.id}-{self.row.serial}"

    def _note(self, day: date | None, *, anew: bool = False) -> None:
        with self.store.writing() as session:
            row = session.get_one(TestLearner, self.row.id)
            row.tried_on = day
            row.serial += anew
        with self.store.reading() as session:
            self.row = session.get_one(TestLearner, self.row.id)


def _activity(provider: ProviderConfig, wanted: str) -> ActivityRow:
    """The one that is wanted, else the first that takes learners today."""
    if provider.activities is None:
        if wanted:
            return ActivityRow(provider_id=provider.id, activity_id=wanted, title=wanted)
        raise ConfigError("config.no_activity", "no activity to report for", "--activity names one of the test site's")
    rows, today = activities.read(provider), datetime.now(ZoneInfo(provider.zone)).date()
    fitting = [row for row in rows if row.activity_id == wanted or not wanted]
    open_ = [row for row in fitting if wanted or (not row.rems_type and _is_open(row, today))]
    if not open_:
        raise ConfigError("config.no_activity", "no such activity in the sheet", "--activity names one that has begun")
    return open_[0]


def _is_open(row: ActivityRow, today: date) -> bool:
    return (row.start or today) <= today <= (row.end or today)
