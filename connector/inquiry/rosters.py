"""Whose readiness is asked about: a course's enrolled users, the rows of a list, or everybody in the store.

Says how each is named in statements; knows nothing of what a learner must have.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sqlmodel import Session, col, select

from connector.config import Config, MoodleConfig
from connector.errors import ConfigError
from connector.inquiry import compare
from connector.learners import people
from connector.learners.moodle_users import actor, forms, open_moodle
from connector.learners.sources.sheet import row_keys
from connector.lrs.actors import NotUsableError, actor_key
from connector.moodle.answers import User
from connector.records import ActorKey, Frozen
from connector.sheets import SheetRow, read_sheet
from connector.sheets.rows import CELL, refuse_all
from connector.store.session import Store
from connector.store.tables import LearnerRow

COLUMNS = ("email", "home_page", "account", "username")
AT_ONCE = 1000
"""Learners of one question: a database takes only so many values."""
_ALIASES = {"e_mail": "email", "mail": "email", "email_address": "email", "homepage": "home_page"}


class Entrant(Frozen):
    """One person of a roster: where he stands in it, without his name, and the actors that he is in statements."""

    place: str
    keys: tuple[ActorKey, ...]
    learner: int | None = None  # his number, where the roster is the store's own


def of_store(store: Store) -> list[Entrant]:
    """Everybody of whom a statement has told."""
    keys: dict[int, list[ActorKey]] = {}
    with store.reading() as session:
        numbers = _numbers(session)
        for begin in range(0, len(numbers), AT_ONCE):
            keys |= people.keys_of(session, numbers[begin : begin + AT_ONCE])
    return [Entrant(place="", keys=tuple(keys.get(number, ())), learner=number) for number in numbers]


def _numbers(session: Session) -> list[int]:
    standing = select(LearnerRow.id).where(col(LearnerRow.merged_into).is_(None))
    return list(session.exec(standing.order_by(col(LearnerRow.id))))


def of_course(config: Config, name: str | None, course: int, tell: Callable[[str], None]) -> list[Entrant]:
    """Everybody enrolled, teachers included, as the plugin's settings name them. ConfigError for no such course."""
    found = compare.sources(config, name)
    if len(found) > 1:
        named = ", ".join(source.name for source, _ in found)
        raise ConfigError("config.no_moodle", "several sources have a `moodle`", f"name one with --source: {named}")
    (_, settings), tell_every = found[0], 100
    entrants = []
    with open_moodle(settings) as moodle:
        if not moodle.courses([course]):
            message = f"Moodle knows no course {course}, or does not show it to this token"
            raise ConfigError("config.no_courses", message, "the number stands in the course's address, after id=")
        for user in moodle.enrolled_users(course):
            entrants.append(Entrant(place=f"user {user.id}", keys=_named(settings, user)))
            if len(entrants) % tell_every == 0:
                tell(f"asking Moodle: {len(entrants)} enrolled")
    return entrants


def _named(settings: MoodleConfig, user: User) -> tuple[ActorKey, ...]:
    """As statements will name him; every form where Moodle does not show what that takes."""
    named = actor(settings, user)
    return (actor_key(named),) if named else tuple(sorted(forms(settings, user)))


def of_sheet(path: Path, sheet: str = "") -> list[Entrant]:
    """One a row, by `email`, or `home_page` with `account` or `username`; a learner sheet is a roster too.

    Raises ConfigError with every row that names nobody.
    """
    found = read_sheet(path, required=(), optional=COLUMNS, aliases=_ALIASES, strict=False, sheet=sheet)
    entrants, findings = [], []
    for row in found.rows:
        keys = _keys(row)
        if not keys:
            hint = "fill in email, or home_page with account or username"
            findings.append(row.finding("email", CELL, "this row names nobody", hint))
        entrants.append(Entrant(place=f"row {row.line}", keys=tuple(keys)))
    refuse_all(findings)
    return entrants


def _keys(row: SheetRow) -> list[ActorKey]:
    try:
        return row_keys(row.cells)
    except NotUsableError:  # longer than any identifier
        return []
