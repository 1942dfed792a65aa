"""Would the rules take these statements? Asked before a sheet is written down; writes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import orjson

from connector.collection.sign_in_sheet import SignedIn
from connector.config import SHEET, Config
from connector.findings import Finding
from connector.lrs.statement import read
from connector.mapping.evaluate import Judged, Outcome, evaluate
from connector.mapping.versions.active import next_rules
from connector.records import Completion, Frozen, Ignored
from connector.sheets.days import day
from connector.store.session import Store

NOT_TAKEN = "mapping.not_taken"
OTHER_DAY = "mapping.other_day"


class Claim(Frozen):
    """What one rule makes of how many rows of one day."""

    rule: str
    activity: str
    completed_on: str
    rows: int


def judge(store: Store, config: Config, signed: Sequence[SignedIn]) -> tuple[list[Claim], list[Finding]]:
    """What the rows would earn, and a finding for each row that no rule takes, or that one puts on another day."""
    rules = next_rules(store, config)
    taken, findings = Counter[tuple[str, str, str]](), list[Finding]()
    for one in signed:
        judged = evaluate(rules, read(one.raw, SHEET).statement, orjson.loads(one.raw))
        completions = [each.outcome for each in judged if isinstance(each.outcome, Completion)]
        for each in completions:
            taken[each.rule, each.activity_id, str(each.completed_on or "asked of Moodle")] += 1
        if not completions:
            findings.append(one.row.finding("activity_url", NOT_TAKEN, *_why(judged)))
        findings += [one.row.finding("completed_on", OTHER_DAY, *said) for said in _other_days(one, completions)]
    claims = [Claim(rule=key[0], activity=key[1], completed_on=key[2], rows=count) for key, count in taken.items()]
    return sorted(claims, key=lambda one: (one.completed_on, one.activity, one.rule)), findings


def _other_days(one: SignedIn, completions: Sequence[Completion]) -> Iterator[tuple[str, str]]:
    """Message and hint for each rule whose date is not the sheet's: noon there may be another day where it counts."""
    for each in completions:
        if each.completed_on not in (None, day(one.row["completed_on"])):
            hint = f"leave its `zone` ({each.zone}) out for live days, or read completed_on from the timestamp"
            yield f"the rule {each.rule} makes {each.completed_on} of this day", hint


def _why(judged: Sequence[Judged]) -> tuple[str, str]:
    """The message and the hint."""
    reasons = [f"{one.rule}: {_reason(one.outcome)}" for one in judged]
    if not reasons:
        hint = "add the verb to the rule, or give another with --verb; compare the object's id letter by letter"
        return "no rule names this verb and object", hint
    return "no rule takes this row", "; ".join(reasons)


def _reason(outcome: Outcome) -> str:
    return outcome.reason if isinstance(outcome, Ignored) else getattr(outcome, "message", "")
