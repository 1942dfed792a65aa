"""Runs the cases of a mapping folder against all of its rules. Reads the statements they name, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from connector.lrs import moments
from connector.mapping.cases.expectations import Verdict, differences
from connector.mapping.cases.files import Case, UnreadableError, cases_of, documents_of
from connector.mapping.evaluate import Judged, evaluate
from connector.mapping.loader import ActiveRule, Defaults, Ruleset, load
from connector.records import Completion, Evidence, Frozen, Ignored, Need, Problem, Statement
from connector.yamlfile import Document


class TestResult(Frozen):
    """One test's result; `message` says what came instead of what was expected. Without `rule`: of the whole folder."""

    __test__ = False  # not a class of pytest's

    file: str
    line: int
    column: int
    rule: str
    name: str
    passed: bool
    message: str = ""

    @property
    def where(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True)
class Tried:
    """A case that was run, with the statements it was run on, and the name of the rule that it passed by completing."""

    statements: tuple[Any, ...]
    result: TestResult
    completes: str = ""


def run_tests(folder: Path, defaults: Defaults | None = None) -> tuple[TestResult, ...]:
    """Every case, against all rules of the folder."""
    ruleset = load(folder, defaults)
    return tuple(one.result for one in try_all(ruleset, folder, documents_of(ruleset, folder)))


def try_all(ruleset: Ruleset, folder: Path, documents: dict[str, Document]) -> list[Tried]:
    """Raises MappingError where a file of cases cannot be read."""
    return [try_one(ruleset, case) for case in cases_of(ruleset, folder, documents)]


def try_one(ruleset: Ruleset, case: Case) -> Tried:
    try:
        statements = case.statements()
    except UnreadableError as error:
        said = f"the statement cannot be read: {error}{'; ' if error.hint else ''}{error.hint}"
        return Tried((), _result(case, said))
    verdict = judge(ruleset, case.about, statements)
    found = [verdict] if isinstance(verdict, str) else list(differences(case.test.expect, verdict))
    result = _result(case, "; ".join(found))
    return Tried(tuple(statements), result, _completed(verdict) if result.passed else "")


def _completed(verdict: Verdict | str) -> str:
    if isinstance(verdict, Verdict) and isinstance(verdict.outcome, Completion) and not verdict.missing:
        return verdict.outcome.rule
    return ""


def _result(case: Case, message: str) -> TestResult:
    line, column = case.document.where(case.loc)
    return TestResult(
        file=case.document.name,
        line=line,
        column=column,
        rule=case.about.rule.name if case.about else "",
        name=case.test.name,
        passed=not message,
        message=message,
    )


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


def judge(ruleset: Ruleset, about: ActiveRule | None, statements: Sequence[Any]) -> Verdict | str:
    """What the rule, or the whole folder, makes of the first statement while the others are there too.

    A sentence where several rules of the folder take it.
    """
    first, *others = statements
    one = chosen(evaluate(ruleset, as_statement(first), first), about)
    if isinstance(one, str):
        return f"{one}; say which one with `rule`"
    if isinstance(one.outcome, Completion) and one.outcome.needs:
        return Verdict(one.outcome, tuple(_missing(ruleset, one.outcome, first, others)))
    return Verdict(one.outcome)


def chosen(judged: Sequence[Judged], about: ActiveRule | None) -> Judged | str:
    """The rule's outcome, or the one that counts for the folder: a completion or a problem before evidence.

    A sentence where several rules of the folder take the statement.
    """
    if about:
        own = (one for one in judged if one.rule == about.rule.name)
        return next(own, _unasked("another verb or object"))
    taking = [one for one in judged if isinstance(one.outcome, Completion | Problem)]
    codes = {one.outcome.code if isinstance(one.outcome, Problem) else one.rule for one in taking}
    if len(codes) > 1:
        listed = ", ".join(f"`{one.rule}` ({Verdict(one.outcome)})" for one in taking)
        return f"several rules take it: {listed}"
    evidence = [one for one in judged if isinstance(one.outcome, Evidence)]
    return (*taking, *evidence, _unasked("no rule takes it"))[0]


def _unasked(reason: str) -> Judged:
    return Judged(rule="", rule_hash="", outcome=Ignored(rule="", rule_hash="", reason=reason))


def _missing(ruleset: Ruleset, done: Completion, first: Any, others: Sequence[Any]) -> list[str]:
    """What no other statement meets within its time, before or after the completion."""
    at = _moment(first)
    met = [(_met(ruleset, other), _moment(other)) for other in others]
    rule = next(active.rule for active in ruleset.rules if active.rule.name == done.rule)
    names = {one.key: f"also_requires[{place}]" for place, one in enumerate(rule.also_requires)}
    said = ((need, _unmet(need, at, [moment for keys, moment in met if need.key in keys])) for need in done.needs)
    return [f"{names[need.key]} {why}" for need, why in said if why]


def _met(ruleset: Ruleset, document: Any) -> set[str]:
    judged = evaluate(ruleset, as_statement(document), document)
    return {key for one in judged if isinstance(one.outcome, Evidence) for key in one.outcome.meets}


def _unmet(need: Need, at: datetime | None, moments_: Sequence[datetime | None]) -> str:
    if not moments_:
        return "is met by no statement of this test"
    apart = [abs(moment - at) for moment in moments_ if moment and at]
    if not apart:
        return "has no time that can be compared"
    return "" if min(apart) <= need.within else f"is met {_in_words(min(apart))} away from it"


def _in_words(span: timedelta) -> str:
    hours = span.seconds // 3600
    return f"{span.days} days" + (f" {hours} hours" if hours else "")


def _moment(document: Any) -> datetime | None:
    for name in ("timestamp", "stored"):
        try:
            return moments.parse(document[name])
        except (KeyError, TypeError, ValueError):
            continue
    return None
