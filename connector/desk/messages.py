"""What a learner is told: only what nobody but he can mend, at an address that is surely his, in plain words."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final

from sqlmodel import Session, col, select

from connector.desk.carriers import is_mailbox
from connector.desk.cases import IDENTITY, problems, stored_problems, waiting
from connector.records import Actor, Frozen, Problem
from connector.store.people import newest_consent
from connector.store.states import State
from connector.store.tables import ActivityRow, Award, Credit, LearnerKey, LearnerRow, Notice

KIND: Final = "learner"
PATIENCE: Final = timedelta(days=1)
"""A learner source may still bring it by itself."""
_CONSENT: Final = "learner.no_consent"
_ANOTHER: Final = frozenset({"learner.name_differs", "learner.other_person"})
"""His mailbox may be somebody else's."""
_WORDS: Final = {
    _CONSENT: "your permission to report this credit (ACCME requires it)",
    "learner.no_board_id": "your {domain} id",
    "learner.no_identifier": "your NPI, or the number of your state licence with its state",
}


class Item(Frozen):
    """One thing that is missing for one award; `key` is how it is remembered that he was told."""

    key: str
    provider: str
    activity: str
    title: str
    completed_on: date
    missing: str


def items(session: Session, now: datetime) -> dict[int, dict[str, Item]]:
    """By learner and key, what has waited long enough and is his alone to mend."""
    found: dict[int, dict[str, Item]] = {}
    refused: dict[int, bool] = {}
    cases = waiting(session)
    doubted = {award.learner_id for credit, award in cases if any(one.code in _ANOTHER for one in problems(credit))}
    for credit, award in cases:
        if award.learner_id in doubted or credit.state != State.HELD or not credit.reason.startswith(IDENTITY):
            continue  # somebody else has to act first
        if credit.state_since is None or now - credit.state_since < PATIENCE:
            continue
        for problem in _his_own(stored_problems(credit)):
            if problem.code == _CONSENT and refused.setdefault(award.learner_id, _has_refused(session, award)):
                continue  # he said no: that is an answer
            one = _item(session, credit, award, problem)
            found.setdefault(award.learner_id, {})[one.key] = one
    return found


def _his_own(problems: Sequence[Problem]) -> list[Problem]:
    """None where something else about the learner is in question: he may be somebody else."""
    holding = [one for one in problems if one.holds]
    if any(one.code.startswith("learner.") and one.who != Actor.LEARNER for one in holding):
        return []
    return [one for one in holding if one.who == Actor.LEARNER and one.code in _WORDS]


def _has_refused(session: Session, award: Award) -> bool:
    consent = newest_consent(session, session.get_one(LearnerRow, award.learner_id))
    return consent is not None and not consent.given


def _item(session: Session, credit: Credit, award: Award, problem: Problem) -> Item:
    activity = session.get(ActivityRow, (award.provider_id, award.activity_id))
    return Item(
        key=f"{award.id} {problem.code} {problem.field}",
        provider=credit.provider_id,
        activity=award.activity_id,
        title=" ".join(activity.title.split()) if activity else award.activity_id,
        completed_on=award.completed_on,
        missing=_WORDS[problem.code].format(domain=problem.field.rpartition(".")[2]),
    )


def told_before(session: Session, learner: int) -> set[str]:
    """What he was told, or is about to be, also under a number that was merged into his."""
    merged = session.exec(select(LearnerRow.id).where(LearnerRow.merged_into == learner)).all()
    numbers = [str(number) for number in (learner, *merged)]
    rows = select(Notice).where(Notice.kind == KIND, col(Notice.subject).in_(numbers))
    counted = rows.where(col(Notice.sent_at).is_not(None) | col(Notice.next_at).is_not(None))
    return {key for notice in session.exec(counted) for key in (notice.told or {}).get("items", [])}


def fingerprint(keys: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(keys)).encode()).hexdigest()


def mailbox(session: Session, learner: int) -> str | None:
    """An address of one of his actors; None where there is none, or where it was or is another's too."""
    row = session.get_one(LearnerRow, learner)
    if row.disputes or row.merged_into is not None:
        return None
    keys = select(LearnerKey.actor_key).where(LearnerKey.learner_id == learner)
    for key in sorted(session.exec(keys.where(col(LearnerKey.actor_key).startswith("mbox:")))):
        address = key.removeprefix("mbox:")
        if is_mailbox(address) and not _is_anothers(session, learner, address):
            return address
    return None


def _is_anothers(session: Session, learner: int, address: str) -> bool:
    sums = (hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest() for text in (address, f"mailto:{address}"))
    forms = [f"mbox:{address}", *(f"mbox_sha1sum:{one}" for one in sums)]
    holder = select(LearnerKey.learner_id).where(col(LearnerKey.actor_key).in_(forms), LearnerKey.learner_id != learner)
    earner = select(Award.learner_id).where(col(Award.anchor).in_(forms), Award.learner_id != learner)
    return any(session.exec(one.limit(1)).first() is not None for one in (holder, earner))


def subject(office: str) -> str:
    return " ".join(f"Your credit from {office}: something is missing".split())


def text(found: Iterable[Item], offices: Mapping[str, str]) -> str:
    """`offices` are the providers' names by id."""
    lines = ["Your continuing education credit cannot be reported to ACCME's PARS yet. This is missing:"]
    by_award: dict[tuple[date, str, str], list[str]] = {}
    for one in found:
        by_award.setdefault((one.completed_on, one.title, one.provider), []).append(one.missing)
    for (day, title, provider), missing in sorted(by_award.items()):
        lines += ["", f'"{title}", completed on {day.isoformat()}:', *(f"  - {what}" for what in sorted(set(missing)))]
        lines += [f"  Please tell the CME office of {offices.get(provider, provider)}."]
    closing = "The credit is reported by itself once the office has it. You are told this once; no answer is needed"
    return "\n".join([*lines, "", f"{closing} if you have told the office already."])
