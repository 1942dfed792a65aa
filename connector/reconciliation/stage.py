"""Stage 6: leases that ran out become doubts, and every credit that is not settled is asked about."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

from sqlmodel import Session, col, or_, select

from connector import channels
from connector.config import Config, ProviderConfig, ServiceKind
from connector.errors import NeedsOperator, RetryLater
from connector.pars.client import ParsClient
from connector.pars.exchange import Unclear
from connector.pars.lookup import Seen, look
from connector.reconciliation import status
from connector.records import Counts
from connector.store import poison
from connector.store.leases import free, has_run_out
from connector.store.moves import move
from connector.store.session import Store
from connector.store.states import State
from connector.store.tables import Award, Channel, Credit
from connector.store.views import as_record_credit, learner_query

_DOUBTFUL = (State.IN_DOUBT, State.WITHDRAWAL_IN_DOUBT)
_ASKED = (*_DOUBTFUL, State.PENDING)
_CONTROLS = 3  # one credit may have been deleted in PARS by hand; three were not


def run(store: Store, config: Config) -> Counts:
    """Settle what can be settled, one turn for every provider."""
    counts = Counts()
    _give_up_leases(store, counts)
    return counts + channels.every_provider(config, partial(_turn, store, config))


def _give_up_leases(store: Store, counts: Counts) -> None:
    """Only a lease that has run out makes a doubt: a process that starts knows nothing about its neighbours."""
    now = datetime.now(UTC)
    with store.writing() as session:
        leased = select(Credit).where(
            col(Credit.state).in_((State.SENDING, State.WITHDRAWING)), Credit.lease_owner != ""
        )
        for credit in session.exec(leased.with_for_update(skip_locked=True)).all():
            if has_run_out(credit, now):
                free(credit)
                target = State.IN_DOUBT if credit.state == State.SENDING else State.WITHDRAWAL_IN_DOUBT
                move(session, credit, target, now=now, code="pars.lease_ran_out", by="reconciliation")
                counts["in_doubt"] += 1


def _turn(store: Store, config: Config, provider: ProviderConfig, counts: Counts) -> None:
    for kind in channels.services(store, provider):
        _by_service(store, config, provider, kind, counts)


def _by_service(store: Store, config: Config, provider: ProviderConfig, kind: ServiceKind, counts: Counts) -> None:
    """A credit is asked about on the channel by which it left."""
    channel = channels.row_of(store, provider, kind)
    with store.reading() as session:
        due = _due(session, provider, channel, datetime.now(UTC))
    if not due or channel.circuit == "open":
        return  # submission probes it, whether it has something to send or not
    client = channels.client_of(store, config, provider, channel, kind)
    if client is None:
        return
    with client:
        for credit_id in due:
            with channels.in_line(store, channel.id) as flows:
                if not (flows and _settle(store, config, client, channel.id, credit_id, counts)):
                    return


def _due(session: Session, provider: ProviderConfig, channel: Channel, now: datetime) -> list[int]:
    """Those that wait longest first; REMS credits by their id, so that no order joins them to an identified one."""
    rows = select(Credit.id, Credit.kind, Credit.credit_id)
    rows = rows.where(Credit.provider_id == provider.id, col(Credit.state).in_(_ASKED))
    rows = rows.where(or_(col(Credit.channel_id).is_(None), Credit.channel_id == channel.id))
    rows = rows.where(or_(col(Credit.next_at).is_(None), col(Credit.next_at) <= now))
    found = session.exec(rows.order_by(col(Credit.next_at), col(Credit.id))).all()
    rems = sorted(credit_id for _, kind, credit_id in found if kind == "rems")
    by_name = {credit_id: pk for pk, _, credit_id in found}
    return [pk for pk, kind, _ in found if kind != "rems"] + [by_name[credit_id] for credit_id in rems]


def _settle(store: Store, config: Config, client: ParsClient, channel_id: int, credit_pk: int, counts: Counts) -> bool:
    """Ask about one credit and apply the answer; False when the channel stopped."""
    with store.reading() as session:
        credit = session.get_one(Credit, credit_pk)
        award = session.get_one(Award, credit.award_id)
    if credit.state not in _ASKED:
        return True  # somebody else was quicker
    try:
        answer: Seen | Unclear = _look(store, config, client, credit, award)
    except Unclear as error:
        answer = error
    except (RetryLater, NeedsOperator) as error:
        channels.stop(store, config, channel_id, error)
        return False
    except Exception as error:
        _set_aside(store, credit_pk, error)
        return True
    counts["asked"] += 1
    _apply(store, config, credit, award, answer, counts)
    return True


def _set_aside(store: Store, credit_pk: int, error: Exception) -> None:
    """A credit that no question can be made of waits an hour; the others are asked about."""
    now = datetime.now(UTC)
    with store.writing() as session:
        poison.note(session, "reconciliation", error, now)
        credit = session.get_one(Credit, credit_pk, with_for_update=True)
        credit.next_at = now + poison.PAUSE
        session.add(credit)


def _look(store: Store, config: Config, client: ParsClient, credit: Credit, award: Award) -> Seen:
    """By id; for a doubtful add also by learner, activity and date. A "not there" is checked before it counts."""
    birth_day = (credit.sent_as or {}).get("birth_day", "")
    query = learner_query(credit, award, birth_day) if credit.state == State.IN_DOUBT else None
    seen = look(client, as_record_credit(credit), query)
    if credit.state in _DOUBTFUL and seen.ours is None and not seen.others:
        _control(store, config, client, credit)
    return seen


def _control(store: Store, config: Config, client: ParsClient, doubtful: Credit) -> None:
    """Before "not there" is believed, PARS must still show a credit that it confirmed: to a wrong path everything is
    not there, and a second send would follow. Without such a credit, PARS must answer at least a match. Raises
    NeedsOperator."""
    known = select(Credit).where(Credit.channel_id == doubtful.channel_id, Credit.state == State.CONFIRMED)
    known = known.where(col(Credit.state_since) <= datetime.now(UTC) - config.pars.settle)
    with store.reading() as session:
        controls = session.exec(known.order_by(col(Credit.state_since)).limit(_CONTROLS)).all()
    if not controls:
        client.prove()
    elif not any(client.ask_credit(control.credit_id) for control in controls):
        raise NeedsOperator(
            "pars.status_blind",
            'PARS shows none of the credits that it has confirmed, so its "not there" cannot be believed',
            "compare the status calls under `wire:` in config.yaml with ACCME's guide",
        )


def _apply(store: Store, config: Config, asked: Credit, award: Award, answer: Seen | Unclear, counts: Counts) -> None:
    """The answer is about the credit as it was when the question left; one that moved since is asked again."""
    now = datetime.now(UTC)
    with store.writing() as session:
        credit = session.get_one(Credit, asked.id, with_for_update=True)
        if (credit.state, credit.state_since) != (asked.state, asked.state_since):
            return
        with poison.contained(session, "reconciliation", credit, now=now):
            if isinstance(answer, Unclear):
                status.unclear(session, credit, answer, config.pars, now)
            else:
                status.read(session, credit, award, answer, config.pars, now)
        counts[credit.state] += credit.state != asked.state
