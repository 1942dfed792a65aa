"""What the rules make of one statement, as a function of values alone. Knows no store, learner or other statement."""

from __future__ import annotations

import hashlib
from datetime import date
from decimal import Decimal
from typing import Any

from connector.mapping.civil_date import civil_date
from connector.mapping.conditions import Condition, Seen
from connector.mapping.functions import FUNCTIONS, number
from connector.mapping.loader import ActiveRule, Ruleset
from connector.mapping.paths import Nothing
from connector.mapping.rules import Amount, CmeCredit, Computed, Credit, Flag, Read, Rems, Rule
from connector.pars import vocabulary
from connector.records import Actor, Completion, CreditOffer, Frozen, Ignored, Problem, RemsAnswers, Statement

_LONGEST_ANSWER = 100
_LONGEST_REASON = 500
_LONGEST_PER = 200  # it is part of an index, and PostgreSQL's take no more than 2,704 bytes


class Judged(Frozen):
    """The outcome of one rule for one statement."""

    rule: str
    rule_hash: str
    outcome: Completion | Ignored | Problem


class RuleTrace(Frozen):
    """How a rule came to its outcome: every condition with what it saw, the first that failed being the reason."""

    rule: str
    rule_hash: str
    conditions: tuple[Seen, ...]
    outcome: Completion | Ignored | Problem


class _Unusable(Exception):
    """A value of the statement that no credit can be made of."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem


def evaluate(ruleset: Ruleset, statement: Statement, document: Any) -> tuple[Judged, ...]:
    """One outcome for each rule whose verb and object fit; `document` is the statement's JSON as it was read.

    Of the rules of one provider that match, the one with the highest priority counts; equals stop each other.
    """
    candidates = ruleset.candidates(statement.verb, statement.object_id)
    matching = [active for active in candidates if _first_failed(active, document) is None]
    return tuple(
        Judged(
            rule=active.rule.name,
            rule_hash=active.hash,
            outcome=_matched(ruleset, active, matching, statement, document)
            if active in matching
            else _ignored(active, document),
        )
        for active in candidates
    )


def explain(ruleset: Ruleset, statement: Statement, document: Any) -> tuple[RuleTrace, ...]:
    """The same for every rule, also those whose verb or object does not fit, with all that their conditions saw."""
    outcomes = {one.rule: one.outcome for one in evaluate(ruleset, statement, document)}
    return tuple(
        RuleTrace(
            rule=active.rule.name,
            rule_hash=active.hash,
            conditions=tuple(condition.look(document) for condition in active.rule.when),
            outcome=outcomes.get(active.rule.name) or _ignored(active, document),
        )
        for active in ruleset.rules
    )


def _first_failed(active: ActiveRule, document: Any) -> Condition | None:
    return next((condition for condition in active.rule.when if not condition.holds(document)), None)


def _ignored(active: ActiveRule, document: Any) -> Ignored:
    failed = _first_failed(active, document)
    return _ignored_because(active, _reason(failed, document) if failed else "another verb or object")


def _ignored_because(active: ActiveRule, reason: str) -> Ignored:
    return Ignored(rule=active.rule.name, rule_hash=active.hash, reason=reason[:_LONGEST_REASON])


def _reason(failed: Condition, document: Any) -> str:
    """The condition that failed in words; of `all` the first line that failed, of `any` every line."""
    if failed.all_:
        return _reason(next(part for part in failed.all_ if not part.holds(document)), document)
    if failed.any_:
        return "none of these: " + ", or ".join(_reason(part, document) for part in failed.any_)
    seen = failed.look(document, strict=True)
    return f"not met: {seen.condition} (seen: {seen.value})"


def _matched(
    ruleset: Ruleset, active: ActiveRule, matching: list[ActiveRule], statement: Statement, document: Any
) -> Completion | Ignored | Problem:
    rivals = [one for one in matching if one is not active and one.provider == active.provider]
    first = max(rivals, key=lambda one: one.rule.priority, default=None)
    if first and first.rule.priority > active.rule.priority:
        return _ignored_because(active, f"the rule `{first.rule.name}` matches too and has a higher priority")
    if first and first.rule.priority == active.rule.priority:
        hint = "give one of them the higher `priority`"
        return _problem("mapping.conflict", "", f"the rule `{first.rule.name}` matches too", hint)
    try:
        return _completion(ruleset, active, statement, document)
    except _Unusable as unusable:
        return unusable.problem


def _problem(code: str, field: str, message: str, hint: str = "") -> Problem:
    return Problem(code=code, field=field, message=message, hint=hint, who=Actor.ADMINISTRATOR)


def _completion(ruleset: Ruleset, active: ActiveRule, statement: Statement, document: Any) -> Completion | Ignored:
    rule = active.rule
    zone = ruleset.zone_of(active, statement.source)
    if not zone:
        hint = "write `zone` in the rule's `completed_on`, or in the source or the provider of config.yaml"
        raise _Unusable(_problem("mapping.no_zone", "completed_on", "no time zone is named for the date", hint))
    completed_on = None if rule.completed_on.is_open else _completed_on(rule, zone, document)
    offers = [offer for credit in rule.credits for offer in _offers(credit, document)]
    if not offers and not rule.rems:
        return _ignored_because(active, "the statement claims 0 credits")
    return Completion(
        rule=rule.name,
        rule_hash=active.hash,
        provider=active.provider,
        activity_id=rule.activity,
        completed_on=completed_on,
        zone=zone,
        per=_per(rule, completed_on, statement),
        per_date=completed_on is None and rule.per == "date",
        credits=(*offers, *_rems_offer(rule.rems)),
        rems=_rems_answers(rule.rems, document) if rule.rems else None,
    )


def _completed_on(rule: Rule, zone: str, document: Any) -> date:
    found = civil_date(rule.completed_on.path.of(document), zone, rule.completed_on.path.text)
    if isinstance(found, Problem):
        raise _Unusable(found)
    return found


def _per(rule: Rule, completed_on: date | None, statement: Statement) -> str:
    """What tells this award from another of the same learner and activity; the date only once it is known."""
    if rule.per in ("activity", "date"):
        return completed_on.isoformat() if rule.per == "date" and completed_on else ""
    session = ("object.id", statement.object_id)
    field, value = session if rule.per == "session" else ("context.registration", statement.registration)
    if not value:
        hint = "use another `per`, or have the system send this value"
        raise _Unusable(
            _problem("mapping.no_per", field, f"the statement has nothing here for `per: {rule.per}`", hint)
        )
    return value if len(value) <= _LONGEST_PER else f"sha256:{hashlib.sha256(value.encode()).hexdigest()}"


def _offers(credit: Credit, document: Any) -> list[CreditOffer]:
    """What the credit earns; an amount of 0 earns nothing."""
    total = _amount(credit.amount, document)
    if isinstance(credit, CmeCredit):
        name = vocabulary.CME_CERTIFICATION
        return [CreditOffer(kind="cme", certification=name, amount=total)] if total else []
    amounts = [(credit_type, _amount(part, document)) for credit_type, part in credit.parts]
    if any(amount > total for _, amount in amounts):
        raise _Unusable(_problem("mapping.bad_amount", "of_which", f"a part is more than {credit.board}'s {total}"))
    return [
        CreditOffer(
            kind="moc",
            certification=credit.certification(credit_type),
            board=credit.board,
            credit_type=credit_type,
            amount=amount,
            board_total=total,
        )
        for credit_type, amount in amounts
        if amount
    ]


def _amount(amount: Amount, document: Any) -> Decimal:
    if not isinstance(amount, Computed):
        return amount
    field, found = amount.path.text, amount.path.of(document)
    if found is None or isinstance(found, Nothing):
        raise _Unusable(_problem("mapping.no_amount", field, "the statement has no amount here"))
    try:
        credits_ = FUNCTIONS[amount.function](found) if amount.function else _quarters(found)
    except ValueError as error:
        raise _Unusable(_problem("mapping.bad_amount", field, f"{error}")) from None
    return min(credits_, amount.most)


def _quarters(found: Any) -> Decimal:
    exact = number(found)
    if exact is None or exact < 0 or exact % Decimal("0.25"):
        raise ValueError("not a number in steps of 0.25: name a function that rounds, such as quarter_hours")
    return exact


def _rems_offer(rems: Rems | None) -> tuple[CreditOffer, ...]:
    return (CreditOffer(kind="rems", certification=f"REMS/{rems.type}", amount=Decimal(0)),) if rems else ()


def _rems_answers(rems: Rems, document: Any) -> RemsAnswers:
    """The rule's own answers and those of the statement; what is missing is left for the learner directory."""
    area = _text(rems.practice_area, document)
    return RemsAnswers(
        type=rems.type,
        profession=_text(rems.profession, document),
        practice_area=vocabulary.REMS_PRACTICE_AREA_ALIASES.get(area, area),
        state=_text(rems.state, document),
        dea_registration=_text(rems.dea_registration, document),
        surgical_procedures=_flag(rems.surgical_procedures, document),
        time_in_practice=_text(rems.time_in_practice, document),
    )


def _answer(answer: Any, document: Any) -> Any:
    found = answer.path.of(document) if isinstance(answer, Read) else answer
    return None if isinstance(found, Nothing) else found


def _text(answer: Read | str | None, document: Any) -> str:
    found = _answer(answer, document)
    if found is None:
        return ""
    if isinstance(found, str) and len(found) <= _LONGEST_ANSWER and found.isprintable():
        return found
    raise _unusable_answer(answer, "a short text")


def _flag(answer: Flag | None, document: Any) -> bool | None:
    found = _answer(answer, document)
    if found is None or isinstance(found, bool):
        return found
    raise _unusable_answer(answer, "true or false")


def _unusable_answer(answer: Any, expected: str) -> _Unusable:
    field = answer.path.text if isinstance(answer, Read) else "rems"
    return _Unusable(_problem("mapping.bad_answer", field, f"this REMS answer is not {expected}"))
