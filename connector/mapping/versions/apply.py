"""Carries out a plan that a person has agreed to: the outcomes of statements read before become those of the rules in
force. In short transactions, each with how far it has come: killed anywhere, it goes on there. Knows no award.

What the rows have left behind (`left_award`) the learners room sees, and follows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from sqlalchemy import insert, update
from sqlmodel import Session, col, func, select

from connector.config import Config
from connector.logs import log
from connector.mapping import rule_files
from connector.mapping.loader import Defaults, Ruleset
from connector.mapping.outcomes import Columns
from connector.mapping.rule_files import defaults_of
from connector.mapping.versions import plan
from connector.mapping.versions.active import active_row, is_settling
from connector.mapping.versions.differences import CHUNK, GONE, Changed, Difference, Kind, Seen, additions, look
from connector.records import Counts
from connector.store import wishes
from connector.store.session import Store
from connector.store.tables import Credit, EvidenceRow, MappingVersion, StatementRow, Wish

KIND = wishes.PLAN
APPLIED, MOVED = "plan.applied", "plan.moved"
_GONE: Columns = {"outcome": "ignored", "reason": GONE, "completion": None, "problem": None, "next_at": None}


def ask(session: Session, plan_id: str, target: str, *, adds_only: bool, by: str, now: datetime) -> Wish:
    """Wish for it; the mapping's next turn carries it out."""
    args = {"id": plan_id, "target": target, "adds_only": adds_only, "begun": False, "after": 0, "counts": {}}
    return wishes.wish(session, KIND, args, by=by, now=now)


def carry_out(store: Store, config: Config, rules: Ruleset, counts: Counts) -> None:
    """Every plan that was wished for, each from where it stands; what is begun with the rules that it was begun with,
    whatever came into force since."""
    while not store.stopping.is_set():
        with store.reading() as session:
            wished = next(iter(wishes.asked(session, KIND)), None)
        if wished is None or not (wished.args["begun"] or _begin(store, config, wished, rules)):
            return
        with store.reading() as session:
            changed = _target(session, wished, defaults_of(config))
        while not store.stopping.is_set() and _batch(store, wished.id, changed, counts):
            pass


def _target(session: Session, wished: Wish, defaults: Defaults) -> Changed:
    row = session.exec(select(MappingVersion).where(MappingVersion.hash == wished.args["target"])).one()
    return Changed.to(session, rule_files.stored(row.hash, row.files, defaults), defaults)


def _begin(store: Store, config: Config, wished: Wish, rules: Ruleset) -> bool:
    """Is it still the plan that the person saw? Asked once: carrying it out is what changes it from here on.

    False where there is nothing to carry out with this turn.
    """
    if wished.args["target"] != rules.hash and _may_yet_be(store, config, wished):
        return False
    adds_only = wished.args["adds_only"]
    found, concerned = plan.made(store, rules, defaults_of(config), adds_only=adds_only)
    if store.stopping.is_set():
        return False  # not all was looked at: the next start asks again
    with store.writing() as session:
        row = _mine(session, wished.id)
        if row is None or row.args["begun"]:  # another daemon has it
            return row is not None
        agreed = (found.target, found.id) == (row.args["target"], row.args["id"])
        if not agreed or plan.signs(_locked(session, concerned)) != concerned:
            _refuse(session, row)
            return False
        upto = session.exec(select(func.max(StatementRow.id))).one() or 0
        row.args = {**row.args, "begun": True, "upto": upto}
        session.add(row)
    return True


def _may_yet_be(store: Store, config: Config, wished: Wish) -> bool:
    """Rules that another daemon has put into force since this turn began, or that are being written."""
    with store.reading() as session:
        row = active_row(session)
    return (row is not None and row.hash == wished.args["target"]) or is_settling(store, config)


def _locked(session: Session, numbers: Collection[int]) -> list[Credit]:
    listed = sorted(numbers)
    chunks = (listed[start : start + CHUNK] for start in range(0, len(listed), CHUNK))
    rows = (select(Credit).where(col(Credit.id).in_(chunk)).order_by(col(Credit.id)) for chunk in chunks)
    return [credit for chunk in rows for credit in session.exec(chunk.with_for_update())]


def _refuse(session: Session, row: Wish) -> None:
    wishes.answer(session, row, MOVED, now=datetime.now(UTC))
    hint = "look at `pars-connector plan` again: the rules, a statement or a credit has changed since"
    log.warning("mapping.plan_refused", version=row.args["target"][:12], hint=hint)


def _mine(session: Session, wish_id: int) -> Wish | None:
    """The wish under a lock, unless it is done, or another daemon is at it right now."""
    return next((row for row in wishes.asked(session, KIND) if row.id == wish_id), None)


def _batch(store: Store, wish_id: int, changed: Changed, counts: Counts) -> bool:
    """One chunk in one transaction, with how far that is; False when nothing is left of this wish for us."""
    with store.writing() as session:
        row = _mine(session, wish_id)
        if row is None:
            return False
        seen = look(session, changed, row.args["after"], upto=row.args["upto"], lock=True)
        if seen is None:
            plan.count_again(store)
            wishes.answer(session, row, APPLIED, now=datetime.now(UTC))
            log.info("mapping.plan_applied", version=changed.rules.hash[:12], counts=row.args["counts"])
            return False
        written = _write(session, seen, changed.version_id, adds_only=row.args["adds_only"])
        so_far = Counter(row.args["counts"]) + written
        row.args = {**row.args, "after": seen.last, "counts": dict(so_far)}
        session.add(row)
    counts.update({f"planned_{what}": count for what, count in written.items()})
    return True


def _write(session: Session, seen: Seen, version_id: int | None, *, adds_only: bool) -> Counter[str]:
    written = additions(seen.differences) if adds_only else seen.differences
    kept = set(written)
    left_out = [one for one in seen.differences if one not in kept]
    counts = Counter(str(one.kind) for one in written if one.kind is not Kind.QUIET)  # before their rows are others
    fresh = [one.columns for one in written if one.row is None and one.columns is not None]
    if fresh:
        session.execute(insert(EvidenceRow), fresh)
    for one in written:
        if one.row is not None:
            _rewrite(session, one, one.row)
    session.flush()
    waiting = {one.statement.id for one in left_out}
    _mark(session, [one for one in seen.done if one not in waiting], version_id)
    return counts


def _rewrite(session: Session, one: Difference, row: EvidenceRow) -> None:
    """In place, so that the award it was evidence of can be told what has left it; and what rests on it, that it is
    something else."""
    left, spoke = row.award_id or row.left_award, row.outcome == "evidence"
    if one.columns is None and left is None and not spoke:
        session.delete(row)
        return
    if one.is_same_thing and one.columns is not None:
        _stamp(row, one.columns)
    else:
        for name, value in (one.columns or _GONE).items():
            setattr(row, name, value)
        row.award_id, row.left_award = None, left
        if spoke and row.outcome != "completion":
            row.next_at = datetime.now(UTC)
    session.add(row)


def _stamp(row: EvidenceRow, columns: Columns) -> None:
    """Under another hash, or for another reason; what the learners room knows of it stays."""
    row.rule_hash, row.completion = columns["rule_hash"], columns["completion"]
    if row.completion is None:
        row.reason, row.problem = columns["reason"], columns["problem"]


def _mark(session: Session, ids: Sequence[int], version_id: int | None) -> None:
    if ids:
        mapped = update(StatementRow).where(col(StatementRow.id).in_(ids)).values(mapped_with=version_id)
        session.execute(mapped, execution_options={"synchronize_session": False})
