"""How the rules judged a statement, condition by condition; and of one that no rule takes, which came nearest.

Pure: reads no store. Shows what is public of a statement, and of the rest what a condition asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any

from connector.inquiry.listing import counted
from connector.inquiry.lrs_report import span
from connector.inquiry.story import Line
from connector.mapping.evaluate import RuleTrace
from connector.mapping.evaluate import explain as trace
from connector.mapping.language.conditions import Seen
from connector.mapping.language.rules import Rule
from connector.mapping.loader import Ruleset
from connector.records import Completion, Evidence, Ignored, Problem, Statement

_MOST_RULES = 5
_MOST_COMPARED = 200
_VERDICTS = {Completion: "a completion", Evidence: "evidence", Ignored: "ignored", Problem: "a problem"}


def by_rules(rules: Ruleset, statement: Statement, document: Any, depth: int, *, strict: bool = True) -> Iterator[Line]:
    """Every rule that names this verb and object, with all that its conditions saw; else the nearest one."""
    traces = trace(rules, statement, document, strict=strict)
    named = {active.rule.name for active in rules.candidates(statement.verb, statement.object_id)}
    judged = sorted((one for one in traces if one.rule in named), key=_nearness, reverse=True)
    if not judged and traces:
        yield Line(depth=depth, text="no rule names this verb and object; the nearest one:")
        judged = [nearest(traces)]
    told = {active.rule.name: active.rule for active in rules.rules}
    for one in judged[:_MOST_RULES]:
        yield from _told(one, depth)
        yield from _others(told[one.rule], document, depth + 1, strict=strict)
    if (more := len(judged) - _MOST_RULES) > 0:
        yield Line(depth=depth, text=f"and {counted(more, 'rule', 'rules')} more that came less near")


def outcome(rule: str, found: Completion | Evidence | Ignored | Problem, depth: int) -> Iterator[Line]:
    """What comes out where something does: activity, date and credits of a completion."""
    if not isinstance(found, Completion):
        return
    day = found.completed_on.isoformat() if found.completed_on else "Moodle is asked"
    text = f"completes activity {found.activity_id} by rule {rule}, date {day} in {found.zone}"
    yield Line(depth=depth, text=text)
    for offer in found.credits:
        yield Line(
            depth=depth + 1, text=f"{offer.amount} x {offer.certification}" if offer.amount else offer.certification
        )
    for need in found.needs:
        text = f"and needs another statement of the same learner within {span(need.within)} of it"
        yield Line(depth=depth + 1, text=text)


def stopped(rules: Ruleset, statement: Statement, document: Any) -> str:
    """In one sentence, the rule that came nearest and the condition that stopped it."""
    traces = trace(rules, statement, document)
    if not traces:
        return "there is no rule"
    one = nearest(traces)
    failed = _first_failed(one.conditions)
    why = f"{failed.condition}{_saw(failed)}" if failed else getattr(one.outcome, "reason", "")
    return f"the nearest rule is {one.rule}, stopped by: {why}"


def nearest(traces: Sequence[RuleTrace]) -> RuleTrace:
    """Whose conditions hold most; among equals, whose first failed one is most like what it saw."""
    best = max(map(_nearness, traces))
    equals = [one for one in traces if _nearness(one) == best]
    return max(equals[:_MOST_COMPARED], key=_likeness)


def _nearness(one: RuleTrace) -> tuple[bool, float]:
    """What a rule took comes before all it ignored."""
    held = sum(seen.holds for seen in one.conditions)
    return not isinstance(one.outcome, Ignored), held / len(one.conditions)


def _likeness(one: RuleTrace) -> float:
    failed = _first_failed(one.conditions)
    return SequenceMatcher(None, failed.condition, failed.value).ratio() if failed else 1.0


def _first_failed(conditions: Sequence[Seen]) -> Seen | None:
    """Of `all` the line below it that failed."""
    failed = next((seen for seen in conditions if not seen.holds), None)
    if failed and failed.condition.startswith("all of"):
        return _first_failed(failed.parts) or failed
    return failed


def _told(one: RuleTrace, depth: int) -> Iterator[Line]:
    yield Line(depth=depth, text=f"rule {one.rule}: {_VERDICTS[type(one.outcome)]}")
    for seen in one.conditions:
        yield from _condition(seen, depth + 1)
    if isinstance(one.outcome, Ignored) and all(seen.holds for seen in one.conditions):
        yield Line(depth=depth + 1, text=f"NO  {one.outcome.reason}")
    if isinstance(one.outcome, Problem):
        yield Line(depth=depth + 1, text=f"{one.outcome.message} ({one.outcome.code}; {one.outcome.who} acts)")


def _others(rule: Rule, document: Any, depth: int, *, strict: bool) -> Iterator[Line]:
    """The conditions of what meets or undoes a completion: is this statement such a one?"""
    groups = [(f"also requires within {span(one.within)}:", one.when) for one in rule.also_requires]
    for title, when in [*groups, ("undone by:", rule.undone_by)]:
        if when:
            yield Line(depth=depth, text=title)
        for condition in when:
            yield from _condition(condition.look(document, strict=strict), depth + 1)


def _condition(seen: Seen, depth: int) -> Iterator[Line]:
    yield Line(depth=depth, text=f"{'yes' if seen.holds else 'NO '} {seen.condition}{_saw(seen)}")
    for part in seen.parts:
        yield from _condition(part, depth + 1)


def _saw(seen: Seen) -> str:
    return f" (saw {seen.value})" if seen.value else ""
