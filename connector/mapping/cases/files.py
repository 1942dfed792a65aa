"""Finds every test case with its place, beside the rules and in *.test.yaml; reads their statements. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from connector import yamlfile
from connector.errors import ConfigError, MappingError
from connector.findings import Finding, did_you_mean
from connector.mapping.cases.form import CaseFile, FolderTest, RuleTest
from connector.mapping.loader import RULES, TESTS, ActiveRule, Ruleset
from connector.yamlfile import Document, Loc

MOST_BYTES = 1024 * 1024
COPY_TOO = "copy that file too, or write the statement here; `test --record` makes a test from a real statement"


class UnreadableError(Exception):
    """A case names a file that holds no statement; the text says why, by file and line, and quotes nothing."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True)
class Case:
    """A test and where it stands; `about` is its rule, or None where it is about the whole folder."""

    document: Document
    loc: Loc
    about: ActiveRule | None
    test: RuleTest

    @property
    def where(self) -> str:
        line, column = self.document.where(self.loc)
        return f"{self.document.name}:{line}:{column}"

    def statements(self) -> list[Any]:
        """The JSON of its statements; raises UnreadableError."""
        folder = Path(self.document.name).parent
        return [_as_json(one) if isinstance(one, dict) else _statement(folder, one) for one in self.test.sources]


def documents_of(ruleset: Ruleset, folder: Path) -> dict[str, Document]:
    """The mapping files that these rules were read from, with the places of their keys, by the name rules know."""
    texts = {str(folder / name): text for name, text in ruleset.files.items() if name.endswith(RULES)}
    return {name: yamlfile.read_text(name, text) for name, text in texts.items()}


def places(ruleset: Ruleset) -> Iterator[tuple[ActiveRule, int]]:
    """Each rule with its place in the `rules` of its file."""
    counted: dict[str, int] = {}
    for active in ruleset.rules:
        counted[active.file] = counted.get(active.file, -1) + 1
        yield active, counted[active.file]


def cases_of(ruleset: Ruleset, folder: Path, documents: dict[str, Document]) -> list[Case]:
    """Those beside the rules, then those of the files; MappingError with all findings of these files."""
    beside = [
        Case(documents[active.file], ("rules", place, "tests", number), active, test)
        for active, place in places(ruleset)
        for number, test in enumerate(active.rule.tests)
    ]
    apart, findings = _apart(ruleset, folder)
    if findings:
        raise yamlfile.refusal(findings, MappingError)
    return beside + apart


def _apart(ruleset: Ruleset, folder: Path) -> tuple[list[Case], list[Finding]]:
    known = {active.rule.name: active for active in ruleset.rules}
    cases: list[Case] = []
    findings: list[Finding] = []
    for path in sorted(one for one in folder.glob("*") if one.name.endswith(TESTS)):
        try:
            document = yamlfile.read(path)
            tests = yamlfile.validate(document, CaseFile, MappingError).tests
        except ConfigError as error:
            findings.extend(error.findings)
            continue
        for number, test in enumerate(tests):
            loc: Loc = ("tests", number)
            findings.extend(_unknown_rule(document, loc, test, known))
            cases.append(Case(document, loc, known.get(test.rule or ""), test))
    return cases, findings


def _unknown_rule(document: Document, loc: Loc, test: FolderTest, known: dict[str, ActiveRule]) -> Iterator[Finding]:
    if test.rule is not None and test.rule not in known:
        hint = did_you_mean(test.rule, known) or "without `rule` the test is about the whole folder"
        where = document.where((*loc, "rule"))
        yield document.finding("mapping.unknown_rule", where, f"there is no rule `{test.rule}`", hint)


def _as_json(value: Any) -> Any:
    """YAML's exact numbers as JSON's: the functions of a path know no others."""
    if isinstance(value, dict):
        return {key: _as_json(below) for key, below in value.items()}
    if isinstance(value, list):
        return [_as_json(below) for below in value]
    return float(value) if isinstance(value, Decimal) else value


def _statement(folder: Path, name: str) -> Any:
    try:
        with (folder / name).open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        why = getattr(error, "strerror", None) or "no such file"
        raise UnreadableError(f"{name}: {why}", COPY_TOO if isinstance(error, FileNotFoundError) else "") from None
    if len(content) > MOST_BYTES:
        raise UnreadableError(f"{name}: over 1 MiB")
    return _only_one(name, _json(name, content))


def _json(name: str, content: bytes) -> Any:
    try:
        return orjson.loads(content.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise UnreadableError(f"{name}:{error.lineno}:{error.colno}: this is not JSON in UTF-8") from None


def _only_one(name: str, found: Any) -> Any:
    """The one statement of a list, or of an LRS's answer."""
    if isinstance(found, dict) and isinstance(found.get("statements"), list):
        found = found["statements"]
    if isinstance(found, list):
        if len(found) != 1:
            raise UnreadableError(f"{name}: holds {len(found)} statements, and a test takes one")
        found = found[0]
    if not isinstance(found, dict):
        raise UnreadableError(f"{name}: holds no statement")
    return found
