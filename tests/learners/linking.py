"""What a person asks for at the command line, carried out with the next turn."""

from __future__ import annotations

from typing import Any

from sqlmodel import col, select

from connector.store import wishes
from connector.store.tables import Award, LearnerKey, LearnerRow, Run, Wish
from tests.learners.middle import Middle

BY = "maria"


def asked(place: Middle, kind: str, **args: Any) -> str:
    """Wish for it, take a turn; what came of it."""
    with place.at():
        with place.session() as session:
            number = wishes.wish(session, kind, args, by=BY, now=place.clock).id
        place.run()
        with place.session() as session:
            wish = session.get_one(Wish, number)
            assert not wish.args.get("actor"), "a mailbox stands with the learner, and is not kept here too"
            return wish.result


def link(place: Middle, actor: str, learner: int) -> str:
    return asked(place, wishes.LINK, actor=actor, learner=learner)


def unlink(place: Middle, actor: str) -> str:
    return asked(place, wishes.UNLINK, actor=actor)


def fix(place: Middle, learner: int, **fields: str) -> str:
    return asked(place, wishes.FIX, learner=learner, fields={name.replace("__", "."): fields[name] for name in fields})


def learner_of(place: Middle, actor: str) -> int:
    with place.session() as session:
        return session.get_one(LearnerKey, actor).learner_id


def row(place: Middle, learner: int) -> LearnerRow:
    with place.session() as session:
        return session.get_one(LearnerRow, learner)


def origin(place: Middle, actor: str) -> str:
    with place.session() as session:
        return session.get_one(LearnerKey, actor).origin


def codes(place: Middle) -> list[tuple[str, list[str]]]:
    """State and the gates' problems of every credit, the oldest first."""
    with place.credits() as rows:
        return [(one.state, [problem["code"] for problem in one.problems]) for one in rows]


def seen(place: Middle) -> list[tuple[str, str, str]]:
    with place.credits() as rows:
        return [(one.state, one.reason, one.identifier_value) for one in rows]


def owners(place: Middle) -> list[int]:
    with place.session() as session:
        return list(session.exec(select(Award.learner_id).order_by(col(Award.id))))


def stumbles(place: Middle) -> list[str]:
    with place.session() as session:
        return [one.error for one in session.exec(select(Run)) if one.error]
