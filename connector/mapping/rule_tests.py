"""Runs the tests that stand beside the rules. Reads the statements they name, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from connector.mapping.cases import Expected, RuleTest
from connector.mapping.evaluate import Judged, Outcome, evaluate
from connector.mapping.loader import ActiveRule, Defaults, Ruleset, load
from connector.records import Completion, Frozen, Ignored, Problem, Statement

OPEN = "open"
"""What a test expects for `date` where Moodle is asked for it."""


class TestResult(Frozen):
    """One test's result; `message` says what came instead of what was expected."""

    __test__ = False  # not a class of pytest's

    file: str
    rule: str
    name: str
    passed: bool
    message: str = ""


def run_tests(folder: Path, defaults: Defaults | None = None) -> tuple[TestResult, ...]:
    """Every test of every rule, against all rules of the folder."""
    ruleset = load(folder, defaults)
    return tuple(_result(ruleset, active, test, folder) for active in ruleset.rules for test in active.rule.tests)


def _result(ruleset: Ruleset, active: ActiveRule, test: RuleTest, folder: Path) -> TestResult:
    message = "; ".join(_differences(ruleset, active, test, folder))
    return TestResult(file=active.file, rule=active.rule.name, name=test.name, passed=not message, message=message)


def _differences(ruleset: Ruleset, active: ActiveRule, test: RuleTest, folder: Path) -> Iterator[str]:
    try:
        document = _document(test, folder)
    except (OSError, ValueError, RecursionError) as error:
        yield f"the statement cannot be read: {type(error).__name__}"
        return
    judged = {one.rule: one for one in evaluate(ruleset, as_statement(document), document)}
    yield from _compared(test.expect, judged.get(active.rule.name))


def _document(test: RuleTest, folder: Path) -> Any:
    if isinstance(test.statement, dict):
        return test.statement
    return json.loads((folder / test.statement).read_text(encoding="utf-8"))


def as_statement(document: Any) -> Statement:
    """A statement that no LRS has stored yet, from its JSON."""

    def text(*keys: str) -> str:
        value = document
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return value if isinstance(value, str) else ""

    return Statement(
        id=text("id"),
        source="",
        stored=None,
        timestamp=None,
        actor_key=None,
        verb=text("verb", "id"),
        object_id=text("object", "id"),
        registration=text("context", "registration"),
        raw=b"",
    )


def _compared(expected: Expected | str, judged: Judged | None) -> Iterator[str]:
    outcome = judged.outcome if judged else Ignored(rule="", rule_hash="", reason="another verb or object")
    if isinstance(expected, str) or expected.problem:
        wanted = expected if isinstance(expected, str) else str(expected.problem)
        if wanted != _said(outcome):
            yield f"expected {wanted}, got {_in_words(outcome)}"
    elif not isinstance(outcome, Completion):
        yield f"expected a completion, got {_in_words(outcome)}"
    else:
        credits_ = {"cme" if one.kind == "cme" else one.certification: one.amount for one in outcome.credits}
        earned = {name: amount for name, amount in credits_.items() if not name.startswith("REMS/")}
        if expected.credits is not None and expected.credits != earned:
            yield f"expected {_amounts(expected.credits)}, got {_amounts(earned)}"
        day = outcome.completed_on.isoformat() if outcome.completed_on else OPEN
        if expected.date is not None and expected.date != day:
            yield f"expected {expected.date}, got {day}"


def _said(outcome: Outcome) -> str:
    return outcome.code if isinstance(outcome, Problem) else type(outcome).__name__.lower()


def _in_words(outcome: Outcome) -> str:
    match outcome:
        case Ignored():
            return f"ignored ({outcome.reason})"
        case Problem():
            return f"{outcome.code} ({outcome.message})"
        case _:
            return "a completion" if isinstance(outcome, Completion) else "evidence"


def _amounts(credits_: dict[str, Decimal]) -> str:
    return ", ".join(f"{name} {amount}" for name, amount in sorted(credits_.items())) or "no credits"
