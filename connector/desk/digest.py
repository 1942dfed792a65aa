"""The daily digest: what is open, what is news since the last one, and in which words. Pure; knows no person."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

import orjson

from connector.desk.cases import Case
from connector.desk.deadlines import Deadline
from connector.records import Frozen

NEAR: Final = timedelta(days=7)
"""A deadline that comes nearer than this is news, once."""


class Open(Frozen):
    """One case, and the next deadline that it threatens."""

    case: Case
    deadline: Deadline | None = None

    def is_near(self, now: datetime) -> bool:
        return self.deadline is not None and self.deadline.at - now <= NEAR

    @property
    def threat(self) -> str:
        """This deadline of this case, as it is remembered."""
        return f"{self.case.credit} {self.deadline.kind} {self.deadline.day}" if self.deadline else ""


class Digest(Frozen):
    """What is said; `near` are the cases whose deadline has come near since the last digest."""

    day: date
    now: datetime
    open: tuple[Open, ...]
    new: int
    changed: int
    solved: int
    near: tuple[Open, ...]

    @property
    def is_news(self) -> bool:
        return bool(self.new or self.changed or self.solved or self.near)


def told(open_: Sequence[Open], now: datetime) -> dict[str, Any]:
    """What a digest of these leaves behind, so that the next one says only what is new: numbers and codes."""
    cases = {str(one.case.credit): one.case.first.code for one in open_}
    return {"cases": cases, "near": sorted(one.threat for one in open_ if one.is_near(now))}


def fingerprint(said: Mapping[str, Any]) -> str:
    return hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()


def digest(open_: Sequence[Open], before: Mapping[str, Any] | None, *, day: date, now: datetime) -> Digest:
    """Against what the last one left behind; None: there was none, and everything is new."""
    known: Mapping[str, str] = before["cases"] if before else {}
    codes = {str(one.case.credit): one.case.first.code for one in open_}
    threatened = set(before["near"]) if before else set()
    return Digest(
        day=day,
        now=now,
        open=tuple(open_),
        new=len(codes.keys() - known.keys()),
        changed=sum(code != known.get(credit, code) for credit, code in codes.items()),
        solved=len(known.keys() - codes.keys()),
        near=tuple(one for one in open_ if one.is_near(now) and one.threat not in threatened),
    )


def subject(said: Digest) -> str:
    """One line of figures."""
    figures = [f"{len(said.open)} open", f"{said.new} new", f"{said.solved} solved"]
    figures += [f"{len(said.near)} near a deadline"] if said.near else []
    return "PARS desk: " + ", ".join(figures)


def text(said: Digest, *, with_sheet: bool) -> str:
    """The same in sentences; `with_sheet`: the sheet of open cases goes with it."""
    lines = [_first(said), f"Since the last digest: {said.new} new, {said.changed} changed, {said.solved} solved."]
    lines += ["", "A deadline is less than a week away:", *map(_threat, _threats(said))] if said.near else []
    lines += ["", "By reason:", *_reasons(said)] if said.open else []
    lines += ["", "Who must act: " + _counted(_by_who(said))] if said.open else []
    if with_sheet and said.open:
        lines += ["", "The sheet of open cases is attached. It holds personal data: keep it to yourself."]
    return "\n".join([*lines, "", "pars-connector unmatched list shows them all."])


def document(said: Digest) -> dict[str, Any]:
    """The same for a program; a second one with this fingerprint is the same digest."""
    figures = {"open": len(said.open), "learners": _learners(said), "oldest_days": _oldest(said)}
    news = {"new": said.new, "changed": said.changed, "solved": said.solved}
    counts = {"by_reason": dict(_by_reason(said)), "by_who": dict(_by_who(said))}
    whole = {"day": said.day.isoformat(), **figures, **news, **counts, "deadlines": _threats(said)}
    return whole | {"fingerprint": fingerprint(told(said.open, said.now))}


def _first(said: Digest) -> str:
    if not said.open:
        return "No case is open."
    count, learners, days = len(said.open), _learners(said), _oldest(said)
    cases = "1 case is open" if count == 1 else f"{count} cases are open"
    people = "1 learner" if learners == 1 else f"{learners} learners"
    return f"{cases}, of {people}; the oldest has waited for {days} {'day' if days == 1 else 'days'}."


def _learners(said: Digest) -> int:
    return len({one.case.learner for one in said.open})


def _oldest(said: Digest) -> int:
    return max(((said.now - one.case.since).days for one in said.open), default=0)


def _by_reason(said: Digest) -> Counter[str]:
    return Counter(one.case.first.code for one in said.open)


def _by_who(said: Digest) -> Counter[str]:
    return Counter(str(one.case.first.who) for one in said.open)


def _reasons(said: Digest) -> list[str]:
    words = {one.case.first.code: one.case.first.message for one in said.open}
    return [f"  {count} x {code}: {words[code]}" for code, count in _by_reason(said).most_common()]


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{who} {count}" for who, count in counts.most_common())


def _threats(said: Digest) -> list[dict[str, Any]]:
    """What has come near, counted by activity and deadline."""
    found = Counter(
        (one.deadline.day.isoformat(), one.case.activity, one.deadline.words) for one in said.near if one.deadline
    )
    return [
        {"day": day, "activity": activity, "deadline": words, "credits": count}
        for (day, activity, words), count in sorted(found.items())
    ]


def _threat(one: Mapping[str, Any]) -> str:
    return f"  {one['day']}, {one['deadline']}: {one['credits']} x activity {one['activity']}"
