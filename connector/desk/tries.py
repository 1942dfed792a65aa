"""Near misses are tried with PARS, a few a turn, where PARS may be asked at all. Only its yes makes one sure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import func, update
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from connector import channels
from connector.config import Config, ProviderConfig
from connector.desk import near_misses, suggestions
from connector.desk.near_misses import Candidate
from connector.desk.suggestions import Key, key_of
from connector.errors import NeedsOperator, RetryLater
from connector.logs import log
from connector.pars import lookup, vocabulary
from connector.pars.client import ParsClient
from connector.pars.exchange import CannotSend, Unclear
from connector.pars.identity import Person
from connector.records import Counts, Identifier, Learner, LicenceNumber
from connector.store import matches, poison
from connector.store.people import permitted
from connector.store.session import Store
from connector.store.signs import people
from connector.store.tables import Suggestion

QUESTIONS: Final = 30
"""In one turn and to one provider: what is to be sent waits for none of the others."""
PAUSE: Final = timedelta(hours=1)
"""After a refusal. Credits leave without this question: it stops no channel."""


def ask(store: Store, config: Config, provider: ProviderConfig, counts: Counts) -> None:
    """Try what nobody has tried, one question at a time; a case is over with its first yes."""
    if provider.send == "off" or provider.service is None or matches.mode(config, provider.id) == "off":
        return
    now = datetime.now(UTC)
    with store.reading() as session:
        refused = _refused(session, provider)
        due = [] if refused and now - PAUSE < refused <= now else _due(session, provider)
    if not due:
        return
    channel = channels.row_of(store, provider)
    client = (
        channels.client_of(store, config, provider, channel, provider.service) if channel.circuit == "closed" else None
    )
    if client is None:
        return
    with client:
        try:
            _each(store, client, channel.id, due, counts)
        except RetryLater as error:
            channels.stop(store, config, channel.id, error)
        except NeedsOperator as error:
            _pause(store, provider, due, error, is_news=refused is None)
            return
    if refused and counts["asked"]:
        _go_on(store, provider)


def _each(store: Store, client: ParsClient, channel_id: int, due: list[Suggestion], counts: Counts) -> None:
    """Raises RetryLater and NeedsOperator: then the rest was not asked."""
    solved = set[Key]()
    for row in due:
        if key_of(row) in solved:
            continue
        with channels.in_line(store, channel_id) as flows:
            if not flows:
                return
            answer = _try(store, client, row)
        if answer is None:
            continue
        counts["asked"] += 1
        if _keep(store, row, answer):
            solved.add(key_of(row))
            counts["sure"] += 1


def _due(session: Session, provider: ProviderConfig) -> list[Suggestion]:
    """The likeliest of every case first, then the second of each, none of a case that has a yes."""
    other = aliased(Suggestion)
    same = select(other.id).where(
        other.learner_id == col(Suggestion.learner_id),
        other.provider_id == col(Suggestion.provider_id),
        other.domain == col(Suggestion.domain),
    )
    rows = _untried(provider).where(~same.where(other.answer == matches.YES).exists())
    return list(session.exec(rows.order_by(col(Suggestion.rank), col(Suggestion.id)).limit(QUESTIONS)))


def _untried(provider: ProviderConfig) -> SelectOfScalar[Suggestion]:
    return select(Suggestion).where(Suggestion.provider_id == provider.id, Suggestion.answer == "")


def _refused(session: Session, provider: ProviderConfig) -> datetime | None:
    """When PARS refused to be asked, if it has not answered since."""
    rows = select(func.max(Suggestion.asked_at)).where(Suggestion.provider_id == provider.id, Suggestion.answer == "")
    return session.exec(rows).one()


def _pause(
    store: Store, provider: ProviderConfig, due: list[Suggestion], error: NeedsOperator, *, is_news: bool
) -> None:
    """A login that may save and may not ask, or a wrong path: said once."""
    with store.writing() as session:
        mine = update(Suggestion).where(col(Suggestion.id).in_([row.id for row in due]), col(Suggestion.answer) == "")
        session.execute(mine.values(asked_at=datetime.now(UTC)))
    if is_news:
        said = {"code": error.code, "error": error.message, "hint": error.hint}
        log.warning("suggestions.stopped", provider=provider.id, **said, who="operator")


def _go_on(store: Store, provider: ProviderConfig) -> None:
    with store.writing() as session:
        untried = update(Suggestion).where(col(Suggestion.provider_id) == provider.id, col(Suggestion.answer) == "")
        session.execute(untried.where(col(Suggestion.asked_at).is_not(None)).values(asked_at=None))
    log.info("suggestions.recovered", provider=provider.id)


def _try(store: Store, client: ParsClient, row: Suggestion) -> str | None:
    """PARS's answer in one word; None where nobody may ask any more. Raises RetryLater and NeedsOperator."""
    with store.reading() as session:
        person = _still(session, row)
    if person is None:
        return None
    candidate = Candidate(cause=row.cause, corrected=row.corrected)
    domain, after = candidate.domain(row.domain), near_misses.corrected(person, candidate.corrected)
    if domain not in after.ids or after.name is None:
        return matches.UNCLEAR
    number = Identifier(domain=domain, value=LicenceNumber(after.ids[domain]))
    try:
        found = lookup.match(client, Learner.known_as(**after.model_dump()), number).found
    except (Unclear, CannotSend):
        return matches.UNCLEAR
    except (RetryLater, NeedsOperator):
        raise
    except Exception as error:  # one that no question can be made of keeps no other from being asked
        with store.writing() as session:
            poison.note(session, "desk", error, datetime.now(UTC))
        return matches.UNCLEAR
    return matches.UNCLEAR if found == matches.YES and _may_be_anybody(candidate, domain) else found


def _may_be_anybody(candidate: Candidate, domain: str) -> bool:
    """A board that is content with names or birth day says yes as well to the number of whoever shares one of them."""
    board = vocabulary.BOARDS.get(domain)
    return board is not None and board.names_or_birth_day and f"ids.{domain}" in candidate.corrected


def _still(session: Session, row: Suggestion) -> Person | None:
    """The learner, as long as he is who he was when this was made, and may be named."""
    if not permitted(session, [row.learner_id]):
        return None
    person = people(session, [row.learner_id])[row.learner_id]
    return person if matches.identity_of_person(person, row.domain) == row.identity else None


def _keep(store: Store, asked: Suggestion, answer: str) -> bool:
    """Write the answer down; True for a yes that counts: about who he still is, and nobody else of ours."""
    with store.writing() as session:
        row = session.get(Suggestion, asked.id, with_for_update=True)
        if row is None:
            return False
        person = _still(session, row)
        others = person is None or suggestions.is_taken(session, person, row)
        row.answer = matches.NO if answer == matches.YES and others else answer
        row.asked_at = datetime.now(UTC)
        session.add(row)
        return row.answer == matches.YES
