"""The plan in words for a person, and as rows for a program. Reads the mapping's plan; writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sqlmodel import col, select

from connector.config import Config
from connector.inquiry.listing import counted
from connector.mapping import rule_files
from connector.mapping.rule_files import defaults_of
from connector.mapping.versions import active, plan
from connector.mapping.versions.plan import Group, Plan
from connector.store.leases import is_running
from connector.store.session import Store
from connector.store.tables import Wish

COLUMNS = ("rule", "activity", "completions", "credits")
_COMPLETIONS = {
    "added": "{} new",
    "joins": "{} of them without effect: the award is there",
    "changed": "{} other than before",
    "ended": "{} that count no more",
    "no_effect": "{} without effect on any credit",
    "open_dates": "{} whose date Moodle is asked for first",
    "open_dates_sent": "{} of them of records that went out",
    "wait_for_evidence": "{} that wait for other statements first",
}
_CREDITS = {
    "new_credits": "{} new",
    "changed_unsent": "{} changed before they leave",
    "reported_again": "{} withdrawn and reported again",
    "closed": "{} closed before they leave",
    "withdrawn": "{} withdrawn from PARS",
}


def proposed(store: Store, config: Config, tell: Callable[[int, int], None], *, adds_only: bool = False) -> Plan:
    """The plan for the rules in force; without a daemon, for those that the next turn would put into force. With
    `adds_only`, what of it would be done, under the same id."""
    defaults = defaults_of(config)
    with store.reading() as session:
        row = active.active_row(session)
    if row is not None and is_running(store):
        rules = rule_files.stored(row.hash, row.files, defaults)
    else:
        rules = active.next_rules(store, config)
    return plan.make(store, rules, defaults, tell, adds_only=adds_only)


def is_under_way(store: Store) -> bool:
    """Has somebody agreed to a plan that is not carried out yet?"""
    with store.reading() as session:
        rows = select(Wish.id).where(Wish.kind == "plan", col(Wish.done_at).is_(None))
        return session.exec(rows.limit(1)).first() is not None


def other_files(store: Store, config: Config) -> str:
    """A sentence where the files on disk, good or bad, are not the rules in force."""
    with store.reading() as session:
        verdict = active.judge(session, store, config).verdict
    if verdict is active.Verdict.IN_FORCE:
        return ""
    refused = "the files on disk have errors: `pars-connector lint`"
    fault = refused if verdict is active.Verdict.REFUSED else "the files on disk are not the rules in force"
    return f"{fault}; this is the plan of those in force"


def rows(found: Plan) -> Iterator[tuple[str, str, str, str]]:
    """A row for each group."""
    for group in found.groups:
        where = f"{group.was_activity} -> {group.activity}" if group.was_activity else group.activity
        yield group.rule, where, _said(group, _COMPLETIONS), _said(group, _CREDITS)


def _said(group: Group, words: dict[str, str]) -> str:
    told = [text.format(getattr(group, name)) for name, text in words.items() if getattr(group, name)]
    return "\n".join(told) or "-"


def examples(found: Plan) -> Iterator[str]:
    """Up to ten statements of each group; no personal value."""
    for group in found.groups:
        yield f"{group.rule}, activity {group.activity}:"
        for one in group.examples:
            words = [(_COMPLETIONS | _CREDITS)[name].replace("{} ", "") for name in one.does.split(", ")]
            before = f"{one.was} -> " if one.was else ""
            yield f"  {one.statement}: {before}{one.becomes or 'nothing'}: {', '.join(words)}"


def summary(found: Plan) -> Iterator[str]:
    """What was looked at, and the id."""
    yield f"{counted(found.statements, 'statement', 'statements')} mapped by other rules, {found.unchanged} unchanged"
    if found.kept:
        yield f"{found.kept} kept as they are: retention has taken their bytes"
    if found.stumbled:
        yield f"{found.stumbled} kept as they are: the mapping stumbled over them"
    if found.waits["evidence"]:
        said = counted(found.waits["evidence"], "statement", "statements")
        yield f"{said} that other completions may rest on: evidence that changes or is gone"
    for activity in found.moved:
        yield f"records went out under another activity and move to {activity}: each is withdrawn and reported again"
    if not found.is_empty:
        yield f"plan {found.id}: pars-connector plan --apply {found.id}"


def as_json(found: Plan) -> Iterator[dict[str, Any]]:
    """A line for each group, then one for the whole."""
    for group in found.groups:
        yield {"group": group.model_dump()}
    whole = found.model_dump(exclude={"groups", "id"})
    yield {"plan": found.id, **whole, "moved": found.moved}
