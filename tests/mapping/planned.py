"""What a plan foretells beside what happens when it is applied, counted on the store's credits."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from sqlmodel import col, select

from connector.learners.standing import is_free
from connector.mapping import stage as mapping
from connector.mapping.rule_files import defaults_of
from connector.mapping.versions import active, apply, plan
from connector.mapping.versions.plan import Plan
from connector.store.tables import Award, Credit, Wish
from tests.learners.middle import Middle

CREDITS = ("new_credits", "changed_unsent", "reported_again", "closed", "withdrawn")


@dataclass
class Snapshot:
    """Every credit with its award, as they stood."""

    credits: dict[int, Credit]
    awards: dict[int, Award]


def snapshot(place: Middle) -> Snapshot:
    with place.store.reading() as session:
        credits_ = {one.id: one for one in session.exec(select(Credit).order_by(col(Credit.id)))}
        return Snapshot(credits_, {one.id: one for one in session.exec(select(Award))})


def planned(place: Middle, *, adds_only: bool = False) -> Plan:
    """The plan of the rules on disk, before they are in force."""
    with place.at():
        rules = active.next_rules(place.store, place.config)
        return plan.make(place.store, rules, defaults_of(place.config), adds_only=adds_only)


def foretold(found: Plan) -> dict[str, int]:
    sums = Counter({name: sum(getattr(group, name) for group in found.groups) for name in CREDITS})
    return dict(+sums)


def agree(place: Middle, found: Plan, *, adds_only: bool = False) -> None:
    with place.at(), place.store.writing() as session:
        apply.ask(session, found.id, found.target, adds_only=adds_only, by="Zed", now=place.clock)


def answers(place: Middle) -> list[str]:
    with place.store.reading() as session:
        return list(session.exec(select(Wish.result).where(Wish.kind == apply.KIND).order_by(col(Wish.id))))


def turn(place: Middle) -> Any:
    """Of mapping alone."""
    with place.at():
        return mapping.run(place.store, place.config)


def happened(before: Snapshot, after: Snapshot) -> dict[str, int]:
    """In the words of the plan."""
    counts: Counter[str] = Counter()
    replaced = set()
    for number, credit in after.credits.items():
        if number in before.credits:
            continue
        old = after.credits.get(credit.supersedes or 0)
        again = old is not None and old.certification == credit.certification
        counts["reported_again" if again else "new_credits"] += 1
        replaced |= {old.id} if again and old else set()
    for number, old in before.credits.items():
        new = after.credits[number]
        if old.wanted == "present" and new.wanted == "absent" and number not in replaced:
            counts["closed" if is_free(old) else "withdrawn"] += 1
        elif old.wanted == "absent" and new.wanted == "present":
            counts["new_credits"] += 1
        elif new.wanted == "present" and _terms(before, old) != _terms(after, new):
            counts["changed_unsent"] += 1
    return dict(+counts)


def _terms(world: Snapshot, credit: Credit) -> tuple[Any, ...]:
    amounts = (credit.amount, credit.board_total) if credit.offered is None else (credit.offered, credit.offered_total)
    return (*amounts, credit.reported_on or world.awards[credit.award_id].completed_on)
