"""What is known of one learner, and who said so: actors, values, corrections, permission. Masks what is personal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from pydantic import SecretStr
from sqlmodel import Session, col, select

from connector.inquiry.listing import counted, find_learner
from connector.inquiry.story import Line, moment
from connector.lrs import actors as lrs_actors
from connector.records import ActorKey, Dispute, Frozen
from connector.store import fixes
from connector.store.people import as_learner
from connector.store.tables import Award, ConsentRow, Credit, LearnerFix, LearnerKey, LearnerRow

MASK = "***"
_NAMED = ("given_name", "family_name", "birth_day")


class Told(Frozen):
    """One thing that is known, and who said so; the value is masked unless somebody asked for it."""

    what: str
    value: str
    origin: str
    at: str = ""


class Known(Frozen):
    """A learner as `learners show` shows him."""

    learner: int
    found: bool
    asked_at: str
    actors: tuple[Told, ...]
    values: tuple[Told, ...]
    fixes: tuple[Told, ...]
    disputes: tuple[Dispute, ...]
    consent: tuple[Told, ...]
    credits: dict[str, int]

    def lines(self) -> list[Line]:
        known = f"asked about {self.asked_at}" if self.found else "no learner source knows this learner"
        head = Line(depth=0, text=f"learner {self.learner}: {known}")
        told = [line for part in self._parts() for line in part]
        states = ", ".join(f"{number} {state}" for state, number in sorted(self.credits.items()))
        total = counted(sum(self.credits.values()), "credit", "credits")
        return [head, *told, Line(depth=1, text=f"{total}: {states}" if states else "no credits")]

    def _parts(self) -> Iterator[list[Line]]:
        yield _listed("actors", [f"{one.value}   said by {one.origin}" for one in self.actors])
        yield _listed("values", [f"{one.what}: {one.value}   from {one.origin}" for one in self.values])
        yield _listed("corrected", [f"{one.what}: {one.value}   {one.at}   by {one.origin}" for one in self.fixes])
        said = [f"{one.field}: {one.origins[0]} and {one.origins[1]} say different things" for one in self.disputes]
        yield _listed("disputed", said)
        yield _listed("permission", [f"{one.value}   {one.at}   from {one.origin}" for one in self.consent])


def known(session: Session, learner: str, *, values: bool) -> Known | None:
    """Everything about him by number or actor key; None where nobody is."""
    row = find_learner(session, learner)
    if row is None:
        return None
    states = select(Credit.state).join(Award, col(Award.id) == col(Credit.award_id)).where(Award.learner_id == row.id)
    return Known(
        learner=row.id,
        found=row.found,
        asked_at=moment(row.fetched_at),
        actors=tuple(_actors(session, row, values=values)),
        values=tuple(_values(session, row, values=values)),
        fixes=tuple(_fixes(session, row, values=values)),
        disputes=tuple(Dispute.model_validate(one) for one in row.disputes or ()),
        consent=tuple(_consent(session, row)),
        credits=dict(Counter(session.exec(states))),
    )


def link_of(session: Session, actor: ActorKey) -> LearnerKey | None:
    return session.get(LearnerKey, actor)


def actors(session: Session, learner: int) -> list[str]:
    """Every actor key of this learner."""
    keys = select(LearnerKey.actor_key).where(LearnerKey.learner_id == learner)
    return list(session.exec(keys.order_by(col(LearnerKey.actor_key))))


def _actors(session: Session, row: LearnerRow, *, values: bool) -> Iterator[Told]:
    """A mailbox is a name, and so may be an account's; by a number the LMS's administrator finds him."""
    links = select(LearnerKey).where(LearnerKey.learner_id == row.id).order_by(col(LearnerKey.actor_key))
    for link in session.exec(links):
        shown = link.actor_key if values else lrs_actors.shown(link.actor_key)
        yield Told(what="actor", value=shown, origin=link.origin)


def _values(session: Session, row: LearnerRow, *, values: bool) -> Iterator[Told]:
    learner = as_learner(session, row)
    fixed = {field.removeprefix(fixes.IDS) for field in fixes.standing(session, [row.id])[row.id]}
    origins = learner.origins | dict.fromkeys(fixed, "a correction")
    said: dict[str, SecretStr | None] = {name: getattr(learner, name) for name in _NAMED}
    for name, value in (said | dict(learner.ids)).items():
        if value:
            shown = value.get_secret_value() if values else MASK
            yield Told(what=name, value=shown, origin=origins.get(name, ""))
    if learner.profession:
        yield Told(what="profession", value=learner.profession, origin=origins.get("profession", ""))


def _fixes(session: Session, row: LearnerRow, *, values: bool) -> Iterator[Told]:
    standing = select(LearnerFix).where(LearnerFix.learner_id == row.id, col(LearnerFix.ended_at).is_(None))
    rows: Iterable[LearnerFix] = session.exec(standing.order_by(col(LearnerFix.id)))
    for fix in rows:
        shown = fix.value if values else MASK
        what = fix.field.removeprefix(fixes.IDS)
        yield Told(what=what, value=shown, origin=fix.by, at=moment(fix.at))


def _consent(session: Session, row: LearnerRow) -> Iterator[Told]:
    """The newest first: that one counts."""
    rows = select(ConsentRow).where(ConsentRow.learner_id == row.id).order_by(col(ConsentRow.id).desc())
    for one in session.exec(rows):
        said = "given" if one.given else "refused or withdrawn"
        yield Told(what="consent", value=said, origin=one.origin, at=str(one.at or moment(one.seen_at)))


def _listed(title: str, texts: Iterable[str]) -> list[Line]:
    below = [Line(depth=2, text=text) for text in texts]
    return [Line(depth=1, text=title), *below] if below else []
