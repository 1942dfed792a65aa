"""PARS's answers about people whose readiness is asked: by its service, or from a result sheet. Moves no credit.

Writes nothing but those answers, and those only about learners whom the store has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from connector import channels
from connector.config import Config, ProviderConfig
from connector.errors import ConnectorError
from connector.inquiry.readiness import Question, Standing
from connector.pars import lookup
from connector.pars.client import ParsClient
from connector.pars.exchange import CannotSend, MatchAnswer, Unclear
from connector.pars.match_sheet import Read
from connector.records import Frozen
from connector.store import matches
from connector.store.session import Store, StoreUnavailable
from connector.store.tables import Channel, LearnerMatch

Pairs = Sequence[tuple[Standing, Question]]
NOT_SUPPORTED = "pars.not_supported"


class Stopped(Frozen):
    """Why not everybody was asked about; nothing of what was answered before is lost."""

    code: str = ""
    message: str
    hint: str = ""
    by_nature: bool = False  # this channel has no such question: nobody could have been asked


def ask(
    store: Store, config: Config, provider: ProviderConfig, pairs: Pairs, tell: Callable[[str], None]
) -> Stopped | None:
    """Fill in PARS's answers, one question in flight under the channel's line."""
    if not pairs:
        return None
    try:
        if provider.service is None:
            return Stopped(code=NOT_SUPPORTED, message="files carry no question", by_nature=True)
        channel = channels.row_of(store, provider)
        with channels.open_client(config, provider, provider.service) as client:
            return _each(store, config, client, channel, pairs, tell)
    except StoreUnavailable:
        raise
    except KeyboardInterrupt:
        return Stopped(message="interrupted")
    except ConnectorError as error:
        by_nature = error.code == NOT_SUPPORTED
        return Stopped(code=error.code, message=error.message, hint=error.hint, by_nature=by_nature)


def _each(
    store: Store, config: Config, client: ParsClient, channel: Channel, pairs: Pairs, tell: Callable[[str], None]
) -> Stopped | None:
    for number, (standing, question) in enumerate(pairs):
        tell(f"asking PARS: {number} of {len(pairs)}")
        if _is_kept(store, channel.provider_id, standing, question):
            continue
        with channels.in_line(store, channel.id) as flows:
            if not flows:
                hint = "`pars-connector check --pars` says what stopped it; it is tried again by itself"
                return Stopped(message="the channel to PARS is stopped", hint=hint)
            try:
                answer = _put(client, standing, question)
            except CannotSend as error:
                if error.code == NOT_SUPPORTED:
                    raise
                question.problem = error.problems[0]
                continue
        _take(store, config, channel.provider_id, standing, question, answer)
    return None


def _is_kept(store: Store, provider_id: str, standing: Standing, question: Question) -> bool:
    """A yes is good as long as he is the same for PARS; a no is asked again, for it may have been put right there."""
    if standing.learner_id is None:
        return False
    with store.reading() as session:
        row = matches.kept(session, standing.learner_id, provider_id, standing.learner, question.identifier)
    if row is None or row.found != matches.YES:
        return False
    question.answer = matches.YES
    return True


def _put(client: ParsClient, standing: Standing, question: Question) -> MatchAnswer | None:
    """None where the answer settles nothing about him."""
    try:
        return lookup.match(client, standing.learner, question.identifier)
    except Unclear:
        return None


def from_sheet(store: Store, config: Config, provider: ProviderConfig, pairs: Pairs, read: Read) -> None:
    """Take over what the result sheet answers."""
    for place, answer in read.answers.items():
        _take(store, config, provider.id, *pairs[place], answer)


def _take(
    store: Store, config: Config, provider_id: str, standing: Standing, question: Question, answer: MatchAnswer | None
) -> None:
    """Say it to whoever asked, and keep it where there is a learner to keep it of."""
    number, domain, now = standing.learner_id, question.identifier.domain, datetime.now(UTC)
    is_clear = answer is not None and answer.found != "unknown"
    question.answer = answer.found if answer is not None and is_clear else matches.UNCLEAR
    if number is None:
        row = LearnerMatch(learner_id=0, provider_id=provider_id, domain=domain, identity="", found=question.answer)
        row.told_at = now
    else:
        about = matches.Asked(
            learner_id=number, provider_id=provider_id, learner=standing.learner, identifier=question.identifier
        )
        with store.writing() as session:
            row = matches.keep(session, about, answer, config.learners.new_id, now)
    if is_clear and (said := matches.doubt(row, config)):
        changes = {"message": f"{said.message} (asked by its {domain} number)", "holds": True}
        question.problem = said.model_copy(update=changes)
