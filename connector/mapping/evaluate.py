"""What the rules make of one statement, as a function of values alone. Knows no store, learner or other statement."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date
from typing import Any

from connector.mapping.civil_date import civil_date
from connector.mapping.earned import UnusableError, offers, rems_answers, rems_offer, unusable
from connector.mapping.language.conditions import Condition, Seen
from connector.mapping.language.offers import Credit
from connector.mapping.language.paths import shown
from connector.mapping.language.rules import Catalogue, Rule
from connector.mapping.loader import ActiveRule, Ruleset
from connector.records import Completion, Evidence, Frozen, Ignored, Need, Problem, Statement

_LONGEST_REASON = 500
_LONGEST_PER = 200  # it is part of an index, and PostgreSQL's take no more than 2,704 bytes


Outcome = Completion | Evidence | Ignored | Problem


class Judged(Frozen):
    """The outcome of one rule for one statement."""

    rule: str
    rule_hash: str
    outcome: Outcome


class RuleTrace(Frozen):
    """How a rule came to its outcome: every condition with what it saw, the first that failed being the reason."""

    rule: str
    rule_hash: str
    conditions: tuple[Seen, ...]
    outcome: Outcome


@dataclass(frozen=True)
class Offered:
    """What a rule offers for one statement: its own words, or those of its catalogue's row."""

    activity: str
    credits: tuple[Credit, ...]
    hash: str


def evaluate(ruleset: Ruleset, statement: Statement, document: Any) -> tuple[Judged, ...]:
    """One outcome for each rule whose verb and object fit, and for each that it is evidence for.

    `document` is the statement's JSON as it was read. Of the rules of one provider that match, the one with the highest
    priority counts; equals stop each other.
    """
    reached = ruleset.reached(statement.verb, statement.object_id)
    matching = {active: _offered(active, document) for active, own in reached.items() if own and _all(active, document)}
    taking = [active for active, offered in matching.items() if offered]
    judged = []
    for active, own in reached.items():
        offered = matching.get(active)
        outcome: Outcome | None = _matched(ruleset, active, offered, taking, statement, document) if offered else None
        if outcome is None or isinstance(outcome, Ignored):
            outcome = _evidence(active, statement, document) or outcome or (_ignored(active, document) if own else None)
        if outcome:
            judged.append(Judged(rule=active.rule.name, rule_hash=_hash(active, outcome), outcome=outcome))
    return tuple(judged)


def explain(ruleset: Ruleset, statement: Statement, document: Any, *, strict: bool = True) -> tuple[RuleTrace, ...]:
    """The same for every rule, also those whose verb or object does not fit, with all that their conditions saw.

    `strict` leaves out what may be about a person.
    """
    outcomes = {one.rule: one.outcome for one in evaluate(ruleset, statement, document)}
    return tuple(_trace(active, outcomes.get(active.rule.name), document, strict=strict) for active in ruleset.rules)


def _trace(active: ActiveRule, outcome: Outcome | None, document: Any, *, strict: bool) -> RuleTrace:
    outcome = outcome or _ignored(active, document)
    return RuleTrace(
        rule=active.rule.name,
        rule_hash=_hash(active, outcome),
        conditions=tuple(condition.look(document, strict=strict) for condition in active.rule.when),
        outcome=outcome,
    )


def _hash(active: ActiveRule, outcome: Outcome) -> str:
    return active.own_hash if isinstance(outcome, Problem) else outcome.rule_hash


def _all(active: ActiveRule, document: Any) -> bool:
    return _first_failed(active, document) is None


def _offered(active: ActiveRule, document: Any) -> Offered | None:
    """None where the catalogue has no row for this statement, or an unfinished one."""
    rule = active.rule
    if rule.catalogue is None:
        return Offered(rule.activity, rule.credits, active.own_hash)
    entry = active.rows.get(_key(rule.catalogue, document))
    return Offered(entry.activity, entry.credits, entry.hash) if entry and entry.activity else None


def _key(catalogue: Catalogue, document: Any) -> str:
    """A text or a whole number; nothing else is a key, so that no row has it."""
    found = catalogue.key.of(document)
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""


def _evidence(active: ActiveRule, statement: Statement, document: Any) -> Evidence | None:
    """Not a completion: does it meet what the rule also requires, or undo a completion?"""
    rule = active.rule
    meets = dict.fromkeys(one.key for one in rule.also_requires if _holds(one.when, document))
    undoes = rule.undone_by and _holds(rule.undone_by, document) and active.may_complete(statement.object_id)
    if not (meets or undoes):
        return None
    return Evidence(
        rule=rule.name,
        rule_hash=active.own_hash,
        provider=active.provider,
        meets=tuple(meets),
        undoes=rule.undone_key if undoes else "",
    )


def _holds(when: tuple[Condition, ...], document: Any) -> bool:
    return all(condition.holds(document) for condition in when)


def _first_failed(active: ActiveRule, document: Any) -> Condition | None:
    return next((condition for condition in active.rule.when if not condition.holds(document)), None)


def _ignored(active: ActiveRule, document: Any) -> Ignored:
    failed = _first_failed(active, document)
    if failed:
        return _ignored_because(active, _reason(failed, document))
    if active.rule.catalogue and not _offered(active, document):
        return _ignored_because(active, _no_row(active, active.rule.catalogue, document))
    return _ignored_because(active, "another verb or object")


def _no_row(active: ActiveRule, catalogue: Catalogue, document: Any) -> str:
    if _key(catalogue, document) in active.rows:
        return f"its row of {catalogue.from_} names no activity yet"
    seen = shown(catalogue.key.of(document), catalogue.key, strict=True)
    return f"{catalogue.from_} has no row for `{catalogue.key.text}` (seen: {seen})"


def _ignored_because(active: ActiveRule, reason: str) -> Ignored:
    return Ignored(rule=active.rule.name, rule_hash=active.own_hash, reason=reason[:_LONGEST_REASON])


def _reason(failed: Condition, document: Any) -> str:
    """The condition that failed in words; of `all` the first line that failed, of `any` every line."""
    if failed.all_:
        return _reason(next(part for part in failed.all_ if not part.holds(document)), document)
    if failed.any_:
        return "none of these: " + ", or ".join(_reason(part, document) for part in failed.any_)
    seen = failed.look(document, strict=True)
    return f"not met: {seen.condition} (seen: {seen.value})"


def _matched(
    ruleset: Ruleset,
    active: ActiveRule,
    offered: Offered,
    matching: list[ActiveRule],
    statement: Statement,
    document: Any,
) -> Completion | Ignored | Problem:
    rivals = [one for one in matching if one is not active and one.provider == active.provider]
    first = max(rivals, key=lambda one: one.rule.priority, default=None)
    if first and first.rule.priority > active.rule.priority:
        return _ignored_because(active, f"the rule `{first.rule.name}` matches too and has a higher priority")
    if first and first.rule.priority == active.rule.priority:
        hint = "give one of them the higher `priority`"
        return unusable("mapping.conflict", "", f"the rule `{first.rule.name}` matches too", hint).problem
    try:
        return _completion(ruleset, active, offered, statement, document)
    except UnusableError as error:
        return error.problem


def _completion(
    ruleset: Ruleset, active: ActiveRule, offered: Offered, statement: Statement, document: Any
) -> Completion | Ignored:
    rule = active.rule
    zone = ruleset.zone_of(active, statement.source)
    if not zone:
        hint = "write `zone` in the rule's `completed_on`, or in the source or the provider of config.yaml"
        raise unusable("mapping.no_zone", "completed_on", "no time zone is named for the date", hint)
    completed_on = None if rule.completed_on.is_open else _completed_on(rule, zone, document)
    earned = [offer for credit in offered.credits for offer in offers(credit, document)]
    if not earned and not rule.rems:
        return _ignored_because(active, "the statement claims 0 credits")
    return Completion(
        rule=rule.name,
        rule_hash=offered.hash,
        provider=active.provider,
        activity_id=offered.activity,
        completed_on=completed_on,
        zone=zone,
        per=_per(rule, completed_on, statement),
        per_date=completed_on is None and rule.per == "date",
        credits=(*earned, *rems_offer(rule.rems)),
        rems=rems_answers(rule.rems, document) if rule.rems else None,
        needs=tuple(
            Need(key=one.key, within=one.within) for one in rule.also_requires if not _holds(one.when, document)
        ),
        undone_by=rule.undone_key,
    )


def _completed_on(rule: Rule, zone: str, document: Any) -> date:
    found = civil_date(rule.completed_on.path.of(document), zone, rule.completed_on.path.text)
    if isinstance(found, Problem):
        raise UnusableError(found)
    return found


def _per(rule: Rule, completed_on: date | None, statement: Statement) -> str:
    """What tells this award from another of the same learner and activity; the date only once it is known."""
    if rule.per in ("activity", "date"):
        return completed_on.isoformat() if rule.per == "date" and completed_on else ""
    session = ("object.id", statement.object_id)
    field, value = session if rule.per == "session" else ("context.registration", statement.registration)
    if not value:
        hint = "use another `per`, or have the system send this value"
        raise unusable("mapping.no_per", field, f"the statement has nothing here for `per: {rule.per}`", hint)
    return value if len(value) <= _LONGEST_PER else f"sha256:{hashlib.sha256(value.encode()).hexdigest()}"
