"""What leaves only when a person acts (`send: off`, or files): once a day the log says what waits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlmodel import col, func, select

from connector.config import ProviderConfig
from connector.logs import log
from connector.records import Actor
from connector.store.session import Store
from connector.store.states import State
from connector.store.tables import Award, Credit, Event

EVERY = timedelta(days=1)
SAID = "send off"
_TO_WITHDRAW = (State.PENDING, State.CONFIRMED, State.REJECTED, State.UNMATCHED, State.WITHDRAWING)


def say_daily(store: Store, provider: ProviderConfig) -> None:
    """Credits by activity, and withdrawals, that wait for `send: on` or for an export."""
    now = datetime.now(UTC)
    with store.writing() as session:
        said = select(Event.id).where(Event.subject == "provider", Event.subject_id == provider.id)
        if session.exec(said.where(Event.what == SAID, col(Event.at) > now - EVERY).limit(1)).first() is not None:
            return
        mine = select(func.count()).select_from(Credit).where(Credit.provider_id == provider.id)
        unwanted = mine.where(Credit.wanted == "absent", Credit.at_pars != "no")
        deletes = session.exec(unwanted.where(col(Credit.state).in_(_TO_WITHDRAW))).one()
        ready = select(Award.activity_id, func.count()).join(Credit, col(Credit.award_id) == col(Award.id))
        ready = ready.where(Credit.provider_id == provider.id, Credit.state == State.READY, Credit.wanted == "present")
        adds = dict(session.exec(ready.group_by(col(Award.activity_id))).all())
        if not (adds or deletes):
            return  # the day's line waits for something to tell
        session.add(Event(at=now, subject="provider", subject_id=provider.id, what=SAID, by="submission"))
    counts = {**adds, "add": sum(adds.values()), "delete": deletes}
    if provider.send == "off":
        hint = "these would have gone; set the provider's `send: on`"
        log.info("send.off", provider=provider.id, counts=counts, hint=hint)
    else:
        command = f"pars-connector export {provider.channel}"
        log.info("export.due", provider=provider.id, counts=counts, who=str(Actor.COORDINATOR), command=command)
