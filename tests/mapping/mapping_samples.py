"""Small makers for the tests of mapping: a rule as text, a statement as JSON."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from connector.findings import Finding
from connector.mapping.cases.run import as_statement
from connector.mapping.evaluate import Judged, Outcome, evaluate
from connector.mapping.loader import Defaults, Ruleset, from_texts, lint
from connector.records import Completion, Problem

COMPLETED = "http://adlnet.gov/expapi/verbs/completed"
COURSE = "https://w3id.org/xapi/cmi5/activitytype/course"
OBJECT = "https://lms.example.org/course/view.php?id=42"

WHEN = """
    - {path: verb.id, is: completed}
    - {path: object.definition.type, is: course}
"""
CREDITS = """
    - {type: cme, amount: 1.25}
"""


def rule(name: str = "r", when: str = WHEN, credits_: str = CREDITS, more: str = "") -> str:
    """One rule, to stand below `rules:`; `more` are further keys, one a line."""
    lines = [f"- name: {name}", f"  when: {when.rstrip()}", '  activity: "203512345"']
    if "completed_on" not in more:
        lines.append("  completed_on: {zone: America/Chicago}")
    if credits_:
        lines.append(f"  credits: {credits_.rstrip()}")
    return "\n".join([*lines, *(f"  {line}" for line in more.splitlines())]) + "\n"


def text(*rules: str) -> str:
    return "version: 1\nrules:\n" + "".join(rules)


def rules(*texts: str, defaults: Defaults | None = None) -> Ruleset:
    return from_texts({"a.yaml": text(*texts)}, defaults)


def refused(file: str, defaults: Defaults | None = None) -> tuple[Finding, ...]:
    found = _errors(file, defaults)
    assert found, "the file was accepted"
    return found


def is_accepted(one: str) -> bool:
    return not _errors(text(one), None)


def _errors(file: str, defaults: Defaults | None) -> tuple[Finding, ...]:
    """Of a file as a person writes it: what is read from the store has passed lint."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "a.yaml").write_text(file, encoding="utf-8")
        return tuple(one for one in lint(Path(folder), defaults) if one.level == "error")


def statement(**changes: Any) -> dict[str, Any]:
    """A completed course; `None` takes a key away."""
    whole: dict[str, Any] = {
        "id": "3a1f27d2-58a1-4a8e-9d3f-0c6b6a6f1a01",
        "actor": {"name": "Nora Lindqvist", "mbox": "mailto:nora@clinic.example"},
        "verb": {"id": COMPLETED},
        "object": {"id": OBJECT, "definition": {"type": COURSE}},
        "timestamp": "2026-03-10T15:04:05.000Z",
    }
    return {key: value for key, value in (whole | changes).items() if value is not None}


def judge(ruleset: Ruleset, document: Any) -> tuple[Judged, ...]:
    return evaluate(ruleset, as_statement(document), document)


def outcome(ruleset: Ruleset, document: Any) -> Outcome:
    (judged,) = judge(ruleset, document)
    return judged.outcome


def completion(ruleset: Ruleset, document: Any) -> Completion:
    done = outcome(ruleset, document)
    assert isinstance(done, Completion), done
    return done


def problem(ruleset: Ruleset, document: Any) -> Problem:
    stopped = outcome(ruleset, document)
    assert isinstance(stopped, Problem), stopped
    return stopped
