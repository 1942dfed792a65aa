"""Writes a case from a stored statement: the learner invented, and what the rules make of it now as expectation."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
from sqlmodel import Session, col, select

from connector import yamlfile
from connector.errors import ConfigError, ConnectorError, MappingError
from connector.findings import did_you_mean
from connector.mapping.cases import run as rule_tests
from connector.mapping.cases.expectations import Verdict, day_of, earned_by
from connector.mapping.cases.files import Case
from connector.mapping.cases.form import CaseFile, FolderTest
from connector.mapping.cases.people import is_agent
from connector.mapping.cases.reading import conditions_of
from connector.mapping.cases.run import chosen
from connector.mapping.cases.scrubbing import scrubbed
from connector.mapping.evaluate import Judged, Outcome, evaluate
from connector.mapping.loader import TESTS, ActiveRule, Defaults, Ruleset, load
from connector.records import Completion, Evidence, Ignored, Problem, Statement
from connector.store.session import Store
from connector.store.tables import StatementRow
from connector.store.views import as_statement
from connector.yamlfile import Document

USUAL = "recorded.test.yaml"
_HEADER = """\
# Tests written by `pars-connector test --record` from statements of the LRS; the learner in each of them is invented.
version: 1
tests:
"""
_WORD = re.compile(r"[A-Za-z]\w*", re.ASCII)


@dataclass(frozen=True)
class Written:
    """The case that was written, and where."""

    where: str
    name: str


def record(store: Store, folder: Path, defaults: Defaults, statement_id: str, rule: str, into: Path | None) -> Written:
    """Raises ConnectorError `mapping.not_recorded`, with nothing written, where a case cannot be had or would not pass.

    A case without `rule` is about what the whole folder makes of the statement.
    """
    path = _target(folder, into)
    ruleset = load(folder, defaults)
    about = _named(ruleset, rule) if rule else None
    with store.reading() as session:
        statement, document = _stored(session, statement_id)
    judged = evaluate(ruleset, statement, document)
    one = _chosen(judged, about)
    readers = sorted(_readers(ruleset, statement, about), key=lambda active: active.rule.name != one.rule)
    if is_agent(document.get("object")) and any(line.asks("object") for by in readers for line in by.rule.when):
        raise _refused("the statement is about a person: its object cannot be invented", "write the test by hand")
    shared = scrubbed(document, readers)
    again = _chosen(evaluate(ruleset, rule_tests.as_statement(shared), shared), about)
    if not _same(one.outcome, again.outcome):
        raise _refused(f"without the learner {_changed(readers, document, shared, one, again)}", "write it by hand")
    return _write(ruleset, path, about, shared, one.outcome)


def _readers(ruleset: Ruleset, statement: Statement, about: ActiveRule | None) -> list[ActiveRule]:
    """The rules that have a say: a rule's rivals, which may take the statement from it, are those of its provider."""
    reached = ruleset.candidates(statement.verb, statement.object_id)
    if about is None:
        return reached
    return [about, *(one for one in reached if one is not about and one.provider == about.provider)]


def _refused(message: str, hint: str = "") -> ConnectorError:
    return ConnectorError("mapping.not_recorded", message, hint)


def _target(folder: Path, into: Path | None) -> Path:
    """A bare name lies in the mapping folder; anywhere else nobody would run the case."""
    path = folder / (into or USUAL) if into is None or into.parent == Path() else into
    if path.parent.resolve() != folder.resolve() or not path.name.endswith(TESTS):
        raise _refused(f"{path} is no *.test.yaml right in {folder}", f"without --into: {folder / USUAL}")
    return path


def _named(ruleset: Ruleset, name: str) -> ActiveRule:
    rules = {active.rule.name: active for active in ruleset.rules}
    if name not in rules:
        raise _refused(f"there is no rule `{name}`", did_you_mean(name, rules))
    return rules[name]


def _stored(session: Session, statement_id: str) -> tuple[Statement, dict[str, Any]]:
    found = select(StatementRow).where(StatementRow.statement_id == statement_id.strip().lower())
    rows = session.exec(found.order_by(col(StatementRow.id))).all()
    row = next((one for one in rows if one.raw is not None), rows[0] if rows else None)
    if row is None:
        raise _refused("no statement with this id is stored", "`pars-connector explain` takes the same ids")
    if row.raw is None:
        raise _refused("retention has removed the text of this statement", "take a younger one")
    if row.voids:
        raise _refused("this statement takes another one back: no rule is asked about it")
    try:
        document = orjson.loads(row.raw)
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        raise _refused("what is stored under this id is no statement that can be read")
    return as_statement(row), document


def _chosen(judged: Sequence[Judged], about: ActiveRule | None) -> Judged:
    one = chosen(judged, about)
    if isinstance(one, str):
        raise _refused(one, "say which one with --rule")
    return one


def _same(before: Outcome, after: Outcome) -> bool:
    """Alike in all that a case can say; a registration is invented, and with it `per`."""
    match before, after:
        case Completion(), Completion():
            return before.model_copy(update={"per": after.per}) == after
        case Problem(), Problem():
            return before.code == after.code
        case _:
            return type(before) is type(after) and (isinstance(before, Ignored) or before == after)


def _changed(readers: Sequence[ActiveRule], before: Any, after: Any, one: Judged, again: Judged) -> str:
    """Which condition answers differently now; else which value of the completion."""
    for active in readers:
        for line in conditions_of(active.rule):
            if not line.parts and line.holds(before) != line.holds(after):
                return f"the rule `{active.rule.name}` judges otherwise: {line}"
    if isinstance(one.outcome, Completion) and isinstance(again.outcome, Completion):
        names = [
            name
            for name in ("completed_on", "zone", "credits", "rems", "activity_id")
            if getattr(one.outcome, name) != getattr(again.outcome, name)
        ]
        return f"the rule `{one.rule}` gives another {', '.join(names)}"
    return f"it gives {Verdict(again.outcome)} in place of {Verdict(one.outcome)}"


def _write(ruleset: Ruleset, path: Path, about: ActiveRule | None, shared: dict[str, Any], outcome: Outcome) -> Written:
    """Adds to the end of the file, so that comments and order stay; only after the case has passed as it will stand."""
    before = yamlfile.read(path) if path.exists() else None
    old = yamlfile.validate(before, CaseFile, MappingError).tests if before else ()
    _refuse_twice(before, old, about, shared)
    name = _name(outcome, about, len(old) + 1)
    rule = [f"rule: {_scalar(about.rule.name)}"] if about else []
    item = [f"name: {_scalar(name)}", *rule, "statement:", *_block(shared), f"expect: {in_yaml(_expected(outcome))}"]
    indent = _indent(before) if before else 2
    lines = [f"{' ' * indent}{'  ' if number else '- '}{line}\n" for number, line in enumerate(item)]
    text = before.text if before else _HEADER
    added = ("" if text.endswith("\n") else "\n") + "".join(lines)
    case = _passing(ruleset, path, text + added, about, len(old))
    try:
        with path.open("a", encoding="utf-8", newline="") as file:
            file.write(added if before else text + added)
    except OSError as error:
        raise _refused(f"{path} cannot be written: {error.strerror}") from None
    return Written(case.where, name)


def _refuse_twice(
    before: Document | None, old: Sequence[FolderTest], about: ActiveRule | None, shared: dict[str, Any]
) -> None:
    rule, written = about.rule.name if about else None, in_yaml(shared)
    for number, one in enumerate(old):
        same = one.rule == rule and isinstance(one.statement, dict) and in_yaml(one.statement) == written
        if before and same:
            line, _ = before.where(("tests", number))
            raise _refused(f"this statement stands there already, as the test `{one.name}` in line {line}")


def _name(outcome: Outcome, about: ActiveRule | None, number: int) -> str:
    by = outcome.rule if isinstance(outcome, Completion | Evidence) else about.rule.name if about else ""
    what = outcome.code if isinstance(outcome, Problem) else type(outcome).__name__.lower()
    return f"recorded {number}: {what}{f' of {by}' if by else ''}"[:100]


def _indent(before: Document) -> int:
    """Where the list's dashes stand; it must be written one item below the other, and be the last key of the file."""
    line, column = before.where(("tests", 0))
    dashes = before.text.splitlines()[line - 1][: column - 1]
    if not re.fullmatch(r" *- +", dashes) or list(before.value)[-1] != "tests":
        hint = "write `tests:` as its last key, each test below a dash; or name another file with --into"
        raise _refused(f"{before.name}: a test cannot be added at the end of this file", hint)
    return dashes.index("-")


def _passing(ruleset: Ruleset, path: Path, text: str, about: ActiveRule | None, number: int) -> Case:
    """The case as it is read again from the text that is about to be written."""
    try:
        document = yamlfile.read_text(str(path), text)
        tests = yamlfile.validate(document, CaseFile, MappingError).tests
    except ConfigError as error:
        raise _refused(f"the test cannot be written as YAML: {error.message}", "write it by hand") from None
    case = Case(document, ("tests", number), about, tests[number])
    result = rule_tests.try_one(ruleset, case).result
    if not result.passed or len(text.encode()) > yamlfile.MAX_BYTES:
        raise _refused(f"the test would not pass: {result.message or 'its file is over 1 MiB'}", "write it by hand")
    return case


def _expected(outcome: Outcome) -> Any:
    match outcome:
        case Completion(needs=needs) if needs:
            return "waiting"
        case Completion():
            credits_ = {"credits": earned_by(outcome)} if earned_by(outcome) else {}
            rems = {"rems": {"type": outcome.rems.type}} if outcome.rems else {}
            return credits_ | {"date": day_of(outcome)} | rems
        case Evidence():
            return "evidence" if outcome.meets else "undoes"
        case Problem():
            return {"problem": outcome.code}
        case Ignored():
            return "ignored"


def _block(statement: dict[str, Any]) -> Iterator[str]:
    """One line for each key of the statement."""
    return (f"  {_scalar(key)}: {in_yaml(value)}" for key, value in statement.items())


def in_yaml(value: Any) -> str:
    """The value on one line, read again as the same value; numbers up to 18 decimals, more is not read."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(key)}: {in_yaml(below)}" for key, below in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(in_yaml, value)) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    """Quoted unless it is one plain word; every sign that an editor may not show is written as an escape."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int | float | Decimal):
        exact = Decimal(str(value))
        written = format(exact, "f")
        return format(round(exact, 18), "f") if len(written.partition(".")[2]) > 18 else written
    if _WORD.fullmatch(value) and value.lower() not in ("true", "false", "null", "yes", "no", "on", "off", "y", "n"):
        return str(value)
    signs = (f"\\{one}" if one in '"\\' else one if one.isprintable() else f"\\U{ord(one):08x}" for one in value)
    return f'"{"".join(signs)}"'
