"""The whole story of a statement, a learner or a credit, from what was read to what happens next and when.

Reads any room, writes nothing, and shows no personal value of ours; PARS's own words stand as PARS said them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import orjson
from sqlmodel import Session, col, select

from connector.config import Config
from connector.desk.cases import stored_problems
from connector.errors import MappingError
from connector.inquiry import judged, succeeded, uncaught, waiting
from connector.inquiry.listing import counted, find_learner, is_number
from connector.inquiry.story import Line, because, moment
from connector.lrs import actors
from connector.mapping.cases.run import as_statement as as_statement_of
from connector.mapping.evaluate import evaluate
from connector.mapping.language.mailboxes import without_mailboxes
from connector.mapping.loader import from_texts, load
from connector.mapping.rule_files import defaults_of
from connector.records import Problem
from connector.store import elsewhere
from connector.store.session import Store
from connector.store.states import PARKED, State
from connector.store.tables import (
    Award,
    Credit,
    Event,
    EvidenceRow,
    LearnerKey,
    LearnerRow,
    MappingVersion,
    StatementRow,
    Submission,
    SubmissionCredit,
    Voided,
)
from connector.store.views import as_statement
from connector.validation import baseline

NEXT = {
    State.HELD: "the gates judge it again",
    State.READY: "it leaves with its record's next turn",
    State.SENDING: "PARS's answer, or the end of its lease",
    State.IN_DOUBT: "PARS is asked whether it holds the credit; nothing is sent before two negative answers",
    State.EXPORTED: "a receipt of the uploaded file",
    State.PENDING: "PARS is asked for the final word",
    State.CONFIRMED: "nothing: PARS holds it",
    State.REFUSED: "a person corrects what PARS names; a change of the learner or of the activity's row sends it again",
    State.REJECTED: "a person decides: withdraw and report again, or leave",
    State.UNMATCHED: "a person corrects the learner, here or at his source; it goes through the gates again by itself",
    State.WITHDRAWING: "the delete leaves with the next turn",
    State.WITHDRAWAL_IN_DOUBT: "PARS is asked whether it still holds the credit",
    State.WITHDRAWAL_REFUSED: "a person asks ACCME",
    State.WITHDRAWN: "nothing: PARS no longer holds it",
    State.CLOSED: "nothing, unless what closed it changes",
}


_UNSENT = (State.HELD, State.READY, State.REFUSED)
_AT_PARS = (State.PENDING, State.CONFIRMED, State.REJECTED, State.UNMATCHED)
_STORY_OF_A_STATEMENT = 2  # the depth at which credits stand in one
_MOST_STATEMENTS = 10
Told = tuple[datetime, str]


def explain(store: Store, config: Config, what: str) -> list[Line]:
    """The story of a statement's id, a credit's number or `ccid:`, `learner:<number>` or an actor key; empty when
    nothing is known of it."""
    with store.reading() as session:
        credit = _find_credit(session, what)
        if credit is not None:
            return list(_credit(session, config, credit, 0))
        learner = find_learner(session, what.removeprefix("learner:"))
        if learner is not None:
            return list(_learner(session, config, learner))
        return [line for row in _find_statements(session, what) for line in _statement(session, config, row)]


def explain_document(config: Config, document: Any) -> list[Line]:
    """How the rules on disk judge a statement that need not be stored anywhere: its conditions, and what comes out.

    Raises MappingError when the rules cannot be read.
    """
    rules = load(config.mappings, defaults_of(config))
    statement = as_statement_of(document)
    about = without_mailboxes(f"{statement.verb} {statement.object_id}")
    lines = [Line(depth=0, text=f"a statement by the rules in {config.mappings}: {about}")]
    lines += judged.by_rules(rules, statement, document, 1, strict=False)
    for one in evaluate(rules, statement, document):
        lines += judged.outcome(one.rule, one.outcome, 1)
    return lines


def credit_number(store: Store, what: str) -> int | None:
    """Of a credit that is named by its number or its `ccid:`."""
    with store.reading() as session:
        credit = _find_credit(session, what)
        return credit.id if credit else None


def _find_credit(session: Session, what: str) -> Credit | None:
    if is_number(what):
        return session.get(Credit, int(what))
    return session.exec(select(Credit).where(Credit.credit_id == what)).first()


def _find_statements(session: Session, what: str) -> list[StatementRow]:
    return list(session.exec(select(StatementRow).where(StatementRow.statement_id == what.lower())).all())


def _learner(session: Session, config: Config, row: LearnerRow) -> Iterator[Line]:
    keys = session.exec(select(LearnerKey).where(LearnerKey.learner_id == row.id)).all()
    known = "known to a learner source" if row.found else "known to no learner source"
    yield Line(
        depth=0,
        at=moment(row.fetched_at),
        text=f"learner {row.id}, {known}, {counted(len(keys), 'actor key', 'actor keys')}",
    )
    for field, origin in sorted(row.origins.items()):
        yield Line(depth=1, text=f"{field}: from {origin}")
    for award in session.exec(select(Award).where(Award.learner_id == row.id).order_by(col(Award.id))):
        for credit in session.exec(select(Credit).where(Credit.award_id == award.id).order_by(col(Credit.id))):
            yield from _credit(session, config, credit, 1)
    yield from uncaught.of_learner(session, config, keys)


def _statement(session: Session, config: Config, row: StatementRow) -> Iterator[Line]:
    yield Line(
        depth=0,
        at=moment(row.stored),
        text=f"statement {row.statement_id} from {row.source_id}: {row.verb} {without_mailboxes(row.object_id)}",
    )
    if row.duplicate_of is not None:
        first = session.get_one(StatementRow, row.duplicate_of)
        yield Line(
            depth=1, text=f"re-sent: the same fact as statement {first.statement_id}, and evidence of the same award"
        )
    if row.members:
        members = counted(len(row.members), "known member", "known members")
        yield Line(depth=1, text=f"said of a group: an outcome for each of its {members}")
    voided = session.exec(select(Voided).where(Voided.statement_id == row.statement_id).limit(1)).first()
    if voided is not None:
        yield Line(depth=1, at=moment(voided.at), text="voided by a later statement")
    if row.mapped_with is None:
        yield Line(depth=1, text="not mapped yet")
    yield from _rules(session, config, row)
    outcomes = select(EvidenceRow).where(EvidenceRow.statement_pk == row.id).order_by(col(EvidenceRow.id))
    for outcome in session.exec(outcomes):
        yield from _outcome(session, config, outcome)


def _rules(session: Session, config: Config, row: StatementRow) -> Iterator[Line]:
    """Every condition with the value it saw, by the version that mapped the statement."""
    version = session.get(MappingVersion, row.mapped_with) if row.mapped_with else None
    if version is None or row.raw is None or (row.problem is not None and not row.members):
        return
    try:
        rules = from_texts(version.files, defaults_of(config))
    except MappingError:
        yield Line(depth=1, text="the rules that mapped it cannot be read by this version any more")
        return
    if not version.active:
        text = "judged by rules that have changed since; `pars-connector plan` shows what the new ones make of it"
        yield Line(depth=1, at=moment(version.activated_at), text=text)
    yield from judged.by_rules(rules, as_statement(row), orjson.loads(row.raw), 1)


def _outcome(session: Session, config: Config, row: EvidenceRow) -> Iterator[Line]:
    if row.outcome == "completion" and row.problem:
        yield Line(depth=1, text=f"warning: {Problem.model_validate(row.problem).message} (lrs.not_typed)")
    standing = "" if row.standing else " (no longer standing: voided)"
    rule = f" of rule {row.rule}" if row.rule else ""
    yield Line(depth=1, text=f"outcome{rule}: {row.outcome} {row.reason}".rstrip() + _dated(row) + standing)
    if row.outcome == "evidence":
        yield from waiting.counts_for(row, 2)
    if row.outcome == "problem" and row.problem:
        problem = Problem.model_validate(row.problem)
        yield Line(depth=2, text=f"{problem.message} ({problem.who} acts)")
    if row.outcome == "completion" and row.standing and row.award_id is None:
        yield from waiting.told(session, row, 2)
    if row.award_id is not None:
        for credit in session.exec(select(Credit).where(Credit.award_id == row.award_id).order_by(col(Credit.id))):
            yield from _credit(session, config, credit, 2)
    for place, credit in enumerate(succeeded.earned_before(session, row)):
        if place == 0:
            yield Line(depth=2, text="before a plan was applied it earned:")
        yield from _credit(session, config, credit, 2)


def _dated(row: EvidenceRow) -> str:
    return ", Moodle gave its date" if (row.completion or {}).get("by_moodle") else ""


def _credit(session: Session, config: Config, credit: Credit, depth: int) -> Iterator[Line]:
    award = session.get_one(Award, credit.award_id)
    amount = f"{credit.amount} x {credit.certification}" if credit.kind != "rems" else credit.certification
    yield Line(depth=depth, text=f"credit {credit.id} {credit.credit_id}")
    yield Line(
        depth=depth + 1,
        text=f"{amount}, activity {award.activity_id}, completed on {award.completed_on}, by rule {award.rule}, "
        f"learner:{award.learner_id}",
    )
    if depth < _STORY_OF_A_STATEMENT:
        yield from _earned_by(session, award, depth + 1)
    yield Line(depth=depth + 1, at=moment(credit.state_since), text=f"{credit.state}{because(credit.reason)}")
    if credit.wanted == "absent":
        yield Line(depth=depth + 1, text=f"no longer wanted{because(credit.why_absent)}")
    yield from succeeded.told(session, credit, depth + 1)
    yield from _words(credit, depth + 1)
    if credit.reason == elsewhere.CODE:
        row = baseline.origin(session, credit, award)
        who = f"{row}, a row of an imported sheet, reports it" if row else "PARS holds it under an id that is not ours"
        yield Line(depth=depth + 1, text=f"reported elsewhere: {who}")
    for problem in stored_problems(credit):
        kind = "stops it" if problem.holds else "warning"
        yield Line(depth=depth + 1, text=f"{kind}: {problem.message} ({problem.code}; {problem.who} acts)")
        if problem.holds and problem.hint:
            yield Line(depth=depth + 2, text=problem.hint)
    asked = [*succeeded.decided(session, credit), *succeeded.corrected(session, award)]
    told = [*_journal(session, credit), *_events(session, credit), *asked]
    for at, text in sorted(told, key=lambda one: one[0]):
        yield Line(depth=depth + 1, at=moment(at), text=text)
    yield Line(depth=depth + 1, at=moment(credit.next_at), text=f"next: {_next(credit)}{_unless_off(config, credit)}")


def _earned_by(session: Session, award: Award, depth: int) -> Iterator[Line]:
    """The statements behind an award, so that the LMS can be asked about them."""
    behind = select(StatementRow, EvidenceRow).join(EvidenceRow, col(EvidenceRow.statement_pk) == col(StatementRow.id))
    behind = behind.where(EvidenceRow.award_id == award.id).order_by(col(StatementRow.id)).limit(_MOST_STATEMENTS)
    for statement, outcome in session.exec(behind):
        voided = "" if outcome.standing else ", voided"
        text = f"earned by statement {statement.statement_id} from {statement.source_id}{_dated(outcome)}{voided}"
        yield Line(depth=depth, at=moment(statement.timestamp), text=text)
    yield from succeeded.left(session, award, depth)
    yield Line(depth=depth, text=f"actor: {actors.shown(award.anchor)}")


def _next(credit: Credit) -> str:
    state = State(credit.state)
    if credit.reason == PARKED:
        return "a person looks: three saves drew no readable answer; it is asked about daily and not sent again"
    if credit.reason == elsewhere.CODE:
        return "nothing: it is reported"
    if state == State.UNMATCHED and credit.at_pars != "no":
        return "a person decides: PARS holds it under this identity; withdraw and report again, or leave"
    if credit.wanted == "absent" and state in _UNSENT:
        return "it closes with the next turn"
    if credit.wanted == "absent" and state in _AT_PARS:
        return "it is withdrawn from PARS with the next turn"
    return NEXT[state]


def _unless_off(config: Config, credit: Credit) -> str:
    leaves = credit.state == State.READY or (credit.wanted == "absent" and credit.state in _AT_PARS)
    off = leaves and any(one.id == credit.provider_id and one.send == "off" for one in config.providers)
    return "; but nothing leaves: the provider's `send` is off" if off else ""


def _words(credit: Credit, depth: int) -> Iterator[Line]:
    said = ", ".join(text for text in (credit.pars_status, credit.pars_reason, credit.pars_words) if text)
    if said:
        yield Line(depth=depth, text=f"PARS says: {said}")


def _journal(session: Session, credit: Credit) -> Iterator[Told]:
    lines = select(Submission, SubmissionCredit).join(
        SubmissionCredit, col(SubmissionCredit.submission_id) == col(Submission.id)
    )
    for sent, line in session.exec(lines.where(SubmissionCredit.credit_pk == credit.id).order_by(col(Submission.id))):
        payload = f"submission {sent.id} ({sent.action}), payload {sent.payload_hash[:12]}"
        if sent.created_at:
            yield sent.created_at, f"{payload} leaves"
        if sent.answered_at:
            answer = f"HTTP {sent.http_status}" if sent.http_status else "no answer"
            verdict = f"{line.verdict or 'nothing stored'}{because(line.code or sent.code)}"
            yield sent.answered_at, f"submission {sent.id}: {answer}, {verdict}"


def _events(session: Session, credit: Credit) -> Iterator[Told]:
    told = select(Event).where(Event.subject == "credit", Event.subject_id == str(credit.id)).order_by(col(Event.id))
    for event in session.exec(told):
        moved = f"{event.from_state} -> {event.to_state}" if event.from_state != event.to_state else event.what
        if event.at:
            yield event.at, f"{moved}{because(event.code)}, by {event.by}{succeeded.after_plan(session, event)}"
