"""What speaks against taking a row of a corrected sheet, though each of its cells can be read. Writes nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from sqlmodel import Session, col, select

from connector.pars.identity import Person, signs
from connector.pars.names import family, plain
from connector.sheets.writing import shown
from connector.store import wishes
from connector.store.fixes import ACTOR_NAME, IDS
from connector.store.people import lives_as
from connector.store.signs import of_signs
from connector.store.tables import Wish


class Asked:
    """What is wished for already and not carried out yet: a process that was killed asks again, and so does whoever
    lays two sheets into the folder."""

    def __init__(self, session: Session) -> None:
        self._values = defaultdict[tuple[int, str], list[str]](list)
        waiting = select(Wish.args).where(Wish.kind == wishes.FIX, col(Wish.done_at).is_(None))
        for args in session.exec(waiting.order_by(col(Wish.id))):
            self.add(args.get("learner", 0), args.get("fields", {}))

    def add(self, learner: int, fields: Mapping[str, str]) -> None:
        for name, value in fields.items():
            self._values[learner, name].append(value)

    def beyond(self, learner: int, fields: Mapping[str, str]) -> dict[str, str]:
        """The fields without those that are asked for in the same words."""
        return {name: value for name, value in fields.items() if not self._is_asked(learner, name, value)}

    def otherwise(self, learner: int, fields: Mapping[str, str]) -> list[str]:
        """The fields for which something else is asked. He may have several names in statements."""
        new = self.beyond(learner, fields)
        return [name for name in new if name != ACTOR_NAME and self._values.get((learner, name))]

    def _is_asked(self, learner: int, name: str, value: str) -> bool:
        values = self._values.get((learner, name), [])
        return value in (values if name == ACTOR_NAME else values[-1:])


def seen(cell: str, names: Iterable[str], known: Collection[str]) -> list[str] | None:
    """Of the names that are in question those that stand in the row's own cell: whoever wrote `yes` saw no other.

    None where something else stands there, or nothing while a name is in question. `known` are already his.

    >>> seen("Zanna Bell", ["Zanna Bell", "Bo Stranger"], [])
    ['Zanna Bell']
    >>> seen("Zanna Bell", [], ["Zanna Bell"]), seen("Bo", ["Zanna Bell"], []), seen("", ["Zanna Bell"], [])
    ([], None, None)
    """
    stands, names = _lines(cell), list(names)
    found = [name for name in names if _lines(name) <= stands]
    explained = set[str]().union(*map(_lines, (*found, *known)))
    return found if stands <= explained and (stands or not names) else None


def _lines(text: str) -> set[str]:
    """As cells come back from Excel, and from CSV."""
    return {" ".join(line.split()) for line in shown(text).splitlines()} - {""}


def held_elsewhere(session: Session, learner: int, fields: Mapping[str, str]) -> dict[str, int]:
    """By field: the other learner who has this number today; whoever was merged into this one is no other."""
    found = dict[str, int]()
    for name, value in fields.items():
        if name.startswith(IDS):
            mine = signs(Person(ids={name.removeprefix(IDS): value}))
            others = {owner.id for one in of_signs(session, mine) if (owner := lives_as(session, one))} - {learner}
            found |= {name: min(others)} if others else {}
    return found


def is_another(today: Mapping[str, str], fields: Mapping[str, str]) -> bool:
    """Both names are others, and so is a birth day or number that was known: not a correction, but another row's."""
    names = ("given_name", "family_name")
    before = {plain(today[name]) for name in names} | {family(today[name]) for name in names}
    new = [name for name in names if name in fields and today[name] and plain(fields[name]) not in before]
    known = (name for name in fields if name not in (*names, "profession", "consent") and today.get(name))
    return len(new) == len(names) and any(known)
